/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What has to wait for what in a queue that keeps no order (HAL_OPENCL_QUEUE=out-of-order): launches of one op follow each
 * other; ops wait for earlier ones that write what they touch, or touch what they write, or use the scratch memory.
 */
#ifndef HAL_BACKENDS_OPENCL_ORDER_H
#define HAL_BACKENDS_OPENCL_ORDER_H

#include "opencl.h"

/* Works out the waits of all launches of a program that is planned and placed: bindings may share memory, as those of a session's
   arena do, so places that move have other waits. */
hal_status hal_opencl_order_find(hal_opencl_program *program);

#endif
