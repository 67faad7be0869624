"""Sealing, merging, bulk building and tombstones, with readers beside them: what is searched is always one revision."""

import os
import threading
import time

import pytest

from harness import SANITIZER, seconds, wait_until
from oracle import SMALL, Oracle, Readers, Writer, check_against_rebuild

SEED = int(os.environ.get("STORYD_SEED", "1"))
LONG = 6 if SANITIZER == "" else 10  # seconds of writing and reading


@pytest.mark.parametrize("sizes", [(1, 2, 5, 20), (1, 5, 40, 200, 700)], ids=["hot", "bulk"])
def test_an_article_that_is_always_there_is_always_found_once(start, sizes):
    """One article is rewritten as fast as it goes, among others: at every revision exactly one version is found."""
    daemon = start(*SMALL)
    with daemon.client() as client:
        client.put({"id": "x", "title": "Cynosure", "body": "always the one", "tags": ["pole"], "extra": {"n": 0}})
        client.ok("FLUSH")

        revisions = set()

        def check(reader):
            reply = reader.ok("SEARCH", query="cynosure", exact_total=True)
            assert reply["total"] == 1 and [hit["id"] for hit in reply["hits"]] == ["x"], reply
            revisions.add(reply["revision"])
            reply = reader.ok("SEARCH", query="tag:pole", sort="newest")
            assert reply["total"] == 1 and len(reply["hits"]) == 1, reply
            reply = reader.ok("SEARCH", filter={"tags": "pole"})
            assert reply["total"] == 1, reply
            reply = reader.ok("RELATED", id="x")
            assert "x" not in [hit["id"] for hit in reply["related"]]

        writer = Writer(SEED, 500)
        with Readers(daemon, check) as readers:
            end = time.monotonic() + LONG
            number = 0
            while time.monotonic() < end:
                lines = []
                for _ in range(writer.random.choice(sizes)):
                    number += 1
                    lines.append(client.line("PUT", {"id": "x", "title": f"Cynosure {number}", "tags": ["pole"]}))
                    if writer.random.random() < 0.3:
                        lines.append(client.line("PUT", writer.article()))
                client.send(*lines)
                for reply in client.receive_all(len(lines)):
                    assert reply["ok"], reply
                time.sleep(0.02 if max(sizes) < 100 else 0)
        client.ok("FLUSH", wait_ms=int(seconds(30) * 1000))
        counters = client.ok("STATS")["counters"]
        assert client.ok("SEARCH", query="cynosure")["hits"][0]["title"] == f"Cynosure {number}"
        print(f"{readers.queries} rounds of four queries, {number} versions, {len(revisions)} revisions seen, {counters}")
        assert len(revisions) > 20 and counters["segments_sealed"] > 0 and counters["index_errors"] == 0


def test_readers_during_heavy_writing(start):
    daemon = start(*SMALL)
    oracle, writer = Oracle(), Writer(SEED, 2000)
    totals = []

    def check(reader):
        for query in ("everywhere", "harbour storm", "rocket AND budget", '"the election"', "title:museum"):
            reply = reader.ok("SEARCH", query=query, limit=20)
            ids = [hit["id"] for hit in reply["hits"]]
            assert len(set(ids)) == len(ids), reply
        reply = reader.ok("SEARCH", query="everywhere", limit=1000, exact_total=True)
        ids = [hit["id"] for hit in reply["hits"]]
        assert len(set(ids)) == len(ids) == min(1000, reply["total"]), reply["total"]
        totals.append(reply["total"])
        if ids:
            related = reader.call("RELATED", id=ids[0])
            assert related["ok"] or related["error"]["code"] == "not_found", related

    with Readers(daemon, check) as readers, daemon.client() as client:
        end = time.monotonic() + LONG
        while time.monotonic() < end:
            oracle.write(client, writer, writer.random.choice([1, 10, 100, 400]))
    with daemon.client() as client:
        counters = client.ok("STATS")["counters"]
    print(f"{readers.queries} rounds of seven queries, slowest {readers.slowest:.3f} s, {oracle.acks} writes, {counters}")
    assert counters["segments_sealed"] > 0 and counters["segments_merged"] > 0 and counters["epochs"] > 0, counters
    assert counters["index_errors"] == 0 and counters["index_skipped"] == 0, counters
    assert not oracle.errors
    oracle.check(daemon)
    check_against_rebuild(daemon, oracle)


def test_updated_and_deleted_thousands_of_times(start):
    daemon = start(*SMALL)
    rounds = 5000 if SANITIZER == "" else 1000
    with daemon.client() as client:
        client.put({"id": "other", "title": "Cynosure bystander"})
        for first in range(0, rounds, 250):
            lines = []
            for number in range(first, first + 250):
                lines.append(client.line("PUT", {"id": "x", "title": f"Cynosure {number}"}))
                if number % 3 == 0:
                    lines.append(client.line("DELETE", id="x"))
            client.send(*lines)
            for reply in client.receive_all(len(lines)):
                assert reply["ok"], reply
            if first % 1000 == 0:
                client.ok("FLUSH", wait_ms=int(seconds(20) * 1000))
        client.put({"id": "x", "title": "Cynosure at last"}, wait="visible")
        reply = client.ok("SEARCH", query="cynosure", exact_total=True)
        assert sorted(hit["title"] for hit in reply["hits"]) == ["Cynosure at last", "Cynosure bystander"]
        client.ok("DELETE", id="x", wait="visible")
        assert client.ids("cynosure") == ["other"]
    daemon.restart()
    with daemon.client() as client:
        assert client.ids("cynosure") == ["other"]
        assert client.ok("STATS")["index"]["articles"] == 1


def test_views_are_not_lost_while_segments_change(start):
    """VIEW counts during seals and merges: the live counts in hits are the store's in the end."""
    daemon = start(*SMALL)
    writer = Writer(SEED, 400)
    counts = {}
    with daemon.client() as client, daemon.client() as viewer:
        stopping = threading.Event()

        def write():
            while not stopping.is_set():
                lines = [client.line("PUT", writer.article()) for _ in range(40)]
                client.send(*lines)
                client.receive_all(40)

        watched = [f"w{number}" for number in range(20)]
        for name in watched:
            client.put({"id": name, "title": "Watched everywhere", "tags": ["watched"]})
            counts[name] = 0
        thread = threading.Thread(target=write)
        thread.start()
        end = time.monotonic() + LONG / 2
        number = 0
        while time.monotonic() < end:
            name = watched[number % len(watched)]
            number += 1
            if number % 7 == 0:
                viewer.put({"id": name, "title": f"Watched everywhere {number}", "tags": ["watched"]})
            counts[name] = viewer.ok("VIEW", id=name)["views"]
        stopping.set()
        thread.join()
        client.ok("FLUSH", wait_ms=int(seconds(30) * 1000))
        reply = client.ok("SEARCH", filter={"tags": "watched"}, limit=50)
        assert {hit["id"]: hit["views"] for hit in reply["hits"]} == counts


def test_bulk_then_small_then_bulk(start):
    """A backlog is built into segments directly; its updates of older articles never make one vanish or show twice."""
    daemon = start("--index.hot_articles=50", "--index.bulk_articles=100", "--index.commit_interval=300ms")
    with daemon.client() as client:
        client.put_all([{"id": f"k{number}", "title": "Keystone", "tags": ["stone"]} for number in range(400)])

        def check(reader):
            reply = reader.ok("SEARCH", query="keystone", limit=1000, exact_total=True)
            ids = [hit["id"] for hit in reply["hits"]]
            assert reply["total"] == 400 and len(set(ids)) == 400, reply["total"]
            assert reader.ok("SEARCH", filter={"tags": "stone"}, limit=0)["total"] == 400

        with Readers(daemon, check) as readers:
            for version in range(8):
                lines = [
                    client.line("PUT", {"id": f"k{number % 400}", "title": f"Keystone {version}", "tags": ["stone"]})
                    for number in range(1000)
                ]
                client.send(*lines)
                for reply in client.receive_all(len(lines)):
                    assert reply["ok"], reply
                if version % 3 == 0:
                    client.ok("FLUSH", wait_ms=int(seconds(30) * 1000))
        print(f"{readers.queries} rounds")
        client.ok("FLUSH", wait_ms=int(seconds(30) * 1000))
        assert client.ok("STATS")["index"]["articles"] == 400


def test_an_idle_index_comes_to_rest(start):
    """Many dead versions are no reason to choose key terms again and again."""
    daemon = start(*SMALL)
    with daemon.client() as client:
        for version in range(5):
            client.put_all([{"id": f"r{number}", "title": f"Restless {version}"} for number in range(60)])

        def work_done():
            counters = client.ok("STATS")["counters"]
            return counters["epochs"], counters["segments_merged"], counters["segments_sealed"]

        def at_rest():
            before = work_done()
            time.sleep(3)  # longer than what counts as idle
            return work_done() == before

        wait_until(at_rest, 20, "an idle index")
