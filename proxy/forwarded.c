#include "proxy/forwarded.h"

#include "proxy/h1_grammar.h"
#include "proxy/headers.h"

enum {
	ALL_FIELDS = FIELD_BIT(FIELD_X_FORWARDED_FOR) | FIELD_BIT(FIELD_X_FORWARDED_PROTO) |
		     FIELD_BIT(FIELD_X_FORWARDED_HOST) | FIELD_BIT(FIELD_FORWARDED)
};

static bool append(struct message *message, enum field_id id, struct slice name,
    struct slice value, struct h1_fault *fault)
{
	if (message_add(message, id, name, value))
		return true;
	*fault = (struct h1_fault) { 431, "too many fields, with the forwarding ones" };
	return false;
}

static char *put(char *at, struct slice s)
{
	if (s.len > 0)
		memcpy(at, s.data, s.len);
	return at + s.len;
}

/* n bytes that a field needs. NULL where there are none. */
static char *take(struct arena *arena, size_t n, struct h1_fault *fault)
{
	char *bytes = arena_take(arena, n);

	if (bytes == NULL)
		*fault = (struct h1_fault) { 431, "no room for the forwarding fields" };
	return bytes;
}

static bool is_in_list(const struct field *field, enum field_id id)
{
	return field->id == id && !field->drop && field->value.len > 0;
}

/* The values of all fields of that id, and `last`, as one list (RFC 9110 5.3). */
static bool join(const struct message *message, enum field_id id, struct slice last,
    struct arena *arena, struct slice *list, struct h1_fault *fault)
{
	size_t len = last.len;
	char *at;

	*list = last;
	if (!message_has(message, FIELD_BIT(id)))
		return true;
	for (uint32_t i = 0; i < message->n_fields; i++) {
		if (is_in_list(&message->fields[i], id))
			len += message->fields[i].value.len + 2;
	}
	if (len == last.len)
		return true;
	at = take(arena, len, fault);
	if (at == NULL)
		return false;
	*list = (struct slice) { at, len };
	for (uint32_t i = 0; i < message->n_fields; i++) {
		if (is_in_list(&message->fields[i], id)) {
			at = put(at, message->fields[i].value);
			at = put(at, SLICE(", "));
		}
	}
	put(at, last);
	return true;
}

/* Whether what is appended to the value stays outside its quoted strings. */
static bool is_balanced(struct slice value)
{
	bool quoted = false;

	for (size_t i = 0; i < value.len; i++) {
		if (value.data[i] == '"')
			quoted = !quoted;
		else if (quoted && value.data[i] == '\\')
			i++; /* a quoted pair: one at the end leaves the string open */
	}
	return !quoted;
}

static bool all_balanced(const struct message *message)
{
	for (uint32_t i = 0; i < message->n_fields; i++) {
		if (is_in_list(&message->fields[i], FIELD_FORWARDED) &&
		    !is_balanced(message->fields[i].value))
			return false;
	}
	return true;
}

static bool is_token(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (!h1_is_token(s.data[i]))
			return false;
	}
	return true;
}

/* for=192.0.2.7;host="shop.example.com:8080";proto=http (RFC 7239 4 to 6). */
static bool make_element(const struct forwarded_context *context, struct slice authority,
    struct arena *arena, struct slice *element, struct h1_fault *fault)
{
	/* Nothing in an address or an authority needs a backslash in its quotes. */
	bool ipv6 = memchr(context->peer.data, ':', context->peer.len) != NULL;
	struct slice quote = is_token(authority) ? SLICE("") : SLICE("\"");
	size_t len = context->peer.len + authority.len + context->proto.len +
		     sizeof("for=\"[]\";host=\"\";proto=");
	char *from = take(arena, len, fault);
	char *at = from;

	if (from == NULL)
		return false;
	at = put(at, ipv6 ? SLICE("for=\"[") : SLICE("for="));
	at = put(at, context->peer);
	at = put(at, ipv6 ? SLICE("]\"") : SLICE(""));
	if (authority.len > 0) {
		at = put(at, SLICE(";host="));
		at = put(at, quote);
		at = put(at, authority);
		at = put(at, quote);
	}
	at = put(at, SLICE(";proto="));
	at = put(at, context->proto);
	*element = (struct slice) { from, (size_t)(at - from) };
	return true;
}

/* keep: what the request brings of the chain is appended to. */
static bool make_forwarded(const struct forwarded_context *context, bool keep,
    const struct message *request, struct arena *arena, struct slice *list,
    struct h1_fault *fault)
{
	struct slice element;

	if (!make_element(context, request->authority, arena, &element, fault))
		return false;
	*list = element;
	return !keep || !all_balanced(request) ||
	       join(request, FIELD_FORWARDED, element, arena, list, fault);
}

/* Which of -Proto and -Host stay as a trusted peer sent them. */
static uint32_t believed(const struct message *request)
{
	return (headers_keep(request, FIELD_X_FORWARDED_PROTO)
		       ? FIELD_BIT(FIELD_X_FORWARDED_PROTO)
		       : 0) |
	       (headers_keep(request, FIELD_X_FORWARDED_HOST)
		       ? FIELD_BIT(FIELD_X_FORWARDED_HOST)
		       : 0);
}

static bool append_x(const struct forwarded_context *context, struct slice chain, uint32_t stay,
    struct message *request, struct h1_fault *fault)
{
	bool own_proto = (stay & FIELD_BIT(FIELD_X_FORWARDED_PROTO)) == 0;
	bool own_host =
	    (stay & FIELD_BIT(FIELD_X_FORWARDED_HOST)) == 0 && request->authority.len > 0;

	return append(request, FIELD_X_FORWARDED_FOR, SLICE("X-Forwarded-For"), chain, fault) &&
	       (!own_proto || append(request, FIELD_X_FORWARDED_PROTO,
				  SLICE("X-Forwarded-Proto"), context->proto, fault)) &&
	       (!own_host || append(request, FIELD_X_FORWARDED_HOST, SLICE("X-Forwarded-Host"),
				 request->authority, fault));
}

bool forwarded_apply(const struct forwarded_context *context, struct message *request,
    struct arena *arena, struct h1_fault *fault)
{
	bool keep = context->peer_is_trusted || context->policy == UNTRUSTED_APPEND;
	bool any = context->peer_is_trusted || context->policy != UNTRUSTED_DROP;
	bool x = any && context->style != FORWARDED_RFC7239;
	bool rfc7239 = any && context->style != FORWARDED_X;
	uint32_t stay = x && context->peer_is_trusted ? believed(request) : 0;
	struct slice chain = context->peer, list;

	if (x && keep &&
	    !join(request, FIELD_X_FORWARDED_FOR, context->peer, arena, &chain, fault))
		return false;
	if (rfc7239 && !make_forwarded(context, keep, request, arena, &list, fault))
		return false;
	headers_drop(request, ALL_FIELDS & ~stay);
	if (!keep)
		headers_drop_hearsay(request);
	return (!x || append_x(context, chain, stay, request, fault)) &&
	       (!rfc7239 || append(request, FIELD_FORWARDED, SLICE("Forwarded"), list, fault));
}

/* "10.0.0.1", "10.0.0.1:80", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:80". */
static bool parse_element(struct slice element, struct ip_address *ip)
{
	const char *end = element.data + element.len;
	const char *close = memchr(element.data, ']', element.len);
	const char *colon = memchr(element.data, ':', element.len);
	struct slice port = { end, 0 };
	uint64_t number;

	if (element.data[0] == '[' && close != NULL) {
		port = (struct slice) { close + 1, (size_t)(end - close) - 1 };
		element =
		    (struct slice) { element.data + 1, (size_t)(close - element.data) - 1 };
		if (memchr(element.data, ':', element.len) == NULL)
			return false;
	} else if (colon != NULL && memchr(colon + 1, ':', (size_t)(end - colon) - 1) == NULL) {
		port = (struct slice) { colon, (size_t)(end - colon) };
		element.len -= port.len;
	}
	if (port.len > 0 &&
	    (port.data[0] != ':' ||
		!slice_to_u64((struct slice) { port.data + 1, port.len - 1 }, &number) ||
		number > UINT16_MAX))
		return false;
	return ip_address_parse(element, ip);
}

/* The last element of the list, trimmed, perhaps empty; cuts it off. */
static struct slice last_element(struct slice *list)
{
	size_t from = list->len;
	struct slice element;

	while (from > 0 && list->data[from - 1] != ',')
		from--;
	element = (struct slice) { list->data + from, list->len - from };
	list->len = from > 0 ? from - 1 : 0;
	return slice_trim(element);
}

struct walk {
	const struct network_set *trusted;
	unsigned n;
	bool found;
	struct ip_address client; /* the last good one, once found */
};

/* False where the walk ends. */
static bool walk_element(struct walk *walk, struct slice element)
{
	struct ip_address ip;

	if (++walk->n > FORWARDED_ELEMENTS_MAX)
		return false;
	if (element.len == 0)
		return true;
	if (!parse_element(element, &ip))
		return false;
	walk->client = ip;
	walk->found = true;
	return network_set_has(walk->trusted, &ip);
}

static bool walk_list(struct walk *walk, struct slice list)
{
	while (list.len > 0) {
		if (!walk_element(walk, last_element(&list)))
			return false;
	}
	return true;
}

struct slice forwarded_client(const struct message *request, struct slice peer,
    bool peer_is_trusted, const struct network_set *trusted, char text[ADDRESS_TEXT_SIZE])
{
	struct walk walk = { .trusted = trusted };

	if (!peer_is_trusted)
		return peer;
	for (uint32_t i = request->n_fields; i > 0; i--) {
		const struct field *field = &request->fields[i - 1];

		if (is_in_list(field, FIELD_X_FORWARDED_FOR) && !walk_list(&walk, field->value))
			break;
	}
	if (!walk.found)
		return peer;
	ip_address_format(&walk.client, text);
	return slice_of(text);
}
