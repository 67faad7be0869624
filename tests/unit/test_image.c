#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/hash.h"
#include "base/memory.h"
#include "corpus.h"
#include "index/dictionary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC UINT64_C(0x0123456789abcdef)
#define HEADER_BYTES 16
#define ENTRY_BYTES 16

/* An image of three sections: seven bytes, none, and three numbers of 64 bits. */
static char *make_image(size_t *length)
{
    static const uint64_t numbers[3] = {1, UINT64_MAX, 3};
    struct image_builder builder;
    image_builder_init(&builder, MAGIC, 4, 3);
    image_builder_add(&builder, "seven b", 7);
    image_builder_add(&builder, NULL, 0);
    image_builder_add(&builder, numbers, sizeof numbers);
    return image_builder_finish(&builder, length);
}

static void check_refused(const char *data, size_t length, const char *why)
{
    struct image image;
    struct error error = ERROR_INIT;
    assert_int_equal(image_open(data, length, MAGIC, 4, 3, &image, &error), -1);
    assert_int_equal(error.code, ERROR_UNAVAILABLE);
    if (strstr(error.message, why) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", error.message, why);
}

static void sections_come_back(void **state)
{
    (void)state;
    size_t length;
    char *data = make_image(&length);
    struct image image;
    assert_int_equal(image_open(data, length, MAGIC, 4, 3, &image, NULL), 0);
    size_t count;
    assert_memory_equal(image_section(&image, 0, 1, &count), "seven b", 7);
    assert_int_equal(count, 7);
    assert_non_null(image_section(&image, 1, 4, &count));
    assert_int_equal(count, 0);
    const uint64_t *numbers = image_section(&image, 2, 8, &count);
    assert_int_equal(count, 3);
    assert_int_equal((uintptr_t)numbers % 8, 0);
    assert_true(numbers[0] == 1 && numbers[1] == UINT64_MAX && numbers[2] == 3);
    assert_ptr_equal(image_section(&image, 2, 8, NULL), numbers);
    free(data);
}

static void part_of_an_element_does_not_count(void **state)
{
    (void)state;
    size_t length;
    char *data = make_image(&length);
    struct image image;
    size_t count;
    assert_int_equal(image_open(data, length, MAGIC, 4, 3, &image, NULL), 0);
    image_section(&image, 0, 4, &count);
    assert_int_equal(count, 1);
    free(data);
}

static void foreign_files_are_refused(void **state)
{
    (void)state;
    size_t length;
    char *data = make_image(&length);
    struct image image;
    struct error error = ERROR_INIT;
    assert_int_equal(image_open(data, length, MAGIC + 1, 4, 3, &image, &error), -1);
    assert_non_null(strstr(error.message, "wrong header"));
    assert_int_equal(image_open(data, length, MAGIC, 5, 3, &image, &error), -1);
    assert_non_null(strstr(error.message, "format 4"));
    assert_int_equal(error.code, ERROR_CONFLICT);
    assert_int_equal(image_open(data, length, MAGIC, 4, 2, &image, &error), -1);
    assert_non_null(strstr(error.message, "3 sections"));
    assert_int_equal(error.code, ERROR_UNAVAILABLE);
    check_refused("", 0, "wrong header");
    free(data);
}

/* Each shorter image lies in a block of its own, so that a sanitizer sees a read past its end. */
static void truncated_images_are_refused(void **state)
{
    (void)state;
    size_t length;
    char *data = make_image(&length);
    for (size_t cut = 0; cut < length; cut++) {
        char *copy = memory_allocate(cut + 1);
        copy = memory_resize(copy, cut == 0 ? 1 : cut, 1);
        memcpy(copy, data, cut);
        check_refused(copy, cut, "damaged");
        free(copy);
    }
    free(data);
}

static void set_entry(char *data, size_t section, uint64_t offset, uint64_t section_length)
{
    memcpy(data + HEADER_BYTES + section * ENTRY_BYTES, &offset, 8);
    memcpy(data + HEADER_BYTES + section * ENTRY_BYTES + 8, &section_length, 8);
}

static void sections_outside_are_refused(void **state)
{
    (void)state;
    size_t length;
    char *data = make_image(&length);
    static const struct {
        uint64_t offset;
        uint64_t length;
    } bad[] = {{1, 1},
               {8, UINT64_MAX},
               {UINT64_MAX - 7, 8},
               {UINT64_MAX - 7, 16},
               {1000000, 0},
               {0, 1000000},
               {UINT64_C(1) << 63, 8},
               {8, UINT64_MAX - 7},
               {64, 100000000},
               {UINT64_C(1) << 63, UINT64_C(1) << 63}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char *copy = memory_copy_bytes(data, length);
        set_entry(copy, i % 3, bad[i].offset, bad[i].length);
        check_refused(copy, length, "out of bounds");
        free(copy);
    }
    set_entry(data, 0, length, 0); /* nothing, at the very end, is inside */
    struct image image;
    assert_int_equal(image_open(data, length, MAGIC, 4, 3, &image, NULL), 0);
    set_entry(data, 0, length, 1);
    check_refused(data, length, "out of bounds");
    free(data);
}

/* ---- dictionary ---- */

#define TERMS 20000

static size_t make_term(uint32_t number, char text[32])
{
    if (number == 7)
        return 0; /* the empty term is one like others */
    return (size_t)snprintf(text, 32, number % 3 == 0 ? "K%u" : "stem%u", number * 7919);
}

static char *make_dictionary(uint32_t terms, size_t *length)
{
    struct dictionary_builder builder;
    dictionary_builder_init(&builder);
    for (uint32_t i = 0; i < terms; i++) {
        char term[32], display[32];
        size_t term_length = make_term(i, term);
        int display_length = i % 2 == 0 ? snprintf(display, sizeof display, "Name %u", i) : 0;
        assert_int_equal(dictionary_builder_add(&builder, term, term_length, display, (size_t)display_length),
                         i);
    }
    assert_int_equal(builder.count, terms);
    struct image_builder image;
    image_builder_init(&image, MAGIC, 1, DICTIONARY_SECTIONS);
    dictionary_builder_write(&builder, &image);
    dictionary_builder_release(&builder);
    return image_builder_finish(&image, length);
}

static bool open_dictionary(const char *data, size_t length, struct dictionary *dictionary)
{
    static struct image image;
    assert_int_equal(image_open(data, length, MAGIC, 1, DICTIONARY_SECTIONS, &image, NULL), 0);
    return dictionary_open(&image, 0, dictionary);
}

static void every_term_is_found(void **state)
{
    (void)state;
    size_t length;
    char *data = make_dictionary(TERMS, &length);
    struct dictionary dictionary;
    assert_true(open_dictionary(data, length, &dictionary));
    assert_int_equal(dictionary.count, TERMS);
    for (uint32_t i = 0; i < TERMS; i++) {
        char term[32], display[32];
        size_t term_length = make_term(i, term);
        assert_int_equal(dictionary_find(&dictionary, term, term_length, hash_bytes(term, term_length)), i);
        size_t found_length;
        const char *found = dictionary_term(&dictionary, i, &found_length);
        assert_int_equal(found_length, term_length);
        assert_memory_equal(found, term, term_length);
        found = dictionary_display(&dictionary, i, &found_length);
        int display_length = i % 2 == 0 ? snprintf(display, sizeof display, "Name %u", i) : 0;
        assert_int_equal(found_length, display_length);
        assert_memory_equal(found, display, (size_t)display_length);
    }
    free(data);
}

static void other_terms_are_not_found(void **state)
{
    (void)state;
    size_t length;
    char *data = make_dictionary(TERMS, &length);
    struct dictionary dictionary;
    assert_true(open_dictionary(data, length, &dictionary));
    for (uint32_t i = 0; i < TERMS; i++) {
        char term[32];
        int term_length = snprintf(term, sizeof term, "other%u", i);
        assert_int_equal(
            dictionary_find(&dictionary, term, (size_t)term_length, hash_bytes(term, (size_t)term_length)),
            DICTIONARY_NONE);
    }
    /* a foreign term with the hash of a known one, and a beginning of a known one */
    assert_int_equal(dictionary_find(&dictionary, "nobody", 6, hash_bytes("K0", 2)), DICTIONARY_NONE);
    assert_int_equal(dictionary_find(&dictionary, "K0", 1, hash_bytes("K0", 2)), DICTIONARY_NONE);
    assert_int_equal(dictionary_find(&dictionary, "K0", 2, hash_bytes("K0", 2)), 0);
    free(data);
}

static void a_term_keeps_its_number_and_first_display(void **state)
{
    (void)state;
    struct dictionary_builder builder;
    dictionary_builder_init(&builder);
    assert_int_equal(dictionary_builder_add(&builder, "Kai", 3, "AI", 2), 0);
    assert_int_equal(dictionary_builder_add(&builder, "Kmusic", 6, "Music", 5), 1);
    assert_int_equal(dictionary_builder_add(&builder, "Kai", 3, "Ai", 2), 0);
    assert_int_equal(dictionary_builder_add(&builder, "K\0i", 3, "", 0), 2);
    struct image_builder image;
    image_builder_init(&image, MAGIC, 1, DICTIONARY_SECTIONS);
    dictionary_builder_write(&builder, &image);
    dictionary_builder_release(&builder);
    size_t length;
    char *data = image_builder_finish(&image, &length);
    struct dictionary dictionary;
    assert_true(open_dictionary(data, length, &dictionary));
    assert_int_equal(dictionary.count, 3);
    size_t display_length;
    assert_memory_equal(dictionary_display(&dictionary, 0, &display_length), "AI", 2);
    assert_int_equal(display_length, 2);
    assert_int_equal(dictionary_find(&dictionary, "K\0i", 3, hash_bytes("K\0i", 3)), 2);
    free(data);
}

static void an_empty_dictionary_finds_nothing(void **state)
{
    (void)state;
    size_t length;
    char *data = make_dictionary(0, &length);
    struct dictionary dictionary;
    assert_true(open_dictionary(data, length, &dictionary));
    assert_int_equal(dictionary.count, 0);
    assert_int_equal(dictionary_find(&dictionary, "", 0, hash_bytes("", 0)), DICTIONARY_NONE);
    assert_int_equal(dictionary_find(&dictionary, "a", 1, hash_bytes("a", 1)), DICTIONARY_NONE);
    free(data);
}

/* Makes the length or the content of a section wrong and says whether the dictionary still opens. */
static bool opens_with_length(const char *data, size_t length, size_t section, int64_t more)
{
    char *copy = memory_copy_bytes(data, length);
    uint64_t section_length;
    char *entry = copy + HEADER_BYTES + section * ENTRY_BYTES + 8;
    memcpy(&section_length, entry, 8);
    section_length += (uint64_t)more;
    memcpy(entry, &section_length, 8);
    struct dictionary dictionary;
    bool opens = open_dictionary(copy, length, &dictionary);
    free(copy);
    return opens;
}

static void sections_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    size_t length;
    char *data = make_dictionary(40, &length);
    assert_true(opens_with_length(data, length, 0, 0));
    assert_false(opens_with_length(data, length, 0, -8));                /* slots: no power of two */
    assert_false(opens_with_length(data, length, 0, -8 * 128 + 8 * 32)); /* fewer slots than terms */
    assert_false(opens_with_length(data, length, 1, -4));
    assert_false(opens_with_length(data, length, 3, -4));
    assert_false(opens_with_length(data, length, 2, -1)); /* bytes end before the last offset */
    assert_false(opens_with_length(data, length, 4, -1));
    free(data);
}

static void set_offset(char *data, size_t section, size_t number, uint32_t value)
{
    uint64_t start;
    memcpy(&start, data + HEADER_BYTES + section * ENTRY_BYTES, 8);
    memcpy(data + start + number * sizeof value, &value, sizeof value);
}

static void damaged_offsets_are_refused(void **state)
{
    (void)state;
    size_t length;
    char *data = make_dictionary(40, &length);
    static const size_t sections[] = {1, 3};
    for (size_t i = 0; i < 2; i++) {
        for (size_t number = 0; number <= 40; number++) {
            char *copy = memory_copy_bytes(data, length);
            set_offset(copy, sections[i], number, UINT32_MAX);
            struct dictionary dictionary;
            assert_false(open_dictionary(copy, length, &dictionary));
            free(copy);
        }
    }
    free(data);
}

/* A slot that names a term that is not there ends the look-up. */
static void damaged_slots_find_nothing(void **state)
{
    (void)state;
    size_t length;
    char *data = make_dictionary(40, &length);
    struct dictionary dictionary;
    assert_true(open_dictionary(data, length, &dictionary));
    uint64_t *slots = (uint64_t *)(void *)(data + ((const char *)dictionary.slots - data));
    for (size_t i = 0; i < dictionary.slot_count; i++)
        if (slots[i] != 0)
            slots[i] |= UINT32_MAX;
    for (uint32_t i = 0; i < 40; i++) {
        char term[32];
        size_t term_length = make_term(i, term);
        assert_int_equal(dictionary_find(&dictionary, term, term_length, hash_bytes(term, term_length)),
                         DICTIONARY_NONE);
    }
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sections_come_back),
        cmocka_unit_test(part_of_an_element_does_not_count),
        cmocka_unit_test(foreign_files_are_refused),
        cmocka_unit_test(truncated_images_are_refused),
        cmocka_unit_test(sections_outside_are_refused),
        cmocka_unit_test(every_term_is_found),
        cmocka_unit_test(other_terms_are_not_found),
        cmocka_unit_test(a_term_keeps_its_number_and_first_display),
        cmocka_unit_test(an_empty_dictionary_finds_nothing),
        cmocka_unit_test(sections_that_do_not_fit_are_refused),
        cmocka_unit_test(damaged_offsets_are_refused),
        cmocka_unit_test(damaged_slots_find_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
