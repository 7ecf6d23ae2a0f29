/* SPDX-License-Identifier: Apache-2.0 */
/* hal-run generate: a prompt is read, then a token is made a step. When the context is full, its newer half is read again. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/common/deadline.h"
#include "tools/common/tokenizer.h"
#include "tools/hal-run/decoder.h"
#include "tools/hal-run/state.h"
#include "tools/hal-run/verbs.h"

typedef struct generator {
    const run_options *options;
    model_config config;
    decoder decoder;
    tokenizer *codec;
    int32_t *ids;                 /* the whole text so far */
    uint64_t n_ids, capacity;
    uint64_t first;               /* index in ids of the first cached token */
    uint64_t prompt_compilations; /* programs compiled when the prompt had been read */
    uint64_t prefilled;           /* tokens that were read the last time */
    double prefill_seconds;       /* that it took */
    bool prefill_warm;            /* by a program that was there */
    double *token_seconds;        /* of each decoded token */
    size_t n_token_seconds;
} generator;

/* Reads the newest n tokens into empty caches. */
static int prefill(generator *g, int64_t n, tool_error *err) {
    g->first = g->n_ids - (uint64_t)n;
    const uint32_t programs = g->decoder.n_prefill;
    const int64_t begin = hal_time_now();
    int code = decoder_read(&g->decoder, g->ids + g->first, n, g->n_ids, err);
    g->prefill_seconds = (double)(hal_time_now() - begin) * 1e-9;
    g->prefilled = (uint64_t)n;
    g->prefill_warm = programs == g->decoder.n_prefill;
    return code;
}

static int decode_token(generator *g, uint64_t from, tool_error *err) {
    const int64_t begin = hal_time_now();
    int code = decoder_next(&g->decoder, g->ids + from, g->n_ids, err);
    g->token_seconds[g->n_token_seconds++] = (double)(hal_time_now() - begin) * 1e-9;
    return code;
}

static int next_token(generator *g, tool_error *err) {
    const int64_t context = g->config.positions, cached = g->decoder.cached;
    const uint64_t unread = g->n_ids - g->first - (uint64_t)cached;
    if (cached == 0) return prefill(g, g->n_ids < (uint64_t)context ? (int64_t)g->n_ids : context, err);
    if (cached + 1 > context) return prefill(g, context > 1 ? context / 2 : 1, err);
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
    g->token_seconds = calloc(o->tokens + 1, sizeof *g->token_seconds);
    if (!g->ids || !g->token_seconds) return tool_fail(err, TOOL_INTERNAL, "out of memory for %llu tokens", (unsigned long long)g->capacity);
    if (o->prompt_ids) return parse_ids(g, o->prompt_ids, err);
    int code = o->prompt ? encode_prompt(g, o->prompt, err) : TOOL_OK;
    if (!code && g->n_ids == 0) code = keep(g, g->config.bos_token >= 0 && g->config.bos_token < g->config.vocabulary ? (int32_t)g->config.bos_token : 0, err);
    return code;
}

/* ---------------------------------------------------------------------------------------------------- verb -- */

/* Writing a weight that lies packed waits for the device. */
static int load_weights(generator *g, tool_error *err) {
    const decoder *d = &g->decoder;
    const engine_step *step = &d->decode.step;
    const int64_t begin = hal_time_now();
    int code = state_load_weights(step->session, d->parameters, d->count, d->dtype, g->options->load, err);
    if (code != TOOL_DEADLINE) return code;
    const double waited = (double)(hal_time_now() - begin) * 1e-9;
    return deadline_fail(err, "loading the weights", waited, step->deadline_ms, hal_status_last()->text);
}

static int open_all(generator *g, tool_error *err) {
    const run_options *o = g->options;
    char path[4096];
    hal_dtype dtype;
    int code = run_options_dtype(o, HAL_F32, &dtype, err);
    if (!code) code = model_config_load(o->load, &g->config, err);
    if (!code && snprintf(path, sizeof path, "%s/tokenizer.json", o->load) < (int)sizeof path && access(path, F_OK) == 0)
        code = tokenizer_load(path, &g->codec, err);
    if (!code) code = read_prompt(g, err);
    if (!code) code = decoder_open(o, &g->config, dtype, &g->decoder, err);
    return code ? code : load_weights(g, err);
}

static int by_size(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Tokens a second: null where nothing was timed. A text that was read by a new program was read while that was compiled. */
static void put_rates(json_t *root, const generator *g) {
    const double prefill = g->prefill_warm && g->prefill_seconds > 0 ? (double)g->prefilled / g->prefill_seconds : 0;
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
    const uint64_t compilations = hal_program_compilations(g->decoder.engine.instance);
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
        if (i == 0) g->prompt_compilations = hal_program_compilations(g->decoder.engine.instance);
        if (!code) code = keep(g, g->decoder.next, err);
        if (!code && g->config.eos_token >= 0 && g->decoder.next == (int32_t)g->config.eos_token) break;
    }
    return code ? code : print_result(g, err);
}

int verb_generate(const run_options *options, tool_error *err) {
    static generator g; /* static, as a device that missed a deadline may use it to the end of the process */
    g.options = options;
    int code = generate(&g, err);
    if (code == TOOL_DEADLINE) return tool_fail_within(err, code, "after %llu tokens", (unsigned long long)g.n_ids);
    decoder_close(&g.decoder);
    tokenizer_free(g.codec);
    free(g.ids);
    free(g.token_seconds);
    return code;
}
