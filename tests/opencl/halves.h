/* SPDX-License-Identifier: Apache-2.0 */
/* What a device has to make of halves, whether or not it has them as a type. */
#ifndef TESTS_OPENCL_HALVES_H
#define TESTS_OPENCL_HALVES_H

#include <hal/plan.h>

/*
 * On the device `alias`, by a session: each of the 65536 halves is moved and widened, floats at, below and above the middle
 * between any two neighbours are narrowed, and sums and a product of matrices are computed. DATA_LOSS when a bit of what is
 * moved or converted is wrong, or a result is outside the contract.
 */
hal_status halves_on(hal_instance *instance, const char *alias, int64_t deadline);

#endif
