/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of a view as dense numbers of the compute type. `start` and `n` count elements in row-major order;
   data that is dense
 * f32 (f64) already is used where it lies. */
#ifndef HAL_OPS_CPU_ROWS_H
#define HAL_OPS_CPU_ROWS_H

#include "cpu.h"
#include "ops/kernel/element.h"

/* Walks the runs of a view: pieces of its innermost axis. */
typedef struct hal_walk { const hal_strided *view; char *at; int64_t index[HAL_MAX_RANK]; } hal_walk;

static inline void hal_walk_start(hal_walk *w, const hal_strided *view, char *data, int64_t start) {
    w->view = view;
    w->at = data;
    for (uint32_t d = view->rank; d-- > 0;) {
        w->index[d] = d == 0 ? start : start % view->size[d];
        start /= view->size[d];
        w->at += w->index[d] * view->stride[d];
    }
}

/* The next run of at most `want` elements: returns its length and sets its address. */
static inline int64_t hal_walk_next(hal_walk *w, int64_t want, char **run) {
    const hal_strided *v = w->view;
    uint32_t d = v->rank - 1;
    int64_t n = hal_cpu_min(want, v->size[d] - w->index[d]);
    *run = w->at;
    w->index[d] += n;
    w->at += n * v->stride[d];
    while (d > 0 && w->index[d] == v->size[d]) {
        w->at += v->stride[d - 1] - v->size[d] * v->stride[d];
        w->index[d--] = 0;
        w->index[d]++;
    }
    return n;
}

/* The address of [start, start + n) if it lies dense in memory, else NULL. */
static inline char *hal_rows_dense(const hal_strided *v, char *data, int64_t start, int64_t n) {
    if (v->dense) return data + start * v->width;
    hal_walk w;
    char *run;
    if (v->stride[v->rank - 1] != v->width) return NULL;
    hal_walk_start(&w, v, data, start);
    return hal_walk_next(&w, n, &run) == n ? run : NULL;
}

#define hal_rows_read HAL_CPU_V(rows_read)
#define hal_rows_write HAL_CPU_V(rows_write)
#define hal_rows_read_double HAL_CPU_V(rows_read_double)
#define hal_rows_write_double HAL_CPU_V(rows_write_double)
#define hal_rows_copy HAL_CPU_V(rows_copy)
#define hal_run_read HAL_CPU_V(run_read)
#define hal_run_write HAL_CPU_V(run_write)

/* n elements at distance `stride` converted to or from float. */
void hal_run_read(uint32_t dtype, const char *p, int64_t stride, int64_t n, float *to);
void hal_run_write(uint32_t dtype, char *p, int64_t stride, int64_t n, const float *from);

/* Fills `to`. */
void hal_rows_read(const hal_strided *v, const char *data, int64_t start, int64_t n, float *to);
void hal_rows_write(const hal_strided *v, char *data, int64_t start, int64_t n, const float *from);
void hal_rows_read_double(const hal_strided *v, const char *data, int64_t start, int64_t n, double *to);
void hal_rows_write_double(const hal_strided *v, char *data, int64_t start, int64_t n, const double *from);
/* Copies [start, start + n) of `from` to dense memory, or to a view of equal element count and width. */
void hal_rows_copy(const hal_strided *to, char *to_data, int64_t to_start, const hal_strided *from,
    const char *from_data,
                   int64_t from_start, int64_t n);

/* Where row data can be read: in place, or in `scratch` after conversion. */
static inline const float *hal_rows_load(const hal_strided *v, const char *data, int64_t start, int64_t n,
    float *scratch) {
    const char *p = v->dtype == HAL_F32 ? hal_rows_dense(v, (char *)(uintptr_t)data, start, n) : NULL;
    if (p) return (const float *)(const void *)p;
    hal_rows_read(v, data, start, n, scratch);
    return scratch;
}
/* Where row data can be written before hal_rows_save. */
static inline float *hal_rows_target(const hal_strided *v, char *data, int64_t start, int64_t n,
    float *scratch) {
    char *p = v->dtype == HAL_F32 ? hal_rows_dense(v, data, start, n) : NULL;
    return p ? (float *)(void *)p : scratch;
}
static inline void hal_rows_save(const hal_strided *v, char *data, int64_t start, int64_t n,
    const float *target, const float *scratch) {
    if (target == scratch) hal_rows_write(v, data, start, n, scratch);
}

/* The same for an operand of a call. */
static inline const float *hal_load(const hal_cpu_operand *o, int64_t start, int64_t n, float *scratch) {
    return hal_rows_load(&o->flat, o->data, start, n, scratch);
}
static inline float *hal_target(const hal_cpu_operand *o, int64_t start, int64_t n, float *scratch) {
    return hal_rows_target(&o->flat, o->data, start, n, scratch);
}
static inline void hal_save(const hal_cpu_operand *o, int64_t start, int64_t n, const float *target,
    const float *scratch) {
    hal_rows_save(&o->flat, o->data, start, n, target, scratch);
}
static inline float hal_load_scalar(const hal_cpu_operand *o) { return (float)hal_load_double(o->dtype,
    o->data); }

#endif
