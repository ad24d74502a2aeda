/*
 * `weir explain ROUTE`: asks the running weir; where none answers and --config names
 * a file, goes by the weight that the file gives, and says so.
 */
#ifndef ADMIN_CLI_EXPLAIN_H
#define ADMIN_CLI_EXPLAIN_H

#include "admin/cli.h"
#include "admin/cli_args.h"

#include <jansson.h>
#include <stdio.h>

enum cli_status cli_explain_run(const struct cli_args *args);

/* The answer for a person; what it lacks is left out, control characters are "?". */
void cli_explain_print(const json_t *answer, FILE *out);

#endif
