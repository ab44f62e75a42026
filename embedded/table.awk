# The table of embedded/run, and its verdict: lines of `machine program flash factor name key value ..` come in. `limits` names a
# file of `machine program flash heap stack instructions`, none of which may be exceeded; `-` is no limit.

function relative(a, b) { return a > b ? (a - b) / a : (b - a) / b }

function wrong(text) { wrongs[++mistakes] = text }

function within(what, found, limit) {
  if (limit != "-" && found != "-" && found + 0 > limit + 0)
    wrong(machine " " program ": " what " " found " is more than the limit of " limit " (embedded/limits)")
}

BEGIN {
  while ((getline line < limits) > 0) {
    split(line, word, " ")
    if (line !~ /^#/ && line != "") {
      limit[word[1] " " word[2]] = word[3] " " word[4] " " word[5] " " word[6]
      limited[word[1]] = 1
    }
  }
}

{
  machine = $1; program = $2; flash = $3; factor = $4
  set = program == "train" ? $5 : "-"
  split("", found)
  for (i = 5; i < NF; i++) found[$i] = $(i + 1)
}

# What `tress fit` said before anything was built: bytes of flash at most, and the arena to the byte.
$5 == "fit" {
  if (program !~ /-fit$/) next
  net = machine " " substr(program, 1, length(program) - 4)
  if (arena[net] != found["arena"]) wrong(net ": the arena was to take " found["arena"] " bytes, and takes " arena[net])
  if (taken[net] + 0 > flash + 0) wrong(net ": flash was to take " flash " bytes at most, and takes " taken[net])
  next
}

{
  first = second = ""
  for (i = 6; i <= NF; i++) {
    if ($i == "losses") { first = $(i + 1); second = $(i + 2) }
    if ($i == "answers") answers = $(i + 1) " " $(i + 2)
    if ($i == "sum") first = $(i + 1)
  }
  ticks = found["ticks"]
  per = "times" in found ? found["times"] : program == "infer" ? 100 : 60
  instructions = ticks == "" || factor == 0 ? "-" : int(ticks * factor / per)
  heap = "heap" in found ? found["heap"] : "-"
  stack = "stack" in found ? found["stack"] : "-"
  time = ticks == "" ? "-" : factor > 0 ? instructions " instr" : sprintf("%.1f us", ticks / per / 1000)
  if ($5 == "exported") {
    arena[machine " " program] = found["heap"]
    taken[machine " " program] = flash - found["example"]
    if ($6 != "same") wrong(machine " " program ": other outputs than on the machine that exported it")
    if (found["heap"] != found["arena"])
      wrong(machine " " program ": the heap took " found["heap"] " bytes, the arena has " found["arena"])
    first = $6
    if (factor > 0) second = sprintf("%.2f instr a multiply-add", ticks * factor / per / found["macs"])
  }
  if ($5 == "learned") {
    if (learned == "") learned = first " " second
    else if (learned != first " " second) wrong(machine " " program ": learns " first " " second ", not " learned)
    if (found["heap"] != found["arena"]) wrong(machine " " program ": more heap than was planned")
  }
  row[++rows] = sprintf("%-13s %-9s %-8s %8s %7s %7s %14s  %s %s", machine, program, set, flash, heap, stack, time, first, second)
  key = machine " " program
  if (!(key in limit) && machine in limited) wrong(key ": has no line in embedded/limits")
  if (key in limit) {
    split(limit[key], most, " ")
    within("flash", flash, most[1])
    within("heap", heap, most[2])
    within("stack", stack, most[3])
    within("instructions", instructions, most[4])
  }
  if (program == "train") {
    if (first == "") { wrong(machine " " set ": " $0); next }
    exact = first " " second " " found["weights"] " " answers
    if (set == "scalar") {
      if (reference == "") { reference = exact; from = machine; a = first; b = second }
      else if (exact != reference) wrong(machine ": the scalar path differs from that of " from ": " exact)
    } else if (reference != "" && (relative(first, a) > bound || relative(second, b) > bound)) {
      wrong(machine " " set ": losses " first " " second " are further than " bound " from " a " " b)
    }
  }
  if (program == "infer") {
    if (answer == "") answer = first
    else if (relative(first, answer) > 1e-5) wrong(machine ": infers " first ", not " answer)
  }
}

END {
  printf "%-13s %-9s %-8s %8s %7s %7s %14s  %s\n", "machine", "program", "set", "flash", "heap", "stack", "per step/call", "losses, sum, or outputs"
  for (i = 1; i <= rows; i++) print row[i]
  for (i = 1; i <= mistakes; i++) print "WRONG " wrongs[i]
  if (mistakes == 0) {
    print "the same digits on every scalar path, and every vector path within " bound " of them;"
    print "exported networks as on the machine that exported them, in the arena that was planned; all within embedded/limits"
  }
  exit mistakes > 0
}
