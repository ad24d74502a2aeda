#include "proxy/rewrite.h"

#include "proxy/h1_grammar.h"

/* Four for forwarded_apply(); or the few that an answer of weir's own begins with. */
_Static_assert(MESSAGE_OWN_FIELDS >= 4 + 2 * HEADER_RULES_MAX, "room for all that is added");

/* Of a bucket: 0 to 999,999. */
enum {
	BUCKET_DIGITS = 10
};

void rewrite_context_init(struct rewrite_context *context, const struct route_conf *route,
    const struct message *request)
{
	*context = (struct rewrite_context) {
		.route = route,
		.method = request->method,
		.scheme = request->scheme,
		.authority = request->authority,
		.target = request->target,
	};
}

static bool keep(struct slice *s, struct arena *arena)
{
	char *copy;

	if (s->len == 0)
		return true;
	copy = arena_take(arena, s->len);
	if (copy == NULL)
		return false;
	memcpy(copy, s->data, s->len);
	s->data = copy;
	return true;
}

bool rewrite_context_keep(struct rewrite_context *context, struct arena *arena)
{
	uint32_t named = context->route->response_headers.variables;

	if ((named & 1U << VARIABLE_METHOD) != 0 && !keep(&context->method, arena))
		return false;
	if ((named & 1U << VARIABLE_SCHEME) != 0 && !keep(&context->scheme, arena))
		return false;
	if ((named & 1U << VARIABLE_HOST) != 0 && !keep(&context->authority, arena))
		return false;
	return (named & (1U << VARIABLE_PATH | 1U << VARIABLE_QUERY)) == 0 ||
	       keep(&context->target, arena);
}

static struct slice without_port(struct slice authority)
{
	size_t len = authority.len;

	while (len > 0 && authority.data[len - 1] >= '0' && authority.data[len - 1] <= '9')
		len--;
	if (len > 0 && authority.data[len - 1] == ':')
		authority.len = len - 1;
	return authority;
}

/* "/" where the target has none: "*", or an absolute form without a path. */
static struct slice path_of(struct slice target)
{
	const char *query = target.len > 0 ? memchr(target.data, '?', target.len) : NULL;

	if (query != NULL)
		target.len = (size_t)(query - target.data);
	return target.len > 0 && target.data[0] == '/' ? target : SLICE("/");
}

static struct slice query_of(struct slice target)
{
	const char *query = target.len > 0 ? memchr(target.data, '?', target.len) : NULL;

	if (query == NULL)
		return SLICE("");
	return (struct slice) { query + 1, target.len - (size_t)(query + 1 - target.data) };
}

static struct slice format_bucket(uint32_t bucket, char digits[BUCKET_DIGITS])
{
	size_t at = BUCKET_DIGITS;

	do {
		digits[--at] = (char)('0' + bucket % 10);
		bucket /= 10;
	} while (bucket > 0);
	return (struct slice) { digits + at, BUCKET_DIGITS - at };
}

/* digits: where a bucket's text is written. */
static struct slice part_value(const struct template_part *part,
    const struct rewrite_context *context, char digits[BUCKET_DIGITS])
{
	switch (part->variable) {
	case VARIABLE_NONE: return part->literal;
	case VARIABLE_ARM: return context->arm;
	case VARIABLE_BUCKET:
		return context->has_bucket ? format_bucket(context->bucket, digits) : SLICE("");
	case VARIABLE_CLIENT_IP: return context->client_ip;
	case VARIABLE_HOST: return without_port(context->authority);
	case VARIABLE_METHOD: return context->method;
	case VARIABLE_PATH: return path_of(context->target);
	case VARIABLE_QUERY: return query_of(context->target);
	case VARIABLE_RELEASE: return slice_of(context->route->release);
	case VARIABLE_REQUEST_ID: return context->request_id;
	case VARIABLE_ROUTE: return slice_of(context->route->name);
	case VARIABLE_SCHEME: return context->scheme;
	case VARIABLES: break;
	}
	return SLICE("");
}

static char *put(char *at, struct slice s)
{
	if (s.len > 0)
		memcpy(at, s.data, s.len);
	return at + s.len;
}

/* What one part alone stands for needs no copy. False where the arena is full. */
static bool expand(const struct template *template, const struct rewrite_context *context,
    struct arena *arena, struct slice *value)
{
	char digits[BUCKET_DIGITS];
	size_t len = 0;
	char *at;

	if (template->n_parts == 1 && template->parts[0].variable != VARIABLE_BUCKET) {
		*value = part_value(&template->parts[0], context, digits);
		return true;
	}
	for (uint32_t i = 0; i < template->n_parts; i++)
		len += part_value(&template->parts[i], context, digits).len;
	at = arena_take(arena, len);
	if (at == NULL)
		return false;
	*value = (struct slice) { at, len };
	for (uint32_t i = 0; i < template->n_parts; i++)
		at = put(at, part_value(&template->parts[i], context, digits));
	return true;
}

static bool fail(struct h1_fault *fault, uint16_t status, const char *reason)
{
	*fault = (struct h1_fault) { status, reason };
	return false;
}

static bool is_named(const struct field *field, const struct header_rule *rule)
{
	return field->id == rule->id &&
	       (field->id != FIELD_OTHER || slice_equal_nocase(field->name,
						(struct slice) { rule->name, rule->name_len }));
}

static void drop_named(struct message *message, const struct header_rule *rule)
{
	if (!message_has(message, FIELD_BIT(rule->id)))
		return;
	for (uint32_t i = 0; i < message->n_fields; i++) {
		if (is_named(&message->fields[i], rule))
			message->fields[i].drop = true;
	}
}

void rewrite_trailers(const struct header_rules *rules, struct message *trailers)
{
	for (uint32_t i = 0; i < rules->n; i++) {
		if (rules->items[i].op != HEADER_ADD)
			drop_named(trailers, &rules->items[i]);
	}
}

static bool append(struct message *message, const struct header_rule *rule,
    const struct rewrite_context *context, struct arena *arena, struct h1_fault *fault)
{
	struct slice value;

	if (message->n_fields == MESSAGE_MAX_FIELDS)
		return fail(fault, 431, "too many fields, with those that the route adds");
	if (!expand(&rule->value, context, arena, &value))
		return fail(fault, 431, "no room for the fields that the route adds");
	/* Each value has been checked where it came in; a field's end is worth a second look.
	 */
	if (h1_skip_field_text(value.data, value.data + value.len) != value.data + value.len)
		return fail(fault, 400, "a value that no field can hold");
	return message_add(
	    message, rule->id, (struct slice) { rule->name, rule->name_len }, value);
}

static bool apply_rules(const struct header_rules *rules, const struct rewrite_context *context,
    struct message *message, struct arena *arena, struct h1_fault *fault)
{
	for (uint32_t i = 0; i < rules->n; i++) {
		const struct header_rule *rule = &rules->items[i];

		if (rule->op != HEADER_ADD)
			drop_named(message, rule);
		if (rule->op != HEADER_REMOVE && !append(message, rule, context, arena, fault))
			return false;
	}
	return true;
}

/* The target behind the prefix, if it has all its segments; it may lack its '/' then. */
static struct slice strip(struct slice target, struct slice prefix)
{
	struct slice path = path_of(target);

	if (path.len < prefix.len || memcmp(path.data, prefix.data, prefix.len) != 0 ||
	    (path.len > prefix.len && path.data[prefix.len] != '/'))
		return target;
	return (struct slice) { target.data + prefix.len, target.len - prefix.len };
}

/* OPTIONS of no path, in either of its forms (RFC 9112 3.2.4). */
static bool is_of_whole_server(const struct message *request)
{
	return slice_equal(request->target, SLICE("*")) ||
	       (request->method_id == METHOD_OPTIONS && request->target.len == 0);
}

static bool rewrite_target(const struct route_conf *route, struct message *request,
    struct arena *arena, struct h1_fault *fault)
{
	struct slice rest = request->target;
	struct slice prefix = SLICE("");
	struct slice root = SLICE("");
	size_t len;
	char *at;

	if (is_of_whole_server(request))
		return true;
	if (route->strip_prefix != NULL)
		rest = strip(rest, slice_of(route->strip_prefix));
	if (route->add_prefix != NULL)
		prefix = slice_of(route->add_prefix);
	if (rest.len == 0 || rest.data[0] == '?')
		root = SLICE("/");
	len = prefix.len + root.len + rest.len;
	if (len == rest.len || len == root.len) {
		request->target = rest.len > 0 ? rest : root;
		return true;
	}
	at = arena_take(arena, len);
	if (at == NULL)
		return fail(fault, 414, "no room for the target that the route makes");
	request->target = (struct slice) { at, len };
	put(put(put(at, prefix), root), rest);
	return true;
}

bool rewrite_request(const struct rewrite_context *context, struct message *request,
    struct arena *arena, struct h1_fault *fault)
{
	const struct route_conf *route = context->route;

	if (!apply_rules(&route->request_headers, context, request, arena, fault))
		return false;
	if ((route->strip_prefix != NULL || route->add_prefix != NULL) &&
	    !rewrite_target(route, request, arena, fault))
		return false;
	if (route->host_rewrite != NULL)
		request->authority = slice_of(route->host_rewrite);
	return true;
}

bool rewrite_response(const struct rewrite_context *context, struct message *response,
    struct arena *arena, struct h1_fault *fault)
{
	if (apply_rules(&context->route->response_headers, context, response, arena, fault))
		return true;
	fault->status = 502;
	return false;
}

static bool is_slash(char c)
{
	return c == '/' || c == '\\'; /* browsers take the one for the other */
}

/* "//host/x" would lead to another host, and the variables are the client's choice. */
static struct slice without_host(struct slice location, char *text)
{
	size_t n = 0;

	while (n < location.len && is_slash(location.data[n]))
		n++;
	if (n < 2)
		return location;
	text[n - 1] = '/';
	return (struct slice) { text + n - 1, location.len - n + 1 };
}

static bool is_visible(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] <= 0x20 || s.data[i] >= 0x7f)
			return false;
	}
	return s.len > 0;
}

bool rewrite_location(const struct rewrite_context *context, struct arena *arena,
    struct slice *location, struct h1_fault *fault)
{
	const struct template *template = &context->route->redirect.location;
	const struct template_part *last = &template->parts[template->n_parts - 1];
	struct slice made;
	char *text;

	if (template_has(template, 1U << VARIABLE_HOST) && context->authority.len == 0)
		return fail(fault, 400, "the redirect needs a Host");
	if (!expand(template, context, arena, &made))
		return fail(fault, 414, "no room for the redirect's location");
	if (!is_visible(made))
		return fail(fault, 400, "a value that no location can hold");
	text = arena_take(arena, made.len);
	if (text == NULL)
		return fail(fault, 414, "no room for the redirect's location");
	memcpy(text, made.data, made.len);
	*location = (struct slice) { text, made.len };
	if (strncmp(template->text, "//", 2) != 0)
		*location = without_host(*location, text);
	if (last->variable == VARIABLE_QUERY && location->data[location->len - 1] == '?')
		location->len--;
	return true;
}
