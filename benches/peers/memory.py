#!/usr/bin/env python3
"""Peak memory of the training workloads, engine by engine, as a markdown table.

  memory.py --out run.jsonl         # tress and torch; `report --store` takes what is appended to the file
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
    a.add_argument("--out", help="a file that gets a line of JSON for each figure")
    a.add_argument("--threads", type=int, default=1)
    a = a.parse_args()
    work = [w["id"] for w in json.load(open(os.path.join(HERE, "workloads.json")))
            if w["group"] in ("train", "layer") and a.only in w["id"]]
    print("| workload | " + " | ".join(a.peers) + " |")
    print("|---" * (len(a.peers) + 1) + "|")
    for w in work:
        found = [peak(p, w, a.threads) for p in a.peers]
        if a.out:
            with open(a.out, "a") as f:
                for p, mb in zip(a.peers, found):
                    if mb is not None:
                        f.write(json.dumps({"workload": w, "peer": p, "peak_mb": round(mb, 1)}) + "\n")
        print(f"| {w} | " + " | ".join("-" if mb is None else f"{mb:.1f}" for mb in found) + " |", flush=True)


main()
