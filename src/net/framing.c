#include "net/framing.h"

#include "base/memory.h"
#include "base/utf8.h"
#include "net/framing_resp.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define KEEP_CAPACITY 4096 /* an idle connection keeps no larger buffer */

void framing_init(struct framing *framing, size_t limit)
{
    memset(framing, 0, sizeof *framing);
    framing->limit = limit;
}

void framing_release(struct framing *framing)
{
    buffer_release(&framing->in);
    buffer_release(&framing->joined);
    free(framing->pieces);
    framing_init(framing, framing->limit);
}

void framing_set_limit(struct framing *framing, size_t limit)
{
    framing->limit = limit;
}

/* Moves what is left to the front; it is moved once only, because afterwards it starts there. */
static void forget_taken(struct framing *framing)
{
    if (framing->start == 0)
        return;
    size_t left = framing->in.length - framing->start;
    if (left == 0 && framing->in.capacity > KEEP_CAPACITY) {
        buffer_release(&framing->in);
        buffer_release(&framing->joined);
    } else {
        memmove(framing->in.data, framing->in.data + framing->start, left);
        framing->in.length = left;
    }
    framing->start = 0;
}

void framing_feed(struct framing *framing, const char *bytes, size_t length)
{
    forget_taken(framing);
    buffer_append(&framing->in, bytes, length);
}

bool framing_is_partial(const struct framing *framing)
{
    return framing->skipping || framing->in.length > framing->start;
}

static void take(struct framing *framing, size_t length)
{
    framing->start += length;
    framing->scan = 0;
}

static enum framing_kind refuse(struct framing_event *event)
{
    event->kind = FRAMING_REFUSED;
    return FRAMING_REFUSED;
}

static size_t word_length(const char *text, size_t length)
{
    const char *blank = memchr(text, ' ', length);
    return blank == NULL ? length : (size_t)(blank - text);
}

static void skip_blanks(const char **text, size_t *length)
{
    while (*length != 0 && (**text == ' ' || **text == '\t')) {
        ++*text;
        --*length;
    }
}

/* Takes "@tag " off the front. */
static int split_tag(struct framing_event *event, const char **line, size_t *length)
{
    event->tag[0] = '\0';
    if (*length == 0 || **line != '@')
        return 0;
    size_t end = word_length(*line, *length), tag = end - 1;
    if (tag == 0 || tag > REQUEST_TAG_MAX || !utf8_is_text(*line + 1, tag))
        return error_set(&event->error, ERROR_BAD_REQUEST, "a tag has 1 to %d bytes of UTF-8",
                         REQUEST_TAG_MAX);
    memcpy(event->tag, *line + 1, tag);
    event->tag[tag] = '\0';
    *line += end;
    *length -= end;
    skip_blanks(line, length);
    return 0;
}

/* Browsers can be made to send HTTP to any port: it must never be taken for requests. */
static bool is_http(const char *line, size_t length)
{
    static const char *const methods[] = {"GET /",    "PUT /",   "HEAD /",  "DELETE /",
                                          "OPTIONS ", "PATCH /", "CONNECT "};
    static const char version[] = " HTTP/1.";
    if (length >= 5 && (strncasecmp(line, "POST ", 5) == 0 || strncasecmp(line, "Host:", 5) == 0))
        return true;
    if (length < sizeof version || memcmp(line + length - sizeof version, version, sizeof version - 1) != 0)
        return false;
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (strncasecmp(line, methods[i], strlen(methods[i])) == 0)
            return true;
    return false;
}

/* A complete line, without its end. */
static enum framing_kind read_line(struct framing_event *event, const char *line, size_t length)
{
    if (is_http(line, length))
        return event->kind = FRAMING_FOREIGN;
    if (split_tag(event, &line, &length) < 0)
        return refuse(event);
    if (!utf8_is_text(line, length)) {
        error_set(&event->error, ERROR_BAD_REQUEST, "the line is not valid UTF-8 text");
        return refuse(event);
    }
    event->verb = line;
    event->verb_length = word_length(line, length);
    if (event->verb_length == 0) {
        error_set(&event->error, ERROR_BAD_REQUEST, "there is no verb: a request is [@tag ]VERB[ argument]");
        return refuse(event);
    }
    line += event->verb_length;
    length -= event->verb_length;
    skip_blanks(&line, &length);
    event->argument = line;
    event->argument_length = length;
    return event->kind = FRAMING_REQUEST;
}

static enum framing_kind too_large(struct framing *framing, struct framing_event *event)
{
    const char *line = framing->in.data + framing->start;
    size_t length = framing->limit;
    skip_blanks(&line, &length);
    if (split_tag(event, &line, &length) < 0)
        event->tag[0] = '\0';
    error_set(&event->error, ERROR_TOO_LARGE, "a request line of this connection has at most %zu bytes",
              framing->limit);
    return refuse(event);
}

/* Drops bytes up to and including the line end; false if it has not come yet. */
static bool skip_line(struct framing *framing)
{
    const char *from = framing->in.data + framing->start;
    size_t length = framing->in.length - framing->start;
    const char *end = length == 0 ? NULL : memchr(from, '\n', length);
    take(framing, end == NULL ? length : (size_t)(end - from) + 1);
    framing->skipping = end == NULL;
    return end != NULL;
}

static enum framing_kind next_line(struct framing *framing, struct framing_event *event)
{
    const char *line = framing->in.data + framing->start;
    size_t length = framing->in.length - framing->start;
    const char *end = memchr(line + framing->scan, '\n', length - framing->scan);
    size_t content = end == NULL ? length : (size_t)(end - line);
    if (content != 0 && line[content - 1] == '\r')
        content--;
    if (content > framing->limit) {
        too_large(framing, event);
        if (end == NULL)
            skip_line(framing);
        else
            take(framing, (size_t)(end - line) + 1);
        return event->kind;
    }
    if (end == NULL) {
        framing->scan = length;
        return event->kind = FRAMING_MORE;
    }
    take(framing, (size_t)(end - line) + 1);
    skip_blanks(&line, &content);
    return content == 0 ? FRAMING_EMPTY : read_line(event, line, content);
}

enum framing_kind framing_next(struct framing *framing, struct framing_event *event)
{
    event->tag[0] = '\0';
    event->argument_length = 0;
    if (framing->skipping && !skip_line(framing))
        return event->kind = FRAMING_MORE;
    enum framing_kind kind = FRAMING_EMPTY;
    while (kind == FRAMING_EMPTY) {
        if (framing->start == framing->in.length) {
            forget_taken(framing);
            return event->kind = FRAMING_MORE;
        }
        event->resp = false;
        if (framing->in_array || framing->in.data[framing->start] == '*')
            kind = framing_next_resp(framing, event);
        else
            kind = next_line(framing, event);
    }
    return kind;
}
