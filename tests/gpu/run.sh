#!/usr/bin/env bash
# Checks and measures this program on this box, from the archive that bundle.sh made. Needs PyTorch 2 or a libtorch, a C++ compiler and cmake; no .NET.
#
#   run.sh [--device auto|cpu|cuda|cuda:N] [--out DIR] [--quick] [ARCHIVE]
#
#   --device   what to check [default: auto, the first GPU if there is one]
#   --out      where logs and the table go [default: ./gpu-results]
#   --quick    fewer steps, one small batch, no torch.compile: whether everything works, not how fast
#   ARCHIVE    unpacked first, if this script does not lie in an unpacked one
#
# LIBTORCH=DIR takes that libtorch instead of python3's torch package. NVCC=FILE, PYTHON=FILE name other tools.
# Ends with 0 when nothing failed; table.md in the output folder has every row, and each row's log lies beside it.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
device=auto
out=$PWD/gpu-results
quick=0
archive=
failed=0
program=()
checks=()

fail() {
  printf 'run.sh: %s\n' "$*" >&2
  exit 2
}

parse() {
  while (($# > 0)); do
    case $1 in
      --device | --out)
        (($# >= 2)) || fail "$1 wants a value."
        if [[ $1 == --device ]]; then device=$2; else out=$(realpath -m -- "$2"); fi
        shift 2
        ;;
      --quick)
        quick=1
        shift
        ;;
      -*) fail "$1 is no option. Options: --device, --out, --quick." ;;
      *)
        archive=$(realpath -e -- "$1") || fail "$1 does not exist."
        shift
        ;;
    esac
  done
}

unpack() {
  if [[ -n $archive ]]; then
    mkdir -p "$out"
    tar -C "$out" -xf "$archive"
    here=$out/diffusion-gpu
  fi
  [[ -x $here/dotnet/dotnet && -f $here/bin/diffusion-gpu.dll ]] ||
    fail "there is no unpacked bundle in $here. Give the archive: run.sh diffusion-gpu.tar.xz (tests/gpu/bundle.sh makes it)."
}

# row CHECK VERDICT FIGURES
row() {
  printf '| %s | %s | %s |\n' "$1" "$2" "${3//$'\t'/ · }" >>"$out/table.md"
  printf '%-44s %-9s %s\n' "$1" "$2" "${3//$'\t'/  }"
  [[ $2 != failed ]] || failed=1
}

# Name, log, command: one row by its exit code, with the last line it printed.
check() {
  local name=$1 log=$2 verdict=passed
  shift 2
  if ! "$@" >"$out/$log" 2>&1; then verdict=failed; fi
  row "$name" "$verdict" "$(tail -n 1 "$out/$log")"
}

# Log, command: one row a line of columns.
rows() {
  local log=$1 name verdict figures status=0
  shift
  "$@" >"$out/$log" 2>"$out/$log.errors" || status=$?
  while IFS=$'\t' read -r name verdict figures; do
    [[ -z $verdict ]] || row "$name" "$verdict" "$figures"
  done <"$out/$log"
  # A failed check said so in its row; what broke off did not.
  if ((status > 0)) && ! grep -q $'\tfailed\t' "$out/$log"; then row "${log%.log}" failed "ended with $status: $(grep -v '^ *at ' "$out/$log.errors" | tail -n 1)"; fi
}

compile() {
  local log=$out/build.log
  export DIFFUSION_NATIVE_CACHE=$here/cache
  "$here/src/Polyfills/TorchSharp/native/build.sh" "$here/bin" >"$log" 2>&1 || { cat "$log" >&2; fail "the bridge to libtorch was not built; see above."; }
  row 'bridge to libtorch' passed "$(paste -sd' ' "$here/bin/libdiffusion_torch.info")"
  # Without the other two the program runs on, slower and on one box.
  if "$here/src/Diffusion.Native/native/build.sh" "$here/bin" >>"$log" 2>&1; then
    row 'kernels for the processor' passed "$(paste -sd' ' "$here/bin/libdiffusion_native.info")"
  else
    row 'kernels for the processor' skipped "$(tail -n 1 "$log")"
  fi
  if "$here/src/Diffusion.Native/native/operators/build.sh" "$here/bin" >>"$log" 2>&1; then
    row 'operators for the processor' passed 'built'
  else
    row 'operators for the processor' skipped "$(tail -n 1 "$log")"
  fi
}

measure() {
  local preset mode precision=bf16 python=${PYTHON:-python3} batches=8,32,max steps=15 modes='eager compile'
  # Old libtorch has no use of bfloat16 on the processor.
  if [[ $device == cpu ]]; then precision=fp32; fi
  if ((quick)); then
    batches=1 steps=2 modes=eager
    set -- edm2-img512-xxs
  else
    set -- edm2-img512-xs edm2-img512-s
  fi
  for preset in "$@"; do
    rows "step-$preset.log" "${checks[@]}" step --device "$device" --preset "$preset" --precision "$precision" --batches "$batches" --steps "$steps"
    for mode in $modes; do
      if "$python" -c 'import torch' 2>/dev/null; then
        rows "peer-$preset-$mode.log" "$python" "$here/peer_step.py" --device "$device" --preset "$preset" --precision "$precision" --batches "$batches" --steps "$steps" --mode "$mode"
      else
        row "plain PyTorch, $preset, $mode" skipped "$python has no torch"
      fi
    done
  done
}

main() {
  local overfit=1500
  parse "$@"
  unpack
  mkdir -p "$out"
  export DOTNET_ROOT=$here/dotnet DOTNET_CLI_TELEMETRY_OPTOUT=1 DIFFUSION_LAUNCHER=diffusion
  program=("$here/dotnet/dotnet" "$here/bin/diffusion.dll")
  checks=("$here/dotnet/dotnet" "$here/bin/diffusion-gpu.dll")
  if ((quick)); then overfit=300; fi
  printf '| check | verdict | figures |\n|---|---|---|\n' >"$out/table.md"
  compile
  # It also knows of libraries for images and charts, which nothing here needs.
  "${program[@]}" doctor >"$out/doctor.log" 2>&1 || true
  row doctor measured "$(tail -n 1 "$out/doctor.log") See doctor.log."
  check 'recorded numbers, fp32' golden-fp32.log "${program[@]}" golden "$here/Golden" --device "$device" --failures-only
  check 'recorded numbers, bf16' golden-bf16.log "${program[@]}" golden "$here/Golden" --device "$device" --failures-only --precision BFloat16
  if [[ $device == cpu ]]; then
    row 'recorded numbers, fp16' skipped 'the processor has no float16 arithmetic'
  else
    check 'recorded numbers, fp16' golden-fp16.log "${program[@]}" golden "$here/Golden" --device "$device" --failures-only --precision Float16
  fi
  rows ranks.log "${checks[@]}" ranks --device "$device"
  rows nccl.log "${checks[@]}" nccl --device "$device"
  rows overfit.log "${checks[@]}" overfit --device "$device" --steps "$overfit"
  measure
  printf '\n%s\n' "$out/table.md"
  ((failed == 0))
}

main "$@"
