/* SPDX-License-Identifier: Apache-2.0 */
/*
 * c = a b over the last two axes, [..., m, k] x [..., k, n], leading axes broadcast; then the epilogue, tile
 * by tile while the
 * product is in cache. Products of f32, f16 and bf16 go to gemm.h, one problem a batch, or a single one where
 * b is shared and
 * the rows of a lie at equal distances; f64 and integers take a plain loop in double, f64 with the epilogue
 * in double. b may lie in panels (pack.h). Reference: hal_op_reference_matmul.
 */
#include <math.h>

#include "expr.h"
#include "gemm.h"
#include "kernels.h"

typedef struct plan {
    hal_gemm_problem problem;            /* without addresses */
    const hal_gemm_kernel *kernel;
    hal_strided a_batch, b_batch;       /* offsets of the batches */
    int64_t batch, parts, m, n, k, a_row, a_col, b_row, b_col;   /* strides in bytes */
    size_t gemm_bytes;
    bool has_expr;
    hal_vm vm;
    hal_strided in[HAL_EXPR_MAX_INPUTS];
} plan;

typedef struct tile_context {
    const hal_cpu_call *call;
    const plan *p;
    int64_t batch;
    void *registers;
} tile_context;

static void write_row(const hal_cpu_operand *y, int64_t start, int64_t n, const float *row) {
    char *to = hal_rows_dense(&y->flat, y->data, start, n);
    if (to) hal_run_write(y->dtype, to, y->width, n, row);
    else hal_rows_write(&y->flat, y->data, start, n, row);
}

static void store_plain(void *context, const float *tile, int64_t ld, int64_t i0, int64_t mi, int64_t j0,
    int64_t nj) {
    const tile_context *t = context;
    const hal_cpu_operand *y = hal_cpu_out(t->call, 0);
    for (int64_t i = 0; i < mi; i++) write_row(y, (t->batch * t->p->m + i0 + i) * t->p->n + j0, nj,
        tile + i * ld);
}

static void epilogue(const tile_context *t, const float *product, int64_t start, int64_t n) {
    const hal_cpu_call *call = t->call;
    const float *in[HAL_EXPR_MAX_INPUTS] = {product}, *out[HAL_EXPR_MAX_OUTPUTS];
    float *buffers = t->registers, *registers = buffers + (size_t)(call->n_in + 1) * HAL_LANES;
    const hal_cpu_operand *first = hal_cpu_out(call, 0);
    for (uint32_t i = 2; i < call->n_in; i++) {
        in[i - 1] = hal_rows_load(&t->p->in[i - 1], call->operand[i].data, start, n,
            buffers + (size_t)i * HAL_LANES);
    }
    float *target = hal_target(first, start, n, buffers);
    hal_vm_run(&t->p->vm, registers, in, n, target == buffers ? NULL : target, out);
    for (uint32_t o = 0; o < call->n_out; o++) {
        if (o > 0 || out[o] != target) write_row(hal_cpu_out(call, o), start, n, out[o]);
    }
}

static void store_expr(void *context, const float *tile, int64_t ld, int64_t i0, int64_t mi, int64_t j0,
    int64_t nj) {
    const tile_context *t = context;
    for (int64_t i = 0; i < mi; i++) {
        int64_t start = (t->batch * t->p->m + i0 + i) * t->p->n + j0;
        for (int64_t j = 0; j < nj; j += HAL_LANES) {
            epilogue(t, tile + i * ld + j, start + j, hal_cpu_min(HAL_LANES, nj - j));
        }
    }
}

static char *batch_at(const hal_strided *v, char *data, int64_t index) {
    hal_walk w;
    hal_walk_start(&w, v, data, index);
    return w.at;
}

static void run_gemm(const hal_cpu_call *call, int64_t chunk, void *scratch) {
    const plan *p = call->plan;
    tile_context context = {call, p, chunk / p->parts, (char *)scratch + p->gemm_bytes};
    hal_gemm_problem problem = p->problem;
    problem.a.data = batch_at(&p->a_batch, call->operand[0].data, context.batch);
    if (problem.panels_of) problem.panels = call->operand[1].data;
    else problem.b.data = batch_at(&p->b_batch, call->operand[1].data, context.batch);
    problem.store_context = &context;
    if (p->has_expr) hal_vm_begin(&p->vm, (float *)context.registers + (size_t)(call->n_in + 1) * HAL_LANES);
    hal_gemm_run(p->kernel, &problem, chunk % p->parts, p->parts, scratch);
}

/* The epilogue of elements start.. of a product in double. */
static void epilogue_double(const hal_cpu_call *call, const double *product, int64_t start, int64_t n,
    double *scratch) {
    const plan *p = call->plan;
    const double *in[HAL_EXPR_MAX_INPUTS] = {product}, *out[HAL_EXPR_MAX_OUTPUTS];
    double *registers = scratch + (size_t)call->n_in * HAL_LANES;
    for (uint32_t i = 2; i < call->n_in; i++) {
        double *to = scratch + (size_t)i * HAL_LANES;
        hal_rows_read_double(&p->in[i - 1], call->operand[i].data, start, n, to);
        in[i - 1] = to;
    }
    hal_vm_run_double(&p->vm, registers, in, n, out);
    for (uint32_t o = 0; o < call->n_out; o++) {
        const hal_cpu_operand *y = hal_cpu_out(call, o);
        hal_rows_write_double(&y->flat, y->data, start, n, out[o]);
    }
}

static void store_double(const hal_cpu_call *call, const double *row, int64_t start, double *scratch) {
    const plan *p = call->plan;
    const hal_cpu_operand *y = hal_cpu_out(call, 0);
    if (!p->has_expr) {
        hal_rows_write_double(&y->flat, y->data, start, p->n, row);
        return;
    }
    hal_vm_begin(&p->vm, scratch + (size_t)call->n_in * HAL_LANES);
    for (int64_t j = 0; j < p->n; j += HAL_LANES) {
        epilogue_double(call, row + j, start + j, hal_cpu_min(HAL_LANES, p->n - j), scratch);
    }
}

/* One row of c in double, with what the sums lost to rounding kept beside them. */
static void run_double(const hal_cpu_call *call, int64_t chunk, void *scratch) {
    const plan *p = call->plan;
    const char *a = batch_at(&p->a_batch, call->operand[0].data, chunk / p->m) + chunk % p->m * p->a_row;
    const char *b = batch_at(&p->b_batch, call->operand[1].data, chunk / p->m);
    double *sum = scratch, *lost = sum + p->n;
    for (int64_t j = 0; j < p->n; j++) sum[j] = lost[j] = 0;
    for (int64_t l = 0; l < p->k; l++) {
        double v = hal_load_double(call->operand[0].dtype, a + l * p->a_col);
        const char *row = b + l * p->b_row;
        for (int64_t j = 0; j < p->n; j++) {
            double product = v * hal_load_double(call->operand[1].dtype, row + j * p->b_col);
            sum[j] = hal_sum_add(sum[j], product, &lost[j]);
        }
    }
    for (int64_t j = 0; j < p->n; j++) sum[j] += lost[j];
    store_double(call, sum, chunk * p->n, lost + p->n);
}

/* --- preparation */

static hal_gemm_dtype gemm_dtype(uint32_t dtype) {
    return dtype == HAL_F32 ? HAL_GEMM_F32 : dtype == HAL_BF16 ? HAL_GEMM_BF16 : HAL_GEMM_F16;
}

/* The offsets of an operand's matrices under the batch sizes of c. */
static void batch_view(const hal_cpu_operand *x, const hal_cpu_operand *y, hal_strided *v) {
    hal_cpu_operand lead = *x;
    lead.rank = x->rank - 2;
    hal_cpu_broadcast(&lead, y->rank - 2, y->size, v);
}

static void set_shape(plan *p, const hal_cpu_call *call, const hal_matmul_attrs *attrs) {
    const hal_cpu_operand *a = &call->operand[0], *b = &call->operand[1], *y = hal_cpu_out(call, 0);
    uint32_t am = a->rank - 2 + (attrs->transpose_a != 0), ak = a->rank - 1 - (attrs->transpose_a != 0);
    uint32_t bk = b->rank - 2 + (attrs->transpose_b != 0), bn = b->rank - 1 - (attrs->transpose_b != 0);
    p->m = a->size[am];
    p->k = a->size[ak];
    p->n = b->size[bn];
    p->a_row = a->stride[am], p->a_col = a->stride[ak];
    p->b_row = b->stride[bk], p->b_col = b->stride[bn];
    p->batch = 1;
    for (uint32_t d = 0; d + 2 < y->rank; d++) p->batch *= y->size[d];
    batch_view(a, y, &p->a_batch);
    batch_view(b, y, &p->b_batch);
}

/* Batches that share b are more rows of one product, if the rows of a are equally spaced all through. */
static void fold_batch(plan *p, const hal_cpu_operand *b) {
    bool shared = b->n == p->k * p->n;
    if (p->batch <= 1 || !shared || p->a_batch.rank != 1 || p->a_batch.stride[0] != p->m * p->a_row) return;
    p->m *= p->batch;
    p->batch = 1;
}

/* A part for each worker, none smaller than about 256 K multiplications; up to four for balance where each
   still has 64 M, since every part packs what it reads. */
static void set_parts(plan *p, const hal_cpu_call *call) {
    double work = fmin((double)p->m * (double)p->n * (double)p->k, 1e12);
    double share = work * (double)p->batch / (64e6 * (double)call->workers);
    int64_t pieces = share < 1 ? 1 : share > 4 ? 4 : (int64_t)share;
    int64_t wanted = hal_cpu_ceil(call->workers * pieces, hal_cpu_max(1, p->batch));
    int64_t most = hal_cpu_min(hal_gemm_part_limit(p->kernel, &p->problem), (int64_t)(work / (256 * 1024)));
    p->parts = hal_cpu_max(1, hal_cpu_min(most, call->workers > 1 ? wanted : 1));
}

static void set_expr(plan *p, const hal_cpu_call *call, const hal_expr *expr, uint32_t product) {
    const hal_cpu_operand *y = hal_cpu_out(call, 0);
    uint32_t dtype[HAL_EXPR_MAX_INPUTS] = {product};
    for (uint32_t i = 2; i < call->n_in; i++) {
        dtype[i - 1] = call->operand[i].dtype;
        hal_cpu_broadcast(&call->operand[i], y->rank, y->size, &p->in[i - 1]);
    }
    p->has_expr = true;
    hal_vm_prepare(&p->vm, expr, dtype);
}

static void prepare_gemm(hal_cpu_call *call, plan *p, const hal_matmul_attrs *attrs) {
    const hal_cpu_operand *a = &call->operand[0], *b = &call->operand[1];
    fold_batch(p, b);
    p->problem = (hal_gemm_problem){.m = p->m, .n = p->n, .k = p->k, .store = store_plain};
    p->problem.a = (hal_gemm_operand){NULL, gemm_dtype(a->dtype), p->a_row / a->width, p->a_col / a->width};
    p->problem.b = (hal_gemm_operand){NULL, gemm_dtype(b->dtype), p->b_row / b->width, p->b_col / b->width};
    if (b->layout) p->problem.panels_of = hal_gemm_panel_kernel(call->features, p->problem.b.dtype);
    if (attrs->expr.n_outputs > 0) {
        set_expr(p, call, &attrs->expr, HAL_F32);
        p->problem.store = store_expr;
        call->scratch_bytes = (size_t)(call->n_in + 1) * HAL_LANES * sizeof(float) + hal_vm_bytes(&p->vm);
    }
    p->kernel = hal_gemm_kernel_choose(call->features, &p->problem);
    set_parts(p, call);
    p->gemm_bytes = (hal_gemm_scratch_bytes(p->kernel, &p->problem) + 63) & ~(size_t)63;
    call->scratch_bytes += p->gemm_bytes;
    call->phase[call->n_phases++] = (hal_cpu_phase){run_gemm, p->batch * p->parts};
}

static void prepare_double(hal_cpu_call *call, plan *p, const hal_matmul_attrs *attrs) {
    call->scratch_bytes = (size_t)p->n * 2 * sizeof(double);
    if (attrs->expr.n_outputs > 0) {
        set_expr(p, call, &attrs->expr, HAL_F64);
        call->scratch_bytes += (size_t)call->n_in * HAL_LANES * sizeof(double) + hal_vm_bytes(&p->vm);
    }
    call->phase[call->n_phases++] = (hal_cpu_phase){run_double, p->batch * p->m};
}

bool hal_prepare_matmul(hal_cpu_call *call) {
    const hal_matmul_attrs *attrs = call->attrs;
    plan *p = hal_cpu_plan(call, sizeof *p);
    if (!p) return false;
    set_shape(p, call, attrs);
    if (hal_cpu_out(call, 0)->n == 0) return true;
    if (hal_dtype_is_small_float(call->operand[0].dtype)
        && hal_dtype_is_small_float(call->operand[1].dtype)) {
        prepare_gemm(call, p, attrs);
    } else {
        prepare_double(call, p, attrs);
    }
    return true;
}
