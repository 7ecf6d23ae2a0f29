/* SPDX-License-Identifier: Apache-2.0 */
/* Which operands may be opaque, and which the cpu would like to be. */
#include <ops/cpu/pack.h>

#include "device.h"

/* Most elements a dimension may have; a size that falls with its symbol is largest at the least value. */
static int64_t largest(const hal_description *d, hal_dim size) {
    if (size.symbol < 0) return size.base;
    const hal_description_symbol *range = &hal_description_symbols(d)[size.symbol];
    return size.base + size.factor * (size.factor < 0 ? range->min : range->max);
}

/* Bytes of a matrix in a layout; false when it has none. */
static bool layout_bytes(const hal_cpu_state *state, const hal_description *d, const hal_description_tensor *t,
    int64_t layout, uint64_t *bytes) {
    hal_gemm_dtype dtype;
    int64_t n;
    if (layout != HAL_CPU_LAYOUT_KN && layout != HAL_CPU_LAYOUT_NK) return false;
    if (t->rank != 2 || !hal_cpu_gemm_dtype(t->dtype, &dtype)) return false;
    uint32_t k = hal_cpu_layout_k((uint32_t)layout);
    if (!hal_gemm_panel_bytes(hal_gemm_panel_kernel(state->features, dtype), largest(d, t->size[k]),
        largest(d, t->size[1 - k]), &n)) return false;
    *bytes = (uint64_t)n;
    return true;
}

/* The kernel that multiplies many rows of a by b must be the one b is packed for: not so where a is wider than b. */
static bool product_reads(const hal_cpu_state *state, const hal_description *d, const hal_description_op *op) {
    const hal_description_tensor *a = hal_description_operand(d, op, 0), *b = hal_description_operand(d, op, 1);
    hal_gemm_problem many = {.m = INT64_MAX, .n = 1, .k = 1};
    if (!hal_cpu_gemm_dtype(a->dtype, &many.a.dtype) || !hal_cpu_gemm_dtype(b->dtype, &many.b.dtype)) return false;
    return hal_gemm_kernel_choose(state->features, &many) == hal_gemm_panel_kernel(state->features, many.b.dtype);
}

static int64_t wanted_layout(const hal_description *d, const hal_description_op *op) {
    const hal_matmul_attrs *attrs = hal_description_attrs(d, op);
    return attrs->transpose_b ? HAL_CPU_LAYOUT_NK : HAL_CPU_LAYOUT_KN;
}

static const char *check_opaque(const hal_cpu_state *state, const hal_description *d, const hal_description_op *op,
    uint32_t operand, const hal_description_tensor *t) {
    uint64_t bytes;
    bool product = op->number == HAL_OP_MATMUL && operand == 1;
    bool packed = op->number == HAL_OP_PACK && operand == 1, unpacked = op->number == HAL_OP_UNPACK && operand == 0;
    if (!product && !packed && !unpacked) return "this operand is read strided only";
    if (packed && ((const hal_pack_attrs *)hal_description_attrs(d, op))->layout != t->layout_id)
        return "pack writes another layout than its output has";
    if (!layout_bytes(state, d, t, t->layout_id, &bytes)) return "layouts 1 and 2 are for matrices of f32, f16 and bf16";
    if (t->layout_bytes < bytes) return "the layout needs more bytes than the tensor has";
    if (product && (wanted_layout(d, op) != t->layout_id || !product_reads(state, d, op)))
        return "the product reads another layout";
    return NULL;
}

const char *hal_cpu_layout_check(const hal_cpu_state *state, const hal_description *d, const hal_description_op *op,
    uint32_t operand) {
    const hal_description_tensor *t = hal_description_operand(d, op, operand);
    if (t->layout_kind != 0) return check_opaque(state, d, op, operand, t);
    bool opaque = (op->number == HAL_OP_PACK && operand == 1) || (op->number == HAL_OP_UNPACK && operand == 0);
    return opaque ? "this operand is opaque, so that only a plan can run the op" : NULL;
}

/* Not where each element would be widened: more memory than the time is worth. Not a transposed matrix: few rows by it read
 * its columns in place, which panels make slower (docs/performance.md), and sessions of few and of many rows have to
 * answer alike to share it. */
static bool worth_packing(const hal_cpu_state *state, const hal_description *d, const hal_description_op *op) {
    hal_gemm_dtype dtype;
    return op->number == HAL_OP_MATMUL && wanted_layout(d, op) == HAL_CPU_LAYOUT_KN && product_reads(state, d, op) &&
        hal_cpu_gemm_dtype(hal_description_operand(d, op, 1)->dtype, &dtype) &&
        hal_gemm_panel_is_narrow(hal_gemm_panel_kernel(state->features, dtype), dtype);
}

hal_status hal_cpu_layout(void *opaque, const hal_description *program, uint32_t index, uint32_t operand,
    hal_layout_answer *answer) {
    const hal_cpu_state *state = ((const hal_cpu_device *)opaque)->state;
    const hal_description_op *op = &hal_description_ops(program)[index];
    const hal_description_tensor *t = hal_description_operand(program, op, operand);
    hal_layout_answer a = {0};
    int64_t id = 0;
    if (operand == 1 && op->number == HAL_OP_PACK)
        id = ((const hal_pack_attrs *)hal_description_attrs(program, op))->layout;
    else if (operand == 1 && worth_packing(state, program, op)) id = wanted_layout(program, op);
    if (id && layout_bytes(state, program, t, id, &a.bytes)) a.id = (uint32_t)id;
    *answer = a;
    return HAL_OK;
}
