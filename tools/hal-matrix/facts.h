/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of a device before anything runs on it: for the report's reader, who was not there. */
#ifndef HAL_MATRIX_FACTS_H
#define HAL_MATRIX_FACTS_H

#include "tools/hal-matrix/options.h"
#include "tools/hal-matrix/report.h"

/* Fills in the device's names, driver and features, the system, the list, and the time. */
void matrix_facts_gather(hal_instance *instance, hal_device *device, const matrix_options *options,
                         const matrix_selection *selection, matrix_facts *facts);

#endif
