/* catch_up.c - from the change log to the hot segment: each change exactly once, in order. */
#include "index/index_private.h"

#include "base/counters.h"
#include "base/log.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

#define BATCH_CHANGES 500 /* a commit holds at most this many, so that none takes long */
#define READ_ATTEMPTS 3

struct change_list {
    struct store_change *changes;
    size_t count;
    size_t capacity;
};

struct catch_up {
    struct index *index;
    struct store_reader *reader;
    struct document_maker *maker;
    struct change_list list;
    uint64_t *replaced; /* docids that a later change of the same batch replaces, sorted */
    size_t replaced_capacity;
    struct buffer text;
};

struct catch_up *catch_up_new(struct index *index, struct error *error)
{
    struct catch_up *catch_up = memory_zeroed(1, sizeof *catch_up);
    catch_up->index = index;
    catch_up->maker = document_maker_new();
    if (store_reader_open(&index->options.store, &catch_up->reader, error) != 0) {
        catch_up_free(catch_up);
        return NULL;
    }
    return catch_up;
}

void catch_up_free(struct catch_up *catch_up)
{
    if (catch_up == NULL)
        return;
    store_reader_close(catch_up->reader);
    document_maker_free(catch_up->maker);
    free(catch_up->list.changes);
    free(catch_up->replaced);
    buffer_release(&catch_up->text);
    free(catch_up);
}

static bool note_change(void *context, const struct store_change *change, const char *id)
{
    (void)id;
    struct change_list *list = context;
    list->changes = memory_grow(list->changes, &list->capacity, list->count + 1, sizeof *list->changes);
    list->changes[list->count++] = *change;
    return true;
}

static int compare_numbers(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

/* Reads the next changes and which versions they make superfluous. *reached: the revision after this batch.
 */
static int read_batch(struct catch_up *catch_up, uint64_t first, uint64_t last, uint64_t *reached,
                      struct error *error)
{
    catch_up->list.count = 0;
    uint64_t next;
    if (store_changes(catch_up->reader, first, last, BATCH_CHANGES, note_change, &catch_up->list, &next,
                      error) != 0)
        return -1;
    *reached = next - 1;
    catch_up->replaced = memory_grow(catch_up->replaced, &catch_up->replaced_capacity,
                                     catch_up->list.count + 1, sizeof *catch_up->replaced);
    for (size_t i = 0; i < catch_up->list.count; i++)
        catch_up->replaced[i] = catch_up->list.changes[i].previous;
    qsort(catch_up->replaced, catch_up->list.count, sizeof *catch_up->replaced, compare_numbers);
    return 0;
}

static bool is_replaced(const struct catch_up *catch_up, uint64_t docid)
{
    return bsearch(&docid, catch_up->replaced, catch_up->list.count, sizeof docid, compare_numbers) != NULL;
}

/* The version's text; not_found if a newer one has replaced it. A read that fails is tried again: what is
 * left out here stays out until the next reindex. */
static int read_version(struct catch_up *catch_up, uint64_t docid, int64_t *views, struct error *error)
{
    for (int attempt = 1;; attempt++) {
        buffer_clear(&catch_up->text);
        int result = store_get_version(catch_up->reader, docid, &catch_up->text, views, error);
        if (result == 0 || error->code == ERROR_NOT_FOUND || attempt == READ_ATTEMPTS)
            return result;
    }
}

/* Adds one version to the hot segment. Failure means the hot segment, not the article: those that cannot be
 * read are left out and counted. */
static int add_version(struct catch_up *catch_up, struct generation *generation, struct hot *hot,
                       uint64_t docid, bool recall, struct error *error)
{
    int64_t views = 0;
    struct error reason = ERROR_INIT;
    struct article *article = NULL;
    if (read_version(catch_up, docid, &views, &reason) != 0 ||
        article_from_text(catch_up->text.data, catch_up->text.length, &article, &reason) != 0) {
        if (reason.code != ERROR_NOT_FOUND) {
            log_error("an article cannot be read and is left out of the index revision=%llu: %s",
                      (unsigned long long)docid, reason.message);
            counter_add(COUNTER_INDEX_SKIPPED, 1);
        }
        return 0;
    }
    struct document document;
    document_make(catch_up->maker, &generation->settings, &generation->epoch->statistics, article, &document);
    int result = 0;
    if (recall)
        hot_recall(hot, (uint32_t)docid, article, &document, views);
    else
        result = hot_add(hot, (uint32_t)docid, article, &document, views, error);
    article_free(article);
    return result;
}

static int apply_batch(struct catch_up *catch_up, struct generation *generation, uint64_t reached,
                       struct error *error)
{
    struct hot *hot = generation_active(generation);
    for (size_t i = 0; i < catch_up->list.count; i++) {
        const struct store_change *change = &catch_up->list.changes[i];
        if (!change->deleted && !is_replaced(catch_up, change->revision) &&
            add_version(catch_up, generation, hot, change->revision, false, error) != 0)
            return -1;
    }
    for (size_t i = 0; i < catch_up->list.count; i++)
        generation_kill(generation, (uint32_t)catch_up->list.changes[i].previous,
                        (uint32_t)catch_up->list.changes[i].revision);
    if (hot_commit(hot, reached, error) != 0)
        return -1;
    counter_add(COUNTER_INDEX_COMMITS, 1);
    generation->position = reached;
    return 0;
}

int catch_up_run(struct catch_up *catch_up, struct generation *generation, uint64_t last, struct error *error)
{
    uint64_t reached;
    if (generation->position >= last)
        return 0;
    if (read_batch(catch_up, generation->position + 1, last, &reached, error) != 0)
        return -1;
    return apply_batch(catch_up, generation, reached, error);
}

int catch_up_kill(struct catch_up *catch_up, struct generation *generation, uint64_t first, uint64_t last,
                  struct error *error)
{
    uint64_t next = first;
    while (next <= last) {
        catch_up->list.count = 0;
        if (store_changes(catch_up->reader, next, last, 10000, note_change, &catch_up->list, &next, error) !=
            0)
            return -1;
        for (size_t i = 0; i < catch_up->list.count; i++)
            generation_kill(generation, (uint32_t)catch_up->list.changes[i].previous,
                            (uint32_t)catch_up->list.changes[i].revision);
    }
    return 0;
}

/* ---- hot segments that are there already ---- */

struct recall {
    struct catch_up *catch_up;
    struct generation *generation;
    struct hot *hot;
};

static bool recall_article(void *context, uint64_t docid, const char *id, const char *text, size_t length,
                           int64_t views)
{
    (void)id;
    struct recall *recall = context;
    struct article *article;
    if (article_from_text(text, length, &article, NULL) != 0)
        return true;
    struct document document;
    document_make(recall->catch_up->maker, &recall->generation->settings,
                  &recall->generation->epoch->statistics, article, &document);
    hot_recall(recall->hot, (uint32_t)docid, article, &document, views);
    article_free(article);
    return true;
}

static int recall_slices(struct catch_up *catch_up, struct generation *generation, struct hot *hot,
                         struct error *error)
{
    struct recall recall = {catch_up, generation, hot};
    uint64_t next = hot->base + 1;
    while (next <= hot->position)
        if (store_scan(catch_up->reader, next, hot->position, 1000, recall_article, &recall, &next, error) !=
            0)
            return -1;
    return hot_commit_recalled(hot, error);
}

int catch_up_hots(struct catch_up *catch_up, struct generation *generation, struct error *error)
{
    const struct generation_places *places = &generation->places;
    uint32_t epoch = generation->epoch->statistics.epoch;
    uint64_t cursor = generation->sealed_position;
    struct hot *hot;
    while (generation_active(generation) == NULL ||
           generation_active(generation)->position > generation_active(generation)->base) {
        struct error reason = ERROR_INIT;
        if (hot_take_up(places->hot_directory, generation->identity, cursor, epoch, places->hot_sync, &hot,
                        &reason) != 0)
            break;
        if (recall_slices(catch_up, generation, hot, error) != 0) {
            hot_free(hot);
            return -1;
        }
        cursor = hot->position;
        if (generation_active(generation) != NULL)
            hot_freeze(generation_active(generation));
        generation_add_hot(generation, hot);
    }
    if (generation_active(generation) == NULL) {
        if (hot_create(places->hot_directory, generation->identity, cursor, epoch, places->hot_sync, &hot,
                       error) != 0)
            return -1;
        generation_add_hot(generation, hot);
    }
    if (catch_up_kill(catch_up, generation, generation->sealed_position + 1, cursor, error) != 0)
        return -1;
    generation->position = cursor;
    return 0;
}
