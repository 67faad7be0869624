#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "corpus.h"
#include "related/trending_common.h"
#include "related/trending_score.h"

#include <math.h>
#include <string.h>

static void one_article_against_nothing_does_not_win(void **state)
{
    (void)state;
    double once = trending_score(1, 2, 0, 14);
    assert_true(once > 0);
    assert_true(trending_score(3, 2, 0, 14) > once);
    assert_true(trending_score(10, 2, 14, 14) > once);
    assert_true(trending_score(10, 2, 14, 14) > trending_score(5, 2, 7, 14));
    assert_true(trending_score(2, 2, 14, 14) <= 0); /* the same rate */
    assert_true(trending_score(1, 2, 14, 14) <= 0); /* falls */
    assert_true(trending_score(0, 2, 0, 14) <= 0);
}

/* By looking at one number after the other. */
static void the_largest_baseline_is_found(void **state)
{
    (void)state;
    static const double spans[][2] = {{2, 14}, {172800, 1209600}, {1, 1}, {30, 7}, {1, 1000}};
    static const double leasts[] = {0.01, 0.5, 1, 2.3, 3, 5, 9, 40};
    for (size_t i = 0; i < sizeof spans / sizeof *spans; i++)
        for (size_t j = 0; j < sizeof leasts / sizeof *leasts; j++)
            for (uint32_t window = 1; window < 120; window++) {
                uint32_t expected = 0;
                while (trending_score(window, spans[i][0], expected, spans[i][1]) >= leasts[j])
                    expected++;
                assert_int_equal(trending_baselines(window, spans[i][0], spans[i][1], leasts[j]), expected);
            }
}

static void no_score_is_above_its_bound(void **state)
{
    (void)state;
    static const double shares[] = {0.0001, 0.01, 0.125, 0.3, 0.5, 0.6, 0.9};
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++)
        for (uint32_t window = 0; window < 300; window++)
            for (uint32_t baseline = 0; baseline < 3000; baseline += 1 + baseline / 8) {
                double score = trending_score(window, shares[i], baseline, 1 - shares[i]);
                double deviation = trending_deviation(score, shares[i]);
                assert_false(score > 0 && trending_is_below(window, baseline, shares[i], deviation));
            }
}

/* A name that falls, one that rises too little, and one whose articles are nearly all in the window, where
 * the bound does not hold. */
static void the_bound_tells_of_most_names_that_are_not_good_enough(void **state)
{
    (void)state;
    double deviation = trending_deviation(3, 0.125);
    assert_true(trending_is_below(10, 100, 0.125, deviation));
    assert_true(trending_is_below(20, 100, 0.125, deviation));
    assert_false(trending_is_below(40, 100, 0.125, deviation));
    assert_false(trending_is_below(8, 0, 0.125, trending_deviation(9, 0.125)));
}

/* ---- common names ---- */

#define NAMES 203 /* no multiple of four */

struct common_fixture {
    uint32_t window[NAMES];
    uint32_t baseline[NAMES];
    struct trending_common common;
};

/* Small counts, large ones, and some that rise and fall by a hair. */
static void fill_common(struct common_fixture *fixture, struct random *random)
{
    static const double shares[] = {0.0001, 0.125, 0.5, 0.8};
    static const uint32_t most[] = {4, 40, 4000, 2000000};
    double share = shares[random_below(random, 4)];
    for (uint32_t i = 0; i < NAMES; i++) {
        fixture->baseline[i] = random_below(random, most[random_below(random, 4)]);
        double expected = fixture->baseline[i] * share / (1 - share);
        fixture->window[i] = random_below(random, 2) == 0
                                 ? random_below(random, 30)
                                 : (uint32_t)(expected * (0.99 + random_below(random, 100) / 1000.0));
    }
    fixture->common = (struct trending_common){.window = fixture->window,
                                               .baseline = fixture->baseline,
                                               .count = NAMES - random_below(random, 4),
                                               .fewest = 1 + random_below(random, 3),
                                               .share = share};
}

/* Adds what a range lists to how often each name was listed; its names are wanted and may have so much. */
static void list_range(const struct trending_common *common, double above, double below, uint32_t *times)
{
    uint32_t places[NAMES];
    uint32_t listed = trending_common_list(common, above, below, places);
    assert_true(listed <= common->count);
    for (uint32_t i = 0; i < listed; i++) {
        assert_true(places[i] < common->count);
        assert_true(common->window[places[i]] >= common->fewest);
        times[places[i]]++;
    }
}

static double known_score(const struct trending_common *common, uint32_t place)
{
    return trending_score(common->window[place], common->share, common->baseline[place], 1 - common->share);
}

/* Whoever asks for good ones first, then for the others, sees each that rises once, and no good one late. */
static void each_common_name_that_rises_is_listed_once(void **state)
{
    (void)state;
    struct random random = {.state = 11};
    for (int round = 0; round < 300; round++) {
        struct common_fixture fixture;
        uint32_t first[NAMES] = {0};
        uint32_t all[NAMES] = {0};
        double bound = random_below(&random, 50) / 10.0;
        fill_common(&fixture, &random);
        list_range(&fixture.common, bound, INFINITY, first);
        memcpy(all, first, sizeof all);
        list_range(&fixture.common, 0, bound, all);
        for (uint32_t place = 0; place < fixture.common.count; place++) {
            bool is_wanted = fixture.window[place] >= fixture.common.fewest;
            double score = known_score(&fixture.common, place);
            assert_true(all[place] <= 1);
            assert_true(!is_wanted || score <= 0 || all[place] == 1);
            assert_true(!is_wanted || score <= 0 || score < bound || first[place] == 1);
        }
    }
}

/* What falls, or hardly rises, is not looked at. */
static void others_are_left_out(void **state)
{
    (void)state;
    static const uint32_t window[] = {1, 100, 100, 130, 160, 200, 3};
    static const uint32_t baseline[] = {0, 795, 700, 700, 700, 700, 0};
    uint32_t places[7];
    struct trending_common common = {window, baseline, 7, 2, 0.125};
    assert_int_equal(trending_common_list(&common, 3, INFINITY, places), 3);
    assert_int_equal(places[0], 4);
    assert_int_equal(places[1], 5);
    assert_int_equal(places[2], 6);
    assert_int_equal(trending_common_list(&common, 2, 3, places), 1);
    assert_int_equal(places[0], 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_article_against_nothing_does_not_win),
        cmocka_unit_test(the_largest_baseline_is_found),
        cmocka_unit_test(no_score_is_above_its_bound),
        cmocka_unit_test(the_bound_tells_of_most_names_that_are_not_good_enough),
        cmocka_unit_test(each_common_name_that_rises_is_listed_once),
        cmocka_unit_test(others_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
