/* SPDX-License-Identifier: Apache-2.0 */
/* What the emulated driver and its compiler need of OpenCL: devices that compute where the host does. */
#ifndef HAL_TESTS_EMULATED_CL_H
#define HAL_TESTS_EMULATED_CL_H

#include <stdbool.h>
#include <stddef.h>

#define CL_TARGET_OPENCL_VERSION 300
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include <CL/cl.h>

/* The devices, each with a name; 0: there is no OpenCL here, or it has none, which a line on stderr says. */
int emu_cl_devices(cl_device_id *device, char name[][128], int room);

/* A device with one queue; the same for the same id, until the process ends: drivers of OpenCL are not made to be opened and
   closed often. NULL: it does not open. */
typedef struct emu_cl {
    cl_device_id id;
    cl_context context;
    cl_command_queue queue;
    char options[128];
    struct emu_cl *next;
} emu_cl;
emu_cl *emu_cl_open(cl_device_id id);
/* The program of a text, compiled once a device; NULL with the compiler's words in `log` (to be freed). */
cl_program emu_cl_build(emu_cl *cl, const char *text, char **log);
cl_kernel emu_cl_kernel(cl_program program, const char *name);
/* The number of parameters, or -1; of each the name of its type and whether it points to global memory. */
int emu_cl_parameters(cl_kernel kernel, char type[][64], bool *pointer, int room);
size_t emu_cl_local_bytes(const emu_cl *cl, cl_kernel kernel);
/* Sets all parameters (`value`: what it is, or for a pointer the host address), runs, waits. */
cl_int emu_cl_run(emu_cl *cl, cl_kernel kernel, int n, const void *const *value, const size_t *bytes, const bool *pointer,
                  const size_t global[3], const size_t group[3]);
void emu_cl_kernel_drop(cl_kernel kernel);
/* From now on nothing runs, and what ran is done: for the end of the process, before OpenCL itself ends. */
void emu_cl_stop(void);

#endif
