/* storyctl.h - the program: reads the command line, runs one verb. */
#ifndef STORYD_CTL_STORYCTL_H
#define STORYD_CTL_STORYCTL_H

#include "ctl/command_line.h"

#include <stdio.h>

/* What main() does. Returns the exit code. */
int storyctl_run(int count, char **arguments);

/* The help of one verb, or, with NULL, of the program. */
void help_print(FILE *out, const struct verb *verb);

#endif
