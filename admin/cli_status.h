/*
 * `weir status [ROUTE] [--json] [--watch [SECONDS]]`.
 *
 * Watching goes on through a restart of weir, and ends with SIGINT or SIGTERM. On a
 * terminal each frame replaces the one before; elsewhere frames follow each other,
 * with an empty line between.
 */
#ifndef ADMIN_CLI_STATUS_H
#define ADMIN_CLI_STATUS_H

#include "admin/cli_args.h"
#include "admin/cli_daemon.h"

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

enum cli_status cli_status_run(const struct cli_args *args);

/* What is shown of the answers, one after the other. */
struct cli_view {
	const char *route; /* NULL: all of them, as a table */
	bool json;
	bool watching;
	bool terminal;     /* frames replace each other */
	bool is_over;      /* the route is not there: there is nothing to watch */
	bool was_lost;     /* the last question had no answer */
	double uptime_s;   /* by the last answer; below 0: none yet */
	char message[600]; /* of the last loss or return, for the frames that follow */
};

/*
 * Shows one answer, as of a time of day ("10:14:03"). What went wrong goes to `out`
 * while watching on a terminal, else to `errors`. Returns the answer's status, or
 * CLI_FAILED where there is no such route.
 */
enum cli_status cli_view_show(struct cli_view *view, const struct cli_answer *answer,
    const char *time, FILE *out, FILE *errors);

/* "", "2", "0.5", "2s": 0.1 s to an hour. "" is 1 s. False: it is none. */
__attribute__((warn_unused_result)) bool cli_watch_interval(
    const char *text, uint64_t *us, struct error *err);

#endif
