"""Whether what an engine made of a workload is what the workload asks for: expected.json says that, in double precision
(py/reference.py). A figure of an engine that makes something else, or does not say what it makes, is worth nothing."""
import json, math, os

HERE = os.path.dirname(os.path.abspath(__file__))
# Sums may be off by this part of the sum of all sizes: single precision rounds each number by some 1e-7, a hundred times less,
# and a wrong row among 2000 is off by 5e-4.
SUMS = 2e-5
# Losses of training steps, by this part: rounding in the first steps of Adam, which divides small gradients by small moments.
LOSSES = 2e-4


def expected():
    return json.load(open(os.path.join(HERE, "expected.json")))


def wrong(found, right):
    """Why `found` is not `right`, in a few words; None where it is."""
    if found is None:
        return "does not say what it makes"
    if "losses" in right:
        losses = found.get("losses") or []
        if len(losses) < max(2, len(right["losses"])):
            return f"gives {len(losses)} losses"
        for step, (a, b) in enumerate(zip(losses, right["losses"])):
            if not abs(a - b) <= LOSSES * abs(b):
                return f"has a loss of {a:.6g} before step {step + 1}, where {b:.6g} is right"
        if not losses[-1] < losses[0] - LOSSES * abs(losses[0]):
            return f"has losses that do not fall: {losses[0]:.6g} to {losses[-1]:.6g}"
        return None
    if found.get("count") != right["count"]:
        return f"makes {found.get('count')} numbers, where {right['count']} are right"
    for name in ("sum", "size", "weighted"):
        a, b = found.get(name, math.nan), right[name]
        if not abs(a - b) <= SUMS * right["size"]:
            return f"makes numbers whose {name} is {a:.9g}, where {b:.9g} is right"
    return None
