/* SPDX-License-Identifier: Apache-2.0 */
/* Inputs are texts of config.json. What is accepted must be in range, and survive being written and read
 * again. */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "tools/common/model_config.h"

static const char *const seeds[] = {
    "{\"model_type\":\"gpt2\",\"n_layer\":4,\"n_head\":4,\"n_embd\":128,\"n_inner\":null,\"n_positions\":64,"
    "\"vocab_size\":65,\"layer_norm_epsilon\":1e-05,\"activation_function\":\"gelu_new\",\"bos_token_id\":0,"
    "\"tie_word_embeddings\":true,\"scale_attn_weights\":true}",
    "{\"model_type\":\"llama\",\"num_hidden_layers\":2,\"num_attention_heads\":8,\"num_key_value_heads\":4,"
    "\"hidden_size\":64,\"intermediate_size\":96,\"vocab_size\":100,\"head_dim\":8,\"rms_norm_eps\":1e-06,"
    "\"rope_parameters\":{\"rope_type\":\"default\",\"rope_theta\":10000.0},\"hidden_act\":\"silu\","
    "\"eos_token_id\":[1,2],\"attention_bias\":false}",
};

size_t fuzz_seed_count(void)
{
    return sizeof seeds / sizeof *seeds;
}

const void *fuzz_seed(size_t index, size_t *out_bytes)
{
    *out_bytes = strlen(seeds[index]);
    return seeds[index];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    tool_error err;
    model_config model;
    model_config again;
    char *text;
    if (model_config_parse((const char *)data, bytes, "fuzz", &model, &err) != 0) {
        return 0;
    }
    if (model_config_check(&model, "fuzz", &err) != 0 ||
        model_config_format(&model, "float32", &text, &err) != 0) {
        abort();
    }
    if (model_config_parse(text, strlen(text), "again", &again, &err) != 0 ||
        model_config_parameters(&again) != model_config_parameters(&model)) {
        abort();
    }
    free(text);
    return 0;
}
