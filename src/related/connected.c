#include "related/connected.h"

#include "base/date.h"
#include "base/prefetch.h"

#include <math.h>
#include <stdio.h>

#define DAYS_PER_MONTH 30.44
#define DAYS_PER_YEAR 365.25

static void note_date(struct connected_summary *summary, const struct related_hit *hit)
{
    int64_t published = hit->slice->rows->published[hit->row];
    if (published == DATE_NONE)
        return;
    if (summary->most_recent == NULL || published > summary->last_published) {
        summary->most_recent = hit;
        summary->last_published = published;
    }
    if (summary->first_published == DATE_NONE || published < summary->first_published)
        summary->first_published = published;
}

static double heat_of(const struct connected_summary *summary, const struct related_hit *hit)
{
    int64_t published = hit->slice->rows->published[hit->row];
    if (published == DATE_NONE || summary->last_published == DATE_NONE)
        return 0;
    return exp2(-(double)(summary->last_published - published) / CONNECTED_HALF_LIFE);
}

/* What is read of the hits lies all over the slices' columns. */
#define AHEAD 16

static void prefetch_hit(const struct related_hit *hits, size_t count, size_t at)
{
    if (at >= count)
        return;
    prefetch(&hits[at].slice->rows->published[hits[at].row]);
    prefetch(&hits[at].slice->shared->views[hits[at].row]);
}

void connected_summarise(const struct related_hit *hits, size_t count, const struct copies *copies,
                         struct connected_summary *summary)
{
    summary->events = count;
    summary->views = copies_views(copies);
    summary->first_published = summary->last_published = DATE_NONE;
    for (size_t i = 0; i < count; i++) {
        prefetch_hit(hits, count, i + AHEAD);
        summary->views += slice_row_views(hits[i].slice, hits[i].row);
        note_date(summary, &hits[i]);
    }
    for (size_t i = 0; i < count; i++)
        name_tally_add(&summary->names, &hits[i], heat_of(summary, &hits[i]));
    name_tally_join(&summary->names);
}

void connected_release(struct connected_summary *summary)
{
    name_tally_release(&summary->names);
}

const char *connected_span(int64_t days, char *text, size_t size)
{
    const char *unit = "day";
    long number = (long)days;
    if (days >= 45 && (double)days < 18 * DAYS_PER_MONTH) {
        unit = "month";
        number = lround((double)days / DAYS_PER_MONTH);
    } else if (days >= 45) {
        unit = "year";
        number = lround((double)days / DAYS_PER_YEAR);
    }
    snprintf(text, size, "%ld %s%s", number, unit, number == 1 ? "" : "s");
    return text;
}
