#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buffer.h"
#include "text/language.h"
#include "text/normalise.h"

#include <stdio.h>
#include <string.h>

static void codes(void **state)
{
    (void)state;
    size_t known = 0;
    for (char first = 'a'; first <= 'z'; first++) {
        for (char second = 'a'; second <= 'z'; second++) {
            char code[3] = {first, second, '\0'};
            const struct language *language = language_find(code);
            if (language != NULL) {
                assert_string_equal(language_code(language), code);
                known++;
            }
        }
    }
    assert_int_equal(known, 184);
    assert_ptr_equal(language_find("en-GB"), language_find("en"));
    assert_ptr_equal(language_find("EN"), language_find("en"));
    assert_ptr_equal(language_find("zh-Hant-TW"), language_find("zh"));
    assert_ptr_equal(language_find("de_AT"), language_find("de"));
    const char *const wrong[] = {"",       "e",   "eng",   "english", "xx",     "en-",
                                 "en--GB", "-en", "en GB", "12",      "en-GB ", "é"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_null(language_find(wrong[i]));
}

static void check_stem(struct stemmer_set *set, const char *code, const char *word, const char *expected)
{
    for (int round = 0; round < 2; round++) { /* the second answer is the cache's */
        size_t length = 0;
        const char *stem = stemmer_stem(set, language_find(code), word, strlen(word), &length);
        char text[256];
        snprintf(text, sizeof text, "%.*s", (int)length, stem);
        assert_string_equal(text, expected);
    }
}

static void stems(void **state)
{
    (void)state;
    struct stemmer_set *set = stemmer_set_new();
    check_stem(set, "en", "companies", "compani");
    check_stem(set, "en", "spotify's", "spotifi");
    check_stem(set, "en", "running", "run");
    check_stem(set, "en", "skies", "sky"); /* no beginning of its word */
    check_stem(set, "de", "running", "running");
    check_stem(set, "de", "hausern", "haus");
    check_stem(set, "fr", "l'economie", "econom");
    check_stem(set, "fr", "economie", "econom");
    check_stem(set, "fr", "aujourd'hui", "aujourd'hui");
    check_stem(set, "ru", "новый", "нов");
    check_stem(set, "ru", "новая", "нов");
    check_stem(set, "nb", "husene", "hus");
    check_stem(set, "ja", "running", "running");
    check_stem(set, "en", "", "");
    const char *long_word = "electroencephalographicallyelectroencephalographicallyelectroencephalo";
    check_stem(set, "en", long_word, long_word);
    stemmer_set_free(set);
    stemmer_set_free(NULL);
}

/* Greek and Serbian stemmers change the spelling: what comes out must be normalised like any other word. */
static void stems_are_normalised(void **state)
{
    (void)state;
    struct stemmer_set *set = stemmer_set_new();
    const struct {
        const char *code, *word;
    } words[] = {{"el", "αθηνασ"},      {"sr", "кошаркаши"}, {"hi", "लड़कियाँ"}, {"tr", "kitaplarınızdan"},
                 {"hu", "gyerekeknek"}, {"ar", "المعلمون"},  {"yi", "געזאגט"}, {"ne", "किताबहरू"}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        struct buffer word = BUFFER_INIT, again = BUFFER_INIT;
        assert_true(text_normalise(words[i].word, strlen(words[i].word), &word));
        size_t length = 0;
        const char *stem = stemmer_stem(set, language_find(words[i].code), word.data, word.length, &length);
        assert_true(length > 0);
        assert_true(text_normalise(stem, length, &again));
        assert_int_equal(again.length, length);
        assert_memory_equal(again.data, stem, length);
        assert_false(length == word.length && memcmp(stem, word.data, length) == 0);
        buffer_release(&word);
        buffer_release(&again);
    }
    stemmer_set_free(set);
}

static bool is_stop(const char *code, const char *word)
{
    return language_is_stop_word(language_find(code), word, strlen(word));
}

static void stop_words(void **state)
{
    (void)state;
    static const char *const english[] = {
        "a",   "an",    "and",  "are",   "as",    "at",   "be",   "but", "by",  "for",  "if",
        "in",  "into",  "is",   "it",    "no",    "not",  "of",   "on",  "or",  "such", "that",
        "the", "their", "then", "there", "these", "they", "this", "to",  "was", "will", "with"};
    assert_int_equal(sizeof english / sizeof english[0], 33);
    for (size_t i = 0; i < 33; i++)
        assert_true(is_stop("en", english[i]));
    assert_false(is_stop("en", "spotify"));
    assert_false(is_stop("en", ""));
    assert_false(is_stop("en", "a an"));
    assert_false(is_stop("en", "the "));
    assert_false(is_stop("en", "averyveryverylongwordindeed"));
    assert_true(is_stop("de", "und") && is_stop("de", "fur") && !is_stop("de", "the"));
    assert_true(is_stop("fr", "des") && is_stop("es", "los") && is_stop("it", "della") &&
                is_stop("pt", "nao"));
    assert_true(is_stop("nl", "het") && is_stop("sv", "och") && is_stop("da", "ikke") &&
                is_stop("no", "ikke"));
    assert_true(is_stop("fi", "ja") && is_stop("ru", "и") && !is_stop("ja", "the"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes),
        cmocka_unit_test(stems),
        cmocka_unit_test(stems_are_normalised),
        cmocka_unit_test(stop_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
