/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/model_config.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tools/common/file.h"
#include "tools/common/json_input.h"

/* Far above any model, low enough that products of three stay in 64 bits. */
enum { MAX_EXTENT = 1 << 20, MAX_VOCABULARY = 1 << 24, MAX_CONFIG_BYTES = 1 << 20 };

const char *model_kind_name(model_kind kind)
{
    return kind == MODEL_GPT2 ? "gpt2" : "llama";
}

/* --- presets --- */

static const model_config gpt_shape = {
    .kind = MODEL_GPT2,
    .activation = MODEL_GELU_TANH,
    .norm_epsilon = 1e-5,
    .init_range = 0.02,
    .tie_embeddings = true,
    .attention_bias = true,
    .mlp_bias = true,
    .bos_token = -1,
    .eos_token = -1,
};

static const train_options base_options = {
    .batch = 12,
    .context = 64,
    .steps = 2000,
    .warmup = 100,
    .eval_every = 250,
    .accumulate = 1,
    .lr = 1e-3,
    .min_lr = 1e-4,
    .beta1 = 0.9,
    .beta2 = 0.99,
    .epsilon = 1e-8,
    .weight_decay = 0.1,
    .clip = 1,
    .dropout = 0,
    .seed = 1337,
};

static model_config gpt(uint32_t layers, uint32_t heads, uint32_t width, uint32_t positions)
{
    model_config model = gpt_shape;
    model.layers = layers;
    model.heads = heads;
    model.kv_heads = heads;
    model.width = width;
    model.head_dim = width / heads;
    model.hidden = 4 * width;
    model.positions = positions;
    return model;
}

static void preset_char(model_config *model, train_options *train)
{
    *model = gpt(4, 4, 128, 64);
    *train = base_options;
}

static void preset_small(model_config *model, train_options *train)
{
    *model = gpt(6, 6, 384, 256);
    *train = base_options;
    train->batch = 8;
    train->context = 256;
}

static void preset_gpt2(model_config *model, train_options *train)
{
    *model = gpt(12, 12, 768, 1024);
    model->vocabulary = 50257;
    model->bos_token = 50256;
    model->eos_token = 50256;
    *train = base_options;
    train->batch = 4;
    train->lr = 6e-4;
    train->min_lr = 6e-5;
    train->beta2 = 0.95;
}

static void preset_llama(model_config *model, train_options *train)
{
    *model = (model_config){
        .kind = MODEL_LLAMA,
        .activation = MODEL_SILU,
        .layers = 6,
        .heads = 8,
        .kv_heads = 4,
        .width = 256,
        .head_dim = 32,
        .hidden = 688,
        .positions = 128,
        .norm_epsilon = 1e-5,
        .rope_theta = 10000,
        .init_range = 0.02,
        .bos_token = -1,
        .eos_token = -1,
    };
    *train = base_options;
    train->batch = 8;
    train->context = 128;
}

int model_config_preset(const char *name, model_config *out_model, train_options *out_train, tool_error *err)
{
    static const struct {
        const char *name;
        void (*fill)(model_config *, train_options *);
    } presets[] = {
        {"char", preset_char}, {"small", preset_small}, {"gpt2", preset_gpt2}, {"llama", preset_llama}};
    for (size_t i = 0; i < sizeof presets / sizeof *presets; i++) {
        if (strcmp(name, presets[i].name) == 0) {
            presets[i].fill(out_model, out_train);
            return 0;
        }
    }
    return tool_fail(err, TOOL_NOT_FOUND,
                     "unknown model \"%s\"; there are char, small, gpt2 and llama, or name a config.json",
                     name);
}

void train_options_default(const model_config *model, train_options *out)
{
    model_config ignored;
    if (model->kind == MODEL_GPT2) {
        preset_gpt2(&ignored, out);
    } else {
        preset_llama(&ignored, out);
    }
    if (out->context > model->positions) {
        out->context = model->positions;
    }
}

int model_config_named(const char *name, model_config *out_model, train_options *out_train, tool_error *err)
{
    const size_t n = strlen(name);
    if (n < 5 || strcmp(name + n - 5, ".json") != 0) {
        return model_config_preset(name, out_model, out_train, err);
    }
    int code = model_config_load(name, out_model, err);
    if (!code) {
        train_options_default(out_model, out_train);
    }
    return code;
}

double train_options_rate(const train_options *options, uint64_t step)
{
    if (step < options->warmup) {
        return options->lr * (double)(step + 1) / (double)options->warmup;
    }
    uint64_t last = options->steps > 0 ? options->steps - 1 : 0;
    if (step >= last || last <= options->warmup) {
        return step >= last ? options->min_lr : options->lr;
    }
    double part = (double)(step - options->warmup) / (double)(last - options->warmup);
    return options->min_lr + 0.5 * (1 + cos(M_PI * part)) * (options->lr - options->min_lr);
}

/* --- check --- */

static int check_extent(const char *where, const char *what, uint64_t value, uint64_t high, tool_error *err)
{
    if (value < 1 || value > high) {
        return tool_fail(err, TOOL_BAD_INPUT, "%s: %s is %" PRIu64 "; 1 to %" PRIu64 " is accepted", where,
                         what, value, high);
    }
    return 0;
}

static int check_heads(const model_config *model, const char *where, tool_error *err)
{
    if (model->heads % model->kv_heads != 0) {
        return tool_fail(err, TOOL_BAD_INPUT, "%s: %u key/value heads do not divide %u heads", where,
                         model->kv_heads, model->heads);
    }
    if (model->kind == MODEL_GPT2 && (uint64_t)model->heads * model->head_dim != model->width) {
        return tool_fail(err, TOOL_BAD_INPUT, "%s: %u heads do not divide the width %u", where, model->heads,
                         model->width);
    }
    if (model->kind == MODEL_LLAMA && model->head_dim % 2 != 0) {
        return tool_fail(err, TOOL_BAD_INPUT,
                         "%s: a head dimension of %u is odd; rotary positions turn pairs of values", where,
                         model->head_dim);
    }
    return 0;
}

static int check_numbers(const model_config *model, const char *where, tool_error *err)
{
    if (!(model->norm_epsilon > 0 && model->norm_epsilon <= 1)) {
        return tool_fail(err, TOOL_BAD_INPUT, "%s: a norm epsilon of %g; above 0 to 1 is accepted", where,
                         model->norm_epsilon);
    }
    if (model->kind == MODEL_LLAMA && !(model->rope_theta >= 1 && model->rope_theta <= 1e12)) {
        return tool_fail(err, TOOL_BAD_INPUT, "%s: rope_theta is %g; 1 to 1e12 is accepted", where,
                         model->rope_theta);
    }
    return 0;
}

int model_config_check(const model_config *model, const char *where, tool_error *err)
{
    const struct {
        const char *what;
        uint64_t value;
        uint64_t high;
    } extents[] = {
        {"the number of layers", model->layers, 1 << 16},
        {"the number of heads", model->heads, 1 << 16},
        {"the number of key/value heads", model->kv_heads, 1 << 16},
        {"the width", model->width, MAX_EXTENT},
        {"the head dimension", model->head_dim, MAX_EXTENT},
        {"the hidden width", model->hidden, MAX_EXTENT},
        {"the number of positions", model->positions, MAX_VOCABULARY},
        {"the vocabulary", model->vocabulary, MAX_VOCABULARY},
    };
    for (size_t i = 0; i < sizeof extents / sizeof *extents; i++) {
        int code = check_extent(where, extents[i].what, extents[i].value, extents[i].high, err);
        if (code) {
            return code;
        }
    }
    int code = check_heads(model, where, err);
    return code ? code : check_numbers(model, where, err);
}

/* --- read --- */

/* What is read of one config.json, and where it is in errors. */
typedef struct reading {
    const json_t *root;
    const char *where;
    tool_error *err;
    int code; /* of the first failure; later reads do nothing */
} reading;

static uint32_t read_extent(reading *in, const char *key, uint32_t fallback)
{
    int64_t value = fallback;
    if (in->code == 0) {
        in->code = json_input_integer(in->root, key, in->where, 1, MAX_VOCABULARY, &value, in->err);
    }
    return (uint32_t)value;
}

/* A key without a default in the format. */
static uint32_t read_needed(reading *in, const char *key)
{
    uint32_t value = read_extent(in, key, 0);
    if (in->code == 0 && value == 0) {
        in->code = tool_fail(in->err, TOOL_BAD_INPUT, "%s: \"%s\" is missing", in->where, key);
    }
    return value;
}

static double read_number(reading *in, const json_t *object, const char *key, double low, double high,
                          double fallback)
{
    double value = fallback;
    if (in->code == 0) {
        in->code = json_input_number(object, key, in->where, low, high, &value, in->err);
    }
    return value;
}

static bool read_bool(reading *in, const char *key, bool fallback)
{
    bool value = fallback;
    if (in->code == 0) {
        in->code = json_input_bool(in->root, key, in->where, &value, in->err);
    }
    return value;
}

/* Llama 3 lists several end tokens; the first one is the end of text. A token of a list is held to the same range as one alone. */
static int64_t read_token(reading *in, const char *key)
{
    int64_t value = -1;
    const json_t *token = json_object_get(in->root, key);
    if (json_is_array(token)) {
        token = json_array_get(token, 0);
    }
    if (in->code == 0 && token && !json_is_null(token)) {
        in->code = json_input_whole(token, key, in->where, -1, MAX_VOCABULARY, &value, in->err);
    }
    return value;
}

/* Refuse a switch that is not at the one setting that hal computes. */
static void require_bool(reading *in, const char *key, bool wanted)
{
    if (read_bool(in, key, wanted) != wanted && in->code == 0) {
        in->code = tool_fail(in->err, TOOL_BAD_INPUT, "%s: \"%s\": %s is not supported", in->where, key,
                             wanted ? "false" : "true");
    }
}

static void require_absent(reading *in, const char *key)
{
    const json_t *value = json_object_get(in->root, key);
    if (in->code == 0 && value && !json_is_null(value)) {
        in->code = tool_fail(in->err, TOOL_BAD_INPUT, "%s: \"%s\" is not supported", in->where, key);
    }
}

static model_activation read_activation(reading *in, const char *key, const char *fallback,
                                        model_activation wanted)
{
    static const struct {
        const char *name;
        model_activation value;
    } known[] = {{"gelu_new", MODEL_GELU_TANH},
                 {"gelu_pytorch_tanh", MODEL_GELU_TANH},
                 {"silu", MODEL_SILU},
                 {"swish", MODEL_SILU}};
    const char *name = NULL;
    if (in->code == 0) {
        in->code = json_input_string(in->root, key, in->where, &name, in->err);
    }
    name = name ? name : fallback;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(name, known[i].name) == 0 && known[i].value == wanted) {
            return wanted;
        }
    }
    if (in->code == 0) {
        in->code = tool_fail(in->err, TOOL_BAD_INPUT,
                             "%s: activation \"%s\" (\"%s\") is not supported here; \"%s\" is", in->where,
                             name, key, fallback);
    }
    return wanted;
}

static void read_gpt2(reading *in, model_config *out)
{
    *out = gpt_shape;
    out->layers = read_extent(in, "n_layer", 12);
    out->heads = read_extent(in, "n_head", 12);
    out->kv_heads = out->heads;
    out->width = read_extent(in, "n_embd", 768);
    out->head_dim = out->width / out->heads;
    out->hidden = read_extent(in, "n_inner", 4 * out->width);
    out->positions = read_extent(in, "n_positions", 1024);
    out->vocabulary = read_extent(in, "vocab_size", 50257);
    out->norm_epsilon = read_number(in, in->root, "layer_norm_epsilon", 0, 1, 1e-5);
    out->init_range = read_number(in, in->root, "initializer_range", 0, 10, 0.02);
    out->tie_embeddings = read_bool(in, "tie_word_embeddings", true);
    out->activation = read_activation(in, "activation_function", "gelu_new", MODEL_GELU_TANH);
    require_bool(in, "scale_attn_weights", true);
    require_bool(in, "scale_attn_by_inverse_layer_idx", false);
    require_bool(in, "add_cross_attention", false);
}

/* transformers 4 has "rope_theta" and "rope_scaling", transformers 5 "rope_parameters" with both. */
static void read_rope(reading *in, model_config *out)
{
    static const char *const keys[] = {"rope_scaling", "rope_parameters"};
    out->rope_theta = read_number(in, in->root, "rope_theta", 1, 1e12, 10000);
    for (size_t i = 0; i < 2 && in->code == 0; i++) {
        const json_t *rope = json_object_get(in->root, keys[i]);
        if (!rope || json_is_null(rope)) {
            continue;
        }
        const json_t *type = json_object_get(rope, "rope_type");
        type = type ? type : json_object_get(rope, "type");
        const char *name = json_is_string(type) ? json_string_value(type) : "unnamed";
        if (strcmp(name, "default") != 0) {
            in->code =
                tool_fail(in->err, TOOL_BAD_INPUT, "%s: \"%s\": rope scaling of type \"%s\" is not supported",
                          in->where, keys[i], name);
        }
        out->rope_theta = read_number(in, rope, "rope_theta", 1, 1e12, out->rope_theta);
    }
    if (read_number(in, in->root, "partial_rotary_factor", 0, 1, 1) < 1 && in->code == 0) {
        in->code = tool_fail(in->err, TOOL_BAD_INPUT,
                             "%s: \"partial_rotary_factor\" below 1 is not supported", in->where);
    }
}

static void read_llama(reading *in, model_config *out)
{
    *out = (model_config){.kind = MODEL_LLAMA};
    out->layers = read_needed(in, "num_hidden_layers");
    out->heads = read_needed(in, "num_attention_heads");
    out->kv_heads = read_extent(in, "num_key_value_heads", out->heads);
    out->width = read_needed(in, "hidden_size");
    out->head_dim = read_extent(in, "head_dim", out->heads ? out->width / out->heads : 0);
    out->hidden = read_needed(in, "intermediate_size");
    out->positions = read_extent(in, "max_position_embeddings", 2048);
    out->vocabulary = read_needed(in, "vocab_size");
    out->norm_epsilon = read_number(in, in->root, "rms_norm_eps", 0, 1, 1e-6);
    out->init_range = read_number(in, in->root, "initializer_range", 0, 10, 0.02);
    out->tie_embeddings = read_bool(in, "tie_word_embeddings", false);
    out->attention_bias = read_bool(in, "attention_bias", false);
    out->mlp_bias = read_bool(in, "mlp_bias", false);
    out->activation = read_activation(in, "hidden_act", "silu", MODEL_SILU);
    read_rope(in, out);
}

static int read_model(const json_t *root, const char *where, model_config *out, tool_error *err)
{
    reading in = {root, where, err, 0};
    const char *type = NULL;
    int code = json_input_string(root, "model_type", where, &type, err);
    if (code) {
        return code;
    }
    if (!type || (strcmp(type, "gpt2") != 0 && strcmp(type, "llama") != 0)) {
        return tool_fail(err, TOOL_BAD_INPUT, "%s: \"model_type\" is \"%s\"; gpt2 and llama are supported",
                         where, type ? type : "(missing)");
    }
    if (strcmp(type, "gpt2") == 0) {
        read_gpt2(&in, out);
    } else {
        read_llama(&in, out);
    }
    require_absent(&in, "quantization_config");
    out->bos_token = read_token(&in, "bos_token_id");
    out->eos_token = read_token(&in, "eos_token_id");
    return in.code ? in.code : model_config_check(out, where, err);
}

int model_config_parse(const char *text, size_t bytes, const char *where, model_config *out, tool_error *err)
{
    json_t *root;
    int code = json_input_parse(text, bytes, where, &root, err);
    if (code) {
        return code;
    }
    model_config model;
    code = read_model(root, where, &model, err);
    json_decref(root);
    if (code == 0) {
        *out = model;
    }
    return code;
}

int model_config_load(const char *path, model_config *out, tool_error *err)
{
    char joined[PATH_MAX];
    struct stat info;
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
        int code = file_join(path, "config.json", joined, sizeof joined, err);
        if (code) {
            return code;
        }
        path = joined;
    }
    char *text;
    size_t bytes;
    int code = file_read_whole(path, MAX_CONFIG_BYTES, &text, &bytes, err);
    if (code) {
        return code;
    }
    code = model_config_parse(text, bytes, path, out, err);
    free(text);
    return code;
}

/* --- write --- */

static json_t *token_value(int64_t token)
{
    return token < 0 ? json_null() : json_integer(token);
}

static json_t *pack_gpt2(const model_config *model)
{
    return json_pack("{s:[s], s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:f, s:s}", "architectures",
                     "GPT2LMHeadModel", "model_type", "gpt2", "n_layer", (int)model->layers, "n_head",
                     (int)model->heads, "n_embd", (int)model->width, "n_inner", (int)model->hidden,
                     "n_positions", (int)model->positions, "n_ctx", (int)model->positions,
                     "layer_norm_epsilon", model->norm_epsilon, "activation_function", "gelu_new");
}

static json_t *pack_llama(const model_config *model)
{
    return json_pack("{s:[s], s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:f, s:f, s:n, s:s, s:b, s:b}",
                     "architectures", "LlamaForCausalLM", "model_type", "llama", "num_hidden_layers",
                     (int)model->layers, "num_attention_heads", (int)model->heads, "num_key_value_heads",
                     (int)model->kv_heads, "hidden_size", (int)model->width, "head_dim", (int)model->head_dim,
                     "intermediate_size", (int)model->hidden, "max_position_embeddings",
                     (int)model->positions, "rms_norm_eps", model->norm_epsilon, "rope_theta",
                     model->rope_theta, "rope_scaling", "hidden_act", "silu", "attention_bias",
                     (int)model->attention_bias, "mlp_bias", (int)model->mlp_bias);
}

static json_t *pack_common(const model_config *model, const char *dtype)
{
    return json_pack("{s:i, s:f, s:b, s:o, s:o, s:s}", "vocab_size", (int)model->vocabulary,
                     "initializer_range", model->init_range, "tie_word_embeddings",
                     (int)model->tie_embeddings, "bos_token_id", token_value(model->bos_token),
                     "eos_token_id", token_value(model->eos_token), "torch_dtype", dtype);
}

int model_config_format(const model_config *model, const char *dtype, char **out_text, tool_error *err)
{
    json_t *root = model->kind == MODEL_GPT2 ? pack_gpt2(model) : pack_llama(model);
    json_t *common = pack_common(model, dtype);
    char *text = NULL;
    if (root && common && json_object_update(root, common) == 0) {
        text = json_dumps(root, JSON_INDENT(2));
    }
    json_decref(root);
    json_decref(common);
    if (!text) {
        return tool_fail(err, TOOL_INTERNAL, "no memory for the text of a config.json");
    }
    *out_text = text;
    return 0;
}

uint64_t model_config_parameters(const model_config *model)
{
    uint64_t width = model->width;
    uint64_t hidden = model->hidden;
    uint64_t queries = (uint64_t)model->heads * model->head_dim;
    uint64_t keys = (uint64_t)model->kv_heads * model->head_dim;
    uint64_t embeddings = (uint64_t)model->vocabulary * width * (model->tie_embeddings ? 1 : 2);
    bool gpt2 = model->kind == MODEL_GPT2;
    uint64_t attention = 2 * width * queries + 2 * width * keys;
    uint64_t mlp = (gpt2 ? 2 : 3) * width * hidden;
    attention += model->attention_bias ? queries + 2 * keys + width : 0;
    mlp += model->mlp_bias ? (gpt2 ? hidden : 2 * hidden) + width : 0;
    uint64_t norm = gpt2 ? 2 * width : width;
    embeddings += gpt2 ? model->positions * width : 0;
    return embeddings + model->layers * (attention + mlp + 2 * norm) + norm;
}
