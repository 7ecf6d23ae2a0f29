/* SPDX-License-Identifier: Apache-2.0 */
/* What the emulated CUDA driver exports beyond the vendor's functions: for tests, and for whoever labels results. */
#ifndef HAL_TESTS_EMULATED_CONTROL_H
#define HAL_TESTS_EMULATED_CONTROL_H

#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(default)
/* Says on what it computes. A driver that has this symbol is no NVIDIA driver. */
extern const char hal_emulated_cuda[];
/* Calls of the driver since it was loaded, or since the last script. */
uint64_t hal_emulated_cuda_calls(void);
/* The call that a rule of the script last made fail; "": none did since the script. */
const char *hal_emulated_cuda_failed(void);
/* Uses that a real driver does not promise to survive; a line on stderr told of each. */
uint64_t hal_emulated_cuda_wrong(void);
/* What was not given back yet, in words and in number. */
unsigned hal_emulated_cuda_live(char *text, size_t size);
/* Nanoseconds that the calling thread has spent in functions of the driver. */
uint64_t hal_emulated_cuda_nanoseconds(void);
/* New rules of faults (script.c), instead of those there are. */
void hal_emulated_cuda_script(const char *text);
#pragma GCC visibility pop

#endif
