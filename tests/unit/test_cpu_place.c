/* SPDX-License-Identifier: Apache-2.0 */
/* Size and binding of the cpu's pool and where pages lie, on machines described to hwloc, by hand and by the files
   that HAL_TEST_DATA holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <hwloc.h>
#include <stdio.h>
#include <string.h>

/* parts of a plugin, which exports nothing: the test is built with their source */
#include "backends/cpu/count.c"
#include "backends/cpu/machine.c"
#include "backends/cpu/place.c"

/* The machine of a synthetic description, with the units of `list` ("0-3,8") or all. */
static hal_cpu_machine machine_of(hwloc_topology_t topology, const char *list) {
    hal_cpu_machine m = {0};
    hwloc_bitmap_t mask = hwloc_bitmap_alloc();
    if (list) hwloc_bitmap_list_sscanf(mask, list);
    else hwloc_bitmap_fill(mask);
    assert_true(hal_cpu_machine_read(topology, mask, &m));
    hwloc_bitmap_free(mask);
    hwloc_topology_destroy(topology);
    return m;
}

static hal_cpu_machine synthetic(const char *description, const char *list) {
    hwloc_topology_t t;
    assert_int_equal(hwloc_topology_init(&t), 0);
    assert_int_equal(hwloc_topology_set_synthetic(t, description), 0);
    assert_int_equal(hwloc_topology_load(t), 0);
    return machine_of(t, list);
}

/* Actions as text: "start 2; 0>unit 0; 1>unit 2; pages 0". */
static const char *plan(hal_cpu_machine m, int64_t quota, int64_t wanted) {
    static char text[4096];
    hal_cpu_placement p;
    m.quota = quota;
    assert_true(hal_cpu_place(&m, wanted, &p));
    size_t n = (size_t)snprintf(text, sizeof text, "start %d", (int)hal_cpu_placement_workers(&p));
    for (int64_t i = 0; i < p.n; i++) {
        const hal_cpu_action *a = &p.actions[i];
        if (a->kind == HAL_CPU_PAGES) n += (size_t)snprintf(text + n, sizeof text - n, "; pages %d", a->target);
        else if (a->kind != HAL_CPU_START)
            n += (size_t)snprintf(text + n, sizeof text - n, "; %d>%s %d", (int)a->worker,
                                  a->kind == HAL_CPU_BIND_UNIT ? "unit" : "node", a->target);
    }
    free(p.actions);
    free(m.units);
    return text;
}

static void one_node(void **state) {
    (void)state;
    const char *four = "pack:1 core:4 pu:1", *smt = "pack:1 core:2 pu:2";
    assert_string_equal(plan(synthetic(four, NULL), 0, 0), "start 4; 0>unit 0; 1>unit 1; 2>unit 2; 3>unit 3");
    assert_string_equal(plan(synthetic(four, "1,3"), 0, 0), "start 2; 0>unit 1; 1>unit 3");
    /* a worker a core; siblings only when asked for */
    assert_string_equal(plan(synthetic(smt, NULL), 0, 0), "start 2; 0>unit 0; 1>unit 2");
    assert_string_equal(plan(synthetic(smt, NULL), 0, 4), "start 4; 0>unit 0; 1>unit 2; 2>unit 1; 3>unit 3");
    assert_string_equal(plan(synthetic(smt, "0-2"), 0, 0), "start 2; 0>unit 0; 1>unit 2");
    assert_string_equal(plan(synthetic(smt, "3"), 0, 0), "start 1; 0>unit 3");
}

/* Part of the mask: others may want the same cores. */
static void shared_cores_are_not_bound(void **state) {
    (void)state;
    const char *four = "pack:1 core:4 pu:1";
    assert_string_equal(plan(synthetic(four, NULL), 2, 0), "start 2");
    assert_string_equal(plan(synthetic(four, NULL), 1, 0), "start 1");
    assert_string_equal(plan(synthetic(four, NULL), 3, 4), "start 4");
    assert_string_equal(plan(synthetic(four, NULL), 0, 3), "start 3");
    assert_string_equal(plan(synthetic(four, NULL), 0, 6), "start 6");
    assert_string_equal(plan(synthetic(four, NULL), 4, 0), "start 4; 0>unit 0; 1>unit 1; 2>unit 2; 3>unit 3");
    assert_string_equal(plan(synthetic(four, NULL), 64, 0), "start 4; 0>unit 0; 1>unit 1; 2>unit 2; 3>unit 3");
}

static void nodes_are_filled_one_by_one(void **state) {
    (void)state;
    const char *two = "numa:2 core:2 pu:2";
    assert_string_equal(plan(synthetic(two, NULL), 0, 0),
                        "start 4; 0>unit 0; 1>unit 2; 2>unit 4; 3>unit 6; pages 0; pages 1");
    assert_string_equal(plan(synthetic(two, NULL), 2, 0), "start 2; 0>node 0; 1>node 0; pages 0");
    assert_string_equal(plan(synthetic(two, NULL), 3, 0), "start 3; 0>node 0; 1>node 0; 2>node 1; pages 0; pages 1");
    /* the mask leaves one core of node 0: a pool of two keeps to node 1, one of one to node 0 */
    assert_string_equal(plan(synthetic(two, "0-1,4-7"), 2, 0), "start 2; 0>node 1; 1>node 1; pages 1");
    assert_string_equal(plan(synthetic(two, "0-1,4-7"), 0, 1), "start 1; 0>node 0; pages 0");
    assert_string_equal(plan(synthetic(two, "0-1,4-7"), 0, 0),
                        "start 3; 0>unit 4; 1>unit 6; 2>unit 0; pages 1; pages 0");
    assert_string_equal(plan(synthetic(two, "4-7"), 0, 0), "start 2; 0>unit 4; 1>unit 6");
}

/* On any machine: each worker once, no unit twice, none outside the mask, pages only on nodes in use. */
static void check_sound(const hal_cpu_machine *m, int64_t wanted) {
    hal_cpu_placement p;
    assert_true(hal_cpu_place(m, wanted, &p));
    int64_t workers = hal_cpu_placement_workers(&p);
    assert_true(workers >= 1 && workers <= HAL_CPU_MOST_WORKERS);
    for (int64_t i = 0; i < p.n; i++) {
        const hal_cpu_action *a = &p.actions[i];
        bool known = a->kind == HAL_CPU_START;
        assert_true(a->worker >= 0 && a->worker < workers);
        for (int64_t u = 0; u < m->n; u++)
            known = known || (a->kind == HAL_CPU_BIND_UNIT ? m->units[u].unit : m->units[u].node) == a->target;
        assert_true(known);
        for (int64_t j = 0; j < i && a->kind == HAL_CPU_BIND_UNIT; j++)
            assert_true(p.actions[j].kind != a->kind || (p.actions[j].target != a->target && p.actions[j].worker != a->worker));
    }
    free(p.actions);
}

static void check_all(hal_cpu_machine m) {
    const int64_t quotas[] = {0, 1, 3, 1000};
    for (size_t q = 0; q < sizeof quotas / sizeof *quotas; q++)
        for (int64_t wanted = 0; wanted <= m.n + 2; wanted++) {
            m.quota = quotas[q];
            check_sound(&m, wanted);
        }
    free(m.units);
}

static void any_machine(void **state) {
    (void)state;
    static const char *const machines[] = {"core:1 pu:1", "pack:1 core:64 pu:4", "numa:8 core:1 pu:1", "pack:2 numa:2 l3:2 core:4 pu:2",
                                           "group:2 numa:3 core:5 pu:1", "pack:4 [numa] core:3 pu:8"};
    for (size_t i = 0; i < sizeof machines / sizeof *machines; i++) check_all(synthetic(machines[i], NULL));
    check_all(synthetic("pack:2 numa:2 core:4 pu:2", "1,3,5,8-9,30-31"));
}

/* False for a file that this version of hwloc cannot read. */
static bool check_file(const char *path) {
    hwloc_topology_t t;
    assert_int_equal(hwloc_topology_init(&t), 0);
    if (hwloc_topology_set_xml(t, path) != 0 || hwloc_topology_load(t) != 0) {
        print_message("%s: hwloc cannot read it\n", path);
        hwloc_topology_destroy(t);
        return false;
    }
    check_all(machine_of(t, NULL));
    return true;
}

static void recorded_machines(void **state) {
    (void)state;
    static const char *const files[] = {"32em64t-2n8c2t-pci-normalio", "64intel64-heteromem", "8intel64-4n2t-memattrs",
                                        "96em64t-4n4d3ca2co-pci", "cxlmem+dax.v2", "fakecpukinds", "memorysidecaches",
                                        "nvidia-dgx-gb10", "power8gpudistances"};
    const char *data = getenv("HAL_TEST_DATA");
    char path[512];
    int found = 0, checked = 0;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/topology/hwloc/%s.xml", data ? data : "", files[i]);
        FILE *f = data ? fopen(path, "re") : NULL;
        if (!f) continue;
        fclose(f);
        found++;
        checked += check_file(path);
    }
    if (found > 0) {
        assert_true(checked >= 1); /* hwloc 2 reads none of the files of hwloc 3 */
        return;
    }
    print_message("HAL_TEST_DATA holds no topology/hwloc\n");
    skip();
}

static void this_machine(void **state) {
    (void)state;
    hal_cpu_machine m = {0};
    cpu_set_t set;
    assert_true(hal_cpu_machine_here(&m));
    assert_int_equal(sched_getaffinity(0, sizeof set, &set), 0);
    for (int64_t i = 0; i < m.n; i++) assert_true(CPU_ISSET((size_t)m.units[i].unit, &set));
    assert_true(m.quota >= 0);
    check_sound(&m, 0);
    free(m.units);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_node),          cmocka_unit_test(shared_cores_are_not_bound),
        cmocka_unit_test(nodes_are_filled_one_by_one), cmocka_unit_test(any_machine), cmocka_unit_test(recorded_machines),
        cmocka_unit_test(this_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
