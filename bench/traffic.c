#include "bench/traffic.h"

#include <math.h>

enum {
	WAKE_FAILURES = 3,
	BUCKETS = 1000000,
};

static const double tick_s = 0.1;
static const double canary_handicap = 1.1;
static const double latency_sigma = 0.5; /* log-normal, median 1 */
static const double error_budget = 0.001;
static const double alpha = 0.01;

/* Legacy's q50, q90 and q99, and twice the last. */
static double threshold(size_t i)
{
	static const double normal[LATENCY_THRESHOLDS] = { 0, 1.2815515655446, 2.3263478740408,
		2.3263478740408 };

	return exp(latency_sigma * normal[i]) * (i == THRESHOLD_FAR ? 2 : 1);
}

static double tail(double latency, double slowness)
{
	return 0.5 * erfc(log(latency / slowness) / latency_sigma / sqrt(2));
}

void traffic_init(
    struct traffic *traffic, double rate, double weight, double failing, uint64_t seed)
{
	struct guard_params params = { .alpha = alpha, .budget = error_budget };

	*traffic = (struct traffic) {
		.rate = rate,
		.weight = weight,
		.users = 100000,
		.salt = hash_of(seed),
		.dice = dice_of(seed),
		.stage = { .hold_s = INFINITY },
		.arms = { { .failing = failing, .slowness = 1 },
		    { .failing = failing, .slowness = 1 } },
	};
	guard_init(&traffic->guard, &params, &traffic->stage);
}

void traffic_done(struct traffic *traffic)
{
	guard_done(&traffic->guard);
}

void traffic_raise(struct traffic *traffic, double weight)
{
	traffic->weight = weight;
	epoch_map_clear(&traffic->map);
	epoch_map_clear(&traffic->far);
	guard_begin_stage(&traffic->guard, &traffic->stage, true);
}

static double share_of(const struct traffic *traffic, enum arm arm)
{
	return arm == ARM_CANARY ? traffic->weight : 1 - traffic->weight;
}

/* The bits that the cohort uses are not those of the epoch map (metrics/epoch_map.c). */
static enum arm arm_of(const struct traffic *traffic, uint64_t user)
{
	double bucket = (double)(user >> 32) * 0x1p-32 * BUCKETS;

	return bucket < traffic->weight * BUCKETS ? ARM_CANARY : ARM_LEGACY;
}

static void count_ended(struct evidence_counts *counts, uint64_t n)
{
	counts->n += (uint32_t)n;
}

/* Somebody on that arm. */
static uint64_t any_user(struct traffic *traffic, enum arm arm)
{
	uint64_t first = arm == ARM_CANARY ? 0 : traffic->users;

	return hash_of(traffic->salt + first +
		       dice_below(&traffic->dice,
			   (uint64_t)ceil((double)traffic->users * share_of(traffic, arm))));
}

/* Once for each user and epoch, as the shards do. */
static void count_far(struct traffic *traffic, enum arm arm, uint64_t user)
{
	traffic->counts[arm].slow[THRESHOLD_FAR] += epoch_map_first(&traffic->far, user);
}

/* n requests that passed the first `band` thresholds. */
static void count_band(struct traffic *traffic, enum arm arm, size_t band, uint64_t n)
{
	struct evidence_counts *counts = &traffic->counts[arm];

	for (size_t i = 0; i < THRESHOLD_FAR; i++)
		*(i < band ? &counts->slow[i] : &counts->good[i]) += (uint32_t)n;
	for (uint64_t k = 0; k < n; k++) {
		size_t half = dice_bits(&traffic->dice) & 1;

		counts->half_n[half]++;
		for (size_t i = 0; i < band && i < THRESHOLD_FAR; i++)
			counts->half_slow[half][i]++;
		if (band > THRESHOLD_FAR)
			count_far(traffic, arm, any_user(traffic, arm));
	}
}

void traffic_bands(double slowness, double handicap, double shares[TRAFFIC_BANDS])
{
	double above = 1;

	for (size_t band = 0; band < TRAFFIC_BANDS; band++) {
		double below = above;

		above =
		    band < LATENCY_THRESHOLDS ? tail(threshold(band) * handicap, slowness) : 0;
		shares[band] = below - above;
	}
}

static void count_good(struct traffic *traffic, enum arm arm, double expected)
{
	double shares[TRAFFIC_BANDS];

	if (!traffic->with_latency) {
		count_ended(&traffic->counts[arm], dice_poisson(&traffic->dice, expected));
		return;
	}
	traffic_bands(
	    traffic->arms[arm].slowness, arm == ARM_CANARY ? canary_handicap : 1, shares);
	for (size_t band = 0; band < TRAFFIC_BANDS; band++) {
		uint64_t n = dice_poisson(&traffic->dice, expected * shares[band]);

		count_ended(&traffic->counts[arm], n);
		count_band(traffic, arm, band, n);
	}
}

static void count_failure(struct traffic *traffic, enum arm arm, uint64_t user, unsigned path)
{
	bool first = traffic->every_failure || epoch_map_first(&traffic->map, user);
	struct evidence_counts *both[] = { &traffic->counts[arm],
		&traffic->path_counts[path][arm] };

	for (size_t i = 0; i < 2; i++) {
		both[i]->n++;
		both[i]->failed++;
		both[i]->bad += first;
	}
	if (traffic->with_latency)
		count_band(traffic, arm, 0, 1);
	traffic->failed[arm]++;
	traffic->unseen[dice_below(&traffic->dice, TRAFFIC_WORKERS)] += arm == ARM_CANARY;
}

/* None of them ends. */
static void count_hanging(struct traffic *traffic, enum arm arm, uint64_t n)
{
	for (size_t i = 0; i < THRESHOLD_FAR; i++)
		traffic->counts[arm].slow[i] += (uint32_t)n;
	for (uint64_t k = 0; k < n; k++)
		count_far(traffic, arm, any_user(traffic, arm));
	traffic->hung += n;
}

/* One user of legacy's, in a half of his own, who asks for what is quick. */
static void serve_busy(struct traffic *traffic, double dt_s)
{
	struct evidence_counts *counts = &traffic->counts[ARM_LEGACY];
	uint32_t n =
	    (uint32_t)dice_poisson(&traffic->dice, traffic->rate * traffic->busy * dt_s);

	counts->n += n;
	counts->half_n[0] += n;
	for (size_t i = 0; i < THRESHOLD_FAR; i++)
		counts->good[i] += n;
}

/* What the arm does with the requests of users with nothing wrong with them. */
static void serve(struct traffic *traffic, enum arm arm, double dt_s)
{
	const struct service *service = &traffic->arms[arm];
	double expected = traffic->rate * share_of(traffic, arm) * dt_s *
			  (1 - traffic->broken - traffic->sluggish - traffic->busy);
	double of_path = expected / TRAFFIC_PATHS;

	if (service->hangs) {
		count_hanging(traffic, arm, dice_poisson(&traffic->dice, expected));
		return;
	}

	for (unsigned path = 0; path < (traffic->with_paths ? TRAFFIC_PATHS : 1); path++) {
		double share = path == BAD_PATH && service->bad_failing > 0
				   ? service->bad_failing
				   : service->failing;
		double all = traffic->with_paths ? of_path : expected;
		uint32_t before = traffic->counts[arm].n;

		count_good(traffic, arm, all * (1 - share));
		traffic->path_counts[path][arm].n += traffic->counts[arm].n - before;
		for (uint64_t k = dice_poisson(&traffic->dice, all * share); k > 0; k--)
			count_failure(traffic, arm, any_user(traffic, arm), path);
	}
}

/* Users that fail, or are slow, on either arm; who they are does not change. */
static void serve_afflicted(struct traffic *traffic, double dt_s)
{
	uint64_t n_broken = (uint64_t)((double)traffic->users * traffic->broken);
	uint64_t n_sluggish = (uint64_t)((double)traffic->users * traffic->sluggish);
	double expected = traffic->rate * dt_s;

	for (uint64_t k = dice_poisson(&traffic->dice, expected * traffic->broken); k > 0;
	     k--) {
		uint64_t user = hash_of(traffic->salt + dice_below(&traffic->dice, n_broken));

		count_failure(traffic, arm_of(traffic, user), user, 1);
	}
	for (uint64_t k = dice_poisson(&traffic->dice, expected * traffic->sluggish); k > 0;
	     k--) {
		uint64_t user = hash_of(traffic->salt + dice_below(&traffic->dice, n_sluggish));
		enum arm arm = arm_of(traffic, user);
		struct evidence_counts *counts = &traffic->counts[arm];

		counts->n++;
		counts->half_n[user & 1]++;
		for (size_t i = 0; i < THRESHOLD_FAR; i++) {
			counts->slow[i]++;
			counts->half_slow[user & 1][i]++;
		}
		count_far(traffic, arm, user);
	}
}

static bool has_news(const struct evidence_counts arms[ARMS])
{
	return arms[ARM_LEGACY].n > 0 || arms[ARM_CANARY].n > 0;
}

static struct guard_entry take(
    const struct traffic *traffic, struct evidence_counts arms[ARMS], bool has_latency)
{
	struct guard_entry entry = { .weight = traffic->weight, .has_latency = has_latency };

	for (enum arm arm = 0; arm < ARMS; arm++) {
		entry.arms[arm] = arms[arm];
		arms[arm] = (struct evidence_counts) { 0 };
	}
	return entry;
}

static void judge(struct traffic *traffic)
{
	struct guard_path paths[TRAFFIC_PATHS];
	struct guard_tick tick = {
		.dt_s = traffic->unjudged_s, .n_entries = 1, .paths = paths
	};

	for (enum arm arm = 0; arm < ARMS; arm++)
		traffic->requests[arm] += traffic->counts[arm].n;
	tick.entries[0] = take(traffic, traffic->counts, traffic->with_latency);
	for (unsigned path = 0; path < TRAFFIC_PATHS && traffic->with_paths; path++)
		if (has_news(traffic->path_counts[path])) {
			paths[tick.n_paths].path_class = path;
			paths[tick.n_paths].n_entries = 1;
			paths[tick.n_paths++].entries[0] =
			    take(traffic, traffic->path_counts[path], false);
		}
	traffic->verdict = guard_tick(&traffic->guard, &tick);
	traffic->unjudged_s = 0;
	if (epoch_map_is_half_full(&traffic->map) || epoch_map_is_half_full(&traffic->far)) {
		epoch_map_clear(&traffic->map);
		epoch_map_clear(&traffic->far);
	}
}

/* A worker wakes the guard for every third of its canary failures. */
static bool is_urgent(struct traffic *traffic)
{
	bool urgent = false;

	for (size_t i = 0; i < TRAFFIC_WORKERS; i++) {
		if (traffic->unseen[i] < WAKE_FAILURES)
			continue;
		traffic->unseen[i] = 0;
		urgent = true;
	}
	return urgent;
}

/* So short that there is seldom more than one canary failure in it. */
static double fine_step(const struct traffic *traffic)
{
	const struct service *canary = &traffic->arms[ARM_CANARY];
	double failures = traffic->rate * traffic->weight *
			  fmax(canary->failing, canary->bad_failing / TRAFFIC_PATHS);

	return fmin(tick_s, 0.3 / fmax(failures, 1e-9));
}

bool traffic_run(struct traffic *traffic, double seconds, double step_s)
{
	double step = step_s > 0 ? step_s : fine_step(traffic);
	double end_s = traffic->now_s + seconds;

	while (traffic->now_s < end_s) {
		for (enum arm arm = 0; arm < ARMS; arm++)
			serve(traffic, arm, step);
		serve_afflicted(traffic, step);
		serve_busy(traffic, step);
		traffic->now_s += step;
		traffic->unjudged_s += step;
		if (!is_urgent(traffic) && traffic->unjudged_s < tick_s - step / 2)
			continue;
		judge(traffic);
		if (traffic->verdict.action == VERDICT_ROLL_BACK)
			return true;
	}
	return false;
}
