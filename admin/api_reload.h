/*
 * POST /reload, answered when the reload is over: 200 {"generation", "warnings"}, 422
 * {"error"} where the configuration was not taken over. Who asks while one is under way is
 * answered by the one after it, since the file may have changed meanwhile.
 *
 * Thread  the control thread's.
 */
#ifndef ADMIN_API_RELOAD_H
#define ADMIN_API_RELOAD_H

#include "admin/api_call.h"

/* Listens to the control's reloads; NULL when out of memory. */
struct api_reloads *api_reloads_new(struct control *ctl);

/* Those still waiting are not answered: free it after their connections. */
void api_reloads_free(struct api_reloads *reloads);

void api_reload(struct api_call *call);

#endif
