/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Failing allocations where weights lie packed: in planning, which asks the device, in making the session, in writing and
 * reading a weight, which run a program each, and in a graph that packs by itself.
 */
#include "starve.h"

enum { ROWS = 2, K = 4, N = 8 };

static hal_status with_product(world *w)
{
    const hal_dim size[2] = {hal_dim_constant(ROWS), hal_dim_constant(K)};
    HAL_TRY(with_instance(w));
    HAL_TRY(hal_graph_create(w->allocator, &w->graph));
    w->x = hal_graph_input(w->graph, "x", HAL_F32, 2, size);
    w->y = hal_graph_variable(w->graph, "w", HAL_F32, 2, (int64_t[]){K, N});
    w->loss = hal_graph_matmul(w->graph, w->x, w->y, false, false);
    return hal_graph_output(w->graph, w->loss);
}

static hal_status make_plan(world *w, hal_plan **plan)
{
    const hal_plan_options o = {HAL_HEAD(hal_plan_options), .pack_variables = true};
    return hal_plan_create(w->instance, w->graph, &o, plan);
}

static hal_status plan_create(world *w)
{
    ACT_MAKES(hal_plan, make_plan(w, &made), hal_plan_release);
}

static hal_status with_packed_plan(world *w)
{
    HAL_TRY(with_product(w));
    return make_plan(w, &w->plan);
}

static hal_status with_packed_session(world *w)
{
    HAL_TRY(with_packed_plan(w));
    return hal_session_create(w->plan, NULL, &w->session);
}

static hal_status session_create(world *w)
{
    const hal_session_options o = {HAL_HEAD(hal_session_options), .variables_of = w->session};
    ACT_MAKES(hal_session, hal_session_create(w->plan, &o, &made), hal_session_release);
}

static hal_status session_write(world *w)
{
    return hal_session_write(w->session, "w", w->numbers, K * N * sizeof(float));
}

static hal_status session_read(world *w)
{
    return hal_session_read(w->session, "w", w->numbers, K * N * sizeof(float));
}

/* x -> pack -> unpack, by a graph. */
static hal_status with_packing_graph(world *w)
{
    const hal_dim size[2] = {hal_dim_constant(K), hal_dim_constant(N)};
    HAL_TRY(with_instance(w));
    HAL_TRY(hal_graph_create(w->allocator, &w->graph));
    w->x = hal_graph_input(w->graph, "x", HAL_F32, 2, size);
    HAL_TRY(hal_graph_node(w->graph, HAL_OP_PACK, NULL, &w->x, 1, &w->y, 1));
    return hal_graph_output(w->graph, w->y);
}

static void packed(void **state)
{
    (void)state;
    static const entry entries[] = {
        {"plan_create, a weight to pack", with_product, plan_create, false},
        {"plan_create, a graph that packs", with_packing_graph, plan_create, false},
        {"session_create, packed", with_packed_plan, session_create, false},
        {"session_create, sharing what is packed", with_packed_session, session_create, false},
        {"session_write, packed", with_packed_session, session_write, false},
        {"session_read, packed", with_packed_session, session_read, false},
    };
    starve_all(entries, sizeof entries / sizeof *entries);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(packed)};
    return cmocka_run_group_tests_name("packed", tests, starve_setup, NULL);
}
