/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands behind the handles. Only files of hal/ read this.
 *
 * Lifetimes. An instance has two counts. `handles` counts instance and device references; at zero the
 * instance lets go of what it keeps for convenience (cached programs, shared queues, the eager caches).
 * `objects` counts buffers, queues, timelines and programs, plus one while there are handles; at zero
 * everything is freed. Two counts, because caches hold objects and objects need the instance: with one count
 * they would keep each other alive for ever.
 */
#ifndef HAL_OBJECT_H
#define HAL_OBJECT_H

#include "list.h"

#include <hal/core.h>
#include <hal/topology.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>

#define HAL_MAX_CLAIMS 64u /* devices one backend may present */

/* A word for wall-clock-free sleeping. futex.c is the only file that makes the system call. */
typedef _Atomic uint32_t hal_futex;
/* Sleeps while *word == seen; false once `deadline` (CLOCK_MONOTONIC ns) has passed. May wake for no reason.
 */
bool hal_futex_wait(hal_futex *word, uint32_t seen, int64_t deadline);
void hal_futex_wake(hal_futex *word);

/* A lock of one word: one atomic exchange when free. Submission needs no more and pays no more. */
typedef struct hal_turn {
    hal_futex state; /* 0 free, 1 taken, 2 taken and waited for */
} hal_turn;
void hal_turn_take(hal_turn *turn);
/* False when `deadline` (ns on CLOCK_MONOTONIC) came first: then it is not the caller's. */
bool hal_turn_take_by(hal_turn *turn, int64_t deadline);
void hal_turn_give(hal_turn *turn);

/* Every choice that makes two instances different, after the environment has been read. Strings are owned. */
typedef struct hal_config {
    hal_allocator allocator;
    char *plugin_path, *backends, *fault_script, *trace_path, *cpu_isa, *cpu_bind;
    char cpu_devices[16], cpu_threads[16];
    uint64_t cache_bytes; /* of programs that are kept on disk */
    bool primitives_only;
} hal_config;
hal_status hal_config_read(const hal_instance_options *options, hal_config *config);
bool hal_config_equal(const hal_config *a, const hal_config *b);
void hal_config_free(hal_config *config);
/* An environment variable, NULL when unset, empty, or the process runs with raised privilege. */
const char *hal_env_get(const char *name);

struct hal_memory {
    char *name;
    uint64_t capacity; /* bytes, 0 unknown */
    uint64_t free_at_start;
    bool host_access;
    uint32_t contention_group;
    _Atomic uint64_t used; /* by this instance's buffers */
};
/* The index of the memory called `name`, made when there is none. */
hal_status hal_memory_add(hal_instance *instance, const char *name, uint64_t bytes, bool host,
                          uint32_t *index);
/* Accounts for bytes; OUT_OF_MEMORY says what was asked and what is left. */
hal_status hal_memory_charge(hal_memory *memory, uint64_t bytes);
void hal_memory_refund(hal_memory *memory, uint64_t bytes);

/* What hal_topology_create is asked to describe: NULL, this machine. Variable for tests, which describe others. */
extern const char *hal_machine_input;
/* Describes the machine: instance->topology, and its memories. */
hal_status hal_machine_look(hal_instance *instance);
/* After the backends claimed theirs: lists what is there and claimed by none, with its reason. */
hal_status hal_machine_add_absent(hal_instance *instance);

/* A backend that reached HAL_LOAD_CLAIMED. */
typedef struct hal_loaded {
    hal_instance *instance;
    const hal_backend *table;
    void *state;
    hal_host host;
    uint32_t index;
    uint32_t n_claimed; /* of its devices that are listed */
} hal_loaded;
/* The installed directory, searched last. Variable for tests, which must not find what lies installed already. */
extern const char *hal_loader_directory;
/* Whether the list of backends leaves `name` in: "cpu,null" allows only these, "^cuda" all but these, NULL all. */
bool hal_loader_allows(const char *list, const char *name);
hal_status hal_loader_run(hal_instance *instance);
/* Lists the devices a backend claims beyond those that it claimed before. */
hal_status hal_loader_claim(hal_instance *instance, hal_loaded *loaded);
void hal_loader_stop(hal_instance *instance);
void hal_host_fill(hal_loaded *loaded);
/* hal_host.vendor_devices of this instance. */
uint32_t hal_vendor_devices(hal_instance *instance, const char *vendor, uint32_t capacity, hal_vendor_device *devices);
/* hal_instance_probe unless it was called before, or nobody names a vendor. */
hal_status hal_vendor_ask_once(hal_instance *instance, int64_t deadline);
/* Adds to `text`, which ends in NUL, whom hal_instance_probe asked and what is wrong with that. */
void hal_vendor_say(hal_instance *instance, char *text, size_t size);
void hal_vendor_free(hal_instance *instance);
/* Opens the canonical directory `path` (O_PATH) when it belongs to root or the caller and neither it nor any
   directory above it lets others change what it holds. Otherwise fails and writes the mending command (or "") into `hint`. */
hal_status hal_trust_directory(const char *path, char *hint, size_t size, int *out);
/* The same of an open file in such a directory. */
hal_status hal_trust_file(int fd, const char *path, char *hint, size_t size);
/* Runs `hal-probe VERB SUBJECT` until `deadline`, and some 200 ms for its end. UNAVAILABLE: it said why not, or
   cannot be started; INTERNAL: it died; DEADLINE_EXCEEDED. On failure `hint` says how to repeat it. */
hal_status hal_probe_run(const char *verb, const char *subject, int64_t deadline, char *hint, size_t size);
/* "BASE/hal" for the caller's cache directory, made when `make`. False when there is none that is his: a base of somebody
   else, as sudo leaves it in HOME, is not used. */
bool hal_cache_directory(bool make, char *out, size_t size);
/* Whether hal_known_add was told of this very file before, by this or an earlier process of the caller. */
bool hal_known_find(int plugin, const char *path, const char *build_id);
void hal_known_add(int plugin, const char *path, const char *build_id);
/* Reads the note from an open file. Errors: DATA_LOSS, NOT_FOUND, VERSION_MISMATCH. */
hal_status hal_note_read(int file, hal_backend_note *note);

typedef struct hal_peer hal_peer;
struct hal_device {
    hal_instance *instance;
    hal_loaded *loaded;
    hal_device_record record;
    char alias[80];
    uint32_t index, local, memory, compute_group;
    _Atomic uint32_t state; /* hal_device_state */
    _Atomic bool lost;
    char lost_text[240];     /* written once, before `lost`; of an absent one its reason */
    pthread_mutex_t opening; /* activation; a lock of its own, because a backend may report loss from there */
    pthread_mutex_t lock;    /* the queue list */
    _Atomic(void *) opened;  /* the backend's device, NULL until activated */
    hal_queue *queues;
    _Atomic(hal_queue *) shared;
    void *eager;
    void (*_Atomic eager_release)(void *);
    pthread_mutex_t pairing; /* held while the backend is asked about a pair */
    _Atomic(hal_peer *) peers; /* its answers */
    hal_device *next; /* in hal_instance.replaced */
};
/* Whether no backend claims it. */
static inline bool hal_device_is_absent(const hal_device *device);

/* Devices on their way into the list. */
typedef struct hal_claim {
    hal_instance *instance;
    hal_device *devices[HAL_MAX_CLAIMS];
    uint32_t count;
} hal_claim;
/* route.c. Smaller numbers claim first. */
uint32_t hal_route_rank(const char *backend);
/* Gives the next device of `claim` its alias and compute group. */
void hal_route_name(const hal_claim *claim, hal_device *device);
/* The device called "gpu0", "gpu0@opencl"; NULL when there is none. */
hal_device *hal_route_find(const hal_instance *instance, const char *alias);
/* Makes the devices of a claim, numbered from loaded->n_claimed on: all of them, or none. One that was absent is replaced,
   at its index. */
hal_status hal_device_add(hal_instance *instance, hal_loaded *loaded, const hal_device_record *records,
                          uint32_t n);
/* One that nothing can use, with that alias; `why` is its reason, `local` what device_open is given. */
hal_status hal_device_add_absent(hal_instance *instance, const hal_device_record *record, const char *alias,
                                 uint32_t local, const char *why);
/* First cause wins; fails all work of the device that has not completed. */
void hal_device_lose(hal_device *device, const char *text);
/* DEVICE_LOST with the first cause. */
hal_status hal_device_lost_status(const hal_device *device);
void hal_device_drop_caches(hal_device *device);
/* peer.c: forgets what was answered. */
void hal_peers_free(hal_device *device);
void hal_device_close(hal_device *device);

typedef struct hal_trace hal_trace;
hal_status hal_trace_open(hal_instance *instance, const char *path);
void hal_trace_write(hal_instance *instance);
void hal_trace_free(hal_instance *instance);

typedef struct hal_cache {
    pthread_mutex_t lock;
    hal_program **items;
    uint32_t count, capacity;
    uint64_t clock;
} hal_cache;
void hal_cache_clear(hal_instance *instance);

struct hal_instance {
    _Atomic uint32_t handles, objects;
    uint32_t generation; /* of the process that made it */
    hal_config config;
    hal_topology *topology;
    hal_loaded absent; /* stands for the backend of devices that none claims */
    hal_list memories; /* hal_memory */
    hal_loaded **loaded;
    uint32_t n_loaded, loaded_capacity;
    hal_list devices;     /* hal_device */
    hal_device *replaced; /* absent once; somebody may still hold them */
    hal_turn growing;       /* taken by who adds to the two lists after the instance was made */
    bool probed;            /* under `growing` */
    pthread_mutex_t asking; /* `answers` */
    struct hal_answers *answers; /* of the last probe; NULL: what was kept */
    hal_load_entry *report;
    uint32_t n_report, report_capacity;
    _Atomic uint64_t compilations;
    hal_cache cache;
    _Atomic(hal_trace *) trace;
    hal_instance *next;
};
static inline bool hal_device_is_absent(const hal_device *device)
{
    return device->loaded == &device->instance->absent;
}
void hal_instance_hold(hal_instance *instance); /* one more object */
void hal_instance_drop(hal_instance *instance);

struct hal_buffer {
    _Atomic uint32_t references;
    hal_device *device;
    void *memory; /* the backend's block; NULL for imported host memory */
    void *host;   /* the residency tag: NULL means device memory */
    uint64_t bytes, charged;
};

/* Someone to wake when a timeline moves. */
typedef struct hal_listener {
    struct hal_listener *next;
    hal_futex *word;
} hal_listener;

struct hal_timeline {
    _Atomic uint32_t references;
    hal_instance *instance;
    _Atomic uint64_t value;
    _Atomic uint64_t failed_at; /* UINT64_MAX: not failed */
    hal_futex sequence;         /* moves with value and failure */
    _Atomic uint32_t waiters;
    _Atomic uint32_t n_listeners;
    _Atomic uint32_t failure; /* 0 none, 1 being written, 2 readable */
    hal_status status;
    pthread_mutex_t lock; /* the listeners */
    hal_listener *listeners;
    char text[240];
};
/* Raises the value to at least `value`. */
void hal_timeline_advance(hal_timeline *timeline, uint64_t value);
void hal_timeline_listen(hal_timeline *timeline, hal_listener *listener);
void hal_timeline_ignore(hal_timeline *timeline, hal_listener *listener);
/* Reached and not failed. */
static inline bool hal_point_ready(hal_point p)
{
    return atomic_load_explicit(&p.timeline->value, memory_order_acquire) >= p.value &&
           atomic_load_explicit(&p.timeline->failed_at, memory_order_acquire) > p.value;
}
static inline bool hal_point_failed(hal_point p)
{
    return atomic_load_explicit(&p.timeline->failed_at, memory_order_acquire) <= p.value;
}

/* Reached or failed. Sequentially consistent, for those who announce themselves first and look again after.
 */
static inline bool hal_point_settled(hal_point p)
{
    return atomic_load(&p.timeline->value) >= p.value || atomic_load(&p.timeline->failed_at) <= p.value;
}

struct hal_program {
    _Atomic uint32_t references;
    hal_device *device;
    void *compiled;
    hal_description *description;
    uint64_t hash, used; /* `used` orders eviction */
};
/* Checks every offset and index of outside bytes. */
hal_status hal_description_check(const void *description, uint64_t bytes);
/* What an op has to do under those symbols; negative where the table cannot tell. */
hal_work hal_description_work(const hal_description *d, const hal_description_op *op, const int64_t *symbols);
/* Name of the dtype that an op computes in: of its first operand of a floating dtype, else of its first; "" without any. */
const char *hal_description_dtype(const hal_description *d, const hal_description_op *op);

/* Life of a slot, one submission.
   SUBMITTING  the caller's references still protect everything: no count has been touched
   EARLY       completed while SUBMITTING: the submitter finishes it
   OWNED       the slot holds references; whoever completes it finishes it
   LOSING      the device was lost and its signals are being failed
   LOST        signals failed; references stay until the backend lets go
   LATE        completed while LOSING: the loser finishes it */
enum {
    HAL_SLOT_FREE,
    HAL_SLOT_PENDING,
    HAL_SLOT_SUBMITTING,
    HAL_SLOT_EARLY,
    HAL_SLOT_OWNED,
    HAL_SLOT_LOSING,
    HAL_SLOT_LOST,
    HAL_SLOT_LATE
};

/* A submission. Arrays stay with the slot when it is used again, so a steady state allocates nothing. */
typedef struct hal_slot {
    struct hal_slot *next; /* in the free list or the pending list */
    hal_queue *queue;
    _Atomic uint32_t state;
    hal_status status;    /* of an early or late completion */
    hal_program *program; /* NULL: a copy of bindings[1] to bindings[0] */
    uint64_t bytes;
    hal_backend_binding *bindings;
    hal_buffer **buffers;
    int64_t *symbols;
    hal_point *waits, *signals;
    uint32_t n_bindings, n_symbols, n_waits, n_signals;
    uint32_t room_bindings, room_symbols, room_waits, room_signals;
    int64_t begin;
    char text[200];
} hal_slot;

#define HAL_CHUNK_SLOTS 64u
typedef struct hal_chunk {
    struct hal_chunk *_Atomic next;
    hal_slot slots[HAL_CHUNK_SLOTS];
} hal_chunk;

struct hal_queue {
    _Atomic uint32_t references;
    hal_device *device;
    const hal_backend *table;
    void *backend;
    hal_turn turn;                /* submission order, `spare`, the pending list */
    hal_slot *spare, *fresh;      /* free slots nobody else sees: used before, and never */
    _Atomic(hal_slot *) returned; /* free slots pushed by completions */
    hal_chunk *_Atomic chunks;
    hal_slot *first, *last; /* pending, oldest first */
    hal_futex wake;         /* moves when the dispatcher should look again */
    hal_futex idle;         /* moves when the dispatcher has nothing left */
    _Atomic bool stopping;
    bool dispatching;
    pthread_t dispatcher;
    hal_queue *next; /* of the device, or in quarantine */
};
/* slot.c. A free slot with room, under the queue's turn. */
hal_status hal_slot_take(hal_queue *queue, uint32_t bindings, uint32_t symbols, uint32_t waits,
                         uint32_t signals, hal_slot **slot);
void hal_slot_own(hal_slot *slot);
void hal_slot_disown(hal_slot *slot);
void hal_slot_put_back(hal_slot *slot); /* under the queue's turn */
void hal_slot_signal(hal_slot *slot, hal_status status, const char *text);
void hal_slot_complete(hal_slot *slot, hal_status status, const char *text);
/* Gives a slot to the backend. `owned`: it already holds references (it was pending). */
hal_status hal_slot_start(hal_slot *slot, bool owned);
void hal_slot_free_all(hal_queue *queue);
/* dispatch.c. */
hal_status hal_dispatch_append(hal_queue *queue, hal_slot *slot);
void hal_dispatch_stop(hal_queue *queue, int64_t deadline);
void hal_dispatch_wake(hal_queue *queue);
/* Fails the signals of what the backend holds; references stay until it lets go. */
void hal_slot_fail_all(hal_queue *queue, hal_status status, const char *text);

/* The detail's device and vendor code, after hal_status_set. */
void hal_status_annotate(const char *device, int64_t vendor_code);
hal_status hal_status_set_va(hal_status status, const char *file, int line, const char *format,
                             va_list arguments) __attribute__((format(printf, 4, 0)));
#define HAL_FAIL_DEVICE(code, ...)                                                                           \
    hal_status_set(HAL_STATUS(HAL_DAMAGE_DEVICE, HAL_CODE_##code), __FILE__, __LINE__, __VA_ARGS__)
/* Uninitialised memory of any power-of-two alignment; NULL without a detail. */
void *hal_allocate_raw(const hal_allocator *allocator, size_t bytes, size_t alignment);

#endif
