/* handlers.h - the run functions named in the command table (commands.c); see command.h for their contract.
 */
#ifndef STORYD_COMMAND_HANDLERS_H
#define STORYD_COMMAND_HANDLERS_H

#include "command/command.h"

/* command_basic.c */
int command_ping(struct request *request, struct worker *worker, struct json_writer *reply,
                 struct error *error);
int command_hello(struct request *request, struct worker *worker, struct json_writer *reply,
                  struct error *error);
int command_quit(struct request *request, struct worker *worker, struct json_writer *reply,
                 struct error *error);

/* command_admin.c */
int command_stats(struct request *request, struct worker *worker, struct json_writer *reply,
                  struct error *error);
int command_flush(struct request *request, struct worker *worker, struct json_writer *reply,
                  struct error *error);
int command_reindex(struct request *request, struct worker *worker, struct json_writer *reply,
                    struct error *error);
int command_shutdown(struct request *request, struct worker *worker, struct json_writer *reply,
                     struct error *error);

/* command_write.c */
int command_put(struct request *request, struct worker *worker, struct json_writer *reply,
                struct error *error);
int command_patch(struct request *request, struct worker *worker, struct json_writer *reply,
                  struct error *error);
int command_delete(struct request *request, struct worker *worker, struct json_writer *reply,
                   struct error *error);
int command_view(struct request *request, struct worker *worker, struct json_writer *reply,
                 struct error *error);

/* command_profile.c */
int command_profile(struct request *request, struct worker *worker, struct json_writer *reply,
                    struct error *error);

/* command_get.c, command_search.c, command_related.c, command_connected.c, command_trending.c */
int command_get(struct request *request, struct worker *worker, struct json_writer *reply,
                struct error *error);
int command_search(struct request *request, struct worker *worker, struct json_writer *reply,
                   struct error *error);
int command_related(struct request *request, struct worker *worker, struct json_writer *reply,
                    struct error *error);
int command_connected(struct request *request, struct worker *worker, struct json_writer *reply,
                      struct error *error);
int command_trending(struct request *request, struct worker *worker, struct json_writer *reply,
                     struct error *error);

#endif
