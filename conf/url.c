#include "conf/url.h"

#include "base/address.h"
#include "conf/pattern.h"

static bool skip_prefix(struct slice *text, struct slice prefix)
{
	if (text->len < prefix.len ||
	    !slice_equal_nocase((struct slice) { text->data, prefix.len }, prefix))
		return false;
	*text = (struct slice) { text->data + prefix.len, text->len - prefix.len };
	return true;
}

/* What may stand in a path and a query (RFC 3986 3.3, 3.4). */
static bool check_bytes(struct slice text, struct error *err)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];

		if (c > 0x20 && c < 0x7f && strchr("#\"<>\\^`{|}", c) == NULL)
			continue;
		if (c == '#')
			error_set(err, "a URL ends before its '#'");
		else if (c > 0x20 && c < 0x7f)
			error_set(err, "a URL has no '%c'; write %%%02X", c, (unsigned)c);
		else
			error_set(err, "a URL has no spaces and is ASCII; percent-encode them");
		return false;
	}
	return true;
}

/* Cuts ":8080" off the authority. */
static bool take_port(struct slice *host, uint16_t *port, struct error *err)
{
	size_t digits = 0;
	uint64_t number;

	while (digits < host->len && host->data[host->len - 1 - digits] >= '0' &&
	       host->data[host->len - 1 - digits] <= '9')
		digits++;
	if (digits == host->len || host->data[host->len - 1 - digits] != ':')
		return true;
	if (!slice_to_u64(
		(struct slice) { host->data + host->len - digits, digits }, &number) ||
	    number == 0 || number > UINT16_MAX) {
		error_set(err, "the port must be 1 to 65535");
		return false;
	}
	*port = (uint16_t)number;
	host->len -= digits + 1;
	return true;
}

/* A name, an IPv4 address, or an IPv6 address in brackets, which are taken off. */
static bool take_host(struct slice *host)
{
	struct ip_address ip;

	if (host->len > 2 && host->data[0] == '[' && host->data[host->len - 1] == ']') {
		*host = (struct slice) { host->data + 1, host->len - 2 };
		return ip_address_parse(*host, &ip) &&
		       memchr(host->data, ':', host->len) != NULL;
	}
	return pattern_is_name(*host) ||
	       (memchr(host->data, ':', host->len) == NULL && ip_address_parse(*host, &ip));
}

bool url_parse(struct slice text, struct url *url, struct error *err)
{
	size_t len = 0;

	*url = (struct url) { .port = 80 };
	if (skip_prefix(&text, SLICE("https://"))) {
		url->tls = true;
		url->port = 443;
	} else if (!skip_prefix(&text, SLICE("http://"))) {
		error_set(err, "begins with http:// or https://");
		return false;
	}
	while (len < text.len && strchr("/?#", text.data[len]) == NULL)
		len++;
	url->authority = (struct slice) { text.data, len };
	url->target = (struct slice) { text.data + len, text.len - len };
	if (len > 0 && memchr(text.data, '@', len) != NULL) {
		error_set(
		    err, "a URL has no user or password here; secret_file signs each message");
		return false;
	}
	if (!check_bytes(url->target, err))
		return false;
	if (url->target.len > 0 && url->target.data[0] == '?') {
		error_set(err, "write a '/' before the '?'");
		return false;
	}
	if (url->target.len == 0)
		url->target = SLICE("/");
	url->host = url->authority;
	if (!take_port(&url->host, &url->port, err))
		return false;
	if (url->host.len == 0 || !take_host(&url->host)) {
		error_set(err, "'%.*s' is no host, as in hooks.example.com or 10.0.0.1:8080",
		    (int)url->authority.len, url->authority.data);
		return false;
	}
	return true;
}
