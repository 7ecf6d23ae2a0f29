/* SPDX-License-Identifier: Apache-2.0 */
/* The plan as JSON, schema hal-plan-1. Figures that nobody has computed are null. */
#include "plan_internal.h"

#include <jansson.h>

/* Appends to an array, stealing `item`; false when out of memory. */
static bool append(json_t *array, json_t *item)
{
    return item && json_array_append_new(array, item) == 0;
}

static json_t *devices(const hal_plan *plan)
{
    json_t *list = json_array();
    for (uint32_t d = 0; list && d < plan->n_devices; d++) {
        const hal_plan_device *device = &plan->devices[d];
        json_t *o =
            json_pack("{s:s, s:s, s:b}", "device", device->alias, "memory",
                      hal_plan_memory_name(plan, device->memory), "host_access", (int)device->host_access);
        if (!append(list, o))
            return json_decref(list), NULL;
    }
    return list;
}

static json_t *symbols(const hal_plan *plan)
{
    json_t *list = json_array();
    for (uint32_t s = 0; list && s < plan->graph->n_symbols; s++) {
        const hal_symbol_record *symbol = &plan->graph->symbols[s];
        json_t *o = json_pack("{s:s, s:I, s:I, s:I}", "name", symbol->name, "min", (json_int_t)symbol->min,
                              "max", (json_int_t)symbol->max, "multiple", (json_int_t)symbol->multiple);
        if (!append(list, o))
            return json_decref(list), NULL;
    }
    return list;
}

static json_t *arenas(const hal_plan *plan)
{
    json_t *list = json_array();
    for (uint32_t a = 0; list && a < plan->n_arenas; a++) {
        json_t *o = json_pack("{s:s, s:I}", "memory", hal_plan_memory_name(plan, plan->arenas[a].memory),
                              "bytes", (json_int_t)plan->arenas[a].bytes);
        if (!append(list, o))
            return json_decref(list), NULL;
    }
    return list;
}

static json_t *variables(const hal_plan *plan)
{
    json_t *list = json_array();
    for (uint32_t s = 0; list && s < plan->n_storages; s++) {
        const hal_storage *t = &plan->storages[s];
        if (t->kind != HAL_BINDING_VARIABLE)
            continue;
        json_t *o = json_pack("{s:s, s:s, s:I, s:I, s:s?}", "name",
                              hal_graph_value(plan->graph, t->value)->name, "memory",
                              hal_plan_memory_name(plan, t->memory), "bytes", (json_int_t)t->bytes, "layout",
                              (json_int_t)t->layout.id, "reason", hal_plan_layout_reason(t));
        if (!append(list, o))
            return json_decref(list), NULL;
    }
    return list;
}

static json_t *op(const hal_plan *plan, const hal_action *a, uint32_t step)
{
    const char *reason = a->node ? plan->reasons[plan->reason_of[a->node]] : NULL;
    return json_pack("{s:s, s:s, s:s, s:I, s:s?, s:n}", "op", hal_op_describe(a->op)->name, "name",
                     hal_plan_action_name(plan, a), "device", plan->devices[a->device].alias, "step",
                     (json_int_t)step, "reason", reason, "predicted_seconds");
}

static json_t *ops(const hal_plan *plan)
{
    json_t *list = json_array();
    for (uint32_t s = 0; list && s < plan->n_steps; s++) {
        const hal_step *step = &plan->steps[s];
        for (uint32_t i = 0; step->program && i < step->n; i++)
            if (!append(list, op(plan, &plan->actions[step->first + i], s)))
                return json_decref(list), NULL;
    }
    return list;
}

static json_t *transfer(const hal_plan *plan, const hal_step *step, uint32_t index)
{
    const hal_action *a = &plan->actions[step->first];
    const hal_storage *from = &plan->storages[plan->operands[a->first].storage];
    const hal_storage *to = &plan->storages[plan->operands[a->first + 1].storage];
    return json_pack("{s:s, s:s, s:s, s:s, s:I, s:I}", "value", hal_plan_action_name(plan, a), "from",
                     hal_plan_memory_name(plan, from->memory), "to", hal_plan_memory_name(plan, to->memory),
                     "device", plan->devices[step->device].alias, "step", (json_int_t)index, "bytes",
                     (json_int_t)from->bytes);
}

static json_t *transfers(const hal_plan *plan)
{
    json_t *list = json_array();
    for (uint32_t s = 0; list && s < plan->n_steps; s++)
        if (!plan->steps[s].program && !append(list, transfer(plan, &plan->steps[s], s)))
            return json_decref(list), NULL;
    return list;
}

hal_status hal_plan_print_json(const hal_plan *plan, FILE *stream)
{
    if (!plan || !stream)
        return HAL_FAIL(INVALID_ARGUMENT, "hal_plan_print_json needs a plan and a stream");
    json_t *o = json_pack("{s:s, s:n, s:n, s:o, s:o, s:o, s:o, s:o, s:o}", "schema", "hal-plan-1",
                          "predicted_seconds", "lower_bound_seconds", "devices", devices(plan), "symbols",
                          symbols(plan), "ops", ops(plan), "transfers", transfers(plan), "arenas",
                          arenas(plan), "variables", variables(plan));
    if (!o)
        return HAL_FAIL(OUT_OF_MEMORY, "no memory for the JSON of a plan of %u ops", plan->n_actions);
    int error = json_dumpf(o, stream, JSON_INDENT(1));
    json_decref(o);
    if (error && !ferror(stream))
        return HAL_FAIL(OUT_OF_MEMORY, "no memory to write the JSON of a plan of %u ops", plan->n_actions);
    if (error || fputc('\n', stream) == EOF || ferror(stream))
        return HAL_FAIL(IO, "the plan could not be written: the stream reports an error");
    return HAL_OK;
}
