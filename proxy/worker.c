#include "proxy/worker.h"

#include "base/clock.h"
#include "base/log.h"
#include "proxy/client.h"
#include "proxy/listener.h"
#include "proxy/relay.h"
#include "proxy/waiting.h"
#include "proxy/server_conn.h"

#include <assert.h>
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum {
	TICK_MS = 100,
	/* A trouble that goes on is logged so often. */
	COMPLAIN_EVERY_MS = 1000,
	/* Connections taken in one turn, so that the others get theirs. */
	ACCEPTS_AT_ONCE = 32,
	/* Spare relays that stay; the others are freed so often, and so many at once. */
	SPARE_RELAYS = 8,
	TRIM_EVERY_TICKS = 10,
	RELAYS_FREED_AT_ONCE = 4096,
};

uint64_t worker_now_us(struct worker *worker)
{
	if (worker->now_us == 0)
		worker->now_us = clock_monotonic_us();
	return worker->now_us;
}

struct slice worker_date(const struct worker *worker)
{
	return slice_of(worker->date);
}

/* splitmix64 (Steele, Lea, Flood 2014), from a seed of the system's. */
uint64_t worker_random(struct worker *worker)
{
	uint64_t z = worker->random[0] += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31) ^ worker->random[1];
}

static void signal_fd(int fd)
{
	uint64_t one = 1;

	/* A full counter has been signalled already. */
	if (write(fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		log_error("cannot signal a thread: %s", strerror(errno));
}

void worker_wake_control(struct worker *worker)
{
	signal_fd(worker->control_fd);
}

struct worker_view *worker_view_ref(struct worker *worker)
{
	worker->view->refs++;
	return worker->view;
}

void worker_view_unref(struct worker_view *view)
{
	if (--view->refs == 0)
		snapshot_unref(view->snapshot);
}

static void update_date(struct worker *worker)
{
	time_t now = (time_t)(clock_wall_us() / 1000000);
	struct tm utc;

	if (worker->date_s == (uint64_t)now)
		return;
	worker->date_s = (uint64_t)now;
	gmtime_r(&now, &utc);
	strftime(worker->date, sizeof(worker->date), "%a, %d %b %Y %H:%M:%S GMT", &utc);
}

void acceptor_unref(struct acceptor *acceptor)
{
	if (--acceptor->refs == 0)
		free(acceptor);
}

/* Out of descriptors: the next tick tries again, instead of a busy loop. */
static void pause_accepting(struct acceptor *acceptor)
{
	event_del(&acceptor->event);
	acceptor->paused = true;
}

static bool may_accept(const struct acceptor *acceptor)
{
	if (acceptor->worker->n_clients >= acceptor->worker->budget.max_clients)
		return false;
	return acceptor->conf.max_connections == 0 ||
	       acceptor->n_clients < acceptor->conf.max_connections;
}

enum accepted {
	ACCEPTED,
	ACCEPTED_NONE, /* nobody waits */
	ACCEPTED_OUT,  /* of descriptors or memory */
};

static enum accepted accept_one(struct acceptor *acceptor, int fd)
{
	struct address peer = { .len = sizeof(peer.storage) };
	int client_fd;

	do
		client_fd = accept4(fd, (struct sockaddr *)&peer.storage, &peer.len,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);
	while (client_fd < 0 && (errno == ECONNABORTED || errno == EINTR));
	if (client_fd >= 0) {
		client_accept(acceptor, client_fd, &peer);
		return ACCEPTED;
	}
	return errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM
		   ? ACCEPTED_OUT
		   : ACCEPTED_NONE;
}

static void on_acceptable(evutil_socket_t fd, short what, void *arg)
{
	struct acceptor *acceptor = arg;
	struct worker *worker = acceptor->worker;

	(void)what;
	for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
		if (!may_accept(acceptor)) {
			pause_accepting(acceptor);
			return;
		}
		switch (accept_one(acceptor, (int)fd)) {
		case ACCEPTED: continue;
		case ACCEPTED_NONE: return;
		case ACCEPTED_OUT: break;
		}
		pause_accepting(acceptor);
		if (worker_now_ms(worker) >= worker->complain_ms) {
			log_error("cannot accept connections: %s", strerror(errno));
			worker->complain_ms = worker_now_ms(worker) + COMPLAIN_EVERY_MS;
		}
		return;
	}
}

static void resume_accepting(struct worker *worker)
{
	for (struct acceptor *a = worker->acceptors; a != NULL; a = a->next) {
		if (a->paused && may_accept(a) && event_add(&a->event, NULL) == 0)
			a->paused = false;
	}
}

static bool acceptor_new(
    struct worker *worker, struct listener *listener, const struct listen_conf *conf)
{
	struct acceptor *acceptor = calloc(1, sizeof(*acceptor));

	if (acceptor == NULL)
		return false;
	acceptor->worker = worker;
	acceptor->conf = *conf;
	acceptor->refs = 1;
	event_assign(&acceptor->event, worker->base, listener->fds[worker->index],
	    EV_READ | EV_PERSIST, on_acceptable, acceptor);
	if (event_add(&acceptor->event, NULL) < 0) {
		free(acceptor);
		return false;
	}
	acceptor->listener = listener_ref(listener);
	acceptor->next = worker->acceptors;
	worker->acceptors = acceptor;
	return true;
}

/* Takes what has already connected: it would be reset otherwise. */
static void acceptor_retire(struct acceptor *acceptor)
{
	int *fd = &acceptor->listener->fds[acceptor->worker->index];

	while (accept_one(acceptor, *fd) == ACCEPTED)
		continue;
	if (!acceptor->paused)
		event_del(&acceptor->event);
	close(*fd);
	*fd = -1;
	listener_unref(acceptor->listener);
	acceptor->listener = NULL;
	acceptor_unref(acceptor);
}

static struct acceptor *find_acceptor(struct worker *worker, const struct listener *listener)
{
	struct acceptor *a = worker->acceptors;

	while (a != NULL && a->listener != listener)
		a = a->next;
	return a;
}

/* Only what the newest snapshot has stays; generation 0 retires them all. */
static void retire_acceptors(struct worker *worker, const struct snapshot *current)
{
	struct acceptor **at = &worker->acceptors;

	while (*at != NULL) {
		struct acceptor *a = *at;

		if (current != NULL &&
		    atomic_load(&a->listener->generation) >= current->generation) {
			at = &a->next;
			continue;
		}
		*at = a->next;
		acceptor_retire(a);
	}
}

/* Who is trusted changes at once, as all else does, also on connections that are open. */
static void acceptor_set_conf(struct acceptor *acceptor, const struct listen_conf *conf)
{
	bool same = memcmp(&acceptor->conf.trusted_networks, &conf->trusted_networks,
			sizeof(conf->trusted_networks)) == 0;

	acceptor->conf = *conf;
	if (same)
		return;
	for (struct client *c = acceptor->worker->clients; c != NULL; c = c->older) {
		if (c->acceptor == acceptor)
			client_settle_trust(c);
	}
}

static void adopt_listeners(struct worker *worker, const struct snapshot *next)
{
	for (size_t i = 0; i < next->n_listeners; i++) {
		const struct listen_conf *conf = &next->config->listens[i];
		struct acceptor *a = find_acceptor(worker, next->listeners[i]);

		if (a != NULL)
			acceptor_set_conf(a, conf);
		else if (!acceptor_new(worker, next->listeners[i], conf))
			log_error("worker %zu does not listen on %s: out of memory",
			    worker->index, next->listeners[i]->bound);
	}
	retire_acceptors(worker, next);
}

static void close_idle_servers(
    struct worker *worker, const struct snapshot *before, uint32_t keep)
{
	for (size_t u = 0; u < before->n_upstreams; u++) {
		for (size_t s = 0; s < before->upstreams[u].n_servers; s++) {
			struct server *server = before->upstreams[u].servers[s];

			if (atomic_load(&server->generation) < keep)
				server_conns_close_idle(server, worker->index);
		}
	}
}

/* Upstreams take turns, lest one lose all it has for another's sake. */
void worker_evict_idle(struct worker *worker)
{
	const struct snapshot *snapshot = worker->view->snapshot;

	for (size_t n = 0; n < snapshot->n_upstreams; n++) {
		const struct upstream *upstream =
		    &snapshot->upstreams[worker->next_to_evict++ % snapshot->n_upstreams];

		for (size_t s = 0; s < upstream->n_servers; s++) {
			struct pool *pool = &upstream->servers[s]->pools[worker->index];

			if (pool->oldest != NULL) {
				server_conn_close(pool->oldest);
				return;
			}
		}
	}
}

/* Listeners may come and go with a reload, and each is a descriptor. */
static void settle_budget(struct worker *worker)
{
	const struct snapshot *snapshot = worker->view->snapshot;
	struct rlimit limit = { .rlim_cur = RLIM_INFINITY };

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
		limit.rlim_cur = UINT64_MAX;
	worker->budget =
	    descriptor_budget(limit.rlim_cur, snapshot->workers, snapshot->n_listeners);
	worker->pipes.max_open = worker->budget.max_pipes;
}

/* Takes the reference. What is under way goes on with the view it has. */
static void adopt(struct worker *worker, struct snapshot *next)
{
	struct worker_view *before = worker->view;

	worker->view = &next->views[worker->index];
	worker->view->refs = 1;
	settle_budget(worker);
	adopt_listeners(worker, next);
	if (before != NULL) {
		close_idle_servers(worker, before->snapshot, next->generation);
		worker_view_unref(before);
	}
}

static struct client *client_of(struct deadline *deadline)
{
	return (struct client *)((char *)deadline - offsetof(struct client, deadline));
}

static struct server_conn *server_conn_of(struct deadline *deadline)
{
	return (
	    struct server_conn *)((char *)deadline - offsetof(struct server_conn, deadline));
}

static void sweep_deadlines(struct worker *worker)
{
	struct deadline *due;

	while (
	    (due = deadlines_sweep(&worker->client_deadlines, worker_now_ms(worker))) != NULL)
		client_expired(client_of(due));
	while (
	    (due = deadlines_sweep(&worker->server_deadlines, worker_now_ms(worker))) != NULL)
		server_conn_expired(server_conn_of(due));
}

/*
 * The spare relays that nobody took for a second go back to the system: after a
 * burst most of them, under a steady load none.
 */
static void trim_spares(struct worker *worker)
{
	uint32_t idle = worker->fewest_spare_relays;

	if (++worker->ticks % TRIM_EVERY_TICKS != 0)
		return;
	if (idle > SPARE_RELAYS) {
		idle -= SPARE_RELAYS;
		if (idle > RELAYS_FREED_AT_ONCE)
			idle = RELAYS_FREED_AT_ONCE;
		relay_trim_spares(worker, worker->n_spare_relays - idle);
		malloc_trim(0);
	}
	worker->fewest_spare_relays = worker->n_spare_relays;
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct worker *worker = arg;
	uint64_t count;

	(void)what;
	if (read(fd, &count, sizeof(count)) < 0)
		return;
	update_date(worker);
	sweep_deadlines(worker);
	waiting_sweep(worker);
	resume_accepting(worker);
	trim_spares(worker);
}

/* Idle clients go now, the others with their answer. */
static void begin_stop(struct worker *worker)
{
	struct client *next;

	worker->stopping = true;
	retire_acceptors(worker, NULL);
	for (struct client *client = worker->clients; client != NULL; client = next) {
		next = client->older;
		if (client->state == CLIENT_IDLE)
			client_serve_last(client);
	}
	worker_check_end(worker);
}

void worker_check_end(struct worker *worker)
{
	if (worker->stopping && worker->clients == NULL)
		event_base_loopbreak(worker->base);
}

static void on_wakeup(evutil_socket_t fd, short what, void *arg)
{
	struct worker *worker = arg;
	struct snapshot *next;
	uint64_t count;

	(void)what;
	if (read(fd, &count, sizeof(count)) < 0)
		return;
	next = atomic_exchange(&worker->inbox, NULL);
	if (next != NULL)
		adopt(worker, next);
	if (atomic_load(&worker->kill)) {
		worker->stopping = true;
		event_base_loopbreak(worker->base);
	} else if (atomic_load(&worker->stop) && !worker->stopping) {
		begin_stop(worker);
	}
}

static void end_clients(struct worker *worker)
{
	while (worker->clients != NULL) {
		struct client *client = worker->clients;

		if (client->relay != NULL) {
			relay_client_lost(client->relay, CLOSE_SHUTDOWN);
			relay_run(client->relay);
		} else {
			client_close(client, CLOSE_SHUTDOWN);
		}
	}
}

static void clean_up(struct worker *worker)
{
	worker->stopping = true;
	retire_acceptors(worker, NULL);
	end_clients(worker);
	close_idle_servers(worker, worker->view->snapshot, UINT32_MAX);
	relay_trim_spares(worker, 0);
	pipes_done(&worker->pipes);
	slab_done(&worker->client_memory);
	slab_done(&worker->server_conn_memory);
	worker_view_unref(worker->view);
	snapshot_unref(atomic_exchange(&worker->inbox, NULL));
	event_del(&worker->tick);
	event_del(&worker->wakeup);
}

static void *run(void *arg)
{
	struct worker *worker = arg;

	while (!worker->stopping || worker->clients != NULL) {
		worker->now_us = 0;
		worker->turn++;
		if (atomic_load_explicit(&worker->kill, memory_order_relaxed) ||
		    event_base_loop(worker->base, EVLOOP_ONCE) < 0)
			break;
	}
	worker->now_us = 0;
	clean_up(worker);
	atomic_store(&worker->ended, true);
	signal_fd(worker->control_fd);
	return NULL;
}

static bool start_events(struct worker *worker)
{
	const struct timespec tick = { .tv_nsec = TICK_MS * 1000000 };
	const struct itimerspec ticks = { .it_interval = tick, .it_value = tick };

	/*
	 * A timer of the kernel's own: one of the loop's would be set anew each time that the
	 * loop waits, which under a light load is twice a request.
	 */
	worker->tick_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	return worker->tick_fd >= 0 && timerfd_settime(worker->tick_fd, 0, &ticks, NULL) == 0 &&
	       event_assign(&worker->tick, worker->base, worker->tick_fd, EV_READ | EV_PERSIST,
		   on_tick, worker) == 0 &&
	       event_add(&worker->tick, NULL) == 0 &&
	       event_assign(&worker->wakeup, worker->base, worker->wakeup_fd,
		   EV_READ | EV_PERSIST, on_wakeup, worker) == 0 &&
	       event_add(&worker->wakeup, NULL) == 0;
}

static struct event_base *new_base(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base = NULL;

	if (config == NULL)
		return NULL;
	/* One thread each: the loop needs no lock; and nothing asks it for the time. */
	if (event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK) == 0 &&
	    event_config_set_flag(config, EVENT_BASE_FLAG_NO_CACHE_TIME) == 0)
		base = event_base_new_with_config(config);
	event_config_free(config);
	return base;
}

static void free_worker(struct worker *worker)
{
	if (worker->base != NULL)
		event_base_free(worker->base);
	if (worker->wakeup_fd >= 0)
		close(worker->wakeup_fd);
	if (worker->tick_fd >= 0)
		close(worker->tick_fd);
	free(worker);
}

static bool init(struct worker *worker)
{
	uint64_t now_ms = clock_monotonic_us() / 1000;

	worker->wakeup_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	worker->base = new_base();
	if (worker->wakeup_fd < 0 || worker->base == NULL ||
	    getrandom(worker->random, sizeof(worker->random), 0) != sizeof(worker->random))
		return false;
	slab_init(&worker->client_memory, sizeof(struct client));
	slab_init(&worker->server_conn_memory, sizeof(struct server_conn));
	deadlines_init(&worker->client_deadlines, now_ms);
	deadlines_init(&worker->server_deadlines, now_ms);
	update_date(worker);
	return start_events(worker);
}

struct worker *worker_start(
    size_t index, struct snapshot *snapshot, int control_fd, struct error *err)
{
	struct worker *worker = calloc(1, sizeof(*worker));
	int error;

	if (worker == NULL) {
		error_set(err, "out of memory");
		return NULL;
	}
	worker->index = index;
	worker->control_fd = control_fd;
	worker->wakeup_fd = -1;
	worker->tick_fd = -1;
	if (!init(worker)) {
		error_set(err, "cannot start worker %zu: %s", index, strerror(errno));
		free_worker(worker);
		return NULL;
	}
	adopt(worker, snapshot_ref(snapshot));
	error = pthread_create(&worker->thread, NULL, run, worker);
	if (error != 0) {
		error_set(err, "cannot start worker %zu: %s", index, strerror(error));
		clean_up(worker);
		free_worker(worker);
		return NULL;
	}
	return worker;
}

void worker_publish(struct worker *worker, struct snapshot *snapshot)
{
	/* One that it had not picked up yet is skipped. */
	snapshot_unref(atomic_exchange(&worker->inbox, snapshot_ref(snapshot)));
	signal_fd(worker->wakeup_fd);
}

void worker_stop(struct worker *worker)
{
	atomic_store(&worker->stop, true);
	signal_fd(worker->wakeup_fd);
}

void worker_kill(struct worker *worker)
{
	atomic_store(&worker->kill, true);
	signal_fd(worker->wakeup_fd);
}

bool worker_has_ended(struct worker *worker)
{
	return atomic_load(&worker->ended);
}

void worker_join(struct worker *worker)
{
	pthread_join(worker->thread, NULL);
	free_worker(worker);
}
