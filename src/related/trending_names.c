#include "related/trending_names.h"

#include "base/hash.h"
#include "base/memory.h"

#include <stdlib.h>

/* ---- counts ---- */

static void counts_prepare(struct feature_counts *counts, const struct features *features)
{
    if (features->terms.count > counts->capacity) {
        free(counts->counts);
        counts->capacity = features->terms.count;
        counts->counts = memory_zeroed(counts->capacity, sizeof *counts->counts);
    }
    counts->touched_count = 0;
}

/* Room for so many more touched features. */
static void counts_reserve(struct feature_counts *counts, size_t more)
{
    counts->touched = memory_grow(counts->touched, &counts->touched_capacity, counts->touched_count + more,
                                  sizeof *counts->touched);
}

static void counts_add(struct feature_counts *counts, uint32_t number, uint32_t articles)
{
    if (counts->counts[number].window == 0)
        counts->touched[counts->touched_count++] = number;
    counts->counts[number].window += articles;
}

/* What was counted for a touched feature, once: with what was taken back one may be touched twice. */
static struct feature_count counts_take(struct feature_counts *counts, size_t touched)
{
    struct feature_count *count = &counts->counts[counts->touched[touched]];
    struct feature_count taken = *count;
    *count = (struct feature_count){0};
    return taken;
}

static void counts_release(struct feature_counts *counts)
{
    free(counts->counts);
    free(counts->touched);
}

void trending_names_release(struct trending_names *names)
{
    counts_release(&names->main);
    counts_release(&names->other);
    free(names->candidates);
}

/* ---- names of the window ---- */

/* Names of neighbouring articles stand one behind the other. */
static void count_articles(struct feature_counts *counts, const struct date_span *span, uint32_t from,
                           uint32_t until)
{
    const struct timeline *timeline = &span->slice->features.timeline;
    uint32_t first;
    uint32_t end = from;
    while (date_span_run(span, end, until, &first, &end))
        for (uint32_t i = timeline->starts[first]; i < timeline->starts[end]; i++)
            counts_add(counts, timeline->names[i], 1);
}

/* Whole blocks of the timeline. */
struct block_range {
    uint32_t first;
    uint32_t end;   /* not above `first`: none */
    uint32_t holes; /* articles in them that do not count */
};

static struct block_range blocks_between(const struct date_span *span, uint32_t from, uint32_t until)
{
    const struct timeline *timeline = &span->slice->features.timeline;
    struct block_range range = {(from + TIMELINE_BLOCK - 1) / TIMELINE_BLOCK, until / TIMELINE_BLOCK, 0};
    range.end = range.end < timeline->blocks ? range.end : timeline->blocks;
    if (range.end > range.first)
        range.holes = (range.end - range.first) * TIMELINE_BLOCK -
                      date_span_count(span, range.first * TIMELINE_BLOCK, range.end * TIMELINE_BLOCK);
    return range;
}

static void count_blocks(struct feature_counts *counts, const struct timeline *timeline,
                         const struct block_range *range)
{
    const uint32_t *before = timeline_running(timeline, range->first);
    const uint32_t *after = timeline_running(timeline, range->end);
    for (uint32_t i = 0; i < timeline->common_count; i++)
        if (after[i] != before[i])
            counts_add(counts, timeline->common[i], after[i] - before[i]);
    for (uint32_t i = timeline->rare_starts[range->first]; i < timeline->rare_starts[range->end]; i++)
        counts_add(counts, timeline->rare[i], 1);
}

/* The articles of the blocks that do not count: they were counted with the others. */
static void take_holes_back(struct feature_counts *counts, const struct date_span *span,
                            const struct block_range *range)
{
    const struct timeline *timeline = &span->slice->features.timeline;
    for (uint32_t position = range->first * TIMELINE_BLOCK; position < range->end * TIMELINE_BLOCK;
         position++) {
        if (date_span_counts(span, position))
            continue;
        for (uint32_t i = timeline->starts[position]; i < timeline->starts[position + 1]; i++)
            counts->counts[timeline->names[i]].window--;
    }
}

#define HOLES_FEW 4 /* one article in so many */

static void count_window(struct feature_counts *counts, const struct date_span *span)
{
    const struct timeline *timeline = &span->slice->features.timeline;
    struct block_range range = blocks_between(span, span->window, span->end);
    size_t names = timeline->starts[span->end] - timeline->starts[span->window];
    size_t features = span->slice->features.terms.count;
    counts_prepare(counts, &span->slice->features);
    counts_reserve(counts, names < features ? names : features);
    if (range.end <= range.first || range.holes > (range.end - range.first) * TIMELINE_BLOCK / HOLES_FEW) {
        count_articles(counts, span, span->window, span->end);
        return;
    }
    count_articles(counts, span, span->window, range.first * TIMELINE_BLOCK);
    count_blocks(counts, timeline, &range);
    count_articles(counts, span, range.end * TIMELINE_BLOCK, span->end);
    if (range.holes != 0)
        take_holes_back(counts, span, &range); /* last: a count that is nothing again must not be added to */
}

/* How often the names of the window appear in the baseline at least. */
static void note_baselines(struct feature_counts *counts, const struct date_span *span)
{
    const struct timeline *timeline = &span->slice->features.timeline;
    struct block_range range = blocks_between(span, span->start, span->window);
    if (range.end <= range.first)
        return;
    const uint32_t *before = timeline_running(timeline, range.first);
    const uint32_t *after = timeline_running(timeline, range.end);
    for (uint32_t i = 0; i < timeline->common_count; i++) {
        struct feature_count *count = &counts->counts[timeline->common[i]];
        uint32_t articles = after[i] - before[i];
        if (count->window != 0 && articles > range.holes)
            count->baseline = articles - range.holes;
    }
}

static void add_candidate(struct trending_names *names, const struct date_span *span, uint32_t number,
                          uint32_t window, uint32_t baseline)
{
    names->candidates =
        memory_grow(names->candidates, &names->capacity, names->count + 1, sizeof *names->candidates);
    names->candidates[names->count++] =
        (struct trending_candidate){.span = span, .number = number, .window = window, .baseline = baseline};
}

/* The names that the main slice does not have: the first of the candidates, by their terms' numbers. */
static void add_stranger(struct trending_names *names, struct dictionary_builder *strangers,
                         const struct date_span *span, uint32_t number, uint32_t window)
{
    size_t length;
    const char *term = dictionary_term(&span->slice->features.terms, number, &length);
    uint32_t known = dictionary_builder_add(strangers, term, length, "", 0);
    if (known == names->count)
        add_candidate(names, span, number, 0, 0);
    names->candidates[known].window += window;
}

/* Adds the names of a slice that is not the main one. */
static void join_other(struct trending_names *names, const struct date_span *span,
                       const struct features *main, struct dictionary_builder *strangers)
{
    const struct dictionary *terms = &span->slice->features.terms;
    counts_reserve(&names->main, names->other.touched_count);
    for (size_t i = 0; i < names->other.touched_count; i++) {
        uint32_t number = names->other.touched[i];
        uint32_t articles = counts_take(&names->other, i).window;
        if (articles == 0)
            continue;
        size_t length;
        const char *term = dictionary_term(terms, number, &length);
        uint32_t in_main = features_find(main, term, length, hash_bytes(term, length));
        if (in_main == DICTIONARY_NONE)
            add_stranger(names, strangers, span, number, articles);
        else
            counts_add(&names->main, in_main, articles);
    }
}

/* The slice with the most articles in the window; NULL if there are none. */
static const struct date_span *main_span(const struct trending_rows *rows)
{
    const struct date_span *found = NULL;
    for (size_t i = 0; i < rows->span_count; i++) {
        const struct date_span *span = &rows->spans[i];
        if (span->end > span->window &&
            (found == NULL || span->end - span->window > found->end - found->window))
            found = span;
    }
    return found;
}

static bool is_wanted(const struct trending_query *query, const struct features *features, uint32_t number,
                      uint32_t window)
{
    return window >= query->min_articles && query->kinds[features->kinds[number]];
}

/* Of the strangers those that are wanted stay, those of the main slice come behind them. */
static void choose_wanted(struct trending_names *names, const struct trending_query *query,
                          const struct date_span *main)
{
    size_t kept = 0;
    for (size_t i = 0; i < names->count; i++) {
        const struct trending_candidate *candidate = &names->candidates[i];
        if (is_wanted(query, trending_features(candidate), candidate->number, candidate->window))
            names->candidates[kept++] = *candidate;
    }
    names->count = kept;
    for (size_t i = 0; i < names->main.touched_count; i++) {
        uint32_t number = names->main.touched[i];
        struct feature_count count = counts_take(&names->main, i);
        if (is_wanted(query, &main->slice->features, number, count.window))
            add_candidate(names, main, number, count.window, count.baseline);
    }
}

void trending_names_find(struct trending_names *names, const struct trending_rows *rows,
                         const struct trending_query *query)
{
    const struct date_span *main = main_span(rows);
    names->count = 0;
    if (main == NULL)
        return;
    const struct features *features = &main->slice->features;
    struct dictionary_builder strangers;
    dictionary_builder_init(&strangers);
    count_window(&names->main, main);
    for (size_t i = 0; i < rows->span_count; i++) {
        const struct date_span *span = &rows->spans[i];
        if (span == main || span->window == span->end)
            continue;
        count_window(&names->other, span);
        join_other(names, span, features, &strangers);
    }
    note_baselines(&names->main, main);
    choose_wanted(names, query, main);
    dictionary_builder_release(&strangers);
}

uint32_t trending_number_in(const struct trending_candidate *candidate, const struct features *features)
{
    if (trending_features(candidate) == features)
        return candidate->number;
    size_t length;
    const char *term = dictionary_term(&trending_features(candidate)->terms, candidate->number, &length);
    return features_find(features, term, length, hash_bytes(term, length));
}
