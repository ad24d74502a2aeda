#include "proxy/waiting.h"

/* True where the control thread should look at once. */
static bool count(struct relay *relay, uint64_t now_us)
{
	const struct exchange *ex = &relay->exchange;
	struct route_live *live = relay->route->live;
	uint32_t generation = atomic_load_explicit(&live->generation, memory_order_relaxed);
	unsigned was_slow = ex->outcome.was_slow;
	bool urgent;

	if (!relay->has_arm || ex->first_byte_us > 0 || ex->forwarded_us == 0 ||
	    now_us <= ex->forwarded_us)
		return false;
	urgent = route_stats_in_flight(live->stats, relay->worker->index, generation,
	    &relay->exchange.outcome, now_us - ex->forwarded_us);
	if (urgent || relay->exchange.outcome.was_slow > was_slow)
		relay_touch(relay, true);
	return urgent;
}

void waiting_sweep(struct worker *worker)
{
	uint64_t now_us = worker_now_us(worker);
	bool urgent = false;

	for (struct relay *relay = worker->waiting; relay != NULL; relay = relay->next_waiting)
		urgent |= count(relay, now_us);
	if (urgent)
		worker_wake_control(worker);
}
