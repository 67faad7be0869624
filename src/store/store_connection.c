#include "store/store_private.h"

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "store/store_schema.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define IDLE_CHECKPOINT_BYTES (INT64_C(4) << 20)
#define STEP_CHECKPOINT_BYTES (INT64_C(16) << 20)
#define RESTART_BYTES (INT64_C(32) << 20) /* a log that grows into new disk blocks halves the write rate */
#define RESTART_RETRY_BYTES (INT64_C(4) << 20)
#define WAITING_RESTART_BYTES (INT64_C(256) << 20) /* only then are writes made to wait for a reader */
#define WAITING_RETRY_BYTES (INT64_C(64) << 20)

static const char *const writer_sql[WRITER_STATEMENT_COUNT] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
    [FIND] = "SELECT revision FROM articles WHERE id = ?1",
    [READ] = "SELECT " STORE_ROW_COLUMNS " FROM articles a WHERE a.id = ?1",
    [ADD_CHANGE] =
        "INSERT INTO changes(revision, id, previous, deleted, articles) VALUES(?1, ?2, ?3, ?4, ?5)",
    [ADD_ARTICLE] = "INSERT INTO articles(revision, id, views, text, crc32c) VALUES(?1, ?2, ?3, ?4, ?5)"
                    " ON CONFLICT(id) DO NOTHING",
    [REMOVE_ARTICLE] = "DELETE FROM articles WHERE revision = ?1",
    [READ_VIEWS] = "SELECT coalesce((SELECT views FROM views WHERE id = ?1), views, -1)"
                   " FROM articles WHERE id = ?1",
    [SET_VIEWS] =
        "INSERT INTO views(id, views) VALUES(?1, ?2) ON CONFLICT(id) DO UPDATE SET views = excluded.views",
    [REMOVE_VIEWS] = "DELETE FROM views WHERE id = ?1",
    [PUT_PROFILE] = "INSERT OR REPLACE INTO profiles(kind, name, text, crc32c) VALUES(?1, ?2, ?3, ?4)",
    [REMOVE_PROFILE] = "DELETE FROM profiles WHERE kind = ?1 AND name = ?2",
    [POSITION] = STORE_POSITION_SQL,
};

/* ---- opening ---- */

static int take_lock(struct store_writer *writer, struct error *error)
{
    char *path = file_join(writer->directory, STORE_LOCK_FILE);
    int result = 0;
    writer->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (writer->lock < 0)
        result = error_set_errno(error, ERROR_UNAVAILABLE, errno, "cannot open %s", path);
    else if (flock(writer->lock, LOCK_EX | LOCK_NB) != 0)
        result = errno == EWOULDBLOCK
                     ? error_set(error, ERROR_CONFLICT, "another storyd is using %s", writer->directory)
                     : error_set_errno(error, ERROR_UNAVAILABLE, errno, "cannot lock %s", path);
    free(path);
    return result;
}

/* Makes an empty file with our permissions for SQLite to fill. A log without its database is somebody's loss
 * about to be made final, as SQLite would delete it: refused. */
static int prepare_file(const struct store_writer *writer, struct error *error)
{
    struct stat status;
    bool there = stat(writer->path, &status) == 0;
    if (there && status.st_size > 0)
        return 0;
    if (!there && errno != ENOENT)
        return error_set_errno(error, ERROR_UNAVAILABLE, errno, "cannot look at %s", writer->path);
    if (stat(writer->log_path, &status) == 0 && status.st_size > 0)
        return error_set(
            error, ERROR_UNAVAILABLE,
            "%s is missing or empty but its log %s is not: restore both from a backup, or move the log "
            "away to begin an empty store",
            writer->path, writer->log_path);
    if (there)
        return 0;
    int file = open(writer->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (file < 0)
        return error_set_errno(error, ERROR_UNAVAILABLE, errno, "cannot create %s", writer->path);
    close(file);
    return 0;
}

static int create_store(struct store_writer *writer, struct error *error)
{
    if (store_schema_create(writer->db, error) != 0 || file_sync_directory(writer->directory, error) != 0)
        return -1;
    log_info("created a new store path=%s", writer->path);
    return 0;
}

static int upgrade_store(struct store_writer *writer, int format, struct error *error)
{
    if (store_schema_upgrade(writer->db, format, error) != 0)
        return -1;
    if (format < STORE_FORMAT)
        log_info("store brought to a newer format path=%s from=%d to=%d", writer->path, format, STORE_FORMAT);
    return 0;
}

/* A file that is refused must stay as it is, so closing it must not checkpoint it. */
static int check_or_create(struct store_writer *writer, struct error *error)
{
    int format = 0;
    sqlite3_db_config(writer->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    if (store_schema_check(writer->db, &format, error) != 0)
        return -1;
    sqlite3_db_config(writer->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    return format == 0 ? create_store(writer, error) : upgrade_store(writer, format, error);
}

static int set_journal(struct store_writer *writer, struct error *error)
{
    sqlite3_stmt *statement = NULL;
    bool wal = false;
    if (sqlite3_prepare_v2(writer->db, "PRAGMA journal_mode=WAL", -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW)
        wal = strcmp((const char *)sqlite3_column_text(statement, 0), "wal") == 0;
    int result = wal ? 0 : store_sqlite_error(writer->db, error, "use a write-ahead log");
    sqlite3_finalize(statement);
    if (result != 0)
        return -1;
    return store_sqlite_execute(writer->db,
                                "PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0;"
                                "PRAGMA journal_size_limit=67108864",
                                "be set up", error);
}

static int count_log_pages(void *context, sqlite3 *db, const char *name, int pages)
{
    struct store_writer *writer = context;
    (void)db;
    (void)name;
    if (pages < writer->log_pages) { /* it was started anew */
        writer->log_pages_copied = 0;
        writer->checkpoint_at_pages = 0;
    }
    writer->log_pages = pages;
    return SQLITE_OK;
}

/* SQLite opens what it may only read without a word, and leaves files behind that it may only read as well.
 * Whatever else keeps a write from beginning may have gone when one does. */
static int check_writable(struct store_writer *writer, struct error *error)
{
    bool read_only = sqlite3_db_readonly(writer->db, "main") != 0;
    if (!read_only && sqlite3_exec(writer->db, "BEGIN IMMEDIATE; ROLLBACK", NULL, NULL, NULL) != SQLITE_OK)
        read_only = sqlite3_errcode(writer->db) == SQLITE_READONLY;
    if (!read_only)
        return 0;
    return error_set(
        error, ERROR_UNAVAILABLE,
        "the store can only be read: its file, its directory and the files beside it whose names end in "
        "-wal and -shm must be writable by the user that storyd runs as");
}

static int connect_database(struct store_writer *writer, struct error *error)
{
    int64_t page_size = 0;
    if (check_or_create(writer, error) != 0 || set_journal(writer, error) != 0 ||
        store_sqlite_integer(writer->db, "PRAGMA page_size", &page_size, error) != 0 ||
        store_sqlite_prepare(writer->db, writer_sql, writer->statements, WRITER_STATEMENT_COUNT, error) != 0)
        return -1;
    writer->page_size = (int)page_size;
    writer->log_pages = 0;
    writer->log_pages_copied = 0;
    writer->checkpoint_at_pages = 0;
    sqlite3_wal_hook(writer->db, count_log_pages, writer);
    if (check_writable(writer, error) != 0)
        return -1;
    return store_sqlite_position(writer->db, writer->statements[POSITION], &writer->committed, error);
}

int store_connection_open(struct store_writer *writer, struct error *error)
{
    if (store_sqlite_open(writer->path, SQLITE_OPEN_READWRITE, writer->cache_bytes, &writer->db, error) != 0)
        return -1;
    if (connect_database(writer, error) == 0)
        return 0;
    error_prefix(error, "%s", writer->path);
    store_connection_close(writer);
    return -1;
}

void store_connection_close(struct store_writer *writer)
{
    store_sqlite_finalize(writer->statements, WRITER_STATEMENT_COUNT);
    sqlite3_close(writer->db);
    writer->db = NULL;
}

static int open_files(struct store_writer *writer, struct error *error)
{
    if (file_make_directory(writer->directory, error) != 0 || take_lock(writer, error) != 0 ||
        prepare_file(writer, error) != 0)
        return -1;
    return store_connection_open(writer, error);
}

int store_writer_open(const struct store_options *options, struct store_writer **result, struct error *error)
{
    struct store_writer *writer = memory_zeroed(1, sizeof *writer);
    writer->directory = memory_copy_string(options->directory);
    writer->path = file_join(options->directory, STORE_FILE);
    writer->log_path = file_join(options->directory, STORE_LOG_FILE);
    writer->cache_bytes = options->cache_bytes;
    writer->disk_floor_bytes = options->disk_floor_bytes;
    writer->lock = -1;
    if (open_files(writer, error) != 0) {
        store_writer_close(writer);
        return -1;
    }
    log_info("store open path=%s revision=%llu articles=%llu sqlite=%s", writer->path,
             (unsigned long long)writer->committed.head, (unsigned long long)writer->committed.articles,
             sqlite3_libversion());
    *result = writer;
    return 0;
}

void store_writer_close(struct store_writer *writer)
{
    if (writer == NULL)
        return;
    if (writer->db != NULL) {
        store_rollback(writer);
        /* Readers may still be open; the last connection's close would do it, but then it is not the
         * writer's. */
        sqlite3_wal_checkpoint_v2(writer->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    }
    store_connection_close(writer);
    if (writer->lock >= 0)
        close(writer->lock);
    store_views_free(writer);
    free(writer->directory);
    free(writer->path);
    free(writer->log_path);
    free(writer);
}

/* ---- recovering ---- */

/* The reopened store must stand where it was acknowledged, or where the failed group as a whole would have
 * taken it: its pages may have reached the disk although the sync reported a failure. */
static int check_position(struct store_writer *writer, const struct store_position *acknowledged,
                          struct error *error)
{
    uint64_t head = writer->committed.head;
    if (head == acknowledged->head)
        return 0;
    if (head == writer->failed_group.head && writer->committed.articles == writer->failed_group.articles) {
        log_warning("a group of writes that was answered with a failure is in the store after all "
                    "revision=%llu before=%llu",
                    (unsigned long long)head, (unsigned long long)acknowledged->head);
        return 0;
    }
    writer->committed = *acknowledged;
    return error_set(
        error, ERROR_UNAVAILABLE,
        "the store is at revision %llu but %llu was acknowledged: another program changed %s, or its disk "
        "lost data; stop storyd and restore the store",
        (unsigned long long)head, (unsigned long long)acknowledged->head, writer->path);
}

/*
 * Copies the write-ahead log into the database and cuts it to nothing. Pages whose sync failed count as clean
 * for the kernel, so a later sync of the same log would succeed without having written them: nothing may
 * build on that log.
 */
static int empty_log(struct store_writer *writer, struct error *error)
{
    if (sqlite3_wal_checkpoint_v2(writer->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) != SQLITE_OK)
        return store_sqlite_error(writer->db, error, "empty its write-ahead log");
    return 0;
}

int store_connection_recover(struct store_writer *writer, struct error *error)
{
    struct store_position acknowledged = writer->committed;
    store_connection_close(writer);
    if (store_connection_open(writer, error) != 0) {
        writer->committed = acknowledged;
        return -1;
    }
    if (check_position(writer, &acknowledged, error) != 0 || empty_log(writer, error) != 0) {
        writer->committed = acknowledged; /* what it has beyond that may be gone at the next attempt */
        return -1;
    }
    writer->doubtful = false;
    log_info("store reopened after an error revision=%llu", (unsigned long long)writer->committed.head);
    return 0;
}

/* ---- checkpoints ---- */

/* A checkpoint that finds a reader in the way copies what it can and answers BUSY; it waits for the reader
 * only with the connection's busy timeout. */
static int run_checkpoint(struct store_writer *writer, int mode, int64_t retry_bytes, struct error *error)
{
    int pages = -1;
    int copied = -1;
    int code = sqlite3_wal_checkpoint_v2(writer->db, NULL, mode, &pages, &copied);
    if (copied >= 0)
        writer->log_pages_copied = copied;
    if (code == SQLITE_OK || code == SQLITE_BUSY) { /* not at once again */
        writer->checkpoint_at_pages = writer->log_pages + (int)(retry_bytes / writer->page_size);
        return 0;
    }
    return store_sqlite_error(writer->db, error, "checkpoint");
}

/* Starts the log anew if no reader is in the way. Each try has copied what no reader held back, so the next
 * one is short. */
static int restart_log(struct store_writer *writer, int64_t log_bytes, struct error *error)
{
    if (log_bytes > WAITING_RESTART_BYTES)
        return run_checkpoint(writer, SQLITE_CHECKPOINT_RESTART, WAITING_RETRY_BYTES, error);
    sqlite3_busy_timeout(writer->db, 0);
    int result = run_checkpoint(writer, SQLITE_CHECKPOINT_RESTART, RESTART_RETRY_BYTES, error);
    sqlite3_busy_timeout(writer->db, STORE_BUSY_TIMEOUT_MS);
    return result;
}

int store_maintain(struct store_writer *writer, bool idle, struct error *error)
{
    if (writer->db == NULL || writer->doubtful)
        return 0;
    int64_t bytes = (int64_t)writer->log_pages * writer->page_size;
    int64_t waiting = (int64_t)(writer->log_pages - writer->log_pages_copied) * writer->page_size;
    if (writer->log_pages < writer->checkpoint_at_pages)
        return 0;
    if (bytes > RESTART_BYTES)
        return restart_log(writer, bytes, error);
    if (waiting > (idle ? IDLE_CHECKPOINT_BYTES : STEP_CHECKPOINT_BYTES))
        return run_checkpoint(writer, SQLITE_CHECKPOINT_PASSIVE, IDLE_CHECKPOINT_BYTES, error);
    return 0;
}
