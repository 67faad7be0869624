/*
 * language.h - what storyd knows of a language: its code, its Snowball stemmer (libstemmer), its stop words.
 *
 * The table is constant: any thread. A stemmer set belongs to one thread (libstemmer keeps state) and caches
 * stems, because Zipf's law makes the same few thousand words most of any text.
 */
#ifndef STORYD_TEXT_LANGUAGE_H
#define STORYD_TEXT_LANGUAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct language; /* constant, never freed */

/* By ISO 639-1 code ("en"; a region is ignored: "en-GB"); every ISO 639-1 code is known, many have no
 * stemmer. NULL for an unknown one. */
const struct language *language_find(const char *code);
const char *language_code(const struct language *language);

/* `word` is normalised. English has Lucene's 33 words; other languages have their few most frequent function
 * words. */
bool language_is_stop_word(const struct language *language, const char *word, size_t length);

struct stemmer_set;
struct stemmer_set *stemmer_set_new(void);
void stemmer_set_free(struct stemmer_set *set);

/* The stem of a normalised word (the word itself where the language has no stemmer). Borrowed, valid until
 * the next call with this set. The stem is normalised again (accents a stemmer brought in are stripped). */
const char *stemmer_stem(struct stemmer_set *set, const struct language *language, const char *word,
                         size_t length, size_t *stem_length);

#endif
