/* SPDX-License-Identifier: Apache-2.0 */
/* Axes that operands share: see space.h. */
#include "space.h"

#include <string.h>

#define INNER 4                          /* axes a kernel walks */
#define LEAST 4096                       /* elements that are worth a work-item of a processor */
#define TURNS 8                          /* work-items a unit, so that units that are slow can do less */

/* Strides of operand `o` along the axes of `shape`, 0 where it is repeated. */
static void broadcast(const hal_portable_operand *o, const hal_portable_operand *shape, int64_t *stride) {
    const uint32_t lead = shape->rank - (o->rank < shape->rank ? o->rank : shape->rank);
    for (uint32_t d = 0; d < shape->rank; d++) {
        const bool repeats = d < lead || (o->size[d - lead] == 1 && shape->size[d] != 1);
        stride[d] = repeats ? 0 : o->stride[d - lead];
    }
}

/* Whether axis d of the shape continues the innermost merged axis for all operands. */
static bool continues(const hal_portable_space *s, int64_t stride[][HAL_MAX_RANK], uint32_t n, uint32_t d, int64_t size) {
    if (s->rank == 0) return false;
    for (uint32_t i = 0; i < n; i++) {
        if (s->stride[i][s->rank - 1] != stride[i][d] * size) return false;
    }
    return true;
}

/* Axes of size 1 vanish, and neighbours that all operands step through alike become one. */
static void merge(hal_portable_space *s, const hal_portable_operand *shape, int64_t stride[][HAL_MAX_RANK], uint32_t n) {
    for (uint32_t d = 0; d < shape->rank; d++) {
        if (shape->size[d] == 1) continue;
        const bool joins = continues(s, stride, n, d, shape->size[d]);
        if (!joins) s->size[s->rank++] = 1;
        s->size[s->rank - 1] *= shape->size[d];
        for (uint32_t i = 0; i < n; i++) s->stride[i][s->rank - 1] = stride[i][d];
    }
}

int64_t hal_portable_run(const hal_portable_traits *traits, int64_t n, int64_t least) {
    if (!traits->wide) return 1;
    const int64_t items = (int64_t)(traits->units ? traits->units : 1) * TURNS, share = (n + items - 1) / items;
    return share < least ? least : share;
}

void hal_portable_space_make(const hal_portable_call *call, const hal_portable_operand *shape, hal_portable_space *s) {
    int64_t stride[HAL_PORTABLE_OPERANDS][HAL_MAX_RANK];
    const uint32_t n = call->n_in + call->n_out;
    *s = (hal_portable_space){.n = shape->n, .total = 1};
    for (uint32_t i = 0; i < n; i++) broadcast(&call->operand[i], shape, stride[i]);
    merge(s, shape, stride, n);
    for (uint32_t k = 0; k < INNER; k++) {
        s->inner[INNER - 1 - k] = k < s->rank ? s->size[s->rank - 1 - k] : 1;
        s->total *= s->inner[INNER - 1 - k];
    }
    s->run = hal_portable_run(call->traits, s->total, LEAST);
}

bool hal_portable_space_next(hal_portable_space *s) {
    for (uint32_t d = s->rank > INNER ? s->rank - INNER : 0; d-- > 0;) {
        if (++s->at[d] < s->size[d]) return true;
        s->at[d] = 0;
    }
    return false;
}

int64_t hal_portable_group_size(const hal_portable_traits *traits) {
    int64_t size = 1;
    while (size < 128 && size * 2 <= (int64_t)traits->group) size *= 2;
    return size;
}

void hal_portable_launch_runs(hal_portable_call *call, uint32_t program, const char *entry, int64_t n, int64_t run) {
    const int64_t group = call->traits->wide ? 1 : hal_portable_group_size(call->traits);
    hal_portable_launch_add(call, program, entry, (uint64_t)((n + run - 1) / run), 1, 1);
    hal_portable_group(call, (uint64_t)group, 1, 1);
}

void hal_portable_launch_space(hal_portable_call *call, uint32_t program, const char *entry, const hal_portable_space *s) {
    hal_portable_launch_runs(call, program, entry, s->total, s->run);
}

int64_t hal_portable_space_begin(const hal_portable_space *s, uint32_t operand) {
    int64_t from = 0;
    for (uint32_t d = 0; d + INNER < s->rank; d++) from += s->at[d] * s->stride[operand][d];
    return from;
}

void hal_portable_pass_strides(hal_portable_call *call, const hal_portable_space *s, uint32_t operand, uint32_t width) {
    int64_t by[INNER] = {0};
    for (uint32_t k = 0; k < INNER && k < s->rank; k++)
        by[INNER - 1 - k] = s->stride[operand][s->rank - 1 - k] / (int64_t)width;
    hal_portable_pass_bytes(call, by, sizeof by);
}

void hal_portable_pass_space(hal_portable_call *call, const hal_portable_space *s, uint32_t operand) {
    hal_portable_pass_from(call, operand, hal_portable_space_begin(s, operand));
    hal_portable_pass_strides(call, s, operand, call->operand[operand].width);
}
