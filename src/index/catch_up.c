/* catch_up.c - from the change log to the hot segment: each change exactly once, in order. */
#include "index/index_private.h"

#include "base/counters.h"
#include "base/log.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

#define BATCH_ARTICLES 500 /* a commit holds at most this many, so that none takes long */
#define KILL_CHANGES 10000 /* changes read in one go */

/* Changes that may end an older version. */
struct change_list {
    struct listed_change {
        struct store_change change;
        size_t id; /* where its id starts in `ids` */
    } * changes;
    size_t count;
    size_t capacity;
    struct buffer ids; /* each with its final zero */
};

struct catch_up {
    struct index *index;
    struct store_reader *reader;
    struct document_maker *maker;
    struct change_list list;
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
    buffer_release(&catch_up->list.ids);
    free(catch_up);
}

/* ---- present versions ---- */

struct adding {
    struct catch_up *catch_up;
    struct generation *generation;
    struct hot *hot;
    uint64_t last; /* docid seen last */
    bool failed;   /* the hot segment did */
    struct error *error;
};

/* An article that cannot be read is left out and counted; failure means the hot segment. */
static bool add_article(void *context, uint64_t docid, const char *id, const char *text, size_t length,
                        int64_t views)
{
    struct adding *adding = context;
    struct article *article;
    struct error reason = ERROR_INIT;
    adding->last = docid;
    if (article_from_text(text, length, &article, &reason) != 0) {
        char safe[256];
        log_error("a stored article cannot be read and is left out of the index id=%s revision=%llu: %s",
                  log_safe(safe, sizeof safe, id, strlen(id)), (unsigned long long)docid, reason.message);
        counter_add(COUNTER_INDEX_SKIPPED, 1);
        return true;
    }
    struct document document;
    document_make(adding->catch_up->maker, &adding->generation->settings,
                  &adding->generation->epoch->statistics, article, &document);
    uint32_t original =
        copy_marks_article(adding->generation->copies, (uint32_t)docid, article, document.signature);
    adding->failed =
        hot_add(adding->hot, (uint32_t)docid, article, &document, views, original, adding->error) != 0;
    article_free(article);
    return !adding->failed;
}

/*
 * Adds the present versions behind the generation's position, as one look at the store shows them, and says
 * which revision that takes it to: at least `last`, unless there are too many. The look reaches further than
 * `last`: of an article that is written all the time only the newest version can be read, and a batch that
 * ended before it would never hold any.
 */
static int add_present(struct catch_up *catch_up, struct generation *generation, uint64_t last,
                       uint64_t *reached, struct error *error)
{
    struct adding adding = {
        .catch_up = catch_up, .generation = generation, .hot = generation_active(generation), .error = error};
    uint64_t next;
    copy_finder_rewind(generation->copies, generation->position); /* the batch may be tried again */
    if (store_scan(catch_up->reader, generation->position + 1, UINT32_MAX, BATCH_ARTICLES, add_article,
                   &adding, &next, error) != 0 ||
        adding.failed)
        return -1;
    *reached = next <= UINT32_MAX ? next - 1 : adding.last > last ? adding.last : last;
    return 0;
}

/* ---- older versions ---- */

static bool list_change(void *context, const struct store_change *change, const char *id)
{
    struct change_list *list = context;
    if (change->previous == 0)
        return true;
    list->changes = memory_grow(list->changes, &list->capacity, list->count + 1, sizeof *list->changes);
    list->changes[list->count++] = (struct listed_change){*change, list->ids.length};
    buffer_append(&list->ids, id, strlen(id) + 1);
    return true;
}

static int list_changes(struct catch_up *catch_up, uint64_t first, uint64_t last, struct error *error)
{
    struct change_list *list = &catch_up->list;
    list->count = 0;
    buffer_clear(&list->ids);
    for (uint64_t next = first; next <= last;)
        if (store_changes(catch_up->reader, next, last, KILL_CHANGES, list_change, list, &next, error) != 0)
            return -1;
    return 0;
}

static void apply_listed(const struct catch_up *catch_up, struct generation *generation)
{
    const struct change_list *list = &catch_up->list;
    for (size_t i = 0; i < list->count; i++)
        generation_apply(generation, &list->changes[i].change, list->ids.data + list->changes[i].id);
}

/* Nothing of the batch can fail once it is committed: so it can be tried again from the same position. */
int catch_up_run(struct catch_up *catch_up, struct generation *generation, uint64_t last, struct error *error)
{
    struct hot *hot = generation_active(generation);
    uint64_t reached;
    if (generation->position >= last)
        return 0;
    if (add_present(catch_up, generation, last, &reached, error) != 0 ||
        list_changes(catch_up, generation->position + 1, reached, error) != 0 ||
        hot_commit(hot, reached, error) != 0) {
        hot_forget_pending(hot);
        return -1;
    }
    apply_listed(catch_up, generation);
    counter_add(COUNTER_INDEX_COMMITS, 1);
    generation->position = reached;
    return 0;
}

static bool apply_change(void *context, const struct store_change *change, const char *id)
{
    generation_apply(context, change, id);
    return true;
}

int catch_up_kill(struct catch_up *catch_up, struct generation *generation, uint64_t first, uint64_t last,
                  struct error *error)
{
    for (uint64_t next = first; next <= last;)
        if (store_changes(catch_up->reader, next, last, KILL_CHANGES, apply_change, generation, &next,
                          error) != 0)
            return -1;
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
    uint32_t original =
        copy_marks_article(recall->generation->copies, (uint32_t)docid, article, document.signature);
    hot_recall(recall->hot, (uint32_t)docid, article, &document, views, original);
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
    uint64_t cursor = generation->sealed_position;
    struct store_figures figures;
    struct hot *hot;
    if (store_figures(catch_up->reader, &figures, error) != 0)
        return -1;
    /* names are found with the table of today, and the database has those of the day it was filled: the
     * catalog must not say anything else */
    bool take_up = !generation->settings.find_names;
    while (take_up && (generation_active(generation) == NULL ||
                       generation_active(generation)->position > generation_active(generation)->base)) {
        struct error reason = ERROR_INIT;
        if (hot_take_up(places->hot_directory, generation->identity, cursor, generation->epoch,
                        places->hot_sync, &hot, &reason) != 0)
            break;
        if (hot->position > figures.head) {
            log_warning("a hot segment goes to revision %llu, but the store ends at %llu: it is filled again",
                        (unsigned long long)hot->position, (unsigned long long)figures.head);
            hot_free(hot);
            break;
        }
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
        if (hot_create(places->hot_directory, generation->identity, cursor, generation->epoch,
                       places->hot_sync, &hot, error) != 0)
            return -1;
        generation_add_hot(generation, hot);
    }
    if (catch_up_kill(catch_up, generation, generation->sealed_position + 1, cursor, error) != 0)
        return -1;
    generation->position = cursor;
    return 0;
}
