/*
 * image.h - the container of every index file of ours: a header and a table of sections, mapped or in memory.
 *
 * An image is written once and never changed. Numbers are little-endian, as on every machine storyd is built
 * for; sections start at multiples of 8. The same bytes serve as a file's content (sealed segments) and as a
 * block in memory (hot segment), so there is one reader for both. Checksums are the MANIFEST's business;
 * image_open() checks only what keeps a damaged or foreign file from being read out of bounds at the level of
 * sections.
 *
 * Reading: any thread. Building: one thread.
 */
#ifndef STORYD_INDEX_IMAGE_H
#define STORYD_INDEX_IMAGE_H

#include "base/buffer.h"
#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

#define IMAGE_SECTIONS_MAX 32

struct image {
    const char *data;
    size_t length;
    uint32_t section_count;
};

/* Checks header, `magic`, `version` and that all sections lie inside. `data` is borrowed. unavailable if it
 * is damaged, conflict if it is of another version. */
int image_open(const char *data, size_t length, uint64_t magic, uint32_t version, uint32_t section_count,
               struct image *image, struct error *error);

/* The section's bytes; *count is its length in elements of `element_size`. */
const void *image_section(const struct image *image, uint32_t section, size_t element_size, size_t *count);

struct image_builder {
    struct buffer bytes;
    uint32_t section_count;
    uint32_t next;
};

void image_builder_init(struct image_builder *builder, uint64_t magic, uint32_t version,
                        uint32_t section_count);
/* Sections are added in their order. */
void image_builder_add(struct image_builder *builder, const void *bytes, size_t length);
/* The finished image: new reference to its bytes (free()). The builder is empty afterwards. */
char *image_builder_finish(struct image_builder *builder, size_t *length);

#endif
