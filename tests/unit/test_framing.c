#include "net/framing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LIMIT 4096

/* What comes out for a run of bytes, as text: "@tag VERB|argument;" for each request, "!code" for refusals.
 */
static void describe(struct buffer *out, const struct framing_event *event)
{
    if (event->tag[0] != '\0')
        buffer_printf(out, "@%s ", event->tag);
    switch (event->kind) {
    case FRAMING_REQUEST:
        buffer_printf(out, "%s%.*s|%.*s;", event->resp ? "*" : "", (int)event->verb_length, event->verb,
                      (int)event->argument_length, event->argument_length == 0 ? "" : event->argument);
        break;
    case FRAMING_REFUSED:
        buffer_printf(out, "!%s;", error_code_name(event->error.code));
        break;
    case FRAMING_BROKEN:
        buffer_printf(out, "broken %s;", error_code_name(event->error.code));
        break;
    default:
        buffer_append_string(out, "foreign;");
    }
}

/* Feeds the bytes in two pieces split at `split`; `step` = 1 feeds the second one byte by byte. */
static char *frame(const char *bytes, size_t length, size_t split, bool step)
{
    struct framing framing;
    struct framing_event event;
    struct buffer out = BUFFER_INIT;
    framing_init(&framing, LIMIT);
    buffer_append(&out, "", 0);
    size_t at = 0;
    for (bool ended = false; at < length && !ended;) {
        size_t piece = at < split ? split - at : step ? 1 : length - at;
        framing_feed(&framing, bytes + at, piece);
        at += piece;
        while (!ended && framing_next(&framing, &event) != FRAMING_MORE) {
            describe(&out, &event);
            ended = event.kind == FRAMING_BROKEN || event.kind == FRAMING_FOREIGN;
        }
    }
    framing_release(&framing);
    buffer_append_char(&out, '\0');
    return buffer_steal(&out);
}

static void check_n(const char *bytes, size_t length, const char *expected)
{
    for (size_t split = 0; split <= length; split += length > 2000 ? 97 : 1) {
        char *result = frame(bytes, length, split, false);
        assert_string_equal(result, expected);
        free(result);
    }
    char *result = frame(bytes, length, 0, true);
    assert_string_equal(result, expected);
    free(result);
}

static void check(const char *bytes, const char *expected)
{
    check_n(bytes, strlen(bytes), expected);
}

static void lines_are_requests(void **state)
{
    (void)state;
    check("PING\n", "PING|;");
    check("PING\r\nGET a17\r\n", "PING|;GET|a17;");
    check("\n\r\n  \nSEARCH  spotify tag:ai\n", "SEARCH|spotify tag:ai;");
    check("PUT {\"id\":\"é\"}\nPI", "PUT|{\"id\":\"é\"};");
    check(" \t GET x\n", "GET|x;");
}

static void tags_are_split_off(void **state)
{
    (void)state;
    check("@1 PING\n@x-y GET a\nGET @z\n", "@1 PING|;@x-y GET|a;GET|@z;");
    check("@ PING\nPING\n", "!bad_request;PING|;");
    check("@12345678901234567890123456789012 PING\n@123456789012345678901234567890123 PING\n",
          "@12345678901234567890123456789012 PING|;!bad_request;");
    check("@t\nPING\n", "@t !bad_request;PING|;");
}

static void bytes_that_are_no_text_are_refused(void **state)
{
    (void)state;
    check("GET \xff\nPING\n", "!bad_request;PING|;");
    check("GET \xed\xa0\x80\nPING\n", "!bad_request;PING|;");
    check_n("GET a\0b12345678\nPING\n", 21, "!bad_request;PING|;");
    check_n("*2\r\n$3\r\nGET\r\n$1\r\n\0\r\n*1\r\n$4\r\nPING\r\n", 34, "!bad_request;*PING|;");
}

static void long_lines_are_skipped(void **state)
{
    (void)state;
    struct buffer bytes = BUFFER_INIT;
    buffer_append_string(&bytes, "@big PUT ");
    for (int i = 0; i < LIMIT; i++)
        buffer_append_char(&bytes, 'x');
    buffer_append_string(&bytes, "\rPING\nGET a\n");
    check_n(bytes.data, bytes.length, "@big !too_large;GET|a;");
    buffer_clear(&bytes);
    buffer_append_string(&bytes, "GET ");
    for (int i = 4; i < LIMIT; i++)
        buffer_append_char(&bytes, 'x');
    buffer_append_string(&bytes, "\r\nPING\n");
    char *result = frame(bytes.data, bytes.length, 100, false);
    assert_memory_equal(result, "GET|xx", 6);
    assert_non_null(strstr(result, "x;PING|;"));
    free(result);
    buffer_release(&bytes);
}

static void skipping_keeps_nothing(void **state)
{
    (void)state;
    struct framing framing;
    struct framing_event event;
    char chunk[1000];
    memset(chunk, 'x', sizeof chunk);
    framing_init(&framing, LIMIT);
    int refused = 0;
    for (int i = 0; i < 1000; i++) {
        framing_feed(&framing, chunk, sizeof chunk);
        while (framing_next(&framing, &event) != FRAMING_MORE)
            refused++;
        assert_true(framing.in.capacity < 4 * LIMIT);
    }
    assert_int_equal(refused, 1);
    assert_true(framing_is_partial(&framing));
    framing_release(&framing);
}

static void resp_arrays_are_requests(void **state)
{
    (void)state;
    check("*1\r\n$4\r\nPING\r\n", "*PING|;");
    check("*2\r\n$3\r\nGET\r\n$5\r\na b\nc\r\nPING\n", "*GET|a b\nc;PING|;");
    check("*4\r\n$6\r\nSEARCH\r\n$1\r\na\r\n$0\r\n\r\n$2\r\nbc\r\n", "*SEARCH|a  bc;");
    check("*0\r\n*-1\r\nPING\n*1\r\n$4\r\nQUIT\r\n", "PING|;*QUIT|;");
    check("*1\r\n$0\r\n\r\nPING\n", "!bad_request;PING|;");
}

static void broken_resp_is_noticed(void **state)
{
    (void)state;
    static const char *const malformed[] = {
        "*x\r\n",
        "*1025\r\n$1\r\n",
        "*\r\n",
        "*1\n",
        "*18446744073709551616\r\n",
        "*99999999999999999999999999999999999999999",
        "*-2\r\n",
        "*+1\r\n",
        "*1\r\nPING\r\n",
        "*1\r\n$-1\r\n",
        "*1\r\n$x\r\n",
        "*1\r\n$ 4\r\n",
        "*1\r\n$4\r\nPINGx\r\n",
        "*1\r\n$3\r\nPING\r\n",
    };
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++)
        check(malformed[i], "broken bad_request;");
    check("*2\r\n$3\r\nPUT\r\n$4097\r\n", "broken too_large;");
    check("*2\r\n$3\r\nPUT\r\n$18446744073709551615\r\n", "broken bad_request;");
    check("*2\r\n$3\r\nPUT\r\n$1844674407370955160\r\n", "broken too_large;");
}

static void resp_totals_are_bounded(void **state)
{
    (void)state;
    struct buffer bytes = BUFFER_INIT;
    buffer_append_string(&bytes, "*4\r\n$3\r\nPUT\r\n");
    for (int string = 0; string < 2; string++) {
        buffer_append_string(&bytes, "$4090\r\n");
        for (int i = 0; i < 4090; i++)
            buffer_append_char(&bytes, 'x');
        buffer_append_string(&bytes, "\r\n");
    }
    buffer_append_string(&bytes, "$10\r\n");
    check_n(bytes.data, bytes.length, "broken too_large;");
    buffer_release(&bytes);
}

static void announced_lengths_cost_no_memory(void **state)
{
    (void)state;
    struct framing framing;
    struct framing_event event;
    static const char start[] = "*1024\r\n$1000000\r\nabc";
    framing_init(&framing, 1 << 20);
    framing_feed(&framing, start, sizeof start - 1);
    assert_int_equal(framing_next(&framing, &event), FRAMING_MORE);
    assert_true(framing.in.capacity < 4096);
    assert_true(framing.piece_capacity < 64);
    framing_release(&framing);
}

static void http_is_foreign(void **state)
{
    (void)state;
    check("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "foreign;");
    check("POST /x HTTP/1.1\r\nSHUTDOWN\r\n", "foreign;");
    check("host: localhost\r\n", "foreign;");
    check("PUT /a HTTP/1.0\n", "foreign;");
    check("GET /a\n", "GET|/a;");
    check("GET HTTP/1.1\n", "GET|HTTP/1.1;");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_requests),
        cmocka_unit_test(tags_are_split_off),
        cmocka_unit_test(bytes_that_are_no_text_are_refused),
        cmocka_unit_test(long_lines_are_skipped),
        cmocka_unit_test(skipping_keeps_nothing),
        cmocka_unit_test(resp_arrays_are_requests),
        cmocka_unit_test(broken_resp_is_noticed),
        cmocka_unit_test(resp_totals_are_bounded),
        cmocka_unit_test(announced_lengths_cost_no_memory),
        cmocka_unit_test(http_is_foreign),
    };
    return cmocka_run_group_tests_name("framing", tests, NULL, NULL);
}
