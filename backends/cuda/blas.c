/* SPDX-License-Identifier: Apache-2.0 */
#include "blas.h"

#include <stdio.h>
#include <stdlib.h>

#include "library.h"
#include "multiply.h"

/* Once a process: what is not there is looked for again only by the next one. */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static hal_cuda_blas_api api;
static bool there;
static char reason[400];

static void load(void) {
    void *library = hal_cuda_library_open("libcublasLt.so.13 libcublasLt.so.12", reason, sizeof reason);
    if (!library) return;
#define FUNCTION(name) if (!(*(void **)&api.name = hal_cuda_library_function(library, #name, reason, sizeof reason))) return;
    HAL_CUDA_BLAS_FUNCTIONS(FUNCTION)
#undef FUNCTION
    there = true;
}

const char *hal_cuda_blas_name(cublasStatus_t code) {
    switch ((int)code) {
#define NAME(code) case code: return #code;
    NAME(CUBLAS_STATUS_SUCCESS) NAME(CUBLAS_STATUS_NOT_INITIALIZED) NAME(CUBLAS_STATUS_ALLOC_FAILED)
    NAME(CUBLAS_STATUS_INVALID_VALUE) NAME(CUBLAS_STATUS_ARCH_MISMATCH) NAME(CUBLAS_STATUS_MAPPING_ERROR)
    NAME(CUBLAS_STATUS_EXECUTION_FAILED) NAME(CUBLAS_STATUS_INTERNAL_ERROR) NAME(CUBLAS_STATUS_NOT_SUPPORTED)
#undef NAME
    default: return "a status of cuBLASLt";
    }
}

/* ---------------------------------------------------------------------------------------- of a device -- */

static void note(const hal_cuda_device *d, const char *why) {
    char text[600];
    snprintf(text, sizeof text, "%s: products run on portable kernels: cuBLASLt: %s; install a CUDA toolkit, or the Python "
        "package nvidia-cublas", d->who, why);
    hal_cuda_library_note(d->host, text);
}

static hal_cuda_blas *create(hal_cuda_device *d) {
    pthread_once(&once, load);
    hal_cuda_blas *b = there ? calloc(1, sizeof *b) : NULL;
    cublasStatus_t code = CUBLAS_STATUS_ALLOC_FAILED;
    if (b) code = api.cublasLtCreate(&b->handle);
    if (code == CUBLAS_STATUS_SUCCESS) {
        b->api = &api;
        return b;
    }
    free(b);
    note(d, there ? hal_cuda_blas_name(code) : reason);
    return NULL;
}

const hal_cuda_blas *hal_cuda_blas_get(hal_cuda_device *d) {
    pthread_mutex_lock(&d->build);
    if (!d->blas && !d->blasless) {
        d->blas = create(d);
        d->blasless = !d->blas;
    }
    pthread_mutex_unlock(&d->build);
    return d->blas;
}

void hal_cuda_multiply_close(hal_cuda_device *d) {
    if (d->blas) api.cublasLtDestroy(d->blas->handle);
    free(d->blas);
    d->blas = NULL;
}
