"""make install: what an administrator finds afterwards."""

import os
import subprocess

import pytest

from harness import ROOT, SANITIZER, STORYD, seconds

pytestmark = pytest.mark.skipif(SANITIZER != "", reason="what is installed is the plain build")


@pytest.fixture
def installed(tmp_path):
    """Installs below tmp_path; says where the prefix is there."""

    def install():
        subprocess.run(
            ["make", "-C", os.path.dirname(STORYD), "install"]
            + [f"DESTDIR={tmp_path}", "prefix=/opt/storyd", "sysconfdir=/etc"],
            check=True,
            capture_output=True,
            timeout=seconds(120),
        )
        return tmp_path / "opt/storyd"

    return install


def test_programs_and_documents_are_installed(installed):
    prefix = installed()
    for program in ("sbin/storyd", "bin/storyctl"):
        said = subprocess.run([prefix / program, "--version"], check=True, capture_output=True, text=True, timeout=30)
        assert said.stdout.startswith(prefix.joinpath(program).name + " ")
    documents = prefix / "share/doc/storyd"
    for source in [ROOT / "README.md", *(ROOT / "doc").glob("*.md")]:
        assert (documents / source.name).read_bytes() == source.read_bytes()


def test_the_unit_starts_what_was_installed(installed):
    unit = (installed() / "share/doc/storyd/storyd.service").read_text(encoding="utf-8")
    assert "ExecStart=/opt/storyd/sbin/storyd --config /etc/storyd/storyd.conf " in unit


def test_settings_are_not_overwritten(installed, tmp_path):
    installed()
    settings = tmp_path / "etc/storyd/storyd.conf"
    defaults = settings.read_bytes()
    assert defaults == (ROOT / "conf/storyd.conf").read_bytes()
    settings.write_text("[server]\n", encoding="utf-8")
    installed()
    assert settings.read_text(encoding="utf-8") == "[server]\n"
    assert settings.with_name("storyd.conf.new").read_bytes() == defaults
