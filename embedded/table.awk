# The table of embedded/run, and its verdict: lines of `machine program flash factor name key value ..` come in. `limits` names a
# file of `machine program flash heap stack instructions`, none of which may be exceeded; `-` is no limit. `page` is a document
# whose rows `| machine | program | flash | heap | stack | instructions | .. |` may not be further than 3 % from what was found;
# such rows are left in `to`/rows, and each must be in the document. `wanted` may have --limits. Every line of `limits` must have
# been measured, of each machine that ran programs of ours at all: on boards, whose names and flash `boards` has, of the programs in
# `only`, if it has any. `demands` names the instruction sets that must have trained, as `machine:set`. No lines at all are a mistake.

# Not so NaN, which no comparison holds against anything.
function is_number(text) { return text ~ /^-?[0-9]+[.][0-9]+$/ }

function beside(a, b) { return a > b ? a - b : b - a }

function relative(a, b) { return a > b ? (a - b) / a : (b - a) / b }

# How far two numbers are apart that differ in their last four digits of sixteen kinds at most.
function apart(a, b) {
  if (substr(a, 1, length(a) - 4) != substr(b, 1, length(b) - 4)) return 65536
  a = low(a) - low(b)
  return a < 0 ? -a : a
}

function low(text, i, n) {
  for (i = length(text) - 3; i <= length(text); i++) n = 16 * n + index("0123456789abcdef", substr(text, i, 1)) - 1
  return n
}

function wrong(text) { wrongs[++mistakes] = text }

function within(what, found, limit) {
  if (limit != "-" && found != "-" && found + 0 > limit + 0)
    wrong(machine " " program ": " what " " found " is more than the limit of " limit " (embedded/limits)")
}

# A number with a blank between thousands.
function spaced(n, out) {
  if (n == "-" || n == "") return "-"
  for (out = ""; length(n) > 3; n = substr(n, 1, length(n) - 3)) out = " " substr(n, length(n) - 2) out
  return n out
}

# As much more, but no more than the flash of a board: a limit beyond what there is would never be reached.
function within_board(board, n) { return (board in rom) && n > rom[board] ? rom[board] : n }

function more(n, percent) { return n == "-" || n == "" ? "-" : int(n * (1 + percent / 100) + 0.999) }

# Whether a figure of the document is no longer true.
function stale(what, found, said) {
  gsub(/ /, "", said)
  if (said == "-" && found == "-") return
  if (said == "-" || found == "-" || relative(said + 0.001, found + 0.001) > 0.03)
    wrong(key ": " page " says " what " " said ", and it is " found "; put it anew with embedded/run --write")
}

BEGIN {
  count = split(boards, word, " ")
  for (i = 1; i < count; i += 2) rom[word[i]] = word[i + 1]
  demanded = split(demands, demand, " ")
  count = split(only, word, " ")
  for (i = 1; i <= count; i++) chosen[word[i]] = 1
  while ((getline line < limits) > 0) {
    split(line, word, " ")
    if (line !~ /^#/ && line != "") {
      limit[word[1] " " word[2]] = word[3] " " word[4] " " word[5] " " word[6]
      limited[word[1]] = 1
      if ((word[1] in rom) && word[3] > rom[word[1]])
        wrong(word[1] " " word[2] ": the limit of " word[3] " bytes of flash is more than the board has (embedded/limits)")
    }
  }
}

{
  machine = $1; program = $2; flash = $3; factor = $4
  if (program !~ /^(peer|cost)-/) ran[machine] = 1
  set = program == "train" ? $5 : "-"
  if (program == "train") trained[machine ":" set] = 1
  split("", found)
  for (i = 5; i < NF; i++) found[$i] = $(i + 1)
}

# What `tress fit` said before anything was built. Of what the programs that count took: the arena to the byte, and the stack at most.
# Of the least program around the network, `lean`: its `static`s, which are the arenas and a few words, and its flash, within bounds of
# which the upper is no more than half as much again as what it takes.
$5 == "fit" {
  if (program !~ /-fit$/) next
  net = machine " " substr(program, 1, length(program) - 4)
  if (net in arena) {
    planned++
    if (arena[net] != found["arena"]) wrong(net ": the arena was to take " found["arena"] " bytes, and takes " arena[net])
    if (found["stack"] + 0 <= 0 || deep[net] + 0 <= 0 || deep[net] + 0 > found["stack"] + 0)
      wrong(net ": the stack was to take " found["stack"] " bytes at most, and takes " deep[net])
  }
  if ("static" in found) {
    stood++
    beyond = found["static"] - found["statics"]
    if (!(found["statics"] > 0) || beyond < 0 || beyond > 8)
      wrong(net ": static memory was to take " found["statics"] " bytes and a few words, and takes " found["static"])
    if (!(found["from"] > 0) || found["static"] + deep[net] > found["ram"] + 0 || found["static"] + deep[net] < found["from"] + 0)
      wrong(net ": RAM was to take " found["from"] " to " found["ram"] " bytes, and takes " found["static"] " and a stack of " deep[net])
  }
  if ("lean" in found) {
    bounded++
    lower = found["least"] + 0; upper = found["most"] + 0; lean = found["lean"] + 0
    if (!(lower > 0 && lean >= lower && lean <= upper))
      wrong(net ": flash was to take " lower " to " upper " bytes, and takes " lean)
    # Those that no price was fitted to (embedded/bounds) are held within the bounds, however wide.
    if (!("held" in found) && upper > 1.5 * lean) wrong(net ": flash was to take up to " upper " bytes, which is over 1.5 times the " lean " that it takes")
  }
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
  per = "times" in found ? found["times"] : program ~ /^infer/ ? 100 : 60
  instructions = ticks == "" || factor == 0 ? "-" : int(ticks * factor / per)
  heap = "heap" in found ? found["heap"] : "-"
  stack = "stack" in found ? found["stack"] : "-"
  time = ticks == "" ? "-" : factor > 0 ? instructions " instr" : sprintf("%.1f us", ticks / per / 1000)
  if ($5 ~ /^(exported|header|learned|lean)$/) exported++
  if ("fences" in found) {
    if ("heap" in found) heap = found["heap"] -= found["fences"]
    if ($6 == "OUTSIDE") wrong(machine " " program ": writes outside of its memory")
    if (!(found["fences"] > 0)) wrong(machine " " program ": has no fences around its memory")
  }
  if ($5 == "exported") {
    arena[machine " " program] = found["heap"]
    deep[machine " " program] = stack
    if ($6 != "same") wrong(machine " " program ": other outputs than on the machine that exported it")
    if (found["heap"] != found["arena"])
      wrong(machine " " program ": the heap took " found["heap"] " bytes, the arena has " found["arena"])
    first = $6
    if (factor > 0) second = sprintf("%.2f instr a multiply-add", ticks * factor / per / found["macs"])
  }
  # A header in C on a board.
  if ($5 == "header") {
    first = $6
    deep[machine " " program] = stack
    if (first != "same") wrong(machine " " program ": the header gives other outputs than the machine that wrote it")
    second = sprintf("%.2f instr a multiply-add", ticks * factor / per / found["macs"])
  }
  if ($5 == "learned") {
    arena[machine " " program] = found["heap"]
    deep[machine " " program] = stack
    learners[program]++
    if (!(program in learned)) learned[program] = first " " second
    else if (learned[program] != first " " second)
      wrong(machine " " program ": learns " first " " second ", not " learned[program])
  }
  if (program == "bytes") {
    summed++
    if (sums == "") sums = first
    else if (sums != first) wrong(machine ": whole numbers give " first ", not " sums)
  }
  calls[machine " " program] = instructions
  row[++rows] = sprintf("%-13s %-9s %-8s %8s %7s %7s %14s  %s %s", machine, program, set, flash, heap, stack, time, first, second)
  key = machine " " program
  if (machine !~ /^(host|page)/ && !(key in figures)) measured[++keys] = key
  figures[key] = flash " " heap " " stack " " instructions
  note[key] = second ~ /instr/ ? sprintf("%.2f a multiply-add", second) : ""
  if (!(key in limit) && machine in limited && program !~ /^(peer|cost)-/) wrong(key ": has no line in embedded/limits")
  if (key in limit) {
    held++
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
      scalars++
      if (reference == "") { reference = exact; from = machine; a = first; b = second; split(answers, told, " ") }
      else if (exact != reference) wrong(machine ": the scalar path differs from that of " from ": " exact)
    } else if (reference != "") {
      vectors++
      if (!is_number(first) || !is_number(second) || !(relative(first, a) <= bound && relative(second, b) <= bound))
        wrong(machine " " set ": losses " first " " second " are further than " bound " from " a " " b)
      split(answers, answered, " ")
      if (!is_number(answered[1]) || !is_number(answered[2]) || !(beside(answered[1], told[1]) <= bound && beside(answered[2], told[2]) <= bound))
        wrong(machine " " set ": answers " answers " are further than " bound " from " told[1] " " told[2])
    } else unheld[++waiting] = machine " " set
  }
  # Bits of a float, in hexadecimal: the same on all boards, and within some units of the last place on machines with vectors.
  if (program ~ /^infer/ && factor > 0) {
    if (inferred == "") inferred = first
    else if (first != inferred) wrong(machine " " program ": infers " first ", not " inferred)
  }
  if (program ~ /^infer/) {
    if (answer == "") answer = first
    else if (apart(first, answer) > 16) wrong(machine " " program ": infers " first ", not " answer)
  }
  if (program == "head") {
    if (taught == "") taught = first " " second
    else if (first " " second != taught) wrong(machine ": a head learns " first " " second ", not " taught)
  }
}

END {
  if (NR == 0) { print "WRONG nothing was measured"; exit 1 }
  for (i = 1; i <= demanded; i++) if (!(demand[i] in trained)) {
    split(demand[i], name, ":")
    wrong(name[1] ": did not train with " name[2] ", which it has")
  }
  for (i = 1; i <= waiting; i++) wrong(unheld[i] ": nothing from a scalar path came before, to hold it against")
  for (key in limit) {
    split(key, name, " ")
    if (!(name[1] in ran) || key in figures || (name[1] in rom) && only != "" && !(name[2] in chosen)) continue
    wrong(key ": has a line in embedded/limits, and was not measured: it did not run, or does not fit")
  }
  for (key in calls) if (sub(/ two-heads$/, "", key)) {
    one = calls[key " one-head"]; two = calls[key " two-heads"]
    # Two heads of 64 multiply-adds each on a trunk of 5 120.
    if (one != "-" && two > 1.05 * one) wrong(key ": two heads take " two " instructions, and one takes " one)
  }
  rows_file = to "/rows"
  for (i = 1; i <= keys; i++) {
    key = measured[i]
    split(key, name, " "); split(figures[key], figure, " ")
    printf "| %s | `%s` | %s | %s | %s | %s | %s |\n", name[1], name[2], spaced(figure[1]), spaced(figure[2]), spaced(figure[3]),
      spaced(figure[4]), note[key] >rows_file
  }
  close(rows_file)
  if (page != "") while ((getline line < page) > 0) {
    if (split(line, cell, /[ `]*\|[ `]*/) < 8) continue
    key = cell[2] " " cell[3]
    if (!(key in figures)) continue
    documented[key] = 1
    split(figures[key], figure, " ")
    stale("flash", figure[1], cell[4]); stale("heap", figure[2], cell[5])
    stale("stack", figure[3], cell[6]); stale("instructions", figure[4], cell[7])
    sub(/ a multiply-add/, "", cell[8])
    each = note[key]
    sub(/ a multiply-add/, "", each)
    stale("instructions a multiply-add", each == "" ? "-" : each, cell[8] == "" ? "-" : cell[8])
  }
  if (page != "") for (i = 1; i <= keys; i++)
    if (!(measured[i] in documented)) wrong(measured[i] ": has no row in " page "; put it there with embedded/run --write")
  if (wanted ~ /--limits/) for (i = 1; i <= keys; i++) {
    key = measured[i]
    split(key, name, " "); split(figures[key], figure, " ")
    if (name[2] ~ /^(peer|cost)-/) continue
    printf "%s %s %s %s %s %s\n", name[1], name[2], within_board(name[1], more(figure[1], 4)), more(figure[2], 3), more(figure[3], 15), more(figure[4], 4)
  }
  printf "%-13s %-9s %-8s %8s %7s %7s %14s  %s\n", "machine", "program", "set", "flash", "heap", "stack", "per step/call", "losses, sum, or outputs"
  for (i = 1; i <= rows; i++) print row[i]
  for (i = 1; i <= mistakes; i++) print "WRONG " wrongs[i]
  if (mistakes == 0) {
    if (scalars) print "the same digits on each of " scalars " scalar paths that trained"
    if (vectors) print "each of " vectors " vector paths that trained within " bound " of them"
    if (summed) print "the same sums of whole numbers, " summed " times"
    if (exported) print exported " exported programs as on the machine that exported them"
    if (planned) print planned " arenas to the byte as was said beforehand, and no more stack"
    if (stood) print stood " programs with no other static memory than was said"
    if (bounded) print bounded " programs within their bounds of flash; but for those held out the upper is at most 1.5 times what they take"
    for (program in learned) if (learners[program] > 1) print program " learns the same digits on " learners[program] " machines"
    if (held) print held " lines within embedded/limits"
    print rows " lines measured" (page != "" ? ", as " page " says" : "")
  }
  exit mistakes > 0
}
