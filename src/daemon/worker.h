/*
 * worker.h - the query workers: N threads that take requests from one bounded queue, each with its own Xapian
 * databases, store connection, analyser and scratch memory.
 */
#ifndef STORYD_DAEMON_WORKER_H
#define STORYD_DAEMON_WORKER_H

#include "command/request.h"
#include "daemon/service.h"
#include "index/document.h"
#include "query/search.h"
#include "related/related.h"
#include "related/trending.h"

/* What a worker thread owns; handlers get it as their second argument. */
struct worker {
    struct service *service;
    struct searcher *searcher;
    struct analyser *analyser;    /* its stemmers parse queries */
    struct document_maker *maker; /* for unsaved articles */
    struct related_scratch *related;
    struct trending_scratch *trending;
    struct store_reader *store; /* opened at first use */
    struct feature_vector vector;
    struct feature_vector combined;
    struct article *draft;         /* of the last RELATED for an unsaved article */
    struct shared_feature *shared; /* with the article that is being written */
    size_t shared_capacity;
    struct buffer text;
    struct buffer reply;        /* memory that replies are written in */
    _Atomic int64_t busy_since; /* clock.h; 0 = idle: for the watchdog */
    _Atomic int64_t busy_deadline;
    bool stall_reported; /* watchdog's */
    pthread_t thread;
};

/* The worker's store connection. unavailable. */
int worker_store(struct worker *worker, struct store_reader **store, struct error *error);

struct workers;
/* Starts `count` threads with a queue of `queue_length` requests. One of them at a time looks for the next
 * request for `watch` nanoseconds before it sleeps. */
int workers_start(struct service *service, size_t count, size_t queue_length, int64_t watch,
                  struct workers **workers, struct error *error);

/* Gives a request away; busy if the queue is full, or no worker has come back for long. Any thread. */
int workers_submit(struct workers *workers, struct request *request, struct error *error);

size_t workers_waiting(struct workers *workers);
size_t workers_count(const struct workers *workers);

/* Logs and counts workers that are busy for more than twice their deadline; called once a second. While all
 * are, nothing more is taken: it would only wait. */
void workers_watch(struct workers *workers);

/* Answers what is queued and ends the threads; nothing more is taken. NULL is allowed, here and below. */
void workers_stop(struct workers *workers);

/* After workers_stop(), and after every other thread that submits has ended: the indexer hands over what
 * waited for a revision. */
void workers_free(struct workers *workers);

#endif
