/*
 * What a command line asks for: the table of commands and options, and its reader.
 *
 * Ownership  the texts are argv's.
 */
#ifndef ADMIN_CLI_ARGS_H
#define ADMIN_CLI_ARGS_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>
#include <stdio.h>

enum cli_command {
	CLI_RUN,
	CLI_CHECK,
	CLI_KEYS,
	CLI_STATUS,
	CLI_EXPLAIN,
	CLI_PROMOTE,
	CLI_ROLLBACK,
	CLI_PAUSE,
	CLI_RESUME,
	CLI_SET_WEIGHT,
	CLI_RELOAD,
	CLI_JOURNAL,
	CLI_JUDGE,
	CLI_DRILL,
	CLI_TOKEN,
	CLI_VERSION,
	CLI_HELP,
	CLI_COMMANDS, /* how many */
};

enum cli_option {
	CLI_OPTION_SOCKET,
	CLI_OPTION_CONFIG,
	CLI_OPTION_WHY,
	CLI_OPTION_JSON,
	CLI_OPTION_WATCH,
	CLI_OPTION_HEADER,
	CLI_OPTION_COOKIE,
	CLI_OPTION_IP,
	CLI_OPTION_METHOD,
	CLI_OPTION_PATH,
	CLI_OPTION_WEIGHT,
	CLI_OPTION_ROUTE,
	CLI_OPTION_SINCE,
	CLI_OPTION_UNTIL,
	CLI_OPTION_VERDICT,
	CLI_OPTION_ACTION,
	CLI_OPTION_VERIFY,
	CLI_OPTION_EXPORT,
	CLI_OPTION_STATE_DIR,
	CLI_OPTION_SET,
	CLI_OPTION_FAIL,
	CLI_OPTION_FOR,
	CLI_OPTION_LIVE,
	CLI_OPTION_ARM,
	CLI_OPTION_SYNTHETIC,
	CLI_OPTIONS, /* how many */
};

enum {
	CLI_VALUES_MAX = 16
};

/* Of one option, in the order given; only --header, --cookie and --set have several. */
struct cli_values {
	const char *items[CLI_VALUES_MAX];
	size_t n; /* 0: not given */
};

struct cli_args {
	enum cli_command command;
	const char *operand; /* FILE or ROUTE; NULL where the command has none */
	const char *second;  /* the WEIGHT of set-weight; else NULL */
	struct cli_values values[CLI_OPTIONS];
};

/* "promote" */
const char *cli_command_name(enum cli_command command);

/* NULL: not given. A flag's is "", and so is that of --watch without a number. */
const char *cli_value(const struct cli_args *args, enum cli_option option);

/*
 * Options may stand before or after the operand, as `--why TEXT` or `--why=TEXT`;
 * after `--` nothing is an option; `-` alone is an operand. --help (-h) anywhere asks
 * for help. False where the line makes no sense: err says why, and what was likely
 * meant.
 */
__attribute__((warn_unused_result)) bool cli_args_parse(
    int argc, char **argv, struct cli_args *args, struct error *err);

/* All commands, for a person; or one, by its name, with its options. */
void cli_usage_print(const char *command, FILE *out);

/* What --for may be, in whole units; what is left of one is cut off. */
struct cli_span {
	uint64_t unit_us;
	uint64_t fallback;
	uint64_t least;
	uint64_t most;
	const char *words; /* "1s to 24h" */
};

/* The command's --for, in units. False: err says what it may be. */
__attribute__((warn_unused_result)) bool cli_for(const struct cli_args *args,
    const struct cli_span *span, uint64_t *value, struct error *err);

#endif
