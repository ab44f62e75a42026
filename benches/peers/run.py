#!/usr/bin/env python3
"""Interleaving driver. Starts every peer once with --serve, then for each
workload asks peer A, B, C, A, B, C, ... for one timed slice each, on each number
of threads, and prints one JSON line per (workload, peer, threads) with medians over
the rounds.

  run.py --group gemm --threads 1 2 --out gemm.jsonl
  run.py --planted                                         # engines that make mistakes are refused
  run.py --group gemm --add mine="$MY_BIN --peer mine"     # another binary

Before its first slice a peer says what it makes of the workload (a few sums; losses of training steps), and outcome.py
holds that against expected.json. A peer that makes something else gets no figure: its line says `refused` and why, and
run.py ends with an error.

Needs: PEERS_VENV (a venv with the Python peers), CARGO_TARGET_DIR (where
build.sh put the Rust peers), optional PEERS_ONNX (default a folder under $TMPDIR).
"""
import argparse, glob, json, os, statistics as st, subprocess, sys, time
import outcome

HERE = os.path.dirname(os.path.abspath(__file__))
TGT = os.environ.get("CARGO_TARGET_DIR", os.path.join(HERE, "target"))
PY = os.path.join(os.environ.get("PEERS_VENV", sys.prefix), "bin", "python")
py = lambda f, *x: [PY, os.path.join(HERE, "py", f), *x]
rs = lambda b, peer, flavour="native": [os.path.join(TGT, flavour, "release", b), "--peer", peer]

PEERS = {
    "tress": rs("serve", "tress", "tress"),
    "torch": py("bench_torch.py", "--peer", "torch"),
    "torch-out": py("bench_torch.py", "--peer", "torch-out"),
    "torch-compile": py("bench_torch.py", "--peer", "torch-compile"),
    "jax": py("bench_jax.py", "--peer", "jax"),
    "jax-eager": py("bench_jax.py", "--peer", "jax-eager"),
    "numpy": py("bench_numpy.py"),
    "onnxruntime": py("bench_ort.py"),
    "tinygrad": py("bench_tinygrad.py"),
    "gemm": rs("peer-gemms", "gemm"),
    "matrixmultiply": rs("peer-gemms", "matrixmultiply"),
    "faer": rs("peer-gemms", "faer"),
    "ndarray": rs("peer-gemms", "ndarray"),
    "rten-gemm": rs("peer-gemms", "rten-gemm"),
    "rten": rs("peer-rten", "rten"),
    "candle": rs("peer-candle", "candle"),
    "candle@v4": rs("peer-candle", "candle@v4", "v4"),
    "candle@plain": rs("peer-candle", "candle@plain", "plain"),
    "burn-flex": rs("peer-burn", "burn-flex"),
    "burn-flex@v4": rs("peer-burn", "burn-flex@v4", "v4"),
    "burn-flex@plain": rs("peer-burn", "burn-flex@plain", "plain"),
    "burn-ndarray": rs("peer-burn", "burn-ndarray"),
    "dfdx": rs("peer-dfdx", "dfdx"),
    "gemm@plain": rs("peer-gemms", "gemm@plain", "plain"),
    "matrixmultiply@plain": rs("peer-gemms", "matrixmultiply@plain", "plain"),
}
GROUPS = {
    "gemm": "tress torch jax numpy onnxruntime gemm matrixmultiply faer ndarray rten-gemm candle candle@v4 burn-flex burn-flex@v4 burn-ndarray dfdx",
    "conv": "tress torch jax onnxruntime rten candle candle@v4 burn-flex burn-flex@v4 burn-ndarray",
    "elem": "tress torch torch-out jax numpy onnxruntime rten candle burn-flex burn-ndarray dfdx",
    "train": "tress torch torch-compile jax candle candle@v4 burn-flex burn-flex@v4 burn-ndarray dfdx",
    "layer": "tress torch",
    "mtl": "tress torch",
    "overhead": "tress torch jax jax-eager candle burn-flex burn-ndarray dfdx tinygrad numpy",
}


class Live:
    def __init__(self, name, cmd, threads, core, priority, spreading):
        self.name, self.threads, self.spreading, self.pin = name, threads, spreading, {}
        self.key = (name, threads)
        env = dict(os.environ, PEERS_WORKLOADS=os.path.join(HERE, "workloads.json"))
        for v in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS",
                  "RTEN_NUM_THREADS", "MATMUL_NUM_THREADS"):
            env[v] = str(threads)
        env.setdefault("PEERS_ONNX", os.path.join(os.environ.get("TMPDIR", "/tmp"), "peers-onnx"))

        def pre():
            if threads == 1:
                os.sched_setaffinity(0, {core})
            if priority:
                os.setpriority(os.PRIO_PROCESS, 0, priority)
        self.p = subprocess.Popen(cmd + ["--threads", str(threads), "--serve"], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=env, preexec_fn=pre)

    def waited(self):
        """Seconds this process's threads sat runnable but not running: the
        other load on the machine, as this peer felt it."""
        t = 0
        for f in glob.glob(f"/proc/{self.p.pid}/task/*/schedstat"):
            try:
                t += int(open(f).read().split()[1])
            except (OSError, IndexError, ValueError):
                pass
        return t / 1e9

    def tasks(self):
        t = {}
        for f in glob.glob(f"/proc/{self.p.pid}/task/*/schedstat"):
            try:
                t[int(f.split("/")[4])] = int(open(f).read().split()[0]) / 1e9
            except (OSError, IndexError, ValueError):
                pass
        return t

    def spread(self, before, wall):
        """Keeps the busiest threads on different cores. When another program
        occupies a core, the kernel may wake a worker on the core of the thread
        that waits for it, and the pair then runs in turns. True if anything moved."""
        now = self.tasks()
        use = sorted(now, key=lambda t: before.get(t, 0) - now[t])
        busy = [t for t in use if now[t] - before.get(t, 0) > 0.05 * wall][:self.threads]
        want = {t: frozenset(range(os.cpu_count())) for t in now}
        if len(busy) == self.threads:
            cores = list(range(os.cpu_count()))
            for t in list(busy):  # leave a thread where it already is
                if len(self.pin.get(t, ())) == 1 and min(self.pin[t]) in cores:
                    want[t] = self.pin[t]
                    cores.remove(min(self.pin[t]))
                    busy.remove(t)
            for t, c in zip(busy, cores):
                want[t] = frozenset([c])
        moved = False
        for t, c in want.items():
            try:
                if frozenset(os.sched_getaffinity(t)) != c:
                    os.sched_setaffinity(t, c)
                    moved = True
            except OSError:
                pass
        self.pin = want
        return moved

    def ask(self, wid, slice_s):
        if not self.spreading or self.threads == 1:
            return self.ask1(wid, slice_s)
        for _ in range(4):
            b, s = self.tasks(), time.perf_counter()
            r = self.ask1(wid, slice_s)
            if r is None or "skip" in r or not self.spread(b, time.perf_counter() - s):
                break
        return r

    def say(self, words):
        """The answer to one line; None if the process is dead."""
        try:
            self.p.stdin.write(words + "\n")
            self.p.stdin.flush()
            line = self.p.stdout.readline()
        except BrokenPipeError:
            line = ""
        return json.loads(line) if line else None

    def refused(self, wid, right):
        """A line without a figure, if the peer does not make of the workload what it should; else None."""
        r = self.say(f"check {wid}")
        if r is None:
            return dict(workload=wid, peer=self.name, threads=self.threads, skip="the process died")
        if "skip" in r:
            return r
        why = outcome.wrong(r.get("outcome"), right)
        if why is None:
            return None
        return dict(workload=wid, peer=self.name, threads=self.threads, refused=why)

    def ask1(self, wid, slice_s):
        w0, s = self.waited(), time.perf_counter()
        r = self.say(f"run {wid} {slice_s}")
        if r is None:
            return None
        r["disturbed"] = round((self.waited() - w0) / max(time.perf_counter() - s, 1e-9), 4)
        return r

    def quit(self):
        try:
            self.p.stdin.write("quit\n")
            self.p.stdin.close()
            self.p.wait(10)
        except Exception:
            self.p.kill()


def main():
    if "--planted" in sys.argv:
        planted()
    a = argparse.ArgumentParser()
    a.add_argument("--group", required=True, nargs="+", choices=sorted(GROUPS))
    a.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    a.add_argument("--peers", nargs="+")
    a.add_argument("--add", action="append", default=[], help="NAME=COMMAND of another peer")
    a.add_argument("--only", default="")
    a.add_argument("--rounds", type=int, default=3)
    a.add_argument("--slice", type=float, default=0.2)
    a.add_argument("--core", type=int, default=1, help="core for the 1-thread runs")
    a.add_argument("--quiet", type=float, default=0.05, help="a slice more disturbed than this is repeated")
    a.add_argument("--retries", type=int, default=2)
    a.add_argument("--priority", type=int, default=0, help="nice value of the peers (negative needs root)")
    a.add_argument("--spread", action="store_true", help="keep a peer's busy threads on different cores (busy machines)")
    a.add_argument("--rest", type=float, default=0.0, help="pause between slices, for shared machines")
    a.add_argument("--out", default="-")
    a.add_argument("--append", action="store_true", help="add to a file that exists: of the same builds on the same machine")
    a = a.parse_args()
    if a.out != "-" and os.path.exists(a.out) and not a.append:
        sys.exit(f"{a.out} exists; the shortest time of each cell would be taken from both runs: remove it, or say --append")
    cmds = dict(PEERS)
    names = a.peers or list(dict.fromkeys(" ".join(GROUPS[g] for g in a.group).split()))
    for x in a.add:
        n, c = x.split("=", 1)
        cmds[n] = c.split()
        names.append(n)
    out = sys.stdout if a.out == "-" else open(a.out, "a")
    work = [w for w in json.load(open(os.path.join(HERE, "workloads.json"))) if w["group"] in a.group and a.only in w["id"]]
    right, count = outcome.expected(), 0
    # All numbers of threads take turns as well: what two give over one is a ratio of the same minutes.
    live = [Live(n, cmds[n], T, a.core, a.priority, a.spread) for T in a.threads for n in names if os.path.exists(cmds[n][0])]
    for n in names:
        if not os.path.exists(cmds[n][0]):
            print(f"# {n}: not built, left out", file=sys.stderr)
    for w in work:
        got = {l.key: [] for l in live}
        dead = {}
        for l in live:
            if r := l.refused(w["id"], right.get(w["id"])):
                dead[l.key] = r
                if "refused" in r:
                    count += 1
                    print(f"# {w['id']}: {l.name} is refused: it {r['refused']}", file=sys.stderr)
        for rnd in range(a.rounds):
            for l in live:
                if l.key in dead:
                    continue
                best = None
                for _ in range(1 + a.retries):
                    r = l.ask(w["id"], a.slice)
                    if r is None or "skip" in r:
                        dead[l.key] = r or dict(workload=w["id"], peer=l.name, threads=l.threads, skip="the process died")
                        break
                    if best is None or r["disturbed"] < best["disturbed"]:
                        best = r
                    if a.rest:
                        time.sleep(a.rest)
                    if best["disturbed"] <= a.quiet or best["n"] <= 3 and r["median_s"] > 1:
                        break
                if l.key not in dead:
                    got[l.key].append(best)
        for l in list(live):
            if l.key in dead:
                r = dead[l.key]
                if r.get("skip") == "the process died":  # start it again for the next workload
                    l.quit()
                    live[live.index(l)] = Live(l.name, cmds[l.name], l.threads, a.core, a.priority, a.spread)
            elif got[l.key]:
                rs_ = got[l.key]
                r = dict(rs_[0])
                m0 = r["median_s"]
                r["median_s"] = st.median(x["median_s"] for x in rs_)
                r["min_s"] = min(x["min_s"] for x in rs_)
                r["n"] = sum(x["n"] for x in rs_)
                r["rounds"] = len(rs_)
                r["disturbed"] = max(x["disturbed"] for x in rs_)
                for k in ("gflops", "gbs", "samples_s"):
                    if k in r:
                        r[k] = r[k] * m0 / r["median_s"]
            else:
                continue
            out.write(json.dumps(r) + "\n")
            out.flush()
    for l in live:
        l.quit()
    if count:
        sys.exit(f"{count} figures refused")


def planted():
    """Peers that make mistakes, each of which has to be refused, and one that makes none."""
    product, step, balanced = "gemm/tn/512x256x10", "train/mlp/b64", "mtl/autojac_mgda/t2"
    cases = [("right", product, None), ("transposed", product, "numbers whose"), ("half", product, "numbers whose"),
             ("short", product, "makes "), ("nan", product, "numbers whose"), ("silent", product, "does not say"),
             ("right", step, None), ("stale", step, "loss of"), ("slower", step, "loss of"),
             ("right", balanced, None), ("stale", balanced, "do not fall")]
    right, failed = outcome.expected(), 0
    for name, wid, part in cases:
        live = Live(name, py("planted.py", "--peer", name), 1, 0, 0, False)
        r = live.refused(wid, right[wid])
        ok = r is None if part is None else r is not None and part in r.get("refused", "")
        failed += not ok
        print(f"{name}: {wid}: {'accepted' if r is None else r.get('refused') or r}{'' if ok else '   WRONG'}")
        live.quit()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
