/* late_views.c: the newest count of each article, once. */
#include "index/late_views.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ARTICLES 1000

static void test_each_article_once(void **state)
{
    (void)state;
    struct late_views late = {0};
    char id[16];
    for (int i = 0; i < 3 * ARTICLES; i++) {
        snprintf(id, sizeof id, "id%d", i % ARTICLES);
        late_views_set(&late, id, i);
    }
    assert_int_equal(late.count, ARTICLES);
    for (int i = 0; i < ARTICLES; i++) {
        snprintf(id, sizeof id, "id%d", i);
        assert_string_equal(late.items[i].id, id);
        assert_int_equal(late.items[i].views, 2 * ARTICLES + i);
    }
    late_views_clear(&late);
    assert_int_equal(late.count, 0);
    late_views_set(&late, "again", 1);
    assert_int_equal(late.count, 1);
    late_views_clear(&late);
    late_views_clear(&late);
}

static void test_only_what_is_there_is_replaced(void **state)
{
    (void)state;
    struct late_views late = {0};
    late_views_replace(&late, "a", 1);
    assert_int_equal(late.count, 0);
    late_views_set(&late, "a", 2);
    late_views_replace(&late, "a", 3);
    late_views_replace(&late, "b", 4);
    assert_int_equal(late.count, 1);
    assert_int_equal(late.items[0].views, 3);
    late_views_clear(&late);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_each_article_once),
                                       cmocka_unit_test(test_only_what_is_there_is_replaced)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
