#include "base/counters.h"
#include "base/date.h"
#include "base/memory.h"
#include "query/query_words.h"
#include "text/normalise.h"

#include <stdlib.h>
#include <string.h>

/*
 * Recursive descent; OR binds weakest, then AND and NOT, then words that stand side by side:
 *
 *   any      = both { "OR" both }
 *   both     = [ "NOT" ] sequence { ("AND" | "NOT" | "AND" "NOT") sequence }
 *   sequence = item { item }
 *   item     = word { NEAR word } | quoted | published | "(" any ")", each with its sign and key
 *
 * A syntax error sets `problem`; the text is parsed once more then, `plain`: without brackets and operators,
 * as one sequence.
 */
struct parser {
    struct word_maker words;
    struct lexeme_list lexemes;
    size_t at;
    size_t depth;
    enum term_field field; /* of the bracket that is open: title:(…) */
    bool plain;
    bool alternatives;   /* there is an OR outside all brackets */
    const char *problem; /* NULL, or a phrase for the reply */
};

static struct query_node *parse_any(struct parser *parser);

static const struct lexeme *peek(const struct parser *parser)
{
    return &parser->lexemes.items[parser->at];
}

static bool take(struct parser *parser, enum lexeme_kind kind)
{
    if (peek(parser)->kind != kind)
        return false;
    parser->at++;
    return true;
}

static bool stopped(const struct parser *parser)
{
    return parser->words.refused || (parser->problem != NULL && !parser->plain);
}

static void odd(struct parser *parser, const char *problem)
{
    if (parser->problem == NULL)
        parser->problem = problem;
}

/* What a sequence of items asks for. */
struct sequence {
    struct node_list words; /* any of them */
    struct node_list stops; /* stop words, used if there is nothing else */
    struct node_list required;
    struct node_list excluded;
    struct node_list excluded_stops;     /* used if there is nothing else at all */
    struct node_list names[FIELD_COUNT]; /* any of one field, all fields */
    struct node_list filters;            /* all of them */
};

static void add_signed(struct parser *parser, struct sequence *sequence, char sign, struct query_node *node)
{
    struct query *query = parser->words.query;
    if (node == NULL)
        return;
    if (sign == '-')
        node_list_add(query, node->is_stop ? &sequence->excluded_stops : &sequence->excluded, node);
    else if (sign == 0 && node->is_stop)
        node_list_add(query, &sequence->stops, node);
    else if (query_node_is_boolean(node))
        node_list_add(query, &sequence->filters, node);
    else
        node_list_add(query, sign == '+' ? &sequence->required : &sequence->words, node);
}

/* A word with its sign: +two-parts wants both, -two-parts neither. */
static void add_words(struct parser *parser, struct sequence *sequence, const struct lexeme *lexeme,
                      enum term_field field)
{
    if (lexeme->sign == 0) {
        words_of_text(&parser->words, lexeme, field, &sequence->words, &sequence->stops);
        return;
    }
    if (lexeme->sign == '+')
        words_of_text(&parser->words, lexeme, field, &sequence->required, &sequence->required);
    else
        words_of_text(&parser->words, lexeme, field, &sequence->excluded, &sequence->excluded_stops);
}

static void add_name(struct parser *parser, struct sequence *sequence, const struct lexeme *lexeme,
                     enum term_field field)
{
    struct query_node *name = name_of_text(&parser->words, lexeme, field);
    if (lexeme->sign == 0)
        node_list_add(parser->words.query, &sequence->names[field], name);
    else
        add_signed(parser, sequence, lexeme->sign, name);
}

static void add_published(struct parser *parser, const struct lexeme *lexeme)
{
    struct query *query = parser->words.query;
    if (parser->plain && lexeme->sign == '-')
        return; /* what it asks for cannot be had, the opposite is not wanted */
    if (!parser->plain && (lexeme->sign == '-' || parser->depth > 0 || parser->alternatives)) {
        odd(parser, "published: cannot stand in brackets or behind OR, NOT or -");
        return;
    }
    if (lexeme->from != DATE_NONE &&
        (query->published_from == DATE_NONE || lexeme->from > query->published_from))
        query->published_from = lexeme->from;
    if (lexeme->until != DATE_NONE &&
        (query->published_until == DATE_NONE || lexeme->until < query->published_until))
        query->published_until = lexeme->until;
}

static void parse_bracket(struct parser *parser, struct sequence *sequence, const struct lexeme *open)
{
    enum term_field outer = parser->field;
    if (++parser->depth > parser->words.limits->nesting) {
        word_maker_refuse(&parser->words, "brackets are nested deeper than %zu levels (query_nesting)",
                          parser->words.limits->nesting);
        return;
    }
    if (open->field != LEXEME_NO_FIELD)
        parser->field = open->field;
    struct query_node *node = parse_any(parser);
    if (!stopped(parser) && !take(parser, LEXEME_CLOSE))
        odd(parser, "a bracket is not closed");
    parser->field = outer;
    parser->depth--;
    add_signed(parser, sequence, open->sign, node);
}

static bool is_text(enum term_field field)
{
    return field == LEXEME_NO_FIELD || field == FIELD_TITLE;
}

/* word NEAR word …; the first word has been taken. */
static void parse_near(struct parser *parser, struct sequence *sequence, const struct lexeme *first,
                       enum term_field field)
{
    struct word_maker *words = &parser->words;
    struct node_list terms = {0};
    uint32_t distance = 0;
    struct query_node *term = is_text(field) ? word_of_text(words, first, field) : NULL;
    node_list_add(words->query, &terms, term);
    while (term != NULL && !words->refused && peek(parser)->kind == LEXEME_NEAR) {
        if (peek(parser)->distance > distance)
            distance = peek(parser)->distance;
        parser->at++;
        const struct lexeme *next = peek(parser);
        bool same_field = next->sign == 0 && (next->field == LEXEME_NO_FIELD || next->field == field);
        term = same_field ? word_of_text(words, next, field) : NULL;
        node_list_add(words->query, &terms, term);
        if (term != NULL)
            parser->at++;
    }
    if (term == NULL) {
        odd(parser, "NEAR must stand between single words");
        return;
    }
    if (terms.count > words->limits->phrase_words)
        word_maker_refuse(words, "NEAR joins more than %zu words (phrase_words)",
                          words->limits->phrase_words);
    struct query_node *node = query_node_new(words->query, QUERY_NEAR, terms.items, terms.count);
    node->window = distance + (uint32_t)terms.count - 1;
    add_signed(parser, sequence, first->sign, node);
}

static void parse_item(struct parser *parser, struct sequence *sequence)
{
    const struct lexeme *lexeme = peek(parser);
    enum term_field field = lexeme->field != LEXEME_NO_FIELD ? lexeme->field : parser->field;
    parser->at++;
    if (lexeme->kind == LEXEME_OPEN)
        parse_bracket(parser, sequence, lexeme);
    else if (lexeme->kind == LEXEME_PUBLISHED)
        add_published(parser, lexeme);
    else if (peek(parser)->kind == LEXEME_NEAR)
        parse_near(parser, sequence, lexeme, field);
    else if (!is_text(field))
        add_name(parser, sequence, lexeme, field);
    else if (lexeme->kind == LEXEME_QUOTED)
        add_signed(parser, sequence, lexeme->sign,
                   phrase_of_text(&parser->words, lexeme->text, lexeme->length, field));
    else
        add_words(parser, sequence, lexeme, field);
}

static struct query_node *not_these(struct query *query, struct query_node *base,
                                    const struct node_list *excluded)
{
    struct node_list all = {0};
    if (excluded->count == 0)
        return base;
    node_list_add(query, &all, base != NULL ? base : query_node_new(query, QUERY_ALL, NULL, 0));
    for (size_t i = 0; i < excluded->count; i++)
        node_list_add(query, &all, excluded->items[i]);
    return query_node_new(query, QUERY_AND_NOT, all.items, all.count);
}

/* The words, those that are required before all. */
static struct query_node *join_words(struct query *query, struct sequence *sequence)
{
    if (sequence->words.count == 0 && sequence->required.count == 0)
        sequence->words = sequence->stops;
    struct query_node *any = node_list_join(query, QUERY_OR, &sequence->words);
    struct query_node *required = node_list_join(query, QUERY_AND, &sequence->required);
    if (any == NULL || required == NULL)
        return any != NULL ? any : required;
    struct query_node *both[] = {required, any};
    return query_node_new(query, QUERY_AND_MAYBE, both, 2);
}

static bool asks_for_names(const struct sequence *sequence)
{
    size_t count = sequence->filters.count;
    for (enum term_field field = 0; field < FIELD_COUNT; field++)
        count += sequence->names[field].count;
    return count != 0;
}

/* Nothing but stop words: the whole is as good as one of them. */
static struct query_node *join_stops(struct query *query, struct sequence *sequence)
{
    struct query_node *base = node_list_join(query, QUERY_OR, &sequence->stops);
    struct query_node *node = base != NULL ? base : not_these(query, NULL, &sequence->excluded_stops);
    if (node != NULL)
        node->is_stop = true;
    return node;
}

static struct query_node *join_sequence(struct query *query, struct sequence *sequence)
{
    if (sequence->words.count == 0 && sequence->required.count == 0 && sequence->excluded.count == 0 &&
        !asks_for_names(sequence))
        return join_stops(query, sequence);
    struct query_node *base = join_words(query, sequence);
    struct node_list all = {0};
    node_list_add(query, &all, base);
    for (enum term_field field = 0; field < FIELD_COUNT; field++)
        node_list_add(query, &all, node_list_join(query, QUERY_OR, &sequence->names[field]));
    for (size_t i = 0; i < sequence->filters.count; i++)
        node_list_add(query, &all, sequence->filters.items[i]);
    base = node_list_join(query, base != NULL ? QUERY_FILTER : QUERY_AND, &all);
    return not_these(query, base, &sequence->excluded);
}

static bool is_item(enum lexeme_kind kind)
{
    return kind == LEXEME_WORD || kind == LEXEME_QUOTED || kind == LEXEME_PUBLISHED || kind == LEXEME_OPEN;
}

/* NULL also for a sequence that asks for nothing, such as a published: alone. */
static struct query_node *parse_sequence(struct parser *parser)
{
    struct sequence sequence;
    memset(&sequence, 0, sizeof sequence);
    if (!is_item(peek(parser)->kind) && !parser->plain)
        odd(parser, "an operator or a bracket lacks its words");
    while (!stopped(parser) && is_item(peek(parser)->kind))
        parse_item(parser, &sequence);
    return stopped(parser) ? NULL : join_sequence(parser->words.query, &sequence);
}

/* Operands of AND and NOT, those of stop words alone kept aside. */
struct operands {
    struct node_list wanted, excluded;
    struct node_list wanted_stops, excluded_stops;
};

static void parse_operand(struct parser *parser, struct operands *operands)
{
    struct query *query = parser->words.query;
    bool negated = take(parser, LEXEME_NOT);
    int64_t from = query->published_from, until = query->published_until;
    struct query_node *node = parse_sequence(parser);
    if (node != NULL && node->is_stop)
        node_list_add(query, negated ? &operands->excluded_stops : &operands->wanted_stops, node);
    else
        node_list_add(query, negated ? &operands->excluded : &operands->wanted, node);
    if (negated && (from != query->published_from || until != query->published_until))
        odd(parser, "published: cannot stand in brackets or behind OR, NOT or -");
}

static struct query_node *parse_both(struct parser *parser)
{
    struct query *query = parser->words.query;
    struct operands operands = {.wanted = {0}};
    parse_operand(parser, &operands);
    while (!stopped(parser) && (take(parser, LEXEME_AND) || peek(parser)->kind == LEXEME_NOT))
        parse_operand(parser, &operands);
    if (operands.wanted.count + operands.excluded.count != 0)
        return not_these(query, node_list_join(query, QUERY_AND, &operands.wanted), &operands.excluded);
    struct query_node *node =
        not_these(query, node_list_join(query, QUERY_AND, &operands.wanted_stops), &operands.excluded_stops);
    if (node != NULL)
        node->is_stop = true;
    return node;
}

static struct query_node *parse_any(struct parser *parser)
{
    struct node_list either = {0}, stops = {0};
    do {
        struct query_node *node = parse_both(parser);
        node_list_add(parser->words.query, node != NULL && node->is_stop ? &stops : &either, node);
    } while (!stopped(parser) && take(parser, LEXEME_OR));
    struct query_node *node =
        node_list_join(parser->words.query, QUERY_OR, either.count != 0 ? &either : &stops);
    if (node != NULL)
        node->is_stop = either.count == 0;
    return node;
}

/* ---- the whole text ---- */

static bool has_alternatives(const struct lexeme_list *lexemes)
{
    size_t depth = 0;
    for (size_t i = 0; i < lexemes->count; i++) {
        if (lexemes->items[i].kind == LEXEME_OPEN)
            depth++;
        else if (lexemes->items[i].kind == LEXEME_CLOSE && depth > 0)
            depth--;
        else if (lexemes->items[i].kind == LEXEME_OR && depth == 0)
            return true;
    }
    return false;
}

static bool is_operator(enum lexeme_kind kind)
{
    return kind == LEXEME_AND || kind == LEXEME_OR || kind == LEXEME_NOT || kind == LEXEME_NEAR;
}

/* Leaves words, quoted text and names: brackets go, operators too unless there is nothing else. */
static void make_plain(struct parser *parser)
{
    struct lexeme_list *list = &parser->lexemes;
    bool only_operators = true;
    for (size_t i = 0; i < list->count; i++)
        only_operators =
            only_operators && (!is_item(list->items[i].kind) || list->items[i].kind == LEXEME_OPEN);
    size_t kept = 0;
    enum lexeme_kind before = LEXEME_END;
    for (size_t i = 0; i <= list->count; i++) {
        struct lexeme lexeme = list->items[i];
        if (only_operators && is_operator(lexeme.kind))
            lexeme.kind = LEXEME_WORD;
        if (lexeme.kind == LEXEME_PUBLISHED && before == LEXEME_NOT)
            lexeme.sign = '-';
        before = lexeme.kind;
        if (lexeme.kind == LEXEME_END || (is_item(lexeme.kind) && lexeme.kind != LEXEME_OPEN))
            list->items[kept++] = lexeme;
    }
    list->count = kept - 1;
    parser->plain = true;
    parser->at = 0;
    parser->depth = 0;
    parser->field = LEXEME_NO_FIELD;
    parser->words.terms = 0;
    parser->words.wildcards = 0;
    parser->words.query->published_from = DATE_NONE;
    parser->words.query->published_until = DATE_NONE;
}

static void set_warning(struct parser *parser)
{
    struct buffer text = BUFFER_INIT;
    buffer_printf(&text, "the query was searched as plain words: %s", parser->problem);
    parser->words.query->warning = query_arena_copy(parser->words.query->arena, text.data, text.length);
    buffer_release(&text);
    counter_add(COUNTER_QUERIES_FELL_BACK, 1);
}

static struct query_node *parse_text(struct parser *parser)
{
    parser->alternatives = has_alternatives(&parser->lexemes);
    parser->problem = parser->lexemes.problem;
    struct query_node *root = NULL;
    if (parser->problem == NULL && parser->lexemes.count > 0) {
        root = parse_any(parser);
        if (!stopped(parser) && peek(parser)->kind != LEXEME_END)
            odd(parser, peek(parser)->kind == LEXEME_CLOSE ? "a bracket was never opened"
                                                           : "NEAR must stand between single words");
    }
    if (parser->problem != NULL && !parser->words.refused) {
        make_plain(parser);
        root = parse_sequence(parser);
        set_warning(parser);
    }
    return root;
}

/* White space and stars: all articles. */
static bool is_empty(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)text[i] > ' ' && text[i] != '*')
            return false;
    }
    return true;
}

static int check_text(const char *text, size_t length, const struct query_limits *limits, struct error *error)
{
    if (length > limits->text)
        return error_set(error, ERROR_BAD_REQUEST, "the query is longer than %zu bytes (query_text)",
                         limits->text);
    struct buffer normalised = BUFFER_INIT;
    bool valid = text_normalise(text, length, &normalised);
    buffer_release(&normalised);
    return valid ? 0 : error_set(error, ERROR_BAD_REQUEST, "the query is not valid UTF-8");
}

static struct query *query_new(void)
{
    struct query *query = memory_zeroed(1, sizeof *query);
    query->arena = query_arena_new();
    query->published_from = DATE_NONE;
    query->published_until = DATE_NONE;
    return query;
}

/* The tree of a text that passed the first checks; NULL if a limit refused it. */
static struct query *parse(struct parser *parser, const char *text, size_t length)
{
    struct query *query = parser->words.query;
    if (!is_empty(text, length)) {
        query_lex(text, length, &parser->lexemes);
        query->root = parse_text(parser);
        lexeme_list_release(&parser->lexemes);
    }
    word_maker_release(&parser->words);
    if (parser->words.refused) {
        query_free(query);
        return NULL;
    }
    if (query->root == NULL) {
        bool all = is_empty(text, length) || query->published_from != DATE_NONE ||
                   query->published_until != DATE_NONE;
        query->root = query_node_new(query, all ? QUERY_ALL : QUERY_NOTHING, NULL, 0);
    }
    return query;
}

int query_parse(const char *text, size_t length, const struct language *language,
                struct stemmer_set *stemmers, const struct query_limits *limits, struct query **query,
                struct error *error)
{
    struct query *parsed = NULL;
    if (check_text(text, length, limits, error) == 0) {
        struct parser parser = {
            .words = {.query = query_new(),
                      .language = language,
                      .stemmers = stemmers,
                      .limits = limits,
                      .error = error},
            .field = LEXEME_NO_FIELD,
        };
        parsed = parse(&parser, text, length);
    }
    if (parsed == NULL) {
        counter_add(COUNTER_QUERIES_REJECTED, 1);
        return -1;
    }
    *query = parsed;
    return 0;
}
