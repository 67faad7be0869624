#include "corpus.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/hash.h"
#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

uint64_t random_next(struct random *random)
{
    uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint32_t random_below(struct random *random, uint32_t bound)
{
    return (uint32_t)(random_next(random) >> 11) % bound;
}

char *directory_new(void)
{
    char *directory = memory_copy_string("/tmp/storyd-unit-XXXXXX");
    assert_non_null(mkdtemp(directory));
    return directory;
}

void directory_drop(char *directory)
{
    assert_int_equal(file_remove_tree(directory, NULL), 0);
    free(directory);
}

void file_spoil(const char *path, size_t offset, unsigned char mask)
{
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, (long)offset, SEEK_SET), 0);
    int byte = fgetc(file);
    assert_int_not_equal(byte, EOF);
    assert_int_equal(fseek(file, (long)offset, SEEK_SET), 0);
    assert_int_not_equal(fputc(byte ^ mask, file), EOF);
    assert_int_equal(fclose(file), 0);
}

size_t file_size(const char *path)
{
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    return (size_t)status.st_size;
}

/* ---- articles ---- */

struct article *article_of(const char *text)
{
    char *json = memory_copy_string(text);
    for (char *at = json; (at = strchr(at, '\'')) != NULL;)
        *at = '"';
    struct article *article = NULL;
    struct error error = ERROR_INIT;
    if (article_from_text(json, strlen(json), &article, &error) != 0)
        fail_msg("%s: %s", text, error.message);
    free(json);
    return article;
}

static void add_names(struct random *random, struct buffer *json, const char *key, const char *stem,
                      uint32_t vocabulary, uint32_t most)
{
    uint32_t count = random_below(random, most + 1);
    buffer_printf(json, ",\"%s\":[", key);
    for (uint32_t i = 0; i < count; i++)
        buffer_printf(json, "%s\"%s %u\"", i != 0 ? "," : "", stem, random_below(random, vocabulary));
    buffer_append_char(json, ']');
}

/* Low numbers are common, high ones rare. */
static void add_words(struct random *random, struct buffer *json, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t bound = 1 + random_below(random, 400);
        buffer_printf(json, " word%c%u", (char)('a' + bound % 7), random_below(random, bound));
    }
}

struct article *article_at_random(struct random *random, const char *id)
{
    static const char *const languages[] = {"en", "de", "fr"};
    static const char *const sentiments[] = {"positive", "neutral", "negative"};
    struct buffer json = BUFFER_INIT;
    buffer_printf(&json, "{\"id\":\"%s\",\"title\":\"Title", id);
    add_words(random, &json, random_below(random, 4));
    buffer_append_string(&json, "\",\"body\":\"");
    add_words(random, &json, random_below(random, 60));
    buffer_append_char(&json, '"');
    add_names(random, &json, "tags", "Tag", 20, 5);
    add_names(random, &json, "people", "Person", 40, 3);
    add_names(random, &json, "organizations", "Firm", 15, 2);
    add_names(random, &json, "products", "Thing", 9, 1);
    bool is_small = random->small_towns && random_below(random, 12) == 0;
    add_names(random, &json, "places", "Town", is_small ? 250 : 12, 2);
    add_names(random, &json, "authors", "Author", 8, 3);
    if (random_below(random, 4) != 0)
        buffer_printf(&json, ",\"category\":\"Category %u\"", random_below(random, 6));
    if (random_below(random, 4) != 0)
        buffer_printf(&json, ",\"source\":\"Source %u\"", random_below(random, 5));
    if (random_below(random, 4) != 0)
        buffer_printf(&json, ",\"language\":\"%s\"", languages[random_below(random, 3)]);
    if (random_below(random, 4) != 0)
        buffer_printf(&json, ",\"sentiment\":\"%s\"", sentiments[random_below(random, 3)]);
    if (random_below(random, 5) != 0)
        buffer_printf(&json, ",\"published\":\"2025-%02u-%02uT%02u:00:00Z\"", 1 + random_below(random, 12),
                      1 + random_below(random, 28), random_below(random, 24));
    buffer_append_char(&json, '}');
    struct article *article = article_of(json.data);
    buffer_release(&json);
    return article;
}

/* ---- what is made of them ---- */

struct epoch *epoch_of(uint32_t number, uint64_t documents, const char *const *terms,
                       const uint32_t *frequencies, size_t count)
{
    struct statistics_builder *builder = statistics_builder_new();
    for (size_t i = 0; i < count; i++)
        statistics_builder_add(builder, terms[i], strlen(terms[i]), frequencies[i]);
    size_t length;
    char *block = statistics_builder_finish(builder, documents, number, &length);
    statistics_builder_free(builder);
    struct epoch *epoch = NULL;
    assert_int_equal(epoch_new(image_bytes_of_block(block, length), &epoch, NULL), 0);
    return epoch;
}

void pile_begin(struct pile *pile, struct epoch *epoch, const char *xapian_path)
{
    *pile = (struct pile){
        .maker = document_maker_new(),
        .settings = {.default_language = language_find("en"),
                     .title_weight = 2,
                     .average_length = 40,
                     .key_terms = 16},
        .epoch = epoch,
        .rows = rows_builder_new(),
        .features = features_builder_new(&epoch->statistics),
    };
    struct error error = ERROR_INIT;
    if (xapian_path != NULL &&
        xapian_writer_open(xapian_path, true, false, &pile->writer, &error) != XAPIAN_OK)
        fail_msg("%s", error.message);
}

void pile_add(struct pile *pile, uint32_t docid, const struct article *article)
{
    struct document document;
    struct error error = ERROR_INIT;
    document_make(pile->maker, &pile->settings, &pile->epoch->statistics, article, &document);
    rows_builder_add(pile->rows, docid, article, document.language, document.length, article->views,
                     document.signature);
    features_builder_add(pile->features, document.features, 0);
    if (pile->writer != NULL &&
        xapian_writer_add(pile->writer, docid, document.terms, document.term_count, &error) != XAPIAN_OK)
        fail_msg("%s", error.message);
}

void pile_add_random(struct pile *pile, struct random *random, uint32_t first, uint32_t step, uint32_t count,
                     uint32_t ids)
{
    for (uint32_t i = 0; i < count; i++) {
        char id[16];
        snprintf(id, sizeof id, "a%u", random_below(random, ids));
        struct article *article = article_at_random(random, id);
        pile_add(pile, first + i * step, article);
        article_free(article);
    }
}

void pile_finish(struct pile *pile, struct image_bytes *rows, struct image_bytes *features)
{
    slice_images(pile->rows, pile->features, rows, features);
    if (pile->writer != NULL)
        assert_int_equal(xapian_writer_commit(pile->writer, 1, "test", NULL), XAPIAN_OK);
    xapian_writer_close(pile->writer);
    document_maker_free(pile->maker);
    rows_builder_free(pile->rows);
    features_builder_free(pile->features);
}

struct slice *pile_finish_slice(struct pile *pile)
{
    struct image_bytes rows;
    struct image_bytes features;
    struct slice *slice = NULL;
    struct error error = ERROR_INIT;
    pile_finish(pile, &rows, &features);
    if (slice_new(rows, features, &slice, &error) != 0)
        fail_msg("%s", error.message);
    return slice;
}

struct segment *pile_finish_segment(struct pile *pile, const char *generation, const char *name)
{
    struct image_bytes rows;
    struct image_bytes features;
    struct segment *segment = NULL;
    struct error error = ERROR_INIT;
    uint32_t epoch = pile->epoch->statistics.epoch;
    char *directory = file_join(generation, name);
    struct buffer database = BUFFER_INIT;
    buffer_printf(&database, "%s.writing", directory);
    const char *source = database.data;
    pile_finish(pile, &rows, &features);
    if (segment_create(directory, &source, 1, &rows, &features, epoch, &error) != 0 ||
        segment_open(generation, name, epoch, NULL, &segment, &error) != 0)
        fail_msg("%s", error.message);
    assert_int_equal(file_remove_tree(source, NULL), 0);
    buffer_release(&database);
    free(directory);
    image_bytes_release(&rows);
    image_bytes_release(&features);
    return segment;
}

struct slice *slice_at_random(struct random *random, struct epoch *epoch, uint32_t first, uint32_t step,
                              uint32_t count)
{
    struct pile pile;
    pile_begin(&pile, epoch, NULL);
    pile_add_random(&pile, random, first, step, count, count * 2);
    return pile_finish_slice(&pile);
}

struct epoch *epoch_of_corpus(uint32_t number, struct random random, uint32_t articles)
{
    struct epoch *empty = epoch_of(number, articles, NULL, NULL, 0);
    struct slice *slice = slice_at_random(&random, empty, 1, 1, articles);
    struct statistics_builder *builder = statistics_builder_new();
    const struct features *features = &slice->features;
    const uint32_t *starts = features->timeline.list_starts;
    for (uint32_t i = 0; i < features->terms.count; i++) {
        size_t length;
        const char *term = dictionary_term(&features->terms, i, &length);
        if (starts[i + 1] != starts[i])
            statistics_builder_add(builder, term, length, starts[i + 1] - starts[i]);
    }
    size_t length;
    char *block = statistics_builder_finish(builder, articles, number, &length);
    struct epoch *epoch = NULL;
    assert_int_equal(epoch_new(image_bytes_of_block(block, length), &epoch, NULL), 0);
    statistics_builder_free(builder);
    slice_release(slice);
    epoch_release(empty);
    return epoch;
}

/* ---- searches ---- */

struct found {
    uint32_t *docids;
    size_t capacity;
    size_t count;
};

static bool note_docid(void *context, uint32_t docid)
{
    struct found *found = context;
    found->docids = memory_grow(found->docids, &found->capacity, found->count + 1, sizeof(uint32_t));
    found->docids[found->count++] = docid;
    return false;
}

static int compare_docids(const void *left, const void *right)
{
    const uint32_t *a = left;
    const uint32_t *b = right;
    return (*a > *b) - (*a < *b);
}

uint32_t *docids_matching(const struct xapian_source *sources, size_t source_count,
                          const struct query_node *node, size_t *count)
{
    struct found found = {memory_allocate(sizeof(uint32_t)), 1, 0};
    struct xapian_reader *reader = xapian_reader_new();
    struct xapian_search search = {
        .sources = sources,
        .source_count = source_count,
        .query = node,
        .wildcard_expansions = 100,
        .check_at_least = SIZE_MAX,
        .accept = note_docid,
        .accept_context = &found,
    };
    struct xapian_result result;
    struct error error = ERROR_INIT;
    if (xapian_search(reader, &search, &result, &error) != XAPIAN_OK)
        fail_msg("%s", error.message);
    xapian_reader_free(reader);
    qsort(found.docids, found.count, sizeof(uint32_t), compare_docids);
    *count = found.count;
    return found.docids;
}

struct query *query_of(const char *text)
{
    static const struct query_limits limits = {1000, 100, 10, 5, 2, 100, 20};
    struct stemmer_set *stemmers = stemmer_set_new();
    struct query *query = NULL;
    struct error error = ERROR_INIT;
    if (query_parse(text, strlen(text), language_find("en"), stemmers, &limits, &query, &error) != 0)
        fail_msg("%s", error.message);
    stemmer_set_free(stemmers);
    return query;
}
