/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Normalisation of rows of d. h = (x - mean) rstd; centred (layer norm): rstd = 1 / sqrt(var + eps); else (rms norm):
 * mean = 0, rstd = 1 / sqrt(mean x^2 + eps).
 *   norm_rows  y = h weight + bias, with mean and rstd for each row
 *   norm_grad  g = dy weight: dx = rstd (g - mean_d(g) - h mean_d(g h)), without mean_d(g) unless centred
 *   dweight = sum dy h and dbias = sum dy over the rows: norm_parts (HAL_WIDE: norm_grad itself, which has the rows in its
 *   cache) adds up blocks of `block` rows in order, norm_total the blocks in order. A block's 2 d floats in scratch memory:
 *   dweight, dbias
 * X: x, y, dy, dx; W: weight, dweight, dbias; B: bias; mean and rstd are f32.
 * Reference: hal_op_reference_layer_norm, _layer_norm_grad, _rms_norm, _rms_norm_grad. After rows.cl.
 */

HAL_FUNCTION float row_mean(hal_row x, long n, float d, team_memory part) {
    ROW_SUM(sum, i, n, last + ROW_LOAD(X)(x, i, n, 0.0f))
    return team_sum(sum, part) / d;
}

HAL_FUNCTION lanes plus_square(lanes away, lanes sum) { return FMA(away, away, sum); }

/* 1 / sqrt(sum (x - mean)^2 / d + eps) of a row. */
HAL_FUNCTION float row_rstd(hal_row x, long n, float mean, float d, float eps, team_memory part) {
    ROW_SUM(square, i, n, plus_square(ROW_LOAD(X)(x, i, n, mean) - EACH(mean), last))
    return 1.0f / sqrt(team_sum(square, part) / d + eps);
}

/* Operands of the grid: x, y, rstd, mean. mean is rstd, and bias weight, where they are absent. */
HAL_KERNEL void norm_rows(HAL_TENSOR(x), HAL_TENSOR(weight), HAL_TENSOR(bias), HAL_TENSOR(y), HAL_TENSOR(mean), HAL_TENSOR(rstd),
    hal_grid grid, long rows, long size, long grain, long weight_step, long bias_step, int centred, int biased, float eps)
{
    TEAM_MEMORY(part);
    const hal_row weight = row_of(AT(weight), 0, weight_step), bias = row_of(AT(bias), 0, bias_step);
    FOR_ROWS(r, rows, grain) {
        const long n = TEAM_LENGTH(r, rows, size);
        const hal_row x = row_at(&grid, 0, AT(x), r), y = row_at(&grid, 1, AT(y), r);
        const float mean = centred ? row_mean(x, n, (float)size, part) : 0.0f;
        const float rstd = row_rstd(x, n, mean, (float)size, eps, part);
        if (biased) FOR_LANES(i, n) {
            const lanes h = (ROW_LOAD(X)(x, i, n, 0.0f) - EACH(mean)) * EACH(rstd);
            ROW_STORE(X)(y, i, n, FMA(h, ROW_LOAD(W)(weight, i, n, 0.0f), ROW_LOAD(B)(bias, i, n, 0.0f)));
        } else FOR_LANES(i, n) {
            const lanes h = (ROW_LOAD(X)(x, i, n, 0.0f) - EACH(mean)) * EACH(rstd);
            ROW_STORE(X)(y, i, n, h * ROW_LOAD(W)(weight, i, n, 0.0f));
        }
        if (TEAM_HEAD(r, rows)) {
            store_F32(AT(rstd), row_at(&grid, 2, 0, r).at, rstd);
            if (centred) store_F32(AT(mean), row_at(&grid, 3, 0, r).at, mean);
        }
    }
}

/* sum g, and sum g (x - mean). */
HAL_FUNCTION float slope_sum(hal_row dy, hal_row weight, long n, team_memory part) {
    ROW_SUM(sum, i, n, FMA(ROW_LOAD(X)(dy, i, n, 0.0f), ROW_LOAD(W)(weight, i, n, 0.0f), last))
    return team_sum(sum, part);
}
HAL_FUNCTION float slope_along(hal_row dy, hal_row weight, hal_row x, long n, float mean, team_memory part) {
    ROW_SUM(sum, i, n, FMA(ROW_LOAD(X)(dy, i, n, 0.0f) * ROW_LOAD(W)(weight, i, n, 0.0f),
        ROW_LOAD(X)(x, i, n, mean) - EACH(mean), last))
    return team_sum(sum, part);
}

/* Operands of the grid: dy, x, dx, rstd, mean. */
HAL_KERNEL void norm_grad(HAL_TENSOR(dy), HAL_TENSOR(x), HAL_TENSOR(weight), HAL_TENSOR(mean), HAL_TENSOR(rstd), HAL_TENSOR(dx),
    HAL_TENSOR(parts), hal_grid grid, long rows, long size, long grain, long weight_step, int centred)
{
    TEAM_MEMORY(part);
    const hal_row weight = row_of(AT(weight), 0, weight_step);
#ifdef HAL_WIDE
    HAL_GLOBAL char *const own = AT(parts) + (long)get_global_id(0) * size * 2 * (long)sizeof(float);
    const hal_row dweight = row_of(own, 0, 1), dbias = row_of(own + size * (long)sizeof(float), 0, 1);
    FOR_LANES(i, size) {
        row_store_F32(dweight, i, size, NO_LANES);
        row_store_F32(dbias, i, size, NO_LANES);
    }
#endif
    FOR_ROWS(r, rows, grain) {
        const long n = TEAM_LENGTH(r, rows, size), stat = r < rows ? r : 0;
        const hal_row dy = row_at(&grid, 0, AT(dy), r), x = row_at(&grid, 1, AT(x), r), dx = row_at(&grid, 2, AT(dx), r);
        const float rstd = load_F32(AT(rstd), row_at(&grid, 3, 0, stat).at);
        const float mean = centred ? load_F32(AT(mean), row_at(&grid, 4, 0, stat).at) : 0.0f;
        const lanes mean_g = EACH(centred ? slope_sum(dy, weight, n, part) / (float)size : 0.0f);
        const lanes mean_gh = EACH(slope_along(dy, weight, x, n, mean, part) * rstd / (float)size);
        FOR_LANES(i, n) {
            const lanes h = (ROW_LOAD(X)(x, i, n, mean) - EACH(mean)) * EACH(rstd), g = ROW_LOAD(X)(dy, i, n, 0.0f);
            const lanes away = FMA(g, ROW_LOAD(W)(weight, i, n, 0.0f), -mean_g);
#ifdef HAL_WIDE
            row_store_F32(dweight, i, n, FMA(g, h, row_load_F32(dweight, i, n, 0.0f)));
            row_store_F32(dbias, i, n, g + row_load_F32(dbias, i, n, 0.0f));
#endif
            ROW_STORE(X)(dx, i, n, EACH(rstd) * FMA(-h, mean_gh, away));
        }
    }
}

#ifndef HAL_WIDE
/* A work-item adds up columns i and on of a block of rows. */
HAL_KERNEL void norm_parts(HAL_TENSOR(dy), HAL_TENSOR(x), HAL_TENSOR(mean), HAL_TENSOR(rstd), HAL_TENSOR(parts), hal_grid grid,
    long rows, long size, long block, int centred)
{
    const long i = (long)get_global_id(0) * LANES, b = (long)get_group_id(1);
    const long end = (b + 1) * block < rows ? (b + 1) * block : rows;
    hal_row to = row_of(AT(parts), 0, 1);
    lanes dweight = NO_LANES, dbias = NO_LANES;
    if (i >= size) return;
    for (long r = b * block; r < end; r++) {
        const lanes g = ROW_LOAD(X)(row_at(&grid, 0, AT(dy), r), i, size, 0.0f);
        const float mean = centred ? load_F32(AT(mean), row_at(&grid, 4, 0, r).at) : 0.0f;
        const lanes away = ROW_LOAD(X)(row_at(&grid, 1, AT(x), r), i, size, mean) - EACH(mean);
        dweight = FMA(g, away * EACH(load_F32(AT(rstd), row_at(&grid, 3, 0, r).at)), dweight);
        dbias = dbias + g;
    }
    to.at = b * 2 * size;
    row_store_F32(to, i, size, dweight);
    to.at += size;
    row_store_F32(to, i, size, dbias);
}
#endif

/* `run` columns a work-item. dbias is dweight where it is absent. */
HAL_KERNEL void norm_total(HAL_TENSOR(parts), HAL_TENSOR(dweight), HAL_TENSOR(dbias), long blocks, long size, long run,
    long dweight_step, long dbias_step, int centred)
{
    const long first = (long)get_global_id(0) * run, end = first + run < size ? first + run : size;
    const hal_row parts = row_of(AT(parts), 0, 1), dweight = row_of(AT(dweight), 0, dweight_step);
    const hal_row dbias = row_of(AT(dbias), 0, dbias_step);
    for (long i = first; i < end; i += LANES) {
        lanes w = NO_LANES, b = NO_LANES;
        for (long k = 0; k < blocks; k++) {
            hal_row from = parts;
            from.at = k * 2 * size;
            w = w + row_load_F32(from, i, size, 0.0f);
            from.at += size;
            if (centred) b = b + row_load_F32(from, i, size, 0.0f);
        }
        ROW_STORE(W)(dweight, i, end, w);
        if (centred) ROW_STORE(W)(dbias, i, end, b);
    }
}
