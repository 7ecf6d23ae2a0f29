/* SPDX-License-Identifier: Apache-2.0 */
/* Speed of PCI links, and the places that a PCI device stands in: host bridge and switches, as its path below
 * /sys tells. */
#include "hal/discovery/steps.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>

/* Rates and encodings of the PCI Express base specification. Gen 6 carries 236 bytes of packets in each flit
 * of 256. */
static const struct {
    const char *rate;
    double bytes;
} generations[] = {{"2.5", 2.5e9 * 8 / 10 / 8},  {"5", 5e9 * 8 / 10 / 8},      {"8", 8e9 * 128 / 130 / 8},
                   {"16", 16e9 * 128 / 130 / 8}, {"32", 32e9 * 128 / 130 / 8}, {"64", 64e9 * 236 / 256 / 8}};

double hal_pcie_lane(const char *speed, uint32_t *generation)
{
    char *end;
    double rate = strtod(speed, &end);
    for (uint32_t i = 0; end != speed && i < sizeof generations / sizeof *generations; i++)
        if (rate == strtod(generations[i].rate, NULL) && strncmp(end, " GT/s", 5) == 0) {
            *generation = i + 1;
            return generations[i].bytes;
        }
    return 0;
}

hal_figure hal_pcie_link(const hal_files *files, const char *path, const char *which, char *text, size_t size)
{
    char speed[64];
    uint32_t generation;
    int64_t width = hal_scan_number(files, 0, "%s/%s_link_width", path, which);
    text[0] = '\0';
    if (!hal_scan_text(files, speed, sizeof speed, "%s/%s_link_speed", path, which))
        return hal_figure_unknown(HAL_UNIT_BYTES_PER_SECOND);
    double lane = hal_pcie_lane(speed, &generation);
    if (lane <= 0 || width < 1 || width > 32) /* 63 and 255 lanes: what is not there answers with ones */
        return hal_figure_unknown(HAL_UNIT_BYTES_PER_SECOND);
    snprintf(text, size, "Gen%u x%d", generation, (int)width);
    return hal_figure_of(lane * (double)width, HAL_UNIT_BYTES_PER_SECOND, HAL_SOURCE_STRUCTURAL);
}

/* A component of a path, and what follows it. */
static const char *component(const char *rest, char *name, size_t size)
{
    rest += strspn(rest, "/");
    size_t n = strcspn(rest, "/");
    snprintf(name, size, "%.*s", n < size ? (int)n : (int)size - 1, rest);
    return rest + n;
}

static bool is_address(const char *name)
{
    unsigned domain, bus, device, function;
    char end;
    return isxdigit((unsigned char)name[0]) &&
           sscanf(name, "%8x:%2x:%2x.%1x%c", &domain, &bus, &device, &function, &end) == 4;
}

static uint32_t number_of_root(const char *name)
{
    unsigned domain, bus;
    return sscanf(name, "%8x:%2x", &domain, &bus) == 2 && domain <= 0xffffff ? domain << 8 | bus
                                                                             : HAL_NOWHERE;
}

/* Where a host bridge stands: at its NUMA node, or in the machine. */
static uint32_t home(const hal_draft *draft, uint32_t numa)
{
    char id[32];
    snprintf(id, sizeof id, "numa%u", numa);
    uint32_t at = numa != HAL_NOWHERE ? hal_draft_find_place(draft, id) : HAL_NOWHERE;
    return at != HAL_NOWHERE ? at : 0;
}

static uint32_t enter_root(hal_draft *draft, const char *name, uint32_t numa)
{
    char id[48];
    snprintf(id, sizeof id, "pci:%.40s", name);
    uint32_t at = hal_draft_find_place(draft, id);
    if (at != HAL_NOWHERE)
        return at;
    return hal_draft_add_place(draft, &(hal_topology_place){.kind = HAL_PLACE_PCI_ROOT,
                                                            .parent = home(draft, numa),
                                                            .id = id,
                                                            .name = name,
                                                            .number = number_of_root(name)});
}

/* A switch is named after its upstream port, whose link it is that everything below it shares. */
static uint32_t enter_switch(const hal_files *files, hal_draft *draft, uint32_t parent, const char *address,
                             const char *path)
{
    char id[48], text[32];
    snprintf(id, sizeof id, "pci:%.40s", address);
    uint32_t at = hal_draft_find_place(draft, id);
    if (at != HAL_NOWHERE)
        return at;
    hal_topology_place place = {.kind = HAL_PLACE_PCI_SWITCH,
                                .parent = parent,
                                .id = id,
                                .name = address,
                                .number = number_of_root(address)};
    place.uplink = hal_pcie_link(files, path, "current", text, sizeof text);
    return hal_draft_add_place(draft, &place);
}

/*
 * Below the host bridge come a root port, then pairs of upstream and downstream port of a switch, then the
 * device. A bridge that stands alone before the device leads to an older bus and is no switch.
 */
uint32_t hal_pci_place(const hal_files *files, hal_draft *draft, const char *path, uint32_t numa)
{
    char name[64], address[64] = "", before[PATH_MAX];
    const char *bridge = strstr(path, "/pci"), *rest;
    if (bridge == NULL)
        return home(draft, numa);
    rest = component(bridge, name, sizeof name);
    uint32_t at = enter_root(draft, name + 3, numa), depth = 0;
    while (*rest != '\0' && at != HAL_NOWHERE) {
        rest = component(rest, name, sizeof name);
        if (!is_address(name))
            break;
        /* The second port of a pair: the one before it was the upstream port, unless this is the device
         * itself. */
        if (depth >= 2 && depth % 2 == 0 && *rest != '\0') {
            snprintf(before, sizeof before, "%.*s", (int)(rest - path - (ptrdiff_t)strlen(name) - 1), path);
            at = enter_switch(files, draft, at, address, before);
        }
        snprintf(address, sizeof address, "%s", name);
        depth++;
    }
    return at;
}
