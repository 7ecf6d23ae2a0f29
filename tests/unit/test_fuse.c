/* SPDX-License-Identifier: Apache-2.0 */
/* pass_simplify.c, pass_fuse.c and fuse_expr.c: what is merged and fused, what is not, and that no value
 * changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <ops/graph_internal.h>

static hal_graph *parsed(const char *text)
{
    hal_graph *graph;
    hal_status status = hal_graph_parse(NULL, text, strlen(text), &graph);
    if (status != HAL_OK) print_error("%s\n", hal_status_last()->text);
    assert_int_equal(status, HAL_OK);
    return graph;
}

/* ---------------------------------------------------------------------------------------- evaluation -- */

#define SYMBOL_VALUE 6

static hal_tensor tensor_of(const hal_shape *shape)
{
    int64_t size[HAL_MAX_RANK] = {0}, symbols[4] = {SYMBOL_VALUE, SYMBOL_VALUE, SYMBOL_VALUE, SYMBOL_VALUE};
    for (uint32_t d = 0; d < shape->rank; d++) size[d] = hal_dim_value(shape->size[d], symbols);
    uint64_t bytes;
    assert_int_equal(hal_tensor_bytes(shape->dtype, shape->rank, size, &bytes), HAL_OK);
    void *host = calloc(1, bytes + 64);
    assert_non_null(host);
    return hal_tensor_host(host, shape->dtype, shape->rank, size);
}

/* Quarters between -4 and 4 by the name, so that two graphs get the same and sums of products are exact. */
static void source_fill(const char *name, hal_tensor *t)
{
    uint32_t seed = 2166136261u;
    for (; *name; name++) seed = (seed ^ (uint8_t)*name) * 16777619u;
    for (int64_t i = 0; i < hal_tensor_elements(t); i++) {
        seed = seed * 1664525u + 1013904223u;
        hal_element_store(t->dtype, t->host, i, (double)(seed >> 16 & 31) / 4 - 4);
    }
}

/* Tensors of all values, with the fp64 reference. */
static hal_tensor *evaluated(const hal_graph *g)
{
    hal_tensor *t = calloc(g->n_values, sizeof *t);
    assert_non_null(t);
    for (uint32_t id = 1; id < g->n_values; id++) {
        t[id] = tensor_of(&g->values[id].shape);
        if (g->values[id].origin != HAL_ORIGIN_NODE) source_fill(g->values[id].name, &t[id]);
    }
    for (uint32_t n = 1; n < g->n_nodes; n++) {
        const hal_node_record *node = &g->nodes[n];
        hal_tensor in[16];
        for (uint32_t i = 0; i < node->n_in; i++) in[i] = t[node->in[i]];
        hal_status status =
            hal_op_reference(node->op, node->attrs, in, node->n_in, &t[node->first_out], node->n_out, NULL);
        if (status != HAL_OK) print_error("%s\n", hal_status_last()->text);
        assert_int_equal(status, HAL_OK);
    }
    return t;
}

static void tensors_free(const hal_graph *g, hal_tensor *t)
{
    for (uint32_t id = 1; id < g->n_values; id++) free(t[id].host);
    free(t);
}

/* Every value that the new graph still has is the same, bit for bit; outputs and assignments are all there.
 */
static void assert_same_values(const hal_graph *from, const hal_graph *to, const uint32_t *map)
{
    hal_tensor *a = evaluated(from), *b = evaluated(to);
    for (uint32_t id = 1; id < from->n_values; id++) {
        const hal_value_record *v = &from->values[id];
        if (v->output) assert_true(map[id] && to->values[map[id]].output);
        if (v->assigned) assert_int_equal(to->values[map[id]].assigned, map[v->assigned]);
        if (!map[id]) continue;
        assert_int_equal(a[id].dtype, b[map[id]].dtype);
        assert_int_equal(a[id].rank, b[map[id]].rank);
        for (uint32_t d = 0; d < a[id].rank; d++) assert_int_equal(a[id].size[d], b[map[id]].size[d]);
        uint64_t bytes;
        assert_int_equal(hal_tensor_bytes(a[id].dtype, a[id].rank, a[id].size, &bytes), HAL_OK);
        if (memcmp(a[id].host, b[map[id]].host, bytes)) print_error("%s differs\n", v->name);
        assert_memory_equal(a[id].host, b[map[id]].host, bytes);
    }
    tensors_free(from, a);
    tensors_free(to, b);
}

typedef hal_status pass(const hal_graph *from, const uint32_t *pins, hal_graph **to, uint32_t *map);

/* Runs a pass, checks the values, and gives the new graph to the caller. */
static hal_graph *passed(pass *run, const hal_graph *from, const uint32_t *pins)
{
    hal_graph *to;
    uint32_t *map = calloc(from->n_values, sizeof *map);
    assert_non_null(map);
    hal_status status = run(from, pins, &to, map);
    if (status != HAL_OK) print_error("%s\n", hal_status_last()->text);
    assert_int_equal(status, HAL_OK);
    assert_same_values(from, to, map);
    free(map);
    return to;
}

static void assert_nodes(pass *run, const char *text, const uint32_t *pins, uint32_t n)
{
    hal_graph *from = parsed(text), *to = passed(run, from, pins);
    if (hal_graph_node_count(to) != n) {
        print_error("%s\nbecomes\n", text);
        hal_graph_print(to, stderr);
    }
    assert_int_equal(hal_graph_node_count(to), n);
    hal_graph_release(from);
    hal_graph_release(to);
}

#define X                                                                                                    \
    "hal-graph 1\nsymbol T 2 64 2\ninput x f32[3, T]\ninput z f32[3, T]\ninput row f32[T]\ninput h bf16[3, " \
    "T]\n"
#define ADD "pointwise(x, z) {expr=\"add(x0, x1)\"}\n"

/* ------------------------------------------------------------------------------------ simplification -- */

static void dead_nodes_go(void **state)
{
    (void)state;
    assert_nodes(hal_pass_simplify, X "a = copy(x)\nb = copy(a)\nc = softmax(x)\noutput b\n", NULL, 2);
    assert_nodes(hal_pass_simplify, X "variable v f32[2]\na = fill() {shape=[2]}\nassign v = a\n", NULL, 1);
    assert_nodes(hal_pass_simplify, X "a = copy(x)\n", NULL, 0);
}

static void equal_nodes_become_one(void **state)
{
    (void)state;
    assert_nodes(hal_pass_simplify,
                 X "a = " ADD "b = " ADD "c = softmax(a)\nd = softmax(b)\noutput c\noutput d\n", NULL, 2);
    assert_nodes(hal_pass_simplify, X "a = reduce(x)\nb = reduce(x) {keep=1}\noutput a\noutput b\n", NULL, 2);
    assert_nodes(hal_pass_simplify, X "a, b = sort(x)\nc, d = sort(x)\noutput a\noutput d\n", NULL, 1);
    assert_nodes(hal_pass_simplify, X "a = copy(x)\nb = copy(z)\noutput a\noutput b\n", NULL, 2);
}

static void random_numbers_are_never_merged(void **state)
{
    (void)state;
    assert_nodes(hal_pass_simplify,
                 "hal-graph 1\ninput n i64[]\na = random(n) {shape=[4]}\nb = random(n) {shape=[4]}\noutput "
                 "a\noutput b\n",
                 NULL, 2);
    assert_nodes(hal_pass_simplify,
                 X
                 "input n i64[]\na = dropout(x, n) {p=0.5}\nb = dropout(x, n) {p=0.5}\noutput a\noutput b\n",
                 NULL, 2);
}

static void pins_keep_nodes_apart(void **state)
{
    (void)state;
    const char *text = X "a = copy(x)\nb = copy(x)\nc = copy(x)\noutput a\noutput b\noutput c\n";
    assert_nodes(hal_pass_simplify, text, (uint32_t[]){0, 1, 2, 1}, 2);
    const char *chain = X "a = " ADD "b = pointwise(a) {expr=\"gelu(x0)\"}\noutput b\n";
    assert_nodes(hal_pass_fuse, chain, (uint32_t[]){0, 1, 1}, 1);
    assert_nodes(hal_pass_fuse, chain, (uint32_t[]){0, 1, 2}, 2);
}

/* -------------------------------------------------------------------------------------------- fusion -- */

static void chains_become_one_node(void **state)
{
    (void)state;
    assert_nodes(hal_pass_fuse,
                 X "a = " ADD "b = pointwise(a, row) {expr=\"mul(gelu(x0), x1)\"}\nc = cast(b) {dtype=bf16}\n"
                   "d = gated(c, h) {activation=relu}\noutput d\n", NULL, 1);
    /* Both branches of a diamond. */
    assert_nodes(hal_pass_fuse,
                 X "a = " ADD "b = pointwise(a) {expr=\"exp(x0)\"}\nc = pointwise(a) {expr=\"neg(x0)\"}\n"
                   "d = pointwise(b, c) {expr=\"mul(x0, x1)\"}\noutput d\n", NULL, 1);
    assert_nodes(hal_pass_fuse,
                 X "s = reduce(x)\na = pointwise(s) {expr=\"sqrt(x0)\"}\nb = pointwise(a) {expr=\"add(x0, "
                   "1)\"}\noutput b\n",
                 NULL, 2);
}

static void intermediates_keep_their_rounding(void **state)
{
    (void)state;
    hal_graph *from = parsed(X "a = pointwise(x, z) {expr=\"div:f32(x0, add:f32(x1, 4.1)):bf16\"}\n"
                    "b, k = pointwise(a, x) {expr=\"t = exp:f32(x0); mul:f32(t, x1):f16, 0.1:f16\"}\n"
                    "c = pointwise(b, k) {expr=\"add:f32(x0, x1):f32\"}\noutput c\n");
    hal_graph *to = passed(hal_pass_fuse, from, NULL);
    assert_int_equal(hal_graph_node_count(to), 1);
    hal_graph_release(from);
    hal_graph_release(to);
}

static void values_needed_elsewhere_become_outputs(void **state)
{
    (void)state;
    hal_graph *from = parsed(X "variable v f32[3, 4]\na = " ADD
                               "b = pointwise(a) {expr=\"exp(x0)\"}\nc = pointwise(b) {expr=\"neg(x0)\"}\n"
                               "s = softmax(a)\noutput c\noutput b\noutput s\n");
    hal_graph *to = passed(hal_pass_fuse, from, NULL);
    assert_int_equal(hal_graph_node_count(to), 2);
    const hal_node_record *node = &to->nodes[1];
    assert_int_equal(node->n_out, 3);
    assert_string_equal(node->names, "a,b,c");
    assert_string_equal(to->values[node->first_out + 1].name, "b");
    hal_graph_release(from);
    hal_graph_release(to);
}

static void assigned_values_stay(void **state)
{
    (void)state;
    assert_nodes(hal_pass_fuse,
                 "hal-graph 1\nvariable v f32[3]\na = pointwise(v) {expr=\"add(x0, 1)\"}\nb = pointwise(a) "
                 "{expr=\"mul(x0, 2)\"}\n"
                 "assign v = a\noutput b\n",
                 NULL, 1);
}

static void limits_bound_a_group(void **state)
{
    (void)state;
    /* Five values are needed outside; four fit. */
    char text[8192] = X "a0 = pointwise(x) {expr=\"neg(x0)\"}\n";
    for (int i = 1; i < 5; i++) {
        char line[128];
        snprintf(line, sizeof line, "a%d = pointwise(a%d) {expr=\"sin(x0)\"}\n", i, i - 1);
        strcat(text, line);
    }
    strcat(text, "output a0\noutput a1\noutput a2\noutput a3\noutput a4\n");
    assert_nodes(hal_pass_fuse, text, NULL, 2);
    /* A hundred steps make two nodes of at most 64. */
    strcpy(text, X "a0 = pointwise(x) {expr=\"neg(x0)\"}\n");
    for (int i = 1; i < 100; i++) {
        char line[128];
        snprintf(line, sizeof line, "a%d = pointwise(a%d) {expr=\"sin(x0)\"}\n", i, i - 1);
        strcat(text, line);
    }
    strcat(text, "output a99\n");
    assert_nodes(hal_pass_fuse, text, NULL, 2);
}

static void other_sizes_are_not_fused(void **state)
{
    (void)state;
    assert_nodes(
        hal_pass_fuse,
        X "a = pointwise(row) {expr=\"exp(x0)\"}\nb = pointwise(x, a) {expr=\"mul(x0, x1)\"}\noutput b\n",
        NULL, 2);
}

static void paths_around_a_group_keep_it_apart(void **state)
{
    (void)state;
    /* c needs the softmax of a: a and c in one node would wait for themselves. */
    assert_nodes(hal_pass_fuse,
                 X "a = " ADD "s = softmax(a)\nc = pointwise(a, s) {expr=\"mul(x0, x1)\"}\noutput c\n", NULL,
                 3);
    /* The same through another group. */
    assert_nodes(hal_pass_fuse,
                 X
                 "a = " ADD
                 "s = softmax(a)\nb = pointwise(s) {expr=\"exp(x0)\"}\nc = pointwise(b) {expr=\"neg(x0)\"}\n"
                 "d = pointwise(a, c) {expr=\"mul(x0, x1)\"}\noutput d\n",
                 NULL, 3);
}

static void groups_wait_for_each_other_in_order(void **state)
{
    (void)state;
    /* The group {a, d} is complete only after s, though e, which reads a, stands before s. */
    assert_nodes(
        hal_pass_fuse,
        X "a = " ADD
          "e = softmax(a)\ns = softmax(z)\nd = pointwise(a, s) {expr=\"mul(x0, x1)\"}\noutput d\noutput e\n",
        NULL, 3);
}

#define M                                                                                                    \
    "hal-graph 1\ninput x bf16[2, 4, 8]\ninput w bf16[8, 6]\ninput bias bf16[6]\ninput r bf16[2, 4, 6]\n"

static void matmuls_take_their_epilogue(void **state)
{
    (void)state;
    hal_graph *from = parsed(M "m = matmul(x, w)\na = pointwise(m, bias) {expr=\"add(x0, x1)\"}\nb = "
                               "pointwise(a) {expr=\"relu(x0)\"}\n"
                               "c = pointwise(b, r) {expr=\"add:f32(x0, x1):bf16\"}\noutput c\noutput m\n");
    hal_graph *to = passed(hal_pass_fuse, from, NULL);
    assert_int_equal(hal_graph_node_count(to), 1);
    const hal_node_record *node = &to->nodes[1];
    assert_int_equal(node->op, HAL_OP_MATMUL);
    assert_int_equal(node->n_in, 4);
    assert_int_equal(node->n_out, 2);
    assert_string_equal(node->names, "m,a,b,c");
    /* A second pass changes nothing and keeps the names of origin. */
    hal_graph *again = passed(hal_pass_fuse, to, NULL);
    assert_int_equal(hal_graph_node_count(again), 1);
    assert_string_equal(again->nodes[1].names, "m,a,b,c");
    hal_graph_release(again);
    hal_graph_release(from);
    hal_graph_release(to);
}

static void epilogues_grow(void **state)
{
    (void)state;
    assert_nodes(hal_pass_fuse,
                 M "m = matmul(x, w, bias) {dtype=f32, expr=\"add:f32(x0, x1)\"}\na = cast(m) {dtype=bf16}\n"
                   "b = gated(a, r) {activation=relu}\noutput b\n", NULL, 1);
    /* An operand of the matmul is also an input of its epilogue. */
    assert_nodes(hal_pass_fuse,
                 "hal-graph 1\ninput x f32[4, 4]\nm = matmul(x, x)\na = pointwise(x, m) {expr=\"sub(x0, "
                 "x1)\"}\noutput a\n",
                 NULL, 1);
}

static void what_feeds_a_matmul_stays_outside(void **state)
{
    (void)state;
    assert_nodes(hal_pass_fuse,
                 "hal-graph 1\ninput x f32[4, 4]\na = pointwise(x) {expr=\"neg(x0)\"}\nm = matmul(a, x)\n"
                 "b = pointwise(a, m) {expr=\"add(x0, x1)\"}\noutput b\n", NULL, 2);
    /* Two matmuls do not share an epilogue. */
    assert_nodes(hal_pass_fuse,
                 "hal-graph 1\ninput x f32[4, 4]\nm = matmul(x, x)\nn = matmul(x, x) {transpose_a=1}\n"
                 "b = pointwise(m, n) {expr=\"add(x0, x1)\"}\noutput b\n", NULL, 2);
    /* The epilogue's other input depends on the product. */
    assert_nodes(hal_pass_fuse,
                 "hal-graph 1\ninput x f32[4, 4]\nm = matmul(x, x)\ns = softmax(m)\n"
                 "b = pointwise(m, s) {expr=\"add(x0, x1)\"}\noutput b\n", NULL, 3);
}

/* Graphs by chance: pointwise nodes, softmaxes and matmuls over whatever stands above. */
static void random_graphs_keep_their_values(void **state)
{
    (void)state;
    static const char *const steps[] = {"add(x0, x1)", "mul(x0, x1)", "max(x0, x1)",
                                        "t = sub(x0, x1); relu(t)", "lt(x0, x1)"};
    uint32_t random = 1;
    for (int g = 0; g < 60; g++) {
        char text[8192] = "hal-graph 1\ninput v0 f32[4, 4]\ninput v1 f32[4, 4]\n";
        for (int i = 2; i < 26; i++) {
            char line[160];
            uint32_t a = (random = random * 1664525u + 1013904223u) >> 8,
                     b = (random = random * 1664525u + 1013904223u) >> 8;
            int p = (int)(a % (uint32_t)i), q = (int)(b % (uint32_t)i);
            uint32_t kind = (random = random * 1664525u + 1013904223u) >> 24;
            if (kind < 26) snprintf(line, sizeof line, "v%d = transpose(v%d)\n", i, p);
            else if (kind < 40 && p < 2 && q < 2)
                snprintf(line, sizeof line, "v%d = matmul(v%d, v%d)\n", i, p, q);
            else
                snprintf(line, sizeof line, "v%d = pointwise(v%d, v%d) {expr=\"%s\"}\n", i, p, q,
                         steps[kind % 5]);
            strcat(text, line);
            if (kind % 7 == 0 || i == 25) snprintf(line, sizeof line, "output v%d\n", i), strcat(text, line);
        }
        hal_graph *from = parsed(text), *simple = passed(hal_pass_simplify, from, NULL),
                  *to = passed(hal_pass_fuse, simple, NULL);
        assert_true(hal_graph_node_count(to) <= hal_graph_node_count(simple));
        hal_graph_release(from);
        hal_graph_release(simple);
        hal_graph_release(to);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dead_nodes_go),
        cmocka_unit_test(equal_nodes_become_one),
        cmocka_unit_test(random_numbers_are_never_merged),
        cmocka_unit_test(pins_keep_nodes_apart),
        cmocka_unit_test(chains_become_one_node),
        cmocka_unit_test(intermediates_keep_their_rounding),
        cmocka_unit_test(values_needed_elsewhere_become_outputs),
        cmocka_unit_test(assigned_values_stay),
        cmocka_unit_test(limits_bound_a_group),
        cmocka_unit_test(other_sizes_are_not_fused),
        cmocka_unit_test(paths_around_a_group_keep_it_apart),
        cmocka_unit_test(groups_wait_for_each_other_in_order),
        cmocka_unit_test(matmuls_take_their_epilogue),
        cmocka_unit_test(epilogues_grow),
        cmocka_unit_test(what_feeds_a_matmul_stays_outside),
        cmocka_unit_test(random_graphs_keep_their_values),
    };
    return cmocka_run_group_tests_name("fuse", tests, NULL, NULL);
}
