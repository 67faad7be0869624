/* load.c - load generator: see usage(). */
#include "load.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage_text[] =
    "usage: load ping ADDRESS [--resp] [--requests N] [--connections C]\n"
    "       load run ADDRESS REQUESTS [--requests N] [--warm N] [--connections C] [--pings]\n"
    "       load put ADDRESS ARTICLES [--window W] [--connections C] [--first I] [--count N] [--seconds S]\n"
    "                                 [--prefix TEXT]\n"
    "       load view ADDRESS ARTICLES --count N [--window W] [--connections C] [--prefix TEXT]\n"
    "       load visible ADDRESS ARTICLES [--rate R] [--seconds S] [--queries REQUESTS] [--connections C]\n"
    "ADDRESS is the path of a unix socket. Prints one JSON object; times are microseconds.\n";

bool reply_is_good(const char *reply)
{
    return strncmp(reply, "{\"ok\":true", 10) == 0 || strncmp(reply, "+PONG", 5) == 0;
}

static size_t number(const char *text)
{
    return strtoull(text, NULL, 10);
}

static bool read_options(int count, char **words, struct load_options *options)
{
    static const struct option names[] = {{"resp", no_argument, NULL, 'p'},
                                          {"requests", required_argument, NULL, 'r'},
                                          {"warm", required_argument, NULL, 'w'},
                                          {"connections", required_argument, NULL, 'c'},
                                          {"window", required_argument, NULL, 'W'},
                                          {"first", required_argument, NULL, 'f'},
                                          {"count", required_argument, NULL, 'n'},
                                          {"seconds", required_argument, NULL, 's'},
                                          {"prefix", required_argument, NULL, 'x'},
                                          {"rate", required_argument, NULL, 'R'},
                                          {"queries", required_argument, NULL, 'q'},
                                          {"pings", no_argument, NULL, 'P'},
                                          {NULL, 0, NULL, 0}};
    int name;
    while ((name = getopt_long(count, words, "", names, NULL)) != -1) {
        switch (name) {
        case 'p':
            options->resp = true;
            break;
        case 'P':
            options->pings = true;
            break;
        case 'r':
            options->requests = number(optarg);
            break;
        case 'w':
            options->warm = number(optarg);
            break;
        case 'c':
            options->connections = number(optarg);
            break;
        case 'W':
            options->window = number(optarg);
            break;
        case 'f':
            options->first = number(optarg);
            break;
        case 'n':
            options->count = number(optarg);
            break;
        case 's':
            options->seconds = strtod(optarg, NULL);
            break;
        case 'x':
            options->prefix = optarg;
            break;
        case 'R':
            options->rate = strtod(optarg, NULL);
            break;
        case 'q':
            options->queries = optarg;
            break;
        default:
            return false;
        }
    }
    return options->connections > 0 && options->window > 0 && options->rate > 0;
}

int main(int count, char **words)
{
    struct load_options options = {.connections = 1, .window = 1, .rate = 100, .prefix = ""};
    const struct {
        const char *name;
        int words;
        int (*run)(const struct load_options *options);
    } modes[] = {{"ping", 2, load_queries},
                 {"run", 3, load_queries},
                 {"put", 3, load_put},
                 {"view", 3, load_view},
                 {"visible", 3, load_visible}};
    bool understood = read_options(count, words, &options);
    int given = count - optind;
    for (size_t i = 0; understood && given > 0 && i < sizeof modes / sizeof *modes; i++) {
        if (strcmp(words[optind], modes[i].name) != 0 || given != modes[i].words)
            continue;
        options.address = words[optind + 1];
        options.file = given > 2 ? words[optind + 2] : NULL;
        return modes[i].run(&options);
    }
    fputs(usage_text, stderr);
    return 2;
}
