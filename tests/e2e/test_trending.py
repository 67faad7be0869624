"""TRENDING: rates, baselines, series and articles against those counted here from the articles themselves."""

import json
import unicodedata
from collections import Counter
from datetime import datetime, timedelta
from math import log, sqrt

import pytest

from harness import wait_until

KINDS = ("tags", "people", "organizations", "products", "places")
MOMENTS = ("2025-04-24T12:00:00Z", "2025-06-18T16:15:00Z", "2025-08-07T09:40:00Z", "2025-10-05T14:05:00Z")
STEPS = 16


def when(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def age(article, at):
    return (when(at) - when(article["published"])).total_seconds() / 86400


def score(window, w, baseline, v):
    """The formula of the documentation."""
    if window / w <= baseline / v:
        return 0
    a, b = window + w / (w + v), baseline + v / (w + v)
    return sqrt(2 * (a * log(a * (w + v) / ((a + b) * w)) + b * log(b * (w + v) / ((a + b) * v))))


def plain(name):
    """Names match without case and accents."""
    letters = unicodedata.normalize("NFKD", name.casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def of_the_time(articles, at, days):
    """The first of each story that lies in it."""
    first = {}
    for article in articles:
        if "published" in article and 0 <= age(article, at) < days:
            first.setdefault(article["story"], article)
    return list(first.values())


def expected(articles, at, window, baseline, least=3, kinds=KINDS):
    """{(kind, name): (articles, baseline, score)} of all that rises."""
    counts = {True: Counter(), False: Counter()}
    for article in of_the_time(articles, at, window + baseline):
        for kind in kinds:
            counts[age(article, at) < window].update((kind, name) for name in {plain(name) for name in article.get(kind, [])})
    rising = {}
    for key, count in counts[True].items():
        found = score(count, window, counts[False][key], baseline)
        if count >= least and found > 0:
            rising[key] = (count, counts[False][key], found)
    return rising


def check(reply, rising, window, baseline, limit):
    names = {(entry["kind"], plain(entry["name"])): entry for entry in reply["trending"]}
    assert limit < len(rising) or set(names) == set(rising)
    assert len(names) == len(reply["trending"]) == min(limit, len(rising))
    scores = [entry["score"] for entry in reply["trending"]]
    assert scores == sorted(scores, reverse=True)
    best = sorted((found for _, _, found in rising.values()), reverse=True)[:limit]
    assert scores == pytest.approx(best, abs=1e-4)
    for key, entry in names.items():
        count, before, found = rising[key]
        assert entry["articles"] == count and entry["score"] == pytest.approx(found, abs=1e-4)
        assert entry["rate"] == pytest.approx(count / window, abs=1e-4)
        assert entry["baseline"] == pytest.approx(before / baseline, abs=1e-4)
        assert len(entry["series"]) == STEPS and sum(entry["series"]) == count + before




@pytest.fixture
def stories(reader, articles):
    """The articles, each with its story: the first of its near-copies, as RELATED names them."""
    order = list(articles)
    first = {name: name for name in articles}
    for name in articles:
        for hit in reader.ok("RELATED", id=name, limit=50)["related"]:
            story = {hit["id"], *hit.get("copy_ids", []), *([name] if hit.get("same_story") else [])}
            for copy in story:
                first[copy] = min(story | {first[copy]}, key=order.index)
    assert sum(name != story for name, story in first.items()) >= 2
    return [{**article, "story": first[name]} for name, article in articles.items()]


@pytest.mark.parametrize("at", MOMENTS)
@pytest.mark.parametrize("window, baseline, least", [(21, 60, 2), (10.5, 30.25, 1), (2, 14, 1)])
def test_figures_are_those_of_the_articles(reader, articles, stories, at, window, baseline, least):
    rising = expected(stories, at, window, baseline, least)
    assert rising
    for limit in (1000, 4):
        reply = reader.ok("TRENDING", at=at, window_days=window, baseline_days=baseline, min_articles=least, limit=limit)
        check(reply, rising, window, baseline, limit)
    assert reply["at"] == at and reply["window_days"] == window and reply["baseline_days"] == baseline
    assert reply["articles"] == len(of_the_time(stories, at, window + baseline))
    assert reply["step_days"] == pytest.approx((window + baseline) / STEPS, abs=1e-4)
    assert reply["bounded"] is False and reply["revision"] == len(articles)


def test_the_number_of_articles_is_a_setting(start):
    """Beyond it the newest are counted, and the reply says in which time."""
    with start("--trending.articles=10").client() as client:
        dates = [f"2025-03-{day:02}T12:00:00Z" for day in range(1, 31)]
        client.put_all([{"id": date, "title": "A", "tags": ["t"], "published": date} for date in dates])
        client.ok("FLUSH")
        days = {"at": "2025-03-30", "window_days": 2, "baseline_days": 20}
        reply = client.ok("TRENDING", **days)
        assert reply["bounded"] is True and 9 <= reply["articles"] <= 10
        assert reply["window_days"] == 2 and reply["baseline_days"] == pytest.approx(8.5, abs=0.01)
        assert client.ok("TRENDING", at="2025-03-30", window_days=2, baseline_days=5)["bounded"] is False


def test_by_category_kind_and_filter(reader, stories):
    span = {"at": MOMENTS[3], "window_days": 90, "baseline_days": 180, "min_articles": 2, "limit": 1000}
    science = [article for article in stories if article.get("category") == "Science"]
    rising = expected(science, MOMENTS[3], 90, 180, 2)
    assert rising
    check(reader.ok("TRENDING", category="Science", **span), rising, 90, 180, 1000)
    check(reader.ok("TRENDING", category="SCIENCE", **span), rising, 90, 180, 1000)
    check(reader.ok("TRENDING", filter={"category": "Science"}, **span), rising, 90, 180, 1000)
    kinds = ["people", "places"]
    rising = expected(stories, MOMENTS[3], 90, 180, 2, kinds)
    assert {kind for kind, _ in rising} == set(kinds)
    check(reader.ok("TRENDING", kinds=kinds, **span), rising, 90, 180, 1000)
    none = reader.ok("TRENDING", category="Science", filter={"category": "Business"}, **span)
    assert none["trending"] == [] and none["articles"] == 0
    assert reader.ok("TRENDING", "No such category")["trending"] == []


def test_the_strongest_articles_are_of_the_window_and_have_the_name(reader, articles):
    reply = reader.ok("TRENDING", at=MOMENTS[2], window_days=21, baseline_days=60, articles=2, min_articles=2)
    assert reply["trending"]
    for entry in reply["trending"]:
        assert len(entry["strongest"]) == min(2, entry["articles"])
        for article in entry["strongest"]:
            assert 0 <= age(article, MOMENTS[2]) < 21
            assert plain(entry["name"]) in map(plain, articles[article["id"]][entry["kind"]])
            assert article["title"] == articles[article["id"]]["title"] and article["views"] >= 0
    some = reader.ok("TRENDING", at=MOMENTS[2], window_days=21, baseline_days=60, fields=["id", "views"])
    assert all(set(article) == {"id", "views"} for entry in some["trending"] for article in entry["strongest"])
    assert all(entry["strongest"] == [] for entry in reader.ok("TRENDING", at=MOMENTS[2], articles=0)["trending"])


def test_a_day_is_meant_with_its_end(reader):
    span = {"window_days": 21, "baseline_days": 60, "min_articles": 2}
    day, end = (reader.ok("TRENDING", at=at, **span) for at in ("2025-08-07", "2025-08-07T23:59:59Z"))
    shifted = reader.ok("TRENDING", at="2025-08-08T01:59:59+02:00", **span)
    for reply in (day, end, shifted):
        reply.pop("took_us")
    assert day == end == shifted and day["trending"]


def test_without_a_date_it_is_now(reader):
    reply = reader.ok("TRENDING")
    assert reply["window_days"] == 2 and reply["baseline_days"] == 14 and reply["step_days"] == 1
    assert reply["articles"] == 0 and reply["trending"] == []
    assert abs((when(reply["at"]) - datetime.now(when(reply["at"]).tzinfo)).total_seconds()) < 600


@pytest.mark.parametrize(
    "parameters, named",
    [
        ({"at": "yesterday"}, '"at"'),
        ({"at": "2025-13-01"}, '"at"'),
        ({"at": 1754560000}, '"at"'),
        ({"window_days": 0}, "window_days"),
        ({"window_days": 366}, "window_days"),
        ({"window_days": "2"}, "window_days"),
        ({"baseline_days": -1}, "baseline_days"),
        ({"baseline_days": 3651}, "baseline_days"),
        ({"min_articles": 0}, "min_articles"),
        ({"min_articles": 1.5}, "min_articles"),
        ({"kinds": []}, "kinds"),
        ({"kinds": "tags"}, "kinds"),
        ({"kinds": ["tag"]}, 'did you mean "tags"'),
        ({"kinds": ["xyzzyq"]}, "people"),
        ({"category": ""}, "category"),
        ({"category": " "}, "category"),
        ({"filter": {"colour": "red"}}, "filter.colour"),
        ({"limit": -1}, "limit"),
        ({"limit": 1001}, "limits.result_limit"),
        ({"articles": 21}, "articles"),
        ({"fields": ["titel"]}, 'did you mean "title"'),
        ({"window": 2}, "window"),
        ({"deadline_ms": 0}, "deadline_ms"),
    ],
)
def test_bad_input(reader, parameters, named):
    assert named in reader.fail("bad_request", "TRENDING", **parameters)


def test_settings_are_the_defaults(start):
    daemon = start("--trending.window=36h", "--trending.baseline=240h")
    with daemon.client() as client:
        reply = client.ok("TRENDING")
        assert (reply["window_days"], reply["baseline_days"]) == (1.5, 10)
        assert client.ok("TRENDING", window_days=3)["window_days"] == 3


AT = "2025-06-30T00:00:00Z"


def dated(number, days, **more):
    published = (when(AT) - timedelta(days=days)).isoformat().replace("+00:00", "Z")
    words = f"n{number} m{number} k{number}"
    return {"id": f"t{number}", "title": f"Report {words}", "body": words * 9, "published": published, **more}


def counts(client, **parameters):
    reply = client.ok("TRENDING", at=AT, **parameters)
    return {entry["name"]: (entry["articles"], sum(entry["series"])) for entry in reply["trending"]}


def test_updates_and_deletes_hot_sealed_and_after_a_restart(start):
    daemon = start("--hot_articles=10")
    with daemon.client() as client:
        client.put_all([dated(n, n % 2, tags=["Rising"]) for n in range(5)])
        client.put_all([dated(n, 3 + n % 12, tags=["Rising", "Old"]) for n in range(5, 9)])
        client.put_all([dated(20, -1, tags=["Rising"])])
        client.put_all([{"id": "undated", "title": "No date", "tags": ["Rising"]}])
        client.ok("FLUSH")
        assert counts(client) == {"Rising": (5, 9)}
        client.ok("PUT", **dated(0, 30, tags=["Rising"]), wait="visible")  # leaves the time
        client.ok("PATCH", id="t1", tags=["Other"], wait="visible")
        client.ok("DELETE", id="t5", wait="visible")
        assert counts(client) == {"Rising": (3, 6)}
        assert counts(client, min_articles=1)["Other"] == (1, 1)
        assert counts(client, min_articles=4) == {}
        client.put_all([dated(n, 1, tags=["Later"]) for n in range(30, 55)])
        client.ok("FLUSH")
        client.counter_reaches("segments_sealed", 1)
        found = counts(client)
        assert found["Rising"] == (3, 6) and found["Later"] == (25, 25)
        client.ok("VIEW", id="t40", count=7)
        top = client.ok("TRENDING", at=AT, kinds=["tags"], articles=20)["trending"][0]
        assert top["name"] == "Later" and len(top["strongest"]) == 20
        wait_until(lambda: client.ok("TRENDING", at=AT, filter={"tags": "Later"}, articles=20, limit=1)["ok"])
    daemon.restart()
    with daemon.client() as client:
        wait_until(lambda: counts(client) == found, what="the same figures after a restart")


def test_live_views(start):
    daemon = start()
    with daemon.client() as client:
        client.put_all([dated(n, 1, tags=["T"]) for n in range(3)])
        client.ok("FLUSH")
        client.ok("VIEW", id="t1", count=41)
        shown = client.ok("TRENDING", at=AT, fields=["id", "views"])["trending"][0]["strongest"]
        assert {article["id"]: article["views"] for article in shown} == {"t0": 0, "t1": 41, "t2": 0}


def test_near_copies_count_once(start):
    text = " ".join(f"word{n} and{n * 7} then{n * 13}" for n in range(120))
    copy = {"title": "The same wire text in all the papers today", "body": text, "tags": ["Wire"]}
    daemon = start()
    with daemon.client() as client:
        client.put_all([{**dated(n, 1), **copy} for n in range(2)])
        client.put_all([dated(n, 1, tags=["Wire"]) for n in range(2, 5)])
        client.ok("FLUSH")
        assert counts(client) == {"Wire": (4, 4)}
        client.ok("DELETE", id="t0", wait="visible")  # the copy stands for it
        assert counts(client) == {"Wire": (4, 4)}
        client.ok("DELETE", id="t1", wait="visible")
        assert counts(client) == {"Wire": (3, 3)}


def test_an_answer_at_a_revision(start):
    daemon = start()
    with daemon.client() as client:
        revision = 0
        for n in range(3):
            revision = client.put(dated(n, 1, tags=["T"]))["revision"]
        reply = client.ok("TRENDING", at=AT, min_revision=revision)
        assert reply["revision"] >= revision and reply["trending"][0]["articles"] == 3
        assert json.dumps(reply["trending"][0]["series"]) == json.dumps([0] * 14 + [3, 0])
