/* generation_parts.c - a generation's segments as they come and go, deaths, and the snapshots made of them.
 */
#include "index/generation.h"

#include "base/hash.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

struct hot *generation_active(const struct generation *generation)
{
    return generation->hot_count != 0 ? generation->hots[generation->hot_count - 1] : NULL;
}

void generation_add_hot(struct generation *generation, struct hot *hot)
{
    generation->hots = memory_resize(generation->hots, generation->hot_count + 1, sizeof(struct hot *));
    generation->hots[generation->hot_count++] = hot;
}

void generation_remove_hot(struct generation *generation, size_t number)
{
    hot_free(generation->hots[number]);
    generation->hot_count--;
    memmove(&generation->hots[number], &generation->hots[number + 1],
            (generation->hot_count - number) * sizeof(struct hot *));
}

void generation_add_segment(struct generation *generation, struct segment *segment)
{
    generation->segments =
        memory_resize(generation->segments, generation->segment_count + 1, sizeof(struct segment *));
    size_t at = generation->segment_count++;
    while (at > 0 &&
           generation->segments[at - 1]->slice->rows->first_docid > segment->slice->rows->first_docid) {
        generation->segments[at] = generation->segments[at - 1];
        at--;
    }
    generation->segments[at] = segment;
}

void generation_replace_segments(struct generation *generation, size_t first, size_t count,
                                 struct segment *segment)
{
    for (size_t i = first; i < first + count; i++)
        segment_release(generation->segments[i]);
    size_t kept = segment != NULL ? 1 : 0;
    if (segment != NULL)
        generation->segments[first] = segment;
    memmove(&generation->segments[first + kept], &generation->segments[first + count],
            (generation->segment_count - first - count) * sizeof(struct segment *));
    generation->segment_count -= count - kept;
}

void generation_retire(struct generation *generation, struct segment_place *place)
{
    generation->retired =
        memory_resize(generation->retired, generation->retired_count + 1, sizeof(struct segment_place *));
    generation->retired[generation->retired_count++] = segment_place_retain(place);
}

/* The slice that has a row for this docid, dead or alive; NULL if none has. */
static struct slice *slice_of(const struct generation *generation, uint32_t docid)
{
    for (size_t i = generation->hot_count; i-- > 0;)
        for (size_t j = generation->hots[i]->slice_count; j-- > 0;)
            if (rows_find(generation->hots[i]->slices[j]->rows, docid) != ROW_NONE)
                return generation->hots[i]->slices[j];
    for (size_t i = generation->segment_count; i-- > 0;)
        if (rows_find(generation->segments[i]->slice->rows, docid) != ROW_NONE)
            return generation->segments[i]->slice;
    return NULL;
}

bool generation_bury(struct generation *generation, uint32_t docid, uint32_t revision)
{
    struct slice *slice = slice_of(generation, docid);
    if (slice == NULL)
        return false;
    slice_kill(slice, docid, revision);
    copy_finder_forget(generation->copies, docid);
    return true;
}

struct older {
    struct slice *slice;
    uint32_t revision;
    struct copy_finder *copies;
};

static bool kill_older(void *context, uint32_t row)
{
    const struct older *older = context;
    uint32_t docid = older->slice->rows->docids[row];
    if (docid < older->revision) {
        slice_kill(older->slice, docid, older->revision);
        copy_finder_forget(older->copies, docid);
    }
    return false; /* all of them */
}

/* Every version of the article that is older than `revision`. */
static void bury_all(struct generation *generation, const char *id, uint32_t revision)
{
    size_t length = strlen(id);
    uint64_t hash = hash_bytes(id, length);
    for (size_t i = 0; i < generation->segment_count; i++) {
        struct older older = {generation->segments[i]->slice, revision, generation->copies};
        rows_find_id(older.slice->rows, id, length, hash, kill_older, &older);
    }
    for (size_t i = 0; i < generation->hot_count; i++) {
        for (size_t j = 0; j < generation->hots[i]->slice_count; j++) {
            struct older older = {generation->hots[i]->slices[j], revision, generation->copies};
            rows_find_id(older.slice->rows, id, length, hash, kill_older, &older);
        }
    }
}

void generation_apply(struct generation *generation, const struct store_change *change, const char *id)
{
    uint32_t revision = (uint32_t)change->revision;
    if (change->previous == 0 || (!change->deleted && slice_of(generation, revision) == NULL))
        return;
    /* a version that is here has buried those before it */
    if (!generation_bury(generation, (uint32_t)change->previous, revision))
        bury_all(generation, id, revision);
}

char *generation_new_segment_name(struct generation *generation)
{
    struct buffer name = BUFFER_INIT;
    buffer_printf(&name, "segment-%06u", generation->next_segment++);
    return buffer_steal(&name);
}

static void add_slice_figures(const struct slice *slice, struct generation_figures *figures)
{
    figures->rows += slice->rows->count;
    figures->dead += atomic_load(&slice->shared->dead);
    for (uint32_t row = 0; row < slice->rows->count; row++)
        figures->words += slice->rows->lengths[row];
}

void generation_figures(const struct generation *generation, struct generation_figures *figures)
{
    memset(figures, 0, sizeof *figures);
    for (size_t i = 0; i < generation->segment_count; i++) {
        add_slice_figures(generation->segments[i]->slice, figures);
        figures->documents += generation->segments[i]->documents;
    }
    for (size_t i = 0; i < generation->hot_count; i++) {
        for (size_t j = 0; j < generation->hots[i]->slice_count; j++)
            add_slice_figures(generation->hots[i]->slices[j], figures);
        figures->documents += generation->hots[i]->documents;
    }
}

/* ---- snapshot ---- */

static void snapshot_add_slice(struct snapshot *snapshot, struct slice *slice)
{
    if (slice->rows->count == 0)
        return;
    snapshot->slices[snapshot->slice_count++] = slice_retain(slice);
    snapshot->articles += slice->rows->count - atomic_load(&slice->shared->dead);
}

static void snapshot_add_source(struct snapshot *snapshot, struct segment_place *place, uint64_t version,
                                uint32_t documents)
{
    snapshot->places[snapshot->source_count] = segment_place_retain(place);
    snapshot->sources[snapshot->source_count++] =
        (struct xapian_source){place->key, version, place->xapian_path, documents};
}

struct snapshot *generation_snapshot(const struct generation *generation, struct index *index)
{
    size_t slices = generation->segment_count;
    for (size_t i = 0; i < generation->hot_count; i++)
        slices += generation->hots[i]->slice_count;
    size_t sources = generation->segment_count + generation->hot_count;
    struct snapshot *snapshot = memory_zeroed(1, sizeof *snapshot);
    atomic_init(&snapshot->references, 1);
    snapshot->index = index;
    snapshot->generation = generation->number;
    snapshot->revision = generation->position;
    snapshot->epoch = epoch_retain(generation->epoch);
    snapshot->average_length = generation->settings.average_length;
    snapshot->slices = memory_zeroed(slices, sizeof *snapshot->slices);
    snapshot->sources = memory_zeroed(sources, sizeof *snapshot->sources);
    snapshot->places = memory_zeroed(sources, sizeof *snapshot->places);
    uint64_t documents = 0;
    for (size_t i = 0; i < generation->segment_count; i++) {
        struct segment *segment = generation->segments[i];
        snapshot_add_slice(snapshot, segment->slice);
        snapshot_add_source(snapshot, segment->place, 0, segment->documents);
        documents += segment->documents;
    }
    for (size_t i = 0; i < generation->hot_count; i++) {
        struct hot *hot = generation->hots[i];
        for (size_t j = 0; j < hot->slice_count; j++)
            snapshot_add_slice(snapshot, hot->slices[j]);
        if (hot->documents != 0)
            snapshot_add_source(snapshot, hot->place, hot->version, hot->documents);
        documents += hot->documents;
    }
    snapshot->has_dead = documents != snapshot->articles;
    return snapshot;
}
