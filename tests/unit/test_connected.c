/* The words for a span of time; the rest of connected.h is tested end to end. */
#include "related/connected.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void spans_are_rounded_to_their_unit(void **state)
{
    (void)state;
    static const struct {
        int64_t days;
        const char *words;
    } spans[] = {{0, "0 days"},      {1, "1 day"},     {44, "44 days"},  {45, "1 month"},
                 {60, "2 months"},   {76, "2 months"}, {77, "3 months"}, {365, "12 months"},
                 {547, "18 months"}, {548, "2 years"}, {730, "2 years"}, {1000, "3 years"},
                 {3652, "10 years"}};
    for (size_t i = 0; i < sizeof spans / sizeof *spans; i++) {
        char text[32];
        assert_string_equal(connected_span(spans[i].days, text, sizeof text), spans[i].words);
    }
}

static void the_hottest_come_first(void **state)
{
    (void)state;
    struct connected_name items[] = {{"a", 1, 9, 0.5}, {"b", 1, 8, 3.0}, {"c", 1, 7, 1.0}, {"d", 1, 6, 2.0}};
    struct connected_names names = {items, 4};
    const struct connected_name *hottest[3];
    assert_int_equal(connected_hottest(&names, hottest, 3), 3);
    assert_ptr_equal(hottest[0], &items[1]);
    assert_ptr_equal(hottest[1], &items[3]);
    assert_ptr_equal(hottest[2], &items[2]);
    names.count = 1;
    assert_int_equal(connected_hottest(&names, hottest, 3), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spans_are_rounded_to_their_unit),
        cmocka_unit_test(the_hottest_come_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
