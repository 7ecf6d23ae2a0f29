/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gradient*.c: every row with a gradient against four-point finite differences in f64, element by element on
 * small cases and along a random direction (the adjoint identity <J v, w> = <v, J^T w>) on larger ones.
 */
#include "tests/unit/cases_test.h"

/* A case with the loss sum_o sum(y_o w_o) and its gradients. */
typedef struct problem {
    const hal_case *c;
    case_graph g;
    interpretation *it;
    hal_value loss, wrt[16], grad[16];
    uint32_t input[16], n;      /* inputs differentiated */
    double *x[16];
    uint64_t state;
} problem;

/* Outputs that carry gradients: those that later passes only read as statistics and indices do not. */
static bool output_counts(const hal_case *c, uint32_t o) {
    if (!hal_dtype_is_float(c->out[o].dtype)) return false;
    switch (c->op) {
    case HAL_OP_LAYER_NORM:
    case HAL_OP_RMS_NORM:
    case HAL_OP_ATTENTION:
    case HAL_OP_CROSS_ENTROPY:
    case HAL_OP_SORT:
    case HAL_OP_TOP_K: return o == 0;
    default: return true;
    }
}

static bool input_counts(const hal_case *c, uint32_t i) {
    if (!hal_dtype_is_float(c->in[i].dtype) || c->range[i].integer) return false;
    return !(c->op == HAL_OP_ATTENTION && i == 3);
}

/* Steps of less than fp64 precision, or whose second derivative the row says it does not know, are no matter
   for this. */
static bool case_counts(const hal_case *c) {
    if (c->full_only || c->op == HAL_OP_SQUARE_SUM) return false;
    if (c->op == HAL_OP_CAST) return ((const hal_cast_attrs *)c->attrs)->dtype == HAL_F64;
    if (c->op == HAL_OP_MATMUL) return ((const hal_matmul_attrs *)c->attrs)->expr.n_outputs == 0;
    if (c->op == HAL_OP_POINTWISE)
        return !strstr(c->name, ":f32") && !strstr(c->name, "_grad(") && !strstr(c->name, "floor");
    return true;
}

static hal_value weighted_loss(problem *p) {
    hal_value loss = HAL_NO_VALUE;
    for (uint32_t o = 0; o < p->c->n_out; o++) {
        if (!output_counts(p->c, o)) continue;
        hal_value w = hal_graph_input(p->g.graph, "w", HAL_F64, p->c->out[o].rank, p->c->out[o].size);
        hal_value sum = hal_graph_reduce(p->g.graph, hal_graph_mul(p->g.graph, p->g.out[o], w), "sum", 0,
                                         NULL, false);
        loss = loss.id ? hal_graph_add(p->g.graph, loss, sum) : sum;
    }
    return loss;
}

static void numbers_set(problem *p) {
    for (uint32_t i = 0; i < p->c->n_in; i++) {
        if (!p->g.in[i].id) continue;
        p->x[i] = case_numbers(p->c, i, interpret_count(p->it, p->g.in[i]), &p->state);
        interpret_set(p->it, p->g.in[i], p->x[i]);
    }
    for (uint32_t id = 1; id < p->g.graph->n_values; id++) {
        hal_value value = {p->g.graph, id};
        if (hal_graph_name(p->g.graph, value)[0] != 'w' ||
            hal_graph_value(p->g.graph, id)->origin != HAL_ORIGIN_INPUT)
            continue;
        int64_t n = interpret_count(p->it, value);
        double *w = malloc(((size_t)n + 1) * sizeof *w);
        for (int64_t i = 0; i < n; i++) w[i] = random_between(&p->state, -1.0, 1.0);
        interpret_set(p->it, value, w);
        free(w);
    }
}

/* False when there is nothing to differentiate. */
static bool problem_create(const hal_case *c, problem *p) {
    *p = (problem){.c = c, .state = 4242};
    for (uint32_t i = 0; i < c->n_in; i++)
        if (input_counts(c, i)) p->input[p->n++] = i;
    if (!p->n) return false;
    p->g = case_graph_create(c);
    p->loss = weighted_loss(p);
    if (!p->loss.id) {
        hal_graph_release(p->g.graph);
        return false;
    }
    for (uint32_t k = 0; k < p->n; k++) p->wrt[k] = p->g.in[p->input[k]];
    if (hal_graph_gradient(p->g.graph, p->loss, p->wrt, p->n, p->grad) != HAL_OK)
        fail_msg("%s %s: %s", hal_op_describe(c->op)->name, c->name, hal_status_last()->text);
    assert_ok(interpret_create(p->g.graph, NULL, &p->it));
    numbers_set(p);
    assert_ok(interpret_run(p->it));
    return true;
}

static void problem_destroy(problem *p) {
    for (uint32_t i = 0; i < 16; i++) free(p->x[i]);
    interpret_destroy(p->it);
    hal_graph_release(p->g.graph);
}

static double loss_at(problem *p) {
    double loss;
    assert_ok(interpret_run(p->it));
    interpret_get(p->it, p->loss, &loss);
    return loss;
}

/* d loss / d t of x + t v for entry k, by (8 (f(h) - f(-h)) - (f(2h) - f(-2h))) / 12 h. `size` becomes what
   cancels in it. */
static double difference(problem *p, uint32_t k, const double *v, double *size) {
    static const double step[4] = {1.0, -1.0, 2.0, -2.0}, weight[4] = {8.0, -8.0, -1.0, 1.0};
    const double h = 1e-4;
    int64_t n = interpret_count(p->it, p->wrt[k]);
    double *moved = malloc(((size_t)n + 1) * sizeof *moved), sum = 0.0;
    *size = 0.0;
    for (int s = 0; s < 4; s++) {
        for (int64_t i = 0; i < n; i++) moved[i] = p->x[p->input[k]][i] + h * step[s] * v[i];
        interpret_set(p->it, p->wrt[k], moved);
        double loss = loss_at(p);
        sum += weight[s] * loss;
        *size = fmax(*size, fabs(loss));
    }
    interpret_set(p->it, p->wrt[k], p->x[p->input[k]]);
    loss_at(p); /* the gradients of the inputs that follow are read at x again */
    free(moved);
    return sum / (12.0 * h);
}

static void agree(const problem *p, uint32_t k, const char *what, int64_t i, double got, double want,
                  double size) {
    double allowed = 1e-7 * fmax(1.0, fabs(want)) + 1e-10 * size;
    if (!(fabs(got - want) <= allowed))
        fail_msg("%s %s: input %u %s %lld: gradient %.12g, differences %.12g",
                 hal_op_describe(p->c->op)->name, p->c->name, p->input[k], what, (long long)i, got, want);
}

static uint32_t elements_check(problem *p, uint32_t k) {
    int64_t n = interpret_count(p->it, p->wrt[k]);
    double *grad = calloc((size_t)n + 1, sizeof *grad), *v = calloc((size_t)n + 1, sizeof *v), size;
    interpret_get(p->it, p->grad[k], grad);
    for (int64_t i = 0; i < n; i++) {
        v[i] = 1.0;
        double want = difference(p, k, v, &size);
        agree(p, k, "element", i, grad[i], want, size);
        v[i] = 0.0;
    }
    free(grad);
    free(v);
    return (uint32_t)n;
}

static void direction_check(problem *p, uint32_t k) {
    int64_t n = interpret_count(p->it, p->wrt[k]);
    double *grad = calloc((size_t)n + 1, sizeof *grad), *v = calloc((size_t)n + 1, sizeof *v), size,
           got = 0.0;
    interpret_get(p->it, p->grad[k], grad);

    for (int64_t i = 0; i < n; i++) {
        v[i] = random_between(&p->state, -0.1, 0.1);
        got += v[i] * grad[i];
    }
    double want = difference(p, k, v, &size);
    agree(p, k, "direction", 0, got, want, size);
    free(grad);
    free(v);
}

/* Kinks lie between neighbouring values where order decides. */
static bool order_decides(const hal_case *c) {
    if (c->op == HAL_OP_REDUCE)
        return ((const hal_reduce_attrs *)c->attrs)->kind == 2 ||
               ((const hal_reduce_attrs *)c->attrs)->kind == 3;
    return c->op == HAL_OP_SORT || c->op == HAL_OP_TOP_K;
}

static uint32_t case_check(const hal_case *c) {
    problem p;
    uint32_t checked = 0;
    int64_t n = 0;
    if (!case_counts(c)) return 0;
    for (uint32_t i = 0; i < c->n_in; i++) n += case_elements(&c->in[i]);
    if (n > 20000 || (order_decides(c) && n > 100) || !problem_create(c, &p)) return 0;
    for (uint32_t k = 0; k < p.n; k++) {
        if (n <= 120) checked += elements_check(&p, k);
        else direction_check(&p, k), checked++;
    }
    problem_destroy(&p);
    return checked;
}

static void every_gradient_equals_differences(void **state) {
    (void)state;
    uint32_t total = 0, rows = 0;
    for (uint32_t op = 1; op < HAL_OP_LIMIT; op++) {
        const hal_op_row *row = hal_op_row_get(op);
        hal_case *cases;
        uint32_t n, checked = 0;
        if (!row || !row->gradient || op == HAL_OP_SQUARE_SUM) continue;
        assert_ok(hal_op_cases(op, HAL_F64, &cases, &n));
        for (uint32_t i = 0; i < n; i++) checked += case_check(&cases[i]);
        hal_op_cases_release(cases, n);
        /* Rows without a float input, or whose result does not move with it. */
        bool constant = op == HAL_OP_FILL || op == HAL_OP_IOTA || op == HAL_OP_RANDOM ||
                        op == HAL_OP_ARG_MAX || op == HAL_OP_SAMPLE;
        if (!constant && checked < 10)
            fail_msg("%s: %u checks, at least 10 are wanted", row->info.name, checked);
        rows += !constant;
        total += checked;
    }
    assert_in_range(rows, 27, 100);
    assert_in_range(total, 3000, 1000000);
}

/* ----------------------------------------------------------------------------------------- expressions -- */

/* d expr / d x0 at `x` through the graph, with the other inputs fixed. */
static double slope(const char *text, const double *x, uint32_t n, hal_status *status) {
    hal_graph *graph;
    interpretation *it;
    hal_value in[3], grad;
    assert_ok(hal_graph_create(NULL, &graph));
    for (uint32_t i = 0; i < n; i++) in[i] = hal_graph_input(graph, "x", HAL_F64, 0, NULL);
    hal_value y = hal_graph_pointwise(graph, text, in, n);
    assert_ok(hal_graph_status(graph));
    double result = NAN;
    *status = hal_graph_gradient(graph, y, in, 1, &grad);
    if (*status == HAL_OK) {
        assert_ok(interpret_create(graph, NULL, &it));
        for (uint32_t i = 0; i < n; i++) interpret_set(it, in[i], &x[i]);
        assert_ok(interpret_run(it));
        interpret_get(it, grad, &result);
        interpret_destroy(it);
    }
    hal_graph_release(graph);
    return result;
}

static void derivatives_are_those_of_the_book(void **state) {
    (void)state;
    static const struct { const char *text; uint32_t n; double x[3], want; } table[] = {
        {"neg(x0)", 1, {3.0}, -1.0},
        {"abs(x0)", 1, {-2.0}, -1.0},
        {"abs(x0)", 1, {0.0}, 0.0},
        {"sqrt(x0)", 1, {4.0}, 0.25},
        {"rsqrt(x0)", 1, {4.0}, -0.0625},
        {"floor(x0)", 1, {1.5}, 0.0},
        {"relu(x0)", 1, {-1.0}, 0.0},
        {"relu(x0)", 1, {1.0}, 1.0},
        {"recip(x0)", 1, {2.0}, -0.25},
        {"div(x1, x0)", 2, {2.0, 3.0}, -0.75},
        {"pow(x0, x1)", 2, {3.0, 2.0}, 6.0},
        {"min(x0, x1)", 2, {1.0, 2.0}, 1.0},
        {"max(x0, x1)", 2, {1.0, 2.0}, 0.0},
        {"select(x1, x0, x2)", 3, {1.0, 1.0, 5.0}, 1.0},
        {"select(x1, x2, x0)", 3, {1.0, 1.0, 5.0}, 0.0},
        {"fma(x0, x1, x2)", 3, {1.0, 7.0, 5.0}, 7.0},
        {"mul(x0, mul(x0, x0))", 1, {2.0}, 12.0},
        {"relu_grad(x1, x0)", 2, {2.0, 1.0}, 1.0},
        {"lt(x0, x1)", 2, {2.0, 3.0}, 0.0},
        {"add(x1, x1)", 2, {2.0, 3.0}, 0.0},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        hal_status status;
        double got = slope(table[i].text, table[i].x, table[i].n, &status);
        if (status != HAL_OK || !(fabs(got - table[i].want) < 1e-12))
            fail_msg("d %s / d x0 is %.12g, the book says %.12g", table[i].text, got, table[i].want);
    }
}

static void unknown_second_derivatives_say_so(void **state) {
    (void)state;
    hal_status status;
    slope("gelu_grad(x0, x1)", (const double[]){1.0, 2.0}, 2, &status);
    assert_int_equal(hal_status_code(status), HAL_CODE_UNSUPPORTED);
    assert_non_null(strstr(hal_status_last()->text, "second derivative"));
}

/* ---------------------------------------------------------------------------------------- whole graphs -- */

static const int64_t three_by_four[2] = {3, 4};

static void gradients_have_name_dtype_and_shape(void **state) {
    (void)state;
    hal_graph *g;
    hal_value grad[3];
    hal_shape shape;
    int64_t four = 4;
    assert_ok(hal_graph_create(NULL, &g));
    hal_value w = hal_graph_variable(g, "h.0.w", HAL_BF16, 2, three_by_four),
              b = hal_graph_variable(g, "h.0.b", HAL_BF16, 1, &four);
    hal_value unused = hal_graph_variable(g, "unused", HAL_F16, 1, &four);
    hal_value y = hal_graph_cast(g, hal_graph_add(g, w, b), HAL_F32),
              loss = hal_graph_reduce(g, y, "sum", 0, NULL, false);
    assert_ok(hal_graph_gradient(g, loss, (hal_value[]){w, b, unused}, 3, grad));
    assert_string_equal(hal_graph_name(g, grad[0]), "h.0.w.grad");
    assert_string_equal(hal_graph_name(g, grad[1]), "h.0.b.grad");
    assert_string_equal(hal_graph_name(g, grad[2]), "unused.grad");
    assert_ok(hal_graph_shape(g, grad[1], &shape));
    assert_int_equal(shape.dtype, HAL_BF16);
    assert_int_equal(shape.rank, 1);
    interpretation *it;
    double numbers[12];
    assert_ok(interpret_create(g, NULL, &it));
    assert_ok(interpret_run(it));
    interpret_get(it, grad[1], numbers);
    assert_true(numbers[0] == 3.0);
    interpret_get(it, grad[0], numbers);
    assert_true(numbers[11] == 1.0);
    interpret_get(it, grad[2], numbers);
    assert_true(numbers[3] == 0.0);
    interpret_destroy(it);
    hal_graph_release(g);
}

/* x + y, where both get the very same gradient: each result has its own name. */
static void equal_gradients_keep_their_names(void **state) {
    (void)state;
    hal_graph *g;
    hal_value grad[2];
    assert_ok(hal_graph_create(NULL, &g));
    hal_value x = hal_graph_variable(g, "x", HAL_F32, 2, three_by_four),
              y = hal_graph_variable(g, "y", HAL_F32, 2, three_by_four);
    hal_value loss = hal_graph_reduce(g, hal_graph_add(g, x, y), "sum", 0, NULL, false);
    assert_ok(hal_graph_gradient(g, loss, (hal_value[]){x, y}, 2, grad));
    assert_string_equal(hal_graph_name(g, grad[0]), "x.grad");
    assert_string_equal(hal_graph_name(g, grad[1]), "y.grad");
    assert_string_equal(hal_graph_name(g, x), "x");
    hal_graph_release(g);
}

/* A value read three times gets the sum of three gradients: d(x x + x) = 2 x + 1. */
static void readers_add_up(void **state) {
    (void)state;
    hal_graph *g;
    hal_value grad;
    interpretation *it;
    double three = 3.0, got;
    assert_ok(hal_graph_create(NULL, &g));
    hal_value x = hal_graph_variable(g, "x", HAL_F64, 0, NULL),
              loss = hal_graph_add(g, hal_graph_mul(g, x, x), x);
    assert_ok(hal_graph_gradient(g, loss, &x, 1, &grad));
    assert_ok(interpret_create(g, NULL, &it));
    interpret_set(it, x, &three);
    assert_ok(interpret_run(it));
    interpret_get(it, grad, &got);
    assert_true(got == 7.0);
    interpret_destroy(it);
    hal_graph_release(g);
}

static void bad_arguments_are_refused(void **state) {
    (void)state;
    hal_graph *g;
    hal_value grad;
    assert_ok(hal_graph_create(NULL, &g));
    hal_value x = hal_graph_variable(g, "x", HAL_F32, 2, three_by_four);
    assert_int_equal(hal_status_code(hal_graph_gradient(g, x, &x, 1, &grad)), HAL_CODE_INVALID_ARGUMENT);
    assert_non_null(strstr(hal_status_last()->text, "0-d"));
    hal_graph_release(g);
    assert_ok(hal_graph_create(NULL, &g));
    hal_value i = hal_graph_variable(g, "i", HAL_I32, 0, NULL),
              f = hal_graph_variable(g, "f", HAL_F32, 0, NULL);
    assert_int_equal(hal_status_code(hal_graph_gradient(g, f, &i, 1, &grad)), HAL_CODE_INVALID_ARGUMENT);
    assert_non_null(strstr(hal_status_last()->text, "\"i\""));
    hal_graph_release(g);
}

static void rows_without_gradient_are_named(void **state) {
    (void)state;
    hal_graph *g;
    hal_value grad, dx;
    assert_ok(hal_graph_create(NULL, &g));
    hal_value x = hal_graph_variable(g, "x", HAL_F32, 2, three_by_four);
    assert_ok(hal_graph_node(g, HAL_OP_SOFTMAX_GRAD, NULL, (hal_value[]){x, x}, 2, &dx, 1));
    hal_value loss = hal_graph_reduce(g, dx, "sum", 0, NULL, false);
    assert_int_equal(hal_status_code(hal_graph_gradient(g, loss, &x, 1, &grad)), HAL_CODE_UNSUPPORTED);
    assert_non_null(strstr(hal_status_last()->text, "softmax_grad"));
    hal_graph_release(g);
}

static void square_sums_have_twice_the_value(void **state) {
    (void)state;
    hal_graph *g;
    hal_value grad, loss;
    interpretation *it;
    double numbers[12], got[12];
    assert_ok(hal_graph_create(NULL, &g));
    hal_value x = hal_graph_variable(g, "x", HAL_F32, 2, three_by_four);
    assert_ok(hal_graph_node(g, HAL_OP_SQUARE_SUM, NULL, &x, 1, &loss, 1));
    assert_ok(hal_graph_gradient(g, loss, &x, 1, &grad));
    assert_ok(interpret_create(g, NULL, &it));
    for (int i = 0; i < 12; i++) numbers[i] = 0.25 * i;
    interpret_set(it, x, numbers);
    assert_ok(interpret_run(it));
    interpret_get(it, grad, got);
    for (int i = 0; i < 12; i++) assert_true(got[i] == 0.5 * i);
    interpret_destroy(it);
    hal_graph_release(g);
}

/* A batch that is a symbol, through a linear layer, a norm and a loss: same gradients as with the constant.
   */
static void symbolic_model(bool symbolic, double *result) {
    hal_graph *g;
    hal_value grad[3];
    interpretation *it;
    int64_t value = 5;
    uint64_t state = 1;
    assert_ok(hal_graph_create(NULL, &g));
    hal_dim n = symbolic ? hal_graph_symbol(g, "n", 1, 8, 1) : hal_dim_constant(5);
    hal_value x = hal_graph_input(g, "x", HAL_F64, 2, (hal_dim[]){n, hal_dim_constant(3)});
    hal_value target = hal_graph_input(g, "target", HAL_I32, 1, &n);
    hal_value w = hal_graph_variable(g, "w", HAL_F64, 2, three_by_four),
              b = hal_graph_variable(g, "b", HAL_F64, 1, &three_by_four[1]);
    hal_value s = hal_graph_variable(g, "s", HAL_F64, 1, &three_by_four[1]);
    hal_value y = hal_graph_rms_norm(g, hal_graph_add(g, hal_graph_matmul(g, x, w, false, false), b), s,
                                     1e-5);
    hal_value loss = hal_graph_cross_entropy(g, y, target);
    assert_ok(hal_graph_gradient(g, loss, (hal_value[]){w, b, s}, 3, grad));
    assert_ok(interpret_create(g, &value, &it));
    hal_value all[4] = {x, w, b, s};
    for (uint32_t k = 0; k < 4; k++) {
        double numbers[16];
        for (int i = 0; i < 16; i++) numbers[i] = random_between(&state, -1.0, 1.0);
        interpret_set(it, all[k], numbers);
    }
    interpret_set(it, target, (const double[]){0, 1, 2, 3, -1});
    assert_ok(interpret_run(it));
    for (uint32_t k = 0; k < 3; k++) interpret_get(it, grad[k], result + 12 * k);
    interpret_destroy(it);
    hal_graph_release(g);
}

static void symbols_change_nothing(void **state) {
    (void)state;
    double constant[36] = {0}, symbolic[36] = {0}, sum = 0.0;
    symbolic_model(false, constant);
    symbolic_model(true, symbolic);
    for (int i = 0; i < 36; i++) {
        assert_true(fabs(constant[i] - symbolic[i]) <= 1e-12);
        sum += fabs(constant[i]);
    }
    assert_true(sum > 0.1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_gradient_equals_differences),
        cmocka_unit_test(derivatives_are_those_of_the_book),
        cmocka_unit_test(unknown_second_derivatives_say_so),
        cmocka_unit_test(gradients_have_name_dtype_and_shape),
        cmocka_unit_test(equal_gradients_keep_their_names),
        cmocka_unit_test(readers_add_up),
        cmocka_unit_test(bad_arguments_are_refused),
        cmocka_unit_test(rows_without_gradient_are_named),
        cmocka_unit_test(square_sums_have_twice_the_value),
        cmocka_unit_test(symbols_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
