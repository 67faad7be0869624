"""Listeners: unix sockets, TCP over IPv4 and IPv6, and the role each gives."""

import os
import socket
import stat

import pytest

QUERIES = [("PING", None), ("HELLO", None), ("SEARCH", "x"), ("STATS", None)]
WRITES = [
    ("PUT", {"id": "a", "title": "A"}),
    ("PATCH", {"id": "a", "title": "B"}),
    ("VIEW", "a"),
    ("FLUSH", None),
    ("DELETE", "a"),
]
ADMIN = [("REINDEX", "status")]


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
        return True
    except OSError:
        return False


@pytest.mark.parametrize("role, allowed", [("query", 1), ("write", 2), ("admin", 3)])
def test_roles(start, role, allowed):
    daemon = start("--listen", f"tcp:127.0.0.1:0;role={role}")
    with daemon.client(daemon.bound("tcp:127.0.0.1:")[0]) as client:
        assert client.ok("HELLO")["role"] == role
        for level, commands in enumerate([QUERIES, WRITES, ADMIN], start=1):
            for verb, argument in commands:
                if level <= allowed:
                    client.ok(verb, argument)
                else:
                    message = client.fail("forbidden", verb, argument)
                    assert verb in message and role in message
        if allowed < 3:
            client.fail("forbidden", "SHUTDOWN")
        assert ("PUT" in client.ok("HELLO")["commands"]) == (allowed >= 2)


def test_a_forbidden_request_is_refused_before_its_argument_is_read(start):
    daemon = start("--listen", "tcp:127.0.0.1:0;role=query")
    with daemon.client(daemon.bound("tcp:")[0]) as client:
        client.fail("forbidden", "PUT", {"nonsense": 1})
        client.fail("forbidden", "REINDEX", "nonsense")


def test_default_roles(start):
    daemon = start("--listen", "tcp:127.0.0.1:0")
    with daemon.client() as unix, daemon.client(daemon.bound("tcp:")[0]) as tcp:
        assert unix.ok("HELLO")["role"] == "admin"
        assert tcp.ok("HELLO")["role"] == "write"


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")
def test_ipv6(start):
    daemon = start("--listen", "tcp:[::1]:0", "--listen", "tcp:127.0.0.1:0;role=query")
    (six,) = daemon.bound("tcp:[::1]:")
    (four,) = daemon.bound("tcp:127.0.0.1:")
    with daemon.client(six) as client, daemon.client(four) as other:
        client.put({"id": "a", "title": "Fox"}, wait="visible")
        assert other.ids("fox") == ["a"]


def test_several_unix_sockets_with_their_roles(start):
    daemon = start(run=False)
    second = f"{daemon.directory}/second"
    daemon.options += ["--listen", f"unix:{second};role=query"]
    daemon.start()
    assert stat.S_IMODE(os.stat(second).st_mode) == 0o660
    with daemon.client(f"unix:{second}") as client:
        client.fail("forbidden", "FLUSH")
    daemon.stop()
    assert not os.path.exists(second)


def test_a_socket_left_behind_is_replaced(start):
    daemon = start()
    daemon.process.kill()
    daemon.wait()
    assert os.path.exists(daemon.address[len("unix:") :])
    daemon.start()


def test_a_file_is_not_replaced(start):
    daemon = start(run=False)
    path = daemon.directory / "socket"
    path.write_text("precious")
    daemon.launch()
    assert daemon.wait() == 1
    assert path.read_text() == "precious"
    assert "is not a socket" in daemon.log()


def test_a_taken_port_is_named(start):
    daemon = start("--listen", "tcp:127.0.0.1:0")
    (address,) = daemon.bound("tcp:")
    other = start("--listen", address, run=False)
    other.launch()
    assert other.wait() == 1
    assert f"cannot listen on {address}" in other.log()
    assert not (other.directory / "socket").exists()


def test_many_clients_at_once(news):
    clients = [news.client() for _ in range(100)]
    try:
        for client in clients:
            client.send("SEARCH rocket")
        assert len({reply["total"] for reply in (client.receive() for client in clients)}) == 1
    finally:
        for client in clients:
            client.close()
