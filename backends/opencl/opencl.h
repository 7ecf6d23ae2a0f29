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
#include "backends/claims.h"
#include "ops/portable/binary.h"
#include "ops/portable/chain.h"

/* HAL_OPENCL_BINARIES: which binaries are stored. CHEAP: those of drivers that need not compile for it. */
typedef enum hal_opencl_keep { HAL_OPENCL_KEEP_CHEAP, HAL_OPENCL_KEEP_ALL, HAL_OPENCL_KEEP_NONE } hal_opencl_keep;

/* HAL_OPENCL_TUNE: how the size of tiles is chosen (tune.h). OFF: large. */
typedef enum hal_opencl_tuning { HAL_OPENCL_TUNE_MEASURE, HAL_OPENCL_TUNE_OFF, HAL_OPENCL_TUNE_SMALL } hal_opencl_tuning;

typedef struct hal_opencl_state {
    const hal_host *host;
    bool primitives_only, traced;
    /* HAL_OPENCL_VARIANT: "wide", "gpu", or NULL. */
    const char *variant;
    /* HAL_OPENCL_MEMORY is "device": memory of its own even for a device that is the host. */
    bool own_memory;
    /* HAL_OPENCL_QUEUE is "out-of-order": launches that do not depend on each other may run at once. */
    bool unordered;
    hal_opencl_keep keep;
    hal_opencl_tuning tuning;
    hal_claims claims;
} hal_opencl_state;

/* A block of pinned memory; see staging.h. */
typedef struct hal_opencl_staging { cl_mem mem; char *address; bool taken; } hal_opencl_staging;
enum { HAL_OPENCL_STAGINGS = 4, HAL_OPENCL_STAGING_BYTES = 1 << 20 };

typedef struct hal_opencl_binary hal_opencl_binary;
typedef struct hal_opencl_device {
    hal_opencl_state *state;
    const hal_host *host;
    hal_opencl_api cl;
    uint32_t index;
    cl_device_id id;
    cl_context context;
    /* For work of our own, such as zeroing; guarded by `lock`. */
    cl_command_queue queue;
    pthread_mutex_t lock;
    hal_opencl_staging staging[HAL_OPENCL_STAGINGS];
    /* Guarded by `build`, which is held while one is compiled. */
    hal_portable_binary *binaries;
    pthread_mutex_t build;
    /* Held while it is measured. */
    pthread_mutex_t tuning;
    bool tuned;
    /* small_tiles is what was measured, and read without a lock. */
    _Atomic bool small_tiles;
    hal_portable_traits traits;
    char name[128], who[160], driver[64], platform[96], version[64];
    /* Of the compiler. */
    char options[96];
    uint64_t memory_bytes, most_block;
    size_t most_items[3];
    /* Its memory is the host's (hal_device_record.host_access); copies go through pinned memory; the driver calls back when
       an event is over, and says when it is done with a buffer. */
    bool host_access, stages, calls_back, told_of_ends;
    /* It computes on the host's processors. */
    bool is_host;
    /* Queues keep no order. */
    bool unordered;
    /* Its programs start behind the gate (gate.h). */
    bool gated;
    /* Of traces; guarded by `lock`. */
    bool clocked;
    int64_t clock_distance, traced_until;
    /* What is left to the driver (ground.h); guarded by `grounds`, which no call of OpenCL is made under. */
    int64_t n_grounds;
    pthread_mutex_t grounds;
    pthread_cond_t grounds_gone;
    /* Bytes in buffers; counters. */
    _Atomic uint64_t given, serial, ops, programs, kernels, loaded;
    _Atomic bool lost;
} hal_opencl_device;

/* A block of device memory: what hal_backend_binding.memory points to. */
typedef struct hal_opencl_block {
    cl_mem mem;
    uint64_t bytes;
    /* Where the host finds it, if the device has access to the host's memory; else NULL. */
    void *host;
    /* What the buffer stands on, unless that is left to the driver; else NULL. */
    struct hal_opencl_ground *ground;
    /* No other block of the device ever has the same; handles and addresses are used again. */
    uint64_t serial;
} hal_opencl_block;

/* ------------------------------------------------------------------------------------------- fail.c -- */

/* A failed call: `code` decides the status (out of memory, device lost, ...), the text names it. */
__attribute__((format(printf, 3, 4)))
hal_status hal_opencl_fail(hal_opencl_device *device, cl_int code, const char *format, ...);
/* The status of a code, with this damage. */
hal_status hal_opencl_status(cl_int code, hal_damage damage);
/* Whether it says that memory ran out, of whatever kind. */
bool hal_opencl_code_is_memory(cl_int code);
/* Memory of the host ran out while making `what`. */
hal_status hal_opencl_no_memory(const hal_host *host, const char *what);

/* ------------------------------------------------------------------------------------------ claim.c -- */

/* A device is known by its place in the lists of its platform. */
bool hal_opencl_claim_same(const hal_vendor_device *a, const hal_vendor_device *b);
hal_status hal_opencl_claim(void *state, uint32_t capacity, hal_device_record *records, uint32_t *count);
/* False: there is no such device. */
void hal_opencl_claim_driver(void *state, uint32_t index, char *text, size_t size);
/* Whether the host may reach the memory of such a device. */
bool hal_opencl_claim_shares(const hal_opencl_state *state, const hal_vendor_device *claim);

/* -------------------------------------------------------------------------------------- neighbour.c -- */

/* Whether every driver that the loader would open told of a device when it was asked; else `silent` names the one. */
bool hal_opencl_neighbours_sound(hal_opencl_state *state, char *silent, size_t size);

/* ----------------------------------------------------------------------------------------- device.c -- */
hal_status hal_opencl_device_open(void *state, uint32_t index, void **device);
void hal_opencl_device_close(void *device);
/* Waits for what is in the device's own queue; false: it did not end in time, or the driver would not say. */
bool hal_opencl_device_drain(hal_opencl_device *device, int64_t deadline);
/* What the driver says to a marker: no success once its device is gone. */
cl_int hal_opencl_device_ask(hal_opencl_device *device);
/* Gives back what is only kept to be quicker later. */
void hal_opencl_device_trim(hal_opencl_device *device);
/* Tells the host that the device is lost, if that is what the code of a failure means; once. */
void hal_opencl_device_suspect(hal_opencl_device *device, cl_int code, const char *text);

/* ------------------------------------------------------------------------------------------- find.c -- */

/* The functions and the device that a claim means; a failure says what has changed. */
hal_status hal_opencl_find(hal_opencl_state *state, const hal_vendor_device *claim, hal_opencl_api *api, cl_device_id *id);

/* ----------------------------------------------------------------------------------------- memory.c -- */
hal_status hal_opencl_alloc(void *device, uint64_t bytes, void **memory, void **host);
void hal_opencl_free(void *device, void *memory);
/* The failure of a call that should have made a block. */
hal_status hal_opencl_no_block(hal_opencl_device *device, uint64_t bytes, cl_int code);
/* A buffer, uninitialised, and its end. */
hal_status hal_opencl_buffer_create(hal_opencl_device *device, uint64_t bytes, cl_mem *mem);
void hal_opencl_buffer_free(hal_opencl_device *device, cl_mem mem, uint64_t bytes);

/* ----------------------------------------------------------------------------------------- binary.c -- */

/* The compiled text of `program`: found, loaded from the host's cache, or built. Given back with _put. */
hal_status hal_opencl_binary_get(hal_opencl_device *device, const hal_portable_program *program,
                                 hal_opencl_binary **binary);
void hal_opencl_binary_put(hal_opencl_device *device, hal_opencl_binary *binary);
cl_program hal_opencl_binary_program(const hal_opencl_binary *binary);
/* A number that other texts do not have. */
uint64_t hal_opencl_binary_mark(const hal_opencl_binary *binary);
/* Frees those that nothing uses. */
void hal_opencl_binaries_trim(hal_opencl_device *device);
/* Keeps them in the host's cache, where that is not dearer than building them was. */
void hal_opencl_binaries_store(hal_opencl_device *device);

/* ----------------------------------------------------------------------------------------- kernel.c -- */

/* The kernel object of a step of the program's chain. */
typedef struct hal_opencl_launch {
    cl_kernel kernel;
    hal_opencl_binary *binary;
    char entry[36];
} hal_opencl_launch;

/* What stands for a binding: a buffer and an offset. Serial 0 belongs to no block: such a place is never the same as
   another. `guest`: address of what the buffer stands on, where that is memory of others. `stale`: the arguments are not set
   to it yet. */
typedef struct hal_opencl_place { cl_mem mem; uint64_t serial, offset; uintptr_t guest; bool stale; } hal_opencl_place;

/* ---------------------------------------------------------------------------------------- program.c -- */
typedef struct hal_opencl_program {
    hal_opencl_device *device;
    hal_portable_chain *chain;
    /* A step of the chain each, and more from an earlier plan. */
    hal_opencl_launch *launches;
    uint32_t room_launches;
    /* The gate has met all launches. */
    bool known;
    cl_mem scratch;
    uint64_t scratch_bytes;
    /* A binding each: what the arguments are; room for where they begin. */
    hal_opencl_place *places;
    hal_portable_extent *extents;
    /* One submission is enqueued at a time; scratch memory is used by one at a time. */
    pthread_mutex_t lock;
    cl_event last;
    const void *last_queue;
} hal_opencl_program;

hal_status hal_opencl_compile(void *device, const hal_description *description, int64_t deadline, void **compiled);
/* The same with tiles of that size (tune.h), whose ops were checked. */
hal_status hal_opencl_program_make(hal_opencl_device *device, const hal_description *description, bool small_tiles,
                                   int64_t deadline, hal_opencl_program **program);
void hal_opencl_program_free(void *device, void *compiled);
/* Makes the launches for these symbol values, unless they are there. */
hal_status hal_opencl_program_plan(hal_opencl_program *program, const int64_t *symbols, int64_t deadline);
/* Puts binding `index` there. */
void hal_opencl_program_place(hal_opencl_program *program, uint32_t index, hal_opencl_place place);
/* Sets the arguments that differ from those of the last submission. */
hal_status hal_opencl_program_bind(hal_opencl_program *program);

/* ------------------------------------------------------------------------------------------ queue.c -- */
struct hal_opencl_job;
/* Who starts programs in order, as a queue does: those that are under way, and how many of them are not known (gate.h). */
typedef struct hal_opencl_visitor { uint32_t under_way, first; } hal_opencl_visitor;
typedef struct hal_opencl_queue {
    hal_opencl_device *device;
    cl_command_queue queue;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* What is under way, in order; `telling`: a thread is completing those that are over. */
    struct hal_opencl_job *first, *last;
    bool telling;
    /* A thread waits for the ends, since the driver does not call back. */
    bool waits, stopping;
    pthread_t waiter;
    hal_opencl_visitor visitor;
} hal_opencl_queue;

hal_status hal_opencl_queue_create(void *device, void **queue);
hal_status hal_opencl_queue_destroy(void *queue, int64_t deadline);

/* ----------------------------------------------------------------------------------------- submit.c -- */
hal_status hal_opencl_submit(void *queue, void *compiled, const hal_backend_binding *bindings, uint32_t n_bindings,
                             const int64_t *symbols, void *completion);

/* ------------------------------------------------------------------------------------------- copy.c -- */
hal_status hal_opencl_copy(void *queue, const hal_backend_binding *dst, const hal_backend_binding *src, uint64_t bytes,
                           void *completion);

#endif
