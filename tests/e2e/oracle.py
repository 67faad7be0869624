"""A client that remembers every acknowledgement, and what must be true of a daemon after anything has happened to it:
what was acknowledged is there, nothing that was never sent is, the change log has no holes, the index reaches the head
of the store, and it finds the same as an index built anew."""

import hashlib
import json
import random
import sqlite3
import threading
import time

from harness import seconds, wait_until

SMALL = (
    "--index.hot_articles=50",
    "--index.bulk_articles=150",
    "--index.merge_factor=3",
    "--index.commit_interval=20ms",
)
WORDS = (
    "harbour rocket budget storm election museum vaccine tunnel orchard satellite strike merger glacier festival "
    "verdict ferry reactor drought league treaty quarry lantern bridge archive"
).split()
FILLER = "about after again between during early later official report said several under week".split()
PEOPLE = [f"Person {letter}" for letter in "ABCDEFGHIJKL"]
SYLLABLES = "ba de fi go lu ma ne pi ro su ta ve wi zo".split()
STORIES = 50
GONE = None  # what a deleted article is


def content_hash(article):
    """Of what a client sent or got: the same for the same content."""
    kept = {key: value for key, value in article.items() if key not in ("views", "revision")}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def story_words(story):
    """Words that only the articles of this story have."""
    pick = random.Random(story)
    return ["".join(pick.sample(SYLLABLES, 4)) for _ in range(8)]


class Writer:
    """Makes articles at random, from a seed; every one has the word "everywhere" and belongs to a story."""

    def __init__(self, seed, ids):
        self.random = random.Random(seed)
        self.ids = ids
        self.stories = [story_words(story) for story in range(STORIES)]

    def article(self, name=None):
        pick = self.random
        words = pick.sample(WORDS, 4)
        story = pick.randrange(STORIES)
        own = self.stories[story]
        text = " ".join(
            pick.choice(pick.choices([words, own, FILLER], [2, 3, 5])[0]) for _ in range(pick.randint(30, 60))
        )
        return {
            "id": name or f"a{pick.randrange(self.ids)}",
            "title": f"The {words[0]} and the {words[1]} everywhere",
            "body": text,
            "category": pick.choice(["World", "Tech", "Sport"]),
            "tags": [own[0], *pick.sample(WORDS, 2)],
            "people": pick.sample(PEOPLE, 2),
            "published": f"2025-{pick.randint(1, 12):02}-{pick.randint(1, 28):02}T08:00:00Z",
            "extra": {"nonce": pick.getrandbits(60)},
        }


class Oracle:
    """Logs each write that is sent and each that is acknowledged. One thread writes through one oracle; several may
    write different ids through several, see merged()."""

    def __init__(self):
        self.acked = {}  # id: (revision, hash or GONE)
        self.sent = {}  # id: [hash or GONE] of what was sent since the last acknowledged one: any of them may be there
        self.known = {}  # id: every hash ever sent
        self.acks = 0
        self.errors = []  # error codes instead of an acknowledgement

    def will_send(self, name, content):
        self.sent.setdefault(name, []).append(content)
        self.known.setdefault(name, set()).add(content)

    def was_answered(self, name, content, reply):
        if reply["ok"]:
            self.acks += 1
            revision, _ = self.acked.get(name, (0, GONE))
            assert reply["revision"] > revision, f"revision {reply['revision']} of {name} after {revision}"
            self.acked[name] = (reply["revision"], content)
            pending = self.sent[name]
            del pending[: pending.index(content) + 1]
        elif reply["error"]["code"] == "not_found" and content is GONE:
            self.sent[name].remove(GONE)
        else:
            self.errors.append(reply["error"]["code"])

    def write(self, client, writer, count, deletes=0.1):
        """Pipelines `count` writes and takes the answers. A lost connection ends it: OSError or ConnectionError."""
        lines, expected = [], []
        for _ in range(count):
            article = writer.article()
            name = article["id"]
            if writer.random.random() < deletes:
                lines.append(client.line("DELETE", id=name))
                expected.append((name, GONE))
            else:
                lines.append(client.line("PUT", article))
                expected.append((name, content_hash(article)))
        for name, content in expected:
            self.will_send(name, content)
        client.send(*lines)
        for name, content in expected:
            reply = client.receive()
            if reply is None:
                raise ConnectionResetError("the daemon has closed the connection")
            self.was_answered(name, content, reply)

    def head(self):
        return max([revision for revision, _ in self.acked.values()], default=0)

    def check_articles(self, client):
        """All acknowledged are there and equal; of those not acknowledged only what was sent."""
        names = sorted(self.known)
        for start in range(0, len(names), 50):
            reply = client.ok("GET", ids=names[start : start + 50])
            present = {article["id"]: article for article in reply["articles"]}
            for name in names[start : start + 50]:
                found = content_hash(present[name]) if name in present else GONE
                _, acked = self.acked.get(name, (0, GONE))
                allowed = {acked, *self.sent.get(name, [])}
                assert found in allowed, f"{name}: {present.get(name)} is neither acknowledged nor under way"
                if found != acked:
                    self.sent[name] = self.sent[name][self.sent[name].index(found) + 1 :]
                    self.acked[name] = (self.acked.get(name, (0, GONE))[0], found)

    def check_change_log(self, directory):
        """No holes, no unknown article, and the articles are what the log says."""
        path = directory / "data" / "store.db"
        database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            changes = database.execute("SELECT revision, id, previous, deleted FROM changes ORDER BY revision").fetchall()
            articles = dict(database.execute("SELECT id, revision FROM articles").fetchall())
        finally:
            database.close()
        assert [change[0] for change in changes] == list(range(1, len(changes) + 1)), "the change log has holes"
        present = {}
        for revision, name, previous, deleted in changes:
            assert name in self.known, f"{name} was never sent"
            assert present.get(name, 0) == previous, f"revision {revision} of {name} replaced {previous}"
            if deleted:
                del present[name]
            else:
                present[name] = revision
        assert articles == present, "the articles are not those of the change log"
        assert len(changes) >= self.head()
        return len(changes)

    def check(self, daemon):
        """All of it but the comparison with a rebuilt index. The number of revisions."""
        with daemon.client() as client:
            self.check_articles(client)
            client.ok("FLUSH", wait_ms=int(seconds(30) * 1000))
            head = self.check_change_log(daemon.directory)
            figures = client.ok("STATS")["index"]
            assert figures["revision"] == head and figures["lag"] == 0, figures
            present = [name for name, (_, content) in self.acked.items() if content is not GONE]
            assert figures["articles"] == len(present), figures
            assert client.ok("SEARCH", query="everywhere", limit=0, exact_total=True)["total"] == len(present)
        return head


class Readers:
    """Threads that search all the time; what goes wrong is kept and raised at the end."""

    def __init__(self, daemon, check, count=2):
        self.daemon, self.check = daemon, check
        self.stopping = threading.Event()
        self.failures, self.queries, self.slowest = [], 0, 0
        self.threads = [threading.Thread(target=self.run) for _ in range(count)]

    def run(self):
        try:
            with self.daemon.client() as client:
                while not self.stopping.is_set():
                    began = time.monotonic()
                    self.check(client)
                    self.slowest = max(self.slowest, time.monotonic() - began)
                    self.queries += 1
        except Exception as failure:  # any: the test must fail with it
            self.failures.append(failure)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, kind, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join()
        if kind is None and self.failures:
            raise self.failures[0]


QUERIES = (
    [{"query": word} for word in WORDS[:10]]
    + [{"query": f"{a} AND {b}"} for a, b in zip(WORDS[:5], WORDS[5:10])]
    + [{"query": f"{a} {b}"} for a, b in zip(WORDS[10:15], WORDS[15:20])]
    + [{"query": f'"{a} and the {b}"'} for a, b in zip(WORDS[:3], WORDS[3:6])]
    + [{"query": f"title:{word}"} for word in WORDS[3:5]]
    + [{"query": "everywhere", "filter": {"category": category}} for category in ("World", "Tech")]
    + [{"query": f"tag:{WORDS[7]} published:2025-03-01..2025-06-30", "sort": "newest"}]
    + [{"query": "har*"}, {"query": "report -rocket"}]
)


def answers(client, related_ids):
    """What the fixed queries find: {query: (total, ids)}, and for RELATED lists of ten ids."""
    found = {}
    for query in QUERIES:
        reply = client.ok("SEARCH", {**query, "limit": 1000, "exact_total": True, "deadline_ms": 10000})
        ids = sorted(hit["id"] for hit in reply["hits"])
        assert len(set(ids)) == len(ids) == min(1000, reply["total"]), (query, len(ids), reply["total"])
        found[json.dumps(query)] = (reply["total"], ids if reply["total"] <= 1000 else [])
    related = {}
    for name in related_ids:
        reply = client.ok("RELATED", id=name, limit=10)
        related[name] = [hit["id"] for hit in reply["related"]]
    return found, related


def reindex(client, deadline=60):
    """Builds the index anew, if need be after one that storyd has begun by itself as the index was worn out."""

    def begins():
        reply = client.call("REINDEX", action="start")
        assert reply["ok"] or reply["error"]["code"] == "conflict", reply
        return reply["ok"]

    wait_until(begins, deadline, "an earlier reindex")
    wait_for_reindex(client, deadline)


def wait_for_reindex(client, deadline=60):
    wait_until(lambda: not client.ok("REINDEX", action="status")["reindex"]["running"], deadline, "the reindex")
    status = client.ok("REINDEX", action="status")["reindex"]
    assert status["phase"] == "done", status


def has_key_terms_of_today(client):
    """No further epoch is due: an idle index begins one where more than one document in twenty came or went."""
    figures = client.ok("STATS")["index"]
    documents = figures["documents"]
    return documents < 16 or abs(documents - figures["epoch_articles"]) <= documents / 20


def check_against_rebuild(daemon, oracle, overlap=0.7):
    """The index as it grew finds the same as a fresh one. Key terms are chosen with the statistics of the moment, so
    that of RELATED a large part must agree."""
    present = sorted(name for name, (_, content) in oracle.acked.items() if content is not GONE)
    names = present[:: max(1, len(present) // 10)][:10]
    with daemon.client() as client:
        client.ok("FLUSH", wait_ms=int(seconds(30) * 1000))
        before, _ = answers(client, names)  # at once: an idle index may be rebuilt by itself
        wait_until(lambda: has_key_terms_of_today(client), what="key terms with the statistics of today")
        _, related_before = answers(client, names)
        reindex(client)
        after, related_after = answers(client, names)
    wrong = {query: (before[query][0], after[query][0]) for query in before if before[query] != after[query]}
    assert not wrong, f"totals before and after the rebuild: {wrong}"
    shares = [
        len(set(related_before[name]) & set(related_after[name])) / max(1, len(related_after[name])) for name in names
    ]
    assert not shares or sum(shares) / len(shares) >= overlap, shares
    return shares
