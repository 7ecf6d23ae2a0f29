/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of the host that a buffer stands on: shared virtual memory, or pages. A driver that took a command may run it
 * although it then fails to say when it is over, and a lost device may still be writing. So ground is freed when the driver
 * says that it is done with the buffer, which may be after its block is freed; the device stays until then.
 *
 * Drivers that never say so (device.told_of_ends) get no pages, and their shared memory goes with its block.
 */
#ifndef HAL_BACKENDS_OPENCL_GROUND_H
#define HAL_BACKENDS_OPENCL_GROUND_H

#include "opencl.h"

typedef struct hal_opencl_ground hal_opencl_ground;

/* Fine-grained shared virtual memory, zeroed; a failure says whether the driver has no memory or is gone. */
hal_status hal_opencl_ground_share(hal_opencl_device *device, uint64_t bytes, hal_opencl_ground **ground);
/* Pages, zeroed, large where they can be had; NULL: none. */
hal_opencl_ground *hal_opencl_ground_map(hal_opencl_device *device, uint64_t bytes);
void *hal_opencl_ground_address(const hal_opencl_ground *ground);
/* Leaves it to the driver, which frees it when it is done with `mem`. After a failure it is still the caller's. */
cl_int hal_opencl_ground_leave(hal_opencl_ground *ground, cl_mem mem);
/* Frees one that was not left to the driver; accepts NULL. */
void hal_opencl_ground_free(hal_opencl_ground *ground);

/* Asks with a buffer whether the driver says when it is done with one. */
bool hal_opencl_grounds_ask(hal_opencl_device *device, int64_t deadline);
/* Waits until none is left to the driver; false: some were at the deadline. */
bool hal_opencl_grounds_wait(hal_opencl_device *device, int64_t deadline);

#endif
