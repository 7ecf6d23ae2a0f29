/* SPDX-License-Identifier: Apache-2.0 */
/* Work that waits. A queue gets a dispatcher thread when it first has to hold something back; only the oldest
   pending entry matters, because a queue starts work in order. */
#include "object.h"

void hal_dispatch_wake(hal_queue *queue)
{
    atomic_fetch_add(&queue->wake, 1);
    hal_futex_wake(&queue->wake);
}

/* The first point that is not yet reached, or that failed; NULL when all are reached. */
static const hal_point *open_wait(const hal_slot *slot)
{
    for (uint32_t i = 0; i < slot->n_waits; i++)
        if (!hal_point_ready(slot->waits[i]))
            return &slot->waits[i];
    return NULL;
}

static void drop_failed(hal_slot *slot, hal_status status, const char *text)
{
    slot->begin = 0; /* it never ran: no span */
    hal_slot_signal(slot, status, text);
    hal_slot_disown(slot);
    hal_slot_put_back(slot);
}

/* Starts the oldest entry or fails it. Under the turn, which keeps the order. */
static void resolve(hal_queue *queue, hal_slot *slot)
{
    const hal_point *open = open_wait(slot);
    queue->first = slot->next;
    if (queue->first == NULL)
        queue->last = NULL;
    if (atomic_load(&queue->device->lost)) {
        drop_failed(slot, HAL_STATUS(HAL_DAMAGE_DEVICE, HAL_CODE_DEVICE_LOST), queue->device->lost_text);
    } else if (open != NULL && hal_point_failed(*open)) {
        drop_failed(slot, open->timeline->status, open->timeline->text);
    } else if (open != NULL) {
        drop_failed(slot, HAL_STATUS(HAL_DAMAGE_QUEUE, HAL_CODE_CANCELLED),
                    "the queue was released before the work's waits were reached");
    } else {
        hal_status s = hal_slot_start(slot, true);
        if (s != HAL_OK)
            drop_failed(slot, s, hal_status_last()->text);
    }
}

/* The oldest entry when it still has to wait; resolves all that need not. */
static hal_slot *drain(hal_queue *queue)
{
    hal_slot *slot;
    hal_turn_take(&queue->turn);
    while ((slot = queue->first) != NULL) {
        const hal_point *open = open_wait(slot);
        bool wait = open != NULL && !hal_point_failed(*open);
        if (wait && !atomic_load(&queue->stopping) && !atomic_load(&queue->device->lost))
            break;
        resolve(queue, slot);
    }
    hal_turn_give(&queue->turn);
    return slot;
}

static void *dispatch(void *argument)
{
    hal_queue *queue = argument;
    hal_listener listener = {NULL, &queue->wake};
    for (;;) {
        uint32_t seen = atomic_load(&queue->wake);
        hal_slot *slot = drain(queue);
        if (slot == NULL && atomic_load(&queue->stopping))
            return NULL;
        if (slot == NULL) {
            atomic_fetch_add(&queue->idle, 1);
            hal_futex_wake(&queue->idle);
            hal_futex_wait(&queue->wake, seen, INT64_MAX);
            continue;
        }
        /* Only this thread resolves entries, so the slot and its points stay while it looks. */
        const hal_point *open = open_wait(slot);
        if (open == NULL || hal_point_failed(*open))
            continue;
        hal_timeline_listen(open->timeline, &listener);
        if (!hal_point_settled(*open))
            hal_futex_wait(&queue->wake, seen, INT64_MAX);
        hal_timeline_ignore(open->timeline, &listener);
    }
}

static hal_status start_dispatcher(hal_queue *queue)
{
    if (queue->dispatching)
        return HAL_OK;
    int rc = pthread_create(&queue->dispatcher, NULL, dispatch, queue);
    if (rc != 0)
        return HAL_FAIL(OUT_OF_MEMORY,
                        "no thread for work that has to wait: error %d; raise the thread limit", rc);
    queue->dispatching = true;
    return HAL_OK;
}

hal_status hal_dispatch_append(hal_queue *queue, hal_slot *slot)
{
    HAL_TRY(start_dispatcher(queue));
    hal_slot_own(slot);
    atomic_store_explicit(&slot->state, HAL_SLOT_PENDING, memory_order_relaxed);
    slot->next = NULL;
    if (queue->last != NULL)
        queue->last->next = slot;
    else
        queue->first = slot;
    queue->last = slot;
    hal_dispatch_wake(queue);
    return HAL_OK;
}

static bool has_pending(hal_queue *queue)
{
    hal_turn_take(&queue->turn);
    bool pending = queue->first != NULL;
    hal_turn_give(&queue->turn);
    return pending;
}

void hal_dispatch_stop(hal_queue *queue, int64_t deadline)
{
    if (!queue->dispatching)
        return;
    for (;;) {
        uint32_t seen = atomic_load(&queue->idle);
        if (!has_pending(queue) || !hal_futex_wait(&queue->idle, seen, deadline))
            break;
    }
    atomic_store(&queue->stopping, true);
    hal_dispatch_wake(queue);
    pthread_join(queue->dispatcher, NULL);
    queue->dispatching = false;
}
