/* SPDX-License-Identifier: Apache-2.0 */
/* Lists that a planner fills. A failed allocation is noted once and asked for at the end. */
#include "planners.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Room for `more` entries after the `n` there are; NULL once memory ran out. */
static void *room(hal_portable_call *call, void **list, uint32_t *capacity, uint32_t n, uint32_t more, size_t width) {
    if (!call->failed && n + more > *capacity) {
        const uint32_t wanted = (n + more) * 2;
        void *bigger = realloc(*list, wanted * width);
        if (!bigger) call->failed = true;
        else {
            *list = bigger;
            *capacity = wanted;
        }
    }
    return call->failed ? NULL : (char *)*list + n * width;
}

static bool same_text(const char *a, const char *b) {
    return (a == NULL || b == NULL) ? a == b : strcmp(a, b) == 0;
}

/* The program like `wanted` that the call has already, or UINT32_MAX. */
static uint32_t find_program(const hal_portable_call *call, const hal_portable_program *wanted) {
    for (uint32_t i = 0; i < call->n_programs; i++) {
        const hal_portable_program *p = &call->programs[i];
        if (strcmp(p->file, wanted->file) == 0 && strcmp(p->options, wanted->options) == 0 &&
            same_text(p->body, wanted->body)) return i;
    }
    return UINT32_MAX;
}

/* Only texts that begin with tile.cl hang on the size of its tiles. */
static const char *tile_option(const hal_portable_traits *traits, const char *file) {
    return traits->wide && traits->small_tiles && strncmp(file, "tile", 4) == 0 ? "HAL_SMALL_TILES " : "";
}

uint32_t hal_portable_use(hal_portable_call *call, const char *file, char *body, const char *format, ...) {
    hal_portable_program p = {.file = file, .body = body};
    const int begun = snprintf(p.options, sizeof p.options, "%s%s%s", call->traits->fp64 ? "HAL_FP64 " : "",
        call->traits->wide ? "HAL_WIDE " : "", tile_option(call->traits, file));
    va_list list;
    va_start(list, format);
    vsnprintf(p.options + begun, sizeof p.options - (size_t)begun, format, list);
    va_end(list);
    uint32_t index = find_program(call, &p);
    hal_portable_program *to = index != UINT32_MAX ? NULL : room(call, (void **)&call->programs, &call->room_programs,
        call->n_programs, 1, sizeof p);
    if (!to) {
        free(body);
        return index != UINT32_MAX ? index : 0;
    }
    *to = p;
    return call->n_programs++;
}

void hal_portable_launch_add(hal_portable_call *call, uint32_t program, const char *entry, uint64_t x, uint64_t y,
    uint64_t z) {
    hal_portable_launch *l = room(call, (void **)&call->launches, &call->room_launches, call->n_launches, 1, sizeof *l);
    if (!l) return;
    *l = (hal_portable_launch){.program = program, .first = call->n_arguments, .global = {x, y, z}};
    snprintf(l->entry, sizeof l->entry, "%s", entry);
    call->n_launches++;
}

void hal_portable_group(hal_portable_call *call, uint64_t x, uint64_t y, uint64_t z) {
    const uint64_t group[3] = {x, y, z};
    if (call->failed) return;
    hal_portable_launch *l = &call->launches[call->n_launches - 1];
    for (int i = 0; i < 3; i++) {
        l->group[i] = group[i];
        l->global[i] = (l->global[i] + group[i] - 1) / group[i] * group[i];
    }
}

static void add_argument(hal_portable_call *call, hal_portable_argument argument) {
    hal_portable_argument *to = room(call, (void **)&call->arguments, &call->room_arguments, call->n_arguments, 1,
        sizeof argument);
    if (!to) return;
    *to = argument;
    call->n_arguments++;
    call->launches[call->n_launches - 1].n_arguments++;
}

void hal_portable_pass_from(hal_portable_call *call, uint32_t operand, int64_t bytes) {
    add_argument(call, (hal_portable_argument){.kind = HAL_PORTABLE_OPERAND, .index = operand, .at = (uint64_t)bytes});
}

void hal_portable_pass(hal_portable_call *call, uint32_t operand) {
    hal_portable_pass_from(call, operand, 0);
}

void hal_portable_pass_scratch(hal_portable_call *call, uint64_t at) {
    add_argument(call, (hal_portable_argument){.kind = HAL_PORTABLE_SCRATCH, .at = at});
}

void hal_portable_pass_bytes(hal_portable_call *call, const void *value, uint32_t bytes) {
    const uint32_t taken = (bytes + 7) & ~7u;
    char *to = room(call, (void **)&call->values, &call->room_values, call->n_values, taken, 1);
    if (!to) return;
    memcpy(to, value, bytes);
    add_argument(call, (hal_portable_argument){.kind = HAL_PORTABLE_VALUE, .bytes = bytes, .at = call->n_values});
    call->n_values += taken;
}

void hal_portable_pass_long(hal_portable_call *call, int64_t value) {
    hal_portable_pass_bytes(call, &value, sizeof value);
}

void hal_portable_pass_int(hal_portable_call *call, int32_t value) {
    hal_portable_pass_bytes(call, &value, sizeof value);
}

void hal_portable_pass_float(hal_portable_call *call, double value) {
    const float narrow = (float)value;
    hal_portable_pass_bytes(call, &narrow, sizeof narrow);
}

void hal_portable_pass_walk(hal_portable_call *call, const hal_strided *view) {
    hal_portable_walk walk = {.rank = (int32_t)view->rank, .dense = view->dense};
    for (uint32_t d = 0; d < view->rank; d++) {
        walk.size[d] = view->size[d];
        walk.stride[d] = view->stride[d] / (int64_t)view->width;
    }
    hal_portable_pass_bytes(call, &walk, sizeof walk);
}

uint64_t hal_portable_scratch(hal_portable_call *call, uint64_t bytes) {
    const uint64_t at = call->scratch_bytes;
    call->scratch_bytes += (bytes + 63) & ~63ull;
    return at;
}

void hal_portable_call_drop(hal_portable_call *call) {
    for (uint32_t i = 0; i < call->n_programs; i++) free(call->programs[i].body);
    call->n_programs = call->n_launches = call->n_arguments = call->n_values = 0;
    call->scratch_bytes = 0;
    call->failed = false;
}

void hal_portable_call_clear(hal_portable_call *call) {
    hal_portable_call_drop(call);
    free(call->programs);
    free(call->launches);
    free(call->arguments);
    free(call->values);
    call->programs = NULL;
    call->launches = NULL;
    call->arguments = NULL;
    call->values = NULL;
    call->room_programs = call->room_launches = call->room_arguments = call->room_values = 0;
}

void hal_portable_operand_resolve(const hal_description_tensor *t, const int64_t *symbols, hal_portable_operand *o) {
    *o = (hal_portable_operand){.dtype = t->dtype, .width = hal_element_width(t->dtype), .rank = t->rank, .n = 1};
    for (uint32_t d = 0; d < t->rank; d++) {
        o->size[d] = hal_dim_value(t->size[d], symbols);
        o->stride[d] = hal_dim_value(t->stride[d], symbols);
        o->n *= o->size[d];
    }
    hal_strided_make(o->dtype, o->rank, o->size, o->stride, &o->flat);
}

bool hal_portable_plan(hal_portable_call *call) {
    hal_portable_call_drop(call);
    hal_portable_rows[call->op].planner(call);
    return !call->failed;
}
