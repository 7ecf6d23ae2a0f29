/* SPDX-License-Identifier: Apache-2.0 */
/* Initial parameters: normal numbers by the operator `random`, one key a parameter, so that they do not depend on
 * devices, threads or order. */
#include "tools/hal-run/trainer.h"

#include <stdlib.h>

static hal_value initial(model_graph *m, size_t i, uint64_t seed) {
    const model_parameter *p = &m->parameters[i];
    if (p->deviation == 0) return hal_graph_fill(m->graph, p->fill, HAL_F32, p->rank, p->size);
    const hal_attr attrs[] = {{.name = "kind", .s = "normal"}, {.name = "seed", .i = (int64_t)(seed * 1000003u + i)},
                              {.name = "shape", .list = p->size, .n = p->rank}};
    hal_value normal = HAL_NO_VALUE;
    char scale[48];
    hal_graph_op(m->graph, "random", attrs, 3, &m->counter, 1, &normal, 1);
    snprintf(scale, sizeof scale, "mul(x0, %.17g)", p->deviation);
    return hal_graph_pointwise(m->graph, scale, &normal, 1);
}

static int build(trainer *t, model_graph *m, tool_error *err) {
    int code = model_fail(err, hal_graph_create(NULL, &m->graph), "creating a graph");
    if (!code) code = model_declare(m, err);
    if (code) return code;
    m->counter = hal_graph_input(m->graph, "counter", HAL_I64, 0, NULL);
    for (size_t i = 0; i < m->count; i++) hal_graph_assign(m->graph, m->weights[i], initial(m, i, t->setup.train.seed));
    return model_check(m, err);
}

static int copy_weight(trainer *t, size_t i, hal_session *from, tool_error *err) {
    const char *name = t->parameters[i].name;
    const uint64_t bytes = model_parameter_values(&t->parameters[i]) * sizeof(float);
    void *data = malloc(bytes ? bytes : 1);
    int code = data ? TOOL_OK : tool_fail(err, TOOL_INTERNAL, "out of memory for tensor %s", name);
    if (!code) code = model_fail(err, hal_session_read(from, name, data, bytes), name);
    if (!code) code = model_fail(err, hal_session_write(t->engine.variables, name, data, bytes), name);
    free(data);
    return code;
}

/* With pins weights may live in several memories: they are made on the first device, and copied to where they live. */
static int copy_weights(trainer *t, hal_session *from, tool_error *err) {
    int code = TOOL_OK;
    for (size_t i = 0; !code && i < t->count; i++) code = copy_weight(t, i, from, err);
    return code;
}

int trainer_initialise(trainer *t, tool_error *err) {
    model_graph m = {.config = &t->setup.model, .parameters = t->parameters, .count = t->count};
    engine_step step = {0};
    /* Pins speak about the model's names; here they may match nothing. */
    run_options plain = *t->engine.options;
    run_engine engine = t->engine;
    plain.n_pins = 0;
    if (t->engine.options->n_pins) engine.variables = NULL;
    engine.options = &plain;
    static const int64_t counter = 0, size[1] = {0};
    int code = build(t, &m, err);
    if (!code) code = engine_prepare(&engine, m.graph, &step, err);
    else hal_graph_release(m.graph);
    if (!code) {
        hal_feed feed = engine_feed(m.counter, HAL_I64, 0, size, &counter);
        code = engine_run(&step, &feed, 1, NULL, 0, err);
    }
    if (!code && t->engine.options->n_pins) code = copy_weights(t, step.session, err);
    if (code != TOOL_DEADLINE) {
        engine_release(&step);
        if (t->engine.options->n_pins) hal_session_release(engine.variables);
    }
    free(m.weights);
    return code;
}
