/* SPDX-License-Identifier: Apache-2.0 */
/* Graphs with one node out of conformance cases, and numbers to feed them; shared by the tests of ops/. */
#ifndef TESTS_UNIT_CASES_TEST_H
#define TESTS_UNIT_CASES_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "ops/row.h"
#include "ops/shape.h"
#include "tests/unit/interpret.h"

/* Fails the running test with the detail of the last failure. */
#define assert_ok(expression) \
    do { \
        if ((expression) != HAL_OK) fail_msg("%s: %s", #expression, hal_status_last()->text); \
    } while (0)

/* splitmix64 */
static inline uint64_t random_bits(uint64_t *state) {
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static inline double random_between(uint64_t *state, double low, double high) {
    return low + (high - low) * (double)(random_bits(state) >> 11) * 0x1p-53;
}

/* n numbers for input i of a case. */
static inline double *case_numbers(const hal_case *c, uint32_t i, int64_t n, uint64_t *state) {
    double *x = malloc((size_t)(n ? n : 1) * sizeof *x);
    for (int64_t e = 0; x && e < n; e++) {
        double low = c->range[i].low, high = c->range[i].high;
        x[e] = c->range[i].integer ? floor(random_between(state, low, high + 1.0))
                                   : random_between(state, low, high);
        if (x[e] > high) x[e] = high;
    }
    return x;
}

static inline int64_t case_elements(const hal_shape *shape) {
    int64_t n = 1;
    for (uint32_t d = 0; d < shape->rank; d++) n *= shape->size[d].base;
    return n;
}

/* The node of a case with inputs called "i0", "i1", ... and outputs marked. */
typedef struct case_graph { hal_graph *graph; hal_value in[16], out[16]; } case_graph;

static inline case_graph case_graph_create(const hal_case *c) {
    case_graph g = {.graph = NULL};
    assert_ok(hal_graph_create(NULL, &g.graph));
    for (uint32_t i = 0; i < c->n_in; i++) {
        char name[16];
        snprintf(name, sizeof name, "i%u", i);
        if (c->in[i].dtype == HAL_NO_DTYPE) g.in[i] = HAL_NO_VALUE;
        else g.in[i] = hal_graph_input(g.graph, name, c->in[i].dtype, c->in[i].rank, c->in[i].size);
    }
    assert_ok(hal_graph_node(g.graph, c->op, c->attrs, g.in, c->n_in, g.out, c->n_out));
    for (uint32_t o = 0; o < c->n_out; o++) assert_ok(hal_graph_output(g.graph, g.out[o]));
    return g;
}

#endif
