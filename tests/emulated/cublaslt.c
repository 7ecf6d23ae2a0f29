/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of cuBLASLt that hal calls, for the emulated driver. It is as particular as the real one is allowed to be: sizes
 * of attributes, shapes, leading dimensions, alignments that an algorithm was chosen for, and its workspace are looked at.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#pragma GCC visibility push(default)
#include <cublasLt.h>
#pragma GCC visibility pop

#include <hal/ops.h>

#include "gemm.h"
#include "ops/portable/hash.h"
#include "service.h"

enum { HANDLE = 0x48414c31, MATRIX, DESCRIPTION, PREFERENCE, WORKSPACE = 4096 };

typedef struct handle { uint32_t kind; } handle;
typedef struct matrix {
    uint32_t kind;
    int32_t type, order, batch;
    uint32_t mode;
    uint64_t rows, cols;
    int64_t ld, stride;
} matrix;
typedef struct description {
    uint32_t kind;
    int32_t compute, scale, pointers, op_a, op_b, op_c, fill, bias_type, aux_type, processors;
    uint32_t epilogue;
    int64_t bias_stride, aux_ld, aux_stride;
    void *bias, *aux;
} description;
typedef struct preference { uint32_t kind, search, reductions, align[4], implementations; float waves;
    uint64_t workspace; } preference;

/* What an algorithm was chosen for. */
typedef struct algorithm { uint64_t mark, high, low, workspace; uint32_t align[4]; uint64_t unused[2]; } algorithm;
_Static_assert(sizeof(algorithm) == sizeof(cublasLtMatmulAlgo_t), "an algorithm is passed by its bytes");

#define ASKED() \
    do { const int told = hal_emulated_cuda_asked(__func__); if (told) return (cublasStatus_t)told; } while (0)

static cublasStatus_t wrong(const char *call, const char *text) {
    hal_emulated_cuda_object(call, text);
    return CUBLAS_STATUS_INVALID_VALUE;
}

/* -------------------------------------------------------------------------------------------- attributes -- */

typedef struct attribute { int name; size_t at, bytes; } attribute;
#define ROW(name, type, member) {name, offsetof(type, member), sizeof(((type *)0)->member)}

static const attribute matrix_attributes[] = {
    ROW(CUBLASLT_MATRIX_LAYOUT_TYPE, matrix, type), ROW(CUBLASLT_MATRIX_LAYOUT_ORDER, matrix, order),
    ROW(CUBLASLT_MATRIX_LAYOUT_ROWS, matrix, rows), ROW(CUBLASLT_MATRIX_LAYOUT_COLS, matrix, cols),
    ROW(CUBLASLT_MATRIX_LAYOUT_LD, matrix, ld), ROW(CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, matrix, batch),
    ROW(CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, matrix, stride), {-1, 0, 0}};
static const attribute description_attributes[] = {
    ROW(CUBLASLT_MATMUL_DESC_COMPUTE_TYPE, description, compute), ROW(CUBLASLT_MATMUL_DESC_SCALE_TYPE, description, scale),
    ROW(CUBLASLT_MATMUL_DESC_POINTER_MODE, description, pointers), ROW(CUBLASLT_MATMUL_DESC_TRANSA, description, op_a),
    ROW(CUBLASLT_MATMUL_DESC_TRANSB, description, op_b), ROW(CUBLASLT_MATMUL_DESC_TRANSC, description, op_c),
    ROW(CUBLASLT_MATMUL_DESC_FILL_MODE, description, fill), ROW(CUBLASLT_MATMUL_DESC_EPILOGUE, description, epilogue),
    ROW(CUBLASLT_MATMUL_DESC_BIAS_POINTER, description, bias),
    ROW(CUBLASLT_MATMUL_DESC_BIAS_BATCH_STRIDE, description, bias_stride),
    ROW(CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, description, bias_type),
    ROW(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, description, aux),
    ROW(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, description, aux_ld),
    ROW(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_BATCH_STRIDE, description, aux_stride),
    ROW(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_DATA_TYPE, description, aux_type),
    ROW(CUBLASLT_MATMUL_DESC_SM_COUNT_TARGET, description, processors), {-1, 0, 0}};
static const attribute preference_attributes[] = {
    ROW(CUBLASLT_MATMUL_PREF_SEARCH_MODE, preference, search),
    ROW(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, preference, workspace),
    ROW(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, preference, reductions),
    ROW(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, preference, align[0]),
    ROW(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, preference, align[1]),
    ROW(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, preference, align[2]),
    ROW(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, preference, align[3]),
    ROW(CUBLASLT_MATMUL_PREF_MAX_WAVES_COUNT, preference, waves), {-1, 0, 0}};

static cublasStatus_t set(const char *call, void *of, uint32_t kind, const attribute *list, int name, const void *from,
    size_t bytes) {
    const attribute *a = list;
    if (!of || *(uint32_t *)of != kind || !from) return wrong(call, "it is no such description, or there is no value");
    while (a->name >= 0 && a->name != name) a++;
    if (a->name < 0) return CUBLAS_STATUS_NOT_SUPPORTED;
    if (a->bytes != bytes) return wrong(call, "the attribute has another size");
    memcpy((char *)of + a->at, from, bytes);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t matLayout, cublasLtMatrixLayoutAttribute_t attr,
                                                const void *buf, size_t sizeInBytes) {
    ASKED();
    return set(__func__, matLayout, MATRIX, matrix_attributes, (int)attr, buf, sizeInBytes);
}

cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t matmulDesc, cublasLtMatmulDescAttributes_t attr,
                                              const void *buf, size_t sizeInBytes) {
    ASKED();
    return set(__func__, matmulDesc, DESCRIPTION, description_attributes, (int)attr, buf, sizeInBytes);
}

cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t pref, cublasLtMatmulPreferenceAttributes_t attr,
                                                    const void *buf, size_t sizeInBytes) {
    ASKED();
    return set(__func__, pref, PREFERENCE, preference_attributes, (int)attr, buf, sizeInBytes);
}

/* ----------------------------------------------------------------------------------------- begin and end -- */

static cublasStatus_t make(void **to, const void *from, size_t bytes) {
    if (!to) return CUBLAS_STATUS_INVALID_VALUE;
    void *made = malloc(bytes);
    if (!made) return CUBLAS_STATUS_ALLOC_FAILED;
    *to = memcpy(made, from, bytes);
    return CUBLAS_STATUS_SUCCESS;
}

static cublasStatus_t drop(const char *call, void *of, uint32_t kind) {
    if (!of) return CUBLAS_STATUS_SUCCESS;
    if (*(uint32_t *)of != kind) return wrong(call, "it is no such description");
    *(volatile uint32_t *)of = 0;
    free(of);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtCreate(cublasLtHandle_t *lightHandle) {
    ASKED();
    return make((void **)lightHandle, &(handle){HANDLE}, sizeof(handle));
}

cublasStatus_t cublasLtDestroy(cublasLtHandle_t lightHandle) {
    ASKED();
    return drop(__func__, lightHandle, HANDLE);
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t *matLayout, cudaDataType type, uint64_t rows, uint64_t cols,
                                          int64_t ld) {
    ASKED();
    const matrix m = {.kind = MATRIX, .type = (int32_t)type, .batch = 1, .rows = rows, .cols = cols, .ld = ld};
    return make((void **)matLayout, &m, sizeof m);
}

cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t matLayout) {
    ASKED();
    return drop(__func__, matLayout, MATRIX);
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t *matmulDesc, cublasComputeType_t computeType,
    cudaDataType_t scaleType) {
    ASKED();
    const description d = {.kind = DESCRIPTION, .compute = (int32_t)computeType, .scale = (int32_t)scaleType, .bias_type = -1,
                           .aux_type = -1, .fill = CUBLAS_FILL_MODE_FULL, .epilogue = CUBLASLT_EPILOGUE_DEFAULT};
    return make((void **)matmulDesc, &d, sizeof d);
}

cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t matmulDesc) {
    ASKED();
    return drop(__func__, matmulDesc, DESCRIPTION);
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t *pref) {
    ASKED();
    const preference p = {.kind = PREFERENCE, .align = {256, 256, 256, 256}};
    return make((void **)pref, &p, sizeof p);
}

cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t pref) {
    ASKED();
    return drop(__func__, pref, PREFERENCE);
}

size_t cublasLtGetVersion(void) { return 130000; }

const char *cublasLtGetStatusName(cublasStatus_t status) {
    switch (status) {
    case CUBLAS_STATUS_SUCCESS: return "CUBLAS_STATUS_SUCCESS";
    case CUBLAS_STATUS_NOT_INITIALIZED: return "CUBLAS_STATUS_NOT_INITIALIZED";
    case CUBLAS_STATUS_ALLOC_FAILED: return "CUBLAS_STATUS_ALLOC_FAILED";
    case CUBLAS_STATUS_INVALID_VALUE: return "CUBLAS_STATUS_INVALID_VALUE";
    case CUBLAS_STATUS_ARCH_MISMATCH: return "CUBLAS_STATUS_ARCH_MISMATCH";
    case CUBLAS_STATUS_MAPPING_ERROR: return "CUBLAS_STATUS_MAPPING_ERROR";
    case CUBLAS_STATUS_EXECUTION_FAILED: return "CUBLAS_STATUS_EXECUTION_FAILED";
    case CUBLAS_STATUS_INTERNAL_ERROR: return "CUBLAS_STATUS_INTERNAL_ERROR";
    case CUBLAS_STATUS_NOT_SUPPORTED: return "CUBLAS_STATUS_NOT_SUPPORTED";
    case CUBLAS_STATUS_LICENSE_ERROR: return "CUBLAS_STATUS_LICENSE_ERROR";
    }
    return "an unknown status of cuBLAS";
}

const char *cublasLtGetStatusString(cublasStatus_t status) { return cublasLtGetStatusName(status); }

/* ----------------------------------------------------------------------------------------- the operation -- */

static uint32_t dtype_of(int32_t type) {
    return type == CUDA_R_32F ? HAL_F32 : type == CUDA_R_16F ? HAL_F16 : type == CUDA_R_16BF ? HAL_BF16 : HAL_NO_DTYPE;
}

static bool read_matrix(const void *from, int64_t *batch, emu_matrix *to) {
    const matrix *m = from;
    if (!m || m->kind != MATRIX || (m->order != CUBLASLT_ORDER_COL && m->order != CUBLASLT_ORDER_ROW) ||
        m->batch < 1) return false;
    *to = (emu_matrix){.type = dtype_of(m->type), .by_row = m->order == CUBLASLT_ORDER_ROW, .rows = (int64_t)m->rows,
                       .cols = (int64_t)m->cols, .ld = m->ld, .stride = m->stride};
    to->width = to->type == HAL_F32 ? 4 : 2;
    *batch = *batch && *batch != m->batch ? -1 : m->batch;
    return to->type != HAL_NO_DTYPE && to->ld >= (to->by_row ? to->cols : to->rows);
}

static bool read_shapes(const description *d, emu_gemm *g) {
    g->transposed_a = d->op_a != CUBLAS_OP_N;
    g->transposed_b = d->op_b != CUBLAS_OP_N;
    g->m = g->transposed_a ? g->a.cols : g->a.rows;
    g->k = g->transposed_a ? g->a.rows : g->a.cols;
    g->n = g->transposed_b ? g->b.rows : g->b.cols;
    return g->k == (g->transposed_b ? g->b.cols : g->b.rows) && g->d.rows == g->m && g->d.cols == g->n && g->c.rows == g->m &&
        g->c.cols == g->n && g->c.type == g->d.type && g->batch > 0;
}

/* Bias, what is kept of before the function, and the function. */
static bool read_epilogue(const description *d, emu_gemm *g) {
    uint32_t left = d->epilogue & ~(uint32_t)CUBLASLT_EPILOGUE_DEFAULT;
    if (left & CUBLASLT_EPILOGUE_BIAS) g->bias_type = d->bias_type < 0 ? g->d.type : dtype_of(d->bias_type);
    if ((left & CUBLASLT_EPILOGUE_GELU_AUX) == CUBLASLT_EPILOGUE_GELU_AUX) g->aux_type = d->aux_type < 0 ? g->d.type
        : dtype_of(d->aux_type);
    if (left & CUBLASLT_EPILOGUE_RELU) g->epilogue = EMU_RELU;
    if (left & CUBLASLT_EPILOGUE_GELU) g->epilogue = EMU_GELU;
    g->bias_stride = d->bias_stride;
    g->aux_ld = d->aux_ld;
    g->aux_stride = d->aux_stride;
    left &= ~(uint32_t)(CUBLASLT_EPILOGUE_BIAS | CUBLASLT_EPILOGUE_RELU | CUBLASLT_EPILOGUE_GELU);
    return left == 0 || (g->aux_type && left == 128 && g->aux_ld >= g->m);
}

static bool is_computed(const description *d, const emu_gemm *g) {
    static const int32_t computes[] = {CUBLAS_COMPUTE_32F, CUBLAS_COMPUTE_32F_PEDANTIC, CUBLAS_COMPUTE_32F_FAST_16F,
                                       CUBLAS_COMPUTE_32F_FAST_16BF, CUBLAS_COMPUTE_32F_FAST_TF32};
    bool known = false;
    for (size_t i = 0; i < sizeof computes / sizeof computes[0]; i++) known = known || computes[i] == d->compute;
    return known && d->scale == CUDA_R_32F && d->pointers == CUBLASLT_POINTER_MODE_HOST && d->op_c == CUBLAS_OP_N &&
        g->a.type == g->b.type && (g->d.type == g->a.type || g->d.type == HAL_F32);
}

static cublasStatus_t read_gemm(const char *call, const void *desc, const void *const layout[4], emu_gemm *g) {
    const description *d = desc;
    emu_matrix *const to[4] = {&g->a, &g->b, &g->c, &g->d};
    *g = (emu_gemm){0};
    if (!d || d->kind != DESCRIPTION) return wrong(call, "it is no description of a product");
    for (int i = 0; i < 4; i++)
        if (!read_matrix(layout[i], &g->batch, to[i])) return wrong(call,
            "a matrix has no type, order, batch or leading dimension that can be");
    if (!read_shapes(d, g)) return wrong(call, "the shapes of the matrices do not go together");
    return read_epilogue(d, g) && is_computed(d, g) ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED;
}

/* ---------------------------------------------------------------------------------------------- choosing -- */

static algorithm choose(const emu_gemm *g, const preference *p) {
    const hal_portable_hash h = hal_portable_hash_of(g, sizeof *g);
    algorithm a = {.mark = HANDLE, .high = h.high, .low = h.low, .workspace = p->workspace < WORKSPACE ? p->workspace
        : WORKSPACE};
    memcpy(a.align, p->align, sizeof a.align);
    return a;
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t lightHandle, cublasLtMatmulDesc_t operationDesc,
                                              cublasLtMatrixLayout_t Adesc, cublasLtMatrixLayout_t Bdesc,
                                              cublasLtMatrixLayout_t Cdesc, cublasLtMatrixLayout_t Ddesc,
                                              cublasLtMatmulPreference_t preferences, int requestedAlgoCount,
                                              cublasLtMatmulHeuristicResult_t heuristicResultsArray[], int *returnAlgoCount) {
    ASKED();
    const void *const layouts[4] = {Adesc, Bdesc, Cdesc, Ddesc};
    const preference *p = (const preference *)preferences;
    emu_gemm g;
    if (!lightHandle || *(uint32_t *)lightHandle != HANDLE) return CUBLAS_STATUS_NOT_INITIALIZED;
    if (!p || p->kind != PREFERENCE || requestedAlgoCount < 1 || !heuristicResultsArray || !returnAlgoCount)
        return wrong(__func__, "there is no preference, or no room for an answer");
    *returnAlgoCount = 0;
    const cublasStatus_t e = read_gemm(__func__, operationDesc, layouts, &g);
    if (e != CUBLAS_STATUS_SUCCESS) return e;
    const algorithm a = choose(&g, p);
    memset(heuristicResultsArray, 0, sizeof *heuristicResultsArray);
    memcpy(&heuristicResultsArray->algo, &a, sizeof a);
    heuristicResultsArray->workspaceSize = (size_t)a.workspace;
    heuristicResultsArray->state = CUBLAS_STATUS_SUCCESS;
    heuristicResultsArray->wavesCount = 1;
    *returnAlgoCount = 1;
    return CUBLAS_STATUS_SUCCESS;
}

/* --------------------------------------------------------------------------------------------- computing -- */

static void run(void *data, char *const *at) {
    if (!emu_gemm_run(data, at)) hal_emulated_cuda_object("cublasLtMatmul", "the host has no memory for the product");
}

static hal_emulated_use use_of(const void *at, size_t bytes, const char *what) {
    return (hal_emulated_use){(CUdeviceptr)(uintptr_t)at, bytes, what};
}

static cublasStatus_t check_algorithm(const algorithm *a, const emu_gemm *g, const hal_emulated_use *use, size_t workspace) {
    const hal_portable_hash h = hal_portable_hash_of(g, sizeof *g);
    if (a->mark != HANDLE || a->high != h.high || a->low != h.low)
        return wrong("cublasLtMatmul", "the algorithm was chosen for another product");
    for (int i = 0; i < 4; i++)
        if (use[i].at % a->align[i] != 0) return wrong("cublasLtMatmul",
            "a matrix is not aligned as the algorithm was chosen for");
    return a->workspace <= workspace ? CUBLAS_STATUS_SUCCESS : wrong("cublasLtMatmul",
        "the workspace is smaller than the algorithm needs");
}

static cublasStatus_t status_of(CUresult e) {
    switch (e) {
    case CUDA_SUCCESS: return CUBLAS_STATUS_SUCCESS;
    case CUDA_ERROR_OUT_OF_MEMORY: return CUBLAS_STATUS_ALLOC_FAILED;
    case CUDA_ERROR_INVALID_CONTEXT: return CUBLAS_STATUS_NOT_INITIALIZED;
    case CUDA_ERROR_INVALID_HANDLE: return CUBLAS_STATUS_INVALID_VALUE;
    default: return CUBLAS_STATUS_EXECUTION_FAILED;
    }
}

/* alpha and beta are read now; an algorithm is of the product without them. */
static cublasStatus_t submit(emu_gemm g, float alpha, float beta, hal_emulated_work *work, CUstream stream) {
    emu_gemm *data = malloc(sizeof *data);
    if (!data) return CUBLAS_STATUS_ALLOC_FAILED;
    g.alpha = alpha;
    g.beta = beta;
    *data = g;
    work->data = data;
    return status_of(hal_emulated_cuda_work(stream, "cublasLtMatmul", work));
}

static size_t vector_bytes(uint32_t type, int64_t n) { return type ? (size_t)n * (type == HAL_F32 ? 4u : 2u) : 0; }

cublasStatus_t cublasLtMatmul(cublasLtHandle_t lightHandle, cublasLtMatmulDesc_t computeDesc, const void *alpha, const void *A,
                              cublasLtMatrixLayout_t Adesc, const void *B, cublasLtMatrixLayout_t Bdesc, const void *beta,
                              const void *C, cublasLtMatrixLayout_t Cdesc, void *D, cublasLtMatrixLayout_t Ddesc,
                              const cublasLtMatmulAlgo_t *algo, void *workspace, size_t workspaceSizeInBytes,
                              cudaStream_t stream) {
    ASKED();
    const void *const layouts[4] = {Adesc, Bdesc, Cdesc, Ddesc};
    const description *d = (const description *)computeDesc;
    emu_gemm g;
    if (!lightHandle || *(uint32_t *)lightHandle != HANDLE) return CUBLAS_STATUS_NOT_INITIALIZED;
    if (!alpha || !beta || !A || !B || !D) return wrong(__func__, "a matrix or a factor is missing");
    cublasStatus_t e = read_gemm(__func__, computeDesc, layouts, &g);
    if (e != CUBLAS_STATUS_SUCCESS) return e;
    if ((g.bias_type && !d->bias) || (g.aux_type && !d->aux)) return wrong(__func__,
        "the epilogue's vector or matrix is missing");
    const float by = *(const float *)beta;
    if (by != 0 && !C) return wrong(__func__, "C is missing");
    hal_emulated_work work = {.name = "cublasLtMatmul", .run = run, .drop = free, .n_uses = 7, .use = {
        use_of(A, emu_matrix_bytes(&g.a, g.batch), "A"), use_of(B, emu_matrix_bytes(&g.b, g.batch), "B"),
        use_of(C, emu_matrix_bytes(&g.c, g.batch), "C"), use_of(D, emu_matrix_bytes(&g.d, g.batch), "D"),
        use_of(g.bias_type ? d->bias : NULL, vector_bytes(g.bias_type, (g.batch - 1) * g.bias_stride + g.m), "the bias"),
        use_of(g.aux_type ? d->aux : NULL, vector_bytes(g.aux_type, (g.batch - 1) * g.aux_stride + g.n * g.aux_ld),
            "the epilogue's matrix"),
        use_of(workspace, workspaceSizeInBytes, "the workspace")}};
    if (algo) e = check_algorithm((const algorithm *)algo, &g, work.use, workspaceSizeInBytes);
    return e == CUBLAS_STATUS_SUCCESS ? submit(g, *(const float *)alpha, by, &work, (CUstream)stream) : e;
}
