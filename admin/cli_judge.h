/*
 * `weir judge FILE`: what the guard would have decided on recorded ticks. Needs no
 * running weir; docs/judge.md is its manual.
 */
#ifndef ADMIN_CLI_JUDGE_H
#define ADMIN_CLI_JUDGE_H

#include "admin/cli.h"
#include "admin/cli_args.h"

/*
 * The verdicts go to standard output as they are found, what is wrong with the file to
 * standard error. CLI_OK whatever the verdicts were; CLI_USAGE where --set makes no
 * sense; CLI_FAILED where the file cannot be read or understood.
 */
enum cli_status cli_judge_run(const struct cli_args *args);

#endif
