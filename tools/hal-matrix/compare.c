/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "tools/hal-matrix/matrix.h"

/* Unit roundoff of a dtype. */
static double roundoff(hal_dtype dtype) {
    switch (dtype) {
    case HAL_F64: return 0x1p-53;
    case HAL_F16: return 0x1p-11;
    case HAL_BF16: return 0x1p-8;
    default: return 0x1p-24;
    }
}

static double bound_of(const hal_tolerance *t, hal_dtype dtype) {
    return dtype == HAL_F16 ? t->f16 : dtype == HAL_BF16 ? t->bf16 : t->f32;
}

static double smallest(hal_dtype dtype) { return dtype == HAL_F16 ? 0x1p-24 : dtype == HAL_F64 ? 0x1p-1022 : 0x1p-126; }

matrix_bound matrix_bound_of(const hal_tolerance *tolerance, hal_dtype dtype) {
    const double bound = bound_of(tolerance, dtype);
    return (matrix_bound){.exact = hal_dtype_describe(dtype)->class_ != HAL_DTYPE_CLASS_FLOAT || bound == 0, .bound = bound,
                          .u = roundoff(dtype), .u_sum = dtype == HAL_F64 ? 0x1p-53 : 0x1p-24, .smallest = smallest(dtype)};
}

static bool same(double a, double b) { return a == b || (isnan(a) && isnan(b)); }

/* Beyond its bound: counted, and kept where it is the worst so far. */
static void note(matrix_worst *at, int64_t element, double got, double want, double allowed) {
    const double share = fabs(got - want) / allowed, before = fabs(at->got - at->want) / at->allowed;
    /* What is no number is worse than any error, and the first of them says most. */
    if (at->wrong++ && !(share > before) && !(isnan(share) && !isnan(before))) return;
    at->element = element;
    at->got = got;
    at->want = want;
    at->allowed = allowed;
}

bool matrix_compare(const hal_tolerance *tolerance, const hal_tensor *result, const void *reference, const double *scale,
                    uint32_t number, double *worst, matrix_worst *at) {
    const hal_dtype dtype = result->dtype;
    const matrix_bound b = matrix_bound_of(tolerance, dtype);
    const unsigned char *data = (const unsigned char *)result->host + result->offset;
    *at = (matrix_worst){.output = number, .of = hal_tensor_elements(result)};
    for (int64_t i = 0; i < at->of; i++) {
        const double got = hal_element_load(dtype, data, i), want = hal_element_load(dtype, reference, i);
        if (same(got, want)) continue;
        const double sums = scale ? b.bound * b.u_sum * fabs(scale[i]) : 0;
        const double allowed = b.exact || isinf(want) ? 0 : b.bound * b.u * fabs(want) + sums + b.smallest;
        const double error = fabs(got - want);
        if (allowed > 0 && error / allowed > *worst) *worst = error / allowed;
        if (error <= allowed) continue;
        if (isnan(error) || allowed == 0) *worst = INFINITY;
        note(at, i, got, want, allowed);
    }
    return at->wrong == 0;
}
