/* SPDX-License-Identifier: Apache-2.0 */
#include "tiny.h"

enum { ROWS = 4, IN = 3, HIDDEN = 5, CLASSES = 2 };

static hal_value input(hal_graph *g, const char *name, hal_dtype dtype, uint32_t rank, int64_t a, int64_t b)
{
    return hal_graph_input(g, name, dtype, rank, (hal_dim[]){hal_dim_constant(a), hal_dim_constant(b)});
}

static hal_status build(tiny *t)
{
    hal_graph *g = t->graph;
    hal_value grads[3];
    t->x = input(g, "x", HAL_F32, 2, ROWS, IN);
    t->targets = input(g, "targets", HAL_I32, 1, ROWS, 0);
    t->lr = input(g, "lr", HAL_F32, 0, 0, 0);
    t->step = input(g, "step", HAL_F32, 0, 0, 0);
    hal_value params[3] = {hal_graph_variable(g, "w1", HAL_F32, 2, (int64_t[]){IN, HIDDEN}),
                           hal_graph_variable(g, "b1", HAL_F32, 1, (int64_t[]){HIDDEN}),
                           hal_graph_variable(g, "w2", HAL_F32, 2, (int64_t[]){HIDDEN, CLASSES})};
    hal_value h = hal_graph_add(g, hal_graph_matmul(g, t->x, params[0], false, false), params[1]);
    h = hal_graph_pointwise(g, "gelu(x0)", &h, 1);
    t->loss = hal_graph_cross_entropy(g, hal_graph_matmul(g, h, params[2], false, false), t->targets);
    HAL_TRY(hal_graph_gradient(g, t->loss, params, 3, grads));
    hal_adamw_options o = {HAL_HEAD(hal_adamw_options),
                           .beta1 = 0.9,
                           .beta2 = 0.99,
                           .eps = 1e-8,
                           .decay = 0.1,
                           .clip = 1.0,
                           .lr = t->lr,
                           .step = t->step};
    HAL_TRY(hal_graph_adamw(g, params, grads, 3, &o, NULL));
    HAL_TRY(hal_graph_output(g, t->loss));
    return hal_graph_status(g);
}

static hal_status write_parameters(tiny *t)
{
    float w[IN * HIDDEN];
    for (int i = 0; i < IN * HIDDEN; i++)
        w[i] = (float)(i % 7 - 3) * 0.25f;
    HAL_TRY(hal_session_write(t->session, "w1", w, sizeof(float) * IN * HIDDEN));
    return hal_session_write(t->session, "w2", w, sizeof(float) * HIDDEN * CLASSES);
}

static hal_status fill(const hal_instance_options *options, const hal_allocator *allocator,
                       const char *device, tiny *t)
{
    hal_plan_options plan = {HAL_HEAD(hal_plan_options), .devices = &device, .n_devices = 1};
    HAL_TRY(hal_instance_create(options, &t->instance));
    HAL_TRY(hal_device_find(t->instance, device, &t->device));
    HAL_TRY(hal_graph_create(allocator, &t->graph));
    HAL_TRY(build(t));
    HAL_TRY(hal_plan_create(t->instance, t->graph, &plan, &t->plan));
    HAL_TRY(hal_session_create(t->plan, NULL, &t->session));
    return write_parameters(t);
}

hal_status tiny_create(const hal_instance_options *options, const hal_allocator *allocator,
                       const char *device, tiny *t)
{
    tiny made = {0};
    hal_status status = fill(options, allocator, device, &made);
    if (status == HAL_OK)
        *t = made;
    else
        tiny_free(&made);
    return status;
}

hal_status tiny_step(tiny *t, int64_t deadline, float *loss)
{
    static float x[ROWS][IN] = {{0.5f, -1, 2}, {1, 1, -0.5f}, {-2, 0.25f, 1}, {0, -1, -1}};
    static int32_t targets[ROWS] = {0, 1, 1, 0};
    t->fed[0] = 0.05f;
    t->fed[1] = (float)++t->steps;
    const hal_feed feeds[] = {{t->x, hal_tensor_host(x, HAL_F32, 2, (int64_t[]){ROWS, IN})},
                              {t->targets, hal_tensor_host(targets, HAL_I32, 1, (int64_t[]){ROWS})},
                              {t->lr, hal_tensor_host(&t->fed[0], HAL_F32, 0, NULL)},
                              {t->step, hal_tensor_host(&t->fed[1], HAL_F32, 0, NULL)}};
    const hal_fetch fetch = {t->loss, hal_tensor_host(&t->fetched, HAL_F32, 0, NULL)};
    HAL_TRY(hal_session_run(t->session, feeds, 4, &fetch, 1, deadline));
    *loss = t->fetched;
    return HAL_OK;
}

void tiny_free(tiny *t)
{
    hal_session_release(t->session);
    hal_plan_release(t->plan);
    hal_graph_release(t->graph);
    hal_device_release(t->device);
    hal_instance_release(t->instance);
}

hal_status tiny_train(const hal_instance_options *options, const hal_allocator *allocator, const char *device,
                      int steps, float *loss)
{
    tiny t;
    HAL_TRY(tiny_create(options, allocator, device, &t));
    hal_status status = HAL_OK;
    for (int i = 0; i < steps && status == HAL_OK; i++)
        status = tiny_step(&t, hal_deadline_ms(20000), loss);
    tiny_free(&t);
    return status;
}
