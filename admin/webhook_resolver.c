#include "admin/webhook_resolver.h"

#include "base/log.h"

#include <event2/dns.h>
#include <event2/util.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char resolv_conf[] = "/etc/resolv.conf";

struct webhook_resolver {
	struct event_base *base;
	struct evdns_base *dns; /* NULL before the first name */
};

/*
 * evdns calls back late even for what was cancelled, maybe after the resolver is
 * gone: the lookup stays until then, and touches nobody.
 */
struct webhook_lookup {
	struct evdns_getaddrinfo_request *request; /* NULL while it is being made */
	webhook_lookup_done_fn *done;              /* NULL: cancelled */
	void *arg;
	bool over; /* before webhook_resolver_find() returned */
};

struct webhook_resolver *webhook_resolver_new(struct event_base *base)
{
	struct webhook_resolver *resolver = calloc(1, sizeof(*resolver));

	if (resolver != NULL)
		resolver->base = base;
	return resolver;
}

void webhook_resolver_free(struct webhook_resolver *resolver)
{
	if (resolver->dns != NULL)
		evdns_base_free(resolver->dns, 1);
	free(resolver);
}

static void on_resolver_log(int is_warning, const char *text)
{
	log_line(is_warning ? LOG_LEVEL_WARN : LOG_LEVEL_DEBUG, "resolver: %s", text);
}

/* Machines move between networks: the files are read anew for each name. */
static bool read_files(struct webhook_resolver *resolver)
{
	if (resolver->dns == NULL) {
		evdns_set_log_fn(on_resolver_log);
		resolver->dns =
		    evdns_base_new(resolver->base, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
		if (resolver->dns == NULL)
			return false;
	} else {
		evdns_base_clear_nameservers_and_suspend(resolver->dns);
		evdns_base_clear_host_addresses(resolver->dns);
		evdns_base_search_clear(resolver->dns);
	}
	/* Where it cannot be read, evdns falls back on a name server of this host. */
	evdns_base_resolv_conf_parse(resolver->dns, DNS_OPTIONS_ALL, resolv_conf);
	evdns_base_resume(resolver->dns);
	return true;
}

static size_t copy_addresses(
    const struct evutil_addrinfo *list, struct address addresses[WEBHOOK_ADDRESSES_MAX])
{
	size_t n = 0;

	for (; list != NULL && n < WEBHOOK_ADDRESSES_MAX; list = list->ai_next) {
		if (list->ai_addrlen > sizeof(addresses[n].storage))
			continue;
		memcpy(&addresses[n].storage, list->ai_addr, list->ai_addrlen);
		addresses[n++].len = (socklen_t)list->ai_addrlen;
	}
	return n;
}

static void on_found(int error, struct evutil_addrinfo *list, void *arg)
{
	struct webhook_lookup *lookup = arg;
	struct address addresses[WEBHOOK_ADDRESSES_MAX];
	size_t n = error == 0 ? copy_addresses(list, addresses) : 0;

	if (list != NULL)
		evutil_freeaddrinfo(list);
	if (lookup->done != NULL)
		lookup->done(lookup->arg, addresses, n,
		    error == EVUTIL_EAI_NONAME ? "no such name"
		    : error != 0               ? evutil_gai_strerror(error)
					       : "it has no address");
	if (lookup->request == NULL)
		lookup->over = true; /* webhook_resolver_find() frees it */
	else
		free(lookup);
}

static bool is_ip(const char *host, uint16_t port, struct address *address)
{
	char text[ADDRESS_TEXT_SIZE];
	bool ipv6 = strchr(host, ':') != NULL;
	int n = snprintf(
	    text, sizeof(text), "%s%s%s:%u", ipv6 ? "[" : "", host, ipv6 ? "]" : "", port);

	return n > 0 && (size_t)n < sizeof(text) && host[0] != '*' &&
	       address_parse(text, address, NULL);
}

struct webhook_lookup *webhook_resolver_find(struct webhook_resolver *resolver,
    const char *host, uint16_t port, webhook_lookup_done_fn *done, void *arg)
{
	struct evutil_addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_protocol = IPPROTO_TCP,
		.ai_flags = EVUTIL_AI_ADDRCONFIG,
	};
	struct webhook_lookup *lookup;
	struct address address;
	char service[8];

	if (is_ip(host, port, &address)) {
		done(arg, &address, 1, NULL);
		return NULL;
	}
	lookup = calloc(1, sizeof(*lookup));
	if (lookup == NULL || !read_files(resolver)) {
		free(lookup);
		done(arg, NULL, 0, "out of memory");
		return NULL;
	}
	*lookup = (struct webhook_lookup) { .done = done, .arg = arg };
	snprintf(service, sizeof(service), "%u", port);
	lookup->request =
	    evdns_getaddrinfo(resolver->dns, host, service, &hints, on_found, lookup);
	if (!lookup->over)
		return lookup;
	free(lookup);
	return NULL;
}

void webhook_lookup_cancel(struct webhook_lookup *lookup)
{
	lookup->done = NULL;
	evdns_getaddrinfo_cancel(lookup->request);
}
