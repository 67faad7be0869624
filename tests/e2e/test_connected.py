"""CONNECTED: the section's figures against those worked out here from RELATED; and RELATED's further options."""

from collections import Counter
from datetime import datetime

import pytest

from harness import Daemon

SOURCE = "a003-skua-lost-after-74-seconds"
KINDS = ("people", "organizations", "products", "places")


def when(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def whole_set(client, strength, **parameters):
    return client.ok("RELATED", id=SOURCE, limit=1000, min_strength=strength, **parameters)["related"]


def test_figures_are_those_of_the_whole_set(reader, articles):
    events = whole_set(reader, 0.15, copies="show")
    reply = reader.ok("CONNECTED", id=SOURCE, copies="show")
    assert len(events) > 5 and SOURCE not in [event["id"] for event in events]
    views = sum(event["views"] for event in events)
    tags = Counter(tag for event in events for tag in event.get("tags", []))
    people = {person for event in events for person in event.get("people", [])}
    assert reply["overview"] == {"events": len(events), "people": len(people), "tags": len(tags), "views": views}
    newest = max(events, key=lambda event: when(event["published"]))
    oldest = min(events, key=lambda event: when(event["published"]))
    insights = reply["insights"]
    assert insights["most_recent"] == {"id": newest["id"], "published": newest["published"]}
    assert insights["span_days"] == (when(newest["published"]) - when(oldest["published"])).days
    assert tags[insights["most_popular_tag"]] == max(tags.values())
    assert insights["average_views"] == pytest.approx(views / len(events), abs=0.05)
    assert reply["topics"]["total"] == len(tags)
    assert {topic["name"]: topic["articles"] for topic in reply["topics"]["trending"]}.items() <= tags.items()
    assert reply["bounded"] is False
    assert reply["article"]["id"] == SOURCE and reply["article"]["views"] == articles[SOURCE]["views"]
    for kind in KINDS:
        counted = Counter(name for event in events for name in event.get(kind, []))
        assert {entry["name"]: entry["articles"] for entry in reply[kind]} == counted
        assert [entry["articles"] for entry in reply[kind]] == sorted(counted.values(), reverse=True)


def test_the_timeline_is_the_strongest_by_date(reader):
    strongest = whole_set(reader, 0.15)[:5]
    timeline = reader.ok("CONNECTED", id=SOURCE, limit=5)["timeline"]
    assert {event["id"]: event["strength"] for event in timeline} == {hit["id"]: hit["strength"] for hit in strongest}
    dates = [when(event["published"]) for event in timeline]
    assert dates == sorted(dates, reverse=True)
    assert all(event["shared"]["tags"] or event["shared"]["places"] or event["terms"] for event in timeline)


@pytest.fixture(scope="module")
def many():
    """One source and 420 articles that are connected with it."""
    daemon = Daemon().start()
    stories = [
        {"id": f"m{n}", "title": f"Quay {n} crane{n}", "tags": ["harbour"], "people": ["Ann Lee"]} for n in range(421)
    ]
    with daemon.client() as client:
        client.put_all(stories)
        client.ok("FLUSH")
    yield daemon
    daemon.finish()


def test_a_set_that_is_cut_says_so(many):
    with many.client() as client:
        cut = client.ok("CONNECTED", id="m0", min_strength=0, copies="show", sections=["overview"])
        assert cut["overview"]["events"] == 300 and cut["bounded"] is True
        whole = client.ok("CONNECTED", id="m0", min_strength=0, copies="show", limit=500, sections=["overview"])
        assert whole["overview"]["events"] == 420 and whole["bounded"] is False


def test_the_size_of_the_set_is_a_setting(start):
    with start("--related.connected=10").client() as client:
        client.put_all([{"id": f"m{n}", "title": f"Quay {n}", "people": ["Ann Lee"]} for n in range(12)])
        client.ok("FLUSH")
        reply = client.ok("CONNECTED", id="m0", min_strength=0, copies="show", sections=["overview"])
        assert reply["overview"]["events"] == 10 and reply["bounded"] is True


@pytest.mark.parametrize("pinned", [[], ["m1"], ["m1", "m2", "m3"], [f"m{n}" for n in range(1, 11)]])
def test_a_set_of_just_the_size_is_not_cut(start, pinned):
    with start("--related.connected=10").client() as client:
        for last in (10, 11):
            client.put_all(
                [{"id": f"m{n}", "title": f"Quay {n}", "people": ["Ann Lee"]} for n in range(last + 1)]
                + [{"id": "m0", "title": "Quay 0", "people": ["Ann Lee"], "pinned": pinned}]
            )
            reply = client.ok("CONNECTED", id="m0", min_strength=0, copies="show", sections=["overview"])
            assert (reply["overview"]["events"], reply["bounded"]) == (10, last == 11)


def test_a_budget_that_cuts_says_so(many):
    many.options.append("--related.postings=1")
    many.restart()
    with many.client() as client:
        client.ok("FLUSH")
        reply = client.ok("CONNECTED", id="m0", min_strength=0, copies="show", limit=500, sections=["overview"])
        assert 0 < reply["overview"]["events"] < 420 and reply["bounded"] is True


def test_sections_and_bounds(reader):
    reply = reader.ok("CONNECTED", id=SOURCE, sections=["overview", "topics"])
    assert set(reply) == {"ok", "overview", "topics", "bounded", "revision", "took_us"}
    nothing = reader.ok("CONNECTED", id=SOURCE, min_strength=1)
    assert nothing["overview"] == {"events": 0, "people": 0, "tags": 0, "views": 0}
    assert nothing["insights"]["most_recent"] is None and nothing["insights"]["most_popular_tag"] is None
    assert nothing["timeline"] == [] and nothing["insights"]["average_views"] == 0
    assert "timeline" in reader.fail("bad_request", "CONNECTED", id=SOURCE, sections=["timelin"])
    reader.fail("not_found", "CONNECTED", "no-such-article")


def test_a_draft_has_no_card(reader):
    reply = reader.ok("CONNECTED", article={"title": "Skua rocket to fly again", "tags": ["rockets"]})
    assert reply["article"] is None
    assert reply["overview"]["events"] > 0


def test_an_article_that_is_not_visible_yet_has_a_card(start, articles):
    fresh = {**articles[SOURCE], "id": "fresh", "views": 7}
    with start("--index.commit_interval=60s").client() as client:
        client.put_all(list(articles.values()))
        client.put(fresh)
        client.ok("VIEW", id="fresh")
        article = client.ok("CONNECTED", id="fresh", sections=["article"])["article"]
        some = client.ok("CONNECTED", id="fresh", sections=["article"], fields=["title", "views", "body"])["article"]
        client.ok("FLUSH")
        assert article == client.ok("CONNECTED", id="fresh", sections=["article"])["article"]
        assert article["id"] == "fresh" and article["views"] == 8
        assert some == {"title": fresh["title"], "body": fresh["body"], "views": 8}


def test_earlier_and_later(reader, articles):
    everything = {hit["id"] for hit in whole_set(reader, 0.05)}
    sides = {side: {hit["id"] for hit in whole_set(reader, 0.05, only=side)} for side in ("earlier", "later")}
    date = when(articles[SOURCE]["published"])
    for name in everything:
        published = when(articles[name]["published"])
        assert (name in sides["earlier"]) == (published < date)
        assert (name in sides["later"]) == (published > date)
    assert sides["earlier"] and sides["later"]


def test_recency_changes_the_order_but_no_strength(reader, articles):
    plain = {hit["id"]: hit["strength"] for hit in whole_set(reader, 0.05)}
    near = whole_set(reader, 0.05, recency={"source": 5})
    assert {hit["id"]: hit["strength"] for hit in near} == plain
    date = when(articles[SOURCE]["published"])

    def rank(name):
        return plain[name] * 0.5 ** (abs((when(articles[name]["published"]) - date).total_seconds()) / 86400 / 5)

    ranks = [rank(hit["id"]) for hit in near]
    assert ranks == sorted(ranks, reverse=True)
    assert [hit["id"] for hit in near] != list(plain)


def test_explanation_adds_up(reader):
    for hit in whole_set(reader, 0.1, explain=True):
        missing = 1.0
        for part, overlap in (("tags", "tag_overlap"), ("entities", "entity_overlap"), ("terms", "similarity")):
            explained = hit["explain"][part]
            assert explained["overlap"] == hit[overlap]
            assert sum(shared["weight"] for shared in explained["shared"]) == pytest.approx(hit[overlap], abs=0.01)
            assert explained["part"] == pytest.approx(explained["weight"] * explained["overlap"], abs=1e-3)
            missing *= 1 - explained["part"]
        assert hit["strength"] == pytest.approx(1 - missing, abs=1e-3)


def test_explanation_adds_up_with_very_many_names(client):
    kinds = ("tags", "people", "organizations", "products", "places")
    names = {kind: [f"{kind} {n}" for n in range(100)] for kind in kinds}
    body = " ".join(f"matter{n} weighs" for n in range(60))
    client.put_all([{"id": name, "title": "Everybody", "body": body, **names} for name in ("one", "two")])
    (hit,) = client.ok("RELATED", id="one", explain=True, copies="show")["related"]
    for part in ("tags", "entities", "terms"):
        shares = [feature["weight"] for feature in hit["explain"][part]["shared"]]
        assert sum(shares) == pytest.approx(hit["explain"][part]["overlap"], abs=0.03) and hit["similarity"] == 1
    assert [len(hit["shared"][kind]) for kind in kinds] == [100] * 5 and len(hit["terms"]) == 10


def test_diversity_keeps_the_first_and_spreads_the_rest(reader):
    plain = reader.ok("RELATED", id=SOURCE, limit=6)["related"]
    spread = reader.ok("RELATED", id=SOURCE, limit=6, diversity=0.7)["related"]
    assert spread[0]["id"] == plain[0]["id"] and len(spread) == 6
    assert [hit["id"] for hit in spread] != [hit["id"] for hit in plain]
    assert sum(hit["strength"] for hit in spread) <= sum(hit["strength"] for hit in plain)


def test_too_few_results_are_withheld(reader):
    count = len(whole_set(reader, 0.2))
    assert len(whole_set(reader, 0.2, min_results=count)) == count
    reply = reader.ok("RELATED", id=SOURCE, limit=1000, min_strength=0.2, min_results=count + 1)
    assert reply["related"] == [] and reply["withheld"] == count
