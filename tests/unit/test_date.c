#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/date.h"

#include <stdio.h>
#include <string.h>

#define DAY 86400

static void check(const char *text, int64_t seconds)
{
    char written[DATE_TEXT_SIZE];
    int64_t read = 0;
    assert_true(date_parse(text, strlen(text), &read, NULL));
    assert_int_equal(read, seconds);
    assert_string_equal(date_format(written, seconds), text);
}

static void known_moments(void **state)
{
    (void)state;
    check("1970-01-01T00:00:00Z", 0);
    check("1969-12-31T23:59:59Z", -1);
    check("2000-02-29T12:34:56Z", 951827696);
    check("1968-12-31T12:00:00Z", -31579200);
    check("1600-01-01T00:00:00Z", -11676096000);
    check("1599-12-31T23:59:59Z", -11676096001);
    check("0900-06-15T00:00:00Z", -33751641600);
    check("0001-01-01T00:00:00Z", -62135596800);
    check("9999-12-31T23:59:59Z", 253402300799);
}

/* The day after, by the calendar's own rules. */
static void next_day(int *year, int *month, int *day)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (*year % 4 == 0 && *year % 100 != 0) || *year % 400 == 0;
    if (++*day <= lengths[*month - 1] + (*month == 2 && leap))
        return;
    *day = 1;
    if (++*month <= 12)
        return;
    *month = 1;
    ++*year;
}

static void every_day_of_the_calendar(void **state)
{
    (void)state;
    int year = 1;
    int month = 1;
    int day = 1;
    for (int64_t seconds = -62135596800; year < 10000; seconds += DAY) {
        char expected[64];
        char written[DATE_TEXT_SIZE];
        snprintf(expected, sizeof expected, "%04d-%02d-%02dT00:00:00Z", year, month, day);
        int64_t read = 0;
        int64_t until = 0;
        if (strcmp(date_format(written, seconds), expected) != 0 ||
            !date_parse(expected, 10, &read, &until) || read != seconds || until != seconds + DAY - 1)
            fail_msg("%s is written as %s and read as %lld to %lld", expected, written, (long long)read,
                     (long long)until);
        next_day(&year, &month, &day);
    }
}

static void offsets_count(void **state)
{
    (void)state;
    int64_t seconds;
    assert_true(date_parse("2025-09-11T08:00:00+02:00", 25, &seconds, NULL));
    assert_int_equal(seconds, 1757570400);
    assert_true(date_parse("0001-01-01T14:00:00+14:00", 25, &seconds, NULL));
    assert_int_equal(seconds, -62135596800);
}

static void refuses_what_is_no_date(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "25",
        "0000-01-01",
        "2025-13",
        "2025-02-29",
        "2025-09-11T24:00:00Z",
        "2025-09-11T08:00:00",
        "2025-09-11T08:00:00Z ",
        "10000-01-01",
        "9999-12-31T23:59:59-00:01",
        "9999-12-31T23:59:59-14:00",
        "0001-01-01T00:00:00+00:01",
    };
    int64_t seconds;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (date_parse(texts[i], strlen(texts[i]), &seconds, NULL))
            fail_msg("\"%s\" is taken for a date", texts[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_moments),
        cmocka_unit_test(every_day_of_the_calendar),
        cmocka_unit_test(offsets_count),
        cmocka_unit_test(refuses_what_is_no_date),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
