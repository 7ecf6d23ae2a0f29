/* SPDX-License-Identifier: Apache-2.0 */
/* From a description to launches, for drivers: sizes, groups, bytes that are touched. */
#include "chain.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

hal_status hal_portable_no_memory(const hal_portable_driver *driver, const char *what) {
    return driver->host->fail(driver->host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY), 0,
        "%s: no host memory for %s; free memory and try again", driver->who, what);
}

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

/* ------------------------------------------------------------------------------------------- operands -- */

/* Bytes from the start of its binding to the end of a tensor. */
static uint64_t end_of(const hal_description_tensor *t, const hal_portable_operand *o) {
    uint64_t end = t->offset + o->width;
    for (uint32_t d = 0; d < o->rank; d++)
        if (o->stride[d] > 0) end += (uint64_t)(o->size[d] - 1) * (uint64_t)o->stride[d];
    return o->n > 0 ? end : 0;
}

static void resolve_operand(hal_portable_chain *c, const hal_description_tensor *t, const int64_t *symbols,
                            hal_portable_operand *o) {
    hal_portable_operand_resolve(t, symbols, o);
    const uint64_t end = end_of(t, o);
    if (end > c->touched[t->binding]) c->touched[t->binding] = end;
}

static void resolve(hal_portable_chain *c, uint32_t index, const int64_t *symbols) {
    const hal_description_op *op = &hal_description_ops(c->description)[index];
    hal_portable_call *call = &c->calls[index];
    call->traits = &c->traits;
    call->op = op->number;
    call->n_in = op->n_in;
    call->n_out = op->n_out;
    call->attrs = hal_description_attrs(c->description, op);
    call->operand = c->operands + op->first;
    for (uint32_t i = 0; i < op->n_in + op->n_out; i++) {
        const hal_description_tensor *t = hal_description_operand(c->description, op, i);
        if (t) resolve_operand(c, t, symbols, &call->operand[i]);
        else call->operand[i] = (hal_portable_operand){0};
    }
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

static void place(const hal_portable_traits *traits, const hal_portable_launch *from, hal_portable_step *to) {
    for (int i = 0; i < 3; i++) {
        to->global[i] = from->global[i];
        to->group[i] = from->group[i];
    }
    if (from->group[0] == 0) choose_group(traits, to->global, to->group);
}

static size_t power_of_two_below(size_t n) {
    size_t p = 1;
    while (p * 2 <= n) p *= 2;
    return p;
}

/* Where a group is too large, planners are asked again with a smaller limit, until they cannot go below. */
static hal_status check_group(hal_portable_chain *c, const hal_portable_step *s, const char *file, const char *entry,
                              size_t most) {
    const hal_host *host = c->driver.host;
    if (s->group[0] * s->group[1] * s->group[2] <= most) return HAL_OK;
    const uint32_t fits = (uint32_t)power_of_two_below(most);
    c->refit = fits < c->traits.group;
    c->traits.group = fits < c->traits.group ? fits : c->traits.group;
    if (c->refit) return HAL_OK;
    return host->fail(host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_UNSUPPORTED), 0,
        "%s: kernel \"%s\" of \"%s\" runs in groups of %zu x %zu x %zu work-items, the device allows %zu for it; run the op on "
        "another device", c->driver.who, entry, file, s->group[0], s->group[1], s->group[2], most);
}

/* ------------------------------------------------------------------------------------------- planning -- */

/* The place behind the last step. */
static hal_portable_step *next_step(hal_portable_chain *c) {
    return grow((void **)&c->steps, &c->room_steps, c->n_steps, sizeof *c->steps) ? &c->steps[c->n_steps] : NULL;
}

static hal_status add(hal_portable_chain *c, uint32_t op, const hal_portable_launch *from) {
    const hal_portable_program *text = &c->calls[op].programs[from->program];
    size_t most = SIZE_MAX;
    if (from->global[0] * from->global[1] * from->global[2] == 0) return HAL_OK;
    hal_portable_step *s = next_step(c);
    if (!s) return hal_portable_no_memory(&c->driver, "the launches of a program");
    *s = (hal_portable_step){.op = op, .from = (uint32_t)(from - c->calls[op].launches)};
    place(&c->traits, from, s);
    HAL_TRY(c->driver.prepare(c->driver.context, c->n_steps, text, from->entry, &most));
    HAL_TRY(check_group(c, s, text->file, from->entry, most));
    for (uint32_t i = 0; i < from->n_arguments; i++)
        c->n_arguments += c->calls[op].arguments[from->first + i].kind == HAL_PORTABLE_VALUE ? 1 : 2;
    c->n_steps++;
    return HAL_OK;
}

/* The driver's own step, if it takes the op over. */
static hal_status offer(hal_portable_chain *c, uint32_t op, bool *taken) {
    hal_portable_call *call = &c->calls[op];
    if (!c->driver.take) return HAL_OK;
    hal_portable_step *s = next_step(c);
    if (!s) return hal_portable_no_memory(&c->driver, "the launches of a program");
    *s = (hal_portable_step){.op = op, .from = HAL_PORTABLE_TAKEN, .global = {1, 1, 1}, .group = {1, 1, 1}};
    hal_portable_call_drop(call);
    HAL_TRY(c->driver.take(c->driver.context, c->n_steps, call, taken));
    if (*taken && call->failed) return hal_portable_no_memory(&c->driver, "the plan of an op");
    if (!*taken) return HAL_OK;
    c->n_arguments += 2 * (call->n_in + call->n_out + 1);
    c->n_steps++;
    return HAL_OK;
}

/* The steps of op `index` at the end of the list. */
static hal_status plan_op(hal_portable_chain *c, uint32_t index, const int64_t *symbols, int64_t deadline) {
    const hal_host *host = c->driver.host;
    hal_portable_call *call = &c->calls[index];
    bool taken = false;
    if (now() > deadline)
        return host->fail(host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_DEADLINE_EXCEEDED), 0,
            "%s: the deadline passed at op %u of %u of a program; allow more time to compile", c->driver.who, index,
            c->description->n_ops);
    resolve(c, index, symbols);
    HAL_TRY(offer(c, index, &taken));
    if (!taken && !hal_portable_plan(call)) return hal_portable_no_memory(&c->driver, "the plan of an op");
    if (call->scratch_bytes > c->scratch_bytes) c->scratch_bytes = call->scratch_bytes;
    for (uint32_t i = 0; i < call->n_launches && !c->refit; i++) HAL_TRY(add(c, index, &call->launches[i]));
    return HAL_OK;
}

static void begin(hal_portable_chain *c) {
    c->n_steps = c->n_slots = c->n_waits = c->n_arguments = 0;
    c->scratch_bytes = 0;
    c->refit = false;
    for (uint32_t i = 0; i < c->description->n_bindings; i++) c->touched[i] = 0;
}

bool hal_portable_chain_stands(const hal_portable_chain *c, const int64_t *symbols) {
    const size_t bytes = c->description->n_symbols * sizeof *symbols;
    return c->planned && (bytes == 0 || memcmp(symbols, c->symbols, bytes) == 0);
}

hal_status hal_portable_chain_plan(hal_portable_chain *c, const int64_t *symbols, int64_t deadline) {
    const size_t bytes = c->description->n_symbols * sizeof *symbols;
    c->planned = false;
    do {
        begin(c);
        for (uint32_t i = 0; i < c->description->n_ops && !c->refit; i++) HAL_TRY(plan_op(c, i, symbols, deadline));
    } while (c->refit);
    if (bytes) memmove(c->symbols, symbols, bytes);
    c->planned = true;
    return HAL_OK;
}

hal_status hal_portable_chain_slot(hal_portable_chain *c, uint32_t step, uint32_t at, const hal_portable_argument *a) {
    const hal_description_op *op = &hal_description_ops(c->description)[c->steps[step].op];
    const hal_description_tensor *t = hal_description_operand(c->description, op, a->index);
    if (!grow((void **)&c->slots, &c->room_slots, c->n_slots, sizeof *c->slots))
        return hal_portable_no_memory(&c->driver, "the arguments of a program");
    c->slots[c->n_slots++] = (hal_portable_slot){step, at, t->binding, t->offset + a->at};
    return HAL_OK;
}

/* ---------------------------------------------------------------------------------- create and free -- */

void hal_portable_chain_free(hal_portable_chain *c) {
    if (!c) return;
    for (uint32_t i = 0; c->calls && i < c->description->n_ops; i++) hal_portable_call_clear(&c->calls[i]);
    free(c->calls);
    free(c->operands);
    free(c->steps);
    free(c->slots);
    free(c->waits);
    free(c->symbols);
    free(c->touched);
    free(c->description);
    free(c);
}

hal_portable_chain *hal_portable_chain_create(const hal_portable_driver *driver, const hal_description *d,
                                              const hal_portable_traits *traits) {
    hal_portable_chain *c = calloc(1, sizeof *c);
    if (!c) return NULL;
    c->driver = *driver;
    c->traits = *traits;
    c->description = malloc(d->bytes);
    if (c->description) memcpy(c->description, d, d->bytes);
    if (c->description) c->calls = calloc((size_t)d->n_ops + 1, sizeof *c->calls);
    c->operands = calloc((size_t)d->n_operands + 1, sizeof *c->operands);
    c->symbols = calloc((size_t)d->n_symbols + 1, sizeof *c->symbols);
    c->touched = calloc((size_t)d->n_bindings + 1, sizeof *c->touched);
    if (c->calls && c->operands && c->symbols && c->touched) return c;
    hal_portable_chain_free(c);
    return NULL;
}
