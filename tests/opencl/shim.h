/* SPDX-License-Identifier: Apache-2.0 */
/* How a test in the same process steers the shim: functions that it looks up in the library. */
#ifndef TESTS_OPENCL_SHIM_H
#define TESTS_OPENCL_SHIM_H

#include <stdint.h>

#pragma GCC visibility push(default)

/* Follows another script from here on (script.h) and counts calls anew; "" is none. */
void shim_begin(const char *script);
/* Calls of a function since then; of all with "*". */
uint64_t shim_calls(const char *name);
/* References that are held to objects of a kind ("context", "queue", "buffer", "program", "kernel", "event", "shared"), or of all ("*"). */
int64_t shim_live(const char *kind);
/* The function in which the script last did something; "" for none. */
const char *shim_failed(void);
/* Ends what hangs or is stuck. */
void shim_let_go(void);

#pragma GCC visibility pop

#endif
