#include "conf/resolve.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>

static const struct addrinfo *choose(const struct addrinfo *list)
{
	for (const struct addrinfo *item = list; item != NULL; item = item->ai_next) {
		if (item->ai_family == AF_INET)
			return item;
	}
	return list;
}

bool resolve_server(
    const char *host, const char *port, struct address *address, struct error *err)
{
	struct addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICSERV,
	};
	struct addrinfo *list;
	const struct addrinfo *chosen;
	int status = getaddrinfo(host, port, &hints, &list);

	if (status != 0) {
		error_set(err, "cannot resolve '%s': %s", host,
		    status == EAI_SYSTEM ? strerror(errno) : gai_strerror(status));
		return false;
	}
	chosen = choose(list);
	*address = (struct address) { .len = chosen->ai_addrlen };
	memcpy(&address->storage, chosen->ai_addr, chosen->ai_addrlen);
	freeaddrinfo(list);
	return true;
}
