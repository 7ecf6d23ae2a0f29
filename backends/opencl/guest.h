/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guests: memory that another device or the caller owns, used by a program of a device that shares the host's memory. A
 * buffer around it lives for one submission. Its kind is CL_MEM_USE_HOST_PTR, whose bytes a driver may keep elsewhere until
 * they are mapped: what was written is mapped at the end.
 */
#ifndef HAL_BACKENDS_OPENCL_GUEST_H
#define HAL_BACKENDS_OPENCL_GUEST_H

#include "job.h"

/* How many bindings are guests. */
uint32_t hal_opencl_guests_count(const hal_backend_binding *bindings, uint32_t n);
/* Puts every binding of the program in its place, guests in buffers that the job keeps. */
hal_status hal_opencl_guests_place(hal_opencl_job *job, hal_opencl_program *program, const hal_backend_binding *bindings);
/* Enqueues what brings the guests' bytes home, and the job's event behind it. */
cl_int hal_opencl_guests_leave(hal_opencl_job *job);

#endif
