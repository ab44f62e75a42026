"""Fits the polynomials of this folder: `python3 fit.py` (needs mpmath) prints every table of coefficients that the
Rust files hold, with the largest relative error of the approximation itself, before any rounding in the arithmetic.

Method: Remez's exchange algorithm on the weighted error w(x) (f(x) - P(x)). Coefficients are rounded to single
precision one at a time, the lowest first, and those after it are fitted again so that they make up for the rounding; on
intervals around zero all are rounded at once.
"""

import struct
from mpmath import mp, mpf, matrix, lu_solve, cos, pi, exp, expm1, log, log1p, sqrt, sin, erf, erfc, tanh, atanh

mp.dps = 40


def single(x):
    return mpf(struct.unpack("f", struct.pack("f", float(x)))[0])


def remez(f, w, powers, a, b, rounds=25, grid=1200):
    """Coefficients for `powers` that minimise the largest |w (f - P)| on [a, b], and that maximum."""
    n = len(powers)
    xs = [(a + b) / 2 - (b - a) / 2 * cos(pi * (2 * i + 1) / (2 * n + 2)) for i in range(n + 1)]
    points = [(a + b) / 2 - (b - a) / 2 * cos(pi * i / grid) for i in range(grid + 1)]
    values = [(x, f(x), w(x)) for x in points]
    for _ in range(rounds):
        m, r = matrix(n + 1, n + 1), matrix(n + 1, 1)
        for i, x in enumerate(xs):
            for j, p in enumerate(powers):
                m[i, j] = x**p
            m[i, n] = (-1) ** i / w(x)
            r[i] = f(x)
        s = lu_solve(m, r)
        c = [s[j] for j in range(n)]
        errors = [wx * (fx - sum(cj * x**p for cj, p in zip(c, powers))) for x, fx, wx in values]
        # The largest error of each run of one sign is the next reference point.
        peaks, start = [], 0
        for i in range(1, len(errors) + 1):
            if i == len(errors) or (errors[i] > 0) != (errors[start] > 0):
                best = max(range(start, i), key=lambda k: abs(errors[k]))
                peaks.append(best)
                start = i
        while len(peaks) > n + 1:
            peaks.pop(0 if abs(errors[peaks[0]]) < abs(errors[peaks[-1]]) else -1)
        if len(peaks) < n + 1:
            break
        new = [points[k] for k in peaks]
        if max(abs(u - v) for u, v in zip(new, xs)) < mpf(10) ** -12:
            break
        xs = new
    return c, max(abs(e) for e in errors)


def fit(name, f, w, powers, a, b):
    fixed = []
    rest = list(powers)
    if a < 0:  # without its constant term the family is no Chebyshev system on both sides of zero
        c, _ = remez(f, w, rest, a, b)
        fixed, rest = [(single(x), p) for x, p in zip(c, rest)], []
    while rest:
        g = lambda x: f(x) - sum(c * x**p for c, p in fixed)
        c, _ = remez(g, w, rest, a, b)
        fixed.append((single(c[0]), rest.pop(0)))
    grid = 4000
    worst = mpf(0)
    for i in range(grid + 1):
        x = a + (b - a) * i / grid
        worst = max(worst, abs(w(x) * (f(x) - sum(c * x**p for c, p in fixed))))
    print(f"// {name}: largest relative error 2^{float(log(worst, 2)):.1f}")
    print("[" + ", ".join(repr_single(c) for c, _ in fixed) + "]")


def repr_single(x):
    for digits in range(6, 11):
        s = f"{float(x):.{digits}g}"
        if single(float(s)) == x:
            return s
    return f"{float(x):.12g}"


eps = mpf(10) ** -9
half_ln2 = log(2) / 2
fit("exp: (e^r - 1 - r) / r^2", lambda r: (exp(r) - 1 - r) / r**2 if abs(r) > eps else mpf(1) / 2 + r / 6,
    lambda r: r * r / exp(r) + mpf(10)**-14, range(5), -half_ln2 * mpf("1.001"), half_ln2 * mpf("1.001"))
fit("exp_m1: (e^r - 1 - r) / r^2", lambda r: (exp(r) - 1 - r) / r**2 if abs(r) > eps else mpf(1) / 2 + r / 6,
    lambda r: abs(r * r / expm1(r)) if abs(r) > eps else eps, range(5), -half_ln2 * mpf("1.001"), half_ln2 * mpf("1.001"))


def ln_rest(f):
    return (log1p(f) - f + f * f / 2) / f**3 if abs(f) > mpf(10) ** -6 else mpf(1) / 3 - f / 4 + f * f / 5


for degree in (7, 8):
    fit(f"ln: (ln(1 + f) - f + f^2/2) / f^3, degree {degree}", ln_rest,
        lambda f: abs(f**3 / log1p(f)) if abs(f) > eps else mpf(10)**-18, range(degree + 1), sqrt(mpf(1) / 2) - 1, sqrt(mpf(2)) - 1)

fit("sin: (sin x / x - 1) / x^2 in x^2", lambda u: (sin(sqrt(u)) / sqrt(u) - 1) / u if u > mpf(10)**-12 else -mpf(1) / 6 + u / 120,
    lambda u: u * sqrt(u) / sin(sqrt(u)) if u > mpf(10)**-12 else mpf(10)**-12, range(3), mpf(0), (pi / 4) ** 2)
fit("cos: (cos x - 1 + x^2/2) / x^4 in x^2", lambda u: (cos(sqrt(u)) - 1 + u / 2) / u**2 if u > mpf(10)**-8 else mpf(1) / 24 - u / 720,
    lambda u: u * u / cos(sqrt(u)) + mpf(10)**-14, range(3), mpf(0), (pi / 4) ** 2)

s_max = (sqrt(mpf(2)) - 1) / (sqrt(mpf(2)) + 1)
# The constant term is a single: what it is off counts little near zero, and the other terms make up for it elsewhere.
fit("powf: ((2 atanh s - 2 s) / s^3 - 2 / 3) / s^2 in s^2", lambda u: ((2 * atanh(sqrt(u)) - 2 * sqrt(u)) / sqrt(u)**3 - single(mpf(2) / 3)) / u,
    lambda u: u * u, range(3), mpf(10) ** -4, s_max**2)

edge = mpf(1)
fit("erf near zero: erf x / x - 1, in x^2, on [0, 1]", lambda u: erf(sqrt(u)) / sqrt(u) - 1 if u > mpf(10)**-20 else 2 / sqrt(pi) - 1,
    lambda u: sqrt(u) / erf(sqrt(u)) if u > mpf(10)**-20 else sqrt(pi) / 2, range(7), mpf(0), edge)
for degree in (7, 8, 9):
    # The error of 1 - erfc counts relative to erf: a relative error of erfc weighs erfc / erf.
    fit(f"erf far out: ln erfc x + x in x, on [1, 3.92], degree {degree}", lambda x: log(erfc(x)),
        lambda x: erfc(x) / erf(x), range(degree + 1), mpf("0.999"), mpf("3.95"))
# The error of the tail itself counts, so its logarithm's weighs as much as the tail; a floor keeps the far end in shape.
fit("normal_cdf: ln(erfc(x / sqrt 2) / 2), on [0, 6.5]", lambda x: log(erfc(x / sqrt(2)) / 2),
    lambda x: max(erfc(x / sqrt(2)) / 2, mpf(10) ** -5), range(11), mpf(0), mpf("6.5"))
z_max = (half_ln2 * mpf("1.001")) ** 2
fit("tanh: tanh(r / 2) / r in r^2", lambda u: tanh(sqrt(u) / 2) / sqrt(u) if u > mpf(10)**-20 else mpf(1) / 2 - u / 24,
    lambda u: sqrt(u) / tanh(sqrt(u) / 2) if u > mpf(10)**-20 else mpf(2), range(4), mpf(0), z_max)
