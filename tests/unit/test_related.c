#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/date.h"
#include "base/memory.h"
#include "corpus.h"
#include "related/related.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLICES 6

static const struct related_weights defaults = {0.2F, 0.3F, 0.9F};

/* A few thousand random articles in slices of very different sizes, a third of them dead. */
struct fixture {
    struct random random;
    struct epoch *epoch;
    struct slice *slices[SLICES];
    struct snapshot snapshot; /* never shared: not reference counted here */
    struct related_scratch *scratch;
    struct filter *everything;
    struct feature_vector source;
};

static void kill_some(struct fixture *fixture, struct slice *slice)
{
    for (uint32_t row = 0; row < slice->rows->count; row++) {
        uint32_t fate = random_below(&fixture->random, 6);
        if (fate < 2) /* 100001: after the snapshot, so it still lives in it */
            slice_kill(slice, slice->rows->docids[row], 100000 + fate);
    }
}

static int set_up(void **state)
{
    static const uint32_t sizes[SLICES] = {1500, 1, 700, 300, 40, 3};
    struct fixture *fixture = memory_zeroed(1, sizeof *fixture);
    fixture->random.state = 41;
    static const char *const terms[] = {"wordb0", "wordc1", "Ktag 1", "XORG:firm 3"};
    static const uint32_t frequencies[] = {80, 40, 700, 50};
    fixture->epoch = epoch_of(1, 3000, terms, frequencies, 4);
    uint32_t docid = 1;
    for (size_t i = 0; i < SLICES; i++) {
        fixture->slices[i] = slice_at_random(&fixture->random, fixture->epoch, docid, 3, sizes[i]);
        kill_some(fixture, fixture->slices[i]);
        docid += 3 * sizes[i] + 10;
    }
    fixture->snapshot = (struct snapshot){
        .revision = 100000, .slices = fixture->slices, .slice_count = SLICES, .epoch = fixture->epoch};
    fixture->scratch = related_scratch_new();
    assert_int_equal(filter_parse(NULL, &fixture->everything, NULL), 0);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < SLICES; i++)
        slice_release(fixture->slices[i]);
    related_scratch_free(fixture->scratch);
    filter_free(fixture->everything);
    feature_vector_release(&fixture->source);
    epoch_release(fixture->epoch);
    free(fixture);
    return 0;
}

/* Makes a row at random the source; gives its docid. */
static uint32_t choose_source(struct fixture *fixture)
{
    const struct slice *slice = fixture->slices[random_below(&fixture->random, SLICES)];
    uint32_t row = random_below(&fixture->random, slice->rows->count);
    features_vector(&slice->features, row, &fixture->source);
    return slice->rows->docids[row];
}

static struct related_query query_for(const struct fixture *fixture)
{
    return (struct related_query){.snapshot = &fixture->snapshot,
                                  .source = &fixture->source,
                                  .weights = defaults,
                                  .filter = fixture->everything,
                                  .source_published = DATE_NONE,
                                  .limit = 10};
}

/* ---- the slow and obvious way ---- */

static bool is_excluded(const struct related_query *query, uint32_t docid)
{
    for (size_t i = 0; i < query->excluded_count; i++)
        if (query->excluded[i] == docid)
            return true;
    return false;
}

static bool is_on_wanted_side(const struct related_query *query, int64_t published)
{
    if (query->only == RELATED_ANY || query->source_published == DATE_NONE)
        return true;
    return published != DATE_NONE && (query->only == RELATED_EARLIER ? published < query->source_published
                                                                     : published > query->source_published);
}

/* Half for each half-life of distance; an article without a date is one half-life away. */
static double recency(int64_t published, int64_t from, double half_life)
{
    if (half_life <= 0 || from == DATE_NONE)
        return 1;
    return published == DATE_NONE ? 0.5 : pow(0.5, fabs((double)(published - from)) / half_life);
}

static float rank_of(const struct related_query *query, const struct related_hit *hit)
{
    int64_t published = hit->slice->rows->published[hit->row];
    double factor = recency(published, query->now, query->half_life_now) *
                    recency(published, query->source_published, query->half_life_source);
    return hit->strength * (float)factor;
}

static int strongest_first(const void *left, const void *right)
{
    const struct related_hit *a = left;
    const struct related_hit *b = right;
    if (a->rank < b->rank || a->rank > b->rank)
        return a->rank > b->rank ? -1 : 1;
    return a->slice->rows->docids[a->row] > b->slice->rows->docids[b->row] ? -1 : 1;
}

static size_t reference(const struct related_query *query, struct related_hit *hits)
{
    struct resolved_filter resolved = {0};
    struct shared_feature shared;
    size_t count = 0;
    for (uint32_t i = 0; i < query->snapshot->slice_count; i++) {
        struct slice *slice = query->snapshot->slices[i];
        filter_resolve(query->filter, slice, &query->snapshot->epoch->statistics, &resolved);
        for (uint32_t row = 0; row < slice->rows->count; row++) {
            struct related_hit *hit = &hits[count];
            related_compare(query->source, slice, row, &query->weights, hit);
            hit->slice = slice;
            hit->slice_number = i;
            hit->row = row;
            hit->rank = rank_of(query, hit);
            /* nothing shared: not related, however low the bound */
            if (slice_row_lives(slice, row, query->snapshot->revision) &&
                !is_excluded(query, slice->rows->docids[row]) && filter_accepts(&resolved, row) &&
                hit->strength >= query->min_strength &&
                is_on_wanted_side(query, slice->rows->published[row]) &&
                related_shared(query->source, NULL, slice, row, &shared, 1) != 0)
                count++;
        }
    }
    resolved_filter_release(&resolved);
    qsort(hits, count, sizeof *hits, strongest_first);
    return count < query->limit ? count : query->limit;
}

static size_t check_run(struct fixture *fixture, const struct related_query *query)
{
    static struct related_hit expected[3000];
    const struct related_hit *hits;
    size_t count;
    assert_int_equal(related_run(fixture->scratch, query, &hits, &count, NULL), 0);
    assert_int_equal(count, reference(query, expected));
    for (size_t i = 0; i < count; i++) {
        assert_ptr_equal(hits[i].slice, expected[i].slice);
        assert_int_equal(hits[i].slice_number, expected[i].slice_number);
        assert_int_equal(hits[i].row, expected[i].row);
        assert_true(hits[i].strength == expected[i].strength);
        assert_true(fabsf(hits[i].rank - expected[i].rank) < 1e-6F);
        assert_true(hits[i].tag_overlap == expected[i].tag_overlap);
        assert_true(hits[i].entity_overlap == expected[i].entity_overlap);
        assert_true(hits[i].similarity == expected[i].similarity);
    }
    return count;
}

static void the_strongest_are_found(void **state)
{
    struct fixture *fixture = *state;
    size_t found = 0;
    for (int round = 0; round < 60; round++) {
        uint32_t docid = choose_source(fixture);
        struct related_query query = query_for(fixture);
        query.excluded = &docid;
        query.excluded_count = (size_t)round % 2;
        query.limit = 1 + random_below(&fixture->random, 40);
        found += check_run(fixture, &query);
    }
    assert_true(found > 600);
}

static void a_limit_above_all_gives_all(void **state)
{
    struct fixture *fixture = *state;
    for (int round = 0; round < 10; round++) {
        choose_source(fixture);
        struct related_query query = query_for(fixture);
        query.limit = 5000;
        check_run(fixture, &query);
    }
}

static void weaker_ones_than_the_minimum_are_left_out(void **state)
{
    struct fixture *fixture = *state;
    static const float minima[] = {0, 0.05F, 0.2F, 0.5F, 0.95F, 1};
    size_t before = SIZE_MAX;
    for (int round = 0; round < 5; round++) {
        choose_source(fixture);
        for (size_t i = 0; i < 6; i++) {
            struct related_query query = query_for(fixture);
            query.limit = 1000;
            query.min_strength = minima[i];
            size_t count = check_run(fixture, &query);
            assert_true(i == 0 || count <= before);
            before = count;
        }
    }
}

static void excluded_docids_never_come(void **state)
{
    struct fixture *fixture = *state;
    for (int round = 0; round < 10; round++) {
        choose_source(fixture);
        struct related_query query = query_for(fixture);
        const struct related_hit *hits;
        size_t count;
        query.limit = 50;
        assert_int_equal(related_run(fixture->scratch, &query, &hits, &count, NULL), 0);
        /* every second of the strongest, ascending */
        uint32_t excluded[50];
        size_t excluded_count = 0;
        for (size_t i = 0; i < count; i += 2) {
            uint32_t docid = hits[i].slice->rows->docids[hits[i].row];
            size_t at = excluded_count++;
            for (; at > 0 && excluded[at - 1] > docid; at--)
                excluded[at] = excluded[at - 1];
            excluded[at] = docid;
        }
        query.excluded = excluded;
        query.excluded_count = excluded_count;
        check_run(fixture, &query);
    }
}

static void filters_hold(void **state)
{
    struct fixture *fixture = *state;
    static const char *const texts[] = {
        "{\"category\":\"Category 2\"}",
        "{\"tags\":{\"none\":[\"Tag 1\",\"Tag 2\",\"Tag 3\"]}}",
        "{\"published\":{\"from\":\"2025-03-01\",\"to\":\"2025-06\"},\"language\":[\"de\",\"fr\"]}",
        "{\"sentiment\":\"neutral\",\"people\":{\"any\":[\"Person 1\",\"Person 2\",\"Person 3\"]}}",
        "{\"tags\":[]}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        json_t *json = json_loads(texts[i], 0, NULL);
        struct filter *filter = NULL;
        assert_int_equal(filter_parse(json, &filter, NULL), 0);
        for (int round = 0; round < 8; round++) {
            choose_source(fixture);
            struct related_query query = query_for(fixture);
            query.filter = filter;
            query.limit = 30;
            size_t count = check_run(fixture, &query);
            assert_true(count == 0 || i != 4);
        }
        filter_free(filter);
        json_decref(json);
    }
}

static void weights_of_a_call_count(void **state)
{
    struct fixture *fixture = *state;
    static const struct related_weights weights[] = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1},
                                                     {1, 1, 1}, {0, 0, 0}, {0.5F, 0, 0.01F}};
    for (size_t i = 0; i < sizeof weights / sizeof weights[0]; i++) {
        for (int round = 0; round < 8; round++) {
            choose_source(fixture);
            struct related_query query = query_for(fixture);
            query.weights = weights[i];
            query.limit = 25;
            check_run(fixture, &query);
        }
    }
}

static void dates_change_rank_and_choice(void **state)
{
    struct fixture *fixture = *state;
    static const enum related_only sides[] = {RELATED_ANY, RELATED_EARLIER, RELATED_LATER};
    int64_t middle;
    assert_true(date_parse("2025-06-15T12:30:00Z", 20, &middle, NULL));
    for (int round = 0; round < 60; round++) {
        choose_source(fixture);
        struct related_query query = query_for(fixture);
        query.limit = 20;
        query.now = middle + 200 * 86400;
        query.source_published = round % 5 == 0 ? DATE_NONE : middle;
        query.only = sides[round % 3];
        query.half_life_now = round % 2 == 0 ? 30 * 86400.0 : 0;
        query.half_life_source = round % 4 < 2 ? 7 * 86400.0 : 0;
        query.min_strength = round % 7 == 0 ? 0.1F : 0;
        check_run(fixture, &query);
    }
}

/* ---- a budget of postings ---- */

static bool contains(const struct related_hit *hits, size_t count, const struct related_hit *wanted)
{
    for (size_t i = 0; i < count; i++)
        if (hits[i].slice == wanted->slice && hits[i].row == wanted->row)
            return true;
    return false;
}

/* A budget may miss hits, weak ones rather than strong ones, but what it finds has the figures of the slow
 * way. */
static void a_budget_never_changes_figures(void **state)
{
    struct fixture *fixture = *state;
    static struct related_hit expected[3000];
    size_t kept = 0, wanted = 0, firsts = 0, rounds = 0;
    for (int round = 0; round < 100; round++) {
        choose_source(fixture);
        struct related_query query = query_for(fixture);
        query.postings = 400;
        const struct related_hit *hits;
        size_t count;
        assert_int_equal(related_run(fixture->scratch, &query, &hits, &count, NULL), 0);
        size_t all = reference(&query, expected);
        assert_true(count <= all);
        if (!related_was_cut(fixture->scratch)) /* whoever is not told so relies on it */
            assert_int_equal(count, all);
        for (size_t i = 0; i < count; i++) {
            struct related_hit slow;
            related_compare(query.source, hits[i].slice, hits[i].row, &query.weights, &slow);
            assert_true(hits[i].strength == slow.strength && hits[i].similarity == slow.similarity);
            assert_true(i == 0 || hits[i - 1].rank >= hits[i].rank);
        }
        for (size_t i = 0; i < all; i++)
            kept += contains(hits, count, &expected[i]);
        wanted += all;
        firsts += all != 0 && contains(hits, count, &expected[0]);
        rounds += all != 0;
    }
    assert_true(firsts == rounds); /* the source itself is the strongest: nothing excludes it here */
    assert_true(kept * 10 >= wanted * 8);
    assert_true(kept < wanted); /* the budget was too small for all of them: else this tests nothing */
}

/* Of rows enough to choose from before they are compared, the newest must be among those chosen where dates
 * decide. */
static void a_budget_does_not_prefer_the_old(void **state)
{
    struct fixture *fixture = *state;
    static struct related_hit expected[3000];
    size_t kept = 0, wanted = 0;
    for (int round = 0; round < 60; round++) {
        choose_source(fixture);
        struct related_query query = query_for(fixture);
        query.postings = 1000;
        query.half_life_now = 3 * 86400.0;
        assert_true(date_parse("2025-12-31T00:00:00Z", 20, &query.now, NULL));
        const struct related_hit *hits;
        size_t count;
        assert_int_equal(related_run(fixture->scratch, &query, &hits, &count, NULL), 0);
        size_t all = reference(&query, expected);
        for (size_t i = 0; i < all; i++)
            kept += contains(hits, count, &expected[i]);
        wanted += all;
    }
    assert_true(kept * 10 >= wanted * 8);
}

/* ---- properties ---- */

static struct slice *any_row(struct fixture *fixture, uint32_t *row)
{
    struct slice *slice = fixture->slices[random_below(&fixture->random, SLICES)];
    *row = random_below(&fixture->random, slice->rows->count);
    return slice;
}

static void strengths_are_symmetric_and_bounded(void **state)
{
    struct fixture *fixture = *state;
    struct feature_vector a = {0}, b = {0};
    for (int round = 0; round < 3000; round++) {
        uint32_t row_a, row_b;
        struct slice *slice_a = any_row(fixture, &row_a);
        struct slice *slice_b = any_row(fixture, &row_b);
        features_vector(&slice_a->features, row_a, &a);
        features_vector(&slice_b->features, row_b, &b);
        struct related_hit there, back;
        related_compare(&a, slice_b, row_b, &defaults, &there);
        related_compare(&b, slice_a, row_a, &defaults, &back);
        assert_true(there.strength == back.strength);
        assert_true(there.tag_overlap == back.tag_overlap && there.similarity == back.similarity);
        assert_true(there.strength >= 0 && there.strength <= 1);
        assert_true(there.tag_overlap >= 0 && there.tag_overlap <= 1);
        assert_true(there.entity_overlap >= 0 && there.entity_overlap <= 1);
        assert_true(there.similarity >= 0 && there.similarity <= 1);
        double expected = 1 - (1 - 0.2 * (double)there.tag_overlap) *
                                  (1 - 0.3 * (double)there.entity_overlap) *
                                  (1 - 0.9 * (double)there.similarity);
        assert_true(fabs((double)there.strength - expected) < 1e-6);
    }
    feature_vector_release(&a);
    feature_vector_release(&b);
}

static struct slice *slice_of_copies(struct fixture *fixture, const char *text, uint32_t first,
                                     uint32_t count)
{
    struct pile pile;
    pile_begin(&pile, fixture->epoch, NULL);
    for (uint32_t i = 0; i < count; i++) {
        struct article *article = article_of(text);
        pile_add(&pile, first + i, article);
        article_free(article);
    }
    return pile_finish_slice(&pile);
}

static void a_copy_has_similarity_one(void **state)
{
    struct fixture *fixture = *state;
    struct slice *slices[] = {
        slice_of_copies(fixture,
                        "{'id':'a','title':'Bank cuts rates','body':'The bank cut its rates again, "
                        "to the surprise of markets.','tags':['Rates'],'people':['C. Day']}",
                        1, 3),
        slice_of_copies(fixture,
                        "{'id':'b','title':'Bank cuts rates','body':'The bank cut its rates again, "
                        "to the surprise of markets.'}",
                        100, 1)};
    struct snapshot snapshot = {
        .revision = 1000, .slices = slices, .slice_count = 2, .epoch = fixture->epoch};
    features_vector(&slices[0]->features, 0, &fixture->source);
    struct related_query query = query_for(fixture);
    query.snapshot = &snapshot;
    const struct related_hit *hits;
    size_t count;
    assert_int_equal(related_run(fixture->scratch, &query, &hits, &count, NULL), 0);
    assert_int_equal(count, 4);
    for (size_t i = 0; i < 3; i++) { /* equally strong: newest first */
        assert_int_equal(hits[i].slice->rows->docids[hits[i].row], 3 - i);
        assert_true(hits[i].similarity == 1 && hits[i].tag_overlap == 1 && hits[i].entity_overlap == 1);
        assert_true(hits[i].strength == related_strength(&defaults, 1, 1, 1));
    }
    assert_int_equal(hits[3].slice->rows->docids[hits[3].row], 100);
    assert_true(hits[3].similarity == 1 && hits[3].tag_overlap == 0 && hits[3].entity_overlap == 0);
    query.limit = 2; /* of equals the newest are kept */
    query.weights = (struct related_weights){0, 0, 1};
    assert_int_equal(related_run(fixture->scratch, &query, &hits, &count, NULL), 0);
    assert_int_equal(count, 2);
    assert_int_equal(hits[0].slice->rows->docids[hits[0].row], 100);
    assert_int_equal(hits[1].slice->rows->docids[hits[1].row], 3);
    slice_release(slices[0]);
    slice_release(slices[1]);
}

static void nothing_wanted_nothing_found(void **state)
{
    struct fixture *fixture = *state;
    const struct related_hit *hits;
    size_t count = 7;
    choose_source(fixture);
    struct related_query query = query_for(fixture);
    query.limit = 0;
    assert_int_equal(related_run(fixture->scratch, &query, &hits, &count, NULL), 0);
    assert_int_equal(count, 0);
    feature_vector_clear(&fixture->source);
    query.limit = 10;
    assert_int_equal(related_run(fixture->scratch, &query, &hits, &count, NULL), 0);
    assert_int_equal(count, 0);
    struct snapshot empty = {.revision = 5, .epoch = fixture->epoch};
    choose_source(fixture);
    query.snapshot = &empty;
    assert_int_equal(related_run(fixture->scratch, &query, &hits, &count, NULL), 0);
    assert_int_equal(count, 0);
}

static void a_deadline_is_kept_and_leaves_the_scratch_clean(void **state)
{
    struct fixture *fixture = *state;
    const struct related_hit *hits;
    size_t count;
    struct error error = ERROR_INIT;
    choose_source(fixture);
    struct related_query query = query_for(fixture);
    query.deadline = clock_now() - 1;
    assert_int_equal(related_run(fixture->scratch, &query, &hits, &count, &error), -1);
    assert_int_equal(error.code, ERROR_DEADLINE);
    query.deadline = clock_now() + 600 * NANOSECONDS_PER_SECOND;
    check_run(fixture, &query);
}

/* Choosing compares each hit with each: it must not outlast the deadline either. */
static void a_deadline_ends_the_choice_of_different_ones(void **state)
{
    struct fixture *fixture = *state;
    const struct related_hit *hits;
    size_t count;
    struct error error = ERROR_INIT;
    choose_source(fixture);
    struct related_query query = query_for(fixture);
    query.limit = 1000;
    assert_int_equal(related_run(fixture->scratch, &query, &hits, &count, NULL), 0);
    assert_true(count > 10);
    size_t all = count;
    query.deadline = clock_now() - 1;
    assert_int_equal(related_diversify(fixture->scratch, &query, 0.5F, all, &count, &error), -1);
    assert_int_equal(error.code, ERROR_DEADLINE);
    assert_int_equal(count, 1); /* it looked at the clock after the first */
    query.deadline = clock_now() + 600 * NANOSECONDS_PER_SECOND;
    assert_int_equal(related_diversify(fixture->scratch, &query, 0.5F, 10, &count, NULL), 0);
    assert_int_equal(count, 10);
    check_run(fixture, &query);
}

static void shared_features_are_those_of_both(void **state)
{
    struct fixture *fixture = *state;
    struct feature_vector theirs = {0};
    struct shared_feature shared[100];
    for (int round = 0; round < 1000; round++) {
        choose_source(fixture);
        uint32_t row;
        struct slice *slice = any_row(fixture, &row);
        features_vector(&slice->features, row, &theirs);
        size_t expected = 0;
        for (size_t i = 0; i < theirs.count; i++)
            for (size_t j = 0; j < fixture->source.count; j++)
                expected +=
                    theirs.items[i].length == fixture->source.items[j].length &&
                    memcmp(theirs.items[i].term, fixture->source.items[j].term, theirs.items[i].length) == 0;
        size_t count = related_shared(&fixture->source, NULL, slice, row, shared, 100);
        assert_int_equal(count, expected);
        for (size_t i = 1; i < count; i++) {
            assert_true(shared[i - 1].feature->kind <= shared[i].feature->kind);
            assert_true(shared[i - 1].feature->kind != shared[i].feature->kind ||
                        shared[i - 1].product >= shared[i].product);
        }
        assert_true(related_shared(&fixture->source, NULL, slice, row, shared, 2) <= 2);
    }
    feature_vector_release(&theirs);
}

static void a_history_is_the_sum_of_its_articles(void **state)
{
    struct fixture *fixture = *state;
    struct feature_vector read[5] = {0}, combined = {0};
    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < 5; i++) {
            uint32_t row;
            struct slice *slice = any_row(fixture, &row);
            features_vector(&slice->features, row, &read[i]);
        }
        related_combine(read, 5, 16, &combined);
        size_t terms = 0;
        for (size_t i = 0; i < combined.count; i++) {
            const struct feature *item = &combined.items[i];
            float sum = 0;
            for (size_t j = 0; j < 5; j++)
                for (size_t k = 0; k < read[j].count; k++)
                    if (read[j].items[k].length == item->length &&
                        memcmp(read[j].items[k].term, item->term, item->length) == 0)
                        sum += (float)read[j].items[k].weight;
            assert_true(item->raw == sum);
            terms += item->kind == FEATURE_TERM;
            if (i > 0 && item[-1].kind == item->kind)
                assert_true(item[-1].raw >= item->raw);
        }
        assert_true(terms <= 16);
        fixture->source.count = 0;
        struct related_query query = query_for(fixture);
        query.source = &combined;
        check_run(fixture, &query);
    }
    for (size_t i = 0; i < 5; i++)
        feature_vector_release(&read[i]);
    feature_vector_release(&combined);
}

/* A history of one article is that article, up to rounding; one of none is nothing. */
static void a_history_of_one_is_the_article(void **state)
{
    struct fixture *fixture = *state;
    struct feature_vector combined = {0};
    related_combine(NULL, 0, 16, &combined);
    assert_int_equal(combined.count, 0);
    for (int round = 0; round < 100; round++) {
        choose_source(fixture);
        related_combine(&fixture->source, 1, 16, &combined);
        assert_int_equal(combined.count, fixture->source.count);
        for (size_t i = 0; i < combined.count; i++) {
            size_t j = 0;
            while (combined.items[i].term != fixture->source.items[j].term)
                j++;
            assert_true(abs(combined.items[i].weight - fixture->source.items[j].weight) <= 1);
        }
    }
    feature_vector_release(&combined);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_strongest_are_found),
        cmocka_unit_test(a_limit_above_all_gives_all),
        cmocka_unit_test(weaker_ones_than_the_minimum_are_left_out),
        cmocka_unit_test(excluded_docids_never_come),
        cmocka_unit_test(filters_hold),
        cmocka_unit_test(weights_of_a_call_count),
        cmocka_unit_test(dates_change_rank_and_choice),
        cmocka_unit_test(a_budget_never_changes_figures),
        cmocka_unit_test(a_budget_does_not_prefer_the_old),
        cmocka_unit_test(strengths_are_symmetric_and_bounded),
        cmocka_unit_test(a_copy_has_similarity_one),
        cmocka_unit_test(nothing_wanted_nothing_found),
        cmocka_unit_test(a_deadline_is_kept_and_leaves_the_scratch_clean),
        cmocka_unit_test(a_deadline_ends_the_choice_of_different_ones),
        cmocka_unit_test(shared_features_are_those_of_both),
        cmocka_unit_test(a_history_is_the_sum_of_its_articles),
        cmocka_unit_test(a_history_of_one_is_the_article),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
