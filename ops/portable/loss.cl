/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cross entropy of rows of v logits; a row counts when its target lies in [0, v).
 *   loss_rows   lse = m + ln sum e^(x - m); lse - x[target] and 1 of rows that count, else two zeros, to `parts`
 *   loss_mean   the sum of the first over that of the second; one team
 *   loss_count  how many rows count, to counted[0]; one team
 *   loss_grad   dx = dloss / counted (e^(x - lse) - [i == target]), 0 in rows that do not count; dx may lie where x does
 * X: logits and dlogits; the loss and lse are f32. parts: the first numbers of all rows, then the second.
 * Reference: hal_op_reference_cross_entropy, _cross_entropy_grad. After rows.cl.
 */

/* Operands of the grid: x, targets, lse. */
HAL_KERNEL void loss_rows(HAL_TENSOR(x), HAL_TENSOR(targets), HAL_TENSOR(lse), HAL_TENSOR(parts), hal_grid grid, long rows,
    long size, long grain, int index_bytes)
{
    TEAM_MEMORY(part);
    FOR_ROWS(r, rows, grain) {
        const hal_row logits = row_at(&grid, 0, AT(x), r);
        ROW_ALIGN(X, logits, shift);
        const long n = TEAM_LENGTH(r, rows, size + shift);
        const hal_row x = row_move(logits, shift);
        const float m = HAL_PASTE(row_max_, X)(x, n, part);
        ROW_SUM(sum, i, n, last + lanes_exp_down(ROW_LOAD(X)(x, i, n, -INFINITY) - EACH(m)))
        const float lse = m + log(team_sum(sum, part));
        if (TEAM_HEAD(r, rows)) {
            const long target = load_index(index_bytes, AT(targets), row_at(&grid, 1, 0, r).at);
            const int counts = target >= 0 && target < size;
            store_F32(AT(lse), row_at(&grid, 2, 0, r).at, lse);
            store_F32(AT(parts), r, counts ? lse - LOAD(X)(AT(x), logits.at + target * logits.step) : 0.0f);
            store_F32(AT(parts), rows + r, counts ? 1.0f : 0.0f);
        }
    }
}

HAL_KERNEL void loss_mean(HAL_TENSOR(parts), HAL_TENSOR(loss), long rows)
{
    TEAM_MEMORY(part);
    const hal_row losses = row_of(AT(parts), 0, 1), counts = row_of(AT(parts), rows, 1);
    ROW_SUM(sum, i, rows, last + row_load_F32(losses, i, rows, 0.0f))
    ROW_SUM(counted, i, rows, last + row_load_F32(counts, i, rows, 0.0f))
    const float total = team_sum(sum, part), n = team_sum(counted, part);
    if (get_local_id(0) == 0) store_F32(AT(loss), 0, n > 0.0f ? total / n : 0.0f);
}

/* Operand 1 of the grid: targets. */
HAL_KERNEL void loss_count(HAL_TENSOR(targets), HAL_TENSOR(counted), hal_grid grid, long rows, long size, long grain,
    int index_bytes)
{
    TEAM_MEMORY(part);
    float n = 0.0f;
    for (long r = (long)get_local_id(0); r < rows; r += (long)get_local_size(0)) {
        const long target = load_index(index_bytes, AT(targets), row_at(&grid, 1, 0, r).at);
        n += target >= 0 && target < size ? 1.0f : 0.0f;
    }
#ifndef HAL_WIDE
    n = team_total(n, part);
#endif
    if (get_local_id(0) == 0) store_F32(AT(counted), 0, n);
}

/* Operands of the grid: x, targets, lse, dx. */
HAL_KERNEL void loss_grad(HAL_TENSOR(dloss), HAL_TENSOR(x), HAL_TENSOR(targets), HAL_TENSOR(lse), HAL_TENSOR(dx),
    HAL_TENSOR(counted), hal_grid grid, long rows, long size, long grain, int index_bytes, int dloss_dtype)
{
    const lanes factor = EACH(load_narrow(dloss_dtype, AT(dloss), 0) / load_F32(AT(counted), 0));
    FOR_ROWS(r, rows, grain) {
        const long stat = r < rows ? r : 0, target = load_index(index_bytes, AT(targets), row_at(&grid, 1, 0, stat).at);
        const hal_row logits = row_at(&grid, 0, AT(x), r);
        ROW_ALIGN(X, logits, shift);
        const long n = TEAM_LENGTH(r, rows, size + shift);
        const hal_row x = row_move(logits, shift), dx = row_move(row_at(&grid, 3, AT(dx), r), shift);
        const lanes lse = EACH(load_F32(AT(lse), row_at(&grid, 2, 0, stat).at));
        const int counts = target >= 0 && target < size;
        FOR_LANES(i, n) {
            const lanes away = ROW_LOAD(X)(x, i, n, 0.0f) - lse;
            lanes p = lanes_exp(away);
            if (counts && LANES_HAVE(i, target + shift)) p = lanes_put(p, lanes_expm1(away), i, target + shift);
            ROW_STORE(X)(dx, i, n, counts ? p * factor : NO_LANES);
        }
    }
}
