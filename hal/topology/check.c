/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold of a topology, so that nobody who reads one needs to look twice. */
#include "hal/topology/model.h"

#include <math.h>

#define NAMED(index, count) ((index) == HAL_NOWHERE || (index) < (count))

static hal_status check_figure(const hal_figure *f, hal_unit unit, const char *noun, const char *id,
                               const char *name)
{
    if (f->source > HAL_SOURCE_MEASURED || f->unit > HAL_UNIT_OPERATIONS_PER_SECOND)
        return HAL_FAIL(INVALID_ARGUMENT, "%s %s: %s has a source or unit that does not exist", noun, id,
                        name);
    if (f->source != HAL_SOURCE_UNKNOWN && f->unit != (uint32_t)unit)
        return HAL_FAIL(INVALID_ARGUMENT, "%s %s: %s counts %s, not %s", noun, id, name,
                        hal_unit_name(f->unit), hal_unit_name(unit));
    if (!isfinite(f->value) || f->value < 0 || !isfinite(f->ci95) || f->ci95 < 0)
        return HAL_FAIL(INVALID_ARGUMENT, "%s %s: %s is %g +- %g, not a number of zero or more", noun, id,
                        name, f->value, f->ci95);
    return HAL_OK;
}

static hal_status check_figures(const void *object, const hal_figure_table *table, const char *noun,
                                const char *id)
{
    hal_status s = HAL_OK;
    for (uint32_t i = 0; s == HAL_OK && i < table->count; i++)
        s = check_figure(hal_figure_see(object, &table->rows[i]), table->rows[i].unit, noun, id,
                         table->rows[i].name);
    return s;
}

static hal_status check_texts(const void *object, const hal_text_table *table, const char *noun,
                              uint32_t index)
{
    for (uint32_t i = 0; i < table->count; i++)
        if (hal_text_see(object, &table->rows[i]) == NULL)
            return HAL_FAIL(INVALID_ARGUMENT, "%s %u: %s is NULL; unknown text is \"\"", noun, index,
                            table->rows[i].name);
    return HAL_OK;
}

static hal_status bad_index(const char *noun, const char *id, const char *member, uint32_t index)
{
    return HAL_FAIL(INVALID_ARGUMENT, "%s %s: %s names object %u, which does not exist", noun, id, member,
                    index);
}

static hal_status check_place(const hal_topology *t, uint32_t i)
{
    const hal_topology_place *p = &t->places[i];
    if (check_texts(p, &hal_texts_place, "place", i) != HAL_OK)
        return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_INVALID_ARGUMENT);
    if (p->id[0] == '\0' || p->kind >= hal_words_place.count)
        return HAL_FAIL(INVALID_ARGUMENT, "place %u has no id or a kind that does not exist", i);
    if (i == 0 ? p->parent != HAL_NOWHERE : p->parent >= i)
        return HAL_FAIL(INVALID_ARGUMENT,
                        "place %s: the place around it comes later in the list, or is missing", p->id);
    return check_figures(p, &hal_figures_place, "place", p->id);
}

static hal_status check_memory(const hal_topology *t, uint32_t i)
{
    const hal_topology_memory *m = &t->memories[i];
    if (check_texts(m, &hal_texts_memory, "memory", i) != HAL_OK)
        return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_INVALID_ARGUMENT);
    if (m->id[0] == '\0' || m->kind >= hal_words_memory.count)
        return HAL_FAIL(INVALID_ARGUMENT, "memory %u has no id or a kind that does not exist", i);
    if (!NAMED(m->place, t->n_places))
        return bad_index("memory", m->id, "place", m->place);
    return check_figures(m, &hal_figures_memory, "memory", m->id);
}

static hal_status check_arrays(const hal_topology *t, const hal_topology_device *d)
{
    hal_status s = HAL_OK;
    for (uint32_t i = 0; i < d->n_memories; i++)
        if (d->memories[i] >= t->n_memories)
            return bad_index("device", d->id, "memories", d->memories[i]);
    for (uint32_t i = 0; i < d->n_rungs; i++)
        if (d->rungs[i].status >= hal_words_rung.count)
            return bad_index("device", d->id, "rung status", d->rungs[i].status);
    for (uint32_t i = 0; s == HAL_OK && i < d->n_rates; i++)
        s = check_figure(&d->rates[i].rate, HAL_UNIT_OPERATIONS_PER_SECOND, "device", d->id, "rate");
    return s;
}

/* Parts of parts end somewhere. */
static bool is_cyclic(const hal_topology *t, uint32_t i)
{
    uint32_t steps = 0;
    for (uint32_t at = t->devices[i].parent; at < t->n_devices; at = t->devices[at].parent)
        if (++steps > 16)
            return true;
    return false;
}

static hal_status check_device(const hal_topology *t, uint32_t i)
{
    const hal_topology_device *d = &t->devices[i];
    if (check_texts(d, &hal_texts_device, "device", i) != HAL_OK)
        return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_INVALID_ARGUMENT);
    if (d->id[0] == '\0' || d->kind >= hal_words_device.count || d->usability >= hal_words_usability.count)
        return HAL_FAIL(INVALID_ARGUMENT,
                        "device %u (%s) has no id, or a kind or usability that does not exist", i, d->id);
    if (!NAMED(d->place, t->n_places))
        return bad_index("device", d->id, "place", d->place);
    if (!NAMED(d->parent, t->n_devices) || d->parent == i)
        return bad_index("device", d->id, "parent", d->parent);
    if (is_cyclic(t, i))
        return HAL_FAIL(INVALID_ARGUMENT,
                        "device %s: what it is a part of is a part of itself, or nested deeper than 16",
                        d->id);
    hal_status s = check_figures(d, &hal_figures_device, "device", d->id);
    return s != HAL_OK ? s : check_arrays(t, d);
}

static bool is_end(const hal_topology *t, hal_link_end end)
{
    return end.kind == HAL_END_DEVICE   ? end.index < t->n_devices
           : end.kind == HAL_END_MEMORY ? end.index < t->n_memories
                                        : end.kind == HAL_END_PLACE && end.index < t->n_places;
}

static hal_status check_link(const hal_topology *t, uint32_t i)
{
    const hal_topology_link *l = &t->links[i];
    if (check_texts(l, &hal_texts_link, "link", i) != HAL_OK)
        return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_INVALID_ARGUMENT);
    if (!is_end(t, l->from) || !is_end(t, l->to) || l->copy_mode >= hal_words_copy.count)
        return HAL_FAIL(INVALID_ARGUMENT, "link %u (%s): an end or its copy mode does not exist", i, l->kind);
    return check_figures(l, &hal_figures_link, "link", l->kind);
}

static hal_status check_diagnostic(const hal_topology *t, uint32_t i)
{
    const hal_topology_diagnostic *d = &t->diagnostics[i];
    if (check_texts(d, &hal_texts_diagnostic, "diagnostic", i) != HAL_OK)
        return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_INVALID_ARGUMENT);
    if (d->severity >= hal_words_severity.count || !NAMED(d->device, t->n_devices))
        return HAL_FAIL(INVALID_ARGUMENT, "diagnostic %u (%s): its severity or device does not exist", i,
                        d->code);
    return HAL_OK;
}

static bool is_place(const hal_topology *t, uint32_t index, const char *name)
{
    return strcmp(t->places[index].id, name) == 0;
}
static bool is_memory(const hal_topology *t, uint32_t index, const char *name)
{
    return strcmp(t->memories[index].id, name) == 0;
}
static bool is_device(const hal_topology *t, uint32_t index, const char *name)
{
    return strcmp(t->devices[index].id, name) == 0 || strcmp(t->devices[index].alias, name) == 0;
}

static hal_status twice(const char *noun, const char *name)
{
    return HAL_FAIL(INVALID_ARGUMENT, "two %s are called %s", noun, name);
}

/* Who bears a name is found under it first, or somebody else does too. */
static hal_status check_names(hal_topology *t)
{
    for (uint32_t i = 0; i < t->n_devices; i++) {
        const hal_topology_device *d = &t->devices[i];
        if (hal_lookup_find(t, HAL_SPACE_DEVICE, d->id, is_device) != i)
            return twice("devices", d->id);
        if (hal_lookup_find(t, HAL_SPACE_DEVICE, d->alias, is_device) != i)
            return twice("devices", d->alias);
    }
    for (uint32_t i = 0; i < t->n_places; i++) {
        if (hal_lookup_find(t, HAL_SPACE_PLACE, t->places[i].id, is_place) != HAL_NOWHERE)
            return twice("places", t->places[i].id);
        if (!hal_lookup_add(t, HAL_SPACE_PLACE, t->places[i].id, i))
            return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    }
    for (uint32_t i = 0; i < t->n_memories; i++) {
        if (hal_lookup_find(t, HAL_SPACE_MEMORY, t->memories[i].id, is_memory) != HAL_NOWHERE)
            return twice("memories", t->memories[i].id);
        if (!hal_lookup_add(t, HAL_SPACE_MEMORY, t->memories[i].id, i))
            return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    }
    return HAL_OK;
}

hal_status hal_seal_check(hal_topology *t)
{
    hal_status s = check_texts(&t->host, &hal_texts_host, "host", 0);
    s = s != HAL_OK ? s : check_figures(&t->host, &hal_figures_host, "host", "");
    for (uint32_t i = 0; s == HAL_OK && i < t->n_places; i++)
        s = check_place(t, i);
    for (uint32_t i = 0; s == HAL_OK && i < t->n_memories; i++)
        s = check_memory(t, i);
    for (uint32_t i = 0; s == HAL_OK && i < t->n_devices; i++)
        s = check_device(t, i);
    for (uint32_t i = 0; s == HAL_OK && i < t->n_links; i++)
        s = check_link(t, i);
    for (uint32_t i = 0; s == HAL_OK && i < t->n_diagnostics; i++)
        s = check_diagnostic(t, i);
    return s != HAL_OK ? s : check_names(t);
}
