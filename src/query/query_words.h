/*
 * query_words.h - from a piece of query text to nodes: normalised, split and stemmed as the index does it.
 *
 * Belongs to the parser (one thread at a time). Limits are enforced where nodes are made: once one is passed,
 * `refused` is set, the error is filled and no more nodes come.
 */
#ifndef STORYD_QUERY_QUERY_WORDS_H
#define STORYD_QUERY_QUERY_WORDS_H

#include "query/query_lexer.h"
#include "query/query_tree.h"

struct word_maker {
    struct query *query;
    const struct language *language;
    struct stemmer_set *stemmers;
    const struct query_limits *limits;
    struct error *error;
    size_t terms;
    size_t wildcards;
    bool refused;
    struct buffer normalised; /* scratch */
    struct buffer term;       /* scratch */
};

/* Fills the error (bad_request) and sets `refused`. */
void word_maker_refuse(struct word_maker *maker, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void word_maker_release(struct word_maker *maker);

/* The nodes of an unquoted word (several if it is one of several parts): stop words to `stops`. `field` is
 * LEXEME_NO_FIELD or FIELD_TITLE. */
void words_of_text(struct word_maker *maker, const struct lexeme *lexeme, enum term_field field,
                   struct node_list *words, struct node_list *stops);

/* The phrase (or the one term) of quoted text; NULL if there is no word in it. */
struct query_node *phrase_of_text(struct word_maker *maker, const char *text, size_t length,
                                  enum term_field field);

/* The boolean term of a name; NULL if it is empty. */
struct query_node *name_of_text(struct word_maker *maker, const struct lexeme *lexeme, enum term_field field);

/* The term of a text that is exactly one word, for NEAR; NULL if it is not. */
struct query_node *word_of_text(struct word_maker *maker, const struct lexeme *lexeme, enum term_field field);

#endif
