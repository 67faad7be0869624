/*
 * load.h - the modes of the load generator, each run by load.c's main().
 *
 * Every mode prints one JSON object on one line to standard output and returns the exit code.
 */
#ifndef STORYD_BENCH_LOAD_H
#define STORYD_BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>

struct load_options {
    const char *address;
    const char *file;    /* of request lines, or of articles */
    const char *queries; /* of request lines to run meanwhile; NULL: none */
    const char *prefix;  /* put before each article's id; "" for none */
    bool view;           /* VIEWs of the articles, over and over, not PUTs */
    bool resp;           /* requests are sent as RESP */
    bool pings;          /* a PING is measured before each request */
    size_t connections;
    size_t requests; /* 0: each line once */
    size_t warm;     /* requests before the measured ones */
    size_t window;   /* requests under way on each connection */
    size_t first;    /* articles to skip */
    size_t count;    /* articles to send at most; 0: all */
    double rate;     /* a second */
    double seconds;  /* 0: no bound */
};

/* PING, or the request lines of a file, closed loop. */
int load_queries(const struct load_options *options);
/* PUTs with `window` of them under way on each connection. */
int load_put(const struct load_options *options);
/* The same with VIEWs: `count` of them, of the articles one after the other. */
int load_view(const struct load_options *options);
/* PUTs at a fixed rate; the time from each acknowledgement until a search finds the article. */
int load_visible(const struct load_options *options);

/* True if the reply says that the request was carried out. */
bool reply_is_good(const char *reply);

#endif
