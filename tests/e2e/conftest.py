"""Fixtures: `start` starts daemons of the test's own, `daemon` and `client` are one with default settings, `news` and
`reader` one that all tests share and that holds the bundled articles: read only."""

import pytest

from harness import Daemon, epoch_stands, read_articles, wait_until

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


@pytest.fixture
def start():
    """start(OPTION...) gives a running daemon, start(..., run=False) one to be launched."""
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
def daemon(start):
    return start()


@pytest.fixture
def client(daemon):
    with daemon.client() as client:
        yield client


@pytest.fixture(scope="session")
def news():
    """Its last epoch is of all articles, so that strengths are those of other daemons with them. An epoch that began when
    nearly all were there stands: then it is tried again."""
    count = len(read_articles())
    for _ in range(10):
        daemon = Daemon()
        daemons.append(daemon)
        daemon.start()
        with daemon.client() as client:
            client.put_all(read_articles())
            wait_until(lambda client=client: epoch_stands(client, count), 30, "the last epoch")
            if client.ok("STATS")["index"]["epoch_articles"] == count:
                break
        daemons.remove(daemon)
        daemon.finish()
    else:
        pytest.fail("no epoch was of all articles")
    yield daemon
    daemons.remove(daemon)
    daemon.finish()


@pytest.fixture
def reader(news):
    with news.client() as client:
        yield client


@pytest.fixture(scope="session")
def articles():
    return {article["id"]: article for article in read_articles()}
