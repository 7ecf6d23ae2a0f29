# SPDX-License-Identifier: Apache-2.0
# kernels.awk -v hot=FILE -v table=FILE texts.list: reads what nvcc and ptxas said of each text (NAME.log) and writes a line
# of the table for each kernel and device. A text passes when it was compiled (it has sums then) without a warning, a hot
# kernel when it spills nothing on any device. Other kernels that spill are told of.

function fail(what) {
    failed++
    if (failed <= 20) print "--- " what
}

# "ptxas info    : Used 94 registers, used 1 barriers, 32 bytes cumulative stack size, 8320 bytes smem, ..."
function number_before(unit,    found) {
    return match($0, "[0-9]+ bytes " unit) ? substr($0, RSTART, RLENGTH) + 0 : 0
}

function kernel_end(text,    row) {
    if (!match($0, /Used [0-9]+/)) return
    row = kernel "\t" device "\t" substr($0, RSTART + 5, RLENGTH - 5) "\t" number_before("smem") "\t" stack "\t" stores "\t" loads
    print text "\t" row >table
    kernels++
    reports[text]++
    seen[kernel] = 1
    if (kernel in is_hot && stores + loads == 0) passed++
    else if (kernel in is_hot) fail(kernel " of " text " on " device " spills: " stores " bytes stored, " loads " loaded")
    else if (stores + loads > 0) print "spills: " kernel " of " text " on " device ", " stores " bytes stored, " loads " loaded"
}

function log_read(text,    file, said) {
    file = text ".log"
    while ((getline <file) > 0) {
        if (/Compiling entry function/) {
            split($0, quoted, "'")
            kernel = quoted[2]
            device = quoted[4]
        } else if (/bytes stack frame/) {
            stack = $1
            stores = $5
            loads = $9
        } else if (/^ptxas info/) kernel_end(text)
        else if (said == "") said = $0
    }
    close(file)
    return said
}

function is_there(file,    there, line) {
    there = (getline line <file) > 0
    close(file)
    return there
}

BEGIN {
    while ((getline <hot) > 0) if ($0 !~ /^#/ && NF) is_hot[$1] = 1
    print "text\tkernel\tdevice\tregisters\tshared bytes\tstack bytes\tspill stores\tspill loads" >table
}

{
    text = substr($0, 1, length($0) - 3)
    texts++
    said = log_read(text)
    if (!is_there(text ".sum")) fail(text " is not compiled: " said)
    else if (said != "") fail(text ": " said)
    else if (!reports[text]) fail(text ": the compiler reports no kernel")
    else passed++
}

END {
    for (kernel in is_hot) if (!(kernel in seen)) fail("hot.list has " kernel ", which is no kernel of these texts")
    print texts + 0 " texts, " kernels + 0 " kernels and devices in kernels.tsv"
    print passed + 0 " passed, " failed + 0 " failed, 0 skipped"
    exit failed > 0 || texts == 0
}
