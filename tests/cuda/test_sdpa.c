/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real cuDNN is asked about attention as hal describes it, for devices that are only described to it (A100, H100): it takes
 * the descriptors, has an engine for each, and prepares it. Nothing is run. The library is of the system, of the running
 * Python, or of the directory HAL_TEST_LIBRARIES; a driver need not be there, for which a stand-in is loaded.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <hal/ops.h>

#include "backends/cuda/sdpa.h"

/* The first version that knows masks in an attention. */
enum { LEAST_VERSION = 92100 };

static const hal_cuda_dnn_api *api;
static char lacking[1200]; /* what this machine lacks; empty: nothing */
static const char *const devices[] = {
    "\"deviceName\":\"NVIDIA A100-SXM4-80GB\",\"deviceVer\":800,\"multiProcessorCount\":108,\"l2CacheSize\":41943040,"
    "\"maxSharedMemoryPerBlockOptin\":166912,\"oversizedSharedMemoryPerBlock\":166912,\"memoryBusWidth\":5120,"
    "\"smClockRateKHz\":1410000,\"memClockRateKHz\":1593000",
    "\"deviceName\":\"NVIDIA H100 80GB HBM3\",\"deviceVer\":900,\"multiProcessorCount\":132,\"l2CacheSize\":52428800,"
    "\"maxSharedMemoryPerBlockOptin\":232448,\"oversizedSharedMemoryPerBlock\":232448,\"memoryBusWidth\":5120,"
    "\"smClockRateKHz\":1980000,\"memClockRateKHz\":2619000"};
static cudnnBackendDescriptor_t described[2];

/* ------------------------------------------------------------------------------------------ surroundings -- */

static cudnnBackendDescriptor_t describe_device(const char *own)
{
    char text[1200];
    cudnnBackendDescriptor_t d = NULL;
    const int n = snprintf(text, sizeof text,
                           "{%s,\"cudaDeviceId\":0,\"driverVer\":13000,\"totalGlobalMem\":85000000000,"
                           "\"maxGridSize\":[2147483647,65535,65535],\"maxBlockSize\":[1024,1024,64],"
                           "\"regsPerBlock\":65536,\"smCountOrigin\":0,\"warpSize\":32,\"maxSharedMemoryPerBlock\":49152,"
                           "\"reservedSharedMemoryPerBlock\":1024,\"maxRegistersPerSM\":65536,\"maxCtasPerSM\":32,"
                           "\"maxThreadsPerBlock\":1024,\"maxThreadsPerSM\":2048,\"pciDeviceId\":0,\"isTccDriver\":0,"
                           "\"supportCoopLaunch\":1}",
                           own);
    cudnnStatus_t code = api->cudnnBackendCreateDescriptor(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR, &d);
    if (code == CUDNN_STATUS_SUCCESS)
        code = api->cudnnBackendSetAttribute(d, CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR, n + 1, text);
    if (code == CUDNN_STATUS_SUCCESS)
        code = api->cudnnBackendFinalize(d);
    if (code == CUDNN_STATUS_SUCCESS)
        return d;
    api->cudnnGetLastErrorString(text, sizeof text);
    snprintf(lacking, sizeof lacking, "cuDNN takes no description of a device: %s (%d) %.800s",
             api->cudnnGetErrorString(code), (int)code, text);
    return NULL;
}

/* A driver comes first, since parts of cuDNN are linked to one. */
static void open_libraries(void)
{
    char path[600];
    const char *build = getenv("top_builddir"), *given = getenv("HAL_TEST_LIBRARIES"), *why;
    if (dlopen("libcuda.so.1", RTLD_NOW | RTLD_GLOBAL) == NULL) {
        snprintf(path, sizeof path, "%s/.libs/libdriverless.so", build != NULL ? build : ".");
        if (dlopen(path, RTLD_NOW | RTLD_GLOBAL) == NULL)
            fail_msg("%s", dlerror());
    }
    snprintf(path, sizeof path, "%s/libcudnn.so.9", given != NULL ? given : ".");
    void *library = given != NULL ? dlopen(path, RTLD_NOW | RTLD_GLOBAL) : NULL;
    api = hal_cuda_dnn_load(&why);
    if (api == NULL) {
        snprintf(lacking, sizeof lacking, "cuDNN: %s", why);
        return;
    }
    if (library == NULL)
        library = dlopen("libcudnn.so.9", RTLD_NOW | RTLD_NOLOAD);
    size_t (*version)(void) = NULL;
    if (library != NULL)
        *(void **)&version = dlsym(library, "cudnnGetVersion");
    if (version != NULL && version() < LEAST_VERSION)
        snprintf(lacking, sizeof lacking, "cuDNN %zu is older than %d", version(), LEAST_VERSION);
    else if (version != NULL)
        print_message("cuDNN %zu\n", version());
}

static int setup(void **state)
{
    (void)state;
    open_libraries();
    for (int i = 0; i < 2 && *lacking == '\0'; i++)
        described[i] = describe_device(devices[i]);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++)
        if (described[i] != NULL)
            api->cudnnBackendDestroyDescriptor(described[i]);
    return 0;
}

/* ------------------------------------------------------------------------------------------------ calls -- */

/* `by_rows`: [b, t, h, d] in memory, as projections leave it. */
typedef struct shape {
    hal_dtype dtype;
    int64_t b, hq, hk, t, s, d, e, causal;
    bool by_rows;
} shape;

static hal_portable_operand tensor(hal_dtype dtype, int64_t b, int64_t h, int64_t n, int64_t d, bool by_rows)
{
    const uint32_t width = dtype == HAL_F32 ? 4 : 2;
    hal_portable_operand o = {.dtype = dtype, .width = width, .rank = 4, .n = b * h * n * d, .size = {b, h, n, d}};
    const int64_t stride[4] = {h * n * d, by_rows ? d : n * d, by_rows ? h * d : d, 1};
    for (int i = 0; i < 4; i++)
        o.stride[i] = stride[i] * (int64_t)width;
    return o;
}

static bool form_of(const shape *x, hal_cuda_attention *form)
{
    const hal_attention_attrs attrs = {HAL_HEAD(hal_attention_attrs), .causal = x->causal};
    hal_portable_operand operand[5] = {
        tensor(x->dtype, x->b, x->hq, x->t, x->d, x->by_rows), tensor(x->dtype, x->b, x->hk, x->s, x->d, x->by_rows),
        tensor(x->dtype, x->b, x->hk, x->s, x->e, x->by_rows), tensor(x->dtype, x->b, x->hq, x->t, x->e, x->by_rows),
        tensor(HAL_F32, 1, x->b, x->hq, x->t, false)};
    for (int i = 0; i < 3; i++) {
        operand[4].size[i] = operand[4].size[i + 1];
        operand[4].stride[i] = operand[4].stride[i + 1];
    }
    operand[4].rank = 3;
    const hal_portable_call call = {.op = HAL_OP_ATTENTION, .n_in = 3, .n_out = 2, .attrs = &attrs, .operand = operand};
    return hal_cuda_attention_make(&call, form);
}

static cudnnStatus_t prepare(const shape *x, int device)
{
    const hal_cuda_sdpa_target target = {.device = described[device]};
    hal_cuda_attention form;
    hal_cuda_sdpa *made = NULL;
    if (!form_of(x, &form))
        fail_msg("d=%lld e=%lld is not told to the library", (long long)x->d, (long long)x->e);
    const cudnnStatus_t code = hal_cuda_sdpa_create(api, &target, &form, &made);
    if (code == CUDNN_STATUS_SUCCESS) {
        assert_true(hal_cuda_sdpa_workspace(made) >= 0);
        hal_cuda_sdpa_free(made);
    }
    return code;
}

static void need_library(void)
{
    if (*lacking == '\0')
        return;
    print_message("%s\n", lacking);
    skip();
}

/* ------------------------------------------------------------------------------------------------ tests -- */

static const shape served[] = {
    {HAL_BF16, 2, 12, 12, 1024, 1024, 64, 64, 1, true},  {HAL_BF16, 2, 12, 12, 1024, 1024, 64, 64, 1, true},
    {HAL_BF16, 1, 32, 8, 64, 256, 128, 128, 1, false},   {HAL_BF16, 1, 32, 8, 512, 512, 128, 128, 1, true},
    {HAL_F16, 1, 2, 2, 200, 200, 80, 80, 0, false},      {HAL_F16, 2, 8, 8, 256, 300, 64, 64, 0, false},
    {HAL_BF16, 1, 2, 2, 65, 65, 32, 32, 1, true},        {HAL_BF16, 4, 32, 8, 1, 777, 128, 128, 1, false},
};

/* In turn for an A100 and an H100: each takes half a second. */
static void the_library_prepares_each_attention(void **state)
{
    (void)state;
    need_library();
    for (int i = 0; i < (int)(sizeof served / sizeof served[0]); i++) {
        char said[400] = "";
        const cudnnStatus_t code = prepare(&served[i], i % 2);
        if (code != CUDNN_STATUS_SUCCESS)
            api->cudnnGetLastErrorString(said, sizeof said);
        if (code != CUDNN_STATUS_SUCCESS)
            fail_msg("attention %d: %s (%d) %s", i, api->cudnnGetErrorString(code), (int)code, said);
    }
}

/* Heads that do not share keys evenly: it says so, and they would be left to hal's own kernels. */
static void what_the_library_does_not_do_is_told(void **state)
{
    static const shape other = {HAL_BF16, 1, 6, 4, 128, 128, 64, 64, 1, false};
    (void)state;
    need_library();
    assert_int_equal(CUDNN_STATUS_CATEGORY((int)prepare(&other, 1)), CUDNN_STATUS_BAD_PARAM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_library_prepares_each_attention),
        cmocka_unit_test(what_the_library_does_not_do_is_told),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
