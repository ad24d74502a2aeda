/*
 * The control plane: one thread (main's) that owns the workers, the releases and
 * the store; it ticks the guards, takes orders and reloads.
 *
 * It never waits for a worker. Configurations are read and resolved on a thread
 * of their own, so that a slow resolver does not delay a verdict.
 *
 * Thread     all functions: the control thread.
 */
#ifndef ADMIN_CONTROL_H
#define ADMIN_CONTROL_H

#include "admin/managed_route.h"
#include "base/error.h"

#include <event2/event.h>

struct control;

/* What came of a reload; text says why it was not taken over; else the warnings, one a line. */
typedef void reload_done_fn(void *arg, bool ok, const char *text);

/*
 * Reads the configuration, starts the workers and serves until it is told to
 * end. Returns the process's exit status.
 */
int control_run(const char *config_path);

/* For the admin API: */

struct event_base *control_base(struct control *ctl);
const struct snapshot *control_snapshot(const struct control *ctl);
size_t control_workers(const struct control *ctl);
uint64_t control_started_us(const struct control *ctl); /* monotonic */
struct store *control_store(struct control *ctl);
struct webhooks *control_webhooks(struct control *ctl);

/* The clocks that releases go by, now. */
void control_clock(struct release_clock *clock);

/* The routes in file order; valid until the next turn of the loop. */
struct managed_route *control_routes(struct control *ctl, size_t *n);

/* Brings the verdicts, counters and budgets up to now. */
void control_refresh(struct control *ctl);

/*
 * A person's order for a route. False where it cannot be carried out: err says
 * why in words for that person.
 */
__attribute__((warn_unused_result)) bool control_command(struct control *ctl, const char *route,
    const struct release_order *order, struct error *err);

/* A rehearsal (admin/drill_session.h); likewise. */
struct drill_order;
__attribute__((warn_unused_result)) bool control_begin_drill(
    struct control *ctl, const char *route, const struct drill_order *order, struct error *err);
/* False where none is under way. */
__attribute__((warn_unused_result)) bool control_stop_drill(
    struct control *ctl, const char *route, const char *why);

/*
 * Reads the configuration again and takes it over if it is sound; *queued where
 * another reload is under way, so that this one comes after it. False where it
 * cannot be begun.
 */
__attribute__((warn_unused_result)) bool control_reload(
    struct control *ctl, const char *who, bool *queued, struct error *err);

/* Who is told of the end of each reload. */
void control_on_reloaded(struct control *ctl, reload_done_fn *done, void *arg);

#endif
