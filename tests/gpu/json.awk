# SPDX-License-Identifier: Apache-2.0
# The goals and the records of tests/gpu/run as JSON; `when` is now.
function text(s) {
    gsub(/\\/, "\\\\", s)
    gsub(/"/, "\\\"", s)
    gsub(/[\001-\037]/, " ", s)
    return "\"" s "\""
}
function is_number(s) { return s ~ /^-?[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?$/ }
function value(s) { return is_number(s) ? s + 0 == 0 ? 0 : s : text(s) }
function known(name) { return name in run ? text(run[name]) : "null" }
# a list of words, and what a goal like >=0.95 asks
function words(s, n, i, list, all) {
    n = split(s, list, " ")
    for (i = 1; i <= n; i++) all = all (i > 1 ? ", " : "") text(list[i])
    return "[" all "]"
}
# null where there is no goal, or nothing was measured
function met(figure, goal) {
    if (goal == "-" || !is_number(figure)) return "null"
    return figure + 0 <= substr(goal, 3) + 0 ? "true" : "false"
}
function or_null(s) { return is_number(s) ? value(s) : "null" }
function speed(i, id, a, n) {
    id = ids[i]
    n = split(answers[id], a, "\t")
    return "    {\"id\": " text(id) ", \"line\": " text(line[id]) ", \"goal\": " text(goals[id]) ", \"measured\": " or_null(a[4]) \
        ", \"unit\": " (n ? text(a[5]) : "null") ", \"beside\": " or_null(a[6]) ", \"ratio\": " or_null(a[7]) \
        ", \"verdict\": " text(n ? a[8] : "not measured") ", \"text\": " text(a[9]) "}"
}
FILENAME ~ /goals\.tsv$/ { ids[++lines] = $1; line[$1] = $2; goals[$1] = $3; next }
$1 == "answer" { answers[$3] = $0 }
$1 == "run" { run[$3] = $4 }
$1 == "step" {
    split($2, part, ".")
    if (!(part[1] in steps)) order[++stages] = part[1]
    steps[part[1]] = steps[part[1]] (steps[part[1]] == "" ? "" : ",\n") "      {\"step\": " text(substr($2, length(part[1]) + 2)) \
        ", \"status\": " text($3) ", \"seconds\": " value($4) ", \"when\": " value($5) ", \"text\": " text($6) "}"
    if ($3 == "failed") verdict[part[1]] = "failed"
    else if (verdict[part[1]] != "failed" && (verdict[part[1]] == "" || $3 == "ok")) verdict[part[1]] = $3
}
$1 == "figure" {
    figures = figures (figures == "" ? "" : ",\n") "    {\"step\": " text($2) ", \"name\": " text($3) ", \"value\": " value($4) \
        ", \"unit\": " text($5) ", \"goal\": " ($6 == "-" ? "null" : text($6)) ", \"met\": " met($4, $6) ", \"text\": " text($7) "}"
}
END {
    print "{\n  \"schema\": \"hal-gpu-run-1\","
    print "  \"written\": " text(when) ",\n  \"date\": " known("date") ",\n  \"commit\": " known("commit") ",\n  \"hal\": " known("version") ","
    print "  \"machine\": " known("machine") ",\n  \"device\": " known("device") ",\n  \"devices\": " words(run["devices"]) ","
    print "  \"driver\": " known("driver") ",\n  \"emulated\": " (run["emulated"] == "yes" ? "true" : "false") ","
    print "  \"tiny\": " (run["tiny"] == "yes" ? "true" : "false") ",\n  \"stages\": ["
    for (i = 1; i <= stages; i++)
        print "    {\"stage\": " text(order[i]) ", \"status\": " text(verdict[order[i]]) ", \"steps\": [\n" steps[order[i]] "]}" (i < stages ? "," : "")
    print "  ],\n  \"speed\": ["
    for (i = 1; i <= lines; i++) print speed(i) (i < lines ? "," : "")
    print "  ],\n  \"figures\": [" (figures == "" ? "" : "\n") figures "]\n}"
}
