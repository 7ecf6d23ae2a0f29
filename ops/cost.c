/* SPDX-License-Identifier: Apache-2.0 */
/* Floating point operations and bytes of a node: what the algorithm must do and move, not what a kernel
 * happens to. */
#include <ops/graph_names.h>
#include <ops/shape.h>

hal_op_cost_fn hal_op_cost_bytes, hal_op_cost_moves, hal_op_cost_picks, hal_op_cost_set_rows, hal_op_cost_pointwise,
    hal_op_cost_matmul, hal_op_cost_random, hal_op_cost_attention, hal_op_cost_attention_grad;

#define COST(word)                                                                                           \
    void hal_op_cost_##word(const void *attrs, const hal_shape *in, uint32_t n_in, const hal_shape *out,     \
                            uint32_t n_out, hal_work *work)

static double elements(const hal_shape *shape)
{
    double n = 1;
    for (uint32_t d = 0; d < shape->rank; d++) n *= (double)shape->size[d].base;
    return shape->dtype == HAL_NO_DTYPE ? 0 : n;
}

static double bytes(const hal_shape *shapes, uint32_t n)
{
    double sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        const hal_dtype_info *dtype = hal_dtype_describe(shapes[i].dtype);
        if (dtype) sum += elements(&shapes[i]) * dtype->block_bytes / dtype->block_elements;
    }
    return sum;
}

/* Bound by memory: every byte once, and a few operations an element. */
COST(bytes)
{
    (void)attrs;
    work->bytes = bytes(in, n_in) + bytes(out, n_out);
    work->flops = 0;
    for (uint32_t i = 0; i < n_in; i++)
        if (hal_dtype_is_float(in[i].dtype)) work->flops += elements(&in[i]);
}

/* Nothing is computed. */
COST(moves)
{
    (void)attrs;
    work->bytes = bytes(in, n_in) + bytes(out, n_out);
    work->flops = 0;
}

/* Of the first operand only what becomes the output is read, and of what is picked twice once at least. */
COST(picks)
{
    (void)attrs;
    const double whole = bytes(in, 1), picked = bytes(out, n_out);
    work->bytes = (whole < picked ? whole : picked) + picked + bytes(in + 1, n_in - 1);
    work->flops = 0;
}

/* What it takes in place: the rows, the indices, and the rows again where they go. */
COST(set_rows)
{
    (void)attrs, (void)n_in, (void)out, (void)n_out;
    work->bytes = 2 * bytes(in + 1, 1) + bytes(in + 2, 1);
    work->flops = 0;
}

COST(pointwise)
{
    work->bytes = bytes(in, n_in) + bytes(out, n_out);
    work->flops = elements(&out[0]) * ((const hal_pointwise_attrs *)attrs)->expr.n_steps;
}

COST(matmul)
{
    const hal_matmul_attrs *a = attrs;
    double k = (double)in[0].size[in[0].rank - (a->transpose_a ? 2 : 1)].base;
    work->bytes = bytes(in, n_in) + bytes(out, n_out);
    work->flops = elements(&out[0]) * (2 * k + a->expr.n_steps);
}

/* Ten rounds of Philox make about 100 integer operations for 4 words. */
COST(random)
{
    (void)attrs;
    work->bytes = bytes(in, n_in) + bytes(out, n_out);
    work->flops = 25 * elements(&out[0]);
}

/* Products over pairs of query and key; a causal mask leaves the lower triangle. */
static double pairs(const hal_shape *q, const hal_shape *k, bool causal)
{
    double t = (double)q->size[2].base, s = (double)k->size[2].base;
    double each = causal && s >= t ? t * (s - t) + t * (t + 1) / 2 : t * s;
    return (double)q->size[0].base * (double)q->size[1].base * each;
}

COST(attention)
{
    double d = (double)in[0].size[3].base, e = (double)in[2].size[3].base;
    work->bytes = bytes(in, n_in) + bytes(out, n_out);
    work->flops = pairs(&in[0], &in[1], ((const hal_attention_attrs *)attrs)->causal) * (2 * d + 2 * e + 4);
}

/* q k, dy v, p dy, ds k and ds q. */
COST(attention_grad)
{
    double d = (double)in[1].size[3].base, e = (double)in[3].size[3].base;
    work->bytes = bytes(in, n_in) + bytes(out, n_out);
    work->flops =
        pairs(&in[1], &in[2], ((const hal_attention_grad_attrs *)attrs)->causal) * (6 * d + 4 * e + 8);
}

/* Puts the values of symbols in; false when a size is negative or needs a symbol that is not given. */
static bool resolve(const hal_shape *from, uint32_t n, const int64_t *symbols, hal_shape *to)
{
    for (uint32_t i = 0; i < n; i++) {
        to[i] = from[i];
        for (uint32_t d = 0; d < from[i].rank; d++) {
            if (from[i].size[d].symbol >= 0 && !symbols) return false;
            to[i].size[d] = hal_dim_constant(hal_dim_value(from[i].size[d], symbols));
            if (to[i].size[d].base < 0) return false;
        }
    }
    return true;
}

hal_status hal_op_work(uint32_t number, const void *attrs, const hal_shape *in, uint32_t n_in,
                       const hal_shape *out, uint32_t n_out, const int64_t *symbols, hal_work *work)
{
    const hal_op_row *row = hal_op_row_get(number);
    if (!row) return HAL_FAIL(NOT_FOUND, "hal_op_work: operator %u is not in the table", number);
    hal_shape inputs[16], outputs[16];
    if (n_in > 16 || n_out > 16 || !resolve(in, n_in, symbols, inputs) ||
        !resolve(out, n_out, symbols, outputs))
        return HAL_FAIL(INVALID_ARGUMENT,
                        "%s: work needs a value for each symbol, and sizes that are not negative",
                        row->info.name);
    hal_work result = {0, 0};
    hal_attrs_storage defaults;
    if (!attrs) hal_attrs_default(&row->info, &defaults);
    row->cost(attrs ? attrs : &defaults, inputs, n_in, outputs, n_out, &result);
    *work = result;
    return HAL_OK;
}
