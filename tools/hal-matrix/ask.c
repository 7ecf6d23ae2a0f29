/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/hal-matrix/ask.h"

#include <stdio.h>

/* A graph that consists of the operator of a case. */
static hal_status graph_of(const hal_case *c, hal_graph *graph) {
    hal_value in[16] = {0}, out[16];
    char name[16];
    for (uint32_t k = 0; k < c->n_in; k++) {
        if (c->in[k].dtype == HAL_NO_DTYPE) continue;
        snprintf(name, sizeof name, "x%u", k);
        in[k] = hal_graph_input(graph, name, c->in[k].dtype, c->in[k].rank, c->in[k].size);
    }
    hal_status status = hal_graph_node(graph, c->op, c->attrs, in, c->n_in, out, c->n_out);
    for (uint32_t k = 0; k < c->n_out && status == HAL_OK; k++) status = hal_graph_output(graph, out[k]);
    return status == HAL_OK ? hal_graph_status(graph) : status;
}

static hal_status plan_alone(hal_instance *instance, const char *alias, hal_graph *graph, uint32_t *ops) {
    const char *const devices[] = {alias};
    const hal_plan_options options = {HAL_HEAD(hal_plan_options), .devices = devices, .n_devices = 1, .no_fusion = true};
    hal_plan *plan;
    hal_plan_info about;
    HAL_TRY(hal_plan_create(instance, graph, &options, &plan));
    hal_plan_describe(plan, &about);
    *ops = about.ops;
    hal_plan_release(plan);
    return HAL_OK;
}

matrix_answer matrix_ask(hal_instance *instance, const char *alias, const hal_case *c, char *reason, size_t size) {
    hal_graph *graph;
    uint32_t ops = 0;
    reason[0] = 0;
    hal_status status = hal_graph_create(NULL, &graph);
    if (status == HAL_OK) {
        status = graph_of(c, graph);
        if (status == HAL_OK) status = plan_alone(instance, alias, graph, &ops);
        hal_graph_release(graph);
    }
    if (status != HAL_OK) snprintf(reason, size, "%s", hal_status_last()->text);
    return status != HAL_OK ? ASKED_NO : ops > 1 ? ASKED_DECOMPOSED : ASKED_YES;
}
