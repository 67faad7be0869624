/*
 * trending.h - tags and entities that rise: how often they appear in a window, against how often before it.
 *
 * What is counted is the slices' timelines: time buckets that are kept while indexing (index/timeline.h). The
 * names of the window are counted, then those are compared with the baseline that can still be among the
 * best: the time depends on the names of the window, not on how large the index is, and no text is read. What
 * the score is says trending_score.h.
 *
 * Of near-copies of one story only the first is counted that passed the filter and lies in the time.
 *
 * The scratch memory belongs to one thread; results point into it and into the snapshot, which the caller
 * holds.
 */
#ifndef STORYD_RELATED_TRENDING_H
#define STORYD_RELATED_TRENDING_H

#include "index/snapshot.h"
#include "query/filter.h"

#define TRENDING_STEPS 16        /* of a series */
#define TRENDING_ARTICLES_MAX 20 /* for each name */

struct trending_query {
    const struct snapshot *snapshot;
    const struct filter *filter;
    int64_t at;       /* seconds: the last that counts */
    int64_t window;   /* seconds, above 0: (at - window, at] */
    int64_t baseline; /* seconds, above 0: the time before the window */
    bool kinds[NAME_KIND_COUNT];
    uint32_t min_articles; /* in the window, at least 1 */
    size_t limit;
    size_t articles; /* to name for each, up to TRENDING_ARTICLES_MAX */
    uint32_t rows_max;
    int64_t deadline; /* clock.h; 0 = none */
};

struct trending_article {
    struct slice *slice; /* borrowed from the snapshot */
    uint32_t row;
    double weight;
};

struct trending_name {
    const char *display; /* borrowed from the snapshot */
    uint32_t display_length;
    uint8_t kind;                    /* enum name_kind */
    uint32_t window;                 /* articles in it */
    uint32_t baseline;               /* articles in it */
    double score;                    /* above 0 */
    uint32_t series[TRENDING_STEPS]; /* articles in equal steps over baseline and window, oldest first */
    struct trending_article
        articles[TRENDING_ARTICLES_MAX]; /* of the window, those most about the name first */
    size_t article_count;
};

struct trending_result {
    const struct trending_name *names; /* highest score first, equal ones in order of their names and kinds */
    size_t count;
    uint64_t articles; /* counted in window and baseline */
    int64_t window;    /* seconds: as asked for, unless `bounded` */
    int64_t baseline;
    bool bounded; /* more rows than rows_max: only the newest are counted, in a shorter time */
};

struct trending_scratch;
struct trending_scratch *trending_scratch_new(void);
void trending_scratch_free(struct trending_scratch *scratch);

/* The names that rise. An article is the more about a name the heavier the name weighs in its vector, halved
 * for every window of age. `result` is valid until the scratch's next use. Errors: deadline. */
int trending_run(struct trending_scratch *scratch, const struct trending_query *query,
                 struct trending_result *result, struct error *error);

#endif
