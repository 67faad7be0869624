"""conf/storyd.service: systemd understands it, and it gives the service few rights."""

import shutil
import subprocess

import pytest

from harness import ROOT, STORYD, seconds

EXPOSURE_MAX = 15  # tenths, as systemd-analyze security counts

pytestmark = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")


@pytest.fixture
def unit(tmp_path):
    text = (ROOT / "conf/storyd.service").read_text(encoding="utf-8")
    assert "/usr/local/sbin/storyd " in text
    path = tmp_path / "storyd.service"
    path.write_text(text.replace("/usr/local/sbin/storyd ", f"{STORYD} "), encoding="utf-8")
    return path


def analyze(*words):
    done = subprocess.run(
        ["systemd-analyze", *words], capture_output=True, text=True, timeout=seconds(30), check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_unit_is_valid(unit):
    assert analyze("verify", str(unit)) == ""


def test_unit_exposes_little(unit):
    analyze("security", "--offline=true", f"--threshold={EXPOSURE_MAX}", "--no-pager", str(unit))


def test_background_threads_may_give_way(unit):
    """What sets priorities and slices is among @resources: it must be allowed again after them."""
    filters = [line for line in unit.read_text().splitlines() if line.startswith("SystemCallFilter=")]
    assert filters[-1].split("=")[1].split() == ["setpriority", "sched_setattr"]
