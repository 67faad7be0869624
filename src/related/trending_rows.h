/*
 * trending_rows.h - which articles TRENDING counts: those of its time that live and pass the filter, each
 * story once.
 *
 * A slice's articles of the time are a range of positions in the order of its dates (timeline.h), with one
 * bit for each that is cleared for what does not count. What died and what is a copy is marked by position in
 * the slice, so that without a filter the rest need not be looked at one by one. One thread at a time.
 */
#ifndef STORYD_RELATED_TRENDING_ROWS_H
#define STORYD_RELATED_TRENDING_ROWS_H

#include "related/stories.h"
#include "related/trending.h"

/* Positions of one slice: baseline [start, window), window [window, end). */
struct date_span {
    struct slice *slice;
    uint32_t start;
    uint32_t window;
    uint32_t end;
    uint32_t baseline_articles; /* that count */
    uint32_t window_articles;
    uint64_t *counts; /* bits by position, from that of start / 64 * 64 on */
};

/* Zero-initialise; trending_rows_release(). */
struct trending_rows {
    struct date_span *spans; /* of slices that have articles in the time, in the snapshot's order */
    size_t span_count;
    size_t span_capacity;
    uint64_t *words; /* of all spans */
    size_t word_capacity;
    uint64_t count; /* articles that count */
    struct resolved_filter resolved;
    struct stories stories; /* that have near-copies among the articles */
};
void trending_rows_release(struct trending_rows *rows);

/* True if the article at a position of the span counts. */
static inline bool date_span_counts(const struct date_span *span, uint32_t position)
{
    return (span->counts[position / 64 - span->start / 64] >> (position % 64) & 1) != 0;
}

/* The first position in [from, until) whose article does not count; `until` if there is none. */
uint32_t date_span_hole(const struct date_span *span, uint32_t from, uint32_t until);

/* The next range of positions that all count, in [from, until): false if there is none. */
bool date_span_run(const struct date_span *span, uint32_t from, uint32_t until, uint32_t *first,
                   uint32_t *end);

/* Shortens the result's baseline until no more rows than allowed are left; if nearly nothing is left of it,
 * window and baseline share what there is. */
void trending_rows_bound(const struct trending_query *query, struct trending_result *result);

/* Finds the articles of the result's window and baseline. Errors: deadline. */
int trending_rows_find(struct trending_rows *rows, const struct trending_query *query,
                       const struct trending_result *result, struct error *error);

/* The first positions behind the steps of the series. */
void trending_rows_steps(const struct date_span *span, const struct trending_query *query,
                         const struct trending_result *result, uint32_t ends[TRENDING_STEPS]);

int trending_check_deadline(const struct trending_query *query, struct error *error);

#endif
