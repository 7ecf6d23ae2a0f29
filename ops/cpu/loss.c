/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cross entropy of rows of v logits: lse = m + ln sum e^(x - m); loss = mean over targets in [0, v) of lse -
 * x[target], summed
 * in double in order of rows. Backward: dx = dloss / counted (e^(x - lse) - onehot). Counts are taken first.
 * Reference: hal_op_reference_cross_entropy, _cross_entropy_grad.
 */
#include "kernels.h"
#include "row_math.h"

static int64_t target_at(const hal_cpu_operand *targets, int64_t r) {
    hal_walk w;
    hal_walk_start(&w, &targets->flat, targets->data, r);
    return hal_load_index(targets->dtype, w.at);
}

#define PIECE 1024

static float row_lse(const hal_cpu_operand *x, int64_t start, int64_t n, float *buffer) {
    const float *row = hal_load(x, start, n, buffer);
    float m = hal_row_max(row, n), e[PIECE];
    double sum = 0;
    for (int64_t at = 0; at < n; at += PIECE) {
        int64_t count = hal_cpu_min(PIECE, n - at);
        hal_row_exp(row + at, m, e, count);
        sum += (double)hal_row_sum(e, count);
    }
    return (float)((double)m + log(sum));
}

static void run_lse(const hal_cpu_call *call, int64_t chunk, void *scratch) {
    const hal_cpu_operand *x = &call->operand[0], *targets = &call->operand[1], *lse = hal_cpu_out(call, 1);
    double *part = call->shared;
    int64_t n = call->row;
    for (int64_t r = chunk * call->grain; r < hal_cpu_rows_end(call, chunk); r++) {
        float value = row_lse(x, r * n, n, scratch), logit;
        int64_t target = target_at(targets, r);
        bool counts = target >= 0 && target < n;
        hal_rows_write(&lse->flat, lse->data, r, 1, &value);
        if (counts) hal_rows_read(&x->flat, x->data, r * n + target, 1, &logit);
        part[2 * r] = counts ? (double)value - (double)logit : 0.0;
        part[2 * r + 1] = counts;
    }
}

static void run_loss(const hal_cpu_call *call, int64_t chunk, void *scratch) {
    const hal_cpu_operand *loss = hal_cpu_out(call, 0);
    const double *part = call->shared;
    double sum = 0, counted = 0;
    (void)chunk;
    (void)scratch;
    for (int64_t r = 0; r < call->rows; r++) {
        sum += part[2 * r];
        counted += part[2 * r + 1];
    }
    hal_store_double(loss->dtype, loss->data, counted > 0 ? sum / counted : 0.0);
}

bool hal_prepare_cross_entropy(hal_cpu_call *call) {
    const hal_cpu_operand *x = &call->operand[0];
    int64_t n = x->rank ? x->size[x->rank - 1] : 1, rows = n ? x->n / n : 0;
    hal_cpu_rows(call, rows, n, run_lse);
    call->phase[call->n_phases++] = (hal_cpu_phase){run_loss, 1};
    call->scratch_bytes = (size_t)n * sizeof(float);
    call->shared_bytes = (size_t)rows * 2 * sizeof(double);
    return true;
}

/* --- backward */

static void run_count(const hal_cpu_call *call, int64_t chunk, void *scratch) {
    const hal_cpu_operand *targets = &call->operand[2];
    double counted = 0;
    (void)chunk;
    (void)scratch;
    for (int64_t r = 0; r < call->rows; r++) {
        int64_t target = target_at(targets, r);
        counted += target >= 0 && target < call->row;
    }
    *(double *)call->shared = counted;
}

static void grad_row(const float *x, float lse, int64_t target, float factor, float *dx, int64_t n) {
    float own = hal_f_expm1(x[target] - lse) * factor;
    HAL_VECTOR_LOOP
    for (int64_t i = 0; i < n; i++) dx[i] = hal_f_exp(x[i] - lse) * factor;
    dx[target] = own;
}

static void run_grad(const hal_cpu_call *call, int64_t chunk, void *scratch) {
    const hal_cpu_operand *x = &call->operand[1], *targets = &call->operand[2], *lse = &call->operand[3];
    const hal_cpu_operand *dx = hal_cpu_out(call, 0);
    int64_t n = call->row;
    float factor = (float)(hal_load_double(call->operand[0].dtype,
        call->operand[0].data) / *(const double *)call->shared);
    float *first = scratch, *second = first + n, l;
    for (int64_t r = chunk * call->grain; r < hal_cpu_rows_end(call, chunk); r++) {
        int64_t target = target_at(targets, r);
        const float *row = hal_load(x, r * n, n, first);
        float *to = hal_target(dx, r * n, n, second);
        hal_rows_read(&lse->flat, lse->data, r, 1, &l);
        if (target < 0 || target >= n || factor == 0.0f) memset(to, 0, (size_t)n * sizeof(float));
        else grad_row(row, l, target, factor, to, n);
        hal_save(dx, r * n, n, to, second);
    }
}

bool hal_prepare_cross_entropy_grad(hal_cpu_call *call) {
    const hal_cpu_operand *x = &call->operand[1];
    int64_t n = x->rank ? x->size[x->rank - 1] : 1;
    call->phase[call->n_phases++] = (hal_cpu_phase){run_count, 1};
    hal_cpu_rows(call, n ? x->n / n : 0, n, run_grad);
    call->scratch_bytes = (size_t)n * 2 * sizeof(float);
    call->shared_bytes = sizeof(double);
    return true;
}
