/* SPDX-License-Identifier: Apache-2.0 */
/*
 * driver.h - the parts of the CUDA driver and who owns what.
 *
 *   state     one an instance: options, the devices that were told
 *   device    one an activated device: the driver's functions, the primary context, a pool of memory, compiled texts
 *   binary    one a distinct text of kernels (hal_portable_source): a module, shared by all programs of the device
 *   program   one a compiled description: its chain of launches with their arguments, and a graph once it is run again
 *   queue     one a queue of hal: a stream, the jobs that are under way in it, and a thread that waits for their ends
 *
 * The primary context is the one that a framework in this process uses, too: its flags are left alone, it is pushed and
 * popped around every call, so that the caller's current context never changes, and nothing of it is ever reset.
 */
#ifndef HAL_BACKENDS_CUDA_DRIVER_H
#define HAL_BACKENDS_CUDA_DRIVER_H

#include <hal/backend.h>

#include <pthread.h>
#include <stdatomic.h>

#include "api.h"
#include "backends/claims.h"
#include "ops/portable/binary.h"
#include "ops/portable/chain.h"

/* Which products cuBLASLt gets: HAL_CUDA_BLAS is "off", is something else, is "all". */
typedef enum hal_cuda_blas_use { HAL_CUDA_BLAS_OFF, HAL_CUDA_BLAS_LARGE, HAL_CUDA_BLAS_ALL } hal_cuda_blas_use;

typedef struct hal_cuda_state {
    const hal_host *host;
    bool primitives_only, traced;
    /* A profiler listens to ranges (range.h): operators are told to it one by one. */
    bool ranged;
    /* HAL_CUDA_GRAPHS is not "off". */
    bool graphs;
    hal_cuda_blas_use blas;
    /* HAL_CUDA_ATTENTION is "cudnn". */
    bool dnn;
    hal_claims claims;
} hal_cuda_state;

typedef struct hal_cuda_binary hal_cuda_binary;
typedef struct hal_cuda_staging hal_cuda_staging;
typedef struct hal_cuda_blas hal_cuda_blas;
typedef struct hal_cuda_dnn hal_cuda_dnn;
typedef struct hal_cuda_taken hal_cuda_taken;

typedef struct hal_cuda_device {
    hal_cuda_state *state;
    const hal_host *host;
    hal_cuda_api cu;
    uint32_t index;
    CUdevice id;
    CUcontext context;
    /* NULL: the driver or the device has no pools. */
    CUmemoryPool pool;
    /* For memory: what is taken and given back, and zeroed. */
    CUstream stream;
    /* Guards staging and the clock. */
    pthread_mutex_t lock;
    hal_cuda_staging *staging;
    /* Guarded by `build`, which is held while one is compiled. */
    hal_portable_binary *binaries;
    hal_cuda_blas *blas;
    hal_cuda_dnn *dnn;
    bool blasless, dnnless;
    pthread_mutex_t build;
    hal_portable_traits traits;
    char name[128], who[160];
    /* Of the driver: 12040. Compute capability: 90. */
    int driver, capability;
    uint64_t memory_bytes;
    /* Of traces; guarded by `lock`. */
    CUevent mark;
    int64_t mark_at, traced_until;
    /* Bytes in blocks; counters. */
    _Atomic uint64_t given, ops, programs, kernels, loaded, graphs, products, products_left, attentions, attentions_left;
    _Atomic uint64_t host_bytes, peer_bytes;
    /* Queues that still ran at their end; what they use is left alone. */
    _Atomic uint32_t stuck;
    /* Set once, after `cause`, the first that was seen to go wrong. */
    _Atomic bool lost;
    pthread_mutex_t losing;
    char cause[400];
} hal_cuda_device;

/* A block of device memory: what hal_backend_binding.memory points to. */
typedef struct hal_cuda_block { hal_cuda_device *device; CUdeviceptr at; uint64_t bytes; } hal_cuda_block;

/* ------------------------------------------------------------------------------------------- fail.c -- */

/* A failed call: `code` decides the status (out of memory, device lost, ...), the text names it. */
__attribute__((format(printf, 3, 4)))
hal_status hal_cuda_fail(hal_cuda_device *device, CUresult code, const char *format, ...);
/* The status of a code, with this damage; of a lost device that one's. */
hal_status hal_cuda_status(CUresult code, hal_damage damage);
/* Whether nothing works on the device any more after such a code. */
bool hal_cuda_code_is_sticky(CUresult code);
/* Memory of the host ran out while making `what`. */
hal_status hal_cuda_no_memory(const hal_host *host, const char *what);

/* ------------------------------------------------------------------------------------------ claim.c -- */

/* One board, or one part of a divided one, is one device, whatever number the driver gives it. */
bool hal_cuda_claim_same(const hal_vendor_device *a, const hal_vendor_device *b);
hal_status hal_cuda_claim(void *state, uint32_t capacity, hal_device_record *records, uint32_t *count);
/* hal_backend.driver: "CUDA 13.0". */
void hal_cuda_claim_driver(void *state, uint32_t index, char *text, size_t size);
bool hal_cuda_claim_is_emulated(const hal_vendor_device *claim);

/* ------------------------------------------------------------------------------------------- find.c -- */

/* The device that a claim means; a failure says what has changed. */
hal_status hal_cuda_find(const hal_host *host, const hal_vendor_device *claim, hal_cuda_api *api, CUdevice *id);

/* ----------------------------------------------------------------------------------------- device.c -- */
hal_status hal_cuda_device_open(void *state, uint32_t index, void **device);
void hal_cuda_device_close(void *device);
/* Makes the device's context current on this thread until hal_cuda_leave; fails where the device is lost. */
hal_status hal_cuda_enter(hal_cuda_device *device);
void hal_cuda_leave(hal_cuda_device *device);
/* The same for who gives something back: also where the device is lost, and a second try. False: left as it was. */
bool hal_cuda_return(hal_cuda_device *device);
/*
 * Waits for all that the stream was given; twice, since a call that failed has not waited. The code that stays, if there was one,
 * or that of the second try. *ended: nothing of it runs any more. Under the context.
 */
CUresult hal_cuda_finish(const hal_cuda_device *device, CUstream stream, bool *ended);
/* Gives back what is only kept to be quicker later. */
void hal_cuda_device_trim(hal_cuda_device *device);
/* Tells the host that the device is lost; once. */
void hal_cuda_device_lose(hal_cuda_device *device, const char *text);
/* The same, if that is what the code of a failure means. */
void hal_cuda_device_suspect(hal_cuda_device *device, CUresult code, const char *text);

/* ----------------------------------------------------------------------------------------- memory.c -- */
hal_status hal_cuda_alloc(void *device, uint64_t bytes, void **memory, void **host);
void hal_cuda_free(void *device, void *memory);
/* Uninitialised memory for work of `stream` after this; given back, in the order of `stream`. */
CUresult hal_cuda_take(hal_cuda_device *device, uint64_t bytes, CUstream stream, CUdeviceptr *at);
void hal_cuda_give(hal_cuda_device *device, CUdeviceptr at, uint64_t bytes, CUstream stream);

/* ----------------------------------------------------------------------------------------- binary.c -- */

/* The compiled text of `program`: found, loaded, or built. Given back with _put. */
hal_status hal_cuda_binary_get(hal_cuda_device *device, const hal_portable_program *program, hal_cuda_binary **binary);
void hal_cuda_binary_put(hal_cuda_device *device, hal_cuda_binary *binary);
CUmodule hal_cuda_binary_module(const hal_cuda_binary *binary);
/* Frees those that nothing uses. */
void hal_cuda_binaries_trim(hal_cuda_device *device);

/* ---------------------------------------------------------------------------------------- program.c -- */

/* One kernel with what it is launched with; parameters point into the program's words, or into values of the plan. Or a step
   that a library does, which has no function. */
typedef struct hal_cuda_launch {
    CUfunction function;
    hal_cuda_taken *taken;
    hal_cuda_binary *binary;
    char entry[36];
    /* What a block of it may have; whether its parameters were compared with what is passed. */
    unsigned most;
    bool checked;
    unsigned grid[3], block[3];
    void **params;
} hal_cuda_launch;

/* What stands for a binding. `stale`: the words are not set to it yet. */
typedef struct hal_cuda_place { CUdeviceptr at; uint64_t offset; bool stale; } hal_cuda_place;

typedef struct hal_cuda_graph hal_cuda_graph;
typedef struct hal_cuda_program {
    hal_cuda_device *device;
    hal_portable_chain *chain;
    /* A step of the chain each, and more from an earlier plan. */
    hal_cuda_launch *launches;
    uint32_t room_launches;
    /* Parameters of all launches, and the base addresses and offsets that some of them point to. */
    void **params;
    uint64_t *words;
    hal_cuda_place *places;
    CUdeviceptr scratch;
    uint64_t scratch_bytes;
    /* One submission is enqueued at a time; scratch memory is used by one at a time, which `done` ends. */
    pthread_mutex_t lock;
    CUevent done;
    const void *last_queue;
    /* Submissions since it was planned; made at the second. */
    uint32_t runs;
    hal_cuda_graph *graph;
    /* The driver would not make a graph of it. */
    bool graphless;
    uint64_t bytes;
} hal_cuda_program;

hal_status hal_cuda_compile(void *device, const hal_description *description, int64_t deadline, void **compiled);
void hal_cuda_program_free(void *device, void *compiled);
/* Makes the launches for these symbol values, unless they are there. */
hal_status hal_cuda_program_plan(hal_cuda_program *program, const int64_t *symbols, int64_t deadline);

/* ------------------------------------------------------------------------------------------ queue.c -- */
struct hal_cuda_job;
typedef struct hal_cuda_queue {
    hal_cuda_device *device;
    CUstream stream;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* What is under way, in order; what is over, to be used again. */
    struct hal_cuda_job *first, *last, *spare;
    /* Those under way that write to host memory. */
    uint32_t host_writes;
    bool stopping;
    /* The thread has the device's context. */
    bool current;
    /* It was left behind: nobody is told anything any more. */
    bool left;
    pthread_t waiter;
} hal_cuda_queue;

hal_status hal_cuda_queue_create(void *device, void **queue);
hal_status hal_cuda_queue_destroy(void *queue, int64_t deadline);

/* ----------------------------------------------------------------------------------------- submit.c -- */
hal_status hal_cuda_submit(void *queue, void *compiled, const hal_backend_binding *bindings, uint32_t n_bindings,
                           const int64_t *symbols, void *completion);

/* ------------------------------------------------------------------------------------------- copy.c -- */
hal_status hal_cuda_copy(void *queue, const hal_backend_binding *dst, const hal_backend_binding *src, uint64_t bytes,
                         void *completion);

/* ------------------------------------------------------------------------------------------- peer.c -- */

/* hal_backend.peer: tries the pair. */
hal_status hal_cuda_peer(void *device, void *other);
/* Which of the two a failed copy between them means; the context of the first is current. */
hal_cuda_device *hal_cuda_peer_blame(hal_cuda_device *device, hal_cuda_device *other, CUresult code);
/* Of a copy that is over: it failed if the other device is lost. */
void hal_cuda_peer_judge(struct hal_cuda_job *job);

#endif
