/*
 * signature.h - a text as 64 bytes, from which the share of word sequences that two texts have in common can
 * be estimated: how near-copies of a story are recognised.
 *
 * A text is the set of its shingles, its sequences of SIGNATURE_SHINGLE words (Broder 1997, "On the
 * resemblance and containment of documents"). The resemblance of two texts is the Jaccard similarity of the
 * two sets. Each byte is the lowest 8 bits of the smallest hash of all shingles under one permutation, and
 * equals the other text's byte with the probability of the resemblance, plus 1/256 (Li and König 2010, "b-Bit
 * Minwise Hashing"). The permutations are not made one by one: four hashes of each shingle, each of which
 * falls into one of 16 bins that have minima of their own (one permutation hashing, Li, Owen and Zhang 2012);
 * a bin that stays empty takes the value of another one (optimal densification, Shrivastava 2017). The
 * standard error of the estimate is 0.06 at a resemblance of 0.5.
 *
 * Signatures are stored in files: the function must not change without a new version of the rows image. One
 * maker belongs to one thread; the rest is pure.
 */
#ifndef STORYD_TEXT_SIGNATURE_H
#define STORYD_TEXT_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIGNATURE_SHINGLE 4 /* words */
#define SIGNATURE_BYTES 64
#define SIGNATURE_SHINGLES_MIN 24 /* a shorter text has no signature: headlines would agree by accident */

struct signature {
    uint8_t bytes[SIGNATURE_BYTES]; /* all zero: none */
};

struct signature_maker {
    uint64_t words[SIGNATURE_SHINGLE - 1]; /* hashes of the words before, the oldest first */
    uint32_t word_count;                   /* since the last gap */
    uint32_t shingles;
    uint32_t minima[SIGNATURE_BYTES];
};

void signature_begin(struct signature_maker *maker);
/* The next word, by its hash. */
void signature_add(struct signature_maker *maker, uint64_t word);
/* No shingle reaches across (from one field to the next). */
void signature_gap(struct signature_maker *maker);
/* All zero if there were too few shingles. */
void signature_finish(const struct signature_maker *maker, struct signature *signature);

bool signature_exists(const struct signature *signature);

/* The estimated resemblance, 0 to 1; 0 if one of them does not exist. */
float signature_resemblance(const struct signature *a, const struct signature *b);

#endif
