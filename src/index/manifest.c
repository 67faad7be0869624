#include "index/manifest.h"

#include "base/crc32c.h"
#include "base/json_writer.h"
#include "base/memory.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MANIFEST_LIMIT (64U << 20)

static void write_file(struct json_writer *writer, const char *key, const struct segment_file *file)
{
    json_key(writer, key);
    json_begin_object(writer);
    json_key_int(writer, "size", (int64_t)file->size);
    json_key_int(writer, "crc32c", file->crc);
    json_end_object(writer);
}

static void write_segment(struct json_writer *writer, const struct manifest_segment *segment)
{
    json_begin_object(writer);
    json_key_text(writer, "name", segment->name);
    json_key_int(writer, "documents", segment->documents);
    write_file(writer, "xapian", &segment->xapian);
    write_file(writer, "rows", &segment->rows);
    write_file(writer, "features", &segment->features);
    json_end_object(writer);
}

static void write_members(struct json_writer *writer, const struct manifest *manifest)
{
    json_begin_object(writer);
    json_key_int(writer, "format", MANIFEST_FORMAT);
    json_key_int(writer, "generation", manifest->generation);
    json_key_text(writer, "identity", manifest->identity);
    json_key_number(writer, "average_length", manifest->average_length, 4);
    json_key_int(writer, "epoch", manifest->epoch);
    json_key_int(writer, "position", (int64_t)manifest->position);
    json_key_int(writer, "next_segment", manifest->next_segment);
    write_file(writer, "statistics", &manifest->statistics);
    json_key_int(writer, "tombstones_number", manifest->tombstones_number);
    write_file(writer, "tombstones", &manifest->tombstones);
    json_key(writer, "segments");
    json_begin_array(writer);
    for (size_t i = 0; i < manifest->segment_count; i++)
        write_segment(writer, &manifest->segments[i]);
    json_end_array(writer);
    json_end_object(writer);
}

/* The file is the JSON object, a line end, and the checksum of both in hexadecimal. */
int manifest_write(const char *generation_directory, const struct manifest *manifest, struct error *error)
{
    struct buffer text = BUFFER_INIT;
    struct json_writer writer;
    json_writer_init(&writer, &text);
    write_members(&writer, manifest);
    buffer_append_char(&text, '\n');
    buffer_printf(&text, "%08x\n", crc32c(0, text.data, text.length));
    char *path = file_join(generation_directory, "MANIFEST");
    int result = file_replace(path, text.data, text.length, error);
    free(path);
    buffer_release(&text);
    return result;
}

static bool read_file(const json_t *object, const char *key, struct segment_file *file)
{
    const json_t *figures = json_object_get(object, key);
    file->size = (uint64_t)json_integer_value(json_object_get(figures, "size"));
    file->crc = (uint32_t)json_integer_value(json_object_get(figures, "crc32c"));
    return json_is_object(figures);
}

static bool read_segment(const json_t *object, struct manifest_segment *segment)
{
    const char *name = json_string_value(json_object_get(object, "name"));
    if (name == NULL || strlen(name) >= sizeof segment->name || strchr(name, '/') != NULL)
        return false;
    snprintf(segment->name, sizeof segment->name, "%s", name);
    segment->documents = (uint32_t)json_integer_value(json_object_get(object, "documents"));
    return read_file(object, "xapian", &segment->xapian) && read_file(object, "rows", &segment->rows) &&
           read_file(object, "features", &segment->features);
}

static bool read_members(const json_t *object, struct manifest *manifest)
{
    const char *identity = json_string_value(json_object_get(object, "identity"));
    const json_t *segments = json_object_get(object, "segments");
    if (identity == NULL || !json_is_array(segments))
        return false;
    snprintf(manifest->identity, sizeof manifest->identity, "%s", identity);
    manifest->generation = (uint32_t)json_integer_value(json_object_get(object, "generation"));
    manifest->average_length = json_number_value(json_object_get(object, "average_length"));
    manifest->epoch = (uint32_t)json_integer_value(json_object_get(object, "epoch"));
    manifest->position = (uint64_t)json_integer_value(json_object_get(object, "position"));
    manifest->next_segment = (uint32_t)json_integer_value(json_object_get(object, "next_segment"));
    manifest->tombstones_number = (uint32_t)json_integer_value(json_object_get(object, "tombstones_number"));
    if (!read_file(object, "statistics", &manifest->statistics) ||
        !read_file(object, "tombstones", &manifest->tombstones))
        return false;
    manifest->segment_count = json_array_size(segments);
    manifest->segments = memory_zeroed(manifest->segment_count, sizeof *manifest->segments);
    for (size_t i = 0; i < manifest->segment_count; i++)
        if (!read_segment(json_array_get(segments, i), &manifest->segments[i]))
            return false;
    return true;
}

/* The bytes the last line is the checksum of; 0 if it is not. */
static size_t checked_length(const char *text, size_t length)
{
    char expected[16];
    if (length < 10 || text[length - 10] != '\n')
        return 0;
    snprintf(expected, sizeof expected, "%08x\n", crc32c(0, text, length - 9));
    return memcmp(text + length - 9, expected, 9) == 0 ? length - 9 : 0;
}

int manifest_read(const char *generation_directory, struct manifest *manifest, struct error *error)
{
    memset(manifest, 0, sizeof *manifest);
    char *path = file_join(generation_directory, "MANIFEST");
    char *text = NULL;
    size_t length;
    json_t *object = NULL;
    int result = file_read(path, MANIFEST_LIMIT, &text, &length, error);
    if (result != 0)
        goto done;
    size_t checked = checked_length(text, length);
    object = checked != 0 ? json_loadb(text, checked, 0, NULL) : NULL;
    json_int_t format = json_integer_value(json_object_get(object, "format"));
    if (object == NULL)
        result = error_set(error, ERROR_UNAVAILABLE, "%s is damaged", path);
    else if (format != MANIFEST_FORMAT)
        result = error_set(error, ERROR_CONFLICT, "%s has format %lld; this storyd reads %d", path,
                           (long long)format, MANIFEST_FORMAT);
    else if (!read_members(object, manifest))
        result = error_set(error, ERROR_UNAVAILABLE, "%s lacks members", path);
done:
    json_decref(object);
    free(text);
    free(path);
    if (result != 0)
        manifest_release(manifest);
    return result;
}

void manifest_release(struct manifest *manifest)
{
    free(manifest->segments);
    memset(manifest, 0, sizeof *manifest);
}
