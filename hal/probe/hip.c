/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HIP runtime, enumerated without a context. Declarations of our own from the HIP runtime API reference
 * (rocm.docs.amd.com/projects/HIP): functions and the values of hipError_t. Attributes are numbered anew in
 * some releases, so none is asked for.
 */
#include "hal/probe/child.h"

#include <ctype.h>
#include <stdio.h>

#define NO_DEVICE           100
#define INSUFFICIENT_DRIVER 35

static struct {
    int (*init)(unsigned);
    int (*count)(int *), (*runtime)(int *), (*get)(int *, int);
    int (*name)(char *, int, int), (*address)(char *, int, int);
    int (*memory)(size_t *, int);
    int (*uuid)(char *, int), (*peer)(int *, int, int);
    const char *(*error)(int);
} hip;

const hal_child_symbol hal_symbols_hip[] = {
    {"hipInit", &hip.init, true},
    {"hipGetDeviceCount", &hip.count, true},
    {"hipDeviceGet", &hip.get, true},
    {"hipDeviceGetName", &hip.name, true},
    {"hipDeviceGetPCIBusId", &hip.address, true},
    {"hipDeviceTotalMem", &hip.memory, true},
    {"hipGetErrorString", &hip.error, true},
    {"hipRuntimeGetVersion", &hip.runtime, false},
    {"hipDeviceGetUuid", &hip.uuid, false},
    {"hipDeviceCanAccessPeer", &hip.peer, false},
    {NULL, NULL, false},
};

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

static void tell_device(int index, int device, const hal_answer *library)
{
    char text[256] = "";
    size_t memory = 0;
    hal_answer a;
    hal_answer_init(&a, HAL_ANSWER_DEVICE, "hip");
    a.type = HAL_DEVICE_GPU;
    a.index = (uint32_t)index;
    if (hip.name(text, sizeof text, device) == 0)
        hal_child_copy(a.name, sizeof a.name, text, sizeof text);
    memset(text, 0, sizeof text);
    if (hip.address(text, sizeof text - 1, device) == 0)
        hal_child_address_text(a.address, sizeof a.address, text);
    if (hip.memory(&memory, device) == 0)
        a.memory = memory;
    read_uuid(device, &a);
    snprintf(a.user, sizeof a.user, "%s", library->user);
    hal_child_tell(&a);
}

static void tell_peer(int from, int to)
{
    int can = 0;
    hal_answer a;
    if (from == to || hip.peer == NULL || hip.peer(&can, from, to) != 0)
        return;
    hal_answer_init(&a, HAL_ANSWER_LINK, "hip");
    a.index = (uint32_t)from;
    a.peer_index = (uint32_t)to;
    a.copy = can == 1 ? HAL_COPY_DIRECT : HAL_COPY_STAGED;
    hal_child_tell(&a);
}

/* Early calls fail with NO_DEVICE where there is none. */
static hal_library_state refused(hal_answer *library, const char *call, int code)
{
    (void)hal_child_refused(library, call, code, hip.error(code));
    return code == NO_DEVICE             ? HAL_LIBRARY_OK
           : code == INSUFFICIENT_DRIVER ? HAL_LIBRARY_OLD
                                         : HAL_LIBRARY_FAILED;
}

hal_library_state hal_ask_hip(const char *subject, hal_answer *library)
{
    int n = 0, version = 0;
    (void)subject;
    int e = hip.init(0);
    if (e != 0)
        return refused(library, "hipInit", e);
    if (hip.runtime != NULL && hip.runtime(&version) == 0 && version > 0)
        snprintf(library->user, sizeof library->user, "%d.%d.%d", version / 10000000, version / 100000 % 100,
                 version % 100000);
    e = hip.count(&n);
    if (e != 0)
        return refused(library, "hipGetDeviceCount", e);
    if (n < 0 || n > (int)HAL_CHILD_DEVICES)
        return hal_child_absurd(library, "hipGetDeviceCount", n);
    for (int i = 0; i < n; i++) {
        int device = 0;
        if (hip.get(&device, i) == 0)
            tell_device(i, device, library);
    }
    for (int i = 0; i < n && i < (int)HAL_CHILD_PAIRED; i++)
        for (int k = 0; k < n && k < (int)HAL_CHILD_PAIRED; k++)
            tell_peer(i, k);
    return HAL_LIBRARY_OK;
}
