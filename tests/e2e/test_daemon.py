"""The process: stopping, signals, reload, pid file, readiness notice, command line."""

import contextlib
import os
import re
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from harness import ROOT, STORYD, Client, epoch_stands, seconds, wait_until


def run(*words, **options):
    """storyd with these words, to its end."""
    return subprocess.run(
        [STORYD, *words], capture_output=True, text=True, timeout=seconds(20), check=False, **options
    )


# ---- stopping ----


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_cleanly(start, number):
    daemon = start()
    with daemon.client() as client:
        client.put({"id": "a", "title": "Fox"})
        daemon.signal(number)
        assert client.is_closed()
    assert daemon.wait() == 0
    assert daemon.log().rstrip().endswith("stopped")
    assert not os.path.exists(daemon.address[len("unix:") :])


def test_waiting_requests_are_answered_draining(start):
    daemon = start("--index.commit_interval=60s")
    with daemon.client() as client, daemon.client() as other:
        client.send('SEARCH {"min_revision":9,"wait_ms":600000}', '@t GET {"id":"a","min_revision":9,"wait_ms":600000}')
        wait_until(lambda: other.ok("STATS")["server"]["waiting_for_revision"] == 2)
        daemon.signal(signal.SIGTERM)
        assert [reply["error"]["code"] for reply in client.receive_all(2)] == ["draining", "draining"]
        assert client.is_closed() and other.is_closed()
    assert daemon.wait() == 0


def test_requests_under_way_are_answered_and_acknowledged_writes_kept(start):
    daemon = start("--limits.pipeline=1000")
    with daemon.client() as client:
        client.send(*[client.line("PUT", id=f"n{i}", title=f"Story {i}", body="word " * 100) for i in range(500)])
        replies = [client.receive()]
        daemon.signal(signal.SIGTERM)
        while (reply := client.receive()) is not None:
            replies.append(reply)
    assert daemon.wait() == 0
    kept = [reply["id"] for reply in replies if reply["ok"]]
    assert kept and all(reply["error"]["code"] == "draining" for reply in replies if not reply["ok"])
    daemon.start()
    with daemon.client() as client:
        assert client.ok("GET", ids=kept, fields=["id"])["missing"] == []
        client.ok("FLUSH")
        assert client.ok("SEARCH", query="story", exact_total=True, limit=0)["total"] >= len(kept)


def test_queries_under_way_are_answered(start):
    daemon = start("--limits.pipeline=1000")
    with daemon.client() as client:
        client.put_all([{"id": f"n{i}", "title": f"Story {i}"} for i in range(200)])
        client.send(*['SEARCH {"query":"story","limit":200}'] * 100)
        replies = [client.receive()]
        daemon.signal(signal.SIGTERM)
        while (reply := client.receive()) is not None:
            replies.append(reply)
    assert daemon.wait() == 0
    assert all(reply["ok"] or reply["error"]["code"] == "draining" for reply in replies)
    assert all(len(reply["hits"]) == 200 for reply in replies if reply["ok"])


def test_a_second_signal_exits_at_once(start):
    """A client that does not read holds up the first."""
    daemon = start("--limits.output_close=64M", "--limits.output_pause=64K")
    with daemon.client() as client:
        client.put({"id": "big", "title": "Big", "body": "word " * 100000})
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.send(*["GET big"] * 20)
        with daemon.client() as other:
            other.counter_reaches("output_pauses", 1)
        daemon.signal(signal.SIGTERM)
        daemon.wait_for_log("stopping")
        assert daemon.is_running()
        daemon.signal(signal.SIGTERM)
        assert daemon.wait() == 1
    assert "second signal" in daemon.log()


def test_a_restart_keeps_everything(start, articles):
    daemon = start()
    with daemon.client() as client:
        client.put_all(list(articles.values()))
        # strengths stand until key terms are chosen again, which storyd does by itself while a collection grows
        wait_until(lambda: epoch_stands(client, len(articles)), 20, "the last epoch")
        before = [client.ids("rocket"), client.ids(), client.ok("RELATED", "a120-snail-post")["related"]]
    daemon.restart()
    with daemon.client() as client:
        client.ok("FLUSH")
        assert [client.ids("rocket"), client.ids(), client.ok("RELATED", "a120-snail-post")["related"]] == before
        assert client.put({"id": "new", "title": "New"})["revision"] == 121


def priorities(daemon):
    """The nice value of each thread, by name."""
    nice = {}
    for thread in Path(f"/proc/{daemon.process.pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended
            name, fields = (thread / "stat").read_text().split("(", 1)[1].rsplit(")", 1)
            nice[name] = int(fields.split()[16])
    return nice


def test_builders_leave_the_processor_to_the_others(daemon):
    with daemon.client() as client:
        client.put_all([{"id": f"a{n}", "title": "Fox", "body": f"Word{n} and more. " * 100} for n in range(3000)])
        usual = priorities(daemon)["storyd-worker"]

        def of_a_builder():
            client.call("REINDEX", action="start")
            return priorities(daemon).get("storyd-build")

        assert wait_until(of_a_builder, 20, "a builder to be seen") == min(usual + 10, 19)
        nice = priorities(daemon)
    assert {nice[name] for name in ("storyd-commit", "storyd-index", "storyd-maint")} == {usual}


def slices(daemon):
    """The scheduler's slice of each thread in nanoseconds, by name; empty if the kernel does not say.

    The process's own name is the first thread's: one that a sanitizer has made bears it too, and is not looked at.
    """
    found = {}
    for thread in Path(f"/proc/{daemon.process.pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            figure = re.search(r"se\.slice\s*:\s*(\d+)", (thread / "sched").read_text())
            name = (thread / "comm").read_text().strip()
            if figure and (name != "storyd" or int(thread.name) == daemon.process.pid):
                found[name] = int(figure[1])
    return found


def test_who_answers_takes_a_core_at_once(daemon):
    release = tuple(int(number) for number in re.findall(r"\d+", os.uname().release)[:2])
    if release < (6, 12) or not slices(daemon):
        pytest.skip("the kernel has no slices of a thread's own, or does not show them")
    prompt = ("storyd", "storyd-commit", "storyd-worker")
    wait_until(lambda: {slices(daemon).get(name) for name in prompt} == {100000}, what="short slices")
    usual = slices(daemon)
    assert min(usual["storyd-index"], usual["storyd-maint"]) > 100000


# ---- two daemons ----


def test_one_data_directory_has_one_daemon(start):
    daemon = start()
    other = start("--listen", f"unix:{daemon.directory}/other", directory=daemon.directory, run=False)
    other.address, other.log_path = f"unix:{daemon.directory}/other", daemon.directory / "other.log"
    other.options = []
    other.launch()
    assert other.wait() == 1
    assert "another storyd is using" in other.log()
    with daemon.client() as client:
        assert client.put({"id": "a", "title": "Fox"})


# ---- reload ----


@pytest.fixture
def configured(start, tmp_path):
    path = tmp_path / "storyd.conf"
    path.write_text("[limits]\nresult_limit = 20\n[server]\nlog_level = info\n")
    return start("--config", str(path)), path


def test_reload(configured):
    daemon, path = configured
    with daemon.client() as client:
        assert client.ok("HELLO")["limits"]["result_limit"] == 20
        client.fail("bad_request", "SEARCH", limit=21)
        path.write_text("[limits]\nresult_limit = 30\nline_write = 100K\n[server]\nworkers = 3\n")
        daemon.signal(signal.SIGHUP)
        daemon.wait_for_log("configuration reloaded")
        assert client.ok("HELLO")["limits"]["result_limit"] == 30
        client.ok("SEARCH", limit=21)
        client.send("PUT " + "x" * 120000)
        assert client.receive()["error"]["code"] == "too_large"
    log = daemon.log()
    assert re.search(r"setting changed name=limits.result_limit from=20 to=30", log)
    assert re.search(r"takes effect only after a restart name=server.workers", log)


def test_reload_of_a_bad_file_keeps_the_old_settings(configured):
    daemon, path = configured
    with daemon.client() as client:
        path.write_text("[limits]\nresult_limit = many\nresult_lmit = 5\n")
        daemon.signal(signal.SIGHUP)
        daemon.wait_for_log("reload failed, the old settings stay")
        assert client.ok("HELLO")["limits"]["result_limit"] == 20
        log = daemon.log()
        assert f"{path}:2" in log and "1 to 10000" in log
        assert f"{path}:3" in log and "result_limit" in log.split(f"{path}:3")[1]
        path.write_text("[limits]\nresult_limit = 25\n")
        daemon.signal(signal.SIGHUP)
        daemon.wait_for_log("configuration reloaded")
        assert client.ok("HELLO")["limits"]["result_limit"] == 25


def test_everything_works_after_a_reload(configured):
    daemon, _ = configured
    daemon.signal(signal.SIGHUP)
    daemon.wait_for_log("configuration reloaded")
    with daemon.client() as client:
        client.put({"id": "a", "title": "Fox"}, wait="visible")
        assert client.ok("GET", "a") and client.ids("fox", limit=20) == ["a"] and client.ok("STATS")
        client.ok("REINDEX", "start")
        wait_until(lambda: not client.ok("REINDEX")["reindex"]["running"], 20, "the reindex")
        assert client.ok("REINDEX")["reindex"]["live_generation"] == 2


def test_the_command_line_wins_over_the_file_also_after_a_reload(start, tmp_path):
    path = tmp_path / "storyd.conf"
    path.write_text("[limits]\nresult_limit = 20\n")
    daemon = start("--config", str(path), "--limits.result_limit=7")
    with daemon.client() as client:
        assert client.ok("HELLO")["limits"]["result_limit"] == 7
        path.write_text("[limits]\nresult_limit = 30\npipeline = 5\n")
        daemon.signal(signal.SIGHUP)
        daemon.wait_for_log("configuration reloaded")
        limits = client.ok("HELLO")["limits"]
        assert (limits["result_limit"], limits["pipeline"]) == (7, 5)


def test_a_change_of_the_log_level_is_logged_both_ways(start, tmp_path):
    path = tmp_path / "storyd.conf"
    path.write_text("[server]\nlog_level = warning\n")
    daemon = start("--config", str(path))
    for level in ("info", "warning"):
        path.write_text(f"[server]\nlog_level = {level}\n")
        daemon.signal(signal.SIGHUP)
        daemon.wait_for_log(f"to={level}")


def test_nothing_to_reload(start):
    daemon = start()
    daemon.signal(signal.SIGHUP)
    daemon.wait_for_log("nothing to reload")
    with daemon.client() as client:
        client.ok("PING")


# ---- pid file, readiness ----


def test_pid_file(start, tmp_path):
    path = tmp_path / "pid"
    daemon = start(f"--server.pid_file={path}")
    assert int(path.read_text()) == daemon.process.pid
    other = start(f"--server.pid_file={path}", run=False)
    other.launch()
    assert other.wait() == 1
    assert "another storyd runs with the pid file" in other.log()
    assert int(path.read_text()) == daemon.process.pid
    daemon.stop()
    assert not path.exists()
    path.write_text("99999\n")
    daemon.start()
    assert int(path.read_text()) == daemon.process.pid


def test_readiness_notice(start, tmp_path):
    config = tmp_path / "conf"
    config.write_text("")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        daemon = start("--config", str(config), run=False)
        path = str(daemon.directory / "notify")
        manager.bind(path)
        manager.settimeout(seconds(20))
        daemon.environment = {"NOTIFY_SOCKET": path}
        daemon.launch()
        assert manager.recv(100) == b"READY=1"
        with Client(daemon.address) as client:  # at once: ready means ready
            client.ok("PING")
        daemon.signal(signal.SIGHUP)
        assert [manager.recv(100), manager.recv(100)] == [b"RELOADING=1", b"READY=1"]
        daemon.signal(signal.SIGTERM)
        assert manager.recv(100) == b"STOPPING=1"
        assert daemon.wait() == 0


# ---- the command line ----


def test_print_config_is_the_shipped_file():
    result = run("--print-config")
    assert result.returncode == 0
    assert result.stdout == (ROOT / "conf" / "storyd.conf").read_text(encoding="utf-8")


def test_the_shipped_file_is_good(tmp_path):
    result = run("-t", "--config", str(ROOT / "conf" / "storyd.conf"))
    assert (result.returncode, result.stdout) == (0, "storyd: the configuration is good\n")


def test_check_of_a_good_and_a_bad_file(tmp_path):
    path = tmp_path / "storyd.conf"
    path.write_text("[server]\ndata = /nowhere\n")
    assert run("-t", "--config", str(path)).returncode == 0
    path.write_text("[server]\ndata = /x\nworkers = 1000\n[limts]\nidle = 5s\n[limits]\nidle = 5\n")
    result = run("--test", "--config", str(path))
    assert result.returncode == 2
    assert f"{path}:3" in result.stderr and "256" in result.stderr
    assert f"{path}:4" in result.stderr or f"{path}:5" in result.stderr
    assert f"{path}:7" in result.stderr


@pytest.mark.parametrize(
    "words, message",
    [
        (["--limits.result_limit=0"], "result_limit"),
        (["--result_limt=5"], "result_limit"),
        (["--data"], "needs a value"),
        (["data"], 'unexpected "data"'),
        (["--config", "/nonexistent/storyd.conf"], "/nonexistent/storyd.conf"),
        (["--limits.output_pause=8M"], "output_close"),
        (["--listen", "tcp:example.com:80"], "not an IP address"),
        (["--listen", "tcp:0.0.0.0:7000"], "can be reached from other machines"),
        (["--listen", "tcp:[::]:7000"], "can be reached from other machines"),
        (["--listen", "unix:/tmp/x", "--listen", "unix:/tmp/x;role=query"], "unix:/tmp/x is there twice"),
        (["--listen", "udp:1"], "neither unix:PATH nor tcp:HOST:PORT"),
        (["--listen", "unix:/tmp/x;role=king"], "role=query"),
        (["--index.language=xx"], "ISO 639-1"),
    ],
)
def test_mistakes_on_the_command_line(words, message, tmp_path):
    """-t finds them all; nothing is started."""
    result = run("-t", f"--server.data={tmp_path}/data", *words)
    assert result.returncode == 2
    assert message in result.stderr
    assert not (tmp_path / "data").exists()


def test_any_ports_are_not_the_same_twice(tmp_path):
    ports = [word for role in ("query", "write") for word in ("--listen", f"tcp:127.0.0.1:0;role={role}")]
    assert run("-t", f"--server.data={tmp_path}/data", *ports).returncode == 0


def test_help_and_version():
    assert "--print-config" in run("--help").stdout
    assert re.fullmatch(r"storyd \d+\.\d+\.\d+\S*\n", run("--version").stdout)


def test_short_names(start):
    daemon = start("--result_limit=7")
    with daemon.client() as client:
        assert client.ok("HELLO")["limits"]["result_limit"] == 7


def test_a_data_directory_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    result = run("--data", str(tmp_path / "file" / "data"), "--listen", f"unix:{tmp_path}/s")
    assert result.returncode == 1
    assert "cannot start" in result.stderr and "file/data" in result.stderr
