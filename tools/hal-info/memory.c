/* SPDX-License-Identifier: Apache-2.0 */
/* hal-info mem: memories and their tiers. */
#include "tools/hal-info/document.h"
#include "tools/hal-info/info.h"

#include <string.h>

static void used_by(const hal_topology *t, uint32_t memory, char *text, size_t size)
{
    text[0] = 0;
    for (uint32_t k = 0; k < hal_topology_device_count(t); k++) {
        const hal_topology_device *d = hal_topology_device_at(t, k);
        bool uses = false;
        for (uint32_t j = 0; j < d->n_memories; j++)
            uses |= d->memories[j] == memory;
        const size_t used = strlen(text);
        if (uses)
            snprintf(text + used, size - used, "%s%s", used ? " " : "", d->alias);
    }
}

static void add_row(table *rows, const hal_topology *t, uint32_t index)
{
    const hal_topology_memory *m = hal_topology_memory_at(t, index);
    const hal_topology_place *place = hal_topology_place_at(t, m->place);
    char figure[FIGURE_SIZE], devices[256];
    used_by(t, index, devices, sizeof devices);
    table_row(rows);
    table_cell(rows, TONE_STRONG, "%s", m->id);
    table_cell(rows, TONE_PLAIN, "%s", hal_memory_kind_name(m->kind));
    table_cell(rows, TONE_PLAIN, "T%u", m->tier);
    table_cell(rows, TONE_PLAIN, "%s", figure_free_of(m->free, m->capacity, figure));
    table_cell(rows, TONE_PLAIN, "%s", figure_bytes(m->held, figure));
    table_cell(rows, TONE_PLAIN, "%s", figure_any(m->bandwidth, figure));
    table_cell(rows, TONE_PLAIN, "%s", figure_any(m->latency, figure));
    table_cell(rows, TONE_PLAIN, "%s", devices[0] ? devices : "-");
    table_cell(rows, TONE_PLAIN, "%s", m->shared ? "yes" : "no");
    table_cell(rows, TONE_PLAIN, "%s", m->host_access ? "yes" : "no");
    table_cell(rows, TONE_PLAIN, "%u", m->contention_group);
    table_cell(rows, TONE_PLAIN, "%s", place ? place->id : "-");
}

table *memory_table(const hal_topology *t)
{
    table *rows = table_create();
    table_column(rows, "ID", TABLE_CUT, 0);
    table_column(rows, "KIND", 0, 0);
    table_column(rows, "TIER", 0, 2);
    table_column(rows, "FREE/TOTAL", TABLE_RIGHT, 0);
    table_column(rows, "RESERVED", TABLE_RIGHT, 5);
    table_column(rows, "BANDWIDTH", TABLE_RIGHT, 1);
    table_column(rows, "LATENCY", TABLE_RIGHT, 4);
    table_column(rows, "DEVICES", TABLE_CUT, 1);
    table_column(rows, "SHARED", 0, 6);
    table_column(rows, "HOST", 0, 6);
    table_column(rows, "GROUP", TABLE_RIGHT, 7);
    table_column(rows, "PLACE", 0, 3);
    for (uint32_t k = 0; k < hal_topology_memory_count(t); k++)
        add_row(rows, t, k);
    return rows;
}

int memory_print(info *i, tool_error *err)
{
    table *rows = memory_table(i->topology);
    int code = table_print(rows, &i->style, i->out, err);
    table_free(rows);
    if (code)
        return code;
    if (!hal_topology_memory_count(i->topology))
        fputs("no source says what memory there is\n", i->out);
    style_hint(&i->style, i->out, figure_legend());
    return TOOL_OK;
}

int memory_data(info *i, json_t **root, tool_error *err)
{
    return document_members(i, "memories", NULL, root, err);
}
