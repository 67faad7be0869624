"""The requests that are measured, made from the corpus: the same corpus gives the same requests."""

import json
import random
import re
from collections import Counter
from datetime import date, timedelta

REQUESTS = 500
NEWEST = 100  # of COUNTED: five days of three years
COUNTED = 20000  # articles that word frequencies are counted in
WORD = re.compile(r"[a-z]{3,}")
DAYS_AROUND = 45
NAMES = ("one word", "OR", "AND", "phrase", "filter", "related")


def _articles(path, step):
    with open(path, encoding="utf-8", newline="\n") as file:
        for number, line in enumerate(file):
            if number % step == 0:
                article = json.loads(line)
                if article.get("language", "en") == "en":
                    yield article


def _words(text):
    return WORD.findall(text.lower())


class _Corpus:
    """Word frequencies and titles of a sample."""

    def __init__(self, path, count):
        self.articles = []
        self.frequencies = Counter()
        for article in _articles(path, max(1, count // COUNTED)):
            text = " ".join((article["title"], article.get("summary", ""), article.get("body", "")))
            self.frequencies.update(set(_words(text)))
            article.pop("body", None)
            self.articles.append(article)

    def part(self, word):
        """The share of articles that have the word."""
        return self.frequencies[word] / len(self.articles)

    def title_words(self, article, least, most):
        """Different words of the title that this share of the articles has."""
        return [word for word in dict.fromkeys(_words(article["title"])) if least <= self.part(word) <= most]

    def phrases(self, article):
        words = re.findall(r"[a-z]+", article["title"].lower())
        for first, second in zip(words, words[1:]):
            if first + " " + second in article["title"].lower() and first != second:
                if all(len(word) > 2 and 0.0005 <= self.part(word) <= 0.1 for word in (first, second)):
                    yield first + " " + second


def _search(query, **more):
    return "SEARCH " + json.dumps({"query": query, "limit": 10, **more})


def _filtered(corpus, article, chance):
    words = corpus.title_words(article, 0.002, 0.1)
    if not words or not article.get("tags") or not article.get("published"):
        return None
    words = chance.sample(words, min(len(words), chance.choice((1, 2))))
    day = date.fromisoformat(article["published"][:10])
    span = {"from": str(day - timedelta(DAYS_AROUND)), "to": str(day + timedelta(DAYS_AROUND))}
    tags = [chance.choice(article["tags"])]
    return _search(" AND ".join(words), sort="newest", filter={"tags": tags, "published": span})


def dates(path, count):
    """When articles of a sample were published."""
    return [article["published"] for article in _articles(path, max(1, count // COUNTED)) if article.get("published")]


def some_dates(found):
    """Many where there is much news."""
    return random.Random(20250911).sample(found, min(REQUESTS, len(found)))


def newest_dates(found):
    """The last days, as who asks of today does: they are often in several slices of the index."""
    return sorted(found)[-NEWEST:]


def make(path, count):
    """{name: list of request lines} for the corpus of `count` articles at `path`."""
    corpus = _Corpus(path, count)
    chance = random.Random(20250911)
    chance.shuffle(corpus.articles)
    middling = sorted(word for word in corpus.frequencies if 0.003 <= corpus.part(word) <= 0.05)
    sets = {name: [] for name in NAMES}
    sets["one word"] = [_search(word) for word in chance.sample(middling, min(REQUESTS, len(middling)))]
    for article in corpus.articles:
        words = corpus.title_words(article, 0.001, 0.1)
        if len(words) >= 3:
            sets["OR"].append(_search(" OR ".join(chance.sample(words, chance.choice((2, 3))))))
            sets["AND"].append(_search(" AND ".join(chance.sample(words, 2))))
        phrases = list(corpus.phrases(article))
        if phrases:
            sets["phrase"].append(_search('"' + chance.choice(phrases) + '"'))
        sets["filter"].append(_filtered(corpus, article, chance))
        sets["related"].append("RELATED " + json.dumps({"id": article["id"], "limit": 10}))
    return {name: [line for line in lines if line is not None][:REQUESTS] for name, lines in sets.items()}
