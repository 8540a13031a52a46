"""Dense output: θ(t) of a flow at any time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gramflow._model import Array
from gramflow._scenario import float64


@dataclass(frozen=True)
class Dense:
    """θ(t) from t = 0 to `end`, the interpolant of the method inside each of its steps: a polynomial, kept as its values at
    Chebyshev points.

    Attributes:
        ends: the start of the first step and the ends of all steps, of shape (steps + 1,).
        degrees: the degree of the polynomial of each step, of shape (steps,).
        points: θ at t_i + h_i(1 − cos(πj/d))/2, j = 0, …, d, of each step; its end is the first point of the next step.
        shape: the shape of θ.
        end: the last time at which θ is known.
    """

    ends: Array
    degrees: np.ndarray[Any, np.dtype[np.int64]]
    points: Array
    shape: tuple[int, ...]
    end: float

    def at(self, t: Any) -> Array:
        """θ at `t`, of shape (*t.shape, *theta0.shape)."""
        asked, flat = np.shape(t), float64(t, "t").reshape(-1)
        if not ((flat >= 0.0) & (flat <= self.end)).all():
            raise ValueError(f"t: the flow is known from 0 to {self.end:.6g}: ask within")
        # Where it ended at the start there are no steps.
        found = np.repeat(self.points[:1], flat.size, axis=0)
        if len(self.degrees) == 0:
            return found.reshape(asked + self.shape)
        steps = np.clip(np.searchsorted(self.ends, flat, side="right") - 1, 0, len(self.degrees) - 1)
        first = np.concatenate([[0], np.cumsum(self.degrees)])
        order = np.argsort(steps, kind="stable")
        for here in np.split(order, np.flatnonzero(np.diff(steps[order])) + 1):
            if here.size == 0:
                continue
            step = steps[here[0]]
            start, stop = self.ends[step], self.ends[step + 1]
            sigma = (flat[here] - start) / (stop - start)
            found[here] = lagrange(int(self.degrees[step]), sigma) @ self.points[first[step] : first[step + 1] + 1]
        return found.reshape(asked + self.shape)


def lagrange(degree: int, sigma: Array) -> Array:
    """The Lagrange polynomials of the Chebyshev points (1 − cos(πj/d))/2, j = 0, …, d, at `sigma`, of shape (sigma, d + 1).

    >>> bool((lagrange(3, np.array([0.0, 1.0])) == [[1, 0, 0, 0], [0, 0, 0, 1]]).all())  # exactly the values at the ends
    True
    """
    nodes = 0.5 * (1.0 - np.cos(np.pi * np.arange(degree + 1) / degree))
    weights = np.ones((sigma.size, degree + 1))
    for j in range(degree + 1):
        for m in range(degree + 1):
            if m != j:
                weights[:, j] *= (sigma - nodes[m]) / (nodes[j] - nodes[m])
    return weights
