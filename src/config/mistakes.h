/*
 * mistakes.h - everything that is wrong with a configuration, collected so that a person can mend it all at
 * once.
 *
 * Zero-initialise (MISTAKES_INIT) before use, mistakes_release() after. Each line is a whole message without
 * line end, starting with where the mistake is: "storyd.conf:12: ...". One thread at a time.
 */
#ifndef STORYD_CONFIG_MISTAKES_H
#define STORYD_CONFIG_MISTAKES_H

#include <stddef.h>

struct mistakes {
    char **lines; /* owned */
    size_t count;
    size_t capacity;
};

#define MISTAKES_INIT                                                                                        \
    {                                                                                                        \
        NULL, 0, 0                                                                                           \
    }

/* Returns -1, so that callers can write `return mistakes_add(...)`. */
int mistakes_add(struct mistakes *mistakes, const char *format, ...) __attribute__((format(printf, 2, 3)));
void mistakes_release(struct mistakes *mistakes);

#endif
