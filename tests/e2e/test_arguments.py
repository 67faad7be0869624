"""Arguments: types, ranges, unknown keys with the nearest known one, what is missing; for each command."""

import pytest

from harness import Client

LONG_ID = "i" * 201
MANY = ["x"] * 1001

WRONG = [
    # command, argument, words of the message
    ("PING", {"a": 1}, ["unknown key", '"a"']),
    ("PING", "text", ["no argument"]),
    ("HELLO", {"protocol": 1}, ["unknown key"]),
    ("QUIT", "now", ["no argument"]),
    ("STATS", "index", ["no argument"]),
    ("SHUTDOWN", {"now": True}, ["unknown key"]),
    # SEARCH
    ("SEARCH", {"query": 5}, ['"query"', "a string"]),
    ("SEARCH", {"query": ["a"]}, ['"query"', "a string"]),
    ("SEARCH", {"qeury": "a"}, ['"qeury"', 'did you mean "query"']),
    ("SEARCH", {"limits": 5}, ['did you mean "limit"']),
    ("SEARCH", {"zzz": 5}, ['unknown key "zzz"']),
    ("SEARCH", {"limit": "5"}, ['"limit"', "an integer"]),
    ("SEARCH", {"limit": 1.5}, ['"limit"', "an integer"]),
    ("SEARCH", {"limit": -1}, ['"limit"', "0 to"]),
    ("SEARCH", {"limit": 10001}, ['"limit"']),
    ("SEARCH", {"limit": 1001}, ['"limit"', "at most 1000", "result_limit"]),
    ("SEARCH", {"offset": -1}, ['"offset"']),
    ("SEARCH", {"offset": 9995, "limit": 10}, ['"offset"', "result_window"]),
    ("SEARCH", {"sort": "best"}, ['"sort"', "relevance|newest|oldest|most_viewed"]),
    ("SEARCH", {"sort": 1}, ['"sort"', "a string"]),
    ("SEARCH", {"fields": "title"}, ['"fields"', "a list of strings"]),
    ("SEARCH", {"fields": []}, ['"fields"']),
    ("SEARCH", {"fields": ["title", 1]}, ['"fields"', "a list of strings"]),
    ("SEARCH", {"fields": ["titel"]}, ["titel"]),
    ("SEARCH", {"fields": ["id"] * 31}, ['"fields"']),
    ("SEARCH", {"language": "e"}, ['"language"']),
    ("SEARCH", {"language": "qq"}, ['"language"', "ISO 639-1"]),
    ("SEARCH", {"exact_total": "yes"}, ['"exact_total"', "true or false"]),
    ("SEARCH", {"deadline_ms": 0}, ['"deadline_ms"']),
    ("SEARCH", {"deadline_ms": 10001}, ['"deadline_ms"', "10000"]),
    ("SEARCH", {"min_revision": -1}, ['"min_revision"']),
    ("SEARCH", {"min_revision": "1"}, ['"min_revision"', "an integer"]),
    ("SEARCH", {"wait_ms": 0}, ['"wait_ms"']),
    ("SEARCH", {"filter": ["ai"]}, ['"filter"', "an object"]),
    ("SEARCH", {"filter": {"tag": "ai"}}, ["filter.tag", 'did you mean "tags"']),
    ("SEARCH", {"filter": {"zzz": "ai"}}, ["filter.zzz", "known are category, tags"]),
    ("SEARCH", {"filter": {"tags": 1}}, ["filter.tags"]),
    ("SEARCH", {"filter": {"tags": [1]}}, ["filter.tags"]),
    ("SEARCH", {"filter": {"tags": ""}}, ["filter.tags"]),
    ("SEARCH", {"filter": {"tags": {"some": ["ai"]}}}, ["filter.tags", '"any", "all" and "none"']),
    ("SEARCH", {"filter": {"tags": ["x"] * 201}}, ["filter.tags", "200"]),
    ("SEARCH", {"filter": {"published": "2025"}}, ["filter.published"]),
    ("SEARCH", {"filter": {"published": {"from": "soon"}}}, ["filter.published.from", "a date"]),
    ("SEARCH", {"filter": {"published": {"until": "2025"}}}, ["filter.published", '"from" and "to"']),
    # RELATED
    ("RELATED", None, ['"id", "ids" and "article"']),
    ("RELATED", {"id": "a", "ids": ["b"]}, ["one of"]),
    ("RELATED", {"id": 1}, ['"id"', "a string"]),
    ("RELATED", {"id": ""}, ['"id"', "1 to 200 bytes"]),
    ("RELATED", {"id": LONG_ID}, ['"id"']),
    ("RELATED", {"ids": []}, ['"ids"', "1 to 100"]),
    ("RELATED", {"ids": ["x"] * 101}, ['"ids"', "1 to 100"]),
    ("RELATED", {"idd": "a"}, ['did you mean "id"']),
    ("RELATED", {"article": "a"}, ['"article"', "an object"]),
    ("RELATED", {"article": {"titel": "a"}}, ["article", "titel", '"title"']),
    ("RELATED", {"article": {"tags": "a"}}, ["article", '"tags"']),
    ("RELATED", {"id": "a", "min_strength": 1.1}, ['"min_strength"', "0 to 1"]),
    ("RELATED", {"id": "a", "min_strength": "0"}, ['"min_strength"', "a number"]),
    ("RELATED", {"id": "a", "weights": {"tags": 2}}, ['"weights"', '"tags"']),
    ("RELATED", {"id": "a", "weights": {"tag": 1}}, ['"weights"', 'did you mean "tags"']),
    ("RELATED", {"id": "a", "exclude": {"id": ["b"]}}, ['"exclude"', 'did you mean "ids"']),
    ("RELATED", {"id": "a", "exclude": {"ids": "b"}}, ['"exclude"', '"ids"', "a list of strings"]),
    ("RELATED", {"id": "a", "limit": 1001}, ['"limit"']),
    ("RELATED", {"id": "a", "fields": ["nonsense"]}, ["nonsense"]),
    ("RELATED", {"id": "a", "filter": {"peeple": "x"}}, ["filter.peeple", '"people"']),
    ("RELATED", {"id": "a", "deadline_ms": 1e3}, ['"deadline_ms"', "an integer"]),
    # GET
    ("GET", None, ['"id", "ids" and "profile"']),
    ("GET", {"id": "a", "ids": ["b"]}, ['"id", "ids" and "profile"']),
    ("GET", {"ids": "a"}, ['"ids"', "a list of strings"]),
    ("GET", {"ids": []}, ['"ids"']),
    ("GET", {"ids": MANY}, ['"ids"', "1000"]),
    ("GET", {"id": LONG_ID}, ['"id"']),
    ("GET", {"id": "a", "field": ["id"]}, ['did you mean "fields"']),
    ("GET", {"id": "a", "fields": ["nonsense"]}, ["nonsense"]),
    # PUT
    ("PUT", None, ['"id" is missing']),
    ("PUT", "a1", ["a JSON object"]),
    ("PUT", {"id": "a"}, ['"title" is missing']),
    ("PUT", {"title": "A"}, ['"id" is missing']),
    ("PUT", {"id": "", "title": "A"}, ['"id"']),
    ("PUT", {"id": LONG_ID, "title": "A"}, ['"id"', "200 bytes"]),
    ("PUT", {"id": 7, "title": "A"}, ['"id"', "a string"]),
    ("PUT", {"id": "a\nb", "title": "A"}, ['"id"', "control"]),
    ("PUT", {"id": "a", "title": "  "}, ['"title"', "empty"]),
    ("PUT", {"id": "a", "title": 1}, ['"title"', "a string"]),
    ("PUT", {"id": "a", "title": "t" * 2001}, ['"title"', "2000"]),
    ("PUT", {"id": "a", "title": "A", "boby": "x"}, ['"boby"', 'did you mean "body"']),
    ("PUT", {"id": "a", "title": "A", "body": ["x"]}, ['"body"', "a string"]),
    ("PUT", {"id": "a", "title": "A", "tags": "x"}, ['"tags"', "a list of strings"]),
    ("PUT", {"id": "a", "title": "A", "tags": ["x", 2]}, ['"tags"', "number 2"]),
    ("PUT", {"id": "a", "title": "A", "tags": [" "]}, ['"tags"', "blank"]),
    ("PUT", {"id": "a", "title": "A", "tags": [str(i) for i in range(101)]}, ['"tags"', "at most 100"]),
    ("PUT", {"id": "a", "title": "A", "people": ["p" * 201]}, ['"people"', "200 bytes"]),
    ("PUT", {"id": "a", "title": "A", "language": "tlh"}, ['"language"', "ISO 639-1"]),
    ("PUT", {"id": "a", "title": "A", "published": "yesterday"}, ['"published"', "a date"]),
    ("PUT", {"id": "a", "title": "A", "published": "2025-02-30"}, ['"published"', "a date"]),
    ("PUT", {"id": "a", "title": "A", "sentiment": "happy"}, ['"sentiment"', "positive, neutral or negative"]),
    ("PUT", {"id": "a", "title": "A", "views": -1}, ['"views"', "from 0 to"]),
    ("PUT", {"id": "a", "title": "A", "views": 4294967296}, ['"views"', "from 0 to 4294967295"]),
    ("PUT", {"id": "a", "title": "A", "views": 1.5}, ['"views"', "whole number"]),
    ("PUT", {"id": "a", "title": "A", "extra": []}, ['"extra"', "an object"]),
    ("PUT", {"id": "a", "title": "A", "wait": "later"}, ['"wait"', "visible"]),
    ("PUT", {"id": "a", "title": "A", "if_revision": "1"}, ['"if_revision"', "an integer"]),
    ("PUT", {"id": "a", "title": "A", "wait_ms": 0}, ['"wait_ms"']),
    # PATCH
    ("PATCH", None, ['"id"']),
    ("PATCH", {"title": "A"}, ['"id"']),
    ("PATCH", {"id": "a", "titel": "A"}, ['did you mean "title"']),
    ("PATCH", "a", ["a JSON object"]),
    # DELETE
    ("DELETE", None, ['"id" or "ids"']),
    ("DELETE", {"id": "a", "ids": ["b"]}, ['"id" or "ids"']),
    ("DELETE", {"ids": ["a"], "if_revision": 1}, ['"if_revision"']),
    ("DELETE", {"ids": []}, ['"ids"']),
    ("DELETE", {"id": "a", "wiat": "visible"}, ['did you mean "wait"']),
    # VIEW
    ("VIEW", None, ['"id" is missing']),
    ("VIEW", {"count": 2}, ['"id" is missing']),
    ("VIEW", {"id": "a", "count": 0}, ['"count"', "1 to"]),
    ("VIEW", {"id": "a", "count": "2"}, ['"count"', "an integer"]),
    ("VIEW", {"id": "a", "cuont": 2}, ['did you mean "count"']),
    # FLUSH, REINDEX
    ("FLUSH", "now", ["a JSON object"]),
    ("FLUSH", {"wait_ms": 0}, ['"wait_ms"']),
    ("FLUSH", {"waitms": 5}, ['did you mean "wait_ms"']),
    ("REINDEX", "begin", ['"action"', "start|status"]),
    ("REINDEX", {"action": 1}, ['"action"', "a string"]),
    ("REINDEX", {"actoin": "start"}, ['did you mean "action"']),
]


@pytest.mark.parametrize("command, argument, words", WRONG, ids=lambda value: None if isinstance(value, list) else None)
def test_wrong_arguments(reader, command, argument, words):
    message = reader.fail("bad_request", command, argument)
    for word in words:
        assert word in message


def test_nothing_was_written_by_them(reader):
    stats = reader.ok("STATS")
    assert stats["store"]["revision"] == 120


@pytest.mark.parametrize("verb", ["SEARCH", "RELATED", "GET", "PUT", "PATCH", "DELETE", "VIEW", "REINDEX"])
def test_an_argument_must_be_an_object(reader, verb):
    reader.send(verb + ' ["a"]')
    code = reader.receive()["error"]["code"] if verb != "SEARCH" else reader.receive()["ok"]
    assert code in ("bad_request", "not_found", True)


def test_a_tag_list_is_bare_text_of_search(reader):
    assert reader.ok("SEARCH", '["rocket"]')["total"] > 0


@pytest.mark.parametrize(
    "command, argument",
    [
        ("SEARCH", {"query": None, "limit": None, "filter": None, "sort": None, "fields": None}),
        ("SEARCH", {"filter": {"tags": None}}),
        ("GET", {"id": "a120-snail-post", "ids": None, "fields": None}),
        ("RELATED", {"id": "a120-snail-post", "ids": None, "article": None, "exclude": None, "weights": None}),
        ("FLUSH", {"wait_ms": None}),
        ("REINDEX", {"action": None}),
    ],
)
def test_null_is_absent(reader, command, argument):
    reader.ok(command, argument)


def test_depth(start):
    with start("--limits.json_depth=8").client() as client:
        inside = {"id": "a", "title": "A", "extra": nested(7)}
        client.ok("PUT", inside)
        inside["extra"] = nested(8)
        assert "nested deeper than 8" in client.fail("bad_request", "PUT", inside)
        assert client.counter("arguments_rejected") == 1
        deep = "[" * 2000 + "]" * 2000
        client.send('SEARCH {"query":' + deep + "}")
        assert client.receive()["error"]["code"] == "bad_request"
        client.ok("SEARCH", query="[[[[[[[[[[")


def nested(levels):
    value = {}
    for _ in range(levels - 1):
        value = {"a": value}
    return value


def test_number_of_values(start):
    with start("--limits.json_nodes=100").client() as client:
        assert client.ok("GET", ids=["x"] * 90)["missing"]
        assert client.counter("arguments_rejected") == 0
        assert "more than 100 values" in client.fail("bad_request", "GET", ids=["x"] * 110)
        assert client.counter("arguments_rejected") == 1


def test_large_arguments_are_checked_the_same(news):
    """Those over 16 KB are parsed by a worker."""
    padding = " " * 20000
    with news.client() as client:
        client.send('SEARCH {"query":"rocket",' + padding + '"limit":1}', 'SEARCH {"qury":"rocket"' + padding + "}")
        replies = client.receive_all(2)
        assert replies[0]["hits"]
        assert 'did you mean "query"' in replies[1]["error"]["message"]
        client.send("@t GET {" + padding + "]")
        reply = client.receive()
        assert reply["tag"] == "t" and reply["error"]["code"] == "bad_request"


def test_line_of_a_client():
    assert Client.line("GET", {"id": "a"}, fields=["id"]) == 'GET {"id": "a", "fields": ["id"]}'
