#include "store/store_schema.h"

#include "store/store_sqlite.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

/*
 * articles: revision is the docid, so rows lie in the order they were written and a new version goes to the
 * end. articles.views: the count when this version was written, NULL if nothing was said; one that changed
 * since is in views. That a view costs no row of articles is worth a table, that an article costs no row of
 * views the column. changes.articles: how many articles there are after this change; the count is asked for
 * often and counting is slow. profiles.name: normalised.
 */
static const char tables_sql[] =
    "CREATE TABLE articles(revision INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, views INTEGER,"
    " text BLOB NOT NULL, crc32c INTEGER NOT NULL);"
    "CREATE TABLE views(id TEXT PRIMARY KEY, views INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE changes(revision INTEGER PRIMARY KEY, id TEXT NOT NULL, previous INTEGER NOT NULL,"
    " deleted INTEGER NOT NULL, articles INTEGER NOT NULL);"
    "CREATE TABLE profiles(kind INTEGER NOT NULL, name TEXT NOT NULL, text BLOB NOT NULL,"
    " crc32c INTEGER NOT NULL, PRIMARY KEY(kind, name)) WITHOUT ROWID;"
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "INSERT INTO meta VALUES('created', strftime('%Y-%m-%dT%H:%M:%SZ', 'now'));";

static int check_mark(int64_t application, int64_t version, struct error *error)
{
    if (application != STORE_APPLICATION_ID)
        return error_set(error, ERROR_UNAVAILABLE,
                         "this is not a storyd store but another program's database; it was left as it is");
    if (version > STORE_FORMAT)
        return error_set(error, ERROR_UNAVAILABLE,
                         "the store has format %" PRId64
                         ", this storyd knows formats up to %d: use a newer storyd; it "
                         "was left as it is",
                         version, STORE_FORMAT);
    if (version < 1)
        return error_set(error, ERROR_UNAVAILABLE,
                         "the store has no format number: restore it from a backup");
    return 0;
}

int store_schema_check(sqlite3 *db, int *format, struct error *error)
{
    int64_t application = 0;
    int64_t version = 0;
    int64_t objects = 0;
    if (store_sqlite_integer(db, "PRAGMA application_id", &application, error) != 0 ||
        store_sqlite_integer(db, "PRAGMA user_version", &version, error) != 0 ||
        store_sqlite_integer(db, "SELECT count(*) FROM sqlite_schema", &objects, error) != 0)
        return -1;
    bool empty = application == 0 && version == 0 && objects == 0;
    *format = empty ? 0 : (int)version;
    return empty ? 0 : check_mark(application, version, error);
}

/* Runs the statements and writes the mark, all or nothing. */
static int change(sqlite3 *db, const char *statements, const char *doing, struct error *error)
{
    char mark[80];
    snprintf(mark, sizeof mark, "PRAGMA application_id=%d; PRAGMA user_version=%d", STORE_APPLICATION_ID,
             STORE_FORMAT);
    if (store_sqlite_execute(db, "PRAGMA synchronous=FULL; BEGIN IMMEDIATE", doing, error) != 0)
        return -1;
    if (store_sqlite_execute(db, statements, doing, error) == 0 &&
        store_sqlite_execute(db, mark, doing, error) == 0 &&
        store_sqlite_execute(db, "COMMIT", doing, error) == 0)
        return 0;
    sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return -1;
}

int store_schema_create(sqlite3 *db, struct error *error)
{
    if (store_sqlite_execute(db, "PRAGMA page_size=16384", "be created", error) != 0)
        return -1;
    return change(db, tables_sql, "be created", error);
}

int store_schema_upgrade(sqlite3 *db, int format, struct error *error)
{
    if (format >= STORE_FORMAT)
        return 0;
    /* 1 had every count in views: they are good there */
    return change(db, "ALTER TABLE articles ADD COLUMN views INTEGER", "be brought to this format", error);
}
