"""kill -9 at any moment: nothing acknowledged is lost, and the index gets there by itself."""

import json
import os
import pathlib
import random
import shutil
import signal
import threading
import time

import pytest

from harness import seconds, wait_until
from oracle import SMALL, Oracle, Writer, check_against_rebuild

SEED = int(os.environ.get("STORYD_SEED", "1"))


def kill(daemon):
    daemon.signal(signal.SIGKILL)
    daemon.wait()


def write_until_it_is_gone(daemon, oracle, writer):
    try:
        with daemon.client() as client:
            while True:
                oracle.write(client, writer, writer.random.choice([1, 3, 10, 60, 250]))
    except (ConnectionError, BrokenPipeError, FileNotFoundError):
        pass


def kill_while_writing(daemon, oracle, writer, delay, before=lambda: None):
    """One round: writes run, `before` happens, `delay` seconds later the daemon is killed; then it starts again."""
    thread = threading.Thread(target=write_until_it_is_gone, args=(daemon, oracle, writer))
    thread.start()
    before()
    time.sleep(delay)
    kill(daemon)
    thread.join()
    began = time.monotonic()
    daemon.start()
    return time.monotonic() - began


def run_rounds(daemon, rounds, rebuild_every=10):
    print(f"seed {SEED}, {rounds} rounds")
    pick = random.Random(SEED)
    oracle, writer = Oracle(), Writer(SEED, 600)
    slowest = 0
    for number in range(rounds):
        slowest = max(slowest, kill_while_writing(daemon, oracle, writer, pick.uniform(0.01, seconds(0.3))))
        oracle.check(daemon)
        if number % rebuild_every == rebuild_every - 1:
            check_against_rebuild(daemon, oracle)
    print(f"{oracle.acks} acknowledged writes, slowest start {slowest:.2f} s, errors {oracle.errors}")
    assert not oracle.errors
    with daemon.client() as client:
        counters = client.ok("STATS")["counters"]
        assert counters["index_rebuilds"] == 0 and counters["index_skipped"] == 0, counters


@pytest.mark.plain_only
def test_kill_while_importing_fifty_rounds(start):
    run_rounds(start(*SMALL), 50)


def test_kill_while_importing(start):
    run_rounds(start(*SMALL), 8, rebuild_every=4)


def hot_directories(daemon):
    return list((daemon.directory / "hot").glob("hot.*"))


def remove_hot(daemon):
    for directory in hot_directories(daemon):
        shutil.rmtree(directory)


def damage_hot(daemon):
    for directory in hot_directories(daemon):
        for name in ("iamglass", "postlist.glass", "termlist.glass"):
            path = directory / name
            if not path.exists():  # killed while it was being made
                continue
            data = bytearray(path.read_bytes())
            for at in range(0, len(data), 97):
                data[at] ^= 0x5A
            path.write_bytes(data)


def truncate_hot(daemon):
    for directory in hot_directories(daemon):
        for path in directory.glob("*.glass"):
            os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize("harm", [lambda daemon: None, remove_hot, damage_hot, truncate_hot])
@pytest.mark.parametrize("end", ["kill", "stop"])
def test_restart_with_the_hot_segment_kept_gone_or_damaged(start, harm, end):
    daemon = start(*SMALL)
    oracle, writer = Oracle(), Writer(SEED, 200)
    for count in (120, 333, 30):
        with daemon.client() as client:
            oracle.write(client, writer, count)
            client.ok("FLUSH")
        if end == "kill":
            kill(daemon)
        else:
            daemon.stop()
        harm(daemon)
        daemon.start()
        oracle.check(daemon)
    check_against_rebuild(daemon, oracle)


def test_hot_segment_in_shared_memory_by_default(start):
    daemon = start(*SMALL, run=False)
    daemon.options.append("--server.hot=")
    daemon.start()
    oracle, writer = Oracle(), Writer(SEED, 200)
    with daemon.client() as client:
        oracle.write(client, writer, 100)
        client.ok("FLUSH")
    kill(daemon)
    daemon.start()
    oracle.check(daemon)
    assert not hot_directories(daemon)
    manifest = next((daemon.directory / "data" / "generations").glob("*/MANIFEST")).read_text()
    identity = json.loads(manifest.splitlines()[0])["identity"]
    used = {path.parent for path in pathlib.Path("/dev/shm").glob(f"storyd-*/hot.{identity}.*")}
    daemon.stop()
    for directory in used:
        shutil.rmtree(directory)


@pytest.mark.parametrize("wait", [0, 0.002, 0.01, 0.03, 0.08, 0.2])
def test_kill_while_reindexing(start, wait):
    """The old generation serves on after the restart, or the new one: whole either way, and nothing is left over."""
    daemon = start(*SMALL)
    oracle, writer = Oracle(), Writer(SEED, 900)
    with daemon.client() as client:
        for _ in range(4):
            oracle.write(client, writer, 250)
        client.ok("FLUSH")

    def begin():
        with daemon.client() as client:
            client.ok("REINDEX", action="start")

    for _ in range(3):
        kill_while_writing(daemon, oracle, writer, seconds(wait), begin)
        assert len(list((daemon.directory / "data" / "generations").iterdir())) == 1
        oracle.check(daemon)
    check_against_rebuild(daemon, oracle)


def test_nothing_is_left_over(start):
    """After kills at all moments the directories hold what the MANIFEST lists and the present hot segments."""
    daemon = start(*SMALL)
    oracle, writer = Oracle(), Writer(SEED, 300)
    for number in range(5):
        kill_while_writing(daemon, oracle, writer, seconds(0.1 + number * 0.05))
    oracle.check(daemon)
    daemon.restart()
    daemon.stop()
    generations = list((daemon.directory / "data" / "generations").iterdir())
    assert len(generations) == 1
    manifest = (generations[0] / "MANIFEST").read_text()
    for path in generations[0].iterdir():
        kind = path.name.split(".")[0]
        assert path.name in ("MANIFEST",) or kind in ("statistics", "tombstones") or f'"{path.name}"' in manifest, path
        if path.is_dir():
            names = [entry.name.split(".")[0] for entry in path.iterdir()]
            # a new epoch that the stop interrupted may have left its features; the next start removes them
            assert set(names) == {"features", "rows", "xapian"} and len(names) <= 4
    assert len([path for path in generations[0].iterdir() if path.name.startswith("tombstones")]) <= 1
    assert len([path for path in generations[0].iterdir() if path.name.startswith("statistics")]) <= 2
    assert len(hot_directories(daemon)) <= 3


# ---- views ----


def view_until_it_is_gone(daemon, acknowledged, sent):
    """VIEWs of the articles, many under way; what was sent and acknowledged of each is counted."""
    names = list(acknowledged)
    try:
        with daemon.client() as client:
            while True:
                group = [names[number * number % len(names)] for number in range(50)]
                for name in group:
                    sent[name] += 1
                client.send(*[client.line("VIEW", id=name) for name in group])
                for name in group:
                    reply = client.receive()
                    if reply is None:
                        return
                    acknowledged[name] = max(acknowledged[name], reply["views"])
    except (ConnectionError, BrokenPipeError):
        pass


def check_views(client, names):
    """The views of each as GET says; a search's order and the totals of CONNECTED agree."""
    counts = {name: client.ok("GET", name)["article"]["views"] for name in names}
    hits = client.ok("SEARCH", query="fox", sort="most_viewed")["hits"]
    assert {hit["id"]: hit["views"] for hit in hits} == counts
    assert [hit["views"] for hit in hits] == sorted(counts.values(), reverse=True)
    connected = client.ok("CONNECTED", article={"title": "Fox in the snow", "tags": ["fox"]}, min_strength=0)
    assert connected["overview"]["events"] == len(names)
    assert connected["overview"]["views"] == sum(counts.values())
    return counts


def test_acknowledged_views_survive(start):
    daemon = start(*SMALL)
    pick = random.Random(SEED)
    names = [f"v{number}" for number in range(7)]
    with daemon.client() as client:
        client.put_all([{"id": name, "title": "Fox in the snow", "tags": ["fox"]} for name in names])
    acknowledged, sent = dict.fromkeys(names, 0), dict.fromkeys(names, 0)
    for _ in range(6):
        thread = threading.Thread(target=view_until_it_is_gone, args=(daemon, acknowledged, sent))
        thread.start()
        wait_for = max(acknowledged.values()) + 1
        wait_until(lambda: max(acknowledged.values()) > wait_for, what="views to be counted")
        time.sleep(pick.uniform(0.01, seconds(0.2)))
        kill(daemon)
        thread.join()
        daemon.start()
        with daemon.client() as client:
            wait_until(lambda: len(client.ids()) == len(names), what="the articles to be visible again")
            counts = check_views(client, names)
            for name in names:
                assert acknowledged[name] <= counts[name] <= sent[name]
            client.ok("VIEW", id=names[0], count=3)
            sent[names[0]] += 3
            assert check_views(client, names)[names[0]] == counts[names[0]] + 3
            acknowledged = check_views(client, names)


def test_views_while_the_article_is_being_indexed(start):
    """Those that come between the reading of an article for the index and its publication are not lost."""
    daemon = start(*SMALL)
    with daemon.client() as client:
        for turn in range(30):
            group = [f"n{turn}-{number}" for number in range(20)]
            lines = [client.line("PUT", {"id": name, "title": f"Owl number{turn}"}) for name in group]
            client.send(*lines, *[client.line("VIEW", id=name) for _ in range(10) for name in group])
            for reply in client.receive_all(11 * len(group)):
                assert reply["ok"], reply
            client.ok("FLUSH")
            hits = client.ok("SEARCH", query=f"number{turn}", limit=50)["hits"]
            assert {hit["id"]: hit["views"] for hit in hits} == dict.fromkeys(group, 10)
