/* SPDX-License-Identifier: Apache-2.0 */
#include "object.h"

/* ---------------------------------------------------------------------------------- discovery -- */

static uint32_t count_alias(const hal_instance *instance, const char *alias)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < instance->n_devices; i++)
        n += strcmp(instance->devices[i]->record.alias, alias) == 0;
    return n;
}

static hal_status add_bare(hal_instance *instance, hal_loaded *loaded, const hal_device_record *record,
                           uint32_t local, hal_device **out)
{
    const hal_allocator *a = &instance->config.allocator;
    if (!hal_array_grow(a, (void **)&instance->devices, instance->n_devices, &instance->devices_capacity,
                        sizeof(hal_device *)))
        return hal_status_last()->status;
    hal_device *d = hal_allocate(a, sizeof *d);
    if (d == NULL)
        return hal_status_last()->status;
    d->instance = instance;
    d->loaded = loaded;
    d->record = *record;
    /* A backend that filled a name to the brim must not make us read past it. */
    d->record.alias[sizeof record->alias - 1] = '\0';
    d->record.name[sizeof record->name - 1] = '\0';
    d->record.memory[sizeof record->memory - 1] = '\0';
    d->record.address[sizeof record->address - 1] = '\0';
    d->index = instance->n_devices;
    d->local = local;
    atomic_init(&d->state, HAL_DEVICE_PROBED);
    pthread_mutex_init(&d->opening, NULL);
    pthread_mutex_init(&d->lock, NULL);
    instance->devices[instance->n_devices++] = d;
    *out = d;
    return HAL_OK;
}

static hal_status add_one(hal_instance *instance, hal_loaded *loaded, const hal_device_record *record,
                          uint32_t local)
{
    const uint32_t number = count_alias(instance, record->alias);
    hal_device *d; /* in the list before what may fail: whoever rolls back finds it there */
    HAL_TRY(add_bare(instance, loaded, record, local, &d));
    snprintf(d->alias, sizeof d->alias, "%s%u", d->record.alias, number);
    return hal_memory_add(instance, d->record.memory[0] ? d->record.memory : d->alias, record->memory_bytes,
                          record->host_access != 0, &d->memory);
}

/* Drops the devices from `first` on, which nobody has seen yet. */
static void roll_back(hal_instance *instance, uint32_t first)
{
    while (instance->n_devices > first)
        hal_device_close(instance->devices[--instance->n_devices]);
}

hal_status hal_device_add(hal_instance *instance, hal_loaded *loaded, const hal_device_record *records,
                          uint32_t n)
{
    const uint32_t first = instance->n_devices;
    hal_status s = HAL_OK;
    for (uint32_t i = 0; s == HAL_OK && i < n; i++)
        s = add_one(instance, loaded, &records[i], i);
    if (s != HAL_OK)
        roll_back(instance, first);
    return s;
}

hal_status hal_device_add_absent(hal_instance *instance, const hal_device_record *record, const char *alias,
                                 uint32_t local, const char *why)
{
    hal_device *d;
    HAL_TRY(add_bare(instance, &instance->absent, record, local, &d));
    snprintf(d->alias, sizeof d->alias, "%s", alias);
    snprintf(d->lost_text, sizeof d->lost_text, "%s", why);
    d->memory = UINT32_MAX; /* what memory it has is in the topology; nothing can be put there */
    atomic_store(&d->state, HAL_DEVICE_ABSENT);
    return HAL_OK;
}

static bool is_absent(const hal_device *device)
{
    return device->loaded == &device->instance->absent;
}

uint32_t hal_device_count(const hal_instance *instance)
{
    return instance->n_devices;
}

hal_status hal_device_get(hal_instance *instance, uint32_t index, hal_device **device)
{
    HAL_TRY(hal_instance_check(instance));
    if (index >= instance->n_devices)
        return HAL_FAIL(NOT_FOUND, "device %u: there are %u", index, instance->n_devices);
    *device = hal_device_retain(instance->devices[index]);
    return HAL_OK;
}

/* Of the devices that are absent, the one that tells most: what is broken before what has no backend yet. */
static const hal_device *first_absent(const hal_instance *instance)
{
    const hal_device *first = NULL;
    for (uint32_t i = 0; i < instance->n_devices; i++) {
        const hal_device *d = instance->devices[i];
        if (!is_absent(d))
            continue;
        if (hal_topology_device_at(instance->topology, d->local)->usability == HAL_USABLE_BROKEN)
            return d;
        first = first != NULL ? first : d;
    }
    return first;
}

/* What a person needs when a device is missing: what is there, and why something is not. */
static hal_status not_found(const hal_instance *instance, const char *alias)
{
    char there[256] = "none", why[512] = "";
    size_t at = 0;
    for (uint32_t i = 0; i < instance->n_devices && at < sizeof there; i++)
        if (!is_absent(instance->devices[i]))
            at += (size_t)snprintf(there + at, sizeof there - at, "%s%s", at ? ", " : "",
                                   instance->devices[i]->alias);
    const hal_device *absent = first_absent(instance);
    if (absent != NULL)
        snprintf(why, sizeof why, "; absent: %s: %s", absent->alias, absent->lost_text);
    for (uint32_t i = 0; i < instance->n_report && why[0] == '\0'; i++) {
        const hal_load_entry *e = &instance->report[i];
        /* A backend left out by the allow list is no failure. */
        if (e->status != HAL_OK && hal_status_code(e->status) != HAL_CODE_FAILED_PRECONDITION)
            snprintf(why, sizeof why, "; not loaded: %s at %s: %s%s%s", e->path,
                     hal_load_stage_name(e->stage), e->text, e->hint[0] ? "; try: " : "", e->hint);
    }
    return HAL_FAIL(NOT_FOUND, "device \"%s\" is not there; present: %s%s", alias, there, why);
}

hal_status hal_device_find(hal_instance *instance, const char *alias, hal_device **device)
{
    HAL_TRY(hal_instance_check(instance));
    if (alias == NULL)
        return HAL_FAIL(INVALID_ARGUMENT, "hal_device_find: alias is NULL; pass one such as \"cpu0\"");
    for (uint32_t i = 0; i < instance->n_devices; i++)
        if (strcmp(instance->devices[i]->alias, alias) == 0) {
            void *opened;
            if (is_absent(instance->devices[i]))
                return hal_device_activate(instance->devices[i], &opened);
            *device = hal_device_retain(instance->devices[i]);
            return HAL_OK;
        }
    return not_found(instance, alias);
}

/* A device lives in its instance, so its references are the instance's handles. */
hal_device *hal_device_retain(hal_device *device)
{
    if (device != NULL)
        hal_instance_retain(device->instance);
    return device;
}

void hal_device_release(hal_device *device)
{
    if (device != NULL)
        hal_instance_release(device->instance);
}

/* One number over all backends. */
static uint32_t compute_group(const hal_device *device)
{
    const uint32_t group = device->record.compute_group;
    return group == HAL_COMPUTE_GROUP_HOST ? UINT32_MAX : device->loaded->index << 16 | (group & 0xffffu);
}

void hal_device_describe(const hal_device *device, hal_device_info *info)
{
    bool lost = atomic_load_explicit(&device->lost, memory_order_acquire);
    *info = (hal_device_info){.id = {0, 0, device->index},
                              .alias = device->alias,
                              .name = device->record.name,
                              .backend = device->loaded->table->name,
                              .reason = lost || is_absent(device) ? device->lost_text : "",
                              .state = (hal_device_state)atomic_load(&device->state),
                              .compute_group = compute_group(device),
                              .memory = device->memory,
                              .emulated = device->record.emulated != 0};
}

/* --------------------------------------------------------------------------------- activation -- */

hal_instance *hal_device_instance(const hal_device *device)
{
    return device->instance;
}

const hal_backend *hal_device_backend(const hal_device *device)
{
    return device->loaded->table;
}

uint64_t hal_device_counter(const hal_device *device, const char *name)
{
    void *opened = atomic_load_explicit(&device->opened, memory_order_acquire);
    return opened != NULL && device->loaded->table->counter != NULL ? device->loaded->table->counter(opened, name) : 0;
}

uint32_t hal_device_index(const hal_device *device)
{
    return device->index;
}

const char *hal_device_alias(const hal_device *device)
{
    return device->alias;
}

static hal_status open_locked(hal_device *device)
{
    void *opened = NULL;
    uint32_t probed = HAL_DEVICE_PROBED;
    if (atomic_load(&device->opened) != NULL)
        return HAL_OK;
    HAL_TRY(device->loaded->table->device_open(device->loaded->state, device->local, &opened));
    atomic_store_explicit(&device->opened, opened, memory_order_release);
    /* Only from PROBED: a device lost meanwhile stays lost. */
    atomic_compare_exchange_strong(&device->state, &probed, HAL_DEVICE_READY);
    return HAL_OK;
}

hal_status hal_device_activate(hal_device *device, void **backend_device)
{
    HAL_TRY(hal_instance_check(device->instance));
    if (atomic_load_explicit(&device->lost, memory_order_acquire))
        return hal_device_lost_status(device);
    if (atomic_load_explicit(&device->opened, memory_order_acquire) == NULL) {
        pthread_mutex_lock(&device->opening);
        hal_status s = open_locked(device);
        pthread_mutex_unlock(&device->opening);
        HAL_TRY(s);
    }
    *backend_device = atomic_load_explicit(&device->opened, memory_order_acquire);
    return HAL_OK;
}

hal_status hal_device_support(hal_device *device, const hal_description *program, hal_support_answer *answers)
{
    void *opened;
    HAL_TRY(hal_device_activate(device, &opened));
    return device->loaded->table->support(opened, program, answers);
}

hal_status hal_device_layout(hal_device *device, const hal_description *program, uint32_t op, uint32_t operand,
                             hal_layout_answer *answer)
{
    const hal_backend *table = device->loaded->table;
    hal_layout_answer a = {0};
    void *opened;
    HAL_TRY(hal_device_activate(device, &opened));
    /* A backend built before the question has a shorter table. */
    if (table->head.size >= offsetof(hal_backend, layout) + sizeof table->layout && table->layout != NULL)
        HAL_TRY(table->layout(opened, program, op, operand, &a));
    *answer = a;
    return HAL_OK;
}

hal_status hal_device_queue(hal_device *device, hal_queue **queue)
{
    hal_queue *q = atomic_load_explicit(&device->shared, memory_order_acquire), *none = NULL;
    if (q == NULL) {
        HAL_TRY(hal_queue_create(device, &q));
        if (!atomic_compare_exchange_strong(&device->shared, &none, q)) {
            (void)hal_queue_release(q, hal_deadline_ms(1000)); /* somebody else's came first; ours is idle */
            q = none;
        }
    }
    *queue = q;
    return HAL_OK;
}

void **hal_device_eager_slot(hal_device *device, void (*release)(void *))
{
    atomic_store_explicit(&device->eager_release, release, memory_order_relaxed);
    return &device->eager;
}

/* --------------------------------------------------------------------------------- loss, end -- */

hal_status hal_device_lost_status(const hal_device *device)
{
    hal_status s = HAL_FAIL_DEVICE(DEVICE_LOST, "device %s is lost: %s; release its objects and plan again",
                                   device->alias, device->lost_text);
    hal_status_annotate(device->alias, 0);
    return s;
}

void hal_device_lose(hal_device *device, const char *text)
{
    uint32_t state = atomic_load(&device->state);
    do {
        if (state == HAL_DEVICE_LOST || state == HAL_DEVICE_GONE)
            return;
    } while (!atomic_compare_exchange_weak(&device->state, &state, HAL_DEVICE_LOST));
    snprintf(device->lost_text, sizeof device->lost_text, "%s",
             text != NULL && *text ? text : "no cause was given");
    atomic_store(&device->lost, true);
    pthread_mutex_lock(&device->lock);
    for (hal_queue *q = device->queues; q != NULL; q = q->next) {
        hal_slot_fail_all(q, HAL_STATUS(HAL_DAMAGE_DEVICE, HAL_CODE_DEVICE_LOST), device->lost_text);
        hal_dispatch_wake(q);
    }
    pthread_mutex_unlock(&device->lock);
}

void hal_device_drop_caches(hal_device *device)
{
    void (*release)(void *) = atomic_load(&device->eager_release);
    if (device->eager != NULL && release != NULL)
        release(device->eager);
    device->eager = NULL;
    (void)hal_queue_release(atomic_exchange(&device->shared, NULL), hal_deadline_ms(1000));
}

void hal_device_close(hal_device *device)
{
    void *opened = atomic_load(&device->opened);
    if (opened != NULL)
        device->loaded->table->device_close(opened);
    pthread_mutex_destroy(&device->opening);
    pthread_mutex_destroy(&device->lock);
    hal_deallocate(&device->instance->config.allocator, device);
}
