/*
 * A writer of the Prometheus text exposition format, version 0.0.4.
 *
 *   prometheus_family(&out, "weir_requests_total", PROMETHEUS_COUNTER, "Requests.");
 *   prometheus_sample(&out, "", labels, 2, 17);
 *
 * Ownership  the text is the writer's until prometheus_done().
 * Errors     past its cap or out of memory it writes no more, and prometheus_ok()
 *            is false: what it holds is then cut, and not to be served.
 */
#ifndef METRICS_PROMETHEUS_H
#define METRICS_PROMETHEUS_H

#include <stdbool.h>
#include <stddef.h>

#define PROMETHEUS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct prometheus {
	char *text; /* not terminated */
	size_t len;
	size_t room;
	size_t max_bytes;
	const char *family; /* the one being written; the caller's string */
	bool failed;
};

enum prometheus_type {
	PROMETHEUS_COUNTER,
	PROMETHEUS_GAUGE,
	PROMETHEUS_HISTOGRAM,
};

struct prometheus_label {
	const char *name;
	const char *value; /* escaped by the writer */
};

void prometheus_init(struct prometheus *out, size_t max_bytes);
void prometheus_done(struct prometheus *out);
bool prometheus_ok(const struct prometheus *out);

/* HELP and TYPE; the samples that follow belong to it. `name` must outlive them. */
void prometheus_family(
    struct prometheus *out, const char *name, enum prometheus_type type, const char *help);

/* One line: the family's name, a suffix ("", "_bucket", "_sum", "_count"), labels, value. */
void prometheus_sample(struct prometheus *out, const char *suffix,
    const struct prometheus_label *labels, size_t n_labels, double value);

#endif
