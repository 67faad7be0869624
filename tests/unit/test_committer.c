#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/counters.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/queue.h"
#include "article/article.h"
#include "store/committer.h"

#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

struct fixture {
    char directory[64];
    struct store_options store_options;
    struct committer_options options;
    struct store_writer *writer;
    struct store_reader *reader;
    struct registry *profiles;
    struct committer *committer;
    struct queue *answers; /* of writes */
    struct error error;

    /* what the committer's thread was seen to call */
    atomic_int commits;
    _Atomic uint64_t head;
    char viewed[500];

    /* while `closed`, the committer's thread stays in `done` */
    pthread_mutex_t gate;
    pthread_cond_t gate_changed;
    bool closed;
    bool waits_at_gate;
};

static void committed(void *context, uint64_t head)
{
    struct fixture *fixture = context;
    fixture->commits++;
    fixture->head = head;
}

static void viewed(void *context, const char *id, int64_t total, uint64_t revision)
{
    struct fixture *fixture = context;
    size_t used = strlen(fixture->viewed);
    snprintf(fixture->viewed + used, sizeof fixture->viewed - used, "%d:%s:%d ", (int)revision, id,
             (int)total);
}

static void answered(struct write *write)
{
    struct fixture *fixture = write->context;
    queue_push(fixture->answers, write);
}

/* As above, but holds the committer's thread up until the gate is opened. */
static void answered_at_gate(struct write *write)
{
    struct fixture *fixture = write->context;
    pthread_mutex_lock(&fixture->gate);
    fixture->waits_at_gate = true;
    pthread_cond_broadcast(&fixture->gate_changed);
    while (fixture->closed)
        pthread_cond_wait(&fixture->gate_changed, &fixture->gate);
    pthread_mutex_unlock(&fixture->gate);
    answered(write);
}

static void start(struct fixture *fixture)
{
    assert_int_equal(store_writer_open(&fixture->store_options, &fixture->writer, &fixture->error), 0);
    assert_int_equal(store_reader_open(&fixture->store_options, &fixture->reader, &fixture->error), 0);
    assert_int_equal(
        committer_start(fixture->writer, &fixture->options, &fixture->committer, &fixture->error), 0);
}

static void stop(struct fixture *fixture)
{
    committer_stop(fixture->committer);
    store_reader_close(fixture->reader);
    store_writer_close(fixture->writer);
    fixture->committer = NULL;
    fixture->reader = NULL;
    fixture->writer = NULL;
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    strcpy(fixture->directory, "/tmp/storyd-test-committer-XXXXXX");
    assert_non_null(mkdtemp(fixture->directory));
    fixture->store_options = (struct store_options){fixture->directory, 0, 0};
    fixture->profiles = registry_new(&(struct registry_limits){100, 100000});
    fixture->options = (struct committer_options){.profiles = fixture->profiles,
                                                  .queue_writes = 10000,
                                                  .queue_bytes = 100000000,
                                                  .committed = committed,
                                                  .viewed = viewed,
                                                  .watch = 200 * NANOSECONDS_PER_US,
                                                  .context = fixture};
    fixture->answers = queue_new(100000);
    pthread_mutex_init(&fixture->gate, NULL);
    pthread_cond_init(&fixture->gate_changed, NULL);
    start(fixture);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    stop(fixture);
    struct write *write;
    while ((write = queue_try_pop(fixture->answers)) != NULL)
        write_free(write);
    queue_free(fixture->answers);
    registry_free(fixture->profiles);
    pthread_mutex_destroy(&fixture->gate);
    pthread_cond_destroy(&fixture->gate_changed);
    assert_int_equal(file_remove_tree(fixture->directory, NULL), 0);
    free(fixture);
    return 0;
}

/* A write that comes back through `answers`. `text`: the article or the patch. */
static struct write *new_write(struct fixture *fixture, enum write_kind kind, const char *id,
                               const char *text)
{
    struct write *write = write_new(kind, id);
    write->done = answered;
    write->context = fixture;
    if (kind == WRITE_PATCH) {
        write->patch = json_loads(text, JSON_DECODE_ANY, NULL);
        assert_non_null(write->patch);
    } else if (text != NULL) {
        write->text = memory_copy_string(text);
        write->text_length = strlen(text);
    }
    return write;
}

/* Gives it to the committer and waits for its answer. */
static struct write *submit(struct fixture *fixture, struct write *write)
{
    assert_int_equal(committer_submit(fixture->committer, write, &fixture->error), 0);
    return queue_pop(fixture->answers, 0);
}

static void expect_ok(struct fixture *fixture, struct write *write, uint64_t revision)
{
    struct write *answer = submit(fixture, write);
    if (answer->result != 0)
        fail_msg("%s", answer->error.message);
    assert_int_equal(answer->revision, revision);
    write_free(answer);
}

static void expect_error(struct fixture *fixture, struct write *write, enum error_code code)
{
    struct write *answer = submit(fixture, write);
    assert_int_equal(answer->result, -1);
    assert_string_equal(error_code_name(answer->error.code), error_code_name(code));
    write_free(answer);
}

static json_t *stored(struct fixture *fixture, const char *id, int64_t *views)
{
    struct buffer text = BUFFER_INIT;
    assert_int_equal(store_get(fixture->reader, id, &text, NULL, views, &fixture->error), 0);
    json_t *article = json_loadb(text.data, text.length, 0, NULL);
    assert_non_null(article);
    buffer_release(&text);
    return article;
}

static void test_put_replace_delete(void **state)
{
    struct fixture *fixture = *state;
    struct write *answer =
        submit(fixture, new_write(fixture, WRITE_PUT, "a", "{\"id\":\"a\",\"title\":\"A\"}"));
    assert_int_equal(answer->result, 0);
    assert_true(answer->created);
    write_free(answer);
    assert_int_equal(committer_head(fixture->committer), 1);
    answer = submit(fixture, new_write(fixture, WRITE_PUT, "a", "{\"id\":\"a\",\"title\":\"B\"}"));
    assert_false(answer->created);
    assert_int_equal(answer->revision, 2);
    write_free(answer);
    struct write *conditional = new_write(fixture, WRITE_DELETE, "a", NULL);
    conditional->if_revision = 1;
    expect_error(fixture, conditional, ERROR_CONFLICT);
    expect_ok(fixture, new_write(fixture, WRITE_DELETE, "a", NULL), 3);
    expect_error(fixture, new_write(fixture, WRITE_DELETE, "a", NULL), ERROR_NOT_FOUND);
    assert_int_equal(fixture->commits, 3);
    assert_int_equal(fixture->head, 3);
    assert_int_equal(committer_head(fixture->committer), 3);
}

static void test_views(void **state)
{
    struct fixture *fixture = *state;
    struct write *write = new_write(fixture, WRITE_PUT, "a", "{\"id\":\"a\",\"title\":\"A\"}");
    write->views = 39;
    expect_ok(fixture, write, 1);
    write = new_write(fixture, WRITE_VIEW, "a", NULL);
    write->views = 2;
    struct write *answer = submit(fixture, write);
    assert_int_equal(answer->total_views, 41);
    assert_int_equal(answer->revision, 0);
    write_free(answer);
    assert_int_equal(fixture->commits, 1); /* the head did not move */
    expect_ok(fixture, new_write(fixture, WRITE_PUT, "a", "{\"id\":\"a\",\"title\":\"B\"}"), 2);
    expect_ok(fixture, new_write(fixture, WRITE_PATCH, "a", "{\"views\":5}"), 3);
    write = new_write(fixture, WRITE_VIEW, "missing", NULL);
    write->views = 1;
    expect_error(fixture, write, ERROR_NOT_FOUND);
    expect_ok(fixture, new_write(fixture, WRITE_DELETE, "a", NULL), 4);
    assert_string_equal(fixture->viewed, "1:a:39 0:a:41 3:a:5 4:a:0 ");
}

static void test_patch(void **state)
{
    struct fixture *fixture = *state;
    const char *article =
        "{\"id\":\"a\",\"title\":\"A\",\"category\":\"Tech\",\"tags\":[\"x\"],\"extra\":{\"k\":1,\"l\":2}}";
    expect_ok(fixture, new_write(fixture, WRITE_PUT, "a", article), 1);
    expect_ok(
        fixture,
        new_write(fixture, WRITE_PATCH, "a",
                  "{\"id\":\"a\",\"title\":\"B\",\"category\":null,\"extra\":{\"l\":null},\"views\":7}"),
        2);
    int64_t views;
    json_t *now = stored(fixture, "a", &views);
    json_t *expected =
        json_pack("{s:s,s:s,s:[s],s:{s:i}}", "id", "a", "title", "B", "tags", "x", "extra", "k", 1);
    assert_true(json_equal(now, expected));
    assert_int_equal(views, 7);
    json_decref(now);
    json_decref(expected);
}

static void test_bad_patches(void **state)
{
    struct fixture *fixture = *state;
    static const char *const bad[] = {"{\"id\":\"b\"}",    "{\"id\":null}", "{\"title\":null}", "[1]",
                                      "{\"titel\":\"x\"}", "{\"tags\":5}"};
    const char *article = "{\"id\":\"a\",\"title\":\"A\"}";
    expect_ok(fixture, new_write(fixture, WRITE_PUT, "a", article), 1);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        expect_error(fixture, new_write(fixture, WRITE_PATCH, "a", bad[i]), ERROR_BAD_REQUEST);
    expect_error(fixture, new_write(fixture, WRITE_PATCH, "b", "{\"title\":\"B\"}"), ERROR_NOT_FOUND);
    struct write *conditional = new_write(fixture, WRITE_PATCH, "a", "{\"title\":\"B\"}");
    conditional->if_revision = 9;
    expect_error(fixture, conditional, ERROR_CONFLICT);
    json_t *now = stored(fixture, "a", NULL);
    assert_string_equal(json_string_value(json_object_get(now, "title")), "A");
    json_decref(now);
    assert_int_equal(committer_head(fixture->committer), 1);
}

/* Has the committer's thread wait in the answer of one write, so that what follows piles up. */
static void close_gate(struct fixture *fixture)
{
    struct write *write = new_write(fixture, WRITE_PUT, "gate", "{}");
    write->done = answered_at_gate;
    fixture->closed = true;
    fixture->waits_at_gate = false;
    assert_int_equal(committer_submit(fixture->committer, write, &fixture->error), 0);
    pthread_mutex_lock(&fixture->gate);
    while (!fixture->waits_at_gate)
        pthread_cond_wait(&fixture->gate_changed, &fixture->gate);
    pthread_mutex_unlock(&fixture->gate);
}

static void open_gate(struct fixture *fixture)
{
    pthread_mutex_lock(&fixture->gate);
    fixture->closed = false;
    pthread_cond_broadcast(&fixture->gate_changed);
    pthread_mutex_unlock(&fixture->gate);
    write_free(queue_pop(fixture->answers, 0));
}

static void test_failures_do_not_spoil_the_group(void **state)
{
    struct fixture *fixture = *state;
    close_gate(fixture);
    int commits = fixture->commits;
    struct write *writes[] = {
        new_write(fixture, WRITE_DELETE, "none", NULL),
        new_write(fixture, WRITE_PUT, "a", "{\"id\":\"a\",\"title\":\"A\"}"),
        new_write(fixture, WRITE_PATCH, "a", "{\"title\":5}"),
        new_write(fixture, WRITE_PATCH, "a", "{\"title\":\"B\"}"),
        new_write(fixture, WRITE_PUT, "a", "{\"id\":\"a\",\"title\":\"C\"}"),
        new_write(fixture, WRITE_PUT, "b", "{\"id\":\"b\",\"title\":\"D\"}"),
    };
    static const int results[] = {-1, 0, -1, 0, -1, 0};
    static const uint64_t revisions[] = {0, 2, 0, 3, 0, 4};
    writes[4]->if_revision = 0;
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(committer_submit(fixture->committer, writes[i], &fixture->error), 0);
    assert_int_equal(committer_waiting(fixture->committer), 6);
    open_gate(fixture);
    for (size_t i = 0; i < 6; i++) {
        struct write *answer = queue_pop(fixture->answers, 0);
        assert_ptr_equal(answer, writes[i]);
        assert_int_equal(answer->result, results[i]);
        assert_int_equal(answer->revision, revisions[i]);
        write_free(answer);
    }
    assert_int_equal(fixture->commits, commits + 1); /* one group, one commit */
}

static struct write *new_profile(struct fixture *fixture, const char *name, const char *alias)
{
    struct write *write = new_write(fixture, alias != NULL ? WRITE_PROFILE : WRITE_REMOVE_PROFILE, "", NULL);
    if (alias == NULL)
        assert_int_equal(profile_named(NAME_PERSON, name, &write->profile, NULL), 0);
    else
        assert_int_equal(
            profile_from_json(json_pack("{s:s,s:s,s:[s]}", "kind", "person", "name", name, "aliases", alias),
                              &write->profile, NULL),
            0);
    return write;
}

static bool collect_key(void *context, int kind, const char *key, const char *text, size_t length)
{
    (void)kind;
    (void)text;
    (void)length;
    buffer_printf(context, "%s ", key);
    return true;
}

/* In the store, and how many in the registry. */
static void expect_profiles(struct fixture *fixture, const char *keys, size_t count)
{
    struct buffer found = BUFFER_INIT;
    assert_int_equal(store_all_profiles(fixture->reader, collect_key, &found, &fixture->error), 0);
    assert_string_equal(found.data != NULL ? found.data : "", keys);
    assert_int_equal(registry_count(fixture->profiles), count);
    buffer_release(&found);
}

static void test_profiles(void **state)
{
    struct fixture *fixture = *state;
    expect_ok(fixture, new_profile(fixture, "Ann", "A"), 0);
    expect_profiles(fixture, "ann ", 1);
    expect_error(fixture, new_profile(fixture, "Bob", "a"), ERROR_CONFLICT);
    expect_error(fixture, new_profile(fixture, "Bob", NULL), ERROR_NOT_FOUND);
    expect_error(fixture, new_profile(fixture, "A", NULL), ERROR_CONFLICT);
    assert_int_equal(fixture->commits, 0); /* the head did not move */
    expect_ok(fixture, new_profile(fixture, "Ann", NULL), 0);
    expect_profiles(fixture, "", 0);
}

static void test_profiles_of_one_group(void **state)
{
    struct fixture *fixture = *state;
    close_gate(fixture);
    struct write *writes[] = {
        new_profile(fixture, "Ann", "A"), new_profile(fixture, "Bob", "A"), new_profile(fixture, "Ann", "C"),
        new_profile(fixture, "Bob", "A"), new_profile(fixture, "C", NULL),
    };
    static const int results[] = {0, -1, 0, 0, -1};
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(committer_submit(fixture->committer, writes[i], &fixture->error), 0);
    open_gate(fixture);
    for (size_t i = 0; i < 5; i++) {
        struct write *answer = queue_pop(fixture->answers, 0);
        assert_ptr_equal(answer, writes[i]);
        assert_int_equal(answer->result, results[i]);
        assert_true(answer->created == (i == 0 || i == 3));
        write_free(answer);
    }
    expect_profiles(fixture, "ann bob ", 2);
}

/* As if a failed sync had stored the group after all. */
static void store_unseen(const struct fixture *fixture, const char *sql)
{
    char path[128];
    sqlite3 *db;
    snprintf(path, sizeof path, "%s/store.db", fixture->directory);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* Every write of this process to a file fails, or no longer. */
static void fail_writes(bool fail)
{
    struct rlimit limit;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = fail ? 1 : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* Commits fail: nothing is taken, and what holds after it is what was acknowledged. */
static void test_a_failed_group_leaves_the_profiles_as_they_were(void **state)
{
    struct fixture *fixture = *state;
    expect_ok(fixture, new_profile(fixture, "Ann", "A"), 0);
    struct write *writes[] = {new_profile(fixture, "Ann", "B"), new_profile(fixture, "Bob", "D")};
    close_gate(fixture);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(committer_submit(fixture->committer, writes[i], &fixture->error), 0);
    fail_writes(true);
    open_gate(fixture);
    for (size_t i = 0; i < 2; i++) {
        struct write *answer = queue_pop(fixture->answers, 0);
        assert_int_equal(answer->result, -1);
        assert_int_equal(answer->error.code, ERROR_UNAVAILABLE);
        write_free(answer);
    }
    fail_writes(false);
    expect_profiles(fixture, "ann ", 1);
    store_unseen(fixture, "INSERT INTO profiles VALUES(1, 'bob', 'x', 0); UPDATE profiles SET text = 'y'");
    expect_ok(fixture, new_profile(fixture, "Cid", "D"), 0);
    expect_profiles(fixture, "ann cid ", 2); /* sound, and without Bob */
    expect_error(fixture, new_profile(fixture, "Dan", "A"), ERROR_CONFLICT);
}

/* Of groups that were never begun nothing can be in the store, so nothing is put right after them: else
 * clients that try again while the disk is full would fill the memory. */
static void test_a_group_that_was_not_begun_leaves_nothing_behind(void **state)
{
    struct fixture *fixture = *state;
    expect_ok(fixture, new_profile(fixture, "Ann", "A"), 0);
    store_writer_set_disk_floor(fixture->writer, INT64_MAX);
    expect_error(fixture, new_profile(fixture, "Ann", "B"), ERROR_UNAVAILABLE);
    store_writer_set_disk_floor(fixture->writer, 0);
    store_unseen(fixture, "UPDATE profiles SET text = 'y'");
    expect_ok(fixture, new_profile(fixture, "Cid", "D"), 0);
    expect_profiles(fixture, "cid ", 2); /* nobody has put Ann's damaged row right */
}

static void test_groups_keep_to_their_limits(void **state)
{
    struct fixture *fixture = *state;
    stop(fixture);
    fixture->options.group_writes = 4;
    fixture->options.group_bytes = 20000;
    start(fixture);
    static char large[15001];
    memset(large, 'x', sizeof large - 1);
    close_gate(fixture);
    int commits = fixture->commits;
    /* 4 + 1 small with a large one, then a large one alone, which is too large for the group before */
    for (int i = 0; i < 7; i++) {
        char id[8];
        snprintf(id, sizeof id, "id%d", i);
        struct write *write = new_write(fixture, WRITE_PUT, id, i < 5 ? "{}" : large);
        assert_int_equal(committer_submit(fixture->committer, write, &fixture->error), 0);
    }
    open_gate(fixture);
    for (int i = 0; i < 7; i++) {
        struct write *answer = queue_pop(fixture->answers, 0);
        assert_int_equal(answer->result, 0);
        assert_int_equal(answer->revision, i + 2);
        write_free(answer);
    }
    assert_int_equal(fixture->commits, commits + 3);
}

static void test_busy_when_full(void **state)
{
    struct fixture *fixture = *state;
    stop(fixture);
    fixture->options.queue_writes = 3;
    fixture->options.queue_bytes = 100000;
    start(fixture);
    static char large[90001];
    memset(large, 'x', sizeof large - 1);
    close_gate(fixture);
    struct write *refused = new_write(fixture, WRITE_PUT, "large", large);
    assert_int_equal(
        committer_submit(fixture->committer, new_write(fixture, WRITE_PUT, "large", large), &fixture->error),
        0);
    assert_int_equal(committer_submit(fixture->committer, refused, &fixture->error), -1); /* by bytes */
    assert_int_equal(fixture->error.code, ERROR_BUSY);
    assert_true(fixture->error.retry_after_ms > 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(
            committer_submit(fixture->committer, new_write(fixture, WRITE_PUT, "s", "{}"), &fixture->error),
            0);
    struct write *small = new_write(fixture, WRITE_PUT, "s", "{}");
    fixture->error.code = ERROR_NONE;
    assert_int_equal(committer_submit(fixture->committer, small, &fixture->error), -1); /* by number */
    assert_int_equal(fixture->error.code, ERROR_BUSY);
    open_gate(fixture);
    for (int i = 0; i < 3; i++)
        write_free(queue_pop(fixture->answers, 0));
    expect_ok(fixture, refused, 5); /* there is room again */
    expect_ok(fixture, small, 6);
}

static void test_stop_answers_all_that_was_accepted(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(
            committer_submit(fixture->committer, new_write(fixture, WRITE_PUT, "a", "{}"), &fixture->error),
            0);
    stop(fixture);
    assert_int_equal(queue_length(fixture->answers), 1000);
    for (uint64_t i = 1; i <= 1000; i++) {
        struct write *answer = queue_pop(fixture->answers, 0);
        assert_int_equal(answer->revision, i);
        write_free(answer);
    }
    assert_int_equal(fixture->head, 1000);
}

static void test_disk_low_fails_the_group_and_passes(void **state)
{
    struct fixture *fixture = *state;
    int64_t refused = counter_value(COUNTER_WRITES_REFUSED);
    store_writer_set_disk_floor(fixture->writer, INT64_MAX);
    expect_error(fixture, new_write(fixture, WRITE_PUT, "a", "{}"), ERROR_UNAVAILABLE);
    expect_error(fixture, new_write(fixture, WRITE_DELETE, "a", NULL), ERROR_UNAVAILABLE);
    assert_int_equal(counter_value(COUNTER_WRITES_REFUSED), refused + 2);
    assert_int_equal(fixture->commits, 0);
    store_writer_set_disk_floor(fixture->writer, 0);
    expect_ok(fixture, new_write(fixture, WRITE_PUT, "a", "{}"), 1);
}

#define SUBMITTERS 4
#define WRITES_EACH 500

struct submitter {
    struct fixture *fixture;
    int number;
};

static void *submit_many(void *argument)
{
    struct submitter *submitter = argument;
    for (int i = 0; i < WRITES_EACH; i++) {
        char id[32];
        snprintf(id, sizeof id, "%d/%d", submitter->number, i);
        struct write *write = new_write(submitter->fixture, WRITE_PUT, id, "{}");
        while (committer_submit(submitter->fixture->committer, write, NULL) != 0)
            sched_yield();
    }
    return NULL;
}

static void test_many_submitters(void **state)
{
    struct fixture *fixture = *state;
    stop(fixture);
    fixture->options.queue_writes = 300;
    start(fixture);
    pthread_t threads[SUBMITTERS];
    struct submitter submitters[SUBMITTERS];
    int next[SUBMITTERS] = {0};
    for (int i = 0; i < SUBMITTERS; i++) {
        submitters[i] = (struct submitter){fixture, i};
        pthread_create(&threads[i], NULL, submit_many, &submitters[i]);
    }
    for (uint64_t i = 1; i <= SUBMITTERS * WRITES_EACH; i++) {
        struct write *answer = queue_pop(fixture->answers, 0);
        int submitter;
        int number;
        assert_int_equal(sscanf(answer->id, "%d/%d", &submitter, &number), 2);
        assert_int_equal(answer->result, 0);
        assert_int_equal(answer->revision, i);       /* no holes, in the order of the answers */
        assert_int_equal(number, next[submitter]++); /* each once, each submitter's in order */
        write_free(answer);
    }
    for (int i = 0; i < SUBMITTERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(queue_length(fixture->answers), 0);
    assert_true(fixture->commits < SUBMITTERS * WRITES_EACH); /* groups were made */
}

static int child_pipe;

static void tell_parent(struct write *done)
{
    int number = done->result == 0 ? atoi(done->id) : -1;
    if (write(child_pipe, &number, sizeof number) != sizeof number)
        _exit(1);
    if (number == 300)
        _exit(0); /* without any closing */
    write_free(done);
}

static void write_until_exit(const struct fixture *fixture)
{
    struct store_writer *writer;
    struct committer *committer;
    struct committer_options options = {
        .profiles = fixture->profiles, .queue_writes = 40, .queue_bytes = 1000000};
    if (store_writer_open(&fixture->store_options, &writer, NULL) != 0 ||
        committer_start(writer, &options, &committer, NULL) != 0)
        _exit(1);
    for (int i = 1;; i++) {
        char id[16];
        snprintf(id, sizeof id, "%d", i);
        struct write *write = write_new(WRITE_PUT, id);
        write->text = memory_copy_string("{}");
        write->text_length = 2;
        write->done = tell_parent;
        while (committer_submit(committer, write, NULL) != 0)
            sched_yield();
    }
}

static void test_acknowledged_writes_survive(void **state)
{
    struct fixture *fixture = *state;
    int ends[2];
    stop(fixture);
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        child_pipe = ends[1];
        write_until_exit(fixture);
    }
    close(ends[1]);
    int newest = 0;
    int number;
    while (read(ends[0], &number, sizeof number) == sizeof number) {
        assert_int_equal(number, newest + 1);
        newest = number;
    }
    close(ends[0]);
    waitpid(child, NULL, 0);
    assert_int_equal(newest, 300);
    start(fixture);
    assert_true(committer_head(fixture->committer) >= 300);
    for (int i = 1; i <= newest; i++) {
        char id[16];
        snprintf(id, sizeof id, "%d", i);
        json_decref(stored(fixture, id, NULL));
    }
}

/* Several counts for one article make one row, and other writes of the group find it. */
static void test_views_in_one_group(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        enum write_kind kind;
        const char *id;
        int64_t views;
        int64_t total; /* -1: not found, or none */
    } steps[] = {
        {WRITE_PUT, "a", 10, 10},
        {WRITE_VIEW, "a", 1, 11},
        {WRITE_VIEW, "none", 1, -1},
        {WRITE_VIEW, "a", 2, 13},
        {WRITE_PUT, "b", -1, -1},
        {WRITE_VIEW, "b", 5, 5},
        {WRITE_PUT, "a", -1, -1},
        {WRITE_VIEW, "a", 1, 14},
        {WRITE_PUT, "a", 3, 3},
        {WRITE_VIEW, "a", 4, 7},
        {WRITE_DELETE, "b", -1, 0},
        {WRITE_VIEW, "b", 1, -1},
        {WRITE_PUT, "none", -1, -1},
        {WRITE_VIEW, "none", 2, 2},
        {WRITE_PUT, "b", -1, -1},
        {WRITE_VIEW, "b", 9, 9},
        {WRITE_VIEW, "a", INT64_MAX, ARTICLE_VIEWS_MAX},
    };
    enum { STEPS = sizeof steps / sizeof *steps };
    close_gate(fixture);
    for (size_t i = 0; i < STEPS; i++) {
        struct write *write =
            new_write(fixture, steps[i].kind, steps[i].id, steps[i].kind == WRITE_PUT ? "{}" : NULL);
        write->views = steps[i].views;
        assert_int_equal(committer_submit(fixture->committer, write, &fixture->error), 0);
    }
    int commits = fixture->commits;
    open_gate(fixture);
    for (size_t i = 0; i < STEPS; i++) {
        struct write *answer = queue_pop(fixture->answers, 0);
        bool missing = steps[i].kind == WRITE_VIEW && steps[i].total < 0;
        assert_int_equal(answer->result, missing ? -1 : 0);
        assert_int_equal(answer->total_views, steps[i].total);
        write_free(answer);
    }
    assert_int_equal(fixture->commits, commits + 1);
    stop(fixture);
    start(fixture);
    int64_t views;
    json_decref(stored(fixture, "a", &views));
    assert_int_equal(views, ARTICLE_VIEWS_MAX);
    json_decref(stored(fixture, "b", &views));
    assert_int_equal(views, 9);
    json_decref(stored(fixture, "none", &views));
    assert_int_equal(views, 2);
}

/* More articles than the first table of counts has room for. */
static void test_views_of_many_articles_in_one_group(void **state)
{
    struct fixture *fixture = *state;
    enum { ARTICLES = 1000 };
    stop(fixture);
    fixture->options.group_writes = 3 * ARTICLES;
    start(fixture);
    close_gate(fixture);
    char id[16];
    for (int i = 0; i < 3 * ARTICLES; i++) {
        snprintf(id, sizeof id, "id%d", i % ARTICLES);
        enum write_kind kind = i < ARTICLES ? WRITE_PUT : WRITE_VIEW;
        struct write *write = new_write(fixture, kind, id, kind == WRITE_PUT ? "{}" : NULL);
        write->views = kind == WRITE_PUT ? -1 : 1 + i % ARTICLES;
        assert_int_equal(committer_submit(fixture->committer, write, &fixture->error), 0);
    }
    open_gate(fixture);
    for (int i = 0; i < 3 * ARTICLES; i++) {
        struct write *answer = queue_pop(fixture->answers, 0);
        assert_int_equal(answer->result, 0);
        if (i >= ARTICLES)
            assert_int_equal(answer->total_views, i / ARTICLES * (1 + i % ARTICLES));
        write_free(answer);
    }
    int64_t views;
    for (int i = 0; i < ARTICLES; i++) {
        snprintf(id, sizeof id, "id%d", i);
        json_decref(stored(fixture, id, &views));
        assert_int_equal(views, 2 * (1 + i));
    }
}

static void test_held_writes_are_written_when_released(void **state)
{
    struct fixture *fixture = *state;
    char id[16];
    expect_ok(fixture, new_write(fixture, WRITE_PUT, "first", "{}"), 1);
    for (int round = 0; round < 50; round++) {
        committer_hold(fixture->committer);
        for (int i = 0; i < 5; i++) {
            snprintf(id, sizeof id, "id%d", i);
            assert_int_equal(committer_submit(fixture->committer, new_write(fixture, WRITE_PUT, id, "{}"),
                                              &fixture->error),
                             0);
        }
        committer_release(fixture->committer);
        for (int i = 0; i < 5; i++) {
            struct write *answer = queue_pop(fixture->answers, 0);
            assert_int_equal(answer->revision, 2 + 5 * round + i);
            write_free(answer);
        }
    }
    committer_hold(fixture->committer); /* nothing */
    committer_release(fixture->committer);
    expect_ok(fixture, new_write(fixture, WRITE_PUT, "last", "{}"), 252);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    const struct CMUnitTest tests[] = {
        TEST(test_put_replace_delete),
        TEST(test_views),
        TEST(test_views_in_one_group),
        TEST(test_views_of_many_articles_in_one_group),
        TEST(test_held_writes_are_written_when_released),
        TEST(test_patch),
        TEST(test_bad_patches),
        TEST(test_profiles),
        TEST(test_profiles_of_one_group),
        TEST(test_a_failed_group_leaves_the_profiles_as_they_were),
        TEST(test_a_group_that_was_not_begun_leaves_nothing_behind),
        TEST(test_failures_do_not_spoil_the_group),
        TEST(test_groups_keep_to_their_limits),
        TEST(test_busy_when_full),
        TEST(test_stop_answers_all_that_was_accepted),
        TEST(test_disk_low_fails_the_group_and_passes),
        TEST(test_many_submitters),
        TEST(test_acknowledged_writes_survive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
