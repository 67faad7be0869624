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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spans_are_rounded_to_their_unit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
