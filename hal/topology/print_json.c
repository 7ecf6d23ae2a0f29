/* SPDX-License-Identifier: Apache-2.0 */
/* The schema "hal.info/1"; hal-info.schema.json says the same to programs. */
#include "hal/topology/json.h"

#include <locale.h>

static void write_texts(hal_json *json, const void *object, const hal_text_table *table, uint32_t from)
{
    for (uint32_t i = from; i < table->count; i++)
        hal_json_text(json, table->rows[i].name, hal_text_see(object, &table->rows[i]));
}

static void write_figures(hal_json *json, const void *object, const hal_figure_table *table)
{
    for (uint32_t i = 0; i < table->count; i++)
        hal_json_figure(json, table->rows[i].name, hal_figure_see(object, &table->rows[i]));
}

static void write_place_id(hal_json *json, const char *key, const hal_topology *t, uint32_t place)
{
    hal_json_text(json, key, place < t->n_places ? t->places[place].id : "");
}

static uint32_t count_nodes(const hal_topology *t)
{
    uint32_t nodes = 0;
    for (uint32_t i = 0; i < t->n_memories; i++)
        nodes += t->memories[i].numa != HAL_NOWHERE;
    return nodes;
}

static void write_host(hal_json *json, const hal_topology *t)
{
    hal_json_open(json, "host", '{');
    write_texts(json, &t->host, &hal_texts_host, 0);
    const uint32_t nodes = count_nodes(t);
    hal_json_number(json, "numa_nodes", nodes != 0 ? nodes : HAL_NOWHERE);
    write_figures(json, &t->host, &hal_figures_host);
    hal_json_bool(json, "offline", t->host.offline != 0);
    hal_json_bool(json, "redacted", json->redaction != NULL);
    hal_json_close(json, '}');
}

static void write_place(hal_json *json, const hal_topology *t, const hal_topology_place *p)
{
    hal_json_open(json, NULL, '{');
    write_texts(json, p, &hal_texts_place, 0);
    hal_json_text(json, "kind", hal_place_kind_name(p->kind));
    write_place_id(json, "parent", t, p->parent);
    hal_json_number(json, "number", p->number);
    const bool known = p->kind != HAL_PLACE_PACKAGE; /* other places may hold none */
    hal_json_number(json, "threads", known || p->threads != 0 ? p->threads : HAL_NOWHERE);
    hal_json_number(json, "cores", known || p->cores != 0 ? p->cores : HAL_NOWHERE);
    write_figures(json, p, &hal_figures_place);
    hal_json_close(json, '}');
}

static void write_memory(hal_json *json, const hal_topology *t, const hal_topology_memory *m)
{
    hal_json_open(json, NULL, '{');
    write_texts(json, m, &hal_texts_memory, 0);
    hal_json_text(json, "kind", hal_memory_kind_name(m->kind));
    write_place_id(json, "place", t, m->place);
    hal_json_number(json, "numa", m->numa);
    hal_json_integer(json, "tier", m->tier);
    hal_json_integer(json, "contention_group", m->contention_group);
    hal_json_bool(json, "shared", m->shared != 0);
    hal_json_bool(json, "host_access", m->host_access != 0);
    write_figures(json, m, &hal_figures_memory);
    hal_json_close(json, '}');
}

static bool is_last_of_api(const hal_topology_device *d, uint32_t index)
{
    for (uint32_t i = index + 1; i < d->n_indices; i++)
        if (strcmp(d->indices[i].api, d->indices[index].api) == 0)
            return false;
    return true;
}

static bool is_first_of_api(const hal_topology_device *d, uint32_t index)
{
    for (uint32_t i = 0; i < index; i++)
        if (strcmp(d->indices[i].api, d->indices[index].api) == 0)
            return false;
    return true;
}

static void write_pair(hal_json *json, const char *key, const hal_native_index *index)
{
    hal_json_open_flat(json, key, '[');
    if (index->platform != HAL_NOWHERE)
        hal_json_integer(json, NULL, index->platform);
    hal_json_number(json, NULL, index->index);
    hal_json_close(json, ']');
}

/* 3, [PLATFORM, 3], or a list of [3] and [PLATFORM, 3] where an interface shows the device several times. */
static void write_indices(hal_json *json, const hal_topology_device *d)
{
    hal_json_open_flat(json, "indices", '{');
    for (uint32_t i = 0; i < d->n_indices; i++) {
        const hal_native_index *x = &d->indices[i];
        if (!is_first_of_api(d, i))
            continue;
        if (is_last_of_api(d, i) && x->platform == HAL_NOWHERE) {
            hal_json_number(json, x->api, x->index);
        } else if (is_last_of_api(d, i)) {
            write_pair(json, x->api, x);
        } else {
            hal_json_open_flat(json, x->api, '[');
            for (uint32_t j = i; j < d->n_indices; j++)
                if (strcmp(d->indices[j].api, x->api) == 0)
                    write_pair(json, NULL, &d->indices[j]);
            hal_json_close(json, ']');
        }
    }
    hal_json_close(json, '}');
}

static void write_plain(hal_json *json, const char *key, const hal_figure *figure)
{
    if (figure->source == HAL_SOURCE_UNKNOWN)
        hal_json_null(json, key);
    else
        hal_json_real(json, key, figure->value);
}

static void write_memories(hal_json *json, const hal_topology *t, const hal_topology_device *d)
{
    hal_json_open(json, "memory", '[');
    for (uint32_t i = 0; i < d->n_memories; i++) {
        const hal_topology_memory *m = &t->memories[d->memories[i]];
        hal_json_open(json, NULL, '{');
        hal_json_text(json, "id", m->id);
        hal_json_integer(json, "tier", m->tier);
        write_plain(json, "bytes", &m->capacity);
        write_plain(json, "free", &m->free);
        hal_json_figure(json, "bandwidth", &m->bandwidth);
        hal_json_close(json, '}');
    }
    hal_json_close(json, ']');
}

static void write_rates(hal_json *json, const hal_topology_device *d)
{
    hal_json_open(json, "compute", '[');
    for (uint32_t i = 0; i < d->n_rates; i++) {
        hal_json_open(json, NULL, '{');
        hal_json_text(json, "dtype", d->rates[i].dtype);
        hal_json_text(json, "op_class", d->rates[i].op_class);
        hal_json_figure(json, "flops", &d->rates[i].rate);
        hal_json_close(json, '}');
    }
    hal_json_close(json, ']');
}

static void write_list(hal_json *json, const char *key, const char *const *list, uint32_t count)
{
    hal_json_open_flat(json, key, '[');
    for (uint32_t i = 0; i < count; i++)
        if (list[i][0] != '\0')
            hal_json_text(json, NULL, list[i]);
    hal_json_close(json, ']');
}

static void write_pci(hal_json *json, const hal_topology_device *d)
{
    if (d->pci_vendor == 0 && d->pci_device == 0 && d->pci_class == 0) {
        hal_json_null(json, "pci");
        return;
    }
    hal_json_open_flat(json, "pci", '{');
    hal_json_hex(json, "vendor", d->pci_vendor, 4);
    hal_json_hex(json, "device", d->pci_device, 4);
    hal_json_hex(json, "subvendor", d->pci_subvendor, 4);
    hal_json_hex(json, "subdevice", d->pci_subdevice, 4);
    hal_json_hex(json, "class", d->pci_class, 6);
    hal_json_hex(json, "revision", d->pci_revision, 2);
    hal_json_close(json, '}');
}

static void write_driver(hal_json *json, const hal_topology_device *d)
{
    hal_json_open_flat(json, "driver", '{');
    hal_json_text(json, "name", d->driver);
    hal_json_text(json, "kernel", d->driver_version);
    hal_json_text(json, "user", d->user_version);
    hal_json_text(json, "required", d->required_version);
    hal_json_text(json, "firmware", d->firmware);
    hal_json_close(json, '}');
}

static void write_link_slot(hal_json *json, const hal_topology_device *d)
{
    hal_json_open(json, "link", '{');
    hal_json_text(json, "text", d->link_text);
    hal_json_figure(json, "now", &d->link_now);
    hal_json_figure(json, "most", &d->link_most);
    hal_json_close(json, '}');
}

static void write_probe(hal_json *json, const hal_topology_device *d)
{
    int64_t total = 0;
    for (uint32_t i = 0; i < d->n_rungs; i++)
        total += d->rungs[i].nanoseconds;
    hal_json_open(json, "probe", '{');
    hal_json_real(json, "ms", (double)total / 1e6);
    hal_json_open(json, "steps", '[');
    for (uint32_t i = 0; i < d->n_rungs; i++) {
        hal_json_open_flat(json, NULL, '{');
        hal_json_text(json, "code", d->rungs[i].code);
        hal_json_text(json, "status", hal_rung_status_name(d->rungs[i].status));
        hal_json_text(json, "evidence", d->rungs[i].evidence);
        hal_json_real(json, "ms", (double)d->rungs[i].nanoseconds / 1e6);
        hal_json_close(json, '}');
    }
    hal_json_close(json, ']');
    hal_json_close(json, '}');
}

static void write_device_head(hal_json *json, const hal_topology *t, const hal_topology_device *d)
{
    hal_json_text(json, "id", d->id);
    hal_json_text(json, "alias", d->alias);
    hal_json_text(json, "kind", hal_device_kind_name(d->kind));
    hal_json_text(json, "name", d->name);
    hal_json_text(json, "vendor", d->vendor);
    hal_json_text(json, "family", d->family);
    hal_json_text(json, "address", d->address);
    hal_json_number(json, "numa", d->numa);
    write_place_id(json, "place", t, d->place);
    hal_json_text(json, "parent", d->parent < t->n_devices ? t->devices[d->parent].id : "");
    hal_json_text(json, "state", hal_usability_name(d->usability));
    hal_json_text(json, "reason", d->reason);
    hal_json_text(json, "reason_text", d->reason_text);
    hal_json_text(json, "uuid", d->uuid);
    hal_json_text(json, "serial", d->serial);
    hal_json_integer(json, "compute_group", d->compute_group);
    hal_json_number(json, "cores", d->cores ? d->cores : HAL_NOWHERE);
    hal_json_number(json, "threads", d->threads ? d->threads : HAL_NOWHERE);
}

static void write_device(hal_json *json, const hal_topology *t, const hal_topology_device *d)
{
    hal_json_open(json, NULL, '{');
    write_device_head(json, t, d);
    write_indices(json, d);
    write_memories(json, t, d);
    write_rates(json, d);
    write_list(json, "features", d->features, d->n_features);
    write_pci(json, d);
    write_link_slot(json, d);
    write_driver(json, d);
    write_list(json, "nodes", d->nodes, d->n_nodes);
    write_list(json, "ways", d->ways, d->n_ways);
    hal_json_null(json, "determinism");
    write_probe(json, d);
    hal_json_close(json, '}');
}

static const char *end_id(const hal_topology *t, hal_link_end end)
{
    switch (end.kind) {
    case HAL_END_DEVICE: return t->devices[end.index].id;
    case HAL_END_MEMORY: return t->memories[end.index].id;
    default: return t->places[end.index].id;
    }
}

static void write_peer(hal_json *json, uint32_t copy_mode)
{
    if (copy_mode == HAL_COPY_UNKNOWN)
        hal_json_null(json, "peer");
    else
        hal_json_bool(json, "peer", copy_mode == HAL_COPY_NATIVE || copy_mode == HAL_COPY_DIRECT);
}

static void write_link(hal_json *json, const hal_topology *t, const hal_topology_link *l)
{
    hal_json_open(json, NULL, '{');
    hal_json_text(json, "from", end_id(t, l->from));
    hal_json_text(json, "to", end_id(t, l->to));
    hal_json_text(json, "from_kind", hal_words_end.words[l->from.kind]);
    hal_json_text(json, "to_kind", hal_words_end.words[l->to.kind]);
    write_texts(json, l, &hal_texts_link, 0);
    hal_json_number(json, "generation", l->generation ? l->generation : HAL_NOWHERE);
    hal_json_number(json, "lanes", l->lanes ? l->lanes : HAL_NOWHERE);
    hal_json_number(json, "hops", l->hops ? l->hops : HAL_NOWHERE);
    hal_json_text(json, "copy", hal_copy_mode_name(l->copy_mode));
    write_peer(json, l->copy_mode);
    hal_json_bool(json, "verified", l->verified != 0);
    write_figures(json, l, &hal_figures_link);
    hal_json_close(json, '}');
}

static void write_diagnostic(hal_json *json, const hal_topology *t, const hal_topology_diagnostic *d)
{
    char doc[64];
    hal_json_open(json, NULL, '{');
    hal_json_text(json, "code", d->code);
    hal_json_text(json, "severity", hal_severity_name(d->severity));
    hal_json_text(json, "device", d->device < t->n_devices ? t->devices[d->device].id : "");
    write_texts(json, d, &hal_texts_diagnostic, 1);
    snprintf(doc, sizeof doc, "hal-info doctor --explain %.16s", d->code);
    hal_json_text(json, "doc", doc);
    hal_json_close(json, '}');
}

static void write_tool(hal_json *json)
{
    static const char mark[] = "+hal-", build[] = HAL_BACKEND_BUILD;
    const char *version = strncmp(build, mark, sizeof mark - 1) == 0 ? strchr(build, '-') + 1 : "";
    hal_json_open_flat(json, "tool", '{');
    hal_json_text(json, "version", version);
    hal_json_integer(json, "abi", HAL_BACKEND_ABI);
    hal_json_null(json, "commit");
    hal_json_close(json, '}');
}

#define WRITE_ALL(key, objects, count, write)                                                                \
    hal_json_open(json, key, '[');                                                                           \
    for (uint32_t i = 0; i < (count); i++)                                                                   \
        write(json, t, &(objects)[i]);                                                                       \
    hal_json_close(json, ']')

static void write_document(hal_json *json, const hal_topology *t)
{
    hal_json_open(json, NULL, '{');
    hal_json_text(json, "schema", "hal.info/1");
    hal_json_date(json, "generated", t->host.when);
    write_tool(json);
    write_host(json, t);
    WRITE_ALL("devices", t->devices, t->n_devices, write_device);
    WRITE_ALL("links", t->links, t->n_links, write_link);
    WRITE_ALL("memories", t->memories, t->n_memories, write_memory);
    WRITE_ALL("places", t->places, t->n_places, write_place);
    hal_json_open(json, "plugins", '[');
    hal_json_close(json, ']');
    WRITE_ALL("diagnostics", t->diagnostics, t->n_diagnostics, write_diagnostic);
    hal_json_close(json, '}');
    putc('\n', json->stream);
}

hal_status hal_topology_print_json(const hal_topology *topology, uint32_t flags, FILE *stream)
{
    hal_redaction redaction = {0};
    const bool redacts = (flags & HAL_PRINT_REDACTED) != 0;
    locale_t plain = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
    if (plain == (locale_t)0)
        return HAL_FAIL(OUT_OF_MEMORY, "the C locale, in which JSON writes numbers, cannot be had: %m");
    hal_status s = redacts ? hal_redaction_create(topology, &redaction) : HAL_OK;
    if (s == HAL_OK) {
        hal_json json = {.stream = stream,
                         .redaction = redacts ? &redaction : NULL,
                         .compact = (flags & HAL_PRINT_COMPACT) != 0};
        locale_t before = uselocale(plain);
        write_document(&json, topology);
        uselocale(before);
    }
    freelocale(plain);
    hal_redaction_free(topology, &redaction);
    if (s == HAL_OK && ferror(stream))
        s = HAL_FAIL(IO, "the description cannot be written: %m");
    return s;
}
