#include "admin/loader.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct loader {
	char *path;
	int notify_fd;
	pthread_t thread;
	atomic_bool done;
	struct config *config;
	struct conf_problems problems;
};

static void *run(void *arg)
{
	struct loader *loader = arg;
	uint64_t one = 1;

	loader->config = config_load(loader->path, CONF_TO_RUN, &loader->problems);
	atomic_store(&loader->done, true);
	/* A full counter is a signal as well. */
	while (write(loader->notify_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		continue;
	return NULL;
}

static void free_loader(struct loader *loader)
{
	free(loader->path);
	free(loader);
}

struct loader *loader_start(const char *path, int notify_fd, struct error *err)
{
	struct loader *loader = calloc(1, sizeof(*loader));
	sigset_t all, before;
	int error = ENOMEM;

	if (loader != NULL && (loader->path = strdup(path)) != NULL) {
		loader->notify_fd = notify_fd;
		sigfillset(&all);
		pthread_sigmask(SIG_SETMASK, &all, &before);
		error = pthread_create(&loader->thread, NULL, run, loader);
		pthread_sigmask(SIG_SETMASK, &before, NULL);
	}
	if (error == 0)
		return loader;
	error_set(err, "cannot read the configuration: %s", strerror(error));
	if (loader != NULL)
		free_loader(loader);
	return NULL;
}

bool loader_is_done(struct loader *loader)
{
	return atomic_load(&loader->done);
}

struct config *loader_finish(struct loader *loader, struct conf_problems *problems)
{
	struct config *config;

	pthread_join(loader->thread, NULL);
	config = loader->config;
	*problems = loader->problems;
	free_loader(loader);
	return config;
}
