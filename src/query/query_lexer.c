#include "query/query_lexer.h"

#include "base/date.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NEAR_DISTANCE_DEFAULT 10
#define NEAR_DISTANCE_MAX 1000

struct lexer {
    const char *text;
    size_t length;
    size_t at;
    struct lexeme_list *list;
    bool shouting; /* capitals only: no operators */
};

static bool starts_with(const struct lexer *lexer, size_t at, const char *word)
{
    size_t length = strlen(word);
    return lexer->length - at >= length && memcmp(lexer->text + at, word, length) == 0;
}

/* The length of the white space character at `at`, 0 if there is none. */
static size_t blank_at(const struct lexer *lexer, size_t at)
{
    if (at >= lexer->length)
        return 0;
    unsigned char c = (unsigned char)lexer->text[at];
    if (c <= ' ')
        return 1;
    if (c < 0x80) /* as nearly all are */
        return 0;
    if (starts_with(lexer, at, "\u00A0"))
        return 2;
    return starts_with(lexer, at, "\u3000") ? 3 : 0;
}

/* The length of the quote at `at`, typewriter's or printer's; 0 if there is none. */
static size_t quote_at(const struct lexer *lexer, size_t at)
{
    static const char *const quotes[] = {"\u201C", "\u201D", "\u201E", "\u201F", "\u00AB", "\u00BB"};
    if (at >= lexer->length)
        return 0;
    if (lexer->text[at] == '"')
        return 1;
    if ((unsigned char)lexer->text[at] < 0x80)
        return 0;
    for (size_t i = 0; i < sizeof quotes / sizeof quotes[0]; i++) {
        if (starts_with(lexer, at, quotes[i]))
            return strlen(quotes[i]);
    }
    return 0;
}

static bool is_bracket(char c)
{
    return c == '(' || c == ')';
}

/* Where the word that starts at `at` ends. */
static size_t word_end(const struct lexer *lexer, size_t at)
{
    while (at < lexer->length && !is_bracket(lexer->text[at]) && blank_at(lexer, at) == 0 &&
           quote_at(lexer, at) == 0)
        at++;
    return at;
}

static void add(struct lexer *lexer, struct lexeme lexeme)
{
    struct lexeme_list *list = lexer->list;
    list->items = memory_grow(list->items, &list->capacity, list->count + 1, sizeof *list->items);
    list->items[list->count++] = lexeme;
}

static bool same_word(const char *text, size_t length, const char *word)
{
    return strlen(word) == length && memcmp(text, word, length) == 0;
}

/* Reads the n of NEAR/n; 0 if it is none. */
static uint32_t read_distance(const char *digits, size_t length)
{
    uint32_t distance = 0;
    if (length == 0 || length > 6)
        return 0;
    for (size_t i = 0; i < length; i++) {
        if (digits[i] < '0' || digits[i] > '9')
            return 0;
        distance = distance * 10 + (uint32_t)(digits[i] - '0');
    }
    return distance < NEAR_DISTANCE_MAX ? distance : NEAR_DISTANCE_MAX;
}

/* Turns a word lexeme into the operator that it is. */
static void recognise_operator(struct lexeme *lexeme)
{
    if (same_word(lexeme->text, lexeme->length, "AND"))
        lexeme->kind = LEXEME_AND;
    else if (same_word(lexeme->text, lexeme->length, "OR"))
        lexeme->kind = LEXEME_OR;
    else if (same_word(lexeme->text, lexeme->length, "NOT"))
        lexeme->kind = LEXEME_NOT;
    else if (same_word(lexeme->text, lexeme->length, "NEAR"))
        lexeme->distance = NEAR_DISTANCE_DEFAULT;
    else if (lexeme->length > 5 && memcmp(lexeme->text, "NEAR/", 5) == 0)
        lexeme->distance = read_distance(lexeme->text + 5, lexeme->length - 5);
    if (lexeme->distance > 0)
        lexeme->kind = LEXEME_NEAR;
}

/* Reads "a..b", "a..", "..b" or "a" as dates. */
static bool read_period(const char *text, size_t length, int64_t *from, int64_t *until)
{
    const char *dots = memmem(text, length, "..", 2);
    *from = *until = DATE_NONE;
    if (dots == NULL)
        return date_parse(text, length, from, until);
    size_t before = (size_t)(dots - text);
    size_t after = length - before - 2;
    int64_t unused;
    if (before == 0 && after == 0)
        return false;
    return (before == 0 || date_parse(text, before, from, &unused)) &&
           (after == 0 || date_parse(dots + 2, after, &unused, until));
}

/* The field of the key "key:" at the place; LEXEME_NO_FIELD for none, `published` set for that one. */
static enum term_field read_key(struct lexer *lexer, bool *published)
{
    const char *key = lexer->text + lexer->at;
    size_t left = lexer->length - lexer->at;
    size_t length = 0;
    while (length < left &&
           ((key[length] >= 'a' && key[length] <= 'z') || (key[length] >= 'A' && key[length] <= 'Z')))
        length++;
    size_t value = lexer->at + length + 1;
    if (length == 0 || length >= left || key[length] != ':' || value >= lexer->length ||
        blank_at(lexer, value) != 0 || lexer->text[value] == ')')
        return LEXEME_NO_FIELD;
    for (enum term_field field = 0; field < FIELD_COUNT; field++) {
        const char *known = term_fields[field].query_key;
        if (strlen(known) == length && strncasecmp(known, key, length) == 0) {
            lexer->at = value;
            return field;
        }
    }
    *published = length == strlen("published") && strncasecmp(key, "published", length) == 0;
    return LEXEME_NO_FIELD;
}

/* A sign counts only directly before what it belongs to. */
static char read_sign(struct lexer *lexer)
{
    char sign = 0;
    while (lexer->at < lexer->length && (lexer->text[lexer->at] == '+' || lexer->text[lexer->at] == '-')) {
        sign = lexer->text[lexer->at];
        lexer->at++;
    }
    bool alone =
        lexer->at == lexer->length || blank_at(lexer, lexer->at) != 0 || lexer->text[lexer->at] == ')';
    return alone ? 0 : sign;
}

/* Text in quotes. If the closing one is missing the quote is skipped and its words are words. */
static void lex_quoted(struct lexer *lexer, struct lexeme lexeme)
{
    size_t start = lexer->at + quote_at(lexer, lexer->at);
    size_t end = start;
    while (end < lexer->length && quote_at(lexer, end) == 0)
        end++;
    if (end == lexer->length) {
        lexer->list->problem = "a quote is not closed";
        lexer->at = start;
        return;
    }
    lexeme.kind = LEXEME_QUOTED;
    lexeme.text = lexer->text + start;
    lexeme.length = end - start;
    lexer->at = end + quote_at(lexer, end);
    add(lexer, lexeme);
}

static void lex_word(struct lexer *lexer, struct lexeme lexeme)
{
    size_t start = lexer->at;
    lexer->at = word_end(lexer, start);
    lexeme.kind = LEXEME_WORD;
    lexeme.text = lexer->text + start;
    lexeme.length = lexer->at - start;
    if (lexeme.sign == 0 && lexeme.field == LEXEME_NO_FIELD && !lexer->shouting)
        recognise_operator(&lexeme);
    while (lexeme.kind == LEXEME_WORD && lexeme.length > 1 && lexeme.text[lexeme.length - 1] == '*') {
        lexeme.star = true;
        lexeme.length--;
    }
    add(lexer, lexeme);
}

/* published:… at the place, quoted or not. False if its value is no period: then it is text like any other.
 */
static bool lex_published(struct lexer *lexer, struct lexeme lexeme)
{
    size_t start = lexer->at + strlen("published:");
    size_t quote = quote_at(lexer, start);
    size_t end = word_end(lexer, start + quote);
    size_t after = end + (quote != 0 ? quote_at(lexer, end) : 0);
    if (!read_period(lexer->text + start + quote, end - start - quote, &lexeme.from, &lexeme.until)) {
        lexer->list->problem = "published: takes dates such as 2025-07-01..2025-09-30";
        return false;
    }
    lexeme.kind = LEXEME_PUBLISHED;
    lexer->at = after;
    add(lexer, lexeme);
    return true;
}

static void lex_bracket(struct lexer *lexer, struct lexeme lexeme)
{
    lexeme.kind = lexer->text[lexer->at] == '(' ? LEXEME_OPEN : LEXEME_CLOSE;
    lexeme.text = lexer->text + lexer->at;
    lexeme.length = 1;
    lexer->at++;
    add(lexer, lexeme);
}

static void lex_one(struct lexer *lexer)
{
    bool published = false;
    struct lexeme lexeme = {.field = LEXEME_NO_FIELD};
    lexeme.sign = read_sign(lexer);
    if (lexer->at == lexer->length || blank_at(lexer, lexer->at) != 0)
        return;
    lexeme.field = read_key(lexer, &published);
    if (published && lex_published(lexer, lexeme))
        return;
    if (quote_at(lexer, lexer->at) != 0)
        lex_quoted(lexer, lexeme);
    else if (is_bracket(lexer->text[lexer->at]))
        lex_bracket(lexer, lexeme);
    else
        lex_word(lexer, lexeme);
}

/* More words than anybody types in capitals with an operator among them: prose from a system without small
 * letters. */
#define SHOUTED_WORDS 7

/* In a text all in capitals "AND" is a word like the others. */
static bool is_shouted(const char *text, size_t length)
{
    size_t words = 0;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if ((c >= 'a' && c <= 'z') || c >= 0x80)
            return false;
        if (c >= 'A' && c <= 'Z' && (i == 0 || text[i - 1] == ' '))
            words++;
    }
    return words >= SHOUTED_WORDS;
}

void query_lex(const char *text, size_t length, struct lexeme_list *list)
{
    struct lexer lexer = {.text = text, .length = length, .list = list, .shouting = is_shouted(text, length)};
    while (lexer.at < lexer.length) {
        size_t blank = blank_at(&lexer, lexer.at);
        if (blank != 0)
            lexer.at += blank;
        else
            lex_one(&lexer);
    }
    add(&lexer, (struct lexeme){.kind = LEXEME_END, .field = LEXEME_NO_FIELD, .text = text + length});
    list->count--;
}

void lexeme_list_release(struct lexeme_list *list)
{
    free(list->items);
    list->items = NULL;
}
