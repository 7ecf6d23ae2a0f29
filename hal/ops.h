/* SPDX-License-Identifier: Apache-2.0 */
/**
 * ops.h - the operator table as C: attribute structs, expressions, shapes and the fp64 reference.
 *
 * Everything here is generated from ops.def, expr.def and tolerance.def or reads them. Backends use the inline part and
 * the structs only (a backend links nothing of hal); tools use the functions too.
 */
#ifndef HAL_OPS_H
#define HAL_OPS_H

#include <math.h>
#include <stddef.h>

#include "hal.h"

#ifdef __cplusplus
extern "C" {
#endif

/* -------------------------------------------------------------------------------------------- expressions -- */

/** Steps of pointwise expressions; numbers stand in expr.def. */
typedef enum hal_expr_op {
    HAL_EXPR_NONE = 0,
#define HAL_EXPR(number, ID, name, operands, maths) HAL_EXPR_##ID = number,
#include "expr.def"
#undef HAL_EXPR
    HAL_EXPR_OP_COUNT
} hal_expr_op;

#define HAL_EXPR_MAX_STEPS 64
#define HAL_EXPR_MAX_INPUTS 16
#define HAL_EXPR_MAX_OUTPUTS 4
/** Operand codes: [0, 64) result of that step; 64 + i input i; 128 + i constant i. */
#define HAL_EXPR_INPUT 64
#define HAL_EXPR_CONSTANT 128
#define HAL_EXPR_MAX_CONSTANTS 32

/** One step: `op` over operands a, b, c, rounded to `dtype` (a hal_dtype). Unused operands are 0. */
typedef struct hal_expr_step { uint8_t op, dtype, a, b, c, reserved[3]; } hal_expr_step;

/**
 * A straight-line program over scalars in single assignment form. Flat and pointer-free, so it can be an attribute.
 * An output names any operand; its dtype is the dtype of the output tensor and rounds once more.
 */
typedef struct hal_expr {
    uint32_t n_inputs, n_steps, n_constants, n_outputs;
    uint8_t output[HAL_EXPR_MAX_OUTPUTS];
    uint8_t output_dtype[HAL_EXPR_MAX_OUTPUTS];  /**< HAL_NO_DTYPE: the dtype of the first input */
    hal_expr_step step[HAL_EXPR_MAX_STEPS];
    double constant[HAL_EXPR_MAX_CONSTANTS];
} hal_expr;

/**
 * Reads an expression. Grammar: `name = call ; ... ; result, result`, where call is `op(arg, ...)`, an input `x0`, a number
 * or a name; `op:dtype(...)` rounds the step to a dtype other than `dtype`. Example: "t = add(x0, x1); t, gelu(t)".
 * A result may be followed by `:dtype`, the dtype of that output tensor. `dtype` is what steps round to by default.
 * Errors: INVALID_ARGUMENT with the column and what was expected.
 */
HAL_API hal_status hal_expr_parse(const char *text, hal_dtype dtype, hal_expr *expr);
/** Writes `expr` in the form hal_expr_parse reads; at most `size` bytes with the NUL; returns the length needed. */
HAL_API size_t hal_expr_print(const hal_expr *expr, char *text, size_t size);
/** Checks operand ranges, order and dtypes. Errors: INVALID_ARGUMENT naming the step. */
HAL_API hal_status hal_expr_validate(const hal_expr *expr);
/** Evaluates in fp64, rounding each step to its dtype. `in` has n_inputs, `out` n_outputs numbers. */
HAL_API void hal_expr_evaluate(const hal_expr *expr, const double *in, double *out);

/* --------------------------------------------------------------------------------------------- attributes -- */

/** A short list of integers inside an attribute struct. */
typedef struct hal_int_list { int64_t n; int64_t v[HAL_MAX_RANK]; } hal_int_list;

/* One struct an operator: hal_<op>_attrs, head first. Every scalar field is 8 bytes. */
#define HAL_OP(number, ID, name, ...) typedef struct hal_##name##_attrs { hal_head head;
#define HAL_ATTR_INT(op, field, default_, low, high, doc) int64_t field;
#define HAL_ATTR_REAL(op, field, default_, low, high, doc) double field;
#define HAL_ATTR_DTYPE(op, field, default_, doc) int64_t field;
#define HAL_ATTR_ENUM(op, field, default_, words, doc) int64_t field;
#define HAL_ATTR_LIST(op, field, doc) hal_int_list field;
#define HAL_ATTR_EXPR(op, field, doc) hal_expr field;
#define HAL_OP_END(name) } hal_##name##_attrs;
#include "ops.def"
#undef HAL_OP
#undef HAL_ATTR_INT
#undef HAL_ATTR_REAL
#undef HAL_ATTR_DTYPE
#undef HAL_ATTR_ENUM
#undef HAL_ATTR_LIST
#undef HAL_ATTR_EXPR
#undef HAL_OP_END

/** Operator numbers, HAL_OP_MATMUL and so on. */
typedef enum hal_op {
    HAL_OP_NONE = 0,
#define HAL_OP(number, ID, ...) HAL_OP_##ID = number,
#define HAL_ATTR_INT(...)
#define HAL_ATTR_REAL(...)
#define HAL_ATTR_DTYPE(...)
#define HAL_ATTR_ENUM(...)
#define HAL_ATTR_LIST(...)
#define HAL_ATTR_EXPR(...)
#define HAL_OP_END(name)
#include "ops.def"
#undef HAL_OP
#undef HAL_ATTR_INT
#undef HAL_ATTR_REAL
#undef HAL_ATTR_DTYPE
#undef HAL_ATTR_ENUM
#undef HAL_ATTR_LIST
#undef HAL_ATTR_EXPR
#undef HAL_OP_END
    HAL_OP_LIMIT = 128
} hal_op;

/** Kinds of attribute fields. */
typedef enum hal_attr_kind {
    HAL_ATTR_KIND_INT, HAL_ATTR_KIND_REAL, HAL_ATTR_KIND_DTYPE, HAL_ATTR_KIND_ENUM, HAL_ATTR_KIND_LIST, HAL_ATTR_KIND_EXPR
} hal_attr_kind;

/** One attribute field of an operator. */
typedef struct hal_attr_field {
    const char *name;
    hal_attr_kind kind;
    uint32_t offset;            /**< in the attribute struct */
    int64_t default_int, low_int, high_int;
    double default_real, low_real, high_real;
    const char *words;          /**< "a|b|c" of an enumeration */
    const char *doc;
} hal_attr_field;

typedef enum hal_op_kind { HAL_OP_KIND_PRIMITIVE, HAL_OP_KIND_VIEW, HAL_OP_KIND_COMPOSITE } hal_op_kind;

/** Determinism every backend has to reach. Source: docs/reliability.md. */
typedef enum hal_grade { HAL_GRADE_NONE, HAL_GRADE_RUN, HAL_GRADE_DEVICE, HAL_GRADE_PLACEMENT } hal_grade;

/** A row of the operator table. Static. */
typedef struct hal_op_info {
    uint32_t number, version;
    const char *name, *doc;
    hal_op_kind kind;
    uint32_t min_inputs, max_inputs, min_outputs, max_outputs;
    uint32_t attrs_size, n_fields;
    const hal_attr_field *fields;
    hal_grade grade;
    const char *tolerance;      /**< row of tolerance.def */
    bool has_gradient;
} hal_op_info;

/** Row by number; NULL when there is none. */
HAL_API const hal_op_info *hal_op_describe(uint32_t number);
/** Row by name; NULL when there is none. */
HAL_API const hal_op_info *hal_op_find(const char *name);
/** The operator name nearest to a misspelt one, for error texts; never NULL. */
HAL_API const char *hal_op_nearest(const char *name);

/** Fills `attrs` (attrs_size bytes) with the row's defaults. */
HAL_API void hal_attrs_default(const hal_op_info *op, void *attrs);
/** Sets fields by name over what is there. `dtype` is the default dtype for expressions. Errors: INVALID_ARGUMENT with
 *  field, value and range. */
HAL_API hal_status hal_attrs_set(const hal_op_info *op, const hal_attr *pairs, uint32_t n, hal_dtype dtype, void *attrs);
/** Checks every field against its range. */
HAL_API hal_status hal_attrs_check(const hal_op_info *op, const void *attrs);
/** 64-bit hash over the fields (not the padding); equal attributes hash equally. */
HAL_API uint64_t hal_attrs_hash(const hal_op_info *op, const void *attrs);
HAL_API bool hal_attrs_equal(const hal_op_info *op, const void *a, const void *b);
/** "transpose_b=1, dtype=bf16": fields that differ from their default. Returns the length needed. */
HAL_API size_t hal_attrs_print(const hal_op_info *op, const void *attrs, char *text, size_t size);

/* -------------------------------------------------------------------------------------------------- shapes -- */

/** A size: base + factor * value of `symbol`; symbol -1 (and factor 0) for constants. */
typedef struct hal_dim { int64_t base, factor; int32_t symbol, reserved; } hal_dim;

/** The constant size n. */
static inline hal_dim hal_dim_constant(int64_t n) { return (hal_dim){n, 0, -1, 0}; }
/** Value of a size under symbol values. */
static inline int64_t hal_dim_value(hal_dim d, const int64_t *symbols) {
    return d.symbol < 0 ? d.base : d.base + d.factor * symbols[d.symbol];
}
static inline bool hal_dim_equal(hal_dim a, hal_dim b) {
    return a.base == b.base && a.factor == b.factor && a.symbol == b.symbol;
}

/** Dtype and sizes of a value. dtype HAL_NO_DTYPE marks an optional input that is absent. */
typedef struct hal_shape { hal_dtype dtype; uint32_t rank; hal_dim size[HAL_MAX_RANK]; } hal_shape;

/** Output shapes of an operator. `out` has `n_out` entries. Errors: INVALID_ARGUMENT saying which input breaks which rule. */
HAL_API hal_status hal_op_shape(uint32_t number, const void *attrs, const hal_shape *in, uint32_t n_in, hal_shape *out, uint32_t n_out);
/** Work of an operator. */
typedef struct hal_work { double flops, bytes; } hal_work;
/** Floating point operations and bytes moved, under symbol values (NULL when all sizes are constant). */
HAL_API hal_status hal_op_work(uint32_t number, const void *attrs, const hal_shape *in, uint32_t n_in, const hal_shape *out,
                               uint32_t n_out, const int64_t *symbols, hal_work *work);

/* ----------------------------------------------------------------------------------------------- reference -- */

/**
 * Runs the fp64 reference over host tensors: inputs of any dtype and stride are read as doubles, outputs computed in fp64
 * and rounded once to their dtype. `scale` may be NULL; otherwise one f64 array an output (or NULL), filled with the
 * magnitude the error bound of tolerance.def refers to. Never offered as a device; slow. Errors: as hal_op_shape.
 */
HAL_API hal_status hal_op_reference(uint32_t number, const void *attrs, const hal_tensor *in, uint32_t n_in,
                                    const hal_tensor *out, uint32_t n_out, double *const *scale);
/** Rounds a double to a dtype and back. */
HAL_API double hal_round_to(hal_dtype dtype, double value);
/** Reads element `index` of contiguous memory of `dtype` as a double, and writes it, rounding. */
HAL_API double hal_element_load(hal_dtype dtype, const void *data, int64_t index);
HAL_API void hal_element_store(hal_dtype dtype, void *data, int64_t index, double value);

/** A row of tolerance.def: bounds in units of the dtype's unit roundoff. */
typedef struct hal_tolerance { const char *name; double f32, f16, bf16; bool grows; } hal_tolerance;
/** The tolerance row of an operator. Never NULL for a number in the table. */
HAL_API const hal_tolerance *hal_op_tolerance(uint32_t number);

/** One generated conformance case: attributes and input/output shapes by constant sizes. */
typedef struct hal_case {
    char name[96];               /**< "m=3,n=7,k=65,tb" */
    uint32_t op, n_in, n_out;
    void *attrs;                 /**< attrs_size bytes, belongs to the list */
    hal_shape in[16], out[16];
    struct { double low, high; bool integer; } range[16];  /**< values to draw for each input */
    bool full_only;              /**< not in the quick list */
} hal_case;
/** Cases of one operator and dtype; `cases` belongs to the caller: hal_op_cases_release. */
HAL_API hal_status hal_op_cases(uint32_t number, hal_dtype dtype, hal_case **cases, uint32_t *count);
HAL_API void hal_op_cases_release(hal_case *cases, uint32_t count);

#ifdef __cplusplus
}
#endif
#endif
