/*
 * weir token: writes a tester's signed token (docs/forced.md). It asks no running
 * weir, only the configuration for its key.
 */
#ifndef ADMIN_CLI_TOKEN_H
#define ADMIN_CLI_TOKEN_H

#include "admin/cli.h"
#include "admin/cli_args.h"
#include "router/token.h"

/* What the options ask for; the route "*" is any. False: err says what is wrong. */
struct cli_token_request {
	const char *route;
	struct token token;
};
__attribute__((warn_unused_result)) bool cli_token_read(const struct cli_args *args,
    int64_t now_s, struct cli_token_request *request, struct error *err);

/* Prints the token, and nothing else on standard output. */
enum cli_status cli_token_run(const struct cli_args *args);

#endif
