/* SPDX-License-Identifier: Apache-2.0 */
#include "hal/probe/cuda_shape.h"

#include <stdio.h>

/* That there is no device is no failure: the runtime looked. */
static hal_library_state refused(const hal_cuda_shape *s, hal_answer *library, const char *call, int e)
{
    (void)hal_child_refused(library, call, e, s->meaning(e));
    return e == s->none ? HAL_LIBRARY_OK : e == s->mismatch ? HAL_LIBRARY_OLD : HAL_LIBRARY_FAILED;
}

static void tell_device(const hal_cuda_shape *s, int index, int device, const hal_answer *library)
{
    char text[256] = "";
    size_t memory = 0;
    hal_answer a;
    hal_answer_init(&a, HAL_ANSWER_DEVICE, s->api);
    a.type = HAL_DEVICE_GPU;
    a.index = (uint32_t)index;
    if (s->calls->name(text, sizeof text, device) == 0)
        hal_child_copy(a.name, sizeof a.name, text, sizeof text);
    memset(text, 0, sizeof text);
    if (s->calls->address(text, sizeof text - 1, device) == 0)
        hal_child_address_text(a.address, sizeof a.address, text);
    if (s->calls->memory(&memory, device) == 0)
        a.memory = memory;
    s->complete(device, &a);
    snprintf(a.user, sizeof a.user, "%s", library->user);
    hal_child_tell(&a);
}

static void tell_peer(const hal_cuda_shape *s, const int *devices, int from, int to)
{
    hal_answer a;
    int can = 0;
    if (from == to || devices[from] < 0 || devices[to] < 0 ||
        s->calls->peer(&can, devices[from], devices[to]) != 0)
        return;
    hal_answer_init(&a, HAL_ANSWER_LINK, s->api);
    a.index = (uint32_t)from;
    a.peer_index = (uint32_t)to;
    a.copy = can == 1 ? HAL_COPY_DIRECT : HAL_COPY_STAGED;
    hal_child_tell(&a);
}

static void tell_all(const hal_cuda_shape *s, int n, const hal_answer *library)
{
    int devices[HAL_CHILD_PAIRED];
    const int paired = n < (int)HAL_CHILD_PAIRED ? n : (int)HAL_CHILD_PAIRED;
    for (int i = 0; i < n; i++) {
        int device = -1;
        if (s->calls->get(&device, i) == 0)
            tell_device(s, i, device, library);
        if (i < paired)
            devices[i] = device;
    }
    for (int i = 0; i < paired && s->calls->peer != NULL; i++)
        for (int k = 0; k < paired; k++)
            tell_peer(s, devices, i, k);
}

hal_library_state hal_cuda_shape_ask(const hal_cuda_shape *s, hal_answer *library)
{
    int n = 0, e = s->calls->init(0);
    if (e != 0)
        return refused(s, library, s->init, e);
    if (s->begun != NULL)
        s->begun(library);
    e = s->calls->count(&n);
    if (e != 0)
        return refused(s, library, s->count, e);
    if (n < 0 || n > (int)HAL_CHILD_DEVICES)
        return hal_child_absurd(library, s->count, n);
    tell_all(s, n, library);
    return HAL_LIBRARY_OK;
}
