#include "metrics/outcome.h"

static const char *const names[FAILURE_KINDS] = {
	[FAILURE_NONE] = "none",
	[FAILURE_STATUS] = "status",
	[FAILURE_CONNECT] = "connect",
	[FAILURE_TIMEOUT] = "timeout",
	[FAILURE_RESET] = "reset",
	[FAILURE_MALFORMED] = "malformed",
	[FAILURE_TRUNCATED] = "truncated",
};

const char *outcome_failure_name(enum failure_kind kind)
{
	return (unsigned)kind < FAILURE_KINDS ? names[kind] : "unknown";
}
