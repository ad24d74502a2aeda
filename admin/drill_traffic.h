/*
 * The requests of a live drill: about fifty a second, to weir itself, each with a
 * synthetic token for one of the arms.
 *
 * Thread     the event loop's that it is given.
 * Ownership  the texts of the setting are the caller's, until drill_traffic_free().
 */
#ifndef ADMIN_DRILL_TRAFFIC_H
#define ADMIN_DRILL_TRAFFIC_H

#include "base/arm.h"
#include "base/error.h"

#include <event2/event.h>
#include <stdint.h>

enum {
	DRILL_TRAFFIC_HEADERS_MAX = 16,
	DRILL_TRAFFIC_PER_S = 50,
};

struct drill_traffic_setting {
	const char *address; /* ADDRESS:PORT */
	const char *host;
	const char *path;
	const char *tokens[ARMS];
	uint32_t canary_ppm;                            /* what share goes there */
	const char *headers[DRILL_TRAFFIC_HEADERS_MAX]; /* "NAME: VALUE" */
	size_t n_headers;
};

struct drill_traffic;

/* Begins to send. NULL: err says why. */
__attribute__((warn_unused_result)) struct drill_traffic *drill_traffic_new(
    struct event_base *base, const struct drill_traffic_setting *setting, struct error *err);
void drill_traffic_free(struct drill_traffic *traffic);

struct drill_traffic_sums {
	uint64_t answered;
	uint64_t unanswered; /* no connection, no answer in time, or one too large */
};
struct drill_traffic_sums drill_traffic_sums(const struct drill_traffic *traffic);

#endif
