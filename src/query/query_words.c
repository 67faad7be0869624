#include "query/query_words.h"

#include "text/normalise.h"
#include "text/tokenise.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A word of the text. */
struct piece {
    struct piece *next;
    const char *term; /* the stem with the field's prefix */
    size_t term_length;
    const char *word; /* as written, normalised */
    size_t word_length;
    size_t offset, end; /* in the normalised text */
    uint32_t position;
    bool ngram;
    bool pair;
    bool stop;
};

struct pieces {
    struct piece *first;
    struct piece *last;
};

void word_maker_refuse(struct word_maker *maker, const char *format, ...)
{
    char message[300];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (!maker->refused)
        error_set(maker->error, ERROR_BAD_REQUEST, "%s", message);
    maker->refused = true;
}

void word_maker_release(struct word_maker *maker)
{
    buffer_release(&maker->normalised);
    buffer_release(&maker->term);
}

static void count_term(struct word_maker *maker)
{
    if (++maker->terms > maker->limits->terms)
        word_maker_refuse(maker, "the query has more than %zu terms (query_terms)", maker->limits->terms);
}

static const char *prefix_of(enum term_field field)
{
    return field == LEXEME_NO_FIELD ? "" : term_fields[field].prefix;
}

/* ---- splitting ---- */

static struct piece *piece_new(struct word_maker *maker, const struct token *token, const char *prefix)
{
    struct query_arena *arena = maker->query->arena;
    struct piece *piece = query_arena_take(arena, sizeof *piece);
    piece->offset = token->offset;
    piece->end = token->end;
    piece->position = token->position;
    piece->ngram = token->ngram;
    piece->pair = token->pair;
    piece->word = query_arena_copy(arena, token->text, token->length);
    piece->word_length = token->length;
    piece->stop = !token->ngram && language_is_stop_word(maker->language, piece->word, piece->word_length);
    const char *stem = piece->word;
    size_t length = piece->word_length;
    if (!token->ngram)
        stem = stemmer_stem(maker->stemmers, maker->language, piece->word, piece->word_length, &length);
    buffer_clear(&maker->term);
    buffer_append_string(&maker->term, prefix);
    buffer_append(&maker->term, stem, length);
    piece->term = query_arena_copy(arena, maker->term.data, maker->term.length);
    piece->term_length = maker->term.length;
    return piece;
}

/*
 * The words of the text, with those n-grams only that say all: of "ABC" the pairs AB and BC stand for the
 * characters too, and a single C behind the last pair is left out unless a word follows whose position it
 * must keep.
 */
static struct pieces split(struct word_maker *maker, const char *text, size_t length, enum term_field field)
{
    struct pieces pieces = {NULL, NULL};
    struct tokeniser tokeniser;
    struct token token;
    buffer_clear(&maker->normalised);
    text_normalise(text, length, &maker->normalised);
    tokeniser_init(&tokeniser, maker->normalised.data, maker->normalised.length);
    while (tokeniser_next(&tokeniser, &token)) {
        if (pieces.last != NULL && pieces.last->pair && pieces.last->position == token.position)
            continue; /* the first character of the pair */
        struct piece *piece = piece_new(maker, &token, prefix_of(field));
        if (pieces.last != NULL)
            pieces.last->next = piece;
        else
            pieces.first = piece;
        pieces.last = piece;
    }
    return pieces;
}

/* The single character that a pair before it holds already. */
static bool is_rest_of_pair(const struct piece *before, const struct piece *piece)
{
    return before != NULL && before->pair && piece->ngram && !piece->pair && piece->end == before->end;
}

/* ---- nodes ---- */

static struct query_node *term_of_piece(struct word_maker *maker, const struct piece *piece)
{
    count_term(maker);
    return query_term_new(maker->query, piece->term, piece->term_length, true);
}

/* The pieces from `first` to before `end` as a phrase. */
static struct query_node *phrase_of_pieces(struct word_maker *maker, const struct piece *first,
                                           const struct piece *end)
{
    struct node_list terms = {0};
    const struct piece *last = first;
    for (const struct piece *piece = first, *before = NULL; piece != end && !maker->refused;
         piece = piece->next) {
        if (piece->next != end || !is_rest_of_pair(before, piece)) {
            node_list_add(maker->query, &terms, term_of_piece(maker, piece));
            last = piece;
        }
        before = piece;
    }
    struct query_node *node = node_list_join(maker->query, QUERY_PHRASE, &terms);
    if (node != NULL && node->op == QUERY_PHRASE)
        node->window = last->position - first->position + 1;
    return node;
}

/* What joins the parts of one word: "e-mail", "ac/dc", "example.com". */
static bool is_joiner(char c)
{
    return c != '\0' && strchr("-/.@&+_'", c) != NULL;
}

static bool are_joined(const struct word_maker *maker, const struct piece *left, const struct piece *right)
{
    if (left->ngram || right->ngram)
        return false;
    if (right->offset == left->end)
        return true;
    if (right->offset == left->end + 1)
        return is_joiner(maker->normalised.data[left->end]);
    return right->offset == left->end + 3 && memcmp(maker->normalised.data + left->end, "\u2010", 3) == 0;
}

/* A run of n-grams: all its pairs, or the character if it is only one. Returns what follows. */
static const struct piece *take_ngrams(struct word_maker *maker, const struct piece *first,
                                       struct node_list *words)
{
    struct node_list pairs = {0};
    const struct piece *before = NULL, *piece = first;
    while (piece != NULL && piece->ngram && (before == NULL || piece->offset <= before->end)) {
        if (!is_rest_of_pair(before, piece) && !maker->refused)
            node_list_add(maker->query, &pairs, term_of_piece(maker, piece));
        before = piece;
        piece = piece->next;
    }
    node_list_add(maker->query, words, node_list_join(maker->query, QUERY_AND, &pairs));
    return piece;
}

/* A word, or the phrase of a word's parts; single words where there are too many for a phrase (a pasted
 * address). */
static const struct piece *take_words(struct word_maker *maker, const struct piece *first,
                                      const struct piece *end, struct node_list *words,
                                      struct node_list *stops)
{
    size_t count = 1;
    const struct piece *last = first;
    while (last->next != end && are_joined(maker, last, last->next)) {
        last = last->next;
        count++;
    }
    if (count > 1 && count <= maker->limits->phrase_words) {
        node_list_add(maker->query, words, phrase_of_pieces(maker, first, last->next));
        return last->next;
    }
    for (const struct piece *piece = first; piece != last->next && !maker->refused; piece = piece->next)
        node_list_add(maker->query, piece->stop ? stops : words, term_of_piece(maker, piece));
    return last->next;
}

static size_t characters(const char *text, size_t length)
{
    size_t count = 0;
    for (size_t i = 0; i < length; i++)
        count += ((unsigned char)text[i] & 0xC0) != 0x80;
    return count;
}

static struct query_node *wildcard_new(struct word_maker *maker, const char *prefix, const char *start,
                                       size_t length, bool weighted)
{
    const struct query_limits *limits = maker->limits;
    if (characters(start, length) < limits->wildcard_prefix)
        word_maker_refuse(maker, "\"%.*s*\" needs at least %zu characters before the star (wildcard_prefix)",
                          (int)(length < 100 ? length : 100), start, limits->wildcard_prefix);
    if (++maker->wildcards > limits->wildcards)
        word_maker_refuse(maker, "the query has more than %zu wildcards (query_wildcards)",
                          limits->wildcards);
    count_term(maker);
    if (maker->refused)
        return NULL;
    buffer_clear(&maker->term);
    buffer_append_string(&maker->term, prefix);
    buffer_append(&maker->term, start, length);
    struct query_node *node = query_term_new(maker->query, maker->term.data, maker->term.length, weighted);
    node->op = QUERY_WILDCARD;
    return node;
}

/* "companies*" is also a word, whose stem "compani" does not start so. */
static struct query_node *wildcard_of_piece(struct word_maker *maker, const struct piece *piece,
                                            enum term_field field)
{
    const char *prefix = prefix_of(field);
    struct node_list either = {0};
    struct query_node *wildcard = wildcard_new(maker, prefix, piece->word, piece->word_length, true);
    if (wildcard == NULL)
        return NULL;
    node_list_add(maker->query, &either, wildcard);
    if (piece->term_length < wildcard->term_length ||
        memcmp(piece->term, wildcard->term, wildcard->term_length) != 0)
        node_list_add(maker->query, &either, term_of_piece(maker, piece));
    return node_list_join(maker->query, QUERY_OR, &either);
}

void words_of_text(struct word_maker *maker, const struct lexeme *lexeme, enum term_field field,
                   struct node_list *words, struct node_list *stops)
{
    struct pieces pieces = split(maker, lexeme->text, lexeme->length, field);
    const struct piece *star = NULL;
    if (lexeme->star && pieces.last != NULL && !pieces.last->ngram &&
        pieces.last->end == maker->normalised.length)
        star = pieces.last;
    const struct piece *piece = pieces.first;
    while (piece != star && piece != NULL && !maker->refused)
        piece =
            piece->ngram ? take_ngrams(maker, piece, words) : take_words(maker, piece, star, words, stops);
    if (star != NULL && !maker->refused)
        node_list_add(maker->query, words, wildcard_of_piece(maker, star, field));
}

struct query_node *phrase_of_text(struct word_maker *maker, const char *text, size_t length,
                                  enum term_field field)
{
    struct pieces pieces = split(maker, text, length, field);
    size_t count = 0;
    for (const struct piece *piece = pieces.first; piece != NULL; piece = piece->next)
        count++;
    if (count > maker->limits->phrase_words) {
        word_maker_refuse(maker, "a phrase has more than %zu words (phrase_words)",
                          maker->limits->phrase_words);
        return NULL;
    }
    return pieces.first == NULL ? NULL : phrase_of_pieces(maker, pieces.first, NULL);
}

struct query_node *name_of_text(struct word_maker *maker, const struct lexeme *lexeme, enum term_field field)
{
    buffer_clear(&maker->term);
    if (!term_for_name(field, lexeme->text, lexeme->length, &maker->term))
        return NULL;
    if (!lexeme->star) {
        count_term(maker);
        return query_term_new(maker->query, maker->term.data, maker->term.length, false);
    }
    size_t prefix = strlen(prefix_of(field));
    prefix += prefix > 1; /* the colon */
    buffer_clear(&maker->normalised);
    buffer_append(&maker->normalised, maker->term.data + prefix, maker->term.length - prefix);
    maker->term.length = prefix;
    maker->term.data[prefix] = '\0';
    const char *copy = query_arena_copy(maker->query->arena, maker->term.data, prefix);
    return wildcard_new(maker, copy, maker->normalised.data, maker->normalised.length, false);
}

struct query_node *word_of_text(struct word_maker *maker, const struct lexeme *lexeme, enum term_field field)
{
    if (lexeme->kind != LEXEME_WORD || lexeme->star)
        return NULL;
    struct pieces pieces = split(maker, lexeme->text, lexeme->length, field);
    return pieces.first != NULL && pieces.first->next == NULL ? term_of_piece(maker, pieces.first) : NULL;
}
