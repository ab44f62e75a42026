#!/usr/bin/env python3
"""What each workload makes, worked out in double precision from the definitions: writes expected.json, against which run.py
and a test of tress-benches hold every engine.

  reference.py            # minutes, and 3 GB of memory

numpy's and libm's double precision for products, convolutions and passes; PyTorch's for layers and training steps. A
balanced step's weights come from a solver, which engines may stop at different places: of those only the loss before the
first step is given, and that the losses fall (`falls`).
"""
import json, math, os, sys
import numpy as np
import torch
import torch.nn.functional as F

sys.argv = sys.argv[:1]
import common

torch.set_default_dtype(torch.float64)
D = lambda x: np.asarray(x, dtype=np.float64)
R = lambda shape, seed: D(common.rnd(shape, seed))


def windows(x, p, oh):
    """[n, c, oh, oh, r, r]: what each window of a padded image sees."""
    x = np.pad(x, ((0, 0), (0, 0), (p["p"],) * 2, (p["p"],) * 2))
    v = np.lib.stride_tricks.sliding_window_view(x, (p["r"], p["r"]), axis=(2, 3))
    return v[:, :, ::p["s"], ::p["s"]][:, :, :oh, :oh]


def convolution(op, p):
    n, c, h, k, r, s, pad, g = (p[i] for i in "nchkrspg")
    oh = (h + 2 * pad - r) // s + 1
    x, w, dy = R((n, c, h, h), 1), R((k, c // g, r, r), 2), R((n, k, oh, oh), 3)
    parts = []
    for i in range(g):
        ci, ki = slice(i * c // g, (i + 1) * c // g), slice(i * k // g, (i + 1) * k // g)
        if op == "conv_bwd_data":
            dx = np.zeros((n, c // g, h + 2 * pad, h + 2 * pad))
            for a in range(r):
                for b in range(r):
                    dx[:, :, a:a + s * (oh - 1) + 1:s, b:b + s * (oh - 1) + 1:s] += np.einsum(
                        "nkyx,kc->ncyx", dy[:, ki], w[ki, :, a, b], optimize=True)
            parts.append(dx[:, :, pad:pad + h, pad:pad + h])
        else:
            v = windows(x[:, ci], p, oh)
            parts.append(np.einsum("ncyxab,kcab->nkyx", v, w[ki], optimize=True) if op == "conv_fwd"
                         else np.einsum("ncyxab,nkyx->kcab", v, dy[:, ki], optimize=True))
    return np.concatenate(parts, axis=0 if op == "conv_bwd_weight" else 1)


def each(f, x):
    return np.fromiter(map(f, x), np.float64, x.size)


def numbers(w):
    op, p = w["op"], w["p"]
    if op == "gemm":
        a = R((p["k"], p["m"]), 1).T if p["tr"] == "tn" else R((p["m"], p["k"]), 1)
        b = R((p["n"], p["k"]), 2).T if p["tr"] == "nt" else R((p["k"], p["n"]), 2)
        return a @ b
    if op.startswith("conv_"):
        return convolution(op, p)
    if op in ("add", "mul", "relu", "tanh", "exp", "gelu"):
        x, y = R(p["n"], 1), R(p["n"], 2)
        return {"add": lambda: x + y, "mul": lambda: x * y, "relu": lambda: np.maximum(x, 0), "tanh": lambda: np.tanh(x),
                "exp": lambda: np.exp(x), "gelu": lambda: 0.5 * x * (1 + each(math.erf, x / math.sqrt(2)))}[op]()
    if op == "transpose_copy":
        return R((p["n"],) * 2, 1).T
    if op == "sum_axis":
        return R((p["n"],) * 2, 1).sum(p["axis"])
    if op in ("softmax", "layernorm"):
        x = R((p["r"], p["c"]), 1)
        if op == "softmax":
            e = np.exp(x - x.max(1, keepdims=True))
            return e / e.sum(1, keepdims=True)
        x = x - x.mean(1, keepdims=True)
        return x / np.sqrt((x * x).mean(1, keepdims=True) + 1e-5) * R(p["c"], 3) + R(p["c"], 4)
    if op == "maxpool":
        x = R((p["n"], p["c"], p["h"] // 2, 2, p["w"] // 2, 2), 1)
        return x.max(axis=(3, 5))
    if op in ("tiny_add", "tiny_add_nograd"):
        return R(4, 1) + R(4, 2)
    if op == "scalar_chain":
        return D([float(np.float32(0.999)) ** (p["ops"] // 2)])
    return None


def expected(w, torch_peer):
    if w["group"] in ("layer", "train", "mtl"):
        sums = w["op"] == "mtl" and w["p"]["method"] != "sum"
        if sums:
            w = dict(w, p=dict(w["p"], method="sum"))
        f = torch_peer.make(w, common.args())
        if w["group"] == "layer":
            return common.sums(torch_peer.read(f()))
        losses = [float(torch_peer.read(f())) for _ in range(1 if sums else common.STEPS)]
        return dict(losses=losses, falls=True) if sums else dict(losses=losses)
    return common.sums(numbers(w))


def main():
    single = common.rnd
    common.main = lambda *x: None  # bench_torch's definitions without its loop
    import bench_torch
    bench_torch.T = lambda *s, seed=1: torch.from_numpy(single(s, seed)).double()
    found = {w["id"]: expected(w, bench_torch) for w in common.workloads()}
    with open(os.path.join(common.HERE, "..", "expected.json"), "w") as f:
        f.write("{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in found.items()) + "\n}\n")
    print(len(found), "workloads")


main()
