"""The RESP2 framing: redis-cli, the Redis client of Python, redis-benchmark, and by hand."""

import json
import shutil
import subprocess

import pytest

from harness import Connection, seconds

HAS_CLI = shutil.which("redis-cli") is not None


def array(*words):
    words = [word.encode() if isinstance(word, str) else word for word in words]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


class RespClient(Connection):
    def call(self, *words):
        self.send_bytes(array(*words))
        return self.receive()

    def receive(self):
        """Text after the mark, the content of a bulk string, or a list."""
        line = self.buffered.readline()
        assert line.endswith(b"\r\n"), line
        mark, rest = line[:1], line[1:-2].decode()
        if mark == b"$":
            data = self.buffered.read(int(rest) + 2)
            assert data.endswith(b"\r\n")
            return data[:-2].decode()
        if mark == b"*":
            return [self.receive() for _ in range(int(rest))]
        return mark.decode() + rest


@pytest.fixture
def resp(news):
    with RespClient(news.address) as client:
        yield client


def test_the_same_commands(resp):
    reply = json.loads(resp.call("SEARCH", "rocket"))
    assert reply["ok"] is True and reply["hits"]
    assert json.loads(resp.call("search", '{"query":"rocket","limit":1}'))["total"] == reply["total"]
    assert json.loads(resp.call("SEARCH", "skua", "rocket"))["hits"]
    assert json.loads(resp.call("HELLO"))["name"] == "storyd"
    assert json.loads(resp.call("GET", "a120-snail-post"))["article"]["id"] == "a120-snail-post"


def test_errors(resp):
    assert resp.call("GET", "no\r\nthing").startswith("-NOT_FOUND there is no article")
    assert resp.call("FROB").startswith("-UNKNOWN_COMMAND ")
    assert resp.call("SEARCH", '{"qury":1}').startswith('-BAD_REQUEST unknown key "qury"')
    assert resp.call("PING") == "+PONG"


def test_what_clients_send_when_they_connect(resp):
    assert resp.call("PING") == "+PONG"
    assert resp.call("ping", "hello") == "hello"
    hello = resp.call("HELLO", "2")
    assert dict(zip(hello[::2], hello[1::2]))["server"] == "storyd"
    assert resp.call("HELLO", "3").startswith("-NOPROTO")
    assert resp.call("SELECT", "0") == "+OK"
    assert resp.call("SELECT", "1").startswith("-ERR")
    assert resp.call("CLIENT", "SETNAME", "x") == "+OK"
    assert resp.call("COMMAND", "DOCS") == []
    assert resp.call("COMMAND", "COUNT") == ":0"
    assert resp.call("CONFIG", "GET", "save") == []
    assert "storyd_version" in resp.call("INFO")


def test_quit(resp):
    assert resp.call("QUIT") == "+OK"
    assert resp.is_closed()


def test_pipelining_and_pieces(resp):
    requests = array("PING") + array("SEARCH", "rocket") + array("PING", "x") + b"*0\r\n" + array("GET", "none")
    resp.send_bytes(requests)
    replies = [resp.receive() for _ in range(4)]
    assert [replies[0], replies[2]] == ["+PONG", "x"]
    assert json.loads(replies[1])["hits"] and replies[3].startswith("-NOT_FOUND")
    for byte in array("SEARCH", "rocket"):
        resp.send_bytes(bytes([byte]))
    assert json.loads(resp.receive())["hits"]


def test_both_framings_on_one_connection(news):
    with RespClient(news.address) as client:
        client.send_bytes(array("PING") + b"PING\n" + array("PING"))
        assert client.receive() == "+PONG"
        assert json.loads(client.buffered.readline())["pong"] is True
        assert client.receive() == "+PONG"


def test_writes(daemon):
    with RespClient(daemon.address) as client:
        article = json.dumps({"id": "ä", "title": "Füchse", "body": "Zeile\r\nZeile"}, ensure_ascii=False)
        assert json.loads(client.call("PUT", article))["revision"] == 1
        assert json.loads(client.call("GET", "ä"))["article"]["body"] == "Zeile\r\nZeile"
        assert json.loads(client.call("VIEW", "ä"))["views"] == 1
        assert json.loads(client.call("FLUSH"))["revision"] == 1
        assert json.loads(client.call("DELETE", "ä"))["revision"] == 2


@pytest.mark.parametrize(
    "data",
    [
        b"*x\r\n",
        b"*-5\r\n",
        b"*1025\r\n",
        b"*99999999999999999999999\r\n",
        b"*1\r\n:4\r\n",
        b"*1\r\n$-1\r\n",
        b"*1\r\n$4\r\nPINGxx",
        b"*1\r\n$18446744073709551615\r\n",
        b"*1\n$4\r\nPING\r\n",
    ],
)
def test_broken_framing_is_answered_and_closed(news, data):
    with RespClient(news.address) as client:
        client.send_bytes(data)
        assert client.receive().startswith("-")
        assert client.is_closed()


def test_a_string_over_the_limit(start):
    daemon = start("--limits.line_write=8K", "--limits.line_query=4K", "--limits.query_text=2K")
    with RespClient(daemon.address) as client:
        client.send_bytes(b"*2\r\n$3\r\nPUT\r\n$9000\r\n")
        assert client.receive().startswith("-TOO_LARGE")
        assert client.is_closed()
    with daemon.client() as client:
        assert client.counter("requests_too_large") == 1


# ---- real clients ----


@pytest.mark.skipif(not HAS_CLI, reason="redis-cli is not installed")
def test_redis_cli(news):
    def cli(*words):
        command = ["redis-cli", "-s", news.address[len("unix:") :], *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=seconds(20), check=False).stdout

    assert cli("PING") == "PONG\n"
    assert json.loads(cli("--raw", "SEARCH", "rocket"))["total"] > 0
    assert json.loads(cli("--raw", "RELATED", '{"id":"a120-snail-post","limit":1}'))["ok"]
    assert cli("GET", "nothing").startswith("NOT_FOUND") or "NOT_FOUND" in cli("GET", "nothing")


@pytest.mark.skipif(shutil.which("redis-benchmark") is None, reason="redis-benchmark is not installed")
@pytest.mark.parametrize("depth", ["1", "16"])
def test_redis_benchmark(news, depth):
    command = ["redis-benchmark", "-s", news.address[len("unix:") :], "-t", "ping_mbulk", "-n", "2000", "-c", "10", "--csv"]
    result = subprocess.run(
        [*command, "-P", depth], capture_output=True, text=True, timeout=seconds(30), check=True
    )
    assert "PING_MBULK" in result.stdout


def test_python_client(daemon):
    redis = pytest.importorskip("redis")
    client = redis.Redis(unix_socket_path=daemon.address[len("unix:") :], decode_responses=True)
    with client:
        assert client.ping() is True
        assert json.loads(client.execute_command("PUT", '{"id":"a","title":"Fox"}'))["created"] is True
        assert client.execute_command("FLUSH")
        assert json.loads(client.execute_command("SEARCH", "fox"))["total"] == 1
        with client.pipeline(transaction=False) as pipeline:
            for _ in range(20):
                pipeline.execute_command("VIEW", "a")
            assert json.loads(pipeline.execute()[-1])["views"] == 20
        with pytest.raises(redis.ResponseError, match="there is no article"):
            client.execute_command("DELETE", "b")
