/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HAL_DISCOVERY_SELECTOR_H
#define HAL_DISCOVERY_SELECTOR_H

#include <stdbool.h>
#include <stdint.h>

/* Whether ONEAPI_DEVICE_SELECTOR leaves out the GPU of Intel at that place in the order of the bus. Where its
 * numbers may mean other devices, nothing is hidden on a guess. */
bool hal_selector_hides(const char *selector, uint32_t position);

#endif
