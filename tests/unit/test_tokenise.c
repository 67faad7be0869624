#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buffer.h"
#include "text/tokenise.h"

#include <stdlib.h>
#include <string.h>

/* The tokens as "position:text", with blanks between them. */
static void check_bytes(const char *text, size_t length, const char *expected)
{
    struct buffer out = BUFFER_INIT;
    struct tokeniser tokeniser;
    struct token token;
    buffer_append_string(&out, "");
    tokeniser_init(&tokeniser, text, length);
    while (tokeniser_next(&tokeniser, &token)) {
        assert_true(token.offset < token.end && token.end <= length);
        assert_true(token.length > 0 && token.length <= TOKEN_MAX);
        buffer_printf(&out, "%s%u:%.*s", out.length != 0 ? " " : "", token.position, (int)token.length,
                      token.text);
    }
    assert_string_equal(out.data, expected);
    buffer_release(&out);
}

static void check(const char *text, const char *expected)
{
    check_bytes(text, strlen(text), expected);
}

static void plain_words(void **state)
{
    (void)state;
    check("", "");
    check(" ... !? '", "");
    check("the quick, brown fox.", "1:the 2:quick 3:brown 4:fox");
    check("co-operate", "1:co 2:operate");
    check("#ai @openai", "1:ai 2:openai");
    check("e-mail/web (x)", "1:e 2:mail 3:web 4:x");
    check("елка αθηνα हिन्दी", "1:елка 2:αθηνα 3:हिन्दी");
}

static void joiners(void **state)
{
    (void)state;
    check("don't at&t l'eau", "1:don't 2:at&t 3:l'eau");
    check("'quoted' dogs' &c r& d", "1:quoted 2:dogs 3:c 4:r 5:d");
    check("the 90's", "1:the 2:90 3:s");
    check("snake_case _private_ a__b", "1:snake_case 2:private 3:a 4:b");
}

static void numbers(void **state)
{
    (void)state;
    check("3.5 1,000 1,234,567.89 3,5 10. 7,", "1:3.5 2:1000 3:1234567.89 4:3,5 5:10 6:7");
    check("covid-19 4k 2025-09-11 v1.2.3", "1:covid 2:19 3:4k 4:2025 5:09 6:11 7:v1.2.3");
    check("1,0000", "1:1,0000");
}

static void abbreviations(void **state)
{
    (void)state;
    check("u.s.a. and u.k", "1:usa 2:and 3:uk");
    check("j.r.r.tolkien", "1:jrr 2:tolkien");
    check("node.js a. b", "1:node 2:js 3:a 4:b");
    check("the u.s.-based", "1:the 2:us 3:based");
    struct tokeniser tokeniser;
    struct token token;
    tokeniser_init(&tokeniser, "in u.s. courts", 14);
    assert_true(tokeniser_next(&tokeniser, &token) && tokeniser_next(&tokeniser, &token));
    assert_int_equal(token.offset, 3);
    assert_int_equal(token.end, 6);
    assert_int_equal(token.length, 2);
}

static void ngrams(void **state)
{
    (void)state;
    check("北京大", "1:北京 1:北 2:京大 2:京 3:大");
    check("日", "1:日");
    check("iphone手机。新", "1:iphone 2:手机 2:手 3:机 4:新");
    check("カラー・テレビ", "1:カラ 1:カ 2:ラー 2:ラ 3:ー 4:テレ 4:テ 5:レビ 5:レ 6:ビ");
    check("한국", "1:한국 1:한 2:국");
    check("ที่นี่", "1:ที่นี่ 1:ที่ 2:นี่");
    struct tokeniser tokeniser;
    struct token token;
    tokeniser_init(&tokeniser, "a北京", 7);
    assert_true(tokeniser_next(&tokeniser, &token) && !token.ngram && !token.pair);
    assert_true(tokeniser_next(&tokeniser, &token) && token.ngram && token.pair);
    assert_int_equal(token.end, 7);
    assert_true(tokeniser_next(&tokeniser, &token) && token.ngram && !token.pair);
    assert_int_equal(token.offset, 1);
    assert_int_equal(token.end, 4);
}

static void long_words_keep_their_position(void **state)
{
    (void)state;
    struct buffer text = BUFFER_INIT;
    buffer_append_string(&text, "a ");
    for (int i = 0; i < TOKEN_MAX + 1; i++)
        buffer_append_char(&text, 'x');
    buffer_append_string(&text, " b");
    check(text.data, "1:a 3:b");
    buffer_clear(&text);
    for (int i = 0; i < 1000; i++)
        buffer_append_string(&text, "a.");
    buffer_append_string(&text, " 1");
    for (int i = 0; i < 1000; i++)
        buffer_append_string(&text, ",000");
    buffer_append_string(&text, " c");
    check(text.data, "3:c");
    buffer_release(&text);
}

/* Any bytes at all end, inside the text. */
static void survives_garbage(void **state)
{
    (void)state;
    static const char alphabet[] = "a1.,'&_ \xE5\x8C\x97\xE0\xB8\x97\xE0\xB8\xB5\xC3\xA9\xFF\x80";
    uint32_t random = 12345;
    for (int round = 0; round < 20000; round++) {
        char text[48];
        size_t length = (size_t)(round % (int)sizeof text);
        for (size_t i = 0; i < length; i++) {
            random = random * 1664525 + 1013904223;
            text[i] = alphabet[(random >> 16) % (sizeof alphabet - 1)];
        }
        char *exact = malloc(length + 1); /* so that a sanitiser sees a read behind the end */
        memcpy(exact, text, length);
        exact = realloc(exact, length != 0 ? length : 1);
        struct tokeniser tokeniser;
        struct token token;
        uint32_t last = 0;
        size_t count = 0;
        tokeniser_init(&tokeniser, exact, length);
        while (tokeniser_next(&tokeniser, &token)) {
            assert_true(token.position >= last && token.end <= length && token.offset < token.end);
            last = token.position;
            assert_true(++count <= 2 * length);
        }
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_words),      cmocka_unit_test(joiners),
        cmocka_unit_test(numbers),          cmocka_unit_test(abbreviations),
        cmocka_unit_test(ngrams),           cmocka_unit_test(long_words_keep_their_position),
        cmocka_unit_test(survives_garbage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
