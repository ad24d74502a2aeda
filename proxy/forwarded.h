/*
 * Who a request comes from, as proxies tell each other: X-Forwarded-For, -Proto and
 * -Host, and Forwarded (RFC 7239).
 *
 *     peer        policy     X-Forwarded-For        -Proto, -Host       Forwarded      others
 *     trusted     any        theirs, peer           theirs, else own    theirs, own    theirs
 *     untrusted   replace    peer                   own                 own            none
 *     untrusted   append     theirs, peer           own                 theirs, own    theirs
 *     untrusted   drop       none                   none                none           none
 *
 * where the style has that field; else it is dropped. Each is one field in the end,
 * however many came, but for a trusted peer's -Proto and -Host, which stay as they are.
 * Others are X-Real-IP and all else that begins with X-Forwarded-, in any style.
 *
 * Sans-IO. Ownership: new slices point into the context, the message or the arena.
 */
#ifndef PROXY_FORWARDED_H
#define PROXY_FORWARDED_H

#include "base/address.h"
#include "base/arena.h"
#include "base/message.h"
#include "base/network.h"
#include "conf/config.h"
#include "proxy/h1_head.h"

struct forwarded_context {
	struct slice peer; /* as address_format_host() writes it: "192.0.2.7", "::1" */
	bool peer_is_trusted;
	struct slice proto; /* "http" */
	enum untrusted_forwarded policy;
	enum forwarded_style style;
};

/*
 * Settles these fields of a request; its authority is the one the client sent. A
 * Forwarded whose quotes do not match is not appended to but replaced: what comes
 * behind it could not be told from it. Without a trusted peer, with the policy
 * REPLACE and the style X, it appends at most three fields and copies nothing.
 * False with a 431 where there are too many fields or the arena is full.
 */
__attribute__((warn_unused_result)) bool forwarded_apply(
    const struct forwarded_context *context, struct message *request, struct arena *arena,
    struct h1_fault *fault);

/* Elements of X-Forwarded-For that are looked at, from the right. */
enum {
	FORWARDED_ELEMENTS_MAX = 64
};

/*
 * The client's address: the peer's, or where that is trusted, the rightmost in
 * X-Forwarded-For that is not itself trusted (all fields are one list; a port is
 * left out). What is no address ends the walk, as do too many elements: the last
 * one before counts. Before forwarded_apply(). The result is `peer`, or is written
 * to `text` as address_format_host() would.
 */
struct slice forwarded_client(const struct message *request, struct slice peer,
    bool peer_is_trusted, const struct network_set *trusted, char text[ADDRESS_TEXT_SIZE]);

#endif
