#include "ctl/terminal.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <utf8proc.h>

#define ELLIPSIS "…"

size_t terminal_width(int fd)
{
    struct winsize size;
    size_t width = TERMINAL_WIDTH_DEFAULT;
    const char *columns = getenv("COLUMNS");
    if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col != 0)
        width = size.ws_col;
    else if (columns != NULL && atoi(columns) > 0)
        width = (size_t)atoi(columns);
    if (width < TERMINAL_WIDTH_MIN)
        return TERMINAL_WIDTH_MIN;
    return width > TERMINAL_WIDTH_MAX ? TERMINAL_WIDTH_MAX : width;
}

bool terminal_has_styles(int fd)
{
    const char *kind = getenv("TERM");
    const char *refused = getenv("NO_COLOR");
    return isatty(fd) && kind != NULL && strcmp(kind, "dumb") != 0 && (refused == NULL || *refused == '\0');
}

/* ---- characters ---- */

struct character {
    const char *bytes;
    size_t length;
    size_t width;
};

static bool turns_direction(int32_t code)
{
    return (code >= 0x202A && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069);
}

/* Takes the next character of the text, cleaned; false at its end. */
static bool next_character(const char **text, struct character *character)
{
    const unsigned char *bytes = (const unsigned char *)*text;
    if (*bytes == '\0')
        return false;
    int32_t code;
    utf8proc_ssize_t length = utf8proc_iterate(bytes, -1, &code);
    *character = (struct character){*text, length > 0 ? (size_t)length : 1, 1};
    if (length <= 0)
        character->bytes = "?";
    else if (code < 0x20 || (code >= 0x7F && code < 0xA0) || turns_direction(code)) {
        character->bytes = " ";
        *text += length;
        character->length = 1;
        return true;
    } else {
        int width = utf8proc_charwidth(code);
        character->width = width > 0 ? (size_t)width : 0;
    }
    *text += character->length;
    return true;
}

size_t text_width(const char *text)
{
    struct character character;
    size_t width = 0;
    while (next_character(&text, &character))
        width += character.width;
    return width;
}

/* ---- styles ---- */

static const char *const style_codes[] = {
    [STYLE_PLAIN] = "", [STYLE_TITLE] = "\033[1m", [STYLE_FAINT] = "\033[2m", [STYLE_BAR] = "\033[36m"};

static void begin_style(struct page *page, enum terminal_style style)
{
    if (page->styled)
        buffer_append_string(page->out, style_codes[style]);
}

static void end_style(struct page *page, enum terminal_style style)
{
    if (page->styled && style != STYLE_PLAIN)
        buffer_append_string(page->out, "\033[0m");
}

/* ---- cutting and filling ---- */

/* Characters until `width` columns are full; returns the columns used. */
static size_t append_characters(struct buffer *out, const char *text, size_t width)
{
    struct character character;
    size_t used = 0;
    const char *rest = text;
    while (next_character(&rest, &character) && used + character.width <= width) {
        buffer_append(out, character.bytes, character.length);
        used += character.width;
    }
    return used;
}

size_t page_cut(struct page *page, const char *text, size_t width, enum terminal_style style)
{
    size_t used = 0;
    begin_style(page, style);
    if (text_width(text) <= width)
        used = append_characters(page->out, text, width);
    else if (width > 0) {
        used = append_characters(page->out, text, width - 1);
        while (page->out->length > 0 && page->out->data[page->out->length - 1] == ' ') {
            page->out->data[--page->out->length] = '\0';
            used--;
        }
        buffer_append_string(page->out, ELLIPSIS);
        used++;
    }
    end_style(page, style);
    return used;
}

void page_blanks(struct page *page, size_t count)
{
    while (count-- > 0)
        buffer_append_char(page->out, ' ');
}

void page_cell(struct page *page, const char *text, size_t width, enum terminal_style style)
{
    size_t used = page_cut(page, text, width, style);
    page_blanks(page, width - used);
}

void page_right(struct page *page, const char *text, size_t width, enum terminal_style style)
{
    size_t needed = text_width(text);
    page_blanks(page, needed < width ? width - needed : 0);
    page_cut(page, text, width, style);
}

/* ---- wrapping ---- */

/* Bytes of the text that fit into `width` columns, ending before a blank or a line end if there is one. */
static size_t line_length(const char *text, size_t width)
{
    struct character character;
    const char *rest = text;
    size_t used = 0;
    size_t last_blank = 0;
    for (;;) {
        size_t at = (size_t)(rest - text);
        if (*rest == '\n' || !next_character(&rest, &character))
            return at;
        if (*character.bytes == ' ')
            last_blank = at;
        if (used + character.width > width)
            return last_blank > 0 ? last_blank : at > 0 ? at : (size_t)(rest - text);
        used += character.width;
    }
}

static void append_line(struct page *page, const char *text, size_t length, enum terminal_style style)
{
    struct buffer line = BUFFER_INIT;
    buffer_append(&line, text, length);
    begin_style(page, style);
    append_characters(page->out, line.data, SIZE_MAX / 2);
    end_style(page, style);
    buffer_release(&line);
}

void page_wrap(struct page *page, const char *text, size_t at, size_t indent, size_t lines,
               enum terminal_style style)
{
    size_t width = page->width > indent + 10 ? page->width - indent : 10;
    page_blanks(page, indent > at ? indent - at : 0);
    for (size_t line = 1;; line++) {
        size_t length = line_length(text, width);
        bool is_last = text[length] == '\0' || text[length + strspn(text + length, " \n")] == '\0';
        if (line == lines && !is_last) {
            page_cut(page, text, width, style);
            break;
        }
        append_line(page, text, length, style);
        if (is_last)
            break;
        text += length;
        bool ended = *text == '\n';
        text += ended ? 1 : strspn(text, " ");
        buffer_append_char(page->out, '\n');
        if (*text != '\n')
            page_blanks(page, indent);
    }
    buffer_append_char(page->out, '\n');
}

/* ---- bars ---- */

void page_bar(struct page *page, double fraction, size_t width, enum terminal_style style)
{
    static const char *const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    double inside = fraction > 0 ? fraction : 0; /* also for what is no number */
    size_t filled = (size_t)((inside < 1 ? inside : 1) * (double)width * 8 + 0.5);
    begin_style(page, style);
    for (size_t i = 0; i < filled / 8; i++)
        buffer_append_string(page->out, "█");
    buffer_append_string(page->out, eighths[filled % 8]);
    end_style(page, style);
    page_blanks(page, width - filled / 8 - (filled % 8 != 0));
}
