/*
 * What /status and /metrics say, made of the control's routes.
 *
 * Thread  the control thread's.
 */
#ifndef ADMIN_STATUS_H
#define ADMIN_STATUS_H

#include "admin/control.h"
#include "metrics/prometheus.h"

#include <jansson.h>

/* A new reference, or NULL when out of memory. */
json_t *status_json(struct control *ctl);

/* Every metric; prometheus_ok(out) says whether it fitted. */
void status_metrics(struct control *ctl, struct prometheus *out);

#endif
