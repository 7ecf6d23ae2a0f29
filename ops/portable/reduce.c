/* SPDX-License-Identifier: Apache-2.0 */
/* Reductions, and running sums: how x is cut, which shapes alone decide. Kernels: reduce.cl, scan.cl. */
#include "planners.h"
#include "space.h"

/* Kinds of reduce.cl and of hal_reduce_attrs. */
enum { KIND_PROD = 4, KIND_SUM_SQUARE = 5 };

#define FLAT_PIECE 32768                 /* elements of a piece without columns */
#define ROW_PIECE 64                     /* rows of a piece with columns */
#define MOST_PIECES 256                  /* of one result, for reduce_finish adds them one by one */
#define FEW_COLUMNS 8                    /* fewer are not worth a loop over columns */
#define FEW_ROWS 64                      /* elements a result that one work-item adds up */
#define BLOCK 1024                       /* columns of a work-item that is a loop: BLOCK of reduce.cl */

/* x seen as [kept, k, columns]. */
typedef struct view {
    hal_strided rows;                    /* kept, then k */
    int64_t kept, k, columns, column_by, piece, pieces;
} view;

static int64_t ceiling(int64_t a, int64_t b) { return (a + b - 1) / b; }

/* The first of the innermost kept axes that are one run: x->rank when there is none. */
static uint32_t columns_from(const hal_portable_operand *x, const bool *reduced) {
    uint32_t d = x->rank;
    if (d == 0 || reduced[d - 1]) return d;
    d--;
    while (d > 0 && !reduced[d - 1] && x->stride[d - 1] == x->stride[d] * x->size[d]) d--;
    return d;
}

/* Axes before `columns` in the order kept, reduced. */
static void arrange(const hal_portable_operand *x, const bool *reduced, uint32_t columns, view *v) {
    int64_t size[HAL_MAX_RANK], stride[HAL_MAX_RANK];
    uint32_t n = 0;
    *v = (view){.kept = 1, .k = 1, .columns = 1, .column_by = 1};
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t d = 0; d < columns; d++) {
            if (reduced[d] != (pass == 1)) continue;
            size[n] = x->size[d];
            stride[n++] = x->stride[d];
            *(pass == 0 ? &v->kept : &v->k) *= x->size[d];
        }
    }
    hal_strided_make(x->dtype, n, size, stride, &v->rows);
    for (uint32_t d = columns; d < x->rank; d++) v->columns *= x->size[d];
    if (columns < x->rank) v->column_by = x->stride[x->rank - 1] / (int64_t)x->width;
}

static void look(const hal_portable_operand *x, const bool *reduced, view *v) {
    const uint32_t columns = columns_from(x, reduced);
    arrange(x, reduced, columns, v);
    if (v->columns < FEW_COLUMNS) arrange(x, reduced, x->rank, v);
    const int64_t least = v->columns > 1 ? ROW_PIECE : FLAT_PIECE, share = ceiling(v->k, MOST_PIECES);
    v->piece = share > least ? share : least;
    v->pieces = v->k > v->piece ? ceiling(v->k, v->piece) : 1;
}

/* The arguments all entries begin with. */
static void pass_view(hal_portable_call *call, const view *v, uint64_t partial, int32_t kind) {
    hal_portable_pass(call, 0);
    hal_portable_pass_walk(call, &v->rows);
    if (v->pieces > 1) hal_portable_pass_scratch(call, partial);
    else hal_portable_pass(call, call->n_in);
    hal_portable_pass(call, call->n_in);
    hal_portable_pass_walk(call, &hal_portable_out(call, 0)->flat);
    hal_portable_pass_int(call, kind);
    hal_portable_pass_long(call, v->k);
    hal_portable_pass_long(call, v->piece);
    hal_portable_pass_long(call, v->pieces);
}

static void pass_extent(hal_portable_call *call, int64_t run, int64_t total) {
    hal_portable_pass_long(call, run);
    hal_portable_pass_long(call, total);
}

/* Work-items take turns on elements that lie far apart or are few; else a loop or a group is a result. */
static void launch_rows(hal_portable_call *call, uint32_t program, const view *v, uint64_t partial, int32_t kind) {
    const int64_t total = v->kept * v->pieces, group = hal_portable_group_size(call->traits);
    const int64_t run = hal_portable_run(call->traits, total, 1 + 4096 / (v->k < v->piece ? v->k + 1 : v->piece));
    if (call->traits->wide) hal_portable_launch_runs(call, program, "reduce_rows", total, run);
    else {
        hal_portable_launch_add(call, program, "reduce_rows", (uint64_t)(total * group), 1, 1);
        hal_portable_group(call, (uint64_t)group, 1, 1);
    }
    pass_view(call, v, partial, kind);
    pass_extent(call, run, total);
}

static void launch_columns(hal_portable_call *call, uint32_t program, const view *v, uint64_t partial, int32_t kind) {
    const int64_t block = call->traits->wide ? BLOCK : 1, total = v->kept * v->pieces * ceiling(v->columns, block);
    const int64_t each = (v->k < v->piece ? v->k + 1 : v->piece) * (v->columns < block ? v->columns : block);
    const int64_t run = hal_portable_run(call->traits, total, 1 + 4096 / (each + 1));
    hal_portable_launch_runs(call, program, "reduce_columns", total, run);
    pass_view(call, v, partial, kind);
    hal_portable_pass_long(call, v->columns);
    hal_portable_pass_long(call, v->column_by);
    pass_extent(call, run, total);
}

static void launch_finish(hal_portable_call *call, uint32_t program, const view *v, uint64_t partial, int32_t kind) {
    const int64_t total = v->kept * v->columns, run = hal_portable_run(call->traits, total, 256);
    hal_portable_launch_runs(call, program, "reduce_finish", total, run);
    hal_portable_pass_scratch(call, partial);
    hal_portable_pass(call, call->n_in);
    hal_portable_pass_walk(call, &hal_portable_out(call, 0)->flat);
    hal_portable_pass_int(call, kind);
    hal_portable_pass_long(call, v->k);
    hal_portable_pass_long(call, v->pieces);
    hal_portable_pass_long(call, v->columns);
    pass_extent(call, run, total);
}

static void plan(hal_portable_call *call, int32_t kind, const bool *reduced) {
    const hal_portable_operand *x = &call->operand[0], *y = hal_portable_out(call, 0);
    const char in = hal_portable_letter(x->dtype);
    view v;
    if (y->n == 0) return;
    look(x, reduced, &v);
    const uint32_t program = hal_portable_use(call, "reduce", NULL, "X=%s Y=%s IN=%c", hal_portable_type(x->dtype),
        hal_portable_type(y->dtype), in);
    const uint64_t partial = v.pieces == 1 ? 0 :
        hal_portable_scratch(call, (uint64_t)(v.kept * v.pieces * v.columns) * (in == 'f' ? 4 : 8));
    if (v.columns > 1 || kind == KIND_PROD || (v.k < FEW_ROWS && !call->traits->wide)) launch_columns(call, program, &v, partial, kind);
    else launch_rows(call, program, &v, partial, kind);
    if (v.pieces > 1) launch_finish(call, program, &v, partial, kind);
}

void hal_portable_plan_reduce(hal_portable_call *call) {
    const hal_reduce_attrs *attrs = call->attrs;
    const uint32_t rank = call->operand[0].rank;
    bool reduced[HAL_MAX_RANK];
    for (uint32_t d = 0; d < HAL_MAX_RANK; d++) reduced[d] = attrs->axes.n == 0;
    for (int64_t i = 0; i < attrs->axes.n; i++) {
        const int64_t axis = attrs->axes.v[i];
        reduced[axis < 0 ? axis + (int64_t)rank : axis] = true;
    }
    plan(call, (int32_t)attrs->kind, reduced);
}

void hal_portable_plan_square_sum(hal_portable_call *call) {
    static const bool all[HAL_MAX_RANK] = {true, true, true, true, true, true, true, true};
    plan(call, KIND_SUM_SQUARE, all);
}

void hal_portable_plan_scan(hal_portable_call *call) {
    const hal_scan_attrs *attrs = call->attrs;
    const hal_portable_operand *x = &call->operand[0], *y = hal_portable_out(call, 0);
    const int64_t n = x->size[x->rank - 1], rows = n ? x->n / n : 0, group = hal_portable_group_size(call->traits);
    const int64_t run = hal_portable_run(call->traits, rows, 1 + 4096 / (n + 1));
    const uint32_t program = hal_portable_use(call, "scan", NULL, "T=%s IN=%c", hal_portable_type(x->dtype),
        hal_portable_letter(x->dtype));
    if (rows == 0) return;
    if (call->traits->wide) hal_portable_launch_runs(call, program, "scan", rows, run);
    else {
        hal_portable_launch_add(call, program, "scan", (uint64_t)(rows * group), 1, 1);
        hal_portable_group(call, (uint64_t)group, 1, 1);
    }
    hal_portable_pass(call, 0);
    hal_portable_pass_walk(call, &x->flat);
    hal_portable_pass(call, 1);
    hal_portable_pass_walk(call, &y->flat);
    hal_portable_pass_int(call, (int32_t)attrs->exclusive);
    hal_portable_pass_int(call, (int32_t)attrs->reverse);
    hal_portable_pass_long(call, n);
    pass_extent(call, run, rows);
}
