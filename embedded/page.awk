# docs/embedded.md with the rows of `rows` in place of those for the same machine and program, and the table in order: machines as
# they are listed here, programs as the document describes them. `<!-- embedded/run -->` stands before the table's head.

BEGIN {
  count = split("m0 m3 m4 m7 m33 m55 linux arm64 arm64-dot wasm-plain wasm-simd128 wasm-relaxed", machines, " ")
  for (i = 1; i <= count; i++) place[machines[i]] = i
  while ((getline line < rows) > 0) keep(line)
}

# The first row that comes for a machine and a program stays.
function keep(line, cell, key) {
  split(line, cell, /[ `]*\|[ `]*/)
  key = cell[2] " " cell[3]
  if (key in row) return
  row[key] = line
  if (!(cell[2] in place)) place[cell[2]] = ++count
  if (!(cell[3] in described)) described[cell[3]] = 1000 + ++others
  rank[key] = place[cell[2]] * 10000
}

# What the document says of programs, in a table of two columns, before the figures.
!inside && /^\| `/ {
  split($0, cell, /\|/)
  while (match(cell[2], /`[^`]+`/)) {
    described[substr(cell[2], RSTART + 1, RLENGTH - 2)] = ++programs
    cell[2] = substr(cell[2], RSTART + RLENGTH)
  }
}

/^<!-- embedded\/run -->$/ { inside = 1 }

inside && /^\| [a-z]+[0-9a-z-]* \| `/ { keep($0); begun = 1; next }

inside && begun {
  for (key in row) {
    split(key, name, " ")
    at = rank[key] + described[name[2]]
    for (i = ++sorted; i > 1 && order[i - 1] > at; i--) { order[i] = order[i - 1]; line_at[i] = line_at[i - 1] }
    order[i] = at
    line_at[i] = row[key]
  }
  for (i = 1; i <= sorted; i++) print line_at[i]
  inside = begun = 0
}

{ print }
