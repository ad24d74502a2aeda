/*
 * Requests and failures over the last minute to six hours, as exponentially
 * weighted windows that start empty: constant memory, no buckets to rotate.
 *
 * Time    seconds passed, as dt_s.
 * Thread  none of its own: the owner's.
 */
#ifndef METRICS_SERIES_H
#define METRICS_SERIES_H

enum series_window {
	WINDOW_60_S,
	WINDOW_5_MIN,
	WINDOW_30_MIN,
	WINDOW_1_H,
	WINDOW_6_H,
	WINDOWS, /* how many */
};

struct series {
	double n[WINDOWS];
	double bad[WINDOWS];
};

/* What dt_s leaves of each window: computed once, applied to many series. */
struct series_decay {
	double keep[WINDOWS];
};

/* The window's time constant in seconds, and its name as a label: "5m". */
double series_window_s(enum series_window window);
const char *series_window_name(enum series_window window);

struct series_decay series_decay_of(double dt_s);
void series_age(struct series *series, const struct series_decay *decay);
void series_add(struct series *series, double n, double bad);

/* The share that failed in the window, 0..1; 0 when it is empty. */
double series_rate(const struct series *series, enum series_window window);

#endif
