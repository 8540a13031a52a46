"""Layers of a model of one's own in `gf.compare`: the columns are those of a built-in network."""

from __future__ import annotations

import numpy as np
import pytest
from twins import same

import gramflow as gf

RNG = np.random.default_rng(7)
X = RNG.normal(size=(30, 4))
Y = RNG.normal(size=(30, 2))


def scenario(weights: dict, activation: str, **others: object) -> dict:
    widths = [4, *(weight.shape[0] for name, weight in weights.items() if name.startswith("W"))]
    depth = len(widths) - 1
    return {
        "name": "twin",
        "data": {"X": X, "Y": Y},
        "network": {"widths": widths, "activations": [activation] * (depth - 1) + ["identity"], "bias": "b1" in weights},
        "init": weights,
        "weight_decay": 0.1,
        "flow": {"t_end": 3.0},
        "record": {"times": [0, 0.5, 3]},
        "optimizers": [{"gd": {"lr": 0.05}}],
        **others,
    }


def linear(weights: dict) -> gf.Model:
    """f(x) = W_L ⋯ W_1 x in NumPy."""
    names = list(weights)

    def split(theta: np.ndarray) -> list[np.ndarray]:
        return list(model.unflatten(theta).values())

    def value_and_grad(theta: np.ndarray) -> tuple[float, np.ndarray]:
        layers = split(theta)
        hidden = [X]
        for weight in layers:
            hidden.append(hidden[-1] @ weight.T)
        error = (hidden[-1] - Y) / len(X)
        value, gradients = 0.5 * np.sum((hidden[-1] - Y) ** 2) / len(X), []
        for weight, below in zip(reversed(layers), reversed(hidden[:-1])):
            gradients.append(error.T @ below)
            error = error @ weight
        return value, np.concatenate([gradient.ravel() for gradient in reversed(gradients)])

    def jacobians(theta: np.ndarray, layers: tuple) -> list[np.ndarray]:
        assert [layer.weight for layer in layers] == names
        found, product = [], np.eye(Y.shape[1])
        for weight in reversed(split(theta)):
            product = product @ weight
            found.append(np.broadcast_to(product, (len(X), *product.shape)))
        return found[::-1]

    theta0 = np.concatenate([weight.ravel() for weight in weights.values()])
    parts = {name: weight.shape for name, weight in weights.items()}
    model = gf.Model(value_and_grad, theta0, parts=parts, jacobians=jacobians)
    return model


def test_a_linear_network_in_numpy_has_the_columns_of_the_built_in_one() -> None:
    weights = {"W1": RNG.normal(size=(5, 4)) * 0.5, "W2": RNG.normal(size=(3, 5)) * 0.5, "W3": RNG.normal(size=(2, 3)) * 0.5}
    claims = ["balance-law", "nfa"]
    built_in = gf.run(scenario(weights, "identity", claims=claims))
    layers = [gf.Layer(name, activation="identity") for name in weights]
    own = gf.compare(
        linear(weights),
        [{"gd": {"lr": 0.05}}],
        3.0,
        layers=layers,
        weight_decay=0.1,
        record={"times": [0, 0.5, 3]},
        claims=claims,
        observe={"mine": cosine},
    )
    assert same(built_in, own, floor=1e-13) > 20
    assert {name: verdict["verdict"] for name, verdict in own.verdicts.items()} == {
        name: verdict["verdict"] for name, verdict in built_in.verdicts.items()
    }
    assert np.abs(own.columns["mine"] - own.columns["nfa_cosine"]).max() < 1e-12
    for name in weights:
        assert np.allclose(own.weights[f"gd/{name}"], built_in.weights[f"gd/{name}"], rtol=1e-12, atol=1e-14)


def cosine(theta: np.ndarray, t: float) -> float:
    """cos(W₁ᵀW₁, A_f^{1/3}) of the linear network above, A_f = PᵀP."""
    first, second, third = (part.reshape(shape) for part, shape in zip(np.split(theta, [20, 35]), [(5, 4), (3, 5), (2, 3)]))
    _, values, rows = np.linalg.svd(third @ second @ first)
    gram, power = first.T @ first, (rows[:2].T * values ** (2 / 3)) @ rows[:2]
    return float(np.sum(gram * power) / (np.linalg.norm(gram) * np.linalg.norm(power)))


def test_layers_in_any_order_transposed_and_beside_others() -> None:
    """A linear network whose θ holds W_2ᵀ, a scale that is no layer, and W_1."""
    rng = np.random.default_rng(1)
    first, second = rng.normal(size=(3, 4)) * 0.5, rng.normal(size=(2, 3)) * 0.5

    def value_and_grad(theta: np.ndarray) -> tuple[float, np.ndarray]:
        transposed, scale, first = theta[:6].reshape(3, 2), theta[6], theta[7:].reshape(3, 4)
        hidden = X @ first.T
        error = (scale * hidden @ transposed - Y) / len(X)
        gradients = (scale * hidden.T @ error, np.sum(error * (hidden @ transposed)), scale * (error @ transposed.T).T @ X)
        return 0.5 * len(X) * np.sum(error**2), np.concatenate([np.ravel(gradient) for gradient in gradients])

    theta0 = np.concatenate([second.T.ravel(), [1.0], first.ravel()])
    model = gf.Model(value_and_grad, theta0, parts={"up": (3, 2), "scale": (), "down": (3, 4)})
    layers = [gf.Layer("down", activation="identity"), gf.Layer("up", transposed=True)]
    run = gf.compare(
        model,
        [{"gd": {"lr": 0.1}}, {"adam": {"lr": 0.01}}],
        1.0,
        layers=layers,
        record={"times": [0, 1], "weights": True},
        observe={"scale": lambda theta, t: theta[6]},
    )
    gd = run.columns["process"] == "gd"
    theta = theta0.copy()
    for _ in range(10):
        theta -= 0.1 * value_and_grad(theta)[1]
    assert np.allclose(run.weights["gd/theta"], theta, rtol=1e-13) and run.columns["scale"][gd][-1] == pytest.approx(theta[6])
    assert np.allclose(run.weights["gd/W2"], theta[:6].reshape(3, 2).T) and np.allclose(run.weights["gd/rest"], theta[6:7])
    assert np.array_equal(run.trajectory["gd/theta"], np.stack([theta0, run.weights["gd/theta"]]))
    gap = np.linalg.norm(second.T @ second - first @ first.T)
    assert run.columns["balance_gap"][0] == pytest.approx(gap, rel=1e-13)
    # A scale between the layers changes nothing of what is conserved between them.
    flow = run.columns["process"] == "flow"
    assert run.columns["balance_law_residual"][flow][-1] < 1e-6 * gap
    # Without Jacobians the ansatz is not defined.
    assert np.isnan(run.columns["nfa_cosine"]).all() and not np.isnan(run.columns["effective_rank_W1"]).any()


def test_what_is_conserved_depends_on_the_activation() -> None:
    weights = {"W1": RNG.normal(size=(5, 4)), "W2": RNG.normal(size=(2, 5))}
    model = linear(weights)
    columns = {}
    for activation in ("identity", "relu", "tanh", None):
        run = gf.compare(model, t_end=1.0, layers=[gf.Layer("W1", activation=activation), "W2"])
        columns[activation] = run.columns["balance_gap_1"][0]
    imbalance = weights["W2"].T @ weights["W2"] - weights["W1"] @ weights["W1"].T
    assert columns["identity"] == pytest.approx(np.linalg.norm(imbalance))
    assert columns["relu"] == pytest.approx(np.linalg.norm(np.diag(imbalance)))
    assert np.isnan(columns["tanh"]) and np.isnan(columns[None])


def test_wrong_layers_are_refused_by_name() -> None:
    weights = {"W1": RNG.normal(size=(5, 4)), "W2": RNG.normal(size=(2, 5)), "b": np.zeros(3)}
    model = gf.Model(lambda theta: (0.0, 0.0 * theta), np.ones(33), parts={name: value.shape for name, value in weights.items()})
    for layers, error, message in [
        ("W1", TypeError, "layers: must be a list"),
        ([], ValueError, "layers: is empty"),
        ([3], TypeError, "layers: must be names or gramflow.Layer, got int"),
        (["W3"], ValueError, "layers: there is no parameter 'W3': the model has W1, W2, b"),
        (["W2", "W1"], ValueError, "layers: 'W2' has 2 outputs and the next layer 4 inputs"),
        (["b"], ValueError, r"layers: 'b' must be a matrix, and has the shape \(3,\)"),
        ([gf.Layer("W1", bias="b")], ValueError, r"layers: 'b' must have the shape \(5,\), got \(3,\)"),
        ([gf.Layer("W1", activation="cosine"), "W2"], ValueError, r"layers: activation: unknown word `cosine` \(words here: identity, relu,"),
        (["W1", gf.Layer("W1", transposed=True)], ValueError, "layers: a parameter stands in them twice"),
    ]:
        with pytest.raises(error, match=message):
            gf.compare(model, t_end=1, layers=layers)
    with pytest.raises(ValueError, match="layers: the model has no names of its parameters"):
        gf.compare(gf.Model(lambda theta: (0.0, theta), np.ones(3)), t_end=1, layers=["W1"])
    with pytest.raises(ValueError, match="parts: must have 33 entries in all"):
        gf.Model(model.value_and_grad, np.ones(33), parts={"W1": (5, 4)})
    for returned, error, message in [
        (3, TypeError, "jacobians: must return a list with an array for each of 2 layers"),
        ([np.ones((2, 1, 4))], TypeError, "jacobians: must return a list"),
        ([np.ones((2, 1, 4)), np.ones((2, 1, 4))], ValueError, r"jacobians: must return an array \(samples, outputs, 5\) for layer 2"),
        ([None, "text"], ValueError, "could not convert string"),
    ]:
        wrong = gf.Model(model.value_and_grad, model.theta0, parts=model.parts, jacobians=lambda theta, layers: returned)
        with pytest.raises(error, match=message):
            gf.compare(wrong, t_end=1, layers=["W1", "W2"])
