#include "index/image.h"

#include <string.h>

struct image_header {
    uint64_t magic;
    uint32_t version;
    uint32_t section_count;
};

struct section_entry {
    uint64_t offset;
    uint64_t length;
};

static size_t header_length(uint32_t section_count)
{
    return sizeof(struct image_header) + section_count * sizeof(struct section_entry);
}

static const struct section_entry *entries(const char *data)
{
    return (const struct section_entry *)(const void *)(data + sizeof(struct image_header));
}

int image_open(const char *data, size_t length, uint64_t magic, uint32_t version, uint32_t section_count,
               struct image *image, struct error *error)
{
    const struct image_header *header = (const struct image_header *)(const void *)data;
    if (length < header_length(section_count) || header->magic != magic)
        return error_set(error, ERROR_UNAVAILABLE, "damaged index file: wrong header");
    if (header->version != version)
        return error_set(error, ERROR_CONFLICT, "index file of format %u, this storyd reads %u",
                         header->version, version);
    if (header->section_count != section_count)
        return error_set(error, ERROR_UNAVAILABLE, "damaged index file: %u sections, not %u",
                         header->section_count, section_count);
    for (uint32_t i = 0; i < section_count; i++) {
        const struct section_entry *entry = &entries(data)[i];
        if (entry->offset % 8 != 0 || entry->offset > length || entry->length > length - entry->offset)
            return error_set(error, ERROR_UNAVAILABLE, "damaged index file: section %u is out of bounds", i);
    }
    *image = (struct image){data, length, section_count};
    return 0;
}

const void *image_section(const struct image *image, uint32_t section, size_t element_size, size_t *count)
{
    const struct section_entry *entry = &entries(image->data)[section];
    if (count != NULL)
        *count = (size_t)entry->length / element_size;
    return image->data + entry->offset;
}

void image_builder_init(struct image_builder *builder, uint64_t magic, uint32_t version,
                        uint32_t section_count)
{
    *builder = (struct image_builder){BUFFER_INIT, section_count, 0};
    struct image_header header = {magic, version, section_count};
    size_t length = header_length(section_count);
    buffer_reserve(&builder->bytes, length);
    memset(builder->bytes.data, 0, length);
    memcpy(builder->bytes.data, &header, sizeof header);
    builder->bytes.length = length;
}

void image_builder_add(struct image_builder *builder, const void *bytes, size_t length)
{
    buffer_pad(&builder->bytes, 8);
    struct section_entry entry = {builder->bytes.length, length};
    memcpy(builder->bytes.data + sizeof(struct image_header) + builder->next * sizeof entry, &entry,
           sizeof entry);
    builder->next++;
    buffer_append(&builder->bytes, bytes, length);
}

char *image_builder_finish(struct image_builder *builder, size_t *length)
{
    buffer_pad(&builder->bytes, 8);
    *length = builder->bytes.length;
    return buffer_steal(&builder->bytes);
}
