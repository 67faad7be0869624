"""Fixtures: `start` starts daemons of the test's own, `daemon` and `client` are one with default settings, `news` and
`reader` one that all tests share and that holds the bundled articles: read only."""

import contextlib

import pytest

from harness import Daemon, filled, read_articles

LOG_SHOWN = 20000  # characters of a daemon's log that a failure shows

daemons = []  # those of the running test and the shared one


def pytest_configure(config):
    config.addinivalue_line("markers", "plain_only: too long for a build with sanitizers")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for daemon in daemons:
            report.sections.append((f"log of {daemon.directory}", daemon.log()[-LOG_SHOWN:]))


def finish_all(started):
    """Finishes every one, also when one fails."""
    failures = []
    for daemon in started:
        try:
            daemon.finish()
        except (AssertionError, OSError) as failure:
            failures.append(failure)
    assert not failures, "\n".join(str(failure) for failure in failures)


@contextlib.contextmanager
def starter():
    """Starts daemons, and finishes them all at its end."""
    started = []

    def start_one(*options, run=True, **arguments):
        daemon = Daemon(*options, **arguments)
        started.append(daemon)
        daemons.append(daemon)
        return daemon.start() if run else daemon

    yield start_one
    try:
        finish_all(started)
    finally:
        for daemon in started:
            daemons.remove(daemon)


@pytest.fixture
def start():
    """start(OPTION...) gives a running daemon, start(..., run=False) one to be launched."""
    with starter() as start_one:
        yield start_one


@pytest.fixture
def daemon(start):
    return start()


@pytest.fixture
def client(daemon):
    with daemon.client() as client:
        yield client


@pytest.fixture(scope="session")
def news():
    with starter() as start_one:
        yield filled(start_one, read_articles())


@pytest.fixture
def reader(news):
    with news.client() as client:
        yield client


@pytest.fixture(scope="session")
def articles():
    return {article["id"]: article for article in read_articles()}
