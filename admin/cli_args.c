#include "admin/cli_args.h"

#include "conf/nearest.h"
#include "rollout/plan.h"

#include <string.h>

enum option {
	OPTION_SOCKET,
	OPTION_CONFIG,
	OPTION_WHY,
	OPTION_JSON,
	OPTIONS, /* how many */
};

#define TAKES(option) (1U << (option))

enum {
	TO_DAEMON = TAKES(OPTION_SOCKET) | TAKES(OPTION_CONFIG),
	TO_ORDER = TO_DAEMON | TAKES(OPTION_WHY),
};

static const struct {
	const char *name;
	const char *operand; /* NULL: none */
	unsigned options;
	const char *help;
} commands[CLI_COMMANDS] = {
	[CLI_RUN] = { "run", "FILE", 0, "run weir with that configuration" },
	[CLI_CHECK] = { "check", "FILE", 0, "say what is wrong with a configuration, or ok" },
	[CLI_KEYS] = { "keys", NULL, 0, "list every key of the configuration" },
	[CLI_STATUS] = { "status", NULL, TO_DAEMON | TAKES(OPTION_JSON),
	    "show each route: weights, counters, evidence, verdict" },
	[CLI_PROMOTE] = { "promote", "ROUTE", TO_ORDER, "go on to the next stage now" },
	[CLI_ROLLBACK] = { "rollback", "ROUTE", TO_ORDER,
	    "send everyone to legacy until resume or a new release" },
	[CLI_PAUSE] = { "pause", "ROUTE", TO_ORDER, "stay at this stage; still guarded" },
	[CLI_RESUME] = { "resume", "ROUTE", TO_ORDER,
	    "go on after a pause; begin again after a rollback" },
	[CLI_RELOAD] = { "reload", NULL, TO_DAEMON, "read the configuration again" },
	[CLI_VERSION] = { "version", NULL, 0, "print the version" },
	[CLI_HELP] = { "help", NULL, 0, "print this" },
};

static const struct {
	const char *name;
	const char *value; /* what it takes; NULL: nothing */
	const char *help;
} options[OPTIONS] = {
	[OPTION_SOCKET] = { "--socket", "PATH", "the admin socket, or admin_listen's address" },
	[OPTION_CONFIG] = { "--config", "FILE", "take the admin socket from a configuration" },
	[OPTION_WHY] = { "--why", "TEXT", "the reason, for the journal" },
	[OPTION_JSON] = { "--json", NULL, "print the status as JSON" },
};

const char *cli_command_name(enum cli_command command)
{
	return commands[command].name;
}

static bool is_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static bool find_command(const char *word, enum cli_command *command, struct error *err)
{
	struct nearest nearest;
	char hint[NEAREST_TEXT_SIZE];

	nearest_init(&nearest, word);
	for (enum cli_command i = 0; i < CLI_COMMANDS; i++) {
		if (strcmp(word, commands[i].name) == 0) {
			*command = i;
			return true;
		}
		nearest_offer(&nearest, commands[i].name);
	}
	if (is_help(word) || strcmp(word, "--version") == 0) {
		*command = is_help(word) ? CLI_HELP : CLI_VERSION;
		return true;
	}
	nearest_format(&nearest, hint);
	error_set(err, "unknown command '%s'%s", word, hint);
	return false;
}

/* The option's name may be followed by "=VALUE". */
static bool find_option(
    enum cli_command command, const char *word, enum option *option, struct error *err)
{
	size_t len = strcspn(word, "=");
	char name[32];
	struct nearest nearest;
	char hint[NEAREST_TEXT_SIZE];

	snprintf(name, sizeof(name), "%.*s", len < sizeof(name) ? (int)len : 31, word);
	nearest_init(&nearest, name);
	for (enum option i = 0; i < OPTIONS; i++) {
		if ((commands[command].options & TAKES(i)) == 0)
			continue;
		if (strcmp(name, options[i].name) == 0) {
			*option = i;
			return true;
		}
		nearest_offer(&nearest, options[i].name);
	}
	nearest_format(&nearest, hint);
	error_set(err, "weir %s has no option '%s'%s", commands[command].name, name, hint);
	return false;
}

static bool set_option(
    struct cli_args *args, enum option option, const char *value, struct error *err)
{
	const char **member = option == OPTION_SOCKET   ? &args->socket
			      : option == OPTION_CONFIG ? &args->config
							: &args->why;

	if (value[0] == '\0') {
		error_set(err, "%s needs a %s", options[option].name, options[option].value);
		return false;
	}
	if (*member != NULL) {
		error_set(err, "%s is given twice", options[option].name);
		return false;
	}
	if (option == OPTION_WHY && strlen(value) >= TRANSITION_WHY_SIZE) {
		error_set(err, "--why has %zu bytes; at most %d are kept", strlen(value),
		    TRANSITION_WHY_SIZE - 1);
		return false;
	}
	*member = value;
	return true;
}

/* One option, with its value where it takes one; moves *at past them. */
static bool take_option(
    int argc, char **argv, int *at, struct cli_args *args, struct error *err)
{
	const char *word = argv[(*at)++];
	const char *value = strchr(word, '=');
	enum option option;

	if (!find_option(args->command, word, &option, err))
		return false;
	if (options[option].value == NULL) {
		args->json = true;
		if (value != NULL)
			error_set(err, "%s takes no value", options[option].name);
		return value == NULL;
	}
	if (value != NULL)
		value++;
	else
		value = *at < argc ? argv[(*at)++] : "";
	return set_option(args, option, value, err);
}

static bool take_operand(struct cli_args *args, const char *word, struct error *err)
{
	if (commands[args->command].operand != NULL && args->operand == NULL) {
		args->operand = word;
		return true;
	}
	error_set(
	    err, "weir %s: '%s' is one word too many", commands[args->command].name, word);
	return false;
}

static bool is_whole(const struct cli_args *args, struct error *err)
{
	const char *name = commands[args->command].name;
	const char *operand = commands[args->command].operand;

	if (operand != NULL && (args->operand == NULL || args->operand[0] == '\0')) {
		error_set(err, "weir %s needs a %s: weir %s %s", name, operand, name, operand);
		return false;
	}
	if (args->socket != NULL && args->config != NULL) {
		error_set(err, "--socket and --config: one of them, not both");
		return false;
	}
	return true;
}

bool cli_args_parse(int argc, char **argv, struct cli_args *args, struct error *err)
{
	bool options_end = false;
	int at = 2;

	*args = (struct cli_args) { .command = CLI_HELP };
	if (argc < 2) {
		error_set(err, "no command is given");
		return false;
	}
	if (!find_command(argv[1], &args->command, err))
		return false;
	while (at < argc) {
		const char *word = argv[at];

		if (options_end || word[0] != '-') {
			at++;
			if (!take_operand(args, word, err))
				return false;
		} else if (strcmp(word, "--") == 0) {
			at++;
			options_end = true;
		} else if (is_help(word)) {
			*args = (struct cli_args) { .command = CLI_HELP };
			return true;
		} else if (!take_option(argc, argv, &at, args, err)) {
			return false;
		}
	}
	return is_whole(args, err);
}

void cli_usage_print(FILE *out)
{
	fprintf(out, "usage: weir COMMAND\n\n");
	for (enum cli_command i = 0; i < CLI_COMMANDS; i++)
		fprintf(out, "  weir %-8s %-6s %s\n", commands[i].name,
		    commands[i].operand != NULL ? commands[i].operand : "", commands[i].help);
	fprintf(out, "\nCommands that talk to a running weir take:\n\n");
	for (enum option i = 0; i < OPTIONS; i++)
		fprintf(out, "  %-8s %-12s %s\n", options[i].name,
		    options[i].value != NULL ? options[i].value : "", options[i].help);
}
