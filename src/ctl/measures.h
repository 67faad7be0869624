/*
 * measures.h - how good a ranking is, by judged gains. Any thread.
 *
 * nDCG: Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", ACM TOIS 20(4), 2002;
 * with the discount log2(rank + 1) at every rank, as is usual since, and the judged gains themselves as
 * gains. Reciprocal rank: Voorhees, "The TREC-8 question answering track report", 1999.
 */
#ifndef STORYD_CTL_MEASURES_H
#define STORYD_CTL_MEASURES_H

#include <stddef.h>

/* `gains` of the ranking, best rank first, 0 for what is not judged; `judged`: all gains that were judged, in
 * any order. 0 if none is above 0. */
double measure_ndcg(const double *gains, size_t count, const double *judged, size_t judged_count,
                    size_t depth);

/* One by the rank of the first gain above 0; 0 if there is none. */
double measure_reciprocal_rank(const double *gains, size_t count);

#endif
