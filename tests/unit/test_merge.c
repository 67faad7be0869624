#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/memory.h"
#include "corpus.h"
#include "index/generation.h"
#include "index/index_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- choosing ---- */

#define SEGMENTS_MAX 12

/* Which of segments with so many rows are merged, with factor 4 and 100 articles in the hot segment, or when
 * idle. */
static void check_choice(bool idle, const uint32_t *sizes, size_t count, size_t first, size_t chosen)
{
    static struct segment segments[SEGMENTS_MAX];
    static struct slice slices[SEGMENTS_MAX];
    static struct rows rows[SEGMENTS_MAX];
    struct segment *list[SEGMENTS_MAX];
    assert_true(count <= SEGMENTS_MAX);
    for (size_t i = 0; i < count; i++) {
        rows[i].count = sizes[i];
        slices[i].rows = &rows[i];
        segments[i].slice = &slices[i];
        list[i] = &segments[i];
    }
    struct merge merge = idle ? merge_choose_idle(list, count) : merge_choose(list, count, 4, 100);
    if (merge.count != chosen || (chosen != 0 && merge.first != first))
        fail_msg("%zu from %zu, not %zu from %zu", merge.count, merge.first, chosen, first);
}

#define CHOICE(first, chosen, ...) CHOICE_OF(false, first, chosen, __VA_ARGS__)
#define IDLE_CHOICE(first, chosen, ...) CHOICE_OF(true, first, chosen, __VA_ARGS__)
#define CHOICE_OF(idle, first, chosen, ...)                                                                  \
    check_choice(idle, (const uint32_t[]){__VA_ARGS__},                                                      \
                 sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t), first, chosen)

static void neighbours_of_a_size_are_merged(void **state)
{
    (void)state;
    check_choice(false, NULL, 0, 0, 0);
    CHOICE(0, 0, 100);
    CHOICE(0, 0, 100, 100, 100);
    CHOICE(0, 4, 100, 100, 100, 100);
    CHOICE(0, 4, 200, 1, 50, 0);
    CHOICE(0, 6, 100, 90, 80, 70, 60, 50);
    CHOICE(1, 4, 5000, 100, 100, 100, 100);
    CHOICE(0, 4, 100, 100, 100, 100, 5000);
    CHOICE(2, 4, 5000, 700, 100, 100, 100, 100);
}

static void larger_tiers_wait_for_their_number(void **state)
{
    (void)state;
    CHOICE(0, 0, 400, 400, 400);
    CHOICE(0, 4, 400, 400, 400, 400);
    CHOICE(0, 4, 800, 800, 800, 800);
    CHOICE(0, 0, 801, 800, 800, 800);                     /* one of the third tier, three of the second */
    CHOICE(4, 4, 400, 400, 400, 400, 100, 100, 100, 100); /* the small ones first */
    CHOICE(0, 0, 400, 100, 100, 100);                     /* nor is a large one copied for a few small ones */
    CHOICE(0, 6, 400, 100, 400, 100, 400, 400);           /* a small one between large ones goes with them */
    CHOICE(0, 0, 100, 400, 100, 3000);
    CHOICE(1, 4, 90000, 3000, 3000, 3000, 3000);
}

static void no_segment_grows_beyond_what_a_posting_can_name(void **state)
{
    (void)state;
    CHOICE(0, 0, 8000000, 8000000, 8000000);
    CHOICE(0, 0, 8000000, 8000000, 8000000, 8000000);
    CHOICE(0, 4, 4000000, 4000000, 4000000, 4000000);
}

static void an_idle_index_has_few_segments(void **state)
{
    (void)state;
    check_choice(true, NULL, 0, 0, 0);
    IDLE_CHOICE(0, 0, 100);
    IDLE_CHOICE(0, 2, 100, 100);
    IDLE_CHOICE(0, 2, 399, 100);
    IDLE_CHOICE(0, 0, 400, 100);
    IDLE_CHOICE(0, 0, 90000, 10000, 500);
    IDLE_CHOICE(0, 10, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100);
    IDLE_CHOICE(1, 3, 2000, 100, 100, 300);
    IDLE_CHOICE(0, 2, 100, 100, 10);              /* not the newest ones, but others */
    IDLE_CHOICE(0, 0, 16000000, 9000000);         /* more than a posting can name */
    IDLE_CHOICE(1, 2, 9000000, 8000000, 8000000); /* as many as it can */
}

/* Sealing one segment after the other leaves few of them, and each row is copied few times. */
static void segments_stay_few(void **state)
{
    (void)state;
    uint32_t sizes[64];
    size_t count = 0;
    uint64_t copied = 0;
    for (int sealed = 0; sealed < 2000; sealed++) {
        sizes[count++] = 100;
        for (;;) {
            static struct segment segments[64];
            static struct slice slices[64];
            static struct rows rows[64];
            struct segment *list[64];
            for (size_t i = 0; i < count; i++) {
                rows[i].count = sizes[i];
                slices[i].rows = &rows[i];
                segments[i].slice = &slices[i];
                list[i] = &segments[i];
            }
            struct merge merge = merge_choose(list, count, 4, 100);
            if (merge.count == 0)
                break;
            uint32_t sum = 0;
            for (size_t i = 0; i < merge.count; i++)
                sum += sizes[merge.first + i];
            copied += sum;
            sizes[merge.first] = sum;
            memmove(&sizes[merge.first + 1], &sizes[merge.first + merge.count],
                    (count - merge.first - merge.count) * sizeof sizes[0]);
            count -= merge.count - 1;
        }
        assert_true(count <= 20);
    }
    assert_true(copied < 2000 * 100 * 10);
}

/* ---- merging ---- */

#define PARTS 4
#define ROWS 80

struct fixture {
    char *data;
    struct generation *generation;
    struct random random;
};

static int set_up(void **state)
{
    struct fixture *fixture = memory_zeroed(1, sizeof *fixture);
    fixture->random.state = 71;
    fixture->data = directory_new();
    struct generation_places places = {fixture->data, fixture->data, false};
    struct document_settings settings = {.default_language = language_find("en"), .key_terms = 16};
    assert_int_equal(generation_create(&places, 1, &settings, 0, &fixture->generation, NULL), 0);
    struct generation *generation = fixture->generation;
    for (uint32_t i = 0; i < PARTS; i++) {
        struct pile pile;
        char *name = generation_new_segment_name(generation);
        struct buffer database = BUFFER_INIT;
        buffer_printf(&database, "%s/%s.writing", generation->directory, name);
        pile_begin(&pile, generation->epoch, database.data);
        pile_add_random(&pile, &fixture->random, 1 + i * 1000, 3, ROWS, 100000);
        generation_add_segment(generation, pile_finish_segment(&pile, generation->directory, name));
        buffer_release(&database);
        free(name);
    }
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    generation_free(fixture->generation);
    directory_drop(fixture->data);
    free(fixture);
    return 0;
}

static struct segment *merge_all(struct fixture *fixture, uint64_t revision)
{
    struct segment *merged = NULL;
    struct error error = ERROR_INIT;
    char *name = generation_new_segment_name(fixture->generation);
    if (merge_segments(fixture->generation, name, fixture->generation->segments, PARTS, revision, &merged,
                       &error) != 0)
        fail_msg("%s", error.message);
    assert_string_equal(merged->name, name);
    free(name);
    return merged;
}

static struct xapian_source source_of(const struct segment *segment)
{
    return (struct xapian_source){segment->place->key, 0, segment->place->xapian_path, segment->documents};
}

/* Scores and docids of the best, over the given sources. */
static size_t best(const struct xapian_source *sources, size_t count, const struct query_node *node,
                   struct xapian_hit hits[50])
{
    struct xapian_reader *reader = xapian_reader_new();
    struct xapian_search search = {.sources = sources,
                                   .source_count = count,
                                   .query = node,
                                   .wildcard_expansions = 100,
                                   .ranked = true,
                                   .limit = 50,
                                   .check_at_least = SIZE_MAX};
    struct xapian_result result;
    assert_int_equal(xapian_search(reader, &search, &result, NULL), XAPIAN_OK);
    size_t found = result.hit_count;
    if (found > 0)
        memcpy(hits, result.hits, found * sizeof *hits);
    xapian_reader_free(reader);
    return found;
}

static void searches_give_the_same_results(void **state)
{
    struct fixture *fixture = *state;
    struct segment *merged = merge_all(fixture, 10000);
    struct xapian_source before[PARTS], after = source_of(merged);
    for (size_t i = 0; i < PARTS; i++)
        before[i] = source_of(fixture->generation->segments[i]);
    static const char *const texts[] = {
        "wordb0",        "wordc0 OR wordd1",  "wordb0 AND wordc0", "worda*",
        "tag:\"Tag 3\"", "title:wordb0",      "wordb1 NOT wordb0", "",
        "language:de",   "\"wordb0 wordc0\"", "nowhere",           "wordf2 worde1"};
    size_t found = 0;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct query *query = query_of(texts[i]);
        size_t count, count_after;
        uint32_t *docids = docids_matching(before, PARTS, query->root, &count);
        uint32_t *docids_after = docids_matching(&after, 1, query->root, &count_after);
        assert_int_equal(count, count_after);
        assert_memory_equal(docids, docids_after, count * sizeof *docids);
        struct xapian_hit hits[50], hits_after[50];
        size_t hit_count = best(before, PARTS, query->root, hits);
        assert_int_equal(hit_count, best(&after, 1, query->root, hits_after));
        for (size_t j = 0; j < hit_count; j++)
            assert_true(hits[j].docid == hits_after[j].docid && hits[j].score == hits_after[j].score);
        found += hit_count > 0;
        free(docids);
        free(docids_after);
        query_free(query);
    }
    assert_true(found > 6);
    segment_release(merged);
}

static void docids_stay_and_dead_rows_go(void **state)
{
    struct fixture *fixture = *state;
    struct segment **segments = fixture->generation->segments;
    uint32_t living = 0;
    for (size_t i = 0; i < PARTS; i++) {
        for (uint32_t row = 0; row < ROWS; row++) {
            uint32_t fate = random_below(&fixture->random, 4);
            if (fate < 2)
                slice_kill(segments[i]->slice, segments[i]->slice->rows->docids[row], 5000 + fate);
            living += fate != 0;
        }
    }
    struct segment *merged = merge_all(fixture, 5000);
    const struct rows *rows = merged->slice->rows;
    assert_int_equal(rows->count, living);
    assert_int_equal(merged->documents, PARTS * ROWS); /* Xapian keeps them: nobody is shown them */
    uint32_t at = 0;
    for (size_t i = 0; i < PARTS; i++) {
        const struct slice *old = segments[i]->slice;
        for (uint32_t row = 0; row < ROWS; row++) {
            if (!slice_row_lives(old, row, 5000)) {
                assert_int_equal(rows_find(rows, old->rows->docids[row]), ROW_NONE);
                continue;
            }
            assert_int_equal(rows->docids[at], old->rows->docids[row]);
            size_t length, old_length;
            const char *id = rows_id(rows, at, &length);
            const char *old_id = rows_id(old->rows, row, &old_length);
            assert_int_equal(length, old_length);
            assert_memory_equal(id, old_id, length);
            assert_memory_equal(features_row(&merged->slice->features, at).norms,
                                features_row(&old->features, row).norms, GROUP_COUNT * sizeof(uint16_t));
            at++;
        }
    }
    struct segment *again = NULL; /* and it is whole on disk */
    assert_int_equal(segment_open(fixture->generation->directory, merged->name, 1, merged, &again, NULL), 0);
    segment_release(again);
    segment_release(merged);
}

static void nothing_alive_leaves_no_rows(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < PARTS; i++)
        for (uint32_t row = 0; row < ROWS; row++)
            slice_kill(fixture->generation->segments[i]->slice,
                       fixture->generation->segments[i]->slice->rows->docids[row], 5000);
    struct segment *merged = merge_all(fixture, 5000);
    assert_int_equal(merged->slice->rows->count, 0);
    segment_release(merged);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neighbours_of_a_size_are_merged),
        cmocka_unit_test(larger_tiers_wait_for_their_number),
        cmocka_unit_test(an_idle_index_has_few_segments),
        cmocka_unit_test(no_segment_grows_beyond_what_a_posting_can_name),
        cmocka_unit_test(segments_stay_few),
        cmocka_unit_test_setup_teardown(searches_give_the_same_results, set_up, tear_down),
        cmocka_unit_test_setup_teardown(docids_stay_and_dead_rows_go, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_alive_leaves_no_rows, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
