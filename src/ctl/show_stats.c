/* show_stats.c - STATS and REINDEX as tables. */
#include "ctl/progress.h"
#include "ctl/show.h"

#include <stdio.h>
#include <string.h>

#define NAME_WIDTH 26
#define VALUE_WIDTH 16

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text);
    size_t wanted = strlen(end);
    return length >= wanted && strcmp(text + length - wanted, end) == 0;
}

static void append_bytes(struct buffer *out, double bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    size_t unit = 0;
    for (; bytes >= 1000 && unit + 1 < sizeof units / sizeof *units; unit++)
        bytes /= 1000;
    buffer_printf(out, unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
}

/* A figure as its name says that it is meant. */
static void append_value(struct buffer *out, const char *name, const json_t *value)
{
    if (json_is_string(value))
        buffer_append_string(out, json_string_value(value));
    else if (json_is_boolean(value))
        buffer_append_string(out, json_is_true(value) ? "yes" : "no");
    else if (ends_with(name, "bytes") || strcmp(name, "memory") == 0 || strncmp(name, "line_", 5) == 0)
        append_bytes(out, json_number_value(value));
    else if (ends_with(name, "seconds"))
        progress_append_time(out, json_number_value(value));
    else if (strcmp(name, "pid") == 0)
        buffer_printf(out, "%lld", (long long)json_integer_value(value));
    else if (json_is_integer(value))
        progress_append_count(out, (uint64_t)json_integer_value(value));
    else
        buffer_printf(out, "%.6g", json_number_value(value));
}

static void show_figure(struct page *page, const char *key, const json_t *value)
{
    struct buffer cell = BUFFER_INIT;
    buffer_printf(&cell, "%s", key);
    for (char *at = cell.data; *at != '\0'; at++)
        if (*at == '_')
            *at = ' ';
    page_blanks(page, 2);
    page_cell(page, cell.data, NAME_WIDTH, STYLE_PLAIN);
    buffer_clear(&cell);
    append_value(&cell, key, value);
    page_right(page, cell.data != NULL ? cell.data : "", VALUE_WIDTH, STYLE_PLAIN);
    buffer_append_char(page->out, '\n');
    buffer_release(&cell);
}

static void show_heading(struct page *page, const char *text)
{
    if (page->out->length > 0)
        buffer_append_char(page->out, '\n');
    page_cut(page, text, page->width, STYLE_TITLE);
    buffer_append_char(page->out, '\n');
}

static void show_section(struct page *page, const char *heading, const json_t *section, bool with_zeros)
{
    const char *key;
    json_t *value;
    if (!json_is_object(section))
        return;
    show_heading(page, heading);
    json_object_foreach((json_t *)(uintptr_t)section, key, value)
    {
        bool is_zero = json_is_number(value) && !(json_number_value(value) > 0);
        if (with_zeros || !is_zero)
            show_figure(page, key, value);
    }
}

static void show_command(struct page *page, const char *name, const json_t *figures)
{
    struct buffer cell = BUFFER_INIT;
    double calls = json_number_value(json_object_get(figures, "calls"));
    double mean = calls > 0 ? json_number_value(json_object_get(figures, "seconds")) / calls * 1e6 : 0;
    page_blanks(page, 2);
    page_cell(page, name, 12, STYLE_PLAIN);
    progress_append_count(&cell, (uint64_t)calls);
    page_right(page, cell.data, 12, STYLE_PLAIN);
    buffer_clear(&cell);
    progress_append_count(&cell, (uint64_t)json_integer_value(json_object_get(figures, "failed")));
    page_right(page, cell.data, 10, STYLE_PLAIN);
    buffer_clear(&cell);
    progress_append_count(&cell, (uint64_t)(mean + 0.5));
    buffer_append_string(&cell, " us");
    page_right(page, cell.data, 14, STYLE_PLAIN);
    buffer_append_char(page->out, '\n');
    buffer_release(&cell);
}

static void show_commands(struct page *page, const json_t *commands, bool all)
{
    const char *name;
    json_t *figures;
    show_heading(page, "Commands");
    page_cut(page, "  NAME               CALLS    FAILED     MEAN TIME", page->width, STYLE_FAINT);
    buffer_append_char(page->out, '\n');
    json_object_foreach((json_t *)(uintptr_t)commands, name, figures)
    {
        if (all || json_integer_value(json_object_get(figures, "calls")) > 0)
            show_command(page, name, figures);
    }
}

void show_stats(const struct session *session, struct page *page)
{
    const json_t *answer = session->answer;
    bool all = invocation_has(session->invocation, "all");
    show_section(page, "Server", json_object_get(answer, "server"), true);
    show_section(page, "Store", json_object_get(answer, "store"), true);
    show_section(page, "Index", json_object_get(answer, "index"), true);
    show_section(page, "Reindex", json_object_get(answer, "reindex"), all);
    show_commands(page, json_object_get(answer, "commands"), all);
    show_section(page, all ? "Counters" : "Counters that are not zero", json_object_get(answer, "counters"),
                 all);
    if (all)
        show_section(page, "Limits", json_object_get(answer, "limits"), true);
}

void show_reindex(const struct session *session, struct page *page)
{
    const json_t *status = json_object_get(session->answer, "reindex");
    const char *phase = json_string_value(json_object_get(status, "phase"));
    const char *failure = json_string_value(json_object_get(status, "error"));
    struct buffer line = BUFFER_INIT;
    bool is_known = json_object_get(status, "seconds") != NULL;
    if (!is_known) {
        buffer_append_string(&line, "no reindex since the server was started");
    } else {
        buffer_printf(&line, "reindex: %s, ", phase != NULL ? phase : "?");
        progress_append_count(&line, (uint64_t)json_integer_value(json_object_get(status, "done")));
        buffer_append_string(&line, " of ");
        progress_append_count(&line, (uint64_t)json_integer_value(json_object_get(status, "total")));
        buffer_append_string(&line, " articles in ");
        progress_append_time(&line, json_number_value(json_object_get(status, "seconds")));
        buffer_append_string(&line, " (");
        progress_append_count(&line, (uint64_t)(json_number_value(json_object_get(status, "rate")) + 0.5));
        buffer_append_string(&line, "/s)");
    }
    buffer_printf(&line, "; generation %lld is live",
                  (long long)json_integer_value(json_object_get(status, "live_generation")));
    if (failure != NULL)
        buffer_printf(&line, "; %s", failure);
    page_wrap(page, line.data, 0, 0, 0, STYLE_PLAIN);
    buffer_release(&line);
}
