/* SPDX-License-Identifier: Apache-2.0 */
#include "object.h"

/* Queues whose device hung. They and what they refer to stay reachable and untouched for the process's life.
 */
static _Atomic(hal_queue *) quarantine;

hal_status hal_queue_create(hal_device *device, hal_queue **queue)
{
    const hal_allocator *a = &device->instance->config.allocator;
    void *opened;
    HAL_TRY(hal_device_activate(device, &opened));
    hal_queue *q = hal_allocate(a, sizeof *q);
    if (q == NULL)
        return hal_status_last()->status;
    atomic_init(&q->references, 1);
    q->device = device;
    q->table = device->loaded->table;
    hal_status s = q->table->queue_create(opened, &q->backend);
    if (s != HAL_OK) {
        hal_deallocate(a, q);
        return s;
    }
    hal_instance_hold(device->instance);
    pthread_mutex_lock(&device->lock);
    q->next = device->queues;
    device->queues = q;
    pthread_mutex_unlock(&device->lock);
    *queue = q;
    return HAL_OK;
}

hal_queue *hal_queue_retain(hal_queue *queue)
{
    if (queue != NULL)
        atomic_fetch_add_explicit(&queue->references, 1, memory_order_relaxed);
    return queue;
}

static void unlink_queue(hal_queue *queue)
{
    hal_device *d = queue->device;
    pthread_mutex_lock(&d->lock);
    hal_queue **at = &d->queues;
    while (*at != queue)
        at = &(*at)->next;
    *at = queue->next;
    pthread_mutex_unlock(&d->lock);
}

static hal_status put_in_quarantine(hal_queue *queue)
{
    const char *alias = queue->device->alias;
    hal_slot_fail_all(queue, HAL_STATUS(HAL_DAMAGE_QUEUE, HAL_CODE_DEADLINE_EXCEEDED),
                      "the queue was released while its device hung");
    queue->next = atomic_load(&quarantine);
    while (!atomic_compare_exchange_weak(&quarantine, &queue->next, queue))
        ;
    hal_status s =
        hal_status_set(HAL_STATUS(HAL_DAMAGE_QUEUE, HAL_CODE_DEADLINE_EXCEEDED), __FILE__, __LINE__,
                       "queue of %s: work still runs at the deadline; the queue and the memory it uses are "
                       "quarantined until the process ends",
                       alias);
    hal_status_annotate(alias, 0);
    return s;
}

hal_status hal_queue_release(hal_queue *queue, int64_t deadline)
{
    if (queue == NULL || atomic_fetch_sub_explicit(&queue->references, 1, memory_order_acq_rel) != 1)
        return HAL_OK;
    hal_instance *instance = queue->device->instance;
    HAL_TRY(hal_instance_check(instance));
    hal_dispatch_stop(queue, deadline);
    hal_status s = queue->table->queue_destroy(queue->backend, deadline);
    unlink_queue(queue);
    if (hal_status_code(s) == HAL_CODE_DEADLINE_EXCEEDED)
        return put_in_quarantine(queue);
    hal_slot_free_all(queue);
    hal_deallocate(&instance->config.allocator, queue);
    hal_instance_drop(instance);
    return s;
}

/* --------------------------------------------------------------------------------- submission -- */

static hal_status check_queue(const hal_queue *queue)
{
    HAL_TRY(hal_instance_check(queue->device->instance));
    if (__builtin_expect(atomic_load_explicit(&queue->device->lost, memory_order_acquire), 0))
        return hal_device_lost_status(queue->device);
    return HAL_OK;
}

static hal_status check_symbols(const hal_description *d, const int64_t *values)
{
    const hal_description_symbol *rows = hal_description_symbols(d);
    for (uint32_t i = 0; i < d->n_symbols; i++)
        if (values[i] < rows[i].min || values[i] > rows[i].max ||
            (rows[i].multiple > 1 && values[i] % rows[i].multiple != 0))
            return HAL_FAIL(INVALID_ARGUMENT,
                            "symbol %u = %lld is outside [%lld, %lld] or no multiple of %lld", i,
                            (long long)values[i], (long long)rows[i].min, (long long)rows[i].max,
                            (long long)rows[i].multiple);
    return HAL_OK;
}

static hal_status check_submission(const hal_queue *queue, const hal_submission *s)
{
    if (s->head.size < sizeof *s || s->program == NULL)
        return HAL_FAIL(INVALID_ARGUMENT, "hal_queue_submit: the submission needs HAL_HEAD and a program");
    const hal_description *d = s->program->description;
    if (s->program->device != queue->device)
        return HAL_FAIL(INVALID_ARGUMENT,
                        "hal_queue_submit: the program was compiled for %s, the queue is %s's",
                        s->program->device->alias, queue->device->alias);
    if (s->n_bindings != d->n_bindings || s->n_symbols != d->n_symbols)
        return HAL_FAIL(INVALID_ARGUMENT,
                        "hal_queue_submit: %u bindings and %u symbols given, the program has %u and %u",
                        s->n_bindings, s->n_symbols, d->n_bindings, d->n_symbols);
    return d->n_symbols == 0 ? HAL_OK : check_symbols(d, s->symbols);
}

/* A point that only this submission or earlier work of the queue that waits for it could reach will never be.
 */
static hal_status check_points(const hal_queue *queue, const hal_point *waits, uint32_t n_waits,
                               const hal_point *signals, uint32_t n_signals)
{
    for (uint32_t w = 0; w < n_waits; w++)
        for (uint32_t s = 0; s < n_signals; s++)
            if (waits[w].timeline == signals[s].timeline && signals[s].value <= waits[w].value)
                return HAL_FAIL(INVALID_ARGUMENT,
                                "submission waits for point %llu of a timeline and signals point %llu "
                                "of the same one: values only rise",
                                (unsigned long long)waits[w].value, (unsigned long long)signals[s].value);
    for (const hal_slot *p = queue->first; p != NULL; p = p->next)
        for (uint32_t w = 0; w < p->n_waits; w++)
            for (uint32_t s = 0; s < n_signals; s++)
                if (p->waits[w].timeline == signals[s].timeline && p->waits[w].value == signals[s].value &&
                    !hal_point_settled(p->waits[w]))
                    return HAL_FAIL(INVALID_ARGUMENT,
                                    "earlier work of this queue waits for point %llu, which only this "
                                    "submission would signal: the queue would stand still for ever",
                                    (unsigned long long)signals[s].value);
    return HAL_OK;
}

/* What the backend sees of a binding. `any`: host memory is fine even for a device that cannot reach it
 * (copies). `peer`: a device whose blocks this copy may use; NULL. */
static hal_status resolve(const hal_queue *queue, const hal_binding *from, bool any, const hal_device *peer,
                          uint64_t bytes, hal_backend_binding *to, hal_buffer **keep)
{
    const hal_buffer *b = from->buffer;
    uint64_t end;
    bool own = b != NULL && (b->device == queue->device || b->device == peer);
    *keep = from->buffer;
    *to = (hal_backend_binding){own ? b->memory : NULL, b != NULL ? b->host : from->host, from->offset};
    if (b != NULL && (__builtin_add_overflow(from->offset, bytes, &end) || end > b->bytes))
        return HAL_FAIL(INVALID_ARGUMENT, "binding: [%llu, +%llu) lies outside a buffer of %llu bytes",
                        (unsigned long long)from->offset, (unsigned long long)bytes,
                        (unsigned long long)b->bytes);
    if (!own && to->host == NULL && bytes != 0)
        return HAL_FAIL(
            INVALID_ARGUMENT, "binding: %s",
            b == NULL
                ? "neither buffer nor host memory is given"
                : "the buffer lies in another device's memory, which the host cannot address; copy it first");
    if (!own && !any && !queue->device->record.host_access)
        return HAL_FAIL(INVALID_ARGUMENT,
                        "binding: device %s cannot reach host memory; use one of its buffers",
                        queue->device->alias);
    return HAL_OK;
}

static hal_status fill_bindings(const hal_submission *s, hal_slot *slot)
{
    const hal_description *d = s->program->description;
    const hal_description_binding *rows = hal_description_bindings(d);
    for (uint32_t i = 0; i < s->n_bindings; i++)
        /* With symbols `bytes` is what the largest sizes touch, which this submission may not. */
        HAL_TRY(resolve(slot->queue, &s->bindings[i], false, NULL, d->n_symbols == 0 ? rows[i].bytes : 0,
                        &slot->bindings[i], &slot->buffers[i]));
    return HAL_OK;
}

static void fill_points(hal_slot *slot, const hal_point *waits, const hal_point *signals)
{
    for (uint32_t i = 0; i < slot->n_waits; i++)
        slot->waits[i] = waits[i];
    for (uint32_t i = 0; i < slot->n_signals; i++)
        slot->signals[i] = signals[i];
    slot->begin = hal_trace_enabled(slot->queue->device->instance) ? hal_time_now() : 0;
}

static bool all_ready(const hal_point *points, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (!hal_point_ready(points[i]))
            return false;
    return true;
}

/* Straight to the backend when nothing stands before it, else to the dispatcher. */
static hal_status launch(hal_queue *queue, hal_slot *slot)
{
    bool now = queue->first == NULL && all_ready(slot->waits, slot->n_waits);
    hal_status s = now ? hal_slot_start(slot, false) : hal_dispatch_append(queue, slot);
    if (s != HAL_OK)
        hal_slot_put_back(slot);
    return s;
}

static hal_status submit_locked(hal_queue *queue, const hal_submission *s)
{
    hal_slot *slot;
    if (s->n_waits + s->n_signals > 1 || queue->first != NULL)
        HAL_TRY(check_points(queue, s->waits, s->n_waits, s->signals, s->n_signals));
    HAL_TRY(hal_slot_take(queue, s->n_bindings, s->n_symbols, s->n_waits, s->n_signals, &slot));
    hal_status status = fill_bindings(s, slot);
    if (status != HAL_OK) {
        hal_slot_put_back(slot);
        return status;
    }
    slot->program = s->program;
    for (uint32_t i = 0; i < s->n_symbols; i++)
        slot->symbols[i] = s->symbols[i];
    fill_points(slot, s->waits, s->signals);
    return launch(queue, slot);
}

hal_status hal_queue_submit(hal_queue *queue, const hal_submission *submission)
{
    HAL_TRY(check_queue(queue));
    HAL_TRY(check_submission(queue, submission));
    hal_turn_take(&queue->turn);
    hal_status s = submit_locked(queue, submission);
    hal_turn_give(&queue->turn);
    return s;
}

/* The device of a buffer that only its device reaches; NULL: host memory. */
static hal_device *holder(const hal_binding *b)
{
    return b->buffer != NULL && b->buffer->host == NULL ? b->buffer->device : NULL;
}

/* The other device of a copy between one of its buffers and one of the queue's device, which have to be peers; NULL: there
 * is no such device. */
static hal_status find_peer(const hal_queue *queue, const hal_binding *pair, const hal_device **peer)
{
    hal_device *to = holder(&pair[0]), *from = holder(&pair[1]);
    *peer = NULL;
    if (to == NULL || from == NULL || to == from || (to != queue->device && from != queue->device))
        return HAL_OK;
    hal_device *other = to == queue->device ? from : to;
    HAL_TRY(hal_device_peer(queue->device, other));
    *peer = other;
    return HAL_OK;
}

static hal_status copy_locked(hal_queue *queue, const hal_binding *pair, const hal_device *peer, uint64_t bytes,
                              const hal_point *waits, uint32_t n_waits, const hal_point *signals,
                              uint32_t n_signals)
{
    hal_slot *slot;
    HAL_TRY(check_points(queue, waits, n_waits, signals, n_signals));
    HAL_TRY(hal_slot_take(queue, 2, 0, n_waits, n_signals, &slot));
    hal_status status = HAL_OK;
    for (uint32_t i = 0; i < 2 && status == HAL_OK; i++)
        status = resolve(queue, &pair[i], true, peer, bytes, &slot->bindings[i], &slot->buffers[i]);
    if (status != HAL_OK) {
        hal_slot_put_back(slot);
        return status;
    }
    slot->program = NULL;
    slot->bytes = bytes;
    fill_points(slot, waits, signals);
    return launch(queue, slot);
}

hal_status hal_queue_copy(hal_queue *queue, hal_binding dst, hal_binding src, uint64_t bytes,
                          const hal_point *waits, uint32_t n_waits, const hal_point *signals,
                          uint32_t n_signals)
{
    const hal_binding pair[2] = {dst, src};
    const hal_device *peer;
    HAL_TRY(check_queue(queue));
    HAL_TRY(find_peer(queue, pair, &peer));
    hal_turn_take(&queue->turn);
    hal_status s = copy_locked(queue, pair, peer, bytes, waits, n_waits, signals, n_signals);
    hal_turn_give(&queue->turn);
    return s;
}
