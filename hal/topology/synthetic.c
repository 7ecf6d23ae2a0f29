/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Machines that somebody describes in a line, for plans and tests.
 *
 *     description = item { " " item }
 *     item        = word ":" count { "=" device | "@" link }
 *
 * - pod, rack, node: how many of them, each inside of the one before; "@" is the network that joins them:
 *   node:4@ib-ndr
 * - socket: processor packages in a machine (1 when not said); "=" tells which processor: socket:2=xeon-8480
 * - numa: NUMA domains in a package (1)
 * - core: cores in a package
 * - memory: of a NUMA domain, a size: memory:256GiB
 * - gpu, npu: devices in a machine, spread over its NUMA domains in their order; "=" tells what they are, "@"
 *   what links them to each other or to the host: gpu:8=h100-sxm@nvlink4@pcie5. May be said several times
 * - nic: network cards in a machine; "@" is their network: nic:8@ib-ndr
 *
 * Each word but gpu and npu stands once, in any order. Devices and links are words of shelf.def. nvlink
 * without a switch is a mesh of up to four devices and goes through a switch for more. What is not said stays
 * unknown.
 */
#include "hal/topology/shelf.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#define MOST_BYTES   4096u
#define MOST_OBJECTS 65536u
#define MOST_DEVICES 16u /* items of gpu and npu */

enum { POD, RACK, NODE, SOCKET, NUMA, CORE, MEMORY, NIC, GPU, NPU, N_WORDS };
static const char *const words[N_WORDS] = {"pod",  "rack",   "node", "socket", "numa",
                                           "core", "memory", "nic",  "gpu",    "npu"};
static const uint32_t most[N_WORDS] = {1024, 1024, 4096, 64, 64, 1024, 0, 256, 1024, 1024};

typedef struct item {
    uint32_t word, count;
    const hal_shelf_device *device;
    const hal_shelf_link *links[2];
    uint32_t n_links;
} item;

typedef struct plan {
    item items[N_WORDS]; /* by word; a count of 0: not said */
    item devices[MOST_DEVICES];
    uint32_t n_devices;
    double memory; /* bytes, 0 unknown */
    hal_draft *draft;
    bool many;         /* several machines */
    uint32_t machines; /* made so far */
} plan;

/* A machine being made. */
typedef struct machine {
    char before[24], spaced[24]; /* of ids ("node3/") and of addresses ("node 3 ") */
    uint32_t place;
    uint32_t *numa; /* places of its NUMA domains; memories have the same order */
    uint32_t *memories;
    uint32_t n_numa, n_packages, made[N_WORDS];
} machine;

static uint32_t count_of(const plan *p, uint32_t word)
{
    return p->items[word].count != 0 ? p->items[word].count : 1;
}

static hal_status wrong(const char *at, const char *problem)
{
    return HAL_FAIL(INVALID_ARGUMENT, "synthetic description, at \"%.40s\": %s", at, problem);
}

/* "256GiB", "256G" (2^30), "256GB" (10^9). */
static hal_status parse_size(const char *at, const char *text, size_t length, double *bytes)
{
    static const char units[] = "KMGT";
    char *end;
    char copy[32];
    if (length == 0 || length >= sizeof copy || !isdigit((unsigned char)*text))
        return wrong(at, "expected a size such as 256GiB");
    memcpy(copy, text, length);
    copy[length] = '\0';
    const unsigned long long value = strtoull(copy, &end, 10);
    const char *unit = *end != '\0' ? strchr(units, *end) : NULL;
    const bool decimal = unit != NULL && strcmp(end + 1, "B") == 0;
    if (unit == NULL || value == 0 || value > 1048576 ||
        !(decimal || end[1] == '\0' || strcmp(end + 1, "iB") == 0))
        return wrong(at, "expected a size from 1 to 1048576 KiB, MiB, GiB, TiB, or KB to TB");
    *bytes = (double)value;
    for (const char *u = units; u <= unit; u++)
        *bytes *= decimal ? 1000 : 1024;
    return HAL_OK;
}

static hal_status parse_count(const char *at, const char *text, size_t length, uint32_t limit,
                              uint32_t *count)
{
    char problem[64];
    uint64_t value = 0;
    for (size_t i = 0; i < length && isdigit((unsigned char)text[i]) && value <= limit; i++)
        value = value * 10 + (uint64_t)(text[i] - '0');
    if (length == 0 || strspn(text, "0123456789") < length || value == 0 || value > limit) {
        snprintf(problem, sizeof problem, "expected a count from 1 to %u", limit);
        return wrong(at, problem);
    }
    *count = (uint32_t)value;
    return HAL_OK;
}

static bool takes_device(uint32_t word)
{
    return word == SOCKET || word == GPU || word == NPU;
}

static bool takes_link(uint32_t word)
{
    return word <= NODE || word >= NIC;
}

/* "=DEVICE" and "@LINK" up to the end of the item. */
static hal_status parse_suffixes(const char *at, const char *text, const char *end, item *it)
{
    while (text < end) {
        const char mark = *text++;
        const size_t length =
            strcspn(text, "=@ \t\n") < (size_t)(end - text) ? strcspn(text, "=@ \t\n") : (size_t)(end - text);
        if (mark == '=' && it->device == NULL && takes_device(it->word)) {
            HAL_TRY(hal_shelf_find_device("synthetic description", text, length, &it->device));
        } else if (mark == '@' && it->n_links < 2 && takes_link(it->word)) {
            HAL_TRY(hal_shelf_find_link("synthetic description", text, length, &it->links[it->n_links]));
            it->n_links++;
        } else {
            return wrong(at, mark == '=' ? "no device, or no second one, can be told here"
                                         : "no link, or no third one, can be told here");
        }
        text += length;
    }
    return HAL_OK;
}

static hal_status keep(plan *p, const char *at, const item *it)
{
    if (it->word < GPU) {
        if (p->items[it->word].count != 0)
            return wrong(at, "this word stands twice");
        p->items[it->word] = *it;
        return HAL_OK;
    }
    if (p->n_devices == MOST_DEVICES)
        return wrong(at, "more than 16 kinds of devices");
    p->devices[p->n_devices++] = *it;
    return HAL_OK;
}

static hal_status parse_item(plan *p, const char *at, size_t length)
{
    item it = {.count = 1};
    const char *end = at + length, *colon = memchr(at, ':', length);
    for (it.word = 0; colon != NULL && it.word < N_WORDS; it.word++)
        if (strlen(words[it.word]) == (size_t)(colon - at) &&
            memcmp(words[it.word], at, (size_t)(colon - at)) == 0)
            break;
    if (colon == NULL || it.word == N_WORDS)
        return wrong(
            at, "expected pod, rack, node, socket, numa, core, memory, gpu, npu or nic, a colon and a count");
    const char *number = colon + 1;
    size_t digits = 0;
    while (number + digits < end && number[digits] != '=' && number[digits] != '@')
        digits++;
    if (it.word == MEMORY)
        HAL_TRY(parse_size(at, number, digits, &p->memory));
    else
        HAL_TRY(parse_count(at, number, digits, most[it.word], &it.count));
    HAL_TRY(parse_suffixes(at, number + digits, end, &it));
    return keep(p, at, &it);
}

static hal_status check_size(const plan *p)
{
    uint64_t a_machine =
        (uint64_t)count_of(p, SOCKET) * (2 + 2 * (uint64_t)count_of(p, NUMA)) + p->items[NIC].count;
    for (uint32_t i = 0; i < p->n_devices; i++)
        a_machine += 2 * (uint64_t)p->devices[i].count;
    const uint64_t machines = (uint64_t)count_of(p, POD) * count_of(p, RACK) * count_of(p, NODE);
    if (machines * a_machine > MOST_OBJECTS)
        return HAL_FAIL(
            INVALID_ARGUMENT,
            "synthetic description: %llu machines of %llu objects; more than %u objects are not described",
            (unsigned long long)machines, (unsigned long long)a_machine, MOST_OBJECTS);
    return HAL_OK;
}

static hal_status parse(const char *text, plan *p)
{
    static const char blanks[] = " \t\n";
    if (strlen(text) > MOST_BYTES)
        return HAL_FAIL(INVALID_ARGUMENT, "synthetic description: longer than %u bytes", MOST_BYTES);
    for (text += strspn(text, blanks); *text != '\0'; text += strspn(text, blanks)) {
        const size_t length = strcspn(text, blanks);
        HAL_TRY(parse_item(p, text, length));
        text += length;
    }
    if (p->n_devices == 0 && p->items[SOCKET].count == 0)
        return HAL_FAIL(
            INVALID_ARGUMENT,
            "synthetic description: neither a socket nor a device; try \"socket:2 gpu:4@nvlink\"");
    return check_size(p);
}

static void add_package(const plan *p, machine *m, uint32_t package)
{
    hal_draft *draft = p->draft;
    const uint32_t nodes = count_of(p, NUMA), cores = p->items[CORE].count;
    uint32_t place = hal_draft_add_place(
        draft, &(hal_topology_place){.kind = HAL_PLACE_PACKAGE,
                                     .parent = m->place,
                                     .id = hal_draft_format(draft, "%spackage%u", m->before, package),
                                     .number = package,
                                     .cores = cores});
    uint32_t cpu = hal_draft_add_device(
        draft, &(hal_topology_device){.kind = HAL_DEVICE_CPU,
                                      .place = place,
                                      .id = hal_draft_format(draft, "cpu:%spackage%u", m->before, package),
                                      .address = hal_draft_format(draft, "%spackage %u", m->spaced, package),
                                      .family = "cpu",
                                      .numa = package * nodes,
                                      .parent = HAL_NOWHERE,
                                      .cores = cores});
    for (uint32_t i = package * nodes; i < (package + 1) * nodes; i++) {
        const char *id = hal_draft_format(draft, "%snuma%u", m->before, i);
        m->numa[i] = hal_draft_add_place(
            draft, &(hal_topology_place){.kind = HAL_PLACE_NUMA, .parent = place, .id = id, .number = i});
        m->memories[i] = hal_draft_add_memory(
            draft, &(hal_topology_memory){.kind = HAL_MEMORY_DRAM,
                                          .place = m->numa[i],
                                          .id = id,
                                          .numa = i,
                                          .host_access = 1,
                                          .capacity = p->memory > 0 ? hal_figure_of(p->memory, HAL_UNIT_BYTES,
                                                                                    HAL_SOURCE_STRUCTURAL)
                                                                    : hal_figure_unknown(HAL_UNIT_BYTES)});
        hal_draft_device_memory(draft, cpu, m->memories[i]);
    }
    if (p->items[SOCKET].device != NULL)
        hal_shelf_apply(draft, cpu, p->items[SOCKET].device);
}

/* Processors reach all memory of their machine. */
static void add_cpu_links(const plan *p, const machine *m)
{
    for (uint32_t i = 0; i < m->n_packages; i++) {
        uint32_t cpu =
            hal_draft_find_device(p->draft, hal_draft_format(p->draft, "cpu:%spackage%u", m->before, i));
        for (uint32_t j = 0; j < m->n_numa && cpu != HAL_NOWHERE; j++)
            hal_draft_add_link(p->draft,
                               &(hal_topology_link){.from = {HAL_END_DEVICE, cpu},
                                                    .to = {HAL_END_MEMORY, m->memories[j]},
                                                    .kind = j / count_of(p, NUMA) == i ? "memory" : "socket",
                                                    .hops = j / count_of(p, NUMA) == i ? 1 : 2,
                                                    .copy_mode = HAL_COPY_NATIVE});
    }
}

/* Between a device and the memory of its NUMA domain, both ways. */
static void add_host_link(const plan *p, uint32_t device, uint32_t memory, const hal_shelf_link *row)
{
    const hal_link_end ends[2] = {{HAL_END_DEVICE, device}, {HAL_END_MEMORY, memory}};
    for (int way = 0; way < 2; way++)
        hal_draft_add_link(
            p->draft,
            &(hal_topology_link){.from = ends[way],
                                 .to = ends[1 - way],
                                 .kind = "pcie",
                                 .generation = row != NULL ? row->generation : 0,
                                 .lanes = row != NULL ? row->lanes : 0,
                                 .hops = 1,
                                 .copy_mode = HAL_COPY_DIRECT,
                                 .bandwidth = row != NULL ? hal_shelf_bandwidth(row, 1)
                                                          : hal_figure_unknown(HAL_UNIT_BYTES_PER_SECOND)});
}

static const hal_shelf_link *link_of_kind(const item *it, const char *kind, bool wanted)
{
    for (uint32_t i = 0; i < it->n_links; i++)
        if ((strcmp(it->links[i]->kind, kind) == 0) == wanted)
            return it->links[i];
    return NULL;
}

static uint32_t add_device(const plan *p, machine *m, const item *it, uint32_t i)
{
    const uint32_t numa = (uint32_t)((uint64_t)i * m->n_numa / it->count), number = m->made[it->word]++;
    const char *word = words[it->word];
    uint32_t device = hal_draft_add_device(
        p->draft,
        &(hal_topology_device){.kind = it->word == NIC   ? HAL_DEVICE_NIC
                                       : it->word == GPU ? HAL_DEVICE_GPU
                                                         : HAL_DEVICE_NPU,
                               .place = m->numa[numa],
                               .id = hal_draft_format(p->draft, "%s:%s%u", word, m->before, number),
                               .address = hal_draft_format(p->draft, "%s%s %u", m->spaced, word, number),
                               .numa = numa,
                               .parent = HAL_NOWHERE});
    if (it->device != NULL)
        hal_shelf_apply(p->draft, device, it->device);
    add_host_link(p, device, m->memories[numa], link_of_kind(it, "pcie", true));
    return device;
}

/* Out of the machine, both ways. */
static void add_network(const plan *p, hal_link_end from, uint32_t place, const hal_shelf_link *row)
{
    const hal_link_end ends[2] = {from, {HAL_END_PLACE, place}};
    for (int way = 0; row != NULL && way < 2; way++)
        hal_draft_add_link(p->draft, &(hal_topology_link){.from = ends[way],
                                                          .to = ends[1 - way],
                                                          .kind = "network",
                                                          .via = row->word,
                                                          .lanes = row->lanes,
                                                          .hops = 1,
                                                          .bandwidth = hal_shelf_bandwidth(row, 1)});
}

static hal_status add_devices(const plan *p, machine *m, const item *it, uint32_t number)
{
    uint32_t *devices = hal_allocate_array(NULL, it->count, sizeof *devices);
    const hal_shelf_link *peer = link_of_kind(it, "pcie", false);
    if (devices == NULL)
        return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    for (uint32_t i = 0; i < it->count; i++)
        devices[i] = add_device(p, m, it, i);
    hal_status s = HAL_OK;
    for (uint32_t i = 0; it->word == NIC && i < it->count; i++)
        add_network(p, (hal_link_end){HAL_END_DEVICE, devices[i]}, 0, peer);
    if (it->word != NIC && peer != NULL)
        s = hal_shelf_connect(p->draft, devices, it->count, peer,
                              hal_draft_format(p->draft, "switch:%s%u", m->before, number));
    hal_deallocate(NULL, devices);
    return s;
}

static hal_status fill_machine(const plan *p, machine *m)
{
    for (uint32_t i = 0; i < m->n_packages; i++)
        add_package(p, m, i);
    add_cpu_links(p, m);
    hal_status s = HAL_OK;
    for (uint32_t i = 0; s == HAL_OK && i < p->n_devices; i++)
        s = add_devices(p, m, &p->devices[i], i);
    if (s == HAL_OK && p->items[NIC].count != 0)
        s = add_devices(p, m, &p->items[NIC], 0);
    return s;
}

static hal_status add_machine(plan *p, uint32_t place)
{
    machine m = {
        .place = place, .n_packages = count_of(p, SOCKET), .n_numa = count_of(p, SOCKET) * count_of(p, NUMA)};
    if (p->many) {
        snprintf(m.before, sizeof m.before, "node%u/", p->machines);
        snprintf(m.spaced, sizeof m.spaced, "node %u ", p->machines);
    }
    p->machines++;
    m.numa = hal_allocate_array(NULL, m.n_numa, sizeof *m.numa);
    m.memories = hal_allocate_array(NULL, m.n_numa, sizeof *m.memories);
    hal_status s = m.numa != NULL && m.memories != NULL ? fill_machine(p, &m)
                                                        : HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    hal_deallocate(NULL, m.numa);
    hal_deallocate(NULL, m.memories);
    return s;
}

/* Pods hold racks, racks hold nodes; a level that is not said is left out. */
static hal_status add_level(plan *p, uint32_t word, uint32_t parent, uint32_t *numbers)
{
    hal_status s = HAL_OK;
    if (word > NODE)
        return add_machine(p, parent);
    if (p->items[word].count == 0 && !(word == NODE && p->many))
        return add_level(p, word + 1, parent, numbers);
    for (uint32_t i = 0; s == HAL_OK && i < count_of(p, word); i++) {
        uint32_t place = hal_draft_add_place(
            p->draft,
            &(hal_topology_place){.kind = word == NODE ? HAL_PLACE_MACHINE : HAL_PLACE_GROUP,
                                  .parent = parent,
                                  .id = hal_draft_format(p->draft, "%s%u", words[word], numbers[word]),
                                  .name = hal_draft_format(p->draft, "%s %u", words[word], numbers[word]),
                                  .number = numbers[word]});
        numbers[word]++;
        if (p->items[word].n_links > 0)
            add_network(p, (hal_link_end){HAL_END_PLACE, place}, parent, p->items[word].links[0]);
        s = add_level(p, word + 1, place, numbers);
    }
    return s;
}

hal_status hal_topology_read_synthetic(const char *text, hal_draft *draft)
{
    plan p = {.draft = draft};
    uint32_t numbers[N_WORDS] = {0};
    HAL_TRY(parse(text, &p));
    p.many = p.items[POD].count + p.items[RACK].count + p.items[NODE].count > 0;
    hal_draft_add_place(draft, &(hal_topology_place){.kind = p.many ? HAL_PLACE_GROUP : HAL_PLACE_MACHINE,
                                                     .parent = HAL_NOWHERE,
                                                     .id = p.many ? "system" : "machine",
                                                     .name = "synthetic",
                                                     .number = HAL_NOWHERE});
    return add_level(&p, POD, 0, numbers);
}
