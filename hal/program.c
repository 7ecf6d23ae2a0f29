/* SPDX-License-Identifier: Apache-2.0 */
#include "object.h"

#define CACHE_ITEMS 256u /* the least recently used leaves; running work keeps what it uses */

/* FNV-1a over 8 bytes at a time: descriptions are compared bytewise on a hit, so it need not be strong. */
static uint64_t hash_bytes(const void *data, uint64_t bytes, uint64_t seed)
{
    const unsigned char *p = data;
    uint64_t h = seed ^ 0xcbf29ce484222325u, word;
    for (; bytes >= 8; bytes -= 8, p += 8) {
        memcpy(&word, p, 8);
        h = (h ^ word) * 0x100000001b3u;
        h ^= h >> 29;
    }
    for (; bytes > 0; bytes--, p++)
        h = (h ^ *p) * 0x100000001b3u;
    return h;
}

static uint64_t key_of(const hal_device *device, const void *description, uint64_t bytes)
{
    const char *build = device->loaded->table->build_id;
    uint64_t h = hash_bytes(build, strlen(build), device->index);
    return hash_bytes(description, bytes, h);
}

static bool matches(const hal_program *p, const hal_device *device, const hal_description *d, uint64_t hash)
{
    return p->hash == hash && p->device == device && p->description->bytes == d->bytes &&
           memcmp(p->description, d, d->bytes) == 0;
}

/* Under the cache's lock; with a reference for the caller. */
static hal_program *find(hal_cache *cache, const hal_device *device, const hal_description *d, uint64_t hash)
{
    for (uint32_t i = 0; i < cache->count; i++)
        if (matches(cache->items[i], device, d, hash)) {
            cache->items[i]->used = ++cache->clock;
            return hal_program_retain(cache->items[i]);
        }
    return NULL;
}

/* Makes room and returns what had to leave, to be released without the lock. */
static hal_program *evict(hal_cache *cache)
{
    uint32_t oldest = 0;
    if (cache->count < CACHE_ITEMS)
        return NULL;
    for (uint32_t i = 1; i < cache->count; i++)
        if (cache->items[i]->used < cache->items[oldest]->used)
            oldest = i;
    hal_program *gone = cache->items[oldest];
    cache->items[oldest] = cache->items[--cache->count];
    return gone;
}

/* Puts a new program in, unless an equal one came first: then that one is returned. */
static hal_program *insert(hal_instance *instance, hal_program *program)
{
    hal_cache *cache = &instance->cache;
    pthread_mutex_lock(&cache->lock);
    hal_program *other = find(cache, program->device, program->description, program->hash);
    hal_program *gone = other != NULL ? program : evict(cache);
    /* A program that finds no room in the cache works as well. */
    if (other == NULL && hal_array_grow(&instance->config.allocator, (void **)&cache->items, cache->count,
                                        &cache->capacity, sizeof(hal_program *))) {
        program->used = ++cache->clock;
        cache->items[cache->count++] = hal_program_retain(program);
    }
    pthread_mutex_unlock(&cache->lock);
    hal_program_release(gone);
    return other != NULL ? other : program;
}

void hal_cache_clear(hal_instance *instance)
{
    hal_cache *cache = &instance->cache;
    for (;;) {
        pthread_mutex_lock(&cache->lock);
        hal_program *p = cache->count > 0 ? cache->items[--cache->count] : NULL;
        pthread_mutex_unlock(&cache->lock);
        if (p == NULL)
            return;
        hal_program_release(p);
    }
}

static hal_status compile(hal_device *device, const hal_description *d, uint64_t hash, int64_t deadline,
                          hal_program **out)
{
    hal_instance *instance = device->instance;
    const hal_allocator *a = &instance->config.allocator;
    void *opened;
    HAL_TRY(hal_device_activate(device, &opened));
    hal_program *p = hal_allocate(a, sizeof *p);
    hal_description *copy = p == NULL ? NULL : hal_allocate(a, d->bytes);
    hal_status s = copy == NULL ? hal_status_last()->status : HAL_OK;
    if (s == HAL_OK) {
        int64_t begin = hal_time_now();
        memcpy(copy, d, d->bytes);
        atomic_fetch_add_explicit(&instance->compilations, 1, memory_order_relaxed);
        s = device->loaded->table->compile(opened, copy, deadline, &p->compiled);
        hal_trace_span(instance, NULL, "compile", device->alias, begin, hal_time_now());
    }
    if (s != HAL_OK) {
        hal_deallocate(a, copy);
        hal_deallocate(a, p);
        return s;
    }
    atomic_init(&p->references, 1);
    p->device = device;
    p->description = copy;
    p->hash = hash;
    hal_instance_hold(instance);
    *out = insert(instance, p);
    return HAL_OK;
}

hal_status hal_program_compile(hal_device *device, const void *description, uint64_t bytes, int64_t deadline,
                               hal_program **program)
{
    hal_instance *instance = device->instance;
    HAL_TRY(hal_instance_check(instance));
    if (atomic_load_explicit(&device->lost, memory_order_acquire))
        return hal_device_lost_status(device);
    HAL_TRY(hal_description_check(description, bytes));
    uint64_t hash = key_of(device, description, bytes);
    pthread_mutex_lock(&instance->cache.lock);
    hal_program *p = find(&instance->cache, device, description, hash);
    pthread_mutex_unlock(&instance->cache.lock);
    if (p == NULL && deadline <= hal_time_now())
        return HAL_FAIL(DEADLINE_EXCEEDED,
                        "hal_program_compile: the deadline lies in the past and no compiled program "
                        "is at hand");
    if (p == NULL)
        return compile(device, description, hash, deadline, program);
    *program = p;
    return HAL_OK;
}

hal_program *hal_program_retain(hal_program *program)
{
    if (program != NULL)
        atomic_fetch_add_explicit(&program->references, 1, memory_order_relaxed);
    return program;
}

void hal_program_release(hal_program *program)
{
    if (program == NULL || atomic_fetch_sub_explicit(&program->references, 1, memory_order_acq_rel) != 1)
        return;
    hal_device *device = program->device;
    hal_instance *instance = device->instance;
    /* In a forked child the device behind the program is not there: it is left alone. */
    if (hal_instance_check(instance) != HAL_OK)
        return;
    device->loaded->table->program_free(atomic_load(&device->opened), program->compiled);
    hal_deallocate(&instance->config.allocator, program->description);
    hal_deallocate(&instance->config.allocator, program);
    hal_instance_drop(instance);
}

uint64_t hal_program_compilations(const hal_instance *instance)
{
    return atomic_load_explicit(&instance->compilations, memory_order_relaxed);
}
