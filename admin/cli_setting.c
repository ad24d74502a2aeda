#include "admin/cli_setting.h"

#include "base/directory.h"
#include "conf/keys.h"
#include "conf/lines.h"
#include "conf/load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct search {
	const char *key;
	bool in_weir;
	bool failed;
	char *found;
};

static void on_heading(void *user, uint32_t line, struct slice text)
{
	struct search *search = user;

	(void)line;
	search->in_weir = slice_equal(text, slice_of(section_name(SECTION_WEIR)));
}

static void on_pair(void *user, uint32_t line, const char *key, const char *value)
{
	struct search *search = user;

	(void)line;
	if (!search->in_weir || search->found != NULL || strcmp(key, search->key) != 0)
		return;
	search->found = strdup(value);
	search->failed = search->found == NULL;
}

static void on_problem(void *user, uint32_t line, const char *why)
{
	(void)user;
	(void)line;
	(void)why;
}

const char *cli_setting_default(const char *key)
{
	return keys_find(SECTION_WEIR, key)->fallback;
}

char *cli_setting_in(struct slice text, const char *key)
{
	struct search search = { .key = key };
	struct lines_sink sink = {
		.user = &search,
		.heading = on_heading,
		.pair = on_pair,
		.problem = on_problem,
	};

	lines_read(text, &sink);
	if (search.found != NULL || search.failed)
		return search.found;
	return strdup(cli_setting_default(key));
}

char *cli_setting_of(const char *path, const char *key, struct error *err)
{
	FILE *file = fopen(path, "rb");
	char *text = malloc(CONFIG_MAX_BYTES);
	char *written = NULL, *found = NULL;
	size_t len;

	if (file == NULL || text == NULL) {
		error_set(err, "cannot read %s: %s", path, strerror(errno));
	} else {
		len = fread(text, 1, CONFIG_MAX_BYTES, file);
		if (ferror(file))
			error_set(err, "cannot read %s: %s", path, strerror(errno));
		else if (!feof(file))
			error_set(err, "%s is larger than %d MiB: no configuration", path,
			    CONFIG_MAX_BYTES >> 20);
		else if ((written = cli_setting_in((struct slice) { text, len }, key)) ==
			     NULL ||
			 (found = directory_beside(path, written)) == NULL)
			error_set(err, "out of memory");
	}
	if (file != NULL)
		fclose(file);
	free(written);
	free(text);
	return found;
}
