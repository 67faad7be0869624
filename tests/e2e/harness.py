"""What the end-to-end tests share: the daemon under test, clients for its two framings, waiting with a deadline.

Environment: STORYD_BIN, the daemon (build/storyd by default); STORYD_SANITIZER, empty, "address" or "thread": a daemon
built so is several times slower, and all deadlines are that much longer.
"""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
STORYD = os.path.abspath(os.environ.get("STORYD_BIN") or ROOT / "build" / "storyd")
SANITIZER = os.environ.get("STORYD_SANITIZER", "")
SLOWER = {"": 1, "address": 5, "thread": 15}.get(SANITIZER, 15)
ARTICLES = ROOT / "tests" / "data" / "articles.ndjson"
SANITIZER_REPORT = re.compile(r"(Address|Thread|Leak|Memory|UndefinedBehavior)Sanitizer|runtime error:")


def seconds(plain):
    """A time limit for this build, from one that is ample for a plain build on a busy machine."""
    return plain * SLOWER


def wait_until(condition, deadline=10, what="the condition"):
    """The first true value of condition(); fails after `deadline` seconds of a plain build."""
    end = time.monotonic() + seconds(deadline)
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.002)


def epoch_stands(client, count):
    """True when all articles are visible and no further epoch is due for them: an idle index begins one only where
    more than one in twenty has changed."""
    index = client.ok("STATS")["index"]
    return index["articles"] == count and abs(index["epoch_articles"] - count) <= count / 20


def filled(new_daemon, articles, profiles=()):
    """A daemon of new_daemon() with the articles whose last epoch is of all of them, so that strengths are those of other
    daemons with them. An epoch that began when nearly all were there stands: then it is tried with another daemon."""
    for _ in range(10):
        daemon = new_daemon()
        with daemon.client() as client:
            for profile in profiles:
                client.ok("PROFILE", **profile)
            client.put_all(articles)
            wait_until(lambda client=client: epoch_stands(client, len(articles)), 30, "the last epoch")
            if client.ok("STATS")["index"]["epoch_articles"] == len(articles):
                return daemon
    raise AssertionError("no epoch was of all articles")


def read_articles():
    with open(ARTICLES, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def crc32c(data):
    """The checksum of the index's files, bit by bit."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def open_socket(address, timeout):
    kind, _, name = address.partition(":")
    if kind == "unix":
        sock = socket.socket(socket.AF_UNIX)
        target = name
    else:
        host, _, port = name.rpartition(":")
        sock = socket.socket(socket.AF_INET6 if host.startswith("[") else socket.AF_INET)
        target = (host.strip("[]"), int(port))
    sock.settimeout(timeout)
    sock.connect(target)
    return sock


class Connection:
    """A socket with a buffer."""

    def __init__(self, address, timeout=20):
        self.sock = open_socket(address, seconds(timeout))
        self.buffered = self.sock.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.buffered.close()
        self.sock.close()

    def send_bytes(self, data):
        self.sock.sendall(data)

    def is_closed(self):
        """True once the daemon has closed the connection; fails if it sends something instead."""
        try:
            rest = self.buffered.read(1)
        except ConnectionResetError:
            return True
        assert rest == b"", f"not the end but {rest!r}"
        return True


class Client(Connection):
    """The line protocol."""

    def send(self, *lines):
        self.send_bytes(b"".join(line if isinstance(line, bytes) else line.encode() + b"\n" for line in lines))

    def receive(self):
        """The next reply, None if the daemon has closed the connection."""
        try:
            line = self.buffered.readline()
        except ConnectionResetError:  # closed with requests it had not read; replies that were sent came first
            return None
        if line == b"":
            return None
        assert line.endswith(b"\n") and not line.endswith(b"\r\n"), line
        return json.loads(line)

    def receive_all(self, count):
        return [self.receive() for _ in range(count)]

    @staticmethod
    def line(verb, argument=None, **parameters):
        """A request: bare text, or an object and single parameters."""
        if argument is None and not parameters:
            return verb
        if isinstance(argument, str):
            assert not parameters
            return f"{verb} {argument}"
        return verb + " " + json.dumps({**(argument or {}), **parameters}, ensure_ascii=False)

    def call(self, verb, argument=None, **parameters):
        self.send(self.line(verb, argument, **parameters))
        return self.receive()

    def ok(self, verb, argument=None, **parameters):
        reply = self.call(verb, argument, **parameters)
        assert reply is not None and reply["ok"] is True, reply
        return reply

    def fail(self, code, verb, argument=None, **parameters):
        """The error's message."""
        reply = self.call(verb, argument, **parameters)
        assert reply is not None and reply["ok"] is False, reply
        assert reply["error"]["code"] == code, reply
        return reply["error"]["message"]

    def put(self, article, **parameters):
        return self.ok("PUT", article, **parameters)

    def put_all(self, articles):
        for start in range(0, len(articles), 100):
            group = articles[start : start + 100]
            self.send(*[self.line("PUT", article) for article in group])
            for reply in self.receive_all(len(group)):
                assert reply["ok"], reply
        self.ok("FLUSH")

    def ids(self, query=None, **parameters):
        """The ids that SEARCH finds, in its order."""
        if query is not None:
            parameters["query"] = query
        parameters.setdefault("limit", 200)
        return [hit["id"] for hit in self.ok("SEARCH", parameters)["hits"]]

    def counter(self, name):
        return self.ok("STATS")["counters"][name]

    def counter_reaches(self, name, value, deadline=10):
        wait_until(lambda: self.counter(name) >= value, deadline, f"{name} >= {value}")


class Daemon:
    """One storyd on a directory of its own, small and quiet; `options` are command-line options."""

    def __init__(self, *options, directory=None, environment=None):
        self.is_owner = directory is None
        self.directory = pathlib.Path(directory or tempfile.mkdtemp(prefix="storyd-"))
        self.address = f"unix:{self.directory}/socket"
        self.log_path = self.directory / "log"
        self.options = list(options)
        self.environment = environment or {}
        self.process = None

    def command(self, *more):
        common = [f"--server.data={self.directory}/data", f"--server.hot={self.directory}/hot", "--store.disk_floor=0"]
        if not any(option.startswith(("--limits.deadline", "--config")) for option in self.options):
            common.append("--limits.deadline=10s")  # machines that run tests can be slow; tests assert no times
        return [STORYD, *common, "--listen", self.address, *self.options, *more]

    def launch(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment},
            )

    def start(self):
        """Starts it and waits until it answers."""
        self.launch()
        wait_until(self.answers, 20, "storyd to answer")
        return self

    def answers(self):
        assert self.process.poll() is None, f"storyd has ended:\n{self.log()}"
        try:
            with self.client() as client:
                return client.call("PING") is not None
        except (FileNotFoundError, ConnectionRefusedError):
            return False

    def client(self, address=None, **options):
        return Client(address or self.address, **options)

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def wait_for_log(self, text, deadline=10):
        wait_until(lambda: text in self.log(), deadline, f"{text!r} in the log")

    def bound(self, kind):
        """The addresses it listens on that start with `kind`, "tcp:127." for example."""
        return list(dict.fromkeys(re.findall(rf"listening address=({re.escape(kind)}\S*)", self.log())))

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, deadline=20):
        """The exit code."""
        return self.process.wait(seconds(deadline))

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def stop(self):
        self.signal(signal.SIGTERM)
        code = self.wait()
        assert code == 0, f"storyd did not stop cleanly: exit code {code}"

    def restart(self):
        self.stop()
        return self.start()

    def finish(self):
        """The end of a test: stops it cleanly if it runs, and looks for reports of the sanitizers."""
        try:
            if self.is_running():
                self.stop()
        finally:
            if self.is_running():
                self.process.kill()
                self.process.wait()
            log = self.log()
            if self.is_owner:
                shutil.rmtree(self.directory, ignore_errors=True)
        assert not SANITIZER_REPORT.search(log), f"a sanitizer has reported:\n{log[-20000:]}"
