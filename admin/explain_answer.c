#include "admin/explain_answer.h"

#include "admin/json_values.h"
#include "base/buffer.h"
#include "proxy/h1_head.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	HEAD_MAX_BYTES = 16 * 1024,
	SHARE_TEXT_SIZE = 32,
	HASH_TEXT_SIZE = 17,
};

static const struct h1_limits limits = {
	.max_head_bytes = HEAD_MAX_BYTES,
	.max_fields = 2 * EXPLAIN_FIELDS_MAX,
	.max_uri_bytes = 8192,
};

/* No line may hold another: what is asked about is one request. */
static bool is_one_line(const char *text)
{
	return text[strcspn(text, "\r\n")] == '\0';
}

static bool append_line(
    struct buffer *head, const char *before, const char *text, struct error *err)
{
	if (!is_one_line(text)) {
		error_set(err, "a line break is no part of a request's fields");
		return false;
	}
	if (buffer_printf(head, "%s%s\r\n", before, text))
		return true;
	error_set(err, "the request is longer than %d bytes", HEAD_MAX_BYTES);
	return false;
}

static bool append_cookies(
    struct buffer *head, const struct explain_asked *asked, struct error *err)
{
	for (size_t i = 0; i < asked->n_cookies; i++) {
		if (strchr(asked->cookies[i], '=') == NULL) {
			error_set(
			    err, "a cookie is NAME=VALUE, not '%.100s'", asked->cookies[i]);
			return false;
		}
		if (!append_line(head, "Cookie: ", asked->cookies[i], err))
			return false;
	}
	return true;
}

static bool append_headers(
    struct buffer *head, const struct explain_asked *asked, struct error *err)
{
	for (size_t i = 0; i < asked->n_headers; i++) {
		if (strchr(asked->headers[i], ':') == NULL) {
			error_set(
			    err, "a header is 'NAME: VALUE', not '%.100s'", asked->headers[i]);
			return false;
		}
		if (!append_line(head, "", asked->headers[i], err))
			return false;
	}
	return true;
}

static bool names_host(const struct explain_asked *asked)
{
	for (size_t i = 0; i < asked->n_headers; i++)
		if (strncasecmp(asked->headers[i], "host:", 5) == 0)
			return true;
	return false;
}

/* Of its hosts the first; "*.example.org" is itself a name below example.org. */
static const char *host_of(const struct route_conf *route)
{
	return route->hosts.n > 0 ? route->hosts.items[0] : "weir";
}

/* The request as it would come in, so that it is read as the proxy reads it. */
static bool write_head(struct buffer *head, const struct explain_asked *asked,
    const struct route_conf *route, struct error *err)
{
	const char *method = asked->method != NULL ? asked->method : "GET";
	const char *path = asked->path != NULL ? asked->path : "/";

	if (!is_one_line(method) || !is_one_line(path) || strchr(method, ' ') != NULL ||
	    strchr(path, ' ') != NULL) {
		error_set(err, "neither a method nor a path has spaces or line breaks");
		return false;
	}
	if (!buffer_printf(head, "%s %s HTTP/1.1\r\n", method, path)) {
		error_set(err, "the request is longer than %d bytes", HEAD_MAX_BYTES);
		return false;
	}
	/* HTTP/1.1 asks for a Host. */
	return (names_host(asked) || append_line(head, "Host: ", host_of(route), err)) &&
	       append_headers(head, asked, err) && append_cookies(head, asked, err) &&
	       append_line(head, "", "", err);
}

static json_t *share_text(uint32_t ppm)
{
	char text[SHARE_TEXT_SIZE];

	snprintf(text, sizeof(text), "%g%%", ppm / 10000.0);
	return json_string(text);
}

static json_t *slice_json(struct slice text)
{
	char *copy = strndup(text.data, text.len);
	json_t *json = copy != NULL ? json_text(copy) : NULL;

	free(copy);
	return json;
}

static json_t *key_json(const struct explanation *found)
{
	char hash[HASH_TEXT_SIZE];

	if (!found->has_bucket)
		return json_null();
	snprintf(hash, sizeof(hash), "%016" PRIx64, found->unit_hash);
	return json_pack("{s:s, s:o, s:s}", "source", cohort_source_name(found->source),
	    "value", slice_json(found->key), "hash", hash);
}

static json_t *decision_json(const struct explanation *found, uint32_t weight_ppm)
{
	const char *arm = found->why != EXPLAIN_OWN_ANSWER ? arm_name(found->arm) : NULL;

	return json_pack("{s:I, s:o, s:s?, s:s, s:o}", "weight_ppm", (json_int_t)weight_ppm,
	    "weight", share_text(weight_ppm), "arm", arm, "why", explain_why_name(found->why),
	    "words", json_text(found->words));
}

/* Where a path was given: the route that takes such a request. */
static json_t *chosen_json(
    const struct explain_asked *asked, const struct explain_question *question)
{
	const struct route_conf *chosen;

	if (asked->path == NULL || question->router == NULL)
		return json_null();
	chosen = explain_chosen(question);
	return json_pack(
	    "{s:o}", "route", chosen != NULL ? json_text(chosen->name) : json_null());
}

static json_t *token_json(enum token_state token)
{
	return token != TOKEN_ABSENT ? json_string(token_state_words(token)) : json_null();
}

/* Adds who it is, and what that is worth. */
static bool add_request(json_t *json, const struct explanation *found)
{
	bool by_bucket = found->has_bucket;

	return json_object_set_new(json, "key", key_json(found)) == 0 &&
	       json_object_set_new(json, "bucket",
		   by_bucket ? json_integer(found->bucket) : json_null()) == 0 &&
	       json_object_set_new(json, "canary_from_ppm",
		   by_bucket ? json_integer(found->canary_from_ppm) : json_null()) == 0 &&
	       json_object_set_new(json, "canary_from",
		   by_bucket ? share_text(found->canary_from_ppm) : json_null()) == 0 &&
	       json_object_set_new(json, "path_class",
		   found->path_class_name != NULL ? json_text(found->path_class_name)
						  : json_null()) == 0 &&
	       json_object_set_new(json, "counts", json_boolean(found->counts)) == 0 &&
	       json_object_set_new(json, "is_evidence", json_boolean(found->is_evidence)) ==
		   0 &&
	       json_object_set_new(json, "synthetic", json_boolean(found->synthetic)) == 0 &&
	       json_object_set_new(json, "token", token_json(found->token)) == 0;
}

static json_t *answer(const struct explain_asked *asked,
    const struct explain_question *question, const char *weight_from)
{
	struct explain_question other = *question;
	struct explanation found;
	json_t *json, *at = json_null();

	explain(question, &found);
	json = decision_json(&found, question->setting.weight_ppm);
	if (asked->has_weight) {
		struct explanation there;

		other.setting.weight_ppm = asked->weight_ppm;
		explain(&other, &there);
		at = decision_json(&there, asked->weight_ppm);
	}
	if (json_object_set_new(json, "at", at) == 0 &&
	    json_object_set_new(json, "chosen", chosen_json(asked, question)) == 0 &&
	    json_object_set_new(json, "route", json_text(question->route->name)) == 0 &&
	    json_object_set_new(json, "weight_from", json_string(weight_from)) == 0 &&
	    add_request(json, &found))
		return json;
	json_decref(json);
	return NULL;
}

/* As the proxy writes a client's address, whatever way a person spells it. */
static bool read_ip(const char *text, char ip[ADDRESS_TEXT_SIZE], struct error *err)
{
	struct ip_address parsed;

	ip[0] = '\0';
	if (text == NULL)
		return true;
	if (!ip_address_parse(slice_of(text), &parsed)) {
		error_set(err, "'%.100s' is no IP address", text);
		return false;
	}
	ip_address_format(&parsed, ip);
	return true;
}

json_t *explain_answer(const struct explain_asked *asked, const struct explain_question *basis,
    const char *weight_from, struct error *err)
{
	struct explain_question question = *basis;
	struct message *request = calloc(1, sizeof(*request));
	struct h1_fault fault;
	struct buffer head;
	char ip[ADDRESS_TEXT_SIZE];
	json_t *json = NULL;

	buffer_init(&head, HEAD_MAX_BYTES);
	if (request == NULL) {
		error_set(err, "out of memory");
	} else if (read_ip(asked->ip, ip, err) && write_head(&head, asked, basis->route, err)) {
		if (!h1_head_read_request(buffer_slice(&head), &limits, request, &fault)) {
			error_set(err, "weir would refuse such a request with %u: %s",
			    fault.status, fault.reason);
		} else {
			question.request = request;
			question.client_ip = slice_of(ip);
			json = answer(asked, &question, weight_from);
			if (json == NULL)
				error_set(err, "out of memory");
		}
	}
	buffer_done(&head);
	free(request);
	return json;
}
