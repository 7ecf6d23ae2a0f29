/* SPDX-License-Identifier: Apache-2.0 */
/* Graphs of the emulated driver: made by hand or captured, instantiated, updated, launched; and what a capture does not allow. */
#include "rig.h"

enum { N = 64 };

static CUDA_KERNEL_NODE_PARAMS move_params(const rig *r, void **parameters) {
    return (CUDA_KERNEL_NODE_PARAMS){.func = r->move, .gridDimX = 1, .gridDimY = 1, .gridDimZ = 1, .blockDimX = N,
        .blockDimY = 1,
                                     .blockDimZ = 1, .kernelParams = parameters};
}

static CUgraphNode add_move(const rig *r, CUgraph g, CUgraphNode before, CUdeviceptr x, CUdeviceptr y) {
    int64_t zero = 0, one = 1, n = N;
    void *parameters[] = {&x, &zero, &y, &zero, &one, &n};
    const CUDA_KERNEL_NODE_PARAMS p = move_params(r, parameters);
    CUgraphNode node = NULL;
    assert_fine(cuGraphAddKernelNode(&node, g, before ? &before : NULL, before ? 1 : 0, &p));
    return node;
}

static uint32_t value_of(CUdeviceptr x, CUstream stream) {
    uint32_t value = 0;
    assert_fine(cuMemcpyDtoHAsync(&value, x, 4, stream));
    return value;
}

static void chains_by_hand(void **state) {
    (void)state;
    const uint64_t wrongs = hal_emulated_cuda_wrong();
    rig r;
    CUgraph g;
    CUgraphExec x;
    CUdeviceptr at[9];
    rig_open(&r, 0);
    for (int i = 0; i < 9; i++) at[i] = rig_alloc(N * 4);
    assert_fine(cuGraphCreate(&g, 0));
    CUgraphNode last = NULL, node[8];
    for (int i = 0; i < 8; i++) last = node[i] = add_move(&r, g, last, at[i], at[i + 1]);
    assert_fine(cuGraphInstantiateWithFlags(&x, g, 0));
    assert_fine(cuMemsetD32Async(at[0], 11, N, r.stream));
    assert_fine(cuGraphLaunch(x, r.stream));
    assert_int_equal(value_of(at[8], r.stream), 11);
    int64_t zero = 0, one = 1, n = N; /* the last node reads elsewhere from now on, but not in launches before */
    void *parameters[] = {&at[7], &zero, &at[0], &zero, &one, &n};
    const CUDA_KERNEL_NODE_PARAMS p = move_params(&r, parameters);
    assert_fine(cuMemsetD32Async(at[0], 12, N, r.stream));
    assert_fine(cuGraphLaunch(x, r.stream));
    assert_fine(cuGraphExecKernelNodeSetParams(x, node[7], &p));
    assert_int_equal(value_of(at[8], r.stream), 12);
    assert_fine(cuMemsetD32Async(at[0], 13, N, r.stream));
    assert_fine(cuGraphLaunch(x, r.stream));
    assert_int_equal(value_of(at[8], r.stream), 12);
    assert_fine(cuStreamSynchronize(r.stream));
    assert_fine(cuGraphExecDestroy(x));
    assert_fine(cuGraphDestroy(g));
    for (int i = 0; i < 9; i++) assert_fine(cuMemFree(at[i]));
    rig_close(&r);
    rig_check(wrongs);
}

/* Without the edges between them, nodes of a chain are sooner or later done in another order. */
static void missing_edges_show(void **state) {
    (void)state;
    rig r;
    CUgraph g;
    CUdeviceptr at[3];
    bool shown = false;
    rig_open(&r, 0);
    for (int i = 0; i < 3; i++) at[i] = rig_alloc(N * 4);
    assert_fine(cuGraphCreate(&g, 0));
    add_move(&r, g, NULL, at[0], at[1]);
    add_move(&r, g, NULL, at[1], at[2]);
    for (int i = 0; i < 20 && !shown; i++) {
        CUgraphExec x;
        assert_fine(cuGraphInstantiateWithFlags(&x, g, 0));
        assert_fine(cuMemsetD32Async(at[0], (unsigned)i + 1, N, r.stream));
        assert_fine(cuGraphLaunch(x, r.stream));
        shown = value_of(at[2], r.stream) != (unsigned)i + 1;
        assert_fine(cuGraphExecDestroy(x));
    }
    assert_true(shown);
    assert_fine(cuGraphDestroy(g));
    for (int i = 0; i < 3; i++) assert_fine(cuMemFree(at[i]));
    rig_close(&r);
}

/* A fork and a join through events. */
static void captures(void **state) {
    (void)state;
    const uint64_t wrongs = hal_emulated_cuda_wrong();
    rig r;
    CUstream other;
    CUevent fork, join;
    CUgraph g = NULL;
    CUgraphExec exec;
    CUstreamCaptureStatus status;
    size_t n = 0;
    rig_open(&r, 1);
    assert_fine(cuStreamCreate(&other, CU_STREAM_NON_BLOCKING));
    assert_fine(cuEventCreate(&fork, CU_EVENT_DISABLE_TIMING));
    assert_fine(cuEventCreate(&join, CU_EVENT_DISABLE_TIMING));
    const CUdeviceptr x = rig_alloc(N * 4), y = rig_alloc(N * 4), z = rig_alloc(N * 4);
    assert_fine(cuMemsetD32Async(z, 1, N, r.stream));
    assert_fine(cuStreamSynchronize(r.stream));
    assert_fine(cuStreamBeginCapture(r.stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
    assert_fine(cuMemsetD32Async(x, 21, N, r.stream));
    assert_fine(cuEventRecord(fork, r.stream));
    assert_fine(cuStreamWaitEvent(other, fork, 0));
    assert_fine(rig_move(&r, other, x, y, N));
    assert_fine(cuEventRecord(join, other));
    assert_fine(cuStreamWaitEvent(r.stream, join, 0));
    assert_fine(rig_move(&r, r.stream, y, z, N));
    assert_fine(cuStreamIsCapturing(other, &status));
    assert_int_equal(status, CU_STREAM_CAPTURE_STATUS_ACTIVE);
    assert_fine(cuStreamEndCapture(r.stream, &g));
    assert_fine(cuGraphGetNodes(g, NULL, &n));
    assert_int_equal(n, 3);
    assert_int_equal(value_of(z, other), 1); /* nothing was done */
    assert_fine(cuGraphInstantiateWithFlags(&exec, g, 0));
    assert_fine(cuGraphDestroy(g));
    assert_fine(cuGraphLaunch(exec, other));
    assert_int_equal(value_of(z, other), 21);
    assert_fine(cuGraphExecDestroy(exec));
    assert_fine(cuMemFree(x));
    assert_fine(cuMemFree(y));
    assert_fine(cuMemFree(z));
    assert_fine(cuEventDestroy(fork));
    assert_fine(cuEventDestroy(join));
    assert_fine(cuStreamDestroy(other));
    rig_close(&r);
    rig_check(wrongs);
}

/* Another capture of the same shape is an update, one of another shape is not. */
static void captures_update(void **state) {
    (void)state;
    rig r;
    CUgraph g[3];
    CUgraphExec exec;
    CUgraphExecUpdateResultInfo info;
    rig_open(&r, 0);
    const CUdeviceptr x = rig_alloc(N * 4);
    for (int i = 0; i < 3; i++) {
        assert_fine(cuStreamBeginCapture(r.stream, CU_STREAM_CAPTURE_MODE_RELAXED));
        assert_fine(cuMemsetD32Async(x, (unsigned)i + 5, N, r.stream));
        if (i == 2) assert_fine(cuMemsetD32Async(x, 9, N, r.stream));
        assert_fine(cuStreamEndCapture(r.stream, &g[i]));
    }
    assert_fine(cuGraphInstantiateWithFlags(&exec, g[0], 0));
    assert_fine(cuGraphExecUpdate(exec, g[1], &info));
    assert_fine(cuGraphLaunch(exec, r.stream));
    assert_int_equal(value_of(x, r.stream), 6);
    assert_cuda(cuGraphExecUpdate(exec, g[2], &info), CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE);
    assert_int_equal(info.result, CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED);
    assert_fine(cuGraphExecDestroy(exec));
    for (int i = 0; i < 3; i++) assert_fine(cuGraphDestroy(g[i]));
    assert_fine(cuMemFree(x));
    rig_close(&r);
}

/* What was captured becomes a node of another graph, and is exchanged for one like it. */
static void graphs_hold_graphs(void **state) {
    (void)state;
    const uint64_t wrongs = hal_emulated_cuda_wrong();
    rig r;
    CUgraph g, child[2], other;
    CUgraphNode node, last;
    CUgraphExec exec;
    CUgraphNodeType type;
    rig_open(&r, 0);
    const CUdeviceptr x = rig_alloc(N * 4), y = rig_alloc(N * 4);
    for (int i = 0; i < 2; i++) {
        assert_fine(cuStreamBeginCapture(r.stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
        assert_fine(cuMemsetD32Async(x, (unsigned)i + 31, N, r.stream));
        assert_fine(cuStreamEndCapture(r.stream, &child[i]));
    }
    assert_fine(cuGraphCreate(&g, 0));
    assert_fine(cuGraphCreate(&other, 0));
    assert_fine(cuGraphAddChildGraphNode(&node, g, NULL, 0, child[0]));
    assert_fine(cuGraphNodeGetType(node, &type));
    assert_int_equal(type, CU_GRAPH_NODE_TYPE_GRAPH);
    last = add_move(&r, g, node, x, y);
    assert_fine(cuGraphInstantiateWithFlags(&exec, g, 0));
    assert_fine(cuGraphLaunch(exec, r.stream));
    assert_int_equal(value_of(y, r.stream), 31);
    assert_fine(cuGraphExecChildGraphNodeSetParams(exec, node, child[1]));
    assert_fine(cuGraphLaunch(exec, r.stream));
    assert_int_equal(value_of(y, r.stream), 32);
    assert_cuda(cuGraphExecChildGraphNodeSetParams(exec, node, other), CUDA_ERROR_INVALID_VALUE);
    assert_cuda(cuGraphExecChildGraphNodeSetParams(exec, last, child[0]), CUDA_ERROR_INVALID_VALUE);
    assert_fine(cuStreamSynchronize(r.stream));
    assert_fine(cuGraphExecDestroy(exec));
    assert_fine(cuGraphDestroy(g));
    assert_fine(cuGraphDestroy(other));
    for (int i = 0; i < 2; i++) assert_fine(cuGraphDestroy(child[i]));
    assert_fine(cuMemFree(x));
    assert_fine(cuMemFree(y));
    rig_close(&r);
    rig_check(wrongs + 2);
}

static void captures_forbid(void **state) {
    (void)state;
    rig r;
    CUgraph g = (CUgraph)&r;
    CUdeviceptr x = 0;
    rig_open(&r, 0);
    assert_fine(cuStreamBeginCapture(r.stream, CU_STREAM_CAPTURE_MODE_GLOBAL));
    assert_cuda(cuMemAlloc(&x, 4), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
    assert_cuda(cuStreamSynchronize(r.stream), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
    assert_cuda(cuStreamEndCapture(r.stream, &g), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
    assert_null(g);
    assert_fine(cuStreamSynchronize(r.stream));
    assert_cuda(cuStreamBeginCapture(NULL, CU_STREAM_CAPTURE_MODE_GLOBAL), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
    rig_close(&r);
    rig_check(hal_emulated_cuda_wrong());
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chains_by_hand),
        cmocka_unit_test(missing_edges_show),
        cmocka_unit_test(captures),
        cmocka_unit_test(captures_update),
        cmocka_unit_test(graphs_hold_graphs),
        cmocka_unit_test(captures_forbid),
    };
    return cmocka_run_group_tests_name("graphs of the emulated CUDA driver", tests, NULL, NULL);
}
