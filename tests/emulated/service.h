/* SPDX-License-Identifier: Apache-2.0 */
/* How the emulated cuBLASLt has work done by the emulated driver: in a stream's order, at device addresses that are checked. */
#ifndef HAL_TESTS_EMULATED_SERVICE_H
#define HAL_TESTS_EMULATED_SERVICE_H

#include <stddef.h>

#include <cuda.h>

enum { HAL_EMULATED_USES = 8 };
typedef struct hal_emulated_use { CUdeviceptr at; size_t bytes; const char *what; } hal_emulated_use;
/* Counts as a launch. `run` gets the host address of each use, NULL for one at 0; `drop` ends what `data` is. */
typedef struct hal_emulated_work {
    const char *name;
    void (*run)(void *data, char *const *at);
    void (*drop)(void *data);
    void *data;
    unsigned n_uses;
    hal_emulated_use use[HAL_EMULATED_USES];
} hal_emulated_work;

#pragma GCC visibility push(default)
/* A call of a library that stands on the driver: counted; what the script answers in its place, or 0. */
int hal_emulated_cuda_asked(const char *call);
/* Says that a use is wrong, as the driver does of its own. */
void hal_emulated_cuda_object(const char *call, const char *text);
/* Takes `data` in any case. */
CUresult hal_emulated_cuda_work(CUstream stream, const char *call, const hal_emulated_work *work);
#pragma GCC visibility pop

#endif
