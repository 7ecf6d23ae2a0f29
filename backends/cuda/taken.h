/* SPDX-License-Identifier: Apache-2.0 */
/* Steps of a program that a vendor's library does: what the launches of a program know of them, whichever library it is. */
#ifndef HAL_BACKENDS_CUDA_TAKEN_H
#define HAL_BACKENDS_CUDA_TAKEN_H

#include "driver.h"

enum { HAL_CUDA_MOST_TAKEN = 5 };

typedef struct hal_cuda_taking {
    /* The call that does it: "cublasLtMatmul". */
    const char *name;
    void (*free)(hal_cuda_taken *taken);
    /* Enqueues the launch's. What failed is kept for `fail`; a code of the library that the driver has none for is
       CUDA_ERROR_UNKNOWN. */
    CUresult (*run)(const hal_cuda_launch *launch, CUstream stream);
    /* The failure of a step, with the library's code; the driver is asked whether the device is lost. */
    hal_status (*fail)(hal_cuda_device *device, const hal_cuda_launch *launch, CUstream stream, CUresult code);
} hal_cuda_taking;

/* What each such step begins with: the parameters of its launch are a base and an offset each of these operands of its op, and
   of scratch memory. */
struct hal_cuda_taken { const hal_cuda_taking *by; uint32_t n_operands, operand[HAL_CUDA_MOST_TAKEN]; };

/* hal_portable_driver.take. `program` is a hal_cuda_program. */
hal_status hal_cuda_taken_ask(void *program, uint32_t step, hal_portable_call *call, bool *taken);
void hal_cuda_taken_free(hal_cuda_taken *taken);
/* Of operand `i` of those, or of scratch memory, which follows them. */
uint64_t hal_cuda_taken_address(const hal_cuda_launch *launch, uint32_t i);
/* What a library's code `name` (`code`) means for `what`: the device's loss, or a failure with this advice. */
hal_status hal_cuda_taken_fail(hal_cuda_device *device, CUstream stream, CUresult meaning, const char *what,
                               const char *name, int code, const char *advice);

#endif
