"""`gf.compare` runs the flow and optimizers of any model."""

from __future__ import annotations

import pickle
import threading

import numpy as np
import pytest

import gramflow as gf

CURVATURES = np.array([1.0, 0.1])


def parabola(theta: np.ndarray) -> tuple[float, np.ndarray]:
    return 0.5 * float(np.sum(CURVATURES * theta**2)), CURVATURES * theta


def of(run: gf.Run, process: str, column: str) -> np.ndarray:
    return run.columns[column][run.columns["process"] == process]


def test_flow_and_gradient_descent_follow_their_closed_forms() -> None:
    run = gf.compare(
        gf.Model(parabola, np.ones(2)),
        [{"gd": {"lr": 0.1}}, {"sgd": {"name": "momentum", "lr": 0.01, "momentum": 0.9}}],
        t_end=10,
        observe={"first": lambda theta, t: theta[0], "clock": lambda theta, t: t},
        record={"times": [0, 1, 10], "weights": True},
    )
    times = of(run, "flow", "t")
    assert list(run.records["process"].unique()) == ["flow", "gd", "momentum"] and times.tolist() == [0.0, 1.0, 10.0]
    assert np.abs(of(run, "flow", "first") - np.exp(-times)).max() < 1e-7
    assert np.abs(of(run, "gd", "first") - 0.9 ** of(run, "gd", "step")).max() < 1e-14
    assert np.array_equal(of(run, "flow", "clock"), times)
    exact = 0.5 * np.sum(CURVATURES * np.exp(-2 * np.outer(times, CURVATURES)), axis=1)
    assert np.abs(of(run, "flow", "loss") / exact - 1).max() < 1e-6
    distance = np.linalg.norm(np.exp(-10 * CURVATURES) - (1 - 0.1 * CURVATURES) ** 100)
    assert of(run, "gd", "distance_to_flow")[-1] == pytest.approx(distance, rel=1e-5)
    assert np.array_equal(run.trajectory["gd/theta"][-1], run.weights["gd/theta"])
    assert any("differences of gradients" in warning for warning in run.warnings)


def test_modified_flows_and_sharpness_come_by_hessian_products() -> None:
    model = gf.Model(parabola, np.ones(2), hvp=lambda theta, v: CURVATURES * v)
    run = gf.compare(model, [{"gd": {"lr": 0.1}}], t_end=5, measure=["sharpness", "modified_flow"], claims=["converged"])
    assert not any("differences of gradients" in warning for warning in run.warnings)
    assert of(run, "gd", "sharpness")[0] == pytest.approx(1.0, rel=1e-6)
    # The modified flow is nearer by an order of the learning rate.
    near, far = of(run, "gd", "distance_to_modified_flow")[-1], of(run, "gd", "distance_to_flow")[-1]
    assert near < 0.1 * far
    assert run.verdicts["converged"]["verdict"] == "fails"


def test_langevin_noise_has_the_spread_of_its_equation() -> None:
    model = gf.Model(parabola, np.ones(2), hvp=lambda theta, v: CURVATURES * v)
    temperature, paths, t_end = 0.01, 200, 10.0
    run = gf.compare(
        model,
        [{"sgd": {"lr": 0.1, "temperature": temperature}}],
        t_end=t_end,
        measure=[{"sde": {"paths": paths, "order": 1}}],
        record={"times": [0, t_end]},
    )
    # Ornstein and Uhlenbeck: T/h·(1 − e^(−2ht)) for each curvature h, within three standard errors.
    expected = temperature * np.sum((1 - np.exp(-2 * CURVATURES * t_end)) / CURVATURES)
    assert of(run, "sgd", "sde_spread")[-1] ** 2 == pytest.approx(expected, rel=3 * np.sqrt(2 / paths))
    assert of(run, "sgd", "distance_to_sde")[-1] < 5 * np.sqrt(expected)
    with pytest.raises(gf.ScenarioError, match="temperature"):
        gf.compare(model, [{"sgd": {"lr": 0.1, "temperature": -1.0}}], t_end=1.0)
    with pytest.raises(gf.ScenarioError, match="label_noise"):
        gf.compare(model, [{"sgd": {"lr": 0.1, "label_noise": 1.0}}], t_end=1.0)


def test_a_saddle_is_left_at_the_rate_of_its_least_eigenvalue() -> None:
    def saddle(theta: np.ndarray) -> tuple[float, np.ndarray]:
        x, y = theta
        return 0.5 * x**2 - 0.25 * y**2 + 0.25 * y**4, np.array([x, y**3 - 0.5 * y])

    model = gf.Model(saddle, np.array([1.0, 1e-5]), hvp=lambda theta, v: np.array([v[0], (3 * theta[1] ** 2 - 0.5) * v[1]]))
    run = gf.compare(model, [], t_end=60.0, measure=["saddles"])
    (visit,) = run.manifest["processes"]["flow"]["saddles"]
    assert visit["point"]["index"] == 1 and visit["point"]["predicted_rate"] == pytest.approx(0.5, rel=1e-6)
    assert visit["escape"]["rate"] == pytest.approx(0.5, rel=0.02)


def test_a_certificate_needs_a_second_thread_and_gets_its_callbacks() -> None:
    seen = set()

    def value_and_grad(theta: np.ndarray) -> tuple[float, np.ndarray]:
        seen.add(threading.get_ident())
        return parabola(theta)

    run = gf.compare(gf.Model(value_and_grad, np.ones(2)), t_end=5, certify=True)
    assert run.manifest["processes"]["flow"]["certificate"]["columns"]["loss"]["max_relative_error"] < 1e-6
    assert len(seen) == 2


def test_any_shape_of_theta() -> None:
    target = np.arange(6.0).reshape(2, 3)
    model = gf.Model(lambda theta: (0.5 * np.sum((theta - target) ** 2), theta - target), np.zeros((2, 3)))
    run = gf.compare(model, [{"gd": {"lr": 0.1}}], 30, observe={"corner": lambda theta, t: theta[1, 2]})
    assert of(run, "flow", "corner")[-1] == pytest.approx(5.0, abs=1e-6)


def test_settings_are_refused_by_their_keys() -> None:
    model = gf.Model(parabola, np.ones(2))
    for arguments, key in [
        (dict(optimizers=[{"gd": {"lr": -1}}]), "optimizers[0].gd.lr"),
        (dict(optimizers=[{"gdd": {"lr": 1}}]), "optimizers[0]"),
        (dict(t_end=-1), "flow.t_end"),
        (dict(weight_decay=-1), "weight_decay"),
        (dict(weight_decay=[1, 2]), "weight_decay"),
        (dict(rtol=0), "flow.rtol"),
        (dict(stop={"loss": -1}), "stop.loss"),
        (dict(record={"times": [3, 1]}), "record.times[1]"),
        (dict(measure=["nonsense"]), "measure[0]"),
    ]:
        with pytest.raises(gf.ScenarioError) as caught:
            gf.compare(model, **{"t_end": 10, **arguments})
        assert caught.value.key.startswith(key), caught.value.key
        assert caught.value.line is None
    with pytest.raises(ValueError, match="^ledger is about layers: give layers, or leave it out$"):
        gf.compare(model, t_end=1, measure=["ledger"])
    with pytest.raises(TypeError, match="optimizers: must be a list"):
        gf.compare(model, {"gd": {"lr": 0.1}})
    for argument, word in [("measure", "sharpness"), ("claims", "converged")]:
        with pytest.raises(TypeError, match=rf"{argument}: must be a list such as \['{word}'\], got str"):
            gf.compare(model, t_end=1, **{argument: word})
    with pytest.raises(TypeError, match="parts: must be a dict of shapes"):
        gf.Model(parabola, np.ones(2), parts=[(2,)])
    with pytest.raises(ValueError, match="`loss`, which is taken"):
        gf.compare(model, t_end=1, observe={"loss": lambda theta, t: 0.0})
    with pytest.raises(TypeError, match=r"observe\['x'\]: must be callable"):
        gf.compare(model, t_end=1, observe={"x": 3})
    with pytest.raises(TypeError, match="model: must be a gramflow.Model"):
        gf.compare(parabola)
    with pytest.raises(ValueError, match="start where both are finite"):
        gf.compare(gf.Model(lambda theta: (np.nan, theta), np.ones(2)), t_end=1)


@pytest.mark.parametrize("factor", [-1.0, 2.0, 1.0])
def test_a_gradient_that_is_not_that_of_the_value_is_warned_of(factor: float) -> None:
    model = gf.Model(lambda theta: (0.25 * np.sum(theta**4), factor * theta**3), np.array([0.5, -1.0, 0.7]))
    run = gf.compare(model, t_end=0.1)
    assert any("the gradient is not that of the loss" in warning for warning in run.warnings) == (factor != 1.0)


def test_models_and_solutions_can_be_compared() -> None:
    model = gf.Model(parabola, np.ones(2))
    assert model == model and model != gf.Model(parabola, np.ones(2)) and hash(model) == hash(model)
    assert gf.flow(model, t_end=1.0) != gf.flow(model, t_end=1.0)


def test_exceptions_of_callbacks_surface() -> None:
    def broken(theta: np.ndarray, t: float) -> float:
        raise LookupError("in an observable")

    with pytest.raises(LookupError, match="in an observable"):
        gf.compare(gf.Model(parabola, np.ones(2)), t_end=1, observe={"x": broken})
    with pytest.raises(TypeError, match="x: must return a number, got NoneType"):
        gf.compare(gf.Model(parabola, np.ones(2)), t_end=1, observe={"x": lambda theta, t: None})

    def refuses(theta: np.ndarray) -> tuple[float, np.ndarray]:
        raise ZeroDivisionError("at the start")

    with pytest.raises(ZeroDivisionError, match="at the start"):
        gf.compare(gf.Model(refuses, np.ones(2)), t_end=1)


def test_ctrl_c_keeps_the_partial_run(ctrl_c) -> None:
    begun = threading.Event()
    pressing = ctrl_c(begun.is_set)
    with pytest.raises(KeyboardInterrupt) as caught:
        model = gf.Model(parabola, np.ones(2))
        gf.compare(model, [{"gd": {"lr": 1e-8}}], t_end=10, observe={"seen": lambda theta, t: begun.set() or 1.0})
    pressing.join()
    run = caught.value.run
    assert run.manifest["processes"]["gd"]["termination"] == "interrupted" and run.columns["loss"][0] == pytest.approx(0.55)


def test_a_run_of_ones_own_model_is_shown_pickled_and_not_saved() -> None:
    run = gf.compare(gf.Model(parabola, np.ones(2)), [{"gd": {"lr": 0.1}}], 1, observe={"n": lambda theta, t: 1})
    copied = pickle.loads(pickle.dumps(run))
    assert np.array_equal(copied.columns["loss"], run.columns["loss"]) and copied.pictures == run.pictures
    assert "loss" in run.pictures and "gd" in run._repr_html_() and run.scenario is None
    with pytest.raises(ValueError, match="pickle it"):
        run.save("nowhere")
