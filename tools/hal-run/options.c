/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/hal-run/options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "tools/common/deadline.h"

/* Numeric training options: where the number goes and what it may be. */
typedef enum number_kind { NUMBER_U32, NUMBER_U64, NUMBER_REAL } number_kind;
static const struct number {
    const char *name;
    number_kind kind;
    size_t offset;
    double low, high;
} numbers[] = {
    {"batch", NUMBER_U32, offsetof(train_options, batch), 1, 65536},
    {"context", NUMBER_U32, offsetof(train_options, context), 1, 1 << 20},
    {"steps", NUMBER_U64, offsetof(train_options, steps), 0, 1e12},
    {"lr", NUMBER_REAL, offsetof(train_options, lr), 0, 10},
    {"min-lr", NUMBER_REAL, offsetof(train_options, min_lr), 0, 10},
    {"warmup", NUMBER_U64, offsetof(train_options, warmup), 0, 1e12},
    {"beta1", NUMBER_REAL, offsetof(train_options, beta1), 0, 0.9999999},
    {"beta2", NUMBER_REAL, offsetof(train_options, beta2), 0, 0.9999999},
    {"weight-decay", NUMBER_REAL, offsetof(train_options, weight_decay), 0, 10},
    {"clip", NUMBER_REAL, offsetof(train_options, clip), 0, 1e9},
    {"dropout", NUMBER_REAL, offsetof(train_options, dropout), 0, 0.99},
    {"accumulate", NUMBER_U32, offsetof(train_options, accumulate), 1, 65536},
    {"seed", NUMBER_U64, offsetof(train_options, seed), 0, 9e15},
    {"eval-every", NUMBER_U64, offsetof(train_options, eval_every), 0, 1e12},
};
enum { NUMBERS = sizeof numbers / sizeof numbers[0], OPTION_NUMBER = 1000, OPTION_WORD = 2000 };

typedef enum word {
    WORD_MODEL, WORD_TEXT, WORD_TOKEN_FILE, WORD_LOAD, WORD_SAVE, WORD_RESUME, WORD_PLOT, WORD_PLUGIN_DIR, WORD_PROMPT,
    WORD_PROMPT_IDS, WORD_DTYPE, WORD_DEVICES, WORD_PIN, WORD_JSON, WORD_QUIET, WORD_PRIMITIVES, WORD_TOKENS,
    WORD_TEMPERATURE, WORD_TOP_K, WORD_TOP_P, WORD_DEADLINE, WORD_HELP, WORD_VERSION
} word;
static const struct option words[] = {
    {"model", 1, NULL, OPTION_WORD + WORD_MODEL},
    {"text", 1, NULL, OPTION_WORD + WORD_TEXT},
    {"token-file", 1, NULL, OPTION_WORD + WORD_TOKEN_FILE},
    {"load", 1, NULL, OPTION_WORD + WORD_LOAD},
    {"save", 1, NULL, OPTION_WORD + WORD_SAVE},
    {"resume", 1, NULL, OPTION_WORD + WORD_RESUME},
    {"plot", 1, NULL, OPTION_WORD + WORD_PLOT},
    {"plugin-dir", 1, NULL, OPTION_WORD + WORD_PLUGIN_DIR},
    {"prompt", 1, NULL, OPTION_WORD + WORD_PROMPT},
    {"prompt-ids", 1, NULL, OPTION_WORD + WORD_PROMPT_IDS},
    {"dtype", 1, NULL, OPTION_WORD + WORD_DTYPE},
    {"devices", 1, NULL, OPTION_WORD + WORD_DEVICES},
    {"pin", 1, NULL, OPTION_WORD + WORD_PIN},
    {"json", 0, NULL, OPTION_WORD + WORD_JSON},
    {"quiet", 0, NULL, OPTION_WORD + WORD_QUIET},
    {"primitives-only", 0, NULL, OPTION_WORD + WORD_PRIMITIVES},
    {"tokens", 1, NULL, OPTION_WORD + WORD_TOKENS},
    {"temperature", 1, NULL, OPTION_WORD + WORD_TEMPERATURE},
    {"top-k", 1, NULL, OPTION_WORD + WORD_TOP_K},
    {"top-p", 1, NULL, OPTION_WORD + WORD_TOP_P},
    {"deadline", 1, NULL, OPTION_WORD + WORD_DEADLINE},
    {"help", 0, NULL, OPTION_WORD + WORD_HELP},
    {"version", 0, NULL, OPTION_WORD + WORD_VERSION},
};
enum { WORDS = sizeof words / sizeof words[0] };
_Static_assert((int)NUMBERS <= (int)RUN_OVERRIDES, "every numeric option has a slot");

const char *run_options_help(void) {
    return "usage: hal-run devices [--json]\n"
           "       hal-run train [--model char|small|gpt2|llama|CONFIG.json] [--text FILE | --token-file FILE]\n"
           "               [--load DIR] [--dtype f32|bf16] [--batch N] [--context N] [--steps N] [--lr X] [--min-lr X]\n"
           "               [--warmup N] [--beta1 X] [--beta2 X] [--weight-decay X] [--clip X] [--dropout X]\n"
           "               [--accumulate N] [--seed N] [--eval-every N] [--devices a,b] [--pin REGEX=DEVICE]...\n"
           "               [--save DIR] [--resume DIR] [--plot FILE.svg] [--primitives-only] [--json] [--quiet]\n"
           "       hal-run generate --load DIR [--prompt TEXT | --prompt-ids LIST] [--tokens N] [--temperature X]\n"
           "               [--dtype f32|bf16] [--top-k N] [--top-p X] [--seed N] [--devices a,b] [--json]\n"
           "       --deadline SECONDS      longest wait for one step of train or generate; then exit code 6\n"
           "       --plugin-dir DIR[:DIR]  look for backends there first (absolute paths)\n"
           "       --help, --version       this text; the version\n"
           "Exit codes: 0 ok, 1 internal, 2 usage or bad input, 3 not found or does not fit, 4 degraded, 6 deadline.\n"
           "See hal-run(1).\n";
}

/* One number inside [low, high]; whole when `whole`. */
static int parse_number(const char *name, const char *text, bool whole, double low, double high, double *out, tool_error *err) {
    char *end;
    errno = 0;
    double value = strtod(text, &end);
    if (end == text || *end || errno || !isfinite(value) || (whole && floor(value) != value))
        return tool_fail(err, TOOL_BAD_INPUT, "--%s %s: not a %snumber", name, text, whole ? "whole " : "");
    if (value < low || value > high)
        return tool_fail(err, TOOL_BAD_INPUT, "--%s %s: must be between %g and %g", name, text, low, high);
    *out = value;
    return TOOL_OK;
}

static int apply_number(const struct number *n, const char *text, train_options *train, tool_error *err) {
    double value;
    int code = parse_number(n->name, text, n->kind != NUMBER_REAL, n->low, n->high, &value, err);
    if (code) return code;
    void *field = (char *)train + n->offset;
    switch (n->kind) {
    case NUMBER_U32: *(uint32_t *)field = (uint32_t)value; break;
    case NUMBER_U64: *(uint64_t *)field = (uint64_t)value; break;
    case NUMBER_REAL: *(double *)field = value; break;
    }
    return TOOL_OK;
}

int run_options_apply(const run_options *options, train_options *train, tool_error *err) {
    for (size_t i = 0; i < NUMBERS; i++) {
        if (!options->overrides[i]) continue;
        int code = apply_number(&numbers[i], options->overrides[i], train, err);
        if (code) return code;
    }
    return TOOL_OK;
}

static double read_number(const struct number *n, const train_options *train) {
    const void *field = (const char *)train + n->offset;
    switch (n->kind) {
    case NUMBER_U32: return *(const uint32_t *)field;
    case NUMBER_U64: return (double)*(const uint64_t *)field;
    default: return *(const double *)field;
    }
}

int run_options_check(const train_options *train, const char *where, tool_error *err) {
    for (size_t i = 0; i < NUMBERS; i++) {
        const double value = read_number(&numbers[i], train);
        if (!(value >= numbers[i].low && value <= numbers[i].high))
            return tool_fail(err, TOOL_BAD_INPUT, "%s: its options say %s %g: must be between %g and %g", where, numbers[i].name,
                             value, numbers[i].low, numbers[i].high);
    }
    return TOOL_OK;
}

int run_options_dtype(const run_options *options, hal_dtype fallback, hal_dtype *out, tool_error *err) {
    hal_dtype dtype = options->dtype ? hal_dtype_find(options->dtype) : fallback;
    if (dtype != HAL_F32 && dtype != HAL_BF16)
        return tool_fail(err, TOOL_BAD_INPUT, "--dtype %s: hal-run knows f32 and bf16", options->dtype);
    *out = dtype;
    return TOOL_OK;
}

/* Splits "a,b" in place. */
static int parse_devices(run_options *o, char *text, tool_error *err) {
    for (char *save = NULL, *name = strtok_r(text, ",", &save); name; name = strtok_r(NULL, ",", &save)) {
        if (o->n_devices == RUN_MAX_DEVICES)
            return tool_fail(err, TOOL_BAD_INPUT, "--devices: more than %d devices", RUN_MAX_DEVICES);
        o->devices[o->n_devices++] = name;
    }
    if (o->n_devices == 0) return tool_fail(err, TOOL_BAD_INPUT, "--devices: no device named");
    return TOOL_OK;
}

/* Splits "REGEX=DEVICE" at the last '=' in place. */
static int parse_pin(run_options *o, char *text, tool_error *err) {
    char *equals = strrchr(text, '=');
    if (!equals || equals == text || !equals[1])
        return tool_fail(err, TOOL_BAD_INPUT, "--pin %s: expected REGEX=DEVICE", text);
    if (o->n_pins == RUN_MAX_PINS) return tool_fail(err, TOOL_BAD_INPUT, "--pin: more than %d pins", RUN_MAX_PINS);
    *equals = 0;
    o->pins[o->n_pins++] = (hal_pin){text, equals + 1};
    return TOOL_OK;
}

static int generate_number(run_options *o, word w, const char *text, tool_error *err) {
    double value = 0;
    int code = parse_number(words[w].name, text, w == WORD_TOKENS || w == WORD_TOP_K, 0,
                            w == WORD_TOP_P ? 1 : w == WORD_TEMPERATURE ? 1000 : 1e9, &value, err);
    if (code) return code;
    if (w == WORD_TOKENS) o->tokens = (uint64_t)value;
    if (w == WORD_TOP_K) o->top_k = (int64_t)value;
    if (w == WORD_TOP_P) o->top_p = value;
    if (w == WORD_TEMPERATURE) o->temperature = value;
    return TOOL_OK;
}

static int set_word(run_options *o, word w, char *text, tool_error *err) {
    const char **plain[] = {[WORD_MODEL] = &o->model, [WORD_TEXT] = &o->text, [WORD_TOKEN_FILE] = &o->token_file,
                            [WORD_LOAD] = &o->load, [WORD_SAVE] = &o->save, [WORD_RESUME] = &o->resume,
                            [WORD_PLOT] = &o->plot, [WORD_PLUGIN_DIR] = &o->plugin_dir, [WORD_PROMPT] = &o->prompt,
                            [WORD_PROMPT_IDS] = &o->prompt_ids, [WORD_DTYPE] = &o->dtype};
    if (w <= WORD_DTYPE) {
        *plain[w] = text;
        return TOOL_OK;
    }
    switch (w) {
    case WORD_DEVICES: return parse_devices(o, text, err);
    case WORD_PIN: return parse_pin(o, text, err);
    case WORD_JSON: o->json = true; return TOOL_OK;
    case WORD_QUIET: o->quiet = true; return TOOL_OK;
    case WORD_PRIMITIVES: o->primitives_only = true; return TOOL_OK;
    case WORD_DEADLINE: return deadline_parse(text, &o->deadline_ms, err);
    case WORD_HELP: o->verb = RUN_HELP; return TOOL_OK;
    case WORD_VERSION: o->verb = RUN_VERSION; return TOOL_OK;
    default: return generate_number(o, w, text, err);
    }
}

static int parse_verb(int *argc, char ***argv, run_options *o, tool_error *err) {
    static const char *const names[] = {"train", "generate", "devices"};
    if (*argc < 2) return tool_fail(err, TOOL_BAD_INPUT, "no verb given: train, generate or devices; see --help");
    if ((*argv)[1][0] == '-') return TOOL_OK;
    for (int i = 0; i < 3; i++)
        if (strcmp((*argv)[1], names[i]) == 0) {
            o->verb = (run_verb)i;
            (*argc)--;
            (*argv)++;
            return TOOL_OK;
        }
    return tool_fail(err, TOOL_BAD_INPUT, "unknown verb \"%s\": train, generate or devices", (*argv)[1]);
}

static int check(const run_options *o, tool_error *err) {
    if (o->verb == RUN_GENERATE && !o->load) return tool_fail(err, TOOL_BAD_INPUT, "generate: --load DIR is needed");
    if (o->text && o->token_file) return tool_fail(err, TOOL_BAD_INPUT, "--text and --token-file exclude each other");
    if (o->prompt && o->prompt_ids) return tool_fail(err, TOOL_BAD_INPUT, "--prompt and --prompt-ids exclude each other");
    if (o->resume && (o->load || o->model))
        return tool_fail(err, TOOL_BAD_INPUT, "--resume takes model and weights from its directory: drop --model and --load");
    return TOOL_OK;
}

static int parse_all(int argc, char **argv, run_options *o, tool_error *err) {
    struct option table[WORDS + NUMBERS + 1] = {0};
    memcpy(table, words, sizeof words);
    for (int i = 0; i < NUMBERS; i++) table[WORDS + i] = (struct option){numbers[i].name, 1, NULL, OPTION_NUMBER + i};
    opterr = 0;
    optind = 1;
    for (int c; (c = getopt_long(argc, argv, ":", table, NULL)) != -1;) {
        int code = TOOL_OK;
        if (c == '?' || c == ':') code = tool_fail(err, TOOL_BAD_INPUT, "%s: %s; see --help", argv[optind - 1],
                                                   c == ':' ? "needs a value" : "unknown option");
        else if (c < OPTION_WORD) o->overrides[c - OPTION_NUMBER] = optarg;
        else code = set_word(o, (word)(c - OPTION_WORD), optarg, err);
        if (code) return code;
    }
    if (optind < argc) return tool_fail(err, TOOL_BAD_INPUT, "unexpected \"%s\"; see --help", argv[optind]);
    return check(o, err);
}

int run_options_parse(int argc, char **argv, run_options *out, tool_error *err) {
    run_options o = {.verb = RUN_HELP, .tokens = 200, .temperature = 0.8, .top_p = 1.0, .seed = 1};
    int code = parse_verb(&argc, &argv, &o, err);
    if (!code) code = parse_all(argc, argv, &o, err);
    if (code) return code;
    train_options seed = {.seed = o.seed};
    code = run_options_apply(&o, &seed, err);
    o.seed = seed.seed;
    if (!code) *out = o;
    return code;
}
