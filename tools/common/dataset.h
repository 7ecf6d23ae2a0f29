/* SPDX-License-Identifier: Apache-2.0 */
/* Token ids split into training and validation, and the batches drawn from them.
 *
 * From n tokens the first n*9/10 (rounded down) train, the rest validates, in order. Training rows start at
 * offsets drawn by a counter-based generator from (seed, step, row) alone: no state to save, and a resumed
 * run draws the same rows. Validation runs through the rest in consecutive windows, every target once.
 *
 * A row is `context` inputs and, one token later, `context` targets.
 *
 * Token files are flat little-endian ids, the width told by the name: .u16 or .bin are 16 bits (.bin: as
 * nanoGPT writes), .u32 is 32 bits. They are read row by row, not loaded. Ids are checked against the
 * vocabulary when read.
 *
 * Threads: an object is immutable; batches may be drawn by any number of threads.
 */
#ifndef TOOLS_COMMON_DATASET_H
#define TOOLS_COMMON_DATASET_H

#include <stddef.h>
#include <stdint.h>

#include "tools/common/error.h"
#include "tools/common/tokenizer.h"

typedef struct dataset dataset;

/* Encode a text. The caller keeps text and tokenizer; neither is needed afterwards. `origin` names the text
 * in errors. */
int dataset_from_text(const void *text, size_t bytes, const char *origin, const tokenizer *codec,
                      dataset **out, tool_error *err);

/* Open a token file whose ids must be below vocabulary. */
int dataset_from_tokens(const char *path, uint32_t vocabulary, dataset **out, tool_error *err);

void dataset_free(dataset *object);

/* Check that both parts hold at least one row of `context`: else TOOL_BAD_INPUT, which says how many tokens
 * are needed and how many there are. Call it before the batch functions. */
int dataset_check(const dataset *object, uint32_t context, tool_error *err);

uint64_t dataset_train_tokens(const dataset *object);
uint64_t dataset_validation_tokens(const dataset *object);

/* Where training row `row` of `step` starts, below train_tokens - context. With accumulation, rows go on over
 * the micro-batches of a step: row = micro * batch + r. */
uint64_t dataset_row_offset(const dataset *object, uint64_t seed, uint64_t step, uint64_t row,
                            uint32_t context);

/* Training rows first_row .. first_row+rows-1 of a step, into inputs and targets of rows x context each. */
int dataset_train_batch(const dataset *object, uint64_t seed, uint64_t step, uint64_t first_row,
                        uint32_t rows, uint32_t context, int32_t *inputs, int32_t *targets, tool_error *err);

/* Number of validation rows: all targets, the last row possibly not full. */
uint64_t dataset_validation_rows(const dataset *object, uint32_t context);

/* Validation rows first_row .. first_row+rows-1. Positions past the end (an unfinished last row, rows after
 * it) get input 0 and target -1, which counts for nothing; *out_targets tells how many targets are real. */
int dataset_validation_batch(const dataset *object, uint64_t first_row, uint32_t rows, uint32_t context,
                             int32_t *inputs, int32_t *targets, uint64_t *out_targets, tool_error *err);

#endif
