#!/usr/bin/env bash
# Builds the bridge between the TorchSharp assembly and the libtorch of this box.
#
#   build.sh OUTDIR     puts libdiffusion_torch.so and libdiffusion_torch.info there
#   build.sh --find     prints the libtorch that would be used
#
# libtorch is looked for in $LIBTORCH, then in the torch package of python3, then in /usr. What was built is kept in
# artifacts/native/KEY (or $DIFFUSION_NATIVE_CACHE/KEY), KEY being a digest of sources, libtorch and compiler.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
readonly here
readonly minimum_version=113

fail() {
  printf 'build.sh: error: %s\n' "$1" >&2
  exit 1
}

# Sets include, libraries; fails when the folder holds no libtorch with headers.
try_root() {
  local root="$1" folder
  include="$root/include"
  [[ -f "$include/ATen/ATen.h" ]] || return 1
  for folder in "$root/lib" "$root/lib64" "$root/lib/$(uname -m)-linux-gnu"; do
    if [[ -f "$folder/libtorch_cpu.so" ]]; then
      libraries="$folder"
      return 0
    fi
  done
  return 1
}

python_torch() {
  command -v python3 >/dev/null || return 1
  python3 -c 'import importlib.util as u; s = u.find_spec("torch"); print(s.submodule_search_locations[0] if s else "")' 2>/dev/null
}

# Sets root, include, libraries, version, version_header, number.
find_libtorch() {
  local from_python header
  include='' libraries=''
  if [[ -n "${LIBTORCH:-}" ]]; then
    root="$LIBTORCH"
    try_root "$root" || fail "LIBTORCH is '$root', but there is no include/ATen/ATen.h with lib/libtorch_cpu.so in it. Point it at an unpacked libtorch, or unset it."
  else
    from_python="$(python_torch || true)"
    if [[ -n "$from_python" ]] && try_root "$from_python"; then
      root="$from_python"
    elif try_root /usr; then
      root=/usr
    else
      fail "no libtorch found. Looked in \$LIBTORCH (unset), the torch package of python3 (${from_python:-none}), and /usr. Run 'apt-get install libtorch-dev', or set LIBTORCH to an unpacked libtorch 1.13 or newer."
    fi
  fi
  for header in "$include/torch/csrc/api/include/torch/version.h" "$include/torch/version.h" "$include/torch/headeronly/version.h"; do
    if [[ -f "$header" ]] && grep -q '#define TORCH_VERSION_MAJOR' "$header"; then
      version="$(awk '/#define TORCH_VERSION_(MAJOR|MINOR|PATCH) /{v = v sep $3; sep = "."} END {print v}' "$header")"
      version_header="$header"
      break
    fi
  done
  [[ -n "${version:-}" ]] || fail "$root has no torch/version.h with TORCH_VERSION_MAJOR, so it is older than 1.13 or incomplete. Install libtorch 1.13 or newer."
  local major minor
  IFS=. read -r major minor _ <<<"$version"
  number=$((major * 100 + minor))
  ((number >= minimum_version)) || fail "$root holds libtorch $version; 1.13 or newer is needed. Install a newer one, or point LIBTORCH at it."
}

describe() {
  printf 'libtorch=%s\nlibraries=%s\nversion=%s\n' "$root" "$libraries" "$version"
  if [[ -f "$libraries/libtorch_cuda.so" ]]; then printf 'cuda=1\n'; else printf 'cuda=0\n'; fi
  # A libtorch that takes BLAS from the system can be given a faster one at start; others bring their own.
  if [[ "$(readelf -d "$libraries/libtorch_cpu.so" 2>/dev/null)" == *NEEDED*'[libblas.so'* ]]; then printf 'blas=system\n'; else printf 'blas=own\n'; fi
}

cache_key() {
  local compiler="${CXX:-c++}"
  {
    cat "$here"/*.cpp "$here"/*.h "$here/CMakeLists.txt" "$version_header"
    describe
    "$compiler" --version
    uname -m
  } | sha256sum | cut -c1-16
}

build() {
  local folder="$1" standard=17 generator=()
  command -v cmake >/dev/null || fail "cmake is missing. Run 'apt-get install cmake ninja-build g++'."
  command -v "${CXX:-c++}" >/dev/null || fail "no C++ compiler (${CXX:-c++}). Run 'apt-get install g++'."
  if command -v ninja >/dev/null; then generator=(-G Ninja); fi
  # Headers from 2.9 on may use C++20.
  if ((number >= 209)); then standard=20; fi
  mkdir -p "$folder"
  cmake -S "$here" -B "$folder/build" "${generator[@]}" -DCMAKE_BUILD_TYPE=Release \
    -DLIBTORCH_INCLUDE="$include" -DLIBTORCH_LIBRARIES="$libraries" -DLIBTORCH_CXX_STANDARD="$standard" >"$folder/cmake.log" 2>&1 ||
    { cat "$folder/cmake.log" >&2; fail "cmake could not configure the bridge, see above."; }
  cmake --build "$folder/build" --parallel "${DIFFUSION_BUILD_JOBS:-2}" >"$folder/build.log" 2>&1 ||
    { grep -E 'error|Error|ld:' "$folder/build.log" | head -40 >&2; fail "the bridge did not compile against libtorch $version at $root; the whole log is $folder/build.log."; }
  describe >"$folder/libdiffusion_torch.info"
  mv "$folder/build/libdiffusion_torch.so" "$folder/libdiffusion_torch.so"
  rm -rf "$folder/build"
}

# Leaves a file alone when it is the same, so that incremental builds stay quiet.
place() {
  local from="$1" to="$2"
  cmp -s "$from" "$to" || { cp "$from" "$to.new.$$" && mv "$to.new.$$" "$to"; }
}

main() {
  (($# == 1)) || fail "usage: build.sh OUTDIR | --find"
  find_libtorch
  if [[ "$1" == --find ]]; then
    describe
    return
  fi
  local cache folder
  cache="${DIFFUSION_NATIVE_CACHE:-$here/../../../../artifacts/native}"
  folder="$cache/$(cache_key)"
  mkdir -p "$cache" "$1"
  # Two builds at once: the second waits and finds the first one's result.
  exec 9>"$cache/.lock"
  flock 9
  [[ -f "$folder/libdiffusion_torch.so" ]] || build "$folder"
  place "$folder/libdiffusion_torch.so" "$1/libdiffusion_torch.so"
  place "$folder/libdiffusion_torch.info" "$1/libdiffusion_torch.info"
}

main "$@"
