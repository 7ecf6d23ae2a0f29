/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DCMI: management of Huawei's Ascend cards; needs the driver only. Declarations of our own from the DCMI API
 * reference (support.huawei.com, "DCMI API Reference" of Atlas cards): functions, structures, link types.
 */
#include "hal/probe/child.h"

#include <stdio.h>

#define CARDS        64
#define IS_NPU       0 /* dcmi_unit_type */
#define ONE_MEBIBYTE (1ull << 20)

typedef struct chip {
    char type[32], name[32], version[32];
    unsigned cores;
} chip;
typedef struct pci {
    unsigned vendor, subvendor, device, subdevice;
    int domain;
    unsigned bus, slot, function;
    char reserved[32];
} pci;
typedef struct hbm {
    unsigned long long size; /* MiB */
    unsigned frequency;
    unsigned long long used; /* MiB */
    int temperature;
    unsigned bandwidth_use;
} hbm;

static struct {
    int (*init)(void);
    int (*cards)(int *, int *, int), (*devices)(int, int *), (*type)(int, int, int *),
        (*logic)(int *, int, int);
    int (*chip)(int, int, chip *), (*pci)(int, int, pci *), (*hbm)(int, int, hbm *);
    int (*driver)(char *, unsigned), (*version)(char *, unsigned);
    int (*topology)(int, int, int, int, int *);
} dcmi;

const hal_child_symbol hal_symbols_dcmi[] = {
    {"dcmi_init", &dcmi.init, true},
    {"dcmi_get_card_list", &dcmi.cards, true},
    {"dcmi_get_device_num_in_card", &dcmi.devices, true},
    {"dcmi_get_device_chip_info", &dcmi.chip, true},
    {"dcmi_get_device_pcie_info_v2", &dcmi.pci, false},
    {"dcmi_get_device_type", &dcmi.type, false},
    {"dcmi_get_device_logic_id", &dcmi.logic, false},
    {"dcmi_get_device_hbm_info", &dcmi.hbm, false},
    {"dcmi_get_driver_version", &dcmi.driver, false},
    {"dcmi_get_dcmi_version", &dcmi.version, false},
    {"dcmi_get_topo_info_by_device_id", &dcmi.topology, false},
    {NULL, NULL, false},
};

/* Chips that were told of. */
static struct chip_place {
    int card, device;
    uint32_t index;
    char address[20];
} known[HAL_CHILD_PAIRED];
static uint32_t n_known;

static void read_memory(int card, int device, hal_answer *a)
{
    hbm m = {0};
    if (dcmi.hbm == NULL || dcmi.hbm(card, device, &m) != 0 || m.size > UINT64_MAX / ONE_MEBIBYTE)
        return;
    a->memory = m.size * ONE_MEBIBYTE;
    if (m.used <= m.size)
        a->free = (m.size - m.used) * ONE_MEBIBYTE;
}

static void read_chip(int card, int device, hal_answer *a)
{
    chip c = {.cores = 0};
    pci p = {.domain = 0};
    if (dcmi.chip(card, device, &c) == 0) {
        snprintf(a->name, sizeof a->name, "%.*s %.*s", (int)strnlen(c.type, sizeof c.type), c.type,
                 (int)strnlen(c.name, sizeof c.name), c.name);
        a->cores = c.cores;
    }
    if (dcmi.pci(card, device, &p) == 0)
        hal_child_address(a->address, sizeof a->address, (unsigned)p.domain, p.bus, p.slot, p.function);
}

static void tell_device(int card, int device, const hal_answer *library)
{
    int logic = -1, type = IS_NPU;
    hal_answer a;
    if (dcmi.type != NULL && dcmi.type(card, device, &type) == 0 && type != IS_NPU)
        return; /* the controller on the card */
    hal_answer_init(&a, HAL_ANSWER_DEVICE, "dcmi");
    a.type = HAL_DEVICE_NPU;
    if (dcmi.logic != NULL && dcmi.logic(&logic, card, device) == 0 && logic >= 0)
        a.index = (uint32_t)logic;
    read_chip(card, device, &a);
    read_memory(card, device, &a);
    snprintf(a.driver, sizeof a.driver, "%s", library->driver);
    hal_child_tell(&a);
    if (n_known < HAL_CHILD_PAIRED) {
        known[n_known] = (struct chip_place){card, device, a.index, ""};
        memcpy(known[n_known++].address, a.address, sizeof a.address);
    }
}

/* The documented numbers of ways from chip to chip. */
static void describe(int type, hal_answer *a)
{
    static const struct way {
        const char *link, *path;
        uint32_t hops;
    } ways[] = {{"", "", 0},     {"pcie", "SYS", 0}, {"pcie", "PHB", 0},
                {"hccs", "", 1}, {"pcie", "PXB", 0}, {"pcie", "PIX", 0},
                {"sio", "", 1},  {"hccs", "", 2},    {"ub", "", 1}};
    const struct way *w = type > 0 && type < (int)(sizeof ways / sizeof ways[0]) ? &ways[type] : &ways[0];
    snprintf(a->link, sizeof a->link, "%s", w->link);
    snprintf(a->path, sizeof a->path, "%s", w->path);
    a->hops = w->hops;
}

static void tell_pair(const struct chip_place *from, const struct chip_place *to)
{
    int type = 0;
    hal_answer a;
    if (dcmi.topology(from->card, from->device, to->card, to->device, &type) != 0)
        return;
    hal_answer_init(&a, HAL_ANSWER_LINK, "dcmi");
    a.index = from->index;
    a.peer_index = to->index;
    memcpy(a.address, from->address, sizeof a.address);
    memcpy(a.peer, to->address, sizeof a.peer);
    describe(type, &a);
    if (a.link[0] != '\0')
        hal_child_tell(&a);
}

static void tell_links(void)
{
    for (uint32_t i = 0; i < n_known && dcmi.topology != NULL; i++)
        for (uint32_t k = 0; k < n_known; k++)
            if (i != k)
                tell_pair(&known[i], &known[k]);
}

static void tell_versions(hal_answer *library)
{
    char text[64] = "";
    if (dcmi.driver != NULL && dcmi.driver(text, sizeof text) == 0)
        hal_child_copy(library->driver, sizeof library->driver, text, sizeof text);
    if (dcmi.version != NULL && dcmi.version(text, sizeof text) == 0)
        hal_child_copy(library->user, sizeof library->user, text, sizeof text);
}

hal_library_state hal_ask_dcmi(const char *subject, hal_answer *library)
{
    int n = 0, cards[CARDS], devices;
    (void)subject;
    if (dcmi.pci == NULL) {
        snprintf(library->text, sizeof library->text, "it lacks dcmi_get_device_pcie_info_v2");
        snprintf(library->required, sizeof library->required, "a driver whose DCMI has it");
        return HAL_LIBRARY_OLD;
    }
    int e = dcmi.init();
    if (e != 0)
        return hal_child_refused(library, "dcmi_init", e, NULL);
    tell_versions(library);
    e = dcmi.cards(&n, cards, CARDS);
    if (e != 0)
        return hal_child_refused(library, "dcmi_get_card_list", e, NULL);
    if (n < 0 || n > CARDS)
        return hal_child_absurd(library, "dcmi_get_card_list", n);
    for (int i = 0; i < n; i++)
        if (dcmi.devices(cards[i], &devices) == 0 && devices >= 0 && devices <= CARDS)
            for (int k = 0; k < devices; k++)
                tell_device(cards[i], k, library);
    tell_links();
    return HAL_LIBRARY_OK;
}
