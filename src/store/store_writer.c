#include "store/store_private.h"

#include "base/counters.h"
#include "base/crc32c.h"
#include "base/log.h"

#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>

#define REVISION_MAX UINT64_C(0xFFFFFFFE) /* docids have 32 bits, the last one is reserved */
#define TEXT_MAX ((size_t)64 << 20)

/* ---- the transaction ---- */

static int repeat_failure(const struct store_writer *writer, struct error *error)
{
    if (error != NULL)
        *error = writer->failure;
    return -1;
}

/* Notes that a statement failed: the transaction can only be rolled back now. */
static int transaction_failed(struct store_writer *writer, const char *doing, struct error *error)
{
    if ((sqlite3_extended_errcode(writer->db) & 0xff) == SQLITE_IOERR)
        writer->doubtful = true;
    store_sqlite_error(writer->db, &writer->failure, doing);
    writer->failed = true;
    return repeat_failure(writer, error);
}

/* Runs a bound statement that answers nothing. */
static int run(struct store_writer *writer, enum writer_statement which, const char *doing,
               struct error *error)
{
    sqlite3_stmt *statement = writer->statements[which];
    int result = 0;
    if (sqlite3_step(statement) != SQLITE_DONE)
        result = transaction_failed(writer, doing, error);
    sqlite3_reset(statement);
    return result;
}

static int check_disk(const struct store_writer *writer, struct error *error)
{
    struct statvfs status;
    if (statvfs(writer->directory, &status) != 0)
        return error_set_errno(error, ERROR_UNAVAILABLE, errno, "cannot ask for the free space of %s",
                               writer->directory);
    uint64_t available = (uint64_t)status.f_bavail * status.f_frsize;
    int64_t floor = writer->disk_floor_bytes;
    if (floor <= 0 || available >= (uint64_t)floor)
        return 0;
    return error_set(
        error, ERROR_UNAVAILABLE,
        "disk_low: %llu MB are free in %s, less than disk_floor (%lld MB): free some space; writes go on "
        "by themselves then",
        (unsigned long long)(available >> 20), writer->directory, (long long)(floor >> 20));
}

int store_begin(struct store_writer *writer, struct error *error)
{
    if (writer->doubtful && store_connection_recover(writer, error) != 0)
        return -1;
    if (check_disk(writer, error) != 0)
        return -1;
    writer->pending = writer->committed;
    writer->failed = false;
    if (run(writer, BEGIN, "begin a transaction", error) == 0)
        return 0;
    store_rollback(writer);
    return -1;
}

void store_rollback(struct store_writer *writer)
{
    store_views_forget(writer);
    if (writer->db != NULL && sqlite3_get_autocommit(writer->db) == 0 &&
        run(writer, ROLLBACK, "roll back", NULL) != 0)
        writer->doubtful = true;
    if (writer->failed)
        writer->failed_group = writer->pending;
    writer->failed = false;
    writer->pending = writer->committed;
    if (!writer->doubtful)
        return;
    struct error error = ERROR_INIT;
    if (store_connection_recover(writer, &error) != 0)
        log_error("the store could not be reopened, trying again with the next write: %s", error.message);
}

int store_commit(struct store_writer *writer, struct error *error)
{
    if (!writer->failed && store_views_write(writer, NULL) == 0 && run(writer, COMMIT, "commit", NULL) == 0) {
        writer->committed = writer->pending;
        counter_add(COUNTER_STORE_COMMITS, 1);
        return 0;
    }
    counter_add(COUNTER_STORE_SYNC_ERRORS, 1);
    repeat_failure(writer, error);
    store_rollback(writer);
    return -1;
}

uint64_t store_writer_head(const struct store_writer *writer)
{
    return writer->committed.head;
}

void store_writer_set_disk_floor(struct store_writer *writer, int64_t bytes)
{
    writer->disk_floor_bytes = bytes;
}

/* ---- changes ---- */

#define NO_INTEGER INT64_MIN

/* Looks an article up with a statement that answers one integer; NO_INTEGER if there is no such article. */
static int read_integer(struct store_writer *writer, enum writer_statement which, const char *id,
                        int64_t *value, struct error *error)
{
    sqlite3_stmt *statement = writer->statements[which];
    store_sqlite_bind_id(statement, 1, id);
    int code = sqlite3_step(statement);
    int result = 0;
    *value = NO_INTEGER;
    if (code == SQLITE_ROW)
        *value = sqlite3_column_int64(statement, 0);
    else if (code != SQLITE_DONE)
        result = transaction_failed(writer, "look for an article", error);
    sqlite3_reset(statement);
    return result;
}

/* *revision is 0 if there is no such article. */
static int find_article(struct store_writer *writer, const char *id, uint64_t *revision, struct error *error)
{
    int64_t found;
    if (writer->failed)
        return repeat_failure(writer, error);
    if (read_integer(writer, FIND, id, &found, error) != 0)
        return -1;
    *revision = found == NO_INTEGER ? 0 : (uint64_t)found;
    return 0;
}

static int check_revision(int64_t wanted, uint64_t present, struct error *error)
{
    if (wanted < 0 || (uint64_t)wanted == present)
        return 0;
    if (present == 0)
        return error_set(error, ERROR_CONFLICT, "if_revision is %lld but there is no such article",
                         (long long)wanted);
    return error_set(error, ERROR_CONFLICT, "if_revision is %lld but the article is at revision %llu",
                     (long long)wanted, (unsigned long long)present);
}

static int check_room(const struct store_writer *writer, struct error *error)
{
    if (writer->pending.head < REVISION_MAX)
        return 0;
    return error_set(
        error, ERROR_UNAVAILABLE,
        "the store has used up its %llu revisions: nothing can be written; export the articles into a "
        "new store",
        (unsigned long long)REVISION_MAX);
}

/* Writes the change-log entry and moves `pending` on. */
static int add_change(struct store_writer *writer, const char *id, const struct store_change *change,
                      struct error *error)
{
    sqlite3_stmt *statement = writer->statements[ADD_CHANGE];
    uint64_t articles = writer->pending.articles;
    if (change->deleted)
        articles--;
    else if (change->previous == 0)
        articles++;
    store_sqlite_bind_integer(statement, 1, change->revision);
    store_sqlite_bind_id(statement, 2, id);
    store_sqlite_bind_integer(statement, 3, change->previous);
    sqlite3_bind_int(statement, 4, change->deleted);
    store_sqlite_bind_integer(statement, 5, articles);
    if (run(writer, ADD_CHANGE, "write its change log", error) != 0)
        return -1;
    writer->pending = (struct store_position){change->revision, articles};
    return 0;
}

static int remove_version(struct store_writer *writer, uint64_t revision, struct error *error)
{
    store_sqlite_bind_integer(writer->statements[REMOVE_ARTICLE], 1, revision);
    return run(writer, REMOVE_ARTICLE, "remove an article", error);
}

struct version {
    const char *id;
    const char *text;
    size_t length;
    int64_t views; /* -1: not said */
};

/* Adds nothing if there is an article with this id. */
static int add_version(struct store_writer *writer, uint64_t revision, const struct version *version,
                       struct error *error)
{
    if (writer->failed)
        return repeat_failure(writer, error);
    sqlite3_stmt *statement = writer->statements[ADD_ARTICLE];
    store_sqlite_bind_integer(statement, 1, revision);
    store_sqlite_bind_id(statement, 2, version->id);
    if (version->views >= 0)
        sqlite3_bind_int64(statement, 3, version->views);
    else
        sqlite3_bind_null(statement, 3);
    sqlite3_bind_blob64(statement, 4, version->text, version->length, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 5, crc32c(0, version->text, version->length));
    int result = run(writer, ADD_ARTICLE, "write an article", error);
    sqlite3_clear_bindings(statement); /* the text is the caller's */
    return result;
}

int store_views_set(struct store_writer *writer, const char *id, int64_t views, struct error *error)
{
    sqlite3_stmt *statement = writer->statements[SET_VIEWS];
    store_sqlite_bind_id(statement, 1, id);
    sqlite3_bind_int64(statement, 2, views);
    return run(writer, SET_VIEWS, "count views", error);
}

/* Most articles are new: what the id's index says is found out by adding. */
static int add_or_find(struct store_writer *writer, uint64_t revision, const struct version *version,
                       uint64_t *previous, struct error *error)
{
    *previous = 0;
    if (add_version(writer, revision, version, error) != 0)
        return -1;
    return sqlite3_changes(writer->db) != 0 ? 0 : find_article(writer, version->id, previous, error);
}

static int remove_views(struct store_writer *writer, const char *id, struct error *error)
{
    store_sqlite_bind_id(writer->statements[REMOVE_VIEWS], 1, id);
    return run(writer, REMOVE_VIEWS, "remove a view count", error);
}

/* The new version takes the count with it if it brings none. */
static int replace_version(struct store_writer *writer, uint64_t previous, uint64_t revision,
                           struct version *version, struct error *error)
{
    if (version->views < 0 && read_integer(writer, READ_VIEWS, version->id, &version->views, error) != 0)
        return -1;
    if (remove_version(writer, previous, error) != 0 || remove_views(writer, version->id, error) != 0)
        return -1;
    return add_version(writer, revision, version, error);
}

int store_put(struct store_writer *writer, const char *id, const char *text, size_t length, int64_t views,
              int64_t if_revision, struct store_change *change, struct error *error)
{
    uint64_t previous = 0;
    uint64_t revision = writer->pending.head + 1;
    if (length > TEXT_MAX)
        return error_set(error, ERROR_TOO_LARGE,
                         "an article of %zu bytes is larger than the store's limit of %zu", length, TEXT_MAX);
    /* SQLite may have rolled back: what is written now would be a transaction of its own */
    if (writer->failed)
        return repeat_failure(writer, error);
    if (store_views_settle(writer, id, error) != 0 || check_room(writer, error) != 0)
        return -1;
    struct version version = {id, text, length, views};
    int result = if_revision > 0 ? find_article(writer, id, &previous, error)
                                 : add_or_find(writer, revision, &version, &previous, error);
    if (result != 0 || check_revision(if_revision, previous, error) != 0)
        return -1;
    if (previous != 0 && replace_version(writer, previous, revision, &version, error) != 0)
        return -1;
    *change = (struct store_change){revision, previous, false};
    return add_change(writer, id, change, error);
}

int store_delete(struct store_writer *writer, const char *id, int64_t if_revision,
                 struct store_change *change, struct error *error)
{
    uint64_t previous;
    if (writer->failed)
        return repeat_failure(writer, error);
    if (store_views_settle(writer, id, error) != 0 || find_article(writer, id, &previous, error) != 0)
        return -1;
    if (previous == 0)
        return store_sqlite_no_article(id, error);
    if (check_revision(if_revision, previous, error) != 0 || check_room(writer, error) != 0)
        return -1;
    *change = (struct store_change){writer->pending.head + 1, previous, true};
    if (add_change(writer, id, change, error) != 0 || remove_version(writer, previous, error) != 0)
        return -1;
    return remove_views(writer, id, error);
}

int store_get_in_transaction(struct store_writer *writer, const char *id, struct buffer *text,
                             uint64_t *revision, struct error *error)
{
    if (writer->failed)
        return repeat_failure(writer, error);
    sqlite3_stmt *statement = writer->statements[READ];
    store_sqlite_bind_id(statement, 1, id);
    int code = sqlite3_step(statement);
    int result = 0;
    if (code == SQLITE_ROW) {
        struct store_row row;
        store_sqlite_row(statement, &row);
        if (row.sound)
            buffer_append(text, row.text, row.length);
        else
            result = store_sqlite_bad_row(&row, error);
        *revision = row.revision;
    } else {
        result = code == SQLITE_DONE ? store_sqlite_no_article(id, error)
                                     : transaction_failed(writer, "read an article", error);
    }
    sqlite3_reset(statement);
    return result;
}

int store_views_read(struct store_writer *writer, const char *id, bool *exists, int64_t *views,
                     struct error *error)
{
    *exists = false;
    *views = 0;
    if (writer->failed)
        return repeat_failure(writer, error);
    int64_t found;
    if (read_integer(writer, READ_VIEWS, id, &found, error) != 0)
        return -1;
    *exists = found != NO_INTEGER;
    if (found > 0)
        *views = found;
    return 0;
}

/* ---- profiles ---- */

int store_put_profile(struct store_writer *writer, int kind, const char *key, const char *text, size_t length,
                      struct error *error)
{
    if (writer->failed)
        return repeat_failure(writer, error);
    sqlite3_stmt *statement = writer->statements[PUT_PROFILE];
    sqlite3_bind_int(statement, 1, kind);
    store_sqlite_bind_id(statement, 2, key);
    sqlite3_bind_blob64(statement, 3, text, length, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 4, crc32c(0, text, length));
    int result = run(writer, PUT_PROFILE, "write a profile", error);
    sqlite3_clear_bindings(statement); /* the texts are the caller's */
    return result;
}

int store_remove_profile(struct store_writer *writer, int kind, const char *key, struct error *error)
{
    if (writer->failed)
        return repeat_failure(writer, error);
    sqlite3_stmt *statement = writer->statements[REMOVE_PROFILE];
    sqlite3_bind_int(statement, 1, kind);
    store_sqlite_bind_id(statement, 2, key);
    int result = run(writer, REMOVE_PROFILE, "remove a profile", error);
    sqlite3_clear_bindings(statement);
    if (result == 0 && sqlite3_changes(writer->db) == 0)
        return error_set(error, ERROR_NOT_FOUND, "there is no such profile");
    return result;
}
