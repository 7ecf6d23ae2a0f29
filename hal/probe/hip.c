/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HIP runtime, enumerated without a context. Declarations of our own from the HIP runtime API reference
 * (rocm.docs.amd.com/projects/HIP): functions and the values of hipError_t. Attributes are numbered anew in
 * some releases, so none is asked for.
 */
#include "hal/probe/cuda_shape.h"

#include <ctype.h>
#include <stdio.h>

#define NO_DEVICE           100 /* early calls fail so where there is none */
#define INSUFFICIENT_DRIVER 35

static hal_cuda_calls calls;
static struct {
    int (*runtime)(int *);
    int (*uuid)(char *, int);
    const char *(*error)(int);
} hip;

const hal_child_symbol hal_symbols_hip[] = {
    {"hipInit", &calls.init, true},
    {"hipGetDeviceCount", &calls.count, true},
    {"hipDeviceGet", &calls.get, true},
    {"hipDeviceGetName", &calls.name, true},
    {"hipDeviceGetPCIBusId", &calls.address, true},
    {"hipDeviceTotalMem", &calls.memory, true},
    {"hipGetErrorString", &hip.error, true},
    {"hipRuntimeGetVersion", &hip.runtime, false},
    {"hipDeviceGetUuid", &hip.uuid, false},
    {"hipDeviceCanAccessPeer", &calls.peer, false},
    {NULL, NULL, false},
};

static const char *meaning(int code)
{
    return hip.error(code);
}

static void read_version(hal_answer *library)
{
    int version = 0;
    if (hip.runtime != NULL && hip.runtime(&version) == 0 && version > 0)
        snprintf(library->user, sizeof library->user, "%d.%d.%d", version / 10000000, version / 100000 % 100,
                 version % 100000);
}

/* Sixteen hexadecimal digits, in letters; some releases give bytes instead, which are of no use. */
static void read_uuid(int device, hal_answer *a)
{
    char id[17] = "";
    if (hip.uuid == NULL || hip.uuid(id, device) != 0)
        return;
    for (int i = 0; i < 16; i++)
        if (!isxdigit((unsigned char)id[i]))
            return;
    snprintf(a->uuid, sizeof a->uuid, "GPU-%.16s", id);
}

static const hal_cuda_shape shape = {
    .api = "hip",
    .init = "hipInit",
    .count = "hipGetDeviceCount",
    .calls = &calls,
    .none = NO_DEVICE,
    .mismatch = INSUFFICIENT_DRIVER,
    .meaning = meaning,
    .begun = read_version,
    .complete = read_uuid,
};

hal_library_state hal_ask_hip(const char *subject, hal_answer *library)
{
    (void)subject;
    return hal_cuda_shape_ask(&shape, library);
}
