#include "store/store.h"

#include "article/article.h"
#include "base/counters.h"
#include "base/crc32c.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "store/store_schema.h"
#include "store/store_sqlite.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum reader_statement {
    BY_ID,
    BY_REVISION,
    SCAN,
    CHANGES,
    ALL_VIEWS,
    ALL_PROFILES,
    POSITION,
    READER_STATEMENT_COUNT
};

#define FROM_ARTICLES                                                                                        \
    "SELECT " STORE_ROW_COLUMNS                                                                              \
    ", coalesce(v.views, a.views) FROM articles a LEFT JOIN views v ON v.id = a.id"

static const char *const reader_sql[READER_STATEMENT_COUNT] = {
    [BY_ID] = FROM_ARTICLES " WHERE a.id = ?1",
    [BY_REVISION] = FROM_ARTICLES " WHERE a.revision = ?1",
    [SCAN] = FROM_ARTICLES " WHERE a.revision BETWEEN ?1 AND ?2 ORDER BY a.revision LIMIT ?3",
    [CHANGES] = "SELECT revision, id, previous, deleted FROM changes WHERE revision BETWEEN ?1 AND ?2"
                " ORDER BY revision LIMIT ?3",
    [ALL_VIEWS] = "SELECT id, views FROM views",
    [ALL_PROFILES] = "SELECT kind, name, text, crc32c FROM profiles",
    [POSITION] = STORE_POSITION_SQL,
};

#define VIEWS_COLUMN 4
#define SCAN_BYTES ((size_t)4 << 20) /* a look at a range ends when it has read more */

struct store_reader {
    sqlite3 *db;
    char *path;
    char *log_path;
    sqlite3_stmt *statements[READER_STATEMENT_COUNT];
};

static int reader_connect(struct store_reader *reader, int64_t cache_bytes, struct error *error)
{
    int format;
    /* every worker has a reader, and the system's page cache serves them all */
    if (store_sqlite_open(reader->path, SQLITE_OPEN_READONLY, cache_bytes / 8, &reader->db, error) != 0)
        return -1;
    if (store_schema_check(reader->db, &format, error) != 0) {
        error_prefix(error, "%s", reader->path);
        return -1;
    }
    if (format == 0)
        return error_set(error, ERROR_UNAVAILABLE, "%s: there is no store in it yet", reader->path);
    if (format < STORE_FORMAT)
        return error_set(error, ERROR_UNAVAILABLE,
                         "%s: the store has the older format %d: storyd brings it to %d when it starts",
                         reader->path, format, STORE_FORMAT);
    return store_sqlite_prepare(reader->db, reader_sql, reader->statements, READER_STATEMENT_COUNT, error);
}

int store_reader_open(const struct store_options *options, struct store_reader **result, struct error *error)
{
    struct store_reader *reader = memory_zeroed(1, sizeof *reader);
    reader->path = file_join(options->directory, STORE_FILE);
    reader->log_path = file_join(options->directory, STORE_LOG_FILE);
    if (reader_connect(reader, options->cache_bytes, error) != 0) {
        store_reader_close(reader);
        return -1;
    }
    *result = reader;
    return 0;
}

void store_reader_close(struct store_reader *reader)
{
    if (reader == NULL)
        return;
    store_sqlite_finalize(reader->statements, READER_STATEMENT_COUNT);
    sqlite3_close(reader->db);
    free(reader->path);
    free(reader->log_path);
    free(reader);
}

/* NULL reads as 0; counts were not always bounded. */
static int64_t views_of(sqlite3_stmt *statement, int column)
{
    int64_t views = sqlite3_column_int64(statement, column);
    return views < ARTICLE_VIEWS_MAX ? views : ARTICLE_VIEWS_MAX;
}

/* Steps a bound statement to its one article. 1: there is none. */
static int read_article(struct store_reader *reader, sqlite3_stmt *statement, struct buffer *text,
                        uint64_t *revision, int64_t *views, struct error *error)
{
    int code = sqlite3_step(statement);
    if (code == SQLITE_DONE)
        return 1;
    if (code != SQLITE_ROW)
        return store_sqlite_error(reader->db, error, "read an article");
    struct store_row row;
    store_sqlite_row(statement, &row);
    if (!row.sound)
        return store_sqlite_bad_row(&row, error);
    buffer_append(text, row.text, row.length);
    if (revision != NULL)
        *revision = row.revision;
    if (views != NULL)
        *views = views_of(statement, VIEWS_COLUMN);
    return 0;
}

int store_get(struct store_reader *reader, const char *id, struct buffer *text, uint64_t *revision,
              int64_t *views, struct error *error)
{
    sqlite3_stmt *statement = reader->statements[BY_ID];
    store_sqlite_bind_id(statement, 1, id);
    int result = read_article(reader, statement, text, revision, views, error);
    sqlite3_reset(statement);
    return result == 1 ? store_sqlite_no_article(id, error) : result;
}

int store_get_version(struct store_reader *reader, uint64_t revision, struct buffer *text, int64_t *views,
                      struct error *error)
{
    sqlite3_stmt *statement = reader->statements[BY_REVISION];
    store_sqlite_bind_integer(statement, 1, revision);
    int result = read_article(reader, statement, text, NULL, views, error);
    sqlite3_reset(statement);
    if (result == 1)
        return error_set(error, ERROR_NOT_FOUND, "revision %llu is no present version of an article",
                         (unsigned long long)revision);
    return result;
}

/* A row of a range: `each` of the caller. False ends the range. */
typedef bool (*row_function)(sqlite3_stmt *statement, void *context);

/* Where a range was left: after its last row if it was cut short, else after its end. */
static uint64_t range_next(uint64_t first, uint64_t last, uint64_t reached, bool complete)
{
    if (complete && last >= first)
        return last == UINT64_MAX ? last : last + 1;
    return reached == 0 ? first : reached + 1;
}

static int read_range(struct store_reader *reader, enum reader_statement which, uint64_t first, uint64_t last,
                      size_t limit, row_function each, void *context, uint64_t *next, struct error *error)
{
    sqlite3_stmt *statement = reader->statements[which];
    store_sqlite_bind_integer(statement, 1, first);
    store_sqlite_bind_integer(statement, 2, last);
    store_sqlite_bind_integer(statement, 3, limit);
    uint64_t reached = 0;
    size_t rows = 0;
    bool more = true;
    int code = SQLITE_DONE;
    while (more && rows < limit && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        reached = (uint64_t)sqlite3_column_int64(statement, 0);
        rows++;
        more = each(statement, context);
    }
    int result = 0;
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        result = store_sqlite_error(reader->db, error, "read a range");
    sqlite3_reset(statement);
    if (result == 0)
        *next = range_next(first, last, reached, more && rows < limit);
    return result;
}

/* The rows of one look at the store, copied. What is done with them may take long, and a read transaction
 * that lasts keeps the writer from starting its log anew. */
struct scanned_row {
    uint64_t revision;
    int64_t views;
    size_t id; /* where its id, with its final zero, and its text start in `bytes` */
    size_t text;
    size_t length;
};

struct scan {
    struct scanned_row *rows;
    size_t count;
    struct buffer bytes;
};

static bool copy_row(sqlite3_stmt *statement, void *context)
{
    struct scan *scan = context;
    struct store_row row;
    store_sqlite_row(statement, &row);
    if (!row.sound) {
        store_sqlite_bad_row(&row, NULL);
        return true;
    }
    struct scanned_row *copy = &scan->rows[scan->count++];
    *copy = (struct scanned_row){.revision = row.revision,
                                 .views = views_of(statement, VIEWS_COLUMN),
                                 .id = scan->bytes.length,
                                 .length = row.length};
    buffer_append(&scan->bytes, row.id, strlen(row.id) + 1);
    copy->text = scan->bytes.length;
    buffer_append(&scan->bytes, row.text, row.length);
    return scan->bytes.length < SCAN_BYTES;
}

/* The row after which `each` wanted no more, 0 if it took all. */
static uint64_t hand_out(const struct scan *scan, store_article_function each, void *context)
{
    for (size_t i = 0; i < scan->count; i++) {
        const struct scanned_row *row = &scan->rows[i];
        const char *bytes = scan->bytes.data;
        if (!each(context, row->revision, bytes + row->id, bytes + row->text, row->length, row->views))
            return row->revision;
    }
    return 0;
}

int store_scan(struct store_reader *reader, uint64_t first, uint64_t last, size_t limit,
               store_article_function each, void *context, uint64_t *next, struct error *error)
{
    struct scan scan = {.rows = memory_zeroed(limit, sizeof *scan.rows)};
    int result = read_range(reader, SCAN, first, last, limit, copy_row, &scan, next, error);
    uint64_t stopped = result == 0 ? hand_out(&scan, each, context) : 0;
    if (stopped != 0)
        *next = stopped + 1;
    free(scan.rows);
    buffer_release(&scan.bytes);
    return result;
}

struct change_scan {
    store_change_function each;
    void *context;
};

static bool change_row(sqlite3_stmt *statement, void *context)
{
    const struct change_scan *scan = context;
    struct store_change change = {
        .revision = (uint64_t)sqlite3_column_int64(statement, 0),
        .previous = (uint64_t)sqlite3_column_int64(statement, 2),
        .deleted = sqlite3_column_int(statement, 3) != 0,
    };
    const char *id = (const char *)sqlite3_column_text(statement, 1);
    return scan->each(scan->context, &change, id != NULL ? id : "");
}

int store_changes(struct store_reader *reader, uint64_t first, uint64_t last, size_t limit,
                  store_change_function each, void *context, uint64_t *next, struct error *error)
{
    struct change_scan scan = {each, context};
    return read_range(reader, CHANGES, first, last, limit, change_row, &scan, next, error);
}

int store_all_views(struct store_reader *reader, store_views_function each, void *context,
                    struct error *error)
{
    sqlite3_stmt *statement = reader->statements[ALL_VIEWS];
    bool more = true;
    int code = SQLITE_DONE;
    while (more && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        const char *id = (const char *)sqlite3_column_text(statement, 0);
        if (id != NULL)
            more = each(context, id, views_of(statement, 1));
    }
    int result = 0;
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        result = store_sqlite_error(reader->db, error, "read the view counts");
    sqlite3_reset(statement);
    return result;
}

/* False for the end. */
static bool profile_row(sqlite3_stmt *statement, store_profile_function each, void *context)
{
    int kind = sqlite3_column_int(statement, 0);
    const char *key = (const char *)sqlite3_column_text(statement, 1);
    const char *text = sqlite3_column_blob(statement, 2);
    size_t length = (size_t)sqlite3_column_bytes(statement, 2);
    if (key != NULL && text != NULL && sqlite3_column_int64(statement, 3) == (int64_t)crc32c(0, text, length))
        return each(context, kind, key, text, length);
    char name[256];
    counter_add(COUNTER_STORE_BAD_ROWS, 1);
    log_error("damaged profile in the store, checksum does not match: write it again kind=%d name=%s", kind,
              log_safe(name, sizeof name, key != NULL ? key : "", key != NULL ? strlen(key) : 0));
    return true;
}

int store_all_profiles(struct store_reader *reader, store_profile_function each, void *context,
                       struct error *error)
{
    sqlite3_stmt *statement = reader->statements[ALL_PROFILES];
    bool more = true;
    int code = SQLITE_DONE;
    while (more && (code = sqlite3_step(statement)) == SQLITE_ROW)
        more = profile_row(statement, each, context);
    int result = 0;
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        result = store_sqlite_error(reader->db, error, "read the profiles");
    sqlite3_reset(statement);
    return result;
}

static uint64_t file_size(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 ? (uint64_t)status.st_size : 0;
}

int store_figures(struct store_reader *reader, struct store_figures *figures, struct error *error)
{
    struct store_position position;
    if (store_sqlite_position(reader->db, reader->statements[POSITION], &position, error) != 0)
        return -1;
    figures->head = position.head;
    figures->articles = position.articles;
    figures->bytes = file_size(reader->path) + file_size(reader->log_path);
    return 0;
}
