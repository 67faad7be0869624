#include "profile/profile.h"

#include "article/article_values.h"
#include "base/buffer.h"
#include "base/hash.h"
#include "base/json_writer.h"
#include "base/memory.h"
#include "base/nearest.h"
#include "text/analyse.h"
#include "text/normalise.h"

#include <stdlib.h>
#include <string.h>

static const char *const kind_names[NAME_KIND_COUNT] = {
    [NAME_PERSON] = "person",
    [NAME_ORGANIZATION] = "organization",
    [NAME_PRODUCT] = "product",
    [NAME_PLACE] = "place",
};

const char *profile_kind_name(enum name_kind kind)
{
    return kind_names[kind];
}

bool profile_kind_parse(const char *word, enum name_kind *kind)
{
    for (int i = NAME_PERSON; i < NAME_KIND_COUNT; i++) {
        if (strcmp(word, kind_names[i]) == 0 || strcmp(word, name_kind_keys[i]) == 0) {
            *kind = (enum name_kind)i;
            return true;
        }
    }
    return false;
}

/* The normalised name; NULL if nothing is left of it. New reference. */
static char *key_of(const char *name)
{
    struct buffer key = BUFFER_INIT;
    if (text_normalise_name(name, strlen(name), &key) && key.length != 0)
        return buffer_steal(&key);
    buffer_release(&key);
    return NULL;
}

/* ---- reading ---- */

/* The members while they are read; texts are borrowed from the object. */
struct draft {
    enum name_kind kind;
    const char *name;
    const char *about;
    const char *url;
    const char *image;
    struct name_list aliases;
};

static int read_kind(const json_t *object, struct draft *draft, struct error *error)
{
    char shown[SHOWN_SIZE];
    const json_t *value = json_object_get(object, "kind");
    if (value == NULL)
        return error_set(error, ERROR_BAD_REQUEST,
                         "\"kind\" is missing: person, organization, product or place");
    if (!json_is_string(value) || !profile_kind_parse(json_string_value(value), &draft->kind))
        return error_set(error, ERROR_BAD_REQUEST,
                         "\"kind\" must be person, organization, product or place, not %s",
                         value_shown(shown, value));
    return 0;
}

static int read_name(json_t *object, struct draft *draft, struct error *error)
{
    json_t *value = json_object_get(object, "name");
    if (json_is_string(value))
        value_trim(value);
    if (value != NULL && value_text("name", value, ARTICLE_NAME_MAX, &draft->name, error) != 0)
        return -1;
    char *key = key_of(draft->name);
    free(key);
    return key != NULL
               ? 0
               : error_set(error, ERROR_BAD_REQUEST, "\"name\" must be the name of the entity, not blank");
}

static int read_text(const json_t *object, const char *key, size_t max, const char **text,
                     struct error *error)
{
    const json_t *value = json_object_get(object, key);
    return value == NULL ? 0 : value_text(key, value, max, text, error);
}

static int read_aliases(json_t *object, struct draft *draft, struct error *error)
{
    json_t *value = json_object_get(object, "aliases");
    if (value == NULL)
        return 0;
    if (json_array_size(value) > PROFILE_ALIASES_MAX)
        return error_set(error, ERROR_BAD_REQUEST, "\"aliases\" must be a list of at most %d names, not %zu",
                         PROFILE_ALIASES_MAX, json_array_size(value));
    return value_names("aliases", value, &draft->aliases, error);
}

static int check_keys(json_t *object, struct error *error)
{
    static const char *const known[] = {"kind", "name", "about", "aliases", "url", "image", NULL};
    char shown[SHOWN_SIZE];
    void *next;
    const char *key;
    json_t *value;
    json_object_foreach_safe(object, next, key, value)
    {
        size_t i = 0;
        while (known[i] != NULL && strcmp(known[i], key) != 0)
            i++;
        const char *nearest = known[i] == NULL ? nearest_word(key, known) : NULL;
        if (known[i] == NULL)
            return error_set(error, ERROR_BAD_REQUEST, "unknown key \"%s\" in the profile%s%s%s",
                             text_shown(shown, key), nearest != NULL ? ", did you mean \"" : "",
                             nearest != NULL ? nearest : "", nearest != NULL ? "\"?" : "");
        if (json_is_null(value))
            json_object_del(object, key); /* null is absent */
    }
    return 0;
}

static int read_members(json_t *object, struct draft *draft, struct error *error)
{
    if (check_keys(object, error) != 0 || read_kind(object, draft, error) != 0 ||
        read_name(object, draft, error) != 0 ||
        read_text(object, "about", PROFILE_ABOUT_MAX, &draft->about, error) != 0 ||
        read_text(object, "url", PROFILE_URL_MAX, &draft->url, error) != 0 ||
        read_text(object, "image", PROFILE_URL_MAX, &draft->image, error) != 0 ||
        read_aliases(object, draft, error) != 0)
        return -1;
    if (draft->about != NULL && text_is_blank(draft->about))
        return error_set(error, ERROR_BAD_REQUEST, "\"about\" must not be blank: leave it out");
    if (draft->about == NULL && draft->aliases.count == 0)
        return error_set(error, ERROR_BAD_REQUEST,
                         "a profile needs \"about\" or \"aliases\" (\"remove\":true removes one)");
    return 0;
}

/* ---- making ---- */

/* Adds the term of a name to `texts`, and the name behind it; nothing for one that is there already. */
static void add_term(struct profile *profile, const char *name, struct buffer *texts)
{
    size_t start = texts->length;
    if (!term_for_name((enum term_field)profile->kind, name, strlen(name), texts))
        return;
    size_t length = texts->length - start;
    uint64_t hash = hash_bytes(texts->data + start, length);
    for (size_t i = 0; i < profile->term_count; i++) {
        if (profile->terms[i].hash == hash) {
            texts->length = start;
            return;
        }
    }
    buffer_append(texts, name, strlen(name) + 1);
    profile->terms[profile->term_count++] = (struct profile_term){.length = (uint32_t)length, .hash = hash};
}

static void make_terms(struct profile *profile, const struct draft *draft)
{
    struct buffer texts = BUFFER_INIT;
    profile->terms = memory_zeroed(draft->aliases.count + 1, sizeof *profile->terms);
    profile->hash = hash_bytes(draft->name, strlen(draft->name)) + profile->kind;
    add_term(profile, draft->name, &texts);
    for (size_t i = 0; i < draft->aliases.count; i++)
        add_term(profile, draft->aliases.names[i], &texts);
    profile->term_texts = buffer_steal(&texts);
    const char *text = profile->term_texts;
    for (size_t i = 0; i < profile->term_count; i++) {
        struct profile_term *term = &profile->terms[i];
        term->text = text;
        term->written = text + term->length;
        text = term->written + strlen(term->written) + 1;
        profile->hash = profile->hash * 31 + term->hash;
    }
}

static void write_aliases(struct json_writer *writer, const struct draft *draft, const char *key)
{
    json_key(writer, "aliases");
    json_begin_array(writer);
    for (size_t i = 0; i < draft->aliases.count; i++) {
        char *alias = key_of(draft->aliases.names[i]);
        if (alias != NULL && strcmp(alias, key) != 0)
            json_text(writer, draft->aliases.names[i]);
        free(alias);
    }
    json_end_array(writer);
}

static void make_text(struct profile *profile, const struct draft *draft)
{
    struct buffer text = BUFFER_INIT;
    struct json_writer writer;
    json_writer_init(&writer, &text);
    json_begin_object(&writer);
    json_key_text(&writer, "kind", kind_names[draft->kind]);
    json_key_text(&writer, "name", draft->name);
    if (draft->about != NULL)
        json_key_text(&writer, "about", draft->about);
    write_aliases(&writer, draft, profile->key);
    if (draft->url != NULL)
        json_key_text(&writer, "url", draft->url);
    if (draft->image != NULL)
        json_key_text(&writer, "image", draft->image);
    json_end_object(&writer);
    profile->length = text.length;
    profile->text = buffer_steal(&text);
}

static struct profile *make(const struct draft *draft)
{
    struct profile *profile = memory_zeroed(1, sizeof *profile);
    atomic_init(&profile->references, 1);
    profile->kind = draft->kind;
    profile->name = memory_copy_string(draft->name);
    profile->key = key_of(draft->name);
    make_terms(profile, draft);
    make_text(profile, draft);
    return profile;
}

int profile_from_json(json_t *object, struct profile **profile, struct error *error)
{
    struct draft draft = {.name = ""};
    char shown[SHOWN_SIZE];
    int result;
    if (!json_is_object(object))
        result = error_set(error, ERROR_BAD_REQUEST, "a profile must be an object, not %s",
                           object != NULL ? value_shown(shown, object) : "nothing");
    else
        result = read_members(object, &draft, error);
    if (result == 0)
        *profile = make(&draft);
    free(draft.aliases.names);
    json_decref(object);
    return result;
}

int profile_named(enum name_kind kind, const char *name, struct profile **profile, struct error *error)
{
    json_t *object = json_pack("{s:s}", "name", name);
    struct draft draft = {.kind = kind, .name = ""};
    int result = object != NULL ? read_name(object, &draft, error)
                                : error_set(error, ERROR_BAD_REQUEST, "\"name\" is not valid UTF-8");
    if (result == 0)
        *profile = make(&draft);
    json_decref(object);
    return result;
}

int profile_from_text(const char *text, size_t length, struct profile **profile, struct error *error)
{
    json_error_t reason;
    json_t *object = json_loadb(text, length, JSON_REJECT_DUPLICATES, &reason);
    if (object == NULL)
        return error_set(error, ERROR_BAD_REQUEST, "the profile is not JSON (byte %d)", reason.position);
    return profile_from_json(object, profile, error);
}

struct profile *profile_retain(struct profile *profile)
{
    atomic_fetch_add(&profile->references, 1);
    return profile;
}

void profile_release(struct profile *profile)
{
    if (profile == NULL || atomic_fetch_sub(&profile->references, 1) != 1)
        return;
    free(profile->name);
    free(profile->key);
    free(profile->text);
    free(profile->terms);
    free(profile->term_texts);
    free(profile);
}
