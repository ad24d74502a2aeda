/*
 * One immutable build of a configuration, ready to serve from: router, cohorts,
 * path class rules, upstreams, listening sockets.
 *
 * What must outlive a reload hangs on it by reference and is taken over from
 * the snapshot before: a route's counters (by route name), a server with its
 * pools (by upstream and address), a listening socket (by address). Live weights are each
 * snapshot's own, so that a weight never meets the arms of another configuration.
 *
 * Thread     built and published by the control thread; read by all. References
 *            are counted atomically. A server's pool for worker i is i's alone.
 * Ownership  snapshot_new() takes the config once it succeeds; snapshot_unref()
 *            by whoever holds a reference.
 */
#ifndef PROXY_SNAPSHOT_H
#define PROXY_SNAPSHOT_H

#include "base/name_index.h"
#include "conf/config.h"
#include "metrics/route_stats.h"
#include "proxy/pool.h"
#include "router/cohort.h"
#include "router/exposure.h"
#include "router/path_class.h"
#include "router/rules.h"

#include <stdatomic.h>

/* What lives as long as a route of that name is configured. */
struct route_live {
	atomic_uint refs;
	char *name;
	_Atomic uint32_t generation; /* of the latest weight */
	struct path_classes *path_classes;
	struct route_stats *stats;
};

struct server {
	atomic_uint refs;
	struct address address;
	_Atomic uint32_t generation; /* of the latest snapshot that has it */
	struct pool pools[];         /* one for each worker */
};

struct upstream {
	const struct upstream_conf *conf;
	struct server **servers;
	size_t n_servers;
};

struct route {
	const struct route_conf *conf;
	struct route_live *live;
	struct exposure *exposure; /* the live weight */
	struct cohort *cohort;
	struct path_class_rules *path_rules;
	const struct upstream *arms[ARMS]; /* canary NULL: there is none */
};

/* One address, with a socket for each worker (SO_REUSEPORT). */
struct listener {
	atomic_uint refs;
	char *conf_text;               /* as configured: the key it is taken over by */
	char bound[ADDRESS_TEXT_SIZE]; /* with the port the system chose */
	_Atomic uint32_t generation;   /* of the latest snapshot that has it */
	size_t workers;
	int fds[];
};

struct snapshot;

/* A snapshot as one worker uses it; made with it, so that adopting cannot fail. */
struct worker_view {
	struct snapshot *snapshot;
	uint32_t refs;         /* the worker's own: exchanges, and 1 while current */
	uint32_t *next_server; /* round robin, by upstream */
	atomic_uchar *touched; /* by route: an outcome was recorded; cleared by the reader */
};

struct snapshot {
	atomic_uint refs;
	uint32_t generation;
	size_t workers;
	struct config *config;
	struct router *router;
	struct route *routes; /* config order */
	size_t n_routes;
	struct upstream *upstreams; /* config order */
	size_t n_upstreams;
	struct listener **listeners; /* config order */
	size_t n_listeners;
	struct name_index route_names;
	struct name_index upstream_names;
	struct exposure *exposures; /* by route */
	struct worker_view *views;  /* by worker */
	uint32_t *next_servers;     /* the views' */
	atomic_uchar *touched;      /* the views' */
};

/*
 * NULL where a socket cannot be bound or memory is short: err says why, and
 * neither `before` nor the config has been touched. before: NULL at the start.
 */
__attribute__((warn_unused_result)) struct snapshot *snapshot_new(
    struct config *config, struct snapshot *before, size_t workers, struct error *err);

struct snapshot *snapshot_ref(struct snapshot *snapshot);
void snapshot_unref(struct snapshot *snapshot);

/*
 * The weight of a route from now on, as of that generation (control thread). A
 * snapshot is built with every weight 0: set them before it is published.
 */
void snapshot_set_weight(
    struct snapshot *snapshot, size_t route, uint32_t generation, uint32_t weight_ppm);

/*
 * Whether any worker has recorded an outcome on the route since this was last asked
 * (control thread). Outcomes of requests that began under an older snapshot do not
 * show here.
 */
bool snapshot_route_was_touched(struct snapshot *snapshot, size_t route);

/* A route's index by name, or -1. */
int snapshot_find_route(const struct snapshot *snapshot, const char *name);

#endif
