/* Any bytes, in pieces of any size: the first byte says how large they are. */
#include "net/framing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct framing framing;
    struct framing_event event = {.kind = FRAMING_MORE};
    if (size == 0)
        return 0;
    size_t piece = data[0] == 0 ? size : data[0];
    framing_init(&framing, 256);
    for (size_t at = 1; at < size && event.kind != FRAMING_BROKEN && event.kind != FRAMING_FOREIGN;
         at += piece) {
        framing_feed(&framing, (const char *)data + at, size - at < piece ? size - at : piece);
        while (framing_next(&framing, &event) == FRAMING_REQUEST || event.kind == FRAMING_REFUSED)
            ;
    }
    framing_release(&framing);
    return 0;
}
