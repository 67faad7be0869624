#include "ctl/import_state.h"

#include "base/buffer.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json_writer.h"
#include "base/memory.h"
#include "base/utf8.h"

#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define STATE_MAX 65536

static char *state_directory(void)
{
    const char *base = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    if (base != NULL && *base == '/')
        return file_join(base, "storyctl");
    return home != NULL && *home == '/' ? file_join(home, ".local/state/storyctl") : NULL;
}

char *import_state_path(const char *chosen, const char *file, const char *address)
{
    if (chosen != NULL)
        return memory_copy_string(chosen);
    char *directory = state_directory();
    if (directory == NULL)
        return NULL;
    char *real = realpath(file, NULL);
    struct buffer key = BUFFER_INIT;
    struct buffer name = BUFFER_INIT;
    buffer_printf(&key, "%s %s", address, real != NULL ? real : file);
    buffer_printf(&name, "import-%016llx.json", (unsigned long long)hash_bytes(key.data, key.length));
    char *path = file_join(directory, name.data);
    buffer_release(&key);
    buffer_release(&name);
    free(real);
    free(directory);
    return path;
}

static uint64_t number(const json_t *object, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(object, key));
}

static int64_t changed_at(const struct stat *status)
{
    return (int64_t)status->st_mtim.tv_sec * 1000000000 + status->st_mtim.tv_nsec;
}

static bool is_same_file(const json_t *object, const struct stat *status)
{
    return json_integer_value(json_object_get(object, "size")) == status->st_size &&
           json_integer_value(json_object_get(object, "changed_ns")) == changed_at(status);
}

int import_state_load(const char *path, const char *file, const struct stat *status,
                      struct import_state *state, struct error *error)
{
    char *text;
    size_t length;
    if (file_read(path, STATE_MAX, &text, &length, error) != 0)
        return -1;
    json_t *object = json_loadb(text, length, 0, NULL);
    free(text);
    int result = 0;
    if (!json_is_object(object))
        result = error_set(error, ERROR_CONFLICT, "%s is not the state of an import", path);
    else if (!is_same_file(object, status))
        result = error_set(
            error, ERROR_CONFLICT,
            "%s has changed since its import was interrupted: import it from the beginning, without "
            "--resume (articles that are stored already are only replaced)",
            file);
    else
        *state = (struct import_state){
            .line = number(object, "line"),
            .position = number(object, "position"),
            .stored = number(object, "stored"),
            .created = number(object, "created"),
            .rejected = number(object, "rejected"),
        };
    json_decref(object);
    return result;
}

int import_state_check(const char *path, struct error *error)
{
    char *text = NULL;
    size_t length = 0;
    struct error reason = ERROR_INIT;
    if (file_read(path, STATE_MAX, &text, &length, &reason) != 0 && reason.code == ERROR_NOT_FOUND)
        return 0;
    json_t *object = text != NULL ? json_loadb(text, length, 0, NULL) : NULL;
    bool is_state = json_is_integer(json_object_get(object, "position")) &&
                    json_is_integer(json_object_get(object, "changed_ns"));
    free(text);
    json_decref(object);
    return is_state
               ? 0
               : error_set(error, ERROR_CONFLICT,
                           "%s is not the state of an import, and would be overwritten: choose another file",
                           path);
}

static int make_parent(const char *path, struct error *error)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL || slash == path)
        return 0;
    char *directory = memory_copy_bytes(path, (size_t)(slash - path));
    int result = file_make_directory(directory, error);
    free(directory);
    return result;
}

int import_state_save(const char *path, const char *file, const struct stat *status,
                      const struct import_state *state, struct error *error)
{
    struct buffer text = BUFFER_INIT;
    struct json_writer writer;
    json_writer_init(&writer, &text);
    json_begin_object(&writer);
    struct buffer name = BUFFER_INIT;
    utf8_append_clean(&name, file, strlen(file));
    json_key_text(&writer, "file", name.data);
    buffer_release(&name);
    json_key_int(&writer, "size", status->st_size);
    json_key_int(&writer, "changed_ns", changed_at(status));
    json_key_int(&writer, "line", (int64_t)state->line);
    json_key_int(&writer, "position", (int64_t)state->position);
    json_key_int(&writer, "stored", (int64_t)state->stored);
    json_key_int(&writer, "created", (int64_t)state->created);
    json_key_int(&writer, "rejected", (int64_t)state->rejected);
    json_end_object(&writer);
    buffer_append_char(&text, '\n');
    int result = make_parent(path, error);
    if (result == 0)
        result = file_replace(path, text.data, text.length, error);
    buffer_release(&text);
    return result;
}
