/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pool. One step is open at a time; its chunks are dealt to the workers in equal ranges (neighbouring
 * chunks stay in one
 * cache), and who is through with his own takes from the others. Each range has a cursor: the step's sequence
 * number in the
 * high half, the next chunk in the low half. A claim compares and swaps the whole cursor, so it fails when
 * the step is over.
 * Who finishes the last chunk opens the next step; nobody waits for a worker that holds no chunk.
 */
#include "pool.h"

#include <pthread.h>
#include <stdlib.h>

#include "wait.h"

typedef struct worker {
    _Alignas(64) _Atomic uint64_t cursor;
    hal_cpu_pool *pool;
    int64_t id, budget;
    pthread_t thread;
} worker;

struct hal_cpu_pool {
    _Alignas(64) _Atomic uint32_t sequence;      /* workers sleep on it */
    _Atomic uint32_t sleepers, stop;
    _Alignas(64) _Atomic int64_t finished;
    /* the open step; `slot` is written first and read last, so a torn read shows */
    _Alignas(64) _Atomic uint32_t slot;
    _Atomic int64_t chunks;
    _Atomic(const hal_cpu_step *) step;
    _Atomic(char *) scratch;
    _Atomic size_t stride;
    /* the run, touched only by who opens a step */
    const hal_cpu_run *run;
    int64_t at;
    _Alignas(64) _Atomic uint32_t end;           /* the sequence number at which the run is over */
    _Atomic uint32_t owner_sleeps;
    int64_t n, owner_budget;
    void (*settle)(const void *context, int64_t worker);
    const void *context;
    worker *workers;
};

static int64_t range_start(int64_t chunks, int64_t part, int64_t parts) { return chunks * part / parts; }

static void publish(hal_cpu_pool *pool, const hal_cpu_step *step, int64_t chunks) {
    uint32_t next = atomic_load_explicit(&pool->sequence, memory_order_relaxed) + 1;
    atomic_store_explicit(&pool->slot, next, memory_order_relaxed);
    atomic_store_explicit(&pool->chunks, chunks, memory_order_release);
    atomic_store_explicit(&pool->step, step, memory_order_release);
    atomic_store_explicit(&pool->finished, 0, memory_order_release);
    for (int64_t i = 0; i < pool->n; i++) {
        uint64_t cursor = (uint64_t)next << 32 | (uint32_t)range_start(chunks, i, pool->n);
        atomic_store_explicit(&pool->workers[i].cursor, cursor, memory_order_release);
    }
    atomic_store(&pool->sequence, next);
    if (chunks > 1 && atomic_load(&pool->sleepers) > 0) {
        hal_wait_wake(&pool->sequence, (int)(chunks - 1 < pool->n ? chunks - 1 : pool->n));
    }
}

/* Opens the next step, or ends the run. */
static void advance(hal_cpu_pool *pool) {
    ++pool->at;
    if (pool->run->times) pool->run->times[pool->at] = hal_wait_now();
    if (pool->at < pool->run->n_steps) {
        const hal_cpu_step *step = &pool->run->steps[pool->at];
        publish(pool, step, step->chunks);
        return;
    }
    uint32_t next = atomic_load_explicit(&pool->sequence, memory_order_relaxed) + 1;
    atomic_store(&pool->end, next);
    atomic_store(&pool->sequence, next);
    if (atomic_load(&pool->owner_sleeps)) hal_wait_wake(&pool->sequence, INT_MAX);
}

/* Runs one chunk from the range of worker `from`; false when there is none. */
static bool take(hal_cpu_pool *pool, int64_t from, int64_t id) {
    _Atomic uint64_t *cursor = &pool->workers[from].cursor;
    uint64_t c = atomic_load_explicit(cursor, memory_order_acquire);
    for (;;) {
        int64_t chunks = atomic_load_explicit(&pool->chunks, memory_order_acquire);
        const hal_cpu_step *step = atomic_load_explicit(&pool->step, memory_order_acquire);
        if (atomic_load_explicit(&pool->slot, memory_order_acquire) != (uint32_t)(c >> 32)) return false;
        int64_t chunk = (int64_t)(uint32_t)c;
        if (chunk >= range_start(chunks, from + 1, pool->n)) return false;
        if (!atomic_compare_exchange_weak(cursor, &c, c + 1)) continue;
        char *scratch = atomic_load_explicit(&pool->scratch, memory_order_relaxed);
        size_t stride = atomic_load_explicit(&pool->stride, memory_order_relaxed);
        step->run(step->call, chunk, scratch ? scratch + (size_t)id * stride : NULL);
        if (atomic_fetch_add(&pool->finished, 1) + 1 == chunks) advance(pool);
        return true;
    }
}

static bool work(hal_cpu_pool *pool, int64_t id) {
    for (int64_t i = 0; i < pool->n; i++) {
        if (take(pool, (id + i) % pool->n, id)) return true;
    }
    return false;
}

static void wait_for_step(hal_cpu_pool *pool, uint32_t seen, int64_t *budget) {
    if (hal_wait_spin(&pool->sequence, seen, budget)) return;
    atomic_fetch_add(&pool->sleepers, 1);
    if (atomic_load(&pool->sequence) == seen) hal_wait_sleep(&pool->sequence, seen);
    atomic_fetch_sub(&pool->sleepers, 1);
}

static void *worker_main(void *argument) {
    worker *w = argument;
    hal_cpu_pool *pool = w->pool;
    if (pool->settle) pool->settle(pool->context, w->id);
    for (;;) {
        uint32_t seen = atomic_load_explicit(&pool->sequence, memory_order_acquire);
        if (atomic_load_explicit(&pool->stop, memory_order_acquire)) return NULL;
        if (!work(pool, w->id)) wait_for_step(pool, seen, &w->budget);
    }
}

void hal_cpu_pool_run(hal_cpu_pool *pool, const hal_cpu_run *run) {
    if (run->n_steps == 0) {
        if (run->times) run->times[0] = hal_wait_now();
        return;
    }
    pool->run = run;
    pool->at = -1;
    atomic_store_explicit(&pool->scratch, run->scratch, memory_order_relaxed);
    atomic_store_explicit(&pool->stride, run->stride, memory_order_relaxed);
    advance(pool);
    for (;;) {
        uint32_t seen = atomic_load_explicit(&pool->sequence, memory_order_acquire);
        if (seen == atomic_load_explicit(&pool->end, memory_order_relaxed)) return;
        if (work(pool, 0)) continue;
        atomic_store(&pool->owner_sleeps, 1);
        wait_for_step(pool, seen, &pool->owner_budget);
        atomic_store(&pool->owner_sleeps, 0);
    }
}

static void stop_workers(hal_cpu_pool *pool, int64_t started) {
    atomic_store(&pool->stop, 1);
    atomic_fetch_add(&pool->sequence, 1);
    hal_wait_wake(&pool->sequence, INT_MAX);
    for (int64_t i = 1; i < started; i++) pthread_join(pool->workers[i].thread, NULL);
}

static bool start_worker(hal_cpu_pool *pool, int64_t i) {
    worker *w = &pool->workers[i];
    w->pool = pool;
    w->id = i;
    w->budget = HAL_SPIN_MAX_NS;
    return i == 0 || pthread_create(&w->thread, NULL, worker_main, w) == 0;
}

hal_cpu_pool *hal_cpu_pool_create(int64_t workers, void (*settle)(const void *context, int64_t worker), const void *context) {
    hal_cpu_pool *pool = aligned_alloc(64, sizeof *pool);
    worker *list = aligned_alloc(64, (size_t)workers * sizeof *list);
    if (!pool || !list) {
        free(pool);
        free(list);
        return NULL;
    }
    *pool = (hal_cpu_pool){.n = workers, .workers = list, .owner_budget = HAL_SPIN_MAX_NS, .settle = settle, .context = context};
    for (int64_t i = 0; i < workers; i++) list[i] = (worker){.id = i};
    for (int64_t i = 0; i < workers; i++) {
        if (start_worker(pool, i)) continue;
        stop_workers(pool, i);
        free(list);
        free(pool);
        return NULL;
    }
    return pool;
}

void hal_cpu_pool_destroy(hal_cpu_pool *pool) {
    if (!pool) return;
    stop_workers(pool, pool->n);
    free(pool->workers);
    free(pool);
}

int64_t hal_cpu_pool_workers(const hal_cpu_pool *pool) { return pool->n; }
