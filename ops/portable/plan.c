/* SPDX-License-Identifier: Apache-2.0 */
/* The table of planners, and what the kernels cannot do. */
#include "planners.h"

#include <stdio.h>

#define HAL_PORTABLE_ROW(ID, name, classes_, integers_) \
    [HAL_OP_##ID] = {.planner = hal_portable_plan_##name, .classes = classes_, .integers = integers_},
const hal_portable_row hal_portable_rows[HAL_OP_LIMIT] = {HAL_PORTABLE_OPS(HAL_PORTABLE_ROW)};

#define HAL_PORTABLE_REFUSER(ID, name) [HAL_OP_##ID] = hal_portable_refuse_##name,
static hal_portable_refuser *const refusers[HAL_OP_LIMIT] = {HAL_PORTABLE_REFUSERS(HAL_PORTABLE_REFUSER)};

static uint32_t class_of(const hal_portable_traits *traits, uint32_t dtype) {
    switch (dtype) {
    case HAL_F32: case HAL_F16: case HAL_BF16: return HAL_PORTABLE_FLOATS;
    case HAL_F64: return traits->fp64 ? HAL_PORTABLE_WIDE : HAL_PORTABLE_BYTES;
    case HAL_F8E4M3: case HAL_F8E5M2: return HAL_PORTABLE_BYTES;
    default: return hal_element_width(dtype) ? HAL_PORTABLE_INTEGERS : 0;
    }
}

/* Outputs may have any class of number where an input may be an integer or the row converts: planners' rows say so. */
bool hal_portable_takes(const hal_portable_traits *traits, uint32_t op, uint32_t i, uint32_t dtype) {
    const hal_portable_row *row = &hal_portable_rows[op];
    uint32_t classes = row->classes;
    if (i < 32 && (row->integers >> i & 1)) classes |= HAL_PORTABLE_INTEGERS;
    return (class_of(traits, dtype) & classes) != 0;
}

const char *hal_portable_refuse(const hal_portable_traits *traits, const hal_description *program,
                                const hal_description_op *op, char *reason, size_t size) {
    const hal_portable_row *row = op->number < HAL_OP_LIMIT ? &hal_portable_rows[op->number] : NULL;
    if (!row || !row->planner) return "there is no portable kernel for this operator";
    for (uint32_t i = 0; i < op->n_in + op->n_out; i++) {
        const hal_description_tensor *t = hal_description_operand(program, op, i);
        if (!t) continue;
        if (t->layout_kind != 0) return "operands in an opaque layout are not known here";
        if (hal_portable_takes(traits, op->number, i, t->dtype)) continue;
        if (t->dtype == HAL_F64 && !traits->fp64) return "the device has no doubles";
        snprintf(reason, size, "no portable kernel for dtype %u of operand %u", t->dtype, i);
        return reason;
    }
    return refusers[op->number] ? refusers[op->number](traits, program, op) : NULL;
}

const char *hal_portable_type(uint32_t dtype) {
    static const char *const names[] = {
#define HAL_DTYPE(number, ID, ...) [number] = #ID,
#include "hal/dtypes.def"
    };
    return dtype < sizeof names / sizeof names[0] && names[dtype] ? names[dtype] : "VOID";
}
