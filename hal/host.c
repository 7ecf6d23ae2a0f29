/* SPDX-License-Identifier: Apache-2.0 */
/* The table a backend receives. The context of every entry is the hal_loaded it belongs to. */
#include "cache_disk.h"
#include "trace.h"

static void *host_allocate(void *context, size_t bytes, size_t alignment)
{
    return hal_allocate_raw(&((hal_loaded *)context)->instance->config.allocator, bytes, alignment);
}

static void host_release(void *context, void *pointer)
{
    hal_deallocate(&((hal_loaded *)context)->instance->config.allocator, pointer);
}

__attribute__((format(printf, 4, 5))) static hal_status
host_fail(void *context, hal_status status, int64_t vendor_code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    /* A backend has no file and line of interest to hal's users: its name says where. */
    hal_status_set_va(status, ((hal_loaded *)context)->table->name, 0, format, arguments);
    va_end(arguments);
    hal_status_annotate("", vendor_code);
    return status;
}

static void host_complete(void *context, void *completion, hal_status status, const char *text)
{
    (void)context;
    hal_slot_complete(completion, status, text);
}

static hal_device *device_of(const hal_loaded *loaded, uint32_t local)
{
    const hal_list *devices = &loaded->instance->devices;
    for (uint32_t i = 0; i < hal_list_count(devices); i++) {
        hal_device *d = hal_list_at(devices, i);
        if (d->loaded == loaded && d->local == local)
            return d;
    }
    return NULL;
}

static void host_device_lost(void *context, uint32_t device, const char *text)
{
    hal_loaded *loaded = context;
    hal_device *d = device_of(loaded, device);
    if (d != NULL)
        hal_device_lose(d, text);
}

static void host_trace(void *context, const char *name, int64_t begin_ns, int64_t end_ns)
{
    hal_loaded *loaded = context;
    hal_trace_overlap(loaded->instance, loaded->table->name, "backend", name, begin_ns, end_ns);
}

static void host_trace_device(void *context, uint32_t device, const char *category, const char *name,
                              int64_t begin_ns, int64_t end_ns)
{
    hal_loaded *loaded = context;
    const hal_device *d = device_of(loaded, device);
    if (d != NULL)
        hal_trace_span(loaded->instance, d->alias, category, name, begin_ns, end_ns);
}

static void host_trace_op(void *context, uint32_t device, const hal_description *program, uint32_t op,
                          const int64_t *symbols, int64_t begin_ns, int64_t end_ns)
{
    hal_loaded *loaded = context;
    const hal_device *d = device_of(loaded, device);
    if (d != NULL)
        hal_trace_op(loaded->instance, d->alias, program, op, symbols, begin_ns, end_ns);
}

static const char *host_option(void *context, const char *name)
{
    const hal_config *c = &((hal_loaded *)context)->instance->config;
    const char *value = NULL;
    if (strcmp(name, "cpu_devices") == 0)
        value = c->cpu_devices;
    else if (strcmp(name, "cpu_threads") == 0)
        value = c->cpu_threads;
    else if (strcmp(name, "cpu_isa") == 0)
        value = c->cpu_isa;
    else if (strcmp(name, "cpu_bind") == 0)
        value = c->cpu_bind;
    else if (strcmp(name, "fault_script") == 0)
        value = c->fault_script;
    else if (strcmp(name, "primitives_only") == 0 && c->primitives_only)
        value = "1";
    return value != NULL && value[0] != '\0' ? value : NULL;
}

static const hal_op_info *host_op_describe(uint32_t number)
{
    return hal_op_describe(number);
}

static hal_status host_op_reference(uint32_t number, const void *attrs, const hal_tensor *in, uint32_t n_in,
                                    const hal_tensor *out, uint32_t n_out)
{
    return hal_op_reference(number, attrs, in, n_in, out, n_out, NULL);
}

static const hal_backend *host_backend_find(void *context, const char *name)
{
    hal_instance *instance = ((hal_loaded *)context)->instance;
    for (uint32_t i = 0; i < instance->n_loaded; i++)
        if (strcmp(instance->loaded[i]->table->name, name) == 0)
            return instance->loaded[i]->table;
    return NULL;
}

static uint32_t host_vendor_devices(void *context, const char *vendor, uint32_t capacity,
                                    hal_vendor_device *devices)
{
    return hal_vendor_devices(((hal_loaded *)context)->instance, vendor, capacity, devices);
}

static hal_cache_owner owner_of(const hal_loaded *loaded)
{
    const hal_config *c = &loaded->instance->config;
    return (hal_cache_owner){&c->allocator, loaded->table->name, loaded->table->build_id, c->cache_bytes};
}

static void *host_cache_load(void *context, const void *key, size_t key_bytes, size_t *bytes)
{
    const hal_cache_owner owner = owner_of(context);
    return hal_cache_disk_load(&owner, key, key_bytes, bytes);
}

static void host_cache_store(void *context, const void *key, size_t key_bytes, const void *data, size_t bytes)
{
    const hal_cache_owner owner = owner_of(context);
    hal_cache_disk_store(&owner, key, key_bytes, data, bytes);
}

void hal_host_fill(hal_loaded *loaded)
{
    const bool traced = hal_trace_enabled(loaded->instance);
    loaded->host = (hal_host){.size = sizeof(hal_host),
                              .abi = HAL_BACKEND_ABI,
                              .context = loaded,
                              .allocate = host_allocate,
                              .release = host_release,
                              .fail = host_fail,
                              .complete = host_complete,
                              .device_lost = host_device_lost,
                              .trace = host_trace,
                              .option = host_option,
                              .op_describe = host_op_describe,
                              .op_reference = host_op_reference,
                              .backend_find = host_backend_find,
                              .trace_device = traced ? host_trace_device : NULL,
                              .vendor_devices = host_vendor_devices,
                              .cache_load = host_cache_load,
                              .cache_store = host_cache_store,
                              .trace_op = traced ? host_trace_op : NULL};
}
