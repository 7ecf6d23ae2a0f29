/* SPDX-License-Identifier: Apache-2.0 */
/* The server: one list of jobs and the thread that runs them on the pool. All cpu devices of a process share
   one, as they share
 * the cores. Threads begin with the first device and end with the last. */
#include <pthread.h>
#include <stdlib.h>

#include "device.h"
#include "wait.h"

struct hal_cpu_server {
    hal_cpu_pool *pool;
    hal_cpu_seats seats;
    pthread_t thread;
    pthread_mutex_t lock;                /* of the list */
    hal_cpu_job *first, *last;
    _Atomic uint32_t pushed;             /* jobs so far; the thread sleeps on it */
    _Atomic uint32_t sleeps, stop;
    int64_t users, budget;
    bool bind;
};

static pthread_mutex_t shared_lock = PTHREAD_MUTEX_INITIALIZER;
static hal_cpu_server *shared;

static hal_cpu_job *pop(hal_cpu_server *server) {
    pthread_mutex_lock(&server->lock);
    hal_cpu_job *job = server->first;
    if (job) server->first = job->next;
    if (!server->first) server->last = NULL;
    pthread_mutex_unlock(&server->lock);
    return job;
}

void hal_cpu_server_push(hal_cpu_server *server, hal_cpu_job *job) {
    job->next = NULL;
    pthread_mutex_lock(&server->lock);
    if (server->last) server->last->next = job;
    else server->first = job;
    server->last = job;
    pthread_mutex_unlock(&server->lock);
    atomic_fetch_add(&server->pushed, 1);
    if (atomic_load(&server->sleeps)) hal_wait_wake(&server->pushed, 1);
}

static void wait_for_job(hal_cpu_server *server, uint32_t seen) {
    if (hal_wait_spin(&server->pushed, seen, &server->budget)) return;
    atomic_store(&server->sleeps, 1);
    if (atomic_load(&server->pushed) == seen) hal_wait_sleep(&server->pushed, seen);
    atomic_store(&server->sleeps, 0);
}

static void settle(const void *seats, int64_t worker) { hal_cpu_seats_take(seats, worker); }

static void *serve(void *argument) {
    hal_cpu_server *server = argument;
    if (server->bind) settle(&server->seats, 0);
    for (;;) {
        uint32_t seen = atomic_load_explicit(&server->pushed, memory_order_acquire);
        hal_cpu_job *job = pop(server);
        if (job) hal_cpu_job_run(server->pool, job);
        else if (atomic_load_explicit(&server->stop, memory_order_acquire)) return NULL;
        else wait_for_job(server, seen);
    }
}

static void server_free(hal_cpu_server *server) {
    hal_cpu_seats_free(&server->seats);
    pthread_mutex_destroy(&server->lock);
    free(server);
}

static hal_cpu_server *server_create(int64_t wanted, bool bind) {
    hal_cpu_server *server = calloc(1, sizeof *server);
    if (!server || !hal_cpu_seats_create(wanted, &server->seats)) {
        free(server);
        return NULL;
    }
    server->bind = bind;
    server->budget = HAL_SPIN_MAX_NS;
    pthread_mutex_init(&server->lock, NULL);
    server->pool = hal_cpu_pool_create(hal_cpu_placement_workers(&server->seats.placement), bind ? settle : NULL,
                                        &server->seats);
    if (server->pool && pthread_create(&server->thread, NULL, serve, server) == 0) return server;
    hal_cpu_pool_destroy(server->pool);
    server_free(server);
    return NULL;
}

hal_cpu_server *hal_cpu_server_get(int64_t wanted, bool bind) {
    pthread_mutex_lock(&shared_lock);
    if (!shared) shared = server_create(wanted, bind);
    if (shared) shared->users++;
    hal_cpu_server *server = shared;
    pthread_mutex_unlock(&shared_lock);
    return server;
}

static void server_destroy(hal_cpu_server *server) {
    atomic_store(&server->stop, 1);
    atomic_fetch_add(&server->pushed, 1);
    hal_wait_wake(&server->pushed, 1);
    pthread_join(server->thread, NULL);
    hal_cpu_pool_destroy(server->pool);
    server_free(server);
}

void hal_cpu_server_put(hal_cpu_server *server) {
    pthread_mutex_lock(&shared_lock);
    bool last = --server->users == 0;
    if (last) shared = NULL;
    pthread_mutex_unlock(&shared_lock);
    if (last) server_destroy(server);
}

int64_t hal_cpu_server_workers(const hal_cpu_server *server) { return hal_cpu_pool_workers(server->pool); }

void hal_cpu_server_pages(const hal_cpu_server *server, void *address, uint64_t bytes) {
    hal_cpu_seats_pages(&server->seats, address, bytes);
}
