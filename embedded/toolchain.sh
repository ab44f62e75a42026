# Rust for machines without an operating system: where `core` and `alloc` for a target come from. To be sourced.
#
#   bare_ready TARGET     makes the target available, or prints a line that cannot be overlooked and returns 1
#   bare_cargo TARGET ... runs cargo for a target that is ready
#   bare_products TARGET  the folder that cargo writes to then
#   std_ready TARGET      makes a target with a system and `std` available, which only rustup has
#
# There are two ways. The first is rustup, whose targets come compiled. Where rustup has none (no network but Debian's)
# it is a package: `rustc-web` and `rust-web-src` are one release of the compiler and of its library's source, from which
# `core` and `alloc` are built once and kept outside of the tree. Crates are then checked by a stable compiler either way:
# the switch that lets the library itself use unstable features is set for the library alone.
#
#   TRESS_BARE=rustup | debian    only this way
#   XDG_CACHE_HOME                where the compiled libraries are kept (default ~/.cache)

BARE_CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/tress"

bare_loud() {
  printf '\n%s\n!!  %s\n%s\n\n' "$(printf '!%.0s' {1..100})" "$*" "$(printf '!%.0s' {1..100})" >&2
}

# Packages of Debian; quietly nothing where that is not to be had.
bare_install() {
  command -v apt-get >/dev/null || return 1
  local as=()
  [ "$(id -u)" = 0 ] || as=(sudo -n)
  DEBIAN_FRONTEND=noninteractive timeout 600 "${as[@]}" apt-get install -y -q --no-install-recommends "$@" >/dev/null 2>&1 && return 0
  # The lists of packages may be missing or old.
  timeout 120 "${as[@]}" apt-get update -q >/dev/null 2>&1 || true
  DEBIAN_FRONTEND=noninteractive timeout 600 "${as[@]}" apt-get install -y -q --no-install-recommends "$@" >/dev/null 2>&1
}

bare_debian_cache() { echo "$BARE_CACHE/core-$(/usr/bin/rustc -vV | cksum | cut -d' ' -f1)"; }

# `core` and `alloc` for one target from Debian's sources, with the code that a linker may still look through.
bare_debian_build() {
  local target=$1 into work
  into="$(bare_debian_cache)"
  [ -e "$into/lib/rustlib/$target/complete" ] && return 0
  work="$(mktemp -d)"
  mkdir -p "$work/src" "$into/lib/rustlib/$target/lib"
  echo '#![no_std]' >"$work/src/lib.rs"
  cat >"$work/Cargo.toml" <<'TOML'
[package]
name = "core-and-alloc"
version = "0.0.0"
edition = "2021"

[profile.release]
opt-level = "s"
codegen-units = 1
TOML
  if (cd "$work" && RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Cembed-bitcode=yes" CARGO_TARGET_DIR="$work/target" \
    cargo build -q -Z build-std=core,alloc --target "$target" --release); then
    cp "$work/target/$target"/release/deps/*.rlib "$into/lib/rustlib/$target/lib/"
    rm -f "$into/lib/rustlib/$target/lib"/libcore_and_alloc*
    touch "$into/lib/rustlib/$target/complete"
  fi
  rm -rf "$work"
  [ -e "$into/lib/rustlib/$target/complete" ]
}

bare_has_rustup() { [ -n "$(ls "$(rustc --print sysroot)/lib/rustlib/$1/lib"/libcore-*.rlib 2>/dev/null)" ]; }

bare_ready() {
  local target=$1
  if [ "${TRESS_BARE:-}" != debian ]; then
    bare_has_rustup "$target" && return 0
    command -v rustup >/dev/null && timeout 120 rustup target add "$target" >/dev/null 2>&1
    bare_has_rustup "$target" && return 0
  fi
  if [ "${TRESS_BARE:-}" != rustup ]; then
    [ -e /usr/lib/rustlib/src/rust/library/core/Cargo.toml ] || bare_install rustc-web rust-web-src || true
    [ -e /usr/lib/rustlib/src/rust/library/core/Cargo.toml ] && bare_debian_build "$target" && return 0
  fi
  bare_loud "SKIPPED: no Rust for $target. Neither rustup nor Debian's rustc-web and rust-web-src could be had."
  return 1
}

std_ready() {
  bare_has_rustup "$1" && return 0
  command -v rustup >/dev/null && timeout 120 rustup target add "$1" >/dev/null 2>&1
  bare_has_rustup "$1" && return 0
  bare_loud "SKIPPED: no Rust with std for $1: rustup has it."
  return 1
}

# Where what is built for a target goes. The folder names the compiler: cargo does not notice that a library below it has changed.
bare_products() {
  if [ "${TRESS_BARE:-}" != debian ] && bare_has_rustup "$1"; then
    echo "${CARGO_TARGET_DIR:-target}/bare"
  else
    echo "${CARGO_TARGET_DIR:-target}/$(basename "$(bare_debian_cache)")"
  fi
}

bare_cargo() {
  local target=$1 upper command=$2
  shift 2
  if [ "${TRESS_BARE:-}" != debian ] && bare_has_rustup "$target"; then
    cargo "$command" --target "$target" --target-dir "$(bare_products "$target")" "$@"
  else
    upper="$(tr 'a-z.-' 'A-Z__' <<<"$target")"
    env RUSTC=/usr/bin/rustc \
      "CARGO_TARGET_${upper}_LINKER=$(rustc --print sysroot)/lib/rustlib/$(rustc -vV | sed -n 's/^host: //p')/bin/rust-lld" \
      RUSTFLAGS="--sysroot=$(bare_debian_cache) ${RUSTFLAGS:-}" \
      cargo "$command" --target "$target" --target-dir "$(bare_products "$target")" "$@"
  fi
}
