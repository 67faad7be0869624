#include "ctl/storyctl.h"

#include "ctl/session.h"
#include "ctl/verbs.h"

#ifndef STORYD_VERSION
#define STORYD_VERSION "unknown"
#endif

static int run_verb(const struct invocation *invocation)
{
    struct session session;
    session_init(&session, invocation);
    int code = invocation->verb->run(&session);
    session_release(&session);
    return code;
}

int storyctl_run(int count, char **arguments)
{
    struct invocation invocation;
    struct error error = ERROR_INIT;
    int code = EXIT_DONE;
    if (invocation_parse(&invocation, count, arguments, &error) != 0)
        code = session_complain(EXIT_USAGE, &error);
    else if (invocation_has(&invocation, "help"))
        help_print(stdout, invocation.verb);
    else if (invocation_has(&invocation, "version"))
        puts("storyctl " STORYD_VERSION);
    else
        code = run_verb(&invocation);
    invocation_release(&invocation);
    return code;
}
