#include "base/crc32c.h"

#include <pthread.h>
#include <string.h>

#if defined(__x86_64__)
#include <nmmintrin.h>

__attribute__((target("sse4.2"))) static uint32_t crc32c_hardware(uint32_t crc, const unsigned char *bytes,
                                                                  size_t length)
{
    uint64_t wide = crc;
    for (; length >= 8; length -= 8, bytes += 8) {
        uint64_t word;
        memcpy(&word, bytes, 8);
        wide = _mm_crc32_u64(wide, word);
    }
    crc = (uint32_t)wide;
    for (; length > 0; length--)
        crc = _mm_crc32_u8(crc, *bytes++);
    return crc;
}
#endif

static uint32_t table[256];
static pthread_once_t table_once = PTHREAD_ONCE_INIT;

static void fill_table(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t value = i;
        for (int bit = 0; bit < 8; bit++)
            value =
                (value & 1) != 0 ? (value >> 1) ^ 0x82f63b78U : value >> 1; /* the polynomial, reflected */
        table[i] = value;
    }
}

static uint32_t crc32c_portable(uint32_t crc, const unsigned char *bytes, size_t length)
{
    pthread_once(&table_once, fill_table);
    for (; length > 0; length--)
        crc = table[(crc ^ *bytes++) & 0xff] ^ (crc >> 8);
    return crc;
}

uint32_t crc32c(uint32_t before, const void *bytes, size_t length)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2"))
        return ~crc32c_hardware(~before, bytes, length);
#endif
    return ~crc32c_portable(~before, bytes, length);
}
