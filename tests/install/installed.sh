#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds a small program and a small backend against the installed tree, through pkg-config only,
# and runs them there. The caller has run `make install` into $prefix below the build directory.
set -eu
: "${prefix:?}" "${libdir:?}" "${top_srcdir:?}" "${top_builddir:?}"
CC=${CC:-cc}
work=$top_builddir/tests/install/work
passed=0

# nothing of the build tree may help
unset HAL_PLUGIN_PATH LD_LIBRARY_PATH
PKG_CONFIG_PATH=$libdir/pkgconfig
XDG_CACHE_HOME=$work
export PKG_CONFIG_PATH XDG_CACHE_HOME

ok() { passed=$((passed + 1)); echo "ok: $*"; }
wrong() { echo "failed: $*"; echo "$passed passed, 1 failed"; exit 1; }

rm -rf "$work"
mkdir -p "$work/plugins"
cp "$top_srcdir/tests/install/program.c" "$top_srcdir/tests/install/backend.c" "$top_srcdir/tests/install/acme_kernels.c" "$work"
cd "$work"

for file in "$libdir/libhal.so.0" "$libdir/pkgconfig/hal.pc" "$prefix/include/hal/hal.h" \
    "$prefix/include/hal/backend.h" "$prefix/include/hal/ops.def" "$prefix/bin/hal-run" \
    "$prefix/bin/hal-bench" "$prefix/bin/hal-info" "$prefix/bin/hal-matrix" "$prefix/share/man/man1/hal-run.1" \
    "$prefix/share/man/man7/hal.7" "$prefix/share/bash-completion/completions/hal-run"; do
    [ -e "$file" ] || wrong "$file was not installed"
done
ok "what belongs there is installed"

plugins=$(pkg-config --variable=plugindir hal)
for name in cpu null mock_npu fault; do
    [ -f "$plugins/libhal_$name.so" ] || wrong "$plugins/libhal_$name.so was not installed"
    readelf -n "$plugins/libhal_$name.so" 2>/dev/null | grep -q 'note\.hal' || wrong "libhal_$name.so has no note"
done
ok "each plugin is installed with its note"

component=$plugins/hwloc/hwloc_hal.so
[ -f "$component" ] || wrong "$component was not installed"
nm -D --defined-only "$component" | grep -q 'hwloc_hal_component$' || wrong "$component is no component of hwloc"
if ldd "$component" | grep 'not found'; then wrong "$component lacks libraries"; fi
ok "the component for hwloc is installed"

warnings="-std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -pedantic-errors -Wno-variadic-macros"
for header in hal ops graph plan backend; do
    echo "#include <hal/$header.h>" >"only-$header.c"
    # shellcheck disable=SC2046,SC2086
    $CC $warnings $(pkg-config --cflags hal) -fsyntax-only "only-$header.c" || wrong "hal/$header.h does not stand alone"
done
ok "each header stands alone"

# shellcheck disable=SC2046
$CC -shared -fPIC -fvisibility=hidden $(pkg-config --cflags hal) backend.c -o plugins/libhal_small.so ||
    wrong "the small backend does not build"
chmod 755 plugins plugins/libhal_small.so
# shellcheck disable=SC2046
$CC program.c $(pkg-config --cflags --libs hal) -Wl,-rpath,"$libdir" -o program || wrong "the small program does not build"
ok "a program and a backend build through pkg-config"

HAL_PLUGIN_PATH=$work/plugins ./program >program.log 2>&1 || { cat program.log; wrong "the small program failed"; }
ok "the program runs on the installed cpu plugin and on the small backend"

HAL_PLUGIN_PATH=$work/plugins "$prefix/bin/hal-run" devices >devices.log 2>&1 || { cat devices.log; wrong "hal-run devices failed"; }
grep -q small0 devices.log || wrong "the installed hal-run does not list small0"
ok "the installed hal-run lists the small backend"

# What docs/adding-a-backend.md says, word for word: null copied and renamed, kernels put in, built, listed, proven.
"$top_srcdir/tests/install/acme.sh" "$top_srcdir/backends/null/null.c" >acme.c
mkdir -p acme
# shellcheck disable=SC2046
$CC -shared -fPIC -fvisibility=hidden $(pkg-config --cflags hal) acme.c -o acme/libhal_acme.so -lm || wrong "acme does not build"
chmod 755 acme acme/libhal_acme.so
export HAL_PLUGIN_PATH="$work/acme"
"$prefix/bin/hal-run" devices --plugin-dir "$work/acme" >devices.log 2>&1 || { cat devices.log; wrong "hal-run devices failed"; }
grep -q acme0 devices.log || wrong "the installed hal-run does not list acme0"
ok "a copy of the null backend under another name is listed"

"$prefix/bin/hal-matrix" run --backend acme --list quick --floor 150 >matrix.log 2>&1 || { tail matrix.log; wrong "hal-matrix on acme"; }
for op in copy fill square_sum softmax log_softmax; do
    "$prefix/bin/hal-matrix" run --backend acme --op "$op" --dtype f32 --list quick >matrix.log 2>&1 ||
        { tail matrix.log; wrong "hal-matrix on acme, $op"; }
    grep -q ' 0 failed, 0 unsupported' matrix.log || { tail matrix.log; wrong "acme does not run every case of $op"; }
done
ok "its five kernels pass the matrix"

# What is installed on the emulated CUDA driver of the build tree: with its own plugins and its own hal-probe.
unset HAL_PLUGIN_PATH HAL_PROBE
emulated=$top_builddir/tests/emulated-cuda
if [ -x "$emulated" ] && [ -e "$top_builddir/tests/emulated/lib/libcuda.so.1" ]; then
    "$emulated" "$prefix/bin/hal-info" plugins >emulated.log 2>&1 || { cat emulated.log; wrong "hal-info plugins, emulated"; }
    if ! grep -q "$plugins" emulated.log || grep -q "$top_builddir/plugins" emulated.log; then
        cat emulated.log
        wrong "the emulated driver brings plugins of the build tree"
    fi
    "$emulated" "$prefix/bin/hal-run" devices --json >emulated.log 2>&1 || { cat emulated.log; wrong "hal-run devices, emulated"; }
    "$emulated" "$prefix/bin/hal-matrix" run --device gpu1 --op copy --dtype f32 --list tiny >emulated.log 2>&1 ||
        { tail emulated.log; wrong "hal-matrix on the emulated gpu1"; }
    ok "installed tools compute on the emulated CUDA devices"
fi
echo "$passed passed, 0 failed"
