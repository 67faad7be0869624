#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/date.h"
#include "base/hash.h"
#include "base/memory.h"
#include "corpus.h"
#include "index/rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_BYTES 16
#define ENTRY_BYTES 16
#define SECTIONS 28 /* of the image */

struct image_of_rows {
    char *data;
    size_t length;
    struct rows rows;
};

static void finish(struct rows_builder *builder, struct image_of_rows *image)
{
    struct error error = ERROR_INIT;
    image->data = rows_builder_finish(builder, &image->length);
    rows_builder_free(builder);
    if (rows_open(image->data, image->length, &image->rows, &error) != 0)
        fail_msg("%s", error.message);
}

static void add(struct rows_builder *builder, uint32_t docid, const char *text, int64_t views)
{
    struct article *article = article_of(text);
    struct signature signature = {{(uint8_t)docid, 7}};
    rows_builder_add(builder, docid, article, article->language[0] != '\0' ? article->language : "en",
                     docid * 2, views, &signature);
    article_free(article);
}

static void check_name(const struct rows *rows, uint32_t number, const char *term, const char *display)
{
    size_t length;
    assert_true(number < rows->names.count);
    const char *found = dictionary_term(&rows->names, number, &length);
    assert_int_equal(length, strlen(term));
    assert_memory_equal(found, term, length);
    found = dictionary_display(&rows->names, number, &length);
    assert_int_equal(length, strlen(display));
    assert_memory_equal(found, display, length);
}

static void check_bytes(const char *found, size_t length, const char *expected)
{
    assert_int_equal(length, strlen(expected));
    assert_memory_equal(found, expected, length);
}

/* ---- columns ---- */

static const char full_article[] =
    "{'id':'a17','url':'http://news/a17','title':'Rate cut','summary':'The bank acts.','body':'Long text.',"
    "'category':'Économie','source':'The Daily','authors':['Ann Lee','Bo','ann lee'],'tags':['Banks'],"
    "'people':['C. Day'],'language':'de-AT','published':'2025-09-11T08:00:00Z','sentiment':'negative',"
    "'extra':{'k':1},'pinned':['p1','p2'],'blocked':['b1']}";

static void check_full_row(const struct rows *rows, uint32_t row, uint32_t views)
{
    size_t length;
    int64_t published;
    assert_true(date_parse("2025-09-11T08:00:00Z", 20, &published, NULL));
    assert_true(rows->published[row] == published);
    check_name(rows, rows->category[row] - 1, "XCAT:economie", "Économie");
    check_name(rows, rows->source[row] - 1, "XSRC:the daily", "The Daily");
    check_name(rows, rows->language[row] - 1, "Lde", "de");
    assert_int_equal(rows->sentiment[row], SENTIMENT_NEGATIVE);
    assert_int_equal(rows->lengths[row], rows->docids[row] * 2);
    assert_int_equal(rows->signatures[row].bytes[0], (uint8_t)rows->docids[row]);
    assert_int_equal(rows->signatures[row].bytes[1], 7);
    assert_int_equal(rows->views[row], views);
    uint32_t first = rows->author_starts[row];
    assert_int_equal(rows->author_starts[row + 1] - first, 2);
    check_name(rows, rows->authors[first], "Aann lee", "Ann Lee");
    check_name(rows, rows->authors[first + 1], "Abo", "Bo");
    const char *id = rows_id(rows, row, &length);
    check_bytes(id, length, "a17");
    const char *controls = rows_controls(rows, row, &length);
    assert_int_equal(length, 11);
    assert_memory_equal(controls, "\0\2\2p1\2p2\2b1", 11);
}

static void check_card(const struct rows *rows, uint32_t row, const char *text)
{
    struct article *article = article_of(text);
    struct buffer card = BUFFER_INIT;
    article_write_card(article, &card);
    size_t length;
    const char *found = rows_card(rows, row, &length);
    check_bytes(found, length, card.data);
    buffer_release(&card);
    article_free(article);
}

static void columns_come_back(void **state)
{
    (void)state;
    struct rows_builder *builder = rows_builder_new();
    add(builder, 5, "{'id':'b','title':'Bare'}", -1);
    add(builder, 9, full_article, 39);
    add(builder, 10, "{'id':'c','title':'Seen often'}", INT64_MAX);
    assert_int_equal(rows_builder_count(builder), 3);
    struct image_of_rows image;
    finish(builder, &image);
    const struct rows *rows = &image.rows;
    assert_int_equal(rows->count, 3);
    assert_int_equal(rows->first_docid, 5);
    assert_int_equal(rows->last_docid, 10);
    check_full_row(rows, 1, 39);
    check_card(rows, 1, full_article);
    check_card(rows, 0, "{'id':'b','title':'Bare'}");
    size_t controls_length;
    rows_controls(rows, 0, &controls_length);
    assert_int_equal(controls_length, 0);
    assert_true(rows->published[0] == DATE_NONE);
    assert_int_equal(rows->category[0], 0);
    assert_int_equal(rows->source[0], 0);
    check_name(rows, rows->language[0] - 1, "Len", "en");
    assert_int_equal(rows->sentiment[0], SENTIMENT_NONE);
    assert_int_equal(rows->author_starts[1], 0);
    assert_int_equal(rows->views[0], 0);
    assert_int_equal(rows->views[2], UINT32_MAX);
    assert_int_equal(rows->docids[0], 5);
    assert_int_equal(rows->docids[2], 10);
    free(image.data);
}

static void no_rows_at_all_are_fine(void **state)
{
    (void)state;
    struct image_of_rows image;
    finish(rows_builder_new(), &image);
    assert_int_equal(image.rows.count, 0);
    assert_int_equal(rows_find(&image.rows, 1), ROW_NONE);
    assert_int_equal(rows_find(&image.rows, UINT32_MAX), ROW_NONE);
    assert_int_equal(rows_find_id(&image.rows, "a", 1, hash_bytes("a", 1), NULL, NULL), ROW_NONE);
    free(image.data);
}

/* ---- docids ---- */

#define DOCIDS 30000

/* Every docid of the range and around it, against an array that says which row it has. */
static void check_docids(struct random *random, uint32_t first, uint32_t sparseness)
{
    uint32_t *expected = memory_allocate(DOCIDS * sizeof *expected);
    struct rows_builder *builder = rows_builder_new();
    struct article *article = article_of("{'id':'a','title':'T'}");
    struct signature signature = {{0}};
    uint32_t count = 0;
    for (uint32_t i = 0; i < DOCIDS; i++) {
        expected[i] = ROW_NONE;
        if (random_below(random, sparseness) != 0)
            continue;
        rows_builder_add(builder, first + i, article, "en", 1, 0, &signature);
        expected[i] = count++;
    }
    article_free(article);
    struct image_of_rows image;
    finish(builder, &image);
    assert_int_equal(image.rows.count, count);
    for (uint32_t i = 0; i < DOCIDS; i++)
        assert_int_equal(rows_find(&image.rows, first + i), expected[i]);
    for (uint32_t i = 1; i < 200 && i <= first; i++)
        assert_int_equal(rows_find(&image.rows, first - i), ROW_NONE);
    for (uint32_t i = 0; i < 200 && first < UINT32_MAX - DOCIDS - i; i++)
        assert_int_equal(rows_find(&image.rows, first + DOCIDS + i), ROW_NONE);
    assert_int_equal(rows_find(&image.rows, 0), ROW_NONE);
    free(expected);
    free(image.data);
}

static void docids_have_their_rows(void **state)
{
    (void)state;
    struct random random = {.state = 1};
    check_docids(&random, 1, 1);
    check_docids(&random, 63, 2);
    check_docids(&random, 64, 7);
    check_docids(&random, 1000001, 100);
    check_docids(&random, UINT32_MAX - DOCIDS, 3);
    check_docids(&random, UINT32_C(3000000000), 5000);
}

static void far_apart_docids_have_their_rows(void **state)
{
    (void)state;
    static const uint32_t docids[] = {1, 2, 65, 640000, 640064, 4000000};
    struct rows_builder *builder = rows_builder_new();
    for (size_t i = 0; i < 6; i++)
        add(builder, docids[i], "{'id':'a','title':'T'}", 0);
    struct image_of_rows image;
    finish(builder, &image);
    for (uint32_t i = 0; i < 6; i++) {
        assert_int_equal(rows_find(&image.rows, docids[i]), i);
        assert_int_equal(rows_find(&image.rows, docids[i] + 2), ROW_NONE);
    }
    free(image.data);
}

/* ---- ids ---- */

struct visits {
    uint32_t rows[100];
    size_t count;
    uint32_t wanted;
};

static bool visit(void *context, uint32_t row)
{
    struct visits *visits = context;
    assert_true(visits->count < 100);
    visits->rows[visits->count++] = row;
    return row == visits->wanted;
}

static void ids_are_found_newest_first(void **state)
{
    (void)state;
    struct random random = {.state = 2};
    enum { ROWS = 6000, IDS = 500 };
    static uint32_t owner[ROWS];
    struct rows_builder *builder = rows_builder_new();
    for (uint32_t row = 0; row < ROWS; row++) {
        char text[80];
        owner[row] = random_below(&random, IDS);
        snprintf(text, sizeof text, "{'id':'article %u','title':'T'}", owner[row]);
        add(builder, 10 + row * 3, text, 0);
    }
    struct image_of_rows image;
    finish(builder, &image);
    for (uint32_t id = 0; id < IDS; id++) {
        char text[32];
        size_t length = (size_t)snprintf(text, sizeof text, "article %u", id);
        struct visits visits = {.wanted = ROW_NONE};
        assert_int_equal(rows_find_id(&image.rows, text, length, hash_bytes(text, length), visit, &visits),
                         ROW_NONE);
        size_t next = 0;
        for (uint32_t row = ROWS; row-- > 0;) {
            if (owner[row] != id)
                continue;
            assert_true(next < visits.count);
            assert_int_equal(visits.rows[next++], row);
        }
        assert_int_equal(next, visits.count);
        if (next < 2)
            continue;
        struct visits second = {.wanted = visits.rows[1]};
        assert_int_equal(rows_find_id(&image.rows, text, length, hash_bytes(text, length), visit, &second),
                         visits.rows[1]);
        assert_int_equal(second.count, 2);
    }
    free(image.data);
}

static void other_ids_are_not_found(void **state)
{
    (void)state;
    struct rows_builder *builder = rows_builder_new();
    add(builder, 1, "{'id':'abc','title':'T'}", 0);
    struct image_of_rows image;
    finish(builder, &image);
    struct visits visits = {.wanted = 0};
    uint64_t hash = hash_bytes("abc", 3);
    assert_int_equal(rows_find_id(&image.rows, "ab", 2, hash, visit, &visits), ROW_NONE);
    assert_int_equal(rows_find_id(&image.rows, "abd", 3, hash, visit, &visits), ROW_NONE);
    assert_int_equal(rows_find_id(&image.rows, "", 0, hash, visit, &visits), ROW_NONE);
    assert_int_equal(visits.count, 0);
    assert_int_equal(rows_find_id(&image.rows, "abc", 3, hash, visit, &visits), 0);
    free(image.data);
}

/* ---- copies ---- */

static void check_same_name(const struct rows *a, uint32_t number_a, const struct rows *b, uint32_t number_b)
{
    assert_int_equal(number_a == 0, number_b == 0);
    if (number_a == 0)
        return;
    size_t length_a, length_b;
    const char *text_a = dictionary_term(&a->names, number_a - 1, &length_a);
    const char *text_b = dictionary_term(&b->names, number_b - 1, &length_b);
    assert_int_equal(length_a, length_b);
    assert_memory_equal(text_a, text_b, length_a);
    text_a = dictionary_display(&a->names, number_a - 1, &length_a);
    text_b = dictionary_display(&b->names, number_b - 1, &length_b);
    assert_int_equal(length_a, length_b);
}

static void check_same_row(const struct rows *a, uint32_t row_a, const struct rows *b, uint32_t row_b)
{
    size_t length_a, length_b;
    assert_int_equal(a->docids[row_a], b->docids[row_b]);
    assert_true(a->published[row_a] == b->published[row_b]);
    check_same_name(a, a->category[row_a], b, b->category[row_b]);
    check_same_name(a, a->source[row_a], b, b->source[row_b]);
    check_same_name(a, a->language[row_a], b, b->language[row_b]);
    assert_int_equal(a->sentiment[row_a], b->sentiment[row_b]);
    assert_int_equal(a->lengths[row_a], b->lengths[row_b]);
    assert_memory_equal(&a->signatures[row_a], &b->signatures[row_b], sizeof *a->signatures);
    uint32_t authors = a->author_starts[row_a + 1] - a->author_starts[row_a];
    assert_int_equal(b->author_starts[row_b + 1] - b->author_starts[row_b], authors);
    for (uint32_t i = 0; i < authors; i++)
        check_same_name(a, a->authors[a->author_starts[row_a] + i] + 1, b,
                        b->authors[b->author_starts[row_b] + i] + 1);
    const char *bytes_a = rows_id(a, row_a, &length_a);
    const char *bytes_b = rows_id(b, row_b, &length_b);
    assert_int_equal(length_a, length_b);
    assert_memory_equal(bytes_a, bytes_b, length_a);
    bytes_a = rows_card(a, row_a, &length_a);
    bytes_b = rows_card(b, row_b, &length_b);
    assert_int_equal(length_a, length_b);
    assert_memory_equal(bytes_a, bytes_b, length_a);
}

static void copies_are_the_same_rows(void **state)
{
    (void)state;
    struct random random = {.state = 3};
    struct epoch *epoch = epoch_of(1, 0, NULL, NULL, 0);
    struct slice *first = slice_at_random(&random, epoch, 100, 2, 300);
    struct slice *second = slice_at_random(&random, epoch, 1000, 3, 200);
    struct rows_builder *builder = rows_builder_new();
    for (uint32_t row = 1; row < 300; row += 2)
        rows_builder_copy(builder, first->rows, row, row * 10);
    add(builder, 800, full_article, 7);
    for (uint32_t row = 0; row < 200; row += 3)
        rows_builder_copy(builder, second->rows, row, UINT32_MAX);
    struct image_of_rows image;
    finish(builder, &image);
    uint32_t at = 0;
    for (uint32_t row = 1; row < 300; row += 2, at++) {
        check_same_row(first->rows, row, &image.rows, at);
        assert_int_equal(image.rows.views[at], row * 10);
        assert_int_equal(rows_find(&image.rows, first->rows->docids[row]), at);
        assert_int_equal(rows_find(&image.rows, first->rows->docids[row - 1]), ROW_NONE);
    }
    check_full_row(&image.rows, at++, 7);
    for (uint32_t row = 0; row < 200; row += 3, at++) {
        check_same_row(second->rows, row, &image.rows, at);
        assert_int_equal(image.rows.views[at], UINT32_MAX);
    }
    assert_int_equal(image.rows.count, at);
    free(image.data);
    slice_release(first);
    slice_release(second);
    epoch_release(epoch);
}

/* ---- damage ---- */

static void check_refused(const char *data, size_t length)
{
    struct rows rows;
    struct error error = ERROR_INIT;
    assert_int_equal(rows_open(data, length, &rows, &error), -1);
    assert_int_equal(error.code, ERROR_UNAVAILABLE);
    assert_non_null(strstr(error.message, "damaged"));
}

static void make_rows(struct image_of_rows *image)
{
    struct rows_builder *builder = rows_builder_new();
    add(builder, 5, full_article, 1);
    add(builder, 200, full_article, 2);
    add(builder, 201, "{'id':'b','title':'Bare'}", 3);
    finish(builder, image);
}

static void sections_of_wrong_length_are_refused(void **state)
{
    (void)state;
    struct image_of_rows image;
    make_rows(&image);
    for (size_t section = 0; section < SECTIONS; section++) {
        char *copy = memory_copy_bytes(image.data, image.length);
        memset(copy + HEADER_BYTES + section * ENTRY_BYTES + 8, 0, 8);
        check_refused(copy, image.length);
        free(copy);
    }
    free(image.data);
}

static void damaged_headers_are_refused(void **state)
{
    (void)state;
    struct image_of_rows image;
    make_rows(&image);
    uint64_t start;
    memcpy(&start, image.data + HEADER_BYTES, 8);
    static const uint32_t bad[][3] = {{2, 5, 201},          {4, 5, 201},       {3, 201, 5},
                                      {3, 5, 100},          {3, 5, 1000},      {ROWS_MAX + 1, 5, 201},
                                      {UINT32_MAX, 5, 201}, {3, 0, UINT32_MAX}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char *copy = memory_copy_bytes(image.data, image.length);
        memcpy(copy + start, bad[i], sizeof bad[i]);
        check_refused(copy, image.length);
        free(copy);
    }
    for (size_t cut = 0; cut < image.length; cut += 1) {
        char *copy = memory_copy_bytes(image.data, cut);
        struct rows rows;
        if (rows_open(copy, cut, &rows, NULL) == 0)
            assert_true(cut + 8 > image.length); /* only the padding is missing */
        free(copy);
    }
    free(image.data);
}

static void starts_beyond_the_bytes_are_refused(void **state)
{
    (void)state;
    struct image_of_rows image;
    make_rows(&image);
    const char *const lasts[] = {(const char *)&image.rows.author_starts[3],
                                 (const char *)&image.rows.id_starts[3],
                                 (const char *)&image.rows.card_starts[3]};
    for (size_t i = 0; i < 3; i++) {
        char *copy = memory_copy_bytes(image.data, image.length);
        memset(copy + (lasts[i] - image.data), 0x7f, 4);
        check_refused(copy, image.length);
        free(copy);
    }
    free(image.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_come_back),           cmocka_unit_test(no_rows_at_all_are_fine),
        cmocka_unit_test(docids_have_their_rows),      cmocka_unit_test(far_apart_docids_have_their_rows),
        cmocka_unit_test(ids_are_found_newest_first),  cmocka_unit_test(other_ids_are_not_found),
        cmocka_unit_test(copies_are_the_same_rows),    cmocka_unit_test(sections_of_wrong_length_are_refused),
        cmocka_unit_test(damaged_headers_are_refused), cmocka_unit_test(starts_beyond_the_bytes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
