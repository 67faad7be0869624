/*
 * normalise.h - one spelling for both sides, index and query: NFKC, case folded, accents stripped (utf8proc).
 *
 * Only combining marks of the Latin, Greek and Cyrillic scripts (U+0300 to U+036F), Arabic vowel points and
 * Hebrew points are stripped: in Hindi and its neighbours marks are vowels. The Cyrillic letters U+0439,
 * U+0457 and U+045E keep theirs: they are letters of their own, and the Russian stemmer needs them.
 * Typographic apostrophes become "'", soft hyphens and zero-width characters disappear. ASCII takes a short
 * way. Any thread; no state.
 */
#ifndef STORYD_TEXT_NORMALISE_H
#define STORYD_TEXT_NORMALISE_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stddef.h>

/* Appends the normalised text. False (nothing appended) if `text` is not valid UTF-8. */
bool text_normalise(const char *text, size_t length, struct buffer *out);

/* A name (tag, entity, category): normalised, white space runs become one blank, trimmed. */
bool text_normalise_name(const char *name, size_t length, struct buffer *out);

#endif
