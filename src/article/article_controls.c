#include "article/article_controls.h"

#include "article/article_values.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

/* ---- checking ---- */

static int check_id(const char *key, size_t number, const json_t *value, struct error *error)
{
    char shown[SHOWN_SIZE];
    if (!json_is_string(value))
        return error_set(error, ERROR_BAD_REQUEST, "\"%s\" must be a list of article ids; number %zu is %s",
                         key, number, value_shown(shown, value));
    const char *id = json_string_value(value);
    size_t length = json_string_length(value);
    if (length == 0 || length > ARTICLE_ID_MAX)
        return error_set(error, ERROR_BAD_REQUEST,
                         "\"%s\" must be a list of ids of 1 to %d bytes; number %zu has %zu", key,
                         ARTICLE_ID_MAX, number, length);
    if (strlen(id) != length || text_has_control(id) || text_is_blank(id))
        return error_set(error, ERROR_BAD_REQUEST,
                         "\"%s\": number %zu, %s, is blank or holds control characters: no article has such "
                         "an id",
                         key, number, value_shown(shown, value));
    return 0;
}

/* Checks each id and drops those that stand in the list already. */
static int keep_different(const char *key, json_t *ids, struct error *error)
{
    size_t given = json_array_size(ids);
    size_t kept = 0;
    int result = 0;
    json_t *seen = json_object();
    for (size_t number = 1; number <= given && result == 0; number++) {
        const json_t *value = json_array_get(ids, kept);
        result = check_id(key, number, value, error);
        if (result == 0 && json_object_get(seen, json_string_value(value)) != NULL) {
            json_array_remove(ids, kept);
        } else if (result == 0) {
            json_object_set_new(seen, json_string_value(value), json_true());
            kept++;
        }
    }
    json_decref(seen);
    return result;
}

int controls_read_ids(const char *key, json_t *value, size_t max, struct name_list *list, struct error *error)
{
    char shown[SHOWN_SIZE];
    if (!json_is_array(value))
        return error_set(error, ERROR_BAD_REQUEST, "\"%s\" must be a list of article ids, not %s", key,
                         value_shown(shown, value));
    size_t given = json_array_size(value);
    if (given > max)
        return error_set(error, ERROR_BAD_REQUEST, "\"%s\" must be a list of at most %zu ids, not %zu", key,
                         max, given);
    if (keep_different(key, value, error) != 0)
        return -1;
    list->count = json_array_size(value);
    list->names = memory_zeroed(list->count, sizeof *list->names);
    for (size_t i = 0; i < list->count; i++)
        list->names[i] = json_string_value(json_array_get(value, i));
    return 0;
}

int controls_read_switch(const char *key, const json_t *value, bool *is_off, struct error *error)
{
    char shown[SHOWN_SIZE];
    const char *word = json_string_value(value);
    *is_off = word != NULL && strcmp(word, "off") == 0;
    if (*is_off || (word != NULL && strcmp(word, "on") == 0))
        return 0;
    return error_set(error, ERROR_BAD_REQUEST, "\"%s\" must be \"on\" or \"off\", not %s", key,
                     value_shown(shown, value));
}

static bool holds(const struct name_list *list, const char *id)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->names[i], id) == 0)
            return true;
    return false;
}

int controls_check(const struct article *article, struct error *error)
{
    char shown[SHOWN_SIZE];
    const struct article_controls *controls = &article->controls;
    const char *own = holds(&controls->pinned, article->id)    ? "pinned"
                      : holds(&controls->blocked, article->id) ? "blocked"
                                                               : NULL;
    if (own != NULL)
        return error_set(
            error, ERROR_BAD_REQUEST,
            "\"%s\" holds \"%s\", the article's own id: an article is never suggested for itself", own,
            text_shown(shown, article->id));
    for (size_t i = 0; i < controls->pinned.count; i++)
        if (holds(&controls->blocked, controls->pinned.names[i]))
            return error_set(
                error, ERROR_BAD_REQUEST,
                "\"%s\" stands both in \"pinned\" and in \"blocked\": take it out of one of them",
                text_shown(shown, controls->pinned.names[i]));
    return 0;
}

void controls_release(struct article_controls *controls)
{
    free(controls->pinned.names);
    free(controls->blocked.names);
}

/* ---- the packed form ---- */

static void pack_ids(const struct name_list *list, struct buffer *out)
{
    for (size_t i = 0; i < list->count; i++) {
        size_t length = strlen(list->names[i]);
        buffer_append_char(out, (char)length);
        buffer_append(out, list->names[i], length);
    }
}

void controls_pack(const struct article_controls *controls, struct buffer *out)
{
    if (!controls->is_off && controls->pinned.count + controls->blocked.count == 0)
        return;
    buffer_append_char(out, controls->is_off ? 1 : 0);
    buffer_append_char(out, (char)controls->pinned.count);
    pack_ids(&controls->pinned, out);
    pack_ids(&controls->blocked, out);
}

void controls_open(const char *packed, size_t length, struct controls_reader *reader)
{
    *reader = (struct controls_reader){.is_off = false};
    if (length < 2)
        return;
    const unsigned char *bytes = (const unsigned char *)packed;
    *reader = (struct controls_reader){
        .at = bytes + 2, .end = bytes + length, .pinned_left = bytes[1], .is_off = bytes[0] == 1};
}

bool controls_next(struct controls_reader *reader, struct control_id *id)
{
    if (reader->at == reader->end || *reader->at > reader->end - reader->at - 1)
        return false;
    *id = (struct control_id){(const char *)reader->at + 1, *reader->at, reader->pinned_left > 0};
    reader->at += 1 + id->length;
    reader->pinned_left -= id->is_pinned;
    return true;
}
