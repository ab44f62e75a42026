#!/usr/bin/env bash
# Builds the Rust peers. CARGO_TARGET_DIR must point outside the work tree.
#   tress : this repository's own server of workloads, with default flags
#   native: -C target-cpu=native          (what run.py uses by default)
#   plain : no target-cpu flag            (candle@plain, burn-flex@plain, gemm@plain, ...)
#   v4    : native + the gemm crate's AVX-512 kernels (candle@v4, burn-flex@v4)
# Usage: build.sh [flavour ...]      default: tress native
set -u
: "${CARGO_TARGET_DIR:?set CARGO_TARGET_DIR to a folder outside the work tree}"
root=$CARGO_TARGET_DIR
mkdir -p "$root"
cd "$(dirname "$0")/rust" || exit 1
for flavour in ${@:-tress native}; do # word by word
  export CARGO_TARGET_DIR=$root/$flavour
  if [ "$flavour" = tress ]; then
    s=$(date +%s)
    (cd ../../.. && env -u RUSTFLAGS cargo build --release --locked -p tress-benches --bin serve --bin report) >"$root/build-tress.log" 2>&1
    echo "{\"build\":\"tress\",\"rc\":$?,\"seconds\":$(( $(date +%s) - s ))}"
    continue
  fi
  case $flavour in
    native) export RUSTFLAGS="-C target-cpu=native"; set_="gemms candle burn dfdx rten"; feat= ;;
    v4)     export RUSTFLAGS="-C target-cpu=native"; set_="candle burn"; feat="--features x86-v4"
            CARGO_TARGET_DIR=$root/native ;; # shares every crate that the feature does not touch
    plain)  export RUSTFLAGS=; set_="gemms candle burn"; feat= ;;
  esac
  mkdir -p "$root/$flavour/release"
  for p in ${PEERS_ONLY:-$set_}; do
    s=$(date +%s)
    # shellcheck disable=SC2086
    timeout "${PEERS_BUILD_LIMIT:-900}" cargo build --release -p peer-$p $feat >"$root/build-$flavour-$p.log" 2>&1
    rc=$?
    if [ "$flavour" = v4 ] && [ $rc = 0 ]; then
      cp "$root/native/release/peer-$p" "$root/v4/release/"
      rm "$root/native/release/peer-$p" # the native build links its own again
    fi
    echo "{\"build\":\"$flavour/$p\",\"rc\":$rc,\"seconds\":$(( $(date +%s) - s ))}"
  done
done
