#include "admin/cli_token.h"

#include "base/clock.h"
#include "conf/config.h"

#include <stdio.h>

enum {
	US_PER_S = 1000000,
};

static bool read_arm(const char *text, struct token *token, struct error *err)
{
	struct slice arm = slice_of(text != NULL ? text : "");

	token->any_arm = slice_equal(arm, SLICE("any"));
	token->arm = slice_equal(arm, SLICE("canary")) ? ARM_CANARY : ARM_LEGACY;
	if (token->any_arm || slice_equal(arm, slice_of(arm_name(token->arm))))
		return true;
	error_set(err, "--arm is canary, legacy or any");
	return false;
}

bool cli_token_read(const struct cli_args *args, int64_t now_s,
    struct cli_token_request *request, struct error *err)
{
	/* No longer: there is no taking back but by another key. */
	static const struct cli_span seconds = { .unit_us = US_PER_S,
		.fallback = 60 * 60,
		.least = 1,
		.most = 90 * 24 * 60 * 60,
		.words = "1s to 90d" };
	uint64_t life_s;

	request->route = cli_value(args, CLI_OPTION_ROUTE);
	if (request->route == NULL) {
		error_set(err, "--route is needed: a route's name, or '*' for any");
		return false;
	}
	if (!read_arm(cli_value(args, CLI_OPTION_ARM), &request->token, err) ||
	    !cli_for(args, &seconds, &life_s, err))
		return false;
	request->token.synthetic = cli_value(args, CLI_OPTION_SYNTHETIC) != NULL;
	request->token.expires_s = now_s + (int64_t)life_s;
	return true;
}

/* A token for a route that is not there, or has one arm only, is a slip of the pen. */
static bool check_route(const struct config *config, const char *name, struct error *err)
{
	const struct route_conf *route;
	char hint[NEAREST_TEXT_SIZE];

	if (strcmp(name, "*") == 0)
		return true;
	route = config_find_route(config, name, hint);
	if (route == NULL)
		error_set(err, "%s has no route '%s'%s", config->path, name, hint);
	else if (route->canary == NULL)
		error_set(err, "route %s has no canary: there is nothing to choose", name);
	return route != NULL && route->canary != NULL;
}

static bool make(const struct config *config, const struct cli_token_request *request,
    char text[TOKEN_SIZE], struct error *err)
{
	struct secret key = { 0 };
	bool ok;

	if (config->weir.token_key_file == NULL) {
		error_set(err, "%s has no token_key_file in [weir]: no token would be honoured",
		    config->path);
		return false;
	}
	ok = check_route(config, request->route, err) &&
	     secret_read(config->weir.token_key_file, &key, err) &&
	     token_write(&key, request->route, &request->token, text, err);
	secret_wipe(&key);
	return ok;
}

static enum cli_status print_token(const char *path, const struct cli_token_request *request)
{
	struct conf_problems problems;
	struct config *config = config_load(path, CONF_TO_CHECK, &problems);
	enum cli_status status = CLI_FAILED;
	char text[TOKEN_SIZE];
	struct error err;

	for (size_t i = 0; i < problems.n; i++)
		fprintf(stderr, "%s\n", problems.lines[i]);
	if (config != NULL && make(config, request, text, &err)) {
		printf("%s\n", text);
		status = CLI_OK;
	} else if (config != NULL) {
		fprintf(stderr, "weir: %s\n", err.text);
	}
	config_free(config);
	conf_problems_done(&problems);
	return status;
}

enum cli_status cli_token_run(const struct cli_args *args)
{
	const char *path = cli_value(args, CLI_OPTION_CONFIG);
	struct cli_token_request request;
	struct error err;

	if (path == NULL)
		error_set(&err, "--config is needed: the file that names token_key_file");
	if (path == NULL ||
	    !cli_token_read(args, (int64_t)(clock_wall_us() / US_PER_S), &request, &err)) {
		fprintf(stderr, "weir: %s\n", err.text);
		return CLI_USAGE;
	}
	return print_token(path, &request);
}
