/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and writing variables that lie in an opaque layout: their bytes go over a row-major copy on the device, made for
 * the call only, and a program of one op. */
#include "session_internal.h"

/* One `pack` (from the row-major copy to the variable) or `unpack` (back) of the variable's shape. */
static hal_status describe(const hal_session *s, const hal_storage *t, uint32_t op, uint64_t bytes,
                           hal_description **block)
{
    const hal_pack_attrs pack = {HAL_HEAD(hal_pack_attrs), .layout = t->layout.id};
    const hal_unpack_attrs unpack = {HAL_HEAD(hal_unpack_attrs)};
    bool packs = op == HAL_OP_PACK;
    hal_describe d;
    hal_describe_begin(&d, s->allocator);
    uint32_t copy = hal_describe_binding(&d, packs ? HAL_BINDING_INPUT : HAL_BINDING_OUTPUT, bytes);
    uint32_t home = hal_describe_binding(&d, packs ? HAL_BINDING_OUTPUT : HAL_BINDING_INPUT, t->bytes);
    hal_description_tensor strided = hal_program_tensor(s->plan, t->value, true, copy, 0);
    hal_description_tensor opaque = hal_program_tensor(s->plan, t->value, true, home, 0);
    hal_layout_mark(&opaque, &t->layout);
    /* Named as the row, so that variables of one shape share a program. */
    hal_describe_op(&d, hal_op_describe(op), packs ? (const void *)&pack : &unpack, hal_op_describe(op)->name, 1,
                    1);
    hal_describe_operand(&d, packs ? &strided : &opaque);
    hal_describe_operand(&d, packs ? &opaque : &strided);
    return hal_describe_finish(&d, block);
}

static hal_status submit(hal_session *s, uint32_t device, hal_program *program, hal_buffer *copy, hal_buffer *home)
{
    const hal_binding bindings[] = {{copy, NULL, 0}, {home, NULL, 0}};
    hal_timeline *timeline;
    HAL_TRY(hal_timeline_create(s->plan->instance, &timeline));
    hal_point done = {timeline, 1};
    hal_submission work = {HAL_HEAD(hal_submission), .program = program, .bindings = bindings, .n_bindings = 2,
                           .signals = &done, .n_signals = 1};
    hal_status status = hal_queue_submit(s->queues[device], &work);
    if (status == HAL_OK)
        status = hal_timeline_wait(timeline, 1, hal_deadline_ms(s->convert_ms));
    hal_timeline_release(timeline);
    return status;
}

static hal_status run(hal_session *s, uint32_t storage, uint32_t op, uint64_t bytes, hal_buffer *copy)
{
    const hal_storage *t = &s->plan->storages[storage];
    hal_device *device = s->plan->devices[t->layout.device].device;
    hal_description *block;
    hal_program *program;
    HAL_TRY(describe(s, t, op, bytes, &block));
    hal_status status =
        hal_program_compile(device, block, block->bytes, hal_deadline_ms(s->convert_ms), &program);
    hal_deallocate(s->allocator, block);
    if (status != HAL_OK)
        return status;
    status = submit(s, t->layout.device, program, copy, s->variables[storage]);
    hal_program_release(program);
    return status;
}

static hal_status make_copy(const hal_session *s, uint32_t storage, uint64_t bytes, hal_buffer **copy)
{
    uint32_t device = s->plan->storages[storage].layout.device;
    return hal_buffer_create(s->plan->devices[device].device, bytes, copy);
}

hal_status hal_session_pack(hal_session *s, uint32_t storage, const void *host, uint64_t bytes)
{
    hal_buffer *copy;
    HAL_TRY(make_copy(s, storage, bytes, &copy));
    hal_status status = hal_buffer_write(copy, 0, host, bytes);
    if (status == HAL_OK)
        status = run(s, storage, HAL_OP_PACK, bytes, copy);
    hal_buffer_release(copy);
    return status;
}

hal_status hal_session_unpack(hal_session *s, uint32_t storage, void *host, uint64_t bytes)
{
    hal_buffer *copy;
    HAL_TRY(make_copy(s, storage, bytes, &copy));
    hal_status status = run(s, storage, HAL_OP_UNPACK, bytes, copy);
    if (status == HAL_OK)
        status = hal_buffer_read(copy, 0, host, bytes);
    hal_buffer_release(copy);
    return status;
}
