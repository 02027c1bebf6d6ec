#!/usr/bin/env python3
"""minimax.py: prints the coefficients of nn-core/src/math, and the largest relative error of each approximation.

A quotient of polynomials P/Q (Q = 1 for a polynomial) is fitted by weighted least squares. Two things change from round to
round: the weights, by Lawson's rule, so that the largest error becomes the smallest possible; and the denominators, which
are those of the round before, so that the problem is linear. Then the coefficients are rounded to f32, and a random search
among their neighbors lowers the error again. They are printed lowest first. Needs mpmath; takes half a minute.
"""
import random
import struct

from mpmath import cos, erf, erfc, exp, expm1, fabs, log, log1p, lu_solve, matrix, mp, mpf, pi, polyval, sqrt, tanh

mp.dps = 40
POINTS, ROUNDS, TRIALS = 120, 60, 10_000


def neighbor(x, steps=0):
    """The f32 nearest to x, or one of those beside it."""
    bits, = struct.unpack("i", struct.pack("f", float(x)))
    return struct.unpack("f", struct.pack("i", bits + steps))[0]


def quotient(p, q, x):
    return polyval(p[::-1], x) / polyval(q[::-1], x)


def rounded(p, q, largest_error):
    """Coefficients in f32 with a small error."""
    count, best = len(p), [neighbor(c) for c in p + q]
    error = largest_error(best[:count], best[count:])
    generator = random.Random(1)
    for _ in range(TRIALS):
        trial = list(best)
        for _ in range(generator.randint(1, 3)):
            index = generator.randrange(len(trial))
            if index != count:  # Q(0) = 1
                trial[index] = neighbor(trial[index], generator.randint(-3, 3))
        if (now := largest_error(trial[:count], trial[count:])) <= error:
            best, error = trial, now
    return best[:count], best[count:], error


def fit(name, interval, degrees, target, scale):
    """Minimizes the largest |P/Q - target|·scale over the interval."""
    low, high = map(mpf, interval)
    # Chebyshev's points, which are denser at both ends; a long interval has more at its start.
    power = 2 if high - low > 5 else 1
    xs = [low + (high - low) * ((1 - cos(pi * (i + mpf(1) / 2) / POINTS)) / 2) ** power for i in range(POINTS)]
    values, scales = [target(x) for x in xs], [scale(x) for x in xs]
    weights = [mpf(1)] * POINTS
    p, q = [], [mpf(1)]

    def errors():
        return [fabs(quotient(p, q, x) - y) * s for x, y, s in zip(xs, values, scales)]

    for _ in range(ROUNDS):
        rows, right = [], []
        for x, y, s, weight in zip(xs, values, scales, weights):
            factor = sqrt(weight) * s / polyval(q[::-1], x)
            rows.append([factor * x**k for k in range(degrees[0] + 1)]
                        + [-factor * y * x**k for k in range(1, degrees[1] + 1)])
            right.append(factor * y)
        rows, right = matrix(rows), matrix(right)
        solution = list(lu_solve(rows.T * rows, rows.T * right))
        p, q = solution[:degrees[0] + 1], [mpf(1)] + solution[degrees[0] + 1:]
        weights = [weight * error for weight, error in zip(weights, errors())]
        total = sum(weights)
        weights = [weight * POINTS / total + mpf(10) ** -12 for weight in weights]
    exact = max(errors())
    samples = [(float(x), float(y), float(s)) for x, y, s in zip(xs, values, scales)]

    def largest_error(p, q):
        error = 0.0
        for x, y, s in samples:
            over = under = 0.0
            for c in reversed(p):
                over = over * x + c
            for c in reversed(q):
                under = under * x + c
            error = max(error, abs(over / under - y) * s)
        return error

    p, q, error = rounded(p, q, largest_error)
    print(f"{name}: error {float(exact):.1e}, with rounded coefficients {error:.1e}")
    for coefficients in (p, q)[:1 + (len(q) > 1)]:
        print("    [" + ", ".join(f"{float(c):.9g}" for c in coefficients) + "]")


def exp_rest(r):
    return (expm1(r) - r) / r**2


def log_rest(f):
    return (log1p(f) - f + f**2 / 2) / f**3


def tanh_rest(square):
    return (tanh(sqrt(square)) / sqrt(square) - 1) / square


def normal_center(square):
    x = sqrt(square)
    return erf(x / root) / 2 / x


def normal_tail(a):
    return erfc(a / root) / 2


def normal_tail_rest(a):
    return neighbor(1 / sqrt(2 * pi)) - a * normal_tail(a) * exp(a**2 / 2)


half, root = log(mpf(2)) / 2, sqrt(mpf(2))
fit("EXP_M1", (-half, half), (4, 0), exp_rest, lambda r: r**2 / fabs(expm1(r)))
fit("LN_1P", (root / 2 - 1, root - 1), (7, 0), log_rest, lambda f: fabs(f**3 / log1p(f)))
fit("TANH", (0, mpf("0.625") ** 2), (4, 0), tanh_rest, lambda square: square * sqrt(square) / tanh(sqrt(square)))
fit("CENTER", (0, mpf("0.85") ** 2), (4, 0), normal_center, lambda square: sqrt(square) / normal_tail(sqrt(square)))
fit("TAIL", ("0.85", "14.5"), (3, 5), normal_tail_rest, lambda a: 1 / (a * normal_tail(a) * exp(a**2 / 2)))
