/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The functions a row of ops.def names, column by column. Internal to libhal.
 *
 * Each column has its own files and the word of the row as suffix: hal_op_shape_<word> in ops/shape*.c, hal_op_cost_<word> in
 * ops/cost.c, hal_op_gradient_<word> in ops/gradient*.c, hal_op_decompose_<word> in ops/decompose*.c, hal_op_reference_<word>
 * in ops/reference/, hal_op_cases_<word> in ops/cases*.c.
 */
#ifndef HAL_OPS_ROW_H
#define HAL_OPS_ROW_H

#include <hal/graph.h>

/* Output shapes; inputs may be absent (dtype HAL_NO_DTYPE) where the row allows it. Sets the status detail on failure. */
typedef hal_status hal_op_shape_fn(const void *attrs, const hal_shape *in, uint32_t n_in, hal_shape *out, uint32_t n_out);

/* Work with all sizes resolved to constants. */
typedef void hal_op_cost_fn(const void *attrs, const hal_shape *in, uint32_t n_in, const hal_shape *out, uint32_t n_out, hal_work *work);

/* A node as gradient functions see it. */
typedef struct hal_gradient_call {
    hal_graph *graph;
    const void *attrs;
    uint32_t n_in, n_out;
    const hal_value *in, *out;   /* the node's own inputs and outputs */
    const hal_value *dout;       /* gradients of the outputs; id 0 where the loss does not depend on one */
    const bool *wanted;          /* which inputs need a gradient */
    hal_value *din;              /* result, n_in entries, preset to id 0; left 0 = no gradient flows */
} hal_gradient_call;
typedef hal_status hal_op_gradient_fn(const hal_gradient_call *call);

/* Builds the row out of simpler rows (primitives, or composites that decompose further). Output dtypes and shapes must equal
   the row's. Intermediates keep the dtype the row's accumulation has (f32; f64 for f64). */
typedef struct hal_decompose_call {
    hal_graph *graph;
    const void *attrs;
    uint32_t n_in, n_out;
    const hal_value *in;         /* id 0: absent */
    hal_value *out;
} hal_decompose_call;
typedef hal_status hal_op_decompose_fn(const hal_decompose_call *call);

/* A dense row-major fp64 array. For outputs `scale` may be non-NULL: fill it with the magnitude that entered each element, the
   growth with the accumulation length k included (times sqrt(k) in rows that grow), so that the allowed error is
   bound * (u_out * |reference| + u_acc * scale) without a further factor. */
typedef struct hal_array {
    hal_dtype dtype;             /* HAL_NO_DTYPE: absent input */
    uint32_t rank;
    int64_t size[HAL_MAX_RANK];
    int64_t n;                   /* elements */
    double *data, *scale;
} hal_array;
typedef struct hal_reference_call {
    const void *attrs;
    uint32_t n_in, n_out;
    const hal_array *in;
    hal_array *out;              /* sizes and data allocated; fill data (unrounded) */
    const hal_allocator *allocator;
} hal_reference_call;
typedef hal_status hal_op_reference_fn(const hal_reference_call *call);

/* Appends cases for `dtype` to a list (ops/cases.h). */
struct hal_case_list;
typedef hal_status hal_op_cases_fn(struct hal_case_list *list, const hal_op_info *op, hal_dtype dtype);

/* The internal half of a row. A NULL function: the row has none. */
typedef struct hal_op_row {
    hal_op_info info;
    hal_op_shape_fn *shape;
    hal_op_cost_fn *cost;
    hal_op_gradient_fn *gradient;
    hal_op_decompose_fn *decompose;
    hal_op_reference_fn *reference;
    hal_op_cases_fn *cases;
    uint32_t tolerance;          /* index into the tolerance table */
} hal_op_row;

/* Row by number, or NULL. */
const hal_op_row *hal_op_row_get(uint32_t number);

/* Declarations of every function the table names: HAL_OP columns expand to these; `none` is a NULL macro. */
#define hal_op_shape_none NULL
#define hal_op_cost_none NULL
#define hal_op_gradient_none NULL
#define hal_op_decompose_none NULL
#define hal_op_reference_none NULL
#define hal_op_cases_none NULL

#endif
