#include "index/late_views.h"

#include "base/hash.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

#define PLACES_FIRST 64 /* a power of two */

static size_t *place_of(const struct late_views *late, const char *id, uint64_t hash)
{
    size_t at = hash & (late->place_count - 1);
    for (; late->places[at] != 0; at = (at + 1) & (late->place_count - 1)) {
        const struct late_view *item = &late->items[late->places[at] - 1];
        if (item->hash == hash && strcmp(item->id, id) == 0)
            break;
    }
    return &late->places[at];
}

static void make_room(struct late_views *late)
{
    if (late->place_count > 2 * (late->count + 1))
        return;
    free(late->places);
    late->place_count = late->place_count == 0 ? PLACES_FIRST : 2 * late->place_count;
    late->places = memory_zeroed(late->place_count, sizeof *late->places);
    for (size_t i = 0; i < late->count; i++)
        *place_of(late, late->items[i].id, late->items[i].hash) = i + 1;
}

void late_views_set(struct late_views *late, const char *id, int64_t views)
{
    make_room(late);
    uint64_t hash = hash_bytes(id, strlen(id));
    size_t *place = place_of(late, id, hash);
    if (*place != 0) {
        late->items[*place - 1].views = views;
        return;
    }
    late->items = memory_grow(late->items, &late->capacity, late->count + 1, sizeof *late->items);
    late->items[late->count++] = (struct late_view){memory_copy_string(id), hash, views};
    *place = late->count;
}

void late_views_replace(struct late_views *late, const char *id, int64_t views)
{
    if (late->count == 0)
        return;
    size_t place = *place_of(late, id, hash_bytes(id, strlen(id)));
    if (place != 0)
        late->items[place - 1].views = views;
}

void late_views_clear(struct late_views *late)
{
    for (size_t i = 0; i < late->count; i++)
        free(late->items[i].id);
    free(late->items);
    free(late->places);
    *late = (struct late_views){0};
}
