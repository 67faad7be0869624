"""Near-copies of one story: one suggestion in RELATED, one event in CONNECTED, however they came into the index."""

import random

import pytest

from harness import seconds, wait_until
from oracle import SMALL, wait_for_reindex

WORDS = (
    "the harbour authority of Kelmarsh said on Monday that the old lighthouse will be moved inland before the winter storms "
    "because the cliff below it has lost eleven metres in two years and engineers fear another fall the tower of brick weighs "
    "four thousand tonnes and will travel on rails to a meadow behind the village where a foundation is ready the council "
    "pays a third of the cost and hopes that visitors will come to watch"
).split()
SOURCE = {
    "id": "source",
    "title": "Kelmarsh and its cliffs",
    "body": "A lighthouse on a cliff at Kelmarsh, a village, its harbour authority and what the storms have taken.",
    "tags": ["coast"],
    "people": ["Ada Quill"],
}
OTHER = {
    "id": "other",
    "title": "Council of Kelmarsh elects Quill",
    "body": "Ada Quill leads the council from now on. Taxes were what voters spoke of.",
    "tags": ["coast", "politics", "elections"],
    "people": ["Ada Quill"],
    "views": 100,
}


def copy(name, edits=0, **members):
    """The story with some words replaced."""
    words = list(WORDS)
    for at in random.Random(edits).sample(range(len(words)), edits):
        words[at] = f"edit{at}"
    return {
        "id": name,
        "title": f"Lighthouse to be moved, {name}",
        "body": " ".join(words),
        "tags": ["coast"],
        "people": ["Ada Quill"],
        **members,
    }


COPIES = [copy("wire", views=5), copy("edited", 3, views=7), copy("again", 2, views=11), copy("late", 4, views=13)]
NAMES = {article["id"] for article in COPIES}


def related(client, **parameters):
    return client.ok("RELATED", id="source", **parameters)["related"]


def story_of(hits):
    """The one suggestion that stands for the story."""
    (hit,) = [hit for hit in hits if hit["id"] in NAMES]
    return hit


def is_collapsed(client):
    hits = related(client)
    shown = [hit for hit in hits if hit["id"] in NAMES]
    return len(shown) == 1 and shown[0].get("copies") == len(NAMES) - 1


def check_collapsed(client):
    hit = story_of(related(client))
    assert hit["copies"] == 3
    assert {hit["id"], *hit["copy_ids"]} == NAMES
    assert {other["id"] for other in related(client)} == {hit["id"], "other"}


@pytest.fixture
def filled(client):
    client.put_all([SOURCE, OTHER, *COPIES])
    return client


def test_what_is_excluded_does_not_come_back_as_its_copy(filled):
    for name in NAMES:
        assert [hit["id"] for hit in related(filled, exclude={"ids": [name]})] == ["other"]
        shown = related(filled, exclude={"ids": [name]}, copies="show")
        assert {hit["id"] for hit in shown} == NAMES - {name} | {"other"}
    history = filled.ok("RELATED", ids=["wire", "other"])["related"]
    assert [hit["id"] for hit in history] == ["source"]
    events = filled.ok("CONNECTED", id="source", min_strength=0, exclude={"ids": ["late"]})
    assert [event["id"] for event in events["timeline"]] == ["other"] and events["overview"]["events"] == 1


def test_a_blocked_story_is_blocked_with_its_copies(filled):
    filled.ok("PATCH", {"id": "source", "blocked": ["edited"]}, wait="visible")
    assert [hit["id"] for hit in related(filled)] == ["other"]
    filled.ok("PATCH", {"id": "source", "blocked": None}, wait="visible")
    assert story_of(related(filled))["copies"] == 3


def test_one_suggestion_the_strongest(filled):
    everything = related(filled, copies="show")
    assert {hit["id"] for hit in everything} == NAMES | {"other"}
    assert not any("copies" in hit or "copy_ids" in hit for hit in everything)
    hit = story_of(related(filled))
    strongest = next(hit for hit in everything if hit["id"] in NAMES)
    assert hit["id"] == strongest["id"] and hit["strength"] == strongest["strength"]
    assert hit["copy_ids"] == [hit["id"] for hit in everything if hit["id"] in NAMES - {strongest["id"]}]
    assert related(filled, copies="collapse") == related(filled)
    assert "copies" not in next(hit for hit in related(filled) if hit["id"] == "other")


def test_as_many_suggestions_as_asked_for(client):
    """Forty copies stand before the others."""
    client.put_all([SOURCE, OTHER, *(copy(f"copy{number}", number % 4) for number in range(40))])
    hits = related(client, limit=2)
    assert len(hits) == 2 and "other" in [hit["id"] for hit in hits]
    (hit,) = [hit for hit in hits if hit["id"] != "other"]
    assert hit["copies"] == 39 and len(hit["copy_ids"]) == 20
    assert len(related(client, limit=1)) == 1
    assert related(client, limit=0) == []
    assert len(related(client, limit=2, diversity=0.5)) == 2
    assert len(related(client, limit=30, copies="show")) == 30


def test_too_few_are_counted_after_collapsing(filled):
    reply = filled.ok("RELATED", id="source", min_results=3)
    assert reply["withheld"] == 2 and reply["related"] == []


def test_connected_counts_a_story_once(filled):
    reply = filled.ok("CONNECTED", id="source", min_strength=0)
    assert reply["overview"] == {"events": 2, "people": 1, "tags": 3, "views": 5 + 7 + 11 + 13 + 100}
    assert reply["people"] == [{"name": "Ada Quill", "articles": 2}]
    assert reply["insights"]["average_views"] == 68
    assert story_of(reply["timeline"])["copies"] == 3 and len(reply["timeline"]) == 2
    assert reply["bounded"] is False
    reply = filled.ok("CONNECTED", id="source", min_strength=0, copies="show")
    assert reply["overview"]["events"] == 5 and reply["people"][0]["articles"] == 5
    assert reply["overview"]["views"] == 136 and len(reply["timeline"]) == 5


def test_copies_of_a_pinned_story_count_for_it(filled):
    plain = filled.ok("CONNECTED", id="source", min_strength=0)
    strongest = story_of(plain["timeline"])["id"]
    weaker = next(name for name in sorted(NAMES) if name != strongest)
    filled.ok("PATCH", id="source", pinned=[weaker], wait="visible")
    reply = filled.ok("CONNECTED", id="source", min_strength=0)
    for section in ("overview", "insights", "people"):
        assert reply[section] == plain[section]
    for hits in (reply["timeline"], related(filled)):
        assert hits[0]["id"] == weaker and hits[0]["copies"] == 3
        assert {weaker, *hits[0]["copy_ids"]} == NAMES and hits[0]["copy_ids"][0] == strongest
        assert [hit["id"] for hit in hits[1:]] == ["other"]


@pytest.mark.parametrize("limit", [1, 2, 10])
def test_a_pinned_story_says_its_copies_whatever_the_limit(filled, limit):
    filled.ok("PATCH", id="source", pinned=["wire"], wait="visible")
    hits = related(filled, limit=limit)
    assert hits[0]["id"] == "wire" and hits[0]["copies"] == 3 and len(hits) == min(limit, 2)


def test_a_source_that_has_copies(filled):
    """Its copies are one suggestion, which says so."""
    hits = filled.ok("RELATED", id="wire")["related"]
    hit = story_of(hits)
    assert hit["copies"] == 2 and {"wire", hit["id"], *hit["copy_ids"]} == NAMES
    assert hit["same_story"] is True
    assert not any("same_story" in hit for hit in hits if hit["id"] not in NAMES)
    assert not any("same_story" in hit for hit in related(filled))
    shown = filled.ok("RELATED", id="wire", copies="show")["related"]
    assert {hit["id"] for hit in shown if hit.get("same_story")} == NAMES - {"wire"}


@pytest.mark.parametrize("value", ["hide", "", 1, True, None, ["show"]])
@pytest.mark.parametrize("verb", ["RELATED", "CONNECTED"])
def test_bad_values(filled, verb, value):
    if value is None:
        assert filled.ok(verb, {"id": "source", "copies": None})
    else:
        assert "copies" in filled.fail("bad_request", verb, {"id": "source", "copies": value})


def test_headlines_are_no_copies(client):
    client.put_all(
        [SOURCE, *({"id": f"h{n}", "title": "Storm at the lighthouse of Kelmarsh", "tags": ["coast"]} for n in range(3))]
    )
    hits = related(client)
    assert len(hits) == 3 and not any("copies" in hit for hit in hits)


def test_a_weekly_report_is_news_each_time(client):
    days = {"may1": "2025-05-01", "may1b": "2025-05-02T23:00:00Z", "may8": "2025-05-08", "may15": "2025-05-15"}
    client.put_all([SOURCE, *(copy(name, number, published=day) for number, (name, day) in enumerate(days.items()))])
    hits = related(client)
    assert len(hits) == 3
    assert [hit["copies"] for hit in hits if hit["id"].startswith("may1") and hit["id"] != "may15"] == [1]


# ---- how they came into the index ----


def test_after_a_restart(start):
    daemon = start()
    with daemon.client() as client:
        client.put_all([SOURCE, OTHER, *COPIES[:2]])
        client.ok("FLUSH")
    daemon.restart()
    with daemon.client() as client:
        client.put_all(COPIES[2:])
        check_collapsed(client)
    daemon.restart()
    with daemon.client() as client:
        client.ok("FLUSH")
        check_collapsed(client)


def fillers(first, count):
    """Articles that have nothing in common with the story or each other."""
    for number in range(first, first + count):
        pick = random.Random(number)
        yield {"id": f"f{number}", "title": f"Filler {number}", "body": " ".join(f"w{pick.randrange(10**6)}" for _ in range(40))}


def test_hot_and_sealed(start):
    """Each copy is in another segment; after epochs, merges, a restart and a reindex they still belong together."""
    daemon = start(*SMALL)
    with daemon.client() as client:
        client.put_all([SOURCE, OTHER])
        for number, article in enumerate(COPIES):
            client.put(article)
            for at in range(number * 80, number * 80 + 80, 20):
                client.put_all(list(fillers(at, 20)))
                client.ok("FLUSH")
        assert client.ok("STATS")["index"]["epoch"] > 1
        check_collapsed(client)
    daemon.restart()
    with daemon.client() as client:
        client.ok("FLUSH")
        check_collapsed(client)
        client.ok("REINDEX", action="start")
        wait_for_reindex(client)
        check_collapsed(client)
        client.put(copy("last", 1), wait="visible")
        hits = related(client)
        assert [hit["copies"] for hit in hits if hit["id"] in NAMES | {"last"}] == [4]


@pytest.mark.parametrize("indexed_before", [False, True])
def test_found_in_a_bulk_import(start, indexed_before):
    """The copies lie in different segments of one build, and one may have come before it."""
    daemon = start(*SMALL)
    with daemon.client() as client:
        client.put_all([SOURCE, OTHER])
        if indexed_before:
            client.put_all([COPIES[0], *fillers(5000, 30)])
            client.ok("FLUSH")
        lines = []
        for number, article in enumerate(COPIES[indexed_before:]):
            lines += [client.line("PUT", article)]
            lines += [client.line("PUT", filler) for filler in fillers(number * 400, 400)]
        client.send(*lines)
        assert all(reply["ok"] for reply in client.receive_all(len(lines)))
        client.ok("FLUSH", wait_ms=int(seconds(30) * 1000))
        wait_until(lambda: is_collapsed(client), 30, "the copies to be one suggestion")
        check_collapsed(client)


# ---- changes ----


@pytest.mark.parametrize("rebuilt", [False, True])
def test_the_first_one_is_deleted(start, rebuilt):
    daemon = start()
    with daemon.client() as client:
        client.put_all([SOURCE, OTHER, *COPIES])
        client.ok("DELETE", id="wire", wait="visible")
        if rebuilt:
            client.ok("REINDEX", action="start")
            wait_for_reindex(client)
        hit = story_of(related(client))
        assert hit["copies"] == 2 and {hit["id"], *hit["copy_ids"]} == NAMES - {"wire"}
        client.put(copy("last", 1), wait="visible")
        hits = related(client)
        assert [hit["copies"] for hit in hits if hit["id"] in NAMES | {"last"}] == [3]


def test_a_copy_becomes_another_story(filled):
    filled.put({**OTHER, "id": "wire", "title": "Quill again"}, wait="visible")
    hits = related(filled)
    assert {"wire", "other"} < {hit["id"] for hit in hits} and len(hits) == 3
    (hit,) = [hit for hit in hits if hit["id"] in NAMES - {"wire"}]
    assert hit["copies"] == 2 and "wire" not in hit["copy_ids"]


def test_versions_of_one_article_are_no_copies(client):
    client.put_all([SOURCE, OTHER])
    for edits in range(4):
        client.put(copy("wire", edits), wait="visible")
    hits = related(client)
    assert {hit["id"] for hit in hits} == {"wire", "other"}
    assert not any("copies" in hit for hit in hits)
    client.put(copy("edited", 2), wait="visible")
    hit = story_of(related(client))
    assert hit["copies"] == 1 and {hit["id"], *hit["copy_ids"]} == {"wire", "edited"}


def test_the_threshold_is_a_setting(start):
    daemon = start("--index.copy_similarity=1")
    with daemon.client() as client:
        client.put_all([SOURCE, OTHER, *COPIES, {**COPIES[0], "id": "exact"}])
        hits = related(client)
        assert len(hits) == 5
        assert [hit["copies"] for hit in hits if hit["id"] in ("wire", "exact")] == [1]
