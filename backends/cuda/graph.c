/* SPDX-License-Identifier: Apache-2.0 */
#include "graph.h"

#include <stdlib.h>

#include "taken.h"

/* Fewer launches are as quick one by one. */
enum { LEAST_LAUNCHES = 3 };

/* `stream`: where what a library does is captured; NULL: nothing was. */
struct hal_cuda_graph { CUgraph graph; CUgraphExec exec; CUgraphNode *nodes; CUstream stream; };

static bool has_graphs(const hal_cuda_api *cu) {
    return cu->cuGraphCreate && cu->cuGraphDestroy && cu->cuGraphAddKernelNode && cu->cuGraphInstantiateWithFlags &&
        cu->cuGraphExecKernelNodeSetParams && cu->cuGraphExecDestroy && cu->cuGraphLaunch && cu->cuStreamBeginCapture &&
        cu->cuStreamEndCapture && cu->cuGraphAddChildGraphNode && cu->cuGraphExecChildGraphNodeSetParams;
}

static CUDA_KERNEL_NODE_PARAMS params_of(const hal_cuda_launch *l) {
    return (CUDA_KERNEL_NODE_PARAMS){.func = l->function, .gridDimX = l->grid[0], .gridDimY = l->grid[1],
        .gridDimZ = l->grid[2], .blockDimX = l->block[0], .blockDimY = l->block[1], .blockDimZ = l->block[2],
        .kernelParams = l->params};
}

static void graph_free(const hal_cuda_api *cu, hal_cuda_graph *g) {
    if (!g) return;
    if (g->exec) cu->cuGraphExecDestroy(g->exec);
    if (g->graph) cu->cuGraphDestroy(g->graph);
    if (g->stream) cu->cuStreamDestroy(g->stream);
    free(g->nodes);
    free(g);
}

void hal_cuda_graph_drop(hal_cuda_program *p) {
    graph_free(&p->device->cu, p->graph);
    p->graph = NULL;
}

/* ------------------------------------------------------------------------------------- what libraries do -- */

/*
 * What a library enqueues for a step, as a graph of its own: a part of the program's graph, which is replaced when a binding
 * moves. The library may load a kernel at this moment, which a stricter capture would not allow.
 */
static CUresult capture(const hal_cuda_program *p, hal_cuda_graph *g, uint32_t step, CUgraph *part) {
    const hal_cuda_api *cu = &p->device->cu;
    CUresult e = g->stream ? CUDA_SUCCESS : cu->cuStreamCreate(&g->stream, CU_STREAM_NON_BLOCKING);
    if (e == CUDA_SUCCESS) e = cu->cuStreamBeginCapture(g->stream, CU_STREAM_CAPTURE_MODE_RELAXED);
    if (e != CUDA_SUCCESS) return e;
    e = p->launches[step].taken->by->run(&p->launches[step], g->stream);
    const CUresult end = cu->cuStreamEndCapture(g->stream, part);
    return e == CUDA_SUCCESS ? end : e;
}

static CUresult add_part(const hal_cuda_program *p, hal_cuda_graph *g, uint32_t step, const CUgraphNode *behind) {
    CUgraph part = NULL;
    CUresult e = capture(p, g, step, &part);
    if (e == CUDA_SUCCESS)
        e = p->device->cu.cuGraphAddChildGraphNode(&g->nodes[step], g->graph, behind, behind ? 1 : 0, part);
    if (part) p->device->cu.cuGraphDestroy(part);
    return e;
}

static CUresult update_part(const hal_cuda_program *p, uint32_t step) {
    CUgraph part = NULL;
    CUresult e = capture(p, p->graph, step, &part);
    if (e == CUDA_SUCCESS) e = p->device->cu.cuGraphExecChildGraphNodeSetParams(p->graph->exec, p->graph->nodes[step], part);
    if (part) p->device->cu.cuGraphDestroy(part);
    return e;
}

/* --------------------------------------------------------------------------------------------- making -- */

static CUresult add_kernel(const hal_cuda_program *p, hal_cuda_graph *g, uint32_t step, const CUgraphNode *behind) {
    const CUDA_KERNEL_NODE_PARAMS params = params_of(&p->launches[step]);
    return p->device->cu.cuGraphAddKernelNode(&g->nodes[step], g->graph, behind, behind ? 1 : 0, &params);
}

/* A node each step, behind the one before it: bindings may share memory (a session's feeds lie in its arena), and may share
   it otherwise the next time, so that what depends on what is not known for good. */
static CUresult add_nodes(const hal_cuda_program *p, hal_cuda_graph *g) {
    CUresult e = CUDA_SUCCESS;
    for (uint32_t i = 0; i < p->chain->n_steps && e == CUDA_SUCCESS; i++) {
        const CUgraphNode *behind = i > 0 ? &g->nodes[i - 1] : NULL;
        e = p->launches[i].taken ? add_part(p, g, i, behind) : add_kernel(p, g, i, behind);
    }
    return e;
}

static CUresult fill(const hal_cuda_program *p, hal_cuda_graph *g) {
    const hal_cuda_api *cu = &p->device->cu;
    g->nodes = calloc(p->chain->n_steps, sizeof(CUgraphNode));
    CUresult e = g->nodes ? cu->cuGraphCreate(&g->graph, 0) : CUDA_ERROR_OUT_OF_MEMORY;
    if (e == CUDA_SUCCESS) e = add_nodes(p, g);
    return e == CUDA_SUCCESS ? cu->cuGraphInstantiateWithFlags(&g->exec, g->graph, 0) : e;
}

CUresult hal_cuda_graph_make(hal_cuda_program *p) {
    if (p->graphless || p->graph || p->chain->n_steps < LEAST_LAUNCHES || !has_graphs(&p->device->cu)) return CUDA_SUCCESS;
    hal_cuda_graph *g = calloc(1, sizeof *g);
    const CUresult e = g ? fill(p, g) : CUDA_ERROR_OUT_OF_MEMORY;
    if (e == CUDA_SUCCESS) {
        p->graph = g;
        p->device->graphs++;
        return CUDA_SUCCESS;
    }
    graph_free(&p->device->cu, g);
    p->graphless = true;
    return hal_cuda_code_is_sticky(e) ? e : CUDA_SUCCESS;
}

/* What is under way keeps the parameters that it was started with. */
CUresult hal_cuda_graph_update(hal_cuda_program *p, uint32_t step) {
    if (p->launches[step].taken) return update_part(p, step);
    const CUDA_KERNEL_NODE_PARAMS params = params_of(&p->launches[step]);
    return p->device->cu.cuGraphExecKernelNodeSetParams(p->graph->exec, p->graph->nodes[step], &params);
}

CUresult hal_cuda_graph_launch(hal_cuda_program *p, CUstream stream) {
    return p->device->cu.cuGraphLaunch(p->graph->exec, stream);
}
