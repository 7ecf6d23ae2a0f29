/* SPDX-License-Identifier: Apache-2.0 */
/* Cases on several threads, with results in the order of the list. */
#ifndef HAL_MATRIX_RUNNER_H
#define HAL_MATRIX_RUNNER_H

#include "tools/hal-matrix/select.h"

/* What takes the results: called in the order of the list, by one thread at a time, as soon as all before it are known. An
 * error ends the run. */
typedef struct matrix_sink {
    int (*take)(void *context, const matrix_result *result, tool_error *err);
    void *context;
} matrix_sink;

/* Runs every item on `jobs` threads. A device that hangs or is lost ends the run: the items after it are skipped, and say
 * why; so are those after a signal (interrupt.h). `ended` says why not all were run, "" when they were; `late` how long the
 * case that hung was waited for, else 0. */
int matrix_run_items(const matrix_target *target, const matrix_selection *selection, uint32_t jobs,
                     const matrix_sink *sink, char *ended, size_t size, double *late, tool_error *err);

#endif
