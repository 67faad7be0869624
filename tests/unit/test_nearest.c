#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/nearest.h"

#include <string.h>

static const char *const known[] = {"id", "title", "tags", "people", "places", "published", NULL};

static void finds_misspelt_words(void **state)
{
    (void)state;
    assert_string_equal(nearest_word("titel", known), "title");
    assert_string_equal(nearest_word("Title", known), "title");
    assert_string_equal(nearest_word("tag", known), "tags");
    assert_string_equal(nearest_word("publishd", known), "published");
    assert_string_equal(nearest_word("poeple", known), "people");
    assert_string_equal(nearest_word("ids", known), "id");
}

static void leaves_others_alone(void **state)
{
    (void)state;
    assert_null(nearest_word("colour", known));
    assert_null(nearest_word("", known));
    assert_null(nearest_word("publication_date_of_the_article_as_it_was_printed", known));
    const char *const none[] = {NULL};
    assert_null(nearest_word("title", none));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_misspelt_words),
        cmocka_unit_test(leaves_others_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
