"""muon.npz: 200 steps of Muon on the cases of make.py, and on a network with biases, in float64.

  CASE/NAME/W1, …           after PyTorch's rule with its cast to bfloat16 taken out: the rule that gramflow follows
  CASE/NAME/bfloat16/W1, …  after torch.optim.Muon as it is
  biased/X, Y, W1, b1, …    data and start of the network with biases, f(x) = W2 tanh(W1 x + b1) + b2
  biased/muon/W1, b1, …     after Muon on its matrices and AdamW on its biases

and muon.json, the settings as a scenario has them. make.py goes first: data and starts are its files. It prints how far a start
perturbed by 1e-15 ends from where it did, and what the cast costs. Run as make.py.
"""
import json
import pathlib

import numpy as np
import torch
from torch.optim import _muon

from make import CASES, GD_STEPS, loss, named

HERE = pathlib.Path(__file__).parent
SETTINGS = {
    "muon": {"lr": 0.002},
    "plain": {"lr": 0.002, "momentum": 0.5, "nesterov": False, "adjust_lr_fn": "match_rms_adamw"},
    "exact": {"lr": 0.002, "ns_coefficients": [2.0, -1.5, 0.5], "ns_steps": 8, "adjust_lr_fn": "spectral_unclamped"},
}
BIASES = {"lr": 0.003, "betas": [0.8, 0.95], "eps": 1e-2}
AS_IT_IS = _muon._zeropower_via_newtonschulz


def in_float64(grad, ns_coefficients, ns_steps, eps):
    """PyTorch's function without the cast."""
    a, b, c = ns_coefficients
    x = grad.T if grad.size(0) > grad.size(1) else grad
    x = x / x.norm().clamp(min=eps)
    for _ in range(ns_steps):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if grad.size(0) > grad.size(1) else x


def descent(x, y, w0, decay, settings, newton_schulz=in_float64):
    _muon._zeropower_via_newtonschulz = newton_schulz
    weights = [torch.tensor(w, requires_grad=True) for w in w0]
    optimizer = torch.optim.Muon(weights, weight_decay=decay, **settings)
    for _ in range(GD_STEPS):
        optimizer.zero_grad()
        loss(weights, torch.tensor(x), torch.tensor(y)).backward()
        optimizer.step()
    return [w.detach().numpy() for w in weights]


def biased():
    _muon._zeropower_via_newtonschulz = in_float64
    rng = np.random.default_rng(7)
    x, y = rng.standard_normal((20, 6)), rng.standard_normal((20, 4))
    w = [rng.standard_normal((5, 6)) / 6**0.5, rng.standard_normal((4, 5)) / 5**0.5]
    b = [0.1 * rng.standard_normal(5), 0.1 * rng.standard_normal(4)]
    arrays = {"biased/X": x, "biased/Y": y} | {f"biased/W{l}": m for l, m in enumerate(w, 1)} | {f"biased/b{l}": v for l, v in enumerate(b, 1)}
    tensors = [torch.tensor(p, requires_grad=True) for p in w + b]
    w1, w2, b1, b2 = tensors
    matrices = torch.optim.Muon([w1, w2], weight_decay=1e-2, **SETTINGS["muon"])
    vectors = torch.optim.AdamW([b1, b2], weight_decay=1e-2, **BIASES)
    for _ in range(GD_STEPS):
        matrices.zero_grad(), vectors.zero_grad()
        output = torch.tanh(torch.tensor(x) @ w1.T + b1) @ w2.T + b2
        (((output - torch.tensor(y)) ** 2).sum() / (2 * len(x))).backward()
        matrices.step(), vectors.step()
    ends = [p.detach().numpy() for p in tensors]
    return arrays | {f"biased/muon/{name}": end for name, end in zip(("W1", "W2", "b1", "b2"), ends)}


if __name__ == "__main__":
    arrays = biased()
    for case, given in CASES.items():
        data, start = np.load(HERE / f"{case}-data.npz"), np.load(HERE / f"{case}-w0.npz")
        w0 = [start[f"W{l}"] for l in range(1, len(start.files) + 1)]
        for name, settings in SETTINGS.items():
            end = descent(data["X"], data["Y"], w0, given["decay"], settings)
            moved = descent(data["X"], data["Y"], [w * (1 + 1e-15) for w in w0], given["decay"], settings)
            cast = descent(data["X"], data["Y"], w0, given["decay"], settings, AS_IT_IS)
            arrays |= named(end, f"{case}/{name}/") | named(cast, f"{case}/{name}/bfloat16/")
            size = sum((a**2).sum() for a in end) ** 0.5
            away = [sum(((a - b) ** 2).sum() for a, b in zip(end, other)) ** 0.5 / size for other in (moved, cast)]
            print(f"{case:16} {name:6} perturbed {away[0]:.0e}, bfloat16 {away[1]:.0e}")
    np.savez(HERE / "muon.npz", **arrays)
    optimizers = [{"muon": {"name": name} | settings | {"steps": GD_STEPS}} for name, settings in SETTINGS.items()]
    biased_one = {"muon": {"name": "muon"} | SETTINGS["muon"] | {"steps": GD_STEPS, "biases": {"adamw": BIASES}}}
    lines = {"matrices": optimizers, "biased": [biased_one]}
    (HERE / "muon.json").write_text(json.dumps(lines, indent=1) + "\n")
