/* SPDX-License-Identifier: Apache-2.0 */
#include "run_key.h"

static inline void word(hal_run_key *k, uint64_t w)
{
    if (k->n < HAL_RUN_KEY_WORDS)
        k->words[k->n] = w;
    k->n++;
}

/* Length, then the characters eight at a time. */
static void text(hal_run_key *k, const char *s)
{
    size_t length = s ? strlen(s) : 0;
    word(k, s ? length : UINT64_MAX);
    for (size_t i = 0; i < length; i += 8) {
        uint64_t w = 0;
        memcpy(&w, s + i, length - i < 8 ? length - i : 8);
        word(k, w);
    }
}

static void attribute(hal_run_key *k, const hal_attr *a)
{
    uint64_t real;
    memcpy(&real, &a->f, sizeof real);
    text(k, a->name);
    text(k, a->s);
    word(k, (uint64_t)a->i);
    word(k, real);
    word(k, a->n);
    for (uint32_t i = 0; a->list && i < a->n && k->n <= HAL_RUN_KEY_WORDS; i++)
        word(k, (uint64_t)a->list[i]);
}

static void tensor(hal_run_key *k, const hal_tensor *t)
{
    word(k, (uint64_t)t->dtype << 32 | (uint64_t)(t->layout.kind != 0) << 31 | (t->rank & INT32_MAX));
    for (uint32_t d = 0; d < t->rank && d < HAL_MAX_RANK; d++) {
        word(k, (uint64_t)t->size[d]);
        word(k, (uint64_t)t->stride[d]);
    }
}

static uint64_t hash(const uint64_t *words, uint32_t n)
{
    uint64_t h = 0x9e3779b97f4a7c15u;
    for (uint32_t i = 0; i < n; i++) {
        h = (h ^ words[i]) * 0xff51afd7ed558ccdu;
        h ^= h >> 32;
    }
    return h;
}

bool hal_run_key_make(const hal_run_call *c, hal_run_key *k)
{
    k->n = 0;
    text(k, c->op);
    word(k, (uint64_t)c->n_attrs << 32 | c->n_in << 16 | c->n_out);
    for (uint32_t i = 0; i < c->n_attrs; i++)
        attribute(k, &c->attrs[i]);
    for (uint32_t i = 0; i < c->n_in + c->n_out; i++)
        tensor(k, hal_run_tensor(c, i));
    if (k->n > HAL_RUN_KEY_WORDS)
        return false;
    k->hash = hash(k->words, k->n);
    return true;
}
