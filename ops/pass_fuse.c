/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fusion: pointwise nodes (casts and gates count) of equal sizes join with the nodes that feed them, and with
 * the matmul at the head of a chain. Groups grow greedily along the edges in topological order. A union is
 * made when it creates no cycle between groups and the joined expression keeps within its limits.
 */
#include <ops/fuse_expr.h>
#include <ops/graph_copy.h>
#include <ops/shape.h>

typedef struct fuser {
    const hal_graph *from;
    const uint32_t *pins;
    hal_graph *to;
    uint32_t *map;
    uint32_t *group;                /* node -> lowest member of its group */
    uint32_t *next;                 /* member -> next higher member, 0 at the end */
    uint32_t *first_use, *use;      /* users of value v: use[first_use[v] .. first_use[v + 1]) */
    uint32_t *visited, stamp; /* group -> the newest search that met it; groups go by their lowest member */
    uint32_t *stack;
    uint32_t *covered;              /* how many groups have members both before node i and from it on */
    bool *assigned;                 /* values that become the content of a variable */
    bool *done;                     /* groups already in the new graph */
} fuser;

/* -------------------------------------------------------------------------------------------- groups -- */

static void group_read(const fuser *f, uint32_t lowest, hal_fuse_group *group)
{
    group->n = 0;
    for (uint32_t m = lowest; m; m = f->next[m]) group->member[group->n++] = m;
}

/* Merges two groups' members in rising order. */
static bool group_union(const fuser *f, uint32_t a, uint32_t b, hal_fuse_group *both)
{
    both->n = 0;
    while (a || b) {
        if (both->n == HAL_FUSE_MAX_MEMBERS) return false;
        bool take_a = a && (!b || a < b);
        both->member[both->n++] = take_a ? a : b;
        if (take_a) a = f->next[a];
        else b = f->next[b];
    }
    return true;
}

static uint32_t highest(const fuser *f, uint32_t lowest)
{
    while (f->next[lowest]) lowest = f->next[lowest];
    return lowest;
}

static void span_add(fuser *f, uint32_t first, uint32_t last, uint32_t count)
{
    for (uint32_t i = first + 1; i <= last; i++) f->covered[i] += count;
}

/* Makes groups a and b the one group `both`. */
static void group_write(fuser *f, uint32_t a, uint32_t b, const hal_fuse_group *both)
{
    span_add(f, a, highest(f, a), UINT32_MAX);
    span_add(f, b, highest(f, b), UINT32_MAX);
    span_add(f, both->member[0], both->member[both->n - 1], 1);
    for (uint32_t i = 0; i < both->n; i++) {
        f->group[both->member[i]] = both->member[0];
        f->next[both->member[i]] = i + 1 < both->n ? both->member[i + 1] : 0;
    }
}

static bool in_group(const hal_fuse_group *group, uint32_t node)
{
    for (uint32_t i = 0; i < group->n; i++)
        if (group->member[i] == node) return true;
    return false;
}

static bool needed(const void *context, const hal_fuse_group *group, uint32_t value)
{
    const fuser *f = context;
    if (f->from->values[value].output || f->assigned[value]) return true;
    for (uint32_t u = f->first_use[value]; u < f->first_use[value + 1]; u++)
        if (!in_group(group, f->use[u])) return true;
    return false;
}

/* The group that computes a value, 0 for sources. */
static uint32_t producer(const fuser *f, uint32_t value)
{
    if (!value || f->from->values[value].origin != HAL_ORIGIN_NODE) return 0;
    return f->group[f->from->values[value].node];
}

/* A search for groups a and b against the edges. */
typedef struct search {
    uint32_t a, b, depth;
    uint32_t floor;     /* no group lies on both sides of it: what is before leads neither to a nor to b */
} search;

/* Puts the groups that feed group `lowest`, a and b aside, on the stack, each once; true when a or b is among
 * them. */
static bool feeders_push(fuser *f, uint32_t lowest, search *s)
{
    bool met = false;
    for (uint32_t m = lowest; m; m = f->next[m]) {
        const hal_node_record *n = &f->from->nodes[m];
        for (uint32_t i = 0; i < n->n_in; i++) {
            uint32_t p = producer(f, n->in[i]);
            bool target = p && (p == s->a || p == s->b);
            met = met || target;
            if (p < s->floor || target || f->visited[p] == f->stamp) continue;
            f->visited[p] = f->stamp;
            f->stack[s->depth++] = p;
        }
    }
    return met;
}

/* Whether a path leaves groups a and b and comes back: joined, they would wait for themselves. */
static bool union_cycles(fuser *f, uint32_t a, uint32_t b)
{
    search s = {.a = a, .b = b, .floor = a < b ? a : b};
    while (s.floor > 1 && f->covered[s.floor]) s.floor--;
    f->stamp++;
    feeders_push(f, a, &s);
    feeders_push(f, b, &s);
    while (s.depth) {
        uint32_t group = f->stack[--s.depth];
        if (feeders_push(f, group, &s)) return true;
    }
    return false;
}

static bool has_matmul(const fuser *f, uint32_t lowest)
{
    for (uint32_t m = lowest; m; m = f->next[m])
        if (f->from->nodes[m].op == HAL_OP_MATMUL) return true;
    return false;
}

static const hal_shape *sizes_of(const fuser *f, uint32_t lowest)
{
    return &f->from->values[f->from->nodes[lowest].first_out].shape;
}

static void union_try(fuser *f, uint32_t a, uint32_t b)
{
    hal_fuse_group both;
    hal_fused fused;
    if (!b || a == b || !hal_fuse_possible(f->from, b) || (f->pins && f->pins[a] != f->pins[b])) return;
    if (!hal_shape_same_sizes(sizes_of(f, a), sizes_of(f, b)) || (has_matmul(f, a) && has_matmul(f, b)))
        return;
    if (!group_union(f, a, b, &both) || !hal_fuse_build(f->from, &both, needed, f, &fused)) return;
    if (!union_cycles(f, a, b)) group_write(f, a, b, &both);
}

static void groups_grow(fuser *f)
{
    for (uint32_t node = 1; node < f->from->n_nodes; node++) {
        const hal_node_record *n = &f->from->nodes[node];
        if (n->op == HAL_OP_MATMUL || !hal_fuse_possible(f->from, node)) continue;
        for (uint32_t i = 0; i < n->n_in; i++) union_try(f, f->group[node], producer(f, n->in[i]));
    }
}

/* ----------------------------------------------------------------------------------------------- new -- */

/* The names of origin of all members, comma separated. */
static char *names_join(const fuser *f, const hal_fuse_group *group)
{
    size_t size = 1;
    for (uint32_t i = 0; i < group->n; i++)
        size += strlen(hal_graph_node_names(f->from, group->member[i])) + 1;
    char *names = hal_allocate(&f->to->allocator, size), *end = names;
    for (uint32_t i = 0; names && i < group->n; i++)
        end += snprintf(end, size - (size_t)(end - names), "%s%s", i ? "," : "",
                        hal_graph_node_names(f->from, group->member[i]));
    return names;
}

static hal_status group_emit(fuser *f, uint32_t lowest)
{
    hal_fuse_group group;
    hal_fused fused;
    hal_value in[16], out[HAL_EXPR_MAX_OUTPUTS];
    f->done[lowest] = true;
    group_read(f, lowest, &group);
    if (group.n == 1) return hal_graph_copy_node(f->from, lowest, f->to, f->map);
    if (!hal_fuse_build(f->from, &group, needed, f, &fused))
        return hal_graph_fail(f->to, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_INTERNAL),
                              "fusion: a group that was built before is refused");
    for (uint32_t i = 0; i < fused.n_in; i++) in[i] = (hal_value){f->to, f->map[fused.in[i]]};
    HAL_TRY(hal_graph_node(f->to, fused.op, &fused.attrs, in, fused.n_in, out, fused.n_out));
    HAL_TRY(hal_graph_copy_names(f->from, fused.out, fused.n_out, f->to, f->map));
    char *names = names_join(f, &group);
    f->to->nodes[f->to->n_nodes - 1].names = names;
    return names ? HAL_OK : HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
}

/* A group that feeds `lowest` and is not in the new graph yet, or 0. */
static uint32_t feeder_missing(const fuser *f, uint32_t lowest)
{
    for (uint32_t m = lowest; m; m = f->next[m]) {
        const hal_node_record *n = &f->from->nodes[m];
        for (uint32_t i = 0; i < n->n_in; i++) {
            uint32_t p = producer(f, n->in[i]);
            if (p && p != lowest && !f->done[p]) return p;
        }
    }
    return 0;
}

/* Emits a group after everything it waits for. Depth is bounded because groups have no cycles. */
static hal_status group_emit_ordered(fuser *f, uint32_t lowest)
{
    uint32_t depth = 0;
    f->stack[depth++] = lowest;
    while (depth) {
        uint32_t top = f->stack[depth - 1], missing = feeder_missing(f, top);
        if (missing) {
            f->stack[depth++] = missing;
            continue;
        }
        HAL_TRY(group_emit(f, top));
        depth--;
    }
    return HAL_OK;
}

static hal_status fuse(fuser *f)
{
    groups_grow(f);
    /* At its last member a group is due: by then nearly everything it waits for is there, as in the old
     * order. */
    for (uint32_t node = 1; node < f->from->n_nodes; node++)
        if (!f->next[node] && !f->done[f->group[node]]) HAL_TRY(group_emit_ordered(f, f->group[node]));
    return hal_graph_copy_sinks(f->from, f->to, f->map);
}

/* Users of values, as one list in order of values; counted first, then placed. */
static bool uses_collect(fuser *f)
{
    const hal_graph *g = f->from;
    uint64_t total = 0;
    for (uint32_t n = 1; n < g->n_nodes; n++) total += g->nodes[n].n_in;
    if (total >= UINT32_MAX) return false;
    f->use = hal_allocate_array(&g->allocator, total + 1, sizeof *f->use);
    f->first_use = hal_allocate_array(&g->allocator, (size_t)g->n_values + 2, sizeof *f->first_use);
    if (!f->use || !f->first_use) return false;
    /* Counts stand two places up, so that after placing each entry is where its value's users begin. */
    for (uint32_t n = 1; n < g->n_nodes; n++)
        for (uint32_t i = 0; i < g->nodes[n].n_in; i++) f->first_use[g->nodes[n].in[i] + 2]++;
    for (uint32_t v = 2; v < g->n_values + 2; v++) f->first_use[v] += f->first_use[v - 1];
    for (uint32_t n = 1; n < g->n_nodes; n++)
        for (uint32_t i = 0; i < g->nodes[n].n_in; i++) f->use[f->first_use[g->nodes[n].in[i] + 1]++] = n;
    return true;
}

static bool fuser_fill(fuser *f)
{
    const hal_graph *g = f->from;
    f->group = hal_allocate_array(&g->allocator, g->n_nodes, sizeof *f->group);
    f->next = hal_allocate_array(&g->allocator, g->n_nodes, sizeof *f->next);
    f->visited = hal_allocate_array(&g->allocator, g->n_nodes, sizeof *f->visited);
    f->stack = hal_allocate_array(&g->allocator, g->n_nodes, sizeof *f->stack);
    f->covered = hal_allocate_array(&g->allocator, g->n_nodes, sizeof *f->covered);
    f->done = hal_allocate_array(&g->allocator, g->n_nodes, sizeof *f->done);
    f->assigned = hal_allocate_array(&g->allocator, g->n_values, sizeof *f->assigned);
    if (!f->group || !f->next || !f->visited || !f->stack || !f->covered || !f->done || !f->assigned)
        return false;
    for (uint32_t n = 0; n < g->n_nodes; n++) f->group[n] = n;
    for (uint32_t v = 1; v < g->n_values; v++) f->assigned[g->values[v].assigned] = true;
    return uses_collect(f);
}

static void fuser_empty(fuser *f)
{
    void *parts[] = {f->group, f->next,     f->visited, f->stack,    f->covered,
                     f->done,  f->assigned, f->use,     f->first_use};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) hal_deallocate(&f->from->allocator, parts[i]);
}

hal_status hal_pass_fuse(const hal_graph *from, const uint32_t *pins, hal_graph **to, uint32_t *map)
{
    fuser f = {.from = from, .pins = pins, .map = map};
    HAL_TRY(hal_graph_copy_begin(from, &f.to, map));
    hal_status status = HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    if (fuser_fill(&f)) status = fuse(&f);
    fuser_empty(&f);
    if (status == HAL_OK) *to = f.to;
    else hal_graph_release(f.to);
    return status;
}
