#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buffer.h"
#include "text/normalise.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

static void check(const char *text, const char *expected)
{
    struct buffer out = BUFFER_INIT;
    assert_true(text_normalise(text, strlen(text), &out));
    assert_string_equal(out.data, expected);
    assert_int_equal(out.length, strlen(expected));
    buffer_release(&out);
}

static void folds_case_and_accents(void **state)
{
    (void)state;
    check("", "");
    check("Hello, WORLD [42]!", "hello, world [42]!");
    check("Crème Brûlée", "creme brulee");
    check("e\xCC\x81t\xC3\xA9", "ete"); /* combining and composed */
    check("Straße ÅNGSTRÖM", "strasse angstrom");
    check("İstanbul", "istanbul");
    check("ΑΘΉΝΑΣ", "αθηνασ");
    check("Ёлка и Йод", "елка и йод");
    check("Київ", "київ");
    check("ﬁne Ⅷ ① ｆｕｌｌ", "fine viii 1 full");
}

static void handles_punctuation(void **state)
{
    (void)state;
    check("Don’t ‘stop’", "don't 'stop'");
    check("“a”–b…", "“a”–b...");
    check("co\xC2\xADop zero\xE2\x80\x8Bwidth\xEF\xBB\xBF", "coop zerowidth");
    check("a\xC2\xA0"
          "b",
          "a b");
    check("tab\there\x01", "tab\there\x01");
}

static void keeps_marks_that_are_letters(void **state)
{
    (void)state;
    check("हिन्दी", "हिन्दी");
    check("カ\xE3\x82\x99ス", "ガス"); /* composed with its voicing mark */
    check("ﾊﾟﾘ", "パリ");
    check("مُحَمَّد", "محمد");
    check("שָׁלוֹם", "שלום");
    check("한국 \xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB", "한국 한");
    check("ที่", "ที่");
}

static void refuses_what_is_not_utf8(void **state)
{
    (void)state;
    struct buffer out = BUFFER_INIT;
    buffer_append_string(&out, "kept");
    assert_false(text_normalise("ok \xC3(", 5, &out));
    assert_false(text_normalise("\xED\xA0\x80", 3, &out)); /* a surrogate */
    assert_false(text_normalise("caf\xC3", 4, &out));
    assert_false(text_normalise_name("\xFF", 1, &out));
    assert_string_equal(out.data, "kept");
    assert_int_equal(out.length, 4);
    buffer_release(&out);
}

static void names_are_trimmed(void **state)
{
    (void)state;
    struct buffer out = BUFFER_INIT;
    assert_true(
        text_normalise_name("  Satya \t\n NADELLA\xC2\xA0 ", strlen("  Satya \t\n NADELLA\xC2\xA0 "), &out));
    assert_string_equal(out.data, "satya nadella");
    buffer_clear(&out);
    assert_true(text_normalise_name(" \xE2\x80\x8B ", 5, &out));
    assert_int_equal(out.length, 0);
    buffer_release(&out);
}

/* Every code point, alone and behind a letter: what is normalised stays as it is. */
static void is_idempotent(void **state)
{
    (void)state;
    struct buffer once = BUFFER_INIT, twice = BUFFER_INIT;
    for (int32_t code = 1; code <= 0x10FFFF; code++) {
        if (code >= 0xD800 && code <= 0xDFFF)
            continue;
        char text[8] = "aи";
        size_t length = 3;
        length += (size_t)utf8proc_encode_char(code, (utf8proc_uint8_t *)text + length);
        buffer_clear(&once);
        buffer_clear(&twice);
        assert_true(text_normalise(text, length, &once));
        assert_true(text_normalise(once.data, once.length, &twice));
        if (once.length != twice.length || memcmp(once.data, twice.data, once.length) != 0)
            fail_msg("U+%04X: \"%s\" becomes \"%s\"", (unsigned)code, once.data, twice.data);
    }
    buffer_release(&once);
    buffer_release(&twice);
}

static void long_runs_are_cut_safely(void **state)
{
    (void)state;
    struct buffer text = BUFFER_INIT, expected = BUFFER_INIT, out = BUFFER_INIT;
    for (int i = 0; i < 5000; i++) {
        buffer_append_string(&text, "かカ\xE3\x82\x99");
        buffer_append_string(&expected, "かガ");
    }
    assert_true(text_normalise(text.data, text.length, &out));
    assert_string_equal(out.data, expected.data);
    /* marks without end, in an order that has to be changed, neither hang nor overflow */
    buffer_clear(&text);
    buffer_clear(&out);
    buffer_append_string(&text, "क");
    for (int i = 0; i < 200000; i++)
        buffer_append_string(&text, i % 2 == 0 ? "्" : "़");
    assert_true(text_normalise(text.data, text.length, &out));
    assert_true(out.length < 1000);
    buffer_release(&text);
    buffer_release(&expected);
    buffer_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folds_case_and_accents),
        cmocka_unit_test(handles_punctuation),
        cmocka_unit_test(keeps_marks_that_are_letters),
        cmocka_unit_test(refuses_what_is_not_utf8),
        cmocka_unit_test(names_are_trimmed),
        cmocka_unit_test(is_idempotent),
        cmocka_unit_test(long_runs_are_cut_safely),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
