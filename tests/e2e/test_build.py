"""What the compiler has made of the sources."""

import platform
import re
import subprocess
from pathlib import Path

import pytest

from harness import ROOT, SANITIZER, STORYD

CALL = re.compile(r"\bprefetch\(")
SOURCES = [
    path.relative_to(ROOT) for path in sorted((ROOT / "src").rglob("*.c")) if CALL.search(path.read_text(encoding="utf-8"))
]


@pytest.mark.skipif(SANITIZER != "" or platform.machine() != "x86_64", reason="of the plain build on x86-64")
@pytest.mark.parametrize("source", SOURCES, ids=str)
def test_no_prefetch_is_left_out(source):
    """GCC leaves a function out that does nothing but __builtin_prefetch(): base/prefetch.h is for that."""
    code = subprocess.run(
        ["objdump", "-d", "--no-show-raw-insn", Path(STORYD).parent / source.with_suffix(".o")],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout
    instructions = re.findall(r"\tprefetch\w+ ", code)
    assert len(instructions) >= len(CALL.findall((ROOT / source).read_text(encoding="utf-8")))


def test_no_other_prefetch_is_used():
    for path in (ROOT / "src").rglob("*.[ch]"):
        assert path.name == "prefetch.h" or "__builtin_prefetch" not in path.read_text(encoding="utf-8"), path
