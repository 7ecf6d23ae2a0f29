/* SPDX-License-Identifier: Apache-2.0 */
/* A vendor's first backend: a device with memory and copies, and no operator yet. Built outside the
 * tree with nothing but the installed headers. */
#include <hal/backend.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const hal_host *host;

static hal_status small_open(const hal_host *given, void **state)
{
    host = given;
    *state = &host;
    return HAL_OK;
}

static void small_close(void *state)
{
    (void)state;
}

static hal_status small_claim(void *state, uint32_t capacity, hal_device_record *records, uint32_t *count)
{
    (void)state;
    if (capacity > 0)
        records[0] = (hal_device_record){.alias = "small", .name = "a small device", .memory = "small", .host_access = 1};
    *count = 1;
    return HAL_OK;
}

static hal_status small_device_open(void *state, uint32_t index, void **device)
{
    (void)index;
    *device = state;
    return HAL_OK;
}

static void small_device_close(void *device)
{
    (void)device;
}

static hal_status small_alloc(void *device, uint64_t bytes, void **memory, void **address)
{
    (void)device;
    void *block = host->allocate(host->context, bytes, 64);
    if (!block)
        return host->fail(host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY), 0, "no memory left");
    memset(block, 0, bytes);
    *memory = *address = block;
    return HAL_OK;
}

static void small_free(void *device, void *memory)
{
    (void)device;
    host->release(host->context, memory);
}

static hal_status small_support(void *device, const hal_description *program, hal_support_answer *answers)
{
    (void)device;
    for (uint32_t i = 0; i < program->n_ops; i++)
        answers[i] = (hal_support_answer){HAL_SUPPORT_NO, "this device has no operators yet"};
    return HAL_OK;
}

static hal_status small_cost(void *device, const hal_description *program, hal_cost *cost)
{
    (void)device;
    (void)program;
    *cost = (hal_cost){0, 0, 0};
    return HAL_OK;
}

static hal_status small_compile(void *device, const hal_description *program, int64_t deadline, void **compiled)
{
    (void)device;
    (void)program;
    (void)deadline;
    (void)compiled;
    return host->fail(host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_UNSUPPORTED), 0, "this device has no operators yet");
}

static void small_program_free(void *device, void *compiled)
{
    (void)device;
    (void)compiled;
}

static hal_status small_queue_create(void *device, void **queue)
{
    *queue = device;
    return HAL_OK;
}

static hal_status small_queue_destroy(void *queue, int64_t deadline)
{
    (void)queue;
    (void)deadline;
    return HAL_OK;
}

static hal_status small_submit(void *queue, void *compiled, const hal_backend_binding *bindings, uint32_t n_bindings,
                               const int64_t *symbols, void *completion)
{
    (void)queue;
    (void)compiled;
    (void)bindings;
    (void)n_bindings;
    (void)symbols;
    (void)completion;
    return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_UNSUPPORTED);
}

static char *address_of(const hal_backend_binding *binding)
{
    return (char *)(binding->memory ? binding->memory : binding->host) + binding->offset;
}

static hal_status small_copy(void *queue, const hal_backend_binding *dst, const hal_backend_binding *src, uint64_t bytes,
                             void *completion)
{
    (void)queue;
    memcpy(address_of(dst), address_of(src), bytes);
    host->complete(host->context, completion, HAL_OK, "");
    return HAL_OK;
}

static const hal_backend backend = {
    HAL_HEAD(hal_backend),
    .abi = HAL_BACKEND_ABI,
    .sanitizer = HAL_BACKEND_SANITIZER,
    .name = "small",
    .description = "the smallest backend",
    .build_id = "small-1",
    .open = small_open,
    .close = small_close,
    .claim = small_claim,
    .device_open = small_device_open,
    .device_close = small_device_close,
    .alloc = small_alloc,
    .free = small_free,
    .support = small_support,
    .cost = small_cost,
    .compile = small_compile,
    .program_free = small_program_free,
    .queue_create = small_queue_create,
    .queue_destroy = small_queue_destroy,
    .submit = small_submit,
    .copy = small_copy,
};

HAL_BACKEND_EXPORT(backend, "small", "small-1")
