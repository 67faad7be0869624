#include "related/connected.h"

#include "base/date.h"
#include "base/memory.h"
#include "index/dictionary.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECONDS_PER_DAY 86400
#define DAYS_PER_MONTH 30.44
#define DAYS_PER_YEAR 365.25

/* ---- counting features of one slice by their numbers: an event has a dozen, and most come again ---- */

struct counted {
    uint32_t slice_number;
    uint32_t number;
    const struct features *features;
    uint32_t articles;
    double heat;
};

struct tally {
    struct counted *items;
    size_t count;
    size_t capacity;
    uint32_t
        *slots; /* open addressing: 0 is free, else a place in `items` and 1; never more than half full */
    size_t slot_count;
};

#define SLOTS_FIRST 4096 /* a power of two */

static uint32_t *slot_of(const struct tally *tally, uint32_t slice_number, uint32_t number)
{
    uint64_t key = (uint64_t)slice_number << 32 | number;
    size_t at = (size_t)(key * UINT64_C(0x9E3779B97F4A7C15) >> 32); /* Fibonacci hashing */
    for (;; at++) {
        uint32_t *slot = &tally->slots[at & (tally->slot_count - 1)];
        if (*slot == 0)
            return slot;
        const struct counted *item = &tally->items[*slot - 1];
        if (item->number == number && item->slice_number == slice_number)
            return slot;
    }
}

static void grow(struct tally *tally)
{
    free(tally->slots);
    tally->slot_count = tally->slot_count == 0 ? SLOTS_FIRST : tally->slot_count * 2;
    tally->slots = memory_zeroed(tally->slot_count, sizeof *tally->slots);
    for (size_t i = 0; i < tally->count; i++)
        *slot_of(tally, tally->items[i].slice_number, tally->items[i].number) = (uint32_t)i + 1;
}

static void count_feature(struct tally *tally, const struct related_hit *hit, uint32_t number, double heat)
{
    if (tally->slot_count <= 2 * tally->count)
        grow(tally);
    uint32_t *slot = slot_of(tally, hit->slice_number, number);
    if (*slot == 0) {
        tally->items = memory_grow(tally->items, &tally->capacity, tally->count + 1, sizeof *tally->items);
        tally->items[tally->count++] = (struct counted){
            .slice_number = hit->slice_number, .number = number, .features = &hit->slice->features};
        *slot = (uint32_t)tally->count;
    }
    struct counted *item = &tally->items[*slot - 1];
    item->articles++;
    item->heat += heat;
}

/* Names come before key terms in a row's vector. */
static void count_names(struct tally *tally, const struct related_hit *hit, double heat)
{
    const struct features *features = &hit->slice->features;
    for (uint32_t i = features->vector_starts[hit->row]; i < features->vector_starts[hit->row + 1]; i++) {
        uint32_t number = features->vector_features[i];
        if (features->kinds[number] == FEATURE_TERM)
            break;
        count_feature(tally, hit, number, heat);
    }
}

/* ---- names over slices: a feature's number differs from slice to slice, its term does not ---- */

struct counter_table {
    struct dictionary_builder terms;
    struct connected_name *items; /* by number in `terms` */
    uint8_t *kinds;
    size_t item_capacity;
    size_t kind_capacity;
};

static void add_counted(struct counter_table *table, const struct counted *counted)
{
    size_t length;
    const char *term = dictionary_term(&counted->features->terms, counted->number, &length);
    uint32_t before = table->terms.count;
    uint32_t at = dictionary_builder_add(&table->terms, term, length, "", 0);
    table->items = memory_grow(table->items, &table->item_capacity, (size_t)at + 1, sizeof *table->items);
    table->kinds = memory_grow(table->kinds, &table->kind_capacity, (size_t)at + 1, 1);
    if (at == before) {
        size_t display_length;
        const char *display = dictionary_display(&counted->features->terms, counted->number, &display_length);
        table->items[at] =
            (struct connected_name){.display = display, .display_length = (uint32_t)display_length};
        table->kinds[at] = counted->features->kinds[counted->number];
    }
    table->items[at].articles += counted->articles;
    table->items[at].heat += counted->heat;
}

static int compare_names(const void *left, const void *right)
{
    const struct connected_name *a = left;
    const struct connected_name *b = right;
    if (a->articles != b->articles)
        return a->articles > b->articles ? -1 : 1;
    uint32_t shorter = a->display_length < b->display_length ? a->display_length : b->display_length;
    int order = memcmp(a->display, b->display, shorter);
    return order != 0 ? order
                      : (a->display_length > b->display_length) - (a->display_length < b->display_length);
}

static void take_names(const struct counter_table *table, uint8_t kind, struct connected_names *names)
{
    size_t count = 0;
    for (uint32_t i = 0; i < table->terms.count; i++)
        count += table->kinds[i] == kind;
    names->items = memory_zeroed(count, sizeof *names->items);
    for (uint32_t i = 0; i < table->terms.count; i++)
        if (table->kinds[i] == kind)
            names->items[names->count++] = table->items[i];
    qsort(names->items, names->count, sizeof *names->items, compare_names);
}

/* ---- dates and views ---- */

static void note_date(struct connected_summary *summary, const struct related_hit *hit)
{
    int64_t published = hit->slice->rows->published[hit->row];
    if (published == DATE_NONE)
        return;
    if (summary->most_recent == NULL || published > summary->last_published) {
        summary->most_recent = hit;
        summary->last_published = published;
    }
    if (summary->first_published == DATE_NONE || published < summary->first_published)
        summary->first_published = published;
}

static double heat_of(const struct connected_summary *summary, const struct related_hit *hit)
{
    int64_t published = hit->slice->rows->published[hit->row];
    if (published == DATE_NONE || summary->last_published == DATE_NONE)
        return 0;
    return exp2(-(double)(summary->last_published - published) / CONNECTED_HALF_LIFE);
}

void connected_summarise(const struct related_hit *hits, size_t count, const struct copies *copies,
                         struct connected_summary *summary)
{
    summary->events = count;
    summary->views = copies_views(copies);
    summary->first_published = summary->last_published = DATE_NONE;
    for (size_t i = 0; i < count; i++) {
        summary->views += slice_row_views(hits[i].slice, hits[i].row);
        note_date(summary, &hits[i]);
    }
    struct tally tally = {0};
    struct counter_table table = {0};
    dictionary_builder_init(&table.terms);
    for (size_t i = 0; i < count; i++)
        count_names(&tally, &hits[i], heat_of(summary, &hits[i]));
    for (size_t i = 0; i < tally.count; i++)
        add_counted(&table, &tally.items[i]);
    for (uint8_t kind = 0; kind < NAME_KIND_COUNT; kind++)
        take_names(&table, kind, &summary->names[kind]);
    dictionary_builder_release(&table.terms);
    free(table.items);
    free(table.kinds);
    free(tally.items);
    free(tally.slots);
}

void connected_release(struct connected_summary *summary)
{
    for (int kind = 0; kind < NAME_KIND_COUNT; kind++)
        free(summary->names[kind].items);
    memset(summary, 0, sizeof *summary);
}

size_t connected_hottest(const struct connected_names *names, const struct connected_name **hottest,
                         size_t limit)
{
    size_t count = 0;
    for (size_t i = 0; i < names->count; i++) {
        size_t at = count < limit ? count : limit;
        while (at > 0 && hottest[at - 1]->heat < names->items[i].heat) {
            if (at < limit)
                hottest[at] = hottest[at - 1];
            at--;
        }
        if (at < limit) {
            hottest[at] = &names->items[i];
            count += count < limit;
        }
    }
    return count;
}

const char *connected_span(int64_t days, char *text, size_t size)
{
    const char *unit = "day";
    long number = (long)days;
    if (days >= 45 && (double)days < 18 * DAYS_PER_MONTH) {
        unit = "month";
        number = lround((double)days / DAYS_PER_MONTH);
    } else if (days >= 45) {
        unit = "year";
        number = lround((double)days / DAYS_PER_YEAR);
    }
    snprintf(text, size, "%ld %s%s", number, unit, number == 1 ? "" : "s");
    return text;
}
