/* process.h - storyd as a process among others: pid file, readiness notice, descriptors. Main thread, before
 * others start. */
#ifndef STORYD_DAEMON_PROCESS_H
#define STORYD_DAEMON_PROCESS_H

#include "base/error.h"

struct process;

/*
 * Makes sure that descriptors 0 to 2 are open, sets umask 0027, raises the descriptor limit as far as it may
 * go, keeps numbers in the C locale, seeds jansson's hash, refuses a Xapian below 1.4.22, and writes the pid
 * file ("": none), which stays locked. conflict if another storyd holds it.
 */
int process_begin(const char *pid_file, struct process **process, struct error *error);

/* Removes the pid file. NULL is fine. */
void process_end(struct process *process);

/* Tells the service manager, if one asked (NOTIFY_SOCKET, see sd_notify(3)): "READY=1", "STOPPING=1", … */
void process_notify(const char *state);

#endif
