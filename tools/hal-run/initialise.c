/* SPDX-License-Identifier: Apache-2.0 */
/* Initial parameters: normal numbers by the operator `random`, one key a parameter, so that they do not depend on
 * devices, threads or order. */
#include "tools/hal-run/initialise.h"
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

static int build(model_graph *m, uint64_t seed, tool_error *err) {
    int code = model_fail(err, hal_graph_create(NULL, &m->graph), "creating a graph");
    if (!code) code = model_declare(m, err);
    if (code) return code;
    m->counter = hal_graph_input(m->graph, "counter", HAL_I64, 0, NULL);
    for (size_t i = 0; i < m->count; i++) {
        const hal_dtype dtype = model_parameter_dtype(&m->parameters[i], m->rounded ? m->dtype : HAL_F32);
        const hal_value first = initial(m, i, seed);
        hal_graph_assign(m->graph, m->weights[i], dtype == HAL_F32 ? first : hal_graph_cast(m->graph, first, dtype));
    }
    return model_check(m, err);
}

static int copy_weight(const model_parameter *p, hal_dtype dtype, hal_session *from, hal_session *to, tool_error *err) {
    const uint64_t bytes = model_parameter_values(p) * (uint64_t)hal_dtype_describe(dtype)->block_bytes;
    void *data = malloc(bytes ? bytes : 1);
    int code = data ? TOOL_OK : tool_fail(err, TOOL_INTERNAL, "out of memory for tensor %s", p->name);
    if (!code) code = model_fail(err, hal_session_read(from, p->name, data, bytes), p->name);
    if (!code) code = model_fail(err, hal_session_write(to, p->name, data, bytes), p->name);
    free(data);
    return code;
}

static int copy_weights(const model_graph *m, hal_session *from, hal_session *to, tool_error *err) {
    int code = TOOL_OK;
    for (size_t i = 0; !code && i < m->count; i++)
        code = copy_weight(&m->parameters[i], model_parameter_dtype(&m->parameters[i], m->rounded ? m->dtype : HAL_F32), from, to, err);
    return code;
}

static int make(model_graph *m, run_engine *engine, uint64_t seed, engine_step *step, tool_error *err) {
    static const int64_t counter = 0, size[1] = {0};
    int code = build(m, seed, err);
    if (code) {
        hal_graph_release(m->graph);
        return code;
    }
    code = engine_prepare(engine, m->graph, step, err);
    if (code) return code;
    const hal_feed feed = engine_feed(m->counter, HAL_I64, 0, size, &counter);
    return engine_run(step, &feed, 1, NULL, 0, err);
}

int initialise_weights(const run_engine *engine, const model_graph *like, uint64_t seed, tool_error *err) {
    model_graph m = {.config = like->config, .dtype = like->dtype, .rounded = like->rounded, .parameters = like->parameters,
                     .count = like->count};
    engine_step step = {0};
    /* Pins speak about the model's names; here they may match nothing. With them weights may live in several memories, and
     * packed ones are none that a graph assigns: those are made on the first device, and copied to where they live. */
    const bool apart = engine->options->n_pins || engine->pack_variables;
    run_options plain = *engine->options;
    run_engine own = *engine;
    plain.n_pins = 0;
    own.options = &plain;
    own.pack_variables = false;
    if (apart) own.variables = NULL;
    int code = make(&m, &own, seed, &step, err);
    if (!code && apart) code = copy_weights(&m, step.session, engine->variables, err);
    if (code != TOOL_DEADLINE) {
        engine_release(&step);
        if (apart) hal_session_release(own.variables);
    }
    free(m.weights);
    return code;
}

int trainer_initialise(trainer *t, tool_error *err) { return initialise_weights(&t->engine, &t->update_model, t->setup.train.seed, err); }
