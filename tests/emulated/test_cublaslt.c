/* SPDX-License-Identifier: Apache-2.0 */
/* The emulated cuBLASLt: its products, with orders, transposes, batches and epilogues, and what it objects to. */
#include "rig.h"

#include <math.h>

#include <cublasLt.h>

enum { M = 5, N = 7, K = 9, BATCH = 2 };

#define assert_lt(expression, code) assert_int_equal((expression), (code))
#define assert_well(expression) assert_lt(expression, CUBLAS_STATUS_SUCCESS)

typedef struct product {
    cublasLtHandle_t handle;
    cublasLtMatmulDesc_t desc;
    cublasLtMatrixLayout_t a, b, d;
    cublasLtMatmulPreference_t preference;
    CUdeviceptr at[4], workspace;         /* A, B, D, bias */
    float host[4][BATCH * 128];
} product;

static cublasLtMatrixLayout_t layout(int rows, int cols, bool by_row) {
    cublasLtMatrixLayout_t made;
    const int32_t order = by_row ? CUBLASLT_ORDER_ROW : CUBLASLT_ORDER_COL, batch = BATCH;
    const int64_t stride = 128;
    assert_well(cublasLtMatrixLayoutCreate(&made, CUDA_R_32F, (uint64_t)rows, (uint64_t)cols, by_row ? cols : rows));
    assert_well(cublasLtMatrixLayoutSetAttribute(made, CUBLASLT_MATRIX_LAYOUT_ORDER, &order, sizeof order));
    assert_well(cublasLtMatrixLayoutSetAttribute(made, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &batch, sizeof batch));
    assert_well(cublasLtMatrixLayoutSetAttribute(made, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &stride, sizeof stride));
    return made;
}

/* A is stored transposed and by columns, B by rows. */
static void product_open(product *p, uint32_t epilogue) {
    const int32_t op = CUBLAS_OP_T;
    const uint64_t room = 1 << 20;
    assert_well(cublasLtCreate(&p->handle));
    assert_well(cublasLtMatmulDescCreate(&p->desc, CUBLAS_COMPUTE_32F, CUDA_R_32F));
    assert_well(cublasLtMatmulDescSetAttribute(p->desc, CUBLASLT_MATMUL_DESC_TRANSA, &op, sizeof op));
    assert_well(cublasLtMatmulDescSetAttribute(p->desc, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof epilogue));
    p->a = layout(K, M, false);
    p->b = layout(K, N, true);
    p->d = layout(M, N, false);
    assert_well(cublasLtMatmulPreferenceCreate(&p->preference));
    assert_well(cublasLtMatmulPreferenceSetAttribute(p->preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &room,
        sizeof room));
    for (int i = 0; i < 4; i++) {
        for (int k = 0; k < BATCH * 128; k++) p->host[i][k] = (float)((k * 7 + i * 3) % 11) - 5;
        p->at[i] = rig_alloc(sizeof p->host[i]);
        assert_fine(cuMemcpyHtoD(p->at[i], p->host[i], sizeof p->host[i]));
    }
    p->workspace = rig_alloc(4096);
    assert_well(cublasLtMatmulDescSetAttribute(p->desc, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &p->at[3], sizeof p->at[3]));
}

static void product_end(product *p) {
    assert_well(cublasLtMatrixLayoutDestroy(p->a));
    assert_well(cublasLtMatrixLayoutDestroy(p->b));
    assert_well(cublasLtMatrixLayoutDestroy(p->d));
    assert_well(cublasLtMatmulPreferenceDestroy(p->preference));
    assert_well(cublasLtMatmulDescDestroy(p->desc));
    assert_well(cublasLtDestroy(p->handle));
}

static void product_close(product *p) {
    product_end(p);
    for (int i = 0; i < 4; i++) assert_fine(cuMemFree(p->at[i]));
    assert_fine(cuMemFree(p->workspace));
}

static cublasLtMatmulAlgo_t choose(product *p) {
    cublasLtMatmulHeuristicResult_t found;
    int n = 0;
    assert_well(cublasLtMatmulAlgoGetHeuristic(p->handle, p->desc, p->a, p->b, p->d, p->d, p->preference, 1, &found, &n));
    assert_int_equal(n, 1);
    assert_int_equal(found.workspaceSize, 4096);
    return found.algo;
}

static cublasStatus_t multiply(product *p, const cublasLtMatmulAlgo_t *algo, CUdeviceptr a, size_t workspace,
    CUstream stream) {
    const float alpha = 2, beta = 1;
    void *d = (void *)(uintptr_t)p->at[2];
    return cublasLtMatmul(p->handle, p->desc, &alpha, (void *)(uintptr_t)a, p->a, (void *)(uintptr_t)p->at[1], p->b, &beta, d,
        p->d, d, p->d, algo, (void *)(uintptr_t)p->workspace, workspace, (cudaStream_t)stream);
}

static float expected(const product *p, int batch, int row, int col, bool biased) {
    float sum = 0;
    for (int k = 0; k < K; k++) sum += p->host[0][batch * 128 + row * K + k] * p->host[1][batch * 128 + k * N + col];
    return 2 * sum + p->host[2][batch * 128 + col * M + row] + (biased ? p->host[3][row] : 0);
}

static void multiplies(void **state) {
    (void)state;
    const uint64_t wrongs = hal_emulated_cuda_wrong();
    static const uint32_t epilogues[] = {CUBLASLT_EPILOGUE_DEFAULT, CUBLASLT_EPILOGUE_RELU_BIAS, CUBLASLT_EPILOGUE_GELU};
    rig r;
    rig_open(&r, 1);
    for (int e = 0; e < 3; e++) {
        product p;
        float out[BATCH * 128];
        product_open(&p, epilogues[e]);
        const cublasLtMatmulAlgo_t algo = choose(&p);
        assert_well(multiply(&p, &algo, p.at[0], 4096, r.stream));
        assert_fine(cuMemcpyDtoHAsync(out, p.at[2], sizeof out, r.stream));
        for (int b = 0; b < BATCH; b++)
            for (int i = 0; i < M * N; i++) {
                const float v = expected(&p, b, i % M, i / M, e == 1);
                const float gelu = v * 0.5f * (1 + tanhf(0.79788456f * (v + 0.044715f * v * v * v)));
                const float want = e == 1 ? fmaxf(v, 0) : e == 2 ? gelu : v;
                assert_true(fabsf(out[b * 128 + i] - want) <= 1e-4f * fmaxf(1, fabsf(want)));
            }
        product_close(&p);
    }
    rig_close(&r);
    rig_check(wrongs);
}

static void objects(void **state) {
    (void)state;
    const uint64_t wrongs = hal_emulated_cuda_wrong();
    rig r;
    product p;
    rig_open(&r, 0);
    product_open(&p, CUBLASLT_EPILOGUE_DEFAULT);
    const int64_t wide = 1;
    const int32_t op = CUBLAS_OP_N, back = CUBLAS_OP_T;
    const cublasLtMatmulAlgo_t algo = choose(&p);
    cublasLtMatmulAlgo_t other = algo;
    other.data[1] ^= 1;
    assert_lt(multiply(&p, &other, p.at[0], 4096, r.stream), CUBLAS_STATUS_INVALID_VALUE);
    assert_lt(multiply(&p, &algo, p.at[0] + 4, 4096, r.stream), CUBLAS_STATUS_INVALID_VALUE);
    assert_lt(multiply(&p, &algo, p.at[0], 100, r.stream), CUBLAS_STATUS_INVALID_VALUE);
    assert_lt(cublasLtMatmulDescSetAttribute(p.desc, CUBLASLT_MATMUL_DESC_TRANSA, &wide, sizeof wide),
        CUBLAS_STATUS_INVALID_VALUE);
    assert_well(cublasLtMatmulDescSetAttribute(p.desc, CUBLASLT_MATMUL_DESC_TRANSA, &op, sizeof op));
    assert_lt(multiply(&p, NULL, p.at[0], 4096, r.stream), CUBLAS_STATUS_INVALID_VALUE);
    assert_well(cublasLtMatmulDescSetAttribute(p.desc, CUBLASLT_MATMUL_DESC_TRANSA, &back, sizeof back));
    hal_emulated_cuda_script("fail cublasLtMatmul 1 14");
    assert_lt(multiply(&p, NULL, p.at[0], 4096, r.stream), CUBLAS_STATUS_INTERNAL_ERROR);
    hal_emulated_cuda_script("");
    assert_int_equal(hal_emulated_cuda_wrong() - wrongs, 5);
    assert_well(multiply(&p, NULL, p.at[0] + sizeof p.host[0] - 4, 4096, r.stream)); /* found out when it runs */
    assert_cuda(cuStreamSynchronize(r.stream), CUDA_ERROR_ILLEGAL_ADDRESS);
    product_end(&p);
    rig_close(&r);
    rig_check(wrongs + 6);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(multiplies), cmocka_unit_test(objects)};
    return cmocka_run_group_tests_name("the emulated cuBLASLt", tests, NULL, NULL);
}
