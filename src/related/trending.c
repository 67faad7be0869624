#include "related/trending.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/prefetch.h"
#include "related/trending_names.h"
#include "related/trending_score.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_MEASURED 4 /* times the names asked for */
#define DATES_FETCHED 16 /* of each name's articles */

/* A candidate whose articles have been counted, and that rises. */
struct measured {
    uint32_t candidate; /* which one */
    double score;
};

/* One that may be shown. */
struct choice {
    const struct trending_candidate *candidate;
    double score;
    const char *display;
    size_t length;
};

/* Where a name stands in one slice. */
struct dated_list {
    const struct date_span *span;
    const uint32_t *lists; /* entries of the timeline */
    uint32_t first;        /* in baseline or window */
    uint32_t window;       /* the first in the window */
    uint32_t end;          /* behind the last in the window */
};

struct trending_scratch {
    struct trending_rows rows;
    struct trending_names candidates;
    double *best; /* scores of the best so far, a heap with the least on top */
    size_t best_capacity;
    uint32_t *chosen; /* candidates that are to be measured */
    size_t chosen_capacity;
    size_t chosen_count;
    struct measured *measured;
    size_t measured_capacity;
    size_t measured_count;
    struct choice *choices;
    size_t choice_capacity;
    struct dated_list *lists; /* of the best, in one slice */
    size_t list_capacity;
    struct trending_name *names;
    size_t name_capacity;
};

struct trending_scratch *trending_scratch_new(void)
{
    return memory_zeroed(1, sizeof(struct trending_scratch));
}

void trending_scratch_free(struct trending_scratch *scratch)
{
    if (scratch == NULL)
        return;
    trending_rows_release(&scratch->rows);
    trending_names_release(&scratch->candidates);
    free(scratch->best);
    free(scratch->chosen);
    free(scratch->measured);
    free(scratch->choices);
    free(scratch->lists);
    free(scratch->names);
    free(scratch);
}

/* ---- a name's articles ---- */

/* False if the slice has no article with the name in the time. */
static bool find_list(const struct trending_candidate *candidate, const struct date_span *span,
                      struct dated_list *list)
{
    const struct timeline *timeline = &span->slice->features.timeline;
    uint32_t number = trending_number_in(candidate, &span->slice->features);
    if (number == DICTIONARY_NONE)
        return false;
    *list = (struct dated_list){
        .span = span,
        .lists = timeline->lists,
        .first = timeline_find(timeline, number, span->start),
    };
    list->window = timeline_find_from(timeline, number, list->first, span->window);
    list->end = timeline_find_from(timeline, number, list->window, span->end);
    return list->first != list->end;
}

static bool counts(const struct dated_list *list, uint32_t at)
{
    return date_span_counts(list->span, TIMELINE_POSITION(list->lists[at]));
}

/* The candidate's number in the slice; DICTIONARY_NONE also if nothing of the slice lies in [from, until). */
static uint32_t number_between(const struct trending_candidate *candidate, const struct date_span *span,
                               uint32_t from, uint32_t until)
{
    if (from == until)
        return DICTIONARY_NONE;
    return span == candidate->span ? candidate->number
                                   : trending_number_in(candidate, &span->slice->features);
}

#define PLACE_NONE UINT32_MAX

/* `*place` becomes where the window begins in the name's list of the candidate's own slice; unless that has
 * no articles in it. */
static uint32_t count_in_window(const struct trending_scratch *scratch,
                                const struct trending_candidate *candidate, uint32_t *place)
{
    uint32_t count = 0;
    for (size_t i = 0; i < scratch->rows.span_count; i++) {
        const struct date_span *span = &scratch->rows.spans[i];
        const struct timeline *timeline = &span->slice->features.timeline;
        uint32_t number = number_between(candidate, span, span->window, span->end);
        if (number == DICTIONARY_NONE)
            continue;
        uint32_t end = timeline->list_starts[number + 1];
        uint32_t at = timeline_find(timeline, number, span->window);
        if (span == candidate->span)
            *place = at;
        for (; at < end; at++) {
            uint32_t position = TIMELINE_POSITION(timeline->lists[at]);
            if (position >= span->end)
                break;
            count += date_span_counts(span, position);
        }
    }
    return count;
}

/* Counts back from the window, up to `enough`. `place`: see count_in_window(). */
static uint32_t count_baseline(const struct trending_scratch *scratch,
                               const struct trending_candidate *candidate, uint32_t place, uint32_t enough)
{
    uint32_t count = 0;
    for (size_t i = 0; i < scratch->rows.span_count && count < enough; i++) {
        const struct date_span *span = &scratch->rows.spans[i];
        const struct timeline *timeline = &span->slice->features.timeline;
        uint32_t number = number_between(candidate, span, span->start, span->window);
        if (number == DICTIONARY_NONE)
            continue;
        uint32_t first = timeline->list_starts[number];
        bool is_found = span == candidate->span && place != PLACE_NONE;
        uint32_t at = is_found ? place : timeline_find(timeline, number, span->window);
        for (; at > first && count < enough; at--) {
            uint32_t position = TIMELINE_POSITION(timeline->lists[at - 1]);
            if (position < span->start)
                break;
            count += date_span_counts(span, position);
        }
    }
    return count;
}

/* ---- the best ---- */

/*
 * Of most names it is known from the running counts how often they appear in the baseline at least: what
 * their score can be at most. Those that look best are measured first, in their lists, and then the few that
 * can still be among the best: how many names there are hardly matters.
 */
#define LIKELY 2.0     /* a score: common names that cannot have it come only if others are not good enough */
#define KNOWN_UPTO 512 /* articles in the window */

struct measuring {
    struct trending_scratch *scratch;
    const struct trending_query *query;
    const struct trending_result *result;
    size_t seen;   /* candidates whose buckets are known */
    size_t chosen; /* of them, so far */
    size_t best_count;
    double least;                  /* what the last of the best has so far; 0: there are not so many */
    uint32_t too_many[KNOWN_UPTO]; /* see too_many_in_baseline(); 0: not known, else plus 1 */
};

static double score_of(const struct measuring *measuring, uint32_t window, uint32_t baseline)
{
    return trending_score(window, (double)measuring->result->window, baseline,
                          (double)measuring->result->baseline);
}

/* Puts a score at the top of the heap to its place. */
static void sink(double *heap, size_t count)
{
    double score = heap[0];
    size_t at = 0;
    for (size_t child; (child = at * 2 + 1) < count; at = child) {
        if (child + 1 < count && heap[child + 1] < heap[child])
            child++;
        if (heap[child] >= score)
            break;
        heap[at] = heap[child];
    }
    heap[at] = score;
}

static void keep_score(struct measuring *measuring, double score)
{
    double *heap = measuring->scratch->best;
    if (measuring->best_count < measuring->query->limit) {
        size_t at = measuring->best_count++;
        for (; at > 0 && heap[(at - 1) / 2] > score; at = (at - 1) / 2)
            heap[at] = heap[(at - 1) / 2];
        heap[at] = score;
    } else if (score > heap[0]) {
        heap[0] = score;
        sink(heap, measuring->best_count);
    }
    if (measuring->best_count == measuring->query->limit)
        measuring->least = heap[0];
}

#define BUCKETS 64
#define BUCKETS_PER_POINT 8

/* By about the score that the name would have, if it had no more articles in the baseline than are known of.
 */
static uint8_t bucket_of(const struct measuring *measuring, const struct trending_candidate *candidate)
{
    float score = trending_estimate(candidate->window, (double)measuring->result->window, candidate->baseline,
                                    (double)measuring->result->baseline);
    float place = score * BUCKETS_PER_POINT;
    return place <= 0 ? 0 : place >= BUCKETS - 1 ? BUCKETS - 1 : (uint8_t)place;
}

static void choose(struct trending_scratch *scratch, size_t candidate)
{
    scratch->candidates.candidates[candidate].is_chosen = true;
    scratch->chosen[scratch->chosen_count++] = (uint32_t)candidate;
}

/* So many that look best, of those that have not been chosen yet. */
static void choose_likeliest(struct trending_scratch *scratch, size_t wanted)
{
    const struct trending_names *names = &scratch->candidates;
    size_t sizes[BUCKETS] = {0};
    for (size_t i = 0; i < names->count; i++)
        sizes[names->candidates[i].bucket] += !names->candidates[i].is_chosen;
    size_t above = 0;
    size_t last = BUCKETS - 1;
    for (; last > 0 && above + sizes[last] < wanted; last--)
        above += sizes[last];
    size_t rest = wanted - above; /* of the last bucket */
    scratch->chosen_count = 0;
    for (size_t i = 0; i < names->count; i++) {
        size_t bucket = names->candidates[i].bucket;
        if (names->candidates[i].is_chosen || bucket < last || (bucket == last && rest == 0))
            continue;
        rest -= bucket == last;
        choose(scratch, i);
    }
}

static uint32_t find_too_many(struct measuring *measuring, uint32_t window)
{
    uint32_t too_many = trending_baselines(window, (double)measuring->result->window,
                                           (double)measuring->result->baseline, measuring->least);
    measuring->too_many[window] = too_many + 1;
    return too_many;
}

/* With how many articles in the baseline a name cannot be among the best. UINT32_MAX: one that is very
 * frequent in the window is counted in any case. What was found for a lower `least` is still true, if a
 * little too much. */
static inline uint32_t too_many_in_baseline(struct measuring *measuring, uint32_t window)
{
    if (window >= KNOWN_UPTO || measuring->least <= 0)
        return UINT32_MAX;
    uint32_t known = measuring->too_many[window];
    return known != 0 ? known - 1 : find_too_many(measuring, window);
}

#define MEASURED_UNCHECKED 1024 /* a fraction of a millisecond */

#define FETCHED_AHEAD 8 /* candidates: their lists lie all over a large file */

static void fetch_ahead(const struct trending_scratch *scratch, size_t at)
{
    size_t count = scratch->chosen_count;
    const struct trending_candidate *candidates = scratch->candidates.candidates;
    if (at + 2 * (size_t)FETCHED_AHEAD < count) {
        const struct trending_candidate *later = &candidates[scratch->chosen[at + 2 * (size_t)FETCHED_AHEAD]];
        timeline_prefetch_start(&trending_features(later)->timeline, later->number);
    }
    if (at + FETCHED_AHEAD < count) {
        const struct trending_candidate *next = &candidates[scratch->chosen[at + FETCHED_AHEAD]];
        timeline_prefetch_place(&trending_features(next)->timeline, next->number, next->span->window);
    }
}

/* With how many articles in the window a name can be among the best, if it has none in the baseline. */
static uint32_t fewest_in_window(const struct measuring *measuring)
{
    uint32_t high = 1;
    while (high < UINT32_MAX / 4 && score_of(measuring, high, 0) < measuring->least)
        high *= 2;
    uint32_t low = high / 2 + 1;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (score_of(measuring, middle, 0) < measuring->least)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Those that can be among the best, of those that have not been chosen yet. */
static void choose_possible(struct measuring *measuring)
{
    struct trending_scratch *scratch = measuring->scratch;
    memset(measuring->too_many, 0, sizeof measuring->too_many); /* for what `least` is by now */
    const struct trending_names *names = &scratch->candidates;
    uint32_t fewest = fewest_in_window(measuring);
    scratch->chosen_count = 0;
    for (size_t i = 0; i < names->count; i++) {
        const struct trending_candidate *candidate = &names->candidates[i];
        if (candidate->window >= fewest && !candidate->is_chosen &&
            candidate->baseline < too_many_in_baseline(measuring, candidate->window))
            choose(scratch, i);
    }
}

/* Counts the candidate's articles, unless it turns out that it cannot be among the best. */
static void measure_candidate(struct measuring *measuring, uint32_t number)
{
    struct trending_scratch *scratch = measuring->scratch;
    struct trending_candidate *candidate = &scratch->candidates.candidates[number];
    uint32_t place = PLACE_NONE;
    if (candidate->is_bound)
        candidate->window = count_in_window(scratch, candidate, &place);
    candidate->is_bound = false;
    if (candidate->window < measuring->query->min_articles)
        return;
    uint32_t too_many = too_many_in_baseline(measuring, candidate->window);
    if (candidate->baseline >= too_many)
        return;
    candidate->baseline = count_baseline(scratch, candidate, place, too_many);
    if (candidate->baseline >= too_many)
        return;
    double score = score_of(measuring, candidate->window, candidate->baseline);
    if (score <= 0 || score < measuring->least)
        return;
    scratch->measured[scratch->measured_count++] = (struct measured){number, score};
    keep_score(measuring, score);
}

static int measure_chosen(struct measuring *measuring, struct error *error)
{
    struct trending_scratch *scratch = measuring->scratch;
    for (size_t i = 0; i < scratch->chosen_count; i++) {
        fetch_ahead(scratch, i);
        if (i % MEASURED_UNCHECKED == 0 && trending_check_deadline(measuring->query, error) != 0)
            return -1;
        measure_candidate(measuring, scratch->chosen[i]);
    }
    return 0;
}

/* Those that look best, until as many have a score as are asked for, or all are measured. */
static int measure_likeliest(struct measuring *measuring, struct error *error)
{
    struct trending_scratch *scratch = measuring->scratch;
    size_t wanted = measuring->query->limit * FIRST_MEASURED;
    for (; measuring->least <= 0 && measuring->chosen < scratch->candidates.count; wanted *= 4) {
        choose_likeliest(scratch, wanted);
        measuring->chosen += scratch->chosen_count;
        if (measure_chosen(measuring, error) != 0)
            return -1;
    }
    return 0;
}

/* Adds the common names whose score can be in [above, below). */
static void add_common(struct measuring *measuring, double above, double below)
{
    struct trending_scratch *scratch = measuring->scratch;
    struct trending_names *names = &scratch->candidates;
    trending_names_add_common(names, measuring->query, above, below);
    scratch->chosen =
        memory_grow(scratch->chosen, &scratch->chosen_capacity, names->count, sizeof *scratch->chosen);
    scratch->measured =
        memory_grow(scratch->measured, &scratch->measured_capacity, names->count, sizeof *scratch->measured);
    for (; measuring->seen < names->count; measuring->seen++) {
        struct trending_candidate *candidate = &names->candidates[measuring->seen];
        candidate->bucket = bucket_of(measuring, candidate);
    }
}

static int measure(struct measuring *measuring, struct error *error)
{
    struct trending_scratch *scratch = measuring->scratch;
    scratch->best =
        memory_grow(scratch->best, &scratch->best_capacity, measuring->query->limit, sizeof *scratch->best);
    scratch->measured_count = 0;
    add_common(measuring, LIKELY, INFINITY);
    if (measure_likeliest(measuring, error) != 0)
        return -1;
    if (measuring->least < LIKELY) {
        add_common(measuring, measuring->least, LIKELY);
        if (measure_likeliest(measuring, error) != 0)
            return -1;
    }
    if (measuring->chosen == scratch->candidates.count)
        return 0;
    choose_possible(measuring);
    return measure_chosen(measuring, error);
}

/* ---- how a name is written ---- */

static uint8_t kind_of(const struct trending_candidate *candidate)
{
    return trending_features(candidate)->kinds[candidate->number];
}

/* As in the first slice that has it in the window. */
static void find_display(const struct trending_scratch *scratch, const struct trending_candidate *candidate,
                         const char **text, size_t *length)
{
    const struct features *features = trending_features(candidate);
    uint32_t number = candidate->number;
    for (size_t i = 0; i < scratch->rows.span_count; i++) {
        struct dated_list list;
        const struct date_span *span = &scratch->rows.spans[i];
        if (span->window == span->end || !find_list(candidate, span, &list))
            continue;
        while (list.window < list.end && !counts(&list, list.window))
            list.window++;
        if (list.window == list.end)
            continue;
        features = &span->slice->features;
        number = trending_number_in(candidate, features);
        break;
    }
    *text = dictionary_display(&features->terms, number, length);
}

static int compare_choices(const void *left, const void *right)
{
    const struct choice *a = left;
    const struct choice *b = right;
    double difference = a->score - b->score;
    if (difference > 0 || difference < 0)
        return difference > 0 ? -1 : 1;
    int order = memcmp(a->display, b->display, a->length < b->length ? a->length : b->length);
    if (order != 0 || a->length != b->length)
        return order != 0 ? order : a->length > b->length ? 1 : -1;
    return (int)kind_of(a->candidate) - (int)kind_of(b->candidate);
}

/* Those that are among the best, or as good as the last of them, in order: how many are among the best. */
static size_t choose_best(struct trending_scratch *scratch, double least, size_t limit)
{
    size_t count = 0;
    scratch->choices = memory_grow(scratch->choices, &scratch->choice_capacity, scratch->measured_count,
                                   sizeof *scratch->choices);
    for (size_t i = 0; i < scratch->measured_count; i++) {
        if (scratch->measured[i].score < least)
            continue;
        struct choice *choice = &scratch->choices[count++];
        choice->candidate = &scratch->candidates.candidates[scratch->measured[i].candidate];
        choice->score = scratch->measured[i].score;
        find_display(scratch, choice->candidate, &choice->display, &choice->length);
    }
    if (count != 0)
        qsort(scratch->choices, count, sizeof *scratch->choices, compare_choices);
    return count < limit ? count : limit;
}

/* Figures and text of the best; no series and articles yet. */
static void describe_best(struct trending_scratch *scratch, size_t count)
{
    scratch->names = memory_grow(scratch->names, &scratch->name_capacity, count, sizeof *scratch->names);
    for (size_t i = 0; i < count; i++) {
        const struct choice *choice = &scratch->choices[i];
        struct trending_name *name = &scratch->names[i];
        name->display = choice->display;
        name->display_length = (uint32_t)choice->length;
        name->kind = kind_of(choice->candidate);
        name->window = choice->candidate->window;
        name->baseline = choice->candidate->baseline;
        name->score = choice->score;
        memset(name->series, 0, sizeof name->series);
        name->article_count = 0;
    }
}

/* ---- series and articles ---- */

/* Those most about the name first, then the newest. */
static bool is_before(const struct trending_article *a, const struct trending_article *b)
{
    if (a->weight > b->weight || a->weight < b->weight)
        return a->weight > b->weight;
    int64_t a_published = a->slice->rows->published[a->row];
    int64_t b_published = b->slice->rows->published[b->row];
    if (a_published != b_published)
        return a_published > b_published;
    return a->slice->rows->docids[a->row] > b->slice->rows->docids[b->row];
}

static void offer(struct trending_name *name, size_t limit, const struct trending_article *article)
{
    size_t at = name->article_count;
    while (at > 0 && is_before(article, &name->articles[at - 1])) {
        if (at < limit)
            name->articles[at] = name->articles[at - 1];
        at--;
    }
    if (at >= limit)
        return;
    name->articles[at] = *article;
    name->article_count += name->article_count < limit;
}

static void offer_articles(struct trending_name *name, const struct dated_list *list,
                           const struct trending_query *query, const struct trending_result *result)
{
    struct slice *slice = list->span->slice;
    double decay = 1; /* of an article that is not older */
    for (uint32_t at = list->end; at > list->window && query->articles != 0; at--) {
        uint32_t weight = TIMELINE_WEIGHT(list->lists[at - 1]);
        bool is_full = name->article_count == query->articles;
        if (!counts(list, at - 1) ||
            (is_full && weight * decay < name->articles[name->article_count - 1].weight))
            continue;
        uint32_t row = slice->rows->by_date[TIMELINE_POSITION(list->lists[at - 1])];
        decay = exp2(-(double)(query->at - slice->rows->published[row]) / (double)result->window);
        struct trending_article article = {slice, row, weight * decay};
        offer(name, query->articles, &article);
    }
}

/* `ends`: the first position behind each step. */
static void add_series(struct trending_name *name, const struct dated_list *list, const uint32_t *ends)
{
    size_t step = 0;
    for (uint32_t at = list->first; at < list->end; at++) {
        uint32_t position = TIMELINE_POSITION(list->lists[at]);
        while (position >= ends[step])
            step++;
        name->series[step] += counts(list, at);
    }
}

/* Has the newest articles' dates fetched, which offer_articles() reads: first their rows, then the dates. */
static void prefetch_dates(const struct dated_list *lists, size_t count)
{
    for (int is_row_there = 0; is_row_there < 2; is_row_there++)
        for (size_t i = 0; i < count; i++) {
            const struct rows *rows = lists[i].span->slice->rows;
            for (uint32_t n = 1; n <= DATES_FETCHED && n <= lists[i].end - lists[i].window; n++) {
                const uint32_t *row = &rows->by_date[TIMELINE_POSITION(lists[i].lists[lists[i].end - n])];
                if (is_row_there)
                    prefetch(&rows->published[*row]);
                else
                    prefetch(row);
            }
        }
}

/* The lists that the best names have in one slice; one without articles if there is none. */
static void find_lists(struct trending_scratch *scratch, const struct date_span *span, size_t count)
{
    scratch->lists = memory_grow(scratch->lists, &scratch->list_capacity, count, sizeof *scratch->lists);
    for (size_t i = 0; i < count; i++)
        if (!find_list(scratch->choices[i].candidate, span, &scratch->lists[i]))
            scratch->lists[i] = (struct dated_list){.span = span};
}

static void find_details(struct trending_scratch *scratch, const struct trending_query *query,
                         const struct trending_result *result)
{
    for (size_t i = 0; i < scratch->rows.span_count; i++) {
        const struct date_span *span = &scratch->rows.spans[i];
        uint32_t ends[TRENDING_STEPS];
        find_lists(scratch, span, result->count);
        prefetch_dates(scratch->lists, result->count);
        trending_rows_steps(span, query, result, ends);
        for (size_t j = 0; j < result->count; j++) {
            add_series(&scratch->names[j], &scratch->lists[j], ends);
            offer_articles(&scratch->names[j], &scratch->lists[j], query, result);
        }
    }
}

/* ---- the whole ---- */

static int find_trending(struct trending_scratch *scratch, const struct trending_query *query,
                         struct trending_result *result, struct error *error)
{
    struct measuring measuring = {.scratch = scratch, .query = query, .result = result};
    if (trending_rows_find(&scratch->rows, query, result, error) != 0)
        return -1;
    result->articles = scratch->rows.count;
    if (!trending_names_find(&scratch->candidates, &scratch->rows, query, result) || query->limit == 0)
        return 0;
    if (trending_check_deadline(query, error) != 0 || measure(&measuring, error) != 0)
        return -1;
    result->count = choose_best(scratch, measuring.least, query->limit);
    if (trending_check_deadline(query, error) != 0)
        return -1;
    describe_best(scratch, result->count);
    find_details(scratch, query, result);
    result->names = scratch->names;
    return 0;
}

int trending_run(struct trending_scratch *scratch, const struct trending_query *query,
                 struct trending_result *result, struct error *error)
{
    *result = (struct trending_result){.window = query->window, .baseline = query->baseline};
    trending_rows_bound(query, result);
    if (result->window <= 0) /* more rows than allowed lie in the last second alone */
        return 0;
    return find_trending(scratch, query, result, error);
}
