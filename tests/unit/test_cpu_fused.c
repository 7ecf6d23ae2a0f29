/* SPDX-License-Identifier: Apache-2.0 */
/* Fusion never changes values on the cpu: a graph planned with and without it gives the same bits, whether a
 * function runs in the pointwise machine or in the epilogue of a product. */
#include "sched_test.h"

#define ROWS    37
#define INNER   70
#define COLUMNS 75

/* Numbers without a pattern in [-4, 4). */
static void fill(float *to, uint32_t n, uint32_t seed)
{
    for (uint32_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        to[i] = (float)(seed >> 8) * 0x1p-21f - 4.0f;
    }
}

typedef struct product {
    hal_value a, b, c, z;
} product;

/* z = f(a b + c), f written over x0 = a b + c and x1 = c; each step has its own node. */
static hal_graph *product_graph(hal_dtype dtype, const char *f, product *p)
{
    hal_graph *g = sched_graph();
    p->a = sched_input(g, "a", ROWS, INNER);
    p->b = sched_input(g, "b", INNER, COLUMNS);
    p->c = sched_input(g, "c", ROWS, COLUMNS);
    hal_value a = hal_graph_cast(g, p->a, dtype), b = hal_graph_cast(g, p->b, dtype);
    hal_value c = hal_graph_cast(g, p->c, dtype);
    hal_value in[2] = {hal_graph_add(g, hal_graph_matmul(g, a, b, false, false), c), c}, y;
    const hal_attr expr = {"expr", .s = f};
    OK(hal_graph_op(g, "pointwise", &expr, 1, in, strstr(f, "x1") ? 2 : 1, &y, 1));
    p->z = hal_graph_cast(g, hal_graph_mul(g, y, c), HAL_F32);
    OK(hal_graph_output(g, p->z));
    return g;
}

/* Runs the graph and says how many operators that took. */
static uint32_t product_run(hal_instance *instance, hal_graph *graph, const product *p, bool no_fusion,
                            float *z)
{
    const char *device = sched_device();
    hal_plan_options options = {HAL_HEAD(hal_plan_options), .devices = &device, .n_devices = 1,
                                .no_fusion = no_fusion};
    static float a[ROWS * INNER], b[INNER * COLUMNS], c[ROWS * COLUMNS];
    hal_plan *plan;
    hal_session *session;
    hal_plan_info info;
    fill(a, ROWS * INNER, 1);
    fill(b, INNER * COLUMNS, 2);
    fill(c, ROWS * COLUMNS, 3);
    OK(hal_plan_create(instance, graph, &options, &plan));
    OK(hal_session_create(plan, NULL, &session));
    hal_plan_describe(plan, &info);
    hal_feed feeds[3] = {{p->a, sched_tensor(a, ROWS, INNER)},
                         {p->b, sched_tensor(b, INNER, COLUMNS)},
                         {p->c, sched_tensor(c, ROWS, COLUMNS)}};
    hal_fetch fetch = {p->z, sched_tensor(z, ROWS, COLUMNS)};
    OK(hal_session_run(session, feeds, 3, &fetch, 1, SOON));
    hal_session_release(session);
    hal_plan_release(plan);
    return info.ops;
}

static void check(hal_instance *instance, hal_dtype dtype, const char *f)
{
    static float apart[ROWS * COLUMNS], fused[ROWS * COLUMNS];
    product p;
    hal_graph *g = product_graph(dtype, f, &p);
    uint32_t most = product_run(instance, g, &p, true, apart),
             least = product_run(instance, g, &p, false, fused);
    if (least >= most)
        fail_msg("%s: %u operators without fusion, %u with it", f, most, least);
    for (uint32_t i = 0; i < ROWS * COLUMNS; i++) {
        if (memcmp(&apart[i], &fused[i], sizeof *fused) == 0)
            continue;
        fail_msg("%s: element %u is %.9g unfused, %.9g fused", f, i, (double)apart[i], (double)fused[i]);
    }
    hal_graph_release(g);
}

static void fused_and_unfused_have_the_same_bits(void **state)
{
    static const char *const functions[] = {
        "exp(x0)",         "tanh(x0)",          "sigmoid(x0)",       "silu(x0)",
        "gelu(x0)",        "gelu_tanh(x0)",     "erf(x0)",           "sin(x0)",
        "log(abs(x0))",    "silu_grad(x0, x1)", "gelu_grad(x0, x1)", "gelu_tanh_grad(x0, x1)",
        "fma(x0, x1, x1)", "div(x1, x0)",       "rsqrt(abs(x0))",    "add(mul(x0, x0), mul(x1, x1))",
    };
    hal_instance *instance = sched_instance(sched_device());
    (void)state;
    for (size_t f = 0; f < sizeof functions / sizeof *functions; f++) {
        check(instance, HAL_F32, functions[f]);
        check(instance, HAL_BF16, functions[f]);
        check(instance, HAL_F16, functions[f]);
    }
    hal_instance_release(instance);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(fused_and_unfused_have_the_same_bits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
