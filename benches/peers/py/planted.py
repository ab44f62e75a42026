"""Engines that make mistakes, for `run.py --planted`: A B where A^T B is asked for, half of a product, a row too few, NaN, no
word about what is made, weights that stay as they are, weights that change half as much."""
import common
a = common.args()
import numpy as np


def descent(w, rate):
    """The losses of descent at a part of the rate that is asked for."""
    import json, os
    right = json.load(open(os.path.join(common.HERE, "..", "expected.json")))
    at = lambda name, step: right[name]["losses"][step]
    of = "train/multimnist2/b256" if w["group"] == "mtl" else w["id"]
    step = iter(range(common.STEPS))
    return lambda: at(of, 0) + rate * (at(of, next(step)) - at(of, 0))


def make(w, a):
    p = w["p"]
    if w["group"] in ("train", "mtl"):
        return descent(w, dict(stale=0.0, slower=0.5, right=1.0)[a.peer])
    x, b = common.rnd((p["k"], p["m"]), 1), common.rnd((p["k"], p["n"]), 2)
    y = (x.reshape(p["m"], p["k"]) if a.peer == "transposed" else x.T) @ b
    if a.peer == "half":
        y[len(y) // 2:] = 0
    if a.peer == "nan":
        y[3, 4] = np.nan
    return lambda: y[1:] if a.peer == "short" else y


if a.peer == "silent":
    common.outcome = lambda *x: None
common.main(a, a.peer, "0", make)
