"""The linear problems of the race of flows: data, start, reference end point, and how errors are measured.

A white case is L layers of d × d and one of d_out × d on n = 1,000 Gaussian samples with a target of rank 3, from PyTorch's default start,
over t = 10. The stiff cases are files of tests/references/stiff. Every reference is computed anew, by DOP853 at rtol 1e-13, atol 1e-15.
"""
import json
import pathlib
from dataclasses import dataclass

import numpy as np
from scipy.integrate import solve_ivp

ROOT = pathlib.Path(__file__).resolve().parents[2]
STIFF = ROOT / "tests/references/stiff"
SAMPLES = 1000


@dataclass
class Case:
    name: str
    what: str
    error: float  # at which the times are compared
    target: float
    data_target: float | None  # against autodiff through the samples
    decay: float = 0.0
    t_end: float = 10.0
    limit: float = 30.0  # seconds a run of a peer may take
    shape: tuple | None = None  # d, layers, d_out; None: a stiff case of files

    @property
    def stiff(self):
        return self.shape is None

    @property
    def max_steps(self):
        """diffrax cannot be stopped by a clock: its steps are limited instead."""
        return 400_000 if self.stiff else 100_000


def white(d, layers, d_out, target):
    return Case(f"{d}-{layers}-{d_out}", f"d = {d}, L = {layers}; {d_out}", 1e-8, target, 20.0, shape=(d, layers, d_out))


def stiff():
    for name, c in json.loads((STIFF / "cases.json").read_text()).items():
        if name == "easy":
            continue
        what = f"{name}: d = {c['d']}, L = {c['layers']}, κ = {c['condition']:g}, λ = {c['decay']:g}, t = {c['t_end']:g}"
        yield Case(name, what, 1e-6, 10.0, None, c["decay"], c["t_end"], 60.0)


WHITE = [(10, 3, 10, 5.0), (20, 5, 20, 2.5), (64, 5, 64, 1.5), (200, 3, 200, 1.25), (20, 5, 1, 5.0), (64, 5, 1, 3.0), (200, 3, 1, 3.0)]
CASES = {case.name: case for case in [*(white(*row) for row in WHITE), *stiff()]}


class Problem:
    """The arrays of a case, read from its folder."""

    def __init__(self, case, folder):
        data, start = np.load(folder / "data.npz"), np.load(folder / "w0.npz")
        self.case, self.folder = case, folder
        self.x, self.y = np.ascontiguousarray(data["X"]), np.ascontiguousarray(data["Y"])
        self.weights = [np.ascontiguousarray(start[f"W{l}"]) for l in range(1, len(start.files) + 1)]
        self.sxx, self.syx = self.x.T @ self.x / len(self.x), self.y.T @ self.x / len(self.x)
        self.shapes = [w.shape for w in self.weights]
        self.edges = np.cumsum([0] + [w.size for w in self.weights])
        self.start = flat(self.weights)
        ref = folder / "ref.npz"
        self.reference = self.read(ref) if ref.exists() else None

    def forms(self):
        """moments: products from the input side; output: from the output side, where that is cheaper; data: through the samples."""
        few = self.shapes[-1][0] < self.shapes[-1][1]
        return ["moments"] + ["output"] * few + ["data"] * (not self.case.stiff)

    def given(self, form):
        return (self.x, self.y) if form == "data" else (self.sxx, self.syx)

    def loss(self, form, x, y, w):
        """The loss as one writes it for autodiff: x, y are the samples, or S_xx and S_yx."""
        if form == "data":
            h = x
            for m in w:
                h = h @ m.T
            value = ((h - y) ** 2).sum() / (2 * len(x))
        else:
            p = w[-1] if form == "output" else w[0]
            for m in reversed(w[:-1]) if form == "output" else w[1:]:
                p = p @ m if form == "output" else m @ p
            value = 0.5 * ((p @ x) * p).sum() - (p * y).sum()
        decay = self.case.decay
        return value + 0.5 * decay * sum((m**2).sum() for m in w) if decay else value

    def read(self, path):
        arrays = np.load(path)
        return flat(arrays[f"W{l}"] for l in range(1, len(self.weights) + 1))

    def layers(self, v):
        return [v[s:e].reshape(shape) for s, e, shape in zip(self.edges, self.edges[1:], self.shapes)]

    def error(self, end):
        """‖θ − θ_ref‖ / ‖θ_ref‖; infinite where a solver's weights are not finite."""
        value = float(np.linalg.norm(end - self.reference) / np.linalg.norm(self.reference))
        return value if np.isfinite(value) else float("inf")


def flat(parts):
    return np.concatenate([np.ravel(part) for part in parts])


def numpy_field(problem, form):
    """dθ/dt with the gradient written out by hand."""
    sxx, syx, samples, decay = problem.sxx, problem.syx, len(problem.x), problem.case.decay
    edges, x, y = problem.edges, problem.x.T.copy(), problem.y.T.copy()

    def from_the_input(_, v):
        w = problem.layers(v)
        # The product of no layers is left out: it would multiply by one.
        before = [x] if form == "data" else [None]
        for m in w:
            before.append(m if before[-1] is None else m @ before[-1])
        delta = (before[-1] - y) / samples if form == "data" else before[-1] @ sxx - syx
        out = -decay * v
        for i in range(len(w) - 1, -1, -1):
            out[edges[i]:edges[i + 1]] -= (delta if before[i] is None else delta @ before[i].T).ravel()
            if i > 0:
                delta = w[i].T @ delta
        return out

    def from_the_output(_, v):
        w = problem.layers(v)
        after = [None]
        for m in reversed(w):
            after.append(m if after[-1] is None else after[-1] @ m)
        row = after.pop() @ sxx - syx
        out = -decay * v
        for i, m in enumerate(w):
            behind = after.pop()
            out[edges[i]:edges[i + 1]] -= (row if behind is None else behind.T @ row).ravel()
            if i + 1 < len(w):
                row = row @ m.T
        return out

    return from_the_output if form == "output" else from_the_input


def tight(field, problem, method="DOP853", rtol=1e-13):
    """The solution that others are measured against, by scipy."""
    solution = solve_ivp(field, (0, problem.case.t_end), problem.start, method=method, rtol=rtol, atol=rtol / 100)
    assert solution.status == 0, solution.message
    return solution


def write(case, folder):
    """Data and start of a case, and its reference end point."""
    folder.mkdir(parents=True, exist_ok=True)
    if case.stiff:
        for name in ("data", "w0"):
            (folder / f"{name}.npz").write_bytes((STIFF / f"{case.name}-{name}.npz").read_bytes())
    else:
        d, layers, d_out = case.shape
        rng = np.random.default_rng(0)
        x = rng.standard_normal((SAMPLES, d))
        y = x @ rng.standard_normal((d, 3)) @ rng.standard_normal((3, d_out)) / np.sqrt(3 * d)
        widths = [d] * layers + [d_out]
        w = {f"W{l}": rng.uniform(-1, 1, (o, i)) / np.sqrt(i) for l, (i, o) in enumerate(zip(widths, widths[1:]), 1)}
        np.savez(folder / "data.npz", X=x, Y=y)
        np.savez(folder / "w0.npz", **w)
    problem = Problem(case, folder)
    field = numpy_field(problem, "output" if "output" in problem.forms() else "moments")
    solution = tight(field, problem)
    end = solution.y[:, -1]
    np.savez(folder / "ref.npz", **{f"W{l}": w for l, w in enumerate(problem.layers(end), 1)})
    if case.stiff:
        problem = Problem(case, folder)
        apart = problem.error(problem.read(STIFF / f"{case.name}-ref.npz"))
        assert apart < 1e-9, f"the reference of {case.name} is {apart:.1e} from that of the tests"
    return solution.nfev
