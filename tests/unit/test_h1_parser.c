/*
 * The rows of tests/data/h1 (its README has the format): each message is given
 * whole, one byte at a time, and in two pieces cut at every position, always in
 * fresh memory of exactly its size. All ways must tell the same; and so they must
 * of mutants of each.
 */
#include "base/buffer.h"
#include "proxy/h1_parser.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

enum {
	BYTES_MAX = 1 << 20,
	CUT_EVERYWHERE_MAX = 2000, /* longer messages are cut at this many positions */
	MUTANTS = 40,
	MUTATED_MAX = 1000,
};

struct h1_case {
	const char *path;
	unsigned line;
	char title[1000];
	bool response;
	bool to_head;
	bool closes;
	struct h1_limits limits;
	struct buffer bytes;
	struct buffer expected; /* lines, as the transcript's; faults may lack the reason */
	bool lists_fields;
};

/* What a message's reader was told, a line for each event. */
struct transcript {
	struct buffer text;
	bool in_data; /* the last line is one of data and may go on */
};

/* How many of the bytes are there after each read. */
struct pace {
	bool bytewise;
	size_t cut; /* else: in two pieces, 0 for whole */
};

static size_t pace_next(struct pace pace, size_t fed, size_t total)
{
	if (fed == total)
		return total;
	if (pace.bytewise)
		return fed + 1;
	return fed < pace.cut ? pace.cut : total;
}

static void put(struct buffer *out, const char *text)
{
	assert_true(buffer_append_slice(out, slice_of(text)));
}

static void put_escaped(struct buffer *out, struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.data[i];

		if (c == '\r' || c == '\n')
			put(out, c == '\r' ? "\\r" : "\\n");
		else if (c < 0x20 || c >= 0x7f || c == '\\')
			assert_true(buffer_printf(out, "\\x%02x", c));
		else
			assert_true(buffer_append(out, &c, 1));
	}
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* \r \n \t \0 \\ \xNN, and \{N:text} for N times the text. */
static const char *put_unescaped_one(struct buffer *out, const char *at)
{
	static const char letters[] = "rnt0\\";
	static const char meanings[] = "\r\n\t\0\\";
	const char *letter = memchr(letters, at[1], sizeof(letters) - 1);

	if (*at != '\\') {
		assert_true(buffer_append(out, at, 1));
		return at + 1;
	}
	if (letter != NULL) {
		assert_true(buffer_append(out, &meanings[letter - letters], 1));
		return at + 2;
	}
	if (at[1] == 'x' && hex_digit(at[2]) >= 0 && hex_digit(at[3]) >= 0) {
		char c = (char)(hex_digit(at[2]) * 16 + hex_digit(at[3]));

		assert_true(buffer_append(out, &c, 1));
		return at + 4;
	}
	fail_msg("no such escape: %s", at);
	return at;
}

static void put_unescaped(struct buffer *out, const char *at)
{
	while (*at != '\0') {
		unsigned long times;
		char *text;
		const char *end;

		if (at[0] != '\\' || at[1] != '{') {
			at = put_unescaped_one(out, at);
			continue;
		}
		times = strtoul(at + 2, &text, 10);
		end = strchr(text, '}');
		assert_true(*text == ':' && end != NULL);
		for (unsigned long i = 0; i < times; i++) {
			for (const char *piece = text + 1; piece < end;)
				piece = put_unescaped_one(out, piece);
		}
		at = end + 1;
	}
}

static void put_slice_or_dash(struct buffer *out, struct slice s)
{
	put(out, " ");
	put_escaped(out, s.len > 0 ? s : SLICE("-"));
}

static void note_head(struct buffer *out, const struct h1_case *c, const struct message *m)
{
	put(out, "head");
	if (c->response) {
		assert_true(buffer_printf(out, " %u", m->status));
		put_slice_or_dash(out, m->reason);
	} else {
		put_slice_or_dash(out, m->method);
		put_slice_or_dash(out, m->authority);
		put_slice_or_dash(out, m->target);
		assert_true(slice_equal(m->scheme, SLICE("http")));
		assert_int_equal(m->method_id, method_identify(m->method));
	}
	assert_true(buffer_printf(out, " HTTP/1.%u", m->minor));
	if (m->body == BODY_LENGTH)
		assert_true(
		    buffer_printf(out, " length %llu", (unsigned long long)m->content_length));
	else
		put(out, m->body == BODY_NONE ? " none" : " stream");
	if (m->body == BODY_NONE && m->has_content_length)
		assert_true(
		    buffer_printf(out, " of %llu", (unsigned long long)m->content_length));
	put(out, "\n");
	for (uint32_t i = 0; i < m->n_fields; i++) {
		put(out, "field ");
		put_escaped(out, m->fields[i].name);
		put(out, m->fields[i].value.len > 0 ? ": " : ":");
		put_escaped(out, m->fields[i].value);
		put(out, "\n");
		assert_int_equal(m->fields[i].id, field_identify(m->fields[i].name));
		assert_false(m->fields[i].drop);
	}
}

static void note_data(struct transcript *t, struct slice input, struct slice data)
{
	/* A reader would take an empty piece for the last chunk. */
	assert_true(data.len > 0);
	assert_true(data.data >= input.data && data.data + data.len <= input.data + input.len);
	if (!t->in_data)
		put(&t->text, "data ");
	t->in_data = true;
	put_escaped(&t->text, data);
}

static void end_data(struct transcript *t)
{
	if (t->in_data)
		put(&t->text, "\n");
	t->in_data = false;
}

static void start(struct h1_parser *parser, const struct h1_case *c)
{
	if (c->response)
		h1_parser_init_response(parser, &c->limits, c->to_head);
	else
		h1_parser_init_request(parser, &c->limits);
}

struct player {
	const struct h1_case *c;
	struct h1_parser parser;
	struct message message;
	struct transcript *t;
	size_t at;  /* of the bytes: used so far */
	size_t fed; /* there so far */
	bool over;  /* faulty, or a final response is complete */
};

/* What follows the end of a message is the next one; nothing follows a final response. */
static void next_message(struct player *p)
{
	if (p->c->response && (p->message.status >= 200 || p->message.status == 101))
		p->over = true;
	else
		start(&p->parser, p->c);
}

/* One call of the parser, with its input in memory of its own. False: it needs more. */
static bool step(struct player *p)
{
	size_t len = p->fed - p->at;
	char *copy = malloc(len);
	struct slice input = { copy, len };
	struct slice data = { 0 };
	size_t used = 7;
	enum h1_event event;
	bool in_head = p->parser.state == H1_STATE_HEAD;

	assert_non_null(copy);
	memcpy(copy, p->c->bytes.data + p->at, len);
	event = h1_parser_next(&p->parser, input, &p->message, &used, &data);
	assert_true(used <= len);
	assert_true(!in_head || event != H1_NEED_MORE || used == 0);
	p->at += used;
	if (event != H1_DATA && event != H1_NEED_MORE)
		end_data(p->t);
	switch (event) {
	case H1_HEAD: note_head(&p->t->text, p->c, &p->message); break;
	case H1_DATA: note_data(p->t, input, data); break;
	case H1_END:
		put(&p->t->text, "end\n");
		assert_int_equal(used > 0, p->message.body == BODY_STREAM);
		next_message(p);
		break;
	case H1_FAULT:
		assert_true(buffer_printf(&p->t->text, "fault %u %s\n", p->parser.fault.status,
		    p->parser.fault.reason));
		assert_int_equal(
		    h1_parser_next(&p->parser, input, &p->message, &used, &data), H1_FAULT);
		assert_false(h1_parser_eof(&p->parser));
		p->over = true;
		break;
	case H1_NEED_MORE: break;
	}
	free(copy);
	return event != H1_NEED_MORE;
}

static void play(const struct h1_case *c, struct pace pace, struct transcript *t)
{
	static struct player p;
	size_t total = buffer_len(&c->bytes);

	/* Nothing may depend on what a message held before. */
	memset(&p, 0xa5, sizeof(p));
	p.c = c;
	p.t = t;
	p.at = p.fed = 0;
	p.over = false;
	start(&p.parser, c);
	do {
		p.fed = pace_next(pace, p.fed, total);
		while (!p.over && step(&p))
			continue;
	} while (!p.over && p.fed < total);
	end_data(t);
	if (c->closes && !p.over) {
		put(&t->text, h1_parser_eof(&p.parser) ? "closed whole\n" : "closed cut\n");
	} else if (!p.over && h1_parser_begun(&p.parser)) {
		put(&t->text, "more\n");
	} else if (p.over && c->response && p.parser.state == H1_STATE_DONE && p.at < total) {
		put(&t->text, "rest ");
		put_escaped(&t->text, (struct slice) { c->bytes.data + p.at, total - p.at });
		put(&t->text, "\n");
	}
}

static bool next_line(struct slice *rest, struct slice *line)
{
	const char *newline;

	if (rest->len == 0)
		return false;
	newline = memchr(rest->data, '\n', rest->len);
	assert_non_null(newline);
	*line = (struct slice) { rest->data, (size_t)(newline - rest->data) };
	rest->data += line->len + 1;
	rest->len -= line->len + 1;
	return true;
}

static bool begins_with(struct slice s, const char *prefix)
{
	return s.len >= strlen(prefix) && memcmp(s.data, prefix, strlen(prefix)) == 0;
}

/* The next line that the case speaks of: fields only where it lists them. */
static bool next_told(const struct h1_case *c, struct slice *rest, struct slice *line)
{
	while (next_line(rest, line)) {
		if (c->lists_fields || !begins_with(*line, "field "))
			return true;
	}
	return false;
}

static bool is_as_expected(const struct h1_case *c, const struct transcript *t)
{
	struct slice told = buffer_slice(&t->text);
	struct slice expected = buffer_slice(&c->expected);
	struct slice line, expected_line;

	while (next_line(&expected, &expected_line)) {
		if (!next_told(c, &told, &line))
			return false;
		if (begins_with(line, "fault ") && expected_line.len == strlen("fault 400"))
			line.len = expected_line.len;
		if (!slice_equal(line, expected_line))
			return false;
	}
	return !next_told(c, &told, &line);
}

static void complain(
    const struct h1_case *c, const char *what, struct slice told, struct slice instead_of)
{
	fprintf(stderr, "%s:%u: %s: %s, it tells\n%.*sand not\n%.*s\n", c->path, c->line,
	    c->title, what, (int)told.len, told.data, (int)instead_of.len, instead_of.data);
}

/* The same must be told as of the whole; returns false where it is not. */
static bool tells_the_same(
    const struct h1_case *c, struct pace pace, const struct transcript *whole)
{
	static struct transcript t;
	bool same;

	if (t.text.cap == 0)
		buffer_init(&t.text, 4 * BYTES_MAX);
	buffer_reset(&t.text, 4 * BYTES_MAX);
	play(c, pace, &t);
	same = slice_equal(buffer_slice(&t.text), buffer_slice(&whole->text));
	if (!same) {
		char what[64];

		snprintf(what, sizeof(what), pace.bytewise ? "byte by byte" : "cut at %zu",
		    pace.cut);
		complain(c, what, buffer_slice(&t.text), buffer_slice(&whole->text));
	}
	return same;
}

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/* One to three bytes replaced by such as parsers stumble over. */
static void mutate(struct buffer *bytes, const struct h1_case *c, uint32_t *seed)
{
	static const char alphabet[] = "\r\n\r\n\t :;,/?#\"0159afxH-\0\x7f\x80";
	unsigned n = 1 + next_random(seed) % 3;

	buffer_reset(bytes, BYTES_MAX);
	assert_true(buffer_append_slice(bytes, buffer_slice(&c->bytes)));
	for (unsigned i = 0; i < n; i++)
		bytes->data[next_random(seed) % buffer_len(bytes)] =
		    alphabet[next_random(seed) % (sizeof(alphabet) - 1)];
}

/* What it tells of a mutant is not known, but that the split does not matter is. */
static bool mutants_tell_the_same(const struct h1_case *c)
{
	struct h1_case mutant = *c;
	struct transcript whole = { 0 };
	uint32_t seed = c->line;
	bool ok = true;

	if (buffer_len(&c->bytes) == 0 || buffer_len(&c->bytes) > MUTATED_MAX)
		return true;
	buffer_init(&mutant.bytes, BYTES_MAX);
	buffer_init(&whole.text, 4 * BYTES_MAX);
	for (unsigned i = 0; ok && i < MUTANTS; i++) {
		size_t cut;

		mutate(&mutant.bytes, c, &seed);
		cut = 1 + next_random(&seed) % buffer_len(&mutant.bytes);
		buffer_reset(&whole.text, 4 * BYTES_MAX);
		play(&mutant, (struct pace) { 0 }, &whole);
		ok = tells_the_same(&mutant, (struct pace) { .bytewise = true }, &whole) &&
		     tells_the_same(&mutant, (struct pace) { .cut = cut }, &whole);
	}
	buffer_done(&mutant.bytes);
	buffer_done(&whole.text);
	return ok;
}

static bool holds(const struct h1_case *c)
{
	struct transcript whole = { 0 };
	size_t total = buffer_len(&c->bytes);
	size_t stride = 1 + total / CUT_EVERYWHERE_MAX;
	bool ok;

	buffer_init(&whole.text, 4 * BYTES_MAX);
	play(c, (struct pace) { 0 }, &whole);
	ok = is_as_expected(c, &whole);
	if (!ok)
		complain(c, "whole", buffer_slice(&whole.text), buffer_slice(&c->expected));
	ok = tells_the_same(c, (struct pace) { .bytewise = true }, &whole) && ok;
	for (size_t cut = 1; ok && cut < total; cut += stride)
		ok = tells_the_same(c, (struct pace) { .cut = cut }, &whole);
	buffer_done(&whole.text);
	return ok && mutants_tell_the_same(c);
}

static void begin_case(struct h1_case *c, const char *title)
{
	snprintf(c->title, sizeof(c->title), "%s", title);
	c->to_head = c->closes = c->lists_fields = false;
	c->limits = (struct h1_limits) {
		.max_head_bytes = 4096, .max_fields = 64, .max_uri_bytes = 1024
	};
	buffer_reset(&c->bytes, BYTES_MAX);
	buffer_reset(&c->expected, BYTES_MAX);
}

/* Anything that is no directive is a line of what must be told. */
static void read_line(struct h1_case *c, const char *line)
{
	if (strncmp(line, "> ", 2) == 0) {
		put_unescaped(&c->bytes, line + 2);
	} else if (strcmp(line, "to HEAD") == 0) {
		c->to_head = true;
	} else if (strcmp(line, "closes") == 0) {
		c->closes = true;
	} else if (sscanf(line, "limits head=%u fields=%u uri=%u", &c->limits.max_head_bytes,
		       &c->limits.max_fields, &c->limits.max_uri_bytes) != 3) {
		struct buffer plain;

		c->lists_fields = c->lists_fields || strncmp(line, "field ", 6) == 0;
		buffer_init(&plain, BYTES_MAX);
		put_unescaped(&plain, line);
		put_escaped(&c->expected, buffer_slice(&plain));
		put(&c->expected, "\n");
		buffer_done(&plain);
	}
}

/* Every case of the file; `least` guards against rows that are not read. */
static void run_file(const char *path, unsigned least)
{
	FILE *file = fopen(path, "r");
	static struct h1_case c;
	char line[1000];
	unsigned n_cases = 0, n_bad = 0, n_lines = 0;

	assert_non_null(file);
	c.path = path;
	c.response = strstr(path, "/response") != NULL;
	buffer_init(&c.bytes, BYTES_MAX);
	buffer_init(&c.expected, BYTES_MAX);
	while (fgets(line, sizeof(line), file) != NULL) {
		assert_non_null(strchr(line, '\n'));
		line[strcspn(line, "\n")] = '\0';
		n_lines++;
		if (strncmp(line, "--- ", 4) == 0) {
			n_bad += n_cases > 0 && !holds(&c);
			begin_case(&c, line + 4);
			c.line = n_lines;
			n_cases++;
		} else if (line[0] != '\0' && line[0] != '#') {
			read_line(&c, line);
		}
	}
	n_bad += !holds(&c);
	fclose(file);
	buffer_done(&c.bytes);
	buffer_done(&c.expected);
	if (n_bad > 0)
		fail_msg("%u of %u cases do not hold", n_bad, n_cases);
	assert_true(n_cases >= least);
}

static void request_lines_are_read_by_the_letter(void **state)
{
	(void)state;
	run_file("tests/data/h1/request-lines.txt", 40);
}

static void a_request_names_one_host(void **state)
{
	(void)state;
	run_file("tests/data/h1/request-hosts.txt", 20);
}

static void fields_are_read_by_the_letter(void **state)
{
	(void)state;
	run_file("tests/data/h1/request-fields.txt", 25);
}

static void a_request_has_one_framing(void **state)
{
	(void)state;
	run_file("tests/data/h1/request-framing.txt", 30);
}

static void chunked_bodies_lose_their_framing(void **state)
{
	(void)state;
	run_file("tests/data/h1/request-chunked.txt", 30);
}

static void what_is_too_long_has_a_status(void **state)
{
	(void)state;
	run_file("tests/data/h1/request-limits.txt", 10);
}

static void the_next_request_is_not_touched(void **state)
{
	(void)state;
	run_file("tests/data/h1/request-pipelines.txt", 8);
}

static void status_lines_are_read_by_the_letter(void **state)
{
	(void)state;
	run_file("tests/data/h1/response-lines.txt", 20);
}

static void a_response_ends_where_the_rules_say(void **state)
{
	(void)state;
	run_file("tests/data/h1/response-bodies.txt", 30);
}

static void a_parser_has_begun_with_the_first_byte(void **state)
{
	struct h1_limits limits = { 100, 10, 50 };
	struct h1_parser parser;
	struct message message;
	struct slice data;
	size_t used;

	(void)state;
	h1_parser_init_request(&parser, &limits);
	assert_int_equal(
	    h1_parser_next(&parser, SLICE(""), &message, &used, &data), H1_NEED_MORE);
	assert_false(h1_parser_begun(&parser));
	assert_int_equal(
	    h1_parser_next(&parser, SLICE("G"), &message, &used, &data), H1_NEED_MORE);
	assert_true(h1_parser_begun(&parser));
}

/* A whole chunked request up to its end; trailers: where they go. */
static void read_chunked_request(
    struct h1_parser *parser, struct buffer *trailers, struct slice rest)
{
	static const struct h1_limits limits = { 1000, 10, 50 };
	static struct message message;
	enum h1_event event = H1_NEED_MORE;

	h1_parser_init_request(parser, &limits);
	h1_parser_keep_trailers(parser, trailers);
	while (event != H1_END) {
		struct slice data;
		size_t used;

		event = h1_parser_next(parser, rest, &message, &used, &data);
		assert_true(event == H1_HEAD || event == H1_DATA || event == H1_END);
		rest.data += used;
		rest.len -= used;
	}
}

#define CHUNKED_HEAD "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"

/* RFC 9110 7.6.1 */
static void the_names_that_connection_gives_are_there_when_the_trailers_come(void **state)
{
	static struct message message;
	struct h1_parser parser;
	struct buffer trailers;

	(void)state;
	buffer_init(&trailers, 1000);
	read_chunked_request(&parser, &trailers,
	    SLICE(CHUNKED_HEAD "Connection: close, X-Hop\r\n\r\n"
			       "1\r\na\r\n0\r\nX-Hop: 1\r\nX-Sum: 2\r\n\r\n"));
	assert_true(slice_equal(h1_parser_nominated(&parser), SLICE("X-Hop,")));
	assert_true(h1_parser_has_trailers(&parser));
	assert_true(h1_parser_trailers(&parser, &message));
	assert_int_equal(message.n_fields, 2);
	assert_true(slice_equal(message.fields[0].name, SLICE("X-Hop")));
	assert_true(slice_equal(message.fields[1].value, SLICE("2")));
	buffer_reset(&trailers, 0);
	read_chunked_request(&parser, &trailers,
	    SLICE(CHUNKED_HEAD "Connection: X-Hop\r\n\r\n1\r\na\r\n0\r\n\r\n"));
	assert_false(h1_parser_has_trailers(&parser));
	buffer_done(&trailers);
}

static void without_memory_for_the_names_there_are_no_trailers(void **state)
{
	struct h1_parser parser;
	struct buffer trailers;

	(void)state;
	for (size_t cap = 0; cap < 6; cap++) {
		buffer_init(&trailers, cap);
		read_chunked_request(&parser, &trailers,
		    SLICE(CHUNKED_HEAD "Connection: X-Hop\r\n\r\n"
				       "1\r\na\r\n0\r\nX-Hop: 1\r\n\r\n"));
		assert_false(h1_parser_has_trailers(&parser));
		assert_int_equal(h1_parser_nominated(&parser).len, 0);
		buffer_done(&trailers);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_lines_are_read_by_the_letter),
		cmocka_unit_test(a_request_names_one_host),
		cmocka_unit_test(fields_are_read_by_the_letter),
		cmocka_unit_test(a_request_has_one_framing),
		cmocka_unit_test(chunked_bodies_lose_their_framing),
		cmocka_unit_test(what_is_too_long_has_a_status),
		cmocka_unit_test(the_next_request_is_not_touched),
		cmocka_unit_test(status_lines_are_read_by_the_letter),
		cmocka_unit_test(a_response_ends_where_the_rules_say),
		cmocka_unit_test(a_parser_has_begun_with_the_first_byte),
		cmocka_unit_test(
		    the_names_that_connection_gives_are_there_when_the_trailers_come),
		cmocka_unit_test(without_memory_for_the_names_there_are_no_trailers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
