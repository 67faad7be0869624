/*
 * query_lexer.h - query text as signs, keys, words, quoted names, brackets and operators.
 *
 * The lexer never fails: what it cannot read becomes words, and `problem` says what was odd. It looks at
 * bytes only; words are normalised and split by the parser. Pure: any thread.
 */
#ifndef STORYD_QUERY_QUERY_LEXER_H
#define STORYD_QUERY_QUERY_LEXER_H

#include "text/analyse.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum lexeme_kind {
    LEXEME_WORD,   /* text up to white space, a bracket or a quote */
    LEXEME_QUOTED, /* text between quotes */
    LEXEME_PUBLISHED,
    LEXEME_OPEN,
    LEXEME_CLOSE,
    LEXEME_AND,
    LEXEME_OR,
    LEXEME_NOT,
    LEXEME_NEAR,
    LEXEME_END
};

#define LEXEME_NO_FIELD FIELD_COUNT

struct lexeme {
    enum lexeme_kind kind;
    char sign;             /* '+', '-' or 0 */
    enum term_field field; /* from "key:" before it, or LEXEME_NO_FIELD */
    bool star;             /* WORD: a star follows; it is not in the text */
    const char *text;      /* points into the query text; for operators too */
    size_t length;
    uint32_t distance;   /* NEAR */
    int64_t from, until; /* PUBLISHED: DATE_NONE = open */
};

struct lexeme_list {
    struct lexeme *items; /* ends with LEXEME_END */
    size_t count;         /* without it */
    size_t capacity;
    const char *problem; /* NULL, or a phrase for the reply */
};

/* `list` zero-initialised; its items point into `text`. */
void query_lex(const char *text, size_t length, struct lexeme_list *list);
void lexeme_list_release(struct lexeme_list *list);

#endif
