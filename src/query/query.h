/*
 * query.h - a search query as a plain tree, and the parser that makes it from text.
 *
 * storyd parses queries itself (not with Xapian's QueryParser): the same tokeniser and stemmers as indexing,
 * bounds on text, terms, nesting and wildcards inside the parser instead of before it, and a syntax error
 * never costs the reader the search. The tree and its strings live in one arena: query_free() frees all. Any
 * thread; one thread at a time.
 */
#ifndef STORYD_QUERY_QUERY_H
#define STORYD_QUERY_QUERY_H

#include "base/error.h"
#include "text/analyse.h"
#include "text/language.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum query_op {
    QUERY_NOTHING,  /* matches no document */
    QUERY_ALL,      /* matches every document, weight 0 */
    QUERY_TERM,     /* `term` */
    QUERY_WILDCARD, /* every term that starts with `term` */
    QUERY_OR,
    QUERY_AND,
    QUERY_AND_NOT,   /* first child without the others */
    QUERY_AND_MAYBE, /* first child; the others only add weight */
    QUERY_FILTER,    /* first child AND the others, whose weight does not count */
    QUERY_PHRASE,    /* children are terms, in order, within `window` positions */
    QUERY_NEAR       /* children are terms, in any order, within `window` positions */
};

struct query_node {
    enum query_op op;
    const char *term; /* with Omega prefix; not NUL-terminated */
    size_t term_length;
    uint32_t window;
    bool weighted; /* QUERY_TERM, QUERY_WILDCARD: false for boolean terms */
    bool is_stop;  /* made of stop words alone: used only if there is nothing else */
    struct query_node **children;
    size_t child_count;
};

struct query {
    struct query_node *root;
    const char *warning;    /* NULL, or why the text was searched as plain words: for the reply */
    int64_t published_from; /* from published:a..b at the top level; DATE_NONE = open */
    int64_t published_until;
    struct query_arena *arena;
};

struct query_limits {
    size_t text; /* bytes */
    size_t terms;
    size_t nesting;
    size_t wildcards;
    size_t wildcard_prefix;     /* characters */
    size_t wildcard_expansions; /* used by the search, not by the parser */
    size_t phrase_words;
};

/*
 * Parses `text` (UTF-8):
 *
 *   words, stemmed by `language`; the default operator is OR
 *   "phrase", AND OR NOT (capitals), + - ( ), NEAR/n (n default 10), pre*
 *   key:value with the keys of term_fields (a word, a "quoted name", for title: also words and phrases)
 *   published:2025-07-01..2025-09-30 (either side may be open; "published:2025-07" is a period)
 *
 * Stop words are dropped, also behind - and as operands, unless nothing else is left, or in a phrase, or
 * after +. A hyphenated word is a phrase of its parts. Several boolean values of one key are OR-ed, different
 * keys AND-ed, and both filter the words (weight 0). A text that does not parse falls back to its words, with
 * `warning` set (COUNTER_QUERIES_FELL_BACK). An empty text gives QUERY_ALL. Errors: bad_request over a limit
 * (COUNTER_QUERIES_REJECTED), naming the limit; or for text that is not UTF-8.
 */
int query_parse(const char *text, size_t length, const struct language *language,
                struct stemmer_set *stemmers, const struct query_limits *limits, struct query **query,
                struct error *error);

/* A new node in the query's arena, for callers that put a filter around the parsed tree. */
struct query_node *query_node_new(struct query *query, enum query_op op, struct query_node *const *children,
                                  size_t child_count);
struct query_node *query_term_new(struct query *query, const char *term, size_t length, bool weighted);

void query_free(struct query *query);

/* The tree as text for tests and logs: (OR spotifi (FILTER … Kai)). */
void query_describe(const struct query_node *node, struct buffer *out);

#endif
