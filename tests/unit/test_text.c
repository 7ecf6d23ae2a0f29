/* SPDX-License-Identifier: Apache-2.0 */
/* graph_text.c, graph_parse.c and text.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <ops/graph_internal.h>

static hal_status parse(const char *text, hal_graph **graph)
{
    return hal_graph_parse(NULL, text, strlen(text), graph);
}

/* Belongs to the caller. */
static char *printed(const hal_graph *graph)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    assert_non_null(stream);
    assert_int_equal(hal_graph_print(graph, stream), HAL_OK);
    fclose(stream);
    return text;
}

static void assert_values_equal(const hal_graph *a, const hal_graph *b)
{
    assert_int_equal(a->n_values, b->n_values);
    for (uint32_t i = 1; i < a->n_values; i++) {
        const hal_value_record *v = &a->values[i], *w = &b->values[i];
        assert_string_equal(v->name, w->name);
        assert_int_equal(v->shape.dtype, w->shape.dtype);
        assert_int_equal(v->shape.rank, w->shape.rank);
        for (uint32_t d = 0; d < v->shape.rank; d++)
            assert_true(hal_dim_equal(v->shape.size[d], w->shape.size[d]));
        assert_int_equal(v->origin, w->origin);
        assert_int_equal(v->node, w->node);
        assert_int_equal(v->assigned, w->assigned);
        assert_int_equal(v->output, w->output);
    }
}

static void assert_nodes_equal(const hal_graph *a, const hal_graph *b)
{
    assert_int_equal(a->n_nodes, b->n_nodes);
    for (uint32_t i = 1; i < a->n_nodes; i++) {
        const hal_node_record *m = &a->nodes[i], *n = &b->nodes[i];
        assert_int_equal(m->op, n->op);
        assert_int_equal(m->n_in, n->n_in);
        assert_int_equal(m->n_out, n->n_out);
        assert_int_equal(m->first_out, n->first_out);
        for (uint32_t k = 0; k < m->n_in; k++) assert_int_equal(m->in[k], n->in[k]);
        assert_true(hal_attrs_equal(hal_op_describe(m->op), m->attrs, n->attrs));
        assert_string_equal(m->names ? m->names : "", n->names ? n->names : "");
    }
}

/* Prints, reads, compares, and gives the text to the caller. */
static char *round_trip(const hal_graph *graph)
{
    char *text = printed(graph);
    hal_graph *again;
    hal_status status = parse(text, &again);
    if (status != HAL_OK) print_error("%s\n%s\n", text, hal_status_last()->text);
    assert_int_equal(status, HAL_OK);
    assert_values_equal(graph, again);
    assert_nodes_equal(graph, again);
    assert_int_equal(graph->n_symbols, again->n_symbols);
    char *second = printed(again);
    assert_string_equal(text, second);
    free(second);
    hal_graph_release(again);
    return text;
}

static const char everything[] =
    "hal-graph 1\n"
    "symbol T 2 64 2   # a comment\n"
    "symbol \"batch size\" 1 8 1\n"
    "\n"
    "input x bf16[3*T, 4]\n"
    "input \"odd name, \\\"quoted\\\" \\\\ \\x07\" i32[\"batch size\"+1, 2*T-4]\n"
    "input input f32[]\n"
    "input weight0 f32[4]\n"
    "input a.b bf16[4]\n"
    "variable w bf16[4, 8]\n"
    "output = matmul(x, w) {dtype=f32}\n"
    "a, b, assign = split(x) from \"one,two\"\n"
    "n, n.mean, n.rstd = layer_norm(x, weight0, -) {eps=0.001}\n"
    "variable v bf16[4, 8]\n"
    "p, q = pointwise(x, a.b) {expr=\"t = add(x0, x1); t, lt(t, 0.1):bool\"}\n"
    "r = reduce(x) {kind=sum_square, axes=[-1], keep=1}\n"
    "f = fill() {value=-inf, dtype=bf16, shape=[4,8]}\n"
    "assign v = f\n"
    "assign w = w\n"
    "output p\n"
    "output x\n";

static hal_graph *everything_parsed(void)
{
    hal_graph *graph;
    hal_status status = parse(everything, &graph);
    if (status != HAL_OK) print_error("%s\n", hal_status_last()->text);
    assert_int_equal(status, HAL_OK);
    return graph;
}

static void every_statement_reads_back(void **state)
{
    (void)state;
    hal_graph *graph = everything_parsed();
    assert_int_not_equal(hal_graph_find(graph, "odd name, \"quoted\" \\ \a").id, 0);
    assert_int_not_equal(hal_graph_find(graph, "n.rstd").id, 0);
    free(round_trip(graph));
    hal_graph_release(graph);
}

static void built_graphs_read_back(void **state)
{
    (void)state;
    hal_graph *g;
    assert_int_equal(hal_graph_create(NULL, &g), HAL_OK);
    hal_dim t = hal_graph_symbol(g, "T", 1, 128, 1);
    hal_graph_push(g, "layer.0");
    hal_value x = hal_graph_input(g, "x", HAL_F32, 2, (hal_dim[]){t, hal_dim_constant(8)});
    hal_value w = hal_graph_variable(g, "w", HAL_F32, 2, (int64_t[]){8, 8});
    hal_value h = hal_graph_matmul(g, x, w, false, true);
    hal_value y =
        hal_graph_pointwise(g, "div(gelu(x0), add(x1, 0.3333333333333333))", (hal_value[]){h, x}, 2);
    hal_graph_set_name(g, y, "a name with spaces");
    hal_graph_output(g, hal_graph_reduce(g, y, "mean", 0, NULL, false));
    hal_graph_assign(g, w, hal_graph_mul(g, w, w));
    char *text = round_trip(g);
    assert_non_null(strstr(text, "layer.0.matmul = matmul(layer.0.x, layer.0.w) {transpose_b=1}"));
    assert_non_null(strstr(text, "assign layer.0.w = layer.0.pointwise"));
    free(text);
    hal_graph_release(g);
}

static void failed_graphs_are_not_written(void **state)
{
    (void)state;
    hal_graph *g;
    assert_int_equal(hal_graph_create(NULL, &g), HAL_OK);
    hal_graph_softmax(g, HAL_NO_VALUE);
    assert_true(hal_graph_print(g, stdout) != HAL_OK);
    hal_graph_release(g);
}

static void errors_name_line_and_column(void **state)
{
    (void)state;
    static const struct { const char *text, *part; } bad[] = {
        {"", "hal-graph 1"},
        {"hal-graph 2", "version 2"},
        {"hal-graph 1\ninput", "line 2"},
        {"hal-graph 1\ninput x f33[2]", "line 2, column 12: expected a dtype"},
        {"hal-graph 1\ninput x f32[2", "',' or ']'"},
        {"hal-graph 1\ninput x f32[-2]", "negative"},
        {"hal-graph 1\ninput x f32[U]", "symbol declared above"},
        {"hal-graph 1\ninput x f32[0*T]", "factor"},
        {"hal-graph 1\ninput x f32[1,1,1,1,1,1,1,1,1]", "at most 8"},
        {"hal-graph 1\ninput x f32[]\ninput x f32[]", "taken"},
        {"hal-graph 1\nsymbol T 1 2", "multiple"},
        {"hal-graph 1\nsymbol T 3 2 1", "min <= max"},
        {"hal-graph 1\nsymbol T 1 2 1\nvariable w f32[T]", "constant sizes"},
        {"hal-graph 1\ny = copy(x)", "\"x\" is no value"},
        {"hal-graph 1\ninput x f32[]\ny = cpoy(x)", "\"copy\""},
        {"hal-graph 1\ninput x f32[]\ny = copy(x) {axis=1}", "attribute this operator has"},
        {"hal-graph 1\ninput x f32[]\ny = cast(x) {dtype=q}", "no dtype"},
        {"hal-graph 1\ninput x f32[]\ny = pointwise(x) {expr=\"neg(\"}", "column"},
        {"hal-graph 1\ninput x f32[]\ny = pointwise(x) {expr=\"neg(", "closing"},
        {"hal-graph 1\ninput x f32[]\nx = copy(x)", "taken"},
        {"hal-graph 1\ninput x f32[4]\na, a = split(x)", "taken"},
        {"hal-graph 1\ninput x f32[]\ny = copy(x, x)", "2 inputs"},
        {"hal-graph 1\ninput x f32[]\ny = copy(x) z", "end of the line"},
        {"hal-graph 1\ninput x f32[]\nassign x = x", "not a variable"},
        {"hal-graph 1\ninput \"x\\q\" f32[]", "quotes"},
        {"hal-graph 1\ninput \"x\\", "closing"},
        {"hal-graph 1\ninput \"\" f32[]", "not empty"},
        {"hal-graph 1\ninput x f32[99999999999999999999]", "size"},
        {"hal-graph 1\ny = fill() {shape=[1,1,1,1,1,1,1,1,1]}", "at most 8"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        hal_graph *graph = (hal_graph *)&state;
        assert_true(parse(bad[i].text, &graph) != HAL_OK);
        if (!strstr(hal_status_last()->text, bad[i].part))
            print_error("%s\n  %s\n", bad[i].text, hal_status_last()->text);
        assert_non_null(strstr(hal_status_last()->text, bad[i].part));
        assert_ptr_equal(graph, (hal_graph *)&state);
    }
}

/* Whatever is cut off or changed, reading answers and never goes astray. */
static void damaged_text_is_answered(void **state)
{
    (void)state;
    hal_graph *graph = everything_parsed();
    char *text = printed(graph);
    size_t length = strlen(text);
    hal_graph_release(graph);
    for (size_t n = 0; n < length; n++)
        if (hal_graph_parse(NULL, text, n, &graph) == HAL_OK) hal_graph_release(graph);
    uint64_t random = 88172645463325252u;
    for (int i = 0; i < 4000; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        size_t at = (size_t)(random >> 8) % length;
        char before = text[at];
        text[at] = (char)random;
        if (hal_graph_parse(NULL, text, length, &graph) == HAL_OK) hal_graph_release(graph);
        text[at] = before;
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_statement_reads_back),
        cmocka_unit_test(built_graphs_read_back),
        cmocka_unit_test(failed_graphs_are_not_written),
        cmocka_unit_test(errors_name_line_and_column),
        cmocka_unit_test(damaged_text_is_answered),
    };
    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
