#include "router/rules.h"

#include "base/cache_line.h"
#include "base/dense.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <limits.h>
#include <stdlib.h>

enum {
	NO_ROUTE = UINT32_MAX,
	ENTRY_TEXT_MAX = 28, /* bytes of a text that lie in its entry */
	HINT_LOOKS = 4,
};

enum text_kind {
	HOST_EXACT,
	HOST_SUFFIX, /* what follows "*." */
	PATH_ALL,    /* "/" as a prefix: never looked up, it always matches */
	PATH_PREFIX, /* ends where a segment ends */
	PATH_BELOW,  /* a prefix that ends in '/' */
	PATH_EXACT,
};

/*
 * One text of the configuration: a host's, or a path of one host. A cache line: with
 * thousands of routes each further one that a match touches is a miss. So the text comes
 * first: comparing it reads 32 bytes, however few it is of.
 */
struct entry {
	_Alignas(CACHE_LINE_BYTES) char head[ENTRY_TEXT_MAX]; /* the text, unless longer */
	uint32_t len;
	const char *text; /* NULL: a free place */
	uint64_t hash;
	uint32_t owner; /* the host's number; HOSTS_OWNER for a host */
	enum text_kind kind;
	uint32_t value;     /* of a path: its first route; of a host: its number */
	uint32_t all_first; /* of a host whose only path is "/": its route, else NO_ROUTE */
};

_Static_assert(sizeof(struct entry) == CACHE_LINE_BYTES, "one line");

enum {
	HOSTS_OWNER = UINT32_MAX
};

/* Texts of one kind and length, and the first route among them. */
struct shape {
	uint32_t len;
	enum text_kind kind;
	uint32_t first;
};

struct shapes {
	struct shape *items; /* by `first`, so that a search ends at what it has found */
	size_t n;
};

/* Of an entry for a host whose only path is "/": enough to guess by. */
struct hint {
	uint32_t tag; /* of its hash; 0: none */
	uint32_t route;
};

/*
 * hosts[0] is any host. All texts are in one table with open addressing, at most
 * half full.
 */
struct router {
	struct entry *entries;
	struct hint *hints; /* by entry, and an eighth of their size: likelier to be near */
	size_t mask;        /* number of entries - 1 */
	struct shapes *hosts;
	size_t n_hosts;
	struct shapes suffixes; /* `first` of all routes of the hosts of that length */
	uint32_t exact_first;   /* of all routes of exact hosts */
};

static uint64_t text_hash(struct slice text, uint32_t owner, enum text_kind kind)
{
	return XXH3_64bits_withSeed(text.data, text.len, (uint64_t)owner << 3 | kind);
}

static bool entry_is(const struct entry *entry, struct slice text)
{
	const char *there = text.len <= ENTRY_TEXT_MAX ? entry->head : entry->text;

	return entry->len == text.len && memcmp(there, text.data, text.len) == 0;
}

/* The entry of the text with that hash, or the free one where it belongs. */
static struct entry *entry_find_hashed(const struct router *router, struct slice text,
    uint32_t owner, enum text_kind kind, uint64_t hash)
{
	size_t at = (size_t)hash & router->mask;

	for (;; at = (at + 1) & router->mask) {
		struct entry *entry = &router->entries[at];

		if (entry->text == NULL)
			return entry;
		if (entry->hash == hash && entry->owner == owner && entry->kind == kind &&
		    entry_is(entry, text))
			return entry;
	}
}

static struct entry *entry_find(
    const struct router *router, struct slice text, uint32_t owner, enum text_kind kind)
{
	return entry_find_hashed(router, text, owner, kind, text_hash(text, owner, kind));
}

static struct entry *entry_add(struct router *router, struct slice text, uint32_t owner,
    enum text_kind kind, uint32_t value)
{
	struct entry *entry = entry_find(router, text, owner, kind);

	if (entry->text != NULL)
		return entry;
	*entry = (struct entry) { .text = text.data,
		.hash = text_hash(text, owner, kind),
		.len = (uint32_t)text.len,
		.owner = owner,
		.kind = kind,
		.value = value,
		.all_first = NO_ROUTE };
	if (text.len <= ENTRY_TEXT_MAX)
		memcpy(entry->head, text.data, text.len);
	return entry;
}

/* Routes come in file order, so the first of a shape is the one that makes it. */
static bool shapes_add(struct shapes *shapes, struct slice text, enum text_kind kind,
    uint32_t route, struct error *err)
{
	struct shape *items;

	for (size_t i = 0; i < shapes->n; i++) {
		if (shapes->items[i].len == text.len && shapes->items[i].kind == kind)
			return true;
	}
	items = realloc(shapes->items, (shapes->n + 1) * sizeof(*items));
	if (items == NULL) {
		error_set(err, "out of memory");
		return false;
	}
	items[shapes->n++] =
	    (struct shape) { .len = (uint32_t)text.len, .kind = kind, .first = route };
	shapes->items = items;
	return true;
}

static bool add_path(struct router *router, uint32_t host, const struct route_conf *conf,
    uint32_t route, struct error *err)
{
	struct slice path = slice_of(conf->path);
	enum text_kind kind = conf->path_exact                 ? PATH_EXACT
			      : path.len == 1                  ? PATH_ALL
			      : path.data[path.len - 1] == '/' ? PATH_BELOW
							       : PATH_PREFIX;

	if (kind != PATH_ALL)
		entry_add(router, path, host, kind, route);
	return shapes_add(&router->hosts[host], path, kind, route, err);
}

static bool host_is_plain(struct slice host)
{
	bool is_v6 = host.len > 0 && host.data[0] == '[';

	if (host.len == 0 || host.len > ROUTER_HOST_MAX || host.data[host.len - 1] == '.')
		return false;
	for (size_t i = 0; i < host.len; i++) {
		char c = host.data[i];

		if (c <= ' ' || c == '*' || c == '/' || ascii_lower(c) != c ||
		    (c == ':' && !is_v6))
			return false;
	}
	return true;
}

/* The host's number, a new one where it is new; hosts[] has room. */
static bool add_host(struct router *router, struct slice host, uint32_t route, uint32_t *number,
    struct error *err)
{
	enum text_kind kind = HOST_EXACT;
	struct entry *entry;

	*number = 0;
	if (slice_equal(host, SLICE("*")))
		return true;
	if (host.len > 2 && memcmp(host.data, "*.", 2) == 0) {
		kind = HOST_SUFFIX;
		host.data += 2;
		host.len -= 2;
	}
	if (!host_is_plain(host)) {
		error_set(err,
		    "'%.*s' is not a host: write name, *.suffix or *, in lower case, "
		    "without a port",
		    (int)host.len, host.data);
		return false;
	}
	if (kind == HOST_SUFFIX && !shapes_add(&router->suffixes, host, kind, route, err))
		return false;
	if (kind == HOST_EXACT && router->exact_first == NO_ROUTE)
		router->exact_first = route;
	entry = entry_add(router, host, HOSTS_OWNER, kind, (uint32_t)router->n_hosts);
	*number = entry->value;
	if (entry->value == router->n_hosts)
		router->n_hosts++;
	return true;
}

static bool add_route(
    struct router *router, const struct route_conf *conf, uint32_t route, struct error *err)
{
	if (conf->path[0] != '/' || strchr(conf->path, '?') != NULL) {
		error_set(err, "route %s: path '%s' must begin with '/' and hold no '?'",
		    conf->name, conf->path);
		return false;
	}
	if (conf->hosts.n == 0)
		return add_path(router, 0, conf, route, err);
	for (size_t i = 0; i < conf->hosts.n; i++) {
		uint32_t host;

		if (!add_host(router, slice_of(conf->hosts.items[i]), route, &host, err) ||
		    !add_path(router, host, conf, route, err))
			return false;
	}
	return true;
}

/* Never 0; not of the bits that say where the entry is. */
static uint32_t hint_tag(uint64_t hash)
{
	return (uint32_t)(hash >> 32) | 1;
}

/* Hosts for which a match needs not look at paths. */
static void note_plain_hosts(struct router *router)
{
	for (size_t i = 0; i <= router->mask; i++) {
		struct entry *entry = &router->entries[i];
		const struct shapes *shapes;

		if (entry->text == NULL || entry->owner != HOSTS_OWNER)
			continue;
		shapes = &router->hosts[entry->value];
		if (shapes->n != 1 || shapes->items[0].kind != PATH_ALL)
			continue;
		entry->all_first = shapes->items[0].first;
		if (entry->kind == HOST_EXACT)
			router->hints[i] =
			    (struct hint) { hint_tag(entry->hash), entry->all_first };
	}
}

struct router *router_new(const struct route_conf *routes, size_t n, struct error *err)
{
	struct router *router = calloc(1, sizeof(*router));
	size_t n_hosts = 1;
	size_t n_texts = 0;
	size_t n_entries = 16;

	for (size_t i = 0; i < n; i++) {
		bool is_all = !routes[i].path_exact && strcmp(routes[i].path, "/") == 0;
		size_t n_paths = routes[i].hosts.n > 0 ? routes[i].hosts.n : 1;

		n_hosts += routes[i].hosts.n;
		n_texts += routes[i].hosts.n + (is_all ? 0 : n_paths);
	}
	while (n_entries < 2 * n_texts)
		n_entries *= 2;
	if (router != NULL) {
		router->mask = n_entries - 1;
		router->entries = dense_take(n_entries * sizeof(struct entry));
		router->hints = dense_take(n_entries * sizeof(struct hint));
		router->hosts = calloc(n_hosts, sizeof(*router->hosts));
	}
	if (router == NULL || router->entries == NULL || router->hints == NULL ||
	    router->hosts == NULL || n > INT_MAX) {
		error_set(err, "out of memory for %zu routes", n);
		goto error;
	}
	router->n_hosts = 1;
	router->exact_first = NO_ROUTE;
	for (size_t i = 0; i < n; i++) {
		if (!add_route(router, &routes[i], (uint32_t)i, err))
			goto error;
	}
	note_plain_hosts(router);
	return router;
error:
	router_free(router);
	return NULL;
}

void router_free(struct router *router)
{
	if (router == NULL)
		return;
	for (size_t i = 0; i < router->n_hosts; i++)
		free(router->hosts[i].items);
	free(router->suffixes.items);
	free(router->hosts);
	dense_give(router->entries, (router->mask + 1) * sizeof(struct entry));
	dense_give(router->hints, (router->mask + 1) * sizeof(struct hint));
	free(router);
}

/* Cheap, and wrong for nearly all shapes that do not match: spares a look-up. */
static inline bool shape_fits(const struct shape *shape, struct slice path)
{
	if (path.len <= shape->len)
		return path.len == shape->len;
	switch (shape->kind) {
	case PATH_PREFIX: return path.data[shape->len] == '/';
	case PATH_BELOW: return path.data[shape->len - 1] == '/';
	default: return false;
	}
}

/* The first of this host's routes that matches the path and comes before `best`, or `best`. */
static uint32_t match_path(
    const struct router *router, uint32_t host, struct slice path, uint32_t best)
{
	const struct shapes *shapes = &router->hosts[host];

	for (size_t i = 0; i < shapes->n && shapes->items[i].first < best; i++) {
		const struct shape *shape = &shapes->items[i];
		const struct entry *entry;

		if (shape->kind == PATH_ALL) {
			best = shape->first;
			break;
		}
		if (!shape_fits(shape, path))
			continue;
		entry = entry_find(
		    router, (struct slice) { path.data, shape->len }, host, shape->kind);
		if (entry->text != NULL && entry->value < best)
			best = entry->value;
	}
	return best;
}

/* The authority's host as rules are written; empty where it cannot match any. */
static struct slice host_of(struct slice authority, char lower[ROUTER_HOST_MAX])
{
	struct slice host = authority;
	bool is_v6 = host.len > 0 && host.data[0] == '[';
	const char *end = host.len > 0 ? memchr(host.data, is_v6 ? ']' : ':', host.len) : NULL;

	if (end != NULL)
		host.len = (size_t)(end - host.data) + (is_v6 ? 1 : 0);
	if (host.len > 0 && host.data[host.len - 1] == '.')
		host.len--;
	if (host.len > ROUTER_HOST_MAX)
		return (struct slice) { 0 };
	for (size_t i = 0; i < host.len; i++)
		lower[i] = ascii_lower(host.data[i]);
	return (struct slice) { lower, host.len };
}

static uint32_t match_host(
    const struct router *router, const struct entry *host, struct slice path, uint32_t best)
{
	if (host->text == NULL)
		return best;
	if (host->all_first != NO_ROUTE)
		return host->all_first < best ? host->all_first : best;
	return match_path(router, host->value, path, best);
}

static uint32_t match_named_host(const struct router *router, const struct router_host *named,
    struct slice path, uint32_t best)
{
	struct slice host = named->name;

	if (router->exact_first < best)
		best = match_host(router,
		    entry_find_hashed(router, host, HOSTS_OWNER, HOST_EXACT, named->hash), path,
		    best);
	for (size_t i = 0; i < router->suffixes.n && router->suffixes.items[i].first < best;
	     i++) {
		size_t len = router->suffixes.items[i].len;
		struct slice suffix;

		if (host.len < len + 2 || host.data[host.len - len - 1] != '.')
			continue;
		suffix = (struct slice) { host.data + host.len - len, len };
		best = match_host(
		    router, entry_find(router, suffix, HOSTS_OWNER, HOST_SUFFIX), path, best);
	}
	return best;
}

static bool names_hosts(const struct router *router)
{
	return router->exact_first != NO_ROUTE || router->suffixes.n > 0;
}

void router_host_take(
    const struct router *router, struct slice authority, struct router_host *host)
{
	size_t at;

	host->name = (struct slice) { 0 };
	if (!names_hosts(router))
		return;
	host->name = host_of(authority, host->lower);
	host->hash = text_hash(host->name, HOSTS_OWNER, HOST_EXACT);
	at = (size_t)host->hash & router->mask;
	__builtin_prefetch(&router->hints[at]);
	__builtin_prefetch(&router->entries[at]);
}

int router_guess(const struct router *router, const struct router_host *host)
{
	uint32_t tag = hint_tag(host->hash);

	for (size_t i = 0; host->name.len > 0 && i < HINT_LOOKS; i++) {
		const struct hint *hint =
		    &router->hints[((size_t)host->hash + i) & router->mask];

		if (hint->tag == tag)
			return (int)hint->route;
	}
	return -1;
}

int router_find(const struct router *router, const struct router_host *host, struct slice path)
{
	uint32_t best = match_path(router, 0, path, NO_ROUTE);
	uint32_t suffix_first =
	    router->suffixes.n > 0 ? router->suffixes.items[0].first : NO_ROUTE;

	if (host->name.len > 0 && (router->exact_first < best || suffix_first < best))
		best = match_named_host(router, host, path, best);
	return best == NO_ROUTE ? -1 : (int)best;
}

int router_match(const struct router *router, struct slice authority, struct slice path)
{
	struct router_host host;

	router_host_take(router, authority, &host);
	return router_find(router, &host, path);
}
