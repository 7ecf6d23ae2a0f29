/* SPDX-License-Identifier: Apache-2.0 */
#include "cache_disk.h"

#include <stdlib.h>

/* `given`, else the variable, else NULL; copied. */
static hal_status take(const hal_allocator *a, const char *given, const char *variable, char **out)
{
    const char *text = given != NULL ? given : hal_env_get(variable);
    if (text == NULL)
        return HAL_OK;
    *out = hal_string_copy(a, text);
    return *out != NULL ? HAL_OK : hal_status_last()->status;
}

/* A count as text, because that is how backends ask for options. "" when nobody said anything. */
static hal_status take_count(uint32_t given, const char *variable, char *out, size_t size)
{
    const char *text = hal_env_get(variable);
    out[0] = '\0';
    if (given != 0) {
        snprintf(out, size, "%u", given);
        return HAL_OK;
    }
    if (text == NULL)
        return HAL_OK;
    if (strspn(text, "0123456789") != strlen(text) || strlen(text) > 6)
        return HAL_FAIL(INVALID_ARGUMENT, "%s=%s is not a count; write digits only", variable, text);
    snprintf(out, size, "%s", text);
    return HAL_OK;
}

/* Bytes of what is kept on disk. */
static hal_status take_bytes(const char *variable, uint64_t fallback, uint64_t *out)
{
    const char *text = hal_env_get(variable);
    *out = fallback;
    if (text == NULL)
        return HAL_OK;
    if (strspn(text, "0123456789") != strlen(text) || strlen(text) > 18)
        return HAL_FAIL(INVALID_ARGUMENT, "%s=%s is not a number of bytes; write digits only", variable, text);
    *out = strtoull(text, NULL, 10);
    return HAL_OK;
}

static hal_status take_switch(const char *variable, bool *out)
{
    const char *text = hal_env_get(variable);
    *out = text != NULL && strcmp(text, "1") == 0;
    if (text == NULL || *out || strcmp(text, "0") == 0)
        return HAL_OK;
    return HAL_FAIL(INVALID_ARGUMENT, "%s=%s is neither 0 nor 1", variable, text);
}

/* A relative directory would make what is loaded depend on where the program was started. */
static hal_status check_path(const char *path)
{
    for (const char *p = path; p != NULL && *p; p += strcspn(p, ":"), p += *p == ':')
        if (*p != '/' && *p != ':')
            return HAL_FAIL(INVALID_ARGUMENT, "plugin path \"%s\": \"%.*s\" is not absolute; begin it with /",
                            path, (int)strcspn(p, ":"), p);
    return HAL_OK;
}

static hal_status fill(const hal_instance_options *o, hal_config *c)
{
    HAL_TRY(take(&c->allocator, o->plugin_path, "HAL_PLUGIN_PATH", &c->plugin_path));
    HAL_TRY(take(&c->allocator, o->backends, "HAL_BACKENDS", &c->backends));
    HAL_TRY(take(&c->allocator, o->fault_script, "HAL_FAULT", &c->fault_script));
    HAL_TRY(take(&c->allocator, o->trace_path, "HAL_TRACE", &c->trace_path));
    HAL_TRY(take(&c->allocator, NULL, "HAL_CPU_ISA", &c->cpu_isa));
    HAL_TRY(take(&c->allocator, NULL, "HAL_CPU_BIND", &c->cpu_bind));
    HAL_TRY(take_count(o->cpu_devices, "HAL_CPU_DEVICES", c->cpu_devices, sizeof c->cpu_devices));
    HAL_TRY(take_count(o->cpu_threads, "HAL_CPU_THREADS", c->cpu_threads, sizeof c->cpu_threads));
    HAL_TRY(take_switch("HAL_CPU_PRIMITIVES", &c->primitives_only));
    HAL_TRY(take_bytes("HAL_CACHE_BYTES", HAL_CACHE_DISK_BYTES, &c->cache_bytes));
    return check_path(c->plugin_path);
}

hal_status hal_config_read(const hal_instance_options *options, hal_config *config)
{
    hal_instance_options o = {HAL_HEAD(hal_instance_options)};
    hal_config c = {0};
    if (options != NULL && (options->head.size < sizeof(hal_head) || options->head.flags != 0))
        return HAL_FAIL(INVALID_ARGUMENT,
                        "hal_instance_create: options.head is not set; begin them with HAL_HEAD");
    if (options != NULL)
        memcpy(&o, options, options->head.size < sizeof o ? options->head.size : sizeof o);
    if (o.allocator != NULL)
        c.allocator = *o.allocator;
    if ((c.allocator.allocate == NULL) != (c.allocator.release == NULL))
        return HAL_FAIL(INVALID_ARGUMENT,
                        "hal_instance_create: an allocator needs allocate and release, or neither");
    hal_status s = fill(&o, &c);
    if (s != HAL_OK) {
        hal_config_free(&c);
        return s;
    }
    *config = c;
    return HAL_OK;
}

static bool same(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

bool hal_config_equal(const hal_config *a, const hal_config *b)
{
    return a->allocator.allocate == b->allocator.allocate && a->allocator.release == b->allocator.release &&
           a->allocator.context == b->allocator.context && same(a->plugin_path, b->plugin_path) &&
           same(a->backends, b->backends) && same(a->fault_script, b->fault_script) &&
           same(a->trace_path, b->trace_path) && same(a->cpu_isa, b->cpu_isa) &&
           same(a->cpu_bind, b->cpu_bind) && same(a->cpu_devices, b->cpu_devices) &&
           same(a->cpu_threads, b->cpu_threads) && a->primitives_only == b->primitives_only &&
           a->cache_bytes == b->cache_bytes;
}

void hal_config_free(hal_config *c)
{
    hal_deallocate(&c->allocator, c->plugin_path);
    hal_deallocate(&c->allocator, c->backends);
    hal_deallocate(&c->allocator, c->fault_script);
    hal_deallocate(&c->allocator, c->trace_path);
    hal_deallocate(&c->allocator, c->cpu_isa);
    hal_deallocate(&c->allocator, c->cpu_bind);
}
