"""PUT, PATCH, DELETE, VIEW: what is stored, and what is refused."""

import pytest

from harness import wait_until

FULL = {
    "id": "a1",
    "url": "https://news.example/a1",
    "title": "Ferry runs again",
    "summary": "After the strike",
    "body": "The ferry to Naxos runs again.",
    "category": "World",
    "source": "Northern Wire",
    "authors": ["Elin Marsh"],
    "tags": ["ferries", "Greece"],
    "people": ["Nikos Pappas"],
    "organizations": ["Aegean Seamen's League"],
    "products": ["Blue Star"],
    "places": ["Naxos"],
    "language": "en-GB",
    "published": "2025-04-06T10:00:00Z",
    "sentiment": "positive",
    "views": 39,
    "extra": {"image": {"width": 640}, "list": [1, 2.5, None, True], "text": "Grüße"},
}


def test_put_and_get_every_field(client):
    reply = client.put(FULL)
    assert reply == {"ok": True, "id": "a1", "revision": 1, "created": True}
    assert client.ok("GET", "a1")["article"] == {**FULL, "revision": 1}


def test_put_replaces_everything(client):
    client.put(FULL)
    reply = client.put({"id": "a1", "title": "New"})
    assert (reply["revision"], reply["created"]) == (2, False)
    assert client.ok("GET", "a1")["article"] == {"id": "a1", "title": "New", "views": 39, "revision": 2}
    client.ok("FLUSH")
    assert client.ids("naxos") == []
    assert client.ids("new") == ["a1"]
    assert client.ids() == ["a1"]


def test_names_are_cleaned(client):
    client.put({"id": "a", "title": "T", "tags": [" AI ", "ai", "Ａｉ", "b"]})
    assert client.ok("GET", "a")["article"]["tags"] == ["AI", "b"]


def test_ids_may_hold_anything_but_control_characters(client):
    for name in ["with blank", "ä/ö", '"quoted"', "日本", "{brace", "x" * 200]:
        client.put({"id": name, "title": "T"}, wait="visible")
        assert client.ok("GET", id=name)["article"]["id"] == name
        assert name in client.ids()
    assert client.ok("GET", "with blank")["article"]["id"] == "with blank"


def test_get_fields(client):
    client.put(FULL)
    article = client.ok("GET", id="a1", fields=["title", "extra", "views"])["article"]
    assert article == {"title": FULL["title"], "extra": FULL["extra"], "views": 39, "revision": 1}


def test_get_several(client):
    client.put(FULL)
    client.put({"id": "b", "title": "B"})
    reply = client.ok("GET", ids=["b", "no", "a1", "b"], fields=["id"])
    assert [article["id"] for article in reply["articles"]] == ["b", "a1", "b"]
    assert reply["missing"] == ["no"]
    assert client.fail("not_found", "GET", "no") == 'there is no article "no"'


# ---- PATCH ----


def test_patch_changes_some_fields(client):
    client.put(FULL)
    reply = client.ok("PATCH", id="a1", title="Ferry strike over", tags=["ferries"])
    assert reply == {"ok": True, "id": "a1", "revision": 2}
    expected = {**FULL, "title": "Ferry strike over", "tags": ["ferries"], "revision": 2}
    assert client.ok("GET", "a1")["article"] == expected


def test_patch_null_removes(client):
    client.put(FULL)
    client.ok("PATCH", {"id": "a1", "summary": None, "tags": None, "extra": {"list": None, "image": {"width": 9}}})
    article = client.ok("GET", "a1")["article"]
    assert "summary" not in article and "tags" not in article
    assert article["extra"] == {"image": {"width": 9}, "text": "Grüße"}
    client.ok("FLUSH")
    assert client.ids("tag:ferries") == []
    assert client.ids("place:naxos") == ["a1"]


def test_patch_sets_views(client):
    client.put(FULL)
    client.ok("PATCH", id="a1", views=7)
    assert client.ok("GET", "a1")["article"]["views"] == 7
    client.ok("PATCH", id="a1", title="T")
    assert client.ok("GET", "a1")["article"]["views"] == 7


@pytest.mark.parametrize(
    "patch, word",
    [
        ({"title": None}, "title"),
        ({"title": ""}, "title"),
        ({"tags": "x"}, "tags"),
        ({"published": "?"}, "published"),
        ({"extra": 5}, "extra"),
    ],
)
def test_patch_that_makes_no_article_changes_nothing(client, patch, word):
    client.put(FULL)
    assert word in client.fail("bad_request", "PATCH", {"id": "a1", **patch})
    assert client.ok("GET", "a1")["article"] == {**FULL, "revision": 1}


def test_patches_make_no_article_that_is_too_long(client):
    client.put({"id": "a", "title": "A"})
    part = "x" * 400000
    for name in ("one", "two"):
        client.ok("PATCH", id="a", extra={name: part})
    message = client.fail("too_large", "PATCH", id="a", extra={"three": part})
    assert "1048576" in message and "line_write" in message
    assert set(client.ok("GET", id="a")["article"]["extra"]) == {"one", "two"}
    client.ok("PATCH", id="a", extra={"one": None, "three": part})
    assert set(client.ok("GET", id="a")["article"]["extra"]) == {"two", "three"}


def test_patch_of_nothing(client):
    client.fail("not_found", "PATCH", id="none", title="T")
    client.fail("bad_request", "PATCH", id=5, title="T")
    client.fail("not_found", "PATCH", id="i" * 300, title="T")


# ---- if_revision ----


def test_put_if_revision(client):
    client.put(FULL, if_revision=0)
    client.fail("conflict", "PUT", FULL, if_revision=0)
    client.fail("conflict", "PUT", FULL, if_revision=7)
    assert client.put(FULL, if_revision=1)["revision"] == 2
    client.fail("conflict", "PUT", {"id": "new", "title": "T"}, if_revision=5)
    assert client.ok("STATS")["store"]["revision"] == 2


def test_patch_if_revision(client):
    client.put(FULL)
    client.fail("conflict", "PATCH", id="a1", title="X", if_revision=2)
    assert client.ok("PATCH", id="a1", title="X", if_revision=1)["revision"] == 2


def test_delete_if_revision(client):
    client.put(FULL)
    client.fail("conflict", "DELETE", id="a1", if_revision=2)
    assert client.ok("GET", "a1")
    client.ok("DELETE", id="a1", if_revision=1)
    client.fail("not_found", "GET", "a1")


# ---- DELETE ----


def test_delete(client):
    client.put(FULL)
    client.ok("FLUSH")
    reply = client.ok("DELETE", id="a1", wait="visible")
    assert reply == {"ok": True, "id": "a1", "revision": 2}
    assert client.ids() == []
    assert client.ids("ferry") == []
    client.fail("not_found", "GET", "a1")
    client.fail("not_found", "DELETE", "a1")
    client.fail("not_found", "RELATED", "a1")
    assert client.put(FULL)["created"] is True


@pytest.mark.parametrize("between", ["GET a", "PING", "SEARCH x", "NONSENSE"])
@pytest.mark.parametrize("last", ["DELETE a", 'PATCH {"id":"a","title":"third"}', 'PUT {"id":"a","title":"third"}'])
def test_a_tagged_write_overtakes_no_write(client, between, last):
    for _ in range(5):
        client.send('PUT {"id":"a","title":"first"}', between, 'PUT {"id":"a","title":"second"}', f"@t {last}")
        replies = {reply.get("revision"): reply for reply in client.receive_all(4)}
        assert len([revision for revision in replies if revision is not None]) >= 3  # all three writes
        if last.startswith("DELETE"):
            client.fail("not_found", "GET", id="a")
        else:
            assert client.ok("GET", id="a")["article"]["title"] == "third"


def test_delete_several(client):
    client.put_all([{"id": str(i), "title": "T"} for i in range(10)])
    reply = client.ok("DELETE", ids=["3", "none", "4", "nil"], wait="visible")
    assert reply["deleted"] == 2
    assert reply["missing"] == ["none", "nil"]
    assert reply["revision"] == 12
    assert sorted(client.ids()) == list("01256789")
    reply = client.ok("DELETE", ids=["3", "4"])
    assert (reply["deleted"], reply["missing"]) == (0, ["3", "4"])


def test_delete_several_that_do_not_exist_waits_for_nothing(client):
    assert client.ok("DELETE", ids=["x"], wait="visible")["deleted"] == 0


def test_the_same_article_hundreds_of_times(client):
    for turn in range(30):
        client.send(
            *[client.line("PUT", id="a", title=f"Turn{turn} step{i}") for i in range(10)],
            client.line("DELETE", id="a"),
        )
        replies = client.receive_all(11)
        assert all(reply["ok"] for reply in replies)
    client.put({"id": "a", "title": "Last words"}, wait="visible")
    assert client.ids() == client.ids("words") == ["a"]
    assert client.ids("turn29") == []
    assert client.ok("STATS")["store"]["articles"] == 1


# ---- VIEW ----


def views(client, name):
    """The views of an article wherever they are shown."""
    related = client.ok("RELATED", article={"title": "Fox"}, limit=100)["related"]
    return {
        "GET": client.ok("GET", name)["article"]["views"],
        "SEARCH": {hit["id"]: hit["views"] for hit in client.ok("SEARCH", "fox")["hits"]}[name],
        "SEARCH fields": {
            hit["id"]: hit["views"] for hit in client.ok("SEARCH", query="fox", fields=["id", "views"])["hits"]
        }[name],
        "RELATED": {hit["id"]: hit["views"] for hit in related}[name],
    }


def test_views_are_live_and_survive_a_restart(daemon):
    with daemon.client() as client:
        client.put_all([{"id": "a", "title": "Fox", "views": 10}, {"id": "b", "title": "Fox"}])
        assert client.ok("VIEW", "a") == {"ok": True, "id": "a", "views": 11}
        assert client.ok("VIEW", id="a", count=1000)["views"] == 1011
        assert client.ok("VIEW", id="b", count=5)["views"] == 5
        assert set(views(client, "a").values()) == {1011}
        assert set(views(client, "b").values()) == {5}
        assert client.ok("STATS")["store"]["revision"] == 2, "a view is no new version"
        assert client.ids("fox", sort="most_viewed") == ["a", "b"]
        client.ok("VIEW", id="b", count=2000)
        assert client.ids("fox", sort="most_viewed") == ["b", "a"]
        client.put({"id": "b", "title": "Fox again"}, wait="visible")
        assert set(views(client, "b").values()) == {2005}
    daemon.restart()
    with daemon.client() as client:
        wait_until(lambda: len(client.ids()) == 2, what="the articles to be visible again")
        assert set(views(client, "a").values()) == {1011}
        assert set(views(client, "b").values()) == {2005}
        client.ok("VIEW", "a")
        assert set(views(client, "a").values()) == {1012}


def test_the_count_of_a_new_version_is_the_last_word(client):
    """Whatever the indexer does while views and versions of the same articles come together."""
    names = [f"fox{n}" for n in range(40)]
    client.put_all([{"id": name, "title": "Fox"} for name in names])
    for count in range(20):
        for name in names:
            client.send(f'VIEW {{"id":"{name}","count":1000}}')
            client.send(f'PUT {{"id":"{name}","title":"Fox","views":{count}}}')
        replies = [client.receive() for _ in range(2 * len(names))]
        assert all(reply["ok"] for reply in replies)
        client.ok("FLUSH")
        hits = client.ok("SEARCH", query="fox", limit=100, fields=["id", "views"])["hits"]
        assert {hit["id"]: hit["views"] for hit in hits} == dict.fromkeys(names, count)


def test_put_with_views_sets_them(client):
    client.put({"id": "a", "title": "Fox", "views": 10})
    client.put({"id": "a", "title": "Fox", "views": 3}, wait="visible")
    assert set(views(client, "a").values()) == {3}


def test_views_stay_at_their_largest_number_everywhere(client):
    client.put({"id": "a", "title": "A", "views": 4294967290}, wait="visible")
    for _ in range(2):
        assert client.ok("VIEW", {"id": "a", "count": 9})["views"] == 4294967295
    (hit,) = client.ok("SEARCH", query="A", fields=["views"])["hits"]
    assert hit["views"] == client.ok("GET", id="a")["article"]["views"] == 4294967295


def test_old_dates_come_back(client):
    for day in ("0001-01-01", "0900-06-15", "1599-12-31", "1900-03-01", "1968-12-31", "9999-12-31"):
        client.put({"id": "a", "title": "A", "published": f"{day}T12:00:00Z"}, wait="visible")
        (hit,) = client.ok("SEARCH", filter={"published": {"from": day, "to": day}})["hits"]
        assert hit["published"] == f"{day}T12:00:00Z"
    assert "published" in client.fail("bad_request", "PUT", id="a", title="A", published="9999-12-31T23:59:59-14:00")


def test_views_of_a_deleted_article_start_again(client):
    client.put({"id": "a", "title": "Fox", "views": 10})
    client.ok("DELETE", "a")
    client.fail("not_found", "VIEW", "a")
    client.put({"id": "a", "title": "Fox"}, wait="visible")
    assert set(views(client, "a").values()) == {0}
