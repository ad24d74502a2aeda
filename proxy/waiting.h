/*
 * The exchanges of a worker whose answer is awaited: what is slow counts when it
 * becomes slow, not when it ends, lest a canary that hangs looks idle.
 *
 * Thread     one worker's.
 * Ownership  none: links inside relays. A relay leaves when its outcome is recorded.
 */
#ifndef PROXY_WAITING_H
#define PROXY_WAITING_H

#include "proxy/relay.h"

/* Its request is with the server. */
static inline void waiting_join(struct relay *relay)
{
	struct relay **first = &relay->worker->waiting;

	if (relay->is_waiting)
		return;
	relay->is_waiting = true;
	relay->prev_waiting = NULL;
	relay->next_waiting = *first;
	if (*first != NULL)
		(*first)->prev_waiting = relay;
	*first = relay;
}

static inline void waiting_leave(struct relay *relay)
{
	if (!relay->is_waiting)
		return;
	relay->is_waiting = false;
	if (relay->prev_waiting != NULL)
		relay->prev_waiting->next_waiting = relay->next_waiting;
	else
		relay->worker->waiting = relay->next_waiting;
	if (relay->next_waiting != NULL)
		relay->next_waiting->prev_waiting = relay->prev_waiting;
}

/* Counts what has become slow since; every 100 ms. */
void waiting_sweep(struct worker *worker);

#endif
