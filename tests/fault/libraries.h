/* SPDX-License-Identifier: Apache-2.0 */
/* What tests of libraries beside the emulated CUDA driver share. */
#ifndef TESTS_FAULT_LIBRARIES_H
#define TESTS_FAULT_LIBRARIES_H

#include <hal/core.h>

#include "tests/fault/emulated.h"

/* Of the cpu and the emulated devices, and like none before; NULL: the reason is the last status. */
hal_instance *libraries_instance(void);
/* What `try` returns in a process of its own, in which the driver alone was opened: a library that was opened once stays.
   -1: it did not come to its end. */
int libraries_absent(emulated_driver *driver, int (*try)(void));

#endif
