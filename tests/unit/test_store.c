#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/counters.h"
#include "base/file.h"
#include "base/log.h"
#include "article/article.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct fixture {
    char directory[64];
    struct store_options options;
    struct store_writer *writer;
    struct store_reader *reader;
    struct error error;
};

/* SQLite's sync calls land here, so that one can be made to fail. */
static int syncs_before_failure = -1; /* -1: never fails */
static int syncs_failed;

static int sync_or_fail(int file)
{
    if (syncs_before_failure == 0) {
        syncs_failed++;
        errno = EIO;
        return -1;
    }
    if (syncs_before_failure > 0)
        syncs_before_failure--;
    return (int)syscall(SYS_fdatasync, file);
}

int fdatasync(int file)
{
    return sync_or_fail(file);
}

int fsync(int file)
{
    return sync_or_fail(file);
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    strcpy(fixture->directory, "/tmp/storyd-test-store-XXXXXX");
    assert_non_null(mkdtemp(fixture->directory));
    fixture->options = (struct store_options){fixture->directory, 0, 0};
    assert_int_equal(store_writer_open(&fixture->options, &fixture->writer, &fixture->error), 0);
    assert_int_equal(store_reader_open(&fixture->options, &fixture->reader, &fixture->error), 0);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    syncs_before_failure = -1;
    store_reader_close(fixture->reader);
    store_writer_close(fixture->writer);
    assert_int_equal(file_remove_tree(fixture->directory, NULL), 0);
    free(fixture);
    return 0;
}

static void close_all(struct fixture *fixture)
{
    store_reader_close(fixture->reader);
    store_writer_close(fixture->writer);
    fixture->reader = NULL;
    fixture->writer = NULL;
}

static void open_all(struct fixture *fixture)
{
    assert_int_equal(store_writer_open(&fixture->options, &fixture->writer, &fixture->error), 0);
    assert_int_equal(store_reader_open(&fixture->options, &fixture->reader, &fixture->error), 0);
}

/* Runs SQL as another program would. */
static void run_sql(const struct fixture *fixture, const char *sql)
{
    char path[128];
    sqlite3 *db;
    snprintf(path, sizeof path, "%s/store.db", fixture->directory);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static struct store_change put(struct fixture *fixture, const char *id, const char *text)
{
    struct store_change change;
    assert_int_equal(store_begin(fixture->writer, &fixture->error), 0);
    assert_int_equal(store_put(fixture->writer, id, text, strlen(text), -1, -1, &change, &fixture->error), 0);
    assert_int_equal(store_commit(fixture->writer, &fixture->error), 0);
    return change;
}

static struct store_change remove_article(struct fixture *fixture, const char *id)
{
    struct store_change change;
    assert_int_equal(store_begin(fixture->writer, &fixture->error), 0);
    assert_int_equal(store_delete(fixture->writer, id, -1, &change, &fixture->error), 0);
    assert_int_equal(store_commit(fixture->writer, &fixture->error), 0);
    return change;
}

static void expect_text(struct fixture *fixture, const char *id, const char *expected, uint64_t at)
{
    struct buffer text = BUFFER_INIT;
    uint64_t revision = 0;
    assert_int_equal(store_get(fixture->reader, id, &text, &revision, NULL, &fixture->error), 0);
    assert_int_equal(text.length, strlen(expected));
    assert_memory_equal(text.data != NULL ? text.data : "", expected, text.length);
    assert_int_equal(revision, at);
    buffer_release(&text);
}

static void expect_missing(struct fixture *fixture, const char *id)
{
    struct buffer text = BUFFER_INIT;
    assert_int_equal(store_get(fixture->reader, id, &text, NULL, NULL, &fixture->error), -1);
    assert_int_equal(fixture->error.code, ERROR_NOT_FOUND);
    buffer_release(&text);
}

static int64_t views_of(struct fixture *fixture, const char *id)
{
    struct buffer text = BUFFER_INIT;
    int64_t views = -1;
    assert_int_equal(store_get(fixture->reader, id, &text, NULL, &views, &fixture->error), 0);
    buffer_release(&text);
    return views;
}

/* Collects what a scan delivers as "revision:id:…" words. */
struct collected {
    char words[2000];
    size_t count;
    size_t stop_after;
};

static bool collect_article(void *context, uint64_t revision, const char *id, const char *text, size_t length,
                            int64_t views)
{
    struct collected *all = context;
    size_t used = strlen(all->words);
    snprintf(all->words + used, sizeof all->words - used, "%d:%s:%.*s:%d ", (int)revision, id, (int)length,
             text, (int)views);
    return ++all->count != all->stop_after;
}

static bool collect_change(void *context, const struct store_change *change, const char *id)
{
    struct collected *all = context;
    size_t used = strlen(all->words);
    snprintf(all->words + used, sizeof all->words - used, "%d:%s:%d%s ", (int)change->revision, id,
             (int)change->previous, change->deleted ? ":deleted" : "");
    return ++all->count != all->stop_after;
}

static bool collect_views(void *context, const char *id, int64_t views)
{
    struct collected *all = context;
    size_t used = strlen(all->words);
    snprintf(all->words + used, sizeof all->words - used, "%s:%d ", id, (int)views);
    all->count++;
    return true;
}

static void expect_changes(struct fixture *fixture, const char *expected)
{
    struct collected all = {.count = 0};
    uint64_t next;
    assert_int_equal(
        store_changes(fixture->reader, 0, 1000, 1000, collect_change, &all, &next, &fixture->error), 0);
    assert_string_equal(all.words, expected);
    assert_int_equal(next, 1001);
}

static void test_put_get_replace_delete(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(store_writer_head(fixture->writer), 0);
    struct store_change first = put(fixture, "a", "one");
    assert_int_equal(first.revision, 1);
    assert_int_equal(first.previous, 0);
    put(fixture, "b", "");
    struct store_change second = put(fixture, "a", "two");
    assert_int_equal(second.previous, 1);
    expect_text(fixture, "a", "two", 3);
    expect_text(fixture, "b", "", 2);
    struct store_change gone = remove_article(fixture, "a");
    assert_int_equal(gone.revision, 4);
    assert_int_equal(gone.previous, 3);
    assert_true(gone.deleted);
    expect_missing(fixture, "a");
    expect_changes(fixture, "1:a:0 2:b:0 3:a:1 4:a:3:deleted ");
    struct store_figures figures;
    assert_int_equal(store_figures(fixture->reader, &figures, &fixture->error), 0);
    assert_int_equal(figures.head, 4);
    assert_int_equal(figures.articles, 1);
    assert_true(figures.bytes >= 16384);
}

static void test_versions_by_docid(void **state)
{
    struct fixture *fixture = *state;
    struct buffer text = BUFFER_INIT;
    put(fixture, "a", "one");
    put(fixture, "a", "two");
    assert_int_equal(store_get_version(fixture->reader, 2, &text, NULL, &fixture->error), 0);
    assert_string_equal(text.data, "two");
    assert_int_equal(store_get_version(fixture->reader, 1, &text, NULL, &fixture->error), -1);
    assert_int_equal(fixture->error.code, ERROR_NOT_FOUND);
    assert_int_equal(store_get_version(fixture->reader, UINT64_MAX, &text, NULL, &fixture->error), -1);
    buffer_release(&text);
}

static void test_deleting_what_is_not_there(void **state)
{
    struct fixture *fixture = *state;
    struct store_change change;
    int64_t total;
    assert_int_equal(store_begin(fixture->writer, &fixture->error), 0);
    assert_int_equal(store_delete(fixture->writer, "x", -1, &change, &fixture->error), -1);
    assert_int_equal(fixture->error.code, ERROR_NOT_FOUND);
    assert_int_equal(store_add_views(fixture->writer, "x", 1, &total, &fixture->error), -1);
    assert_int_equal(fixture->error.code, ERROR_NOT_FOUND);
    assert_int_equal(store_put(fixture->writer, "y", "y", 1, -1, -1, &change, &fixture->error), 0);
    assert_int_equal(change.revision, 1); /* the failures took no revision */
    assert_int_equal(store_commit(fixture->writer, &fixture->error), 0);
    expect_changes(fixture, "1:y:0 ");
}

static void test_if_revision(void **state)
{
    struct fixture *fixture = *state;
    struct store_change change;
    put(fixture, "a", "one");
    assert_int_equal(store_begin(fixture->writer, &fixture->error), 0);
    assert_int_equal(store_put(fixture->writer, "a", "x", 1, -1, 0, &change, &fixture->error), -1);
    assert_int_equal(fixture->error.code, ERROR_CONFLICT);
    assert_int_equal(store_put(fixture->writer, "b", "x", 1, -1, 7, &change, &fixture->error), -1);
    assert_int_equal(fixture->error.code, ERROR_CONFLICT);
    assert_int_equal(store_delete(fixture->writer, "a", 2, &change, &fixture->error), -1);
    assert_int_equal(fixture->error.code, ERROR_CONFLICT);
    assert_int_equal(store_put(fixture->writer, "a", "two", 3, -1, 1, &change, &fixture->error), 0);
    assert_int_equal(store_put(fixture->writer, "b", "new", 3, -1, 0, &change, &fixture->error), 0);
    assert_int_equal(store_delete(fixture->writer, "b", 3, &change, &fixture->error), 0);
    assert_int_equal(store_commit(fixture->writer, &fixture->error), 0);
    expect_text(fixture, "a", "two", 2);
    expect_missing(fixture, "b");
}

static void test_views(void **state)
{
    struct fixture *fixture = *state;
    struct store_change change;
    int64_t total;
    put(fixture, "a", "one");
    put(fixture, "b", "two");
    assert_int_equal(views_of(fixture, "a"), 0);
    assert_int_equal(store_begin(fixture->writer, &fixture->error), 0);
    assert_int_equal(store_add_views(fixture->writer, "a", 3, &total, &fixture->error), 0);
    assert_int_equal(store_add_views(fixture->writer, "a", 4, &total, &fixture->error), 0);
    assert_int_equal(total, 7);
    assert_int_equal(store_put(fixture->writer, "a", "new", 3, -1, -1, &change, &fixture->error), 0);
    assert_int_equal(store_put(fixture->writer, "b", "new", 3, 39, -1, &change, &fixture->error), 0);
    assert_int_equal(store_commit(fixture->writer, &fixture->error), 0);
    assert_int_equal(views_of(fixture, "a"), 7);
    struct collected all = {.count = 0};
    assert_int_equal(store_all_views(fixture->reader, collect_views, &all, &fixture->error), 0);
    assert_string_equal(all.words, ""); /* both came with a version */
    assert_int_equal(views_of(fixture, "b"), 39);
    assert_int_equal(store_begin(fixture->writer, &fixture->error), 0);
    assert_int_equal(store_add_views(fixture->writer, "b", 1, &total, &fixture->error), 0);
    assert_int_equal(total, 40);
    assert_int_equal(store_commit(fixture->writer, &fixture->error), 0);
    assert_int_equal(store_all_views(fixture->reader, collect_views, &all, &fixture->error), 0);
    assert_string_equal(all.words, "b:40 ");
    put(fixture, "b", "a new version keeps the count");
    assert_int_equal(views_of(fixture, "b"), 40);
    remove_article(fixture, "a");
    put(fixture, "a", "again");
    assert_int_equal(views_of(fixture, "a"), 0);
    assert_int_equal(store_begin(fixture->writer, &fixture->error), 0);
    assert_int_equal(store_add_views(fixture->writer, "a", INT64_MAX, &total, &fixture->error), 0);
    assert_int_equal(store_add_views(fixture->writer, "a", INT64_MAX, &total, &fixture->error), 0);
    assert_true(total == ARTICLE_VIEWS_MAX);
    store_rollback(fixture->writer);
    assert_int_equal(views_of(fixture, "a"), 0);
}

static void test_scan_in_pieces(void **state)
{
    struct fixture *fixture = *state;
    uint64_t next = 0;
    put(fixture, "a", "A");
    put(fixture, "b", "B");
    put(fixture, "a", "C");
    put(fixture, "d", "D");
    struct collected all = {.count = 0};
    assert_int_equal(store_scan(fixture->reader, 0, 10, 2, collect_article, &all, &next, &fixture->error), 0);
    assert_string_equal(all.words, "2:b:B:0 3:a:C:0 ");
    assert_int_equal(next, 4);
    assert_int_equal(store_scan(fixture->reader, next, 10, 2, collect_article, &all, &next, &fixture->error),
                     0);
    assert_int_equal(all.count, 3);
    assert_int_equal(next, 11);
    struct collected stopped = {.stop_after = 1};
    assert_int_equal(store_scan(fixture->reader, 1, UINT64_MAX, 9, collect_article, &stopped, &next, NULL),
                     0);
    assert_string_equal(stopped.words, "2:b:B:0 ");
    assert_int_equal(next, 3);
    assert_int_equal(store_changes(fixture->reader, 3, 3, 9, collect_change, &stopped, &next, NULL), 0);
    assert_string_equal(stopped.words, "2:b:B:0 3:a:1 ");
    assert_int_equal(next, 4);
    assert_int_equal(store_scan(fixture->reader, 1, 9, 0, collect_article, &stopped, &next, NULL), 0);
    assert_int_equal(next, 1);
}

static void test_rollback_and_reading_inside(void **state)
{
    struct fixture *fixture = *state;
    struct store_change change;
    struct buffer text = BUFFER_INIT;
    uint64_t revision;
    put(fixture, "a", "one");
    assert_int_equal(store_begin(fixture->writer, &fixture->error), 0);
    assert_int_equal(store_put(fixture->writer, "a", "two", 3, -1, -1, &change, &fixture->error), 0);
    assert_int_equal(store_get_in_transaction(fixture->writer, "a", &text, &revision, &fixture->error), 0);
    assert_string_equal(text.data, "two");
    assert_int_equal(revision, 2);
    expect_text(fixture, "a", "one", 1); /* a reader sees the last commit */
    store_rollback(fixture->writer);
    expect_text(fixture, "a", "one", 1);
    assert_int_equal(put(fixture, "b", "b").revision, 2);
    buffer_release(&text);
}

static void test_reopen_keeps_all_and_reuses_no_revision(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, "a", "one");
    put(fixture, "b", "two");
    remove_article(fixture, "b"); /* the newest article and the newest change */
    close_all(fixture);
    open_all(fixture);
    assert_int_equal(store_writer_head(fixture->writer), 3);
    expect_text(fixture, "a", "one", 1);
    assert_int_equal(put(fixture, "c", "three").revision, 4);
}

static void test_damaged_row(void **state)
{
    struct fixture *fixture = *state;
    struct buffer text = BUFFER_INIT;
    uint64_t next;
    uint64_t revision;
    put(fixture, "good", "fine");
    put(fixture, "bad", "text");
    run_sql(fixture, "UPDATE articles SET text = CAST('tExt' AS BLOB) WHERE id = 'bad'");
    int64_t counted = counter_value(COUNTER_STORE_BAD_ROWS);
    assert_int_equal(store_get(fixture->reader, "bad", &text, NULL, NULL, &fixture->error), -1);
    assert_int_equal(fixture->error.code, ERROR_UNAVAILABLE);
    assert_non_null(strstr(fixture->error.message, "\"bad\" (revision 2)"));
    assert_int_equal(text.length, 0);
    struct collected all = {.count = 0};
    assert_int_equal(store_scan(fixture->reader, 0, 9, 9, collect_article, &all, &next, &fixture->error), 0);
    assert_string_equal(all.words, "1:good:fine:0 ");
    assert_int_equal(counter_value(COUNTER_STORE_BAD_ROWS), counted + 2);
    assert_int_equal(store_begin(fixture->writer, &fixture->error), 0);
    assert_int_equal(store_get_in_transaction(fixture->writer, "bad", &text, &revision, &fixture->error), -1);
    assert_int_equal(fixture->error.code, ERROR_UNAVAILABLE);
    assert_int_equal(store_commit(fixture->writer, &fixture->error), 0); /* it spoils no group */
    put(fixture, "bad", "good now");
    expect_text(fixture, "bad", "good now", 3);
    buffer_release(&text);
}

static bool collect_profile(void *context, int kind, const char *key, const char *text, size_t length)
{
    struct collected *all = context;
    size_t used = strlen(all->words);
    snprintf(all->words + used, sizeof all->words - used, "%d:%s:%.*s ", kind, key, (int)length, text);
    return ++all->count != all->stop_after;
}

static void expect_profiles(struct fixture *fixture, const char *expected)
{
    struct collected all = {.count = 0};
    assert_int_equal(store_all_profiles(fixture->reader, collect_profile, &all, &fixture->error), 0);
    assert_string_equal(all.words, expected);
}

static void test_profiles(void **state)
{
    struct fixture *fixture = *state;
    struct store_writer *writer = fixture->writer;
    struct error *error = &fixture->error;
    assert_int_equal(store_begin(writer, error), 0);
    assert_int_equal(store_put_profile(writer, 1, "b", "one", 3, error), 0);
    assert_int_equal(store_put_profile(writer, 2, "b", "two", 3, error), 0);
    assert_int_equal(store_put_profile(writer, 1, "a", "old", 3, error), 0);
    assert_int_equal(store_put_profile(writer, 1, "a", "three", 5, error), 0);
    expect_profiles(fixture, "");
    assert_int_equal(store_commit(writer, error), 0);
    assert_int_equal(store_writer_head(writer), 0); /* no change of an article */
    expect_profiles(fixture, "1:a:three 1:b:one 2:b:two ");
    assert_int_equal(store_begin(writer, error), 0);
    assert_int_equal(store_remove_profile(writer, 1, "b", error), 0);
    assert_int_equal(store_remove_profile(writer, 1, "b", error), -1);
    assert_int_equal(error->code, ERROR_NOT_FOUND);
    assert_int_equal(store_commit(writer, error), 0);
    assert_int_equal(store_begin(writer, error), 0);
    assert_int_equal(store_put_profile(writer, 3, "c", "four", 4, error), 0);
    store_rollback(writer);
    close_all(fixture);
    open_all(fixture);
    expect_profiles(fixture, "1:a:three 2:b:two ");
}

static void test_a_damaged_profile_is_left_out_and_can_be_replaced(void **state)
{
    struct fixture *fixture = *state;
    struct error *error = &fixture->error;
    assert_int_equal(store_begin(fixture->writer, error), 0);
    assert_int_equal(store_put_profile(fixture->writer, 1, "a", "one", 3, error), 0);
    assert_int_equal(store_put_profile(fixture->writer, 1, "b", "two", 3, error), 0);
    assert_int_equal(store_put_profile(fixture->writer, 1, "c", "three", 5, error), 0);
    assert_int_equal(store_commit(fixture->writer, error), 0);
    run_sql(fixture, "UPDATE profiles SET text = 'twO' WHERE name = 'b'");
    int64_t bad = counter_value(COUNTER_STORE_BAD_ROWS);
    log_set_level(-1);
    expect_profiles(fixture, "1:a:one 1:c:three ");
    log_set_level(LOG_LEVEL_ERROR);
    assert_int_equal(counter_value(COUNTER_STORE_BAD_ROWS), bad + 1);
    assert_int_equal(store_begin(fixture->writer, error), 0);
    assert_int_equal(store_put_profile(fixture->writer, 1, "b", "new", 3, error), 0);
    assert_int_equal(store_commit(fixture->writer, error), 0);
    expect_profiles(fixture, "1:a:one 1:b:new 1:c:three ");
}

static void test_second_writer_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct store_writer *second = NULL;
    assert_int_equal(store_writer_open(&fixture->options, &second, &fixture->error), -1);
    assert_int_equal(fixture->error.code, ERROR_CONFLICT);
    assert_null(second);
}

static void expect_refused(struct fixture *fixture, const char *words)
{
    struct store_writer *writer = NULL;
    struct store_reader *reader = NULL;
    assert_int_equal(store_writer_open(&fixture->options, &writer, &fixture->error), -1);
    assert_int_equal(fixture->error.code, ERROR_UNAVAILABLE);
    if (strstr(fixture->error.message, words) == NULL)
        fail_msg("\"%s\" lacks \"%s\"", fixture->error.message, words);
    assert_int_equal(store_reader_open(&fixture->options, &reader, &fixture->error), -1);
}

#define NOBODY 65534

/* A store that was put back by root, say. */
static void test_a_store_that_can_only_be_read_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct store_writer *writer = NULL;
    char path[128];
    put(fixture, "a", "text");
    close_all(fixture);
    if (geteuid() != 0) /* its own files nobody is kept from writing to by another owner */
        skip();
    snprintf(path, sizeof path, "%s/store.lock", fixture->directory);
    assert_int_equal(chown(path, NOBODY, NOBODY), 0);
    assert_int_equal(chown(fixture->directory, NOBODY, NOBODY), 0);
    snprintf(path, sizeof path, "%s/store.db", fixture->directory);
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(seteuid(NOBODY), 0);
    int result = store_writer_open(&fixture->options, &writer, &fixture->error);
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(result, -1);
    assert_int_equal(fixture->error.code, ERROR_UNAVAILABLE);
    assert_non_null(strstr(fixture->error.message, "can only be read"));
    open_all(fixture);
    expect_text(fixture, "a", "text", 1);
}

static void test_newer_format_is_refused(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, "a", "one");
    close_all(fixture);
    run_sql(fixture, "PRAGMA user_version=3");
    expect_refused(fixture, "newer storyd");
    run_sql(fixture, "PRAGMA user_version=2");
    open_all(fixture);
    expect_text(fixture, "a", "one", 1);
}

/* Format 1 had the view counts of all articles in the table `views`. */
static void test_format_1_is_brought_to_the_present_one(void **state)
{
    struct fixture *fixture = *state;
    struct store_reader *reader = NULL;
    int64_t total;
    put(fixture, "a", "one");
    put(fixture, "b", "two");
    close_all(fixture);
    run_sql(fixture, "INSERT INTO views VALUES('b', 39); ALTER TABLE articles DROP COLUMN views;"
                     "PRAGMA user_version=1");
    assert_int_equal(store_reader_open(&fixture->options, &reader, &fixture->error), -1);
    assert_non_null(strstr(fixture->error.message, "older format 1"));
    open_all(fixture);
    expect_text(fixture, "a", "one", 1);
    assert_int_equal(views_of(fixture, "a"), 0);
    assert_int_equal(views_of(fixture, "b"), 39);
    assert_int_equal(store_begin(fixture->writer, &fixture->error), 0);
    assert_int_equal(store_add_views(fixture->writer, "a", 2, &total, &fixture->error), 0);
    assert_int_equal(store_add_views(fixture->writer, "b", 1, &total, &fixture->error), 0);
    assert_int_equal(store_commit(fixture->writer, &fixture->error), 0);
    put(fixture, "b", "three");
    assert_int_equal(views_of(fixture, "a"), 2);
    assert_int_equal(views_of(fixture, "b"), 40);
    close_all(fixture);
    open_all(fixture); /* once is enough */
    expect_text(fixture, "b", "three", 3);
}

static void test_foreign_files_are_refused(void **state)
{
    struct fixture *fixture = *state;
    char path[128];
    char *bytes;
    size_t length;
    close_all(fixture);
    snprintf(path, sizeof path, "%s/store.db", fixture->directory);
    assert_int_equal(unlink(path), 0);
    run_sql(fixture, "CREATE TABLE theirs(x); INSERT INTO theirs VALUES(42)");
    expect_refused(fixture, "not a storyd store");
    run_sql(fixture, "INSERT INTO theirs VALUES(43)");
    char letter[5000];
    memset(letter, 'x', sizeof letter);
    assert_int_equal(file_replace(path, letter, sizeof letter, NULL), 0);
    expect_refused(fixture, "not a database");
    assert_int_equal(file_read(path, 10000, &bytes, &length, NULL), 0);
    assert_int_equal(length, sizeof letter);
    assert_memory_equal(bytes, letter, length);
    free(bytes);
}

static void test_a_log_without_its_database_is_kept(void **state)
{
    struct fixture *fixture = *state;
    char path[128];
    close_all(fixture);
    snprintf(path, sizeof path, "%s/store.db", fixture->directory);
    assert_int_equal(unlink(path), 0);
    strcat(path, "-wal");
    assert_int_equal(file_replace(path, "somebody's articles", 19, NULL), 0);
    expect_refused(fixture, "is missing or empty");
    assert_int_equal(access(path, F_OK), 0);
}

static void test_last_revision(void **state)
{
    struct fixture *fixture = *state;
    struct store_change change;
    close_all(fixture);
    run_sql(fixture, "INSERT INTO changes VALUES(4294967293, 'x', 0, 0, 0)");
    open_all(fixture);
    assert_int_equal(store_begin(fixture->writer, &fixture->error), 0);
    assert_int_equal(store_put(fixture->writer, "a", "a", 1, -1, -1, &change, &fixture->error), 0);
    assert_true(change.revision == UINT64_C(4294967294));
    assert_int_equal(store_put(fixture->writer, "b", "b", 1, -1, -1, &change, &fixture->error), -1);
    assert_int_equal(fixture->error.code, ERROR_UNAVAILABLE);
    assert_non_null(strstr(fixture->error.message, "revisions"));
    assert_int_equal(store_commit(fixture->writer, &fixture->error), 0);
    expect_missing(fixture, "b");
}

static void test_disk_floor(void **state)
{
    struct fixture *fixture = *state;
    store_writer_set_disk_floor(fixture->writer, INT64_MAX);
    assert_int_equal(store_begin(fixture->writer, &fixture->error), -1);
    assert_int_equal(fixture->error.code, ERROR_UNAVAILABLE);
    assert_int_equal(strncmp(fixture->error.message, "disk_low", 8), 0);
    assert_non_null(strstr(fixture->error.message, "disk_floor"));
    store_writer_set_disk_floor(fixture->writer, 0);
    put(fixture, "a", "one");
}

static void test_files_are_not_for_everyone(void **state)
{
    struct fixture *fixture = *state;
    static const char *const names[] = {"store.db", "store.db-wal", "store.lock"};
    put(fixture, "a", "one");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[128];
        struct stat status;
        snprintf(path, sizeof path, "%s/%s", fixture->directory, names[i]);
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_mode & 0137, 0);
    }
}

static void failing_group(struct fixture *fixture)
{
    struct store_change change;
    assert_int_equal(store_begin(fixture->writer, &fixture->error), 0);
    assert_int_equal(store_put(fixture->writer, "lost", "x", 1, -1, -1, &change, &fixture->error), 0);
    assert_int_equal(store_put(fixture->writer, "kept", "new", 3, -1, -1, &change, &fixture->error), 0);
    assert_int_equal(store_commit(fixture->writer, &fixture->error), -1);
    assert_int_equal(fixture->error.code, ERROR_UNAVAILABLE);
    assert_non_null(strstr(fixture->error.message, "errno 5"));
}

static void failed_sync(struct fixture *fixture)
{
    put(fixture, "kept", "old");
    int64_t errors = counter_value(COUNTER_STORE_SYNC_ERRORS);
    syncs_failed = 0;
    syncs_before_failure = 0;
    failing_group(fixture);
    assert_true(syncs_failed > 0);
    assert_int_equal(counter_value(COUNTER_STORE_SYNC_ERRORS), errors + 1);
    assert_int_equal(store_begin(fixture->writer, &fixture->error), -1); /* still in doubt */
    assert_int_equal(fixture->error.code, ERROR_UNAVAILABLE);
    assert_int_equal(store_writer_head(fixture->writer), 1); /* what was acknowledged, and nothing more */
    syncs_before_failure = -1;
    struct store_change change = put(fixture, "after", "x");
    uint64_t head = store_writer_head(fixture->writer);
    assert_int_equal(change.revision, head);
    assert_true(head == 2 || head == 4); /* the group is there as a whole or not at all */
    if (fixture->reader == NULL)
        assert_int_equal(store_reader_open(&fixture->options, &fixture->reader, &fixture->error), 0);
    expect_text(fixture, "kept", head == 4 ? "new" : "old", head == 4 ? 3 : 1);
    if (head == 2)
        expect_missing(fixture, "lost");
    close_all(fixture);
    open_all(fixture);
    assert_int_equal(store_writer_head(fixture->writer), head);
    expect_text(fixture, "after", "x", head);
}

static void test_failed_sync_with_readers(void **state)
{
    failed_sync(*state);
}

static void test_failed_sync_without_readers(void **state)
{
    struct fixture *fixture = *state;
    store_reader_close(fixture->reader);
    fixture->reader = NULL;
    failed_sync(fixture);
}

static void test_one_failed_sync_is_got_over_at_once(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, "kept", "old");
    for (int round = 0; round < 20; round++) {
        syncs_before_failure = round % 4;
        struct store_change change;
        uint64_t before = store_writer_head(fixture->writer);
        if (store_begin(fixture->writer, NULL) == 0) {
            assert_int_equal(store_put(fixture->writer, "again", "x", 1, -1, -1, &change, NULL), 0);
            if (store_commit(fixture->writer, NULL) == 0)
                assert_int_equal(store_writer_head(fixture->writer), before + 1);
        }
        syncs_before_failure = -1;
        put(fixture, "between", "y");
        expect_text(fixture, "between", "y", store_writer_head(fixture->writer));
        assert_true(store_writer_head(fixture->writer) <= before + 2);
    }
}

static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void test_no_room_for_the_file(void **state)
{
    struct fixture *fixture = *state;
    struct store_change change;
    static char large[400000];
    memset(large, 'x', sizeof large);
    put(fixture, "a", "one");
    void (*before)(int) = signal(SIGXFSZ, SIG_IGN);
    limit_files(200000);
    for (int i = 0; i < 3; i++) { /* it fails as long as the cause lasts, in whichever step */
        int result = store_begin(fixture->writer, &fixture->error);
        if (result == 0) {
            store_put(fixture->writer, "b", large, sizeof large, -1, -1, &change, &fixture->error);
            result = store_commit(fixture->writer, &fixture->error);
        }
        assert_int_equal(result, -1);
        assert_int_equal(fixture->error.code, ERROR_UNAVAILABLE);
    }
    limit_files(RLIM_INFINITY);
    signal(SIGXFSZ, before);
    expect_missing(fixture, "b");
    assert_int_equal(put(fixture, "b", "two").revision, 2);
    expect_text(fixture, "a", "one", 1);
}

static void test_damage_in_the_file_is_an_error(void **state)
{
    struct fixture *fixture = *state;
    char path[128];
    char id[16];
    close_all(fixture);
    open_all(fixture);
    for (int i = 0; i < 200; i++) {
        static char text[3000];
        memset(text, 'a' + i % 20, sizeof text - 1);
        snprintf(id, sizeof id, "id%d", i);
        put(fixture, id, text);
    }
    close_all(fixture);
    snprintf(path, sizeof path, "%s/store.db", fixture->directory);
    assert_int_equal(truncate(path, 16384 * 10), 0);
    if (store_writer_open(&fixture->options, &fixture->writer, &fixture->error) != 0) {
        assert_int_equal(fixture->error.code, ERROR_UNAVAILABLE);
        return;
    }
    assert_int_equal(store_reader_open(&fixture->options, &fixture->reader, &fixture->error), 0);
    struct collected all = {.stop_after = 0};
    uint64_t next;
    assert_int_equal(store_changes(fixture->reader, 0, 9999, 9999, collect_change, &all, &next, NULL), -1);
}

/* Writes until killed; each acknowledged revision goes into the pipe first. */
static void write_for_ever(const struct store_options *options, int acknowledged)
{
    struct store_writer *writer;
    if (store_writer_open(options, &writer, NULL) != 0)
        _exit(1);
    for (int i = 0;; i++) {
        char id[16];
        struct store_change change;
        snprintf(id, sizeof id, "id%d", i);
        if (store_begin(writer, NULL) != 0 ||
            store_put(writer, id, id, strlen(id), -1, 0, &change, NULL) != 0 ||
            store_commit(writer, NULL) != 0)
            _exit(1);
        int number = i;
        if (write(acknowledged, &number, sizeof number) != sizeof number)
            _exit(1);
    }
}

static void test_killed_after_acknowledging(void **state)
{
    struct fixture *fixture = *state;
    int ends[2];
    int newest = -1;
    char id[16];
    close_all(fixture);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t child = fork();
    if (child == 0)
        write_for_ever(&fixture->options, ends[1]);
    close(ends[1]);
    int number;
    while (read(ends[0], &number, sizeof number) == sizeof number) {
        newest = number;
        if (number == 200)
            kill(child, SIGKILL);
    }
    close(ends[0]);
    waitpid(child, NULL, 0);
    assert_true(newest >= 200);
    open_all(fixture);
    for (int i = 0; i <= newest; i++) {
        snprintf(id, sizeof id, "id%d", i);
        expect_text(fixture, id, id, (uint64_t)i + 1);
    }
    uint64_t head = store_writer_head(fixture->writer);
    assert_true(head == (uint64_t)newest + 1 || head == (uint64_t)newest + 2);
}

static void test_checkpoint_when_idle(void **state)
{
    struct fixture *fixture = *state;
    static char text[1 << 20];
    char id[16];
    char path[128];
    struct stat before;
    struct stat after;
    memset(text, 'x', sizeof text - 1);
    for (int i = 0; i < 14; i++) {
        snprintf(id, sizeof id, "id%d", i);
        put(fixture, id, text);
        assert_int_equal(store_maintain(fixture->writer, false, &fixture->error), 0);
    }
    snprintf(path, sizeof path, "%s/store.db", fixture->directory);
    assert_int_equal(stat(path, &before), 0);
    assert_int_equal(store_maintain(fixture->writer, true, &fixture->error), 0);
    assert_int_equal(stat(path, &after), 0);
    assert_true(before.st_size < (1 << 20));
    assert_true(after.st_size > (13 << 20));
    put(fixture, "small", "x"); /* starts the log anew */
    strcat(path, "-wal");
    assert_int_equal(stat(path, &after), 0);
    expect_text(fixture, "id0", text, 1);
}

/* Puts 64 MB while a row of a scan is looked at. */
static bool write_much(void *context, uint64_t revision, const char *id, const char *text, size_t length,
                       int64_t views)
{
    struct fixture *fixture = context;
    static char large[1 << 20];
    (void)revision;
    (void)views;
    memset(large, 'y', sizeof large - 1);
    for (int i = 0; i < 64; i++) {
        put(fixture, "large", large);
        assert_int_equal(store_maintain(fixture->writer, false, &fixture->error), 0);
    }
    assert_string_equal(id, "seen");
    assert_int_equal(length, 4);
    assert_memory_equal(text, "text", 4);
    return true;
}

/* Whoever scans the store may take their time: the log is started anew meanwhile. */
static void test_scan_does_not_hold_the_log(void **state)
{
    struct fixture *fixture = *state;
    uint64_t next;
    char path[128];
    struct stat status;
    put(fixture, "seen", "text");
    assert_int_equal(store_scan(fixture->reader, 1, 9, 9, write_much, fixture, &next, &fixture->error), 0);
    assert_int_equal(next, 10);
    snprintf(path, sizeof path, "%s/store.db-wal", fixture->directory);
    assert_int_equal(stat(path, &status), 0);
    assert_true(status.st_size < (40 << 20));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    const struct CMUnitTest tests[] = {
        TEST(test_put_get_replace_delete),
        TEST(test_versions_by_docid),
        TEST(test_deleting_what_is_not_there),
        TEST(test_if_revision),
        TEST(test_views),
        TEST(test_scan_in_pieces),
        TEST(test_rollback_and_reading_inside),
        TEST(test_reopen_keeps_all_and_reuses_no_revision),
        TEST(test_damaged_row),
        TEST(test_profiles),
        TEST(test_a_damaged_profile_is_left_out_and_can_be_replaced),
        TEST(test_second_writer_is_refused),
        TEST(test_newer_format_is_refused),
        TEST(test_format_1_is_brought_to_the_present_one),
        TEST(test_foreign_files_are_refused),
        TEST(test_a_log_without_its_database_is_kept),
        TEST(test_last_revision),
        TEST(test_disk_floor),
        TEST(test_a_store_that_can_only_be_read_is_refused),
        TEST(test_files_are_not_for_everyone),
        TEST(test_failed_sync_with_readers),
        TEST(test_failed_sync_without_readers),
        TEST(test_one_failed_sync_is_got_over_at_once),
        TEST(test_no_room_for_the_file),
        TEST(test_damage_in_the_file_is_an_error),
        TEST(test_killed_after_acknowledging),
        TEST(test_checkpoint_when_idle),
        TEST(test_scan_does_not_hold_the_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
