# SPDX-License-Identifier: Apache-2.0
# The operator table, graph, gradient, passes and the fp64 reference; part of libhal.
# hal/ops.h includes the table, so it is installed beside the headers.

halinclude_HEADERS += ops/ops.def ops/expr.def

HAL_OPS_SOURCES = \
	ops/attrs.c \
	ops/builder.c \
	ops/builder.h \
	ops/cases.c \
	ops/cases.h \
	ops/cases_arithmetic.c \
	ops/cases_model.c \
	ops/cases_movement.c \
	ops/constructors.c \
	ops/cost.c \
	ops/decompose_attention.c \
	ops/decompose_collective.c \
	ops/decompose_loss.c \
	ops/decompose_model.c \
	ops/decompose_norm.c \
	ops/element.c \
	ops/expr.c \
	ops/expr.h \
	ops/expr_text.c \
	ops/fuse_expr.c \
	ops/fuse_expr.h \
	ops/gradient.c \
	ops/gradient_arithmetic.c \
	ops/gradient_expr.c \
	ops/gradient_expr.h \
	ops/gradient_index.c \
	ops/gradient_model.c \
	ops/gradient_movement.c \
	ops/graph.c \
	ops/graph_copy.c \
	ops/graph_copy.h \
	ops/graph_internal.h \
	ops/graph_names.c \
	ops/graph_names.h \
	ops/graph_optimiser.c \
	ops/graph_parse.c \
	ops/graph_text.c \
	ops/model_cases.c \
	ops/model_shapes.def \
	ops/pass_decompose.c \
	ops/pass_fuse.c \
	ops/pass_simplify.c \
	ops/reference.c \
	ops/reference/array.h \
	ops/reference/attention.c \
	ops/reference/collective.c \
	ops/reference/index.c \
	ops/reference/loss.c \
	ops/reference/matmul.c \
	ops/reference/movement.c \
	ops/reference/norm.c \
	ops/reference/optimiser.c \
	ops/reference/order.c \
	ops/reference/pointwise.c \
	ops/reference/random.c \
	ops/reference/reduce.c \
	ops/reference/sample.c \
	ops/reference/softmax.c \
	ops/reference/unit.c \
	ops/row.h \
	ops/shape.c \
	ops/shape.h \
	ops/shape_arithmetic.c \
	ops/shape_collective.c \
	ops/shape_movement.c \
	ops/shape_transformer.c \
	ops/table.c \
	ops/text.c \
	ops/text.h \
	ops/tolerance.def
