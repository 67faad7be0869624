/*
 * bits.h - how many bits of a word are set.
 *
 * Without an option for a newer processor the compiler calls a function of its library for that, which looks
 * into a table byte by byte. Pure function. Any thread.
 */
#ifndef STORYD_BASE_BITS_H
#define STORYD_BASE_BITS_H

#include <stdint.h>

/* Sums of two, four and eight bits side by side, then all of them by one multiplication (Warren, "Hacker's
 * Delight", 5-1). */
static inline uint32_t bits_count(uint64_t word)
{
    word -= word >> 1 & UINT64_C(0x5555555555555555);
    word = (word & UINT64_C(0x3333333333333333)) + (word >> 2 & UINT64_C(0x3333333333333333));
    word = (word + (word >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    return (uint32_t)(word * UINT64_C(0x0101010101010101) >> 56);
}

#endif
