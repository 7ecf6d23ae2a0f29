/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of n on the innermost axis, m = max x, s = sum e^(x - m):
 *   softmax y = e^(x - m) / s;  log_softmax y = x - m - ln s;
 *   softmax_grad dx = y (dy - sum dy y);  log_softmax_grad dx = dy - e^y sum dy.
 * Reference: hal_op_reference_softmax, _log_softmax, _softmax_grad, _log_softmax_grad.
 */
#include "kernels.h"
#include "row_math.h"

typedef void row_fn(const float *a, const float *b, float *y, int64_t n);

static void softmax_row(const float *x, const float *unused, float *y, int64_t n) {
    (void)unused;
    hal_row_exp(x, hal_row_max(x, n), y, n);
    float inverse = 1.0f / hal_row_sum(y, n);
    HAL_VECTOR_LOOP
    for (int64_t i = 0; i < n; i++) y[i] *= inverse;
}

static void log_softmax_row(const float *x, const float *spare, float *y, int64_t n) {
    float m = hal_row_max(x, n), *e = (float *)(uintptr_t)spare;
    hal_row_exp(x, m, e, n);
    float l = hal_f_log(hal_row_sum(e, n));
    HAL_VECTOR_LOOP
    for (int64_t i = 0; i < n; i++) y[i] = x[i] - m - l;
}

static void softmax_grad_row(const float *dy, const float *y, float *dx, int64_t n) {
    float dot = hal_row_dot(dy, y, n);
    HAL_VECTOR_LOOP
    for (int64_t i = 0; i < n; i++) dx[i] = y[i] * (dy[i] - dot);
}

static void log_softmax_grad_row(const float *dy, const float *y, float *dx, int64_t n) {
    float sum = hal_row_sum(dy, n);
    HAL_VECTOR_LOOP
    for (int64_t i = 0; i < n; i++) dx[i] = hal_fma(-hal_f_exp(y[i]), sum, dy[i]);
}

static row_fn *row_of(uint32_t op) {
    switch (op) {
    case HAL_OP_SOFTMAX: return softmax_row;
    case HAL_OP_LOG_SOFTMAX: return log_softmax_row;
    case HAL_OP_SOFTMAX_GRAD: return softmax_grad_row;
    default: return log_softmax_grad_row;
    }
}

static void run(const hal_cpu_call *call, int64_t chunk, void *scratch) {
    const hal_cpu_operand *x = &call->operand[0], *second = hal_cpu_in(call, 1), *y = hal_cpu_out(call, 0);
    row_fn *row = row_of(call->op);
    int64_t n = call->row;
    float *first_buffer = scratch, *second_buffer = first_buffer + n, *spare = second_buffer + n;
    for (int64_t r = chunk * call->grain; r < hal_cpu_rows_end(call, chunk); r++) {
        const float *a = hal_load(x, r * n, n, first_buffer);
        const float *b = second ? hal_load(second, r * n, n, second_buffer) : second_buffer;
        float *to = hal_target(y, r * n, n, spare);
        row(a, b, to, n);
        hal_save(y, r * n, n, to, spare);
    }
}

static bool prepare(hal_cpu_call *call) {
    const hal_cpu_operand *x = &call->operand[0];
    int64_t n = x->rank ? x->size[x->rank - 1] : 1;
    call->scratch_bytes = (size_t)n * 3 * sizeof(float);
    hal_cpu_rows(call, n ? x->n / n : 0, n, run);
    return true;
}

bool hal_prepare_softmax(hal_cpu_call *call) { return prepare(call); }
bool hal_prepare_log_softmax(hal_cpu_call *call) { return prepare(call); }
bool hal_prepare_softmax_grad(hal_cpu_call *call) { return prepare(call); }
bool hal_prepare_log_softmax_grad(hal_cpu_call *call) { return prepare(call); }
