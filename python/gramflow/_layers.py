"""The layers of a model of your own, for what `compare` records of layers: the balance, the ansatz, spectra."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Union

import numpy as np

from gramflow._model import Model


@dataclass(frozen=True)
class Layer:
    """One layer h = σ(Wh′ + b) of a model, by the names of its parameters in `Model.parts`.

    Args:
        weight: the name of W ∈ ℝ^{out × in}. `"0"` stands for `"0.weight"` and, where there is one, the bias `"0.bias"`.
        bias: the name of b ∈ ℝ^out.
        activation: the word of σ in a scenario, such as `tanh` or `relu`. It tells what the flow conserves between this layer and the next:
            all of W_{l+1}ᵀW_{l+1} − W_lW_lᵀ − b_lb_lᵀ where it is `identity`, its diagonal for `relu` and `leaky_relu`, and nothing
            otherwise. None stands for anything else that is smooth, also for a residual connection; for the last layer, for `identity`.
        transposed: whether the parameter is Wᵀ, of shape (in, out), as where layers compute h′ @ Wᵀ.
    """

    weight: str
    bias: str | None = None
    activation: str | None = None
    transposed: bool = False


class Placed(NamedTuple):
    """A layer as `Model.jacobians` gets it: the name of its weight, and (out, in)."""

    weight: str
    shape: tuple[int, int]


class GivenLayers(NamedTuple):
    """Layers as the engine takes them."""

    widths: list[int]
    activations: list[str]
    biases: list[bool]
    places: list[int]
    jacobians: Callable[[Any], Any] | None


def given_layers(model: Model, layers: Sequence[Union[Layer, str]]) -> GivenLayers:
    """The layers of a model, or an error that begins with `layers`.

    >>> model = Model(lambda theta: (0.5 * theta @ theta, theta), np.ones(8), parts={"W1": (2, 3), "W2": (1, 2)})
    >>> given_layers(model, ["W1", "W2"]).places  # column by column
    [0, 3, 1, 4, 2, 5, 6, 7]
    """
    if isinstance(layers, (str, Layer)):
        raise TypeError("layers: must be a list, in the order of the layers")
    if not layers:
        raise ValueError("layers: is empty: leave it out, or name the layers")
    if model.parts is None:
        raise ValueError("layers: the model has no names of its parameters: give gramflow.Model(…, parts={'W1': (8, 5), …})")
    places = _places(model.parts)
    found = [_resolved(layer, places) for layer in layers]
    weights = [places[layer.weight].T if layer.transposed else places[layer.weight] for layer in found]
    for layer, weight, after in zip(found, weights, [*weights[1:], None]):
        if weight.ndim != 2:
            raise ValueError(f"layers: {layer.weight!r} must be a matrix, and has the shape {weight.shape}")
        if layer.bias is not None and places[layer.bias].shape != weight.shape[:1]:
            raise ValueError(f"layers: {layer.bias!r} must have the shape ({weight.shape[0]},), got {places[layer.bias].shape}")
        if after is not None and after.ndim == 2 and after.shape[1] != weight.shape[0]:
            raise ValueError(
                f"layers: {layer.weight!r} has {weight.shape[0]} outputs and the next layer {after.shape[1]} inputs: "
                "name layers that follow each other, and set transposed=True where parameters are of shape (in, out)"
            )
    used = np.concatenate(
        [part for layer, weight in zip(found, weights) for part in (weight.ravel("F"), *_bias(layer, places))]
    )
    if np.unique(used).size != used.size:
        raise ValueError("layers: a parameter stands in them twice")
    rest = np.setdiff1d(np.arange(model.theta0.size), used)
    placed = tuple(Placed(layer.weight, (weight.shape[0], weight.shape[1])) for layer, weight in zip(found, weights))
    jacobians = model.jacobians
    return GivenLayers(
        widths=[weights[0].shape[1], *(weight.shape[0] for weight in weights)],
        activations=[_word(layer, last=layer is found[-1]) for layer in found],
        biases=[layer.bias is not None for layer in found],
        places=[*used.tolist(), *rest.tolist()],
        jacobians=None if jacobians is None else lambda theta: jacobians(theta, placed, *model.args),
    )


def _places(parts: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray[Any, np.dtype[np.int64]]]:
    """For each parameter the places of its entries in θ."""
    places, start = {}, 0
    for name, shape in parts.items():
        size = int(np.prod(shape, dtype=np.int64))
        places[name] = np.arange(start, start + size, dtype=np.int64).reshape(shape)
        start += size
    return places


def _resolved(layer: Layer | str, places: dict[str, np.ndarray[Any, np.dtype[np.int64]]]) -> Layer:
    """The layer with the full names of its parameters."""
    if isinstance(layer, str):
        layer = Layer(layer)
    elif not isinstance(layer, Layer):
        raise TypeError(f"layers: must be names or gramflow.Layer, got {type(layer).__name__}")
    whole = f"{layer.weight}.weight"
    if layer.weight not in places and whole in places:
        bias = f"{layer.weight}.bias"
        layer = replace(layer, weight=whole, bias=layer.bias or (bias if bias in places else None))
    for name in (layer.weight, layer.bias):
        if name is not None and name not in places:
            raise ValueError(f"layers: there is no parameter {name!r}: the model has {', '.join(places)}")
    return layer


def _bias(
    layer: Layer, places: dict[str, np.ndarray[Any, np.dtype[np.int64]]]
) -> list[np.ndarray[Any, np.dtype[np.int64]]]:
    return [] if layer.bias is None else [places[layer.bias]]


def _word(layer: Layer, last: bool) -> str:
    """The activation as the engine knows it. Of those that conserve nothing it does not ask which one it is."""
    if layer.activation is None:
        return "identity" if last else "tanh"
    return layer.activation
