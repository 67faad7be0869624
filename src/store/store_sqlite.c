#include "store/store_sqlite.h"

#include "base/counters.h"
#include "base/crc32c.h"
#include "base/log.h"

#include <stdio.h>
#include <string.h>

#define BUSY_RETRY_MS 100
#define DEFAULT_CACHE_BYTES (INT64_C(16) << 20)
#define NAME_SHOWN 220 /* an id in a message: its 200 bytes at most, and room to spare */

static int configure(sqlite3 *db, int64_t cache_bytes, struct error *error)
{
    sqlite3_extended_result_codes(db, 1);
    sqlite3_busy_timeout(db, STORE_BUSY_TIMEOUT_MS);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    char pragmas[160];
    int64_t kilobytes = (cache_bytes > 0 ? cache_bytes : DEFAULT_CACHE_BYTES) / 1024;
    snprintf(pragmas, sizeof pragmas,
             "PRAGMA trusted_schema=OFF; PRAGMA mmap_size=0; PRAGMA foreign_keys=ON; PRAGMA cache_size=-%lld",
             (long long)kilobytes);
    return store_sqlite_execute(db, pragmas, "be set up", error);
}

int store_sqlite_open(const char *path, int flags, int64_t cache_bytes, sqlite3 **db, struct error *error)
{
    int code = sqlite3_open_v2(path, db, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (code == SQLITE_OK && configure(*db, cache_bytes, error) == 0)
        return 0;
    if (code != SQLITE_OK)
        store_sqlite_error(*db, error, "be opened");
    error_prefix(error, "%s", path);
    sqlite3_close(*db);
    *db = NULL;
    return -1;
}

/* The system's reason for an I/O error. A failed commit leaves it only in the write-ahead log's or the
 * database's file object. 0 = not known. */
static int last_errno(sqlite3 *db)
{
    int number = sqlite3_system_errno(db);
    sqlite3_file *log = NULL;
    if (number == 0 &&
        sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, (void *)&log) == SQLITE_OK &&
        log != NULL && log->pMethods != NULL)
        log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &number);
    if (number == 0)
        sqlite3_file_control(db, "main", SQLITE_FCNTL_LAST_ERRNO, &number);
    return number;
}

int store_sqlite_error(sqlite3 *db, struct error *error, const char *doing)
{
    if (db == NULL)
        return error_set(error, ERROR_UNAVAILABLE, "the store could not %s: out of memory", doing);
    int extended = sqlite3_extended_errcode(db);
    int code = extended & 0xff;
    if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
        return error_set_busy(error, BUSY_RETRY_MS, "the store could not %s: %s (SQLite error %d)", doing,
                              sqlite3_errmsg(db), extended);
    char sentence[200]; /* asking for the errno may replace it */
    snprintf(sentence, sizeof sentence, "%s", sqlite3_errmsg(db));
    int system_errno = code == SQLITE_IOERR || code == SQLITE_CANTOPEN ? last_errno(db) : 0;
    if (system_errno != 0)
        return error_set_errno(error, ERROR_UNAVAILABLE, system_errno,
                               "the store could not %s: %s (SQLite error %d, errno %d)", doing, sentence,
                               extended, system_errno);
    return error_set(error, ERROR_UNAVAILABLE, "the store could not %s: %s (SQLite error %d)", doing,
                     sentence, extended);
}

int store_sqlite_execute(sqlite3 *db, const char *sql, const char *doing, struct error *error)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return store_sqlite_error(db, error, doing);
    return 0;
}

int store_sqlite_integer(sqlite3 *db, const char *sql, int64_t *value, struct error *error)
{
    sqlite3_stmt *statement = NULL;
    int result = 0;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW)
        *value = sqlite3_column_int64(statement, 0);
    else
        result = store_sqlite_error(db, error, "be read");
    sqlite3_finalize(statement);
    return result;
}

int store_sqlite_prepare(sqlite3 *db, const char *const *sql, sqlite3_stmt **statements, size_t count,
                         struct error *error)
{
    for (size_t i = 0; i < count; i++)
        if (sqlite3_prepare_v3(db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &statements[i], NULL) != SQLITE_OK)
            return store_sqlite_error(db, error, "be read");
    return 0;
}

void store_sqlite_finalize(sqlite3_stmt **statements, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        sqlite3_finalize(statements[i]);
        statements[i] = NULL;
    }
}

void store_sqlite_bind_id(sqlite3_stmt *statement, int index, const char *id)
{
    sqlite3_bind_text64(statement, index, id, strlen(id), SQLITE_STATIC, SQLITE_UTF8);
}

void store_sqlite_bind_integer(sqlite3_stmt *statement, int index, uint64_t value)
{
    sqlite3_bind_int64(statement, index, value > INT64_MAX ? INT64_MAX : (int64_t)value);
}

int store_sqlite_position(sqlite3 *db, sqlite3_stmt *statement, struct store_position *position,
                          struct error *error)
{
    int code = sqlite3_step(statement);
    int result = 0;
    *position = (struct store_position){0, 0};
    if (code == SQLITE_ROW) {
        position->head = (uint64_t)sqlite3_column_int64(statement, 0);
        position->articles = (uint64_t)sqlite3_column_int64(statement, 1);
    } else if (code != SQLITE_DONE) {
        result = store_sqlite_error(db, error, "read its change log");
    }
    sqlite3_reset(statement);
    return result;
}

void store_sqlite_row(sqlite3_stmt *statement, struct store_row *row)
{
    row->revision = (uint64_t)sqlite3_column_int64(statement, 0);
    row->id = (const char *)sqlite3_column_text(statement, 1);
    row->text = sqlite3_column_blob(statement, 2);
    row->length = (size_t)sqlite3_column_bytes(statement, 2);
    if (row->text == NULL) { /* an empty blob */
        row->text = "";
        row->length = 0;
    }
    row->sound =
        row->id != NULL && sqlite3_column_int64(statement, 3) == (int64_t)crc32c(0, row->text, row->length);
    if (row->id == NULL)
        row->id = "";
}

int store_sqlite_bad_row(const struct store_row *row, struct error *error)
{
    static struct log_limit limit;
    char name[NAME_SHOWN];
    log_safe(name, sizeof name, row->id, strlen(row->id));
    counter_add(COUNTER_STORE_BAD_ROWS, 1);
    log_limited(&limit, "damaged article in the store, checksum does not match id=%s revision=%llu", name,
                (unsigned long long)row->revision);
    return error_set(
        error, ERROR_UNAVAILABLE,
        "article \"%s\" (revision %llu) is damaged in the store: its checksum does not match; PUT it "
        "again or restore it from a backup",
        name, (unsigned long long)row->revision);
}

int store_sqlite_no_article(const char *id, struct error *error)
{
    char name[NAME_SHOWN];
    return error_set(error, ERROR_NOT_FOUND, "there is no article \"%s\"",
                     log_safe(name, sizeof name, id, strlen(id)));
}
