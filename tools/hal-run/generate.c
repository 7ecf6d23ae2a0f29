/* SPDX-License-Identifier: Apache-2.0 */
/* hal-run generate: a prompt goes through one prefill program of the smallest bucket that holds it; then one decode program
 * makes a token a step, with keys and values kept in variables. When the context is full, its newer half is read again. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/common/deadline.h"
#include "tools/common/tokenizer.h"
#include "tools/hal-run/state.h"
#include "tools/hal-run/verbs.h"

/* One program of T tokens. */
typedef struct chunk {
    int64_t size;
    model_graph model;
    engine_step step;
    hal_value last, uniform_counter, temperature, top_p, next;
    int32_t start_now, last_now; /* what a step is fed: here, as the device may still use it when a deadline has passed */
    int64_t counter_now;
    float temperature_now, top_p_now;
} chunk;

typedef struct generator {
    const run_options *options;
    run_engine engine;
    model_config config;
    model_parameter *parameters;
    size_t count;
    tokenizer *codec;
    chunk decode, prefill[16];
    uint32_t n_prefill;
    int32_t *ids, *positions;   /* the whole text so far; one chunk's positions */
    uint64_t n_ids, capacity;
    int64_t cached;             /* tokens in the caches */
    uint64_t first;             /* index in ids of the first cached token */
    int32_t next;               /* the token that a step makes */
    uint64_t prompt_compilations; /* programs compiled when the prompt had been read */
    uint64_t prefills, prefilled; /* how often a text was read, and the tokens of the last time */
    double prefill_seconds;       /* of the last time: the first one also compiles */
    double *token_seconds;        /* of each decoded token */
    size_t n_token_seconds;
} generator;

/* Random number for the token that a step makes, from the operator `random`. */
static hal_value uniform(chunk *c, uint64_t seed) {
    const int64_t size[] = {1};
    const hal_attr attrs[] = {{.name = "seed", .i = (int64_t)seed}, {.name = "shape", .list = size, .n = 1}};
    hal_value u = HAL_NO_VALUE;
    c->uniform_counter = hal_graph_input(c->model.graph, "counter", HAL_I64, 0, NULL);
    hal_graph_op(c->model.graph, "random", attrs, 2, &c->uniform_counter, 1, &u, 1);
    return u;
}

static int build(generator *g, int64_t size, chunk *c, tool_error *err) {
    model_graph *m = &c->model;
    const hal_dim tokens[] = {hal_dim_constant(1), hal_dim_constant(size)};
    *m = (model_graph){.config = &g->config, .dtype = HAL_F32, .batch = 1, .context = g->config.positions,
                       .parameters = g->parameters, .count = g->count, .cached = true};
    c->size = size;
    int code = model_fail(err, hal_graph_create(NULL, &m->graph), "creating a graph");
    if (!code) code = model_declare(m, err);
    if (code) return code;
    m->tokens = hal_graph_input(m->graph, "tokens", HAL_I32, 2, tokens);
    m->positions = hal_graph_input(m->graph, "positions", HAL_I32, 1, tokens + 1);
    m->start = hal_graph_input(m->graph, "start", HAL_I32, 0, NULL);
    c->last = hal_graph_input(m->graph, "last", HAL_I32, 0, NULL);
    c->temperature = hal_graph_input(m->graph, "temperature", HAL_F32, 0, NULL);
    c->top_p = hal_graph_input(m->graph, "top_p", HAL_F32, 0, NULL);
    hal_value hidden = hal_graph_gather(m->graph, model_hidden(m), c->last, 1);
    c->next = hal_graph_sample(m->graph, model_logits(m, hidden), uniform(c, g->options->seed), c->temperature, c->top_p,
                               g->options->top_k);
    hal_graph_output(m->graph, c->next);
    return model_check(m, err);
}

static int open_chunk(generator *g, int64_t size, chunk *c, tool_error *err) {
    int code = build(g, size, c, err);
    if (!code) return engine_prepare(&g->engine, c->model.graph, &c->step, err);
    hal_graph_release(c->model.graph);
    return code;
}

/* Runs tokens ids[from .. from + n) at the end of the caches. */
static int run_chunk(generator *g, chunk *c, uint64_t from, int64_t n, tool_error *err) {
    const int64_t tokens[] = {1, c->size}, none[1] = {0};
    c->start_now = (int32_t)g->cached;
    c->last_now = (int32_t)(n - 1);
    c->counter_now = (int64_t)g->n_ids;
    c->temperature_now = (float)g->options->temperature;
    c->top_p_now = (float)g->options->top_p;
    /* Positions beyond the real tokens lie outside the caches, where nothing is stored. */
    for (int64_t i = 0; i < c->size; i++) g->positions[i] = i < n ? c->start_now + (int32_t)i : (int32_t)g->config.positions;
    const hal_feed feeds[] = {
        engine_feed(c->model.tokens, HAL_I32, 2, tokens, g->ids + from), engine_feed(c->model.positions, HAL_I32, 1, tokens + 1, g->positions),
        engine_feed(c->model.start, HAL_I32, 0, none, &c->start_now), engine_feed(c->last, HAL_I32, 0, none, &c->last_now),
        engine_feed(c->uniform_counter, HAL_I64, 0, none, &c->counter_now),
        engine_feed(c->temperature, HAL_F32, 0, none, &c->temperature_now), engine_feed(c->top_p, HAL_F32, 0, none, &c->top_p_now)};
    const int64_t one[] = {1};
    hal_fetch fetch = {c->next, hal_tensor_host(&g->next, HAL_I32, 1, one)};
    int code = engine_run(&c->step, feeds, 7, &fetch, 1, err);
    if (!code) g->cached += n;
    return code;
}

/* The prefill program for n tokens: buckets double from 16 up to the context. */
static int prefill_for(generator *g, int64_t n, chunk **out, tool_error *err) {
    int64_t size = 16;
    while (size < n) size *= 2;
    if (size > g->config.positions) size = g->config.positions;
    for (uint32_t i = 0; i < g->n_prefill; i++)
        if (g->prefill[i].size == size) {
            *out = &g->prefill[i];
            return TOOL_OK;
        }
    int code = open_chunk(g, size, &g->prefill[g->n_prefill], err);
    if (code) return code;
    *out = &g->prefill[g->n_prefill++];
    return TOOL_OK;
}

/* Reads the newest n tokens into empty caches. */
static int prefill(generator *g, int64_t n, tool_error *err) {
    chunk *c;
    int code = prefill_for(g, n, &c, err);
    if (code) return code;
    g->cached = 0;
    g->first = g->n_ids - (uint64_t)n;
    const int64_t begin = hal_time_now();
    code = run_chunk(g, c, g->first, n, err);
    g->prefill_seconds = (double)(hal_time_now() - begin) * 1e-9;
    g->prefilled = (uint64_t)n;
    g->prefills++;
    return code;
}

static int decode_token(generator *g, uint64_t from, tool_error *err) {
    const int64_t begin = hal_time_now();
    int code = run_chunk(g, &g->decode, from, 1, err);
    g->token_seconds[g->n_token_seconds++] = (double)(hal_time_now() - begin) * 1e-9;
    return code;
}

static int next_token(generator *g, tool_error *err) {
    const int64_t context = g->config.positions;
    const uint64_t unread = g->n_ids - g->first - (uint64_t)g->cached;
    if (g->cached == 0) return prefill(g, g->n_ids < (uint64_t)context ? (int64_t)g->n_ids : context, err);
    if (g->cached + 1 > context) return prefill(g, context > 1 ? context / 2 : 1, err);
    return decode_token(g, g->n_ids - unread, err);
}

/* --------------------------------------------------------------------------------------------- the prompt -- */

static int keep(generator *g, int32_t id, tool_error *err) {
    if (g->n_ids == g->capacity) return tool_fail(err, TOOL_INTERNAL, "more tokens than planned for");
    g->ids[g->n_ids++] = id;
    return TOOL_OK;
}

static int parse_ids(generator *g, const char *list, tool_error *err) {
    for (const char *at = list; *at;) {
        char *end;
        errno = 0;
        unsigned long id = strtoul(at, &end, 10);
        if (end == at || errno || (*end && *end != ',') || *at == '-')
            return tool_fail(err, TOOL_BAD_INPUT, "--prompt-ids %s: expected whole numbers with commas between", list);
        if (id >= g->config.vocabulary)
            return tool_fail(err, TOOL_BAD_INPUT, "--prompt-ids: %lu is outside the vocabulary of %u", id, g->config.vocabulary);
        int code = keep(g, (int32_t)id, err);
        if (code) return code;
        at = *end ? end + 1 : end;
    }
    return g->n_ids ? TOOL_OK : tool_fail(err, TOOL_BAD_INPUT, "--prompt-ids: no id given");
}

static int encode_prompt(generator *g, const char *text, tool_error *err) {
    uint32_t *ids;
    size_t n;
    if (!g->codec)
        return tool_fail(err, TOOL_NOT_FOUND, "%s has no tokenizer.json: give the prompt as --prompt-ids", g->options->load);
    int code = tokenizer_encode(g->codec, text, strlen(text), &ids, &n, err);
    for (size_t i = 0; !code && i < n; i++)
        code = ids[i] < g->config.vocabulary ? keep(g, (int32_t)ids[i], err)
                                             : tool_fail(err, TOOL_BAD_INPUT, "the prompt has id %u, outside the vocabulary", ids[i]);
    if (!code) free(ids);
    return code;
}

/* Without a prompt the text begins with the model's start token, or with id 0. */
static int read_prompt(generator *g, tool_error *err) {
    const run_options *o = g->options;
    const size_t longest = o->prompt ? strlen(o->prompt) : o->prompt_ids ? strlen(o->prompt_ids) : 1;
    g->capacity = longest + o->tokens + 1;
    /* A prefill reads a whole bucket: what lies behind the text must be readable, and is not used. */
    g->ids = calloc(g->capacity + 2 * (uint64_t)g->config.positions + 16, sizeof *g->ids);
    g->positions = calloc(g->config.positions + 16u, sizeof *g->positions);
    g->token_seconds = calloc(o->tokens + 1, sizeof *g->token_seconds);
    if (!g->ids || !g->positions || !g->token_seconds) return tool_fail(err, TOOL_INTERNAL, "out of memory for %llu tokens", (unsigned long long)g->capacity);
    if (o->prompt_ids) return parse_ids(g, o->prompt_ids, err);
    int code = o->prompt ? encode_prompt(g, o->prompt, err) : TOOL_OK;
    if (!code && g->n_ids == 0) code = keep(g, g->config.bos_token >= 0 && g->config.bos_token < g->config.vocabulary ? (int32_t)g->config.bos_token : 0, err);
    return code;
}

/* ---------------------------------------------------------------------------------------------------- verb -- */

/* Writing a weight that lies packed waits for the device. */
static int load_weights(generator *g, tool_error *err) {
    const engine_step *step = &g->decode.step;
    const int64_t begin = hal_time_now();
    int code = state_load_weights(step->session, g->parameters, g->count, g->options->load, err);
    if (code != TOOL_DEADLINE) return code;
    const double waited = (double)(hal_time_now() - begin) * 1e-9;
    return deadline_fail(err, "loading the weights", waited, step->deadline_ms, hal_status_last()->text);
}

static int open_all(generator *g, tool_error *err) {
    const run_options *o = g->options;
    char path[4096];
    int code = model_config_load(o->load, &g->config, err);
    if (!code) code = model_parameters(&g->config, &g->parameters, &g->count, err);
    if (!code && snprintf(path, sizeof path, "%s/tokenizer.json", o->load) < (int)sizeof path && access(path, F_OK) == 0)
        code = tokenizer_load(path, &g->codec, err);
    if (!code) code = read_prompt(g, err);
    if (!code) code = engine_open(o, &g->engine, err);
    g->engine.pack_variables = true;
    if (!code) code = open_chunk(g, 1, &g->decode, err);
    return code ? code : load_weights(g, err);
}

static int by_size(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Tokens a second: null where nothing was timed. A text that was read once was read with programs that were still compiled. */
static void put_rates(json_t *root, const generator *g) {
    const double prefill = g->prefills > 1 && g->prefill_seconds > 0 ? (double)g->prefilled / g->prefill_seconds : 0;
    double token = 0;
    if (g->n_token_seconds) {
        qsort(g->token_seconds, g->n_token_seconds, sizeof *g->token_seconds, by_size);
        token = g->token_seconds[g->n_token_seconds / 2];
    }
    json_object_set_new(root, "prefill_tokens_per_second", prefill > 0 ? json_real(prefill) : json_null());
    json_object_set_new(root, "decode_tokens_per_second", token > 0 ? json_real(1 / token) : json_null());
}

static int print_json(const generator *g, const char *text, size_t bytes, tool_error *err) {
    json_t *ids = json_array(), *root = NULL;
    for (uint64_t i = 0; i < g->n_ids; i++) json_array_append_new(ids, json_integer(g->ids[i]));
    json_t *string = text ? json_stringn(text, bytes) : json_null();
    const uint64_t compilations = hal_program_compilations(g->engine.instance);
    root = json_pack("{s:s,s:o,s:o,s:I,s:I}", "event", "done", "ids", ids, "text", string ? string : json_null(), "compilations",
                     (json_int_t)compilations, "compilations_after_prompt",
                     (json_int_t)(g->options->tokens ? compilations - g->prompt_compilations : 0));
    if (root) put_rates(root, g);
    int failed = !root || json_dumpf(root, stdout, JSON_COMPACT) != 0;
    json_decref(root);
    putchar('\n');
    return failed ? tool_fail(err, TOOL_INTERNAL, "the result could not be written to standard output") : TOOL_OK;
}

/* A model's vocabulary may be padded beyond its tokenizer's: such ids have no text. */
static int decode(const generator *g, char **text, size_t *bytes, tool_error *err) {
    uint32_t *ids = malloc((g->n_ids + 1) * sizeof *ids);
    uint64_t n = 0;
    size_t size;
    if (!ids) return tool_fail(err, TOOL_INTERNAL, "out of memory for %llu tokens", (unsigned long long)g->n_ids);
    for (uint64_t i = 0; i < g->n_ids; i++)
        if (tokenizer_piece(g->codec, (uint32_t)g->ids[i], &size)) ids[n++] = (uint32_t)g->ids[i];
    if (n < g->n_ids)
        fprintf(stderr, "%llu ids are no token of the tokenizer and are left out of the text\n", (unsigned long long)(g->n_ids - n));
    int code = tokenizer_decode(g->codec, ids, n, text, bytes, err);
    free(ids);
    return code;
}

/* The text, or the ids of a model without tokenizer. */
static void print_plain(const generator *g, const char *text, size_t bytes) {
    if (text) fwrite(text, 1, bytes, stdout);
    for (uint64_t i = 0; !text && i < g->n_ids; i++) printf("%s%d", i ? "," : "", g->ids[i]);
    putchar('\n');
}

static int print_result(const generator *g, tool_error *err) {
    char *text = NULL;
    size_t bytes = 0;
    int code = g->codec ? decode(g, &text, &bytes, err) : TOOL_OK;
    if (!code && g->options->json) code = print_json(g, text, bytes, err);
    else if (!code) print_plain(g, text, bytes);
    free(text);
    return code;
}

static int generate(generator *g, tool_error *err) {
    int code = open_all(g, err);
    for (uint64_t i = 0; !code && i < g->options->tokens; i++) {
        code = next_token(g, err);
        if (i == 0) g->prompt_compilations = hal_program_compilations(g->engine.instance);
        if (!code) code = keep(g, g->next, err);
        if (!code && g->config.eos_token >= 0 && g->next == (int32_t)g->config.eos_token) break;
    }
    return code ? code : print_result(g, err);
}

static void close_chunk(chunk *c) {
    engine_release(&c->step);
    free(c->model.weights);
}

int verb_generate(const run_options *options, tool_error *err) {
    static generator g; /* static, as a device that missed a deadline may use it to the end of the process */
    g.options = options;
    int code = generate(&g, err);
    if (code == TOOL_DEADLINE) return tool_fail_within(err, code, "after %llu tokens", (unsigned long long)g.n_ids);
    close_chunk(&g.decode);
    for (uint32_t i = 0; i < g.n_prefill; i++) close_chunk(&g.prefill[i]);
    engine_close(&g.engine);
    tokenizer_free(g.codec);
    free(g.parameters);
    free(g.ids);
    free(g.positions);
    free(g.token_seconds);
    return code;
}
