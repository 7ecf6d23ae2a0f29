/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/vendors/stub.h"

#define ME "STUB_CUDA"

int cuInit(unsigned flags)
{
    (void)flags;
    stub_begin(ME);
    return stub_is(ME, "fail") ? 999 : stub_is(ME, "none") ? 100 : 0;
}

int cuDriverGetVersion(int *version)
{
    *version = stub_is(ME, "old") ? 10020 : 12020;
    return 0;
}

int cuGetErrorString(int code, const char **text)
{
    *text = code == 100 ? "no CUDA-capable device is detected" : "unknown error";
    return 0;
}

int cuDeviceGetCount(int *n)
{
    *n = stub_count(ME);
    return 0;
}

int cuDeviceGet(int *device, int i)
{
    *device = i;
    return 0;
}

int cuDeviceGetName(char *text, int size, int device)
{
    (void)device;
    memset(text, 'x', (size_t)size); /* as a library that forgets the end */
    memcpy(text, "Stub card 80GB", 14);
    return 0;
}

int cuDeviceGetPCIBusId(char *text, int size, int device)
{
    snprintf(text, (size_t)size, "0000:%s:00.0", device == 0 ? "1B" : "43");
    return 0;
}

int cuDeviceTotalMem_v2(size_t *bytes, int device)
{
    (void)device;
    *bytes = 79ull << 30;
    return 0;
}

int cuDeviceGetUuid(unsigned char *uuid, int device)
{
    memset(uuid, 0, 16);
    uuid[15] = (unsigned char)(device + 1);
    return 0;
}

int cuDeviceGetAttribute(int *value, int which, int device)
{
    (void)device;
    *value = which == 16 ? 132 : which == 75 ? 9 : 0;
    return 0;
}

int cuDeviceCanAccessPeer(int *can, int from, int to)
{
    *can = from != to;
    return 0;
}
