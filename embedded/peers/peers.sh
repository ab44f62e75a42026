# Networks of other engines on m4, started, counted and measured as ours are. To be sourced after boards.sh.

run_peers() {
  local name machine target rom ram factor heap scripts models file out peer program
  read -r name machine target rom ram factor heap < <(boards | awk '$1 == "m4"')
  bare_ready "$target" || { skip peers "no Rust"; return; }
  scripts="$(board_script "$rom" "$ram")"
  # Its macro reads a model while it is compiled; the crate brings some.
  models="$(cd embedded/peers/microflow && cargo metadata --locked --format-version 1 |
    grep -o '"manifest_path":"[^"]*/microflow-[0-9.]*/Cargo.toml"' | head -1 | cut -d'"' -f4)"
  mkdir -p embedded/peers/microflow/models
  cp "${models%/Cargo.toml}"/models/{sine,speech}.tflite embedded/peers/microflow/models/
  for peer in "microflow sine" "microflow speech" "burn burn"; do
    read -r peer program <<<"$peer"
    (cd "embedded/peers/$peer" && TRESS_HEAP=$heap bare_cargo "$target" rustc --quiet --locked --release --bin "peer-$program" -- \
      "-Clink-arg=-T$root/embedded/cortex-m.ld" "-Clink-arg=-L$scripts") || { skip peers "$peer does not build"; continue; }
    file="$(product_of "$target" release "peer-$program")"
    out="$(machine_arm "$machine" "$file")" || { echo "peers: $program ended with $out" >&2; return 1; }
    [ "$peer" = "$program" ] || program="$peer-$program"
    note "$name" "peer-$program" "$(flash "$file")" "$factor" <<<"$out"
  done
}
