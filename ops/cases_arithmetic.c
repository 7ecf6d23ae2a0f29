/* SPDX-License-Identifier: Apache-2.0 */
/* Cases of arithmetic rows. */
#include "cases.h"

#define COUNT(table) ((uint32_t)(sizeof(table) / sizeof *(table)))

/* Rows of one input over the shared shapes, once for each setting of one attribute. */
static void unary_list(hal_case_list *list, const hal_op_info *op, hal_dtype dtype, uint32_t min_rank,
                       bool may_be_empty, uint32_t n_out) {
    char text[64];
    int64_t settings = op->number == HAL_OP_SCAN ? 4 : op->number == HAL_OP_SORT ? 2 : 1;
    for (uint32_t i = 0; i < hal_case_n_shapes; i++)
        for (int64_t k = 0; k < settings; k++) {
            const hal_case_shape *shape = &hal_case_shapes[i];
            if (shape->rank < min_rank || (!may_be_empty && !shape->size[shape->rank - 1])) continue;
            hal_case *c = hal_case_begin(list, op, shape->quick, "%s,setting=%lld",
                                         hal_case_shape_text(shape, text), (long long)k);
            if (op->number == HAL_OP_SCAN) {
                ((hal_scan_attrs *)c->attrs)->exclusive = k % 2;
                ((hal_scan_attrs *)c->attrs)->reverse = k / 2;
            }
            if (op->number == HAL_OP_SORT) ((hal_sort_attrs *)c->attrs)->descending = k;
            hal_case_input(c, dtype, shape->rank, shape->size);
            /* Few distinct numbers: equal elements have to keep their order. */
            if ((op->number == HAL_OP_SORT || op->number == HAL_OP_ARG_MAX) && i % 2)
                hal_case_range(c, 0.0, 5.0, true);
            hal_case_end(list, c, n_out);
        }
}

hal_status hal_op_cases_unary(hal_case_list *list, const hal_op_info *op, hal_dtype dtype) {
    switch (op->number) {
    case HAL_OP_COPY:
        if (hal_case_plain(dtype)) unary_list(list, op, dtype, 0, true, 1);
        break;
    case HAL_OP_SCAN:
        if (hal_case_number(dtype)) unary_list(list, op, dtype, 1, true, 1);
        break;
    case HAL_OP_ARG_MAX:
        if (hal_case_number(dtype)) unary_list(list, op, dtype, 1, false, 1);
        break;
    case HAL_OP_SORT:
        if (hal_case_number(dtype)) unary_list(list, op, dtype, 1, true, 2);
        break;
    default: /* softmax, log_softmax, square_sum */
        if (hal_dtype_is_float(dtype)) unary_list(list, op, dtype, 1, op->number == HAL_OP_SQUARE_SUM, 1);
        break;
    }
    return list->status;
}

hal_status hal_op_cases_top_k(hal_case_list *list, const hal_op_info *op, hal_dtype dtype) {
    static const struct { bool quick; int64_t rows, n, k; } table[] = {
        {true, 1, 1, 1}, {true, 3, 7, 1},     {true, 3, 7, 7},       {true, 2, 65, 5},       {true, 5, 33, 8},
        {true, 0, 4, 2}, {true, 2, 1000, 40}, {false, 4, 50257, 50}, {false, 8, 4099, 1000},
    };
    if (!hal_case_number(dtype)) return HAL_OK;
    for (uint32_t i = 0; i < COUNT(table); i++) {
        hal_case *c = hal_case_begin(list, op, table[i].quick, "rows=%lld,n=%lld,k=%lld",
                                     (long long)table[i].rows, (long long)table[i].n, (long long)table[i].k);
        ((hal_top_k_attrs *)c->attrs)->k = table[i].k;
        HAL_CASE_INPUT(c, dtype, table[i].rows, table[i].n);
        if (i % 2) hal_case_range(c, 0.0, 9.0, true);
        hal_case_end(list, c, 2);
    }
    return list->status;
}

hal_status hal_op_cases_reduce(hal_case_list *list, const hal_op_info *op, hal_dtype dtype) {
    static const struct { bool quick; uint32_t rank; int64_t size[4]; hal_int_list axes; } table[] = {
        {true, 1, {1}, {0, {0}}},
        {true, 2, {33, 65}, {0, {0}}},
        {true, 2, {3, 65}, {1, {-1}}},
        {true, 2, {65, 3}, {1, {0}}},
        {true, 3, {2, 17, 5}, {1, {1}}},
        {true, 3, {2, 3, 4}, {2, {0, 2}}},
        {true, 2, {3, 0}, {1, {1}}},
        {true, 2, {0, 3}, {1, {1}}},
        {true, 0, {0}, {0, {0}}},
        {false, 3, {2, 128, 768}, {1, {-1}}},
        {false, 3, {2, 128, 768}, {2, {0, 1}}},
        {false, 1, {100003}, {0, {0}}},
    };
    static const char *const kind[] = {"sum", "mean", "max", "min", "prod", "sum_square"};
    if (!hal_case_number(dtype)) return HAL_OK;
    for (uint32_t i = 0; i < COUNT(table); i++)
        for (int64_t k = 0; k < (int64_t)COUNT(kind); k++) {
            bool whole = !hal_dtype_is_float(dtype), empty = table[i].rank == 2 && !table[i].size[1];
            /* Integers have no mean and no infinity, and their products leave the range. */
            if (whole && (k == 1 || k == 4 || (empty && k > 1))) continue;
            if (k == 4 && !table[i].quick) continue;
            hal_case *c = hal_case_begin(list, op, table[i].quick && (i < 5 || (int64_t)i % 6 == k),
                                         "%s,case=%u,axes=%lld,keep=%u", kind[k], i,
                                         (long long)table[i].axes.n, i % 2);
            hal_reduce_attrs *a = c->attrs;
            a->kind = k;
            a->axes = table[i].axes;
            a->keep = i % 2;
            hal_case_input(c, dtype, table[i].rank, table[i].size);
            if (k == 4) hal_case_range(c, 0.95, 1.05, false);
            hal_case_end(list, c, 1);
        }
    return list->status;
}

/* ------------------------------------------------------------------------------------------- pointwise -- */

/* Begins a case of an expression; false when the text is wrong. `number` tells cases of one expression apart. */
static bool expr_begin(hal_case_list *list, const hal_op_info *op, bool quick, const char *text,
                       uint32_t number, hal_dtype dtype, hal_case **c) {
    *c = hal_case_begin(list, op, quick, "%.80s,case=%u", text, number);
    if (list->status == HAL_OK)
        list->status = hal_expr_parse(text, dtype, &((hal_pointwise_attrs *)(*c)->attrs)->expr);
    return list->status == HAL_OK;
}

/* Where a step is defined and its value fits the small formats. */
static void step_range(hal_case *c, uint32_t step, uint32_t operand) {
    switch (step) {
    case HAL_EXPR_SQRT:
    case HAL_EXPR_RSQRT:
    case HAL_EXPR_LOG:
    case HAL_EXPR_RECIP: hal_case_range(c, 0.1, 8.0, false); break;
    case HAL_EXPR_DIV: hal_case_range(c, operand ? 0.25 : -4.0, 4.0, false); break;
    case HAL_EXPR_POW: hal_case_range(c, operand ? -2.0 : 0.25, 3.0, false); break;
    case HAL_EXPR_SIN: case HAL_EXPR_COS: hal_case_range(c, -20.0, 20.0, false); break;
    case HAL_EXPR_SELECT: case HAL_EXPR_EQ: case HAL_EXPR_LE: case HAL_EXPR_LT:
        if (!operand || step != HAL_EXPR_SELECT) hal_case_range(c, 0.0, 1.0, true);
        break;
    case HAL_EXPR_ERF: case HAL_EXPR_TANH: case HAL_EXPR_SIGMOID: case HAL_EXPR_SILU: case HAL_EXPR_GELU:
    case HAL_EXPR_GELU_TANH:
    case HAL_EXPR_FLOOR:
    case HAL_EXPR_ROUND: hal_case_range(c, -6.0, 6.0, false); break;
    default: break;
    }
}

static bool integer_step(uint32_t step) {
    switch (step) {
    case HAL_EXPR_NEG:
    case HAL_EXPR_ABS:
    case HAL_EXPR_RELU:
    case HAL_EXPR_ADD:
    case HAL_EXPR_SUB:
    case HAL_EXPR_MUL:
    case HAL_EXPR_MIN:
    case HAL_EXPR_MAX:
    case HAL_EXPR_LT:
    case HAL_EXPR_LE:
    case HAL_EXPR_EQ:
    case HAL_EXPR_SELECT: return true;
    default: return false;
    }
}

/* Each step by itself. */
static void steps_list(hal_case_list *list, const hal_op_info *op, hal_dtype dtype) {
    static const struct { const char *name; uint32_t step, operands; } steps[] = {
#define HAL_EXPR(number, ID, name, operands, maths) {name, number, operands},
#include "expr.def"
    };
    static const char *const arguments[] = {"x0", "x0, x1", "x0, x1, x2"};
    for (uint32_t i = 0; i < COUNT(steps); i++)
        for (uint32_t large = 0; large < 2; large++) {
            char text[64];
            hal_case *c;
            if (!hal_dtype_is_float(dtype) && !integer_step(steps[i].step)) continue;
            snprintf(text, sizeof text, "%s(%s)", steps[i].name, arguments[steps[i].operands - 1]);
            if (!expr_begin(list, op, !large, text, large, dtype, &c)) return;
            for (uint32_t k = 0; k < steps[i].operands; k++) {
                if (large) HAL_CASE_INPUT(c, dtype, 9, 1031);
                else HAL_CASE_INPUT(c, dtype, 3, 33);
                if (hal_dtype_is_float(dtype)) step_range(c, steps[i].step, k);
            }
            hal_case_end(list, c, 1);
        }
}

/* Several steps, several outputs, other dtypes, and broadcasting. */
static const struct {
    bool quick, whole;
    const char *text;
    uint32_t n_in, n_out, rank[3];
    int64_t size[3][4];
} chains[] = {
    {true, true, "add(x0, x1)", 2, 1, {2, 1, 0}, {{3, 65}, {65}, {0}}},
    {true, true, "mul(x0, x1)", 2, 1, {2, 2, 0}, {{7, 1}, {1, 9}, {0}}},
    {true, true, "add(x0, 1)", 1, 1, {0, 0, 0}, {{0}, {0}, {0}}},
    {true, true, "add(x0, x1)", 2, 1, {2, 2, 0}, {{0, 3}, {1, 3}, {0}}},
    {true, true, "t = add(x0, x1); t, mul(t, x0)", 2, 2, {1, 1, 0}, {{33}, {33}, {0}}},
    {true,
     false,
     "t = add(x0, x1); u = gelu(t); t, u, gelu_grad(t, x2)",
     3,
     3,
     {2, 1, 2},
     {{5, 17}, {17}, {5, 17}}},
    {true, false, "t = mul:f32(x0, x1); add:f32(t, x2):f32", 3, 1, {2, 2, 1}, {{4, 5}, {4, 5}, {1}}},
    {true,
     false,
     "t = fma(x0, x0, 1); s = rsqrt(t); mul(s, x1)",
     2,
     1,
     {3, 3, 0},
     {{2, 1, 7}, {2, 5, 1}, {0}}},
    {true, true, "lt(x0, x1):bool, select(lt(x0, x1), x0, x1)", 2, 2, {1, 1, 0}, {{65}, {65}, {0}}},
    {false, true, "add(x0, x1)", 2, 1, {3, 3, 0}, {{2, 128, 768}, {2, 128, 768}, {0}}},
    {false, false, "mul(silu(x0), x1)", 2, 1, {2, 2, 0}, {{128, 2048}, {128, 2048}, {0}}},
    {false, false, "t = add(x0, x1); gelu_tanh(t)", 2, 1, {3, 1, 0}, {{2, 64, 3072}, {3072}, {0}}},
};

hal_status hal_op_cases_pointwise(hal_case_list *list, const hal_op_info *op, hal_dtype dtype) {
    if (!hal_case_number(dtype)) return HAL_OK;
    steps_list(list, op, dtype);
    for (uint32_t i = 0; i < COUNT(chains) && list->status == HAL_OK; i++) {
        hal_case *c;
        if (!hal_dtype_is_float(dtype) && !chains[i].whole) continue;
        if (!expr_begin(list, op, chains[i].quick, chains[i].text, i + 2, dtype, &c)) break;
        for (uint32_t k = 0; k < chains[i].n_in; k++)
            hal_case_input(c, dtype, chains[i].rank[k], chains[i].size[k]);
        hal_case_end(list, c, chains[i].n_out);
    }
    return list->status;
}

/* ---------------------------------------------------------------------------------------------- matmul -- */

typedef struct matmul_case {
    bool quick;
    int64_t m, n, k, batch_a, batch_b, ta, tb;
    const char *expr;
    bool wide;
} matmul_case;

static const matmul_case matmuls[] = {
    {true, 1, 1, 1, 0, 0, 0, 0, NULL, false},
    {true, 3, 7, 65, 0, 0, 0, 0, NULL, false},
    {true, 17, 5, 33, 0, 0, 0, 1, NULL, false},
    {true, 5, 17, 33, 0, 0, 1, 0, NULL, true},
    {true, 6, 9, 4, 0, 0, 1, 1, NULL, false},
    {true, 1, 65, 33, 0, 0, 0, 1, NULL, false},
    {true, 65, 1, 33, 0, 0, 0, 0, NULL, false},
    {true, 4, 5, 6, 3, 3, 0, 1, NULL, false},
    {true, 4, 5, 6, 3, 0, 0, 0, NULL, false},
    {true, 4, 5, 6, 1, 3, 1, 0, NULL, false},
    {true, 0, 5, 6, 0, 0, 0, 0, NULL, false},
    {true, 4, 5, 0, 0, 0, 0, 0, NULL, false},
    {true, 9, 17, 33, 0, 0, 0, 0, "add(x0, x1)", false},
    {true, 9, 17, 33, 0, 0, 0, 1, "t = add:f32(x0, x1); t, gelu_tanh(t)", false},
    {true, 100, 129, 70, 0, 0, 0, 1, NULL, false},
    {false, 128, 768, 768, 0, 0, 0, 0, NULL, false},
    {false, 128, 2304, 768, 0, 0, 0, 1, "add(x0, x1)", false},
    {false, 64, 64, 64, 12, 12, 0, 1, NULL, true},
    {false, 768, 256, 128, 0, 0, 1, 0, NULL, true},
    {false, 1, 2048, 1024, 0, 0, 0, 1, NULL, false},
    {false, 257, 255, 1031, 0, 0, 1, 1, NULL, false},
};

static void matrix_input(hal_case *c, hal_dtype dtype, int64_t batch, int64_t rows, int64_t columns) {
    if (batch) HAL_CASE_INPUT(c, dtype, batch, rows, columns);
    else HAL_CASE_INPUT(c, dtype, rows, columns);
}

static void matmul_add(hal_case_list *list, const hal_op_info *op, hal_dtype dtype, const matmul_case *t) {
    hal_case *c = hal_case_begin(list, op, t->quick, "m=%lld,n=%lld,k=%lld,a=%lld,b=%lld%s%s%s%s",
                                 (long long)t->m, (long long)t->n, (long long)t->k, (long long)t->batch_a,
                                 (long long)t->batch_b, t->ta ? ",ta" : "", t->tb ? ",tb" : "",
                                 t->expr ? ",epilogue" : "", t->wide ? ",wide" : "");
    hal_matmul_attrs *a = c->attrs;
    a->transpose_a = t->ta;
    a->transpose_b = t->tb;
    if (t->wide) a->dtype = hal_dtype_accumulate(dtype);
    matrix_input(c, dtype, t->batch_a, t->ta ? t->k : t->m, t->ta ? t->m : t->k);
    matrix_input(c, dtype, t->batch_b, t->tb ? t->n : t->k, t->tb ? t->k : t->n);
    if (t->expr) {
        if (list->status == HAL_OK) list->status = hal_expr_parse(t->expr, dtype, &a->expr);
        HAL_CASE_INPUT(c, dtype, t->n);
    }
    hal_case_end(list, c, t->expr && strchr(t->expr, ';') ? 2 : 1);
}

hal_status hal_op_cases_matmul(hal_case_list *list, const hal_op_info *op, hal_dtype dtype) {
    if (!hal_dtype_is_float(dtype)) return HAL_OK;
    for (uint32_t i = 0; i < COUNT(matmuls); i++) matmul_add(list, op, dtype, &matmuls[i]);
    return list->status;
}
