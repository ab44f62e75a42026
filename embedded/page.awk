# docs/embedded.md with the rows of `rows` in place of those for the same machine and program, new ones at the end of the table.
# `<!-- embedded/run -->` stands before its head.

BEGIN {
  while ((getline line < rows) > 0) {
    split(line, cell, /[ `]*\|[ `]*/)
    key = cell[2] " " cell[3]
    if (!(key in row)) order[++count] = key
    row[key] = line
  }
}

/^<!-- embedded\/run -->$/ { inside = 1 }

inside && /^\|/ {
  split($0, cell, /[ `]*\|[ `]*/)
  key = cell[2] " " cell[3]
  if (key in row) { print row[key]; delete row[key]; next }
  begun = 1
}

inside && begun && !/^\|/ {
  for (i = 1; i <= count; i++) if (order[i] in row) print row[order[i]]
  inside = begun = 0
}

{ print }
