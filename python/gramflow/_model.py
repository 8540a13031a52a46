"""A model of your own: its loss with gradient, and products with its Hessian."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gramflow._scenario import float64

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, eq=False)
class Model:
    """J(θ) of any model, and where it starts.

    Args:
        value_and_grad: f(θ, *args) that returns J(θ) and ∇J(θ), the gradient of the shape of θ.
        theta0: θ(0), an array of any shape, a number as one of shape (1,); float32 and others become float64.
        hvp: h(θ, v, *args) that returns ∇²J(θ)·v. Without it, differences of gradients are used.
        args: further arguments of both.
        unflatten: turns θ into what it stands for, such as a dict of a module's parameters.
        parts: the parameters that θ consists of, by name: their shapes, in the order of θ, each row by row. `compare(layers=…)` names
            layers by them, and `unflatten` makes a dict of them unless it is given.
        jacobians: j(θ, layers, *args) that returns for each layer the derivatives ∂f(x_i)/∂h of the outputs f(x_i) at sample i with respect
            to the layer's input h, an array of shape (samples, outputs, inputs of the layer); None for a layer where they are not known.
            `layers` holds (name of the weight, (out, in)) for each. Samples must not depend on each other.

    >>> import numpy as np
    >>> model = Model(lambda theta: (0.5 * theta @ theta, theta), np.ones(3))
    >>> model.theta0.dtype
    dtype('float64')
    >>> Model(model.value_and_grad, np.arange(3.0), parts={"w": (2,), "b": ()}).unflatten(np.arange(3.0))
    {'w': array([0., 1.]), 'b': array(2.)}
    """

    value_and_grad: Callable[..., tuple[Any, Any]]
    theta0: Array
    hvp: Callable[..., Any] | None = None
    args: tuple[Any, ...] = field(default=())
    unflatten: Callable[[Array], Any] | None = None
    parts: dict[str, tuple[int, ...]] | None = None
    jacobians: Callable[..., Any] | None = None

    def __post_init__(self) -> None:
        for name in ("value_and_grad", "hvp", "unflatten", "jacobians"):
            check_callable(getattr(self, name), name, optional=name != "value_and_grad")
        object.__setattr__(self, "theta0", start(self.theta0))
        object.__setattr__(self, "args", arguments(self.args))
        if self.parts is None:
            return
        if not isinstance(self.parts, Mapping):
            raise TypeError(f"parts: must be a dict of shapes, such as {{'W1': (8, 5)}}, got {type(self.parts).__name__}")
        parts = {name: tuple(int(size) for size in shape) for name, shape in self.parts.items()}
        object.__setattr__(self, "parts", parts)
        if sum(math.prod(shape) for shape in parts.values()) != self.theta0.size:
            raise ValueError(f"parts: must have {self.theta0.size} entries in all, as theta0 has, got {parts}")
        if self.unflatten is None:
            object.__setattr__(self, "unflatten", lambda theta: _split(theta, parts))


def _split(theta: Array, parts: Mapping[str, tuple[int, ...]]) -> dict[str, Array]:
    """The parameters in θ by name."""
    ends = np.cumsum([math.prod(shape) for shape in parts.values()])
    pieces = np.split(np.ravel(theta), ends[:-1])
    return {name: piece.reshape(shape) for (name, shape), piece in zip(parts.items(), pieces)}


def check_callable(value: Any, name: str, optional: bool = False) -> None:
    """Refuse what cannot be called."""
    if not callable(value) and not (optional and value is None):
        raise TypeError(f"{name}: must be callable, got {type(value).__name__}")


def start(theta0: Any) -> Array:
    """θ(0) as a finite array of float64, with one entry at least."""
    array = np.atleast_1d(float64(theta0, "theta0"))
    if array.size == 0:
        raise ValueError("theta0: must have one entry at least")
    if not np.isfinite(array).all():
        raise ValueError("theta0: must be finite, and holds NaN or infinity")
    return array


def arguments(args: Any) -> tuple[Any, ...]:
    """Further arguments of callbacks."""
    if not isinstance(args, tuple):
        raise TypeError(f"args: must be a tuple, such as (x, y) or (x,), got {type(args).__name__}")
    return args
