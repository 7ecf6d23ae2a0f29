/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers of every plain dtype as doubles. Floats round to nearest even; f16, bf16 and f32 overflow to
 * infinity, the f8 formats saturate (OCP 8-bit floating point specification 1.0, saturating mode). Integers
 * truncate towards zero and saturate, NaN gives 0. Block-quantised dtypes have no single elements: they read
 * as NaN and are not written.
 */
#include <hal/ops.h>
#include <string.h>

/* A binary format: significand bits with the hidden one, exponents of the least and greatest normal number.
 */
typedef struct format { int digits, least, bias, exponent_bits; double max; bool saturates; } format;
static const format f16 = {11, -14, 15, 5, 65504.0, false};
static const format bf16 = {8, -126, 127, 8, 0x1.fep127, false};
static const format f8e4m3 = {4, -6, 7, 4, 448.0, true};
static const format f8e5m2 = {3, -14, 15, 5, 57344.0, true};

static const format *const formats[HAL_DTYPE_COUNT] = {
    [HAL_F16] = &f16, [HAL_BF16] = &bf16, [HAL_F8E4M3] = &f8e4m3, [HAL_F8E5M2] = &f8e5m2};

static const format *format_of(hal_dtype dtype)
{
    return dtype < HAL_DTYPE_COUNT ? formats[dtype] : NULL;
}

static bool is_byte(const format *f)
{
    return f->digits + f->exponent_bits == 8;
}

static double round_format(const format *f, double value)
{
    if (value != value || value == 0) return value;
    double magnitude = fabs(value);
    if (magnitude <= f->max) {
        int exponent = ilogb(magnitude), unit = (exponent < f->least ? f->least : exponent) - (f->digits - 1);
        /* Adding and taking away 2^52 units leaves whole units, rounded to nearest even. */
        double whole = scalbn(1.0, 52 + unit);
        volatile double moved = magnitude + whole;
        magnitude = moved - whole;
    } else {
        /* Less than half a unit above the greatest number rounds down to it; the tie is even upwards. */
        double half = scalbn(1.0, ilogb(f->max) - f->digits);
        bool down = f->saturates || magnitude < f->max + half;
        magnitude = down ? f->max : HUGE_VAL;
    }
    return copysign(magnitude, value);
}

/* Truncates to an integer in [low, high]; both are representable except INT64_MAX, whose double is one above
 * it. */
static double round_integer(double value, double low, double high)
{
    if (value != value) return 0;
    return value <= low ? low : value >= high ? high : trunc(value);
}

double hal_round_to(hal_dtype dtype, double value)
{
    const format *f = format_of(dtype);
    if (f) return round_format(f, value);
    switch (dtype) {
    case HAL_F32: return (double)(float)value;
    case HAL_I4: return round_integer(value, -8, 7);
    case HAL_I8: return round_integer(value, INT8_MIN, INT8_MAX);
    case HAL_I16: return round_integer(value, INT16_MIN, INT16_MAX);
    case HAL_I32: return round_integer(value, INT32_MIN, INT32_MAX);
    case HAL_I64: return round_integer(value, (double)INT64_MIN, 0x1p63);
    case HAL_U8: return round_integer(value, 0, UINT8_MAX);
    case HAL_U16: return round_integer(value, 0, UINT16_MAX);
    case HAL_U32: return round_integer(value, 0, UINT32_MAX);
    case HAL_BOOL: return value != 0;
    default: return value;
    }
}

/* The bits of a number that `f` represents exactly. */
static uint32_t encode(const format *f, double value)
{
    uint32_t fraction_bits = (uint32_t)f->digits - 1,
             sign = signbit(value) ? 1u << (fraction_bits + (uint32_t)f->exponent_bits) : 0;
    uint32_t top = ((1u << f->exponent_bits) - 1) << fraction_bits, fraction_mask = (1u << fraction_bits) - 1;
    if (value != value) return sign | top | (f == &f8e4m3 ? fraction_mask : 1u << (fraction_bits - 1));
    if (value - value != 0) return sign | top;
    if (value == 0) return sign;
    int exponent = ilogb(value);
    if (exponent < f->least) return sign | (uint32_t)scalbn(fabs(value), (int)fraction_bits - f->least);
    uint32_t significand = (uint32_t)scalbn(fabs(value), (int)fraction_bits - exponent);
    return sign | ((uint32_t)(exponent + f->bias) << fraction_bits) | (significand & fraction_mask);
}

static double decode(const format *f, uint32_t bits)
{
    uint32_t fraction_bits = (uint32_t)f->digits - 1, fraction = bits & ((1u << fraction_bits) - 1);
    uint32_t ones = (1u << f->exponent_bits) - 1, exponent = (bits >> fraction_bits) & ones;
    double sign = bits >> (fraction_bits + (uint32_t)f->exponent_bits) & 1 ? -1.0 : 1.0;
    if (f == &f8e4m3) {
        /* Only all ones is NaN; there is no infinity. */
        if (exponent == ones && fraction == (1u << fraction_bits) - 1) return copysign((double)NAN, sign);
    } else if (exponent == ones) {
        return fraction ? copysign((double)NAN, sign) : sign * HUGE_VAL;
    }
    if (!exponent) return sign * scalbn((double)fraction, f->least - (int)fraction_bits);
    return sign *
           scalbn((double)(fraction | 1u << fraction_bits), (int)exponent - f->bias - (int)fraction_bits);
}

#define LOAD(type) \
    do { \
        type value_; \
        memcpy(&value_, (const char *)data + (size_t)index * sizeof value_, sizeof value_); \
        return (double)value_; \
    } while (0)

static uint16_t load_bits(const void *data, int64_t index)
{
    uint16_t bits;
    memcpy(&bits, (const char *)data + (size_t)index * sizeof bits, sizeof bits);
    return bits;
}

static double load_i4(const void *data, int64_t index)
{
    uint8_t nibble = (uint8_t)(((const uint8_t *)data)[index / 2] >> (index % 2 * 4) & 15);
    return nibble >= 8 ? nibble - 16 : nibble;
}

double hal_element_load(hal_dtype dtype, const void *data, int64_t index)
{
    const format *f = format_of(dtype);
    if (f) return decode(f, is_byte(f) ? ((const uint8_t *)data)[index] : load_bits(data, index));
    switch (dtype) {
    case HAL_F64: LOAD(double);
    case HAL_F32: LOAD(float);
    case HAL_I4: return load_i4(data, index);
    case HAL_I8: LOAD(int8_t);
    case HAL_I16: LOAD(int16_t);
    case HAL_I32: LOAD(int32_t);
    case HAL_I64: LOAD(int64_t);
    case HAL_U8: LOAD(uint8_t);
    case HAL_U16: LOAD(uint16_t);
    case HAL_U32: LOAD(uint32_t);
    case HAL_BOOL: return ((const uint8_t *)data)[index] != 0;
    default: return (double)NAN;
    }
}

#define STORE(type, number) \
    do { \
        type value_ = (type)(number); \
        memcpy((char *)data + (size_t)index * sizeof value_, &value_, sizeof value_); \
    } while (0)

static void store_i4(void *data, int64_t index, int value)
{
    uint8_t *byte = (uint8_t *)data + index / 2;
    int shift = (int)(index % 2 * 4);
    *byte = (uint8_t)((*byte & ~(15 << shift)) | (value & 15) << shift);
}

/* The double of INT64_MAX is one above it. */
static void store_i64(void *data, int64_t index, double value)
{
    STORE(int64_t, value >= 0x1p63 ? INT64_MAX : (int64_t)value);
}

static void store_bits(const format *f, void *data, int64_t index, uint32_t bits)
{
    if (is_byte(f)) STORE(uint8_t, bits);
    else STORE(uint16_t, bits);
}

void hal_element_store(hal_dtype dtype, void *data, int64_t index, double value)
{
    const format *f = format_of(dtype);
    double r = hal_round_to(dtype, value);
    if (f) {
        store_bits(f, data, index, encode(f, r));
        return;
    }
    switch (dtype) {
    case HAL_F64: STORE(double, r); break;
    case HAL_F32: STORE(float, r); break;
    case HAL_I4: store_i4(data, index, (int)r); break;
    case HAL_I8: STORE(int8_t, r); break;
    case HAL_I16: STORE(int16_t, r); break;
    case HAL_I32: STORE(int32_t, r); break;
    case HAL_I64: store_i64(data, index, r); break;
    case HAL_U8:
    case HAL_BOOL: STORE(uint8_t, r); break;
    case HAL_U16: STORE(uint16_t, r); break;
    case HAL_U32: STORE(uint32_t, r); break;
    default: break;
    }
}
