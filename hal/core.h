/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the rest of libhal (ops/, scheduler/) may use of hal/ beyond the public header.
 */
#ifndef HAL_CORE_H
#define HAL_CORE_H

#include <hal/backend.h>
#include <string.h>

/* Records the calling thread's detail and returns `status`. Never allocates. */
hal_status hal_status_set(hal_status status, const char *file, int line, const char *format, ...) __attribute__((format(printf, 4, 5)));
/* The same for a failure of the call itself, code without the HAL_CODE_ prefix: HAL_FAIL(NOT_FOUND, "device \"%s\"...", name). */
#define HAL_FAIL(code, ...) hal_status_set(HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_##code), __FILE__, __LINE__, __VA_ARGS__)

/* Host memory. `allocator` NULL or with NULL members means malloc and free. Results are zeroed and 64-aligned when bytes >= 64.
   hal_allocate fails with OUT_OF_MEMORY's detail set and returns NULL. Growth keeps content. */
void *hal_allocate(const hal_allocator *allocator, size_t bytes);
void *hal_allocate_array(const hal_allocator *allocator, size_t count, size_t size);   /* checked product */
void hal_deallocate(const hal_allocator *allocator, void *pointer);
char *hal_string_copy(const hal_allocator *allocator, const char *text);
/* Makes room for one more in an array of `size`-byte items; false when out of memory. */
bool hal_array_grow(const hal_allocator *allocator, void **items, uint32_t count, uint32_t *capacity, size_t size);

/* Instance services for the scheduler. */
const hal_allocator *hal_instance_allocator(const hal_instance *instance);
/* HAL_OK, or FAILED_PRECONDITION in a child forked after creation. Cost: one getpid-free check (an atfork counter). */
hal_status hal_instance_check(const hal_instance *instance);
/* Trace spans; no-ops when off, and texts are copied. Spans of one track must nest or follow each other: `track` NULL, the
   calling thread, is right for whatever begins and ends within one call. */
bool hal_trace_enabled(const hal_instance *instance);
void hal_trace_span(hal_instance *instance, const char *track, const char *category, const char *name, int64_t begin_ns, int64_t end_ns);
/* The same for work that may overlap with other work of its track. */
void hal_trace_overlap(hal_instance *instance, const char *track, const char *category, const char *name, int64_t begin_ns, int64_t end_ns);

/* Device services: the instance, the activated backend device (activates on first use), the table, the memory index. */
hal_instance *hal_device_instance(const hal_device *device);
hal_status hal_device_activate(hal_device *device, void **backend_device);
const hal_backend *hal_device_backend(const hal_device *device);
uint32_t hal_device_index(const hal_device *device);
const char *hal_device_alias(const hal_device *device);
/* Support of each op of a description; answers has n_ops entries. */
hal_status hal_device_support(hal_device *device, const hal_description *program, hal_support_answer *answers);
/* In which layout the device would read an operand (hal_backend.layout). A device without the question answers strided. */
hal_status hal_device_layout(hal_device *device, const hal_description *program, uint32_t op, uint32_t operand,
                             hal_layout_answer *answer);
/* A queue of the device made on first use and shared by hal_run and copies. Borrowed: lives as long as handles do. */
hal_status hal_device_queue(hal_device *device, hal_queue **queue);
/* The eager cache slot: one opaque pointer a device, freed through `release` with the device. */
void **hal_device_eager_slot(hal_device *device, void (*release)(void *));

/* The memory a buffer lies in, as index in the instance; its device. */
uint32_t hal_buffer_memory(const hal_buffer *buffer);
/* Host address or NULL; never an error. */
void *hal_buffer_host(const hal_buffer *buffer);

/* First cause's text of a failed timeline, "" when not failed. */
const char *hal_timeline_failure(const hal_timeline *timeline);

#endif
