/* SPDX-License-Identifier: Apache-2.0 */
/* shape*.c and cost.c, through the text form: the last node's output shapes, as text, or the sentence of the
 * failure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <hal/graph.h>
#include <ops/graph_names.h>

typedef struct shape_case { const char *sources, *node, *expected; } shape_case;

static void append(char *text, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void append(char *text, size_t size, const char *format, ...)
{
    size_t used = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + used, size - used, format, arguments);
    va_end(arguments);
}

static void append_dim(char *text, size_t size, hal_dim d)
{
    if (d.symbol < 0) {
        append(text, size, "%d", (int)d.base);
        return;
    }
    if (d.factor != 1) append(text, size, "%d*", (int)d.factor);
    append(text, size, "%c", "TS"[d.symbol]);
    if (d.base) append(text, size, "%+d", (int)d.base);
}

/* Sources are "name shape, ..." with ';' for line ends; the node line is "outputs = op(...)". */
static void shapes_of(const shape_case *c, char *text, size_t size)
{
    static const char *const outputs[] = {"y", "a", "b"};
    char graph_text[2048] = "hal-graph 1\nsymbol T 2 64 2\nsymbol S 1 9 1\n";
    hal_graph *graph;
    const char *source = c->sources;
    while (*source) {
        int n = (int)strcspn(source, ";");
        append(graph_text, sizeof graph_text, "input %.*s\n", n, source);
        source += n;
        source += strspn(source, "; ");
    }
    append(graph_text, sizeof graph_text, "%s\n", c->node);
    *text = 0;
    if (hal_graph_parse(NULL, graph_text, strlen(graph_text), &graph) != HAL_OK) {
        append(text, size, "%s", hal_status_last()->text);
        return;
    }
    for (int i = 0; i < 3; i++) {
        hal_shape shape;
        if (hal_graph_shape(graph, hal_graph_find(graph, outputs[i]), &shape) != HAL_OK) continue;
        append(text, size, "%s%s[", *text ? " " : "", hal_dtype_describe(shape.dtype)->name);
        for (uint32_t d = 0; d < shape.rank; d++) {
            if (d) append(text, size, ",");
            append_dim(text, size, shape.size[d]);
        }
        append(text, size, "]");
    }
    hal_graph_release(graph);
}

static void run(const shape_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char text[1024];
        shapes_of(&cases[i], text, sizeof text);
        /* "!" starts a part of the sentence of a failure. */
        bool refused = cases[i].expected[0] == '!';
        bool fits = refused ? strstr(text, cases[i].expected + 1) != NULL : !strcmp(text, cases[i].expected);
        if (!fits)
            print_error("%s; %s\n    gives %s\n    not   %s\n", cases[i].sources, cases[i].node, text,
                        cases[i].expected);
        assert_true(fits);
    }
}
#define RUN(cases) run(cases, sizeof cases / sizeof *cases)

static void movement(void **state)
{
    (void)state;
    static const shape_case cases[] = {
        {"x bf16[2, T]", "y = copy(x)", "bf16[2,T]"},
        {"x bf16[2, T]", "y = cast(x) {dtype=i8}", "i8[2,T]"},
        {"x f32[2, 3, 4]", "y = reshape(x) {shape=[6,4]}", "f32[6,4]"},
        {"x f32[2, 3, 4]", "y = reshape(x) {shape=[0,-1]}", "f32[2,12]"},
        {"x f32[1, 1]", "y = reshape(x)", "f32[]"},
        {"x f32[]", "y = reshape(x) {shape=[1]}", "f32[1]"},
        {"x f32[4, T, 8]", "y = reshape(x) {shape=[-1,8]}", "f32[4*T,8]"},
        {"x f32[4, T, 8]", "y = reshape(x) {shape=[0,0,2,4]}", "f32[4,T,2,4]"},
        {"x f32[4*T, 8]", "y = reshape(x) {shape=[4,-1,8]}", "f32[4,T,8]"},
        {"x f32[4, T]", "y = reshape(x) {shape=[8,-1]}", "!different numbers"},
        {"x f32[T, S]", "y = reshape(x) {shape=[-1]}", "!different numbers"},
        {"x f32[T, S]", "y = reshape(x) {shape=[0,-1,1]}", "f32[T,S,1]"},
        {"x f32[2, 3]", "y = reshape(x) {shape=[4,-1]}", "!different numbers"},
        {"x f32[2, 3]", "y = reshape(x) {shape=[-1,-1]}", "!one may be -1"},
        {"x f32[0, 3]", "y = reshape(x) {shape=[3,0]}", "!different numbers"},
        {"x f32[2, T, 4]", "y = transpose(x)", "f32[4,T,2]"},
        {"x f32[2, T, 4]", "y = transpose(x) {perm=[0,-1,1]}", "f32[2,4,T]"},
        {"x f32[2, T, 4]", "y = transpose(x) {perm=[0,0,1]}", "!twice"},
        {"x f32[2, 10]", "y = slice(x) {axis=-1, start=1, size=3, step=4}", "f32[2,3]"},
        {"x f32[2, 10]", "y = slice(x) {axis=1, start=2, size=3, step=4}", "!pass the end"},
        {"x f32[2, 10]", "y = slice(x) {axis=1, start=9223372036854775807, size=2, step=4}", "!pass the end"},
        {"x f32[T]", "y = slice(x) {size=2}", "f32[2]"},
        {"x f32[T]", "y = slice(x) {size=3}", "!least value"},
        {"x f32[3, 1]", "y = broadcast(x) {shape=[2,3,4]}", "f32[2,3,4]"},
        {"x f32[T, 1]", "y = broadcast(x) {shape=[2,0,4]}", "f32[2,T,4]"},
        {"x f32[3]", "y = broadcast(x) {shape=[4]}", "!does not fit"},
        {"x f32[2, 3]", "y = broadcast(x) {shape=[3]}", "!adds axes"},
        {"x f32[2, 3*T]", "y, a, b = split(x) {axis=1}", "f32[2,T] f32[2,T] f32[2,T]"},
        {"x f32[2, 4]", "y, a, b = split(x) {axis=1}", "!does not split"},
        {"x f32[2, T]; z f32[2, 3]", "y = concat(x, z) {axis=1}", "f32[2,T+3]"},
        {"x f32[2, T]; z f32[2, S]", "y = concat(x, z) {axis=1}", "!one symbol"},
        {"x f32[2, 4]; z f32[3, 4]", "y = concat(x, z) {axis=1}", "!differs"},
        {"x f32[9, 4]; i i32[T, 2]", "y = gather(x, i)", "f32[T,2,4]"},
        {"x f32[9, 4]; i f32[2]", "y = gather(x, i)", "!indices are"},
        {"x f32[9, 4]; i i64[2, 3]; u f32[2, 3, 4]", "y = scatter_add(x, i, u)", "f32[9,4]"},
        {"x f32[9, 4]; i i64[2]; u f32[2, 5]", "y = scatter_add(x, i, u)", "!differ"},
        {"x f32[2, 9, 4]; r f32[2, T, 4]; i i32[T]", "y = set_rows(x, r, i) {axis=1}", "f32[2,9,4]"},
        {"x f32[9, 4]; r bf16[1, 4]; i i32[1]", "y = set_rows(x, r, i)", "!one dtype"},
        {"", "y = fill() {value=1, dtype=f16, shape=[2,0]}", "f16[2,0]"},
        {"", "y = fill() {shape=[-2]}", "!not negative"},
        {"", "y = fill() {shape=[9223372036854775807,2]}", "!overflows"},
        {"", "y = iota() {n=5, start=-1}", "i32[5]"},
        {"n i64[]", "y = random(n) {kind=normal, shape=[3,2]}", "f32[3,2]"},
        {"n i32[]", "y = random(n) {shape=[3]}", "!i64"},
    };
    RUN(cases);
}

static void arithmetic(void **state)
{
    (void)state;
    static const shape_case cases[] = {
        {"x bf16[2, 1, T]; z f32[3, 1]", "y, a = pointwise(x, z) {expr=\"add(x0, x1), lt(x0, x1):bool\"}",
         "bf16[2,3,T] bool[2,3,T]"},
        {"x f32[T]; z f32[S]", "y = pointwise(x, z) {expr=\"add(x0, x1)\"}", "!broadcast"},
        {"x f32[T]", "y = pointwise(x) {expr=\"add(x0, x1)\"}", "!2 inputs"},
        {"x f32[2, T, 4]", "y = reduce(x) {axes=[1,-1], keep=1}", "f32[2,1,1]"},
        {"x f32[2, T, 4]", "y = reduce(x) {axes=[0]}", "f32[T,4]"},
        {"x f32[2, T, 4]", "y = reduce(x) {kind=max}", "f32[]"},
        {"x f32[2, T, 4]", "y = reduce(x) {axes=[3]}", "!outside rank"},
        {"x f32[2, T, 4]", "y = reduce(x) {axes=[1,-2]}", "!twice"},
        {"x f32[2, T]", "y = arg_max(x)", "i32[2]"},
        {"x f32[2, 0]", "y = arg_max(x)", "!empty"},
        {"x f32[2, 9]", "y, a = top_k(x) {k=3}", "f32[2,3] i32[2,3]"},
        {"x f32[2, 9]", "y, a = top_k(x) {k=10}", "!smaller k"},
        {"x f32[2, T]", "y, a = sort(x)", "f32[2,T] i32[2,T]"},
        {"x f32[2, T, 8]; w f32[8, 5]", "y = matmul(x, w)", "f32[2,T,5]"},
        {"x f32[2, 8, T]; w f32[2, 5, 8]", "y = matmul(x, w) {transpose_a=1, transpose_b=1}", "f32[2,T,5]"},
        {"x bf16[3, 8]; w bf16[8, 5]", "y = matmul(x, w) {dtype=f32}", "f32[3,5]"},
        {"x f32[3, 8]; w f32[7, 5]", "y = matmul(x, w)", "!must be equal"},
        {"x f32[3, 8]; w bf16[8, 5]", "y = matmul(x, w)", "!one dtype"},
        {"x f32[3, 256]; w q4_k[5, 256]", "y = matmul(x, w) {transpose_b=1}", "f32[3,5]"},
        {"x f32[8]; w f32[8, 5]", "y = matmul(x, w)", "!at least rank 2"},
        {"x bf16[3, 8]; w bf16[8, 5]; z f32[5]",
         "y, a = matmul(x, w, z) {expr=\"t = add(x0, x1); t, relu(t):f32\"}", "bf16[3,5] f32[3,5]"},
        {"x f32[3, 8]; w f32[8, 5]; z f32[2, 3, 5]", "y = matmul(x, w, z) {expr=\"add(x0, x1)\"}",
         "!larger than the product"},
        {"x f32[3, 8]; w f32[8, 5]; z f32[5]", "y = matmul(x, w, z)", "!without an expression"},
        {"x bf16[3, T]", "y = square_sum(x)", "f32[]"},
    };
    RUN(cases);
}

static void transformer(void **state)
{
    (void)state;
#define QKV "q bf16[2, 8, T, 16]; k bf16[2, 4, S, 16]; v bf16[2, 4, S, 32]"
    static const shape_case cases[] = {
        {"x f32[2, T]", "y = softmax(x)", "f32[2,T]"},
        {"x i32[2, T]", "y = softmax(x)", "!cast it"},
        {"x f32[2, T]; z f32[2, S]", "y = softmax_grad(x, z)", "!equal dtype"},
        {"x bf16[2, T, 8]; w f32[8]", "y, a, b = layer_norm(x, w, -)", "bf16[2,T,8] f32[2,T] f32[2,T]"},
        {"x f64[2, 8]; w f64[8]; z f64[8]", "y, a, b = layer_norm(x, w, z)", "f64[2,8] f64[2] f64[2]"},
        {"x f32[2, 8]; w f32[7]", "y, a, b = layer_norm(x, w)", "!last axis"},
        {"x f32[2, 8]; w f32[8]", "y, a = rms_norm(x, -)", "!missing"},
        {"x f32[2, 8]; w f32[8]", "y, a = rms_norm(x, w)", "f32[2,8] f32[2]"},
        {"x f32[2, 8]; w bf16[8]; m f32[2]", "y, a, b = layer_norm_grad(x, x, w, m, m)",
         "f32[2,8] bf16[8] bf16[8]"},
        {"x f32[2, 8]; w bf16[8]; m f32[2]", "y, a = rms_norm_grad(x, x, w, m)", "f32[2,8] bf16[8]"},
        {QKV, "y, a = attention(q, k, v)", "bf16[2,8,T,32] f32[2,8,T]"},
        {QKV "; m f32[T, S]; p i32[]", "y, a = attention(q, k, v, m, p)", "bf16[2,8,T,32] f32[2,8,T]"},
        {QKV "; p i64[]", "y, a = attention(q, k, v, -, p)", "!0-d i32"},
        {QKV "; m f32[S, T]", "y, a = attention(q, k, v, m)", "!input 3"},
        {"q f32[2, 6, T, 16]; k f32[2, 4, T, 16]", "y, a = attention(q, k, k)", "!multiple"},
        {QKV "; o bf16[2, 8, T, 32]; l f32[2, 8, T]", "y, a, b = attention_grad(o, q, k, v, o, l)",
         "bf16[2,8,T,16] bf16[2,4,S,16] bf16[2,4,S,32]"},
        {"x f32[2, T, 8]; p i32[T]", "y = rotary(x, p)", "f32[2,T,8]"},
        {"x f32[2, T, 7]; p i32[T]", "y = rotary(x, p)", "!even"},
        {"x f32[2, T]; z f32[2, T]", "y = gated(x, z) {activation=gelu}", "f32[2,T]"},
        {"x bf16[99, 8]; i i32[2, T]", "y = embedding(x, i)", "bf16[2,T,8]"},
        {"x bf16[2, T, 8]; i i32[2, T]", "y = embedding_grad(x, i) {rows=99}", "bf16[99,8]"},
        {"x bf16[2, T, 8]; i i32[2, T]", "y, a = cross_entropy(x, i)", "f32[] f32[2,T]"},
        {"x bf16[2, T, 8]; i i32[2, T]; l f32[2, T]; d f32[]", "y = cross_entropy_grad(d, x, i, l)",
         "bf16[2,T,8]"},
        {"x bf16[2, T]; n i64[]", "y = dropout(x, n) {p=0.5}", "bf16[2,T]"},
        {"x bf16[2, T]; n i32[]", "y = dropout(x, n) {p=0.5}", "!i64"},
        {"p bf16[3, 2]; g f32[3, 2]; m f32[3, 2]; s f32[]", "y, a, b = adamw(p, g, m, m, s, s, s)",
         "bf16[3,2] f32[3,2] f32[3,2]"},
        {"p f32[3, 2]; m f32[3, 2]; s f32[]", "y, a = sgd(p, p, m, s, s)", "f32[3,2] f32[3,2]"},
        {"p f32[3, 2]; m f32[3]; s f32[]", "y, a = sgd(p, p, m, s, s)", "!the parameter"},
        {"x f32[2, 99]; u f32[2]; t f32[]", "y = sample(x, u, t, t) {top_k=40}", "i32[2]"},
        {"x f32[2, 99]; u f32[2]; t f32[]", "y = sample(x, u, t, t) {top_k=100}", "!top_k"},
    };
    RUN(cases);
}

static void collectives(void **state)
{
    (void)state;
    static const shape_case cases[] = {
        {"x f32[4, T]; z f32[4, T]", "y, a = all_reduce(x, z)", "f32[4,T] f32[4,T]"},
        {"x f32[4, T]; z f32[4, T]", "y = all_reduce(x, z)", "!each member"},
        {"x f32[4, T]; z f32[4, T]", "y, a = all_gather(x, z)", "f32[8,T] f32[8,T]"},
        {"x f32[4, T]; z f32[4, T]", "y, a = reduce_scatter(x, z)", "f32[2,T] f32[2,T]"},
        {"x f32[3, T]; z f32[3, T]", "y, a = reduce_scatter(x, z)", "!does not split"},
        {"x f32[3, T]", "y, a = broadcast_from(x)", "f32[3,T] f32[3,T]"},
        {"x f32[3, T]", "y = send_receive(x)", "f32[3,T]"},
    };
    RUN(cases);
}

static void work_counts_operations_and_bytes(void **state)
{
    (void)state;
    hal_matmul_attrs attrs;
    hal_attrs_default(hal_op_find("matmul"), &attrs);
    hal_dim t = {.factor = 2, .symbol = 0};
    hal_shape in[2] = {{.dtype = HAL_BF16, .rank = 2, .size = {t, hal_dim_constant(8)}},
                       {.dtype = HAL_BF16, .rank = 2, .size = {hal_dim_constant(8), hal_dim_constant(5)}}},
              out;
    assert_int_equal(hal_op_shape(HAL_OP_MATMUL, &attrs, in, 2, &out, 1), HAL_OK);
    hal_work work;
    const int64_t symbols[] = {3};
    assert_int_equal(hal_op_work(HAL_OP_MATMUL, &attrs, in, 2, &out, 1, symbols, &work), HAL_OK);
    assert_true(work.flops == 2.0 * 6 * 8 * 5);
    assert_true(work.bytes == 2.0 * (6 * 8 + 8 * 5 + 6 * 5));
    assert_int_equal(hal_status_code(hal_op_work(HAL_OP_MATMUL, &attrs, in, 2, &out, 1, NULL, &work)),
                     HAL_CODE_INVALID_ARGUMENT);
}

/* As it is with those that an op has when none are given. */
static void work_without_attributes(void **state)
{
    (void)state;
    static const struct { const char *name; uint32_t n_in; } ops[] = {{"matmul", 2}, {"attention", 3}, {"attention_grad", 4},
                                                                      {"gather", 2}, {"set_rows", 3}, {"reduce", 1}};
    const hal_dim side = hal_dim_constant(4);
    const hal_shape operand = {.dtype = HAL_F32, .rank = 4, .size = {side, side, side, side}};
    const hal_shape in[] = {operand, operand, operand, operand}, out[] = {operand, operand, operand};
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        const hal_op_info *op = hal_op_find(ops[i].name);
        hal_attrs_storage defaults;
        hal_work given = {0, 0}, bare = {0, 0};
        hal_attrs_default(op, &defaults);
        assert_int_equal(hal_op_work(op->number, &defaults, in, ops[i].n_in, out, op->min_outputs, NULL, &given), HAL_OK);
        assert_int_equal(hal_op_work(op->number, NULL, in, ops[i].n_in, out, op->min_outputs, NULL, &bare), HAL_OK);
        assert_true(bare.bytes > 0 && bare.flops == given.flops && bare.bytes == given.bytes);
    }
}

/* What moves data computes nothing, and what picks rows does not read the others. */
static void work_of_movement(void **state)
{
    (void)state;
    const hal_shape table = {.dtype = HAL_F32, .rank = 2, .size = {hal_dim_constant(1000), hal_dim_constant(8)}},
                    rows = {.dtype = HAL_F32, .rank = 2, .size = {hal_dim_constant(3), hal_dim_constant(8)}},
                    ids = {.dtype = HAL_I32, .rank = 1, .size = {hal_dim_constant(3)}};
    const hal_shape gather[] = {table, ids}, store[] = {table, rows, ids}, many[] = {rows, ids};
    hal_gather_attrs along;
    hal_set_rows_attrs where;
    hal_work work;
    hal_attrs_default(hal_op_find("gather"), &along);
    hal_attrs_default(hal_op_find("set_rows"), &where);
    assert_int_equal(hal_op_work(HAL_OP_GATHER, &along, gather, 2, &rows, 1, NULL, &work), HAL_OK);
    assert_true(work.flops == 0 && work.bytes == 2 * 3 * 8 * 4 + 3 * 4);
    assert_int_equal(hal_op_work(HAL_OP_GATHER, &along, many, 2, &table, 1, NULL, &work), HAL_OK);
    assert_true(work.flops == 0 && work.bytes == (3 + 1000) * 8 * 4 + 3 * 4);
    assert_int_equal(hal_op_work(HAL_OP_SET_ROWS, &where, store, 3, &table, 1, NULL, &work), HAL_OK);
    assert_true(work.flops == 0 && work.bytes == 2 * 3 * 8 * 4 + 3 * 4);
    assert_int_equal(hal_op_work(HAL_OP_COPY, NULL, &table, 1, &table, 1, NULL, &work), HAL_OK);
    assert_true(work.flops == 0 && work.bytes == 2 * 1000 * 8 * 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(movement),
        cmocka_unit_test(arithmetic),
        cmocka_unit_test(transformer),
        cmocka_unit_test(collectives),
        cmocka_unit_test(work_counts_operations_and_bytes),
        cmocka_unit_test(work_without_attributes),
        cmocka_unit_test(work_of_movement),
    };
    return cmocka_run_group_tests_name("shape", tests, NULL, NULL);
}
