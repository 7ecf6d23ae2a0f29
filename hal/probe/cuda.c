/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CUDA driver, enumerated without a context. Declarations of our own from the CUDA Driver API reference
 * (docs.nvidia.com/cuda/cuda-driver-api): functions, the values of CUresult and of CUdevice_attribute.
 */
#include "hal/probe/child.h"

#include <stdio.h>

#define NO_DEVICE       100
#define DRIVER_MISMATCH 803 /* the user library is of another release than the kernel driver */
#define PROCESSORS      16  /* CU_DEVICE_ATTRIBUTE_... */
#define INTEGRATED      18
#define MAJOR           75
#define MINOR           76
#define OLDEST          11000 /* CUDA 11.0, as cuDriverGetVersion writes it */

static struct {
    int (*init)(unsigned);
    int (*version)(int *), (*count)(int *), (*get)(int *, int);
    int (*name)(char *, int, int), (*address)(char *, int, int);
    int (*memory)(size_t *, int);
    int (*uuid)(unsigned char *, int), (*instance)(unsigned char *, int);
    int (*attribute)(int *, int, int), (*peer)(int *, int, int);
    int (*error)(int, const char **);
} cuda;

const hal_child_symbol hal_symbols_cuda[] = {
    {"cuInit", &cuda.init, true},
    {"cuDriverGetVersion", &cuda.version, true},
    {"cuDeviceGetCount", &cuda.count, true},
    {"cuDeviceGet", &cuda.get, true},
    {"cuDeviceGetName", &cuda.name, true},
    {"cuDeviceGetPCIBusId", &cuda.address, true},
    {"cuDeviceTotalMem_v2", &cuda.memory, true},
    {"cuDeviceGetAttribute", &cuda.attribute, true},
    {"cuDeviceGetUuid", &cuda.uuid, false},
    {"cuDeviceGetUuid_v2", &cuda.instance, false},
    {"cuDeviceCanAccessPeer", &cuda.peer, false},
    {"cuGetErrorString", &cuda.error, false},
    {NULL, NULL, false},
};

static hal_library_state refused(hal_answer *library, const char *call, int code)
{
    const char *text = NULL;
    if (cuda.error != NULL)
        (void)cuda.error(code, &text);
    return hal_child_refused(library, call, code, text);
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

static void tell_device(int index, int device, const hal_answer *library)
{
    char text[128];
    size_t memory = 0;
    hal_answer a;
    hal_answer_init(&a, HAL_ANSWER_DEVICE, "cuda");
    a.type = HAL_DEVICE_GPU;
    a.index = (uint32_t)index;
    if (cuda.name(text, sizeof text, device) == 0)
        hal_child_copy(a.name, sizeof a.name, text, sizeof text);
    memset(text, 0, sizeof text);
    if (cuda.address(text, sizeof text - 1, device) == 0)
        hal_child_address_text(a.address, sizeof a.address, text);
    if (cuda.memory(&memory, device) == 0)
        a.memory = memory;
    read_uuids(device, &a);
    a.cores = (uint32_t)attribute(device, PROCESSORS);
    a.shared = attribute(device, INTEGRATED) == 1;
    if (attribute(device, MAJOR) > 0)
        snprintf(a.features, sizeof a.features, "sm_%d%d", attribute(device, MAJOR),
                 attribute(device, MINOR));
    snprintf(a.user, sizeof a.user, "%s", library->user);
    hal_child_tell(&a);
}

static void tell_peers(const int *devices, int n)
{
    for (int i = 0; i < n && cuda.peer != NULL; i++)
        for (int k = 0; k < n; k++) {
            hal_answer a;
            int can = 0;
            if (i == k || devices[i] < 0 || devices[k] < 0 || cuda.peer(&can, devices[i], devices[k]) != 0)
                continue;
            hal_answer_init(&a, HAL_ANSWER_LINK, "cuda");
            a.index = (uint32_t)i;
            a.peer_index = (uint32_t)k;
            a.copy = can == 1 ? HAL_COPY_DIRECT : HAL_COPY_STAGED;
            hal_child_tell(&a);
        }
}

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
    int n = 0, devices[HAL_CHILD_PAIRED];
    (void)subject;
    if (check_version(library) != HAL_LIBRARY_OK)
        return HAL_LIBRARY_OLD;
    int e = cuda.init(0);
    if (e == NO_DEVICE) {
        (void)refused(library, "cuInit", e); /* no failure: it looked, and there is none */
        return HAL_LIBRARY_OK;
    }
    if (e != 0) {
        (void)refused(library, "cuInit", e);
        return e == DRIVER_MISMATCH ? HAL_LIBRARY_OLD : HAL_LIBRARY_FAILED;
    }
    e = cuda.count(&n);
    if (e != 0)
        return refused(library, "cuDeviceGetCount", e);
    if (n < 0 || n > (int)HAL_CHILD_DEVICES)
        return hal_child_absurd(library, "cuDeviceGetCount", n);
    for (int i = 0; i < n; i++) {
        int device = -1;
        if (cuda.get(&device, i) == 0)
            tell_device(i, device, library);
        if (i < (int)HAL_CHILD_PAIRED)
            devices[i] = device;
    }
    tell_peers(devices, n < (int)HAL_CHILD_PAIRED ? n : (int)HAL_CHILD_PAIRED);
    return HAL_LIBRARY_OK;
}
