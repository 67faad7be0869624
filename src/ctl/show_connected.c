/* show_connected.c - CONNECTED as a page, and the explanation of a strength. */
#include "ctl/progress.h"
#include "ctl/show.h"
#include "ctl/show_parts.h"

#include <string.h>

#define LABEL_WIDTH 17
#define SUMMARY_LINES 2

/* A kind of names: its key, and how one and several are called. */
static const struct {
    const char *key;
    const char *one;
    const char *several;
} kinds[] = {{"tags", "tag", "tags"},
             {"people", "person", "people"},
             {"organizations", "organization", "organizations"},
             {"products", "product", "products"},
             {"places", "place", "places"}};
#define KIND_COUNT (sizeof kinds / sizeof *kinds)

static void show_heading(struct page *page, const char *text)
{
    buffer_append_char(page->out, '\n');
    page_wrap(page, text, 0, 0, 1, STYLE_TITLE);
}

/* A label and what it says; nothing for an empty line, which is released. */
static void show_labelled(struct page *page, const char *label, struct buffer *line)
{
    if (line->length > 0) {
        page_blanks(page, 2);
        if (strlen(label) < LABEL_WIDTH - 2) { /* bytes: never fewer than columns */
            page_cell(page, label, LABEL_WIDTH - 2, STYLE_FAINT);
            page_wrap(page, line->data, LABEL_WIDTH, LABEL_WIDTH, 0, STYLE_PLAIN);
        } else {
            page_wrap(page, label, 2, 2, 1, STYLE_FAINT);
            page_wrap(page, line->data, 0, LABEL_WIDTH, 0, STYLE_PLAIN);
        }
    }
    buffer_release(line);
}

/* ---- the article ---- */

static void show_profiles(struct page *page, const json_t *profiles)
{
    for (size_t i = 0; i < json_array_size(profiles); i++) {
        const json_t *profile = json_array_get(profiles, i);
        const char *name = text_of(profile, "name");
        const char *about = text_of(profile, "about");
        struct buffer line = BUFFER_INIT;
        buffer_append_string(&line, about != NULL ? about : "-");
        if (i == 0)
            show_heading(page, "Mentioned");
        show_labelled(page, name != NULL ? name : "?", &line);
    }
}

static void show_source(struct page *page, const json_t *answer)
{
    const json_t *article = json_object_get(answer, "article");
    if (json_is_object(article)) {
        page_wrap(page, title_of(article), 0, 0, 0, STYLE_TITLE);
        show_origin(page, article, true, 0, 0);
        for (size_t i = 0; i < KIND_COUNT; i++)
            show_list(page, article, kinds[i].key);
    }
    const json_t *about = json_object_get(answer, "about");
    show_profiles(page, about != NULL ? about : json_object_get(article, "about"));
}

/* ---- overview and insights ---- */

static void show_overview(struct page *page, const json_t *overview)
{
    static const char *const keys[] = {"events", "people", "tags", "views"};
    struct buffer line = BUFFER_INIT;
    if (!json_is_object(overview))
        return;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        append_count(&line, overview, keys[i]);
    show_heading(page, "Connected events");
    if (line.length > 0)
        page_wrap(page, line.data, 0, 2, 1, STYLE_PLAIN);
    buffer_release(&line);
}

static void show_insights(struct page *page, const json_t *insights)
{
    const char *published = text_of(json_object_get(insights, "most_recent"), "published");
    const char *span = text_of(insights, "span");
    const char *tag = text_of(insights, "most_popular_tag");
    const json_t *views = json_object_get(insights, "average_views");
    struct buffer line = BUFFER_INIT;
    if (published == NULL && tag == NULL) /* an empty set has none */
        return;
    show_heading(page, "Quick insights");
    if (published != NULL)
        buffer_append(&line, published, strnlen(published, 10));
    show_labelled(page, "most recent", &line);
    append_item(&line, span);
    show_labelled(page, "time span", &line);
    append_item(&line, tag);
    show_labelled(page, "most popular", &line);
    if (json_is_number(views))
        progress_append_count(&line, (uint64_t)(json_number_value(views) + 0.5));
    show_labelled(page, "average views", &line);
}

/* ---- timeline ---- */

/* "2 shared tags: a, b" */
static void show_shared_kind(struct page *page, const json_t *shared, size_t kind)
{
    const json_t *names = json_object_get(shared, kinds[kind].key);
    size_t count = json_array_size(names);
    struct buffer line = BUFFER_INIT;
    if (count == 0)
        return;
    buffer_printf(&line, "%zu shared %s: ", count, count == 1 ? kinds[kind].one : kinds[kind].several);
    append_names(&line, names);
    page_wrap(page, line.data, 0, SHOW_INDENT, 0, STYLE_PLAIN);
    buffer_release(&line);
}

static void show_event(struct page *page, const json_t *event)
{
    const char *summary = text_of(event, "summary");
    struct buffer line = BUFFER_INIT;
    buffer_append_char(page->out, '\n');
    show_strength(page, event);
    page_wrap(page, title_of(event), SHOW_INDENT, SHOW_INDENT, 2, STYLE_TITLE);
    show_origin(page, event, true, 0, SHOW_INDENT);
    if (summary != NULL && *summary != '\0')
        page_wrap(page, summary, 0, SHOW_INDENT, SUMMARY_LINES, STYLE_PLAIN);
    for (size_t i = 0; i < KIND_COUNT; i++)
        show_shared_kind(page, json_object_get(event, "shared"), i);
    buffer_printf(&line, "similarity %.0f %%", json_number_value(json_object_get(event, "similarity")) * 100);
    append_item(&line, text_of(event, "sentiment"));
    append_item(&line, json_is_true(json_object_get(event, "pinned")) ? "pinned by an editor" : NULL);
    page_wrap(page, line.data, 0, SHOW_INDENT, 1, STYLE_FAINT);
    buffer_release(&line);
    show_copies(page, event);
    show_explanation(page, event);
}

/* ---- names and topics ---- */

/* "a (3), b (2)" */
static void append_counted(struct buffer *line, const json_t *names)
{
    for (size_t i = 0; i < json_array_size(names); i++) {
        const json_t *name = json_array_get(names, i);
        const char *text = text_of(name, "name");
        buffer_printf(line, "%s%s (%lld)", i > 0 ? ", " : "", text != NULL ? text : "?",
                      (long long)json_integer_value(json_object_get(name, "articles")));
    }
}

static void show_involved(struct page *page, const json_t *answer)
{
    bool headed = false;
    for (size_t i = 1; i < KIND_COUNT; i++) {
        const json_t *names = json_object_get(answer, kinds[i].key);
        struct buffer line = BUFFER_INIT;
        if (json_array_size(names) > 0 && !headed) {
            show_heading(page, "Involved");
            headed = true;
        }
        append_counted(&line, names);
        show_labelled(page, kinds[i].key, &line);
    }
}

static void show_topics(struct page *page, const json_t *topics)
{
    struct buffer line = BUFFER_INIT;
    append_counted(&line, json_object_get(topics, "trending"));
    if (line.length > 0)
        show_heading(page, "Trending topics");
    show_labelled(page, "trending", &line);
    if (json_is_object(topics))
        append_count(&line, topics, "total");
    show_labelled(page, "topics", &line);
}

/* ---- the page ---- */

void show_connected(const struct session *session, struct page *page)
{
    const json_t *answer = session->answer;
    const json_t *timeline = json_object_get(answer, "timeline");
    show_source(page, answer);
    if (json_is_true(json_object_get(answer, "off"))) {
        buffer_append_char(page->out, '\n');
        page_wrap(page, "Editors turned connected events off for this article.", 0, 0, 0, STYLE_PLAIN);
        return;
    }
    show_overview(page, json_object_get(answer, "overview"));
    show_insights(page, json_object_get(answer, "insights"));
    if (json_array_size(timeline) > 0)
        show_heading(page, "Timeline");
    for (size_t i = 0; i < json_array_size(timeline); i++)
        show_event(page, json_array_get(timeline, i));
    show_involved(page, answer);
    show_topics(page, json_object_get(answer, "topics"));
}

/* ---- explain ---- */

/* "names 0.3 x 83 % = 25 %: Skua 40 %, Norway 20 %" */
static void show_part(struct page *page, const char *label, const json_t *part)
{
    const json_t *shared = json_object_get(part, "shared");
    struct buffer line = BUFFER_INIT;
    buffer_printf(&line, "%s %g x %.0f %% = %.0f %%", label,
                  json_number_value(json_object_get(part, "weight")),
                  json_number_value(json_object_get(part, "overlap")) * 100,
                  json_number_value(json_object_get(part, "part")) * 100);
    for (size_t i = 0; i < json_array_size(shared); i++) {
        const json_t *feature = json_array_get(shared, i);
        const char *name = text_of(feature, "name");
        if (name == NULL)
            name = text_of(feature, "term");
        buffer_printf(&line, "%s%s %.0f %%", i == 0 ? ": " : ", ", name != NULL ? name : "?",
                      json_number_value(json_object_get(feature, "weight")) * 100);
    }
    page_wrap(page, line.data, 0, SHOW_INDENT, 0, STYLE_FAINT);
    buffer_release(&line);
}

void show_explanation(struct page *page, const json_t *suggestion)
{
    const json_t *explain = json_object_get(suggestion, "explain");
    if (!json_is_object(explain))
        return;
    show_part(page, "tags", json_object_get(explain, "tags"));
    show_part(page, "names", json_object_get(explain, "entities"));
    show_part(page, "words", json_object_get(explain, "terms"));
}
