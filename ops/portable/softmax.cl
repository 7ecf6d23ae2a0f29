/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of n, m = max x, s = sum e^(x - m):
 *   softmax y = e^(x - m) / s;  log_softmax y = x - m - ln s;
 *   softmax_grad dx = y (dy - sum dy y);  log_softmax_grad dx = dy - e^y sum dy.
 * X: the dtype of every operand. KEEP: powers are written to y at once and scaled there, for an f32 y that stays in a
 * cache; without it they are computed twice.
 * Reference: hal_op_reference_softmax, _log_softmax, _softmax_grad, _log_softmax_grad. After rows.cl.
 */
#ifdef KEEP
HAL_FUNCTION lanes power_kept(hal_row x, hal_row y, long i, long n, lanes m) {
    const lanes e = lanes_exp_down(ROW_LOAD(X)(x, i, n, -INFINITY) - m);
    ROW_STORE(X)(y, i, n, e);
    return e;
}
#define POWER(x, y, i, n, m) power_kept(x, y, i, n, m)
#else
#define POWER(x, y, i, n, m) lanes_exp_down(ROW_LOAD(X)(x, i, n, -INFINITY) - m)
#endif

HAL_KERNEL void softmax(HAL_TENSOR(x), HAL_TENSOR(y), hal_grid grid, long rows, long size, long grain)
{
    TEAM_MEMORY(part);
    FOR_ROWS(r, rows, grain) {
        const long n = TEAM_LENGTH(r, rows, size);
        const hal_row x = row_at(&grid, 0, AT(x), r), y = row_at(&grid, 1, AT(y), r);
        const lanes m = EACH(HAL_PASTE(row_max_, X)(x, n, part));
        ROW_SUM(sum, i, n, last + POWER(x, y, i, n, m))
        const lanes inverse = EACH(1.0f / team_sum(sum, part));
        FOR_LANES(i, n) {
#ifdef KEEP
            const lanes e = ROW_LOAD(X)(y, i, n, 0.0f);
#else
            const lanes e = lanes_exp_down(ROW_LOAD(X)(x, i, n, 0.0f) - m);
#endif
            ROW_STORE(X)(y, i, n, e * inverse);
        }
    }
}

HAL_KERNEL void log_softmax(HAL_TENSOR(x), HAL_TENSOR(y), hal_grid grid, long rows, long size, long grain)
{
    TEAM_MEMORY(part);
    FOR_ROWS(r, rows, grain) {
        const long n = TEAM_LENGTH(r, rows, size);
        const hal_row x = row_at(&grid, 0, AT(x), r), y = row_at(&grid, 1, AT(y), r);
        const lanes m = EACH(HAL_PASTE(row_max_, X)(x, n, part));
        ROW_SUM(sum, i, n, last + lanes_exp_down(ROW_LOAD(X)(x, i, n, -INFINITY) - m))
        const lanes l = EACH(log(team_sum(sum, part)));
        FOR_LANES(i, n) ROW_STORE(X)(y, i, n, ROW_LOAD(X)(x, i, n, 0.0f) - m - l);
    }
}

HAL_KERNEL void softmax_grad(HAL_TENSOR(dy), HAL_TENSOR(y), HAL_TENSOR(dx), hal_grid grid, long rows, long size, long grain)
{
    TEAM_MEMORY(part);
    FOR_ROWS(r, rows, grain) {
        const long n = TEAM_LENGTH(r, rows, size);
        const hal_row dy = row_at(&grid, 0, AT(dy), r), y = row_at(&grid, 1, AT(y), r), dx = row_at(&grid, 2, AT(dx), r);
        ROW_SUM(sum, i, n, FMA(ROW_LOAD(X)(dy, i, n, 0.0f), ROW_LOAD(X)(y, i, n, 0.0f), last))
        const lanes inner = EACH(team_sum(sum, part));
        FOR_LANES(i, n) ROW_STORE(X)(dx, i, n, ROW_LOAD(X)(y, i, n, 0.0f) * (ROW_LOAD(X)(dy, i, n, 0.0f) - inner));
    }
}

HAL_KERNEL void log_softmax_grad(HAL_TENSOR(dy), HAL_TENSOR(y), HAL_TENSOR(dx), hal_grid grid, long rows, long size, long grain)
{
    TEAM_MEMORY(part);
    FOR_ROWS(r, rows, grain) {
        const long n = TEAM_LENGTH(r, rows, size);
        const hal_row dy = row_at(&grid, 0, AT(dy), r), y = row_at(&grid, 1, AT(y), r), dx = row_at(&grid, 2, AT(dx), r);
        ROW_SUM(sum, i, n, last + ROW_LOAD(X)(dy, i, n, 0.0f))
        const lanes total = EACH(team_sum(sum, part));
        FOR_LANES(i, n) {
            const lanes p = lanes_exp(ROW_LOAD(X)(y, i, n, 0.0f));
            ROW_STORE(X)(dx, i, n, FMA(-p, total, ROW_LOAD(X)(dy, i, n, 0.0f)));
        }
    }
}
