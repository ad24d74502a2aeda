/*
 * One thread of the data plane: an event loop, its listening sockets, clients,
 * server connections and pools. It shares nothing with other workers but the
 * snapshot, the live weights, and the counters it alone writes.
 *
 * Thread     worker_start() and worker_publish() and worker_stop() are the control
 *            thread's; everything else is the worker's own.
 * Time       read once in each turn of the loop: worker_now_us().
 */
#ifndef PROXY_WORKER_H
#define PROXY_WORKER_H

#include "base/message.h"
#include "base/slab.h"
#include "conf/config.h"
#include "proxy/deadline.h"
#include "proxy/descriptors.h"
#include "proxy/pipe.h"
#include "proxy/route_ahead.h"

#include <event2/event_struct.h>
#include <pthread.h>

/* The most that one read takes, whatever max_buffered says. */
enum {
	WORKER_READ_BYTES = BUFFERED_MAX_BYTES,
	WORKER_HEAD_ROOM = 1024, /* for what weir adds to a head that was read behind it */
};

/* A listening socket as one worker uses it; lives while clients came by it. */
struct acceptor {
	struct acceptor *next;
	struct worker *worker;
	struct listener *listener; /* a reference; NULL once it is no longer configured */
	struct listen_conf conf;   /* a copy; its strings are not to be used */
	struct event event;
	bool paused; /* out of descriptors, or at max_connections */
	uint32_t n_clients;
	uint32_t refs; /* clients, and 1 while configured */
};

struct client;
struct relay;

struct worker {
	size_t index;
	struct event_base *base;
	struct worker_view *view;
	struct acceptor *acceptors;
	struct deadlines client_deadlines;
	struct deadlines server_deadlines;
	struct client *clients; /* all of them, newest first */
	uint32_t n_clients;
	uint32_t n_exchanges;            /* clients at it, each with a server at most */
	uint32_t n_idle_servers;         /* in all pools */
	struct descriptor_budget budget; /* what the limit of open files allows */
	uint32_t next_to_evict;          /* an upstream of the view's */
	uint64_t complain_ms;            /* not to log the same trouble before this */
	struct relay *waiting;           /* for an answer, newest first: proxy/waiting.h */
	struct relay *spare_relays;      /* recycled, newest first */
	uint32_t n_spare_relays;
	uint32_t fewest_spare_relays; /* since they were last trimmed */
	uint32_t ticks;
	struct slab client_memory;
	struct slab server_conn_memory;
	struct pipes pipes;

	uint64_t now_us; /* of this turn; 0: not read yet */
	uint32_t turn;   /* counts the turns of the loop */
	uint64_t random[2];
	char date[32]; /* IMF-fixdate (RFC 9110 5.6.7), of this second */
	uint64_t date_s;
	struct message message;   /* the head being read: used within one callback */
	struct route_ahead ahead; /* likewise */
	char scratch[WORKER_HEAD_ROOM + WORKER_READ_BYTES];

	struct event tick;                /* each 100 ms: deadlines, date, spare memory */
	struct event wakeup;              /* from the control thread */
	int tick_fd;                      /* timerfd */
	int wakeup_fd;                    /* eventfd */
	int control_fd;                   /* eventfd that wakes the control thread */
	_Atomic(struct snapshot *) inbox; /* published, not yet picked up: one reference */
	atomic_bool stop;                 /* close idle clients, finish the rest, end */
	atomic_bool kill;                 /* end now */
	bool stopping;
	atomic_bool ended;
	pthread_t thread;
};

/*
 * Takes a reference to the snapshot of its own; serves at once. control_fd is an
 * eventfd it adds 1 to when evidence should be looked at now. NULL: err says why.
 */
__attribute__((warn_unused_result)) struct worker *worker_start(
    size_t index, struct snapshot *snapshot, int control_fd, struct error *err);

/* It changes over at its next turn; exchanges under way keep what they have. */
void worker_publish(struct worker *worker, struct snapshot *snapshot);

/* Asks it to take no more clients and to end when the last exchange has. */
void worker_stop(struct worker *worker);

/* Asks it to end at once; whatever is under way is cut off. */
void worker_kill(struct worker *worker);

/* Waits for its end and frees it. Only after worker_stop() or worker_kill(). */
void worker_join(struct worker *worker);

/* True once it has ended: worker_join() will not wait. */
bool worker_has_ended(struct worker *worker);

/* Monotonic time of this turn of the loop. */
uint64_t worker_now_us(struct worker *worker);
static inline uint64_t worker_now_ms(struct worker *worker)
{
	return worker_now_us(worker) / 1000;
}

/* The current view, one reference more; worker_view_unref() gives it back. */
struct worker_view *worker_view_ref(struct worker *worker);
void worker_view_unref(struct worker_view *view);

/* The descriptors of clients and servers, as far as they can be known ahead. */
static inline bool worker_has_room(const struct worker *worker)
{
	return (uint64_t)worker->n_clients + worker->n_exchanges + worker->n_idle_servers <=
	       2 * (uint64_t)worker->budget.max_clients;
}

/* Closes an idle connection to a server, the oldest of one that has some. */
void worker_evict_idle(struct worker *worker);

/* A client has come, or needs a server: connections that may still be used give way. */
static inline void worker_make_room(struct worker *worker)
{
	if (!worker_has_room(worker) && worker->n_idle_servers > 0)
		worker_evict_idle(worker);
}

struct slice worker_date(const struct worker *worker);

/* 64 bits that no two requests share, not secret. */
uint64_t worker_random(struct worker *worker);

/* Evidence has come that should not wait for the next tick. */
void worker_wake_control(struct worker *worker);

/* A client has gone: its acceptor may take another. */
void acceptor_unref(struct acceptor *acceptor);

/* The last client of a stopping worker has gone. */
void worker_check_end(struct worker *worker);

#endif
