/* SPDX-License-Identifier: Apache-2.0 */
/**
 * hal.h - devices, memory and ordered work.
 *
 * Read this header from the top: each section uses only what stands above it.
 *
 *   1. status       what a call answers, and where the detail of a failure is kept
 *   2. dtype        number formats
 *   3. tensor       a view of bytes, passed by value
 *   4. instance     one machine and the backends loaded for it
 *   5. device, memory
 *   6. buffer       bytes in one memory
 *   7. timeline     the only way to synchronise
 *   8. queue, program
 *   9. run          one operator, eagerly
 *
 * Rules that hold for every function here and are not repeated:
 *
 *  - Out-parameters come last and are written only on success.
 *  - Handles are counted. A `_create`, `_find` or `_retain` gives the caller one reference, `_release` drops it; order
 *    of release does not matter. Releasing NULL does nothing. `_release` never blocks unless it says so.
 *  - Structs that callers fill begin with HAL_HEAD(type), which records their size, so that old callers and new
 *    libraries understand each other.
 *  - Deadlines are absolute CLOCK_MONOTONIC nanoseconds. There is no infinite value. 0 means "already due": poll.
 *  - The library never aborts, exits or prints unless asked.
 *  - Unless a comment says otherwise a function may be called from any thread, does not block and allocates nothing.
 */
#ifndef HAL_HAL_H
#define HAL_HAL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Marks what libhal exports; everything else is hidden. */
#define HAL_API __attribute__((visibility("default")))

/** First member initialiser of every caller-filled struct: `hal_instance_options o = {HAL_HEAD(hal_instance_options)}`. */
#define HAL_HEAD(type) .head = {(uint32_t)sizeof(type), 0}

/** What HAL_HEAD fills. `size` is sizeof the caller's struct, `flags` is reserved and 0. */
typedef struct hal_head {
    uint32_t size;
    uint32_t flags;
} hal_head;

/* ------------------------------------------------------------------------------------------------ 1. status -- */

/**
 * Answer of a call: 0 is success; otherwise the high 8 bits name the largest object damaged and the low 24 bits say
 * what happened. The damage decides what the caller has to do (see hal_damage), the code decides what to tell people.
 */
typedef uint32_t hal_status;

/** The largest object a failure damaged, smallest first. Source: docs/reliability.md. */
typedef enum hal_damage {
    HAL_DAMAGE_NONE = 0,    /**< success */
    HAL_DAMAGE_CALL = 1,    /**< nothing changed: mend the arguments, or retry */
    HAL_DAMAGE_GRAPH = 2,   /**< results of this submission are void: submit again */
    HAL_DAMAGE_QUEUE = 3,   /**< the queue is dead: create another */
    HAL_DAMAGE_DEVICE = 4,  /**< the device is lost: release its objects and plan again */
    HAL_DAMAGE_PROCESS = 5, /**< the process has to be started again */
} hal_damage;

/** What happened. Numbers are part of the ABI. */
typedef enum hal_code {
    HAL_CODE_OK = 0,
    HAL_CODE_INVALID_ARGUMENT = 1,    /**< an argument breaks the rule stated for it */
    HAL_CODE_NOT_FOUND = 2,           /**< no such device, operator, file or name */
    HAL_CODE_UNSUPPORTED = 3,         /**< the backend has no kernel for this; the detail has its reason */
    HAL_CODE_OUT_OF_MEMORY = 4,       /**< an allocation failed, or a plan does not fit the memory it names */
    HAL_CODE_FAILED_PRECONDITION = 5, /**< right call at the wrong time, e.g. an instance inherited over fork */
    HAL_CODE_DEADLINE_EXCEEDED = 6,   /**< the deadline passed first; the work may still complete */
    HAL_CODE_CANCELLED = 7,
    HAL_CODE_DEVICE_LOST = 8,         /**< sticky; the detail carries the first cause */
    HAL_CODE_DATA_LOSS = 9,           /**< bytes are damaged: truncated file, short copy */
    HAL_CODE_VERSION_MISMATCH = 10,   /**< ABI or format range does not meet ours */
    HAL_CODE_PERMISSION_DENIED = 11,  /**< untrusted file or directory */
    HAL_CODE_UNAVAILABLE = 12,        /**< a library or device that should be there is not, now */
    HAL_CODE_INTERNAL = 13,           /**< a bug of hal or of a backend */
    HAL_CODE_IO = 14,                 /**< the operating system refused; the detail has errno's text */
} hal_code;

#define HAL_OK ((hal_status)0)
/** Composes a status from a hal_damage and a hal_code. */
#define HAL_STATUS(damage, code) ((hal_status)(((uint32_t)(damage) << 24) | ((uint32_t)(code) & 0xffffffu)))
/** What a status damaged. */
static inline hal_damage hal_status_damage(hal_status s) { return (hal_damage)(s >> 24); }
/** What a status says happened. */
static inline hal_code hal_status_code(hal_status s) { return (hal_code)(s & 0xffffffu); }
/** Returns from the enclosing function when `expression` fails. The enclosing function returns hal_status. */
#define HAL_TRY(expression) \
    do { \
        hal_status hal_try_status_ = (expression); \
        if (hal_try_status_ != HAL_OK) return hal_try_status_; \
    } while (0)

/** The detail of the newest failure on the calling thread. Strings belong to hal and live until the next failure there. */
typedef struct hal_status_detail {
    hal_status status;
    const char *text;       /**< one sentence: what failed, where, the observed cause, what to do */
    const char *device;     /**< device id, or "" */
    int64_t vendor_code;    /**< the vendor library's own code, or 0 */
    const char *file;       /**< where in hal it was noticed */
    int line;
} hal_status_detail;

/** Detail of the calling thread's newest failed call. Never NULL. Cost: a thread-local read. */
HAL_API const hal_status_detail *hal_status_last(void);
/** "OUT_OF_MEMORY"; "UNKNOWN" for a code this library does not know. Static string. */
HAL_API const char *hal_status_name(hal_status status);
/** "call", "graph", "queue", "device", "process" or "none". Static string. */
HAL_API const char *hal_damage_name(hal_damage damage);

/** Version of libhal as "major.minor.patch". Static string. */
HAL_API const char *hal_version(void);
/** Now, in the clock that deadlines use (CLOCK_MONOTONIC nanoseconds). */
HAL_API int64_t hal_time_now(void);
/** The deadline that lies `milliseconds` ahead of now. */
HAL_API int64_t hal_deadline_ms(int64_t milliseconds);

/** Where objects take host memory from; NULL members or a NULL allocator mean malloc and free. Must be thread-safe. */
typedef struct hal_allocator {
    void *(*allocate)(void *context, size_t bytes, size_t alignment); /**< NULL when out of memory; content undefined */
    void (*release)(void *context, void *pointer);                    /**< accepts NULL */
    void *context;
} hal_allocator;

/* ------------------------------------------------------------------------------------------------- 2. dtype -- */

/** A number format; rows and numbers stand in dtypes.def. */
typedef enum hal_dtype {
    HAL_NO_DTYPE = 0,
#define HAL_DTYPE(number, ID, name, bits, elements, bytes, class_) HAL_##ID = number,
#include "dtypes.def"
#undef HAL_DTYPE
    HAL_DTYPE_COUNT
} hal_dtype;

/** What kind of numbers a dtype holds. */
typedef enum hal_dtype_class {
    HAL_DTYPE_CLASS_FLOAT,
    HAL_DTYPE_CLASS_INTEGER,
    HAL_DTYPE_CLASS_BOOLEAN,
    HAL_DTYPE_CLASS_QUANTISED
} hal_dtype_class;

/** A row of the dtype table. */
typedef struct hal_dtype_info {
    const char *name;         /**< "bf16" */
    uint32_t bits;            /**< of one element, rounded down for block types */
    uint32_t block_elements;  /**< 1 for plain types */
    uint32_t block_bytes;     /**< bytes of one block; of one element for plain types */
    hal_dtype_class class_;
} hal_dtype_info;

/** The row of a dtype, or NULL when the number is unknown. Static. */
HAL_API const hal_dtype_info *hal_dtype_describe(hal_dtype dtype);
/** The dtype called `name`, or HAL_NO_DTYPE. */
HAL_API hal_dtype hal_dtype_find(const char *name);

/* ------------------------------------------------------------------------------------------------ 3. tensor -- */

typedef struct hal_instance hal_instance;
typedef struct hal_device hal_device;
typedef struct hal_memory hal_memory;
typedef struct hal_buffer hal_buffer;
typedef struct hal_queue hal_queue;
typedef struct hal_timeline hal_timeline;
typedef struct hal_program hal_program;

/** Most dimensions a tensor may have. */
#define HAL_MAX_RANK 8

/** How the bytes of a tensor are arranged. Kind 0: strided. Otherwise opaque to all but `backend`, which named `id`. */
typedef struct hal_layout {
    uint32_t kind;     /**< 0 strided, 1 opaque */
    uint32_t id;       /**< the backend's number of the arrangement */
    uint64_t bytes;    /**< bytes the arrangement takes */
    char backend[16];  /**< who can read it */
} hal_layout;

/**
 * A view by value. Exactly one of `buffer` and `host` is set; `host` memory is borrowed and must outlive the work.
 * Element (i0, i1, ...) lies at `offset + sum(i_d * stride_d)` bytes. Strides may be 0 (broadcast) or negative; any
 * element-aligned address is acceptable. A 0-d tensor has rank 0 and one element; a size of 0 means no elements.
 */
typedef struct hal_tensor {
    hal_buffer *buffer;            /**< not counted by the tensor: it owns nothing */
    void *host;
    uint64_t offset;               /**< bytes */
    hal_dtype dtype;
    uint32_t rank;
    int64_t size[HAL_MAX_RANK];    /**< elements, outermost first */
    int64_t stride[HAL_MAX_RANK];  /**< bytes, outermost first */
    hal_layout layout;
} hal_tensor;

/** A contiguous tensor over host memory. `size` has `rank` entries. Cost: a few stores. */
HAL_API hal_tensor hal_tensor_host(void *host, hal_dtype dtype, uint32_t rank, const int64_t *size);
/** A contiguous tensor over a buffer from `offset` bytes on. */
HAL_API hal_tensor hal_tensor_buffer(hal_buffer *buffer, uint64_t offset, hal_dtype dtype, uint32_t rank, const int64_t *size);
/** Elements of a tensor (the product of its sizes; 1 for rank 0). Sizes must have been validated. */
HAL_API int64_t hal_tensor_elements(const hal_tensor *tensor);
/** Bytes of a contiguous tensor of this dtype and shape. Errors: INVALID_ARGUMENT on negative sizes or overflow. */
HAL_API hal_status hal_tensor_bytes(hal_dtype dtype, uint32_t rank, const int64_t *size, uint64_t *bytes);
/** Checks that every element of `tensor` lies inside its buffer. Errors: INVALID_ARGUMENT naming the first breach. */
HAL_API hal_status hal_tensor_validate(const hal_tensor *tensor);

/* ---------------------------------------------------------------------------------------------- 4. instance -- */

/** What to do when a device cannot run an operator it was asked to run. */
typedef enum hal_fallback { HAL_FALLBACK_FORBID = 0, HAL_FALLBACK_WARN = 1, HAL_FALLBACK_ALLOW = 2 } hal_fallback;

/** Options of hal_instance_create; zero means the default everywhere. */
typedef struct hal_instance_options {
    hal_head head;
    const hal_allocator *allocator;  /**< copied; NULL = malloc */
    const char *plugin_path;         /**< colon-separated absolute directories searched first; NULL = HAL_PLUGIN_PATH,
                                          read through secure_getenv, then the installed directory */
    const char *backends;            /**< "cpu,null" allows only these, "^cuda" all but; NULL = HAL_BACKENDS or all */
    uint32_t cpu_devices;            /**< devices the cpu presents itself as; 0 = HAL_CPU_DEVICES or 1 */
    uint32_t cpu_threads;            /**< workers of the cpu pool; 0 = cores in the affinity mask and cgroup limit */
    const char *fault_script;        /**< file the fault backend reads; NULL = HAL_FAULT */
    const char *trace_path;          /**< Chrome trace JSON written at the last release; NULL = HAL_TRACE */
} hal_instance_options;

/**
 * Discovers the machine passively and loads the backends; activates no device and starts no thread.
 * Equal options give the same counted instance. Ownership: one reference. Blocking: file reads only; <= 5 ms warm.
 * Errors: OUT_OF_MEMORY; INVALID_ARGUMENT for relative plugin paths. A backend that cannot be loaded is not an error:
 * see hal_instance_report. After fork the child gets FAILED_PRECONDITION from every use of an inherited instance.
 */
HAL_API hal_status hal_instance_create(const hal_instance_options *options, hal_instance **instance);
HAL_API hal_instance *hal_instance_retain(hal_instance *instance);
HAL_API void hal_instance_release(hal_instance *instance);

/** How far a plugin candidate came; a loaded one reached HAL_LOAD_CLAIMED. Source: docs/reliability.md. */
typedef enum hal_load_stage {
    HAL_LOAD_LISTED, HAL_LOAD_TRUST, HAL_LOAD_NOTE, HAL_LOAD_OPEN, HAL_LOAD_SYMBOL, HAL_LOAD_VERSION, HAL_LOAD_START,
    HAL_LOAD_CLAIMED
} hal_load_stage;

/** One line of the load report. Strings live as long as the instance. */
typedef struct hal_load_entry {
    const char *path;      /**< file looked at */
    const char *name;      /**< backend name from its note, or "" */
    hal_load_stage stage;  /**< last stage reached */
    hal_status status;     /**< HAL_OK when loaded */
    const char *text;      /**< observed cause, native error text included; "" when loaded */
    const char *hint;      /**< what mends it, e.g. the chmod command; "" when nothing does */
    int64_t nanoseconds;   /**< time spent on the candidate */
} hal_load_entry;

/** Number of entries in the load report. */
HAL_API uint32_t hal_instance_report_count(const hal_instance *instance);
/** Entry `index` of the load report, or NULL past the end. */
HAL_API const hal_load_entry *hal_instance_report(const hal_instance *instance, uint32_t index);
/** "stage" as people read it: "note", "dlopen", ... Static string. */
HAL_API const char *hal_load_stage_name(hal_load_stage stage);

/* ---------------------------------------------------------------------------------------- 5. device, memory -- */

/** Where a device is in its life. LOST is sticky. */
typedef enum hal_device_state {
    HAL_DEVICE_ABSENT, HAL_DEVICE_PROBED, HAL_DEVICE_READY, HAL_DEVICE_DEGRADED, HAL_DEVICE_LOST, HAL_DEVICE_GONE
} hal_device_state;

/** Number of devices, absent ones included. */
HAL_API uint32_t hal_device_count(const hal_instance *instance);
/** Device `index` with one reference. Errors: NOT_FOUND past the end. */
HAL_API hal_status hal_device_get(hal_instance *instance, uint32_t index, hal_device **device);
/** Device by alias ("cpu0", "null0") with one reference. Errors: NOT_FOUND; the detail lists what is there and the
 *  first load failure, if any. */
HAL_API hal_status hal_device_find(hal_instance *instance, const char *alias, hal_device **device);
HAL_API hal_device *hal_device_retain(hal_device *device);
HAL_API void hal_device_release(hal_device *device);

/** A device's identity: stable over index order; node and process are 0 until several processes exist. */
typedef struct hal_device_id { uint32_t node, process, local; } hal_device_id;

/** What is known about a device without activating it. Strings live as long as the device. */
typedef struct hal_device_info {
    hal_device_id id;
    const char *alias;          /**< "cpu0" */
    const char *name;           /**< what people call it */
    const char *backend;        /**< plugin that claims it, or "" */
    const char *reason;         /**< why it is absent or lost; "" when usable */
    hal_device_state state;
    uint32_t compute_group;     /**< devices with equal groups share their execution units */
    uint32_t memory;            /**< index of its first memory in the instance */
    bool emulated;              /**< computed by something other than the hardware it stands for */
} hal_device_info;

/** Describes `device`. The state is a snapshot. */
HAL_API void hal_device_describe(const hal_device *device, hal_device_info *info);

/** What is known about one memory object. Unknown figures are 0 with `known_*` false. */
typedef struct hal_memory_info {
    const char *name;            /**< "numa0", "mock-npu0" */
    uint64_t capacity;           /**< bytes */
    uint64_t available;          /**< bytes now, after accounting for hal's own and the cgroup limit */
    bool host_access;            /**< the host may dereference addresses in it */
    uint32_t contention_group;   /**< memories with equal groups share bandwidth */
} hal_memory_info;

/** Memories of the instance. */
HAL_API uint32_t hal_memory_count(const hal_instance *instance);
/** Memory `index`; belongs to the instance, never NULL inside the count. */
HAL_API const hal_memory *hal_memory_get(const hal_instance *instance, uint32_t index);
HAL_API void hal_memory_describe(const hal_memory *memory, hal_memory_info *info);

/** Writes the topology (memories, devices, links, each figure with value, unit, source and date) as JSON. */
HAL_API hal_status hal_topology_print_json(const hal_instance *instance, FILE *stream);

/* ------------------------------------------------------------------------------------------------ 6. buffer -- */

/** Allocates zeroed bytes in the first memory of `device`, activating it. Alignment is at least 64. One reference.
 *  Errors: OUT_OF_MEMORY (detail: asked, available), DEVICE_LOST. Blocking: the backend's allocator. */
HAL_API hal_status hal_buffer_create(hal_device *device, uint64_t bytes, hal_buffer **buffer);
/** Wraps host memory [host, host+bytes) that the caller keeps alive until the buffer is gone. */
HAL_API hal_status hal_buffer_import_host(hal_device *device, void *host, uint64_t bytes, hal_buffer **buffer);
HAL_API hal_buffer *hal_buffer_retain(hal_buffer *buffer);
/** Drops a reference; bytes still used by submitted work stay until it is done. */
HAL_API void hal_buffer_release(hal_buffer *buffer);
HAL_API uint64_t hal_buffer_size(const hal_buffer *buffer);
/** The host address of the bytes. Errors: FAILED_PRECONDITION when the residency tag says device memory. */
HAL_API hal_status hal_buffer_map(hal_buffer *buffer, void **host);
/** Copies `bytes` between host memory and a buffer; blocks until done. Errors: INVALID_ARGUMENT out of range,
 *  DATA_LOSS on a short copy, DEVICE_LOST. */
HAL_API hal_status hal_buffer_write(hal_buffer *buffer, uint64_t offset, const void *host, uint64_t bytes);
HAL_API hal_status hal_buffer_read(hal_buffer *buffer, uint64_t offset, void *host, uint64_t bytes);

/* ---------------------------------------------------------------------------------------------- 7. timeline -- */

/** A moment on a timeline: reached when the timeline's value is >= `value`. */
typedef struct hal_point { hal_timeline *timeline; uint64_t value; } hal_point;

/** A timeline at value 0. Points on it may be waited for before anything signals them. */
HAL_API hal_status hal_timeline_create(hal_instance *instance, hal_timeline **timeline);
HAL_API hal_timeline *hal_timeline_retain(hal_timeline *timeline);
HAL_API void hal_timeline_release(hal_timeline *timeline);
/** Raises the value from the host. Errors: INVALID_ARGUMENT when `value` is not above the present one. */
HAL_API hal_status hal_timeline_signal(hal_timeline *timeline, uint64_t value);
/** Fails this and every later point with `status`; the first failure stays. The text is copied. */
HAL_API void hal_timeline_fail(hal_timeline *timeline, uint64_t value, hal_status status, const char *text);
/** Waits until the point is reached or failed. Errors: DEADLINE_EXCEEDED; else the first cause of the failed point. */
HAL_API hal_status hal_timeline_wait(hal_timeline *timeline, uint64_t value, int64_t deadline);
/** Present value. */
HAL_API uint64_t hal_timeline_value(const hal_timeline *timeline);

/* ---------------------------------------------------------------------------------------- 8. queue, program -- */

/** An in-order queue on `device`, activating it. */
HAL_API hal_status hal_queue_create(hal_device *device, hal_queue **queue);
HAL_API hal_queue *hal_queue_retain(hal_queue *queue);
/** Drops a reference. The last drop waits for running work at most until `deadline`; memory still in use by a hung
 *  device is then quarantined and DEADLINE_EXCEEDED says so. */
HAL_API hal_status hal_queue_release(hal_queue *queue, int64_t deadline);

/** A list of ops compiled for one device. Immutable. Made by hal_program_compile from a flat description (backend.h). */
HAL_API hal_status hal_program_compile(hal_device *device, const void *description, uint64_t bytes, int64_t deadline,
                                       hal_program **program);
HAL_API hal_program *hal_program_retain(hal_program *program);
HAL_API void hal_program_release(hal_program *program);
/** How often `compile` of a backend was called in this instance (cache hits excluded); for tests and diagnosis. */
HAL_API uint64_t hal_program_compilations(const hal_instance *instance);

/** What a program's binding stands on during one submission: a buffer and an offset, or host memory. */
typedef struct hal_binding { hal_buffer *buffer; void *host; uint64_t offset; } hal_binding;

/** One submission. Arrays belong to the caller and are copied before the call returns. */
typedef struct hal_submission {
    hal_head head;
    hal_program *program;
    const hal_binding *bindings; uint32_t n_bindings;
    const int64_t *symbols;      uint32_t n_symbols;   /**< values of the program's symbols, in its order */
    const hal_point *waits;      uint32_t n_waits;
    const hal_point *signals;    uint32_t n_signals;
} hal_submission;

/**
 * Queues work; never blocks. Work of one queue starts in submission order. A submission whose wait failed does not run
 * and fails its signals with the first cause. Buffers, program and timelines are kept alive until done.
 * Errors (nothing queued): INVALID_ARGUMENT, DEVICE_LOST. Cost: <= 100 ns over the backend when no wait is open.
 */
HAL_API hal_status hal_queue_submit(hal_queue *queue, const hal_submission *submission);
/** Queues a copy of `bytes` from `src` to `dst` (either may be in any memory that `queue`'s device or the host reaches). */
HAL_API hal_status hal_queue_copy(hal_queue *queue, hal_binding dst, hal_binding src, uint64_t bytes,
                                  const hal_point *waits, uint32_t n_waits, const hal_point *signals, uint32_t n_signals);

/* --------------------------------------------------------------------------------------------------- 9. run -- */

/** An attribute by name: `{"axis", .i = 1}`. Fields not named keep their default from the operator table. */
typedef struct hal_attr {
    const char *name;
    int64_t i;            /**< integers, booleans, dtypes, enumerations by number */
    double f;             /**< real numbers */
    const char *s;        /**< expressions, enumeration names, dtype names: wins over `i` when set */
    const int64_t *list;  /**< integer lists of `n` entries */
    uint32_t n;
} hal_attr;

/**
 * Runs one operator on `device` and waits: the road of a graph with a single node. Programs are cached by descriptor.
 * `attrs` may be NULL with n_attrs 0. Inputs and outputs must be reachable by the device: its buffers, or host memory
 * where the device has host access. Errors: NOT_FOUND (operator), INVALID_ARGUMENT (shape, dtype, attribute),
 * UNSUPPORTED with the backend's reason, DEADLINE_EXCEEDED. Cost: <= 250 ns over the backend with a warm cache.
 */
HAL_API hal_status hal_run(hal_device *device, const char *op, const hal_attr *attrs, uint32_t n_attrs,
                           const hal_tensor *inputs, uint32_t n_inputs, const hal_tensor *outputs, uint32_t n_outputs,
                           int64_t deadline);

#ifdef __cplusplus
}
#endif
#endif
