/* SPDX-License-Identifier: Apache-2.0 */
/* Attention by cuDNN. Its plan is made when a program is planned, for the sizes of then, and kept while they stay. */
#include "attend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel.h"
#include "sdpa.h"
#include "taken.h"

/* Bytes that a workspace is aligned to. */
enum { WORKSPACE_ALIGNMENT = 256, OPERANDS = 5 };

typedef struct attend {
    hal_cuda_taken base;
    hal_cuda_dnn *dnn;
    hal_cuda_attention form;
    hal_cuda_sdpa *plan;
    uint64_t workspace_at;
    /* Of the last run. */
    cudnnStatus_t code;
} attend;

static void attend_free(hal_cuda_taken *taken) {
    attend *a = (attend *)taken;
    if (a->plan) hal_cuda_sdpa_put(a->dnn, a->plan);
    free(a);
}

/* -------------------------------------------------------------------------------------------- running -- */

static CUresult meaning(cudnnStatus_t code) {
    switch ((int)code) {
    case CUDNN_STATUS_SUCCESS: return CUDA_SUCCESS;
    case CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED:
    case CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED: return CUDA_ERROR_OUT_OF_MEMORY;
    case CUDNN_STATUS_BAD_PARAM_MISALIGNED_POINTER: return CUDA_ERROR_NOT_SUPPORTED;
    default: return CUDA_ERROR_UNKNOWN;
    }
}

static CUresult run(const hal_cuda_launch *l, CUstream stream) {
    attend *a = (attend *)l->taken;
    const uint64_t work = hal_cuda_taken_address(l, OPERANDS) + a->workspace_at;
    const uint64_t aligned = (work + WORKSPACE_ALIGNMENT - 1) / WORKSPACE_ALIGNMENT * WORKSPACE_ALIGNMENT;
    void *at[OPERANDS];
    uint64_t all = 0;
    for (uint32_t i = 0; i < OPERANDS; i++) {
        const uint64_t address = hal_cuda_taken_address(l, i);
        at[i] = (void *)(uintptr_t)address;
        if (i + 1 < OPERANDS) all |= address;
    }
    a->code = all % HAL_CUDA_ATTENTION_ALIGNMENT ? CUDNN_STATUS_BAD_PARAM_MISALIGNED_POINTER
        : hal_cuda_sdpa_run(a->dnn, a->plan, at, hal_cuda_sdpa_workspace(a->plan) ? (void *)(uintptr_t)aligned : NULL,
            stream);
    return meaning(a->code);
}

static hal_status fail(hal_cuda_device *d, const hal_cuda_launch *l, CUstream stream, CUresult e) {
    const attend *a = (const attend *)l->taken;
    const int64_t *q = a->form.q.size;
    char what[160];
    snprintf(what, sizeof what, "attention by cuDNN of %lld x %lld x %lld queries of %lld", (long long)q[0], (long long)q[1],
        (long long)q[2], (long long)q[3]);
    return hal_cuda_taken_fail(d, stream, e, what, a->dnn->api->cudnnGetErrorString(a->code), (int)a->code,
        "HAL_CUDA_ATTENTION=own goes without it");
}

static const hal_cuda_taking by_cudnn = {"cudnnBackendExecute", attend_free, run, fail};

/* --------------------------------------------------------------------------------------------- taking -- */

/* Whether its own kernels are to do what the library answers so: it knows no such attention, or no such descriptor. */
static bool is_left(cudnnStatus_t code) {
    const int category = CUDNN_STATUS_CATEGORY((int)code);
    return category == CUDNN_STATUS_BAD_PARAM || category == CUDNN_STATUS_NOT_SUPPORTED;
}

static void note(const hal_cuda_device *d, const hal_cuda_dnn *dnn, cudnnStatus_t code) {
    char said[500] = "", why[700];
    dnn->api->cudnnGetLastErrorString(said, sizeof said);
    snprintf(why, sizeof why, "%s (%d) %s", dnn->api->cudnnGetErrorString(code), (int)code, said);
    hal_cuda_dnn_note(d, why);
}

static hal_status refuse(const hal_cuda_device *d, const hal_cuda_dnn *dnn, cudnnStatus_t code) {
    return d->host->fail(d->host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_INTERNAL), (int)code,
        "%s: cuDNN does not prepare an attention: %s (%d); HAL_CUDA_ATTENTION=own goes without it", d->who,
        dnn->api->cudnnGetErrorString(code), (int)code);
}

/* NULL in *made: the library does not do such an attention. */
static hal_status create(const hal_cuda_device *d, hal_cuda_dnn *dnn, const hal_cuda_attention *form, attend **made) {
    attend *a = calloc(1, sizeof *a);
    if (!a) return hal_cuda_no_memory(d->host, "an attention");
    a->base = (hal_cuda_taken){.by = &by_cudnn, .n_operands = OPERANDS, .operand = {0, 1, 2}};
    a->dnn = dnn;
    memcpy(&a->form, form, sizeof *form);
    const cudnnStatus_t code = hal_cuda_sdpa_get(dnn, form, &a->plan);
    if (code == CUDNN_STATUS_SUCCESS) {
        *made = a;
        return HAL_OK;
    }
    attend_free(&a->base);
    if (!is_left(code)) return refuse(d, dnn, code);
    note(d, dnn, code);
    return HAL_OK;
}

/* The step has its attention from the last plan, or gets a new one. */
static hal_status keep_or_create(hal_cuda_program *p, uint32_t step, const hal_cuda_attention *form, attend **attention) {
    hal_cuda_launch *l = hal_cuda_kernel_at(p, step);
    if (!l) return hal_cuda_no_memory(p->device->host, "the launches of a program");
    attend *had = l->taken && l->taken->by == &by_cudnn ? (attend *)l->taken : NULL;
    if (!had || memcmp(&had->form, form, sizeof *form) != 0) {
        attend *fresh = NULL;
        hal_cuda_dnn *dnn = hal_cuda_dnn_get(p->device);
        if (dnn) HAL_TRY(create(p->device, dnn, form, &fresh));
        hal_cuda_kernel_become(p->device, l, fresh ? &fresh->base : NULL);
    }
    *attention = (attend *)l->taken;
    return HAL_OK;
}

/* Where operands of the step begin in their bindings: what is not aligned there never is. */
static bool is_aligned(const hal_cuda_program *p, uint32_t step) {
    const hal_description *d = p->chain->description;
    const hal_description_op *op = &hal_description_ops(d)[p->chain->steps[step].op];
    uint64_t all = hal_description_operand(d, op, op->n_in)->offset;
    for (uint32_t i = 0; i < 3; i++) all |= hal_description_operand(d, op, i)->offset;
    return all % HAL_CUDA_ATTENTION_ALIGNMENT == 0;
}

hal_status hal_cuda_attend_take(void *program, uint32_t step, hal_portable_call *call, bool *taken) {
    hal_cuda_program *p = program;
    hal_cuda_attention form;
    attend *a = NULL;
    if (p->device->state->dnn && is_aligned(p, step) && hal_cuda_attention_make(call, &form))
        HAL_TRY(keep_or_create(p, step, &form, &a));
    if (a) p->device->attentions++;
    else p->device->attentions_left++;
    if (!a) return HAL_OK;
    const int64_t workspace = hal_cuda_sdpa_workspace(a->plan);
    a->base.operand[3] = call->n_in;
    a->base.operand[4] = call->n_in + 1;
    if (workspace > 0) a->workspace_at = hal_portable_scratch(call, (uint64_t)workspace + WORKSPACE_ALIGNMENT);
    *taken = true;
    return HAL_OK;
}
