#include "base/thread.h"

#include <linux/sched.h>
#include <linux/sched/types.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Ten steps of 1.25 each: about a tenth of the share of a thread of the usual priority. */
#define BACKGROUND_NICE 10

#define PROMPT_SLICE_NS 100000 /* the least that the kernel takes */

/*
 * Since Linux 6.6 a thread that wakes up waits until the running one has used up its slice of a
 * millisecond or more, however low that one's priority is; since 6.12 it need not if its own slice is
 * shorter, and a thread may ask for one. Other kernels refuse or ignore that. A new thread has its maker's
 * slices: 0 asks for the usual ones.
 */
static void ask_for_slices(uint64_t nanoseconds)
{
    struct sched_attr wanted = {
        .size = sizeof wanted,
        .sched_flags = SCHED_FLAG_KEEP_POLICY,
        .sched_nice = getpriority(PRIO_PROCESS, 0),
        .sched_runtime = nanoseconds,
    };
    syscall(SYS_sched_setattr, 0, &wanted, 0);
}

void thread_begin(const char *name, enum thread_pace pace)
{
    prctl(PR_SET_NAME, name);
    ask_for_slices(pace == THREAD_PROMPT ? PROMPT_SLICE_NS : 0);
    /* On Linux a thread has a priority of its own, inherited from the one that made it: 0 is the calling
     * thread, the process's number its first one, which has what the administrator has given. */
    if (pace == THREAD_BACKGROUND)
        setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, (id_t)getpid()) + BACKGROUND_NICE);
}
