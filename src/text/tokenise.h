/*
 * tokenise.h - words of a normalised text; the same rules for index and query.
 *
 * A word is a run of letters, digits and marks. Inside a word: an apostrophe between letters ("don't"), "&"
 * between letters ("at&t"), "." or "," between digits ("3.5"; the comma of "1,000" is dropped), "_" . Single
 * letters joined by dots are one word without them ("u.s.a." = "usa"). "#" and "@" before a word are dropped;
 * a hyphen separates. Chinese, Japanese, Korean and Thai runs (Lao, Burmese and Khmer too, which have no
 * spaces either) give n-grams: every character (with its marks) and every pair of neighbours; the pair comes
 * first and has the position of its first character. Only a comma before exactly three digits is dropped
 * ("3,5" stays). Words over TOKEN_MAX bytes are skipped (they keep their position). Pure: any thread.
 */
#ifndef STORYD_TEXT_TOKENISE_H
#define STORYD_TEXT_TOKENISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOKEN_MAX 64

struct token {
    const char *text; /* points into the text or into the tokeniser (then valid until the next call) */
    size_t length;
    size_t offset;     /* of the first byte in the normalised text */
    size_t end;        /* offset behind the last byte */
    uint32_t position; /* 1 for the first word */
    bool ngram;        /* from a CJK or Thai run: never stemmed */
    bool pair;         /* an n-gram of two characters */
};

struct tokeniser {
    const char *text;
    size_t length;
    size_t at;
    uint32_t position;
    char scratch[TOKEN_MAX + 8];
    size_t pending_length; /* a character waiting to be given out after its pair (see tokenise.c) */
    size_t pending_offset;
};

void tokeniser_init(struct tokeniser *tokeniser, const char *normalised, size_t length);

/* The next token; false at the end. */
bool tokeniser_next(struct tokeniser *tokeniser, struct token *token);

#endif
