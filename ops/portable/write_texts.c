/* SPDX-License-Identifier: Apache-2.0 */
/*
 * write_texts DIRECTORY quick|full: writes each distinct text that a device with work-items in groups needs for that list of
 * cases, one file a program, and their names into texts.list. The quick list takes a few dtypes; dtypes beyond change an
 * option and nothing else. A file is named after what is in it, and left alone where it is there: what was made of it is
 * then made of the same text still.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hal/ops.h>

#include "ops/portable/hash.h"
#include "ops/portable/plan_case.h"
#include "ops/portable/product.h"

/* Texts written so far. */
typedef struct texts { const char *directory; FILE *list; char **text; uint32_t n; int failed; } texts;

static bool is_known(const texts *t, const char *text) {
    for (uint32_t i = 0; i < t->n; i++) {
        if (strcmp(t->text[i], text) == 0) return true;
    }
    return false;
}

static bool file_write(const char *path, const char *text) {
    FILE *to = fopen(path, "w");
    bool done = to && fputs(text, to) >= 0;
    if (to && fclose(to) != 0) done = false;
    return done;
}

/* Complete, or not there. */
static bool text_write(const texts *t, const char *file, const char *text) {
    const hal_portable_hash hash = hal_portable_hash_of(text, strlen(text));
    char path[4096], fresh[4104];
    snprintf(path, sizeof path, "%s/%s-%016llx%016llx.cu", t->directory, file, (unsigned long long)hash.high,
        (unsigned long long)hash.low);
    snprintf(fresh, sizeof fresh, "%s.new", path);
    fprintf(t->list, "%s\n", strrchr(path, '/') + 1);
    return access(path, R_OK) == 0 || (file_write(fresh, text) && rename(fresh, path) == 0);
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
    if (!text_write(t, program->file, text)) t->failed = 1;
}

/* Where a library multiplies, the expression of a matmul is a program of its own: from a product of f32, or of the inputs'
   dtype. */
static void epilogue_add(texts *t, hal_portable_call *call) {
    const hal_matmul_attrs *attrs = call->attrs;
    const uint32_t product[] = {HAL_F32, call->operand[0].dtype};
    if (call->op != HAL_OP_MATMUL || attrs->expr.n_outputs == 0 || call->operand[0].dtype == HAL_F64) return;
    for (uint32_t i = 0; i < 2; i++) {
        hal_portable_call_drop(call);
        hal_portable_plan_epilogue(call, product[i], 0);
        for (uint32_t k = 0; k < call->n_programs; k++) program_add(t, &call->programs[k]);
    }
    if (call->failed) t->failed = 1;
}

static void case_add(texts *t, const hal_portable_traits *traits, const hal_case *c) {
    hal_portable_operand operand[PLAN_OPERANDS];
    hal_portable_call call;
    if (!plan_case(traits, c, operand, &call)) t->failed = 1;
    for (uint32_t i = 0; i < call.n_programs; i++) program_add(t, &call.programs[i]);
    epilogue_add(t, &call);
    hal_portable_call_clear(&call);
}

static bool is_for(uint32_t dtype, bool full) {
    return full || dtype == HAL_F32 || dtype == HAL_BF16 || dtype == HAL_I32;
}

static void row_add(texts *t, uint32_t op, bool full) {
    static const hal_portable_traits traits = {.fp64 = true, .group = 256, .units = 64, .lanes = 32, .local_bytes = 49152};
    for (uint32_t dtype = 1; dtype < 32; dtype++) {
        hal_case *cases = NULL;
        uint32_t n = 0;
        if (!is_for(dtype, full) || hal_op_cases(op, (hal_dtype)dtype, &cases, &n) != HAL_OK) continue;
        for (uint32_t i = 0; i < n; i++) {
            if (plan_computes(&traits, &cases[i]) && (full || !cases[i].full_only)) case_add(t, &traits, &cases[i]);
        }
        hal_op_cases_release(cases, n);
    }
}

/* An operand [1, 1, 64, d], or of fewer axes. */
static hal_shape shape_of(hal_dtype dtype, uint32_t rank, int64_t d) {
    const int64_t size[] = {1, 1, 64, d};
    hal_shape shape = {.dtype = dtype, .rank = rank};
    for (uint32_t i = 0; i < rank; i++) shape.size[i] = hal_dim_constant(size[i]);
    return shape;
}

/* Attention by products of a warp. */
static void warps_case(texts *t, uint32_t op, hal_dtype dtype, int64_t d, bool biased) {
    static const hal_portable_traits traits = {.fp64 = true, .group = 256, .units = 64, .lanes = 32, .local_bytes = 49152,
                                               .warp_products = true};
    hal_attention_attrs forward = {.causal = 1};
    hal_attention_grad_attrs backward = {.causal = 1};
    const bool grad = op == HAL_OP_ATTENTION_GRAD;
    const uint32_t first = grad ? 6 : 3;
    hal_case c = {.op = op, .n_in = first + biased, .n_out = grad ? 3 : 2, .attrs = grad ? (void *)&backward : &forward};
    for (uint32_t i = 0; i < first; i++) c.in[i] = shape_of(dtype, 4, d);
    if (grad) c.in[5] = shape_of(HAL_F32, 3, d);
    c.in[first] = shape_of(dtype, 4, 64);
    for (uint32_t i = 0; i < c.n_out; i++) c.out[i] = shape_of(dtype, 4, d);
    if (!grad) c.out[1] = shape_of(HAL_F32, 3, d);
    case_add(t, &traits, &c);
}

/* All there are, whatever the list: a device that has no compiler at run time has them too. */
static void warps_add(texts *t) {
    static const hal_dtype dtypes[] = {HAL_BF16, HAL_F16};
    for (uint32_t i = 0; i < 8; i++) {
        const int64_t d = i & 2 ? 128 : 64;
        warps_case(t, HAL_OP_ATTENTION, dtypes[i & 1], d, i >= 4);
        if (dtypes[i & 1] == HAL_BF16) warps_case(t, HAL_OP_ATTENTION_GRAD, HAL_BF16, d, i >= 4);
    }
}

static FILE *list_open(const char *directory) {
    char path[4096];
    snprintf(path, sizeof path, "%s/texts.list", directory);
    return fopen(path, "w");
}

int main(int argc, char **argv) {
    texts t = {.directory = argc > 1 ? argv[1] : "."};
    const bool full = argc > 2 && strcmp(argv[2], "full") == 0;
    t.list = list_open(t.directory);
    if (!t.list) return 1;
    for (uint32_t op = 1; op < HAL_OP_LIMIT; op++) {
        if (hal_portable_rows[op].planner && hal_op_describe(op)) row_add(&t, op, full);
    }
    warps_add(&t);
    if (fclose(t.list) != 0) t.failed = 1;
    printf("%u texts\n", t.n);
    for (uint32_t i = 0; i < t.n; i++) free(t.text[i]);
    free(t.text);
    return t.failed;
}
