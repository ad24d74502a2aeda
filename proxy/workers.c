#include "proxy/workers.h"

#include "proxy/worker.h"

#include <signal.h>
#include <stdlib.h>

struct workers {
	size_t n;
	struct worker *items[];
};

/* Signals are the control thread's; new threads inherit what is blocked. */
static void block_signals(sigset_t *before)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, before);
}

struct workers *workers_start(
    struct snapshot *snapshot, size_t n, int control_fd, struct error *err)
{
	struct workers *workers = calloc(1, sizeof(*workers) + n * sizeof(struct worker *));
	sigset_t before;

	if (workers == NULL) {
		error_set(err, "out of memory");
		return NULL;
	}
	block_signals(&before);
	while (workers->n < n) {
		struct worker *worker = worker_start(workers->n, snapshot, control_fd, err);

		if (worker == NULL)
			break;
		workers->items[workers->n++] = worker;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (workers->n == n)
		return workers;
	workers_kill(workers);
	workers_join(workers);
	return NULL;
}

void workers_publish(struct workers *workers, struct snapshot *snapshot)
{
	for (size_t i = 0; i < workers->n; i++)
		worker_publish(workers->items[i], snapshot);
}

void workers_stop(struct workers *workers)
{
	for (size_t i = 0; i < workers->n; i++)
		worker_stop(workers->items[i]);
}

void workers_kill(struct workers *workers)
{
	for (size_t i = 0; i < workers->n; i++)
		worker_kill(workers->items[i]);
}

bool workers_have_ended(const struct workers *workers)
{
	for (size_t i = 0; i < workers->n; i++) {
		if (!worker_has_ended(workers->items[i]))
			return false;
	}
	return true;
}

void workers_join(struct workers *workers)
{
	for (size_t i = 0; i < workers->n; i++)
		worker_join(workers->items[i]);
	free(workers);
}
