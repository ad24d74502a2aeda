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

#include "base/dense.h"
#include "base/name_index.h"
#include "base/secret.h"
#include "conf/config.h"
#include "metrics/route_stats.h"
#include "proxy/pool.h"
#include "router/cohort.h"
#include "router/exposure.h"
#include "router/path_class_rules.h"
#include "router/rules.h"
#include "router/seen_users.h"

#include <stdatomic.h>

/* What lives as long as a route of that name is configured. */
struct route_live {
	atomic_uint refs;
	char *name;
	_Atomic uint32_t generation; /* of the latest weight */
	struct path_classes *path_classes;
	struct route_stats *stats;
	struct seen_users *seen_users;   /* NULL until a rollout asks for it */
	_Atomic uint32_t drill_fail_ppm; /* of the canary's synthetic requests; 0: no drill */
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

/*
 * With thousands of routes each further cache line that a request touches is a miss: what
 * it needs lies in these, the route's two and the two of its cohort.
 */
struct route {
	_Alignas(DENSE_ALIGNMENT) struct exposure exposure; /* the live weight */
	struct route_live *live;
	const struct upstream *arms[ARMS]; /* canary NULL: there is none */
	struct cohort *cohort;
	struct path_class_rules *path_rules;
	struct path_classes *path_classes; /* the live route's; and so the next */
	struct route_stats *stats;
	struct seen_users *seen_users; /* NULL: none are to stay */
	const struct route_conf *conf;
	bool may_be_forced;    /* force rules, or a key for tokens */
	bool rewrites_request; /* rewrite_wants_request(); and so the next */
	bool rewrites_response;
	uint8_t failure_classes; /* a bit for each hundred: some of its statuses are failures */
	_Alignas(DENSE_ALIGNMENT) char cohort_room[COHORT_ROOM_BYTES]; /* not to be copied */
};

_Static_assert(offsetof(struct route, cohort_room) == DENSE_ALIGNMENT, "a pair of lines");

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
	atomic_uchar *touched; /* by route: what was recorded; cleared by the reader */
};

struct snapshot {
	atomic_uint refs;
	uint32_t generation;
	size_t workers;
	struct config *config;
	struct secret token_key; /* len 0: testers' tokens do not count */
	struct router *router;
	struct route *routes; /* config order */
	size_t n_routes;
	struct upstream *upstreams; /* config order */
	size_t n_upstreams;
	struct listener **listeners; /* config order */
	size_t n_listeners;
	struct name_index route_names;
	struct name_index upstream_names;
	struct worker_view *views; /* by worker */
	uint32_t *next_servers;    /* the views' */
	atomic_uchar *touched;     /* the views' */
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
 * How much of a route's traffic its canary gets from now on (control thread). A
 * snapshot is built with every weight 0: set them before it is published.
 */
void snapshot_set_exposure(
    struct snapshot *snapshot, size_t route, const struct exposure_setting *setting);

/* A release begins: no user of an earlier one's canary is to stay (control thread). */
void snapshot_forget_users(struct snapshot *snapshot, size_t route);

/* From now on weir fails that share of the canary's synthetic requests (control thread). */
void snapshot_set_drill(struct snapshot *snapshot, size_t route, uint32_t fail_ppm);

/* How much a recorded outcome weighs in `touched`. */
enum {
	TOUCH_REQUEST = 1,
	TOUCH_MATTERS = 64, /* a failure, or something slow */
	TOUCH_MOST = 192,
};

/*
 * Whether the workers together have recorded so much on the route since this last
 * said so (control thread). Outcomes of requests that began under an older snapshot
 * do not show here.
 */
bool snapshot_route_was_touched(struct snapshot *snapshot, size_t route, unsigned least);

/* A route's index by name, or -1. */
int snapshot_find_route(const struct snapshot *snapshot, const char *name);

#endif
