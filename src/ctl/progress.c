#include "ctl/progress.h"

#include "base/clock.h"
#include "ctl/terminal.h"

#include <stdio.h>
#include <unistd.h>

#define INTERVAL (100 * NANOSECONDS_PER_MS)
#define BAR_MAX 30

void progress_init(struct progress *progress, bool quiet)
{
    *progress = (struct progress){.visible = !quiet && isatty(STDERR_FILENO)};
}

bool progress_is_due(const struct progress *progress)
{
    return progress->visible && clock_now() >= progress->next;
}

void progress_append_count(struct buffer *out, uint64_t count)
{
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%llu", (unsigned long long)count);
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            buffer_append_char(out, ',');
        buffer_append_char(out, digits[i]);
    }
}

void progress_append_time(struct buffer *out, double seconds)
{
    unsigned long whole = seconds < 1e9 ? (unsigned long)(seconds + 0.5) : 1000000000UL;
    if (seconds < 1)
        buffer_printf(out, "%.2f s", seconds);
    else if (seconds < 59.95)
        buffer_printf(out, "%.1f s", seconds);
    else if (whole < 3600)
        buffer_printf(out, "%lu min %02lu s", whole / 60, whole % 60);
    else
        buffer_printf(out, "%lu h %02lu min", whole / 3600, whole % 3600 / 60);
}

static void append_time_left(struct buffer *out, double seconds)
{
    unsigned long whole = seconds < 1e6 ? (unsigned long)(seconds + 0.5) : 1000000UL;
    if (whole >= 3600)
        buffer_printf(out, "%lu:%02lu:%02lu left", whole / 3600, whole % 3600 / 60, whole % 60);
    else
        buffer_printf(out, "%lu:%02lu left", whole / 60, whole % 60);
}

static void append_figures(struct buffer *out, const struct progress_figures *figures)
{
    progress_append_count(out, figures->count);
    buffer_printf(out, " %s", figures->unit);
    if (figures->rate >= 0) {
        buffer_append_string(out, "  ");
        progress_append_count(out, (uint64_t)(figures->rate + 0.5));
        buffer_append_string(out, "/s");
    }
    if (figures->seconds_left >= 0) {
        buffer_append_string(out, "  ");
        append_time_left(out, figures->seconds_left);
    }
}

void progress_format(struct buffer *out, const struct progress_figures *figures, size_t width)
{
    struct buffer line = BUFFER_INIT;
    struct page page = {.out = &line, .width = width};
    struct buffer text = BUFFER_INIT;
    append_figures(&text, figures);
    page_cut(&page, figures->label, width / 3, STYLE_PLAIN);
    size_t used = text_width(line.data) + 2 + 7 + text_width(text.data);
    if (figures->fraction >= 0) {
        size_t bar = used + 12 < width ? width - used - 2 : 0;
        if (bar != 0) {
            buffer_append_string(&line, "  ");
            page_bar(&page, figures->fraction, bar < BAR_MAX ? bar : BAR_MAX, STYLE_PLAIN);
        }
        double percent = figures->fraction < 1 ? figures->fraction * 100 : 100;
        buffer_printf(&line, " %3d %%", (int)percent);
    }
    buffer_printf(&line, "  %s", text.data);
    page.out = out;
    page_cut(&page, line.data, width, STYLE_PLAIN);
    buffer_release(&text);
    buffer_release(&line);
}

static void print(const struct buffer *text)
{
    fwrite(text->data, 1, text->length, stderr);
    fflush(stderr);
}

void progress_draw(struct progress *progress, const struct progress_figures *figures)
{
    if (!progress->visible)
        return;
    struct buffer line = BUFFER_INIT;
    buffer_append_string(&line, "\r\033[K");
    progress_format(&line, figures, terminal_width(STDERR_FILENO) - 1);
    print(&line);
    buffer_release(&line);
    progress->drawn = true;
    progress->next = clock_now() + INTERVAL;
}

void progress_clear(struct progress *progress)
{
    if (!progress->drawn)
        return;
    fputs("\r\033[K", stderr);
    fflush(stderr);
    progress->drawn = false;
}
