#include "ctl/show.h"

#include "ctl/progress.h"
#include "ctl/show_parts.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define STRENGTH_BAR 8 /* columns */

const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

void append_item(struct buffer *line, const char *text)
{
    if (text == NULL || *text == '\0')
        return;
    if (line->length > 0)
        buffer_append_string(line, SHOW_SEPARATOR);
    buffer_append_string(line, text);
}

/* What several of a kind are called, and one. */
static const struct {
    const char *key;
    const char *one;
} counted[] = {{"events", "event"}, {"people", "person"}, {"tags", "tag"}, {"views", "view"}};

void append_count(struct buffer *line, const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    struct buffer text = BUFFER_INIT;
    if (!json_is_integer(value))
        return;
    progress_append_count(&text, (uint64_t)json_integer_value(value));
    const char *word = key;
    for (size_t i = 0; i < sizeof counted / sizeof *counted && json_integer_value(value) == 1; i++)
        if (strcmp(counted[i].key, key) == 0)
            word = counted[i].one;
    buffer_printf(&text, " %s", word);
    append_item(line, text.data);
    buffer_release(&text);
}

/* "2025-09-11" of "2025-09-11T08:00:00Z". */
static void append_day(struct buffer *line, const json_t *article)
{
    const char *published = text_of(article, "published");
    if (published == NULL)
        return;
    if (line->length > 0)
        buffer_append_string(line, SHOW_SEPARATOR);
    buffer_append(line, published, strnlen(published, 10));
}

const char *title_of(const json_t *article)
{
    const char *title = text_of(article, "title");
    return title != NULL ? title : text_of(article, "id") != NULL ? text_of(article, "id") : "(no title)";
}

/* "a, b, c" */
void append_names(struct buffer *line, const json_t *names)
{
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        buffer_printf(line, "%s%s", i > 0 ? ", " : "", name != NULL ? name : "?");
    }
}

/* The faint line under a title. */
void show_origin(struct page *page, const json_t *article, bool with_day, size_t at, size_t indent)
{
    struct buffer line = BUFFER_INIT;
    if (with_day)
        append_day(&line, article);
    append_item(&line, text_of(article, "source"));
    append_item(&line, text_of(article, "category"));
    append_count(&line, article, "views");
    append_item(&line, text_of(article, "id"));
    if (line.length > 0)
        page_wrap(page, line.data, at, indent, 2, STYLE_FAINT);
    buffer_release(&line);
}

/* ---- SEARCH ---- */

static void show_total(const json_t *answer, struct page *page)
{
    uint64_t total = (uint64_t)json_integer_value(json_object_get(answer, "total"));
    struct buffer line = BUFFER_INIT;
    if (json_is_false(json_object_get(answer, "total_exact")))
        buffer_append_string(&line, "about ");
    if (total == 0)
        buffer_append_string(&line, "no");
    else
        progress_append_count(&line, total);
    buffer_append_string(&line, total == 1 ? " article matches" : " articles match");
    buffer_printf(&line, ", %.1f ms", (double)json_integer_value(json_object_get(answer, "took_us")) / 1000);
    page_wrap(page, line.data, 0, 0, 1, STYLE_PLAIN);
    buffer_release(&line);
    const char *warning = text_of(answer, "warning");
    if (warning != NULL)
        page_wrap(page, warning, 0, 0, 0, STYLE_PLAIN);
}

static void show_hit(struct page *page, const json_t *hit, int64_t number)
{
    struct buffer cell = BUFFER_INIT;
    buffer_printf(&cell, "%lld", (long long)number);
    page_right(page, cell.data, 3, STYLE_FAINT);
    buffer_clear(&cell);
    if (json_is_number(json_object_get(hit, "score")))
        buffer_printf(&cell, "%.2f", json_number_value(json_object_get(hit, "score")));
    page_right(page, cell.data != NULL ? cell.data : "", 8, STYLE_PLAIN);
    page_blanks(page, 2);
    buffer_clear(&cell);
    append_day(&cell, hit);
    page_cell(page, cell.length > 0 ? cell.data : "", 12, STYLE_PLAIN);
    page_wrap(page, title_of(hit), 25, 25, 2, STYLE_TITLE);
    show_origin(page, hit, false, 0, 25);
    buffer_release(&cell);
}

void show_hits(const struct session *session, struct page *page)
{
    const json_t *hits = json_object_get(session->answer, "hits");
    int64_t offset = invocation_count(session->invocation, "offset", 0);
    show_total(session->answer, page);
    if (json_array_size(hits) == 0)
        return;
    buffer_append_char(page->out, '\n');
    page_cut(page, "  #   SCORE  PUBLISHED   TITLE", page->width, STYLE_FAINT);
    buffer_append_char(page->out, '\n');
    for (size_t i = 0; i < json_array_size(hits); i++)
        show_hit(page, json_array_get(hits, i), offset + (int64_t)i + 1);
}

/* ---- RELATED ---- */

void show_strength(struct page *page, const json_t *suggestion)
{
    double strength = json_number_value(json_object_get(suggestion, "strength"));
    struct buffer cell = BUFFER_INIT;
    buffer_printf(&cell, "%.0f %%", strength * 100);
    page_right(page, cell.data, 6, STYLE_TITLE);
    page_blanks(page, 1);
    page_bar(page, strength, STRENGTH_BAR, STYLE_BAR);
    page_blanks(page, SHOW_INDENT - 7 - STRENGTH_BAR);
    buffer_release(&cell);
}

/* The names that both stories have. */
static void show_shared(struct page *page, const json_t *suggestion)
{
    static const char *const kinds[] = {"people", "organizations", "products", "places"};
    const json_t *shared = json_object_get(suggestion, "shared");
    const json_t *tags = json_object_get(shared, "tags");
    struct buffer line = BUFFER_INIT;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const json_t *names = json_object_get(shared, kinds[i]);
        if (json_array_size(names) == 0)
            continue;
        buffer_append_string(&line, line.length > 0 ? ", " : "shares ");
        append_names(&line, names);
    }
    if (json_array_size(tags) > 0) {
        buffer_append_string(&line, line.length > 0 ? SHOW_SEPARATOR "tags " : "shares the tags ");
        append_names(&line, tags);
    }
    if (line.length > 0)
        page_wrap(page, line.data, 0, SHOW_INDENT, 0, STYLE_PLAIN);
    buffer_release(&line);
}

/* What the strength is made of. */
static void show_parts(struct page *page, const json_t *suggestion)
{
    static const char *const parts[][2] = {
        {"tag_overlap", "tags"}, {"entity_overlap", "names"}, {"similarity", "words"}};
    struct buffer line = BUFFER_INIT;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        double value = json_number_value(json_object_get(suggestion, parts[i][0]));
        buffer_printf(&line, "%s%s %.0f %%", i > 0 ? SHOW_SEPARATOR : "", parts[i][1], value * 100);
    }
    const json_t *terms = json_object_get(suggestion, "terms");
    if (json_array_size(terms) > 0) {
        buffer_append_string(&line, ": ");
        append_names(&line, terms);
    }
    if (json_is_true(json_object_get(suggestion, "pinned")))
        append_item(&line, "pinned by an editor");
    page_wrap(page, line.data, 0, SHOW_INDENT, 1, STYLE_FAINT);
    buffer_release(&line);
}

/* What else tells the same story. */
void show_copies(struct page *page, const json_t *suggestion)
{
    long long count = json_integer_value(json_object_get(suggestion, "copies"));
    struct buffer line = BUFFER_INIT;
    if (count == 0)
        return;
    buffer_printf(&line, "%lld near-%s: ", count, count == 1 ? "copy" : "copies");
    append_names(&line, json_object_get(suggestion, "copy_ids"));
    page_wrap(page, line.data, 0, SHOW_INDENT, 1, STYLE_FAINT);
    buffer_release(&line);
}

void show_related(const struct session *session, struct page *page)
{
    const json_t *related = json_object_get(session->answer, "related");
    size_t count = json_array_size(related);
    struct buffer line = BUFFER_INIT;
    buffer_printf(&line, "%zu related %s, %.1f ms", count, count == 1 ? "story" : "stories",
                  (double)json_integer_value(json_object_get(session->answer, "took_us")) / 1000);
    page_wrap(page, line.data, 0, 0, 1, STYLE_PLAIN);
    buffer_release(&line);
    const json_t *withheld = json_object_get(session->answer, "withheld");
    if (withheld != NULL)
        page_wrap(page, "There are fewer than --min-results.", 0, 0, 0, STYLE_PLAIN);
    if (json_is_true(json_object_get(session->answer, "off")))
        page_wrap(page, "Editors turned connected stories off for this article.", 0, 0, 0, STYLE_PLAIN);
    for (size_t i = 0; i < count; i++) {
        const json_t *suggestion = json_array_get(related, i);
        buffer_append_char(page->out, '\n');
        show_strength(page, suggestion);
        page_wrap(page, title_of(suggestion), SHOW_INDENT, SHOW_INDENT, 2, STYLE_TITLE);
        show_origin(page, suggestion, true, 0, SHOW_INDENT);
        show_shared(page, suggestion);
        show_parts(page, suggestion);
        show_copies(page, suggestion);
        show_explanation(page, suggestion);
    }
}

/* ---- GET ---- */

void show_list(struct page *page, const json_t *article, const char *key)
{
    const json_t *names = json_object_get(article, key);
    struct buffer line = BUFFER_INIT;
    if (json_array_size(names) == 0)
        return;
    append_names(&line, names);
    page_cell(page, key, 15, STYLE_FAINT);
    page_wrap(page, line.data, 15, 15, 0, STYLE_PLAIN);
    buffer_release(&line);
}

static void show_text(struct page *page, const json_t *article, const char *key, enum terminal_style style)
{
    const char *text = text_of(article, key);
    if (text == NULL || *text == '\0')
        return;
    buffer_append_char(page->out, '\n');
    page_wrap(page, text, 0, 0, 0, style);
}

static void show_article(struct page *page, const json_t *article)
{
    static const char *const lists[] = {"authors", "tags",    "people", "organizations", "products", "places",
                                        "pinned",  "blocked", NULL};
    struct buffer line = BUFFER_INIT;
    page_wrap(page, title_of(article), 0, 0, 0, STYLE_TITLE);
    append_day(&line, article);
    append_item(&line, text_of(article, "source"));
    append_item(&line, text_of(article, "category"));
    append_item(&line, text_of(article, "language"));
    append_item(&line, text_of(article, "sentiment"));
    append_count(&line, article, "views");
    append_item(&line, text_of(article, "id"));
    if (line.length > 0)
        page_wrap(page, line.data, 0, 0, 0, STYLE_FAINT);
    buffer_release(&line);
    if (text_of(article, "url") != NULL)
        page_wrap(page, text_of(article, "url"), 0, 0, 0, STYLE_FAINT);
    for (size_t i = 0; lists[i] != NULL; i++)
        show_list(page, article, lists[i]);
    show_text(page, article, "summary", STYLE_TITLE);
    show_text(page, article, "body", STYLE_PLAIN);
    char *extra = json_dumps(json_object_get(article, "extra"), JSON_INDENT(2));
    if (extra != NULL) {
        buffer_append_char(page->out, '\n');
        page_wrap(page, extra, 0, 0, 0, STYLE_FAINT);
    }
    free(extra);
}

void show_articles(const struct session *session, struct page *page)
{
    const json_t *article = json_object_get(session->answer, "article");
    const json_t *articles = json_object_get(session->answer, "articles");
    const json_t *missing = json_object_get(session->answer, "missing");
    if (article != NULL)
        show_article(page, article);
    for (size_t i = 0; i < json_array_size(articles); i++) {
        if (i > 0)
            buffer_append_string(page->out, "\n\n");
        show_article(page, json_array_get(articles, i));
    }
    for (size_t i = 0; i < json_array_size(missing); i++) {
        struct buffer line = BUFFER_INIT;
        buffer_printf(&line, "there is no article \"%s\"", json_string_value(json_array_get(missing, i)));
        page_wrap(page, line.data, 0, 0, 0, STYLE_PLAIN);
        buffer_release(&line);
    }
}

void show_profile(const struct session *session, struct page *page)
{
    const json_t *profile = json_object_get(session->answer, "profile");
    const char *name = text_of(profile, "name");
    struct buffer line = BUFFER_INIT;
    append_item(&line, text_of(profile, "kind"));
    append_item(&line, text_of(profile, "url"));
    append_item(&line, text_of(profile, "image"));
    page_wrap(page, name != NULL ? name : "(no name)", 0, 0, 0, STYLE_TITLE);
    if (line.length > 0)
        page_wrap(page, line.data, 0, 0, 0, STYLE_FAINT);
    buffer_release(&line);
    show_list(page, profile, "aliases");
    show_text(page, profile, "about", STYLE_PLAIN);
}

/* ---- anything ---- */

void show_indented(const struct session *session, struct page *page)
{
    /* jansson escapes control characters; what else a terminal must not be sent is cleaned on the way */
    char *text = json_dumps(session->answer, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    for (char *line = text, *end; line != NULL && *line != '\0'; line = end) {
        end = strchrnul(line, '\n');
        bool more = *end == '\n';
        *end = '\0';
        page_cut(page, line, SIZE_MAX, STYLE_PLAIN);
        buffer_append_char(page->out, '\n');
        end += more;
    }
    free(text);
}
