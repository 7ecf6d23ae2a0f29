/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a topology is made: objects are added to a draft, changed there, and sealed once. Texts given are copied. Running
 * out of memory is remembered by the draft and told when it is sealed, so that additions need no check of their own:
 * they return HAL_NOWHERE then, which every function here accepts and ignores.
 */
#ifndef HAL_TOPOLOGY_BUILD_H
#define HAL_TOPOLOGY_BUILD_H

#include "hal/core.h"

#include <hal/topology.h>

/* A topology that still changes. One thread. */
typedef struct hal_draft hal_draft;

hal_status hal_draft_create(const hal_allocator *allocator, hal_draft **draft);
void hal_draft_destroy(hal_draft *draft);
/* Takes the draft, whatever it returns: puts devices into order (renumbering what refers to them), gives aliases where there are
   none, checks every index, figure and the uniqueness of ids. Errors: OUT_OF_MEMORY; INVALID_ARGUMENT naming the object. */
hal_status hal_draft_seal(hal_draft *draft, hal_topology **topology);

/* What is zero is completed by sealing: an alias "" becomes the number of its kind; a contention or compute group 0 becomes one
   that nobody shares; tiers, where all are 0, follow from the kinds of memory. */
/* Copies of a struct with its texts and arrays; the index. Place 0 must be the first place added. */
uint32_t hal_draft_add_place(hal_draft *draft, const hal_topology_place *place);
uint32_t hal_draft_add_memory(hal_draft *draft, const hal_topology_memory *memory);
uint32_t hal_draft_add_device(hal_draft *draft, const hal_topology_device *device);
uint32_t hal_draft_add_link(hal_draft *draft, const hal_topology_link *link);
uint32_t hal_draft_add_diagnostic(hal_draft *draft, const hal_topology_diagnostic *diagnostic);
/* The diagnostic of a code ("D115"), about the machine as a whole, once. */
void hal_draft_report(hal_draft *draft, const char *code, const char *evidence);

/* Objects of the draft, to be changed in place; NULL when there is none of that index. Not kept over an addition. */
hal_topology_host *hal_draft_host(hal_draft *draft);
hal_topology_place *hal_draft_place(hal_draft *draft, uint32_t index);
hal_topology_memory *hal_draft_memory(hal_draft *draft, uint32_t index);
hal_topology_device *hal_draft_device(hal_draft *draft, uint32_t index);
hal_topology_link *hal_draft_link(hal_draft *draft, uint32_t index);
uint32_t hal_draft_place_count(const hal_draft *draft);
uint32_t hal_draft_memory_count(const hal_draft *draft);
uint32_t hal_draft_device_count(const hal_draft *draft);
uint32_t hal_draft_link_count(const hal_draft *draft);

/* A copy of `text` that lives as long as what the draft becomes; "" when out of memory, which the draft remembers. The second
   is formatted. Assign the result to a member of an object. */
const char *hal_draft_text(hal_draft *draft, const char *text);
const char *hal_draft_format(hal_draft *draft, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Grow the arrays of device `device` by one entry. */
void hal_draft_device_memory(hal_draft *draft, uint32_t device, uint32_t memory);
void hal_draft_device_index(hal_draft *draft, uint32_t device, const char *api, uint32_t platform, uint32_t index);
void hal_draft_device_rate(hal_draft *draft, uint32_t device, const char *dtype, const char *op_class, hal_figure rate);
void hal_draft_device_feature(hal_draft *draft, uint32_t device, const char *feature);
void hal_draft_device_node(hal_draft *draft, uint32_t device, const char *node);
void hal_draft_device_way(hal_draft *draft, uint32_t device, const char *way);
void hal_draft_device_rung(hal_draft *draft, uint32_t device, const hal_rung *rung);

/* Lookups by id; HAL_NOWHERE when there is none. Devices also by address. */
uint32_t hal_draft_find_place(const hal_draft *draft, const char *id);
uint32_t hal_draft_find_memory(const hal_draft *draft, const char *id);
uint32_t hal_draft_find_device(const hal_draft *draft, const char *id_or_address);

/* What vendors answered about the machine of the draft (hal/discovery/answer.h), borrowed until it is sealed; NULL before. */
struct hal_answers;
void hal_draft_refer(hal_draft *draft, const struct hal_answers *answers);
const struct hal_answers *hal_draft_answers(const hal_draft *draft);

/* A figure that is known; and one that is not, of that unit. */
static inline hal_figure hal_figure_of(double value, hal_unit unit, hal_source source)
{
    return (hal_figure){.value = value, .unit = unit, .source = source};
}
static inline hal_figure hal_figure_unknown(hal_unit unit)
{
    return (hal_figure){.unit = unit};
}
/* Replaces `*into` when `figure` comes from a better source, or the same and later. */
void hal_figure_improve(hal_figure *into, hal_figure figure);

/* Readers, each of which fills a draft that is empty (place 0 included). */
/* hal's own JSON. Errors name line and column, or the path of the member. */
hal_status hal_topology_read_json(const char *origin, const char *text, size_t bytes, hal_draft *draft);
/* "socket:2 gpu:4@nvlink npu:1". */
hal_status hal_topology_read_synthetic(const char *text, hal_draft *draft);
/* NCCL, RCCL or hwloc XML, read by a child process that answers in JSON. */
hal_status hal_topology_read_xml(const char *path, int64_t deadline, hal_draft *draft);
/* Processors, caches, NUMA nodes, distances and memory attributes of a loaded hwloc tree: places, memories, cpu devices, and
   what PCI and OS devices it holds (foreign XML only). Adds place 0 when there is none. */
struct hwloc_topology;
hal_status hal_topology_read_hwloc(struct hwloc_topology *tree, hal_draft *draft);
/* Fills in what the PCI numbers of `device` say: kind, family, vendor, name; texts are static. False for what no list of devices
   shows (consoles, bridges, disks), unless it `computes`. */
bool hal_pci_describe(hal_topology_device *device, bool computes);
/* Supplies what a file does not tell: "PATTERN=DEVICE[@LINK]", from the shelf of known devices. */
hal_status hal_topology_supply(hal_draft *draft, const char *line);
/* The same for each line up to a NULL; none where `lines` is NULL. The first that is wrong ends it. */
hal_status hal_topology_supply_all(hal_draft *draft, const char *const *lines);

#endif
