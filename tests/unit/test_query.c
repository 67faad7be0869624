#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buffer.h"
#include "base/counters.h"
#include "base/date.h"
#include "base/memory.h"
#include "query/query.h"

#include <stdlib.h>
#include <string.h>

static const struct query_limits usual_limits = {
    .text = 2048,
    .terms = 64,
    .nesting = 8,
    .wildcards = 4,
    .wildcard_prefix = 3,
    .wildcard_expansions = 100,
    .phrase_words = 20,
};

static struct stemmer_set *stemmers;

static int parse_bytes(const char *text, size_t length, const struct query_limits *limits,
                       struct query **query, struct error *error)
{
    return query_parse(text, length, language_find("en"), stemmers, limits, query, error);
}

struct example {
    const char *text;
    const char *tree;
    const char *warning; /* the last part of it, NULL for none */
};

static void check_example(const struct example *example)
{
    struct query *query = NULL;
    struct error error = ERROR_INIT;
    struct buffer tree = BUFFER_INIT;
    if (parse_bytes(example->text, strlen(example->text), &usual_limits, &query, &error) != 0)
        fail_msg("\"%s\": %s", example->text, error.message);
    query_describe(query->root, &tree);
    if (strcmp(tree.data, example->tree) != 0)
        fail_msg("\"%s\" gives %s, not %s", example->text, tree.data, example->tree);
    if ((query->warning == NULL) != (example->warning == NULL))
        fail_msg("\"%s\" has the warning %s", example->text,
                 query->warning != NULL ? query->warning : "(none)");
    if (query->warning != NULL && strstr(query->warning, example->warning) == NULL)
        fail_msg("\"%s\" has the warning %s", example->text, query->warning);
    buffer_release(&tree);
    query_free(query);
}

static const struct example well_formed[] = {
    {"", "ALL", NULL},
    {"*", "ALL", NULL},
    {"   ", "ALL", NULL},
    {"spotify", "spotifi", NULL},
    {"Spotify AI", "(OR spotifi ai)", NULL},
    {"NASA AND ESA", "(AND nasa esa)", NULL},
    {"A SYSTEM IN CAPITALS SENDS QUERIES AND NOT OPERATORS", "(OR system capit send queri oper)",
     NULL}, /* prose, not a search for documents without "operators" */
    {"the", "the", NULL},
    {"the who", "who", NULL},
    {"rocket -the", "rocket", NULL},
    {"rocket NOT the", "rocket", NULL},
    {"rocket AND the", "rocket", NULL},
    {"the AND rocket", "rocket", NULL},
    {"rocket OR the", "rocket", NULL},
    {"rocket (the of)", "rocket", NULL},
    {"rocket -(the of)", "rocket", NULL},
    {"rocket +(the)", "(MAYBE the rocket)", NULL},
    {"rocket NOT (the OR of)", "rocket", NULL},
    {"rocket -of-the", "(AND_NOT rocket (PHRASE/2 of the))", NULL},
    {"(the OR of) AND rocket -moon", "(AND_NOT rocket moon)", NULL},
    {"the -rocket", "(AND_NOT the rocket)", NULL},
    {"tag:ai -the", "Kai", NULL},
    {"-the", "(AND_NOT ALL the)", NULL},
    {"NOT the", "(AND_NOT ALL the)", NULL},
    {"the AND of", "(AND the of)", NULL},
    {"the OR of", "(OR the of)", NULL},
    {"the of -to", "(OR the of)", NULL},
    {"the economy", "economi", NULL},
    {"+the economy", "(MAYBE the economi)", NULL},
    {"\"the economy\"", "(PHRASE/2 the economi)", NULL},
    {"\"spotify\"", "spotifi", NULL},
    {"\"\"", "NOTHING", NULL},
    {"\"climate change\" policy", "(OR (PHRASE/2 climat chang) polici)", NULL},
    {"climate AND change", "(AND climat chang)", NULL},
    {"climate OR change", "(OR climat chang)", NULL},
    {"climate AND change OR policy", "(OR (AND climat chang) polici)", NULL},
    {"climate change AND policy", "(AND (OR climat chang) polici)", NULL},
    {"climate AND (change OR policy)", "(AND climat (OR chang polici))", NULL},
    {"climate NOT change", "(AND_NOT climat chang)", NULL},
    {"climate AND NOT change", "(AND_NOT climat chang)", NULL},
    {"NOT climate", "(AND_NOT ALL climat)", NULL},
    {"-climate", "(AND_NOT ALL climat)", NULL},
    {"climate -change -policy", "(AND_NOT climat chang polici)", NULL},
    {"+climate change policy", "(MAYBE climat (OR chang polici))", NULL},
    {"+climate +change policy -tax", "(AND_NOT (MAYBE (AND climat chang) polici) tax)", NULL},
    {"climate NEAR change", "(NEAR/11 climat chang)", NULL},
    {"climate NEAR/3 change NEAR policy", "(NEAR/12 climat chang polici)", NULL},
    {"climate near change", "(OR climat near chang)", NULL},
    {"econom*", "econom*", NULL},
    {"companies*", "(OR companies* compani)", NULL},
    {"title:econom*", "Seconom*", NULL},
    {"tag:ai", "Kai", NULL},
    {"tag:AI spotify", "(FILTER spotifi Kai)", NULL},
    {"tag:ai tag:music spotify", "(FILTER spotifi (OR Kai Kmusic))", NULL},
    {"tag:ai person:\"Daniel Ek\" spotify", "(FILTER spotifi Kai XPER:daniel ek)", NULL},
    {"tag:ai OR tag:music", "(OR Kai Kmusic)", NULL},
    {"tag:ai AND tag:music", "(AND Kai Kmusic)", NULL},
    {"spotify AND tag:ai", "(AND spotifi Kai)", NULL},
    {"+tag:ai +tag:music", "(AND Kai Kmusic)", NULL},
    {"-tag:ai spotify", "(AND_NOT spotifi Kai)", NULL},
    {"tag:\"artificial intelligence\"", "Kartificial intelligence", NULL},
    {"org:Spotify product:iPhone place:Berlin category:Tech author:\"A. B.\" source:bbc language:en "
     "sentiment:neutral",
     "(AND XORG:spotify XPRO:iphone XPLA:berlin XCAT:tech Aa. b. XSRC:bbc Len XSEN:neutral)", NULL},
    {"tag:spot*", "Kspot*", NULL},
    {"tag:(ai music) spotify", "(FILTER spotifi (OR Kai Kmusic))", NULL},
    {"title:spotify", "Sspotifi", NULL},
    {"title:\"climate change\"", "(PHRASE/2 Sclimat Schang)", NULL},
    {"title:(climate change)", "(OR Sclimat Schang)", NULL},
    {"title:(climate AND \"sea level\") tax", "(OR (AND Sclimat (PHRASE/2 Ssea Slevel)) tax)", NULL},
    {"TAG:ai", "Kai", NULL},
    {"foo:bar", "(OR foo bar)", NULL},
    {"12:30", "(OR 12 30)", NULL},
    {"tag: ai", "(OR tag ai)", NULL},
    {"tag:", "tag", NULL},
    {"https://example.com/a-b?c=d", "(OR https (PHRASE/4 exampl com a b) c d)", NULL},
    {"co-operate", "(PHRASE/2 co oper)", NULL},
    {"e-mail marketing", "(OR (PHRASE/2 e mail) market)", NULL},
    {"AC/DC", "(PHRASE/2 ac dc)", NULL},
    {"red,green;blue", "(OR red green blue)", NULL},
    {"don't stop", "(OR don't stop)", NULL},
    {"at&t", "at&t", NULL},
    {"u.s.a. economy", "(OR usa economi)", NULL},
    {"C++", "c", NULL},
    {"3.5 percent", "(OR 3.5 percent)", NULL},
    {"spotify (tag:ai OR tag:music)", "(FILTER spotifi (OR Kai Kmusic))", NULL},
    {"(tag:ai) spotify", "(FILTER spotifi Kai)", NULL},
    {"published:2025-07-01..2025-09-30", "ALL", NULL},
    {"published:2025-07 spotify", "spotifi", NULL},
    {"published:..2025 spotify", "spotifi", NULL},
    {"published:2025-07-01.. AND spotify", "spotifi", NULL},
    {"published:\"2025-07\" x", "x", NULL},
    {"published:2025 published:2025-07", "ALL", NULL},
    {"((((((((deep))))))))", "deep", NULL},
    {"!!!", "NOTHING", NULL},
    {"tag:ai !!!", "Kai", NULL},
    {"!!! AND spotify", "spotifi", NULL},
    {"中国经济", "(AND 中国 国经 经济)", NULL},
    {"中", "中", NULL},
    {"\"中国经济\"", "(PHRASE/3 中国 国经 经济)", NULL},
    {"\"apple 中国人 news\"", "(PHRASE/5 appl 中国 国人 人 news)", NULL},
    {"iphone手机 news", "(OR iphon 手机 news)", NULL},
    {"title:中国", "S中国", NULL},
    {"Zürich naïve", "(OR zurich naiv)", NULL},
    {"“smart quotes” here", "(OR (PHRASE/2 smart quot) here)", NULL},
    {"-", "NOTHING", NULL},
    {"- foo", "foo", NULL},
    {"--foo", "(AND_NOT ALL foo)", NULL},
    {"+ foo", "foo", NULL},
    {"foo - bar", "(OR foo bar)", NULL},
    {"foo-", "foo", NULL},
    {"-\"climate change\" policy", "(AND_NOT polici (PHRASE/2 climat chang))", NULL},
    {"+\"climate change\" policy", "(MAYBE (PHRASE/2 climat chang) polici)", NULL},
    {"abc* def* ghi* jkl*", "(OR abc* def* ghi* jkl*)", NULL},
    {"the*", "the*", NULL},
    {"co-oper*", "(OR co oper*)", NULL},
    {"\"econom*\"", "econom", NULL},
    {"(x OR b) AND (c OR d)", "(AND (OR x b) (OR c d))", NULL},
    {"climate AND -change", "(AND climat (AND_NOT ALL chang))", NULL},
    {"spotify NOT tag:ai NOT (x y)", "(AND_NOT spotifi Kai (OR x y))", NULL},
    {"a b c d e f g h i j k l m n o p q r s t u v w x y z",
     "(OR b c d e f g h i j k l m n o p q r s t u v w x y z)", NULL},
};

static const struct example malformed[] = {
    {"climate NEAR \"a b\"", "(OR climat (PHRASE/2 a b))", "NEAR must stand between single words"},
    {"NEAR climate", "climat", "an operator or a bracket lacks its words"},
    {"climate NEAR", "climat", "NEAR must stand between single words"},
    {"published:foo bar", "(OR publish foo bar)", "published: takes dates such as 2025-07-01..2025-09-30"},
    {"published:2025 OR spotify", "spotifi", "published: cannot stand in brackets or behind OR, NOT or -"},
    {"(published:2025 spotify)", "spotifi", "published: cannot stand in brackets or behind OR, NOT or -"},
    {"-published:2025 spotify", "spotifi", "published: cannot stand in brackets or behind OR, NOT or -"},
    {"NOT published:2025", "NOTHING", "published: cannot stand in brackets or behind OR, NOT or -"},
    {"\"unclosed phrase", "(OR unclos phrase)", "a quote is not closed"},
    {"tag:\"unclosed name", "(OR unclos name)", "a quote is not closed"},
    {"(unclosed bracket", "(OR unclos bracket)", "a bracket is not closed"},
    {"closed) bracket", "(OR close bracket)", "a bracket was never opened"},
    {"()", "NOTHING", "an operator or a bracket lacks its words"},
    {"a AND", "a", "an operator or a bracket lacks its words"},
    {"AND a", "a", "an operator or a bracket lacks its words"},
    {"a OR OR b", "b", "an operator or a bracket lacks its words"},
    {"OR", "or", "an operator or a bracket lacks its words"},
    {"NOT", "not", "an operator or a bracket lacks its words"},
    {"a AND AND b", "b", "an operator or a bracket lacks its words"},
};

static void texts_that_parse(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof well_formed / sizeof well_formed[0]; i++)
        check_example(&well_formed[i]);
}

static void texts_that_fall_back(void **state)
{
    (void)state;
    size_t count = sizeof malformed / sizeof malformed[0];
    int64_t before = counter_value(COUNTER_QUERIES_FELL_BACK);
    for (size_t i = 0; i < count; i++)
        check_example(&malformed[i]);
    assert_int_equal(counter_value(COUNTER_QUERIES_FELL_BACK) - before, count);
}

static void check_published(const char *text, const char *from, const char *until)
{
    struct query *query = NULL;
    char date[DATE_TEXT_SIZE];
    assert_int_equal(parse_bytes(text, strlen(text), &usual_limits, &query, NULL), 0);
    assert_int_equal(query->published_from == DATE_NONE, from == NULL);
    assert_int_equal(query->published_until == DATE_NONE, until == NULL);
    if (from != NULL)
        assert_string_equal(date_format(date, query->published_from), from);
    if (until != NULL)
        assert_string_equal(date_format(date, query->published_until), until);
    query_free(query);
}

static void periods(void **state)
{
    (void)state;
    check_published("spotify", NULL, NULL);
    check_published("published:2025-07-01..2025-09-30", "2025-07-01T00:00:00Z", "2025-09-30T23:59:59Z");
    check_published("spotify published:2025-07", "2025-07-01T00:00:00Z", "2025-07-31T23:59:59Z");
    check_published("published:..2025 spotify", NULL, "2025-12-31T23:59:59Z");
    check_published("spotify AND published:2025-07-01..", "2025-07-01T00:00:00Z", NULL);
    check_published("published:\"2025\"", "2025-01-01T00:00:00Z", "2025-12-31T23:59:59Z");
    check_published("published:2025 published:2025-07..", "2025-07-01T00:00:00Z", "2025-12-31T23:59:59Z");
    check_published("published:2025 OR spotify", "2025-01-01T00:00:00Z", "2025-12-31T23:59:59Z");
    check_published("-published:2025 spotify", NULL, NULL);
    check_published("spotify NOT published:2025", NULL, NULL);
    check_published("published:2025-02-30", NULL, NULL);
}

static void check_refused(const char *text, size_t length, const struct query_limits *limits,
                          const char *names)
{
    struct query *query = NULL;
    struct error error = ERROR_INIT;
    int64_t before = counter_value(COUNTER_QUERIES_REJECTED);
    assert_int_equal(parse_bytes(text, length, limits, &query, &error), -1);
    assert_null(query);
    assert_int_equal(error.code, ERROR_BAD_REQUEST);
    if (strstr(error.message, names) == NULL)
        fail_msg("\"%s\" does not name %s", error.message, names);
    assert_int_equal(counter_value(COUNTER_QUERIES_REJECTED), before + 1);
}

static void check_accepted(const char *text, const struct query_limits *limits)
{
    struct query *query = NULL;
    assert_int_equal(parse_bytes(text, strlen(text), limits, &query, NULL), 0);
    assert_null(query->warning);
    query_free(query);
}

static void limit_of_text(void **state)
{
    (void)state;
    struct query_limits limits = usual_limits;
    limits.text = 5;
    check_accepted("abcde", &limits);
    check_refused("abcdef", 6, &limits, "query_text");
}

static void limit_of_terms(void **state)
{
    (void)state;
    struct query_limits limits = usual_limits;
    limits.terms = 3;
    check_accepted("one two three", &limits);
    check_accepted("one \"two three\"", &limits);
    check_refused("one two three four", 18, &limits, "query_terms");
    check_refused("one two \"three four\"", 20, &limits, "query_terms");
    check_refused("tag:a tag:b tag:c tag:d", 23, &limits, "query_terms");
    check_refused("one NEAR two NEAR three NEAR four", 33, &limits, "query_terms");
    check_refused("中国经济好", 15, &limits, "query_terms");
}

static void limit_of_nesting(void **state)
{
    (void)state;
    struct query_limits limits = usual_limits;
    limits.nesting = 2;
    check_accepted("((a) (b))", &limits);
    check_refused("(((a)))", 7, &limits, "query_nesting");
}

static void limits_of_wildcards(void **state)
{
    (void)state;
    struct query_limits limits = usual_limits;
    limits.wildcards = 2;
    check_accepted("mus* spot*", &limits);
    check_refused("mus* spot* new*", 15, &limits, "query_wildcards");
    check_refused("mu*", 3, &limits, "wildcard_prefix");
    check_refused("tag:mu*", 7, &limits, "wildcard_prefix");
    check_refused("person:mu*", 10, &limits, "wildcard_prefix");
    check_refused("\303\274b*", 4, &limits, "wildcard_prefix");
}

static void limit_of_phrases(void **state)
{
    (void)state;
    struct query_limits limits = usual_limits;
    limits.phrase_words = 3;
    check_accepted("\"one two three\"", &limits);
    check_accepted("one-two-three-four", &limits);
    check_refused("\"one two three four\"", 20, &limits, "phrase_words");
    check_refused("a NEAR b NEAR c NEAR d", 22, &limits, "phrase_words");
}

static void text_that_is_not_utf8(void **state)
{
    (void)state;
    check_refused("caf\351", 4, &usual_limits, "UTF-8");
    check_refused("\300\200", 2, &usual_limits, "UTF-8");
}

static void weights(void **state)
{
    (void)state;
    struct query *query = NULL;
    assert_int_equal(parse_bytes("spotify tag:ai", 14, &usual_limits, &query, NULL), 0);
    assert_int_equal(query->root->op, QUERY_FILTER);
    assert_true(query->root->children[0]->weighted);
    assert_false(query->root->children[1]->weighted);
    query_free(query);
}

static void filters_put_around(void **state)
{
    (void)state;
    struct query *query = NULL;
    struct buffer tree = BUFFER_INIT;
    assert_int_equal(parse_bytes("a b", 3, &usual_limits, &query, NULL), 0);
    struct query_node *both[] = {query->root, query_term_new(query, "Kai", 3, false)};
    query_describe(query_node_new(query, QUERY_FILTER, both, 2), &tree);
    assert_string_equal(tree.data, "(FILTER b Kai)");
    buffer_release(&tree);
    query_free(query);
}

static void other_languages(void **state)
{
    (void)state;
    struct query *query = NULL;
    struct buffer tree = BUFFER_INIT;
    const char *text = "die H\303\244user";
    assert_int_equal(
        query_parse(text, strlen(text), language_find("de"), stemmers, &usual_limits, &query, NULL), 0);
    query_describe(query->root, &tree);
    assert_string_equal(tree.data, "haus");
    buffer_release(&tree);
    query_free(query);
}

/* Whatever happens: either a tree or an error that says something. */
static void parse_and_forget(const char *text, size_t length, const struct query_limits *limits)
{
    struct query *query = NULL;
    struct error error = ERROR_INIT;
    struct buffer tree = BUFFER_INIT;
    if (parse_bytes(text, length, limits, &query, &error) != 0) {
        assert_int_equal(error.code, ERROR_BAD_REQUEST);
        assert_true(error.message[0] != '\0');
        return;
    }
    assert_non_null(query->root);
    query_describe(query->root, &tree);
    buffer_release(&tree);
    query_free(query);
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static void random_texts(void **state)
{
    (void)state;
    static const char *const parts[] = {
        "(",        ")",      "\"",     "+",      "-",          " ",    "*",  "AND ", " OR ",    "NOT ",
        " NEAR/3 ", "NEAR ",  "tag:",   "title:", "published:", "2025", "..", "a",    "spotify", "the ",
        "abc*",     "\u4E2D", "\u56FD", "\u201C", "\u00A0",     ":",    ".",  "'",    "\u0301",  "\u0E01",
    };
    struct query_limits generous = usual_limits;
    generous.terms = generous.wildcards = 1000;
    generous.wildcard_prefix = 1;
    uint32_t seed = 42;
    for (int round = 0; round < 10000; round++) {
        struct buffer text = BUFFER_INIT;
        buffer_append_string(&text, "");
        for (uint32_t left = next_random(&seed) % 30; left > 0; left--) {
            uint32_t kind = next_random(&seed) % 64;
            if (kind == 0)
                buffer_append_char(&text, (char)next_random(&seed)); /* mostly breaks UTF-8 */
            else
                buffer_append_string(&text, parts[next_random(&seed) % (sizeof parts / sizeof parts[0])]);
        }
        char *exact = memory_copy_bytes(text.data, text.length); /* for the sanitizer: reads behind the end */
        parse_and_forget(exact, text.length, round % 2 == 0 ? &usual_limits : &generous);
        free(exact);
        buffer_release(&text);
    }
}

static void random_bytes(void **state)
{
    (void)state;
    uint32_t seed = 7;
    for (int round = 0; round < 10000; round++) {
        char bytes[40];
        size_t length = next_random(&seed) % sizeof bytes;
        for (size_t i = 0; i < length; i++)
            bytes[i] = (char)(next_random(&seed) % (round % 2 == 0 ? 128 : 256));
        parse_and_forget(bytes, length, &usual_limits);
    }
}

static void repeated(const char *part, size_t count)
{
    struct query_limits limits = usual_limits;
    limits.text = SIZE_MAX;
    limits.nesting = 100;
    struct buffer text = BUFFER_INIT;
    for (size_t i = 0; i < count; i++)
        buffer_append_string(&text, part);
    parse_and_forget(text.data, text.length, &limits);
    buffer_release(&text);
}

static void long_texts(void **state)
{
    (void)state;
    repeated("(", 100000);
    repeated(")", 100000);
    repeated("(a OR (b AND ", 100000);
    repeated("tag:(", 100000);
    repeated("\"", 100001);
    repeated("-", 100000);
    repeated("NOT ", 100000);
    repeated("NEAR ", 100000);
    repeated("a-", 100000);
    repeated("\u4E2D", 100000);
    repeated("published:2025 ", 20000);
    repeated("the ", 100000);
}

static int set_up(void **state)
{
    (void)state;
    stemmers = stemmer_set_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    stemmer_set_free(stemmers);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_that_parse),
        cmocka_unit_test(texts_that_fall_back),
        cmocka_unit_test(periods),
        cmocka_unit_test(limit_of_text),
        cmocka_unit_test(limit_of_terms),
        cmocka_unit_test(limit_of_nesting),
        cmocka_unit_test(limits_of_wildcards),
        cmocka_unit_test(limit_of_phrases),
        cmocka_unit_test(text_that_is_not_utf8),
        cmocka_unit_test(weights),
        cmocka_unit_test(filters_put_around),
        cmocka_unit_test(other_languages),
        cmocka_unit_test(random_texts),
        cmocka_unit_test(random_bytes),
        cmocka_unit_test(long_texts),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
