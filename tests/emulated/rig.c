/* SPDX-License-Identifier: Apache-2.0 */
#include "rig.h"

#include "ops/portable/portable.h"

int nvrtcCreateProgram(void **program, const char *text, const char *name, int n, const char *const *headers,
    const char *const *names);
int nvrtcCompileProgram(void *program, int n, const char *const *options);
int nvrtcGetCUBINSize(void *program, size_t *bytes);
int nvrtcGetCUBIN(void *program, char *to);
int nvrtcDestroyProgram(void **program);

char *rig_text(const char *file, const char *options) {
    hal_portable_program program = {.file = file};
    snprintf(program.options, sizeof program.options, "%s", options);
    char *text = hal_portable_source(&program);
    assert_non_null(text);
    return text;
}

int rig_compile(const char *text, const char *const *options, int n, char **image, size_t *bytes) {
    void *program = NULL;
    *image = NULL;
    assert_int_equal(nvrtcCreateProgram(&program, text, "text", 0, NULL, NULL), 0);
    const int e = nvrtcCompileProgram(program, n, options);
    if (e == 0) {
        assert_int_equal(nvrtcGetCUBINSize(program, bytes), 0);
        *image = malloc(*bytes);
        assert_non_null(*image);
        assert_int_equal(nvrtcGetCUBIN(program, *image), 0);
    }
    assert_int_equal(nvrtcDestroyProgram(&program), 0);
    return e;
}

const char *rig_image(size_t *bytes) {
    static const char *const options[] = {"--gpu-architecture=sm_75", "--fmad=false", "--std=c++17"};
    static char *image;
    static size_t length;
    if (!image) {
        char *text = rig_text("move", "HAL_FP64 W=4");
        assert_int_equal(rig_compile(text, options, 3, &image, &length), 0);
        free(text);
    }
    if (bytes) *bytes = length;
    return image;
}

void rig_open(rig *r, int device) {
    *r = (rig){0};
    assert_fine(cuInit(0));
    assert_fine(cuDeviceGet(&r->device, device));
    assert_fine(cuDevicePrimaryCtxRetain(&r->context, r->device));
    assert_fine(cuCtxPushCurrent(r->context));
    assert_fine(cuModuleLoadData(&r->module, rig_image(NULL)));
    assert_fine(cuModuleGetFunction(&r->move, r->module, "move_dense"));
    assert_fine(cuModuleGetFunction(&r->fill, r->module, "fill"));
    assert_fine(cuStreamCreate(&r->stream, CU_STREAM_NON_BLOCKING));
}

/* Of a context that is lost nothing can be given back but the context. */
void rig_close(rig *r) {
    cuStreamDestroy(r->stream);
    cuModuleUnload(r->module);
    assert_fine(cuCtxPopCurrent(NULL));
    assert_fine(cuDevicePrimaryCtxRelease(r->device));
}

CUresult rig_move(const rig *r, CUstream stream, CUdeviceptr x, CUdeviceptr y, int64_t n) {
    int64_t zero = 0, run = 1;
    void *parameters[] = {&x, &zero, &y, &zero, &run, &n};
    return cuLaunchKernel(r->move, (unsigned)((n + 63) / 64), 1, 1, 64, 1, 1, 0, stream, parameters, NULL);
}

CUdeviceptr rig_alloc(size_t bytes) {
    CUdeviceptr at = 0;
    assert_fine(cuMemAlloc(&at, bytes));
    return at;
}

void rig_check(uint64_t wrongs) {
    char text[512] = "";
    if (hal_emulated_cuda_live(text, sizeof text) > 0) fail_msg("left behind: %s", text);
    assert_int_equal(hal_emulated_cuda_wrong(), wrongs);
}
