#include "admin/store_threads.h"

#include "admin/store_dir.h"
#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	PERIOD_US = 250000,   /* from one writing of what is not urgent to the next */
	RETRY_US = 3000000,   /* of a database that does not work */
	LOOK_US = 1000000,    /* from one look after the database to the next */
	PRUNE_EVERY = 10,     /* of those */
	LOADS_PER_PERIOD = 2, /* of what is not urgent: 8 MiB of records a second */
	CLOSE_WAIT_US = 5000000,
};

static void init_sync(struct store *store)
{
	pthread_condattr_t monotonic;

	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_mutex_init(&store->mutex, NULL);
	pthread_cond_init(&store->work, &monotonic);
	pthread_cond_init(&store->quick_work, &monotonic);
	pthread_cond_init(&store->written, &monotonic);
	pthread_condattr_destroy(&monotonic);
}

void store_free(struct store *store)
{
	store_writer_close(&store->writer);
	latch_slots_close(&store->slots);
	store_queue_done(&store->queue);
	store_memory_done(&store->memory);
	pthread_cond_destroy(&store->work);
	pthread_cond_destroy(&store->quick_work);
	pthread_cond_destroy(&store->written);
	pthread_mutex_destroy(&store->mutex);
	if (store->lock_fd >= 0)
		close(store->lock_fd);
	free(store->state_dir);
	free(store);
}

struct store *store_new(const char *state_dir, struct error *err)
{
	struct store *store = calloc(1, sizeof(*store));
	char *dir = strdup(state_dir);

	if (store == NULL || dir == NULL) {
		error_set(err, "out of memory");
		free(store);
		free(dir);
		return NULL;
	}
	store->state_dir = dir;
	store->slots.fd = -1;
	store->writer.state_dir = dir;
	store->ok = true;
	snprintf(store->text, sizeof(store->text), "ok");
	store->period_us = clock_monotonic_us() + PERIOD_US;
	store->look_us = clock_monotonic_us() + LOOK_US;
	store_queue_init(&store->queue);
	init_sync(store);
	if (store_dir_lock(dir, &store->lock_fd, err))
		return store;
	store_free(store);
	return NULL;
}

void store_lock(const struct store *store)
{
	pthread_mutex_lock((pthread_mutex_t *)&store->mutex);
}

void store_unlock(const struct store *store)
{
	pthread_mutex_unlock((pthread_mutex_t *)&store->mutex);
}

static struct timespec timespec_of(uint64_t us)
{
	return (struct timespec) {
		.tv_sec = (time_t)(us / 1000000),
		.tv_nsec = (long)(us % 1000000) * 1000,
	};
}

/* One line for each change, not for each try. */
static void set_down(struct store *store, const struct error *err)
{
	char text[sizeof(store->text)];

	snprintf(text, sizeof(text), "%.250s", err->text);
	if (store->ok || strcmp(text, store->text) != 0)
		log_error(
		    "state is not stored: %s; weir goes on without, and tries again", text);
	store->ok = false;
	memcpy(store->text, text, sizeof(text));
	/* One that is gone is begun anew at once: until then nothing outlives a kill. */
	store->retry_us = clock_monotonic_us() + (store->writer.misses_it ? 0 : RETRY_US);
	/* Nobody waits for a latch that is not written now. */
	pthread_cond_broadcast(&store->written);
}

static void set_up(struct store *store)
{
	if (!store->ok)
		log_info("state is stored again");
	store->ok = true;
	snprintf(store->text, sizeof(store->text), "ok");
}

static void merge(struct store *store, struct store_found *found)
{
	bool another = store->loaded && (store->missed || found->lost);

	if (!store_memory_merge(&store->memory, &found->memory, !store->loaded))
		log_error("out of memory: a rolled-back release may be forgotten");
	if (found->lost) {
		log_error("%s", found->why);
		if (!store->loaded) {
			store->lost = true;
			snprintf(store->why, sizeof(store->why), "%s", found->why);
		}
	}
	store->loaded = true;
	store->missed = false;
	store->loss_is_noted = found->lost;
	/* An older one that was put in its place lacks what was settled in the one before. */
	if (found->created || another)
		store_memory_mark_all(&store->memory);
	store_memory_done(&found->memory);
}

/* Without the lock: there is a database now, and there is to be one from here on. */
static void mark_as_used(const struct store *store)
{
	if (!latch_slots_write_mark(store->slots.fd))
		log_warn("%s/%s: %s: the loss of all else there would not be noticed",
		    store->state_dir, latch_slots_name, strerror(errno));
}

/* Without the lock: there is a disk that works, and so there may be for the slots. */
static void mend_slots(struct store *store)
{
	bool anew;
	int n;

	if (store->slots.fd < 0)
		return;
	n = latch_slots_mend(store->slots.fd, store->state_dir, &anew);
	/* A file that is cut is a mark itself; and a mark behind it would hide that. */
	if (n == LATCH_SLOTS)
		mark_as_used(store);
	store_lock(store);
	latch_slots_mended(&store->slots, n, anew);
	if (anew)
		memset(store->slots_written, 0, sizeof(store->slots_written));
	pthread_cond_signal(&store->quick_work);
	store_unlock(store);
}

/* With the lock, which it lets go of while it waits for the disk. */
static bool reopen(struct store *store)
{
	struct store_found found = { .lost = false };
	struct error err;
	bool ok;

	store_unlock(store);
	store->missed = store->missed || store->writer.misses_it;
	store->writer.misses_it = false;
	ok = store_dir_mend(store->state_dir, &store->lock_fd, &err) &&
	     store_writer_open(&store->writer, clock_wall_us(), &found, &err);
	if (ok)
		mend_slots(store);
	store_lock(store);
	if (!ok) {
		store_memory_done(&found.memory);
		if (!store->loaded)
			snprintf(store->why, sizeof(store->why), "%.390s", err.text);
		set_down(store, &err);
		return false;
	}
	merge(store, &found);
	return true;
}

static void settle(struct store *store, uint64_t ticket)
{
	store_memory_settle(&store->memory, ticket);
	latch_slots_release(&store->slots, ticket);
	pthread_cond_signal(&store->quick_work);
}

/* With the lock, as reopen(). */
static bool write_load(struct store *store, struct store_load *load)
{
	struct error err;
	bool ok;

	store->in_flight = load->n_jobs;
	store_unlock(store);
	ok = load->n_latches == 0 || store_writer_latches(&store->writer, load, &err);
	if (ok && load->n_latches > 0) {
		store_lock(store);
		store->db_ticket = load->ticket;
		pthread_cond_broadcast(&store->written);
		store_unlock(store);
	}
	ok = ok && store_writer_write(&store->writer, load, clock_wall_us(), &err);
	store_lock(store);
	store->in_flight = 0;
	if (!ok) {
		store_load_return(load, &store->memory, &store->queue);
		set_down(store, &err);
		return false;
	}
	if (load->n_latches > 0)
		settle(store, load->ticket);
	store_load_free(load);
	return true;
}

static bool is_urgent(const struct store *store)
{
	return store->memory.n_changes > 0 || store->queue.jobs != NULL;
}

/* With the lock, as reopen(). */
static bool look_after(struct store *store)
{
	struct error err;
	bool prune = ++store->looks % PRUNE_EVERY == 0;
	bool forget = store->loss_is_noted && store->started && !is_urgent(store);
	bool more = false, ok;

	store_unlock(store);
	ok = store_writer_check(&store->writer, &err) &&
	     (!forget || store_writer_forget_loss(&store->writer, &err)) &&
	     (!prune || store_writer_prune(&store->writer, &more, &err));
	store_lock(store);
	if (!ok)
		set_down(store, &err);
	else if (forget)
		store->loss_is_noted = false;
	if (more)
		store->looks = PRUNE_EVERY - 1;
	return ok;
}

/* With the lock. What is urgent goes first; the rest when its time has come. */
static void write_what_is_due(struct store *store)
{
	bool periodic = store->stopping || clock_monotonic_us() >= store->period_us;
	struct store_load load;
	unsigned loads = 0;
	bool ok = true;

	while (ok && (store->stopping || loads < LOADS_PER_PERIOD) &&
	       store_load_take(&load, &store->memory, &store->queue, periodic)) {
		ok = write_load(store, &load);
		loads++;
	}
	if (periodic)
		store->period_us = clock_monotonic_us() + PERIOD_US;
	if (store->stopping || clock_monotonic_us() >= store->look_us) {
		store->look_us = clock_monotonic_us() + LOOK_US;
		ok = ok && look_after(store);
	}
	if (ok)
		set_up(store);
}

/* With the lock. */
static void wait_for_work(struct store *store)
{
	while (!store->stopping) {
		uint64_t until_us =
		    store->writer.db == NULL ? store->retry_us : store->period_us;
		const struct timespec until = timespec_of(until_us);

		if (clock_monotonic_us() >= until_us ||
		    (store->writer.db != NULL && is_urgent(store)))
			return;
		pthread_cond_timedwait(&store->work, &store->mutex, &until);
	}
}

static void *write_state(void *arg)
{
	struct store *store = arg;
	bool last;

	store_lock(store);
	do {
		wait_for_work(store);
		last = store->stopping;
		if (store->writer.db != NULL || reopen(store))
			write_what_is_due(store);
		/* One that is gone as weir ends is begun anew all the same. */
	} while (!last || store->writer.misses_it);
	store->writer_ended = true;
	pthread_cond_broadcast(&store->written);
	pthread_cond_signal(&store->quick_work);
	store_unlock(store);
	return NULL;
}

/* A slot that cannot be written is no reason to stop: the database may take the latch. */
static void *write_slots(void *arg)
{
	struct store *store = arg;
	char image[LATCH_SLOT_SIZE];
	bool ok;

	store_lock(store);
	for (;;) {
		int slot = latch_slots_next(&store->slots);
		uint64_t ticket;

		if (slot < 0 && store->stopping && store->writer_ended)
			break;
		if (slot < 0) {
			pthread_cond_wait(&store->quick_work, &store->mutex);
			continue;
		}
		memcpy(image, store->slots.items[slot].image, sizeof(image));
		ticket = store->slots.items[slot].ticket;
		store->slots.items[slot].changed = false;
		store_unlock(store);
		ok = latch_slots_write(store->slots.fd, slot, image);
		store_lock(store);
		if (ok)
			store->slots_written[slot] = ticket;
		pthread_cond_broadcast(&store->written);
	}
	store_unlock(store);
	return NULL;
}

/* What the slots hold was never settled: the database has it not for certain. */
static void open_slots(struct store *store)
{
	struct error err;

	if (!latch_slots_open(&store->slots, store->state_dir, &store->memory.latches, &err))
		log_warn("%s%s", err.text,
		    store->slots.n > 0 ? "" : ": latches go to the database alone");
	for (size_t i = 0; i < store->memory.latches.n; i++) {
		const struct latch *latch = store->memory.latches.items[i];

		if (store_memory_note_latch(&store->memory, latch->route, latch->release) == 0)
			log_error("out of memory: a latch may not be stored");
	}
	latch_slots_adopt(&store->slots, store->memory.ticket);
	store->writer.was_used = store->slots.was_used;
}

void store_threads_prepare(struct store *store)
{
	open_slots(store);
	store_lock(store);
	(void)reopen(store); /* What it says is in store->why and store->text. */
	store_unlock(store);
}

static void end_writer(struct store *store)
{
	store_lock(store);
	store->stopping = true;
	pthread_cond_signal(&store->work);
	store_unlock(store);
}

/* Signals are the control thread's. */
bool store_threads_start(struct store *store)
{
	sigset_t all, before;
	bool ok;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ok = pthread_create(&store->writer_thread, NULL, write_state, store) == 0;
	if (ok && pthread_create(&store->quick_thread, NULL, write_slots, store) != 0) {
		end_writer(store);
		pthread_join(store->writer_thread, NULL);
		ok = false;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return ok;
}

bool store_threads_end(struct store *store)
{
	const struct timespec until = timespec_of(clock_monotonic_us() + CLOSE_WAIT_US);
	bool ended;

	end_writer(store);
	store_lock(store);
	while (!store->writer_ended) {
		if (pthread_cond_timedwait(&store->written, &store->mutex, &until) != 0)
			break;
	}
	ended = store->writer_ended;
	store_unlock(store);
	if (ended) {
		pthread_join(store->writer_thread, NULL);
		pthread_join(store->quick_thread, NULL);
	} else {
		pthread_detach(store->writer_thread);
		pthread_detach(store->quick_thread);
	}
	return ended;
}
