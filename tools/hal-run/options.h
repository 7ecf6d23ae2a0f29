/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of hal-run. Strings point into argv, whose option values are split in place. */
#ifndef HAL_RUN_OPTIONS_H
#define HAL_RUN_OPTIONS_H

#include <hal/plan.h>

#include "tools/common/model_config.h"

enum { RUN_MAX_DEVICES = 16, RUN_MAX_PINS = 64, RUN_OVERRIDES = 16 };

typedef enum run_verb { RUN_TRAIN, RUN_GENERATE, RUN_DEVICES, RUN_HELP, RUN_VERSION } run_verb;

typedef struct run_options {
    run_verb verb;
    const char *model, *text, *token_file, *load, *save, *resume, *plot, *plugin_dir, *prompt, *prompt_ids;
    const char *dtype;                     /* NULL: the default of the verb or of the resumed run */
    const char *overrides[RUN_OVERRIDES];  /* texts of the numeric training options, in the order of the table */
    const char *devices[RUN_MAX_DEVICES];
    uint32_t n_devices;
    hal_pin pins[RUN_MAX_PINS];
    uint32_t n_pins;
    bool json, quiet, primitives_only;
    int64_t deadline_ms;                   /* of one step; 0: the engine's own */
    uint64_t tokens, seed;                 /* generate */
    double temperature, top_p;
    int64_t top_k;
} run_options;

/* Reads argv. Errors: TOOL_BAD_INPUT naming the option, its value and its range. */
int run_options_parse(int argc, char **argv, run_options *out, tool_error *err);
/* Applies the training options given on the command line over `train`. */
int run_options_apply(const run_options *options, train_options *train, tool_error *err);
/* Whether options that came from a file are in the ranges of the command line; `where` names the file. */
int run_options_check(const train_options *train, const char *where, tool_error *err);
/* The matmul dtype by name; `fallback` when none was given. */
int run_options_dtype(const run_options *options, hal_dtype fallback, hal_dtype *out, tool_error *err);
/* The text of --help. */
const char *run_options_help(void);

#endif
