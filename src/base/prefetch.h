/*
 * prefetch.h - has memory fetched that will be read soon. Any address will do. Any thread.
 */
#ifndef STORYD_BASE_PREFETCH_H
#define STORYD_BASE_PREFETCH_H

/* GCC takes a function that does nothing but this for one without effect and leaves its calls out; an empty
 * statement in assembler counts as an effect. */
static inline void prefetch(const void *address)
{
    __builtin_prefetch(address);
    __asm__ volatile("");
}

#endif
