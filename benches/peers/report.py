#!/usr/bin/env python3
"""Turns JSON lines into markdown tables: one row per workload, one column per
peer, each cell '1 thread / 2 threads'. Usage: report.py [--min] FILE.jsonl ...
--min tabulates min_s instead of median_s (for runs on a busy machine)."""
import json, sys

use = "min_s" if "--min" in sys.argv else "median_s"
rows, peers = {}, {}
for f in [x for x in sys.argv[1:] if not x.startswith("--")]:
    for line in open(f):
        r = json.loads(line)
        if "skip" in r:
            continue
        g = r["workload"].split("/")[0]
        rows.setdefault(g, {}).setdefault(r["workload"], {})[(r["peer"], r["threads"])] = r
        peers.setdefault(g, {})[r["peer"]] = 1


def fmt(r):
    if r is None:
        return "-"
    s = r[use]
    k = r["median_s"] / s
    g = r["workload"].split("/")[0]
    if g in ("gemm", "conv"):
        return f"{r['gflops'] * k:.0f}" if r["gflops"] * k >= 10 else f"{r['gflops'] * k:.1f}"
    if g in ("train",):
        return f"{r['samples_s'] * k:,.0f}"
    if g == "overhead":
        return f"{1e9 / (r['samples_s'] * k):,.0f} ns"
    if g == "mtl":
        return f"{s * 1e3:.1f} ms"
    return f"{s * 1e6:.3g} us" if s < 1e-3 else f"{s * 1e3:.3g} ms"


UNIT = dict(gemm="GFLOP/s", conv="GFLOP/s", train="samples/s", overhead="time per op", mtl="time per step", elem="time")
for g, ws in rows.items():
    ps = list(peers[g])
    print(f"\n### {g} ({UNIT.get(g, 'time')}; 1 thread / 2 threads)\n")
    print("| workload | " + " | ".join(ps) + " |")
    print("|---" * (len(ps) + 1) + "|")
    for w, d in ws.items():
        cells = []
        for p in ps:
            a, b = d.get((p, 1)), d.get((p, 2))
            cells.append("-" if a is None and b is None else fmt(a) if g == "overhead" and b is None else f"{fmt(a)} / {fmt(b)}")
        print(f"| {w.split('/', 1)[1]} | " + " | ".join(cells) + " |")
