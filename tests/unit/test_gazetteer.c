#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "corpus.h"
#include "index/gazetteer.h"
#include "text/normalise.h"

#include <stdlib.h>
#include <string.h>

#define MAGIC 7

struct fixture {
    struct gazetteer_builder builder;
    char *block;
    struct gazetteer gazetteer;
    struct gazetteer_scratch scratch;
};

/* "ordinary" is in a thousand documents, all other stems in twenty. */
static uint32_t stem_frequency(void *context, const char *stem, size_t length)
{
    (void)context;
    return length == 8 && memcmp(stem, "ordinari", 8) == 0 ? 1000 : 20;
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    gazetteer_builder_init(&fixture->builder, language_find("en"), stem_frequency, NULL);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    gazetteer_builder_release(&fixture->builder);
    gazetteer_scratch_release(&fixture->scratch);
    free(fixture->block);
    free(fixture);
    return 0;
}

/* `name` as it is shown. */
static void add(struct fixture *fixture, enum name_kind kind, const char *name, uint32_t frequency)
{
    struct buffer term = BUFFER_INIT;
    assert_true(term_for_name((enum term_field)kind, name, strlen(name), &term));
    const struct gazetteer_name added = {kind, term.data, term.length, name, strlen(name)};
    gazetteer_builder_add(&fixture->builder, &added, frequency);
    buffer_release(&term);
}

static void finish(struct fixture *fixture)
{
    struct image_builder image;
    struct image opened;
    size_t length;
    image_builder_init(&image, MAGIC, 1, GAZETTEER_SECTIONS);
    gazetteer_builder_write(&fixture->builder, &image);
    fixture->block = image_builder_finish(&image, &length);
    assert_int_equal(image_open(fixture->block, length, MAGIC, 1, GAZETTEER_SECTIONS, &opened, NULL), 0);
    assert_true(gazetteer_open(&opened, 0, &fixture->gazetteer));
}

static void list(void *context, const struct gazetteer_name *name)
{
    buffer_printf(context, "%.*s%s%.*s; ", 3, name_kind_keys[name->kind], ":", (int)name->display_length,
                  name->display);
}

/* The names in a text, as "per:Ada; ". */
static void expect(struct fixture *fixture, const char *text, const char *expected)
{
    struct buffer normalised = BUFFER_INIT;
    struct buffer found = BUFFER_INIT;
    assert_true(text_normalise(text, strlen(text), &normalised));
    gazetteer_find(&fixture->gazetteer, &fixture->scratch, normalised.data, normalised.length, list, &found);
    if (strcmp(found.data != NULL ? found.data : "", expected) != 0)
        fail_msg("%s: %s", text, found.data);
    buffer_release(&normalised);
    buffer_release(&found);
}

static void the_longest_name_of_whole_words(void **state)
{
    struct fixture *fixture = *state;
    add(fixture, NAME_PLACE, "New York", 9);
    add(fixture, NAME_ORGANIZATION, "New York Times", 5);
    add(fixture, NAME_ORGANIZATION, "Times Group International", 5);
    add(fixture, NAME_PERSON, "Zoë Kravitz", 5);
    finish(fixture);
    expect(fixture, "", "");
    expect(fixture, "In New York, the new york TIMES", "pla:New York; org:New York Times; ");
    expect(fixture, "New Yorker and anew York", "");
    expect(fixture, "The New York Times Group International", "org:New York Times; ");
    expect(fixture, "The Times Group of New York", "pla:New York; "); /* a beginning is no name */
    expect(fixture, "New New York New", "pla:New York; ");
    expect(fixture, "zoe kravitz met Zoë\nKravitz", "peo:Zoë Kravitz; peo:Zoë Kravitz; ");
    expect(fixture, "New", "");
}

static void what_may_stand_between_words(void **state)
{
    struct fixture *fixture = *state;
    add(fixture, NAME_PERSON, "Jean Claude", 5);
    add(fixture, NAME_ORGANIZATION, "Coca-Cola", 5);
    add(fixture, NAME_PLACE, "St. Ives", 5);
    add(fixture, NAME_ORGANIZATION, "McDonald's", 5);
    finish(fixture);
    expect(fixture, "Jean-Claude", "peo:Jean Claude; ");
    expect(fixture, "Jean Claude's", "peo:Jean Claude; ");
    expect(fixture, "Jean, Claude", "");
    expect(fixture, "Jean\n\nClaude", "");
    expect(fixture, "Jean “Claude”", "");
    expect(fixture, "(Jean) Claude", "");
    expect(fixture, "coca cola, Coca-Cola’s and Coca - Cola",
           "org:Coca-Cola; org:Coca-Cola; org:Coca-Cola; ");
    expect(fixture, "St Ives and St. Ives", "pla:St. Ives; pla:St. Ives; ");
    expect(fixture, "Mcdonald's and McDonald’s’s", "org:McDonald's; org:McDonald's; ");
    expect(fixture, "McDonald food", "");
}

static void of_overlapping_names_the_longest(void **state)
{
    struct fixture *fixture = *state;
    add(fixture, NAME_PERSON, "Ann Lee", 5);
    add(fixture, NAME_ORGANIZATION, "Morgan Stanley", 5);
    add(fixture, NAME_PERSON, "Lee Morgan Stanley", 5);
    add(fixture, NAME_PLACE, "Stanley", 5);
    add(fixture, NAME_PERSON, "Stanley Ann", 5);
    finish(fixture);
    expect(fixture, "Ann Lee Morgan Stanley", "peo:Lee Morgan Stanley; ");
    expect(fixture, "Ann Lee, Morgan Stanley", "peo:Ann Lee; org:Morgan Stanley; ");
    expect(fixture, "Ann Lee Morgan", "peo:Ann Lee; ");
    expect(fixture, "Morgan Stanley Ann Lee", "org:Morgan Stanley; peo:Ann Lee; ");
    expect(fixture, "Stanley Ann Lee Morgan Stanley Stanley",
           "peo:Stanley Ann; peo:Lee Morgan Stanley; pla:Stanley; ");
}

static void names_that_are_written_with_separators(void **state)
{
    struct fixture *fixture = *state;
    add(fixture, NAME_PLACE, "Portland, Oregon", 5);
    add(fixture, NAME_PLACE, "Oregon", 5);
    add(fixture, NAME_PERSON, "Dwayne \"The Rock\" Johnson", 5);
    add(fixture, NAME_PERSON, "Dwayne Johnson", 5);
    add(fixture, NAME_PERSON, "McDonald", 5);
    add(fixture, NAME_ORGANIZATION, "McDonald's", 5);
    finish(fixture);
    expect(fixture, "from Portland, Oregon, today", "pla:Portland, Oregon; ");
    expect(fixture, "from Portland Oregon", "pla:Oregon; ");
    expect(fixture, "Portland,\n\nOregon", "pla:Oregon; ");
    expect(fixture, "Dwayne “The Rock” Johnson’s film", "peo:Dwayne \"The Rock\" Johnson; ");
    expect(fixture, "Dwayne Johnson, Dwayne The Rock Johnson", "peo:Dwayne Johnson; ");
    expect(fixture, "McDonald's menu, says McDonald", "org:McDonald's; peo:McDonald; ");
}

static void a_sentence_ends_a_name(void **state)
{
    struct fixture *fixture = *state;
    add(fixture, NAME_PERSON, "Morris Dance", 5);
    finish(fixture);
    expect(fixture, "Morris dance", "peo:Morris Dance; ");
    expect(fixture, "We met Morris. Dance was what we did.", "");
    expect(fixture, "Morris! Dance", "");
}

static void names_a_text_cannot_be_trusted_with(void **state)
{
    struct fixture *fixture = *state;
    add(fixture, NAME_ORGANIZATION, "IBM", 50);
    add(fixture, NAME_ORGANIZATION, "3M 5", 50);
    add(fixture, NAME_PRODUCT, "2025", 50);
    add(fixture, NAME_ORGANIZATION, "The Who", 0); /* "who" is a telling word */
    add(fixture, NAME_ORGANIZATION, "It Is", 50);
    add(fixture, NAME_ORGANIZATION, "Ordinary", 99);
    add(fixture, NAME_ORGANIZATION, "Ordinary People", 1);
    add(fixture, NAME_ORGANIZATION, "Rare", 1);
    add(fixture, NAME_ORGANIZATION, "Apple", 2);
    add(fixture, NAME_PLACE, "東京", 50);
    add(fixture, NAME_PLACE, "Tower of 東京", 50);
    add(fixture, NAME_PLACE, "a b c d e f g h i", 50);
    finish(fixture);
    expect(fixture, "IBM in 2025 at 3m 5", "org:3M 5; ");
    expect(fixture, "it is the who", "org:The Who; ");
    expect(fixture, "ordinary things and ordinary people", "org:Ordinary People; ");
    expect(fixture, "rare apple", "org:Apple; "); /* 20 is ten times two, but twenty times one */
    expect(fixture, "東京 Tower of 東京", "");
    expect(fixture, "a b c d e f g h i", "");
}

static void characters_without_words_separate(void **state)
{
    struct fixture *fixture = *state;
    add(fixture, NAME_PERSON, "Ada Lovelace", 5);
    finish(fixture);
    expect(fixture, "Ada 東京 Lovelace", "");
    expect(fixture, "東京Ada Lovelace東京", "peo:Ada Lovelace; ");
}

static void the_most_frequent_of_several(void **state)
{
    struct fixture *fixture = *state;
    add(fixture, NAME_PRODUCT, "Jaguar", 5);
    add(fixture, NAME_ORGANIZATION, "Jaguar", 8);
    add(fixture, NAME_PLACE, "JAGUAR", 8);
    finish(fixture);
    expect(fixture, "jaguar", "org:Jaguar; ");
}

static void many_names(void **state)
{
    struct fixture *fixture = *state;
    struct buffer text = BUFFER_INIT;
    char name[64];
    for (int i = 0; i < 3000; i++) {
        snprintf(name, sizeof name, "Person number %d of %d", i % 50, i);
        add(fixture, NAME_PERSON, name, 2);
    }
    finish(fixture);
    struct buffer expected = BUFFER_INIT;
    for (int i = 0; i < 3000; i += 7) {
        buffer_printf(&text, "and person number %d of %d or person number %d ", i % 50, i, i);
        buffer_printf(&expected, "peo:Person number %d of %d; ", i % 50, i);
    }
    expect(fixture, text.data, expected.data);
    buffer_release(&text);
    buffer_release(&expected);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_longest_name_of_whole_words),
        TEST(what_may_stand_between_words),
        TEST(of_overlapping_names_the_longest),
        TEST(names_that_are_written_with_separators),
        TEST(a_sentence_ends_a_name),
        TEST(names_a_text_cannot_be_trusted_with),
        TEST(characters_without_words_separate),
        TEST(the_most_frequent_of_several),
        TEST(many_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
