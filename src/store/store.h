/*
 * store.h - the truth: articles, views, profiles and the change log. The rest of storyd sees the store only
 * through this header; SQLite is behind it today (store_*.c), PostgreSQL is to stand beside it.
 *
 * One `struct store_writer` exists, used by the committer thread alone (it also makes every checkpoint). Any
 * number of `struct store_reader`, each used by one thread at a time; a reader sees the last commit at each
 * call and keeps no read transaction between calls. Every row carries a CRC-32C of its text; a row that fails
 * it is named in the error
 * (`unavailable`), counted (COUNTER_STORE_BAD_ROWS) and never changed or deleted.
 */
#ifndef STORYD_STORE_STORE_H
#define STORYD_STORE_STORE_H

#include "base/buffer.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct store_writer;
struct store_reader;

struct store_options {
    const char *directory;    /* DATA; store.db and its lock file live there */
    int64_t disk_floor_bytes; /* below this much free space writes are refused: unavailable, "disk_low" */
    int64_t cache_bytes;      /* SQLite's page cache for this connection; 0 = 16 MB */
};

/*
 * Opens (or creates) the store. Takes the lock file so that no second storyd uses the directory: conflict if
 * one does. A store of a newer format, or one that is no storyd store, is refused (unavailable) and left as
 * it is.
 */
int store_writer_open(const struct store_options *options, struct store_writer **writer, struct error *error);
void store_writer_close(struct store_writer *writer); /* checkpoints; NULL is fine */

/* ---- writing: begin, any number of changes, commit. Each change is atomic by itself within the group. ----
 */

struct store_change {  /* what the change log says about a write */
    uint64_t revision; /* its number; also the docid of the version it wrote */
    uint64_t previous; /* docid of the version it replaced or deleted; 0 = there was none */
    bool deleted;
};

/* Also where a store that was left in doubt by an I/O error is reopened. unavailable (disk_low, I/O), busy.
 */
int store_begin(struct store_writer *writer, struct error *error);

/* `text` is the article's stored JSON. `views` < 0 keeps the count there is (0 for a new article).
 * `if_revision` >= 0: conflict unless the article's present revision is this (0 = must not exist). */
int store_put(struct store_writer *writer, const char *id, const char *text, size_t length, int64_t views,
              int64_t if_revision, struct store_change *change, struct error *error);

/* not_found if there is no such article. */
int store_delete(struct store_writer *writer, const char *id, int64_t if_revision,
                 struct store_change *change, struct error *error);

/* The text of the article as this transaction sees it, appended to `text`; for PATCH. not_found. */
int store_get_in_transaction(struct store_writer *writer, const char *id, struct buffer *text,
                             uint64_t *revision, struct error *error);

/* Adds to the view count, up to ARTICLE_VIEWS_MAX; *total is the new one. No change-log entry. not_found. */
int store_add_views(struct store_writer *writer, const char *id, int64_t count, int64_t *total,
                    struct error *error);

/* The profile of the entity `key` (a normalised name) of a kind; replaces the one there is. No change-log
 * entry. */
int store_put_profile(struct store_writer *writer, int kind, const char *key, const char *text, size_t length,
                      struct error *error);

/* Also a damaged one. not_found. */
int store_remove_profile(struct store_writer *writer, int kind, const char *key, struct error *error);

/* One sync for the whole group; fails if any change before it failed for a reason of the store's (not for
 * not_found, conflict, a damaged row: they have changed nothing). On failure nothing of the group is stored:
 * the writer has rolled back, and reopened the database if that was needed to be sure of its state; it can be
 * used again at once. (After a failed sync the group may turn out to be there all the same, as a whole: then
 * store_writer_head() has moved.) unavailable. */
int store_commit(struct store_writer *writer, struct error *error);
void store_rollback(struct store_writer *writer);

/* Checkpoints when more of the write-ahead log is not yet in the database than a limit (4 MB when `idle`,
 * else 16 MB), and starts the log anew when it is larger than 32 MB; call between groups. */
int store_maintain(struct store_writer *writer, bool idle, struct error *error);

uint64_t store_writer_head(const struct store_writer *writer); /* the newest committed revision; 0 = empty */

/* A new value of `disk_floor_bytes`, from the next group on. Any thread. */
void store_writer_set_disk_floor(struct store_writer *writer, int64_t bytes);

/* ---- reading ---- */

int store_reader_open(const struct store_options *options, struct store_reader **reader, struct error *error);
void store_reader_close(struct store_reader *reader);

/* The article's stored JSON appended to `text`. not_found; unavailable for a damaged row. `views`, `revision`
 * may be NULL. */
int store_get(struct store_reader *reader, const char *id, struct buffer *text, uint64_t *revision,
              int64_t *views, struct error *error);

/* By docid. not_found when that version has been replaced or deleted. */
int store_get_version(struct store_reader *reader, uint64_t revision, struct buffer *text, int64_t *views,
                      struct error *error);

/* Calls `each` for the present articles with first <= revision <= last, ascending, at most `limit`; stops
 * early if it returns false. Damaged rows are logged, counted and left out (and count towards `limit`). *next
 * is where to go on: after the last row seen, last + 1 at the end. All rows come from one look at the store,
 * which is over before the first call and which some megabytes of articles also end. The texts are valid
 * during the call. */
typedef bool (*store_article_function)(void *context, uint64_t revision, const char *id, const char *text,
                                       size_t length, int64_t views);
int store_scan(struct store_reader *reader, uint64_t first, uint64_t last, size_t limit,
               store_article_function each, void *context, uint64_t *next, struct error *error);

/* The change log, ascending, from `first` to `last`. The same stop and next rules. */
typedef bool (*store_change_function)(void *context, const struct store_change *change, const char *id);
int store_changes(struct store_reader *reader, uint64_t first, uint64_t last, size_t limit,
                  store_change_function each, void *context, uint64_t *next, struct error *error);

/* The view counts that have changed since their article's newest version was written: the others come with it
 * (store_scan, store_get). */
typedef bool (*store_views_function)(void *context, const char *id, int64_t views);
int store_all_views(struct store_reader *reader, store_views_function each, void *context,
                    struct error *error);

/* All profiles. Damaged rows are logged, counted and left out. The texts are valid during the call. */
typedef bool (*store_profile_function)(void *context, int kind, const char *key, const char *text,
                                       size_t length);
int store_all_profiles(struct store_reader *reader, store_profile_function each, void *context,
                       struct error *error);

struct store_figures {
    uint64_t head; /* newest revision */
    uint64_t articles;
    uint64_t bytes; /* store.db and its write-ahead log */
};
int store_figures(struct store_reader *reader, struct store_figures *figures, struct error *error);

#endif
