/*
 * What /status and /metrics say, made of what the control thread holds.
 *
 * Thread  the control thread's.
 */
#ifndef ADMIN_STATUS_H
#define ADMIN_STATUS_H

#include "admin/managed_route.h"
#include "admin/store.h"
#include "admin/webhook.h"
#include "metrics/prometheus.h"

#include <jansson.h>

/* Everything there is to tell, at one moment. */
struct status_view {
	struct release_clock clock;
	uint64_t started_us; /* monotonic */
	size_t workers;
	uint32_t generation; /* of the configuration */
	const struct managed_route *routes;
	size_t n_routes;
	struct store_health store;
	const struct store *latches;   /* why releases were rolled back; NULL: not known */
	struct webhook_stats webhooks; /* of all of them */
};

/* A new reference, or NULL when out of memory. */
json_t *status_json(const struct status_view *view);

/* Every metric; prometheus_ok(out) says whether it fitted. */
void status_metrics(const struct status_view *view, struct prometheus *out);

#endif
