/*
 * Idle keep-alive connections to one server, most recently used first.
 *
 * Thread     one worker's; never shared, so no locks.
 * Ownership  the pool owns what is idle; pool_take() gives one connection to the
 *            caller, pool_put() gives it back.
 */
#ifndef PROXY_POOL_H
#define PROXY_POOL_H

#include <stdbool.h>
#include <stdint.h>

struct server_conn;

struct pool {
	struct server_conn *newest;
	struct server_conn *oldest;
	uint32_t n_idle;
};

/* The most recently used idle connection, or NULL: connect a new one. */
struct server_conn *pool_take(struct pool *pool);

/*
 * False where max_idle are idle already, or the worker has no descriptor for it: the
 * caller keeps the connection.
 */
__attribute__((warn_unused_result)) bool pool_put(
    struct pool *pool, struct server_conn *conn, uint32_t max_idle);

/* Takes out one idle connection, because it closed or timed out. */
void pool_remove(struct pool *pool, struct server_conn *conn);

#endif
