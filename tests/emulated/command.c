/* SPDX-License-Identifier: Apache-2.0 */
/* What a stream is told to do: making, copying and ending commands, and doing those that are neither kernels nor graphs. */
#include "emulated.h"

#include <stdlib.h>
#include <string.h>

emu_point *emu_point_make(CUcontext context) {
    emu_point *p = malloc(sizeof *p);
    if (p) *p = (emu_point){.refs = 1, .context = context};
    return p;
}

emu_point *emu_point_keep(emu_point *p) {
    if (p) p->refs++;
    return p;
}

void emu_point_drop(emu_point *p) {
    if (p && --p->refs == 0) free(p);
}

/* ----------------------------------------------------------------------------------------- begin and end -- */

emu_command *emu_command_make(emu_work work) {
    emu_command *c = calloc(1, sizeof *c);
    if (c) c->work = work;
    return c;
}

static bool copy_launch(const emu_launch *from, emu_launch *to) {
    to->parameters = malloc(from->function->bytes + 1);
    if (!to->parameters) return false;
    memcpy(to->parameters, from->parameters, from->function->bytes);
    from->function->refs++;
    return true;
}

bool emu_command_copy(const emu_command *from, emu_command *to) {
    *to = *from;
    if (from->work == EMU_KERNEL) return copy_launch(&from->launch, &to->launch);
    if (from->work == EMU_LIST) to->list->refs++;
    if (from->work == EMU_SERVICE) emu_service_keep(to->service);
    return true;
}

void emu_command_clear(emu_command *c) {
    switch (c->work) {
    case EMU_KERNEL:
        emu_function_drop(c->launch.function);
        free(c->launch.parameters);
        break;
    case EMU_COPY: free(c->copy.staged); break;
    case EMU_RECORD:
    case EMU_AWAIT: emu_point_drop(c->point); break;
    case EMU_TAKE:
    case EMU_GIVE: c->block->commands--; break;
    case EMU_LIST: emu_list_drop(c->list); break;
    case EMU_SERVICE: emu_service_drop(c->service); break;
    default: break;
    }
    c->work = EMU_NOTHING;
}

/* ------------------------------------------------------------------------------------------------- doing -- */

static bool is_corrupt(const emu_block *from, const emu_block *to) {
    const emu_device *a = from ? from->context->device : NULL, *b = to ? to->context->device : NULL;
    return a && b && a != b && (emu_rules.corrupt[a->number] >> b->number & 1);
}

static CUresult copy(emu_command *c) {
    emu_block *from = NULL, *to = NULL;
    const size_t bytes = c->copy.bytes;
    const char *source = c->copy.staged ? c->copy.staged : c->copy.from.host;
    char *target = c->copy.to.host;
    if (!source) source = emu_reach(NULL, c->copy.from.device, bytes, "the source of a copy", &from);
    if (!target) target = emu_reach(NULL, c->copy.to.device, bytes, "the target of a copy", &to);
    if (!source || !target) return CUDA_ERROR_ILLEGAL_ADDRESS;
    if (from) from->users++;
    if (to) to->users++;
    emu_unlock();
    memmove(target, source, bytes);
    if (is_corrupt(from, to)) target[bytes / 2] ^= 1;
    emu_lock();
    if (from) from->users--;
    if (to) to->users--;
    return CUDA_SUCCESS;
}

static CUresult fill(emu_command *c) {
    emu_block *block;
    const size_t width = c->fill.width;
    char *to = emu_reach(NULL, c->fill.to, c->fill.count * width, "the target of a memset", &block);
    if (!to) return CUDA_ERROR_ILLEGAL_ADDRESS;
    if (block) block->users++;
    emu_unlock();
    if (width == 1) memset(to, (int)c->fill.value, c->fill.count);
    else
        for (size_t i = 0; i < c->fill.count; i++) memcpy(to + i * width, &c->fill.value, width);
    emu_lock();
    if (block) block->users--;
    return CUDA_SUCCESS;
}

static CUresult await(CUstream s, const emu_command *c) {
    while (!c->point->done && s->context->sticky == CUDA_SUCCESS) {
        if (c->point->context->stuck) s->stuck = true;
        emu_wait();
    }
    return CUDA_SUCCESS;
}

static void call_host(CUstream s, const emu_command *c) {
    const CUresult sticky = s->context->sticky;
    emu_unlock();
    if (c->host.function) c->host.function(c->host.data);
    else c->host.callback(s, sticky, c->host.data);
    emu_lock();
}

static CUresult give(const emu_command *c) {
    if (c->block->state == EMU_FREED)
        return emu_wrong(CUDA_ERROR_INVALID_VALUE, "0x%llx was freed already, by %s", (unsigned long long)c->block->at,
            c->block->freed_by);
    emu_block_end(c->block, c->call);
    return CUDA_SUCCESS;
}

static void record(emu_point *point) {
    point->done = true;
    point->time = emu_now();
}

CUresult emu_command_run(CUstream s, emu_command *c) {
    switch (c->work) {
    case EMU_KERNEL: return emu_launch_run(s, &c->launch);
    case EMU_COPY: return copy(c);
    case EMU_FILL: return fill(c);
    case EMU_RECORD: record(c->point); break;
    case EMU_AWAIT: return await(s, c);
    case EMU_HOST: call_host(s, c); break;
    case EMU_TAKE: emu_block_begin(c->block); break;
    case EMU_GIVE: return give(c);
    case EMU_LIST: return emu_list_run(s, c->list);
    case EMU_SERVICE: return emu_service_run(s, c->service);
    case EMU_NOTHING: break;
    }
    return CUDA_SUCCESS;
}

/* Functions of the host are not called then, callbacks are, and are told. */
void emu_command_skip(CUstream s, emu_command *c) {
    if (c->work == EMU_RECORD) record(c->point);
    if (c->work == EMU_HOST && c->host.callback) call_host(s, c);
}
