/* SPDX-License-Identifier: Apache-2.0 */
/* The lock, the beginning and end of a call, and what is told of a wrong use. */
#include "emulated.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* hal/probe/cuda.c and the backend look for this: results of such a driver are labelled everywhere. */
const char hal_emulated_cuda[] = "an emulated CUDA driver: devices of OpenCL run the kernels";

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t progress = PTHREAD_COND_INITIALIZER;
static _Atomic uint64_t wrongs;
static _Atomic pid_t owner;                /* the process that called cuInit */
static _Thread_local const char *called;
static _Thread_local struct { unsigned depth; uint64_t begin, all; } spent;

void emu_lock(void) { pthread_mutex_lock(&lock); }
void emu_unlock(void) { pthread_mutex_unlock(&lock); }
void emu_wait(void) { pthread_cond_wait(&progress, &lock); }
void emu_tell(void) { pthread_cond_broadcast(&progress); }
const char *emu_call(void) { return called ? called : "a stream"; }
void emu_call_set(const char *call) { called = call; }
void emu_wait_on(pthread_cond_t *wake) { pthread_cond_wait(wake, &lock); }
uint64_t hal_emulated_cuda_wrong(void) { return atomic_load(&wrongs); }

uint64_t emu_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

CUresult emu_wrong(CUresult code, const char *format, ...) {
    char text[512];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    atomic_fetch_add(&wrongs, 1);
    fprintf(stderr, "emulated CUDA: %s: %s: %s\n", emu_call(), emu_code_name(code), text);
    return code;
}

/* A child of a process that uses the driver has none of its threads, and a lock that one of them may have had for good. */
static CUresult check_process(emu_needs needs) {
    const pid_t pid = atomic_load(&owner);
    if (pid == 0 && needs == EMU_ANYTIME) return CUDA_SUCCESS;
    return pid == getpid() ? CUDA_SUCCESS : CUDA_ERROR_NOT_INITIALIZED;
}

static CUresult check_context(emu_turn *turn) {
    turn->context = emu_current();
    if (!turn->context) return CUDA_ERROR_INVALID_CONTEXT;
    if (!emu_is(turn->context, EMU_CTX)) return emu_wrong(CUDA_ERROR_CONTEXT_IS_DESTROYED, "the current context was released");
    return turn->context->sticky;
}

/* Functions of the driver may call each other. */
static void begin_spending(void) {
    if (spent.depth++ == 0) spent.begin = emu_now();
}

static void end_spending(void) {
    if (--spent.depth == 0) spent.all += emu_now() - spent.begin;
}

uint64_t hal_emulated_cuda_nanoseconds(void) { return spent.all; }

emu_turn emu_enter(const char *call, emu_needs needs) {
    emu_turn turn = {.code = CUDA_SUCCESS};
    begin_spending();
    called = call;
    emu_script_begin();
    CUresult told = check_process(needs);
    if (told == CUDA_SUCCESS) told = emu_script_call(call);
    if (told != CUDA_SUCCESS) return (emu_turn){told, (CUcontext)-1};
    emu_lock();
    if (needs == EMU_CONTEXT) turn.code = check_context(&turn);
    return turn;
}

/* A call that ended before it had the lock says so by a context that there cannot be. */
void emu_leave(emu_turn *turn) {
    if (turn->context != (CUcontext)-1) emu_unlock();
    called = NULL;
    end_spending();
}

CUresult CUDAAPI cuInit(unsigned int flags) {
    ENTER(EMU_ANYTIME);
    if (flags != 0) return CUDA_ERROR_INVALID_VALUE;
    if (emu_rules.init != CUDA_SUCCESS) return emu_rules.init;
    TRY(emu_devices_open());
    atomic_store(&owner, getpid());
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuDriverGetVersion(int *version) {
    ENTER(EMU_ANYTIME);
    if (!version) return CUDA_ERROR_INVALID_VALUE;
    *version = emu_rules.version ? emu_rules.version : EMU_VERSION;
    return CUDA_SUCCESS;
}
