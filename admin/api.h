/*
 * The admin API: its resources, and who serves each.
 *
 *     GET  /status                       JSON: docs/status.md
 *     GET  /metrics                      Prometheus text format
 *     GET  /healthz                      "ok"
 *     GET  /routes/NAME/explain?...      JSON: admin/api_explain.h
 *     POST /routes/NAME/promote          also rollback, pause, resume
 *          ?why=...                      -> 200 {"route", "state", "weight_ppm"}
 *     POST /routes/NAME/set-weight       ?weight_ppm=0..1000000&why=...; likewise
 *     POST /routes/NAME/drill            also GET, DELETE; JSON: admin/api_drill.h
 *     POST /reload                       -> 200 {"generation"} or 422 {"error"}
 *
 * Errors are JSON {"error": "..."}: 400, 404, 405, 409 (cannot be done now), 422.
 * The socket's peer, by its credentials, is who is journalled.
 *
 * Thread  the control thread's.
 */
#ifndef ADMIN_API_H
#define ADMIN_API_H

#include "admin/api_call.h"

/*
 * Answers the request, at once or later. Over TCP (not local) only what changes
 * nothing is served.
 */
void api_serve(
    struct control *ctl, struct api_reloads *reloads, struct evhttp_request *req, bool local);

#endif
