/* SPDX-License-Identifier: Apache-2.0 */
/* What is measured of a device once, and kept. */
#ifndef HAL_BACKENDS_OPENCL_TUNE_H
#define HAL_BACKENDS_OPENCL_TUNE_H

#include "opencl.h"

/* Chooses the size of tiles, where the description has products and nothing was chosen yet: what an earlier process
   found, else what is found now. A failure changes nothing. */
void hal_opencl_tune(hal_opencl_device *device, const hal_description *description, int64_t deadline);

#endif
