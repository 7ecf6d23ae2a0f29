/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sums by index: y = base (or 0), then y[index[i]] += updates[i] in order of i. First a list of each row's updates is
 * made: first[r] is the first update of row r, next[i] the one after i, -1 none. Then each row is summed by whoever owns
 * a piece of it, in double where there are doubles; else what a sum loses is kept. T: dtype, IN: what is computed in.
 * A row that nothing is added to keeps its bits. Reference: hal_op_reference_scatter_add, _embedding_grad.
 */
HAL_FUNCTION long index_at(HAL_GLOBAL const char *p, const hal_walk *by, int is_long, long i) {
    const long at = hal_walk_at(by, i);
    return is_long ? load_I64(p, at) : load_I32(p, at);
}
#define FIRST(r) HAL_AS(int, AT(lists))[r]
#define NEXT(i) HAL_AS(int, AT(lists))[rows + (i)]

#ifdef HAL_WIDE
/* One work-item: from the last update to the first, each becomes the head of its row's list. */
HAL_KERNEL void scatter_lists(HAL_TENSOR(index), hal_walk index_by, HAL_TENSOR(lists), int is_long, long rows, long n)
{
    for (long r = 0; r < rows; r++) FIRST(r) = -1;
    for (long i = n - 1; i >= 0; i--) {
        const long r = index_at(AT(index), &index_by, is_long, i);
        if (r < 0 || r >= rows) continue;
        NEXT(i) = FIRST(r);
        FIRST(r) = (int)i;
    }
}
#else
HAL_KERNEL void scatter_clear(HAL_TENSOR(lists), long rows)
{
    const long r = (long)get_global_id(0);
    if (r < rows) FIRST(r) = -1;
}
/* A work-item an update: it looks for the next of its row, and whether there is one before. */
HAL_KERNEL void scatter_lists(HAL_TENSOR(index), hal_walk index_by, HAL_TENSOR(lists), int is_long, long rows, long n)
{
    const long i = (long)get_global_id(0);
    if (i < n) {
        const long r = index_at(AT(index), &index_by, is_long, i);
        if (r >= 0 && r < rows) {
            long before = i - 1, after = i + 1;
            while (after < n && index_at(AT(index), &index_by, is_long, after) != r) after++;
            while (before >= 0 && index_at(AT(index), &index_by, is_long, before) != r) before--;
            NEXT(i) = after < n ? (int)after : -1;
            if (before < 0) FIRST(r) = (int)i;
        }
    }
}
#endif

#ifdef HAL_DOUBLES
#define ADD(sum, v, lost) (sum) += (v);
#else
#define ADD(sum, v, lost) { \
    const HAL_REAL add_v = (v), add_next = HAL_OF(add)((sum), add_v), add_part = add_next - (sum); \
    const HAL_REAL add_error = ((sum) - (add_next - add_part)) + (add_v - add_part); \
    (lost) += add_error == add_error ? add_error : (HAL_REAL)0; \
    (sum) = add_next; \
}
#endif
#define BLOCK 128

/* A work-item computes `run` of the blocks of columns of all rows. */
HAL_KERNEL void scatter_add(HAL_TENSOR(base), hal_walk base_by, int has_base, HAL_TENSOR(updates), hal_walk updates_by,
    HAL_TENSOR(lists), HAL_TENSOR(y), hal_walk y_by, long rows, long columns, long block, long run, long total)
{
    const long begin = (long)get_global_id(0) * run, end = begin + run < total ? begin + run : total;
    const long blocks = (columns + block - 1) / block;
    for (long u = begin; u < end; u++) {
        const long r = hal_div(u, blocks), c = (u - r * blocks) * block;
        const long n = columns - c < block ? columns - c : block, at = r * columns + c;
        long i = FIRST(r);
        if (i < 0 && has_base && AT(base) == AT(y)) continue;
        HAL_REAL sum[BLOCK], lost[BLOCK];
        for (long j = 0; j < n; j++) {
            sum[j] = has_base ? HAL_LOAD(T)(AT(base), hal_walk_at(&base_by, at + j)) : (HAL_REAL)0;
            lost[j] = (HAL_REAL)0;
        }
        for (; i >= 0; i = NEXT(i)) {
            if (updates_by.dense)
                HAL_VECTOR_LOOP for (long j = 0; j < n; j++) {
                    ADD(sum[j], HAL_LOAD(T)(AT(updates), i * columns + c + j), lost[j])
                }
            else
                for (long j = 0; j < n; j++) {
                    ADD(sum[j], HAL_LOAD(T)(AT(updates), hal_walk_at(&updates_by, i * columns + c + j)), lost[j])
                }
        }
        for (long j = 0; j < n; j++) HAL_STORE(T)(AT(y), hal_walk_at(&y_by, at + j), sum[j] + lost[j]);
    }
}
