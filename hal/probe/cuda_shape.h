/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runtimes made after the CUDA driver: HIP, and those of others that keep its functions under names of their own. A vendor's
 * file declares the names and says what differs; the devices are read here, without a context.
 */
#ifndef HAL_PROBE_CUDA_SHAPE_H
#define HAL_PROBE_CUDA_SHAPE_H

#include "hal/probe/child.h"

/* The calls, each 0 when it went well. Devices are what `get` gives for an index. */
typedef struct hal_cuda_calls {
    int (*init)(unsigned);
    int (*count)(int *), (*get)(int *, int);
    int (*name)(char *, int, int), (*address)(char *, int, int);
    int (*memory)(size_t *, int);
    int (*peer)(int *, int, int); /* may be NULL */
} hal_cuda_calls;

typedef struct hal_cuda_shape {
    const char *api;               /* of the records: "cuda" */
    const char *init, *count;      /* what errors call these two */
    const hal_cuda_calls *calls;
    int none, mismatch;            /* errors: there is no device; the kernel driver is of another release */
    const char *(*meaning)(int e); /* of an error; may answer NULL */
    void (*begun)(hal_answer *library);               /* what can be asked once `init` went well; may be NULL */
    void (*complete)(int device, hal_answer *answer); /* what only this runtime tells of a device */
} hal_cuda_shape;

/* Initialises the runtime and prints its devices and which pairs reach each other. */
hal_library_state hal_cuda_shape_ask(const hal_cuda_shape *shape, hal_answer *library);

#endif
