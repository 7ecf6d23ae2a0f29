/* SPDX-License-Identifier: Apache-2.0 */
/* What tests of the emulated driver share: a portable kernel as an image, a context, and what it said on stderr. */
#ifndef HAL_TESTS_EMULATED_RIG_H
#define HAL_TESTS_EMULATED_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <cuda.h>

#include "tests/emulated/control.h"

/* Headers of CUDA 12.0 lack it. */
CUresult CUDAAPI cuFuncGetParamInfo(CUfunction func, size_t index, size_t *offset, size_t *bytes);

#define assert_cuda(expression, code) assert_int_equal((expression), (code))
#define assert_fine(expression) assert_cuda(expression, CUDA_SUCCESS)

/* The image of the kernels that move elements of 4 bytes; the tests own it till the process ends. */
const char *rig_image(size_t *bytes);
/* The text of a program: hal_portable_source of a file with options. */
char *rig_text(const char *file, const char *options);
/* What the compiler says of a text; *image is to be freed, NULL where it failed. */
int rig_compile(const char *text, const char *const *options, int n, char **image, size_t *bytes);

/* A device with its primary context current, the kernels of rig_image, and a stream; given back by rig_close. */
typedef struct rig { CUdevice device; CUcontext context; CUmodule module; CUfunction move, fill; CUstream stream; } rig;
void rig_open(rig *r, int device);
void rig_close(rig *r);
/* y[i] = x[i], n elements, on a stream. */
CUresult rig_move(const rig *r, CUstream stream, CUdeviceptr x, CUdeviceptr y, int64_t n);
CUdeviceptr rig_alloc(size_t bytes);
/* Fails the test when the driver objected to something since the test began, or holds anything. */
void rig_check(uint64_t wrongs);

#endif
