/* main.c - storyctl: the administrator's client. */
#include "ctl/storyctl.h"

int main(int count, char **arguments)
{
    return storyctl_run(count, arguments);
}
