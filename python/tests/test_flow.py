"""`gf.flow` integrates any gradient."""

from __future__ import annotations

import pickle
import threading
import traceback

import numpy as np
import pytest

import gramflow as gf


def quadratic(curvatures: np.ndarray):
    """J = ½ Σ c_i θ_i², whose flow is e^(−c_i t) θ_i(0)."""
    return lambda theta: curvatures * theta


@pytest.mark.parametrize(
    "integrator", ["auto", "tsit5", "rock4", "rkc", "dopri5", "dop853", {"gauss": {"stages": 2}}, {"rk4": {"step": 0.01}}]
)
def test_every_integrator_follows_the_closed_form(integrator: object) -> None:
    curvatures = np.array([1.0, 0.3, 2.0])
    times = np.array([0.0, 0.5, 1.0, 4.0])
    sol = gf.flow(quadratic(curvatures), np.ones(3), t_end=4.0, rtol=1e-9, atol=1e-12, integrator=integrator, t_eval=times)
    assert sol.success and sol.termination == "t_end" and np.array_equal(sol.t, times)
    # rkc is of order 2 and ties its error to the tolerance less closely.
    assert np.abs(sol.y - np.exp(-np.outer(times, curvatures))).max() < 1e-6


def test_the_error_follows_the_tolerance() -> None:
    curvatures = np.linspace(0.1, 3.0, 7)
    errors = []
    for rtol in (1e-4, 1e-6, 1e-8, 1e-10):
        sol = gf.flow(quadratic(curvatures), np.ones(7), t_end=3.0, rtol=rtol, atol=rtol * 1e-3, t_eval=[3.0])
        errors.append(np.abs(sol.y[-1] - np.exp(-3.0 * curvatures)).max())
    slope = np.polyfit(np.log10([1e-4, 1e-6, 1e-8, 1e-10]), np.log10(errors), 1)[0]
    assert 0.7 < slope < 1.3, errors


def test_without_t_eval_every_step_is_kept() -> None:
    sol = gf.flow(quadratic(np.ones(1)), [1.0], t_end=2.0)
    assert len(sol.t) == sol.stats["steps_accepted"] + 1 and sol.t[0] == 0.0 and sol.t[-1] == 2.0
    assert (np.diff(sol.t) > 0).all() and np.abs(sol.y[:, 0] - np.exp(-sol.t)).max() < 1e-7


def test_stiff_flows_take_few_gradients() -> None:
    """κ = 1e4 until t = 1e3: stability alone would ask an explicit method of order 5 for some 3e6 steps."""
    curvatures = np.geomspace(1e-3, 10.0, 50)
    sol = gf.flow(quadratic(curvatures), np.ones(50), t_end=1e3, rtol=1e-6, atol=1e-9, t_eval=[1e3])
    assert np.abs(sol.y[-1] - np.exp(-1e3 * curvatures)).max() < 1e-4
    explicit = gf.flow(quadratic(curvatures), np.ones(50), t_end=1e3, rtol=1e-6, atol=1e-9, integrator="dopri5", t_eval=[1e3])
    assert sol.stats["gradients"] < explicit.stats["gradients"] / 4, (sol.stats, explicit.stats)


def test_products_with_the_hessian_are_used_and_their_absence_is_told() -> None:
    curvatures = np.geomspace(1e-3, 10.0, 20)
    seen = []

    def hvp(theta: np.ndarray, v: np.ndarray) -> np.ndarray:
        seen.append(theta.shape)
        return curvatures * v

    with_products = gf.flow(quadratic(curvatures), np.ones(20), t_end=100.0, rtol=1e-6, hvp=hvp)
    without = gf.flow(quadratic(curvatures), np.ones(20), t_end=100.0, rtol=1e-6)
    assert with_products.stats["calls_hvp"] == len(seen) > 0 and seen[0] == (20,)
    assert with_products.stats["hessian_products"] == "hvp"
    assert without.stats["hessian_products"] == "differences of gradients" and without.stats["calls_hvp"] == 0
    # Each product counts as two gradients, by differences as well.
    assert with_products.stats["gradients"] == with_products.stats["calls_grad"] + 2 * with_products.stats["calls_hvp"]
    assert np.abs(with_products.y[-1] - without.y[-1]).max() < 1e-5


def test_a_wrong_hessian_shows() -> None:
    """The control: with products ten thousand times too small, steps are chosen as for a flow that is not stiff, and are unstable."""
    curvatures = np.geomspace(1e-3, 1e3, 20)
    right = gf.flow(quadratic(curvatures), np.ones(20), 10.0, 1e-5, hvp=lambda _theta, v: curvatures * v)
    wrong = gf.flow(quadratic(curvatures), np.ones(20), 10.0, 1e-5, hvp=lambda _theta, v: 1e-4 * curvatures * v)
    assert wrong.stats["steps_rejected"] > 2 * right.stats["steps_rejected"] + 10 or wrong.stats["gradients"] > 2 * right.stats["gradients"]


def test_args_shapes_and_value_and_grad() -> None:
    target = np.arange(6.0).reshape(2, 3)

    def value_and_grad(theta: np.ndarray, shift: np.ndarray, scale: float) -> tuple[float, np.ndarray]:
        assert theta.shape == (2, 3) and theta.dtype == np.float64
        return 0.5 * scale * np.sum((theta - shift) ** 2), scale * (theta - shift)

    sol = gf.flow(None, np.zeros((2, 3), dtype=np.float32), 20.0, value_and_grad=value_and_grad, args=(target, 2.0), t_eval=[20.0])
    assert sol.y.shape == (1, 2, 3) and np.abs(sol.y[0] - target).max() < 1e-7
    # A model brings all of it.
    model = gf.Model(value_and_grad, np.zeros((2, 3)), args=(target, 2.0))
    assert np.array_equal(gf.flow(model, t_end=20.0, t_eval=[20.0]).y, sol.y)


def test_what_gradients_return_may_be_of_other_kinds() -> None:
    exact = gf.flow(lambda theta: theta, np.ones(4), 1.0).y[-1]
    for grad in (
        lambda theta: list(theta),
        lambda theta: np.stack([theta, theta], axis=1)[:, 0],
        lambda theta: np.asfortranarray(theta),
    ):
        assert np.array_equal(gf.flow(grad, np.ones(4), 1.0).y[-1], exact)
    single = gf.flow(lambda theta: theta.astype(np.float32), np.ones(4), 1.0, rtol=1e-4).y[-1]
    assert np.abs(single - exact).max() < 1e-3
    # A matrix in Fortran order is not read as if it were in C order.
    weights = np.arange(6.0).reshape(2, 3)
    sol = gf.flow(lambda theta: np.asfortranarray(theta - weights), np.zeros((2, 3)), 30.0, t_eval=[30.0])
    assert np.abs(sol.y[0] - weights).max() < 1e-6
    # The function may change its argument, and keep it.
    kept = []

    def grad(theta: np.ndarray) -> np.ndarray:
        kept.append(theta)
        gradient = theta.copy()
        theta[:] = np.nan
        return gradient

    assert np.array_equal(gf.flow(grad, np.ones(4), 1.0).y[-1], exact) and len({id(array) for array in kept}) == len(kept)


def test_stop_conditions() -> None:
    sol = gf.flow(lambda theta: theta, [1.0], 100.0, stop=lambda t, theta: theta[0] < 0.5)
    assert sol.termination == "reached" and sol.success and sol.y[-1, 0] < 0.5 <= sol.y[-2, 0]
    sol = gf.flow(lambda theta: theta, [1.0], 100.0, stop={"grad_norm": 1e-3}, t_eval=[50.0])
    assert sol.termination == "reached" and sol.t[-1] < 8.0 and abs(sol.y[-1, 0]) <= 1e-3
    value_and_grad = lambda theta: (0.5 * float(theta @ theta), theta)  # noqa: E731
    sol = gf.flow(None, [1.0], 100.0, value_and_grad=value_and_grad, stop={"loss": 1e-3})
    assert 0.5 * sol.y[-1, 0] ** 2 <= 1e-3 < 0.5 * sol.y[-2, 0] ** 2
    assert gf.flow(lambda theta: theta, [1.0], 1.0, stop=lambda t, theta: True).t.tolist() == [0.0]


DENSE = ["auto", "tsit5", "dp8", "rk6", "rock4", "rkc"]


@pytest.mark.parametrize("integrator", DENSE)
@pytest.mark.parametrize("rtol", [1e-4, 1e-7, 1e-10])
def test_dense_output_is_about_as_accurate_inside_steps_as_at_their_ends(integrator: str, rtol: float) -> None:
    """Logistic curves of many rates; a cubic through the ends and slopes of the steps would not do, as the last line shows."""
    rates = np.array([0.3, 1.0, 3.0])
    exact = lambda t: 1.0 / (1.0 + 9.0 * np.exp(-np.multiply.outer(t, rates)))  # noqa: E731
    sol = gf.flow(lambda y: -rates * y * (1.0 - y), np.full(3, 0.1), 8.0, rtol, 1e-3 * rtol, integrator=integrator, dense_output=True)
    times = np.linspace(0.0, 8.0, 2001)
    inside, ends = np.abs(sol(times) - exact(times)).max(), np.abs(sol.y - exact(sol.t)).max()
    # rkc, which auto takes at loose tolerances, is of order 2.
    assert ends < 20 * (rtol ** (2 / 3) if integrator in ("rkc", "auto") else rtol)
    assert inside < 10 * max(ends, rtol), (inside, ends)
    if integrator == "dp8" and rtol == 1e-10:
        steps = np.clip(np.searchsorted(sol.t, times, side="right") - 1, 0, len(sol.t) - 2)
        h = np.diff(sol.t)[steps][:, None]
        s = (times[:, None] - sol.t[steps][:, None]) / h
        (y0, y1), slope = (sol.y[steps], sol.y[steps + 1]), lambda y: rates * y * (1.0 - y)  # noqa: E731
        cubic = (1 + 2 * s) * (1 - s) ** 2 * y0 + s**2 * (3 - 2 * s) * y1
        cubic += h * s * (1 - s) ** 2 * slope(y0) - h * s**2 * (1 - s) * slope(y1)
        assert np.abs(cubic - exact(times)).max() > 100 * inside


@pytest.mark.parametrize("integrator", DENSE)
def test_dense_output_of_a_stiff_flow(integrator: str) -> None:
    curvatures = np.geomspace(1e-1, 1e3, 20)
    sol = gf.flow(quadratic(curvatures), np.ones(20), 3.0, 1e-6, 1e-9, integrator=integrator, dense_output=True)
    times = np.concatenate([[0.0], np.geomspace(1e-5, 3.0, 500)])
    assert np.abs(sol(times) - np.exp(-np.outer(times, curvatures))).max() < (1e-3 if integrator == "rkc" else 2e-5)


def test_dense_output_has_the_states_that_are_kept_and_changes_none() -> None:
    gradient = quadratic(np.array([[1.0, 0.2], [3.0, 0.7]]))
    for integrator in DENSE:
        arguments = dict(theta0=np.ones((2, 2)), t_end=5.0, rtol=1e-7, integrator=integrator)
        sol = gf.flow(gradient, **arguments, dense_output=True)
        plain = gf.flow(gradient, **arguments)
        assert np.array_equal(sol.y, plain.y) and np.array_equal(sol.t, plain.t)
        # The ends of the steps to the bit, and every shape of times.
        assert np.array_equal(sol(sol.t), sol.y)
        assert sol(1.5).shape == (2, 2) and sol([1.5]).shape == (1, 2, 2) and sol(np.full((3, 4), 1.5)).shape == (3, 4, 2, 2)
        assert np.array_equal(sol([3.0, 1.5])[1], sol(1.5))
        # Times of t_eval lie inside steps.
        there = np.array([0.01, 0.5, 0.51, 4.0])
        kept = gf.flow(gradient, **arguments, t_eval=there, dense_output=True)
        assert np.abs(kept(there) - kept.y).max() < 1e-13 and np.array_equal(kept(sol.t), sol.y)
        copied = pickle.loads(pickle.dumps(sol))
        assert np.array_equal(copied(1.5), sol(1.5))


def test_gradients_of_dense_output_are_counted() -> None:
    calls = 0

    def grad(theta: np.ndarray) -> np.ndarray:
        nonlocal calls
        calls += 1
        return theta

    sol = gf.flow(grad, np.ones(2), 5.0, integrator="dp8", dense_output=True)
    plain = gf.flow(lambda theta: theta, np.ones(2), 5.0, integrator="dp8")
    assert sol.stats["gradients"] == calls == plain.stats["gradients"] + 3 * sol.stats["steps_accepted"]


def test_dense_output_ends_with_the_flow_and_is_refused_where_there_is_none() -> None:
    sol = gf.flow(lambda theta: theta, [1.0], 100.0, dense_output=True, t_eval=[0.5], stop=lambda t, theta: t >= 0.5)
    assert sol.t.tolist() == [0.5] and abs(sol(0.4)[0] - np.exp(-0.4)) < 1e-8
    for wrong in (0.6, -0.1, np.nan, [0.1, 0.7]):
        with pytest.raises(ValueError, match="t: the flow is known from 0 to 0.5"):
            sol(wrong)
    at_once = gf.flow(lambda theta: theta, [2.0], 1.0, dense_output=True, stop=lambda t, theta: True)
    assert at_once(0.0).tolist() == [2.0] and at_once([0.0, 0.0]).tolist() == [[2.0], [2.0]]
    with pytest.raises(ValueError, match=r"sol\(t\) needs"):
        gf.flow(lambda theta: theta, [1.0], 1.0)(0.5)
    for integrator in ("dopri5", "dop853", {"gauss": {"stages": 2}}, {"rk4": {"step": 0.1}}):
        with pytest.raises(ValueError, match="dense_output: .* has none: use auto"):
            gf.flow(lambda theta: theta, [1.0], 1.0, integrator=integrator, dense_output=True)


@pytest.mark.parametrize("integrator", DENSE)
def test_a_callback_sees_every_step_and_no_other_time(integrator: str) -> None:
    seen: list[tuple[float, float]] = []
    # What it returns does not matter.
    tell = lambda t, theta: seen.append((t, theta[0])) or True  # noqa: E731
    arguments = dict(grad=lambda theta: theta, theta0=[1.0], t_end=3.0, integrator=integrator)
    sol = gf.flow(**arguments, callback=tell)
    assert [t for t, _ in seen] == sol.t[1:].tolist() and [y for _, y in seen] == sol.y[1:, 0].tolist()
    every, plain = list(seen), gf.flow(**arguments, t_eval=[0.123, 2.9])
    seen.clear()
    kept = gf.flow(**arguments, t_eval=[0.123, 2.9], callback=tell)
    assert seen == every and np.array_equal(kept.y, plain.y)


def test_a_callback_ends_the_flow_by_stop_iteration() -> None:
    def callback(t: float, theta: np.ndarray) -> None:
        if theta[0] < 0.5:
            raise StopIteration

    sol = gf.flow(lambda theta: theta, [1.0], 100.0, callback=callback)
    assert sol.termination == "reached" and sol.success and "`callback` raised StopIteration" in sol.message
    assert sol.y[-1, 0] < 0.5 <= sol.y[-2, 0]
    stopped = gf.flow(lambda theta: theta, [1.0], 100.0, stop=lambda t, theta: theta[0] < 0.5)
    assert stopped.t[-1] == sol.t[-1] and "`stop` holds" in stopped.message

    def broken(t: float, theta: np.ndarray) -> None:
        raise LookupError("in a callback")

    with pytest.raises(LookupError, match="in a callback"):
        gf.flow(lambda theta: theta, [1.0], 1.0, callback=broken)


def test_methods_that_show_no_steps_call_back_at_the_times_that_are_asked_for() -> None:
    seen: list[float] = []
    gf.flow(lambda theta: theta, [1.0], 3.0, integrator="dopri5", t_eval=[0.0, 1.0], callback=lambda t, theta: seen.append(t))
    assert seen == [1.0, 3.0]


def test_how_it_ended_is_told() -> None:
    short = gf.flow(lambda theta: theta, [1.0], 1e3, rtol=1e-10, max_steps=20)
    assert short.termination == "max_steps" and not short.success and "max_steps" in short.message and "flow." not in short.message
    # θ̇ = θ² blows up at t = 1.
    with np.errstate(over="ignore"):
        grown = gf.flow(lambda theta: -(theta**2), [1.0], 2.0)
    assert grown.termination in ("diverged", "stiff") and not grown.success and abs(grown.t[-1] - 1.0) < 1e-3


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (dict(theta0=[np.nan]), ValueError, "theta0: must be finite"),
        (dict(theta0=[]), ValueError, "theta0: must have one entry"),
        (dict(theta0=["a"]), TypeError, "theta0: must be an array of real numbers"),
        (dict(theta0=[1j]), TypeError, "theta0: must be an array of real numbers"),
        (dict(grad=3), TypeError, "grad: must be callable, got int"),
        (dict(grad=None), TypeError, "grad: give either"),
        (dict(hvp=3), TypeError, "hvp: must be callable"),
        (dict(t_end=0.0), ValueError, "t_end: must be greater than 0"),
        (dict(t_end=np.inf), ValueError, "t_end: must be greater than 0 and finite"),
        (dict(rtol=-1.0), ValueError, "rtol"),
        (dict(atol=0.0), ValueError, "atol"),
        (dict(t_end="x"), TypeError, "t_end: must be a number, got 'x'"),
        (dict(rtol=None), TypeError, "rtol: must be a number"),
        (dict(integrator=3), TypeError, "integrator: must be a word"),
        (dict(max_steps=0), ValueError, "max_steps: must be a whole number"),
        (dict(integrator="rk45"), ValueError, r"^integrator: unknown word `rk45`, did you mean `rk4`\? \(words here: auto, dopri5,"),
        (dict(integrator="rk4"), ValueError, "^integrator.rk4.step: missing: this key has no default$"),
        (dict(integrator={"rk4": {"h": 0.1}}), ValueError, r"^integrator.rk4.h: unknown key \(keys here: step\)$"),
        (dict(integrator={"gauss": {"stages": 9}}), ValueError, "integrator.gauss.stages: must be"),
        (dict(t_eval=[0.5, 0.2]), ValueError, "t_eval: must increase, got 0.2 after 0.5"),
        (dict(t_eval=[0.5, 2.0]), ValueError, "t_eval: must lie between 0 and t_end = 1.0, got 2.0"),
        (dict(t_eval=[-0.5, 1.0]), ValueError, "t_eval: must lie between 0 and t_end = 1.0, got -0.5"),
        (dict(t_eval=[]), ValueError, "t_eval: must be a list of times"),
        (dict(stop=3), TypeError, "stop: must be a function"),
        (dict(stop=lambda t, theta: theta[0] - 0.5), TypeError, "stop: must return True or False, got"),
        (dict(callback=3), TypeError, "callback: must be callable"),
        (dict(stop={"loss": 1.0}), TypeError, "stop: a loss needs value_and_grad"),
        (dict(args=[1.0]), TypeError, "args: must be a tuple"),
        (dict(grad=lambda theta: np.ones(3)), ValueError, r"grad: must return an array of the shape of theta0, \[2\], got \[3\]"),
        (dict(grad=lambda theta: np.ones((2, 1))), ValueError, "grad: must return an array of the shape of theta0"),
        (dict(grad=lambda theta: None), TypeError, "grad: must return an array of real numbers, got NoneType"),
        (dict(grad=lambda theta: theta * 1j), TypeError, "grad: must return an array of real numbers"),
        (dict(grad=lambda theta: theta * np.nan), ValueError, "grad: not finite at theta0"),
        (dict(hvp=lambda theta, v: v * np.nan, integrator="rkc"), ValueError, "grad or hvp: not finite at theta0"),
        (dict(grad=None, value_and_grad=lambda theta: theta), TypeError, r"value_and_grad: must return \(value, gradient\)"),
        (dict(theta0=[1.0, 2.0, 3.0], grad=lambda theta: (1.0, theta)), TypeError, r"returns \(value, gradient\) is value_and_grad"),
        (dict(value_and_grad=lambda theta: (1.0, theta)), TypeError, "grad: give either grad or value_and_grad, not both"),
    ],
)
def test_wrong_arguments_are_refused_by_name(arguments: dict, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        gf.flow(**{"grad": lambda theta: theta, "theta0": [1.0, 2.0], "t_end": 1.0, **arguments})


def test_an_exception_surfaces_with_its_traceback() -> None:
    calls = 0

    def deep_inside(theta: np.ndarray) -> np.ndarray:
        nonlocal calls
        calls += 1
        if calls > 5:
            raise ZeroDivisionError("of the user's own")
        return theta

    with pytest.raises(ZeroDivisionError, match="of the user's own") as caught:
        gf.flow(lambda theta: deep_inside(theta), np.ones(2), 100.0)
    assert "deep_inside" in "".join(traceback.format_exception(caught.value))
    # Nothing is called any more after it.
    assert calls == 6
    # And the next flow knows nothing of it.
    assert gf.flow(lambda theta: theta, np.ones(2), 1.0).success


def test_ctrl_c_raises_at_once_and_keeps_the_solution_so_far(ctrl_c) -> None:
    begun = threading.Event()
    pressing = ctrl_c(begun.is_set)
    with pytest.raises(KeyboardInterrupt) as caught:
        # A step takes some µs, and there are 10¹¹. The gradient is in C alone.
        begun.set()
        gf.flow(np.positive, np.ones(2), 1e6, integrator={"rk4": {"step": 1e-5}}, t_eval=[1e6])
    pressing.join()
    sol = caught.value.run
    assert isinstance(sol, gf.Solution) and sol.termination == "interrupted" and 0.0 < sol.t[-1] < 1e6
    assert np.abs(sol.y[-1] - np.exp(-sol.t[-1])).max() < 1e-8


def test_callbacks_run_on_the_thread_that_called() -> None:
    seen = set()

    def grad(theta: np.ndarray) -> np.ndarray:
        seen.add(threading.get_ident())
        return theta

    gf.flow(grad, np.ones(2), 1.0)
    assert seen == {threading.get_ident()}


def test_flows_may_be_nested() -> None:
    def grad(theta: np.ndarray) -> np.ndarray:
        inner = gf.flow(lambda x: x - theta, np.zeros(1), 40.0, t_eval=[40.0])
        return inner.y[-1]

    assert abs(gf.flow(grad, np.ones(1), 1.0, rtol=1e-5).y[-1, 0] - np.exp(-1.0)) < 1e-4


def test_many_flows_at_once() -> None:
    results = {}

    def solve(index: int) -> None:
        results[index] = gf.flow(lambda theta: index * theta, np.ones(50), 1.0, t_eval=[1.0]).y[0, 0]

    threads = [threading.Thread(target=solve, args=(index,)) for index in range(1, 6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert all(abs(results[index] - np.exp(-index)) < 1e-6 for index in range(1, 6))
