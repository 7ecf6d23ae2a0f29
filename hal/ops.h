/* SPDX-License-Identifier: Apache-2.0 */
/**
 * ops.h - the operator table as C: attribute structs, expressions, shapes and the fp64 reference.
 *
 * Everything here is generated from ops.def, expr.def and tolerance.def or reads them. Backends use the inline part and
 * the structs only (a backend links nothing of hal); tools use the functions too.
 *
 *   1. expressions  small programs over scalars, the attribute of pointwise operators and of epilogues
 *   2. attributes   one struct an operator, and the table that describes its fields
 *   3. shapes       sizes that may be symbols, shape rules, work
 *   4. reference    the fp64 result every backend is held against, its error bound, and the cases
 *
 * All tables are static and const: any thread, no ownership, no blocking. Functions that take `attrs` expect the struct of
 * that operator, aligned to 8 bytes.
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
    /** No step. */
    HAL_EXPR_NONE = 0,
#define HAL_EXPR(number, ID, name, operands, maths) HAL_EXPR_##ID = number,
#include "expr.def"
    /** One past the largest number. */
    HAL_EXPR_OP_COUNT
} hal_expr_op;

/** Most steps of an expression; fusion stops there. */
#define HAL_EXPR_MAX_STEPS 64
/** Most inputs. */
#define HAL_EXPR_MAX_INPUTS 16
/** Most outputs. */
#define HAL_EXPR_MAX_OUTPUTS 4
/** Operand codes: [0, 64) result of that step; 64 + i input i; 128 + i constant i. */
#define HAL_EXPR_INPUT 64
#define HAL_EXPR_CONSTANT 128
/** Most different constants. */
#define HAL_EXPR_MAX_CONSTANTS 32

/** One step: `op` over operands a, b, c, rounded to `dtype` (a hal_dtype). Unused operands are 0. */
typedef struct hal_expr_step { uint8_t op, dtype, a, b, c, reserved[3]; } hal_expr_step;

/**
 * A straight-line program over scalars in single assignment form. Flat and pointer-free, so it can be an attribute.
 * An output names any operand; its dtype is the dtype of the output tensor and rounds once more.
 */
typedef struct hal_expr {
    /** Entries used below. */
    uint32_t n_inputs, n_steps, n_constants, n_outputs;
    /** Operand code of each output. */
    uint8_t output[HAL_EXPR_MAX_OUTPUTS];
    /** HAL_NO_DTYPE: the dtype of the first input. */
    uint8_t output_dtype[HAL_EXPR_MAX_OUTPUTS];
    /** In order: a step refers to earlier ones only. */
    hal_expr_step step[HAL_EXPR_MAX_STEPS];
    /** Rounded to the dtype of the step that reads them. */
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

/** A short list of integers inside an attribute struct: `n` entries of `v`, the others 0. */
typedef struct hal_int_list { int64_t n; int64_t v[HAL_MAX_RANK]; } hal_int_list;

/*
 * One struct an operator: hal_<op>_attrs, head first, a field an attribute of the row. Every scalar field is 8 bytes, so
 * that there is no padding. Fields are appended only; a shorter struct of an older caller means defaults.
 * hal_attrs_default fills one; what each field means stands in ops.def and in hal_attr_field.doc.
 */
#define HAL_OP(number, ID, name, ...) typedef struct hal_##name##_attrs { hal_head head;
#define HAL_ATTR_INT(op, field, default_, low, high, doc) int64_t field;
#define HAL_ATTR_REAL(op, field, default_, low, high, doc) double field;
#define HAL_ATTR_DTYPE(op, field, default_, doc) int64_t field;
#define HAL_ATTR_ENUM(op, field, default_, words, doc) int64_t field;
#define HAL_ATTR_LIST(op, field, doc) hal_int_list field;
#define HAL_ATTR_EXPR(op, field, doc) hal_expr field;
#define HAL_OP_END(name) } hal_##name##_attrs;
#include "ops.def"

/** Operator numbers, HAL_OP_MATMUL and so on. */
typedef enum hal_op {
    /** No operator. */
    HAL_OP_NONE = 0,
#define HAL_OP(number, ID, ...) HAL_OP_##ID = number,
#include "ops.def"
    /** One past the largest number this version may give out. */
    HAL_OP_LIMIT = 128
} hal_op;

/** Kinds of attribute fields. */
typedef enum hal_attr_kind {
    /** int64_t, also for booleans. */
    HAL_ATTR_KIND_INT,
    /** double. */
    HAL_ATTR_KIND_REAL,
    /** int64_t that holds a hal_dtype. */
    HAL_ATTR_KIND_DTYPE,
    /** int64_t: position in `words`. */
    HAL_ATTR_KIND_ENUM,
    /** hal_int_list. */
    HAL_ATTR_KIND_LIST,
    /** hal_expr. */
    HAL_ATTR_KIND_EXPR
} hal_attr_kind;

/** One attribute field of an operator. */
typedef struct hal_attr_field {
    /** As in hal_attr.name. */
    const char *name;
    /** Which of the members below count. */
    hal_attr_kind kind;
    /** In the attribute struct. */
    uint32_t offset;
    /** Default and inclusive range of integers. */
    int64_t default_int, low_int, high_int;
    /** The same of real numbers. */
    double default_real, low_real, high_real;
    /** "a|b|c" of an enumeration. */
    const char *words;
    /** What it means, for people. */
    const char *doc;
} hal_attr_field;

/** What a backend has to do about a row. Source: docs/adding-a-backend.md. At most 30 rows are primitive or views. */
typedef enum hal_op_kind {
    /** Has no decomposition. */
    HAL_OP_KIND_PRIMITIVE,
    /** Primitive, and an alias of its input where strides allow. */
    HAL_OP_KIND_VIEW,
    /** Has a decomposition into simpler rows, used where a device says no. */
    HAL_OP_KIND_COMPOSITE
} hal_op_kind;

/** Determinism every backend has to reach. Source: docs/reliability.md. */
typedef enum hal_grade {
    /** Bits may differ from run to run. */
    HAL_GRADE_NONE,
    /** Equal bits when run again on the same device. */
    HAL_GRADE_RUN,
    /** Equal bits on another device of the kind. */
    HAL_GRADE_DEVICE,
    /** Equal bits on every device. */
    HAL_GRADE_PLACEMENT
} hal_grade;

/** A row of the operator table. Static. */
typedef struct hal_op_info {
    /** Assigned once; raised when the meaning of an attribute or output changes. */
    uint32_t number, version;
    /** "matmul", and maths and shapes for people. */
    const char *name, *doc;
    hal_op_kind kind;
    /** Counts of operands, optional ones at the end. */
    uint32_t min_inputs, max_inputs, min_outputs, max_outputs;
    /** sizeof the attribute struct; its fields beside the head. */
    uint32_t attrs_size, n_fields;
    const hal_attr_field *fields;
    /** What every backend has to reach. */
    hal_grade grade;
    /** Row of tolerance.def. */
    const char *tolerance;
    /** hal_graph_gradient can pass through it. */
    bool has_gradient;
} hal_op_info;

/** Row by number; NULL when there is none. Cost: an array lookup. */
HAL_API const hal_op_info *hal_op_describe(uint32_t number);
/** Row by name; NULL when there is none. Cost: a walk over the table. */
HAL_API const hal_op_info *hal_op_find(const char *name);
/** The operator name nearest to a misspelt one, for error texts; never NULL. */
HAL_API const char *hal_op_nearest(const char *name);

/** Fills `attrs` (attrs_size bytes) with the row's defaults, head included. */
HAL_API void hal_attrs_default(const hal_op_info *op, void *attrs);
/** Sets fields by name over what is there. `dtype` is the default dtype for expressions. Errors: INVALID_ARGUMENT with
 *  field, value and range. */
HAL_API hal_status hal_attrs_set(const hal_op_info *op, const hal_attr *pairs, uint32_t n, hal_dtype dtype, void *attrs);
/** Checks every field against its range. Errors: INVALID_ARGUMENT with field, value and range. */
HAL_API hal_status hal_attrs_check(const hal_op_info *op, const void *attrs);
/**
 * 64-bit hash over the fields (not the padding); equal attributes hash equally, on every machine of the same byte order.
 */
HAL_API uint64_t hal_attrs_hash(const hal_op_info *op, const void *attrs);
/** Whether all fields are equal, bit for bit. */
HAL_API bool hal_attrs_equal(const hal_op_info *op, const void *a, const void *b);
/**
 * "transpose_b=1, dtype=bf16": fields that differ from their default, as the text form of a graph writes them. At most `size`
 * bytes with the NUL are written; returns the length needed without it, like snprintf.
 */
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
/** Whether two sizes are the same constant, or the same multiple of the same symbol. */
static inline bool hal_dim_equal(hal_dim a, hal_dim b) {
    return a.base == b.base && a.factor == b.factor && a.symbol == b.symbol;
}

/** Dtype and sizes of a value. dtype HAL_NO_DTYPE marks an optional input that is absent. */
typedef struct hal_shape { hal_dtype dtype; uint32_t rank; hal_dim size[HAL_MAX_RANK]; } hal_shape;

/**
 * Output shapes of an operator. Sizes may be symbols: rules that depend on a value (equal sizes, a multiple) are decided for
 * every value of the symbol's range, or refused. `out` has `n_out` entries. `attrs` NULL: defaults.
 * Errors: INVALID_ARGUMENT saying which input breaks which rule; NOT_FOUND for an unknown number.
 */
HAL_API hal_status hal_op_shape(uint32_t number, const void *attrs, const hal_shape *in, uint32_t n_in, hal_shape *out, uint32_t n_out);
/** Work of an operator: floating point operations, and bytes read and written once each. */
typedef struct hal_work { double flops, bytes; } hal_work;
/**
 * The work of one call, under symbol values (NULL when all sizes are constant). A multiplication and an addition count as
 * two operations; bytes count each operand once, as if caches were perfect: a lower bound, what a roofline needs.
 * `attrs` NULL: defaults.
 * Source: Williams, Waterman and Patterson, CACM 52 (2009).
 */
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
/** Rounds a double to a dtype and back: to nearest even with subnormals kept; to integers towards zero, saturating.
 *  Source: IEEE 754-2019, 4.3.1 and 5.8. */
HAL_API double hal_round_to(hal_dtype dtype, double value);
/** Element `index` of contiguous memory of `dtype` as a double. Exact for all dtypes but large i64. */
HAL_API double hal_element_load(hal_dtype dtype, const void *data, int64_t index);
/** Writes element `index`, rounded as hal_round_to. */
HAL_API void hal_element_store(hal_dtype dtype, void *data, int64_t index, double value);

/**
 * A row of tolerance.def: bounds in units of the dtype's unit roundoff; `grows`: the magnitude they scale carries the square
 * root of the number of terms. Source of each figure: docs/numerics.md.
 */
typedef struct hal_tolerance { const char *name; double f32, f16, bf16; bool grows; } hal_tolerance;
/** The tolerance row of an operator. Never NULL for a number in the table. */
HAL_API const hal_tolerance *hal_op_tolerance(uint32_t number);

/** One generated conformance case: attributes and input/output shapes by constant sizes. */
typedef struct hal_case {
    /** "m=3,n=7,k=65,tb". */
    char name[96];
    /** Operator number and counts of operands. */
    uint32_t op, n_in, n_out;
    /** attrs_size bytes, belongs to the list. */
    void *attrs;
    /** Constant sizes; dtype HAL_NO_DTYPE for an absent input. */
    hal_shape in[16], out[16];
    /** Values to draw for each input. */
    struct { double low, high; bool integer; } range[16];
    /** Not in the quick list; of the shapes of a model (model_shapes.def), which are large. */
    bool full_only, of_model;
} hal_case;
/**
 * Cases of one operator and dtype, the same on every machine: what hal-matrix runs. The list belongs to the caller, who
 * frees it with hal_op_cases_release. A row without cases of that dtype gives `*count` 0. Errors: NOT_FOUND, OUT_OF_MEMORY.
 */
HAL_API hal_status hal_op_cases(uint32_t number, hal_dtype dtype, hal_case **cases, uint32_t *count);
/** Frees such a list and its attribute structs. Accepts NULL. */
HAL_API void hal_op_cases_release(hal_case *cases, uint32_t count);

#ifdef __cplusplus
}
#endif
#endif
