/*
 * How one exchange with an arm ended: all that budgets, evidence and metrics
 * are told about it.
 */
#ifndef METRICS_OUTCOME_H
#define METRICS_OUTCOME_H

#include "base/arm.h"
#include "base/path_slots.h"

#include <stdbool.h>
#include <stdint.h>

/* Names are the `kind` label of weir_failures_total: outcome_failure_name(). */
enum failure_kind {
	FAILURE_NONE,
	FAILURE_STATUS,    /* answered with a status in the route's failure_status */
	FAILURE_CONNECT,   /* no connection to the server */
	FAILURE_TIMEOUT,   /* no response head, or a body that stalled */
	FAILURE_RESET,     /* closed or reset before the response head was whole */
	FAILURE_MALFORMED, /* a response that is not HTTP, or against its rules */
	FAILURE_TRUNCATED, /* closed or reset inside the response body */
	FAILURE_KINDS,     /* how many */
};

struct outcome {
	enum arm arm;
	uint8_t path_class; /* slot in the route's table, PATH_CLASS_OTHER at most */
	uint16_t status;    /* as the arm sent it; 0 where no head came */
	enum failure_kind failure;
	bool client_gone; /* the client went away first, or stalled: never a failure, nor a success */
	bool counts; /* in budgets and as evidence; false for forced and synthetic requests */
	bool randomised; /* the bucket alone chose the arm: only then is it evidence */
	bool synthetic;  /* a tester's, by a signed token: a drill may fail it; counted apart */
	bool was_over;   /* counted as past the latency budget's threshold while in flight */
	uint8_t was_slow; /* how many latency thresholds it was counted past while in flight */
	bool has_unit;    /* a sticky key was present: unit_hash identifies it */
	uint64_t unit_hash;
	uint32_t generation;    /* of the weight under which it was assigned */
	bool has_first_byte;    /* a response head arrived: first_byte_us is set */
	uint64_t first_byte_us; /* request wholly forwarded to first byte of the response */
	uint64_t total_us;      /* first byte from the client to last byte of the response */
};

const char *outcome_failure_name(enum failure_kind kind);

#endif
