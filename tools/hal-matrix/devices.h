/* SPDX-License-Identifier: Apache-2.0 */
/* The devices that the command line asks for. */
#ifndef HAL_MATRIX_DEVICES_H
#define HAL_MATRIX_DEVICES_H

#include "tools/hal-matrix/options.h"

typedef struct matrix_devices {
    hal_instance *instance;
    hal_device **items; /* a reference each */
    size_t count;
} matrix_devices;

/* Loads the backends and finds the devices, in the order asked for and each once. Errors: TOOL_NOT_FOUND. */
int matrix_devices_open(const matrix_options *options, matrix_devices *out, tool_error *err);
void matrix_devices_close(matrix_devices *devices);

#endif
