/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/hal-run/trainer.h"

#include <stdlib.h>

static const int64_t no_size[1] = {0};

/* Tokens, targets and the mean cross entropy of a batch. */
static int build_loss(trainer *t, double dropout, model_graph *m, hal_value *loss, tool_error *err) {
    const hal_dim size[] = {hal_dim_constant(t->setup.train.batch), hal_dim_constant(t->setup.train.context)};
    const hal_attr iota[] = {{.name = "n", .i = t->setup.train.context}};
    *m = (model_graph){.config = &t->setup.model, .dtype = t->setup.dtype, .batch = t->setup.train.batch,
                       .context = t->setup.train.context, .dropout = dropout, .parameters = t->parameters, .count = t->count};
    int code = model_fail(err, hal_graph_create(NULL, &m->graph), "creating a graph");
    if (!code) code = model_declare(m, err);
    if (code) return code;
    m->tokens = hal_graph_input(m->graph, "tokens", HAL_I32, 2, size);
    m->targets = hal_graph_input(m->graph, "targets", HAL_I32, 2, size);
    if (dropout > 0) m->counter = hal_graph_input(m->graph, "counter", HAL_I64, 0, NULL);
    hal_graph_op(m->graph, "iota", iota, 1, NULL, 0, &m->positions, 1);
    *loss = hal_graph_cross_entropy(m->graph, model_logits(m, model_hidden(m)), m->targets);
    hal_graph_set_name(m->graph, *loss, "loss");
    hal_graph_output(m->graph, *loss);
    return model_check(m, err);
}

/* Variable "<name>.sum" that micro-batches add their gradients to. */
static hal_value gradient_sum(const model_graph *m, size_t i) {
    char name[MODEL_NAME_SIZE + 8];
    snprintf(name, sizeof name, "%s.sum", m->parameters[i].name);
    return hal_graph_variable(m->graph, name, HAL_F32, m->parameters[i].rank, m->parameters[i].size);
}

static int build_gradients(model_graph *m, hal_value loss, hal_value **grads, tool_error *err) {
    *grads = calloc(m->count, sizeof **grads);
    if (!*grads) return tool_fail(err, TOOL_INTERNAL, "out of memory for %zu gradients", m->count);
    hal_graph_gradient(m->graph, loss, m->weights, (uint32_t)m->count, *grads);
    return model_check(m, err);
}

static int build_optimiser(trainer *t, model_graph *m, const hal_value *grads, tool_error *err) {
    const train_options *o = &t->setup.train;
    t->rate = hal_graph_input(m->graph, "lr", HAL_F32, 0, NULL);
    t->step_number = hal_graph_input(m->graph, "step", HAL_F32, 0, NULL);
    hal_adamw_options adamw = {HAL_HEAD(hal_adamw_options), .beta1 = o->beta1, .beta2 = o->beta2, .eps = o->epsilon,
                               .decay = o->weight_decay, .clip = o->clip, .lr = t->rate, .step = t->step_number};
    hal_graph_adamw(m->graph, m->weights, grads, (uint32_t)m->count, &adamw, NULL);
    return model_check(m, err);
}

/* The graph that computes the loss of a batch, its gradients, and the new parameters; with accumulation the last of the
 * micro-batches, which also empties the sums. */
static int build_update(trainer *t, tool_error *err) {
    model_graph *m = &t->update_model;
    hal_value *grads = NULL;
    const uint32_t parts = t->setup.train.accumulate;
    int code = build_loss(t, t->setup.train.dropout, m, &t->loss, err);
    if (!code) code = build_gradients(m, t->loss, &grads, err);
    for (size_t i = 0; !code && parts > 1 && i < m->count; i++) {
        hal_value sum = gradient_sum(m, i);
        char mean[64];
        snprintf(mean, sizeof mean, "mul(add(x0, x1), %.17g)", 1.0 / parts);
        grads[i] = hal_graph_pointwise(m->graph, mean, (hal_value[]){sum, grads[i]}, 2);
        hal_graph_assign(m->graph, sum, hal_graph_pointwise(m->graph, "sub(x0, x0)", &sum, 1));
    }
    if (!code) code = build_optimiser(t, m, grads, err);
    free(grads);
    return code;
}

static int build_micro(trainer *t, tool_error *err) {
    model_graph *m = &t->micro_model;
    hal_value *grads = NULL;
    int code = build_loss(t, t->setup.train.dropout, m, &t->micro_loss, err);
    if (!code) code = build_gradients(m, t->micro_loss, &grads, err);
    for (size_t i = 0; !code && i < m->count; i++) {
        hal_value sum = gradient_sum(m, i);
        hal_graph_assign(m->graph, sum, hal_graph_add(m->graph, sum, grads[i]));
    }
    free(grads);
    return code ? code : model_check(m, err);
}

/* Plans what `code` says was built without failure; the graph's reference goes to the step in any case. */
static int prepare(trainer *t, int code, model_graph *m, engine_step *step, tool_error *err) {
    if (!code) return engine_prepare(&t->engine, m->graph, step, err);
    hal_graph_release(m->graph);
    return code;
}

static int build_all(trainer *t, tool_error *err) {
    int code = prepare(t, build_update(t, err), &t->update_model, &t->update, err);
    if (!code && t->setup.train.accumulate > 1) code = prepare(t, build_micro(t, err), &t->micro_model, &t->micro, err);
    if (!code) code = prepare(t, build_loss(t, 0, &t->eval_model, &t->eval_loss, err), &t->eval_model, &t->eval, err);
    return code;
}

int trainer_open(const run_options *options, const trainer_setup *setup, const dataset *data, trainer *out, tool_error *err) {
    *out = (trainer){.setup = *setup, .data = data};
    const size_t tokens = (size_t)setup->train.batch * setup->train.context;
    int code = model_parameters(&out->setup.model, &out->parameters, &out->count, err);
    out->inputs = calloc(tokens, sizeof *out->inputs);
    out->targets = calloc(tokens, sizeof *out->targets);
    if (!code && (!out->inputs || !out->targets)) code = tool_fail(err, TOOL_INTERNAL, "out of memory for a batch");
    if (!code) code = engine_open(options, &out->engine, err);
    if (!code) code = build_all(out, err);
    if (code) trainer_close(out);
    return code;
}

void trainer_close(trainer *t) {
    engine_release(&t->update);
    engine_release(&t->micro);
    engine_release(&t->eval);
    engine_close(&t->engine);
    free(t->update_model.weights);
    free(t->micro_model.weights);
    free(t->eval_model.weights);
    free(t->parameters);
    free(t->inputs);
    free(t->targets);
    *t = (trainer){0};
}

/* Runs one batch that is in t->inputs and t->targets. `micro` numbers the random counters of a step. */
static int run_batch(trainer *t, engine_step *step, const model_graph *m, hal_value loss, uint64_t micro, double *out, tool_error *err) {
    const int64_t size[] = {t->setup.train.batch, t->setup.train.context};
    t->random_counter = (int64_t)(t->step * t->setup.train.accumulate + micro);
    t->rate_now = (float)train_options_rate(&t->setup.train, t->step);
    t->number_now = (float)(t->step + 1);
    hal_feed feeds[5] = {engine_feed(m->tokens, HAL_I32, 2, size, t->inputs), engine_feed(m->targets, HAL_I32, 2, size, t->targets)};
    uint32_t n = 2;
    if (m->counter.id) feeds[n++] = engine_feed(m->counter, HAL_I64, 0, no_size, &t->random_counter);
    if (m == &t->update_model) {
        feeds[n++] = engine_feed(t->rate, HAL_F32, 0, no_size, &t->rate_now);
        feeds[n++] = engine_feed(t->step_number, HAL_F32, 0, no_size, &t->number_now);
    }
    hal_fetch fetch = {loss, hal_tensor_host(&t->loss_now, HAL_F32, 0, no_size)};
    int code = engine_run(step, feeds, n, &fetch, 1, err);
    if (!code) *out = (double)t->loss_now;
    return code;
}

int trainer_step(trainer *t, double *loss, tool_error *err) {
    const train_options *o = &t->setup.train;
    double sum = 0;
    for (uint32_t micro = 0; micro < o->accumulate; micro++) {
        const bool last = micro + 1 == o->accumulate;
        double part = 0;
        int code = dataset_train_batch(t->data, o->seed, t->step, (uint64_t)micro * o->batch, o->batch, o->context, t->inputs,
                                       t->targets, err);
        if (!code) code = run_batch(t, last ? &t->update : &t->micro, last ? &t->update_model : &t->micro_model,
                                    last ? t->loss : t->micro_loss, micro, &part, err);
        if (code) return code;
        sum += part;
    }
    t->step++;
    *loss = sum / o->accumulate;
    return TOOL_OK;
}

int trainer_evaluate(trainer *t, double *loss, tool_error *err) {
    const train_options *o = &t->setup.train;
    const uint64_t rows = dataset_validation_rows(t->data, o->context);
    double sum = 0;
    uint64_t counted = 0;
    for (uint64_t row = 0; row < rows; row += o->batch) {
        uint64_t real = 0;
        double part = 0;
        int code = dataset_validation_batch(t->data, row, o->batch, o->context, t->inputs, t->targets, &real, err);
        if (!code) code = run_batch(t, &t->eval, &t->eval_model, t->eval_loss, 0, &part, err);
        if (code) return code;
        sum += part * (double)real;
        counted += real;
    }
    *loss = counted ? sum / (double)counted : 0;
    return TOOL_OK;
}
