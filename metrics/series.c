#include "metrics/series.h"

#include <math.h>
#include <stddef.h>

static const struct {
	double seconds;
	const char *name;
} windows[WINDOWS] = {
	[WINDOW_60_S] = { 60, "1m" },
	[WINDOW_5_MIN] = { 300, "5m" },
	[WINDOW_30_MIN] = { 1800, "30m" },
	[WINDOW_1_H] = { 3600, "1h" },
	[WINDOW_6_H] = { 21600, "6h" },
};

double series_window_s(enum series_window window)
{
	return windows[window].seconds;
}

const char *series_window_name(enum series_window window)
{
	return windows[window].name;
}

struct series_decay series_decay_of(double dt_s)
{
	struct series_decay decay;

	for (size_t i = 0; i < WINDOWS; i++)
		decay.keep[i] = exp(-dt_s / windows[i].seconds);
	return decay;
}

void series_age(struct series *series, const struct series_decay *decay)
{
	for (size_t i = 0; i < WINDOWS; i++) {
		series->n[i] *= decay->keep[i];
		series->bad[i] *= decay->keep[i];
	}
}

void series_add(struct series *series, double n, double bad)
{
	for (size_t i = 0; i < WINDOWS; i++) {
		series->n[i] += n;
		series->bad[i] += bad;
	}
}

double series_rate(const struct series *series, enum series_window window)
{
	/* What is slow may be known before it has ended, and is counted. */
	double n = fmax(series->n[window], series->bad[window]);

	return n > 0 ? series->bad[window] / n : 0;
}
