/* SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>

#include "lanes.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include <hal/backend.h>

#include "ops/kernel/element.h"

/* The thread sanitizer has to be told whose stack it is that calls and returns. */
#if HAL_BACKEND_SANITIZER == 2
#include <sanitizer/tsan_interface.h>
static void *fiber_current(void) { return __tsan_get_current_fiber(); }
static void *fiber_create(void) { return __tsan_create_fiber(0); }
static void fiber_destroy(void *fiber) { __tsan_destroy_fiber(fiber); }
static void fiber_switch(void *fiber) { __tsan_switch_to_fiber(fiber, 0); }
#else
static void *fiber_current(void) { return NULL; }
static void *fiber_create(void) { return NULL; }
static void fiber_destroy(void *fiber) { (void)fiber; }
static void fiber_switch(void *fiber) { (void)fiber; }
#endif

enum { WARP = 32, MOST_LANES = 256, STACK = 64 << 10, MOST_COPIES = 64 };

/* Where a lane is: it goes on, or waits for its warp at an instruction, or for its group. */
typedef enum place { READY, MMA_BF16, MMA_F16, MATRICES, TURNED, EXCHANGE, BARRIER, DONE } place;

typedef struct copy { unsigned short *to; const char *from; int n; } copy;

/* The operands of the instruction it waits at are `to`, `a` and `b`, or `value` and `mask`. */
typedef struct lane {
    ucontext_t context;
    char *stack;
    void *fiber;
    place at;
    void *to;
    const void *a, *b;
    float value;
    int mask;
    copy copies[MOST_COPIES];
    uint32_t n_copies;
} lane;

static struct {
    const lanes_job *job;
    ucontext_t scheduler;
    void *fiber; /* the scheduler's */
    lane lane[MOST_LANES];
    uint32_t group, running;
    uint64_t conflicts;
} emulated;

static void expect(bool condition, const char *sentence) {
    if (condition) return;
    fprintf(stderr, "lanes: group %u, lane %u: %s\n", emulated.group, emulated.running, sentence);
    abort();
}

static lane *me(void) { return &emulated.lane[emulated.running]; }

/* Lets the others go on until the scheduler has done what this lane waits for. */
static void wait_at(place at) {
    lane *l = me();
    l->at = at;
    fiber_switch(emulated.fiber);
    swapcontext(&l->context, &emulated.scheduler);
}

unsigned long get_local_id(int axis) { return axis == 0 ? emulated.running : 0; }
unsigned long get_group_id(int axis) { return axis == 0 ? emulated.group : 0; }
uint64_t lanes_conflicts(void) { return emulated.conflicts; }
void lanes_barrier(void) { wait_at(BARRIER); }

/* ------------------------------------------------------------------------------------------------- copies */

void hal_copy_16(unsigned short *to, const char *from, int n) {
    lane *l = me();
    expect(n == 0 || n == 16, "a copy is of 16 bytes, or fills with zeros");
    expect(((uintptr_t)to & 15) == 0 && (n == 0 || ((uintptr_t)from & 15) == 0), "a copy is not aligned to 16 bytes");
    expect(l->n_copies < MOST_COPIES, "too many copies are on their way");
    memset(to, 0xff, 16);
    l->copies[l->n_copies++] = (copy){to, from, n};
}

void hal_copies_end(void) {
    lane *l = me();
    for (uint32_t i = 0; i < l->n_copies; i++) {
        const copy *c = &l->copies[i];
        memset(c->to, 0, 16);
        if (c->n) memcpy(c->to, c->from, 16);
    }
    l->n_copies = 0;
}

/* ------------------------------------------------------------------------------- products of a warp's lanes */

static void wait_with(place at, void *to, const void *a, const void *b) {
    lane *l = me();
    l->to = to;
    l->a = a;
    l->b = b;
    wait_at(at);
}
void hal_mma_BF16(float *c, const unsigned int *a, const unsigned int *b) { wait_with(MMA_BF16, c, a, b); }
void hal_mma_F16(float *c, const unsigned int *a, const unsigned int *b) { wait_with(MMA_F16, c, a, b); }

static double element(const uint32_t *words, int word, int half, bool bf16) {
    const uint16_t bits = (uint16_t)(words[word] >> 16 * half);
    return (double)(bf16 ? hal_bf16_load(bits) : hal_f16_load(bits));
}

static float towards_zero(double exact) {
    const float nearest = (float)exact;
    return fabs((double)nearest) > fabs(exact) ? nextafterf(nearest, 0.0f) : nearest;
}

/* PTX ISA, "Matrix Fragments for mma.m16n8k16 with floating point type": element i of a lane's part of A (8), B (4) and
   C (4), with groupID = lane / 4 and threadID_in_group = lane % 4. */
static int a_row(int l, int i) { return (i < 2 || (i >= 4 && i < 6)) ? l >> 2 : (l >> 2) + 8; }
static int a_column(int l, int i) { return (l % 4) * 2 + (i & 1) + (i >= 4 ? 8 : 0); }
static int b_row(int l, int i) { return (l % 4) * 2 + (i & 1) + (i >= 2 ? 8 : 0); }
static int b_column(int l) { return l >> 2; }
static int c_row(int l, int i) { return i < 2 ? l >> 2 : (l >> 2) + 8; }
static int c_column(int l, int i) { return (l % 4) * 2 + (i & 1); }

static void multiply(lane *warp, bool bf16) {
    double a[16][16], b[16][8];
    for (int l = 0; l < WARP; l++) {
        for (int i = 0; i < 8; i++) a[a_row(l, i)][a_column(l, i)] = element(warp[l].a, i / 2, i & 1, bf16);
        for (int i = 0; i < 4; i++) b[b_row(l, i)][b_column(l)] = element(warp[l].b, i / 2, i & 1, bf16);
    }
    for (int l = 0; l < WARP; l++) {
        for (int i = 0; i < 4; i++) {
            float *c = (float *)warp[l].to + i;
            double sum = (double)*c;
            for (int k = 0; k < 16; k++) sum += a[c_row(l, i)][k] * b[k][c_column(l, i)];
            *c = towards_zero(sum);
        }
    }
}

/* --------------------------------------------------------------------------------------------- ldmatrix */

void hal_matrices(unsigned int *to, const unsigned short *at) { wait_with(MATRICES, to, at, NULL); }
void hal_matrices_turned(unsigned int *to, const unsigned short *at) { wait_with(TURNED, to, at, NULL); }

/* The eight rows of a matrix are read at once where each is in banks of its own. */
static void count_conflicts(const lane *first) {
    uint32_t banks = 0;
    for (int l = 0; l < 8; l++) banks |= 1u << (((uintptr_t)first[l].a >> 4) & 7);
    if (banks != 0xff) emulated.conflicts++;
}

/* PTX ISA, "Warp-level matrix load instruction: ldmatrix": lanes 8m ... 8m + 7 hold the addresses of the rows of matrix m;
   lane l gets row l / 4, elements 2 (l % 4) and the next; with .trans, of the transposed matrix. */
static void load_matrices(lane *warp, bool turned) {
    for (int m = 0; m < 4; m++) {
        uint16_t matrix[8][8];
        for (int r = 0; r < 8; r++) {
            expect(((uintptr_t)warp[8 * m + r].a & 15) == 0, "a row of a matrix is not aligned to 16 bytes");
            memcpy(matrix[r], warp[8 * m + r].a, sizeof matrix[r]);
        }
        count_conflicts(warp + 8 * m);
        for (int l = 0; l < WARP; l++) {
            const int row = l / 4, column = l % 4 * 2;
            const uint32_t low = turned ? matrix[column][row] : matrix[row][column];
            const uint32_t high = turned ? matrix[column + 1][row] : matrix[row][column + 1];
            ((uint32_t *)warp[l].to)[m] = low | high << 16;
        }
    }
}

/* ------------------------------------------------------------------------------------------------- the rest */

float hal_exchange(float v, int mask) {
    lane *l = me();
    l->value = v;
    l->mask = mask;
    wait_at(EXCHANGE);
    return l->value;
}

static void exchange(lane *warp) {
    float value[WARP];
    for (int l = 0; l < WARP; l++) {
        expect(warp[l].mask == warp[0].mask, "lanes exchange with different masks");
        value[l] = warp[l ^ warp[l].mask].value;
    }
    for (int l = 0; l < WARP; l++) warp[l].value = value[l];
}

float hal_exp2(float x) {
    const float y = exp2f(x);
    return y < 0x1p-126f ? 0.0f : y;
}
unsigned int hal_pack_BF16(float x, float y) { return hal_bf16_round(x) | (unsigned int)hal_bf16_round(y) << 16; }
unsigned int hal_pack_F16(float x, float y) { return hal_f16_round(x) | (unsigned int)hal_f16_round(y) << 16; }

/* -------------------------------------------------------------------------------------------- scheduling */

static void lane_main(void) {
    emulated.job->kernel(emulated.job->argument);
    expect(me()->n_copies == 0, "a lane leaves with copies that it did not wait for");
    wait_at(DONE);
}

static void lane_start(lane *l) {
    l->at = READY;
    l->n_copies = 0;
    getcontext(&l->context);
    l->context.uc_stack = (stack_t){.ss_sp = l->stack, .ss_size = STACK};
    l->context.uc_link = NULL;
    makecontext(&l->context, lane_main, 0);
}

static uint32_t ordered(uint32_t i, uint32_t n) { return emulated.job->backwards ? n - 1 - i : i; }

/* Until each of its lanes waits, all for the same. */
static place warp_go(uint32_t first) {
    for (uint32_t i = 0; i < WARP; i++) {
        emulated.running = first + ordered(i, WARP);
        if (me()->at != READY) continue;
        fiber_switch(me()->fiber);
        swapcontext(&emulated.scheduler, &me()->context);
    }
    const lane *warp = &emulated.lane[first];
    for (uint32_t i = 1; i < WARP; i++) expect(warp[i].at == warp[0].at, "lanes of its warp came to different instructions");
    return warp[0].at;
}

static void warp_compute(lane *warp, place at) {
    if (at == MMA_BF16 || at == MMA_F16) multiply(warp, at == MMA_BF16);
    else if (at == MATRICES || at == TURNED) load_matrices(warp, at == TURNED);
    else exchange(warp);
    for (int l = 0; l < WARP; l++) warp[l].at = READY;
}

/* Each warp as far as the next barrier, or the end; which of them all came to. */
static place group_go(void) {
    const uint32_t warps = emulated.job->lanes / WARP;
    place all = READY;
    for (uint32_t i = 0; i < warps; i++) {
        const uint32_t first = ordered(i, warps) * WARP;
        place at;
        while ((at = warp_go(first)) != BARRIER && at != DONE) warp_compute(&emulated.lane[first], at);
        expect(i == 0 || at == all, "a warp is at a barrier that another does not come to");
        all = at;
    }
    return all;
}

void lanes_run(const lanes_job *job) {
    emulated.job = job;
    emulated.fiber = fiber_current();
    for (uint32_t i = 0; i < job->lanes; i++) {
        emulated.lane[i].stack = malloc(STACK);
        expect(emulated.lane[i].stack != NULL, "no memory for its stack");
        emulated.lane[i].fiber = fiber_create();
    }
    for (uint32_t group = 0; group < job->groups; group++) {
        emulated.group = group;
        for (uint32_t i = 0; i < job->lanes; i++) lane_start(&emulated.lane[i]);
        while (group_go() == BARRIER)
            for (uint32_t i = 0; i < job->lanes; i++) emulated.lane[i].at = READY;
    }
    for (uint32_t i = 0; i < job->lanes; i++) {
        fiber_destroy(emulated.lane[i].fiber);
        free(emulated.lane[i].stack);
    }
}
