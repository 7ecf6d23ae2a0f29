/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/vendors/stub.h"

#define ME "STUB_HIP"

int hipInit(unsigned flags)
{
    (void)flags;
    stub_begin(ME);
    return stub_is(ME, "fail") ? 999 : stub_is(ME, "old") ? 35 : 0;
}

const char *hipGetErrorString(int code)
{
    return code == 35 ? "driver version is insufficient for runtime version" : "unknown error";
}

int hipRuntimeGetVersion(int *version)
{
    *version = 50221153;
    return 0;
}

int hipGetDeviceCount(int *n)
{
    *n = stub_count(ME);
    return *n > 0 ? 0 : 100;
}

int hipDeviceGet(int *device, int i)
{
    *device = i;
    return 0;
}

int hipDeviceGetName(char *text, int size, int device)
{
    (void)device;
    snprintf(text, (size_t)size, "Stub \xc3\x84 card\t\x01");
    return 0;
}

int hipDeviceGetPCIBusId(char *text, int size, int device)
{
    snprintf(text, (size_t)size, "0000:%s:00.0", device == 0 ? "0c" : "15");
    return 0;
}

int hipDeviceTotalMem(size_t *bytes, int device)
{
    (void)device;
    *bytes = 192ull << 30;
    return 0;
}

int hipDeviceGetUuid(char *text, int device)
{
    char id[32];
    snprintf(id, sizeof id, "%016x", 0xabc0 + device);
    memcpy(text, id, 16);
    return 0;
}

int hipDeviceCanAccessPeer(int *can, int from, int to)
{
    *can = from < to;
    return 0;
}
