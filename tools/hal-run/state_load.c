/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/hal-run/state.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tools/common/file.h"
#include "tools/common/weights.h"

static hal_dtype dtype_of(safetensors_dtype dtype) {
    switch (dtype) {
    case SAFETENSORS_F64: return HAL_F64;
    case SAFETENSORS_F32: return HAL_F32;
    case SAFETENSORS_F16: return HAL_F16;
    case SAFETENSORS_BF16: return HAL_BF16;
    default: return HAL_NO_DTYPE;
    }
}

/* Stores a value, and returns what became of it. */
static double keep(hal_dtype dtype, void *out, uint64_t i, double value) {
    if (dtype == HAL_F32) return (double)(((float *)out)[i] = (float)value);
    hal_element_store(dtype, out, (int64_t)i, value);
    return hal_element_load(dtype, out, (int64_t)i);
}

/* raw: n elements of a dtype; out: of another. */
static int convert(const char *name, hal_dtype from, const void *raw, uint64_t n, hal_dtype to, void *out, tool_error *err) {
    for (uint64_t i = 0; i < n; i++) {
        const double value = from == HAL_F32 ? (double)((const float *)raw)[i] : hal_element_load(from, raw, (int64_t)i);
        const double kept = keep(to, out, i, value);
        if (!isfinite(kept))
            return tool_fail(err, TOOL_BAD_INPUT, "tensor %s: element %llu is %g; a checkpoint must be finite", name,
                             (unsigned long long)i, kept);
    }
    return TOOL_OK;
}

static int load_tensor(hal_session *session, const char *variable, hal_dtype kept, const weights_entry *entry, uint64_t values,
                       tool_error *err) {
    const hal_dtype dtype = dtype_of(entry->tensor->dtype);
    const uint64_t bytes = values * (uint64_t)hal_dtype_describe(kept)->block_bytes;
    if (dtype == HAL_NO_DTYPE)
        return tool_fail(err, TOOL_BAD_INPUT, "tensor %s has dtype %s: expected F32, F16, BF16 or F64", variable,
                         safetensors_dtype_name(entry->tensor->dtype));
    void *raw = malloc(entry->tensor->bytes ? entry->tensor->bytes : 1), *data = malloc(bytes ? bytes : 1);
    int code = raw && data ? TOOL_OK : tool_fail(err, TOOL_INTERNAL, "out of memory for tensor %s", variable);
    if (!code) code = weights_read(entry, 0, raw, entry->tensor->bytes, err);
    if (!code) code = convert(variable, dtype, raw, values, kept, data, err);
    if (!code) code = model_fail(err, hal_session_write(session, variable, data, bytes), variable);
    free(raw);
    free(data);
    return code;
}

/* GPT-2's oldest checkpoints leave out the "transformer." before each name. */
static int find(const weights *w, const model_parameter *p, const weights_entry **entry, tool_error *err) {
    static const char prefix[] = "transformer.";
    const uint64_t shape[2] = {(uint64_t)p->size[0], (uint64_t)p->size[1]};
    const char *name = p->name;
    if (!weights_find(w, name) && strncmp(name, prefix, sizeof prefix - 1) == 0 && weights_find(w, name + sizeof prefix - 1))
        name += sizeof prefix - 1;
    return weights_expect(w, name, p->rank, shape, entry, err);
}

int state_load_weights(hal_session *session, const model_parameter *parameters, size_t count, hal_dtype matrices, const char *path,
                       tool_error *err) {
    weights *w;
    int code = weights_open(path, &w, err);
    if (code) return code;
    for (size_t i = 0; !code && i < count; i++) {
        const weights_entry *entry;
        code = find(w, &parameters[i], &entry, err);
        if (code) break;
        code = load_tensor(session, parameters[i].name, model_parameter_dtype(&parameters[i], matrices), entry, model_parameter_values(&parameters[i]), err);
        if (code) tool_fail_within(err, code, "%s", path);
    }
    weights_close(w);
    return code;
}

static int open_state(const char *dir, safetensors **file, tool_error *err) {
    char path[4096];
    int code = file_join(dir, "training_state.safetensors", path, sizeof path, err);
    return code ? code : safetensors_open(path, file, err);
}

/* Where the data came from; checkpoints of earlier versions do not say. */
static void unpack_data(json_t *root, trainer_data *data) {
    const char *path = "", *kind = "";
    json_int_t tokens = 0;
    json_unpack(root, "{s?s,s?s,s?I}", "data", &path, "data_kind", &kind, "data_tokens", &tokens);
    snprintf(data->path, sizeof data->path, "%s", path);
    data->is_tokens = strcmp(kind, "tokens") == 0;
    data->tokens = tokens > 0 ? (uint64_t)tokens : 0;
}

/* False when a member is missing, of another type, or outside what training takes. */
static bool unpack_options(json_t *root, trainer_setup *s, uint64_t *step) {
    train_options *o = &s->train;
    int batch = 0, context = 0, accumulate = 0;
    json_int_t count[5] = {0};
    const char *dtype = "";
    if (json_unpack(root, "{s:I,s:s,s:i,s:i,s:i,s:I,s:I,s:I,s:I,s:F,s:F,s:F,s:F,s:F,s:F,s:F,s:F}", "step", &count[0], "dtype",
                    &dtype, "batch", &batch, "context", &context, "accumulate", &accumulate, "steps", &count[1], "warmup",
                    &count[2], "eval_every", &count[3], "seed", &count[4], "lr", &o->lr, "min_lr", &o->min_lr, "beta1",
                    &o->beta1, "beta2", &o->beta2, "epsilon", &o->epsilon, "weight_decay", &o->weight_decay, "clip", &o->clip,
                    "dropout", &o->dropout))
        return false;
    for (int i = 0; i < 5; i++)
        if (count[i] < 0) return false;
    s->dtype = hal_dtype_find(dtype);
    o->batch = (uint32_t)batch;
    o->context = (uint32_t)context;
    o->accumulate = (uint32_t)accumulate;
    o->steps = (uint64_t)count[1];
    o->warmup = (uint64_t)count[2];
    o->eval_every = (uint64_t)count[3];
    o->seed = (uint64_t)count[4];
    *step = (uint64_t)count[0];
    return batch > 0 && context > 0 && accumulate > 0 && o->epsilon >= 0 && isfinite(o->epsilon) &&
           (s->dtype == HAL_F32 || s->dtype == HAL_BF16);
}

static int parse_setup(const char *text, const char *dir, trainer_setup *s, uint64_t *step, tool_error *err) {
    json_error_t problem;
    json_t *root = text ? json_loads(text, JSON_REJECT_DUPLICATES, &problem) : NULL;
    const bool good = root && unpack_options(root, s, step);
    if (good) unpack_data(root, &s->data);
    json_decref(root);
    return good ? TOOL_OK
                : tool_fail(err, TOOL_BAD_INPUT, "%s/training_state.safetensors: its options are missing or damaged: "
                            "train again, or start from the weights alone with --load", dir);
}

int state_read_setup(const char *dir, trainer_setup *setup, uint64_t *step, tool_error *err) {
    safetensors *file;
    trainer_setup s = {0};
    int code = model_config_load(dir, &s.model, err);
    if (!code) code = open_state(dir, &file, err);
    if (code) return code;
    code = parse_setup(safetensors_metadata(file, "hal.options"), dir, &s, step, err);
    safetensors_close(file);
    if (!code) *setup = s;
    return code;
}

static bool has_shape(const safetensors_tensor *tensor, const model_parameter *p) {
    bool same = tensor->rank == p->rank;
    for (uint32_t d = 0; same && d < p->rank; d++) same = tensor->shape[d] == (uint64_t)p->size[d];
    return same;
}

static int load_moment(trainer *t, const safetensors *file, const model_parameter *p, const char *suffix, tool_error *err) {
    char name[MODEL_NAME_SIZE + 4];
    snprintf(name, sizeof name, "%s.%s", p->name, suffix);
    const safetensors_tensor *tensor = safetensors_find(file, name);
    const uint64_t values = model_parameter_values(p);
    if (!tensor || tensor->dtype != SAFETENSORS_F32 || !has_shape(tensor, p))
        return tool_fail(err, TOOL_BAD_INPUT, "%s is missing or not F32 of the parameter's shape", name);
    return load_tensor(t->update.session, name, HAL_F32, &(weights_entry){file, tensor}, values, err);
}

int state_load_moments(trainer *t, const char *dir, tool_error *err) {
    safetensors *file;
    int code = open_state(dir, &file, err);
    if (code) return code;
    for (size_t i = 0; !code && i < t->count; i++) {
        code = load_moment(t, file, &t->parameters[i], "m", err);
        if (!code) code = load_moment(t, file, &t->parameters[i], "v", err);
    }
    safetensors_close(file);
    return code ? tool_fail_within(err, code, "%s/training_state.safetensors", dir) : TOOL_OK;
}
