/* crc32c.h - CRC-32C (Castagnoli, RFC 3720 appendix B.4): the checksum of store rows and segment files. Any
 * thread. */
#ifndef STORYD_BASE_CRC32C_H
#define STORYD_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* The checksum of `length` bytes following bytes whose checksum is `before` (0 at the start). Uses the
 * processor's instruction where it has one. */
uint32_t crc32c(uint32_t before, const void *bytes, size_t length);

#endif
