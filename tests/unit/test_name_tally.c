#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/memory.h"
#include "corpus.h"
#include "related/name_tally.h"

#include <stdlib.h>
#include <string.h>

#define SLICES 5
#define SET_MAX 400
#define NAMES_MAX 5000

/* Articles in slices of very different sizes: the same names have other numbers in each. */
struct fixture {
    struct random random;
    struct epoch *epoch;
    struct slice *slices[SLICES];
    struct related_hit hits[SET_MAX];
    double heats[SET_MAX];
    size_t count;
};

/* What the tally should say, found by comparing texts. */
struct expected {
    const char *term;
    size_t length;
    uint8_t kind;
    uint32_t articles;
    double heat;
};

static int set_up(void **state)
{
    static const uint32_t sizes[SLICES] = {30, 400, 1, 150, 3};
    struct fixture *fixture = memory_zeroed(1, sizeof *fixture);
    fixture->random.state = 77;
    fixture->epoch = epoch_of(1, 0, NULL, NULL, 0);
    uint32_t docid = 1;
    for (size_t i = 0; i < SLICES; i++) {
        fixture->slices[i] = slice_at_random(&fixture->random, fixture->epoch, docid, 1, sizes[i]);
        docid += sizes[i];
    }
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < SLICES; i++)
        slice_release(fixture->slices[i]);
    epoch_release(fixture->epoch);
    free(fixture);
    return 0;
}

static void choose_set(struct fixture *fixture, size_t count)
{
    fixture->count = count;
    for (size_t i = 0; i < count; i++) {
        uint32_t number = random_below(&fixture->random, SLICES);
        struct slice *slice = fixture->slices[number];
        fixture->hits[i] = (struct related_hit){.slice = slice,
                                                .slice_number = number,
                                                .row = random_below(&fixture->random, slice->rows->count)};
        fixture->heats[i] = random_below(&fixture->random, 4); /* whole numbers: their sums are exact */
    }
}

/* In the order in which they first come. */
static size_t expect(const struct fixture *fixture, struct expected *names)
{
    size_t count = 0;
    struct feature_vector vector = {0};
    for (size_t i = 0; i < fixture->count; i++) {
        features_vector(&fixture->hits[i].slice->features, fixture->hits[i].row, &vector);
        for (size_t j = 0; j < vector.count; j++) {
            const struct feature *feature = &vector.items[j];
            size_t at = 0;
            while (at < count && (names[at].length != feature->length ||
                                  memcmp(names[at].term, feature->term, feature->length) != 0))
                at++;
            if (feature->kind == FEATURE_TERM)
                continue;
            assert_true(at < NAMES_MAX);
            if (at == count)
                names[count++] = (struct expected){feature->term, feature->length, feature->kind, 0, 0};
            names[at].articles++;
            names[at].heat += fixture->heats[i];
        }
    }
    feature_vector_release(&vector);
    return count;
}

/* The first of the names of a kind that has most of something and is not struck out yet. */
static struct expected *next_of(struct expected *names, size_t count, uint8_t kind, bool by_heat)
{
    struct expected *best = NULL;
    for (size_t i = 0; i < count; i++)
        if (names[i].kind == kind && names[i].articles != 0 &&
            (best == NULL || (by_heat ? names[i].heat > best->heat : names[i].articles > best->articles)))
            best = &names[i];
    return best;
}

static void check_chosen(const struct name_tally *tally, const struct expected *names, size_t count,
                         enum name_kind kind, size_t limit, bool by_heat)
{
    struct expected left[NAMES_MAX];
    const struct tallied_name *found[NAMES_MAX];
    if (count != 0)
        memcpy(left, names, count * sizeof *left);
    size_t stored = by_heat ? name_tally_hottest(tally, kind, found, limit)
                            : name_tally_most_frequent(tally, kind, found, limit);
    tallied_names_prefetch(found, stored);
    for (size_t i = 0; i < limit; i++) {
        struct expected *wanted = next_of(left, count, kind, by_heat);
        if (wanted == NULL) {
            assert_int_equal(stored, i);
            return;
        }
        assert_true(i < stored);
        size_t length;
        const char *term = dictionary_term(&found[i]->features->terms, found[i]->number, &length);
        assert_int_equal(length, wanted->length);
        assert_memory_equal(term, wanted->term, length);
        assert_int_equal(found[i]->articles, wanted->articles);
        assert_true(found[i]->heat >= wanted->heat && found[i]->heat <= wanted->heat);
        wanted->articles = 0;
    }
    assert_int_equal(stored, limit);
}

static void check_set(struct fixture *fixture, size_t count)
{
    static struct expected names[NAMES_MAX];
    static const size_t limits[] = {0, 1, 3, NAMES_MAX};
    choose_set(fixture, count);
    size_t expected = expect(fixture, names);
    struct name_tally tally = {0};
    for (size_t i = 0; i < count; i++)
        name_tally_add(&tally, &fixture->hits[i], fixture->heats[i]);
    name_tally_join(&tally);
    size_t all = 0;
    for (enum name_kind kind = 0; kind < NAME_KIND_COUNT; kind++) {
        all += name_tally_count(&tally, kind);
        for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
            check_chosen(&tally, names, expected, kind, limits[i], false);
            check_chosen(&tally, names, expected, kind, limits[i], true);
        }
    }
    assert_int_equal(all, expected);
    name_tally_release(&tally);
}

static void names_are_counted_over_all_slices(void **state)
{
    struct fixture *fixture = *state;
    static const size_t sizes[] = {0, 1, 2, 10, 100, SET_MAX};
    for (int round = 0; round < 10; round++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            check_set(fixture, sizes[i]);
}

static void a_name_is_shown_as_it_was_written(void **state)
{
    (void)state;
    struct epoch *epoch = epoch_of(1, 0, NULL, NULL, 0);
    struct slice *slices[2];
    for (uint32_t i = 0; i < 2; i++) {
        struct pile pile;
        pile_begin(&pile, epoch, NULL);
        struct article *article = article_of(
            i == 0 ? "{'id':'a','title':'One','people':['Zoë Ash'],'tags':['Rail Strike']}"
                   : "{'id':'b','title':'Two','people':['ZOË ASH','Ben Roe'],'tags':['rail strike']}");
        pile_add(&pile, i + 1, article);
        article_free(article);
        slices[i] = pile_finish_slice(&pile);
    }
    struct name_tally tally = {0};
    for (uint32_t i = 0; i < 2; i++) {
        struct related_hit hit = {.slice = slices[i], .slice_number = i, .row = 0};
        name_tally_add(&tally, &hit, 0.5);
    }
    name_tally_join(&tally);
    const struct tallied_name *found[3];
    assert_int_equal(name_tally_most_frequent(&tally, NAME_PERSON, found, 3), 2);
    size_t length;
    const char *display = tallied_name_display(found[0], &length);
    assert_int_equal(found[0]->articles, 2);
    assert_true(length == strlen("Zoë Ash") &&
                (memcmp(display, "Zoë Ash", length) == 0 || memcmp(display, "ZOË ASH", length) == 0));
    display = tallied_name_display(found[1], &length);
    assert_int_equal(length, strlen("Ben Roe"));
    assert_memory_equal(display, "Ben Roe", length);
    assert_int_equal(name_tally_count(&tally, NAME_TAG), 1);
    assert_int_equal(name_tally_count(&tally, NAME_PLACE), 0);
    name_tally_release(&tally);
    slice_release(slices[0]);
    slice_release(slices[1]);
    epoch_release(epoch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(names_are_counted_over_all_slices, set_up, tear_down),
        cmocka_unit_test(a_name_is_shown_as_it_was_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
