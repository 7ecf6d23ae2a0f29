/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A launch owns a kernel object, since an object holds its arguments: what does not change between submissions is then
 * set once. A program that is planned again keeps the objects whose entry is the same.
 */
#include "kernel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool has_launch(hal_opencl_program *p, uint32_t step) {
    if (step < p->room_launches) return true;
    const uint32_t wanted = step * 2 + 16;
    hal_opencl_launch *bigger = realloc(p->launches, wanted * sizeof *bigger);
    if (!bigger) return false;
    memset(bigger + p->room_launches, 0, (wanted - p->room_launches) * sizeof *bigger);
    p->launches = bigger;
    p->room_launches = wanted;
    return true;
}

static void drop(hal_opencl_device *d, hal_opencl_launch *l) {
    if (l->kernel) d->cl.clReleaseKernel(l->kernel);
    hal_opencl_binary_put(d, l->binary);
    l->kernel = NULL;
    l->binary = NULL;
}

void hal_opencl_kernels_free(hal_opencl_program *p) {
    for (uint32_t i = 0; i < p->room_launches; i++) drop(p->device, &p->launches[i]);
    free(p->launches);
}

/* -------------------------------------------------------------------------------------------- launches -- */

/* Work-items that the device allows in a group of this kernel: it has only so many registers. */
static hal_status most_items(hal_opencl_program *p, uint32_t step, size_t *most) {
    hal_opencl_device *d = p->device;
    const hal_opencl_launch *l = &p->launches[step];
    size_t n = d->traits.group;
    cl_ulong local = 0;
    cl_int e = d->cl.clGetKernelWorkGroupInfo(l->kernel, d->id, CL_KERNEL_WORK_GROUP_SIZE, sizeof n, &n, NULL);
    if (e == CL_SUCCESS)
        e = d->cl.clGetKernelWorkGroupInfo(l->kernel, d->id, CL_KERNEL_LOCAL_MEM_SIZE, sizeof local, &local, NULL);
    if (e != CL_SUCCESS) return hal_opencl_fail(d, e, "clGetKernelWorkGroupInfo of \"%s\"", l->entry);
    for (int i = 0; i < 3; i++)
        if (p->chain->steps[step].group[i] > d->most_items[i]) n = n < d->most_items[i] ? n : d->most_items[i];
    if (local > d->traits.local_bytes)
        return d->host->fail(d->host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_UNSUPPORTED), 0,
            "opencl: %s: kernel \"%s\" takes %llu bytes of local memory, the device has %llu; run the op on another device",
            d->name, l->entry, (unsigned long long)local, (unsigned long long)d->traits.local_bytes);
    *most = n;
    return HAL_OK;
}

/* Kernel `entry` of the text, unless the launch has it from the last time. */
static hal_status choose_kernel(hal_opencl_device *d, const hal_portable_program *text, const char *entry,
                                hal_opencl_launch *l) {
    hal_opencl_binary *binary = NULL;
    cl_int e = CL_SUCCESS;
    HAL_TRY(hal_opencl_binary_get(d, text, &binary));
    const bool same = l->kernel && l->binary == binary && strcmp(l->entry, entry) == 0;
    if (same) hal_opencl_binary_put(d, binary);
    else drop(d, l);
    l->binary = binary;
    if (!same) l->kernel = d->cl.clCreateKernel(hal_opencl_binary_program(binary), entry, &e);
    if (!l->kernel) return hal_opencl_fail(d, e, "clCreateKernel \"%s\" of \"%s\"", entry, text->file);
    snprintf(l->entry, sizeof l->entry, "%s", entry);
    return HAL_OK;
}

hal_status hal_opencl_kernel_prepare(void *program, uint32_t step, const hal_portable_program *text, const char *entry,
                                     size_t *most) {
    hal_opencl_program *p = program;
    if (!has_launch(p, step)) return hal_opencl_no_memory(p->device->host, "the launches of a program");
    HAL_TRY(choose_kernel(p->device, text, entry, &p->launches[step]));
    return most_items(p, step, most);
}

/* ------------------------------------------------------------------------------------------- arguments -- */

static cl_int set_pointer(const hal_opencl_program *p, cl_kernel kernel, uint32_t at, cl_mem mem, uint64_t offset) {
    const cl_long value = (cl_long)offset;
    const cl_int e = p->device->cl.clSetKernelArg(kernel, at, sizeof mem, &mem);
    return e == CL_SUCCESS ? p->device->cl.clSetKernelArg(kernel, at + 1, sizeof value, &value) : e;
}

static hal_status set_arguments(hal_opencl_program *p, uint32_t step) {
    const hal_opencl_launch *l = &p->launches[step];
    const hal_portable_call *call = &p->chain->calls[p->chain->steps[step].op];
    const hal_portable_launch *from = hal_portable_chain_launch(p->chain, step);
    uint32_t at = 0;
    cl_int e = CL_SUCCESS;
    for (uint32_t i = 0; i < from->n_arguments && e == CL_SUCCESS; i++) {
        const hal_portable_argument *a = &call->arguments[from->first + i];
        if (a->kind == HAL_PORTABLE_VALUE) {
            e = p->device->cl.clSetKernelArg(l->kernel, at++, a->bytes, call->values + a->at);
            continue;
        }
        if (a->kind == HAL_PORTABLE_SCRATCH) e = set_pointer(p, l->kernel, at, p->scratch, a->at);
        else HAL_TRY(hal_portable_chain_slot(p->chain, step, at, a));
        at += 2;
    }
    return e == CL_SUCCESS ? HAL_OK
        : hal_opencl_fail(p->device, e, "clSetKernelArg: argument %u of \"%s\"", at, l->entry);
}

hal_status hal_opencl_kernels_set(hal_opencl_program *p) {
    for (uint32_t i = 0; i < p->chain->n_steps; i++) HAL_TRY(set_arguments(p, i));
    return HAL_OK;
}

void hal_opencl_program_place(hal_opencl_program *p, uint32_t index, hal_opencl_place place) {
    hal_opencl_place *now = &p->places[index];
    place.stale = now->stale || place.serial == 0 || now->serial != place.serial || now->offset != place.offset;
    *now = place;
}

/* What each step waits for, with the bindings in these places. */
static hal_status find_order(hal_opencl_program *p) {
    for (uint32_t i = 0; i < p->chain->description->n_bindings; i++)
        p->extents[i] = (hal_portable_extent){p->places[i].serial, p->places[i].guest + p->places[i].offset};
    return hal_portable_chain_order(p->chain, p->extents);
}

hal_status hal_opencl_program_bind(hal_opencl_program *p) {
    const uint32_t n = p->chain->description->n_bindings;
    uint32_t stale = 0;
    for (uint32_t i = 0; i < n; i++) stale += p->places[i].stale;
    if (stale && p->device->unordered) HAL_TRY(find_order(p));
    for (uint32_t i = 0; stale && i < p->chain->n_slots; i++) {
        const hal_portable_slot *s = &p->chain->slots[i];
        const hal_opencl_place *place = &p->places[s->binding];
        const hal_opencl_launch *l = &p->launches[s->step];
        if (!place->stale) continue;
        const cl_int e = set_pointer(p, l->kernel, s->at, place->mem, place->offset + s->offset);
        if (e != CL_SUCCESS) return hal_opencl_fail(p->device, e, "clSetKernelArg: an operand of \"%s\"", l->entry);
    }
    for (uint32_t i = 0; i < n; i++) p->places[i].stale = false;
    return HAL_OK;
}
