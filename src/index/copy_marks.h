/*
 * copy_marks.h - near-copies in the catalog: the finder (copy_finder.h) fed with rows, and its answers
 * written into the features of segments.
 *
 * Originals are found in the order of docids. The hot segment asks the finder of its generation when an
 * article comes; a segment that was built in bulk is marked when it is delivered; a new epoch finds all of
 * them again. One thread at a time for each finder.
 */
#ifndef STORYD_INDEX_COPY_MARKS_H
#define STORYD_INDEX_COPY_MARKS_H

#include "index/copy_finder.h"
#include "index/segment.h"

/* Adds an article to the finder: its original. */
uint32_t copy_marks_article(struct copy_finder *finder, uint32_t docid, const struct article *article,
                            const struct signature *signature);

/* The same for a row; a dead one is passed by and has none. */
uint32_t copy_marks_row(struct copy_finder *finder, const struct slice *slice, uint32_t row);

/* The finder remembers the newest living rows of these slices (ascending), with the originals that they have.
 */
void copy_marks_recall(struct copy_finder *finder, struct slice *const *slices, size_t count);

/* Finds the originals of a segment's rows, writes its file of features again and gives the segment object
 * that uses it (new). */
int copy_marks_segment(struct copy_finder *finder, struct segment *segment, struct segment **result,
                       struct error *error);

#endif
