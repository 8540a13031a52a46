"""Models of PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gramflow._layers import Placed
from gramflow._model import Array, Model

if TYPE_CHECKING:
    import torch


def from_torch(module: "torch.nn.Module", loss: Callable[[Any, Any], Any], data: tuple[Any, Any]) -> Model:
    """The model J(θ) = loss(module(X), Y) of a PyTorch module, in float64, starting at its current parameters.

    θ is one array of all parameters that require gradients, in the order of `module.named_parameters()`; `Model.unflatten` makes a dict
    of it, which `module.load_state_dict(…, strict=False)` takes. Parameters that do not (`requires_grad=False`) keep their values. The
    module itself stays as it is. Products with the Hessian are exact. What the module computes must not be random: call `module.eval()`
    where it has dropout. `compare(layers=…)` names layers by the module's parameters or submodules; the Jacobians that the ansatz needs
    come by autograd.

    Args:
        module: any module of one input.
        loss: f(output, Y) that returns a tensor with one entry.
        data: (X, Y), tensors or arrays; real numbers become float64.
    """
    import torch

    def double(value: Any) -> "torch.Tensor":
        tensor = torch.as_tensor(value)
        return tensor.double() if tensor.is_floating_point() else tensor

    found = dict(module.named_parameters())
    parameters = {name: value.detach().double() for name, value in found.items() if value.requires_grad}
    if not found:
        raise ValueError("module: has no parameters")
    if not parameters:
        raise ValueError("module: none of its parameters requires gradients: call requires_grad_() on those that move")
    if not isinstance(data, (tuple, list)) or len(data) != 2:
        raise TypeError(f"data: must be (X, Y), got {type(data).__name__}")
    device = next(iter(parameters.values())).device
    frozen = {name: value for name, value in found.items() if name not in parameters}
    fixed = {name: double(value.detach()) for name, value in [*frozen.items(), *module.named_buffers()]}
    inputs, targets = (double(value).to(device) for value in data)
    sizes = [value.numel() for value in parameters.values()]

    def named(theta: "torch.Tensor") -> dict[str, "torch.Tensor"]:
        parts = theta.split(sizes)
        return {name: part.view(value.shape) for (name, value), part in zip(parameters.items(), parts)}

    def output(theta: "torch.Tensor") -> Any:
        # The fused kernels of attention have no second derivatives.
        with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
            return torch.func.functional_call(module, {**named(theta), **fixed}, (inputs,))

    def value(theta: "torch.Tensor") -> "torch.Tensor":
        found: "torch.Tensor" = loss(output(theta), targets)
        if found.numel() != 1:
            raise ValueError(f"loss: must return one number, got a tensor of shape {tuple(found.shape)}")
        return found.reshape(())

    def tensor(array: Array) -> "torch.Tensor":
        return torch.from_numpy(array).to(device)

    def value_and_grad(theta: Array) -> tuple[float, Array]:
        with torch.enable_grad():
            point = tensor(theta).requires_grad_()
            found = value(point)
            (gradient,) = torch.autograd.grad(found, point)
        return found.item(), gradient.cpu().numpy()

    def hvp(theta: Array, v: Array) -> Array:
        with torch.enable_grad():
            point = tensor(theta).requires_grad_()
            (gradient,) = torch.autograd.grad(value(point), point, create_graph=True)
            # The gradient of a loss that is linear in θ does not depend on θ.
            if not gradient.requires_grad:
                return np.zeros_like(v)
            (product,) = torch.autograd.grad(gradient, point, tensor(v), materialize_grads=True)
        return np.asarray(product.cpu().numpy())

    def unflatten(theta: Array) -> dict[str, Array]:
        return {name: part.cpu().numpy() for name, part in named(tensor(np.ascontiguousarray(theta))).items()}

    def jacobians(theta: Array, layers: Sequence[Placed]) -> list[Array]:
        """By nudges of the inputs of the layers' modules, and one backward pass for each output."""
        nudges: dict[str, "torch.Tensor"] = {}
        modules, hooks = dict(module.named_modules()), []

        def nudge(name: str, inputs: Any) -> Any:
            given, *others = inputs
            if given.dim() != 2 or name in nudges:
                raise ValueError(
                    f"layers: {name!r} must be the weight of a module that is called once, with inputs of shape (samples, inputs), "
                    f"got {tuple(given.shape)}: leave such layers out, or give gramflow.Model(…, jacobians=…)"
                )
            nudges[name] = torch.zeros_like(given, requires_grad=True)
            return (given + nudges[name], *others)

        def hook(name: str) -> Callable[[Any, Any], Any]:
            return lambda _, inputs: nudge(name, inputs)

        try:
            for name in (layer.weight for layer in layers):
                hooks.append(modules[name.rpartition(".")[0]].register_forward_pre_hook(hook(name)))
            with torch.enable_grad():
                found = output(tensor(theta))
        finally:
            for handle in hooks:
                handle.remove()
        if found.dim() != 2:
            raise ValueError(f"layers: the module must return (samples, outputs), got {tuple(found.shape)}: leave layers out")
        missing = [layer.weight for layer in layers if layer.weight not in nudges]
        if missing:
            raise ValueError(f"layers: {missing[0]!r} belongs to a module that the model does not call")
        inputs = [nudges[layer.weight] for layer in layers]

        def of_output(k: int) -> tuple["torch.Tensor", ...]:
            gradients: tuple["torch.Tensor", ...] = torch.autograd.grad(
                found[:, k].sum(), inputs, retain_graph=True, materialize_grads=True
            )
            return gradients

        rows = [of_output(k) for k in range(found.shape[1])]
        return [torch.stack(layer, dim=1).cpu().numpy() for layer in zip(*rows)]

    theta0 = torch.cat([value.reshape(-1) for value in parameters.values()]).cpu().numpy()
    parts = {name: tuple(value.shape) for name, value in parameters.items()}
    with torch.no_grad():
        once, again = (value(tensor(theta0)).item() for _ in range(2))
    # Sums of floats may be rounded in another order; noise is larger.
    if abs(once - again) > 1e-6 * abs(once):
        raise ValueError(
            f"module: its loss is random, {once!r} and {again!r} at the same parameters: call module.eval() if it has dropout"
        )
    return Model(value_and_grad, theta0, hvp, unflatten=unflatten, parts=parts, jacobians=jacobians)
