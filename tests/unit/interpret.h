/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a graph node by node through the fp64 reference: what a graph means, without a device or a plan. Every
 * value has its declared dtype, so an f64 graph is computed in fp64 throughout.
 */
#ifndef TESTS_UNIT_INTERPRET_H
#define TESTS_UNIT_INTERPRET_H

#include <ops/graph_internal.h>

/* The values of one run. Inputs and variables are zero until set. */
typedef struct interpretation interpretation;

/* `symbols` has a value for each symbol of the graph; NULL when there are none. The graph must outlive the
   result and may
   grow after the call only if interpret_create is called again. */
hal_status interpret_create(const hal_graph *graph, const int64_t *symbols, interpretation **result);
void interpret_destroy(interpretation *it);
/* Elements of a value. */
int64_t interpret_count(const interpretation *it, hal_value value);
/* Copies numbers into an input or variable, rounding to its dtype, and out of any value. */
void interpret_set(interpretation *it, hal_value value, const double *numbers);
void interpret_get(const interpretation *it, hal_value value, double *numbers);
/* A value as a host tensor; its bytes belong to the interpretation. */
hal_tensor interpret_tensor(const interpretation *it, hal_value value);
/* Computes every node in order. */
hal_status interpret_run(interpretation *it);

#endif
