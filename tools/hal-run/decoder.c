/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/hal-run/decoder.h"

#include <stdlib.h>

/* --------------------------------------------------------------------------------------------- the programs -- */

/* Random number for the token that a step makes, from the operator `random`. */
static hal_value uniform(decoder_program *p, uint64_t seed) {
    const int64_t size[] = {1};
    const hal_attr attrs[] = {{.name = "seed", .i = (int64_t)seed}, {.name = "shape", .list = size, .n = 1}};
    hal_value u = HAL_NO_VALUE;
    p->uniform_counter = hal_graph_input(p->model.graph, "counter", HAL_I64, 0, NULL);
    hal_graph_op(p->model.graph, "random", attrs, 2, &p->uniform_counter, 1, &u, 1);
    return u;
}

static int build(decoder *d, int64_t size, decoder_program *p, tool_error *err) {
    model_graph *m = &p->model;
    const run_options *o = d->engine.options;
    const hal_dim tokens[] = {hal_dim_constant(1), hal_dim_constant(size)};
    *m = (model_graph){.config = &d->config, .dtype = d->dtype, .rounded = true, .batch = 1, .context = d->config.positions,
                       .parameters = d->parameters, .count = d->count, .cached = true};
    p->size = size;
    int code = model_fail(err, hal_graph_create(NULL, &m->graph), "creating a graph");
    if (!code) code = model_declare(m, err);
    if (code) return code;
    m->tokens = hal_graph_input(m->graph, "tokens", HAL_I32, 2, tokens);
    m->positions = hal_graph_input(m->graph, "positions", HAL_I32, 1, tokens + 1);
    m->start = hal_graph_input(m->graph, "start", HAL_I32, 0, NULL);
    p->last = hal_graph_input(m->graph, "last", HAL_I32, 0, NULL);
    p->temperature = hal_graph_input(m->graph, "temperature", HAL_F32, 0, NULL);
    p->top_p = hal_graph_input(m->graph, "top_p", HAL_F32, 0, NULL);
    hal_value hidden = hal_graph_gather(m->graph, model_hidden(m), p->last, 1);
    p->next = hal_graph_sample(m->graph, model_logits(m, hidden), uniform(p, o->seed), p->temperature, p->top_p, o->top_k);
    hal_graph_output(m->graph, p->next);
    return model_check(m, err);
}

static int open_program(decoder *d, int64_t size, decoder_program *p, tool_error *err) {
    int code = build(d, size, p, err);
    if (!code) return engine_prepare(&d->engine, p->model.graph, &p->step, err);
    hal_graph_release(p->model.graph);
    return code;
}

static void close_program(decoder_program *p) {
    engine_release(&p->step);
    free(p->model.weights);
}

/* Buckets double from 16 up to the context. */
int64_t decoder_bucket(const decoder *d, int64_t n) {
    int64_t size = 16;
    while (size < n) size *= 2;
    return size > d->config.positions ? d->config.positions : size;
}

static int prefill_for(decoder *d, int64_t n, decoder_program **out, tool_error *err) {
    const int64_t size = decoder_bucket(d, n);
    for (uint32_t i = 0; i < d->n_prefill; i++)
        if (d->prefill[i].size == size) {
            *out = &d->prefill[i];
            return TOOL_OK;
        }
    int code = open_program(d, size, &d->prefill[d->n_prefill], err);
    if (code) return code;
    *out = &d->prefill[d->n_prefill++];
    return TOOL_OK;
}

/* -------------------------------------------------------------------------------------------------- a step -- */

void decoder_feed(decoder *d, decoder_program *p, const int32_t *ids, int64_t n, uint64_t number, hal_feed feeds[DECODER_FEEDS]) {
    const run_options *o = d->engine.options;
    const int64_t tokens[] = {1, p->size}, none[1] = {0};
    p->now = (decoder_feeds){(int32_t)d->cached, (int32_t)(n - 1), (int64_t)number, (float)o->temperature, (float)o->top_p};
    /* Positions beyond the real tokens lie outside the caches, where nothing is stored. */
    for (int64_t i = 0; i < p->size; i++) d->positions[i] = i < n ? p->now.start + (int32_t)i : (int32_t)d->config.positions;
    feeds[0] = engine_feed(p->model.tokens, HAL_I32, 2, tokens, ids);
    feeds[1] = engine_feed(p->model.positions, HAL_I32, 1, tokens + 1, d->positions);
    feeds[2] = engine_feed(p->model.start, HAL_I32, 0, none, &p->now.start);
    feeds[3] = engine_feed(p->last, HAL_I32, 0, none, &p->now.last);
    feeds[4] = engine_feed(p->uniform_counter, HAL_I64, 0, none, &p->now.counter);
    feeds[5] = engine_feed(p->temperature, HAL_F32, 0, none, &p->now.temperature);
    feeds[6] = engine_feed(p->top_p, HAL_F32, 0, none, &p->now.top_p);
}

static int run(decoder *d, decoder_program *p, const int32_t *ids, int64_t n, uint64_t number, tool_error *err) {
    const int64_t one[] = {1};
    hal_feed feeds[DECODER_FEEDS];
    const hal_fetch fetch = {p->next, hal_tensor_host(&d->next, HAL_I32, 1, one)};
    decoder_feed(d, p, ids, n, number, feeds);
    int code = engine_run(&p->step, feeds, DECODER_FEEDS, &fetch, 1, err);
    if (!code) d->cached += n;
    return code;
}

int decoder_read(decoder *d, const int32_t *ids, int64_t n, uint64_t number, tool_error *err) {
    decoder_program *p;
    int code = prefill_for(d, n, &p, err);
    if (code) return code;
    d->cached = 0;
    return run(d, p, ids, n, number, err);
}

int decoder_next(decoder *d, const int32_t *id, uint64_t number, tool_error *err) { return run(d, &d->decode, id, 1, number, err); }

/* -------------------------------------------------------------------------------------------------- opening -- */

int decoder_open(const run_options *options, const model_config *config, hal_dtype dtype, decoder *d, tool_error *err) {
    *d = (decoder){.config = *config, .dtype = dtype};
    d->positions = calloc(config->positions + 16u, sizeof *d->positions);
    if (!d->positions) return tool_fail(err, TOOL_INTERNAL, "out of memory for %u positions", config->positions);
    int code = model_parameters(&d->config, &d->parameters, &d->count, err);
    if (!code) code = engine_open(options, &d->engine, err);
    if (code) return code;
    d->engine.pack_variables = true;
    return open_program(d, 1, &d->decode, err);
}

void decoder_close(decoder *d) {
    close_program(&d->decode);
    for (uint32_t i = 0; i < d->n_prefill; i++) close_program(&d->prefill[i]);
    engine_close(&d->engine);
    free(d->parameters);
    free(d->positions);
    *d = (decoder){0};
}
