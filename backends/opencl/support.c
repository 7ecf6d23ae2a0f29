/* SPDX-License-Identifier: Apache-2.0 */
/* Which ops run here, and a guess at what they cost. */
#include <stdio.h>

#include "opencl.h"

static const char *refuse(const hal_opencl_device *d, const hal_description *program, const hal_description_op *op,
                          char *reason, size_t size) {
    const hal_op_info *info = d->host->op_describe(op->number);
    if (!info) return "no operator has this number";
    if (d->state->primitives_only && info->kind == HAL_OP_KIND_COMPOSITE) {
        snprintf(reason, size, "primitives_only is set and %s is composite", info->name);
        return reason;
    }
    return hal_portable_refuse(&d->traits, program, op, reason, size);
}

hal_status hal_opencl_support(void *device, const hal_description *program, hal_support_answer *answers) {
    const hal_opencl_device *d = device;
    for (uint32_t i = 0; i < program->n_ops; i++) {
        char reason[sizeof answers->reason] = "";
        const char *no = refuse(d, program, &hal_description_ops(program)[i], reason, sizeof reason);
        answers[i] = (hal_support_answer){.support = no ? HAL_SUPPORT_NO : HAL_SUPPORT_NATIVE};
        if (no) snprintf(answers[i].reason, sizeof answers[i].reason, "%s", no);
    }
    return HAL_OK;
}

static double tensor_bytes(const hal_description *d, const hal_description_tensor *t) {
    const hal_description_symbol *range = hal_description_symbols(d);
    double n = hal_element_width(t->dtype);
    for (uint32_t i = 0; i < t->rank; i++) {
        const hal_dim s = t->size[i];
        n *= (double)(s.base + (s.symbol < 0 ? 0 : s.factor * range[s.symbol].max));
    }
    return n;
}

/* Bytes at a plain memory rate and a launch each: a guess for want of a measurement, and it says so. */
hal_status hal_opencl_cost(void *device, const hal_description *program, hal_cost *cost) {
    double bytes = 0;
    (void)device;
    for (uint32_t i = 0; i < program->n_ops; i++) {
        const hal_description_op *op = &hal_description_ops(program)[i];
        for (uint32_t o = 0; o < op->n_in + op->n_out; o++) {
            const hal_description_tensor *t = hal_description_operand(program, op, o);
            if (t) bytes += tensor_bytes(program, t);
        }
    }
    *cost = (hal_cost){bytes / 1e10 + 5e-6 * program->n_ops, bytes, 0.05};
    return HAL_OK;
}
