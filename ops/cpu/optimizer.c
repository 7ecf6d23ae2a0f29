/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Optimisers, element by element and in place when outputs are assigned to inputs.
 *   adamw: G = g scale; m' = b1 m + (1 - b1) G; v' = b2 v + (1 - b2) G^2;
 *          p' = p (1 - lr decay) - lr / (1 - b1^step) m' / (sqrt(v' / (1 - b2^step)) + eps)
 *   sgd:   G = g scale + decay p; m' = momentum m + G; p' = p - lr (nesterov ? G + momentum m' : m')
 * Sums whose terms may cancel are formed in double. Reference: hal_op_reference_adamw, _sgd.
 */
#include "kernels.h"
#include "row_math.h"

#define BLOCK 512

typedef struct factors { double b1, c1, b2, c2, keep, rate, root, eps; float scale; } factors;

static void adamw_block(const factors *f, const float *const *in, float *const *out, int64_t n) {
    const float *p = in[0], *g = in[1], *m = in[2], *v = in[3];
    float *p2 = out[0], *m2 = out[1], *v2 = out[2];
    float b2 = (float)f->b2, c2 = (float)f->c2, root = (float)f->root, eps = (float)f->eps, rate =
        (float)f->rate;
    HAL_VECTOR_LOOP
    for (int64_t i = 0; i < n; i++) {
        float G = g[i] * f->scale;
        float moment = (float)hal_fma_wide(f->b1, (double)m[i], f->c1 * (double)G);
        float square = hal_fma(c2 * G, G, b2 * v[i]);
        float step = rate * moment / (sqrtf(square * root) + eps);
        p2[i] = (float)hal_fma_wide(f->keep, (double)p[i], -(double)step);
        m2[i] = moment;
        v2[i] = square;
    }
}

static factors adamw_factors(const hal_cpu_call *call) {
    const hal_adamw_attrs *a = call->attrs;
    double lr = (double)hal_load_scalar(&call->operand[4]), step = (double)hal_load_scalar(&call->operand[5]);
    factors f = {.b1 = a->beta1, .c1 = 1 - a->beta1, .b2 = a->beta2, .c2 = 1 - a->beta2, .keep =
        1 - lr * a->decay, .eps = a->eps};
    f.rate = lr / (1 - pow(a->beta1, step));
    f.root = 1 / (1 - pow(a->beta2, step));
    f.scale = hal_load_scalar(&call->operand[6]);
    return f;
}

static void run_adamw(const hal_cpu_call *call, int64_t chunk, void *scratch) {
    factors f = adamw_factors(call);
    int64_t end = hal_cpu_rows_end(call, chunk);
    float *buffer = scratch;
    for (int64_t at = chunk * call->grain; at < end; at += BLOCK) {
        int64_t n = hal_cpu_min(BLOCK, end - at);
        const float *in[4];
        float *out[3];
        for (uint32_t i = 0; i < 4; i++) in[i] = hal_load(&call->operand[i], at, n, buffer + i * BLOCK);
        for (uint32_t i = 0; i < 3; i++) out[i] = hal_target(hal_cpu_out(call, i), at, n,
            buffer + (4 + i) * BLOCK);
        adamw_block(&f, in, out, n);
        for (uint32_t i = 0; i < 3; i++) hal_save(hal_cpu_out(call, i), at, n, out[i],
            buffer + (4 + i) * BLOCK);
    }
}

bool hal_prepare_adamw(hal_cpu_call *call) {
    call->scratch_bytes = 7 * BLOCK * sizeof(float);
    hal_cpu_rows(call, call->operand[0].n, 1, run_adamw);
    return true;
}

static void sgd_block(const hal_sgd_attrs *a, double lr, double scale, const float *const *in, float *p2,
    float *m2, int64_t n) {
    const float *p = in[0], *g = in[1], *m = in[2];
    double ahead = a->nesterov ? a->momentum : 0.0, now = a->nesterov ? 1.0 : 0.0, later = a->nesterov
        ? ahead : 1.0;
    HAL_VECTOR_LOOP
    for (int64_t i = 0; i < n; i++) {
        double G = hal_fma_wide((double)g[i], scale, a->decay * (double)p[i]);
        double moment = hal_fma_wide(a->momentum, (double)m[i], G);
        p2[i] = (float)hal_fma_wide(-lr, hal_fma_wide(now, G, later * moment), (double)p[i]);
        m2[i] = (float)moment;
    }
}

static void run_sgd(const hal_cpu_call *call, int64_t chunk, void *scratch) {
    double lr = (double)hal_load_scalar(&call->operand[3]), scale =
        (double)hal_load_scalar(&call->operand[4]);
    const hal_cpu_operand *p2 = hal_cpu_out(call, 0), *m2 = hal_cpu_out(call, 1);
    int64_t end = hal_cpu_rows_end(call, chunk);
    float *buffer = scratch;
    for (int64_t at = chunk * call->grain; at < end; at += BLOCK) {
        int64_t n = hal_cpu_min(BLOCK, end - at);
        const float *in[3];
        for (uint32_t i = 0; i < 3; i++) in[i] = hal_load(&call->operand[i], at, n, buffer + i * BLOCK);
        float *p = hal_target(p2, at, n, buffer + 3 * BLOCK), *m = hal_target(m2, at, n, buffer + 4 * BLOCK);
        sgd_block(call->attrs, lr, scale, in, p, m, n);
        hal_save(p2, at, n, p, buffer + 3 * BLOCK);
        hal_save(m2, at, n, m, buffer + 4 * BLOCK);
    }
}

bool hal_prepare_sgd(hal_cpu_call *call) {
    call->scratch_bytes = 5 * BLOCK * sizeof(float);
    hal_cpu_rows(call, call->operand[0].n, 1, run_sgd);
    return true;
}
