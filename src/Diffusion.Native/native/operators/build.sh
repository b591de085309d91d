#!/usr/bin/env bash
# Builds the fused operators for the libtorch that the TorchSharp bridge is built for.
#
#   build.sh OUTDIR     puts libdiffusion_operators.so there
#
# What was built is kept in artifacts/native/KEY (or $DIFFUSION_NATIVE_CACHE/KEY), KEY being a digest of sources, libtorch and compiler.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
readonly here
readonly finder="$here/../../../Polyfills/TorchSharp/native/build.sh"

fail() {
  printf 'build.sh: error: %s\n' "$1" >&2
  exit 1
}

# Sets libtorch, libraries, version: the same libtorch as the bridge, for two in one process would not know each other's tensors.
find_libtorch() {
  local found
  found="$("$finder" --find)"
  libtorch="$(sed -n 's/^libtorch=//p' <<<"$found")"
  libraries="$(sed -n 's/^libraries=//p' <<<"$found")"
  version="$(sed -n 's/^version=//p' <<<"$found")"
}

cache_key() {
  {
    cat "$here"/*.cpp "$here"/*.h "$here/CMakeLists.txt"
    printf '%s\n' "$libtorch" "$libraries" "$version"
    "${CXX:-c++}" --version
    uname -m
  } | sha256sum | cut -c1-16
}

build() {
  local folder="$1" standard=17 generator=() major minor
  command -v cmake >/dev/null || fail "cmake is missing. Run 'apt-get install cmake ninja-build g++'."
  command -v "${CXX:-c++}" >/dev/null || fail "no C++ compiler (${CXX:-c++}). Run 'apt-get install g++'."
  if command -v ninja >/dev/null; then generator=(-G Ninja); fi
  # Headers from 2.9 on may use C++20.
  IFS=. read -r major minor _ <<<"$version"
  if ((major * 100 + minor >= 209)); then standard=20; fi
  mkdir -p "$folder"
  cmake -S "$here" -B "$folder/build" "${generator[@]}" -DCMAKE_BUILD_TYPE=Release \
    -DLIBTORCH_INCLUDE="$libtorch/include" -DLIBTORCH_LIBRARIES="$libraries" -DLIBTORCH_CXX_STANDARD="$standard" >"$folder/cmake.log" 2>&1 ||
    { cat "$folder/cmake.log" >&2; fail "cmake could not configure the operators, see above."; }
  cmake --build "$folder/build" --parallel "${DIFFUSION_BUILD_JOBS:-2}" >"$folder/build.log" 2>&1 ||
    { grep -E 'error|Error|ld:' "$folder/build.log" | head -40 >&2; fail "the operators did not compile against libtorch $version at $libtorch; the whole log is $folder/build.log."; }
  mv "$folder/build/libdiffusion_operators.so" "$folder/"
  rm -rf "$folder/build"
}

main() {
  (($# == 1)) || fail "usage: build.sh OUTDIR"
  find_libtorch
  local cache folder
  cache="${DIFFUSION_NATIVE_CACHE:-$here/../../../../artifacts/native}"
  folder="$cache/$(cache_key)"
  mkdir -p "$cache" "$1"
  # Two builds at once: the second waits and finds the first one's result.
  exec 9>"$cache/.lock"
  flock 9
  [[ -f "$folder/libdiffusion_operators.so" ]] || build "$folder"
  # Left alone when it is the same, so that incremental builds stay quiet.
  cmp -s "$folder/libdiffusion_operators.so" "$1/libdiffusion_operators.so" ||
    { cp "$folder/libdiffusion_operators.so" "$1/libdiffusion_operators.so.new.$$" && mv "$1/libdiffusion_operators.so.new.$$" "$1/libdiffusion_operators.so"; }
}

main "$@"
