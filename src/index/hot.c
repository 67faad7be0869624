#include "index/hot.h"

#include "base/log.h"
#include "base/memory.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

static char *prefix_of(const char *owner, uint64_t base)
{
    struct buffer prefix = BUFFER_INIT;
    buffer_printf(&prefix, "hot.%s.%llu.", owner, (unsigned long long)base);
    return buffer_steal(&prefix);
}

/* The newest serial number of this base and owner; 0 if there is none. */
static unsigned long newest_serial(const char *hot_directory, const char *owner, uint64_t base)
{
    unsigned long newest = 0;
    DIR *directory = opendir(hot_directory);
    if (directory == NULL)
        return 0;
    char *prefix = prefix_of(owner, base);
    size_t length = strlen(prefix);
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (strncmp(entry->d_name, prefix, length) != 0)
            continue;
        unsigned long serial = strtoul(entry->d_name + length, NULL, 10);
        if (serial > newest)
            newest = serial;
    }
    free(prefix);
    closedir(directory);
    return newest;
}

static struct hot *make(const char *hot_directory, const char *owner, uint64_t base, unsigned long serial,
                        struct epoch *epoch, bool sync)
{
    struct buffer directory = BUFFER_INIT;
    char *prefix = prefix_of(owner, base);
    buffer_printf(&directory, "%s/%s%lu", hot_directory, prefix, serial);
    free(prefix);
    struct hot *hot = memory_zeroed(1, sizeof *hot);
    hot->place = segment_place_new(directory.data, directory.data);
    hot->owner = memory_copy_string(owner);
    hot->base = base;
    hot->position = base;
    hot->version = 1;
    hot->epoch = epoch_retain(epoch);
    hot->sync = sync;
    buffer_release(&directory);
    return hot;
}

int hot_create(const char *hot_directory, const char *owner, uint64_t base, struct epoch *epoch, bool sync,
               struct hot **result, struct error *error)
{
    unsigned long serial = newest_serial(hot_directory, owner, base) + 1;
    struct hot *hot = make(hot_directory, owner, base, serial, epoch, sync);
    if (file_make_directory(hot->place->directory, error) != 0 ||
        xapian_writer_open(hot->place->xapian_path, true, sync, &hot->writer, error) != XAPIAN_OK ||
        xapian_writer_commit(hot->writer, base, owner, error) != XAPIAN_OK) {
        atomic_store(&hot->place->obsolete, true);
        hot_free(hot);
        return -1;
    }
    *result = hot;
    return 0;
}

static bool skip_term(void *context, const char *term, size_t length, uint32_t document_frequency)
{
    (void)context;
    (void)term;
    (void)length;
    (void)document_frequency;
    return true;
}

static bool skip_document(void *context, uint32_t docid, const struct xapian_stem *stems, size_t count)
{
    (void)context;
    (void)docid;
    (void)stems;
    (void)count;
    return true;
}

/* It is small, and nothing has a checksum of it: read it once before it is trusted. */
static bool is_readable(const char *path, struct error *error)
{
    return xapian_all_terms(path, skip_term, NULL, error) == XAPIAN_OK &&
           xapian_all_documents(path, skip_document, NULL, error) == XAPIAN_OK;
}

int hot_take_up(const char *hot_directory, const char *owner, uint64_t base, struct epoch *epoch, bool sync,
                struct hot **result, struct error *error)
{
    unsigned long serial = newest_serial(hot_directory, owner, base);
    if (serial == 0)
        return error_set(error, ERROR_NOT_FOUND, "no hot segment to go on with");
    struct hot *hot = make(hot_directory, owner, base, serial, epoch, sync);
    char found[64] = "";
    uint32_t last_docid;
    struct error reason = ERROR_INIT;
    const char *path = hot->place->xapian_path;
    if (xapian_position(path, &hot->position, found, sizeof found, &reason) != XAPIAN_OK ||
        xapian_count(path, &hot->documents, &last_docid, &reason) != XAPIAN_OK || strcmp(found, owner) != 0 ||
        hot->position < base || !is_readable(path, &reason) ||
        xapian_writer_open(path, false, sync, &hot->writer, &reason) != XAPIAN_OK) {
        log_warning("a hot segment cannot be used, it is filled again path=%s: %s", path, reason.message);
        hot_free(hot);
        return error_set(error, ERROR_NOT_FOUND, "no hot segment to go on with");
    }
    *result = hot;
    return 0;
}

void hot_recall(struct hot *hot, uint32_t docid, const struct article *article,
                const struct document *document, int64_t views, uint32_t original)
{
    if (hot->pending_rows == NULL) {
        hot->pending_rows = rows_builder_new();
        hot->pending_features = features_builder_new(&hot->epoch->statistics);
    }
    rows_builder_add(hot->pending_rows, docid, article, document->language, document->length, views,
                     document->signature);
    rows_builder_add_found(hot->pending_rows, document->found, document->found_count);
    features_builder_add(hot->pending_features, document->features, original);
}

int hot_add(struct hot *hot, uint32_t docid, const struct article *article, const struct document *document,
            int64_t views, uint32_t original, struct error *error)
{
    if (xapian_writer_add(hot->writer, docid, document->terms, document->term_count, error) != XAPIAN_OK)
        return -1;
    hot_recall(hot, docid, article, document, views, original);
    return 0;
}

void hot_forget_pending(struct hot *hot)
{
    rows_builder_free(hot->pending_rows);
    features_builder_free(hot->pending_features);
    hot->pending_rows = NULL;
    hot->pending_features = NULL;
}

static void append_slice(struct hot *hot, struct slice *slice)
{
    hot->slices = memory_resize(hot->slices, hot->slice_count + 1, sizeof(struct slice *));
    hot->slices[hot->slice_count++] = slice;
}

/* Joins the last slices while the one before is less than twice their size: a few slices, each row copied a
 * few times. */
static int join_tail(struct hot *hot, uint64_t revision, struct error *error)
{
    size_t first = hot->slice_count - 1;
    uint64_t rows = hot->slices[first]->rows->count;
    while (first > 0 && hot->slices[first - 1]->rows->count < rows * 2)
        rows += hot->slices[--first]->rows->count;
    size_t count = hot->slice_count - first;
    if (count < 2)
        return 0;
    struct image_bytes row_bytes;
    struct image_bytes feature_bytes;
    struct slice *joined;
    slices_join(hot->slices + first, count, revision, &hot->epoch->statistics, &row_bytes, &feature_bytes);
    if (slice_new(row_bytes, feature_bytes, &joined, error) != 0)
        return -1;
    for (size_t i = first; i < hot->slice_count; i++) {
        slice_inherit(joined, hot->slices[i]);
        slice_release(hot->slices[i]);
    }
    hot->slice_count = first;
    append_slice(hot, joined);
    return 0;
}

/* The pending rows become a slice. */
static int finish_pending(struct hot *hot, uint64_t revision, struct error *error)
{
    if (hot->pending_rows == NULL)
        return 0;
    struct image_bytes rows;
    struct image_bytes features;
    slice_images(hot->pending_rows, hot->pending_features, &rows, &features);
    hot_forget_pending(hot);
    struct slice *slice;
    if (slice_new(rows, features, &slice, error) != 0)
        return -1;
    append_slice(hot, slice);
    return join_tail(hot, revision, error);
}

int hot_commit(struct hot *hot, uint64_t position, struct error *error)
{
    hot->attempted = position;
    if (xapian_writer_commit(hot->writer, position, hot->owner, error) != XAPIAN_OK)
        return -1;
    hot->position = position;
    hot->version++;
    hot->documents = xapian_writer_count(hot->writer);
    return finish_pending(hot, position, error);
}

int hot_commit_recalled(struct hot *hot, struct error *error)
{
    return finish_pending(hot, hot->position, error);
}

void hot_freeze(struct hot *hot)
{
    xapian_writer_close(hot->writer);
    hot->writer = NULL;
}

static void release_slices(struct hot *hot)
{
    for (size_t i = 0; i < hot->slice_count; i++)
        slice_release(hot->slices[i]);
    hot->slice_count = 0;
}

void hot_replace_slices(struct hot *hot, struct slice *slice, struct epoch *epoch)
{
    release_slices(hot);
    epoch_release(hot->epoch);
    hot->epoch = epoch_retain(epoch);
    if (slice != NULL)
        append_slice(hot, slice);
}

void hot_free(struct hot *hot)
{
    if (hot == NULL)
        return;
    hot_forget_pending(hot);
    xapian_writer_close(hot->writer);
    release_slices(hot);
    epoch_release(hot->epoch);
    free(hot->slices);
    segment_place_release(hot->place);
    free(hot->owner);
    free(hot);
}
