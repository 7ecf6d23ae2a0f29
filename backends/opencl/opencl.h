/* SPDX-License-Identifier: Apache-2.0 */
/*
 * opencl.h - the parts of the OpenCL driver and who owns what.
 *
 *   state     one an instance: what the host offers, options, the devices that were told
 *   device    one an activated device: its functions, context, traits, and the binaries compiled for it
 *   binary    one a distinct text of kernels (hal_portable_source): shared by all programs of the device
 *   program   one a compiled description: launches with their kernels and arguments
 *   queue     one a queue of hal: a command queue, and the jobs that are under way in it
 *
 * Sub-buffers are not used anywhere: they would ask for an alignment that tensors do not have. A kernel gets a buffer and
 * an offset for each operand (HAL_TENSOR in ops/portable/prelude.cl).
 */
#ifndef HAL_BACKENDS_OPENCL_H
#define HAL_BACKENDS_OPENCL_H

#include <hal/backend.h>

#include <pthread.h>
#include <stdatomic.h>

#include "api.h"
#include "ops/portable/portable.h"

enum { HAL_OPENCL_MOST_DEVICES = 64 };

typedef struct hal_opencl_state {
    const hal_host *host;
    bool primitives_only, traced;
    /* HAL_OPENCL_VARIANT: "wide", "gpu", or NULL. */
    const char *variant;
    /* Guards the claims. */
    pthread_mutex_t lock;
    uint32_t n_claims;
    hal_vendor_device claim[HAL_OPENCL_MOST_DEVICES];
} hal_opencl_state;

typedef struct hal_opencl_binary hal_opencl_binary;
typedef struct hal_opencl_device {
    hal_opencl_state *state;
    const hal_host *host;
    hal_opencl_api cl;
    uint32_t index;
    cl_device_id id;
    cl_context context;
    /* For zeroing fresh memory; guarded by `lock`. */
    cl_command_queue queue;
    pthread_mutex_t lock;
    /* Guarded by `build`, which is held while one is compiled. */
    hal_opencl_binary *binaries;
    pthread_mutex_t build;
    hal_portable_traits traits;
    char name[128], driver[64], platform[96], version[64];
    uint64_t memory_bytes, most_block;
    size_t most_items[3];
    _Atomic uint64_t ops, programs, kernels, loaded;
    _Atomic bool lost;
} hal_opencl_device;

/* A block of device memory: what hal_backend_binding.memory points to. */
typedef struct hal_opencl_block { cl_mem mem; uint64_t bytes; } hal_opencl_block;

/* ------------------------------------------------------------------------------------------- fail.c -- */

/* A failed call: `code` decides the status (out of memory, device lost, ...), the text names it. */
__attribute__((format(printf, 3, 4)))
hal_status hal_opencl_fail(hal_opencl_device *device, cl_int code, const char *format, ...);
/* The status of a code, with this damage. */
hal_status hal_opencl_status(cl_int code, hal_damage damage);
/* Memory of the host ran out while making `what`. */
hal_status hal_opencl_no_memory(const hal_host *host, const char *what);

/* ------------------------------------------------------------------------------------------ claim.c -- */
hal_status hal_opencl_claim(void *state, uint32_t capacity, hal_device_record *records, uint32_t *count);
/* False: there is no such device. */
bool hal_opencl_claim_get(hal_opencl_state *state, uint32_t index, hal_vendor_device *claim);
bool hal_opencl_claim_is_cpu(const hal_vendor_device *claim);

/* -------------------------------------------------------------------------------------- neighbour.c -- */

/* Whether every driver that the loader would open told of a device when it was asked; else `silent` names the one. */
bool hal_opencl_neighbours_sound(hal_opencl_state *state, char *silent, size_t size);

/* ----------------------------------------------------------------------------------------- device.c -- */
hal_status hal_opencl_device_open(void *state, uint32_t index, void **device);
void hal_opencl_device_close(void *device);

/* ------------------------------------------------------------------------------------------- find.c -- */

/* The functions and the device that a claim means; a failure says what has changed. */
hal_status hal_opencl_find(hal_opencl_state *state, const hal_vendor_device *claim, hal_opencl_api *api, cl_device_id *id);

/* ----------------------------------------------------------------------------------------- memory.c -- */
hal_status hal_opencl_alloc(void *device, uint64_t bytes, void **memory, void **host);
void hal_opencl_free(void *device, void *memory);
/* A buffer, uninitialised. */
hal_status hal_opencl_buffer(hal_opencl_device *device, uint64_t bytes, cl_mem *mem);

/* ----------------------------------------------------------------------------------------- binary.c -- */

/* The compiled text of `program`: found, loaded from the host's cache, or built. Lives as long as the device. */
hal_status hal_opencl_binary_get(hal_opencl_device *device, const hal_portable_program *program,
                                 hal_opencl_binary **binary);
cl_program hal_opencl_binary_program(const hal_opencl_binary *binary);
void hal_opencl_binaries_free(hal_opencl_device *device);

/* ----------------------------------------------------------------------------------------- kernel.c -- */

/* One kernel with the sizes it is enqueued with. */
typedef struct hal_opencl_launch {
    cl_kernel kernel;
    const hal_opencl_binary *binary;
    char entry[36];
    /* The op, and which of its launches. */
    uint32_t op, from;
    size_t global[3], group[3];
} hal_opencl_launch;

/* Where an operand is an argument: arguments `at` and `at` + 1 of a launch get buffer and offset of a binding. */
typedef struct hal_opencl_slot { uint32_t launch, at, binding; uint64_t offset; } hal_opencl_slot;

/* ---------------------------------------------------------------------------------------- program.c -- */
typedef struct hal_opencl_program {
    hal_opencl_device *device;
    hal_description *description;
    hal_portable_traits traits;
    hal_portable_call *calls;
    hal_portable_operand *operands;
    hal_opencl_launch *launches;
    hal_opencl_slot *slots;
    uint32_t n_launches, room_launches, n_slots, room_slots;
    /* The sizes are for these. */
    int64_t *symbols;
    bool planned;
    cl_mem scratch;
    uint64_t scratch_bytes;
    /* What the kernels' arguments are set to; `bound` false: nothing yet. */
    hal_backend_binding *bindings;
    bool bound;
    /* One submission is enqueued at a time; scratch memory is used by one at a time. */
    pthread_mutex_t lock;
    cl_event last;
    const void *last_queue;
} hal_opencl_program;

hal_status hal_opencl_compile(void *device, const hal_description *description, int64_t deadline, void **compiled);
void hal_opencl_program_free(void *device, void *compiled);
/* Makes the launches for these symbol values, unless they are there. */
hal_status hal_opencl_program_plan(hal_opencl_program *program, const int64_t *symbols, int64_t deadline);
/* Sets the arguments that differ from those of the last submission. */
hal_status hal_opencl_program_bind(hal_opencl_program *program, const hal_backend_binding *bindings);

/* ------------------------------------------------------------------------------------------ queue.c -- */
typedef struct hal_opencl_queue {
    hal_opencl_device *device;
    cl_command_queue queue;
    pthread_mutex_t lock;
    pthread_cond_t idle;
    uint64_t pending;
} hal_opencl_queue;

hal_status hal_opencl_queue_create(void *device, void **queue);
hal_status hal_opencl_queue_destroy(void *queue, int64_t deadline);
hal_status hal_opencl_submit(void *queue, void *compiled, const hal_backend_binding *bindings, uint32_t n_bindings,
                             const int64_t *symbols, void *completion);
/* Completes `completion` once `event`, which it takes, is over: with `failure` and `text`, or, where that is HAL_OK, with
   the fate of the event. */
void hal_opencl_queue_follow(hal_opencl_queue *queue, cl_event event, hal_status failure, const char *text,
                             void *completion);

/* ------------------------------------------------------------------------------------------- copy.c -- */
hal_status hal_opencl_copy(void *queue, const hal_backend_binding *dst, const hal_backend_binding *src, uint64_t bytes,
                           void *completion);

/* ---------------------------------------------------------------------------------------- support.c -- */
hal_status hal_opencl_support(void *device, const hal_description *program, hal_support_answer *answers);
hal_status hal_opencl_cost(void *device, const hal_description *program, hal_cost *cost);

#endif
