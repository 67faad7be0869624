/*
 * rows.h - the catalog columns of a range of docids: what filters, sorts, cards and look-ups by id need.
 *
 * A row is an article version; rows are in docid order and numbered from 0. The image is immutable (file or
 * memory). Reading: any thread. Building: one thread.
 */
#ifndef STORYD_INDEX_ROWS_H
#define STORYD_INDEX_ROWS_H

#include "article/article.h"
#include "base/bits.h"
#include "index/dictionary.h"
#include "index/gazetteer.h"
#include "text/signature.h"

#define ROW_NONE UINT32_MAX
#define ROWS_MAX (1U << 24) /* a posting holds 24 bits of row number */

struct rows {
    struct image image;
    uint32_t count;
    uint32_t first_docid; /* of the range; 0 when there are no rows */
    uint32_t last_docid;
    const uint64_t *present; /* one bit for each docid from first_docid */
    const uint32_t *ranks;   /* rows before each word of `present` */
    const uint32_t *docids;
    const int64_t *published; /* DATE_NONE if unknown */
    const uint32_t *category; /* number in `names` + 1; 0 = none */
    const uint32_t *source;
    const uint32_t *language;
    const uint8_t *sentiment;
    const uint32_t *lengths;       /* words */
    const uint32_t *views;         /* as of when the row was written; live counts are the slice's */
    const uint32_t *author_starts; /* count + 1 */
    const uint32_t *authors;       /* numbers in `names` */
    const uint32_t *id_slots;      /* row + 1, hashed by id */
    size_t id_slot_count;
    const uint32_t *id_starts;
    const char *ids;
    const uint64_t *card_starts;
    const char *cards;
    const struct signature *signatures; /* of the texts, see copy_finder.h */
    const uint32_t *by_date;            /* rows that have a date, oldest first */
    uint32_t dated;                     /* how many */
    const uint32_t *date_positions;     /* see rows_date_position() */
    const uint64_t *control_starts;     /* count + 1 */
    const char *controls;               /* packed: article_controls.h */
    struct dictionary names;            /* categories, sources, languages, authors, under their Omega terms */
};

/* `data` is borrowed and must outlive `rows`. unavailable if it is damaged. */
int rows_open(const char *data, size_t length, struct rows *rows, struct error *error);

/* The row of a docid; ROW_NONE if there is none. */
static inline uint32_t rows_find(const struct rows *rows, uint32_t docid)
{
    uint32_t offset = docid - rows->first_docid;
    if (docid < rows->first_docid || docid > rows->last_docid)
        return ROW_NONE;
    uint64_t word = rows->present[offset / 64];
    uint64_t bit = UINT64_C(1) << (offset % 64);
    if ((word & bit) == 0)
        return ROW_NONE;
    return rows->ranks[offset / 64] + bits_count(word & (bit - 1));
}

/* Calls for each row with this article id, newest first, until `found` returns true; gives that row or
 * ROW_NONE. (A range can hold several versions of one article until it is merged.) `hash` is hash_bytes() of
 * the id. */
uint32_t rows_find_id(const struct rows *rows, const char *id, size_t length, uint64_t hash,
                      bool (*wanted)(void *context, uint32_t row), void *context);

/* Where a row stands in `by_date`; ROW_NONE if it has no date. */
static inline uint32_t rows_date_position(const struct rows *rows, uint32_t row)
{
    uint32_t position = rows->date_positions[row];
    return position < rows->dated ? position : ROW_NONE;
}

const char *rows_id(const struct rows *rows, uint32_t row, size_t *length);
const char *rows_card(const struct rows *rows, uint32_t row, size_t *length);
const char *rows_controls(const struct rows *rows, uint32_t row, size_t *length); /* packed; mostly empty */

struct rows_builder;
struct rows_builder *rows_builder_new(void);
void rows_builder_free(struct rows_builder *builder);

/* Rows are added in ascending docid order. `language` is the code in force (article's or default). */
void rows_builder_add(struct rows_builder *builder, uint32_t docid, const struct article *article,
                      const char *language, uint32_t length, int64_t views,
                      const struct signature *signature);
/* Puts names that were recognised in the text on the card of the row that was added last, as "found". */
void rows_builder_add_found(struct rows_builder *builder, const struct gazetteer_name *found, size_t count);
/* The same from another range, with the live view count. */
void rows_builder_copy(struct rows_builder *builder, const struct rows *rows, uint32_t row, uint32_t views);
uint32_t rows_builder_count(const struct rows_builder *builder);

/* The image's bytes: new reference; the builder is used up. */
char *rows_builder_finish(struct rows_builder *builder, size_t *length);

#endif
