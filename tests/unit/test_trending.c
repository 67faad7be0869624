#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/date.h"
#include "base/hash.h"
#include "base/memory.h"
#include "corpus.h"
#include "related/trending.h"
#include "related/trending_names.h"
#include "related/trending_score.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLICES 5
#define DAY 86400
#define NAMES_MAX 400
#define ROWS_MAX_ALL 200000

/* Random articles of one year in slices of very different sizes, a third of them dead. */
struct fixture {
    struct random random;
    struct epoch *epoch;
    struct slice *slices[SLICES];
    struct snapshot snapshot; /* never shared: not reference counted here */
    struct trending_scratch *scratch;
    struct filter *everything;
    uint64_t copies; /* that did not count so far */
};

static void kill_some(struct fixture *fixture, struct slice *slice)
{
    for (uint32_t row = 0; row < slice->rows->count; row++) {
        uint32_t fate = random_below(&fixture->random, 6);
        if (fate < 2) /* 100001: after the snapshot, so it still lives in it */
            slice_kill(slice, slice->rows->docids[row], 100000 + fate);
    }
}

/* The slice again, a quarter of it near-copies of articles of the first slice, some of which do not exist. */
static struct slice *with_copies(struct fixture *fixture, struct slice *slice)
{
    uint32_t *originals = memory_zeroed(slice->rows->count, sizeof *originals);
    for (uint32_t row = 1; row < slice->rows->count; row++)
        if (random_below(&fixture->random, 4) == 0)
            originals[row] = 1 + random_below(&fixture->random, row < 60 ? row : 60);
    char *bytes = features_with_originals(&slice->features, originals);
    struct image_bytes image = image_bytes_of_block(bytes, slice->features.image.length);
    struct slice *result;
    assert_int_equal(slice_with_features(slice, image, &result, NULL), 0);
    slice_release(slice);
    free(originals);
    return result;
}

enum fate { ALL_LIVE, SOME_DIED, SOME_DIED_OR_ARE_COPIES };

/* `epoch_articles`: the epoch's; without any no name is common. */
static int set_up_sizes(void **state, const uint32_t *sizes, uint32_t epoch_articles, enum fate fate)
{
    struct fixture *fixture = memory_zeroed(1, sizeof *fixture);
    fixture->random = (struct random){.state = 7, .small_towns = true};
    fixture->epoch = epoch_articles != 0 ? epoch_of_corpus(1, fixture->random, epoch_articles)
                                         : epoch_of(1, 1000, NULL, NULL, 0);
    uint32_t docid = 1;
    for (size_t i = 0; i < SLICES; i++) {
        fixture->slices[i] = slice_at_random(&fixture->random, fixture->epoch, docid, 3, sizes[i]);
        if (fate != ALL_LIVE)
            kill_some(fixture, fixture->slices[i]);
        if (fate == SOME_DIED_OR_ARE_COPIES)
            fixture->slices[i] = with_copies(fixture, fixture->slices[i]);
        docid += 3 * sizes[i] + 10;
    }
    fixture->snapshot = (struct snapshot){
        .revision = 100000, .slices = fixture->slices, .slice_count = SLICES, .epoch = fixture->epoch};
    fixture->scratch = trending_scratch_new();
    assert_int_equal(filter_parse(NULL, &fixture->everything, NULL), 0);
    *state = fixture;
    return 0;
}

static int set_up(void **state)
{
    static const uint32_t sizes[SLICES] = {900, 1, 300, 40, 3};
    return set_up_sizes(state, sizes, 0, SOME_DIED_OR_ARE_COPIES);
}

/* The first slice is so large that its timeline has running counts. */
static int set_up_large(void **state)
{
    static const uint32_t sizes[SLICES] = {4000, 1, 300, 40, 3};
    return set_up_sizes(state, sizes, 4000, SOME_DIED_OR_ARE_COPIES);
}

/* Several have them. */
static int set_up_several(void **state)
{
    static const uint32_t sizes[SLICES] = {1100, 2, 900, 1300, 30};
    return set_up_sizes(state, sizes, 3000, SOME_DIED_OR_ARE_COPIES);
}

/* All articles count: the running counts tell most. */
static int set_up_live(void **state)
{
    static const uint32_t sizes[SLICES] = {4000, 1, 300, 40, 3};
    return set_up_sizes(state, sizes, 4000, ALL_LIVE);
}

/* One article in six does not count, so whole blocks are counted and those taken back. */
static int set_up_dead(void **state)
{
    static const uint32_t sizes[SLICES] = {3000, 1, 900, 40, 3};
    return set_up_sizes(state, sizes, 3500, SOME_DIED);
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < SLICES; i++)
        slice_release(fixture->slices[i]);
    trending_scratch_free(fixture->scratch);
    filter_free(fixture->everything);
    epoch_release(fixture->epoch);
    free(fixture);
    return 0;
}

static struct trending_query query_at(const struct fixture *fixture, int64_t at)
{
    return (struct trending_query){.snapshot = &fixture->snapshot,
                                   .filter = fixture->everything,
                                   .at = at,
                                   .window = 20 * DAY,
                                   .baseline = 60 * DAY,
                                   .kinds = {true, true, true, true, true},
                                   .min_articles = 1,
                                   .limit = NAMES_MAX,
                                   .articles = 4,
                                   .rows_max = ROWS_MAX_ALL};
}

/* A moment of the year at which something may have been published to the second. */
static int64_t moment(struct fixture *fixture)
{
    int64_t year;
    assert_true(date_parse("2025", 4, &year, NULL));
    return year + (int64_t)random_below(&fixture->random, 380 * 24) * 3600;
}

static struct trending_result run(struct fixture *fixture, const struct trending_query *query)
{
    struct trending_result result;
    struct error error = ERROR_INIT;
    if (trending_run(fixture->scratch, query, &result, &error) != 0)
        fail_msg("%s", error.message);
    return result;
}

/* ---- the slow and obvious way: every row of every slice, every name by its text ---- */

struct counted {
    char *display;
    uint8_t kind;
    uint32_t window;
    uint32_t baseline;
    uint32_t series[TRENDING_STEPS];
    struct trending_article best;
    double score;
};

struct tally {
    struct counted names[NAMES_MAX];
    size_t count;
    uint64_t articles;
    uint64_t copies; /* that do not count */
};

static struct counted *counted_name(struct tally *tally, const struct feature *feature)
{
    for (size_t i = 0; i < tally->count; i++)
        if (tally->names[i].kind == feature->kind &&
            strlen(tally->names[i].display) == feature->display_length &&
            memcmp(tally->names[i].display, feature->display, feature->display_length) == 0)
            return &tally->names[i];
    assert_true(tally->count < NAMES_MAX);
    struct counted *name = &tally->names[tally->count++];
    *name = (struct counted){.display = memory_copy_bytes(feature->display, feature->display_length),
                             .kind = feature->kind};
    return name;
}

static void tally_article(struct tally *tally, const struct trending_query *query, struct slice *slice,
                          uint32_t row, const struct feature_vector *vector)
{
    int64_t span = query->window + query->baseline;
    int64_t age = query->at - slice->rows->published[row];
    for (size_t i = 0; i < vector->count; i++) {
        const struct feature *feature = &vector->items[i];
        if (feature->kind == FEATURE_TERM || !query->kinds[feature->kind])
            continue;
        struct counted *name = counted_name(tally, feature);
        name->series[(span - 1 - age) * TRENDING_STEPS / span]++;
        if (age >= query->window) {
            name->baseline++;
            continue;
        }
        name->window++;
        double weight = feature->weight * pow(0.5, (double)age / (double)query->window);
        if (weight > name->best.weight)
            name->best = (struct trending_article){slice, row, weight};
    }
}

/* Whether the row counts, but for copies. */
static bool is_in(const struct trending_query *query, const struct slice *slice, uint32_t row,
                  const struct resolved_filter *resolved)
{
    int64_t published = slice->rows->published[row];
    return published != DATE_NONE && published <= query->at &&
           published > query->at - query->window - query->baseline &&
           slice_row_lives(slice, row, query->snapshot->revision) && filter_accepts(resolved, row);
}

static uint32_t story_of(const struct slice *slice, uint32_t row)
{
    uint32_t original = features_original(&slice->features, row);
    return original != 0 ? original : slice->rows->docids[row];
}

/* Whether an earlier article of the row's story counts. */
static bool is_told_before(const struct trending_query *query, const struct slice *slice, uint32_t row)
{
    bool found = false;
    uint32_t docid = slice->rows->docids[row];
    struct resolved_filter resolved = {0};
    for (size_t i = 0; i < query->snapshot->slice_count && !found; i++) {
        const struct slice *other = query->snapshot->slices[i];
        filter_resolve(query->filter, other, &query->snapshot->epoch->statistics, &resolved);
        for (uint32_t at = 0; at < other->rows->count && other->rows->docids[at] < docid && !found; at++)
            found = story_of(other, at) == story_of(slice, row) && is_in(query, other, at, &resolved);
    }
    resolved_filter_release(&resolved);
    return found;
}

static void reference(const struct trending_query *query, struct tally *tally)
{
    struct feature_vector vector = {0};
    struct resolved_filter resolved = {0};
    for (size_t i = 0; i < query->snapshot->slice_count; i++) {
        struct slice *slice = query->snapshot->slices[i];
        filter_resolve(query->filter, slice, &query->snapshot->epoch->statistics, &resolved);
        for (uint32_t row = 0; row < slice->rows->count; row++) {
            if (!is_in(query, slice, row, &resolved))
                continue;
            if (is_told_before(query, slice, row)) {
                tally->copies++;
                continue;
            }
            tally->articles++;
            features_vector(&slice->features, row, &vector);
            tally_article(tally, query, slice, row, &vector);
        }
    }
    feature_vector_release(&vector);
    resolved_filter_release(&resolved);
}

/* G squared of a two by one table, as text books write it. */
static double score_of(const struct trending_query *query, const struct counted *name)
{
    double w = (double)query->window / DAY;
    double v = (double)query->baseline / DAY;
    double a = name->window + w / (w + v);
    double b = name->baseline + v / (w + v);
    double rate = (a + b) / (w + v);
    if (name->window / w <= name->baseline / v || name->window < query->min_articles)
        return 0;
    return sqrt(2 * (a * log(a / (rate * w)) + b * log(b / (rate * v))));
}

static const struct counted *counted_as(const struct tally *tally, const struct trending_name *name)
{
    for (size_t i = 0; i < tally->count; i++)
        if (tally->names[i].kind == name->kind && strlen(tally->names[i].display) == name->display_length &&
            memcmp(tally->names[i].display, name->display, name->display_length) == 0)
            return &tally->names[i];
    fail_msg("%.*s was not counted", (int)name->display_length, name->display);
    return NULL;
}

static void compare_name(const struct trending_query *query, const struct tally *tally,
                         const struct trending_name *name)
{
    const struct counted *counted = counted_as(tally, name);
    assert_int_equal(name->window, counted->window);
    assert_int_equal(name->baseline, counted->baseline);
    assert_memory_equal(name->series, counted->series, sizeof name->series);
    assert_true(fabs(name->score - score_of(query, counted)) < 1e-9);
    assert_int_equal(name->article_count,
                     counted->window < query->articles ? counted->window : query->articles);
    assert_true(fabs(name->articles[0].weight - counted->best.weight) < 1e-6);
    for (size_t i = 1; i < name->article_count; i++) {
        assert_true(name->articles[i].weight <= name->articles[i - 1].weight);
        assert_true(name->articles[i].slice != name->articles[i - 1].slice ||
                    name->articles[i].row != name->articles[i - 1].row);
    }
}

static size_t compare(struct fixture *fixture, const struct trending_query *query)
{
    struct tally *tally = memory_zeroed(1, sizeof *tally);
    reference(query, tally);
    struct trending_result result = run(fixture, query);
    size_t rising = 0;
    size_t better = 0; /* than the last that was found */
    for (size_t i = 0; i < tally->count; i++)
        rising += score_of(query, &tally->names[i]) > 0;
    assert_int_equal(result.articles, tally->articles);
    assert_int_equal(result.count, rising < query->limit ? rising : query->limit);
    assert_false(result.bounded);
    for (size_t i = 0; i < result.count; i++) {
        compare_name(query, tally, &result.names[i]);
        assert_true(i == 0 || result.names[i].score <= result.names[i - 1].score);
    }
    for (size_t i = 0; i < tally->count && result.count != 0; i++)
        better += score_of(query, &tally->names[i]) > result.names[result.count - 1].score + 1e-9;
    assert_true(better == 0 || better < result.count); /* none is left out */
    fixture->copies += tally->copies;
    for (size_t i = 0; i < tally->count; i++)
        free(tally->names[i].display);
    free(tally);
    return result.count;
}

static void counts_are_those_of_the_slow_way(void **state)
{
    struct fixture *fixture = *state;
    size_t found = 0;
    for (int i = 0; i < 40; i++) {
        struct trending_query query = query_at(fixture, moment(fixture));
        query.window = (int64_t)(1 + random_below(&fixture->random, 30)) * DAY;
        query.baseline = (int64_t)(1 + random_below(&fixture->random, 100)) * DAY;
        query.min_articles = 1 + random_below(&fixture->random, 3);
        query.limit = i % 4 == 0 ? 3 : NAMES_MAX;
        query.kinds[NAME_PLACE] = i % 3 != 0;
        found += compare(fixture, &query);
    }
    assert_true(found > 300);
    assert_true(fixture->copies > 300);
}

/* Times of a length at random, in days: from `least` on, `more` at most longer. */
struct lengths {
    uint32_t least;
    uint32_t more;
};

/* Names that are found of so many requests, each at some moment. */
static size_t compare_at_random(struct fixture *fixture, int requests, struct lengths window,
                                struct lengths baseline)
{
    size_t found = 0;
    for (int i = 0; i < requests; i++) {
        struct trending_query query = query_at(fixture, moment(fixture));
        query.window = (int64_t)(window.least + random_below(&fixture->random, window.more)) * DAY;
        query.baseline = (int64_t)(baseline.least + random_below(&fixture->random, baseline.more)) * DAY;
        query.min_articles = 1 + (uint32_t)i % 4;
        query.limit = i % 2 == 0 ? 5 : NAMES_MAX;
        found += compare(fixture, &query);
    }
    return found;
}

static void whole_blocks_are_counted_as_their_articles(void **state)
{
    struct fixture *fixture = *state;
    const struct timeline *timeline = &fixture->slices[0]->features.timeline;
    assert_true(timeline->common_count > 20 && timeline->rare_starts[timeline->positions] > 20);
    size_t found = compare_at_random(fixture, 8, (struct lengths){10, 150}, (struct lengths){10, 150});
    fixture->snapshot.slice_count = 1;
    found += compare_at_random(fixture, 8, (struct lengths){10, 150}, (struct lengths){10, 150});
    assert_true(found > 300);
    assert_true(fixture->copies > 300);
}

/* A short window after a long baseline: what hardly rises is looked at last, but is not forgotten. */
static void names_that_hardly_rise_are_found(void **state)
{
    struct fixture *fixture = *state;
    size_t found = 0;
    for (int i = 0; i < 12; i++) {
        struct trending_query query = query_at(fixture, 0);
        assert_true(date_parse("2025-12-20", 10, &query.at, NULL));
        query.at -= (int64_t)random_below(&fixture->random, 40) * DAY;
        query.window = (int64_t)(10 + random_below(&fixture->random, 20)) * DAY;
        query.baseline = (int64_t)(200 + random_below(&fixture->random, 80)) * DAY;
        query.min_articles = 1 + (uint32_t)i % 4;
        query.limit = i % 2 == 0 ? 8 : NAMES_MAX;
        found += compare(fixture, &query);
    }
    assert_true(found > 100);
}

struct dated_tags {
    const char *date;
    const char *tags;
};

static struct slice *slice_of_tags(struct epoch *epoch, uint32_t first, const struct dated_tags *articles,
                                   uint32_t count)
{
    struct pile pile;
    pile_begin(&pile, epoch, NULL);
    for (uint32_t i = 0; i < count; i++) {
        char text[200];
        snprintf(text, sizeof text, "{'id':'a%u','title':'A','tags':[%s],'published':'%sT10:00:00Z'}",
                 first + i, articles[i].tags, articles[i].date);
        struct article *article = article_of(text);
        pile_add(&pile, first + i, article);
        article_free(article);
    }
    return pile_finish_slice(&pile);
}

/* A name among many that are in one article each. */
static void three_articles_are_found_among_many_names(void **state)
{
    struct fixture *fixture = *state;
    char tags[40][100];
    char dates[40][11];
    struct dated_tags articles[40];
    for (unsigned i = 0; i < 40; i++) {
        bool has_name = i == 5 || i == 20 || i == 35;
        snprintf(tags[i], sizeof tags[i], "'One %u','Two %u','Three %u'%s", i, i, i,
                 has_name ? ",'Risen'" : "");
        snprintf(dates[i], sizeof dates[i], "2025-%02u-%02u", 5 + i / 20, 1 + i % 20);
        articles[i] = (struct dated_tags){dates[i], tags[i]};
    }
    struct slice *slice = slice_of_tags(fixture->epoch, 10, articles, 40);
    struct snapshot snapshot = {.revision = 100, .slices = &slice, .slice_count = 1, .epoch = fixture->epoch};
    struct trending_query query = query_at(fixture, slice->rows->published[slice->rows->by_date[35]]);
    query.snapshot = &snapshot;
    query.window = query.at - slice->rows->published[slice->rows->by_date[5]] + 1;
    query.min_articles = 3;
    assert_int_equal(compare(fixture, &query), 1);
    query.window--; /* without the first */
    assert_int_equal(compare(fixture, &query), 0);
    slice_release(slice);
}

static bool is_rare_name(const struct timeline *timeline, uint32_t number)
{
    for (uint32_t i = 0; i < timeline->common_count; i++)
        if (timeline->common[i] == number)
            return false;
    return true;
}

/* Windows that begin and end with an article that has the name, which three articles of them have. */
static void three_articles_from_edge_to_edge_are_enough(void **state)
{
    struct fixture *fixture = *state;
    const struct slice *slice = fixture->slices[0];
    const struct timeline *timeline = &slice->features.timeline;
    int tried = 0;
    fixture->snapshot.slice_count = 1;
    for (uint32_t number = 0; number < slice->features.terms.count && tried < 40; number++) {
        uint32_t start = timeline->list_starts[number];
        if (timeline->list_starts[number + 1] - start < 3 || !is_rare_name(timeline, number))
            continue;
        uint32_t first = slice->rows->by_date[TIMELINE_POSITION(timeline->lists[start])];
        uint32_t last = slice->rows->by_date[TIMELINE_POSITION(timeline->lists[start + 2])];
        struct trending_query query = query_at(fixture, slice->rows->published[last]);
        query.window = query.at - slice->rows->published[first] + 1;
        query.min_articles = 3;
        compare(fixture, &query);
        tried++;
    }
    assert_true(tried > 10);
}

/* Counts in slices, by their places among the common names or by their numbers in the largest one. */
static void names_are_the_same_in_all_slices(void **state)
{
    struct fixture *fixture = *state;
    const struct timeline *timeline = &fixture->slices[0]->features.timeline;
    assert_true(timeline->common_count > 20 && timeline->blocks > 0);
    size_t found = compare_at_random(fixture, 24, (struct lengths){5, 100}, (struct lengths){10, 150});
    assert_true(found > 300);
    assert_true(fixture->copies > 300);
}

static void the_dead_are_taken_back_from_whole_blocks(void **state)
{
    struct fixture *fixture = *state;
    size_t found = compare_at_random(fixture, 12, (struct lengths){60, 100}, (struct lengths){60, 150});
    assert_true(found > 300);
}

/* 2 days against 14, up to the 17th of June. */
static struct trending_query query_of_june(const struct fixture *fixture, const struct snapshot *snapshot,
                                           uint32_t min_articles)
{
    struct trending_query query = query_at(fixture, 0);
    assert_true(date_parse("2025-06-17", 10, &query.at, NULL));
    query.snapshot = snapshot;
    query.window = 2 * DAY;
    query.baseline = 14 * DAY;
    query.min_articles = min_articles;
    return query;
}

/* The window lies in one slice: there those are found that three articles have. The baseline lies in two. */
static void the_baseline_may_begin_in_another_slice(void **state)
{
    struct fixture *fixture = *state;
    static const struct dated_tags early[] = {{"2025-06-02", "'First','Second'"},
                                              {"2025-06-03", "'First'"},
                                              {"2025-06-04", "'Third','First'"},
                                              {"2025-06-05", "'Second'"}};
    static const struct dated_tags late[] = {
        {"2025-06-06", "'Third'"},         {"2025-06-07", "'Second'"},
        {"2025-06-16", "'First','Third'"}, {"2025-06-16", "'First','Second','Third'"},
        {"2025-06-16", "'First','Third'"}, {"2025-06-16", "'Second','Third'"},
        {"2025-06-16", "'Second'"}};
    struct slice *slices[] = {slice_of_tags(fixture->epoch, 10, early, 4),
                              slice_of_tags(fixture->epoch, 20, late, 7)};
    struct snapshot snapshot = {.revision = 100, .slices = slices, .slice_count = 2, .epoch = fixture->epoch};
    struct trending_query query = query_of_june(fixture, &snapshot, 3);
    assert_int_equal(compare(fixture, &query), 3);
    slice_release(slices[0]);
    slice_release(slices[1]);
}

/* The main slice, with most of the window, does not have the name. */
static void a_common_name_may_be_missing_in_the_main_slice(void **state)
{
    struct fixture *fixture = *state;
    static const char *const terms[] = {"Kelsewhere", "Khere"};
    static const uint32_t frequencies[] = {100, 100};
    static const struct dated_tags most[] = {{"2025-06-16", "'Here'"},
                                             {"2025-06-16", "'Here'"},
                                             {"2025-06-16", "'Here'"},
                                             {"2025-06-16", "'Here'"},
                                             {"2025-06-05", "'Here'"}};
    static const struct dated_tags others[] = {
        {"2025-06-15", "'Elsewhere'"}, {"2025-06-16", "'Elsewhere'"}, {"2025-06-16", "'Elsewhere','Here'"}};
    struct epoch *epoch = epoch_of(1, 1000, terms, frequencies, 2);
    struct slice *slices[] = {slice_of_tags(epoch, 10, others, 3), slice_of_tags(epoch, 20, most, 5)};
    struct snapshot snapshot = {.revision = 100, .slices = slices, .slice_count = 2, .epoch = epoch};
    struct trending_query query = query_of_june(fixture, &snapshot, 2);
    uint32_t elsewhere = dictionary_find(&epoch->statistics.common, terms[0], 10, hash_bytes(terms[0], 10));
    assert_true(slices[0]->features.timeline.common[elsewhere] != TIMELINE_NONE);
    assert_true(slices[1]->features.timeline.common[elsewhere] == TIMELINE_NONE);
    assert_int_equal(compare(fixture, &query), 2);
    slice_release(slices[0]);
    slice_release(slices[1]);
    epoch_release(epoch);
}

static unsigned mark_of(unsigned number)
{
    char term[32];
    int length = snprintf(term, sizeof term, "Kname %u", number);
    return hash_bytes(term, (size_t)length) % TRENDING_SKETCH;
}

/* Names that the sketch cannot tell apart: together they are in enough articles, neither is alone. */
static void names_with_the_same_mark_are_told_apart(void **state)
{
    struct fixture *fixture = *state;
    unsigned first = 0;
    unsigned second = 1;
    while (mark_of(first) != mark_of(second))
        if (++second > 5000)
            second = ++first + 1;
    char one[64];
    char two[64];
    snprintf(one, sizeof one, "'Name %u','Thrice'", first);
    snprintf(two, sizeof two, "'Name %u','Thrice'", second);
    const struct dated_tags early[] = {{"2025-06-15", one}, {"2025-06-15", one}};
    const struct dated_tags late[] = {
        {"2025-06-16", two}, {"2025-06-16", "'Name'"}, {"2025-06-16", "'Name'"}};
    struct slice *slices[] = {slice_of_tags(fixture->epoch, 10, early, 2),
                              slice_of_tags(fixture->epoch, 20, late, 3)};
    struct snapshot snapshot = {.revision = 100, .slices = slices, .slice_count = 2, .epoch = fixture->epoch};
    struct trending_query query = query_of_june(fixture, &snapshot, 3);
    assert_int_equal(slices[0]->features.timeline.rare_marks[0] % TRENDING_SKETCH, mark_of(first));
    assert_int_equal(slices[1]->features.timeline.rare_marks[0] % TRENDING_SKETCH, mark_of(second));
    assert_int_equal(compare(fixture, &query), 1);
    struct trending_result result = run(fixture, &query);
    assert_memory_equal(result.names[0].display, "Thrice", 6);
    assert_int_equal(result.names[0].window, 3);
    slice_release(slices[0]);
    slice_release(slices[1]);
}

/* One article in six is dead: with those that are left out, some blocks have many holes and some few. */
static void whole_blocks_with_a_filter(void **state)
{
    struct fixture *fixture = *state;
    static const char *const left_out[] = {"Thing 1", "Thing 2", "Thing 3"};
    size_t found = 0;
    for (int i = 0; i < 9; i++) {
        json_t *json = json_pack("{s:{s:[s]}}", "products", "none", left_out[i % 3]);
        struct filter *filter;
        assert_int_equal(filter_parse(json, &filter, NULL), 0);
        struct trending_query query = query_at(fixture, moment(fixture));
        query.filter = filter;
        query.window = (int64_t)(30 + random_below(&fixture->random, 150)) * DAY;
        query.min_articles = 1 + (uint32_t)i % 4;
        query.limit = i % 2 == 0 ? 5 : NAMES_MAX;
        found += compare(fixture, &query);
        filter_free(filter);
        json_decref(json);
    }
    assert_true(found > 100);
}

/* The time is the whole collection, one way and the other. */
static void a_window_may_hold_everything(void **state)
{
    struct fixture *fixture = *state;
    struct trending_query query = query_at(fixture, moment(fixture));
    assert_true(date_parse("2026-02", 7, &query.at, NULL));
    query.window = query.baseline = 400 * DAY;
    compare(fixture, &query);
    query.at += 400 * DAY;
    assert_int_equal(compare(fixture, &query), 0);
}

static void the_filter_counts(void **state)
{
    struct fixture *fixture = *state;
    json_t *json = json_pack("{s:s, s:{s:[s]}}", "category", "Category 2", "tags", "none", "Tag 3");
    struct filter *filter;
    assert_int_equal(filter_parse(json, &filter, NULL), 0);
    size_t found = 0;
    for (int i = 0; i < 10; i++) {
        struct trending_query query = query_at(fixture, moment(fixture));
        query.filter = filter;
        found += compare(fixture, &query);
    }
    assert_true(found > 0);
    filter_free(filter);
    json_decref(json);
}

/* The edges: `at` itself counts, what is one second after it does not, and likewise at the other end. */
static void edges_are_exact(void **state)
{
    struct fixture *fixture = *state;
    const struct rows *rows = fixture->slices[0]->rows;
    int64_t oldest = rows->published[rows->by_date[0]];
    struct trending_query query = query_at(fixture, oldest - 1);
    assert_int_equal(run(fixture, &query).articles, 0);
    for (uint32_t i = 0; i < rows->dated; i += 50) {
        int64_t date = rows->published[rows->by_date[i]];
        query.at = date;
        compare(fixture, &query);
        query.at = date - 1;
        compare(fixture, &query);
        query.at = date + query.window;
        compare(fixture, &query);
        query.at = date + query.window + query.baseline;
        compare(fixture, &query);
    }
}

static void too_many_rows_shorten_the_time(void **state)
{
    struct fixture *fixture = *state;
    struct trending_query query = query_at(fixture, moment(fixture));
    assert_true(date_parse("2025-11", 7, &query.at, NULL));
    query.baseline = 200 * DAY;
    query.rows_max = 300;
    struct trending_result result = run(fixture, &query);
    assert_true(result.bounded);
    assert_true(result.window == query.window && result.baseline < query.baseline && result.baseline > 0);
    assert_true(result.articles > 0 && result.articles <= 300);
    uint64_t articles = result.articles;
    query.baseline = result.baseline;
    query.rows_max = ROWS_MAX_ALL;
    assert_int_equal(run(fixture, &query).articles, articles);
    query.rows_max = 10; /* less than lie in the window */
    result = run(fixture, &query);
    assert_true(result.bounded && result.window <= result.baseline && result.window < query.window);
    query.rows_max = 0;
    result = run(fixture, &query);
    assert_true(result.bounded && result.count == 0 && result.articles == 0);
}

static void the_deadline_ends_it(void **state)
{
    struct fixture *fixture = *state;
    struct trending_query query = query_at(fixture, moment(fixture));
    struct trending_result result;
    struct error error = ERROR_INIT;
    query.deadline = clock_now() - 1;
    assert_int_equal(trending_run(fixture->scratch, &query, &result, &error), -1);
    assert_int_equal(error.code, ERROR_DEADLINE);
    query.deadline = 0;
    compare(fixture, &query); /* nothing of it is left */
}

/* Articles of one hour after the other, each with the tag "T" and the original that is named (0: none). */
static struct slice *slice_of_copies(struct epoch *epoch, uint32_t first, const uint32_t *originals,
                                     const char *const *categories, uint32_t count)
{
    struct pile pile;
    pile_begin(&pile, epoch, NULL);
    for (uint32_t i = 0; i < count; i++) {
        char text[200];
        struct document document;
        snprintf(text, sizeof text,
                 "{'id':'a%u','title':'A','tags':['T'],'category':'%s','published':'2025-06-01T%02u:00:00Z'}",
                 first + i, categories[i], 10 + i);
        struct article *article = article_of(text);
        document_make(pile.maker, &pile.settings, &epoch->statistics, article, &document);
        rows_builder_add(pile.rows, first + i, article, document.language, document.length, 0,
                         document.signature);
        features_builder_add(pile.features, document.features, originals[i]);
        article_free(article);
    }
    return pile_finish_slice(&pile);
}

static uint32_t articles_counted(struct fixture *fixture, const struct snapshot *snapshot,
                                 const struct filter *filter)
{
    struct trending_query query = query_at(fixture, 0);
    assert_true(date_parse("2025-06-02", 10, &query.at, NULL));
    query.snapshot = snapshot;
    query.filter = filter;
    struct trending_result result = run(fixture, &query);
    assert_int_equal(result.count, 1);
    assert_int_equal(result.names[0].window, result.articles);
    return (uint32_t)result.articles;
}

static void copies_of_a_story_count_once(void **state)
{
    struct fixture *fixture = *state;
    static const uint32_t early[] = {0, 10, 0};
    static const uint32_t late[] = {10, 12, 12, 3, 3};
    static const char *const categories[] = {"A", "B", "A", "B", "B"};
    struct slice *slices[] = {slice_of_copies(fixture->epoch, 10, early, categories, 3),
                              slice_of_copies(fixture->epoch, 20, late, categories, 5)};
    struct snapshot snapshot = {.revision = 100, .slices = slices, .slice_count = 2, .epoch = fixture->epoch};
    assert_int_equal(articles_counted(fixture, &snapshot, fixture->everything), 3); /* 10, 12 and 23 */
    slice_kill(slices[0], 10, 50);                                                  /* 11 stands for it */
    assert_int_equal(articles_counted(fixture, &snapshot, fixture->everything), 3);
    json_t *json = json_pack("{s:s}", "category", "B");
    struct filter *filter;
    assert_int_equal(filter_parse(json, &filter, NULL), 0);
    assert_int_equal(articles_counted(fixture, &snapshot, filter), 3); /* 11, 21 and 23 */
    filter_free(filter);
    json_decref(json);
    slice_release(slices[0]);
    slice_release(slices[1]);
}

static void expect_first(struct fixture *fixture, const struct snapshot *snapshot, const char *name,
                         uint32_t window, uint32_t baseline)
{
    struct trending_query query = query_of_june(fixture, snapshot, 1);
    query.limit = 1;
    for (query.min_articles = 1; query.min_articles <= 3; query.min_articles++) {
        struct trending_result result = run(fixture, &query);
        assert_int_equal(result.count, 1);
        assert_int_equal(result.names[0].display_length, strlen(name));
        assert_memory_equal(result.names[0].display, name, strlen(name));
        assert_int_equal(result.names[0].window, window);
        assert_int_equal(result.names[0].baseline, baseline);
    }
}

/*
 * Big ones are measured first: 5 against 4, which is less than 3 against none and more than 3 against one. So
 * a name with three is the best if the baseline has none of it, whatever stands before in its list and
 * wherever that is.
 */
static void a_rare_name_wins_if_the_baseline_has_none_of_it(void **state)
{
    struct fixture *fixture = *state;
    static const struct dated_tags many[] = {
        {"2025-05-01", "'Risen'"},
        {"2025-06-05", "'Big 1','Big 2','Big 3','Big 4'"},
        {"2025-06-06", "'Big 1','Big 2','Big 3','Big 4'"},
        {"2025-06-07", "'Big 1','Big 2','Big 3','Big 4','Known'"},
        {"2025-06-08", "'Big 1','Big 2','Big 3','Big 4'"},
        {"2025-06-09", "'Risen'"},                                 /* dies */
        {"2025-06-16", "'Big 1','Big 2','Big 3','Big 4','Risen'"}, /* dies */
        {"2025-06-16", "'Big 1','Big 2','Big 3','Big 4','Risen','Known','Apart'"},
        {"2025-06-16", "'Big 1','Big 2','Big 3','Big 4','Risen','Known','Apart'"},
        {"2025-06-16", "'Big 1','Big 2','Big 3','Big 4','Risen','Known','Apart'"},
        {"2025-06-16", "'Big 1','Big 2','Big 3','Big 4'"},
        {"2025-06-16", "'Big 1','Big 2','Big 3','Big 4'"},
    };
    static const struct dated_tags few[] = {{"2025-06-10", "'Apart'"}};
    struct slice *slices[] = {slice_of_tags(fixture->epoch, 10, many, sizeof many / sizeof *many),
                              slice_of_tags(fixture->epoch, 100, few, 1)};
    struct snapshot snapshot = {.revision = 100, .slices = slices, .slice_count = 2, .epoch = fixture->epoch};
    slice_kill(slices[0], 16, 50);
    expect_first(fixture, &snapshot, "Big 1", 5, 4);
    slice_kill(slices[0], 15, 60);
    expect_first(fixture, &snapshot, "Risen", 3, 0);
    slice_kill(slices[1], 100, 60);
    expect_first(fixture, &snapshot, "Apart", 3, 0);
    slice_release(slices[0]);
    slice_release(slices[1]);
}

/* The same if the name's last article before the window is the last before the baseline. */
static void what_was_before_the_baseline_does_not_count(void **state)
{
    struct fixture *fixture = *state;
    static const struct dated_tags articles[] = {
        {"2025-05-30", "'Old'"},
        {"2025-06-05", "'Big 1','Big 2','Big 3','Big 4'"},
        {"2025-06-06", "'Big 1','Big 2','Big 3','Big 4'"},
        {"2025-06-07", "'Big 1','Big 2','Big 3','Big 4','Known'"},
        {"2025-06-08", "'Big 1','Big 2','Big 3','Big 4'"},
        {"2025-06-16", "'Big 1','Big 2','Big 3','Big 4','Old','Known'"},
        {"2025-06-16", "'Big 1','Big 2','Big 3','Big 4','Old','Known'"},
        {"2025-06-16", "'Big 1','Big 2','Big 3','Big 4','Old','Known'"},
        {"2025-06-16", "'Big 1','Big 2','Big 3','Big 4'"},
        {"2025-06-16", "'Big 1','Big 2','Big 3','Big 4'"},
    };
    struct slice *slice = slice_of_tags(fixture->epoch, 10, articles, sizeof articles / sizeof *articles);
    struct snapshot snapshot = {.revision = 100, .slices = &slice, .slice_count = 1, .epoch = fixture->epoch};
    expect_first(fixture, &snapshot, "Old", 3, 0);
    slice_release(slice);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(counts_are_those_of_the_slow_way, set_up, tear_down),
        cmocka_unit_test_setup_teardown(whole_blocks_are_counted_as_their_articles, set_up_large, tear_down),
        cmocka_unit_test_setup_teardown(names_that_hardly_rise_are_found, set_up_live, tear_down),
        cmocka_unit_test_setup_teardown(three_articles_from_edge_to_edge_are_enough, set_up_large, tear_down),
        cmocka_unit_test_setup_teardown(three_articles_are_found_among_many_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_are_the_same_in_all_slices, set_up_several, tear_down),
        cmocka_unit_test_setup_teardown(the_dead_are_taken_back_from_whole_blocks, set_up_dead, tear_down),
        cmocka_unit_test_setup_teardown(the_baseline_may_begin_in_another_slice, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_common_name_may_be_missing_in_the_main_slice, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_with_the_same_mark_are_told_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(whole_blocks_with_a_filter, set_up_large, tear_down),
        cmocka_unit_test_setup_teardown(whole_blocks_with_a_filter, set_up_several, tear_down),
        cmocka_unit_test_setup_teardown(a_window_may_hold_everything, set_up_large, tear_down),
        cmocka_unit_test_setup_teardown(the_filter_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(edges_are_exact, set_up, tear_down),
        cmocka_unit_test_setup_teardown(too_many_rows_shorten_the_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_deadline_ends_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(copies_of_a_story_count_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_rare_name_wins_if_the_baseline_has_none_of_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_before_the_baseline_does_not_count, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
