#include "proxy/route_ahead.h"

#include "base/cache_line.h"

#include <strings.h>

enum {
	PEEK_FIELDS = 4, /* Host is the first as a rule (RFC 9110 7.2) */
};

static const char *next_line(const char *at, const char *end)
{
	const char *newline = memchr(at, '\n', (size_t)(end - at));

	return newline != NULL ? newline + 1 : end;
}

/* The value of Host, if it is among the first fields; or empty. */
static struct slice peek_host(struct slice input)
{
	static const char name[] = "host:";
	const size_t len = sizeof(name) - 1;
	const char *end = input.data + input.len;
	const char *at = next_line(input.data, end);

	for (int i = 0; i < PEEK_FIELDS && (size_t)(end - at) > len; i++) {
		if (strncasecmp(at, name, len) == 0) {
			const char *value = at + len;
			const char *stop = memchr(value, '\r', (size_t)(end - value));

			while (stop != NULL && value < stop && *value == ' ')
				value++;
			if (stop != NULL)
				return (struct slice) { value, (size_t)(stop - value) };
			break;
		}
		at = next_line(at, end);
	}
	return (struct slice) { 0 };
}

void route_ahead_peek(
    struct route_ahead *ahead, const struct snapshot *snapshot, struct slice input)
{
	ahead->authority = (struct slice) { 0 };
	ahead->likely = NULL;
	if (snapshot->n_routes == 1)
		return;
	ahead->authority = peek_host(input);
	if (ahead->authority.len > 0)
		router_host_take(snapshot->router, ahead->authority, &ahead->host);
}

static const struct route *guess(
    const struct snapshot *snapshot, const struct router_host *host)
{
	int index = router_guess(snapshot->router, host);
	const struct route *route = index >= 0 ? &snapshot->routes[index] : NULL;

	for (size_t at = 0; route != NULL && at < sizeof(*route); at += CACHE_LINE_BYTES)
		__builtin_prefetch((const char *)route + at);
	return route;
}

void route_ahead_guess(struct route_ahead *ahead, const struct snapshot *snapshot)
{
	if (ahead->authority.len > 0)
		ahead->likely = guess(snapshot, &ahead->host);
}

static void fetch_parts(const struct route *route)
{
	__builtin_prefetch(route->stats);
	__builtin_prefetch(route->live);
}

const struct router_host *route_ahead_settle(
    struct route_ahead *ahead, const struct snapshot *snapshot, struct slice authority)
{
	bool peeked = ahead->authority.len > 0 && ahead->authority.data == authority.data &&
		      ahead->authority.len == authority.len;

	if (!peeked) {
		router_host_take(snapshot->router, authority, &ahead->host);
		ahead->likely = guess(snapshot, &ahead->host);
	}
	if (ahead->likely != NULL)
		fetch_parts(ahead->likely);
	route_ahead_forget(ahead);
	return &ahead->host;
}
