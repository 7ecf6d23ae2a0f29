/* SPDX-License-Identifier: Apache-2.0 */
/* What an op of a program has to do, as far as the operator table can tell. */
#include "object.h"

enum { MOST = 16 };

/* Sizes without strides; an input that is not there has no dtype. */
static void shapes_of(const hal_description *d, const hal_description_op *op, uint32_t first, uint32_t n,
                      hal_shape *shapes)
{
    for (uint32_t i = 0; i < n; i++) {
        const hal_description_tensor *t = hal_description_operand(d, op, first + i);
        shapes[i] = (hal_shape){.dtype = HAL_NO_DTYPE};
        if (t == NULL)
            continue;
        shapes[i].dtype = (hal_dtype)t->dtype;
        shapes[i].rank = t->rank;
        memcpy(shapes[i].size, t->size, t->rank * sizeof t->size[0]);
    }
}

hal_work hal_description_work(const hal_description *d, const hal_description_op *op, const int64_t *symbols)
{
    hal_shape in[MOST], out[MOST];
    hal_work work = {-1, -1};
    if (op->n_in > MOST || op->n_out > MOST)
        return work;
    shapes_of(d, op, 0, op->n_in, in);
    shapes_of(d, op, op->n_in, op->n_out, out);
    hal_op_work(op->number, hal_description_attrs(d, op), in, op->n_in, out, op->n_out, symbols, &work);
    return work;
}

const char *hal_description_dtype(const hal_description *d, const hal_description_op *op)
{
    const hal_description_tensor *chosen = NULL;
    for (uint32_t i = 0; i < op->n_in + op->n_out; i++) {
        const hal_description_tensor *t = hal_description_operand(d, op, i);
        if (t == NULL)
            continue;
        const hal_dtype_info *dtype = hal_dtype_describe((hal_dtype)t->dtype);
        if (dtype->class_ == HAL_DTYPE_CLASS_FLOAT)
            return dtype->name;
        chosen = chosen != NULL ? chosen : t;
    }
    return chosen != NULL ? hal_dtype_describe((hal_dtype)chosen->dtype)->name : "";
}
