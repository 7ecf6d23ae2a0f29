# SPDX-License-Identifier: Apache-2.0

dist_man_MANS += \
	docs/man/hal-run.1 \
	docs/man/hal-bench.1 \
	docs/man/hal-info.1 \
	docs/man/hal-matrix.1 \
	docs/man/hal.7

# the pages, pictures and results; a directory is taken whole
EXTRA_DIST += $(HAL_DOCS)

HAL_DOCS = \
	docs/adding-a-backend.md \
	docs/adding-an-operator.md \
	docs/atlas.svg \
	docs/concepts.md \
	docs/conformance.md \
	docs/cuda.md \
	docs/decisions \
	docs/discovery.md \
	docs/discovery.py \
	docs/emulated-cuda.md \
	docs/gpu.md \
	docs/hgx.svg \
	docs/loss.svg \
	docs/numerics.md \
	docs/opencl.md \
	docs/operators.md \
	docs/operators.py \
	docs/performance.md \
	docs/reliability.md \
	docs/results
