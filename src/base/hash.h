/* hash.h - the hash of every table in storyd: xxHash (XXH3, 64 bits), also in files, so it must not change.
 */
#ifndef STORYD_BASE_HASH_H
#define STORYD_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* Any thread; no state. */
uint64_t hash_bytes(const void *bytes, size_t length);

#endif
