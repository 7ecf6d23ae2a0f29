/* SPDX-License-Identifier: Apache-2.0 */
/* What measurements are checked against, and how they get into a draft. */
#ifndef HAL_TOPOLOGY_MEASUREMENT_H
#define HAL_TOPOLOGY_MEASUREMENT_H

#include "hal/topology/build.h"

/* hal_measurement_check, which also gives the row with the stable ids of its ends. */
hal_status hal_measurement_settle(const hal_topology *topology, const hal_measurement *measurement, hal_measurement *settled);
/* Puts figures into memories and links of a draft, and adds links; rows that cannot be true of it are left out. */
void hal_measurements_apply(hal_draft *draft, const hal_measurement *measurements, uint32_t n);
/* What the topology was made with. */
const hal_allocator *hal_topology_allocator(const hal_topology *topology);

#endif
