"""networks.npz and networks.json: nonlinear networks and their derivatives by torch's autodiff, in float64.

networks.json holds, per case, widths, activations and bias (one entry per layer, as a scenario has them), loss and samples.
networks.npz holds, per case C, with the parameters under the names of torch.nn.Linear's place in the chain, `W1`, `b1`, …:
  C/X, C/Y            samples, one a row
  C/W1, C/b1, …       parameters
  C/loss              mean over the samples of the loss, without decay
  C/gradient/W1, …    its gradient
  C/v/W1, …           a direction v
  C/hv/W1, …          the Hessian times v, by torch.func.jvp of torch.func.grad
  C/jacobian1, …      df/dh_{l-1} at every sample, shape (n, d_L, d_{l-1}), by torch.func.jacrev of the layers from l on

Every activation, on a network with biases and on a linear trunk below a nonlinear head (no bias, then one).
Run with Python 3.11.7, numpy 2.4.6, torch 2.15.0 on x86-64. Another BLAS changes the last digits.
"""
import json
import pathlib

import numpy as np
import torch
from torch.func import grad, jacrev, jvp, vmap

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
HERE = pathlib.Path(__file__).parent
F = torch.nn.functional
ACTIVATIONS = {
    "identity": lambda z: z,
    "relu": torch.relu,
    "leaky_relu": F.leaky_relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "gelu": F.gelu,
    "softplus": F.softplus,
    "erf": torch.erf,
    "quadratic": lambda z: z**2,
    "swish": F.silu,
}
LOSSES = {
    "mean_squared": lambda f, y: ((f - y) ** 2).sum() / (2 * len(y)),
    "logistic": lambda f, y: F.binary_cross_entropy_with_logits(f, y, reduction="sum") / len(y),
    "cross_entropy": lambda f, y: F.cross_entropy(f, y, reduction="sum") / len(y),
}


def case(widths, activations, bias, loss="mean_squared", samples=12):
    return dict(widths=widths, activations=activations, bias=bias, loss=loss, samples=samples)


CASES = {name: case([4, 5, 3, 2], [name, name, "identity"], [True] * 3) for name in ACTIVATIONS}
CASES |= {
    f"{name}-head": case([4, 5, 6, 3, 1], ["identity", "identity", name, "identity"], [False, False, True, True])
    for name in ACTIVATIONS
}
CASES |= {
    "logistic": case([3, 6, 2], ["tanh", "identity"], [True, False], "logistic"),
    "cross-entropy": case([3, 6, 4], ["swish", "identity"], [True, True], "cross_entropy"),
    "bent-output": case([3, 4, 2], ["gelu", "tanh"], [False, True]),
    "one-layer": case([3, 2], ["sigmoid"], [True]),
}


def forward(parameters, case, h, first=1):
    for l in range(first, len(case["widths"])):
        h = h @ parameters[f"W{l}"].T
        if case["bias"][l - 1]:
            h = h + parameters[f"b{l}"]
        h = ACTIVATIONS[case["activations"][l - 1]](h)
    return h


def states(parameters, case, x):
    part = lambda l: {**case, "widths": case["widths"][: l + 1]}
    return [forward(parameters, part(l), x) for l in range(len(case["widths"]) - 1)]


def arrays(seed, case):
    rng = np.random.default_rng(seed)
    normal = lambda *shape: torch.tensor(rng.standard_normal(shape))
    widths, n = case["widths"], case["samples"]
    x, y = normal(n, widths[0]), normal(n, widths[-1])
    if case["loss"] != "mean_squared":
        y = torch.softmax(y, 1)
    parameters, v = {}, {}
    for l, (i, o) in enumerate(zip(widths, widths[1:]), 1):
        parameters[f"W{l}"], v[f"W{l}"] = normal(o, i) / np.sqrt(i), normal(o, i)
        if case["bias"][l - 1]:
            parameters[f"b{l}"], v[f"b{l}"] = normal(o) / 2, normal(o)
    value = lambda p: LOSSES[case["loss"]](forward(p, case, x), y)
    gradient, hv = jvp(grad(value), (parameters,), (v,))
    out = {"X": x, "Y": y, "loss": value(parameters), **parameters}
    for name, group in dict(gradient=gradient, v=v, hv=hv).items():
        out |= {f"{name}/{key}": part for key, part in group.items()}
    for l, h in enumerate(states(parameters, case, x), 1):
        out[f"jacobian{l}"] = vmap(jacrev(lambda h, l=l: forward(parameters, case, h, l)))(h)
    return {key: array.detach().numpy() for key, array in out.items()}


if __name__ == "__main__":
    everything = {}
    for seed, (name, settings) in enumerate(CASES.items()):
        everything |= {f"{name}/{key}": array for key, array in arrays(seed, settings).items()}
    np.savez_compressed(HERE / "networks.npz", **everything)
    lines = ",\n".join(f' "{name}": {json.dumps(settings)}' for name, settings in CASES.items())
    (HERE / "networks.json").write_text(f"{{\n{lines}\n}}\n")
