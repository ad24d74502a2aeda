/*
 * All the workers of the process.
 *
 * Thread  the control thread's.
 */
#ifndef PROXY_WORKERS_H
#define PROXY_WORKERS_H

#include "proxy/snapshot.h"

struct workers;

/* NULL where one cannot start: err says why, and none is left running. */
__attribute__((warn_unused_result)) struct workers *workers_start(
    struct snapshot *snapshot, size_t n, int control_fd, struct error *err);

/* Each changes over at its next turn. */
void workers_publish(struct workers *workers, struct snapshot *snapshot);

/* They take no more clients and end with their last exchange. */
void workers_stop(struct workers *workers);

/* They end at once. */
void workers_kill(struct workers *workers);

bool workers_have_ended(const struct workers *workers);

/* Waits for their end; after workers_stop() or workers_kill(). */
void workers_join(struct workers *workers);

#endif
