/* verb_query.c - search, related, connected, trending, get. */
#include "ctl/documents.h"
#include "ctl/session.h"
#include "ctl/show.h"
#include "ctl/verbs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- filters ---- */

/* What people write for a key. */
static const char *const other_names[][2] = {
    {"tag", "tags"},          {"person", "people"},
    {"org", "organizations"}, {"organization", "organizations"},
    {"product", "products"},  {"place", "places"},
    {"date", "published"},
};

static json_t *key_of(const char *text, size_t length)
{
    for (size_t i = 0; i < sizeof other_names / sizeof *other_names; i++)
        if (strlen(other_names[i][0]) == length && memcmp(other_names[i][0], text, length) == 0)
            return json_string(other_names[i][1]);
    return json_stringn(text, length);
}

/* "FROM..TO", "FROM..", "..TO", or one period. */
static json_t *date_range(const char *value)
{
    json_t *range = json_object();
    const char *dots = strstr(value, "..");
    size_t length = dots != NULL ? (size_t)(dots - value) : strlen(value);
    const char *to = dots != NULL ? dots + 2 : value;
    if (length > 0)
        json_object_set_new(range, "from", json_stringn(value, length));
    if (*to != '\0')
        json_object_set_new(range, "to", json_string(to));
    return range;
}

/* The member of a container, made if there is none; borrowed. */
static json_t *member(json_t *object, const char *key, json_t *(*make)(void))
{
    json_t *value = json_object_get(object, key);
    if (value == NULL) {
        value = make();
        json_object_set_new(object, key, value);
    }
    return value;
}

static int add_condition(json_t *filter, const char *text, struct error *error)
{
    const char *equals = strchr(text, '=');
    if (equals == NULL || equals == text)
        return error_set(error, ERROR_BAD_REQUEST,
                         "--filter takes KEY=VALUE, KEY+=VALUE or KEY!=VALUE, not \"%.60s\"", text);
    const char *want = equals[-1] == '!' ? "none" : equals[-1] == '+' ? "all" : "any";
    size_t length = (size_t)(equals - text) - (strcmp(want, "any") != 0);
    json_t *name = key_of(text, length);
    const char *key = json_string_value(name);
    if (key == NULL)
        return error_set(error, ERROR_BAD_REQUEST, "--filter: \"%.60s\" is not valid UTF-8", text);
    bool is_time = strcmp(key, "published") == 0;
    bool is_wrong = is_time && (strcmp(want, "any") != 0 || json_object_get(filter, key) != NULL);
    if (is_time && !is_wrong)
        json_object_set_new(filter, key, date_range(equals + 1));
    else if (!is_time)
        json_array_append_new(member(member(filter, key, json_object), want, json_array),
                              json_string(equals + 1));
    json_decref(name);
    if (is_wrong)
        return error_set(error, ERROR_BAD_REQUEST,
                         "--filter: published can be given once, as published=FROM..TO, not \"%.60s\"", text);
    return 0;
}

/* New reference; NULL without error if no filter was given. */
static int make_filter(const struct invocation *invocation, json_t *arguments, struct error *error)
{
    size_t at = 0;
    for (const char *text; (text = invocation_next(invocation, "filter", &at)) != NULL;) {
        json_t *filter = member(arguments, "filter", json_object);
        if (*text != '{') {
            if (add_condition(filter, text, error) != 0)
                return -1;
            continue;
        }
        json_error_t reason;
        json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, &reason);
        if (object == NULL)
            return error_set(error, ERROR_BAD_REQUEST, "--filter: %s", reason.text);
        json_object_update(filter, object);
        json_decref(object);
    }
    return 0;
}

/* ---- other parameters ---- */

static void add_text(const struct invocation *invocation, const char *option, const char *key,
                     json_t *arguments)
{
    const char *text = invocation_text(invocation, option);
    if (text != NULL)
        json_object_set_new(arguments, key, json_string(text));
}

static void add_count(const struct invocation *invocation, const char *option, const char *key,
                      json_t *arguments)
{
    if (invocation_has(invocation, option))
        json_object_set_new(arguments, key, json_integer(invocation_count(invocation, option, 0)));
}

static void add_list(const struct invocation *invocation, const char *option, const char *key,
                     json_t *arguments)
{
    size_t at = 0;
    for (const char *text; (text = invocation_next(invocation, option, &at)) != NULL;)
        json_array_append_new(member(arguments, key, json_array), json_string(text));
}

/* "title,tags" */
static void add_words(const struct invocation *invocation, const char *name, json_t *arguments)
{
    const char *text = invocation_text(invocation, name);
    if (text == NULL)
        return;
    json_t *words = member(arguments, name, json_array);
    while (*text != '\0') {
        size_t length = strcspn(text, ",");
        json_array_append_new(words, json_stringn(text, length));
        text += length + (text[length] == ',');
    }
}

static void add_fields(const struct invocation *invocation, json_t *arguments)
{
    add_words(invocation, "fields", arguments);
}

/* One id, or the list of several. */
static void add_ids(const struct invocation *invocation, json_t *arguments)
{
    if (invocation->word_count == 1)
        json_object_set_new(arguments, "id", json_string(invocation->words[0]));
    else
        for (size_t i = 0; i < invocation->word_count; i++)
            json_array_append_new(member(arguments, "ids", json_array), json_string(invocation->words[i]));
}

/* ---- verbs ---- */

static int bad_usage(json_t *arguments, const struct error *error)
{
    json_decref(arguments);
    return session_complain(EXIT_USAGE, error);
}

static void add_query(const struct invocation *invocation, json_t *arguments)
{
    struct buffer query = BUFFER_INIT;
    for (size_t i = 0; i < invocation->word_count; i++)
        buffer_printf(&query, "%s%s", i > 0 ? " " : "", invocation->words[i]);
    if (query.length > 0)
        json_object_set_new(arguments, "query", json_stringn(query.data, query.length));
    buffer_release(&query);
}

int verb_search(struct session *session)
{
    const struct invocation *invocation = session->invocation;
    struct error error = ERROR_INIT;
    json_t *arguments = json_object();
    if (make_filter(invocation, arguments, &error) != 0)
        return bad_usage(arguments, &error);
    add_query(invocation, arguments);
    add_text(invocation, "sort", "sort", arguments);
    add_text(invocation, "language", "language", arguments);
    add_count(invocation, "limit", "limit", arguments);
    add_count(invocation, "offset", "offset", arguments);
    add_fields(invocation, arguments);
    if (invocation_has(invocation, "exact-total"))
        json_object_set_new(arguments, "exact_total", json_true());
    return session_run(session, "SEARCH", arguments, show_hits);
}

/* "tags=0.2,terms=1" */
static int add_weights(const char *text, json_t *arguments, struct error *error)
{
    while (text != NULL && *text != '\0') {
        size_t length = strcspn(text, ",");
        const char *equals = memchr(text, '=', length);
        char *end = NULL;
        double value = equals != NULL ? strtod(equals + 1, &end) : 0;
        if (equals == NULL || end == equals + 1 || end != text + length)
            return error_set(error, ERROR_BAD_REQUEST,
                             "--weights takes KEY=NUMBER,... of tags, entities and terms, not \"%.60s\"",
                             text);
        json_object_setn_new(member(arguments, "weights", json_object), text, (size_t)(equals - text),
                             json_real(value));
        text += length + (text[length] == ',');
    }
    return 0;
}

static void add_share(const struct invocation *invocation, const char *option, const char *key,
                      json_t *arguments)
{
    if (invocation_has(invocation, option))
        json_object_set_new(arguments, key, json_real(invocation_share(invocation, option, 0)));
}

/* Sets an object that has members. Steals it. */
static void add_object(json_t *arguments, const char *key, json_t *object)
{
    if (json_object_size(object) > 0)
        json_object_set(arguments, key, object);
    json_decref(object);
}

static int add_days(const struct invocation *invocation, const char *option, const char *key,
                    json_t *arguments, struct error *error)
{
    const char *text = invocation_text(invocation, option);
    char *end;
    if (text == NULL)
        return 0;
    double days = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(days))
        return error_set(error, ERROR_BAD_REQUEST, "--%s takes a number of days, not \"%.60s\"", option,
                         text);
    json_object_set_new(arguments, key, json_real(days));
    return 0;
}

/* What RELATED and CONNECTED have in common, but for the source. */
static int add_related(const struct invocation *invocation, json_t *arguments, struct error *error)
{
    json_t *exclude = json_object();
    json_t *recency = json_object();
    add_count(invocation, "limit", "limit", arguments);
    add_fields(invocation, arguments);
    add_share(invocation, "min-strength", "min_strength", arguments);
    add_text(invocation, "only", "only", arguments);
    add_text(invocation, "copies", "copies", arguments);
    add_list(invocation, "exclude", "ids", exclude);
    add_list(invocation, "exclude-tag", "tags", exclude);
    add_list(invocation, "exclude-category", "categories", exclude);
    add_object(arguments, "exclude", exclude);
    int wrong_days = add_days(invocation, "recency-now", "now", recency, error) |
                     add_days(invocation, "recency-source", "source", recency, error);
    add_object(arguments, "recency", recency);
    if (invocation_has(invocation, "explain"))
        json_object_set_new(arguments, "explain", json_true());
    return wrong_days != 0 || make_filter(invocation, arguments, error) != 0
               ? -1
               : add_weights(invocation_text(invocation, "weights"), arguments, error);
}

/* The request's arguments; NULL if the command line is wrong. */
static json_t *related_arguments(const struct invocation *invocation, struct error *error)
{
    json_t *arguments = json_object();
    const char *draft = invocation_text(invocation, "article");
    if ((draft != NULL) == (invocation->word_count > 0))
        error_set(error, ERROR_BAD_REQUEST, "%s needs either ids or --article FILE", invocation->verb->name);
    else if (draft != NULL)
        json_object_set_new(arguments, "article", document_read(draft, error));
    if (error->code != ERROR_NONE || add_related(invocation, arguments, error) != 0) {
        json_decref(arguments);
        return NULL;
    }
    add_ids(invocation, arguments);
    return arguments;
}

int verb_related(struct session *session)
{
    const struct invocation *invocation = session->invocation;
    struct error error = ERROR_INIT;
    json_t *arguments = related_arguments(invocation, &error);
    if (arguments == NULL)
        return session_complain(EXIT_USAGE, &error);
    add_share(invocation, "diversity", "diversity", arguments);
    add_count(invocation, "min-results", "min_results", arguments);
    return session_run(session, "RELATED", arguments, show_related);
}

int verb_connected(struct session *session)
{
    struct error error = ERROR_INIT;
    json_t *arguments = related_arguments(session->invocation, &error);
    if (arguments == NULL)
        return session_complain(EXIT_USAGE, &error);
    add_words(session->invocation, "sections", arguments);
    return session_run(session, "CONNECTED", arguments, show_connected);
}

/* "1.5" */
int verb_trending(struct session *session)
{
    const struct invocation *invocation = session->invocation;
    struct error error = ERROR_INIT;
    json_t *arguments = json_object();
    if (make_filter(invocation, arguments, &error) != 0 ||
        add_days(invocation, "window", "window_days", arguments, &error) != 0 ||
        add_days(invocation, "baseline", "baseline_days", arguments, &error) != 0)
        return bad_usage(arguments, &error);
    if (invocation->word_count > 0)
        json_object_set_new(arguments, "category", json_string(invocation->words[0]));
    add_text(invocation, "at", "at", arguments);
    add_list(invocation, "kind", "kinds", arguments);
    add_count(invocation, "min-articles", "min_articles", arguments);
    add_count(invocation, "limit", "limit", arguments);
    add_count(invocation, "articles", "articles", arguments);
    add_fields(invocation, arguments);
    return session_run(session, "TRENDING", arguments, show_trending);
}

int verb_get(struct session *session)
{
    json_t *arguments = json_object();
    add_ids(session->invocation, arguments);
    add_fields(session->invocation, arguments);
    return session_run(session, "GET", arguments, show_articles);
}
