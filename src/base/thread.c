#include "base/thread.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* Ten steps of 1.25 each: about a tenth of the share of a thread of the usual priority. */
#define BACKGROUND_NICE 10

void thread_begin(const char *name, enum thread_pace pace)
{
    prctl(PR_SET_NAME, name);
    /* On Linux a thread has a priority of its own, inherited from the one that made it: 0 is the calling
     * thread, the process's number its first one, which has what the administrator has given. */
    if (pace == THREAD_BACKGROUND)
        setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, (id_t)getpid()) + BACKGROUND_NICE);
}
