/*
 * Where the admin API (admin/api.h) is served: on the unix socket everything, on the
 * loopback address what changes nothing.
 *
 * Thread  the control thread's.
 */
#ifndef ADMIN_SERVER_H
#define ADMIN_SERVER_H

#include "admin/control.h"

struct admin_server;

/*
 * Binds socket_path (mode 0600; a stale socket is replaced, one in use is an
 * error) and, unless NULL, the loopback address. NULL: err says why.
 */
__attribute__((warn_unused_result)) struct admin_server *admin_server_new(struct control *ctl,
    const char *socket_path, const struct address *loopback, struct error *err);

/* Closes, and removes the socket. */
void admin_server_free(struct admin_server *server);

#endif
