/* SPDX-License-Identifier: Apache-2.0 */
/* The plan as people read it. */
#include "plan_internal.h"

const char *hal_plan_memory_name(const hal_plan *plan, uint32_t memory)
{
    if (memory == HAL_MEMORY_HOST)
        return "host";
    hal_memory_info info;
    hal_memory_describe(hal_memory_get(plan->instance, memory), &info);
    return info.name;
}

const char *hal_plan_action_name(const hal_plan *plan, const hal_action *a)
{
    if (a->node)
        return hal_plan_node_name(plan->graph, a->node);
    return hal_graph_value(plan->graph, plan->operands[a->first].value)->name;
}

const char *hal_plan_layout_reason(const hal_storage *storage)
{
    return storage->layout.opaque ? "packed: only products read it, and nothing assigns it" : NULL;
}

static void print_layouts(const hal_plan *plan, FILE *f)
{
    for (uint32_t s = 0; s < plan->n_storages; s++) {
        const hal_storage *t = &plan->storages[s];
        if (t->kind == HAL_BINDING_VARIABLE && t->layout.opaque)
            fprintf(f, "  %-10s layout %u of %s, %llu bytes  (%s)\n",
                    hal_graph_value(plan->graph, t->value)->name, t->layout.id,
                    plan->devices[t->layout.device].alias, (unsigned long long)t->bytes,
                    hal_plan_layout_reason(t));
    }
}

static void print_devices(const hal_plan *plan, FILE *f)
{
    fprintf(f, "devices\n");
    for (uint32_t d = 0; d < plan->n_devices; d++)
        fprintf(f, "  %-10s memory %s\n", plan->devices[d].alias,
                hal_plan_memory_name(plan, plan->devices[d].memory));
}

static void print_memory(const hal_plan *plan, const hal_plan_info *info, FILE *f)
{
    fprintf(f, "memory\n");
    for (uint32_t a = 0; a < plan->n_arenas; a++)
        fprintf(f, "  %-10s arena %llu bytes\n", hal_plan_memory_name(plan, plan->arenas[a].memory),
                (unsigned long long)plan->arenas[a].bytes);
    fprintf(f, "  %-10s %llu bytes\n", "variables", (unsigned long long)info->variable_bytes);
    print_layouts(plan, f);
}

static void print_op(const hal_plan *plan, const hal_action *a, FILE *f)
{
    const char *reason = a->node ? plan->reasons[plan->reason_of[a->node]] : NULL;
    fprintf(f, "    %-18s %s", hal_op_describe(a->op)->name, hal_plan_action_name(plan, a));
    if (reason)
        fprintf(f, "  (%s)", reason);
    fprintf(f, "\n");
}

static void print_step(const hal_plan *plan, const hal_step *step, FILE *f)
{
    const hal_action *first = &plan->actions[step->first];
    const char *device = plan->devices[step->device].alias;
    if (step->program) {
        fprintf(f, "  %s: program of %u ops\n", device, step->n);
        for (uint32_t i = 0; i < step->n; i++)
            print_op(plan, first + i, f);
        return;
    }
    const hal_storage *from = &plan->storages[plan->operands[first->first].storage];
    const hal_storage *to = &plan->storages[plan->operands[first->first + 1].storage];
    fprintf(f, "  %s: transfer of %s, %s to %s, at most %llu bytes\n", device,
            hal_plan_action_name(plan, first), hal_plan_memory_name(plan, from->memory),
            hal_plan_memory_name(plan, to->memory), (unsigned long long)from->bytes);
}

hal_status hal_plan_print(const hal_plan *plan, FILE *stream)
{
    hal_plan_info info;
    if (!plan || !stream)
        return HAL_FAIL(INVALID_ARGUMENT, "hal_plan_print needs a plan and a stream");
    hal_plan_describe(plan, &info);
    fprintf(stream, "plan: %u ops in %u programs on %u devices, %u transfers\n", info.ops, info.programs,
            info.devices, info.transfers);
    print_devices(plan, stream);
    print_memory(plan, &info, stream);
    fprintf(stream, "steps\n");
    for (uint32_t s = 0; s < plan->n_steps; s++)
        print_step(plan, &plan->steps[s], stream);
    return ferror(stream) ? HAL_FAIL(IO, "the plan could not be written: the stream reports an error")
                          : HAL_OK;
}
