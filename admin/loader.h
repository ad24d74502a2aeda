/*
 * Reads a configuration on a thread of its own: a resolver that hangs must not
 * hold up the guard.
 *
 * Thread     the control thread's; the work itself shares nothing with it.
 * Ownership  what loader_finish() hands out is the caller's.
 */
#ifndef ADMIN_LOADER_H
#define ADMIN_LOADER_H

#include "conf/config.h"

struct loader;

/* Begins. notify_fd is an eventfd, signalled when loader_is_done(). NULL: err. */
__attribute__((warn_unused_result)) struct loader *loader_start(
    const char *path, int notify_fd, struct error *err);

bool loader_is_done(struct loader *loader);

/*
 * Waits for it if need be, and frees it. As config_load(): NULL where there are
 * problems; conf_problems_done() in either case.
 */
__attribute__((warn_unused_result)) struct config *loader_finish(
    struct loader *loader, struct conf_problems *problems);

#endif
