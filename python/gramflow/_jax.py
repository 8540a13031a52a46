"""Models of JAX."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gramflow._layers import Placed
from gramflow._model import Array, Model


def from_jax(
    loss: Callable[[Any], Any], params: Any, outputs: Callable[[Any, Sequence[Any]], Any] | None = None
) -> Model:
    """The model J(θ) = loss(params) of a function of a pytree, in float64, starting at `params`.

    θ is one array of all leaves; `Model.unflatten` makes a pytree of it. Value, gradient and products with the Hessian are compiled. The
    names of the leaves, for `compare(layers=…)`, are their paths: `blocks.0.W`.

    Args:
        loss: a function of a pytree like `params` that returns a number and that JAX can differentiate and compile.
        params: the start; real numbers become float64, which `jax.config.update("jax_enable_x64", True)` must allow.
        outputs: f(params, nudges) that returns the outputs at all samples, of shape (samples, outputs), with `nudges[l]` added to the
            input of layer l = 0, 1, … of `compare(layers=…)`. Its derivatives by the nudges are the Jacobians that the ansatz needs.
    """
    import jax
    import jax.numpy as jnp
    from jax.flatten_util import ravel_pytree

    if not jax.config.jax_enable_x64:
        raise ValueError('JAX computes in float32: call jax.config.update("jax_enable_x64", True) before it is used')
    double = jax.tree_util.tree_map(lambda leaf: jnp.asarray(leaf, dtype=jnp.float64), params)
    theta0, unravel = ravel_pytree(double)

    def value(theta: Any) -> Any:
        found = jnp.asarray(loss(unravel(theta)))
        if found.size != 1:
            raise ValueError(f"loss: must return one number, got an array of shape {found.shape}")
        return jnp.reshape(found, ())

    gradient = jax.grad(value)
    compiled = jax.jit(jax.value_and_grad(value))
    product = jax.jit(lambda theta, v: jax.jvp(gradient, (theta,), (v,))[1])

    def value_and_grad(theta: Array) -> tuple[float, Array]:
        found, slope = compiled(theta)
        return float(found), np.asarray(slope)

    def hvp(theta: Array, v: Array) -> Array:
        return np.asarray(product(theta, v))

    def rows(theta: Any, widths: tuple[int, ...]) -> list[Any]:
        """∂f(x_i)/∂h_l for each layer l, of shape (samples, outputs, width), by one backward pass for each output."""
        assert outputs is not None
        tree = unravel(theta)
        shape = jax.eval_shape(outputs, tree, [jnp.zeros(width) for width in widths]).shape
        if len(shape) != 2:
            raise ValueError(f"outputs: must return an array of shape (samples, outputs), got {shape}")
        nudges = [jnp.zeros((shape[0], width)) for width in widths]
        _, back = jax.vjp(lambda nudges: outputs(tree, nudges), nudges)
        one_output = jnp.broadcast_to(jnp.eye(shape[1])[:, None, :], (shape[1], *shape))
        (found,) = jax.vmap(back)(one_output)
        return [jnp.moveaxis(layer, 0, 1) for layer in found]

    compiled_rows = jax.jit(rows, static_argnums=1)

    def jacobians(theta: Array, layers: Sequence[Placed]) -> list[Array]:
        return [np.asarray(layer) for layer in compiled_rows(theta, tuple(layer.shape[1] for layer in layers))]

    paths = jax.tree_util.tree_flatten_with_path(double)[0]
    names = (jax.tree_util.keystr(path, simple=True, separator=".") or "params" for path, _ in paths)
    return Model(
        value_and_grad,
        np.asarray(theta0),
        hvp,
        unflatten=lambda theta: unravel(jnp.asarray(theta)),
        parts={name: leaf.shape for name, (_, leaf) in zip(names, paths)},
        jacobians=None if outputs is None else jacobians,
    )
