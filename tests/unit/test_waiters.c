#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/memory.h"
#include "daemon/waiters.h"
#include "net/server.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define FAR (600 * NANOSECONDS_PER_SECOND)

/* What became of the requests: `slot` of those that were handed over or refused, in order. */
struct fixture {
    struct waiters *waiters;
    uint64_t ready[100];
    size_t ready_count;
};

static struct request *refused[100];
static size_t refused_count;

/* In the place of the server's: a refused request ends here. */
void server_finish(struct request *request)
{
    assert_true(refused_count < 100);
    refused[refused_count++] = request;
}

static void note_ready(void *context, struct request *request)
{
    struct fixture *fixture = context;
    assert_true(fixture->ready_count < 100);
    fixture->ready[fixture->ready_count++] = request->slot;
    request_free(request);
}

static int set_up(void **state)
{
    struct fixture *fixture = memory_zeroed(1, sizeof *fixture);
    fixture->waiters = waiters_new(note_ready, fixture);
    refused_count = 0;
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    waiters_free(fixture->waiters);
    for (size_t i = 0; i < refused_count; i++)
        request_free(refused[i]);
    free(fixture);
    return 0;
}

static void add(struct fixture *fixture, uint64_t slot, uint64_t revision, int64_t deadline)
{
    struct request *request = memory_zeroed(1, sizeof *request);
    request->slot = slot;
    waiters_add(fixture->waiters, request, revision, deadline);
}

static bool is_ready(const struct fixture *fixture, uint64_t slot)
{
    for (size_t i = 0; i < fixture->ready_count; i++)
        if (fixture->ready[i] == slot)
            return true;
    return false;
}

static void what_is_visible_need_not_wait(void **state)
{
    struct fixture *fixture = *state;
    add(fixture, 1, 0, clock_now() + FAR);
    assert_true(is_ready(fixture, 1));
    waiters_visible(fixture->waiters, 10);
    add(fixture, 2, 10, clock_now() + FAR);
    assert_true(is_ready(fixture, 2));
    add(fixture, 3, 9, clock_now() - 1); /* even if its time is over */
    assert_true(is_ready(fixture, 3));
    assert_int_equal(waiters_count(fixture->waiters), 0);
}

static void a_revision_frees_those_that_waited_for_it(void **state)
{
    struct fixture *fixture = *state;
    for (uint64_t slot = 1; slot <= 6; slot++)
        add(fixture, slot, slot * 10, clock_now() + FAR);
    assert_int_equal(waiters_count(fixture->waiters), 6);
    assert_int_equal(fixture->ready_count, 0);
    waiters_visible(fixture->waiters, 9);
    assert_int_equal(fixture->ready_count, 0);
    waiters_visible(fixture->waiters, 30);
    assert_int_equal(fixture->ready_count, 3);
    assert_true(is_ready(fixture, 1) && is_ready(fixture, 2) && is_ready(fixture, 3));
    assert_int_equal(waiters_count(fixture->waiters), 3);
    waiters_visible(fixture->waiters, UINT64_MAX);
    assert_int_equal(fixture->ready_count, 6);
    assert_int_equal(waiters_count(fixture->waiters), 0);
    assert_int_equal(refused_count, 0);
}

static void an_older_revision_changes_nothing(void **state)
{
    struct fixture *fixture = *state;
    waiters_visible(fixture->waiters, 50);
    waiters_visible(fixture->waiters, 20);
    add(fixture, 1, 40, clock_now() + FAR);
    assert_true(is_ready(fixture, 1));
}

static void check_refused(const struct request *request, enum error_code code, const char *revision)
{
    assert_int_equal(request->failure, code);
    assert_non_null(strstr(request->reply.data, error_code_name(code)));
    assert_non_null(strstr(request->reply.data, revision));
}

static void those_over_their_deadline_are_refused(void **state)
{
    struct fixture *fixture = *state;
    add(fixture, 1, 77, clock_now() - 1);
    add(fixture, 2, 78, clock_now() + FAR);
    assert_int_equal(refused_count, 0);
    waiters_expire(fixture->waiters);
    assert_int_equal(refused_count, 1);
    assert_int_equal(refused[0]->slot, 1);
    check_refused(refused[0], ERROR_DEADLINE, "revision 77");
    assert_int_equal(waiters_count(fixture->waiters), 1);
    waiters_visible(fixture->waiters, 78);
    assert_int_equal(fixture->ready_count, 1);
    assert_true(is_ready(fixture, 2));
}

static void draining_refuses_all(void **state)
{
    struct fixture *fixture = *state;
    add(fixture, 1, 5, clock_now() + FAR);
    add(fixture, 2, 6, clock_now() - 1);
    waiters_drain(fixture->waiters);
    assert_int_equal(refused_count, 2);
    for (size_t i = 0; i < 2; i++)
        check_refused(refused[i], ERROR_DRAINING, "is not visible yet");
    assert_int_equal(waiters_count(fixture->waiters), 0);
    waiters_drain(fixture->waiters);
    waiters_expire(fixture->waiters);
    assert_int_equal(refused_count, 2);
}

/* ---- several threads ---- */

struct publisher {
    struct waiters *waiters;
    uint64_t last;
};

static void *publish(void *context)
{
    const struct publisher *publisher = context;
    for (uint64_t revision = 1; revision <= publisher->last; revision++)
        waiters_visible(publisher->waiters, revision);
    return NULL;
}

static void count_ready(void *context, struct request *request)
{
    _Atomic uint64_t *count = context;
    (*count)++;
    request_free(request);
}

/* Whichever comes first, the request or its revision: each request is handed over exactly once. */
static void none_is_lost_between_adding_and_publishing(void **state)
{
    (void)state;
    _Atomic uint64_t count = 0;
    struct waiters *waiters = waiters_new(count_ready, (void *)(uintptr_t)&count);
    struct publisher publisher = {waiters, 2000};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, publish, &publisher), 0);
    for (uint64_t i = 1; i <= publisher.last; i++)
        waiters_add(waiters, memory_zeroed(1, sizeof(struct request)), i, clock_now() + FAR);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(waiters_count(waiters), 0);
    assert_true(count == publisher.last);
    waiters_free(waiters);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_visible_need_not_wait, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_revision_frees_those_that_waited_for_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_older_revision_changes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(those_over_their_deadline_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(draining_refuses_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(none_is_lost_between_adding_and_publishing, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
