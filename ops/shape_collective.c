/* SPDX-License-Identifier: Apache-2.0 */
/* Shape rules of the collectives: input r and output r belong to member r. */
#include <ops/shape.h>

hal_op_shape_fn hal_op_shape_all_same, hal_op_shape_all_gather, hal_op_shape_reduce_scatter,
    hal_op_shape_broadcast_from;

#define RULE(word)                                                                                           \
    hal_status hal_op_shape_##word(const void *attrs, const hal_shape *in, uint32_t n_in, hal_shape *out,    \
                                   uint32_t n_out)
#define UNUSED (void)attrs, (void)in, (void)n_in, (void)n_out

static hal_status members_check(const hal_shape *in, uint32_t n_in, uint32_t n_out)
{
    if (n_in != n_out)
        return HAL_FAIL(INVALID_ARGUMENT, "%u inputs and %u outputs; each member has one of each", n_in,
                        n_out);
    for (uint32_t i = 1; i < n_in; i++) HAL_TRY(hal_shape_want_equal(in, i, 0));
    return HAL_OK;
}

RULE(all_same)
{
    UNUSED;
    HAL_TRY(members_check(in, n_in, n_out));
    for (uint32_t i = 0; i < n_out; i++) out[i] = in[0];
    return HAL_OK;
}

RULE(all_gather)
{
    UNUSED;
    HAL_TRY(members_check(in, n_in, n_out));
    HAL_TRY(hal_shape_want_min_rank(in, 0, 1));
    hal_shape all = in[0];
    if (!hal_dim_multiply(in[0].size[0], hal_dim_constant(n_in), &all.size[0]))
        return HAL_FAIL(INVALID_ARGUMENT, "%u times the size of axis 0 overflows 64 bits", n_in);
    for (uint32_t i = 0; i < n_out; i++) out[i] = all;
    return HAL_OK;
}

RULE(reduce_scatter)
{
    UNUSED;
    HAL_TRY(members_check(in, n_in, n_out));
    HAL_TRY(hal_shape_want_min_rank(in, 0, 1));
    hal_shape part = in[0];
    if (!hal_dim_divide(in[0].size[0], n_out, &part.size[0]))
        return HAL_FAIL(INVALID_ARGUMENT, "axis 0 of size %lld does not split over %u members",
                        (long long)in[0].size[0].base, n_out);
    for (uint32_t i = 0; i < n_out; i++) out[i] = part;
    return HAL_OK;
}

RULE(broadcast_from)
{
    UNUSED;
    for (uint32_t i = 0; i < n_out; i++) out[i] = in[0];
    return HAL_OK;
}
