/* SPDX-License-Identifier: Apache-2.0 */
/**
 * cpu.h - what the driver of the cpu backend and its kernels share.
 *
 * A call is one op with resolved shapes. `prepare` cuts it into phases; a phase is a number of chunks that
 * any worker may run
 * in any order. How a phase is cut depends on shapes only, so the bits do not depend on the number of
 * workers.
 * Kernel files are compiled once for each instruction set; HAL_CPU_V(name) gives a name its variant.
 */
#ifndef HAL_OPS_CPU_CPU_H
#define HAL_OPS_CPU_CPU_H

#include "ops/kernel/strided.h"

#define HAL_CPU_MAX_PHASES 4
#define HAL_CPU_MAX_OPERANDS 32

/* A tensor with its sizes known; data is set before each run. dtype 0: absent. */
typedef struct hal_cpu_operand {
    uint32_t dtype, width, rank;
    uint32_t layout;                     /* 0 strided; else one of pack.h, and the strides are those without gaps */
    char *data;
    int64_t n;                           /* elements */
    int64_t size[HAL_MAX_RANK], stride[HAL_MAX_RANK];
    hal_strided flat;
} hal_cpu_operand;

typedef struct hal_cpu_call hal_cpu_call;
typedef void hal_cpu_run_fn(const hal_cpu_call *call, int64_t chunk, void *scratch);
/* Fills phases and the bytes wanted; false when out of memory. Runs again when sizes change. */
typedef bool hal_cpu_prepare_fn(hal_cpu_call *call);

typedef struct hal_cpu_phase { hal_cpu_run_fn *run; int64_t chunks; } hal_cpu_phase;

struct hal_cpu_call {
    uint32_t op, n_in, n_out, n_phases;
    const void *attrs;
    hal_cpu_operand *operand;            /* inputs, then outputs */
    hal_cpu_phase phase[HAL_CPU_MAX_PHASES];
    /* how row kernels cut: rows of `row` elements, `grain` rows a chunk */
    int64_t rows, row, grain;
    size_t scratch_bytes;                /* of each worker while it runs a chunk */
    size_t shared_bytes;                 /* of all chunks of this call */
    void *shared;
    void *plan;                          /* made by hal_cpu_plan, kept between runs */
    int64_t workers;
    uint32_t features;                   /* HAL_CPU_* mask for gemm */
};

/* Kernels of one instruction set by operator number; NULL: none. */
typedef struct hal_cpu_table {
    const char *name;
    hal_cpu_prepare_fn *prepare[HAL_OP_LIMIT];
} hal_cpu_table;

extern const hal_cpu_table hal_cpu_table_plain, hal_cpu_table_avx2, hal_cpu_table_avx512;

/* Zeroed memory that belongs to the call and replaces what it had; NULL when out of memory. */
void *hal_cpu_plan(hal_cpu_call *call, size_t bytes);
/* The view of `operand` broadcast to sizes, aligned at the innermost axis. */
void hal_cpu_broadcast(const hal_cpu_operand *operand, uint32_t rank, const int64_t *size, hal_strided *view);

static inline const hal_cpu_operand *hal_cpu_in(const hal_cpu_call *call, uint32_t i) {
    return i < call->n_in && call->operand[i].dtype != HAL_NO_DTYPE ? &call->operand[i] : NULL;
}
static inline const hal_cpu_operand *hal_cpu_out(const hal_cpu_call *call, uint32_t i) {
    return &call->operand[call->n_in + i];
}
static inline int64_t hal_cpu_min(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t hal_cpu_max(int64_t a, int64_t b) { return a > b ? a : b; }
static inline int64_t hal_cpu_ceil(int64_t n, int64_t d) { return (n + d - 1) / d; }

/* Elements one chunk should touch: long against the price of claiming it, short against a time slice. */
#define HAL_CPU_CHUNK 8192

/* Cuts `rows` rows of `row` elements into chunks for a phase of its own. */
static inline void hal_cpu_rows(hal_cpu_call *call, int64_t rows, int64_t row, hal_cpu_run_fn *run) {
    call->rows = rows;
    call->row = row;
    call->grain = hal_cpu_max(1, HAL_CPU_CHUNK / hal_cpu_max(1, row));
    call->phase[call->n_phases++] = (hal_cpu_phase){run, hal_cpu_ceil(rows, call->grain)};
}
static inline int64_t hal_cpu_rows_end(const hal_cpu_call *call, int64_t chunk) {
    return hal_cpu_min(call->rows, (chunk + 1) * call->grain);
}

#define HAL_CPU_PASTE_(a, b) hal_cpu_##a##_##b
#define HAL_CPU_PASTE(a, b) HAL_CPU_PASTE_(a, b)
#ifdef HAL_CPU_VARIANT
#define HAL_CPU_V(name) HAL_CPU_PASTE(name, HAL_CPU_VARIANT)
#endif

#endif
