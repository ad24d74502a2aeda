/*
 * Where a request would go, and why, at this moment:
 *
 *     GET /routes/NAME/explain?method=GET&path=/a&ip=10.0.0.1
 *         &header=NAME:%20VALUE   up to 16, and as many &cookie=NAME%3DVALUE
 *         &weight_ppm=250000      also: as it would be at that weight
 *
 * 200 with the JSON of docs/status.md; 400 where the request makes no sense.
 */
#ifndef ADMIN_API_EXPLAIN_H
#define ADMIN_API_EXPLAIN_H

#include "admin/api_call.h"

void api_explain(struct api_call *call);

#endif
