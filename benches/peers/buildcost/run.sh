#!/usr/bin/env bash
# Build cost for a Rust user: crates in the tree, cold release build, stripped size.
# Default flags (no target-cpu), default cargo profile, 2 jobs. Registry sources
# are fetched first, so only compiling is timed. Prints one JSON line per program.
# cpu_s (user+system of the whole build) is what to compare on a busy machine;
# wall_s only means something when nothing else runs.
set -u
: "${CARGO_TARGET_DIR:?set CARGO_TARGET_DIR to a folder outside the work tree}"
root=$CARGO_TARGET_DIR
here=$(cd "$(dirname "$0")" && pwd)
unset RUSTFLAGS
for p in "${@:-tress candle dfdx burn-flex burn-ndarray}"; do for c in $p; do
  cd "$here/$c" || exit 1
  cargo fetch -q 2>/dev/null
  n=$(cargo tree -e normal,build --prefix none 2>/dev/null | sed 's/ (.*//' | sort -u | wc -l)
  export CARGO_TARGET_DIR=$root/cost-$c
  rm -rf "$CARGO_TARGET_DIR"
  TIMEFORMAT='%R %U %S'
  t=$( { time cargo build -q --release -j 2 2>"$root/cost-$c.log" >&2; } 2>&1 )
  read -r wall usr sys <<<"$(tail -n 1 <<<"$t")"
  bin=$CARGO_TARGET_DIR/release/cost-$c
  if [ -x "$bin" ]; then
    raw=$(stat -c %s "$bin"); strip -o "$bin.stripped" "$bin"; size=$(stat -c %s "$bin.stripped")
    ok=$("$bin" | tail -n 1 | grep -c '^19 ')
  else raw=0; size=0; ok=0; fi
  echo "{\"workload\":\"buildcost\",\"params\":{},\"peer\":\"$c\",\"crates\":$n,\"wall_s\":$wall,\"cpu_s\":$(echo "$usr + $sys" | bc),\"bytes\":$raw,\"stripped_bytes\":$size,\"trains\":$ok}"
done; done
