#include "index/segment.h"

#include "base/log.h"
#include "base/memory.h"
#include "index/xapian.h"

#include <stdlib.h>

struct segment_place *segment_place_new(const char *directory, const char *xapian_path)
{
    static _Atomic uint64_t next_key = 1;
    struct segment_place *place = memory_zeroed(1, sizeof *place);
    atomic_init(&place->references, 1);
    place->directory = memory_copy_string(directory);
    place->xapian_path = memory_copy_string(xapian_path);
    place->key = atomic_fetch_add(&next_key, 1);
    return place;
}

struct segment_place *segment_place_retain(struct segment_place *place)
{
    atomic_fetch_add(&place->references, 1);
    return place;
}

void segment_place_release(struct segment_place *place)
{
    if (place == NULL || atomic_fetch_sub(&place->references, 1) != 1)
        return;
    if (atomic_load(&place->obsolete)) {
        struct error error = ERROR_INIT;
        if (file_remove_tree(place->directory, &error) != 0)
            log_warning("a segment that is not needed any more stays on disk: %s", error.message);
    }
    free(place->directory);
    free(place->xapian_path);
    free(place);
}

char *segment_xapian_path(const char *directory)
{
    return file_join(directory, "xapian");
}

char *segment_rows_path(const char *directory)
{
    return file_join(directory, "rows");
}

char *segment_features_path(const char *directory, uint32_t epoch)
{
    struct buffer path = BUFFER_INIT;
    buffer_printf(&path, "%s/features.%u", directory, epoch);
    return buffer_steal(&path);
}

int segment_create(const char *directory, const char *const *xapian_sources, size_t source_count,
                   const struct image_bytes *rows, const struct image_bytes *features, uint32_t epoch,
                   struct error *error)
{
    char *xapian_path = segment_xapian_path(directory);
    char *rows_path = segment_rows_path(directory);
    char *features_path = segment_features_path(directory, epoch);
    int failed = file_remove_tree(directory, error) != 0 || file_make_directory(directory, error) != 0 ||
                 xapian_compact(xapian_sources, source_count, xapian_path, error) != XAPIAN_OK ||
                 file_replace(rows_path, rows->data, rows->length, error) != 0 ||
                 file_replace(features_path, features->data, features->length, error) != 0;
    free(xapian_path);
    free(rows_path);
    free(features_path);
    if (failed) {
        file_remove_tree(directory, NULL);
        return -1;
    }
    return 0;
}

/* Checksums the file and compares it with what the MANIFEST says. */
static int check_file(const char *path, const struct segment_file *expected, struct segment_file *found,
                      struct error *error)
{
    if (file_checksum(path, &found->crc, &found->size, error) != 0)
        return -1;
    if (expected != NULL && (expected->crc != found->crc || expected->size != found->size))
        return error_set(error, ERROR_UNAVAILABLE,
                         "%s is damaged: its checksum is not the one in the MANIFEST", path);
    return 0;
}

static int open_slice(struct segment *segment, uint32_t epoch, const struct segment *expected,
                      struct error *error)
{
    char *rows_path = segment_rows_path(segment->place->directory);
    char *features_path = segment_features_path(segment->place->directory, epoch);
    struct image_bytes rows = {.block = NULL};
    struct image_bytes features = {.block = NULL};
    int result = -1;
    if (check_file(rows_path, expected != NULL ? &expected->rows : NULL, &segment->rows, error) == 0 &&
        check_file(features_path, expected != NULL ? &expected->features : NULL, &segment->features, error) ==
            0 &&
        image_bytes_of_file(rows_path, &rows, error) == 0) {
        if (image_bytes_of_file(features_path, &features, error) == 0)
            result = slice_new(rows, features, &segment->slice, error);
        else
            image_bytes_release(&rows);
    }
    free(rows_path);
    free(features_path);
    return result;
}

int segment_open(const char *generation_directory, const char *name, uint32_t epoch,
                 const struct segment *expected, struct segment **result, struct error *error)
{
    char *directory = file_join(generation_directory, name);
    char *xapian_path = segment_xapian_path(directory);
    struct segment *segment = memory_zeroed(1, sizeof *segment);
    atomic_init(&segment->references, 1);
    segment->place = segment_place_new(directory, xapian_path);
    segment->name = memory_copy_string(name);
    free(directory);
    free(xapian_path);
    uint32_t last_docid;
    /* Xapian notices only some kinds of damage: without the checksum it would give wrong answers, or crash */
    const struct segment_file *xapian = expected != NULL ? &expected->xapian : NULL;
    if (check_file(segment->place->xapian_path, xapian, &segment->xapian, error) != 0 ||
        open_slice(segment, epoch, expected, error) != 0 ||
        xapian_count(segment->place->xapian_path, &segment->documents, &last_docid, error) != XAPIAN_OK) {
        error_prefix(error, "segment %s", name);
        segment_release(segment);
        return -1;
    }
    *result = segment;
    return 0;
}

int segment_check(const struct segment *segment, struct error *error)
{
    struct segment_file found;
    return check_file(segment->place->xapian_path, &segment->xapian, &found, error);
}

int segment_with_features(struct segment *old, uint32_t epoch, struct segment **result, struct error *error)
{
    struct segment *segment = memory_zeroed(1, sizeof *segment);
    atomic_init(&segment->references, 1);
    segment->place = segment_place_retain(old->place);
    segment->name = memory_copy_string(old->name);
    segment->documents = old->documents;
    segment->xapian = old->xapian;
    segment->rows = old->rows;
    char *path = segment_features_path(old->place->directory, epoch);
    struct image_bytes features;
    int failed = check_file(path, NULL, &segment->features, error) != 0 ||
                 image_bytes_of_file(path, &features, error) != 0 ||
                 slice_with_features(old->slice, features, &segment->slice, error) != 0;
    free(path);
    if (failed) {
        segment_release(segment);
        return -1;
    }
    *result = segment;
    return 0;
}

struct segment *segment_retain(struct segment *segment)
{
    atomic_fetch_add(&segment->references, 1);
    return segment;
}

void segment_release(struct segment *segment)
{
    if (segment == NULL || atomic_fetch_sub(&segment->references, 1) != 1)
        return;
    slice_release(segment->slice);
    segment_place_release(segment->place);
    free(segment->name);
    free(segment);
}
