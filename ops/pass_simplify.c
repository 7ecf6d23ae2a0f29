/* SPDX-License-Identifier: Apache-2.0 */
/* Exact simplification: nodes that nothing needs go, equal nodes over equal inputs become one. */
#include <ops/graph_copy.h>
#include <hal/core.h>

/* Nodes of the new graph by hash of operator, attributes, inputs and pin; open addressing, at most half full.
 */
typedef struct simplifier {
    const hal_graph *from;
    hal_graph *to;
    const uint32_t *pins;
    uint32_t *map, *table, *new_pin, size;
    bool *live;
} simplifier;

static uint32_t pin_of(const simplifier *s, uint32_t node)
{
    return s->pins ? s->pins[node] : 0;
}

static uint64_t node_hash(const simplifier *s, uint32_t node)
{
    const hal_node_record *n = &s->from->nodes[node];
    uint64_t hash = hal_attrs_hash(hal_op_describe(n->op), n->attrs);
    hash = (hash ^ pin_of(s, node)) * 0x9e3779b97f4a7c15u;
    for (uint32_t i = 0; i < n->n_in; i++)
        hash = (hash ^ (hash >> 29) ^ (n->in[i] ? s->map[n->in[i]] : 0)) * 0xff51afd7ed558ccdu;
    return hash ^ (hash >> 32);
}

/* Whether new node `twin` computes what old node `node` would. */
static bool node_equal(const simplifier *s, uint32_t node, uint32_t twin)
{
    const hal_node_record *a = &s->from->nodes[node], *b = &s->to->nodes[twin];
    if (a->op != b->op || a->n_in != b->n_in || a->n_out != b->n_out || pin_of(s, node) != s->new_pin[twin])
        return false;
    for (uint32_t i = 0; i < a->n_in; i++)
        if ((a->in[i] ? s->map[a->in[i]] : 0) != b->in[i]) return false;
    return hal_attrs_equal(hal_op_describe(a->op), a->attrs, b->attrs);
}

/* Random numbers are drawn once for each node that asks for them. */
static bool may_merge(uint32_t op)
{
    return op != HAL_OP_RANDOM && op != HAL_OP_DROPOUT;
}

static hal_status node_simplify(simplifier *s, uint32_t node)
{
    const hal_node_record *n = &s->from->nodes[node];
    uint32_t slot = (uint32_t)(node_hash(s, node) & (s->size - 1));
    while (may_merge(n->op) && s->table[slot] && !node_equal(s, node, s->table[slot]))
        slot = (slot + 1) & (s->size - 1);
    if (may_merge(n->op) && s->table[slot]) {
        uint32_t first = s->to->nodes[s->table[slot]].first_out;
        for (uint32_t i = 0; i < n->n_out; i++) s->map[n->first_out + i] = first + i;
        return HAL_OK;
    }
    HAL_TRY(hal_graph_copy_node(s->from, node, s->to, s->map));
    uint32_t twin = s->to->n_nodes - 1;
    s->new_pin[twin] = pin_of(s, node);
    if (may_merge(n->op)) s->table[slot] = twin;
    return HAL_OK;
}

static hal_status simplify(simplifier *s)
{
    hal_graph_mark_live(s->from, s->live);
    for (uint32_t node = 1; node < s->from->n_nodes; node++)
        if (s->live[node]) HAL_TRY(node_simplify(s, node));
    return hal_graph_copy_sinks(s->from, s->to, s->map);
}

hal_status hal_pass_simplify(const hal_graph *from, const uint32_t *pins, hal_graph **to, uint32_t *map)
{
    simplifier s = {.from = from, .pins = pins, .map = map, .size = 64};
    while (s.size < 2 * (uint64_t)from->n_nodes && s.size < 1u << 31) s.size *= 2;
    HAL_TRY(hal_graph_copy_begin(from, &s.to, map));
    const hal_allocator *allocator = &from->allocator;
    s.table = hal_allocate_array(allocator, s.size, sizeof *s.table);
    s.new_pin = hal_allocate_array(allocator, from->n_nodes, sizeof *s.new_pin);
    s.live = hal_allocate_array(allocator, from->n_nodes, sizeof *s.live);
    hal_status status = HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    if (s.table && s.new_pin && s.live) status = simplify(&s);
    hal_deallocate(allocator, s.table);
    hal_deallocate(allocator, s.new_pin);
    hal_deallocate(allocator, s.live);
    if (status == HAL_OK) *to = s.to;
    else hal_graph_release(s.to);
    return status;
}
