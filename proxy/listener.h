/*
 * Listening sockets: opened by the control thread while a snapshot is built,
 * so that an address in use refuses the reload; accepted from by the workers.
 *
 * Thread     the control thread's; each descriptor is used by one worker.
 * Ownership  reference-counted by the snapshots that have it; the last one
 *            closes what is left open.
 */
#ifndef PROXY_LISTENER_H
#define PROXY_LISTENER_H

#include "proxy/snapshot.h"

/*
 * A socket for each worker, bound and listening, one reference. NULL where the
 * address cannot be had: err says why.
 */
__attribute__((warn_unused_result)) struct listener *listener_open(
    const struct listen_conf *conf, size_t workers, struct error *err);
struct listener *listener_ref(struct listener *listener);
void listener_unref(struct listener *listener);

#endif
