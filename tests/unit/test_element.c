/* SPDX-License-Identifier: Apache-2.0 */
/* element.c: rounding, loading and storing of every plain dtype. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <hal/ops.h>

#define CHECK_EQUAL(a, b) \
    do { \
        double a_ = (a), b_ = (b); \
        if (!(a_ == b_)) print_error("%s = %.17g, %s = %.17g\n", #a, a_, #b, b_); \
        assert_true(a_ == b_); \
    } while (0)

static uint64_t random_state = 88172645463325252u;

static uint64_t random_bits(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* A double between 2^low and 2^high of either sign. */
static double random_real(int low, int high)
{
    int exponent = low + (int)(random_bits() % (uint64_t)(high - low));
    double significand = 1.0 + (double)(random_bits() >> 12) * 0x1p-52;
    return ldexp(random_bits() & 1 ? significand : -significand, exponent);
}

/* Every pattern reads, and storing what was read gives the pattern back. */
static void every_pattern_survives(void **state)
{
    (void)state;
    static const struct { hal_dtype dtype; uint32_t bits;
    } formats[] = {{HAL_F16, 16}, {HAL_BF16, 16}, {HAL_F8E4M3, 8}, {HAL_F8E5M2, 8},
                   {HAL_I8, 8},   {HAL_U8, 8},    {HAL_I16, 16},   {HAL_U16, 16}};
    for (size_t f = 0; f < sizeof formats / sizeof *formats; f++) {
        for (uint32_t bits = 0; bits < 1u << formats[f].bits; bits++) {
            uint16_t in = (uint16_t)bits, out = 0;
            double value = hal_element_load(formats[f].dtype, &in, 0);
            hal_element_store(formats[f].dtype, &out, 0, value);
            bool saturated = value - value != 0 && formats[f].dtype == HAL_F8E5M2;
            if (value == value && !saturated) assert_int_equal(in, out);
            else if (value != value) assert_true(isnan(hal_element_load(formats[f].dtype, &out, 0)));
        }
    }
}

/* No neighbour of the rounded number is nearer, and a tie goes to the even pattern. */
static void rounds_to_nearest_even(void **state)
{
    (void)state;
    static const struct { hal_dtype dtype; int low, high; } formats[] = {
        {HAL_F16, -27, 15}, {HAL_BF16, -136, 127}};
    for (size_t f = 0; f < sizeof formats / sizeof *formats; f++) {
        for (int i = 0; i < 200000; i++) {
            double value = random_real(formats[f].low, formats[f].high);
            if (i % 3 == 0) value = ldexp(rint(ldexp(value, -ilogb(value) + 12)), ilogb(value) - 12);
            uint16_t bits;
            hal_element_store(formats[f].dtype, &bits, 0, value);
            double rounded = hal_element_load(formats[f].dtype, &bits, 0);
            CHECK_EQUAL(rounded, hal_round_to(formats[f].dtype, value));
            for (int step = -1; step <= 1; step += 2) {
                uint16_t other = (uint16_t)(bits + step);
                if ((bits & 0x7fff) == 0 && step < 0) continue;
                double distance = fabs(hal_element_load(formats[f].dtype, &other, 0) - value);
                assert_false(distance < fabs(rounded - value));
                if (distance == fabs(rounded - value)) assert_int_equal(bits & 1, 0);
            }
        }
    }
}

static void overflow_follows_the_rules(void **state)
{
    (void)state;
    CHECK_EQUAL(hal_round_to(HAL_F16, 65519.99), 65504.0);
    CHECK_EQUAL(hal_round_to(HAL_F16, 65520.0), HUGE_VAL);
    CHECK_EQUAL(hal_round_to(HAL_BF16, -3.4e38), -HUGE_VAL);
    CHECK_EQUAL(hal_round_to(HAL_F32, 1e39), HUGE_VAL);
    CHECK_EQUAL(hal_round_to(HAL_F8E4M3, 1e9), 448.0);
    CHECK_EQUAL(hal_round_to(HAL_F8E4M3, -HUGE_VAL), -448.0);
    CHECK_EQUAL(hal_round_to(HAL_F8E5M2, 60000.0), 57344.0);
    CHECK_EQUAL(hal_round_to(HAL_I8, 300.0), 127.0);
    CHECK_EQUAL(hal_round_to(HAL_I8, -1.9), -1.0);
    CHECK_EQUAL(hal_round_to(HAL_U8, -5.0), 0.0);
    CHECK_EQUAL(hal_round_to(HAL_I32, (double)NAN), 0.0);
    CHECK_EQUAL(hal_round_to(HAL_BOOL, 0.25), 1.0);
    CHECK_EQUAL(hal_round_to(HAL_F64, 0.1), 0.1);
    assert_true(isnan(hal_round_to(HAL_BF16, (double)NAN)));
}

static void wide_integers_saturate(void **state)
{
    (void)state;
    int64_t wide;
    hal_element_store(HAL_I64, &wide, 0, 1e30);
    assert_true(wide == INT64_MAX);
    hal_element_store(HAL_I64, &wide, 0, -1e30);
    assert_true(wide == INT64_MIN);
    uint32_t u;
    hal_element_store(HAL_U32, &u, 0, 1e10);
    assert_true(u == UINT32_MAX);
    CHECK_EQUAL(hal_element_load(HAL_U32, &u, 0), 4294967295.0);
}

static void small_numbers_become_subnormal(void **state)
{
    (void)state;
    CHECK_EQUAL(hal_round_to(HAL_F16, 0x1p-24), 0x1p-24);
    CHECK_EQUAL(hal_round_to(HAL_F16, 0x1p-25), 0.0);
    CHECK_EQUAL(hal_round_to(HAL_F16, 0x1.8p-25), 0x1p-24);
    CHECK_EQUAL(hal_round_to(HAL_F8E4M3, 0x1p-9), 0x1p-9);
    CHECK_EQUAL(hal_round_to(HAL_F8E5M2, 0x1p-16), 0x1p-16);
    CHECK_EQUAL(hal_round_to(HAL_BF16, 0x1p-133), 0x1p-133);
    assert_true(signbit(hal_round_to(HAL_F16, -1e-30)));
}

static void nibbles_do_not_disturb_each_other(void **state)
{
    (void)state;
    uint8_t bytes[2] = {0, 0};
    static const double values[] = {-8, 7, 3, -1};
    for (int64_t i = 0; i < 4; i++) hal_element_store(HAL_I4, bytes, i, values[i]);
    for (int64_t i = 0; i < 4; i++) CHECK_EQUAL(hal_element_load(HAL_I4, bytes, i), values[i]);
}

static void every_dtype_is_addressed_by_its_index(void **state)
{
    (void)state;
    static const hal_dtype dtypes[] = {HAL_F64, HAL_F32, HAL_F16, HAL_BF16, HAL_I8, HAL_I16,
                                       HAL_I32, HAL_I64, HAL_U8,  HAL_U16,  HAL_U32};
    for (size_t d = 0; d < sizeof dtypes / sizeof *dtypes; d++) {
        uint64_t memory[8] = {0};
        for (int64_t i = 0; i < 8; i++) hal_element_store(dtypes[d], memory, i, (double)(i * 3 + 1));
        for (int64_t i = 0; i < 8; i++)
            CHECK_EQUAL(hal_element_load(dtypes[d], memory, i), (double)(i * 3 + 1));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pattern_survives),
        cmocka_unit_test(rounds_to_nearest_even),
        cmocka_unit_test(overflow_follows_the_rules),
        cmocka_unit_test(wide_integers_saturate),
        cmocka_unit_test(small_numbers_become_subnormal),
        cmocka_unit_test(nibbles_do_not_disturb_each_other),
        cmocka_unit_test(every_dtype_is_addressed_by_its_index),
    };
    return cmocka_run_group_tests_name("element", tests, NULL, NULL);
}
