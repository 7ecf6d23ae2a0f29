# SPDX-License-Identifier: Apache-2.0
# results.json and results.md of tests/gpu/run, from its records, after each step. Sourced.

report() {
    [ -e "$records" ] || return 0
    awk -F '\t' -v when="$(date -u +%FT%TZ)" -f "$here/json.awk" "$here/goals.tsv" "$records" >"$out/results.json.new" && mv "$out/results.json.new" "$out/results.json"
    awk -F '\t' -f "$here/page.awk" "$here/goals.tsv" "$records" >"$out/results.md.new" && mv "$out/results.md.new" "$out/results.md"
}

# The end: what is red, what is left, where it stands; and the status that says so.
conclude() {
    red=$(awk -F '\t' '$1 == "step" && $3 == "failed" { printf "%s%s", n++ ? " " : "", $2 }' "$records")
    echo "results: $out/results.json, $out/results.md"
    if [ -n "$red" ]; then echo "red: $red" >&2; fi
    if [ "$left" -gt 0 ]; then echo "$left steps had no time in this call: run again" >&2; fi
    [ -z "$red" ] || exit 1
    [ "$left" -eq 0 ] || exit 4
    exit 0
}
