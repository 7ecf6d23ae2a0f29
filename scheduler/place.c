/* SPDX-License-Identifier: Apache-2.0 */
/* Devices of a plan and the device of every node: pins first, all else on the first device. */
#include "plan_internal.h"

#include <regex.h>
#include <stdarg.h>

uint32_t hal_plan_reason(hal_plan *plan, const char *format, ...)
{
    char text[512];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    if (!HAL_PLAN_GROW(plan, reasons))
        return 0;
    char *copy = hal_string_copy(plan->allocator, text);
    if (!copy)
        return 0;
    plan->reasons[plan->n_reasons] = copy;
    return plan->n_reasons++;
}

const char *hal_plan_node_name(const hal_graph *g, uint32_t node)
{
    const hal_node_record *n = hal_graph_node_at(g, node);
    return n->names ? n->names : hal_graph_value(g, n->first_out)->name;
}

/* A pin made ready: `^(regex)$` compiled and the index of its device. */
typedef struct pin {
    regex_t regex;
    const hal_pin *text;
    uint32_t device, reason;
    bool used;
} pin;

/* By its alias, or as the options call it: "gpu0@cuda" may be "gpu0". */
static bool is_called(const hal_plan *plan, const hal_plan_options *options, uint32_t device, const char *name)
{
    return !strcmp(plan->devices[device].alias, name) ||
           (options->n_devices && !strcmp(options->devices[device], name));
}

static hal_status compile(const hal_plan *plan, const hal_plan_options *options, const hal_pin *text, pin *p)
{
    if (!text->regex || !text->device)
        return HAL_FAIL(INVALID_ARGUMENT, "a pin needs a regular expression and a device");
    size_t length = strlen(text->regex) + 5;
    char *anchored = hal_allocate(plan->allocator, length);
    if (!anchored)
        return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    snprintf(anchored, length, "^(%s)$", text->regex);
    int error = regcomp(&p->regex, anchored, REG_EXTENDED | REG_NOSUB);
    hal_deallocate(plan->allocator, anchored);
    if (error) {
        char why[128];
        regerror(error, &p->regex, why, sizeof why);
        return HAL_FAIL(INVALID_ARGUMENT, "pin \"%s=%s\": the regular expression is not valid: %s",
                        text->regex, text->device, why);
    }
    p->text = text;
    p->device = HAL_NONE;
    for (uint32_t d = 0; d < plan->n_devices; d++)
        if (is_called(plan, options, d, text->device))
            p->device = d;
    if (p->device != HAL_NONE)
        return HAL_OK;
    regfree(&p->regex);
    return HAL_FAIL(NOT_FOUND, "pin \"%s=%s\": the plan has no device \"%s\"; name it among the devices",
                    text->regex, text->device, text->device);
}

/* The first pin that matches `name`, marked as used; NULL when there is none. */
static pin *matching(pin *pins, uint32_t n, const char *name)
{
    for (uint32_t i = 0; i < n; i++) {
        if (regexec(&pins[i].regex, name, 0, NULL, 0) != 0)
            continue;
        pins[i].used = true;
        return &pins[i];
    }
    return NULL;
}

/* First of the two in the order of the pins. */
static pin *earlier(pin *a, pin *b)
{
    return !a || (b && b < a) ? b : a;
}

static void place_node(hal_plan *plan, uint32_t node, pin *pins, uint32_t n_pins)
{
    const hal_node_record *record = hal_graph_node_at(plan->graph, node);
    pin *best = matching(pins, n_pins, hal_op_describe(record->op)->name);
    for (uint32_t k = 0; k < record->n_out; k++)
        best =
            earlier(best, matching(pins, n_pins, hal_graph_value(plan->graph, record->first_out + k)->name));
    plan->device_of[node] = best ? best->device : 0;
    plan->reason_of[node] = best ? best->reason : 0;
}

/* Inputs and variables live where the pin of their name says. */
static void place_source(hal_plan *plan, uint32_t value, pin *pins, uint32_t n_pins)
{
    pin *best = matching(pins, n_pins, hal_graph_value(plan->graph, value)->name);
    plan->pin_of[value] = best ? best->device : HAL_NONE;
}

static void place_all(hal_plan *plan, pin *pins, uint32_t n)
{
    const hal_graph *g = plan->graph;
    for (uint32_t node = 1; node < g->n_nodes; node++)
        place_node(plan, node, pins, n);
    for (uint32_t v = 1; v < g->n_values; v++)
        if (hal_graph_value(g, v)->origin != HAL_ORIGIN_NODE)
            place_source(plan, v, pins, n);
}

static hal_status check_used(const pin *pins, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (!pins[i].used)
            return HAL_FAIL(
                NOT_FOUND,
                "pin \"%s=%s\" matches no value and no op of the graph: the expression has to match the "
                "whole name; hal_graph_print lists the names",
                pins[i].text->regex, pins[i].text->device);
    return HAL_OK;
}

/* An earlier pin hides a later one that matches the same names: that still counts as a match. */
static void mark_hidden(const hal_plan *plan, pin *p)
{
    const hal_graph *g = plan->graph;
    for (uint32_t v = 1; v < g->n_values && !p->used; v++)
        p->used = matching(p, 1, hal_graph_value(g, v)->name) != NULL;
    for (uint32_t n = 1; n < g->n_nodes && !p->used; n++)
        p->used = matching(p, 1, hal_op_describe(hal_graph_node_at(g, n)->op)->name) != NULL;
}

hal_status hal_place(hal_plan *plan, const hal_plan_options *options)
{
    uint32_t ready = 0, n = options->n_pins;
    pin *pins = n ? hal_allocate_array(plan->allocator, n, sizeof *pins) : NULL;
    if (n && !pins)
        return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    hal_status status = HAL_OK;
    for (; ready < n && status == HAL_OK; ready += status == HAL_OK) {
        status = compile(plan, options, &options->pins[ready], &pins[ready]);
        if (status == HAL_OK)
            pins[ready].reason = hal_plan_reason(plan, "pinned by %s", options->pins[ready].regex);
    }
    if (status == HAL_OK) {
        place_all(plan, pins, n);
        for (uint32_t i = 0; i < n; i++)
            mark_hidden(plan, &pins[i]);
        status = check_used(pins, n);
    }
    for (uint32_t i = 0; i < ready; i++)
        regfree(&pins[i].regex);
    hal_deallocate(plan->allocator, pins);
    return status;
}
