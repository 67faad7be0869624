#include "net/framing_resp.h"

#include "base/memory.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

#define HEADER_MAX 32 /* "*1024", "$1048576": more digits than this are no length */

enum header { HEADER_MORE, HEADER_BAD, HEADER_NEGATIVE, HEADER_LENGTH };

static void end_array(struct framing *framing)
{
    framing->start += framing->scan;
    framing->scan = 0;
    framing->in_array = false;
    framing->in_bulk = false;
}

/* Digits as an unsigned number that cannot overflow. */
static enum header read_digits(const char *digits, size_t length, uint64_t *value)
{
    if (length == 2 && memcmp(digits, "-1", 2) == 0)
        return HEADER_NEGATIVE;
    *value = 0;
    for (size_t i = 0; i < length; i++) {
        if (digits[i] < '0' || digits[i] > '9' || *value > (UINT64_MAX - 9) / 10)
            return HEADER_BAD;
        *value = *value * 10 + (uint64_t)(digits[i] - '0');
    }
    return length == 0 ? HEADER_BAD : HEADER_LENGTH;
}

/* "*N" or "$N" with CR LF at the place that is being looked at; the mark itself has been checked. */
static enum header read_header(struct framing *framing, uint64_t *value)
{
    const char *text = framing->in.data + framing->start + framing->scan;
    size_t left = framing->in.length - framing->start - framing->scan;
    const char *end = memchr(text, '\n', left < HEADER_MAX ? left : HEADER_MAX);
    if (end == NULL)
        return left < HEADER_MAX ? HEADER_MORE : HEADER_BAD;
    if (end == text + 1 || end[-1] != '\r')
        return HEADER_BAD;
    framing->scan += (size_t)(end - text) + 1;
    return read_digits(text + 1, (size_t)(end - text) - 2, value);
}

static enum framing_kind broken(struct framing_event *event, const char *reason)
{
    error_set(&event->error, ERROR_BAD_REQUEST, "Protocol error: %s", reason);
    return event->kind = FRAMING_BROKEN;
}

static enum framing_kind broken_too_large(const struct framing *framing, struct framing_event *event)
{
    error_set(&event->error, ERROR_TOO_LARGE,
              "a string of this connection has at most %zu bytes, a request twice as many", framing->limit);
    return event->kind = FRAMING_BROKEN;
}

static enum framing_kind begin_array(struct framing *framing, struct framing_event *event)
{
    uint64_t strings = 0;
    switch (read_header(framing, &strings)) {
    case HEADER_MORE:
        return FRAMING_MORE;
    case HEADER_BAD:
        return broken(event, "invalid multibulk length");
    default:
        break;
    }
    if (strings > FRAMING_RESP_STRINGS)
        return broken(event, "invalid multibulk length");
    if (strings == 0) {
        end_array(framing);
        return FRAMING_EMPTY;
    }
    framing->in_array = true;
    framing->strings = (size_t)strings;
    framing->piece_count = 0;
    framing->total = 0;
    return FRAMING_REQUEST;
}

static enum framing_kind begin_bulk(struct framing *framing, struct framing_event *event)
{
    size_t at = framing->start + framing->scan;
    if (at == framing->in.length)
        return FRAMING_MORE;
    if (framing->in.data[at] != '$')
        return broken(event, "expected '$'");
    uint64_t length = 0;
    enum header header = read_header(framing, &length);
    if (header == HEADER_MORE)
        return FRAMING_MORE;
    if (header != HEADER_LENGTH)
        return broken(event, "invalid bulk length");
    if (length > framing->limit || framing->total + length > 2 * framing->limit)
        return broken_too_large(framing, event);
    framing->bulk = (size_t)length;
    framing->total += framing->bulk;
    framing->in_bulk = true;
    return FRAMING_REQUEST;
}

static enum framing_kind end_bulk(struct framing *framing, struct framing_event *event)
{
    const char *text = framing->in.data + framing->start + framing->scan;
    size_t left = framing->in.length - framing->start - framing->scan;
    if (left < framing->bulk + 2)
        return FRAMING_MORE;
    if (memcmp(text + framing->bulk, "\r\n", 2) != 0)
        return broken(event, "a string does not end where its length says");
    framing->pieces = memory_grow(framing->pieces, &framing->piece_capacity, framing->piece_count + 1,
                                  sizeof *framing->pieces);
    framing->pieces[framing->piece_count++] = (struct framing_piece){framing->scan, framing->bulk};
    framing->scan += framing->bulk + 2;
    framing->in_bulk = false;
    return FRAMING_REQUEST;
}

static void join_arguments(struct framing *framing, const char *request)
{
    buffer_clear(&framing->joined);
    for (size_t i = 1; i < framing->piece_count; i++) {
        if (i > 1)
            buffer_append_char(&framing->joined, ' ');
        buffer_append(&framing->joined, request + framing->pieces[i].offset, framing->pieces[i].length);
    }
}

static enum framing_kind give_request(struct framing *framing, struct framing_event *event)
{
    const char *request = framing->in.data + framing->start;
    const struct framing_piece *pieces = framing->pieces;
    event->verb = request + pieces[0].offset;
    event->verb_length = pieces[0].length;
    event->argument = "";
    if (framing->piece_count == 2) {
        event->argument = request + pieces[1].offset;
        event->argument_length = pieces[1].length;
    } else if (framing->piece_count > 2) {
        join_arguments(framing, request);
        event->argument = framing->joined.data;
        event->argument_length = framing->joined.length;
    }
    end_array(framing);
    event->kind = FRAMING_REQUEST;
    if (event->verb_length == 0 || !utf8_is_text(event->verb, event->verb_length) ||
        !utf8_is_text(event->argument, event->argument_length)) {
        error_set(&event->error, ERROR_BAD_REQUEST, "the request is empty or not valid UTF-8 text");
        event->kind = FRAMING_REFUSED;
    }
    return event->kind;
}

enum framing_kind framing_next_resp(struct framing *framing, struct framing_event *event)
{
    event->resp = true;
    enum framing_kind step = framing->in_array ? FRAMING_REQUEST : begin_array(framing, event);
    while (step == FRAMING_REQUEST && framing->piece_count < framing->strings)
        step = framing->in_bulk ? end_bulk(framing, event) : begin_bulk(framing, event);
    if (step == FRAMING_REQUEST)
        return give_request(framing, event);
    return event->kind = step;
}
