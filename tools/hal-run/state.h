/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoints: DIR/model.safetensors, config.json and tokenizer.json as Hugging Face has them, and
 * training_state.safetensors with the moments ("<name>.m", "<name>.v") and, as metadata, the step and the options. */
#ifndef HAL_RUN_STATE_H
#define HAL_RUN_STATE_H

#include "tools/hal-run/trainer.h"

/* Fills the session's parameters, whose matrices are kept in that dtype, from the weights in DIR or a file. Every tensor of the model must be there with its shape;
 * f64, f32, f16 and bf16 are converted; a value that is not finite is TOOL_BAD_INPUT with its index. */
int state_load_weights(hal_session *session, const model_parameter *parameters, size_t count, hal_dtype matrices, const char *path,
                       tool_error *err);
/* What a checkpoint's training_state says: everything trainer_open needs, and the step. */
int state_read_setup(const char *dir, trainer_setup *setup, uint64_t *step, tool_error *err);
/* Fills the moments of a trainer whose parameters were loaded. */
int state_load_moments(trainer *t, const char *dir, tool_error *err);
/* Writes all of it; the directory is swapped in whole. `codec` may be NULL. */
int state_save(trainer *t, const char *dir, const tokenizer *codec, tool_error *err);

#endif
