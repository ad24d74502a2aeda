/*
 * Why a request of a route goes to the arm it goes to: the data plane's own decision,
 * taken once more for a person who asks, with its reasons in words.
 *
 * Pure, and without effect: nothing is counted, no id is issued. Forwarding fields are
 * the caller's to resolve: it gives the client's address as proxies left it.
 */
#ifndef ROUTER_EXPLAIN_H
#define ROUTER_EXPLAIN_H

#include "base/message.h"
#include "base/secret.h"
#include "conf/config.h"
#include "router/cohort.h"
#include "router/exposure.h"
#include "router/forced.h"
#include "router/path_class_rules.h"
#include "router/rules.h"
#include "router/seen_users.h"

struct explain_question {
	const struct route_conf *route;
	const struct cohort *cohort;
	const struct path_class_rules *path_rules;
	const struct path_classes *path_classes;
	const struct seen_users *seen_users; /* NULL: the route keeps none */
	const struct secret *token_key;
	struct exposure_setting setting; /* as it is, or as it might be */
	const struct message *request;   /* method, target, authority, fields */
	const struct router *router;     /* which route a request takes; NULL: not known */
	const struct route_conf *routes; /* by the router's indices */
	struct slice client_ip;
	int64_t now_s; /* wall clock, for tokens */
};

enum explain_why {
	EXPLAIN_OWN_ANSWER,   /* the route redirects or responds: no arm is asked */
	EXPLAIN_NO_CANARY,    /* the route has none */
	EXPLAIN_TOKEN,        /* a signed token names the arm */
	EXPLAIN_RULE,         /* a force rule does */
	EXPLAIN_METHOD,       /* not among the stage's methods */
	EXPLAIN_PATH,         /* its path class is withdrawn */
	EXPLAIN_DRAIN,        /* the canary's users stay for a while */
	EXPLAIN_BELOW_WEIGHT, /* the bucket is */
	EXPLAIN_ABOVE_WEIGHT, /* at it, or above */
	EXPLAIN_BY_CHANCE,    /* no key: each request draws a bucket; `arm` is the likelier */
};

enum {
	EXPLANATION_WORDS_SIZE = 512
};

struct explanation {
	enum arm arm; /* means nothing with EXPLAIN_OWN_ANSWER */
	enum explain_why why;
	char words[EXPLANATION_WORDS_SIZE]; /* one line */
	bool counts;                        /* in budgets; false where it is forced */
	bool is_evidence;                   /* the bucket alone decided */
	bool synthetic;
	enum token_state token; /* what became of the one it has */
	enum cohort_source source;
	struct slice key;   /* points into the question; empty where there is none */
	uint64_t unit_hash; /* 0 without a key */
	bool has_bucket;    /* there is a key */
	uint32_t bucket;
	uint32_t canary_from_ppm; /* the least weight at which this bucket is the canary's */
	unsigned path_class;
	const char *path_class_name; /* lives as long as path_classes */
};

void explain(const struct explain_question *question, struct explanation *explanation);

/* The route that takes the request, which may be another one, or none: NULL. */
const struct route_conf *explain_chosen(const struct explain_question *question);

/* "own_answer", "no_canary", "token", "rule", "method", "path", "drain", "below_weight", ... */
const char *explain_why_name(enum explain_why why);

#endif
