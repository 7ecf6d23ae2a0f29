/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rotary embedding: pairs (a, b) of each row of x [..., t, d] turn by angle = position base^(-2i/d), i < d / 2:
 * (a cos - b sin, b cos + a sin). A pair is (x[i], x[i + d/2]), or (x[2i], x[2i+1]) when interleaved.
 * A team has a stretch of positions (one, unless HAL_WIDE) and a block of what leads t, so that sines are computed once for
 * a block, and a work-item that is a loop reads memory in long runs.
 * X: x and y. Reference: hal_op_reference_rotary. After rows.cl.
 */
#ifdef HAL_WIDE
#define KEPT 128                         /* lanes of angles that are kept: `steps` of each position of a stretch */
#define SLOT(at, k) (((at) - from) * steps + (k))
#else
#define KEPT 1
#define SLOT(at, k) (k)
#endif

/* base^(-2i/d) = 2^(i k), k = high + low: its exponent is exact before it is rounded to the fraction of a power. */
HAL_FUNCTION lanes frequency(lanes i, float high, float low) {
    const lanes x = i * EACH(high), rest = fma(i, EACH(high), -x) + i * EACH(low), n = rint(x);
    const lanes high_cut = PICK(n > EACH(250.0f), EACH(250.0f), n);
    const lanes bounded = PICK(n < EACH(-250.0f), EACH(-250.0f), high_cut);
    return lanes_scale(EACH(1.0f) + lanes_exp_series((x - n + rest) * EACH(0.693147181f)), bounded);
}

/* Quarter turns are taken away in three parts of pi / 2; what is left is a power series' matter. */
HAL_FUNCTION void turn_of(lanes angle, lanes *cosine, lanes *sine) {
    const lanes n = rint(angle * EACH(0.636619772f));
    lanes r = fma(-n, EACH(1.57079637f), angle);
    r = fma(-n, EACH(-4.37113883e-8f), r);
    r = fma(-n, EACH(-1.71512489e-15f), r);
    r = PICK(r > EACH(1.0f), EACH(1.0f), PICK(r < EACH(-1.0f), EACH(-1.0f), r));
    const lanes z = r * r;
    lanes s = FMA(z, EACH(2.75573192e-6f), EACH(-1.98412698e-4f)), c = FMA(z, EACH(2.48015873e-5f), EACH(-1.38888889e-3f));
    s = FMA(FMA(FMA(s, z, EACH(8.33333333e-3f)), z, EACH(-1.66666667e-1f)), z * r, r);
    c = FMA(FMA(FMA(c, z, EACH(4.16666667e-2f)), z, EACH(-0.5f)), z, EACH(1.0f));
    /* n mod 4: 0 (c, s), 1 (-s, c), 2 (-c, -s), 3 (s, -c) */
    const lanes quarter = n - EACH(4.0f) * floor(n * EACH(0.25f)), half_turn = EACH(1.5f);
    const lanes_int odd = quarter == EACH(1.0f) || quarter == EACH(3.0f);
    const lanes x = PICK(odd, -s, c), y = PICK(odd, c, s);
    *cosine = PICK(quarter > half_turn, -x, x);
    *sine = PICK(quarter > half_turn, -y, y);
}

/* a and b of pairs i and on of a row of 2 `half` elements. */
HAL_FUNCTION void pair_load(hal_row x, long i, long half_row, int interleaved, lanes *a, lanes *b) {
    hal_row second = x;
    if (interleaved) {
        const lanes v = ROW_LOAD(X)(x, 2 * i, 2 * half_row, 0.0f), w = ROW_LOAD(X)(x, 2 * i + LANES, 2 * half_row, 0.0f);
        *a = lanes_even(v, w);
        *b = lanes_odd(v, w);
        return;
    }
    second.at += half_row * x.step;
    *a = ROW_LOAD(X)(x, i, half_row, 0.0f);
    *b = ROW_LOAD(X)(second, i, half_row, 0.0f);
}

HAL_FUNCTION void pair_store(hal_row y, long i, long half_row, int interleaved, lanes a, lanes b) {
    hal_row second = y;
    if (interleaved) {
        lanes v, w;
        lanes_zip(a, b, &v, &w);
        ROW_STORE(X)(y, 2 * i, 2 * half_row, v);
        ROW_STORE(X)(y, 2 * i + LANES, 2 * half_row, w);
        return;
    }
    second.at += half_row * y.step;
    ROW_STORE(X)(y, i, half_row, a);
    ROW_STORE(X)(second, i, half_row, b);
}

/* Operands of the grid, over what leads t: x, y. Team u has one of the stretches of t, and `block` of the `lead` rows there. */
ROW_KERNEL rotary(HAL_TENSOR(x), HAL_TENSOR(positions), HAL_TENSOR(y), hal_grid grid, long lead, long half_row, long block,
    long t, long stretch, long steps, long teams, long grain, long x_stride, long y_stride, long position_step, int index_bytes,
    int interleaved, int inverse, float high, float low)
{
    const long stretches = (t + stretch - 1) / stretch;
    FOR_ROWS(u, teams, grain) {
        if (u >= teams) break;
        const long from = u % stretches * stretch, to = from + stretch < t ? from + stretch : t;
        const long first = u / stretches * block, end = first + block < lead ? first + block : lead;
        for (long i = TEAM_FIRST; i < half_row; i += steps * TEAM_STEP) {
            lanes cosine[KEPT], sine[KEPT], a, b;
            for (int k = 0; k < KEPT && k < steps; k++) {
                const lanes f = frequency(LANE_INDEX(i + k * TEAM_STEP), high, low);
                for (long at = from; at < to; at++) {
                    const float turned = (float)load_index(index_bytes, AT(positions), at * position_step);
                    turn_of(EACH(inverse ? -turned : turned) * f, &cosine[SLOT(at, k)], &sine[SLOT(at, k)]);
                }
            }
            for (long r = first; r < end; r++) {
                hal_row x = row_at(&grid, 0, AT(x), r), y = row_at(&grid, 1, AT(y), r);
                x.at += from * x_stride;
                y.at += from * y_stride;
                for (long at = from; at < to; at++, x.at += x_stride, y.at += y_stride)
                    for (int k = 0; k < KEPT && k < steps && i + k * TEAM_STEP < half_row; k++) {
                        const lanes c = cosine[SLOT(at, k)], s = sine[SLOT(at, k)];
                        pair_load(x, i + k * TEAM_STEP, half_row, interleaved, &a, &b);
                        pair_store(y, i + k * TEAM_STEP, half_row, interleaved, FMA(a, c, -b * s), FMA(b, c, a * s));
                    }
            }
        }
    }
}
