"""RELATED: by id, by several ids, for a draft; evidence, options, and what the numbers promise."""

import pytest

WIRE, COPY = "a004-skua-inquiry-wire", "a005-frozen-line-doomed-skua"


def related(client, argument=None, **parameters):
    return client.ok("RELATED", argument, **parameters)["related"]


def ids(hits):
    return [hit["id"] for hit in hits]


def test_bare_text_is_the_id(reader):
    assert ids(related(reader, WIRE)) == ids(related(reader, id=WIRE))


def test_a_suggestion(reader, articles):
    reply = reader.ok("RELATED", WIRE)
    assert set(reply) == {"ok", "related", "revision", "took_us"}
    hit = reply["related"][0]
    assert hit["id"] == COPY
    assert hit["shared"]["people"] == ["Ingrid Solheim"]
    assert hit["shared"]["organizations"] == ["Halcyon Orbital"]
    assert hit["shared"]["products"] == ["Skua"]
    assert hit["shared"]["places"] == ["Oslo"]
    assert set(hit["shared"]["tags"]) == {"space", "rockets", "investigation"}
    assert "sensor" in hit["terms"] and len(hit["terms"]) <= 10
    for key in ("title", "published", "sentiment", "views", "tags"):
        assert hit[key] == articles[COPY][key]


def test_near_copies_come_first(reader):
    for one, other in [(WIRE, COPY), ("a087-cedar-ridge-burns-wire", "a088-cedar-ridge-half-destroyed")]:
        assert ids(related(reader, one))[0] == other
        assert ids(related(reader, other))[0] == one
        assert related(reader, one)[0]["similarity"] > 0.6


@pytest.mark.parametrize(
    "source, story",
    [
        ("a003-skua-lost-after-74-seconds", range(1, 10)),
        ("a013-corvida-warned-twice", range(10, 19)),
        ("a021-jena-flood-crest", range(19, 27)),
        ("a031-veltamine-results", range(27, 35)),
        ("a039-statement-of-objections", range(35, 43)),
        ("a046-mensah-lowe-injury", range(43, 53)),
        ("a073-okafor-wins-by-four", range(70, 77)),
        ("a084-first-sodium-cell", range(77, 86)),
        ("a090-cedar-ridge-contained", range(86, 93)),
        ("a097-formosil-restarts", range(93, 100)),
    ],
)
def test_the_story_of_an_article(reader, source, story):
    found = [int(name[1:4]) for name in ids(related(reader, id=source, limit=4, copies="show"))]
    assert sum(number in story for number in found) >= 3, found


def test_words_alone_connect_too(reader):
    hits = related(reader, id="a052-boy-from-aisle-nine", limit=3)
    assert any(hit["id"].startswith(("a04", "a05")) for hit in hits)
    assert all(hit["tag_overlap"] == hit["entity_overlap"] == 0 for hit in hits)
    assert all(hit["strength"] > 0 for hit in hits)


def test_order_bounds_and_the_formula(reader):
    hits = related(reader, id=WIRE, limit=100)
    strengths = [hit["strength"] for hit in hits]
    assert strengths == sorted(strengths, reverse=True)
    for hit in hits:
        parts = [hit["tag_overlap"], hit["entity_overlap"], hit["similarity"]]
        assert all(0 <= part <= 1 for part in [*parts, hit["strength"]])
        rest = 1.0
        for weight, part in zip((0.2, 0.3, 0.9), parts):
            rest *= 1 - weight * part
        assert hit["strength"] == pytest.approx(1 - rest, abs=2e-4)
    assert WIRE not in ids(hits)


def test_strengths_are_symmetric(reader, articles):
    table = {name: {hit["id"]: hit for hit in related(reader, id=name, limit=200, copies="show")} for name in articles}
    pairs = 0
    for one, hits in table.items():
        for other, hit in hits.items():
            back = table[other][one]
            for key in ("strength", "similarity", "tag_overlap", "entity_overlap"):
                assert hit[key] == pytest.approx(back[key], abs=2e-4), (one, other, key)
            pairs += 1
    assert pairs > 1000


def test_a_copy_has_similarity_one(start, articles):
    with start().client() as client:
        client.put_all([*articles.values(), {**articles[WIRE], "id": "copy"}])
        hit = related(client, WIRE)[0]
        assert hit["id"] == "copy"
        for key in ("similarity", "tag_overlap", "entity_overlap"):
            assert hit[key] == pytest.approx(1, abs=1e-4)


def test_names_match_in_any_case(client):
    client.put_all(
        [
            {"id": "a", "title": "One", "people": ["RENÉE Dupont"], "tags": ["Solar Power"]},
            {"id": "b", "title": "Two", "people": ["renee dupont"], "tags": ["SOLAR power"]},
        ]
    )
    hit = related(client, "a")[0]
    assert (hit["id"], hit["tag_overlap"], hit["entity_overlap"]) == ("b", 1, 1)
    assert len(hit["shared"]["people"]) == len(hit["shared"]["tags"]) == 1


# ---- sources ----


def test_several_ids(reader):
    history = [WIRE, "a046-mensah-lowe-injury"]
    found = ids(related(reader, ids=history, limit=12))
    assert not set(history) & set(found)
    numbers = [int(name[1:4]) for name in found]
    assert any(number <= 9 for number in numbers) and any(43 <= number <= 52 for number in numbers)
    assert ids(related(reader, ids=[*history, "missing"], limit=12)) == found
    assert "ids" in reader.fail("not_found", "RELATED", ids=["missing", "gone"])


def test_one_of_several_is_the_one(reader):
    """But for near-copies of it, which were read with it."""
    hits = related(reader, id=WIRE, limit=11)
    assert sum(hit.get("same_story", False) for hit in hits) == 1
    one = {hit["id"]: hit["strength"] for hit in hits if not hit.get("same_story")}
    several = {hit["id"]: hit["strength"] for hit in related(reader, ids=[WIRE], limit=10)}
    assert several == pytest.approx(one, abs=5e-4)


def test_a_draft(reader, articles):
    draft = {key: articles[WIRE][key] for key in ("title", "summary", "body", "tags", "people")}
    hits = related(reader, article=draft)
    assert hits[0]["id"] == WIRE and hits[0]["similarity"] > 0.99
    assert related(reader, article={"body": "The rocket Skua was launched from Andøya"})[0]["id"].startswith("a00")
    assert related(reader, article={"tags": ["football"]})[0]["tags"].count("football") == 1
    assert reader.ok("STATS")["store"]["articles"] == 120


def test_null_in_a_draft_is_absent(reader, articles):
    draft = {key: articles[WIRE].get(key) for key in ("tags", "people", "organizations", "places")}
    plain = related(reader, article=draft)
    assert plain == related(reader, article={**draft, "id": None, "title": None, "published": None})
    assert related(reader, article={**draft, "pinned": ["draft"]}) == plain


def test_a_draft_of_a_stored_article_does_not_suggest_it(reader, articles):
    assert WIRE not in ids(related(reader, article={**articles[WIRE], "title": "New title"}, limit=50))


def test_an_article_that_is_not_visible_yet(start, articles):
    with start("--index.commit_interval=60s").client() as client:
        client.put_all(list(articles.values()))
        client.put({**articles[WIRE], "id": "fresh"})
        assert ids(related(client, "fresh"))[0] == WIRE


def test_not_found(reader):
    assert '"nothing"' in reader.fail("not_found", "RELATED", "nothing")


def test_a_deleted_article_is_not_suggested(start, articles):
    with start().client() as client:
        client.put_all(list(articles.values()))
        client.ok("DELETE", id=COPY, wait="visible")
        assert COPY not in ids(related(client, id=WIRE, limit=100))


# ---- options ----


def test_a_new_story_is_found_whole_beside_many_articles(client):
    """What the few articles of a small segment get of the budget of postings is enough for them."""
    client.put_all([{"id": f"old{i}", "title": f"Number {i} of the old ones"} for i in range(3000)])
    names = {
        key: [f"{key} {i}" for i in range(20)] for key in ("tags", "people", "organizations", "products", "places")
    }
    story = [
        {"id": f"new{i}", "title": f"Report {i}", "body": f"Reporter {i} writes words{i} about matters{i}.", **names}
        for i in range(8)
    ]
    client.put_all(story)
    for source in range(8):
        others = sorted(article["id"] for article in story if article["id"] != f"new{source}")
        for strength in (0, 0.3):
            hits = related(client, id=f"new{source}", copies="show", limit=10, min_strength=strength, fields=["id"])
            assert sorted(ids(hits))[:7] == others
        reply = client.ok("CONNECTED", id=f"new{source}", copies="show", min_strength=0.3)
        assert (reply["overview"]["events"], reply["bounded"]) == (7, False)


def test_limit(reader):
    whole = ids(related(reader, id=WIRE, limit=100))
    assert len(ids(related(reader, WIRE))) == 10
    assert ids(related(reader, id=WIRE, limit=3)) == whole[:3]
    assert related(reader, id=WIRE, limit=0) == []


def test_filter(reader, articles):
    hits = related(reader, id=WIRE, filter={"tags": {"none": ["rockets"]}, "language": "en"}, limit=100)
    assert hits and all("rockets" not in hit.get("tags", []) and hit["language"] == "en" for hit in hits)
    hits = related(reader, id=WIRE, filter={"published": {"from": "2025-06-01"}}, limit=100)
    assert hits and all(hit["published"] >= "2025-06-01" for hit in hits)
    everything = related(reader, id=WIRE, limit=200)
    assert ids(hits) == [hit["id"] for hit in everything if articles[hit["id"]]["published"] >= "2025-06-01"]


def test_exclude(reader):
    assert COPY not in ids(related(reader, id=WIRE, exclude={"ids": [COPY, "missing"]}, limit=100))
    hits = related(reader, id=WIRE, exclude={"tags": ["Rockets"], "categories": ["technology"]}, limit=100)
    assert hits and all("rockets" not in hit.get("tags", []) and hit["category"] != "Technology" for hit in hits)


def test_min_strength(reader):
    everything = related(reader, id=WIRE, limit=200)
    strong = related(reader, id=WIRE, limit=200, min_strength=0.3)
    assert ids(strong) == [hit["id"] for hit in everything if hit["strength"] >= 0.3]
    assert 0 < len(strong) < len(everything)
    assert related(reader, id="a120-snail-post", min_strength=1) == []


def test_weights(reader):
    weights = {"tags": 1, "entities": 0, "terms": 0}
    for hit in related(reader, id=WIRE, weights=weights, limit=100):
        assert hit["strength"] == pytest.approx(hit["tag_overlap"], abs=2e-4)
    hits = related(reader, id=WIRE, weights={"tags": 0, "entities": 0}, limit=100)
    assert hits and all(hit["strength"] == pytest.approx(0.9 * hit["similarity"], abs=2e-4) for hit in hits)


def test_weights_from_the_configuration(start, articles):
    with start("--related.tags=0", "--related.entities=0", "--related.terms=1").client() as client:
        client.put_all(list(articles.values())[:12])
        hits = related(client, WIRE)
        assert hits and all(hit["strength"] == pytest.approx(hit["similarity"], abs=2e-4) for hit in hits)


def test_fields(reader, articles):
    evidence = {"strength", "similarity", "tag_overlap", "entity_overlap", "shared", "terms"}
    hit = related(reader, id=WIRE, fields=["id", "body"], limit=1)[0]
    assert set(hit) == {"id", "body", "same_story"} | evidence
    assert hit["body"] == articles[COPY]["body"]
