"""Models of JAX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gramflow._model import Array, Model


def from_jax(loss: Callable[[Any], Any], params: Any) -> Model:
    """The model J(θ) = loss(params) of a function of a pytree, in float64, starting at `params`.

    θ is one array of all leaves; `Model.unflatten` makes a pytree of it. Value, gradient and products with the Hessian are compiled.

    Args:
        loss: a function of a pytree like `params` that returns a number and that JAX can differentiate and compile.
        params: the start; real numbers become float64, which `jax.config.update("jax_enable_x64", True)` must allow.
    """
    import jax
    import jax.numpy as jnp
    from jax.flatten_util import ravel_pytree

    if not jax.config.jax_enable_x64:
        raise ValueError('JAX computes in float32: call jax.config.update("jax_enable_x64", True) before it is used')
    double = jax.tree_util.tree_map(lambda leaf: jnp.asarray(leaf, dtype=jnp.float64), params)
    theta0, unravel = ravel_pytree(double)

    def value(theta: Any) -> Any:
        return jnp.reshape(loss(unravel(theta)), ())

    gradient = jax.grad(value)
    compiled = jax.jit(jax.value_and_grad(value))
    product = jax.jit(lambda theta, v: jax.jvp(gradient, (theta,), (v,))[1])

    def value_and_grad(theta: Array) -> tuple[float, Array]:
        found, slope = compiled(theta)
        return float(found), np.asarray(slope)

    def hvp(theta: Array, v: Array) -> Array:
        return np.asarray(product(theta, v))

    return Model(value_and_grad, np.asarray(theta0), hvp, unflatten=lambda theta: unravel(jnp.asarray(theta)))
