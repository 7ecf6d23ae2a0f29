/* SPDX-License-Identifier: Apache-2.0 */
#include "object.h"

#define PROBE_MS 5000 /* for asking vendors when a device is not there */

/* ---------------------------------------------------------------------------------- discovery -- */

static hal_device *make(hal_instance *instance, hal_loaded *loaded, const hal_device_record *record, uint32_t local)
{
    hal_device *d = hal_allocate(&instance->config.allocator, sizeof *d);
    if (d == NULL)
        return NULL;
    d->instance = instance;
    d->loaded = loaded;
    d->record = *record;
    /* A backend that filled a name to the brim must not make us read past it. */
    d->record.alias[sizeof record->alias - 1] = '\0';
    d->record.name[sizeof record->name - 1] = '\0';
    d->record.memory[sizeof record->memory - 1] = '\0';
    d->record.address[sizeof record->address - 1] = '\0';
    d->local = local;
    atomic_init(&d->state, HAL_DEVICE_PROBED);
    pthread_mutex_init(&d->opening, NULL);
    pthread_mutex_init(&d->pairing, NULL);
    pthread_mutex_init(&d->lock, NULL);
    return d;
}

static hal_status make_one(hal_claim *claim, hal_loaded *loaded, const hal_device_record *record)
{
    hal_device *d = make(claim->instance, loaded, record, loaded->n_claimed + claim->count);
    if (d == NULL)
        return hal_status_last()->status;
    hal_route_name(claim, d);
    claim->devices[claim->count++] = d; /* before what may fail: whoever gives up finds it there */
    return hal_memory_add(claim->instance, d->record.memory[0] ? d->record.memory : d->alias, record->memory_bytes,
                          record->host_access != 0, &d->memory);
}

/* At the place of an absent one of that name, else at the end, where there is room. */
static void enter(hal_instance *instance, hal_device *device)
{
    hal_list *devices = &instance->devices;
    uint32_t i = 0, n = hal_list_count(devices);
    while (i < n && strcmp(((hal_device *)hal_list_at(devices, i))->alias, device->alias) != 0)
        i++;
    device->index = i;
    if (i == n) {
        hal_list_add(devices, device);
        return;
    }
    hal_device *absent = hal_list_at(devices, i);
    hal_list_put(devices, i, device);
    absent->next = instance->replaced;
    instance->replaced = absent;
}

hal_status hal_device_add(hal_instance *instance, hal_loaded *loaded, const hal_device_record *records,
                          uint32_t n)
{
    hal_claim claim = {.instance = instance};
    if (!hal_list_reserve(&instance->config.allocator, &instance->devices, n))
        return hal_status_last()->status;
    hal_status s = HAL_OK;
    for (uint32_t i = 0; s == HAL_OK && i < n; i++)
        s = make_one(&claim, loaded, &records[i]);
    for (uint32_t i = 0; i < claim.count; i++)
        if (s == HAL_OK)
            enter(instance, claim.devices[i]);
        else
            hal_device_close(claim.devices[i]); /* nobody has seen it */
    loaded->n_claimed += s == HAL_OK ? n : 0;
    return s;
}

hal_status hal_device_add_absent(hal_instance *instance, const hal_device_record *record, const char *alias,
                                 uint32_t local, const char *why)
{
    if (!hal_list_reserve(&instance->config.allocator, &instance->devices, 1))
        return hal_status_last()->status;
    hal_device *d = make(instance, &instance->absent, record, local);
    if (d == NULL)
        return hal_status_last()->status;
    snprintf(d->alias, sizeof d->alias, "%s", alias);
    snprintf(d->lost_text, sizeof d->lost_text, "%s", why);
    d->compute_group = instance->absent.index << 16 | (record->compute_group & 0xffffu);
    d->memory = UINT32_MAX; /* what memory it has is in the topology; nothing can be put there */
    atomic_store(&d->state, HAL_DEVICE_ABSENT);
    d->index = hal_list_count(&instance->devices);
    hal_list_add(&instance->devices, d);
    return HAL_OK;
}

uint32_t hal_device_count(const hal_instance *instance)
{
    return hal_list_count(&instance->devices);
}

hal_status hal_device_get(hal_instance *instance, uint32_t index, hal_device **device)
{
    HAL_TRY(hal_instance_check(instance));
    if (index >= hal_device_count(instance))
        return HAL_FAIL(NOT_FOUND, "device %u: there are %u", index, hal_device_count(instance));
    *device = hal_device_retain(hal_list_at(&instance->devices, index));
    return HAL_OK;
}

/* Of the devices that are absent, the one that tells most: what is broken before what has no backend yet. */
static const hal_device *first_absent(const hal_instance *instance)
{
    const hal_device *first = NULL;
    for (uint32_t i = 0; i < hal_device_count(instance); i++) {
        const hal_device *d = hal_list_at(&instance->devices, i);
        if (!hal_device_is_absent(d))
            continue;
        if (hal_topology_device_at(instance->topology, d->local)->usability == HAL_USABLE_BROKEN)
            return d;
        first = first != NULL ? first : d;
    }
    return first;
}

/* The first backend that could not be loaded; one left out by the allow list is no failure. */
static void say_unloaded(const hal_instance *instance, char *text, size_t size)
{
    for (uint32_t i = 0; i < instance->n_report && text[0] == '\0'; i++) {
        const hal_load_entry *e = &instance->report[i];
        if (e->status != HAL_OK && hal_status_code(e->status) != HAL_CODE_FAILED_PRECONDITION)
            snprintf(text, size, "; not loaded: %s at %s: %s%s%s", e->path, hal_load_stage_name(e->stage), e->text,
                     e->hint[0] ? "; try: " : "", e->hint);
    }
}

/* What a person needs when a device is missing: what is there, who was asked, and why something is not. */
static hal_status not_found(hal_instance *instance, const char *alias)
{
    char there[256] = "none", asked[640] = "", why[512] = "";
    size_t at = 0;
    for (uint32_t i = 0; i < hal_device_count(instance) && at < sizeof there; i++) {
        const hal_device *d = hal_list_at(&instance->devices, i);
        if (!hal_device_is_absent(d))
            at += (size_t)snprintf(there + at, sizeof there - at, "%s%s", at ? ", " : "", d->alias);
    }
    const hal_device *absent = first_absent(instance);
    if (absent != NULL)
        snprintf(why, sizeof why, "; absent: %s: %s", absent->alias, absent->lost_text);
    say_unloaded(instance, why, sizeof why);
    hal_vendor_say(instance, asked, sizeof asked);
    return HAL_FAIL(NOT_FOUND, "device \"%s\" is not there; present: %s%s%s", alias, there, asked, why);
}

hal_status hal_device_find(hal_instance *instance, const char *alias, hal_device **device)
{
    void *opened;
    HAL_TRY(hal_instance_check(instance));
    if (alias == NULL)
        return HAL_FAIL(INVALID_ARGUMENT, "hal_device_find: alias is NULL; pass one such as \"cpu0\"");
    hal_device *d = hal_route_find(instance, alias);
    if (d == NULL || hal_device_is_absent(d)) {
        HAL_TRY(hal_vendor_ask_once(instance, hal_deadline_ms(PROBE_MS)));
        d = hal_route_find(instance, alias);
    }
    if (d == NULL)
        return not_found(instance, alias);
    if (hal_device_is_absent(d))
        return hal_device_activate(d, &opened);
    *device = hal_device_retain(d);
    return HAL_OK;
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

void hal_device_describe(const hal_device *device, hal_device_info *info)
{
    bool lost = atomic_load_explicit(&device->lost, memory_order_acquire);
    *info = (hal_device_info){.id = {0, 0, device->index},
                              .alias = device->alias,
                              .name = device->record.name,
                              .backend = device->loaded->table->name,
                              .reason = lost || hal_device_is_absent(device) ? device->lost_text : "",
                              .state = (hal_device_state)atomic_load(&device->state),
                              .compute_group = device->compute_group,
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

void hal_device_driver(const hal_device *device, char *text, size_t size)
{
    const hal_backend *table = device->loaded->table;
    if (size == 0)
        return;
    text[0] = '\0';
    if (table->head.size >= offsetof(hal_backend, driver) + sizeof table->driver && table->driver != NULL)
        table->driver(device->loaded->state, device->local, text, size);
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
    hal_peers_free(device);
    pthread_mutex_destroy(&device->opening);
    pthread_mutex_destroy(&device->pairing);
    pthread_mutex_destroy(&device->lock);
    hal_deallocate(&device->instance->config.allocator, device);
}
