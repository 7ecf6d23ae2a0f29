/* SPDX-License-Identifier: Apache-2.0 */
/* model_config.c and json_input.c. */
#include "tests/unit/tool_test.h"

#include <math.h>

#include "tools/common/json_input.h"
#include "tools/common/model_config.h"

static int parse(const char *text, model_config *out, tool_error *err)
{
    return model_config_parse(text, strlen(text), "config.json", out, err);
}

static void presets_are_those_of_the_manual(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint32_t layers, heads, kv_heads, width, hidden, batch, context;
    } expected[] = {
        {"char", 4, 4, 4, 128, 512, 12, 64},
        {"small", 6, 6, 6, 384, 1536, 8, 256},
        {"gpt2", 12, 12, 12, 768, 3072, 4, 64},
        {"llama", 6, 8, 4, 256, 688, 8, 128},
    };
    tool_error err = {0};
    model_config model;
    train_options train;
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        assert_worked(model_config_preset(expected[i].name, &model, &train, &err), &err);
        assert_int_equal(model.layers, expected[i].layers);
        assert_int_equal(model.heads, expected[i].heads);
        assert_int_equal(model.kv_heads, expected[i].kv_heads);
        assert_int_equal(model.width, expected[i].width);
        assert_int_equal(model.hidden, expected[i].hidden);
        assert_int_equal(train.batch, expected[i].batch);
        assert_int_equal(train.context, expected[i].context);
        assert_in_range(train.context, 1, model.positions);
        model.vocabulary = model.vocabulary ? model.vocabulary : 65;
        assert_worked(model_config_check(&model, expected[i].name, &err), &err);
    }
    assert_failed(model_config_preset("huge", &model, &train, &err), &err, TOOL_NOT_FOUND,
                  "char, small, gpt2");
}

static void counts_parameters(void **state)
{
    (void)state;
    tool_error err = {0};
    model_config model;
    train_options train;
    assert_worked(model_config_preset("gpt2", &model, &train, &err), &err);
    assert_int_equal(model_config_parameters(&model), 124439808);
    assert_worked(model_config_preset("llama", &model, &train, &err), &err);
    model.vocabulary = 65;
    assert_int_equal(model_config_parameters(&model), 4386560);
}

/* The learning rate rises over the warm-up, then falls along a cosine. */
static void rate_follows_its_schedule(void **state)
{
    (void)state;
    tool_error err = {0};
    model_config model;
    train_options train;
    assert_worked(model_config_preset("char", &model, &train, &err), &err);
    assert_int_equal(train.steps, 2000);
    assert_true(train_options_rate(&train, 0) > 0);
    assert_true(fabs(train_options_rate(&train, 99) - 1e-3) < 1e-12);
    assert_true(fabs(train_options_rate(&train, 100) - 1e-3) < 1e-12);
    assert_true(fabs(train_options_rate(&train, 1999) - 1e-4) < 1e-12);
    assert_true(fabs(train_options_rate(&train, 5000) - 1e-4) < 1e-12);
    for (uint64_t step = 101; step < 2000; step++) {
        assert_true(train_options_rate(&train, step) < train_options_rate(&train, step - 1));
    }
    train.warmup = 0;
    train.steps = 1;
    assert_true(isfinite(train_options_rate(&train, 0)));
}

static void written_configs_read_back(void **state)
{
    (void)state;
    static const char *const names[] = {"gpt2", "llama"};
    for (size_t i = 0; i < 2; i++) {
        tool_error err = {0};
        model_config model;
        model_config again;
        train_options train;
        char *text;
        assert_worked(model_config_preset(names[i], &model, &train, &err), &err);
        model.vocabulary = 777;
        assert_worked(model_config_format(&model, "bfloat16", &text, &err), &err);
        assert_non_null(strstr(text, "\"bfloat16\""));
        assert_worked(parse(text, &again, &err), &err);
        assert_int_equal(model_config_parameters(&again), model_config_parameters(&model));
        assert_int_equal(again.eos_token, model.eos_token);
        assert_true(again.norm_epsilon == model.norm_epsilon);
        assert_true(again.rope_theta == model.rope_theta);
        assert_int_equal(again.positions, model.positions);
        const char *path = scratch_file("config.json", text, strlen(text));
        assert_worked(model_config_load(path, &again, &err), &err);
        assert_worked(model_config_load(scratch_root, &again, &err), &err);
        assert_string_equal(model_kind_name(again.kind), names[i]);
        free(text);
    }
}

#define LLAMA                                                                                                \
    "\"model_type\":\"llama\",\"num_hidden_layers\":2,\"num_attention_heads\":4,\"hidden_size\":64,"         \
    "\"intermediate_size\":96,\"vocab_size\":100"

static void reads_configs_of_others(void **state)
{
    (void)state;
    tool_error err = {0};
    model_config model;
    assert_worked(parse("{\"model_type\":\"gpt2\"}", &model, &err), &err);
    assert_int_equal(model_config_parameters(&model), 124439808);
    assert_worked(parse("{\"model_type\":\"gpt2\",\"n_inner\":null,\"n_embd\":96}", &model, &err), &err);
    assert_int_equal(model.hidden, 384);
    assert_worked(parse("{" LLAMA ",\"rope_parameters\":{\"rope_type\":\"default\",\"rope_theta\":5e5},"
                        "\"eos_token_id\":[7,8]}",
                        &model, &err),
                  &err);
    assert_true(model.rope_theta == 5e5);
    assert_int_equal(model.kv_heads, 4);
    assert_int_equal(model.head_dim, 16);
    assert_int_equal(model.eos_token, 7);
    assert_int_equal(model.bos_token, -1);
    train_options train;
    train_options_default(&model, &train);
    assert_int_equal(train.context, 128);
    model.positions = 32;
    train_options_default(&model, &train);
    assert_int_equal(train.context, 32);
}

static void refuses_bad_configs(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *fragment;
    } cases[] = {
        {"", "config.json: line"},
        {"[]", "not an object"},
        {"{}", "\"model_type\" is \"(missing)\""},
        {"{" LLAMA ",\"eos_token_id\":[9223372036854775807]}", "\"eos_token_id\" is 9223372036854775807"},
        {"{" LLAMA ",\"eos_token_id\":[\"end\"]}", "\"eos_token_id\" is a string"},
        {"{\"model_type\":\"bert\"}", "\"model_type\" is \"bert\"; gpt2 and llama"},
        {"{\"model_type\":7}", "\"model_type\" is an integer; a string is expected"},
        {"{\"model_type\":\"gpt2\",\"model_type\":\"gpt2\"}", "duplicate"},
        {"{\"model_type\":\"gpt2\",\"n_layer\":0}", "\"n_layer\" is 0; 1 to"},
        {"{\"model_type\":\"gpt2\",\"n_layer\":-3}", "\"n_layer\" is -3"},
        {"{\"model_type\":\"gpt2\",\"n_layer\":1.5}", "\"n_layer\" is a real number; an integer"},
        {"{\"model_type\":\"gpt2\",\"n_layer\":\"12\"}", "\"n_layer\" is a string"},
        {"{\"model_type\":\"gpt2\",\"n_layer\":100000}", "the number of layers is 100000"},
        {"{\"model_type\":\"gpt2\",\"n_embd\":9223372036854775807}", "\"n_embd\" is 9223372036854775807"},
        {"{\"model_type\":\"gpt2\",\"n_embd\":9223372036854775808}", "too big integer"},
        {"{\"model_type\":\"gpt2\",\"n_head\":5}", "5 heads do not divide the width 768"},
        {"{\"model_type\":\"gpt2\",\"layer_norm_epsilon\":0}", "norm epsilon of 0"},
        {"{\"model_type\":\"gpt2\",\"layer_norm_epsilon\":1e999}", "overflow"},
        {"{\"model_type\":\"gpt2\",\"activation_function\":\"relu\"}", "activation \"relu\""},
        {"{\"model_type\":\"gpt2\",\"activation_function\":\"silu\"}", "activation \"silu\""},
        {"{\"model_type\":\"gpt2\",\"scale_attn_weights\":false}", "\"scale_attn_weights\": false is not"},
        {"{\"model_type\":\"gpt2\",\"add_cross_attention\":true}", "\"add_cross_attention\": true is not"},
        {"{\"model_type\":\"gpt2\",\"add_cross_attention\":1}", "true or false is expected"},
        {"{\"model_type\":\"gpt2\",\"quantization_config\":{}}", "\"quantization_config\" is not supported"},
        {"{\"model_type\":\"gpt2\",\"bos_token_id\":-2}", "\"bos_token_id\" is -2"},
        {"{\"model_type\":\"llama\"}", "\"num_hidden_layers\" is missing"},
        {"{" LLAMA ",\"num_key_value_heads\":3}", "3 key/value heads do not divide 4 heads"},
        {"{" LLAMA ",\"head_dim\":15}", "a head dimension of 15 is odd"},
        {"{" LLAMA ",\"hidden_act\":\"gelu\"}", "activation \"gelu\""},
        {"{" LLAMA ",\"rope_scaling\":{\"rope_type\":\"yarn\"}}", "rope scaling of type \"yarn\""},
        {"{" LLAMA ",\"rope_scaling\":{\"type\":\"linear\"}}", "rope scaling of type \"linear\""},
        {"{" LLAMA ",\"rope_scaling\":[1]}", "rope scaling of type \"unnamed\""},
        {"{" LLAMA ",\"rope_theta\":-1}", "\"rope_theta\" is -1"},
        {"{" LLAMA ",\"partial_rotary_factor\":0.5}", "\"partial_rotary_factor\" below 1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tool_error err = {0};
        model_config model;
        assert_failed(parse(cases[i].text, &model, &err), &err, TOOL_BAD_INPUT, cases[i].fragment);
    }
    tool_error err = {0};
    model_config model;
    assert_failed(model_config_load(scratch_path("absent"), &model, &err), &err, TOOL_NOT_FOUND, "absent");
}

/* Brackets in strings do not nest; real ones do, up to the limit. */
static void limits_nesting(void **state)
{
    (void)state;
    char text[2 * JSON_INPUT_MAX_DEPTH + 16] = "{\"a\":\"\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"}";
    tool_error err = {0};
    json_t *root;
    assert_worked(json_input_parse(text, strlen(text), "x", &root, &err), &err);
    json_decref(root);
    for (int depth = JSON_INPUT_MAX_DEPTH - 1; depth <= JSON_INPUT_MAX_DEPTH; depth++) {
        size_t length = (size_t)snprintf(text, sizeof text, "{\"a\":");
        memset(text + length, '[', (size_t)depth);
        memset(text + length + depth, ']', (size_t)depth);
        length += 2 * (size_t)depth;
        text[length++] = '}';
        int code = json_input_parse(text, length, "x", &root, &err);
        if (depth < JSON_INPUT_MAX_DEPTH) {
            assert_worked(code, &err);
            json_decref(root);
        } else {
            assert_failed(code, &err, TOOL_BAD_INPUT, "nested deeper than");
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(presets_are_those_of_the_manual),
        cmocka_unit_test(counts_parameters),
        cmocka_unit_test(rate_follows_its_schedule),
        cmocka_unit_test(written_configs_read_back),
        cmocka_unit_test(reads_configs_of_others),
        cmocka_unit_test(refuses_bad_configs),
        cmocka_unit_test(limits_nesting),
    };
    return cmocka_run_group_tests_name("config", tests, scratch_setup, scratch_teardown);
}
