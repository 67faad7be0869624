#include "index/copy_marks.h"

#include "base/hash.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

uint32_t copy_marks_article(struct copy_finder *finder, uint32_t docid, const struct article *article,
                            const struct signature *signature)
{
    struct copy_article added = {docid, hash_bytes(article->id, strlen(article->id)), article->published,
                                 signature};
    return copy_finder_add(finder, &added);
}

static struct copy_article article_of_row(const struct rows *rows, uint32_t row)
{
    size_t length;
    const char *id = rows_id(rows, row, &length);
    return (struct copy_article){rows->docids[row], hash_bytes(id, length), rows->published[row],
                                 &rows->signatures[row]};
}

static bool is_dead(const struct slice *slice, uint32_t row)
{
    return !slice_row_lives(slice, row, NEVER_DIED - 1);
}

uint32_t copy_marks_row(struct copy_finder *finder, const struct slice *slice, uint32_t row)
{
    if (is_dead(slice, row))
        return 0;
    struct copy_article article = article_of_row(slice->rows, row);
    return copy_finder_add(finder, &article);
}

/* Dead rows take up room in the count: a few articles fewer are remembered then. */
void copy_marks_recall(struct copy_finder *finder, struct slice *const *slices, size_t count)
{
    size_t first = count;
    size_t rows = 0;
    while (first > 0 && rows < COPY_MEMORY)
        rows += slices[--first]->rows->count;
    size_t skipped = rows > COPY_MEMORY ? rows - COPY_MEMORY : 0; /* of the first slice */
    for (size_t i = first; i < count; i++) {
        for (uint32_t row = (uint32_t)skipped; row < slices[i]->rows->count; row++) {
            if (is_dead(slices[i], row))
                continue;
            struct copy_article article = article_of_row(slices[i]->rows, row);
            copy_finder_recall(finder, &article, features_original(&slices[i]->features, row));
        }
        skipped = 0;
    }
}

int copy_marks_segment(struct copy_finder *finder, struct segment *segment, struct segment **result,
                       struct error *error)
{
    const struct slice *slice = segment->slice;
    const struct features *features = &slice->features;
    uint32_t *originals = memory_zeroed(features->row_count, sizeof *originals);
    for (uint32_t row = 0; row < features->row_count; row++)
        originals[row] = copy_marks_row(finder, slice, row);
    char *bytes = features_with_originals(features, originals);
    char *path = segment_features_path(segment->place->directory, features->epoch);
    int status = file_replace(path, bytes, features->image.length, error);
    free(path);
    free(bytes);
    free(originals);
    return status == 0 ? segment_with_features(segment, features->epoch, result, error) : -1;
}
