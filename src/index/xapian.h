/*
 * xapian.h - everything storyd asks of libxapian, as whole operations behind plain C. xapian_*.cc are the
 * only C++ in the project; no exception leaves it (every entry point is noexcept and ends in one translator).
 *
 * Failures are sorted by what the caller should do, see enum xapian_status; the struct error holds the
 * sentence. Databases are glass. Docids are revisions: unique over all segments. Documents have terms only:
 * no data, no values. The posting's wdf holds the finished BM25 tf part ("impact", 1 to IMPACT_MAX); searches
 * score idf * wdf / IMPACT_SCALE.
 */
#ifndef STORYD_INDEX_XAPIAN_H
#define STORYD_INDEX_XAPIAN_H

#include "base/error.h"
#include "query/query.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define IMPACT_MAX 127    /* one byte in a glass posting */
#define IMPACT_SCALE 57.0 /* impact = round(IMPACT_SCALE * tf part); the tf part is below k1 + 1 = 2.2 */
#define XAPIAN_TERM_MAX 245

enum xapian_status {
    XAPIAN_OK = 0,
    XAPIAN_FAILED = -1,   /* disk or unknown trouble: report it */
    XAPIAN_STALE = -2,    /* the database changed under the reader: take a new snapshot and try again */
    XAPIAN_DEADLINE = -3, /* the search ran out of time */
    XAPIAN_DAMAGED = -4,  /* set the database aside and build it again */
    XAPIAN_LOCKED = -5,   /* another writer has it */
    XAPIAN_NOT_FOUND = -6,
    XAPIAN_BAD_QUERY = -7,
    XAPIAN_NO_MEMORY = -8
};

/* "1.4.22"; any thread. */
const char *xapian_library_version(void);

/* ---- writing: one writer for each database, used by one thread at a time ---- */

struct xapian_term {
    const char *text; /* at most XAPIAN_TERM_MAX bytes */
    uint32_t length;
    uint32_t impact; /* 0 for boolean terms */
    const uint32_t *positions;
    uint32_t position_count;
};

struct xapian_writer;

/* Has Xapian make the empty database that all new ones are copies of, in `directory`, and removes it again.
 * To be called while the process has one thread: see xapian_create.cc. Without it the first creation does it.
 */
int xapian_prepare(const char *directory, struct error *error);

/* Opens, or creates, the database in directory `path` and begins a transaction. `sync` false: DB_NO_SYNC, for
 * a database that is rebuilt after a power cut anyway. */
int xapian_writer_open(const char *path, bool create, bool sync, struct xapian_writer **writer,
                       struct error *error);

/* Adds a document under `docid` (must be larger than every docid there, or new). On failure the whole open
 * transaction is gone and has been begun again empty: the caller replays from the last commit.
 * A document that cannot be indexed at all is FAILED with the error code bad_request: leave it out then. */
int xapian_writer_add(struct xapian_writer *writer, uint32_t docid, const struct xapian_term *terms,
                      size_t count, struct error *error);

/* Commits with `position` (the revision the database has reached) and `owner` (a text that identifies
 * generation and place) in its metadata, syncs the directory if the writer was opened with sync, begins the
 * next transaction. */
int xapian_writer_commit(struct xapian_writer *writer, uint64_t position, const char *owner,
                         struct error *error);

uint32_t
xapian_writer_count(const struct xapian_writer *writer); /* documents, those not committed included */

/* Drops what is not committed, closes, frees. NULL is fine. */
void xapian_writer_close(struct xapian_writer *writer);

/* The metadata of the last commit. `owner` gets at most size - 1 bytes. */
int xapian_position(const char *path, uint64_t *position, char *owner, size_t size, struct error *error);

/* ---- whole-database operations, each opens what it needs: any thread ---- */

/* Compacts `count` databases with disjoint, ascending docid ranges into one new single-file database at
 * `destination` (docids kept), synced. `position`/`owner` metadata of the sources is not kept. */
int xapian_compact(const char *const *sources, size_t count, const char *destination, struct error *error);

/* Every term with its document frequency, in byte order. Stops if `each` returns false. */
typedef bool (*xapian_term_function)(void *context, const char *term, size_t length,
                                     uint32_t document_frequency);
int xapian_all_terms(const char *path, xapian_term_function each, void *context, struct error *error);

/* For each document (ascending docid): its names (tags and entities: impact 0, with their prefixes), then its
 * terms with impact > 0 and no prefix (the stems of its text). */
struct xapian_stem {
    const char *text;
    uint32_t length;
    uint32_t impact;
};
typedef bool (*xapian_document_function)(void *context, uint32_t docid, const struct xapian_stem *stems,
                                         size_t count);
int xapian_all_documents(const char *path, xapian_document_function each, void *context, struct error *error);

/* Documents in the database and the largest docid. */
int xapian_count(const char *path, uint32_t *documents, uint32_t *last_docid, struct error *error);

/* ---- searching: a reader belongs to one thread ---- */

struct xapian_reader;
struct xapian_reader *xapian_reader_new(void); /* aborts without memory; opens nothing */
void xapian_reader_free(struct xapian_reader *reader);

/* One database of the snapshot that is searched. The reader keeps opened databases by `key` (unique over all
 * databases ever opened by this process, never 0) and reopens when `version` differs from the one it opened
 * (hot segment: the number of its last commit; 0 for sealed ones). */
struct xapian_source {
    uint64_t key;
    uint64_t version;
    const char *path;
    uint32_t documents; /* in it at that version; 0: not known */
};

/* Forget opened databases that are not among these (segments that were merged away): closes their files. */
void xapian_reader_keep(struct xapian_reader *reader, const struct xapian_source *sources, size_t count);

/* Asked for each candidate document; `docid` is the global one. Must not throw, longjmp or call Xapian. */
typedef bool (*xapian_accept_function)(void *context, uint32_t docid);

struct xapian_search {
    const struct xapian_source *sources; /* ascending docid ranges */
    size_t source_count;
    const struct query_node *query;
    uint32_t wildcard_expansions;
    bool ranked; /* false: no weights; every match goes to `accept` in docid order of each source */
    size_t offset;
    size_t limit;
    size_t check_at_least;         /* totals up to this are exact: SIZE_MAX = all */
    xapian_accept_function accept; /* NULL: every match is accepted */
    void *accept_context;
    bool accept_if_ahead; /* ask only if a database that is written to was opened with more documents than its
                             source says: the version after it has been committed but not published yet */
    int64_t deadline;     /* clock.h; 0 = none. Checked in accept and while scoring */
};

struct xapian_hit {
    uint32_t docid;
    float score;
};

struct xapian_result {
    struct xapian_hit *hits; /* owned by the reader, valid until its next search */
    size_t hit_count;
    size_t total; /* matches: exact or an estimate; with `accept`, of accepted ones */
    bool total_exact;
    bool incomplete; /* not used unless a deadline is to give partial results */
};

/* Runs one search. Returns an enum xapian_status. STALE is returned, not retried: the caller pins a new
 * snapshot. */
int xapian_search(struct xapian_reader *reader, const struct xapian_search *search,
                  struct xapian_result *result, struct error *error);

/* The document frequency of a term over the sources (for explain and tests). */
int xapian_term_frequency(struct xapian_reader *reader, const struct xapian_source *sources, size_t count,
                          const char *term, size_t length, uint32_t *frequency, struct error *error);

#ifdef __cplusplus
}
#endif

#endif
