/* main.c - storyd: what the command line asks for, nothing else. */
#include "base/log.h"
#include "daemon/arguments.h"
#include "daemon/daemon.h"

#include <stdio.h>
#include <stdlib.h>

#define EXIT_USAGE 2

/* A batch of this many documents is about what Xapian digests fastest (doc/performance.md); it reads the
 * variable when a database is opened, so it is set before any thread starts. An administrator's own value is
 * kept. */
#define XAPIAN_FLUSH_THRESHOLD "1000"

/* jemalloc reads this: pages that are free go back to the system after two seconds, on a thread of its own.
 */
extern const char *malloc_conf;
const char *malloc_conf = "background_thread:true,dirty_decay_ms:2000,muzzy_decay_ms:0,narenas:8";

static int print_help(void)
{
    fputs("Usage: storyd [--config FILE] [--data DIR] [--listen ADDRESS]... [--SETTING=VALUE]...\n"
          "A full-text search daemon for news articles.\n\n"
          "  --config FILE    read settings from FILE (without it: the built-in defaults)\n"
          "  --data DIR       where the store and the index are\n"
          "  --listen ADDRESS unix:PATH or tcp:HOST:PORT, each with an optional\n"
          "                   ;role=query|write|admin; may be given several times. Without a\n"
          "                   role a unix socket has admin, a TCP port has write\n"
          "  -t, --test       check the configuration and exit\n"
          "  --print-config   print a configuration file with all defaults\n"
          "  -V, --version    print the version\n"
          "  -h, --help       print this\n\n"
          "Every setting of the configuration file can be given as --SECTION.NAME=VALUE, or\n"
          "--NAME=VALUE where the name is unique; --print-config lists and explains them.\n\n"
          "Exit codes: 0 stopped as asked, 1 failed, 2 wrong settings.\n",
          stdout);
    return EXIT_SUCCESS;
}

static int print_config(void)
{
    struct buffer text = BUFFER_INIT;
    struct config *defaults = config_new_defaults();
    config_write_file(defaults, &text);
    config_free(defaults);
    fputs(text.data, stdout);
    buffer_release(&text);
    return EXIT_SUCCESS;
}

int main(int count, char **words)
{
    struct arguments arguments;
    struct config *config;
    if (arguments_parse(count, words, &arguments) != 0)
        return EXIT_USAGE;
    if (arguments.action == ARGUMENTS_HELP)
        return print_help();
    if (arguments.action == ARGUMENTS_PRINT_CONFIG)
        return print_config();
    if (arguments.action == ARGUMENTS_VERSION) {
        printf("storyd %s\n", STORYD_VERSION);
        return EXIT_SUCCESS;
    }
    if (arguments_load(count, words, arguments_complain, &config) != 0)
        return EXIT_USAGE;
    if (arguments.action == ARGUMENTS_TEST) {
        config_free(config);
        puts("storyd: the configuration is good");
        return EXIT_SUCCESS;
    }
    setenv("XAPIAN_FLUSH_THRESHOLD", XAPIAN_FLUSH_THRESHOLD, 0);
    log_open("storyd", config->server_log);
    return daemon_run(config, arguments.config_path, count, words);
}
