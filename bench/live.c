#include "live.h"

#include "base/memory.h"
#include "index/generation.h"

#include <stdlib.h>

bool live_open(struct live *live, const char *data, struct error *error)
{
    uint32_t number;
    struct manifest manifest = {0};
    char directory[4096];
    if (generation_live_number(data, &number, error) != 0)
        return false;
    snprintf(directory, sizeof directory, "%s/generations/%u", data, number);
    if (manifest_read(directory, &manifest, error) != 0)
        return false;
    live->segments = memory_zeroed(manifest.segment_count + 1, sizeof(struct segment *));
    bool good = true;
    while (good && live->count < manifest.segment_count) {
        good = segment_open(directory, manifest.segments[live->count].name, manifest.epoch, NULL,
                            &live->segments[live->count], error) == 0;
        live->count += good;
    }
    manifest_release(&manifest);
    return good;
}

void live_close(struct live *live)
{
    for (size_t i = 0; i < live->count; i++)
        segment_release(live->segments[i]);
    free(live->segments);
    *live = (struct live){.count = 0};
}
