/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs of hal-info share: the options, the machine, and where the answer goes. */
#ifndef HAL_INFO_H
#define HAL_INFO_H

#include <hal/hal.h>
#include <hal/topology.h>
#include <jansson.h>

#include "tools/hal-info/figure.h"
#include "tools/hal-info/options.h"
#include "tools/hal-info/style.h"
#include "tools/hal-info/table.h"

typedef struct info {
    const info_options *options;
    hal_topology *topology; /* NULL for verbs that look at no machine */
    info_style style;
    FILE *out;
} info;

/* doctor found something that cannot be used; beside the codes of tool_exit. */
enum { INFO_FAILURE = 5 };

/* Opens the machine the options name, or `input` when it is not NULL. */
int machine_open(const info_options *options, const char *input, bool probe, hal_topology **topology,
                 tool_error *err);
/* Replaces a machine by one without what would tell it or its user: names of hosts, serial numbers, UUIDs. */
int machine_redact(hal_topology **topology, tool_error *err);
/* The exit code and text of a status of the library. */
int machine_fail(hal_status status, tool_error *err);
/* An instance with the plugins that the options name. */
int machine_instance(const info_options *options, hal_instance **instance, tool_error *err);
/* The device of that id or alias; else TOOL_NOT_FOUND with a list of what is there. */
int machine_device(const hal_topology *topology, const char *name, const hal_topology_device **device,
                   tool_error *err);

/* What a page is called: the name of the machine, or of the file it comes from. */
const char *host_title(const hal_topology_host *host);
/* The name of a device, or what stands for it where no source says: "Ascend", "Intel GPU". `text` has room
 * for 160. */
const char *device_name(const hal_topology_device *d, char *text);
/* A name of a processor without trade marks and clocks; `text` has room for 160. */
const char *name_shorten(const char *name, char *text);
/* Whether programs can be run on it: neither a network card nor a switch. */
bool device_computes(const hal_topology_device *d);
/* "ready", "UNUSABLE D402", "hidden D901": and its tone. `text` has room for 64. */
const char *device_state(const hal_topology_device *d, char *text, info_tone *tone);
/* The sentence behind it, without words that the state has said. */
const char *device_reason(const hal_topology_device *d);
/* How other interfaces number it: "nvml 0, opencl 1:0". Returns text. */
const char *device_indices(const hal_topology_device *d, char *text, size_t size);
/* Its memory that is nearest, or NULL. */
const hal_topology_memory *device_memory(const hal_topology *t, const hal_topology_device *d);
/* Rate of matmul in that dtype; unknown when no source says. */
hal_figure device_rate(const hal_topology_device *d, const char *dtype);

/* The text of the verbs: each prints to info->out. */
int list_print(info *i, tool_error *err);
int show_print(info *i, tool_error *err);
int topo_print(info *i, tool_error *err);
int links_print(info *i, tool_error *err);
int memory_print(info *i, tool_error *err);
int doctor_print(info *i, tool_error *err);
int ops_print(info *i, tool_error *err);
int plugins_print(info *i, tool_error *err);
int config_print(info *i, tool_error *err);
int watch_print(info *i, tool_error *err);
int diff_print(info *i, tool_error *err);
int gather_print(info *i, tool_error *err);
int bundle_print(info *i, tool_error *err);
int export_print(info *i, tool_error *err);
int schema_print(info *i, tool_error *err);

/* The document of the verbs that have one; a new reference. */
int show_data(info *i, json_t **root, tool_error *err);
/* A device that only a backend knows, which is another way to one of the description. NOT_FOUND. */
int route_data(const info *i, const char *alias, json_t **root, tool_error *err);
int route_print(const info *i, const json_t *route);
int links_data(info *i, json_t **root, tool_error *err);
int memory_data(info *i, json_t **root, tool_error *err);
int doctor_data(info *i, json_t **root, tool_error *err);
int ops_data(info *i, json_t **root, tool_error *err);
int plugins_data(info *i, json_t **root, tool_error *err);
/* ops of a machine that is only described. */
int elsewhere_print(info *i, tool_error *err);
int elsewhere_data(info *i, json_t **root, tool_error *err);
int config_data(info *i, json_t **root, tool_error *err);
int diff_data(info *i, json_t **root, tool_error *err);

/* What the doctor's findings come to: TOOL_OK, TOOL_DEGRADED or INFO_FAILURE, with a sentence. */
int doctor_verdict(info *i, tool_error *err);
/* Whether the two machines of a diff document differ: TOOL_DEGRADED with the number of differences. */
int diff_verdict(const json_t *root, tool_error *err);

/* Links that are alike, a line each; topo and links end with it. */
int links_summary(info *i, tool_error *err);

/* Tables that the HTML page shows too; NULL when memory is out. */
table *list_table(const hal_topology *t);
table *memory_table(const hal_topology *t);
/* Bandwidth between devices; `path` for path classes instead of GB/s. NULL also where there is nothing to
 * show. */
table *links_matrix(const hal_topology *t, bool path);
/* The same as text, in blocks of as many columns as fit. */
int links_matrix_print(info *i, bool path, tool_error *err);

#endif
