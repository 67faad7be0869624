#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/memory.h"
#include "corpus.h"
#include "index/generation.h"
#include "index/index_private.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
    char *data;
    struct generation_places places;
    struct document_settings settings;
    struct generation *generation; /* number 3, saved, with two segments of 40 rows each */
    struct random random;
    struct error error;
};

static void add_segment(struct fixture *fixture, uint32_t first, uint32_t count)
{
    struct generation *generation = fixture->generation;
    struct pile pile;
    char *name = generation_new_segment_name(generation);
    struct buffer database = BUFFER_INIT;
    buffer_printf(&database, "%s/%s.writing", generation->directory, name);
    pile_begin(&pile, generation->epoch, database.data);
    pile_add_random(&pile, &fixture->random, first, 2, count, 30);
    generation_add_segment(generation, pile_finish_segment(&pile, generation->directory, name));
    buffer_release(&database);
    free(name);
}

static int set_up(void **state)
{
    struct fixture *fixture = memory_zeroed(1, sizeof *fixture);
    fixture->random.state = 61;
    fixture->data = directory_new();
    fixture->places = (struct generation_places){fixture->data, fixture->data, false};
    fixture->settings = (struct document_settings){
        .default_language = language_find("en"), .title_weight = 2, .key_terms = 16};
    assert_int_equal(
        generation_create(&fixture->places, 3, &fixture->settings, 0, &fixture->generation, NULL), 0);
    add_segment(fixture, 200, 40); /* out of order: put in docid order */
    add_segment(fixture, 1, 40);
    fixture->generation->sealed_position = fixture->generation->position = 300;
    assert_int_equal(generation_save(fixture->generation, NULL), 0);
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

static char *path_in(const struct fixture *fixture, const char *name)
{
    return file_join(fixture->generation->directory, name);
}

static bool is_there(const struct fixture *fixture, const char *name)
{
    char *path = path_in(fixture, name);
    bool there = access(path, F_OK) == 0;
    free(path);
    return there;
}

static struct generation *load(struct fixture *fixture)
{
    struct generation *generation = NULL;
    if (generation_load(&fixture->places, 3, &fixture->settings, &generation, &fixture->error) != 0)
        fail_msg("%s", fixture->error.message);
    return generation;
}

static void check_not_loaded(struct fixture *fixture, enum error_code code)
{
    struct generation *generation = NULL;
    fixture->error = (struct error)ERROR_INIT;
    assert_int_equal(generation_load(&fixture->places, 3, &fixture->settings, &generation, &fixture->error),
                     -1);
    assert_null(generation);
    assert_int_equal(fixture->error.code, code);
}

/* ---- MANIFEST ---- */

static struct manifest make_manifest(struct manifest_segment *segments, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        snprintf(segments[i].name, sizeof segments[i].name, "segment-%06zu", i);
        segments[i].documents = (uint32_t)i * 1000 + 7;
        segments[i].xapian = (struct segment_file){UINT64_C(5000000000) + i, UINT32_MAX};
        segments[i].rows = (struct segment_file){i, 1};
        segments[i].features = (struct segment_file){0, 0x80000000U + (uint32_t)i};
    }
    return (struct manifest){.generation = 12,
                             .identity = "0123456789abcdef",
                             .average_length = 312.25,
                             .epoch = 9,
                             .position = UINT64_C(4294967295),
                             .next_segment = 77,
                             .statistics = {123, 456},
                             .tombstones_number = 5,
                             .tombstones = {8, 9},
                             .segments = segments,
                             .segment_count = count};
}

static void a_manifest_comes_back(void **state)
{
    const struct fixture *fixture = *state;
    struct manifest_segment segments[3] = {0};
    struct manifest written = make_manifest(segments, 3), found;
    assert_int_equal(manifest_write(fixture->data, &written, NULL), 0);
    assert_int_equal(manifest_read(fixture->data, &found, NULL), 0);
    assert_int_equal(found.generation, 12);
    assert_string_equal(found.identity, written.identity);
    assert_true(fabs(found.average_length - 312.25) < 1e-9);
    assert_int_equal(found.epoch, 9);
    assert_true(found.position == written.position);
    assert_int_equal(found.next_segment, 77);
    assert_memory_equal(&found.statistics.size, &written.statistics.size, 8);
    assert_int_equal(found.statistics.crc, 456);
    assert_int_equal(found.tombstones_number, 5);
    assert_int_equal(found.tombstones.size, 8);
    assert_int_equal(found.segment_count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(found.segments[i].name, segments[i].name);
        assert_int_equal(found.segments[i].documents, segments[i].documents);
        assert_true(found.segments[i].xapian.size == segments[i].xapian.size);
        assert_int_equal(found.segments[i].xapian.crc, segments[i].xapian.crc);
        assert_int_equal(found.segments[i].rows.size, segments[i].rows.size);
        assert_int_equal(found.segments[i].features.crc, segments[i].features.crc);
    }
    manifest_release(&found);
    written.segment_count = 0;
    assert_int_equal(manifest_write(fixture->data, &written, NULL), 0);
    assert_int_equal(manifest_read(fixture->data, &found, NULL), 0);
    assert_int_equal(found.segment_count, 0);
    manifest_release(&found);
}

static void check_manifest(const struct fixture *fixture, enum error_code code)
{
    struct manifest found;
    struct error error = ERROR_INIT;
    assert_int_equal(manifest_read(fixture->data, &found, &error), -1);
    assert_int_equal(error.code, code);
    assert_null(found.segments);
}

static void write_plainly(const char *path, const char *bytes, size_t length)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static void a_damaged_manifest_is_refused(void **state)
{
    const struct fixture *fixture = *state;
    check_manifest(fixture, ERROR_NOT_FOUND);
    struct manifest_segment segments[2] = {0};
    struct manifest written = make_manifest(segments, 2), found;
    assert_int_equal(manifest_write(fixture->data, &written, NULL), 0);
    char *path = file_join(fixture->data, "MANIFEST");
    char *bytes;
    size_t length;
    assert_int_equal(file_read(path, 100000, &bytes, &length, NULL), 0);
    for (size_t cut = 0; cut < length; cut++) {
        write_plainly(path, bytes, cut);
        check_manifest(fixture, ERROR_UNAVAILABLE);
    }
    write_plainly(path, bytes, length);
    for (size_t at = 0; at < length; at++) {
        for (unsigned mask = 1; mask < 256; mask *= 2) {
            file_spoil(path, at, (unsigned char)mask);
            check_manifest(fixture, ERROR_UNAVAILABLE);
            file_spoil(path, at, (unsigned char)mask);
        }
    }
    assert_int_equal(manifest_read(fixture->data, &found, NULL), 0);
    manifest_release(&found);
    free(bytes);
    free(path);
}

/* ---- loading and saving ---- */

static void a_generation_comes_back(void **state)
{
    struct fixture *fixture = *state;
    const struct generation *old = fixture->generation;
    struct generation *generation = load(fixture);
    assert_int_equal(generation->number, 3);
    assert_string_equal(generation->identity, old->identity);
    assert_string_equal(generation->directory, old->directory);
    assert_true(generation->sealed_position == 300 && generation->position == 300);
    assert_int_equal(generation->next_segment, 3);
    assert_true(generation->average_guessed);
    assert_int_equal(generation->epoch->statistics.epoch, 1);
    assert_int_equal(generation->segment_count, 2);
    assert_int_equal(generation->segments[0]->slice->rows->first_docid, 1);
    assert_int_equal(generation->segments[1]->slice->rows->first_docid, 200);
    assert_string_equal(generation->segments[0]->name, "segment-000002");
    assert_null(generation_active(generation));
    generation_free(generation);
}

static void check_died(const struct generation *generation, size_t segment, uint32_t docid, uint32_t revision)
{
    const struct slice *slice = generation->segments[segment]->slice;
    uint32_t row = rows_find(slice->rows, docid);
    assert_int_not_equal(row, ROW_NONE);
    assert_int_equal(atomic_load(&slice->shared->died[row]), revision);
}

static void tombstones_come_back(void **state)
{
    struct fixture *fixture = *state;
    struct generation *generation = fixture->generation;
    assert_true(slice_kill(generation->segments[0]->slice, 5, 300));
    assert_true(slice_kill(generation->segments[1]->slice, 210, 299));
    assert_int_equal(generation_save(generation, NULL), 0);
    assert_true(is_there(fixture, "tombstones.2"));
    struct generation *again = load(fixture);
    check_died(again, 0, 5, 300);
    check_died(again, 1, 210, 299);
    check_died(again, 0, 7, NEVER_DIED);
    struct generation_figures figures;
    generation_figures(again, &figures);
    assert_int_equal(figures.rows, 80);
    assert_int_equal(figures.dead, 2);
    assert_int_equal(figures.documents, 80);
    assert_true(figures.words > 0);
    assert_true(slice_kill(again->segments[0]->slice, 9, 301));
    assert_int_equal(generation_save(again, NULL), 0);
    assert_false(is_there(fixture, "tombstones.2"));
    assert_true(is_there(fixture, "tombstones.3"));
    generation_free(again);
    char *path = path_in(fixture, "tombstones.3");
    file_spoil(path, 5, 4);
    check_not_loaded(fixture, ERROR_UNAVAILABLE);
    file_spoil(path, 5, 4);
    assert_int_equal(unlink(path), 0);
    check_not_loaded(fixture, ERROR_NOT_FOUND);
    free(path);
}

/* A MANIFEST that could not be synced may be on the disk all the same: what it names must stay as it is. */
static void a_failed_save_keeps_its_number(void **state)
{
    struct fixture *fixture = *state;
    struct generation *generation = fixture->generation;
    char *manifest = path_in(fixture, "MANIFEST");
    char *aside = path_in(fixture, "aside");
    assert_int_equal(rename(manifest, aside), 0);
    assert_int_equal(mkdir(manifest, 0700), 0);
    assert_true(slice_kill(generation->segments[0]->slice, 5, 300));
    assert_int_equal(generation_save(generation, NULL), -1);
    assert_true(is_there(fixture, "tombstones.2"));
    assert_int_equal(rmdir(manifest), 0);
    assert_int_equal(rename(aside, manifest), 0);
    assert_true(slice_kill(generation->segments[1]->slice, 210, 301));
    assert_int_equal(generation_save(generation, NULL), 0);
    assert_true(is_there(fixture, "tombstones.3"));
    assert_false(is_there(fixture, "tombstones.2"));
    struct generation *again = load(fixture);
    check_died(again, 0, 5, 300);
    check_died(again, 1, 210, 301);
    generation_free(again);
    free(manifest);
    free(aside);
}

static void damaged_files_are_noticed(void **state)
{
    struct fixture *fixture = *state;
    static const char *const names[] = {"statistics.1", "segment-000001/rows", "segment-000002/features.1",
                                        "segment-000001/xapian", "MANIFEST"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char *path = path_in(fixture, names[i]);
        size_t middle = file_size(path) / 2;
        file_spoil(path, middle, 0x10);
        check_not_loaded(fixture, ERROR_UNAVAILABLE);
        file_spoil(path, middle, 0x10);
        free(path);
    }
    generation_free(load(fixture));
    assert_int_equal(file_remove_tree(fixture->generation->segments[0]->place->directory, NULL), 0);
    struct generation *generation = NULL;
    assert_int_equal(generation_load(&fixture->places, 3, &fixture->settings, &generation, &fixture->error),
                     -1);
    assert_int_equal(generation_load(&fixture->places, 4, &fixture->settings, &generation, &fixture->error),
                     -1);
    assert_int_equal(fixture->error.code, ERROR_NOT_FOUND);
}

static void leftovers_are_removed(void **state)
{
    struct fixture *fixture = *state;
    add_segment(fixture, 400, 10); /* never saved */
    assert_true(is_there(fixture, "segment-000003"));
    static const char *const names[] = {"statistics.2", "tombstones.9", "segment-000009", "MANIFEST.new"};
    for (size_t i = 0; i < 4; i++) {
        char *path = path_in(fixture, names[i]);
        assert_int_equal(file_replace(path, "x", 1, NULL), 0);
        free(path);
    }
    struct generation *generation = load(fixture);
    assert_int_equal(generation->segment_count, 2);
    for (size_t i = 0; i < 4; i++)
        assert_false(is_there(fixture, names[i]));
    assert_false(is_there(fixture, "segment-000003"));
    assert_true(is_there(fixture, "segment-000001") && is_there(fixture, "segment-000002"));
    assert_true(is_there(fixture, "statistics.1"));
    generation_free(generation);
}

/* A file that the MANIFEST on disk counts on stays until there is another MANIFEST. */
static void retired_segments_go_with_the_next_manifest(void **state)
{
    struct fixture *fixture = *state;
    struct generation *generation = fixture->generation;
    generation_retire(generation, generation->segments[0]->place);
    generation_replace_segments(generation, 0, 1, NULL);
    assert_int_equal(generation->segment_count, 1);
    assert_true(is_there(fixture, "segment-000002"));
    assert_int_equal(generation_save(generation, NULL), 0);
    assert_false(is_there(fixture, "segment-000002"));
    struct generation *again = load(fixture);
    assert_int_equal(again->segment_count, 1);
    generation_free(again);
}

static void the_live_generation_has_a_number(void **state)
{
    struct fixture *fixture = *state;
    uint32_t number = 99;
    assert_int_equal(generation_live_number(fixture->data, &number, NULL), 0);
    assert_int_equal(number, 0);
    assert_int_equal(generation_last_number(fixture->data), 3);
    assert_int_equal(generation_make_live(fixture->generation, NULL), 0);
    assert_int_equal(generation_live_number(fixture->data, &number, NULL), 0);
    assert_int_equal(number, 3);
    static const char *const bad[] = {"", "\n", "3", "x\n", "3x\n", "0\n", "-1\n", "99999999999999999999\n"};
    char *path = file_join(fixture->data, "live");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(file_replace(path, bad[i], strlen(bad[i]), NULL), 0);
        if (generation_live_number(fixture->data, &number, &fixture->error) != -1)
            fail_msg("\"%s\" is %u", bad[i], number);
        assert_int_equal(fixture->error.code, ERROR_UNAVAILABLE);
    }
    free(path);
}

/* ---- changes ---- */

static struct slice *newest_with_older(struct generation *generation, uint32_t *docid, uint32_t *older,
                                       char id[16])
{
    const struct rows *rows = generation->segments[0]->slice->rows;
    for (uint32_t row = rows->count; row-- > 1;) {
        for (uint32_t before = 0; before < row; before++) {
            size_t length, before_length;
            const char *text = rows_id(rows, row, &length);
            const char *other = rows_id(rows, before, &before_length);
            if (length == before_length && memcmp(text, other, length) == 0) {
                snprintf(id, 16, "%.*s", (int)length, text);
                *docid = rows->docids[row];
                *older = rows->docids[before];
                return generation->segments[0]->slice;
            }
        }
    }
    fail_msg("no article with two versions");
    return NULL;
}

static void a_change_buries_the_version_before(void **state)
{
    struct fixture *fixture = *state;
    struct generation *generation = fixture->generation;
    uint32_t docid, older;
    char id[16];
    newest_with_older(generation, &docid, &older, id);
    struct store_change change = {.revision = docid, .previous = older};
    generation_apply(generation, &change, id);
    check_died(generation, 0, older, docid);
    check_died(generation, 0, docid, NEVER_DIED);
    generation_apply(generation, &change, id);
    assert_int_equal(atomic_load(&generation->segments[0]->slice->shared->dead), 1);
    /* a version that is not here buries nothing, a deletion does */
    struct store_change later = {.revision = 5000, .previous = docid};
    generation_apply(generation, &later, id);
    check_died(generation, 0, docid, NEVER_DIED);
    later.deleted = true;
    generation_apply(generation, &later, id);
    check_died(generation, 0, docid, 5000);
}

/* ---- what queries see ---- */

static void a_snapshot_finds_living_articles(void **state)
{
    struct fixture *fixture = *state;
    struct generation *generation = fixture->generation;
    struct index index = {.snapshots_alive = 1};
    pthread_mutex_init(&index.lock, NULL);
    pthread_cond_init(&index.changed, NULL);
    uint32_t docid, older;
    char id[16];
    struct slice *slice = newest_with_older(generation, &docid, &older, id);
    generation->position = 1000;
    slice_kill(slice, docid, 1000);
    struct snapshot *snapshot = generation_snapshot(generation, &index);
    assert_int_equal(snapshot->articles, 79);
    assert_true(snapshot->has_dead);
    assert_int_equal(snapshot->slice_count, 2);
    assert_int_equal(snapshot->source_count, 2);
    struct row_place place;
    assert_false(snapshot_find_docid(snapshot, docid, &place));
    assert_true(snapshot_find_docid(snapshot, older, &place));
    assert_ptr_equal(place.slice, slice);
    assert_int_equal(slice->rows->docids[place.row], older);
    assert_true(snapshot_find_docid(snapshot, 278, &place));
    assert_int_equal(place.slice_number, 1);
    assert_int_equal(place.row, 39);
    static const uint32_t strangers[] = {0, 2, 80, 150, 199, 201, 279, 100000};
    for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++)
        assert_false(snapshot_find_docid(snapshot, strangers[i], &place));
    for (uint32_t i = 0; i < 30; i++) { /* the newest living version of each id */
        uint32_t newest = 0;
        size_t length = (size_t)snprintf(id, sizeof id, "a%u", i), found_length;
        for (size_t j = 0; j < 2; j++)
            for (uint32_t row = 0; row < 40; row++) {
                const char *found = rows_id(snapshot->slices[j]->rows, row, &found_length);
                if (found_length == length && memcmp(found, id, length) == 0 &&
                    snapshot->slices[j]->rows->docids[row] != docid)
                    newest = snapshot->slices[j]->rows->docids[row];
            }
        assert_int_equal(snapshot_find_id(snapshot, id, length, &place), newest != 0);
        if (newest != 0)
            assert_int_equal(place.slice->rows->docids[place.row], newest);
    }
    snapshot_release(snapshot_retain(snapshot));
    assert_int_equal(index.snapshots_alive, 1);
    snapshot_release(snapshot);
    assert_int_equal(index.snapshots_alive, 0);
    pthread_mutex_destroy(&index.lock);
    pthread_cond_destroy(&index.changed);
}

static void a_discarded_generation_leaves_no_segment(void **state)
{
    struct fixture *fixture = *state;
    struct segment_place *read = segment_place_retain(fixture->generation->segments[0]->place);
    generation_discard(fixture->generation);
    assert_false(is_there(fixture, "MANIFEST"));
    char *directory = memory_copy_string(fixture->generation->directory);
    generation_free(fixture->generation);
    fixture->generation = NULL;
    char *first = file_join(directory, "segment-000001"), *second = file_join(directory, "segment-000002");
    assert_int_equal(access(first, F_OK), -1);
    assert_int_equal(access(second, F_OK), 0); /* somebody still reads it */
    segment_place_release(read);
    assert_int_equal(access(second, F_OK), -1);
    free(first);
    free(second);
    free(directory);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_manifest_comes_back),
        TEST(a_damaged_manifest_is_refused),
        TEST(a_generation_comes_back),
        TEST(tombstones_come_back),
        TEST(a_failed_save_keeps_its_number),
        TEST(damaged_files_are_noticed),
        TEST(leftovers_are_removed),
        TEST(retired_segments_go_with_the_next_manifest),
        TEST(the_live_generation_has_a_number),
        TEST(a_change_buries_the_version_before),
        TEST(a_snapshot_finds_living_articles),
        TEST(a_discarded_generation_leaves_no_segment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
