/*
 * dictionary.h - terms and their numbers: an immutable hash table that is looked up in place, in five
 * sections of an image.
 *
 * Each term may carry a display text (a name as first written). Reading: any thread. Building: one thread.
 */
#ifndef STORYD_INDEX_DICTIONARY_H
#define STORYD_INDEX_DICTIONARY_H

#include "index/image.h"

#include <stdbool.h>

#define DICTIONARY_SECTIONS 5
#define DICTIONARY_NONE UINT32_MAX

struct dictionary {
    const uint64_t *slots; /* high half: hash bits, low half: number + 1; 0 = empty */
    size_t slot_count;     /* a power of two */
    const uint32_t *offsets;
    const char *bytes;
    const uint32_t *display_offsets;
    const char *display_bytes;
    uint32_t count;
};

/* Reads the sections from `first_section` on. False if they do not fit together. */
bool dictionary_open(const struct image *image, uint32_t first_section, struct dictionary *dictionary);

/* The term's number, DICTIONARY_NONE if it is not there. `hash` is hash_bytes() of the term. */
uint32_t dictionary_find(const struct dictionary *dictionary, const char *term, size_t length, uint64_t hash);
/* Has all memory fetched that look-ups of these hashes will read: what one reads lies in three places of a
 * large file, one known only from the other, so all go from place to place together. `numbers` gets what each
 * will most likely find, DICTIONARY_NONE for nothing: without a look at the terms. */
void dictionary_prefetch(const struct dictionary *dictionary, const uint64_t *hashes, size_t count,
                         uint32_t *numbers);

const char *dictionary_term(const struct dictionary *dictionary, uint32_t number, size_t *length);
const char *dictionary_display(const struct dictionary *dictionary, uint32_t number, size_t *length);

struct dictionary_builder {
    struct buffer bytes;
    struct buffer display_bytes;
    struct buffer offsets;         /* uint32_t: where each term starts */
    struct buffer display_offsets; /* uint32_t */
    uint64_t *slots;
    size_t slot_count;
    uint32_t count;
};

void dictionary_builder_init(struct dictionary_builder *builder);
void dictionary_builder_release(struct dictionary_builder *builder);
/* The number of the term; a new one gets the next number and `display` (length 0: none). */
uint32_t dictionary_builder_add(struct dictionary_builder *builder, const char *term, size_t length,
                                const char *display, size_t display_length);
/* DICTIONARY_NONE if it is not there. */
uint32_t dictionary_builder_find(const struct dictionary_builder *builder, const char *term, size_t length);
/* Adds the five sections. */
void dictionary_builder_write(struct dictionary_builder *builder, struct image_builder *image);

#endif
