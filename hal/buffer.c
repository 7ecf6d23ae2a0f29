/* SPDX-License-Identifier: Apache-2.0 */
#include "object.h"

static hal_buffer *make(hal_device *device, uint64_t bytes)
{
    hal_buffer *b = hal_allocate(&device->instance->config.allocator, sizeof *b);
    if (b == NULL)
        return NULL;
    atomic_init(&b->references, 1);
    b->device = device;
    b->bytes = bytes;
    return b;
}

static hal_memory *memory_of(const hal_device *device)
{
    return hal_list_at(&device->instance->memories, device->memory);
}

hal_status hal_buffer_create(hal_device *device, uint64_t bytes, hal_buffer **buffer)
{
    void *opened, *memory = NULL, *host = NULL;
    uint64_t asked = bytes ? bytes : 1; /* a buffer of no bytes still has an identity */
    HAL_TRY(hal_device_activate(device, &opened));
    HAL_TRY(hal_memory_charge(memory_of(device), asked));
    hal_buffer *b = make(device, bytes);
    hal_status s =
        b == NULL ? hal_status_last()->status : device->loaded->table->alloc(opened, asked, &memory, &host);
    if (s != HAL_OK) {
        hal_memory_refund(memory_of(device), asked);
        hal_deallocate(&device->instance->config.allocator, b);
        return s;
    }
    b->memory = memory;
    b->host = host;
    b->charged = asked;
    hal_instance_hold(device->instance);
    *buffer = b;
    return HAL_OK;
}

hal_status hal_buffer_import_host(hal_device *device, void *host, uint64_t bytes, hal_buffer **buffer)
{
    void *opened;
    if (host == NULL && bytes != 0)
        return HAL_FAIL(INVALID_ARGUMENT, "hal_buffer_import_host: %llu bytes at NULL",
                        (unsigned long long)bytes);
    HAL_TRY(hal_device_activate(device, &opened));
    if (!device->record.host_access)
        return HAL_FAIL(UNSUPPORTED, "device %s cannot reach host memory; create a buffer and write to it",
                        device->alias);
    hal_buffer *b = make(device, bytes);
    if (b == NULL)
        return hal_status_last()->status;
    b->host = host;
    hal_instance_hold(device->instance);
    *buffer = b;
    return HAL_OK;
}

hal_buffer *hal_buffer_retain(hal_buffer *buffer)
{
    if (buffer != NULL)
        atomic_fetch_add_explicit(&buffer->references, 1, memory_order_relaxed);
    return buffer;
}

void hal_buffer_release(hal_buffer *buffer)
{
    if (buffer == NULL || atomic_fetch_sub_explicit(&buffer->references, 1, memory_order_acq_rel) != 1)
        return;
    hal_device *device = buffer->device;
    /* In a forked child the device behind the bytes is not there: they are left alone. */
    if (hal_instance_check(device->instance) != HAL_OK)
        return;
    if (buffer->memory != NULL)
        device->loaded->table->free(atomic_load(&device->opened), buffer->memory);
    hal_memory_refund(memory_of(device), buffer->charged);
    hal_deallocate(&device->instance->config.allocator, buffer);
    hal_instance_drop(device->instance);
}

uint64_t hal_buffer_size(const hal_buffer *buffer)
{
    return buffer->bytes;
}

uint32_t hal_buffer_memory(const hal_buffer *buffer)
{
    return buffer->device->memory;
}

void *hal_buffer_host(const hal_buffer *buffer)
{
    return buffer->host;
}

hal_status hal_buffer_map(hal_buffer *buffer, void **host)
{
    HAL_TRY(hal_instance_check(buffer->device->instance));
    if (buffer->host == NULL)
        return HAL_FAIL(FAILED_PRECONDITION,
                        "buffer of %llu bytes lies in memory %s, which the host cannot address; "
                        "use hal_buffer_read and hal_buffer_write",
                        (unsigned long long)buffer->bytes, memory_of(buffer->device)->name);
    *host = buffer->host;
    return HAL_OK;
}

static hal_status check_range(const hal_buffer *b, uint64_t offset, const void *host, uint64_t bytes)
{
    uint64_t end;
    if (__builtin_add_overflow(offset, bytes, &end) || end > b->bytes)
        return HAL_FAIL(INVALID_ARGUMENT, "copy of [%llu, +%llu) lies outside a buffer of %llu bytes",
                        (unsigned long long)offset, (unsigned long long)bytes, (unsigned long long)b->bytes);
    if (host == NULL && bytes != 0)
        return HAL_FAIL(INVALID_ARGUMENT, "copy of %llu bytes to or from NULL", (unsigned long long)bytes);
    if (atomic_load_explicit(&b->device->lost, memory_order_acquire))
        return hal_device_lost_status(b->device);
    return hal_instance_check(b->device->instance);
}

/* Blocks on the shared queue. Without a deadline of its own: a device that hangs is ended by being declared
 * lost. */
static hal_status copy_and_wait(hal_device *device, hal_binding dst, hal_binding src, uint64_t bytes)
{
    hal_queue *queue;
    hal_timeline *done;
    HAL_TRY(hal_device_queue(device, &queue));
    HAL_TRY(hal_timeline_create(device->instance, &done));
    hal_point signal = {done, 1};
    hal_status s = hal_queue_copy(queue, dst, src, bytes, NULL, 0, &signal, 1);
    if (s == HAL_OK)
        s = hal_timeline_wait(done, 1, INT64_MAX);
    hal_timeline_release(done);
    return s;
}

hal_status hal_buffer_write(hal_buffer *buffer, uint64_t offset, const void *host, uint64_t bytes)
{
    HAL_TRY(check_range(buffer, offset, host, bytes));
    if (bytes == 0)
        return HAL_OK;
    if (buffer->host != NULL) {
        memcpy((char *)buffer->host + offset, host, bytes);
        return HAL_OK;
    }
    return copy_and_wait(buffer->device, (hal_binding){.buffer = buffer, .offset = offset},
                         (hal_binding){.host = (void *)(uintptr_t)host}, bytes);
}

hal_status hal_buffer_read(hal_buffer *buffer, uint64_t offset, void *host, uint64_t bytes)
{
    HAL_TRY(check_range(buffer, offset, host, bytes));
    if (bytes == 0)
        return HAL_OK;
    if (buffer->host != NULL) {
        memcpy(host, (const char *)buffer->host + offset, bytes);
        return HAL_OK;
    }
    return copy_and_wait(buffer->device, (hal_binding){.host = host},
                         (hal_binding){.buffer = buffer, .offset = offset}, bytes);
}
