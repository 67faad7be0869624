#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ctl/progress.h"
#include "ctl/terminal.h"

#include <string.h>

static struct buffer out;

static struct page page_of(size_t width)
{
    buffer_clear(&out);
    return (struct page){.out = &out, .width = width};
}

static int release(void **state)
{
    (void)state;
    buffer_release(&out);
    return 0;
}

static void assert_cut(const char *text, size_t width, const char *expected)
{
    struct page page = page_of(80);
    size_t used = page_cut(&page, text, width, STYLE_TITLE);
    assert_string_equal(out.data != NULL ? out.data : "", expected);
    assert_int_equal(used, text_width(expected));
    assert_true(used <= width);
}

static void cuts_between_characters(void **state)
{
    (void)state;
    assert_cut("Andøya", 6, "Andøya");
    assert_cut("Andøya", 5, "Andø…");
    assert_cut("one two", 5, "one…"); /* no blank before the dots */
    assert_cut("漢字漢字", 8, "漢字漢字");
    assert_cut("漢字漢字", 7, "漢字漢…");
    assert_cut("漢字漢字", 6, "漢字…");              /* the third would need two columns where one is left */
    assert_cut("e\xcc\x81tude", 5, "e\xcc\x81tude"); /* an accent of its own has no width */
    assert_cut("abc", 0, "");
}

static void cleans_what_moves_the_cursor(void **state)
{
    (void)state;
    assert_cut("a\033[2Jb", 20, "a [2Jb");
    assert_cut("a\xc2\x9b"
               "2Jb\x7f",
               20, "a 2Jb ");
    assert_cut("a\xe2\x80\xae"
               "b",
               20, "a b");
    assert_cut("a\xff"
               "b",
               20, "a?b");
}

static void fills_cells(void **state)
{
    (void)state;
    struct page page = page_of(80);
    page_cell(&page, "漢字", 6, STYLE_PLAIN);
    page_right(&page, "12", 4, STYLE_PLAIN);
    page_right(&page, "12345", 4, STYLE_PLAIN);
    assert_string_equal(out.data, "漢字    12123…");
}

static void assert_wrapped(const char *text, size_t lines, const char *expected)
{
    struct page page = page_of(14);
    page_wrap(&page, text, 0, 2, lines, STYLE_PLAIN);
    assert_string_equal(out.data, expected);
}

static void wraps_at_blanks(void **state)
{
    (void)state;
    assert_wrapped("one two three four", 0, "  one two\n  three four\n");
    assert_wrapped("one two three four", 1, "  one two thr…\n");
    assert_wrapped("one two three four", 2, "  one two\n  three four\n");
    assert_wrapped("abcdefghijklmnopq", 0, "  abcdefghijkl\n  mnopq\n");
    assert_wrapped("one\n\ntwo\n", 0, "  one\n\n  two\n");
    assert_wrapped("漢字漢字漢字漢", 0, "  漢字漢字漢字\n  漢\n");
    assert_wrapped("", 0, "  \n");
    assert_wrapped("exactly twelv", 0, "  exactly\n  twelv\n");
}

static void draws_bars(void **state)
{
    (void)state;
    static const struct {
        double fraction;
        const char *bar;
    } rows[] = {{0, "    "}, {0.5, "██  "}, {1, "████"}, {0.53125, "██▏ "}, {7, "████"}, {-1, "    "}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct page page = page_of(80);
        page_bar(&page, rows[i].fraction, 4, STYLE_PLAIN);
        assert_string_equal(out.data, rows[i].bar);
    }
}

static void assert_time(double seconds, const char *expected)
{
    buffer_clear(&out);
    progress_append_time(&out, seconds);
    assert_string_equal(out.data, expected);
}

static void writes_times_and_counts(void **state)
{
    (void)state;
    assert_time(0.423, "0.42 s");
    assert_time(12.34, "12.3 s");
    assert_time(59.99, "1 min 00 s");
    assert_time(245, "4 min 05 s");
    assert_time(7800, "2 h 10 min");
    buffer_clear(&out);
    progress_append_count(&out, 0);
    buffer_append_char(&out, ' ');
    progress_append_count(&out, 999);
    buffer_append_char(&out, ' ');
    progress_append_count(&out, 1234567);
    assert_string_equal(out.data, "0 999 1,234,567");
}

static void progress_fits_every_width(void **state)
{
    (void)state;
    const struct progress_figures figures = {
        .label = "articles-漢字-of-a-long-name.ndjson.zst",
        .fraction = 0.5,
        .count = 1234567,
        .unit = "articles",
        .rate = 45678,
        .seconds_left = 3723,
    };
    for (size_t width = 10; width < 150; width++) {
        buffer_clear(&out);
        progress_format(&out, &figures, width);
        assert_true(text_width(out.data) <= width);
    }
    assert_non_null(strstr(out.data, " 50 %  1,234,567 articles  45,678/s  1:02:03 left"));
    assert_non_null(strstr(out.data, "███"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_between_characters),
        cmocka_unit_test(cleans_what_moves_the_cursor),
        cmocka_unit_test(fills_cells),
        cmocka_unit_test(wraps_at_blanks),
        cmocka_unit_test(draws_bars),
        cmocka_unit_test(writes_times_and_counts),
        cmocka_unit_test(progress_fits_every_width),
    };
    return cmocka_run_group_tests(tests, NULL, release);
}
