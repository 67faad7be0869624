#include "related/name_tally.h"

#include "base/hash.h"
#include "base/memory.h"
#include "base/prefetch.h"
#include "index/dictionary.h"

#include <stdlib.h>
#include <string.h>

/* ---- counting ---- */

#define SLOTS_FIRST 4096 /* a power of two */

static uint32_t *slot_of(const struct name_tally *tally, uint32_t slice_number, uint32_t number)
{
    uint64_t key = (uint64_t)slice_number << 32 | number;
    size_t at = (size_t)(key * UINT64_C(0x9E3779B97F4A7C15) >> 32); /* Fibonacci hashing */
    for (;; at++) {
        uint32_t *slot = &tally->slots[at & (tally->slot_count - 1)];
        if (*slot == 0)
            return slot;
        const struct tallied_name *item = &tally->items[*slot - 1];
        if (item->number == number && item->slice_number == slice_number)
            return slot;
    }
}

static void grow(struct name_tally *tally)
{
    free(tally->slots);
    tally->slot_count = tally->slot_count == 0 ? SLOTS_FIRST : tally->slot_count * 2;
    tally->slots = memory_zeroed(tally->slot_count, sizeof *tally->slots);
    for (size_t i = 0; i < tally->count; i++)
        *slot_of(tally, tally->items[i].slice_number, tally->items[i].number) = (uint32_t)i + 1;
}

static void count_name(struct name_tally *tally, const struct related_hit *hit, uint32_t number, double heat)
{
    if (tally->slot_count <= 2 * tally->count)
        grow(tally);
    uint32_t *slot = slot_of(tally, hit->slice_number, number);
    if (*slot == 0) {
        tally->items = memory_grow(tally->items, &tally->capacity, tally->count + 1, sizeof *tally->items);
        tally->items[tally->count++] =
            (struct tallied_name){.features = &hit->slice->features,
                                  .slice_number = hit->slice_number,
                                  .number = number,
                                  .first = tally->names,
                                  .kind = (enum name_kind)hit->slice->features.kinds[number]};
        *slot = (uint32_t)tally->count;
    }
    struct tallied_name *item = &tally->items[*slot - 1];
    item->articles++;
    item->heat += heat;
    tally->names++;
}

void name_tally_add(struct name_tally *tally, const struct related_hit *hit, double heat)
{
    struct features_row vector = features_row(&hit->slice->features, hit->row);
    for (uint32_t i = 0; i < vector.names; i++)
        count_name(tally, hit, vector.numbers[i], heat);
}

void name_tally_release(struct name_tally *tally)
{
    free(tally->items);
    free(tally->slots);
    memset(tally, 0, sizeof *tally);
}

/* ---- the same names in several slices ---- */

static void absorb(struct tallied_name *name, struct tallied_name *same)
{
    name->articles += same->articles;
    name->heat += same->heat;
    name->first = same->first < name->first ? same->first : name->first;
    same->articles = 0;
}

/* The slice that has the most of the names: theirs need not be looked at. */
static const struct tallied_name *one_of_the_main_slice(const struct name_tally *tally)
{
    uint32_t slices = 0;
    for (size_t i = 0; i < tally->count; i++)
        slices = tally->items[i].slice_number >= slices ? tally->items[i].slice_number + 1 : slices;
    uint32_t *counts = memory_zeroed(slices, sizeof *counts);
    const struct tallied_name *main = NULL;
    for (size_t i = 0; i < tally->count; i++)
        counts[tally->items[i].slice_number]++;
    for (size_t i = 0; i < tally->count; i++)
        if (main == NULL || counts[tally->items[i].slice_number] > counts[main->slice_number])
            main = &tally->items[i];
    free(counts);
    return main;
}

/* The names that the main slice has not, or none of whose articles there is in the set. */
struct others {
    struct dictionary_builder terms;
    uint32_t *places; /* in `items`, by number in `terms` */
    size_t capacity;
};

static void join_other(struct name_tally *tally, struct others *others, uint32_t place, const char *term,
                       size_t length)
{
    uint32_t before = others->terms.count;
    uint32_t number = dictionary_builder_add(&others->terms, term, length, "", 0);
    if (number != before) {
        absorb(&tally->items[others->places[number]], &tally->items[place]);
        return;
    }
    others->places =
        memory_grow(others->places, &others->capacity, (size_t)number + 1, sizeof *others->places);
    others->places[number] = place;
}

void name_tally_join(struct name_tally *tally)
{
    const struct tallied_name *main = one_of_the_main_slice(tally);
    struct others others = {.places = NULL};
    dictionary_builder_init(&others.terms);
    for (size_t i = 0; i < tally->count; i++) {
        struct tallied_name *item = &tally->items[i];
        if (item->slice_number == main->slice_number)
            continue;
        size_t length;
        const char *term = dictionary_term(&item->features->terms, item->number, &length);
        uint32_t number = features_find(main->features, term, length, hash_bytes(term, length));
        uint32_t slot = number != DICTIONARY_NONE ? *slot_of(tally, main->slice_number, number) : 0;
        if (slot != 0)
            absorb(&tally->items[slot - 1], item);
        else
            join_other(tally, &others, (uint32_t)i, term, length);
    }
    dictionary_builder_release(&others.terms);
    free(others.places);
}

/* ---- choosing ---- */

static bool is_of_kind(const struct tallied_name *name, enum name_kind kind)
{
    return name->articles != 0 && name->kind == kind;
}

size_t name_tally_count(const struct name_tally *tally, enum name_kind kind)
{
    size_t count = 0;
    for (size_t i = 0; i < tally->count; i++)
        count += is_of_kind(&tally->items[i], kind);
    return count;
}

typedef bool (*name_order)(const struct tallied_name *a, const struct tallied_name *b);

static bool is_more_frequent(const struct tallied_name *a, const struct tallied_name *b)
{
    return a->articles != b->articles ? a->articles > b->articles : a->first < b->first;
}

static bool is_hotter(const struct tallied_name *a, const struct tallied_name *b)
{
    return a->heat > b->heat || (!(a->heat < b->heat) && a->first < b->first);
}

/* Most names are in one article, and few of these come before those that are chosen already. */
static size_t choose(const struct name_tally *tally, enum name_kind kind, name_order comes_before,
                     const struct tallied_name **found, size_t limit)
{
    size_t count = 0;
    for (size_t i = 0; i < tally->count && limit > 0; i++) {
        const struct tallied_name *name = &tally->items[i];
        if (!is_of_kind(name, kind) || (count == limit && !comes_before(name, found[count - 1])))
            continue;
        count += count < limit;
        size_t at = count - 1;
        for (; at > 0 && comes_before(name, found[at - 1]); at--)
            found[at] = found[at - 1];
        found[at] = name;
    }
    return count;
}

size_t name_tally_most_frequent(const struct name_tally *tally, enum name_kind kind,
                                const struct tallied_name **found, size_t limit)
{
    return choose(tally, kind, is_more_frequent, found, limit);
}

size_t name_tally_hottest(const struct name_tally *tally, enum name_kind kind,
                          const struct tallied_name **found, size_t limit)
{
    return choose(tally, kind, is_hotter, found, limit);
}

void tallied_names_prefetch(const struct tallied_name *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        prefetch(&names[i]->features->terms.display_offsets[names[i]->number]);
    for (size_t i = 0; i < count; i++) {
        const struct dictionary *terms = &names[i]->features->terms;
        prefetch(terms->display_bytes + terms->display_offsets[names[i]->number]);
    }
}

const char *tallied_name_display(const struct tallied_name *name, size_t *length)
{
    return dictionary_display(&name->features->terms, name->number, length);
}
