/* The finder: which article is a copy of which. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/date.h"
#include "corpus.h"
#include "index/copy_marks.h"

#define MEMORY 100
#define DAY 86400

/* Story number `story`, of which the last `edited` of 100 words are others. */
static struct signature text_of(uint64_t story, uint64_t edited)
{
    struct signature_maker maker;
    struct signature signature;
    signature_begin(&maker);
    for (uint64_t word = 0; word < 100; word++)
        signature_add(&maker, (story * 1000 + word + (word >= 100 - edited ? edited * 7919 : 0)) *
                                  UINT64_C(0x9e3779b97f4a7c15));
    signature_finish(&maker, &signature);
    return signature;
}

static int set_up(void **state)
{
    *state = copy_finder_new(MEMORY, 0.5);
    return 0;
}

static int tear_down(void **state)
{
    copy_finder_free(*state);
    return 0;
}

static uint32_t add_dated(struct copy_finder *finder, uint32_t docid, uint64_t id, uint64_t story,
                          uint64_t edited, int64_t published)
{
    struct signature signature = text_of(story, edited);
    struct copy_article article = {docid, id, published, &signature};
    return copy_finder_add(finder, &article);
}

/* Without a date, an id of its own. */
static uint32_t add(struct copy_finder *finder, uint32_t docid, uint64_t story, uint64_t edited)
{
    return add_dated(finder, docid, docid * UINT64_C(77), story, edited, DATE_NONE);
}

static void finds_edited_copies_only(void **state)
{
    struct copy_finder *finder = *state;
    assert_int_equal(add(finder, 10, 1, 0), 0);
    assert_int_equal(add(finder, 11, 2, 0), 0);
    assert_int_equal(add(finder, 20, 1, 0), 10);
    assert_int_equal(add(finder, 21, 1, 8), 10);
    assert_int_equal(add(finder, 22, 1, 60), 0);
    assert_int_equal(add(finder, 23, 2, 5), 11);
}

/* A hundred words of a longer text. */
static struct signature window_of(uint64_t first)
{
    struct signature_maker maker;
    struct signature signature;
    signature_begin(&maker);
    for (uint64_t word = first; word < first + 100; word++)
        signature_add(&maker, word * UINT64_C(0x9e3779b97f4a7c15));
    signature_finish(&maker, &signature);
    return signature;
}

/* Each version is near the one before, but the last one is far from the first. */
static void copies_of_copies_have_the_same_first(void **state)
{
    struct copy_finder *finder = *state;
    struct signature first = window_of(0);
    struct signature last = window_of(60);
    assert_true(signature_resemblance(&first, &last) < 0.4F);
    for (uint32_t i = 0; i < 4; i++) {
        struct signature signature = window_of(20 * i);
        struct copy_article article = {i + 1, i + 1, DATE_NONE, &signature};
        assert_int_equal(copy_finder_add(finder, &article), i == 0 ? 0 : 1);
    }
}

static void the_nearest_one_decides(void **state)
{
    struct copy_finder *finder = *state;
    struct signature signature = text_of(5, 25);
    struct copy_article article = {1, 1, DATE_NONE, &signature};
    copy_finder_recall(finder, &article, 0);
    signature = text_of(5, 0);
    article = (struct copy_article){2, 2, DATE_NONE, &signature};
    copy_finder_recall(finder, &article, 0);
    assert_int_equal(add(finder, 3, 5, 25), 1);
    assert_int_equal(add(finder, 4, 5, 1), 2);
}

static void short_texts_are_no_copies(void **state)
{
    struct copy_finder *finder = *state;
    struct signature none = {{0}};
    struct copy_article article = {1, 1, DATE_NONE, &none};
    assert_int_equal(copy_finder_add(finder, &article), 0);
    article = (struct copy_article){2, 2, DATE_NONE, &none};
    assert_int_equal(copy_finder_add(finder, &article), 0);
}

static void forgets_the_oldest(void **state)
{
    struct copy_finder *finder = *state;
    assert_int_equal(add(finder, 1, 1, 0), 0);
    for (uint32_t docid = 2; docid <= MEMORY; docid++)
        assert_int_equal(add(finder, docid, docid, 0), 0);
    assert_int_equal(add(finder, MEMORY + 1, 2, 0), 2); /* the oldest one that is left */
    assert_int_equal(add(finder, MEMORY + 2, 1, 0), 0);
    for (uint32_t docid = 1000; docid < 1000 + 3 * MEMORY; docid++)
        assert_int_equal(add(finder, docid, docid, 0), 0);
    assert_int_equal(add(finder, 2000, 1000 + 2 * MEMORY + 2, 0), 1000 + 2 * MEMORY + 2);
    assert_int_equal(add(finder, 2001, 1000 + 2 * MEMORY - 1, 0), 0);
}

static void versions_of_one_article_are_no_copies(void **state)
{
    struct copy_finder *finder = *state;
    assert_int_equal(add_dated(finder, 1, 42, 1, 0, DATE_NONE), 0);
    assert_int_equal(add_dated(finder, 2, 42, 1, 2, DATE_NONE), 0);
    assert_int_equal(add_dated(finder, 3, 43, 1, 0, DATE_NONE), 2); /* not of the version that was replaced */
}

/* The story goes on under the first one's number. */
static void a_replaced_first_stays_the_number(void **state)
{
    struct copy_finder *finder = *state;
    assert_int_equal(add_dated(finder, 1, 42, 1, 0, DATE_NONE), 0);
    assert_int_equal(add_dated(finder, 2, 43, 1, 0, DATE_NONE), 1);
    assert_int_equal(add_dated(finder, 3, 42, 9, 0, DATE_NONE), 0);
    assert_int_equal(add_dated(finder, 4, 44, 1, 0, DATE_NONE), 1);
}

static void the_dead_are_no_originals(void **state)
{
    struct copy_finder *finder = *state;
    add(finder, 5, 1, 0);
    add(finder, 7, 2, 0);
    copy_finder_forget(finder, 5);
    copy_finder_forget(finder, 6); /* not there: nothing happens */
    copy_finder_forget(finder, 99);
    assert_int_equal(add(finder, 8, 1, 0), 0);
    assert_int_equal(add(finder, 9, 2, 0), 7);
    assert_int_equal(add(finder, 10, 1, 0), 8);
}

static void old_news_is_news_again(void **state)
{
    struct copy_finder *finder = *state;
    assert_int_equal(add_dated(finder, 1, 1, 1, 0, 100 * DAY), 0);
    assert_int_equal(add_dated(finder, 2, 2, 1, 0, 107 * DAY), 0);
    assert_int_equal(add_dated(finder, 3, 3, 1, 0, 108 * DAY), 2);
    assert_int_equal(add_dated(finder, 4, 4, 1, 0, 98 * DAY), 1); /* late, but from the same days */
    assert_int_equal(add_dated(finder, 5, 5, 2, 0, DATE_NONE), 0);
    assert_int_equal(add_dated(finder, 6, 6, 2, 0, 500 * DAY), 5);
}

static void a_batch_can_be_tried_again(void **state)
{
    struct copy_finder *finder = *state;
    add(finder, 1, 1, 0);
    for (int attempt = 0; attempt < 3; attempt++) {
        copy_finder_rewind(finder, 1);
        assert_int_equal(add(finder, 2, 1, 3), 1);
        assert_int_equal(add(finder, 3, 2, 0), 0);
        assert_int_equal(add(finder, 4, 2, 3), 3);
    }
    /* also when the ring has been round meanwhile */
    for (uint32_t docid = 5; docid < 5 + MEMORY / 2; docid++)
        add(finder, docid, docid, 0);
    for (int attempt = 0; attempt < 3; attempt++) {
        copy_finder_rewind(finder, 4 + MEMORY / 2);
        for (uint32_t docid = 5 + MEMORY / 2; docid < 5 + MEMORY; docid++)
            assert_int_equal(add(finder, docid, docid, 0), 0);
        assert_int_equal(add(finder, 5 + MEMORY, 5 + MEMORY / 2, 0), 5 + MEMORY / 2);
    }
    copy_finder_rewind(finder, 0);
    assert_int_equal(add(finder, 1, 4 + MEMORY, 0), 0);
}

/* Articles of one frame that nothing sets apart: still one story, and no search takes long. */
static void many_copies_of_one_story(void **state)
{
    (void)state;
    struct copy_finder *finder = copy_finder_new(COPY_MEMORY, 0.5);
    assert_int_equal(add(finder, 1, 3, 0), 0);
    for (uint32_t docid = 2; docid < 5000; docid++)
        assert_int_equal(add(finder, docid, 3, docid % 4), 1);
    copy_finder_free(finder);
}

/* ---- rows ---- */

#define WORDS                                                                                                \
    "the harbour authority said on monday that the old lighthouse will be moved inland before the winter "   \
    "storms because the cliff below it has lost eleven metres in two years and engineers fear another fall"

static struct slice *make_slice(struct epoch *epoch)
{
    static const char *const texts[] = {
        "{'id':'a','title':'Lighthouse to move','body':'" WORDS "'}",
        "{'id':'b','title':'Something else','body':'a few words'}",
        "{'id':'c','title':'Lighthouse is to move','body':'" WORDS "'}",
        "{'id':'d','title':'Lighthouse to move','body':'" WORDS " soon'}",
    };
    struct pile pile;
    pile_begin(&pile, epoch, NULL);
    for (uint32_t i = 0; i < 4; i++) {
        struct article *article = article_of(texts[i]);
        pile_add(&pile, 11 + i, article);
        article_free(article);
    }
    return pile_finish_slice(&pile);
}

static void rows_are_marked(void **state)
{
    struct copy_finder *finder = *state;
    struct epoch *epoch = epoch_of(1, 100, NULL, NULL, 0);
    struct slice *slice = make_slice(epoch);
    static const uint32_t expected[] = {0, 0, 11, 11};
    for (uint32_t row = 0; row < 4; row++)
        assert_int_equal(copy_marks_row(finder, slice, row), expected[row]);
    slice_release(slice);
    epoch_release(epoch);
}

static void dead_rows_are_passed_by(void **state)
{
    struct copy_finder *finder = *state;
    struct epoch *epoch = epoch_of(1, 100, NULL, NULL, 0);
    struct slice *slice = make_slice(epoch);
    slice_kill(slice, 11, 15);
    static const uint32_t expected[] = {0, 0, 0, 13};
    for (uint32_t row = 0; row < 4; row++)
        assert_int_equal(copy_marks_row(finder, slice, row), expected[row]);
    slice_release(slice);
    epoch_release(epoch);
}

static void rows_are_recalled(void **state)
{
    struct copy_finder *finder = *state;
    struct epoch *epoch = epoch_of(1, 100, NULL, NULL, 0);
    struct slice *slice = make_slice(epoch);
    slice_kill(slice, 13, 15);
    copy_marks_recall(finder, &slice, 1);
    struct signature *signature = (struct signature *)(uintptr_t)&slice->rows->signatures[2];
    struct copy_article article = {20, 20, DATE_NONE, signature};
    uint32_t original = copy_finder_add(finder, &article);
    assert_true(original == 11 || original == 14); /* as marked: nobody has marked these rows */
    slice_release(slice);
    epoch_release(epoch);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(finds_edited_copies_only),
        TEST(copies_of_copies_have_the_same_first),
        TEST(the_nearest_one_decides),
        TEST(short_texts_are_no_copies),
        TEST(forgets_the_oldest),
        TEST(versions_of_one_article_are_no_copies),
        TEST(a_replaced_first_stays_the_number),
        TEST(the_dead_are_no_originals),
        TEST(old_news_is_news_again),
        TEST(a_batch_can_be_tried_again),
        cmocka_unit_test(many_copies_of_one_story),
        TEST(rows_are_marked),
        TEST(dead_rows_are_passed_by),
        TEST(rows_are_recalled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
