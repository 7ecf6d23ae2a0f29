/* SPDX-License-Identifier: Apache-2.0 */
/* How fast a device copies within its own memory, for who measures something else by it. */
#ifndef HAL_BENCH_MEMORY_H
#define HAL_BENCH_MEMORY_H

#include "tools/hal-bench/measure.h"

/* The figure that `hal-bench mem` calls copy: bytes read and written. The caller has set m->bytes, of a block; m->failure says
 * why there is none. */
hal_status memory_copy(hal_instance *instance, hal_device *device, const bench_effort *effort, measurement *m);

#endif
