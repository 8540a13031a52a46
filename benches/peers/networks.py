"""The nonlinear problems of the races: data, start, loss, and the reference that errors are measured against.

A regression has the labels sin 2x_1 + x_2/2 of Gaussian samples, a linear network those of a random map of rank 4; a classifier has Gaussian
clouds, one for each class. All start from
PyTorch's default. A reference is DOP853 of scipy on the gradient of jax, at rtol 1e-13, atol 1e-15; at the looser tolerance of the case where
that would take minutes, and RK45 where kinks take the order away from any method.
"""
from dataclasses import dataclass

import numpy as np

from problems import flat, tight


@dataclass
class Case:
    name: str
    widths: list
    activation: str
    samples: int
    t_end: float
    errors: tuple = (1e-4, 1e-6, 1e-8, 1e-10)  # at which the times are compared
    loss: str = "mse"
    bias: bool = True
    decay: float = 1e-3
    seed: int = 0
    reference: tuple = ("DOP853", 1e-13)  # method and rtol; atol is a hundredth of it
    threads: tuple = (1, 2)
    diffrax: tuple = ("Tsit5", "Dopri5", "Dopri8")
    torch: bool = False  # whether torchdiffeq takes part
    limit: float = 60.0  # seconds that a run of gramflow or torchdiffeq may take
    max_steps: int = 100_000  # of diffrax, which cannot be stopped by a clock
    stiff = False

    @property
    def what(self):
        loss = ", cross-entropy" if self.loss == "cross_entropy" else ""
        return f"{' → '.join(map(str, self.widths))} {self.activation}{loss}, n = {self.samples:,}, T = {self.t_end:g}"


REGRESSION = [20, 100, 100, 1]
CASES = {case.name: case for case in [
    Case("small", [10, 32, 1], "tanh", 100, 100.0),
    Case("tanh", REGRESSION, "tanh", 1000, 20.0),
    Case("gelu", REGRESSION, "gelu", 1000, 20.0),
    Case("classifier", [20, 64, 64, 3], "tanh", 500, 50.0, loss="cross_entropy"),
    # At rtol 1e-7 RK45 is some 2e-5 off: enough for errors of 1e-4, and a minute's work.
    Case("relu", [40, 64, 64, 5], "relu", 300, 20.0, errors=(1e-3, 1e-4), loss="cross_entropy", bias=False, decay=1e-4, seed=1,
         reference=("RK45", 1e-7), torch=True, max_steps=10_000),
    # A run takes from seconds to half a minute: fewer solvers, and one number of threads.
    Case("long", REGRESSION, "tanh", 1000, 200.0, threads=(1,), diffrax=("Tsit5", "Dopri8")),
    Case("wide", [512, 512, 512, 1], "tanh", 8000, 1.0, errors=(1e-6,), reference=("DOP853", 1e-8), threads=(2,),
         diffrax=("Tsit5", "Dopri8"), limit=300.0),
]}


def write(case, folder):
    """Data and start of a case."""
    folder.mkdir(parents=True, exist_ok=True)
    widths, rng = case.widths, np.random.default_rng(case.seed)
    if case.activation == "identity":
        x = rng.standard_normal((case.samples, widths[0]))
        y = x @ rng.standard_normal((widths[0], 4)) @ rng.standard_normal((4, widths[-1])) / np.sqrt(4 * widths[0])
    elif case.loss == "mse":
        x = rng.standard_normal((case.samples, widths[0]))
        y = np.sin(2 * x[:, :1]) + 0.5 * x[:, 1:2]
    else:
        means = 0.6 * rng.standard_normal((widths[-1], widths[0]))
        label = rng.integers(0, widths[-1], case.samples)
        x, y = means[label] + rng.standard_normal((case.samples, widths[0])), np.eye(widths[-1])[label]
    shapes = list(zip(widths, widths[1:]))
    start = {f"W{l}": rng.uniform(-1, 1, (o, i)) / np.sqrt(i) for l, (i, o) in enumerate(shapes, 1)}
    if case.bias:
        start |= {f"b{l}": rng.uniform(-1, 1, o) / np.sqrt(i) for l, (i, o) in enumerate(shapes, 1)}
    np.savez(folder / "data.npz", X=x, Y=y)
    np.savez(folder / "w0.npz", **start)


class Problem:
    """The arrays of a case, read from its folder; parameters in the order W1, b1, W2, …"""

    def __init__(self, case, folder):
        data, start = np.load(folder / "data.npz"), np.load(folder / "w0.npz")
        self.case, self.folder, self.depth = case, folder, len(case.widths) - 1
        self.x, self.y = data["X"], data["Y"]
        self.names = [f"{kind}{l}" for l in range(1, self.depth + 1) for kind in ("Wb" if case.bias else "W")]
        self.weights = [start[name] for name in self.names]
        self.edges = np.cumsum([0] + [w.size for w in self.weights])
        self.start = flat(self.weights)
        self.reference = None

    def given(self, form):
        return self.x, self.y

    def loss(self, form, x, y, w):
        """The objective in jax or torch, as one writes it for autodiff."""
        lib = library(x)
        f = forward(lib, self.case.activation, w, x, self.case.bias)
        if self.case.loss == "mse":
            value = ((f - y) ** 2).sum() / (2 * len(x))
        else:
            value = -(y * lib.log_softmax(f, -1)).sum() / len(x)
        decay = self.case.decay
        return value + 0.5 * decay * sum((m**2).sum() for m in w) if decay else value

    def unravel(self, v):
        return [v[s:e].reshape(w.shape) for s, e, w in zip(self.edges, self.edges[1:], self.weights)]

    def error(self, end):
        """‖θ − θ_ref‖ / ‖θ_ref‖; infinite where a solver's weights are not finite."""
        value = float(np.linalg.norm(end - self.reference) / np.linalg.norm(self.reference))
        return value if np.isfinite(value) else float("inf")

    def refer(self):
        """The reference: made once, then read."""
        path = self.folder / "ref.npy"
        if not path.exists():
            np.save(path, self.solve())
        self.reference = np.load(path)

    def solve(self):
        import jax

        x, y = map(jax.numpy.asarray, self.given("data"))
        gradient = jax.jit(jax.grad(lambda v: self.loss("data", x, y, self.unravel(v))))
        return tight(lambda t, v: -np.asarray(gradient(v)), self, *self.case.reference).y[:, -1]


class Functions:
    """The same functions of jax or torch, by one name."""

    def __init__(self, tanh, relu, gelu, log_softmax):
        self.tanh, self.relu, self.gelu, self.log_softmax = tanh, relu, gelu, log_softmax


def library(x):
    if type(x).__module__.startswith("torch"):
        from torch.nn import functional

        return Functions(x.__class__.tanh, functional.relu, functional.gelu, functional.log_softmax)
    import jax

    return Functions(jax.numpy.tanh, jax.nn.relu, lambda z: jax.nn.gelu(z, approximate=False), jax.nn.log_softmax)


def forward(lib, activation, w, x, bias):
    h, step = x, 2 if bias else 1
    for l in range(0, len(w), step):
        h = h @ w[l].T + w[l + 1] if bias else h @ w[l].T
        h = getattr(lib, activation)(h) if l + step < len(w) else h
    return h
