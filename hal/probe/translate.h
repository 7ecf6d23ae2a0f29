/* SPDX-License-Identifier: Apache-2.0 */
/* From XML of others to a description: what the verb "translate" of hal-probe is made of. */
#ifndef HAL_PROBE_TRANSLATE_H
#define HAL_PROBE_TRANSLATE_H

#include "hal/probe/xml.h"
#include "hal/topology/build.h"

/* Wrong input ends the process: see xml.h. */
void hal_read_nccl(const xml_node *root, hal_draft *draft);
/* Ends the process unless `root` is a topology that hwloc can be trusted with. */
void hal_check_hwloc(const xml_node *root);
/* The checked tree in the words of version 2.0, which every hwloc since 2.0 reads; its length without the
 * NUL. */
char *hal_write_hwloc(const xml_node *root, size_t *bytes);

#endif
