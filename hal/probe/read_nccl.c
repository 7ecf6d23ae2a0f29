/* SPDX-License-Identifier: Apache-2.0 */
/* Topology XML of NCCL and RCCL: <system> of <cpu>, which are NUMA domains, of <pci>, which nest, of <gpu>
   and <nic>. Attributes are those that NCCL's src/graph/xml.cc writes. What it does not say - which package a
   NUMA domain belongs to, what a GPU is called, how much memory it has - stays unknown. */
#include "hal/probe/translate.h"

#include <stdio.h>
#include <string.h>

/* Where the reader is in the tree. */
typedef struct spot {
    hal_draft *draft;
    uint32_t place, numa, memory;
} spot;

static hal_figure unknown_speed(void)
{
    return hal_figure_unknown(HAL_UNIT_BYTES_PER_SECOND);
}

/* "16.0 GT/s PCIe" and "16": one way, less what the encoding of that generation takes (8b/10b, 128b/130b, and
   242 of 256 bytes of a flit from generation 6 on). */
static hal_figure pci_speed(const xml_node *node, char *text, size_t size)
{
    static const struct {
        double transfers, share;
        unsigned generation;
    } rows[] = {{2.5, 0.8, 1},        {5, 0.8, 2},          {8, 128.0 / 130, 3},
                {16, 128.0 / 130, 4}, {32, 128.0 / 130, 5}, {64, 242.0 / 256, 6}};
    double transfers = 0;
    const uint64_t width =
        xml_text(node, "link_width")[0] == '\0' ? 0 : xml_number(node, "link_width", 64, 0);
    text[0] = '\0';
    if (sscanf(xml_text(node, "link_speed"), "%8lf GT/s", &transfers) != 1)
        return unknown_speed();
    for (size_t i = 0; width > 0 && i < sizeof rows / sizeof *rows; i++)
        if (transfers > rows[i].transfers - 0.01 && transfers < rows[i].transfers + 0.01) {
            snprintf(text, size, "Gen%u x%u", rows[i].generation, (unsigned)width);
            return hal_figure_of(transfers * 1e9 * (double)width / 8 * rows[i].share,
                                 HAL_UNIT_BYTES_PER_SECOND, HAL_SOURCE_STRUCTURAL);
        }
    return unknown_speed();
}

/* "0000:1b:00.0" from what NCCL writes in any case of letters. */
static void read_address(const xml_node *node, const char *name, char *address, size_t size)
{
    unsigned domain, bus, device, function;
    char rest;
    const char *text = xml_need(node, name);
    if (strlen(text) > 16 || sscanf(text, "%8x:%2x:%2x.%1x%c", &domain, &bus, &device, &function, &rest) != 4)
        xml_wrong(node, "%s=\"%.40s\" is not a PCI address such as 0000:1b:00.0", name, text);
    snprintf(address, size, "%04x:%02x:%02x.%x", domain, bus, device, function);
}

static const xml_node *first_child(const xml_node *node, const char *name)
{
    for
        XML_EACH(child, node)
    if (xml_is(child, name))
        return child;
    return NULL;
}

/* An element inside says more than the class, and files of clouds leave numbers out: NCCL asks for them when
   it runs. A display class (03) without a vendor is a GPU, for NCCL lists no consoles; without a class, what
   it is stays open. */
static bool describe(const xml_node *node, hal_topology_device *d)
{
    const bool gpu = first_child(node, "gpu") != NULL || (d->pci_vendor == 0 && d->pci_class >> 16 == 0x03);
    const bool known = hal_pci_describe(d, gpu);
    if (first_child(node, "nic") != NULL)
        d->kind = HAL_DEVICE_NIC;
    else if (!known)
        d->kind = HAL_DEVICE_OTHER;
    return known || d->pci_class == 0 || d->kind == HAL_DEVICE_NIC;
}

static void add_pair(hal_draft *draft, hal_topology_link link)
{
    const hal_link_end from = link.from;
    hal_draft_add_link(draft, &link);
    link.from = link.to;
    link.to = from;
    hal_draft_add_link(draft, &link);
}

/* What one <net> says of the card: its interface and the speed of its port in Mbit/s. */
static void read_net(const spot *at, uint32_t device, const xml_node *net)
{
    const double speed = xml_real(net, "speed", 0), latency = xml_real(net, "latency", 0);
    hal_topology_device *d = hal_draft_device(at->draft, device);
    hal_draft_device_feature(at->draft, device, xml_text(net, "name"));
    if (xml_number(net, "gdr", 1, 0) == 1)
        hal_draft_device_feature(at->draft, device, "gdr");
    if (d != NULL && d->uuid[0] == '\0' && strcmp(xml_text(net, "guid"), "0x0") != 0)
        d->uuid = hal_draft_text(at->draft, xml_text(net, "guid"));
    add_pair(at->draft,
             (hal_topology_link){
                 .from = {HAL_END_DEVICE, device},
                 .to = {HAL_END_PLACE, 0},
                 .kind = "network",
                 .via = xml_text(net, "name"),
                 .hops = 1,
                 .bandwidth = speed > 0 ? hal_figure_of(speed * 1e6 / 8, HAL_UNIT_BYTES_PER_SECOND,
                                                        HAL_SOURCE_STRUCTURAL)
                                        : unknown_speed(),
                 .latency = latency > 0 ? hal_figure_of(latency * 1e-6, HAL_UNIT_SECONDS, HAL_SOURCE_VENDOR)
                                        : hal_figure_unknown(HAL_UNIT_SECONDS)});
}

static void read_nets(const spot *at, uint32_t device, const xml_node *nic)
{
    for
        XML_EACH(net, nic)
    if (xml_is(net, "net"))
        read_net(at, device, net);
}

static void read_gpu(const spot *at, uint32_t device, const xml_node *gpu, bool amd)
{
    char text[64];
    const uint64_t sm = xml_number(gpu, "sm", 100000, 0);
    if (xml_get(gpu, "dev") != NULL && xml_text(gpu, "dev")[0] != '-')
        hal_draft_device_index(at->draft, device, amd ? "rsmi" : "nvml", HAL_NOWHERE,
                               (uint32_t)xml_number(gpu, "dev", 65535, 0));
    if (xml_get(gpu, "gcn") != NULL)
        hal_draft_device_feature(at->draft, device, xml_text(gpu, "gcn"));
    if (!amd && sm > 0) {
        snprintf(text, sizeof text, "sm_%u", (unsigned)sm);
        hal_draft_device_feature(at->draft, device, text);
    }
    if (xml_number(gpu, "gdr", 1, 0) == 1)
        hal_draft_device_feature(at->draft, device, "gdr");
    snprintf(text, sizeof text, "rank=%u", (unsigned)xml_number(gpu, "rank", 1000000, 0));
    if (xml_get(gpu, "rank") != NULL)
        hal_draft_device_feature(at->draft, device, text);
}

static uint32_t add_device(const spot *at, const xml_node *node, const char *address)
{
    char id[48], text[32];
    const hal_figure speed = pci_speed(node, text, sizeof text);
    hal_topology_device d = {.place = at->place,
                             .id = id,
                             .address = address,
                             .pci_vendor = (uint32_t)xml_number(node, "vendor", 0xffff, 0),
                             .pci_device = (uint32_t)xml_number(node, "device", 0xffff, 0),
                             .pci_subvendor = (uint32_t)xml_number(node, "subsystem_vendor", 0xffff, 0),
                             .pci_subdevice = (uint32_t)xml_number(node, "subsystem_device", 0xffff, 0),
                             .pci_class = (uint32_t)xml_number(node, "class", 0xffffff, 0),
                             .numa = at->numa,
                             .parent = HAL_NOWHERE,
                             .link_text = text,
                             .link_now = speed};
    if (!describe(node, &d))
        return HAL_NOWHERE;
    snprintf(id, sizeof id, "%s:%s", hal_device_kind_name(d.kind), address);
    return hal_draft_add_device(at->draft, &d);
}

static void read_device(const spot *at, const xml_node *node, const char *address)
{
    const uint32_t device = add_device(at, node, address);
    for
        XML_EACH(child, node)
        {
            if (xml_is(child, "gpu"))
                read_gpu(at, device, child,
                         xml_number(node, "vendor", 0xffff, 0) == 0x1002 || xml_get(child, "gcn") != NULL);
            else if (xml_is(child, "nic"))
                read_nets(at, device, child);
        }
}

static void read_pci(const spot *at, const xml_node *node);

static void read_switch(const spot *at, const xml_node *node, const char *address)
{
    char id[48], text[32];
    spot below = *at;
    const hal_figure speed = pci_speed(node, text, sizeof text);
    snprintf(id, sizeof id, "pci:%s", address);
    below.place = hal_draft_add_place(at->draft, &(hal_topology_place){.kind = HAL_PLACE_PCI_SWITCH,
                                                                       .parent = at->place,
                                                                       .id = id,
                                                                       .name = text,
                                                                       .number = HAL_NOWHERE,
                                                                       .uplink = speed});
    for
        XML_EACH(child, node)
    if (xml_is(child, "pci"))
        read_pci(&below, child);
}

static void read_pci(const spot *at, const xml_node *node)
{
    char address[32], id[48];
    const uint64_t class = xml_number(node, "class", 0xffffff, 0);
    read_address(node, "busid", address, sizeof address);
    snprintf(id, sizeof id, "pci:%s", address);
    if (hal_draft_find_device(at->draft, address) != HAL_NOWHERE ||
        hal_draft_find_place(at->draft, id) != HAL_NOWHERE)
        xml_wrong(node, "busid %s stands twice", address);
    if (class >> 8 == 0x0604 || first_child(node, "pci") != NULL)
        read_switch(at, node, address);
    else
        read_device(at, node, address);
}

/* A card that NCCL found no PCI address for. */
static void read_bare_nic(const spot *at, const xml_node *nic)
{
    for
        XML_EACH(net, nic)
        {
            char id[96];
            if (!xml_is(net, "net"))
                continue;
            snprintf(id, sizeof id, "nic:%.80s", xml_need(net, "name"));
            if (hal_draft_find_device(at->draft, id) != HAL_NOWHERE)
                xml_wrong(net, "network card %.40s stands twice", xml_text(net, "name"));
            read_net(at,
                     hal_draft_add_device(at->draft, &(hal_topology_device){.kind = HAL_DEVICE_NIC,
                                                                            .place = at->place,
                                                                            .id = id,
                                                                            .address = xml_text(net, "name"),
                                                                            .numa = at->numa,
                                                                            .parent = HAL_NOWHERE}),
                     net);
        }
}

/* Processors in a mask such as "0000ffff,ffff0000". */
static uint32_t count_bits(const xml_node *node, const char *mask)
{
    uint32_t bits = 0;
    for (; *mask != '\0'; mask++) {
        const char *digits = "0123456789abcdef", *found = strchr(digits, *mask | 0x20);
        if (found == NULL && *mask != ',')
            xml_wrong(node, "affinity=\"%.40s\" is not a mask such as 0000ffff,ffff0000",
                      xml_text(node, "affinity"));
        bits += found != NULL ? (uint32_t)__builtin_popcount((unsigned)(found - digits)) : 0;
    }
    return bits;
}

static const char *cpu_vendor(const char *vendor)
{
    return strcmp(vendor, "GenuineIntel") == 0   ? "Intel"
           : strcmp(vendor, "AuthenticAMD") == 0 ? "AMD"
                                                 : vendor;
}

/* -1 stands for a machine without NUMA. */
static spot add_numa(hal_draft *draft, const xml_node *node)
{
    char id[32];
    spot at = {.draft = draft};
    at.numa =
        strcmp(xml_need(node, "numaid"), "-1") == 0 ? 0 : (uint32_t)xml_number(node, "numaid", 65535, 0);
    snprintf(id, sizeof id, "numa%u", at.numa);
    if (hal_draft_find_place(draft, id) != HAL_NOWHERE)
        xml_wrong(node, "NUMA domain %u stands twice", at.numa);
    at.place = hal_draft_add_place(
        draft, &(hal_topology_place){.kind = HAL_PLACE_NUMA,
                                     .parent = 0,
                                     .id = id,
                                     .number = at.numa,
                                     .threads = count_bits(node, xml_text(node, "affinity"))});
    at.memory = hal_draft_add_memory(
        draft, &(hal_topology_memory){
                   .kind = HAL_MEMORY_DRAM, .place = at.place, .id = id, .numa = at.numa, .host_access = 1});
    return at;
}

static void read_cpu(hal_draft *draft, const xml_node *node)
{
    char id[40], address[32];
    const spot at = add_numa(draft, node);
    snprintf(id, sizeof id, "cpu:numa%u", at.numa);
    snprintf(address, sizeof address, "numa %u", at.numa);
    uint32_t cpu = hal_draft_add_device(
        draft, &(hal_topology_device){.kind = HAL_DEVICE_CPU,
                                      .place = at.place,
                                      .id = id,
                                      .address = address,
                                      .family = "cpu",
                                      .vendor = cpu_vendor(xml_text(node, "vendor")),
                                      .numa = at.numa,
                                      .parent = HAL_NOWHERE,
                                      .threads = count_bits(node, xml_text(node, "affinity"))});
    hal_draft_device_memory(draft, cpu, at.memory);
    if (hal_draft_host(draft)->arch[0] == '\0')
        hal_draft_host(draft)->arch = hal_draft_text(draft, xml_text(node, "arch"));
    for
        XML_EACH(child, node)
        {
            if (xml_is(child, "pci"))
                read_pci(&at, child);
            else if (xml_is(child, "nic"))
                read_bare_nic(&at, child);
        }
}

/* A switch of the fabric is known by the links that lead there only. */
static uint32_t find_target(hal_draft *draft, const xml_node *link, const char *address)
{
    char id[48];
    uint32_t device = hal_draft_find_device(draft, address);
    if (device != HAL_NOWHERE || xml_number(link, "tclass", 0xffffff, 0) >> 8 != 0x0680)
        return device;
    snprintf(id, sizeof id, "switch:%s", address);
    return hal_draft_add_device(draft, &(hal_topology_device){.kind = HAL_DEVICE_SWITCH,
                                                              .place = 0,
                                                              .id = id,
                                                              .address = address,
                                                              .pci_class = 0x068000,
                                                              .numa = HAL_NOWHERE,
                                                              .parent = HAL_NOWHERE});
}

/* One way, of one link: what the generations of NVLink have (NVIDIA: 160, 300, 600, 900, 1800 GB/s both ways
   over 4, 6, 12, 18, 18 links), and xGMI of MI300 (128 GB/s both ways). Others are not known. */
static double fabric_speed(const xml_node *gpu, bool nvlink, uint32_t *generation)
{
    static const struct {
        uint64_t sm;
        uint32_t generation;
        double speed;
    } rows[] = {{60, 1, 20e9}, {70, 2, 25e9}, {80, 3, 25e9}, {90, 4, 25e9}, {100, 5, 50e9}};
    const uint64_t sm = xml_number(gpu, "sm", 100000, 0);
    for (size_t i = 0; nvlink && i < sizeof rows / sizeof *rows; i++)
        if (rows[i].sm == sm) {
            *generation = rows[i].generation;
            return rows[i].speed;
        }
    return !nvlink && strcmp(xml_text(gpu, "gcn"), "gfx942") == 0 ? 64e9 : 0;
}

static void read_fabric_link(hal_draft *draft, uint32_t device, const xml_node *gpu, const xml_node *link)
{
    char address[32];
    uint32_t generation = 0;
    const bool nvlink = xml_is(link, "nvlink");
    const uint32_t count = (uint32_t)xml_number(link, "count", 1024, 1);
    const double speed = fabric_speed(gpu, nvlink, &generation) * count;
    read_address(link, "target", address, sizeof address);
    uint32_t target = find_target(draft, link, address);
    if (target == HAL_NOWHERE || target == device)
        return; /* leads to a processor, or out of what the file describes */
    hal_draft_add_link(
        draft, &(hal_topology_link){.from = {HAL_END_DEVICE, device},
                                    .to = {HAL_END_DEVICE, target},
                                    .kind = nvlink ? "nvlink" : "xgmi",
                                    .path = nvlink ? "NVL" : "",
                                    .generation = generation,
                                    .lanes = count,
                                    .hops = 1,
                                    .bandwidth = speed > 0 ? hal_figure_of(speed, HAL_UNIT_BYTES_PER_SECOND,
                                                                           HAL_SOURCE_STRUCTURAL)
                                                           : unknown_speed()});
}

/* Once all devices are known. */
static void read_fabric(hal_draft *draft, const xml_node *node)
{
    char address[32];
    const xml_node *gpu = xml_is(node, "pci") ? first_child(node, "gpu") : NULL;
    if (gpu != NULL) {
        read_address(node, "busid", address, sizeof address);
        for
            XML_EACH(link, gpu)
        if (xml_is(link, "nvlink") || xml_is(link, "xgmi"))
            read_fabric_link(draft, hal_draft_find_device(draft, address), gpu, link);
    }
    for
        XML_EACH(child, node)
    read_fabric(draft, child);
}

void hal_read_nccl(const xml_node *root, hal_draft *draft)
{
    hal_draft_add_place(
        draft, &(hal_topology_place){
                   .kind = HAL_PLACE_MACHINE, .parent = HAL_NOWHERE, .id = "machine", .number = HAL_NOWHERE});
    for
        XML_EACH(node, root)
        {
            if (xml_is(node, "cpu"))
                read_cpu(draft, node);
            else if (!xml_is(node, "pci") && !xml_is(node, "nic"))
                xml_wrong(node, "not an element of NCCL's <system>");
        }
    if (hal_draft_device_count(draft) == 0)
        xml_wrong(root, "describes no <cpu>");
    read_fabric(draft, root);
}
