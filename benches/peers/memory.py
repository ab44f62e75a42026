#!/usr/bin/env python3
"""Peak memory of the training workloads, engine by engine, as a markdown table.

  memory.py                         # tress and torch
  memory.py --peers tress torch jax --only mlp

Each figure is of a process of its own, in MB: the most that lay in memory while the workload ran (VmHWM), less what the
process took after it had run a tiny one. So neither the libraries count nor the interpreter, but everything the workload
keeps: parameters, moments, gradients, activations, and what an allocator holds back; of torch also some 150 MB of modules
that it loads with its first optimiser, in each figure of group `train`. Linux only. Needs what run.py needs.
"""
import argparse, json, os
from run import HERE, PEERS, Live

TINY = "overhead/tiny_add/4"


def status(pid, name):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith(name + ":"):
            return int(line.split()[1]) / 1024
    raise KeyError(name)


def peak(peer, work, threads):
    live = Live(peer, PEERS[peer], threads, 0, 0, False)
    try:
        live.ask(TINY, 0.05)
        before = status(live.p.pid, "VmRSS")
        with open(f"/proc/{live.p.pid}/clear_refs", "w") as f:
            f.write("5")  # the peak begins here
        answer = live.ask(work, 0.3)
        if answer is None or "skip" in answer:
            return None
        return status(live.p.pid, "VmHWM") - before
    finally:
        live.quit()


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--peers", nargs="+", default=["tress", "torch"])
    a.add_argument("--only", default="")
    a.add_argument("--threads", type=int, default=1)
    a = a.parse_args()
    work = [w["id"] for w in json.load(open(os.path.join(HERE, "workloads.json")))
            if w["group"] in ("train", "layer") and a.only in w["id"]]
    print("| workload | " + " | ".join(a.peers) + " |")
    print("|---" * (len(a.peers) + 1) + "|")
    for w in work:
        found = [peak(p, w, a.threads) for p in a.peers]
        print(f"| {w} | " + " | ".join("-" if mb is None else f"{mb:.1f}" for mb in found) + " |", flush=True)


main()
