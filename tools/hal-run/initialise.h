/* SPDX-License-Identifier: Apache-2.0 */
/* Random weights of a model that was never trained. */
#ifndef HAL_RUN_INITIALISE_H
#define HAL_RUN_INITIALISE_H

#include "tools/hal-run/engine.h"

/* Fills the engine's variables with the parameters of a model like that, which is left as it is. Equal seeds make equal weights. */
int initialise_weights(const run_engine *engine, const model_graph *like, uint64_t seed, tool_error *err);

#endif
