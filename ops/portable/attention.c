/* SPDX-License-Identifier: Apache-2.0 */
/* Attention and its gradient, in blocks of queries and keys. Kernels: attention.cl and attention_grad.cl; for devices whose
   warps multiply matrices those of ops/cuda. */
#include <math.h>

#include "planners.h"
#include "space.h"

enum { LANES = 32, BLOCK = 64, TURNS = 4, PLAIN_GROUP = 64, LEAST_ROWS = 64 };
/* Of tiles.cuh: work-items in a group, and the rows of queries or keys that it has. */
enum { WARPS_GROUP = 128, WARPS_ROWS = 64 };

/* Mirrors of scores.cl; strides in elements. */
typedef struct strides { int64_t of[4]; } strides;
typedef struct attention {
    int64_t b, hq, hk, t, s, d, e;
    double scale_bits;
    float scale;
    int32_t causal, biased, started;
} attention;

typedef struct plan {
    hal_portable_call *call;
    attention p;
    /* Where q, and where the bias, which `start` follows, are among the inputs. */
    uint32_t q, bias;
} plan;

static bool is_present(const hal_portable_call *call, uint32_t input) {
    return hal_portable_in(call, input) != NULL;
}

static plan plan_of(hal_portable_call *call, uint32_t q_at, uint32_t bias, bool causal, double scale) {
    const hal_portable_operand *q = &call->operand[q_at], *k = q + 1, *v = q + 2;
    plan w = {.call = call, .q = q_at, .bias = bias};
    w.p = (attention){.b = q->size[0], .hq = q->size[1], .hk = k->size[1], .t = q->size[2], .s = k->size[2],
        .d = q->size[3], .e = v->size[3], .causal = causal};
    w.p.biased = is_present(call, bias);
    w.p.started = is_present(call, bias + 1);
    w.p.scale_bits = scale > 0 ? scale : 1.0 / sqrt((double)w.p.d);
    w.p.scale = (float)w.p.scale_bits;
    return w;
}

/* --------------------------------------------------------------------------------------------------- arguments */

/* An operand of up to four axes, and its strides; an axis that is repeated has none. */
static void pass_rows(const plan *w, uint32_t operand, uint32_t rank) {
    const hal_portable_operand *x = &w->call->operand[operand];
    strides by = {{0}};
    for (uint32_t d = 0; d < x->rank; d++) {
        const uint32_t to = rank - x->rank + d;
        by.of[to] = x->size[d] == 1 ? 0 : x->stride[d] / (int64_t)x->width;
    }
    hal_portable_pass(w->call, operand);
    hal_portable_pass_bytes(w->call, &by, sizeof by);
}

/* Bias and start; where they are absent, q stands there and is not read. */
static void pass_mask(const plan *w) {
    pass_rows(w, w->p.biased ? w->bias : w->q, 4);
    hal_portable_pass(w->call, w->p.started ? w->bias + 1 : w->q);
}

static void pass_shape(const plan *w) { hal_portable_pass_bytes(w->call, &w->p, sizeof w->p); }

static const char *type_of(const plan *w, uint32_t operand) {
    return hal_portable_type(w->call->operand[operand].dtype);
}

/* ----------------------------------------------------------------------------------------------------- forward */

static int64_t ceil_of(int64_t n, int64_t by) { return (n + by - 1) / by; }
/* PAD of scores.cl. */
static int64_t padded(int64_t n) { return ((n + 15) & ~(int64_t)15) + 16; }

/* Work-items that share so many tasks. */
static int64_t items_of(const hal_portable_call *call, int64_t tasks) {
    const int64_t most = (int64_t)(call->traits->units ? call->traits->units : 1) * TURNS;
    return tasks < most ? tasks : most;
}

static int64_t count_panels(const attention *p) { return p->b * p->hk * ceil_of(p->hq / p->hk * p->t, LANES); }

/* Side of a group of work-items: 16 where its tiles fit. */
static int64_t side_of(const hal_portable_call *call) {
    return call->traits->group >= 256 && call->traits->local_bytes >= 32 << 10 ? 16 : 8;
}

static uint32_t forward_program(const plan *w, const char *more) {
    return hal_portable_use(w->call, "tile+scores+attention", NULL, "T=%s BIAS=%s%s", type_of(w, 0),
        type_of(w, w->p.biased ? w->bias : 0), more);
}

static void pass_forward(const plan *w) {
    for (uint32_t i = 0; i < 3; i++) pass_rows(w, i, 4);
    pass_mask(w);
    pass_rows(w, w->call->n_in, 4);
    pass_rows(w, w->call->n_in + 1, 3);
}

static void forward_wide(const plan *w) {
    const attention *p = &w->p;
    const int64_t items = items_of(w->call, count_panels(p));
    const int64_t each = LANES * (p->d + p->e + BLOCK) + BLOCK * (padded(p->d) + padded(p->e));
    hal_portable_launch_add(w->call, forward_program(w, ""), "attention_wide", (uint64_t)items, 1, 1);
    hal_portable_group(w->call, 1, 1, 1);
    pass_forward(w);
    hal_portable_pass_scratch(w->call, hal_portable_scratch(w->call, (uint64_t)(items * each) * sizeof(float)));
    pass_shape(w);
}

static void forward_tiled(const plan *w) {
    const attention *p = &w->p;
    const int64_t side = side_of(w->call), tile = 4 * side, across = p->e > tile ? ceil_of(p->e, tile) : 1;
    const int64_t groups = p->b * p->hq * ceil_of(p->t, tile) * across;
    hal_portable_launch_add(w->call, forward_program(w, side == 16 ? " SIDE=16" : " SIDE=8"), "attention_tiled",
        (uint64_t)(groups * side * side), 1, 1);
    hal_portable_group(w->call, (uint64_t)(side * side), 1, 1);
    pass_forward(w);
    pass_shape(w);
}

/* Whether the kernels of ops/cuda are for it: 16-bit operands of one dtype, heads of 64 or 128, which are so few programs
   that all of them are compiled with hal. They count rows in int, and a score of -inf stays what it is times the scale. */
static bool is_for_warps(const plan *w) {
    const hal_portable_operand *q = &w->call->operand[w->q];
    const attention *p = &w->p;
    return w->call->traits->warp_products && (q->dtype == HAL_F16 || q->dtype == HAL_BF16) && q[1].dtype == q->dtype &&
        q[2].dtype == q->dtype && (!p->biased || w->call->operand[w->bias].dtype == q->dtype) && p->d == p->e && (p->d == 64 || p->d == 128) && p->s < 1 << 29 && p->t < 1 << 29 &&
        p->scale > 1e-30f && p->scale < 1e30f;
}

static int64_t count_rows(const attention *p) { return p->b * p->hk * ceil_of(p->hq / p->hk * p->t, WARPS_ROWS); }

static void forward_warps(const plan *w) {
    const uint32_t program = hal_portable_use(w->call, "mma+scores+tiles+attention_mma", NULL,
        "T=%s D=%d BIAS=%s BIASED=%d", type_of(w, 0), (int)w->p.d, type_of(w, w->p.biased ? w->bias : 0), w->p.biased);
    hal_portable_launch_add(w->call, program, "attention_mma", (uint64_t)(count_rows(&w->p) * WARPS_GROUP), 1, 1);
    hal_portable_group(w->call, WARPS_GROUP, 1, 1);
    pass_forward(w);
    pass_shape(w);
}

static void forward_plain(const plan *w) {
    const uint32_t program = forward_program(w, " ATTENTION_PLAIN");
    hal_portable_launch_add(w->call, program, "attention_plain", (uint64_t)(w->p.b * w->p.hq * w->p.t), 1, 1);
    hal_portable_group(w->call, PLAIN_GROUP, 1, 1);
    pass_forward(w);
    pass_shape(w);
}

void hal_portable_plan_attention(hal_portable_call *call) {
    const hal_attention_attrs *attrs = call->attrs;
    const plan w = plan_of(call, 0, 3, attrs->causal != 0, attrs->scale);
    if (w.p.b * w.p.hq * w.p.t == 0) return;
    if (call->operand[0].dtype == HAL_F64) forward_plain(&w);
    else if (call->traits->wide) forward_wide(&w);
    else if (is_for_warps(&w)) forward_warps(&w);
    else forward_tiled(&w);
}

/* ---------------------------------------------------------------------------------------------------- gradient */

/* The operands of attention_grad. */
enum { DY, Q, K, V, Y, LSE, BIAS };

static uint32_t grad_program(const plan *w, const char *more) {
    return hal_portable_use(w->call, "tile+scores+attention_grad", NULL, "T=%s DY=%s Y=%s BIAS=%s%s", type_of(w, Q),
        type_of(w, DY), type_of(w, Y), type_of(w, w->p.biased ? BIAS : Q), more);
}

/* The scratch where delta of each query goes. */
static uint64_t launch_delta(const plan *w, uint32_t program) {
    const hal_portable_call *call = w->call;
    const int64_t n = w->p.b * w->p.hq * w->p.t, run = hal_portable_run(call->traits, n, LEAST_ROWS);
    const uint64_t width = call->operand[Q].dtype == HAL_F64 ? sizeof(double) : sizeof(float);
    const uint64_t delta = hal_portable_scratch(w->call, (uint64_t)n * width);
    if (n == 0) return delta;
    hal_portable_launch_runs(w->call, program, "attention_delta", n, run);
    pass_rows(w, DY, 4);
    pass_rows(w, Y, 4);
    hal_portable_pass_scratch(w->call, delta);
    pass_shape(w);
    hal_portable_pass_long(w->call, run);
    return delta;
}

static void pass_grad(const plan *w, uint64_t delta) {
    for (uint32_t i = DY; i <= V; i++) pass_rows(w, i, 4);
    pass_rows(w, LSE, 3);
    pass_mask(w);
    hal_portable_pass_scratch(w->call, delta);
}

static void pass_dq(const plan *w, uint64_t delta) {
    pass_grad(w, delta);
    pass_rows(w, w->call->n_in, 4);
}

static void pass_dkv(const plan *w, uint64_t delta) {
    pass_grad(w, delta);
    pass_rows(w, w->call->n_in + 1, 4);
    pass_rows(w, w->call->n_in + 2, 4);
}

/* Work-items that share the tasks, with `each` floats of scratch, which follow the outputs. */
static void launch_wide(const plan *w, uint32_t program, const char *entry, int64_t tasks, int64_t each, uint64_t delta,
                        void (*pass)(const plan *, uint64_t)) {
    const int64_t items = items_of(w->call, tasks);
    if (tasks == 0) return;
    hal_portable_launch_add(w->call, program, entry, (uint64_t)items, 1, 1);
    hal_portable_group(w->call, 1, 1, 1);
    pass(w, delta);
    hal_portable_pass_scratch(w->call, hal_portable_scratch(w->call, (uint64_t)(items * each) * sizeof(float)));
    pass_shape(w);
}

static void grad_wide(const plan *w) {
    const attention *p = &w->p;
    const int64_t rows = BLOCK * (padded(p->d) + padded(p->e));
    const uint32_t program = grad_program(w, "");
    const uint64_t delta = launch_delta(w, program);
    launch_wide(w, program, "attention_dq_wide", count_panels(p), LANES * (2 * p->d + p->e + 2 * BLOCK) + rows, delta,
        pass_dq);
    launch_wide(w, program, "attention_dkv_wide", p->b * p->hk * ceil_of(p->s, LANES),
        LANES * 2 * (p->d + p->e + BLOCK) + rows, delta, pass_dkv);
}

static void launch_groups(const plan *w, uint32_t program, const char *entry, int64_t items, int64_t group,
                          uint64_t delta, void (*pass)(const plan *, uint64_t)) {
    if (items == 0) return;
    hal_portable_launch_add(w->call, program, entry, (uint64_t)items, 1, 1);
    hal_portable_group(w->call, (uint64_t)group, 1, 1);
    pass(w, delta);
    pass_shape(w);
}

static void grad_tiled(const plan *w) {
    const attention *p = &w->p;
    const int64_t side = side_of(w->call), tile = 4 * side, group = side * side;
    const int64_t of_dk = ceil_of(p->d, tile), of_dv = ceil_of(p->e, tile);
    const uint32_t program = grad_program(w, side == 16 ? " SIDE=16" : " SIDE=8");
    const uint64_t delta = launch_delta(w, program);
    launch_groups(w, program, "attention_dq_tiled", p->b * p->hq * ceil_of(p->t, tile) * of_dk * group, group, delta,
        pass_dq);
    launch_groups(w, program, "attention_dkv_tiled", p->b * p->hk * ceil_of(p->s, tile) * (of_dk + of_dv) * group,
        group, delta, pass_dkv);
}

/* bf16 alone: slopes would leave the range of f16. */
static bool is_grad_for_warps(const plan *w) {
    const hal_portable_operand *operand = w->call->operand;
    const uint32_t dtype = operand[Q].dtype;
    return is_for_warps(w) && dtype == HAL_BF16 && operand[DY].dtype == dtype && operand[Y].dtype == dtype;
}

/* As launch_delta. */
static uint64_t warps_delta(const plan *w, uint32_t program) {
    const int64_t n = w->p.b * w->p.hq * w->p.t;
    const uint64_t delta = hal_portable_scratch(w->call, (uint64_t)n * sizeof(float));
    if (n == 0) return delta;
    hal_portable_launch_add(w->call, program, "attention_delta_mma", (uint64_t)(ceil_of(n, 4) * WARPS_GROUP), 1, 1);
    hal_portable_group(w->call, WARPS_GROUP, 1, 1);
    pass_rows(w, DY, 4);
    pass_rows(w, Y, 4);
    hal_portable_pass_scratch(w->call, delta);
    pass_shape(w);
    return delta;
}

static void grad_warps(const plan *w) {
    const attention *p = &w->p;
    const uint32_t program = hal_portable_use(w->call, "mma+scores+tiles+attention_grad_mma", NULL,
        "T=%s D=%d BIAS=%s BIASED=%d", type_of(w, Q), (int)p->d, type_of(w, p->biased ? BIAS : Q), p->biased);
    const uint64_t delta = warps_delta(w, program);
    launch_groups(w, program, "attention_dq_mma", count_rows(p) * WARPS_GROUP, WARPS_GROUP, delta, pass_dq);
    launch_groups(w, program, "attention_dkv_mma", p->b * p->hk * ceil_of(p->s, WARPS_ROWS) * WARPS_GROUP, WARPS_GROUP,
        delta, pass_dkv);
}

static void grad_plain(const plan *w) {
    const uint32_t program = grad_program(w, " ATTENTION_PLAIN");
    const uint64_t delta = launch_delta(w, program);
    launch_groups(w, program, "attention_dq_plain", w->p.b * w->p.hq * w->p.t, PLAIN_GROUP, delta, pass_dq);
    launch_groups(w, program, "attention_dkv_plain", w->p.b * w->p.hk * w->p.s, PLAIN_GROUP, delta, pass_dkv);
}

void hal_portable_plan_attention_grad(hal_portable_call *call) {
    const hal_attention_grad_attrs *attrs = call->attrs;
    const plan w = plan_of(call, Q, BIAS, attrs->causal != 0, attrs->scale);
    if (call->operand[Q].dtype == HAL_F64) grad_plain(&w);
    else if (call->traits->wide) grad_wide(&w);
    else if (is_grad_for_warps(&w)) grad_warps(&w);
    else grad_tiled(&w);
}

/* -------------------------------------------------------------------------------------------------- what is not */

/* Doubles beside smaller floats: the kernels compute in one of them. */
static const char *refuse_mixed(const hal_description *program, const hal_description_op *op, uint32_t q) {
    const bool wide = hal_description_operand(program, op, q)->dtype == HAL_F64;
    for (uint32_t i = 0; i < op->n_in; i++) {
        const hal_description_tensor *t = hal_description_operand(program, op, i);
        if (t && t->dtype == HAL_F64 && !wide) return "an operand of attention is f64 and q is not";
    }
    return NULL;
}

const char *hal_portable_refuse_attention(const hal_portable_traits *traits, const hal_description *program,
                                          const hal_description_op *op) {
    (void)traits;
    return refuse_mixed(program, op, 0);
}

const char *hal_portable_refuse_attention_grad(const hal_portable_traits *traits, const hal_description *program,
                                               const hal_description_op *op) {
    (void)traits;
    return refuse_mixed(program, op, Q);
}
