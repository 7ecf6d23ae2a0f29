/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A CUDA driver whose devices are OpenCL devices: what its files share. One lock guards everything that is declared here;
 * a call of the driver holds it from its first line (ENTER) to its return, a worker of a stream while it is not computing.
 *
 * It is strict: what a real driver may forgive, or answer with a crash later, is answered at once, with a line on stderr
 * (emu_wrong) that says who did what. Its purpose is to run the host code of the cuda backend where there is no GPU.
 */
#ifndef HAL_TESTS_EMULATED_H
#define HAL_TESTS_EMULATED_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the header of the vendor declares is what this library exports; all else is hidden. */
#pragma GCC visibility push(default)
#include <cuda.h>
#pragma GCC visibility pop

#include "tests/emulated/control.h"

#define EMU_EXPORT __attribute__((visibility("default")))

enum { EMU_DEVICES = 8, EMU_CONTEXTS = 16, EMU_PARAMETERS = 64 };
#define EMU_VERSION 13000
#define EMU_MAJOR 7
#define EMU_MINOR 5
/* What a real driver gives at least. */
#define EMU_ALIGN 512u

/* ------------------------------------------------------------------------------------------------- a call -- */

/* What a call needs: nothing, an initialised driver, or a current context without an error. */
typedef enum emu_needs { EMU_ANYTIME, EMU_INIT, EMU_CONTEXT } emu_needs;
typedef struct emu_turn { CUresult code; CUcontext context; } emu_turn;

emu_turn emu_enter(const char *call, emu_needs needs);
void emu_leave(emu_turn *turn);
/* First line of each function of the driver: counts it, lets the script fail it, takes the lock, finds the context. */
#define ENTER(needs) \
    emu_turn turn __attribute__((cleanup(emu_leave))) = emu_enter(__func__, needs); \
    if (turn.code != CUDA_SUCCESS) return turn.code
#define TRY(expression) \
    do { const CUresult tried = (expression); if (tried != CUDA_SUCCESS) return tried; } while (0)

/* Waits, with the lock given back meanwhile, until a worker has done something. */
void emu_wait(void);
void emu_wait_on(pthread_cond_t *wake);
/* Says that something was done. */
void emu_tell(void);
/* Gives the lock back for something long, and takes it again. */
void emu_unlock(void);
void emu_lock(void);

/* A use that the real driver does not promise to survive: a line on stderr and one more in the count. Answers `code`. */
CUresult emu_wrong(CUresult code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The call that this thread is in, for such lines. */
const char *emu_call(void);
void emu_call_set(const char *call);
const char *emu_code_name(CUresult code);
uint64_t emu_now(void);

/* ------------------------------------------------------------------------------------------------ handles -- */

typedef enum emu_kind {
    EMU_CTX = 1, EMU_STREAM, EMU_EVENT, EMU_MODULE, EMU_FUNCTION, EMU_GRAPH, EMU_EXEC, EMU_POOL, EMU_KINDS
} emu_kind;
/* Handles that were given out and not given back; false when memory ran out. */
bool emu_handle_add(const void *handle, emu_kind kind);
void emu_handle_drop(const void *handle);
bool emu_is(const void *handle, emu_kind kind);
unsigned emu_handles(emu_kind kind);

/* ------------------------------------------------------------------------------------------------- script -- */

typedef struct emu_script {
    int version;                          /* 0: that of the library */
    CUresult init;
    bool none, mig;
    unsigned delay;                       /* microseconds at most before each command */
    int64_t memory[EMU_DEVICES];          /* -1: not limited */
    int64_t lost[EMU_DEVICES], asserted[EMU_DEVICES], hung[EMU_DEVICES]; /* launches before it; -1: never */
    uint8_t corrupt[EMU_DEVICES], apart[EMU_DEVICES]; /* by device, a bit for each other one */
} emu_script;
extern emu_script emu_rules;
/* What HAL_EMULATED_CUDA_SCRIPT says; once. */
void emu_script_begin(void);
/* What the script says of this call, which is counted. */
CUresult emu_script_call(const char *call);

/* ------------------------------------------------------------------------------------------------ devices -- */

typedef struct emu_device {
    int number;                           /* its place in the machine, whichever are visible */
    void *opencl;                         /* cl_device_id */
    char name[256];
    CUuuid uuid, instance;
    size_t used;
    uint64_t launches;
    CUcontext primary;                    /* NULL: not active */
    unsigned retained, flags;
    CUmemoryPool pool;                    /* the default one, made on first use */
    struct emu_cl *cl;                    /* made on first use */
} emu_device;

/* The devices of the machine, before CUDA_VISIBLE_DEVICES. */
CUresult emu_devices_open(void);
/* Launches are counted from 0 again. */
void emu_devices_recount(void);
emu_device *emu_device_of(CUdevice device);
CUdevice emu_device_handle(const emu_device *device);
/* Bytes it has, or the script leaves it. */
size_t emu_device_total(const emu_device *device);
/* Which of `n` devices a list in the form of CUDA_VISIBLE_DEVICES shows, in its order; NULL: all. */
int emu_visible(const char *list, const emu_device *device, int n, int shown[EMU_DEVICES]);
/* Whether `from` may reach the memory of `to` at all. */
bool emu_peers(const emu_device *from, const emu_device *to);

struct CUctx_st {
    emu_device *device;
    bool primary;
    CUresult sticky;                      /* every call answers with it from then on */
    unsigned flags;
    uint64_t id;
    uint8_t reaches;                      /* devices whose memory it may use, by cuCtxEnablePeerAccess */
    bool stuck;                           /* work of it never ends, by the script */
    struct CUstream_st *legacy, *streams;
    struct CUctx_st *next;                /* of those that ended */
};
CUcontext emu_current(void);
/* The first error of a context stays; workers skip what they have left. */
void emu_context_fail(CUcontext context, CUresult code);

/* ------------------------------------------------------------------------------------------------- memory -- */

/* RESERVED: an address that a stream will give memory to. */
typedef enum emu_state { EMU_RESERVED, EMU_LIVE, EMU_FREED } emu_state;
typedef struct emu_block {
    CUdeviceptr at;
    size_t bytes, span;
    emu_state state;
    CUcontext context;
    CUmemoryPool pool;                    /* NULL: of no pool */
    unsigned users, commands;             /* kernels and copies at it this moment; commands that will begin or end it */
    char freed_by[32];
} emu_block;

struct CUmemPoolHandle_st {
    emu_device *device;
    bool is_default;
    uint8_t reaches;                      /* devices that may use its memory, its own not counted */
    uint64_t threshold, used, used_high, reserved, reserved_high, most;
    int follow, opportunistic, internal;
};

/* An address range, without memory; NULL: no room on the device. */
CUresult emu_block_make(CUcontext context, CUmemoryPool pool, size_t bytes, emu_state state, emu_block **block);
void emu_block_begin(emu_block *block);
void emu_block_end(emu_block *block, const char *by);
/* The block that holds `at`, live, reserved or not long ago freed. */
emu_block *emu_block_at(CUdeviceptr at);
bool emu_is_device_address(const void *address);
/* Where `bytes` bytes at a device's or mapped host address lie, for work of `context` (NULL: of whichever owns them); NULL
   where they may not be used, and the line that says why was written. `what` names the use; *block is NULL for host memory. */
char *emu_reach(CUcontext context, CUdeviceptr at, size_t bytes, const char *what, emu_block **block);
/* Waits for what uses it, then ends it, as cuMemFree does. */
CUresult emu_block_free(CUdeviceptr at);
/* Memory of a context, or of a pool, that ends; NULL: of any. How many blocks there were. */
unsigned emu_blocks_drop(CUcontext context, CUmemoryPool pool);
unsigned emu_blocks_live(uint64_t *bytes);
/* Page-locked memory of the host: whether all of it is. */
bool emu_is_pinned(const void *at, size_t bytes);
unsigned emu_pinned_live(void);
unsigned emu_pinned_drop(CUcontext context);
/* A pool's share of a block that comes to be, for which false means that there is no room, or that ended. */
bool emu_pool_take(CUmemoryPool pool, size_t bytes);
void emu_pool_give(CUmemoryPool pool, size_t bytes);
/* Where a program waits, pools keep no more than their threshold. */
void emu_pools_trim(void);

/* ------------------------------------------------------------------------------------------------ commands -- */

/* When a record of an event is done. Counted: by the event, by commands. */
typedef struct emu_point { unsigned refs; bool done; uint64_t time; CUcontext context; } emu_point;
emu_point *emu_point_make(CUcontext context);
emu_point *emu_point_keep(emu_point *point);
void emu_point_drop(emu_point *point);

typedef enum emu_work { EMU_NOTHING, EMU_KERNEL, EMU_COPY, EMU_FILL, EMU_RECORD, EMU_AWAIT, EMU_HOST, EMU_TAKE, EMU_GIVE,
    EMU_LIST, EMU_SERVICE } emu_work;
typedef struct emu_end { char *host; CUdeviceptr device; CUcontext context; } emu_end;
typedef struct emu_launch {
    CUfunction function;
    unsigned grid[3], block[3];
    unsigned char *parameters;            /* as the function lays them out; owned */
} emu_launch;

typedef struct emu_command {
    struct emu_command *next;
    emu_work work;
    uint64_t number;
    const char *call;                     /* who asked for it */
    union {
        emu_launch launch;
        struct { emu_end to, from; size_t bytes; char *staged; } copy;
        struct { CUdeviceptr to; unsigned value, width; size_t count; } fill;
        emu_point *point;
        struct { CUhostFn function; CUstreamCallback callback; void *data; } host;
        emu_block *block;
        struct emu_list *list;
        struct emu_service *service;      /* of another library of this rig; counted */
    };
} emu_command;

/* What a graph does, in an order that its dependencies allow; at[i]: where its node i is done, counted from 1. Counted:
   executable graphs, launches and nodes that are graphs share it. */
typedef struct emu_list { unsigned refs, n, *at; emu_command *command; } emu_list;

emu_command *emu_command_make(emu_work work);
/* Copies what a command owns; false when memory ran out. */
bool emu_command_copy(const emu_command *from, emu_command *to);
void emu_command_clear(emu_command *command);
/* Runs it on the worker of `stream`; gives the lock back while it computes. */
CUresult emu_command_run(CUstream stream, emu_command *command);
/* What is left of it when its context is lost: who waits for it must not wait for ever. */
void emu_command_skip(CUstream stream, emu_command *command);
CUresult emu_launch_run(CUstream stream, const emu_launch *launch);
/* One more launch of the device: the script's faults of it. */
CUresult emu_launch_count(CUstream stream);
CUresult emu_service_run(CUstream stream, struct emu_service *service);
void emu_service_keep(struct emu_service *service);
void emu_service_drop(struct emu_service *service);
CUresult emu_list_run(CUstream stream, emu_list *list);
emu_list *emu_list_make(const struct CUgraph_st *graph);
void emu_list_drop(emu_list *list);

struct CUstream_st {
    struct CUstream_st *next;             /* of the context */
    CUcontext context;
    unsigned flags;
    int priority;
    uint64_t id, asked, done;             /* numbers of commands */
    emu_command *first, **last;
    bool closed, ended, orphan, stuck;    /* told to end; did; frees itself then; never will */
    struct CUgraph_st *capture;           /* NULL: it does what it is told */
    CUstreamCaptureMode mode;
    CUstreamCaptureStatus status;
    bool origin;                          /* capture was begun here */
    struct CUgraphNode_st **tips;         /* what the next captured node depends on */
    unsigned n_tips;
    pthread_cond_t wake;
};

/* The stream that a handle stands for in `context`: CUDA_ERROR_INVALID_HANDLE for one that is gone or another context's. */
CUresult emu_stream_find(CUcontext context, CUstream handle, CUstream *stream);
/* Queues a command, or adds it to the graph that is being captured; takes it in either case. */
CUresult emu_stream_add(CUstream stream, emu_command *command);
CUresult emu_stream_finish(CUstream stream);
/* Ends the streams of a context and waits for that; false when work of it never ends. */
bool emu_streams_drop(CUcontext context);
unsigned emu_streams_of(CUcontext context);
CUresult emu_context_finish(CUcontext context);

struct CUevent_st {
    struct CUevent_st *next;              /* of all */
    CUcontext context;
    unsigned flags;
    emu_point *point;                     /* of the last record; NULL: none */
    struct CUgraph_st *capture;           /* where the last record was in a capture */
    struct CUgraphNode_st **tips;
    unsigned n_tips;
};
/* How many of a context there were: they end with it. */
unsigned emu_events_drop(CUcontext context);

/* ------------------------------------------------------------------------------------------------- graphs -- */

/* `place`: where it stands in the graph. What it depends on stands before it. */
struct CUgraphNode_st { CUgraph graph; unsigned place, n_before; struct CUgraphNode_st **before; emu_command command; };
struct CUgraph_st { uint64_t id; unsigned n, room; struct CUgraphNode_st **node; };

CUresult emu_graph_make(CUgraph *graph);
void emu_graph_drop(CUgraph graph);
/* A node at the end of the graph; takes the command, which is freed where it fails. */
CUresult emu_graph_add(CUgraph graph, struct CUgraphNode_st *const *before, unsigned n, emu_command *command,
    CUgraphNode *node);

/* A command that a stream in capture was given becomes a node of its graph. */
CUresult emu_capture_add(CUstream stream, emu_command *command);
/* A call that no capture allows was made: the capture of `stream` is no longer valid. */
CUresult emu_capture_spoil(CUstream stream);
CUresult emu_capture_record(CUstream stream, CUevent event);
CUresult emu_capture_wait(CUstream stream, CUevent event);
/* Whether a call that may not be made while a stream of the context is captured would be one. */
bool emu_is_captured(CUcontext context);

/* ------------------------------------------------------------------------------------------------ modules -- */

typedef struct emu_parameter { size_t offset, bytes; bool pointer; } emu_parameter;
struct CUfunc_st {
    CUmodule module;                      /* NULL: unloaded */
    CUcontext context;
    unsigned refs;
    char name[64];
    void *kernel;                         /* cl_kernel */
    emu_parameter parameter[EMU_PARAMETERS];
    unsigned n_parameters;
    size_t bytes, local;
    struct CUfunc_st *next;
};
struct CUmod_st {
    struct CUmod_st *next;                /* of all */
    CUcontext context;
    void *program;                        /* cl_program */
    struct CUfunc_st *functions;
    struct emu_image *image;
};

void emu_function_drop(CUfunction function);
unsigned emu_modules_drop(CUcontext context);
/* A command that launches with these parameters, which are copied; NULL as the answer of `made` where it fails. */
CUresult emu_launch_make(CUcontext context, const CUDA_KERNEL_NODE_PARAMS *parameters, emu_command **made);

#endif
