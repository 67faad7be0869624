/* Hits of one story taken together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "corpus.h"
#include "related/copies.h"

#include <string.h>

#define ROWS 6

/* Docids 11 to 16; the originals that the features of a slice are given. */
static struct slice *slice_of(const uint32_t *originals)
{
    struct rows_builder *rows = rows_builder_new();
    static const struct statistics statistics = {.epoch = 1};
    struct features_builder *features = features_builder_new(&statistics);
    struct article *article = article_of("{'id':'a','title':'T','views':0}");
    struct feature_vector vector = {0};
    struct signature signature = {{0}};
    for (uint32_t row = 0; row < ROWS; row++) {
        rows_builder_add(rows, 11 + row, article, "en", 1, 1 << row, &signature);
        features_builder_add(features, &vector, originals[row]);
    }
    article_free(article);
    struct image_bytes row_bytes;
    struct image_bytes feature_bytes;
    slice_images(rows, features, &row_bytes, &feature_bytes);
    rows_builder_free(rows);
    features_builder_free(features);
    struct slice *slice;
    struct error error = ERROR_INIT;
    if (slice_new(row_bytes, feature_bytes, &slice, &error) != 0)
        fail_msg("%s", error.message);
    return slice;
}

static size_t make_hits(struct slice *slice, const uint32_t *rows, size_t count, struct related_hit *hits)
{
    for (size_t i = 0; i < count; i++)
        hits[i] = (struct related_hit){.slice = slice, .row = rows[i]};
    return count;
}

/* Two stories, and an article that is alone; the first of one story is not among the hits. */
static void the_first_hit_of_each_story_stays(void **state)
{
    (void)state;
    static const uint32_t originals[ROWS] = {0, 11, 0, 11, 5, 5};
    static const uint32_t order[] = {3, 4, 0, 2, 5, 1};
    struct slice *slice = slice_of(originals);
    struct related_hit hits[ROWS];
    size_t count = make_hits(slice, order, ROWS, hits);
    struct copies copies = {.count = 0};
    copies_collapse(&copies, hits, &count);
    assert_int_equal(count, 3);
    static const uint32_t kept[] = {3, 4, 2};
    static const size_t more[] = {2, 1, 0};
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(hits[i].row, kept[i]);
        assert_int_equal(copies_count(&copies, &hits[i]), more[i]);
    }
    const struct related_hit *found[ROWS];
    assert_int_equal(copies_of(&copies, &hits[0], found, ROWS), 2);
    assert_int_equal(found[0]->row, 0);
    assert_int_equal(found[1]->row, 1);
    assert_int_equal(copies_of(&copies, &hits[0], found, 1), 1);
    assert_int_equal(copies_of(&copies, &hits[2], found, ROWS), 0);
    assert_int_equal(copies_views(&copies), 1 + 2 + 32);
    copies_release(&copies);
    slice_release(slice);
}

static void it_forgets_the_time_before(void **state)
{
    (void)state;
    static const uint32_t originals[ROWS] = {0, 11, 11, 0, 0, 0};
    static const uint32_t all[] = {0, 1, 2, 3, 4, 5};
    static const uint32_t others[] = {1, 5};
    struct slice *slice = slice_of(originals);
    struct related_hit hits[ROWS];
    size_t count = make_hits(slice, all, ROWS, hits);
    struct copies copies = {.count = 0};
    copies_collapse(&copies, hits, &count);
    assert_int_equal(count, 4);
    count = make_hits(slice, others, 2, hits);
    copies_collapse(&copies, hits, &count);
    assert_int_equal(count, 2);
    assert_int_equal(copies_count(&copies, &hits[0]), 0);
    assert_int_equal(copies_views(&copies), 0);
    count = 0;
    copies_collapse(&copies, hits, &count);
    assert_int_equal(count, 0);
    copies_release(&copies);
    slice_release(slice);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_hit_of_each_story_stays),
        cmocka_unit_test(it_forgets_the_time_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
