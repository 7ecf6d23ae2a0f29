/* SPDX-License-Identifier: Apache-2.0 */
/**
 * backend.h - what a device driver implements. ABI 0: may change until several backends have lived on it.
 *
 * A backend is one shared object with one exported symbol and one ELF note. It links nothing of hal: what it needs comes in
 * the host table that `open` receives. docs/adding-a-backend.md walks through the null backend.
 *
 * The order of calls: hal_backend_query, `open`, `claim` when an instance is created (all passive); `device_open` on the
 * first use of a device; then `alloc`, `support`, `compile`, `queue_create`, `submit`, `copy` as work comes; at the end each
 * `*_free`, `*_destroy`, `device_close`, `close`.
 *
 * Rules for every function of the table:
 *  - called from any thread, but for one device never two calls of `submit` or `copy` for one queue at once;
 *  - never aborts, exits, prints, throws; returns a hal_status and, on failure, leaves text through host->fail;
 *  - out-parameters are written only on success;
 *  - deadlines are absolute CLOCK_MONOTONIC nanoseconds.
 *
 * How tables grow: members are appended, none is moved or removed within an ABI number. Each table begins with its size;
 * who reads a later member checks the size first. Source: docs/decisions/0004-abi-0.md.
 */
#ifndef HAL_BACKEND_H
#define HAL_BACKEND_H

#include "ops.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Number of this interface. Every change that an old binary would notice raises it and gets a decision record. */
#define HAL_BACKEND_ABI 0u

/* -------------------------------------------------------------------------------- the program description -- */

/**
 * A program as one block of bytes without pointers: offsets count from its start. Ops run in order. Sizes and strides
 * (in bytes) are constants or symbols (hal_dim). Any process or machine of the same byte order may read it. The core
 * checks every offset, count and index before a backend sees the block.
 */
typedef struct hal_description {
    /** HAL_DESCRIPTION_MAGIC and HAL_DESCRIPTION_VERSION. */
    uint32_t magic, version;
    /** Of the whole block. */
    uint64_t bytes;
    /** Entries of the arrays below; `flags` is reserved and 0. */
    uint32_t n_ops, n_operands, n_tensors, n_bindings, n_symbols, flags;
    /** Where each array begins: hal_description_op, uint32_t, _tensor, _binding, _symbol; attribute structs; strings. */
    uint64_t ops, operands, tensors, bindings, symbols, attrs, strings;
} hal_description;
/** First bytes of a description: "HALP" in little-endian order. */
#define HAL_DESCRIPTION_MAGIC 0x504c4148u
/** Version of the block's form. */
#define HAL_DESCRIPTION_VERSION 1u

/**
 * One op. Its operands are operands[first .. first + n_in + n_out): tensor indices, HAL_ABSENT for an absent input. A
 * backend that meets an unknown number or a newer version answers no with that reason.
 */
typedef struct hal_description_op {
    uint32_t number, version, first, n_in, n_out, attrs_bytes;
    /** Offset of the attribute struct, 8-aligned. */
    uint64_t attrs;
    /** Offset of the names of origin, comma separated, NUL terminated: what traces and errors call the op. */
    uint64_t names;
} hal_description_op;
/** Stands for an optional input that is not there. */
#define HAL_ABSENT UINT32_MAX

/**
 * A view into a binding. An output tensor never overlaps an input of the same op unless they are the same view and the op
 * is element-wise or says that it runs in place.
 */
typedef struct hal_description_tensor {
    /** hal_dtype; dimensions used; index of the binding; hal_layout.kind and .id. */
    uint32_t dtype, rank, binding, layout_kind, layout_id, reserved;
    /** Bytes from the binding's start to element (0, 0, ...); bytes of an opaque layout. */
    uint64_t offset, layout_bytes;
    /** Elements and bytes, outermost first. Strides may be 0 or negative. */
    hal_dim size[HAL_MAX_RANK], stride[HAL_MAX_RANK];
} hal_description_tensor;

/** What a binding is for. */
typedef enum hal_binding_kind {
    /** Read only: fed by the caller, or made by another program. */
    HAL_BINDING_INPUT,
    /** Written in full. */
    HAL_BINDING_OUTPUT,
    /** Read, and written where the graph assigns. */
    HAL_BINDING_VARIABLE,
    /** Scratch of the step: undefined before and after. */
    HAL_BINDING_ARENA
} hal_binding_kind;
/**
 * One binding: `kind` is a hal_binding_kind, `bytes` the most the program touches under any symbol values.
 */
typedef struct hal_description_binding { uint32_t kind, reserved; uint64_t bytes; } hal_description_binding;
/** Range of a symbol: min <= value <= max, a multiple of `multiple`. Values come with each submission, inside the range. */
typedef struct hal_description_symbol { int64_t min, max, multiple; } hal_description_symbol;

/** The array whose offset is `member`. */
#define HAL_DESCRIPTION_AT(d, member) ((const void *)((const char *)(d) + (d)->member))
/** The n_ops ops, in the order they run. */
static inline const hal_description_op *hal_description_ops(const hal_description *d) {
    return (const hal_description_op *)HAL_DESCRIPTION_AT(d, ops);
}
/** The n_operands tensor indices that ops refer to. */
static inline const uint32_t *hal_description_operands(const hal_description *d) {
    return (const uint32_t *)HAL_DESCRIPTION_AT(d, operands);
}
/** The n_tensors views. */
static inline const hal_description_tensor *hal_description_tensors(const hal_description *d) {
    return (const hal_description_tensor *)HAL_DESCRIPTION_AT(d, tensors);
}
/** The n_bindings bindings, in the order of a submission. */
static inline const hal_description_binding *hal_description_bindings(const hal_description *d) {
    return (const hal_description_binding *)HAL_DESCRIPTION_AT(d, bindings);
}
/** The n_symbols ranges, in the order of a submission's values. */
static inline const hal_description_symbol *hal_description_symbols(const hal_description *d) {
    return (const hal_description_symbol *)HAL_DESCRIPTION_AT(d, symbols);
}
/** The attribute struct of `op`, e.g. a hal_matmul_attrs. */
static inline const void *hal_description_attrs(const hal_description *d, const hal_description_op *op) {
    return (const char *)d + op->attrs;
}
/** Tensor of operand `i` of `op` (inputs first, then outputs); NULL when absent. */
static inline const hal_description_tensor *hal_description_operand(const hal_description *d, const hal_description_op *op,
                                                                    uint32_t i) {
    uint32_t t = hal_description_operands(d)[op->first + i];
    return t == HAL_ABSENT ? NULL : hal_description_tensors(d) + t;
}

/* -------------------------------------------------------------------------------------------------- tables -- */

/**
 * A device as a vendor's own library told of it when that was last asked, in a process of its own. Fixed size and without
 * pointers; texts are NUL terminated. What was not told is 0, "" or, of the numbers, UINT32_MAX.
 */
typedef struct hal_vendor_device {
    /** As that interface numbers it; platforms are OpenCL's, over all its drivers. UINT32_MAX: not told. */
    uint32_t platform, index;
    /** hal_device_kind of hal/topology.h: 0 cpu, 1 gpu, 2 npu, 5 other. */
    uint32_t kind;
    /** 1: its memory is the host's. */
    uint32_t shared;
    /** Units that compute, as the vendor counts them. */
    uint32_t cores;
    uint32_t reserved;
    /** Bytes of its memory. */
    uint64_t memory;
    /** "0000:1b:00.0"; as the vendor writes it. */
    char address[20], uuid[80];
    /** Of the device; of OpenCL's platform; version of the driver. */
    char name[128], platform_name[96], driver[64];
    /** Separated by blanks. */
    char features[160];
    /** Path of the library that told it; the .icd file that named that, "" elsewhere. */
    char library[256], manifest[256];
} hal_vendor_device;

/** What hal offers a backend. Valid from `open` to the end of `close`; `context` goes into each call. Any thread. */
typedef struct hal_host {
    /** sizeof the table the host was built with; its HAL_BACKEND_ABI. */
    uint32_t size, abi;
    /** First argument of the functions below. */
    void *context;
    /** Host memory from the instance's allocator, uninitialised; NULL when out of memory. `alignment` is a power of 2. */
    void *(*allocate)(void *context, size_t bytes, size_t alignment);
    /** Gives it back; accepts NULL. */
    void (*release)(void *context, void *pointer);
    /** Records the detail of a failure on this thread and returns `status`: `return host->fail(...)`. `vendor_code` is the
     *  vendor library's own number, or 0. The text says what failed, where, the observed cause, what to do. */
    hal_status (*fail)(void *context, hal_status status, int64_t vendor_code, const char *format, ...)
        __attribute__((format(printf, 4, 5)));
    /** Ends a submission: `completion` is what submit or copy was given. Any thread, once each, also inside submit. `text` is
     *  copied; "" on success. */
    void (*complete)(void *context, void *completion, hal_status status, const char *text);
    /** Tells that device `device` is lost for good; pending work is failed by the core with `text` as first cause. */
    void (*device_lost)(void *context, uint32_t device, const char *text);
    /** A span for the trace that may overlap with others, on a track of the backend. No-op when tracing is off. */
    void (*trace)(void *context, const char *name, int64_t begin_ns, int64_t end_ns);
    /** Instance option by name, or NULL: "cpu_devices", "cpu_threads", "cpu_isa", "cpu_bind",
     *  "fault_script", "primitives_only". */
    const char *(*option)(void *context, const char *name);
    /** Row of the operator table by number; NULL when this host does not know it. */
    const hal_op_info *(*op_describe)(uint32_t number);
    /** The fp64 reference (hal_op_reference), for backends that prove something else than arithmetic. Slow. */
    hal_status (*op_reference)(uint32_t number, const void *attrs, const hal_tensor *in, uint32_t n_in, const hal_tensor *out,
                               uint32_t n_out);
    /** Another loaded backend by name, for wrappers such as fault; NULL when it is not there (yet). */
    const struct hal_backend *(*backend_find)(void *context, const char *name);
    /** A span on the track of a device; NULL when nothing is traced, so that what times a device costs one branch then. Spans
     *  of one device nest or follow each other. `category` is "program" or "copy"; ops have trace_op. Texts are copied. */
    void (*trace_device)(void *context, uint32_t device, const char *category, const char *name, int64_t begin_ns,
                         int64_t end_ns);
    /** The devices that vendor interface `vendor` ("opencl": a row of hal/discovery/vendors.def) told of when it was last asked
     *  on this machine as it is now: at most `capacity` of them; returns how many there are, 0 when it never was asked.
     *  Passive: nothing is loaded. For `claim`; after the interface was asked anew (hal_instance_probe) devices that were
     *  there keep their order, and new ones follow. */
    uint32_t (*vendor_devices)(void *context, const char *vendor, uint32_t capacity, hal_vendor_device *devices);
    /** What cache_store kept under `key` for this backend's build, in this process or an earlier one: a block of *bytes for
     *  `release`, 64-aligned. NULL when there is none, or it is damaged. Blocking: file reads. The key says all that the
     *  data depend on besides the build: device, driver, options, text. Whoever may write the caller's cache directory may
     *  have written the data: check what a driver would not check itself. */
    void *(*cache_load)(void *context, const void *key, size_t key_bytes, size_t *bytes);
    /** Keeps `data` under `key` for later processes; what was there is replaced. Never fails: what cannot be kept is compiled
     *  again. Blocking: file writes. */
    void (*cache_store)(void *context, const void *key, size_t key_bytes, const void *data, size_t bytes);
    /** trace_device for op `op` of a program, under its names of origin: the trace tells which operator it is and its work
     *  too. `symbols`: those of the submission; NULL leaves out work that hangs on them. NULL when nothing is traced. */
    void (*trace_op)(void *context, uint32_t device, const hal_description *program, uint32_t op, const int64_t *symbols,
                     int64_t begin_ns, int64_t end_ns);
} hal_host;

/**
 * A device as a backend claims it, before it is activated. Fixed size and without pointers, so that a child process can
 * report it. Text fields are NUL terminated. What is not known is 0 or "": never a guess.
 */
typedef struct hal_device_record {
    /** "cpu": the core appends the index. */
    char alias[32];
    /** What people call it. */
    char name[96];
    /** Name of the memory it allocates in; equal names are one memory, across backends too. */
    char memory[32];
    /** Capacity of that memory; 0 unknown. */
    uint64_t memory_bytes;
    /** 1: the host may dereference its memory, at any time and without asking; coherent with what queues wrote once their
     *  completion was told. */
    uint32_t host_access;
    /** Devices of a backend with equal numbers, below 65535, share execution units. HAL_COMPUTE_GROUP_HOST: it computes on
     *  the host's processors, whichever backend it is of. Devices of several backends at one `address` share theirs too. */
    uint32_t compute_group;
    /** 1: computed by something other than the hardware it stands for; shown wherever results are. */
    uint32_t emulated;
    /** Where the hardware is, as the kernel writes it: "0000:1b:00.0". A device that the description of the machine has at that
     *  address is called as it is called there ("gpu0"), and is one device however many backends reach it. "": not known, or
     *  no device of its own. */
    char address[20];
} hal_device_record;
/** hal_device_record.compute_group of a device that computes on the host's processors, as an OpenCL driver for them does. */
#define HAL_COMPUTE_GROUP_HOST UINT32_MAX

/** Answer to "can you run this op?". */
typedef enum hal_support {
    /** No; `reason` says why. The core decomposes, or fails as the fallback policy says. */
    HAL_SUPPORT_NO = 0,
    /** With a kernel of its own. */
    HAL_SUPPORT_NATIVE = 1,
    /** By other means of the backend, slower; `reason` says which. */
    HAL_SUPPORT_EMULATED = 2,
    /** Only `compile` can tell (HAL_FEATURE_WHOLE_PROGRAM). */
    HAL_SUPPORT_AFTER_COMPILE = 3
} hal_support;
/** One answer; `support` is a hal_support, `reason` is NUL terminated, "" when there is nothing to say. */
typedef struct hal_support_answer { uint32_t support; char reason[124]; } hal_support_answer;
/**
 * Estimated cost of one run of a program: seconds, bytes moved, and confidence from 0 (guess) to 1 (measured on this very
 * device). A planner weighs estimates of unlike origin by it.
 */
typedef struct hal_cost { double seconds, bytes, confidence; } hal_cost;

/**
 * In which layout a device wants an operand: `id` 0 strided, else the backend's number of an opaque layout, and the
 * `bytes` that this tensor takes in it under any symbol values. A backend numbers its layouts from 1; a number means the
 * same on each device of one build with the same options. Two tensors of equal dtype and sizes in one layout have equal
 * bytes, whichever op reads them.
 */
typedef struct hal_layout_answer { uint32_t id, reserved; uint64_t bytes; } hal_layout_answer;

/**
 * Bytes of a submission: a block from `alloc` (`memory`), or host memory (`host`) when `memory` is NULL, and the offset of
 * the first byte into either. Any element-aligned address may occur.
 */
typedef struct hal_backend_binding { void *memory; void *host; uint64_t offset; } hal_backend_binding;

/** hal_backend.features: compiles programs with symbols; otherwise symbols are replaced by bucket sizes. */
#define HAL_FEATURE_DYNAMIC 1u
/** hal_backend.features: support is known only after compile. */
#define HAL_FEATURE_WHOLE_PROGRAM 2u
/** hal_backend.features: element-wise ops may write over an input. */
#define HAL_FEATURE_IN_PLACE 4u

/**
 * The table of a backend: static, const, the same for every query. A NULL member is an error at load, but for `cost`,
 * `counter`, `layout`, `vendors`, `driver` and `peer`; a table may end before `layout`.
 */
typedef struct hal_backend {
    hal_head head;
    /** HAL_BACKEND_ABI and HAL_BACKEND_SANITIZER as this file was compiled; the note repeats them. */
    uint32_t abi;
    uint32_t sanitizer;
    /** HAL_FEATURE_* bits. */
    uint64_t features;
    /** Short name as in `--backend`; a line for people; what tells two builds apart (part of program cache keys, so that a
     *  changed kernel never meets an old binary). */
    const char *name, *description, *build_id;

    /** Starts the backend; no device is touched and no thread started. `state` is given to the others. */
    hal_status (*open)(const hal_host *host, void **state);
    /** Ends it; every device was closed before. */
    void (*close)(void *state);
    /** Writes at most `capacity` records, and the number of devices there are to `count`. Passive: opens no device node. */
    hal_status (*claim)(void *state, uint32_t capacity, hal_device_record *records, uint32_t *count);
    /** Activates device `index` of the claimed ones, once. May block. */
    hal_status (*device_open)(void *state, uint32_t index, void **device);
    /** Closes it; its queues, programs and memory are gone, or quarantined after a hang: then nothing of theirs is
     *  touched. */
    void (*device_close)(void *device);

    /** `bytes` > 0 zeroed, 64-aligned at least. *host is its address where the host has access, else NULL.
     *  Errors: OUT_OF_MEMORY. */
    hal_status (*alloc)(void *device, uint64_t bytes, void **memory, void **host);
    /** Gives a block back; nothing uses it any more. Not called for what a hung queue may still write. */
    void (*free)(void *device, void *memory);

    /** Answers one entry an op, n_ops in all. Pure and cheap: the planner asks often. An op counts as supported only with the
     *  dtypes, sizes, strides and attributes it has in this program. */
    hal_status (*support)(void *device, const hal_description *program, hal_support_answer *answers);
    /** Estimates; NULL: unknown. */
    hal_status (*cost)(void *device, const hal_description *program, hal_cost *cost);
    /** Compiles until `deadline`; the description is the caller's and is copied if needed. Errors: UNSUPPORTED naming the op,
     *  DEADLINE_EXCEEDED, OUT_OF_MEMORY. */
    hal_status (*compile)(void *device, const hal_description *program, int64_t deadline, void **compiled);
    /** Frees a program that no work uses. */
    void (*program_free)(void *device, void *compiled);

    /** An in-order queue: work begins and ends in the order of submit and copy. Several queues of a device may run at once. */
    hal_status (*queue_create)(void *device, void **queue);
    /** Waits for running work until `deadline`; DEADLINE_EXCEEDED leaves the queue quarantined. */
    hal_status (*queue_destroy)(void *queue, int64_t deadline);
    /** Starts work in queue order without blocking; on HAL_OK `completion` is completed exactly once, on failure never.
     *  `symbols` has n_symbols values. Bindings are read before it returns; what they stand on lives until completion. */
    hal_status (*submit)(void *queue, void *compiled, const hal_backend_binding *bindings, uint32_t n_bindings,
                         const int64_t *symbols, void *completion);
    /** Copies between two blocks, or a block and host memory, in queue order; completion as for submit. The blocks are of the
     *  queue's device; where `peer` allowed it, one of them may be of the other device. */
    hal_status (*copy)(void *queue, const hal_backend_binding *dst, const hal_backend_binding *src, uint64_t bytes,
                       void *completion);
    /** Counters for tests and reports: "ops" executed, "programs" compiled; where kernels serve many of hal's programs, the
     *  distinct "kernels" that its own compiler made, and "binaries" of them that came from a cache instead. 0 for a name it
     *  does not know. NULL: nothing is counted. */
    uint64_t (*counter)(void *device, const char *name);

    /** In which layout the device would like to read input `operand` of op `op` of the program, all else as it stands there;
     *  and for the output of a `pack`, what its layout takes. Pure and cheap. Who names an opaque layout runs `pack` and
     *  `unpack` of it for such a tensor, and the op with that operand packed: then the description's tensor says so in
     *  layout_kind, layout_id and layout_bytes, its strides mean nothing, and the op's result is the same bit by bit as
     *  from a strided tensor without gaps. NULL: the device knows strided tensors only. */
    hal_status (*layout)(void *device, const hal_description *program, uint32_t op, uint32_t operand,
                         hal_layout_answer *answer);

    /** Vendor interfaces that have to be asked before `claim` can tell all devices, separated by blanks: "opencl". They are
     *  asked in a process of their own, when somebody first looks for a device that is not there (hal_instance_probe);
     *  then `claim` is called again, and may tell of more devices behind those it told of before. NULL: none. */
    const char *vendors;

    /** What drives device `index` of the claimed ones, with its version, cut to `size` bytes: "PoCL 3.1". Reports carry it, as
     *  results are those of a driver. Passive. NULL: nothing that would tell two results apart. */
    void (*driver)(void *state, uint32_t index, char *text, size_t size);

    /** Whether `copy` on queues of `device` takes one block of `other`, a device of the same backend and instance, as source or
     *  target beside one of its own: HAL_OK, after such copies were tried both ways and every byte was compared where it
     *  arrived. What a driver says of it is not enough, as some copies report success and damage or drop data. The host asks
     *  once for each pair and order of two activated devices, before the first such copy, and keeps HAL_OK and UNSUPPORTED;
     *  afterwards the order between both devices is the host's, as it starts a copy when all that it depends on is complete.
     *  A copy fails with DEVICE_LOST where the other device is lost meanwhile. Blocking: the copies that are tried, which must
     *  not wait for work of queues. Errors: UNSUPPORTED with the reason, which people read: then the host copies through its
     *  own memory. NULL: no two devices. */
    hal_status (*peer)(void *device, void *other);
} hal_backend;
/** Bytes of the shortest table of this ABI number: what came with its first release. */
#define HAL_BACKEND_LEAST_SIZE offsetof(hal_backend, layout)

/**
 * What this translation unit was instrumented with: 0 nothing, 1 addresses, 2 threads. gcc defines macros, clang features. A backend
 * and a host that differ cannot share a process: the sanitizer's runtime has to be there before either.
 */
#if defined(__SANITIZE_ADDRESS__)
#define HAL_BACKEND_SANITIZER 1u
#elif defined(__SANITIZE_THREAD__)
#define HAL_BACKEND_SANITIZER 2u
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAL_BACKEND_SANITIZER 1u
#elif __has_feature(thread_sanitizer)
#define HAL_BACKEND_SANITIZER 2u
#endif
#endif
#ifndef HAL_BACKEND_SANITIZER
#define HAL_BACKEND_SANITIZER 0u
#endif

/**
 * The ELF note `.note.hal.backend`, owner "hal", type 1: read from the file before dlopen, so that no code of a file runs
 * that was built for something else. Source: System V ABI, chapter 5, note section.
 */
typedef struct hal_backend_note {
    /** Header of an ELF note: bytes of owner and of what follows it, and the type. */
    uint32_t name_bytes, desc_bytes, type;
    char owner[4];
    /** HAL_BACKEND_NOTE_MAGIC; the range of ABI numbers `hal_backend_query` answers; HAL_BACKEND_SANITIZER. */
    uint32_t magic, abi_min, abi_max, sanitizer;
    /** As in the table, NUL terminated. */
    char name[32], build_id[32];
} hal_backend_note;
/** First word of the note's content: "HAL0" in little-endian order. */
#define HAL_BACKEND_NOTE_MAGIC 0x304c4148u

/**
 * The only symbol a backend exports: the table for the highest ABI number in [min, max]. Inert: starts nothing, reads
 * nothing, may be called at any time. Errors: VERSION_MISMATCH.
 */
typedef hal_status (*hal_backend_query_fn)(uint32_t min, uint32_t max, const hal_backend **out);

/**
 * Ends the build id in the note of the backends that are built with libhal. Those of others have none, and are opened in a
 * child process before they are opened in the host for the first time. Source: docs/decisions/0006.
 */
#ifndef HAL_BACKEND_BUILD
#define HAL_BACKEND_BUILD ""
#endif

/**
 * Defines the query symbol and the note, once a plugin. `table` is a const hal_backend with static storage; name and build
 * must be string literals of at most 31 bytes; the name equals that of the table, or the loader refuses the file.
 */
#define HAL_BACKEND_EXPORT(table, name_literal, build_literal) \
    __attribute__((visibility("default"))) hal_status hal_backend_query(uint32_t min, uint32_t max, const hal_backend **out); \
    hal_status hal_backend_query(uint32_t min, uint32_t max, const hal_backend **out) { \
        if (HAL_BACKEND_ABI - min > max - min) /* outside [min, max] */ \
            return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_VERSION_MISMATCH); \
        *out = &(table); \
        return HAL_OK; \
    } \
    __attribute__((used, section(".note.hal.backend"), aligned(4))) static const hal_backend_note hal_backend_note_ = { \
        4, sizeof(hal_backend_note) - 16, 1, "hal", HAL_BACKEND_NOTE_MAGIC, HAL_BACKEND_ABI, HAL_BACKEND_ABI, \
        HAL_BACKEND_SANITIZER, name_literal, build_literal HAL_BACKEND_BUILD};

#ifdef __cplusplus
}
#endif
#endif
