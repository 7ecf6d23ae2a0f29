/* SPDX-License-Identifier: Apache-2.0 */
/* Rows by index. gather, embedding: y[o, i, :] = x[o, index[i], :]; scatter_add, embedding_grad: y = base (or
   0), then
 * y[index[i]] += u[i] in order of i with f64 sums; set_rows: y[o, index[i], :] = rows[o, i, :], later i wins.
 * An index outside reads zeros and writes nothing. Reference: hal_op_reference_gather, _scatter_add,
 * _set_rows. */
#include "kernels.h"
#include "rows.h"

/* An operand seen as [outer, axis, inner]. */
typedef struct slab {
    hal_strided outer, inner;
    int64_t n_outer, n_axis, n_inner, step;
} slab;

static void slab_make(const hal_cpu_operand *x, uint32_t axis, slab *s) {
    *s = (slab){.n_outer = 1, .n_inner = 1, .n_axis = x->size[axis], .step = x->stride[axis]};
    hal_strided_make(x->dtype, axis, x->size, x->stride, &s->outer);
    hal_strided_make(x->dtype, x->rank - axis - 1, x->size + axis + 1, x->stride + axis + 1, &s->inner);
    for (uint32_t d = 0; d < axis; d++) s->n_outer *= x->size[d];
    for (uint32_t d = axis + 1; d < x->rank; d++) s->n_inner *= x->size[d];
}

static char *element_at(const hal_strided *v, char *data, int64_t index) {
    hal_walk w;
    hal_walk_start(&w, v, data, index);
    return w.at;
}

static int64_t index_at(const hal_cpu_operand *index, int64_t i) {
    return hal_load_index(index->dtype, element_at(&index->flat, index->data, i));
}

static uint32_t axis_of(int64_t axis, uint32_t rank) { return (uint32_t)(axis < 0 ? axis + (int64_t)rank
    : axis); }

/* --- gather, embedding: row r = o * n + i */

static void run_gather(const hal_cpu_call *call, int64_t chunk, void *scratch) {
    const slab *s = call->plan;
    const hal_cpu_operand *x = &call->operand[0], *index = &call->operand[1], *y = hal_cpu_out(call, 0);
    static const char zeros[8];
    hal_strided zero = {.dtype = y->dtype, .width = y->width, .rank = 1, .size = {INT64_MAX}, .stride = {0}};
    (void)scratch;
    for (int64_t r = chunk * call->grain; r < hal_cpu_rows_end(call, chunk); r++) {
        int64_t o = r / index->n, at = index_at(index, r % index->n);
        bool inside = at >= 0 && at < s->n_axis;
        const char *from = inside ? element_at(&s->outer, x->data, o) + at * s->step : zeros;
        hal_rows_copy(&y->flat, y->data, r * s->n_inner, inside ? &s->inner : &zero, from, 0, s->n_inner);
    }
}

bool hal_prepare_gather(hal_cpu_call *call) {
    const hal_gather_attrs *attrs = call->attrs;
    const hal_cpu_operand *x = &call->operand[0];
    slab *s = hal_cpu_plan(call, sizeof *s);
    if (!s) return false;
    slab_make(x, call->op == HAL_OP_GATHER ? axis_of(attrs->axis, x->rank) : 0, s);
    hal_cpu_rows(call, s->n_inner ? s->n_outer * call->operand[1].n : 0, s->n_inner, run_gather);
    return true;
}

/* --- scatter_add, embedding_grad: a list of the updates of each row of y, then a chunk owns rows of y */

typedef struct scatter { uint32_t index, update; bool has_base, wide; int64_t rows, row; } scatter;

/* first[r]: the first update of row r, next[i]: the one after i; -1: none. */
static void run_lists(const hal_cpu_call *call, int64_t chunk, void *scratch) {
    const scatter *s = call->plan;
    const hal_cpu_operand *index = &call->operand[s->index];
    int64_t *first = call->shared, *next = first + s->rows;
    (void)chunk;
    (void)scratch;
    for (int64_t r = 0; r < s->rows; r++) first[r] = -1;
    for (int64_t i = index->n - 1; i >= 0; i--) {
        int64_t r = index_at(index, i);
        if (r < 0 || r >= s->rows) continue;
        next[i] = first[r];
        first[r] = i;
    }
}

/* A row that nothing is added to keeps its bits. */
static void copy_row(const hal_cpu_call *call, const scatter *s, int64_t r) {
    const hal_cpu_operand *base = &call->operand[0], *y = hal_cpu_out(call, 0);
    static const char zeros[8];
    hal_strided zero = {.dtype = y->dtype, .width = y->width, .rank = 1, .size = {INT64_MAX}, .stride = {0}};
    if (s->has_base && base->data == y->data) return;
    int64_t start = r * s->row;
    char *dense = s->has_base ? NULL : hal_rows_dense(&y->flat, y->data, start, s->row);
    if (dense) memset(dense, 0, (size_t)s->row * y->width);
    else if (s->has_base) hal_rows_copy(&y->flat, y->data, start, &base->flat, base->data, start, s->row);
    else hal_rows_copy(&y->flat, y->data, start, &zero, zeros, 0, s->row);
}

static void add_update(const hal_cpu_operand *u, bool wide, int64_t start, int64_t n, double *sum,
    double *scratch) {
    if (wide) {
        hal_rows_read_double(&u->flat, u->data, start, n, scratch);
        for (int64_t j = 0; j < n; j++) sum[j] += scratch[j];
    } else {
        const float *from = hal_load(u, start, n, (float *)scratch);
        for (int64_t j = 0; j < n; j++) sum[j] += (double)from[j];
    }
}

static void run_scatter(const hal_cpu_call *call, int64_t chunk, void *scratch) {
    const scatter *s = call->plan;
    const hal_cpu_operand *base = &call->operand[0], *u = &call->operand[s->update];
    const hal_cpu_operand *y = hal_cpu_out(call, 0);
    const int64_t *first = call->shared, *next = first + s->rows, n = s->row;
    double *sum = scratch;
    for (int64_t r = chunk * call->grain; r < hal_cpu_rows_end(call, chunk); r++) {
        if (first[r] < 0) {
            copy_row(call, s, r);
            continue;
        }
        if (s->has_base) hal_rows_read_double(&base->flat, base->data, r * n, n, sum);
        else memset(sum, 0, (size_t)n * sizeof *sum);
        for (int64_t i = first[r]; i >= 0; i = next[i]) add_update(u, s->wide, i * n, n, sum, sum + n);
        hal_rows_write_double(&y->flat, y->data, r * n, n, sum);
    }
}

static bool prepare_scatter(hal_cpu_call *call, scatter made) {
    const hal_cpu_operand *y = hal_cpu_out(call, 0);
    scatter *s = hal_cpu_plan(call, sizeof *s);
    if (!s) return false;
    *s = made;
    s->rows = y->size[0];
    s->row = s->rows ? y->n / s->rows : 0;
    s->wide = !hal_dtype_is_small_float(y->dtype)
        || !hal_dtype_is_small_float(call->operand[s->update].dtype);
    call->scratch_bytes = (size_t)s->row * 2 * sizeof(double);
    call->shared_bytes = (size_t)(s->rows + call->operand[s->index].n) * sizeof(int64_t);
    call->phase[call->n_phases++] = (hal_cpu_phase){run_lists, 1};
    hal_cpu_rows(call, s->row ? s->rows : 0, s->row, run_scatter);
    return true;
}

bool hal_prepare_scatter_add(hal_cpu_call *call) {
    return prepare_scatter(call, (scatter){.index = 1, .update = 2, .has_base = true});
}
bool hal_prepare_embedding_grad(hal_cpu_call *call) {
    return prepare_scatter(call, (scatter){.index = 1, .update = 0});
}

/* --- set_rows */

typedef struct setter { slab y, rows; } setter;

static void run_base(const hal_cpu_call *call, int64_t chunk, void *scratch) {
    const hal_cpu_operand *base = &call->operand[0], *y = hal_cpu_out(call, 0);
    int64_t start = chunk * HAL_CPU_CHUNK;
    (void)scratch;
    if (base->data == y->data) return;
    hal_rows_copy(&y->flat, y->data, start, &base->flat, base->data, start, hal_cpu_min(HAL_CPU_CHUNK,
        y->n - start));
}

static void run_set(const hal_cpu_call *call, int64_t o, void *scratch) {
    const setter *s = call->plan;
    const hal_cpu_operand *rows = &call->operand[1], *index = &call->operand[2], *y = hal_cpu_out(call, 0);
    char *to = element_at(&s->y.outer, y->data, o), *from = element_at(&s->rows.outer, rows->data, o);
    (void)scratch;
    for (int64_t i = 0; i < index->n; i++) {
        int64_t at = index_at(index, i);
        if (at < 0 || at >= s->y.n_axis) continue;
        hal_rows_copy(&s->y.inner, to + at * s->y.step, 0, &s->rows.inner, from + i * s->rows.step, 0,
            s->y.n_inner);
    }
}

bool hal_prepare_set_rows(hal_cpu_call *call) {
    const hal_set_rows_attrs *attrs = call->attrs;
    const hal_cpu_operand *y = hal_cpu_out(call, 0);
    uint32_t axis = axis_of(attrs->axis, y->rank);
    setter *s = hal_cpu_plan(call, sizeof *s);
    if (!s) return false;
    slab_make(y, axis, &s->y);
    slab_make(&call->operand[1], axis, &s->rows);
    call->phase[call->n_phases++] = (hal_cpu_phase){run_base, hal_cpu_ceil(y->n, HAL_CPU_CHUNK)};
    call->phase[call->n_phases++] = (hal_cpu_phase){run_set, y->n ? s->y.n_outer : 0};
    return true;
}
