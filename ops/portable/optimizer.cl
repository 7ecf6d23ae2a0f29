/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Optimisers, element by element; outputs may lie where inputs do.
 *   adamw: G = g scale; m' = b1 m + (1 - b1) G; v' = b2 v + (1 - b2) G^2;
 *          p' = p (1 - lr decay) - lr / (1 - b1^step) m' / (sqrt(v' / (1 - b2^step)) + eps)
 *   sgd:   G = g scale + decay p; m' = momentum m + G; p' = p - lr (nesterov ? G + momentum m' : m')
 * P, G, M, V: dtypes of p, g, m, v and of what comes of them. A team takes `run` elements of a row of `size`.
 * Reference: hal_op_reference_adamw, _sgd. After rows.cl.
 */

/* Team t of `teams` has elements [begin, end) of row r. */
#define TEAM_SPAN(t, size, run) \
    const long pieces = ((size) + (run) - 1) / (run), r = t / pieces, begin = t % pieces * (run); \
    const long end = begin + (run) < (size) ? begin + (run) : (size)

/* 1 - beta^step by ln beta = high + low. The difference from 1 may be small, so the power is never rounded. */
HAL_FUNCTION float power_gap(float step, float high, float low) {
    const float x = step * high, rest = fma(step, high, -x) + step * low;
    return -LANE_0(lanes_expm1(EACH(x)) + lanes_exp(EACH(x)) * EACH(rest));
}

typedef struct { float b1, c1, b2, c2, eps, decay, log_b1, log_b1_low, log_b2, log_b2_low; } adamw_factors;

/* Operands of the grid: p, g, m, v, p', m', v'. dtypes: of lr, step and scale, 2 bits each. */
ROW_KERNEL adamw(HAL_TENSOR(p), HAL_TENSOR(g), HAL_TENSOR(m), HAL_TENSOR(v), HAL_TENSOR(lr), HAL_TENSOR(step),
    HAL_TENSOR(scale), HAL_TENSOR(p2), HAL_TENSOR(m2), HAL_TENSOR(v2), hal_grid grid, long size, long run, long teams,
    long grain, int dtypes, adamw_factors f)
{
    const float lr = load_narrow(dtypes & 3, AT(lr), 0), step = load_narrow(dtypes >> 2 & 3, AT(step), 0);
    const lanes scale = EACH(load_narrow(dtypes >> 4 & 3, AT(scale), 0));
    const lanes rate = EACH(lr / power_gap(step, f.log_b1, f.log_b1_low));
    const lanes root = EACH(1.0f / power_gap(step, f.log_b2, f.log_b2_low)), shrink = EACH(lr * f.decay);
    FOR_ROWS(t, teams, grain) {
        if (t >= teams) break;
        TEAM_SPAN(t, size, run);
        const hal_row p = row_at(&grid, 0, AT(p), r), g = row_at(&grid, 1, AT(g), r), m = row_at(&grid, 2, AT(m), r);
        const hal_row v = row_at(&grid, 3, AT(v), r), p2 = row_at(&grid, 4, AT(p2), r), m2 = row_at(&grid, 5, AT(m2), r);
        const hal_row v2 = row_at(&grid, 6, AT(v2), r);
        FOR_SPAN(i, begin, end) {
            const lanes was = ROW_LOAD(P)(p, i, end, 0.0f), slope = ROW_LOAD(G)(g, i, end, 0.0f) * scale;
            const lanes moment = FMA(EACH(f.b1), ROW_LOAD(M)(m, i, end, 0.0f), EACH(f.c1) * slope);
            const lanes square = FMA(EACH(f.c2) * slope, slope, EACH(f.b2) * ROW_LOAD(V)(v, i, end, 0.0f));
            const lanes move = rate * moment / (sqrt(square * root) + EACH(f.eps));
            ROW_STORE(P)(p2, i, end, was - FMA(shrink, was, move));
            ROW_STORE(M)(m2, i, end, moment);
            ROW_STORE(V)(v2, i, end, square);
        }
    }
}

/* Operands of the grid: p, g, m, p', m'. dtypes: of lr and scale, 2 bits each. */
ROW_KERNEL sgd(HAL_TENSOR(p), HAL_TENSOR(g), HAL_TENSOR(m), HAL_TENSOR(lr), HAL_TENSOR(scale), HAL_TENSOR(p2),
    HAL_TENSOR(m2), hal_grid grid, long size, long run, long teams, long grain, int dtypes, float momentum, float decay,
    int nesterov)
{
    const lanes rate = EACH(load_narrow(dtypes & 3, AT(lr), 0)), scale = EACH(load_narrow(dtypes >> 2 & 3, AT(scale), 0));
    FOR_ROWS(t, teams, grain) {
        if (t >= teams) break;
        TEAM_SPAN(t, size, run);
        const hal_row p = row_at(&grid, 0, AT(p), r), g = row_at(&grid, 1, AT(g), r), m = row_at(&grid, 2, AT(m), r);
        const hal_row p2 = row_at(&grid, 3, AT(p2), r), m2 = row_at(&grid, 4, AT(m2), r);
        FOR_SPAN(i, begin, end) {
            const lanes was = ROW_LOAD(P)(p, i, end, 0.0f);
            const lanes slope = FMA(ROW_LOAD(G)(g, i, end, 0.0f), scale, EACH(decay) * was);
            const lanes moment = FMA(EACH(momentum), ROW_LOAD(M)(m, i, end, 0.0f), slope);
            const lanes move = nesterov ? FMA(EACH(momentum), moment, slope) : moment;
            ROW_STORE(P)(p2, i, end, FMA(-rate, move, was));
            ROW_STORE(M)(m2, i, end, moment);
        }
    }
}
