/*
 * sqlite_loop.c - how fast SQLite takes articles by itself: the yardstick for PUT.
 *
 *   sqlite_loop DIRECTORY ARTICLES GROUP SECONDS
 *
 * The tables and settings of storyd's store, an article and its change for each PUT, GROUP of them in one
 * transaction, each transaction synced. The database is made anew in DIRECTORY.
 */
#include "base/clock.h"
#include "base/crc32c.h"
#include "lines.h"
#include "samples.h"
#include "store/store_schema.h"
#include "store/store_sqlite.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CHECKPOINT_BYTES                                                                                     \
    (16 << 20) /* of articles; SQLite's own default is 1,000 pages, as much with these                       \
                */

static void check(sqlite3 *db, bool fine)
{
    if (fine)
        return;
    fprintf(stderr, "sqlite_loop: %s\n", sqlite3_errmsg(db));
    exit(1);
}

static void execute(sqlite3 *db, const char *sql)
{
    check(db, sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK);
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement;
    check(db, sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL) == SQLITE_OK);
    return statement;
}

static void step(sqlite3 *db, sqlite3_stmt *statement)
{
    check(db, sqlite3_step(statement) == SQLITE_DONE);
    sqlite3_reset(statement);
}

static sqlite3 *create(const char *directory)
{
    char path[4096];
    sqlite3 *db;
    struct error error = ERROR_INIT;
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/bare.db%s", directory, suffixes[i]);
        unlink(path);
    }
    snprintf(path, sizeof path, "%s/bare.db", directory);
    check(NULL, sqlite3_open(path, &db) == SQLITE_OK);
    if (store_schema_create(db, &error) != 0) {
        fprintf(stderr, "sqlite_loop: %s\n", error.message);
        exit(1);
    }
    execute(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0;"
                "PRAGMA journal_size_limit=67108864; PRAGMA cache_size=-16384");
    return db;
}

struct writer {
    sqlite3 *db;
    sqlite3_stmt *begin;
    sqlite3_stmt *commit;
    sqlite3_stmt *article;
    sqlite3_stmt *change;
    int64_t revision;
    size_t unsaved; /* bytes since the last checkpoint */
};

static void put(struct writer *writer, const struct line *line)
{
    char id[40];
    int length = snprintf(id, sizeof id, "a%lld", (long long)++writer->revision);
    sqlite3_bind_int64(writer->article, 1, writer->revision);
    sqlite3_bind_text(writer->article, 2, id, length, SQLITE_STATIC);
    sqlite3_bind_blob64(writer->article, 3, line->text, line->length, SQLITE_STATIC);
    sqlite3_bind_int64(writer->article, 4, crc32c(0, line->text, line->length));
    step(writer->db, writer->article);
    sqlite3_bind_int64(writer->change, 1, writer->revision);
    sqlite3_bind_text(writer->change, 2, id, length, SQLITE_STATIC);
    sqlite3_bind_int64(writer->change, 3, writer->revision);
    step(writer->db, writer->change);
    writer->unsaved += line->length;
}

int main(int count, char **words)
{
    if (count != 5) {
        fputs("usage: sqlite_loop DIRECTORY ARTICLES GROUP SECONDS\n", stderr);
        return 2;
    }
    size_t group = strtoull(words[3], NULL, 10);
    struct lines lines;
    struct samples samples = {0};
    lines_load(&lines, words[2], 20000);
    struct writer writer = {.db = create(words[1])};
    writer.begin = prepare(writer.db, "BEGIN IMMEDIATE");
    writer.commit = prepare(writer.db, "COMMIT");
    writer.article =
        prepare(writer.db, "INSERT INTO articles(revision, id, text, crc32c) VALUES(?1, ?2, ?3, ?4)");
    writer.change = prepare(writer.db, "INSERT INTO changes(revision, id, previous, deleted, articles)"
                                       " VALUES(?1, ?2, 0, 0, ?3)");
    int64_t started = clock_now();
    int64_t end = started + (int64_t)(strtod(words[4], NULL) * NANOSECONDS_PER_SECOND);
    while (clock_now() < end && lines.count > 0) {
        int64_t before = clock_now();
        step(writer.db, writer.begin);
        for (size_t i = 0; i < group; i++)
            put(&writer, &lines.items[(size_t)writer.revision % lines.count]);
        step(writer.db, writer.commit);
        samples_add(&samples, clock_now() - before);
        if (writer.unsaved > CHECKPOINT_BYTES) {
            execute(writer.db, "PRAGMA wal_checkpoint(PASSIVE)");
            writer.unsaved = 0;
        }
    }
    double seconds = (double)(clock_now() - started) / NANOSECONDS_PER_SECOND;
    printf("{");
    samples_print(&samples);
    printf(",\"group\":%zu,\"per_second\":%.1f}\n", group, (double)writer.revision / seconds);
    sqlite3_finalize(writer.begin);
    sqlite3_finalize(writer.commit);
    sqlite3_finalize(writer.article);
    sqlite3_finalize(writer.change);
    sqlite3_close(writer.db);
    samples_release(&samples);
    lines_release(&lines);
    return 0;
}
