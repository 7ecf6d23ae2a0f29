/* SPDX-License-Identifier: Apache-2.0 */
/* Movement: y = x through other sizes and strides: copy, reshape, transpose, slice, broadcast, split, concat;
   and cast, fill,
 * iota. Every row is a list of parts, each a copy between two views of equal element count.
 * Reference: hal_op_reference_copy, _transpose, _slice, _broadcast, _split, _concat, _cast, _fill, _iota. */
#include "kernels.h"
#include "rows.h"

typedef struct part {
    hal_strided from, to;
    uint32_t in, out;
    int64_t from_offset, to_offset, n, first_chunk;
} part;
typedef struct plan { uint32_t n; part part[16]; } plan;

static void run(const hal_cpu_call *call, int64_t chunk, void *scratch) {
    const plan *p = call->plan;
    uint32_t i = 0;
    (void)scratch;
    while (i + 1 < p->n && p->part[i + 1].first_chunk <= chunk) i++;
    const part *t = &p->part[i];
    int64_t start = (chunk - t->first_chunk) * HAL_CPU_CHUNK, n = hal_cpu_min(HAL_CPU_CHUNK, t->n - start);
    char *from = call->operand[t->in].data + t->from_offset, *to =
        call->operand[call->n_in + t->out].data + t->to_offset;
    if (from == to && t->from.dense && t->to.dense) return;
    hal_rows_copy(&t->to, to, start, &t->from, from, start, n);
}

static part *add_part(plan *p, uint32_t in, uint32_t out, int64_t n) {
    part *t = &p->part[p->n++];
    t->in = in;
    t->out = out;
    t->n = n;
    return t;
}

static bool finish(hal_cpu_call *call, plan *p) {
    int64_t chunks = 0;
    for (uint32_t i = 0; i < p->n; i++) {
        p->part[i].first_chunk = chunks;
        chunks += hal_cpu_ceil(p->part[i].n, HAL_CPU_CHUNK);
    }
    call->phase[call->n_phases++] = (hal_cpu_phase){run, chunks};
    return true;
}

/* One part from strides over the sizes of y. */
static bool single(hal_cpu_call *call, const int64_t *stride, int64_t offset) {
    const hal_cpu_operand *x = &call->operand[0], *y = hal_cpu_out(call, 0);
    plan *p = hal_cpu_plan(call, sizeof *p);
    if (!p) return false;
    part *t = add_part(p, 0, 0, y->n);
    hal_strided_make(x->dtype, y->rank, y->size, stride, &t->from);
    t->to = y->flat;
    t->from_offset = offset;
    return finish(call, p);
}

bool hal_prepare_copy(hal_cpu_call *call) {
    plan *p = hal_cpu_plan(call, sizeof *p);
    if (!p) return false;
    part *t = add_part(p, 0, 0, hal_cpu_out(call, 0)->n);
    t->from = call->operand[0].flat;
    t->to = hal_cpu_out(call, 0)->flat;
    return finish(call, p);
}

bool hal_prepare_transpose(hal_cpu_call *call) {
    const hal_transpose_attrs *attrs = call->attrs;
    const hal_cpu_operand *x = &call->operand[0];
    int64_t stride[HAL_MAX_RANK];
    for (uint32_t d = 0; d < x->rank; d++) {
        int64_t from = attrs->perm.n ? attrs->perm.v[d] : (int64_t)(x->rank - 1 - d);
        stride[d] = x->stride[from < 0 ? from + (int64_t)x->rank : from];
    }
    return single(call, stride, 0);
}

static uint32_t axis_of(int64_t axis, uint32_t rank) { return (uint32_t)(axis < 0 ? axis + (int64_t)rank
    : axis); }

bool hal_prepare_slice(hal_cpu_call *call) {
    const hal_slice_attrs *attrs = call->attrs;
    const hal_cpu_operand *x = &call->operand[0];
    int64_t stride[HAL_MAX_RANK];
    uint32_t axis = axis_of(attrs->axis, x->rank);
    memcpy(stride, x->stride, sizeof stride);
    stride[axis] *= attrs->step;
    return single(call, stride, attrs->start * x->stride[axis]);
}

bool hal_prepare_broadcast(hal_cpu_call *call) {
    const hal_cpu_operand *x = &call->operand[0], *y = hal_cpu_out(call, 0);
    plan *p = hal_cpu_plan(call, sizeof *p);
    if (!p) return false;
    part *t = add_part(p, 0, 0, y->n);
    hal_cpu_broadcast(x, y->rank, y->size, &t->from);
    t->to = y->flat;
    return finish(call, p);
}

bool hal_prepare_split(hal_cpu_call *call) {
    const hal_split_attrs *attrs = call->attrs;
    const hal_cpu_operand *x = &call->operand[0];
    uint32_t axis = axis_of(attrs->axis, x->rank);
    plan *p = hal_cpu_plan(call, sizeof *p);
    if (!p) return false;
    for (uint32_t i = 0; i < call->n_out; i++) {
        const hal_cpu_operand *y = hal_cpu_out(call, i);
        part *t = add_part(p, 0, i, y->n);
        hal_strided_make(x->dtype, y->rank, y->size, x->stride, &t->from);
        t->to = y->flat;
        t->from_offset = (int64_t)i * y->size[axis] * x->stride[axis];
    }
    return finish(call, p);
}

bool hal_prepare_concat(hal_cpu_call *call) {
    const hal_concat_attrs *attrs = call->attrs;
    const hal_cpu_operand *y = hal_cpu_out(call, 0);
    uint32_t axis = axis_of(attrs->axis, y->rank);
    int64_t at = 0;
    plan *p = hal_cpu_plan(call, sizeof *p);
    if (!p) return false;
    for (uint32_t i = 0; i < call->n_in; i++) {
        const hal_cpu_operand *x = &call->operand[i];
        part *t = add_part(p, i, 0, x->n);
        t->from = x->flat;
        hal_strided_make(y->dtype, x->rank, x->size, y->stride, &t->to);
        t->to_offset = at * y->stride[axis];
        at += x->size[axis];
    }
    return finish(call, p);
}

/* --- cast */

static bool fits_float(uint32_t dtype) { return hal_dtype_is_small_float(dtype); }

static void run_cast(const hal_cpu_call *call, int64_t chunk, void *scratch) {
    const hal_cpu_operand *x = &call->operand[0], *y = hal_cpu_out(call, 0);
    int64_t end = hal_cpu_rows_end(call, chunk);
    for (int64_t at = chunk * call->grain; at < end; at += 512) {
        int64_t n = hal_cpu_min(512, end - at);
        if (fits_float(x->dtype) && fits_float(y->dtype)) {
            hal_rows_write(&y->flat, y->data, at, n, hal_load(x, at, n, scratch));
        } else {
            hal_rows_read_double(&x->flat, x->data, at, n, scratch);
            hal_rows_write_double(&y->flat, y->data, at, n, scratch);
        }
    }
}

/* Between i64 and itself a double would lose digits. */
bool hal_prepare_cast(hal_cpu_call *call) {
    if (call->operand[0].dtype == hal_cpu_out(call, 0)->dtype) return hal_prepare_copy(call);
    call->scratch_bytes = 512 * sizeof(double);
    hal_cpu_rows(call, hal_cpu_out(call, 0)->n, 1, run_cast);
    return true;
}

/* --- fill, iota */

static void run_fill(const hal_cpu_call *call, int64_t chunk, void *scratch) {
    const hal_fill_attrs *attrs = call->attrs;
    const hal_cpu_operand *y = hal_cpu_out(call, 0);
    hal_strided one = {.dtype = y->dtype, .width = y->width, .rank = 1, .size = {INT64_MAX}, .stride = {0}};
    char element[8];
    int64_t start = chunk * call->grain;
    (void)scratch;
    hal_store_double(y->dtype, element, attrs->value);
    hal_rows_copy(&y->flat, y->data, start, &one, element, 0, hal_cpu_rows_end(call, chunk) - start);
}

bool hal_prepare_fill(hal_cpu_call *call) {
    hal_cpu_rows(call, hal_cpu_out(call, 0)->n, 1, run_fill);
    return true;
}

static void run_iota(const hal_cpu_call *call, int64_t chunk, void *scratch) {
    const hal_iota_attrs *attrs = call->attrs;
    const hal_cpu_operand *y = hal_cpu_out(call, 0);
    (void)scratch;
    for (int64_t i = chunk * call->grain; i < hal_cpu_rows_end(call, chunk); i++) {
        char *p = y->data + (y->rank ? i * y->stride[0] : 0);
        if (y->dtype == HAL_I64) *(int64_t *)(void *)p = (int64_t)((uint64_t)attrs->start + (uint64_t)i);
        else hal_store_double(y->dtype, p, (double)attrs->start + (double)i);
    }
}

bool hal_prepare_iota(hal_cpu_call *call) {
    hal_cpu_rows(call, hal_cpu_out(call, 0)->n, 1, run_iota);
    return true;
}
