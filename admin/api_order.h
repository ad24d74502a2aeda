/*
 * A person's orders: POST /routes/NAME/promote, rollback, pause, resume, set-weight.
 */
#ifndef ADMIN_API_ORDER_H
#define ADMIN_API_ORDER_H

#include "admin/api_call.h"

void api_order(struct api_call *call);

#endif
