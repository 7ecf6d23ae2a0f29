/* SPDX-License-Identifier: Apache-2.0 */
/* The colours of the picture, for light and dark readers, and what is painted in which. */
#include "tools/hal-info/picture.h"

#include <string.h>

typedef struct colour {
    const char *name, *light, *dark;
} colour;

static const colour colours[] = {
    {"bg", "#ffffff", "#11161d"},     {"text", "#17202b", "#e6ecf3"},   {"muted", "#586575", "#9fabba"},
    {"ink", "#17202b", "#f3f6fa"},    {"line", "#c3cbd6", "#3d4958"},   {"card", "#ffffff", "#161d26"},
    {"l0", "#f7f8fa", "#171e27"},     {"l1", "#eef1f5", "#1d2631"},     {"l2", "#e4e9f0", "#24303d"},
    {"l3", "#eef1f5", "#1d2631"},     {"bad", "#b3261e", "#ff8a80"},    {"warn", "#9a5b00", "#ffc266"},
    {"t0", "#f4b183", "#a65a2a"},     {"t1", "#f0d27a", "#7d681c"},     {"t2", "#a6d5b1", "#2f6f45"},
    {"t3", "#a4c8ee", "#2d5f92"},     {"t4", "#cdbfe8", "#5b4a8c"},     {"cpu", "#3a6ea5", "#6fa8e0"},
    {"gpu", "#2f855a", "#5cc08c"},    {"npu", "#a8407c", "#e07bb5"},    {"nic", "#6b7280", "#9aa4b2"},
    {"switch", "#8a6d1d", "#d3b04a"}, {"other", "#4b5563", "#aab3bf"},  {"pcie", "#7c8798", "#8a96a8"},
    {"fabric", "#0f8a6c", "#34c79f"}, {"socket", "#7a5cc4", "#a98df0"}, {"network", "#b7791f", "#e0a94a"},
};
enum { COLOURS = sizeof colours / sizeof colours[0] };

/* What elements of a class are filled and drawn with; a later rule wins. */
typedef struct rule {
    const char *class, *fill, *stroke, *more;
} rule;

static const rule rules[] = {
    {"bg", "bg", NULL, NULL},
    {"strong", NULL, NULL, "font-weight:600"},
    {"muted", "muted", NULL, NULL},
    {"ink", "ink", NULL, NULL},
    {"badtext", "bad", NULL, "font-weight:600"},
    {"warntext", "warn", NULL, "font-weight:600"},
    {"card", "card", "line", NULL},
    {"bad", NULL, "bad", "stroke-width:1.6;stroke-dasharray:5 3"},
    {"l0", "l0", "line", NULL},
    {"l1", "l1", "line", NULL},
    {"l2", "l2", "line", NULL},
    {"l3", "l3", "line", NULL},
    {"t0", "t0", NULL, NULL},
    {"t1", "t1", NULL, NULL},
    {"t2", "t2", NULL, NULL},
    {"t3", "t3", NULL, NULL},
    {"t4", "t4", NULL, NULL},
    {"cpu", "cpu", NULL, NULL},
    {"gpu", "gpu", NULL, NULL},
    {"npu", "npu", NULL, NULL},
    {"nic", "nic", NULL, NULL},
    {"switch", "switch", NULL, NULL},
    {"other", "other", NULL, NULL},
    {"link", NULL, "pcie", "fill:none"},
    {"fabric", NULL, "fabric", NULL},
    {"socket", NULL, "socket", NULL},
    {"network", NULL, "network", NULL},
    {"band", "fabric", "fabric", "fill-opacity:.16"},
    {"band.socket", "socket", "socket", NULL},
    {"band.network", "network", "network", NULL},
    {"staged", NULL, NULL, "stroke-dasharray:6 4"},
    {"mark", NULL, "ink", "fill:none;stroke-opacity:.28"},
};

static const char *light_of(const char *name)
{
    for (int k = 0; k < COLOURS; k++)
        if (strcmp(colours[k].name, name) == 0)
            return colours[k].light;
    return "#000000";
}

/* Twice: a reader that knows no variables keeps the first. */
static void paint(FILE *out, const char *property, const char *name)
{
    if (name)
        fprintf(out, "%s:%s;%s:var(--%s);", property, light_of(name), property, name);
}

static void print_variables(FILE *out, bool dark)
{
    fputs(".hal-info{", out);
    for (int k = 0; k < COLOURS; k++)
        fprintf(out, "--%s:%s;", colours[k].name, dark ? colours[k].dark : colours[k].light);
    fputs("}", out);
}

void theme_print(FILE *out)
{
    fputs("<style>\n", out);
    print_variables(out, false);
    fputs("\n@media (prefers-color-scheme:dark){", out);
    print_variables(out, true);
    fputs("}\n@media print{", out);
    print_variables(out, false);
    fputs("}\n.hal-info text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,",
          out);
    fputs("sans-serif;", out);
    paint(out, "fill", "text");
    fputs("}\n", out);
    for (size_t k = 0; k < sizeof rules / sizeof rules[0]; k++) {
        fprintf(out, ".hal-info .%s{", rules[k].class);
        paint(out, "fill", rules[k].fill);
        paint(out, "stroke", rules[k].stroke);
        fprintf(out, "%s}\n", rules[k].more ? rules[k].more : "");
    }
    fputs("</style>\n", out);
}
