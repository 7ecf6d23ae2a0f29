/* SPDX-License-Identifier: Apache-2.0 */
/* Names of values in a graph, and small helpers the files of the graph share. */
#ifndef HAL_OPS_GRAPH_NAMES_H
#define HAL_OPS_GRAPH_NAMES_H

#include <ops/graph_internal.h>

/* Room for the attributes of any operator. */
typedef union hal_attrs_storage {
#define HAL_OP(number, ID, name, ...) hal_##name##_attrs name;
#include <ops/ops.def>
} hal_attrs_storage;

/* Names value `id` "<scope>.<name>", with ".1", ".2", ... when taken; an earlier name is given up. False: out
 * of memory. */
bool hal_graph_name_give(hal_graph *graph, uint32_t id, const char *name);
/* The same with a full name, regardless of the present scope. */
bool hal_graph_name_give_full(hal_graph *graph, uint32_t id, const char *full);
/* Writes "<scope>.<name>", cut at `size` bytes. */
void hal_graph_name_join(const hal_graph *graph, const char *name, char *text, size_t size);
/* Takes the value's name out of the index; the record keeps its text. */
void hal_graph_name_remove(hal_graph *graph, uint32_t id);
/* Gives values first .. first + n - 1 these full names at once: one may be the present name of another. */
bool hal_graph_names_replace(hal_graph *graph, uint32_t first, uint32_t n, const char *const *full);
/* Id of the value of that full name, or 0. */
uint32_t hal_graph_name_find(const hal_graph *graph, const char *full);

#endif
