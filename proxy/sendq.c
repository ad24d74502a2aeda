#include "proxy/sendq.h"

#include <assert.h>

/* Below this a copy costs less than a further piece of a writev. */
enum {
	COPY_MAX = 4096
};

void sendq_init(struct sendq *q, size_t cap_bytes, size_t replay_cap)
{
	buffer_init(&q->held, cap_bytes);
	q->replay_cap = replay_cap;
	sendq_reset(q, false, cap_bytes);
}

void sendq_done(struct sendq *q)
{
	buffer_done(&q->held);
}

void sendq_lend(struct sendq *q, char *memory, size_t size)
{
	buffer_lend(&q->held, memory, size);
}

void sendq_reset(struct sendq *q, bool replayable, size_t keep_bytes)
{
	buffer_reset(&q->held, keep_bytes);
	q->n_parts = 0;
	q->pending = 0;
	q->replayable = replayable;
}

static void add_held(struct sendq *q, size_t len)
{
	struct sendq_part *last = q->n_parts > 0 ? &q->parts[q->n_parts - 1] : NULL;

	if (len == 0)
		return;
	if (last == NULL || last->foreign != NULL) {
		assert(q->n_parts < SENDQ_PARTS_MAX);
		last = &q->parts[q->n_parts++];
		*last = (struct sendq_part) { 0 };
	}
	last->len += len;
	q->pending += len;
}

static bool make_room(struct sendq *q, size_t n)
{
	if (q->replayable)
		return buffer_reserve_keeping(&q->held, n);
	return buffer_reserve(&q->held, n);
}

bool sendq_copy(struct sendq *q, struct slice bytes)
{
	if (bytes.len == 0)
		return true;
	if (q->replayable && q->held.end + bytes.len > q->replay_cap)
		sendq_forget(q);
	if (!make_room(q, bytes.len) || !buffer_append_slice(&q->held, bytes))
		return false;
	add_held(q, bytes.len);
	return true;
}

bool sendq_refer(struct sendq *q, struct slice bytes)
{
	/* The last part is kept for what is held, so that copying always works. */
	if (bytes.len <= COPY_MAX || q->n_parts + 2 > SENDQ_PARTS_MAX)
		return sendq_copy(q, bytes);
	if (q->replayable) {
		if (q->held.end + bytes.len <= q->replay_cap)
			return sendq_copy(q, bytes);
		sendq_forget(q);
	}
	q->parts[q->n_parts++] = (struct sendq_part) { bytes.data, bytes.len };
	q->pending += bytes.len;
	return true;
}

bool sendq_refer_behind(struct sendq *q, struct slice bytes, char *room)
{
	size_t held = buffer_len(&q->held);
	size_t free_bytes = (size_t)(bytes.data - room);
	char *at;

	if (bytes.len <= COPY_MAX || q->replayable || q->n_parts != 1 ||
	    q->parts[0].foreign != NULL || held > free_bytes)
		return sendq_refer(q, bytes);
	at = room + (free_bytes - held);
	memcpy(at, q->held.data + q->held.start, held);
	buffer_consume(&q->held, held);
	q->parts[0] = (struct sendq_part) { at, held + bytes.len };
	q->pending += bytes.len;
	return true;
}

void sendq_written(struct sendq *q)
{
	size_t known = 0;

	/* Not by offsets: a writer's reserve may have moved what is held. */
	for (unsigned i = 0; i < q->n_parts; i++) {
		if (q->parts[i].foreign == NULL)
			known += q->parts[i].len;
	}
	assert(!q->replayable || q->held.start == 0);
	assert(buffer_len(&q->held) >= known);
	add_held(q, buffer_len(&q->held) - known);
}

int sendq_iov(const struct sendq *q, struct iovec iov[SENDQ_PARTS_MAX])
{
	char *held = q->held.data + q->held.start;

	for (unsigned i = 0; i < q->n_parts; i++) {
		const struct sendq_part *part = &q->parts[i];

		iov[i].iov_len = part->len;
		iov[i].iov_base =
		    part->foreign != NULL ? (void *)(uintptr_t)part->foreign : held;
		if (part->foreign == NULL)
			held += part->len;
	}
	return (int)q->n_parts;
}

static void consume_held(struct sendq *q, size_t n)
{
	if (q->replayable)
		q->held.start += n;
	else
		buffer_consume(&q->held, n);
}

void sendq_sent(struct sendq *q, size_t n)
{
	unsigned gone = 0;

	assert(n <= q->pending);
	q->pending -= n;
	while (n > 0) {
		struct sendq_part *part = &q->parts[gone];
		size_t len = n < part->len ? n : part->len;

		if (part->foreign != NULL)
			part->foreign += len;
		else
			consume_held(q, len);
		part->len -= len;
		n -= len;
		if (part->len > 0)
			break;
		gone++;
	}
	q->n_parts -= gone;
	memmove(q->parts, q->parts + gone, q->n_parts * sizeof(q->parts[0]));
}

bool sendq_keep(struct sendq *q)
{
	struct buffer whole;
	struct iovec iov[SENDQ_PARTS_MAX];
	int n = sendq_iov(q, iov);
	bool has_foreign = false;

	for (unsigned i = 0; i < q->n_parts; i++)
		has_foreign = has_foreign || q->parts[i].foreign != NULL;
	if (!has_foreign)
		return true;
	assert(!q->replayable);
	buffer_init(&whole, q->held.cap);
	if (!buffer_reserve(&whole, q->pending))
		return false;
	for (int i = 0; i < n; i++) {
		memcpy(whole.data + whole.end, iov[i].iov_base, iov[i].iov_len);
		buffer_added(&whole, iov[i].iov_len);
	}
	whole.lent = q->held.lent;
	whole.lent_size = q->held.lent_size;
	buffer_reset(&q->held, 0);
	q->held = whole;
	q->parts[0] = (struct sendq_part) { .len = q->pending };
	q->n_parts = 1;
	return true;
}

void sendq_rewind(struct sendq *q)
{
	assert(q->replayable);
	q->held.start = 0;
	q->n_parts = 0;
	q->pending = 0;
	add_held(q, q->held.end);
}

void sendq_forget(struct sendq *q)
{
	q->replayable = false;
	if (q->held.start == q->held.end)
		q->held.start = q->held.end = 0;
}
