# SPDX-License-Identifier: Apache-2.0
# What tests/gpu/run keeps, one line a fact, fields parted by tabs, in one file that each step replaces as a whole:
#   run     KEY NAME VALUE
#   step    STAGE.STEP ok|failed|skipped SECONDS WHEN TEXT
#   figure  STAGE.STEP NAME VALUE UNIT GOAL TEXT        GOAL: <=2e-5, or - for one that is recorded only
#   answer  STAGE.STEP ID MEASURED UNIT BESIDE RATIO VERDICT TEXT        to the goal of that ID in goals.tsv

# Whether a stage was asked for, or a step of it; and whether this step was.
is_wanted() { case " $stages " in '  ' | *" $1 "* | *" $1."*) ;; *) return 1 ;; esac; }
is_asked() { case " $stages " in '  ' | *" ${1%%.*} "* | *" $1 "*) ;; *) return 1 ;; esac; }

# one line for a field: without tabs, at most 300 bytes
flat() { printf '%s' "$*" | tr '\t\n' '  ' | cut -c 1-300; }

# put KIND KEY NAME FIELD...: adds a line
put() {
    line=$1
    shift
    for field in "$@"; do line=$line$tab$(flat "$field"); done
    printf '%s\n' "$line" >>"$records"
}

# take_out KEY: drops the lines of one key, in one piece
take_out() {
    [ -e "$records" ] || return 0
    awk -F '\t' -v key="$1" '$2 != key' "$records" >"$records.new" && mv "$records.new" "$records"
}

status_in() { [ ! -e "$1" ] || awk -F '\t' -v key="$2" '$1 == "step" && $2 == key { s = $3 } END { print s }' "$1"; }
known() { awk -F '\t' -v name="$1" '$1 == "run" && $3 == name { print $4 }' "$records"; }

# A folder belongs to one build on one machine: figures of two would make one table.
same_run() {
    now="$commit${tab}$version${tab}$name${tab}$driver${tab}${tiny:-no}${tab}$ops"
    now=$(flat "$now")
    if [ -e "$records" ] && [ -n "$(known identity)" ]; then
        [ "$(known identity)" = "$now" ] || refuse "$out is of another run ($(known identity)), this would be ($now): name another folder with --out, or say --fresh"
        return
    fi
    : >"$records"
    put run run identity "$now"
    put run run commit "$commit"
    put run run version "$version"
    put run run date "$(date -u +%Y-%m-%d)"
    put run run machine "$(uname -srm), $(getconf _NPROCESSORS_ONLN 2>/dev/null || echo '?') processors"
    put run run device "$name"
    put run run devices "$devices"
    put run run emulated "$emulated"
    put run run driver "$driver"
    put run run tiny "${tiny:-no}"
}

# What earlier calls left: steps without a result are done first, then those that failed are done again.
known_before() { cp "$records" "$work/before"; }

is_due() {
    case $(status_in "$work/before" "$1") in
    ok) return 1 ;;
    '') [ "$round" = new ] && [ -z "$(status_in "$records" "$1")" ] ;;
    *) [ "$round" = again ] ;;
    esac
}

left=0  # steps that this call has no time for
spent() { echo $(($(date +%s) - began)); }

# step NAME SECONDS FUNCTION ARGUMENT...: one piece of work of $stage, at most so long. The function leaves a line in $text,
# calls figure, and returns 0, 77 for what cannot be done here, or anything else for red. All it prints goes to the log. Most
# take a part of their time, so one is begun where a third is left; what the end of the call cuts off is left for the next.
step() {
    key=$stage.$1
    most=$2
    shift 2
    is_asked "$key" && is_due "$key" || return 0
    until=$((limit + 30 - $(spent)))
    if [ -n "$did" ] && [ $(($(spent) + most / 3)) -gt "$limit" ]; then
        left=$((left + 1))
        return 0
    fi
    did=yes
    start=$(date +%s)
    ends=$((start + (most < until ? most : until)))
    text=
    figures=$work/figures
    : >"$figures"
    printf '=== %s, %s\n' "$key" "$(date -u +%FT%TZ)" >>"$log"
    "$@" >>"$log" 2>&1
    status=$?
    case $status in 0) verdict=ok ;; 77) verdict=skipped ;; *) verdict=failed ;; esac
    if [ $verdict = failed ] && [ "$until" -lt "$most" ] && [ "$(date +%s)" -ge "$ends" ]; then
        left=$((left + 1))
        return 0
    fi
    take_out "$key"
    cat "$figures" >>"$records"
    put step "$key" "$verdict" $(($(date +%s) - start)) "$(date +%s)" "$text"
    printf '%-24s %-8s %4d s  %s\n' "$key" "$verdict" $(($(date +%s) - start)) "$text"
    report
}
did=

# figure NAME VALUE UNIT GOAL TEXT...: of the step in progress; "not there" and the like are values too
figure() {
    line="figure$tab$key$tab$(flat "$1")$tab$(flat "$2")$tab$(flat "$3")$tab$(flat "$4")"
    shift 4
    printf '%s\t%s\n' "$line" "$(flat "$*")" >>"$figures"
}

# timed COMMAND...: for as long as the step has; 124 and 137 say that it was too long
timed() {
    remaining=$((ends - $(date +%s)))
    [ "$remaining" -gt 0 ] || remaining=1
    echo "+ $*" >>"$log"
    timeout -k 5 "$remaining" "$@"
}

# hal TOOL ARGUMENT...
hal() {
    tool=$1
    shift
    timed "$bin/$tool" "$@"
}

# why STATUS FILE: what a command that failed said, in a line
why() {
    case $1 in
    124 | 137) echo "did not end in its time" ;;
    *) [ "$1" -le 128 ] || printf 'ended by signal %s: ' $(($1 - 128))
       tail -n 1 "$2" | tr -d '\r' ;;
    esac
}
