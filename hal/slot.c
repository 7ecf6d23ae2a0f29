/* SPDX-License-Identifier: Apache-2.0 */
/* One submission from taking its slot to giving it back. See HAL_SLOT_* in object.h for the states. */
#include "object.h"

static bool room(const hal_allocator *a, void **array, uint32_t *have, uint32_t want, size_t size)
{
    if (want <= *have)
        return true;
    uint32_t n = want < 8 ? 8 : want;
    void *grown = hal_allocate_array(a, n, size);
    if (grown == NULL)
        return false;
    hal_deallocate(a, *array); /* a free slot's content is dead */
    *array = grown;
    *have = n;
    return true;
}

static bool make_room(hal_slot *s, uint32_t bindings, uint32_t symbols, uint32_t waits, uint32_t signals)
{
    const hal_allocator *a = &s->queue->device->instance->config.allocator;
    uint32_t had = s->room_bindings;
    return room(a, (void **)&s->buffers, &had, bindings, sizeof(hal_buffer *)) &&
           room(a, (void **)&s->bindings, &s->room_bindings, bindings, sizeof(hal_backend_binding)) &&
           room(a, (void **)&s->symbols, &s->room_symbols, symbols, sizeof(int64_t)) &&
           room(a, (void **)&s->waits, &s->room_waits, waits, sizeof(hal_point)) &&
           room(a, (void **)&s->signals, &s->room_signals, signals, sizeof(hal_point));
}

static hal_status add_chunk(hal_queue *queue)
{
    hal_chunk *c = hal_allocate(&queue->device->instance->config.allocator, sizeof *c);
    if (c == NULL)
        return hal_status_last()->status;
    for (uint32_t i = 0; i < HAL_CHUNK_SLOTS; i++) {
        c->slots[i].queue = queue;
        c->slots[i].next = queue->fresh;
        queue->fresh = &c->slots[i];
    }
    atomic_store_explicit(&c->next, atomic_load(&queue->chunks), memory_order_relaxed);
    atomic_store(&queue->chunks, c);
    return HAL_OK;
}

hal_status hal_slot_take(hal_queue *queue, uint32_t bindings, uint32_t symbols, uint32_t waits,
                         uint32_t signals, hal_slot **slot)
{
    /* Only the holder of the turn takes, and it takes the whole list: no entry can come back in between. */
    if (queue->spare == NULL && atomic_load_explicit(&queue->returned, memory_order_relaxed) != NULL)
        queue->spare = atomic_exchange_explicit(&queue->returned, NULL, memory_order_acquire);
    /* Slots that have their arrays come first: a queue soon stops allocating, however many slots it has. */
    hal_slot **from = queue->spare != NULL ? &queue->spare : &queue->fresh;
    if (*from == NULL)
        HAL_TRY(add_chunk(queue));
    hal_slot *s = *from;
    if (!make_room(s, bindings, symbols, waits, signals))
        return hal_status_last()->status;
    *from = s->next;
    s->n_bindings = bindings;
    s->n_symbols = symbols;
    s->n_waits = waits;
    s->n_signals = signals;
    *slot = s;
    return HAL_OK;
}

void hal_slot_put_back(hal_slot *slot)
{
    atomic_store_explicit(&slot->state, HAL_SLOT_FREE, memory_order_relaxed);
    slot->next = slot->queue->spare;
    slot->queue->spare = slot;
}

/* From any thread, without the turn. */
static void recycle(hal_slot *slot)
{
    hal_queue *q = slot->queue;
    atomic_store_explicit(&slot->state, HAL_SLOT_FREE, memory_order_relaxed);
    hal_slot *head = atomic_load_explicit(&q->returned, memory_order_relaxed);
    do
        slot->next = head;
    while (!atomic_compare_exchange_weak_explicit(&q->returned, &head, slot, memory_order_release,
                                                  memory_order_relaxed));
}

void hal_slot_own(hal_slot *slot)
{
    hal_program_retain(slot->program);
    for (uint32_t i = 0; i < slot->n_bindings; i++)
        hal_buffer_retain(slot->buffers[i]);
    for (uint32_t i = 0; i < slot->n_waits; i++)
        hal_timeline_retain(slot->waits[i].timeline);
    for (uint32_t i = 0; i < slot->n_signals; i++)
        hal_timeline_retain(slot->signals[i].timeline);
}

void hal_slot_disown(hal_slot *slot)
{
    hal_program_release(slot->program);
    for (uint32_t i = 0; i < slot->n_bindings; i++)
        hal_buffer_release(slot->buffers[i]);
    for (uint32_t i = 0; i < slot->n_waits; i++)
        hal_timeline_release(slot->waits[i].timeline);
    for (uint32_t i = 0; i < slot->n_signals; i++)
        hal_timeline_release(slot->signals[i].timeline);
}

void hal_slot_signal(hal_slot *slot, hal_status status, const char *text)
{
    hal_device *d = slot->queue->device;
    if (slot->begin != 0)
        hal_trace_overlap(d->instance, d->alias, "queue", slot->program ? "queued program" : "queued copy",
                          slot->begin, hal_time_now());
    for (uint32_t i = 0; i < slot->n_signals; i++) {
        if (status == HAL_OK)
            hal_timeline_advance(slot->signals[i].timeline, slot->signals[i].value);
        else
            hal_timeline_fail(slot->signals[i].timeline, slot->signals[i].value, status, text);
    }
}

static void finish_owned(hal_slot *slot)
{
    hal_slot_disown(slot);
    recycle(slot);
}

/* Leaves the outcome for whoever is working on the slot. False when nobody is. */
static bool hand_over(hal_slot *slot, uint32_t working, uint32_t handed)
{
    return atomic_compare_exchange_strong(&slot->state, &working, handed);
}

void hal_slot_complete(hal_slot *slot, hal_status status, const char *text)
{
    uint32_t owned = HAL_SLOT_OWNED;
    if (atomic_load_explicit(&slot->state, memory_order_acquire) == HAL_SLOT_SUBMITTING) {
        slot->status = status;
        if (status != HAL_OK)
            snprintf(slot->text, sizeof slot->text, "%s", text != NULL ? text : "");
        if (hand_over(slot, HAL_SLOT_SUBMITTING, HAL_SLOT_EARLY))
            return;
    }
    /* FREE keeps a late loser's hands off while the signals are being given. */
    if (atomic_compare_exchange_strong(&slot->state, &owned, HAL_SLOT_FREE)) {
        hal_slot_signal(slot, status, text);
        finish_owned(slot);
        return;
    }
    if (!hand_over(slot, HAL_SLOT_LOSING, HAL_SLOT_LATE) && hand_over(slot, HAL_SLOT_LOST, HAL_SLOT_FREE))
        finish_owned(slot);
}

/* Fails the signals of a slot that the backend still holds; its references stay until it lets go. */
static void lose(hal_slot *slot, hal_status status, const char *text)
{
    uint32_t owned = HAL_SLOT_OWNED, losing = HAL_SLOT_LOSING;
    if (!atomic_compare_exchange_strong(&slot->state, &owned, HAL_SLOT_LOSING))
        return;
    hal_slot_signal(slot, status, text);
    if (!atomic_compare_exchange_strong(&slot->state, &losing, HAL_SLOT_LOST))
        finish_owned(slot);
}

void hal_slot_fail_all(hal_queue *queue, hal_status status, const char *text)
{
    for (hal_chunk *c = atomic_load(&queue->chunks); c != NULL; c = atomic_load(&c->next))
        for (uint32_t i = 0; i < HAL_CHUNK_SLOTS; i++)
            lose(&c->slots[i], status, text);
}

static hal_status hand_to_backend(hal_slot *s)
{
    hal_queue *q = s->queue;
    if (s->program == NULL)
        return q->table->copy(q->backend, &s->bindings[0], &s->bindings[1], s->bytes, s);
    return q->table->submit(q->backend, s->program->compiled, s->bindings, s->n_bindings, s->symbols, s);
}

/* Under the turn, after the backend answered: the slot is completed already, or becomes the backend's. */
static void settle(hal_slot *slot, bool owned)
{
    uint32_t submitting = HAL_SLOT_SUBMITTING;
    bool early = atomic_load_explicit(&slot->state, memory_order_acquire) == HAL_SLOT_EARLY;
    if (!early && !owned) {
        hal_slot_own(slot);
        owned = true;
    }
    if (early || !atomic_compare_exchange_strong(&slot->state, &submitting, HAL_SLOT_OWNED)) {
        hal_slot_signal(slot, slot->status, slot->text);
        if (owned)
            hal_slot_disown(slot);
        hal_slot_put_back(slot);
    } else if (atomic_load(&slot->queue->device->lost)) {
        /* Who marked the device may have looked at the slot before it was owned. */
        lose(slot, HAL_STATUS(HAL_DAMAGE_DEVICE, HAL_CODE_DEVICE_LOST), slot->queue->device->lost_text);
    }
}

hal_status hal_slot_start(hal_slot *slot, bool owned)
{
    atomic_store_explicit(&slot->state, HAL_SLOT_SUBMITTING, memory_order_relaxed);
    hal_status s = hand_to_backend(slot);
    if (s != HAL_OK)
        return s;
    settle(slot, owned);
    return HAL_OK;
}

static void free_arrays(const hal_allocator *a, hal_slot *slot)
{
    hal_deallocate(a, slot->bindings);
    hal_deallocate(a, slot->buffers);
    hal_deallocate(a, slot->symbols);
    hal_deallocate(a, slot->waits);
    hal_deallocate(a, slot->signals);
}

/* The backend's queue is gone: what it never completed, it has dropped. */
void hal_slot_free_all(hal_queue *queue)
{
    const hal_allocator *a = &queue->device->instance->config.allocator;
    for (hal_chunk *c = atomic_load(&queue->chunks), *next; c != NULL; c = next) {
        next = atomic_load(&c->next);
        for (uint32_t i = 0; i < HAL_CHUNK_SLOTS; i++) {
            hal_slot *s = &c->slots[i];
            if (atomic_load(&s->state) != HAL_SLOT_FREE)
                hal_slot_complete(s, HAL_STATUS(HAL_DAMAGE_QUEUE, HAL_CODE_CANCELLED),
                                  "the queue was released");
            free_arrays(a, s);
        }
        hal_deallocate(a, c);
    }
}
