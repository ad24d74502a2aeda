#include "conf/template.h"

#include "conf/nearest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[VARIABLES] = {
	[VARIABLE_NONE] = "",
	[VARIABLE_ARM] = "arm",
	[VARIABLE_BUCKET] = "bucket",
	[VARIABLE_CLIENT_IP] = "client_ip",
	[VARIABLE_HOST] = "host",
	[VARIABLE_METHOD] = "method",
	[VARIABLE_PATH] = "path",
	[VARIABLE_QUERY] = "query",
	[VARIABLE_RELEASE] = "release",
	[VARIABLE_REQUEST_ID] = "request_id",
	[VARIABLE_ROUTE] = "route",
	[VARIABLE_SCHEME] = "scheme",
};

const char *template_variable_name(enum template_variable variable)
{
	return names[variable];
}

static bool check_bytes(struct slice text, struct error *err)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];

		if ((c < 0x20 && c != '\t') || c > 0x7e) {
			error_set(err, "printable ASCII is needed");
			return false;
		}
	}
	return true;
}

/* The nearest, or where none is near, all there are. */
static void explain_variable(
    struct slice word, const struct nearest *nearest, struct error *err)
{
	char suggestion[NEAREST_TEXT_SIZE], all[256] = "; there are";
	size_t len = strlen(all);

	nearest_format(nearest, suggestion);
	for (int v = VARIABLE_NONE + 1; v < VARIABLES; v++)
		len += (size_t)snprintf(all + len, sizeof(all) - len, "%s %s",
		    v == VARIABLE_NONE + 1 ? "" : ",", names[v]);
	error_set(err, "unknown variable '${%.*s}'%s", (int)word.len, word.data,
	    nearest->best != NULL ? suggestion : all);
}

static bool find_variable(
    struct slice word, enum template_variable *variable, struct error *err)
{
	struct nearest nearest;
	char name[64] = "";

	if (word.len < sizeof(name))
		memcpy(name, word.data, word.len);
	nearest_init(&nearest, name);
	for (int v = VARIABLE_NONE + 1; v < VARIABLES; v++) {
		if (slice_equal(word, slice_of(names[v]))) {
			*variable = (enum template_variable)v;
			return true;
		}
		nearest_offer(&nearest, names[v]);
	}
	explain_variable(word, &nearest, err);
	return false;
}

/* What begins at a '$'; moves *at behind it. */
static bool parse_dollar(
    const char **at, const char *end, struct template_part *part, struct error *err)
{
	const char *open = *at + 1;
	const char *close;

	if (open < end && *open == '$') {
		*part = (struct template_part) { .literal = { open, 1 } };
		*at = open + 1;
		return true;
	}
	if (open == end || *open != '{') {
		error_set(err, "a '$' stands before a variable, as in ${path}; "
			       "the sign itself is written $$");
		return false;
	}
	close = memchr(open, '}', (size_t)(end - open));
	if (close == NULL) {
		error_set(err, "a '${' without its '}'");
		return false;
	}
	*part = (struct template_part) { 0 };
	*at = close + 1;
	return find_variable(
	    (struct slice) { open + 1, (size_t)(close - open) - 1 }, &part->variable, err);
}

static bool parse_parts(struct template *template, struct error *err)
{
	const char *at = template->text;
	const char *end = at + strlen(at);

	while (at < end) {
		struct template_part *part = &template->parts[template->n_parts++];
		const char *dollar = memchr(at, '$', (size_t)(end - at));

		if (dollar == at) {
			if (!parse_dollar(&at, end, part, err))
				return false;
			if (part->variable != VARIABLE_NONE)
				template->variables |= 1U << part->variable;
			continue;
		}
		if (dollar == NULL)
			dollar = end;
		part->literal = (struct slice) { at, (size_t)(dollar - at) };
		at = dollar;
	}
	return true;
}

/* Each dollar makes one part, and there is one more before, between and after. */
static size_t most_parts(struct slice text)
{
	size_t n = 1;

	for (size_t i = 0; i < text.len; i++)
		n += text.data[i] == '$' ? 2 : 0;
	return n;
}

bool template_parse(struct slice text, struct template *template, struct error *err)
{
	*template = (struct template) { 0 };
	if (!check_bytes(text, err))
		return false;
	template->text = strndup(text.data, text.len);
	template->parts = calloc(most_parts(text), sizeof(*template->parts));
	if (template->text != NULL && template->parts != NULL) {
		if (parse_parts(template, err))
			return true;
	} else {
		error_set(err, "out of memory");
	}
	template_done(template);
	return false;
}

void template_done(struct template *template)
{
	free(template->text);
	free(template->parts);
	*template = (struct template) { 0 };
}
