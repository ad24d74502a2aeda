#include "metrics/prometheus.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	FIRST_ROOM_BYTES = 16384
};

void prometheus_init(struct prometheus *out, size_t max_bytes)
{
	*out = (struct prometheus) { .max_bytes = max_bytes };
}

void prometheus_done(struct prometheus *out)
{
	free(out->text);
	*out = (struct prometheus) { .failed = true };
}

bool prometheus_ok(const struct prometheus *out)
{
	return !out->failed;
}

static bool make_room(struct prometheus *out, size_t bytes)
{
	size_t room = out->room == 0 ? FIRST_ROOM_BYTES : out->room;
	char *text;

	if (bytes > out->max_bytes - out->len)
		return false;
	while (room < out->len + bytes)
		room *= 2;
	if (room == out->room)
		return true;
	text = realloc(out->text, room);
	if (text == NULL)
		return false;
	out->text = text;
	out->room = room;
	return true;
}

static void put(struct prometheus *out, const char *data, size_t len)
{
	if (out->failed || len == 0)
		return;
	if (!make_room(out, len)) {
		out->failed = true;
		return;
	}
	memcpy(out->text + out->len, data, len);
	out->len += len;
}

static void put_string(struct prometheus *out, const char *string)
{
	put(out, string, strlen(string));
}

/* Escapes backslash and newline, and in a label's value the double quote too. */
static void put_escaped(struct prometheus *out, const char *string, bool quoted)
{
	for (const char *end; *string != '\0'; string = end) {
		end = string + strcspn(string, quoted ? "\\\n\"" : "\\\n");
		put(out, string, (size_t)(end - string));
		if (*end == '\0')
			break;
		put_string(out, *end == '\n' ? "\\n" : *end == '"' ? "\\\"" : "\\\\");
		end++;
	}
}

/* Whole numbers in full, others so that they read back the same. */
static void put_value(struct prometheus *out, double value)
{
	char text[32];

	if (isnan(value))
		put_string(out, "NaN");
	else if (isinf(value))
		put_string(out, value > 0 ? "+Inf" : "-Inf");
	else if (value == trunc(value) && fabs(value) < 1e15)
		put(out, text, (size_t)snprintf(text, sizeof(text), "%.0f", value));
	else
		put(out, text, (size_t)snprintf(text, sizeof(text), "%.12g", value));
}

void prometheus_family(
    struct prometheus *out, const char *name, enum prometheus_type type, const char *help)
{
	static const char *const types[] = { "counter", "gauge", "histogram" };

	out->family = name;
	put_string(out, "# HELP ");
	put_string(out, name);
	put_string(out, " ");
	put_escaped(out, help, false);
	put_string(out, "\n# TYPE ");
	put_string(out, name);
	put_string(out, " ");
	put_string(out, types[type]);
	put_string(out, "\n");
}

void prometheus_sample(struct prometheus *out, const char *suffix,
    const struct prometheus_label *labels, size_t n_labels, double value)
{
	put_string(out, out->family);
	put_string(out, suffix);
	for (size_t i = 0; i < n_labels; i++) {
		put_string(out, i == 0 ? "{" : ",");
		put_string(out, labels[i].name);
		put_string(out, "=\"");
		put_escaped(out, labels[i].value, true);
		put_string(out, "\"");
	}
	put_string(out, n_labels > 0 ? "} " : " ");
	put_value(out, value);
	put_string(out, "\n");
}
