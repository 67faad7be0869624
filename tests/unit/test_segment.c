#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/memory.h"
#include "corpus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROWS 60

/* A generation's directory with one segment in it. */
struct fixture {
    char *directory;
    struct epoch *epoch;
    struct segment *segment;
    struct error error;
};

static struct segment *make_segment(struct fixture *fixture, const char *name, uint64_t seed)
{
    struct random random = {.state = seed};
    struct pile pile;
    char *database = file_join(fixture->directory, name);
    database = memory_resize(database, strlen(database) + 10, 1);
    strcat(database, ".writing");
    pile_begin(&pile, fixture->epoch, database);
    pile_add_random(&pile, &random, 100, 2, ROWS, 1000);
    free(database);
    return pile_finish_segment(&pile, fixture->directory, name);
}

static int set_up(void **state)
{
    struct fixture *fixture = memory_zeroed(1, sizeof *fixture);
    fixture->directory = directory_new();
    fixture->epoch = epoch_of(3, 0, NULL, NULL, 0);
    fixture->segment = make_segment(fixture, "one", 31);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    segment_release(fixture->segment);
    epoch_release(fixture->epoch);
    directory_drop(fixture->directory);
    free(fixture);
    return 0;
}

static char *path_in(const struct fixture *fixture, const char *name)
{
    return file_join(fixture->segment->place->directory, name);
}

static const char *const file_names[] = {"xapian", "rows", "features.3"};

static void a_segment_comes_back(void **state)
{
    struct fixture *fixture = *state;
    struct segment *again = NULL;
    assert_int_equal(segment_open(fixture->directory, "one", 3, fixture->segment, &again, NULL), 0);
    assert_string_equal(again->name, "one");
    assert_int_equal(again->documents, ROWS);
    assert_int_equal(again->slice->rows->count, ROWS);
    assert_int_equal(again->slice->rows->first_docid, 100);
    assert_int_equal(again->slice->features.row_count, ROWS);
    assert_int_equal(again->slice->features.epoch, 3);
    const struct segment_file *files[] = {&again->xapian, &again->rows, &again->features};
    for (size_t i = 0; i < 3; i++) {
        char *path = path_in(fixture, file_names[i]);
        uint32_t crc;
        uint64_t size;
        assert_int_equal(file_checksum(path, &crc, &size, NULL), 0);
        assert_int_equal(files[i]->crc, crc);
        assert_true(files[i]->size == size && size > 0);
        free(path);
    }
    assert_true(again->place->key != fixture->segment->place->key);
    segment_release(again);
}

static void its_documents_are_those_of_its_rows(void **state)
{
    struct fixture *fixture = *state;
    struct segment *segment = fixture->segment;
    struct xapian_source source = {segment->place->key, 0, segment->place->xapian_path, segment->documents};
    struct query *query = query_of("");
    size_t count;
    uint32_t *docids = docids_matching(&source, 1, query->root, &count);
    assert_int_equal(count, ROWS);
    assert_memory_equal(docids, segment->slice->rows->docids, ROWS * sizeof *docids);
    free(docids);
    query_free(query);
}

static void check_refused(struct fixture *fixture, const struct segment *expected, const char *why)
{
    struct segment *segment = NULL;
    fixture->error = (struct error)ERROR_INIT;
    assert_int_equal(segment_open(fixture->directory, "one", 3, expected, &segment, &fixture->error), -1);
    assert_null(segment);
    if (strstr(fixture->error.message, why) == NULL || strstr(fixture->error.message, "segment one") == NULL)
        fail_msg("\"%s\" does not say \"%s\"", fixture->error.message, why);
}

static void a_changed_byte_is_noticed(void **state)
{
    struct fixture *fixture = *state;
    struct random random = {.state = 32};
    for (size_t i = 0; i < 3; i++) {
        char *path = path_in(fixture, file_names[i]);
        uint32_t size = (uint32_t)file_size(path);
        for (int round = 0; round < 20; round++) {
            size_t offset = round == 0 ? 0 : round == 1 ? size - 1 : random_below(&random, size);
            file_spoil(path, offset, (unsigned char)(1U << (round % 8)));
            check_refused(fixture, fixture->segment, "checksum");
            assert_int_equal(fixture->error.code, ERROR_UNAVAILABLE);
            file_spoil(path, offset, (unsigned char)(1U << (round % 8)));
        }
        free(path);
    }
    struct segment *again = NULL;
    assert_int_equal(segment_open(fixture->directory, "one", 3, fixture->segment, &again, NULL), 0);
    segment_release(again);
}

/* Of an open segment, too: before its database is read as a whole. */
static void damage_since_it_was_opened_is_noticed(void **state)
{
    struct fixture *fixture = *state;
    struct error error = ERROR_INIT;
    char *path = path_in(fixture, "xapian");
    assert_int_equal(segment_check(fixture->segment, &error), 0);
    file_spoil(path, (size_t)file_size(path) / 2, 1);
    assert_int_equal(segment_check(fixture->segment, &error), -1);
    assert_non_null(strstr(error.message, "checksum"));
    file_spoil(path, (size_t)file_size(path) / 2, 1);
    assert_int_equal(segment_check(fixture->segment, &error), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(segment_check(fixture->segment, &error), -1);
    free(path);
}

static void a_wrong_size_is_noticed(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < 3; i++) {
        struct segment expected = {.xapian = fixture->segment->xapian,
                                   .rows = fixture->segment->rows,
                                   .features = fixture->segment->features};
        struct segment_file *files[] = {&expected.xapian, &expected.rows, &expected.features};
        files[i]->size++;
        check_refused(fixture, &expected, "damaged");
        assert_int_equal(fixture->error.code, ERROR_UNAVAILABLE);
    }
}

static void a_truncated_file_is_noticed(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < 3; i++) {
        char *path = path_in(fixture, file_names[i]);
        char *bytes;
        size_t length;
        assert_int_equal(file_read(path, SIZE_MAX / 2, &bytes, &length, NULL), 0);
        static const size_t parts[] = {0, 1, 2, 3};
        for (size_t part = 0; part < 4; part++) {
            assert_int_equal(truncate(path, (off_t)(length * parts[part] / 4)), 0);
            check_refused(fixture, fixture->segment, "damaged");
        }
        assert_int_equal(file_replace(path, bytes, length, NULL), 0);
        free(bytes);
        free(path);
    }
}

/* Without the MANIFEST's figures, as after writing, the images must notice by themselves. */
static void a_truncated_image_is_an_error_without_figures_too(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 1; i < 3; i++) {
        char *path = path_in(fixture, file_names[i]);
        char *bytes;
        size_t length;
        assert_int_equal(file_read(path, SIZE_MAX / 2, &bytes, &length, NULL), 0);
        assert_int_equal(truncate(path, (off_t)(length / 2)), 0);
        check_refused(fixture, NULL, "damaged");
        assert_int_equal(truncate(path, 0), 0);
        check_refused(fixture, NULL, "damaged");
        assert_int_equal(file_replace(path, bytes, length, NULL), 0);
        free(bytes);
        free(path);
    }
}

static void a_missing_file_is_an_error(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < 3; i++) {
        char *path = path_in(fixture, file_names[i]);
        struct buffer away = BUFFER_INIT;
        buffer_printf(&away, "%s.away", path);
        assert_int_equal(rename(path, away.data), 0);
        check_refused(fixture, fixture->segment, file_names[i]);
        check_refused(fixture, NULL, file_names[i]);
        assert_int_equal(rename(away.data, path), 0);
        buffer_release(&away);
        free(path);
    }
    struct segment *segment = NULL;
    assert_int_equal(segment_open(fixture->directory, "two", 3, NULL, &segment, &fixture->error), -1);
    assert_int_equal(segment_open(fixture->directory, "one", 4, NULL, &segment, &fixture->error), -1);
}

static void images_of_two_segments_do_not_fit(void **state)
{
    struct fixture *fixture = *state;
    struct random random = {.state = 33};
    struct slice *other = slice_at_random(&random, fixture->epoch, 100, 2, ROWS + 1);
    char *path = path_in(fixture, "features.3");
    assert_int_equal(file_replace(path, other->feature_bytes.data, other->feature_bytes.length, NULL), 0);
    check_refused(fixture, NULL, "60 rows but features of 61");
    slice_release(other);
    free(path);
}

static void creating_from_no_database_leaves_nothing(void **state)
{
    struct fixture *fixture = *state;
    char *directory = file_join(fixture->directory, "new");
    char *missing = file_join(fixture->directory, "missing");
    const char *source = missing;
    const struct slice *slice = fixture->segment->slice;
    assert_int_equal(segment_create(directory, &source, 1, &slice->shared->bytes, &slice->feature_bytes, 3,
                                    &fixture->error),
                     -1);
    assert_true(fixture->error.message[0] != '\0');
    assert_int_equal(access(directory, F_OK), -1);
    free(directory);
    free(missing);
}

/* What an interrupted attempt left under the name is gone afterwards. */
static void creating_replaces_what_is_there(void **state)
{
    struct fixture *fixture = *state;
    char *directory = file_join(fixture->directory, "again");
    char *leftover = file_join(directory, "leftover");
    assert_int_equal(file_make_directory(directory, NULL), 0);
    assert_int_equal(file_replace(leftover, "x", 1, NULL), 0);
    struct segment *segment = make_segment(fixture, "again", 34);
    assert_int_equal(access(leftover, F_OK), -1);
    assert_int_equal(segment->slice->rows->count, ROWS);
    segment_release(segment);
    free(leftover);
    free(directory);
}

static void a_new_epoch_shares_the_rows(void **state)
{
    struct fixture *fixture = *state;
    struct segment *old = fixture->segment;
    struct segment *segment = NULL;
    assert_int_equal(segment_with_features(old, 4, &segment, &fixture->error), -1);
    char *path = segment_features_path(old->place->directory, 4);
    const struct image_bytes *bytes = &old->slice->feature_bytes;
    assert_int_equal(file_replace(path, bytes->data, bytes->length, NULL), 0);
    assert_int_equal(segment_with_features(old, 4, &segment, NULL), 0);
    assert_ptr_equal(segment->place, old->place);
    assert_ptr_equal(segment->slice->rows, old->slice->rows);
    assert_int_equal(segment->xapian.crc, old->xapian.crc);
    assert_int_equal(segment->rows.crc, old->rows.crc);
    assert_int_equal(segment->features.crc, old->features.crc);
    assert_int_equal(segment->documents, ROWS);
    segment_release(segment);
    assert_int_equal(access(old->place->xapian_path, F_OK), 0);
    free(path);
}

static void an_obsolete_segment_goes_with_its_last_reference(void **state)
{
    struct fixture *fixture = *state;
    struct segment *segment = make_segment(fixture, "old", 35);
    struct segment_place *place = segment_place_retain(segment->place);
    char *directory = memory_copy_string(place->directory);
    segment_release(segment_retain(segment));
    atomic_store(&place->obsolete, true);
    segment_release(segment);
    assert_int_equal(access(directory, F_OK), 0); /* a search still may open it */
    segment_place_release(place);
    assert_int_equal(access(directory, F_OK), -1);
    free(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_segment_comes_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(its_documents_are_those_of_its_rows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_changed_byte_is_noticed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damage_since_it_was_opened_is_noticed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_wrong_size_is_noticed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_truncated_file_is_noticed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_truncated_image_is_an_error_without_figures_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_missing_file_is_an_error, set_up, tear_down),
        cmocka_unit_test_setup_teardown(images_of_two_segments_do_not_fit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(creating_from_no_database_leaves_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(creating_replaces_what_is_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_new_epoch_shares_the_rows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_obsolete_segment_goes_with_its_last_reference, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
