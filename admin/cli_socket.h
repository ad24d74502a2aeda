/*
 * Where a running weir is to be reached, for the commands that talk to it.
 *
 * From a configuration only [weir] admin_socket is read, and no name is resolved:
 * whatever else may be wrong with the file does not stand in a rollback's way.
 */
#ifndef ADMIN_CLI_SOCKET_H
#define ADMIN_CLI_SOCKET_H

#include "base/error.h"
#include "base/slice.h"

/*
 * The admin_socket of a configuration's text, or its default. free() it. NULL
 * when out of memory.
 */
__attribute__((warn_unused_result)) char *cli_socket_in(struct slice text);

/* The same of a file, as the path is seen from here; NULL: it cannot be read, err says why. */
__attribute__((warn_unused_result)) char *cli_socket_of(const char *path, struct error *err);

/* Where it is unless set otherwise. */
const char *cli_socket_default(void);

#endif
