#include "conf/keys.h"

#include "base/message.h"
#include "conf/config.h"
#include "conf/units.h"

#include <string.h>

enum {
	DAY_MS = 24 * 3600 * 1000,
	TEN_MINUTES_MS = 600 * 1000,
	SOCKET_PATH_MAX = 107, /* of sockaddr_un.sun_path, without its NUL */
	FILE_PATH_MAX = 180,   /* what a line has room for */
	TEXT_MAX = 128,
	MAX_HEAD = 128 * 1024,
};
#define THIRTY_DAYS_MS 2592000000U
#define SLACK_MAX_US   60000000U /* no comparison of latencies, practically */
#define ANY_COUNT      1000000000U

/* A member of the wrong C type matches no branch: the table fails to compile. */
#define AT(ctype, section, member)                                                             \
	_Generic(&((struct section##_conf *)0)->member, ctype *                                \
		 : offsetof(struct section##_conf, member))

static const char *const log_levels[] = {
	[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARN] = "warn",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
	NULL,
};
static const char *const untrusted_forwarded[] = {
	[UNTRUSTED_REPLACE] = "replace",
	[UNTRUSTED_APPEND] = "append",
	[UNTRUSTED_DROP] = "drop",
	NULL,
};
static const char *const forwarded_styles[] = {
	[FORWARDED_X] = "x",
	[FORWARDED_RFC7239] = "rfc7239",
	[FORWARDED_BOTH] = "both",
	NULL,
};
static const char *const underscore_fields[] = {
	[UNDERSCORES_DROP] = "drop",
	[UNDERSCORES_ALLOW] = "allow",
	NULL,
};

static const char *const rollback_users[] = {
	[ROLLBACK_EVICT] = "evict",
	[ROLLBACK_DRAIN] = "drain",
	NULL,
};
static const char *const rollback_scopes[] = {
	[ROLLBACK_ROUTE] = "route",
	[ROLLBACK_PATH] = "path",
	NULL,
};
static const char *const starts[] = { "auto", "manual", NULL };

static const struct key keys[] = {
	{ SECTION_WEIR, "workers", KEY_COUNT_OR_AUTO, AT(uint32_t, weir, workers), .min = 1,
	    .max = 256, .fallback = "auto",
	    .help = "threads that carry traffic; auto: one per core" },
	{ SECTION_WEIR, "state_dir", KEY_FILE, AT(char *, weir, state_dir),
	    .max = FILE_PATH_MAX, .fallback = "/var/lib/weir",
	    .help = "directory of the journal, which also tells what was rolled back" },
	{ SECTION_WEIR, "admin_socket", KEY_FILE, AT(char *, weir, admin_socket),
	    .max = SOCKET_PATH_MAX, .fallback = "/run/weir/admin.sock",
	    .help = "unix socket of the commands (status, promote, rollback...)" },
	{ SECTION_WEIR, "admin_listen", KEY_LOOPBACK, AT(char *, weir, admin_listen_text),
	    .beside = AT(struct address, weir, admin_listen), .unset = "none",
	    .help = "serves /status, /metrics and /healthz over TCP, on this machine only" },
	{ SECTION_WEIR, "log_level", KEY_CHOICE, AT(enum log_level, weir, log_level),
	    .choices = log_levels, .fallback = "info", .reloads = true,
	    .help = "how much is logged" },
	{ SECTION_WEIR, "shutdown_timeout", KEY_MS, AT(uint32_t, weir, shutdown_timeout_ms),
	    .min = 0, .max = DAY_MS, .fallback = "30s", .reloads = true,
	    .help = "time for requests in flight to finish when weir is told to end" },
	{ SECTION_WEIR, "token_key_file", KEY_FILE, AT(char *, weir, token_key_file),
	    .max = FILE_PATH_MAX, .unset = "no token is honoured", .reloads = true,
	    .help = "file of the key that signs testers' tokens (weir token)" },

	{ SECTION_LISTEN, "address", KEY_ADDRESS, AT(char *, listen, address_text),
	    .beside = AT(struct address, listen, address), .required = true, .reloads = true,
	    .help = "where clients connect: 0.0.0.0:80, [::1]:80, or *:80 for IPv6 and IPv4" },
	{ SECTION_LISTEN, "header_timeout", KEY_MS, AT(uint32_t, listen, header_timeout_ms),
	    .min = 1, .max = TEN_MINUTES_MS, .fallback = "10s", .reloads = true,
	    .help = "time for a client to send its whole request head" },
	{ SECTION_LISTEN, "body_timeout", KEY_MS, AT(uint32_t, listen, body_timeout_ms),
	    .min = 1, .max = DAY_MS, .fallback = "60s", .reloads = true,
	    .help = "longest wait for the next byte of a request body" },
	{ SECTION_LISTEN, "write_timeout", KEY_MS, AT(uint32_t, listen, write_timeout_ms),
	    .min = 1, .max = DAY_MS, .fallback = "60s", .reloads = true,
	    .help = "longest wait for the client to take the next byte of a response" },
	{ SECTION_LISTEN, "keepalive_timeout", KEY_MS,
	    AT(uint32_t, listen, keepalive_timeout_ms), .min = 1, .max = DAY_MS,
	    .fallback = "75s", .reloads = true,
	    .help = "how long an idle connection is kept for its next request" },
	{ SECTION_LISTEN, "max_head", KEY_BYTES, AT(uint32_t, listen, max_head_bytes),
	    .min = 1024, .max = MAX_HEAD, .fallback = "32k", .reloads = true,
	    .help = "largest request head; a larger one is refused" },
	{ SECTION_LISTEN, "max_fields", KEY_COUNT, AT(uint32_t, listen, max_fields), .min = 1,
	    .max = MESSAGE_PEER_FIELDS, .fallback = "100", .reloads = true,
	    .help = "most header fields of a request; one with more is refused" },
	{ SECTION_LISTEN, "max_uri", KEY_BYTES, AT(uint32_t, listen, max_uri_bytes), .min = 256,
	    .max = MAX_HEAD, .fallback = "8k", .reloads = true,
	    .help = "longest request target, less than max_head; a longer one is refused" },
	{ SECTION_LISTEN, "max_buffered", KEY_BYTES, AT(uint32_t, listen, max_buffered_bytes),
	    .min = 4096, .max = BUFFERED_MAX_BYTES, .fallback = "64k", .reloads = true,
	    .help = "most of a body that waits in weir's memory, in each direction" },
	{ SECTION_LISTEN, "max_piped", KEY_BYTES, AT(uint32_t, listen, max_piped_bytes),
	    .min = 0, .max = PIPED_MAX_BYTES, .fallback = "1m", .reloads = true,
	    .help = "most of a large response body that waits in the kernel instead, unread; "
		    "less than 4k: none" },
	{ SECTION_LISTEN, "max_requests", KEY_COUNT, AT(uint32_t, listen, max_requests),
	    .min = 0, .max = ANY_COUNT, .fallback = "0", .reloads = true,
	    .help = "requests on one connection before it is closed; 0: no limit" },
	{ SECTION_LISTEN, "max_connections", KEY_COUNT, AT(uint32_t, listen, max_connections),
	    .min = 0, .max = ANY_COUNT, .fallback = "0", .reloads = true,
	    .help = "connections that one worker keeps open here; 0: no limit" },
	{ SECTION_LISTEN, "backlog", KEY_COUNT, AT(uint32_t, listen, backlog), .min = 1,
	    .max = 65535, .fallback = "1024", .reloads = true,
	    .help = "connections that the kernel queues until they are accepted" },
	{ SECTION_LISTEN, "trusted_networks", KEY_NETWORKS,
	    AT(struct network_set, listen, trusted_networks), .max = NETWORKS_MAX,
	    .unset = "none", .repeats = true, .reloads = true,
	    .help =
		"proxies in front of weir, whose X-Forwarded-* and Forwarded are believed" },
	{ SECTION_LISTEN, "untrusted_forwarded", KEY_CHOICE,
	    AT(enum untrusted_forwarded, listen, untrusted_forwarded),
	    .choices = untrusted_forwarded, .fallback = "replace", .reloads = true,
	    .help =
		"what becomes of these headers, and of X-Real-IP, from anyone else: replaced "
		"by weir's own, and those that weir does not set dropped; kept, the client's "
		"address appended; or all dropped, and none set" },
	{ SECTION_LISTEN, "forwarded", KEY_CHOICE, AT(enum forwarded_style, listen, forwarded),
	    .choices = forwarded_styles, .fallback = "x", .reloads = true,
	    .help = "which of them weir sends on: X-Forwarded-*, Forwarded (RFC 7239), or "
		    "both" },
	{ SECTION_LISTEN, "underscores", KEY_CHOICE,
	    AT(enum underscore_fields, listen, underscores), .choices = underscore_fields,
	    .fallback = "drop", .reloads = true,
	    .help = "request headers with an underscore in their name, which some servers "
		    "take for one with '-'" },

	{ SECTION_UPSTREAM, "server", KEY_SERVERS, AT(struct server_conf *, upstream, servers),
	    .beside = AT(size_t, upstream, n_servers), .max = 64, .required = true,
	    .repeats = true, .reloads = true,
	    .help = "one server: IP:PORT, or NAME:PORT, resolved when the file is loaded" },
	{ SECTION_UPSTREAM, "connect_timeout", KEY_MS,
	    AT(uint32_t, upstream, connect_timeout_ms), .min = 1, .max = TEN_MINUTES_MS,
	    .fallback = "2s", .reloads = true,
	    .help = "time to connect to a server; then another one is tried, once" },
	{ SECTION_UPSTREAM, "response_timeout", KEY_MS,
	    AT(uint32_t, upstream, response_timeout_ms), .min = 1, .max = DAY_MS,
	    .fallback = "15s", .reloads = true,
	    .help = "time from the forwarded request to the response head" },
	{ SECTION_UPSTREAM, "body_timeout", KEY_MS, AT(uint32_t, upstream, body_timeout_ms),
	    .min = 1, .max = DAY_MS, .fallback = "60s", .reloads = true,
	    .help = "longest wait for the next byte of a response body" },
	{ SECTION_UPSTREAM, "write_timeout", KEY_MS, AT(uint32_t, upstream, write_timeout_ms),
	    .min = 1, .max = DAY_MS, .fallback = "60s", .reloads = true,
	    .help = "longest wait for the server to take the next byte of a request" },
	{ SECTION_UPSTREAM, "keepalive_timeout", KEY_MS,
	    AT(uint32_t, upstream, keepalive_timeout_ms), .min = 1, .max = DAY_MS,
	    .fallback = "55s", .reloads = true,
	    .help = "how long an idle connection is kept; less than the server keeps it" },
	{ SECTION_UPSTREAM, "tunnel_timeout", KEY_MS, AT(uint32_t, upstream, tunnel_timeout_ms),
	    .min = 1, .max = THIRTY_DAYS_MS, .fallback = "1h", .reloads = true,
	    .help = "longest silence, both ways, of an upgraded connection (WebSocket)" },
	{ SECTION_UPSTREAM, "max_idle", KEY_COUNT, AT(uint32_t, upstream, max_idle), .min = 0,
	    .max = 65535, .fallback = "64", .reloads = true,
	    .help = "idle connections that one worker keeps to one server; 0: none" },
	{ SECTION_UPSTREAM, "max_head", KEY_BYTES, AT(uint32_t, upstream, max_head_bytes),
	    .min = 1024, .max = MAX_HEAD, .fallback = "32k", .reloads = true,
	    .help = "largest response head; a larger one becomes a 502" },
	{ SECTION_UPSTREAM, "max_fields", KEY_COUNT, AT(uint32_t, upstream, max_fields),
	    .min = 1, .max = MESSAGE_PEER_FIELDS, .fallback = "100", .reloads = true,
	    .help = "most header fields of a response; one with more becomes a 502" },

	{ SECTION_ROUTE, "host", KEY_HOSTS, AT(struct conf_strings, route, hosts), .max = 1000,
	    .unset = "any host", .repeats = true, .reloads = true,
	    .help = "hosts it answers for, without port; *.example.com is every host below" },
	{ SECTION_ROUTE, "path", KEY_PATH, AT(char *, route, path),
	    .beside = AT(bool, route, path_exact), .fallback = "/", .reloads = true,
	    .help = "path prefix it answers for; \"= /exact\" for that path alone" },
	{ SECTION_ROUTE, "legacy", KEY_UPSTREAM,
	    AT(const struct upstream_conf *, route, legacy),
	    .unset = "weir answers itself, by redirect or respond", .reloads = true,
	    .help = "upstream of the arm in service" },
	{ SECTION_ROUTE, "canary", KEY_UPSTREAM,
	    AT(const struct upstream_conf *, route, canary),
	    .unset = "none: everything goes to legacy", .reloads = true, .proxied = true,
	    .help = "upstream of the arm that is rolled out; needs weight or rollout" },
	{ SECTION_ROUTE, "weight", KEY_SHARE, AT(uint32_t, route, weight_ppm), .min = 0,
	    .max = PPM, .unset = "by the rollout", .reloads = true, .proxied = true,
	    .help = "fixed share of the users that go to the canary" },
	{ SECTION_ROUTE, "rollout", KEY_ROLLOUT,
	    AT(const struct rollout_conf *, route, rollout),
	    .unset = "none: the weight is set by hand", .reloads = true, .proxied = true,
	    .help = "the plan by which the canary's weight grows" },
	{ SECTION_ROUTE, "release", KEY_TEXT, AT(char *, route, release), .max = TEXT_MAX,
	    .unset = "empty", .reloads = true, .proxied = true,
	    .help = "id of what is rolled out; a new one starts the rollout afresh" },
	{ SECTION_ROUTE, "sticky", KEY_STICKY, AT(struct key_source, route, sticky[0]),
	    .beside = AT(size_t, route, n_sticky), .max = KEY_SOURCES_MAX,
	    .fallback = "issue:weir_id", .reloads = true, .proxied = true,
	    .help = "where a user's cohort key is looked for, in that order; "
		    "issue sets a cookie where there is none" },
	{ SECTION_ROUTE, "salt", KEY_TEXT, AT(char *, route, salt), .max = TEXT_MAX,
	    .unset = "the route's name", .reloads = true, .proxied = true,
	    .help = "routes with equal salts split users alike; changing it reassigns them" },
	{ SECTION_ROUTE, "path_class", KEY_PATH_CLASSES,
	    AT(struct conf_strings, route, path_classes), .max = 64,
	    .unset = "found automatically", .repeats = true, .reloads = true,
	    .help = "paths that share a budget; a segment :name stands for any one segment" },
	{ SECTION_ROUTE, "error_budget", KEY_SHARE, AT(uint32_t, route, error_budget_ppm),
	    .min = 1, .max = PPM, .fallback = "0.1%", .reloads = true,
	    .help = "share of requests that may fail" },
	{ SECTION_ROUTE, "latency_budget", KEY_LATENCY_BUDGET,
	    AT(struct latency_budget, route, latency_budget), .unset = "none", .reloads = true,
	    .help = "share of requests that may be slower than a threshold" },
	{ SECTION_ROUTE, "failure_status", KEY_STATUS_SET,
	    AT(struct status_set, route, failure_status), .fallback = "500-599 !501 !505",
	    .reloads = true,
	    .help = "statuses that count as failures; read left to right, ! removes" },
	{ SECTION_ROUTE, "redirect", KEY_REDIRECT, AT(struct redirect_conf, route, redirect),
	    .unset = "none", .reloads = true,
	    .help = "weir answers itself: sends the client to another location" },
	{ SECTION_ROUTE, "respond", KEY_RESPOND, AT(struct respond_conf, route, respond),
	    .unset = "none", .reloads = true,
	    .help = "weir answers itself: always the same, as text/plain" },
	{ SECTION_ROUTE, "request_header_remove", KEY_HEADER_REMOVE,
	    AT(struct header_rules, route, request_headers), .min = HEADERS_OF_REQUEST,
	    .max = HEADER_RULES_MAX, .unset = "none", .repeats = true, .reloads = true,
	    .proxied = true, .help = "header that is not passed on to the server" },
	{ SECTION_ROUTE, "request_header_set", KEY_HEADER_SET,
	    AT(struct header_rules, route, request_headers), .min = HEADERS_OF_REQUEST,
	    .max = HEADER_RULES_MAX, .unset = "none", .repeats = true, .reloads = true,
	    .proxied = true,
	    .help = "header for the server, in place of any of that name; may hold variables" },
	{ SECTION_ROUTE, "request_header_add", KEY_HEADER_ADD,
	    AT(struct header_rules, route, request_headers), .min = HEADERS_OF_REQUEST,
	    .max = HEADER_RULES_MAX, .unset = "none", .repeats = true, .reloads = true,
	    .proxied = true, .help = "one more header for the server; may hold variables" },
	{ SECTION_ROUTE, "response_header_remove", KEY_HEADER_REMOVE,
	    AT(struct header_rules, route, response_headers), .min = HEADERS_OF_RESPONSE,
	    .max = HEADER_RULES_MAX, .unset = "none", .repeats = true, .reloads = true,
	    .help = "header of the server that is not passed on to the client" },
	{ SECTION_ROUTE, "response_header_set", KEY_HEADER_SET,
	    AT(struct header_rules, route, response_headers), .min = HEADERS_OF_RESPONSE,
	    .max = HEADER_RULES_MAX, .unset = "none", .repeats = true, .reloads = true,
	    .help = "header for the client, in place of any of that name; may hold variables" },
	{ SECTION_ROUTE, "response_header_add", KEY_HEADER_ADD,
	    AT(struct header_rules, route, response_headers), .min = HEADERS_OF_RESPONSE,
	    .max = HEADER_RULES_MAX, .unset = "none", .repeats = true, .reloads = true,
	    .help = "one more header for the client; may hold variables" },
	{ SECTION_ROUTE, "strip_prefix", KEY_PREFIX, AT(char *, route, strip_prefix),
	    .unset = "none", .reloads = true, .proxied = true,
	    .help = "first segments of the path that the server does not get to see" },
	{ SECTION_ROUTE, "add_prefix", KEY_PREFIX, AT(char *, route, add_prefix),
	    .unset = "none", .reloads = true, .proxied = true,
	    .help = "segments put before the path, after strip_prefix" },
	{ SECTION_ROUTE, "host_rewrite", KEY_AUTHORITY, AT(char *, route, host_rewrite),
	    .unset = "none: as the client sent it", .reloads = true, .proxied = true,
	    .help = "the Host that the server gets" },
	{ SECTION_ROUTE, "force", KEY_FORCE, AT(struct force_rule *, route, force),
	    .beside = AT(size_t, route, n_force), .max = FORCE_RULES_MAX, .unset = "none",
	    .repeats = true, .reloads = true, .proxied = true,
	    .help = "requests that go to one arm whatever their bucket, and are not judged; "
		    "of several rules the first that matches counts" },
	{ SECTION_ROUTE, "force_from", KEY_NETWORKS_APART,
	    AT(struct network_set *, route, force_from), .max = NETWORKS_MAX, .unset = "none",
	    .repeats = true, .reloads = true, .proxied = true,
	    .help = "clients who may force an arm by a header or a cookie" },

	{ SECTION_ROLLOUT, "stages", KEY_STAGES, AT(struct stage_conf, rollout, stages[0]),
	    .beside = AT(size_t, rollout, n_stages), .max = STAGES_MAX, .required = true,
	    .repeats = true, .reloads = true,
	    .help = "weights in rising order, each with its hold time, which the last needs "
		    "not, and options: methods=GET,HEAD min_requests=N p_max=SHARE|none "
		    "gate=manual|webhook:NAME" },
	{ SECTION_ROLLOUT, "bake", KEY_MS, AT(uint32_t, rollout, bake_ms), .min = 0,
	    .max = THIRTY_DAYS_MS, .fallback = "1h", .reloads = true,
	    .help = "how long the guard goes on once the last stage is reached" },
	{ SECTION_ROLLOUT, "min_requests", KEY_COUNT, AT(uint32_t, rollout, min_requests),
	    .min = 1, .max = ANY_COUNT, .fallback = "50", .reloads = true,
	    .help = "canary requests that a stage needs before the next one" },
	{ SECTION_ROLLOUT, "p_max", KEY_SHARE, AT(uint32_t, rollout, p_max_ppm), .min = 1,
	    .max = PPM / 2, .unset = "none: time and requests are enough", .reloads = true,
	    .help =
		"failure rate of the canary that a stage must rule out before the next one" },
	{ SECTION_ROLLOUT, "alpha", KEY_FRACTION, AT(double, rollout, alpha), .min = 1,
	    .max = 200000, .fallback = "0.01", .reloads = true,
	    .help = "bound on the chance that a healthy canary is rolled back" },
	{ SECTION_ROLLOUT, "hold_back", KEY_SHARE, AT(uint32_t, rollout, hold_back_ppm),
	    .min = 0, .max = PPM / 2, .fallback = "5%", .reloads = true,
	    .help = "share that legacy keeps, to compare with, in every stage but the last: "
		    "a larger weight is cut to what is left" },
	{ SECTION_ROLLOUT, "latency_tolerance", KEY_SHARE,
	    AT(uint32_t, rollout, latency_tolerance_ppm), .min = 0, .max = PPM,
	    .fallback = "10%", .reloads = true,
	    .help = "how much slower than legacy the canary may be" },
	{ SECTION_ROLLOUT, "latency_slack", KEY_US, AT(uint32_t, rollout, latency_slack_us),
	    .min = 0, .max = SLACK_MAX_US, .fallback = "1ms", .reloads = true,
	    .help = "slower by no more than this is never too slow, however fast legacy is: "
		    "the larger of this and latency_tolerance holds" },
	{ SECTION_ROLLOUT, "on_rollback", KEY_CHOICE,
	    AT(enum rollback_users, rollout, on_rollback), .choices = rollback_users,
	    .fallback = "evict", .reloads = true,
	    .help = "the canary's users go to legacy at once; or those already there stay "
		    "for drain_for, and only new ones go" },
	{ SECTION_ROLLOUT, "drain_for", KEY_MS, AT(uint32_t, rollout, drain_for_ms),
	    .min = 1000, .max = DAY_MS, .fallback = "10m", .reloads = true,
	    .help = "longest time that on_rollback = drain leaves users on the canary" },
	{ SECTION_ROLLOUT, "rollback_scope", KEY_CHOICE,
	    AT(enum rollback_scope, rollout, rollback_scope), .choices = rollback_scopes,
	    .fallback = "route", .reloads = true,
	    .help = "what goes back to legacy where one path class fails by itself: all of "
		    "the route, or that path" },
	{ SECTION_ROLLOUT, "rollback_steps", KEY_COUNT, AT(uint32_t, rollout, rollback_steps),
	    .min = 1, .max = 3, .fallback = "1", .reloads = true,
	    .help = "steps in which the weight goes to 0, for a legacy that must warm up; "
		    "1: at once" },
	{ SECTION_ROLLOUT, "rollback_step", KEY_MS, AT(uint32_t, rollout, rollback_step_ms),
	    .min = 100, .max = 60 * 1000, .fallback = "5s", .reloads = true,
	    .help = "time from one of these steps to the next" },
	{ SECTION_ROLLOUT, "max_duration", KEY_MS, AT(uint32_t, rollout, max_duration_ms),
	    .min = 1000, .max = THIRTY_DAYS_MS, .unset = "no limit", .reloads = true,
	    .help = "a rollout that takes longer is paused" },
	{ SECTION_ROLLOUT, "owner", KEY_TEXT, AT(char *, rollout, owner), .max = TEXT_MAX,
	    .unset = "nobody is named", .reloads = true,
	    .help = "whom to ask about it: named in every notice and decision" },
	{ SECTION_ROLLOUT, "hypothesis", KEY_TEXT, AT(char *, rollout, hypothesis),
	    .max = FILE_PATH_MAX, .unset = "none", .reloads = true,
	    .help = "what the release is expected to do" },
	{ SECTION_ROLLOUT, "expires", KEY_EXPIRY, AT(struct expiry, rollout, expires),
	    .unset = "never", .reloads = true,
	    .help = "when a release that sits at 100% is reported as due for clean-up" },
	{ SECTION_ROLLOUT, "start", KEY_SWITCH, AT(bool, rollout, start_manual),
	    .choices = starts, .fallback = "auto", .reloads = true,
	    .help = "whether a new release enters its first stage by itself, or waits for "
		    "weir promote" },
	{ SECTION_ROLLOUT, "only", KEY_SCHEDULE, AT(struct schedule, rollout, only),
	    .max = SCHEDULE_WINDOWS_MAX, .unset = "always", .repeats = true, .reloads = true,
	    .help = "when it may advance, in local time; a rollback may at any time" },
	{ SECTION_ROLLOUT, "require_drill", KEY_MS, AT(uint32_t, rollout, require_drill_ms),
	    .min = 1000, .max = THIRTY_DAYS_MS, .unset = "none is needed", .reloads = true,
	    .help = "the first stage waits for a drill (weir drill) that passed so recently" },
	{ SECTION_ROLLOUT, "notify", KEY_WEBHOOKS,
	    AT(const struct webhook_conf *, rollout, notify[0]),
	    .beside = AT(size_t, rollout, n_notify), .max = NOTIFY_MAX, .unset = "nobody",
	    .repeats = true, .reloads = true,
	    .help = "webhooks that are told of every transition" },

	{ SECTION_WEBHOOK, "url", KEY_URL, AT(char *, webhook, url), .max = FILE_PATH_MAX,
	    .required = true, .reloads = true,
	    .help = "where messages are posted to, as JSON" },
	{ SECTION_WEBHOOK, "secret_file", KEY_FILE, AT(char *, webhook, secret_file),
	    .max = FILE_PATH_MAX, .unset = "messages are not signed", .reloads = true,
	    .help = "file of the key that signs each message (HMAC-SHA-256)" },
	{ SECTION_WEBHOOK, "timeout", KEY_MS, AT(uint32_t, webhook, timeout_ms), .min = 100,
	    .max = 60 * 1000, .fallback = "5s", .reloads = true,
	    .help = "time for one attempt" },
	{ SECTION_WEBHOOK, "attempts", KEY_COUNT, AT(uint32_t, webhook, attempts), .min = 1,
	    .max = 20, .fallback = "5", .reloads = true,
	    .help = "attempts to deliver a message before it is given up" },
};

static const struct {
	const char *name;
	bool named;
	const char *help;
} sections[SECTIONS] = {
	[SECTION_WEIR] = { "weir", false,
	    "The process as a whole. At most one; may be absent." },
	[SECTION_LISTEN] = { "listen", true,
	    "An address that clients connect to. At least one." },
	[SECTION_UPSTREAM] = { "upstream", true, "A named set of servers." },
	[SECTION_ROUTE] = { "route", true,
	    "A match and its two arms, or the answer that weir gives itself. At least one; the "
	    "first that matches, in file order, is "
	    "taken." },
	[SECTION_ROLLOUT] = { "rollout", true, "A plan by which a canary's weight grows." },
	[SECTION_WEBHOOK] = { "webhook", true,
	    "Who is told of a rollout's transitions, and may be asked for leave to go on." },
};

const struct key *keys_all(size_t *n)
{
	*n = sizeof(keys) / sizeof(keys[0]);
	return keys;
}

const struct key *keys_find(enum conf_section section, const char *name)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (keys[i].section == section && strcmp(keys[i].name, name) == 0)
			return &keys[i];
	}
	return NULL;
}

const char *section_name(enum conf_section section)
{
	return sections[section].name;
}

bool section_is_named(enum conf_section section)
{
	return sections[section].named;
}

bool section_find(const char *name, enum conf_section *section)
{
	for (unsigned i = 0; i < SECTIONS; i++) {
		if (strcmp(sections[i].name, name) == 0) {
			*section = (enum conf_section)i;
			return true;
		}
	}
	return false;
}

void key_format_choices(const struct key *key, char text[KEY_CHOICES_SIZE])
{
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; key->choices[i] != NULL && len < KEY_CHOICES_SIZE; i++) {
		const char *before = i == 0 ? "" : key->choices[i + 1] != NULL ? ", " : " or ";

		len += (size_t)snprintf(
		    text + len, KEY_CHOICES_SIZE - len, "%s%s", before, key->choices[i]);
	}
}

void key_format_number(const struct key *key, uint32_t number, char text[KEY_NUMBER_SIZE])
{
	_Static_assert((int)KEY_NUMBER_SIZE == (int)UNITS_TEXT_SIZE, "same room");

	switch (key->kind) {
	case KEY_MS: units_format_duration((uint64_t)number * 1000, text); break;
	case KEY_US: units_format_duration(number, text); break;
	case KEY_BYTES: units_format_size(number, text); break;
	case KEY_SHARE: units_format_share(number, text); break;
	case KEY_FRACTION: units_format_fraction(number, text); break;
	default: snprintf(text, KEY_NUMBER_SIZE, "%u", number); break;
	}
}

/* How a value of that kind is written. */
static const char *kind_text(enum key_kind kind)
{
	switch (kind) {
	case KEY_COUNT: return "a whole number";
	case KEY_COUNT_OR_AUTO: return "auto, or a whole number";
	case KEY_MS:
	case KEY_US: return "a time (us, ms, s, m, h, d)";
	case KEY_BYTES: return "a size (bytes, k, m, g)";
	case KEY_SHARE: return "a percentage";
	case KEY_FRACTION: return "a decimal";
	case KEY_TEXT: return "text";
	case KEY_FILE: return "a path, if relative from the configuration file's directory";
	case KEY_URL: return "a URL with http or https";
	case KEY_ADDRESS: return "IP:PORT";
	case KEY_LOOPBACK: return "IP:PORT on the loopback, as in 127.0.0.1:9901";
	case KEY_SERVERS: return "IP:PORT or NAME:PORT";
	case KEY_HOSTS: return "hosts, separated by commas";
	case KEY_PATH: return "a path";
	case KEY_PATH_CLASSES: return "a path, as in /orders/:id";
	case KEY_STICKY: return "of header:NAME, cookie:NAME, address, issue:NAME";
	case KEY_UPSTREAM: return "the name of an [upstream]";
	case KEY_ROLLOUT: return "the name of a [rollout]";
	case KEY_LATENCY_BUDGET: return "SHARE > TIME, as in 1% > 250ms";
	case KEY_STATUS_SET: return "statuses and ranges, as in 500-599 !501";
	case KEY_STAGES:
		return "WEIGHT TIME OPTIONS, separated by commas, as in 1% 10m gate=manual, "
		       "100%";
	case KEY_NETWORKS:
	case KEY_NETWORKS_APART:
		return "networks and addresses, separated by commas, as in 10.0.0.0/8";
	case KEY_HEADER_REMOVE: return "NAME";
	case KEY_HEADER_SET:
	case KEY_HEADER_ADD: return "NAME: VALUE, as in X-Client: ${client_ip}";
	case KEY_PREFIX: return "a path, as in /api";
	case KEY_AUTHORITY: return "HOST or HOST:PORT";
	case KEY_REDIRECT: return "STATUS LOCATION, as in 308 https://${host}${path}";
	case KEY_RESPOND: return "STATUS TEXT, as in 503 back at noon";
	case KEY_FORCE:
		return "ARM and one of header:NAME, header:NAME=VALUE, cookie:NAME, "
		       "cookie:NAME=VALUE, address:NETWORK, as in canary header:X-Canary=1";
	case KEY_EXPIRY:
		return "a date (midnight in UTC), or a time after 100% is reached: 14d";
	case KEY_SCHEDULE:
		return "days and times, separated by commas, as in mon-fri 09:00-16:00";
	case KEY_WEBHOOKS: return "names of [webhook]s, separated by commas";
	case KEY_CHOICE:
	case KEY_SWITCH: break; /* its own words */
	}
	return "";
}

static bool has_range(const struct key *key)
{
	return key->kind <= KEY_FRACTION;
}

static void print_key(FILE *out, const struct key *key)
{
	char from[KEY_NUMBER_SIZE], to[KEY_NUMBER_SIZE];
	char choices[KEY_CHOICES_SIZE];

	fprintf(out, "\n%s\n    %s\n    ", key->name, key->help);
	if (key->choices != NULL) {
		key_format_choices(key, choices);
		fputs(choices, out);
	}
	fputs(kind_text(key->kind), out);
	if (has_range(key)) {
		key_format_number(key, key->min, from);
		key_format_number(key, key->max, to);
		fprintf(out, ", %s to %s", from, to);
	} else if (key->kind == KEY_TEXT || key->kind == KEY_FILE || key->kind == KEY_URL) {
		fprintf(out, ", at most %u bytes", key->max);
	}
	if (key->repeats)
		fprintf(out, "; may be repeated");
	if (key->max > 0 && key->kind >= KEY_SERVERS)
		fprintf(out, "; at most %u", key->max);
	if (key->required)
		fprintf(out, "\n    required");
	else if (key->fallback != NULL)
		fprintf(out, "\n    default: %s", key->fallback);
	else
		fprintf(out, "\n    absent: %s", key->unset);
	fprintf(out, key->reloads ? "\n" : "; changing it needs a restart\n");
}

void keys_print(FILE *out)
{
	size_t n;
	const struct key *all = keys_all(&n);

	fprintf(out, "# Every key, by section. A change takes effect on reload, unless it says "
		     "otherwise.\n");
	for (unsigned section = 0; section < SECTIONS; section++) {
		fprintf(out, "\n[%s%s]\n%s\n", sections[section].name,
		    sections[section].named ? " NAME" : "", sections[section].help);
		for (size_t i = 0; i < n; i++) {
			if (all[i].section == section)
				print_key(out, &all[i]);
		}
	}
}
