/*
 * answerer.h - a thread that answers the writes of large groups while the committer goes on with the next
 * one.
 *
 * To answer fifty writes takes about as long as a sync, and nothing depends on it: the group is in the store
 * and published by then. The answerer owns the writes it was given; they are no longer counted as waiting,
 * but there are never more than five groups of them. One thread gives, its own thread answers.
 */
#ifndef STORYD_STORE_ANSWERER_H
#define STORYD_STORE_ANSWERER_H

#include "store/committer.h"

/* Calls `done` of each write, on the caller's thread, with options->answering around them. */
void answer_writes(const struct committer_options *options, struct write *const *writes, size_t count);

struct answerer;

/* Starts the thread. `options` is borrowed and must outlive the answerer. */
int answerer_start(const struct committer_options *options, struct answerer **answerer, struct error *error);

/* Takes the writes over. False (nothing taken): it has enough to do. */
bool answerer_give(struct answerer *answerer, struct write *const *writes, size_t count);

/* Answers what is left, ends the thread, frees. */
void answerer_stop(struct answerer *answerer);

#endif
