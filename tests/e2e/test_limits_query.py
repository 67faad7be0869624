"""The limits of [limits] that concern queries, memory and queues; disk space; each with its counter."""

import sqlite3

import pytest

from harness import wait_until

NESTED = "(" * 3 + "fox" + ")" * 3


@pytest.mark.parametrize(
    "option, fits, over, word",
    [
        ("query_text=20", "a" * 20, "a" * 21, "query_text"),
        ("query_terms=5", "one two three four five", "one two three four five six", "query_terms"),
        ("query_terms=5", "tag:a tag:b tag:c d e", "tag:a tag:b tag:c d e f", "query_terms"),
        ("query_nesting=3", NESTED, f"({NESTED})", "query_nesting"),
        ("query_wildcards=2", "abc* abd*", "abc* abd* abe*", "query_wildcards"),
        ("query_wildcards=0", "abc", "abc*", "query_wildcards"),
        ("wildcard_prefix=4", "abcd*", "abc*", "wildcard_prefix"),
        ("phrase_words=3", '"one two three"', '"one two three four"', "phrase_words"),
    ],
)
def test_bounds_of_the_query(start, option, fits, over, word):
    with start(f"--limits.{option}").client() as client:
        name, value = option.split("=")
        assert client.ok("HELLO")["limits"][name] == int(value)
        client.ok("SEARCH", query=fits)
        assert client.counter("queries_rejected") == 0
        assert word in client.fail("bad_request", "SEARCH", query=over)
        assert client.counter("queries_rejected") == 1


def test_the_built_in_bounds_hold_against_the_worst(reader):
    for query in ["(" * 1000 + "a" + ")" * 1000, "a* b* c* d*", "abc* " * 20, '"' + "a " * 40 + '"', "x " * 200]:
        reader.fail("bad_request", "SEARCH", query=query)


def test_wildcard_expansions(start):
    with start("--limits.wildcard_expansions=2").client() as client:
        common = [{"id": f"{i}", "title": "prefixaaa prefixbbb"} for i in range(3)]
        client.put_all([*common, {"id": "rare", "title": "prefixzzz"}])
        assert client.ids("prefixz*") == ["rare"] and client.counter("wildcards_cut") == 0
        assert set(client.ids("prefix*")) == {"0", "1", "2"}, "the most frequent ones"
        assert client.counter("wildcards_cut") >= 1


def test_result_window(start):
    with start("--limits.result_limit=5", "--limits.result_window=10").client() as client:
        client.put({"id": "a", "title": "Fox"}, wait="visible")
        client.ok("SEARCH", query="fox", limit=5, offset=5)
        client.ok("RELATED", id="a", limit=5)
        assert client.counter("windows_rejected") == 0
        assert "result_limit" in client.fail("bad_request", "SEARCH", query="fox", limit=6)
        assert "result_limit" in client.fail("bad_request", "RELATED", id="a", limit=6)
        assert "result_window" in client.fail("bad_request", "SEARCH", query="fox", limit=5, offset=6)
        assert client.counter("windows_rejected") == 3


def test_deadline_max(start):
    with start("--limits.deadline=100ms", "--limits.deadline_max=200ms").client() as client:
        client.ok("SEARCH", query="fox", deadline_ms=200)
        assert "200" in client.fail("bad_request", "SEARCH", query="fox", deadline_ms=201)
        assert client.counter("deadlines_rejected") == 1
        limits = client.ok("HELLO")["limits"]
        assert (limits["deadline_ms"], limits["deadline_max_ms"]) == (100, 200)


def test_the_default_deadline(start):
    """Queries that wait for the only worker longer than the default deadline."""
    with start("--limits.deadline=1ms", "--server.workers=1", "--limits.pipeline=1000").client() as client:
        client.put_all([{"id": str(i), "title": f"Story {i}", "body": "word " * 20} for i in range(300)])
        line = client.line("SEARCH", query="story", limit=300)

        def late():
            client.send(*[line] * 300)
            codes = {reply["error"]["code"] for reply in client.receive_all(300) if not reply["ok"]}
            assert codes <= {"deadline"}
            return codes

        wait_until(late, 20, "a query to pass the deadline")
        assert client.counter("requests_deadline") >= 1


def busy_replies(client, line, count=300):
    """The `busy` errors among the replies to many requests at once; no other errors."""
    client.send(*[f"@{i} {line}" for i in range(count)])
    errors = [reply["error"] for reply in client.receive_all(count) if not reply["ok"]]
    assert {error["code"] for error in errors} <= {"busy"}
    assert all(error["retry_after_ms"] > 0 for error in errors)
    return len(errors)


def test_queue_of_queries(start):
    options = ["--limits.queue=1", "--server.workers=1", "--limits.pipeline=1000", "--limits.deadline=10s"]
    with start(*options).client() as client:
        client.put_all([{"id": str(i), "title": f"Story {i}"} for i in range(300)])
        line = client.line("SEARCH", query="story", limit=300)
        refused = wait_until(lambda: busy_replies(client, line), 20, "a query to be refused")
        assert client.counter("requests_busy") >= refused
        client.ok("SEARCH", "story")


def test_queue_of_writes(start):
    with start("--store.queue_writes=16", "--limits.pipeline=1000").client() as client:
        line = client.line("PUT", id="a", title="A", body="word " * 200)
        refused = wait_until(lambda: busy_replies(client, line), 20, "a write to be refused")
        assert client.counter("requests_busy") >= refused
        client.put({"id": "b", "title": "B"})


def test_bytes_of_waiting_writes(start):
    """While another program holds the store's lock nothing is written, so what is sent must wait or be refused."""
    daemon = start("--store.queue_bytes=1M", "--limits.pipeline=1000", "--limits.requests_per_turn=1000")
    holder = sqlite3.connect(daemon.directory / "data" / "store.db", isolation_level=None)
    with daemon.client() as client:
        line = client.line("PUT", id="a", title="A", body="word " * 60000)
        holder.execute("BEGIN IMMEDIATE")
        client.send(*[f"@{i} {line}" for i in range(12)])
        first = client.receive()
        holder.execute("ROLLBACK")
        assert first["error"]["code"] == "busy" and "queue_bytes" in first["error"]["message"]
        client.receive_all(11)
        client.put({"id": "b", "title": "B"})
    holder.close()


def test_a_small_result_limit_is_what_is_shown(start):
    with start("--limits.result_limit=5").client() as client:
        client.put_all([{"id": f"a{n}", "title": f"Fox {n}", "tags": ["fox"]} for n in range(9)])
        assert len(client.ok("SEARCH", "fox")["hits"]) == 5
        assert len(client.ok("RELATED", id="a0", copies="show")["related"]) == 5
        assert "at most 5" in client.fail("bad_request", "SEARCH", query="fox", limit=6)
        client.ok("TRENDING")


def test_memory(start):
    with start("--limits.memory=1M").client() as client:
        for verb, argument in [("PUT", {"id": "a", "title": "A"}), ("DELETE", {"ids": ["a"]}), ("SEARCH", "a")]:
            wait_until(lambda: client.call(verb, argument)["ok"] is False, 5)
            reply = client.call(verb, argument)
            assert reply["error"]["code"] == "busy" and reply["error"]["retry_after_ms"] > 0
            assert "limits.memory" in reply["error"]["message"]
        assert client.ok("PING") and client.ok("HELLO")
        assert client.ok("STATS")["server"]  # what the administrator needs now


def test_disk_floor(start, tmp_path):
    """Too little disk space refuses writes and nothing else; they go on without a restart."""
    daemon = start(run=False)
    daemon.options += ["--config", str(tmp_path / "conf")]
    (tmp_path / "conf").write_text("")
    command = [word for word in daemon.command() if not word.startswith("--store.disk_floor")]
    daemon.command = lambda *more: [*command, *more]
    (tmp_path / "conf").write_text("[store]\ndisk_floor = 0\n")
    daemon.start()
    with daemon.client() as client:
        client.put({"id": "a", "title": "Fox"}, wait="visible")
        (tmp_path / "conf").write_text("[store]\ndisk_floor = 1T\n")
        reload(daemon, 1)
        assert "disk_floor" in client.fail("unavailable", "PUT", {"id": "b", "title": "B"})
        client.fail("unavailable", "DELETE", "a")
        assert client.ids("fox") == ["a"] and client.ok("GET", "a") and client.ok("FLUSH")
        assert client.counter("writes_refused") == 2
        (tmp_path / "conf").write_text("[store]\ndisk_floor = 0\n")
        reload(daemon, 2)
        assert client.put({"id": "b", "title": "B"})["revision"] == 2


def reload(daemon, times):
    import signal

    daemon.signal(signal.SIGHUP)
    wait_until(lambda: daemon.log().count("configuration reloaded") == times, 5, "the reload")


def test_a_damaged_row_is_unavailable_and_counted(start):
    import sqlite3

    daemon = start()
    with daemon.client() as client:
        client.put({"id": "a", "title": "Fox"})
        client.put({"id": "b", "title": "Dog"}, wait="visible")
    daemon.stop()
    with sqlite3.connect(daemon.directory / "data" / "store.db") as store:
        columns = [row[1] for row in store.execute("PRAGMA table_info(articles)")]
        crc = next(name for name in columns if "crc" in name or "checksum" in name)
        store.execute(f"UPDATE articles SET {crc} = {crc} + 1 WHERE id = 'a'")
    store.close()
    daemon.start()
    with daemon.client() as client:
        assert "checksum" in client.fail("unavailable", "GET", "a")
        assert client.ok("GET", "b") and client.counter("store_bad_rows") >= 1
        client.put({"id": "a", "title": "Fox"})
        assert client.ok("GET", "a")
