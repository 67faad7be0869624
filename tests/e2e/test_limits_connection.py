"""The limits of [limits] that concern connections: lines, output, time, numbers; each with its counter."""

import signal
import socket
import time

import pytest

from harness import seconds, wait_until

BIG = {"id": "big", "title": "Big", "body": "word " * 20000}


def test_line_length_of_the_write_role(start):
    with start("--limits.line_write=8K", "--limits.line_query=4K").client() as client:
        assert client.ok("HELLO")["limits"]["line_write"] == 8192
        head = 'PUT {"id":"a","title":"A","body":"'
        fits = head + "x" * (8192 - len(head) - 2) + '"}'
        client.send(fits, fits[:-2] + 'x"}', "PING")
        first, second, third = client.receive_all(3)
        assert first["ok"] and third["pong"]
        assert second["error"]["code"] == "too_large" and "8192" in second["error"]["message"]
        assert client.counter("requests_too_large") == 1


def test_line_length_of_the_query_role(start):
    daemon = start("--limits.line_query=4K", "--listen", "tcp:127.0.0.1:0;role=query")
    with daemon.client(daemon.bound("tcp:")[0]) as client:
        client.send('SEARCH {"limit":1' + " " * 5000 + "}")
        assert client.receive()["error"]["code"] == "too_large"
        assert client.ok("PING")


def test_a_long_line_is_skipped_never_read_as_requests(start):
    with start("--limits.line_write=4K", "--limits.line_query=4K").client() as client:
        client.send_bytes(b"@long PUT " + b"x" * 5000)
        reply = client.receive()
        assert (reply["tag"], reply["error"]["code"]) == ("long", "too_large")
        for _ in range(50):
            client.send_bytes(b" SHUTDOWN \r SHUTDOWN" * 1000)
        client.send_bytes(b"\nPING\n")
        assert client.receive()["pong"]
        assert client.counter("requests_too_large") == 1


def test_pipeline(start):
    daemon = start("--limits.pipeline=4", "--index.commit_interval=60s")
    with daemon.client() as client, daemon.client() as other:
        client.send(*['SEARCH {"min_revision":1,"wait_ms":60000}'] * 6, *["PING"] * 20)
        wait_until(lambda: other.ok("STATS")["server"]["waiting_for_revision"] == 4)
        other.counter_reaches("pipeline_pauses", 1)
        assert other.ok("STATS")["server"]["waiting_for_revision"] == 4
        other.put({"id": "a", "title": "A"}, wait="visible")
        replies = client.receive_all(26)
        assert all(reply["ok"] for reply in replies)
        assert [("hits" in reply) for reply in replies] == [True] * 6 + [False] * 20


def test_requests_per_turn(start):
    """A client with very many requests does not keep another one waiting for all of them."""
    daemon = start("--limits.requests_per_turn=1")
    with daemon.client() as greedy, daemon.client() as modest:

        def others_come_between():
            before = modest.counter("requests")
            daemon.signal(signal.SIGSTOP)  # so that all of it is there at once
            greedy.send(*["PING"] * 3000)
            modest.send("STATS")
            daemon.signal(signal.SIGCONT)
            counters = modest.receive()["counters"]
            assert all(reply["ok"] for reply in greedy.receive_all(3000))
            return counters["requests"] - before < 2500

        wait_until(others_come_between, 20, "an answer before the many requests were done")
        assert modest.counter("turns_ended") >= 3000


# ---- output that is not read ----


def unread(daemon, count):
    """A connection that asks for much and reads nothing."""
    client = daemon.client()
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    line = b"GET big\n"
    client.send_bytes(line * count)
    return client


def test_output_pause(start):
    daemon = start("--limits.output_pause=64K", "--limits.output_close=64M")
    with daemon.client() as writer:
        writer.put(BIG)
        with unread(daemon, 30) as client:
            sent = 30

            def has_paused():
                nonlocal sent
                client.send("GET big")
                sent += 1
                return writer.counter("output_pauses") >= 1

            wait_until(has_paused, what="a pause")
            assert [len(reply["article"]["body"]) for reply in client.receive_all(sent)] == [100000] * sent


def test_output_close(start):
    daemon = start("--limits.output_pause=64K", "--limits.output_close=200K", "--limits.pipeline=1000")
    with daemon.client() as writer:
        writer.put(BIG)
        with unread(daemon, 200):
            writer.counter_reaches("output_overflows", 1)
            wait_until(lambda: writer.counter("connections_open") == 1, what="the connection to be closed")
        assert writer.ok("PING")


def test_replies_over_the_limit_come_whole_if_they_are_read(start):
    """More than output_close, in one reply and in several, is sent to a client that reads on."""
    daemon = start("--limits.output_pause=64K", "--limits.output_close=200K")
    with daemon.client() as client:
        for number in range(20):
            client.put({**BIG, "id": f"big{number}"})
        client.ok("FLUSH")
        names = [f"big{number}" for number in range(20)]
        client.send(*[client.line("GET", ids=names)] * 4, client.line("SEARCH", fields=["id", "body"], limit=20))
        for reply in client.receive_all(4):
            assert [article["id"] for article in reply["articles"]] == names
            assert all(article["body"] == BIG["body"] for article in reply["articles"])
        assert sorted(hit["id"] for hit in client.receive()["hits"]) == sorted(names)
        assert client.counter("output_overflows") == 0


def test_replies_that_wait_for_one_before_them_are_not_unread(start):
    daemon = start("--limits.output_pause=64K", "--limits.output_close=200K")
    with daemon.client() as client, daemon.client() as writer:
        writer.put(BIG)
        for number in range(8):
            writer.put({**BIG, "id": f"big{number}"})
        client.send('SEARCH {"min_revision":10,"wait_ms":60000,"limit":0}')
        client.send(client.line("GET", ids=[f"big{number}" for number in range(8)]), "PING")
        with unread(daemon, 30):  # while they wait, one that has something to read and does not is closed
            writer.counter_reaches("output_overflows", 1)
        writer.put({"id": "big", "title": "Ninth"})
        first, second, third = client.receive_all(3)
        assert first["ok"] and len(second["articles"]) == 8 and third["pong"]
        assert writer.counter("output_overflows") == 1


def test_reply(start):
    daemon = start("--limits.line_write=512K", "--limits.reply=1M")
    with daemon.client() as client:
        for number in range(12):
            client.put({**BIG, "id": f"big{number}"})
        client.ok("FLUSH")
        names = [f"big{number}" for number in range(12)]
        few = {"limit": 12, "fields": ["id", "body"]}
        assert "limits.reply" in client.fail("too_large", "GET", ids=names)
        assert "1048576" in client.fail("too_large", "SEARCH", few)
        assert "limits.reply" in client.fail("too_large", "RELATED", few, id="big0", copies="show")
        assert len(client.ok("GET", ids=names[:9])["articles"]) == 9
        assert len(client.ok("SEARCH", {**few, "fields": ["id"]})["hits"]) == 12
        assert client.counter("replies_too_large") == 3


def test_output_total(start):
    options = ["--limits.output_total=1M", "--limits.output_close=1M", "--limits.output_pause=512K"]
    daemon = start(*options, "--limits.pipeline=1000")
    with daemon.client() as writer:
        writer.put(BIG)
        clients = [unread(daemon, 9) for _ in range(8)]
        try:
            writer.counter_reaches("output_overflows", 1)
            assert writer.ok("PING")
        finally:
            for client in clients:
                client.close()


def test_output_stall(start):
    daemon = start("--limits.output_stall=100ms")
    with daemon.client() as writer:
        writer.put(BIG)
        with unread(daemon, 20):
            writer.counter_reaches("connections_timed_out", 1)
        assert writer.ok("PING")


# ---- numbers ----


def assert_refused(client, words):
    reply = client.receive()
    assert reply["error"]["code"] == "busy" and reply["error"]["retry_after_ms"] > 0
    assert words in reply["error"]["message"]
    assert client.is_closed()


def test_connections(start):
    options = ["--limits.connections=6", "--limits.connections_admin=2", "--listen", "tcp:127.0.0.1:0"]
    daemon = start(*options)
    (address,) = daemon.bound("tcp:")
    wait_until(lambda: open_connections(daemon) == 1)
    clients = [daemon.client(address) for _ in range(4)]
    try:
        assert all(client.ok("PING") for client in clients)
        with daemon.client(address) as refused:
            assert_refused(refused, "too many connections")
        with daemon.client() as admin:
            assert admin.counter("connections_refused") == 1
            clients.pop().close()
            wait_until(lambda: admin.counter("connections_open") == 4)
        with daemon.client(address) as again:
            assert again.ok("PING")
    finally:
        for client in clients:
            client.close()


def open_connections(daemon):
    with daemon.client() as client:
        return client.counter("connections_open")


def test_connections_per_address(start):
    daemon = start("--limits.connections_per_address=2", "--listen", "tcp:127.0.0.1:0")
    (address,) = daemon.bound("tcp:")
    with daemon.client(address) as one, daemon.client(address) as two, daemon.client() as unix:
        assert one.ok("PING") and two.ok("PING")
        with daemon.client(address) as three:
            assert_refused(three, "from this address")
        assert unix.counter("connections_refused") == 1


# ---- time ----


def test_idle(start):
    daemon = start("--limits.idle=100ms")
    with daemon.client() as client:
        client.ok("PING")
        assert client.is_closed()
    with daemon.client() as client:
        assert client.counter("connections_timed_out") >= 1


def test_a_connection_that_waits_for_an_answer_is_not_idle(start):
    with start("--limits.idle=100ms").client() as client:
        wait = int(seconds(0.5) * 1000)
        client.fail("deadline", "SEARCH", min_revision=1, wait_ms=wait)
        assert client.counter("connections_timed_out") == 0


@pytest.mark.parametrize("first", [b"PIN", b"*1\r\n$4\r\nPI"])
def test_request_time(start, first):
    daemon = start("--limits.request_time=100ms")
    with daemon.client() as slow, daemon.client() as other:
        slow.send_bytes(first)
        started = time.monotonic()
        assert slow.is_closed()
        assert time.monotonic() - started >= 0.1
        assert other.counter("connections_timed_out") == 1


def test_drops_do_not_stop_a_slow_request(start):
    """A byte now and then does not extend the time."""
    daemon = start("--limits.request_time=200ms")
    with daemon.client() as slow:

        def drip():
            try:
                slow.send_bytes(b"x")
            except (BrokenPipeError, ConnectionResetError):
                return True
            time.sleep(0.01)
            return False

        wait_until(drip, 10, "the connection to be closed")
