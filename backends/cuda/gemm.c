/* SPDX-License-Identifier: Apache-2.0 */
#include "gemm.h"

#include <string.h>

/* ------------------------------------------------------------------------------------------ the result -- */

static bool reads_x0(const hal_expr_step *s) {
    return s->a == HAL_EXPR_INPUT || (s->b == HAL_EXPR_INPUT) || (s->c == HAL_EXPR_INPUT);
}

/* The dtype that the product may be stored in without a change of any result: that which all readers round it to, or f32. */
static uint32_t dtype_of_x0(const hal_expr *e, uint32_t in) {
    for (uint32_t s = 0; s < e->n_steps; s++)
        if (reads_x0(&e->step[s]) && (e->step[s].op != HAL_EXPR_ROUND || e->step[s].dtype != in)) return HAL_F32;
    for (uint32_t o = 0; o < e->n_outputs; o++)
        if (e->output[o] == HAL_EXPR_INPUT) return HAL_F32;
    return in;
}

/* Whether the only output is x0, rounded once at most, which a library does when it stores. */
static bool is_rounding(const hal_expr *e, uint32_t in, uint32_t out) {
    if (e->n_outputs != 1 || (out != HAL_F32 && out != in)) return false;
    if (e->output[0] == HAL_EXPR_INPUT) return true;
    const hal_expr_step *s = &e->step[0];
    return e->n_steps == 1 && e->output[0] == 0 && s->op == HAL_EXPR_ROUND && s->a == HAL_EXPR_INPUT && s->dtype == out;
}

static void choose_result(const hal_portable_call *call, hal_portable_operand *d, hal_cuda_gemm *g) {
    const hal_expr *e = &((const hal_matmul_attrs *)call->attrs)->expr;
    *d = *hal_portable_out(call, 0);
    g->joined = e->n_outputs > 0 && !is_rounding(e, g->in, d->dtype);
    if (!g->joined) return;
    d->dtype = dtype_of_x0(e, g->in);
    d->width = hal_element_width(d->dtype);
    d->n = 1;
    for (uint32_t i = d->rank; i-- > 0;) {
        d->stride[i] = d->n * (int64_t)d->width;
        d->n *= d->size[i];
    }
}

/* ------------------------------------------------------------------------------------------- matrices -- */

/* rows x columns with elements `down` and `along` apart: as columns, or turned as rows. */
static bool lay(int64_t rows, int64_t columns, int64_t down, int64_t along, hal_cuda_matrix *m) {
    if ((down == 1 || rows == 1) && (columns == 1 || along >= rows))
        *m = (hal_cuda_matrix){.rows = rows, .columns = columns, .step = columns == 1 ? rows : along};
    else if ((along == 1 || columns == 1) && (rows == 1 || down >= columns))
        *m = (hal_cuda_matrix){.rows = columns, .columns = rows, .step = rows == 1 ? columns : down, .turned = true};
    else return false;
    return true;
}

/* Strides of an operand of the product; elements. */
typedef struct view { int64_t row, column, batch; } view;

/* Rows of all batches are rows of one matrix where b is the same for all, as weights are. */
static void fold(hal_portable_product *p, view *a, const view *b, view *c, int64_t *batches) {
    if (*batches == 1 || b->batch != 0) return;
    if (p->m != 1 && (a->batch != p->m * a->row || c->batch != p->m * c->row)) return;
    if (p->m == 1) {
        a->row = a->batch;
        c->row = c->batch;
    }
    p->m *= *batches;
    *batches = 1;
    a->batch = c->batch = 0;
}

static bool lay_all(const hal_portable_product *p, const view *a, const view *b, const view *c, hal_cuda_gemm *g) {
    const bool swapped = lay(p->n, p->m, c->column, c->row, &g->d) && !g->d.turned;
    if (!swapped && (!lay(p->m, p->n, c->row, c->column, &g->d) || g->d.turned)) return false;
    g->first = swapped ? 1 : 0;
    g->second = swapped ? 0 : 1;
    const bool laid = swapped ? lay(p->n, p->k, b->column, b->row, &g->a) && lay(p->k, p->m, a->column, a->row, &g->b)
        : lay(p->m, p->k, a->row, a->column, &g->a) && lay(p->k, p->n, b->row, b->column, &g->b);
    g->a.batch = swapped ? b->batch : a->batch;
    g->b.batch = swapped ? a->batch : b->batch;
    g->d.batch = c->batch;
    return laid && a->batch >= 0 && b->batch >= 0 && c->batch >= 0;
}

/* ---------------------------------------------------------------------------------------------- whole -- */

static bool has_types(const hal_portable_call *call, const hal_portable_operand *d) {
    const uint32_t in = call->operand[0].dtype;
    if (in != HAL_F32 && in != HAL_F16 && in != HAL_BF16) return false;
    return call->operand[1].dtype == in && (d->dtype == HAL_F32 || d->dtype == in);
}

bool hal_cuda_gemm_make(const hal_portable_call *call, hal_cuda_gemm *g) {
    hal_portable_operand operand[3] = {call->operand[0], call->operand[1]};
    const hal_portable_call bare = {.traits = call->traits, .op = call->op, .n_in = 2, .n_out = 1, .attrs = call->attrs,
        .operand = operand};
    hal_portable_product p;
    view v[3];
    memset(g, 0, sizeof *g);
    g->in = call->operand[0].dtype;
    choose_result(call, &operand[2], g);
    g->out = operand[2].dtype;
    if (!has_types(call, &operand[2]) || operand[2].n == 0) return false;
    hal_portable_product_make(&bare, &p);
    if (p.k == 0 || p.lead.rank > 1) return false;
    g->batches = p.lead.rank ? p.lead.size[0] : 1;
    for (uint32_t i = 0; i < 3; i++) {
        hal_portable_product_strides(&bare, i, &v[i].row, &v[i].column);
        v[i].batch = p.lead.rank ? p.lead.stride[i][0] / (int64_t)operand[i].width : 0;
    }
    fold(&p, &v[0], &v[1], &v[2], &g->batches);
    return lay_all(&p, &v[0], &v[1], &v[2], g);
}

double hal_cuda_gemm_work(const hal_cuda_gemm *g) {
    const int64_t k = g->a.turned ? g->a.rows : g->a.columns;
    return (double)g->d.rows * (double)g->d.columns * (double)k * (double)g->batches;
}

uint64_t hal_cuda_gemm_bytes(const hal_cuda_gemm *g) {
    return (uint64_t)(g->d.rows * g->d.columns * g->batches) * hal_element_width(g->out);
}
