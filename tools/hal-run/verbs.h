/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs of hal-run. Each returns the exit code and fills the error. */
#ifndef HAL_RUN_VERBS_H
#define HAL_RUN_VERBS_H

#include "tools/hal-run/options.h"

int verb_train(const run_options *options, tool_error *err);
int verb_generate(const run_options *options, tool_error *err);
int verb_devices(const run_options *options, tool_error *err);

#endif
