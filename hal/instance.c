/* SPDX-License-Identifier: Apache-2.0 */
#include "object.h"

/* Guards the list and the final drop of `handles`; held across fork so that a child finds it usable. */
static pthread_mutex_t instances_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;
static hal_instance *instances;
static _Atomic uint32_t generation; /* forks between the first process and this one */

static void before_fork(void)
{
    pthread_mutex_lock(&instances_lock);
}

static void after_fork_parent(void)
{
    pthread_mutex_unlock(&instances_lock);
}

static void after_fork_child(void)
{
    atomic_fetch_add_explicit(&generation, 1, memory_order_relaxed);
    instances = NULL; /* what was inherited is never handed out again */
    pthread_mutex_unlock(&instances_lock);
}

static void watch_forks(void)
{
    pthread_atfork(before_fork, after_fork_parent, after_fork_child);
}

hal_status hal_instance_check(const hal_instance *instance)
{
    if (instance->generation == atomic_load_explicit(&generation, memory_order_relaxed))
        return HAL_OK;
    return HAL_FAIL(FAILED_PRECONDITION,
                    "this process was forked after its instance was created, and devices do "
                    "not survive a fork; create an instance in the child");
}

const hal_allocator *hal_instance_allocator(const hal_instance *instance)
{
    return &instance->config.allocator;
}

static void free_report(hal_instance *instance)
{
    const hal_allocator *a = &instance->config.allocator;
    for (uint32_t i = 0; i < instance->n_report; i++) {
        hal_deallocate(a, (void *)(uintptr_t)instance->report[i].path);
        hal_deallocate(a, (void *)(uintptr_t)instance->report[i].name);
        hal_deallocate(a, (void *)(uintptr_t)instance->report[i].text);
        hal_deallocate(a, (void *)(uintptr_t)instance->report[i].hint);
    }
    hal_deallocate(a, instance->report);
}

/* Later devices first: a backend that wraps another is loaded after it. */
static void destroy(hal_instance *instance)
{
    hal_config config = instance->config;
    for (uint32_t i = hal_list_count(&instance->devices); i-- > 0;)
        hal_device_close(hal_list_at(&instance->devices, i));
    for (hal_device *d = instance->replaced, *next; d != NULL; d = next) {
        next = d->next;
        hal_device_close(d);
    }
    hal_loader_stop(instance);
    for (uint32_t i = 0; i < hal_memory_count(instance); i++) {
        hal_memory *memory = hal_list_at(&instance->memories, i);
        hal_deallocate(&config.allocator, memory->name);
        hal_deallocate(&config.allocator, memory);
    }
    hal_list_free(&config.allocator, &instance->memories);
    hal_vendor_free(instance);
    hal_topology_release(instance->topology);
    hal_list_free(&config.allocator, &instance->devices);
    free_report(instance);
    hal_trace_free(instance);
    hal_deallocate(&config.allocator, instance->cache.items);
    pthread_mutex_destroy(&instance->cache.lock);
    hal_deallocate(&config.allocator, instance);
    hal_config_free(&config);
}

/* Takes over `config`, whatever happens. */
static hal_status make(hal_config *config, hal_instance **out)
{
    hal_instance *instance = hal_allocate(&config->allocator, sizeof *instance);
    if (instance == NULL) {
        hal_config_free(config);
        return hal_status_last()->status;
    }
    instance->config = *config;
    instance->generation = atomic_load(&generation);
    atomic_init(&instance->handles, 1);
    atomic_init(&instance->objects, 1);
    pthread_mutex_init(&instance->cache.lock, NULL);
    pthread_mutex_init(&instance->asking, NULL);
    hal_status s = HAL_OK;
    if (config->trace_path != NULL)
        s = hal_trace_open(instance, config->trace_path);
    if (s == HAL_OK)
        s = hal_machine_look(instance);
    if (s == HAL_OK)
        s = hal_loader_run(instance);
    if (s == HAL_OK)
        s = hal_machine_add_absent(instance);
    if (s != HAL_OK) {
        destroy(instance);
        return s;
    }
    *out = instance;
    return HAL_OK;
}

/* Under the lock: a listed instance has at least one handle. */
static hal_instance *find_equal(const hal_config *config)
{
    hal_instance *i = instances;
    while (i != NULL && !hal_config_equal(&i->config, config))
        i = i->next;
    return i;
}

hal_status hal_instance_create(const hal_instance_options *options, hal_instance **instance)
{
    hal_config config;
    hal_instance *made;
    hal_status s = HAL_OK;
    pthread_once(&fork_once, watch_forks);
    HAL_TRY(hal_config_read(options, &config));
    pthread_mutex_lock(&instances_lock);
    made = find_equal(&config);
    if (made != NULL) {
        hal_config_free(&config);
        atomic_fetch_add(&made->handles, 1);
    } else if ((s = make(&config, &made)) == HAL_OK) {
        made->next = instances;
        instances = made;
    }
    pthread_mutex_unlock(&instances_lock);
    if (s == HAL_OK)
        *instance = made;
    return s;
}

hal_instance *hal_instance_retain(hal_instance *instance)
{
    if (instance != NULL)
        atomic_fetch_add_explicit(&instance->handles, 1, memory_order_relaxed);
    return instance;
}

void hal_instance_hold(hal_instance *instance)
{
    atomic_fetch_add_explicit(&instance->objects, 1, memory_order_relaxed);
}

void hal_instance_drop(hal_instance *instance)
{
    if (atomic_fetch_sub_explicit(&instance->objects, 1, memory_order_acq_rel) == 1)
        destroy(instance);
}

static void unlink_instance(hal_instance *instance)
{
    hal_instance **at = &instances;
    while (*at != NULL && *at != instance)
        at = &(*at)->next;
    if (*at != NULL)
        *at = instance->next;
}

void hal_instance_release(hal_instance *instance)
{
    if (instance == NULL)
        return;
    uint32_t n = atomic_load_explicit(&instance->handles, memory_order_relaxed);
    while (n > 1)
        if (atomic_compare_exchange_weak_explicit(&instance->handles, &n, n - 1, memory_order_acq_rel,
                                                  memory_order_relaxed))
            return;
    /* Perhaps the last: only under the lock can nobody find it again meanwhile. */
    pthread_mutex_lock(&instances_lock);
    bool final = atomic_fetch_sub_explicit(&instance->handles, 1, memory_order_acq_rel) == 1;
    if (final)
        unlink_instance(instance);
    pthread_mutex_unlock(&instances_lock);
    /* In a forked child threads and devices behind the objects do not exist: they are left alone. */
    if (!final || hal_instance_check(instance) != HAL_OK)
        return;
    for (uint32_t i = hal_list_count(&instance->devices); i-- > 0;)
        hal_device_drop_caches(hal_list_at(&instance->devices, i));
    hal_cache_clear(instance);
    hal_trace_write(instance);
    hal_instance_drop(instance);
}

uint32_t hal_instance_report_count(const hal_instance *instance)
{
    return instance->n_report;
}

const hal_load_entry *hal_instance_report(const hal_instance *instance, uint32_t index)
{
    return index < instance->n_report ? &instance->report[index] : NULL;
}

const char *hal_load_stage_name(hal_load_stage stage)
{
    static const char *const names[] = {"listed", "trust",   "note",  "dlopen",
                                        "symbol", "version", "start", "claimed"};
    return (uint32_t)stage < sizeof names / sizeof names[0] ? names[stage] : "unknown";
}
