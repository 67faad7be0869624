#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ctl/judge_file.h"
#include "ctl/measures.h"

#include <math.h>
#include <string.h>

static void check_near(double found, double expected)
{
    if (fabs(found - expected) > 1e-6)
        fail_msg("%f instead of %f", found, expected);
}

/* DCG by hand: gain / log2(rank + 1); log2 2 = 1, log2 3 = 1.584963, log2 4 = 2, log2 5 = 2.321928 */
static void ndcg_by_hand(void **state)
{
    (void)state;
    const double gains[] = {1, 0, 2, 0};
    const double judged[] = {1, 2, 1};
    /* 1/1 + 2/2 = 2; ideal 2/1 + 1/1.584963 + 1/2 = 3.130930 */
    check_near(measure_ndcg(gains, 4, judged, 3, 10), 2 / 3.130930);
    /* the first two only: 1; ideal 2.630930 */
    check_near(measure_ndcg(gains, 4, judged, 3, 2), 1 / 2.630930);
    check_near(measure_ndcg(gains, 4, judged, 3, 1), 0.5);
}

static void ndcg_at_its_ends(void **state)
{
    (void)state;
    const double best[] = {3, 2, 0.5};
    const double none[] = {0, 0};
    const double last[] = {0, 0, 0, 3};
    check_near(measure_ndcg(best, 3, best, 3, 5), 1);
    check_near(measure_ndcg(none, 2, best, 3, 5), 0);
    check_near(measure_ndcg(NULL, 0, best, 3, 5), 0);
    check_near(measure_ndcg(best, 3, none, 2, 5), 0);
    check_near(measure_ndcg(best, 3, NULL, 0, 5), 0);
    check_near(measure_ndcg(last, 4, best, 1, 5), 1 / 2.321928);
}

static void reciprocal_ranks(void **state)
{
    (void)state;
    const double gains[] = {0, 0, 0.5, 2};
    check_near(measure_reciprocal_rank(gains, 4), 1.0 / 3);
    check_near(measure_reciprocal_rank(gains + 2, 2), 1);
    check_near(measure_reciprocal_rank(gains, 2), 0);
    check_near(measure_reciprocal_rank(NULL, 0), 0);
}

static void check_refused(const char *line, const char *message)
{
    struct judge_file file = {.count = 0};
    struct error error = ERROR_INIT;
    assert_int_equal(judge_file_add(&file, 1, line, strlen(line), &error), -1);
    assert_int_equal(error.code, ERROR_BAD_REQUEST);
    if (strstr(error.message, message) == NULL)
        fail_msg("%s: %s", line, error.message);
    assert_int_equal(file.count, 0);
    judge_file_release(&file);
}

static void lines_of_a_judge_file(void **state)
{
    (void)state;
    struct judge_file file = {.count = 0};
    struct error error = ERROR_INIT;
    static const char search[] = "{\"search\":\"rocket\",\"judged\":{\"a\":2,\"b\":0}}";
    static const char related[] = "{\"judged\":{\"a\":0.5},\"related\":\"c\"}";
    assert_int_equal(judge_file_add(&file, 7, search, strlen(search), &error), 0);
    assert_int_equal(judge_file_add(&file, 9, related, strlen(related), &error), 0);
    assert_int_equal(file.count, 2);
    assert_true(file.queries[0].is_search);
    assert_string_equal(file.queries[0].text, "rocket");
    assert_int_equal(file.queries[0].line, 7);
    assert_int_equal(json_object_size(file.queries[0].judged), 2);
    assert_false(file.queries[1].is_search);
    assert_string_equal(file.queries[1].text, "c");
    judge_file_release(&file);
}

static void bad_lines(void **state)
{
    (void)state;
    check_refused("{", "not JSON");
    check_refused("[1]", "not a JSON object");
    check_refused("{\"judged\":{\"a\":1}}", "exactly one of");
    check_refused("{\"search\":\"x\",\"related\":\"y\",\"judged\":{\"a\":1}}", "exactly one of");
    check_refused("{\"search\":\"\",\"judged\":{\"a\":1}}", "\"search\" must be a text");
    check_refused("{\"related\":5,\"judged\":{\"a\":1}}", "\"related\" must be a text");
    check_refused("{\"search\":\"x\"}", "\"judged\" must be an object");
    check_refused("{\"search\":\"x\",\"judged\":[\"a\"]}", "\"judged\" must be an object");
    check_refused("{\"search\":\"x\",\"judged\":{}}", "no gain above 0");
    check_refused("{\"search\":\"x\",\"judged\":{\"a\":0}}", "no gain above 0");
    check_refused("{\"search\":\"x\",\"judged\":{\"a\":-1}}", "the gain of \"a\"");
    check_refused("{\"search\":\"x\",\"judged\":{\"a\":\"1\"}}", "the gain of \"a\"");
    check_refused("{\"query\":\"x\",\"judged\":{\"a\":1}}", "unknown key \"query\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ndcg_by_hand),     cmocka_unit_test(ndcg_at_its_ends),
        cmocka_unit_test(reciprocal_ranks), cmocka_unit_test(lines_of_a_judge_file),
        cmocka_unit_test(bad_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
