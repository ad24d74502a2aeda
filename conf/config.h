/*
 * The settings of one configuration file, checked and complete: every key has
 * its value or its default, every reference is resolved. The name of a section
 * is 1 to 40 letters, digits, '.', '_' and '-'.
 *
 * Thread     immutable once loaded; any thread may read it.
 * Ownership  config_free() frees everything reachable; names and lists live as
 *            long as the config.
 */
#ifndef CONF_CONFIG_H
#define CONF_CONFIG_H

#include "base/address.h"
#include "base/error.h"
#include "base/log.h"
#include "base/arm.h"
#include "base/network.h"
#include "conf/header_rule.h"
#include "conf/nearest.h"
#include "conf/own_answer.h"
#include "conf/schedule.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Parts per million: how shares are kept. 100% is PPM. */
enum {
	PPM = 1000000
};

/* Where a thing was written. */
struct conf_place {
	uint32_t line;
};

struct conf_strings {
	char **items;
	size_t n;
};

struct weir_conf {
	uint32_t workers; /* 0: one per core */
	char *state_dir;
	char *admin_socket;
	char *admin_listen_text; /* NULL: no TCP admin */
	struct conf_place admin_listen_place;
	struct address admin_listen;
	enum log_level log_level;
	uint32_t shutdown_timeout_ms;
	char *token_key_file; /* signs testers' tokens; NULL: none are honoured */
	struct conf_place token_key_place;
};

enum {
	WEBHOOK_SECRET_MAX_BYTES = 4096
};

/* Where transitions are told to, and whom a gate may ask. */
struct webhook_conf {
	char *name;
	struct conf_place place;
	char *url;         /* http:// or https:// */
	char *secret_file; /* signs the body (HMAC-SHA-256); NULL: unsigned */
	struct conf_place secret_place;
	uint32_t timeout_ms; /* for one attempt */
	uint32_t attempts;
};

/* What happens to the forwarding fields that an untrusted client sends. */
enum untrusted_forwarded {
	UNTRUSTED_REPLACE, /* its own go, weir's are set */
	UNTRUSTED_APPEND,  /* the chain of addresses stays, and grows by the client's */
	UNTRUSTED_DROP,    /* its own go, and none are set */
};

/* Which forwarding fields weir sends on. */
enum forwarded_style {
	FORWARDED_X,       /* X-Forwarded-For, -Proto and -Host */
	FORWARDED_RFC7239, /* Forwarded */
	FORWARDED_BOTH,
};

/* What happens to request fields with an underscore in their name. */
enum underscore_fields {
	UNDERSCORES_DROP,
	UNDERSCORES_ALLOW,
};

enum {
	BUFFERED_MAX_BYTES = 65536, /* what a worker reads at once */
	PIPED_MAX_BYTES = 1048576,
};

struct listen_conf {
	char *name;
	struct conf_place place;
	char *address_text;
	struct address address;
	uint32_t header_timeout_ms;    /* for a whole request head */
	uint32_t body_timeout_ms;      /* without a byte of the request body */
	uint32_t write_timeout_ms;     /* without the client taking a byte */
	uint32_t keepalive_timeout_ms; /* idle between requests */
	uint32_t max_head_bytes;
	uint32_t max_fields;
	uint32_t max_uri_bytes;
	uint32_t max_buffered_bytes; /* of an exchange's body, each way, in memory */
	uint32_t max_piped_bytes;    /* likewise of a response, in a pipe; few: never */
	uint32_t max_requests;       /* per connection; 0: unlimited */
	uint32_t max_connections;    /* per worker; 0: unlimited */
	uint32_t backlog;
	struct network_set trusted_networks; /* peers whose forwarding fields are believed */
	enum untrusted_forwarded untrusted_forwarded;
	enum forwarded_style forwarded;
	enum underscore_fields underscores;
};

struct server_conf {
	char *text; /* as written */
	struct conf_place place;
	struct address address;
};

struct upstream_conf {
	char *name;
	struct conf_place place;
	struct server_conf *servers;
	size_t n_servers;
	uint32_t connect_timeout_ms;
	uint32_t response_timeout_ms;  /* request forwarded to response head */
	uint32_t body_timeout_ms;      /* without a byte of the response body */
	uint32_t write_timeout_ms;     /* without the server taking a byte */
	uint32_t keepalive_timeout_ms; /* idle in the pool */
	uint32_t tunnel_timeout_ms;    /* upgraded, without a byte either way */
	uint32_t max_idle;             /* pooled connections per worker and server */
	uint32_t max_head_bytes;
	uint32_t max_fields;
};

enum key_source_kind {
	KEY_SOURCE_HEADER,
	KEY_SOURCE_COOKIE,
	KEY_SOURCE_ADDRESS,
	KEY_SOURCE_ISSUE, /* a cookie that weir sets where it is absent */
};

struct key_source {
	enum key_source_kind kind;
	char *name; /* of the header or cookie; NULL for ADDRESS */
};

enum {
	KEY_SOURCES_MAX = 8,
	ISSUE_NAME_MAX = 64, /* bytes of the name of a cookie that weir sets */
};

struct latency_budget {
	bool set;
	uint32_t share_ppm;
	uint32_t threshold_us;
};

/* The bit of each status 100..599 that counts as a failure. */
struct status_set {
	uint64_t bits[8];
};

struct rollout_conf;

/*
 * Sends a request to an arm whatever its bucket; of several the first that matches.
 * By header or cookie it counts for clients in the route's force_from only.
 */
struct force_rule {
	struct conf_place place;
	enum arm arm;
	enum force_match {
		FORCE_BY_HEADER,
		FORCE_BY_COOKIE,
		FORCE_BY_ADDRESS,
	} match;
	char *name;             /* of the header or cookie */
	char *value;            /* exact; NULL: any */
	struct network network; /* with FORCE_BY_ADDRESS */
};

enum {
	FORCE_RULES_MAX = 16
};

/*
 * It has exactly one of legacy, redirect and respond. With the latter two there
 * is no arm: canary, rewriting of the request and the like are unset.
 */
struct route_conf {
	char *name;
	struct conf_place place;
	struct conf_strings hosts; /* lower case; "*.x" is a suffix; none: any host */
	char *path;
	bool path_exact;
	const struct upstream_conf *legacy; /* NULL: redirect or respond */
	struct redirect_conf redirect;
	struct respond_conf respond;
	struct header_rules request_headers;
	struct header_rules response_headers;
	char *strip_prefix;                 /* "/api"; NULL: none */
	char *add_prefix;                   /* "/v2"; NULL: none */
	char *host_rewrite;                 /* host[:port]; NULL: the client's */
	const struct upstream_conf *canary; /* NULL: everything goes to legacy */
	char *release;                      /* "" unless set */
	char *salt;                         /* the route's name unless set */
	struct key_source sticky[KEY_SOURCES_MAX];
	size_t n_sticky;
	struct conf_strings path_classes; /* "/orders/:id" */
	uint32_t error_budget_ppm;
	struct latency_budget latency_budget;
	struct status_set failure_status;
	uint32_t weight_ppm;                /* where rollout is NULL */
	const struct rollout_conf *rollout; /* NULL: the weight is set by hand */
	struct force_rule *force;           /* few routes have any */
	size_t n_force;
	struct network_set *force_from; /* clients whose force rules by header or cookie count;
					   NULL: nobody's */
};

/* What a stage waits for, besides its time and its evidence. */
enum stage_gate {
	GATE_NONE,
	GATE_MANUAL,  /* a person's promote */
	GATE_WEBHOOK, /* an answer of 2xx from stage_conf.webhook */
};

struct stage_conf {
	uint32_t weight_ppm;
	uint32_t hold_ms;      /* 0 for a last stage without one */
	uint32_t methods;      /* 1 << enum method_id of those for the canary; 0: all */
	uint32_t min_requests; /* of the canary; the rollout's unless set */
	uint32_t p_max_ppm;    /* failure rate to be ruled out before advancing; 0: none */
	enum stage_gate gate;  /* before the stage after this one */
	const struct webhook_conf *webhook; /* with GATE_WEBHOOK */
};

enum {
	STAGES_MAX = 32,
	NOTIFY_MAX = 8,
};

/* What becomes of the canary's users when it is rolled back. */
enum rollback_users {
	ROLLBACK_EVICT, /* they are legacy's from their next request on */
	ROLLBACK_DRAIN, /* those already there stay for a while, new ones go to legacy */
};

enum rollback_scope {
	ROLLBACK_ROUTE,
	ROLLBACK_PATH, /* a path class that fails by itself is withdrawn; the rest stays */
};

/* A moment, or a time after the release reached 100%. */
struct expiry {
	int64_t at_s;     /* since 1970; 0: none */
	uint32_t after_s; /* 0: none */
};

struct rollout_conf {
	char *name;
	struct conf_place place;
	struct stage_conf stages[STAGES_MAX];
	size_t n_stages;
	uint32_t bake_ms;       /* the guard goes on so long after the last stage is reached */
	uint32_t min_requests;  /* of the canary in a stage before it can advance */
	uint32_t p_max_ppm;     /* of stages that set none; 0: nothing to be shown */
	double alpha;           /* bound on the chance that a healthy canary is rolled back */
	uint32_t hold_back_ppm; /* legacy keeps this share until the last stage */
	uint32_t latency_tolerance_ppm; /* how much slower than legacy a canary may be */
	uint32_t latency_slack_us;      /* or so much, where that is more */
	enum rollback_users on_rollback;
	uint32_t drain_for_ms; /* with ROLLBACK_DRAIN */
	enum rollback_scope rollback_scope;
	uint32_t rollback_steps;   /* 1: at once */
	uint32_t rollback_step_ms; /* from one to the next */
	uint32_t max_duration_ms;  /* the rollout pauses when it takes longer; 0: no limit */
	char *owner;               /* NULL: nobody is named; and so hypothesis */
	char *hypothesis;          /* what the release is expected to do */
	struct expiry expires;     /* when a release at 100% is due for clean-up */
	bool start_manual;         /* weight 0 until a person's promote */
	struct schedule only;      /* when it may advance; empty: always */
	uint32_t require_drill_ms; /* a drill that passed, at most so long ago; 0: none */
	const struct webhook_conf *notify[NOTIFY_MAX]; /* told of every transition */
	size_t n_notify;
};

struct config {
	char *path;
	struct weir_conf weir;
	struct listen_conf *listens;
	size_t n_listens;
	struct upstream_conf *upstreams;
	size_t n_upstreams;
	struct route_conf *routes; /* in file order */
	size_t n_routes;
	struct rollout_conf *rollouts;
	size_t n_rollouts;
	struct webhook_conf *webhooks;
	size_t n_webhooks;
};

/*
 * What there is to say of a file: problems, for which it is refused, and warnings, of
 * what works but is hardly meant. Both in order of line; of each the first 100 are kept.
 */
struct conf_problems {
	char **lines; /* "weir.ini:12: unknown key 'stickyy' in [route shop]; did you mean
			 'sticky'?" */
	size_t n;
	char **warnings; /* "weir.ini:12: warning: [route shop] never gets a request..." */
	size_t n_warnings;
};

/* What a file is read for. */
enum conf_purpose {
	CONF_TO_RUN,
	/* Perhaps not by the user, or on the machine, that will run it: a secret that cannot
	   be read here is a warning only. */
	CONF_TO_CHECK,
};

/*
 * NULL where there is any problem; then `problems` says which. Free the config
 * with config_free() and, in either case, the problems with conf_problems_done().
 * May block in the system's resolver where a server is given by name.
 */
__attribute__((warn_unused_result)) struct config *config_load(
    const char *path, enum conf_purpose purpose, struct conf_problems *problems);
void config_free(struct config *config);

/*
 * The route of that name, exactly; else NULL, and hint is "; did you mean ...?", or empty.
 */
const struct route_conf *config_find_route(
    const struct config *config, const char *name, char hint[NEAREST_TEXT_SIZE]);
void conf_problems_done(struct conf_problems *problems);

/*
 * Whether a running weir can take over `next`: the keys that need a restart are
 * unchanged. err names the first that is not.
 */
__attribute__((warn_unused_result)) bool config_can_replace(
    const struct config *live, const struct config *next, struct error *err);

bool status_set_has(const struct status_set *set, unsigned status);

#endif
