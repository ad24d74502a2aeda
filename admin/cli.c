#include "admin/cli.h"

#include "admin/cli_args.h"
#include "admin/cli_drill.h"
#include "admin/cli_explain.h"
#include "admin/cli_journal.h"
#include "admin/cli_judge.h"
#include "admin/cli_order.h"
#include "admin/cli_status.h"
#include "admin/cli_token.h"
#include "admin/control.h"
#include "conf/config.h"
#include "conf/keys.h"

#include <stdio.h>

static enum cli_status check(const char *path)
{
	struct conf_problems problems;
	struct config *config = config_load(path, CONF_TO_CHECK, &problems);
	enum cli_status status = config != NULL ? CLI_OK : CLI_FAILED;

	for (size_t i = 0; i < problems.n; i++)
		fprintf(stderr, "%s\n", problems.lines[i]);
	for (size_t i = 0; i < problems.n_warnings; i++)
		fprintf(stderr, "%s\n", problems.warnings[i]);
	if (config != NULL)
		printf("ok\n");
	config_free(config);
	conf_problems_done(&problems);
	return status;
}

static int run_command(const struct cli_args *args)
{
	switch (args->command) {
	case CLI_STATUS: return (int)cli_status_run(args);
	case CLI_EXPLAIN: return (int)cli_explain_run(args);
	case CLI_JOURNAL: return (int)cli_journal_run(args);
	case CLI_DRILL: return (int)cli_drill_run(args);
	case CLI_JUDGE: return (int)cli_judge_run(args);
	case CLI_TOKEN: return (int)cli_token_run(args);
	case CLI_RUN: return control_run(args->operand);
	case CLI_CHECK: return (int)check(args->operand);
	case CLI_KEYS: keys_print(stdout); return CLI_OK;
	case CLI_VERSION: printf("weir %s\n", WEIR_VERSION); return CLI_OK;
	case CLI_HELP: cli_usage_print(args->operand, stdout); return CLI_OK;
	case CLI_PROMOTE:
	case CLI_ROLLBACK:
	case CLI_PAUSE:
	case CLI_RESUME:
	case CLI_SET_WEIGHT:
	case CLI_RELOAD: return (int)cli_order_run(args);
	default: break;
	}
	fprintf(stderr, "weir: this build has no `weir %s`\n", cli_command_name(args->command));
	return CLI_FAILED;
}

int cli_main(int argc, char **argv)
{
	struct cli_args args;
	struct error err;
	int status;

	if (argc < 2) {
		cli_usage_print(NULL, stderr);
		return CLI_USAGE;
	}
	if (!cli_args_parse(argc, argv, &args, &err)) {
		fprintf(stderr, "weir: %s\n`weir help` lists the commands.\n", err.text);
		return CLI_USAGE;
	}
	status = run_command(&args);
	/* A full disk or a closed pipe: what was to be said was not. */
	if (fflush(stdout) != 0 && status == CLI_OK) {
		perror("weir: standard output");
		status = CLI_FAILED;
	}
	return status;
}
