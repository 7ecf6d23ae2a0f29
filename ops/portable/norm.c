/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Normalisation and its gradients. Sums over rows go through scratch memory in blocks of rows, cut by shape alone.
 * Kernels: norm.cl.
 */
#include "planners.h"
#include "rows.h"

#define BLOCKS_WIDE 64                   /* most blocks of rows: where a work-item is a loop, */
#define BLOCKS 256                       /* and where blocks run side by side */
#define BLOCK 16                         /* fewest rows of such a block */
#define RUN_WIDE 256                     /* columns that a work-item adds up: where it is a loop, */
#define RUN 8                            /* and else, LANES of rows.cl */

static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t cut(int64_t n, int64_t by) { return (n + by - 1) / by; }
/* Distance of a vector's elements. */
static int64_t step_of(const hal_portable_operand *o) { return o->stride[0] / (int64_t)o->width; }

static double eps_of(const hal_portable_call *call) {
    return call->op == HAL_OP_LAYER_NORM ? ((const hal_layer_norm_attrs *)call->attrs)->eps
                                         : ((const hal_rms_norm_attrs *)call->attrs)->eps;
}

/* Outputs: y, mean, rstd of layer norm; y, rstd of rms norm. */
static void forward(hal_portable_call *call, bool centred) {
    const uint32_t y = call->n_in, mean = y + 1, rstd = y + 1 + centred;
    const hal_portable_operand *o = call->operand, *list[] = {o, o + y, o + rstd, o + mean};
    const bool biased = hal_portable_in(call, 2) != NULL;
    const uint32_t bias = biased ? 2 : 1;
    hal_portable_row_plan rows;
    hal_portable_rows_make(list, 3 + centred, &rows);
    if (o->n == 0) return;
    const int64_t grain = hal_portable_rows_grain(&rows);
    const bool dense = rows.dense && step_of(o + 1) == 1 && step_of(o + bias) == 1;
    const uint32_t program = hal_portable_rows_use(call, "rows+norm", dense, "X=%s W=%s B=%s", hal_portable_type(o->dtype),
        hal_portable_type(o[1].dtype), hal_portable_type(o[bias].dtype));
    hal_portable_rows_launch(call, program, "norm_rows", rows.rows, rows.n, grain);
    const uint32_t order[] = {0, 1, bias, y, mean, rstd};
    for (uint32_t i = 0; i < 6; i++) hal_portable_pass(call, order[i]);
    hal_portable_rows_pass(call, &rows, grain);
    hal_portable_pass_long(call, step_of(o + 1));
    hal_portable_pass_long(call, step_of(o + bias));
    hal_portable_pass_int(call, centred);
    hal_portable_pass_int(call, biased);
    hal_portable_pass_float(call, eps_of(call));
}

void hal_portable_plan_layer_norm(hal_portable_call *call) { forward(call, true); }
void hal_portable_plan_rms_norm(hal_portable_call *call) { forward(call, false); }

/* --- backward */

/* What the launches of a gradient share; operands by index. */
typedef struct grad {
    hal_portable_row_plan rows;
    uint32_t program, mean, rstd, dx, dweight, dbias;
    bool centred;
    int64_t block, blocks;               /* rows of a block; blocks */
    uint64_t parts;                      /* scratch memory */
} grad;

static grad grad_of(hal_portable_call *call, bool centred) {
    const hal_portable_operand *o = call->operand;
    const uint32_t out = call->n_in;
    grad g = {.mean = 3, .rstd = 3 + centred, .dx = out, .dweight = out + 1, .dbias = out + 1 + centred, .centred = centred};
    const hal_portable_operand *list[] = {o, o + 1, o + g.dx, o + g.rstd, o + g.mean};
    hal_portable_rows_make(list, 4 + centred, &g.rows);
    const int64_t rows = g.rows.rows;
    g.block = call->traits->wide ? most(hal_portable_rows_grain(&g.rows), cut(rows, BLOCKS_WIDE))
                                 : most(BLOCK, cut(rows, BLOCKS));
    g.blocks = cut(rows, g.block);
    g.parts = hal_portable_scratch(call, (uint64_t)(most(g.blocks, 1) * 2 * g.rows.n) * sizeof(float));
    const bool dense = g.rows.dense && step_of(o + 2) == 1 && step_of(o + g.dweight) == 1 && step_of(o + g.dbias) == 1;
    g.program = hal_portable_rows_use(call, "rows+norm", dense, "X=%s W=%s B=%s", hal_portable_type(o->dtype),
        hal_portable_type(o[2].dtype), hal_portable_type(o[2].dtype));
    return g;
}

static void launch_dx(hal_portable_call *call, const grad *g) {
    const uint32_t order[] = {0, 1, 2, g->mean, g->rstd, g->dx};
    hal_portable_rows_launch(call, g->program, "norm_grad", g->rows.rows, g->rows.n, g->block);
    for (uint32_t i = 0; i < 6; i++) hal_portable_pass(call, order[i]);
    hal_portable_pass_scratch(call, g->parts);
    hal_portable_rows_pass(call, &g->rows, g->block);
    hal_portable_pass_long(call, step_of(&call->operand[2]));
    hal_portable_pass_int(call, g->centred);
}

static void launch_parts(hal_portable_call *call, const grad *g) {
    const uint32_t order[] = {0, 1, g->mean, g->rstd}, group = hal_portable_rows_group(call->traits);
    hal_portable_launch_add(call, g->program, "norm_parts", (uint64_t)cut(g->rows.n, RUN), (uint64_t)g->blocks, 1);
    hal_portable_group(call, group < 64 ? group : 64, 1, 1);
    for (uint32_t i = 0; i < 4; i++) hal_portable_pass(call, order[i]);
    hal_portable_pass_scratch(call, g->parts);
    hal_portable_rows_pass(call, &g->rows, g->block);
    hal_portable_pass_int(call, g->centred);
}

static void launch_total(hal_portable_call *call, const grad *g) {
    const bool wide = call->traits->wide;
    const uint32_t group = wide ? 1 : hal_portable_rows_group(call->traits);
    const int64_t run = wide ? RUN_WIDE : RUN;
    hal_portable_launch_add(call, g->program, "norm_total", (uint64_t)cut(g->rows.n, run), 1, 1);
    hal_portable_group(call, group < 64 ? group : 64, 1, 1);
    hal_portable_pass_scratch(call, g->parts);
    hal_portable_pass(call, g->dweight);
    hal_portable_pass(call, g->dbias);
    hal_portable_pass_long(call, g->blocks);
    hal_portable_pass_long(call, g->rows.n);
    hal_portable_pass_long(call, run);
    hal_portable_pass_long(call, step_of(&call->operand[g->dweight]));
    hal_portable_pass_long(call, step_of(&call->operand[g->dbias]));
    hal_portable_pass_int(call, g->centred);
}

static void backward(hal_portable_call *call, bool centred) {
    const grad g = grad_of(call, centred);
    if (g.rows.n == 0) return;
    /* first what only reads: dx may lie where dy was */
    if (g.rows.rows > 0 && !call->traits->wide) launch_parts(call, &g);
    if (g.rows.rows > 0) launch_dx(call, &g);
    launch_total(call, &g);
}

void hal_portable_plan_layer_norm_grad(hal_portable_call *call) { backward(call, true); }
void hal_portable_plan_rms_norm_grad(hal_portable_call *call) { backward(call, false); }
