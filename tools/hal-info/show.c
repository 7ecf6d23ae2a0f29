/* SPDX-License-Identifier: Apache-2.0 */
/* hal-info show ID: all that is known about one device. */
#include "tools/hal-info/document.h"
#include "tools/hal-info/info.h"
#include "tools/hal-info/links.h"

#include <stdarg.h>
#include <string.h>

enum { LABEL = 14 };

/* A line of label and text; nothing where the text is empty or unknown. */
static void line(const info *i, const char *label, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void line(const info *i, const char *label, const char *format, ...)
{
    char text[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (!text[0] || strcmp(text, "-") == 0)
        return;
    fprintf(i->out, "%s%-*s%s", style_on(&i->style, TONE_FAINT), LABEL, label,
            style_off(&i->style, TONE_FAINT));
    style_wrap(&i->style, i->out, LABEL, text);
}

static void list_of(const info *i, const char *label, const char *const *items, uint32_t n)
{
    char text[2048] = "";
    for (uint32_t k = 0; k < n; k++) {
        const size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s%s", k ? ", " : "", items[k]);
    }
    line(i, label, "%s", text);
}

static void show_indices(const info *i, const hal_topology_device *d)
{
    char text[1024];
    line(i, "elsewhere", "%s", device_indices(d, text, sizeof text));
}

static void show_place(const info *i, const hal_topology_device *d)
{
    char text[1024] = "";
    for (const hal_topology_place *p = hal_topology_place_at(i->topology, d->place); p;
         p = hal_topology_place_at(i->topology, p->parent)) {
        const size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s%s", used ? " in " : "", p->id);
    }
    line(i, "place", "%s", text);
    if (d->numa != HAL_NOWHERE)
        line(i, "NUMA node", "%u", d->numa);
    const hal_topology_device *parent = hal_topology_device_at(i->topology, d->parent);
    if (parent)
        line(i, "part of", "%s", parent->alias);
}

static void show_versions(const info *i, const hal_topology_device *d)
{
    line(i, "driver", "%s%s%s", d->driver, d->driver_version[0] ? " " : "", d->driver_version);
    line(i, "library", "%s", d->user_version);
    line(i, "needs driver", "%s", d->required_version);
    line(i, "firmware", "%s", d->firmware);
}

static void show_identity(const info *i, const hal_topology_device *d)
{
    line(i, "id", "%s", d->id);
    line(i, "kind", "%s", hal_device_kind_name(d->kind));
    line(i, "vendor", "%s", d->vendor);
    line(i, "family", "%s", d->family);
    line(i, "address", "%s", d->address);
    if (d->pci_vendor)
        line(i, "PCI", "%04x:%04x, board %04x:%04x, class %06x, revision %02x", d->pci_vendor, d->pci_device,
             d->pci_subvendor, d->pci_subdevice, d->pci_class, d->pci_revision);
    line(i, "uuid", "%s", d->uuid);
    line(i, "serial", "%s", d->serial);
    if (d->cores)
        line(i, "cores", "%u, %u threads", d->cores, d->threads ? d->threads : d->cores);
}

static void show_link(const info *i, const hal_topology_device *d)
{
    char now[FIGURE_SIZE], most[FIGURE_SIZE];
    if (!d->link_text[0] && !figure_known(d->link_now))
        return;
    line(i, "bus link", "%s, %s one way%s%s", d->link_text[0] ? d->link_text : "link",
         figure_any(d->link_now, now), figure_known(d->link_most) ? "; at most " : "",
         figure_known(d->link_most) ? figure_any(d->link_most, most) : "");
}

static void show_memories(const info *i, const hal_topology_device *d)
{
    for (uint32_t k = 0; k < d->n_memories; k++) {
        const hal_topology_memory *m = hal_topology_memory_at(i->topology, d->memories[k]);
        char size[FIGURE_SIZE], rate[FIGURE_SIZE];
        const bool fast = m && figure_known(m->bandwidth);
        if (m)
            line(i, k ? "" : "memory", "%s: %s %s%s%s%s", m->id, hal_memory_kind_name(m->kind),
                 figure_free_of(m->free, m->capacity, size), fast ? ", " : "",
                 fast ? figure_any(m->bandwidth, rate) : "", m->shared ? ", shared with other devices" : "");
    }
}

static void show_rates(const info *i, const hal_topology_device *d)
{
    char rate[FIGURE_SIZE];
    for (uint32_t k = 0; k < d->n_rates; k++)
        line(i, k ? "" : "computes", "%s %s at %s", d->rates[k].dtype, d->rates[k].op_class,
             figure_any(d->rates[k].rate, rate));
}

/* Links from it that somebody measured, beside what they are declared to carry. */
static void show_measured(const info *i, uint32_t device)
{
    bool first = true;
    for (uint32_t k = 0; k < hal_topology_link_count(i->topology); k++) {
        const hal_topology_link *l = hal_topology_link_at(i->topology, k);
        char rate[FIGURE_SIZE], declared[FIGURE_SIZE], share[FIGURE_SIZE], date[FIGURE_SIZE];
        if (l->from.kind != HAL_END_DEVICE || l->from.index != device || !figure_measured(l->bandwidth))
            continue;
        line(i, first ? "measured" : "", "%s to %s: %s of %s declared (%s), on %s", l->kind[0] ? l->kind : "link",
             link_end_name(i->topology, l->to), figure_any(l->bandwidth, rate), figure_any(l->declared, declared),
             figure_share(l->bandwidth, l->declared, share), figure_date(l->bandwidth, date));
        first = false;
    }
}

static int show_device(info *i, const hal_topology_device *d)
{
    char name[160], state[64];
    info_tone tone;
    const char *word = device_state(d, state, &tone);
    fprintf(i->out, "%s%s%s  ", style_on(&i->style, TONE_STRONG), d->alias,
            style_off(&i->style, TONE_STRONG));
    style_wrap(&i->style, i->out, (uint32_t)strlen(d->alias) + 2, device_name(d, name));
    line(i, "state", "%s%s%s", word, d->reason_text[0] ? ": " : "", device_reason(d));
    show_identity(i, d);
    show_place(i, d);
    show_link(i, d);
    show_versions(i, d);
    show_indices(i, d);
    list_of(i, "nodes", d->nodes, d->n_nodes);
    list_of(i, "features", d->features, d->n_features);
    list_of(i, "also as", d->ways, d->n_ways);
    show_memories(i, d);
    show_rates(i, d);
    show_measured(i, hal_topology_device_find(i->topology, d->id));
    style_hint(&i->style, i->out, figure_legend());
    return TOOL_OK;
}

/* One device of the description, or else another way to one. */
static int find(const info *i, const hal_topology_device **d, json_t **route, tool_error *err)
{
    if (i->options->n_words != 1)
        return tool_fail(err, TOOL_BAD_INPUT, "show: name one device, such as cpu0; hal-info lists them");
    int code = machine_device(i->topology, i->options->words[0], d, err);
    tool_error ignored;
    if (code == TOOL_NOT_FOUND && !i->options->input && route_data(i, i->options->words[0], route, &ignored) == TOOL_OK)
        code = TOOL_OK;
    return code;
}

int show_print(info *i, tool_error *err)
{
    const hal_topology_device *d;
    json_t *route = NULL;
    int code = find(i, &d, &route, err);
    if (!code)
        code = route ? route_print(i, route) : show_device(i, d);
    json_decref(route);
    return code;
}

int show_data(info *i, json_t **root, tool_error *err)
{
    const hal_topology_device *d;
    json_t *route = NULL;
    int code = find(i, &d, &route, err);
    if (code)
        return code;
    if (!route)
        return document_device(i, d, root, err);
    *root = route;
    return TOOL_OK;
}
