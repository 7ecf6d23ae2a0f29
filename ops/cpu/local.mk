# SPDX-License-Identifier: Apache-2.0
# The cpu backend: driver in backends/cpu, kernels here. Some kernel files are written for one
# instruction set; the others are compiled once for each, as HAL_CPU_VARIANT. The driver
# chooses at run time. Where the compiler lacks a set, its flags are empty and its file says so.

# driver, and kernels that need no special instructions
HAL_CPU_SOURCES = \
	backends/cpu/count.c \
	backends/cpu/cpu.c \
	backends/cpu/device.h \
	backends/cpu/features.c \
	backends/cpu/features.h \
	backends/cpu/isa.c \
	backends/cpu/layout.c \
	backends/cpu/machine.c \
	backends/cpu/place.c \
	backends/cpu/place.h \
	backends/cpu/pool.c \
	backends/cpu/pool.h \
	backends/cpu/program.c \
	backends/cpu/queue.c \
	backends/cpu/seat.c \
	backends/cpu/server.c \
	backends/cpu/support.c \
	backends/cpu/wait.h \
	ops/cpu/attention.h \
	ops/cpu/call.c \
	ops/cpu/cpu.h \
	ops/cpu/expr.h \
	ops/cpu/gemm.h \
	ops/cpu/gemm_avx512.h \
	ops/cpu/gemm_driver.c \
	ops/cpu/gemm_kernel.h \
	ops/cpu/gemm_pack.c \
	ops/cpu/gemm_plain.c \
	ops/cpu/kernels.h \
	ops/cpu/mini_gemm.h \
	ops/cpu/pack.h \
	ops/cpu/row_math.h \
	ops/cpu/rows.h \
	ops/cpu/vector_math.h \
	ops/kernel/element.h \
	ops/kernel/functions.h \
	ops/kernel/strided.c \
	ops/kernel/strided.h

# compiled once per instruction set; hal_fma is one instruction where there is one
HAL_CPU_VARIANT_SOURCES = \
	ops/cpu/attention.c \
	ops/cpu/attention_grad.c \
	ops/cpu/expr.c \
	ops/cpu/expr_wide.c \
	ops/cpu/index.c \
	ops/cpu/loss.c \
	ops/cpu/matmul.c \
	ops/cpu/move.c \
	ops/cpu/norm.c \
	ops/cpu/optimizer.c \
	ops/cpu/order.c \
	ops/cpu/pack.c \
	ops/cpu/pointwise.c \
	ops/cpu/random.c \
	ops/cpu/reduce.c \
	ops/cpu/rotary.c \
	ops/cpu/rows.c \
	ops/cpu/softmax.c \
	ops/cpu/table.c

# written for one instruction set
HAL_CPU_AVX2_SOURCES = \
	ops/cpu/gemm_avx2.c

HAL_CPU_AVX512_SOURCES = \
	ops/cpu/gemm_avx512.c

HAL_CPU_AVX512BF16_SOURCES = \
	ops/cpu/gemm_bf16.c

HAL_CPU_AMX_SOURCES = \
	ops/cpu/gemm_amx.c

halplugin_LTLIBRARIES += libhal_cpu.la
libhal_cpu_la_SOURCES = $(HAL_CPU_SOURCES)
libhal_cpu_la_CPPFLAGS = $(AM_CPPFLAGS) $(HAL_CPU_VARIANT_DEFS)
libhal_cpu_la_CFLAGS = $(HAL_KERNEL_CFLAGS) $(HWLOC_CFLAGS) $(NUMA_CFLAGS)
libhal_cpu_la_LDFLAGS = $(HAL_PLUGIN_LDFLAGS)
libhal_cpu_la_LIBADD = libhal_cpu_plain.la libhal_cpu_avx2.la libhal_cpu_avx512.la \
	libhal_cpu_avx512bf16.la libhal_cpu_amx.la $(HWLOC_LIBS) $(NUMA_LIBS) $(LIBM)

noinst_LTLIBRARIES += libhal_cpu_plain.la libhal_cpu_avx2.la libhal_cpu_avx512.la \
	libhal_cpu_avx512bf16.la libhal_cpu_amx.la

libhal_cpu_plain_la_SOURCES = $(HAL_CPU_VARIANT_SOURCES)
libhal_cpu_plain_la_CPPFLAGS = $(AM_CPPFLAGS) -DHAL_CPU_VARIANT=plain
libhal_cpu_plain_la_CFLAGS = $(HAL_KERNEL_CFLAGS)

libhal_cpu_avx2_la_SOURCES = $(HAL_CPU_AVX2_SOURCES) $(HAL_CPU_VARIANT_SOURCES)
libhal_cpu_avx2_la_CPPFLAGS = $(AM_CPPFLAGS) -DHAL_CPU_VARIANT=avx2
libhal_cpu_avx2_la_CFLAGS = $(HAL_KERNEL_CFLAGS) $(HAL_AVX2_CFLAGS)

libhal_cpu_avx512_la_SOURCES = $(HAL_CPU_AVX512_SOURCES) $(HAL_CPU_VARIANT_SOURCES)
libhal_cpu_avx512_la_CPPFLAGS = $(AM_CPPFLAGS) -DHAL_CPU_VARIANT=avx512
libhal_cpu_avx512_la_CFLAGS = $(HAL_KERNEL_CFLAGS) $(HAL_AVX512_CFLAGS)

libhal_cpu_avx512bf16_la_SOURCES = $(HAL_CPU_AVX512BF16_SOURCES)
libhal_cpu_avx512bf16_la_CFLAGS = $(HAL_KERNEL_CFLAGS) $(HAL_AVX512BF16_CFLAGS)

libhal_cpu_amx_la_SOURCES = $(HAL_CPU_AMX_SOURCES)
libhal_cpu_amx_la_CFLAGS = $(HAL_KERNEL_CFLAGS) $(HAL_AMX_CFLAGS)
