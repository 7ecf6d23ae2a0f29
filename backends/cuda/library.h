/* SPDX-License-Identifier: Apache-2.0 */
/* Where libraries of CUDA beside the driver are: where the system finds them, or in packages of Python. */
#ifndef HAL_BACKENDS_CUDA_LIBRARY_H
#define HAL_BACKENDS_CUDA_LIBRARY_H

#include <hal/backend.h>

#include <stddef.h>

/* Opens the first of the names (separated by blanks) that is found: by itself, then in the folders nvidia/.../lib beside the
   packages of the running Python, of VIRTUAL_ENV's, and of the python3 in PATH. NULL: `why` says what was tried. */
void *hal_cuda_library_open(const char *names, char *why, size_t size);

/* A function of it; NULL: `why` says that it has none of that name. */
void *hal_cuda_library_function(void *library, const char *name, char *why, size_t size);

/* Tells a trace what is done otherwise, as a library is not there or does not do it. */
void hal_cuda_library_note(const hal_host *host, const char *text);

#endif
