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
# Two of the networks of embedded/bounds, to which no price of `tress fit` was fitted.
EXPORTS_HELD_FLOATS=dense:3,12/sin,6/sqrt:y=2
EXPORTS_HELD_BYTES=conv:2x14x14,6x3x3,5x1x1:y=3

exports_make() {
  [ -z "${exports_made:-}" ] || return 0
  exports_made=1
  rm -rf "$EXPORTS"
  mkdir -p "$EXPORTS"
  exports_tress
  (cd "$root" && env "CARGO_TARGET_DIR=${CARGO_TARGET_DIR%/conformance}" \
    cargo run --quiet --locked --example sine -- "$EXPORTS/sine.safetensors" >/dev/null)
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
  "$tress" export "$EXPORTS_HELD_FLOATS" --rust "$EXPORTS/held-f32" $library >/dev/null
  "$tress" export "$EXPORTS_HELD_BYTES" --rust "$EXPORTS/held-i8" $library --int8 --samples 20 >/dev/null
  local net
  for net in held-f32 held-i8; do
    exports_manifest $net
    exports_lean $net x y
  done
  for board in m0 m4; do
    exports_fit $board held-f32 "$EXPORTS_HELD_FLOATS"
    exports_fit $board held-i8 "$EXPORTS_HELD_BYTES"
  done
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
  exports_learn sine-learn sine x y
  exports_learn sine-head sine
  exports_learn two-learn two x sum product
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

# Builds `tress`, in the workspace's own target folder: what its tests have built serves.
exports_tress() {
  (cd "$root" && env "CARGO_TARGET_DIR=${CARGO_TARGET_DIR%/conformance}" cargo build --quiet --locked -p tress-cli)
  tress="${CARGO_TARGET_DIR%/conformance}/debug/tress"
}

# What `tress fit` says of a network on a board; that it does not fit is an answer as well.
exports_fit() { "$tress" fit "$3" --target $1 >"$EXPORTS/fit-$2-$1" || true; }

# The bytes that it leaves for the stack at most.
exports_stack() { sed -n 's/.* bytes of RAM at least and \([0-9]*\) at most are for the stack.*/\1/p' "$1"; }

# The least program around an exported network, beside the one that counts: static arenas, an evaluation, and an end that says whether
# it was right. Where the network learns, some steps before, and weights in RAM. Its flash and its `static`s are what `tress fit` is
# held against. The name, the inputs (one word), the outputs.
exports_lean() {
  local name=$1 inputs=$2 input others="" file="$EXPORTS/run-$1/src/bin/lean-$1.rs" output learns=
  shift 2
  for input in ${inputs#* }; do [ "$inputs" = "$input" ] || others="$others, core::hint::black_box(&net::EXAMPLE_${input^^})"; done
  input=${inputs%% *}
  [[ $name != *-learn ]] || learns=1
  mkdir -p "${file%/*}"
  {
    echo '//! Evaluates an exported network once, with nothing around it.'
    printf '#![no_std]\n#![no_main]\n\nuse core::cell::UnsafeCell;\nuse %s as net;\n' "${name//-/_}"
    cat <<'RUST'
use tress_conformance::machine;

machine::program!(run);

struct Alone<T>(UnsafeCell<T>);
// SAFETY: there is one thread, and `run` is called once.
unsafe impl<T> Sync for Alone<T> {}
static ARENA: Alone<net::Arena> = Alone(UnsafeCell::new(net::Arena::new()));
RUST
    [ -z "$learns" ] || cat <<'RUST'
static LEARNING: Alone<net::LearningArena> = Alone(UnsafeCell::new(net::LearningArena::new()));
static NUMBERS: Alone<[[f32; net::WEIGHTS.len()]; 2]> = Alone(UnsafeCell::new([[0.0; net::WEIGHTS.len()]; 2]));
RUST
    printf '\nfn run() -> bool {\n'
    for output in "$@"; do echo "    let mut $output = [Default::default(); net::EXAMPLE_${output^^}.len()];"; done
    echo "    let x = core::hint::black_box(&net::EXAMPLE_${input^^});"
    [ -z "$learns" ] || cat <<RUST
    // SAFETY: nothing else looks at these.
    let (arena, [weights, updates]) = unsafe { (&mut *LEARNING.0.get(), &mut *NUMBERS.0.get()) };
    *weights = net::WEIGHTS;
    for _ in 0..10 {
        core::hint::black_box(net::learn(arena, weights, updates, x,$(printf ' &[0.5; net::EXAMPLE_%s.len()],' "${@^^}") 0.01));
    }
RUST
    echo '    // SAFETY: nothing else looks at the arena.'
    echo "    net::infer(unsafe { &mut *ARENA.0.get() }, ${learns:+weights, }x$others$(printf ', &mut %s' "$@"));"
    # Who has learnt gives another answer, of numbers.
    local right="== net::EXAMPLE_"
    [ -z "$learns" ] || right="!= net::EXAMPLE_"
    for output in "$@"; do
      echo "    let $output = $output $right${output^^}${learns:+ && $output.iter().all(|y| y.is_finite())};"
    done
    printf '    %s' "$1"
    shift
    [ $# = 0 ] || printf ' && %s' "$@"
    printf '\n}\n'
  } >"$file"
}

# A device that learns with the exported function and nothing else, sample by sample, in memory that was laid out beforehand. What
# it learns is the second argument: the sine anew, all of it or the last layer, from weights that were spoilt; or two tasks. Then the
# input and the outputs, if all weights learn.
exports_learn() {
  local name=$1 lesson=$2 folder="$EXPORTS/run-$1"
  shift 2
  mkdir -p "$folder/src"
  cp "$EXPORTS/run-sine-f32/Cargo.toml" "$folder/"
  sed -i "s/^name = .*/name = \"run-$name\"/; s/^sine-f32 = .*/$name = { path = \"..\/$name\" }/" "$folder/Cargo.toml"
  { sed "s/NETWORK/${name//-/_}/" <<'RUST'
//! Learns on the device, sample by sample, in memory that was laid out beforehand.
#![cfg_attr(not(feature = "std"), no_std, no_main)]

extern crate alloc;

use alloc::alloc::{Layout, alloc_zeroed};
use NETWORK as net;
use tress_conformance::{fence::Fence, machine, print};

machine::program!(run);

/// A fence on each side of each part.
#[repr(C)]
struct Memory {
    a: Fence,
    arena: net::LearningArena,
    b: Fence,
    weights: [f32; net::WEIGHTS.len()],
    c: Fence,
    updates: [f32; net::WEIGHTS.len()],
    d: Fence,
}

impl Memory {
    fn fences(&mut self) -> [&mut Fence; 4] { [&mut self.a, &mut self.b, &mut self.c, &mut self.d] }
}

fn run() -> bool {
    let layout = Layout::new::<Memory>();
    // SAFETY: the memory has a size, zeros are numbers, and nothing else has this block.
    let memory = unsafe { &mut *alloc_zeroed(layout).cast::<Memory>() };
    memory.fences().into_iter().for_each(Fence::raise);
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
    let kept = memory.fences().iter().all(|fence| fence.stands());
    machine::write(if kept { b"learned losses " } else { b"learned OUTSIDE losses " });
    print::decimal(f64::from(first.iter().sum::<f32>()), 9);
    machine::write(b" ");
    print::decimal(f64::from(last.iter().sum::<f32>()), 9);
    print::entry("fences", 4 * size_of::<Fence>() as u64);
    print::entry("times", u64::from(STEPS));
    print::entry("ticks", ticks);
    machine::figures();
    machine::write(b"\n");
    kept && (0..TASKS).all(|task| last[task] < 0.2 * first[task])
}
RUST
    exports_lesson_$lesson
  } >"$folder/src/main.rs"
  [ $# = 0 ] || exports_lean "$name" "$@"
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

fn teach(Memory { arena, weights, updates, .. }: &mut Memory, sample: u32) -> [f32; TASKS] {
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

fn teach(Memory { arena, weights, updates, .. }: &mut Memory, sample: u32) -> [f32; TASKS] {
    let sample = sample * 5 % SAMPLES;
    let [x, y] = [sample / 4, sample % 4].map(|place| place as f32 / 2.0 - 0.75);
    net::learn(arena, weights, updates, &[x, y], &[x + y], &[x * y], 0.05)
}
RUST
}

# The crate of the programs around a network.
exports_manifest() {
  local name=$1 folder="$EXPORTS/run-$1"
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
}

# A program around an exported network: evaluates the example, compares, counts.
exports_program() {
  local name=$1 input=$2 crate="${1//-/_}" folder="$EXPORTS/run-$1" output
  shift 2
  mkdir -p "$folder/src"
  exports_manifest "$name"
  # The names of Cargo are those of the folders with dashes, as \`tress export\` gives them.
  {
    cat <<'RUST'
//! Evaluates an exported network on its example, and counts what that takes.
#![no_std]
#![no_main]

extern crate alloc;

use alloc::alloc::{Layout, alloc_zeroed};
use tress_conformance::{fence::Fence, machine, print};

machine::program!(run);
RUST
    echo "use $crate as net;"
    cat <<'RUST'

#[repr(C)]
struct Memory {
    before: Fence,
    arena: net::Arena,
    after: Fence,
}

fn run() -> bool {
    // The arena and its fences are all that is asked of the heap: what is counted there is what was planned.
    let layout = Layout::new::<Memory>();
    // SAFETY: the memory has a size, zeros are numbers, and nothing else has this block.
    let Memory { before: lower, arena, after: upper } = unsafe { &mut *alloc_zeroed(layout).cast::<Memory>() };
    lower.raise();
    upper.raise();
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
    let kept = lower.stands() && upper.stands();
    machine::write(if !kept { b"exported OUTSIDE" } else if fine { b"exported same" } else { b"exported DIFFERENT" });
    print::entry("arena", net::ARENA as u64);
    print::entry("fences", 2 * size_of::<Fence>() as u64);
    print::entry("example", EXAMPLE);
    print::entry("macs", net::MULTIPLY_ADDS as u64);
    print::entry("times", u64::from(TIMES));
    print::entry("ticks", ticks);
    machine::figures();
    machine::write(b"\n");
    fine && kept
}
RUST
    echo "const EXAMPLE: u64 = (size_of_val(&net::EXAMPLE_${input^^})$(printf ' + size_of_val(&net::EXAMPLE_%s)' "${@^^}")) as u64;"
    echo "const TIMES: u32 = $([[ $name == sine* ]] && echo 100 || echo 2);"
  } >"$folder/src/main.rs"
  exports_lean "$name" "$input" "$@"
}

# Bytes of flash that the example of a network takes in a program that looks at all of it.
exports_example() {
  awk -F'[][; ]+' '/^pub static EXAMPLE_/ { sum += $5 * ($4 == "f32" ? 4 : 1) } END { print sum }' "$EXPORTS/$1/src/lib.rs"
}

# Builds one of the programs of a network for a board, and says where it is.
exports_build() { # target, bytes of heap, the folder of the linker's script, network, program
  (cd "$EXPORTS/run-$4" && TRESS_HEAP=$2 bare_cargo "$1" rustc --quiet --release --bin "$5" -- \
    "-Clink-arg=-T$root/embedded/cortex-m.ld" "-Clink-arg=-L$3") || return
  product_of "$1" release "$5"
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
    if [ $net = sine-lean ]; then
      exports_lean_run sine-f32 || return
      note "$name" $net "$(flash "$file")" "$factor" <<<"lean right heap $(static_ram "$file")"
      continue
    fi
    file="$(exports_build "$target" $heap "$scripts" $net run-$net)" || return
    status=0
    out="$(machine_arm "$machine" "$file")" || status=$?
    [ $status != 125 ] || { skip "$name" "no qemu-system-arm"; return; }
    note "$name" "$net" "$(flash "$file")" "$factor" <<<"$out"
    [ $status = 0 ] || { echo "$name $net ended with $out" >&2; return 1; }
    # What was said before anything was built, by `tress fit` or by the export.
    local row=floats said fit
    case $net in
      *-i8) row=bytes ;;
      *-learn) row=learning ;;
    esac
    case $net in
      sine-head)
        # Where one head learns, less is linked, and the export says the memory.
        fit="$EXPORTS/fit-sine-$name"
        said="arena $(awk -F'[ ,]+' '/^learning:/ { print $3 + $8 }' "$EXPORTS/said-$net")"
        ;;
      *-learn)
        fit="$EXPORTS/fit-${net%-*}-$name"
        said="arena $(awk -F'[ ,]+' '/^A step of learning:/ { print $6 + $10 }' "$fit")"
        ;;
      *)
        fit="$(exports_said $net)"
        said="arena $(awk -v row=$row '$1 == row { print $5 }' "$fit")"
        ;;
    esac
    said="$said stack $(exports_stack "$fit")"
    if [ $net != sine-head ]; then
      exports_lean_run $net || return
      # With the weights that learn, which `tress fit` counts among inputs and outputs.
      said="$said $(awk -v row=$row '
        /^A step of learning:/ { split($0, word, /[ ,]+/); beside = word[10] }
        $1 == row { least = $3; most = $4; statics = $5; from = $7; ram = $8 }
        END { print "least", least, "most", most, "statics", statics + (row == "learning" ? beside : 0), "from", from, "ram", ram }' "$fit")"
      said="$said lean $(($(flash "$file") - $(exports_example $net))) static $(static_ram "$file")"
    fi
    note "$name" "$net-fit" - "$factor" <<<"fit $said"
  done
  [[ $name == m[04] ]] || return 0
  for net in held-f32 held-i8; do
    only $net || continue
    # Not run: the root of what is below 0 is no answer.
    file="$(exports_build "$target" $heap "$scripts" $net lean-$net)" || return
    note "$name" "$net-fit" - "$factor" <<<"fit held $(awk -v row=$([ $net = held-i8 ] && echo bytes || echo floats) '
      $1 == row { print "1 least", $3, "most", $4 }' "$EXPORTS/fit-$net-$name") lean $(($(flash "$file") - $(exports_example $net)))"
  done
}

# What `tress fit` said of a network in one of its forms on the board at hand.
exports_said() {
  local net="${1%-f32}"
  echo "$EXPORTS/fit-${net%-i8}-$name"
}

# The least program around a network, for exports_run, whose variables it has: builds it, runs it, and leaves its name in `file`.
exports_lean_run() {
  file="$(exports_build "$target" $heap "$scripts" $1 lean-$1)" || return
  status=0
  out="$(machine_arm "$machine" "$file")" || status=$?
  [ $status != 125 ] || { skip "$name" "no qemu-system-arm"; return; }
  [ $status = 0 ] || { echo "$name lean-$1 ended with ${out:-other outputs}" >&2; return 1; }
  # Nothing asks for memory: no allocator is linked.
  nm -C "$file" >"$EXPORTS/symbols" || { echo "$name lean-$1: nm failed" >&2; return 1; }
  ! grep -E 'machine::heap|alloc::|__rust_alloc|Arena as' "$EXPORTS/symbols" >&2 ||
    { echo "$name lean-$1: an allocator is linked" >&2; return 1; }
}

# Learning two tasks on a machine that is no board: the digits must be those of the boards. Its target; host is this machine with std.
exports_learnt() {
  local name=$1 target=$2 net=run-two-learn file
  exports_make
  if [ "$target" = host ]; then
    (cd "$EXPORTS/$net" && cargo build --quiet --release --features std --bin "$net")
    file="$CARGO_TARGET_DIR/release/$net"
    note_run "$name" two-learn - 0 "$file"
    return
  fi
  (cd "$EXPORTS/$net" && bare_cargo "$target" rustc --quiet --release --bin "$net")
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
