/* SPDX-License-Identifier: Apache-2.0 */
#define T BF16
#define D 128
#define BIASED 0
#define KERNEL(name) lanes_attention_##name##bf16_128
#include "tests/emulation/attention_mma.h"
