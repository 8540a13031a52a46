"""Small deep linear networks, their gradient flow and gradient descent, by software other than ours, in float64.

  make.py            writes beside itself, per case, CASE-data.npz (X, Y), CASE-w0.npz (W1, …), CASE-flow.npz (W1, … at t_end),
                     CASE-gd.npz (W1, … after the steps of torch.optim.SGD), and cases.json with the settings;
                     CASE-optimizers.npz (NAME/W1, … after the steps of every optimizer in OPTIMIZERS), and optimizers.json, the
                     list as a scenario has it;
                     CASE-minibatches.npz (indices, one batch a row, and W1, … after torch.optim.SGD on those batches)

Loss: 1/(2n) sum ||f(x_i) - y_i||^2; decay: (lambda/2) sum ||W||^2. Inputs have covariance eigenvalues log-spaced from 1 to
1/condition, the target is a random matrix, W_l starts Gaussian with standard deviation 1/sqrt(d_{l-1}).
Flow: torch's autodiff through the samples and scipy's DOP853 at rtol 1e-13. It must agree to 1e-10 with a second solution that
shares nothing with it: gradients written by hand from X'X/n and Y'X/n, and RK45.
Nonlinear networks are in nonlinear.py, the long and stiff flows in stiff/ are made by stiff/stiff_cases.py.
Run with Python 3.11.7, numpy 2.4.6, scipy 1.17.1, torch 2.15.0 on x86-64. Another BLAS changes the last digits.
"""
import json
import pathlib

import numpy as np
import torch
from scipy.integrate import solve_ivp

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
HERE = pathlib.Path(__file__).parent
GD_STEPS = 200
CASES = {
    "square": dict(widths=[6, 6, 6, 6], samples=30, decay=0.0, t_end=4.0, lr=0.02),
    "rectangular": dict(widths=[7, 4, 9, 3, 5], samples=30, decay=1e-2, t_end=10.0, lr=0.02),
    "one-output": dict(widths=[8, 8, 8, 1], samples=30, decay=1e-3, t_end=4.0, lr=0.02),
    "one-input": dict(widths=[1, 5, 3], samples=20, decay=0.0, t_end=1.0, lr=0.02),
    # Of numbers that float32 holds, so that a float32 file says the same.
    "single-layer": dict(widths=[5, 3], samples=12, decay=0.1, t_end=2.0, lr=0.05, round_to_float32=True),
    "ill-conditioned": dict(widths=[6, 6, 4], samples=40, decay=0.0, t_end=200.0, lr=0.1, condition=1e2, noise=0.2),
    "few-samples": dict(widths=[8, 6, 2], samples=5, decay=1e-3, t_end=4.0, lr=0.02),
}
# As in a scenario: the kind, and settings under torch's names. Rates at which the steps are stable: a start perturbed by 1e-15 ends
# within 1e-14, where twice or four times the rates of the "-set" ones amplify it to 1e-9 and more, in torch as anywhere.
OPTIMIZERS = [
    {"sgd": {"name": "heavy-ball", "lr": 0.005, "momentum": 0.9}},
    {"sgd": {"name": "dampened", "lr": 0.01, "momentum": 0.8, "dampening": 0.3}},
    {"sgd": {"name": "nesterov", "lr": 0.005, "momentum": 0.9, "nesterov": True}},
    {"adam": {"name": "adam", "lr": 0.01}},
    {"adam": {"name": "adam-set", "lr": 0.02, "betas": [0.4, 0.9], "eps": 1e-3, "amsgrad": True}},
    {"adamw": {"name": "adamw", "lr": 0.01}},
    {"adamw": {"name": "adamw-set", "lr": 0.005, "betas": [0.8, 0.95], "eps": 1e-2}},
    {"rmsprop": {"name": "rmsprop", "lr": 0.001}},
    {"rmsprop": {"name": "rmsprop-set", "lr": 0.0005, "alpha": 0.9, "eps": 1e-2, "momentum": 0.5, "centered": True}},
    {"sign": {"name": "sign", "lr": 0.002}},
    {"gd": {"name": "gd-step", "lr": 0.02, "schedule": {"step": {"step_size": 60, "gamma": 0.5}}}},
    {"gd": {"name": "gd-warmup", "lr": 0.02, "schedule": {"warmup": {"total_iters": 30, "start_factor": 0.1}}}},
    {"adam": {"name": "adam-cosine", "lr": 0.02, "schedule": {"cosine": {"t_max": 150, "eta_min": 0.001}}}},
]
BATCH = dict(size=4, lr=0.01, momentum=0.9)


def problem(seed, widths, samples, condition=1.0, noise=0.0, round_to_float32=False, **_):
    rng = np.random.default_rng(seed)
    d_in, d_out = widths[0], widths[-1]
    basis, _ = np.linalg.qr(rng.standard_normal((d_in, d_in)))
    x = rng.standard_normal((samples, d_in)) * np.sqrt(np.geomspace(1, 1 / condition, d_in)) @ basis.T
    y = x @ rng.standard_normal((d_in, d_out)) / np.sqrt(d_in) + noise * rng.standard_normal((samples, d_out))
    if round_to_float32:
        x, y = (a.astype(np.float32).astype(np.float64) for a in (x, y))
    return x, y, [rng.standard_normal((o, i)) / np.sqrt(i) for i, o in zip(widths, widths[1:])]


def loss(weights, x, y):
    h = x
    for w in weights:
        h = h @ w.T
    return ((h - y) ** 2).sum() / (2 * len(x))


def flatten(weights):
    return np.concatenate([w.ravel() for w in weights])


def layers(vector, like):
    parts = np.split(vector, np.cumsum([w.size for w in like])[:-1])
    return [part.reshape(w.shape) for part, w in zip(parts, like)]


def field_by_autodiff(x, y, like, decay, loss=loss):
    x, y = torch.tensor(x), torch.tensor(y)

    def field(_, vector):
        weights = [torch.tensor(w, requires_grad=True) for w in layers(vector, like)]
        return -flatten(g.numpy() for g in torch.autograd.grad(loss(weights, x, y), weights)) - decay * vector

    return field


def field_by_moments(x, y, like, decay):
    sxx, syx = x.T @ x / len(x), y.T @ x / len(x)

    def field(_, vector):
        weights = layers(vector, like)
        before = [np.eye(x.shape[1])]
        for w in weights:
            before.append(w @ before[-1])
        behind = before[-1] @ sxx - syx
        gradients = []
        for w, product in zip(reversed(weights), reversed(before[:-1])):
            gradients.append(behind @ product.T)
            behind = w.T @ behind
        return -flatten(reversed(gradients)) - decay * vector

    return field


def solve(field, w0, t_end, method, rtol, atol):
    solution = solve_ivp(field, (0, t_end), flatten(w0), method=method, rtol=rtol, atol=atol)
    assert solution.status == 0, solution.message
    return solution.y[:, -1]


def flow(x, y, w0, decay, t_end):
    end = solve(field_by_autodiff(x, y, w0, decay), w0, t_end, "DOP853", 1e-13, 1e-15)
    other = solve(field_by_moments(x, y, w0, decay), w0, t_end, "RK45", 1e-13, 1e-15)
    return layers(end, w0), np.linalg.norm(end - other) / np.linalg.norm(end)


class Sign(torch.optim.Optimizer):
    def __init__(self, weights, lr, weight_decay):
        super().__init__(weights, dict(lr=lr, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for w in group["params"]:
                w -= group["lr"] * torch.sign(w.grad + group["weight_decay"] * w)


KINDS = dict(
    gd=torch.optim.SGD,
    sgd=torch.optim.SGD,
    adam=torch.optim.Adam,
    adamw=torch.optim.AdamW,
    rmsprop=torch.optim.RMSprop,
    sign=Sign,
)
SCHEDULES = dict(
    step=torch.optim.lr_scheduler.StepLR,
    cosine=torch.optim.lr_scheduler.CosineAnnealingLR,
    warmup=torch.optim.lr_scheduler.LinearLR,
)


def descent(x, y, w0, decay, kind, settings, batches=None, loss=loss):
    """The weights after GD_STEPS steps, on all samples or on the listed ones."""
    x, y = torch.tensor(x), torch.tensor(y)
    weights = [torch.tensor(w, requires_grad=True) for w in w0]
    settings = {k: v for k, v in settings.items() if k != "name"}
    schedule = settings.pop("schedule", {})
    optimizer = KINDS[kind](weights, weight_decay=decay, **settings)
    schedulers = []
    for name, given in schedule.items():
        given = {"T_max" if k == "t_max" else k: v for k, v in given.items()}
        schedulers.append(SCHEDULES[name](optimizer, **given))
    for step in range(GD_STEPS):
        batch = slice(None) if batches is None else batches[step]
        optimizer.zero_grad()
        loss(weights, x[batch], y[batch]).backward()
        optimizer.step()
        for scheduler in schedulers:
            scheduler.step()
    return [w.detach().numpy() for w in weights]


def named(weights, prefix=""):
    return {f"{prefix}W{layer}": w for layer, w in enumerate(weights, 1)}


def save(name, weights):
    np.savez(HERE / f"{name}.npz", **named(weights))


def save_optimizers(name, x, y, w0, decay):
    ends = {}
    for (kind, settings), in (optimizer.items() for optimizer in OPTIMIZERS):
        ends |= named(descent(x, y, w0, decay, kind, settings), settings["name"] + "/")
    np.savez(HERE / f"{name}-optimizers.npz", **ends)


def minibatches(seed, x, y, w0, decay, loss=loss):
    """The batches' indices, one batch a row, and the weights after them."""
    rng = np.random.default_rng(1000 + seed)
    indices = np.array([rng.choice(len(x), BATCH["size"], replace=False) for _ in range(GD_STEPS)])
    settings = {k: v for k, v in BATCH.items() if k != "size"}
    return indices.astype(float), descent(x, y, w0, decay, "sgd", settings, indices, loss)


def save_minibatches(name, seed, x, y, w0, decay):
    indices, end = minibatches(seed, x, y, w0, decay)
    np.savez(HERE / f"{name}-minibatches.npz", indices=indices, **named(end))


def save_variants(name, x, y):
    """The same numbers in the other forms that numpy writes."""
    np.savez(HERE / f"{name}-data-float32.npz", X=x.astype(np.float32), Y=y.astype(np.float32))
    np.savez(HERE / f"{name}-data-fortran.npz", X=np.asfortranarray(x), Y=np.asfortranarray(y))
    np.savez_compressed(HERE / f"{name}-data-compressed.npz", X=x, Y=y)


if __name__ == "__main__":
    for seed, (name, case) in enumerate(CASES.items()):
        x, y, w0 = problem(seed, **case)
        end, disagreement = flow(x, y, w0, case["decay"], case["t_end"])
        assert disagreement < 1e-10, f"{name}: the two solutions differ by {disagreement:.1e}"
        np.savez(HERE / f"{name}-data.npz", X=x, Y=y)
        save(f"{name}-w0", w0)
        save(f"{name}-flow", end)
        save(f"{name}-gd", descent(x, y, w0, case["decay"], "gd", {"lr": case["lr"]}))
        save_optimizers(name, x, y, w0, case["decay"])
        save_minibatches(name, seed, x, y, w0, case["decay"])
        if case.get("round_to_float32"):
            save_variants(name, x, y)
        losses = [loss([torch.tensor(w) for w in weights], torch.tensor(x), torch.tensor(y)) for weights in (w0, end)]
        print(f"{name:16} two solutions within {disagreement:.0e}, loss {losses[0]:.3g} -> {losses[1]:.3g}")
    settings = [{k: case[k] for k in ("widths", "decay", "t_end", "lr")} | {"gd_steps": GD_STEPS} for case in CASES.values()]
    lines = ",\n".join(f' "{name}": {json.dumps(line)}' for name, line in zip(CASES, settings))
    (HERE / "cases.json").write_text(f"{{\n{lines}\n}}\n")
    lists = [{kind: settings | {"steps": GD_STEPS}} for (kind, settings), in (optimizer.items() for optimizer in OPTIMIZERS)]
    (HERE / "optimizers.json").write_text("[\n" + ",\n".join(" " + json.dumps(line) for line in lists) + "\n]\n")
