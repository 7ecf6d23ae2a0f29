/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hal_run: one operator, now. Each device has a cache from the kind of call (run_key.h) to a compiled
 * program. With a warm cache a call makes its key, finds the entry, binds the addresses, submits and waits;
 * it allocates nothing, and the only exclusion is a flag held for the look-up.
 */
#include "run_entry.h"

#include <sched.h>

#define MOST_ENTRIES 4096u
#define MOST_POINTS  64u
#define SHARE        8u /* sessions of the cache hold at most this part of the device's memory */

typedef struct cache {
    atomic_flag busy;
    const hal_allocator *allocator;
    hal_device *device; /* not counted: the cache belongs to it */
    hal_queue *queue;
    uint32_t memory;
    bool host_access;
    hal_run_entry **entries;  /* open addressing */
    uint32_t count, capacity; /* a power of two */
    uint64_t bytes, most_bytes; /* of device memory that sessions hold, and may hold */
    hal_point idle[MOST_POINTS];
    uint32_t n_idle; /* timelines that no call is waiting on */
} cache;

static void take(cache *c)
{
    for (uint32_t spins = 0; atomic_flag_test_and_set_explicit(&c->busy, memory_order_acquire); spins++)
        if (spins % 64 == 63)
            sched_yield();
}

static void give(cache *c)
{
    atomic_flag_clear_explicit(&c->busy, memory_order_release);
}

/* ----------------------------------------------------------------------------------------- the cache -- */

static void clear(cache *c)
{
    for (uint32_t i = 0; i < c->capacity; i++)
        hal_run_entry_release(c->entries[i]);
    if (c->capacity)
        memset(c->entries, 0, c->capacity * sizeof(hal_run_entry *));
    c->count = 0;
    c->bytes = 0;
}

static void cache_free(void *pointer)
{
    cache *c = pointer;
    clear(c);
    for (uint32_t i = 0; i < c->n_idle; i++)
        hal_timeline_release(c->idle[i].timeline);
    hal_deallocate(c->allocator, c->entries);
    hal_deallocate(c->allocator, c);
}

static hal_status cache_create(hal_device *device, cache **made)
{
    const hal_allocator *allocator = hal_instance_allocator(hal_device_instance(device));
    hal_device_info info;
    hal_memory_info memory;
    hal_queue *queue;
    HAL_TRY(hal_device_queue(device, &queue));
    cache *c = hal_allocate(allocator, sizeof *c);
    if (!c)
        return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    hal_device_describe(device, &info);
    hal_memory_describe(hal_memory_get(hal_device_instance(device), info.memory), &memory);
    *c = (cache){.busy = ATOMIC_FLAG_INIT,
                 .allocator = allocator,
                 .device = device,
                 .queue = queue,
                 .memory = info.memory,
                 .most_bytes = memory.capacity ? memory.capacity / SHARE : UINT64_MAX,
                 .host_access = memory.host_access};
    *made = c;
    return HAL_OK;
}

/* The device's cache; the first of several threads that make one wins. */
static hal_status cache_of(hal_device *device, cache **c)
{
    void **slot = hal_device_eager_slot(device, cache_free), *nothing = NULL;
    *c = __atomic_load_n(slot, __ATOMIC_ACQUIRE);
    if (*c)
        return HAL_OK;
    cache *made;
    HAL_TRY(cache_create(device, &made));
    if (!__atomic_compare_exchange_n(slot, &nothing, made, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
        cache_free(made);
        made = nothing;
    }
    *c = made;
    return HAL_OK;
}

/* The entry's place, or the empty one where it would go. The table is never full. */
static uint32_t place(hal_run_entry *const *entries, uint32_t capacity, const uint64_t *words, uint32_t n,
                      uint64_t hash)
{
    uint32_t i = (uint32_t)hash & (capacity - 1);
    while (entries[i] && (entries[i]->hash != hash || entries[i]->n_words != n ||
                          memcmp(entries[i]->words, words, n * sizeof *words)))
        i = (i + 1) & (capacity - 1);
    return i;
}

static hal_status grow(cache *c)
{
    uint32_t capacity = c->capacity ? 2 * c->capacity : 64;
    hal_run_entry **larger = hal_allocate_array(c->allocator, capacity, sizeof(hal_run_entry *));
    if (!larger)
        return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    for (uint32_t i = 0; i < c->capacity; i++) {
        hal_run_entry *e = c->entries[i];
        if (e)
            larger[place(larger, capacity, e->words, e->n_words, e->hash)] = e;
    }
    hal_deallocate(c->allocator, c->entries);
    c->entries = larger;
    c->capacity = capacity;
    return HAL_OK;
}

/* Adds an entry unless another thread was faster, or it holds more memory than all may; a cache that is full
 * starts again from nothing. */
static hal_status add(cache *c, hal_run_entry *e)
{
    if (e->bytes > c->most_bytes)
        return HAL_OK;
    if (c->count == MOST_ENTRIES || c->bytes > c->most_bytes - e->bytes)
        clear(c);
    if (2 * c->count >= c->capacity)
        HAL_TRY(grow(c));
    uint32_t i = place(c->entries, c->capacity, e->words, e->n_words, e->hash);
    if (c->entries[i])
        return HAL_OK;
    atomic_fetch_add_explicit(&e->references, 1, memory_order_relaxed);
    c->entries[i] = e;
    c->count++;
    c->bytes += e->bytes;
    return HAL_OK;
}

/* The entry of a key with a reference, NULL when there is none, and a timeline nobody waits on (NULL when
 * none is idle). */
static hal_run_entry *find(cache *c, const hal_run_key *key, hal_point *point)
{
    take(c);
    hal_run_entry *e =
        c->capacity ? c->entries[place(c->entries, c->capacity, key->words, key->n, key->hash)] : NULL;
    if (e)
        atomic_fetch_add_explicit(&e->references, 1, memory_order_relaxed);
    *point = c->n_idle ? c->idle[--c->n_idle] : (hal_point){NULL, 0};
    give(c);
    return e;
}

static hal_status miss(cache *c, const hal_run_call *call, const hal_run_key *key, hal_run_entry **entry)
{
    hal_run_entry *e;
    HAL_TRY(hal_run_entry_create(call, key, &e));
    take(c);
    hal_status status = add(c, e);
    give(c);
    if (status == HAL_OK)
        *entry = e;
    else
        hal_run_entry_release(e);
    return status;
}

/* A timeline goes back to the idle ones only when it is sound and nothing is under way on it. */
static void give_point(cache *c, hal_point point, bool sound)
{
    if (sound) {
        take(c);
        if (c->n_idle < MOST_POINTS) {
            c->idle[c->n_idle++] = point;
            point.timeline = NULL;
        }
        give(c);
    }
    hal_timeline_release(point.timeline);
}

/* ------------------------------------------------------------------------------------------- running -- */

static hal_status bind(const cache *c, const hal_run_entry *e, uint32_t i, const hal_tensor *t,
                       hal_binding *b)
{
    static char nothing[64]; /* an address for tensors without elements */
    if (!t->buffer == !t->host) {
        if (t->buffer || hal_tensor_elements(t))
            return HAL_FAIL(INVALID_ARGUMENT, "tensor %u: exactly one of buffer and host has to be set", i);
        *b = (hal_binding){NULL, nothing, 0};
        return HAL_OK;
    }
    if (t->host) {
        if (!c->host_access)
            return HAL_FAIL(
                INVALID_ARGUMENT,
                "tensor %u lies in host memory, which %s does not reach: copy it to a buffer of the "
                "device",
                i, hal_device_alias(c->device));
        *b = (hal_binding){NULL, (char *)t->host + (int64_t)t->offset - (int64_t)e->before[i], 0};
        return HAL_OK;
    }
    if (hal_buffer_memory(t->buffer) != c->memory)
        return HAL_FAIL(
            INVALID_ARGUMENT,
            "tensor %u lies in a memory that %s does not reach: copy it to a buffer of the device", i,
            hal_device_alias(c->device));
    HAL_TRY(hal_tensor_validate(t));
    *b = (hal_binding){t->buffer, NULL, t->offset - e->before[i]};
    return HAL_OK;
}

static hal_status run_program(cache *c, const hal_run_call *call, const hal_run_entry *e, hal_point *point,
                              int64_t deadline, bool *sound)
{
    hal_binding bindings[HAL_RUN_MAX_TENSORS];
    hal_submission s = {HAL_HEAD(hal_submission), .program = e->program, .bindings = bindings,
                        .signals = point, .n_signals = 1};
    for (uint32_t i = 0; i < call->n_in + call->n_out; i++) {
        const hal_tensor *t = hal_run_tensor(call, i);
        if (t->dtype != HAL_NO_DTYPE)
            HAL_TRY(bind(c, e, i, t, &bindings[s.n_bindings++]));
    }
    point->value++;
    *sound = false;
    HAL_TRY(hal_queue_submit(c->queue, &s));
    HAL_TRY(hal_timeline_wait(point->timeline, point->value, deadline));
    *sound = true;
    return HAL_OK;
}

static hal_status run_session(const hal_run_call *call, hal_run_entry *e, int64_t deadline)
{
    hal_feed feeds[HAL_RUN_MAX_TENSORS];
    hal_fetch fetches[HAL_RUN_MAX_TENSORS];
    uint32_t n = 0;
    for (uint32_t i = 0; i < call->n_in; i++)
        if (e->value[i])
            feeds[n++] = (hal_feed){{(hal_graph *)(uintptr_t)e->graph, e->value[i]}, call->in[i]};
    for (uint32_t i = 0; i < call->n_out; i++)
        fetches[i] = (hal_fetch){{(hal_graph *)(uintptr_t)e->graph, e->value[call->n_in + i]}, call->out[i]};
    pthread_mutex_lock(&e->lock);
    hal_status status = hal_session_run(e->session, feeds, n, fetches, call->n_out, deadline);
    pthread_mutex_unlock(&e->lock);
    return status;
}

static hal_status run(cache *c, const hal_run_call *call, const hal_run_key *key, hal_run_entry *e,
                      hal_point point, int64_t deadline)
{
    bool sound = true;
    hal_status status = HAL_OK;
    if (!e)
        status = miss(c, call, key, &e);
    if (status == HAL_OK && !point.timeline && e->program)
        status = hal_timeline_create(hal_device_instance(c->device), &point.timeline);
    if (status == HAL_OK)
        status =
            e->program ? run_program(c, call, e, &point, deadline, &sound) : run_session(call, e, deadline);
    if (point.timeline)
        give_point(c, point, sound);
    hal_run_entry_release(e);
    return status;
}

hal_status hal_run(hal_device *device, const char *op, const hal_attr *attrs, uint32_t n_attrs,
                   const hal_tensor *inputs, uint32_t n_inputs, const hal_tensor *outputs, uint32_t n_outputs,
                   int64_t deadline)
{
    hal_run_call call = {device, op, attrs, n_attrs, inputs, n_inputs, outputs, n_outputs};
    hal_run_key key;
    hal_point point;
    cache *c;
    if (!device || !op || (n_attrs && !attrs) || (n_inputs && !inputs) || (n_outputs && !outputs))
        return HAL_FAIL(INVALID_ARGUMENT,
                        "hal_run needs a device, an operator and arrays of the lengths it is given");
    HAL_TRY(hal_instance_check(hal_device_instance(device)));
    if (n_inputs > HAL_RUN_MAX_TENSORS / 2 || n_outputs > HAL_RUN_MAX_TENSORS / 2 ||
        !hal_run_key_make(&call, &key))
        return HAL_FAIL(INVALID_ARGUMENT, "%s: more tensors or attributes than any operator has", op);
    HAL_TRY(cache_of(device, &c));
    hal_run_entry *e = find(c, &key, &point);
    return run(c, &call, &key, e, point, deadline);
}
