/* SPDX-License-Identifier: Apache-2.0 */
/* hal-info export KIND: the machine in the words of a scheduler or monitor. */
#include <ctype.h>
#include <stddef.h>
#include <string.h>

#include "tools/hal-info/links.h"

/* A word of lower-case letters, digits and '-', which every receiver accepts: "NVIDIA H100 SXM" becomes
 * "nvidia-h100-sxm". */
static const char *slug(const char *text, char *out, size_t size)
{
    size_t used = 0;
    for (; *text && used + 1 < size; text++) {
        const bool good = isalnum((unsigned char)*text) && (unsigned char)*text < 0x80;
        if (good)
            out[used++] = (char)tolower((unsigned char)*text);
        else if (used && out[used - 1] != '-')
            out[used++] = '-';
    }
    while (used && out[used - 1] == '-')
        used--;
    out[used] = 0;
    return used ? out : "unknown";
}

static bool is_accelerator(const hal_topology_device *d)
{
    return d->kind == HAL_DEVICE_GPU || d->kind == HAL_DEVICE_NPU || d->kind == HAL_DEVICE_OTHER;
}

static bool is_offered(const hal_topology_device *d)
{
    return d->usability == HAL_USABLE_READY || d->usability == HAL_USABLE_NOT_PROBED ||
           d->usability == HAL_USABLE_DEGRADED || d->usability == HAL_USABLE_NO_BACKEND;
}

static void totals(const hal_topology *t, uint32_t *cores, uint32_t *threads, uint32_t *packages,
                   double *bytes)
{
    *cores = *threads = *packages = 0;
    *bytes = 0;
    for (uint32_t k = 0; k < hal_topology_device_count(t); k++) {
        const hal_topology_device *d = hal_topology_device_at(t, k);
        if (d->kind != HAL_DEVICE_CPU)
            continue;
        ++*packages;
        *cores += d->cores;
        *threads += d->threads ? d->threads : d->cores;
    }
    for (uint32_t k = 0; k < hal_topology_memory_count(t); k++) {
        const hal_topology_memory *m = hal_topology_memory_at(t, k);
        if (m->kind == HAL_MEMORY_DRAM && figure_known(m->capacity))
            *bytes += m->capacity.value;
    }
}

/* --- Slurm: gres.conf and a line of slurm.conf. https://slurm.schedmd.com/gres.conf.html --- */

/* Bonded links to each device of the same kind, -1 for itself: what Slurm places jobs by. */
static void slurm_links(info *i, const link_grid *g, uint32_t self)
{
    const hal_topology *t = i->topology;
    const hal_topology_device *d = hal_topology_device_at(t, self);
    bool any = false;
    for (uint32_t k = 0; k < g->n; k++)
        any |= k != self && link_at(g, self, k) && link_at(g, self, k)->lanes &&
               strcmp(link_at(g, self, k)->kind, "pcie");
    const char *separator = " Links=";
    for (uint32_t k = 0; any && k < g->n; k++) {
        if (hal_topology_device_at(t, k)->kind != d->kind)
            continue;
        const hal_topology_link *l = link_at(g, self, k);
        if (k == self)
            fprintf(i->out, "%s-1", separator);
        else
            fprintf(i->out, "%s%u", separator, l && strcmp(l->kind, "pcie") ? l->lanes : 0);
        separator = ",";
    }
}

/* gres.conf: a line for each device. Counts them by kind. */
static void slurm_devices(info *i, const link_grid *g, uint32_t *counts)
{
    const hal_topology *t = i->topology;
    char word[96], name[160];
    fputs("# gres.conf\n", i->out);
    for (uint32_t k = 0; k < g->n; k++) {
        const hal_topology_device *d = hal_topology_device_at(t, k);
        if (!is_accelerator(d) || !is_offered(d))
            continue;
        counts[d->kind]++;
        fprintf(i->out, "Name=%s Type=%s", hal_device_kind_name(d->kind),
                slug(device_name(d, name), word, sizeof word));
        if (d->n_nodes)
            fprintf(i->out, " File=%s", d->nodes[0]);
        slurm_links(i, g, k);
        fputc('\n', i->out);
    }
}

/* slurm.conf: the line of the node. */
static void slurm_node(info *i, const uint32_t *counts)
{
    const hal_topology *t = i->topology;
    uint32_t cores, threads, packages;
    double bytes;
    totals(t, &cores, &threads, &packages, &bytes);
    const char *host = hal_topology_host_of(t)->name;
    fprintf(i->out, "# slurm.conf\nNodeName=%s", host[0] ? host : "node");
    if (threads && cores && packages)
        fprintf(i->out, " CPUs=%u Sockets=%u CoresPerSocket=%u ThreadsPerCore=%u", threads, packages,
                cores / packages, threads / cores);
    else if (threads)
        fprintf(i->out, " CPUs=%u", threads);
    if (bytes > 0)
        fprintf(i->out, " RealMemory=%.0f", bytes / (1 << 20));
    const char *separator = " Gres=";
    for (uint32_t k = 0; k <= HAL_DEVICE_OTHER; k++)
        if (counts[k]) {
            fprintf(i->out, "%s%s:%u", separator, hal_device_kind_name((hal_device_kind)k), counts[k]);
            separator = ",";
        }
    fputc('\n', i->out);
}

static int export_slurm(info *i, tool_error *err)
{
    uint32_t counts[HAL_DEVICE_OTHER + 1] = {0};
    link_grid g;
    if (!link_grid_create(i->topology, &g))
        return tool_fail(err, TOOL_INTERNAL, "out of memory");
    slurm_devices(i, &g, counts);
    link_grid_clear(&g);
    slurm_node(i, counts);
    return TOOL_OK;
}

/* --- Kubernetes: a file for the local source of Node Feature Discovery, which makes labels of its lines ---
 */

static int export_k8s(info *i, tool_error *err)
{
    const hal_topology *t = i->topology;
    uint32_t counts[HAL_DEVICE_OTHER + 1] = {0};
    char word[64], name[160];
    (void)err;
    fputs("# /etc/kubernetes/node-feature-discovery/features.d/hal\n", i->out);
    for (uint32_t k = 0; k < hal_topology_device_count(t); k++) {
        const hal_topology_device *d = hal_topology_device_at(t, k);
        const hal_topology_memory *m = device_memory(t, d);
        const char *kind = hal_device_kind_name(d->kind);
        if (!device_computes(d) || !is_offered(d) || counts[d->kind]++)
            continue;
        fprintf(i->out, "hal-%s.product=%s\n", kind, slug(device_name(d, name), word, sizeof word));
        if (d->family[0])
            fprintf(i->out, "hal-%s.family=%s\n", kind, slug(d->family, word, sizeof word));
        if (d->driver_version[0])
            fprintf(i->out, "hal-%s.driver=%s\n", kind, d->driver_version);
        if (m && figure_known(m->capacity))
            fprintf(i->out, "hal-%s.memory-mib=%.0f\n", kind, m->capacity.value / (1 << 20));
    }
    for (uint32_t k = 0; k <= HAL_DEVICE_OTHER; k++)
        if (counts[k])
            fprintf(i->out, "hal-%s.count=%u\n", hal_device_kind_name((hal_device_kind)k), counts[k]);
    return TOOL_OK;
}

/* --- Ray: the options of `ray start` --- */

static int export_ray(info *i, tool_error *err)
{
    const hal_topology *t = i->topology;
    uint32_t cores, threads, packages, gpus = 0, npus = 0;
    double bytes;
    char word[64], name[160], first[64] = "";
    (void)err;
    totals(t, &cores, &threads, &packages, &bytes);
    for (uint32_t k = 0; k < hal_topology_device_count(t); k++) {
        const hal_topology_device *d = hal_topology_device_at(t, k);
        if (!is_offered(d))
            continue;
        gpus += d->kind == HAL_DEVICE_GPU;
        npus += d->kind == HAL_DEVICE_NPU;
        if (!first[0] && is_accelerator(d))
            snprintf(first, sizeof first, "%s", slug(device_name(d, name), word, sizeof word));
    }
    fputs("ray start", i->out);
    if (threads)
        fprintf(i->out, " --num-cpus=%u", threads);
    fprintf(i->out, " --num-gpus=%u", gpus);
    if (bytes > 0)
        fprintf(i->out, " --memory=%.0f", bytes);
    if (npus)
        fprintf(i->out, " --resources='{\"NPU\": %u}'", npus);
    if (first[0])
        fprintf(i->out, " --labels=\"hal.io/accelerator=%s\"", first);
    fputc('\n', i->out);
    return TOOL_OK;
}

/* --- Prometheus: the text format, for the textfile collector --- */

static void label(FILE *out, const char *name, const char *value, bool first)
{
    fprintf(out, "%s%s=\"", first ? "" : ",", name);
    for (; *value; value++) {
        if (*value == '\\' || *value == '"')
            fputc('\\', out);
        if (*value == '\n')
            fputs("\\n", out);
        else
            fputc(*value, out);
    }
    fputc('"', out);
}

static void sample_device(FILE *out, const char *metric, const hal_topology_device *d)
{
    fprintf(out, "%s{", metric);
    label(out, "id", d->id, true);
    label(out, "alias", d->alias, false);
    label(out, "kind", hal_device_kind_name(d->kind), false);
}

static void heading(FILE *out, const char *metric, const char *help)
{
    fprintf(out, "# HELP %s %s\n# TYPE %s gauge\n", metric, help, metric);
}

static void prometheus_devices(FILE *out, const hal_topology *t)
{
    char name[160];
    heading(out, "hal_device_info", "1 for every device that is seen.");
    for (uint32_t k = 0; k < hal_topology_device_count(t); k++) {
        const hal_topology_device *d = hal_topology_device_at(t, k);
        sample_device(out, "hal_device_info", d);
        label(out, "name", device_name(d, name), false);
        label(out, "driver", d->driver_version, false);
        label(out, "state", hal_usability_name(d->usability), false);
        label(out, "reason", d->reason, false);
        fputs("} 1\n", out);
    }
    heading(out, "hal_device_usable", "1 when nothing speaks against using the device.");
    for (uint32_t k = 0; k < hal_topology_device_count(t); k++) {
        const hal_topology_device *d = hal_topology_device_at(t, k);
        sample_device(out, "hal_device_usable", d);
        fprintf(out, "} %d\n",
                d->usability != HAL_USABLE_BROKEN && d->usability != HAL_USABLE_HIDDEN &&
                    d->usability != HAL_USABLE_NO_BACKEND);
    }
    heading(out, "hal_device_bus_bytes_per_second", "Bus link as it runs, one way.");
    for (uint32_t k = 0; k < hal_topology_device_count(t); k++) {
        const hal_topology_device *d = hal_topology_device_at(t, k);
        if (!figure_known(d->link_now))
            continue;
        sample_device(out, "hal_device_bus_bytes_per_second", d);
        fprintf(out, "} %.15g\n", d->link_now.value);
    }
}

static void prometheus_memory(FILE *out, const hal_topology *t, const char *metric, const char *help,
                              size_t offset)
{
    heading(out, metric, help);
    for (uint32_t k = 0; k < hal_topology_memory_count(t); k++) {
        const hal_topology_memory *m = hal_topology_memory_at(t, k);
        hal_figure f;
        memcpy(&f, (const char *)m + offset, sizeof f);
        if (!figure_known(f))
            continue;
        fprintf(out, "%s{", metric);
        label(out, "id", m->id, true);
        label(out, "kind", hal_memory_kind_name(m->kind), false);
        fprintf(out, "} %.15g\n", f.value);
    }
}

static void prometheus_link(FILE *out, const hal_topology *t, const hal_topology_link *l, hal_figure f)
{
    if (!figure_known(f))
        return;
    fputs("hal_link_bytes_per_second{", out);
    label(out, "from", link_end_name(t, l->from), true);
    label(out, "to", link_end_name(t, l->to), false);
    label(out, "kind", l->kind, false);
    label(out, "path", l->path, false);
    label(out, "source", hal_source_name(f.source), false);
    fprintf(out, "} %.15g\n", f.value);
}

/* What was measured and what is declared are told apart by their source. */
static void prometheus_links(FILE *out, const hal_topology *t)
{
    heading(out, "hal_link_bytes_per_second", "Bandwidth of a link, one way.");
    for (uint32_t k = 0; k < hal_topology_link_count(t); k++) {
        const hal_topology_link *l = hal_topology_link_at(t, k);
        prometheus_link(out, t, l, l->bandwidth);
        if (figure_measured(l->bandwidth))
            prometheus_link(out, t, l, l->declared);
    }
}

static int export_prometheus(info *i, tool_error *err)
{
    (void)err;
    prometheus_devices(i->out, i->topology);
    prometheus_memory(i->out, i->topology, "hal_memory_bytes", "Capacity of a memory.",
                      offsetof(hal_topology_memory, capacity));
    prometheus_memory(i->out, i->topology, "hal_memory_free_bytes", "Free bytes of a memory.",
                      offsetof(hal_topology_memory, free));
    prometheus_links(i->out, i->topology);
    return TOOL_OK;
}

int export_print(info *i, tool_error *err)
{
    static const struct {
        const char *name;
        int (*print)(info *i, tool_error *err);
    } kinds[] = {
        {"slurm", export_slurm}, {"k8s", export_k8s}, {"ray", export_ray}, {"prometheus", export_prometheus}};
    for (size_t k = 0; i->options->n_words == 1 && k < sizeof kinds / sizeof kinds[0]; k++)
        if (strcmp(i->options->words[0], kinds[k].name) == 0)
            return kinds[k].print(i, err);
    return tool_fail(err, TOOL_BAD_INPUT, "export: name one of slurm, k8s, ray and prometheus");
}
