# SPDX-License-Identifier: Apache-2.0
# Kernels in one dialect for OpenCL and CUDA, and their planners: compiled into each backend that uses them.

HAL_PORTABLE_SOURCES = \
	ops/kernel/element.h \
	ops/kernel/strided.c \
	ops/kernel/strided.h \
	ops/portable/attention.c \
	ops/portable/binary.c \
	ops/portable/binary.h \
	ops/portable/call.c \
	ops/portable/cast.c \
	ops/portable/chain.c \
	ops/portable/chain.h \
	ops/portable/chain_order.c \
	ops/portable/epilogue.c \
	ops/portable/expr.c \
	ops/portable/expr.h \
	ops/portable/hash.h \
	ops/portable/index.c \
	ops/portable/loss.c \
	ops/portable/matmul.c \
	ops/portable/move.c \
	ops/portable/norm.c \
	ops/portable/optimizer.c \
	ops/portable/order.c \
	ops/portable/plan.c \
	ops/portable/planners.h \
	ops/portable/pointwise.c \
	ops/portable/portable.h \
	ops/portable/product.c \
	ops/portable/product.h \
	ops/portable/random.c \
	ops/portable/reduce.c \
	ops/portable/rotary.c \
	ops/portable/rows.c \
	ops/portable/rows.h \
	ops/portable/softmax.c \
	ops/portable/source.c \
	ops/portable/space.c \
	ops/portable/space.h \
	ops/portable/support.c \
	ops/portable/texts.h

# the first three are in every program: the others stand on them
HAL_PORTABLE_KERNELS = \
	ops/portable/prelude.cl \
	ops/kernel/functions.h \
	ops/portable/math.cl \
	ops/portable/attention.cl \
	ops/portable/attention_grad.cl \
	ops/portable/cast.cl \
	ops/portable/index.cl \
	ops/portable/loss.cl \
	ops/portable/matmul.cl \
	ops/portable/move.cl \
	ops/portable/norm.cl \
	ops/portable/optimizer.cl \
	ops/portable/order.cl \
	ops/portable/pointwise.cl \
	ops/portable/random.cl \
	ops/portable/reduce.cl \
	ops/portable/rotary.cl \
	ops/portable/rows.cl \
	ops/portable/scan.cl \
	ops/portable/scatter.cl \
	ops/portable/scores.cl \
	ops/portable/softmax.cl \
	ops/portable/step.cl \
	ops/portable/tile.cl \
	ops/cuda/attention_grad_mma.cu \
	ops/cuda/attention_mma.cu \
	ops/cuda/mma.cuh \
	ops/cuda/tiles.cuh

noinst_LTLIBRARIES += libhal_portable.la
libhal_portable_la_SOURCES = $(HAL_PORTABLE_SOURCES)
nodist_libhal_portable_la_SOURCES = ops/portable/texts.c
libhal_portable_la_LIBADD = $(LIBM)

ops/portable/texts.c: $(HAL_PORTABLE_KERNELS) ops/portable/embed.sh
	$(AM_V_GEN)$(MKDIR_P) ops/portable && cd $(top_srcdir) && \
	    sh ops/portable/embed.sh $(HAL_PORTABLE_KERNELS) >$(abs_top_builddir)/$@.new && \
	    mv $(abs_top_builddir)/$@.new $(abs_top_builddir)/$@

# The texts that the operators' cases need: to be compiled as CUDA when hal is built, and by tests.
EXTRA_PROGRAMS += ops/portable/write_texts
ops_portable_write_texts_SOURCES = ops/portable/plan_case.h ops/portable/write_texts.c
ops_portable_write_texts_LDADD = libhal_portable.la libhal.la

EXTRA_DIST += $(HAL_PORTABLE_KERNELS) ops/portable/embed.sh
CLEANFILES += ops/portable/texts.c ops/portable/write_texts
