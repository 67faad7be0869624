#include "index/snapshot.h"

#include "base/hash.h"
#include "base/memory.h"
#include "index/index_private.h"

#include <stdlib.h>

int epoch_new(struct image_bytes bytes, struct epoch **result, struct error *error)
{
    struct epoch *epoch = memory_zeroed(1, sizeof *epoch);
    atomic_init(&epoch->references, 1);
    epoch->bytes = bytes;
    if (statistics_open(bytes.data, bytes.length, &epoch->statistics, error) != 0) {
        epoch_release(epoch);
        return -1;
    }
    *result = epoch;
    return 0;
}

struct epoch *epoch_retain(struct epoch *epoch)
{
    atomic_fetch_add(&epoch->references, 1);
    return epoch;
}

void epoch_release(struct epoch *epoch)
{
    if (epoch == NULL || atomic_fetch_sub(&epoch->references, 1) != 1)
        return;
    image_bytes_release(&epoch->bytes);
    free(epoch);
}

struct snapshot *snapshot_retain(struct snapshot *snapshot)
{
    atomic_fetch_add(&snapshot->references, 1);
    return snapshot;
}

void snapshot_release(struct snapshot *snapshot)
{
    if (snapshot == NULL || atomic_fetch_sub(&snapshot->references, 1) != 1)
        return;
    for (size_t i = 0; i < snapshot->slice_count; i++)
        slice_release(snapshot->slices[i]);
    for (size_t i = 0; i < snapshot->source_count; i++)
        segment_place_release(snapshot->places[i]);
    epoch_release(snapshot->epoch);
    struct index *index = snapshot->index;
    free(snapshot->slices);
    free(snapshot->sources);
    free(snapshot->places);
    free(snapshot);
    index_snapshot_gone(index);
}

bool snapshot_find_docid(const struct snapshot *snapshot, uint32_t docid, struct row_place *place)
{
    size_t low = 0;
    size_t high = snapshot->slice_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (snapshot->slices[middle]->rows->last_docid < docid)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == snapshot->slice_count)
        return false;
    struct slice *slice = snapshot->slices[low];
    uint32_t row = rows_find(slice->rows, docid);
    if (row == ROW_NONE || !slice_row_lives(slice, row, snapshot->revision))
        return false;
    *place = (struct row_place){slice, (uint32_t)low, row};
    return true;
}

struct living {
    const struct slice *slice;
    uint64_t revision;
};

static bool lives(void *context, uint32_t row)
{
    const struct living *living = context;
    return slice_row_lives(living->slice, row, living->revision);
}

bool snapshot_find_id(const struct snapshot *snapshot, const char *id, size_t length, struct row_place *place)
{
    uint64_t hash = hash_bytes(id, length);
    for (size_t i = snapshot->slice_count; i-- > 0;) {
        struct slice *slice = snapshot->slices[i];
        struct living living = {slice, snapshot->revision};
        uint32_t row = rows_find_id(slice->rows, id, length, hash, lives, &living);
        if (row != ROW_NONE) {
            *place = (struct row_place){slice, (uint32_t)i, row};
            return true;
        }
    }
    return false;
}
