/* SPDX-License-Identifier: Apache-2.0 */
/* Measurements: which can be true of a machine, how they are kept, and what comes of them in its description. */
#include "tests/unit/core_test.h"
#include "tests/unit/scratch_test.h"

#include <errno.h>
#include <math.h>

#include "hal/discovery/kept.h"
#include "hal/discovery/measurements.h"
#include "hal/topology/measurement.h"

#define DATE 1795000000
#define HEAD "hal-measurements 1\n"

static hal_figure measured(double value, hal_unit unit)
{
    return (hal_figure){.value = value, .unit = unit, .source = HAL_SOURCE_MEASURED, .when = DATE, .samples = 31, .ci95 = value / 100};
}

static hal_measurement way(const char *kind, const char *from, const char *to)
{
    hal_measurement m = {.bytes = 1 << 20, .verified = 1, .bandwidth = measured(1e9, HAL_UNIT_BYTES_PER_SECOND)};
    snprintf(m.kind, sizeof m.kind, "%s", kind);
    snprintf(m.from, sizeof m.from, "%s", from);
    snprintf(m.to, sizeof m.to, "%s", to);
    if (strcmp(kind, "chase") == 0) {
        m.bandwidth = (hal_figure){0};
        m.latency = measured(1e-7, HAL_UNIT_SECONDS);
    }
    return m;
}

static uint32_t add_device(hal_draft *d, hal_device_kind kind, const char *id, const char *address)
{
    return hal_draft_add_device(d, &(hal_topology_device){.kind = kind, .id = id, .address = address, .numa = HAL_NOWHERE, .parent = HAL_NOWHERE});
}

static uint32_t add_memory(hal_draft *d, const char *id, uint32_t numa, bool host)
{
    return hal_draft_add_memory(d, &(hal_topology_memory){.kind = host ? HAL_MEMORY_DRAM : HAL_MEMORY_HBM, .id = id, .numa = numa, .host_access = host,
                                                          .bandwidth = hal_figure_of(5e10, HAL_UNIT_BYTES_PER_SECOND, HAL_SOURCE_STRUCTURAL)});
}

static void join(hal_draft *d, uint32_t from, uint32_t to, const char *kind, double rate, hal_source source)
{
    hal_draft_add_link(d, &(hal_topology_link){.from = {HAL_END_DEVICE, from}, .to = {HAL_END_DEVICE, to}, .kind = kind, .hops = 1,
                                               .bandwidth = hal_figure_of(rate, HAL_UNIT_BYTES_PER_SECOND, source)});
}

/* A processor with `nodes` memories, two GPUs with one each; PCIe both ways, NVLink from the first to the second. */
static hal_draft *machine_with(const hal_allocator *allocator, uint32_t nodes)
{
    hal_draft *d = NULL;
    if (hal_draft_create(allocator, &d) != HAL_OK)
        return NULL;
    hal_draft_add_place(d, &(hal_topology_place){.kind = HAL_PLACE_MACHINE, .parent = HAL_NOWHERE, .id = "machine"});
    uint32_t cpu = add_device(d, HAL_DEVICE_CPU, "cpu:package0", "package 0");
    uint32_t first = add_device(d, HAL_DEVICE_GPU, "gpu:0000:01:00.0", "0000:01:00.0");
    uint32_t second = add_device(d, HAL_DEVICE_GPU, "gpu:0000:02:00.0", "0000:02:00.0");
    for (uint32_t i = 0; i < nodes; i++)
        hal_draft_device_memory(d, cpu, add_memory(d, i == 0 ? "numa0" : "numa1", i, true));
    hal_draft_device_memory(d, first, add_memory(d, "gpu:0000:01:00.0/hbm", HAL_NOWHERE, false));
    hal_draft_device_memory(d, second, add_memory(d, "gpu:0000:02:00.0/hbm", HAL_NOWHERE, false));
    join(d, first, second, "pcie", 3e10, HAL_SOURCE_STRUCTURAL);
    join(d, second, first, "pcie", 3e10, HAL_SOURCE_STRUCTURAL);
    join(d, first, second, "nvlink", 3e11, HAL_SOURCE_VENDOR);
    return d;
}

static hal_topology *seal(hal_draft *d)
{
    hal_topology *t = NULL;
    if (hal_draft_seal(d, &t) != HAL_OK)
        fail_msg("%s", hal_status_last()->text);
    return t;
}

static hal_topology *machine(void)
{
    return seal(machine_with(NULL, 1));
}

static void accepted(const hal_topology *t, const hal_measurement *m)
{
    if (hal_measurement_check(t, m) != HAL_OK)
        fail_msg("%s", hal_status_last()->text);
}

static void refused(const hal_topology *t, hal_measurement m, const char *why)
{
    assert_code(hal_measurement_check(t, &m), INVALID_ARGUMENT);
    if (strstr(hal_status_last()->text, why) == NULL)
        fail_msg("\"%s\" lacks \"%s\"", hal_status_last()->text, why);
}

/* --------------------------------------------------------------------------------------------- checking -- */

static void ends_are_ids_aliases_and_the_host(void **state)
{
    (void)state;
    hal_topology *t = machine();
    hal_measurement m, settled;
    static const char *const ways[][3] = {
        {"read", "numa0", "cpu0"},  {"write", "host", "cpu:package0"}, {"copy", "host", "cpu0"},
        {"chase", "numa0", "cpu0"}, {"link", "host", "gpu0"},          {"link", "gpu1", "gpu:0000:01:00.0"},
        {"link", "cpu0", "numa0"},  {"read", "gpu:0000:01:00.0/hbm", "gpu0"}};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        m = way(ways[i][0], ways[i][1], ways[i][2]);
        accepted(t, &m);
    }
    m = way("link", "host", "gpu1");
    assert_ok(hal_measurement_settle(t, &m, &settled));
    assert_string_equal(settled.from, "numa0");
    assert_string_equal(settled.to, "gpu:0000:02:00.0");
    hal_topology_release(t);
}

static void host_of_several_memories_is_none(void **state)
{
    (void)state;
    hal_draft *draft = machine_with(NULL, 2);
    hal_draft_host(draft)->offline = 1;
    hal_topology *t = seal(draft);
    refused(t, way("read", "host", "cpu0"), "of 2 memories here, nothing tells");
    hal_topology_release(t);
}

/* Here the thread that measures is on one of them. */
static void host_is_the_memory_of_the_node_this_runs_on(void **state)
{
    (void)state;
    unsigned processor, node;
    char expected[32];
    hal_measurement settled, m = way("link", "host", "gpu0");
    hal_topology *t = seal(machine_with(NULL, 2));
    assert_int_equal(getcpu(&processor, &node), 0);
    snprintf(expected, sizeof expected, "numa%u", node);
    if (node < 2) {
        assert_ok(hal_measurement_settle(t, &m, &settled));
        assert_string_equal(settled.from, expected);
    } else {
        refused(t, m, "nothing tells");
    }
    hal_topology_release(t);
}

static void ends_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    hal_topology *t = machine();
    refused(t, way("link", "gpu9", "gpu0"), "no device or memory \"gpu9\"");
    refused(t, way("link", "null0", "host"), "link null0 -> host: ");
    refused(t, way("link", "gpu0", "gpu:0000:01:00.0"), "one and the same");
    refused(t, way("link", "host", "gpu:0000:01:00.0/hbm"), "no end of it is a device");
    refused(t, way("read", "gpu0", "host"), "not from a memory to a device");
    refused(t, way("read", "host", "gpu0"), "computes in another memory");
    refused(t, way("dance", "host", "cpu0"), "its kind is none of");
    refused(t, way("link", "", "cpu0"), "empty");
    refused(t, way("", "host", "cpu0"), "empty");
    refused(t, way("link", "a\tb", "cpu0"), "not printable");
    hal_measurement m = way("link", "host", "gpu0");
    memset(m.from, 'x', sizeof m.from);
    refused(t, m, "does not end");
    hal_topology_release(t);
}

static void figures_that_nothing_has_are_refused(void **state)
{
    (void)state;
    hal_topology *t = machine();
    const hal_measurement good = way("link", "host", "gpu0");
    static const double values[] = {0, -1, 0.4, 2e18, INFINITY, -INFINITY, NAN};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        hal_measurement m = good;
        m.bandwidth.value = values[i];
        refused(t, m, "its bandwidth is");
        m = good;
        m.latency = measured(values[i] * (isfinite(values[i]) ? 1e-12 : 1), HAL_UNIT_SECONDS);
        if (values[i] != 2e18)
            refused(t, m, "its latency is");
        m = good;
        m.duplex = measured(values[i] * (isfinite(values[i]) ? 1e-6 : 1), HAL_UNIT_COUNT);
        refused(t, m, "its duplex factor is");
        m = good;
        m.bandwidth.ci95 = values[i];
        if (values[i] < 0 || !isfinite(values[i]))
            refused(t, m, "which is no number");
    }
    hal_topology_release(t);
}

static void figures_without_what_they_need_are_refused(void **state)
{
    (void)state;
    hal_topology *t = machine();
    const hal_measurement good = way("link", "host", "gpu0");
    hal_measurement m = good;
    m.verified = 0;
    refused(t, m, "nobody verified");
    m = good;
    m.bytes = 0;
    refused(t, m, "move no bytes");
    m = good;
    m.copy_mode = HAL_COPY_NONE;
    refused(t, m, "do not travel in mode");
    m = way("chase", "host", "cpu0");
    m.copy_mode = HAL_COPY_DIRECT;
    refused(t, m, "do not travel in mode");
    m = good;
    m.bandwidth = (hal_figure){0};
    refused(t, m, "has no bandwidth");
    m = way("chase", "host", "cpu0");
    m.latency = (hal_figure){0};
    refused(t, m, "has no latency");
    m = good;
    m.bandwidth.source = HAL_SOURCE_ESTIMATED;
    refused(t, m, "not a measured one");
    m = good;
    m.bandwidth.unit = HAL_UNIT_SECONDS;
    refused(t, m, "in bytes/s");
    m = good;
    m.bandwidth.when = 0;
    refused(t, m, "with a date");
    m = good;
    m.bandwidth.samples = 0;
    refused(t, m, "and runs");
    hal_topology_release(t);
}

static void nothing_is_faster_than_its_hardware(void **state)
{
    (void)state;
    hal_topology *t = machine();
    hal_measurement m = way("link", "gpu1", "gpu0");
    m.bandwidth = measured(3.003e10 - 1, HAL_UNIT_BYTES_PER_SECOND); /* rounding */
    accepted(t, &m);
    m.bandwidth.value = 3.004e10;
    refused(t, m, "more than the 3e+10 that its hardware can carry");
    m = way("link", "gpu0", "gpu1"); /* over NVLink, whose figure is no structural one */
    m.bandwidth.value = 2.9e11;
    accepted(t, &m);
    m = way("read", "host", "cpu0");
    m.bandwidth.value = 5.1e10;
    refused(t, m, "more than the 5e+10");
    hal_topology_release(t);
}

/* ---------------------------------------------------------------------------------------------- keeping -- */

static hal_topology *with_rows(const hal_measurement *rows, uint32_t n)
{
    hal_draft *d = machine_with(NULL, 1);
    hal_measurements_apply(d, rows, n);
    return seal(d);
}

static hal_measurements read_file(const char *path)
{
    hal_measurements list = {0};
    size_t bytes = 0;
    char *text = hal_kept_read(NULL, path, 1 << 20, &bytes);
    assert_non_null(text);
    assert_ok(hal_measurements_read(NULL, path, text, bytes, &list));
    hal_deallocate(NULL, text);
    return list;
}

static void kept_rows_are_read_as_they_were(void **state)
{
    (void)state;
    hal_topology *t = machine();
    const char *path = scratch_path("same");
    hal_measurement rows[] = {way("link", "host", "gpu0"), way("chase", "host", "cpu0")};
    rows[0].duplex = measured(1.75, HAL_UNIT_COUNT);
    rows[0].copy_mode = HAL_COPY_STAGED;
    assert_ok(hal_topology_keep_measurements(t, rows, 2, path));
    hal_measurements list = read_file(path);
    assert_int_equal(list.n, 2);
    assert_string_equal(list.rows[0].from, "numa0");
    assert_string_equal(list.rows[0].to, "gpu:0000:01:00.0");
    assert_string_equal(list.rows[0].kind, "link");
    assert_memory_equal(&list.rows[0].bandwidth, &rows[0].bandwidth, sizeof(hal_figure));
    assert_memory_equal(&list.rows[0].duplex, &rows[0].duplex, sizeof(hal_figure));
    assert_int_equal(list.rows[0].latency.source, HAL_SOURCE_UNKNOWN);
    assert_int_equal(list.rows[0].copy_mode, HAL_COPY_STAGED);
    assert_int_equal(list.rows[1].copy_mode, HAL_COPY_UNKNOWN);
    assert_true(fabs(list.rows[1].latency.value - 1e-7) < 1e-12);
    assert_int_equal(list.rows[1].latency.when, DATE);
    hal_deallocate(NULL, list.rows);
    hal_topology_release(t);
}

static void later_rows_take_the_place_of_earlier_ones(void **state)
{
    (void)state;
    hal_topology *t = machine();
    const char *path = scratch_path("merged");
    hal_measurement first[] = {way("link", "host", "gpu0"), way("read", "host", "cpu0")}, second = way("link", "numa0", "gpu0"),
                    third = way("link", "gpu0", "numa0");
    second.bandwidth.value = 2e9;
    assert_ok(hal_topology_keep_measurements(t, first, 2, path));
    assert_ok(hal_topology_keep_measurements(t, &second, 1, path));
    assert_ok(hal_topology_keep_measurements(t, &third, 1, path));
    hal_measurements list = read_file(path);
    assert_int_equal(list.n, 3);
    assert_true(list.rows[0].bandwidth.value == 2e9);
    hal_deallocate(NULL, list.rows);
    hal_topology_release(t);
}

static void one_bad_row_keeps_all_from_being_written(void **state)
{
    (void)state;
    hal_topology *t = machine();
    const char *path = scratch_path("none");
    hal_measurement rows[] = {way("link", "host", "gpu0"), way("link", "host", "gpu7")};
    assert_code(hal_topology_keep_measurements(t, rows, 2, path), INVALID_ARGUMENT);
    assert_int_equal(access(path, F_OK), -1);
    rows[1] = way("link", "numa0", "gpu:0000:01:00.0"); /* the same pair by other names */
    assert_code(hal_topology_keep_measurements(t, rows, 2, path), INVALID_ARGUMENT);
    assert_non_null(strstr(hal_status_last()->text, "measured twice"));
    assert_int_equal(access(path, F_OK), -1);
    hal_topology_release(t);
}

static void files_of_something_else_stay(void **state)
{
    (void)state;
    hal_topology *t = machine();
    const hal_measurement row = way("link", "host", "gpu0");
    scratch_write("diary", "dear diary\n", 11);
    assert_code(hal_topology_keep_measurements(t, &row, 1, scratch_path("diary")), INVALID_ARGUMENT);
    assert_int_equal(symlink("diary", scratch_path("link")), 0);
    assert_code(hal_topology_keep_measurements(t, &row, 1, scratch_path("link")), INVALID_ARGUMENT);
    assert_code(hal_topology_keep_measurements(t, &row, 1, scratch_path("")), INVALID_ARGUMENT);
    assert_code(hal_topology_keep_measurements(t, &row, 1, scratch_path("no/such")), IO);
    assert_code(hal_topology_keep_measurements(t, &row, 4097, scratch_path("many")), INVALID_ARGUMENT);
    hal_topology_release(t);
}

static void of_another_machine_nothing_is_kept_here(void **state)
{
    (void)state;
    hal_topology_options o = {HAL_HEAD(hal_topology_options), .input = "socket:1"};
    hal_topology *t = NULL;
    const hal_measurement row = way("read", "host", "cpu0");
    assert_ok(hal_topology_create(&o, &t));
    assert_code(hal_topology_keep_measurements(t, &row, 1, NULL), FAILED_PRECONDITION);
    hal_topology_release(t);
}

static void text_of_another_form_is_refused(void **state)
{
    (void)state;
#define ROW "read\tnuma0\tcpu0\t1\t"
    static const char *const bad[] = {
        "", "hal-measurements 1", "hal-measurements 2\n", "hal-tree 1\n", HEAD "\n", HEAD ROW "1:0:1:1\t-\t-", /* no end */
        HEAD ROW "1:0:1:1\t-\n", HEAD ROW "1:0:1:1\t-\t-\t-\n", HEAD ROW "1:0:1:1\t-\t-\tnone\n", HEAD ROW "1:0:1\t-\t-\n", HEAD ROW "1:0:1:1:1\t-\t-\n",
        HEAD ROW "-1:0:1:1\t-\t-\n", HEAD ROW "01:0:1:1\t-\t-\n", HEAD ROW ":0:1:1\t-\t-\n", HEAD ROW "1.5:0:1:1\t-\t-\n",
        HEAD ROW "18446744073709551616:0:1:1\t-\t-\n", HEAD ROW "1:0:4294967296:1\t-\t-\n", HEAD ROW "1:0:1:9223372036854775808\t-\t-\n",
        HEAD "a-kind-too-long\tnuma0\tcpu0\t1\t-\t-\t-\n", HEAD "read\t\tcpu0\t1\t-\t-\t-\n", HEAD "read\tnuma0\tcpu0\t\t-\t-\t-\n",
        HEAD "read\tnuma0\tcpu0aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\t1\t-\t-\t-\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        hal_measurements list = {0};
        if (hal_status_code(hal_measurements_read(NULL, "test", bad[i], strlen(bad[i]), &list)) != HAL_CODE_INVALID_ARGUMENT)
            fail_msg("\"%s\" is believed", bad[i]);
        assert_null(list.rows);
    }
}

/* ------------------------------------------------------------------------------------------- describing -- */

static const hal_topology_link *link_of(const hal_topology *t, uint32_t from_kind, uint32_t from, uint32_t to_kind, uint32_t to, const char *kind)
{
    const hal_topology_link *l;
    for (uint32_t i = 0; (l = hal_topology_link_at(t, i)) != NULL; i++)
        if (l->from.kind == from_kind && l->from.index == from && l->to.kind == to_kind && l->to.index == to && strcmp(l->kind, kind) == 0)
            return l;
    fail_msg("there is no such link");
    return NULL;
}

static void figures_come_into_the_description(void **state)
{
    (void)state;
    hal_measurement rows[] = {way("read", "numa0", "cpu:package0"), way("chase", "numa0", "cpu:package0"),
                              way("link", "gpu:0000:01:00.0", "gpu:0000:02:00.0"), way("link", "numa0", "cpu:package0"),
                              way("link", "numa0", "gpu:0000:01:00.0"), way("link", "gpu:0000:77:00.0", "numa0")};
    rows[2].latency = measured(1e-6, HAL_UNIT_SECONDS);
    rows[2].duplex = measured(1.9, HAL_UNIT_COUNT);
    rows[2].copy_mode = HAL_COPY_STAGED;
    hal_topology *t = with_rows(rows, 6);
    const hal_topology_memory *m = hal_topology_memory_at(t, 0);
    assert_memory_equal(&m->bandwidth, &rows[0].bandwidth, sizeof(hal_figure));
    assert_memory_equal(&m->latency, &rows[1].latency, sizeof(hal_figure));
    assert_int_equal(hal_topology_link_count(t), 5);
    const hal_topology_link *l = link_of(t, HAL_END_DEVICE, 1, HAL_END_DEVICE, 2, "nvlink");
    assert_memory_equal(&l->bandwidth, &rows[2].bandwidth, sizeof(hal_figure));
    assert_memory_equal(&l->latency, &rows[2].latency, sizeof(hal_figure));
    assert_memory_equal(&l->duplex, &rows[2].duplex, sizeof(hal_figure));
    assert_int_equal(l->verified, 1);
    assert_int_equal(l->copy_mode, HAL_COPY_STAGED); /* whatever a vendor claims */
    assert_true(l->declared.source == HAL_SOURCE_VENDOR && l->declared.value == 3e11);
    l = link_of(t, HAL_END_DEVICE, 1, HAL_END_DEVICE, 2, "pcie");
    assert_int_equal(l->bandwidth.source, HAL_SOURCE_STRUCTURAL);
    assert_true(l->declared.source == HAL_SOURCE_STRUCTURAL && l->declared.value == l->bandwidth.value);
    l = link_of(t, HAL_END_MEMORY, 0, HAL_END_DEVICE, 0, "memory");
    assert_int_equal(l->hops, 1);
    assert_int_equal(l->copy_mode, HAL_COPY_NATIVE);
    assert_int_equal(l->declared.source, HAL_SOURCE_UNKNOWN); /* nobody told of it */
    l = link_of(t, HAL_END_MEMORY, 0, HAL_END_DEVICE, 1, "memory");
    assert_int_equal(l->hops, 0); /* how is not known */
    assert_int_equal(l->copy_mode, HAL_COPY_UNKNOWN);
    hal_topology_release(t);
}

static void what_was_measured_is_no_limit(void **state)
{
    (void)state;
    hal_measurement slow = way("link", "gpu:0000:02:00.0", "gpu:0000:01:00.0"), read = way("read", "numa0", "cpu:package0");
    hal_topology *t = with_rows((hal_measurement[]){slow, read}, 2);
    slow.bandwidth.value = 2.9e10;
    read.bandwidth.value = 4.9e10;
    accepted(t, &slow);
    accepted(t, &read);
    slow.bandwidth.value = 3.1e10;
    read.bandwidth.value = 5.1e10;
    refused(t, slow, "hardware can carry");
    refused(t, read, "hardware can carry");
    hal_topology_release(t);
}

#define TREE   "hal-tree 1\n= /hal/hwloc.synthetic NUMANode:1 Core:2 PU:1\n< /hal/measurements\n"
#define KEPT   "\thal-measurements 1\n\tread\tnuma0\tcpu:package0\t1024\t12000000000:5:31:1795000000\t-\t-\n"

static hal_status describe(const hal_allocator *allocator, const char *text, hal_topology **t)
{
    scratch_write("some.tree", text, strlen(text));
    hal_topology_options o = {HAL_HEAD(hal_topology_options), .allocator = allocator, .input = scratch_path("some.tree")};
    return hal_topology_create(&o, t);
}

static void recorded_machines_have_measurements(void **state)
{
    (void)state;
    hal_topology *t = NULL;
    if (describe(NULL, TREE KEPT ". 2\n", &t) != HAL_OK)
        fail_msg("%s", hal_status_last()->text);
    const hal_topology_memory *m = hal_topology_memory_at(t, 0);
    if (m == NULL || m->bandwidth.source != HAL_SOURCE_MEASURED)
        fail_msg("%s: not measured", m != NULL ? m->id : "no memory");
    assert_true(m->bandwidth.value == 12e9);
    assert_int_equal(m->bandwidth.when, DATE);
    assert_int_equal(m->bandwidth.samples, 31);
    hal_topology_release(t);
    assert_code(describe(NULL, TREE "\thal-measurements 1\n\tnonsense\n. 2\n", &t), INVALID_ARGUMENT);
    assert_non_null(strstr(hal_status_last()->text, "/hal/measurements: line 2"));
}

/* ------------------------------------------------------------------------------------- of this machine -- */

static hal_topology *here(void)
{
    hal_topology *t = NULL;
    if (hal_topology_create(NULL, &t) != HAL_OK)
        fail_msg("%s", hal_status_last()->text);
    return t;
}

/* A way of this machine's first device and memory, whose bandwidth is told by nothing but a measurement. */
static hal_measurement way_here(const hal_topology *t)
{
    return way("read", hal_topology_memory_at(t, 0)->id, hal_topology_device_at(t, 0)->alias);
}

static void here_they_are_kept_and_found_again(void **state)
{
    (void)state;
    char path[4096];
    assert_code(hal_measurement_path(path, 3), INVALID_ARGUMENT);
    assert_ok(hal_measurement_path(path, sizeof path));
    assert_int_equal(access(path, F_OK), -1);
    hal_topology *t = here();
    const hal_measurement row = way_here(t);
    assert_ok(hal_topology_keep_measurements(t, &row, 1, NULL));
    assert_int_equal(access(path, F_OK), 0);
    hal_topology_release(t);
    t = here();
    assert_memory_equal(&hal_topology_memory_at(t, 0)->bandwidth, &row.bandwidth, sizeof(hal_figure));
    hal_topology_release(t);

    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    assert_non_null(out);
    assert_ok(hal_topology_gather(NULL, out));
    fclose(out);
    assert_non_null(strstr(text, "< /hal/measurements\n\thal-measurements 1\n\tread\t"));
    free(text);
}

/* Whether figures of the kept file are in a new description. */
static bool believed(void)
{
    hal_topology *t = here();
    const bool is = hal_topology_memory_at(t, 0)->bandwidth.source == HAL_SOURCE_MEASURED;
    hal_topology_release(t);
    return is;
}

static void what_others_may_write_is_not_believed(void **state)
{
    (void)state;
    char path[4096], other[4200];
    assert_ok(hal_measurement_path(path, sizeof path));
    assert_true(believed());
    chmod(path, 0666);
    assert_false(believed());
    chmod(path, 0600);
    assert_true(believed());
    if (geteuid() == 0) {
        assert_int_equal(chown(path, 12345, 12345), 0);
        assert_false(believed());
        assert_int_equal(chown(path, 0, 0), 0);
        assert_true(believed());
    }
    snprintf(other, sizeof other, "%s.away", path);
    assert_int_equal(rename(path, other), 0);
    assert_int_equal(symlink(other, path), 0);
    assert_false(believed());
    unlink(path);
    assert_int_equal(rename(other, path), 0);
    assert_true(believed());
}

static void what_is_damaged_is_not_there_and_begins_anew(void **state)
{
    (void)state;
    char path[4096];
    assert_ok(hal_measurement_path(path, sizeof path));
    static const char *const bad[] = {"garbage\n", HEAD "nonsense\n", HEAD "read\tnuma0"};
    hal_topology *t = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        fputs(bad[i], f);
        fclose(f);
        assert_false(believed());
    }
    t = here();
    const hal_measurement row = way_here(t);
    assert_ok(hal_topology_keep_measurements(t, &row, 1, NULL));
    hal_topology_release(t);
    assert_true(believed());
}

static void without_a_directory_nothing_is_kept(void **state)
{
    (void)state;
    char old[4096], path[4096];
    snprintf(old, sizeof old, "%s", getenv("XDG_CACHE_HOME"));
    setenv("XDG_CACHE_HOME", "/nonexistent/cache", 1);
    hal_topology *t = here();
    const hal_measurement row = way_here(t);
    assert_code(hal_topology_keep_measurements(t, &row, 1, NULL), FAILED_PRECONDITION);
    assert_code(hal_measurement_path(path, sizeof path), FAILED_PRECONDITION);
    hal_topology_release(t);
    setenv("XDG_CACHE_HOME", old, 1);
}

/* -------------------------------------------------------------------------------------- short of memory -- */

static long left;

static void *take(void *context, size_t bytes, size_t alignment)
{
    (void)context;
    return left-- > 0 ? aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment) : NULL;
}

static void give_back(void *context, void *pointer)
{
    (void)context;
    free(pointer);
}

static hal_status keep_with(const hal_allocator *allocator, const char *path)
{
    hal_draft *d = machine_with(allocator, 1);
    hal_topology *t = NULL;
    hal_measurement rows[] = {way("link", "host", "gpu0"), way("read", "host", "cpu0"), way("link", "numa0", "cpu:package0")};
    if (d == NULL)
        return hal_status_last()->status;
    hal_measurements_apply(d, rows, 3);
    HAL_TRY(hal_draft_seal(d, &t));
    hal_status s = hal_topology_keep_measurements(t, rows, 3, path);
    hal_topology_release(t);
    return s;
}

static void failing_allocations_are_told(void **state)
{
    (void)state;
    const hal_allocator allocator = {.allocate = take, .release = give_back};
    hal_status s = HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    for (long n = 0; s != HAL_OK; n++) {
        left = n;
        s = keep_with(&allocator, scratch_path("scarce"));
        if (s != HAL_OK && hal_status_code(s) != HAL_CODE_OUT_OF_MEMORY)
            fail_msg("%s", hal_status_last()->text);
        assert_true(n < 1000);
    }
    hal_measurements list = read_file(scratch_path("scarce"));
    assert_int_equal(list.n, 3);
    hal_deallocate(NULL, list.rows);
}

static int setup(void **state)
{
    int result = scratch_setup(state);
    mkdir(scratch_path("cache"), 0700);
    setenv("XDG_CACHE_HOME", scratch_path("cache"), 1);
    return result;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_are_ids_aliases_and_the_host),
        cmocka_unit_test(host_of_several_memories_is_none),
        cmocka_unit_test(host_is_the_memory_of_the_node_this_runs_on),
        cmocka_unit_test(ends_that_do_not_fit_are_refused),
        cmocka_unit_test(figures_that_nothing_has_are_refused),
        cmocka_unit_test(figures_without_what_they_need_are_refused),
        cmocka_unit_test(nothing_is_faster_than_its_hardware),
        cmocka_unit_test(kept_rows_are_read_as_they_were),
        cmocka_unit_test(later_rows_take_the_place_of_earlier_ones),
        cmocka_unit_test(one_bad_row_keeps_all_from_being_written),
        cmocka_unit_test(files_of_something_else_stay),
        cmocka_unit_test(of_another_machine_nothing_is_kept_here),
        cmocka_unit_test(text_of_another_form_is_refused),
        cmocka_unit_test(figures_come_into_the_description),
        cmocka_unit_test(what_was_measured_is_no_limit),
        cmocka_unit_test(recorded_machines_have_measurements),
        cmocka_unit_test(here_they_are_kept_and_found_again),
        cmocka_unit_test(what_others_may_write_is_not_believed),
        cmocka_unit_test(what_is_damaged_is_not_there_and_begins_anew),
        cmocka_unit_test(without_a_directory_nothing_is_kept),
        cmocka_unit_test(failing_allocations_are_told),
    };
    return cmocka_run_group_tests(tests, setup, scratch_teardown);
}
