# Networks that `tress export` wrote, on boards: linked with nothing but their kernels, held against this machine to the last
# bit, and against what `tress fit` said of them. Those that learn do so on every other machine as well (exports_learnt). To be sourced after toolchain.sh and machines.sh.
#
#   exports_make                 trains two small networks, and exports them and some untrained ones: once in each run
#   exports_run BOARD ...        as run_board of embedded/run, for the exported networks
#   exports_learnt NAME TARGET   the one that learns two tasks, elsewhere

EXPORTS="${CARGO_TARGET_DIR:-$root/target}/exports"
EXPORTS_POINTWISE=conv:3x16x16,4x1x1,6x1x1,8x1x1:y=1
EXPORTS_NARROW=conv:1x16x16,2x1x1,1x1x1:y=1
EXPORTS_WIDE=conv:16x12x12,dw5x5:y=1

exports_make() {
  [ -z "${exports_made:-}" ] || return 0
  exports_made=1
  rm -rf "$EXPORTS"
  mkdir -p "$EXPORTS"
  # The workspace's own target folder: what its tests have built serves.
  local host=(env "CARGO_TARGET_DIR=${CARGO_TARGET_DIR%/conformance}")
  (cd "$root" && "${host[@]}" cargo build --quiet --locked -p tress-cli &&
    "${host[@]}" cargo run --quiet --locked --example sine -- "$EXPORTS/sine.safetensors" >/dev/null)
  tress="${CARGO_TARGET_DIR%/conformance}/debug/tress"
  "$tress" train --quiet --samples 2000 --epochs 2 --threads 1 --out "$EXPORTS/lenet" >/dev/null
  local library="--library $root/tensor"
  "$tress" export "$EXPORTS/sine.safetensors" --rust "$EXPORTS/sine-f32" $library >/dev/null
  "$tress" export "$EXPORTS/sine.safetensors" --rust "$EXPORTS/sine-i8" $library --int8 --calibrate "$EXPORTS/sine.npy" >/dev/null
  "$tress" export "$EXPORTS/sine.safetensors" --rust "$EXPORTS/sine-learn" $library --learn squares >"$EXPORTS/said-sine-learn"
  "$tress" export "$EXPORTS/sine.safetensors" --rust "$EXPORTS/sine-head" $library --learn squares --only third >"$EXPORTS/said-sine-head"
  "$tress" export dense:2,16:sum=1,product=1 --rust "$EXPORTS/two-learn" $library --learn squares >"$EXPORTS/said-two-learn"
  "$tress" export dense:16,64,64:a=1 --rust "$EXPORTS/one-head" $library >/dev/null
  "$tress" export dense:16,64,64:a=1,b=1 --rust "$EXPORTS/two-heads" $library >/dev/null
  # The shape of a network that MicroFlow brings: eight windows of 10 x 8 over a spectrogram, and four scores.
  "$tress" export conv:1x49x40,8x10x8/2:word=4 --rust "$EXPORTS/speech-i8" $library --int8 --samples 20 >/dev/null
  "$tress" export "$EXPORTS/lenet" --rust "$EXPORTS/lenet-f32" $library >/dev/null
  "$tress" export "$EXPORTS/lenet" --rust "$EXPORTS/lenet-i8" $library --int8 >"$EXPORTS/accuracy"
  # A deep one, for what each call of a kernel takes, and one that convolves each channel for itself.
  local deep
  deep="dense:4,$(printf '4/tanh,%.0s' {1..39})4/tanh:y=1"
  "$tress" export "$deep" --rust "$EXPORTS/deep" $library >/dev/null
  # Both pools, both norms and softmax.
  "$tress" export conv:2x16x16,pool2,mean2,norm,rms:y=4/softmax --rust "$EXPORTS/norms" $library >/dev/null
  "$tress" export conv:16x12x12,dw3x3:y=1 --rust "$EXPORTS/depthwise-i8" $library --int8 --samples 20 >/dev/null
  # Convolutions of one tap over 3, 4 and 6 channels.
  "$tress" export "$EXPORTS_POINTWISE" --rust "$EXPORTS/pointwise-i8" $library --int8 --samples 20 >/dev/null
  # What stays above ten instructions a multiply-add: windows of one tap over one and two channels, and a wide depthwise one.
  "$tress" export "$EXPORTS_NARROW" --rust "$EXPORTS/narrow-i8" $library --int8 --samples 20 >/dev/null
  "$tress" export "$EXPORTS_WIDE" --rust "$EXPORTS/wide-i8" $library --int8 --samples 20 >/dev/null
  exports_fit m4 narrow "$EXPORTS_NARROW"
  exports_fit m4 wide "$EXPORTS_WIDE"
  exports_program narrow-i8 x y
  exports_program wide-i8 x y
  for board in m0 m3 m4 m7 m33 m55; do
    exports_fit $board deep "$deep"
    exports_fit $board norms conv:2x16x16,pool2,mean2,norm,rms:y=4/softmax
    exports_fit $board depthwise conv:16x12x12,dw3x3:y=1
    exports_fit $board pointwise "$EXPORTS_POINTWISE"
    exports_fit $board two dense:2,16:sum=1,product=1
    exports_fit $board sine "$EXPORTS/sine.safetensors"
    exports_fit $board lenet "$EXPORTS/lenet"
    exports_fit $board one-head dense:16,64,64:a=1
    exports_fit $board two-heads dense:16,64,64:a=1,b=1
    exports_fit $board speech conv:1x49x40,8x10x8/2:word=4
  done
  exports_program sine-f32 x y
  exports_program sine-i8 x y
  exports_lean sine-f32
  exports_learn sine-learn sine
  exports_learn sine-head sine
  exports_learn two-learn two
  exports_program one-head x a
  exports_program two-heads x a b
  exports_program speech-i8 x word
  exports_program deep x y
  exports_program norms x y
  exports_program depthwise-i8 x y
  exports_program pointwise-i8 x y
  exports_program lenet-f32 input left right
  exports_program lenet-i8 input left right
}

# What `tress fit` says of a network on a board; that it does not fit is an answer as well.
exports_fit() { "$tress" fit "$3" --target $1 >"$EXPORTS/fit-$2-$1" || true; }

# The bytes that it leaves for the stack.
exports_stack() { sed -n 's/.* \([0-9]*\) bytes of RAM are for the stack.*/\1/p' "$1"; }

# The least program around the exported sine: a static arena, one evaluation, an end that says whether it was right.
exports_lean() {
  local folder="$EXPORTS/run-sine-lean"
  cp -r "$EXPORTS/run-$1" "$folder"
  sed -i "s/^name = .*/name = \"run-sine-lean\"/" "$folder/Cargo.toml"
  cat >"$folder/src/main.rs" <<'RUST'
//! Evaluates an exported network once, with nothing around it.
#![no_std]
#![no_main]

use core::cell::UnsafeCell;
use sine_f32 as net;
use tress_conformance::machine;

machine::program!(run);

struct Alone(UnsafeCell<net::Arena>);
// SAFETY: there is one thread, and `run` is called once.
unsafe impl Sync for Alone {}
static ARENA: Alone = Alone(UnsafeCell::new(net::Arena::new()));

fn run() -> bool {
    let mut y = [0.0];
    // SAFETY: nothing else looks at the arena.
    net::infer(unsafe { &mut *ARENA.0.get() }, core::hint::black_box(&net::EXAMPLE_X), &mut y);
    y == net::EXAMPLE_Y
}
RUST
}

# A device that learns with the exported function and nothing else, sample by sample, in memory that was laid out beforehand. What
# it learns is the second argument: the sine anew, all of it or the last layer, from weights that were spoilt; or two tasks.
exports_learn() {
  local name=$1 lesson=$2 folder="$EXPORTS/run-$1"
  cp -r "$EXPORTS/run-sine-f32" "$folder"
  sed -i "s/^name = .*/name = \"run-$name\"/; s/^sine-f32 = .*/$name = { path = \"..\/$name\" }/" "$folder/Cargo.toml"
  { sed "s/NETWORK/${name//-/_}/" <<'RUST'
//! Learns on the device, sample by sample, in memory that was laid out beforehand.
#![cfg_attr(not(feature = "std"), no_std, no_main)]

extern crate alloc;

use alloc::alloc::{Layout, alloc_zeroed};
use NETWORK as net;
use tress_conformance::{machine, print};

machine::program!(run);

struct Memory {
    arena: net::LearningArena,
    weights: [f32; net::WEIGHTS.len()],
    updates: [f32; net::WEIGHTS.len()],
}

fn run() -> bool {
    let layout = Layout::new::<Memory>();
    // SAFETY: the memory has a size, zeros are numbers, and nothing else has this block.
    let memory = unsafe { &mut *alloc_zeroed(layout).cast::<Memory>() };
    memory.weights.iter_mut().zip(&net::WEIGHTS).for_each(|(weight, given)| *weight = KEPT * given);
    let (mut first, mut last) = ([0.0; TASKS], [0.0; TASKS]);
    let before = machine::ticks();
    for step in 0..STEPS {
        let losses = teach(memory, step % SAMPLES);
        for (task, loss) in losses.into_iter().enumerate() {
            if step < SAMPLES { first[task] += loss / SAMPLES as f32 }
            if step >= STEPS - SAMPLES { last[task] += loss / SAMPLES as f32 }
        }
    }
    let ticks = machine::ticks().wrapping_sub(before);
    machine::write(b"learned losses ");
    print::decimal(f64::from(first.iter().sum::<f32>()), 9);
    machine::write(b" ");
    print::decimal(f64::from(last.iter().sum::<f32>()), 9);
    print::entry("arena", size_of::<Memory>() as u64);
    print::entry("times", u64::from(STEPS));
    print::entry("ticks", ticks);
    machine::figures();
    machine::write(b"\n");
    (0..TASKS).all(|task| last[task] < 0.2 * first[task])
}
RUST
    exports_lesson_$lesson
  } >"$folder/src/main.rs"
}

exports_lesson_sine() {
  cat <<'RUST'

const TASKS: usize = 1;
const STEPS: u32 = 4000;
const SAMPLES: u32 = 40;
/// Half of each weight: far from the sine, but no saddle.
const KEPT: f32 = 0.5;

/// Bhaskara's fraction for the sine, between -pi and pi.
fn sine(x: f32) -> f32 {
    let size = x.abs() * (core::f32::consts::PI - x.abs());
    let value = 16.0 * size / (5.0 * core::f32::consts::PI * core::f32::consts::PI - 4.0 * size);
    if x < 0.0 { -value } else { value }
}

fn teach(Memory { arena, weights, updates }: &mut Memory, sample: u32) -> [f32; TASKS] {
    let x = (sample * 17 % SAMPLES) as f32 / SAMPLES as f32 * 6.2 - 3.1;
    net::learn(arena, weights, updates, &[x], &[sine(x)], 0.02)
}
RUST
}

# The tasks of embedded/conformance/src/training.rs, from weights that nobody has trained.
exports_lesson_two() {
  cat <<'RUST'

const TASKS: usize = 2;
const STEPS: u32 = 4000;
const SAMPLES: u32 = 16;
const KEPT: f32 = 1.0;

fn teach(Memory { arena, weights, updates }: &mut Memory, sample: u32) -> [f32; TASKS] {
    let sample = sample * 5 % SAMPLES;
    let [x, y] = [sample / 4, sample % 4].map(|place| place as f32 / 2.0 - 0.75);
    net::learn(arena, weights, updates, &[x, y], &[x + y], &[x * y], 0.05)
}
RUST
}

# A program around an exported network: evaluates the example, compares, counts.
exports_program() {
  local name=$1 input=$2 crate="${1//-/_}" folder="$EXPORTS/run-$1" output
  shift 2
  mkdir -p "$folder/src"
  cat >"$folder/Cargo.toml" <<TOML
[workspace]

[package]
name = "run-$name"
version = "0.0.0"
edition = "2024"

[features]
std = ["tress-conformance/std"]

[dependencies]
tress-conformance = { path = "$root/embedded/conformance" }
$name = { path = "../$name", package = "$name" }

[profile.release]
opt-level = "s"
lto = "fat"
codegen-units = 1
panic = "abort"
TOML
  # The names of Cargo are those of the folders with dashes, as \`tress export\` gives them.
  {
    cat <<'RUST'
//! Evaluates an exported network on its example, and counts what that takes.
#![no_std]
#![no_main]

extern crate alloc;

use alloc::alloc::{Layout, alloc_zeroed};
use tress_conformance::{machine, print};

machine::program!(run);
RUST
    echo "use $crate as net;"
    cat <<'RUST'

fn run() -> bool {
    // The arena is all that is asked of the heap: what is counted there is what was planned.
    let layout = Layout::new::<net::Arena>();
    // SAFETY: an arena has a size, zeros are numbers, and nothing else has this block.
    let arena = unsafe { &mut *alloc_zeroed(layout).cast::<net::Arena>() };
RUST
    local arguments="arena, core::hint::black_box(&net::EXAMPLE_${input^^})" checks="" first=""
    for output in "$@"; do
      echo "    let mut $output = [Default::default(); net::EXAMPLE_${output^^}.len()];"
      arguments="$arguments, &mut $output"
      checks="$checks && $output == net::EXAMPLE_${output^^}"
    done
    echo "    let before = machine::ticks();"
    echo "    for _ in 0..TIMES { net::infer($arguments); }"
    echo "    let ticks = machine::ticks().wrapping_sub(before);"
    echo "    let fine = ${checks# && };"
    cat <<'RUST'
    machine::write(if fine { b"exported same" } else { b"exported DIFFERENT" });
    print::entry("arena", net::ARENA as u64);
    print::entry("example", EXAMPLE);
    print::entry("macs", net::MULTIPLY_ADDS as u64);
    print::entry("times", u64::from(TIMES));
    print::entry("ticks", ticks);
    machine::figures();
    machine::write(b"\n");
    fine
}
RUST
    echo "const EXAMPLE: u64 = (size_of_val(&net::EXAMPLE_${input^^})$(printf ' + size_of_val(&net::EXAMPLE_%s)' "${@^^}")) as u64;"
    echo "const TIMES: u32 = $([[ $name == sine* ]] && echo 100 || echo 2);"
  } >"$folder/src/main.rs"
}

# Which networks a board runs: all that its memory takes.
exports_run() {
  local name=$1 machine=$2 target=$3 rom=$4 ram=$5 factor=$6 heap=$7 net file out status
  local nets=(sine-lean sine-f32 sine-i8 sine-learn sine-head two-learn one-head two-heads speech-i8 deep norms depthwise-i8 pointwise-i8 lenet-f32 lenet-i8)
  [ "$name" != m4 ] || nets+=(narrow-i8 wide-i8)
  # As floats the network of `tress train` has too large an arena for the M0.
  [ "$name" != m0 ] || nets=("${nets[@]/lenet-f32/}")
  # What these programs ask of the heap is their arena.
  [ "$heap" -ge 8192 ] || heap=8192
  bare_ready "$target" || { skip "$name" "no Rust"; return; }
  exports_make
  local scripts
  scripts="$(board_script "$rom" "$ram")"
  for net in "${nets[@]}"; do
    [ -n "$net" ] && only $net || continue
    (cd "$EXPORTS/run-$net" && TRESS_HEAP=$heap bare_cargo "$target" rustc --quiet --release -- \
      "-Clink-arg=-T$root/embedded/cortex-m.ld" "-Clink-arg=-L$scripts")
    file="$(product_of "$target" release "run-$net")"
    status=0
    out="$(machine_arm "$machine" "$file")" || status=$?
    [ $status != 125 ] || { skip "$name" "no qemu-system-arm"; return; }
    if [ $net = sine-lean ]; then
      note "$name" $net "$(flash "$file")" "$factor" <<<"lean ${out:-right} heap $(static_ram "$file")"
    else
      note "$name" "$net" "$(flash "$file")" "$factor" <<<"$out"
    fi
    [ $status = 0 ] || { echo "$name $net ended with $out" >&2; return 1; }
    # What was said before anything was built, by `tress fit` or by the export.
    local row=floats said
    [[ $net != *-i8 ]] || row=bytes
    said="${net%-f32}"
    case $net in
      sine-lean)
        # Nothing asks for memory: no allocator is linked.
        ! nm -C "$file" | grep -E 'machine::heap|alloc::|__rust_alloc|Arena as' >&2 ||
          { echo "$name $net: an allocator is linked" >&2; return 1; }
        ;;
      sine-learn | sine-head | two-learn)
        # `tress fit` says what learning all weights takes; where one head learns, less is linked, and the export says the memory.
        local fit="$EXPORTS/fit-${net%-*}-$name"
        said="$(awk '$1 == "learning" { print $4 }' "$fit")"
        note "$name" "$net-fit" "$said" "$factor" < <(
          if [ $net = sine-head ]; then awk -F'[ ,]+' '/^learning:/ { print "fit arena", $3 + $8 }' "$EXPORTS/said-$net"
          else awk -F'[ ,]+' '/^A step of learning:/ { print "fit arena", $6 + $10 }' "$fit"; fi | sed "s/$/ stack $(exports_stack "$fit")/")
        ;;
      *)
        local fit="$EXPORTS/fit-${said%-i8}-$name"
        said="$(awk -v row=$row '$1 == row { print $4, $5 }' "$fit")"
        note "$name" "$net-fit" "${said% *}" "$factor" <<<"fit arena ${said#* } stack $(exports_stack "$fit")"
        ;;
    esac
  done
}

# Learning two tasks on a machine that is no board: the digits must be those of the boards. Its target; host is this machine with std.
exports_learnt() {
  local name=$1 target=$2 net=run-two-learn file
  exports_make
  if [ "$target" = host ]; then
    (cd "$EXPORTS/$net" && cargo build --quiet --release --features std)
    file="$CARGO_TARGET_DIR/release/$net"
    note_run "$name" two-learn - 0 "$file"
    return
  fi
  (cd "$EXPORTS/$net" && bare_cargo "$target" rustc --quiet --release)
  file="$(product_of "$target" release $net)"
  case $target in
    wasm32-*)
      note_run "$name" two-learn "$(stat -c %s "$file")" 0 node --no-warnings embedded/wasm.mjs "$file"
      ;;
    *)
      note_run "$name" two-learn "$(flash "$file")" 0 machine_aarch64 cortex-a53 "$file"
      ;;
  esac
}
