/*
 * Requests whose arm is chosen by who sends them, and not by their bucket: testers'
 * and drills'. They are kept out of the statistics.
 *
 *     token      signed, from anyone, where the configuration names a key: it wins
 *     rules      the route's `force`, in their order; those by header or cookie only
 *                from clients in its force_from, those by address are trust enough
 *
 * A rule or token that does not hold is passed over in silence: the request goes
 * where its bucket says.
 *
 * Time       wall-clock seconds, as an argument.
 */
#ifndef ROUTER_FORCED_H
#define ROUTER_FORCED_H

#include "base/message.h"
#include "base/secret.h"
#include "conf/config.h"
#include "router/token.h"

struct forced_request {
	const struct route_conf *route;
	const struct message *message;
	struct slice client_ip;         /* text without a port, behind trusted proxies */
	const struct secret *token_key; /* len 0: no token holds */
	int64_t now_s;
};

struct forced {
	bool is_forced;                /* then it does not count */
	bool has_arm;                  /* else the bucket's (a token for any arm) */
	enum arm arm;                  /* with has_arm */
	bool synthetic;                /* a drill may fail it */
	const struct force_rule *rule; /* that holds; NULL: none, or a token did */
	enum token_state token;
};

/* Whether there is anything to look for on that route. */
bool forced_is_possible(const struct route_conf *route, const struct secret *token_key);

void forced_find(const struct forced_request *request, struct forced *forced);

#endif
