/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What kernels over rows stand on, so that each is written once. A team works on a row:
 *
 *   HAL_WIDE  a work-item is a team of 16, the lanes of a float16, and takes `grain` rows one after the other
 *   else      the work-items of a group along its axis 0 are a team, of a power of two; a group has as many teams as
 *             work-items along its axis 1, one row each. GROUP is the most work-items of a group. A work-item has 8 elements
 *             at a time, which are one access of memory where they follow each other and begin at 16 bytes (ROW_ALIGN)
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
 * lanes                        float16 or float8; a struct like it in CUDA
 * PICK(c, a, b)                c ? a : b, lane by lane
 * ROW_KERNEL                   HAL_KERNEL void, for one that would take so many registers that few groups run at a time
 *
 * DENSE (with HAL_WIDE only): elements of rows, and of vectors beside them, follow each other in memory.
 * Sums have the order that n, the team's size and the variant give.
 */

/* Sizes that the operands of a kernel have in common, outermost first, and for each operand the strides of these axes and
   the distance of a row's elements, in elements. Mirrors hal_portable_grid. */
typedef struct { int rank, unused; long size[8], stride[7][8], step[7]; } hal_grid;
/* Element i of a row is element at + i * step of p; there is none before `from`. */
typedef struct { HAL_GLOBAL char *p; long at, step, from; } hal_row;

/* Elements `at` and on of p, `step` apart. */
HAL_FUNCTION hal_row row_of(HAL_GLOBAL char *p, long at, long step) {
    hal_row row;
    row.p = p;
    row.at = at;
    row.from = 0;
    row.step = step;
    return row;
}

/* Row r of operand k. */
HAL_FUNCTION hal_row row_at(const hal_grid *g, int k, HAL_GLOBAL char *p, long r) {
    hal_row row = row_of(p, 0, g->step[k]);
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

/* --------------------------------------------------------------------------------------------------- lanes -- */
#ifdef HAL_WIDE
#define LANES 16
#define LANE_NUMBERS 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
#else
#define LANES 8
#define LANE_NUMBERS 0, 1, 2, 3, 4, 5, 6, 7
#endif

#ifdef HAL_CUDA
/* A kernel of which two groups fit into a multiprocessor: 128 registers a work-item. */
#define ROW_KERNEL extern "C" __global__ void __launch_bounds__(GROUP, 2)
/* What OpenCL's vectors do, as far as kernels over rows use it. */
#define LANE_LOOP _Pragma("unroll") for (int l = 0; l < LANES; l++)
struct lanes_int { int v[LANES]; };
struct lanes { float v[LANES]; };
#define LANES_OPERATOR(result, type, op) \
    HAL_FUNCTION result operator op(type a, type b) { \
        result c; \
        LANE_LOOP c.v[l] = a.v[l] op b.v[l]; \
        return c; \
    }
LANES_OPERATOR(lanes, lanes, +)
LANES_OPERATOR(lanes, lanes, -)
LANES_OPERATOR(lanes, lanes, *)
LANES_OPERATOR(lanes, lanes, /)
LANES_OPERATOR(lanes_int, lanes, <)
LANES_OPERATOR(lanes_int, lanes, >)
LANES_OPERATOR(lanes_int, lanes, ==)
LANES_OPERATOR(lanes_int, lanes_int, -)
LANES_OPERATOR(lanes_int, lanes_int, ||)
#define LANES_OPERATOR_INT(op) \
    HAL_FUNCTION lanes_int operator op(lanes_int a, int b) { \
        LANE_LOOP a.v[l] = a.v[l] op b; \
        return a; \
    }
LANES_OPERATOR_INT(+)
LANES_OPERATOR_INT(<<)
LANES_OPERATOR_INT(>>)
#define LANES_FUNCTION(type, name, argument, value) \
    HAL_FUNCTION type name(argument a) { \
        type c; \
        LANE_LOOP c.v[l] = value; \
        return c; \
    }
LANES_FUNCTION(lanes, operator-, lanes, -a.v[l])
LANES_FUNCTION(lanes, sqrt, lanes, sqrt(a.v[l]))
LANES_FUNCTION(lanes, rint, lanes, rint(a.v[l]))
LANES_FUNCTION(lanes, floor, lanes, floor(a.v[l]))
LANES_FUNCTION(lanes, AS_LANES, lanes_int, as_float((uint)a.v[l]))
LANES_FUNCTION(lanes_int, TO_INT, lanes, (int)a.v[l])
LANES_FUNCTION(lanes, EACH, float, a)
LANES_FUNCTION(lanes, LANE_INDEX, long, (float)a + (float)l)
LANES_FUNCTION(lanes, LANES_FROM, const float *, a[l])
HAL_FUNCTION void lanes_to(lanes v, float *t) { LANE_LOOP t[l] = v.v[l]; }
HAL_FUNCTION lanes fma(lanes a, lanes b, lanes c) {
    LANE_LOOP a.v[l] = fma(a.v[l], b.v[l], c.v[l]);
    return a;
}
HAL_FUNCTION lanes PICK(lanes_int c, lanes a, lanes b) {
    LANE_LOOP a.v[l] = c.v[l] ? a.v[l] : b.v[l];
    return a;
}
HAL_FUNCTION float LANE_0(lanes a) { return a.v[0]; }
HAL_FUNCTION lanes_int lane_is(int k) {
    lanes_int c;
    LANE_LOOP c.v[l] = l == k;
    return c;
}

/* Lanes in memory at a multiple of 16 bytes: 16 bytes are one access. */
#define LANES_MEET(p, at, width) ((((ulong)(p) + (ulong)(at) * (width)) & 15u) == 0)
HAL_FUNCTION lanes lanes_load_F32(const char *p, long i) {
    const float4 a = ((const float4 *)(p + i * 4))[0], b = ((const float4 *)(p + i * 4))[1];
    return {{a.x, a.y, a.z, a.w, b.x, b.y, b.z, b.w}};
}
HAL_FUNCTION void lanes_store_F32(char *p, long i, lanes v) {
    ((float4 *)(p + i * 4))[0] = make_float4(v.v[0], v.v[1], v.v[2], v.v[3]);
    ((float4 *)(p + i * 4))[1] = make_float4(v.v[4], v.v[5], v.v[6], v.v[7]);
}
#define LANES_HALVES(T, from, to) \
    HAL_FUNCTION lanes lanes_load_##T(const char *p, long i) { \
        const uint4 w = *(const uint4 *)(p + i * 2); \
        return {{from((ushort)w.x), from((ushort)(w.x >> 16)), from((ushort)w.y), from((ushort)(w.y >> 16)), \
            from((ushort)w.z), from((ushort)(w.z >> 16)), from((ushort)w.w), from((ushort)(w.w >> 16))}}; \
    } \
    HAL_FUNCTION void lanes_store_##T(char *p, long i, lanes v) { \
        *(uint4 *)(p + i * 2) = make_uint4(to(v.v[0]) | (uint)to(v.v[1]) << 16, to(v.v[2]) | (uint)to(v.v[3]) << 16, \
            to(v.v[4]) | (uint)to(v.v[5]) << 16, to(v.v[6]) | (uint)to(v.v[7]) << 16); \
    }
LANES_HALVES(F16, hal_from_f16, hal_to_f16)
LANES_HALVES(BF16, hal_from_bf16, hal_to_bf16)

/* The elements of even or odd number of v followed by w, and back. */
HAL_FUNCTION lanes lanes_even(lanes v, lanes w) {
    return {{v.v[0], v.v[2], v.v[4], v.v[6], w.v[0], w.v[2], w.v[4], w.v[6]}};
}
HAL_FUNCTION lanes lanes_odd(lanes v, lanes w) {
    return {{v.v[1], v.v[3], v.v[5], v.v[7], w.v[1], w.v[3], w.v[5], w.v[7]}};
}
HAL_FUNCTION void lanes_zip(lanes even, lanes odd, lanes *v, lanes *w) {
    for (int l = 0; l < LANES / 2; l++) {
        v->v[2 * l] = even.v[l];
        v->v[2 * l + 1] = odd.v[l];
        w->v[2 * l] = even.v[l + LANES / 2];
        w->v[2 * l + 1] = odd.v[l + LANES / 2];
    }
}
HAL_FUNCTION float lanes_sum(lanes v) {
    return ((v.v[0] + v.v[4]) + (v.v[2] + v.v[6])) + ((v.v[1] + v.v[5]) + (v.v[3] + v.v[7]));
}
HAL_FUNCTION float larger(float a, float b) { return a > b ? a : b; }
/* A NaN is passed over. */
HAL_FUNCTION float lanes_most(lanes v) {
    const float a = larger(v.v[0], v.v[4]), b = larger(v.v[1], v.v[5]), c = larger(v.v[2], v.v[6]), d = larger(v.v[3], v.v[7]);
    return larger(larger(a, c), larger(b, d));
}
#else
#define ROW_KERNEL HAL_KERNEL void
#define VECTOR(type) HAL_PASTE(type, LANES)
#define LANE_LOOP for (int l = 0; l < LANES; l++)
typedef VECTOR(float) lanes;
typedef VECTOR(int) lanes_int;
#define AS_LANES(bits) VECTOR(as_float)(bits)
#define TO_INT(v) VECTOR(convert_int)(v)
#define EACH(v) ((lanes)(v))
#define LANE_INDEX(i) ((lanes)((float)(i)) + (lanes)(LANE_NUMBERS))
#define LANES_FROM(t) VECTOR(vload)(0, t)
#define lanes_to(v, t) VECTOR(vstore)(v, 0, t)
#define PICK(c, a, b) ((c) ? (a) : (b))
#define LANE_0(v) ((v).s0)
HAL_FUNCTION lanes_int lane_is(int k) { return (lanes_int)(LANE_NUMBERS) == (lanes_int)(k); }

/* A vector at the address of any element. vload16 and vstore16 promise the same, but are taken apart by some compilers. */
#define LANES_MEET(p, at, width) true
typedef struct __attribute__((packed)) { lanes v; } packed_floats;
typedef struct __attribute__((packed)) { VECTOR(ushort) v; } packed_ushorts;

HAL_FUNCTION lanes lanes_load_F32(HAL_GLOBAL const char *p, long i) {
    return ((HAL_GLOBAL const packed_floats *)(HAL_AS(const float, p) + i))->v;
}
HAL_FUNCTION void lanes_store_F32(HAL_GLOBAL char *p, long i, lanes v) {
    ((HAL_GLOBAL packed_floats *)(HAL_AS(float, p) + i))->v = v;
}
HAL_FUNCTION lanes lanes_load_F16(HAL_GLOBAL const char *p, long i) {
    return VECTOR(vload_half)(0, HAL_AS(const half, p) + i);
}
HAL_FUNCTION void lanes_store_F16(HAL_GLOBAL char *p, long i, lanes v) {
    HAL_PASTE(VECTOR(vstore_half), _rte)(v, 0, HAL_AS(half, p) + i);
}
HAL_FUNCTION lanes lanes_load_BF16(HAL_GLOBAL const char *p, long i) {
    const VECTOR(ushort) bits = ((HAL_GLOBAL const packed_ushorts *)(HAL_AS(const ushort, p) + i))->v;
    return VECTOR(as_float)(VECTOR(convert_uint)(bits) << 16);
}
HAL_FUNCTION void lanes_store_BF16(HAL_GLOBAL char *p, long i, lanes v) {
    const VECTOR(uint) bits = VECTOR(as_uint)(v), rounded = (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
    ((HAL_GLOBAL packed_ushorts *)(HAL_AS(ushort, p) + i))->v =
        VECTOR(convert_ushort)(v != v ? bits >> 16 | 0x40u : rounded);
}

/* The elements of even or odd number of v followed by w, and back. */
HAL_FUNCTION lanes lanes_even(lanes v, lanes w) { return (lanes)(v.even, w.even); }
HAL_FUNCTION lanes lanes_odd(lanes v, lanes w) { return (lanes)(v.odd, w.odd); }
HAL_FUNCTION void lanes_zip(lanes even, lanes odd, lanes *v, lanes *w) {
    v->even = even.lo;
    v->odd = odd.lo;
    w->even = even.hi;
    w->odd = odd.hi;
}
HAL_FUNCTION float sum_of_8(float8 a) {
    const float4 b = a.lo + a.hi;
    const float2 c = b.lo + b.hi;
    return c.x + c.y;
}
HAL_FUNCTION float most_of_8(float8 a) {
    const float4 b = a.lo > a.hi ? a.lo : a.hi;
    const float2 c = b.lo > b.hi ? b.lo : b.hi;
    return c.x > c.y ? c.x : c.y;
}
#ifdef HAL_WIDE
HAL_FUNCTION float lanes_sum(lanes v) { return sum_of_8(v.lo + v.hi); }
/* A NaN is passed over. */
HAL_FUNCTION float lanes_most(lanes v) { return most_of_8(v.lo > v.hi ? v.lo : v.hi); }
#else
#define lanes_sum(v) sum_of_8(v)
#define lanes_most(v) most_of_8(v)
#endif
#endif

#ifdef HAL_WIDE
/* ------------------------------------------------------------------------------------ teams that are vectors -- */
typedef int team_memory;
#define TEAM_MEMORY(name) const team_memory name = 0
#define FOR_ROWS(r, rows, grain) \
    for (long r = (long)get_global_id(0) * (grain), r##_end = r + (grain) < (rows) ? r + (grain) : (rows); r < r##_end; r++)
#define TEAM_LENGTH(r, rows, size) (size)
#define TEAM_HEAD(r, rows) true
#define TEAM_FIRST 0L
#define TEAM_STEP ((long)LANES)
HAL_FUNCTION float team_sum(lanes v, team_memory part) { return lanes_sum(v); }
HAL_FUNCTION float team_max(lanes v, team_memory part) { return lanes_most(v); }

#ifdef DENSE
#define ROW_FULL(row, i, n, width) ((i) + LANES <= (n))
#define ROW_STEP(row) 1
#else
#define ROW_FULL(row, i, n, width) false
#define ROW_STEP(row) (row).step
#endif
#define ROW_HAS(row, i, n) ((i) < (n))
#define ROW_ALIGN(T, row, shift) const long shift = 0
#else
/* ------------------------------------------------------------------------------ teams of work-items of a group -- */
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
#define TEAM_FIRST ((long)get_local_id(0) * LANES)
#define TEAM_STEP ((long)get_local_size(0) * LANES)

/* A tree over the team's values in local memory; every work-item gets the result. */
#define TEAM_TREE(name, a, b, combined) \
    HAL_FUNCTION float name(float v, team_memory part) { \
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
TEAM_TREE(team_total, a, b, a + b)
/* A NaN is passed over. */
TEAM_TREE(team_most, a, b, a > b ? a : b)
HAL_FUNCTION float team_sum(lanes v, team_memory part) { return team_total(lanes_sum(v), part); }
HAL_FUNCTION float team_max(lanes v, team_memory part) { return team_most(lanes_most(v), part); }

#define ROW_FULL(row, i, n, width) \
    ((row).step == 1 && (i) >= (row).from && (i) + LANES <= (n) && LANES_MEET((row).p, (row).at + (i), width))
#define ROW_STEP(row) (row).step
#define ROW_HAS(row, i, n) ((i) >= (row).from && (i) < (n))
/* Elements before the row that go along so that lanes begin at 16 bytes; row_move then moves a row, whose elements have
   numbers that much greater. */
#define ROW_ALIGN(T, row, shift) \
    const long shift = (row).step == 1 ? (long)(((ulong)(row).p / HAL_PASTE(ROW_WIDTH_, T) + (ulong)(row).at) % LANES) : 0
#define ROW_WIDTH_F32 4
#define ROW_WIDTH_F16 2
#define ROW_WIDTH_BF16 2
#endif

HAL_FUNCTION hal_row row_move(hal_row row, long shift) {
    row.at -= shift * row.step;
    row.from = shift;
    return row;
}

#define ROW_ACCESS(T, width) \
    HAL_FUNCTION lanes row_load_##T(hal_row x, long i, long n, float fill) { \
        float t[LANES]; \
        if (ROW_FULL(x, i, n, width)) return lanes_load_##T(x.p, x.at + i); \
        LANE_LOOP t[l] = ROW_HAS(x, i + l, n) ? load_##T(x.p, x.at + (i + l) * ROW_STEP(x)) : fill; \
        return LANES_FROM(t); \
    } \
    HAL_FUNCTION void row_store_##T(hal_row y, long i, long n, lanes v) { \
        float t[LANES]; \
        if (ROW_FULL(y, i, n, width)) { \
            lanes_store_##T(y.p, y.at + i, v); \
            return; \
        } \
        lanes_to(v, t); \
        LANE_LOOP if (ROW_HAS(y, i + l, n)) store_##T(y.p, y.at + (i + l) * ROW_STEP(y), t[l]); \
    }
ROW_ACCESS(F32, 4)
ROW_ACCESS(F16, 2)
ROW_ACCESS(BF16, 2)

/* v with element `index` of the row, if it lies in these lanes, taken from w. */
HAL_FUNCTION lanes lanes_put(lanes v, lanes w, long i, long index) { return PICK(lane_is((int)(index - i)), w, v); }
#define LANES_HAVE(i, index) ((index) >= (i) && (index) < (i) + LANES)

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

HAL_FUNCTION lanes lanes_max(lanes a, lanes b) { return PICK(a > b, a, b); }
/* The largest of a row of dtype T; a NaN is passed over. */
#define ROW_MAX(T) \
    HAL_FUNCTION float row_max_##T(hal_row x, long n, team_memory part) { \
        ROW_FOLD(most, EACH(-INFINITY), i, n, lanes_max(row_load_##T(x, i, n, -INFINITY), last), lanes_max(other, last)) \
        return team_max(most, part); \
    }
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
    const lanes high = PICK(x > EACH(89.0f), EACH(89.0f), x), c = PICK(high < EACH(-104.0f), EACH(-104.0f), high);
    LANES_REDUCE(c, n, r);
    return lanes_scale(EACH(1.0f) + lanes_exp_series(r), n);
}

/* e^x for x <= 88, cheaper: what would be subnormal is 0. */
HAL_FUNCTION lanes lanes_exp_down(lanes x) {
    const lanes c = PICK(x < EACH(-88.0f), EACH(-88.0f), x);
    LANES_REDUCE(c, n, r);
    return FMA(r * r, lanes_exp_slope(r), r + EACH(1.0f)) * AS_LANES((TO_INT(n) + 127) << 23);
}

HAL_FUNCTION lanes lanes_expm1(lanes x) {
    const lanes high = PICK(x > EACH(88.0f), EACH(88.0f), x), c = PICK(high < EACH(-30.0f), EACH(-30.0f), high);
    LANES_REDUCE(c, n, r);
    const lanes s = lanes_scale(EACH(1.0f), n);
    return FMA(s, lanes_exp_series(r), s - EACH(1.0f));
}
