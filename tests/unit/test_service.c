#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "daemon/service.h"

#include <stdlib.h>
#include <string.h>

#define LIMIT INT64_C(1000000000)

static bool is_taken(int64_t limit, int64_t used, bool is_write)
{
    struct service service;
    memset(&service, 0, sizeof service);
    pthread_mutex_init(&service.settings_lock, NULL);
    service.settings.memory_limit = limit;
    atomic_store(&service.memory_used, used);
    struct error error = ERROR_INIT;
    int status = service_check_memory(&service, is_write, &error);
    pthread_mutex_destroy(&service.settings_lock);
    if (status == 0)
        return true;
    assert_int_equal(error.code, ERROR_BUSY);
    assert_true(error.retry_after_ms > 0);
    assert_non_null(strstr(error.message, "limits.memory"));
    return false;
}

static void writes_stop_before_queries(void **state)
{
    (void)state;
    assert_true(is_taken(LIMIT, LIMIT / 100 * 80 - 1, true));
    assert_false(is_taken(LIMIT, LIMIT / 100 * 80, true));
    assert_true(is_taken(LIMIT, LIMIT / 100 * 80, false));
    assert_true(is_taken(LIMIT, LIMIT / 100 * 95 - 1, false));
    assert_false(is_taken(LIMIT, LIMIT / 100 * 95, false));
    assert_false(is_taken(LIMIT, LIMIT * 2, false));
}

static void an_unknown_size_of_the_machine_bounds_nothing(void **state)
{
    (void)state;
    assert_true(is_taken(0, LIMIT, true));
    assert_true(is_taken(0, LIMIT, false));
}

static void the_process_is_measured(void **state)
{
    (void)state;
    struct service service;
    memset(&service, 0, sizeof service);
    service_measure_memory(&service);
    int64_t before = atomic_load(&service.memory_used);
    assert_true(before > 0);
    size_t size = (size_t)64 << 20;
    char *block = malloc(size);
    assert_non_null(block);
    memset(block, 1, size);
    service_measure_memory(&service);
    assert_true(atomic_load(&service.memory_used) >= before + (int64_t)size / 2);
    free(block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_stop_before_queries),
        cmocka_unit_test(an_unknown_size_of_the_machine_bounds_nothing),
        cmocka_unit_test(the_process_is_measured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
