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

/** What HAL_HEAD fills. A struct shorter than the library's is taken as ending in zeros. */
typedef struct hal_head {
    /** sizeof the caller's struct. */
    uint32_t size;
    /** Reserved, 0. */
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
    /** Success. */
    HAL_DAMAGE_NONE = 0,
    /** Nothing changed: mend the arguments, or retry. */
    HAL_DAMAGE_CALL = 1,
    /** Results of this submission are void: submit again. */
    HAL_DAMAGE_GRAPH = 2,
    /** The queue is dead: create another. */
    HAL_DAMAGE_QUEUE = 3,
    /** The device is lost: release its objects and plan again. */
    HAL_DAMAGE_DEVICE = 4,
    /** The process has to be started again. */
    HAL_DAMAGE_PROCESS = 5,
} hal_damage;

/** What happened. Numbers are part of the ABI. */
typedef enum hal_code {
    /** Success. */
    HAL_CODE_OK = 0,
    /** An argument breaks the rule stated for it. */
    HAL_CODE_INVALID_ARGUMENT = 1,
    /** No such device, operator, file or name. */
    HAL_CODE_NOT_FOUND = 2,
    /** The backend has no kernel for this; the detail has its reason. */
    HAL_CODE_UNSUPPORTED = 3,
    /** An allocation failed, or a plan does not fit the memory it names. */
    HAL_CODE_OUT_OF_MEMORY = 4,
    /** Right call at the wrong time, e.g. an instance inherited over fork. */
    HAL_CODE_FAILED_PRECONDITION = 5,
    /** The deadline passed first; the work may still complete. */
    HAL_CODE_DEADLINE_EXCEEDED = 6,
    /** Somebody asked for the work to stop. */
    HAL_CODE_CANCELLED = 7,
    /** Sticky; the detail carries the first cause. */
    HAL_CODE_DEVICE_LOST = 8,
    /** Bytes are damaged: truncated file, short copy. */
    HAL_CODE_DATA_LOSS = 9,
    /** ABI or format range does not meet ours. */
    HAL_CODE_VERSION_MISMATCH = 10,
    /** Untrusted file or directory. */
    HAL_CODE_PERMISSION_DENIED = 11,
    /** A library or device that should be there is not, now. */
    HAL_CODE_UNAVAILABLE = 12,
    /** A bug of hal or of a backend. */
    HAL_CODE_INTERNAL = 13,
    /** The operating system refused; the detail has errno's text. */
    HAL_CODE_IO = 14,
} hal_code;

/** Success. */
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
    /** What the failed call returned. */
    hal_status status;
    /** One sentence: what failed, where, the observed cause, what to do. */
    const char *text;
    /** Device id, or "". */
    const char *device;
    /** The vendor library's own code, or 0. */
    int64_t vendor_code;
    /** Where in hal it was noticed. */
    const char *file;
    /** Line of `file`. */
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
    /** NULL when out of memory; content undefined. */
    void *(*allocate)(void *context, size_t bytes, size_t alignment);
    /** Accepts NULL. */
    void (*release)(void *context, void *pointer);
    void *context;
} hal_allocator;

/* ------------------------------------------------------------------------------------------------- 2. dtype -- */

/** A number format; rows and numbers stand in dtypes.def. */
typedef enum hal_dtype {
    /** None: an absent value, or "as the input". */
    HAL_NO_DTYPE = 0,
#define HAL_DTYPE(number, ID, name, bits, elements, bytes, class_) HAL_##ID = number,
#include "dtypes.def"
    /** One past the largest number this library knows. */
    HAL_DTYPE_COUNT
} hal_dtype;

/** What kind of numbers a dtype holds. */
typedef enum hal_dtype_class {
    /** Sign, exponent and fraction. */
    HAL_DTYPE_CLASS_FLOAT,
    /** Two's complement, or unsigned. */
    HAL_DTYPE_CLASS_INTEGER,
    /** 0 or 1 in a byte. */
    HAL_DTYPE_CLASS_BOOLEAN,
    /** Blocks of small integers with shared scales. */
    HAL_DTYPE_CLASS_QUANTISED
} hal_dtype_class;

/** A row of the dtype table. */
typedef struct hal_dtype_info {
    /** "bf16". */
    const char *name;
    /** Of one element, rounded down for block types. */
    uint32_t bits;
    /** 1 for plain types. */
    uint32_t block_elements;
    /** Bytes of one block; of one element for plain types. */
    uint32_t block_bytes;
    /** What kind of numbers. */
    hal_dtype_class class_;
} hal_dtype_info;

/** The row of a dtype, or NULL when the number is unknown. Static. */
HAL_API const hal_dtype_info *hal_dtype_describe(hal_dtype dtype);
/** The dtype called `name`, or HAL_NO_DTYPE. */
HAL_API hal_dtype hal_dtype_find(const char *name);

/* ------------------------------------------------------------------------------------------------ 3. tensor -- */

/** One machine: its backends, devices and memories. Internally synchronised. */
typedef struct hal_instance hal_instance;
/** Something that runs programs. Immutable but for its state. */
typedef struct hal_device hal_device;
/** Something that holds buffers: a NUMA node, the memory of a card. Immutable; belongs to the instance. */
typedef struct hal_memory hal_memory;
/** Bytes in one memory. */
typedef struct hal_buffer hal_buffer;
/** Ordered work on one device. Internally synchronised. */
typedef struct hal_queue hal_queue;
/** A number that only grows; work waits for values and signals them. Internally synchronised. */
typedef struct hal_timeline hal_timeline;
/** Ops compiled for one device. Immutable. */
typedef struct hal_program hal_program;

/** Most dimensions a tensor may have. */
#define HAL_MAX_RANK 8

/** How the bytes of a tensor are arranged. Kind 0: strided. Otherwise opaque to all but `backend`, which named `id`. */
typedef struct hal_layout {
    /** 0 strided, 1 opaque. */
    uint32_t kind;
    /** The backend's number of the arrangement. */
    uint32_t id;
    /** Bytes the arrangement takes. */
    uint64_t bytes;
    /** Who can read it. */
    char backend[16];
} hal_layout;

/**
 * A view by value. Exactly one of `buffer` and `host` is set; `host` memory is borrowed and must outlive the work.
 * Element (i0, i1, ...) lies at `offset + sum(i_d * stride_d)` bytes. Strides may be 0 (broadcast) or negative; any
 * element-aligned address is acceptable. A 0-d tensor has rank 0 and one element; a size of 0 means no elements.
 */
typedef struct hal_tensor {
    /** Not counted by the tensor: it owns nothing. */
    hal_buffer *buffer;
    /** Host memory, when `buffer` is NULL. */
    void *host;
    /** Bytes from the start of either to element (0, 0, ...). */
    uint64_t offset;
    /** Format of the elements. */
    hal_dtype dtype;
    /** Dimensions used, 0 to HAL_MAX_RANK. */
    uint32_t rank;
    /** Elements, outermost first. */
    int64_t size[HAL_MAX_RANK];
    /** Bytes, outermost first. */
    int64_t stride[HAL_MAX_RANK];
    /** Strided, unless a plan chose otherwise. */
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
typedef enum hal_fallback {
    /** Fail with UNSUPPORTED and the device's reason. */
    HAL_FALLBACK_FORBID = 0,
    /** Use another device; the plan keeps the reason, and tools print it. */
    HAL_FALLBACK_WARN = 1,
    /** Use another device; the plan keeps the reason. */
    HAL_FALLBACK_ALLOW = 2
} hal_fallback;

/**
 * Options of hal_instance_create; zero means the default everywhere: the environment variable that is named, read through
 * secure_getenv when the instance is created, else what stands after it. Some choices are made by the environment alone:
 * HAL_CPU_ISA, the instruction set of the cpu's kernels ("plain", "avx2" or "best", the default), HAL_CPU_BIND, 0 to leave its
 * workers unbound, HAL_CPU_PRIMITIVES, 1 to have it refuse every operator that is not primitive, HAL_OPENCL_VARIANT,
 * HAL_OPENCL_MEMORY, HAL_OPENCL_QUEUE, HAL_OPENCL_BINARIES and HAL_OPENCL_TUNE: which kernels, memory and queues OpenCL devices
 * use, which of their programs are kept, and what is measured of them. HAL_CUDA_GRAPHS, "off" to have the launches of a program
 * handed to CUDA devices one by one, HAL_CUDA_RANGES, "on" or "off" for names of operators in NVTX where no or any profiler
 * listens, HAL_CUDA_BLAS, "off" or "all" for fewer or more products than the large ones in cuBLASLt,
 * HAL_CUDA_ATTENTION, "cudnn" to ask cuDNN for attention. HAL_CACHE_BYTES bounds what compiled programs take on disk. HAL_PROBE names the helper of a build
 * tree. Source: hal(7).
 */
typedef struct hal_instance_options {
    hal_head head;
    /** Copied; NULL = malloc. */
    const hal_allocator *allocator;
    /** Colon-separated absolute directories searched first; NULL = HAL_PLUGIN_PATH. Then the installed directory. */
    const char *plugin_path;
    /** "cpu,null" allows only these, "^cuda" all but; NULL = HAL_BACKENDS or all. */
    const char *backends;
    /** Devices the cpu presents itself as; 0 = HAL_CPU_DEVICES or 1. */
    uint32_t cpu_devices;
    /** Workers of the cpu pool; 0 = HAL_CPU_THREADS or the cores in the affinity mask and cgroup limit. */
    uint32_t cpu_threads;
    /** File the fault backend reads; NULL = HAL_FAULT. */
    const char *fault_script;
    /** Chrome trace JSON written at the last release; NULL = HAL_TRACE. */
    const char *trace_path;
} hal_instance_options;

/**
 * Discovers the machine passively and loads the backends; activates no device and starts no thread.
 * Equal options give the same counted instance. Ownership: one reference. Blocking: file reads only, <= 5 ms warm; a plugin
 * that neither was built with this library nor opened before is opened in a child process first, for at most 5 s.
 * Errors: OUT_OF_MEMORY; INVALID_ARGUMENT for relative plugin paths. A backend that cannot be loaded is not an error:
 * see hal_instance_report. After fork the child gets FAILED_PRECONDITION from every use of an inherited instance.
 */
HAL_API hal_status hal_instance_create(const hal_instance_options *options, hal_instance **instance);
/** One more reference; returns its argument. */
HAL_API hal_instance *hal_instance_retain(hal_instance *instance);
/** Drops a reference. The last one closes the backends and writes the trace; objects made from it keep it alive. */
HAL_API void hal_instance_release(hal_instance *instance);

/** How far a plugin candidate came; a loaded one reached HAL_LOAD_CLAIMED. Source: docs/reliability.md. */
typedef enum hal_load_stage {
    /** Found in a directory; left out by the list of backends. */
    HAL_LOAD_LISTED,
    /** Owner and mode of the file and the directories above it. */
    HAL_LOAD_TRUST,
    /** The ELF note, read without running the file. */
    HAL_LOAD_NOTE,
    /** dlopen. */
    HAL_LOAD_OPEN,
    /** The query symbol. */
    HAL_LOAD_SYMBOL,
    /** The table and its ABI number. */
    HAL_LOAD_VERSION,
    /** The backend's `open`. */
    HAL_LOAD_START,
    /** Its devices are in the list. */
    HAL_LOAD_CLAIMED
} hal_load_stage;

/** One line of the load report. Strings live as long as the instance. */
typedef struct hal_load_entry {
    /** File looked at. */
    const char *path;
    /** Backend name from its note, or "". */
    const char *name;
    /** Last stage reached. */
    hal_load_stage stage;
    /** HAL_OK when loaded. */
    hal_status status;
    /** Observed cause, native error text included; "" when loaded. */
    const char *text;
    /** What mends it, e.g. the chmod command; "" when nothing does. */
    const char *hint;
    /** Time spent on the candidate. */
    int64_t nanoseconds;
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
    /** Seen, but nothing can use it; `reason` says why. */
    HAL_DEVICE_ABSENT,
    /** Claimed by a backend, not activated. */
    HAL_DEVICE_PROBED,
    /** In use. */
    HAL_DEVICE_READY,
    /** Works, with less than it should have. */
    HAL_DEVICE_DEGRADED,
    /** Failed for good in this process; every use answers DEVICE_LOST with the first cause. */
    HAL_DEVICE_LOST,
    /** No longer on the machine. */
    HAL_DEVICE_GONE
} hal_device_state;

/**
 * Asks the interfaces of vendors that loaded backends need before they can tell their devices (OpenCL), each in a process of
 * its own that is ended at its deadline, and lists what backends then claim. What is listed keeps its index and its
 * handles; new devices follow, but for one that takes the place of an absent one of its name. What was answered is kept: on
 * this machine as it is now, later instances list those devices without asking. Does nothing when no backend needs it.
 * Any thread, also while others look at the list. Blocking: until the last driver answered, at most until `deadline`; on a
 * busy machine a driver that brings a compiler takes seconds. Errors: DEADLINE_EXCEEDED when that passes before they are
 * asked; OUT_OF_MEMORY; that of a backend that fails to claim. A vendor that fails is none: its devices are not there.
 */
HAL_API hal_status hal_instance_probe(hal_instance *instance, int64_t deadline);

/** Number of devices, absent ones included. Grows when one is found by hal_instance_probe, or by hal_device_find. */
HAL_API uint32_t hal_device_count(const hal_instance *instance);
/** Device `index` with one reference. Errors: NOT_FOUND past the end. */
HAL_API hal_status hal_device_get(hal_instance *instance, uint32_t index, hal_device **device);
/** Device by alias ("cpu0", "null0") with one reference. A board that several backends reach has one alias ("gpu0") by the
 *  fastest route; "gpu0@opencl" names another. One that is not there is looked for once in the life of the instance:
 *  hal_instance_probe, which then blocks up to 5 s. Errors: NOT_FOUND; the detail lists what is there, who was asked, and
 *  the first device that is absent or load failure, if any. UNAVAILABLE: it is seen and cannot be used; the detail says
 *  why; those of hal_instance_probe. */
HAL_API hal_status hal_device_find(hal_instance *instance, const char *alias, hal_device **device);
/** One more reference; returns its argument. */
HAL_API hal_device *hal_device_retain(hal_device *device);
/** Drops a reference. */
HAL_API void hal_device_release(hal_device *device);

/** A device's identity: stable over index order; node and process are 0 until several processes exist. */
typedef struct hal_device_id { uint32_t node, process, local; } hal_device_id;

/** What is known about a device without activating it. Strings live as long as the device. */
typedef struct hal_device_info {
    /** Which device of which process. */
    hal_device_id id;
    /** "cpu0", "gpu0", "gpu0@opencl". */
    const char *alias;
    /** What people call it. */
    const char *name;
    /** Plugin that claims it, or "". */
    const char *backend;
    /** Why it is absent or lost; "" when usable. */
    const char *reason;
    /** Snapshot of its life. */
    hal_device_state state;
    /** Devices with equal groups share their execution units. */
    uint32_t compute_group;
    /** Index of its first memory in the instance; past the last one of a device that is absent. */
    uint32_t memory;
    /** Computed by something other than the hardware it stands for. */
    bool emulated;
} hal_device_info;

/** Describes `device`. The state is a snapshot. */
HAL_API void hal_device_describe(const hal_device *device, hal_device_info *info);
/** What drives the device, with its version, cut to `size` bytes; "" where its backend tells nothing. Activates nothing. */
HAL_API void hal_device_driver(const hal_device *device, char *text, size_t size);
/** What the backend counted since the device was activated: "ops" executed, "programs" compiled; "kernels" that its own
 *  compiler made and "binaries" that it took from a cache instead; names are the backend's (hal_backend.counter). 0: not
 *  counted, or not activated. For tests and diagnosis. */
HAL_API uint64_t hal_device_counter(const hal_device *device, const char *name);
/**
 * HAL_OK: queues of `device` copy between its buffers and those of `other` without the host. Their backend says so after it
 * has copied both ways and compared every byte; a pair is asked about once, and keeps its answer. Plans and hal_queue_copy ask
 * by themselves. Activates both. Blocking: the first time, while copies are tried. Errors: UNSUPPORTED with the reason, and
 * then plans copy through host memory; DEVICE_LOST; those of activation.
 */
HAL_API hal_status hal_device_peer(hal_device *device, hal_device *other);

/** What is known about one memory object. Unknown figures are 0 with `known_*` false. */
typedef struct hal_memory_info {
    /** "numa0", "mock-npu0". */
    const char *name;
    /** Bytes. */
    uint64_t capacity;
    /** Bytes now, after accounting for hal's own and the cgroup limit. */
    uint64_t available;
    /** The host may dereference addresses in it. */
    bool host_access;
    /** Memories with equal groups share bandwidth. */
    uint32_t contention_group;
} hal_memory_info;

/** Number of memories of the instance. Grows with the devices. */
HAL_API uint32_t hal_memory_count(const hal_instance *instance);
/** Memory `index`; belongs to the instance, never NULL inside the count. */
HAL_API const hal_memory *hal_memory_get(const hal_instance *instance, uint32_t index);
/** Describes `memory`; `available` is measured now. Cost: reads of /proc and cgroup files. */
HAL_API void hal_memory_describe(const hal_memory *memory, hal_memory_info *info);

/* ------------------------------------------------------------------------------------------------ 6. buffer -- */

/** Allocates zeroed bytes in the first memory of `device`, activating it. Alignment is at least 64. One reference.
 *  Errors: OUT_OF_MEMORY (detail: asked, available), DEVICE_LOST. Blocking: the backend's allocator. */
HAL_API hal_status hal_buffer_create(hal_device *device, uint64_t bytes, hal_buffer **buffer);
/** Wraps host memory [host, host+bytes) that the caller keeps alive until the buffer is gone. */
HAL_API hal_status hal_buffer_import_host(hal_device *device, void *host, uint64_t bytes, hal_buffer **buffer);
/** One more reference; returns its argument. */
HAL_API hal_buffer *hal_buffer_retain(hal_buffer *buffer);
/** Drops a reference; bytes still used by submitted work stay until it is done. */
HAL_API void hal_buffer_release(hal_buffer *buffer);
/** Bytes asked for when it was made. */
HAL_API uint64_t hal_buffer_size(const hal_buffer *buffer);
/** The host address of the bytes. Errors: FAILED_PRECONDITION when the residency tag says device memory. */
HAL_API hal_status hal_buffer_map(hal_buffer *buffer, void **host);
/** Copies `bytes` between host memory and a buffer; blocks until done. Errors: INVALID_ARGUMENT out of range,
 *  DATA_LOSS on a short copy, DEVICE_LOST. */
HAL_API hal_status hal_buffer_write(hal_buffer *buffer, uint64_t offset, const void *host, uint64_t bytes);
/** The other way, under the same rules. Waits for no queue: the caller waits for what writes the bytes. */
HAL_API hal_status hal_buffer_read(hal_buffer *buffer, uint64_t offset, void *host, uint64_t bytes);

/* ---------------------------------------------------------------------------------------------- 7. timeline -- */

/** A moment on a timeline: reached when the timeline's value is >= `value`. */
typedef struct hal_point { hal_timeline *timeline; uint64_t value; } hal_point;

/**
 * A timeline at value 0 with one reference. Points on it may be waited for before anything signals them.
 * Errors: OUT_OF_MEMORY. Source: the timeline semaphores of Vulkan 1.2, section 7.4, from which the idea is taken.
 */
HAL_API hal_status hal_timeline_create(hal_instance *instance, hal_timeline **timeline);
/** One more reference; returns its argument. */
HAL_API hal_timeline *hal_timeline_retain(hal_timeline *timeline);
/** Drops a reference; work that waits for it or signals it holds its own. */
HAL_API void hal_timeline_release(hal_timeline *timeline);
/** Raises the value from the host. Errors: INVALID_ARGUMENT when `value` is not above the present one. */
HAL_API hal_status hal_timeline_signal(hal_timeline *timeline, uint64_t value);
/** Fails this and every later point with `status`; the first failure stays. The text is copied. */
HAL_API void hal_timeline_fail(hal_timeline *timeline, uint64_t value, hal_status status, const char *text);
/** Waits until the point is reached or failed. Errors: DEADLINE_EXCEEDED; else the first cause of the failed point. */
HAL_API hal_status hal_timeline_wait(hal_timeline *timeline, uint64_t value, int64_t deadline);
/** Present value. Cost: an atomic load. */
HAL_API uint64_t hal_timeline_value(const hal_timeline *timeline);

/* ---------------------------------------------------------------------------------------- 8. queue, program -- */

/** An in-order queue on `device`, activating it. One reference. Errors: OUT_OF_MEMORY, DEVICE_LOST, UNAVAILABLE. */
HAL_API hal_status hal_queue_create(hal_device *device, hal_queue **queue);
/** One more reference; returns its argument. */
HAL_API hal_queue *hal_queue_retain(hal_queue *queue);
/** Drops a reference. The last drop waits for running work at most until `deadline`; memory still in use by a hung
 *  device is then quarantined and DEADLINE_EXCEEDED says so. */
HAL_API hal_status hal_queue_release(hal_queue *queue, int64_t deadline);

/**
 * Compiles a flat description (hal_description, backend.h) of `bytes` bytes for `device`, activating it; the block is the
 * caller's. Equal descriptions give the same counted program. Ownership: one reference. Blocking: the backend's compiler,
 * until `deadline`. Errors: INVALID_ARGUMENT (a description that contradicts itself), UNSUPPORTED (op and reason),
 * DEADLINE_EXCEEDED, OUT_OF_MEMORY, DEVICE_LOST.
 */
HAL_API hal_status hal_program_compile(hal_device *device, const void *description, uint64_t bytes, int64_t deadline,
                                       hal_program **program);
/** One more reference; returns its argument. */
HAL_API hal_program *hal_program_retain(hal_program *program);
/** Drops a reference; queued work holds its own. */
HAL_API void hal_program_release(hal_program *program);
/** How often `compile` of a backend was called in this instance (cache hits excluded); for tests and diagnosis. */
HAL_API uint64_t hal_program_compilations(const hal_instance *instance);

/** What a program's binding stands on during one submission: a buffer and an offset, or host memory. */
typedef struct hal_binding { hal_buffer *buffer; void *host; uint64_t offset; } hal_binding;

/** One submission. Arrays belong to the caller and are copied before the call returns. */
typedef struct hal_submission {
    hal_head head;
    /** What to run. */
    hal_program *program;
    /** One a binding of the program, in its order. */
    const hal_binding *bindings; uint32_t n_bindings;
    /** Values of the program's symbols, in its order. */
    const int64_t *symbols;      uint32_t n_symbols;
    /** Points that must be reached before it starts. */
    const hal_point *waits;      uint32_t n_waits;
    /** Points it reaches when it ends, or fails. */
    const hal_point *signals;    uint32_t n_signals;
} hal_submission;

/**
 * Queues work; never blocks. Work of one queue starts in submission order. A submission whose wait failed does not run
 * and fails its signals with the first cause. Buffers, program and timelines are kept alive until done.
 * Errors (nothing queued): INVALID_ARGUMENT, DEVICE_LOST. Cost: <= 100 ns over the backend when no wait is open.
 */
HAL_API hal_status hal_queue_submit(hal_queue *queue, const hal_submission *submission);
/**
 * Queues a copy of `bytes` from `src` to `dst`; either may be in any memory that `queue`'s device or the host reaches, and one
 * of them a buffer of a peer of that device (hal_device_peer, which the first such copy waits for). Same order, lifetimes and
 * failures as hal_queue_submit. Errors (nothing queued): INVALID_ARGUMENT out of range, UNSUPPORTED with the reason why the
 * devices are no peers, DEVICE_LOST.
 */
HAL_API hal_status hal_queue_copy(hal_queue *queue, hal_binding dst, hal_binding src, uint64_t bytes,
                                  const hal_point *waits, uint32_t n_waits, const hal_point *signals, uint32_t n_signals);

/* --------------------------------------------------------------------------------------------------- 9. run -- */

/** An attribute by name: `{"axis", .i = 1}`. Fields not named keep their default from the operator table. */
typedef struct hal_attr {
    /** As in the operator table. */
    const char *name;
    /** Integers, booleans, dtypes, enumerations by number. */
    int64_t i;
    /** Real numbers. */
    double f;
    /** Expressions, enumeration names, dtype names: wins over `i` when set. */
    const char *s;
    /** Integer lists of `n` entries. */
    const int64_t *list;
    /** Entries of `list`. */
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
