# The boards of QEMU, and what all programs for them have in common: building one, its size, and the line that says what it printed.
# To be sourced after toolchain.sh and machines.sh; `lines` is the file that collects what was printed.

# The line of one run: machine, program, bytes of flash, instructions a tick (0: a tick is a nanosecond), what was printed. A
# program that printed nothing did not run.
note() {
  local machine=$1 program=$2 flash=$3 factor=$4 count=0
  while IFS= read -r line; do
    [ -n "$line" ] || continue
    printf '%s %s %s %s %s\n' "$machine" "$program" "$flash" "$factor" "$line" >>"$lines"
    count=$((count + 1))
  done
  [ $count -gt 0 ] || { echo "$machine $program: printed nothing" >&2; return 1; }
}

# The same of a command after these four, which has failed if it ended with a mistake, whatever it printed.
note_run() {
  local machine=$1 program=$2 flash=$3 factor=$4 out status=0
  shift 4
  out="$("$@")" || status=$?
  [ $status = 0 ] || { echo "$machine $program ended with $status: $out" >&2; return 1; }
  note "$machine" "$program" "$flash" "$factor" <<<"$out"
}

# Code and constants of an ELF file, as they take room in flash.
flash() { size "$1" | awk 'NR == 2 { print $1 + $2 }'; }

# RAM that an ELF file asks for where it is linked: its `static`s.
static_ram() { size "$1" | awk 'NR == 2 { print $2 + $3 }'; }

build() { # target, profile, program, options of cargo, --, flags of the last step
  local target=$1 profile=$2 program=$3
  shift 3
  (cd embedded/conformance && bare_cargo "$target" rustc --quiet --locked --profile "$profile" --bin "$program" "$@")
}

product_of() { # target, profile, program
  local file
  file="$(bare_products "$1")/$1/$2/$3"
  [ -e "$file" ] && echo "$file" || echo "$file.wasm"
}

# A board: name, QEMU's machine, target, flash, RAM, instructions a tick of its clock, bytes of heap.
boards() {
  cat <<'TABLE'
m0  microbit    thumbv6m-none-eabi         0x00000000,256K  0x20000000,16K  62.5   5120
m3  mps2-an385  thumbv7m-none-eabi         0x00000000,4M    0x20000000,4M   40     1000000
m4  mps2-an386  thumbv7em-none-eabihf      0x00000000,4M    0x20000000,4M   40     1000000
m7  mps2-an500  thumbv7em-none-eabihf      0x00000000,4M    0x20000000,4M   40     1000000
m33 mps2-an505  thumbv8m.main-none-eabihf  0x10000000,4M    0x38000000,4M   50     1000000
m55 mps3-an547  thumbv8m.main-none-eabihf  0x00000000,512K  0x31000000,2M   31.25  1000000
TABLE
}

# A folder with the linker's script for a board; boards of the same memory have one, and so one program.
board_script() { # ROM, RAM
  local folder="$CARGO_TARGET_DIR/board-${1%,*}-${1#*,}-${2%,*}-${2#*,}"
  mkdir -p "$folder"
  printf 'MEMORY\n{\n  FLASH (rx) : ORIGIN = %s, LENGTH = %s\n  RAM (rwx) : ORIGIN = %s, LENGTH = %s\n}\n' \
    "${1%,*}" "${1#*,}" "${2%,*}" "${2#*,}" >"$folder/board.ld"
  echo "$folder"
}
