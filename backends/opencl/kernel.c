/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A launch owns a kernel object, since an object holds its arguments: what does not change between submissions is then
 * set once. A program that is planned again keeps the objects whose entry is the same.
 */
#include "kernel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "order.h"

/* Room for one more entry after the `n` there are. */
static bool grow(void **list, uint32_t *room, uint32_t n, size_t width) {
    if (n < *room) return true;
    const uint32_t wanted = n * 2 + 16;
    char *bigger = realloc(*list, wanted * width);
    if (!bigger) return false;
    memset(bigger + *room * width, 0, (wanted - *room) * width);
    *list = bigger;
    *room = wanted;
    return true;
}

void hal_opencl_kernels_begin(hal_opencl_program *p) {
    p->n_launches = p->n_slots = 0;
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
    free(p->slots);
}

/* ---------------------------------------------------------------------------------------------- groups -- */

/* Where the planner leaves it open. A CPU compiles a kernel again for each size of a group, so there are few of them. */
static void choose_group(const hal_portable_traits *traits, const size_t *global, size_t *group) {
    static const size_t sizes[] = {64, 16, 4, 1};
    int i = traits->wide && global[0] < 4096 ? 3 : 0;
    while (global[0] % sizes[i] != 0 || sizes[i] > traits->group) i++;
    group[0] = sizes[i];
    group[1] = group[2] = 1;
}

static void place(const hal_opencl_program *p, const hal_portable_launch *from, hal_opencl_launch *to) {
    for (int i = 0; i < 3; i++) {
        to->global[i] = from->global[i];
        to->group[i] = from->group[i];
    }
    if (from->group[0] == 0) choose_group(&p->traits, to->global, to->group);
}

static size_t power_of_two_below(size_t n) {
    size_t p = 1;
    while (p * 2 <= n) p *= 2;
    return p;
}

/* Work-items that the device allows in a group of this kernel: it has only so many registers. */
static hal_status most_items(hal_opencl_program *p, const hal_opencl_launch *l, size_t *most) {
    hal_opencl_device *d = p->device;
    size_t n = d->traits.group;
    cl_ulong local = 0;
    cl_int e = d->cl.clGetKernelWorkGroupInfo(l->kernel, d->id, CL_KERNEL_WORK_GROUP_SIZE, sizeof n, &n, NULL);
    if (e == CL_SUCCESS)
        e = d->cl.clGetKernelWorkGroupInfo(l->kernel, d->id, CL_KERNEL_LOCAL_MEM_SIZE, sizeof local, &local, NULL);
    if (e != CL_SUCCESS) return hal_opencl_fail(d, e, "clGetKernelWorkGroupInfo of \"%s\"", l->entry);
    for (int i = 0; i < 3; i++)
        if (l->group[i] > d->most_items[i]) n = n < d->most_items[i] ? n : d->most_items[i];
    if (local > d->traits.local_bytes)
        return d->host->fail(d->host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_UNSUPPORTED), 0,
            "opencl: %s: kernel \"%s\" takes %llu bytes of local memory, the device has %llu; run the op on another device",
            d->name, l->entry, (unsigned long long)local, (unsigned long long)d->traits.local_bytes);
    *most = n;
    return HAL_OK;
}

/* Where a group is too large, planners are asked again with a smaller limit, until they cannot go below. */
static hal_status check_group(hal_opencl_program *p, const hal_opencl_launch *l, const char *file) {
    const hal_opencl_device *d = p->device;
    const size_t items = l->group[0] * l->group[1] * l->group[2];
    size_t most = 0;
    HAL_TRY(most_items(p, l, &most));
    if (items <= most) return HAL_OK;
    const uint32_t fits = (uint32_t)power_of_two_below(most);
    p->refit = fits < p->traits.group;
    p->traits.group = fits < p->traits.group ? fits : p->traits.group;
    if (p->refit) return HAL_OK;
    return d->host->fail(d->host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_UNSUPPORTED), 0,
        "opencl: %s: kernel \"%s\" of \"%s\" runs in groups of %zu x %zu x %zu work-items, the device allows %zu for it; run "
        "the op on another device", d->name, l->entry, file, l->group[0], l->group[1], l->group[2], most);
}

/* -------------------------------------------------------------------------------------------- launches -- */

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

static hal_status add(hal_opencl_program *p, uint32_t op, const hal_portable_launch *from) {
    const hal_portable_program *text = &p->calls[op].programs[from->program];
    if (from->global[0] * from->global[1] * from->global[2] == 0) return HAL_OK;
    if (!grow((void **)&p->launches, &p->room_launches, p->n_launches, sizeof *p->launches))
        return hal_opencl_no_memory(p->device->host, "the launches of a program");
    hal_opencl_launch *l = &p->launches[p->n_launches];
    HAL_TRY(choose_kernel(p->device, text, from->entry, l));
    l->op = op;
    l->from = (uint32_t)(from - p->calls[op].launches);
    place(p, from, l);
    HAL_TRY(check_group(p, l, text->file));
    p->n_launches++;
    return HAL_OK;
}

hal_status hal_opencl_kernels_add(hal_opencl_program *p, uint32_t op) {
    const hal_portable_call *call = &p->calls[op];
    for (uint32_t i = 0; i < call->n_launches; i++) HAL_TRY(add(p, op, &call->launches[i]));
    return HAL_OK;
}

/* ------------------------------------------------------------------------------------------- arguments -- */

static bool add_slot(hal_opencl_program *p, uint32_t launch, uint32_t at, uint32_t operand, uint64_t offset) {
    const hal_description_op *op = &hal_description_ops(p->description)[p->launches[launch].op];
    const hal_description_tensor *t = hal_description_operand(p->description, op, operand);
    if (!grow((void **)&p->slots, &p->room_slots, p->n_slots, sizeof *p->slots)) return false;
    p->slots[p->n_slots++] = (hal_opencl_slot){launch, at, t->binding, t->offset + offset};
    return true;
}

static cl_int set_pointer(const hal_opencl_program *p, cl_kernel kernel, uint32_t at, cl_mem mem, uint64_t offset) {
    const cl_long value = (cl_long)offset;
    const cl_int e = p->device->cl.clSetKernelArg(kernel, at, sizeof mem, &mem);
    return e == CL_SUCCESS ? p->device->cl.clSetKernelArg(kernel, at + 1, sizeof value, &value) : e;
}

static hal_status set_arguments(hal_opencl_program *p, uint32_t launch) {
    const hal_opencl_launch *l = &p->launches[launch];
    const hal_portable_call *call = &p->calls[l->op];
    const hal_portable_launch *from = &call->launches[l->from];
    uint32_t at = 0;
    cl_int e = CL_SUCCESS;
    for (uint32_t i = 0; i < from->n_arguments && e == CL_SUCCESS; i++) {
        const hal_portable_argument *a = &call->arguments[from->first + i];
        if (a->kind == HAL_PORTABLE_VALUE) {
            e = p->device->cl.clSetKernelArg(l->kernel, at++, a->bytes, call->values + a->at);
            continue;
        }
        if (a->kind == HAL_PORTABLE_SCRATCH) e = set_pointer(p, l->kernel, at, p->scratch, a->at);
        else if (!add_slot(p, launch, at, a->index, a->at))
            return hal_opencl_no_memory(p->device->host, "the arguments of a program");
        at += 2;
    }
    return e == CL_SUCCESS ? HAL_OK
        : hal_opencl_fail(p->device, e, "clSetKernelArg: argument %u of \"%s\"", at, l->entry);
}

hal_status hal_opencl_kernels_set(hal_opencl_program *p) {
    for (uint32_t i = 0; i < p->n_launches; i++) HAL_TRY(set_arguments(p, i));
    return HAL_OK;
}

void hal_opencl_program_place(hal_opencl_program *p, uint32_t index, hal_opencl_place place) {
    hal_opencl_place *now = &p->places[index];
    place.stale = now->stale || place.serial == 0 || now->serial != place.serial || now->offset != place.offset;
    *now = place;
}

hal_status hal_opencl_program_bind(hal_opencl_program *p) {
    const uint32_t n = p->description->n_bindings;
    uint32_t stale = 0;
    for (uint32_t i = 0; i < n; i++) stale += p->places[i].stale;
    if (stale && p->device->unordered) HAL_TRY(hal_opencl_order_find(p));
    for (uint32_t i = 0; stale && i < p->n_slots; i++) {
        const hal_opencl_slot *s = &p->slots[i];
        const hal_opencl_place *place = &p->places[s->binding];
        const hal_opencl_launch *l = &p->launches[s->launch];
        if (!place->stale) continue;
        const cl_int e = set_pointer(p, l->kernel, s->at, place->mem, place->offset + s->offset);
        if (e != CL_SUCCESS) return hal_opencl_fail(p->device, e, "clSetKernelArg: an operand of \"%s\"", l->entry);
    }
    for (uint32_t i = 0; i < n; i++) p->places[i].stale = false;
    return HAL_OK;
}
