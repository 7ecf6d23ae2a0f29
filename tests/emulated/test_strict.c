/* SPDX-License-Identifier: Apache-2.0 */
/* What the emulated driver objects to: each wrong use gives its code, a line and a count, and what is lost stays lost. */
#include <semaphore.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig.h"

static uint64_t objections;
static int begin(void **state) {
    (void)state;
    objections = hal_emulated_cuda_wrong();
    return 0;
}

#define assert_objects(n) assert_int_equal(hal_emulated_cuda_wrong() - objections, n)

/* ------------------------------------------------------------------------------------------------ memory -- */

static void freed_memory_is_an_illegal_address(void **state) {
    (void)state;
    rig a, b;
    rig_open(&a, 0);
    const CUdeviceptr x = rig_alloc(64), y = rig_alloc(64);
    assert_fine(cuMemFree(x));
    assert_fine(rig_move(&a, a.stream, x, y, 4));
    assert_cuda(cuStreamSynchronize(a.stream), CUDA_ERROR_ILLEGAL_ADDRESS);
    assert_cuda(cuMemFree(y), CUDA_ERROR_ILLEGAL_ADDRESS);
    assert_cuda(rig_move(&a, a.stream, y, y, 4), CUDA_ERROR_ILLEGAL_ADDRESS);
    rig_open(&b, 1); /* the other device works */
    const CUdeviceptr z = rig_alloc(64);
    assert_fine(rig_move(&b, b.stream, z, z, 4));
    assert_fine(cuStreamSynchronize(b.stream));
    assert_fine(cuMemFree(z));
    rig_close(&b);
    rig_close(&a);
    assert_objects(1);
    rig_check(objections + 1);
}

static void a_lost_context_can_be_had_anew(void **state) {
    (void)state;
    rig r;
    rig_open(&r, 0);
    assert_fine(rig_move(&r, r.stream, 4096, 4096, 1));
    assert_cuda(cuCtxSynchronize(), CUDA_ERROR_ILLEGAL_ADDRESS);
    rig_close(&r);
    rig_open(&r, 0);
    assert_fine(cuCtxSynchronize());
    rig_close(&r);
}

static void copies_keep_within_allocations(void **state) {
    (void)state;
    rig r;
    char host[64] = {0};
    rig_open(&r, 0);
    const CUdeviceptr x = rig_alloc(64);
    assert_cuda(cuMemcpyHtoD(x + 1, host, 64), CUDA_ERROR_INVALID_VALUE);
    assert_cuda(cuMemcpyDtoH(host, x - 1, 1), CUDA_ERROR_INVALID_VALUE);
    assert_cuda(cuMemsetD8Async(x + 64, 0, 1, r.stream), CUDA_ERROR_INVALID_VALUE);
    assert_cuda(cuMemcpyDtoH((void *)(uintptr_t)x, x, 4), CUDA_ERROR_INVALID_VALUE);
    assert_cuda(cuMemcpyHtoDAsync((CUdeviceptr)(uintptr_t)host, host, 4, r.stream), CUDA_ERROR_INVALID_VALUE);
    assert_objects(5);
    assert_fine(cuMemFree(x));
    assert_cuda(cuMemFree(x), CUDA_ERROR_INVALID_VALUE);
    assert_cuda(cuMemFree(x + 4), CUDA_ERROR_INVALID_VALUE);
    assert_objects(7);
    rig_close(&r);
}

/* Who writes beyond its block is found out when that is freed. */
static void fences_are_looked_at(void **state) {
    (void)state;
    rig r;
    rig_open(&r, 0);
    const CUdeviceptr x = rig_alloc(64), y = rig_alloc(16);
    assert_fine(rig_move(&r, r.stream, x, y, 5));
    assert_fine(cuStreamSynchronize(r.stream));
    assert_objects(0);
    assert_fine(cuMemFree(y));
    assert_objects(1);
    assert_fine(cuMemFree(x));
    rig_close(&r);
}

static void reads_by_the_host_fault(void **state) {
    (void)state;
    rig r;
    int status = 0;
    rig_open(&r, 0);
    const CUdeviceptr x = rig_alloc(64);
    const pid_t child = fork();
    if (child == 0) {
        signal(SIGSEGV, SIG_DFL);
        _exit(*(volatile char *)(uintptr_t)x);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSEGV);
    assert_fine(cuMemFree(x));
    rig_close(&r);
}

/* A stream's memory is there for others only once the stream has come to it. */
static void memory_of_a_stream_is_its_own(void **state) {
    (void)state;
    rig r;
    CUmemoryPool pool;
    CUdeviceptr x = 0;
    CUstream other;
    static sem_t gate;
    rig_open(&r, 0);
    sem_init(&gate, 0, 0);
    assert_fine(cuDeviceGetDefaultMemPool(&pool, 0));
    assert_fine(cuStreamCreate(&other, CU_STREAM_NON_BLOCKING));
    assert_fine(cuLaunchHostFunc(r.stream, (CUhostFn)(void (*)(void))sem_wait, &gate));
    assert_fine(cuMemAllocFromPoolAsync(&x, 64, pool, r.stream));
    assert_fine(cuMemsetD8Async(x, 0, 64, other));
    assert_cuda(cuStreamSynchronize(other), CUDA_ERROR_ILLEGAL_ADDRESS);
    assert_objects(1);
    sem_post(&gate);
    assert_cuda(cuStreamDestroy(other), CUDA_ERROR_ILLEGAL_ADDRESS);
    rig_close(&r);
}

static void peers_need_access(void **state) {
    (void)state;
    rig a, b;
    rig_open(&a, 0);
    const CUdeviceptr x = rig_alloc(64);
    rig_open(&b, 1);
    assert_fine(rig_move(&b, b.stream, x, x, 4));
    assert_cuda(cuStreamSynchronize(b.stream), CUDA_ERROR_ILLEGAL_ADDRESS);
    assert_objects(1);
    rig_close(&b);
    assert_fine(cuMemFree(x));
    rig_close(&a);
}

/* ----------------------------------------------------------------------------------------------- handles -- */

static void handles_of_others_are_refused(void **state) {
    (void)state;
    rig a, b;
    CUevent event;
    rig_open(&a, 0);
    assert_fine(cuEventCreate(&event, CU_EVENT_DISABLE_TIMING));
    rig_open(&b, 1);
    const CUdeviceptr y = rig_alloc(64);
    assert_cuda(rig_move(&b, a.stream, y, y, 4), CUDA_ERROR_INVALID_HANDLE);
    assert_cuda(rig_move(&a, b.stream, y, y, 4), CUDA_ERROR_INVALID_HANDLE);
    assert_cuda(cuEventRecord(event, b.stream), CUDA_ERROR_INVALID_HANDLE);
    assert_cuda(cuModuleUnload(a.module), CUDA_ERROR_INVALID_HANDLE);
    assert_objects(4);
    assert_fine(cuEventDestroy(event));
    assert_cuda(cuEventQuery(event), CUDA_ERROR_INVALID_HANDLE);
    assert_objects(5);
    assert_fine(cuMemFree(y));
    rig_close(&b);
    rig_close(&a);
    assert_cuda(cuCtxPushCurrent(a.context), CUDA_ERROR_INVALID_CONTEXT);
    assert_objects(6);
    rig_check(objections + 6);
}

static void needs_a_context(void **state) {
    (void)state;
    CUdeviceptr x;
    assert_fine(cuInit(0));
    assert_cuda(cuMemAlloc(&x, 4), CUDA_ERROR_INVALID_CONTEXT);
    assert_cuda(cuCtxPopCurrent(NULL), CUDA_ERROR_INVALID_CONTEXT);
}

static void children_have_no_driver(void **state) {
    (void)state;
    int status = 0;
    assert_fine(cuInit(0));
    const pid_t child = fork();
    if (child == 0) {
        int n = 0;
        _exit(cuInit(0) == CUDA_ERROR_NOT_INITIALIZED && cuDeviceGetCount(&n) == CUDA_ERROR_NOT_INITIALIZED ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* ------------------------------------------------------------------------------------------------ images -- */

static void images_of_others_are_refused(void **state) {
    (void)state;
    rig r;
    CUmodule module;
    CUfunction f;
    char log[256] = "";
    size_t bytes;
    const char *good = rig_image(&bytes);
    char *image = malloc(bytes);
    CUjit_option option[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
    void *value[] = {log, (void *)(uintptr_t)sizeof log};
    assert_non_null(image);
    rig_open(&r, 0);
    assert_cuda(cuModuleLoadData(&module, "\177ELF of another build"), CUDA_ERROR_INVALID_IMAGE);
    assert_cuda(cuModuleLoadData(&module, ".version 8.0\n.target sm_75\n"), CUDA_ERROR_INVALID_IMAGE);
    memcpy(image, good, bytes);
    image[bytes - 3] ^= 1;
    assert_cuda(cuModuleLoadDataEx(&module, image, 2, option, value), CUDA_ERROR_INVALID_IMAGE);
    assert_true(strlen(log) > 0);
    memcpy(image, good, bytes);
    image[bytes - 3] = '\0';
    assert_cuda(cuModuleLoadData(&module, image), CUDA_ERROR_INVALID_IMAGE);
    const unsigned char fatbin[32] = {0x50, 0xed, 0x55, 0xba, 1, 0, 16, 0, 16};
    assert_cuda(cuModuleLoadData(&module, fatbin), CUDA_ERROR_INVALID_IMAGE);
    assert_objects(5);
    assert_cuda(cuModuleGetFunction(&f, r.module, "no such kernel"), CUDA_ERROR_NOT_FOUND);
    free(image);
    rig_close(&r);
}

static void the_compiler_takes_portable_texts_only(void **state) {
    (void)state;
    static const char *const options[] = {"--gpu-architecture=compute_80", "--fmad=false"};
    static const char *const unsafe[] = {"--gpu-architecture=sm_75", "--use_fast_math"};
    static const char *const strange[] = {"--gpu-architecture=sm_12", "--fmad=false"};
    char *image, *text = rig_text("move", "W=2"), *wrong = malloc(strlen(text) + 64);
    size_t bytes;
    assert_non_null(wrong);
    assert_int_equal(rig_compile(text, options, 2, &image, &bytes), 0);
    free(image);
    assert_int_equal(rig_compile(text, unsafe, 2, &image, &bytes), 5);
    assert_int_equal(rig_compile(text, strange, 2, &image, &bytes), 5);
    assert_int_equal(rig_compile(text, options, 1, &image, &bytes), 5);
    assert_int_equal(rig_compile("__global__ void k() {}", options, 2, &image, &bytes), 6);
    sprintf(wrong, "%s\nHAL_KERNEL void k(int n) { n = ; }\n", text);
    assert_int_equal(rig_compile(wrong, options, 2, &image, &bytes), 6);
    free(wrong);
    free(text);
}

static void shapes_are_looked_at(void **state) {
    (void)state;
    rig r;
    CUdeviceptr x = 0;
    int64_t zero = 0, one = 1;
    void *parameters[] = {&x, &zero, &x, &zero, &one, &zero};
    rig_open(&r, 0);
    assert_fine(cuLaunchKernel(r.move, 1, 1, 1, 1024, 1, 1, 0, r.stream, parameters, NULL));
    assert_cuda(cuLaunchKernel(r.move, 1, 1, 1, 1024, 2, 1, 0, r.stream, parameters, NULL), CUDA_ERROR_INVALID_VALUE);
    assert_cuda(cuLaunchKernel(r.move, 0, 1, 1, 1, 1, 1, 0, r.stream, parameters, NULL), CUDA_ERROR_INVALID_VALUE);
    assert_cuda(cuLaunchKernel(r.move, 1, 65536, 1, 1, 1, 1, 0, r.stream, parameters, NULL), CUDA_ERROR_INVALID_VALUE);
    assert_cuda(cuLaunchKernel(r.move, 1, 1, 1, 1, 1, 1, 65536, r.stream, parameters, NULL), CUDA_ERROR_INVALID_VALUE);
    assert_cuda(cuLaunchKernel(r.move, 1, 1, 1, 1, 1, 1, 0, r.stream, NULL, NULL), CUDA_ERROR_INVALID_VALUE);
    assert_objects(5);
    rig_close(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(freed_memory_is_an_illegal_address, begin),
        cmocka_unit_test_setup(a_lost_context_can_be_had_anew, begin),
        cmocka_unit_test_setup(copies_keep_within_allocations, begin),
        cmocka_unit_test_setup(fences_are_looked_at, begin),
        cmocka_unit_test_setup(reads_by_the_host_fault, begin),
        cmocka_unit_test_setup(memory_of_a_stream_is_its_own, begin),
        cmocka_unit_test_setup(peers_need_access, begin),
        cmocka_unit_test_setup(handles_of_others_are_refused, begin),
        cmocka_unit_test_setup(needs_a_context, begin),
        cmocka_unit_test_setup(children_have_no_driver, begin),
        cmocka_unit_test_setup(images_of_others_are_refused, begin),
        cmocka_unit_test_setup(the_compiler_takes_portable_texts_only, begin),
        cmocka_unit_test_setup(shapes_are_looked_at, begin),
    };
    return cmocka_run_group_tests_name("the strictness of the emulated CUDA driver", tests, NULL, NULL);
}
