"""The documentation says what the program does: every example of doc/protocol.md and every client of doc/clients.md is run,
and the tables in doc/ are compared with those in the sources."""

import re
import shutil
import subprocess
import sys

import pytest

from harness import Daemon, Connection, ROOT, seconds

PROTOCOL = (ROOT / "doc/protocol.md").read_text(encoding="utf-8")
CLIENTS = (ROOT / "doc/clients.md").read_text(encoding="utf-8")
OPERATIONS = (ROOT / "doc/operations.md").read_text(encoding="utf-8")


def source(path):
    return (ROOT / "src" / path).read_text(encoding="utf-8")


def fenced(text, language):
    """The blocks of one language, each with the number of its first line."""
    blocks = re.finditer(rf"^```{re.escape(language)}\n(.*?)^```$", text, re.S | re.M)
    return [(text.count("\n", 0, block.start()) + 2, block[1]) for block in blocks]


def section(text, title):
    """What stands under a heading, up to the next one of its level or above."""
    heading = re.search(rf"^(#+) {re.escape(title)}$", text, re.M)
    assert heading, f"there is no section {title!r}"
    rest = text[heading.end() :]
    following = re.search(rf"^#{{1,{len(heading[1])}}} ", rest, re.M)
    return rest[: following.start()] if following else rest


def table_rows(text):
    """The rows of all tables, without their heads, as lists of cells."""
    rows = []
    for table in re.findall(r"(?:^\|.*\n)+", text, re.M):
        for line in table.splitlines()[2:]:
            rows.append([cell.strip() for cell in line.strip().strip("|").split("|")])
    return rows


def names(cell):
    return re.findall(r"`([^`]+)`", cell)


def as_pattern(text):
    """A regular expression for a reply in which … stands for anything."""
    return re.compile(".*".join(re.escape(part) for part in text.split("…")), re.S)


# ---- the examples ----


def exchanges(block):
    """[(requests, replies)…]: the requests that are sent before the replies are read."""
    result = []
    last = None
    for line in block.splitlines():
        if line.startswith("  "):
            # a long line is broken at a blank or behind a comma
            glue = " " if last[-1][-1].isalnum() else ""
            last[-1] += glue + line.strip()
            continue
        mark, text = line[0], line[2:]
        assert mark in "><" and line[1] == " ", line
        if mark == ">" and (not result or result[-1][1]):
            result.append(([], []))
        last = result[-1][0 if mark == ">" else 1]
        last.append(text)
    return result


def run_lines(daemon, first_line, block):
    with daemon.client() as client:
        for requests, replies in exchanges(block):
            client.send(*requests)
            for wanted in replies:
                reply = client.buffered.readline().decode().rstrip("\n")
                assert as_pattern(wanted).fullmatch(reply), f"line {first_line}: {requests}\n{reply}\nis not\n{wanted}"


def run_resp(daemon, first_line, block):
    with Connection(daemon.address) as connection:
        for requests, replies in exchanges(block):
            connection.send_bytes("".join(line + "\r\n" for line in requests).encode())
            for wanted in replies:
                reply = connection.buffered.readline().decode()
                assert reply.endswith("\r\n")
                assert as_pattern(wanted).fullmatch(reply[:-2]), f"line {first_line}: {reply} is not {wanted}"


def test_examples(daemon):
    blocks = [(line, run_lines, block) for line, block in fenced(PROTOCOL, "storyd")]
    blocks += [(line, run_resp, block) for line, block in fenced(PROTOCOL, "resp")]
    assert len(blocks) >= 20
    for line, run, block in sorted(blocks, key=lambda each: each[0]):
        run(daemon, line, block)
    assert daemon.wait() == 0  # the last one is SHUTDOWN


# ---- the commands ----


def parameter_tables():
    """name of the C table -> {parameter: type as the documentation writes it}"""
    text = source("command/commands.c")
    joined = text.replace("\\\n", "")
    macros = dict(re.findall(r"^#define (\w+_PARAMETERS)\b(.*)$", joined, re.M))
    tables = {}
    for table, body in re.findall(r"struct parameter (\w+)\[\] = \{(.*?)\};", text, re.S):
        body = re.sub(r"\b\w+_PARAMETERS\b", lambda use: macros[use[0]], body)
        body = re.sub(r'ARTICLE_FIELD\("(\w+)"[^)]*\)', r'{.name = "\1", .type = PARAMETER_ANY', body)
        tables[table] = {}
        for name, rest in re.findall(r'\.name = "(\w+)",(.*?)(?=\.name =|\Z)', body, re.S):
            tables[table][name] = type_of(rest)
            members = re.search(r"\.members = (\w+)", rest)
            if members:
                tables[table].update({f"{name}.{key}": kind for key, kind in tables[members[1]].items()})
    return tables


def type_of(row):
    def bound(key):
        value = re.search(rf"\.{key} = ([\d.]+)", row)
        number = float(value[1]) if value else None
        return int(number) if value and number.is_integer() else number

    kind = re.search(r"PARAMETER_(\w+)", row)[1]
    text = {
        "TEXT": "text",
        "INTEGER": "integer",
        "NUMBER": "number",
        "BOOL": "true or false",
        "TEXT_LIST": "list of text",
        "OBJECT": "object",
        "ANY": "",
    }.get(kind)
    if kind == "WORD":
        words = [f"`{word}`" for word in re.search(r'\.words = "([^"]+)"', row)[1].split("|")]
        return " or ".join(part for part in [", ".join(words[:-1]), words[-1]] if part)
    if bound("max") is not None:
        text += f", {bound('min')} to {bound('max')}"
    return text


def commands():
    """{name: (role, main parameter, {parameter: type})}"""
    tables = parameter_tables()
    text = source("command/commands.c")
    result = {}
    for row in re.findall(r'\{\.name = "[A-Z]+",.*?\}', text[text.index("const struct command commands[]") :], re.S):
        main = re.search(r'\.main_parameter = "(\w+)"', row)
        result[re.search(r'"([A-Z]+)"', row)[1]] = (
            re.search(r"ROLE_(\w+)", row)[1].lower(),
            main and main[1],
            tables[re.search(r"\.parameters = (\w+)", row)[1]],
        )
    return result


COMMANDS = commands()


def test_every_command_is_described_and_no_other():
    assert len(COMMANDS) >= 14
    assert re.findall(r"^### (\w+)$", section(PROTOCOL, "Commands"), re.M) == list(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_command(name):
    role, main, parameters = COMMANDS[name]
    text = section(PROTOCOL, name)
    assert text.strip().startswith(f"Role {role}.")
    stated = re.search(r"Main parameter `(\w+)`", text)
    assert (stated and stated[1]) == main
    assert (not parameters) == ("No parameters." in text)
    described = {}
    for row in table_rows(text):
        for parameter in names(row[0]):
            assert parameter not in described, f"{parameter} twice"
            described[parameter] = row[1]
    assert described == parameters


# ---- the other tables ----


def test_errors():
    codes = re.findall(r'\[ERROR_\w+\] = "(\w+)"', source("base/error.c"))
    assert [names(row[0])[0] for row in table_rows(section(PROTOCOL, "Errors"))] == codes[1:]


def options(name):
    found = re.findall(r'^OPTION\((\w+), (\w+), \w+, "([^"]*)"', source("config/options.def"), re.M)
    return {option: default for group, option, default in found if group == name}


def test_limits(daemon):
    rows = table_rows(section(PROTOCOL, "Limits"))
    of_store = {f"store.{name}": options("store")[name] for name in ("queue_writes", "queue_bytes", "disk_floor")}
    assert {names(row[0])[0]: names(row[1])[0] for row in rows} == options("limits") | of_store
    with daemon.client() as client:
        reported = client.ok("HELLO")["limits"]
    assert {name for row in rows for name in names(row[3])} == set(reported)


def test_article_keys():
    keys = re.findall(r'^    MEMBER\("(\w+)"', source("article/article.c"), re.M)
    assert len(keys) > 10
    assert [names(row[0])[0] for row in table_rows(section(PROTOCOL, "An article"))] == keys


def test_keys_of_queries_and_filters():
    fields = re.findall(r'\[FIELD_\w+\] = \{"\w+", "(\w+)", (?:"(\w+)"|NULL)\}', source("text/analyse.c"))
    assert len(fields) > 5
    query_table = section(PROTOCOL, "The query language").split("The keys are:")[1]
    assert {names(row[0])[0] for row in table_rows(query_table)} == {key for key, _ in fields} | {"published"}
    filters = {names(row[0])[0] for row in table_rows(section(PROTOCOL, "Filters"))}
    assert filters == {key for _, key in fields if key} | {"published"}


def test_counters():
    counters = re.findall(r'^COUNTER\(\w+, "(\w+)", "([^"]*)"\)', source("base/counters.def"), re.M)
    assert len(counters) > 10
    rows = table_rows(section(OPERATIONS, "Counters"))
    assert [(names(row[0])[0], row[1]) for row in rows] == counters


# ---- the clients ----


@pytest.fixture(scope="module")
def empty():
    daemon = Daemon()
    daemon.start()
    yield daemon
    daemon.finish()


def program(language):
    if language == "python-redis":
        pytest.importorskip("redis")
    if language.startswith("python"):
        return sys.executable
    found = shutil.which({"javascript": "node", "php": "php"}[language])
    return found or pytest.skip(f"no interpreter for {language} is installed")


@pytest.mark.parametrize("language, suffix", [("python", "py"), ("javascript", "js"), ("php", "php"), ("python-redis", "py")])
def test_client(empty, tmp_path, language, suffix):
    interpreter = program(language)
    ((_, text),) = fenced(CLIENTS, language)
    ((_, output),) = fenced(CLIENTS, "output")
    path = tmp_path / f"client.{suffix}"
    path.write_text(text, encoding="utf-8")
    command = [interpreter, str(path), empty.address.removeprefix("unix:")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds(20), check=False)
    assert done.returncode == 0, done.stderr
    assert as_pattern(output).fullmatch(done.stdout), done.stdout
