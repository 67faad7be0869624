#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/date.h"
#include "base/memory.h"
#include "corpus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Slices of one epoch over 50 rows each, the docids 10, 13, …; 200, 203, …; and so on. */
struct fixture {
    struct random random;
    struct epoch *epoch;
    struct slice *slices[3];
};

static int set_up(void **state)
{
    struct fixture *fixture = memory_zeroed(1, sizeof *fixture);
    fixture->random.state = 21;
    fixture->epoch = epoch_of_corpus(4, fixture->random, 150);
    for (uint32_t i = 0; i < 3; i++)
        fixture->slices[i] = slice_at_random(&fixture->random, fixture->epoch, 10 + i * 190, 3, 50);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < 3; i++)
        slice_release(fixture->slices[i]);
    epoch_release(fixture->epoch);
    free(fixture);
    return 0;
}

static uint32_t died(const struct slice *slice, uint32_t row)
{
    return atomic_load(&slice->shared->died[row]);
}

static void a_row_lives_until_the_revision_that_killed_it(void **state)
{
    struct slice *slice = ((struct fixture *)*state)->slices[0];
    assert_true(slice_row_lives(slice, 2, 16));
    assert_true(slice_row_lives(slice, 2, UINT32_MAX - 1));
    assert_true(slice_kill(slice, 16, 300));
    assert_true(slice_row_lives(slice, 2, 299));
    assert_false(slice_row_lives(slice, 2, 300));
    assert_false(slice_row_lives(slice, 2, 301));
    assert_true(slice_row_lives(slice, 1, 301));
    assert_true(slice_row_lives(slice, 3, 301));
    assert_int_equal(atomic_load(&slice->shared->dead), 1);
}

static void a_row_dies_once(void **state)
{
    struct slice *slice = ((struct fixture *)*state)->slices[0];
    assert_true(slice_kill(slice, 16, 300));
    assert_false(slice_kill(slice, 16, 200));
    assert_false(slice_kill(slice, 16, 400));
    assert_int_equal(died(slice, 2), 300);
    assert_int_equal(atomic_load(&slice->shared->dead), 1);
    assert_false(slice_kill(slice, 17, 300)); /* not a docid of the slice */
    assert_false(slice_kill(slice, 0, 300));
    assert_false(slice_kill(slice, UINT32_MAX, 300));
    assert_int_equal(atomic_load(&slice->shared->dead), 1);
}

static bool bit_at(uint64_t word, uint32_t position)
{
    return (word >> (position % 64) & 1) != 0;
}

/* What died and what is a copy can be found by date without a look at each row. */
static void dead_rows_and_copies_are_marked_by_date(void **state)
{
    struct slice *old = ((struct fixture *)*state)->slices[0];
    const struct rows *rows = old->rows;
    uint32_t *originals = memory_zeroed(rows->count, sizeof *originals);
    for (uint32_t row = 2; row < rows->count; row += 3)
        originals[row] = rows->docids[0];
    struct image_bytes copy =
        image_bytes_of_block(features_with_originals(&old->features, originals), old->feature_bytes.length);
    struct slice *slice = NULL;
    assert_int_equal(slice_with_features(old, copy, &slice, NULL), 0);
    for (uint32_t row = 0; row < rows->count; row += 4)
        assert_true(slice_kill(old, rows->docids[row], 100 + row));
    uint32_t undated = 0;
    for (uint32_t row = 0; row < rows->count; row++) {
        uint32_t position = rows_date_position(rows, row);
        if (position == ROW_NONE) {
            assert_true(rows->published[row] == DATE_NONE);
            undated++;
            continue;
        }
        assert_int_equal(rows->by_date[position], row);
        assert_int_equal(bit_at(slice->shared->dead_by_date[position / 64], position), row % 4 == 0);
        assert_int_equal(bit_at(slice->copies_by_date[position / 64], position), row % 3 == 2);
        assert_false(bit_at(old->copies_by_date[position / 64], position));
    }
    assert_int_equal(rows->count - undated, rows->dated);
    assert_true(undated > 0);
    slice_release(slice);
    free(originals);
}

static void views_begin_as_they_were_written(void **state)
{
    struct fixture *fixture = *state;
    struct pile pile;
    pile_begin(&pile, fixture->epoch, NULL);
    struct article *article = article_of("{'id':'a','title':'T','views':12}");
    pile_add(&pile, 5, article);
    article_free(article);
    struct slice *slice = pile_finish_slice(&pile);
    assert_int_equal(slice_row_views(slice, 0), 12);
    atomic_store(&slice->shared->views[0], 13);
    assert_int_equal(slice_row_views(slice, 0), 13);
    slice_release(slice);
}

/* A new epoch: other features, but a death or a view counts for both. */
static void rows_are_shared_with_new_features(void **state)
{
    struct fixture *fixture = *state;
    struct slice *old = fixture->slices[0];
    struct slice *slice = NULL;
    const struct image_bytes *bytes = &old->feature_bytes;
    struct image_bytes copy =
        image_bytes_of_block(memory_copy_bytes(bytes->data, bytes->length), bytes->length);
    assert_int_equal(slice_with_features(old, copy, &slice, NULL), 0);
    assert_ptr_equal(slice->rows, old->rows);
    assert_ptr_not_equal(slice->features.postings, old->features.postings);
    assert_true(slice_kill(old, 10, 99));
    assert_false(slice_row_lives(slice, 0, 99));
    atomic_store(&slice->shared->views[1], 5);
    assert_int_equal(slice_row_views(old, 1), 5);
    slice_release(slice);
    assert_int_equal(slice_row_views(old, 1), 5);
}

static void features_of_other_rows_are_refused(void **state)
{
    struct fixture *fixture = *state;
    struct slice *other = slice_at_random(&fixture->random, fixture->epoch, 1000, 1, 49);
    const struct image_bytes *bytes = &other->feature_bytes;
    struct slice *slice = NULL;
    struct error error = ERROR_INIT;
    struct image_bytes copy =
        image_bytes_of_block(memory_copy_bytes(bytes->data, bytes->length), bytes->length);
    assert_int_equal(slice_with_features(fixture->slices[0], copy, &slice, &error), -1);
    assert_int_equal(error.code, ERROR_UNAVAILABLE);
    assert_non_null(strstr(error.message, "50 rows but features of 49"));
    slice_release(other);
}

/* The bytes are taken over on failure too: a leak check sees if they are not. */
static void damaged_images_are_refused(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 2; i++) {
        const struct image_bytes *rows = &fixture->slices[0]->shared->bytes;
        const struct image_bytes *features = &fixture->slices[0]->feature_bytes;
        char *row_block = memory_copy_bytes(rows->data, rows->length);
        char *feature_block = memory_copy_bytes(features->data, features->length);
        (i == 0 ? row_block : feature_block)[0] ^= 1;
        struct slice *slice = NULL;
        struct error error = ERROR_INIT;
        assert_int_equal(slice_new(image_bytes_of_block(row_block, rows->length),
                                   image_bytes_of_block(feature_block, features->length), &slice, &error),
                         -1);
        assert_int_equal(error.code, ERROR_UNAVAILABLE);
        assert_null(slice);
    }
}

static void check_same_vector(const struct slice *a, uint32_t row_a, const struct slice *b, uint32_t row_b)
{
    struct feature_vector vector_a = {0}, vector_b = {0};
    features_vector(&a->features, row_a, &vector_a);
    features_vector(&b->features, row_b, &vector_b);
    assert_int_equal(vector_a.count, vector_b.count);
    assert_memory_equal(vector_a.norms, vector_b.norms, sizeof vector_a.norms);
    for (size_t i = 0; i < vector_a.count; i++) {
        assert_int_equal(vector_a.items[i].weight, vector_b.items[i].weight);
        assert_int_equal(vector_a.items[i].kind, vector_b.items[i].kind);
        assert_int_equal(vector_a.items[i].length, vector_b.items[i].length);
        assert_memory_equal(vector_a.items[i].term, vector_b.items[i].term, vector_a.items[i].length);
    }
    feature_vector_release(&vector_a);
    feature_vector_release(&vector_b);
}

static struct slice *join(const struct fixture *fixture, struct slice *const *slices, size_t count,
                          uint64_t revision)
{
    struct image_bytes rows;
    struct image_bytes features;
    struct slice *joined = NULL;
    slices_join(slices, count, revision, &fixture->epoch->statistics, &rows, &features);
    assert_int_equal(slice_new(rows, features, &joined, NULL), 0);
    return joined;
}

/* Each place is that of the epoch, and names that stand there are the joined slice's own numbers. */
static void check_common(const struct fixture *fixture, const struct slice *slice)
{
    const struct dictionary *common = &fixture->epoch->statistics.common;
    const struct timeline *timeline = &slice->features.timeline;
    uint32_t found = 0;
    assert_int_equal(timeline->common_count, common->count);
    for (uint32_t place = 0; place < common->count; place++) {
        size_t length;
        size_t expected_length;
        const char *expected = dictionary_term(common, place, &expected_length);
        if (timeline->common[place] == TIMELINE_NONE)
            continue;
        const char *term = dictionary_term(&slice->features.terms, timeline->common[place], &length);
        assert_int_equal(length, expected_length);
        assert_memory_equal(term, expected, length);
        found++;
    }
    assert_true(found > 20);
}

/* Rows dead by the revision go; those that died after it stay and are dead again once inherited. */
static void joining_drops_rows_dead_as_of_a_revision(void **state)
{
    struct fixture *fixture = *state;
    uint32_t living = 0;
    for (size_t i = 0; i < 3; i++) {
        for (uint32_t row = 0; row < 50; row++) {
            atomic_store(&fixture->slices[i]->shared->views[row], row * 7 + (uint32_t)i);
            uint32_t fate = random_below(&fixture->random, 3);
            if (fate != 0)
                slice_kill(fixture->slices[i], fixture->slices[i]->rows->docids[row],
                           fate == 1 ? 1000 : 1001);
            living += fate != 1;
        }
    }
    struct slice *joined = join(fixture, fixture->slices, 3, 1000);
    assert_int_equal(joined->features.epoch, 4);
    check_common(fixture, joined);
    assert_int_equal(joined->rows->count, living);
    assert_int_equal(atomic_load(&joined->shared->dead), 0);
    for (size_t i = 0; i < 3; i++)
        slice_inherit(joined, fixture->slices[i]);
    uint32_t at = 0, dead = 0;
    for (size_t i = 0; i < 3; i++) {
        const struct slice *old = fixture->slices[i];
        for (uint32_t row = 0; row < 50; row++) {
            if (!slice_row_lives(old, row, 1000)) {
                assert_int_equal(rows_find(joined->rows, old->rows->docids[row]), ROW_NONE);
                continue;
            }
            assert_int_equal(joined->rows->docids[at], old->rows->docids[row]);
            assert_int_equal(joined->rows->views[at], row * 7 + i);
            assert_int_equal(slice_row_views(joined, at), row * 7 + i);
            assert_int_equal(died(joined, at), died(old, row));
            dead += died(old, row) != NEVER_DIED;
            check_same_vector(joined, at++, old, row);
        }
    }
    assert_int_equal(at, living);
    assert_int_equal(atomic_load(&joined->shared->dead), dead);
    slice_release(joined);
}

/* Between the join and its adoption rows die and are viewed. */
static void what_happened_meanwhile_is_inherited(void **state)
{
    struct fixture *fixture = *state;
    struct slice *joined = join(fixture, fixture->slices, 2, 500);
    assert_int_equal(joined->rows->count, 100);
    assert_true(slice_kill(fixture->slices[1], 203, 600));
    atomic_store(&fixture->slices[0]->shared->views[3], 77);
    slice_inherit(joined, fixture->slices[0]);
    slice_inherit(joined, fixture->slices[1]);
    slice_inherit(joined, fixture->slices[2]); /* shares no docid: nothing changes */
    assert_int_equal(died(joined, 51), 600);
    assert_int_equal(atomic_load(&joined->shared->dead), 1);
    assert_int_equal(slice_row_views(joined, 3), 77);
    slice_inherit(joined, fixture->slices[1]); /* again: no second death */
    assert_int_equal(atomic_load(&joined->shared->dead), 1);
    slice_release(joined);
}

static void all_dead_gives_a_slice_without_rows(void **state)
{
    struct fixture *fixture = *state;
    for (uint32_t row = 0; row < 50; row++)
        slice_kill(fixture->slices[0], 10 + row * 3, 300);
    struct slice *joined = join(fixture, fixture->slices, 1, 300);
    assert_int_equal(joined->rows->count, 0);
    assert_int_equal(joined->features.row_count, 0);
    assert_false(slice_kill(joined, 10, 301));
    slice_inherit(joined, fixture->slices[0]);
    slice_release(joined);
}

static void files_serve_as_images(void **state)
{
    struct fixture *fixture = *state;
    char *directory = directory_new();
    char *path = file_join(directory, "rows");
    const struct image_bytes *bytes = &fixture->slices[0]->shared->bytes;
    assert_int_equal(file_replace(path, bytes->data, bytes->length, NULL), 0);
    struct image_bytes mapped;
    assert_int_equal(image_bytes_of_file(path, &mapped, NULL), 0);
    assert_int_equal(mapped.length, bytes->length);
    assert_memory_equal(mapped.data, bytes->data, bytes->length);
    image_bytes_release(&mapped);
    free(path);
    path = file_join(directory, "none");
    assert_int_equal(image_bytes_of_file(path, &mapped, NULL), -1);
    image_bytes_release(&mapped);
    free(path);
    directory_drop(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_row_lives_until_the_revision_that_killed_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_row_dies_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(dead_rows_and_copies_are_marked_by_date, set_up, tear_down),
        cmocka_unit_test_setup_teardown(views_begin_as_they_were_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rows_are_shared_with_new_features, set_up, tear_down),
        cmocka_unit_test_setup_teardown(features_of_other_rows_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damaged_images_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(joining_drops_rows_dead_as_of_a_revision, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_happened_meanwhile_is_inherited, set_up, tear_down),
        cmocka_unit_test_setup_teardown(all_dead_gives_a_slice_without_rows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(files_serve_as_images, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
