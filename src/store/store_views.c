/* store_views.c - view counts inside a transaction: several for one article become one row. */
#include "store/store_private.h"

#include "article/article.h"
#include "base/hash.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS_FIRST 256 /* a power of two */

/* An article whose count was read in this transaction. Open addressing; never more than half full. */
struct counted {
    char *id; /* NULL = free */
    uint64_t hash;
    int64_t total;
    bool exists;  /* the article does */
    bool changed; /* the row is not written yet */
};

struct view_counts {
    struct counted *slots;
    size_t slot_count;
    size_t *used; /* slots, in the order they were taken */
    size_t used_count;
    size_t used_capacity;
};

static struct counted *slot_of(const struct view_counts *counts, const char *id, uint64_t hash)
{
    size_t at = hash & (counts->slot_count - 1);
    while (counts->slots[at].id != NULL &&
           (counts->slots[at].hash != hash || strcmp(counts->slots[at].id, id) != 0))
        at = (at + 1) & (counts->slot_count - 1);
    return &counts->slots[at];
}

static void note_used(struct view_counts *counts, const struct counted *slot)
{
    counts->used =
        memory_grow(counts->used, &counts->used_capacity, counts->used_count + 1, sizeof *counts->used);
    counts->used[counts->used_count++] = (size_t)(slot - counts->slots);
}

static void make_room(struct view_counts *counts)
{
    if (counts->slot_count > 2 * (counts->used_count + 1))
        return;
    struct view_counts old = *counts;
    counts->slot_count = old.slot_count == 0 ? SLOTS_FIRST : 2 * old.slot_count;
    counts->slots = memory_zeroed(counts->slot_count, sizeof *counts->slots);
    counts->used = NULL;
    counts->used_count = counts->used_capacity = 0;
    for (size_t i = 0; i < old.used_count; i++) {
        const struct counted *from = &old.slots[old.used[i]];
        struct counted *to = slot_of(counts, from->id, from->hash);
        *to = *from;
        note_used(counts, to);
    }
    free(old.slots);
    free(old.used);
}

void store_views_forget(struct store_writer *writer)
{
    struct view_counts *counts = writer->view_counts;
    if (counts == NULL)
        return;
    for (size_t i = 0; i < counts->used_count; i++) {
        free(counts->slots[counts->used[i]].id);
        counts->slots[counts->used[i]] = (struct counted){0};
    }
    counts->used_count = 0;
}

void store_views_free(struct store_writer *writer)
{
    if (writer->view_counts == NULL)
        return;
    store_views_forget(writer);
    free(writer->view_counts->slots);
    free(writer->view_counts->used);
    free(writer->view_counts);
    writer->view_counts = NULL;
}

static int write_all(struct store_writer *writer, struct error *error)
{
    struct view_counts *counts = writer->view_counts;
    for (size_t i = 0; i < counts->used_count; i++) {
        struct counted *counted = &counts->slots[counts->used[i]];
        if (counted->changed && store_views_set(writer, counted->id, counted->total, error) != 0)
            return -1;
        counted->changed = false;
    }
    return 0;
}

int store_views_write(struct store_writer *writer, struct error *error)
{
    if (writer->view_counts == NULL || writer->view_counts->used_count == 0)
        return 0;
    int result = write_all(writer, error);
    store_views_forget(writer);
    return result;
}

int store_views_settle(struct store_writer *writer, const char *id, struct error *error)
{
    const struct view_counts *counts = writer->view_counts;
    if (counts == NULL || counts->used_count == 0 ||
        slot_of(counts, id, hash_bytes(id, strlen(id)))->id == NULL)
        return 0;
    return store_views_write(writer, error);
}

/* The article's slot, filled from the store if it is new. */
static int find_counted(struct store_writer *writer, const char *id, struct counted **counted,
                        struct error *error)
{
    if (writer->view_counts == NULL)
        writer->view_counts = memory_zeroed(1, sizeof *writer->view_counts);
    make_room(writer->view_counts);
    uint64_t hash = hash_bytes(id, strlen(id));
    struct counted *slot = slot_of(writer->view_counts, id, hash);
    *counted = slot;
    if (slot->id != NULL)
        return 0;
    struct counted made = {.hash = hash};
    if (store_views_read(writer, id, &made.exists, &made.total, error) != 0)
        return -1;
    made.id = memory_copy_string(id);
    *slot = made;
    note_used(writer->view_counts, slot);
    return 0;
}

int store_add_views(struct store_writer *writer, const char *id, int64_t count, int64_t *total,
                    struct error *error)
{
    struct counted *counted;
    if (find_counted(writer, id, &counted, error) != 0)
        return -1;
    if (!counted->exists)
        return store_sqlite_no_article(id, error);
    if (__builtin_add_overflow(counted->total, count, total) || *total > ARTICLE_VIEWS_MAX)
        *total = ARTICLE_VIEWS_MAX;
    if (*total < 0)
        *total = 0;
    counted->total = *total;
    counted->changed = true;
    return 0;
}
