/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions as kernel text. Each step is one of math.cl's functions in the compute type, rounded to its dtype. */
#include "expr.h"

#include <stdio.h>
#include <stdlib.h>

static const struct { const char *name; uint32_t operands; } steps[HAL_EXPR_OP_COUNT] = {
#define HAL_EXPR(number, ID, name, operands, maths) [number] = {name, operands},
#include <ops/expr.def>
};

/* What an expression computes in, by the letter that math.cl's functions carry. */
enum { IN_FLOAT = 'f', IN_DOUBLE = 'd', IN_LONG = 'l' };

static bool float_holds(uint32_t dtype) {
    switch (dtype) {
    case HAL_F32: case HAL_F16: case HAL_BF16: case HAL_BOOL: return true;
    default: return false;
    }
}

/* Inputs in small integers convert to float exactly; a step in them is an integer step. */
static bool input_needs_more(uint32_t dtype) {
    return dtype == HAL_F64 || dtype == HAL_I64 || dtype == HAL_I32 || dtype == HAL_U32;
}

static int computes_in(bool doubles, const hal_expr *e, const uint32_t *dtype) {
    bool more = false;
    for (uint32_t i = 0; i < e->n_inputs; i++) more |= input_needs_more(dtype[i]);
    for (uint32_t s = 0; s < e->n_steps; s++) more |= !float_holds(e->step[s].dtype);
    return !more ? IN_FLOAT : doubles ? IN_DOUBLE : IN_LONG;
}

static bool is_integer(uint32_t dtype) {
    return dtype >= HAL_I8 && dtype <= HAL_U32;
}

static bool has_integer_form(uint32_t op) {
    switch (op) {
    case HAL_EXPR_NEG: case HAL_EXPR_ABS: case HAL_EXPR_RELU: case HAL_EXPR_ROUND: case HAL_EXPR_ADD: case HAL_EXPR_SUB:
    case HAL_EXPR_MUL: case HAL_EXPR_MIN: case HAL_EXPR_MAX: case HAL_EXPR_LT: case HAL_EXPR_LE: case HAL_EXPR_EQ:
    case HAL_EXPR_RELU_GRAD: case HAL_EXPR_SELECT: return true;
    default: return false;
    }
}

static bool step_fits_long(const hal_expr_step *s) {
    return is_integer(s->dtype) && has_integer_form(s->op) && !(s->op == HAL_EXPR_MUL && s->dtype == HAL_I64);
}

/* Half bytes, blocks and the 8-bit floats are not computed with. */
static bool is_known(uint32_t dtype) {
    return hal_element_width(dtype) != 0 && dtype != HAL_F8E4M3 && dtype != HAL_F8E5M2;
}

const char *hal_portable_expr_refuse(const hal_portable_traits *traits, const hal_expr *e, const uint32_t *dtype) {
    for (uint32_t s = 0; s < e->n_steps; s++) {
        if (!is_known(e->step[s].dtype)) return "a step of the expression rounds to a dtype that is not computed with";
    }
    if (computes_in(traits->fp64, e, dtype) != IN_LONG) return NULL;
    for (uint32_t i = 0; i < e->n_inputs; i++) {
        if (!is_integer(dtype[i])) return "the device has no doubles, in which f64 and mixed integer expressions compute";
    }
    for (uint32_t s = 0; s < e->n_steps; s++) {
        if (!step_fits_long(&e->step[s])) return "the device has no doubles, in which this integer step computes";
    }
    for (uint32_t c = 0; c < e->n_constants; c++) {
        if (!(fabs(e->constant[c]) < 0x1p53) || e->constant[c] != floor(e->constant[c]))
            return "the device has no doubles, in which integers and fractions meet";
    }
    return NULL;
}

/* ---------------------------------------------------------------------------------------------------- the text */

static void print_operand(FILE *to, uint8_t code) {
    if (code >= HAL_EXPR_CONSTANT) fprintf(to, "k.v[%u]", (uint32_t)code - HAL_EXPR_CONSTANT);
    else if (code >= HAL_EXPR_INPUT) fprintf(to, "x.v[%u]", (uint32_t)code - HAL_EXPR_INPUT);
    else fprintf(to, "s%u", code);
}

static void print_step(FILE *to, int in, const hal_expr_step *step, uint32_t s) {
    const uint8_t operand[3] = {step->a, step->b, step->c};
    fprintf(to, "    const hal_expr_real s%u = hal_%c_as_%s(hal_%c_%s(", s, in, hal_portable_type(step->dtype), in,
        steps[step->op].name);
    for (uint32_t o = 0; o < steps[step->op].operands; o++) {
        if (o) fputs(", ", to);
        print_operand(to, operand[o]);
    }
    fputs("));\n", to);
}

static void print_function(FILE *to, int in, const hal_expr *e) {
    fputs("HAL_FUNCTION hal_expr_out hal_expr(hal_expr_in x, hal_expr_constants k) {\n    hal_expr_out y;\n", to);
    for (uint32_t s = 0; s < e->n_steps; s++) print_step(to, in, &e->step[s], s);
    for (uint32_t o = 0; o < e->n_outputs; o++) {
        fprintf(to, "    y.v[%u] = ", o);
        print_operand(to, e->output[o]);
        fputs(";\n", to);
    }
    fputs("    return y;\n}\n", to);
}

/* #define NAME(M) M(from) ... M(n - 1) */
static void print_list(FILE *to, const char *name, uint32_t from, uint32_t n) {
    fprintf(to, "#define %s(M)", name);
    for (uint32_t i = from; i < n; i++) fprintf(to, " M(%u)", i);
    fputs("\n", to);
}

static const char *type_of(int in) { return in == IN_FLOAT ? "float" : in == IN_DOUBLE ? "double" : "long"; }

static void print_types(FILE *to, int in, const hal_expr *e) {
    fprintf(to, "#define HAL_EXPR 1\ntypedef %s hal_expr_real;\n", type_of(in));
    fprintf(to, "typedef struct { hal_expr_real v[%u]; } hal_expr_in;\n", e->n_inputs ? e->n_inputs : 1);
    fprintf(to, "typedef struct { hal_expr_real v[%u]; } hal_expr_out;\n", e->n_outputs);
    fprintf(to, "typedef struct { hal_expr_real v[%u]; } hal_expr_constants;\n", e->n_constants ? e->n_constants : 1);
    print_list(to, "HAL_EXPR_INPUTS", 0, e->n_inputs);
    print_list(to, "HAL_EXPR_EXTRA", 1, e->n_inputs);
    print_list(to, "HAL_EXPR_OUTPUTS", 0, e->n_outputs);
}

static void print_text(FILE *to, int in, const hal_expr *e, const uint32_t *dtype) {
    print_types(to, in, e);
    for (uint32_t i = 0; i < e->n_inputs; i++)
        fprintf(to, "#define hal_expr_load_%u hal_%c_load_%s\n", i, in, hal_portable_type(dtype[i]));
    for (uint32_t o = 0; o < e->n_outputs; o++)
        fprintf(to, "#define hal_expr_store_%u hal_%c_store_%s\n", o, in, hal_portable_type(dtype[e->n_inputs + o]));
    print_function(to, in, e);
}

char *hal_portable_expr_text(hal_portable_call *call, const hal_expr *e, const uint32_t *dtype) {
    char *text = NULL;
    size_t bytes;
    FILE *to = open_memstream(&text, &bytes);
    bool failed = to == NULL;
    if (to) {
        print_text(to, computes_in(call->traits->fp64, e, dtype), e, dtype);
        failed = ferror(to) != 0;
        failed |= fclose(to) != 0;
    }
    call->failed |= failed;
    if (!failed) return text;
    free(text);
    return NULL;
}

void hal_portable_pass_expr(hal_portable_call *call, const hal_expr *e, const uint32_t *dtype) {
    const int in = computes_in(call->traits->fp64, e, dtype);
    const uint32_t n = e->n_constants ? e->n_constants : 1;
    union { float f[HAL_EXPR_MAX_CONSTANTS]; double d[HAL_EXPR_MAX_CONSTANTS]; int64_t l[HAL_EXPR_MAX_CONSTANTS]; } k;
    for (uint32_t i = 0; i < n; i++) {
        const double v = i < e->n_constants ? e->constant[i] : 0;
        if (in == IN_FLOAT) k.f[i] = (float)v;
        else if (in == IN_DOUBLE) k.d[i] = v;
        else k.l[i] = (int64_t)v;
    }
    hal_portable_pass_bytes(call, &k, n * (in == IN_FLOAT ? 4 : 8));
}
