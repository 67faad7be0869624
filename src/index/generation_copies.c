/* generation_copies.c - a generation's finder of near-copies, filled from its catalog. */
#include "index/generation.h"

#include "base/memory.h"

#include <stdlib.h>

void generation_recall_copies(struct generation *generation)
{
    size_t count = generation->segment_count;
    for (size_t i = 0; i < generation->hot_count; i++)
        count += generation->hots[i]->slice_count;
    struct slice **slices = memory_zeroed(count, sizeof *slices);
    size_t filled = 0;
    for (size_t i = 0; i < generation->segment_count; i++)
        slices[filled++] = generation->segments[i]->slice;
    for (size_t i = 0; i < generation->hot_count; i++)
        for (size_t j = 0; j < generation->hots[i]->slice_count; j++)
            slices[filled++] = generation->hots[i]->slices[j];
    copy_finder_free(generation->copies);
    generation->copies = copy_finder_new(COPY_MEMORY, generation->settings.copy_similarity);
    copy_marks_recall(generation->copies, slices, count);
    free(slices);
}
