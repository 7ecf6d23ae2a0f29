/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gate before PoCL. Its list of loaded kernels (lib/CL/devices/common.c up to 6.0) has an entry for each kernel, size of a
 * group and width of a grid that is wider than all before. A launch takes the first entry that is wide enough; its end
 * gives back the first one of that kernel and size, whatever the width. An entry that is made while another launch of the
 * kernel is under way is thus given back once too often, and PoCL ends the process ("pocl_release_dlhandle_cache:
 * Assertion"). In one queue launches follow each other, so that takes two.
 *
 * Programs that may make PoCL add an entry therefore run while no other queue of the process has any under way. All others
 * run beside each other. PoCL drops entries once it has 128, so when so many may be there nothing is known any more, and
 * queues take turns.
 */
#ifndef HAL_BACKENDS_OPENCL_GATE_H
#define HAL_BACKENDS_OPENCL_GATE_H

#include "opencl.h"

/* Whether the device's driver needs it. Those that do not never get here. */
bool hal_opencl_gate_guards(const char *platform, const char *driver);
/* Whether all launches of the program have been under way before, in grids as wide. */
bool hal_opencl_gate_knows(const hal_opencl_program *program);
/* They are under way now. */
void hal_opencl_gate_learn(const hal_opencl_program *program);
/* The driver adds entries for what is not launched: from now on nothing is known. */
void hal_opencl_gate_crowd(void);
/* Waits until the visitor may start a program; `first`: not all of its launches are known, in return also where nothing is.
   False: he may not until the deadline. Each entering ends in leaving, with the same `first`. */
bool hal_opencl_gate_enter(hal_opencl_visitor *visitor, bool *first, int64_t deadline);
void hal_opencl_gate_leave(hal_opencl_visitor *visitor, bool first);

#endif
