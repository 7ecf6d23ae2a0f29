/* SPDX-License-Identifier: Apache-2.0 */
/* A model that reads a text and makes tokens: a program for reading, of the smallest bucket that holds the text, and one that makes
 * a token, with keys and values kept in variables. Used by hal-run generate and hal-bench generate. */
#ifndef HAL_RUN_DECODER_H
#define HAL_RUN_DECODER_H

#include "tools/hal-run/engine.h"

/* What a program of T tokens is fed: here, as the device may still use it when a deadline has passed. */
typedef struct decoder_feeds {
    int32_t start, last;
    int64_t counter;
    float temperature, top_p;
} decoder_feeds;

/* One program of T tokens. */
typedef struct decoder_program {
    int64_t size;
    model_graph model;
    engine_step step;
    hal_value last, uniform_counter, temperature, top_p, next;
    decoder_feeds now;
} decoder_program;

enum { DECODER_BUCKETS = 32, DECODER_FEEDS = 7 };

typedef struct decoder {
    run_engine engine;
    model_config config;
    hal_dtype dtype; /* of products, and of matrices */
    model_parameter *parameters;
    size_t count;
    decoder_program decode, prefill[DECODER_BUCKETS];
    uint32_t n_prefill;
    int32_t *positions; /* of one step */
    int64_t cached;     /* tokens in the caches */
    int32_t next;       /* the token that the last step made */
} decoder;

/* Plans the program that makes a token; its weights are the caller's to fill in. `options` (seed, top_k, temperature, top_p, what
 * an engine needs) stays the caller's and has to live as long. On failure decoder_close takes what there is; after TOOL_DEADLINE
 * of any call nothing is closed: see engine_run. */
int decoder_open(const run_options *options, const model_config *config, hal_dtype dtype, decoder *out, tool_error *err);
/* How many ids from the first on decoder_read looks at: what lies behind the n ones is not used. */
int64_t decoder_bucket(const decoder *d, int64_t n);
/* Reads n tokens into empty caches, at most as many as the model has positions. `number` is that of the token to make. */
int decoder_read(decoder *d, const int32_t *ids, int64_t n, uint64_t number, tool_error *err);
/* Puts a token behind those that were read, and makes the next. */
int decoder_next(decoder *d, const int32_t *id, uint64_t number, tool_error *err);
/* What a program is fed for n tokens behind the cached ones. */
void decoder_feed(decoder *d, decoder_program *p, const int32_t *ids, int64_t n, uint64_t number, hal_feed feeds[DECODER_FEEDS]);
void decoder_close(decoder *d);

#endif
