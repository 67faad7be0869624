"""PING, HELLO, QUIT, STATS, SHUTDOWN, and the line framing."""

import pytest

from harness import wait_until

VERBS = "PING HELLO QUIT SEARCH RELATED GET STATS PUT PATCH DELETE VIEW FLUSH REINDEX SHUTDOWN".split()


def test_ping(reader):
    assert reader.ok("PING") == {"ok": True, "pong": True}


@pytest.mark.parametrize("line", ["ping", "Ping", "PING ", "  PING", " \tPING \t"])
def test_verbs_have_no_case_and_blanks_do_not_count(reader, line):
    reader.send(line)
    assert reader.receive() == {"ok": True, "pong": True}


def test_cr_lf_and_empty_lines(reader):
    reader.send(b"PING\r\n\r\n\n  \nPING\n")
    assert [reply["pong"] for reply in reader.receive_all(2)] == [True, True]


def test_hello(reader):
    hello = reader.ok("HELLO")
    assert hello["name"] == "storyd"
    assert hello["protocol"] == 1
    assert hello["role"] == "admin"
    assert hello["limits"]["line_query"] == 65536
    assert hello["limits"]["deadline_ms"] == 10000
    assert {"search", "related", "resp2"} <= set(hello["features"])
    assert set(hello["commands"]) >= set(VERBS)


def test_quit_answers_what_came_before_and_closes(news):
    with news.client() as client:
        client.send("SEARCH rocket", "PING", "QUIT", "PING")
        replies = client.receive_all(3)
        assert [reply["ok"] for reply in replies] == [True, True, True]
        assert "hits" in replies[0]
        assert client.is_closed()


@pytest.mark.parametrize("quit", ["QUIT", "@q QUIT"])
@pytest.mark.parametrize(
    "before",
    [
        ['@p PUT {"id":"a","title":"A"}'],
        ["@p SEARCH rocket", "@r RELATED {\"id\":\"a\"}"],
        ["SEARCH rocket"],
        ['PUT {"id":"b","title":"B"}', "GET b", '@p PUT {"id":"c","title":"C"}', "SEARCH rocket"],
    ],
)
def test_quit_waits_for_tagged_requests_and_waits_tagged(daemon, before, quit):
    with daemon.client() as client:
        client.send(*before, quit, "PING")
        replies = client.receive_all(len(before) + 1)
        assert client.is_closed()
    assert replies[-1] == ({"ok": True, "tag": "q"} if "@" in quit else {"ok": True})
    tags = [line.split()[0][1:] if line[0] == "@" else None for line in before]
    assert sorted(str(reply.get("tag")) for reply in replies[:-1]) == sorted(str(tag) for tag in tags)
    assert all(reply["ok"] or reply["error"]["code"] == "not_found" for reply in replies)


def test_end_of_input_is_answered_first(news):
    import socket

    with news.client() as client:
        client.send("SEARCH rocket", "PING")
        client.sock.shutdown(socket.SHUT_WR)
        assert all(reply["ok"] for reply in client.receive_all(2))
        assert client.is_closed()


def test_stats(reader, news):
    calls = reader.ok("STATS")["commands"]["SEARCH"]["calls"]
    reader.ok("SEARCH", "rocket")
    stats = reader.ok("STATS")
    assert stats["server"]["pid"] == news.process.pid
    assert stats["store"]["articles"] == 120
    assert stats["store"]["revision"] == stats["index"]["revision"] == 120
    assert stats["index"]["articles"] == 120
    assert stats["index"]["lag"] == 0
    assert stats["commands"]["SEARCH"]["calls"] == calls + 1
    assert stats["counters"]["connections_open"] >= 1
    assert stats["reindex"]["running"] is False
    assert set(stats["commands"]) >= set(VERBS)


def test_failed_requests_are_counted(client):
    client.fail("not_found", "GET", "nothing")
    client.fail("unknown_command", "FROB")
    stats = client.ok("STATS")
    assert stats["counters"]["requests_failed"] == 2
    assert stats["commands"]["GET"]["failed"] == 1


def test_shutdown(daemon):
    with daemon.client() as client:
        assert client.ok("SHUTDOWN") == {"ok": True}
        assert client.is_closed()
    assert daemon.wait() == 0


def test_reindex_status_and_start(client):
    client.put_all([{"id": f"r{i}", "title": f"Report number{i}"} for i in range(30)])
    before = client.ok("REINDEX")["reindex"]
    assert before["running"] is False
    assert client.ok("REINDEX", action="start")["reindex"]["running"] is True
    after = wait_until(lambda: finished(client), 30, "the reindex to end")
    assert after["live_generation"] > before["live_generation"]
    assert len(client.ids("report")) == 30


def finished(client):
    status = client.ok("REINDEX", "status")["reindex"]
    return None if status["running"] else status


# ---- what is no request ----


def test_what_json_refuses_is_said_for_people(reader):
    message = reader.fail("bad_request", "SEARCH", '{"query":"a\\u0000b"}')
    assert "not valid JSON" in message and "JSON_" not in message
    message = reader.fail("bad_request", "SEARCH", '{"query":}')
    assert "byte" in message and "JSON_" not in message


@pytest.mark.parametrize(
    "line, nearest", [("PIG", "PING"), ("SERACH rocket", "SEARCH"), ("RELATE a", "RELATED"), ("XYZZY", None)]
)
def test_unknown_command(reader, line, nearest):
    reader.send(line)
    error = reader.receive()["error"]
    assert error["code"] == "unknown_command"
    assert ("did you mean" in error["message"]) == (nearest is not None)
    assert nearest is None or f"{nearest}?" in error["message"]


@pytest.mark.parametrize(
    "line",
    [
        b"PING \xff\xfe\n",
        b"GET a\0b\n",
        b"@\n",
        b"@ PING\n",
        b"@tag\n",
        b"@" + b"t" * 1000 + b" PING\n",
        b"SEARCH {\n",
        b'SEARCH {"query":"a",}\n',
        b'SEARCH {"query":"a"} trailing\n',
        b'SEARCH {"query":"a","query":"b"}\n',
        b'SEARCH {"query":"\\u0000"}\n',
        b'SEARCH {"query":"\\ud800"}\n',
        b'SEARCH {"limit":99999999999999999999999}\n',
        b'SEARCH {"limit":1e999}\n',
    ],
)
def test_malformed_lines_leave_the_connection_usable(reader, line):
    reader.send(line)
    assert reader.receive()["error"]["code"] == "bad_request"
    assert reader.ok("PING")["pong"]


@pytest.mark.parametrize(
    "first",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST /x HTTP/1.1\r\n\r\n",
        b"Host: localhost\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\n\r\n",
        b"PUT /a HTTP/1.1\r\n\r\n",
    ],
)
def test_http_is_closed_without_an_answer(news, reader, first):
    before = reader.counter("connections_foreign")
    with news.client() as client:
        client.send_bytes(first + b"PING\n")
        assert client.is_closed()
    assert reader.counter("connections_foreign") == before + 1


def test_http_after_a_request_is_closed_too(news):
    with news.client() as client:
        client.ok("PING")
        client.send_bytes(b"POST / HTTP/1.1\r\n\r\nSHUTDOWN\n")
        assert client.is_closed()


# ---- pipelining and tags ----


def test_pipelined_replies_come_in_order(reader, articles):
    names = list(articles)[:60]
    reader.send(*[f"GET {name}" for name in names])
    assert [reply["article"]["id"] for reply in reader.receive_all(60)] == names


def test_errors_keep_their_place(reader):
    reader.send("PING", "NONSENSE", "SEARCH rocket", "GET missing", "PING")
    replies = reader.receive_all(5)
    assert [reply["ok"] for reply in replies] == [True, False, True, False, True]
    assert [replies[1]["error"]["code"], replies[3]["error"]["code"]] == ["unknown_command", "not_found"]


def test_requests_in_pieces(reader):
    for byte in b'@t SEARCH {"query":"rocket","limit":1}\nPI':
        reader.send_bytes(bytes([byte]))
    assert reader.receive()["tag"] == "t"
    reader.send_bytes(b"NG\n")
    assert reader.receive()["pong"]


def test_tags_come_back(reader):
    reader.send("@x PING", "@å-1 NONSENSE", "@9 SEARCH rocket", "@d SEARCH {")
    replies = {reply["tag"]: reply for reply in reader.receive_all(4)}
    assert set(replies) == {"x", "å-1", "9", "d"}
    assert replies["å-1"]["error"]["code"] == "unknown_command"
    assert replies["d"]["error"]["code"] == "bad_request"
    assert replies["9"]["hits"]


def test_a_tagged_request_overtakes(client):
    client.send("SEARCH " + '{"min_revision":1,"wait_ms":60000}', "PING", "@fast PING")
    assert client.receive()["tag"] == "fast"
    client.send('@w PUT {"id":"a","title":"A"}')
    tags = [reply.get("tag") for reply in client.receive_all(3)]
    assert tags.count("w") == 1 and tags.count(None) == 2
