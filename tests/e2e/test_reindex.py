"""REINDEX beside writes and queries: no query fails or waits, nothing is missing afterwards."""

import os
import signal
import threading
import time

from harness import SANITIZER, seconds, wait_until
from oracle import SMALL, Oracle, Readers, Writer, answers, check_against_rebuild, wait_for_reindex

SEED = int(os.environ.get("STORYD_SEED", "1"))


class Pace:
    """Writes about `rate` articles a second on a thread of its own until the end of the block."""

    def __init__(self, daemon, oracle, writer, rate):
        self.daemon, self.oracle, self.writer, self.rate = daemon, oracle, writer, rate
        self.stopping = threading.Event()
        self.failure = None
        self.thread = threading.Thread(target=self.run)

    def run(self):
        try:
            with self.daemon.client() as client:
                while not self.stopping.wait(5 / self.rate):
                    self.oracle.write(client, self.writer, 5)
        except Exception as failure:  # any: the test must fail with it
            self.failure = failure

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, kind, *_):
        self.stopping.set()
        self.thread.join()
        if kind is None and self.failure is not None:
            raise self.failure


def fill(daemon, oracle, writer, count):
    with daemon.client() as client:
        for _ in range(count // 250):
            oracle.write(client, writer, 250, deletes=0.02)
        client.ok("FLUSH", wait_ms=int(seconds(30) * 1000))


def generations(daemon):
    return sorted(path.name for path in (daemon.directory / "data" / "generations").iterdir())


def test_reindex_under_writes_and_queries(start):
    daemon = start(*SMALL)
    oracle, writer = Oracle(), Writer(SEED, 1500)
    fill(daemon, oracle, writer, 3000)
    with daemon.client() as client:
        client.put({"id": "x", "title": "Cynosure", "tags": ["pole"]}, wait="visible")
    oracle.acked["x"], oracle.known["x"] = None, set()  # written by hand: left out below
    del oracle.acked["x"]
    revisions = []

    def check(reader):
        reply = reader.ok("SEARCH", query="cynosure", exact_total=True)
        assert reply["total"] == 1, reply
        revisions.append(reply["revision"])
        for query in ("harbour", "rocket budget", "title:museum"):
            reply = reader.ok("SEARCH", query=query)
            assert reply["hits"], reply
        assert reader.ok("RELATED", id="x")["ok"]

    rounds = 3 if SANITIZER == "" else 1
    slowest = []
    with Readers(daemon, check) as readers, Pace(daemon, oracle, writer, 100), daemon.client() as client:
        for number in range(rounds):
            client.ok("REINDEX", action="start")
            message = client.fail("conflict", "REINDEX", action="start")
            assert "running" in message
            wait_for_reindex(client, 60)
            slowest.append(readers.slowest)
            status = client.ok("REINDEX", action="status")["reindex"]
            assert status["live_generation"] == status["generation"] == number + 2, status
    print(f"{readers.queries} rounds of five queries, slowest {readers.slowest:.3f} s, {oracle.acks} writes")
    assert readers.slowest < seconds(1), readers.slowest
    assert not oracle.errors
    with daemon.client() as client:
        client.ok("DELETE", id="x")
        wait_until(lambda: generations(daemon) == [str(rounds + 1)], what="the old generation's files to go")
        assert client.ok("STATS")["counters"]["index_errors"] == 0
    oracle.known["x"] = {None}
    oracle.check(daemon)
    check_against_rebuild(daemon, oracle)


def test_reindex_of_nothing(start):
    daemon = start(*SMALL)
    with daemon.client() as client:
        client.ok("REINDEX", action="start")
        wait_for_reindex(client)
        client.put({"id": "a", "title": "Cynosure"}, wait="visible")
        assert client.ids("cynosure") == ["a"]


def test_killed_half_way(start):
    """The old generation serves at once after the restart, and what was built is removed."""
    daemon = start(*SMALL)
    oracle, writer = Oracle(), Writer(SEED, 4000)
    fill(daemon, oracle, writer, 5000)
    with daemon.client() as client:
        live = client.ok("STATS")["index"]["generation"]
        before = answers(client, [])
        client.ok("REINDEX", action="start")
        wait_until(lambda: len(generations(daemon)) == 2, what="a second generation")
    daemon.signal(signal.SIGKILL)
    daemon.wait()
    assert len(generations(daemon)) == 2
    daemon.start()
    assert generations(daemon) == [str(live)]
    with daemon.client() as client:
        client.ok("FLUSH", wait_ms=int(seconds(30) * 1000))
        assert client.ok("STATS")["index"]["generation"] == live
        assert answers(client, []) == before
        assert client.ok("REINDEX", action="status")["reindex"]["running"] is False
    oracle.check(daemon)


def test_stopped_half_way(start):
    """A clean stop gives up the reindex; the old generation serves after the restart."""
    daemon = start(*SMALL)
    oracle, writer = Oracle(), Writer(SEED, 4000)
    fill(daemon, oracle, writer, 5000)
    with daemon.client() as client:
        client.ok("REINDEX", action="start")
    began = time.monotonic()
    daemon.restart()
    assert time.monotonic() - began < seconds(5)
    assert len(generations(daemon)) == 1
    oracle.check(daemon)


def test_reindexed_again_and_again_under_bulk_writes(start):
    daemon = start(*SMALL)
    oracle, writer = Oracle(), Writer(SEED, 800)
    fill(daemon, oracle, writer, 1000)
    rounds = 6 if SANITIZER == "" else 2
    with Pace(daemon, oracle, writer, 2000), daemon.client() as client:
        for _ in range(rounds):
            client.ok("REINDEX", action="start")
            wait_for_reindex(client)
    assert not oracle.errors
    oracle.check(daemon)
    check_against_rebuild(daemon, oracle)
