/* Signatures: the estimate against the true resemblance of the shingle sets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "corpus.h"
#include "text/signature.h"

#include <math.h>
#include <string.h>

/* Words `first` to `first` + `count` - 1 of a text in which no word comes twice. */
static struct signature signature_of(uint64_t first, uint64_t count)
{
    struct signature_maker maker;
    struct signature signature;
    signature_begin(&maker);
    for (uint64_t word = first; word < first + count; word++)
        signature_add(&maker, word);
    signature_finish(&maker, &signature);
    return signature;
}

static void equal_texts_resemble_fully(void **state)
{
    (void)state;
    struct signature a = signature_of(1, 300);
    struct signature b = signature_of(1, 300);
    assert_true(signature_exists(&a));
    assert_memory_equal(&a, &b, sizeof a);
    assert_float_equal(signature_resemblance(&a, &b), 1, 0);
}

/* They are in files: another function would need a new version of the image. */
static void stays_what_it_is(void **state)
{
    (void)state;
    static const uint8_t expected[8] = {0xc2, 0x79, 0xb3, 0x60, 0xf4, 0x32, 0x8d, 0xd2};
    struct signature signature = signature_of(1, 40);
    assert_memory_equal(signature.bytes, expected, sizeof expected);
}

/* The mean of the estimates is the resemblance, and their spread that of 64 independent values. */
static void check_estimate(uint64_t words, uint64_t shift)
{
    enum { ROUNDS = 400 };
    double shingles = (double)(words - SIGNATURE_SHINGLE + 1);
    double truth = (shingles - (double)shift) / (shingles + (double)shift);
    double sum = 0;
    double squares = 0;
    for (uint64_t i = 0; i < ROUNDS; i++) {
        struct signature a = signature_of(i * 100000, words);
        struct signature b = signature_of(i * 100000 + shift, words);
        double estimate = (double)signature_resemblance(&a, &b);
        sum += estimate;
        squares += (estimate - truth) * (estimate - truth);
    }
    double deviation = sqrt(truth * (1 - truth) / SIGNATURE_BYTES);
    assert_true(fabs(sum / ROUNDS - truth) < 0.03);
    assert_true(sqrt(squares / ROUNDS) < deviation * 1.4);
}

static void estimates_the_resemblance(void **state)
{
    (void)state;
    check_estimate(303, 20);
    check_estimate(303, 100);
    check_estimate(303, 200);
    check_estimate(43, 4);
    check_estimate(43, 10);
    check_estimate(103, 50);
}

static void other_texts_do_not_resemble(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 200; i++) {
        struct signature a = signature_of(i * 1000, 60);
        struct signature b = signature_of(i * 1000 + 500, 60);
        assert_true(signature_resemblance(&a, &b) < 0.15F);
    }
}

static void short_texts_have_none(void **state)
{
    (void)state;
    struct signature headline = signature_of(1, SIGNATURE_SHINGLES_MIN + SIGNATURE_SHINGLE - 2);
    struct signature longer = signature_of(1, SIGNATURE_SHINGLES_MIN + SIGNATURE_SHINGLE - 1);
    assert_false(signature_exists(&headline));
    assert_true(signature_exists(&longer));
    assert_float_equal(signature_resemblance(&headline, &headline), 0, 0);
    assert_float_equal(signature_resemblance(&headline, &longer), 0, 0);
}

/* Two texts that differ only in where a field ends differ in the shingles at that place. */
static void no_shingle_crosses_a_gap(void **state)
{
    (void)state;
    struct signature_maker maker;
    struct signature fields;
    struct signature whole = signature_of(1, 30);
    signature_begin(&maker);
    for (uint64_t word = 1; word <= 30; word++) {
        if (word % 3 == 1)
            signature_gap(&maker);
        signature_add(&maker, word);
    }
    signature_finish(&maker, &fields);
    assert_true(signature_exists(&whole));
    assert_false(signature_exists(&fields)); /* three words are no shingle */
}

static void order_matters(void **state)
{
    (void)state;
    struct signature_maker maker;
    struct signature backwards;
    struct signature forwards = signature_of(1, 100);
    signature_begin(&maker);
    for (uint64_t word = 100; word >= 1; word--)
        signature_add(&maker, word);
    signature_finish(&maker, &backwards);
    assert_true(signature_resemblance(&forwards, &backwards) < 0.15F);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_texts_resemble_fully),
        cmocka_unit_test(stays_what_it_is),
        cmocka_unit_test(estimates_the_resemblance),
        cmocka_unit_test(other_texts_do_not_resemble),
        cmocka_unit_test(short_texts_have_none),
        cmocka_unit_test(no_shingle_crosses_a_gap),
        cmocka_unit_test(order_matters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
