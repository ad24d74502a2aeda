#include "proxy/descriptors.h"

enum {
	/* Of the process: the store, the admin API and its clients, webhooks, a reload. */
	PROCESS_RESERVED = 32,
	/* Of each worker, beside its listening sockets. */
	WORKER_RESERVED = 8,
	/* The share of pipes, and how many are enough: each holds up to 1 MiB of the kernel's.
	 */
	ONE_IN = 8,
	PIPES_ENOUGH = 256,
};

static uint64_t less(uint64_t n, uint64_t taken)
{
	return n > taken ? n - taken : 0;
}

static uint32_t clamp(uint64_t n)
{
	return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

struct descriptor_budget descriptor_budget(uint64_t limit, size_t workers, size_t listeners)
{
	uint64_t share =
	    less(less(limit, PROCESS_RESERVED) / workers, WORKER_RESERVED + listeners);
	uint64_t pipes = share / ONE_IN / 2;
	uint64_t clients;

	if (pipes > PIPES_ENOUGH)
		pipes = PIPES_ENOUGH;
	clients = (share - 2 * pipes) / 2;

	return (struct descriptor_budget) {
		.max_clients = clamp(clients > 0 ? clients : 1),
		.max_pipes = clamp(pipes),
	};
}
