"""When a write can be read: GET at once, SEARCH after `wait`, FLUSH or `min_revision`."""

import threading

from harness import seconds, wait_until

# Nothing becomes visible by itself for a minute; who asks for it must not wait that long.
SLOW = "--index.commit_interval=60s"


def article(name, **more):
    return {"id": name, "title": f"Story {name}", **more}


def test_put_then_get_on_one_connection(client):
    lines = []
    for i in range(30):
        lines += [client.line("PUT", article("a", extra={"i": i})), client.line("GET", id="a", fields=["extra"])]
    client.send(*lines)
    replies = client.receive_all(60)
    # a GET may see what was put after it, but never less than what was put before
    assert all(reply["article"]["extra"]["i"] >= i for i, reply in enumerate(replies[1::2]))


def test_put_then_delete_then_get(client):
    client.send(client.line("PUT", article("a")), "DELETE a", "GET a")
    assert [reply["ok"] for reply in client.receive_all(3)] == [True, True, False]


def test_wait_visible(start):
    with start(SLOW).client() as client:
        client.put(article("a"), wait="visible")
        assert client.ids("story") == ["a"]
        client.ok("PATCH", id="a", title="Tale", wait="visible")
        assert client.ids("tale") == ["a"] and client.ids("story") == []
        client.ok("DELETE", id="a", wait="visible")
        assert client.ids() == []


def test_wait_visible_then_search_in_one_go(start):
    with start(SLOW).client() as client:
        client.send(client.line("PUT", article("a"), wait="visible"), "SEARCH story")
        assert [hit["id"] for hit in client.receive_all(2)[1]["hits"]] == ["a"]


def test_flush(start):
    daemon = start(SLOW)
    with daemon.client() as writer, daemon.client() as other:
        writer.send(*[writer.line("PUT", article(str(i))) for i in range(50)], "FLUSH", "SEARCH story")
        replies = writer.receive_all(52)
        assert replies[50]["revision"] == 50
        assert replies[51]["total"] == 50
        assert other.ok("FLUSH")["revision"] == 50


def test_flush_of_nothing(client):
    assert client.ok("FLUSH") == {"ok": True, "revision": 0}


def test_search_says_its_revision(start):
    with start(SLOW).client() as client:
        assert client.ok("SEARCH")["revision"] == 0
        client.put(article("a"), wait="visible")
        assert client.ok("SEARCH")["revision"] == 1
        assert client.ok("RELATED", "a")["revision"] == 1


def test_min_revision_waits_for_the_index(start):
    daemon = start("--index.commit_interval=20ms")
    with daemon.client() as writer, daemon.client() as reader:
        for i in range(20):
            revision = writer.put(article(f"n{i}"))["revision"]
            reply = reader.ok("SEARCH", query="story", min_revision=revision, wait_ms=int(seconds(10) * 1000), limit=0)
            assert reply["revision"] >= revision
            assert reply["total"] == i + 1


def test_min_revision_that_is_there_answers_at_once(reader):
    assert reader.ok("SEARCH", query="rocket", min_revision=120, wait_ms=1)["hits"]
    assert reader.ok("GET", id="a120-snail-post", min_revision=1, wait_ms=1)
    assert reader.ok("RELATED", id="a120-snail-post", min_revision=120, wait_ms=1)


def test_min_revision_that_does_not_come(start):
    with start(SLOW).client() as client:
        for verb, argument in [("SEARCH", {}), ("RELATED", {"id": "a"}), ("GET", {"id": "a"})]:
            message = client.fail("deadline", verb, argument, min_revision=5, wait_ms=20)
            assert "5" in message and "wait_ms" in message
        assert client.counter("requests_deadline") == 3
        client.put(article("a"))
        client.fail("deadline", "SEARCH", min_revision=2, wait_ms=20)


def test_a_waiting_query_is_answered_when_its_revision_comes(start):
    daemon = start(SLOW)
    with daemon.client() as waiting, daemon.client() as other:
        waiting.send('@w SEARCH {"query":"story","min_revision":1,"wait_ms":60000}')
        wait_until(lambda: other.ok("STATS")["server"]["waiting_for_revision"] == 1)
        other.put(article("a"), wait="visible")
        reply = waiting.receive()
        assert reply["tag"] == "w" and [hit["id"] for hit in reply["hits"]] == ["a"]


def test_a_waiting_client_may_leave(start):
    daemon = start(SLOW)
    with daemon.client() as other:
        with daemon.client() as waiting:
            waiting.send('SEARCH {"min_revision":1,"wait_ms":60000}')
            wait_until(lambda: other.ok("STATS")["server"]["waiting_for_revision"] == 1)
        other.put(article("a"), wait="visible")
        wait_until(lambda: other.ok("STATS")["server"]["waiting_for_revision"] == 0)


def test_writes_become_visible_by_themselves(start):
    with start("--index.commit_interval=20ms").client() as client:
        client.put(article("a"))
        wait_until(lambda: client.ids("story") == ["a"], 5)


def test_a_snapshot_is_whole(start):
    """Two articles that are always replaced one after the other: no reader sees an older second one."""
    daemon = start("--index.commit_interval=1ms")
    stop = threading.Event()

    def write():
        with daemon.client() as client:
            for turn in range(1, 1000):
                client.put({"id": "first", "title": "Pair", "views": turn, "category": f"c{turn}"})
                client.put({"id": "second", "title": "Pair", "views": turn, "category": f"c{turn}"})
                if stop.is_set():
                    return

    writer = threading.Thread(target=write)
    writer.start()
    try:
        with daemon.client() as client:
            wait_until(lambda: len(client.ids("pair")) == 2)
            for _ in range(200):
                hits = client.ok("SEARCH", query="pair")["hits"]
                assert len(hits) == 2
                turns = {hit["id"]: int(hit["category"][1:]) for hit in hits}
                assert 0 <= turns["first"] - turns["second"] <= 1
            assert client.counter("index_errors") == 0
    finally:
        stop.set()
        writer.join()


def test_writes_that_pour_in_become_visible_meanwhile(start):
    """Faster than they are indexed: what came first is found while more comes, and in the end all is."""
    daemon = start("--index.commit_interval=20ms")
    text = " ".join(f"word{i}" for i in range(100))
    stop = threading.Event()
    acknowledged = []

    def write():
        with daemon.client() as client:
            while not stop.is_set():
                ids = [f"n{len(acknowledged) + i}" for i in range(100)]
                client.send(*[client.line("PUT", article(name, body=text)) for name in ids])
                acknowledged.extend(name for name, reply in zip(ids, client.receive_all(100)) if reply["ok"])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        with daemon.client() as client:
            wait_until(lambda: client.ok("STATS")["index"]["lag"] > 500, what="a backlog")
            before = client.ok("STATS")["index"]["revision"]
            wait_until(lambda: client.ok("STATS")["index"]["revision"] > before, what="what came first")
            assert client.ok("STATS")["index"]["lag"] > 0  # more has come meanwhile
    finally:
        stop.set()
        writer.join()
    with daemon.client() as client:
        assert client.ok("FLUSH")["revision"] == len(acknowledged)
        assert client.ok("STATS")["index"]["articles"] == len(acknowledged)
        assert client.ids("word7", sort="newest", limit=1) == [acknowledged[-1]]
        assert client.counter("index_errors") == 0
