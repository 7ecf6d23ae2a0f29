/* SPDX-License-Identifier: Apache-2.0 */
/* cuDNN: its functions, found when a device first has an attention for it. Only what is built with its header sees this. */
#ifndef HAL_BACKENDS_CUDA_DNN_H
#define HAL_BACKENDS_CUDA_DNN_H

#include <cudnn.h>

#include "driver.h"

typedef struct hal_cuda_dnn_api {
#define HAL_CUDA_DNN_FUNCTIONS(X) \
    X(cudnnCreate) X(cudnnDestroy) X(cudnnSetStream) X(cudnnGetErrorString) X(cudnnGetLastErrorString) \
    X(cudnnBackendCreateDescriptor) X(cudnnBackendDestroyDescriptor) X(cudnnBackendSetAttribute) \
    X(cudnnBackendGetAttribute) X(cudnnBackendFinalize) X(cudnnBackendExecute)
#define HAL_CUDA_DNN_MEMBER(name) __typeof__(&name) name;
    HAL_CUDA_DNN_FUNCTIONS(HAL_CUDA_DNN_MEMBER)
#undef HAL_CUDA_DNN_MEMBER
} hal_cuda_dnn_api;

struct hal_cuda_dnn {
    const hal_cuda_dnn_api *api;
    cudnnHandle_t handle;
    /* Guards the plans that steps of programs have in common, and the handle, which has one stream at a time. */
    pthread_mutex_t lock;
    struct hal_cuda_sdpa *plans;
};

/* Once a process; NULL: `why` says why it cannot be had. */
const hal_cuda_dnn_api *hal_cuda_dnn_load(const char **why);
/* The device's, made on first use; NULL: there is no such library, or it does not start here, which is noted in the trace
   once. Under the context. */
hal_cuda_dnn *hal_cuda_dnn_get(hal_cuda_device *device);
/* Notes in the trace why attention is left to hal's own kernels. */
void hal_cuda_dnn_note(const hal_cuda_device *device, const char *why);

#endif
