"""The flow and optimizers of a model of your own, on one clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gramflow import _gramflow
from gramflow._layers import Layer, given_layers
from gramflow._model import Model
from gramflow._run import Run, finished, observables
from gramflow._scenario import to_yaml


def compare(
    model: Model,
    optimizers: Sequence[Mapping[str, Any]] = (),
    t_end: float = 1.0,
    *,
    layers: Sequence[Layer | str] | None = None,
    weight_decay: float = 0.0,
    observe: Mapping[str, Callable[[Any, float], Any]] | None = None,
    record: Any = None,
    rtol: float = 1e-8,
    atol: float = 1e-11,
    integrator: str | Mapping[str, Any] = "auto",
    certify: bool = False,
    stop: Mapping[str, float] | None = None,
    measure: Sequence[Any] = (),
    claims: Sequence[str] = (),
    name: str = "model",
) -> Run:
    """Integrate the flow θ̇ = −∇J(θ) of a model and step optimizers beside it, all from its `theta0`.

    Args:
        model: J with its gradient, and where it starts.
        optimizers: as in a scenario: `[{"gd": {"lr": 0.01}}, {"adam": {"lr": 0.001}}]`.
        t_end: the end of the horizon; step k of gradient descent stands at t = k·lr.
        layers: the layers of the model from its input to its output, names in `Model.parts` or `Layer`s. With them the run has the columns
            and arrays of layers: the balance, spectra and, where the model has `jacobians`, the ansatz. Other parameters may stand beside
            them; `run.weights` has these as `process/rest`, and all of θ as `process/theta`.
        weight_decay: λ; (λ/2)‖θ‖² is added to J, as PyTorch's optimizers have it.
        observe: columns of your own, functions f(θ, t) that return a number.
        record: the recorded times, as in a scenario: `{"log": {"points": 200}}`, `{"linear": {"points": 200}}` or
            `{"times": [0, 1, 10]}`, with `"weights": True` to keep θ as well.
        rtol, atol, integrator, certify: how the flow is integrated.
        stop: when processes end early: `{"loss": 1e-6}` or `{"grad_norm": 1e-6}`.
        measure: opt-in groups of columns: `sharpness`, `preconditioned_sharpness`, `modified_flow`, `limit`, `central_flow`, `saddles`,
            `{"hessian": {"top": 4}}`, for `sgd` with a `temperature` `{"sde": {"order": 1}}`, and with layers `ledger`.
        claims: what the run is meant to show: `converged`, `follows-flow` and its like, and with
            layers any claim of a scenario.
        name: the run's name.

    Raises:
        ScenarioError: if a setting is wrong; `key` says which.
        ValueError: if the model cannot be run from its start.
        KeyboardInterrupt: on Ctrl-C; its attribute `run` is what was recorded until then.

    >>> import numpy as np
    >>> parabola = Model(lambda theta: (0.5 * theta @ theta, theta), np.ones(2))
    >>> run = compare(parabola, [{"gd": {"lr": 0.1}}], t_end=1.0, observe={"first": lambda theta, t: theta[0]})
    >>> bool(abs(run.columns["first"][run.columns["process"] == "gd"][-1] - 0.9**10) < 1e-12)
    True
    """
    if not isinstance(model, Model):
        raise TypeError(f"model: must be a gramflow.Model, got {type(model).__name__}")
    examples = (optimizers, "optimizers", "{'gd': {'lr': 0.01}}"), (measure, "measure", "'sharpness'"), (claims, "claims", "'converged'")
    for given, argument, example in examples:
        if isinstance(given, (str, Mapping)):
            raise TypeError(f"{argument}: must be a list such as [{example}], got {type(given).__name__}")
    own = observables(observe)
    asked: dict[str, Any] = {
        "name": name,
        "weight_decay": weight_decay,
        "flow": {"t_end": t_end, "rtol": rtol, "atol": atol, "integrator": integrator, "certify": certify},
        "optimizers": list(optimizers),
        "measure": list(measure),
        "claims": list(claims),
    }
    if record is not None:
        asked["record"] = record
    if stop is not None:
        asked["stop"] = stop
    known = None if layers is None else given_layers(model, layers)
    raw, stopped = _gramflow.compare(to_yaml(asked), model.value_and_grad, model.theta0, model.hvp, known, model.args, own)
    return finished(Run(raw), stopped)
