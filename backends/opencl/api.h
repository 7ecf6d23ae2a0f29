/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api.h - the functions of OpenCL as a table, filled when a device is opened: from the ICD loader, or from one driver's
 * own library when another driver of this machine must not be loaded. Nothing links an OpenCL library.
 */
#ifndef HAL_BACKENDS_OPENCL_API_H
#define HAL_BACKENDS_OPENCL_API_H

#define CL_TARGET_OPENCL_VERSION 300
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include <CL/cl.h>

#include <stdbool.h>
#include <stddef.h>

typedef struct hal_opencl_api {
#define NEEDED(name) __typeof__(&name) name;
#define OPTIONAL(name) __typeof__(&name) name;
#include "api.def"
} hal_opencl_api;

/* Fills the table from the installed loader; false: `why` says what is missing. */
bool hal_opencl_api_load(hal_opencl_api *api, char *why, size_t size);
/* Fills it from the driver in the library `path`, without a loader. */
bool hal_opencl_api_load_driver(hal_opencl_api *api, const char *path, char *why, size_t size);

/* The name of an error code, "CL_OUT_OF_RESOURCES", or "an unknown code". */
const char *hal_opencl_code_name(cl_int code);

#endif
