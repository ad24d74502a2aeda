/*
 * A tester's signed leave to choose an arm, wherever the request comes from:
 *
 *     v1.<route>.<arm>.<expiry>.<flags>.<signature>
 *
 *     route      a route's name, or `*`: any
 *     arm        legacy, canary, or any: the bucket's, kept out of the statistics
 *     expiry     seconds since 1970, from which on it is void
 *     flags      `s`: synthetic, a drill may fail its requests; `-`: none
 *     signature  HMAC-SHA-256 of all before its dot, in base64url
 *
 * It is read from its end, since a route's name may hold dots. It comes as the field
 * `Weir-Token`, or else as the cookie `weir_token`; neither goes any further.
 *
 * Time       wall-clock seconds, as an argument.
 */
#ifndef ROUTER_TOKEN_H
#define ROUTER_TOKEN_H

#include "base/arena.h"
#include "base/arm.h"
#include "base/message.h"
#include "base/secret.h"

enum {
	TOKEN_SIZE = 160 /* the longest with its end: a route's name has at most 40 bytes */
};

struct token {
	bool any_arm; /* else `arm` */
	enum arm arm;
	bool synthetic;
	int64_t expires_s;
};

enum token_state {
	TOKEN_ABSENT,
	TOKEN_GOOD,
	TOKEN_MALFORMED,
	TOKEN_OTHER_ROUTE,
	TOKEN_EXPIRED,
	TOKEN_FORGED, /* not signed with this key */
};

/* False where the route's name is too long, or out of memory. */
__attribute__((warn_unused_result)) bool token_write(const struct secret *key,
    const char *route, const struct token *token, char text[TOKEN_SIZE], struct error *err);

/*
 * What it allows on that route. *token is set only with TOKEN_GOOD. What needs no
 * key is looked at first: nobody's nonsense costs a signature.
 */
enum token_state token_read(const struct secret *key, struct slice text, const char *route,
    int64_t now_s, struct token *token);

/* The text of the request's token. False: it has none. */
bool token_find(const struct message *request, struct slice *text);

/* Takes tokens out of the request. False where the arena is full. */
__attribute__((warn_unused_result)) bool token_strip(
    struct message *request, struct arena *arena);

/* "the token has expired" */
const char *token_state_words(enum token_state state);

#endif
