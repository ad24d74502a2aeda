#include "admin/control.h"

#include "admin/drill_session.h"
#include "admin/loader.h"
#include "admin/server.h"
#include "base/clock.h"
#include "base/log.h"
#include "proxy/workers.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
	TICK_MS = 100,
	WEBHOOK_PATIENCE_MS = 3000,
};

struct control {
	const char *config_path;
	struct event_base *base;
	struct snapshot *live;
	struct workers *workers;
	size_t n_workers;
	struct managed_routes routes;
	struct store *store;
	struct webhooks *webhooks;
	struct admin_server *server;
	uint64_t started_us;
	int wakeup_fd; /* from workers and the loader */
	struct event *wakeup;
	struct event *tick;
	struct event *signals[3];
	struct event *give_up; /* while stopping: when patience ends */

	struct loader *loader; /* while a reload is under way */
	char reload_who[80];
	bool reload_again; /* asked for meanwhile: the file may have changed */
	char again_who[80];
	reload_done_fn *reload_done; /* told of each reload's end */
	void *reload_arg;
	bool stopping;
	bool told; /* while stopping: no notice is left to be sent */
};

struct event_base *control_base(struct control *ctl)
{
	return ctl->base;
}

const struct snapshot *control_snapshot(const struct control *ctl)
{
	return ctl->live;
}

size_t control_workers(const struct control *ctl)
{
	return ctl->n_workers;
}

uint64_t control_started_us(const struct control *ctl)
{
	return ctl->started_us;
}

struct store *control_store(struct control *ctl)
{
	return ctl->store;
}

struct webhooks *control_webhooks(struct control *ctl)
{
	return ctl->webhooks;
}

struct managed_route *control_routes(struct control *ctl, size_t *n)
{
	*n = ctl->routes.n;
	return ctl->routes.items;
}

void control_clock(struct release_clock *clock)
{
	struct instant now;

	instant_read(&now);
	*clock = now.clock;
}

static void tick(struct control *ctl, bool all)
{
	struct instant now;

	instant_read(&now);
	managed_routes_tick(&ctl->routes, &now, all);
}

void control_refresh(struct control *ctl)
{
	tick(ctl, true);
}

bool control_command(struct control *ctl, const char *route, const struct release_order *order,
    struct error *err)
{
	struct instant now;

	instant_read(&now);
	return managed_routes_command(&ctl->routes, route, order, &now, err);
}

static void join(char *const *lines, size_t n_lines, char *text, size_t size)
{
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < n_lines && len < size; i++) {
		int n = snprintf(text + len, size - len, "%s%s", i > 0 ? "\n" : "", lines[i]);

		len += n > 0 ? (size_t)n : 0;
	}
}

static void log_warnings(const struct conf_problems *problems)
{
	for (size_t i = 0; i < problems->n_warnings; i++)
		log_warn("%s", problems->warnings[i]);
}

bool control_begin_drill(
    struct control *ctl, const char *route, const struct drill_order *order, struct error *err)
{
	struct managed_route *managed = managed_routes_find(&ctl->routes, route);
	struct instant now;

	if (managed == NULL) {
		error_set(err, "there is no route '%s'", route);
		return false;
	}
	/* What was counted before is no part of it. */
	control_refresh(ctl);
	instant_read(&now);
	return drill_session_begin(&ctl->routes, managed, order, &now, err);
}

bool control_stop_drill(struct control *ctl, const char *route, const char *why)
{
	struct managed_route *managed = managed_routes_find(&ctl->routes, route);

	if (managed == NULL || !drill_session_is_running(managed))
		return false;
	drill_session_stop(&ctl->routes, managed, why);
	return true;
}

/* The text: the problems; where there is none, the warnings. */
static void report(const struct conf_problems *problems, char *text, size_t size)
{
	for (size_t i = 0; i < problems->n; i++)
		log_error("%s", problems->lines[i]);
	log_warnings(problems);
	if (problems->n > 0)
		join(problems->lines, problems->n, text, size);
	else
		join(problems->warnings, problems->n_warnings, text, size);
}

/*
 * Builds everything, then publishes: until workers_publish() nothing live has
 * changed, so every error leaves the old configuration serving. Takes config.
 */
static bool take_over(
    struct control *ctl, struct config *config, const char *who, struct error *err)
{
	struct snapshot *next = NULL;
	struct managed_route *items = NULL;
	struct webhook_set *hooks = NULL;
	struct instant now;

	if (ctl->live != NULL && !config_can_replace(ctl->live->config, config, err))
		goto fail;
	hooks = webhook_set_new(config->webhooks, config->n_webhooks, err);
	if (hooks == NULL)
		goto fail;
	next = snapshot_new(config, ctl->live, ctl->n_workers, err);
	if (next == NULL)
		goto fail;
	items = managed_routes_prepare(next);
	if (items == NULL) {
		error_set(err, "out of memory");
		webhook_set_free(hooks);
		snapshot_unref(next); /* and with it the config */
		return false;
	}
	webhooks_take_over(ctl->webhooks, hooks);
	instant_read(&now);
	managed_routes_take_over(&ctl->routes, items, next, &now, who);
	if (ctl->workers != NULL)
		workers_publish(ctl->workers, next);
	snapshot_unref(ctl->live);
	ctl->live = next;
	log_set_level(next->config->weir.log_level);
	return true;
fail:
	if (hooks != NULL)
		webhook_set_free(hooks);
	config_free(config);
	return false;
}

static void log_listeners(const struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->n_listeners; i++)
		log_info("listening listen=%s address=%s", snapshot->config->listens[i].name,
		    snapshot->listeners[i]->bound);
}

static bool begin_reload(struct control *ctl, const char *who, struct error *err)
{
	ctl->loader = loader_start(ctl->config_path, ctl->wakeup_fd, err);
	if (ctl->loader == NULL)
		return false;
	snprintf(ctl->reload_who, sizeof(ctl->reload_who), "%s", who);
	return true;
}

/* What was asked for while another was under way reads the file once more. */
static void reload_again(struct control *ctl)
{
	struct error err;

	if (!ctl->reload_again || ctl->stopping)
		return;
	ctl->reload_again = false;
	if (!begin_reload(ctl, ctl->again_who, &err))
		log_error("not reloaded: %s", err.text);
}

static void finish_reload(struct control *ctl)
{
	static char text[16384];
	struct conf_problems problems = { 0 };
	struct config *config = loader_finish(ctl->loader, &problems);
	struct error err = { "" };
	bool ok;

	ctl->loader = NULL;
	report(&problems, text, sizeof(text));
	conf_problems_done(&problems);
	ok = config != NULL && take_over(ctl, config, ctl->reload_who, &err);
	if (err.text[0] != '\0')
		snprintf(text, sizeof(text), "%s: %s", ctl->config_path, err.text);
	if (ok) {
		log_info(
		    "reloaded generation=%u who=%s", ctl->live->generation, ctl->reload_who);
		log_listeners(ctl->live);
	} else {
		log_error("not reloaded, the configuration before goes on: %s",
		    err.text[0] != '\0' ? err.text : "see the problems above");
	}
	if (ctl->reload_done != NULL)
		ctl->reload_done(ctl->reload_arg, ok, text);
	reload_again(ctl);
}

void control_on_reloaded(struct control *ctl, reload_done_fn *done, void *arg)
{
	ctl->reload_done = done;
	ctl->reload_arg = arg;
}

bool control_reload(struct control *ctl, const char *who, bool *queued, struct error *err)
{
	*queued = ctl->loader != NULL;
	if (ctl->stopping) {
		error_set(err, "weir is ending");
		return false;
	}
	if (!*queued)
		return begin_reload(ctl, who, err);
	ctl->reload_again = true;
	snprintf(ctl->again_who, sizeof(ctl->again_who), "%s", who);
	return true;
}

static void on_patience_ended(evutil_socket_t fd, short what, void *arg)
{
	struct control *ctl = arg;

	(void)fd;
	(void)what;
	log_warn("shutdown_timeout has passed: cutting off what is still under way");
	workers_kill(ctl->workers);
}

/* Once the workers have ended and the webhooks know all. */
static void end_if_done(struct control *ctl)
{
	if (ctl->stopping && ctl->told && workers_have_ended(ctl->workers))
		event_base_loopbreak(ctl->base);
}

static void on_told(void *arg)
{
	struct control *ctl = arg;

	ctl->told = true;
	end_if_done(ctl);
}

static void stop(struct control *ctl)
{
	uint32_t patience_ms = ctl->live->config->weir.shutdown_timeout_ms;
	const struct timeval patience = {
		.tv_sec = patience_ms / 1000,
		.tv_usec = (suseconds_t)(patience_ms % 1000) * 1000,
	};

	if (ctl->stopping) {
		log_warn("ending at once");
		workers_kill(ctl->workers);
		return;
	}
	log_info(
	    "ending: no new connections, requests under way have %u s", patience_ms / 1000);
	ctl->stopping = true;
	evtimer_add(ctl->give_up, &patience);
	workers_stop(ctl->workers);
	webhooks_stop(ctl->webhooks, WEBHOOK_PATIENCE_MS, on_told, ctl);
}

static void on_signal(evutil_socket_t number, short what, void *arg)
{
	struct control *ctl = arg;
	struct error err;
	bool queued;

	(void)what;
	if (number != SIGHUP)
		stop(ctl);
	else if (ctl->stopping)
		log_info("not reloaded: weir is ending");
	else if (!control_reload(ctl, "signal:HUP", &queued, &err))
		log_error("not reloaded: %s", err.text);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct control *ctl = arg;

	(void)fd;
	(void)what;
	tick(ctl, false);
}

static void on_wakeup(evutil_socket_t fd, short what, void *arg)
{
	struct control *ctl = arg;
	uint64_t count;

	(void)what;
	if (read(fd, &count, sizeof(count)) < 0)
		return;
	tick(ctl, false);
	if (ctl->loader != NULL && loader_is_done(ctl->loader))
		finish_reload(ctl);
	end_if_done(ctl);
}

static bool start_events(struct control *ctl)
{
	static const int numbers[] = { SIGHUP, SIGTERM, SIGINT };
	const struct timeval tick = { .tv_usec = TICK_MS * 1000 };

	ctl->wakeup_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	ctl->base = event_base_new();
	if (ctl->wakeup_fd < 0 || ctl->base == NULL)
		return false;
	for (size_t i = 0; i < 3; i++) {
		ctl->signals[i] = evsignal_new(ctl->base, numbers[i], on_signal, ctl);
		if (ctl->signals[i] == NULL || event_add(ctl->signals[i], NULL) < 0)
			return false;
	}
	ctl->give_up = evtimer_new(ctl->base, on_patience_ended, ctl);
	ctl->tick = event_new(ctl->base, -1, EV_PERSIST, on_tick, ctl);
	ctl->wakeup =
	    event_new(ctl->base, ctl->wakeup_fd, EV_READ | EV_PERSIST, on_wakeup, ctl);
	return ctl->give_up != NULL && ctl->tick != NULL && event_add(ctl->tick, &tick) == 0 &&
	       ctl->wakeup != NULL && event_add(ctl->wakeup, NULL) == 0;
}

/* Every connection is two descriptors; the soft limit is for programs that select(). */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		log_warn("cannot raise the limit of open files: %s", strerror(errno));
}

static size_t workers_wanted(const struct weir_conf *conf)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	if (conf->workers > 0)
		return conf->workers;
	return cores > 0 ? (size_t)cores : 1;
}

static bool start(struct control *ctl, struct config *config, struct error *err)
{
	struct weir_conf *conf = &config->weir;

	log_set_level(conf->log_level);
	ctl->n_workers = workers_wanted(conf);
	ctl->webhooks = webhooks_new(ctl->base, &webhooks_default_options, err);
	if (ctl->webhooks != NULL)
		ctl->store = store_open(conf->state_dir, err);
	/* Nothing is decided, and journalled, before weir is sure to have its places. */
	if (ctl->store != NULL)
		ctl->server = admin_server_new(ctl, conf->admin_socket,
		    conf->admin_listen_text != NULL ? &conf->admin_listen : NULL, err);
	if (ctl->server == NULL) {
		config_free(config);
		return false;
	}
	ctl->routes.store = ctl->store;
	ctl->routes.webhooks = ctl->webhooks;
	if (!take_over(ctl, config, "start", err))
		return false;
	store_started(ctl->store);
	ctl->workers = workers_start(ctl->live, ctl->n_workers, ctl->wakeup_fd, err);
	return ctl->workers != NULL;
}

static void free_event(struct event *event)
{
	if (event != NULL)
		event_free(event);
}

static void done(struct control *ctl)
{
	struct conf_problems problems = { 0 };
	struct instant now;

	if (ctl->loader != NULL) {
		config_free(loader_finish(ctl->loader, &problems));
		conf_problems_done(&problems);
	}
	if (ctl->server != NULL)
		admin_server_free(ctl->server);
	if (ctl->workers != NULL)
		workers_join(ctl->workers);
	instant_read(&now);
	managed_routes_done(&ctl->routes, &now);
	snapshot_unref(ctl->live);
	if (ctl->store != NULL)
		store_close(ctl->store);
	if (ctl->webhooks != NULL)
		webhooks_free(ctl->webhooks);
	for (size_t i = 0; i < 3; i++)
		free_event(ctl->signals[i]);
	free_event(ctl->give_up);
	free_event(ctl->tick);
	free_event(ctl->wakeup);
	if (ctl->base != NULL)
		event_base_free(ctl->base);
	if (ctl->wakeup_fd >= 0)
		close(ctl->wakeup_fd);
}

int control_run(const char *config_path)
{
	struct control ctl = {
		.config_path = config_path,
		.started_us = clock_monotonic_us(),
		.wakeup_fd = -1,
	};
	struct conf_problems problems = { 0 };
	struct config *config = config_load(config_path, CONF_TO_RUN, &problems);
	struct error err = { "" };
	int status = EXIT_FAILURE;

	for (size_t i = 0; i < problems.n; i++)
		fprintf(stderr, "%s\n", problems.lines[i]);
	log_warnings(&problems);
	conf_problems_done(&problems);
	if (config == NULL)
		return EXIT_FAILURE;
	signal(SIGPIPE, SIG_IGN);
	/* A log on a file with a limit: weir serves on. */
	signal(SIGXFSZ, SIG_IGN);
	raise_descriptor_limit();
	if (!start_events(&ctl)) {
		config_free(config);
		error_set(&err, "cannot start the event loop: %s", strerror(errno));
	} else if (start(&ctl, config, &err)) {
		log_listeners(ctl.live);
		log_info("ready workers=%zu", ctl.n_workers);
		event_base_dispatch(ctl.base);
		status = EXIT_SUCCESS;
		log_info("ended");
	}
	if (status != EXIT_SUCCESS)
		fprintf(stderr, "weir: %s\n", err.text);
	done(&ctl);
	return status;
}
