/* SPDX-License-Identifier: Apache-2.0 */
/* decompose*.c and pass_decompose.c: each decomposition against its row's reference, within the row's own
   contract. */
#include "tests/unit/cases_test.h"

static double roundoff(hal_dtype dtype) {
    switch (dtype) {
    case HAL_F64: return 0x1p-53;
    case HAL_F32: return 0x1p-24;
    case HAL_F16: return 0x1p-11;
    case HAL_BF16: return 0x1p-8;
    default: return 0.0;
    }
}

static double bound_of(uint32_t op, hal_dtype dtype) {
    const hal_tolerance *t = hal_op_tolerance(op);
    return dtype == HAL_F16 ? t->f16 : dtype == HAL_BF16 ? t->bf16 : t->f32;
}

static void everything_is_primitive(const hal_graph *graph, const char *op) {
    for (uint32_t id = 1; id < graph->n_nodes; id++) {
        const hal_op_info *info = hal_op_describe(hal_graph_node_at(graph, id)->op);
        if (info->kind == HAL_OP_KIND_COMPOSITE)
            fail_msg("%s decomposes into the composite %s", op, info->name);
        assert_non_null(hal_graph_node_at(graph, id)->names);
    }
}

/* Compares value `got` of the decomposed graph with output o of the reference. */
static void compare(const hal_case *c, uint32_t o, const double *want, const double *got,
                    const double *scale) {
    double bound = bound_of(c->op, c->out[o].dtype), u = roundoff(c->out[o].dtype);
    double u_sum = c->in[0].dtype == HAL_F64 ? 0x1p-53 : 0x1p-24;
    for (int64_t i = 0; i < case_elements(&c->out[o]); i++) {
        double allowed = bound * (u * fabs(want[i]) + u_sum * scale[i]);
        bool same = want[i] == got[i] || (isnan(want[i]) && isnan(got[i]));
        if (!same && !(fabs(want[i] - got[i]) <= allowed))
            fail_msg("%s %s: output %u[%lld] is %.9g, the reference %.9g, allowed %.3g",
                     hal_op_describe(c->op)->name, c->name, o, (long long)i, got[i], want[i], allowed);
    }
}

/* Runs the row and its decomposition over the same numbers. */
static void case_check(const hal_case *c) {
    case_graph g = case_graph_create(c);
    hal_graph *apart = NULL;
    interpretation *it;
    uint64_t state = 77;
    uint32_t *map = calloc(g.graph->n_values, sizeof *map);
    bool *all = malloc(g.graph->n_nodes * sizeof *all);
    memset(all, 1, g.graph->n_nodes * sizeof *all);
    hal_tensor in[16] = {{.dtype = HAL_NO_DTYPE}}, out[16];
    assert_ok(hal_pass_decompose(g.graph, all, true, &apart, map));
    everything_is_primitive(apart, hal_op_describe(c->op)->name);
    assert_ok(interpret_create(apart, NULL, &it));
    for (uint32_t i = 0; i < c->n_in; i++) {
        if (!g.in[i].id) continue;
        hal_value copy = {apart, map[g.in[i].id]};
        double *x = case_numbers(c, i, interpret_count(it, copy), &state);
        interpret_set(it, copy, x);
        in[i] = interpret_tensor(it, copy);
        free(x);
    }
    assert_ok(interpret_run(it));
    double *scale[16], *want[16];
    for (uint32_t o = 0; o < c->n_out; o++) {
        int64_t n = case_elements(&c->out[o]), size[HAL_MAX_RANK];
        for (uint32_t d = 0; d < c->out[o].rank; d++) size[d] = c->out[o].size[d].base;
        scale[o] = calloc((size_t)n + 1, sizeof(double));
        want[o] = calloc((size_t)n + 1, sizeof(double));
        out[o] = hal_tensor_host(calloc((size_t)n + 1, sizeof(double)), c->out[o].dtype, c->out[o].rank,
                                 size);
    }
    assert_ok(hal_op_reference(c->op, c->attrs, in, c->n_in, out, c->n_out, scale));
    for (uint32_t o = 0; o < c->n_out; o++) {
        int64_t n = case_elements(&c->out[o]);
        double *got = calloc((size_t)n + 1, sizeof *got);
        hal_shape shape;
        assert_ok(hal_graph_shape(apart, (hal_value){apart, map[g.out[o].id]}, &shape));
        assert_true(hal_shape_equal(&shape, &c->out[o]));
        interpret_get(it, (hal_value){apart, map[g.out[o].id]}, got);
        for (int64_t i = 0; i < n; i++) want[o][i] = hal_element_load(out[o].dtype, out[o].host, i);
        compare(c, o, want[o], got, scale[o]);
        free(got);
        free(scale[o]);
        free(want[o]);
        free(out[o].host);
    }
    interpret_destroy(it);
    hal_graph_release(apart);
    hal_graph_release(g.graph);
    free(map);
    free(all);
}

static uint32_t dtype_check(hal_dtype dtype) {
    uint32_t done = 0;
    for (uint32_t op = 1; op < HAL_OP_LIMIT; op++) {
        const hal_op_info *info = hal_op_describe(op);
        hal_case *cases;
        uint32_t n, before = done;
        if (!info || info->kind != HAL_OP_KIND_COMPOSITE) continue;
        assert_non_null(hal_op_row_get(op)->decompose);
        assert_ok(hal_op_cases(op, dtype, &cases, &n));
        for (uint32_t i = 0; i < n; i++) {
            if (cases[i].full_only) continue;
            case_check(&cases[i]);
            done++;
        }
        hal_op_cases_release(cases, n);
        if (done - before < 5)
            fail_msg("%s: %u cases of a dtype, at least 5 are wanted", info->name, done - before);
    }
    return done;
}

static void rows_equal_their_reference_f64(void **state) {
    (void)state;
    assert_in_range(dtype_check(HAL_F64), 200, 10000);
}
static void rows_equal_their_reference_f32(void **state) {
    (void)state;
    assert_in_range(dtype_check(HAL_F32), 200, 10000);
}
static void rows_equal_their_reference_f16(void **state) {
    (void)state;
    assert_in_range(dtype_check(HAL_F16), 200, 10000);
}
static void rows_equal_their_reference_bf16(void **state) {
    (void)state;
    assert_in_range(dtype_check(HAL_BF16), 200, 10000);
}

/* ---------------------------------------------------------------------------------------- whole graphs -- */

/* Attention, a norm and a loss over a batch and a length that are symbols, whole and decomposed. */
static hal_graph *symbolic_graph(hal_value *in, hal_value *loss) {
    hal_graph *g;
    assert_ok(hal_graph_create(NULL, &g));
    hal_dim b = hal_graph_symbol(g, "b", 1, 4, 1), t = hal_graph_symbol(g, "t", 1, 16, 1);
    hal_dim q[4] = {b, hal_dim_constant(4), t, hal_dim_constant(6)},
            k[4] = {b, hal_dim_constant(2), t, hal_dim_constant(6)};
    int64_t d = 6;
    in[0] = hal_graph_input(g, "q", HAL_F64, 4, q);
    in[1] = hal_graph_input(g, "k", HAL_F64, 4, k);
    in[2] = hal_graph_input(g, "v", HAL_F64, 4, k);
    in[3] = hal_graph_variable(g, "w", HAL_F64, 1, &d);
    in[4] = hal_graph_input(g, "target", HAL_I64, 3, q);
    hal_value y = hal_graph_attention(g, in[0], in[1], in[2], HAL_NO_VALUE, HAL_NO_VALUE, true);
    y = hal_graph_softmax(g, hal_graph_rms_norm(g, y, in[3], 1e-5));
    *loss = hal_graph_cross_entropy(g, y, in[4]);
    assert_ok(hal_graph_output(g, *loss));
    return g;
}

static double loss_of(const hal_graph *g, const hal_value *in, hal_value loss) {
    static const int64_t symbols[2] = {3, 5};
    uint64_t state = 5;
    interpretation *it;
    double result;
    assert_ok(interpret_create(g, symbols, &it));
    for (uint32_t k = 0; k < 5; k++) {
        int64_t n = interpret_count(it, in[k]);
        double *x = malloc(((size_t)n + 1) * sizeof *x);
        for (int64_t i = 0; i < n; i++)
            x[i] = k == 4 ? (double)(i % 7 - 1) : random_between(&state, -1.0, 1.0);
        interpret_set(it, in[k], x);
        free(x);
    }
    assert_ok(interpret_run(it));
    interpret_get(it, loss, &result);
    interpret_destroy(it);
    return result;
}

static void symbols_decompose_too(void **state) {
    (void)state;
    hal_value in[5], apart_in[5], loss;
    hal_graph *g = symbolic_graph(in, &loss), *apart;
    uint32_t *map = calloc(g->n_values, sizeof *map);
    bool *all = malloc(g->n_nodes * sizeof *all);
    memset(all, 1, g->n_nodes * sizeof *all);
    assert_ok(hal_pass_decompose(g, all, true, &apart, map));
    everything_is_primitive(apart, "the graph");
    for (uint32_t k = 0; k < 5; k++) apart_in[k] = (hal_value){apart, map[in[k].id]};
    double want = loss_of(g, in, loss), got = loss_of(apart, apart_in, (hal_value){apart, map[loss.id]});
    assert_true(want > 0.5 && fabs(want - got) <= 1e-13);
    hal_graph_release(apart);
    hal_graph_release(g);
    free(map);
    free(all);
}

/* Only the nodes asked for come apart; names, outputs and assignments stay. */
static void chosen_nodes_only(void **state) {
    (void)state;
    const int64_t size[2] = {2, 3};
    hal_graph *g, *apart;
    uint32_t map[16], composites = 0;
    assert_ok(hal_graph_create(NULL, &g));
    hal_value x = hal_graph_variable(g, "x", HAL_F32, 2, size), first = hal_graph_softmax(g, x);
    hal_value second = hal_graph_softmax(g, first);
    hal_graph_set_name(g, first, "one");
    hal_graph_set_name(g, second, "two");
    assert_ok(hal_graph_output(g, first));
    assert_ok(hal_graph_assign(g, x, second));
    assert_ok(hal_pass_decompose(g, (const bool[]){false, true, false}, true, &apart, map));
    for (uint32_t id = 1; id < apart->n_nodes; id++)
        composites += hal_graph_node_at(apart, id)->op == HAL_OP_SOFTMAX;
    assert_int_equal(composites, 1);
    assert_string_equal(hal_graph_name(apart, (hal_value){apart, map[first.id]}), "one");
    assert_string_equal(hal_graph_name(apart, (hal_value){apart, map[second.id]}), "two");
    assert_int_equal(hal_graph_find(apart, "two").id, map[second.id]);
    assert_true(hal_graph_value(apart, map[first.id])->output);
    assert_int_equal(hal_graph_value(apart, map[x.id])->assigned, map[second.id]);
    hal_graph_release(apart);
    hal_graph_release(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_equal_their_reference_f64),
        cmocka_unit_test(rows_equal_their_reference_f32),
        cmocka_unit_test(rows_equal_their_reference_f16),
        cmocka_unit_test(rows_equal_their_reference_bf16),
        cmocka_unit_test(symbols_decompose_too),
        cmocka_unit_test(chosen_nodes_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
