/* SPDX-License-Identifier: Apache-2.0 */
/*
 * texts DIRECTORY quick|full: writes each distinct text that a device with work-items in groups needs for that list of
 * cases, one file a program. The quick list takes a few dtypes; dtypes beyond change an option and nothing else.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hal/ops.h>

#include "ops/portable/planners.h"

/* Texts written so far. */
typedef struct texts { const char *directory; char **text; uint32_t n; int failed; } texts;

static bool is_known(const texts *t, const char *text) {
    for (uint32_t i = 0; i < t->n; i++) {
        if (strcmp(t->text[i], text) == 0) return true;
    }
    return false;
}

static void text_write(const texts *t, const char *file, const char *text, int *failed) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%03u-%s.cu", t->directory, t->n, file);
    FILE *to = fopen(path, "w");
    if (!to || fputs(text, to) < 0) *failed = 1;
    if (to && fclose(to) != 0) *failed = 1;
}

static void program_add(texts *t, const hal_portable_program *program) {
    char *text = hal_portable_source(program), **more = NULL;
    if (text && !is_known(t, text)) more = realloc(t->text, (t->n + 1) * sizeof *more);
    if (!more) {
        free(text);
        return;
    }
    t->text = more;
    t->text[t->n++] = text;
    text_write(t, program->file, text, &t->failed);
}

static void operand_make(const hal_shape *shape, hal_portable_operand *o) {
    *o = (hal_portable_operand){.dtype = shape->dtype, .width = hal_element_width(shape->dtype), .rank = shape->rank, .n = 1};
    for (uint32_t d = shape->rank; d-- > 0;) {
        o->size[d] = hal_dim_value(shape->size[d], NULL);
        o->stride[d] = o->n * (int64_t)o->width;
        o->n *= o->size[d];
    }
    hal_strided_make(o->dtype, o->rank, o->size, o->stride, &o->flat);
}

static void case_add(texts *t, const hal_portable_traits *traits, const hal_case *c) {
    hal_portable_operand operand[32];
    hal_portable_call call = {.traits = traits, .op = c->op, .n_in = c->n_in, .n_out = c->n_out, .attrs = c->attrs,
                              .operand = operand};
    for (uint32_t i = 0; i < c->n_in; i++) operand_make(&c->in[i], &operand[i]);
    for (uint32_t i = 0; i < c->n_out; i++) operand_make(&c->out[i], &operand[c->n_in + i]);
    if (!hal_portable_plan(&call)) t->failed = 1;
    for (uint32_t i = 0; i < call.n_programs; i++) program_add(t, &call.programs[i]);
    hal_portable_call_clear(&call);
}

static bool is_for(uint32_t dtype, bool full) {
    return full || dtype == HAL_F32 || dtype == HAL_BF16 || dtype == HAL_I32;
}

static bool computes(const hal_case *c) {
    for (uint32_t i = 0; i < c->n_in + c->n_out; i++) {
        const uint32_t dtype = i < c->n_in ? c->in[i].dtype : c->out[i - c->n_in].dtype;
        if (dtype == HAL_F8E4M3 || dtype == HAL_F8E5M2 || (dtype != HAL_NO_DTYPE && hal_element_width(dtype) == 0)) return false;
    }
    return true;
}

static void row_add(texts *t, uint32_t op, bool full) {
    static const hal_portable_traits traits = {.fp64 = true, .group = 256, .units = 64, .lanes = 32, .local_bytes = 49152};
    for (uint32_t dtype = 1; dtype < 32; dtype++) {
        hal_case *cases = NULL;
        uint32_t n = 0;
        if (!is_for(dtype, full) || hal_op_cases(op, (hal_dtype)dtype, &cases, &n) != HAL_OK) continue;
        for (uint32_t i = 0; i < n; i++) {
            if (computes(&cases[i]) && (full || !cases[i].full_only)) case_add(t, &traits, &cases[i]);
        }
        hal_op_cases_release(cases, n);
    }
}

int main(int argc, char **argv) {
    texts t = {.directory = argc > 1 ? argv[1] : "."};
    const bool full = argc > 2 && strcmp(argv[2], "full") == 0;
    for (uint32_t op = 1; op < HAL_OP_LIMIT; op++) {
        if (hal_portable_rows[op].planner && hal_op_describe(op)) row_add(&t, op, full);
    }
    printf("%u texts\n", t.n);
    for (uint32_t i = 0; i < t.n; i++) free(t.text[i]);
    free(t.text);
    return t.failed;
}
