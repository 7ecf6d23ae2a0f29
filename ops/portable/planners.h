/* SPDX-License-Identifier: Apache-2.0 */
/* Which planner carries out which row of the operator table, and for which dtypes: one line a row. */
#ifndef HAL_OPS_PORTABLE_PLANNERS_H
#define HAL_OPS_PORTABLE_PLANNERS_H

#include "portable.h"

/* Classes of dtypes. */
enum {
    HAL_PORTABLE_FLOATS = 1,             /* f32, f16, bf16 */
    HAL_PORTABLE_WIDE = 2,               /* f64, where the device has doubles */
    HAL_PORTABLE_INTEGERS = 4,           /* integers and bool */
    HAL_PORTABLE_BYTES = 8,              /* moved, never computed with: f8, and f64 without doubles */
    HAL_PORTABLE_REALS = 3,
    HAL_PORTABLE_NUMBERS = 7,
    HAL_PORTABLE_ANY = 15
};

/* X(ID, planner, classes of every operand, inputs that may be integers besides: a bit an input) */
#define HAL_PORTABLE_OPS(X) \
    X(COPY, copy, HAL_PORTABLE_ANY, 0) \
    X(RESHAPE, copy, HAL_PORTABLE_ANY, 0) \
    X(TRANSPOSE, transpose, HAL_PORTABLE_ANY, 0) \
    X(SLICE, slice, HAL_PORTABLE_ANY, 0) \
    X(BROADCAST, broadcast, HAL_PORTABLE_ANY, 0) \
    X(SPLIT, split, HAL_PORTABLE_ANY, 0) \
    X(CONCAT, concat, HAL_PORTABLE_ANY, 0) \
    X(CAST, cast, HAL_PORTABLE_NUMBERS, 0) \
    X(FILL, fill, HAL_PORTABLE_NUMBERS, 0) \
    X(IOTA, iota, HAL_PORTABLE_NUMBERS, 0) \
    X(POINTWISE, pointwise, HAL_PORTABLE_NUMBERS, 0) \
    X(GATHER, gather, HAL_PORTABLE_ANY, 2) \
    X(EMBEDDING, gather, HAL_PORTABLE_ANY, 2) \
    X(SET_ROWS, set_rows, HAL_PORTABLE_ANY, 4) \
    X(SCATTER_ADD, scatter_add, HAL_PORTABLE_NUMBERS, 2) \
    X(EMBEDDING_GRAD, embedding_grad, HAL_PORTABLE_NUMBERS, 2) \
    X(REDUCE, reduce, HAL_PORTABLE_NUMBERS, 0) \
    X(SQUARE_SUM, square_sum, HAL_PORTABLE_REALS, 0) \
    X(SCAN, scan, HAL_PORTABLE_NUMBERS, 0) \
    X(ARG_MAX, arg_max, HAL_PORTABLE_NUMBERS, 0) \
    X(TOP_K, top_k, HAL_PORTABLE_NUMBERS, 0) \
    X(SORT, sort, HAL_PORTABLE_NUMBERS, 0) \
    X(SAMPLE, sample, HAL_PORTABLE_REALS, 16) \
    X(RANDOM, random, HAL_PORTABLE_REALS, 1) \
    X(DROPOUT, dropout, HAL_PORTABLE_REALS, 2) \
    X(GATED, gated, HAL_PORTABLE_REALS, 0) \
    X(SOFTMAX, softmax, HAL_PORTABLE_FLOATS, 0) \
    X(SOFTMAX_GRAD, softmax_grad, HAL_PORTABLE_FLOATS, 0) \
    X(LOG_SOFTMAX, log_softmax, HAL_PORTABLE_FLOATS, 0) \
    X(LOG_SOFTMAX_GRAD, log_softmax_grad, HAL_PORTABLE_FLOATS, 0) \
    X(LAYER_NORM, layer_norm, HAL_PORTABLE_FLOATS, 0) \
    X(LAYER_NORM_GRAD, layer_norm_grad, HAL_PORTABLE_FLOATS, 0) \
    X(RMS_NORM, rms_norm, HAL_PORTABLE_FLOATS, 0) \
    X(RMS_NORM_GRAD, rms_norm_grad, HAL_PORTABLE_FLOATS, 0) \
    X(CROSS_ENTROPY, cross_entropy, HAL_PORTABLE_FLOATS, 1u << 1) \
    X(CROSS_ENTROPY_GRAD, cross_entropy_grad, HAL_PORTABLE_FLOATS, 1u << 2) \
    X(ROTARY, rotary, HAL_PORTABLE_FLOATS, 1u << 1) \
    X(ADAMW, adamw, HAL_PORTABLE_FLOATS, 0) \
    X(SGD, sgd, HAL_PORTABLE_FLOATS, 0) \
    X(MATMUL, matmul, HAL_PORTABLE_NUMBERS, 0) \
    X(ATTENTION, attention, HAL_PORTABLE_REALS, 1u << 4) \
    X(ATTENTION_GRAD, attention_grad, HAL_PORTABLE_REALS, 1u << 7)

typedef void hal_portable_planner(hal_portable_call *call);

#define HAL_PORTABLE_DECLARE(ID, planner, classes, integers) hal_portable_planner hal_portable_plan_##planner;
HAL_PORTABLE_OPS(HAL_PORTABLE_DECLARE)

/* A row's line; planner NULL: there is none. */
typedef struct hal_portable_row { hal_portable_planner *planner; uint32_t classes, integers; } hal_portable_row;
extern const hal_portable_row hal_portable_rows[HAL_OP_LIMIT];
/* Whether operand i of a row that has a planner may be of this dtype. */
bool hal_portable_takes(const hal_portable_traits *traits, uint32_t op, uint32_t i, uint32_t dtype);

/* What a planner refuses beyond dtypes: NULL, or the reason. X(ID, refuser) */
typedef const char *hal_portable_refuser(const hal_portable_traits *traits, const hal_description *program,
                                         const hal_description_op *op);
#define HAL_PORTABLE_REFUSERS(X) \
    X(POINTWISE, pointwise) \
    X(MATMUL, matmul) \
    X(ATTENTION, attention) \
    X(ATTENTION_GRAD, attention_grad)

#define HAL_PORTABLE_DECLARE_REFUSER(ID, name) hal_portable_refuser hal_portable_refuse_##name;
HAL_PORTABLE_REFUSERS(HAL_PORTABLE_DECLARE_REFUSER)

/* An axis counted from the front. */
static inline uint32_t hal_portable_axis(int64_t axis, uint32_t rank) {
    return (uint32_t)(axis < 0 ? axis + (int64_t)rank : axis);
}
/* The option IN: the letter of what a dtype computes in, float, double or long. */
static inline char hal_portable_letter(uint32_t dtype) {
    return dtype == HAL_F64 ? 'd' : dtype == HAL_F32 || dtype == HAL_F16 || dtype == HAL_BF16 ? 'f' : 'l';
}

#endif
