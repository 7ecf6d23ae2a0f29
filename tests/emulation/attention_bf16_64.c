/* SPDX-License-Identifier: Apache-2.0 */
#define T BF16
#define D 64
#define BIASED 0
#define KERNEL(name) lanes_attention_##name##bf16_64
#include "tests/emulation/attention_mma.h"
