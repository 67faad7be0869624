#include "query/filter.h"

#include "base/date.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/nearest.h"

#include <stdlib.h>
#include <string.h>

#define FILTER_VALUES_MAX 200

static const char *const want_keys[] = {
    [FILTER_ANY] = "any", [FILTER_ALL] = "all", [FILTER_NONE] = "none", NULL};

/* ---- parsing ---- */

static struct filter_clause *add_clause(struct filter *filter, enum term_field field, enum filter_want want)
{
    filter->clauses = memory_resize(filter->clauses, filter->clause_count + 1, sizeof *filter->clauses);
    struct filter_clause *clause = &filter->clauses[filter->clause_count++];
    *clause = (struct filter_clause){.field = field, .want = want};
    return clause;
}

static bool add_name(struct filter_clause *clause, const char *name, size_t length)
{
    struct buffer term = BUFFER_INIT;
    if (!term_for_name(clause->field, name, length, &term)) {
        buffer_release(&term);
        return false;
    }
    clause->terms = memory_resize(clause->terms, clause->count + 1, sizeof *clause->terms);
    clause->lengths = memory_resize(clause->lengths, clause->count + 1, sizeof *clause->lengths);
    clause->lengths[clause->count] = term.length;
    clause->terms[clause->count++] = buffer_steal(&term);
    return true;
}

static int parse_values(struct filter *filter, const char *key, enum term_field field, enum filter_want want,
                        const json_t *values, struct error *error)
{
    size_t count = json_is_array(values) ? json_array_size(values) : 1;
    if (count > FILTER_VALUES_MAX)
        return error_set(error, ERROR_BAD_REQUEST, "\"filter.%s\" has %zu values, at most %d are allowed",
                         key, count, FILTER_VALUES_MAX);
    struct filter_clause *clause = add_clause(filter, field, want);
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_is_array(values) ? json_array_get(values, i) : values;
        if (!json_is_string(value) || !add_name(clause, json_string_value(value), json_string_length(value)))
            return error_set(
                error, ERROR_BAD_REQUEST,
                "\"filter.%s\" takes a name, a list of names, or {\"any\":[…],\"all\":[…],\"none\":[…]}",
                key);
        enum sentiment sentiment;
        if (field == FIELD_SENTIMENT && sentiment_parse(json_string_value(value), &sentiment) != 0)
            return error_set(error, ERROR_BAD_REQUEST,
                             "\"filter.sentiment\" must be positive, neutral or negative, not \"%.40s\"",
                             json_string_value(value));
    }
    return 0;
}

static int parse_wants(struct filter *filter, const char *key, enum term_field field, json_t *object,
                       struct error *error)
{
    const char *word;
    json_t *values;
    json_object_foreach(object, word, values)
    {
        int want = FILTER_ANY;
        while (want_keys[want] != NULL && strcmp(want_keys[want], word) != 0)
            want++;
        if (want_keys[want] == NULL)
            return error_set(error, ERROR_BAD_REQUEST,
                             "\"filter.%s\" knows \"any\", \"all\" and \"none\", not \"%.40s\"", key, word);
        if (json_is_null(values))
            continue;
        if (parse_values(filter, key, field, (enum filter_want)want, values, error) != 0)
            return -1;
    }
    return 0;
}

static int parse_date(const json_t *value, const char *key, int64_t *from, int64_t *until,
                      struct error *error)
{
    if (!json_is_string(value) ||
        !date_parse(json_string_value(value), json_string_length(value), from, until))
        return error_set(error, ERROR_BAD_REQUEST,
                         "\"filter.published.%s\" must be a date such as 2025-09-11 or 2025-09-11T08:00:00Z",
                         key);
    return 0;
}

static int parse_published(struct filter *filter, json_t *object, struct error *error)
{
    if (!json_is_object(object))
        return error_set(error, ERROR_BAD_REQUEST, "\"filter.published\" takes {\"from\":…,\"to\":…}");
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        int64_t first;
        int64_t last;
        bool is_from = strcmp(key, "from") == 0;
        if (!is_from && strcmp(key, "to") != 0)
            return error_set(error, ERROR_BAD_REQUEST,
                             "\"filter.published\" knows \"from\" and \"to\", not \"%.40s\"", key);
        if (json_is_null(value))
            continue;
        if (parse_date(value, key, &first, &last, error) != 0)
            return -1;
        filter_add_dates(filter, is_from ? first : DATE_NONE, is_from ? DATE_NONE : last);
    }
    return 0;
}

static int unknown_key(const char *key, struct error *error)
{
    const char *known[FIELD_COUNT + 2];
    size_t count = 0;
    for (int field = 0; field < FIELD_COUNT; field++)
        if (term_fields[field].filter_key != NULL)
            known[count++] = term_fields[field].filter_key;
    known[count++] = "published";
    known[count] = NULL;
    const char *nearest = nearest_word(key, known);
    if (nearest != NULL)
        return error_set(error, ERROR_BAD_REQUEST, "unknown key \"filter.%.60s\", did you mean \"%s\"?", key,
                         nearest);
    return error_set(
        error, ERROR_BAD_REQUEST,
        "unknown key \"filter.%.60s\"; known are category, tags, people, organizations, products, places, "
        "language, source, sentiment and published",
        key);
}

static int parse_key(struct filter *filter, const char *key, json_t *value, struct error *error)
{
    if (strcmp(key, "published") == 0)
        return parse_published(filter, value, error);
    for (int field = 0; field < FIELD_COUNT; field++) {
        if (term_fields[field].filter_key == NULL || strcmp(term_fields[field].filter_key, key) != 0)
            continue;
        if (json_is_object(value))
            return parse_wants(filter, key, (enum term_field)field, value, error);
        return parse_values(filter, key, (enum term_field)field, FILTER_ANY, value, error);
    }
    return unknown_key(key, error);
}

int filter_parse(const json_t *json, struct filter **result, struct error *error)
{
    struct filter *filter = memory_zeroed(1, sizeof *filter);
    filter->from = filter->until = DATE_NONE;
    json_t *object =
        (json_t *)(uintptr_t)json; /* jansson's iteration takes a non-const object but does not change it */
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        if (!json_is_null(value) && parse_key(filter, key, value, error) != 0) {
            filter_free(filter);
            return -1;
        }
    }
    *result = filter;
    return 0;
}

void filter_free(struct filter *filter)
{
    if (filter == NULL)
        return;
    for (size_t i = 0; i < filter->clause_count; i++) {
        for (size_t j = 0; j < filter->clauses[i].count; j++)
            free(filter->clauses[i].terms[j]);
        free(filter->clauses[i].terms);
        free(filter->clauses[i].lengths);
    }
    free(filter->clauses);
    free(filter);
}

void filter_add_dates(struct filter *filter, int64_t from, int64_t until)
{
    if (from != DATE_NONE && (filter->from == DATE_NONE || from > filter->from))
        filter->from = from;
    if (until != DATE_NONE && (filter->until == DATE_NONE || until < filter->until))
        filter->until = until;
}

bool filter_has_dates(const struct filter *filter)
{
    return filter->from != DATE_NONE || filter->until != DATE_NONE;
}

bool filter_is_open(const struct filter *filter)
{
    return filter->clause_count == 0 && !filter_has_dates(filter);
}

void filter_exclude(struct filter *filter, enum term_field field, const json_t *names)
{
    if (json_array_size(names) == 0)
        return;
    struct filter_clause *clause = add_clause(filter, field, FILTER_NONE);
    for (size_t i = 0; i < json_array_size(names); i++) {
        const json_t *name = json_array_get(names, i);
        add_name(clause, json_string_value(name), json_string_length(name));
    }
}

bool filter_require(struct filter *filter, enum term_field field, const char *name)
{
    return add_name(add_clause(filter, field, FILTER_ANY), name, strlen(name));
}

/* ---- as a query ---- */

static struct query_node *clause_query(const struct filter_clause *clause, struct query *query)
{
    struct query_node **terms = memory_zeroed(clause->count, sizeof(struct query_node *));
    for (size_t i = 0; i < clause->count; i++)
        terms[i] = query_term_new(query, clause->terms[i], clause->lengths[i], false);
    struct query_node *node =
        query_node_new(query, clause->want == FILTER_ALL ? QUERY_AND : QUERY_OR, terms, clause->count);
    free(terms);
    return node;
}

struct query_node *filter_query(const struct filter *filter, struct query *query, struct query_node *node)
{
    for (size_t i = 0; i < filter->clause_count; i++) {
        const struct filter_clause *clause = &filter->clauses[i];
        if (clause->count == 0) {
            if (clause->want == FILTER_ANY) /* any of nothing: no article */
                node = query_node_new(query, QUERY_NOTHING, NULL, 0);
            continue;
        }
        struct query_node *pair[2] = {node, clause_query(clause, query)};
        node = query_node_new(query, clause->want == FILTER_NONE ? QUERY_AND_NOT : QUERY_FILTER, pair, 2);
    }
    return node;
}

/* ---- row by row ---- */

static uint32_t feature_number(const struct slice *slice, const struct statistics *statistics,
                               const char *term, size_t length)
{
    struct entity_name entity = {.term = term, .length = length};
    statistics_entity(statistics, term, length, hash_bytes(term, length), &entity);
    return dictionary_find(&slice->features.terms, entity.term, entity.length,
                           hash_bytes(entity.term, entity.length));
}

void filter_resolve(const struct filter *filter, const struct slice *slice,
                    const struct statistics *statistics, struct resolved_filter *resolved)
{
    resolved->filter = filter;
    resolved->slice = slice;
    size_t at = 0;
    for (size_t i = 0; i < filter->clause_count; i++) {
        const struct filter_clause *clause = &filter->clauses[i];
        resolved->numbers = memory_grow(resolved->numbers, &resolved->capacity, at + clause->count,
                                        sizeof *resolved->numbers);
        for (size_t j = 0; j < clause->count; j++) {
            const char *term = clause->terms[j];
            size_t length = clause->lengths[j];
            resolved->numbers[at++] =
                clause->field < FIELD_CATEGORY
                    ? feature_number(slice, statistics, term, length)
                    : dictionary_find(&slice->rows->names, term, length, hash_bytes(term, length));
        }
    }
}

void resolved_filter_release(struct resolved_filter *resolved)
{
    free(resolved->numbers);
    memset(resolved, 0, sizeof *resolved);
}

/* The sentiment is a small number in its column, not a name. */
static bool row_has_sentiment(const struct slice *slice, uint32_t row, const char *term, size_t length)
{
    const char *name = sentiment_name((enum sentiment)slice->rows->sentiment[row]);
    size_t name_length = name != NULL ? strlen(name) : 0;
    size_t prefix_length = strlen(term_fields[FIELD_SENTIMENT].prefix) + 1; /* and its colon */
    return name != NULL && length == prefix_length + name_length &&
           memcmp(term + prefix_length, name, name_length) == 0;
}

static bool row_has(const struct slice *slice, uint32_t row, const struct filter_clause *clause, size_t term,
                    uint32_t number)
{
    if (clause->field == FIELD_SENTIMENT)
        return row_has_sentiment(slice, row, clause->terms[term], clause->lengths[term]);
    if (number == DICTIONARY_NONE)
        return false;
    switch (clause->field) {
    case FIELD_CATEGORY:
        return slice->rows->category[row] == number + 1;
    case FIELD_SOURCE:
        return slice->rows->source[row] == number + 1;
    case FIELD_LANGUAGE:
        return slice->rows->language[row] == number + 1;
    default:
        return features_row_has(&slice->features, row, number);
    }
}

static bool clause_accepts(const struct resolved_filter *resolved, const struct filter_clause *clause,
                           const uint32_t *numbers, uint32_t row)
{
    for (size_t i = 0; i < clause->count; i++) {
        bool has = row_has(resolved->slice, row, clause, i, numbers[i]);
        if (clause->want == FILTER_ANY && has)
            return true;
        if (clause->want == FILTER_ALL && !has)
            return false;
        if (clause->want == FILTER_NONE && has)
            return false;
    }
    return clause->want != FILTER_ANY;
}

bool filter_accepts_date(const struct filter *filter, int64_t published)
{
    if (!filter_has_dates(filter))
        return true;
    return published != DATE_NONE && (filter->from == DATE_NONE || published >= filter->from) &&
           (filter->until == DATE_NONE || published <= filter->until);
}

bool filter_accepts(const struct resolved_filter *resolved, uint32_t row)
{
    const struct filter *filter = resolved->filter;
    /* a row's date lies far away: it is not looked at without need */
    if (filter_has_dates(filter) && !filter_accepts_date(filter, resolved->slice->rows->published[row]))
        return false;
    const uint32_t *numbers = resolved->numbers;
    for (size_t i = 0; i < filter->clause_count; i++) {
        if (!clause_accepts(resolved, &filter->clauses[i], numbers, row))
            return false;
        numbers += filter->clauses[i].count;
    }
    return true;
}
