# SPDX-License-Identifier: Apache-2.0
# The goals and the records of tests/gpu/run as a page of Markdown.
function cell(s) { gsub(/\|/, "\\|", s); gsub(/</, "\\&lt;", s); return s }
function is_number(s) { return s ~ /^-?[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?$/ }
function short(s, unit) {
    if (!is_number(s)) return cell(s)
    if (unit == "bytes/s") return sprintf("%.4g GB/s", s / 1e9)
    if (unit == "flop/s") return sprintf("%.4g TFLOP/s", s / 1e12)
    return sprintf("%.4g", s) (unit == "" ? "" : " " unit)
}
function met(value, wanted) {
    if (wanted == "-") return ""
    if (!is_number(value)) return "not measured"
    return value + 0 <= substr(wanted, 3) + 0 ? "yes" : "**no**"
}
function goal(s) {
    if (s == "-") return ""
    if (s == "recorded") return s
    return (substr(s, 1, 2) == ">=" ? "at least " : "at most ") substr(s, 3)
}
function speed(id, a, n) {
    n = split(answers[id], a, "\t")
    if (!n) return "| " cell(line[id]) " | " goal(goals[id]) " | | | not measured | |"
    return "| " cell(line[id]) " | " goal(goals[id]) " | " short(a[4], a[5]) " | " a[7] " | " (a[8] == "missed" ? "**missed**" : a[8]) " | " cell(a[9]) " |"
}
FILENAME ~ /goals\.tsv$/ { ids[++lines] = $1; line[$1] = $2; goals[$1] = $3; next }
$1 == "answer" { answers[$3] = $0 }
$1 == "run" { run[$3] = $4 }
$1 == "step" {
    split($2, part, ".")
    if (!(part[1] in count)) { order[++stages] = part[1]; count[part[1]] = 0 }
    count[part[1]]++
    seconds[part[1]] += $4
    by[part[1], $3]++
    if ($3 != "ok") odd[++odds] = "| " $2 " | " $3 " | " cell($6) " |"
    else if (part[1] != "quick" && part[1] != "full" || $2 ~ /\.whole$/) fine[++fines] = "| " $2 " | " $3 " | " cell($6) " |"
}
$1 == "figure" { figure[++figures] = "| " cell($3) " | " short($4, $5) " | " goal($6) " | " met($4, $6) " | " cell($7) " |" }
END {
    print "<!-- SPDX-License-Identifier: Apache-2.0 -->\n# tests/gpu/run, " run["date"] ", " run["device"] "\n"
    if (run["emulated"] == "yes") print "**Emulated: not run on hardware.** Times and rates say nothing about a GPU.\n"
    if (run["tiny"] == "yes") print "**Tiny sizes:** these prove that each step can be taken, and measure nothing.\n"
    print "- commit: " run["commit"] ", hal " run["version"]
    print "- device: " cell(run["device"]) " (" run["devices"] "), driver " run["driver"]
    print "- machine: " cell(run["machine"]) "\n"
    print "| stage | steps | ok | failed | skipped | seconds |\n| --- | --- | --- | --- | --- | --- |"
    for (i = 1; i <= stages; i++) {
        s = order[i]
        print "| " s " | " count[s] " | " by[s, "ok"] + 0 " | " by[s, "failed"] + 0 " | " by[s, "skipped"] + 0 " | " seconds[s] " |"
    }
    print "\n| speed | goal of the ratio | measured | ratio | verdict | |\n| --- | --- | --- | --- | --- | --- |"
    for (i = 1; i <= lines; i++) print speed(ids[i])
    if (figures) print "\n| figure | value | goal | met | beside |\n| --- | --- | --- | --- | --- |"
    for (i = 1; i <= figures; i++) print figure[i]
    print "\n| step | status | |\n| --- | --- | --- |"
    for (i = 1; i <= odds; i++) print odd[i]
    for (i = 1; i <= fines; i++) print fine[i]
}
