"""The coefficients in src/linalg/elementary/error.rs, printed, and elementary.npz: functions to twice the digits of float64.

elementary.npz holds, per function F, `F/x` (points), `F/high` and `F/low`: F(x) = high + low to 100 bits or better, where it does not
underflow.
Run with Python 3.11.7, mpmath, numpy 2.4.6.
"""
import pathlib

import mpmath as mp
import numpy as np

mp.mp.dps = 60
HERE = pathlib.Path(__file__).parent


def chebyshev_fit(f, low, high, degree):
    """The coefficients, constant first, of the polynomial that agrees with f in the Chebyshev points."""
    n = degree + 1
    nodes = [(low + high) / 2 + (high - low) / 2 * mp.cos(mp.pi * (2 * i + 1) / (2 * n)) for i in range(n)]
    powers = mp.matrix(n, n)
    for i, x in enumerate(nodes):
        for j in range(n):
            powers[i, j] = x**j
    return list(mp.lu_solve(powers, mp.matrix([f(x) for x in nodes])))


def show(name, coefficients):
    print(f"const {name}: [f64; {len(coefficients)}] = [")
    for c in coefficients:
        print(f"    {float(c)!r},")
    print("];")


def coefficients():
    shift, far = mp.mpf(3), mp.mpf(28)
    scaled = lambda w: mp.exp((1 / w - shift) ** 2) * mp.erfc(1 / w - shift) / w
    show("TAIL", chebyshev_fit(scaled, 1 / (far + shift), 1 / (1 + shift), 18))
    show("CORE", chebyshev_fit(lambda y: mp.erf(mp.sqrt(y)) / mp.sqrt(y) - 1, mp.mpf(0), mp.mpf(1), 11))
    normal_coefficients()


def normal_coefficients():
    """Those of `normal`: t = 1.2421875 - 10.625/(a + 4), from a = 3/4 to 39, and the square of a below."""
    t_of = lambda a: mp.mpf(1.2421875) - mp.mpf(10.625) / (a + 4)
    a_of = lambda t: mp.mpf(10.625) / (mp.mpf(1.2421875) - t) - 4
    mills = lambda a: mp.exp(a**2 / 2) * mp.erfc(a / mp.sqrt(2)) / 2
    level = lambda t: mills(a_of(t)) * (a_of(t) + mp.mpf(13) / 16) - mp.mpf(7) / 16
    show("MILLS", chebyshev_fit(level, t_of(mp.mpf(3) / 4), t_of(mp.mpf(39)), 20))
    half = lambda a: (mp.erf(a / mp.sqrt(2)) / 2 / a - 1 / mp.sqrt(2 * mp.pi)) / a**2
    show("HALF", chebyshev_fit(lambda y: half(mp.sqrt(y)), mp.mpf(0), mp.mpf(9) / 16, 8))


def both_signs(x):
    return np.concatenate([-x[::-1], x])


def points():
    rng = np.random.default_rng(0)
    spread = np.exp(rng.uniform(np.log(1e-300), np.log(1e-3), 40))
    moderate = lambda top, n: np.sort(rng.uniform(0, top, n))
    near = np.concatenate([spread, moderate(1, 150), moderate(6, 150), moderate(25, 60)])
    # Without disturbing the draws above: many more where swish and gelu were furthest off.
    dense = lambda top, n: -np.sort(np.random.default_rng(1).uniform(0, top, n))
    return {
        "exp": both_signs(np.concatenate([near, moderate(708, 100)])),
        "tanh": both_signs(near),
        "sigmoid": both_signs(np.concatenate([near, moderate(700, 60)])),
        "softplus": both_signs(np.concatenate([near, moderate(700, 60)])),
        "erf": both_signs(near),
        "normal": np.concatenate([-moderate(37, 150), both_signs(near[near < 8]), dense(3, 1000), dense(37, 1000)]),
        "gelu": np.concatenate([-moderate(37, 150), both_signs(near), dense(3, 1000), dense(37, 1000)]),
        "swish": np.concatenate([both_signs(np.concatenate([near, moderate(600, 60)])), dense(3, 1000), dense(40, 1000)]),
    }


FUNCTIONS = {
    "exp": mp.exp,
    "tanh": mp.tanh,
    "sigmoid": lambda x: 1 / (1 + mp.exp(-x)),
    "softplus": lambda x: mp.log1p(mp.exp(x)),
    "erf": mp.erf,
    "normal": lambda x: mp.erfc(-x / mp.sqrt(2)) / 2,
    "gelu": lambda x: x * mp.erfc(-x / mp.sqrt(2)) / 2,
    "swish": lambda x: x / (1 + mp.exp(-x)),
}

if __name__ == "__main__":
    coefficients()
    arrays = {}
    for name, xs in points().items():
        values = [FUNCTIONS[name](mp.mpf(float(x))) for x in xs]
        high = [float(v) for v in values]
        arrays |= {f"{name}/x": xs, f"{name}/high": np.array(high)}
        arrays[f"{name}/low"] = np.array([float(v - mp.mpf(h)) for v, h in zip(values, high)])
    np.savez_compressed(HERE / "elementary.npz", **arrays)
