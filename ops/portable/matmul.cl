/* SPDX-License-Identifier: Apache-2.0 */
/*
 * c[.., i, j] = sum over l of a[.., i, l] b[.., l, j], then what the expression makes of it. Operands are a batch of
 * matrices each; c, or the inputs and outputs of the expression, are as large as the product. A and B: dtypes of a and
 * b; C: dtype of c, where there is no expression. Reference: hal_op_reference_matmul.
 *
 * Entries, all with the same arguments but for the work memory:
 *   matmul_wide    tasks of rows x columns of c; operands, staged as floats, go through tiles, block by block of l
 *   matmul_tiled   a group a tile of c, blocks of a and b in local memory, 4 x 4 sums a work-item
 *   matmul_plain   a work-item an element, or, with HAL_WIDE, DOWN x ACROSS: doubles, integers, and mixtures of them (option
 *                  MATMUL_PLAIN)
 * IN is the letter of what it adds up in (math.cl): f but in matmul_plain. Order of sums: `run` terms in turn, and
 * the sums of runs in turn: roundings of equal terms all go the same way, and a long run would add them up.
 */

/* Elements from the first one of the operand: of a batch, a row, a column. */
typedef struct { hal_strides batch; long row, col; } matrix;
typedef struct { hal_space batch; long batches, m, n, k, run, task_rows, task_columns; } product;

HAL_FUNCTION long matrix_at(const product *p, const matrix *x, long batch) {
    const long outer = hal_div(batch, p->batch.size[3]);
    return hal_row_at(&p->batch, &x->batch, outer) + (batch - outer * p->batch.size[3]) * x->batch.of[3];
}

#ifdef HAL_EXPR
#define X_TAKE(i) HAL_TENSOR(x##i), matrix x##i##_by,
#define Y_TAKE(i) HAL_TENSOR(y##i), matrix y##i##_by,
#define RESULTS HAL_EXPR_EXTRA(X_TAKE) HAL_EXPR_OUTPUTS(Y_TAKE) hal_expr_constants k
#define X_FIND(i) const long x##i##_at = matrix_at(&p, &x##i##_by, batch);
#define Y_FIND(i) const long y##i##_at = matrix_at(&p, &y##i##_by, batch);
/* Where the matrices of `batch` begin. */
#define RESULTS_FIND HAL_EXPR_EXTRA(X_FIND) HAL_EXPR_OUTPUTS(Y_FIND)
#define X_LOAD(i) in.v[i] = hal_expr_load_##i(AT(x##i), x##i##_at + row * x##i##_by.row + column * x##i##_by.col);
#define Y_STORE(i) hal_expr_store_##i(AT(y##i), y##i##_at + row * y##i##_by.row + column * y##i##_by.col, out.v[i]);
/* Stores element (row, column) of that matrix, which is `sum`. */
#define RESULTS_STORE(sum) { \
        hal_expr_in in; \
        in.v[0] = (hal_expr_real)(sum); \
        HAL_EXPR_EXTRA(X_LOAD) \
        const hal_expr_out out = hal_expr(in, k); \
        HAL_EXPR_OUTPUTS(Y_STORE) \
    }
#else
#define RESULTS HAL_TENSOR(c), matrix c_by
#define RESULTS_FIND const long c_at = matrix_at(&p, &c_by, batch);
#define RESULTS_STORE(sum) STORE_SUM(C)(AT(c), c_at + row * c_by.row + column * c_by.col, sum);
#endif
#define STORE_SUM(T) HAL_PASTE(HAL_PASTE(hal_, IN), HAL_PASTE(_store_, T))

#if defined(MATMUL_PLAIN)
/* --------------------------------------------------------------------------------------------- an element each -- */
#define LOAD_SUM(T) HAL_PASTE(HAL_PASTE(hal_, IN), HAL_PASTE(_load_, T))
#define SUM_f float
#define SUM_d double
#define SUM_l long

#ifdef HAL_WIDE
#define DOWN 4                           /* rows that a row of b, once read, serves */
#define ACROSS 64
HAL_KERNEL void matmul_plain(HAL_TENSOR(a), matrix a_by, HAL_TENSOR(b), matrix b_by, product p, RESULTS)
{
    const long down = (p.m + DOWN - 1) / DOWN, across = (p.n + ACROSS - 1) / ACROSS, task = (long)get_global_id(0);
    const long batch = task / (down * across), i0 = task / across % down * DOWN, j0 = task % across * ACROSS;
    const long rows = p.m - i0 < DOWN ? p.m - i0 : DOWN, columns = p.n - j0 < ACROSS ? p.n - j0 : ACROSS;
    if (batch >= p.batches) return;
    const long from = matrix_at(&p, &a_by, batch) + i0 * a_by.row, with = matrix_at(&p, &b_by, batch) + j0 * b_by.col;
    HAL_PASTE(SUM_, IN) sum[DOWN][ACROSS], part[DOWN][ACROSS], right[ACROSS];
    for (long i = 0; i < DOWN; i++)
        for (long j = 0; j < ACROSS; j++) sum[i][j] = 0;
    for (long l0 = 0; l0 < p.k; l0 += p.run) {
        const long end = l0 + p.run < p.k ? l0 + p.run : p.k;
        for (long i = 0; i < DOWN; i++)
            for (long j = 0; j < ACROSS; j++) part[i][j] = 0;
        for (long l = l0; l < end; l++) {
            HAL_READ(B, AT(b), with + l * b_by.row, b_by.col, columns, right)
            for (long i = 0; i < rows; i++) {
                const HAL_PASTE(SUM_, IN) left = LOAD_SUM(A)(AT(a), from + i * a_by.row + l * a_by.col);
                HAL_VECTOR_LOOP for (long j = 0; j < columns; j++) part[i][j] += left * right[j];
            }
        }
        for (long i = 0; i < rows; i++)
            for (long j = 0; j < columns; j++) sum[i][j] += part[i][j];
    }
    RESULTS_FIND
    for (long i = 0; i < rows; i++)
        for (long j = 0; j < columns; j++) {
            const long row = i0 + i, column = j0 + j;
            RESULTS_STORE(sum[i][j])
        }
}
#else
HAL_KERNEL void matmul_plain(HAL_TENSOR(a), matrix a_by, HAL_TENSOR(b), matrix b_by, product p, RESULTS)
{
    const long i = (long)get_global_id(0), of_batch = p.m * p.n, batch = hal_div(i, of_batch);
    const long row = hal_div(i - batch * of_batch, p.n), column = i - batch * of_batch - row * p.n;
    if (batch >= p.batches) return;
    const long from = matrix_at(&p, &a_by, batch) + row * a_by.row;
    const long with = matrix_at(&p, &b_by, batch) + column * b_by.col;
    HAL_PASTE(SUM_, IN) sum = 0;
    for (long l0 = 0; l0 < p.k; l0 += p.run) {
        const long end = l0 + p.run < p.k ? l0 + p.run : p.k;
        HAL_PASTE(SUM_, IN) part = 0;
        for (long l = l0; l < end; l++)
            part += LOAD_SUM(A)(AT(a), from + l * a_by.col) * LOAD_SUM(B)(AT(b), with + l * b_by.row);
        sum += part;
    }
    RESULTS_FIND
    RESULTS_STORE(sum)
}
#endif

#elif defined(HAL_WIDE) && !defined(HAL_CUDA)
/* ------------------------------------------------------------------------------------------------------ wide -- */
#define DEPTH 256
#define A_ROW (DEPTH + 16)               /* not a power of 2: rows would share few lines of the cache */

HAL_KERNEL void matmul_wide(HAL_TENSOR(a), matrix a_by, HAL_TENSOR(b), matrix b_by, HAL_TENSOR(work), product p,
    RESULTS)
{
    const long down = (p.m + p.task_rows - 1) / p.task_rows, across = (p.n + p.task_columns - 1) / p.task_columns;
    const long each = p.task_rows * (A_ROW + p.task_columns) + DEPTH * HAL_TILE;
    const hal_floats left = HAL_AS(float, AT(work)) + (long)get_global_id(0) * each;
    const hal_floats right = left + p.task_rows * A_ROW, sums = right + DEPTH * HAL_TILE;
    for (long task = (long)get_global_id(0); task < down * across * p.batches; task += (long)get_global_size(0)) {
        const long batch = task / (down * across);
        const long i0 = task % down * p.task_rows, j0 = task / down % across * p.task_columns;
        const long rows = min(p.task_rows, p.m - i0), columns = min(p.task_columns, p.n - j0);
        const long a_at = matrix_at(&p, &a_by, batch) + i0 * a_by.row;
        const long b_at = matrix_at(&p, &b_by, batch) + j0 * b_by.col;
        long l0 = 0;
        do {
            const long depth = min((long)DEPTH, p.k - l0);
            long left_row;
            const hal_const_floats from = ROWS(A)(AT(a), a_at + l0 * a_by.col, a_by.row, a_by.col, rows,
                depth, left, A_ROW, &left_row);
            for (long j = 0; j < columns; j += HAL_TILE) {
                const long n = min((long)HAL_TILE, columns - j);
                STAGE(B)(AT(b), b_at + l0 * b_by.row + j * b_by.col, b_by.row, b_by.col, depth, n, right, HAL_TILE);
                hal_panel_fill(right, depth, n);
                long l = 0;
                do {
                    hal_tiles(from + l, left_row, 1, right + l * HAL_TILE, rows, min(p.run, depth - l), sums + j,
                        p.task_columns, l0 + l > 0);
                    l += p.run;
                } while (l < depth);
            }
            l0 += DEPTH;
        } while (l0 < p.k);
        RESULTS_FIND
        for (long i = 0; i < rows; i++) {
            const long row = i0 + i;
            HAL_VECTOR_LOOP for (long j = 0; j < columns; j++) {
                const long column = j0 + j;
                RESULTS_STORE(sums[i * p.task_columns + j])
            }
        }
    }
}

#else
/* ----------------------------------------------------------------------------------------------------- tiled -- */
HAL_KERNEL void matmul_tiled(HAL_TENSOR(a), matrix a_by, HAL_TENSOR(b), matrix b_by, product p, RESULTS)
{
    HAL_LOCAL float left[STEP][TILE + 1], right[STEP][TILE + 1];
    const int me = (int)get_local_id(0), x = me % SIDE, y = me / SIDE;
    const long across = (p.n + TILE - 1) / TILE, down = (p.m + TILE - 1) / TILE, group = (long)get_group_id(0);
    const long batch = group / (across * down), i0 = group / across % down * TILE, j0 = group % across * TILE;
    const long a_at = matrix_at(&p, &a_by, batch) + i0 * a_by.row, b_at = matrix_at(&p, &b_by, batch) + j0 * b_by.col;
    float sum[4][4], part[4][4];
    FOR_4X4 sum[r][c] = part[r][c] = 0.0f;
    for (long l0 = 0; l0 < p.k; l0 += STEP) {
        TILE_LOAD(A, a, a_at, a_by.row, a_by.col, p.m - i0, l0, p.k, left)
        TILE_LOAD(B, b, b_at, b_by.col, b_by.row, p.n - j0, l0, p.k, right)
        TILE_MULTIPLY(left, right, part)
        if ((l0 + STEP) % p.run == 0 || l0 + STEP >= p.k)
            FOR_4X4 {
                sum[r][c] += part[r][c];
                part[r][c] = 0.0f;
            }
    }
    RESULTS_FIND
    FOR_4X4 {
        const long row = i0 + y + r * SIDE, column = j0 + x + c * SIDE;
        if (row < p.m && column < p.n) RESULTS_STORE(sum[r][c])
    }
}
#endif
