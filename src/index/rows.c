#include "index/rows.h"

#include "article/article_controls.h"
#include "base/date.h"
#include "base/hash.h"
#include "base/memory.h"
#include "text/analyse.h"

#include <stdlib.h>
#include <string.h>

#define ROWS_MAGIC UINT64_C(0x53574f5259545300) /* "\0STYROWS" */
#define ROWS_VERSION 5

enum section {
    SECTION_HEADER,
    SECTION_PRESENT,
    SECTION_RANKS,
    SECTION_DOCIDS,
    SECTION_PUBLISHED,
    SECTION_CATEGORY,
    SECTION_SOURCE,
    SECTION_LANGUAGE,
    SECTION_SENTIMENT,
    SECTION_LENGTHS,
    SECTION_VIEWS,
    SECTION_AUTHOR_STARTS,
    SECTION_AUTHORS,
    SECTION_ID_SLOTS,
    SECTION_ID_STARTS,
    SECTION_IDS,
    SECTION_CARD_STARTS,
    SECTION_CARDS,
    SECTION_SIGNATURES,
    SECTION_BY_DATE,
    SECTION_DATE_POSITIONS,
    SECTION_CONTROL_STARTS,
    SECTION_CONTROLS,
    SECTION_NAMES,
    SECTION_COUNT = SECTION_NAMES + DICTIONARY_SECTIONS
};

struct rows_header {
    uint32_t count;
    uint32_t first_docid;
    uint32_t last_docid;
    uint32_t dated; /* rows that have a date */
};

/* ---- reading ---- */

/* Fetches a column and checks that it has the length the row count demands. */
static const void *column(const struct image *image, enum section section, size_t element_size, size_t wanted,
                          bool *good)
{
    size_t count;
    const void *data = image_section(image, section, element_size, &count);
    if (count != wanted)
        *good = false;
    return data;
}

static bool open_columns(struct rows *rows)
{
    const struct image *image = &rows->image;
    size_t n = rows->count;
    size_t words = n == 0 ? 0 : (rows->last_docid - rows->first_docid) / 64 + 1;
    bool good = true;
    rows->present = column(image, SECTION_PRESENT, 8, words, &good);
    rows->ranks = column(image, SECTION_RANKS, 4, words, &good);
    rows->docids = column(image, SECTION_DOCIDS, 4, n, &good);
    rows->published = column(image, SECTION_PUBLISHED, 8, n, &good);
    rows->category = column(image, SECTION_CATEGORY, 4, n, &good);
    rows->source = column(image, SECTION_SOURCE, 4, n, &good);
    rows->language = column(image, SECTION_LANGUAGE, 4, n, &good);
    rows->sentiment = column(image, SECTION_SENTIMENT, 1, n, &good);
    rows->lengths = column(image, SECTION_LENGTHS, 4, n, &good);
    rows->views = column(image, SECTION_VIEWS, 4, n, &good);
    rows->author_starts = column(image, SECTION_AUTHOR_STARTS, 4, n + 1, &good);
    rows->id_starts = column(image, SECTION_ID_STARTS, 4, n + 1, &good);
    rows->card_starts = column(image, SECTION_CARD_STARTS, 8, n + 1, &good);
    rows->by_date = column(image, SECTION_BY_DATE, 4, rows->dated, &good);
    rows->date_positions = column(image, SECTION_DATE_POSITIONS, 4, n, &good);
    rows->signatures = column(image, SECTION_SIGNATURES, sizeof *rows->signatures, n, &good);
    rows->control_starts = column(image, SECTION_CONTROL_STARTS, 8, n + 1, &good);
    return good;
}

/* The variable-length sections must hold what the starts promise. */
static bool open_contents(struct rows *rows)
{
    size_t authors;
    size_t ids;
    size_t cards;
    size_t controls;
    rows->authors = image_section(&rows->image, SECTION_AUTHORS, 4, &authors);
    rows->id_slots = image_section(&rows->image, SECTION_ID_SLOTS, 4, &rows->id_slot_count);
    rows->ids = image_section(&rows->image, SECTION_IDS, 1, &ids);
    rows->cards = image_section(&rows->image, SECTION_CARDS, 1, &cards);
    rows->controls = image_section(&rows->image, SECTION_CONTROLS, 1, &controls);
    return rows->author_starts[rows->count] <= authors && rows->id_starts[rows->count] <= ids &&
           rows->card_starts[rows->count] <= cards && rows->control_starts[rows->count] <= controls &&
           rows->id_slot_count > rows->count && (rows->id_slot_count & (rows->id_slot_count - 1)) == 0;
}

int rows_open(const char *data, size_t length, struct rows *rows, struct error *error)
{
    memset(rows, 0, sizeof *rows);
    if (image_open(data, length, ROWS_MAGIC, ROWS_VERSION, SECTION_COUNT, &rows->image, error) != 0)
        return -1;
    size_t headers;
    const struct rows_header *header = image_section(&rows->image, SECTION_HEADER, sizeof *header, &headers);
    if (headers != 1 || header->last_docid < header->first_docid || header->count > ROWS_MAX ||
        header->dated > header->count)
        return error_set(error, ERROR_UNAVAILABLE, "damaged index file: impossible range of rows");
    rows->count = header->count;
    rows->first_docid = header->first_docid;
    rows->last_docid = header->last_docid;
    rows->dated = header->dated;
    if (!open_columns(rows) || !open_contents(rows) ||
        !dictionary_open(&rows->image, SECTION_NAMES, &rows->names))
        return error_set(error, ERROR_UNAVAILABLE, "damaged index file: columns of the wrong length");
    return 0;
}

const char *rows_id(const struct rows *rows, uint32_t row, size_t *length)
{
    *length = rows->id_starts[row + 1] - rows->id_starts[row];
    return rows->ids + rows->id_starts[row];
}

const char *rows_card(const struct rows *rows, uint32_t row, size_t *length)
{
    *length = (size_t)(rows->card_starts[row + 1] - rows->card_starts[row]);
    return rows->cards + rows->card_starts[row];
}

const char *rows_controls(const struct rows *rows, uint32_t row, size_t *length)
{
    *length = (size_t)(rows->control_starts[row + 1] - rows->control_starts[row]);
    return rows->controls + rows->control_starts[row];
}

uint32_t rows_find_id(const struct rows *rows, const char *id, size_t length, uint64_t hash,
                      bool (*wanted)(void *context, uint32_t row), void *context)
{
    size_t mask = rows->id_slot_count - 1;
    for (size_t at = (size_t)hash & mask; rows->id_slots[at] != 0; at = (at + 1) & mask) {
        uint32_t row = rows->id_slots[at] - 1;
        if (row >= rows->count)
            return ROW_NONE;
        size_t found_length;
        const char *found = rows_id(rows, row, &found_length);
        if (found_length == length && memcmp(found, id, length) == 0 && wanted(context, row))
            return row;
    }
    return ROW_NONE;
}

/* ---- building ---- */

struct rows_builder {
    struct buffer columns[SECTION_NAMES]; /* by section; those computed at the end stay empty */
    struct dictionary_builder names;
    struct buffer scratch;
    uint32_t count;
};

static void append_u32(struct buffer *buffer, uint32_t value)
{
    buffer_append(buffer, &value, sizeof value);
}

static void append_u64(struct buffer *buffer, uint64_t value)
{
    buffer_append(buffer, &value, sizeof value);
}

struct rows_builder *rows_builder_new(void)
{
    struct rows_builder *builder = memory_zeroed(1, sizeof *builder);
    dictionary_builder_init(&builder->names);
    append_u32(&builder->columns[SECTION_AUTHOR_STARTS], 0);
    append_u32(&builder->columns[SECTION_ID_STARTS], 0);
    append_u64(&builder->columns[SECTION_CARD_STARTS], 0);
    append_u64(&builder->columns[SECTION_CONTROL_STARTS], 0);
    return builder;
}

void rows_builder_free(struct rows_builder *builder)
{
    if (builder == NULL)
        return;
    for (size_t i = 0; i < SECTION_NAMES; i++)
        buffer_release(&builder->columns[i]);
    dictionary_builder_release(&builder->names);
    buffer_release(&builder->scratch);
    free(builder);
}

uint32_t rows_builder_count(const struct rows_builder *builder)
{
    return builder->count;
}

/* The number of a name in a field, plus 1; 0 for an empty one. */
static uint32_t add_name(struct rows_builder *builder, enum term_field field, const char *name)
{
    buffer_clear(&builder->scratch);
    size_t length = strlen(name);
    if (length == 0 || !term_for_name(field, name, length, &builder->scratch))
        return 0;
    return dictionary_builder_add(&builder->names, builder->scratch.data, builder->scratch.length, name,
                                  length) +
           1;
}

/* What every row has, whether it comes from an article or from another range. */
struct row_values {
    uint32_t docid;
    int64_t published;
    uint32_t category;
    uint32_t source;
    uint32_t language;
    uint8_t sentiment;
    uint32_t length;
    uint32_t views;
    const char *id;
    size_t id_length;
    const struct signature *signature;
};

static void add_row(struct rows_builder *builder, const struct row_values *values)
{
    struct buffer *columns = builder->columns;
    append_u32(&columns[SECTION_DOCIDS], values->docid);
    buffer_append(&columns[SECTION_PUBLISHED], &values->published, sizeof values->published);
    append_u32(&columns[SECTION_CATEGORY], values->category);
    append_u32(&columns[SECTION_SOURCE], values->source);
    append_u32(&columns[SECTION_LANGUAGE], values->language);
    buffer_append(&columns[SECTION_SENTIMENT], &values->sentiment, 1);
    append_u32(&columns[SECTION_LENGTHS], values->length);
    append_u32(&columns[SECTION_VIEWS], values->views);
    append_u32(&columns[SECTION_AUTHOR_STARTS], (uint32_t)(columns[SECTION_AUTHORS].length / 4));
    buffer_append(&columns[SECTION_IDS], values->id, values->id_length);
    append_u32(&columns[SECTION_ID_STARTS], (uint32_t)columns[SECTION_IDS].length);
    append_u64(&columns[SECTION_CARD_STARTS], columns[SECTION_CARDS].length);
    append_u64(&columns[SECTION_CONTROL_STARTS], columns[SECTION_CONTROLS].length);
    buffer_append(&columns[SECTION_SIGNATURES], values->signature, sizeof *values->signature);
    builder->count++;
}

void rows_builder_add(struct rows_builder *builder, uint32_t docid, const struct article *article,
                      const char *language, uint32_t length, int64_t views, const struct signature *signature)
{
    for (size_t i = 0; i < article->authors.count; i++) {
        uint32_t author = add_name(builder, FIELD_AUTHOR, article->authors.names[i]);
        if (author != 0)
            append_u32(&builder->columns[SECTION_AUTHORS], author - 1);
    }
    article_write_card(article, &builder->columns[SECTION_CARDS]);
    controls_pack(&article->controls, &builder->columns[SECTION_CONTROLS]);
    struct row_values values = {
        .docid = docid,
        .published = article->published,
        .category = add_name(builder, FIELD_CATEGORY, article->category),
        .source = add_name(builder, FIELD_SOURCE, article->source),
        .language = add_name(builder, FIELD_LANGUAGE, language),
        .sentiment = (uint8_t)article->sentiment,
        .length = length,
        .views = (uint32_t)(views < 0            ? 0
                            : views > UINT32_MAX ? UINT32_MAX
                                                 : views),
        .id = article->id,
        .id_length = strlen(article->id),
        .signature = signature,
    };
    add_row(builder, &values);
}

static void write_found(struct json_writer *writer, enum name_kind kind, const struct gazetteer_name *found,
                        size_t count)
{
    bool begun = false;
    for (size_t i = 0; i < count; i++) {
        if (found[i].kind != kind)
            continue;
        if (!begun) {
            json_key(writer, name_kind_keys[kind]);
            json_begin_array(writer);
            begun = true;
        }
        json_text_n(writer, found[i].display, found[i].display_length);
    }
    if (begun)
        json_end_array(writer);
}

void rows_builder_add_found(struct rows_builder *builder, const struct gazetteer_name *found, size_t count)
{
    if (count == 0)
        return;
    struct buffer *cards = &builder->columns[SECTION_CARDS];
    struct buffer *starts = &builder->columns[SECTION_CARD_STARTS];
    struct json_writer writer;
    json_writer_init(&writer, cards);
    buffer_append_char(cards, ',');
    json_key(&writer, "found");
    json_begin_object(&writer);
    for (int kind = 0; kind < NAME_KIND_COUNT; kind++)
        write_found(&writer, (enum name_kind)kind, found, count);
    json_end_object(&writer);
    uint64_t card_end = cards->length;
    memcpy(starts->data + starts->length - sizeof card_end, &card_end, sizeof card_end);
}

/* Brings a name of another range's dictionary over. `number` is plus 1, 0 = none; so is the result. */
static uint32_t copy_name(struct rows_builder *builder, const struct rows *rows, uint32_t number)
{
    if (number == 0 || number > rows->names.count)
        return 0;
    size_t length;
    size_t display_length;
    const char *term = dictionary_term(&rows->names, number - 1, &length);
    const char *display = dictionary_display(&rows->names, number - 1, &display_length);
    return dictionary_builder_add(&builder->names, term, length, display, display_length) + 1;
}

void rows_builder_copy(struct rows_builder *builder, const struct rows *rows, uint32_t row, uint32_t views)
{
    for (uint32_t i = rows->author_starts[row]; i < rows->author_starts[row + 1]; i++) {
        uint32_t author = copy_name(builder, rows, rows->authors[i] + 1);
        if (author != 0)
            append_u32(&builder->columns[SECTION_AUTHORS], author - 1);
    }
    size_t card_length;
    const char *card = rows_card(rows, row, &card_length);
    buffer_append(&builder->columns[SECTION_CARDS], card, card_length);
    size_t controls_length;
    const char *controls = rows_controls(rows, row, &controls_length);
    buffer_append(&builder->columns[SECTION_CONTROLS], controls, controls_length);
    struct row_values values = {
        .docid = rows->docids[row],
        .published = rows->published[row],
        .category = copy_name(builder, rows, rows->category[row]),
        .source = copy_name(builder, rows, rows->source[row]),
        .language = copy_name(builder, rows, rows->language[row]),
        .sentiment = rows->sentiment[row],
        .length = rows->lengths[row],
        .views = views,
        .signature = &rows->signatures[row],
    };
    values.id = rows_id(rows, row, &values.id_length);
    add_row(builder, &values);
}

static void build_presence(struct rows_builder *builder, const struct rows_header *header)
{
    const uint32_t *docids = (const uint32_t *)(const void *)builder->columns[SECTION_DOCIDS].data;
    size_t words = builder->count == 0 ? 0 : (header->last_docid - header->first_docid) / 64 + 1;
    uint64_t *present = memory_zeroed(words, sizeof *present);
    uint32_t *ranks = memory_zeroed(words, sizeof *ranks);
    for (uint32_t row = 0; row < builder->count; row++) {
        uint32_t offset = docids[row] - header->first_docid;
        present[offset / 64] |= UINT64_C(1) << (offset % 64);
    }
    uint32_t rank = 0;
    for (size_t i = 0; i < words; i++) {
        ranks[i] = rank;
        rank += bits_count(present[i]);
    }
    buffer_append(&builder->columns[SECTION_PRESENT], present, words * sizeof *present);
    buffer_append(&builder->columns[SECTION_RANKS], ranks, words * sizeof *ranks);
    free(present);
    free(ranks);
}

/* Newer rows go in first, so that a look-up meets the newest version of an article before the older ones. */
static void build_id_slots(struct rows_builder *builder)
{
    size_t slot_count = 16;
    while (slot_count < (size_t)builder->count * 2)
        slot_count *= 2;
    uint32_t *slots = memory_zeroed(slot_count, sizeof *slots);
    const uint32_t *starts = (const uint32_t *)(const void *)builder->columns[SECTION_ID_STARTS].data;
    const char *ids = builder->columns[SECTION_IDS].data;
    for (uint32_t row = builder->count; row-- > 0;) {
        size_t at = (size_t)hash_bytes(ids + starts[row], starts[row + 1] - starts[row]) & (slot_count - 1);
        while (slots[at] != 0)
            at = (at + 1) & (slot_count - 1);
        slots[at] = row + 1;
    }
    buffer_append(&builder->columns[SECTION_ID_SLOTS], slots, slot_count * sizeof *slots);
    free(slots);
}

struct dated_row {
    int64_t published;
    uint32_t row;
};

static int compare_dates(const void *left, const void *right)
{
    const struct dated_row *a = left;
    const struct dated_row *b = right;
    if (a->published != b->published)
        return a->published > b->published ? 1 : -1;
    return (a->row > b->row) - (a->row < b->row);
}

static void build_date_order(struct rows_builder *builder)
{
    const int64_t *published = (const int64_t *)(const void *)builder->columns[SECTION_PUBLISHED].data;
    struct dated_row *dated = memory_zeroed((size_t)builder->count + 1, sizeof *dated);
    size_t count = 0;
    for (uint32_t row = 0; row < builder->count; row++)
        if (published[row] != DATE_NONE)
            dated[count++] = (struct dated_row){published[row], row};
    qsort(dated, count, sizeof *dated, compare_dates);
    uint32_t *positions = memory_allocate(((size_t)builder->count + 1) * sizeof *positions);
    memset(positions, 0xff, builder->count * sizeof *positions); /* ROW_NONE */
    for (size_t i = 0; i < count; i++) {
        append_u32(&builder->columns[SECTION_BY_DATE], dated[i].row);
        positions[dated[i].row] = (uint32_t)i;
    }
    buffer_append(&builder->columns[SECTION_DATE_POSITIONS], positions, builder->count * sizeof *positions);
    free(positions);
    free(dated);
}

char *rows_builder_finish(struct rows_builder *builder, size_t *length)
{
    struct rows_header header = {.count = builder->count};
    if (builder->count != 0) {
        const uint32_t *docids = (const uint32_t *)(const void *)builder->columns[SECTION_DOCIDS].data;
        header.first_docid = docids[0];
        header.last_docid = docids[builder->count - 1];
    }
    build_presence(builder, &header);
    build_id_slots(builder);
    build_date_order(builder);
    header.dated = (uint32_t)(builder->columns[SECTION_BY_DATE].length / 4);
    struct image_builder image;
    image_builder_init(&image, ROWS_MAGIC, ROWS_VERSION, SECTION_COUNT);
    image_builder_add(&image, &header, sizeof header);
    for (size_t i = SECTION_HEADER + 1; i < SECTION_NAMES; i++) {
        image_builder_add(&image, builder->columns[i].data, builder->columns[i].length);
        buffer_release(&builder->columns[i]);
    }
    dictionary_builder_write(&builder->names, &image);
    return image_builder_finish(&image, length);
}
