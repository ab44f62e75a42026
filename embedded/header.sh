# The C headers that `tress export` writes, compiled by gcc for Cortex-M and run on a board: they must give what the machine that
# wrote them found, to the last bit. To be sourced after exports.sh.
#
#   headers_run BOARD ...     as exports_run; only the M4 runs them

# gcc for Cortex-M with newlib, whose <string.h> and <math.h> the header includes.
headers_ready() {
  command -v arm-none-eabi-gcc >/dev/null || bare_install gcc-arm-none-eabi libnewlib-arm-none-eabi || true
  command -v arm-none-eabi-gcc >/dev/null && return 0
  skip "C on $1" "no arm-none-eabi-gcc (gcc-arm-none-eabi, libnewlib-arm-none-eabi)"
  return 1
}

# The program around a header: the type of a number, the input, the outputs.
headers_program() {
  local number=$1 input=$2 output
  shift 2
  printf '#define NET_EXAMPLE\n#include "board.h"\n#include "net.h"\n\n'
  for output in "$@"; do printf 'static %s found_%s[NET_%s_LENGTH];\n' "$number" "$output" "${output^^}"; done
  printf '\nvoid evaluate(void)\n{\n    net_infer(net_example_%s' "$input"
  printf ', found_%s' "$@"
  printf ');\n}\n\nint is_same(void)\n{\n    return 1'
  for output in "$@"; do printf '\n        && !memcmp(found_%s, net_example_%s, sizeof found_%s)' "$output" "$output" "$output"; done
  printf ';\n}\n\nconst unsigned example_bytes = sizeof net_example_%s' "$input"
  printf ' + sizeof net_example_%s' "$@"
  printf ';\nconst unsigned output_bytes = 0'
  printf ' + sizeof found_%s' "$@"
  printf ';\nconst unsigned multiply_adds = NET_MULTIPLY_ADDS;\n'
}

headers_run() {
  local name=$1 machine=$2 rom=$4 ram=$5 factor=$6 net number folder file out status scripts
  [ "$name" = m4 ] || return 0
  local nets=(c-sine-f32 c-sine-i8 c-lenet-i8 c-lenet-plain-i8) any= plain
  for net in "${nets[@]}"; do if only $net; then any=1; fi; done
  [ -n "$any" ] || return 0
  headers_ready "$name" || return 0
  exports_make
  scripts="$(board_script "$rom" "$ram")"
  for net in "${nets[@]}"; do
    only $net || continue
    folder="$EXPORTS/$net"
    mkdir -p "$folder"
    number=float
    [[ $net != *-i8 ]] || number=int8_t
    case $net in
      c-sine-f32) "$tress" export "$EXPORTS/sine.safetensors" --c "$folder/net.h" ;;
      c-sine-i8) "$tress" export "$EXPORTS/sine.safetensors" --c "$folder/net.h" --int8 --calibrate "$EXPORTS/sine.npy" ;;
      c-lenet-*) "$tress" export "$EXPORTS/lenet" --c "$folder/net.h" --int8 ;;
    esac >/dev/null
    case $net in
      c-sine-*) headers_program $number x y ;;
      c-lenet-*) headers_program $number input left right ;;
    esac >"$folder/main.c"
    file="$folder/program"
    plain=()
    [[ $net != *-plain-* ]] || plain=(-DNET_NO_DSP)
    # As gcc is told by default of this standard, products and sums are not fused.
    arm-none-eabi-gcc -std=c99 -pedantic -Wall -Wextra -Werror -Os -mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16 \
      ${plain[@]+"${plain[@]}"} -ffunction-sections -fdata-sections -I"$folder" -Iembedded/header "$folder/main.c" embedded/header/board.c \
      -nostartfiles -Wl,--gc-sections -L"$scripts" -T embedded/cortex-m.ld -DTIMES=$([[ $net == c-sine* ]] && echo 100 || echo 2) \
      -lm -lc -lgcc -o "$file"
    status=0
    out="$(machine_arm "$machine" "$file")" || status=$?
    [ $status != 125 ] || { skip "C on $name" "no qemu-system-arm"; return 0; }
    note "$name" $net "$(flash "$file")" "$factor" <<<"${out:-header nothing} heap $(static_ram "$file")"
    [ $status = 0 ] || { echo "$name $net ended with ${out:-nothing}" >&2; return 1; }
    # What `tress fit` said of its RAM. The arena of C is not filled up to whole words of eight bytes.
    local row=floats beside said
    [[ $net != *-i8 ]] || row=bytes
    beside="$(awk '{ for (i = 1; i < NF; i++) if ($i == "fences" || $i == "outputs") sum += $(i + 1); print sum }' <<<"$out")"
    said="$(awk -v row=$row '$1 == row { print "statics", $5, "ram", $7 }' "$EXPORTS/fit-$([[ $net == c-sine* ]] && echo sine || echo lenet)-$name")"
    note "$name" $net-fit - "$factor" <<<"fit $said static $((($(static_ram "$file") - beside + 7) / 8 * 8))"
  done
}
