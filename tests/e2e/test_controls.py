"""What editors decide about an article's connected stories: `pinned`, `blocked` and `related`."""

import struct

import pytest

from harness import crc32c, epoch_stands, wait_until
from oracle import SMALL

WIRE, COPY = "a004-skua-inquiry-wire", "a005-frozen-line-doomed-skua"
EARLIER, STRANGER = "a003-skua-lost-after-74-seconds", "a090-cedar-ridge-contained"
DISTANT = "a046-mensah-lowe-injury"


@pytest.fixture
def own(start, articles):
    """A daemon of the test's own with the bundled articles."""
    daemon = start()
    with daemon.client() as client:
        client.put_all(list(articles.values()))
        # strengths of several calls are compared: they stand once the last epoch has begun
        wait_until(lambda: epoch_stands(client, len(articles)), 30, "the last epoch")
    return daemon


@pytest.fixture
def editor(own):
    with own.client() as client:
        yield client


def patch(client, **members):
    client.ok("PATCH", {"id": WIRE, **members}, wait="visible")


def related(client, **parameters):
    return client.ok("RELATED", {"id": WIRE, **parameters})["related"]


def timeline(client, **parameters):
    return client.ok("CONNECTED", {"id": WIRE, **parameters})["timeline"]


def ids(hits):
    return [hit["id"] for hit in hits]


def pinned(hits):
    return [hit["id"] for hit in hits if hit.get("pinned") is True]


EVIDENCE = ("strength", "similarity", "tag_overlap", "entity_overlap", "shared", "terms")


# ---- pinned ----


def test_pinned_stories_come_first_in_their_order(editor):
    before = ids(related(editor, limit=200))
    patch(editor, pinned=[STRANGER, COPY])
    hits = related(editor, limit=200)
    assert ids(hits)[:2] == pinned(hits) == [STRANGER, COPY]
    assert ids(hits)[2:] == [name for name in before if name not in (STRANGER, COPY)]
    patch(editor, pinned=[COPY, STRANGER])
    assert ids(related(editor))[:2] == [COPY, STRANGER]
    assert ids(timeline(editor))[:2] == [COPY, STRANGER]


def test_pinned_stories_have_their_true_figures(editor):
    found = {hit["id"]: hit for hit in related(editor, limit=200)}
    patch(editor, pinned=[COPY, EARLIER])
    for hit in related(editor, limit=2):
        assert {key: hit[key] for key in EVIDENCE} == {key: found[hit["id"]][key] for key in EVIDENCE}
    assert "explain" in related(editor, limit=1, explain=True)[0]


def test_a_pinned_story_that_shares_nothing(client):
    client.put({"id": "a", "title": "Rocket", "pinned": ["b"]})
    client.put({"id": "b", "title": "Tram", "tags": ["galway"]}, wait="visible")
    (hit,) = client.ok("RELATED", "a")["related"]
    assert (hit["id"], hit["pinned"], hit["strength"], hit["terms"]) == ("b", True, 0, [])
    assert hit["shared"]["tags"] == []
    reply = client.ok("CONNECTED", "a")
    assert reply["overview"]["events"] == 1 and ids(reply["timeline"]) == ["b"]
    assert client.ok("RELATED", "b")["related"] == []  # of b, nothing was said


def test_pinned_stories_pass_min_strength_and_only(editor):
    patch(editor, pinned=[STRANGER])
    assert ids(related(editor, min_strength=0.99)) == [STRANGER]
    assert ids(related(editor, min_strength=0.99, only="earlier")) == [STRANGER]
    assert ids(related(editor, min_strength=0.99, only="later")) == [STRANGER]
    assert ids(timeline(editor, min_strength=0.99)) == [STRANGER]


def test_the_limit_counts_pinned_stories(editor):
    patch(editor, pinned=[STRANGER, DISTANT])
    assert ids(related(editor, limit=1)) == [STRANGER]
    assert ids(related(editor, limit=2)) == [STRANGER, DISTANT]
    assert ids(related(editor, limit=3)) == [STRANGER, DISTANT, COPY]
    assert related(editor, limit=0) == []
    assert ids(related(editor, limit=3, diversity=0.5))[:2] == [STRANGER, DISTANT]
    assert len(related(editor, limit=5, diversity=0.5)) == 5
    assert ids(timeline(editor, limit=1)) == [STRANGER]


def test_min_results_counts_pinned_stories(editor):
    patch(editor, pinned=[STRANGER])
    assert len(related(editor, min_strength=0.99, min_results=1)) == 1
    reply = editor.ok("RELATED", {"id": WIRE, "min_strength": 0.99, "min_results": 2})
    assert (reply["withheld"], reply["related"]) == (1, [])


def test_connected_counts_pinned_stories(editor, articles):
    before = editor.ok("CONNECTED", WIRE)
    assert STRANGER not in ids(timeline(editor, limit=200))
    patch(editor, pinned=[STRANGER])
    after = editor.ok("CONNECTED", WIRE)
    assert after["overview"]["events"] == before["overview"]["events"] + 1
    assert after["overview"]["views"] == before["overview"]["views"] + articles[STRANGER]["views"]
    events = timeline(editor, limit=200)
    assert pinned(events) == [STRANGER]
    dates = [event["published"] for event in events[1:]]
    assert dates == sorted(dates, reverse=True)


def test_a_pinned_story_that_cannot_be_shown(editor, articles):
    patch(editor, pinned=["there-is-no-such-article", STRANGER])
    assert pinned(related(editor)) == [STRANGER]
    assert pinned(related(editor, exclude={"ids": [STRANGER]})) == []
    assert pinned(related(editor, exclude={"tags": articles[STRANGER]["tags"][:1]})) == []
    assert pinned(related(editor, exclude={"categories": [articles[STRANGER]["category"]]})) == []
    assert pinned(related(editor, filter={"category": articles[WIRE]["category"]})) == []
    assert pinned(related(editor, filter={"category": articles[STRANGER]["category"]})) == [STRANGER]
    assert pinned(timeline(editor, exclude={"ids": [STRANGER]})) == []
    editor.ok("DELETE", {"id": STRANGER}, wait="visible")
    assert pinned(related(editor)) == []
    editor.put(articles[STRANGER], wait="visible")
    assert pinned(related(editor)) == [STRANGER]


def test_a_pinned_story_that_changes_is_its_new_version(editor):
    patch(editor, pinned=[STRANGER])
    editor.ok("PATCH", {"id": STRANGER, "title": "A new title"}, wait="visible")
    hits = related(editor)
    assert hits[0]["title"] == "A new title" and ids(hits).count(STRANGER) == 1


def test_near_copies_of_a_pinned_story_are_not_shown_beside_it(client, articles):
    copy = {**articles[EARLIER], "id": "the-copy", "title": "The same text elsewhere"}
    client.put_all([{**articles[WIRE], "pinned": [EARLIER]}, articles[EARLIER], copy])
    assert ids(related(client)) == [EARLIER]
    assert ids(related(client, copies="show")) == [EARLIER, "the-copy"]
    assert ids(timeline(client)) == [EARLIER]
    patch(client, pinned=[EARLIER, "the-copy"])
    assert ids(related(client)) == [EARLIER, "the-copy"]


# ---- blocked, off ----


def test_blocked_stories_are_never_suggested(editor):
    before = ids(related(editor, limit=200))
    patch(editor, blocked=[COPY, "there-is-no-such-article"])
    assert ids(related(editor, limit=200)) == [name for name in before if name != COPY]
    assert COPY not in ids(timeline(editor, min_strength=0, limit=200))
    assert WIRE in ids(editor.ok("RELATED", {"id": COPY})["related"])  # one direction only
    assert COPY in ids(editor.ok("RELATED", {"ids": [WIRE, EARLIER], "copies": "show"})["related"])


def test_connected_stories_off(editor):
    patch(editor, related="off", pinned=[STRANGER])
    reply = editor.ok("RELATED", WIRE)
    assert reply["related"] == [] and reply["off"] is True
    reply = editor.ok("RELATED", {"id": WIRE, "min_results": 3})
    assert reply["related"] == [] and reply["off"] is True and "withheld" not in reply
    reply = editor.ok("CONNECTED", WIRE)
    assert reply["timeline"] == [] and reply["off"] is True
    assert reply["overview"]["events"] == 0 and reply["article"]["id"] == WIRE
    assert WIRE in ids(editor.ok("RELATED", COPY)["related"])  # others may still suggest it
    patch(editor, related="on")
    reply = editor.ok("RELATED", WIRE)
    assert "off" not in reply and pinned(reply["related"]) == [STRANGER]


# ---- how they are kept ----


def test_get_shows_them_as_stored(client):
    article = {"id": "a", "title": "T", "pinned": ["x", "y", "x"], "blocked": ["z"], "related": "off"}
    client.put(article)
    stored = client.ok("GET", "a")["article"]
    assert stored["pinned"] == ["x", "y"] and stored["blocked"] == ["z"] and stored["related"] == "off"
    client.ok("FLUSH")
    (hit,) = client.ok("SEARCH")["hits"]
    assert not {"pinned", "blocked", "related"} & set(hit)
    (hit,) = client.ok("SEARCH", fields=["id", "pinned", "related"])["hits"]
    assert hit == {"id": "a", "pinned": ["x", "y"], "related": "off"}


def test_patch_is_a_new_version_and_null_removes(editor):
    before = related(editor, limit=200)
    revision = editor.ok("PATCH", {"id": WIRE, "pinned": [STRANGER], "blocked": [COPY]}, wait="visible")["revision"]
    assert editor.ok("GET", WIRE)["article"]["revision"] == revision
    assert editor.fail("conflict", "PATCH", {"id": WIRE, "pinned": None}, if_revision=revision - 1)
    patch(editor, pinned=None)
    assert pinned(related(editor)) == [] and COPY not in ids(related(editor))
    patch(editor, blocked=None)
    assert ids(related(editor, limit=200)) == ids(before)
    patch(editor, related="off")
    patch(editor, related=None)
    assert ids(related(editor, limit=200)) == ids(before)


def test_put_without_them_removes_them(editor, articles):
    patch(editor, pinned=[STRANGER], blocked=[COPY])
    editor.put(articles[WIRE], wait="visible")
    assert pinned(related(editor)) == [] and COPY in ids(related(editor))


def check_kept(daemon):
    with daemon.client() as client:
        client.ok("FLUSH")
        hits = related(client, limit=200)
        assert ids(hits)[:2] == pinned(hits) == [STRANGER, DISTANT]
        assert COPY not in ids(hits)
        assert client.ok("RELATED", EARLIER).get("off") is True


def set_controls(client):
    patch(client, pinned=[STRANGER, DISTANT], blocked=[COPY])
    client.ok("PATCH", {"id": EARLIER, "related": "off"}, wait="visible")


def test_they_survive_a_restart(own, editor):
    set_controls(editor)
    check_kept(own)
    own.restart()
    check_kept(own)


def test_they_survive_a_reindex(own, editor):
    set_controls(editor)
    generation = editor.ok("STATS")["index"]["generation"]
    editor.ok("REINDEX", action="start")
    wait_until(lambda: editor.ok("STATS")["index"]["generation"] > generation, 30, "the next generation")
    assert editor.ok("STATS")["index"]["sealed_segments"] > 0
    check_kept(own)


def test_they_survive_sealing_and_merging(start, articles):
    daemon = start(*SMALL, "--index.bulk_articles=100000")
    with daemon.client() as client:
        client.put_all(list(articles.values()))
        set_controls(client)
        for group in range(200):  # how many it takes depends on how many changes a batch of the indexer happens to have
            client.put_all([{"id": f"filler-{group}-{n}", "title": f"Filler {n}"} for n in range(60)])
            client.ok("FLUSH")
            if client.counter("segments_merged") > 0:
                break
        assert client.counter("segments_sealed") > 0
        client.counter_reaches("segments_merged", 1, 30)
    check_kept(daemon)


def test_an_index_of_the_format_before_is_built_again(own, editor):
    """Its checksums are right, only its version is another."""
    set_controls(editor)
    editor.ok("REINDEX", action="start")
    wait_until(lambda: editor.ok("STATS")["index"]["generation"] > 1, 30, "the next generation")
    own.stop()
    (rows,) = (own.directory / "data").glob("generations/*/*/rows")
    old = rows.read_bytes()
    (version,) = struct.unpack_from("<I", old, 8)
    rows.write_bytes(old[:8] + struct.pack("<I", version - 1) + old[12:])
    manifest = rows.parent.parent / "MANIFEST"
    text = manifest.read_bytes()[:-9].replace(b"%d" % crc32c(old), b"%d" % crc32c(rows.read_bytes()))
    manifest.write_bytes(text + b"%08x\n" % crc32c(text))
    own.start()
    check_kept(own)
    assert f"index file of format {version - 1}, this storyd reads {version}" in own.log()


# ---- drafts ----


def test_a_draft_brings_its_own(editor, articles):
    draft = {**articles[WIRE], "pinned": [STRANGER], "blocked": [COPY]}
    patch(editor, pinned=[DISTANT])
    hits = editor.ok("RELATED", article=draft)["related"]
    assert pinned(hits) == [STRANGER] and COPY not in ids(hits)
    assert pinned(editor.ok("CONNECTED", article=draft)["timeline"]) == [STRANGER]
    assert editor.ok("RELATED", article={"title": "Rocket", "related": "off"})["off"] is True
    assert "\"article\"" in editor.fail("bad_request", "RELATED", article={"pinned": "x"})


# ---- bad input ----


@pytest.mark.parametrize(
    "members, message",
    [
        ({"pinned": "x"}, '"pinned" must be a list of article ids, not "x"'),
        ({"blocked": {"x": 1}}, '"blocked" must be a list of article ids, not an object'),
        ({"pinned": ["x", 5]}, '"pinned" must be a list of article ids; number 2 is 5'),
        ({"pinned": [""]}, '"pinned" must be a list of ids of 1 to 200 bytes; number 1 has 0'),
        ({"blocked": ["x", "y" * 201]}, '"blocked" must be a list of ids of 1 to 200 bytes; number 2 has 201'),
        ({"blocked": ["x\ty"]}, '"blocked": number 1, "x?y", is blank or holds control characters'),
        ({"pinned": ["  "]}, '"pinned": number 1'),
        ({"pinned": [f"n{n}" for n in range(51)]}, '"pinned" must be a list of at most 50 ids, not 51'),
        ({"blocked": [f"n{n}" for n in range(1001)]}, '"blocked" must be a list of at most 1000 ids, not 1001'),
        ({"pinned": ["x"], "blocked": ["y", "x"]}, '"x" stands both in "pinned" and in "blocked"'),
        ({"pinned": ["a"]}, '"pinned" holds "a", the article\'s own id'),
        ({"blocked": ["a"]}, '"blocked" holds "a", the article\'s own id'),
        ({"related": "maybe"}, '"related" must be "on" or "off", not "maybe"'),
        ({"related": False}, '"related" must be "on" or "off", not false'),
    ],
)
def test_bad_controls(client, members, message):
    assert client.fail("bad_request", "PUT", {"id": "a", "title": "T", **members}).startswith(message)
    client.put({"id": "a", "title": "T"})
    assert client.fail("bad_request", "PATCH", {"id": "a", **members}).startswith(message)


def test_the_largest_lists_are_taken(client):
    lists = {"pinned": [f"{n:0200}" for n in range(50)], "blocked": [f"{n:0200}" for n in range(50, 1050)]}
    client.put({"id": "a", "title": "T", **lists}, wait="visible")
    stored = client.ok("GET", "a")["article"]
    assert {key: stored[key] for key in lists} == lists
    client.put({"id": f"{49:0200}", "title": "Last of the pinned"}, wait="visible")
    client.put({"id": f"{1049:0200}", "title": "T"}, wait="visible")
    assert ids(client.ok("RELATED", "a")["related"]) == [f"{49:0200}"]


def test_a_conflict_that_a_patch_makes(client):
    client.put({"id": "a", "title": "T", "pinned": ["x"]})
    message = client.fail("bad_request", "PATCH", {"id": "a", "blocked": ["x"]})
    assert message.startswith('"x" stands both in')
    client.ok("PATCH", {"id": "a", "pinned": None, "blocked": ["x"]})


def test_pinned_is_no_field_of_a_suggestion(reader):
    assert '"pinned" marks a suggestion' in reader.fail("bad_request", "RELATED", {"id": WIRE, "fields": ["pinned"]})
    assert '"pinned" marks a suggestion' in reader.fail("bad_request", "CONNECTED", {"id": WIRE, "fields": ["pinned"]})
