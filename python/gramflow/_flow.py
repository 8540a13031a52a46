"""Gradient flow of any function whose gradient Python computes."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Union

import numpy as np

from gramflow import _gramflow
from gramflow._dense import Dense
from gramflow._model import Array, Model, arguments, check_callable, start
from gramflow._scenario import float64

Stop = Union[Callable[[float, Array], Any], Mapping[str, float]]


@dataclass(frozen=True, eq=False)
class Solution:
    """θ along a flow. With `dense_output=True` it is a function of time as well: `sol(t)`.

    Attributes:
        t: the times, of shape (times,).
        y: θ at these times, of shape (times, *theta0.shape).
        stats: `steps_accepted`, `steps_rejected`, `gradients` (a Hessian product counts 2), `calls_grad`, `calls_hvp`,
            `hessian_products` (`hvp`, or `differences of gradients`) and `methods`, what `auto` has chosen: (t, method, reason).
        termination: `t_end`, `reached` (by `stop` or `callback`), `max_steps`, `stiff`, `diverged` or `interrupted`.
        message: the same in a sentence, with what to change if it ended too early.
        success: whether it came to `t_end`, or was ended by `stop` or `callback`.
    """

    t: Array
    y: Array
    stats: dict[str, Any]
    termination: str
    message: str
    success: bool
    _dense: Dense | None = field(default=None, repr=False)

    def __call__(self, t: Any) -> Array:
        """θ at any time `t` of the flow, by the interpolant of the method, about as accurate as its steps.

        Args:
            t: a time, or an array of times.

        Returns:
            An array of shape (*t.shape, *theta0.shape): times come first, as in `Solution.y`.

        Raises:
            ValueError: without `dense_output=True`, and for times before 0 or after the end.
        """
        if self._dense is None:
            raise ValueError("sol(t) needs flow(…, dense_output=True)")
        return self._dense.at(t)


def flow(
    grad: Callable[..., Any] | Model | None = None,
    theta0: Any = None,
    t_end: float = 1.0,
    rtol: float = 1e-8,
    atol: float = 1e-11,
    *,
    hvp: Callable[..., Any] | None = None,
    value_and_grad: Callable[..., Any] | None = None,
    integrator: str | Mapping[str, Any] = "auto",
    t_eval: Any = None,
    dense_output: bool = False,
    stop: Stop | None = None,
    callback: Callable[[float, Array], Any] | None = None,
    args: tuple[Any, ...] = (),
    max_steps: int = 10_000_000,
) -> Solution:
    """Integrate θ̇ = −∇J(θ) from θ(0) = `theta0` to `t_end`.

    Args:
        grad: g(θ, *args) that returns ∇J(θ), of the shape of θ; or a `Model`, which brings its start and the functions below.
        theta0: θ(0), an array of any shape; a number is one of shape (1,).
        t_end: the end of the horizon.
        rtol, atol: the error of a step is at most atol + rtol·|θ| in the root mean square.
        hvp: h(θ, v, *args) that returns ∇²J(θ)·v. Without it, differences of gradients are used, as `stats` says.
        value_and_grad: f(θ, *args) that returns J(θ) and ∇J(θ), instead of `grad`.
        integrator: `auto`, `tsit5`, `dp8`, `rk6`, `rock4`, `rkc`, `dopri5`, `dop853`, `{"rk4": {"step": 0.01}}` or
            `{"gauss": {"stages": 2}}`.
        t_eval: increasing times from 0 or later to `t_end` at most, at which θ is kept. Without it θ is kept after every step;
            with `dopri5`, `dop853`, `rk4` and `gauss` at the start and the end only.
        dense_output: whether the solution is kept as a function of time, `sol(t)`: 3 to 7 arrays of the size of θ for each step. Not
            of `dopri5`, `dop853`, `rk4` and `gauss`.
        stop: a function s(t, θ) that ends the flow at the first step where it is true, or a dict that ends it where `grad_norm` or
            `loss` is at most the value given. What is kept ends there.
        callback: a function c(t, θ) that is called after every step (with `dopri5`, `dop853`, `rk4` and `gauss` at the times of `t_eval`
            and at the end). What it returns does not matter; it ends the flow by raising `StopIteration`, as in scipy.optimize.
        args: further arguments of `grad`, `hvp` and `value_and_grad`.
        max_steps: the most steps that are tried.

    Raises:
        TypeError, ValueError: if an argument is not what it must be; the message begins with its name.
        KeyboardInterrupt: on Ctrl-C; its attribute `run` is the solution until then.

    >>> import numpy as np
    >>> sol = flow(lambda theta: theta, np.ones(2), t_end=1.0, t_eval=[0.0, 1.0])
    >>> bool(np.allclose(sol.y[-1], np.exp(-1.0), rtol=1e-7))
    True
    """
    if isinstance(grad, Model):
        model = grad
        if hvp is not None or value_and_grad is not None or args:
            raise TypeError("grad: is a Model, which has its own hvp, value_and_grad and args: leave these out")
        grad, value_and_grad, hvp, args = None, model.value_and_grad, model.hvp, model.args
        theta0 = model.theta0 if theta0 is None else theta0
    if (grad is None) == (value_and_grad is None):
        raise TypeError("grad: give either grad or value_and_grad" + ("" if grad is None else ", not both"))
    if theta0 is None:
        raise TypeError("theta0: is missing")
    valued = grad is None
    name = "value_and_grad" if valued else "grad"
    gradient: Any = value_and_grad if valued else grad
    check_callable(gradient, name)
    check_callable(hvp, "hvp", optional=True)
    check_callable(callback, "callback", optional=True)
    args = arguments(args)
    if not isinstance(integrator, (str, Mapping)):
        raise TypeError(f"integrator: must be a word or a dict with one key, got {integrator!r}")
    if not isinstance(max_steps, int) or max_steps < 1:
        raise ValueError(f"max_steps: must be a whole number of at least 1, got {max_steps!r}")
    t_end = _positive(t_end, "t_end")
    times = None if t_eval is None else _times(t_eval, t_end)
    solved, stopped = _gramflow.flow(
        gradient,
        valued,
        start(theta0),
        t_end,
        number(rtol, "rtol"),
        number(atol, "atol"),
        hvp,
        json.dumps(integrator),
        times,
        _condition(stop, gradient, valued, args),
        callback,
        bool(dense_output),
        args,
        max_steps,
    )
    dense = None
    if solved["dense"] is not None:
        ends, degrees, points = solved["dense"]
        dense = Dense(ends, degrees, points, solved["y"].shape[1:], solved["end"])
    solution = Solution(
        solved["t"], solved["y"], solved["stats"], solved["termination"], solved["message"], solved["complete"], dense
    )
    if stopped is not None:
        if isinstance(stopped, KeyboardInterrupt):
            stopped.run = solution  # type: ignore[attr-defined]
        raise stopped
    if solution.termination == "diverged" and solution.stats["steps_accepted"] == 0:
        name = name if hvp is None else f"{name} or hvp"
        raise ValueError(f"{name}: not finite at theta0, or right after it")
    return solution


def number(value: Any, name: str) -> float:
    """`value` as a float, or an error that begins with `name`."""
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name}: must be a number, got {value!r}") from None


def _positive(value: Any, name: str) -> float:
    found = number(value, name)
    if not (found > 0.0 and math.isfinite(found)):
        raise ValueError(f"{name}: must be greater than 0 and finite, got {value}")
    return found


def _times(t_eval: Any, t_end: float) -> list[float]:
    times = np.atleast_1d(float64(t_eval, "t_eval"))
    if times.ndim != 1 or times.size == 0:
        raise ValueError(f"t_eval: must be a list of times, got an array of shape {times.shape}")
    outside = times[~((times >= 0.0) & (times <= t_end))]
    if outside.size:
        raise ValueError(f"t_eval: must lie between 0 and t_end = {t_end}, got {outside[0]}")
    falls = np.flatnonzero(np.diff(times) <= 0.0)
    if falls.size:
        raise ValueError(f"t_eval: must increase, got {times[falls[0] + 1]} after {times[falls[0]]}")
    listed: list[float] = times.tolist()
    return listed


def _of_yes_or_no(stop: Callable[..., Any]) -> Callable[..., Any]:
    """`stop`, unless it returns a float: events of SciPy do, which mean its changes of sign."""

    def holds(*args: Any) -> Any:
        found = stop(*args)
        if isinstance(found, float):
            raise TypeError(f"stop: must return True or False, got {found!r}: compare it, as in theta[0] < 0.5")
        return found

    return holds


def _condition(
    stop: Stop | None, gradient: Callable[..., Any], valued: bool, args: tuple[Any, ...]
) -> Callable[[float, Array], Any] | None:
    if stop is None:
        return None
    if callable(stop):
        return _of_yes_or_no(stop)
    if not isinstance(stop, Mapping) or not stop or not set(stop) <= {"loss", "grad_norm"}:
        raise TypeError(f"stop: must be a function of t and theta, or a dict with loss or grad_norm, got {stop!r}")
    if "loss" in stop and not valued:
        raise TypeError("stop: a loss needs value_and_grad instead of grad")
    limits = dict(stop)

    def holds(_t: float, theta: Array) -> bool:
        found = gradient(theta, *args)
        value, slope = found if valued else (math.nan, found)
        small = float(np.linalg.norm(np.asarray(slope))) <= limits.get("grad_norm", -math.inf)
        return small or float(value) <= limits.get("loss", -math.inf)

    return holds
