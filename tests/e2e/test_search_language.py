"""The query language of SEARCH."""

import pytest

ARTICLES = [
    {"id": "fox", "title": "Quick foxes jump", "body": "The brown fox jumped over the lazy dog near the river bank."},
    {"id": "dog", "title": "Lazy dogs sleep", "body": "A dog sleeps all day. The bank was closed by the river."},
    {"id": "cat", "title": "Cats and dogs", "body": "One cat, two dogs and a well-known e-mail to example.com."},
    {"id": "de", "title": "Die Häuser am Fluß", "body": "Viele Katzen wohnen in alten Häusern.", "language": "de"},
    {"id": "fr", "title": "Les chevaux élégants", "body": "Les élections ont été contestées.", "language": "fr"},
    {"id": "es", "title": "Las canciones nuevas", "body": "La niña cantaba canciones en Málaga.", "language": "es"},
    {"id": "ja", "title": "東京都の桜", "body": "桜が咲いた。新幹線で京都へ行く。", "language": "ja"},
    {"id": "zh", "title": "北京大学", "body": "北京的大学很多。", "language": "zh"},
    {"id": "cafe", "title": "Cafe culture", "body": "ＦＵＬＬＷＩＤＴＨ letters and a naïve Zürich barista."},
    {
        "id": "named",
        "title": "Nothing to see",
        "body": "Plain words only.",
        "tags": ["Machine Learning", "AI"],
        "people": ["Renée O'Connor"],
        "organizations": ["Marrow & Pike"],
        "products": ["Skua 9"],
        "places": ["New York"],
        "category": "Tech",
        "authors": ["Elin Marsh"],
        "source": "Northern Wire",
        "published": "2025-07-15T12:00:00Z",
        "sentiment": "negative",
    },
    {"id": "old", "title": "Archive piece", "body": "Plain words.", "published": "2024-12-31T23:59:59Z"},
    {"id": "new", "title": "Fresh piece", "body": "Plain words.", "published": "2025-09-30T23:30:00Z"},
]


@pytest.fixture(scope="module")
def text_daemon():
    from conftest import daemons
    from harness import Daemon

    daemon = Daemon()
    daemons.append(daemon)
    daemon.start()
    with daemon.client() as client:
        client.put_all(ARTICLES)
    yield daemon
    daemons.remove(daemon)
    daemon.finish()


@pytest.fixture
def texts(text_daemon):
    with text_daemon.client() as client:
        yield client


def found(client, query, **parameters):
    return set(client.ids(query, **parameters))


@pytest.mark.parametrize(
    "query, expected",
    [
        # words: any of them, stemmed, in any case
        ("fox", {"fox"}),
        ("foxes", {"fox"}),
        ("JUMPING", {"fox"}),
        ("fox cat", {"fox", "cat"}),
        ("sleeping dog", {"fox", "dog", "cat"}),
        ("unicorn", set()),
        ("the", {"fox", "dog"}),
        ("the unicorn", set()),
        # phrases
        ('"brown fox"', {"fox"}),
        ('"fox brown"', set()),
        ('"lazy dog"', {"fox", "dog"}),
        ('"river bank"', {"fox"}),
        ("“brown fox”", {"fox"}),
        ('"bank was closed"', {"dog"}),
        ('"dog" "cat"', {"fox", "dog", "cat"}),
        # operators
        ("dog AND cat", {"cat"}),
        ("dog AND cat AND fox", set()),
        ("fox OR cat", {"fox", "cat"}),
        ("dog NOT fox", {"dog", "cat"}),
        ("dog AND NOT fox", {"dog", "cat"}),
        ("dog -fox", {"dog", "cat"}),
        ("dog -fox -cat", {"dog"}),
        ("+river dog", {"fox", "dog"}),
        ("+river +sleep", {"dog"}),
        ("(fox OR cat) AND dog", {"fox", "cat"}),
        ("dog AND (cat OR river) -fox", {"dog", "cat"}),
        ("dog and cat", {"fox", "dog", "cat"}),
        # NEAR
        ("brown NEAR dog", {"fox"}),
        ("brown NEAR/2 dog", set()),
        ("dog NEAR/4 brown", set()),
        ("dog NEAR/6 brown", {"fox"}),
        # wildcards
        ("jum*", {"fox"}),
        ("canc*", {"es"}),
        ("tag:mach*", {"named"}),
        # parts of words
        ("well-known", {"cat"}),
        ("e-mail", {"cat"}),
        ("example.com", {"cat"}),
        # titles
        ("title:fox", {"fox"}),
        ("title:brown", set()),
        ('title:"lazy dogs"', {"dog"}),
        ("title:(dogs cats)", {"dog", "cat"}),
        ("title:dog -title:cat", {"dog"}),
        # names
        ("tag:ai", {"named"}),
        ('tag:"machine learning"', {"named"}),
        ("tag:machine", set()),
        ('person:"renee o\'connor"', {"named"}),
        ('person:"RENÉE O\'CONNOR"', {"named"}),
        ('org:"Marrow & Pike"', {"named"}),
        ('product:"skua 9"', {"named"}),
        ('place:"new york"', {"named"}),
        ("category:tech", {"named"}),
        ('author:"elin marsh"', {"named"}),
        ('source:"northern wire"', {"named"}),
        ("language:de", {"de"}),
        ("language:de-CH", {"de"}),
        ("sentiment:negative", {"named"}),
        ("tag:ai tag:nothing", {"named"}),
        ("plain tag:ai", {"named"}),
        ("plain -tag:ai", {"old", "new"}),
        ("tag:ai AND fox", set()),
        # dates
        ("published:2025-07-15", {"named"}),
        ("published:2025", {"named", "new"}),
        ("published:2025-07-01..2025-09-30", {"named", "new"}),
        ("published:..2024-12-31", {"old"}),
        ("published:2025-08-01..", {"new"}),
        ("plain published:2025-07", {"named"}),
        ("fox published:2025", set()),
        # normalisation
        ("CAFÉ", {"cafe"}),
        ("fullwidth", {"cafe"}),
        ("naive zurich", {"cafe"}),
        # Chinese and Japanese, without blanks
        ("東京", {"ja"}),
        ("新幹線", {"ja"}),
        ("京都", {"ja"}),
        ("大学", {"zh"}),
        ("北京大学", {"zh"}),
        ("京大", {"zh"}),
        ("幹新", set()),
    ],
)
def test_finds(texts, query, expected):
    reply = texts.ok("SEARCH", query=query, limit=100)
    assert {hit["id"] for hit in reply["hits"]} == expected
    assert reply["total"] == len(expected)
    assert "warning" not in reply


@pytest.mark.parametrize(
    "query, language, expected",
    [
        ("Haus", "de", {"de"}),
        ("häusern", "de", {"de"}),
        ("fluss", "de", {"de"}),
        ("cheval", "fr", {"fr"}),
        ("ELECTION", "fr", {"fr"}),
        ("canción", "es", {"es"}),
        ("cantar", "es", {"es"}),
        ("malaga", "es", {"es"}),
    ],
)
def test_words_are_stemmed_in_the_language(texts, query, language, expected):
    assert found(texts, query, language=language) == expected


@pytest.mark.parametrize("query", ["", " ", "*", None])
def test_no_words_find_everything(texts, query):
    reply = texts.ok("SEARCH", **({} if query is None else {"query": query}))
    assert reply["total"] == len(ARTICLES)
    assert "warning" not in reply


@pytest.mark.parametrize(
    "query, some",
    [
        ("fox AND", {"fox"}),
        ("AND fox", {"fox"}),
        ("(fox", {"fox"}),
        ("fox)", {"fox"}),
        ('"brown fox', {"fox"}),
        ("fox NEAR (dog cat)", {"fox", "dog", "cat"}),
        ("fox OR published:2025", {"fox"}),
        ("published:soon fox", {"fox"}),
        ("((()))", set()),
        ("NOT", set()),
    ],
)
def test_what_does_not_parse_is_searched_as_words(texts, query, some):
    before = texts.counter("queries_fell_back")
    reply = texts.ok("SEARCH", query=query)
    assert "plain words" in reply["warning"]
    assert some <= {hit["id"] for hit in reply["hits"]} or "published" in query
    assert texts.counter("queries_fell_back") == before + 1


@pytest.mark.parametrize("query", ["!!!", "- +", ":", "a:b:c", "\\", "title:", "100%", "c++", "''", "…", "\U0001f600"])
def test_odd_queries_are_no_errors(texts, query):
    texts.ok("SEARCH", query=query)


def test_titles_count_more(client):
    client.put_all(
        [
            {"id": "body", "title": "Markets", "body": "A report on sturgeon and other fish in the sea."},
            {"id": "title", "title": "Sturgeon", "body": "A report on markets and other fish in the sea."},
            {"id": "rest", "title": "Rain", "body": "A report on weather and other things in the sky."},
        ]
    )
    assert client.ids("sturgeon") == ["title", "body"]


def test_more_matching_words_come_first(texts):
    ids = texts.ids("brown fox lazy dog")
    assert ids[0] == "fox"
    scores = [hit["score"] for hit in texts.ok("SEARCH", "brown fox lazy dog")["hits"]]
    assert scores == sorted(scores, reverse=True) and scores[-1] > 0


# ---- the bundled articles ----


def test_words_of_the_stories(reader):
    assert {"a001", "a002", "a003", "a004", "a005", "a007", "a008"} <= {name[:4] for name in reader.ids("skua")}
    assert reader.ids("placebo infusion")[0] == "a034-infusion-diary"
    assert reader.ids("snail post letter Mayo")[0] == "a120-snail-post"


def test_german_words(reader):
    assert "a111-cheese-theft" in reader.ids("bergkäse", language="de")
    assert "a020-saale-deich-bricht" in reader.ids("gebrochene deiche", language="de")


def test_names_of_the_stories(reader, articles):
    query = 'person:"ingrid solheim" published:2025-03..2025-05'
    expected = {
        name
        for name, article in articles.items()
        if "Ingrid Solheim" in article.get("people", []) and "2025-03" <= article["published"][:7] <= "2025-05"
    }
    assert found(reader, query) == expected and expected


def test_bare_text_is_the_query(reader):
    assert reader.ok("SEARCH", 'skua tag:"launch failure"')["total"] == reader.ok(
        "SEARCH", query='skua tag:"launch failure"'
    )["total"] == 2
