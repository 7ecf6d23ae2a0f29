/* SPDX-License-Identifier: Apache-2.0 */
#include "graph.h"

#include <stdlib.h>

/* Fewer launches are as quick one by one. */
enum { LEAST_LAUNCHES = 3 };

struct hal_cuda_graph { CUgraph graph; CUgraphExec exec; CUgraphNode *nodes; };

static bool has_graphs(const hal_cuda_api *cu) {
    return cu->cuGraphCreate && cu->cuGraphDestroy && cu->cuGraphAddKernelNode && cu->cuGraphInstantiateWithFlags &&
        cu->cuGraphExecKernelNodeSetParams && cu->cuGraphExecDestroy && cu->cuGraphLaunch;
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
    free(g->nodes);
    free(g);
}

void hal_cuda_graph_drop(hal_cuda_program *p) {
    graph_free(&p->device->cu, p->graph);
    p->graph = NULL;
}

/* A node each step, behind those it has to wait for; `behind` is room for them. */
static CUresult add_nodes(const hal_cuda_program *p, hal_cuda_graph *g, CUgraphNode *behind) {
    const hal_portable_chain *c = p->chain;
    CUresult e = CUDA_SUCCESS;
    for (uint32_t i = 0; i < c->n_steps && e == CUDA_SUCCESS; i++) {
        const hal_portable_step *s = &c->steps[i];
        const CUDA_KERNEL_NODE_PARAMS params = params_of(&p->launches[i]);
        for (uint32_t w = 0; w < s->n_waits; w++) behind[w] = g->nodes[c->waits[s->first_wait + w]];
        e = p->device->cu.cuGraphAddKernelNode(&g->nodes[i], g->graph, behind, s->n_waits, &params);
    }
    return e;
}

static CUresult fill(const hal_cuda_program *p, hal_cuda_graph *g) {
    const hal_cuda_api *cu = &p->device->cu;
    CUgraphNode *behind = calloc(p->chain->n_steps, sizeof(CUgraphNode));
    g->nodes = calloc(p->chain->n_steps, sizeof(CUgraphNode));
    CUresult e = behind && g->nodes ? cu->cuGraphCreate(&g->graph, 0) : CUDA_ERROR_OUT_OF_MEMORY;
    if (e == CUDA_SUCCESS) e = add_nodes(p, g, behind);
    if (e == CUDA_SUCCESS) e = cu->cuGraphInstantiateWithFlags(&g->exec, g->graph, 0);
    free(behind);
    return e;
}

CUresult hal_cuda_graph_make(hal_cuda_program *p) {
    if (p->graphless || p->graph || p->chain->n_steps < LEAST_LAUNCHES || !has_graphs(&p->device->cu)) return CUDA_SUCCESS;
    hal_cuda_graph *g = hal_portable_chain_order(p->chain) == HAL_OK ? calloc(1, sizeof *g) : NULL;
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
    const CUDA_KERNEL_NODE_PARAMS params = params_of(&p->launches[step]);
    return p->device->cu.cuGraphExecKernelNodeSetParams(p->graph->exec, p->graph->nodes[step], &params);
}

CUresult hal_cuda_graph_launch(hal_cuda_program *p, CUstream stream) {
    return p->device->cu.cuGraphLaunch(p->graph->exec, stream);
}
