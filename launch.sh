#!/usr/bin/env bash
# Sets up, builds and starts Diffusion.Distributed.
#
#   ./launch.sh [VERB] [OPTIONS]    run a verb of the program; without a verb: train
#   ./launch.sh test [NAME...]      build everything and run all tests, or the test projects whose name holds NAME
#   ./launch.sh setup               check, install and build only
#   ./launch.sh --help              list the verbs
#
# Checks what is missing and installs it with apt as root or with passwordless sudo; otherwise prints the line to run.
# LIBTORCH=DIR takes libtorch from DIR (a libtorch archive or the torch folder of a Python package) instead of Debian's.
# Whatever is built lands in artifacts/; what has not changed is not built again.
set -euo pipefail

ROOT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
readonly ROOT
readonly PROGRAM="$ROOT/artifacts/bin/Diffusion.Cli/release/diffusion"
readonly BRIDGE="$ROOT/src/Polyfills/TorchSharp/native/build.sh"
readonly RUN_PACKAGES=(g++ cmake ninja-build libopenblas0-openmp libgloo-dev libturbojpeg0 libcairo2 fonts-dejavu-core)
readonly TEST_PACKAGES=(gcc python3-grpcio python3-protobuf python3-msgpack python3-numpy)
child=

fail() {
  printf 'launch.sh: %s\n' "$*" >&2
  exit 1
}

# Each long command runs in a process group of its own, which is ended as a whole when this script is interrupted.
guarded() {
  timeout "$@" &
  child=$!
  local status=0
  wait "$child" || status=$?
  kill -- "-$child" 2>/dev/null || true
  child=
  return "$status"
}

leave() {
  [[ -z $child ]] || kill -- "-$child" 2>/dev/null || true
}

require_dotnet() {
  command -v dotnet >/dev/null || fail ".NET is missing. Install the .NET 10 SDK (package dotnet-sdk-10.0, or https://dotnet.microsoft.com/download/dotnet/10.0) and run this again."
  dotnet --list-sdks | grep -q '^10\.' || fail "the .NET 10 SDK is missing; found: $(dotnet --list-sdks | cut -d' ' -f1 | paste -sd' ' | grep . || echo 'none'). Get it from https://dotnet.microsoft.com/download/dotnet/10.0 (package dotnet-sdk-10.0)."
  # The built program looks for its runtime here when .NET lies at no standard place.
  export DOTNET_ROOT="${DOTNET_ROOT:-$(dirname -- "$(readlink -f -- "$(command -v dotnet)")")}"
  export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
}

missing_packages() {
  local package
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' || printf '%s\n' "$package"
  done
}

require_packages() {
  local wanted=("$@") missing as_root=()
  # A libtorch that LIBTORCH or Python's torch package offers is used instead of Debian's.
  if [[ -n ${LIBTORCH:-} ]]; then
    "$BRIDGE" --find >/dev/null || fail "see above."
  elif ! "$BRIDGE" --find >/dev/null 2>&1; then
    wanted+=(libtorch-dev)
  fi
  if ! command -v dpkg-query >/dev/null; then
    printf 'launch.sh: this is no Debian; needed are the equivalents of: %s\n' "${wanted[*]}" >&2
    return
  fi
  mapfile -t missing < <(missing_packages "${wanted[@]}")
  ((${#missing[@]} > 0)) || return 0
  if ((EUID != 0)); then
    sudo -n true 2>/dev/null || fail "packages are missing. Run this, then start again: sudo apt-get update && sudo apt-get install -y --no-install-recommends ${missing[*]}"
    as_root=(sudo -n)
  fi
  printf 'Installing %s\n' "${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  guarded 600 "${as_root[@]}" apt-get update -qq || fail "apt-get update failed; see above."
  guarded 1800 "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null || fail "installing ${missing[*]} failed; see above."
}

# build NAME TARGET: builds unless sources and surroundings are those of the last good build of that name.
build() {
  local name=$1 target=$2 stamp="$ROOT/artifacts/launch/$1" key
  key="$(readlink -f -- "$(command -v dotnet)") LIBTORCH=${LIBTORCH:-} $(dpkg-query -W -f='${Version}' libtorch-dev libgloo-dev 2>/dev/null || true)"
  local sources=("$ROOT/src" "$ROOT/protos")
  [[ $name != tests ]] || sources+=("$ROOT/tests" "$ROOT/Diffusion.Distributed.sln")
  if [[ -x $PROGRAM && -f $stamp && $(<"$stamp") == "$key" && -z $(find "${sources[@]}" -newer "$stamp" -print -quit) ]]; then
    return
  fi
  printf 'Building (the first time takes a few minutes)\n'
  mkdir -p "$ROOT/artifacts/launch"
  rm -f "$stamp"
  # The stamp has the time before the build: what is edited meanwhile is built next time.
  printf '%s' "$key" >"$stamp.new"
  guarded 3000 dotnet build "$target" -c Release -v quiet -nologo -nodeReuse:false --disable-build-servers || fail "the build failed; see above."
  mv "$stamp.new" "$stamp"
  [[ $name != tests ]] || cp -p "$stamp" "${stamp%tests}program"
}

counter() {
  sed -n "s/.*<Counters .*\\b$1=\"\\([0-9]*\\)\".*/\\1/p" "$2" | head -n 1
}

run_tests() {
  local results="$ROOT/artifacts/test-results" passed=0 failed=0 skipped=0 project name report p f t ok=0
  rm -rf "$results"
  for project in "$ROOT"/tests/*.Tests; do
    name=${project##*/}
    report="$results/$name.trx"
    if (($# > 0)) && [[ ! $name =~ ($(IFS='|' && printf '%s' "$*")) ]]; then
      continue
    fi
    printf -- '-- %s\n' "$name"
    guarded 1500 dotnet test "$ROOT/artifacts/bin/$name/release/$name.dll" --blame-hang-timeout 5min --blame-hang-dump-type none --results-directory "$results" --logger "trx;LogFileName=$name.trx" --logger 'console;verbosity=minimal' || ok=1
    if [[ ! -f $report ]]; then
      printf '%s ended without a result.\n' "$name"
      failed=$((failed + 1))
      continue
    fi
    p=$(counter passed "$report") f=$(counter failed "$report") t=$(counter total "$report")
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + t - p - f))
  done
  printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
  ((ok == 0 && failed == 0 && passed > 0))
}

main() {
  trap leave EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  require_dotnet
  case ${1:-train} in
    test)
      require_packages "${RUN_PACKAGES[@]}" "${TEST_PACKAGES[@]}"
      build tests "$ROOT/Diffusion.Distributed.sln"
      run_tests "${@:2}"
      ;;
    *)
      require_packages "${RUN_PACKAGES[@]}"
      build program "$ROOT/src/Diffusion.Cli/Diffusion.Cli.csproj"
      if [[ ${1:-} != setup ]]; then
        export DIFFUSION_LAUNCHER="$0"
        exec "$PROGRAM" "${@:-train}"
      fi
      ;;
  esac
}

main "$@"
