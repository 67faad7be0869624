"""SEARCH apart from the query: filters, sorts, windows, fields, totals, deadlines."""

import pytest

from harness import wait_until


def expected(articles, test):
    return {name for name, article in articles.items() if test(article)}


def has(key, *values):
    wanted = {value.casefold() for value in values}
    return lambda article: bool(wanted & {value.casefold() for value in article.get(key, [])})


FILTERS = [
    # filter, what it lets through
    ({"category": "Science"}, lambda a: a["category"] == "Science"),
    ({"category": ["science", "SPORT"]}, lambda a: a["category"] in ("Science", "Sport")),
    ({"tags": "football"}, has("tags", "football")),
    ({"tags": ["football", "chess"]}, has("tags", "football", "chess")),
    ({"tags": {"any": ["football", "chess"]}}, has("tags", "football", "chess")),
    ({"tags": {"all": ["football", "batteries"]}}, lambda a: {"football", "batteries"} <= set(a.get("tags", []))),
    ({"tags": {"none": ["football"]}}, lambda a: "football" not in a.get("tags", [])),
    (
        {"tags": {"any": ["football", "space"], "none": ["batteries", "norway"]}},
        lambda a: has("tags", "football", "space")(a) and not has("tags", "batteries", "norway")(a),
    ),
    ({"people": "desmond okafor"}, has("people", "Desmond Okafor")),
    ({"people": "Álvaro Bastida"}, has("people", "Álvaro Bastida")),
    ({"people": "alvaro bastida"}, has("people", "Álvaro Bastida")),
    ({"organizations": {"all": ["Voltara", "Formosil"]}}, lambda a: {"Voltara", "Formosil"} <= set(a.get("organizations", []))),
    ({"products": "veltamine"}, has("products", "veltamine")),
    ({"places": "cedar ridge"}, has("places", "Cedar Ridge")),
    ({"language": "de"}, lambda a: a["language"] == "de"),
    ({"language": "de-AT"}, lambda a: a["language"] == "de"),
    ({"language": {"none": ["en-GB", "de_CH"]}}, lambda a: a["language"] not in ("en", "de")),
    ({"language": {"none": ["en", "de"]}}, lambda a: a["language"] not in ("en", "de")),
    ({"source": "Touchline"}, lambda a: a["source"] == "Touchline"),
    ({"sentiment": "positive"}, lambda a: a["sentiment"] == "positive"),
    ({"sentiment": {"none": "neutral"}}, lambda a: a["sentiment"] != "neutral"),
    ({"published": {"from": "2025-09-01"}}, lambda a: a["published"] >= "2025-09-01"),
    ({"published": {"to": "2025-02"}}, lambda a: a["published"] < "2025-03"),
    ({"published": {"from": "2025-05-10", "to": "2025-05-29"}}, lambda a: "2025-05-10" <= a["published"] < "2025-05-30"),
    (
        {"published": {"from": "2025-09-18T07:55:00Z", "to": "2025-09-18T07:55:00Z"}},
        lambda a: a["published"] == "2025-09-18T07:55:00Z",
    ),
    (
        {"category": "Business", "sentiment": "negative", "tags": {"none": "batteries"}},
        lambda a: a["category"] == "Business" and a["sentiment"] == "negative" and not has("tags", "batteries")(a),
    ),
    ({"published": {"from": None, "to": "2025-02"}}, lambda a: a["published"] < "2025-03"),
    ({"tags": {"any": None, "all": ["football", "batteries"]}}, lambda a: {"football", "batteries"} <= set(a.get("tags", []))),
    ({"tags": "no such tag"}, lambda a: False),
    ({"tags": []}, lambda a: False),
    ({"tags": {"none": []}}, lambda a: True),
    ({}, lambda a: True),
]


@pytest.mark.parametrize("rule, test", FILTERS, ids=[str(rule) for rule, _ in FILTERS])
def test_filters(reader, articles, rule, test):
    wanted = expected(articles, test)
    reply = reader.ok("SEARCH", filter=rule, limit=200)
    assert {hit["id"] for hit in reply["hits"]} == wanted
    assert (reply["total"], reply["total_exact"]) == (len(wanted), True)


@pytest.mark.parametrize("sort", ["relevance", "newest", "most_viewed"])
@pytest.mark.parametrize("rule, test", FILTERS, ids=[str(rule) for rule, _ in FILTERS])
def test_filters_with_words(reader, articles, rule, test, sort):
    words = {hit["id"] for hit in reader.ok("SEARCH", query="the a und de la", limit=200)["hits"]}
    wanted = words & expected(articles, test)
    assert set(reader.ids("the a und de la", filter=rule, sort=sort)) == wanted


def test_a_filter_does_not_change_the_scores(reader):
    plain = {hit["id"]: hit["score"] for hit in reader.ok("SEARCH", query="rocket", limit=100)["hits"]}
    filtered = reader.ok("SEARCH", query="rocket", filter={"category": "Science"}, limit=100)["hits"]
    assert filtered and all(plain[hit["id"]] == hit["score"] for hit in filtered)


@pytest.mark.parametrize(
    "sort, key, reverse",
    [
        ("newest", lambda a: a["published"], True),
        ("oldest", lambda a: a["published"], False),
        ("most_viewed", lambda a: a["views"], True),
    ],
)
def test_sorts(reader, articles, sort, key, reverse):
    for query in ("", "the", "tag:football", "voltara"):
        reply = reader.ok("SEARCH", query=query, sort=sort, limit=200)
        keys = [key(articles[hit["id"]]) for hit in reply["hits"]]
        assert keys and keys == sorted(keys, reverse=reverse)
        assert "score" not in reply["hits"][0]


def test_without_words_the_newest_come_first(reader, articles):
    newest = sorted(articles, key=lambda name: articles[name]["published"], reverse=True)
    assert reader.ids() == newest
    assert reader.ids("tag:football") == [name for name in newest if has("tags", "football")(articles[name])]


@pytest.mark.parametrize("parameters", [{"sort": "newest"}, {"query": "the", "sort": "oldest"}, {"query": "the river"}])
def test_windows_put_together_are_the_whole(reader, parameters):
    whole = reader.ids(**parameters)
    parts = []
    for offset in range(0, len(whole) + 10, 7):
        parts += reader.ids(**parameters, offset=offset, limit=7)
    assert parts == whole


def test_limits(reader):
    assert len(reader.ok("SEARCH", "the")["hits"]) == 10
    reply = reader.ok("SEARCH", query="the", limit=0)
    assert reply["hits"] == [] and reply["total"] > 50
    assert len(reader.ok("SEARCH", limit=1000)["hits"]) == 120
    assert reader.ok("SEARCH", query="the", offset=9000, limit=1000)["hits"] == []


def test_fields(reader, articles):
    hit = reader.ok("SEARCH", query="rocket", fields=["title", "published"], limit=1)["hits"][0]
    assert set(hit) == {"title", "published", "score"}
    hit = reader.ok("SEARCH", query="letter posted Mayo", fields=["id", "body", "extra", "tags", "views"], limit=1)["hits"][0]
    assert hit["body"] == articles["a120-snail-post"]["body"]
    assert set(hit) == {"id", "body", "views", "score"}


def test_a_card_holds_what_a_hit_shows(reader, articles):
    hit = reader.ok("SEARCH", query="veltamine", limit=1)["hits"][0]
    del hit["score"]
    article = dict(articles[hit["id"]])
    del article["body"]
    assert hit == article


def test_long_summaries_are_cut_between_words(client):
    client.put({"id": "a", "title": "Fox", "summary": "wörter " * 200}, wait="visible")
    summary = client.ok("SEARCH", "fox")["hits"][0]["summary"]
    assert summary.endswith("wörter…") and len(summary.encode()) <= 610
    assert len(client.ok("SEARCH", query="fox", fields=["summary", "body"])["hits"][0]["summary"]) == 1400


def test_exact_total(reader):
    reply = reader.ok("SEARCH", query="the voltara fire", exact_total=True, limit=1)
    assert reply["total_exact"] is True
    assert reply["total"] == len(reader.ids("the voltara fire"))
    estimate = reader.ok("SEARCH", query="the voltara fire", limit=1)
    assert estimate["total_exact"] or abs(estimate["total"] - reply["total"]) < reply["total"]


def test_the_reply(reader):
    reply = reader.ok("SEARCH", "rocket")
    assert set(reply) == {"ok", "total", "total_exact", "hits", "revision", "took_us"}
    assert reply["revision"] == 120 and reply["took_us"] > 0


def test_totals_up_to_a_hundred_are_exact(client):
    """Of two words that overlap, each in fewer articles than have one of them."""
    words = ["gneiss"] * 50 + ["gneiss basalt"] * 10 + ["basalt"] * 40
    client.put_all([{"id": f"r{i}", "title": words[i]} for i in range(100)])
    reply = client.ok("SEARCH", query="gneiss OR basalt", limit=5)
    assert (reply["total"], reply["total_exact"], len(reply["hits"])) == (100, True, 5)
    reply = client.ok("SEARCH", query="gneiss OR basalt", limit=0)
    assert (reply["total"], reply["total_exact"]) == (100, True)
    assert client.ok("SEARCH", query="gneiss", limit=1)["total"] == 60


def test_a_word_that_every_article_has(client):
    """More articles than one chunk of a posting list holds, with gaps between their revisions."""
    for start in range(0, 1200, 30):
        lines = [client.line("PUT", id=f"n{i}", title="Everywhere", language="en") for i in range(start, start + 30)]
        client.send(*lines, f"DELETE n{start}")
        assert all(reply["ok"] for reply in client.receive_all(31))
    client.ok("FLUSH")
    assert client.ok("SEARCH", "everywhere")["total"] == 1160
    assert client.ok("SEARCH", query="everywhere", sort="oldest")["total"] == 1160
    assert client.ok("SEARCH", query="everywhere", filter={"language": "en"})["total"] == 1160
    assert client.ok("SEARCH", query="language:en")["total"] == 1160


def test_deadline(start):
    """With one worker and many queries at once, those at the end wait longer than their deadline."""
    daemon = start("--server.workers=1", "--limits.pipeline=1000")
    with daemon.client() as client:
        client.put_all([{"id": str(i), "title": f"Story {i}", "body": f"word{i} " * 20} for i in range(500)])
        line = client.line("SEARCH", query="story", limit=500, deadline_ms=1)

        def late():
            client.send(*[line] * 300)
            codes = [reply["error"]["code"] for reply in client.receive_all(300) if not reply["ok"]]
            assert set(codes) <= {"deadline"}
            return len(codes)

        before = client.counter("requests_deadline")
        count = wait_until(late, 20, "a query to pass its deadline")
        assert client.counter("requests_deadline") - before >= count
        assert client.ids("story", limit=500)
