"""Models of JAX. (Runs where jax is installed.)"""

from __future__ import annotations

import numpy as np
import pytest
from twins import same

import gramflow as gf

jax = pytest.importorskip("jax")


@pytest.fixture(autouse=True)
def double():
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", False)


def residual() -> tuple:
    """A residual network of two blocks, as a pytree, and its loss."""
    import jax.numpy as jnp

    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 6))
    y = np.sin(x[:, :2])
    params = {"blocks": [rng.normal(size=(6, 6)) * 0.3 for _ in range(2)], "out": rng.normal(size=(6, 2)) * 0.3}

    def loss(params: dict):
        h = jnp.asarray(x)
        for block in params["blocks"]:
            h = h + jnp.tanh(h @ block)
        return 0.5 * jnp.mean(jnp.sum((h @ params["out"] - y) ** 2, axis=1))

    return loss, params


def test_a_residual_network_takes_its_flow() -> None:
    loss, params = residual()
    model = gf.from_jax(loss, params)
    assert model.theta0.shape == (84,) and model.theta0.dtype == np.float64
    value, gradient = model.value_and_grad(model.theta0)
    v = np.random.default_rng(1).normal(size=84)
    h = 1e-6
    difference = (model.value_and_grad(model.theta0 + h * v)[0] - model.value_and_grad(model.theta0 - h * v)[0]) / (2 * h)
    assert difference == pytest.approx(gradient @ v, rel=1e-6) and value > 0
    slopes = [model.value_and_grad(model.theta0 + sign * 1e-5 * v)[1] for sign in (1, -1)]
    assert np.linalg.norm(model.hvp(model.theta0, v) - (slopes[0] - slopes[1]) / 2e-5) < 1e-6 * np.linalg.norm(slopes[0])
    sol = gf.flow(model, t_end=5.0, rtol=1e-8)
    tight = gf.flow(model, t_end=5.0, rtol=1e-11, atol=1e-14, integrator="dop853")
    assert np.linalg.norm(sol.y[-1] - tight.y[-1]) < 1e-6 and sol.stats["hessian_products"] == "hvp"
    end = model.unflatten(sol.y[-1])
    assert float(loss(end)) < value and end["blocks"][1].shape == (6, 6)


def test_float32_is_refused_with_the_remedy() -> None:
    jax.config.update("jax_enable_x64", False)
    loss, params = residual()
    with pytest.raises(ValueError, match="jax_enable_x64"):
        gf.from_jax(loss, params)


def test_a_loss_of_many_numbers_is_refused() -> None:
    with pytest.raises(ValueError, match=r"loss: must return one number, got an array of shape \(3,\)"):
        gf.flow(gf.from_jax(lambda params: 2.0 * params, np.ones(3)))


def test_the_built_in_network_and_its_jax_twin_have_the_same_columns() -> None:
    import jax.numpy as jnp

    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(30, 4)), rng.normal(size=(30, 2))
    # As JAX's libraries have them: of shape (in, out).
    params = [{"kernel": rng.normal(size=(4, 5)) * 0.5, "bias": np.zeros(5)}, {"kernel": rng.normal(size=(5, 2)) * 0.5}]

    def outputs(params: list, nudges: list):
        hidden = jnp.tanh((x + nudges[0]) @ params[0]["kernel"] + params[0]["bias"])
        return (hidden + nudges[1]) @ params[1]["kernel"]

    def loss(params: list):
        return 0.5 * jnp.mean(jnp.sum((outputs(params, [0.0, 0.0]) - y) ** 2, axis=1))

    model = gf.from_jax(loss, params, outputs)
    assert list(model.parts) == ["0.bias", "0.kernel", "1.kernel"]
    layers = [gf.Layer("0.kernel", "0.bias", "tanh", transposed=True), gf.Layer("1.kernel", transposed=True)]
    record = {"times": [0, 1, 5]}
    own = gf.compare(model, [{"gd": {"lr": 0.05}}], 5.0, layers=layers, record=record)
    weights = {"W1": params[0]["kernel"].T, "b1": params[0]["bias"], "W2": params[1]["kernel"].T}
    built_in = gf.run(
        {
            "name": "twin",
            "data": {"X": x, "Y": y},
            "network": {"widths": [4, 5, 2], "activations": ["tanh", "identity"], "bias": [True, False]},
            "init": weights,
            "flow": {"t_end": 5.0},
            "record": record,
            "optimizers": [{"gd": {"lr": 0.05}}],
        }
    )
    assert same(built_in, own, floor=1e-12) >= 20
