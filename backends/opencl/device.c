/* SPDX-License-Identifier: Apache-2.0 */
/* A device: its context, and the traits that variants of kernels are chosen by. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bell.h"
#include "clock.h"
#include "gate.h"
#include "ground.h"
#include "staging.h"

#define CALLBACK_NS INT64_C(1000000000)
/* For work that nobody waits for any more. */
#define LAST_NS     INT64_C(3000000000)

/* ------------------------------------------------------------------------------------------ questions -- */

/* A number of any width up to 8 bytes; 0 where the device does not answer. */
static uint64_t number(const hal_opencl_device *d, cl_device_info what) {
    union { uint64_t wide; uint32_t narrow; } value = {0};
    size_t bytes = 0;
    if (d->cl.clGetDeviceInfo(d->id, what, sizeof value, &value, &bytes) != CL_SUCCESS) return 0;
    return bytes == sizeof value.narrow ? value.narrow : value.wide;
}

static void text(const hal_opencl_device *d, cl_device_info what, char *out, size_t size) {
    char value[512] = "";
    if (d->cl.clGetDeviceInfo(d->id, what, sizeof value - 1, value, NULL) == CL_SUCCESS)
        snprintf(out, size, "%s", value);
}

static void read_items(hal_opencl_device *d) {
    size_t items[16] = {0};
    d->cl.clGetDeviceInfo(d->id, CL_DEVICE_MAX_WORK_ITEM_SIZES, sizeof items, items, NULL);
    for (int i = 0; i < 3; i++) d->most_items[i] = items[i] ? items[i] : 1;
}

/* Nothing is reassociated, and no denormal is flushed, unless an option asks for it. Division is only near without one. */
static void read_options(hal_opencl_device *d) {
    const bool exact = (number(d, CL_DEVICE_SINGLE_FP_CONFIG) & CL_FP_CORRECTLY_ROUNDED_DIVIDE_SQRT) != 0;
    snprintf(d->options, sizeof d->options, "-cl-std=CL1.2%s", exact ? " -cl-fp32-correctly-rounded-divide-sqrt" : "");
}

static uint32_t at_least_one(uint64_t value) {
    return value == 0 ? 1 : value < UINT32_MAX ? (uint32_t)value : UINT32_MAX;
}

/* Work-items of a GPU that go in step; only its vendor tells without a kernel at hand. */
static uint32_t read_lanes(const hal_opencl_device *d) {
    const cl_device_info vendors[] = {0x4003 /* CL_DEVICE_WARP_SIZE_NV */, 0x4043 /* CL_DEVICE_WAVEFRONT_WIDTH_AMD */};
    for (int i = 0; i < 2; i++) {
        const uint64_t lanes = number(d, vendors[i]);
        if (lanes >= 8 && lanes <= 128) return (uint32_t)lanes;
    }
    return 32;
}

/* A CPU runs the work-items of a group one after another; what it gains from is long runs. */
static void read_traits(hal_opencl_device *d) {
    hal_portable_traits *t = &d->traits;
    t->wide = d->state->variant ? strcmp(d->state->variant, "wide") == 0
        : d->is_host;
    t->fp64 = number(d, CL_DEVICE_DOUBLE_FP_CONFIG) != 0;
    t->group = at_least_one(number(d, CL_DEVICE_MAX_WORK_GROUP_SIZE));
    t->units = at_least_one(number(d, CL_DEVICE_MAX_COMPUTE_UNITS));
    t->local_bytes = number(d, CL_DEVICE_LOCAL_MEM_SIZE);
    t->lanes = t->wide ? at_least_one(number(d, CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT)) : read_lanes(d);
}

/* What the claim promised has to hold still. */
static hal_status check_sharing(hal_opencl_device *d) {
    cl_device_svm_capabilities has = 0;
    if (!d->host_access) return HAL_OK;
    const cl_int e = d->cl.clGetDeviceInfo(d->id, CL_DEVICE_SVM_CAPABILITIES, sizeof has, &has, NULL);
    if (e != CL_SUCCESS && e != CL_INVALID_VALUE) return hal_opencl_fail(d, e, "clGetDeviceInfo");
    if ((has & CL_DEVICE_SVM_FINE_GRAIN_BUFFER) && d->cl.clSVMAlloc && d->cl.clSVMFree) return HAL_OK;
    return d->host->fail(d->host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_UNAVAILABLE), 0,
        "opencl: %s: the driver shared memory with the host when it was last asked and does not now; ask again with hal-info "
        "--probe, or set HAL_OPENCL_MEMORY=device", d->name);
}

static void read_all(hal_opencl_device *d) {
    text(d, CL_DEVICE_NAME, d->name, sizeof d->name);
    snprintf(d->who, sizeof d->who, "opencl: %s", d->name);
    text(d, CL_DRIVER_VERSION, d->driver, sizeof d->driver);
    text(d, CL_DEVICE_VERSION, d->version, sizeof d->version);
    d->memory_bytes = number(d, CL_DEVICE_GLOBAL_MEM_SIZE);
    d->most_block = number(d, CL_DEVICE_MAX_MEM_ALLOC_SIZE);
    d->is_host = (number(d, CL_DEVICE_TYPE) & CL_DEVICE_TYPE_CPU) != 0;
    d->unordered = d->state->unordered &&
        (number(d, CL_DEVICE_QUEUE_PROPERTIES) & CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE) != 0;
    read_options(d);
    read_items(d);
    read_traits(d);
    d->gated = hal_opencl_gate_guards(d->platform, d->driver);
    d->stages = !d->traits.wide && (d->state->variant || !number(d, CL_DEVICE_HOST_UNIFIED_MEMORY));
}

/* -------------------------------------------------------------------------------------------- callbacks -- */

static void CL_CALLBACK answer(cl_event event, cl_int fate, void *bell) {
    (void)event;
    (void)fate;
    hal_opencl_bell_ring(bell);
}

bool hal_opencl_device_drain(hal_opencl_device *d, int64_t deadline) {
    cl_event event = NULL;
    hal_opencl_bell *bell = hal_opencl_bell_create();
    bool done = false;
    if (!bell) return false;
    if (d->cl.clEnqueueMarkerWithWaitList(d->queue, 0, NULL, &event) != CL_SUCCESS) event = NULL;
    if (event && d->cl.clSetEventCallback(event, CL_COMPLETE, answer, bell) == CL_SUCCESS) {
        d->cl.clFlush(d->queue);
        done = hal_opencl_bell_wait(bell, deadline);
    } else hal_opencl_bell_free(bell);
    if (event) d->cl.clReleaseEvent(event);
    return done;
}

/* ------------------------------------------------------------------------------------------------ losing -- */

cl_int hal_opencl_device_ask(hal_opencl_device *d) {
    pthread_mutex_lock(&d->lock);
    cl_int e = d->cl.clEnqueueMarkerWithWaitList(d->queue, 0, NULL, NULL);
    if (e == CL_SUCCESS) e = d->cl.clFlush(d->queue);
    pthread_mutex_unlock(&d->lock);
    return e;
}

/* Out of resources is also what a driver says whose device has crashed; then it takes no marker either. */
static bool is_gone(hal_opencl_device *d, cl_int code) {
    if (code == CL_DEVICE_NOT_AVAILABLE || code == CL_INVALID_CONTEXT || code == CL_INVALID_COMMAND_QUEUE) return true;
    if (code != CL_OUT_OF_RESOURCES && code != CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST) return false;
    return hal_opencl_device_ask(d) != CL_SUCCESS;
}

void hal_opencl_device_suspect(hal_opencl_device *d, cl_int code, const char *text) {
    if (is_gone(d, code) && !atomic_exchange(&d->lost, true))
        d->host->device_lost(d->host->context, d->index, text);
}

void hal_opencl_device_trim(hal_opencl_device *d) {
    hal_opencl_binaries_trim(d);
    hal_opencl_staging_trim(d);
}

/* ------------------------------------------------------------------------------------- open and close -- */

static hal_status create_context(hal_opencl_device *d) {
    cl_int e;
    d->context = d->cl.clCreateContext(NULL, 1, &d->id, NULL, NULL, &e);
    if (!d->context) return hal_opencl_fail(d, e, "clCreateContext");
    d->queue = d->cl.clCreateCommandQueue(d->context, d->id, 0, &e);
    return d->queue ? HAL_OK : hal_opencl_fail(d, e, "clCreateCommandQueue");
}

static hal_opencl_device *create(hal_opencl_state *state, uint32_t index) {
    hal_opencl_device *d = calloc(1, sizeof *d);
    if (!d) return NULL;
    d->state = state;
    d->host = state->host;
    d->index = index;
    pthread_mutex_init(&d->lock, NULL);
    pthread_mutex_init(&d->build, NULL);
    pthread_mutex_init(&d->tuning, NULL);
    pthread_mutex_init(&d->grounds, NULL);
    hal_opencl_condition_init(&d->grounds_gone);
    return d;
}

/* A driver that still uses memory of the host comes back for it: its device stays until the process ends. */
void hal_opencl_device_close(void *device) {
    hal_opencl_device *d = device;
    if (!d->lost) hal_opencl_binaries_store(d);
    hal_opencl_device_trim(d);
    if (d->queue) d->cl.clReleaseCommandQueue(d->queue);
    if (!hal_opencl_grounds_wait(d, hal_opencl_now() + LAST_NS)) return;
    if (d->context) d->cl.clReleaseContext(d->context);
    pthread_cond_destroy(&d->grounds_gone);
    pthread_mutex_destroy(&d->grounds);
    pthread_mutex_destroy(&d->tuning);
    pthread_mutex_destroy(&d->build);
    pthread_mutex_destroy(&d->lock);
    free(d);
}

/* Some drivers accept callbacks and never make them. */
static void learn_callbacks(hal_opencl_device *d) {
    d->calls_back = hal_opencl_device_drain(d, hal_opencl_now() + CALLBACK_NS);
    if (d->host_access || d->is_host) d->told_of_ends = hal_opencl_grounds_ask(d, hal_opencl_now() + CALLBACK_NS);
}

hal_status hal_opencl_device_open(void *opaque, uint32_t index, void **device) {
    hal_opencl_state *state = opaque;
    const hal_host *host = state->host;
    hal_vendor_device claim;
    if (!hal_claims_get(&state->claims, index, &claim))
        return host->fail(host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_NOT_FOUND), 0,
            "opencl: there is no device %u", index);
    hal_opencl_device *d = create(state, index);
    if (!d) return hal_opencl_no_memory(host, "a device");
    snprintf(d->platform, sizeof d->platform, "%s", claim.platform_name);
    hal_status status = hal_opencl_find(state, &claim, &d->cl, &d->id);
    if (status == HAL_OK) {
        read_all(d);
        d->host_access = hal_opencl_claim_shares(state, &claim);
        status = check_sharing(d);
    }
    if (status == HAL_OK) status = create_context(d);
    if (status == HAL_OK) {
        learn_callbacks(d);
        *device = d;
    } else hal_opencl_device_close(d);
    return status;
}
