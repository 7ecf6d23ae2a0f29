/* SPDX-License-Identifier: Apache-2.0 */
/* Two cards with four links between them; the second is divided in two. */
#include "tests/vendors/stub.h"

#define ME "STUB_NVML"

static char cards[2], parts[2];

typedef struct pci {
    char legacy[16];
    unsigned domain, bus, device, id, subsystem;
    char text[32];
} pci;

static unsigned number(const char *h)
{
    return (unsigned)(h >= parts && h < parts + 2 ? h - parts : h - cards);
}

static bool is_part(const char *h)
{
    return h >= parts && h < parts + 2;
}

int nvmlInit_v2(void)
{
    stub_begin(ME);
    return stub_is(ME, "fail") ? 9 : stub_is(ME, "old") ? 18 : 0;
}

const char *nvmlErrorString(int code)
{
    return code == 9 ? "Driver Not Loaded" : "Driver/library version mismatch";
}

int nvmlSystemGetDriverVersion(char *text, unsigned size)
{
    snprintf(text, size, "%s", "535.129.03");
    return 0;
}

int nvmlSystemGetNVMLVersion(char *text, unsigned size)
{
    snprintf(text, size, "%s", "12.535.129.03");
    return 0;
}

int nvmlDeviceGetCount_v2(unsigned *n)
{
    *n = (unsigned)stub_count(ME);
    return 0;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned i, char **h)
{
    *h = &cards[i];
    return 0;
}

int nvmlDeviceGetPciInfo_v3(const char *h, pci *p)
{
    *p = (pci){.bus = number(h) == 0 ? 0x1b : 0x43};
    return 0;
}

int nvmlDeviceGetMemoryInfo(const char *h, unsigned long long *bytes)
{
    bytes[0] = is_part(h) ? 10ull << 30 : 80ull << 30;
    bytes[1] = is_part(h) ? 10ull << 30 : 79ull << 30;
    bytes[2] = bytes[0] - bytes[1];
    return 0;
}

int nvmlDeviceGetUUID(const char *h, char *text, unsigned size)
{
    snprintf(text, size, "%s-00000000-0000-0000-0000-00000000000%u", is_part(h) ? "MIG" : "GPU", number(h) + 1);
    return 0;
}

int nvmlDeviceGetName(const char *h, char *text, unsigned size)
{
    snprintf(text, size, "%s", is_part(h) ? "Stub card 1g.10gb" : "Stub card 80GB");
    return 0;
}

int nvmlDeviceGetMigMode(const char *h, unsigned *now, unsigned *next)
{
    *now = *next = number(h) == 1;
    return 0;
}

int nvmlDeviceGetMaxMigDeviceCount(const char *h, unsigned *n)
{
    (void)h;
    *n = 7;
    return 0;
}

int nvmlDeviceGetMigDeviceHandleByIndex(const char *h, unsigned i, char **part)
{
    (void)h;
    *part = &parts[i < 2 ? i : 0];
    return i < 2 ? 0 : 6;
}

int nvmlDeviceGetGpuInstanceId(const char *h, unsigned *id)
{
    *id = number(h) + 1;
    return is_part(h) ? 0 : 2;
}

int nvmlDeviceGetComputeInstanceId(const char *h, unsigned *id)
{
    *id = 0;
    return is_part(h) ? 0 : 2;
}

int nvmlDeviceGetNvLinkState(const char *h, unsigned link, unsigned *active)
{
    (void)h;
    *active = link < 4;
    return link < 12 ? 0 : 2;
}

int nvmlDeviceGetNvLinkVersion(const char *h, unsigned link, unsigned *version)
{
    (void)h;
    (void)link;
    *version = 6;
    return 0;
}

int nvmlDeviceGetNvLinkRemotePciInfo_v2(const char *h, unsigned link, pci *p)
{
    (void)link;
    *p = (pci){.bus = number(h) == 0 ? 0x43 : 0x1b};
    return 0;
}

typedef struct field {
    unsigned id, scope;
    long long when, took;
    int type, result;
    unsigned value, upper;
} field;

int nvmlDeviceGetFieldValues(const char *h, int n, field *fields)
{
    (void)h;
    for (int i = 0; i < n; i++) {
        fields[i].type = 1;
        fields[i].result = fields[i].id == 90 ? 0 : 3;
        fields[i].value = 26562;
    }
    return 0;
}

int nvmlDeviceGetTopologyCommonAncestor(const char *a, const char *b, int *level)
{
    (void)a;
    (void)b;
    *level = 50;
    return 0;
}

int nvmlDeviceGetP2PStatus(const char *a, const char *b, int what, int *status)
{
    (void)a;
    (void)b;
    *status = what == 0 || what == 2 ? 0 : 1;
    return 0;
}
