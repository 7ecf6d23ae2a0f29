/* SPDX-License-Identifier: Apache-2.0 */
/* What the leak sanitizer is told of programs that load PoCL. Included by one file of a program. */
#ifndef HAL_TESTS_OPENCL_LEAKS_H
#define HAL_TESTS_OPENCL_LEAKS_H

#if HAL_BACKEND_SANITIZER == 1
/* PoCL and its compiler keep things until the process ends, which are not ours to free. A bell is left to the callback that
   is to ring it, and a driver that was told to make none never does. A session leaves memory to a device whose work has no
   known end, as in the tests that are named here. The runtime has to find the function. */
extern __attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libpocl\nleak:libLLVM\nleak:libclang\nleak:libOpenCL\nleak:hal_opencl_bell_create\n"
           "leak:work_that_never_ends_is_left_behind\nleak:try_apart\n";
}
#endif

#endif
