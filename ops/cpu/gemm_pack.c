/* SPDX-License-Identifier: Apache-2.0 */
/* Element access and portable packing for every operand type and stride. */
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
