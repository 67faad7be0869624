#include "ctl/rejects.h"

#include "base/buffer.h"
#include "base/json_writer.h"
#include "base/utf8.h"
#include "ctl/terminal.h"

#include <errno.h>
#include <string.h>

int rejects_open(struct rejects *rejects, const char *path, bool append, struct progress *progress,
                 struct error *error)
{
    *rejects = (struct rejects){.path = path, .progress = progress, .kept = json_array()};
    if (path == NULL)
        return 0;
    rejects->file = fopen(path, append ? "ae" : "we");
    return rejects->file != NULL ? 0
                                 : error_set_errno(error, ERROR_UNAVAILABLE, errno, "cannot write %s", path);
}

/* The article's id, if the line can be read so far; new reference. */
static json_t *id_of(const struct reject *reject)
{
    json_t *article = json_loadb(reject->text, reject->length, JSON_REJECT_DUPLICATES, NULL);
    json_t *id = json_incref(json_object_get(article, "id"));
    json_decref(article);
    if (json_is_string(id))
        return id;
    json_decref(id);
    return NULL;
}

static void tell(struct rejects *rejects, const struct reject *reject, const json_t *id)
{
    if (rejects->told++ >= REJECTS_SHOWN) {
        if (rejects->told == REJECTS_SHOWN + 1)
            fprintf(stderr, "storyctl: more lines were rejected; %s\n",
                    rejects->path != NULL ? "see the file of rejects"
                                          : "--rejects FILE writes all of them to a file");
        return;
    }
    progress_clear(rejects->progress);
    struct buffer line = BUFFER_INIT;
    struct page page = {.out = &line, .width = 1000};
    page_cut(&page, reject->file, 200, STYLE_PLAIN);
    buffer_printf(&line, ":%llu: ", (unsigned long long)reject->line);
    if (id != NULL) {
        page_cut(&page, json_string_value(id), 200, STYLE_PLAIN);
        buffer_append_string(&line, ": ");
    }
    buffer_printf(&line, "%s: ", reject->code);
    page_cut(&page, reject->message, 500, STYLE_PLAIN);
    fprintf(stderr, "%s\n", line.data);
    buffer_release(&line);
}

static void write_to_file(struct rejects *rejects, const struct reject *reject)
{
    struct buffer line = BUFFER_INIT;
    struct buffer text = BUFFER_INIT;
    struct buffer file = BUFFER_INIT;
    struct json_writer writer;
    utf8_append_clean(&text, reject->text, reject->length);
    utf8_append_clean(&file, reject->file, strlen(reject->file));
    json_writer_init(&writer, &line);
    json_begin_object(&writer);
    json_key_text(&writer, "file", file.data);
    json_key_int(&writer, "line", (int64_t)reject->line);
    json_key_text(&writer, "code", reject->code);
    json_key_text(&writer, "message", reject->message);
    json_key(&writer, "text");
    json_text_n(&writer, text.length != 0 ? text.data : "", text.length);
    json_end_object(&writer);
    buffer_append_char(&line, '\n');
    fwrite(line.data, 1, line.length, rejects->file);
    buffer_release(&file);
    buffer_release(&text);
    buffer_release(&line);
}

void rejects_add(struct rejects *rejects, const struct reject *reject)
{
    json_t *id = id_of(reject);
    tell(rejects, reject, id);
    if (rejects->file != NULL)
        write_to_file(rejects, reject);
    if (json_array_size(rejects->kept) < REJECTS_KEPT) {
        struct buffer name = BUFFER_INIT;
        utf8_append_clean(&name, reject->file, strlen(reject->file));
        json_array_append_new(rejects->kept, json_pack("{s:s, s:I, s:s, s:s, s:O*}", "file", name.data,
                                                       "line", (json_int_t)reject->line, "code", reject->code,
                                                       "message", reject->message, "id", id));
        buffer_release(&name);
    }
    json_decref(id);
}

int rejects_flush(struct rejects *rejects, struct error *error)
{
    if (rejects->file == NULL || (fflush(rejects->file) == 0 && !ferror(rejects->file)))
        return 0;
    return error_set_errno(error, ERROR_UNAVAILABLE, errno, "cannot write %s", rejects->path);
}

void rejects_close(struct rejects *rejects)
{
    if (rejects->file != NULL)
        fclose(rejects->file);
    json_decref(rejects->kept);
}
