#include "ctl/line_source.h"

#include "base/buffer.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define READ_SIZE 131072
#define MAGIC_SIZE 4

enum packing { PACKING_UNKNOWN, PACKING_NONE, PACKING_GZIP, PACKING_ZSTD };

struct line_source {
    const char *name; /* for messages; borrowed */
    int fd;
    struct stat status;
    enum packing packing;
    z_stream gzip;
    ZSTD_DStream *zstd;
    bool inside;   /* a packed frame that has not ended */
    bool ended;    /* nothing more to read from fd */
    uint64_t read; /* bytes read from fd */
    char *packed;  /* READ_SIZE bytes as read */
    size_t packed_from;
    size_t packed_to;
    struct buffer text; /* unpacked, handed out up to `taken` */
    size_t taken;
    size_t scanned;    /* no line end in [taken, scanned) */
    uint64_t position; /* of text.data[taken] */
    bool skipping;     /* the rest of a line that was too long */
    bool has_failed;   /* it will be said once the lines before the damage are handed out */
    struct error failure;
};

struct line_source *line_source_open(const char *name, struct error *error)
{
    bool is_stdin = strcmp(name, "-") == 0;
    int fd = is_stdin ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        error_set_errno(error, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_UNAVAILABLE, errno, "cannot open %s",
                        is_stdin ? "standard input" : name);
        return NULL;
    }
    struct line_source *source = memory_zeroed(1, sizeof *source);
    source->name = is_stdin ? "standard input" : name;
    source->fd = fd;
    source->packed = memory_allocate(READ_SIZE);
    if (fstat(fd, &source->status) == 0 && S_ISDIR(source->status.st_mode)) {
        error_set(error, ERROR_UNAVAILABLE, "%s is a directory", name);
        line_source_close(source);
        return NULL;
    }
    return source;
}

void line_source_close(struct line_source *source)
{
    if (source == NULL)
        return;
    if (source->packing == PACKING_GZIP)
        inflateEnd(&source->gzip);
    ZSTD_freeDStream(source->zstd);
    close(source->fd);
    free(source->packed);
    buffer_release(&source->text);
    free(source);
}

/* ---- reading and unpacking ---- */

/* Reads once behind what is there. 1: something, or the end; 0: a signal came. */
static int read_packed(struct line_source *source, struct error *error)
{
    if (source->packed_from == source->packed_to)
        source->packed_from = source->packed_to = 0;
    ssize_t count = read(source->fd, source->packed + source->packed_to, READ_SIZE - source->packed_to);
    if (count < 0 && (errno == EINTR || errno == EAGAIN))
        return 0;
    if (count < 0)
        return error_set_errno(error, ERROR_UNAVAILABLE, errno, "cannot read %s", source->name);
    source->ended = count == 0;
    source->packed_to += (size_t)count;
    source->read += (uint64_t)count;
    return 1;
}

static int choose_packing(struct line_source *source, struct error *error)
{
    size_t length = source->packed_to - source->packed_from;
    const char *bytes = source->packed + source->packed_from;
    if (length < MAGIC_SIZE && !source->ended)
        return 0;
    source->packing = PACKING_NONE;
    if (length >= 2 && memcmp(bytes, "\x1f\x8b", 2) == 0) {
        if (inflateInit2(&source->gzip, 15 + 16) != Z_OK)
            return error_set(error, ERROR_UNAVAILABLE, "no memory to unpack %s", source->name);
        source->packing = PACKING_GZIP;
    } else if (length >= MAGIC_SIZE && memcmp(bytes, "\x28\xb5\x2f\xfd", MAGIC_SIZE) == 0) {
        source->zstd = ZSTD_createDStream();
        source->packing = PACKING_ZSTD;
    } else if (length >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) {
        source->packed_from += 3; /* a byte order mark; positions count from behind it */
    }
    return 0;
}

static int inflate_some(struct line_source *source, struct error *error)
{
    z_stream *stream = &source->gzip;
    if (!source->inside && inflateReset(stream) != Z_OK)
        return error_set(error, ERROR_UNAVAILABLE, "%s cannot be unpacked", source->name);
    stream->next_in = (Bytef *)source->packed + source->packed_from;
    stream->avail_in = (uInt)(source->packed_to - source->packed_from);
    stream->next_out = (Bytef *)source->text.data + source->text.length;
    stream->avail_out = READ_SIZE;
    int result = inflate(stream, Z_NO_FLUSH);
    source->packed_from = source->packed_to - stream->avail_in;
    source->text.length += READ_SIZE - stream->avail_out;
    source->inside = result != Z_STREAM_END;
    if (result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR)
        return 0;
    return error_set(error, ERROR_BAD_REQUEST, "%s is damaged: %s", source->name,
                     stream->msg != NULL ? stream->msg : "not gzip data");
}

static int unzstd_some(struct line_source *source, struct error *error)
{
    ZSTD_inBuffer in = {source->packed + source->packed_from, source->packed_to - source->packed_from, 0};
    ZSTD_outBuffer out = {source->text.data + source->text.length, READ_SIZE, 0};
    size_t result = ZSTD_decompressStream(source->zstd, &out, &in);
    if (ZSTD_isError(result))
        return error_set(error, ERROR_BAD_REQUEST, "%s is damaged: %s", source->name,
                         ZSTD_getErrorName(result));
    source->packed_from += in.pos;
    source->text.length += out.pos;
    source->inside = result != 0;
    return 0;
}

static int unpack_some(struct line_source *source, struct error *error)
{
    buffer_reserve(&source->text, READ_SIZE);
    int result = 0;
    if (source->packing == PACKING_GZIP)
        result = inflate_some(source, error);
    else if (source->packing == PACKING_ZSTD)
        result = unzstd_some(source, error);
    else {
        size_t length = source->packed_to - source->packed_from;
        memcpy(source->text.data + source->text.length, source->packed + source->packed_from, length);
        source->text.length += length;
        source->packed_from = source->packed_to;
    }
    source->text.data[source->text.length] = '\0';
    return result;
}

/* True if read() would not wait. A file is always ready. */
static bool is_ready(const struct line_source *source)
{
    struct pollfd item = {.fd = source->fd, .events = POLLIN};
    return poll(&item, 1, 0) > 0;
}

/* More text, if any can be had without waiting. 1: perhaps; 0: it would wait. */
static int fill(struct line_source *source, struct error *error)
{
    size_t before = source->text.length;
    if (source->packing != PACKING_UNKNOWN && (source->packed_from < source->packed_to || source->inside)) {
        size_t from = source->packed_from;
        if (unpack_some(source, error) < 0)
            return -1;
        if (source->text.length > before || source->packed_from > from)
            return 1;
        if (source->ended)
            return error_set(error, ERROR_BAD_REQUEST, "%s ends in the middle of packed data", source->name);
    }
    if (source->ended)
        return 1;
    if (!is_ready(source))
        return 0;
    int result = read_packed(source, error);
    if (result == 1 && source->packing == PACKING_UNKNOWN && choose_packing(source, error) < 0)
        return -1;
    return result;
}

static bool is_exhausted(const struct line_source *source)
{
    return source->ended && source->packing != PACKING_UNKNOWN && source->packed_from == source->packed_to &&
           !source->inside;
}

/* ---- lines ---- */

/* The text that has been handed out makes room. */
static void drop_taken(struct line_source *source)
{
    if (source->taken == 0)
        return;
    memmove(source->text.data, source->text.data + source->taken, source->text.length - source->taken);
    source->text.length -= source->taken;
    source->text.data[source->text.length] = '\0';
    source->scanned -= source->taken;
    source->taken = 0;
}

/* Hands out [taken, taken + length) and goes on behind it and `more` bytes of line end. */
static void take(struct line_source *source, size_t length, size_t more, struct source_line *line)
{
    line->text = source->text.data + source->taken;
    line->length = length;
    source->taken += length + more;
    source->scanned = source->taken;
    source->position += length + more;
    line->end = source->position;
    line->too_long = false;
    if (length > 0 && line->text[length - 1] == '\r')
        line->length--;
}

/* True with a line, or with the first part of one that is too long. */
static bool take_line(struct line_source *source, struct source_line *line)
{
    struct buffer *text = &source->text;
    size_t length = text->length - source->taken;
    const char *end = text->length > source->scanned
                          ? memchr(text->data + source->scanned, '\n', text->length - source->scanned)
                          : NULL;
    if (end != NULL) {
        take(source, (size_t)(end - text->data) - source->taken, 1, line);
        return true;
    }
    source->scanned = text->length;
    if (length > LINE_SOURCE_MAX || (length > 0 && is_exhausted(source))) {
        bool too_long = length > LINE_SOURCE_MAX;
        take(source, length, 0, line);
        line->too_long = too_long;
        return true;
    }
    return false;
}

enum source_event line_source_next(struct line_source *source, struct source_line *line, struct error *error)
{
    for (;;) {
        while (take_line(source, line)) {
            bool is_rest = source->skipping;
            source->skipping = line->too_long;
            if (!is_rest)
                return SOURCE_LINE;
        }
        if (source->has_failed) {
            *error = source->failure;
            return SOURCE_FAILED;
        }
        if (is_exhausted(source))
            return SOURCE_END;
        drop_taken(source);
        int result = fill(source, &source->failure);
        if (result == 0)
            return SOURCE_NOTHING;
        if (result > 0 && source->ended && source->packing == PACKING_UNKNOWN)
            result = choose_packing(source, &source->failure);
        source->has_failed = result < 0;
    }
}

int line_source_seek(struct line_source *source, uint64_t position, struct error *error)
{
    while (source->position < position) {
        size_t there = source->text.length - source->taken;
        if (there > 0) {
            uint64_t wanted = position - source->position;
            size_t step = wanted < there ? (size_t)wanted : there;
            source->taken += step;
            source->scanned = source->taken;
            source->position += step;
            continue;
        }
        drop_taken(source);
        if (is_exhausted(source))
            return error_set(error, ERROR_UNAVAILABLE, "%s is shorter than it was", source->name);
        if (fill(source, error) < 0)
            return -1;
    }
    return 0;
}

int line_source_descriptor(const struct line_source *source)
{
    return source->fd;
}

const struct stat *line_source_status(const struct line_source *source)
{
    return &source->status;
}

double line_source_fraction(const struct line_source *source)
{
    if (!S_ISREG(source->status.st_mode) || source->status.st_size <= 0)
        return -1;
    double waiting = (double)(source->packed_to - source->packed_from);
    if (source->packing == PACKING_NONE)
        waiting += (double)(source->text.length - source->taken);
    return ((double)source->read - waiting) / (double)source->status.st_size;
}
