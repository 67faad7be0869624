#include "store/answerer.h"

#include "base/memory.h"
#include "base/queue.h"
#include "base/thread.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define GROUPS_WAITING 4 /* the committer is faster for longer than a moment: it answers itself */

struct group {
    size_t count;
    struct write *writes[];
};

struct answerer {
    const struct committer_options *options;
    struct queue *groups;
    pthread_t thread;
};

void answer_writes(const struct committer_options *options, struct write *const *writes, size_t count)
{
    if (options->answering != NULL)
        options->answering(options->context, true);
    for (size_t i = 0; i < count; i++) {
        if (writes[i]->done != NULL)
            writes[i]->done(writes[i]);
        else
            write_free(writes[i]);
    }
    if (options->answering != NULL)
        options->answering(options->context, false);
}

static void *answerer_run(void *argument)
{
    struct answerer *answerer = argument;
    struct group *group;
    thread_begin("storyd-answer", THREAD_PROMPT);
    while ((group = queue_pop(answerer->groups, 0)) != NULL) {
        answer_writes(answerer->options, group->writes, group->count);
        free(group);
    }
    return NULL;
}

static void answerer_free(struct answerer *answerer)
{
    queue_free(answerer->groups);
    free(answerer);
}

int answerer_start(const struct committer_options *options, struct answerer **result, struct error *error)
{
    struct answerer *answerer = memory_zeroed(1, sizeof *answerer);
    answerer->options = options;
    answerer->groups = queue_new(GROUPS_WAITING);
    int code = pthread_create(&answerer->thread, NULL, answerer_run, answerer);
    if (code != 0) {
        answerer_free(answerer);
        return error_set_errno(error, ERROR_UNAVAILABLE, code, "cannot start the thread that answers writes");
    }
    *result = answerer;
    return 0;
}

bool answerer_give(struct answerer *answerer, struct write *const *writes, size_t count)
{
    struct group *group = memory_allocate(sizeof *group + count * sizeof(struct write *));
    group->count = count;
    memcpy(group->writes, writes, count * sizeof(struct write *));
    if (queue_push(answerer->groups, group))
        return true;
    free(group);
    return false;
}

void answerer_stop(struct answerer *answerer)
{
    if (answerer == NULL)
        return;
    queue_close(answerer->groups);
    pthread_join(answerer->thread, NULL);
    answerer_free(answerer);
}
