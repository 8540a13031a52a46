"""Columns of one's own in `gf.run`."""

from __future__ import annotations

import numpy as np
import pytest

import gramflow as gf


def cosine(theta: dict, t: float) -> float:
    """The cosine of W₁ᵀW₁ and (A_f)^{1/L} of a linear network, whose A_f is PᵀP with P = W_L ⋯ W_1."""
    layers = sorted(theta, key=lambda name: int(name[1:]))
    product = np.linalg.multi_dot([theta[name] for name in reversed(layers)])
    gram = theta["W1"].T @ theta["W1"]
    _, values, rows = np.linalg.svd(product)
    power = (rows.T[:, : len(values)] * values ** (2 / len(layers))) @ rows[: len(values)]
    return float(np.sum(gram * power) / (np.linalg.norm(gram) * np.linalg.norm(power)))


def test_an_observable_in_numpy_equals_the_column(tiny: dict) -> None:
    run = gf.run({**tiny, "init": "pytorch"}, observe={"mine": cosine, "when": lambda theta, t: t})
    assert np.abs(run.columns["mine"] - run.columns["nfa_cosine"]).max() < 1e-12
    assert np.array_equal(run.columns["when"], run.columns["t"])
    # The records are those without it.
    assert np.array_equal(gf.run({**tiny, "init": "pytorch"}).columns["loss"], run.columns["loss"])


def test_every_process_is_observed(tiny: dict) -> None:
    run = gf.run(tiny, set={"optimizers": [{"gd": {"lr": 0.1}}]}, observe={"norm": lambda theta, t: np.linalg.norm(theta["W1"])})
    gd = run.columns["process"] == "gd"
    assert run.columns["norm"][gd][-1] == pytest.approx(np.linalg.norm(run.weights["gd/W1"]), rel=1e-14)
    assert "norm" in run.records


def test_wrong_observables_are_refused_and_exceptions_surface(tiny: dict) -> None:
    with pytest.raises(ValueError, match="observe: .*`loss`, which is taken"):
        gf.run(tiny, observe={"loss": lambda theta, t: 0.0})
    with pytest.raises(TypeError, match=r"observe\['x'\]: must be callable"):
        gf.run(tiny, observe={"x": 1})
    with pytest.raises(TypeError, match="observe: must be a dict of functions by the names of their columns, got list"):
        gf.run(tiny, observe=["loss"])
    with pytest.raises(TypeError, match="observe: the name of a column must be text, got 3"):
        gf.run(tiny, observe={3: lambda theta, t: 0.0})
    with pytest.raises(TypeError, match="x: must return a number"):
        gf.run(tiny, observe={"x": lambda theta, t: "text"})

    def broken(theta: dict, t: float) -> float:
        return theta["W9"]

    with pytest.raises(KeyError, match="W9"):
        gf.run(tiny, observe={"x": broken})
