/*
 * How one worker's share of the descriptors is spent. What is not a client's, a
 * server's or a pipe's comes first: listening, the journal, the admin API, webhooks.
 *
 *     | process | worker, listeners | clients | servers, at work or idle | pipes |
 *
 * Each client may need a server, so there are as many of the one as of the other.
 * Pipes only save work: they get an eighth, 256 at most, and who finds none copies.
 *
 * Sans-IO.
 */
#ifndef PROXY_DESCRIPTORS_H
#define PROXY_DESCRIPTORS_H

#include <stddef.h>
#include <stdint.h>

struct descriptor_budget {
	uint32_t max_clients; /* at least 1; servers likewise */
	uint32_t max_pipes;   /* of two descriptors each */
};

/* Of one of so many workers, with so many listening sockets each. UINT64_MAX: no limit. */
struct descriptor_budget descriptor_budget(uint64_t limit, size_t workers, size_t listeners);

#endif
