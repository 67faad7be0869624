#include "article/article.h"

#include "article/article_controls.h"
#include "article/article_values.h"
#include "base/date.h"
#include "base/json_reader.h"
#include "base/memory.h"
#include "base/nearest.h"
#include "text/language.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* What reads a value of the article's JSON into the struct. `max` bounds a text's bytes or a list's ids;
 * `field` is its offset. */
struct member;
typedef int read_function(struct article *article, const struct member *member, json_t *value,
                          struct error *error);
static read_function read_id, read_title, read_text, read_name, read_names, read_language, read_published,
    read_sentiment, read_views, read_extra, read_ids, read_switch;

struct member {
    const char *key;
    read_function *read;
    size_t field;
    size_t max;
};

/* The only list of the keys of an article. */
#define MEMBERS(MEMBER)                                                                                      \
    MEMBER("id", read_id, id, ARTICLE_ID_MAX)                                                                \
    MEMBER("url", read_text, url, ARTICLE_URL_MAX)                                                           \
    MEMBER("title", read_title, title, ARTICLE_TITLE_MAX)                                                    \
    MEMBER("summary", read_text, summary, ARTICLE_SUMMARY_MAX)                                               \
    MEMBER("body", read_text, body, 0)                                                                       \
    MEMBER("category", read_name, category, ARTICLE_NAME_MAX)                                                \
    MEMBER("source", read_name, source, ARTICLE_NAME_MAX)                                                    \
    MEMBER("authors", read_names, authors, 0)                                                                \
    MEMBER("tags", read_names, names[NAME_TAG], 0)                                                           \
    MEMBER("people", read_names, names[NAME_PERSON], 0)                                                      \
    MEMBER("organizations", read_names, names[NAME_ORGANIZATION], 0)                                         \
    MEMBER("products", read_names, names[NAME_PRODUCT], 0)                                                   \
    MEMBER("places", read_names, names[NAME_PLACE], 0)                                                       \
    MEMBER("language", read_language, language, 0)                                                           \
    MEMBER("published", read_published, published, 0)                                                        \
    MEMBER("sentiment", read_sentiment, sentiment, 0)                                                        \
    MEMBER("views", read_views, views, 0)                                                                    \
    MEMBER("extra", read_extra, json, 0)                                                                     \
    MEMBER("pinned", read_ids, controls.pinned, ARTICLE_PINNED_MAX)                                          \
    MEMBER("blocked", read_ids, controls.blocked, ARTICLE_BLOCKED_MAX)                                       \
    MEMBER("related", read_switch, controls.is_off, 0)

#define MEMBER_ROW(key, read, field, max) {key, read, offsetof(struct article, field), max},
static const struct member members[] = {MEMBERS(MEMBER_ROW)};
#define MEMBER_COUNT (sizeof members / sizeof members[0])

#define MEMBER_KEY(key, read, field, max) key,
const char *const article_keys[] = {MEMBERS(MEMBER_KEY) NULL};

const char *const name_kind_keys[NAME_KIND_COUNT] = {
    [NAME_TAG] = "tags",         [NAME_PERSON] = "people", [NAME_ORGANIZATION] = "organizations",
    [NAME_PRODUCT] = "products", [NAME_PLACE] = "places",
};

static const char *const sentiment_names[] = {
    [SENTIMENT_POSITIVE] = "positive",
    [SENTIMENT_NEUTRAL] = "neutral",
    [SENTIMENT_NEGATIVE] = "negative",
};

const char *sentiment_name(enum sentiment sentiment)
{
    return (unsigned)sentiment <= SENTIMENT_NEGATIVE ? sentiment_names[sentiment] : NULL;
}

int sentiment_parse(const char *name, enum sentiment *sentiment)
{
    for (unsigned i = SENTIMENT_POSITIVE; i <= SENTIMENT_NEGATIVE; i++) {
        if (strcmp(name, sentiment_names[i]) == 0) {
            *sentiment = (enum sentiment)i;
            return 0;
        }
    }
    return -1;
}

static void *field_of(struct article *article, const struct member *member)
{
    return (char *)article + member->field;
}

static int read_text(struct article *article, const struct member *member, json_t *value, struct error *error)
{
    return value_text(member->key, value, member->max, field_of(article, member), error);
}

static int read_title(struct article *article, const struct member *member, json_t *value,
                      struct error *error)
{
    const char **text = field_of(article, member);
    if (value_text(member->key, value, member->max, text, error) != 0)
        return -1;
    if (text_is_blank(*text))
        return error_set(error, ERROR_BAD_REQUEST, "\"%s\" must not be empty", member->key);
    return 0;
}

static int read_id(struct article *article, const struct member *member, json_t *value, struct error *error)
{
    if (value_text(member->key, value, member->max, &article->id, error) != 0)
        return -1;
    if (text_has_control(article->id))
        return error_set(error, ERROR_BAD_REQUEST, "\"%s\" must not hold control characters", member->key);
    return read_title(article, member, value, error);
}

static int read_name(struct article *article, const struct member *member, json_t *value, struct error *error)
{
    if (json_is_string(value))
        value_trim(value);
    return read_text(article, member, value, error);
}

static int read_names(struct article *article, const struct member *member, json_t *value,
                      struct error *error)
{
    return value_names(member->key, value, field_of(article, member), error);
}

static int read_language(struct article *article, const struct member *member, json_t *value,
                         struct error *error)
{
    const char *code = NULL;
    char shown[SHOWN_SIZE];
    const struct language *language = NULL;
    if (json_is_string(value) && value_text(member->key, value, 0, &code, error) == 0)
        language = language_find(code);
    if (language == NULL)
        return error_set(error, ERROR_BAD_REQUEST,
                         "\"%s\" must be an ISO 639-1 code such as \"en\" or \"en-GB\", not %s", member->key,
                         value_shown(shown, value));
    article->language = language_code(language);
    return 0;
}

static int read_published(struct article *article, const struct member *member, json_t *value,
                          struct error *error)
{
    char shown[SHOWN_SIZE];
    if (!json_is_string(value) ||
        !date_parse(json_string_value(value), json_string_length(value), &article->published, NULL))
        return error_set(error, ERROR_BAD_REQUEST,
                         "\"%s\" must be a date such as 2025-09-11T08:00:00Z, not %s", member->key,
                         value_shown(shown, value));
    return 0;
}

static int read_sentiment(struct article *article, const struct member *member, json_t *value,
                          struct error *error)
{
    char shown[SHOWN_SIZE];
    if (!json_is_string(value) || sentiment_parse(json_string_value(value), &article->sentiment) != 0)
        return error_set(error, ERROR_BAD_REQUEST, "\"%s\" must be positive, neutral or negative, not %s",
                         member->key, value_shown(shown, value));
    return 0;
}

static int read_views(struct article *article, const struct member *member, json_t *value,
                      struct error *error)
{
    char shown[SHOWN_SIZE];
    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        json_integer_value(value) > ARTICLE_VIEWS_MAX)
        return error_set(error, ERROR_BAD_REQUEST,
                         "\"%s\" must be a whole number from 0 to %" PRIu32 ", not %s", member->key,
                         ARTICLE_VIEWS_MAX, value_shown(shown, value));
    article->views = json_integer_value(value);
    return 0;
}

/* Stored and returned as it is; nothing in the struct. */
static int read_extra(struct article *article, const struct member *member, json_t *value,
                      struct error *error)
{
    (void)article;
    char shown[SHOWN_SIZE];
    if (!json_is_object(value))
        return error_set(error, ERROR_BAD_REQUEST, "\"%s\" must be an object, not %s", member->key,
                         value_shown(shown, value));
    return 0;
}

static int read_ids(struct article *article, const struct member *member, json_t *value, struct error *error)
{
    return controls_read_ids(member->key, value, member->max, field_of(article, member), error);
}

static int read_switch(struct article *article, const struct member *member, json_t *value,
                       struct error *error)
{
    return controls_read_switch(member->key, value, field_of(article, member), error);
}

static const struct member *find_member(const char *key)
{
    for (size_t i = 0; i < MEMBER_COUNT; i++) {
        if (members[i].key[0] == key[0] && strcmp(members[i].key, key) == 0) /* the first saves the call */
            return &members[i];
    }
    return NULL;
}

static int refuse_unknown(const char *key, struct error *error)
{
    char shown[SHOWN_SIZE];
    const char *nearest = nearest_word(key, article_keys);
    if (nearest != NULL)
        return error_set(error, ERROR_BAD_REQUEST, "unknown key \"%s\" in the article, did you mean \"%s\"?",
                         text_shown(shown, key), nearest);
    return error_set(error, ERROR_BAD_REQUEST, "unknown key \"%s\" in the article", text_shown(shown, key));
}

static int read_members(struct article *article, struct error *error)
{
    void *next;
    const char *key;
    json_t *value;
    json_object_foreach_safe(article->json, next, key, value)
    {
        const struct member *member = find_member(key);
        if (member == NULL)
            return refuse_unknown(key, error);
        if (json_is_null(value))
            json_object_del(article->json, key); /* null is absent */
        else if (member->read(article, member, value, error) != 0)
            return -1;
    }
    if (article->id[0] == '\0')
        return error_set(error, ERROR_BAD_REQUEST,
                         "\"id\" is missing: an article needs a string of 1 to %d bytes", ARTICLE_ID_MAX);
    if (article->title[0] == '\0')
        return error_set(error, ERROR_BAD_REQUEST,
                         "\"title\" is missing: an article needs a string of 1 to %d bytes",
                         ARTICLE_TITLE_MAX);
    json_object_del(article->json, "views");
    return controls_check(article, error);
}

int article_from_json(json_t *object, struct article **article, struct error *error)
{
    if (!json_is_object(object)) {
        char shown[SHOWN_SIZE];
        error_set(error, ERROR_BAD_REQUEST, "an article must be an object, not %s",
                  object != NULL ? value_shown(shown, object) : "nothing");
        json_decref(object);
        return -1;
    }
    struct article *made = memory_zeroed(1, sizeof *made);
    made->json = object;
    made->id = made->url = made->title = made->summary = made->body = "";
    made->category = made->source = made->language = "";
    made->published = DATE_NONE;
    made->views = -1;
    if (read_members(made, error) != 0) {
        article_free(made);
        return -1;
    }
    *article = made;
    return 0;
}

int article_from_text(const char *text, size_t length, struct article **article, struct error *error)
{
    json_error_t json_error;
    json_t *object = json_read(text, length, &json_error);
    if (object == NULL) {
        char shown[SHOWN_SIZE];
        return error_set(error, ERROR_BAD_REQUEST, "the article is not JSON: %s (byte %d)",
                         text_shown(shown, json_error.text), json_error.position);
    }
    return article_from_json(object, article, error);
}

void article_free(struct article *article)
{
    if (article == NULL)
        return;
    free(article->authors.names);
    for (size_t kind = 0; kind < NAME_KIND_COUNT; kind++)
        free(article->names[kind].names);
    controls_release(&article->controls);
    json_decref(article->json);
    free(article);
}

void article_write_stored(const struct article *article, struct buffer *out)
{
    struct json_writer writer;
    json_writer_init(&writer, out);
    json_value(&writer, article->json);
}

/* RFC 7396's MergePatch on a target that is the caller's own. */
static void merge_into(json_t *target, const json_t *patch)
{
    /* jansson's iteration takes an object that is not const but does not change it */
    json_t *readable = (json_t *)(uintptr_t)patch;
    const char *key;
    json_t *value;
    json_object_foreach(readable, key, value)
    {
        if (json_is_null(value)) {
            json_object_del(target, key);
        } else if (!json_is_object(value)) {
            json_object_set_new(target, key, json_deep_copy(value));
        } else {
            if (!json_is_object(json_object_get(target, key)))
                json_object_set_new(target, key, json_object());
            merge_into(json_object_get(target, key), value);
        }
    }
}

json_t *article_merge_patch(const json_t *stored, const json_t *patch)
{
    json_t *merged = json_deep_copy(stored);
    merge_into(merged, patch);
    return merged;
}
