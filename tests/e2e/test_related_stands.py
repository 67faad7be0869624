"""What the numbers of a connection promise: the same pair has the same ones wherever they are shown, and an index that was
filled article by article ends up with the suggestions of a rebuilt one."""

from harness import wait_until
from oracle import Writer, has_key_terms_of_today, reindex

FIGURES = ("strength", "similarity", "tag_overlap", "entity_overlap")


def figures(hit):
    return tuple(hit[key] for key in FIGURES)


def suggestions(client, sources, **parameters):
    """{(source, target): figures} of all pairs that are connected at all."""
    found = {}
    for source in sources:
        reply = client.ok("RELATED", id=source, copies="show", fields=["id"], **parameters)
        for hit in reply["related"]:
            found[source, hit["id"]] = figures(hit)
    return found


def test_every_pair_has_the_same_figures_everywhere(reader, articles):
    related = suggestions(reader, articles, limit=1000)
    assert len(related) > 3000
    for (source, target), numbers in related.items():
        assert all(0 <= number <= 1 for number in numbers)
        assert related[target, source] == numbers
    connected = 0
    for source in articles:
        reply = reader.ok("CONNECTED", id=source, limit=1000, min_strength=0, copies="show", fields=["id"], explain=True)
        for event in reply["timeline"]:
            connected += 1
            assert figures(event) == related[source, event["id"]]
            overlaps = (event["explain"][group]["overlap"] for group in ("terms", "tags", "entities"))
            assert figures(event)[1:] == tuple(overlaps)
            rest = 1.0
            for group in ("terms", "tags", "entities"):
                rest *= 1 - event["explain"][group]["part"]
                parts = sum(share["weight"] for share in event["explain"][group]["shared"])
                assert abs(parts - event["explain"][group]["overlap"]) < 0.0015 * (1 + len(event["explain"][group]["shared"]))
            assert abs(1 - rest - event["strength"]) < 0.0003
    assert connected == len(related)


def test_filled_from_nothing_as_good_as_rebuilt(start):
    """In an index that grows from nothing the first articles got their key terms from almost no statistics, and the lengths
    of texts were guessed. It renews both by itself, in the end with a reindex of its own."""
    writer, names = Writer(7, 5000), []
    with start("--index.hot_articles=200").client() as client:
        for _ in range(12):
            group = [writer.article(f"r{len(names) + number}") for number in range(100)]
            client.put_all(group)
            names += [article["id"] for article in group]
            client.ok("FLUSH")
        wait_until(lambda: client.ok("STATS")["index"]["generation"] > 1, 60, "the reindex that is due")
        wait_until(lambda: has_key_terms_of_today(client), 60, "the last epoch")
        grown = suggestions(client, names[::4], limit=10)
        reindex(client)
        rebuilt = suggestions(client, names[::4], limit=10)
    assert len(rebuilt) > 2500
    assert len(grown.keys() & rebuilt.keys()) >= 0.98 * len(rebuilt)
