/* SPDX-License-Identifier: Apache-2.0 */
/* Element access and portable packing for every operand type and stride; B kept in whole panels. */
#include "cpu/gemm_kernel.h"

#include <string.h>

static float from_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* A half is sign, 5 bits of exponent (bias 15) and 10 of fraction; f32 has bias 127 and 23. Multiplying the
 * shifted bits by 2^112 rebases the exponent and also normalises subnormals exactly. */
static float f16_value(uint16_t half)
{
    uint32_t magnitude = (uint32_t)(half & 0x7fff) << 13;
    uint32_t sign = (uint32_t)(half & 0x8000) << 16;
    if (magnitude >= 0x0f800000) {
        return from_bits(sign | 0x7f800000 | magnitude);
    }
    float value = from_bits(magnitude) * 0x1p112f;
    return sign ? -value : value;
}

float hal_gemm_element(const void *data, hal_gemm_dtype dtype, int64_t index)
{
    const void *at = hal_gemm_address(data, dtype, index);
    uint16_t half;
    float value;
    if (dtype == HAL_GEMM_F32) {
        memcpy(&value, at, sizeof value);
        return value;
    }
    memcpy(&half, at, sizeof half);
    return dtype == HAL_GEMM_BF16 ? from_bits((uint32_t)half << 16) : f16_value(half);
}

void hal_gemm_pack_f32(float *packed, int64_t width, const hal_gemm_panel *panel)
{
    for (int64_t k = 0; k < panel->k; k++) {
        for (int64_t lane = 0; lane < width; lane++) {
            int64_t index = lane * panel->lane_stride + k * panel->k_stride;
            packed[k * width + lane] =
                lane < panel->lanes ? hal_gemm_element(panel->data, panel->dtype, index) : 0.0f;
        }
    }
}

/* ---- B in whole panels ---- */

int64_t hal_gemm_panel_count(const hal_gemm_kernel *kernel, int64_t n)
{
    return n / kernel->nr + (n % kernel->nr != 0);
}

bool hal_gemm_panel_bytes(const hal_gemm_kernel *kernel, int64_t k, int64_t n, int64_t *bytes)
{
    int64_t padded, steps, panel, count = hal_gemm_panel_count(kernel, n);
    if (__builtin_add_overflow(k, kernel->k_unit - 1, &padded)) {
        return false;
    }
    steps = padded / kernel->k_unit * kernel->k_unit;
    return !__builtin_mul_overflow(steps, kernel->nr * kernel->element, &panel) &&
           !__builtin_mul_overflow(panel, count, bytes);
}

bool hal_gemm_panel_is_narrow(const hal_gemm_kernel *kernel, hal_gemm_dtype dtype)
{
    return kernel->element == (dtype == HAL_GEMM_F32 ? 4 : 2);
}

void hal_gemm_panel_pack(const hal_gemm_kernel *kernel, const hal_gemm_operand *b, int64_t k, int64_t n,
                         int64_t index, void *panels)
{
    int64_t first = index * kernel->nr, left = n - first;
    const void *at = hal_gemm_address(b->data, b->dtype, first * b->col_stride);
    hal_gemm_panel panel = {at, b->dtype, b->col_stride, b->row_stride, left < kernel->nr ? left : kernel->nr, k};
    kernel->pack_b((char *)panels + index * hal_gemm_panel_size(kernel, k), &panel);
}

/* Elements before that of step k and a lane: groups of panel_lanes columns, in them k_unit steps at a time, and of
 * 16 bits two steps side by side. */
static int64_t panel_place(const hal_gemm_kernel *kernel, int64_t k, int64_t lane)
{
    const int64_t unit = kernel->k_unit, together = kernel->panel_lanes, pair = kernel->element == 2 ? 2 : 1;
    return k / unit * unit * kernel->nr + lane / together * together * unit +
           k % unit / pair * pair * together + lane % together * pair + k % pair;
}

/* The reverse of widening; the value is one that `dtype` holds. */
static uint16_t narrow(float value, hal_gemm_dtype dtype)
{
    uint32_t bits, exponent;
    memcpy(&bits, &value, sizeof bits);
    if (dtype == HAL_GEMM_BF16) {
        return (uint16_t)(bits >> 16);
    }
    exponent = bits >> 23 & 0xff;
    uint32_t sign = bits >> 16 & 0x8000, fraction = bits & 0x7fffff;
    if (exponent == 0xff) {
        return (uint16_t)(sign | 0x7c00 | fraction >> 13);
    }
    /* Below 2^-14 a half counts in steps of 2^-24: the product is a small whole number. */
    if (exponent < 127 - 14) {
        float steps = value * 0x1p24f;
        return (uint16_t)(sign | (uint32_t)(steps < 0 ? -steps : steps));
    }
    return (uint16_t)(sign | (exponent - 112) << 10 | fraction >> 13);
}

static void put_element(const hal_gemm_operand *b, int64_t index, const char *from, int64_t element)
{
    char *to = (char *)(uintptr_t)hal_gemm_address(b->data, b->dtype, index);
    float value;
    uint16_t half;
    if (element == 2 || b->dtype == HAL_GEMM_F32) {
        memcpy(to, from, (size_t)element);
        return;
    }
    memcpy(&value, from, sizeof value);
    half = narrow(value, b->dtype);
    memcpy(to, &half, sizeof half);
}

void hal_gemm_panel_unpack(const hal_gemm_kernel *kernel, const void *panels, int64_t k, int64_t n, int64_t index,
                           const hal_gemm_operand *b)
{
    const char *panel = (const char *)panels + index * hal_gemm_panel_size(kernel, k);
    int64_t first = index * kernel->nr, lanes = n - first < kernel->nr ? n - first : kernel->nr;
    for (int64_t step = 0; step < k; step++) {
        for (int64_t lane = 0; lane < lanes; lane++) {
            const char *from = panel + panel_place(kernel, step, lane) * kernel->element;
            put_element(b, step * b->row_stride + (first + lane) * b->col_stride, from, kernel->element);
        }
    }
}
