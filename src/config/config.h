/*
 * config.h - the settings: made from defaults, a file and the command line, checked, and then read as typed
 * members.
 *
 *     struct config *config = config_new_defaults();
 *     config_load_file(config, path, &mistakes);
 *     config_set(config, "workers", "4", &mistakes);
 *     config_validate(config, &mistakes);
 *     if (mistakes.count == 0) ... config->limits_line_query ...
 *
 * A reload makes a new object beside the one in force and compares them with config_diff(). After it was made
 * a config is only read, by any number of threads; it must outlive them. Members belong to the config.
 *
 * The file is INI: [section], `name = value`, comments on lines of their own that begin with '#' or ';'.
 */
#ifndef STORYD_CONFIG_CONFIG_H
#define STORYD_CONFIG_CONFIG_H

#include "base/buffer.h"
#include "base/json_writer.h"
#include "config/mistakes.h"
#include "config/option.h"

#include <stdbool.h>
#include <stdint.h>

#define CONFIG_MEMBER_TEXT char *
#define CONFIG_MEMBER_CHOICE char *
#define CONFIG_MEMBER_LIST char * /* words separated by white space: config_next_word() */
#define CONFIG_MEMBER_NUMBER int64_t
#define CONFIG_MEMBER_BYTES int64_t
#define CONFIG_MEMBER_DURATION int64_t /* milliseconds */
#define CONFIG_MEMBER_REAL double
#define CONFIG_MEMBER_BOOL bool

/* Where a value came from; a later layer replaces an earlier one. */
enum config_layer { CONFIG_LAYER_DEFAULT, CONFIG_LAYER_FILE, CONFIG_LAYER_COMMAND_LINE };

struct config {
#define OPTION(section, name, type, ...) CONFIG_MEMBER_##type section##_##name;
#include "config/options.def"
#undef OPTION
    enum config_layer layers[OPTION_COUNT];
    char *origins[OPTION_COUNT]; /* "storyd.conf:12", "command line"; NULL: the default */
};

struct config *config_new_defaults(void);
void config_free(struct config *config);

/* Both return -1 if there was any mistake. A file that cannot be read is one. What was right has been set. */
int config_load_file(struct config *config, const char *path, struct mistakes *mistakes);
int config_load_text(struct config *config, const char *path, const char *text, size_t length,
                     struct mistakes *mistakes);

/* Sets "section.name", or a name that only one section has, from the command line. Lists given several times
 * are put together. -1 with one more mistake. */
int config_set(struct config *config, const char *name, const char *text, struct mistakes *mistakes);

/* The same for an option, layer and origin ("storyd.conf:12") that are known. */
int config_set_option(struct config *config, const struct option *option, const char *text,
                      enum config_layer layer, const char *origin, struct mistakes *mistakes);

/* What concerns more than one setting. -1 if there was any mistake. */
int config_validate(const struct config *config, struct mistakes *mistakes);

/* Where the setting was made, for messages: "storyd.conf:12", "command line" or "default". */
const char *config_origin(const struct config *config, enum option_number number);

/* A setting's value; its text is borrowed. */
struct option_value config_value(const struct config *config, const struct option *option);
bool config_is_default(const struct config *config, const struct option *option);

/* Calls back for each setting whose value differs; option->reloadable tells if it takes effect without a
 * restart. The texts are as in a file, and valid during the call only. Returns the number of differences. */
typedef void (*config_difference)(void *context, const struct option *option, const char *old_text,
                                  const char *new_text);
size_t config_diff(const struct config *old_config, const struct config *new_config,
                   config_difference callback, void *context);

/* The next word of a LIST: moves *list behind it and returns it as a new reference; NULL at the end. */
char *config_next_word(const char **list);

/* A whole configuration file: each setting with its help, accepted values and default; those that are at
 * their default are commented out. For a config of defaults this is conf/storyd.conf. */
void config_write_file(const struct config *config, struct buffer *out);

/* A paragraph for each setting, for --help: "--limits.line_query=VALUE", what it does, what is accepted, the
 * default. */
void config_write_help(struct buffer *out);

/* One object:
 * {"limits.line_query":{"value":65536,"text":"64K","default":"64K","changed":false,"reloadable":true},...};
 * bytes and milliseconds in "value". */
void config_write_json(const struct config *config, struct json_writer *writer);

#endif
