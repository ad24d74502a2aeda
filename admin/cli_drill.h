/*
 * weir drill: has a running weir rehearse a rollback, waits for it, and says what came
 * of it. For a live one it sends the requests, too (admin/drill_traffic.h).
 *
 * Thread  main's.
 */
#ifndef ADMIN_CLI_DRILL_H
#define ADMIN_CLI_DRILL_H

#include "admin/cli.h"
#include "admin/cli_args.h"

#include <stdint.h>

struct cli_drill_request {
	uint32_t fail_ppm;
	uint32_t for_ms;
	bool live;
	const char *path; /* of a live one's requests; NULL: the route's */
	const struct cli_values *headers;
};

/* False where the options make no sense; err says why. */
__attribute__((warn_unused_result)) bool cli_drill_read(
    const struct cli_args *args, struct cli_drill_request *request, struct error *err);

/* CLI_OK where the release would have been rolled back, CLI_FAILED where not. */
enum cli_status cli_drill_run(const struct cli_args *args);

#endif
