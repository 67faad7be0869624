/*
 * stories.h - which article stands for each story when near-copies are counted once: the first that came.
 *
 * A story is what copies_story() numbers. One thread at a time.
 */
#ifndef STORYD_RELATED_STORIES_H
#define STORYD_RELATED_STORIES_H

#include <stddef.h>
#include <stdint.h>

struct story {
    uint32_t number; /* 0: the slot is empty */
    uint32_t docid;  /* the lowest so far */
};

/* Zero-initialise; stories_release(). */
struct stories {
    struct story *slots; /* hashed by number */
    size_t slot_count;   /* a power of two, or 0 */
    size_t count;
};

/* Forgets all. */
void stories_clear(struct stories *stories);
void stories_release(struct stories *stories);

/* An article of a story. */
void stories_note(struct stories *stories, uint32_t number, uint32_t docid);

/* The lowest docid that was noted for the story; 0 if none was. */
uint32_t stories_first(const struct stories *stories, uint32_t number);

#endif
