#include "related/trending_best.h"

#include "base/memory.h"
#include "related/trending_score.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void trending_best_release(struct trending_best *best)
{
    free(best->scores);
    free(best->chosen);
    free(best->measured);
}

#define KNOWN_UPTO 512 /* articles in the window */

struct measuring {
    struct trending_best *best;
    struct trending_names *names;
    const struct trending_rows *rows;
    const struct trending_query *query;
    const struct trending_result *result;
    size_t seen;   /* candidates whose buckets are known */
    size_t chosen; /* of them, so far */
    size_t score_count;
    uint32_t too_many[KNOWN_UPTO]; /* see too_many_in_baseline(); 0: not known, else plus 1 */
};

/* ---- a name's articles ---- */

#define PLACE_NONE UINT32_MAX

/* The whole window lies in the candidate's own slice: `*place` becomes where it begins in the name's list. */
static uint32_t count_in_window(const struct trending_candidate *candidate, uint32_t *place)
{
    const struct date_span *span = candidate->span;
    const struct timeline *timeline = &span->slice->features.timeline;
    uint32_t end = timeline->list_starts[candidate->number + 1];
    uint32_t count = 0;
    *place = timeline_find(timeline, candidate->number, span->window);
    for (uint32_t at = *place; at < end; at++) {
        uint32_t position = TIMELINE_POSITION(timeline->lists[at]);
        if (position >= span->end)
            break;
        count += date_span_counts(span, position);
    }
    return count;
}

/* Articles of the baseline in a name's list, counted back from the place `at` up to `enough`. */
static uint32_t count_back(const struct date_span *span, uint32_t number, uint32_t at, uint32_t enough)
{
    const struct timeline *timeline = &span->slice->features.timeline;
    uint32_t first = timeline->list_starts[number];
    uint32_t count = 0;
    for (; at > first && count < enough; at--) {
        uint32_t position = TIMELINE_POSITION(timeline->lists[at - 1]);
        if (position < span->start)
            break;
        count += date_span_counts(span, position);
    }
    return count;
}

/* Up to `enough`, or more. `place`: see count_in_window(). */
static uint32_t count_baseline(const struct measuring *measuring, const struct trending_candidate *candidate,
                               uint32_t place, uint32_t enough)
{
    const struct trending_rows *rows = measuring->rows;
    uint32_t count = 0;
    for (size_t i = 0; i < rows->span_count && count < enough; i++) {
        const struct date_span *span = &rows->spans[i];
        const struct timeline *timeline = &span->slice->features.timeline;
        if (span->start == span->window)
            continue;
        uint32_t number = trending_number_in(candidate, &span->slice->features);
        if (number == DICTIONARY_NONE)
            continue;
        bool is_known = span == candidate->span && place != PLACE_NONE;
        uint32_t at = is_known ? place : timeline_find(timeline, number, span->window);
        count += count_back(span, number, at, enough - count);
    }
    return count;
}

/* ---- scores ---- */

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
    double *heap = measuring->best->scores;
    if (measuring->score_count < measuring->query->limit) {
        size_t at = measuring->score_count++;
        for (; at > 0 && heap[(at - 1) / 2] > score; at = (at - 1) / 2)
            heap[at] = heap[(at - 1) / 2];
        heap[at] = score;
    } else if (score > heap[0]) {
        heap[0] = score;
        sink(heap, measuring->score_count);
    }
    if (measuring->score_count == measuring->query->limit)
        measuring->best->least = heap[0];
}

#define BUCKETS 64
#define BUCKETS_PER_POINT 8

/* By about the score that the name would have, if it had no more articles in the baseline than are known of.
 */
static uint8_t bucket_of(const struct trending_candidate *candidate, float ratio)
{
    float score = trending_estimate(candidate->window, candidate->baseline, ratio);
    float place = score * BUCKETS_PER_POINT;
    return place <= 0 ? 0 : place >= BUCKETS - 1 ? BUCKETS - 1 : (uint8_t)place;
}

static void choose(struct measuring *measuring, size_t candidate)
{
    struct trending_best *best = measuring->best;
    measuring->names->candidates[candidate].is_chosen = true;
    best->chosen[best->chosen_count++] = (uint32_t)candidate;
}

/* So many that look best, of those that have not been chosen yet. */
static void choose_likeliest(struct measuring *measuring, size_t wanted)
{
    struct trending_best *best = measuring->best;
    const struct trending_names *names = measuring->names;
    size_t sizes[BUCKETS] = {0};
    for (size_t i = 0; i < names->count; i++)
        sizes[names->candidates[i].bucket] += !names->candidates[i].is_chosen;
    size_t above = 0;
    size_t last = BUCKETS - 1;
    for (; last > 0 && above + sizes[last] < wanted; last--)
        above += sizes[last];
    size_t rest = wanted - above; /* of the last bucket */
    best->chosen_count = 0;
    for (size_t i = 0; i < names->count; i++) {
        size_t bucket = names->candidates[i].bucket;
        if (names->candidates[i].is_chosen || bucket < last || (bucket == last && rest == 0))
            continue;
        rest -= bucket == last;
        choose(measuring, i);
    }
}

static uint32_t find_too_many(struct measuring *measuring, uint32_t window)
{
    uint32_t too_many = trending_baselines(window, (double)measuring->result->window,
                                           (double)measuring->result->baseline, measuring->best->least);
    measuring->too_many[window] = too_many + 1;
    return too_many;
}

/* With how many articles in the baseline a name cannot be among the best. UINT32_MAX: one that is very
 * frequent in the window is counted in any case. What was found for a lower `least` is still true, if a
 * little too much. */
static inline uint32_t too_many_in_baseline(struct measuring *measuring, uint32_t window)
{
    if (window >= KNOWN_UPTO || measuring->best->least <= 0)
        return UINT32_MAX;
    uint32_t known = measuring->too_many[window];
    return known != 0 ? known - 1 : find_too_many(measuring, window);
}

#define MEASURED_UNCHECKED 1024 /* a fraction of a millisecond */

#define FETCHED_AHEAD 8 /* candidates: their lists lie all over a large file */

/* NULL if it is not to be counted in its lists. */
static const struct trending_candidate *chosen_rare(const struct measuring *measuring, size_t at)
{
    const struct trending_best *best = measuring->best;
    if (at >= best->chosen_count)
        return NULL;
    const struct trending_candidate *candidate = &measuring->names->candidates[best->chosen[at]];
    return candidate->place == TRENDING_RARE ? candidate : NULL;
}

static void fetch_ahead(const struct measuring *measuring, size_t at)
{
    const struct trending_candidate *later = chosen_rare(measuring, at + 2 * (size_t)FETCHED_AHEAD);
    const struct trending_candidate *next = chosen_rare(measuring, at + FETCHED_AHEAD);
    if (later != NULL)
        timeline_prefetch_start(&trending_features(later)->timeline, later->number);
    if (next != NULL)
        timeline_prefetch_place(&trending_features(next)->timeline, next->number, next->span->window);
}

/* False if the candidate cannot be among the best. */
static bool is_possible(const struct measuring *measuring, const struct trending_candidate *candidate,
                        double deviation)
{
    double share = measuring->names->common.share;
    return !trending_is_below(candidate->window, candidate->baseline, share, deviation) &&
           score_of(measuring, candidate->window, candidate->baseline) >= measuring->best->least;
}

/* Those that can be among the best, of those that have not been chosen yet. */
static void choose_possible(struct measuring *measuring)
{
    struct trending_best *best = measuring->best;
    memset(measuring->too_many, 0, sizeof measuring->too_many); /* for what `least` is by now */
    const struct trending_names *names = measuring->names;
    double deviation = trending_deviation(best->least, names->common.share);
    best->chosen_count = 0;
    for (size_t i = 0; i < names->count; i++)
        if (!names->candidates[i].is_chosen && is_possible(measuring, &names->candidates[i], deviation))
            choose(measuring, i);
}

/* Counts a rare name's articles; false if it turns out that it cannot be among the best. */
static bool count_rare(struct measuring *measuring, struct trending_candidate *candidate)
{
    uint32_t place = PLACE_NONE;
    if (candidate->is_bound)
        candidate->window = count_in_window(candidate, &place);
    candidate->is_bound = false;
    if (candidate->window < measuring->query->min_articles)
        return false;
    uint32_t too_many = too_many_in_baseline(measuring, candidate->window);
    if (candidate->baseline >= too_many)
        return false;
    candidate->baseline = count_baseline(measuring, candidate, place, too_many);
    return candidate->baseline < too_many;
}

static void measure_candidate(struct measuring *measuring, uint32_t number)
{
    struct trending_best *best = measuring->best;
    struct trending_candidate *candidate = &measuring->names->candidates[number];
    if (candidate->place == TRENDING_RARE && !count_rare(measuring, candidate))
        return;
    double score = score_of(measuring, candidate->window, candidate->baseline);
    if (score <= 0 || score < best->least)
        return;
    best->measured[best->measured_count++] = (struct trending_measured){number, score};
    keep_score(measuring, score);
}

static int measure_chosen(struct measuring *measuring, struct error *error)
{
    struct trending_best *best = measuring->best;
    for (size_t i = 0; i < best->chosen_count; i++) {
        fetch_ahead(measuring, i);
        if (i % MEASURED_UNCHECKED == 0 && trending_check_deadline(measuring->query, error) != 0)
            return -1;
        measure_candidate(measuring, best->chosen[i]);
    }
    return 0;
}

#define FIRST_MEASURED 4 /* times the names asked for */

/* Those that look best, until as many have a score as are asked for, or all are measured. */
static int measure_likeliest(struct measuring *measuring, struct error *error)
{
    struct trending_best *best = measuring->best;
    size_t wanted = measuring->query->limit * FIRST_MEASURED;
    for (; best->least <= 0 && measuring->chosen < measuring->names->count; wanted *= 4) {
        choose_likeliest(measuring, wanted);
        measuring->chosen += best->chosen_count;
        if (measure_chosen(measuring, error) != 0)
            return -1;
    }
    return 0;
}

/* Adds the common names whose score can be in [above, below). */
static void add_common(struct measuring *measuring, double above, double below)
{
    struct trending_best *best = measuring->best;
    struct trending_names *names = measuring->names;
    trending_names_add_common(names, measuring->query, above, below);
    best->chosen = memory_grow(best->chosen, &best->chosen_capacity, names->count, sizeof *best->chosen);
    best->measured =
        memory_grow(best->measured, &best->measured_capacity, names->count, sizeof *best->measured);
    float ratio = (float)measuring->result->window / (float)measuring->result->baseline;
    for (; measuring->seen < names->count; measuring->seen++) {
        struct trending_candidate *candidate = &names->candidates[measuring->seen];
        candidate->bucket = bucket_of(candidate, ratio);
    }
}

#define LIKELY 2.0 /* a score: common names that cannot have it come only if others are not good enough */

int trending_best_find(struct trending_best *best, struct trending_names *names,
                       const struct trending_rows *rows, const struct trending_query *query,
                       const struct trending_result *result, struct error *error)
{
    struct measuring measuring = {
        .best = best, .names = names, .rows = rows, .query = query, .result = result};
    best->scores = memory_grow(best->scores, &best->score_capacity, query->limit, sizeof *best->scores);
    best->measured_count = 0;
    best->least = 0;
    add_common(&measuring, LIKELY, INFINITY);
    if (measure_likeliest(&measuring, error) != 0)
        return -1;
    if (best->least < LIKELY) {
        add_common(&measuring, best->least, LIKELY);
        if (measure_likeliest(&measuring, error) != 0)
            return -1;
    }
    if (measuring.chosen == names->count)
        return 0;
    choose_possible(&measuring);
    return measure_chosen(&measuring, error);
}
