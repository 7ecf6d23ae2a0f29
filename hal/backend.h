/* SPDX-License-Identifier: Apache-2.0 */
/**
 * backend.h - what a device driver implements. ABI 0: may change until several backends have lived on it.
 *
 * A backend is one shared object with one exported symbol and one ELF note. It links nothing of hal: what it needs comes in
 * the host table that `open` receives. docs/adding-a-backend.md walks through the null backend.
 *
 * Rules for every function of the table:
 *  - called from any thread, but for one device never two calls of `submit` or `copy` for one queue at once;
 *  - never aborts, exits, prints, throws; returns a hal_status and, on failure, leaves text through host->fail;
 *  - out-parameters are written only on success.
 */
#ifndef HAL_BACKEND_H
#define HAL_BACKEND_H

#include "ops.h"

#ifdef __cplusplus
extern "C" {
#endif

#define HAL_BACKEND_ABI 0u

/* -------------------------------------------------------------------------------- the program description -- */

/**
 * A program as one block of bytes without pointers: offsets count from its start. Ops run in order. Sizes and strides
 * (in bytes) are constants or symbols (hal_dim). Any process or machine of the same byte order may read it.
 */
typedef struct hal_description {
    uint32_t magic, version;             /* HAL_DESCRIPTION_MAGIC, HAL_DESCRIPTION_VERSION */
    uint64_t bytes;                      /* of the whole block */
    uint32_t n_ops, n_operands, n_tensors, n_bindings, n_symbols, flags;
    uint64_t ops, operands, tensors, bindings, symbols, attrs, strings;
} hal_description;
#define HAL_DESCRIPTION_MAGIC 0x504c4148u
#define HAL_DESCRIPTION_VERSION 1u

/** One op. Its operands are operands[first .. first + n_in + n_out): tensor indices, HAL_ABSENT for an absent input. */
typedef struct hal_description_op {
    uint32_t number, version, first, n_in, n_out, attrs_bytes;
    uint64_t attrs;                      /* offset of the attribute struct, 8-aligned */
    uint64_t names;                      /* offset of the names of origin, comma separated, NUL terminated */
} hal_description_op;
#define HAL_ABSENT UINT32_MAX

/** A view into a binding. An output tensor never overlaps an input of the same op unless they are the same view and the op
 *  is element-wise or says that it runs in place. */
typedef struct hal_description_tensor {
    uint32_t dtype, rank, binding, layout_kind, layout_id, reserved;
    uint64_t offset, layout_bytes;
    hal_dim size[HAL_MAX_RANK], stride[HAL_MAX_RANK];
} hal_description_tensor;

/** What a binding is for; `bytes` is the most the program touches. */
typedef enum hal_binding_kind { HAL_BINDING_INPUT, HAL_BINDING_OUTPUT, HAL_BINDING_VARIABLE, HAL_BINDING_ARENA } hal_binding_kind;
typedef struct hal_description_binding { uint32_t kind, reserved; uint64_t bytes; } hal_description_binding;
/** Range of a symbol. */
typedef struct hal_description_symbol { int64_t min, max, multiple; } hal_description_symbol;

#define HAL_DESCRIPTION_AT(d, member) ((const void *)((const char *)(d) + (d)->member))
static inline const hal_description_op *hal_description_ops(const hal_description *d) {
    return (const hal_description_op *)HAL_DESCRIPTION_AT(d, ops);
}
static inline const uint32_t *hal_description_operands(const hal_description *d) {
    return (const uint32_t *)HAL_DESCRIPTION_AT(d, operands);
}
static inline const hal_description_tensor *hal_description_tensors(const hal_description *d) {
    return (const hal_description_tensor *)HAL_DESCRIPTION_AT(d, tensors);
}
static inline const hal_description_binding *hal_description_bindings(const hal_description *d) {
    return (const hal_description_binding *)HAL_DESCRIPTION_AT(d, bindings);
}
static inline const hal_description_symbol *hal_description_symbols(const hal_description *d) {
    return (const hal_description_symbol *)HAL_DESCRIPTION_AT(d, symbols);
}
static inline const void *hal_description_attrs(const hal_description *d, const hal_description_op *op) {
    return (const char *)d + op->attrs;
}
/** Tensor of operand `i` of `op` (inputs first, then outputs); NULL when absent. */
static inline const hal_description_tensor *hal_description_operand(const hal_description *d, const hal_description_op *op, uint32_t i) {
    uint32_t t = hal_description_operands(d)[op->first + i];
    return t == HAL_ABSENT ? NULL : hal_description_tensors(d) + t;
}

/* -------------------------------------------------------------------------------------------------- tables -- */

/** What hal offers a backend. Append only; check `size` before reading a later member. */
typedef struct hal_host {
    uint32_t size, abi;
    void *context;
    void *(*allocate)(void *context, size_t bytes, size_t alignment);  /* uninitialised; NULL when out of memory */
    void (*release)(void *context, void *pointer);
    /* Records the detail of a failure on this thread and returns `status`. */
    hal_status (*fail)(void *context, hal_status status, int64_t vendor_code, const char *format, ...) __attribute__((format(printf, 4, 5)));
    /* Ends a submission: `completion` is what submit or copy was given. Any thread, once each, also inside submit. `text` is
       copied; "" on success. */
    void (*complete)(void *context, void *completion, hal_status status, const char *text);
    /* Tells that a device is lost for good; pending work is failed by the core. */
    void (*device_lost)(void *context, uint32_t device, const char *text);
    /* A span for the trace that may overlap with others, on a track of the backend. No-op when tracing is off. */
    void (*trace)(void *context, const char *name, int64_t begin_ns, int64_t end_ns);
    const char *(*option)(void *context, const char *name);            /* instance option by name, or NULL: "cpu_devices",
                                                                          "cpu_threads", "fault_script", "primitives_only" */
    const hal_op_info *(*op_describe)(uint32_t number);
    /* The fp64 reference, for backends that prove something else than arithmetic. */
    hal_status (*op_reference)(uint32_t number, const void *attrs, const hal_tensor *in, uint32_t n_in, const hal_tensor *out, uint32_t n_out);
    /* Another loaded backend by name, for wrappers such as fault; NULL when it is not there (yet). */
    const struct hal_backend *(*backend_find)(void *context, const char *name);
    /* A span on the track of a device; NULL when nothing is traced, so that what times a device costs one branch then. Spans of
       one device nest or follow each other. `category` is "program", "op" or "copy"; an op's name is its names of origin. Texts are copied. */
    void (*trace_device)(void *context, uint32_t device, const char *category, const char *name, int64_t begin_ns, int64_t end_ns);
} hal_host;

/** A device as a backend claims it. Fixed size, so that a child process can report it. */
typedef struct hal_device_record {
    char alias[32];             /* "cpu": the core appends the index */
    char name[96];
    char memory[32];            /* name of the memory it allocates in; equal names are one memory */
    uint64_t memory_bytes;      /* capacity; 0 unknown */
    uint32_t host_access;       /* the host may dereference its memory */
    uint32_t compute_group;     /* devices of a backend with equal numbers share execution units */
    uint32_t emulated;
    uint32_t reserved[5];
} hal_device_record;

/** Answer to "can you run this op?". */
typedef enum hal_support { HAL_SUPPORT_NO = 0, HAL_SUPPORT_NATIVE = 1, HAL_SUPPORT_EMULATED = 2, HAL_SUPPORT_AFTER_COMPILE = 3 } hal_support;
typedef struct hal_support_answer { uint32_t support; char reason[124]; } hal_support_answer;
/** Estimated cost of a program; confidence 0 (guess) to 1 (measured). */
typedef struct hal_cost { double seconds, bytes, confidence; } hal_cost;

/** Bytes of a submission: a block from `alloc` (`memory`) or host memory, and the offset into it. */
typedef struct hal_backend_binding { void *memory; void *host; uint64_t offset; } hal_backend_binding;

/** Bits of hal_backend.features. */
#define HAL_FEATURE_DYNAMIC 1u    /* compiles programs with symbols; otherwise symbols are replaced by bucket sizes */
#define HAL_FEATURE_WHOLE_PROGRAM 2u /* support is known only after compile */
#define HAL_FEATURE_IN_PLACE 4u   /* element-wise ops may write over an input */

typedef struct hal_backend {
    hal_head head;
    uint32_t abi;                      /* HAL_BACKEND_ABI */
    uint32_t sanitizer;                /* HAL_BACKEND_SANITIZER */
    uint64_t features;
    const char *name, *description, *build_id;

    /* Starts the backend: no device is touched. `state` is given to the others. */
    hal_status (*open)(const hal_host *host, void **state);
    void (*close)(void *state);
    /* Writes at most `capacity` records, returns the number of devices in `count`. Passive. */
    hal_status (*claim)(void *state, uint32_t capacity, hal_device_record *records, uint32_t *count);
    /* Activates device `index`. */
    hal_status (*device_open)(void *state, uint32_t index, void **device);
    void (*device_close)(void *device);

    /* `bytes` > 0 zeroed, 64-aligned at least. *host is its address where the host has access, else NULL. */
    hal_status (*alloc)(void *device, uint64_t bytes, void **memory, void **host);
    void (*free)(void *device, void *memory);

    /* Answers one entry an op. Pure and cheap. */
    hal_status (*support)(void *device, const hal_description *program, hal_support_answer *answers);
    hal_status (*cost)(void *device, const hal_description *program, hal_cost *cost);
    /* Compiles; the description is the caller's and is copied if needed. */
    hal_status (*compile)(void *device, const hal_description *program, int64_t deadline, void **compiled);
    void (*program_free)(void *device, void *compiled);

    hal_status (*queue_create)(void *device, void **queue);
    /* Waits for running work until `deadline`; DEADLINE_EXCEEDED leaves the queue quarantined. */
    hal_status (*queue_destroy)(void *queue, int64_t deadline);
    /* Starts work in queue order without blocking; on HAL_OK `completion` is completed exactly once, on failure never. */
    hal_status (*submit)(void *queue, void *compiled, const hal_backend_binding *bindings, uint32_t n_bindings,
                         const int64_t *symbols, void *completion);
    hal_status (*copy)(void *queue, const hal_backend_binding *dst, const hal_backend_binding *src, uint64_t bytes, void *completion);
    /* Counters for tests: ops executed, programs compiled. NULL: not counted. */
    uint64_t (*counter)(void *device, const char *name);
} hal_backend;

/** What this translation unit was instrumented with: 0 nothing, 1 addresses, 2 threads. gcc defines macros, clang features. */
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

/** The ELF note `.note.hal.backend`, owner "hal", type 1: read from the file before dlopen. */
typedef struct hal_backend_note {
    uint32_t name_bytes, desc_bytes, type;
    char owner[4];
    uint32_t magic, abi_min, abi_max, sanitizer;
    char name[32], build_id[32];
} hal_backend_note;
#define HAL_BACKEND_NOTE_MAGIC 0x304c4148u

/** The only symbol a backend exports: the table for the highest ABI in [min, max]. Inert. */
typedef hal_status (*hal_backend_query_fn)(uint32_t min, uint32_t max, const hal_backend **out);

/** Defines the query symbol and the note. `table` is a const hal_backend; name and build must be string literals. */
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
        HAL_BACKEND_SANITIZER, name_literal, build_literal};

#ifdef __cplusplus
}
#endif
#endif
