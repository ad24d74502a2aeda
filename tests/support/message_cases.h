/*
 * The cases of tests/data/proxy/ (its README says how they are written), read into
 * messages. Every text lies in memory of its own, so that a sanitizer sees any
 * reading beyond it.
 */
#ifndef TESTS_MESSAGE_CASES_H
#define TESTS_MESSAGE_CASES_H

#include "base/message.h"
#include "conf/load.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	CASE_LINES_MAX = 24
};

struct case_line {
	char *keyword;
	char *text;
};

struct message_case {
	struct case_line lines[CASE_LINES_MAX]; /* the first is `case` */
	size_t n;
};

static inline char *case_copy(const char *text, size_t len)
{
	char *copy = len > 0 ? malloc(len) : NULL;

	assert_true(len == 0 || copy != NULL);
	if (len > 0)
		memcpy(copy, text, len);
	return copy;
}

/* Lines up to an empty one. False at the end of the file. case_done() frees them. */
static inline bool case_read(FILE *file, struct message_case *c)
{
	char line[512];

	c->n = 0;
	while (fgets(line, sizeof(line), file) != NULL) {
		char *end = strchr(line, '\n');
		char *space = strchr(line, ' ');

		assert_non_null(end);
		*end = '\0';
		if (line[0] == '\0')
			break;
		assert_true(space != NULL && c->n < CASE_LINES_MAX);
		*space = '\0';
		c->lines[c->n++] = (struct case_line) { strdup(line), strdup(space + 1) };
	}
	assert_true(c->n == 0 || strcmp(c->lines[0].keyword, "case") == 0);
	return c->n > 0;
}

static inline void case_done(struct message_case *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->lines[i].keyword);
		free(c->lines[i].text);
	}
}

/* The text of the only line with that keyword, or what it is without one. */
static inline const char *case_get(
    const struct message_case *c, const char *keyword, const char *otherwise)
{
	for (size_t i = 0; i < c->n; i++) {
		if (strcmp(c->lines[i].keyword, keyword) == 0)
			return c->lines[i].text;
	}
	return otherwise;
}

/* "Name: value", "Name:". */
static inline void case_split(const char *text, struct slice *name, struct slice *value)
{
	const char *colon = strchr(text, ':');

	assert_non_null(colon);
	*name = (struct slice) { text, (size_t)(colon - text) };
	*value = slice_trim(slice_of(colon + 1));
}

static inline void case_add_field(struct message *message, const char *text, bool drop)
{
	struct slice name, value;

	case_split(text, &name, &value);
	assert_true(message_add(message, field_identify(name),
	    (struct slice) { case_copy(name.data, name.len), name.len },
	    (struct slice) { case_copy(value.data, value.len), value.len }));
	message->fields[message->n_fields - 1].drop = drop;
}

/* The message that comes: case_free_message() with the n_fields it has now. */
static inline void case_fill_message(const struct message_case *c, struct message *message)
{
	const char *host = case_get(c, "host", "shop.example.com");
	const char *target = case_get(c, "target", "/");
	size_t host_len = strcmp(host, "-") == 0 ? 0 : strlen(host);

	*message = (struct message) { .method_id = METHOD_GET,
		.method = SLICE("GET"),
		.scheme = SLICE("http"),
		.authority = { case_copy(host, host_len), host_len },
		.target = { case_copy(target, strlen(target)), strlen(target) } };
	for (size_t i = 0; i < c->n; i++) {
		if (strcmp(c->lines[i].keyword, "in") == 0)
			case_add_field(message, c->lines[i].text, false);
		if (strcmp(c->lines[i].keyword, "nominated") == 0)
			case_add_field(message, c->lines[i].text, true);
	}
}

/* before: as case_fill_message() made it. */
static inline void case_free_message(const struct message *before)
{
	free((char *)(uintptr_t)before->authority.data);
	free((char *)(uintptr_t)before->target.data);
	for (uint32_t i = 0; i < before->n_fields; i++) {
		free((char *)(uintptr_t)before->fields[i].name.data);
		free((char *)(uintptr_t)before->fields[i].value.data);
	}
}

static inline void case_assert_slice(
    const struct message_case *c, struct slice actual, const char *expected)
{
	if (!slice_equal(actual, slice_of(expected)))
		fail_msg("%s: '%.*s', not '%s'", c->lines[0].text, (int)actual.len, actual.data,
		    expected);
}

/* The fields that go on are the `out` lines, in order, and each is identified. */
static inline void case_assert_fields(
    const struct message_case *c, const struct message *message)
{
	uint32_t at = 0;

	for (size_t i = 0; i < c->n; i++) {
		const struct field *field;
		char text[512];

		if (strcmp(c->lines[i].keyword, "out") != 0)
			continue;
		while (at < message->n_fields && message->fields[at].drop)
			at++;
		if (at == message->n_fields)
			fail_msg("%s: no '%s'", c->lines[0].text, c->lines[i].text);
		field = &message->fields[at++];
		snprintf(text, sizeof(text), "%.*s:%s%.*s", (int)field->name.len,
		    field->name.data, field->value.len > 0 ? " " : "", (int)field->value.len,
		    field->value.data);
		case_assert_slice(c, slice_of(text), c->lines[i].text);
		assert_int_equal(field->id, field_identify(field->name));
	}
	for (; at < message->n_fields; at++) {
		if (!message->fields[at].drop)
			fail_msg("%s: one more, %.*s", c->lines[0].text,
			    (int)message->fields[at].name.len, message->fields[at].name.data);
	}
}

static inline bool case_resolve(
    const char *host, const char *port, struct address *address, struct error *err)
{
	(void)port;
	(void)address;
	error_set(err, "cannot resolve '%s'", host);
	return false;
}

/* A configuration with the case's `conf` lines in its listener or its route. */
static inline struct config *case_load(const struct message_case *c, bool of_route)
{
	struct conf_problems problems;
	struct config *config;
	bool proxied = true;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	fprintf(
	    out, "[upstream a]\nserver = 10.0.0.1:80\n[listen l]\naddress = 127.0.0.1:80\n");
	if (of_route)
		fprintf(out, "[route shop]\n");
	for (size_t i = 0; i < c->n; i++) {
		if (strcmp(c->lines[i].keyword, "conf") != 0)
			continue;
		fprintf(out, "%s\n", c->lines[i].text);
		if (strncmp(c->lines[i].text, "redirect", strlen("redirect")) == 0)
			proxied = false;
	}
	if (!of_route)
		fprintf(out, "[route shop]\n");
	if (proxied)
		fprintf(out, "legacy = a\nrelease = 2026-11-22.1\n");
	fclose(out);
	config = config_load_text(c->lines[0].text, slice_of(text), case_resolve, &problems);
	if (config == NULL)
		fail_msg("%s", problems.lines[0]);
	conf_problems_done(&problems);
	free(text);
	return config;
}

#endif
