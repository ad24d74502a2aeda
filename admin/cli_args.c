#include "admin/cli_args.h"

#include "conf/nearest.h"
#include "conf/units.h"
#include "rollout/plan.h"

#include <string.h>

#define TAKES(option) (1U << (option))

enum {
	TO_DAEMON = TAKES(CLI_OPTION_SOCKET) | TAKES(CLI_OPTION_CONFIG),
	TO_ORDER = TO_DAEMON | TAKES(CLI_OPTION_WHY),
	TO_STATUS = TO_DAEMON | TAKES(CLI_OPTION_JSON) | TAKES(CLI_OPTION_WATCH),
	TO_EXPLAIN = TO_DAEMON | TAKES(CLI_OPTION_JSON) | TAKES(CLI_OPTION_HEADER) |
		     TAKES(CLI_OPTION_COOKIE) | TAKES(CLI_OPTION_IP) |
		     TAKES(CLI_OPTION_METHOD) | TAKES(CLI_OPTION_PATH) |
		     TAKES(CLI_OPTION_WEIGHT),
	TO_JOURNAL = TAKES(CLI_OPTION_CONFIG) | TAKES(CLI_OPTION_STATE_DIR) |
		     TAKES(CLI_OPTION_JSON) | TAKES(CLI_OPTION_ROUTE) |
		     TAKES(CLI_OPTION_SINCE) | TAKES(CLI_OPTION_UNTIL) |
		     TAKES(CLI_OPTION_VERDICT) | TAKES(CLI_OPTION_ACTION) |
		     TAKES(CLI_OPTION_VERIFY) | TAKES(CLI_OPTION_EXPORT),
	TO_DRILL = TO_DAEMON | TAKES(CLI_OPTION_JSON) | TAKES(CLI_OPTION_FAIL) |
		   TAKES(CLI_OPTION_FOR) | TAKES(CLI_OPTION_LIVE) | TAKES(CLI_OPTION_PATH) |
		   TAKES(CLI_OPTION_HEADER),
	TO_TOKEN = TAKES(CLI_OPTION_CONFIG) | TAKES(CLI_OPTION_ROUTE) | TAKES(CLI_OPTION_ARM) |
		   TAKES(CLI_OPTION_FOR) | TAKES(CLI_OPTION_SYNTHETIC),
};

struct command_form {
	const char *name;
	const char *operands; /* "ROUTE WEIGHT"; "[ROUTE]" may be left out; NULL: none */
	unsigned options;
	const char *help;
};

static const struct command_form commands[CLI_COMMANDS] = {
	[CLI_RUN] = { "run", "FILE", 0, "run weir with that configuration" },
	[CLI_CHECK] = { "check", "FILE", 0, "say what is wrong with a configuration, or ok" },
	[CLI_KEYS] = { "keys", NULL, 0, "list every key of the configuration" },
	[CLI_STATUS] = { "status", "[ROUTE]", TO_STATUS, "show every route; or one, in full" },
	[CLI_EXPLAIN] = { "explain", "ROUTE", TO_EXPLAIN, "say where a user goes, and why" },
	[CLI_PROMOTE] = { "promote", "ROUTE", TO_ORDER, "go on to the next stage now" },
	[CLI_ROLLBACK] = { "rollback", "ROUTE", TO_ORDER,
	    "send everyone to legacy until resume" },
	[CLI_PAUSE] = { "pause", "ROUTE", TO_ORDER, "stay at this stage; still guarded" },
	[CLI_RESUME] = { "resume", "ROUTE", TO_ORDER,
	    "go on after a pause, again after a rollback" },
	[CLI_SET_WEIGHT] = { "set-weight", "ROUTE WEIGHT", TO_ORDER,
	    "give the canary that share of users" },
	[CLI_RELOAD] = { "reload", NULL, TO_DAEMON, "read the configuration again" },
	[CLI_JOURNAL] = { "journal", NULL, TO_JOURNAL, "list the decisions, or verify them" },
	[CLI_JUDGE] = { "judge", "FILE", TAKES(CLI_OPTION_SET),
	    "judge recorded counters; - is stdin" },
	[CLI_DRILL] = { "drill", "ROUTE", TO_DRILL, "rehearse a rollback on live counters" },
	[CLI_TOKEN] = { "token", NULL, TO_TOKEN, "sign a tester's leave to choose an arm" },
	[CLI_VERSION] = { "version", NULL, 0, "print the version" },
	[CLI_HELP] = { "help", "[COMMAND]", 0, "print this, or a command's options" },
};

enum value_form {
	VALUE_NONE,
	VALUE_NEEDED,
	VALUE_MAY, /* a number, or nothing */
	VALUE_REPEATS,
};

struct option_form {
	const char *name;
	const char *value; /* what it takes; NULL: nothing */
	enum value_form form;
	const char *help;
};

static const struct option_form options[CLI_OPTIONS] = {
	[CLI_OPTION_SOCKET] = { "--socket", "PATH", VALUE_NEEDED,
	    "the admin socket, or admin_listen's address" },
	[CLI_OPTION_CONFIG] = { "--config", "FILE", VALUE_NEEDED,
	    "the configuration to take settings from" },
	[CLI_OPTION_WHY] = { "--why", "TEXT", VALUE_NEEDED, "the reason, for the journal" },
	[CLI_OPTION_JSON] = { "--json", NULL, VALUE_NONE, "print JSON" },
	[CLI_OPTION_WATCH] = { "--watch", "[SECONDS]", VALUE_MAY,
	    "again and again; each second unless given" },
	[CLI_OPTION_HEADER] = { "--header", "'NAME: VALUE'", VALUE_REPEATS,
	    "a header of the request" },
	[CLI_OPTION_COOKIE] = { "--cookie", "NAME=VALUE", VALUE_REPEATS,
	    "a cookie of the request" },
	[CLI_OPTION_IP] = { "--ip", "ADDRESS", VALUE_NEEDED, "the client's address" },
	[CLI_OPTION_METHOD] = { "--method", "METHOD", VALUE_NEEDED,
	    "of the request; GET unless given" },
	[CLI_OPTION_PATH] = { "--path", "PATH", VALUE_NEEDED, "of the request" },
	[CLI_OPTION_WEIGHT] = { "--weight", "PERCENT", VALUE_NEEDED,
	    "also: as it were at that weight" },
	[CLI_OPTION_ROUTE] = { "--route", "ROUTE", VALUE_NEEDED, "the route it is about" },
	[CLI_OPTION_SINCE] = { "--since", "TIME", VALUE_NEEDED, "only from then on" },
	[CLI_OPTION_UNTIL] = { "--until", "TIME", VALUE_NEEDED, "only before then" },
	[CLI_OPTION_VERDICT] = { "--verdict", "VERDICT", VALUE_NEEDED,
	    "only with that verdict" },
	[CLI_OPTION_ACTION] = { "--action", "ACTION", VALUE_NEEDED,
	    "only that action, as rollback" },
	[CLI_OPTION_VERIFY] = { "--verify", NULL, VALUE_NONE,
	    "find a row that was changed or is gone" },
	[CLI_OPTION_EXPORT] = { "--export", "judge", VALUE_NEEDED,
	    "recorded counters, as weir judge reads them" },
	[CLI_OPTION_STATE_DIR] = { "--state-dir", "DIR", VALUE_NEEDED, "where the journal is" },
	[CLI_OPTION_SET] = { "--set", "NAME=VALUE,...", VALUE_REPEATS,
	    "parameters of the policy" },
	[CLI_OPTION_FAIL] = { "--fail", "PERCENT", VALUE_NEEDED,
	    "the share of the canary's requests to fail" },
	[CLI_OPTION_FOR] = { "--for", "TIME", VALUE_NEEDED, "how long: 60s, 24h" },
	[CLI_OPTION_LIVE] = { "--live", NULL, VALUE_NONE, "fail synthetic requests for real" },
	[CLI_OPTION_ARM] = { "--arm", "ARM", VALUE_NEEDED,
	    "canary, legacy, or any: the bucket's; required" },
	[CLI_OPTION_SYNTHETIC] = { "--synthetic", NULL, VALUE_NONE,
	    "its requests are a drill's own" },
};

_Static_assert(CLI_OPTIONS <= 32, "one bit for each option");

const char *cli_command_name(enum cli_command command)
{
	return commands[command].name;
}

const char *cli_value(const struct cli_args *args, enum cli_option option)
{
	return args->values[option].n > 0 ? args->values[option].items[0] : NULL;
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
    enum cli_command command, const char *word, enum cli_option *option, struct error *err)
{
	size_t len = strcspn(word, "=");
	char name[32];
	struct nearest nearest;
	char hint[NEAREST_TEXT_SIZE];

	snprintf(name, sizeof(name), "%.*s", len < sizeof(name) ? (int)len : 31, word);
	nearest_init(&nearest, name);
	for (enum cli_option i = 0; i < CLI_OPTIONS; i++) {
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

static bool add_value(
    struct cli_args *args, enum cli_option option, const char *value, struct error *err)
{
	const struct option_form *form = &options[option];
	struct cli_values *values = &args->values[option];

	if (values->n > 0 && form->form != VALUE_REPEATS) {
		error_set(err, "%s is given twice", form->name);
		return false;
	}
	if (values->n == CLI_VALUES_MAX) {
		error_set(err, "%s is given more than %d times", form->name, CLI_VALUES_MAX);
		return false;
	}
	if (option == CLI_OPTION_WHY && strlen(value) >= TRANSITION_WHY_SIZE) {
		error_set(err, "--why has %zu bytes; at most %d are kept", strlen(value),
		    TRANSITION_WHY_SIZE - 1);
		return false;
	}
	values->items[values->n++] = value;
	return true;
}

/* "2", "0.5", "2s": a word that can be nothing but the number of an option. */
static bool is_number(const char *word)
{
	size_t len = strspn(word, "0123456789.");

	return len > 0 && word[0] != '.' && (word[len] == '\0' || strcmp(word + len, "s") == 0);
}

/* One option, with its value where it takes one; moves *at past them. */
static bool take_option(
    int argc, char **argv, int *at, struct cli_args *args, struct error *err)
{
	const char *word = argv[(*at)++];
	const char *value = strchr(word, '=');
	const struct option_form *form;
	enum cli_option option;

	if (!find_option(args->command, word, &option, err))
		return false;
	form = &options[option];
	if (form->form == VALUE_NONE && value != NULL) {
		error_set(err, "%s takes no value", form->name);
		return false;
	}
	if (value != NULL)
		value++;
	else if (*at < argc && (form->form == VALUE_NEEDED || form->form == VALUE_REPEATS ||
				   (form->form == VALUE_MAY && is_number(argv[*at]))))
		value = argv[(*at)++];
	else
		value = "";
	if (value[0] == '\0' && (form->form == VALUE_NEEDED || form->form == VALUE_REPEATS)) {
		error_set(err, "%s needs %s", form->name, form->value);
		return false;
	}
	return add_value(args, option, value, err);
}

static bool takes_second(const struct command_form *form)
{
	return form->operands != NULL && strchr(form->operands, ' ') != NULL;
}

static bool take_operand(struct cli_args *args, const char *word, struct error *err)
{
	const struct command_form *form = &commands[args->command];

	if (form->operands != NULL && args->operand == NULL) {
		args->operand = word;
		return true;
	}
	if (takes_second(form) && args->second == NULL) {
		args->second = word;
		return true;
	}
	error_set(err, "weir %s: '%s' is one word too many", form->name, word);
	return false;
}

static bool is_whole(const struct cli_args *args, struct error *err)
{
	const struct command_form *form = &commands[args->command];
	const char *given[2] = { args->operand, args->second };
	const char *wanted = form->operands != NULL ? form->operands : "";
	bool optional = wanted[0] == '[';
	enum cli_command named;

	for (size_t i = 0; i < 2 && *wanted != '\0'; i++) {
		size_t len = strcspn(wanted, " ");

		if (given[i] != NULL ? given[i][0] == '\0' : !optional) {
			error_set(err, "weir %s needs a %.*s: weir %s %s", form->name, (int)len,
			    wanted, form->name, form->operands);
			return false;
		}
		wanted += len + (wanted[len] == ' ');
	}
	if (cli_value(args, CLI_OPTION_SOCKET) != NULL &&
	    cli_value(args, CLI_OPTION_CONFIG) != NULL) {
		error_set(err, "--socket and --config: one of them, not both");
		return false;
	}
	if (args->command == CLI_HELP && args->operand != NULL)
		return find_command(args->operand, &named, err);
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

		if (options_end || word[0] != '-' || strcmp(word, "-") == 0) {
			at++;
			if (!take_operand(args, word, err))
				return false;
		} else if (strcmp(word, "--") == 0) {
			at++;
			options_end = true;
		} else if (is_help(word)) {
			*args = (struct cli_args) { .command = CLI_HELP,
				.operand = commands[args->command].name };
			return true;
		} else if (!take_option(argc, argv, &at, args, err)) {
			return false;
		}
	}
	return is_whole(args, err);
}

static void print_option(enum cli_option option, FILE *out)
{
	fprintf(out, "  %-11s %-14s  %s\n", options[option].name,
	    options[option].value != NULL ? options[option].value : "", options[option].help);
}

static void print_command_usage(enum cli_command command, FILE *out)
{
	const struct command_form *form = &commands[command];

	fprintf(out, "usage: weir %s%s%s%s\n\n  %s\n", form->name,
	    form->operands != NULL ? " " : "", form->operands != NULL ? form->operands : "",
	    form->options != 0 ? " [OPTION...]" : "", form->help);
	if (form->options != 0)
		fputc('\n', out);
	for (enum cli_option i = 0; i < CLI_OPTIONS; i++)
		if ((form->options & TAKES(i)) != 0)
			print_option(i, out);
}

void cli_usage_print(const char *command, FILE *out)
{
	for (enum cli_command i = 0; i < CLI_COMMANDS; i++) {
		if (command == NULL || strcmp(command, commands[i].name) != 0)
			continue;
		print_command_usage(i, out);
		return;
	}
	fprintf(out, "usage: weir COMMAND\n\n");
	for (enum cli_command i = 0; i < CLI_COMMANDS; i++)
		fprintf(out, "  weir %-10s %-12s  %s\n", commands[i].name,
		    commands[i].operands != NULL ? commands[i].operands : "", commands[i].help);
	fprintf(out, "\n`weir help COMMAND` lists its options.\n");
}

bool cli_for(const struct cli_args *args, const struct cli_span *span, uint64_t *value,
    struct error *err)
{
	const char *text = cli_value(args, CLI_OPTION_FOR);
	struct error why;
	uint64_t us;

	*value = span->fallback;
	if (text == NULL)
		return true;
	if (!units_parse_duration(slice_of(text), &us, &why)) {
		error_set(err, "--for: %s", why.text);
		return false;
	}
	*value = us / span->unit_us;
	if (*value >= span->least && *value <= span->most)
		return true;
	error_set(err, "--for is %s", span->words);
	return false;
}
