/* SPDX-License-Identifier: Apache-2.0 */
/* Graphs: commands and what they depend on, added by hand or by a capture. */
#include "emulated.h"

#include <stdlib.h>
#include <string.h>

static uint64_t last_id;

CUresult emu_graph_make(CUgraph *graph) {
    CUgraph g = calloc(1, sizeof *g);
    if (!g || !emu_handle_add(g, EMU_GRAPH)) {
        free(g);
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    g->id = ++last_id;
    *graph = g;
    return CUDA_SUCCESS;
}

void emu_graph_drop(CUgraph g) {
    for (unsigned i = 0; i < g->n; i++) {
        emu_command_clear(&g->node[i]->command);
        free(g->node[i]->before);
        free(g->node[i]);
    }
    emu_handle_drop(g);
    free(g->node);
    free(g);
}

static CUgraphNode new_node(CUgraph g, struct CUgraphNode_st *const *before, unsigned n) {
    if (g->n == g->room) {
        struct CUgraphNode_st **more = realloc(g->node, (g->room * 2 + 16) * sizeof *more);
        if (!more) return NULL;
        g->node = more;
        g->room = g->room * 2 + 16;
    }
    CUgraphNode made = calloc(1, sizeof *made);
    struct CUgraphNode_st **list = malloc((n + 1) * sizeof *list);
    if (!made || !list) {
        free(made);
        free(list);
        return NULL;
    }
    if (n) memcpy(list, before, n * sizeof *list);
    *made = (struct CUgraphNode_st){.graph = g, .place = g->n, .n_before = n, .before = list};
    return made;
}

static void discard(emu_command *c) {
    emu_command_clear(c);
    free(c);
}

CUresult emu_graph_add(CUgraph g, struct CUgraphNode_st *const *before, unsigned n, emu_command *command, CUgraphNode *node) {
    CUgraphNode made = new_node(g, before, n);
    if (!made) {
        discard(command);
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    made->command = *command;
    free(command);
    *node = g->node[g->n++] = made;
    return CUDA_SUCCESS;
}

/* ------------------------------------------------------------------------------------------ nodes by hand -- */

#define GRAPH(g) \
    if (!emu_is(g, EMU_GRAPH)) return emu_wrong(CUDA_ERROR_INVALID_VALUE, "there is no such graph, or it was destroyed")

static bool is_node(const struct CUgraph_st *g, const struct CUgraphNode_st *node) {
    for (unsigned i = 0; i < g->n; i++)
        if (g->node[i] == node) return true;
    return false;
}

static CUresult add(CUgraph g, const CUgraphNode *before, size_t n, emu_command *c, CUgraphNode *node) {
    bool well = n <= g->n && (n == 0 || before);
    for (size_t i = 0; well && i < n; i++) well = is_node(g, before[i]);
    if (well) return emu_graph_add(g, before, (unsigned)n, c, node);
    discard(c);
    return emu_wrong(CUDA_ERROR_INVALID_VALUE, "a dependency is no node of this graph");
}

CUresult CUDAAPI cuGraphCreate(CUgraph *phGraph, unsigned int flags) {
    ENTER(EMU_INIT);
    return phGraph && flags == 0 ? emu_graph_make(phGraph) : CUDA_ERROR_INVALID_VALUE;
}

CUresult CUDAAPI cuGraphDestroy(CUgraph hGraph) {
    ENTER(EMU_INIT);
    GRAPH(hGraph);
    emu_graph_drop(hGraph);
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuGraphAddKernelNode_v2(CUgraphNode *phGraphNode, CUgraph hGraph, const CUgraphNode *dependencies,
                                         size_t numDependencies, const CUDA_KERNEL_NODE_PARAMS *nodeParams) {
    ENTER(EMU_CONTEXT);
    emu_command *c = NULL;
    GRAPH(hGraph);
    if (!phGraphNode || !nodeParams) return CUDA_ERROR_INVALID_VALUE;
    TRY(emu_launch_make(turn.context, nodeParams, &c));
    return add(hGraph, dependencies, numDependencies, c, phGraphNode);
}

CUresult CUDAAPI cuGraphAddEmptyNode(CUgraphNode *phGraphNode, CUgraph hGraph, const CUgraphNode *dependencies,
                                     size_t numDependencies) {
    ENTER(EMU_CONTEXT);
    GRAPH(hGraph);
    if (!phGraphNode) return CUDA_ERROR_INVALID_VALUE;
    emu_command *c = emu_command_make(EMU_NOTHING);
    return c ? add(hGraph, dependencies, numDependencies, c, phGraphNode) : CUDA_ERROR_OUT_OF_MEMORY;
}

CUresult CUDAAPI cuGraphAddMemsetNode(CUgraphNode *phGraphNode, CUgraph hGraph, const CUgraphNode *dependencies,
                                      size_t numDependencies, const CUDA_MEMSET_NODE_PARAMS *memsetParams, CUcontext ctx) {
    ENTER(EMU_CONTEXT);
    const CUDA_MEMSET_NODE_PARAMS *p = memsetParams;
    GRAPH(hGraph);
    if (!phGraphNode || !p || !emu_is(ctx, EMU_CTX) || (p->elementSize != 1 && p->elementSize != 2 && p->elementSize != 4))
        return CUDA_ERROR_INVALID_VALUE;
    if (p->height != 1) return CUDA_ERROR_NOT_SUPPORTED;
    emu_command *c = emu_command_make(EMU_FILL);
    if (!c) return CUDA_ERROR_OUT_OF_MEMORY;
    c->fill.to = p->dst;
    c->fill.value = p->value;
    c->fill.width = p->elementSize;
    c->fill.count = p->width;
    return add(hGraph, dependencies, numDependencies, c, phGraphNode);
}

static emu_end end_of(CUmemorytype type, CUdeviceptr device, const void *host) {
    emu_end end = {.device = device};
    if (type == CU_MEMORYTYPE_HOST) end = (emu_end){.host = (char *)(uintptr_t)host};
    return end;
}

/* One row of bytes; what is two-dimensional is not emulated. */
CUresult CUDAAPI cuGraphAddMemcpyNode(CUgraphNode *phGraphNode, CUgraph hGraph, const CUgraphNode *dependencies,
                                      size_t numDependencies, const CUDA_MEMCPY3D *copyParams, CUcontext ctx) {
    ENTER(EMU_CONTEXT);
    const CUDA_MEMCPY3D *p = copyParams;
    GRAPH(hGraph);
    if (!phGraphNode || !p || !emu_is(ctx, EMU_CTX)) return CUDA_ERROR_INVALID_VALUE;
    if (p->Height != 1 || p->Depth != 1 || p->srcXInBytes || p->srcY || p->srcZ || p->dstXInBytes || p->dstY || p->dstZ)
        return CUDA_ERROR_NOT_SUPPORTED;
    emu_command *c = emu_command_make(EMU_COPY);
    if (!c) return CUDA_ERROR_OUT_OF_MEMORY;
    c->copy.to = end_of(p->dstMemoryType, p->dstDevice, p->dstHost);
    c->copy.from = end_of(p->srcMemoryType, p->srcDevice, p->srcHost);
    c->copy.bytes = p->WidthInBytes;
    return add(hGraph, dependencies, numDependencies, c, phGraphNode);
}

/* A copy of the graph as it is now. */
CUresult CUDAAPI cuGraphAddChildGraphNode(CUgraphNode *phGraphNode, CUgraph hGraph, const CUgraphNode *dependencies,
                                          size_t numDependencies, CUgraph childGraph) {
    ENTER(EMU_CONTEXT);
    GRAPH(hGraph);
    GRAPH(childGraph);
    if (!phGraphNode) return CUDA_ERROR_INVALID_VALUE;
    emu_command *c = emu_command_make(EMU_LIST);
    if (c) c->list = emu_list_make(childGraph);
    if (c && c->list) return add(hGraph, dependencies, numDependencies, c, phGraphNode);
    free(c);
    return CUDA_ERROR_OUT_OF_MEMORY;
}

/* --------------------------------------------------------------------------------------------- questions -- */

CUresult CUDAAPI cuGraphGetNodes(CUgraph hGraph, CUgraphNode *nodes, size_t *numNodes) {
    ENTER(EMU_INIT);
    GRAPH(hGraph);
    if (!numNodes) return CUDA_ERROR_INVALID_VALUE;
    for (size_t i = 0; nodes && i < *numNodes; i++) nodes[i] = i < hGraph->n ? hGraph->node[i] : NULL;
    if (!nodes || *numNodes > hGraph->n) *numNodes = hGraph->n;
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuGraphNodeGetType(CUgraphNode hNode, CUgraphNodeType *type) {
    ENTER(EMU_INIT);
    if (!hNode || !type) return CUDA_ERROR_INVALID_VALUE;
    switch (hNode->command.work) {
    case EMU_KERNEL:
    case EMU_SERVICE: *type = CU_GRAPH_NODE_TYPE_KERNEL; break;
    case EMU_COPY: *type = CU_GRAPH_NODE_TYPE_MEMCPY; break;
    case EMU_FILL: *type = CU_GRAPH_NODE_TYPE_MEMSET; break;
    case EMU_HOST: *type = CU_GRAPH_NODE_TYPE_HOST; break;
    case EMU_LIST: *type = CU_GRAPH_NODE_TYPE_GRAPH; break;
    default: *type = CU_GRAPH_NODE_TYPE_EMPTY;
    }
    return CUDA_SUCCESS;
}
