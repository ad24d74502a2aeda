#include "proxy/pool.h"

#include "proxy/server_conn.h"
#include "proxy/worker.h"

#include <assert.h>
#include <stddef.h>

bool pool_put(struct pool *pool, struct server_conn *conn, uint32_t max_idle)
{
	if (pool->n_idle >= max_idle || !worker_has_room(conn->worker))
		return false;
	conn->newer = NULL;
	conn->older = pool->newest;
	if (pool->newest != NULL)
		pool->newest->newer = conn;
	else
		pool->oldest = conn;
	pool->newest = conn;
	pool->n_idle++;
	conn->worker->n_idle_servers++;
	return true;
}

void pool_remove(struct pool *pool, struct server_conn *conn)
{
	assert(pool->n_idle > 0);
	if (conn->newer != NULL)
		conn->newer->older = conn->older;
	else
		pool->newest = conn->older;
	if (conn->older != NULL)
		conn->older->newer = conn->newer;
	else
		pool->oldest = conn->newer;
	conn->newer = conn->older = NULL;
	pool->n_idle--;
	conn->worker->n_idle_servers--;
}

struct server_conn *pool_take(struct pool *pool)
{
	struct server_conn *conn = pool->newest;

	if (conn != NULL)
		pool_remove(pool, conn);
	return conn;
}
