/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the cpu driver: state, device, program, queue. */
#ifndef HAL_BACKENDS_CPU_DEVICE_H
#define HAL_BACKENDS_CPU_DEVICE_H

#include <hal/backend.h>

#include "place.h"
#include "pool.h"

/* What an open backend knows. */
typedef struct hal_cpu_state {
    const hal_host *host;
    uint32_t n_devices;
    int64_t threads;
    bool primitives_only, bind;
    const hal_cpu_table *table;
    uint32_t features;
    bool traced;
} hal_cpu_state;

typedef struct hal_cpu_server hal_cpu_server;
typedef struct hal_cpu_device {
    hal_cpu_state *state;
    hal_cpu_server *server;
    uint32_t index;
    _Atomic uint64_t ops, programs;
} hal_cpu_device;

typedef struct hal_cpu_block { void *host; uint64_t bytes; } hal_cpu_block;

/* --- isa.c: kernels for this processor. `wanted` limits the choice: "plain", "avx2", or "best" and NULL; NULL for
   another word. */
const hal_cpu_table *hal_cpu_isa_choose(const char *wanted, uint32_t *features);

/* --- support.c */
hal_status hal_cpu_support(void *device, const hal_description *program, hal_support_answer *answers);
hal_status hal_cpu_cost(void *device, const hal_description *program, hal_cost *cost);

/* --- layout.c */
hal_status hal_cpu_layout(void *device, const hal_description *program, uint32_t op, uint32_t operand,
    hal_layout_answer *answer);
/* Why the operand's layout does not suit the op; NULL when it does. */
const char *hal_cpu_layout_check(const hal_cpu_state *state, const hal_description *d, const hal_description_op *op,
    uint32_t operand);

/* --- program.c */
typedef struct hal_cpu_program hal_cpu_program;
hal_status hal_cpu_compile(void *device, const hal_description *d, int64_t deadline, void **compiled);
void hal_cpu_program_free(void *device, void *compiled);
uint32_t hal_cpu_program_bindings(const hal_cpu_program *program);
uint32_t hal_cpu_program_symbols(const hal_cpu_program *program);
uint32_t hal_cpu_program_ops(const hal_cpu_program *program);
/* Hands the spans of the run that just ended, which was traced, to the host. */
void hal_cpu_program_trace(const hal_cpu_program *program, const hal_cpu_device *device, const hal_cpu_run *run);
/* Puts the program on these addresses and sizes; text of the failure, or NULL. */
const char *hal_cpu_program_place(hal_cpu_program *program, char *const *base, const int64_t *symbols,
    hal_cpu_run *run);

/* --- server.c: the thread that runs jobs, shared by all devices of the process. */
/* `wanted` workers, 0: as many as the machine gives; `bind` to cores or nodes. The first device decides. */
hal_cpu_server *hal_cpu_server_get(int64_t wanted, bool bind);
void hal_cpu_server_put(hal_cpu_server *server);
int64_t hal_cpu_server_workers(const hal_cpu_server *server);
/* Says where fresh pages shall lie on a machine with several nodes. */
void hal_cpu_server_pages(const hal_cpu_server *server, void *address, uint64_t bytes);

/* --- queue.c */
struct hal_cpu_queue;
typedef struct hal_cpu_job {
    struct hal_cpu_job *next;
    struct hal_cpu_queue *queue;
    hal_cpu_program *program;            /* NULL: a copy */
    void *completion;
    char *to;
    const char *from;
    uint64_t bytes;
    uint32_t n_bindings, n_symbols;
    char **base;
    int64_t *symbols;
} hal_cpu_job;
void hal_cpu_server_push(hal_cpu_server *server, hal_cpu_job *job);
/* Runs a job on the pool and completes it; frees it. */
void hal_cpu_job_run(hal_cpu_pool *pool, hal_cpu_job *job);
hal_status hal_cpu_queue_create(void *device, void **queue);
hal_status hal_cpu_queue_destroy(void *queue, int64_t deadline);
hal_status hal_cpu_submit(void *queue, void *compiled, const hal_backend_binding *bindings,
    uint32_t n_bindings,
                          const int64_t *symbols, void *completion);
hal_status hal_cpu_copy(void *queue, const hal_backend_binding *dst, const hal_backend_binding *src,
    uint64_t bytes,
                        void *completion);

#endif
