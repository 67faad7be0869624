#include "article/article.h"

#include "base/date.h"

#include <string.h>

#define CARD_SUMMARY_MAX 600 /* bytes */
#define WORD_SOUGHT 100      /* bytes before the limit in which a blank to cut at is looked for */

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Where to cut a text longer than the limit: before a blank, or, in a script without blanks, between
 * characters. */
static size_t cut_length(const char *text)
{
    size_t end = CARD_SUMMARY_MAX;
    while (end > CARD_SUMMARY_MAX - WORD_SOUGHT && !is_blank(text[end]))
        end--;
    if (!is_blank(text[end])) {
        end = CARD_SUMMARY_MAX;
        while (end > 0 && ((unsigned char)text[end] & 0xC0) == 0x80)
            end--;
    }
    while (end > 0 && is_blank(text[end - 1]))
        end--;
    return end;
}

static void write_summary(struct json_writer *writer, const char *summary)
{
    size_t length = strlen(summary);
    if (length == 0)
        return;
    json_key(writer, "summary");
    if (length <= CARD_SUMMARY_MAX) {
        json_text_n(writer, summary, length);
        return;
    }
    static const char ellipsis[] = "…";
    char cut[CARD_SUMMARY_MAX + sizeof ellipsis];
    size_t kept = cut_length(summary);
    memcpy(cut, summary, kept);
    memcpy(cut + kept, ellipsis, sizeof ellipsis);
    json_text_n(writer, cut, kept + sizeof ellipsis - 1);
}

static void write_text(struct json_writer *writer, const char *key, const char *text)
{
    if (text != NULL && text[0] != '\0')
        json_key_text(writer, key, text);
}

static void write_names(struct json_writer *writer, const char *key, const struct name_list *list)
{
    if (list->count == 0)
        return;
    json_key(writer, key);
    json_begin_array(writer);
    for (size_t i = 0; i < list->count; i++)
        json_text(writer, list->names[i]);
    json_end_array(writer);
}

void article_write_card(const struct article *article, struct buffer *out)
{
    struct json_writer writer;
    json_writer_init(&writer, out);
    write_text(&writer, "id", article->id);
    write_text(&writer, "url", article->url);
    write_text(&writer, "title", article->title);
    write_summary(&writer, article->summary);
    write_text(&writer, "category", article->category);
    write_text(&writer, "source", article->source);
    write_names(&writer, "authors", &article->authors);
    for (size_t kind = 0; kind < NAME_KIND_COUNT; kind++)
        write_names(&writer, name_kind_keys[kind], &article->names[kind]);
    /* as it was given, with its region */
    write_text(&writer, "language", json_string_value(json_object_get(article->json, "language")));
    if (article->published != DATE_NONE) {
        char date[DATE_TEXT_SIZE];
        json_key_text(&writer, "published", date_format(date, article->published));
    }
    write_text(&writer, "sentiment", sentiment_name(article->sentiment));
}
