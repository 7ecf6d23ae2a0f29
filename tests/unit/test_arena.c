/* SPDX-License-Identifier: Apache-2.0 */
#include "sched_test.h"

#include "../../scheduler/plan_internal.h"

static uint32_t seed;

static uint32_t draw(uint32_t below)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % below;
}

static hal_plan *plan_of(uint32_t n)
{
    hal_plan *plan = calloc(1, sizeof *plan);
    plan->storages = calloc(n, sizeof *plan->storages);
    plan->n_storages = n;
    for (uint32_t i = 0; i < n; i++) {
        hal_storage *s = &plan->storages[i];
        *s = (hal_storage){
            .kind = HAL_BINDING_ARENA, .memory = draw(2), .bytes = draw(5000), .first = draw(100)};
        s->last = s->first + draw(20);
        if (draw(10) == 0)
            s->kind = HAL_BINDING_VARIABLE;
        if (draw(10) == 0)
            s->first = HAL_NONE;
    }
    return plan;
}

static void drop(hal_plan *plan)
{
    hal_deallocate(NULL, plan->arenas);
    free(plan->storages);
    free(plan);
}

static bool in_arena(const hal_storage *s)
{
    return s->kind != HAL_BINDING_VARIABLE && s->first != HAL_NONE;
}

static void check_pair(const hal_storage *a, const hal_storage *b)
{
    if (!in_arena(a) || !in_arena(b) || a->memory != b->memory || a->last < b->first || b->last < a->first)
        return;
    assert_true(a->offset + a->bytes <= b->offset || b->offset + b->bytes <= a->offset);
}

static void check_plan(const hal_plan *plan)
{
    for (uint32_t i = 0; i < plan->n_storages; i++) {
        const hal_storage *s = &plan->storages[i];
        for (uint32_t j = 0; j < i; j++)
            check_pair(s, &plan->storages[j]);
        if (!in_arena(s))
            continue;
        assert_int_equal(s->offset % 64, 0);
        assert_true(s->offset + s->bytes <= plan->arenas[hal_arena_find(plan, s->memory)].bytes);
    }
}

static void lifetimes_never_share_bytes(void **state)
{
    (void)state;
    for (uint32_t round = 0; round < 50; round++) {
        seed = round;
        hal_plan *plan = plan_of(1 + draw(120));
        OK(hal_arena_pack(plan));
        check_plan(plan);
        drop(plan);
    }
}

static void packing_is_deterministic(void **state)
{
    (void)state;
    seed = 7;
    hal_plan *a = plan_of(80);
    seed = 7;
    hal_plan *b = plan_of(80);
    OK(hal_arena_pack(a));
    OK(hal_arena_pack(b));
    for (uint32_t i = 0; i < a->n_storages; i++)
        assert_int_equal(a->storages[i].offset, b->storages[i].offset);
    drop(a);
    drop(b);
}

/* A chain of equal values needs two places, not one for each. */
static void a_chain_takes_two_places(void **state)
{
    (void)state;
    hal_plan *plan = plan_of(10);
    for (uint32_t i = 0; i < 10; i++)
        plan->storages[i] =
            (hal_storage){.kind = HAL_BINDING_ARENA, .bytes = 1024, .first = i, .last = i + 1};
    OK(hal_arena_pack(plan));
    assert_int_equal(plan->n_arenas, 1);
    assert_int_equal(plan->arenas[0].bytes, 2048);
    drop(plan);
}

/* The freed place that fits best is taken, not the first. */
static void the_tightest_gap_wins(void **state)
{
    (void)state;
    hal_plan *plan = plan_of(6);
    const hal_storage s[6] = {
        {.kind = HAL_BINDING_ARENA, .bytes = 1024, .first = 0, .last = 1},
        {.kind = HAL_BINDING_ARENA, .bytes = 768, .first = 0, .last = 9},
        {.kind = HAL_BINDING_ARENA, .bytes = 512, .first = 0, .last = 1},
        {.kind = HAL_BINDING_ARENA, .bytes = 448, .first = 0, .last = 9},
        {.kind = HAL_BINDING_ARENA, .bytes = 384, .first = 5, .last = 6},
        {.kind = HAL_BINDING_ARENA, .bytes = 320, .first = 5, .last = 6},
    };
    memcpy(plan->storages, s, sizeof s);
    OK(hal_arena_pack(plan));
    assert_int_equal(plan->storages[4].offset, plan->storages[2].offset);
    assert_int_equal(plan->storages[5].offset, plan->storages[0].offset);
    drop(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lifetimes_never_share_bytes),
        cmocka_unit_test(packing_is_deterministic),
        cmocka_unit_test(a_chain_takes_two_places),
        cmocka_unit_test(the_tightest_gap_wins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
