/* SPDX-License-Identifier: Apache-2.0 */
/* Products of matrices, with what an expression makes of them. Kernels: matmul.cl. */
#include <string.h>

#include "expr.h"
#include "planners.h"
#include "product.h"

/* Mirrors of matmul.cl: strides in elements. */
typedef struct matrix { int64_t batch[4], row, col; } matrix;
typedef struct product { int64_t batch[4], batches, m, n, k, run, task_rows, task_columns; } product;

enum { TILE = 32, DEPTH = 256, A_ROW = DEPTH + 16, MOST_ROWS = 256, MOST_COLUMNS = 128, FEW = 16, TURNS = 4 };
/* What a work-item of matmul_plain makes where it is a loop. */
enum { DOWN = 4, ACROSS = 64 };
/* What OpenCL 1.2 lets every kernel have. */
enum { MOST_ARGUMENT_BYTES = 1024 };
/* Terms that are added up in turn. */
enum { LEAST_RUN = 32, MOST_RUN = DEPTH };

typedef struct plan {
    hal_portable_call *call;
    const hal_matmul_attrs *attrs;
    /* The leading axes, which all operands share. */
    hal_portable_space lead;
    product p;
    /* Whether b^T a^T is computed instead, and element (i, j) of it is element (j, i) of c. */
    bool swapped;
    uint32_t program;
} plan;

/* ------------------------------------------------------------------------------------------------- the shape */

/* The rows and columns of an operand as the product sees them. */
static matrix matrix_of(const plan *p, uint32_t operand) {
    const hal_portable_operand *x = &p->call->operand[operand];
    matrix m = {0};
    hal_portable_product_strides(p->call, operand, p->swapped ? &m.col : &m.row, p->swapped ? &m.row : &m.col);
    for (uint32_t d = 0; d < 4 && d < p->lead.rank; d++)
        m.batch[3 - d] = p->lead.stride[operand][p->lead.rank - 1 - d] / (int64_t)x->width;
    return m;
}

/* A run of r equal terms loses up to r / 2 roundings of its sum, and the contract allows 2 sqrt(k). */
static int64_t run_of(int64_t k) {
    int64_t run = MOST_RUN;
    while (run > LEAST_RUN && run * run > 4 * k) run /= 2;
    return run;
}

static void shape_make(plan *p) {
    hal_portable_product whole;
    hal_portable_product_make(p->call, &whole);
    p->lead = whole.lead;
    memcpy(p->p.batch, p->lead.inner, sizeof p->p.batch);
    p->p.batches = p->lead.total;
    p->p.m = whole.m;
    p->p.n = whole.n;
    p->p.k = whole.k;
    p->p.run = run_of(p->p.k);
}

/* --------------------------------------------------------------------------------------------------- programs */

static bool is_small_float(uint32_t dtype) {
    return dtype == HAL_F32 || dtype == HAL_F16 || dtype == HAL_BF16;
}

/* Whether the kernels that add up in floats serve. */
static bool is_float_product(const hal_portable_call *call) {
    return is_small_float(call->operand[0].dtype) && is_small_float(call->operand[1].dtype);
}

/* x0, then the other inputs and the outputs. */
static void expr_dtypes(const hal_portable_call *call, uint32_t *dtype) {
    dtype[0] = call->operand[0].dtype == HAL_F64 ? HAL_F64 : HAL_F32;
    for (uint32_t i = 2; i < call->n_in + call->n_out; i++) dtype[i - 1] = call->operand[i].dtype;
}

static uint32_t program_of(const plan *p, const char *options, char in) {
    hal_portable_call *call = p->call;
    const char *a = hal_portable_type(call->operand[p->swapped].dtype);
    const char *b = hal_portable_type(call->operand[!p->swapped].dtype);
    uint32_t dtype[HAL_PORTABLE_OPERANDS];
    if (p->attrs->expr.n_outputs == 0)
        return hal_portable_use(call, "tile+matmul", NULL, "IN=%c A=%s B=%s C=%s%s", in, a, b,
            hal_portable_type(hal_portable_out(call, 0)->dtype), options);
    expr_dtypes(call, dtype);
    return hal_portable_use(call, "tile+matmul", hal_portable_expr_text(call, &p->attrs->expr, dtype),
        "IN=%c A=%s B=%s%s", in, a, b, options);
}

/* --------------------------------------------------------------------------------------------------- launches */

static void pass_matrix(const plan *p, uint32_t operand) {
    const matrix m = matrix_of(p, operand);
    int64_t from = 0;
    for (uint32_t d = 0; d + 4 < p->lead.rank; d++) from += p->lead.at[d] * p->lead.stride[operand][d];
    hal_portable_pass_from(p->call, operand, from);
    hal_portable_pass_bytes(p->call, &m, sizeof m);
}

/* The arguments that all entries share, `work` in between where it is not UINT64_MAX. */
static void pass_all(const plan *p, uint64_t work) {
    hal_portable_call *call = p->call;
    uint32_t dtype[HAL_PORTABLE_OPERANDS];
    pass_matrix(p, p->swapped);
    pass_matrix(p, !p->swapped);
    if (work != UINT64_MAX) hal_portable_pass_scratch(call, work);
    hal_portable_pass_bytes(call, &p->p, sizeof p->p);
    for (uint32_t i = 2; i < call->n_in + call->n_out; i++) pass_matrix(p, i);
    if (p->attrs->expr.n_outputs == 0) return;
    expr_dtypes(call, dtype);
    hal_portable_pass_expr(call, &p->attrs->expr, dtype);
}

static int64_t ceil_of(int64_t n, int64_t by) { return (n + by - 1) / by; }

static int64_t count_tasks(const product *p) {
    return ceil_of(p->m, p->task_rows) * ceil_of(p->n, p->task_columns) * p->batches;
}

/* Large tasks read a and b less often; small ones keep every unit busy. */
static void choose_tasks(product *p, int64_t items) {
    p->task_rows = ceil_of(p->m < MOST_ROWS ? p->m : MOST_ROWS, 8) * 8;
    p->task_columns = ceil_of(p->n < MOST_COLUMNS ? p->n : MOST_COLUMNS, TILE) * TILE;
    while (count_tasks(p) < items) {
        if (p->task_rows > 64) p->task_rows = ceil_of(p->task_rows / 2, 8) * 8;
        else if (p->task_columns > TILE) p->task_columns = ceil_of(p->task_columns / 2, TILE) * TILE;
        else if (p->task_rows > 8) p->task_rows = ceil_of(p->task_rows / 2, 8) * 8;
        else return;
    }
}

/* One launch for each value of the leading axes that the kernels do not walk. */
static void launch_wide(plan *p) {
    hal_portable_call *call = p->call;
    const int64_t most = (int64_t)(call->traits->units ? call->traits->units : 1) * TURNS;
    choose_tasks(&p->p, most);
    const int64_t tasks = count_tasks(&p->p), items = tasks < most ? tasks : most;
    const int64_t each = p->p.task_rows * (A_ROW + p->p.task_columns) + DEPTH * TILE;
    const uint64_t work = hal_portable_scratch(call, (uint64_t)(items * each) * sizeof(float));
    const uint32_t program = program_of(p, "", 'f');
    for (bool more = true; more; more = hal_portable_space_next(&p->lead)) {
        hal_portable_launch_add(call, program, "matmul_wide", (uint64_t)items, 1, 1);
        hal_portable_group(call, 1, 1, 1);
        pass_all(p, work);
    }
}

static void launch_tiled(plan *p) {
    hal_portable_call *call = p->call;
    const bool large = call->traits->group >= 256 && !call->traits->small_tiles;
    const int64_t side = large ? 16 : 8, tile = side * 4;
    const uint32_t program = program_of(p, large ? " SIDE=16" : " SIDE=8", 'f');
    const int64_t groups = ceil_of(p->p.m, tile) * ceil_of(p->p.n, tile) * p->p.batches;
    for (bool more = true; more; more = hal_portable_space_next(&p->lead)) {
        hal_portable_launch_add(call, program, "matmul_tiled", (uint64_t)(groups * side * side), 1, 1);
        hal_portable_group(call, (uint64_t)(side * side), 1, 1);
        pass_all(p, UINT64_MAX);
    }
}

static void launch_plain(plan *p) {
    hal_portable_call *call = p->call;
    const bool floats = is_small_float(call->operand[0].dtype) && is_small_float(call->operand[1].dtype);
    const uint32_t program = program_of(p, " MATMUL_PLAIN", call->traits->fp64 ? 'd' : floats ? 'f' : 'l');
    const bool wide = call->traits->wide;
    const int64_t items = wide ? ceil_of(p->p.m, DOWN) * ceil_of(p->p.n, ACROSS) : p->p.m * p->p.n;
    for (bool more = true; more; more = hal_portable_space_next(&p->lead)) {
        hal_portable_launch_add(call, program, "matmul_plain", (uint64_t)(items * p->p.batches), 1, 1);
        hal_portable_group(call, wide ? 1 : call->traits->group < 64 ? call->traits->group : 64, 1, 1);
        pass_all(p, UINT64_MAX);
    }
}

const char *hal_portable_refuse_matmul(const hal_portable_traits *traits, const hal_description *program,
                                       const hal_description_op *op) {
    const hal_matmul_attrs *attrs = hal_description_attrs(program, op);
    uint32_t dtype[HAL_EXPR_MAX_INPUTS] = {HAL_F32};
    if (attrs->expr.n_outputs == 0) return NULL;
    if ((op->n_in + op->n_out) * (sizeof(matrix) + 2 * sizeof(int64_t)) + sizeof(product) + HAL_EXPR_MAX_CONSTANTS * 4 >
        MOST_ARGUMENT_BYTES) return "the expression has more operands than every device takes as arguments of a kernel";
    if (hal_description_operand(program, op, 0)->dtype == HAL_F64) dtype[0] = HAL_F64;
    for (uint32_t i = 2; i < op->n_in && i <= HAL_EXPR_MAX_INPUTS; i++)
        dtype[i - 1] = hal_description_operand(program, op, i)->dtype;
    return hal_portable_expr_refuse(traits, &attrs->expr, dtype);
}

void hal_portable_plan_matmul(hal_portable_call *call) {
    plan p = {.call = call, .attrs = call->attrs};
    if (hal_portable_out(call, 0)->n == 0) return;
    shape_make(&p);
    if (!is_float_product(call)) {
        launch_plain(&p);
        return;
    }
    p.swapped = p.p.n < FEW && p.p.n < p.p.m;
    if (p.swapped) {
        const int64_t m = p.p.m;
        p.p.m = p.p.n;
        p.p.n = m;
    }
    if (call->traits->wide) launch_wide(&p);
    else launch_tiled(&p);
}
