/* SPDX-License-Identifier: Apache-2.0 */
/* The conformance runner: cases of the operator table against the fp64 reference, on one device.
 *
 * A case is "op/dtype/name/layout". Inputs and outputs live in device buffers between guard regions; outputs are
 * filled with NaN bytes first. A result passes inside the bound of tolerance.def; see matrix_compare. Nothing here
 * is shared between calls, so that cases may run on several threads at once. */
#ifndef HAL_MATRIX_H
#define HAL_MATRIX_H

#include <hal/plan.h>

#include "tools/common/error.h"

enum {
    MATRIX_GUARD = 256,
    MATRIX_MAX_TENSORS = 16,
    MATRIX_ID_SIZE = 192,
    MATRIX_MAX_PAIRS = 32,
    MATRIX_EXPR_SIZE = 8192,
    MATRIX_REASON_SIZE = 320
};

/* How inputs lie in memory. */
typedef enum matrix_layout {
    LAYOUT_CONTIGUOUS, LAYOUT_PERMUTED, LAYOUT_BROADCAST, LAYOUT_SLICED, LAYOUT_COUNT,
    LAYOUT_PACKED = LAYOUT_COUNT /* b of a product in an opaque layout, the rest contiguous */
} matrix_layout;
const char *matrix_layout_name(matrix_layout layout);

/* What became of a case. */
typedef enum matrix_verdict {
    VERDICT_PASSED,      /* inside its bound */
    VERDICT_FAILED,      /* beyond it, an error of the device, or a pass where a failure is on record */
    VERDICT_UNSUPPORTED, /* the device says that it does not do this, and why: for ever */
    VERDICT_SKIPPED,     /* not run, and why */
    VERDICT_XFAIL,       /* failed, and a record says so: for a time */
    VERDICTS
} matrix_verdict;
const char *matrix_verdict_name(matrix_verdict verdict);

/* The element that is furthest beyond its bound, and how many are beyond. */
typedef struct matrix_worst {
    uint32_t output;
    int64_t element, wrong, of;
    double got, want, allowed;
} matrix_worst;

typedef struct matrix_result {
    char id[MATRIX_ID_SIZE];
    matrix_verdict verdict;
    double late;     /* the deadline passed after so many seconds, and the device may still be at work; else 0 */
    bool lost;       /* the device is gone: nothing can run on it any more */
    char reason[MATRIX_REASON_SIZE]; /* why it failed, is unsupported, was skipped, or is expected to fail */
    double worst;    /* largest error as a share of its bound; 0 for exact rows, infinite where nothing was allowed */
    uint64_t seed;   /* of the numbers of input 0 */
    matrix_worst at; /* wrong > 0: where it failed */
    double seconds, flops, bytes; /* one call, where it was timed; else 0 */
} matrix_result;

/* One operand: its bytes in host memory with guards, the device buffer, and the view. */
typedef struct matrix_operand {
    unsigned char *bytes;
    uint64_t n_bytes;
    hal_buffer *buffer;
    hal_tensor host, device;
} matrix_operand;

/* Makes an operand of this shape in a layout. Errors: TOOL_INTERNAL out of memory. */
int matrix_operand_create(const hal_shape *shape, matrix_layout layout, matrix_operand *out, tool_error *err);
void matrix_operand_release(matrix_operand *operand);
/* Whether the layout differs from contiguous for this shape. */
bool matrix_layout_applies(const hal_shape *shape, matrix_layout layout);
/* Fills the elements with numbers of the case's range, the same for the same seed. */
void matrix_operand_fill(matrix_operand *operand, double low, double high, bool integer, uint64_t seed);
/* Copies to a new device buffer; back, checking that the guards are untouched. */
hal_status matrix_operand_upload(matrix_operand *operand, hal_device *device);
hal_status matrix_operand_download(matrix_operand *operand);
bool matrix_operand_guards_intact(const matrix_operand *operand);

/* The bound of an element: |got - want| <= bound u |want| + bound u_sum scale + smallest, or equality. */
typedef struct matrix_bound {
    bool exact;
    double bound, u, u_sum; /* in units of the roundoff of the dtype and of what sums are kept in */
    double smallest;        /* positive number of the dtype: below it only absolute errors make sense */
} matrix_bound;
matrix_bound matrix_bound_of(const hal_tolerance *tolerance, hal_dtype dtype);

/* Compares output `number` with its reference (contiguous, same dtype) under `tolerance`; scale as hal_op_reference
 * gives it. `*worst` grows to the largest error over its bound. Where elements are beyond it, `at` says which is
 * worst and how many there are, and the answer is false. */
bool matrix_compare(const hal_tolerance *tolerance, const hal_tensor *result, const void *reference,
                    const double *scale, uint32_t number, double *worst, matrix_worst *at);

/* What cases run on, how long one may take, and what is wanted of it. */
typedef struct matrix_target {
    hal_instance *instance;
    hal_device *device;
    int64_t deadline_ms;
    double loosen;     /* multiplies the bounds: 1, but for the test of the gate itself */
    uint64_t seed;     /* other numbers for the inputs */
    bool timed;        /* also measure one call */
} matrix_target;

/* Runs one case. What the device does wrong is in the result; errors are those of this process. */
int matrix_run_case(const matrix_target *target, const hal_case *c, hal_dtype dtype, matrix_layout layout,
                    matrix_result *out, tool_error *err);
/* packed.c: whether the case also runs with LAYOUT_PACKED; whether it goes through a plan; and that road. Tensors lie
 * in buffers of the device. */
bool matrix_packed_applies(const hal_case *c);
bool matrix_packed_road(const hal_case *c, matrix_layout layout);
hal_status matrix_packed_run(const matrix_target *target, const hal_case *c, matrix_layout layout, const hal_tensor *in,
                             const hal_tensor *out);
/* Seed of the numbers of input i in a run with this seed. */
uint64_t matrix_seed(const hal_case *c, uint32_t i, uint64_t seed);
/* Attribute structs become name/value pairs, which is what hal_run takes; expressions are printed into `text`. Returns
 * how many, at most MATRIX_MAX_PAIRS. */
uint32_t matrix_attr_pairs(const hal_op_info *op, const void *attrs, hal_attr *pairs, char *text, size_t text_size);
/* "op/dtype/name/layout" */
void matrix_case_id(const hal_case *c, hal_dtype dtype, matrix_layout layout, char *id, size_t size);

#endif
