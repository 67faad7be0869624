"""Damaged index files, full disks and failing syncs: the index is built again by itself, the store refuses what it
cannot keep, readers are served, and nothing acknowledged is lost."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from harness import SANITIZER, crc32c, seconds, wait_until
from oracle import SMALL, Oracle, Writer, answers, check_against_rebuild, reindex

SEED = int(os.environ.get("STORYD_SEED", "1"))


# ---- damage ----


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x08
    path.write_bytes(data)


def truncate(path):
    os.truncate(path, path.stat().st_size // 2)


def empty(path):
    os.truncate(path, 0)


def delete(path):
    path.unlink()


def lengthen(path):
    with open(path, "ab") as file:
        file.write(b"x" * 4096)


def zero(path):
    path.write_bytes(bytes(path.stat().st_size))


KINDS = ["live", "MANIFEST", "statistics.*", "tombstones.*", "*/rows", "*/features.*", "*/xapian"]
DAMAGES = [flip, truncate, empty, delete, lengthen, zero]


@pytest.fixture
def filled(start):
    """A stopped daemon with sealed segments and tombstones, its oracle, and what its queries found."""
    daemon = start(*SMALL)
    oracle, writer = Oracle(), Writer(SEED, 200)
    generations = daemon.directory / "data" / "generations"
    # there are none while the background is behind with sealing, nor when it has merged everything into one segment
    for _ in range(20):
        with daemon.client() as client:
            for count in (200, 60, 60, 60, 200):
                oracle.write(client, writer, count)
                client.ok("FLUSH", wait_ms=int(seconds(20) * 1000))
            expected = answers(client, [])
        daemon.stop()
        if list(generations.glob("*/tombstones.*")):
            break
        daemon.start()
    return daemon, oracle, expected


def index_file(daemon, kind):
    """A file of the index that its MANIFEST names: a stop may leave others behind, of work that was under way."""
    data = daemon.directory / "data"
    (manifest,) = data.glob("generations/*/MANIFEST")
    content = json.loads(manifest.read_bytes()[:-9])
    names = {segment["name"] for segment in content["segments"]}
    found = sorted(data.glob(kind if kind == "live" else f"generations/*/{kind}"))
    if "*/" in kind:
        found = [path for path in found if path.parent.name in names]
    if "features" in kind:
        found = [path for path in found if path.name == f"features.{content['epoch']}"]
    assert found, kind
    return found[0]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_damaged_index_is_built_again(filled, kind, damage):
    daemon, oracle, expected = filled
    damage(index_file(daemon, kind))
    daemon.start()
    oracle.check(daemon)
    with daemon.client() as client:
        assert answers(client, []) == expected
        counters = client.ok("STATS")["counters"]
    assert counters["index_rebuilds"] == 1, counters
    assert len(list((daemon.directory / "data" / "generations").iterdir())) == 1
    daemon.restart()
    with daemon.client() as client:
        client.ok("FLUSH")
        assert answers(client, []) == expected
        assert client.counter("index_rebuilds") == 0


def test_a_whole_index_is_gone(filled):
    daemon, oracle, expected = filled
    shutil.rmtree(daemon.directory / "data" / "generations")
    daemon.start()
    oracle.check(daemon)
    with daemon.client() as client:
        assert answers(client, []) == expected
        assert client.counter("index_rebuilds") == 1


def test_an_index_of_another_format_is_built_again(filled):
    """As after an upgrade: nothing is wrong, so nothing is reported as damage."""
    daemon, oracle, expected = filled
    manifest = index_file(daemon, "MANIFEST")
    content = manifest.read_bytes()[:-9].replace(b'"format":1', b'"format":9')
    assert b'"format":9' in content
    manifest.write_bytes(content + b"%08x\n" % crc32c(content))
    before = len(daemon.log())
    daemon.start()
    oracle.check(daemon)
    with daemon.client() as client:
        assert answers(client, []) == expected
        assert client.counter("index_rebuilds") == 0
    log = daemon.log()[before:]
    assert "of another format" in log and " error " not in log, log


def generation(client):
    return client.ok("STATS")["index"]["generation"]


def settle(client):
    """One sealed segment that nobody is about to read as a whole. The generation it belongs to."""
    reindex(client)
    wait_until(lambda: client.ok("STATS")["index"]["sealed_segments"] == 1, what="an idle index in one segment")
    return generation(client)


def test_damage_while_it_runs(start):
    """What Xapian finds wrong while it searches is an error or a right answer; the index is built again by itself."""
    daemon = start(*SMALL)
    oracle, writer = Oracle(), Writer(SEED, 300)
    with daemon.client() as client:
        oracle.write(client, writer, 900)
        built = settle(client)
        expected = answers(client, [])
        pick = random.Random(SEED)
        (path,) = (daemon.directory / "data").glob("generations/*/*/xapian")
        with open(path, "r+b") as file:
            for _ in range(200):
                file.seek(pick.randrange(8192, path.stat().st_size))
                file.write(bytes([pick.randrange(256)]))
    with daemon.client() as client:  # a new connection, the same workers
        for _ in range(50):
            reply = client.call("SEARCH", query="everywhere harbour", limit=100)
            assert reply["ok"] or reply["error"]["code"] == "unavailable", reply
        noticed = client.counter("index_rebuilds")
        if noticed:
            wait_until(lambda: generation(client) > built, 60, "the index to be built again")
    daemon.restart()
    oracle.check(daemon)
    with daemon.client() as client:
        assert answers(client, []) == expected
        assert noticed + client.counter("index_rebuilds") == 1


@pytest.mark.parametrize("work", ["merge", "epoch"])
def test_damage_is_not_carried_over(start, work):
    """Xapian notices few changed bytes: a merge would write them into a file whose checksum is right, and a new epoch
    read features from them. Both look at the checksum first, and the index is built again while it runs."""
    daemon = start(*SMALL)
    oracle, writer = Oracle(), Writer(SEED, 5000)
    with daemon.client() as client:
        oracle.write(client, writer, 600)
        built = settle(client)
        (path,) = (daemon.directory / "data").glob("generations/*/*/xapian")
        flip(path)
        if work == "merge":
            oracle.write(client, writer, 600)
        else:
            client.ok("PROFILE", {"kind": "organization", "name": "Quillfeather", "aliases": ["QFT"]})
        wait_until(lambda: client.counter("index_rebuilds") == 1, what="the damage to be noticed")
        wait_until(lambda: generation(client) > built, 60, "the index to be built again")
        assert "maintenance failed" not in daemon.log()
        expected = answers(client, [])
    oracle.check(daemon)
    daemon.restart()
    oracle.check(daemon)
    with daemon.client() as client:
        assert answers(client, []) == expected
        assert client.counter("index_rebuilds") == 0


# ---- the store cannot write ----


def has_room_again(client, article):
    reply = client.call("PUT", article)
    assert reply["ok"] or reply["error"]["code"] in ("unavailable", "busy"), reply
    return reply["ok"]


def test_disk_floor(start):
    """Writes are refused below the floor, reads are served; they work again when it is reloaded."""
    daemon = start(*SMALL, run=False)
    config = daemon.directory / "storyd.conf"
    config.write_text("[store]\ndisk_floor = 0\n")
    daemon.command = lambda *more, old=daemon.command: [  # the floor must come from the file to be reloadable
        word for word in old(*more) if not word.startswith("--store.disk_floor")
    ] + ["--config", str(config)]
    daemon.start()
    with daemon.client() as client:
        client.put({"id": "a", "title": "Before"}, wait="visible")
        config.write_text("[store]\ndisk_floor = 1000G\n")
        daemon.signal(signal.SIGHUP)
        daemon.wait_for_log("reloaded")
        message = client.fail("unavailable", "PUT", {"id": "b", "title": "During"})
        assert "disk_low" in message
        assert client.ids("before") == ["a"] and client.ok("GET", id="a")
        assert client.counter("writes_refused") == 1
        config.write_text("[store]\ndisk_floor = 0\n")
        daemon.signal(signal.SIGHUP)
        wait_until(lambda: has_room_again(client, {"id": "b", "title": "After"}))
        client.ok("FLUSH")
        assert client.ids("after") == ["b"]


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 24 MB."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    disk = tmp_path / "disk"
    disk.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(disk)], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill_disk(disk, leave):
    """A ballast file that leaves so many bytes free."""
    with open(disk / "ballast", "wb") as file:
        size = 0
        for step in (1 << 20, 64 << 10, 4096):
            while os.statvfs(disk).f_bavail * 4096 - step >= leave:
                try:
                    os.posix_fallocate(file.fileno(), size, step)
                except OSError:  # the daemon took it
                    break
                size += step


@pytest.mark.parametrize("leave", [0, 64 << 10, 1 << 20])
def test_disk_full(start, small_disk, leave):
    """Store, hot segment and sealed segments on a disk that fills up: refused, not lost; and then it goes on."""
    daemon = start(*SMALL, directory=small_disk)
    oracle, writer = Oracle(), Writer(SEED, 300)
    with daemon.client() as client:
        oracle.write(client, writer, 200)
        client.ok("FLUSH", wait_ms=int(seconds(20) * 1000))
        total = client.ok("SEARCH", query="everywhere", exact_total=True)["total"]
        fill_disk(small_disk, leave)
        for _ in range(200):
            oracle.write(client, writer, 20)
            if len(oracle.errors) > 100:
                break
        assert oracle.errors and set(oracle.errors) <= {"unavailable", "busy"}, set(oracle.errors)
        assert client.ok("SEARCH", query="everywhere")["hits"]
        assert client.ok("RELATED", id=client.ids("everywhere")[0])["ok"]
        assert total > 0
        time.sleep(0.5)  # the index meets the full disk as well
        (small_disk / "ballast").unlink()
        wait_until(lambda: has_room_again(client, {"id": "back", "title": "Back everywhere"}), 2, "writes to go on")
        client.ok("DELETE", id="back")
        oracle.known["back"] = {None}
        refused = len(oracle.errors)
        oracle.write(client, writer, 100)
        assert len(oracle.errors) == refused
    oracle.check(daemon)
    check_against_rebuild(daemon, oracle)
    daemon.signal(signal.SIGKILL)
    daemon.wait()
    daemon.start()
    oracle.check(daemon)
    daemon.stop()


# ---- syncs that fail ----


def under_strace(daemon, call, *more):
    """Starts the daemon under strace, which makes some of its system calls fail. The trace."""
    trace = daemon.directory / "trace"
    words = ["strace", "-f", "-q", "-o", str(trace), "-e", f"trace={call}", *more]
    plain = daemon.command
    daemon.command = lambda: words + plain()
    daemon.launch()
    daemon.command = plain
    wait_until(daemon.answers, 20, "storyd to answer")
    return trace


def kill_traced(daemon):
    """Kills the daemon itself; strace ends with it."""
    pid = daemon.process.pid
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        for child in file.read().split():
            os.kill(int(child), signal.SIGKILL)
    daemon.wait()


def calls_of_a_start(daemon, call):
    """How often it makes this call until it answers, so that the faults come after that."""
    trace = under_strace(daemon, call)
    kill_traced(daemon)
    shutil.rmtree(daemon.directory / "data")
    return trace.read_text().count(f"{call}(")


def is_sound(oracle, daemon):
    try:
        oracle.check(daemon)
    except AssertionError:
        return False
    return True


def can_trace():
    """strace is there and may be used: some containers do not allow it."""
    return shutil.which("strace") and subprocess.run(["strace", "-qq", "-o", os.devnull, "true"], check=False).returncode == 0


def is_traced(pid):
    """strace has all threads of the process."""
    statuses = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/status")]
    return all(re.search(r"^TracerPid:\s*[1-9]", status, re.M) for status in statuses)


@pytest.mark.skipif(not can_trace(), reason="strace is not installed, or not allowed here")
@pytest.mark.skipif(SANITIZER != "", reason="strace and the sanitizers do not go together")
def test_stuck_workers(start):
    """A query that hangs in a system call far beyond its deadline: it is counted, others are told to come back."""
    daemon = start("--server.workers=1")
    with daemon.client() as client, daemon.client() as stuck:
        client.put({"id": "a", "title": "Fox"}, wait="visible")
        pid = daemon.process.pid
        words = ["strace", "-f", "-q", "-o", os.devnull, "-e", "trace=pread64", "-p", str(pid)]
        tracer = subprocess.Popen([*words, "-e", "inject=pread64:delay_enter=8000000:when=1"])
        try:
            wait_until(lambda: is_traced(pid), 10, "strace to be attached")
            stuck.send('GET {"id":"a","deadline_ms":50}')  # reads the store, which takes 8 seconds now
            daemon.wait_for_log("far beyond its deadline")
            assert "workers" in client.fail("busy", "SEARCH", "fox")
            assert client.ok("PING")
        finally:
            tracer.terminate()
            tracer.wait()
        assert stuck.receive()["article"]["id"] == "a"
        assert stuck.ids("fox") == ["a"] and stuck.counter("stalled_workers") >= 1


@pytest.mark.skipif(not can_trace(), reason="strace is not installed, or not allowed here")
@pytest.mark.skipif(SANITIZER != "", reason="strace and the sanitizers do not go together")
@pytest.mark.parametrize("every", ["7", "23", "once"])
@pytest.mark.parametrize(
    "call,error",
    [
        ("fdatasync", "EIO"),
        ("fdatasync", "ENOSPC"),
        ("pwrite64", "ENOSPC"),
        ("pwrite64", "EIO"),
        ("write", "ENOSPC"),
        ("fsync", "EIO"),
        ("rename", "EIO"),
        ("openat", "EIO"),
    ],
)
def test_failing_system_calls(start, call, error, every):
    """Whatever fails, what was acknowledged is kept and the index gets to the head."""
    daemon = start(*SMALL, run=False)
    first = calls_of_a_start(daemon, call) + 5
    when = f"{first}" if every == "once" else f"{first}+{every}"
    oracle, writer = Oracle(), Writer(SEED, 200)
    try:
        trace = under_strace(daemon, call, "-e", f"inject={call}:error={error}:when={when}")
        with daemon.client() as client:
            for _ in range(40):
                oracle.write(client, writer, writer.random.choice([1, 5, 30]))
                for word in ("everywhere", "harbour"):
                    reply = client.call("SEARCH", query=word)
                    assert reply["ok"] or reply["error"]["code"] == "unavailable", reply
            assert set(oracle.errors) <= {"unavailable", "busy"}, set(oracle.errors)
            if every == "once":
                # it must recover by itself; strace counts calls for each thread, so that a thread that has made few
                # so far has its one failure still before it
                wait_until(lambda: is_sound(oracle, daemon), 20, "recovery")
    finally:
        kill_traced(daemon)
    print(f"{oracle.acks} acknowledged, {len(oracle.errors)} refused, {trace.read_text().count('INJECTED')} faults")
    daemon.start()
    oracle.check(daemon)
    check_against_rebuild(daemon, oracle)


# ---- an older store is put back ----


@pytest.mark.parametrize("options", [[], SMALL], ids=["hot", "sealed"])
def test_an_older_store_under_a_newer_index(start, options):
    """What the index knows from the time after does not exist any more, and what is written now is found."""
    daemon = start(*options)
    store, backup = daemon.directory / "data" / "store.db", daemon.directory / "backup.db"
    with daemon.client() as client:
        client.put_all([{"id": f"old{i}", "title": "Harbour"} for i in range(70)])
        client.ok("FLUSH")
    daemon.stop()
    shutil.copy(store, backup)
    daemon.start()
    with daemon.client() as client:
        client.put_all([{"id": f"lost{i}", "title": "Harbour"} for i in range(140)])
        client.ok("FLUSH")
    daemon.stop()
    assert not store.with_name("store.db-wal").exists()
    shutil.copy(backup, store)
    daemon.start()
    with daemon.client() as client:
        client.put_all([{"id": f"new{i}", "title": "Harbour"} for i in range(5)])
        client.ok("FLUSH")
        assert client.ok("SEARCH", query="harbour", limit=0, exact_total=True)["total"] == 75
        found = set(client.ids("harbour", limit=1000))
        assert found == {f"old{i}" for i in range(70)} | {f"new{i}" for i in range(5)}


@pytest.mark.skipif(not can_trace(), reason="strace is not installed, or not allowed here")
@pytest.mark.skipif(SANITIZER != "", reason="strace and the sanitizers do not go together")
def test_a_store_that_cannot_be_opened_at_start_does_not_cost_the_index(start):
    """From whichever opening of the store on they fail: a start ends or goes on, and the next one has the index as it was."""
    daemon = start(*SMALL)
    store = daemon.directory / "data" / "store.db"
    with daemon.client() as client:
        client.put_all([{"id": f"a{i}", "title": "Harbour"} for i in range(140)])
        client.ok("FLUSH")
    daemon.stop()
    live = (daemon.directory / "data" / "live").read_text()
    paths = ["-P", str(store), "-P", f"{store}-wal"]
    of_the_store = ["strace", "-f", "-q", "-o", os.devnull, *paths, "-e", "trace=openat"]
    ended = 0
    for number in range(1, 10):
        plain = daemon.command
        inject = [*of_the_store, "-e", f"inject=openat:error=EMFILE:when={number}+"]
        daemon.command = lambda: inject + plain()  # noqa: B023 - called at once
        daemon.launch()
        daemon.command = plain
        wait_until(lambda: not daemon.is_running() or daemon.answers(), 20, "storyd to end or to answer")
        if daemon.is_running():
            kill_traced(daemon)
        else:
            ended += 1
            daemon.wait()
        assert (daemon.directory / "data" / "live").read_text() == live
    assert ended > 0
    daemon.start()
    with daemon.client() as client:
        assert client.ok("SEARCH", query="harbour", limit=0, exact_total=True)["total"] == 140
    assert (daemon.directory / "data" / "live").read_text() == live
    assert "built again" not in daemon.log()
