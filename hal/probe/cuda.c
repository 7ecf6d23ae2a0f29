/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CUDA driver, enumerated without a context. Declarations of our own from the CUDA Driver API reference
 * (docs.nvidia.com/cuda/cuda-driver-api): functions, the values of CUresult and of CUdevice_attribute.
 */
#include "hal/probe/cuda_shape.h"

#include <stdio.h>

#define NO_DEVICE       100
#define DRIVER_MISMATCH 803 /* the user library is of another release than the kernel driver */
#define PROCESSORS      16  /* CU_DEVICE_ATTRIBUTE_... */
#define INTEGRATED      18
#define MAJOR           75
#define MINOR           76
#define OLDEST          11000 /* CUDA 11.0, as cuDriverGetVersion writes it */

static hal_cuda_calls calls;
static struct {
    int (*version)(int *);
    int (*uuid)(unsigned char *, int), (*instance)(unsigned char *, int);
    int (*attribute)(int *, int, int);
    int (*error)(int, const char **);
    /* A text that drivers export which compute on something else. */
    const char *emulated;
} cuda;

const hal_child_symbol hal_symbols_cuda[] = {
    {"cuInit", &calls.init, true},
    {"cuDriverGetVersion", &cuda.version, true},
    {"cuDeviceGetCount", &calls.count, true},
    {"cuDeviceGet", &calls.get, true},
    {"cuDeviceGetName", &calls.name, true},
    {"cuDeviceGetPCIBusId", &calls.address, true},
    {"cuDeviceTotalMem_v2", &calls.memory, true},
    {"cuDeviceGetAttribute", &cuda.attribute, true},
    {"cuDeviceGetUuid", &cuda.uuid, false},
    {"cuDeviceGetUuid_v2", &cuda.instance, false},
    {"cuDeviceCanAccessPeer", &calls.peer, false},
    {"cuGetErrorString", &cuda.error, false},
    {"hal_emulated_cuda", &cuda.emulated, false},
    {NULL, NULL, false},
};

static const char *meaning(int code)
{
    const char *text = NULL;
    if (cuda.error != NULL)
        (void)cuda.error(code, &text);
    return text;
}

static int attribute(int device, int which)
{
    int value = 0;
    return cuda.attribute(&value, which, device) == 0 ? value : 0;
}

/* A divided card shows one instance: the second function tells its id, the first that of the card. */
static void read_uuids(int device, hal_answer *a)
{
    unsigned char card[16] = {0}, instance[16] = {0};
    const bool has_card = cuda.uuid != NULL && cuda.uuid(card, device) == 0;
    const bool has_instance = cuda.instance != NULL && cuda.instance(instance, device) == 0;
    if (has_card && has_instance && memcmp(card, instance, sizeof card) != 0) {
        hal_child_uuid(a->uuid, sizeof a->uuid, "MIG-", instance);
        hal_child_uuid(a->parent, sizeof a->parent, "GPU-", card);
    } else if (has_card || has_instance)
        hal_child_uuid(a->uuid, sizeof a->uuid, "GPU-", has_card ? card : instance);
}

static void complete(int device, hal_answer *a)
{
    const int major = attribute(device, MAJOR);
    read_uuids(device, a);
    a->cores = (uint32_t)attribute(device, PROCESSORS);
    a->shared = attribute(device, INTEGRATED) == 1;
    if (major > 0)
        snprintf(a->features, sizeof a->features, "sm_%d%d%s", major, attribute(device, MINOR),
                 cuda.emulated != NULL ? " emulated" : "");
}

static const hal_cuda_shape shape = {
    .api = "cuda",
    .init = "cuInit",
    .count = "cuDeviceGetCount",
    .calls = &calls,
    .none = NO_DEVICE,
    .mismatch = DRIVER_MISMATCH,
    .meaning = meaning,
    .complete = complete,
};

static hal_library_state check_version(hal_answer *library)
{
    int version = 0;
    if (cuda.version(&version) != 0)
        return HAL_LIBRARY_OK; /* cuInit tells why */
    snprintf(library->user, sizeof library->user, "CUDA %d.%d", version / 1000, version % 1000 / 10);
    if (version >= OLDEST)
        return HAL_LIBRARY_OK;
    snprintf(library->required, sizeof library->required, "CUDA 11.0");
    snprintf(library->text, sizeof library->text, "the driver speaks %s", library->user);
    return HAL_LIBRARY_OLD;
}

hal_library_state hal_ask_cuda(const char *subject, hal_answer *library)
{
    (void)subject;
    const hal_library_state state = check_version(library);
    return state == HAL_LIBRARY_OK ? hal_cuda_shape_ask(&shape, library) : state;
}
