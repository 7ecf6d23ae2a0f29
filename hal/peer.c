/* SPDX-License-Identifier: Apache-2.0 */
/* Pairs of devices between which a backend copies directly, and what it answered: a pair is asked once. */
#include "object.h"

/* The answer of a backend about a pair. Entries are only added, so whoever reads the list takes no lock. */
struct hal_peer {
    const hal_device *other;
    hal_status status;
    char text[240];
    hal_peer *next;
};

static const hal_peer *find(const hal_device *device, const hal_device *other)
{
    const hal_peer *p = atomic_load_explicit(&device->peers, memory_order_acquire);
    while (p != NULL && p->other != other)
        p = p->next;
    return p;
}

static hal_status ask(hal_device *device, hal_device *other)
{
    const hal_backend *table = device->loaded->table;
    void *here, *there;
    if (device->loaded != other->loaded)
        return HAL_FAIL(UNSUPPORTED, "%s and %s belong to different backends; copies between them go through host memory",
                        device->alias, other->alias);
    /* A backend built before the question has a shorter table. */
    if (table->head.size < offsetof(hal_backend, peer) + sizeof table->peer || table->peer == NULL)
        return HAL_FAIL(UNSUPPORTED, "backend %s copies between no two devices; copies go through host memory", table->name);
    HAL_TRY(hal_device_activate(device, &here));
    HAL_TRY(hal_device_activate(other, &there));
    return table->peer(here, there);
}

/* What is refused stays refused; what failed for another reason, as memory that ran out, is asked again. */
static void keep(hal_device *device, const hal_device *other, hal_status status)
{
    hal_peer *p;
    if (status != HAL_OK && hal_status_code(status) != HAL_CODE_UNSUPPORTED)
        return;
    p = hal_allocate(&device->instance->config.allocator, sizeof *p);
    if (p == NULL)
        return;
    p->other = other;
    p->status = status;
    snprintf(p->text, sizeof p->text, "%s", status != HAL_OK ? hal_status_last()->text : "");
    p->next = atomic_load(&device->peers);
    atomic_store_explicit(&device->peers, p, memory_order_release);
}

static hal_status answer(const hal_peer *p)
{
    return p->status == HAL_OK ? HAL_OK : hal_status_set(p->status, __FILE__, __LINE__, "%s", p->text);
}

static hal_status ask_once(hal_device *device, hal_device *other)
{
    pthread_mutex_lock(&device->pairing);
    const hal_peer *known = find(device, other);
    hal_status s = known != NULL ? answer(known) : ask(device, other);
    if (known == NULL)
        keep(device, other, s);
    pthread_mutex_unlock(&device->pairing);
    return s;
}

static hal_status check(const hal_device *device)
{
    return atomic_load_explicit(&device->lost, memory_order_acquire) ? hal_device_lost_status(device) : HAL_OK;
}

hal_status hal_device_peer(hal_device *device, hal_device *other)
{
    HAL_TRY(hal_instance_check(device->instance));
    if (device->instance != other->instance)
        return HAL_FAIL(INVALID_ARGUMENT, "%s and %s are of two instances", device->alias, other->alias);
    HAL_TRY(check(device));
    HAL_TRY(check(other));
    if (device == other)
        return HAL_OK;
    const hal_peer *known = find(device, other);
    return known != NULL ? answer(known) : ask_once(device, other);
}

void hal_peers_free(hal_device *device)
{
    for (hal_peer *p = atomic_exchange(&device->peers, NULL), *next; p != NULL; p = next) {
        next = p->next;
        hal_deallocate(&device->instance->config.allocator, p);
    }
}
