/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the shim is told to do: words with commas between them, in HAL_TEST_ICD or given to shim_begin.
 *
 *   NAME@K=CODE    the K-th call of NAME, or of any function where NAME is *, answers CODE instead of being made
 *   NAME@K+=CODE   that one and all later ones
 *   ...=hang       the call hangs until the file of `until` appears, or shim_let_go
 *   ...=stuck      commands that are enqueued from this one on do not begin until then
 *   ...=abort      the process dies in the call; the word `abort` alone: where the library is loaded
 *   until=PATH     see hang
 *   callback=never no event calls back; callback=CODE: events call back with that fate
 *   broken         the text of programs is replaced by one that does not compile
 *   block=N local=N group=N memory=N fp64=0 fp16=0 version=12    the device says that it has no more than that
 */
#ifndef TESTS_OPENCL_SCRIPT_H
#define TESTS_OPENCL_SCRIPT_H

#include <stdbool.h>
#include <stdint.h>

/* Limits of the device; -1 where the script says nothing. */
typedef enum limit { LIMIT_BLOCK, LIMIT_LOCAL, LIMIT_GROUP, LIMIT_MEMORY, LIMIT_FP64, LIMIT_FP16, LIMIT_VERSION, LIMITS } limit;
int64_t script_limit(limit which);

/* Forgets the last script and all counts. */
void script_read(const char *text);

/* To be called with each call's name and number, which is its place in calls.def: 0, the code to answer, or SCRIPT_STUCK. */
enum { SCRIPT_STUCK = 1, SCRIPT_CALLS = 80 };
int script_enter(const char *name, unsigned number);
/* How often the call was made; `number` SCRIPT_CALLS: any. */
uint64_t script_calls(unsigned number);
/* The function in which the script last did something; "" for none. */
const char *script_failed(void);

/* Ends hangs. */
void script_let_go(void);

/* 0: events call back as they do; 1: never; negative: with this fate. */
int script_callback(void);
bool script_breaks_sources(void);

#endif
