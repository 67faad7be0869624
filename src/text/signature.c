#include "text/signature.h"

#include <string.h>

#define PERMUTATIONS 4
#define BINS 16 /* of each permutation */
#define EMPTY UINT32_MAX
#define VALUES 256 /* of a byte */

_Static_assert(PERMUTATIONS *BINS == SIGNATURE_BYTES, "one byte for each bin");

/* Odd numbers without a pattern (the digits of the golden ratio and of square roots). */
static const uint64_t multipliers[PERMUTATIONS] = {UINT64_C(0x9e3779b97f4a7c15), UINT64_C(0x6a09e667f3bcc909),
                                                   UINT64_C(0xbb67ae8584caa73b),
                                                   UINT64_C(0x3c6ef372fe94f82b)};
#define WORD_MULTIPLIER UINT64_C(0xa54ff53a5f1d36f1)

/* Every bit of the result depends on every bit of `value` (the finalizer of SplitMix64, Steele et al. 2014).
 */
static uint64_t mix(uint64_t value)
{
    value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
    return value ^ value >> 31;
}

void signature_begin(struct signature_maker *maker)
{
    maker->word_count = 0;
    maker->shingles = 0;
    for (size_t i = 0; i < SIGNATURE_BYTES; i++)
        maker->minima[i] = EMPTY;
}

static void add_shingle(struct signature_maker *maker, uint64_t shingle)
{
    maker->shingles++;
    for (size_t i = 0; i < PERMUTATIONS; i++) {
        uint64_t hash = mix(shingle * multipliers[i]);
        uint32_t *minimum = &maker->minima[i * BINS + (size_t)(hash % BINS)];
        uint32_t value = (uint32_t)(hash >> 33); /* never EMPTY */
        *minimum = value < *minimum ? value : *minimum;
    }
}

void signature_add(struct signature_maker *maker, uint64_t word)
{
    if (++maker->word_count >= SIGNATURE_SHINGLE) {
        uint64_t shingle = 0;
        for (size_t i = 0; i < SIGNATURE_SHINGLE - 1; i++)
            shingle = (shingle + maker->words[i]) * WORD_MULTIPLIER;
        add_shingle(maker, shingle + word);
    }
    for (size_t i = 0; i + 1 < SIGNATURE_SHINGLE - 1; i++)
        maker->words[i] = maker->words[i + 1];
    maker->words[SIGNATURE_SHINGLE - 2] = word;
}

void signature_gap(struct signature_maker *maker)
{
    maker->word_count = 0;
}

/* The first bin with a value in an order of bins that is the same for every text. */
static uint32_t borrowed(const struct signature_maker *maker, size_t bin)
{
    uint64_t attempt = bin;
    size_t from = bin;
    while (maker->minima[from] == EMPTY) {
        attempt += VALUES;
        from = (size_t)(mix(attempt) % SIGNATURE_BYTES);
    }
    return maker->minima[from];
}

void signature_finish(const struct signature_maker *maker, struct signature *signature)
{
    memset(signature, 0, sizeof *signature);
    if (maker->shingles < SIGNATURE_SHINGLES_MIN)
        return;
    for (size_t i = 0; i < SIGNATURE_BYTES; i++)
        signature->bytes[i] = (uint8_t)(borrowed(maker, i) % VALUES);
}

bool signature_exists(const struct signature *signature)
{
    static const struct signature none;
    return memcmp(signature, &none, sizeof none) != 0;
}

float signature_resemblance(const struct signature *a, const struct signature *b)
{
    if (!signature_exists(a) || !signature_exists(b))
        return 0;
    unsigned equal = 0;
    for (size_t i = 0; i < SIGNATURE_BYTES; i++)
        equal += a->bytes[i] == b->bytes[i];
    float accident = 1.0F / VALUES;
    float share = (float)equal / SIGNATURE_BYTES;
    return share <= accident ? 0 : (share - accident) / (1 - accident);
}
