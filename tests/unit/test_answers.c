/* SPDX-License-Identifier: Apache-2.0 */
/* hal/discovery/: records of vendors' answers, read from trees, and joined with what is there. */
#include "tests/unit/core_test.h"
#include "tests/unit/tree_text.h"

#include "hal/discovery/answers.h"

static hal_files *tree_of(const char *text)
{
    hal_files *files = NULL;
    hal_status s = tree_parse(NULL, "test", text, strlen(text), &files);
    if (s != HAL_OK)
        fail_msg("%s", hal_status_last()->text);
    return files;
}

static hal_answers *answers_of(const char *text)
{
    hal_files *files = tree_of(text);
    hal_answers *answers = NULL;
    hal_status s = hal_answers_recall(NULL, files, &answers);
    if (s != HAL_OK)
        fail_msg("%s", hal_status_last()->text);
    hal_files_close(files);
    return answers;
}

/* -------------------------------------------------------------------------------------------- records -- */

static const char *const good[] = {
    "library\tapi=nvml\tstate=ok\tdriver=535.129.03\tlibrary=/usr/lib/libnvidia-ml.so.535.129.03",
    "library\tapi=hip\tstate=failed\tcode=-5\twhen=1700000000\ttook=12345\ttext=hipInit answered -5",
    "device\tapi=cuda\ttype=gpu\tindex=0\taddress=0000:1b:00.0\tuuid=GPU-1\tname=A B\tmemory=85899345920\tcores=132",
    "device\tapi=opencl\ttype=cpu\tplatform=1\tindex=0\tname=\xc3\x84\xe2\x82\xac",
    "device\tapi=nvml\ttype=gpu\tindex=0\tuuid=MIG-1\tparent=GPU-1\tpart=gi1ci0",
    "device\tapi=rsmi\ttype=gpu\tindex=4294967294\taddress=00010000:ff:1f.7",
    "link\tapi=nvml\taddress=0000:1b:00.0\tpeer=0000:43:00.0\tlink=nvlink\tgeneration=4\tlanes=18\tcopy=native\tbandwidth=4781",
};

static void records_are_read_as_they_are_written(void **state)
{
    (void)state;
    char line[HAL_ANSWER_LINE], why[200];
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        hal_answer a;
        if (!hal_answer_parse(good[i], strlen(good[i]), &a, why, sizeof why))
            fail_msg("%s: %s", good[i], why);
        assert_int_equal(hal_answer_print(&a, line), strlen(good[i]) + 1);
        assert_memory_equal(line, good[i], strlen(good[i]));
    }
}

static void nothing_else_is_believed(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "gadget\tapi=nvml",
        "device",                                           /* a type is always written */
        "device\tapi=cuda\ttype=gpu\tindex=0\tindex=1",      /* twice */
        "device\tapi=cuda\tindex=0\ttype=gpu",               /* another order */
        "device\tapi=cuda\ttype=gpu\tindex=00",              /* another spelling */
        "device\tapi=cuda\ttype=gpu\tindex=+1",
        "device\tapi=cuda\ttype=gpu\tindex=4294967296",      /* too large */
        "device\tapi=cuda\ttype=gpu\tmemory=18446744073709551616",
        "device\tapi=cuda\ttype=gpu\tmemory=-1",
        "device\tapi=cuda\ttype=toaster",
        "device\tapi=cuda\ttype=gpu\taddress=1b:00.0",
        "device\tapi=cuda\ttype=gpu\taddress=0000:1B:00.0",
        "device\tapi=cuda\ttype=gpu\taddress=0000:1b:00.8",
        "device\tapi=cuda\ttype=gpu\tname=",                 /* nothing is not written */
        "device\tapi=cuda\ttype=gpu\tname=a\x01",
        "device\tapi=cuda\ttype=gpu\tname=\xff",
        "device\tapi=cuda\ttype=gpu\tname=\xc0\xaf",         /* "/", spelled too long */
        "device\tapi=cuda\ttype=gpu\tname=\xed\xa0\x80",     /* half of a surrogate pair */
        "device\tapi=cuda\ttype=gpu\tname=\xe2\x82",         /* cut off */
        "device\tapi=cuda\ttype=gpu\tlink=nvlink",           /* of another kind */
        "device\tapi=cuda\ttype=gpu\tcolour=green",
        "device\tapi=cuda\ttype=gpu\t",
        "device\tapi=a-name-that-is-too-long\ttype=gpu",
        "library\tapi=cuda\tstate=ok\tcode=2147483648",
    };
    char why[200];
    hal_answer a, untouched;
    memset(&untouched, 0x5a, sizeof untouched);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        a = untouched;
        why[0] = '\0';
        if (hal_answer_parse(bad[i], strlen(bad[i]), &a, why, sizeof why))
            fail_msg("believed: %s", bad[i]);
        assert_memory_equal(&a, &untouched, sizeof a);
        assert_true(why[0] != '\0');
    }
    char longest[HAL_ANSWER_LINE + 10];
    memset(longest, 'x', sizeof longest);
    assert_false(hal_answer_parse(longest, sizeof longest, &a, why, sizeof why));
    assert_false(hal_answer_parse("device\tapi=cu\0da", 17, &a, why, sizeof why));
}

static void odd_texts_are_written_cleanly(void **state)
{
    (void)state;
    char line[HAL_ANSWER_LINE], why[200];
    hal_answer a, again;
    for (int byte = 1; byte < 256; byte++) {
        hal_answer_init(&a, HAL_ANSWER_DEVICE, "cuda");
        memset(a.name, byte, sizeof a.name - 1);
        memset(a.uuid, byte, sizeof a.uuid - 1);
        memset(a.address, byte, sizeof a.address - 1);
        size_t n = hal_answer_print(&a, line);
        assert_int_equal(strlen(line), n);
        if (!hal_answer_parse(line, n - 1, &again, why, sizeof why))
            fail_msg("byte %d: %s", byte, why);
    }
    hal_answer_init(&a, HAL_ANSWER_LIBRARY, "cuda"); /* the longest */
    for (size_t i = offsetof(hal_answer, api); i < sizeof a; i++)
        ((char *)&a)[i] = 'x';
    snprintf(a.api, sizeof a.api, "cuda");
    a.code = INT32_MIN;
    a.when = a.took = UINT64_MAX;
    a.platform_name[95] = a.driver[63] = a.user[63] = a.required[63] = a.firmware[63] = a.library[255] = '\0';
    a.manifest[255] = a.text[319] = '\0';
    size_t n = hal_answer_print(&a, line);
    assert_true(n < HAL_ANSWER_LINE && hal_answer_parse(line, n - 1, &again, why, sizeof why));
}

/* ---------------------------------------------------------------------------------------------- trees -- */

static void trees_hold_answers(void **state)
{
    (void)state;
    uint32_t n;
    hal_answers *answers = answers_of("hal-tree 1\n= /hal/date 1700000000\n"
                                      "< /hal/answers/nvidia\n"
                                      "\t# a comment\n"
                                      "\tlibrary\tapi=nvml\tstate=failed\tcode=9\ttext=Driver Not Loaded\n"
                                      "\tlibrary\tapi=cuda\tstate=late\twhen=1600000000\n"
                                      "< /hal/answers/opencl\n"
                                      "\tlibrary\tapi=opencl\tstate=ok\tmanifest=/etc/a.icd\n"
                                      "\tdevice\tapi=opencl\ttype=gpu\tplatform=0\tindex=0\n"
                                      "\tlibrary\tapi=opencl\tstate=ok\tmanifest=/etc/b.icd\n"
                                      "< /hal/answers/intel\n"
                                      "\tdevice\tapi=ze\ttype=npu\tplatform=0\tindex=0\taddress=0000:00:0b.0\n");
    const hal_vendor_fact *facts = hal_answers_facts(answers, &n);
    assert_int_equal(n, 5); /* in the order of the files */
    assert_string_equal(facts[0].vendor, "ze");
    assert_int_equal(facts[0].end, HAL_FACT_DEVICES);
    assert_string_equal(facts[1].vendor, "nvml");
    assert_int_equal(facts[1].end, HAL_FACT_FAILED);
    assert_int_equal(facts[1].code, 9);
    assert_int_equal(facts[1].when, 1700000000);
    assert_int_equal(facts[2].end, HAL_FACT_LATE);
    assert_int_equal(facts[2].when, 1600000000);
    assert_int_equal(facts[3].devices, 1);
    assert_int_equal(facts[4].end, HAL_FACT_NONE);
    assert_string_equal(facts[4].manifest, "/etc/b.icd");
    assert_int_equal(hal_answers_count(answers), 2);
    assert_string_equal(hal_answers_fact_of(answers, "intel-npu")->vendor, "ze");
    assert_string_equal(hal_answers_fact_of(answers, "nvidia")->vendor, "nvml");
    assert_null(hal_answers_fact_of(answers, "gaudi"));
    assert_null(hal_answers_fact_of(answers, "npu"));
    hal_answers_free(answers);
}

static void bad_trees_are_told(void **state)
{
    (void)state;
    static const char *const lines[] = {"rubbish", "device\tapi=nobody\ttype=gpu\tindex=0", "device\tapi=cuda\ttype=gpu",
                                        "device\tapi=cuda\ttype=gpu\tindex=0\tmemory=5\tfree=6",
                                        "device\tapi=cuda\ttype=gpu\tindex=0\tmemory=2251799813685248"};
    char text[256];
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        hal_answers *answers = NULL;
        snprintf(text, sizeof text, "hal-tree 1\n< /hal/answers/x\n\t# one\n\t%s\n", lines[i]);
        hal_files *files = tree_of(text);
        assert_code(hal_answers_recall(NULL, files, &answers), INVALID_ARGUMENT);
        assert_non_null(strstr(hal_status_last()->text, "/hal/answers/x, line 2: "));
        hal_files_close(files);
    }
    hal_answers *answers = NULL;
    hal_files *files = tree_of("hal-tree 1\n= /proc/version Linux\n");
    assert_code(hal_answers_recall(NULL, files, &answers), NOT_FOUND);
    assert_ok(hal_answers_ask(NULL, files, SOON, &answers)); /* and nobody is asked of another machine */
    uint32_t n;
    (void)hal_answers_facts(answers, &n);
    assert_int_equal(n, 0);
    hal_answers_free(answers);
    hal_files_close(files);
}

/* -------------------------------------------------------------------------------------------- joining -- */

/* Two packages with their DRAM, two cards and an NPU; a path between the cards. */
static hal_draft *draft_new(void)
{
    hal_draft *d;
    assert_ok(hal_draft_create(NULL, &d));
    hal_draft_add_place(d, &(hal_topology_place){.kind = HAL_PLACE_MACHINE, .parent = HAL_NOWHERE, .id = "machine"});
    hal_draft_add_memory(d, &(hal_topology_memory){.kind = HAL_MEMORY_DRAM, .id = "numa0", .numa = 0});
    static const char *const ids[] = {"cpu:package0", "cpu:package1", "gpu:0000:1b:00.0", "gpu:0000:43:00.0", "npu:0000:c1:00.0"};
    for (uint32_t i = 0; i < 5; i++)
        hal_draft_add_device(d, &(hal_topology_device){.kind = i < 2   ? HAL_DEVICE_CPU
                                                               : i < 4 ? HAL_DEVICE_GPU
                                                                       : HAL_DEVICE_NPU,
                                                       .id = ids[i],
                                                       .address = i < 2 ? (i ? "package 1" : "package 0") : ids[i] + 4,
                                                       .vendor = i < 2 ? "" : i < 4 ? "NVIDIA" : "Huawei",
                                                       .family = i < 2 ? "cpu" : i < 4 ? "nvidia" : "ascend",
                                                       .numa = 0,
                                                       .parent = HAL_NOWHERE});
    hal_draft_device_index(d, 4, "ascend", HAL_NOWHERE, 0);
    hal_draft_add_link(d, &(hal_topology_link){.from = {HAL_END_DEVICE, 2}, .to = {HAL_END_DEVICE, 3}, .kind = "pcie", .path = "SYS"});
    return d;
}

#define TREE "hal-tree 1\n= /hal/date 1700000000\n< /hal/answers/x\n"
#define NVML0 "\tdevice\tapi=nvml\ttype=gpu\tindex=0\taddress=0000:1b:00.0\tuuid=GPU-0a\tname=Card 80GB\tmemory=80000\tfree=79000\n"
#define NVML1 "\tdevice\tapi=nvml\ttype=gpu\tindex=1\taddress=0000:43:00.0\tuuid=GPU-0b\tname=Card 80GB\tmemory=80000\tfree=79000\n"

static hal_draft *joined(const char *text, hal_answers **answers)
{
    hal_draft *d = draft_new();
    *answers = answers_of(text);
    assert_ok(hal_answers_merge(d, *answers));
    assert_ptr_equal(hal_draft_answers(d), *answers);
    return d;
}

/* Seals what was joined, so that every rule of a topology is checked. */
static hal_topology *finish(hal_draft *d, hal_answers *answers)
{
    hal_topology *t = NULL;
    hal_status s = hal_draft_seal(d, &t);
    if (s != HAL_OK)
        fail_msg("%s", hal_status_last()->text);
    hal_answers_free(answers);
    return t;
}

static uint32_t index_of(const hal_topology_device *d, const char *api)
{
    for (uint32_t i = 0; i < d->n_indices; i++)
        if (strcmp(d->indices[i].api, api) == 0)
            return d->indices[i].index;
    return HAL_NOWHERE;
}

static void one_board_is_one_device(void **state)
{
    (void)state;
    hal_answers *answers;
    hal_draft *d = joined(TREE "\tdevice\tapi=cuda\ttype=gpu\tindex=1\taddress=0000:1b:00.0\tuuid=GPU-0a\tname=Card\tmemory=70000\tcores=132"
                          "\tfeatures=sm_90\n"
                          "\tdevice\tapi=cuda\ttype=gpu\tindex=0\tuuid=gpu-0B\n"
                          "\tdevice\tapi=opencl\ttype=gpu\tplatform=0\tindex=0\taddress=0000:1b:00.0\tname=Card\tplatform_name=NVIDIA CUDA\n" NVML0 NVML1,
                          &answers);
    hal_topology *t = finish(d, answers);
    assert_int_equal(hal_topology_device_count(t), 5);
    const hal_topology_device *g = hal_topology_device_at(t, hal_topology_device_find(t, "gpu0"));
    assert_string_equal(g->name, "Card 80GB");
    assert_string_equal(g->uuid, "GPU-0a");
    assert_int_equal(index_of(g, "nvml"), 0);
    assert_int_equal(index_of(g, "cuda"), 1);
    assert_int_equal(index_of(g, "opencl"), 0);
    assert_int_equal(g->cores, 132);
    assert_int_equal(g->n_features, 1);
    assert_int_equal(g->n_ways, 1);
    assert_string_equal(g->ways[0], "opencl: NVIDIA CUDA, Card");
    assert_int_equal(g->n_memories, 1);
    const hal_topology_memory *m = hal_topology_memory_at(t, g->memories[0]);
    assert_true(m->capacity.value == 80000 && m->capacity.source == HAL_SOURCE_VENDOR && m->capacity.when == 1700000000);
    assert_true(m->free.value == 79000);
    g = hal_topology_device_at(t, hal_topology_device_find(t, "gpu1"));
    assert_int_equal(index_of(g, "cuda"), 0); /* by its UUID, however that is spelled */
    hal_topology_release(t);
}

static void parts_belong_to_their_card(void **state)
{
    (void)state;
    hal_answers *answers;
    hal_draft *d = joined(TREE "\tdevice\tapi=cuda\ttype=gpu\tindex=0\taddress=0000:1b:00.0\tuuid=MIG-01\tparent=GPU-0a\tmemory=900\n"
                               "\tdevice\tapi=nvml\ttype=gpu\tindex=0\tuuid=MIG-01\tparent=GPU-0a\tpart=gi1ci0\tmemory=1000\n"
                               "\tdevice\tapi=nvml\ttype=gpu\tindex=1\tuuid=MIG-02\tparent=GPU-0a\tpart=gi2ci0\tmemory=1000\n"
                               "\tdevice\tapi=nvml\ttype=gpu\tindex=7\tuuid=MIG-03\tparent=GPU-77\n" NVML0,
                          &answers);
    for (uint32_t i = 0; i < hal_draft_device_count(d); i++) {
        const hal_topology_device *each = hal_draft_device(d, i);
        bool told = each->uuid[0] != '\0';
        assert_true(hal_answers_list(answers, 1, each) == told); /* of both instances and their card, not of the other card */
        assert_true(hal_answers_list(answers, 0, each) == (strcmp(each->uuid, "MIG-01") == 0));
    }
    hal_topology *t = finish(d, answers);
    assert_int_equal(hal_topology_device_count(t), 7); /* the one of an unknown card is left out */
    uint32_t card = hal_topology_device_find(t, "gpu0");
    uint32_t second = hal_topology_device_find(t, "gpu:0000:1b:00.0/gi2ci0");
    assert_int_not_equal(second, HAL_NOWHERE);
    const hal_topology_device *p = hal_topology_device_at(t, second);
    assert_int_equal(p->parent, card);
    assert_string_equal(p->family, "nvidia");
    assert_int_equal(p->n_memories, 1);
    assert_int_equal(index_of(hal_topology_device_at(t, card), "cuda"), HAL_NOWHERE);
    for (uint32_t i = 0; i < hal_topology_device_count(t); i++)
        if (strcmp(hal_topology_device_at(t, i)->uuid, "MIG-01") == 0)
            assert_int_equal(index_of(hal_topology_device_at(t, i), "cuda"), 0);
    hal_topology_release(t);
}

static void drivers_on_the_processor_are_ways_to_it(void **state)
{
    (void)state;
    hal_answers *answers;
    hal_draft *d = joined(TREE "\tdevice\tapi=opencl\ttype=cpu\tplatform=2\tindex=0\tname=pthread\tplatform_name=PoCL\tmemory=5\tshared=1\n",
                          &answers);
    hal_topology *t = finish(d, answers);
    assert_int_equal(hal_topology_device_count(t), 5);
    const hal_topology_device *c = hal_topology_device_at(t, 0);
    assert_string_equal(c->name, "");
    assert_int_equal(c->n_ways, 1);
    assert_string_equal(c->ways[0], "opencl: PoCL, pthread");
    assert_int_equal(c->indices[0].platform, 2);
    assert_int_equal(hal_topology_device_at(t, 1)->n_ways, 1);
    assert_int_equal(hal_topology_memory_count(t), 1);
    hal_topology_release(t);
}

static void what_only_vendors_show_is_added(void **state)
{
    (void)state;
    hal_answers *answers;
    hal_draft *d = joined(TREE "\tdevice\tapi=hip\ttype=gpu\tindex=0\taddress=0000:0c:00.0\tname=Other\tmemory=12\n"
                               "\tdevice\tapi=ze\ttype=gpu\tplatform=0\tindex=0\taddress=0000:00:02.0\tname=Small\tmemory=8\tshared=1\n"
                               "\tdevice\tapi=opencl\ttype=gpu\tplatform=3\tindex=1\tname=Nameless\n"
                               "\tdevice\tapi=acl\ttype=npu\tindex=0\tfeatures=Ascend910B3\n",
                          &answers);
    hal_topology *t = finish(d, answers);
    assert_int_equal(hal_topology_device_count(t), 8);
    const hal_topology_device *g = hal_topology_device_at(t, hal_topology_device_find(t, "gpu:0000:0c:00.0"));
    assert_string_equal(g->family, "amdgpu");
    assert_int_equal(g->n_memories, 1);
    g = hal_topology_device_at(t, hal_topology_device_find(t, "gpu:0000:00:02.0"));
    assert_string_equal(hal_topology_memory_at(t, g->memories[0])->id, "numa0"); /* it has none of its own */
    assert_int_equal(hal_topology_memory_at(t, g->memories[0])->shared, 1);
    assert_int_not_equal(hal_topology_device_find(t, "gpu:opencl:3:1"), HAL_NOWHERE);
    g = hal_topology_device_at(t, hal_topology_device_find(t, "npu0"));
    assert_string_equal(g->features[0], "Ascend910B3");
    hal_topology_release(t);
}

static void what_is_told_twice_is_there_once(void **state)
{
    (void)state;
    hal_answers *answers;
    hal_draft *d = joined(TREE NVML0 NVML0 "\tdevice\tapi=cuda\ttype=gpu\tindex=7\tmemory=5\n"
                                           "\tdevice\tapi=cuda\ttype=gpu\tindex=7\tmemory=6\n"
                                           "\tdevice\tapi=nvml\ttype=gpu\tindex=0\tparent=GPU-0a\tpart=gi1ci0\tmemory=5\n"
                                           "\tdevice\tapi=nvml\ttype=gpu\tindex=1\tparent=GPU-0a\tpart=gi1ci0\tmemory=5\n"
                                           "\tdevice\tapi=nvml\ttype=gpu\tindex=2\tparent=GPU-0a\n",
                          &answers);
    hal_topology *t = finish(d, answers);
    assert_int_equal(hal_topology_device_count(t), 8);
    hal_topology_release(t);
}

static const hal_topology_link *link_of(const hal_topology *t, const char *from, const char *to, const char *kind)
{
    uint32_t f = hal_topology_device_find(t, from), e = hal_topology_device_find(t, to);
    for (uint32_t i = 0; i < hal_topology_link_count(t); i++) {
        const hal_topology_link *l = hal_topology_link_at(t, i);
        if (l->from.kind == HAL_END_DEVICE && l->from.index == f && l->to.index == e && strcmp(l->kind, kind) == 0)
            return l;
    }
    return NULL;
}

static void links_are_joined(void **state)
{
    (void)state;
    hal_answers *answers;
    hal_draft *d = joined(
        TREE NVML0 NVML1
        "\tlink\tapi=nvml\taddress=0000:1b:00.0\tpeer=0000:43:00.0\tlink=nvlink\tpath=NVL\tgeneration=4\tlanes=18\thops=1\tcopy=native"
        "\tbandwidth=478000000000\n"
        "\tlink\tapi=nvml\taddress=0000:1b:00.0\tpeer=0000:43:00.0\tlink=pcie\tpath=NODE\tcopy=direct\n"
        "\tlink\tapi=nvml\taddress=0000:1b:00.0\tpeer=0000:43:00.0\tlink=nvlink\tpath=NVL\tlanes=12\thops=2\tcopy=native\tbandwidth=5\n"
        "\tlink\tapi=nvml\taddress=0000:1b:00.0\tpeer=0000:77:00.0\tlink=nvlink\tlanes=1\tcopy=native\n"
        "\tdevice\tapi=cuda\ttype=gpu\tindex=0\taddress=0000:43:00.0\n"
        "\tdevice\tapi=cuda\ttype=gpu\tindex=1\taddress=0000:1b:00.0\n"
        "\tlink\tapi=cuda\tindex=0\tpeer_index=1\tcopy=staged\n",
        &answers);
    hal_topology *t = finish(d, answers);
    assert_int_equal(hal_topology_link_count(t), 2);
    const hal_topology_link *l = link_of(t, "gpu0", "gpu1", "pcie");
    assert_string_equal(l->path, "SYS"); /* what was seen stays */
    assert_int_equal(l->copy_mode, HAL_COPY_DIRECT);
    assert_int_equal(l->verified, 0);
    l = link_of(t, "gpu0", "gpu1", "nvlink");
    assert_int_equal(l->lanes, 18);
    assert_int_equal(l->generation, 4);
    assert_true(l->bandwidth.value == 478e9 && l->bandwidth.source == HAL_SOURCE_VENDOR);
    hal_topology_release(t);
}

/* -------------------------------------------------------------------------------------- out of memory -- */

typedef struct purse {
    uint32_t left; /* allocations that still succeed */
    int out;
} purse;

static void *take(void *context, size_t bytes, size_t alignment)
{
    purse *p = context;
    if (p->left == 0)
        return NULL;
    p->left--;
    void *got = aligned_alloc(alignment, (bytes + alignment - 1) & ~(alignment - 1));
    p->out += got != NULL;
    return got;
}

static void give_back(void *context, void *pointer)
{
    purse *p = context;
    p->out -= pointer != NULL;
    free(pointer);
}

static hal_status read_and_join(const hal_allocator *allocator, const char *text)
{
    hal_files *files = NULL;
    hal_answers *answers = NULL;
    hal_draft *draft = NULL;
    hal_topology *topology = NULL;
    HAL_TRY(tree_parse(allocator, "test", text, strlen(text), &files));
    hal_status s = hal_answers_recall(allocator, files, &answers);
    if (s == HAL_OK)
        s = hal_draft_create(allocator, &draft);
    if (s == HAL_OK) {
        s = hal_answers_merge(draft, answers);
        if (s == HAL_OK)
            s = hal_draft_seal(draft, &topology);
        else
            hal_draft_destroy(draft);
    }
    hal_topology_release(topology);
    hal_answers_free(answers);
    hal_files_close(files);
    return s;
}

static void running_out_of_memory_is_told(void **state)
{
    (void)state;
    purse p = {0, 0};
    const hal_allocator allocator = {.context = &p, .allocate = take, .release = give_back};
    hal_status s = HAL_FAIL(OUT_OF_MEMORY, "not tried yet");
    uint32_t n = 0;
    for (; s != HAL_OK; n++) {
        p.left = n;
        s = read_and_join(&allocator, TREE NVML0 NVML1 "\tdevice\tapi=cuda\ttype=gpu\tindex=0\taddress=0000:1b:00.0\n"
                                                       "\tlibrary\tapi=hip\tstate=late\n");
        assert_int_equal(p.out, 0);
        if (s != HAL_OK)
            assert_code(s, OUT_OF_MEMORY);
    }
    assert_true(n > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_are_read_as_they_are_written),
        cmocka_unit_test(nothing_else_is_believed),
        cmocka_unit_test(odd_texts_are_written_cleanly),
        cmocka_unit_test(trees_hold_answers),
        cmocka_unit_test(bad_trees_are_told),
        cmocka_unit_test(one_board_is_one_device),
        cmocka_unit_test(parts_belong_to_their_card),
        cmocka_unit_test(drivers_on_the_processor_are_ways_to_it),
        cmocka_unit_test(what_only_vendors_show_is_added),
        cmocka_unit_test(what_is_told_twice_is_there_once),
        cmocka_unit_test(links_are_joined),
        cmocka_unit_test(running_out_of_memory_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
