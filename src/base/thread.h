/* thread.h - what a thread says of itself when it begins: its name and whether somebody waits for it. Called
 * by the thread itself. */
#ifndef STORYD_BASE_THREAD_H
#define STORYD_BASE_THREAD_H

enum thread_pace {
    THREAD_PROMPT,     /* a client waits for it: it takes a core at once from the others */
    THREAD_STEADY,     /* works for long without a pause, but somebody waits: an article is to be found */
    THREAD_BACKGROUND, /* takes the processor that the others leave, and a tenth of it against one */
};

/* The name is at most 15 bytes; ps and top show it. A kernel that refuses the lower priority, or the short
 * slices of a prompt thread, is not an error: the thread then competes as any other. */
void thread_begin(const char *name, enum thread_pace pace);

#endif
