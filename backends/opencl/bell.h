/* SPDX-License-Identifier: Apache-2.0 */
/* One waits until a time for something that another does, who may never come. The one that is left behind frees it. */
#ifndef HAL_BACKENDS_OPENCL_BELL_H
#define HAL_BACKENDS_OPENCL_BELL_H

#include <stdbool.h>
#include <stdint.h>

typedef struct hal_opencl_bell hal_opencl_bell;
/* NULL when out of memory. */
hal_opencl_bell *hal_opencl_bell_create(void);
/* Frees one that nobody will ring. */
void hal_opencl_bell_free(hal_opencl_bell *bell);
/* Once; the bell is not touched afterwards. */
void hal_opencl_bell_ring(hal_opencl_bell *bell);
/* True: it rang until the deadline. The bell is not touched afterwards. */
bool hal_opencl_bell_wait(hal_opencl_bell *bell, int64_t deadline);

#endif
