/*
 * article.h - an article that has passed validation, and what is made from it: the stored JSON and the card.
 *
 * The checks are those of doc/protocol.md ("An article"): only `id` and `title` are required; a wrong type,
 * an unknown language, a bad date, a value over its limit or an unknown key is bad_request naming the key and
 * what was expected (for an unknown key: the nearest known one). Any thread; one thread at a time for each
 * article.
 */
#ifndef STORYD_ARTICLE_ARTICLE_H
#define STORYD_ARTICLE_ARTICLE_H

#include "base/buffer.h"
#include "base/error.h"
#include "base/json_writer.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* The five kinds of names two articles can share, in this order everywhere (files too). */
enum name_kind { NAME_TAG, NAME_PERSON, NAME_ORGANIZATION, NAME_PRODUCT, NAME_PLACE, NAME_KIND_COUNT };

/* The article's JSON key of a kind: "tags", "people", "organizations", "products", "places". */
extern const char *const name_kind_keys[NAME_KIND_COUNT];

enum sentiment { SENTIMENT_NONE, SENTIMENT_POSITIVE, SENTIMENT_NEUTRAL, SENTIMENT_NEGATIVE };
const char *sentiment_name(enum sentiment sentiment);             /* "positive"…; NULL for SENTIMENT_NONE */
int sentiment_parse(const char *name, enum sentiment *sentiment); /* -1 for an unknown word */

#define ARTICLE_ID_MAX 200        /* bytes */
#define ARTICLE_TITLE_MAX 2000    /* bytes */
#define ARTICLE_SUMMARY_MAX 20000 /* bytes */
#define ARTICLE_NAME_MAX 200      /* bytes of one tag, entity, author, category, source */
#define ARTICLE_NAMES_MAX 100     /* names in one list */
#define ARTICLE_URL_MAX 2000
#define ARTICLE_VIEWS_MAX UINT32_MAX
#define ARTICLE_PINNED_MAX 50    /* ids */
#define ARTICLE_BLOCKED_MAX 1000 /* ids */

struct name_list {
    size_t count;
    const char **names; /* as written, trimmed, duplicates (after normalisation) dropped */
};

/* What editors decide about an article's own connected stories. */
struct article_controls {
    struct name_list pinned;  /* ids, always shown, in this order */
    struct name_list blocked; /* ids, never suggested */
    bool is_off;              /* nothing is shown */
};

struct article {
    json_t *json;   /* owned: the validated object, without `views` */
    const char *id; /* the strings below are borrowed from `json`; "" or NULL-free: absent text is "" */
    const char *url;
    const char *title;
    const char *summary;
    const char *body;
    const char *category;
    const char *source;
    const char *language; /* ISO 639-1 without a region, "" if absent: the caller's default applies */
    struct name_list authors;
    struct name_list names[NAME_KIND_COUNT];
    int64_t published; /* seconds, DATE_NONE if absent */
    enum sentiment sentiment;
    int64_t views; /* -1 if absent */
    struct article_controls controls;
};

/*
 * Validates `object`, whose reference is stolen (also on failure) and which is changed: nulls and `views` are
 * removed, names trimmed and duplicates dropped. *article is new: article_free(). Errors: bad_request.
 */
int article_from_json(json_t *object, struct article **article, struct error *error);

/* The same from the stored text. Errors as above (bad_request also for malformed JSON). */
int article_from_text(const char *text, size_t length, struct article **article, struct error *error);

void article_free(struct article *article);

/* The article's keys, for schema messages; ends with NULL. */
extern const char *const article_keys[];

/* The stored form: the compact JSON text of the object (no `views`). */
void article_write_stored(const struct article *article, struct buffer *out);

/*
 * The card: the members a hit shows, without braces:
 * "id":…,"url":…,"title":…,"summary":…,"category":…,"source":…,
 * "authors":[…],"tags":[…],…,"language":…,"published":…,"sentiment":… - absent ones left out, no body, extra,
 * views or controls. A summary over 600 bytes is cut at a word and ends in "…".
 */
void article_write_card(const struct article *article, struct buffer *out);

/*
 * RFC 7396 merge patch: *stored and *patch are objects (borrowed, unchanged); the result is a new object that
 * still must be validated. A null removes the key.
 */
json_t *article_merge_patch(const json_t *stored, const json_t *patch);

#endif
