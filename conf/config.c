#include "conf/config.h"

#include "conf/force.h"
#include "conf/keys.h"
#include "conf/value.h"

#include <stdlib.h>
#include <string.h>

static void free_strings(struct conf_strings *strings)
{
	for (size_t i = 0; i < strings->n; i++)
		free(strings->items[i]);
	free(strings->items);
}

static void free_listens(struct config *config)
{
	for (size_t i = 0; i < config->n_listens; i++) {
		free(config->listens[i].name);
		free(config->listens[i].address_text);
	}
	free(config->listens);
}

static void free_upstreams(struct config *config)
{
	for (size_t i = 0; i < config->n_upstreams; i++) {
		struct upstream_conf *upstream = &config->upstreams[i];

		for (size_t j = 0; j < upstream->n_servers; j++)
			free(upstream->servers[j].text);
		free(upstream->servers);
		free(upstream->name);
	}
	free(config->upstreams);
}

static void free_routes(struct config *config)
{
	for (size_t i = 0; i < config->n_routes; i++) {
		struct route_conf *route = &config->routes[i];

		free(route->name);
		free_strings(&route->hosts);
		free(route->path);
		free(route->release);
		free(route->salt);
		for (size_t j = 0; j < route->n_sticky; j++)
			free(route->sticky[j].name);
		free_strings(&route->path_classes);
		template_done(&route->redirect.location);
		free(route->respond.text);
		header_rules_done(&route->request_headers);
		header_rules_done(&route->response_headers);
		free(route->strip_prefix);
		free(route->add_prefix);
		free(route->host_rewrite);
		force_rules_done(route->force, route->n_force);
		free(route->force_from);
	}
	free(config->routes);
}

static void free_rollouts(struct config *config)
{
	for (size_t i = 0; i < config->n_rollouts; i++) {
		free(config->rollouts[i].name);
		free(config->rollouts[i].owner);
		free(config->rollouts[i].hypothesis);
	}
	free(config->rollouts);
}

static void free_webhooks(struct config *config)
{
	for (size_t i = 0; i < config->n_webhooks; i++) {
		free(config->webhooks[i].name);
		free(config->webhooks[i].url);
		free(config->webhooks[i].secret_file);
	}
	free(config->webhooks);
}

void config_free(struct config *config)
{
	if (config == NULL)
		return;
	free(config->path);
	free(config->weir.state_dir);
	free(config->weir.admin_socket);
	free(config->weir.admin_listen_text);
	free(config->weir.token_key_file);
	free_listens(config);
	free_upstreams(config);
	free_routes(config);
	free_rollouts(config);
	free_webhooks(config);
	free(config);
}

bool config_can_replace(const struct config *live, const struct config *next, struct error *err)
{
	size_t n;
	const struct key *keys = keys_all(&n);

	/* Only [weir] has keys that do not reload: it is the one section that always is. */
	for (size_t i = 0; i < n; i++) {
		if (keys[i].reloads || value_equal(&keys[i], &live->weir, &next->weir))
			continue;
		error_set(err, "'%s' in [%s] has changed, which needs a restart", keys[i].name,
		    section_name(keys[i].section));
		return false;
	}
	return true;
}

const struct route_conf *config_find_route(
    const struct config *config, const char *name, char hint[NEAREST_TEXT_SIZE])
{
	struct nearest nearest;

	nearest_init(&nearest, name);
	for (size_t i = 0; i < config->n_routes; i++) {
		if (strcmp(config->routes[i].name, name) == 0)
			return &config->routes[i];
		nearest_offer(&nearest, config->routes[i].name);
	}
	nearest_format(&nearest, hint);
	return NULL;
}
