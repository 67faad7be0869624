#include "base/thread.h"

#include <sys/prctl.h>
#include <sys/resource.h>

/* Ten steps of 1.25 each: about a tenth of the share of a thread of the usual priority. */
#define BACKGROUND_NICE 10

void thread_begin(const char *name, enum thread_pace pace)
{
    prctl(PR_SET_NAME, name);
    if (pace == THREAD_BACKGROUND) /* on Linux a thread has a priority of its own: 0 is the calling one */
        setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + BACKGROUND_NICE);
}
