/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reductions: y = sum, mean, max, min, product or sum of squares of x over some axes. x is seen as [kept, k, columns]:
 * `columns` is a run of innermost elements that stay, `k` are all that meet. k is cut into pieces whose length depends on
 * the shape; each gives a partial result, and partial results meet in order. X, Y: dtypes; IN: what is computed in.
 *
 *   reduce_rows       no columns: lanes (or the work-items of a group) take turns, then meet as a tree
 *   reduce_columns    columns, or few elements a result: 16 rows meet, then these sums: an error grows with both.
 *                     Products meet one by one: equal products of equal terms would multiply one error
 *   reduce_finish     the partial results of each y
 *
 * Reference: hal_op_reference_reduce, hal_op_reference_square_sum.
 */
enum { SUM, MEAN, MAX, MIN, PROD, SUM_SQUARE };

HAL_FUNCTION HAL_REAL start_of(int kind) {
    return kind == MAX ? (HAL_REAL)HAL_LOWEST : kind == MIN ? (HAL_REAL)HAL_HIGHEST : kind == PROD ? (HAL_REAL)1 : (HAL_REAL)0;
}
/* Partial results meet; a square sum's are squares already. */
HAL_FUNCTION HAL_REAL combine(int kind, HAL_REAL a, HAL_REAL b) {
    return kind == MAX ? HAL_OF(max)(a, b) : kind == MIN ? HAL_OF(min)(a, b) : kind == PROD ? HAL_OF(mul)(a, b) : HAL_OF(add)(a, b);
}
HAL_FUNCTION HAL_REAL fold(int kind, HAL_REAL a, HAL_REAL b) { return combine(kind, a, kind == SUM_SQUARE ? b * b : b); }
HAL_FUNCTION void put(int kind, HAL_GLOBAL char *y, const hal_walk *y_by, long at, HAL_REAL v, long k) {
    HAL_STORE(Y)(y, hal_walk_at(y_by, at), kind != MEAN ? v : k == 0 ? (HAL_REAL)HAL_NOTHING : v / (HAL_REAL)k);
}
#define PARTIAL(at) HAL_AS(HAL_REAL, AT(part))[at]
#define ROWS_OF(kind, k) ((kind) == PROD ? (k) : 16)

#ifdef HAL_WIDE
#define LANES 64
#define BLOCK 1024                       /* memory is read best in long runs */
#define FOLD(kind_, value) case kind_: HAL_VECTOR_LOOP for (long j = 0; j < n; j++) { const HAL_REAL a = acc[j], b = x[j]; acc[j] = value; } break;
/* acc[j] meets x[j]. */
HAL_FUNCTION void fold_all(int kind, HAL_REAL *acc, const HAL_REAL *x, long n) {
    switch (kind) {
    FOLD(MAX, HAL_OF(max)(a, b))
    FOLD(MIN, HAL_OF(min)(a, b))
    FOLD(PROD, HAL_OF(mul)(a, b))
    FOLD(SUM_SQUARE, a + b * b)
    default: HAL_VECTOR_LOOP for (long j = 0; j < n; j++) acc[j] = HAL_OF(add)(acc[j], x[j]);
    }
}

/* `n` elements from `from` on, of as many runs as they lie in. */
HAL_FUNCTION void read_block(HAL_GLOBAL const char *x, const hal_walk *by, long from, long n, HAL_REAL *block) {
    const int last = by->rank - 1;
    for (long done = 0, m; done < n; done += m) {
        const long left = by->size[last] - (from + done) % by->size[last];
        m = n - done < left ? n - done : left;
        HAL_READ(X, x, hal_walk_at(by, from + done), by->stride[last], m, block + done)
    }
}

/* Which lane an element meets follows from its number alone: runs may be shorter than the lanes are many. */
HAL_FUNCTION HAL_REAL reduce_piece(int kind, HAL_GLOBAL const char *x, const hal_walk *by, long from, long n) {
    HAL_REAL acc[LANES], block[BLOCK];
    for (int l = 0; l < LANES; l++) acc[l] = start_of(kind);
    for (long done = 0, m; done < n; done += m) {
        m = n - done < BLOCK ? n - done : BLOCK;
        read_block(x, by, from + done, m, block);
        long j = 0;
        for (; j + LANES <= m; j += LANES) fold_all(kind, acc, block + j, LANES);
        fold_all(kind, acc, block + j, m - j);
    }
    for (int w = LANES / 2; w > 0; w /= 2)
        for (int l = 0; l < w; l++) acc[l] = combine(kind, acc[l], acc[l + w]);
    return acc[0];
}

/* A work-item computes `run` of the kept * pieces partial results; a single piece is the result. */
HAL_KERNEL void reduce_rows(HAL_TENSOR(x), hal_walk x_by, HAL_TENSOR(part), HAL_TENSOR(y), hal_walk y_by, int kind, long k,
    long piece, long pieces, long run, long total)
{
    const long begin = (long)get_global_id(0) * run, end = begin + run < total ? begin + run : total;
    for (long r = begin; r < end; r++) {
        const long kept = r / pieces, first = (r - kept * pieces) * piece;
        const HAL_REAL v = reduce_piece(kind, AT(x), &x_by, kept * k + first, k - first < piece ? k - first : piece);
        if (pieces == 1) put(kind, AT(y), &y_by, kept, v, k);
        else PARTIAL(r) = v;
    }
}

/* A work-item takes `run` of the kept * pieces * blocks of columns. */
HAL_KERNEL void reduce_columns(HAL_TENSOR(x), hal_walk x_by, HAL_TENSOR(part), HAL_TENSOR(y), hal_walk y_by, int kind,
    long k, long piece, long pieces, long columns, long column_by, long run, long total)
{
    const long begin = (long)get_global_id(0) * run, end = begin + run < total ? begin + run : total;
    const long blocks = (columns + BLOCK - 1) / BLOCK, together = ROWS_OF(kind, k);
    HAL_REAL sum[BLOCK], acc[BLOCK], block[BLOCK];
    for (long u = begin; u < end; u++) {
        const long r = u / blocks, kept = r / pieces, first = (r - kept * pieces) * piece, c = (u - r * blocks) * BLOCK;
        const long n = columns - c < BLOCK ? columns - c : BLOCK, past = k - first < piece ? k : first + piece;
        for (long j = 0; j < n; j++) sum[j] = start_of(kind);
        for (long i = first; i < past; i += together) {
            for (long j = 0; j < n; j++) acc[j] = start_of(kind);
            for (long row = i; row < i + together && row < past; row++) {
                HAL_READ(X, AT(x), hal_walk_at(&x_by, kept * k + row) + c * column_by, column_by, n, block)
                fold_all(kind, acc, block, n);
            }
            fold_all(kind == SUM_SQUARE ? SUM : kind, sum, acc, n);
        }
        for (long j = 0; j < n; j++) {
            if (pieces == 1) put(kind, AT(y), &y_by, kept * columns + c + j, sum[j], k);
            else PARTIAL(r * columns + c + j) = sum[j];
        }
    }
}

#else
#define TILE 128
/* A group a partial result; the local size is a power of two. */
HAL_KERNEL void reduce_rows(HAL_TENSOR(x), hal_walk x_by, HAL_TENSOR(part), HAL_TENSOR(y), hal_walk y_by, int kind, long k,
    long piece, long pieces, long run, long total)
{
    HAL_LOCAL HAL_REAL tile[TILE];
    const long r = (long)get_group_id(0), kept = r / pieces, first = (r - kept * pieces) * piece;
    const long n = k - first < piece ? k - first : piece, items = (long)get_local_size(0), item = (long)get_local_id(0);
    HAL_REAL acc = start_of(kind);
    for (long i = item; i < n; i += items) acc = fold(kind, acc, HAL_LOAD(X)(AT(x), hal_walk_at(&x_by, kept * k + first + i)));
    tile[item] = acc;
    HAL_BARRIER();
    for (long w = items / 2; w > 0; w /= 2) {
        if (item < w) tile[item] = combine(kind, tile[item], tile[item + w]);
        HAL_BARRIER();
    }
    if (item == 0) {
        if (pieces == 1) put(kind, AT(y), &y_by, kept, tile[0], k);
        else PARTIAL(r) = tile[0];
    }
}

/* A work-item a column of a piece. */
HAL_KERNEL void reduce_columns(HAL_TENSOR(x), hal_walk x_by, HAL_TENSOR(part), HAL_TENSOR(y), hal_walk y_by, int kind,
    long k, long piece, long pieces, long columns, long column_by, long run, long total)
{
    const long u = (long)get_global_id(0);
    if (u < total) {
        const long r = hal_div(u, columns), c = u - r * columns, kept = hal_div(r, pieces), first = (r - kept * pieces) * piece;
        const long past = k - first < piece ? k : first + piece, together = ROWS_OF(kind, k);
        HAL_REAL sum = start_of(kind);
        for (long i = first; i < past; i += together) {
            HAL_REAL acc = start_of(kind);
            for (long row = i; row < i + together && row < past; row++)
                acc = fold(kind, acc, HAL_LOAD(X)(AT(x), hal_walk_at(&x_by, kept * k + row) + c * column_by));
            sum = combine(kind, sum, acc);
        }
        if (pieces == 1) put(kind, AT(y), &y_by, kept * columns + c, sum, k);
        else PARTIAL(r * columns + c) = sum;
    }
}
#endif

HAL_KERNEL void reduce_finish(HAL_TENSOR(part), HAL_TENSOR(y), hal_walk y_by, int kind, long k, long pieces, long columns,
    long run, long total)
{
    const long begin = (long)get_global_id(0) * run, end = begin + run < total ? begin + run : total;
    for (long e = begin; e < end; e++) {
        const long kept = hal_div(e, columns), c = e - kept * columns;
        HAL_REAL v = start_of(kind);
        for (long p = 0; p < pieces; p++) v = combine(kind, v, PARTIAL((kept * pieces + p) * columns + c));
        put(kind, AT(y), &y_by, e, v, k);
    }
}
