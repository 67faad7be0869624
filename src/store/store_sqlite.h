/*
 * store_sqlite.h - what the writer and the readers of the store share about SQLite: opening a connection,
 * running statements, SQLite's failures as storyd errors, and the checksum of a row. Private to src/store.
 *
 * A connection is used by one thread at a time (SQLITE_OPEN_NOMUTEX).
 */
#ifndef STORYD_STORE_STORE_SQLITE_H
#define STORYD_STORE_STORE_SQLITE_H

#include "base/error.h"
#include "store/store.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STORE_FILE "store.db"
#define STORE_LOG_FILE "store.db-wal"
#define STORE_LOCK_FILE "store.lock"

/* Opens with extended result codes, a busy timeout and the settings every connection has. `flags` are
 * SQLITE_OPEN_*. */
int store_sqlite_open(const char *path, int flags, int64_t cache_bytes, sqlite3 **db, struct error *error);

/*
 * Fills `error` from the connection's last failure: `unavailable` with SQLite's sentence and the system's, or
 * `busy` when someone else holds a lock. `doing` completes "the store could not ...". Returns -1. Call before
 * sqlite3_reset().
 */
int store_sqlite_error(sqlite3 *db, struct error *error, const char *doing);

/* Statements without parameters: run one or several; or read the one integer it answers. */
int store_sqlite_execute(sqlite3 *db, const char *sql, const char *doing, struct error *error);
int store_sqlite_integer(sqlite3 *db, const char *sql, int64_t *value, struct error *error);

/* Prepares `count` statements to be kept; on failure those already made are left for store_sqlite_finalize().
 */
int store_sqlite_prepare(sqlite3 *db, const char *const *sql, sqlite3_stmt **statements, size_t count,
                         struct error *error);
void store_sqlite_finalize(sqlite3_stmt **statements, size_t count);

/* Parameter `index` (from 1). The bytes are borrowed until the statement is reset. */
void store_sqlite_bind_id(sqlite3_stmt *statement, int index, const char *id);
void store_sqlite_bind_integer(sqlite3_stmt *statement, int index, uint64_t value); /* cut to INT64_MAX */

/* The newest entry of the change log. */
struct store_position {
    uint64_t head;     /* its revision, 0 = none */
    uint64_t articles; /* how many articles there are after it */
};
#define STORE_BUSY_TIMEOUT_MS 2000 /* how long a connection waits for another one */

#define STORE_POSITION_SQL "SELECT revision, articles FROM changes ORDER BY revision DESC LIMIT 1"
int store_sqlite_position(sqlite3 *db, sqlite3_stmt *statement, struct store_position *position,
                          struct error *error);

/* An article's row, borrowed from the statement until its next step or reset. All statements that read
 * articles have the columns STORE_ROW_COLUMNS first. */
#define STORE_ROW_COLUMNS "a.revision, a.id, a.text, a.crc32c"
struct store_row {
    uint64_t revision;
    const char *id;
    const char *text;
    size_t length;
    bool sound; /* the text is what its checksum says */
};
void store_sqlite_row(sqlite3_stmt *statement, struct store_row *row);

/* Counts and logs a row that is not sound, and fills `error` (may be NULL): unavailable. Returns -1. */
int store_sqlite_bad_row(const struct store_row *row, struct error *error);

/* not_found, naming the article. Returns -1. */
int store_sqlite_no_article(const char *id, struct error *error);

#endif
