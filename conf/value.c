#include "conf/value.h"

#include "base/directory.h"
#include "conf/budget.h"
#include "conf/expiry.h"
#include "conf/force.h"
#include "conf/nearest.h"
#include "conf/pattern.h"
#include "conf/stages.h"
#include "conf/sticky.h"
#include "conf/units.h"
#include "conf/url.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *member(void *section, size_t at)
{
	return (char *)section + at;
}

static const void *const_member(const void *section, size_t at)
{
	return (const char *)section + at;
}

static bool out_of_memory(struct error *err)
{
	error_set(err, "out of memory");
	return false;
}

static bool check_range(const struct key *key, uint64_t number, struct error *err)
{
	char from[KEY_NUMBER_SIZE], to[KEY_NUMBER_SIZE];

	if (number >= key->min && number <= key->max)
		return true;
	key_format_number(key, key->min, from);
	key_format_number(key, key->max, to);
	error_set(err, "must be %s to %s", from, to);
	return false;
}

/* In the unit that the key's member is kept in. */
static bool parse_number(
    const struct key *key, const char *text, uint64_t *number, struct error *err)
{
	struct slice slice = slice_of(text);
	uint32_t ppm = 0;
	bool ok;

	switch (key->kind) {
	case KEY_MS:
		if (!units_parse_duration(slice, number, err))
			return false;
		if (*number % 1000 != 0) {
			error_set(err, "whole milliseconds are needed");
			return false;
		}
		*number /= 1000;
		return true;
	case KEY_US: return units_parse_duration(slice, number, err);
	case KEY_BYTES: return units_parse_size(slice, number, err);
	case KEY_SHARE:
	case KEY_FRACTION:
		ok = key->kind == KEY_SHARE ? units_parse_share(slice, &ppm, err)
					    : units_parse_fraction(slice, &ppm, err);
		*number = ppm;
		return ok;
	default:
		if (slice_to_u64(slice, number))
			return true;
		error_set(err, "a whole number is needed");
		return false;
	}
}

static bool set_number(
    const struct key *key, void *section, const char *text, struct error *err)
{
	uint32_t *kept = member(section, key->at);
	uint64_t number;

	if (key->kind == KEY_COUNT_OR_AUTO && strcmp(text, "auto") == 0) {
		*kept = 0;
		return true;
	}
	if (!parse_number(key, text, &number, err) || !check_range(key, number, err))
		return false;
	if (key->kind == KEY_FRACTION)
		*(double *)member(section, key->at) = (double)number / PPM;
	else
		*kept = (uint32_t)number;
	return true;
}

/* Puts an allocated string in place of the one there. */
static void replace_text(const struct key *key, void *section, char *text)
{
	char **kept = member(section, key->at);

	free(*kept);
	*kept = text;
}

static bool set_text(const struct key *key, void *section, const char *text, struct error *err)
{
	size_t len = strlen(text);
	struct url url;
	char *copy;

	if (len > key->max) {
		error_set(err, "%zu bytes; at most %u", len, key->max);
		return false;
	}
	if (key->kind == KEY_URL && !url_parse(slice_of(text), &url, err))
		return false;
	for (size_t i = 0; key->kind == KEY_TEXT && i < len; i++) {
		if (text[i] < 0x20 || text[i] > 0x7e) {
			error_set(err, "printable ASCII is needed");
			return false;
		}
	}
	copy = strdup(text);
	if (copy == NULL)
		return out_of_memory(err);
	replace_text(key, section, copy);
	return true;
}

/* Kept as it is to be opened. The file's directory counts, too: a socket's path has a cap. */
static bool set_file(const struct value_scope *scope, const struct key *key, void *section,
    const char *text, struct error *err)
{
	char *path;

	if (*text == '"' || *text == '\'') {
		error_set(err, "a path is written without quotes");
		return false;
	}
	path = directory_beside(scope->config->path, text);
	if (path == NULL)
		return out_of_memory(err);
	if (strlen(path) > key->max) {
		error_set(err, "%zu bytes%s; at most %u", strlen(path),
		    *text == '/' ? "" : " with the directory of the configuration file",
		    key->max);
		free(path);
		return false;
	}
	replace_text(key, section, path);
	return true;
}

static bool set_choice(
    const struct key *key, void *section, const char *text, struct error *err)
{
	char choices[KEY_CHOICES_SIZE], suggestion[NEAREST_TEXT_SIZE];
	struct nearest nearest;

	nearest_init(&nearest, text);
	for (unsigned i = 0; key->choices[i] != NULL; i++) {
		if (strcmp(text, key->choices[i]) == 0) {
			if (key->kind == KEY_SWITCH)
				*(bool *)member(section, key->at) = i == 1;
			else /* An enum without negative values is an unsigned int. */
				memcpy(member(section, key->at), &i, sizeof(i));
			return true;
		}
		nearest_offer(&nearest, key->choices[i]);
	}
	key_format_choices(key, choices);
	nearest_format(&nearest, suggestion);
	error_set(err, "it is %s%s", choices, suggestion);
	return false;
}

/* An address that can be connected to. */
static bool parse_literal(const char *text, struct address *address, struct error *err)
{
	if (!address_parse(text, address, err))
		return false;
	if (!address_has_port(address))
		error_set(err, "the port must be 1 to 65535");
	return address_has_port(address);
}

static bool set_address(
    const struct key *key, void *section, const char *text, struct error *err)
{
	struct address address;
	char *copy;

	/* Port 0 lets the system choose one, which the log then tells. */
	if (!address_parse(text, &address, err))
		return false;
	if (key->kind == KEY_LOOPBACK && !address_is_loopback(&address)) {
		error_set(err, "only a loopback address is served, as in 127.0.0.1:9901");
		return false;
	}
	copy = strdup(text);
	if (copy == NULL)
		return out_of_memory(err);
	replace_text(key, section, copy);
	*(struct address *)member(section, key->beside) = address;
	return true;
}

/* Whether the text is NAME:PORT with a port to connect to; host is cut out of it. */
static bool split_name(const char *text, char *host, size_t size, const char **port)
{
	const char *colon = strrchr(text, ':');
	size_t len = colon != NULL ? (size_t)(colon - text) : 0;
	uint64_t number;

	if (colon == NULL || len >= size || !pattern_is_name((struct slice) { text, len }))
		return false;
	memcpy(host, text, len);
	host[len] = '\0';
	*port = colon + 1;
	return slice_to_u64(slice_of(*port), &number) && number > 0 && number <= UINT16_MAX;
}

/* What is wrong with neither IP:PORT nor NAME:PORT. */
static void explain_server(const char *text, struct error *err)
{
	size_t len = strcspn(text, ":");

	if (strchr(text, '/') != NULL)
		error_set(err, "only IP:PORT or NAME:PORT, without a scheme or a path");
	else if (pattern_is_name((struct slice) { text, len }))
		error_set(err, "a name is followed by its port, as in %.*s:80", (int)len, text);
}

static bool parse_server(const struct value_scope *scope, const char *text,
    struct address *address, struct error *err)
{
	static const struct in6_addr any6 = IN6ADDR_ANY_INIT;
	char host[256];
	const char *port;
	struct sockaddr_in6 in6;
	struct sockaddr_in in;
	bool any;

	if (split_name(text, host, sizeof(host), &port))
		return scope->resolve(host, port, address, err);
	if (!parse_literal(text, address, err)) {
		explain_server(text, err);
		return false;
	}
	memcpy(&in6, &address->storage, sizeof(in6));
	memcpy(&in, &address->storage, sizeof(in));
	any = address->storage.ss_family == AF_INET6
		  ? memcmp(&in6.sin6_addr, &any6, sizeof(any6)) == 0
		  : in.sin_addr.s_addr == htonl(INADDR_ANY);
	if (any)
		error_set(err, "not an address to connect to");
	return !any;
}

static bool add_server(const struct value_scope *scope, const struct key *key, void *section,
    const char *text, struct error *err)
{
	struct server_conf **servers = member(section, key->at);
	size_t *n = member(section, key->beside);
	struct server_conf *grown;
	struct address address;
	char *copy;

	if (*n == key->max) {
		error_set(err, "at most %u servers", key->max);
		return false;
	}
	if (!parse_server(scope, text, &address, err))
		return false;
	grown = reallocarray(*servers, *n + 1, sizeof(*grown));
	if (grown == NULL)
		return out_of_memory(err);
	*servers = grown;
	copy = strdup(text);
	if (copy == NULL)
		return out_of_memory(err);
	grown[(*n)++] = (struct server_conf) {
		.text = copy,
		.place = scope->place,
		.address = address,
	};
	return true;
}

/* Takes over `text`, freed where it has no place. */
static bool add_string(
    const struct key *key, struct conf_strings *strings, char *text, struct error *err)
{
	char **grown;

	if (strings->n == key->max) {
		error_set(err, "at most %u", key->max);
		free(text);
		return false;
	}
	grown = reallocarray(strings->items, strings->n + 1, sizeof(*grown));
	if (grown == NULL) {
		free(text);
		return out_of_memory(err);
	}
	strings->items = grown;
	grown[strings->n++] = text;
	return true;
}

static bool add_hosts(const struct key *key, void *section, const char *text, struct error *err)
{
	struct conf_strings *hosts = member(section, key->at);
	struct slice rest = slice_of(text);
	struct slice element;
	char *host;

	while (slice_next_element(&rest, &element)) {
		if (!pattern_parse_host(element, &host, err) ||
		    !add_string(key, hosts, host, err))
			return false;
	}
	if (hosts->n == 0)
		error_set(err, "no host");
	return hosts->n > 0;
}

static bool add_path_class(
    const struct key *key, void *section, const char *text, struct error *err)
{
	struct conf_strings *classes = member(section, key->at);
	char *class;

	if (!pattern_parse_path_class(slice_of(text), &class, err))
		return false;
	for (size_t i = 0; i < classes->n; i++) {
		if (pattern_same_class(classes->items[i], class)) {
			error_set(err, "the same paths as '%s'", classes->items[i]);
			free(class);
			return false;
		}
	}
	return add_string(key, classes, class, err);
}

static bool add_networks(struct network_set *set, const char *text, struct error *err)
{
	uint32_t n_before = set->n;
	struct slice rest = slice_of(text);
	struct slice element;
	struct network network;

	while (slice_next_element(&rest, &element)) {
		if (!network_parse(element, &network, err))
			return false;
		if (!network_set_add(set, &network)) {
			error_set(err, "at most %d", NETWORKS_MAX);
			return false;
		}
	}
	if (set->n == n_before)
		error_set(err, "no network");
	return set->n > n_before;
}

static bool add_networks_apart(
    const struct key *key, void *section, const char *text, struct error *err)
{
	struct network_set **set = member(section, key->at);

	if (*set == NULL)
		*set = calloc(1, sizeof(**set));
	return *set != NULL ? add_networks(*set, text, err) : out_of_memory(err);
}

static bool add_header_rule(const struct key *key, void *section, enum header_op op,
    const char *text, struct error *err)
{
	return header_rules_add(
	    member(section, key->at), (enum header_direction)key->min, op, slice_of(text), err);
}

static bool set_prefix(
    const struct key *key, void *section, const char *text, struct error *err)
{
	char *prefix;

	if (!pattern_parse_prefix(slice_of(text), &prefix, err))
		return false;
	replace_text(key, section, prefix);
	return true;
}

static bool set_authority(
    const struct key *key, void *section, const char *text, struct error *err)
{
	char *authority;

	if (!pattern_parse_authority(slice_of(text), &authority, err))
		return false;
	replace_text(key, section, authority);
	return true;
}

static bool set_path(const struct key *key, void *section, const char *text, struct error *err)
{
	char *path;

	if (!pattern_parse_path(slice_of(text), &path, member(section, key->beside), err))
		return false;
	replace_text(key, section, path);
	return true;
}

static bool set_reference(const struct value_scope *scope, const struct key *key, void *section,
    const char *text, struct error *err)
{
	enum conf_section kind = key->kind == KEY_UPSTREAM ? SECTION_UPSTREAM : SECTION_ROLLOUT;
	const struct written_section *target = names_find(scope->names, kind, text);

	if (target == NULL) {
		names_explain(scope->names, kind, text, scope->suggest, err);
		return false;
	}
	if (kind == SECTION_UPSTREAM)
		*(const struct upstream_conf **)member(section, key->at) =
		    &scope->config->upstreams[target->at];
	else
		*(const struct rollout_conf **)member(section, key->at) =
		    &scope->config->rollouts[target->at];
	return true;
}

const struct webhook_conf *value_find_webhook(
    const struct value_scope *scope, struct slice name, struct error *err)
{
	const struct written_section *target;
	char text[SECTION_TEXT_SIZE];

	snprintf(text, sizeof(text), "%.*s", (int)name.len, name.data);
	target = names_find(scope->names, SECTION_WEBHOOK, text);
	if (target != NULL)
		return &scope->config->webhooks[target->at];
	names_explain(scope->names, SECTION_WEBHOOK, text, scope->suggest, err);
	return NULL;
}

static bool add_webhooks(const struct value_scope *scope, const struct key *key, void *section,
    const char *text, struct error *err)
{
	const struct webhook_conf **webhooks = member(section, key->at);
	size_t *n = member(section, key->beside);
	struct slice rest = slice_of(text);
	size_t n_before = *n;
	struct slice element;

	while (slice_next_element(&rest, &element)) {
		const struct webhook_conf *webhook = value_find_webhook(scope, element, err);

		if (webhook == NULL)
			return false;
		for (size_t i = 0; i < *n; i++) {
			if (webhooks[i] == webhook) {
				error_set(err, "the same webhook twice");
				return false;
			}
		}
		if (*n == key->max) {
			error_set(err, "at most %u", key->max);
			return false;
		}
		webhooks[(*n)++] = webhook;
	}
	if (*n == n_before)
		error_set(err, "no webhook");
	return *n > n_before;
}

bool value_set(const struct value_scope *scope, const struct key *key, void *section,
    const char *text, struct error *err)
{
	void *at = member(section, key->at);
	void *beside = member(section, key->beside);
	struct slice slice = slice_of(text);

	switch (key->kind) {
	case KEY_COUNT:
	case KEY_COUNT_OR_AUTO:
	case KEY_MS:
	case KEY_US:
	case KEY_BYTES:
	case KEY_SHARE:
	case KEY_FRACTION: return set_number(key, section, text, err);
	case KEY_FILE: return set_file(scope, key, section, text, err);
	case KEY_TEXT:
	case KEY_URL: return set_text(key, section, text, err);
	case KEY_CHOICE:
	case KEY_SWITCH: return set_choice(key, section, text, err);
	case KEY_ADDRESS:
	case KEY_LOOPBACK: return set_address(key, section, text, err);
	case KEY_SERVERS: return add_server(scope, key, section, text, err);
	case KEY_HOSTS: return add_hosts(key, section, text, err);
	case KEY_PATH: return set_path(key, section, text, err);
	case KEY_PATH_CLASSES: return add_path_class(key, section, text, err);
	case KEY_STICKY: return sticky_parse(slice, at, beside, err);
	case KEY_UPSTREAM:
	case KEY_ROLLOUT: return set_reference(scope, key, section, text, err);
	case KEY_LATENCY_BUDGET: return latency_budget_parse(slice, at, err);
	case KEY_STATUS_SET: return status_set_parse(slice, at, err);
	case KEY_STAGES: return stages_add(scope, slice, at, beside, err);
	case KEY_NETWORKS: return add_networks(at, text, err);
	case KEY_NETWORKS_APART: return add_networks_apart(key, section, text, err);
	case KEY_HEADER_REMOVE: return add_header_rule(key, section, HEADER_REMOVE, text, err);
	case KEY_HEADER_SET: return add_header_rule(key, section, HEADER_SET, text, err);
	case KEY_HEADER_ADD: return add_header_rule(key, section, HEADER_ADD, text, err);
	case KEY_PREFIX: return set_prefix(key, section, text, err);
	case KEY_AUTHORITY: return set_authority(key, section, text, err);
	case KEY_REDIRECT: return redirect_parse(slice, at, err);
	case KEY_RESPOND: return respond_parse(slice, at, err);
	case KEY_FORCE: return force_rules_add(slice, scope->place, at, beside, err);
	case KEY_EXPIRY: return expiry_parse(slice, at, err);
	case KEY_SCHEDULE: return schedule_add(at, slice, err);
	case KEY_WEBHOOKS: return add_webhooks(scope, key, section, text, err);
	}
	return false;
}

bool value_equal(const struct key *key, const void *a, const void *b)
{
	const void *left = const_member(a, key->at);
	const void *right = const_member(b, key->at);
	const char *one, *other;

	switch (key->kind) {
	case KEY_COUNT:
	case KEY_COUNT_OR_AUTO:
	case KEY_MS:
	case KEY_US:
	case KEY_BYTES:
	case KEY_SHARE: return *(const uint32_t *)left == *(const uint32_t *)right;
	case KEY_TEXT:
	case KEY_FILE: return strcmp(*(char *const *)left, *(char *const *)right) == 0;
	case KEY_ADDRESS:
	case KEY_LOOPBACK:
		one = *(char *const *)left;
		other = *(char *const *)right;
		if (one == NULL || other == NULL)
			return one == other;
		return address_equal(
		    const_member(a, key->beside), const_member(b, key->beside));
	default: assert(key->reloads); return false;
	}
}
