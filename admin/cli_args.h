/*
 * What a command line asks for: the table of commands and options, and its reader.
 *
 * Ownership  the texts are argv's.
 */
#ifndef ADMIN_CLI_ARGS_H
#define ADMIN_CLI_ARGS_H

#include "base/error.h"

#include <stdbool.h>
#include <stdio.h>

enum cli_command {
	CLI_RUN,
	CLI_CHECK,
	CLI_KEYS,
	CLI_STATUS,
	CLI_PROMOTE,
	CLI_ROLLBACK,
	CLI_PAUSE,
	CLI_RESUME,
	CLI_RELOAD,
	CLI_VERSION,
	CLI_HELP,
	CLI_COMMANDS, /* how many */
};

struct cli_args {
	enum cli_command command;
	const char *operand; /* FILE or ROUTE; NULL for the commands without */
	const char *socket;  /* NULL unless given; and so the next two */
	const char *config;
	const char *why;
	bool json;
};

/* "promote" */
const char *cli_command_name(enum cli_command command);

/*
 * Options may stand before or after the operand, as `--why TEXT` or `--why=TEXT`;
 * after `--` nothing is an option. --help (-h) anywhere asks for help. False
 * where the line makes no sense: err says why, and what was likely meant.
 */
__attribute__((warn_unused_result)) bool cli_args_parse(
    int argc, char **argv, struct cli_args *args, struct error *err);

/* All commands and options, for a person. */
void cli_usage_print(FILE *out);

#endif
