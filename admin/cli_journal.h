/*
 * `weir journal`: the decisions in a state directory, listed, verified, or the evidence
 * they were taken on. Needs no running weir, and disturbs none; docs/journal.md is
 * its manual.
 */
#ifndef ADMIN_CLI_JOURNAL_H
#define ADMIN_CLI_JOURNAL_H

#include "admin/cli.h"
#include "admin/cli_args.h"

#include <stdint.h>
#include <stdio.h>

/*
 * CLI_OK; CLI_FAILED where the journal cannot be read, or does not stand up to --verify;
 * CLI_USAGE where the options make no sense together.
 */
enum cli_status cli_journal_run(const struct cli_args *args);

/* The same at a given time, to given files. */
enum cli_status cli_journal_show(
    const struct cli_args *args, uint64_t now_us, FILE *out, FILE *errors);

#endif
