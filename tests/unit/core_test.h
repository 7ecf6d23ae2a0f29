/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of hal/ share: an instance without plugins, a backend made of this process's own functions
 * whose work ends when a test says so, and a one-op program for it. Include before anything else. */
#ifndef TESTS_UNIT_CORE_TEST_H
#define TESTS_UNIT_CORE_TEST_H

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "hal/object.h"

#define assert_ok(expression)         assert_int_equal((expression), HAL_OK)
#define assert_code(expression, code) assert_int_equal(hal_status_code(expression), HAL_CODE_##code)
#define SOON                          hal_deadline_ms(10000)

/* What is installed on this machine is none of these tests' business. */
__attribute__((constructor)) static void leave_installed_plugins_alone(void)
{
    hal_loader_directory = "/nonexistent";
}

/* The fake backend. `hold`: submissions stay until fake_finish. `hang`: queue_destroy gives up at the
 * deadline. */
static struct {
    const hal_host *host;
    bool hold, hang, far; /* far: the host cannot address its memory */
    bool async;           /* another thread completes what lies in the mailbox */
    _Atomic(void *) mailbox;
    hal_status submit_status;
    hal_status copy_status; /* given to complete */
    void *held[64];
    _Atomic uint32_t n_held;
    _Atomic uint32_t order[256], n_order; /* first symbol of each submission */
    _Atomic int buffers, programs, opened;
} fake;

static inline hal_status fake_open(const hal_host *host, void **state)
{
    fake.host = host;
    *state = &fake;
    return HAL_OK;
}

static inline void fake_close(void *state)
{
    (void)state;
}

static inline hal_status fake_claim(void *state, uint32_t capacity, hal_device_record *records,
                                    uint32_t *count)
{
    (void)state;
    (void)capacity;
    records[0] = (hal_device_record){.alias = "fake",
                                     .name = "fake",
                                     .memory = "fakemem",
                                     .memory_bytes = 1 << 20,
                                     .host_access = !fake.far};
    *count = 1;
    return HAL_OK;
}

static inline hal_status fake_device_open(void *state, uint32_t index, void **device)
{
    (void)index;
    atomic_fetch_add(&fake.opened, 1);
    *device = state;
    return HAL_OK;
}

static inline hal_status fake_alloc(void *device, uint64_t bytes, void **memory, void **host)
{
    (void)device;
    *memory = calloc(1, bytes);
    *host = fake.far ? NULL : *memory;
    atomic_fetch_add(&fake.buffers, 1);
    return HAL_OK;
}

static inline void fake_free(void *device, void *memory)
{
    (void)device;
    free(memory);
    atomic_fetch_sub(&fake.buffers, 1);
}

static inline hal_status fake_support(void *device, const hal_description *program,
                                      hal_support_answer *answers)
{
    (void)device;
    memset(answers, 0, program->n_ops * sizeof *answers);
    return HAL_OK;
}

static inline hal_status fake_compile(void *device, const hal_description *program, int64_t deadline,
                                      void **compiled)
{
    (void)device;
    (void)program;
    (void)deadline;
    atomic_fetch_add(&fake.programs, 1);
    *compiled = &fake;
    return HAL_OK;
}

static inline void fake_program_free(void *device, void *compiled)
{
    (void)device;
    (void)compiled;
    atomic_fetch_sub(&fake.programs, 1);
}

static inline hal_status fake_queue_create(void *device, void **queue)
{
    *queue = device;
    return HAL_OK;
}

static inline hal_status fake_queue_destroy(void *queue, int64_t deadline)
{
    (void)queue;
    (void)deadline;
    return fake.hang ? HAL_STATUS(HAL_DAMAGE_QUEUE, HAL_CODE_DEADLINE_EXCEEDED) : HAL_OK;
}

static inline hal_status fake_submit(void *queue, void *compiled, const hal_backend_binding *bindings,
                                     uint32_t n_bindings, const int64_t *symbols, void *completion)
{
    (void)queue;
    (void)compiled;
    (void)bindings;
    (void)n_bindings;
    if (fake.submit_status != HAL_OK) {
        /* Parentheses keep cmocka's macro of that name away. */
        return (fake.host->fail)(fake.host->context, fake.submit_status, 7, "fake refuses");
    }
    fake.order[atomic_fetch_add(&fake.n_order, 1) % 256] = (uint32_t)symbols[0];
    if (fake.async)
        for (void *none = NULL; !atomic_compare_exchange_weak(&fake.mailbox, &none, completion); none = NULL)
            sched_yield();
    else if (fake.hold)
        fake.held[atomic_fetch_add(&fake.n_held, 1)] = completion;
    else
        fake.host->complete(fake.host->context, completion, HAL_OK, "");
    return HAL_OK;
}

static inline hal_status fake_copy(void *queue, const hal_backend_binding *dst,
                                   const hal_backend_binding *src, uint64_t bytes, void *completion)
{
    (void)queue;
    if (fake.copy_status == HAL_OK)
        memmove((char *)(dst->memory ? dst->memory : dst->host) + dst->offset,
                (char *)(src->memory ? src->memory : src->host) + src->offset, bytes);
    fake.host->complete(fake.host->context, completion, fake.copy_status, "fake copied too little");
    return HAL_OK;
}

/* Ends everything held, oldest first. */
static inline void fake_finish(hal_status status, const char *text)
{
    for (uint32_t i = 0; i < fake.n_held; i++)
        fake.host->complete(fake.host->context, fake.held[i], status, text);
    fake.n_held = 0;
}

static const hal_backend fake_table = {
    HAL_HEAD(hal_backend),
    .abi = HAL_BACKEND_ABI,
    .name = "fake",
    .description = "of the tests",
    .build_id = "fake-1",
    .open = fake_open,
    .close = fake_close,
    .claim = fake_claim,
    .device_open = fake_device_open,
    .device_close = fake_close,
    .alloc = fake_alloc,
    .free = fake_free,
    .support = fake_support,
    .compile = fake_compile,
    .program_free = fake_program_free,
    .queue_create = fake_queue_create,
    .queue_destroy = fake_queue_destroy,
    .submit = fake_submit,
    .copy = fake_copy,
};

/* An instance that loaded nothing. Its plugin directory does not exist, so the report has one entry. */
static inline hal_instance *bare_instance(void)
{
    hal_instance_options options = {HAL_HEAD(hal_instance_options), .plugin_path = "/nonexistent/hal-test",
                                    .backends = "none"};
    hal_instance *instance = NULL;
    assert_ok(hal_instance_create(&options, &instance));
    return instance;
}

/* "fake0" of a bare instance, which the device keeps alive. */
static inline hal_device *fake_device(bool far)
{
    hal_instance *instance = bare_instance();
    const hal_allocator *a = hal_instance_allocator(instance);
    hal_device_record record;
    hal_device *device = NULL;
    uint32_t count;
    memset(&fake, 0, sizeof fake);
    fake.far = far;
    hal_loaded *loaded = hal_allocate(a, sizeof *loaded);
    *loaded = (hal_loaded){.instance = instance, .table = &fake_table};
    hal_host_fill(loaded);
    assert_true(hal_array_grow(a, (void **)&instance->loaded, instance->n_loaded, &instance->loaded_capacity,
                               sizeof(hal_loaded *)));
    instance->loaded[instance->n_loaded++] = loaded;
    assert_ok(fake_open(&loaded->host, &loaded->state));
    assert_ok(fake_claim(loaded->state, 1, &record, &count));
    assert_ok(hal_device_add(instance, loaded, &record, 1));
    assert_ok(hal_device_find(instance, "fake0", &device));
    hal_instance_release(instance);
    return device;
}

/* One op on one f32 tensor of 16 elements, with one symbol in [0, 1000]. */
typedef struct tiny_program {
    hal_description head;
    hal_description_op op;
    hal_description_tensor tensor;
    hal_description_binding binding;
    hal_description_symbol symbol;
    hal_head attrs;
    uint32_t operands[2];
    char names[8];
} tiny_program;

static inline tiny_program tiny_program_make(void)
{
    tiny_program p;
    memset(&p, 0, sizeof p); /* padding is part of the bytes that are compared */
    p.head = (hal_description){.magic = HAL_DESCRIPTION_MAGIC,
                               .version = HAL_DESCRIPTION_VERSION,
                               .bytes = sizeof p,
                               .n_ops = 1,
                               .n_operands = 2,
                               .n_tensors = 1,
                               .n_bindings = 1,
                               .n_symbols = 1,
                               .ops = offsetof(tiny_program, op),
                               .operands = offsetof(tiny_program, operands),
                               .tensors = offsetof(tiny_program, tensor),
                               .bindings = offsetof(tiny_program, binding),
                               .symbols = offsetof(tiny_program, symbol),
                               .attrs = offsetof(tiny_program, attrs),
                               .strings = offsetof(tiny_program, names)};
    p.op = (hal_description_op){.number = 1,
                                .version = 1,
                                .n_in = 1,
                                .n_out = 1,
                                .attrs_bytes = sizeof p.attrs,
                                .attrs = offsetof(tiny_program, attrs),
                                .names = offsetof(tiny_program, names)};
    p.tensor.dtype = HAL_F32;
    p.tensor.rank = 1;
    p.tensor.size[0] = hal_dim_constant(16);
    p.tensor.stride[0] = hal_dim_constant(4);
    p.binding.bytes = 64;
    p.symbol = (hal_description_symbol){0, 1000, 1};
    return p;
}

static inline hal_program *tiny_program_compile(hal_device *device)
{
    tiny_program p = tiny_program_make();
    hal_program *program = NULL;
    assert_ok(hal_program_compile(device, &p, sizeof p, SOON, &program));
    return program;
}

#endif
