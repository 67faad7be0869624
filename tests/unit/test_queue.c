#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/queue.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#define LONG_MS 10000

static int items[1000];

static int64_t in_ms(int64_t ms)
{
    return clock_now() + ms * NANOSECONDS_PER_MS;
}

static void first_in_first_out(void **state)
{
    (void)state;
    struct queue *queue = queue_new(3);
    assert_null(queue_try_pop(queue));
    for (int round = 0; round < 5; round++) { /* around the ring */
        assert_true(queue_push(queue, &items[0]));
        assert_true(queue_push_quietly(queue, &items[1]));
        assert_int_equal(queue_length(queue), 2);
        assert_ptr_equal(queue_pop(queue, 0), &items[0]);
        assert_ptr_equal(queue_watch(queue, 1000), &items[1]);
    }
    queue_free(queue);
}

/* A producer that is slower than its consumer. */
static void *push_a_series(void *argument)
{
    struct queue *queue = argument;
    for (int i = 0; i < 1000; i++) {
        if (i % 2 == 1) {
            int64_t until = clock_now() + 20 * NANOSECONDS_PER_US;
            while (clock_now() < until)
                ;
        }
        assert_true(queue_push_quietly(queue, &items[i]));
    }
    queue_series_end(queue);
    return NULL;
}

static void a_series_is_waited_for(void **state)
{
    (void)state;
    pthread_t producer;
    struct queue *queue = queue_new(1000);
    assert_null(queue_pop_series(queue, INT64_MAX / 2)); /* no series: no waiting */
    queue_series_begin(queue);
    assert_null(queue_pop_series(queue, 1000)); /* not for ever */
    assert_int_equal(pthread_create(&producer, NULL, push_a_series, queue), 0);
    for (int i = 0; i < 1000; i++)
        assert_ptr_equal(queue_pop_series(queue, INT64_MAX / 2), &items[i]);
    assert_null(queue_pop_series(queue, INT64_MAX / 2));
    assert_int_equal(pthread_join(producer, NULL), 0);
    queue_free(queue);
}

static void a_full_queue_refuses(void **state)
{
    (void)state;
    struct queue *queue = queue_new(2);
    assert_true(queue_push(queue, &items[0]));
    assert_true(queue_push(queue, &items[1]));
    assert_false(queue_push(queue, &items[2]));
    assert_ptr_equal(queue_try_pop(queue), &items[0]);
    assert_true(queue_push(queue, &items[3]));
    void *taken[5];
    assert_int_equal(queue_pop_many(queue, taken, 5, 0), 2);
    assert_ptr_equal(taken[0], &items[1]);
    assert_ptr_equal(taken[1], &items[3]);
    queue_free(queue);
}

static void what_is_left_comes_after_closing(void **state)
{
    (void)state;
    struct queue *queue = queue_new(2);
    assert_true(queue_push(queue, &items[0]));
    queue_close(queue);
    assert_false(queue_push(queue, &items[1]));
    assert_ptr_equal(queue_watch(queue, 1000), &items[0]);
    assert_null(queue_watch(queue, 1000));
    assert_null(queue_pop(queue, 0));
    queue_free(queue);
}

static void a_deadline_ends_the_waiting(void **state)
{
    (void)state;
    struct queue *queue = queue_new(2);
    int64_t deadline = in_ms(20);
    assert_null(queue_pop(queue, deadline));
    assert_true(clock_now() >= deadline);
    queue_free(queue);
}

/* ---- several threads ---- */

struct consumer {
    struct queue *queue;
    int64_t watch;
    atomic_int taken[1000];
    atomic_int sum;
};

static void *consume(void *argument)
{
    struct consumer *consumer = argument;
    int *item;
    while ((item = queue_watch(consumer->queue, consumer->watch)) != NULL) {
        atomic_fetch_add(&consumer->taken[item - items], 1);
        atomic_fetch_add(&consumer->sum, 1);
    }
    return NULL;
}

static void wait_for(struct consumer *consumer, int sum)
{
    int64_t deadline = in_ms(LONG_MS);
    while (atomic_load(&consumer->sum) < sum) {
        assert_true(clock_now() < deadline);
        nanosleep(&(struct timespec){.tv_nsec = 10000}, NULL);
    }
}

/* One item after the other and in bursts, to consumers that sleep, that watch, and that are about to sleep:
 * none is left lying until the next comes. */
static void check_that_each_is_taken_once(int64_t watch)
{
    struct consumer consumer = {.queue = queue_new(1000), .watch = watch};
    pthread_t threads[3];
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, consume, &consumer), 0);
    int pushed = 0;
    while (pushed < 1000) {
        for (int burst = pushed % 3; burst >= 0 && pushed < 1000; burst--, pushed++)
            assert_true(queue_push(consumer.queue, &items[pushed]));
        wait_for(&consumer, pushed);
        if (pushed % 7 == 0) /* about as long as a consumer watches */
            nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
    }
    queue_close(consumer.queue);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(atomic_load(&consumer.taken[i]), 1);
    queue_free(consumer.queue);
}

static void each_is_taken_once_by_who_sleeps(void **state)
{
    (void)state;
    check_that_each_is_taken_once(0);
}

static void each_is_taken_once_by_who_watches(void **state)
{
    (void)state;
    check_that_each_is_taken_once(100000);
}

static void who_watches_sees_the_end(void **state)
{
    (void)state;
    struct consumer consumer = {.queue = queue_new(4), .watch = 60 * NANOSECONDS_PER_SECOND};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, consume, &consumer), 0);
    assert_true(queue_push(consumer.queue, &items[0]));
    wait_for(&consumer, 1);
    int64_t begin = clock_now();
    queue_close(consumer.queue);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(clock_now() - begin < LONG_MS * NANOSECONDS_PER_MS);
    queue_free(consumer.queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_in_first_out),
        cmocka_unit_test(a_series_is_waited_for),
        cmocka_unit_test(a_full_queue_refuses),
        cmocka_unit_test(what_is_left_comes_after_closing),
        cmocka_unit_test(a_deadline_ends_the_waiting),
        cmocka_unit_test(each_is_taken_once_by_who_sleeps),
        cmocka_unit_test(each_is_taken_once_by_who_watches),
        cmocka_unit_test(who_watches_sees_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
