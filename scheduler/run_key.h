/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key of an eager call: op, attributes as given, and of each tensor dtype, sizes and strides. No
 * addresses: those are bound anew in each call.
 */
#ifndef HAL_SCHEDULER_RUN_KEY_H
#define HAL_SCHEDULER_RUN_KEY_H

#include <hal/core.h>

#define HAL_RUN_MAX_TENSORS 32
#define HAL_RUN_KEY_WORDS   1024

typedef struct hal_run_call {
    hal_device *device;
    const char *op;
    const hal_attr *attrs;
    uint32_t n_attrs;
    const hal_tensor *in;
    uint32_t n_in;
    const hal_tensor *out;
    uint32_t n_out;
} hal_run_call;

typedef struct hal_run_key {
    uint32_t n;
    uint64_t hash;
    uint64_t words[HAL_RUN_KEY_WORDS];
} hal_run_key;

/* Tensor i of a call, inputs first. */
static inline const hal_tensor *hal_run_tensor(const hal_run_call *c, uint32_t i)
{
    return i < c->n_in ? &c->in[i] : &c->out[i - c->n_in];
}

/* False when the call does not fit a key. Writes only the words it uses. */
bool hal_run_key_make(const hal_run_call *call, hal_run_key *key);

#endif
