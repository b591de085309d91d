#!/usr/bin/env bash
# Builds the fused kernels and, where gloo's headers are, the transport between boxes, and, where nvcc is, the kernels for GPUs. Needs no libtorch.
#
#   build.sh OUTDIR     puts libdiffusion_native.so, libdiffusion_gloo.so, libdiffusion_cuda.so and libdiffusion_native.info there
#
# nvcc is looked for in $NVCC, on the PATH and in /usr/local/cuda; NVCC=none leaves the GPU's kernels out.
# What was built is kept in artifacts/native/KEY (or $DIFFUSION_NATIVE_CACHE/KEY), KEY being a digest of sources, gloo and compiler.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
readonly here

fail() {
  printf 'build.sh: error: %s\n' "$1" >&2
  exit 1
}

# The headers of gloo that the compiler would see, so that installing or removing libgloo-dev builds anew.
gloo_header() {
  local folder
  for folder in /usr/local/include /usr/include; do
    if [[ -f "$folder/gloo/transport/tcp/device.h" ]]; then
      printf '%s\n' "$folder/gloo/transport/tcp/device.h"
      return
    fi
  done
}

# The compiler for GPUs; nothing where there is none.
nvcc_path() {
  local path
  for path in "${NVCC:-$(command -v nvcc || true)}" /usr/local/cuda/bin/nvcc; do
    [[ "$path" != none ]] || return 0
    if [[ -n "$path" && -x "$path" ]]; then
      printf '%s\n' "$path"
      return
    fi
  done
}

# For every generation that this nvcc knows; an older one that knows no such word makes code for its oldest, which newer GPUs translate at start.
build_cuda() {
  local folder="$1" nvcc architecture
  nvcc="$(nvcc_path)"
  [[ -n "$nvcc" ]] || return 0
  for architecture in -arch=all-major ''; do
    # shellcheck disable=SC2086 # no word is one option less
    if "$nvcc" $architecture -O3 -std=c++17 -shared -Xcompiler -fPIC,-fvisibility=hidden -o "$folder/libdiffusion_cuda.so" "$here/cuda/kernels.cu" >"$folder/nvcc.log" 2>&1; then
      return
    fi
  done
  rm -f "$folder/libdiffusion_cuda.so"
  printf 'build.sh: warning: %s could not compile the kernels for GPUs, so libtorch'"'"'s operations do the same in more passes; see %s\n' "$nvcc" "$folder/nvcc.log" >&2
}

cache_key() {
  local header nvcc
  header="$(gloo_header)"
  nvcc="$(nvcc_path)"
  {
    cat "$here"/*.cpp "$here"/cuda/*.cu "$here"/*.h "$here/CMakeLists.txt"
    "${CXX:-c++}" --version
    uname -m
    if [[ -n "$nvcc" ]]; then "$nvcc" --version; fi
    if [[ -n "$header" ]]; then
      printf '%s\n' "$header"
      cat "$(dirname "$header")"/*.h "$(dirname "$header")/../../config.h"
    fi
  } | sha256sum | cut -c1-16
}

build() {
  local folder="$1" generator=()
  command -v cmake >/dev/null || fail "cmake is missing. Run 'apt-get install cmake ninja-build g++'."
  command -v "${CXX:-c++}" >/dev/null || fail "no C++ compiler (${CXX:-c++}). Run 'apt-get install g++'."
  if command -v ninja >/dev/null; then generator=(-G Ninja); fi
  mkdir -p "$folder"
  cmake -S "$here" -B "$folder/build" "${generator[@]}" -DCMAKE_BUILD_TYPE=Release >"$folder/cmake.log" 2>&1 ||
    { cat "$folder/cmake.log" >&2; fail "cmake could not configure the kernels, see above."; }
  cmake --build "$folder/build" --parallel "${DIFFUSION_BUILD_JOBS:-2}" >"$folder/build.log" 2>&1 ||
    { grep -E 'error|Error|ld:' "$folder/build.log" | head -40 >&2; fail "the kernels did not compile; the whole log is $folder/build.log."; }
  if [[ -f "$folder/build/libdiffusion_gloo.so" ]]; then
    mv "$folder/build/libdiffusion_gloo.so" "$folder/"
    printf 'gloo=1\n' >"$folder/libdiffusion_native.info"
  else
    printf 'gloo=0\n' >"$folder/libdiffusion_native.info"
  fi
  build_cuda "$folder"
  if [[ -f "$folder/libdiffusion_cuda.so" ]]; then printf 'cuda=1\n' >>"$folder/libdiffusion_native.info"; else printf 'cuda=0\n' >>"$folder/libdiffusion_native.info"; fi
  mv "$folder/build/libdiffusion_native.so" "$folder/"
  rm -rf "$folder/build"
}

# Leaves a file alone when it is the same, so that incremental builds stay quiet.
place() {
  local from="$1" to="$2"
  cmp -s "$from" "$to" || { cp "$from" "$to.new.$$" && mv "$to.new.$$" "$to"; }
}

main() {
  (($# == 1)) || fail "usage: build.sh OUTDIR"
  local cache folder file
  cache="${DIFFUSION_NATIVE_CACHE:-$here/../../../artifacts/native}"
  folder="$cache/$(cache_key)"
  mkdir -p "$cache" "$1"
  # Two builds at once: the second waits and finds the first one's result.
  exec 9>"$cache/.lock"
  flock 9
  [[ -f "$folder/libdiffusion_native.so" ]] || build "$folder"
  for file in libdiffusion_native.so libdiffusion_gloo.so libdiffusion_cuda.so libdiffusion_native.info; do
    if [[ -f "$folder/$file" ]]; then place "$folder/$file" "$1/$file"; else rm -f "$1/$file"; fi
  done
}

main "$@"
