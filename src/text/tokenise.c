#include "text/tokenise.h"

#include <string.h>
#include <utf8proc.h>

/*
 * A run without spaces gives at each character first the pair it begins, then the character itself, both at
 * its position. Giving out the pair leaves the character pending; `at` stands on it until it has been given.
 */

#define NGRAM_CHARACTER_MAX                                                                                  \
    24 /* bytes of a letter with its marks; further marks begin a character of their own */

enum character_class { OTHER, LETTER, DIGIT, JOINER, NGRAM };

static const unsigned char ascii_class[128] = {
    ['0'] = DIGIT,  ['1'] = DIGIT,  ['2'] = DIGIT,   ['3'] = DIGIT,  ['4'] = DIGIT,  ['5'] = DIGIT,
    ['6'] = DIGIT,  ['7'] = DIGIT,  ['8'] = DIGIT,   ['9'] = DIGIT,  ['a'] = LETTER, ['b'] = LETTER,
    ['c'] = LETTER, ['d'] = LETTER, ['e'] = LETTER,  ['f'] = LETTER, ['g'] = LETTER, ['h'] = LETTER,
    ['i'] = LETTER, ['j'] = LETTER, ['k'] = LETTER,  ['l'] = LETTER, ['m'] = LETTER, ['n'] = LETTER,
    ['o'] = LETTER, ['p'] = LETTER, ['q'] = LETTER,  ['r'] = LETTER, ['s'] = LETTER, ['t'] = LETTER,
    ['u'] = LETTER, ['v'] = LETTER, ['w'] = LETTER,  ['x'] = LETTER, ['y'] = LETTER, ['z'] = LETTER,
    ['A'] = LETTER, ['B'] = LETTER, ['C'] = LETTER,  ['D'] = LETTER, ['E'] = LETTER, ['F'] = LETTER,
    ['G'] = LETTER, ['H'] = LETTER, ['I'] = LETTER,  ['J'] = LETTER, ['K'] = LETTER, ['L'] = LETTER,
    ['M'] = LETTER, ['N'] = LETTER, ['O'] = LETTER,  ['P'] = LETTER, ['Q'] = LETTER, ['R'] = LETTER,
    ['S'] = LETTER, ['T'] = LETTER, ['U'] = LETTER,  ['V'] = LETTER, ['W'] = LETTER, ['X'] = LETTER,
    ['Y'] = LETTER, ['Z'] = LETTER, ['\''] = JOINER, ['&'] = JOINER, ['.'] = JOINER, [','] = JOINER,
    ['_'] = JOINER,
};

/* Scripts written without spaces between words. Ordered. */
static const struct {
    int32_t first, last;
} ngram_ranges[] = {
    {0x0E00, 0x0EFF},   /* Thai, Lao */
    {0x1000, 0x109F},   /* Burmese */
    {0x1100, 0x11FF},   /* Hangul letters */
    {0x1780, 0x17FF},   /* Khmer */
    {0x3005, 0x3007},   /* Han iteration mark and zero */
    {0x3021, 0x3029},   /* Hangzhou numerals */
    {0x3031, 0x3035},   /* kana repeat marks */
    {0x3040, 0x30FF},   /* Hiragana, Katakana */
    {0x3100, 0x318F},   /* Bopomofo, Hangul letters */
    {0x31A0, 0x31BF},   /* Bopomofo */
    {0x31F0, 0x31FF},   /* Katakana */
    {0x3400, 0x4DBF},   /* Han */
    {0x4E00, 0x9FFF},   /* Han */
    {0xA960, 0xA97F},   /* Hangul letters */
    {0xAC00, 0xD7FF},   /* Hangul */
    {0xF900, 0xFAFF},   /* Han */
    {0x1AFF0, 0x1B16F}, /* kana */
    {0x20000, 0x3FFFD}, /* Han */
};

static bool is_ngram_script(int32_t code)
{
    if (code < ngram_ranges[0].first)
        return false;
    size_t low = 0, high = sizeof ngram_ranges / sizeof ngram_ranges[0];
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (code < ngram_ranges[middle].first)
            high = middle;
        else if (code > ngram_ranges[middle].last)
            low = middle + 1;
        else
            return true;
    }
    return false;
}

static enum character_class class_of_code(int32_t code, bool *mark)
{
    *mark = false;
    switch (utf8proc_category(code)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
        *mark = true;
        return is_ngram_script(code) ? NGRAM : LETTER;
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
        return is_ngram_script(code) ? NGRAM : LETTER;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
        return is_ngram_script(code) ? NGRAM : DIGIT;
    default:
        return OTHER;
    }
}

/* The class and byte length of the character at `at`, which is inside the text; a stray byte counts as OTHER.
 */
static enum character_class class_at(const struct tokeniser *tokeniser, size_t at, size_t *length, bool *mark)
{
    unsigned char c = (unsigned char)tokeniser->text[at];
    *length = 1;
    *mark = false;
    if (c < 0x80)
        return ascii_class[c];
    int32_t code;
    utf8proc_ssize_t used = utf8proc_iterate((const utf8proc_uint8_t *)tokeniser->text + at,
                                             (utf8proc_ssize_t)(tokeniser->length - at), &code);
    if (used <= 0)
        return OTHER;
    *length = (size_t)used;
    return class_of_code(code, mark);
}

/* The class of the character at `at`, OTHER behind the end. */
static enum character_class peek(const struct tokeniser *tokeniser, size_t at)
{
    size_t length;
    bool mark;
    return at < tokeniser->length ? class_at(tokeniser, at, &length, &mark) : OTHER;
}

static bool is_word_class(enum character_class class)
{
    return class == LETTER || class == DIGIT;
}

/* The length of the letter at `at` if it stands alone between dots or at an end, else 0. */
static size_t single_letter(const struct tokeniser *tokeniser, size_t at)
{
    size_t length;
    bool mark;
    if (at >= tokeniser->length || class_at(tokeniser, at, &length, &mark) != LETTER)
        return 0;
    enum character_class next = peek(tokeniser, at + length);
    if (is_word_class(next))
        return 0;
    if (next != JOINER || tokeniser->text[at + length] == '.')
        return length;
    return is_word_class(peek(tokeniser, at + length + 1)) ? 0 : length;
}

/* "u.s.a": the end of two or more single letters joined by dots that start at `at`, or 0. */
static size_t abbreviation_end(const struct tokeniser *tokeniser, size_t at)
{
    size_t letter = single_letter(tokeniser, at);
    size_t end = 0;
    while (letter != 0) {
        at += letter;
        if (at >= tokeniser->length || tokeniser->text[at] != '.')
            break;
        letter = single_letter(tokeniser, at + 1);
        if (letter != 0)
            end = ++at + letter;
    }
    return end;
}

/* Whether the comma at `at` groups thousands: three digits behind it, not more. */
static bool groups_thousands(const struct tokeniser *tokeniser, size_t at)
{
    for (size_t i = 1; i <= 3; i++) {
        if (peek(tokeniser, at + i) != DIGIT)
            return false;
    }
    return peek(tokeniser, at + 4) != DIGIT;
}

/* Whether the joiner at `at`, behind a character of class `before`, belongs to the word. */
static bool joins(const struct tokeniser *tokeniser, size_t at, enum character_class before)
{
    enum character_class after = peek(tokeniser, at + 1);
    switch (tokeniser->text[at]) {
    case '\'':
    case '&':
        return before == LETTER && after == LETTER;
    case '.':
    case ',':
        return before == DIGIT && after == DIGIT;
    default: /* "_" */
        return is_word_class(before) && is_word_class(after);
    }
}

/* The end of the word that starts at `start`; *dropped says whether it has characters that are no part of its
 * term. */
static size_t word_end(const struct tokeniser *tokeniser, size_t start, bool *dropped)
{
    enum character_class before = OTHER;
    size_t at = start;
    while (at < tokeniser->length) {
        unsigned char c = (unsigned char)tokeniser->text[at];
        if (c < 0x80 && is_word_class(ascii_class[c])) {
            before = ascii_class[c];
            at++;
            continue;
        }
        size_t length;
        bool mark;
        enum character_class class = class_at(tokeniser, at, &length, &mark);
        if (class == JOINER) {
            if (!joins(tokeniser, at, before))
                break;
            if (tokeniser->text[at] == ',' && groups_thousands(tokeniser, at))
                *dropped = true;
            class = before;
        } else if (!is_word_class(class)) {
            break;
        }
        before = mark ? before : class;
        at += length;
    }
    return at;
}

/* Copies a word into the scratch memory without its dots ("u.s.a") or commas ("1,000"): the length; over
 * TOKEN_MAX if it is too long. */
static size_t copy_without(struct tokeniser *tokeniser, size_t start, size_t end, char dropped)
{
    size_t length = 0;
    for (size_t at = start; at < end && length <= TOKEN_MAX; at++) {
        if (tokeniser->text[at] == dropped && (dropped == '.' || groups_thousands(tokeniser, at)))
            continue;
        tokeniser->scratch[length++] = tokeniser->text[at];
    }
    return length;
}

/* The word at the tokeniser's place, which it passes: false if it is too long for a term. */
static bool take_word(struct tokeniser *tokeniser, struct token *token)
{
    size_t start = tokeniser->at;
    bool dropped = false;
    char dropped_character = '.';
    size_t end = abbreviation_end(tokeniser, start);
    if (end != 0) {
        dropped = true;
    } else {
        end = word_end(tokeniser, start, &dropped);
        dropped_character = ',';
    }
    tokeniser->at = end;
    tokeniser->position++;
    *token = (struct token){.text = tokeniser->text + start,
                            .length = end - start,
                            .offset = start,
                            .end = end,
                            .position = tokeniser->position};
    if (dropped) {
        token->text = tokeniser->scratch;
        token->length = copy_without(tokeniser, start, end, dropped_character);
    }
    return token->length <= TOKEN_MAX;
}

/* The end of the n-gram character at `at` with the marks that follow it; `at` itself if there is none. */
static size_t ngram_end(const struct tokeniser *tokeniser, size_t at)
{
    size_t start = at;
    while (at < tokeniser->length) {
        size_t length;
        bool mark;
        if (class_at(tokeniser, at, &length, &mark) != NGRAM)
            break;
        if (at != start && (!mark || at + length - start > NGRAM_CHARACTER_MAX))
            break;
        at += length;
    }
    return at;
}

static void give_ngram(struct tokeniser *tokeniser, size_t end, bool pair, struct token *token)
{
    size_t start = tokeniser->at;
    *token = (struct token){.text = tokeniser->text + start,
                            .length = end - start,
                            .offset = start,
                            .end = end,
                            .position = tokeniser->position,
                            .ngram = true,
                            .pair = pair};
}

static void take_ngram(struct tokeniser *tokeniser, struct token *token)
{
    size_t end = ngram_end(tokeniser, tokeniser->at);
    size_t pair_end = ngram_end(tokeniser, end);
    tokeniser->position++;
    if (pair_end == end) {
        give_ngram(tokeniser, end, false, token);
        tokeniser->at = end;
        return;
    }
    give_ngram(tokeniser, pair_end, true, token);
    tokeniser->pending_length = end - tokeniser->at;
    tokeniser->pending_offset = tokeniser->at;
}

static void take_pending(struct tokeniser *tokeniser, struct token *token)
{
    size_t end = tokeniser->pending_offset + tokeniser->pending_length;
    give_ngram(tokeniser, end, false, token);
    tokeniser->at = end;
    tokeniser->pending_length = 0;
}

void tokeniser_init(struct tokeniser *tokeniser, const char *normalised, size_t length)
{
    tokeniser->text = normalised;
    tokeniser->length = length;
    tokeniser->at = 0;
    tokeniser->position = 0;
    tokeniser->pending_length = 0;
    tokeniser->pending_offset = 0;
}

bool tokeniser_next(struct tokeniser *tokeniser, struct token *token)
{
    if (tokeniser->pending_length != 0) {
        take_pending(tokeniser, token);
        return true;
    }
    while (tokeniser->at < tokeniser->length) {
        size_t length;
        bool mark;
        enum character_class class = class_at(tokeniser, tokeniser->at, &length, &mark);
        if (class == NGRAM) {
            take_ngram(tokeniser, token);
            return true;
        }
        if (!is_word_class(class))
            tokeniser->at += length;
        else if (take_word(tokeniser, token))
            return true;
    }
    return false;
}
