#include "admin/store_epoch.h"

#include "metrics/route_stats.h"

#include <stdlib.h>
#include <string.h>

void stored_epoch_done(struct stored_epoch *epoch)
{
	free(epoch->release);
	free(epoch->units);
	*epoch = (struct stored_epoch) { .release = NULL };
}

bool stored_epoch_set(struct stored_epoch *epoch, const char *release, uint32_t number,
    const uint16_t *units, size_t n)
{
	size_t bytes = n * sizeof(units[0]);
	struct stored_epoch next = { .number = number, .n = n };

	if (n > EPOCH_SAVED_MAX)
		return false;
	next.release = strdup(release);
	next.units = malloc(bytes > 0 ? bytes : 1);
	if (next.release == NULL || next.units == NULL) {
		stored_epoch_done(&next);
		return false;
	}
	if (bytes > 0)
		memcpy(next.units, units, bytes);
	stored_epoch_done(epoch);
	*epoch = next;
	return true;
}

bool stored_epoch_is_of(const struct stored_epoch *epoch, const char *release, uint32_t number)
{
	return epoch->release != NULL && epoch->number == number &&
	       strcmp(epoch->release, release) == 0;
}

bool stored_epoch_equals(const struct stored_epoch *epoch, const char *release, uint32_t number,
    const uint16_t *units, size_t n)
{
	/* None, and nobody in it, are the same. */
	if (epoch->release == NULL)
		return n == 0;
	return stored_epoch_is_of(epoch, release, number) && epoch->n == n &&
	       (n == 0 || memcmp(epoch->units, units, n * sizeof(units[0])) == 0);
}
