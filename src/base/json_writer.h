/*
 * json_writer.h - the one way JSON text is written: straight into a buffer, one line, no white space.
 *
 * The writer borrows the buffer. Commas are put in by the writer; the caller's begin/end calls must match.
 * Strings must be valid UTF-8 (everything that enters storyd is checked); control characters are escaped, so
 * a value never holds a raw line end. One thread at a time.
 */
#ifndef STORYD_BASE_JSON_WRITER_H
#define STORYD_BASE_JSON_WRITER_H

#include "base/buffer.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct json_writer {
    struct buffer *out;
    bool comma; /* the next value or key needs a comma before it */
};

void json_writer_init(struct json_writer *writer, struct buffer *out);
void json_begin_object(struct json_writer *writer);
void json_end_object(struct json_writer *writer);
void json_begin_array(struct json_writer *writer);
void json_end_array(struct json_writer *writer);
void json_key(struct json_writer *writer, const char *key);
void json_text(struct json_writer *writer, const char *text); /* a string value; NULL writes null */
void json_text_n(struct json_writer *writer, const char *text, size_t length);
void json_int(struct json_writer *writer, int64_t value);
void json_number(struct json_writer *writer, double value,
                 int decimals); /* trailing zeros dropped; not finite: null */
void json_bool(struct json_writer *writer, bool value);
void json_nothing(struct json_writer *writer); /* null */
void json_raw(struct json_writer *writer, const char *json,
              size_t length); /* ready-made JSON: a value, or `"k":v,…` */
void json_value(struct json_writer *writer, const json_t *value); /* any jansson value (borrowed) */

/* key and value in one call */
void json_key_text(struct json_writer *writer, const char *key, const char *text);
void json_key_int(struct json_writer *writer, const char *key, int64_t value);
void json_key_number(struct json_writer *writer, const char *key, double value, int decimals);
void json_key_bool(struct json_writer *writer, const char *key, bool value);

#endif
