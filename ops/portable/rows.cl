/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What kernels over rows stand on, so that each is written once. A team works on a row:
 *
 *   HAL_WIDE  a work-item is a team of 16, the lanes of a float16, and takes `grain` rows one after the other
 *   else      the work-items of a group along its axis 0 are a team, of a power of two; a group has as many teams as
 *             work-items along its axis 1, one row each. GROUP is the most work-items of a group
 *
 *   TEAM_MEMORY(part);
 *   FOR_ROWS(r, rows, grain) {
 *       const long n = TEAM_LENGTH(r, rows, size);      0 for a team beyond the last row: it meets the same barriers
 *       const hal_row x = row_at(&grid, 0, AT(x), r);
 *       ROW_SUM(sum, i, n, last + ROW_LOAD(X)(x, i, n, 0.0f))
 *       const float total = team_sum(sum, part);
 *       FOR_LANES(i, n) ...
 *   }
 *
 * ROW_LOAD(T)(x, i, n, fill)   elements i and on as lanes; `fill` where the row has ended
 * ROW_STORE(T)(y, i, n, v)     likewise; nothing is written beyond the row
 * lanes                        float16 or float
 *
 * DENSE (with HAL_WIDE only): elements of rows, and of vectors beside them, follow each other in memory.
 * Sums have the order that n, the team's size and the variant give.
 */

/* Sizes that the operands of a kernel have in common, outermost first, and for each operand the strides of these axes and
   the distance of a row's elements, in elements. Mirrors hal_portable_grid. */
typedef struct { int rank, unused; long size[8], stride[7][8], step[7]; } hal_grid;
/* Element i of a row is element at + i * step of p. */
typedef struct { HAL_GLOBAL char *p; long at, step; } hal_row;

HAL_FUNCTION hal_row row_at(const hal_grid *g, int k, HAL_GLOBAL char *p, long r) {
    hal_row row;
    row.p = p;
    row.at = 0;
    row.step = g->step[k];
    for (int d = g->rank - 1; d > 0; d--) {
        row.at += r % g->size[d] * g->stride[k][d];
        r /= g->size[d];
    }
    row.at += r * g->stride[k][0];
    return row;
}

/* Scalars and statistics, whose dtype is a run-time matter: HAL_PORTABLE_NARROW_*. */
HAL_FUNCTION float load_narrow(int dtype, HAL_GLOBAL const char *p, long i) {
    return dtype == 0 ? load_F32(p, i) : dtype == 1 ? load_F16(p, i) : load_BF16(p, i);
}
HAL_FUNCTION void store_narrow(int dtype, HAL_GLOBAL char *p, long i, float v) {
    if (dtype == 0) store_F32(p, i, v);
    else if (dtype == 1) store_F16(p, i, v);
    else store_BF16(p, i, v);
}
/* Indices of 4 or 8 bytes. */
HAL_FUNCTION long load_index(int bytes, HAL_GLOBAL const char *p, long i) {
    return bytes == 8 ? load_I64(p, i) : load_I32(p, i);
}

/* a b + c, rounded once where that is fast. */
#if defined(HAL_CUDA) || defined(FP_FAST_FMAF) || defined(__FMA__) || defined(__aarch64__)
#define FMA(a, b, c) fma(a, b, c)
#else
#define FMA(a, b, c) ((a) * (b) + (c))
#endif

#ifdef HAL_WIDE
/* ---------------------------------------------------------------------------------------- lanes of a vector -- */
#define LANES 16
typedef float16 lanes;
typedef int16 lanes_int;
#define AS_LANES(bits) as_float16(bits)
#define TO_INT(v) convert_int16(v)
#define EACH(v) ((float16)(v))
typedef int team_memory;
#define TEAM_MEMORY(name) const team_memory name = 0
#define FOR_ROWS(r, rows, grain) \
    for (long r = (long)get_global_id(0) * (grain), r##_end = r + (grain) < (rows) ? r + (grain) : (rows); r < r##_end; r++)
#define TEAM_LENGTH(r, rows, size) (size)
#define TEAM_HEAD(r, rows) true
#define TEAM_FIRST 0L
#define TEAM_STEP ((long)LANES)
#define LANE_INDEX(i) ((float16)((float)(i)) + (float16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15))
#define LANE_0(v) ((v).s0)

HAL_FUNCTION float team_sum(lanes v, team_memory part) {
    const float8 a = v.lo + v.hi;
    const float4 b = a.lo + a.hi;
    const float2 c = b.lo + b.hi;
    return c.x + c.y;
}
/* A NaN is passed over. */
HAL_FUNCTION float team_max(lanes v, team_memory part) {
    const float8 a = v.lo > v.hi ? v.lo : v.hi;
    const float4 b = a.lo > a.hi ? a.lo : a.hi;
    const float2 c = b.lo > b.hi ? b.lo : b.hi;
    return c.x > c.y ? c.x : c.y;
}

/* A vector at the address of any element. vload16 and vstore16 promise the same, but are taken apart by some compilers. */
typedef struct __attribute__((packed)) { float16 v; } packed_float16;
typedef struct __attribute__((packed)) { ushort16 v; } packed_ushort16;

HAL_FUNCTION lanes lanes_load_F32(HAL_GLOBAL const char *p, long i) {
    return ((HAL_GLOBAL const packed_float16 *)(HAL_AS(const float, p) + i))->v;
}
HAL_FUNCTION void lanes_store_F32(HAL_GLOBAL char *p, long i, lanes v) {
    ((HAL_GLOBAL packed_float16 *)(HAL_AS(float, p) + i))->v = v;
}
HAL_FUNCTION lanes lanes_load_F16(HAL_GLOBAL const char *p, long i) {
    return vload_half16(0, HAL_AS(const half, p) + i);
}
HAL_FUNCTION void lanes_store_F16(HAL_GLOBAL char *p, long i, lanes v) {
    vstore_half16_rte(v, 0, HAL_AS(half, p) + i);
}
HAL_FUNCTION lanes lanes_load_BF16(HAL_GLOBAL const char *p, long i) {
    const ushort16 bits = ((HAL_GLOBAL const packed_ushort16 *)(HAL_AS(const ushort, p) + i))->v;
    return as_float16(convert_uint16(bits) << 16);
}
HAL_FUNCTION void lanes_store_BF16(HAL_GLOBAL char *p, long i, lanes v) {
    const uint16 bits = as_uint16(v), rounded = (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
    ((HAL_GLOBAL packed_ushort16 *)(HAL_AS(ushort, p) + i))->v = convert_ushort16(v != v ? bits >> 16 | 0x40u : rounded);
}

#ifdef DENSE
#define ROW_FULL(i, n) ((i) + LANES <= (n))
#define ROW_STEP(row) 1
#else
#define ROW_FULL(i, n) false
#define ROW_STEP(row) (row).step
#endif
#define ROW_ACCESS(T) \
    HAL_FUNCTION lanes row_load_##T(hal_row x, long i, long n, float fill) { \
        float t[LANES]; \
        if (ROW_FULL(i, n)) return lanes_load_##T(x.p, x.at + i); \
        for (int l = 0; l < LANES; l++) t[l] = i + l < n ? load_##T(x.p, x.at + (i + l) * ROW_STEP(x)) : fill; \
        return vload16(0, t); \
    } \
    HAL_FUNCTION void row_store_##T(hal_row y, long i, long n, lanes v) { \
        float t[LANES]; \
        if (ROW_FULL(i, n)) { \
            lanes_store_##T(y.p, y.at + i, v); \
            return; \
        } \
        vstore16(v, 0, t); \
        for (int l = 0; l < LANES && i + l < n; l++) store_##T(y.p, y.at + (i + l) * ROW_STEP(y), t[l]); \
    }

/* v with element `index` of the row, if it lies in these lanes, taken from w. */
HAL_FUNCTION lanes lanes_put(lanes v, lanes w, long i, long index) {
    const int l = (int)(index - i);
    const int16 at = (int16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    return at == (int16)(l) ? w : v;
}
#define LANES_HAVE(i, index) ((index) >= (i) && (index) < (i) + LANES)
#else
/* ------------------------------------------------------------------------------------ work-items of a group -- */
#define LANES 1
typedef float lanes;
typedef int lanes_int;
#define AS_LANES(bits) as_float(bits)
#define TO_INT(v) ((int)(v))
#define EACH(v) (v)
#ifdef HAL_CUDA
typedef float *team_memory;
#else
typedef __local float *team_memory;
#endif
#define TEAM_MEMORY(name) HAL_LOCAL float name[GROUP]
/* One turn, whether or not the row exists. */
#define FOR_ROWS(r, rows, grain) \
    for (long r = (long)(get_group_id(0) * get_local_size(1) + get_local_id(1)), r##_end = r + 1; r < r##_end; r++)
#define TEAM_LENGTH(r, rows, size) ((r) < (rows) ? (size) : 0)
#define TEAM_HEAD(r, rows) (get_local_id(0) == 0 && (r) < (rows))
#define TEAM_FIRST ((long)get_local_id(0))
#define TEAM_STEP ((long)get_local_size(0))
#define LANE_INDEX(i) ((float)(i))
#define LANE_0(v) (v)

/* A tree over the team's values in local memory; every work-item gets the result. */
#define TEAM_TREE(name, a, b, combined) \
    HAL_FUNCTION float name(lanes v, team_memory part) { \
        const int lane = (int)get_local_id(0), at = (int)(get_local_id(1) * get_local_size(0)) + lane; \
        HAL_BARRIER(); \
        part[at] = v; \
        for (int half_team = (int)get_local_size(0) / 2; half_team > 0; half_team /= 2) { \
            HAL_BARRIER(); \
            if (lane < half_team) { \
                const float a = part[at], b = part[at + half_team]; \
                part[at] = combined; \
            } \
        } \
        HAL_BARRIER(); \
        return part[at - lane]; \
    }
TEAM_TREE(team_sum, a, b, a + b)
/* A NaN is passed over. */
TEAM_TREE(team_max, a, b, a > b ? a : b)

#define ROW_ACCESS(T) \
    HAL_FUNCTION lanes row_load_##T(hal_row x, long i, long n, float fill) { return load_##T(x.p, x.at + i * x.step); } \
    HAL_FUNCTION void row_store_##T(hal_row y, long i, long n, lanes v) { store_##T(y.p, y.at + i * y.step, v); }

HAL_FUNCTION lanes lanes_put(lanes v, lanes w, long i, long index) { return i == index ? w : v; }
#define LANES_HAVE(i, index) ((i) == (index))
#endif

ROW_ACCESS(F32)
ROW_ACCESS(F16)
ROW_ACCESS(BF16)
#define ROW_LOAD(T) HAL_PASTE(row_load_, T)
#define ROW_STORE(T) HAL_PASTE(row_store_, T)
#define NO_LANES EACH(0.0f)
#define FOR_SPAN(i, begin, end) for (long i = (begin) + TEAM_FIRST; i < (end); i += TEAM_STEP)
#define FOR_LANES(i, n) FOR_SPAN(i, 0L, n)

/* lanes total: `next` for each i in turn, which finds in `last` what it gave before (at first: start). */
#ifdef DENSE
/* Four such chains side by side hide how long an addition takes; `join` brings them, as `last` and `other`, together. In
   their loop the row seems to end with them, so that nothing is checked. */
#define CHAIN(k, i, n, next) \
    { \
        const long i = full + k * LANES, n = full + 4 * LANES; \
        const lanes last = chain_##k; \
        chain_##k = next; \
    }
#define CHAIN_JOIN(a, b, join) \
    { \
        const lanes last = a, other = b; \
        a = join; \
    }
#define ROW_FOLD(total, start, i, n, next, join) \
    lanes total; \
    { \
        lanes chain_0 = start, chain_1 = start, chain_2 = start, chain_3 = start; \
        long full = 0; \
        for (; full + 4 * LANES <= (n); full += 4 * LANES) { \
            CHAIN(0, i, n, next) \
            CHAIN(1, i, n, next) \
            CHAIN(2, i, n, next) \
            CHAIN(3, i, n, next) \
        } \
        for (long i = full; i < (n); i += LANES) { \
            const lanes last = chain_0; \
            chain_0 = next; \
        } \
        CHAIN_JOIN(chain_0, chain_1, join) \
        CHAIN_JOIN(chain_2, chain_3, join) \
        CHAIN_JOIN(chain_0, chain_2, join) \
        total = chain_0; \
    }
#else
#define ROW_FOLD(total, start, i, n, next, join) \
    lanes total = start; \
    FOR_LANES(i, n) { \
        const lanes last = total; \
        total = next; \
    }
#endif
#define ROW_SUM(total, i, n, next) ROW_FOLD(total, NO_LANES, i, n, next, last + other)

/* The largest of a row of dtype T; a NaN is passed over. */
#define ROW_MAX(T) \
    HAL_FUNCTION float row_max_##T(hal_row x, long n, team_memory part) { \
        ROW_FOLD(most, EACH(-INFINITY), i, n, lanes_max(row_load_##T(x, i, n, -INFINITY), last), lanes_max(other, last)) \
        return team_max(most, part); \
    }
HAL_FUNCTION lanes lanes_max(lanes a, lanes b) { return a > b ? a : b; }
ROW_MAX(F32)
ROW_MAX(F16)
ROW_MAX(BF16)

/* --------------------------------------------------------------------------------------------------- maths -- */

/* (e^r - 1 - r) / r^2 for |r| <= ln 2 / 2: a power series. */
HAL_FUNCTION lanes lanes_exp_slope(lanes r) {
    lanes p = FMA(r, EACH(1.98412698e-4f), EACH(1.38888889e-3f));
    p = FMA(p, r, EACH(8.33333333e-3f));
    p = FMA(p, r, EACH(4.16666667e-2f));
    p = FMA(p, r, EACH(1.66666667e-1f));
    return FMA(p, r, EACH(0.5f));
}

/* e^r - 1 there. */
HAL_FUNCTION lanes lanes_exp_series(lanes r) {
    return FMA(r * r, lanes_exp_slope(r), r);
}

/* v 2^n for whole n, -252 <= n <= 254: in two factors, so that a subnormal result is rounded once. */
HAL_FUNCTION lanes lanes_scale(lanes v, lanes n) {
    const lanes_int i = TO_INT(n), low = i >> 1;
    return v * AS_LANES((low + 127) << 23) * AS_LANES((i - low + 127) << 23);
}

/* x = n ln 2 + r; adding and taking away 1.5 2^23 rounds n. The high part of ln 2 has so few digits that n times it is
   exact. */
#define LANES_REDUCE(c, n, r) \
    const lanes n = FMA(c, EACH(1.44269504f), EACH(12582912.0f)) - EACH(12582912.0f); \
    const lanes r = FMA(-n, EACH(1.428606820e-6f), FMA(-n, EACH(0.693145752f), c))

/* e^x; beyond the clamps it is 0 or infinite. A NaN passes every comparison and stays one. */
HAL_FUNCTION lanes lanes_exp(lanes x) {
    const lanes high = x > EACH(89.0f) ? EACH(89.0f) : x, c = high < EACH(-104.0f) ? EACH(-104.0f) : high;
    LANES_REDUCE(c, n, r);
    return lanes_scale(EACH(1.0f) + lanes_exp_series(r), n);
}

/* e^x for x <= 88, cheaper: what would be subnormal is 0. */
HAL_FUNCTION lanes lanes_exp_down(lanes x) {
    const lanes c = x < EACH(-88.0f) ? EACH(-88.0f) : x;
    LANES_REDUCE(c, n, r);
    return FMA(r * r, lanes_exp_slope(r), r + EACH(1.0f)) * AS_LANES((TO_INT(n) + 127) << 23);
}

HAL_FUNCTION lanes lanes_expm1(lanes x) {
    const lanes high = x > EACH(88.0f) ? EACH(88.0f) : x, c = high < EACH(-30.0f) ? EACH(-30.0f) : high;
    LANES_REDUCE(c, n, r);
    const lanes s = lanes_scale(EACH(1.0f), n);
    return FMA(s, lanes_exp_series(r), s - EACH(1.0f));
}
