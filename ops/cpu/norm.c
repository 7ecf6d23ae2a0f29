/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Normalisation of rows of d. h = (x - mean) rstd; layer: rstd = 1 / sqrt(var + eps); rms: mean = 0, rstd = 1
 * / sqrt(mean x^2 + eps).
 *   forward  y = h weight + bias
 *   backward g = dy weight: dx = rstd (g - mean_d(g) - h mean_d(g h)); dweight = sum dy h; dbias = sum dy
 * (rms without mean_d(g)). The sums over rows are cut into blocks by shape; blocks are added in order.
 * Reference: hal_op_reference_layer_norm, _layer_norm_grad, _rms_norm, _rms_norm_grad.
 */
#include "kernels.h"
#include "row_math.h"

/* Where the operands of the four rows stand; absent ones NULL. */
typedef struct norm {
    const hal_cpu_operand *dy, *x, *weight, *bias, *mean, *rstd, *y, *dx, *dweight, *dbias;
    int64_t d;
} norm;

static norm norm_of(const hal_cpu_call *call) {
    const hal_cpu_operand *o = call->operand;
    norm n = {0};
    switch (call->op) {
    case HAL_OP_LAYER_NORM:
        n = (norm){.x = o, .weight = o + 1, .bias = hal_cpu_in(call, 2)};
        n.y = hal_cpu_out(call, 0), n.mean = n.y + 1, n.rstd = n.y + 2;
        break;
    case HAL_OP_RMS_NORM:
        n = (norm){.x = o, .weight = o + 1};
        n.y = hal_cpu_out(call, 0), n.rstd = n.y + 1;
        break;
    case HAL_OP_LAYER_NORM_GRAD:
        n = (norm){.dy = o, .x = o + 1, .weight = o + 2, .mean = o + 3, .rstd = o + 4};
        n.dx = hal_cpu_out(call, 0), n.dweight = n.dx + 1, n.dbias = n.dx + 2;
        break;
    default:
        n = (norm){.dy = o, .x = o + 1, .weight = o + 2, .rstd = o + 3};
        n.dx = hal_cpu_out(call, 0), n.dweight = n.dx + 1;
        break;
    }
    n.d = n.x->rank ? n.x->size[n.x->rank - 1] : 1;
    return n;
}

static void save_scalar(const hal_cpu_operand *o, int64_t r, float value) {
    if (o) hal_rows_write(&o->flat, o->data, r, 1, &value);
}
static float load_scalar(const hal_cpu_operand *o, int64_t r) {
    float value = 0;
    if (o) hal_rows_read(&o->flat, o->data, r, 1, &value);
    return value;
}

static double eps_of(const hal_cpu_call *call) {
    return call->op == HAL_OP_LAYER_NORM ? ((const hal_layer_norm_attrs *)call->attrs)->eps
                                         : ((const hal_rms_norm_attrs *)call->attrs)->eps;
}

static void forward_row(const norm *n, double eps, const float *x, const float *w, const float *b, float *y,
    int64_t r) {
    int64_t d = n->d;
    float mean = n->mean ? hal_row_sum(x, d) / (float)d : 0.0f;
    double var = (double)hal_row_square_about(x, mean, d) / (double)d;
    float rstd = (float)(1.0 / sqrt(var + eps));
    if (b) {
        HAL_VECTOR_LOOP
        for (int64_t i = 0; i < d; i++) y[i] = hal_fma((x[i] - mean) * rstd, w[i], b[i]);
    } else {
        HAL_VECTOR_LOOP
        for (int64_t i = 0; i < d; i++) y[i] = (x[i] - mean) * rstd * w[i];
    }
    save_scalar(n->mean, r, mean);
    save_scalar(n->rstd, r, rstd);
}

static void run_forward(const hal_cpu_call *call, int64_t chunk, void *scratch) {
    norm n = norm_of(call);
    double eps = eps_of(call);
    int64_t d = n.d;
    float *wb = scratch, *bb = wb + d, *xb = bb + d, *yb = xb + d;
    const float *w = hal_load(n.weight, 0, d, wb), *b = n.bias ? hal_load(n.bias, 0, d, bb) : NULL;
    for (int64_t r = chunk * call->grain; r < hal_cpu_rows_end(call, chunk); r++) {
        const float *x = hal_load(n.x, r * d, d, xb);
        float *y = hal_target(n.y, r * d, d, yb);
        forward_row(&n, eps, x, w, b, y, r);
        hal_save(n.y, r * d, d, y, yb);
    }
}

static bool prepare_forward(hal_cpu_call *call) {
    norm n = norm_of(call);
    call->scratch_bytes = (size_t)n.d * 4 * sizeof(float);
    hal_cpu_rows(call, n.d ? n.x->n / n.d : 0, n.d, run_forward);
    return true;
}

bool hal_prepare_layer_norm(hal_cpu_call *call) { return prepare_forward(call); }
bool hal_prepare_rms_norm(hal_cpu_call *call) { return prepare_forward(call); }

/* --- backward */

#define MAX_BLOCKS 64

typedef struct sums { float *dweight, *dbias; } sums;

/* dx of one row; adds to the block's sums. */
static void backward_row(const norm *n, const float *dy, const float *x, const float *w, float *dx, sums s,
    int64_t r) {
    int64_t d = n->d;
    float mean = load_scalar(n->mean, r), rstd = load_scalar(n->rstd, r);
    float mg = n->mean ? hal_row_dot(dy, w, d) / (float)d : 0.0f;
    float mgh = hal_row_dot3_about(x, mean, dy, w, d) * rstd / (float)d;
    HAL_VECTOR_LOOP
    for (int64_t i = 0; i < d; i++) {
        float h = (x[i] - mean) * rstd, g = dy[i];
        s.dweight[i] = hal_fma(g, h, s.dweight[i]);
        s.dbias[i] += g;
        dx[i] = rstd * hal_fma(-h, mgh, hal_fma(g, w[i], -mg));
    }
}

static void run_backward(const hal_cpu_call *call, int64_t chunk, void *scratch) {
    norm n = norm_of(call);
    int64_t d = n.d;
    float *wb = scratch, *xb = wb + d, *yb = xb + d, *out = yb + d;
    float *block = (float *)call->shared + chunk * 2 * d;
    const float *w = hal_load(n.weight, 0, d, wb);
    memset(block, 0, (size_t)d * 2 * sizeof(float));
    for (int64_t r = chunk * call->grain; r < hal_cpu_rows_end(call, chunk); r++) {
        const float *dy = hal_load(n.dy, r * d, d, yb), *x = hal_load(n.x, r * d, d, xb);
        float *dx = hal_target(n.dx, r * d, d, out);
        backward_row(&n, dy, x, w, dx, (sums){block, block + d}, r);
        hal_save(n.dx, r * d, d, dx, out);
    }
}

static void add_blocks(const hal_cpu_call *call, const hal_cpu_operand *to, int64_t offset, int64_t start,
    int64_t n, double *sum) {
    int64_t d = call->row, blocks = call->rows ? hal_cpu_ceil(call->rows, call->grain) : 0;
    memset(sum, 0, (size_t)n * sizeof *sum);
    for (int64_t b = 0; b < blocks; b++) {
        const float *part = (const float *)call->shared + b * 2 * d + offset + start;
        for (int64_t i = 0; i < n; i++) sum[i] += (double)part[i];
    }
    hal_rows_write_double(&to->flat, to->data, start, n, sum);
}

static void run_sums(const hal_cpu_call *call, int64_t chunk, void *scratch) {
    norm n = norm_of(call);
    int64_t start = chunk * 256, count = hal_cpu_min(256, n.d - start);
    add_blocks(call, n.dweight, 0, start, count, scratch);
    if (n.dbias) add_blocks(call, n.dbias, n.d, start, count, scratch);
}

static bool prepare_backward(hal_cpu_call *call) {
    norm n = norm_of(call);
    int64_t rows = n.d ? n.x->n / n.d : 0;
    hal_cpu_rows(call, rows, n.d, run_backward);
    call->grain = hal_cpu_max(call->grain, hal_cpu_ceil(rows, MAX_BLOCKS));
    call->phase[0].chunks = hal_cpu_ceil(rows, call->grain);
    call->phase[call->n_phases++] = (hal_cpu_phase){run_sums, hal_cpu_ceil(n.d, 256)};
    call->scratch_bytes = (size_t)n.d * 4 * sizeof(float) + 256 * sizeof(double);
    call->shared_bytes = (size_t)(MAX_BLOCKS * 2 * n.d) * sizeof(float);
    return true;
}

bool hal_prepare_layer_norm_grad(hal_cpu_call *call) { return prepare_backward(call); }
bool hal_prepare_rms_norm_grad(hal_cpu_call *call) { return prepare_backward(call); }
