/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ranges for Nsight Systems: what an operator launches stands below its name there. NVTX is a header that finds the tool, if
 * there is one, by itself; without the header, which comes with the toolkit, there are no ranges.
 */
#ifndef HAL_BACKENDS_CUDA_RANGE_H
#define HAL_BACKENDS_CUDA_RANGE_H

#if defined(__has_include)
#if __has_include(<nvtx3/nvToolsExt.h>)
#define HAL_CUDA_HAS_RANGES 1
#endif
#endif

#ifdef HAL_CUDA_HAS_RANGES
#include <nvtx3/nvToolsExt.h>
static inline void hal_cuda_range_begin(const char *name) { nvtxRangePushA(name); }
static inline void hal_cuda_range_end(void) { nvtxRangePop(); }
#else
static inline void hal_cuda_range_begin(const char *name) { (void)name; }
static inline void hal_cuda_range_end(void) {}
#endif

#endif
