/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors are made one after the other, each of those before it; the first failure ends the making, and every step behind
 * it does nothing. All of them live as long as the plan, and are destroyed from the last to the first.
 */
#include "sdpa.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef cudnnBackendDescriptor_t descriptor;

enum { MOST_DESCRIPTORS = 24, CHOICES = 4, MOST_BOUND = 8 };
/* Tensors by their numbers: those that are bound when it runs, of which the first five are operands of the op, and scores. */
enum { Q = 1, K, V, Y, LSE, SCALE, SHIFT, HIDDEN, SCORES, SEEN };

struct hal_cuda_sdpa {
    const hal_cuda_dnn_api *api;
    hal_cuda_sdpa_target target;
    hal_cuda_attention form;
    cudnnStatus_t code;
    uint32_t n;
    descriptor made[MOST_DESCRIPTORS], plan;
    /* Bytes; how many tensors are bound. */
    int64_t workspace, bound;
    /* Of the tensors that are passed. */
    float scale, hidden;
    int32_t shift;
    /* Of a device's plans. */
    uint32_t users;
    hal_cuda_sdpa *next;
};

/* ------------------------------------------------------------------------------------------ descriptors -- */

static bool is_well(const hal_cuda_sdpa *s) { return s->code == CUDNN_STATUS_SUCCESS; }

static descriptor begin(hal_cuda_sdpa *s, cudnnBackendDescriptorType_t type) {
    descriptor d = NULL;
    if (is_well(s)) s->code = s->api->cudnnBackendCreateDescriptor(type, &d);
    if (is_well(s)) s->made[s->n++] = d;
    return d;
}

static void set(hal_cuda_sdpa *s, descriptor d, cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, int64_t n,
                const void *values) {
    if (is_well(s)) s->code = s->api->cudnnBackendSetAttribute(d, name, type, n, values);
}

static void join(hal_cuda_sdpa *s, descriptor d, cudnnBackendAttributeName_t name, descriptor other) {
    set(s, d, name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &other);
}

static void end(hal_cuda_sdpa *s, descriptor d) {
    if (is_well(s)) s->code = s->api->cudnnBackendFinalize(d);
}

/* -------------------------------------------------------------------------------------------- tensors -- */

/* Where a tensor is: in memory of the device, a value that the host passes, or nowhere. */
typedef enum place { MEMORY, PASSED, VIRTUAL } place;

static descriptor tensor(hal_cuda_sdpa *s, int64_t number, cudnnDataType_t type, const hal_cuda_axes *axes, place where) {
    const int64_t alignment = type == CUDNN_DATA_HALF || type == CUDNN_DATA_BFLOAT16 ? HAL_CUDA_ATTENTION_ALIGNMENT : 4;
    const bool yes = true;
    const descriptor d = begin(s, CUDNN_BACKEND_TENSOR_DESCRIPTOR);
    set(s, d, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, 1, &number);
    set(s, d, CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &type);
    set(s, d, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, 1, &alignment);
    set(s, d, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 4, axes->size);
    set(s, d, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, 4, axes->stride);
    if (where == PASSED) set(s, d, CUDNN_ATTR_TENSOR_IS_BY_VALUE, CUDNN_TYPE_BOOLEAN, 1, &yes);
    if (where == VIRTUAL) set(s, d, CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, 1, &yes);
    end(s, d);
    return d;
}

static descriptor operand(hal_cuda_sdpa *s, int64_t number, const hal_cuda_axes *axes) {
    return tensor(s, number, s->form.dtype == HAL_F16 ? CUDNN_DATA_HALF : CUDNN_DATA_BFLOAT16, axes, MEMORY);
}

static descriptor passed(hal_cuda_sdpa *s, int64_t number, cudnnDataType_t type) {
    static const hal_cuda_axes one = {{1, 1, 1, 1}, {1, 1, 1, 1}};
    return tensor(s, number, type, &one, PASSED);
}

static descriptor scores(hal_cuda_sdpa *s, int64_t number) {
    const int64_t b = s->form.q.size[0], h = s->form.q.size[1], rows = s->form.q.size[2], keys = s->form.k.size[2];
    return tensor(s, number, CUDNN_DATA_FLOAT, &(hal_cuda_axes){{b, h, rows, keys}, {h * rows * keys, rows * keys, keys, 1}},
        VIRTUAL);
}

/* ------------------------------------------------------------------------------------------- the graph -- */

static descriptor graph_of(hal_cuda_sdpa *s, descriptor operation) {
    const descriptor d = begin(s, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
    join(s, d, CUDNN_ATTR_OPERATIONGRAPH_OPS, operation);
    if (s->target.handle) set(s, d, CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, 1, &s->target.handle);
    end(s, d);
    return d;
}

/* Scores of row i and column j stay where i + shift >= j, and are -inf elsewhere. */
static void mask(hal_cuda_sdpa *s, descriptor attention) {
    const cudnnPointwiseMode_t compare = CUDNN_POINTWISE_CMP_GE;
    const int64_t in = SCORES, out = SEEN;
    const descriptor from = scores(s, SCORES), to = scores(s, SEEN);
    const descriptor shift = passed(s, SHIFT, CUDNN_DATA_INT32), hidden = passed(s, HIDDEN, CUDNN_DATA_FLOAT);
    const descriptor band = begin(s, CUDNN_BACKEND_OPERATION_DIAGONAL_BAND_MASK_DESCRIPTOR);
    join(s, band, CUDNN_ATTR_OPERATION_DIAGONAL_BAND_MASK_XDESC, from);
    join(s, band, CUDNN_ATTR_OPERATION_DIAGONAL_BAND_MASK_SHIFT_RIGHT_BOUND_DESC, shift);
    join(s, band, CUDNN_ATTR_OPERATION_DIAGONAL_BAND_MASK_BDESC, hidden);
    join(s, band, CUDNN_ATTR_OPERATION_DIAGONAL_BAND_MASK_YDESC, to);
    set(s, band, CUDNN_ATTR_OPERATION_DIAGONAL_BAND_MASK_COMPARISON_MODE, CUDNN_TYPE_POINTWISE_MODE, 1, &compare);
    end(s, band);
    join(s, attention, CUDNN_ATTR_OPERATION_SDPA_FWD_SUBGRAPH, graph_of(s, band));
    set(s, attention, CUDNN_ATTR_OPERATION_SDPA_FWD_SUBGRAPH_INPUT_UID, CUDNN_TYPE_INT64, 1, &in);
    set(s, attention, CUDNN_ATTR_OPERATION_SDPA_FWD_SUBGRAPH_OUTPUT_UID, CUDNN_TYPE_INT64, 1, &out);
}

static descriptor describe(hal_cuda_sdpa *s) {
    const hal_cuda_attention *a = &s->form;
    const descriptor d = begin(s, CUDNN_BACKEND_OPERATION_SDPA_FWD_DESCRIPTOR);
    join(s, d, CUDNN_ATTR_OPERATION_SDPA_FWD_QDESC, operand(s, Q, &a->q));
    join(s, d, CUDNN_ATTR_OPERATION_SDPA_FWD_KDESC, operand(s, K, &a->k));
    join(s, d, CUDNN_ATTR_OPERATION_SDPA_FWD_VDESC, operand(s, V, &a->v));
    join(s, d, CUDNN_ATTR_OPERATION_SDPA_FWD_ODESC, operand(s, Y, &a->y));
    join(s, d, CUDNN_ATTR_OPERATION_SDPA_FWD_STATSDESC, tensor(s, LSE, CUDNN_DATA_FLOAT, &a->lse, MEMORY));
    join(s, d, CUDNN_ATTR_OPERATION_SDPA_FWD_SCALEDESC, passed(s, SCALE, CUDNN_DATA_FLOAT));
    if (a->masked) mask(s, d);
    end(s, d);
    return graph_of(s, d);
}

/* -------------------------------------------------------------------------------------------- the plan -- */

/* The library's choices, the best first; how many there are. */
static int64_t choose(hal_cuda_sdpa *s, descriptor graph, descriptor *choices) {
    const cudnnBackendHeurMode_t mode = CUDNN_HEUR_MODE_A;
    int64_t n = 0;
    const descriptor d = begin(s, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
    join(s, d, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph);
    set(s, d, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode);
    if (s->target.device) join(s, d, CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, s->target.device);
    end(s, d);
    for (int i = 0; i < CHOICES; i++) choices[i] = begin(s, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
    if (is_well(s)) s->code = s->api->cudnnBackendGetAttribute(d, CUDNN_ATTR_ENGINEHEUR_RESULTS,
        CUDNN_TYPE_BACKEND_DESCRIPTOR, CHOICES, &n, choices);
    return n < CHOICES ? n : CHOICES;
}

static void prepare(hal_cuda_sdpa *s, descriptor choice) {
    int64_t n = 0;
    const descriptor d = begin(s, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
    if (s->target.handle) set(s, d, CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, 1, &s->target.handle);
    if (s->target.device) join(s, d, CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, s->target.device);
    join(s, d, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, choice);
    end(s, d);
    if (is_well(s)) s->code = s->api->cudnnBackendGetAttribute(d, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64,
        1, &n, &s->workspace);
    s->plan = d;
}

/* A choice that cannot be prepared on this machine (a part of the library is missing, say) leaves it to the next. */
static void plan(hal_cuda_sdpa *s) {
    descriptor choices[CHOICES] = {NULL};
    const int64_t n = choose(s, describe(s), choices);
    if (is_well(s)) s->code = CUDNN_STATUS_NOT_SUPPORTED;
    else return;
    for (int64_t i = 0; i < n && !is_well(s); i++) {
        s->code = CUDNN_STATUS_SUCCESS;
        prepare(s, choices[i]);
    }
}

cudnnStatus_t hal_cuda_sdpa_create(const hal_cuda_dnn_api *api, const hal_cuda_sdpa_target *target,
                                   const hal_cuda_attention *a, hal_cuda_sdpa **made) {
    hal_cuda_sdpa *s = calloc(1, sizeof *s);
    if (!s) return CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED;
    s->api = api;
    s->target = *target;
    s->form = *a;
    s->bound = a->masked ? HIDDEN : SCALE;
    s->scale = a->scale;
    s->shift = a->shift;
    s->hidden = -INFINITY;
    plan(s);
    const cudnnStatus_t code = s->code;
    if (is_well(s)) *made = s;
    else hal_cuda_sdpa_free(s);
    return code;
}

void hal_cuda_sdpa_free(hal_cuda_sdpa *s) {
    while (s->n > 0) s->api->cudnnBackendDestroyDescriptor(s->made[--s->n]);
    free(s);
}

/* ---------------------------------------------------------------------------------- plans of a device -- */

static cudnnStatus_t find_or_create(hal_cuda_dnn *dnn, const hal_cuda_attention *a, hal_cuda_sdpa **found) {
    const hal_cuda_sdpa_target target = {.handle = dnn->handle};
    for (*found = dnn->plans; *found; *found = (*found)->next)
        if (memcmp(&(*found)->form, a, sizeof *a) == 0) return CUDNN_STATUS_SUCCESS;
    const cudnnStatus_t code = hal_cuda_sdpa_create(dnn->api, &target, a, found);
    if (code != CUDNN_STATUS_SUCCESS) return code;
    (*found)->next = dnn->plans;
    dnn->plans = *found;
    return code;
}

cudnnStatus_t hal_cuda_sdpa_get(hal_cuda_dnn *dnn, const hal_cuda_attention *a, hal_cuda_sdpa **sdpa) {
    hal_cuda_sdpa *found = NULL;
    pthread_mutex_lock(&dnn->lock);
    const cudnnStatus_t code = find_or_create(dnn, a, &found);
    if (code == CUDNN_STATUS_SUCCESS) {
        found->users++;
        *sdpa = found;
    }
    pthread_mutex_unlock(&dnn->lock);
    return code;
}

void hal_cuda_sdpa_put(hal_cuda_dnn *dnn, hal_cuda_sdpa *s) {
    hal_cuda_sdpa **at = &dnn->plans;
    pthread_mutex_lock(&dnn->lock);
    if (--s->users == 0) {
        while (*at != s) at = &(*at)->next;
        *at = s->next;
        hal_cuda_sdpa_free(s);
    }
    pthread_mutex_unlock(&dnn->lock);
}

/* -------------------------------------------------------------------------------------------- running -- */

int64_t hal_cuda_sdpa_workspace(const hal_cuda_sdpa *s) { return s->workspace; }

static cudnnStatus_t run(hal_cuda_sdpa *s, cudnnHandle_t handle, void *const at[5], void *workspace) {
    static const int64_t numbers[MOST_BOUND] = {Q, K, V, Y, LSE, SCALE, SHIFT, HIDDEN};
    void *const pointers[MOST_BOUND] = {at[0], at[1], at[2], at[3], at[4], &s->scale, &s->shift, &s->hidden};
    const uint32_t kept = s->n;
    s->code = CUDNN_STATUS_SUCCESS;
    const descriptor pack = begin(s, CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
    set(s, pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, s->bound, numbers);
    set(s, pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, s->bound, pointers);
    set(s, pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &workspace);
    end(s, pack);
    if (is_well(s)) s->code = s->api->cudnnBackendExecute(handle, s->plan, pack);
    while (s->n > kept) s->api->cudnnBackendDestroyDescriptor(s->made[--s->n]);
    return s->code;
}

cudnnStatus_t hal_cuda_sdpa_run(hal_cuda_dnn *dnn, hal_cuda_sdpa *s, void *const at[5], void *workspace, CUstream stream) {
    pthread_mutex_lock(&dnn->lock);
    cudnnStatus_t code = dnn->api->cudnnSetStream(dnn->handle, stream);
    if (code == CUDNN_STATUS_SUCCESS) code = run(s, dnn->handle, at, workspace);
    pthread_mutex_unlock(&dnn->lock);
    return code;
}
