#include "base/date.h"

#include <stdio.h>

static const int days_before_month[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int month_days(int year, int month)
{
    return days_before_month[month] - days_before_month[month - 1] + (month == 2 && is_leap(year) ? 1 : 0);
}

/* Days from 1970-01-01 (proleptic Gregorian calendar). */
static int64_t days_from_civil(int year, int month, int day)
{
    int64_t y = year - 1;
    int64_t days = y * 365 + y / 4 - y / 100 + y / 400;
    days += days_before_month[month - 1] + (month > 2 && is_leap(year) ? 1 : 0) + day - 1;
    return days - 719162; /* days from 0001-01-01 to 1970-01-01 */
}

static bool read_digits(const char **at, const char *end, int count, int *value)
{
    *value = 0;
    for (int i = 0; i < count; i++) {
        if (*at >= end || **at < '0' || **at > '9')
            return false;
        *value = *value * 10 + (*(*at)++ - '0');
    }
    return true;
}

static bool read_char(const char **at, const char *end, char wanted)
{
    if (*at >= end || **at != wanted)
        return false;
    (*at)++;
    return true;
}

/* "Z", "+hh:mm" or "-hh:mm" (also without the colon) to seconds east of UTC. */
static bool read_offset(const char **at, const char *end, int *offset)
{
    *offset = 0;
    if (*at < end && (**at == 'Z' || **at == 'z')) {
        (*at)++;
        return true;
    }
    int sign = read_char(at, end, '+') ? 1 : read_char(at, end, '-') ? -1 : 0;
    int hours;
    int minutes;
    if (sign == 0 || !read_digits(at, end, 2, &hours))
        return false;
    read_char(at, end, ':');
    if (!read_digits(at, end, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *offset = sign * (hours * 3600 + minutes * 60);
    return true;
}

static bool read_time(const char **at, const char *end, int *second_of_day, int *offset)
{
    int hour;
    int minute;
    int second = 0;
    if (!read_digits(at, end, 2, &hour) || !read_char(at, end, ':') || !read_digits(at, end, 2, &minute))
        return false;
    if (read_char(at, end, ':')) {
        if (!read_digits(at, end, 2, &second))
            return false;
        if (read_char(at, end, '.')) {
            int digit;
            if (!read_digits(at, end, 1, &digit))
                return false;
            while (*at < end && **at >= '0' && **at <= '9')
                (*at)++;
        }
    }
    if (hour > 23 || minute > 59 || second > 60)
        return false;
    *second_of_day = hour * 3600 + minute * 60 + (second == 60 ? 59 : second);
    return read_offset(at, end, offset);
}

bool date_parse(const char *text, size_t length, int64_t *seconds, int64_t *until)
{
    const char *at = text;
    const char *end = text + length;
    int year;
    int month = 1;
    int day = 1;
    int second_of_day = 0;
    int offset = 0;
    int64_t period = 0;
    if (!read_digits(&at, end, 4, &year) || year < 1)
        return false;
    bool has_month = read_char(&at, end, '-');
    if (has_month && (!read_digits(&at, end, 2, &month) || month < 1 || month > 12))
        return false;
    bool has_day = has_month && read_char(&at, end, '-');
    if (has_day && (!read_digits(&at, end, 2, &day) || day < 1 || day > month_days(year, month)))
        return false;
    bool has_time =
        has_day && (read_char(&at, end, 'T') || read_char(&at, end, 't') || read_char(&at, end, ' '));
    if (has_time && !read_time(&at, end, &second_of_day, &offset))
        return false;
    if (at != end)
        return false;
    if (!has_month)
        period = is_leap(year) ? 366 : 365;
    else if (!has_day)
        period = month_days(year, month);
    else if (!has_time)
        period = 1;
    *seconds = days_from_civil(year, month, day) * 86400 + second_of_day - offset;
    if (*seconds < days_from_civil(1, 1, 1) * 86400 || *seconds >= days_from_civil(10000, 1, 1) * 86400)
        return false; /* the offset leads out of the years that can be written */
    if (until != NULL)
        *until = *seconds + (period > 0 ? period * 86400 - 1 : 0);
    return true;
}

const char *date_format(char out[DATE_TEXT_SIZE], int64_t seconds)
{
    int64_t days = seconds / 86400;
    int64_t rest = seconds % 86400;
    if (rest < 0) {
        rest += 86400;
        days--;
    }
    int year = 1970 + (int)(days / 365); /* a little too far from 1970 */
    while (days_from_civil(year, 1, 1) > days)
        year--;
    while (days_from_civil(year + 1, 1, 1) <= days)
        year++;
    int day_of_year = (int)(days - days_from_civil(year, 1, 1));
    int month = 1;
    while (day_of_year >= month_days(year, month)) {
        day_of_year -= month_days(year, month);
        month++;
    }
    /* unsigned and reduced, so that the compiler sees that the text fits */
    snprintf(out, DATE_TEXT_SIZE, "%04u-%02u-%02uT%02u:%02u:%02uZ", (unsigned)year % 10000U,
             (unsigned)month % 100U, (unsigned)(day_of_year + 1) % 100U, (unsigned)(rest / 3600) % 24U,
             (unsigned)(rest / 60 % 60), (unsigned)(rest % 60));
    return out;
}
