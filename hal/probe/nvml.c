/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NVML: management of NVIDIA's cards. Declarations of our own from the NVML API Reference Guide
 * (docs.nvidia.com/deploy/ nvml-api): functions, structures and the values of nvmlReturn_t,
 * nvmlGpuTopologyLevel_t, nvmlGpuP2PStatus_t, nvmlGpuP2PCapsIndex_t, nvmlNvLinkVersion_t and field value 90.
 */
#include "hal/probe/child.h"

#include <stdio.h>

#define LINKS            18 /* a card has at most */
#define P2P_READ         0
#define P2P_NVLINK       2
#define FIELD_LINK_SPEED 90 /* MB/s of one link in one direction */
#define VALUE_UNSIGNED   1
#define MISMATCH         18 /* the library is of another release than the kernel driver */
#define REMOTE_IS_SWITCH 2
#define ONE_MEGABYTE     1000000u

typedef struct device *handle;
typedef struct pci {
    char legacy[16];
    unsigned domain, bus, device, id, subsystem;
    char text[32];
} pci;
typedef struct memory {
    unsigned long long total, free, used;
} memory;
typedef struct field {
    unsigned id, scope;
    long long when, took;
    int type, result;
    union {
        double real;
        unsigned number;
        unsigned long long wide;
    } value;
} field;

static struct {
    int (*init)(void);
    const char *(*error)(int);
    int (*driver)(char *, unsigned), (*version)(char *, unsigned);
    int (*count)(unsigned *), (*by_index)(unsigned, handle *);
    int (*pci)(handle, pci *), (*memory)(handle, memory *);
    int (*uuid)(handle, char *, unsigned), (*name)(handle, char *, unsigned),
        (*serial)(handle, char *, unsigned);
    int (*vbios)(handle, char *, unsigned);
    int (*capability)(handle, int *, int *);
    int (*link_state)(handle, unsigned, unsigned *), (*link_version)(handle, unsigned, unsigned *);
    int (*link_remote)(handle, unsigned, pci *), (*link_type)(handle, unsigned, int *);
    int (*fields)(handle, int, field *);
    int (*ancestor)(handle, handle, int *), (*p2p)(handle, handle, int, int *);
    int (*mig_mode)(handle, unsigned *, unsigned *), (*mig_most)(handle, unsigned *);
    int (*mig_at)(handle, unsigned, handle *);
    int (*mig_gpu)(handle, unsigned *), (*mig_compute)(handle, unsigned *);
} nvml;

const hal_child_symbol hal_symbols_nvml[] = {
    {"nvmlInit_v2", &nvml.init, true},
    {"nvmlErrorString", &nvml.error, true},
    {"nvmlSystemGetDriverVersion", &nvml.driver, true},
    {"nvmlSystemGetNVMLVersion", &nvml.version, false},
    {"nvmlDeviceGetCount_v2", &nvml.count, true},
    {"nvmlDeviceGetHandleByIndex_v2", &nvml.by_index, true},
    {"nvmlDeviceGetPciInfo_v3", &nvml.pci, true},
    {"nvmlDeviceGetMemoryInfo", &nvml.memory, true},
    {"nvmlDeviceGetUUID", &nvml.uuid, true},
    {"nvmlDeviceGetName", &nvml.name, true},
    {"nvmlDeviceGetSerial", &nvml.serial, false},
    {"nvmlDeviceGetVbiosVersion", &nvml.vbios, false},
    {"nvmlDeviceGetCudaComputeCapability", &nvml.capability, false},
    {"nvmlDeviceGetNvLinkState", &nvml.link_state, false},
    {"nvmlDeviceGetNvLinkVersion", &nvml.link_version, false},
    {"nvmlDeviceGetNvLinkRemotePciInfo_v2", &nvml.link_remote, false},
    {"nvmlDeviceGetNvLinkRemoteDeviceType", &nvml.link_type, false},
    {"nvmlDeviceGetFieldValues", &nvml.fields, false},
    {"nvmlDeviceGetTopologyCommonAncestor", &nvml.ancestor, false},
    {"nvmlDeviceGetP2PStatus", &nvml.p2p, false},
    {"nvmlDeviceGetMigMode", &nvml.mig_mode, false},
    {"nvmlDeviceGetMaxMigDeviceCount", &nvml.mig_most, false},
    {"nvmlDeviceGetMigDeviceHandleByIndex", &nvml.mig_at, false},
    {"nvmlDeviceGetGpuInstanceId", &nvml.mig_gpu, false},
    {"nvmlDeviceGetComputeInstanceId", &nvml.mig_compute, false},
    {NULL, NULL, false},
};

/* A card and its active links. */
typedef struct card {
    handle handle;
    char address[20], uuid[80];
    unsigned links, generation;
    uint64_t bandwidth; /* of one link */
    bool mig;
} card;
static card cards[HAL_CHILD_PAIRED];

static void read_text(int (*get)(handle, char *, unsigned), handle h, char *out, unsigned size)
{
    char text[128];
    if (get != NULL && get(h, text, sizeof text) == 0)
        hal_child_copy(out, size, text, sizeof text);
}

static void read_memory(handle h, hal_answer *a)
{
    memory m = {0, 0, 0};
    if (nvml.memory(h, &m) == 0) {
        a->memory = m.total;
        a->free = m.free;
    }
}

static bool mig_enabled(handle h)
{
    unsigned now = 0, next = 0;
    return nvml.mig_mode != NULL && nvml.mig_mode(h, &now, &next) == 0 && now == 1;
}

static void read_features(handle h, bool mig, hal_answer *a)
{
    int major = 0, minor = 0;
    if (nvml.capability != NULL && nvml.capability(h, &major, &minor) == 0)
        snprintf(a->features, sizeof a->features, "sm_%d%d%s", major, minor, mig ? " mig" : "");
    else if (mig)
        snprintf(a->features, sizeof a->features, "mig");
}

static void read_part(handle h, hal_answer *a)
{
    unsigned gpu, compute;
    if (nvml.mig_gpu != NULL && nvml.mig_compute != NULL && nvml.mig_gpu(h, &gpu) == 0 &&
        nvml.mig_compute(h, &compute) == 0)
        snprintf(a->part, sizeof a->part, "gi%uci%u", gpu, compute);
}

/* Instances of a card that is divided. */
static void tell_instances(const card *c)
{
    unsigned most = 0;
    handle h;
    if (!c->mig || nvml.mig_most == NULL || nvml.mig_at == NULL || nvml.mig_most(c->handle, &most) != 0)
        return;
    for (unsigned i = 0; i < most && i < 64; i++) {
        hal_answer a;
        if (nvml.mig_at(c->handle, i, &h) != 0)
            continue;
        hal_answer_init(&a, HAL_ANSWER_DEVICE, "nvml");
        a.type = HAL_DEVICE_GPU;
        a.index = i;
        snprintf(a.parent, sizeof a.parent, "%s", c->uuid);
        read_text(nvml.uuid, h, a.uuid, sizeof a.uuid);
        read_text(nvml.name, h, a.name, sizeof a.name);
        read_memory(h, &a);
        read_part(h, &a);
        snprintf(a.features, sizeof a.features, "mig");
        hal_child_tell(&a);
    }
}

static void tell_card(card *c, unsigned index, const char *driver)
{
    hal_answer a;
    pci p = {.domain = 0};
    hal_answer_init(&a, HAL_ANSWER_DEVICE, "nvml");
    a.type = HAL_DEVICE_GPU;
    a.index = index;
    if (nvml.pci(c->handle, &p) == 0)
        hal_child_address(c->address, sizeof c->address, p.domain, p.bus, p.device, 0);
    read_text(nvml.uuid, c->handle, c->uuid, sizeof c->uuid);
    c->mig = mig_enabled(c->handle);
    snprintf(a.address, sizeof a.address, "%s", c->address);
    snprintf(a.uuid, sizeof a.uuid, "%s", c->uuid);
    snprintf(a.driver, sizeof a.driver, "%s", driver);
    read_text(nvml.name, c->handle, a.name, sizeof a.name);
    read_text(nvml.serial, c->handle, a.serial, sizeof a.serial);
    read_text(nvml.vbios, c->handle, a.firmware, sizeof a.firmware);
    read_memory(c->handle, &a);
    read_features(c->handle, c->mig, &a);
    hal_child_tell(&a);
    tell_instances(c);
}

/* ----------------------------------------------------------------------------------------------- links -- */

/* nvmlNvLinkVersion_t counts half steps. */
static unsigned generation_of(unsigned version)
{
    static const unsigned generations[] = {0, 1, 2, 2, 3, 3, 4, 5};
    return version < sizeof generations / sizeof generations[0] ? generations[version] : 0;
}

static uint64_t link_bandwidth(handle h)
{
    field f = {.id = FIELD_LINK_SPEED};
    if (nvml.fields == NULL || nvml.fields(h, 1, &f) != 0 || f.result != 0 || f.type != VALUE_UNSIGNED)
        return 0;
    return (uint64_t)f.value.number * ONE_MEGABYTE;
}

static void link_init(hal_answer *a, const card *c, const char *kind, unsigned lanes)
{
    hal_answer_init(a, HAL_ANSWER_LINK, "nvml");
    snprintf(a->address, sizeof a->address, "%s", c->address);
    snprintf(a->link, sizeof a->link, "%s", kind);
    a->lanes = lanes;
    if (lanes > 0) {
        a->generation = c->generation;
        a->bandwidth = c->bandwidth * lanes;
    }
}

/* What active links lead to, and how many lead there; up to the first without any. */
typedef struct link_end {
    char address[20];
    unsigned lanes;
} link_end;

/* The end of an active link; false for others. */
static bool follow_link(card *c, unsigned i, char *address, size_t size)
{
    pci p = {.domain = 0};
    unsigned active, version;
    if (nvml.link_state(c->handle, i, &active) != 0 || active != 1 || nvml.link_remote(c->handle, i, &p) != 0)
        return false;
    c->links++;
    if (nvml.link_version != NULL && nvml.link_version(c->handle, i, &version) == 0)
        c->generation = generation_of(version);
    hal_child_address(address, size, p.domain, p.bus, p.device, 0);
    return true;
}

static void collect_links(card *c, link_end ends[LINKS])
{
    for (unsigned i = 0; i < LINKS; i++) {
        char address[sizeof ends->address] = "";
        link_end *end = ends;
        if (!follow_link(c, i, address, sizeof address))
            continue;
        while (end->lanes > 0 && strcmp(end->address, address) != 0)
            end++;
        memcpy(end->address, address, sizeof address);
        end->lanes++;
    }
}

/* Its active links, those to the same end taken together. */
static void tell_links(card *c)
{
    link_end ends[LINKS] = {{.lanes = 0}};
    hal_answer a;
    c->bandwidth = link_bandwidth(c->handle);
    if (nvml.link_state != NULL && nvml.link_remote != NULL)
        collect_links(c, ends);
    for (unsigned i = 0; i < LINKS && ends[i].lanes > 0; i++) {
        link_init(&a, c, "nvlink", ends[i].lanes);
        memcpy(a.peer, ends[i].address, sizeof a.peer);
        snprintf(a.path, sizeof a.path, "NVL");
        a.hops = 1;
        a.copy = HAL_COPY_DIRECT;
        hal_child_tell(&a);
    }
}

/* nvmlGpuTopologyLevel_t in NCCL's words. */
static const char *path_of(int level)
{
    return level == 10   ? "PIX"
           : level == 20 ? "PXB"
           : level == 30 ? "PHB"
           : level == 40 ? "NODE"
           : level == 50 ? "SYS"
                         : "";
}

/* What lies between two cards: PCI, and NVLink through switches, which have no end in common. */
static void tell_pair(const card *from, const card *to)
{
    hal_answer a;
    int level = 0, status = -1;
    if (nvml.ancestor == NULL || nvml.ancestor(from->handle, to->handle, &level) != 0)
        return;
    link_init(&a, from, "pcie", 0);
    snprintf(a.peer, sizeof a.peer, "%s", to->address);
    snprintf(a.path, sizeof a.path, "%s", path_of(level));
    if (nvml.p2p != NULL && nvml.p2p(from->handle, to->handle, P2P_READ, &status) == 0)
        a.copy = status == 0 ? HAL_COPY_DIRECT : HAL_COPY_STAGED;
    hal_child_tell(&a);
    if (from->links == 0 || nvml.p2p == NULL ||
        nvml.p2p(from->handle, to->handle, P2P_NVLINK, &status) != 0 || status != 0)
        return;
    link_init(&a, from, "nvlink", from->links < to->links ? from->links : to->links);
    snprintf(a.peer, sizeof a.peer, "%s", to->address);
    snprintf(a.path, sizeof a.path, "NVL");
    a.hops = 2;
    a.copy = HAL_COPY_NATIVE;
    hal_child_tell(&a);
}

static hal_library_state tell_all(unsigned n, hal_answer *library)
{
    unsigned known = 0;
    for (unsigned i = 0; i < n; i++) {
        card one = {NULL, "", "", 0, 0, 0, false};
        if (nvml.by_index(i, &one.handle) != 0)
            continue; /* one lost card hides no other */
        tell_card(&one, i, library->driver);
        tell_links(&one);
        if (known < HAL_CHILD_PAIRED)
            cards[known++] = one;
    }
    for (unsigned i = 0; i < known; i++)
        for (unsigned k = 0; k < known; k++)
            if (i != k)
                tell_pair(&cards[i], &cards[k]);
    return HAL_LIBRARY_OK;
}

hal_library_state hal_ask_nvml(const char *subject, hal_answer *library)
{
    unsigned n = 0;
    char text[128];
    (void)subject;
    int e = nvml.init();
    if (nvml.driver(text, sizeof text) == 0)
        hal_child_copy(library->driver, sizeof library->driver, text, sizeof text);
    if (nvml.version != NULL && nvml.version(text, sizeof text) == 0)
        hal_child_copy(library->user, sizeof library->user, text, sizeof text);
    if (e == MISMATCH) {
        (void)hal_child_refused(library, "nvmlInit_v2", e, nvml.error(e));
        snprintf(library->required, sizeof library->required, "a kernel driver of the library's release");
        return HAL_LIBRARY_OLD;
    }
    if (e != 0)
        return hal_child_refused(library, "nvmlInit_v2", e, nvml.error(e));
    e = nvml.count(&n);
    if (e != 0)
        return hal_child_refused(library, "nvmlDeviceGetCount_v2", e, nvml.error(e));
    if (n > HAL_CHILD_DEVICES)
        return hal_child_absurd(library, "nvmlDeviceGetCount_v2", n);
    return tell_all(n, library);
}
