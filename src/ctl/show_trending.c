/* show_trending.c - TRENDING as a page: each name with its line over time, its rates and its articles. */
#include "ctl/show.h"
#include "ctl/show_parts.h"

#include <string.h>

#define SERIES_WIDTH 16 /* steps of a series */
#define INDENT (SERIES_WIDTH + 3)

static double number_of(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

static json_int_t highest_of(const json_t *series)
{
    json_int_t highest = 0;
    for (size_t i = 0; i < json_array_size(series); i++)
        if (json_integer_value(json_array_get(series, i)) > highest)
            highest = json_integer_value(json_array_get(series, i));
    return highest;
}

/* Counts as blocks of eight heights; none is a dot, so that the smallest block is something. */
static void append_line(struct buffer *line, const json_t *series)
{
    static const char *const blocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    json_int_t highest = highest_of(series);
    for (size_t i = 0; i < json_array_size(series) && i < SERIES_WIDTH; i++) {
        json_int_t count = json_integer_value(json_array_get(series, i));
        buffer_append_string(line, count <= 0 ? "·" : blocks[(count * 8 - 1) / highest]);
    }
}

static void show_name(struct page *page, const json_t *entry)
{
    const char *kind = text_of(entry, "kind");
    struct buffer text = BUFFER_INIT;
    buffer_append_char(page->out, '\n');
    page_blanks(page, 1);
    append_line(&text, json_object_get(entry, "series"));
    page_cell(page, text.data != NULL ? text.data : "", SERIES_WIDTH, STYLE_BAR);
    page_blanks(page, 2);
    page_wrap(page, text_of(entry, "name") != NULL ? text_of(entry, "name") : "?", INDENT, INDENT, 2,
              STYLE_TITLE);
    buffer_clear(&text);
    long long articles = json_integer_value(json_object_get(entry, "articles"));
    buffer_printf(&text, "%s · %lld %s, %.2f a day, before %.2f · score %.1f", kind != NULL ? kind : "?",
                  articles, articles == 1 ? "article" : "articles", number_of(entry, "rate"),
                  number_of(entry, "baseline"), number_of(entry, "score"));
    page_wrap(page, text.data, 0, INDENT, 0, STYLE_PLAIN);
    buffer_release(&text);
}

static void show_articles_of(struct page *page, const json_t *entry)
{
    const json_t *articles = json_object_get(entry, "strongest");
    for (size_t i = 0; i < json_array_size(articles); i++) {
        page_wrap(page, title_of(json_array_get(articles, i)), 0, INDENT + 2, 1, STYLE_PLAIN);
        show_origin(page, json_array_get(articles, i), true, 0, INDENT + 2);
    }
}

static void show_head(struct page *page, const json_t *answer)
{
    size_t count = json_array_size(json_object_get(answer, "trending"));
    const char *at = text_of(answer, "at");
    struct buffer line = BUFFER_INIT;
    if (count == 0)
        buffer_append_string(&line, "nothing rises");
    else
        buffer_printf(&line, "%zu %s", count, count == 1 ? "name rises" : "names rise");
    buffer_printf(&line, " in %.4g days to %.10s against the %.4g days before, %lld articles, %.1f ms",
                  number_of(answer, "window_days"), at != NULL ? at : "?", number_of(answer, "baseline_days"),
                  (long long)json_integer_value(json_object_get(answer, "articles")),
                  number_of(answer, "took_us") / 1000);
    page_wrap(page, line.data, 0, 0, 0, STYLE_PLAIN);
    if (json_is_true(json_object_get(answer, "bounded")))
        page_wrap(page, "There are too many articles in this time: only the newest are counted.", 0, 0, 0,
                  STYLE_PLAIN);
    buffer_release(&line);
}

void show_trending(const struct session *session, struct page *page)
{
    const json_t *names = json_object_get(session->answer, "trending");
    show_head(page, session->answer);
    for (size_t i = 0; i < json_array_size(names); i++) {
        show_name(page, json_array_get(names, i));
        show_articles_of(page, json_array_get(names, i));
    }
}
