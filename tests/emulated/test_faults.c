/* SPDX-License-Identifier: Apache-2.0 */
/* The script of faults: what it says happens, when it says, and nothing else. */
#include "rig.h"

static int end(void **state) {
    (void)state;
    hal_emulated_cuda_script("");
    return 0;
}

static void calls_fail_by_name_and_number(void **state) {
    (void)state;
    rig r;
    CUdeviceptr x = 0;
    rig_open(&r, 0);
    hal_emulated_cuda_script("fail cuMemAlloc 2 CUDA_ERROR_UNKNOWN; fail-all 4 719");
    assert_int_equal(hal_emulated_cuda_calls(), 0);
    assert_fine(cuMemAlloc(&x, 4));
    assert_string_equal(hal_emulated_cuda_failed(), "");
    assert_cuda(cuMemAlloc(&x, 4), CUDA_ERROR_UNKNOWN);
    assert_string_equal(hal_emulated_cuda_failed(), "cuMemAlloc_v2");
    assert_fine(cuMemFree(x));
    assert_cuda(cuCtxSynchronize(), CUDA_ERROR_LAUNCH_FAILED);
    assert_fine(cuCtxSynchronize());
    assert_int_equal(hal_emulated_cuda_calls(), 5);
    hal_emulated_cuda_script("fail-from 2 2");
    assert_fine(cuCtxSynchronize());
    assert_cuda(cuCtxSynchronize(), CUDA_ERROR_OUT_OF_MEMORY);
    assert_cuda(cuCtxSynchronize(), CUDA_ERROR_OUT_OF_MEMORY);
    hal_emulated_cuda_script("");
    rig_close(&r);
    rig_check(hal_emulated_cuda_wrong());
}

static void lose(const char *script, CUresult code) {
    rig a, b;
    hal_emulated_cuda_script(script);
    rig_open(&a, 0);
    rig_open(&b, 1);
    const CUdeviceptr y = rig_alloc(4);
    assert_fine(cuCtxPushCurrent(a.context));
    const CUdeviceptr x = rig_alloc(4);
    for (int i = 0; i < 3; i++) assert_fine(rig_move(&a, a.stream, x, x, 1));
    assert_cuda(cuStreamSynchronize(a.stream), code);
    assert_cuda(cuMemFree(x), code);
    assert_fine(cuCtxPopCurrent(NULL));
    for (int i = 0; i < 3; i++) assert_fine(rig_move(&b, b.stream, y, y, 1));
    assert_fine(cuStreamSynchronize(b.stream));
    assert_fine(cuMemFree(y));
    rig_close(&b);
    rig_close(&a);
}

static void devices_are_lost(void **state) {
    (void)state;
    lose("lost 0 after 2", CUDA_ERROR_ILLEGAL_ADDRESS);
    lose("assert 0 after 2", CUDA_ERROR_ASSERT);
}

static void work_hangs(void **state) {
    (void)state;
    rig r;
    CUevent event;
    hal_emulated_cuda_script("hang 1 after 0");
    rig_open(&r, 1);
    assert_fine(cuEventCreate(&event, CU_EVENT_DISABLE_TIMING));
    const CUdeviceptr x = rig_alloc(4);
    assert_fine(rig_move(&r, r.stream, x, x, 1));
    assert_fine(cuEventRecord(event, r.stream));
    for (int i = 0; i < 3; i++) assert_cuda(cuEventQuery(event), CUDA_ERROR_NOT_READY);
    assert_cuda(cuStreamQuery(r.stream), CUDA_ERROR_NOT_READY);
    assert_fine(cuEventDestroy(event));
}

static void memory_runs_out(void **state) {
    (void)state;
    rig r;
    CUdeviceptr x = 0;
    size_t free_bytes, total;
    hal_emulated_cuda_script("memory 0 4096");
    rig_open(&r, 0);
    assert_fine(cuMemGetInfo(&free_bytes, &total));
    assert_int_equal(free_bytes, 4096);
    assert_cuda(cuMemAlloc(&x, 4097), CUDA_ERROR_OUT_OF_MEMORY);
    assert_fine(cuMemAlloc(&x, 4096));
    assert_fine(cuMemFree(x));
    rig_close(&r);
}

static void peers_lie_and_part(void **state) {
    (void)state;
    rig a, b;
    int can = 1;
    uint32_t value = 0x01020304, back = 0;
    hal_emulated_cuda_script("peer corrupt 0 1");
    rig_open(&a, 0);
    rig_open(&b, 1);
    const CUdeviceptr y = rig_alloc(4);
    assert_fine(cuCtxPushCurrent(a.context));
    const CUdeviceptr x = rig_alloc(4);
    assert_fine(cuMemcpyHtoD(x, &value, 4));
    assert_fine(cuMemcpyPeer(y, b.context, x, a.context, 4));
    assert_fine(cuMemFree(x));
    assert_fine(cuCtxPopCurrent(NULL));
    assert_fine(cuMemcpyDtoH(&back, y, 4));
    assert_int_not_equal(back, value);
    assert_fine(cuMemFree(y));
    hal_emulated_cuda_script("peer none 0 1");
    assert_fine(cuDeviceCanAccessPeer(&can, 1, 0));
    assert_int_equal(can, 0);
    assert_cuda(cuCtxEnablePeerAccess(a.context, 0), CUDA_ERROR_PEER_ACCESS_UNSUPPORTED);
    rig_close(&b);
    rig_close(&a);
}

static void drivers_are_old_empty_or_broken(void **state) {
    (void)state;
    int version = 0, n = 7;
    CUuuid card, instance;
    assert_fine(cuInit(0));
    hal_emulated_cuda_script("version 10020");
    assert_fine(cuDriverGetVersion(&version));
    assert_int_equal(version, 10020);
    hal_emulated_cuda_script("no-device");
    assert_cuda(cuInit(0), CUDA_ERROR_NO_DEVICE);
    hal_emulated_cuda_script("init CUDA_ERROR_SYSTEM_DRIVER_MISMATCH");
    assert_cuda(cuInit(0), CUDA_ERROR_SYSTEM_DRIVER_MISMATCH);
    hal_emulated_cuda_script("mig");
    assert_fine(cuInit(0));
    assert_fine(cuDeviceGetCount(&n));
    assert_int_equal(n, 2);
    assert_fine(cuDeviceGetUuid(&instance, 0));
#undef cuDeviceGetUuid
    extern CUresult cuDeviceGetUuid(CUuuid *, CUdevice);
    assert_fine(cuDeviceGetUuid(&card, 0));
    assert_memory_not_equal(&card, &instance, sizeof card);
}

/* Whichever call fails, what was had before is given back by what is called then. */
static void each_call_fails_in_turn(void **state) {
    (void)state;
    rig r;
    rig_open(&r, 0);
    uint64_t n = 1;
    for (bool failed = true; failed; n++) {
        char script[64];
        CUdeviceptr x = 0;
        CUevent event = NULL;
        snprintf(script, sizeof script, "fail-all %llu CUDA_ERROR_UNKNOWN", (unsigned long long)n);
        hal_emulated_cuda_script(script);
        failed = cuMemAlloc(&x, 64) != CUDA_SUCCESS;
        failed = failed || cuEventCreate(&event, CU_EVENT_DISABLE_TIMING) != CUDA_SUCCESS;
        failed = failed || rig_move(&r, r.stream, x, x, 16) != CUDA_SUCCESS;
        failed = failed || cuEventRecord(event, r.stream) != CUDA_SUCCESS;
        failed = failed || cuEventSynchronize(event) != CUDA_SUCCESS;
        if (!failed) assert_int_equal(hal_emulated_cuda_calls(), 5);
        hal_emulated_cuda_script("");
        if (event) assert_fine(cuEventDestroy(event));
        if (x) assert_fine(cuMemFree(x));
    }
    assert_int_equal(n, 7);
    rig_close(&r);
    rig_check(hal_emulated_cuda_wrong());
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(calls_fail_by_name_and_number, end),
        cmocka_unit_test_teardown(devices_are_lost, end),
        cmocka_unit_test_teardown(memory_runs_out, end),
        cmocka_unit_test_teardown(peers_lie_and_part, end),
        cmocka_unit_test_teardown(drivers_are_old_empty_or_broken, end),
        cmocka_unit_test_teardown(each_call_fails_in_turn, end),
        cmocka_unit_test_teardown(work_hangs, end), /* last: its device stays as it is */
    };
    return cmocka_run_group_tests_name("the script of the emulated CUDA driver", tests, NULL, NULL);
}
