"""storyctl: every verb, both outputs, exit codes, and the import in full."""

import fcntl
import gzip
import json
import os
import pty
import re
import signal
import socket
import struct
import subprocess
import termios

import pytest

from harness import ARTICLES, ROOT, SLOWER, seconds, wait_until

STORYCTL = os.path.abspath(os.environ.get("STORYCTL_BIN") or ROOT / "build" / "storyctl")
DONE, REFUSED, USAGE, UNREACHABLE, REJECTS, INTERRUPTED = 0, 1, 2, 3, 4, 130


def environment(directory, address, **more):
    kept = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "STORYCTL_SOCKET", "NO_COLOR")}
    return {**kept, "XDG_STATE_HOME": str(directory), "STORYCTL_SOCKET": address or "", "TERM": "xterm", **more}


class Ctl:
    """Runs storyctl against one daemon."""

    def __init__(self, daemon, state):
        self.daemon = daemon
        self.state = state

    def command(self, *arguments):
        return [STORYCTL, *map(str, arguments)]

    def popen(self, *arguments, **options):
        return subprocess.Popen(
            self.command(*arguments), env=environment(self.state, self.daemon and self.daemon.address), **options
        )

    def __call__(self, *arguments, code=DONE, input=b"", **more):
        """(stdout, stderr) as text."""
        result = subprocess.run(
            self.command(*arguments),
            env=environment(self.state, self.daemon and self.daemon.address, **more),
            input=input,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=seconds(60),
        )
        output, errors = result.stdout.decode(), result.stderr.decode()
        assert "Sanitizer" not in errors and "runtime error" not in errors, errors
        assert result.returncode == code, (result.returncode, output, errors)
        return output, errors

    def json(self, *arguments, **options):
        output, _ = self(*arguments, **options)
        assert output.count("\n") == 1
        return json.loads(output)

    def on_terminal(self, *arguments, width=80, code=DONE):
        """What a terminal of that width is sent."""
        main, other = pty.openpty()
        fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
        process = self.popen(*arguments, stdin=other, stdout=other, stderr=other)
        os.close(other)
        output = b""
        while True:
            try:
                block = os.read(main, 65536)
            except OSError:  # the other end is closed
                break
            if not block:
                break
            output += block
        os.close(main)
        assert process.wait(seconds(60)) == code, output
        return output.decode()


@pytest.fixture
def ctl(daemon, tmp_path):
    return Ctl(daemon, tmp_path / "state")


@pytest.fixture
def read(news, tmp_path):
    return Ctl(news, tmp_path / "state")


def article_lines(count, start=0, size=0):
    return [
        json.dumps({"id": f"n{number}", "title": f"Story number {number}", "body": "word " * size})
        for number in range(start, start + count)
    ]


def write_lines(path, lines):
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


def without_styles(text):
    return re.sub(r"\x1b\[[0-9;]*[mK]", "", text).replace("\r", "")


# ---- the command line ----


def test_help_of_the_program_names_every_verb_and_exit_code(read):
    output, _ = read("--help")
    for verb in "import search related connected trending eval get put patch delete view profile stats flush reindex ping raw shutdown".split():
        assert re.search(rf"^  {verb}\b", output, re.M), verb
        detail, _ = read(verb, "--help")
        assert detail.startswith(f"storyctl {verb}")
    for code in "0 1 2 3 4 130".split():
        assert re.search(rf"^  {code} ", output, re.M), code
    assert "--socket ADDRESS" in output
    assert read("-h")[0] == output
    assert read("--version")[0].startswith("storyctl ")


def test_help_fits_the_terminal(read):
    for arguments in (["--help"], ["import", "--help"], ["search", "--help"]):
        lines = without_styles(read.on_terminal(*arguments, width=70)).split("\n")
        assert max(map(len, lines)) <= 70, max(lines, key=len)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "what is to be done"),
        (["serch"], "did you mean search?"),
        (["frobnicate"], "there is no verb"),
        (["search", "x", "--limt", "3"], "did you mean --limit?"),
        (["search", "x", "--limit", "many"], "--limit must be a whole number"),
        (["search", "x", "--limit"], "--limit needs a value"),
        (["search", "--exact-total=yes"], "takes no value"),
        (["search", "--filter", "tags"], "--filter takes KEY=VALUE"),
        (["search", "--filter", "{tags"], "--filter:"),
        (["search", "--filter", "published!=2025-07"], "published=FROM..TO"),
        (["search", "--filter", "date+=2025-07"], "published=FROM..TO"),
        (["search", "--filter", "date=2025-07..", "--filter", "date=..2025-08"], "once"),
        (["related", "a", "--recency-now", "soon"], "--recency-now takes a number of days"),
        (["related"], "either ids or --article"),
        (["related", "x", "--min-strength", "200%"], "--min-strength must be"),
        (["get"], "too few arguments"),
        (["view", "a", "b", "c"], "too many arguments"),
        (["view", "a", "b"], "COUNT must be a whole number"),
        (["put", "/nowhere/x.json"], "cannot open /nowhere/x.json"),
        (["import", "/nowhere/x.json"], "cannot open /nowhere/x.json"),
        (["import", "/tmp"], "is a directory"),
        (["import", "a", "b", "--from-line", "3"], "one file only"),
        (["import", "-", "--resume"], "only the import of a file can be resumed"),
        (["raw", ""], "begins with a verb"),
        (["raw", "*1"], "begins with a verb"),
        (["raw", "PING\nPING"], "must be one line"),
        (["reindex", "stop"], "not \"stop\""),
        (["--socket", "nonsense", "ping"], "neither unix:PATH nor tcp:HOST:PORT"),
    ],
)
def test_wrong_usage(read, arguments, message):
    output, errors = read(*arguments, code=USAGE)
    assert output == "" or arguments[0] == "import"
    assert message in errors
    assert errors.startswith("storyctl: ")


def test_nobody_there(tmp_path):
    ctl = Ctl(None, tmp_path)
    _, errors = ctl("--socket", f"unix:{tmp_path}/none", "ping", code=UNREACHABLE)
    assert "cannot connect to unix:" in errors
    ctl("--socket", "tcp:127.0.0.1:1", "ping", code=UNREACHABLE)


def test_the_address_comes_from_the_option_before_the_environment(read, tmp_path):
    assert read("--socket", read.daemon.address, "ping", STORYCTL_SOCKET=f"unix:{tmp_path}/none")
    read("ping", code=UNREACHABLE, STORYCTL_SOCKET=f"unix:{tmp_path}/none")


def test_words_after_two_dashes_are_words(read):
    assert read.json("search", "--limit", 1, "--", "--rocket")["ok"]


# ---- the verbs ----


def test_ping(read):
    assert read.json("ping") == {"ok": True, "pong": True}
    assert read("ping", "--text")[0] == f"storyd answers at {read.daemon.address}\n"


def test_search_as_json_is_the_reply_as_it_came(read):
    reply = read.json("search", "rocket", "launch", "--limit", 3, "--offset", 1)
    assert reply["ok"] and len(reply["hits"]) == 3
    with read.daemon.client() as client:
        assert [hit["id"] for hit in reply["hits"]] == client.ids("rocket launch", limit=4)[1:]


def test_search_options(read):
    def ids(*arguments):
        return [hit["id"] for hit in read.json("search", *arguments, "--limit", 200)["hits"]]

    space = ids("--filter", "tag=space")
    assert space and set(space) == set(ids("tag:space"))
    norway = ids("--filter", "tags+=space", "--filter", "tags+=norway")
    assert norway and set(norway) < set(space)
    assert set(ids("--filter", "tags=space", "--filter", "tags!=norway")) == set(space) - set(norway)
    assert set(space) < set(ids("--filter", "tags=space", "--filter", "tags=music"))
    assert set(ids("--filter", '{"tags":["space"]}')) == set(space)
    dates = [
        hit["published"]
        for hit in read.json("search", "--filter", "date=2025-03..2025-04", "--sort", "oldest", "--limit", 200)["hits"]
    ]
    assert dates and dates == sorted(dates) and dates[0] >= "2025-03-01" and dates[-1] < "2025-05"
    assert read.json("search", "rocket", "--fields", "id,tags", "--limit", 1)["hits"][0].keys() == {"id", "tags", "score"}
    assert read.json("search", "rocket", "--exact-total")["total_exact"]


def test_search_refused_by_the_server(read):
    output, errors = read("search", "x", "--sort", "random", code=REFUSED)
    assert json.loads(output)["error"]["code"] == "bad_request"
    assert errors.startswith("storyctl: bad_request: ") and "newest" in errors
    output, errors = read("search", "x", "--sort", "random", "--text", code=REFUSED)
    assert output == "" and "bad_request" in errors


def test_search_table(read):
    output, _ = read("search", "rocket launch", "--limit", 3, "--text")
    assert re.match(r"(about )?\d+ articles match, \d+\.\d ms\n\n", output)
    assert "SCORE  PUBLISHED   TITLE" in output
    assert "a003-skua-lost-after-74-seconds" in output
    assert read("search", "nosuchwordanywhere", "--text")[0].startswith("no articles match")


@pytest.mark.parametrize("width", [40, 80, 120])
def test_tables_fit_the_terminal(read, width):
    for arguments in (["search", "rocket launch"], ["related", "a008-skua-reaches-orbit"], ["get", "a008-skua-reaches-orbit"]):
        output = read.on_terminal(*arguments, width=width)
        assert "\x1b[1m" in output
        lines = without_styles(output).split("\n")
        assert len(lines) > 5
        assert max(map(len, lines)) <= width, max(lines, key=len)
    assert "\x1b" not in read("search", "rocket", "--text")[0]


def test_related(read):
    reply = read.json("related", "a008-skua-reaches-orbit", "--limit", 3, "--min-strength", "10%")
    assert [item["id"][:4] for item in reply["related"]] and all(item["strength"] >= 0.1 for item in reply["related"])
    first = reply["related"][0]["id"]
    reply = read.json("related", "a008-skua-reaches-orbit", "--exclude", first, "--exclude-tag", "norway")
    assert all(item["id"] != first and "norway" not in item.get("tags", []) for item in reply["related"])
    assert read.json("related", "a001-halcyon-skua-date-set", "a003-skua-lost-after-74-seconds")["ok"]
    draft = json.dumps({"title": "Halcyon Orbital plans another Skua rocket", "organizations": ["Halcyon Orbital"]})
    assert read.json("related", "--article", "-", "--limit", 1, input=draft.encode())["related"]
    _, errors = read("related", "nosuch", code=REFUSED)
    assert "not_found" in errors


def test_related_table_has_strength_bar_and_shared_names(read):
    output, _ = read("related", "a008-skua-reaches-orbit", "--limit", 3, "--text")
    assert output.startswith("3 related stories, ")
    assert len(re.findall(r"^ *\d+ % [█▏▎▍▌▋▊▉]+ +\S", output, re.M)) == 3
    assert "shares " in output and "Halcyon Orbital" in output
    output, _ = read("related", "a090-cedar-ridge-contained", "--limit", 3, "--text")
    assert re.search(r"^ +1 near-copy: a08[78]-cedar-ridge-", output, re.M), output
    assert re.search(r"tags \d+ % · names \d+ % · words \d+ %", output)


def test_profile(ctl, tmp_path):
    options = ["--about", "Builds\nrockets.", "--alias", "Space Exploration", "--alias", "SX", "--url", "https://x.example/"]
    assert ctl("profile", "organization", "SpaceX", *options, "--text")[0] == 'organization "SpaceX": profile stored\n'
    profile = {
        "kind": "organization",
        "name": "SpaceX",
        "about": "Builds\nrockets.",
        "aliases": ["Space Exploration", "SX"],
        "url": "https://x.example/",
    }
    assert ctl.json("profile", "organizations", "space exploration") == {"ok": True, "profile": profile}
    shown = without_styles(ctl.on_terminal("profile", "organization", "sx"))
    assert shown.split("\n")[:2] == ["SpaceX", "organization · https://x.example/"]
    assert re.search(r"^aliases +Space Exploration, SX$", shown, re.M)
    assert "Builds\nrockets." in shown
    document = json.dumps({"kind": "organization", "name": "SpaceX", "about": "Other.", "image": "https://x.example/i.png"})
    output, _ = ctl("profile", "-", "--text", input=document.encode())
    assert output == 'organization "SpaceX": profile replaced\n'
    file = write_lines(tmp_path / "profile.json", [document])
    assert ctl.json("profile", file)["created"] is False
    assert ctl.json("profile", "organization", "SpaceX")["profile"]["aliases"] == []
    assert ctl("profile", "organization", "SpaceX", "--remove", "--text")[0] == 'organization "SpaceX": profile removed\n'
    for more in ([], ["--remove"]):
        _, errors = ctl("profile", "organization", "SpaceX", *more, code=REFUSED)
        assert "there is no profile" in errors
    _, errors = ctl("profile", "tag", "SpaceX", code=REFUSED)
    assert "person|organization|product|place" in errors
    _, errors = ctl("profile", file, "--remove", code=USAGE)
    assert "--remove goes with KIND and NAME" in errors
    _, errors = ctl("profile", tmp_path / "missing", code=USAGE)
    assert "cannot open" in errors
    _, errors = ctl("profile", "organization", "SpaceX", "--abuot", "x", code=USAGE)
    assert "did you mean --about?" in errors


def test_import_of_profiles(ctl, tmp_path):
    lines = [json.dumps({"kind": "place", "name": f"Town {number}", "aliases": [f"T{number}"]}) for number in range(300)]
    file = write_lines(tmp_path / "towns.ndjson", lines)
    output, _ = ctl("import", "--profiles", file, "--text")
    assert output.startswith("300 profiles stored (300 new, 0 replaced), 0 rejected")
    bad = [json.dumps({"kind": "place", "name": "Other", "aliases": ["T7"]}), json.dumps({"name": "Town 1"}), lines[0]]
    summary = ctl.json("import", "--profiles", write_lines(tmp_path / "bad.ndjson", bad), code=REJECTS)
    assert (summary["stored"], summary["replaced"], summary["rejected"]) == (1, 1, 2)
    assert [reject["code"] for reject in summary["rejects"]] == ["conflict", "bad_request"]
    assert ctl.json("profile", "place", "t299")["profile"]["name"] == "Town 299"


def test_trending(read):
    span = ["--at", "2025-08-07", "--window", "14", "--baseline", "60.5", "--min-articles", 2]
    reply = read.json("trending", *span, "--kind", "tags", "--kind", "places", "--limit", 4, "--articles", 1)
    assert reply["window_days"] == 14 and reply["baseline_days"] == 60.5 and len(reply["trending"]) == 4
    assert {entry["kind"] for entry in reply["trending"]} <= {"tags", "places"}
    assert all(len(entry["strongest"]) == 1 for entry in reply["trending"])
    assert read.json("trending", "No such category", *span)["articles"] == 0
    first = reply["trending"][0]
    output, _ = read("trending", *span, "--text")
    assert output.startswith("8 names rise in 14 days to 2025-08-07 against the 60.5 days before, ")
    assert re.search(rf"^ [·▁▂▃▄▅▆▇█]{{16}}  {re.escape(first['name'])}$", output, re.M)
    assert f"{first['kind']} · {first['articles']} articles, " in output and first["strongest"][0]["id"] in output
    assert read("trending", "--text")[0].startswith("nothing rises in 2 days to ")
    _, errors = read("trending", "--window", "two", code=USAGE)
    assert "--window takes a number of days" in errors
    _, errors = read("trending", "--kind", "tag", code=REFUSED)
    assert "tags" in errors


def test_put_get_patch_view_delete(ctl, tmp_path):
    document = tmp_path / "one.json"
    document.write_text('{\n "id": "one",\n "title": "Grüße aus Köln",\n "tags": ["a","b"]\n}\n')
    assert ctl.json("put", document, "--wait")["created"] is True
    assert ctl("put", document, "--text")[0] == "one: replaced, revision 2\n"
    output, errors = ctl("put", document, "--if-revision", 1, code=REFUSED)
    assert "conflict" in errors
    assert ctl.json("get", "one")["article"]["title"] == "Grüße aus Köln"
    output, _ = ctl("get", "one", "none", "--text")
    assert "Grüße aus Köln" in output and 'there is no article "none"' in output
    assert ctl.json("get", "one", "--fields", "tags")["article"]["tags"] == ["a", "b"]
    assert ctl("patch", "-", "--text", input=b'{"id":"one","tags":null}')[0] == "one: changed, revision 3\n"
    assert "tags" not in ctl.json("get", "one")["article"]
    assert ctl.json("view", "one")["views"] == 1
    assert ctl("view", "one", 1000, "--text")[0] == "one: 1,001 views\n"
    assert ctl("delete", "one", "two", "--text")[0] == "1 deleted; there was no two\n"
    _, errors = ctl("delete", "one", code=REFUSED)
    assert "not_found" in errors
    _, errors = ctl("put", "-", code=USAGE, input=b'{"id":"x",\n"title":}')
    assert "standard input, line 2, column" in errors


def test_what_a_terminal_must_not_be_sent(ctl):
    evil = {"id": "evil", "title": "\x1b[31mred\x07 \u009b2J and \u202eturned", "summary": "wide 漢字漢字漢字" * 30}
    ctl("put", "-", "--wait", input=json.dumps(evil).encode())
    for arguments in (["search", "turned"], ["get", "evil"], ["raw", "GET evil"]):
        output = ctl(*arguments, "--text")[0]
        assert "red" in output
        assert not set(output) & {"\x1b", "\x07", "\u009b", "\u202e"}


def test_stats(read):
    reply = read.json("stats")
    assert reply["store"]["articles"] == 120
    output, _ = read("stats", "--text")
    assert re.search(r"^  articles +120$", output, re.M)
    assert "Limits" not in output and "Limits" in read("stats", "--text", "--all")[0]


def test_flush(ctl):
    with ctl.daemon.client() as client:
        client.put({"id": "a", "title": "Visible at once"})
    assert ctl.json("flush")["revision"] == 1
    assert len(ctl.json("search", "visible")["hits"]) == 1
    assert ctl("flush", "--text")[0] == "all articles up to revision 1 can be found\n"


def test_reindex_follows_to_the_end(ctl):
    assert "no reindex since" in ctl("reindex", "status", "--text")[0]
    ctl("import", ARTICLES, "--flush")
    reply = ctl.json("reindex")["reindex"]
    assert reply["phase"] == "done" and reply["running"] is False and reply["done"] == 120
    output, _ = ctl("reindex", "status", "--text")
    assert re.match(r"reindex: done, 120 of 120 articles in .*; generation 2 is live\n", output)
    assert ctl.json("reindex", "--no-wait")["reindex"]["running"] is True


def test_raw(read):
    assert read("raw", "PING", "@x PING")[0] == '{"ok":true,"pong":true}\n{"ok":true,"pong":true,"tag":"x"}\n'
    output, errors = read("raw", "PIN", "PING", code=REFUSED)
    assert json.loads(output.split("\n")[0])["error"]["code"] == "unknown_command"
    assert '"pong":true' in output
    assert read("raw", "-", input=b"PING\n\nPING\r\n")[0].count("pong") == 2
    assert read("raw", "PING", "--text")[0] == '{\n  "ok": true,\n  "pong": true\n}\n'


def test_shutdown(ctl):
    assert "ends" in ctl("shutdown", "--text")[0]
    assert ctl.daemon.wait() == 0
    ctl("ping", code=UNREACHABLE)


def test_a_server_that_says_nothing_is_not_waited_for_for_ever(tmp_path):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "deaf"))
    listener.listen()
    ctl = Ctl(None, tmp_path)
    _, errors = ctl("--socket", f"unix:{tmp_path}/deaf", "--timeout", 1, "ping", code=UNREACHABLE)
    assert "no answer within 1000 ms" in errors
    listener.close()


# ---- import ----


def test_import_and_summary(ctl):
    summary = ctl.json("import", ARTICLES, "--flush")
    assert {key: summary[key] for key in ("ok", "lines", "stored", "created", "replaced", "rejected", "complete")} == {
        "ok": True,
        "lines": 120,
        "stored": 120,
        "created": 120,
        "replaced": 0,
        "rejected": 0,
        "complete": True,
    }
    assert ctl.json("search", "rocket")["total"] > 0
    output, errors = ctl("import", ARTICLES, "--text", "--flush")
    assert re.match(r"120 articles stored \(0 new, 120 replaced\), 0 rejected, in .* \(.*/s\); all can be found\n", output)
    assert errors == ""


def bad_lines():
    good = article_lines(400)
    bad = {
        1: ('{"title":"no id"}', "bad_request"),
        77: ("not json", "bad_request"),
        78: ('{"id":"b78","title":"t","tagz":[]}', "bad_request"),
        210: ('{"id":"b210","title":"' + "x" * 1100000 + '"}', "too_large"),
        300: ('"text"', "bad_request"),
    }
    return good, bad


def test_import_reports_rejects_and_stores_the_rest(ctl, tmp_path):
    good, bad = bad_lines()
    lines = [bad[number][0] if number in bad else good[number - 1] for number in range(1, 401)]
    lines[9] = ""  # blank lines count as lines
    data = "\ufeff" + "\r\n".join(lines[:399]) + "\r\n" + lines[399]  # no line end behind the last
    path = tmp_path / "mixed.ndjson"
    path.write_bytes(data.encode().replace(b"Story number 150", b"Story \xff number"))
    output, errors = ctl("import", path, "--rejects", tmp_path / "rejects", "--flush", code=REJECTS)
    summary = json.loads(output)
    expected = {**{number: code for number, (_, code) in bad.items()}, 151: "bad_request"}
    assert summary["stored"] == 400 - len(expected) - 1 and summary["rejected"] == len(expected)
    assert summary["ok"] is False and summary["complete"] is True
    assert {item["line"]: item["code"] for item in summary["rejects"]} == expected
    assert [item["line"] for item in summary["rejects"]] == sorted(expected)
    for number in expected:
        assert f"{path}:{number}: " in errors
    assert "b78: bad_request" in errors and "tags" in errors
    rejects = [json.loads(line) for line in (tmp_path / "rejects").read_text().splitlines()]
    assert {item["line"]: item["code"] for item in rejects} == expected
    assert rejects[1]["text"] == "not json" and rejects[1]["message"]
    assert all(reject["file"] == str(path) for reject in rejects)
    with ctl.daemon.client() as client:
        assert client.ok("STATS")["store"]["articles"] == summary["stored"]
        assert client.ok("GET", "n399")["article"]["title"] == "Story number 399"


@pytest.mark.parametrize("name", ["in.ndjson", "./in.ndjson"])
def test_no_file_of_the_users_is_overwritten(ctl, tmp_path, name, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = write_lines(tmp_path / "in.ndjson", article_lines(3))
    before = path.read_bytes()
    assert "choose another" in ctl("import", path, "--rejects", name, code=USAGE)[1]
    assert "is not the state of an import" in ctl("import", path, "--state", name, code=USAGE)[1]
    assert path.read_bytes() == before
    with ctl.daemon.client() as client:
        assert client.ok("STATS")["store"]["articles"] == 0


def test_many_rejects_do_not_flood_the_terminal(ctl, tmp_path):
    path = write_lines(tmp_path / "bad", ["{}"] * 3000)
    output, errors = ctl("import", path, "--rejects", tmp_path / "rejects", code=REJECTS)
    assert len(errors.splitlines()) == 51
    assert len((tmp_path / "rejects").read_text().splitlines()) == 3000
    assert json.loads(output)["rejected"] == 3000


def pack_gzip(data):
    return gzip.compress(data)


def pack_gzip_members(data):
    half = len(data) // 2
    return gzip.compress(data[:half]) + gzip.compress(data[half:])


def pack_zstd(data):
    return subprocess.run(["zstd", "-q", "-c"], input=data, stdout=subprocess.PIPE, check=True).stdout


def pack_zstd_frames(data):
    return pack_zstd(data[: len(data) // 3]) + pack_zstd(data[len(data) // 3 :])


@pytest.mark.parametrize("pack", [pack_gzip, pack_gzip_members, pack_zstd, pack_zstd_frames])
@pytest.mark.parametrize("by_stdin", [False, True])
def test_packed_files(ctl, tmp_path, pack, by_stdin):
    packed = pack(ARTICLES.read_bytes())
    path = tmp_path / "articles"  # told by the content, not by the name
    path.write_bytes(packed)
    summary = ctl.json("import", "-", input=packed) if by_stdin else ctl.json("import", path)
    assert summary["stored"] == 120 and summary["lines"] == 120


@pytest.mark.parametrize("pack", [pack_gzip, pack_zstd])
def test_damaged_packed_files(ctl, tmp_path, pack):
    path = tmp_path / "articles"
    path.write_bytes(pack(ARTICLES.read_bytes())[:-2000])
    output, errors = ctl("import", path, code=USAGE)
    assert "ends in the middle" in errors
    summary = json.loads(output)
    assert summary["complete"] is False and summary["stored"] < 120
    path.write_bytes(pack(ARTICLES.read_bytes()) + b"no packed data")
    output, errors = ctl("import", path, code=USAGE)
    assert "damaged" in errors
    summary = json.loads(output)
    assert summary["complete"] is False and summary["stored"] == 120
    path.write_bytes(pack(b"x" * 100)[:8] + b"\xff" * 100)
    assert "damaged" in ctl("import", path, code=USAGE)[1]


def test_stdin_and_empty_input(ctl):
    assert ctl.json("import", "-", input=ARTICLES.read_bytes())["stored"] == 120
    for empty in (b"", b"\n", b" \r\n\n"):
        assert ctl.json("import", "-", input=empty)["stored"] == 0


def test_several_files(ctl, tmp_path):
    first = write_lines(tmp_path / "first", article_lines(10))
    second = write_lines(tmp_path / "second", article_lines(10, start=10) + ["{}"])
    summary = ctl.json("import", first, second, code=REJECTS)
    assert summary["stored"] == 20 and summary["rejects"][0]["file"] == str(second)


def test_a_slow_producer_is_not_kept_waiting(ctl):
    """What comes through a pipe is stored when it comes, not when a window is full."""
    process = ctl.popen("import", "-", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with ctl.daemon.client() as client:
        for number, line in enumerate(article_lines(3)):
            process.stdin.write(line[:9].encode())
            process.stdin.flush()
            process.stdin.write(line[9:].encode() + b"\n")
            process.stdin.flush()
            wait_until(lambda: client.ok("STATS")["store"]["articles"] == number + 1)
    output, _ = process.communicate(timeout=seconds(20))
    assert process.returncode == DONE and json.loads(output)["stored"] == 3


def test_the_last_of_several_versions_wins(ctl, tmp_path):
    lines = [json.dumps({"id": f"v{number % 7}", "title": f"Version {number}"}) for number in range(3000)]
    ctl("import", write_lines(tmp_path / "versions", lines))
    with ctl.daemon.client() as client:
        titles = {client.ok("GET", f"v{number}")["article"]["title"] for number in range(7)}
    assert titles == {f"Version {number}" for number in range(2993, 3000)}


def test_a_busy_server_is_asked_again_and_order_is_kept(start, tmp_path):
    """The queue of writes is far smaller than what the import has under way."""
    daemon = start("--store.queue_writes=16", "--limits.pipeline=1000")
    ctl = Ctl(daemon, tmp_path)
    lines = [json.dumps({"id": f"v{number % 7}", "title": f"Version {number}"}) for number in range(600)]
    summary = ctl.json("import", write_lines(tmp_path / "versions", lines))
    assert summary["stored"] == 600 and summary["rejected"] == 0
    with daemon.client() as client:
        assert client.counter("requests_busy") > 0
        titles = {client.ok("GET", f"v{number}")["article"]["title"] for number in range(7)}
    assert titles == {f"Version {number}" for number in range(593, 600)}


def test_from_line(ctl, tmp_path):
    path = write_lines(tmp_path / "lines", article_lines(100))
    assert ctl.json("import", path, "--from-line", 91)["stored"] == 10
    with ctl.daemon.client() as client:
        client.fail("not_found", "GET", "n89")
        client.ok("GET", "n90")


def stop_in_the_middle(ctl, path, number, *options):
    """Sends the signal once some articles are stored; returns (exit code, stdout, stderr)."""
    process = ctl.popen("import", path, *options, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with ctl.daemon.client() as client:
        wait_until(lambda: client.ok("STATS")["store"]["articles"] > 300, 30, "some articles to be stored")
    process.send_signal(number)
    output, errors = process.communicate(timeout=seconds(60))
    return process.returncode, output.decode(), errors.decode()


@pytest.mark.parametrize("pack", [bytes, pack_gzip])
def test_an_interrupted_import_goes_on(ctl, tmp_path, pack):
    count = 20000 * min(SLOWER, 5)  # enough to be still under way when it is seen that some are stored
    lines = article_lines(count, size=100)
    lines[5] = lines[19000] = "{}"
    path = tmp_path / "many"
    path.write_bytes(pack(("\n".join(lines) + "\n").encode()))
    options = ["--rejects", tmp_path / "rejects"]
    code, output, errors = stop_in_the_middle(ctl, path, signal.SIGINT, *options)
    assert code == INTERRUPTED, errors
    first = json.loads(output)
    assert first["complete"] is False and 300 < first["stored"] < count - 2
    assert f"storyctl import --resume {path} goes on" in errors
    with ctl.daemon.client() as client:
        assert client.ok("STATS")["store"]["articles"] == first["stored"]  # what it said is exactly what is there
    total = ctl.json("import", "--resume", path, *options, code=REJECTS)
    assert total["stored"] == total["created"] == count - 2 and total["lines"] == count
    assert [json.loads(line)["line"] for line in (tmp_path / "rejects").read_text().splitlines()] == [6, 19001]
    with ctl.daemon.client() as client:
        figures = client.ok("STATS")["store"]
    assert figures["articles"] == count - 2
    assert figures["revision"] == count - 2  # nothing was sent twice
    _, errors = ctl("import", "--resume", path, code=REJECTS)
    assert "no import of" in errors  # the state is gone


def test_resume_after_kill(start, tmp_path):
    """kill -9 leaves the state of a second or two before. A short queue makes the daemon slow enough to be in time."""
    daemon = start("--store.queue_writes=16", "--limits.pipeline=1000")
    ctl = Ctl(daemon, tmp_path)
    path = write_lines(tmp_path / "many", article_lines(5000))
    state = tmp_path / "import.state"
    process = ctl.popen("import", path, "--state", state, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_until(state.exists, 30, "the state to be written")
    process.kill()
    process.communicate()
    saved = json.loads(state.read_text())
    assert 0 < saved["stored"] == saved["line"] < 5000
    daemon.options = []
    daemon.restart()
    with daemon.client() as client:
        before = client.ok("STATS")["store"]
    assert before["articles"] >= saved["stored"]
    assert ctl.json("import", "--resume", path, "--state", state)["stored"] == 5000
    assert not state.exists()
    with daemon.client() as client:
        after = client.ok("STATS")["store"]
    assert after["articles"] == 5000
    assert after["revision"] - before["revision"] == 5000 - saved["stored"]


def test_a_lost_connection_can_be_resumed(ctl, tmp_path):
    path = write_lines(tmp_path / "many", article_lines(20000, size=100))
    process = ctl.popen("import", path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with ctl.daemon.client() as client:
        wait_until(lambda: client.ok("STATS")["store"]["articles"] > 300, 30)
    ctl.daemon.process.kill()
    ctl.daemon.process.wait()
    output, errors = process.communicate(timeout=seconds(60))
    assert process.returncode == UNREACHABLE
    assert "--resume" in errors.decode()
    acknowledged = json.loads(output)["stored"]
    ctl.daemon.start()
    with ctl.daemon.client() as client:
        assert client.ok("STATS")["store"]["articles"] >= acknowledged
    assert ctl.json("import", "--resume", path)["stored"] == 20000
    with ctl.daemon.client() as client:
        assert client.ok("STATS")["store"]["articles"] == 20000


def test_a_changed_file_is_not_resumed(ctl, tmp_path):
    path = write_lines(tmp_path / "many", article_lines(20000, size=100))
    code, _, _ = stop_in_the_middle(ctl, path, signal.SIGTERM)
    assert code == INTERRUPTED
    with open(path, "a") as file:
        file.write("{}\n")
    _, errors = ctl("import", "--resume", path, code=USAGE)
    assert "has changed since" in errors


def test_no_right_to_write(start, tmp_path):
    daemon = start("--listen", f"unix:{tmp_path}/query;role=query")
    ctl = Ctl(daemon, tmp_path)
    output, errors = ctl("--socket", f"unix:{tmp_path}/query", "import", ARTICLES, code=REFUSED)
    assert "needs the role write" in errors
    assert json.loads(output)["rejected"] == 0


def test_progress_on_a_terminal(ctl, tmp_path):
    """As many articles as it takes for a rate to be known before the end."""
    for count in (20000, 80000, 320000, 1280000):
        path = write_lines(tmp_path / f"many-{count}", article_lines(count, size=100))
        output = ctl.on_terminal("import", path, width=100)
        last = without_styles(output.split("\x1b[K")[-1])
        assert last.startswith(f"{count:,} articles stored ("), last
        assert " 0 rejected, in " in last and "█" in output
        if re.search(r"\d+ %  [\d,]+ articles  [\d,]+/s", output):
            break
    else:
        raise AssertionError(output[-2000:])
    quiet = ctl.on_terminal("import", path, "--quiet")
    assert "█" not in quiet


# ---- connected, and all options of related ----

ORBIT = "a008-skua-reaches-orbit"


def test_connected_as_a_page(read):
    page, _ = read("connected", ORBIT, "--limit", 2, "--text", COLUMNS="100")
    reply = read.json("connected", ORBIT, "--limit", 2)
    assert page.startswith(reply["article"]["title"])
    for heading in ("Connected events", "Quick insights", "Timeline", "Involved", "Trending topics"):
        assert f"\n{heading}\n" in page, heading
    assert f"{reply['overview']['events']} events" in page
    assert reply["insights"]["most_popular_tag"] in page and reply["insights"]["span"] in page
    assert len(reply["timeline"]) == 2
    for event in reply["timeline"]:
        assert event["title"] in page and event["id"] in page
        assert f"{event['strength'] * 100:.0f} % █" in page
        assert f"similarity {event['similarity'] * 100:.0f} % · {event['sentiment']}" in page
        tags = event["shared"]["tags"]
        assert f"{len(tags)} shared tag{'s' * (len(tags) != 1)}: {', '.join(tags)}" in page
        assert event["summary"][:30] in page
    person = reply["people"][0]
    assert f"{person['name']} ({person['articles']})" in page
    topic = reply["topics"]["trending"][0]
    assert f"{topic['name']} ({topic['articles']})" in page


def test_connected_takes_the_command_s_options(read, tmp_path):
    reply = read.json("connected", ORBIT, "--sections", "overview,timeline", "--min-strength", "20%", "--fields", "id")
    assert set(reply) == {"ok", "overview", "timeline", "bounded", "revision", "took_us"}
    assert all(event["strength"] >= 0.2 and "title" not in event for event in reply["timeline"])
    page, _ = read("connected", ORBIT, "--sections", "overview", "--text")
    assert "Connected events" in page and "Timeline" not in page
    page, _ = read("connected", "--article", "-", "--text", input=b'{"title":"Skua rocket lifts off"}')
    assert "Timeline" in page
    reply = read.json("connected", ORBIT, "--filter", "category=Nothing")
    assert reply["timeline"] == []
    _, errors = read("connected", "nothing", code=REFUSED)
    assert "there is no article" in errors
    _, errors = read("connected", code=USAGE)
    assert "connected needs either ids or --article" in errors


def test_connected_fits_the_terminal(read):
    lines = without_styles(read.on_terminal("connected", ORBIT, "--explain", width=60)).split("\n")
    assert max(map(len, lines)) <= 60, max(lines, key=len)


def test_related_on_one_side_and_by_recency(read, articles):
    published = articles[ORBIT]["published"]
    earlier = read.json("related", ORBIT, "--only", "earlier", "--limit", 50)["related"]
    assert earlier and all(story["published"] < published for story in earlier)
    plain = read.json("related", ORBIT)["related"]
    recent = read.json("related", ORBIT, "--recency-source", 3)["related"]
    assert [story["id"] for story in plain] != [story["id"] for story in recent]
    now = read.json("related", ORBIT, "--recency-now", 3)["related"]
    assert [story["id"] for story in plain] != [story["id"] for story in now]


def test_related_diversity_min_results_and_weights(read):
    plain = read.json("related", ORBIT)["related"]
    diverse = read.json("related", ORBIT, "--diversity", "80%")["related"]
    assert [story["id"] for story in plain] != [story["id"] for story in diverse]
    assert read.json("related", ORBIT, "--min-strength", "0.3", "--min-results", 900)["related"] == []
    page, _ = read("related", ORBIT, "--min-strength", "0.3", "--min-results", 900, "--text")
    assert "fewer than --min-results" in page
    words = read.json("related", ORBIT, "--weights", "tags=0,entities=0,terms=1")["related"]
    assert all(abs(story["strength"] - story["similarity"]) < 2e-4 for story in words)
    for bad in ("tags", "tags=", "tags=x", "tags=0.1;terms=1"):
        assert "--weights takes" in read("related", ORBIT, "--weights", bad, code=USAGE)[1]


def test_related_explained(read):
    page, _ = read("related", ORBIT, "--limit", 1, "--explain", "--text", COLUMNS="120")
    assert re.search(r"names 0\.3 x \d+ % = \d+ %: ", page), page


def test_editors_controls_are_shown(ctl):
    with ctl.daemon.client() as client:
        client.put({"id": "a", "title": "Rocket", "pinned": ["b"]})
        client.put({"id": "b", "title": "Tram"})
        client.put({"id": "c", "title": "Rocket again", "related": "off"}, wait="visible")
    assert "pinned by an editor" in ctl("related", "a", "--text")[0]
    assert "pinned by an editor" in ctl("connected", "a", "--text")[0]
    assert "turned connected stories off" in ctl("related", "c", "--text")[0]
    assert "turned connected events off" in ctl("connected", "c", "--text")[0]


# ---- eval ----

JUDGED = ROOT / "tests" / "data" / "judged.ndjson"


def judge(path, *queries):
    return write_lines(path, [query if isinstance(query, str) else json.dumps(query) for query in queries])


def test_eval_of_the_bundled_articles(read):
    reply = read.json("eval", JUDGED)
    assert reply["search"]["queries"] == 4 and reply["related"]["queries"] == 10
    assert reply["related"]["passed_over"] == 0 and reply["missing"] == []
    for command in ("search", "related"):
        first = reply[command]["first"]
        assert set(first) == {"ndcg5", "ndcg10", "mrr", "unjudged"} and "second" not in reply[command]
        assert all(0.5 < first[key] <= 1 for key in ("ndcg5", "ndcg10", "mrr")), first
    page, _ = read("eval", JUDGED, "--text")
    assert "SEARCH, 4 judged queries" in page and "RELATED, 10 judged queries" in page
    assert f"nDCG@10      {reply['related']['first']['ndcg10']:.4f}" in page


def test_eval_of_a_known_ranking(read, tmp_path):
    ranking = [story["id"] for story in read.json("related", ORBIT, "--limit", 3)["related"]]
    path = judge(tmp_path / "j", {"related": ORBIT, "judged": {ranking[0]: 1, ranking[2]: 2, "gone": 1}})
    reply = read.json("eval", path)
    assert reply["related"]["first"]["ndcg5"] == pytest.approx(2 / 3.130930, abs=1e-5)
    assert reply["related"]["first"]["mrr"] == 1
    assert reply["missing"] == ["gone"]
    assert "1 judged article is not stored" in read("eval", path, "--text")[0]
    ideal = judge(tmp_path / "i", {"related": ORBIT, "judged": {ranking[0]: 3, ranking[1]: 2, ranking[2]: 1}})
    assert read.json("eval", ideal)["related"]["first"]["ndcg10"] == 1


def test_eval_with_a_second_setting(read):
    reply = read.json("eval", JUDGED, "--set", "weights.tags=0", "--set", "weights.entities=0", "--set", "search.sort=oldest")
    assert reply["related"]["first"] == read.json("eval", JUDGED)["related"]["first"]
    for command in ("search", "related"):
        assert reply[command]["first"] != reply[command]["second"]
    page, _ = read("eval", JUDGED, "--set", "weights.tags=0", "--text")
    assert "first   second difference" in page and re.search(r"MRR +\d\.\d{4} +\d\.\d{4} +[+-]\d\.\d{4}", page)


def test_eval_passes_over_articles_that_are_not_there(read, tmp_path):
    path = judge(tmp_path / "j", {"related": "gone", "judged": {ORBIT: 1}}, "", {"search": "skua", "judged": {ORBIT: 1}})
    reply = read.json("eval", path)
    assert reply["related"]["queries"] == 0 and reply["related"]["passed_over"] == 1
    assert reply["search"]["queries"] == 1
    assert "there is no such article" in read("eval", path, "--text")[0]


@pytest.mark.parametrize(
    "line, message",
    [
        ("{", "line 2: not JSON"),
        ('{"judged":{"a":1}}', "line 2: exactly one of"),
        ('{"search":"x","judged":{"a":"b"}}', 'line 2: the gain of "a" must be a number'),
        ('{"search":"x","judged":{}}', 'line 2: "judged" has no gain above 0'),
        ('{"serach":"x","judged":{"a":1}}', 'line 2: unknown key "serach"'),
    ],
)
def test_eval_of_bad_files(read, tmp_path, line, message):
    path = judge(tmp_path / "j", {"search": "x", "judged": {"a": 1}}, line)
    assert message in read("eval", path, code=USAGE)[1]


def test_eval_refuses(read, tmp_path):
    assert "holds no judged query" in read("eval", write_lines(tmp_path / "j", []), code=USAGE)[1]
    assert "cannot open" in read("eval", "/nowhere/j", code=USAGE)[1]
    assert "--set takes KEY=VALUE" in read("eval", JUDGED, "--set", "tags", code=USAGE)[1]
    _, errors = read("eval", JUDGED, "--set", "weights.tags=7", code=REFUSED)
    assert "the query of line 5 was refused" in errors and "tags" in errors
    path = judge(tmp_path / "q", {"search": "(" * 40 + "x" + ")" * 40, "judged": {"a": 1}})
    assert "the query of line 1 was refused" in read("eval", path, code=REFUSED)[1]
