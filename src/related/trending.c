#include "related/trending.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/prefetch.h"
#include "related/trending_best.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DATES_FETCHED 16 /* of each name's articles */

/* A candidate that may be shown. */
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
    struct trending_best best;
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
    trending_best_release(&scratch->best);
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
static size_t choose_best(struct trending_scratch *scratch, size_t limit)
{
    const struct trending_best *best = &scratch->best;
    size_t count = 0;
    scratch->choices = memory_grow(scratch->choices, &scratch->choice_capacity, best->measured_count,
                                   sizeof *scratch->choices);
    for (size_t i = 0; i < best->measured_count; i++) {
        if (best->measured[i].score < best->least)
            continue;
        struct choice *choice = &scratch->choices[count++];
        choice->candidate = &scratch->candidates.candidates[best->measured[i].candidate];
        choice->score = best->measured[i].score;
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
    if (trending_rows_find(&scratch->rows, query, result, error) != 0)
        return -1;
    result->articles = scratch->rows.count;
    if (!trending_names_find(&scratch->candidates, &scratch->rows, query, result) || query->limit == 0)
        return 0;
    if (trending_check_deadline(query, error) != 0 ||
        trending_best_find(&scratch->best, &scratch->candidates, &scratch->rows, query, result, error) != 0)
        return -1;
    result->count = choose_best(scratch, query->limit);
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
