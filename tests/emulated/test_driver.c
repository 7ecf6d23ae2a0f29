/* SPDX-License-Identifier: Apache-2.0 */
/* The emulated CUDA driver itself: it computes, keeps the order of streams and no other, and gives everything back. */
#include <pthread.h>
#include <semaphore.h>
#include <unistd.h>

#include "rig.h"

enum { N = 1000 };

/* -------------------------------------------------------------------------------------------- computing -- */

static void computes(void **state) {
    (void)state;
    const uint64_t wrongs = hal_emulated_cuda_wrong();
    for (int device = 0; device < 2; device++) {
        rig r;
        uint32_t in[N], out[N] = {0};
        for (uint32_t i = 0; i < N; i++) in[i] = i * 7919u;
        rig_open(&r, device);
        const CUdeviceptr x = rig_alloc(sizeof in), y = rig_alloc(sizeof out);
        assert_fine(cuMemcpyHtoD(x, in, sizeof in));
        assert_fine(rig_move(&r, r.stream, x, y, N));
        assert_fine(cuStreamSynchronize(r.stream));
        assert_fine(cuMemcpyDtoH(out, y, sizeof out));
        assert_memory_equal(in, out, sizeof in);
        assert_fine(cuMemFree(x));
        assert_fine(cuMemFree(y));
        rig_close(&r);
    }
    rig_check(wrongs);
}

/* All parameters in one piece: a struct among them. */
static void takes_packed_parameters(void **state) {
    (void)state;
    const uint64_t wrongs = hal_emulated_cuda_wrong();
    rig r;
    uint32_t out[N];
    rig_open(&r, 0);
    CUdeviceptr y = rig_alloc(sizeof out);
    struct { CUdeviceptr y; int64_t offset; int32_t rank, dense; int64_t size[8], stride[8]; uint64_t bits; int64_t run,
        n; } all = {
        .y = y, .rank = 1, .dense = 1, .size = {N}, .stride = {1}, .bits = 0xabcd1234, .run = 1, .n = N};
    size_t bytes = sizeof all, offset, size;
    void *extra[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, &all, CU_LAUNCH_PARAM_BUFFER_SIZE, &bytes, CU_LAUNCH_PARAM_END};
    assert_fine(cuFuncGetParamInfo(r.fill, 2, &offset, &size));
    assert_int_equal(offset, 16);
    assert_int_equal(size, 136);
    assert_cuda(cuFuncGetParamInfo(r.fill, 6, &offset, &size), CUDA_ERROR_INVALID_VALUE);
    assert_fine(cuLaunchKernel(r.fill, N / 50, 1, 1, 50, 1, 1, 0, r.stream, NULL, extra));
    assert_fine(cuMemcpyDtoHAsync(out, y, sizeof out, r.stream));
    for (int i = 0; i < N; i++) assert_int_equal(out[i], 0xabcd1234);
    bytes -= 8;
    assert_cuda(cuLaunchKernel(r.fill, N / 50, 1, 1, 50, 1, 1, 0, r.stream, NULL, extra), CUDA_ERROR_INVALID_VALUE);
    assert_fine(cuMemFree(y));
    rig_close(&r);
    rig_check(wrongs + 1);
}

static void fills(void **state) {
    (void)state;
    rig r;
    unsigned char out[64];
    rig_open(&r, 1);
    const CUdeviceptr y = rig_alloc(sizeof out);
    assert_fine(cuMemsetD8Async(y, 7, 64, r.stream));
    assert_fine(cuMemsetD16Async(y + 8, 0x0102, 4, r.stream));
    assert_fine(cuMemsetD32Async(y + 32, 0x01020304, 2, r.stream));
    assert_fine(cuMemcpyDtoHAsync(out, y, sizeof out, r.stream));
    assert_int_equal(out[0], 7);
    assert_int_equal(out[8], 2);
    assert_int_equal(out[15], 1);
    assert_int_equal(out[16], 7);
    assert_int_equal(out[32], 4);
    assert_int_equal(out[39], 1);
    assert_fine(cuMemFree(y));
    rig_close(&r);
}

/* ------------------------------------------------------------------------------------------------ order -- */

static void CUDA_CB block(void *data) { sem_wait(data); }
static void CUDA_CB unblock(void *data) { sem_post(data); }

/* A stream that is held back holds nobody else back, and the host not either. */
static void streams_run_beside_each_other(void **state) {
    (void)state;
    rig r;
    CUstream other;
    sem_t gate;
    uint32_t *pinned;
    rig_open(&r, 0);
    sem_init(&gate, 0, 0);
    assert_fine(cuStreamCreate(&other, CU_STREAM_NON_BLOCKING));
    assert_fine(cuMemHostAlloc((void **)&pinned, 16, 0));
    pinned[0] = 1;
    const CUdeviceptr x = rig_alloc(16);
    assert_fine(cuLaunchHostFunc(r.stream, block, &gate));
    assert_fine(cuMemcpyHtoDAsync(x, pinned, 4, r.stream));
    assert_cuda(cuStreamQuery(r.stream), CUDA_ERROR_NOT_READY);
    assert_fine(cuMemsetD32Async(x, 5, 1, other));
    assert_fine(cuStreamSynchronize(other));
    pinned[0] = 2; /* page-locked memory is read when the stream comes to it */
    assert_fine(cuLaunchHostFunc(other, unblock, &gate));
    assert_fine(cuStreamSynchronize(r.stream));
    assert_fine(cuStreamQuery(r.stream));
    assert_fine(cuMemcpyDtoH(pinned + 1, x, 4));
    assert_int_equal(pinned[1], 2);
    assert_fine(cuMemFree(x));
    assert_fine(cuMemFreeHost(pinned));
    assert_fine(cuStreamDestroy(other));
    rig_close(&r);
}

static void events_order_streams(void **state) {
    (void)state;
    rig r;
    CUstream other;
    CUevent event, end;
    sem_t gate;
    float took = -1;
    rig_open(&r, 0);
    sem_init(&gate, 0, 0);
    assert_fine(cuStreamCreate(&other, CU_STREAM_NON_BLOCKING));
    assert_fine(cuEventCreate(&event, CU_EVENT_BLOCKING_SYNC));
    assert_fine(cuEventCreate(&end, CU_EVENT_DEFAULT));
    assert_fine(cuEventQuery(event));
    assert_fine(cuLaunchHostFunc(r.stream, block, &gate));
    assert_fine(cuEventRecord(event, r.stream));
    assert_fine(cuStreamWaitEvent(other, event, 0));
    assert_fine(cuEventRecord(end, other));
    usleep(2000);
    assert_cuda(cuEventQuery(event), CUDA_ERROR_NOT_READY);
    assert_cuda(cuEventQuery(end), CUDA_ERROR_NOT_READY);
    sem_post(&gate);
    assert_fine(cuEventSynchronize(end));
    assert_fine(cuEventQuery(event));
    assert_fine(cuEventElapsedTime(&took, event, end));
    assert_true(took >= 0);
    assert_fine(cuEventDestroy(event));
    assert_fine(cuEventDestroy(end));
    assert_fine(cuStreamDestroy(other));
    rig_close(&r);
}

/* The legacy stream waits for streams that block, and they for it. */
static void legacy_stream_is_in_order(void **state) {
    (void)state;
    rig r;
    CUstream blocking;
    sem_t gate;
    rig_open(&r, 0);
    sem_init(&gate, 0, 0);
    assert_fine(cuStreamCreate(&blocking, CU_STREAM_DEFAULT));
    const CUdeviceptr x = rig_alloc(4);
    assert_fine(cuLaunchHostFunc(blocking, block, &gate));
    assert_fine(cuMemsetD32Async(x, 1, 1, blocking));
    assert_fine(cuMemsetD32Async(x, 2, 1, NULL));
    assert_fine(cuMemsetD32Async(x, 3, 1, blocking));
    assert_cuda(cuStreamQuery(NULL), CUDA_ERROR_NOT_READY);
    sem_post(&gate);
    assert_fine(cuCtxSynchronize());
    uint32_t value = 0;
    assert_fine(cuMemcpyDtoH(&value, x, 4));
    assert_int_equal(value, 3);
    assert_fine(cuMemFree(x));
    assert_fine(cuStreamDestroy(blocking));
    rig_close(&r);
}

/* ----------------------------------------------------------------------------------------------- memory -- */

static CUmemoryPool make_pool(int device, uint64_t threshold) {
    CUmemoryPool pool;
    const CUmemPoolProps props = {.allocType = CU_MEM_ALLOCATION_TYPE_PINNED,
                                  .location = {.type = CU_MEM_LOCATION_TYPE_DEVICE, .id = device}};
    assert_fine(cuMemPoolCreate(&pool, &props));
    assert_fine(cuMemPoolSetAttribute(pool, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &threshold));
    return pool;
}

/* What a pool keeps is not there for others until it is trimmed. */
static void pools_keep_memory(void **state) {
    (void)state;
    rig r;
    CUdeviceptr a = 0, b = 0;
    size_t left, before, total;
    hal_emulated_cuda_script("memory 0 1048576");
    rig_open(&r, 0);
    CUmemoryPool pool = make_pool(0, UINT64_MAX);
    assert_fine(cuMemGetInfo(&before, &total));
    assert_int_equal(total, 1048576);
    assert_fine(cuMemAllocFromPoolAsync(&a, 600000, pool, r.stream));
    assert_fine(cuMemsetD8Async(a, 1, 600000, r.stream));
    assert_fine(cuMemFreeAsync(a, r.stream));
    assert_fine(cuMemAllocFromPoolAsync(&b, 700000, pool, r.stream)); /* once the stream has freed the first */
    assert_fine(cuMemFreeAsync(b, r.stream));
    assert_fine(cuStreamSynchronize(r.stream));
    assert_cuda(cuMemAlloc(&a, 600000), CUDA_ERROR_OUT_OF_MEMORY);
    assert_fine(cuMemPoolTrimTo(pool, 0));
    assert_fine(cuMemAlloc(&a, 600000));
    assert_fine(cuMemFree(a));
    assert_fine(cuMemPoolDestroy(pool));
    assert_fine(cuMemGetInfo(&left, &total));
    assert_int_equal(left, before);
    rig_close(&r);
    hal_emulated_cuda_script("");
}

/* ------------------------------------------------------------------------------------------------ peers -- */

static void copies_between_devices(void **state) {
    (void)state;
    const uint64_t wrongs = hal_emulated_cuda_wrong();
    rig a, b;
    int can = 0;
    uint32_t value = 77, back = 0;
    rig_open(&a, 0);
    const CUdeviceptr x = rig_alloc(4);
    assert_fine(cuMemcpyHtoD(x, &value, 4));
    rig_open(&b, 1);
    const CUdeviceptr y = rig_alloc(4);
    assert_fine(cuDeviceCanAccessPeer(&can, 0, 1));
    assert_int_equal(can, 1);
    assert_fine(cuMemcpyPeerAsync(y, b.context, x, a.context, 4, b.stream));
    assert_fine(cuStreamSynchronize(b.stream));
    assert_fine(cuMemcpyDtoH(&back, y, 4));
    assert_int_equal(back, 77);
    assert_fine(cuCtxEnablePeerAccess(a.context, 0));
    assert_cuda(cuCtxEnablePeerAccess(a.context, 0), CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED);
    assert_fine(rig_move(&b, b.stream, x, y, 1)); /* a kernel of the second device reads the first one's memory */
    assert_fine(cuStreamSynchronize(b.stream));
    assert_fine(cuMemFree(y));
    rig_close(&b);
    assert_fine(cuMemFree(x));
    rig_close(&a);
    rig_check(wrongs);
}

/* -------------------------------------------------------------------------------------- visible devices -- */

/* What this program, started anew, sees: "0000:e1:00.0 0000:e2:00.0 ". */
static char *seen_with(const char *visible) {
    static char text[256];
    char command[600], self[512];
    self[readlink("/proc/self/exe", self, sizeof self - 1)] = '\0';
    snprintf(command, sizeof command, "CUDA_VISIBLE_DEVICES='%s' '%s' list", visible, self);
    memset(text, 0, sizeof text);
    FILE *from = popen(command, "r");
    assert_non_null(from);
    assert_true(fread(text, 1, sizeof text - 1, from) > 0);
    pclose(from);
    return text;
}

static int list(void) {
    int n = 0;
    const CUresult e = cuInit(0);
    if (e == CUDA_SUCCESS) cuDeviceGetCount(&n);
    for (int i = 0; i < n; i++) {
        char address[16];
        cuDeviceGetPCIBusId(address, sizeof address, i);
        printf("%s ", address + 5);
    }
    printf("%d\n", (int)e);
    return 0;
}

static void visible_devices_are_chosen(void **state) {
    (void)state;
    assert_string_equal(seen_with("0,1"), "e1:00.0 e2:00.0 0\n");
    assert_string_equal(seen_with("1,0"), "e2:00.0 e1:00.0 0\n");
    assert_string_equal(seen_with("1,-1,0"), "e2:00.0 0\n");
    assert_string_equal(seen_with("1,7,0"), "e2:00.0 0\n");
    assert_string_equal(seen_with("0,0"), "100\n");
    assert_string_equal(seen_with(""), "100\n");
    assert_string_equal(seen_with("-1"), "100\n");
    assert_string_equal(seen_with("nothing"), "100\n");
    assert_string_equal(seen_with("GPU-68616c20-656d-756c-6174-656420475002"), "e2:00.0 0\n");
    assert_string_equal(seen_with("GPU-686"), "100\n"); /* both begin so */
    assert_string_equal(seen_with("MIG-68616c20-656d-756c-6174-6564204d4901"), "100\n");
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(computes),
        cmocka_unit_test(takes_packed_parameters),
        cmocka_unit_test(fills),
        cmocka_unit_test(streams_run_beside_each_other),
        cmocka_unit_test(events_order_streams),
        cmocka_unit_test(legacy_stream_is_in_order),
        cmocka_unit_test(pools_keep_memory),
        cmocka_unit_test(copies_between_devices),
        cmocka_unit_test(visible_devices_are_chosen),
    };
    if (argc > 1 && strcmp(argv[1], "list") == 0) return list();
    return cmocka_run_group_tests_name("the emulated CUDA driver", tests, NULL, NULL);
}
