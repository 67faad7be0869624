#include "index/dictionary.h"

#include "base/hash.h"
#include "base/memory.h"
#include "base/prefetch.h"

#include <stdlib.h>
#include <string.h>

static uint64_t make_slot(uint64_t hash, uint32_t number)
{
    return (hash & UINT64_C(0xffffffff00000000)) | (number + UINT64_C(1));
}

/* Offsets must ascend and end where the bytes end: then no reading leaves the section. */
static bool offsets_fit(const uint32_t *offsets, size_t count, size_t bytes)
{
    if (count == 0 || offsets[0] != 0 || offsets[count - 1] > bytes)
        return false;
    for (size_t i = 1; i < count; i++)
        if (offsets[i] < offsets[i - 1])
            return false;
    return true;
}

bool dictionary_open(const struct image *image, uint32_t first_section, struct dictionary *dictionary)
{
    size_t slots;
    size_t offsets;
    size_t bytes;
    size_t display_offsets;
    size_t display_bytes;
    dictionary->slots = image_section(image, first_section, sizeof(uint64_t), &slots);
    dictionary->offsets = image_section(image, first_section + 1, sizeof(uint32_t), &offsets);
    dictionary->bytes = image_section(image, first_section + 2, 1, &bytes);
    dictionary->display_offsets = image_section(image, first_section + 3, sizeof(uint32_t), &display_offsets);
    dictionary->display_bytes = image_section(image, first_section + 4, 1, &display_bytes);
    dictionary->slot_count = slots;
    dictionary->count = (uint32_t)(offsets - (offsets != 0));
    return slots != 0 && (slots & (slots - 1)) == 0 && offsets == display_offsets &&
           slots > dictionary->count && offsets_fit(dictionary->offsets, offsets, bytes) &&
           offsets_fit(dictionary->display_offsets, display_offsets, display_bytes);
}

const char *dictionary_term(const struct dictionary *dictionary, uint32_t number, size_t *length)
{
    *length = dictionary->offsets[number + 1] - dictionary->offsets[number];
    return dictionary->bytes + dictionary->offsets[number];
}

const char *dictionary_display(const struct dictionary *dictionary, uint32_t number, size_t *length)
{
    *length = dictionary->display_offsets[number + 1] - dictionary->display_offsets[number];
    return dictionary->display_bytes + dictionary->display_offsets[number];
}

uint32_t dictionary_find(const struct dictionary *dictionary, const char *term, size_t length, uint64_t hash)
{
    size_t mask = dictionary->slot_count - 1;
    uint32_t high = (uint32_t)(hash >> 32);
    for (size_t at = (size_t)hash & mask;; at = (at + 1) & mask) {
        uint64_t slot = dictionary->slots[at];
        if (slot == 0)
            return DICTIONARY_NONE;
        if ((uint32_t)(slot >> 32) != high)
            continue;
        uint32_t number = (uint32_t)slot - 1;
        if (number >= dictionary->count)
            return DICTIONARY_NONE;
        size_t found_length;
        const char *found = dictionary_term(dictionary, number, &found_length);
        if (found_length == length && memcmp(found, term, length) == 0)
            return number;
    }
}

static uint32_t guess(const struct dictionary *dictionary, uint64_t hash)
{
    size_t mask = dictionary->slot_count - 1;
    for (size_t at = (size_t)hash & mask; dictionary->slots[at] != 0; at = (at + 1) & mask) {
        uint32_t number = (uint32_t)dictionary->slots[at] - 1;
        if (dictionary->slots[at] >> 32 == hash >> 32)
            return number < dictionary->count ? number : DICTIONARY_NONE;
    }
    return DICTIONARY_NONE;
}

void dictionary_prefetch(const struct dictionary *dictionary, const uint64_t *hashes, size_t count,
                         uint32_t *numbers)
{
    for (size_t i = 0; i < count; i++)
        prefetch(&dictionary->slots[hashes[i] & (dictionary->slot_count - 1)]);
    for (size_t i = 0; i < count; i++) {
        numbers[i] = guess(dictionary, hashes[i]);
        if (numbers[i] != DICTIONARY_NONE)
            prefetch(&dictionary->offsets[numbers[i]]);
    }
    for (size_t i = 0; i < count; i++)
        if (numbers[i] != DICTIONARY_NONE)
            prefetch(dictionary->bytes + dictionary->offsets[numbers[i]]);
}

/* ---- building ---- */

void dictionary_builder_init(struct dictionary_builder *builder)
{
    memset(builder, 0, sizeof *builder);
    builder->slot_count = 64;
    builder->slots = memory_zeroed(builder->slot_count, sizeof *builder->slots);
    uint32_t zero = 0;
    buffer_append(&builder->offsets, &zero, sizeof zero);
    buffer_append(&builder->display_offsets, &zero, sizeof zero);
}

void dictionary_builder_release(struct dictionary_builder *builder)
{
    buffer_release(&builder->bytes);
    buffer_release(&builder->display_bytes);
    buffer_release(&builder->offsets);
    buffer_release(&builder->display_offsets);
    free(builder->slots);
    builder->slots = NULL;
}

static const uint32_t *builder_offsets(const struct dictionary_builder *builder)
{
    return (const uint32_t *)(const void *)builder->offsets.data;
}

static void place(uint64_t *slots, size_t slot_count, uint64_t hash, uint32_t number)
{
    size_t at = (size_t)hash & (slot_count - 1);
    while (slots[at] != 0)
        at = (at + 1) & (slot_count - 1);
    slots[at] = make_slot(hash, number);
}

/* Keeps the table at most half full. */
static void grow(struct dictionary_builder *builder)
{
    size_t slot_count = builder->slot_count * 2;
    uint64_t *slots = memory_zeroed(slot_count, sizeof *slots);
    for (uint32_t i = 0; i < builder->count; i++) {
        const uint32_t *offsets = builder_offsets(builder);
        place(slots, slot_count, hash_bytes(builder->bytes.data + offsets[i], offsets[i + 1] - offsets[i]),
              i);
    }
    free(builder->slots);
    builder->slots = slots;
    builder->slot_count = slot_count;
}

static uint32_t builder_find(const struct dictionary_builder *builder, const char *term, size_t length,
                             uint64_t hash)
{
    const uint32_t *offsets = builder_offsets(builder);
    size_t mask = builder->slot_count - 1;
    for (size_t at = (size_t)hash & mask; builder->slots[at] != 0; at = (at + 1) & mask) {
        if (builder->slots[at] >> 32 != hash >> 32)
            continue;
        uint32_t number = (uint32_t)builder->slots[at] - 1;
        if (offsets[number + 1] - offsets[number] == length &&
            memcmp(builder->bytes.data + offsets[number], term, length) == 0)
            return number;
    }
    return DICTIONARY_NONE;
}

uint32_t dictionary_builder_find(const struct dictionary_builder *builder, const char *term, size_t length)
{
    return builder_find(builder, term, length, hash_bytes(term, length));
}

uint32_t dictionary_builder_add(struct dictionary_builder *builder, const char *term, size_t length,
                                const char *display, size_t display_length)
{
    uint64_t hash = hash_bytes(term, length);
    uint32_t number = builder_find(builder, term, length, hash);
    if (number != DICTIONARY_NONE)
        return number;
    if ((builder->count + 1) * 2 > builder->slot_count)
        grow(builder);
    number = builder->count++;
    place(builder->slots, builder->slot_count, hash, number);
    buffer_append(&builder->bytes, term, length);
    buffer_append(&builder->display_bytes, display, display_length);
    uint32_t end = (uint32_t)builder->bytes.length;
    uint32_t display_end = (uint32_t)builder->display_bytes.length;
    buffer_append(&builder->offsets, &end, sizeof end);
    buffer_append(&builder->display_offsets, &display_end, sizeof display_end);
    return number;
}

void dictionary_builder_write(struct dictionary_builder *builder, struct image_builder *image)
{
    image_builder_add(image, builder->slots, builder->slot_count * sizeof *builder->slots);
    image_builder_add(image, builder->offsets.data, builder->offsets.length);
    image_builder_add(image, builder->bytes.data, builder->bytes.length);
    image_builder_add(image, builder->display_offsets.data, builder->display_offsets.length);
    image_builder_add(image, builder->display_bytes.data, builder->display_bytes.length);
}
