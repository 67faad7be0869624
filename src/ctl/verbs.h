/* verbs.h - the table of what storyctl can do. Read only. */
#ifndef STORYD_CTL_VERBS_H
#define STORYD_CTL_VERBS_H

#include "ctl/command_line.h"

extern const struct verb verbs[];                  /* ends with a NULL name */
extern const struct verb_option general_options[]; /* those of every verb */

/* Each runs one verb and returns the exit code. */
int verb_import(struct session *session);
int verb_search(struct session *session);
int verb_related(struct session *session);
int verb_connected(struct session *session);
int verb_trending(struct session *session);
int verb_eval(struct session *session);
int verb_get(struct session *session);
int verb_put(struct session *session);
int verb_patch(struct session *session);
int verb_delete(struct session *session);
int verb_view(struct session *session);
int verb_profile(struct session *session);
int verb_stats(struct session *session);
int verb_flush(struct session *session);
int verb_reindex(struct session *session);
int verb_ping(struct session *session);
int verb_raw(struct session *session);
int verb_shutdown(struct session *session);

/* Waits until all that was written before can be found, with a progress line. The exit code; on EXIT_DONE the
 * last answer is FLUSH's. */
int flush_and_wait(struct session *session);

#endif
