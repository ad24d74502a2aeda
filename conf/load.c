#include "conf/load.h"

#include "conf/check.h"
#include "conf/keys.h"
#include "conf/names.h"
#include "conf/problems.h"
#include "conf/secret_files.h"
#include "conf/section_check.h"
#include "conf/stages.h"
#include "conf/value.h"
#include "conf/written.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct loading {
	struct config *config;
	struct problems *problems;
	struct written written;
	struct names names;
	struct value_scope scope;
};

/* The arrays at their final sizes: references may point into them. */
static bool make_sections(struct config *config, const struct written *written)
{
	config->listens = calloc(written->n_of[SECTION_LISTEN] + 1, sizeof(*config->listens));
	config->upstreams =
	    calloc(written->n_of[SECTION_UPSTREAM] + 1, sizeof(*config->upstreams));
	config->routes = calloc(written->n_of[SECTION_ROUTE] + 1, sizeof(*config->routes));
	config->rollouts =
	    calloc(written->n_of[SECTION_ROLLOUT] + 1, sizeof(*config->rollouts));
	config->webhooks =
	    calloc(written->n_of[SECTION_WEBHOOK] + 1, sizeof(*config->webhooks));
	if (config->listens == NULL || config->upstreams == NULL || config->routes == NULL ||
	    config->rollouts == NULL || config->webhooks == NULL)
		return false;
	config->n_listens = written->n_of[SECTION_LISTEN];
	config->n_upstreams = written->n_of[SECTION_UPSTREAM];
	config->n_routes = written->n_of[SECTION_ROUTE];
	config->n_rollouts = written->n_of[SECTION_ROLLOUT];
	config->n_webhooks = written->n_of[SECTION_WEBHOOK];
	return true;
}

/* The struct that a written section fills, with its name and place set. */
static void *open_section(struct config *config, const struct written_section *section)
{
	struct conf_place *place = NULL;
	char **name = NULL;
	void *opened = NULL;

	switch (section->kind) {
	case SECTION_WEIR: return &config->weir;
	case SECTION_LISTEN:
		opened = &config->listens[section->at];
		name = &config->listens[section->at].name;
		place = &config->listens[section->at].place;
		break;
	case SECTION_UPSTREAM:
		opened = &config->upstreams[section->at];
		name = &config->upstreams[section->at].name;
		place = &config->upstreams[section->at].place;
		break;
	case SECTION_ROUTE:
		opened = &config->routes[section->at];
		name = &config->routes[section->at].name;
		place = &config->routes[section->at].place;
		break;
	case SECTION_ROLLOUT:
		opened = &config->rollouts[section->at];
		name = &config->rollouts[section->at].name;
		place = &config->rollouts[section->at].place;
		break;
	case SECTION_WEBHOOK:
		opened = &config->webhooks[section->at];
		name = &config->webhooks[section->at].name;
		place = &config->webhooks[section->at].place;
		break;
	case SECTIONS: return NULL;
	}
	place->line = section->line;
	*name = strdup(section->name);
	return *name != NULL ? opened : NULL;
}

static void set_pairs(struct loading *loading, const struct written_section *section,
    void *opened, struct set_lines *lines)
{
	char title[SECTION_TEXT_SIZE];
	struct error err;

	written_title(section, title);
	for (size_t i = 0; i < section->n_pairs; i++) {
		const struct written_pair *pair =
		    &loading->written.pairs[section->first_pair + i];
		uint32_t *line = set_line(lines, pair->key);

		if (*line != 0 && !pair->key->repeats) {
			problems_add(loading->problems, pair->line,
			    "'%s' is set a second time in %s; the first is on line %u",
			    pair->key->name, title, *line);
			continue;
		}
		*line = pair->line;
		loading->scope.place.line = pair->line;
		loading->scope.suggest = problems_would_keep(loading->problems, pair->line);
		if (!value_set(&loading->scope, pair->key, opened, pair->value, &err)) {
			*set_refused(lines, pair->key) = true;
			problems_add(loading->problems, pair->line, "%s = %s: %s",
			    pair->key->name, pair->value, err.text);
		}
	}
}

/* A second section of one name is reported as such; it may well add only a key. */
static bool is_first(const struct loading *loading, const struct written_section *section)
{
	return section->line == 0 ||
	       names_find(&loading->names, section->kind, section->name) == section;
}

/* Gives every key that was not set its default, and reports the required ones. */
static void set_defaults(struct loading *loading, const struct section_view *view, void *opened)
{
	const struct written_section *section = view->written;
	char title[SECTION_TEXT_SIZE];
	struct error err;
	size_t n;
	const struct key *keys = keys_all(&n);

	written_title(section, title);
	for (size_t i = 0; i < n; i++) {
		if (keys[i].section != section->kind || *set_line(view->lines, &keys[i]) != 0)
			continue;
		if (keys[i].required && view->first)
			problems_add(loading->problems, section->line, "%s needs '%s'", title,
			    keys[i].name);
		if (keys[i].fallback != NULL &&
		    !value_set(&loading->scope, &keys[i], opened, keys[i].fallback, &err))
			problems_add(loading->problems, section->line, "%s = %s: %s",
			    keys[i].name, keys[i].fallback, err.text);
	}
}

/* The strings of a route that stand for themselves where they are not written. */
static bool set_route_texts(struct route_conf *route)
{
	if (route->release == NULL)
		route->release = strdup("");
	if (route->salt == NULL)
		route->salt = strdup(route->name);
	return route->release != NULL && route->salt != NULL;
}

/* What is left to do where all keys of the section have a value. False: out of memory. */
static bool finish_section(struct loading *loading, const struct section_view *view)
{
	struct config *config = loading->config;
	size_t at = view->written->at;

	switch (view->written->kind) {
	case SECTION_WEIR:
		config->weir.admin_listen_place.line =
		    set_line_of(view->lines, SECTION_WEIR, "admin_listen");
		config->weir.token_key_place.line =
		    set_line_of(view->lines, SECTION_WEIR, "token_key_file");
		return true;
	case SECTION_LISTEN:
		section_check_listen(view, &config->listens[at], loading->problems);
		return true;
	case SECTION_ROUTE:
		section_check_route(view, &config->routes[at], loading->problems);
		return set_route_texts(&config->routes[at]);
	case SECTION_ROLLOUT:
		stages_settle(&config->rollouts[at]);
		section_check_rollout(view, &config->rollouts[at], loading->problems);
		return true;
	case SECTION_WEBHOOK:
		config->webhooks[at].secret_place.line =
		    set_line_of(view->lines, SECTION_WEBHOOK, "secret_file");
		return true;
	default: return true;
	}
}

static bool fill_section(struct loading *loading, const struct written_section *section)
{
	void *opened = open_section(loading->config, section);
	struct set_lines lines = { 0 };
	struct section_view view = {
		.written = section,
		.first = is_first(loading, section),
		.lines = &lines,
	};

	if (opened == NULL)
		return false;
	set_pairs(loading, section, opened, &lines);
	set_defaults(loading, &view, opened);
	return finish_section(loading, &view);
}

/* False when out of memory. */
static bool fill(struct loading *loading, struct slice text)
{
	static const struct written_section no_weir = { .kind = SECTION_WEIR, .name = "" };
	struct written *written = &loading->written;

	if (!written_read(written, text, loading->problems) ||
	    !names_init(&loading->names, written) || !make_sections(loading->config, written))
		return false;
	names_check_unique(&loading->names, loading->problems);
	if (written->n_of[SECTION_WEIR] == 0 && !fill_section(loading, &no_weir))
		return false;
	for (size_t i = 0; i < written->n_sections; i++) {
		if (!fill_section(loading, &written->sections[i]))
			return false;
	}
	return check_whole(loading->config, loading->problems);
}

/* What is outside of the text: how names are resolved, and who looks at files it names. */
struct surroundings {
	resolve_fn *resolve;
	bool has_files;
	enum conf_purpose purpose; /* with has_files */
};

static struct config *load(const char *path, struct slice text,
    const struct surroundings *around, struct problems *problems)
{
	struct loading loading = { .problems = problems };
	struct config *config = calloc(1, sizeof(*config));

	loading.config = config;
	loading.scope = (struct value_scope) {
		.config = config,
		.names = &loading.names,
		.resolve = around->resolve,
	};
	if (config != NULL)
		config->path = strdup(path);
	if (config == NULL || config->path == NULL || !fill(&loading, text))
		problems_add(problems, 0, "out of memory");
	else if (around->has_files)
		secret_files_check(config, around->purpose, problems);
	names_done(&loading.names);
	written_done(&loading.written);
	if (!problems_any(problems))
		return config;
	config_free(config);
	return NULL;
}

struct config *config_load_text(
    const char *path, struct slice text, resolve_fn *resolve, struct conf_problems *problems)
{
	const struct surroundings around = { .resolve = resolve };
	struct problems found;
	struct config *config;

	problems_init(&found, path);
	config = load(path, text, &around, &found);
	problems_finish(&found, problems);
	return config;
}

/* Reads what is there, up to `size`; -1 with errno set on an error. */
static ssize_t read_whole(int fd, char *buffer, size_t size)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = read(fd, buffer + len, size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

/* NULL where it cannot be read; then there is a problem. free() it. */
static char *read_file(const char *path, size_t *len, struct problems *problems)
{
	/* O_NONBLOCK: opening a FIFO must not wait for a writer. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	char *text = NULL;
	struct stat info;
	ssize_t n = -1;

	if (fd < 0 || fstat(fd, &info) != 0) {
		problems_add(problems, 0, "cannot open: %s", strerror(errno));
	} else if (!S_ISREG(info.st_mode)) {
		problems_add(problems, 0, "not a regular file");
	} else if ((text = malloc(CONFIG_MAX_BYTES + 1)) == NULL) {
		problems_add(problems, 0, "out of memory");
	} else {
		n = read_whole(fd, text, CONFIG_MAX_BYTES + 1);
		if (n < 0)
			problems_add(problems, 0, "cannot read: %s", strerror(errno));
		else if (n > CONFIG_MAX_BYTES)
			problems_add(
			    problems, 0, "larger than %d MiB", CONFIG_MAX_BYTES / 1024 / 1024);
		else
			*len = (size_t)n;
	}
	if (fd >= 0)
		close(fd);
	if (!problems_any(problems))
		return text;
	free(text);
	return NULL;
}

struct config *config_load(
    const char *path, enum conf_purpose purpose, struct conf_problems *problems)
{
	const struct surroundings around = {
		.resolve = resolve_server,
		.has_files = true,
		.purpose = purpose,
	};
	struct config *config = NULL;
	struct problems found;
	size_t len = 0;
	char *text;

	problems_init(&found, path);
	text = read_file(path, &len, &found);
	if (text != NULL)
		config = load(path, (struct slice) { text, len }, &around, &found);
	free(text);
	problems_finish(&found, problems);
	return config;
}
