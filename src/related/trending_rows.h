/*
 * trending_rows.h - which rows TRENDING counts: those of its time that pass the filter, each story once.
 *
 * In the order of dates within each slice. One thread at a time.
 */
#ifndef STORYD_RELATED_TRENDING_ROWS_H
#define STORYD_RELATED_TRENDING_ROWS_H

#include "related/stories.h"
#include "related/trending.h"

/* Rows lie all over a slice: what is read of one is fetched while these many before it are worked on. */
#define ROWS_AHEAD 16

/* A row that counts. */
struct dated_row {
    uint32_t row;
    uint32_t original; /* features_original() */
    uint32_t step;     /* of the series */
};

/* The rows of one slice that count, in order of their dates: baseline first, then window. */
struct slice_span {
    size_t start; /* in `rows` */
    size_t window;
    size_t end;
};

/* Zero-initialise; trending_rows_release(). */
struct trending_rows {
    struct dated_row *rows;
    size_t capacity;
    size_t count;
    struct slice_span *spans; /* by slice */
    size_t span_capacity;
    struct resolved_filter resolved;
    struct stories stories; /* that have near-copies among the rows */
};
void trending_rows_release(struct trending_rows *counted);

/* Shortens the result's baseline until no more rows than allowed are left; if nearly nothing is left of it,
 * window and baseline share what there is. */
void trending_rows_bound(const struct trending_query *query, struct trending_result *result);

/* Finds the rows of the result's window and baseline. Errors: deadline. */
int trending_rows_find(struct trending_rows *counted, const struct trending_query *query,
                       const struct trending_result *result, struct error *error);

int trending_check_deadline(const struct trending_query *query, struct error *error);

#endif
