#include "index/slice.h"

#include "base/memory.h"
#include "base/prefetch.h"

#include <stdlib.h>
#include <string.h>

struct image_bytes image_bytes_of_block(char *block, size_t length)
{
    return (struct image_bytes){.block = block, .data = block, .length = length};
}

int image_bytes_of_file(const char *path, struct image_bytes *bytes, struct error *error)
{
    *bytes = (struct image_bytes){.block = NULL};
    if (file_map(path, &bytes->map, error) != 0)
        return -1;
    bytes->data = bytes->map.data;
    bytes->length = bytes->map.length;
    return 0;
}

void image_bytes_release(struct image_bytes *bytes)
{
    free(bytes->block);
    file_unmap(&bytes->map);
    *bytes = (struct image_bytes){.block = NULL};
}

void slice_images(struct rows_builder *row_builder, struct features_builder *feature_builder,
                  struct image_bytes *rows, struct image_bytes *features)
{
    size_t length;
    char *block = rows_builder_finish(row_builder, &length);
    *rows = image_bytes_of_block(block, length);
    struct rows finished;
    if (rows_open(rows->data, rows->length, &finished, NULL) != 0)
        finished.dated = 0; /* slice_new() will say why */
    block = features_builder_finish(feature_builder, finished.by_date, finished.dated, &length);
    *features = image_bytes_of_block(block, length);
}

static void rows_release(struct slice_rows *shared)
{
    if (shared == NULL || atomic_fetch_sub(&shared->references, 1) != 1)
        return;
    image_bytes_release(&shared->bytes);
    free(shared->died);
    free(shared->views);
    free(shared->dead_by_date);
    free(shared->date_marks);
    free(shared);
}

static int64_t date_at(const struct rows *rows, uint32_t position)
{
    return rows->published[rows->by_date[position]];
}

/* Rows lie in the order of their docids: to look for a date among them alone would read a line of memory, or
 * two, at each step. */
static void mark_dates(struct slice_rows *shared)
{
    size_t count = (size_t)shared->rows.dated / DATE_MARK + 1;
    shared->date_marks = memory_allocate(count * sizeof *shared->date_marks);
    for (uint32_t position = 0; position < shared->rows.dated; position += DATE_MARK)
        shared->date_marks[position / DATE_MARK] = date_at(&shared->rows, position);
}

static struct slice_rows *rows_new(struct image_bytes bytes, struct error *error)
{
    struct slice_rows *shared = memory_zeroed(1, sizeof *shared);
    atomic_init(&shared->references, 1);
    shared->bytes = bytes;
    if (rows_open(bytes.data, bytes.length, &shared->rows, error) != 0) {
        rows_release(shared);
        return NULL;
    }
    size_t count = shared->rows.count;
    shared->died = memory_allocate(count * sizeof *shared->died);
    shared->views = memory_allocate(count * sizeof *shared->views);
    for (size_t row = 0; row < count; row++) {
        atomic_init(&shared->died[row], NEVER_DIED);
        atomic_init(&shared->views[row], shared->rows.views[row]);
    }
    shared->dead_by_date = memory_zeroed((size_t)shared->rows.dated / 64 + 1, sizeof *shared->dead_by_date);
    mark_dates(shared);
    return shared;
}

static void mark_copies(struct slice *slice)
{
    const struct rows *rows = slice->rows;
    slice->copies_by_date = memory_zeroed(slice_date_words(slice) + 1, sizeof *slice->copies_by_date);
    for (uint32_t row = 0; row < rows->count; row++) {
        uint32_t position =
            features_original(&slice->features, row) != 0 ? rows_date_position(rows, row) : ROW_NONE;
        if (position != ROW_NONE)
            slice->copies_by_date[position / 64] |= UINT64_C(1) << (position % 64);
    }
}

/* Steals the reference to `shared` and the bytes. */
static int make(struct slice_rows *shared, struct image_bytes features, struct slice **result,
                struct error *error)
{
    struct slice *slice = memory_zeroed(1, sizeof *slice);
    atomic_init(&slice->references, 1);
    slice->shared = shared;
    slice->rows = &shared->rows;
    slice->feature_bytes = features;
    if (features_open(features.data, features.length, &slice->features, error) != 0) {
        slice_release(slice);
        return -1;
    }
    if (slice->features.row_count != shared->rows.count ||
        slice->features.timeline.positions != shared->rows.dated) {
        error_set(error, ERROR_UNAVAILABLE,
                  "damaged index file: %u rows but features of %u, %u dated but a timeline of %u",
                  shared->rows.count, slice->features.row_count, shared->rows.dated,
                  slice->features.timeline.positions);
        slice_release(slice);
        return -1;
    }
    mark_copies(slice);
    *result = slice;
    return 0;
}

int slice_new(struct image_bytes rows, struct image_bytes features, struct slice **slice, struct error *error)
{
    struct slice_rows *shared = rows_new(rows, error);
    if (shared == NULL) {
        image_bytes_release(&features);
        return -1;
    }
    return make(shared, features, slice, error);
}

int slice_with_features(struct slice *old, struct image_bytes features, struct slice **slice,
                        struct error *error)
{
    atomic_fetch_add(&old->shared->references, 1);
    return make(old->shared, features, slice, error);
}

struct slice *slice_retain(struct slice *slice)
{
    atomic_fetch_add(&slice->references, 1);
    return slice;
}

void slice_release(struct slice *slice)
{
    if (slice == NULL || atomic_fetch_sub(&slice->references, 1) != 1)
        return;
    image_bytes_release(&slice->feature_bytes);
    free(slice->copies_by_date);
    rows_release(slice->shared);
    free(slice);
}

/* ---- dates ---- */

struct date_search slice_date_search(const struct slice *slice, uint32_t low, uint32_t high,
                                     int64_t published)
{
    struct date_search search = {slice->rows, published, low, high};
    const int64_t *marks = slice->shared->date_marks;
    uint32_t first = low / DATE_MARK + (low % DATE_MARK != 0);
    uint32_t end = high / DATE_MARK + (high % DATE_MARK != 0);
    while (first < end) {
        uint32_t middle = first + (end - first) / 2;
        if (marks[middle] < published) {
            search.low = middle * DATE_MARK + 1;
            first = middle + 1;
        } else {
            search.high = middle * DATE_MARK;
            end = middle;
        }
    }
    prefetch(&slice->rows->by_date[search.low]);
    return search;
}

/* Rows with neighbouring dates are mostly neighbours: they came at about the same time. */
void date_search_prefetch(const struct date_search *search)
{
    if (search->low < search->high)
        prefetch(
            &search->rows->published[search->rows->by_date[search->low + (search->high - search->low) / 2]]);
}

uint32_t date_search_finish(const struct date_search *search)
{
    uint32_t low = search->low;
    uint32_t high = search->high;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (date_at(search->rows, middle) < search->published)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint32_t slice_dated_before(const struct slice *slice, uint32_t low, uint32_t high, int64_t published)
{
    struct date_search search = slice_date_search(slice, low, high, published);
    return date_search_finish(&search);
}

bool slice_kill(struct slice *slice, uint32_t docid, uint32_t revision)
{
    uint32_t row = rows_find(slice->rows, docid);
    if (row == ROW_NONE || atomic_load(&slice->shared->died[row]) != NEVER_DIED)
        return false;
    atomic_store(&slice->shared->died[row], revision);
    atomic_fetch_add(&slice->shared->dead, 1);
    uint32_t position = rows_date_position(slice->rows, row);
    if (position != ROW_NONE)
        atomic_fetch_or(&slice->shared->dead_by_date[position / 64], UINT64_C(1) << (position % 64));
    return true;
}

void slice_inherit(struct slice *slice, const struct slice *old)
{
    for (uint32_t row = 0; row < old->rows->count; row++) {
        uint32_t docid = old->rows->docids[row];
        uint32_t mine = rows_find(slice->rows, docid);
        if (mine == ROW_NONE)
            continue;
        atomic_store(&slice->shared->views[mine], atomic_load(&old->shared->views[row]));
        uint32_t died = atomic_load(&old->shared->died[row]);
        if (died != NEVER_DIED)
            slice_kill(slice, docid, died);
    }
}

void slices_join(struct slice *const *slices, size_t count, uint64_t revision,
                 const struct statistics *statistics, struct image_bytes *rows, struct image_bytes *features)
{
    struct rows_builder *row_builder = rows_builder_new();
    struct features_builder *feature_builder = features_builder_new(statistics);
    struct feature_vector vector = {0};
    for (size_t i = 0; i < count; i++) {
        for (uint32_t row = 0; row < slices[i]->rows->count; row++) {
            if (!slice_row_lives(slices[i], row, revision))
                continue;
            rows_builder_copy(row_builder, slices[i]->rows, row, slice_row_views(slices[i], row));
            features_vector(&slices[i]->features, row, &vector);
            features_builder_add(feature_builder, &vector, features_original(&slices[i]->features, row));
        }
    }
    feature_vector_release(&vector);
    slice_images(row_builder, feature_builder, rows, features);
    rows_builder_free(row_builder);
    features_builder_free(feature_builder);
}
