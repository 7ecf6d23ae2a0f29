/* SPDX-License-Identifier: Apache-2.0 */
#include "dnn.h"

#include <stdio.h>
#include <stdlib.h>

#include "attend.h"
#include "library.h"

/* Once a process: what is not there is looked for again only by the next one. */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static hal_cuda_dnn_api api;
static bool there;
static char reason[400];

static void load(void) {
    void *library = hal_cuda_library_open("libcudnn.so.9 libcudnn_graph.so.9", reason, sizeof reason);
    if (!library) return;
#define FUNCTION(name) if (!(*(void **)&api.name = hal_cuda_library_function(library, #name, reason, sizeof reason))) return;
    HAL_CUDA_DNN_FUNCTIONS(FUNCTION)
#undef FUNCTION
    there = true;
}

const hal_cuda_dnn_api *hal_cuda_dnn_load(const char **why) {
    pthread_once(&once, load);
    *why = reason;
    return there ? &api : NULL;
}

/* ---------------------------------------------------------------------------------------- of a device -- */

void hal_cuda_dnn_note(const hal_cuda_device *d, const char *why) {
    char text[1000];
    snprintf(text, sizeof text, "%s: attention runs on hal's own kernels: cuDNN: %s", d->who, why);
    hal_cuda_library_note(d->host, text);
}

static hal_cuda_dnn *create(hal_cuda_device *d) {
    const char *why;
    const hal_cuda_dnn_api *of = hal_cuda_dnn_load(&why);
    hal_cuda_dnn *dnn = of ? calloc(1, sizeof *dnn) : NULL;
    cudnnStatus_t code = CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED;
    if (dnn) code = of->cudnnCreate(&dnn->handle);
    if (code == CUDNN_STATUS_SUCCESS) {
        dnn->api = of;
        pthread_mutex_init(&dnn->lock, NULL);
        return dnn;
    }
    free(dnn);
    hal_cuda_dnn_note(d, of ? of->cudnnGetErrorString(code) : why);
    return NULL;
}

hal_cuda_dnn *hal_cuda_dnn_get(hal_cuda_device *d) {
    pthread_mutex_lock(&d->build);
    if (!d->dnn && !d->dnnless) {
        d->dnn = create(d);
        d->dnnless = !d->dnn;
    }
    pthread_mutex_unlock(&d->build);
    return d->dnn;
}

void hal_cuda_attend_close(hal_cuda_device *d) {
    if (!d->dnn) return;
    d->dnn->api->cudnnDestroy(d->dnn->handle);
    pthread_mutex_destroy(&d->dnn->lock);
    free(d->dnn);
    d->dnn = NULL;
}
