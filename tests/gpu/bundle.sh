#!/usr/bin/env bash
# Makes one archive that checks and measures this program on a box with GPUs and without .NET.
#
#   tests/gpu/bundle.sh [OUTFILE]      default: artifacts/diffusion-gpu.tar.xz
#
# It holds the program and its checks, .NET's runtime of this box, the native sources (compiled there, against the libtorch that is there), the
# recorded numbers and run.sh. Copy it over and unpack it, or copy run.sh beside it:  tar xf diffusion-gpu.tar.xz && diffusion-gpu/run.sh
set -euo pipefail

ROOT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
readonly ROOT
readonly MOST_BYTES=$((50 << 20))
work=

fail() {
  printf 'bundle.sh: %s\n' "$*" >&2
  exit 1
}

leave() {
  [[ -z $work ]] || rm -rf -- "$work"
}

# The libraries that depend on this box's libtorch, and this box's compiler, are made again where the bundle runs.
copy_program() {
  local project
  mkdir -p "$work/diffusion-gpu/bin"
  for project in Diffusion.Cli Diffusion.Gpu; do
    cp -a "$ROOT/artifacts/bin/$project/release/." "$work/diffusion-gpu/bin/"
  done
  rm -f "$work"/diffusion-gpu/bin/libdiffusion_*.so "$work"/diffusion-gpu/bin/libdiffusion_*.info "$work"/diffusion-gpu/bin/*.pdb "$work"/diffusion-gpu/bin/*.xml
}

# What `dotnet` itself would look for: host, resolver and the two frameworks the program names.
copy_runtime() {
  local home framework version
  home=$(dirname -- "$(readlink -f -- "$(command -v dotnet)")")
  mkdir -p "$work/diffusion-gpu/dotnet/host"
  cp "$home/dotnet" "$work/diffusion-gpu/dotnet/"
  cp -a "$home/host/fxr" "$work/diffusion-gpu/dotnet/host/"
  for framework in Microsoft.NETCore.App Microsoft.AspNetCore.App; do
    version=$(dotnet --list-runtimes | awk -v f="$framework" '$1 == f && $2 ~ /^10\./ {v = $2} END {print v}')
    [[ -n $version ]] || fail "$framework 10 is not installed here; dotnet --list-runtimes shows what is. Install the .NET 10 SDK."
    mkdir -p "$work/diffusion-gpu/dotnet/shared/$framework"
    cp -a "$home/shared/$framework/$version" "$work/diffusion-gpu/dotnet/shared/$framework/"
  done
}

copy_sources() {
  local folder
  for folder in src/Polyfills/TorchSharp/native src/Diffusion.Native/native; do
    mkdir -p "$work/diffusion-gpu/$folder"
    cp -a "$ROOT/$folder/." "$work/diffusion-gpu/$folder/"
  done
  cp -a "$ROOT/tests/Golden" "$work/diffusion-gpu/Golden"
  cp -a "$ROOT/tests/gpu/run.sh" "$ROOT/tests/gpu/peer_step.py" "$ROOT/tests/gpu/README.md" "$work/diffusion-gpu/"
}

main() {
  trap leave EXIT
  (($# <= 1)) || fail "usage: bundle.sh [OUTFILE]"
  local out="${1:-$ROOT/artifacts/diffusion-gpu.tar.xz}" size
  command -v dotnet >/dev/null || fail "the .NET 10 SDK is missing; ./launch.sh setup says where to get it."
  command -v xz >/dev/null || fail "xz is missing. Run: apt-get install xz-utils"
  dotnet build "$ROOT/src/Diffusion.Cli/Diffusion.Cli.csproj" -c Release -v quiet -nologo || fail "the program did not build; see above."
  dotnet build "$ROOT/tests/Diffusion.Gpu/Diffusion.Gpu.csproj" -c Release -v quiet -nologo || fail "the checks did not build; see above."
  work=$(mktemp -d)
  copy_program
  copy_runtime
  copy_sources
  mkdir -p "$(dirname -- "$out")"
  tar -C "$work" --sort=name --owner=0 --group=0 -cf - diffusion-gpu | xz -6 -T0 >"$out.new"
  size=$(stat -c %s "$out.new")
  ((size < MOST_BYTES)) || fail "the archive has $size bytes, more than $MOST_BYTES. Look at what grew in artifacts/bin/Diffusion.Cli/release."
  mv -- "$out.new" "$out"
  printf '%s\n%d bytes\n' "$out" "$size"
}

main "$@"
