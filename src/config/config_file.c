/*
 * Reading a configuration file. inih splits the lines; the reader below feeds it one at a time, so that every
 * mistake is found with its line number, and keeps from it what it would accept silently: continued lines (an
 * indented setting would become a part of the value above it), comments after a value (" ;role=query" would
 * be lost) and over-long lines (which it cuts in two).
 */
#include "config/config.h"

#include "base/file.h"
#include "base/memory.h"

#include <ini.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX (1 << 20)
#define LINE_MAX_NOTE "write a long list as several settings of the same name"

struct reader {
    struct config *config;
    struct mistakes *mistakes;
    const char *path;
    const char *next; /* the bytes not yet read */
    const char *end;
    int line;
    bool expect_setting;     /* the line that inih has now must come back as a setting */
    bool ignore_section;     /* below a header that was a mistake */
    int lines[OPTION_COUNT]; /* where each setting was made; 0: nowhere yet */
};

static int report(const struct reader *reader, const char *message)
{
    return mistakes_add(reader->mistakes, "%s:%d: %s", reader->path, reader->line, message);
}

static void report_unknown(const struct reader *reader, const char *section, const char *name)
{
    struct buffer text = BUFFER_INIT;
    buffer_printf(&text, "unknown setting \"%.80s\" in [%s]", name, section);
    const struct option *elsewhere = option_find_any(name, NULL);
    const char *nearest = option_nearest_name(section, name);
    if (elsewhere != NULL)
        buffer_printf(&text, "; it belongs in [%s]", elsewhere->section);
    else if (nearest != NULL)
        buffer_printf(&text, ", did you mean \"%s\"?", nearest);
    report(reader, text.data);
    buffer_release(&text);
}

static void set_from_file(struct reader *reader, const struct option *option, const char *value)
{
    int *first_line = &reader->lines[option - option_table];
    if (*first_line != 0 && option->type != OPTION_TYPE_LIST) {
        mistakes_add(reader->mistakes, "%s:%d: %s is given twice; first on line %d", reader->path,
                     reader->line, option->full_name, *first_line);
        return;
    }
    if (*first_line == 0)
        *first_line = reader->line;
    struct buffer origin = BUFFER_INIT;
    buffer_printf(&origin, "%s:%d", reader->path, reader->line);
    config_set_option(reader->config, option, value, CONFIG_LAYER_FILE, origin.data, reader->mistakes);
    buffer_release(&origin);
}

/* inih calls this for each setting; always "fine", because mistakes are collected here. */
static int take_setting(void *context, const char *section, const char *name, const char *value)
{
    struct reader *reader = context;
    reader->expect_setting = false;
    if (reader->ignore_section)
        return 1;
    if (section[0] == '\0') {
        report(reader, "a setting before the first [section]");
        return 1;
    }
    const struct option *option = option_find(section, name);
    if (option != NULL)
        set_from_file(reader, option, value);
    else
        report_unknown(reader, section, name);
    return 1;
}

static void list_sections(struct buffer *out)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (i == 0 || strcmp(option_table[i].section, option_table[i - 1].section) != 0)
            buffer_printf(out, "%s[%s]", i == 0 ? "" : ", ", option_table[i].section);
    }
}

/* Settings below a header that is wrong are passed over: judging them would only repeat the same mistake. */
static void check_header(struct reader *reader, const char *line, size_t length)
{
    reader->ignore_section = true;
    if (line[length - 1] != ']') {
        report(reader, "a section header must end with \"]\"");
        return;
    }
    char *section = memory_copy_bytes(line + 1, length - 2);
    if (option_section(section) != NULL) {
        reader->ignore_section = false;
    } else {
        struct buffer text = BUFFER_INIT;
        const char *nearest = option_nearest_section(section);
        buffer_printf(&text, "unknown section [%.80s]", section);
        if (nearest != NULL)
            buffer_printf(&text, ", did you mean [%s]?", nearest);
        buffer_append_string(&text, " Known: ");
        list_sections(&text);
        report(reader, text.data);
        buffer_release(&text);
    }
    free(section);
}

static bool has_comment_behind(const char *line, size_t length)
{
    for (size_t i = 1; i < length; i++) {
        if (line[i] == ';' && (line[i - 1] == ' ' || line[i - 1] == '\t'))
            return true;
    }
    return false;
}

/* Whether inih may see this line (without white space around it, not empty). */
static bool check_line(struct reader *reader, const char *line, size_t length, size_t room)
{
    if (line[0] == '#' || line[0] == ';')
        return false;
    if (memchr(line, '\0', length) != NULL) {
        report(reader, "a NUL byte");
        return false;
    }
    if (length + 2 > room) {
        mistakes_add(reader->mistakes, "%s:%d: a line of more than %zu bytes; " LINE_MAX_NOTE, reader->path,
                     reader->line, room - 2);
        return false;
    }
    if (line[0] == '[') {
        check_header(reader, line, length);
        return !reader->ignore_section;
    }
    if (has_comment_behind(line, length)) {
        report(reader,
               "\";\" after white space; a comment must be on a line of its own, and a part of a value must "
               "not have white space before it");
        return false;
    }
    reader->expect_setting = true;
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* inih's reader: one line, without white space around it, or an empty one in place of what it is not to see.
 */
static char *read_line(char *out, int size, void *context)
{
    struct reader *reader = context;
    if (reader->expect_setting)
        report(reader, "expected `name = value`, [section] or a comment");
    reader->expect_setting = false;
    if (reader->next >= reader->end)
        return NULL;
    reader->line++;
    const char *line = reader->next;
    const char *end = memchr(line, '\n', (size_t)(reader->end - line));
    reader->next = end != NULL ? end + 1 : reader->end;
    if (end == NULL)
        end = reader->end;
    while (line < end && is_blank(*line))
        line++;
    while (line < end && is_blank(end[-1]))
        end--;
    size_t length = (size_t)(end - line);
    if (length == 0 || !check_line(reader, line, length, (size_t)size))
        length = 0;
    memcpy(out, line, length);
    memcpy(out + length, "\n", 2);
    return out;
}

int config_load_text(struct config *config, const char *path, const char *text, size_t length,
                     struct mistakes *mistakes)
{
    static const char byte_order_mark[] = "\xEF\xBB\xBF";
    size_t before = mistakes->count;
    struct reader reader = {
        .config = config, .mistakes = mistakes, .path = path, .next = text, .end = text + length};
    if (length >= 3 && memcmp(text, byte_order_mark, 3) == 0)
        reader.next += 3;
    int result = ini_parse_stream(read_line, &reader, take_setting, &reader);
    if (result != 0 && mistakes->count == before)
        mistakes_add(mistakes, "%s:%d: this line cannot be understood", path, result);
    return mistakes->count == before ? 0 : -1;
}

int config_load_file(struct config *config, const char *path, struct mistakes *mistakes)
{
    char *text;
    size_t length;
    struct error error = ERROR_INIT;
    if (file_read(path, FILE_MAX, &text, &length, &error) < 0)
        return mistakes_add(mistakes, "%s", error.message);
    int result = config_load_text(config, path, text, length, mistakes);
    free(text);
    return result;
}
