/*
 * store_private.h - the writer's state. Private to src/store: store_writer.c changes articles,
 * store_views.c gathers counts,
 * store_connection.c opens, recovers and checkpoints. The committer's thread alone.
 */
#ifndef STORYD_STORE_STORE_PRIVATE_H
#define STORYD_STORE_STORE_PRIVATE_H

#include "base/error.h"
#include "store/store.h"
#include "store/store_sqlite.h"

#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum writer_statement {
    BEGIN,
    COMMIT,
    ROLLBACK,
    FIND, /* the revision of an id */
    READ, /* the row of an id */
    ADD_CHANGE,
    ADD_ARTICLE,
    REMOVE_ARTICLE,
    READ_VIEWS,
    SET_VIEWS,
    REMOVE_VIEWS,
    PUT_PROFILE,
    REMOVE_PROFILE,
    POSITION,
    WRITER_STATEMENT_COUNT
};

struct store_writer {
    char *directory;
    char *path;
    char *log_path;
    int64_t cache_bytes;
    _Atomic int64_t disk_floor_bytes;
    int lock; /* descriptor holding the flock on the lock file */

    sqlite3 *db; /* NULL while it could not be reopened */
    sqlite3_stmt *statements[WRITER_STATEMENT_COUNT];
    int page_size;

    struct store_position committed; /* as of the last successful commit */
    struct store_position pending;   /* as the open transaction would leave it */
    bool failed;                     /* a statement of this transaction failed: it can only be rolled back */
    struct error failure;

    /* After an I/O error nobody can say what is on the disk: set until the database has been reopened and
     * found to be where `committed` or, as a whole, where the failed group would have taken it. */
    bool doubtful;
    struct store_position failed_group;

    struct view_counts *view_counts; /* store_views.c: what this transaction has added to; NULL: never any */

    int log_pages;           /* pages in the write-ahead log */
    int log_pages_copied;    /* of them, already copied into the database */
    int checkpoint_at_pages; /* before the log has as many no checkpoint is tried again */
};

/* Closes the connection and keeps the lock. */
void store_connection_close(struct store_writer *writer);

/* Opens the connection, creating the store if the file is empty, and loads `committed`. */
int store_connection_open(struct store_writer *writer, struct error *error);

/* After an I/O error: reopens, checks where the store stands, and empties the write-ahead log. Until it
 * succeeds `doubtful` stays set. */
int store_connection_recover(struct store_writer *writer, struct error *error);

/* Reads and writes the row of a count, in the transaction (store_writer.c). */
int store_views_read(struct store_writer *writer, const char *id, bool *exists, int64_t *views,
                     struct error *error);
int store_views_set(struct store_writer *writer, const char *id, int64_t views, struct error *error);

/* Counts that were added to are kept until the transaction ends (_write, then _forget), or until something
 * else is done with the article (_settle): its row is written before. */
int store_views_write(struct store_writer *writer, struct error *error);
int store_views_settle(struct store_writer *writer, const char *id, struct error *error);
void store_views_forget(struct store_writer *writer);
void store_views_free(struct store_writer *writer);

#endif
