/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/hal-run/state.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "tools/common/checkpoint.h"
#include "tools/common/safetensors_writer.h"

/* The tensors "<parameter><suffix>" for each suffix, in one file. */
typedef struct group {
    const char *const *suffixes;
    size_t n;
} group;

static int declare(safetensors_writer *w, const trainer *t, group g, tool_error *err) {
    int code = TOOL_OK;
    for (size_t i = 0; !code && i < t->count * g.n; i++) {
        const model_parameter *p = &t->parameters[i / g.n];
        const uint64_t shape[2] = {(uint64_t)p->size[0], (uint64_t)p->size[1]};
        char name[MODEL_NAME_SIZE + 4];
        size_t index;
        snprintf(name, sizeof name, "%s%s", p->name, g.suffixes[i % g.n]);
        code = safetensors_writer_add(w, name, SAFETENSORS_F32, p->rank, shape, &index, err);
    }
    return code;
}

static int write_tensor(safetensors_writer *w, trainer *t, size_t index, const char *name, uint64_t bytes, tool_error *err) {
    void *data = malloc(bytes ? bytes : 1);
    int code = data ? TOOL_OK : tool_fail(err, TOOL_INTERNAL, "out of memory for tensor %s", name);
    if (!code) code = model_fail(err, hal_session_read(t->update.session, name, data, bytes), name);
    if (!code) code = safetensors_writer_write(w, index, data, bytes, err);
    free(data);
    return code;
}

static int write_file(trainer *t, const char *path, group g, const char *key, const char *value, tool_error *err) {
    safetensors_writer *w;
    int code = safetensors_writer_begin(path, &w, err);
    if (code) return code;
    code = safetensors_writer_metadata(w, key, value, err);
    if (!code) code = declare(w, t, g, err);
    for (size_t i = 0; !code && i < t->count * g.n; i++) {
        const model_parameter *p = &t->parameters[i / g.n];
        char name[MODEL_NAME_SIZE + 4];
        snprintf(name, sizeof name, "%s%s", p->name, g.suffixes[i % g.n]);
        code = write_tensor(w, t, i, name, model_parameter_values(p) * sizeof(float), err);
    }
    if (!code) return safetensors_writer_finish(&w, err);
    safetensors_writer_abort(w);
    return code;
}

static char *options_text(const trainer *t) {
    const train_options *o = &t->setup.train;
    json_t *root = json_pack("{s:I,s:s,s:i,s:i,s:i,s:I,s:I,s:I,s:I,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:s,s:s,s:I}", "step",
                             (json_int_t)t->step, "dtype", hal_dtype_describe(t->setup.dtype)->name, "batch", (int)o->batch,
                             "context", (int)o->context, "accumulate", (int)o->accumulate, "steps", (json_int_t)o->steps,
                             "warmup", (json_int_t)o->warmup, "eval_every", (json_int_t)o->eval_every, "seed",
                             (json_int_t)o->seed, "lr", o->lr, "min_lr", o->min_lr, "beta1", o->beta1, "beta2", o->beta2,
                             "epsilon", o->epsilon, "weight_decay", o->weight_decay, "clip", o->clip, "dropout", o->dropout,
                             "data", t->setup.data.path, "data_kind", t->setup.data.is_tokens ? "tokens" : "text", "data_tokens",
                             (json_int_t)t->setup.data.tokens);
    char *text = root ? json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(root);
    return text;
}

static int write_tensors(checkpoint *c, trainer *t, tool_error *err) {
    static const char *const plain[] = {""}, *const moments[] = {".m", ".v"};
    char path[4096];
    char *options = options_text(t);
    int code = options ? TOOL_OK : tool_fail(err, TOOL_INTERNAL, "out of memory for the options");
    if (!code) code = checkpoint_file(c, "model.safetensors", path, sizeof path, err);
    if (!code) code = write_file(t, path, (group){plain, 1}, "format", "pt", err);
    if (!code) code = checkpoint_file(c, "training_state.safetensors", path, sizeof path, err);
    if (!code) code = write_file(t, path, (group){moments, 2}, "hal.options", options, err);
    free(options);
    return code;
}

static int write_texts(checkpoint *c, const trainer *t, const tokenizer *codec, tool_error *err) {
    char *config;
    int code = model_config_format(&t->setup.model, "float32", &config, err);
    if (code) return code;
    code = checkpoint_write(c, "config.json", config, strlen(config), err);
    free(config);
    if (code || !codec) return code;
    size_t bytes;
    const char *json = tokenizer_json(codec, &bytes), *side = tokenizer_config_json();
    code = checkpoint_write(c, "tokenizer.json", json, bytes, err);
    return code ? code : checkpoint_write(c, "tokenizer_config.json", side, strlen(side), err);
}

int state_save(trainer *t, const char *dir, const tokenizer *codec, tool_error *err) {
    checkpoint *c;
    int code = checkpoint_begin(dir, &c, err);
    if (code) return code;
    code = write_texts(c, t, codec, err);
    if (!code) code = write_tensors(c, t, err);
    if (!code) return checkpoint_commit(&c, err);
    checkpoint_abort(c);
    return tool_fail_within(err, code, "cannot save a checkpoint to %s; a previous one is whole", dir);
}
