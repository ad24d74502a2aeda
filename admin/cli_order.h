/*
 * The commands that change something: promote, rollback, pause, resume, set-weight,
 * reload.
 */
#ifndef ADMIN_CLI_ORDER_H
#define ADMIN_CLI_ORDER_H

#include "admin/cli.h"
#include "admin/cli_args.h"

/* Says what came of it on standard output, what went wrong on standard error. */
enum cli_status cli_order_run(const struct cli_args *args);

#endif
