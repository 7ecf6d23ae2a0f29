/* SPDX-License-Identifier: Apache-2.0 */
#include "object.h"

#define SPINS 200 /* about a microsecond: most work waited for eagerly is that short */

hal_status hal_timeline_create(hal_instance *instance, hal_timeline **timeline)
{
    HAL_TRY(hal_instance_check(instance));
    hal_timeline *t = hal_allocate(&instance->config.allocator, sizeof *t);
    if (t == NULL)
        return hal_status_last()->status;
    atomic_init(&t->references, 1);
    atomic_init(&t->failed_at, UINT64_MAX);
    t->instance = instance;
    pthread_mutex_init(&t->lock, NULL);
    hal_instance_hold(instance);
    *timeline = t;
    return HAL_OK;
}

hal_timeline *hal_timeline_retain(hal_timeline *timeline)
{
    if (timeline != NULL)
        atomic_fetch_add_explicit(&timeline->references, 1, memory_order_relaxed);
    return timeline;
}

void hal_timeline_release(hal_timeline *timeline)
{
    if (timeline == NULL || atomic_fetch_sub_explicit(&timeline->references, 1, memory_order_acq_rel) != 1)
        return;
    hal_instance *instance = timeline->instance;
    pthread_mutex_destroy(&timeline->lock);
    hal_deallocate(&instance->config.allocator, timeline);
    hal_instance_drop(instance);
}

static void wake_listeners(hal_timeline *t)
{
    pthread_mutex_lock(&t->lock);
    for (hal_listener *l = t->listeners; l != NULL; l = l->next) {
        atomic_fetch_add(l->word, 1);
        hal_futex_wake(l->word);
    }
    pthread_mutex_unlock(&t->lock);
}

/* Sequentially consistent on both sides: a waiter counts itself and looks again, a signaller moves the value
   and looks for waiters; one of them sees the other. */
static void notify(hal_timeline *t)
{
    if (atomic_load(&t->waiters) != 0) {
        atomic_fetch_add(&t->sequence, 1);
        hal_futex_wake(&t->sequence);
    }
    if (atomic_load(&t->n_listeners) != 0)
        wake_listeners(t);
}

static bool raise(hal_timeline *t, uint64_t value)
{
    uint64_t now = atomic_load_explicit(&t->value, memory_order_relaxed);
    while (now < value)
        if (atomic_compare_exchange_weak(&t->value, &now, value))
            return true;
    return false;
}

void hal_timeline_advance(hal_timeline *timeline, uint64_t value)
{
    if (raise(timeline, value))
        notify(timeline);
}

hal_status hal_timeline_signal(hal_timeline *timeline, uint64_t value)
{
    HAL_TRY(hal_instance_check(timeline->instance));
    if (!raise(timeline, value))
        return HAL_FAIL(INVALID_ARGUMENT,
                        "timeline: signalling %llu, but it stands at %llu; values only rise",
                        (unsigned long long)value, (unsigned long long)hal_timeline_value(timeline));
    notify(timeline);
    return HAL_OK;
}

/* The first failure's words stay; a later one may only reach further back. */
static void keep_cause(hal_timeline *t, hal_status status, const char *text)
{
    uint32_t none = 0;
    if (atomic_compare_exchange_strong(&t->failure, &none, 1)) {
        t->status = status != HAL_OK ? status : HAL_STATUS(HAL_DAMAGE_GRAPH, HAL_CODE_INTERNAL);
        snprintf(t->text, sizeof t->text, "%s", text != NULL ? text : "");
        atomic_store_explicit(&t->failure, 2, memory_order_release);
    }
    while (atomic_load_explicit(&t->failure, memory_order_acquire) != 2)
        ; /* another thread is writing a few bytes */
}

void hal_timeline_fail(hal_timeline *timeline, uint64_t value, hal_status status, const char *text)
{
    uint64_t at = atomic_load_explicit(&timeline->failed_at, memory_order_relaxed);
    keep_cause(timeline, status, text);
    /* UINT64_MAX stands for "not failed", so that point cannot fail alone. */
    if (value == UINT64_MAX)
        value--;
    while (value < at && !atomic_compare_exchange_weak(&timeline->failed_at, &at, value))
        ;
    notify(timeline);
}

const char *hal_timeline_failure(const hal_timeline *timeline)
{
    return atomic_load_explicit(&timeline->failure, memory_order_acquire) == 2 ? timeline->text : "";
}

static inline void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

/* False when the deadline passed first. */
static bool sleep_until_settled(hal_point p, int64_t deadline)
{
    hal_timeline *t = p.timeline;
    bool in_time = true;
    atomic_fetch_add(&t->waiters, 1);
    for (;;) {
        uint32_t seen = atomic_load(&t->sequence);
        if (hal_point_settled(p) || !in_time)
            break;
        in_time = hal_futex_wait(&t->sequence, seen, deadline);
    }
    atomic_fetch_sub(&t->waiters, 1);
    return hal_point_settled(p);
}

static hal_status answer(hal_point p)
{
    if (!hal_point_failed(p))
        return HAL_OK;
    return hal_status_set(p.timeline->status, __FILE__, __LINE__, "%s", p.timeline->text);
}

hal_status hal_timeline_wait(hal_timeline *timeline, uint64_t value, int64_t deadline)
{
    hal_point p = {timeline, value};
    if (hal_point_ready(p))
        return HAL_OK;
    HAL_TRY(hal_instance_check(timeline->instance));
    for (int i = 0; i < SPINS && deadline > 0 && !hal_point_settled(p); i++)
        relax();
    if (hal_point_settled(p) || (deadline > 0 && sleep_until_settled(p, deadline)))
        return answer(p);
    return HAL_FAIL(DEADLINE_EXCEEDED,
                    "timeline: point %llu not reached in time, it stands at %llu; the work may "
                    "still complete",
                    (unsigned long long)value, (unsigned long long)hal_timeline_value(timeline));
}

uint64_t hal_timeline_value(const hal_timeline *timeline)
{
    return atomic_load_explicit(&timeline->value, memory_order_acquire);
}

void hal_timeline_listen(hal_timeline *timeline, hal_listener *listener)
{
    pthread_mutex_lock(&timeline->lock);
    listener->next = timeline->listeners;
    timeline->listeners = listener;
    atomic_fetch_add(&timeline->n_listeners, 1);
    pthread_mutex_unlock(&timeline->lock);
}

void hal_timeline_ignore(hal_timeline *timeline, hal_listener *listener)
{
    pthread_mutex_lock(&timeline->lock);
    hal_listener **at = &timeline->listeners;
    while (*at != listener)
        at = &(*at)->next;
    *at = listener->next;
    atomic_fetch_sub(&timeline->n_listeners, 1);
    pthread_mutex_unlock(&timeline->lock);
}
