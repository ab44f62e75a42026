# What dependencies cost on m4: `libm`, the only one there is, by programs with and without its code, and two that Tress does
# without, by the same work with them. To be sourced as peers.sh.

run_costs() {
  local name machine target rom ram factor heap program file scripts out folder="$CARGO_TARGET_DIR/without-libm"
  read -r name machine target rom ram factor heap < <(boards | awk '$1 == "m4"')
  bare_ready "$target" || { skip costs "no Rust"; return; }
  scripts="$(board_script "$rom" "$ram")"
  local link=("-Clink-arg=-T$root/embedded/cortex-m.ld" "-Clink-arg=-L$scripts")

  # In place of libm, functions that give their argument back: the program is worth nothing, but for its size.
  rm -rf "$folder"
  mkdir -p "$folder"
  cp -r embedded/conformance "$folder/conformance"
  mkdir -p "$folder/libm/src"
  sed -i "s|path = \"../../|path = \"$root/|" "$folder/conformance/Cargo.toml"
  printf '\n[patch.crates-io]\nlibm = { path = "../libm" }\n' >>"$folder/conformance/Cargo.toml"
  printf '[package]\nname = "libm"\nversion = "%s"\nedition = "2024"\n' "$(awk '/name = "libm"/ { getline; gsub(/"/, ""); print $3 }' Cargo.lock)" \
    >"$folder/libm/Cargo.toml"
  cat >"$folder/libm/src/lib.rs" <<'RUST'
#![no_std]
macro_rules! one { ($($f:ident)*) => { $(pub fn $f(x: f64) -> f64 { x })* } }
one!(fabs sqrt exp exp2 log log10 log1p expm1 tanh sin cos floor ceil trunc round rint erf erfc lgamma);
pub fn pow(x: f64, _: f64) -> f64 { x }
pub fn ldexp(x: f64, _: i32) -> f64 { x }
pub fn scalbn(x: f64, _: i32) -> f64 { x }
pub fn ilogb(x: f64) -> i32 { x as i32 }
pub fn sqrtf(x: f32) -> f32 { x }
pub fn powf(x: f32, _: f32) -> f32 { x }
RUST
  for program in infer head train; do
    build "$target" release $program -- "${link[@]}"
    out="$(flash "$(product_of "$target" release $program)")"
    (cd "$folder/conformance" && CARGO_TARGET_DIR="$folder/target" bare_cargo "$target" rustc --quiet --release --bin $program -- "${link[@]}")
    file="$(CARGO_TARGET_DIR="$folder/target" product_of "$target" release $program)"
    costs+=("$(printf '%-24s %8s %8s %8s' "libm in $program" "$out" "$(flash "$file")" "$((out - $(flash "$file")))")")
  done

  for program in product-ours product-matrixmultiply random-ours random-rand; do
    (cd embedded/costs && bare_cargo "$target" rustc --quiet --locked --release --bin $program -- "${link[@]}")
    file="$(product_of "$target" release $program)"
    out="$(machine_arm "$machine" "$file")" || { echo "costs: $program ended with $out" >&2; return 1; }
    note "$name" "cost-$program" "$(flash "$file")" "$factor" <<<"$out"
  done
}
costs=()

# The table of docs/embedded.md says the same of every program, to 3 %.
costs_held() {
  printf '%s\n' "${costs[@]}" | awk -v page=docs/embedded.md '
    function far(a, b) { return a > b ? a > 1.03 * b + 8 : b > 1.03 * a + 8 }
    BEGIN { while ((getline line < page) > 0) if (split(line, cell, /[ `]*\|[ `]*/) == 6) {
      for (i = 3; i <= 5; i++) { gsub(/ /, "", cell[i]); said[cell[2], i] = cell[i] }
    } }
    { for (i = 3; i <= 5; i++) if (!(($3, i) in said) || far(said[$3, i], $(i + 1))) {
        print "WRONG " page " says " said[$3, 3] ", " said[$3, 4] " and " said[$3, 5] " of libm in " $3 ", and it is " $4 ", " $5 " and " $6
        mistakes++
        break
    } }
    END { exit mistakes > 0 }'
}

# The two tables of docs/embedded.md between their marks, anew: what libm costs, and the same work by others.
costs_written() {
  printf '%s\n' "${costs[@]}" | awk -v lines="$lines" -v page=docs/embedded.md '
    function spaced(number, text) {
      for (text = ""; length(number) > 3; number = substr(number, 1, length(number) - 3)) text = " " substr(number, length(number) - 2) text
      return number text
    }
    function row(program, what, flash, heap, steps) {
      while ((getline line < lines) > 0) if (split(line, word) && word[2] == "cost-" program) {
        flash = word[3]; heap = value(line, "heap"); steps = value(line, "ticks") * word[4] / value(line, "times")
        printf "| %s | %s | %s | %s |\n", what, spaced(flash), spaced(heap), spaced(int(steps))
      }
      close(lines)
    }
    function value(line, name, word, i, n) {
      n = split(line, word)
      for (i = 1; i < n; i++) if (word[i] == name) return word[i + 1]
      return 0
    }
    { libm[++count] = "| `" $3 "` | " spaced($4) " | " spaced($5) " | " spaced($6) " |" }
    END {
      while ((getline text < page) > 0) {
        if (text == "<!-- end costs -->") inside = 0
        if (!inside) print text
        if (text != "<!-- embedded/run costs -->") continue
        inside = 1
        print "\n| flash on m4 | with `libm` | without | costs |\n|---|---|---|---|"
        for (i = 1; i <= count; i++) print libm[i]
        print "\n| the same work on m4 | flash | heap | instructions |\n|---|---|---|---|"
        row("product-ours", "1-16-16-1 by the kernels of Tress")
        row("product-matrixmultiply", "the same by `matrixmultiply` 0.3")
        row("random-ours", "a random number between 0 and 1 by Tress, of 53 bits")
        row("random-rand", "the same by `rand` 0.10 (`SmallRng`), of 24 bits")
        print ""
      }
    }' >"$CARGO_TARGET_DIR/page.md"
  cp "$CARGO_TARGET_DIR/page.md" docs/embedded.md
}
