"""PROFILE: what is known about entities is kept, shown, and makes the articles that name them by other names theirs."""

import json
import signal
import sqlite3
from collections import Counter
from itertools import combinations

import pytest

from harness import filled, read_articles, wait_until
from test_resp import RespClient

SPACEX = {
    "kind": "organization",
    "name": "SpaceX",
    "about": "Builds rockets.",
    "aliases": ["Space Exploration Technologies", "SX"],
    "url": "https://spacex.example/",
    "image": "https://spacex.example/logo.png",
}
NAMED = [
    {"id": "own", "title": "Rocket lands on a barge", "organizations": ["SPACEX"]},
    {"id": "alias", "title": "Satellites ordered", "organizations": ["Space Exploration Technologies"]},
    {"id": "both", "title": "Court hears engineers", "organizations": ["SX", "SpaceX", "Court of Appeal"]},
    {"id": "other", "title": "Museum buys capsule", "organizations": ["Court of Appeal"], "people": ["SX"]},
]


def profile_of(client, name, kind="organization"):
    return client.ok("GET", profile={"kind": kind, "name": name})["profile"]


def about(client, name, **parameters):
    return client.ok("CONNECTED", id=name, sections=["about"], **parameters)["about"]


def overlap(client, source, target):
    for hit in client.ok("RELATED", id=source, limit=1000, fields=["id"])["related"]:
        if hit["id"] == target:
            return hit["entity_overlap"]
    return 0


def wait_for_overlap(client, source, target, value):
    wait_until(lambda: overlap(client, source, target) == value, 20, f"{source} and {target} to overlap by {value}")


def strengths(client, names, part="strength"):
    """Of all pairs that have any, strengths or the overlaps that make them."""
    return {
        (name, hit["id"]): hit[part]
        for name in names
        for hit in client.ok("RELATED", id=name, limit=1000, fields=["id"])["related"]
        if hit[part] > 0
    }


# ---- storing and showing ----


def test_stored_replaced_removed(client):
    reply = client.ok("PROFILE", SPACEX)
    assert reply == {"ok": True, "kind": "organization", "name": "SpaceX", "created": True}
    for name in ("spacex", "SPACE exploration technologies", "sx"):
        assert profile_of(client, name) == SPACEX
    assert client.ok("STATS")["store"]["profiles"] == 1
    assert client.ok("PROFILE", kind="organizations", name="SPACEX", about="Other text.", aliases=["S X"])["created"] is False
    assert profile_of(client, "s x") == {"kind": "organization", "name": "SPACEX", "about": "Other text.", "aliases": ["S X"]}
    client.fail("not_found", "GET", profile={"kind": "organization", "name": "SX"})
    client.fail("not_found", "GET", profile={"kind": "product", "name": "SPACEX"})
    assert client.ok("PROFILE", kind="organization", name="spacex", remove=True)["removed"] is True
    client.fail("not_found", "GET", profile={"kind": "organization", "name": "SpaceX"})
    client.fail("not_found", "PROFILE", kind="organization", name="SpaceX", remove=True)
    assert client.ok("STATS")["store"]["profiles"] == 0


def test_connected_shows_the_profiles_of_the_source_at_once(client):
    client.put_all(NAMED)
    assert about(client, "alias") == []
    client.ok("PROFILE", SPACEX)
    client.ok("PROFILE", kind="person", name="Sam Xu", aliases=["SX"])
    assert about(client, "alias") == [SPACEX] == about(client, "own")
    assert about(client, "both") == [SPACEX]  # once
    assert [profile["name"] for profile in about(client, "other")] == ["Sam Xu"]
    draft = client.ok("CONNECTED", article={"title": "-", "organizations": ["sx"], "tags": ["SpaceX"]}, sections=["about"])
    assert draft["about"] == [SPACEX]
    assert client.ok("CONNECTED", "own")["about"] == [SPACEX]
    client.ok("PROFILE", {**SPACEX, "about": "New."})
    assert about(client, "own")[0]["about"] == "New."
    client.ok("PROFILE", kind="organization", name="SpaceX", remove=True)
    assert about(client, "own") == []


def test_a_group_of_profiles_on_one_connection(client):
    client.send(*[client.line("PROFILE", kind="place", name=f"Town {i}", about="A town.") for i in range(500)])
    assert all(reply["created"] for reply in client.receive_all(500))
    assert client.ok("STATS")["store"]["profiles"] == 500
    assert profile_of(client, "town 499", "place")["name"] == "Town 499"


def test_resp(daemon):
    with RespClient(daemon.address) as client:
        assert json.loads(client.call("PROFILE", json.dumps(SPACEX)))["created"] is True
        found = client.call("GET", json.dumps({"profile": {"kind": "organization", "name": "SX"}}))
        assert json.loads(found)["profile"] == SPACEX
        assert client.call("PROFILE", '{"kind":"organization","name":"SX","about":"x"}').startswith("-CONFLICT ")


def test_roles(start):
    daemon = start("--listen", "tcp:127.0.0.1:0;role=query", "--listen", "tcp:127.0.0.1:0;role=write")
    query, write = daemon.bound("tcp:")
    with daemon.client(query) as client:
        assert "PROFILE" in client.fail("forbidden", "PROFILE", SPACEX)
    with daemon.client(write) as client:
        client.ok("PROFILE", SPACEX)
    with daemon.client(query) as client:
        assert profile_of(client, "SX") == SPACEX


# ---- what is refused ----

WRONG = [
    (None, ["is missing"]),
    ("SpaceX", ["a JSON object"]),
    ({"kind": "organization", "about": "x"}, ['"name" is missing']),
    ({"name": "A", "about": "x"}, ['"kind" is missing']),
    ({"kind": "tag", "name": "A", "about": "x"}, ['"kind"', "person|organization|product|place"]),
    ({"kind": "person", "name": " ", "about": "x"}, ['"name"', "not blank"]),
    ({"kind": "person", "name": "\u0301", "aliases": ["x"]}, ['"name"', "not blank"]),
    ({"kind": "person", "name": "\u00ad", "about": "x"}, ['"name"', "not blank"]),
    ({"kind": "person", "name": "\u200b", "remove": True}, ['"name"', "not blank"]),
    ({"kind": "person", "name": 7, "about": "x"}, ['"name"', "string"]),
    ({"kind": "person", "name": "n" * 201, "about": "x"}, ['"name"', "200"]),
    ({"kind": "person", "name": "A"}, ['"about" or "aliases"']),
    ({"kind": "person", "name": "A", "aliases": ["a"] * 51}, ['"aliases"', "50"]),
    ({"kind": "person", "name": "A", "aliases": ["B", "a" * 201]}, ['"aliases"', "number 2"]),
    ({"kind": "person", "name": "A", "aliases": ["B", ""]}, ['"aliases"', "blank"]),
    ({"kind": "person", "name": "A", "aliases": "B"}, ['"aliases"', "a list"]),
    ({"kind": "person", "name": "A", "aliases": [5]}, ['"aliases"', "strings"]),
    ({"kind": "person", "name": "A", "about": "x" * 20001}, ['"about"', "20000"]),
    ({"kind": "person", "name": "A", "about": "  "}, ['"about"', "blank"]),
    ({"kind": "person", "name": "A", "about": "x\0y"}, ["\\u0000 is not allowed"]),
    ({"kind": "person", "name": "A", "about": "x", "url": "u" * 2001}, ['"url"', "2000"]),
    ({"kind": "person", "name": "A", "about": "x", "image": 7}, ['"image"', "a string"]),
    ({"kind": "person", "name": "A", "abuot": "x"}, ['did you mean "about"']),
    ({"kind": "person", "name": "A", "about": "x", "remove": True}, ['"remove"', '"about"']),
    ({"kind": "person", "name": "A", "remove": 1}, ['"remove"', "true or false"]),
]


@pytest.mark.parametrize("argument, words", WRONG, ids=range(len(WRONG)))
def test_wrong_profiles(reader, argument, words):
    message = reader.fail("bad_request", "PROFILE", argument)
    for word in words:
        assert word in message
    assert reader.ok("STATS")["store"]["profiles"] == 0


def test_wrong_questions_for_profiles(reader):
    assert "kind" in reader.fail("bad_request", "GET", profile={"name": "A"})
    for name in (" ", "\u0301", "\u00ad"):
        assert "blank" in reader.fail("bad_request", "GET", profile={"kind": "person", "name": name})
    assert "profile" in reader.fail("bad_request", "GET", id="a", profile={"kind": "person", "name": "A"})
    assert "fields" in reader.fail("bad_request", "GET", fields=["id"], profile={"kind": "person", "name": "A"})
    assert "object" in reader.fail("bad_request", "GET", profile="A")


def test_a_name_belongs_to_one_profile_of_a_kind(client):
    client.ok("PROFILE", SPACEX)
    for clash in (
        {"name": "SX", "about": "x"},
        {"name": "Other", "aliases": ["sx"]},
        {"name": "Other", "aliases": ["Free", "SPACEX"]},
    ):
        message = client.fail("conflict", "PROFILE", kind="organization", **clash)
        assert '"SpaceX"' in message and ("sx" in message or "spacex" in message)
    assert '"SpaceX"' in client.fail("conflict", "PROFILE", kind="organization", name="SX", remove=True)
    client.fail("not_found", "GET", profile={"kind": "organization", "name": "Free"})
    client.ok("PROFILE", kind="product", name="SX", about="Another kind.")
    client.ok("PROFILE", kind="organization", name="SpaceX", about="Without aliases.")
    client.ok("PROFILE", kind="organization", name="Other", aliases=["sx"])
    assert profile_of(client, "SX")["name"] == "Other"


# ---- one entity under several names ----


def test_aliases_count_as_one_entity(client):
    client.put_all(NAMED)
    assert overlap(client, "own", "alias") == 0
    client.ok("PROFILE", SPACEX)
    wait_for_overlap(client, "own", "alias", 1)
    assert overlap(client, "alias", "own") == 1
    assert overlap(client, "own", "both") == overlap(client, "both", "alias") > 0
    assert overlap(client, "own", "other") == 0  # a person is no organization
    hit = client.ok("RELATED", id="alias", limit=1)["related"][0]
    assert hit["shared"]["organizations"] == ["SpaceX"]
    assert hit["organizations"] == ["SPACEX"]  # the card is as written
    everyone = {"own", "alias", "both"}
    for name in ("SpaceX", "sx", "Space Exploration Technologies"):
        assert set(client.ids(f'org:"{name}"')) == everyone
        assert set(client.ids(filter={"organizations": name})) == everyone
        assert set(client.ids("title:court OR title:rocket", filter={"organizations": name})) == {"own", "both"}
        assert client.ids(f'museum -org:"{name}"') == ["other"]
        assert client.ids(filter={"organizations": {"all": [name, "Court of Appeal"]}}) == ["both"]
        assert client.ids(filter={"organizations": {"none": [name]}}) == ["other"]
        related = client.ok("RELATED", id="other", filter={"organizations": name})["related"]
        assert [hit["id"] for hit in related] == ["both"]
    assert client.ids("person:sx") == ["other"]
    names = client.ok("CONNECTED", id="own", min_strength=0.01)["organizations"]
    assert {"name": "SpaceX", "articles": 2} in names
    # articles that come later
    client.put({"id": "late", "title": "Late news", "organizations": ["sx"]}, wait="visible")
    assert overlap(client, "late", "alias") == 1
    draft = client.ok("RELATED", article={"title": "-", "organizations": ["SX"]})["related"]
    assert {hit["id"] for hit in draft if hit["entity_overlap"] == 1} == {"own", "alias", "late"}


def test_names_without_a_profile_are_on_their_own_again(client):
    client.put_all(NAMED)
    before = strengths(client, ["own", "alias", "both", "other"])
    client.ok("PROFILE", SPACEX)
    wait_for_overlap(client, "own", "alias", 1)
    client.ok("PROFILE", {**SPACEX, "aliases": ["SX"]})
    wait_for_overlap(client, "own", "alias", 0)
    assert set(client.ids('org:"SX"')) == {"own", "both"}
    assert client.ids('org:"space exploration technologies"') == ["alias"]
    client.ok("PROFILE", kind="organization", name="SpaceX", remove=True)
    wait_until(lambda: client.ids("org:sx") == ["both"], 20, "the alias to go")
    after = strengths(client, ["own", "alias", "both", "other"])
    assert after.keys() == before.keys()
    shown = client.ok("RELATED", article={"title": "-", "organizations": ["SX"]})["related"][0]
    assert shown["id"] == "both" and shown["shared"]["organizations"] == ["SX"]


def test_a_profile_can_go_over_to_another_name(client):
    client.put_all(NAMED)
    client.ok("PROFILE", SPACEX)
    wait_for_overlap(client, "own", "alias", 1)
    client.ok("PROFILE", kind="organization", name="SpaceX", remove=True)
    client.ok("PROFILE", kind="organization", name="Space Exploration Technologies", aliases=["SX"])
    wait_for_overlap(client, "own", "alias", 0)
    assert overlap(client, "both", "alias") > 0
    hits = client.ok("RELATED", id="alias")["related"]
    assert hits[0]["shared"]["organizations"] == ["Space Exploration Technologies"]


def apart(articles, kind):
    """The two most frequent names of a kind that no article has both of."""
    count = Counter(name for article in articles for name in article.get(kind, []))
    together = {pair for article in articles for pair in combinations(sorted(article.get(kind, [])), 2)}
    frequent = [name for name, _ in count.most_common(20)]
    return next(pair for pair in combinations(frequent, 2) if tuple(sorted(pair)) not in together)


@pytest.mark.parametrize("options", [[], ["--index.hot_articles=20", "--index.merge_factor=3"]], ids=["hot", "segments"])
def test_strengths_are_those_of_articles_that_say_the_same_name(start, reader, options):
    articles = read_articles()
    names = [article["id"] for article in articles]
    pairs = {
        "person": ("people", apart(articles, "people")),
        "organization": ("organizations", apart(articles, "organizations")),
    }

    renamed = [dict(article) for article in articles]
    for key, (own, alias) in pairs.values():
        for article in renamed:
            article[key] = [own if name == alias else name for name in article.get(key, [])]
    profiles = [{"kind": kind, "name": own, "aliases": [alias]} for kind, (_, (own, alias)) in pairs.items()]
    with filled(lambda: start(*options), renamed).client() as client:
        expected = strengths(client, names)
        overlaps = strengths(client, names, "entity_overlap")
    daemon = filled(lambda: start(*options), articles, profiles)
    with daemon.client() as client:
        assert strengths(client, names) == expected
    daemon.restart()
    with daemon.client() as client:
        assert strengths(client, names) == expected
        generation = client.ok("STATS")["index"]["generation"]
        client.ok("REINDEX", "start")
        wait_until(lambda: client.ok("STATS")["index"]["generation"] > generation, 30, "the reindex")
        # a reindex measures the length of articles anew, which changes the similarity of words a little
        assert strengths(client, names, "entity_overlap") == overlaps
        for kind, (_, (own, _)) in pairs.items():
            client.ok("PROFILE", kind=kind, name=own, remove=True)
        plain = strengths(reader, names, "entity_overlap")
        assert plain != overlaps
        wait_until(lambda: strengths(client, names, "entity_overlap") == plain, 30, "the names to be on their own again")


# ---- durability ----


def test_acknowledged_profiles_survive_kill(daemon):
    with daemon.client() as client:
        client.put_all(NAMED)
        client.ok("PROFILE", SPACEX)
        wait_for_overlap(client, "own", "alias", 1)
        client.ok("PROFILE", kind="place", name="Gone", about="x")
        client.ok("PROFILE", kind="place", name="Gone", remove=True)
        client.ok("PROFILE", kind="place", name="Last", about="Written just before.")
        daemon.signal(signal.SIGKILL)
        daemon.wait()
    daemon.start()
    with daemon.client() as client:
        assert profile_of(client, "sx") == SPACEX
        assert profile_of(client, "last", "place")["about"] == "Written just before."
        client.fail("not_found", "GET", profile={"kind": "place", "name": "Gone"})
        assert client.ok("STATS")["store"]["profiles"] == 2
        wait_for_overlap(client, "own", "alias", 1)  # what it counts for is found out again if the kill cut that short
        client.fail("conflict", "PROFILE", kind="organization", name="SX", about="x")


def test_names_changed_just_before_a_stop_are_taken_in_after_it(daemon):
    with daemon.client() as client:
        client.put_all(NAMED)
        client.ok("PROFILE", SPACEX)
    daemon.restart()
    with daemon.client() as client:
        wait_for_overlap(client, "own", "alias", 1)


def test_a_damaged_profile_is_left_out_and_named(daemon):
    with daemon.client() as client:
        client.ok("PROFILE", SPACEX)
        client.ok("PROFILE", kind="place", name="Whole", about="x")
    daemon.stop()
    with sqlite3.connect(daemon.directory / "data/store.db") as store:
        store.execute("UPDATE profiles SET text = replace(text, 'rockets', 'rackets') WHERE name = 'spacex'")
    store.close()
    daemon.start()
    assert "damaged profile in the store" in daemon.log() and "name=spacex" in daemon.log()
    with daemon.client() as client:
        client.fail("not_found", "GET", profile={"kind": "organization", "name": "SpaceX"})
        assert profile_of(client, "whole", "place")["about"] == "x"
        assert client.counter("store_bad_rows") == 1
        client.ok("PROFILE", SPACEX)
    daemon.restart()
    with daemon.client() as client:
        assert profile_of(client, "SpaceX") == SPACEX
