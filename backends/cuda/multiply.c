/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Products by cuBLASLt. What it multiplies by is chosen by its heuristic for the shape, once, and once more for each
 * alignment of the operands that occurs: bits hang on those alone. Sums are f32, never of rounded products or of parts that
 * were rounded to the dtype of the result.
 */
#include "multiply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blas.h"
#include "gemm.h"
#include "kernel.h"
#include "taken.h"

/* Below so many products of two elements, a portable kernel is as quick as the call. */
#define LEAST_WORK 32768.0
#define MOST_WORKSPACE (UINT64_C(32) << 20)
/* Bytes: what memory of the device is aligned to, which is more than any choice hangs on; parts of scratch memory. */
enum { BEST_ALIGNMENT = 256, ALIGNMENTS = 9 };

typedef struct choice { bool made; cublasLtMatmulAlgo_t algorithm; } choice;

typedef struct multiply {
    hal_cuda_taken base;
    const hal_cuda_blas *blas;
    hal_cuda_gemm gemm;
    cublasLtMatmulDesc_t operation;
    cublasLtMatrixLayout_t a, b, d;
    /* By the logarithm of what the operands are aligned to. */
    choice choices[ALIGNMENTS];
    uint64_t workspace, workspace_at;
    /* Of the last call. */
    cublasStatus_t code;
} multiply;

#define CALL(expression) \
    do { const cublasStatus_t called = (expression); if (called != CUBLAS_STATUS_SUCCESS) return called; } while (0)

static uint32_t log_of(uint64_t alignment) {
    return (uint32_t)__builtin_ctzll(alignment | BEST_ALIGNMENT);
}

/* -------------------------------------------------------------------------------------- descriptions -- */

static cudaDataType type_of(uint32_t dtype) {
    return dtype == HAL_F16 ? CUDA_R_16F : dtype == HAL_BF16 ? CUDA_R_16BF : CUDA_R_32F;
}

static cublasStatus_t describe_matrix(const multiply *m, const hal_cuda_matrix *from, uint32_t dtype,
                                      cublasLtMatrixLayout_t *to) {
    const hal_cuda_blas_api *api = m->blas->api;
    const int32_t batches = (int32_t)m->gemm.batches;
    CALL(api->cublasLtMatrixLayoutCreate(to, type_of(dtype), (uint64_t)from->rows, (uint64_t)from->columns, from->step));
    if (batches == 1) return CUBLAS_STATUS_SUCCESS;
    CALL(api->cublasLtMatrixLayoutSetAttribute(*to, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &batches, sizeof batches));
    return api->cublasLtMatrixLayoutSetAttribute(*to, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &from->batch,
        sizeof from->batch);
}

static cublasStatus_t describe(multiply *m) {
    const hal_cuda_blas_api *api = m->blas->api;
    const hal_cuda_gemm *g = &m->gemm;
    const int32_t a = g->a.turned ? CUBLAS_OP_T : CUBLAS_OP_N, b = g->b.turned ? CUBLAS_OP_T : CUBLAS_OP_N;
    CALL(api->cublasLtMatmulDescCreate(&m->operation, CUBLAS_COMPUTE_32F, CUDA_R_32F));
    CALL(api->cublasLtMatmulDescSetAttribute(m->operation, CUBLASLT_MATMUL_DESC_TRANSA, &a, sizeof a));
    CALL(api->cublasLtMatmulDescSetAttribute(m->operation, CUBLASLT_MATMUL_DESC_TRANSB, &b, sizeof b));
    CALL(describe_matrix(m, &g->a, g->in, &m->a));
    CALL(describe_matrix(m, &g->b, g->in, &m->b));
    return describe_matrix(m, &g->d, g->out, &m->d);
}

/* ------------------------------------------------------------------------------------------- choosing -- */

static cublasStatus_t prefer(const hal_cuda_blas_api *api, cublasLtMatmulPreference_t to, uint64_t workspace,
                             uint32_t alignment) {
    static const cublasLtMatmulPreferenceAttributes_t operands[] = {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES,
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES,
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES};
    const uint32_t parts = CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;
    for (int i = 0; i < 4; i++)
        CALL(api->cublasLtMatmulPreferenceSetAttribute(to, operands[i], &alignment, sizeof alignment));
    CALL(api->cublasLtMatmulPreferenceSetAttribute(to, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, &parts, sizeof parts));
    return api->cublasLtMatmulPreferenceSetAttribute(to, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &workspace,
        sizeof workspace);
}

static cublasStatus_t ask(const multiply *m, uint64_t workspace, uint32_t alignment,
                          cublasLtMatmulHeuristicResult_t *best) {
    const hal_cuda_blas_api *api = m->blas->api;
    cublasLtMatmulPreference_t preference = NULL;
    int found = 0;
    cublasStatus_t code = api->cublasLtMatmulPreferenceCreate(&preference);
    if (code != CUBLAS_STATUS_SUCCESS) return code;
    code = prefer(api, preference, workspace, alignment);
    if (code == CUBLAS_STATUS_SUCCESS) code = api->cublasLtMatmulAlgoGetHeuristic(m->blas->handle, m->operation, m->a, m->b,
        m->d, m->d, preference, 1, best, &found);
    api->cublasLtMatmulPreferenceDestroy(preference);
    if (code == CUBLAS_STATUS_SUCCESS && found < 1) code = CUBLAS_STATUS_NOT_SUPPORTED;
    return code == CUBLAS_STATUS_SUCCESS ? best->state : code;
}

/* *used: bytes of workspace, at most `workspace`. */
static cublasStatus_t choose(multiply *m, uint32_t log, uint64_t workspace, uint64_t *used) {
    cublasLtMatmulHeuristicResult_t best = {0};
    CALL(ask(m, workspace, 1u << log, &best));
    m->choices[log] = (choice){.made = true, .algorithm = best.algo};
    if (best.workspaceSize > *used) *used = best.workspaceSize;
    return CUBLAS_STATUS_SUCCESS;
}

/* For the alignment that is likely, and for none, which serves in every case where the library has that. */
static cublasStatus_t prepare(multiply *m, uint32_t likely) {
    const uint32_t least = log_of(hal_element_width(m->gemm.in));
    CALL(describe(m));
    CALL(choose(m, likely, MOST_WORKSPACE, &m->workspace));
    if (m->choices[least].made) return CUBLAS_STATUS_SUCCESS;
    const cublasStatus_t code = choose(m, least, MOST_WORKSPACE, &m->workspace);
    return code == CUBLAS_STATUS_NOT_SUPPORTED ? CUBLAS_STATUS_SUCCESS : code;
}

/* What is met for the first time has to do with the workspace that there is. NULL: there is none for such addresses. */
static const cublasLtMatmulAlgo_t *algorithm_for(multiply *m, uint64_t addresses) {
    const uint32_t least = log_of(hal_element_width(m->gemm.in)), log = log_of(addresses);
    uint64_t used = 0;
    if (!m->choices[log].made && choose(m, log, m->workspace, &used) != CUBLAS_STATUS_SUCCESS)
        m->choices[log] = m->choices[least];
    return m->choices[log].made ? &m->choices[log].algorithm : NULL;
}

/* ---------------------------------------------------------------------------------- create and free -- */

static void multiply_free(hal_cuda_taken *taken) {
    multiply *m = (multiply *)taken;
    const hal_cuda_blas_api *api = m->blas->api;
    if (m->d) api->cublasLtMatrixLayoutDestroy(m->d);
    if (m->b) api->cublasLtMatrixLayoutDestroy(m->b);
    if (m->a) api->cublasLtMatrixLayoutDestroy(m->a);
    if (m->operation) api->cublasLtMatmulDescDestroy(m->operation);
    free(m);
}

/* -------------------------------------------------------------------------------------------- running -- */

static CUresult meaning(cublasStatus_t code) {
    switch (code) {
    case CUBLAS_STATUS_SUCCESS: return CUDA_SUCCESS;
    case CUBLAS_STATUS_ALLOC_FAILED: return CUDA_ERROR_OUT_OF_MEMORY;
    case CUBLAS_STATUS_NOT_SUPPORTED: return CUDA_ERROR_NOT_SUPPORTED;
    default: return CUDA_ERROR_UNKNOWN;
    }
}

#define AT(address) ((void *)(uintptr_t)(address))

static CUresult run(const hal_cuda_launch *l, CUstream stream) {
    static const float one = 1, zero = 0;
    multiply *m = (multiply *)l->taken;
    const uint64_t a = hal_cuda_taken_address(l, m->gemm.first), b = hal_cuda_taken_address(l, m->gemm.second);
    const uint64_t work = hal_cuda_taken_address(l, m->base.n_operands);
    const uint64_t d = m->gemm.joined ? work : hal_cuda_taken_address(l, 2);
    const cublasLtMatmulAlgo_t *algorithm = algorithm_for(m, a | b | d);
    void *workspace = m->workspace ? AT(work + m->workspace_at) : NULL;
    m->code = !algorithm ? CUBLAS_STATUS_NOT_SUPPORTED : m->blas->api->cublasLtMatmul(m->blas->handle, m->operation, &one,
        AT(a), m->a, AT(b), m->b, &zero, AT(d), m->d, AT(d), m->d, algorithm, workspace, m->workspace, stream);
    return meaning(m->code);
}

static hal_status fail(hal_cuda_device *d, const hal_cuda_launch *l, CUstream stream, CUresult e) {
    const multiply *m = (const multiply *)l->taken;
    char what[80];
    snprintf(what, sizeof what, "cublasLtMatmul of %lld x %lld results", (long long)m->gemm.d.columns,
        (long long)m->gemm.d.rows);
    return hal_cuda_taken_fail(d, stream, e, what, hal_cuda_blas_name(m->code), (int)m->code,
        "HAL_CUDA_BLAS=off goes without it");
}

static const hal_cuda_taking by_cublaslt = {"cublasLtMatmul", multiply_free, run, fail};

/* -------------------------------------------------------------------------------------------- taking -- */

/* Where a call of hal's scratch memory stands: its parts are aligned well enough for any choice. */
static uint64_t scratch(hal_portable_call *call, uint64_t bytes) {
    return bytes ? hal_portable_scratch(call, (bytes + BEST_ALIGNMENT - 1) / BEST_ALIGNMENT * BEST_ALIGNMENT) : 0;
}

/* What operands of the step are aligned to where bindings are as memory of the device is. */
static uint32_t likely_of(const hal_cuda_program *p, uint32_t step, const hal_cuda_gemm *g) {
    const hal_description *d = p->chain->description;
    const hal_description_op *op = &hal_description_ops(d)[p->chain->steps[step].op];
    const uint64_t out = g->joined ? 0 : hal_description_operand(d, op, op->n_in)->offset;
    return log_of(hal_description_operand(d, op, 0)->offset | hal_description_operand(d, op, 1)->offset | out);
}

static hal_status refuse(const hal_cuda_device *d, cublasStatus_t code) {
    return d->host->fail(d->host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_INTERNAL), code,
        "%s: cuBLASLt does not prepare a product: %s (%d); HAL_CUDA_BLAS=off goes without it", d->who,
        hal_cuda_blas_name(code), code);
}

/* NULL in *made: the library does not multiply such matrices. */
static hal_status create(hal_cuda_program *p, uint32_t step, const hal_cuda_blas *blas, const hal_cuda_gemm *g,
                         multiply **made) {
    multiply *m = calloc(1, sizeof *m);
    if (!m) return hal_cuda_no_memory(p->device->host, "a product");
    m->base = (hal_cuda_taken){.by = &by_cublaslt, .n_operands = g->joined ? 2 : 3, .operand = {0, 1}};
    m->blas = blas;
    memcpy(&m->gemm, g, sizeof *g);
    const cublasStatus_t code = prepare(m, likely_of(p, step, g));
    if (code == CUBLAS_STATUS_SUCCESS) *made = m;
    else multiply_free(&m->base);
    return code == CUBLAS_STATUS_SUCCESS || code == CUBLAS_STATUS_NOT_SUPPORTED ? HAL_OK : refuse(p->device, code);
}

/* The step has its product from the last plan, or gets a new one. */
static hal_status keep_or_create(hal_cuda_program *p, uint32_t step, const hal_cuda_gemm *g, multiply **product) {
    hal_cuda_launch *l = hal_cuda_kernel_at(p, step);
    if (!l) return hal_cuda_no_memory(p->device->host, "the launches of a program");
    multiply *had = l->taken && l->taken->by == &by_cublaslt ? (multiply *)l->taken : NULL;
    if (!had || memcmp(&had->gemm, g, sizeof *g) != 0) {
        multiply *fresh = NULL;
        const hal_cuda_blas *blas = hal_cuda_blas_get(p->device);
        if (blas) HAL_TRY(create(p, step, blas, g, &fresh));
        hal_cuda_kernel_become(p->device, l, fresh ? &fresh->base : NULL);
    }
    *product = (multiply *)l->taken;
    return HAL_OK;
}

hal_status hal_cuda_multiply_take(void *program, uint32_t step, hal_portable_call *call, bool *taken) {
    hal_cuda_program *p = program;
    const hal_cuda_state *state = p->device->state;
    hal_cuda_gemm g;
    multiply *m = NULL;
    const bool fits = state->blas != HAL_CUDA_BLAS_OFF && hal_cuda_gemm_make(call, &g) && g.batches <= INT32_MAX;
    if (fits && (state->blas == HAL_CUDA_BLAS_ALL || hal_cuda_gemm_work(&g) >= LEAST_WORK))
        HAL_TRY(keep_or_create(p, step, &g, &m));
    if (m) p->device->products++;
    else p->device->products_left++;
    if (!m) return HAL_OK;
    m->base.operand[2] = call->n_in;
    scratch(call, g.joined ? hal_cuda_gemm_bytes(&g) : 0);
    m->workspace_at = scratch(call, m->workspace);
    if (g.joined) hal_portable_plan_epilogue(call, g.out, 0);
    *taken = true;
    return HAL_OK;
}
