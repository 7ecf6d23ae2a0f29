/* SPDX-License-Identifier: Apache-2.0 */
/* Work of other libraries of this rig, as commands of streams. */
#include "emulated.h"

#include <stdlib.h>

#include "service.h"

struct emu_service { unsigned refs; hal_emulated_work work; };

int hal_emulated_cuda_asked(const char *call) {
    emu_script_begin();
    return (int)emu_script_call(call);
}

void hal_emulated_cuda_object(const char *call, const char *text) {
    emu_call_set(call);
    emu_wrong(CUDA_ERROR_INVALID_VALUE, "%s", text);
    emu_call_set(NULL);
}

void emu_service_keep(struct emu_service *service) { service->refs++; }

void emu_service_drop(struct emu_service *service) {
    if (--service->refs > 0) return;
    service->work.drop(service->work.data);
    free(service);
}

static CUresult find(CUcontext context, const hal_emulated_work *w, char **at, emu_block **block) {
    for (unsigned i = 0; i < w->n_uses; i++) {
        const hal_emulated_use *use = &w->use[i];
        at[i] = use->at ? emu_reach(context, use->at, use->bytes, use->what, &block[i]) : NULL;
        if (use->at && !at[i]) return CUDA_ERROR_ILLEGAL_ADDRESS;
    }
    return CUDA_SUCCESS;
}

CUresult emu_service_run(CUstream s, struct emu_service *service) {
    const hal_emulated_work *w = &service->work;
    char *at[HAL_EMULATED_USES] = {NULL};
    emu_block *block[HAL_EMULATED_USES] = {NULL};
    TRY(emu_launch_count(s));
    TRY(find(s->context, w, at, block));
    for (unsigned i = 0; i < w->n_uses; i++)
        if (block[i]) block[i]->users++;
    emu_unlock();
    w->run(w->data, at);
    emu_lock();
    for (unsigned i = 0; i < w->n_uses; i++)
        if (block[i]) block[i]->users--;
    return CUDA_SUCCESS;
}

static CUresult add(CUcontext context, CUstream handle, const hal_emulated_work *work) {
    CUstream s;
    struct emu_service *service = malloc(sizeof *service);
    emu_command *c = emu_command_make(EMU_SERVICE);
    CUresult e = service && c ? emu_stream_find(context, handle, &s) : CUDA_ERROR_OUT_OF_MEMORY;
    if (e != CUDA_SUCCESS) {
        free(service);
        free(c);
        work->drop(work->data);
        return e;
    }
    *service = (struct emu_service){1, *work};
    c->service = service;
    return emu_stream_add(s, c);
}

/* Not counted: the library's own call was. */
CUresult hal_emulated_cuda_work(CUstream stream, const char *call, const hal_emulated_work *work) {
    const CUcontext context = emu_current();
    emu_lock();
    emu_call_set(call);
    CUresult e = emu_is(context, EMU_CTX) ? context->sticky : CUDA_ERROR_INVALID_CONTEXT;
    if (e == CUDA_SUCCESS) e = add(context, stream, work);
    else work->drop(work->data);
    emu_call_set(NULL);
    emu_unlock();
    return e;
}
