#include "proxy/snapshot.h"

#include "base/dense.h"
#include "base/log.h"
#include "proxy/listener.h"
#include "proxy/rewrite.h"
#include "router/forced.h"

#include <stdlib.h>
#include <string.h>

static struct route_live *live_new(
    const struct route_conf *conf, size_t workers, struct error *err)
{
	struct route_live *live = dense_take(sizeof(*live));

	if (live == NULL) {
		error_set(err, "out of memory");
		return NULL;
	}
	atomic_init(&live->refs, 1);
	live->name = strdup(conf->name);
	live->path_classes = path_classes_new();
	live->stats = route_stats_new(workers, conf->latency_budget.threshold_us);
	if (live->name != NULL && live->path_classes != NULL && live->stats != NULL)
		return live;
	error_set(err, "out of memory");
	free(live->name);
	path_classes_free(live->path_classes);
	route_stats_free(live->stats);
	dense_give(live, sizeof(*live));
	return NULL;
}

static void live_unref(struct route_live *live)
{
	if (live == NULL || atomic_fetch_sub_explicit(&live->refs, 1, memory_order_acq_rel) > 1)
		return;
	free(live->name);
	path_classes_free(live->path_classes);
	route_stats_free(live->stats);
	seen_users_free(live->seen_users);
	dense_give(live, sizeof(*live));
}

static void server_unref(struct server *server)
{
	/* Its pools are empty: workers empty them when they leave the snapshot. */
	if (server != NULL &&
	    atomic_fetch_sub_explicit(&server->refs, 1, memory_order_acq_rel) == 1)
		free(server);
}

/* The same upstream's server at that address: its connections go on. */
static struct server *find_server(
    const struct snapshot *before, const char *upstream, const struct address *address)
{
	long position =
	    before != NULL ? name_index_find(&before->upstream_names, upstream) : -1;

	if (position < 0)
		return NULL;
	for (size_t s = 0; s < before->upstreams[position].n_servers; s++) {
		struct server *server = before->upstreams[position].servers[s];

		if (address_equal(&server->address, address))
			return server;
	}
	return NULL;
}

static struct server *server_for(const struct snapshot *before, const char *upstream,
    const struct server_conf *conf, size_t workers)
{
	struct server *server = find_server(before, upstream, &conf->address);

	if (server != NULL) {
		atomic_fetch_add_explicit(&server->refs, 1, memory_order_relaxed);
		return server;
	}
	server = calloc(1, sizeof(*server) + workers * sizeof(server->pools[0]));
	if (server == NULL)
		return NULL;
	atomic_init(&server->refs, 1);
	server->address = conf->address;
	return server;
}

static bool build_upstreams(struct snapshot *next, const struct snapshot *before,
    const struct config *config, size_t workers, struct error *err)
{
	next->upstreams = calloc(config->n_upstreams + 1, sizeof(next->upstreams[0]));
	if (next->upstreams == NULL)
		goto no_memory;
	next->n_upstreams = config->n_upstreams;
	if (!name_index_init(&next->upstream_names, config->n_upstreams))
		goto no_memory;
	for (size_t u = 0; u < config->n_upstreams; u++)
		name_index_add(&next->upstream_names, config->upstreams[u].name, u);
	name_index_sort(&next->upstream_names);
	for (size_t u = 0; u < config->n_upstreams; u++) {
		struct upstream *upstream = &next->upstreams[u];

		upstream->conf = &config->upstreams[u];
		upstream->servers =
		    calloc(upstream->conf->n_servers, sizeof(upstream->servers[0]));
		if (upstream->servers == NULL)
			goto no_memory;
		for (size_t s = 0; s < upstream->conf->n_servers; s++) {
			upstream->servers[s] = server_for(
			    before, upstream->conf->name, &upstream->conf->servers[s], workers);
			if (upstream->servers[s] == NULL)
				goto no_memory;
			upstream->n_servers++;
		}
	}
	return true;
no_memory:
	error_set(err, "out of memory");
	return false;
}

static const struct upstream *upstream_of(const struct snapshot *snapshot,
    const struct config *config, const struct upstream_conf *conf)
{
	return conf != NULL ? &snapshot->upstreams[conf - config->upstreams] : NULL;
}

/* Workers only see the route's pointer, so that a reload may begin it. */
static bool keep_seen_users(struct route *route, struct error *err)
{
	const struct rollout_conf *rollout = route->conf->rollout;

	if (rollout == NULL || rollout->on_rollback != ROLLBACK_DRAIN)
		return true;
	if (route->live->seen_users == NULL)
		route->live->seen_users = seen_users_new();
	route->seen_users = route->live->seen_users;
	if (route->seen_users == NULL)
		error_set(err, "out of memory");
	return route->seen_users != NULL;
}

static bool build_route(struct route *route, const struct snapshot *before,
    const struct route_conf *conf, size_t workers, struct path_class_rules_set *alike,
    struct error *err)
{
	int old = before != NULL ? snapshot_find_route(before, conf->name) : -1;
	size_t n_without_slot = 0;

	route->conf = conf;
	if (old >= 0) {
		route->live = before->routes[old].live;
		atomic_fetch_add_explicit(&route->live->refs, 1, memory_order_relaxed);
	} else {
		route->live = live_new(conf, workers, err);
	}
	if (route->live == NULL || !keep_seen_users(route, err))
		return false;
	route->cohort = cohort_new_in(route->cohort_room, sizeof(route->cohort_room),
	    conf->salt, conf->sticky, conf->n_sticky, err);
	if (route->cohort == NULL)
		return false;
	route->path_classes = route->live->path_classes;
	route->stats = route->live->stats;
	route->path_rules = path_class_rules_new(
	    &conf->path_classes, route->path_classes, alike, &n_without_slot, err);
	if (n_without_slot > 0)
		log_warn("route %s: %zu path classes count as `other`: all slots are taken "
			 "until weir restarts",
		    conf->name, n_without_slot);
	return route->path_rules != NULL;
}

static size_t routes_bytes(size_t n)
{
	return (n + 1) * sizeof(struct route);
}

/* What most routes do without, so that a request need not look for it. */
static void note_needs(
    struct route *route, const struct route_conf *conf, const struct secret *token_key)
{
	route->may_be_forced = forced_is_possible(conf, token_key);
	route->rewrites_request = rewrite_wants_request(conf);
	route->rewrites_response = rewrite_wants_response(conf);
	for (unsigned status = 100; status < 600; status++)
		if (status_set_has(&conf->failure_status, status))
			route->failure_classes |= (uint8_t)(1u << status / 100);
}

static bool build_each_route(struct snapshot *next, const struct snapshot *before,
    const struct config *config, size_t workers, struct error *err)
{
	struct path_class_rules_set alike;
	bool built = path_class_rules_set_init(&alike, config->n_routes);

	if (!built)
		error_set(err, "out of memory");
	for (size_t i = 0; built && i < config->n_routes; i++) {
		const struct route_conf *conf = &config->routes[i];
		struct route *route = &next->routes[i];

		exposure_init(&route->exposure, 0);
		note_needs(route, conf, &next->token_key);
		built = build_route(route, before, conf, workers, &alike, err);
		route->arms[ARM_LEGACY] = upstream_of(next, config, conf->legacy);
		route->arms[ARM_CANARY] = upstream_of(next, config, conf->canary);
	}
	path_class_rules_set_done(&alike);
	return built;
}

static bool build_routes(struct snapshot *next, const struct snapshot *before,
    const struct config *config, size_t workers, struct error *err)
{
	next->router = router_new(config->routes, config->n_routes, err);
	if (next->router == NULL)
		return false;
	next->routes = dense_take(routes_bytes(config->n_routes));
	if (next->routes == NULL) {
		error_set(err, "out of memory");
		return false;
	}
	next->n_routes = config->n_routes;
	if (!name_index_init(&next->route_names, config->n_routes)) {
		error_set(err, "out of memory");
		return false;
	}
	for (size_t i = 0; i < config->n_routes; i++)
		name_index_add(&next->route_names, config->routes[i].name, i);
	name_index_sort(&next->route_names);
	return build_each_route(next, before, config, workers, err);
}

static struct listener *find_listener(const struct snapshot *snapshot, const char *conf_text)
{
	for (size_t i = 0; snapshot != NULL && i < snapshot->n_listeners; i++) {
		struct listener *listener = snapshot->listeners[i];

		if (listener != NULL && strcmp(listener->conf_text, conf_text) == 0)
			return listener;
	}
	return NULL;
}

static bool build_listeners(struct snapshot *next, const struct snapshot *before,
    const struct config *config, size_t workers, struct error *err)
{
	next->listeners = calloc(config->n_listens, sizeof(struct listener *));
	if (next->listeners == NULL) {
		error_set(err, "out of memory");
		return false;
	}
	next->n_listeners = config->n_listens;
	for (size_t i = 0; i < config->n_listens; i++) {
		const struct listen_conf *conf = &config->listens[i];
		struct listener *old = find_listener(before, conf->address_text);

		next->listeners[i] =
		    old != NULL ? listener_ref(old) : listener_open(conf, workers, err);
		if (next->listeners[i] == NULL)
			return false;
	}
	return true;
}

static bool build_views(struct snapshot *next, size_t workers, struct error *err)
{
	size_t n = next->n_upstreams;

	next->views = calloc(workers, sizeof(next->views[0]));
	next->next_servers = calloc(workers * n + 1, sizeof(uint32_t));
	next->touched = calloc(workers * next->n_routes + 1, sizeof(next->touched[0]));
	next->workers = workers;
	if (next->views == NULL || next->next_servers == NULL || next->touched == NULL) {
		error_set(err, "out of memory");
		return false;
	}
	for (size_t w = 0; w < workers; w++) {
		next->views[w].snapshot = next;
		next->views[w].next_server = next->next_servers + w * n;
		next->views[w].touched = next->touched + w * next->n_routes;
		/* Workers begin at different servers, so that together they are even. */
		for (size_t i = 0; i < n; i++)
			next->views[w].next_server[i] = (uint32_t)w;
	}
	return true;
}

/* What is in a newer snapshot stays when a worker leaves an older one. */
static void stamp(struct snapshot *snapshot)
{
	for (size_t u = 0; u < snapshot->n_upstreams; u++) {
		for (size_t s = 0; s < snapshot->upstreams[u].n_servers; s++)
			atomic_store_explicit(&snapshot->upstreams[u].servers[s]->generation,
			    snapshot->generation, memory_order_relaxed);
	}
	for (size_t i = 0; i < snapshot->n_listeners; i++)
		atomic_store_explicit(&snapshot->listeners[i]->generation, snapshot->generation,
		    memory_order_relaxed);
}

static bool read_token_key(
    struct snapshot *next, const struct config *config, struct error *err)
{
	struct error why;

	if (config->weir.token_key_file == NULL ||
	    secret_read(config->weir.token_key_file, &next->token_key, &why))
		return true;
	error_set(err, "token_key_file: %s", why.text);
	return false;
}

struct snapshot *snapshot_new(
    struct config *config, struct snapshot *before, size_t workers, struct error *err)
{
	struct snapshot *next = calloc(1, sizeof(*next));

	if (next == NULL) {
		error_set(err, "out of memory");
		return NULL;
	}
	atomic_init(&next->refs, 1);
	next->generation = before != NULL ? before->generation + 1 : 1;
	if (!read_token_key(next, config, err) ||
	    !build_upstreams(next, before, config, workers, err) ||
	    !build_routes(next, before, config, workers, err) ||
	    !build_views(next, workers, err) ||
	    !build_listeners(next, before, config, workers, err)) {
		snapshot_unref(next);
		return NULL;
	}
	stamp(next);
	next->config = config;
	return next;
}

struct snapshot *snapshot_ref(struct snapshot *snapshot)
{
	atomic_fetch_add_explicit(&snapshot->refs, 1, memory_order_relaxed);
	return snapshot;
}

void snapshot_unref(struct snapshot *snapshot)
{
	if (snapshot == NULL ||
	    atomic_fetch_sub_explicit(&snapshot->refs, 1, memory_order_acq_rel) > 1)
		return;
	for (size_t i = 0; i < snapshot->n_routes; i++) {
		live_unref(snapshot->routes[i].live);
		cohort_free(snapshot->routes[i].cohort);
		path_class_rules_free(snapshot->routes[i].path_rules);
	}
	dense_give(snapshot->routes, routes_bytes(snapshot->n_routes));
	router_free(snapshot->router);
	for (size_t u = 0; u < snapshot->n_upstreams; u++) {
		for (size_t s = 0; s < snapshot->upstreams[u].n_servers; s++)
			server_unref(snapshot->upstreams[u].servers[s]);
		free(snapshot->upstreams[u].servers);
	}
	free(snapshot->upstreams);
	for (size_t i = 0; i < snapshot->n_listeners; i++) {
		if (snapshot->listeners[i] != NULL)
			listener_unref(snapshot->listeners[i]);
	}
	free(snapshot->listeners);
	name_index_done(&snapshot->route_names);
	name_index_done(&snapshot->upstream_names);
	free(snapshot->views);
	free(snapshot->next_servers);
	free(snapshot->touched);
	secret_wipe(&snapshot->token_key);
	config_free(snapshot->config);
	free(snapshot);
}

void snapshot_set_exposure(
    struct snapshot *snapshot, size_t route, const struct exposure_setting *setting)
{
	exposure_set(&snapshot->routes[route].exposure, setting);
	atomic_store_explicit(&snapshot->routes[route].live->generation, setting->generation,
	    memory_order_relaxed);
}

void snapshot_forget_users(struct snapshot *snapshot, size_t route)
{
	struct seen_users *seen = snapshot->routes[route].live->seen_users;

	if (seen != NULL)
		seen_users_clear(seen);
}

void snapshot_set_drill(struct snapshot *snapshot, size_t route, uint32_t fail_ppm)
{
	atomic_store_explicit(
	    &snapshot->routes[route].live->drill_fail_ppm, fail_ppm, memory_order_relaxed);
}

bool snapshot_route_was_touched(struct snapshot *snapshot, size_t route, unsigned least)
{
	unsigned sum = 0;

	for (size_t w = 0; w < snapshot->workers; w++)
		sum += atomic_load_explicit(
		    &snapshot->views[w].touched[route], memory_order_relaxed);
	if (sum < least)
		return false;
	/* Before the counters are read, so that what comes later marks it again. */
	for (size_t w = 0; w < snapshot->workers; w++)
		atomic_exchange(&snapshot->views[w].touched[route], 0);
	return true;
}

int snapshot_find_route(const struct snapshot *snapshot, const char *name)
{
	return (int)name_index_find(&snapshot->route_names, name);
}
