"""Measures how good SEARCH, RELATED and the recognition of near-copies are on judged collections: see usage in scripts/quality, which starts this.

nDCG: gain = relevance (linear) or 2^relevance - 1 (exponential), discount log2(rank + 1), the ideal order made of the
judged documents of the query. MAP: every judged document with relevance above 0 counts as relevant, the first 1,000
hits are looked at.
"""

import argparse
import itertools
import json
import math
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict

from daemon import Daemon

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DATA = os.path.join(ROOT, "..", "shared", "data")
# k1 1.2, b 0.75 and k1 0.9, b 0.4: the better one of the data's README is the goal
BM25 = {"cran": (0.421, 0.520), "cisi": (0.217, 0.381), "med": (0.536, 0.705), "lisa": (0.368, 0.460)}
LIMITS = ("--limits.query_text=16K", "--limits.query_terms=512")
RELATED_GOAL = 0.965
DEPTH = 1000
COPIES = os.path.join(ROOT, "tests", "data", "reuters-copies.tsv")
THRESHOLDS = (0.3, 0.4, 0.45, 0.5, 0.55, 0.6, 0.7)
SHIPPED = 0.5
ABLATION = {
    "without tags (a = 0)": {"weights": {"tags": 0}},
    "without entities (b = 0)": {"weights": {"entities": 0}},
    "without terms (c = 0)": {"weights": {"terms": 0}},
    "terms alone": {"weights": {"tags": 0, "entities": 0, "terms": 1}},
    "near-copies shown": {"copies": "show"},
    "recency.source 30": {"recency": {"source": 30}},
    "recency.source 365": {"recency": {"source": 365}},
}
SWEEP = {"tags": (0.0, 0.2, 0.4), "entities": (0.0, 0.15, 0.3, 0.45, 0.6), "terms": (0.8, 0.9, 1.0)}


def say(text):
    print("quality: " + text, file=sys.stderr, flush=True)


# ---- measures ----


def linear(relevance):
    return relevance


def exponential(relevance):
    return 2**relevance - 1


def ndcg(ranking, judged, gain=linear, depth=10):
    def total(relevances):
        return sum(gain(value) / math.log2(rank + 2) for rank, value in enumerate(relevances[:depth]))

    ideal = total(sorted(judged.values(), reverse=True))
    return total([judged.get(name, 0) for name in ranking]) / ideal if ideal > 0 else 0.0


def average_precision(ranking, judged):
    relevant = {name for name, value in judged.items() if value > 0}
    found = 0
    total = 0.0
    for rank, name in enumerate(ranking[:DEPTH], 1):
        if name in relevant:
            found += 1
            total += found / rank
    return total / len(relevant) if relevant else 0.0


# ---- data ----


def data(name):
    return os.path.join(DATA, name)


def articles(name):
    unpacked = subprocess.run(
        ["zstd", "--decompress", "--stdout", "--quiet", data(name + ".ndjson.zst")], stdout=subprocess.PIPE, check=True
    ).stdout
    return [json.loads(line) for line in unpacked.split(b"\n") if line]


def rows(name):
    with open(data(name), encoding="utf-8", newline="\n") as file:
        return [line.rstrip("\n").split("\t") for line in file]


def judgements(name):
    judged = defaultdict(dict)
    for source, target, relevance in rows(name):
        judged[source][target] = int(relevance)
    return judged


# ---- SEARCH ----


class Collection:
    """A storyd with the articles in it, statistics final."""

    def __init__(self, options, texts):
        self.directory = tempfile.mkdtemp(prefix="storyd-quality-")
        self.daemon = Daemon(os.path.join(options.build, "storyd"), self.directory, (*LIMITS, *options.set))
        self.texts = texts

    def __enter__(self):
        try:
            self.daemon.start()
            for name, reason in self.daemon.connection.put_all(self.texts):
                say(f"{name} was rejected: {reason}")
            self.daemon.ask("FLUSH", {"wait_ms": 600000})
            self.daemon.reindex()
        except BaseException:
            self.__exit__()
            raise
        return self.daemon

    def __exit__(self, *_):
        self.daemon.stop()
        shutil.rmtree(self.directory)


def search(daemon, text, limit):
    hits = daemon.ask("SEARCH", {"query": text, "limit": limit, "fields": ["id"]})["hits"]
    return [hit["id"] for hit in hits]


def plain_text(text):
    """A query all in capitals is put into small letters: AND, OR and NOT in it are words, not operators."""
    return text.lower() if text.isupper() else text


def measure_search(options, name):
    judged = judgements(name + ".qrels.tsv")
    queries = [(query, plain_text(text)) for query, text in rows(name + ".queries.tsv")]
    with Collection(options, articles(name)) as daemon:
        short = [ndcg(search(daemon, text, 10), judged[query]) for query, text in queries]
        deep = [average_precision(search(daemon, text, DEPTH), judged[query]) for query, text in queries]
    return statistics.fmean(deep), statistics.fmean(short)


def report_search(options):
    print("## SEARCH\n\n`scripts/quality`; the query is the collection's text (in small letters where it is all in")
    print("capitals). BM25: k1 1.2, b 0.75, from the data's README.\n")
    print("| collection | MAP | BM25 | nDCG@10 | BM25 | |\n| --- | ---: | ---: | ---: | ---: | --- |")
    for name, (best_map, best_ndcg) in BM25.items():
        found_map, found_ndcg = measure_search(options, name)
        verdict = "pass" if found_ndcg >= best_ndcg - 0.0005 else "MISS"
        figures = f"{found_map:.3f} | {best_map:.3f} | {found_ndcg:.3f} | {best_ndcg:.3f}"
        print(f"| {name} | {figures} | {verdict} |", flush=True)
    print()


# ---- RELATED ----


def more_like_this(options, texts, sources):
    """What raw Xapian finds: the article's 25 best words by tf-idf, BM25 with k1 1.2, b 0.75 (bench/reference.cc)."""
    program = os.path.join(options.build, "bench", "reference")
    with tempfile.TemporaryDirectory(prefix="storyd-quality-") as directory:
        corpus, requests = os.path.join(directory, "articles"), os.path.join(directory, "requests")
        with open(corpus, "w", encoding="utf-8") as file:
            file.writelines(json.dumps(text) + "\n" for text in texts)
        with open(requests, "w", encoding="utf-8") as file:
            file.writelines("RELATED " + json.dumps({"id": source}) + "\n" for source in sources)
        subprocess.run([program, "build-light", corpus, directory], check=True, stdout=subprocess.DEVNULL)
        found = subprocess.run([program, "rank", directory, requests], check=True, capture_output=True, text=True)
    return dict(zip(sources, (line.split("\t") for line in found.stdout.split("\n"))))


def means(rankings, judged):
    """nDCG@10 with graded relevance, linear and exponential gain, and with relevance 2 only."""
    same = {source: {name: 1 for name, value in targets.items() if value == 2} for source, targets in judged.items()}
    sources = [source for source in rankings if judged[source]]
    return (
        statistics.fmean(ndcg(rankings[source], judged[source], linear) for source in sources),
        statistics.fmean(ndcg(rankings[source], judged[source], exponential) for source in sources),
        statistics.fmean(ndcg(rankings[source], same[source]) for source in sources if same[source]),
    )


def related(daemon, sources, **parameters):
    rankings = {}
    for source in sources:
        argument = {"id": source, "limit": 10, "fields": ["id"], **parameters}
        rankings[source] = [hit["id"] for hit in daemon.ask("RELATED", argument)["related"]]
    return rankings


def print_ablation(daemon, sources, judged):
    """RELATED without one of its parts, or with one that is not on by default."""
    for name, parameters in ABLATION.items():
        cells = " | ".join(f"{value:.4f}" for value in means(related(daemon, sources, **parameters), judged))
        print(f"| {name} | {cells} | | |", flush=True)


def print_sweep(daemon, sources, judged):
    print("\n| tags | entities | terms | nDCG@10 | exponential | same event |\n|" + " ---: |" * 6)
    found = []
    for values in itertools.product(*SWEEP.values()):
        weights = dict(zip(SWEEP, values))
        found.append((means(related(daemon, sources, weights=weights), judged), values))
    for figures, values in sorted(found, reverse=True):
        cells = [f"{value:g}" for value in values] + [f"{value:.4f}" for value in figures]
        print("| " + " | ".join(cells) + " |")


def report_related(options):
    judged = judgements("ecbplus-part1.related.tsv")
    hidden = articles("ecbplus-part1")
    texts = hidden + articles("news-sample-en")
    sources = [text["id"] for text in hidden]
    print("## RELATED\n\necbplus-part1 hidden among news-sample-en: the ten most related of each of its articles.")
    print("nDCG@10: relevance 1 and 2, gain = relevance; exponential: gain = 2^relevance - 1; same event: relevance 2")
    print("only. The ideal order is that of the judged pairs.\n")
    print("| | nDCG@10 | exponential | same event | goal | |")
    print("| --- | ---: | ---: | ---: | --- | --- |")
    cells = " | ".join(f"{value:.4f}" for value in means(more_like_this(options, texts, sources), judged))
    print(f"| More Like This: raw Xapian, 25 best words, BM25 | {cells} | | |", flush=True)
    with Collection(options, texts) as daemon:
        figures = means(related(daemon, sources), judged)
        verdict = "pass" if figures[0] >= RELATED_GOAL else "MISS"
        cells = " | ".join(f"{value:.4f}" for value in figures)
        print(f"| RELATED | {cells} | {RELATED_GOAL} | {verdict} |", flush=True)
        print_ablation(daemon, sources, judged)
        if options.sweep:
            print_sweep(daemon, sources, judged)


# ---- near-copies ----


def labelled_pairs():
    """Pairs with their label and how many pairs of the stratum each stands for."""
    with open(COPIES, encoding="utf-8") as file:
        lines = [line.rstrip("\n").split("\t") for line in file if not line.startswith("#")]
    sampled = Counter(stratum for _, _, stratum, _, _ in lines)
    return [
        ((one, other), stratum, int(label), int(size) / sampled[stratum]) for one, other, stratum, size, label in lines
    ]


def marked_pairs(daemon, pairs):
    """Those that storyd takes for one story: RELATED says so of a suggestion that is a copy of its source."""
    wanted = defaultdict(set)
    for one, other in pairs:
        wanted[one].add(other)
    marked = set()
    for one, others in wanted.items():
        argument = {"id": one, "limit": DEPTH, "fields": ["id"], "copies": "show"}
        for hit in daemon.ask("RELATED", argument)["related"]:
            if hit.get("same_story") and hit["id"] in others:
                marked.add((one, hit["id"]))
    return marked


def precision_and_recall(pairs, marked):
    found = sum(weight for pair, _, label, weight in pairs if label and pair in marked)
    wrong = sum(weight for pair, _, label, weight in pairs if not label and pair in marked)
    wanted = sum(weight for _, _, label, weight in pairs if label)
    return found / (found + wrong), found / wanted


def print_strata(pairs, marked):
    print("\nAt the shipped threshold, by stratum (true similarity; short: fewer than 24 shingles; title: same title):\n")
    print("| stratum | pairs in it | sampled | one story | of these found | others marked |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name in dict.fromkeys(stratum for _, stratum, _, _ in pairs):
        part = [(pair, label, weight) for pair, stratum, label, weight in pairs if stratum == name]
        size = round(sum(weight for _, _, weight in part))
        copies = [pair for pair, label, _ in part if label]
        others = [pair for pair, label, _ in part if not label]
        counts = [size, len(part), len(copies), len(marked & set(copies)), len(marked & set(others))]
        print(f"| {name} | " + " | ".join(str(count) for count in counts) + " |")


def report_copies(options):
    pairs = labelled_pairs()
    texts = articles("reuters-part1")
    print("## Near-copies\n\nPairs of Reuters-21578 labelled by hand (tests/data/reuters-copies.tsv), weighted by the size")
    print("of their strata.\n\n| index.copy_similarity | precision | recall |\n| ---: | ---: | ---: |")
    strata = None
    for threshold in THRESHOLDS:
        setting = argparse.Namespace(**vars(options))
        setting.set = [*options.set, f"--index.copy_similarity={threshold}"]
        with Collection(setting, texts) as daemon:
            marked = marked_pairs(daemon, [pair for pair, _, _, _ in pairs])
        precision, recall = precision_and_recall(pairs, marked)
        note = " (shipped)" if threshold == SHIPPED else ""
        print(f"| {threshold:g}{note} | {precision:.3f} | {recall:.3f} |", flush=True)
        strata = marked if threshold == SHIPPED else strata
    print_strata(pairs, strata)
    print()


def main():
    parser = argparse.ArgumentParser(prog="quality")
    parser.add_argument("--build", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--sweep", action="store_true", help="try combinations of RELATED's weights")
    parser.add_argument("--only", choices=("search", "related", "copies"))
    parser.add_argument("--set", metavar="SECTION.OPTION=VALUE", action="append", default=[], help="option of storyd")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # storyd is stopped and the scratch directory removed
    options.set = ["--" + setting for setting in options.set]
    if not os.path.exists(data("cran.queries.tsv")):
        sys.exit("quality: the judged collections are not there: " + os.path.normpath(DATA))
    for name, report in (("search", report_search), ("related", report_related), ("copies", report_copies)):
        if options.only in (None, name):
            report(options)


if __name__ == "__main__":
    main()
