/* SPDX-License-Identifier: Apache-2.0 */
/* cuBLASLt: its functions, found when a device first has a product for it. Only what is built with its header sees this. */
#ifndef HAL_BACKENDS_CUDA_BLAS_H
#define HAL_BACKENDS_CUDA_BLAS_H

#include <cublasLt.h>

#include "driver.h"

typedef struct hal_cuda_blas_api {
#define HAL_CUDA_BLAS_FUNCTIONS(X) \
    X(cublasLtCreate) X(cublasLtDestroy) X(cublasLtMatmulDescCreate) X(cublasLtMatmulDescDestroy) \
    X(cublasLtMatmulDescSetAttribute) X(cublasLtMatrixLayoutCreate) X(cublasLtMatrixLayoutDestroy) \
    X(cublasLtMatrixLayoutSetAttribute) X(cublasLtMatmulPreferenceCreate) X(cublasLtMatmulPreferenceDestroy) \
    X(cublasLtMatmulPreferenceSetAttribute) X(cublasLtMatmulAlgoGetHeuristic) X(cublasLtMatmul)
#define HAL_CUDA_BLAS_MEMBER(name) __typeof__(&name) name;
    HAL_CUDA_BLAS_FUNCTIONS(HAL_CUDA_BLAS_MEMBER)
#undef HAL_CUDA_BLAS_MEMBER
} hal_cuda_blas_api;

struct hal_cuda_blas { const hal_cuda_blas_api *api; cublasLtHandle_t handle; };

/* The device's, made on first use; NULL: there is no such library, or it does not start here, which is noted in the trace
   once. Under the context. */
const hal_cuda_blas *hal_cuda_blas_get(hal_cuda_device *device);
/* "CUBLAS_STATUS_NOT_SUPPORTED". */
const char *hal_cuda_blas_name(cublasStatus_t code);

#endif
