"""index.find_names: names that are known are recognised in articles that come without people and organizations."""

import pytest

from harness import wait_until

FIND = "--index.find_names=yes"
KNOWN = [
    {"id": "k1", "title": "Engine notes", "people": ["Ada Lovelace"], "places": ["Galway"]},
    {"id": "k2", "title": "More engine notes", "people": ["ADA LOVELACE", "Seen Once"], "places": ["Galway"]},
    {"id": "k3", "title": "Court report", "organizations": ["Court of Appeal", "BBC"]},
    {"id": "k4", "title": "Another court report", "organizations": ["Court of Appeal", "BBC"]},
]
TEXT = {
    "id": "text",
    "title": "Ada Lovelace’s machine in Galway",
    "summary": "The Court of Appeal has heard it.",
    "body": "Seen once, on the BBC: the makers of Halcyon Orbital rockets. Ada. Lovelace.",
}
HALCYON = {"kind": "organization", "name": "Halcyon", "aliases": ["Halcyon Orbital"]}
FOUND = {
    "people": ["Ada Lovelace"],
    "organizations": ["Court of Appeal", "Halcyon Orbital"],
    "places": ["Galway"],
}


def found(client, name):
    """What the article's card has found; None as long as there is no card."""
    hits = client.ok("SEARCH", query="", limit=1000)["hits"]
    return next((hit.get("found", {}) for hit in hits if hit["id"] == name), None)


def reindex(client):
    client.ok("REINDEX", "start")
    wait_until(lambda: client.ok("REINDEX")["reindex"]["phase"] == "done", 30, "the reindex")


def learn(client):
    """Known articles and a profile, taken in by a reindex: the waiting for an epoch is others' to test."""
    client.put_all(KNOWN)
    client.ok("PROFILE", HALCYON)
    reindex(client)


@pytest.fixture
def finder(start):
    daemon = start(FIND)
    with daemon.client() as client:
        learn(client)
        client.put(TEXT, wait="visible")
        yield client


def test_names_are_found_and_shown(finder):
    assert found(finder, "text") == FOUND
    article = finder.ok("SEARCH", query="machine", fields=["id", "found", "body"])["hits"][0]
    assert article["found"] == FOUND and article["body"] == TEXT["body"]
    assert "people" not in finder.ok("GET", "text")["article"]
    assert all(found(finder, article["id"]) == {} for article in KNOWN)


def test_they_count_as_given_ones_do(finder):
    for query in ('person:"Ada Lovelace"', "place:galway", 'org:"Court of Appeal"', "org:halcyon"):
        assert "text" in finder.ids(query)
    assert set(finder.ids(filter={"people": "ada lovelace"})) == {"k1", "k2", "text"}
    assert finder.ids("machine", filter={"organizations": {"all": ["Court of Appeal", "Halcyon"]}}) == ["text"]
    related = {hit["id"]: hit for hit in finder.ok("RELATED", id="text")["related"]}
    assert related["k3"]["shared"]["organizations"] == ["Court of Appeal"]
    assert related["k1"]["shared"]["people"] == ["Ada Lovelace"] and related["k1"]["shared"]["places"] == ["Galway"]
    back = {hit["id"]: hit for hit in finder.ok("RELATED", id="k3")["related"]}
    assert back["text"]["strength"] == related["k3"]["strength"]
    assert [profile["name"] for profile in finder.ok("CONNECTED", "text")["about"]] == ["Halcyon"]
    draft = finder.ok("RELATED", article={"title": "The Court of Appeal again"})["related"]
    assert {hit["id"] for hit in draft if hit["shared"]["organizations"]} == {"k3", "k4", "text"}


def test_an_article_with_names_of_its_own_keeps_to_them(finder):
    finder.put({**TEXT, "id": "own", "organizations": ["Other"]}, wait="visible")
    finder.put({**TEXT, "id": "place", "places": ["Galway", "Cork"]}, wait="visible")
    assert found(finder, "own") == {}
    assert found(finder, "place") == {key: FOUND[key] for key in ("people", "organizations")}
    assert finder.ids("place:cork") == ["place"]


def test_a_restart_finds_the_same(start):
    daemon = start(FIND)
    with daemon.client() as client:
        learn(client)
        client.put(TEXT, wait="visible")
        related = client.ok("RELATED", "text")["related"]
    daemon.restart()
    with daemon.client() as client:
        wait_until(lambda: found(client, "text") == FOUND, 20, "the names to be found again")
        assert client.ok("RELATED", "text")["related"] == related


def test_a_reindex_finds_what_is_known_now(finder):
    finder.put_all([{"id": f"s{i}", "title": "Seen", "people": ["Seen Once"]} for i in range(2)])
    finder.ok("PROFILE", kind="organization", name="Halcyon", remove=True)
    finder.ok("DELETE", ids=["k3", "k4"])
    reindex(finder)
    # deleted articles count until a reindex has left them out
    people = ["Ada Lovelace", "Seen Once"]
    assert found(finder, "text") == {"people": people, "organizations": ["Court of Appeal"], "places": ["Galway"]}
    reindex(finder)
    # that a name was recognised does not make it known
    assert found(finder, "text") == {"people": people, "places": ["Galway"]}


def test_a_profile_is_taken_in_without_a_reindex(start):
    daemon = start(FIND)
    with daemon.client() as client:
        client.ok("PROFILE", HALCYON)
        numbers = iter(range(1000000))

        def is_found():
            name = f"n{next(numbers)}"
            client.put({"id": name, "title": "Halcyon Orbital flies"}, wait="visible")
            return found(client, name) == {"organizations": ["Halcyon Orbital"]}

        wait_until(is_found, 20, "the name to be found")


def test_nothing_is_found_unless_it_is_asked_for(client):
    learn(client)
    client.put(TEXT, wait="visible")
    assert found(client, "text") == {}
    assert client.ids("place:galway") == ["k2", "k1"]


def test_it_can_be_turned_on_and_off(start):
    daemon = start()
    with daemon.client() as client:
        learn(client)
        client.put(TEXT, wait="visible")
    daemon.options.append(FIND)
    daemon.restart()
    with daemon.client() as client:
        reindex(client)
        assert found(client, "text") == FOUND
    daemon.options.remove(FIND)
    daemon.restart()
    with daemon.client() as client:
        reindex(client)
        assert found(client, "text") == {}
