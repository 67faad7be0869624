/*
 * article_controls.h - what editors decide about the connected stories of an article: which are always shown,
 * which never, and whether any are. Checking, and the packed form that the catalog keeps. Any thread; one
 * thread at a time for each object.
 *
 * Packed: nothing for an article without controls, else one byte (1 = off), the number of pinned ids in one
 * byte, then all ids, pinned ones first, each behind a byte with its length.
 */
#ifndef STORYD_ARTICLE_ARTICLE_CONTROLS_H
#define STORYD_ARTICLE_ARTICLE_CONTROLS_H

#include "article/article.h"

/* A list of at most `max` article ids: strings of 1 to ARTICLE_ID_MAX bytes. Those that stand in it already
 * are dropped, in `value` itself. list->names is new (free()), the strings are borrowed. bad_request. */
int controls_read_ids(const char *key, json_t *value, size_t max, struct name_list *list,
                      struct error *error);

/* "on" or "off". bad_request. */
int controls_read_switch(const char *key, const json_t *value, bool *is_off, struct error *error);

/* Ids that contradict each other: one both pinned and blocked, or the article's own. bad_request. */
int controls_check(const struct article *article, struct error *error);

void controls_release(struct article_controls *controls);

/* Appends the packed form. */
void controls_pack(const struct article_controls *controls, struct buffer *out);

/* Reads the packed form, which is borrowed; a damaged one ends early. */
struct controls_reader {
    const unsigned char *at;
    const unsigned char *end;
    size_t pinned_left;
    bool is_off;
};
void controls_open(const char *packed, size_t length, struct controls_reader *reader);

/* The next id, pinned ones first, each list in its order; false at the end. */
struct control_id {
    const char *text; /* not NUL-terminated */
    size_t length;
    bool is_pinned; /* else blocked */
};
bool controls_next(struct controls_reader *reader, struct control_id *id);

#endif
