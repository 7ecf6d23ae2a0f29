/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reductions: y = sum, mean, max, min, product or sum of squares of x over some axes. Shapes: x is seen as
 * [kept, k, columns]:
 * `columns` are innermost axes that stay, `k` all reduced elements. k is cut into pieces of a length that
 * depends on the shape
 * only; each piece gives a partial result in double, and partial results meet in order. Reference:
 * hal_op_reference_reduce.
 * Also square_sum, and scan: running sums along the innermost axis in double.
 */
#include <math.h>

#include "kernels.h"
#include "rows.h"

enum { SUM, MEAN, MAX, MIN, PROD, SUM_SQUARE };

#define LANES 64
#define COLUMN_BLOCK 512                 /* columns of a chunk */
#define ROW_PIECE 256                    /* reduced rows of a chunk when columns stay */
#define FLAT_PIECE 32768                 /* reduced elements of a chunk when none stays */

typedef struct plan {
    hal_strided x;                      /* axes in the order kept, reduced, columns */
    int64_t kept, k, columns, piece, pieces, blocks;
    int kind;
    bool wide;
} plan;

static double start_of(int kind) {
    return kind == MAX ? -INFINITY : kind == MIN ? INFINITY : kind == PROD ? 1.0 : 0.0;
}

static double combine(int kind, double a, double b) {
    switch (kind) {
    case MAX: return a != a ? a : b != b ? b : a > b ? a : b;
    case MIN: return a != a ? a : b != b ? b : a < b ? a : b;
    case PROD: return a * b;
    default: return a + b;
    }
}

static bool is_sum(int kind) { return kind == SUM || kind == MEAN || kind == SUM_SQUARE; }

#define FOLD(expression) \
    for (int64_t i = 0; i < n; i++) { float a = acc[i], b = x[i]; acc[i] = (expression); } break

static void fold(int kind, float *restrict acc, const float *restrict x, int64_t n) {
    switch (kind) {
    case MAX: FOLD(a != a ? a : b != b ? b : a > b ? a : b);
    case MIN: FOLD(a != a ? a : b != b ? b : a < b ? a : b);
    case PROD: FOLD(a * b);
    case SUM_SQUARE: FOLD(hal_fma(b, b, a));
    default: FOLD(a + b);
    }
}

static double finish_lanes(int kind, const float *acc, int64_t n) {
    double r = start_of(kind);
    for (int64_t i = 0; i < n; i++) r = combine(kind, r, (double)acc[i]);
    return r;
}

/* A dense run of floats: LANES partial results, blocks short enough for float sums. */
static double reduce_run(int kind, const float *x, int64_t n) {
    double result = start_of(kind);
    for (int64_t at = 0; at < n;) {
        float acc[LANES];
        int64_t block = hal_cpu_min(n - at, 64 * LANES), i = 0;
        for (int l = 0; l < LANES; l++) acc[l] = (float)start_of(kind);
        for (; i + LANES <= block; i += LANES) fold(kind, acc, x + at + i, LANES);
        fold(kind, acc, x + at + i, block - i);
        result = combine(kind, result, finish_lanes(kind, acc, LANES));
        at += block;
    }
    return result;
}

static double reduce_wide(const plan *p, const hal_cpu_operand *x, int64_t start, int64_t n, double *buffer) {
    double result = start_of(p->kind), lost = 0;
    for (int64_t at = 0; at < n; at += COLUMN_BLOCK) {
        int64_t m = hal_cpu_min(COLUMN_BLOCK, n - at);
        hal_rows_read_double(&p->x, x->data, start + at, m, buffer);
        for (int64_t i = 0; i < m; i++) {
            double v = p->kind == SUM_SQUARE ? buffer[i] * buffer[i] : buffer[i];
            result = is_sum(p->kind) ? hal_sum_add(result, v, &lost) : combine(p->kind, result, v);
        }
    }
    return result + lost;
}

/* One output, one piece, no columns. */
static double reduce_piece(const plan *p, const hal_cpu_operand *x, int64_t start, int64_t n, void *scratch) {
    double result = start_of(p->kind);
    if (p->wide) return reduce_wide(p, x, start, n, scratch);
    for (int64_t at = 0; at < n; at += 4096) {
        int64_t m = hal_cpu_min(4096, n - at);
        const float *row = hal_rows_load(&p->x, x->data, start + at, m, scratch);
        result = combine(p->kind, result, reduce_run(p->kind, row, m));
    }
    return result;
}

static void run_rows(const hal_cpu_call *call, int64_t chunk, void *scratch) {
    const plan *p = call->plan;
    double *partial = call->shared;
    for (int64_t r = chunk * call->grain; r < hal_cpu_rows_end(call, chunk); r++) {
        int64_t output = r / p->pieces, at = r % p->pieces * p->piece;
        partial[r] = reduce_piece(p, &call->operand[0], output * p->k + at, hal_cpu_min(p->piece, p->k - at),
            scratch);
    }
}

/* Chunk = (kept, piece, block of columns): rows of columns fold into one row of results. */
static void run_columns(const hal_cpu_call *call, int64_t chunk, void *scratch) {
    const plan *p = call->plan;
    const hal_cpu_operand *x = &call->operand[0];
    float *acc = scratch, *buffer = acc + COLUMN_BLOCK;
    int64_t block = chunk % p->blocks, piece = chunk / p->blocks % p->pieces, kept =
        chunk / p->blocks / p->pieces;
    int64_t c0 = block * COLUMN_BLOCK, n = hal_cpu_min(COLUMN_BLOCK, p->columns - c0);
    int64_t last = hal_cpu_min(p->k, (piece + 1) * p->piece);
    double *partial = (double *)call->shared + (kept * p->pieces + piece) * p->columns + c0;
    for (int64_t i = 0; i < n; i++) acc[i] = (float)start_of(p->kind);
    for (int64_t i = piece * p->piece; i < last; i++) {
        fold(p->kind, acc, hal_rows_load(&p->x, x->data, (kept * p->k + i) * p->columns + c0, n, buffer), n);
    }
    for (int64_t i = 0; i < n; i++) partial[i] = (double)acc[i];
}

/* Pieces of each output in order, then the mean. */
static void run_finish(const hal_cpu_call *call, int64_t chunk, void *scratch) {
    const plan *p = call->plan;
    const hal_cpu_operand *y = hal_cpu_out(call, 0);
    const double *partial = call->shared;
    double *out = scratch;
    int64_t start = chunk * COLUMN_BLOCK, n = hal_cpu_min(COLUMN_BLOCK, y->n - start);
    for (int64_t i = 0; i < n; i++) {
        int64_t kept = (start + i) / p->columns, column = (start + i) % p->columns;
        double r = start_of(p->kind);
        for (int64_t s = 0; s < p->pieces; s++) {
            r = combine(p->kind, r, partial[(kept * p->pieces + s) * p->columns + column]);
        }
        out[i] = p->kind == MEAN ? r / (double)p->k : r;
    }
    hal_rows_write_double(&y->flat, y->data, start, n, out);
}

static void arrange(plan *p, const hal_cpu_operand *x, const bool *reduced) {
    int64_t size[HAL_MAX_RANK], stride[HAL_MAX_RANK];
    uint32_t n = 0, columns_from = x->rank;
    p->kept = p->k = p->columns = 1;
    while (columns_from > 0 && !reduced[columns_from - 1]) columns_from--;
    if (p->wide) columns_from = x->rank;
    for (int pass = 0; pass < 3; pass++) {
        for (uint32_t d = 0; d < x->rank; d++) {
            int place = d >= columns_from ? 2 : reduced[d];
            if (place != pass) continue;
            size[n] = x->size[d];
            stride[n++] = x->stride[d];
            *(pass == 0 ? &p->kept : pass == 1 ? &p->k : &p->columns) *= x->size[d];
        }
    }
    hal_strided_make(x->dtype, n, size, stride, &p->x);
}

/* Few columns are not worth a loop over columns: they count as kept. */
static void drop_columns(plan *p, const hal_cpu_operand *x, const bool *reduced) {
    bool wide = p->wide;
    p->wide = true;
    arrange(p, x, reduced);
    p->wide = wide;
}

static bool prepare(hal_cpu_call *call, int kind, const bool *reduced) {
    const hal_cpu_operand *x = &call->operand[0], *y = hal_cpu_out(call, 0);
    plan *p = hal_cpu_plan(call, sizeof *p);
    if (!p) return false;
    p->kind = kind;
    p->wide = !hal_dtype_is_small_float(x->dtype);
    arrange(p, x, reduced);
    if (p->columns > 1 && p->columns < 8) drop_columns(p, x, reduced);
    p->piece = p->columns > 1 ? ROW_PIECE : FLAT_PIECE;
    p->pieces = hal_cpu_max(1, hal_cpu_ceil(p->k, p->piece));
    p->blocks = hal_cpu_ceil(p->columns, COLUMN_BLOCK);
    call->shared_bytes = (size_t)(p->kept * p->pieces * p->columns) * sizeof(double);
    call->scratch_bytes = 4096 * sizeof(double);
    if (p->columns > 1) call->phase[call->n_phases++] = (hal_cpu_phase){run_columns,
        p->kept * p->pieces * p->blocks};
    else hal_cpu_rows(call, p->kept * p->pieces, hal_cpu_min(p->k, p->piece), run_rows);
    call->phase[call->n_phases++] = (hal_cpu_phase){run_finish, hal_cpu_ceil(y->n, COLUMN_BLOCK)};
    return true;
}

bool hal_prepare_reduce(hal_cpu_call *call) {
    const hal_reduce_attrs *attrs = call->attrs;
    uint32_t rank = call->operand[0].rank;
    bool reduced[HAL_MAX_RANK];
    for (uint32_t d = 0; d < rank; d++) reduced[d] = attrs->axes.n == 0;
    for (int64_t i = 0; i < attrs->axes.n; i++) {
        int64_t axis = attrs->axes.v[i];
        reduced[axis < 0 ? axis + (int64_t)rank : axis] = true;
    }
    return prepare(call, (int)attrs->kind, reduced);
}

bool hal_prepare_square_sum(hal_cpu_call *call) {
    bool all[HAL_MAX_RANK] = {true, true, true, true, true, true, true, true};
    return prepare(call, SUM_SQUARE, all);
}

/* --- scan */

static void run_scan(const hal_cpu_call *call, int64_t chunk, void *scratch) {
    const hal_scan_attrs *attrs = call->attrs;
    const hal_cpu_operand *x = &call->operand[0], *y = hal_cpu_out(call, 0);
    double *row = scratch;
    int64_t n = call->row;
    for (int64_t r = chunk * call->grain; r < hal_cpu_rows_end(call, chunk); r++) {
        double sum = 0, lost = 0;
        hal_rows_read_double(&x->flat, x->data, r * n, n, row);
        for (int64_t j = 0; j < n; j++) {
            int64_t i = attrs->reverse ? n - 1 - j : j;
            double before = sum + lost;
            sum = hal_sum_add(sum, row[i], &lost);
            row[i] = attrs->exclusive ? before : sum + lost;
        }
        hal_rows_write_double(&y->flat, y->data, r * n, n, row);
    }
}

bool hal_prepare_scan(hal_cpu_call *call) {
    const hal_cpu_operand *x = &call->operand[0];
    int64_t row = x->rank ? x->size[x->rank - 1] : 1;
    call->scratch_bytes = (size_t)row * sizeof(double);
    hal_cpu_rows(call, row ? x->n / row : 0, row, run_scan);
    return true;
}
