#include "text/analyse.h"

#include "base/hash.h"
#include "base/memory.h"
#include "text/normalise.h"
#include "text/tokenise.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define TERM_BYTES_MAX 240
#define TERM_HASH_DIGITS 16
#define FIELD_GAP 1000
#define SLOTS_MIN 2048 /* of the term table; a power of two */

const struct term_field_info term_fields[FIELD_COUNT] = {
    [FIELD_TAG] = {"K", "tag", "tags"},
    [FIELD_PERSON] = {"XPER", "person", "people"},
    [FIELD_ORGANIZATION] = {"XORG", "org", "organizations"},
    [FIELD_PRODUCT] = {"XPRO", "product", "products"},
    [FIELD_PLACE] = {"XPLA", "place", "places"},
    [FIELD_CATEGORY] = {"XCAT", "category", "category"},
    [FIELD_AUTHOR] = {"A", "author", NULL},
    [FIELD_SOURCE] = {"XSRC", "source", "source"},
    [FIELD_LANGUAGE] = {"L", "language", "language"},
    [FIELD_SENTIMENT] = {"XSEN", "sentiment", "sentiment"},
    [FIELD_TITLE] = {"S", "title", NULL},
};

/* A term while it is collected; its text lies in the analyser's `texts`. */
struct entry {
    uint64_t hash;
    size_t text;
    uint32_t length;
    uint32_t body_count;
    uint32_t title_count;
    uint32_t position_count;
    uint32_t first_position; /* in `positions` */
};

struct occurrence {
    uint32_t entry;
    uint32_t position;
};

/* What terms are sorted by: their first 8 bytes as a number, so that most comparisons touch nothing else. */
struct sort_key {
    uint64_t head;
    const struct analysed_term *term;
};

/* All memory is kept from one article to the next. */
struct analyser {
    struct stemmer_set *stemmers;
    struct buffer title, summary, body; /* normalised */
    struct buffer scratch;              /* a term with its prefix */
    struct buffer texts;
    struct entry *entries;
    size_t entry_count, entry_capacity;
    uint32_t *slots; /* index + 1 of an entry, 0: free */
    size_t slot_count, slot_capacity;
    struct occurrence *occurrences; /* ascending by position for each entry */
    size_t occurrence_count, occurrence_capacity;
    uint32_t *positions;
    size_t position_capacity;
    struct analysed_term *unsorted, *terms;
    struct sort_key *keys;
    size_t unsorted_capacity, term_capacity, key_capacity;
    struct signature_maker signature_maker;
    struct signature signature;
};

struct analyser *analyser_new(void)
{
    struct analyser *analyser = memory_zeroed(1, sizeof *analyser);
    analyser->stemmers = stemmer_set_new();
    return analyser;
}

void analyser_free(struct analyser *analyser)
{
    if (analyser == NULL)
        return;
    stemmer_set_free(analyser->stemmers);
    buffer_release(&analyser->title);
    buffer_release(&analyser->summary);
    buffer_release(&analyser->body);
    buffer_release(&analyser->scratch);
    buffer_release(&analyser->texts);
    free(analyser->entries);
    free(analyser->slots);
    free(analyser->occurrences);
    free(analyser->positions);
    free(analyser->unsorted);
    free(analyser->terms);
    free(analyser->keys);
    free(analyser);
}

struct stemmer_set *analyser_stemmers(struct analyser *analyser)
{
    return analyser->stemmers;
}

/* Cuts the term that starts at `start` at a character and puts its hash behind it, if it is too long for
 * Xapian. */
static void bound_term(struct buffer *out, size_t start)
{
    if (out->length - start <= TERM_BYTES_MAX)
        return;
    uint64_t hash = hash_bytes(out->data + start, out->length - start);
    out->length = start + TERM_BYTES_MAX - TERM_HASH_DIGITS;
    while (((unsigned char)out->data[out->length] & 0xC0) == 0x80)
        out->length--;
    buffer_printf(out, "%016" PRIx64, hash);
}

bool term_for_name(enum term_field field, const char *name, size_t length, struct buffer *out)
{
    const char *prefix = term_fields[field].prefix;
    size_t start = out->length;
    buffer_append_string(out, prefix);
    bool colon = prefix[1] != '\0';
    if (colon)
        buffer_append_char(out, ':');
    size_t name_start = out->length;
    if (!text_normalise_name(name, length, out) || out->length == name_start) {
        out->length = start;
        out->data[start] = '\0';
        return false;
    }
    if (field == FIELD_LANGUAGE) { /* without the region: "en-GB" is found by "en" and the other way round */
        out->length = name_start + strcspn(out->data + name_start, "-_");
        out->data[out->length] = '\0';
    }
    if (!colon && out->data[name_start] == ':') {
        buffer_append_char(out, ':');
        memmove(out->data + name_start + 1, out->data + name_start, out->length - 1 - name_start);
        out->data[name_start] = ':';
    }
    bound_term(out, start);
    return true;
}

enum name_kind term_name_kind(const char *term, size_t length)
{
    for (int kind = 0; kind < NAME_KIND_COUNT; kind++) {
        size_t prefix = strlen(term_fields[kind].prefix);
        if (length > prefix && memcmp(term, term_fields[kind].prefix, prefix) == 0)
            return (enum name_kind)kind;
    }
    return NAME_KIND_COUNT;
}

const struct buffer *analyser_text(const struct analyser *analyser, size_t number)
{
    return number == 0 ? &analyser->title : number == 1 ? &analyser->summary : &analyser->body;
}

static void slots_reset(struct analyser *analyser, size_t count)
{
    analyser->slots = memory_grow(analyser->slots, &analyser->slot_capacity, count, sizeof *analyser->slots);
    analyser->slot_count = count;
    memset(analyser->slots, 0, count * sizeof *analyser->slots);
}

static void slots_grow(struct analyser *analyser)
{
    slots_reset(analyser, analyser->slot_count * 2);
    size_t mask = analyser->slot_count - 1;
    for (size_t i = 0; i < analyser->entry_count; i++) {
        size_t slot = analyser->entries[i].hash & mask;
        while (analyser->slots[slot] != 0)
            slot = (slot + 1) & mask;
        analyser->slots[slot] = (uint32_t)(i + 1);
    }
}

static uint32_t add_entry(struct analyser *analyser, uint64_t hash, const char *text, size_t length)
{
    size_t index = analyser->entry_count++;
    analyser->entries = memory_grow(analyser->entries, &analyser->entry_capacity, analyser->entry_count,
                                    sizeof *analyser->entries);
    analyser->entries[index] =
        (struct entry){.hash = hash, .text = analyser->texts.length, .length = (uint32_t)length};
    buffer_append(&analyser->texts, text, length);
    return (uint32_t)index;
}

/* The index of the term's entry, made if there is none. */
static uint32_t find_entry(struct analyser *analyser, const char *text, size_t length)
{
    if ((analyser->entry_count + 1) * 2 > analyser->slot_count)
        slots_grow(analyser);
    uint64_t hash = hash_bytes(text, length);
    size_t mask = analyser->slot_count - 1;
    size_t slot = hash & mask;
    for (; analyser->slots[slot] != 0; slot = (slot + 1) & mask) {
        const struct entry *entry = &analyser->entries[analyser->slots[slot] - 1];
        if (entry->hash == hash && entry->length == length &&
            memcmp(analyser->texts.data + entry->text, text, length) == 0)
            return analyser->slots[slot] - 1;
    }
    uint32_t index = add_entry(analyser, hash, text, length);
    analyser->slots[slot] = index + 1;
    return index;
}

static struct entry *add_occurrence(struct analyser *analyser, const char *text, size_t length,
                                    uint32_t position)
{
    uint32_t index = find_entry(analyser, text, length);
    size_t at = analyser->occurrence_count++;
    analyser->occurrences = memory_grow(analyser->occurrences, &analyser->occurrence_capacity,
                                        analyser->occurrence_count, sizeof *analyser->occurrences);
    analyser->occurrences[at] = (struct occurrence){index, position};
    analyser->entries[index].position_count++;
    return &analyser->entries[index];
}

static void add_body_word(struct analyser *analyser, const char *stem, size_t length, uint32_t position)
{
    struct entry *entry = add_occurrence(analyser, stem, length, position);
    entry->body_count++;
    signature_add(&analyser->signature_maker, entry->hash);
}

static void add_title_word(struct analyser *analyser, const char *stem, size_t length, uint32_t position)
{
    struct entry *entry = add_occurrence(analyser, stem, length, position);
    entry->title_count++;
    signature_add(&analyser->signature_maker, entry->hash);
    buffer_clear(&analyser->scratch);
    buffer_append_string(&analyser->scratch, term_fields[FIELD_TITLE].prefix);
    buffer_append(&analyser->scratch, stem, length);
    add_occurrence(analyser, analyser->scratch.data, analyser->scratch.length, position)->title_count++;
}

/* Adds the words of a field behind position `base`: how many there are. */
static uint32_t add_words(struct analyser *analyser, const struct buffer *text,
                          const struct language *language, uint32_t base, bool title)
{
    struct tokeniser tokeniser;
    struct token token;
    tokeniser_init(&tokeniser, text->data, text->length);
    signature_gap(&analyser->signature_maker);
    while (tokeniser_next(&tokeniser, &token)) {
        if (token.position > ANALYSE_WORDS_MAX)
            return ANALYSE_WORDS_MAX;
        const char *stem = token.text;
        size_t length = token.length;
        if (!token.ngram)
            stem = stemmer_stem(analyser->stemmers, language, token.text, token.length, &length);
        if (title)
            add_title_word(analyser, stem, length, base + token.position);
        else
            add_body_word(analyser, stem, length, base + token.position);
    }
    return tokeniser.position < ANALYSE_WORDS_MAX ? tokeniser.position : ANALYSE_WORDS_MAX;
}

static void normalise_field(const char *text, struct buffer *out)
{
    buffer_clear(out);
    text_normalise(text, strlen(text), out);
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static size_t skip_blanks(const struct buffer *text, size_t at)
{
    while (at < text->length && is_blank(text->data[at]))
        at++;
    return at;
}

static bool is_ascii_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Whether the body starts with the summary: white space and dots at the summary's end ("…") do not count. */
static bool body_starts_with(const struct buffer *body, const struct buffer *summary)
{
    size_t end = summary->length;
    while (end > 0 && (is_blank(summary->data[end - 1]) || summary->data[end - 1] == '.'))
        end--;
    bool cut = summary->length - end >= 3;
    size_t at = skip_blanks(body, 0);
    size_t summary_at = skip_blanks(summary, 0);
    while (summary_at < end) {
        if (at == body->length)
            return false;
        if (is_blank(summary->data[summary_at]) && is_blank(body->data[at])) {
            summary_at = skip_blanks(summary, summary_at);
            at = skip_blanks(body, at);
        } else if (summary->data[summary_at++] != body->data[at++]) {
            return false;
        }
    }
    /* "the cat" is not the beginning of "the category" */
    return cut || at == body->length || end == 0 || !is_ascii_word(body->data[at]) ||
           !is_ascii_word(summary->data[end - 1]);
}

/* Where the field behind one that ends at `last` starts: no phrase reaches across the gap. */
static uint32_t next_base(uint32_t last)
{
    return (last / FIELD_GAP + 1) * FIELD_GAP;
}

/* Adds title, summary and body: the number of words. */
static uint32_t add_text(struct analyser *analyser, const struct article *article,
                         const struct language *language)
{
    normalise_field(article->title, &analyser->title);
    normalise_field(article->summary, &analyser->summary);
    normalise_field(article->body, &analyser->body);
    uint32_t total = add_words(analyser, &analyser->title, language, 0, true);
    uint32_t last = total;
    if (analyser->summary.length != 0 && !body_starts_with(&analyser->body, &analyser->summary)) {
        uint32_t base = next_base(last);
        uint32_t words = add_words(analyser, &analyser->summary, language, base, false);
        last = base + words;
        total += words;
    }
    return total + add_words(analyser, &analyser->body, language, next_base(last), false);
}

static void add_name(struct analyser *analyser, enum term_field field, const char *name)
{
    buffer_clear(&analyser->scratch);
    if (name != NULL && name[0] != '\0' && term_for_name(field, name, strlen(name), &analyser->scratch))
        find_entry(analyser, analyser->scratch.data, analyser->scratch.length);
}

static void add_names(struct analyser *analyser, enum term_field field, const struct name_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        add_name(analyser, field, list->names[i]);
}

static void add_boolean_terms(struct analyser *analyser, const struct article *article,
                              const struct language *language)
{
    for (int kind = 0; kind < NAME_KIND_COUNT; kind++)
        add_names(analyser, (enum term_field)kind, &article->names[kind]);
    add_names(analyser, FIELD_AUTHOR, &article->authors);
    add_name(analyser, FIELD_CATEGORY, article->category);
    add_name(analyser, FIELD_SOURCE, article->source);
    add_name(analyser, FIELD_LANGUAGE, language_code(language));
    add_name(analyser, FIELD_SENTIMENT, sentiment_name(article->sentiment));
}

/* Sorts the occurrences by entry: each entry's positions in a row, in the order they were added. */
static void collect_positions(struct analyser *analyser)
{
    uint32_t first = 0;
    for (size_t i = 0; i < analyser->entry_count; i++) {
        analyser->entries[i].first_position = first;
        first += analyser->entries[i].position_count;
        analyser->entries[i].position_count = 0;
    }
    analyser->positions =
        memory_grow(analyser->positions, &analyser->position_capacity, first, sizeof *analyser->positions);
    for (size_t i = 0; i < analyser->occurrence_count; i++) {
        struct entry *entry = &analyser->entries[analyser->occurrences[i].entry];
        analyser->positions[entry->first_position + entry->position_count++] =
            analyser->occurrences[i].position;
    }
}

/* The first 8 bytes as a number that compares as they do; zeros behind a shorter term. */
static uint64_t head_of(const char *text, size_t length)
{
    uint64_t head = 0;
    memcpy(&head, text, length < sizeof head ? length : sizeof head);
    return __builtin_bswap64(head);
}

static int compare_keys(const void *left, const void *right)
{
    const struct sort_key *a = left, *b = right;
    if (a->head != b->head)
        return a->head < b->head ? -1 : 1;
    uint32_t shorter = a->term->length < b->term->length ? a->term->length : b->term->length;
    int order = memcmp(a->term->text, b->term->text, shorter);
    if (order != 0)
        return order;
    return (a->term->length > b->term->length) - (a->term->length < b->term->length);
}

static struct analysed_term term_of(const struct analyser *analyser, const struct entry *entry)
{
    return (struct analysed_term){
        .text = analyser->texts.data + entry->text,
        .length = entry->length,
        .body_count = entry->body_count,
        .title_count = entry->title_count,
        .positions = entry->position_count != 0 ? analyser->positions + entry->first_position : NULL,
        .position_count = entry->position_count,
    };
}

static void sort_terms(struct analyser *analyser)
{
    size_t count = analyser->entry_count;
    analyser->unsorted =
        memory_grow(analyser->unsorted, &analyser->unsorted_capacity, count, sizeof *analyser->unsorted);
    analyser->terms = memory_grow(analyser->terms, &analyser->term_capacity, count, sizeof *analyser->terms);
    analyser->keys = memory_grow(analyser->keys, &analyser->key_capacity, count, sizeof *analyser->keys);
    for (size_t i = 0; i < count; i++) {
        analyser->unsorted[i] = term_of(analyser, &analyser->entries[i]);
        analyser->keys[i].head = head_of(analyser->unsorted[i].text, analyser->unsorted[i].length);
        analyser->keys[i].term = &analyser->unsorted[i];
    }
    qsort(analyser->keys, count, sizeof *analyser->keys, compare_keys);
    for (size_t i = 0; i < count; i++)
        analyser->terms[i] = *analyser->keys[i].term;
}

void analyser_run(struct analyser *analyser, const struct article *article,
                  const struct language *default_language, struct analysis *analysis)
{
    const struct language *language = article->language[0] != '\0' ? language_find(article->language) : NULL;
    if (language == NULL)
        language = default_language;
    buffer_clear(&analyser->texts);
    analyser->entry_count = 0;
    analyser->occurrence_count = 0;
    slots_reset(analyser, SLOTS_MIN);
    signature_begin(&analyser->signature_maker);
    analysis->length = add_text(analyser, article, language);
    add_boolean_terms(analyser, article, language);
    collect_positions(analyser);
    sort_terms(analyser);
    analysis->terms = analyser->terms;
    analysis->term_count = analyser->entry_count;
    analysis->language = language;
    signature_finish(&analyser->signature_maker, &analyser->signature);
    analysis->signature = &analyser->signature;
}
