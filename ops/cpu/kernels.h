/* SPDX-License-Identifier: Apache-2.0 */
/* The prepare function of each row of the operator table, by name; every variant of the kernels has its own.
   */
#ifndef HAL_OPS_CPU_KERNELS_H
#define HAL_OPS_CPU_KERNELS_H

#include "cpu.h"

#define HAL_CPU_KERNELS(X) \
    X(COPY, copy) X(CAST, cast) X(RESHAPE, copy) X(TRANSPOSE, transpose) X(SLICE, slice) \
    X(BROADCAST, broadcast) X(SPLIT, split) X(CONCAT, concat) X(GATHER, gather) \
    X(SCATTER_ADD, scatter_add) X(SET_ROWS, set_rows) X(PACK, pack) X(UNPACK, unpack) \
    X(FILL, fill) X(IOTA, iota) X(POINTWISE, pointwise) \
    X(REDUCE, reduce) X(SCAN, scan) X(ARG_MAX, arg_max) X(TOP_K, top_k) X(SORT, sort) X(MATMUL, matmul) \
    X(RANDOM, random) X(SOFTMAX, softmax) X(SOFTMAX_GRAD, softmax_grad) X(LOG_SOFTMAX, log_softmax) \
    X(LOG_SOFTMAX_GRAD, log_softmax_grad) X(LAYER_NORM, layer_norm) X(LAYER_NORM_GRAD, layer_norm_grad) \
    X(RMS_NORM, rms_norm) X(RMS_NORM_GRAD, rms_norm_grad) X(ATTENTION, attention) \
    X(ATTENTION_GRAD, attention_grad) X(ROTARY, rotary) X(GATED, gated) X(EMBEDDING, gather) \
    X(EMBEDDING_GRAD, embedding_grad) X(CROSS_ENTROPY, cross_entropy) \
    X(CROSS_ENTROPY_GRAD, cross_entropy_grad) X(DROPOUT, dropout) X(ADAMW, adamw) X(SGD, sgd) \
    X(SQUARE_SUM, square_sum) X(SAMPLE, sample)

#define HAL_CPU_PREPARE(name) HAL_CPU_PASTE(prepare_##name, HAL_CPU_VARIANT)
#define hal_prepare_copy HAL_CPU_PREPARE(copy)
#define hal_prepare_cast HAL_CPU_PREPARE(cast)
#define hal_prepare_transpose HAL_CPU_PREPARE(transpose)
#define hal_prepare_slice HAL_CPU_PREPARE(slice)
#define hal_prepare_broadcast HAL_CPU_PREPARE(broadcast)
#define hal_prepare_split HAL_CPU_PREPARE(split)
#define hal_prepare_concat HAL_CPU_PREPARE(concat)
#define hal_prepare_gather HAL_CPU_PREPARE(gather)
#define hal_prepare_scatter_add HAL_CPU_PREPARE(scatter_add)
#define hal_prepare_set_rows HAL_CPU_PREPARE(set_rows)
#define hal_prepare_pack HAL_CPU_PREPARE(pack)
#define hal_prepare_unpack HAL_CPU_PREPARE(unpack)
#define hal_prepare_fill HAL_CPU_PREPARE(fill)
#define hal_prepare_iota HAL_CPU_PREPARE(iota)
#define hal_prepare_pointwise HAL_CPU_PREPARE(pointwise)
#define hal_prepare_reduce HAL_CPU_PREPARE(reduce)
#define hal_prepare_scan HAL_CPU_PREPARE(scan)
#define hal_prepare_arg_max HAL_CPU_PREPARE(arg_max)
#define hal_prepare_top_k HAL_CPU_PREPARE(top_k)
#define hal_prepare_sort HAL_CPU_PREPARE(sort)
#define hal_prepare_matmul HAL_CPU_PREPARE(matmul)
#define hal_prepare_random HAL_CPU_PREPARE(random)
#define hal_prepare_softmax HAL_CPU_PREPARE(softmax)
#define hal_prepare_softmax_grad HAL_CPU_PREPARE(softmax_grad)
#define hal_prepare_log_softmax HAL_CPU_PREPARE(log_softmax)
#define hal_prepare_log_softmax_grad HAL_CPU_PREPARE(log_softmax_grad)
#define hal_prepare_layer_norm HAL_CPU_PREPARE(layer_norm)
#define hal_prepare_layer_norm_grad HAL_CPU_PREPARE(layer_norm_grad)
#define hal_prepare_rms_norm HAL_CPU_PREPARE(rms_norm)
#define hal_prepare_rms_norm_grad HAL_CPU_PREPARE(rms_norm_grad)
#define hal_prepare_attention HAL_CPU_PREPARE(attention)
#define hal_prepare_attention_grad HAL_CPU_PREPARE(attention_grad)
#define hal_prepare_rotary HAL_CPU_PREPARE(rotary)
#define hal_prepare_gated HAL_CPU_PREPARE(gated)
#define hal_prepare_embedding_grad HAL_CPU_PREPARE(embedding_grad)
#define hal_prepare_cross_entropy HAL_CPU_PREPARE(cross_entropy)
#define hal_prepare_cross_entropy_grad HAL_CPU_PREPARE(cross_entropy_grad)
#define hal_prepare_dropout HAL_CPU_PREPARE(dropout)
#define hal_prepare_adamw HAL_CPU_PREPARE(adamw)
#define hal_prepare_sgd HAL_CPU_PREPARE(sgd)
#define hal_prepare_square_sum HAL_CPU_PREPARE(square_sum)
#define hal_prepare_sample HAL_CPU_PREPARE(sample)

#define HAL_CPU_DECLARE(ID, name) hal_cpu_prepare_fn hal_prepare_##name;
HAL_CPU_KERNELS(HAL_CPU_DECLARE)

#endif
