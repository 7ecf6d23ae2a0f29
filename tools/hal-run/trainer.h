/* SPDX-License-Identifier: Apache-2.0 */
/* One training run: the model's graphs, its data and where it stands. Used by hal-run train and hal-bench train. */
#ifndef HAL_RUN_TRAINER_H
#define HAL_RUN_TRAINER_H

#include "tools/common/dataset.h"
#include "tools/hal-run/engine.h"

/* Where the tokens came from, for who resumes. */
typedef struct trainer_data {
    char path[4096];   /* absolute; "": a default text */
    bool is_tokens;    /* a file of ids, not a text */
    uint64_t tokens;   /* 0: not known */
} trainer_data;

/* What a run needs to know before its graphs are built. */
typedef struct trainer_setup {
    trainer_data data;
    model_config model;
    train_options train;
    hal_dtype dtype;
} trainer_setup;

typedef struct trainer {
    run_engine engine;
    trainer_setup setup;
    const dataset *data;              /* borrowed */
    model_parameter *parameters;
    size_t count;
    engine_step update, micro, eval;  /* micro: gradient accumulation, only with accumulate > 1 */
    model_graph update_model, micro_model, eval_model;
    hal_value loss, micro_loss, eval_loss, rate, step_number;
    int32_t *inputs, *targets;        /* one batch */
    int64_t random_counter;           /* what else a batch is fed, and what it answers: here, as the device may */
    float rate_now, number_now, loss_now; /* still use them when a deadline has passed */
    uint64_t step;                    /* steps done */
} trainer;

/* Builds and plans everything; parameters and moments are zero until trainer_initialise or a checkpoint fills them.
 * On failure nothing is left behind. Does not move: call with the final address of *out. After TOOL_DEADLINE of a later
 * call it is not closed, but stays as it is until the process ends: see engine_run. */
int trainer_open(const run_options *options, const trainer_setup *setup, const dataset *data, trainer *out, tool_error *err);
void trainer_close(trainer *t);
/* Random initial parameters from the seed, by a hal graph of its own. */
int trainer_initialise(trainer *t, tool_error *err);
/* One optimiser step over accumulate batches; *loss is their mean. */
int trainer_step(trainer *t, double *loss, tool_error *err);
/* Mean loss over the whole validation part. */
int trainer_evaluate(trainer *t, double *loss, tool_error *err);

#endif
