/* SPDX-License-Identifier: Apache-2.0 */
/* What a fuzz target provides; see driver.c. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Run one input. Returns 0; a fault shows as a crash or a sanitizer's report. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* Valid inputs that mutation starts from. fuzz_seed gives static data, valid until its next call. */
size_t fuzz_seed_count(void);
const void *fuzz_seed(size_t index, size_t *out_bytes);

#endif
