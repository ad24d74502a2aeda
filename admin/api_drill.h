/*
 * Rehearsals: /routes/NAME/drill.
 *
 *     POST    begins one; ?fail_ppm=1..1000000&for_ms=&live=0|1
 *     GET     the latest of this process: how far it is, or what came of it
 *     DELETE  stops it
 *
 * Each answers with the drill (docs/drill.md); that of a POST for a live one has the
 * tokens its requests are to carry, too, and where they are to go.
 */
#ifndef ADMIN_API_DRILL_H
#define ADMIN_API_DRILL_H

#include "admin/api_call.h"

void api_drill(struct api_call *call);

#endif
