#include "store/store_schema.h"

#include "store/store_sqlite.h"

#include <inttypes.h>
#include <stdio.h>

/*
 * articles: revision is the docid, so rows lie in the order they were written and a new version goes to the
 * end. changes.articles: how many articles there are after this change; the count is asked for often and
 * counting is slow. profiles.name: normalised.
 */
static const char tables_sql[] =
    "CREATE TABLE articles(revision INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, text BLOB NOT NULL,"
    " crc32c INTEGER NOT NULL);"
    "CREATE TABLE views(id TEXT PRIMARY KEY, views INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE changes(revision INTEGER PRIMARY KEY, id TEXT NOT NULL, previous INTEGER NOT NULL,"
    " deleted INTEGER NOT NULL, articles INTEGER NOT NULL);"
    "CREATE TABLE profiles(kind INTEGER NOT NULL, name TEXT NOT NULL, text BLOB NOT NULL,"
    " crc32c INTEGER NOT NULL, PRIMARY KEY(kind, name)) WITHOUT ROWID;"
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "INSERT INTO meta VALUES('created', strftime('%Y-%m-%dT%H:%M:%SZ', 'now'));";

static int check_mark(int64_t application, int64_t version, int64_t objects, bool *empty, struct error *error)
{
    *empty = application == 0 && version == 0 && objects == 0;
    if (*empty)
        return 0;
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

int store_schema_check(sqlite3 *db, bool *empty, struct error *error)
{
    int64_t application = 0;
    int64_t version = 0;
    int64_t objects = 0;
    if (store_sqlite_integer(db, "PRAGMA application_id", &application, error) != 0 ||
        store_sqlite_integer(db, "PRAGMA user_version", &version, error) != 0 ||
        store_sqlite_integer(db, "SELECT count(*) FROM sqlite_schema", &objects, error) != 0)
        return -1;
    return check_mark(application, version, objects, empty, error);
}

int store_schema_create(sqlite3 *db, struct error *error)
{
    char mark[80];
    snprintf(mark, sizeof mark, "PRAGMA application_id=%d; PRAGMA user_version=%d", STORE_APPLICATION_ID,
             STORE_FORMAT);
    if (store_sqlite_execute(db, "PRAGMA page_size=16384; PRAGMA synchronous=FULL; BEGIN IMMEDIATE",
                             "be created", error) != 0)
        return -1;
    if (store_sqlite_execute(db, tables_sql, "be created", error) == 0 &&
        store_sqlite_execute(db, mark, "be created", error) == 0 &&
        store_sqlite_execute(db, "COMMIT", "be created", error) == 0)
        return 0;
    sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return -1;
}
