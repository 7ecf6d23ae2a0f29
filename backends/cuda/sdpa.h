/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sdpa.h - an attention as cuDNN's graph API describes it, and the plan it is run by: one operation (from cuDNN 9.13 on), with
 * a mask as a graph inside it (from 9.21 on). Which engine does it is the library's first choice of those that it can prepare.
 */
#ifndef HAL_BACKENDS_CUDA_SDPA_H
#define HAL_BACKENDS_CUDA_SDPA_H

#include "attention.h"
#include "dnn.h"

typedef struct hal_cuda_sdpa hal_cuda_sdpa;

/* What it is for: the device of a handle, or one that is only described (CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR), by which it can
   be prepared but not run. */
typedef struct hal_cuda_sdpa_target { cudnnHandle_t handle; cudnnBackendDescriptor_t device; } hal_cuda_sdpa_target;

/* NOT_SUPPORTED: no engine does it. */
cudnnStatus_t hal_cuda_sdpa_create(const hal_cuda_dnn_api *api, const hal_cuda_sdpa_target *target,
                                   const hal_cuda_attention *attention, hal_cuda_sdpa **made);
void hal_cuda_sdpa_free(hal_cuda_sdpa *sdpa);
/* The same for the device of `dnn`, where equal attentions have one plan: to make one takes the library about half a second. Given
   back with _put. */
cudnnStatus_t hal_cuda_sdpa_get(hal_cuda_dnn *dnn, const hal_cuda_attention *attention, hal_cuda_sdpa **sdpa);
void hal_cuda_sdpa_put(hal_cuda_dnn *dnn, hal_cuda_sdpa *sdpa);
/* Bytes. */
int64_t hal_cuda_sdpa_workspace(const hal_cuda_sdpa *sdpa);
/* Enqueues it: q, k, v, y and lse are at these addresses of the device. */
cudnnStatus_t hal_cuda_sdpa_run(hal_cuda_dnn *dnn, hal_cuda_sdpa *sdpa, void *const at[5], void *workspace,
                                CUstream stream);

#endif
