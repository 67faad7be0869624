#include "command/hits.h"

#include "article/article.h"
#include "base/counters.h"
#include "base/nearest.h"
#include "base/prefetch.h"

#include <string.h>

/* What a card has beside the members of its article: names that were recognised in the text. */
#define FOUND_FIELD "found"

#define CACHE_LINE 64
#define CARD_LINES 6 /* most of a card; of the rest the processor has guessed by then that it is wanted */

/* Fields a card does not have. */
static const char *const stored_only[] = {"body", "extra", "pinned", "blocked", "related", NULL};

static bool is_in(const char *word, const char *const *list)
{
    for (; *list != NULL; list++)
        if (strcmp(*list, word) == 0)
            return true;
    return false;
}

int hit_fields_check(const json_t *fields, struct error *error)
{
    for (size_t i = 0; i < json_array_size(fields); i++) {
        const char *field = json_string_value(json_array_get(fields, i));
        if (is_in(field, article_keys) || strcmp(field, FOUND_FIELD) == 0)
            continue;
        const char *nearest = nearest_word(field, article_keys);
        return nearest != NULL
                   ? error_set(error, ERROR_BAD_REQUEST,
                               "\"fields\": an article has no \"%.60s\", did you mean \"%s\"?", field,
                               nearest)
                   : error_set(error, ERROR_BAD_REQUEST, "\"fields\": an article has no \"%.60s\"", field);
    }
    return 0;
}

static bool needs_store(const json_t *fields)
{
    for (size_t i = 0; i < json_array_size(fields); i++)
        if (is_in(json_string_value(json_array_get(fields, i)), stored_only))
            return true;
    return false;
}

static bool wants(const json_t *fields, const char *field)
{
    for (size_t i = 0; i < json_array_size(fields); i++)
        if (strcmp(json_string_value(json_array_get(fields, i)), field) == 0)
            return true;
    return fields == NULL;
}

/* The members of an object that are wanted, in the order of `fields`. */
static void write_members(const json_t *object, const json_t *fields, struct json_writer *writer)
{
    for (size_t i = 0; i < json_array_size(fields); i++) {
        const char *field = json_string_value(json_array_get(fields, i));
        const json_t *value = json_object_get(object, field);
        if (value == NULL)
            continue;
        json_key(writer, field);
        json_value(writer, value);
    }
}

#define AROUND 4096 /* bytes of a reply that has one article: each that could be stored can be shown */

/* Other parts of a reply are small beside its articles. */
static int check_size(const struct worker *worker, const struct json_writer *writer, struct error *error)
{
    int64_t most = atomic_load_explicit(&worker->service->reply_max, memory_order_relaxed);
    if ((int64_t)writer->out->length <= most + AROUND)
        return 0;
    counter_add(COUNTER_REPLIES_TOO_LARGE, 1);
    return error_set(
        error, ERROR_TOO_LARGE,
        "the reply would be larger than %lld bytes (limits.reply): ask for fewer articles or fields",
        (long long)most);
}

int hit_write_stored(const struct worker *worker, const char *text, size_t length, int64_t views,
                     uint64_t revision, const json_t *fields, struct json_writer *writer, struct error *error)
{
    if (fields == NULL) {
        /* the stored text is an object: its members go as they are */
        json_raw(writer, text + 1, length - 2);
    } else {
        json_t *object = json_loadb(text, length, 0, NULL);
        if (object == NULL)
            return error_set(error, ERROR_INTERNAL, "a stored article is not JSON");
        write_members(object, fields, writer);
        json_decref(object);
    }
    if (wants(fields, "views"))
        json_key_int(writer, "views", views);
    json_key_int(writer, "revision", (int64_t)revision);
    return check_size(worker, writer, error);
}

/* All fields of one version, from the store. */
static json_t *load_version(struct worker *worker, uint32_t docid, struct error *error)
{
    struct store_reader *store;
    buffer_clear(&worker->text);
    if (worker_store(worker, &store, error) != 0 ||
        store_get_version(store, docid, &worker->text, NULL, error) != 0)
        return NULL;
    return json_loadb(worker->text.data, worker->text.length, 0, NULL);
}

/* The card as an object. */
static json_t *load_card(struct worker *worker, const struct slice *slice, uint32_t row)
{
    size_t length;
    const char *card = rows_card(slice->rows, row, &length);
    buffer_clear(&worker->text);
    buffer_append_char(&worker->text, '{');
    buffer_append(&worker->text, card, length);
    buffer_append_char(&worker->text, '}');
    return json_loadb(worker->text.data, worker->text.length, 0, NULL);
}

/* The store does not have them. */
static void add_found(struct worker *worker, const struct slice *slice, uint32_t row, json_t *object)
{
    json_t *card = load_card(worker, slice, row);
    json_object_set(object, FOUND_FIELD, json_object_get(card, FOUND_FIELD));
    json_decref(card);
}

void hit_write_article(const struct article *article, int64_t views, const json_t *fields,
                       struct json_writer *writer)
{
    if (fields == NULL) {
        struct buffer card = BUFFER_INIT;
        article_write_card(article, &card);
        json_raw(writer, card.data, card.length);
        buffer_release(&card);
    } else {
        write_members(article->json, fields, writer);
    }
    if (wants(fields, "views"))
        json_key_int(writer, "views", views);
}

void hit_prefetch_start(const struct slice *slice, uint32_t row)
{
    prefetch(&slice->rows->card_starts[row]);
    prefetch(&slice->shared->views[row]);
}

void hit_prefetch_card(const struct slice *slice, uint32_t row)
{
    const char *card = slice->rows->cards + slice->rows->card_starts[row];
    for (size_t line = 0; line < CARD_LINES; line++)
        prefetch(card + line * CACHE_LINE);
}

int hit_write(struct worker *worker, const struct slice *slice, uint32_t row, const json_t *fields,
              struct json_writer *writer, struct error *error)
{
    if (fields == NULL) {
        size_t length;
        const char *card = rows_card(slice->rows, row, &length);
        json_raw(writer, card, length);
    } else {
        json_t *object = NULL;
        struct error reason = ERROR_INIT;
        if (needs_store(fields))
            object = load_version(worker, slice->rows->docids[row], &reason);
        if (object == NULL && reason.code == ERROR_UNAVAILABLE) {
            *error = reason;
            return -1;
        }
        if (object != NULL && wants(fields, FOUND_FIELD))
            add_found(worker, slice, row, object);
        if (object == NULL) /* nothing more was asked for, or a newer version has just replaced it */
            object = load_card(worker, slice, row);
        write_members(object, fields, writer);
        json_decref(object);
    }
    if (wants(fields, "views"))
        json_key_int(writer, "views", slice_row_views(slice, row));
    return check_size(worker, writer, error);
}
