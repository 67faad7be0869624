/*
 * trending_best.h - which of TRENDING's candidates have the highest scores.
 *
 * Of common names it is known how often they appear, of rare ones in how many articles of the baseline at
 * least: what their score can be at most. Those that look best are measured first, rare ones in their lists,
 * and then the few that can still be among the best: how many names there are hardly matters. One thread at a
 * time.
 */
#ifndef STORYD_RELATED_TRENDING_BEST_H
#define STORYD_RELATED_TRENDING_BEST_H

#include "related/trending_names.h"

/* A candidate whose articles have been counted, and that rises. */
struct trending_measured {
    uint32_t candidate; /* which one; its `window` and `baseline` are the numbers */
    double score;
};

/* Zero-initialise; trending_best_release(). */
struct trending_best {
    struct trending_measured *measured; /* the best, those as good as the last of them, and some others */
    size_t measured_capacity;
    size_t measured_count;
    double least;   /* what the last of the best has; 0 if there are not as many as asked for */
    double *scores; /* of the best so far, a heap with the least on top */
    size_t score_capacity;
    uint32_t *chosen; /* candidates that are to be measured */
    size_t chosen_capacity;
    size_t chosen_count;
};
void trending_best_release(struct trending_best *best);

/* Measures the candidates that can be among the query's `limit` best, which is above 0, and adds common names
 * to them. Errors: deadline. */
int trending_best_find(struct trending_best *best, struct trending_names *names,
                       const struct trending_rows *rows, const struct trending_query *query,
                       const struct trending_result *result, struct error *error);

#endif
