/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/hal-bench/launch.h"

#include <hal/backend.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_SIZE = 48 };

/* As the scheduler would describe it; the attributes stand behind it. */
typedef struct one_op {
    hal_description head;
    hal_description_op op;
    uint32_t operands[LAUNCH_MOST_OPERANDS];
    hal_description_tensor tensors[LAUNCH_MOST_OPERANDS];
    hal_description_binding bindings[LAUNCH_MOST_OPERANDS];
    char name[NAME_SIZE];
} one_op;
_Static_assert(sizeof(one_op) % 8 == 0, "attributes are aligned");

static hal_status describe_operand(one_op *p, uint32_t i, const hal_shape *shape, bool input) {
    int64_t size[HAL_MAX_RANK];
    hal_description_tensor *t = &p->tensors[i];
    *t = (hal_description_tensor){.dtype = (uint32_t)shape->dtype, .rank = shape->rank, .binding = i};
    for (uint32_t d = 0; d < shape->rank; d++) size[d] = shape->size[d].base;
    HAL_TRY(hal_tensor_bytes(shape->dtype, shape->rank, size, &p->bindings[i].bytes));
    const hal_tensor dense = hal_tensor_host(p, shape->dtype, shape->rank, size);
    for (uint32_t d = 0; d < shape->rank; d++) {
        t->size[d] = hal_dim_constant(dense.size[d]);
        t->stride[d] = hal_dim_constant(dense.stride[d]);
    }
    p->operands[i] = i;
    p->bindings[i].kind = input ? HAL_BINDING_INPUT : HAL_BINDING_OUTPUT;
    return HAL_OK;
}

static hal_status describe(one_op *p, const hal_op_info *op, const void *attrs, const hal_shape *operands, uint32_t n_in, uint32_t n_out) {
    const uint32_t n = n_in + n_out;
    p->head = (hal_description){.magic = HAL_DESCRIPTION_MAGIC, .version = HAL_DESCRIPTION_VERSION, .bytes = sizeof *p + op->attrs_size,
        .n_ops = 1, .n_operands = n, .n_tensors = n, .n_bindings = n, .ops = offsetof(one_op, op), .operands = offsetof(one_op, operands),
        .tensors = offsetof(one_op, tensors), .bindings = offsetof(one_op, bindings), .symbols = sizeof *p, .attrs = sizeof *p,
        .strings = offsetof(one_op, name)};
    p->op = (hal_description_op){.number = op->number, .version = op->version, .n_in = n_in, .n_out = n_out,
        .attrs_bytes = op->attrs_size, .attrs = sizeof *p, .names = offsetof(one_op, name)};
    memcpy(p + 1, attrs, op->attrs_size);
    snprintf(p->name, sizeof p->name, "%s", op->name);
    for (uint32_t i = 0; i < n; i++) HAL_TRY(describe_operand(p, i, &operands[i], i < n_in));
    return HAL_OK;
}

hal_status launch_compile(hal_device *device, const hal_op_info *op, const void *attrs, const hal_shape *operands, uint32_t n_in,
                          uint32_t n_out, int64_t deadline, hal_program **program) {
    if (n_in + n_out > LAUNCH_MOST_OPERANDS) return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_UNSUPPORTED);
    one_op *p = calloc(1, sizeof *p + op->attrs_size);
    if (!p) return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    hal_status status = describe(p, op, attrs, operands, n_in, n_out);
    if (status == HAL_OK) status = hal_program_compile(device, p, p->head.bytes, deadline, program);
    free(p);
    return status;
}

hal_status launch_open(hal_instance *instance, hal_device *device, const hal_op_info *op, const void *attrs, const hal_shape *operands,
                       uint32_t n_in, uint32_t n_out, int64_t deadline, launcher *l) {
    l->n = n_in + n_out;
    HAL_TRY(launch_compile(device, op, attrs, operands, n_in, n_out, deadline, &l->program));
    HAL_TRY(hal_timeline_create(instance, &l->timeline));
    return hal_queue_create(device, &l->queue);
}

hal_status launch_queue(launcher *l, const hal_tensor *in, uint32_t n_in, const hal_tensor *out, bool last) {
    hal_binding bindings[LAUNCH_MOST_OPERANDS];
    const hal_point end = {l->timeline, l->value + 1};
    for (uint32_t i = 0; i < l->n; i++) {
        const hal_tensor *t = i < n_in ? &in[i] : &out[i - n_in];
        bindings[i] = (hal_binding){t->buffer, t->host, t->offset};
    }
    const hal_submission s = {HAL_HEAD(hal_submission), .program = l->program, .bindings = bindings, .n_bindings = l->n,
                              .signals = &end, .n_signals = last};
    HAL_TRY(hal_queue_submit(l->queue, &s));
    l->value += last;
    return HAL_OK;
}

hal_status launch_wait(const launcher *l, int64_t deadline) { return hal_timeline_wait(l->timeline, l->value, deadline); }

void launch_close(launcher *l) {
    if (l->queue) hal_queue_release(l->queue, hal_deadline_ms(1000));
    hal_timeline_release(l->timeline);
    hal_program_release(l->program);
    *l = (launcher){0};
}
