/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Executable graphs. Nodes that do not depend on each other are done in an order that changes from one instance to the next,
 * so that a dependency that is missing shows. A launch holds what the graph does at that moment: updates come after it.
 */
#include "emulated.h"

#include <stdlib.h>

struct CUgraphExec_st { uint64_t graph; emu_list *list; };

void emu_list_drop(emu_list *list) {
    if (!list || --list->refs > 0) return;
    for (unsigned i = 0; i < list->n; i++) emu_command_clear(&list->command[i]);
    free(list->command);
    free(list->at);
    free(list);
}

CUresult emu_list_run(CUstream s, emu_list *list) {
    for (unsigned i = 0; i < list->n; i++) {
        TRY(emu_command_run(s, &list->command[i]));
        if (s->context->sticky) return s->context->sticky;
    }
    return CUDA_SUCCESS;
}

/* ------------------------------------------------------------------------------------------------- order -- */

static bool is_ready(const struct CUgraphNode_st *node, const unsigned *at) {
    if (at[node->place] != 0) return false;
    for (unsigned i = 0; i < node->n_before; i++)
        if (at[node->before[i]->place] == 0) return false;
    return true;
}

static unsigned any_ready(const struct CUgraph_st *g, const unsigned *at) {
    static uint32_t state = 1;
    unsigned n = 0, chosen = 0;
    for (unsigned i = 0; i < g->n; i++) {
        if (!is_ready(g->node[i], at)) continue;
        state = state * 1664525u + 1013904223u;
        if ((state >> 8) % ++n == 0) chosen = i;
    }
    return chosen;
}

static void choose_order(const struct CUgraph_st *g, unsigned *at) {
    for (unsigned i = 0; i < g->n; i++) at[any_ready(g, at)] = i + 1;
}

static emu_list *new_list(unsigned n) {
    emu_list *list = calloc(1, sizeof *list);
    if (!list) return NULL;
    *list = (emu_list){.refs = 1, .at = calloc(n + 1, sizeof *list->at), .command = calloc(n + 1, sizeof *list->command)};
    if (list->at && list->command) {
        list->n = n;
        return list;
    }
    emu_list_drop(list);
    return NULL;
}

/* The nodes of a graph in the order `at`. */
static emu_list *list_of(const struct CUgraph_st *g, const unsigned *at) {
    emu_list *list = new_list(g->n);
    bool well = list;
    for (unsigned i = 0; well && i < g->n; i++) {
        list->at[i] = at[i];
        well = emu_command_copy(&g->node[i]->command, &list->command[at[i] - 1]);
    }
    if (well) return list;
    emu_list_drop(list);
    return NULL;
}

emu_list *emu_list_make(const struct CUgraph_st *g) {
    unsigned *at = calloc(g->n + 1, sizeof *at);
    if (!at) return NULL;
    choose_order(g, at);
    emu_list *list = list_of(g, at);
    free(at);
    return list;
}

/* ------------------------------------------------------------------------------------------ begin and end -- */

CUresult CUDAAPI cuGraphInstantiateWithFlags(CUgraphExec *phGraphExec, CUgraph hGraph, unsigned long long flags) {
    ENTER(EMU_CONTEXT);
    (void)flags;
    if (!phGraphExec) return CUDA_ERROR_INVALID_VALUE;
    if (!emu_is(hGraph, EMU_GRAPH)) return emu_wrong(CUDA_ERROR_INVALID_VALUE, "there is no such graph, or it was destroyed");
    emu_list *list = emu_list_make(hGraph);
    CUgraphExec x = list ? calloc(1, sizeof *x) : NULL;
    if (!x || !emu_handle_add(x, EMU_EXEC)) {
        emu_list_drop(list);
        free(x);
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    *x = (struct CUgraphExec_st){.graph = hGraph->id, .list = list};
    *phGraphExec = x;
    return CUDA_SUCCESS;
}

#define EXEC(x) \
    if (!emu_is(x, EMU_EXEC)) return emu_wrong(CUDA_ERROR_INVALID_VALUE, \
        "there is no such executable graph, or it was destroyed")

CUresult CUDAAPI cuGraphExecDestroy(CUgraphExec hGraphExec) {
    ENTER(EMU_CONTEXT);
    EXEC(hGraphExec);
    emu_handle_drop(hGraphExec);
    emu_list_drop(hGraphExec->list);
    free(hGraphExec);
    return CUDA_SUCCESS;
}

/* ----------------------------------------------------------------------------------------------- updates -- */

/* Launches that wait keep what they have: the list is copied while others hold it. */
static bool own_list(CUgraphExec x) {
    const emu_list *old = x->list;
    if (old->refs == 1) return true;
    emu_list *copy = new_list(old->n);
    bool well = copy;
    for (unsigned i = 0; well && i < old->n; i++) {
        copy->at[i] = old->at[i];
        well = emu_command_copy(&old->command[i], &copy->command[i]);
    }
    emu_list_drop(well ? x->list : copy);
    if (well) x->list = copy;
    return well;
}

static void discard(emu_command *c) {
    emu_command_clear(c);
    free(c);
}

/* Puts a command, which it takes, in the place of the node's. */
static CUresult replace(CUgraphExec x, CUgraphNode node, emu_command *c) {
    if (!own_list(x)) {
        discard(c);
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    emu_command *to = &x->list->command[x->list->at[node->place] - 1];
    emu_command_clear(to);
    *to = *c;
    free(c);
    return CUDA_SUCCESS;
}

static CUresult check_node(const struct CUgraphExec_st *x, CUgraphNode node, emu_work work) {
    if (!node || !emu_is(node->graph, EMU_GRAPH) || node->graph->id != x->graph || node->place >= x->list->n)
        return emu_wrong(CUDA_ERROR_INVALID_VALUE, "the node is of another graph, or its graph was destroyed");
    return node->command.work == work ? CUDA_SUCCESS : emu_wrong(CUDA_ERROR_INVALID_VALUE, "the node is of another kind");
}

CUresult CUDAAPI cuGraphExecKernelNodeSetParams_v2(CUgraphExec hGraphExec, CUgraphNode hNode,
                                                   const CUDA_KERNEL_NODE_PARAMS *nodeParams) {
    ENTER(EMU_CONTEXT);
    emu_command *c = NULL;
    EXEC(hGraphExec);
    if (!nodeParams) return CUDA_ERROR_INVALID_VALUE;
    TRY(check_node(hGraphExec, hNode, EMU_KERNEL));
    TRY(emu_launch_make(turn.context, nodeParams, &c));
    return replace(hGraphExec, hNode, c);
}

/* As many nodes, of the same kinds, in an order that still holds: else it is another graph. */
static bool is_alike(const emu_list *list, const struct CUgraph_st *g) {
    bool same = list->n == g->n;
    for (unsigned i = 0; same && i < g->n; i++) {
        const struct CUgraphNode_st *node = g->node[i];
        same = list->command[list->at[i] - 1].work == node->command.work;
        for (unsigned k = 0; same && k < node->n_before; k++) same = list->at[node->before[k]->place] < list->at[i];
    }
    return same;
}

CUresult CUDAAPI cuGraphExecChildGraphNodeSetParams(CUgraphExec hGraphExec, CUgraphNode hNode, CUgraph childGraph) {
    ENTER(EMU_CONTEXT);
    EXEC(hGraphExec);
    if (!emu_is(childGraph, EMU_GRAPH)) return emu_wrong(CUDA_ERROR_INVALID_VALUE,
        "there is no such graph, or it was destroyed");
    TRY(check_node(hGraphExec, hNode, EMU_LIST));
    const emu_list *now = hGraphExec->list->command[hGraphExec->list->at[hNode->place] - 1].list;
    if (!is_alike(now, childGraph)) return emu_wrong(CUDA_ERROR_INVALID_VALUE, "the graph differs from that of the node");
    emu_command *c = emu_command_make(EMU_LIST);
    emu_list *list = c ? list_of(childGraph, now->at) : NULL;
    if (!list) {
        free(c);
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    c->list = list;
    return replace(hGraphExec, hNode, c);
}

CUresult CUDAAPI cuGraphExecUpdate_v2(CUgraphExec hGraphExec, CUgraph hGraph, CUgraphExecUpdateResultInfo *resultInfo) {
    ENTER(EMU_CONTEXT);
    EXEC(hGraphExec);
    if (!resultInfo || !emu_is(hGraph, EMU_GRAPH)) return CUDA_ERROR_INVALID_VALUE;
    *resultInfo = (CUgraphExecUpdateResultInfo){.result = CU_GRAPH_EXEC_UPDATE_SUCCESS};
    if (!is_alike(hGraphExec->list, hGraph)) {
        resultInfo->result = CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED;
        return CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE;
    }
    emu_list *list = list_of(hGraph, hGraphExec->list->at);
    if (!list) return CUDA_ERROR_OUT_OF_MEMORY;
    emu_list_drop(hGraphExec->list);
    hGraphExec->list = list;
    return CUDA_SUCCESS;
}

/* ---------------------------------------------------------------------------------------------- launches -- */

static CUresult check_list(CUcontext context, const emu_list *list) {
    for (unsigned i = 0; i < list->n; i++) {
        const emu_command *c = &list->command[i];
        if (c->work == EMU_LIST) TRY(check_list(context, c->list));
        if (c->work != EMU_KERNEL) continue;
        if (!c->launch.function->module)
            return emu_wrong(CUDA_ERROR_INVALID_HANDLE, "the module of \"%s\" in the graph was unloaded",
                c->launch.function->name);
        if (c->launch.function->context != context)
            return emu_wrong(CUDA_ERROR_INVALID_HANDLE, "\"%s\" in the graph is of another context", c->launch.function->name);
    }
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuGraphLaunch(CUgraphExec hGraphExec, CUstream hStream) {
    ENTER(EMU_CONTEXT);
    CUstream s;
    EXEC(hGraphExec);
    TRY(emu_stream_find(turn.context, hStream, &s));
    TRY(check_list(turn.context, hGraphExec->list));
    emu_command *c = emu_command_make(EMU_LIST);
    if (!c) return CUDA_ERROR_OUT_OF_MEMORY;
    c->list = hGraphExec->list;
    c->list->refs++;
    return emu_stream_add(s, c);
}

CUresult CUDAAPI cuGraphUpload(CUgraphExec hGraphExec, CUstream hStream) {
    ENTER(EMU_CONTEXT);
    CUstream s;
    EXEC(hGraphExec);
    return emu_stream_find(turn.context, hStream, &s);
}
