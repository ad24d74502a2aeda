/*
 * How the commands that talk to a running weir reach it, and what they make of its
 * answers.
 *
 * Thread     any; blocks.
 * Ownership  cli_answer_done() frees an answer.
 */
#ifndef ADMIN_CLI_DAEMON_H
#define ADMIN_CLI_DAEMON_H

#include "admin/cli.h"
#include "admin/cli_args.h"
#include "admin/client.h"

#include <jansson.h>

enum {
	CLI_TARGET_MAX_BYTES = 8192
};

struct cli_answer {
	enum cli_status status; /* CLI_OK, CLI_FAILED: refused, CLI_UNREACHABLE */
	json_t *json;           /* with CLI_OK: the object */
	struct buffer body;     /* with CLI_OK: its text */
	char *words; /* else: what went wrong, to be printed; NULL when out of memory */
};

/* By --socket, --config or the default. free() it. NULL: err says why. */
__attribute__((warn_unused_result)) char *cli_daemon_place(
    const struct cli_args *args, struct error *err);

/*
 * Appends "/routes/ROUTE/WORD" to a target. False when over the cap or out of
 * memory; and so the next.
 */
__attribute__((warn_unused_result)) bool cli_target_begin(
    struct buffer *target, const char *route, const char *word);

/* Appends "?name=value" or "&name=value", encoded. */
__attribute__((warn_unused_result)) bool cli_target_add(
    struct buffer *target, const char *name, const char *value);

/* Asks, and waits for the answer. */
void cli_ask(const struct client_request *request, struct cli_answer *answer);
void cli_answer_done(struct cli_answer *answer);

/*
 * The whole of it for a command with one question: asks the weir that args mean for
 * the target, which begins with "/" and ends without a NUL; says on standard error
 * what went wrong, and returns answer->status.
 */
enum cli_status cli_ask_about(const struct cli_args *args, const char *method,
    struct buffer *target, struct cli_answer *answer);

#endif
