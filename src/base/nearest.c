#include "base/nearest.h"

#include <stddef.h>
#include <string.h>

#define WORD_MAX 40 /* bytes; a longer word is no misspelt name, and the rows below stay on the stack */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static unsigned smaller(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Optimal string alignment: Levenshtein's distance in which a swap of neighbours counts once. */
static unsigned edit_distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    unsigned rows[3][WORD_MAX + 1];
    unsigned *before = rows[0], *last = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b_length; j++)
        last[j] = before[j] = (unsigned)j;
    for (size_t i = 1; i <= a_length; i++) {
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_length; j++) {
            unsigned replaced = last[j - 1] + (lower(a[i - 1]) != lower(b[j - 1]));
            row[j] = smaller(replaced, 1 + smaller(last[j], row[j - 1]));
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]))
                row[j] = smaller(row[j], before[j - 2] + 1);
        }
        unsigned *reused = before;
        before = last;
        last = row;
        row = reused;
    }
    return last[b_length];
}

const char *nearest_word(const char *word, const char *const *known)
{
    size_t length = strlen(word);
    if (length > WORD_MAX)
        return NULL;
    unsigned allowed = length < 3 ? 1 : (unsigned)length / 3;
    const char *nearest = NULL;
    for (; *known != NULL; known++) {
        size_t known_length = strlen(*known);
        if (known_length > WORD_MAX)
            continue;
        unsigned distance = edit_distance(word, length, *known, known_length);
        if (distance < allowed || (distance == allowed && nearest == NULL)) {
            nearest = *known;
            allowed = distance;
        }
    }
    return nearest;
}
