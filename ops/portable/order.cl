/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Order along rows of n elements: arg_max, the k first in order, and sampling. The lower index goes first among equals,
 * and a NaN counts as larger than every number; so every order is of distinct items, and any way to sort gives the same.
 * A loop merges runs between two halves of scratch memory, or inserts into a short list; a group sorts a power of two
 * bitonically (Batcher, AFIPS 1968). T: dtype, IN: what is compared. Reference: hal_op_reference_arg_max, _sort,
 * _top_k, _sample.
 */
HAL_FUNCTION int larger(HAL_REAL a, HAL_REAL b) { return (HAL_OF(is_nan)(a) && !HAL_OF(is_nan)(b)) || a > b; }
/* Whether item a goes before item b. */
HAL_FUNCTION int goes_before(HAL_REAL a, int a_at, HAL_REAL b, int b_at, int descending) {
    const int up = larger(a, b), down = larger(b, a);
    return up == down ? a_at < b_at : descending ? up : down;
}

#ifdef HAL_WIDE
#define LANES 64
#define BLOCK 256
/* Lanes take turns; each keeps the first of its largest. */
HAL_FUNCTION long arg_max_row(HAL_GLOBAL const char *x, const hal_walk *by, long from, long n) {
    HAL_REAL best[LANES], block[BLOCK];
    int at[LANES];
    const int last = by->rank - 1;
    for (int l = 0; l < LANES; l++) at[l] = -1;
    for (int l = 0; l < LANES; l++) best[l] = (HAL_REAL)HAL_LOWEST;
    for (long done = 0, m; done < n; done += m) {
        const long left = by->size[last] - (from + done) % by->size[last];
        m = n - done < BLOCK ? n - done : BLOCK;
        m = m < left ? m : left;
        HAL_READ(T, x, hal_walk_at(by, from + done), by->stride[last], m, block)
        for (long j = 0; j < m; j += LANES) {
            const long lanes = m - j < LANES ? m - j : LANES;
            HAL_VECTOR_LOOP
            for (long l = 0; l < lanes; l++) {
                const HAL_REAL v = block[j + l], b = best[l];
                const int wins = at[l] < 0 || larger(v, b);
                best[l] = wins ? v : b;
                at[l] = wins ? (int)(done + j + l) : at[l];
            }
        }
    }
    int first = 0;
    for (int l = 1; l < LANES; l++)
        if (at[l] >= 0 && goes_before(best[l], at[l], best[first], at[first], 1)) first = l;
    return at[first];
}

HAL_KERNEL void arg_max(HAL_TENSOR(x), hal_walk x_by, HAL_TENSOR(y), hal_walk y_by, long n, long run, long rows)
{
    const long begin = (long)get_global_id(0) * run, end = begin + run < rows ? begin + run : rows;
    for (long r = begin; r < end; r++) store_I32(AT(y), hal_walk_at(&y_by, r), arg_max_row(AT(x), &x_by, r * n, n));
}

/* The k first by insertion: cheap while k is small. */
HAL_FUNCTION void select_row(HAL_GLOBAL const char *x, const hal_walk *by, long from, long n, long k, int descending,
    HAL_GLOBAL HAL_REAL *keys, HAL_GLOBAL int *at) {
    long have = 0;
    for (long i = 0; i < n; i++) {
        const HAL_REAL v = HAL_LOAD(T)(x, hal_walk_at(by, from + i));
        if (have == k && !goes_before(v, (int)i, keys[k - 1], at[k - 1], descending)) continue;
        long to = have < k ? have++ : k - 1;
        for (; to > 0 && goes_before(v, (int)i, keys[to - 1], at[to - 1], descending); to--) {
            keys[to] = keys[to - 1];
            at[to] = at[to - 1];
        }
        keys[to] = v;
        at[to] = (int)i;
    }
}

/* Runs of doubling length, from one half of keys and at to the other; which half holds the result. */
HAL_FUNCTION long merge_row(long n, int descending, HAL_GLOBAL HAL_REAL *keys, HAL_GLOBAL int *at) {
    long from = 0, into = n;
    for (long width = 1; width < n; width *= 2) {
        for (long start = 0; start < n; start += 2 * width) {
            const long middle = start + width < n ? start + width : n, end = start + 2 * width < n ? start + 2 * width : n;
            long i = from + start, j = from + middle;
            for (long to = into + start; to < into + end; to++) {
                const int left = j >= from + end || (i < from + middle && !goes_before(keys[j], at[j], keys[i], at[i], descending));
                const long taken = left ? i++ : j++;
                keys[to] = keys[taken];
                at[to] = at[taken];
            }
        }
        const long other = from;
        from = into;
        into = other;
    }
    return from;
}

/* The k first of row r in order; where in the scratch memory they begin. */
HAL_FUNCTION long order_row(HAL_GLOBAL const char *x, const hal_walk *by, long r, long n, long m, long k, int descending,
    HAL_GLOBAL HAL_REAL *keys, HAL_GLOBAL int *at) {
    if (m < 2 * n) {
        select_row(x, by, r * n, n, k, descending, keys, at);
        return 0;
    }
    for (long i = 0; i < n; i++) {
        keys[i] = HAL_LOAD(T)(x, hal_walk_at(by, r * n + i));
        at[i] = (int)i;
    }
    return merge_row(n, descending, keys, at);
}

#else
#define TILE 128
HAL_KERNEL void arg_max(HAL_TENSOR(x), hal_walk x_by, HAL_TENSOR(y), hal_walk y_by, long n, long run, long rows)
{
    HAL_LOCAL HAL_REAL best[TILE];
    HAL_LOCAL int at[TILE];
    const long r = (long)get_group_id(0), items = (long)get_local_size(0), item = (long)get_local_id(0);
    const long mine = item < n ? item : 0;
    HAL_REAL own = HAL_LOAD(T)(AT(x), hal_walk_at(&x_by, r * n + mine));
    int own_at = (int)mine;
    for (long i = item + items; i < n; i += items) {
        const HAL_REAL v = HAL_LOAD(T)(AT(x), hal_walk_at(&x_by, r * n + i));
        if (goes_before(v, (int)i, own, own_at, 1)) {
            own = v;
            own_at = (int)i;
        }
    }
    best[item] = own;
    at[item] = own_at;
    HAL_BARRIER();
    for (long w = items / 2; w > 0; w /= 2) {
        if (item < w && goes_before(best[item + w], at[item + w], best[item], at[item], 1)) {
            best[item] = best[item + w];
            at[item] = at[item + w];
        }
        HAL_BARRIER();
    }
    if (item == 0) store_I32(AT(y), hal_walk_at(&y_by, r), at[0]);
}

/* Places from n on, up to the power of two m, hold what goes last. */
HAL_FUNCTION long order_row(HAL_GLOBAL const char *x, const hal_walk *by, long r, long n, long m, long k, int descending,
    HAL_GLOBAL HAL_REAL *keys, HAL_GLOBAL int *at) {
    const long items = (long)get_local_size(0), item = (long)get_local_id(0);
    for (long i = item; i < m; i += items) {
        keys[i] = i < n ? HAL_LOAD(T)(x, hal_walk_at(by, r * n + i)) : (HAL_REAL)0;
        at[i] = (int)i;
    }
    HAL_BARRIER_GLOBAL();
    for (long size = 2; size <= m; size *= 2) {
        for (long apart = size / 2; apart > 0; apart /= 2) {
            for (long t = item; t < m / 2; t += items) {
                const long i = 2 * t - (t & (apart - 1)), j = i + apart;
                const HAL_REAL a = keys[i], b = keys[j];
                const int a_at = at[i], b_at = at[j];
                const int swap = a_at >= n || b_at >= n ? b_at < a_at : goes_before(b, b_at, a, a_at, descending);
                if (swap == ((i & size) == 0)) {
                    keys[i] = b;
                    keys[j] = a;
                    at[i] = b_at;
                    at[j] = a_at;
                }
            }
            HAL_BARRIER_GLOBAL();
        }
    }
    return 0;
}
#endif

/* A group has a part of the scratch memory and takes every so many-th row: m keys, then, after those of all groups,
   m places. */
#define KEYS (HAL_AS(HAL_REAL, AT(scratch)) + (long)get_group_id(0) * m)
#define PLACES (HAL_AS(int, AT(scratch) + (long)get_num_groups(0) * m * (long)sizeof(HAL_REAL)) + (long)get_group_id(0) * m)

HAL_KERNEL void order_rows(HAL_TENSOR(x), hal_walk x_by, HAL_TENSOR(scratch), HAL_TENSOR(values), hal_walk values_by,
    HAL_TENSOR(indices), hal_walk indices_by, int descending, long n, long m, long k, long rows)
{
    HAL_GLOBAL HAL_REAL *keys = KEYS;
    HAL_GLOBAL int *at = PLACES;
    for (long r = (long)get_group_id(0); r < rows; r += (long)get_num_groups(0)) {
        const long first = order_row(AT(x), &x_by, r, n, m, k, descending, keys, at);
        for (long i = (long)get_local_id(0); i < k; i += (long)get_local_size(0)) {
            HAL_STORE(T)(AT(values), hal_walk_at(&values_by, r * k + i), keys[first + i]);
            store_I32(AT(indices), hal_walk_at(&indices_by, r * k + i), at[first + i]);
        }
        HAL_BARRIER_GLOBAL();
    }
}

#ifdef SAMPLE
#ifdef HAL_DOUBLES
typedef double mass_real;
#else
typedef float mass_real;
#endif
/* A number of one of the float dtypes, which are few and read once. */
HAL_FUNCTION mass_real load_mass(int dtype, HAL_GLOBAL const char *p, long i) {
    switch (dtype) {
#ifdef HAL_DOUBLES
    case 1: return load_F64(p, i);
#endif
    case 3: return (mass_real)load_F16(p, i);
    case 4: return (mass_real)load_BF16(p, i);
    default: return (mass_real)load_F32(p, i);
    }
}

/* The weight of candidate i among those in order. */
#define WEIGHT(i) exp(((mass_real)keys[i] - (mass_real)keys[0]) / temperature)
/* Of k candidates in order: the longest prefix whose mass before each member is below top_p, at least one, stays; the
   answer is the first whose inclusive mass exceeds u times the mass of those. */
HAL_FUNCTION long choose(HAL_GLOBAL const HAL_REAL *keys, long k, mass_real u, mass_real temperature, mass_real top_p) {
    mass_real total = (mass_real)0, mass = (mass_real)0, sum = (mass_real)0;
    long kept = 0;
    for (long i = 0; i < k; i++) total += WEIGHT(i);
    for (; kept < k && (kept == 0 || mass < top_p); kept++) mass += WEIGHT(kept) / total;
    for (long i = 0; i < kept; i++) {
        sum += WEIGHT(i) / total;
        if (sum > u * mass) return i;
    }
    return kept - 1;
}

HAL_KERNEL void sample_rows(HAL_TENSOR(x), hal_walk x_by, HAL_TENSOR(u), hal_walk u_by, HAL_TENSOR(temperature),
    HAL_TENSOR(top_p), HAL_TENSOR(scratch), HAL_TENSOR(ids), hal_walk ids_by, int u_dtype, int temperature_dtype,
    int top_p_dtype, long n, long m, long top_k, long rows)
{
    HAL_GLOBAL HAL_REAL *keys = KEYS;
    HAL_GLOBAL int *at = PLACES;
    const mass_real heat = load_mass(temperature_dtype, AT(temperature), 0), p = load_mass(top_p_dtype, AT(top_p), 0);
    const long k = heat > (mass_real)0 ? top_k : 1;
    for (long r = (long)get_group_id(0); r < rows; r += (long)get_num_groups(0)) {
        const long first = order_row(AT(x), &x_by, r, n, m, k, 1, keys, at);
        if (get_local_id(0) == 0) {
            const mass_real v = load_mass(u_dtype, AT(u), hal_walk_at(&u_by, r));
            store_I32(AT(ids), hal_walk_at(&ids_by, r), at[first + (k > 1 ? choose(keys + first, k, v, heat, p) : 0)]);
        }
        HAL_BARRIER_GLOBAL();
    }
}
#endif
