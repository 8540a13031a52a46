"""nonlinear.npz and nonlinear.json: gradient flows of nonlinear networks, and 200 steps of torch's optimizers, in float64.

nonlinear.json holds, per case, widths, activations, bias and loss as networks.json has them, decay, t_end, and whether there are
`steps`. nonlinear.npz holds, per case C, parameters under the names W1, b1, …:
  C/X, C/Y                samples, one a row
  C/start/W1, …           where everything starts
  C/flow/W1, …            the flow at t_end
  C/NAME/W1, …            after the steps of each optimizer in optimizers.json, of cases with steps
  C/minibatches/indices   batches, one a row, and C/minibatches/W1, … after torch.optim.SGD on them, of cases with steps

J = loss + (lambda/2) sum over all weights and biases. Smooth flows: torch's autodiff, scipy's DOP853 at rtol 1e-13. They must agree to
1e-10 with a second solution that shares nothing with them: gradients written by hand in numpy, and RK45.
Flows with kinks (relu, leaky_relu): DOP853 at rtol 1e-13 from one change of sign of a preactivation to the next, with the signs held
fixed between, so that each piece is smooth; the changes are located to rounding by Newton's method on a state integrated up to them.
The flow must pass through each, not slide along it. The second solution is RK45 at 1e-11 across the kinks, which is as far as it
can be trusted; it must agree to 1e-9.
Run with Python 3.11.7, numpy 2.4.6, scipy 1.17.1, torch 2.15.0 on x86-64. Another BLAS changes the last digits.
"""
import json
import pathlib

import numpy as np
import torch
from scipy.integrate import solve_ivp
from scipy.special import erf, expit, ndtr

import make
import networks

HERE = pathlib.Path(__file__).parent
SIZES = dict(widths=[4, 6, 3, 2], samples=20, t_end=5.0)


def case(name, bias, loss, decay, activations=None, steps=False, **other):
    activations = activations or [name, name, "identity"]
    depth = len(activations)
    bias = bias if isinstance(bias, list) else [bias] * depth
    return SIZES | dict(activations=activations, bias=bias, loss=loss, decay=decay, steps=steps) | other


MSE, LOGISTIC, ENTROPY = "mean_squared", "logistic", "cross_entropy"
CASES = {
    # Of a seed at which all steps are stable: at others "adam-set" turns a start perturbed by 1e-15 into 1e-3, in torch.
    "tanh": case("tanh", True, MSE, 1e-2, steps=True, seed=22),
    "tanh-no-bias": case("tanh", False, MSE, 0.0),
    "tanh-logistic": case("tanh", [True, False, True], LOGISTIC, 1e-2),
    "gelu": case("gelu", True, MSE, 0.0),
    "gelu-cross-entropy": case("gelu", True, ENTROPY, 1e-2, steps=True, widths=[4, 6, 3, 3]),
    "softplus": case("softplus", False, MSE, 1e-2),
    "softplus-logistic": case("softplus", True, LOGISTIC, 0.0),
    "erf": case("erf", True, MSE, 1e-2),
    "sigmoid": case("sigmoid", True, MSE, 0.0),
    "swish": case("swish", False, MSE, 1e-2),
    "swish-trunk": case("swish", [False, False, True, True], MSE, 1e-2, ["identity"] * 2 + ["swish", "identity"], widths=[4, 5, 6, 3, 1]),
    "quadratic": case("quadratic", True, MSE, 1e-2, t_end=2.0),
    # Of seeds whose flow slides along no kink: more than half do.
    "relu": case("relu", True, MSE, 1e-2, steps=True, t_end=2.0, seed=114),
    "relu-no-bias": case("relu", False, MSE, 0.0, t_end=2.0, seed=104),
    "relu-cross-entropy": case("relu", True, ENTROPY, 1e-2, widths=[4, 6, 3, 3], t_end=2.0, seed=109),
    "leaky-relu": case("leaky_relu", True, MSE, 1e-2, t_end=2.0, seed=114),
}
KINKS = {"relu": 0.0, "leaky_relu": 0.01}
GAUSSIAN = lambda z: np.exp(-z * z / 2) / np.sqrt(2 * np.pi)
# By hand: value and slope.
BY_HAND = {
    "identity": (lambda z: z, np.ones_like),
    "relu": (lambda z: np.where(z > 0, z, 0.0), lambda z: np.where(z > 0, 1.0, 0.0)),
    "leaky_relu": (lambda z: np.where(z > 0, z, 0.01 * z), lambda z: np.where(z > 0, 1.0, 0.01)),
    "tanh": (np.tanh, lambda z: 1 / np.cosh(z) ** 2),
    "sigmoid": (expit, lambda z: expit(z) * expit(-z)),
    "gelu": (lambda z: z * ndtr(z), lambda z: ndtr(z) + z * GAUSSIAN(z)),
    "softplus": (lambda z: np.logaddexp(0, z), expit),
    "erf": (erf, lambda z: 2 / np.sqrt(np.pi) * np.exp(-z * z)),
    "quadratic": (np.square, lambda z: 2 * z),
    "swish": (lambda z: z * expit(z), lambda z: expit(z) * (1 + z * expit(-z))),
}
ERRORS = {
    MSE: lambda f, y: f - y,
    LOGISTIC: lambda f, y: expit(f) - y,
    ENTROPY: lambda f, y: np.exp(f - np.logaddexp.reduce(f, axis=1, keepdims=True)) - y,
}


def problem(seed, case):
    """Samples and a start. A teacher's labels, so that the flow has something to learn; classes for the other losses."""
    rng = np.random.default_rng(seed)
    widths, n = case["widths"], case["samples"]
    x = rng.standard_normal((n, widths[0]))
    y = np.sin(x @ rng.standard_normal((widths[0], widths[-1]))) + 0.1 * rng.standard_normal((n, widths[-1]))
    if case["loss"] == LOGISTIC:
        y = (y > 0).astype(float)
    if case["loss"] == ENTROPY:
        y = np.eye(widths[-1])[y.argmax(axis=1)]
    start = []
    for i, o, bias in zip(widths, widths[1:], case["bias"]):
        start.append(rng.standard_normal((o, i)) / np.sqrt(i))
        if bias:
            start.append(0.3 * rng.standard_normal(o))
    return x, y, start


def names(case):
    return [name for l, bias in enumerate(case["bias"], 1) for name in ([f"W{l}", f"b{l}"] if bias else [f"W{l}"])]


def loss_of(case):
    keys = names(case)
    return lambda parts, x, y: networks.LOSSES[case["loss"]](networks.forward(dict(zip(keys, parts)), case, x), y)


def run_by_hand(case, parts, x, signs=None):
    """Inputs h and preactivations z of every layer. With `signs` each kinked layer is the linear map that those signs select."""
    parameters = dict(zip(names(case), parts))
    inputs, before = [x], []
    for l, activation in enumerate(case["activations"], 1):
        z = inputs[-1] @ parameters[f"W{l}"].T + parameters.get(f"b{l}", 0.0)
        before.append(z)
        if signs is not None and activation in KINKS:
            inputs.append(z * np.where(signs[l - 1] > 0, 1.0, KINKS[activation]))
        else:
            inputs.append(BY_HAND[activation][0](z))
    return inputs, before


def field_by_hand(case, x, y, like, signs=None):
    def field(_, vector):
        parts = make.layers(vector, like)
        parameters = dict(zip(names(case), parts))
        inputs, before = run_by_hand(case, parts, x, signs)
        error = ERRORS[case["loss"]](inputs[-1], y) / len(x)
        gradient = {}
        for l in range(len(before), 0, -1):
            activation = case["activations"][l - 1]
            if signs is not None and activation in KINKS:
                error = error * np.where(signs[l - 1] > 0, 1.0, KINKS[activation])
            else:
                error = error * BY_HAND[activation][1](before[l - 1])
            gradient[f"W{l}"], gradient[f"b{l}"] = error.T @ inputs[l - 1], error.sum(axis=0)
            error = error @ parameters[f"W{l}"]
        return -make.flatten(gradient[name] for name in names(case)) - case["decay"] * vector

    return field


def piecewise(case, x, y, start):
    """The flow of a network with kinks, and at how many changes of sign it was cut."""
    kinked = [l for l, activation in enumerate(case["activations"]) if activation in KINKS]
    preactivations = lambda vector, signs: run_by_hand(case, make.layers(vector, start), x, signs)[1]
    t, vector, cuts = 0.0, make.flatten(start), 0
    signs = [np.sign(z) for z in preactivations(vector, None)]
    while True:
        field = field_by_hand(case, x, y, start, signs)
        margins = lambda vector: np.concatenate([(signs[l] * preactivations(vector, signs)[l]).ravel() for l in kinked])
        event = lambda _, vector: margins(vector).min()
        event.terminal, event.direction = True, -1
        options = dict(method="DOP853", rtol=1e-13, atol=1e-15)
        solution = solve_ivp(field, (t, case["t_end"]), vector, events=event, **options)
        assert solution.status >= 0, solution.message
        assert min(margins(column).min() for column in solution.y.T) > -1e-8, "a change of sign was missed"
        if solution.status == 0:
            return make.layers(solution.y[:, -1], start), cuts
        # scipy finds the time on an interpolant, which is less accurate than the steps.
        until = solution.t[-1]
        crossed = margins(solution.y[:, -1]).argmin()
        vector = solve_ivp(field, (t, until), vector, **options).y[:, -1]
        rate = lambda field: (margins(vector + 1e-6 * field(0, vector)) - margins(vector - 1e-6 * field(0, vector)))[crossed] / 2e-6
        slope = rate(field)
        shift = -margins(vector)[crossed] / slope
        assert abs(shift) < 1e-8
        t, vector, cuts = until + shift, vector + shift * field(0, vector), cuts + 1
        flat = np.concatenate([signs[l].ravel() for l in kinked])
        flat[crossed] *= -1
        old, rest = signs, flat
        signs = list(signs)
        for l in kinked:
            signs[l], rest = rest[: old[l].size].reshape(old[l].shape), rest[old[l].size :]
        # With the new signs it must go on to the other side: its margin, counted from there, grows.
        assert rate(field_by_hand(case, x, y, start, signs)) > 0, "it slides: take another seed"


def flow(case, x, y, start):
    """The flow at t_end, its relative distance from the second solution, and the changes of sign on the way."""
    if kinked(case):
        (end, cuts), tolerance, bound = piecewise(case, x, y, start), 1e-11, 1e-9
        end = make.flatten(end)
    else:
        field = make.field_by_autodiff(x, y, start, case["decay"], loss_of(case))
        end, cuts, tolerance, bound = make.solve(field, start, case["t_end"], "DOP853", 1e-13, 1e-15), 0, 1e-13, 1e-10
    other = make.solve(field_by_hand(case, x, y, start), start, case["t_end"], "RK45", tolerance, 1e-2 * tolerance)
    disagreement = np.linalg.norm(end - other) / np.linalg.norm(end)
    assert disagreement < bound, f"the two solutions differ by {disagreement:.1e}"
    return make.layers(end, start), disagreement, cuts


def kinked(case):
    return any(activation in KINKS for activation in case["activations"])


if __name__ == "__main__":
    everything = {}
    for seed, (name, settings) in enumerate(CASES.items()):
        seed = settings.pop("seed", seed)
        x, y, start = problem(seed, settings)
        end, disagreement, cuts = flow(settings, x, y, start)
        groups = {"start": start, "flow": end}
        loss, decay = loss_of(settings), settings["decay"]
        everything |= {f"{name}/X": x, f"{name}/Y": y}
        if settings["steps"]:
            for (kind, given), in (optimizer.items() for optimizer in make.OPTIMIZERS):
                groups[given["name"]] = make.descent(x, y, start, decay, kind, given, loss=loss)
            indices, groups["minibatches"] = make.minibatches(seed, x, y, start, decay, loss)
            everything[f"{name}/minibatches/indices"] = indices
        for group, parts in groups.items():
            everything |= {f"{name}/{group}/{key}": part for key, part in zip(names(settings), parts)}
        losses = [loss([torch.tensor(part) for part in parts], torch.tensor(x), torch.tensor(y)) for parts in (start, end)]
        print(f"{name:20} two solutions within {disagreement:.0e}, {cuts} cuts, loss {losses[0]:.3g} -> {losses[1]:.3g}", flush=True)
    np.savez_compressed(HERE / "nonlinear.npz", **everything)
    lines = ",\n".join(f' "{name}": {json.dumps(settings)}' for name, settings in CASES.items())
    (HERE / "nonlinear.json").write_text(f"{{\n{lines}\n}}\n")
