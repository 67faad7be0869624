/* thread.h - what a thread says of itself when it begins: its name and whether somebody waits for it. Called
 * by the thread itself. */
#ifndef STORYD_BASE_THREAD_H
#define STORYD_BASE_THREAD_H

enum thread_pace {
    THREAD_PROMPT,     /* somebody waits for what it does: a client, or an article to be found */
    THREAD_BACKGROUND, /* takes the processor that prompt threads leave, and a tenth of it against one */
};

/* The name is at most 15 bytes; ps and top show it. A kernel that refuses the lower priority is not an error:
 * the thread then competes as any other. */
void thread_begin(const char *name, enum thread_pace pace);

#endif
