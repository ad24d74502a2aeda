/*
 * The commands that talk to a running weir: status, the orders, reload.
 */
#ifndef ADMIN_CLI_DAEMON_H
#define ADMIN_CLI_DAEMON_H

#include "admin/cli.h"
#include "admin/cli_args.h"

/* Says what came of it on standard output, what went wrong on standard error. */
enum cli_status cli_daemon_run(const struct cli_args *args);

#endif
