#include "conf/lines.h"

#include <ini.h>
#include <stdio.h>
#include <string.h>

static const struct slice byte_order_mark = { "\xef\xbb\xbf", 3 };

struct reader {
	const struct lines_sink *sink;
	struct slice rest;
	uint32_t line;
	bool awaiting; /* this line was handed to inih, which has not given its pair yet */
};

static void problem(struct reader *reader, const char *why)
{
	reader->sink->problem(reader->sink->user, reader->line, why);
}

static bool begins_with_mark(struct slice text)
{
	return text.len >= byte_order_mark.len &&
	       memcmp(text.data, byte_order_mark.data, byte_order_mark.len) == 0;
}

static struct slice next_line(struct reader *reader)
{
	const char *end = memchr(reader->rest.data, '\n', reader->rest.len);
	size_t len = end != NULL ? (size_t)(end - reader->rest.data) : reader->rest.len;
	struct slice line = { reader->rest.data, len };

	if (end != NULL)
		len++;
	reader->rest.data += len;
	reader->rest.len -= len;
	reader->line++;
	if (line.len > 0 && line.data[line.len - 1] == '\r')
		line.len--;
	return line;
}

/* Whether the line is free of bytes that hide or reshape what a person sees. */
static bool is_plain(struct reader *reader, struct slice line)
{
	char why[64];

	for (size_t i = 0; i < line.len; i++) {
		unsigned char c = (unsigned char)line.data[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f) {
			snprintf(why, sizeof(why), "control character 0x%02x at column %zu", c,
			    i + 1);
			problem(reader, why);
			return false;
		}
	}
	return true;
}

static bool is_comment(struct slice trimmed)
{
	return trimmed.data[0] == ';' || trimmed.data[0] == '#';
}

/* line: begins with '['. */
static void read_heading(struct reader *reader, struct slice line)
{
	const char *end = memchr(line.data, ']', line.len);
	struct slice text, rest;

	if (end == NULL) {
		problem(reader, "a section heading without its ']'");
		return;
	}
	text = (struct slice) { line.data + 1, (size_t)(end - line.data) - 1 };
	rest = slice_trim((struct slice) { end + 1, line.len - text.len - 2 });
	if (rest.len > 0 && !is_comment(rest)) {
		problem(reader,
		    "text after a section heading; its keys stand on lines of their own");
		return;
	}
	reader->sink->heading(reader->sink->user, reader->line, slice_trim(text));
}

/* Whether the line is for inih; if not, it has been dealt with. */
static bool is_for_inih(struct reader *reader, struct slice line)
{
	struct slice trimmed = slice_trim(line);
	char why[64];

	if (!is_plain(reader, line) || trimmed.len == 0 || is_comment(trimmed))
		return false;
	if (line.len > LINES_MAX_BYTES) {
		snprintf(why, sizeof(why), "a line of %zu bytes; at most %d are read", line.len,
		    LINES_MAX_BYTES);
		problem(reader, why);
		return false;
	}
	if (trimmed.data != line.data) {
		problem(reader, "an indented line; begin each line at its first column, "
				"and write the key again for each further value");
		return false;
	}
	/* inih would skip it on the first line that it is handed, whichever that is. */
	if (begins_with_mark(line)) {
		problem(reader, "a byte order mark inside the file");
		return false;
	}
	if (line.data[0] == '[') {
		read_heading(reader, line);
		return false;
	}
	return true;
}

static void expect_no_pair(struct reader *reader)
{
	if (reader->awaiting)
		problem(reader, "neither a [section] nor 'key = value'");
	reader->awaiting = false;
}

/* An ini_reader: the next line that is for inih. */
static char *read_line(char *buffer, int size, void *stream)
{
	struct reader *reader = stream;

	expect_no_pair(reader);
	while (reader->rest.len > 0) {
		struct slice line = next_line(reader);

		if (!is_for_inih(reader, line))
			continue;
		/* Another build of inih may have a smaller buffer than LINES_MAX_BYTES. */
		if (size < 2 || line.len > (size_t)size - 2) {
			problem(reader, "a line longer than this build of inih reads");
			continue;
		}
		memcpy(buffer, line.data, line.len);
		memcpy(buffer + line.len, "\n", 2);
		reader->awaiting = true;
		return buffer;
	}
	return NULL;
}

/* An ini_handler. The section is always "": headings are not handed over. */
static int take_pair(void *user, const char *section, const char *key, const char *value)
{
	struct reader *reader = user;

	(void)section;
	reader->awaiting = false;
	if (*key == '\0')
		problem(reader, "no key before the '='");
	else if (*value == '\0')
		problem(reader, "a key without a value; leave the line out for the default");
	else if (strstr(value, " #") != NULL || strstr(value, "\t#") != NULL)
		problem(reader, "a comment after a value begins with ';', not '#'");
	else
		reader->sink->pair(reader->sink->user, reader->line, key, value);
	return 1;
}

void lines_read(struct slice text, const struct lines_sink *sink)
{
	struct reader reader = { .sink = sink, .rest = text };

	if (begins_with_mark(text)) {
		reader.rest.data += byte_order_mark.len;
		reader.rest.len -= byte_order_mark.len;
	}
	/* Its result is the first line without a pair: read_line() reports each. */
	if (ini_parse_stream(read_line, &reader, take_pair, &reader) < 0)
		problem(&reader, "out of memory");
	/* A build that stops at its first error does not ask for the next line. */
	expect_no_pair(&reader);
}
