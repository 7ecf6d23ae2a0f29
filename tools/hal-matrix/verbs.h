/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs of hal-matrix. Each returns the exit code. */
#ifndef HAL_MATRIX_VERBS_H
#define HAL_MATRIX_VERBS_H

#include "tools/hal-matrix/options.h"

int matrix_verb_run(const matrix_options *options, tool_error *err);
int matrix_verb_support(const matrix_options *options, tool_error *err);
/* explain and repro */
int matrix_verb_one(const matrix_options *options, tool_error *err);
int matrix_verb_merge(const matrix_options *options, tool_error *err);
int matrix_verb_diff(const matrix_options *options, tool_error *err);

#endif
