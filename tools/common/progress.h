/* SPDX-License-Identifier: Apache-2.0 */
/* Live progress of a run on stderr, and the median step time behind it.
 *
 * On a terminal one line is rewritten, at most ten times a second; otherwise plain lines come, at most one
 * each ten seconds plus the last. TERM=dumb counts as no terminal. quiet prints nothing but still measures.
 * Not thread safe.
 */
#ifndef TOOLS_COMMON_PROGRESS_H
#define TOOLS_COMMON_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "tools/common/error.h"

typedef struct progress progress;

/* first_step is where a resumed run goes on, total_steps where it ends. The stream stays the caller's. */
int progress_begin(FILE *stream, uint64_t first_step, uint64_t total_steps, bool quiet, progress **out,
                   tool_error *err);

/* After each step: steps done so far, its loss, its tokens and its seconds. TOOL_INTERNAL when memory is out.
 */
int progress_step(progress *object, uint64_t step, double loss, uint64_t tokens, double seconds,
                  tool_error *err);

/* A line of its own (an evaluation, a save) that does not disturb the updating line. No newline in the
 * format. */
void progress_note(progress *object, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Medians over all steps measured; 0 before the first. */
double progress_step_seconds(const progress *object);
double progress_tokens_per_second(const progress *object);

/* End the updating line and free; NULL is allowed. */
void progress_end(progress *object);

#endif
