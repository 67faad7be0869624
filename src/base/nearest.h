/* nearest.h - the known word a misspelt one was meant to be, for messages: 'unknown key "titel", did you mean
 * "title"?' */
#ifndef STORYD_BASE_NEAREST_H
#define STORYD_BASE_NEAREST_H

/*
 * The word of `known` (ends with NULL) with the smallest edit distance from `word`: letters put in, left out,
 * replaced or two neighbours swapped; ASCII case does not count. NULL if none is within a third of the word's
 * length (at least 1), or if the word is longer than any sensible name. The result is borrowed from `known`.
 * Any thread.
 */
const char *nearest_word(const char *word, const char *const *known);

#endif
