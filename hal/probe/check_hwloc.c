/* SPDX-License-Identifier: Apache-2.0 */
/* hwloc believes the XML it reads: a PU without complete_cpuset kills version 2.9. So everything it relies on
   is looked at first: types and how they nest, sets and their inclusion, numbers, and that no PU or node is
   there twice. */
#include "hal/probe/translate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_BITS   16384u /* twice what Linux can be built for on x86 */
#define MOST_WORDS  (MOST_BITS / 32)
#define MOST_MATRIX 1024u

/* Bits by number; words that are not there are 0. */
typedef struct set {
    uint32_t n, *words;
} set;

typedef enum sort { NORMAL, MEMORY, IO, MISC } sort;
static const struct type {
    const char *name;
    sort sort;
} types[] = {{"Machine", NORMAL},  {"Package", NORMAL},  {"Die", NORMAL},      {"Core", NORMAL},
             {"PU", NORMAL},       {"Group", NORMAL},    {"L1Cache", NORMAL},  {"L2Cache", NORMAL},
             {"L3Cache", NORMAL},  {"L4Cache", NORMAL},  {"L5Cache", NORMAL},  {"L1iCache", NORMAL},
             {"L2iCache", NORMAL}, {"L3iCache", NORMAL}, {"NUMANode", MEMORY}, {"MemCache", MEMORY},
             {"Bridge", IO},       {"PCIDev", IO},       {"OSDev", IO},        {"Misc", MISC}};

/* What is counted while walking. */
typedef struct walk {
    set all_cpus, all_nodes; /* of the machine */
    set nodes;               /* seen so far */
    uint64_t *gp;            /* gp_index of every object */
    size_t n_gp, room_gp;
    uint32_t n_pus;
} walk;

static const struct type *type_of(const xml_node *node)
{
    const char *name = xml_need(node, "type");
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].name, name) == 0)
            return &types[i];
    xml_wrong(node, "type=\"%.40s\" is not a type of hwloc's objects", name);
}

/* "0x0000000f,,0xffffffff": words of 32 bits, the highest first; an empty one is 0. */
static set parse_set(const xml_node *node, const char *name)
{
    const char *text = xml_need(node, name);
    set s = {0};
    uint32_t n = 1;
    for (const char *p = text; *p != '\0'; p++)
        n += *p == ',';
    if (n > MOST_WORDS || strlen(text) > 11 * (size_t)n)
        xml_wrong(node, "%s has %u words; more than %u bits are not read", name, n, MOST_BITS);
    s.n = n;
    s.words = xml_take(n, sizeof *s.words);
    for (const char *p = text; n-- > 0; p += *p == ',') {
        const size_t length = strcspn(p, ",");
        unsigned value = 0;
        int end = 0;
        if (length > 0 && (sscanf(p, "0x%8x%n", &value, &end) != 1 || (size_t)end != length))
            xml_wrong(node, "%s=\"%.40s\" is not a set such as 0x0000000f,0xffffffff", name, text);
        s.words[n] = value;
        p += length;
    }
    return s;
}

static uint32_t word_of(set s, uint32_t i)
{
    return i < s.n ? s.words[i] : 0;
}

static bool is_inside(set a, set b)
{
    for (uint32_t i = 0; i < a.n; i++)
        if ((a.words[i] & ~word_of(b, i)) != 0)
            return false;
    return true;
}

/* Puts the bits of `from` into `into`; false when one is there already. */
static bool merge(set *into, set from)
{
    bool disjoint = true;
    if (into->n < from.n) {
        uint32_t *words = xml_take(from.n, sizeof *words);
        if (into->n > 0)
            memcpy(words, into->words, into->n * sizeof *words);
        *into = (set){from.n, words};
    }
    for (uint32_t i = 0; i < from.n; i++) {
        disjoint = disjoint && (into->words[i] & from.words[i]) == 0;
        into->words[i] |= from.words[i];
    }
    return disjoint;
}

/* The number of the only bit, or MOST_BITS. */
static uint32_t only_bit(set s)
{
    uint32_t found = MOST_BITS;
    for (uint32_t i = 0; i < s.n; i++) {
        if (s.words[i] != 0 && (found != MOST_BITS || (s.words[i] & (s.words[i] - 1)) != 0))
            return MOST_BITS;
        if (s.words[i] != 0)
            found = 32 * i + (uint32_t)__builtin_ctz(s.words[i]);
    }
    return found;
}

static void check_gp(walk *w, const xml_node *node)
{
    if (xml_get(node, "gp_index") == NULL)
        return;
    if (w->n_gp == w->room_gp) {
        w->room_gp = w->room_gp ? 2 * w->room_gp : 1024;
        w->gp = realloc(w->gp, w->room_gp * sizeof *w->gp);
        if (w->gp == NULL)
            xml_unusable("%zu objects do not fit into memory; free some", w->room_gp);
    }
    w->gp[w->n_gp++] = xml_number(node, "gp_index", INT64_MAX, 0);
}

static int compare(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The sets every object of processors and memory has. */
static set check_sets(walk *w, const xml_node *node, set around)
{
    const set cpus = parse_set(node, "cpuset"), all = parse_set(node, "complete_cpuset");
    const set nodes = parse_set(node, "nodeset"), all_nodes = parse_set(node, "complete_nodeset");
    if (!is_inside(cpus, around))
        xml_wrong(node, "its cpuset is not inside of that around it");
    if (!is_inside(cpus, all) || !is_inside(nodes, all_nodes))
        xml_wrong(node, "its complete set lacks a part of the set");
    if (!is_inside(all, w->all_cpus) || !is_inside(all_nodes, w->all_nodes))
        xml_wrong(node, "its complete set is not inside of the machine's");
    return cpus;
}

static void check_pci(const xml_node *node)
{
    unsigned a, b, c, d;
    char rest;
    const char *busid = xml_need(node, "pci_busid");
    if (strlen(busid) > 16 || sscanf(busid, "%8x:%2x:%2x.%1x%c", &a, &b, &c, &d, &rest) != 4)
        xml_wrong(node, "pci_busid=\"%.40s\" is not an address such as 0000:1b:00.0", busid);
    const char *type = xml_need(node, "pci_type");
    if (strlen(type) > 40 ||
        sscanf(type, "%4x [%4x:%4x] [%4x:%4x] %*2x", &a, &b, &c, &d, &(unsigned){0}) != 5)
        xml_wrong(node, "pci_type=\"%.40s\" is not like 0302 [10de:2330] [10de:16c1] a1", type);
    xml_real(node, "pci_link_speed", 0);
}

static void check_bridge(const xml_node *node)
{
    unsigned domain, first, last;
    const char *type = xml_need(node, "bridge_type");
    if (strcmp(type, "0-1") != 0 && strcmp(type, "1-1") != 0)
        xml_wrong(node, "bridge_type=\"%.40s\" is neither 0-1 nor 1-1", type);
    const char *buses = xml_need(node, "bridge_pci");
    if (strlen(buses) > 24 || sscanf(buses, "%8x:[%2x-%2x]", &domain, &first, &last) != 3)
        xml_wrong(node, "bridge_pci=\"%.40s\" is not like 0000:[2b-3b]", buses);
    xml_number(node, "depth", 256, 0);
    if (type[0] == '1')
        check_pci(node);
}

static void check_io(walk *w, const xml_node *node)
{
    const struct type *t = type_of(node);
    check_gp(w, node);
    if (t->sort != IO && t->sort != MISC)
        xml_wrong(node, "a %s stands below a device", t->name);
    if (strcmp(t->name, "Bridge") == 0)
        check_bridge(node);
    else if (strcmp(t->name, "PCIDev") == 0)
        check_pci(node);
    else if (t->sort == IO)
        xml_number(node, "osdev_type", 1023, 0);
    for
        XML_EACH(child, node)
    if (xml_is(child, "object"))
        check_io(w, child);
}

static void check_memory(walk *w, const xml_node *node, set around)
{
    const struct type *t = type_of(node);
    check_gp(w, node);
    check_sets(w, node, around);
    if (strcmp(t->name, "NUMANode") == 0) {
        const set nodes = parse_set(node, "nodeset");
        if (only_bit(nodes) != xml_number(node, "os_index", MOST_BITS - 1, MOST_BITS))
            xml_wrong(node, "its nodeset is not its os_index");
        if (!merge(&w->nodes, nodes))
            xml_wrong(node, "NUMA node %u stands twice", only_bit(nodes));
        xml_number(node, "local_memory", UINT64_MAX >> 8, 0);
    }
    for
        XML_EACH(child, node)
        {
            if (!xml_is(child, "object"))
                continue;
            if (type_of(child)->sort == MISC)
                check_io(w, child);
            else if (type_of(child)->sort != MEMORY || strcmp(t->name, "NUMANode") == 0)
                xml_wrong(child, "a %s cannot stand below a %s", type_of(child)->name, t->name);
            else
                check_memory(w, child, around);
        }
}

static void check_normal(walk *w, const xml_node *node, set around);

/* Union of what is below. */
static set check_children(walk *w, const xml_node *node, set cpus)
{
    set below = {0};
    const bool leaf = strcmp(type_of(node)->name, "PU") == 0;
    for
        XML_EACH(child, node)
        {
            if (!xml_is(child, "object"))
                continue;
            const struct type *t = type_of(child);
            if (t->sort == IO || t->sort == MISC) {
                check_io(w, child);
            } else if (t->sort == MEMORY) {
                check_memory(w, child, cpus);
            } else if (leaf || strcmp(t->name, "Machine") == 0) {
                xml_wrong(child, "a %s cannot stand below a %s", t->name, type_of(node)->name);
            } else {
                check_normal(w, child, cpus);
                if (!merge(&below, parse_set(child, "cpuset")))
                    xml_wrong(child, "shares processors with an object beside it");
            }
        }
    return below;
}

static void check_normal(walk *w, const xml_node *node, set around)
{
    const struct type *t = type_of(node);
    const set cpus = check_sets(w, node, around);
    check_gp(w, node);
    xml_number(node, "cache_size", UINT64_MAX >> 8, 0);
    const set below = check_children(w, node, cpus);
    if (strcmp(t->name, "PU") != 0) {
        if (!is_inside(cpus, below))
            xml_wrong(node, "has processors in its cpuset that no PU below it is");
        return;
    }
    w->n_pus++;
    if (only_bit(parse_set(node, "complete_cpuset")) !=
        xml_number(node, "os_index", MOST_BITS - 1, MOST_BITS))
        xml_wrong(node, "its complete_cpuset is not its os_index");
}

static uint32_t count_words(const xml_node *matrix, const char *name)
{
    uint32_t n = 0;
    for
        XML_EACH(child, matrix)
        {
            if (!xml_is(child, name))
                continue;
            if (child->text[strspn(child->text,
                                   "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ: \n")] !=
                '\0')
                xml_wrong(child, "holds something else than numbers and names");
            for (const char *p = child->text; *(p += strspn(p, " \n")) != '\0'; p += strcspn(p, " \n"))
                n++;
        }
    return n;
}

static void check_matrix(const xml_node *node)
{
    const uint32_t n = (uint32_t)xml_number(node, "nbobjs", MOST_MATRIX, 0);
    if (count_words(node, "indexes") != n || count_words(node, "u64values") != n * n)
        xml_wrong(node, "a matrix of %u objects has %u names and %u values", n, count_words(node, "indexes"),
                  count_words(node, "u64values"));
    xml_number(node, "kind", 1023, 0);
}

static void check_attribute(const xml_node *node)
{
    for
        XML_EACH(value, node)
        {
            if (!xml_is(value, "memattr_value"))
                continue;
            xml_number(value, "value", UINT64_MAX >> 8, 0);
            xml_number(value, "target_obj_gp_index", INT64_MAX, 0);
            xml_number(value, "initiator_obj_gp_index", INT64_MAX, 0);
            if (xml_get(value, "initiator_cpuset") != NULL)
                parse_set(value, "initiator_cpuset");
        }
}

static void check_version(const xml_node *root)
{
    const char *version = xml_text(root, "version");
    if (strcmp(version, "3.0") != 0 && (strncmp(version, "2.", 2) != 0 || strlen(version) > 4))
        xml_wrong(root,
                  "version \"%.20s\" of hwloc's XML is not read; there are 2.x and 3.0 (export it again with "
                  "lstopo)",
                  version);
}

static void check_machine(const xml_node *root, const xml_node *machine)
{
    walk w = {0};
    if (machine == NULL || strcmp(type_of(machine)->name, "Machine") != 0)
        xml_wrong(root, "its first object is not the Machine");
    w.all_cpus = parse_set(machine, "complete_cpuset");
    w.all_nodes = parse_set(machine, "complete_nodeset");
    check_normal(&w, machine, w.all_cpus);
    if (w.n_pus == 0 || w.nodes.n == 0)
        xml_wrong(machine, "has no %s", w.n_pus == 0 ? "PU" : "NUMANode");
    if (!is_inside(parse_set(machine, "nodeset"), w.nodes))
        xml_wrong(machine, "names nodes in its nodeset that are not there");
    if (w.n_gp > 0)
        qsort(w.gp, w.n_gp, sizeof *w.gp, compare);
    for (size_t i = 1; i < w.n_gp; i++)
        if (w.gp[i] == w.gp[i - 1])
            xml_wrong(machine, "two objects have the gp_index %llu", (unsigned long long)w.gp[i]);
}

void hal_check_hwloc(const xml_node *root)
{
    const xml_node *machine = NULL;
    check_version(root);
    for
        XML_EACH(node, root)
        {
            if (xml_is(node, "object") && machine != NULL)
                xml_wrong(node, "a second outermost object");
            if (xml_is(node, "object"))
                machine = node;
            else if (strncmp(node->name, "distances2", 10) == 0)
                check_matrix(node);
            else if (xml_is(node, "memattr"))
                check_attribute(node);
            else if (xml_is(node, "cpukind"))
                parse_set(node, "cpuset");
        }
    check_machine(root, machine);
}
