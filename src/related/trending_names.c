#include "related/trending_names.h"

#include "base/four.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/prefetch.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(TIMELINE_NONE == DICTIONARY_NONE, "both say that a slice does not have a name");

/* ---- counts ---- */

static uint32_t *make_room(uint32_t *counts, size_t *capacity, size_t wanted)
{
    if (wanted <= *capacity)
        return counts;
    free(counts);
    *capacity = wanted;
    return memory_zeroed(wanted, sizeof *counts);
}

static void counts_prepare(struct name_counts *counts, const struct features *features)
{
    counts->rare = make_room(counts->rare, &counts->rare_capacity, features->terms.count);
    counts->touched_count = 0;
}

/* Room for so many more touched names. */
static void counts_reserve(struct name_counts *counts, size_t more)
{
    counts->touched = memory_grow(counts->touched, &counts->touched_capacity, counts->touched_count + more,
                                  sizeof *counts->touched);
    counts->earlier = memory_grow(counts->earlier, &counts->earlier_capacity, counts->touched_count + more,
                                  sizeof *counts->earlier);
}

/* `earlier` holds for a name that is new. */
static inline void counts_add_rare(struct name_counts *counts, uint32_t number, uint32_t articles,
                                   uint32_t earlier)
{
    if (counts->rare[number] == 0) {
        counts->earlier[counts->touched_count] = earlier;
        counts->touched[counts->touched_count++] = number;
    }
    counts->rare[number] += articles;
}

/* What was counted, once. */
static uint32_t take(uint32_t *count)
{
    uint32_t articles = *count;
    *count = 0;
    return articles;
}

static void counts_release(struct name_counts *counts)
{
    free(counts->rare);
    free(counts->touched);
    free(counts->earlier);
}

void trending_names_release(struct trending_names *names)
{
    counts_release(&names->main);
    counts_release(&names->other);
    free(names->window);
    free(names->baseline);
    free(names->sketch);
    free(names->places);
    free(names->candidates);
}

/* ---- common names ---- */

/* Names of neighbouring articles stand one behind the other. */
static void count_common(uint32_t *articles, const struct date_span *span, uint32_t from, uint32_t until)
{
    const struct timeline *timeline = &span->slice->features.timeline;
    uint32_t first;
    uint32_t end = from;
    while (date_span_run(span, end, until, &first, &end)) {
        const uint32_t *name = timeline->common_names + timeline->common_starts[first];
        const uint32_t *last = timeline->common_names + timeline->common_starts[end];
        for (; name < last; name++)
            articles[*name]++;
    }
}

/* Whole blocks of the timeline. */
struct block_range {
    uint32_t first;
    uint32_t end; /* not above `first`: none */
};

static struct block_range blocks_between(const struct date_span *span, uint32_t from, uint32_t until)
{
    const struct timeline *timeline = &span->slice->features.timeline;
    struct block_range range = {(from + TIMELINE_BLOCK - 1) / TIMELINE_BLOCK, until / TIMELINE_BLOCK};
    range.end = range.end < timeline->blocks ? range.end : timeline->blocks;
    return range;
}

static void count_blocks(uint32_t *articles, const struct timeline *timeline, const struct block_range *range)
{
    const uint32_t *before = timeline_running(timeline, range->first);
    const uint32_t *after = timeline_running(timeline, range->end);
    uint32_t count = timeline->common_count;
    uint32_t i = 0;
    for (; count - i >= 4; i += 4) {
        four sum = four_load(articles + i) + four_load(after + i) - four_load(before + i);
        memcpy(articles + i, &sum, sizeof sum);
    }
    for (; i < count; i++)
        articles[i] += after[i] - before[i];
}

/* What was counted with others of its blocks does not count. */
static void take_holes_back(uint32_t *articles, const struct date_span *span, uint32_t from, uint32_t until)
{
    const struct timeline *timeline = &span->slice->features.timeline;
    while ((from = date_span_hole(span, from, until)) < until) {
        for (uint32_t i = timeline->common_starts[from]; i < timeline->common_starts[from + 1]; i++)
            articles[timeline->common_names[i]]--;
        from++;
    }
}

#define HOLES_FEW 4 /* one article in so many */

/* Adds the common names of the articles in [from, until) that count: there are so many of these. */
static void count_common_between(uint32_t *articles, const struct date_span *span, uint32_t from,
                                 uint32_t until, uint32_t counting)
{
    struct block_range range = blocks_between(span, from, until);
    uint32_t holes = until - from - counting;
    if (range.end <= range.first || (uint64_t)holes * HOLES_FEW > until - from) {
        count_common(articles, span, from, until);
        return;
    }
    count_common(articles, span, from, range.first * TIMELINE_BLOCK);
    count_blocks(articles, &span->slice->features.timeline, &range);
    count_common(articles, span, range.end * TIMELINE_BLOCK, until);
    if (holes != 0)
        take_holes_back(articles, span, range.first * TIMELINE_BLOCK, range.end * TIMELINE_BLOCK);
}

static uint32_t *cleared(uint32_t *counts, size_t *capacity, size_t count)
{
    counts = memory_grow(counts, capacity, count, sizeof *counts);
    if (count != 0)
        memset(counts, 0, count * sizeof *counts);
    return counts;
}

/* Their places are the same in all slices. */
static void count_all_common(struct trending_names *names, const struct trending_rows *rows)
{
    size_t count = names->span->slice->features.timeline.common_count;
    names->window = cleared(names->window, &names->window_capacity, count);
    names->baseline = cleared(names->baseline, &names->baseline_capacity, count);
    for (size_t i = 0; i < rows->span_count; i++) {
        const struct date_span *span = &rows->spans[i];
        count_common_between(names->window, span, span->window, span->end, span->window_articles);
        count_common_between(names->baseline, span, span->start, span->window, span->baseline_articles);
    }
}

/* ---- rare names of the window ---- */

/* Of a sketch (trending_names.h) that says how often names appear at most; NULL: all are to be counted. */
struct rare_filter {
    const uint8_t *sketch;
    uint8_t fewest;
};

static const struct rare_filter all_rare = {NULL, 0};

static uint32_t sketch_place(uint16_t mark)
{
    return mark % TRENDING_SKETCH;
}

static void count_rare(struct name_counts *counts, const struct date_span *span,
                       const struct rare_filter *filter)
{
    const struct timeline *timeline = &span->slice->features.timeline;
    uint32_t first;
    uint32_t end = span->window;
    while (date_span_run(span, end, span->end, &first, &end))
        for (uint32_t i = timeline->rare_starts[first]; i < timeline->rare_starts[end]; i++)
            if (filter->sketch == NULL ||
                filter->sketch[sketch_place(timeline->rare_marks[i])] >= filter->fewest)
                counts_add_rare(counts, timeline->rare_names[i], 1, 0);
}

static void sketch_rare(uint8_t *sketch, const struct date_span *span)
{
    const struct timeline *timeline = &span->slice->features.timeline;
    uint32_t first;
    uint32_t end = span->window;
    while (date_span_run(span, end, span->end, &first, &end))
        for (uint32_t i = timeline->rare_starts[first]; i < timeline->rare_starts[end]; i++) {
            uint8_t *articles = &sketch[sketch_place(timeline->rare_marks[i])];
            if (*articles != UINT8_MAX)
                ++*articles;
        }
}

/* What a name may have been counted too few by count_repeated(). */
#define UNCOUNTED (TIMELINE_REPEATED - 1)

#define SCANNED 16 /* numbers at once */

/* True if one of so many numbers below 2^31 is above the limit. */
static inline bool any_above(const uint32_t *numbers, uint32_t limit)
{
    four above = {0};
#pragma GCC unroll 4
    for (uint32_t i = 0; i < SCANNED; i += 4)
        above |= four_load(numbers + i) > (int32_t)limit;
    return four_any(above);
}

/* Entries of the timeline whose names are to be counted, once they are there: names and counts lie all over
 * large arrays. */
struct found_entries {
    uint32_t places[16];
    uint32_t count;
};

static void count_found(struct name_counts *counts, const struct timeline *timeline,
                        struct found_entries *found)
{
    const uint32_t *names = timeline->rare_names;
    for (uint32_t i = 0; i < found->count; i++)
        prefetch(&counts->rare[names[found->places[i]]]);
    for (uint32_t i = 0; i < found->count; i++) {
        uint32_t place = found->places[i];
        counts_add_rare(counts, names[place], 1, timeline->rare_earlier[place]);
    }
    found->count = 0;
}

static inline void note_entry(struct name_counts *counts, const struct timeline *timeline,
                              struct found_entries *found, uint32_t place)
{
    if (found->count == sizeof found->places / sizeof *found->places)
        count_found(counts, timeline, found);
    found->places[found->count++] = place;
    prefetch(&timeline->rare_names[place]);
    prefetch(&timeline->rare_earlier[place]);
}

static inline void note_repeated(struct name_counts *counts, const struct date_span *span,
                                 struct found_entries *found, uint32_t from, uint32_t until)
{
    const struct timeline *timeline = &span->slice->features.timeline;
    for (uint32_t entry = from; entry < until; entry++)
        if (timeline->rare_before[entry] > span->window)
            note_entry(counts, timeline, found, entry);
}

/* Those only that appeared twice in the window before: so each is counted twice too few at most. The first
 * that is found of a name is its third in the window: the one three before it is the last before the window.
 * Articles that do not count are not left out. */
static void count_repeated(struct name_counts *counts, const struct date_span *span)
{
    const struct timeline *timeline = &span->slice->features.timeline;
    struct found_entries found = {.count = 0};
    uint32_t end = timeline->rare_starts[span->end];
    uint32_t i = timeline->rare_starts[span->window];
    for (; end - i >= SCANNED; i += SCANNED) {
        if (!any_above(timeline->rare_before + i, span->window))
            continue;
        for (uint32_t part = i; part < i + SCANNED; part += 4)
            if (four_any(four_load(timeline->rare_before + part) > (int32_t)span->window))
                note_repeated(counts, span, &found, part, part + 4);
    }
    note_repeated(counts, span, &found, i, end);
    count_found(counts, timeline, &found);
}

static void begin_counting(struct name_counts *counts, const struct date_span *span)
{
    const struct timeline *timeline = &span->slice->features.timeline;
    size_t names = timeline->rare_starts[span->end] - timeline->rare_starts[span->window];
    size_t features = span->slice->features.terms.count;
    counts_prepare(counts, &span->slice->features);
    counts_reserve(counts, names < features ? names : features);
}

/* Room for so many more candidates. */
static void candidates_reserve(struct trending_names *names, size_t more)
{
    names->candidates =
        memory_grow(names->candidates, &names->capacity, names->count + more, sizeof *names->candidates);
}

static inline void add_candidate(struct trending_names *names, const struct date_span *span, uint32_t number,
                                 uint32_t window, uint32_t baseline)
{
    names->candidates[names->count++] = (struct trending_candidate){
        .span = span, .number = number, .window = window, .baseline = baseline, .place = TRENDING_RARE};
}

/* The names that the main slice does not have: the first of the candidates, by their terms' numbers. */
static void add_stranger(struct trending_names *names, struct dictionary_builder *strangers,
                         const struct date_span *span, uint32_t number, uint32_t window)
{
    size_t length;
    const char *term = dictionary_term(&span->slice->features.terms, number, &length);
    uint32_t known = dictionary_builder_add(strangers, term, length, "", 0);
    if (known == names->count) {
        candidates_reserve(names, 1);
        add_candidate(names, span, number, 0, 0);
    }
    names->candidates[known].window += window;
}

/* Names of a slice that is not the main one are added to those of the main one. */
struct joining {
    struct trending_names *names;
    const struct date_span *span;
    const struct features *main;
    struct dictionary_builder *strangers;
};

static void join_name(const struct joining *joining, uint32_t number, uint32_t articles)
{
    size_t length;
    const char *term = dictionary_term(&joining->span->slice->features.terms, number, &length);
    uint32_t in_main = features_find(joining->main, term, length, hash_bytes(term, length));
    if (in_main == DICTIONARY_NONE) {
        add_stranger(joining->names, joining->strangers, joining->span, number, articles);
        return;
    }
    counts_add_rare(&joining->names->main, in_main, articles, 0);
}

static void join_other(const struct joining *joining)
{
    struct name_counts *other = &joining->names->other;
    counts_reserve(&joining->names->main, other->touched_count);
    for (size_t i = 0; i < other->touched_count; i++)
        join_name(joining, other->touched[i], take(&other->rare[other->touched[i]]));
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

static bool is_wanted(const struct trending_names *names, const struct trending_query *query,
                      const struct features *features, uint32_t number, uint32_t window)
{
    return window >= query->min_articles && (names->all_kinds || query->kinds[features->kinds[number]]);
}

static bool wants_all_kinds(const struct trending_query *query)
{
    bool all = true;
    for (size_t kind = 0; kind < NAME_KIND_COUNT; kind++)
        all = all && query->kinds[kind];
    return all;
}

/* Of the strangers those that are wanted stay. */
static void choose_strangers(struct trending_names *names, const struct trending_query *query)
{
    size_t kept = 0;
    for (size_t i = 0; i < names->count; i++) {
        const struct trending_candidate *candidate = &names->candidates[i];
        if (is_wanted(names, query, trending_features(candidate), candidate->number, candidate->window))
            names->candidates[kept++] = *candidate;
    }
    names->count = kept;
}

static struct trending_common known_of_common(const struct trending_names *names,
                                              const struct trending_query *query,
                                              const struct trending_result *result)
{
    return (struct trending_common){
        .window = names->window,
        .baseline = names->baseline,
        .count = names->span->slice->features.timeline.common_count,
        .fewest = query->min_articles < INT32_MAX ? query->min_articles : INT32_MAX,
        .share = (double)result->window / (double)(result->window + result->baseline),
    };
}

/* A slice that has the common name, the main one if it can be; NULL if there is none. */
static const struct date_span *span_with(const struct trending_names *names, uint32_t place)
{
    const struct trending_rows *rows = names->rows;
    if (names->span->slice->features.timeline.common[place] != TIMELINE_NONE)
        return names->span;
    for (size_t i = 0; i < rows->span_count; i++)
        if (rows->spans[i].slice->features.timeline.common[place] != TIMELINE_NONE)
            return &rows->spans[i];
    return NULL;
}

void trending_names_add_common(struct trending_names *names, const struct trending_query *query, double above,
                               double below)
{
    const struct trending_common *common = &names->common;
    names->places = memory_grow(names->places, &names->place_capacity, common->count, sizeof *names->places);
    uint32_t listed = trending_common_list(common, above, below, names->places);
    candidates_reserve(names, listed);
    for (uint32_t i = 0; i < listed; i++) {
        uint32_t place = names->places[i];
        const struct date_span *span = span_with(names, place);
        if (span == NULL)
            continue; /* only of damaged counts */
        const struct features *features = &span->slice->features;
        uint32_t number = features->timeline.common[place];
        if (!names->all_kinds && !query->kinds[features->kinds[number]])
            continue;
        add_candidate(names, span, number, common->window[place], common->baseline[place]);
        names->candidates[names->count - 1].place = place;
    }
}

/* One if the name's last article before the window lies in the baseline and counts: it has so many at least.
 */
static uint32_t appears_earlier(const struct date_span *span, uint32_t earlier)
{
    return earlier > span->start && date_span_counts(span, earlier - 1);
}

static void choose_rare(struct trending_names *names, const struct trending_query *query, bool only_repeated)
{
    const struct date_span *main = names->span;
    candidates_reserve(names, names->main.touched_count);
    for (size_t i = 0; i < names->main.touched_count; i++) {
        uint32_t number = names->main.touched[i];
        uint32_t window = take(&names->main.rare[number]) + (only_repeated ? UNCOUNTED : 0);
        if (!is_wanted(names, query, &main->slice->features, number, window))
            continue;
        add_candidate(names, main, number, window, appears_earlier(main, names->main.earlier[i]));
        names->candidates[names->count - 1].is_bound = only_repeated;
    }
}

/* Each slice has numbers of its own for the rare names: before they are looked up elsewhere by their terms,
 * most are known to be too rare from their marks. */
static struct rare_filter filter_rare(struct trending_names *names, const struct trending_query *query)
{
    const struct trending_rows *rows = names->rows;
    if (query->min_articles <= 1)
        return all_rare;
    if (names->sketch == NULL)
        names->sketch = memory_allocate(TRENDING_SKETCH);
    memset(names->sketch, 0, TRENDING_SKETCH);
    for (size_t i = 0; i < rows->span_count; i++)
        sketch_rare(names->sketch, &rows->spans[i]);
    return (struct rare_filter){names->sketch,
                                query->min_articles < UINT8_MAX ? (uint8_t)query->min_articles : UINT8_MAX};
}

/* Counts the rare names of all slices by their numbers in the main one. */
static void count_everywhere(struct trending_names *names, const struct trending_query *query)
{
    const struct trending_rows *rows = names->rows;
    const struct date_span *main = names->span;
    struct rare_filter filter = filter_rare(names, query);
    struct dictionary_builder strangers;
    struct joining joining = {names, NULL, &main->slice->features, &strangers};
    dictionary_builder_init(&strangers);
    count_rare(&names->main, main, &filter);
    for (size_t i = 0; i < rows->span_count; i++) {
        joining.span = &rows->spans[i];
        if (joining.span == main || joining.span->window == joining.span->end)
            continue;
        begin_counting(&names->other, joining.span);
        count_rare(&names->other, joining.span, &filter);
        join_other(&joining);
    }
    choose_strangers(names, query);
    dictionary_builder_release(&strangers);
}

static bool is_in_one_slice(const struct trending_rows *rows)
{
    size_t slices = 0;
    for (size_t i = 0; i < rows->span_count; i++)
        slices += rows->spans[i].end > rows->spans[i].window;
    return slices == 1;
}

bool trending_names_find(struct trending_names *names, const struct trending_rows *rows,
                         const struct trending_query *query, const struct trending_result *result)
{
    names->count = 0;
    names->rows = rows;
    names->span = main_span(rows);
    if (names->span == NULL)
        return false;
    names->all_kinds = wants_all_kinds(query);
    bool is_one = is_in_one_slice(rows);
    /* with a filter the most frequent names need not be those that are wanted */
    bool only_repeated = is_one && query->min_articles >= TIMELINE_REPEATED && filter_is_open(query->filter);
    count_all_common(names, rows);
    names->common = known_of_common(names, query, result);
    begin_counting(&names->main, names->span);
    if (only_repeated)
        count_repeated(&names->main, names->span);
    else if (is_one)
        count_rare(&names->main, names->span, &all_rare);
    else
        count_everywhere(names, query);
    choose_rare(names, query, only_repeated);
    return true;
}

uint32_t trending_number_in(const struct trending_candidate *candidate, const struct features *features)
{
    if (trending_features(candidate) == features)
        return candidate->number;
    if (candidate->place != TRENDING_RARE)
        return features->timeline.common[candidate->place];
    size_t length;
    const char *term = dictionary_term(&trending_features(candidate)->terms, candidate->number, &length);
    return features_find(features, term, length, hash_bytes(term, length));
}
