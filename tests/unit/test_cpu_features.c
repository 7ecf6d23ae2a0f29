/* SPDX-License-Identifier: Apache-2.0 */
/* Which kernels a processor and its operating system allow, on processors made of bits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "backends/cpu/features.c"

enum { AVX2 = HAL_CPU_AVX2_FMA | HAL_CPU_F16C, WIDE = AVX2 | HAL_CPU_AVX512, ALL = WIDE | HAL_CPU_AVX512_BF16 | HAL_CPU_AMX_BF16 };

/* Everything there is, as a server processor of 2023 reports it. */
static const hal_cpu_facts everything = {.leaf1_ecx = 0x7ffefbff, .leaf7_ebx = 0xf3bfb7ff, .leaf7_edx = 0xffdd4432,
                                         .leaf7_1_eax = 0x1c30, .saved = 0x602e7, .tiles_allowed = true};

static void all_of_it(void **state) {
    (void)state;
    assert_int_equal(hal_cpu_features(&everything), ALL);
    assert_int_equal(hal_cpu_features(&(hal_cpu_facts){0}), 0);
}

/* Without that bit of that word, no more than `left`. */
static void without(const hal_cpu_facts *facts, uint32_t left) { assert_int_equal(hal_cpu_features(facts), left); }

static void each_bit_counts(void **state) {
    (void)state;
    const int avx[] = {12, 27, 28, 29}, wide[] = {16, 17, 28, 30, 31}, tiles[] = {22, 24};
    for (size_t i = 0; i < sizeof avx / sizeof *avx; i++) {
        hal_cpu_facts f = everything;
        f.leaf1_ecx &= ~BIT(avx[i]);
        without(&f, 0);
    }
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++) {
        hal_cpu_facts f = everything;
        f.leaf7_ebx &= ~BIT(wide[i]);
        without(&f, AVX2);
    }
    for (size_t i = 0; i < sizeof tiles / sizeof *tiles; i++) {
        hal_cpu_facts f = everything;
        f.leaf7_edx &= ~BIT(tiles[i]);
        without(&f, ALL & ~(uint32_t)HAL_CPU_AMX_BF16);
    }
    hal_cpu_facts f = everything;
    f.leaf7_ebx &= ~BIT(5);
    without(&f, 0);
    f = everything;
    f.leaf7_1_eax &= ~BIT(5);
    without(&f, ALL & ~(uint32_t)HAL_CPU_AVX512_BF16);
}

/* What the processor has and the operating system does not save is lost at the next switch of threads. */
static void the_system_has_to_save_it(void **state) {
    (void)state;
    const struct { uint64_t saved; uint32_t features; } rows[] = {
        {0x0, 0}, {0x1, 0}, {0x3, 0}, {0x5, 0}, {0x7, AVX2}, {0x67, AVX2}, {0x87, AVX2}, {0xc7, AVX2},
        {0xe7, WIDE | HAL_CPU_AVX512_BF16}, {0x200e7, WIDE | HAL_CPU_AVX512_BF16}, {0x400e7, WIDE | HAL_CPU_AVX512_BF16},
        {0x600e7, ALL}, {0x60007, AVX2},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        hal_cpu_facts f = everything;
        f.saved = rows[i].saved;
        without(&f, rows[i].features);
    }
}

static void tiles_need_permission(void **state) {
    (void)state;
    hal_cpu_facts f = everything;
    f.tiles_allowed = false;
    without(&f, ALL & ~(uint32_t)HAL_CPU_AMX_BF16);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_of_it),
        cmocka_unit_test(each_bit_counts),
        cmocka_unit_test(the_system_has_to_save_it),
        cmocka_unit_test(tiles_need_permission),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
